/* post.c - see post.h.  The bytes are read by http/head.h and http/body.h, as everywhere.
 */
#include "main/post.h"

#include "admin/client.h"
#include "http/body.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { PATIENCE_SECONDS = 3600, READ = 64 * KiB, HEAD_MOST = 64 * KiB };

static int connect_to(const struct net_addr *to, struct buf *why)
{
	int fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval patience = { .tv_sec = PATIENCE_SECONDS };

	if (fd >= 0 && connect(fd, &to->sa, to->len) == 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		return fd;
	}
	net_print(to, why);
	buf_addf(
	        why, ": %s%s", strerror(errno),
	        errno == ECONNREFUSED
	                ? ", but the gateway runs: while it ends it takes no new requests"
	                : "");
	if (fd >= 0)
		close(fd);
	return -1;
}

static void write_request(const struct post *p, struct buf *to)
{
	buf_addf(to, "POST %.*s HTTP/1.1\r\nhost: ", STR_ARG(p->path));
	if (p->to->sa.sa_family == AF_UNIX)
		buf_add(to, STR("localhost"));
	else
		net_print(p->to, to);
	buf_addf(to,
	         "\r\ncontent-type: application/json\r\nuser-agent: sluice-try/%s\r\n",
	         SLUICE_VERSION);
	if (p->key.len > 0)
		buf_addf(to, "authorization: Bearer %.*s\r\n", STR_ARG(p->key));
	buf_add(to, p->lines);
	buf_addf(to, "connection: close\r\ncontent-length: %zu\r\n\r\n", p->body.len);
	buf_add(to, p->body);
}

/* More bytes at the end of *to; 0 at the end, -1 on a failure. */
static ssize_t read_more(int fd, struct buf *to)
{
	ssize_t n;

	if (!buf_reserve(to, READ))
		return -1;
	n = recv(fd, to->ptr + to->len, READ, 0);
	if (n > 0)
		to->len += (size_t)n;
	return n;
}

/* Reads until the head is whole; its slices point into *in. */
static bool read_head(int fd, struct buf *in, struct http_response *ret, size_t *ret_end)
{
	struct http_limits limits = http_limits_default;
	size_t seen = 0, end = 0;

	limits.head = HEAD_MOST;
	while (end == 0) {
		if (read_more(fd, in) <= 0 ||
		    http_head_end(buf_str(in), &limits, false, &seen, &end))
			return false;
	}
	*ret_end = end;
	return !http_response_parse(str_first(buf_str(in), end), ret);
}

static bool read_body(int fd, struct buf *in, const struct post *p,
                      struct http_body *body)
{
	for (;;) {
		size_t len = 0, used = 0;

		if (http_body_take(body, in->ptr, in->ptr, in->len, &len, &used))
			return false;
		if (len > 0)
			p->on_body(p->arg, str_of(in->ptr, len));
		if (body->done)
			return true;
		buf_clear(in);
		if (read_more(fd, in) <= 0)
			return http_body_ends_with_eof(body);
	}
}

static bool read_answer(int fd, const struct post *p)
{
	struct buf in = BUF_LIMIT(HEAD_MOST + 2 * READ);
	struct http_response head;
	struct http_body body;
	bool is_whole = false;
	size_t end;

	if (read_head(fd, &in, &head, &end)) {
		p->on_head(p->arg, &head);
		http_body_init(&body, head.body, head.length, false);
		buf_drop(&in, end);
		is_whole = read_body(fd, &in, p, &body);
	}
	buf_free(&in);
	return is_whole;
}

bool post_run(const struct post *p, struct buf *why)
{
	struct buf request = BUF_LIMIT(p->body.len + 16 * KiB);
	int fd = connect_to(p->to, why);
	bool is_whole = false;

	if (fd < 0)
		return false;
	write_request(p, &request);
	if (!request.over && admin_send_all(fd, buf_str(&request)))
		is_whole = read_answer(fd, p);
	if (!is_whole)
		buf_add(why, STR("the answer broke off"));
	close(fd);
	buf_free(&request);
	return is_whole;
}
