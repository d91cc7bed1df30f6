/* answer.c - the sending half of a client's connection: the queue, heads, small answers.
 *
 * Bytes go to the socket at once when nothing is queued; what it does not take is copied
 * behind the queue.  The queue gives its memory back when it has drained, so that a
 * client which reads costs nothing.  A failed write is not told to the sender, who would
 * have to expect it anywhere: it becomes on_gone, from the connection's own turn.  The
 * same holds of what the queue cannot take. */
#include "base/assert.h"
#include "base/mem.h"
#include "http/private.h"

#include <limits.h>

enum {
	/* The largest that is sent at once (lane.c: 40 MiB), and behind it the words that
	 * end an answer which fails (outgoing.c: 40 MiB). */
	QUEUE_LIMIT = 96 * MiB,
	QUEUE_KEEP = 4 * KiB,                /* memory that an empty queue may keep */
	QUEUE_UNCOUNTED = 3 * HTTP_OUT_HIGH, /* that much any connection may have */
};

static bool may_send(const struct http_conn *c)
{
	return (conn_is_running(c) || c->state == CONN_REFUSED) && !c->broken;
}

static cold void fail(struct http_conn *c)
{
	c->broken = true;
	conn_wake(c);
}

void http_lose(struct http_conn *c)
{
	if (!may_send(c))
		return;
	sock_abort(&c->sock);
	conn_drop_queue(c);
	c->was_full = false; /* there is room, but not for more */
	fail(c);
}

/* False: there is no memory for what the queue has come to. */
static bool count_memory(struct http_conn *c)
{
	struct http_server *s = c->server;
	size_t due = c->out.cap > QUEUE_UNCOUNTED ? c->out.cap : 0;

	if (!s->take_memory || due == c->counted)
		return true;
	if (due < c->counted)
		s->give_memory(s->owner, c->counted - due);
	else if (!s->take_memory(s->owner, due - c->counted))
		return false;
	c->counted = due;
	return true;
}

void conn_drop_queue(struct http_conn *c)
{
	buf_free(&c->out);
	c->out_at = 0;
	count_memory(c);
}

static void drained(struct http_conn *c)
{
	c->out_at = 0;
	if (c->out.cap > QUEUE_KEEP)
		conn_drop_queue(c);
	buf_clear(&c->out);
}

void conn_flush(struct http_conn *c)
{
	ssize_t n;

	if (conn_queued(c) == 0 || c->broken || !c->sock.may_write)
		return;
	struct iovec rest = { c->out.ptr + c->out_at, conn_queued(c) };
	c->server->io->write_calls++;
	n = sock_writev(&c->sock, &rest, 1);
	if (n < 0) {
		fail(c);
		return;
	}
	if (n > 0)
		c->write_at = c->server->io->loop->now;
	c->out_at += (size_t)n;
	if (conn_queued(c) == 0)
		drained(c);
}

/* Copies what lies behind the first `sent` bytes.  Moving the queue to the front when
 * more than half of it is gone keeps a slow client's memory at twice what it has not
 * read. */
static void queue(struct http_conn *c, const struct iovec *iov, int count, size_t sent)
{
	bool fits = true;

	if (conn_queued(c) == 0)
		c->write_at = c->server->io->loop->now;
	c->out.limit = QUEUE_LIMIT;
	if (c->out_at > c->out.len / 2) {
		buf_drop(&c->out, c->out_at);
		c->out_at = 0;
	}
	for (int i = 0; i < count; i++) {
		size_t skip = min_of(sent, iov[i].iov_len);

		sent -= skip;
		fits &= buf_add(&c->out, str_of((char *)iov[i].iov_base + skip,
		                                iov[i].iov_len - skip));
	}
	if (!fits || !count_memory(c)) { /* the owner has sent on without has_room */
		http_lose(c);
		return;
	}
	if (conn_queued(c) >= HTTP_OUT_HIGH)
		c->was_full = true;
	conn_arm(c);
}

