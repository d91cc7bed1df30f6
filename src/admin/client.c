/* client.c - see client.h. */
#include "admin/client.h"

#include "admin/call.h"
#include "admin/socket.h"
#include "config/datadir.h"
#include "http/body.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
	PATIENCE_SECONDS = 60,
	ANSWER_MOST = 32 * MiB,
	READ = 64 * KiB,
	HEAD_MOST = 64 * KiB,
	TRIES = 30
};
static const long try_every_ns = 100 * 1000 * 1000;

/* Our own gateway's answer; there may be tens of thousands of keys in it, with metadata
 * of any depth. */
static const struct json_limits limits = { 64, 1024 * 1024, 256, 64 };

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

static void no_gateway(str dir, int error, struct buf *why)
{
	buf_addf(why, "no gateway answers at %.*s/admin.sock: %s", STR_ARG(dir),
	         error == EPERM ? "another user's process listens there"
	                        : strerror(error));
}

enum asked { ASKED_ANSWERED, ASKED_NOBODY, ASKED_NO_ANSWER /* it may have been done */ };

static enum asked ask_once(str dir, str request, struct buf *answer,
                           struct json_value *ret, struct buf *why)
{
	int fd = admin_connect(dir);
	struct json_value value;
	bool is_answered;

	if (fd < 0) {
		no_gateway(dir, -fd, why);
		return ASKED_NOBODY;
	}
	buf_clear(answer);
	is_answered = ask(fd, request, answer);
	close(fd);
	if (!is_answered || json_check(buf_str(answer), &limits, &value) ||
	    value.type != JSON_OBJECT) {
		buf_addf(why, "the gateway at %.*s/admin.sock gave no answer",
		         STR_ARG(dir));
		return ASKED_NO_ANSWER;
	}
	*ret = value;
	return ASKED_ANSWERED;
}

bool admin_ask(str dir, str request, struct buf *answer, struct json_value *ret,
               struct buf *why)
{
	return ask_once(dir, request, answer, ret, why) == ASKED_ANSWERED;
}

static bool read_some(int fd, struct buf *to)
{
	ssize_t n;

	if (!buf_reserve(to, READ))
		return false;
	n = recv(fd, to->ptr + to->len, READ, 0);
	if (n > 0)
		to->len += (size_t)n;
	return n > 0;
}

/* How far the answer goes, as its head says; false: it does not. */
static bool find_length(str head, struct http_body *ret)
{
	while (head.len > 0) {
		str rest = str_cut(&head, '\n'), line = str_cut(&rest, '\r');
		uint64_t length;

		if (str_eq(line, STR("transfer-encoding: chunked"))) {
			http_body_init(ret, HTTP_BODY_CHUNKED, 0, false);
			return true;
		}
		if (str_skip(&line, STR("content-length: "))) {
			if (!str_to_u64(line, &length))
				return false;
			http_body_init(ret, HTTP_BODY_LENGTH, length, false);
			return true;
		}
	}
	return false;
}

/* Reads the head and takes it off the answer; false: it is none. */
static bool read_head(int fd, struct buf *answer, int *ret_status, struct http_body *ret)
{
	str rest, line, head;
	uint64_t status;
	size_t end;

	while ((end = str_find_str(buf_str(answer), STR("\r\n\r\n"))) == answer->len) {
		if (answer->len > HEAD_MOST || !read_some(fd, answer))
			return false;
	}
	rest = head = str_first(buf_str(answer), end);
	line = str_cut(&rest, '\n');
	if (!str_skip(&line, STR("HTTP/1.1 ")) ||
	    !str_to_u64(str_cut(&line, ' '), &status) || !find_length(head, ret))
		return false;
	*ret_status = (int)status;
	buf_drop(answer, end + 4);
	return true;
}

/* The rest, as it comes: to the sink, else it stays in `answer`. */
static bool read_body(int fd, struct http_body *body, struct buf *answer,
                      struct admin_sink *sink)
{
	size_t done = 0, len, used; /* decoded bytes that stay */

	while (buf_reserve(answer, 1)) {
		char *at = answer->ptr + done;

		if (http_body_take(body, at, at, answer->len - done, &len, &used))
			return false;
		done += len;
		answer->len = done;
		if (sink && !admin_sink_add(sink, buf_str(answer)))
			return false;
		if (sink)
			answer->len = done = 0;
		if (body->done)
			return true;
		if (!read_some(fd, answer))
			return false;
	}
	return false;
}

static bool read_answer(int fd, const struct admin_request *r, struct buf *answer,
                        int *ret_status)
{
	struct http_body body;

	answer->limit = ADMIN_BODIES_MOST + READ;
	return read_head(fd, answer, ret_status, &body) &&
	       read_body(fd, &body, answer, *ret_status == 200 ? r->sink : NULL);
}

bool admin_ask_route(str dir, const struct admin_request *r, int *ret_status,
                     struct buf *answer, struct buf *why)
{
	struct timeval patience = { .tv_sec = PATIENCE_SECONDS };
	struct buf head = BUF_LIMIT(16 * KiB);
	int fd = admin_connect(dir);
	bool is_answered = false;

	if (fd < 0) {
		no_gateway(dir, -fd, why);
		return false;
	}
	buf_addf(&head, "%s %.*s HTTP/1.1\r\nhost: sluice\r\nconnection: close\r\n",
	         r->method, STR_ARG(r->target));
	if (r->idempotency_key.len)
		buf_addf(&head, "idempotency-key: %.*s\r\n", STR_ARG(r->idempotency_key));
	if (r->body.len)
		buf_addf(&head, "content-type: %.*s\r\ncontent-length: %zu\r\n",
		         STR_ARG(r->body_type.len ? r->body_type
		                                  : STR("application/json")),
		         r->body.len);
	buf_add(&head, STR("\r\n"));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	buf_clear(answer);
	if (!head.over && admin_send_all(fd, buf_str(&head)) &&
	    admin_send_all(fd, r->body))
		is_answered = read_answer(fd, r, answer, ret_status);
	if (!is_answered)
		buf_addf(why, "the gateway at %.*s/admin.sock %s", STR_ARG(dir),
		         r->sink && r->sink->is_begun ? "has broken its answer off"
		                                      : "gave no answer");
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
	*ret_asked = true;
	for (int i = 0; i < TRIES && datadir_is_locked(dir); i++) {
		buf_clear(why);
		switch (ask_once(dir, request, answer, ret, why)) {
		case ASKED_ANSWERED:
			return admin_is_ok(*ret, why);
		case ASKED_NO_ANSWER:
			buf_add(why, STR("; what was asked for may have been done all "
			                 "the same: look before you ask again"));
			return false;
		case ASKED_NOBODY:
			nanosleep(&(struct timespec){ .tv_nsec = try_every_ns }, NULL);
			break;
		}
	}
	*ret_asked = datadir_is_locked(dir);
	if (!*ret_asked)
		buf_clear(why);
	return false;
}
