/* client.c - see client.h. */
#include "admin/client.h"

#include "admin/call.h"
#include "admin/socket.h"
#include "config/datadir.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_SECONDS = 60, ANSWER_MOST = 32 * MiB, READ = 64 * KiB, TRIES = 30 };
static const long try_every_ns = 100 * 1000 * 1000;

/* Our own gateway's answer; there may be tens of thousands of keys in it. */
static const struct json_limits limits = { 16, 1024 * 1024, 256, 64 };

bool admin_send_all(int fd, str s)
{
	while (s.len > 0) {
		ssize_t n = send(fd, s.ptr, s.len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		s = str_from(s, (size_t)n);
	}
	return true;
}

/* One line, without its end. */
static bool read_line(int fd, struct buf *to)
{
	to->limit = ANSWER_MOST;
	for (;;) {
		ssize_t n;

		if (!buf_reserve(to, READ))
			return false;
		n = recv(fd, to->ptr + to->len, READ, 0);
		if (n <= 0)
			return false;
		to->len += (size_t)n;
		if (to->ptr[to->len - 1] != '\n')
			continue;
		to->len--;
		return true;
	}
}

static bool ask(int fd, str request, struct buf *answer)
{
	struct timeval patience = { .tv_sec = PATIENCE_SECONDS };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return admin_send_all(fd, request) && admin_send_all(fd, STR("\n")) &&
	       read_line(fd, answer);
}

bool admin_ask(str dir, str request, struct buf *answer, struct json_value *ret,
               struct buf *why)
{
	int fd = admin_connect(dir);
	struct json_value value;
	bool is_answered;

	if (fd < 0) {
		buf_addf(why, "no gateway answers at %.*s/admin.sock: %s", STR_ARG(dir),
		         strerror(-fd));
		return false;
	}
	buf_clear(answer);
	is_answered = ask(fd, request, answer);
	close(fd);
	if (!is_answered || json_check(buf_str(answer), &limits, &value) ||
	    value.type != JSON_OBJECT) {
		buf_addf(why, "the gateway at %.*s/admin.sock gave no answer",
		         STR_ARG(dir));
		return false;
	}
	*ret = value;
	return true;
}

/* To the end of the connection. */
static bool read_all(int fd, struct buf *to)
{
	ssize_t n;

	to->limit = ADMIN_BODIES_MOST + READ;
	do {
		if (!buf_reserve(to, READ))
			return false;
		n = recv(fd, to->ptr + to->len, READ, 0);
		if (n > 0)
			to->len += (size_t)n;
	} while (n > 0);
	return n == 0;
}

/* The length that the head tells; false: it tells none. */
static bool find_length(str head, uint64_t *ret)
{
	while (head.len > 0) {
		str line = str_cut(&head, '\n');

		if (str_skip(&line, STR("content-length: ")))
			return str_to_u64(str_cut(&line, '\r'), ret);
	}
	return false;
}

/* Takes status and head off the answer; false: it is none, or not all of it. */
static bool take_head(struct buf *answer, int *ret_status)
{
	str rest = buf_str(answer), line = str_cut(&rest, '\n');
	size_t end = str_find_str(buf_str(answer), STR("\r\n\r\n"));
	uint64_t status, length;

	if (!str_skip(&line, STR("HTTP/1.1 ")) ||
	    !str_to_u64(str_cut(&line, ' '), &status) || end == answer->len ||
	    !find_length(str_first(buf_str(answer), end), &length))
		return false;
	*ret_status = (int)status;
	buf_drop(answer, end + 4);
	return answer->len == length;
}

bool admin_ask_route(str dir, const struct admin_request *r, int *ret_status,
                     struct buf *answer, struct buf *why)
{
	struct timeval patience = { .tv_sec = PATIENCE_SECONDS };
	struct buf head = BUF_LIMIT(16 * KiB);
	int fd = admin_connect(dir);
	bool is_answered = false;

	if (fd < 0) {
		buf_addf(why, "no gateway answers at %.*s/admin.sock: %s", STR_ARG(dir),
		         strerror(-fd));
		return false;
	}
	buf_addf(&head, "%s %.*s HTTP/1.1\r\nhost: sluice\r\nconnection: close\r\n",
	         r->method, STR_ARG(r->target));
	if (r->idempotency_key.len)
		buf_addf(&head, "idempotency-key: %.*s\r\n", STR_ARG(r->idempotency_key));
	if (r->body.len)
		buf_addf(&head,
		         "content-type: application/json\r\ncontent-length: %zu\r\n",
		         r->body.len);
	buf_add(&head, STR("\r\n"));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	buf_clear(answer);
	if (!head.over && admin_send_all(fd, buf_str(&head)) &&
	    admin_send_all(fd, r->body))
		is_answered = read_all(fd, answer) && take_head(answer, ret_status);
	if (!is_answered)
		buf_addf(why, "the gateway at %.*s/admin.sock gave no answer",
		         STR_ARG(dir));
	close(fd);
	buf_free(&head);
	return is_answered;
}

bool admin_is_ok(struct json_value answer, struct buf *why)
{
	struct json_value error = json_get(answer, STR("error"));
	char room[KiB];

	if (json_get(answer, STR("ok")).type == JSON_TRUE)
		return true;
	if (error.type == JSON_STRING && error.raw.len < sizeof(room))
		buf_add(why, json_text(error, room));
	else
		buf_add(why, STR("the gateway refused"));
	return false;
}

bool admin_ask_holder(str dir, str request, struct buf *answer, struct json_value *ret,
                      bool *ret_asked, struct buf *why)
{
	for (int i = 0; i < TRIES && datadir_is_locked(dir); i++) {
		buf_clear(why);
		if (admin_ask(dir, request, answer, ret, why)) {
			*ret_asked = true;
			return admin_is_ok(*ret, why);
		}
		nanosleep(&(struct timespec){ .tv_nsec = try_every_ns }, NULL);
	}
	*ret_asked = datadir_is_locked(dir);
	if (!*ret_asked)
		buf_clear(why);
	return false;
}