void http_send(struct http_conn *c, const struct iovec *iov, int count)
{
	size_t total = 0, sent = 0;

	assert(count <= IOV_MAX);
	if (!may_send(c))
		return;
	for (int i = 0; i < count; i++)
		total += iov[i].iov_len;
	if (conn_queued(c) == 0 && c->sock.may_write && total > 0) {
		c->server->io->write_calls++;
		ssize_t n = sock_post(&c->sock, iov, count);

		if (n < 0) {
			fail(c);
			return;
		}
		sent = (size_t)n;
	}
	if (sent < total) {
		queue(c, iov, count, sent);
	} else if (c->sock.posted) {
		c->write_at = c->server->io->loop->now;
	} else if (!sock_is_sent(&c->sock)) {
		c->write_at = c->server->io->loop->now;
		conn_arm(c);
	}
}

void http_conn_init_deaf(struct http_conn *c, struct http_server *s)
{
	*c = (struct http_conn){ .server = s, .state = CONN_DEAD, .minor = 1 };
}

bool http_has_room(const struct http_conn *c)
{
	return conn_queued(c) < HTTP_OUT_HIGH;
}

bool conn_must_close(const struct http_conn *c)
{
	return !c->keep_alive || c->server->draining || !c->body.done;
}

void http_finish(struct http_conn *c)
{
	if (!conn_is_running(c) && c->state != CONN_REFUSED)
		return;
	c->keep_alive = !conn_must_close(c);
	c->owner = NULL;
	c->state = CONN_FLUSH;
	conn_wake(c);
}

void http_abort(struct http_conn *c)
{
	if (!conn_is_running(c) && c->state != CONN_REFUSED)
		return;
	sock_abort(&c->sock);
	conn_close(c);
}

void http_head_begin(const struct http_conn *c, struct buf *to, int status)
{
	if (status == 200) {
		buf_put(to, STR("HTTP/1.1 200 OK\r\n"));
	} else {
		buf_put(to, STR("HTTP/1.1 "));
		buf_add_u64(to, (uint64_t)status);
		buf_put(to, STR(" "));
		buf_put(to, http_reason(status));
		buf_put(to, STR("\r\n"));
	}
	if (conn_must_close(c))
		buf_put(to, STR("connection: close\r\n"));
	else if (c->minor == 0)
		buf_put(to, STR("connection: keep-alive\r\n"));
}

void http_head_add(struct buf *to, str name, str value)
{
	buf_add(to, name);
	buf_add(to, STR(": "));
	buf_add(to, value);
	buf_add(to, STR("\r\n"));
}

/* What comes from outside, the content type too, goes by itself: the head's room is for
 * what has a known size. */
void http_answer(struct http_conn *c, int status, str content_type, str extra, str body)
{
	char head_room[128], length_room[64];
	struct buf head = { head_room, .cap = sizeof(head_room),
		            .limit = sizeof(head_room) };
	struct buf length = { length_room, .cap = sizeof(length_room),
		              .limit = sizeof(length_room) };
	bool has_body = status >= 200 && status != 204 && status != 304;
	bool has_type = content_type.len > 0;

	http_head_begin(c, &head, status);
	if (has_body) {
		buf_add(&length, STR("content-length: "));
		buf_add_u64(&length, body.len);
		buf_add(&length, STR("\r\n"));
	}
	assert(!head.over && !length.over);
	struct iovec iov[] = {
		http_iov(buf_str(&head)),
		http_iov(has_type ? STR("content-type: ") : STR("")),
		http_iov(content_type),
		http_iov(has_type ? STR("\r\n") : STR("")),
		http_iov(buf_str(&length)),
		http_iov(extra),
		http_iov(STR("\r\n")),
		http_iov(has_body && !c->is_head ? body : STR("")),
	};
	http_send(c, iov, countof(iov));
	http_finish(c);
}

void http_refuse(struct http_conn *c, fault_t why, str content_type, str extra, str body)
{
	c->keep_alive = false;
	http_answer(c, why->status, content_type, extra, body);
}
