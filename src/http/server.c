/* server.c - clients' connections: reading requests, one at a time.
 *
 * Whatever happens to a connection (an event, its deadline, something its owner did)
 * comes down to conn_run, which is never nested: it takes steps, each by the state the
 * connection is in, until a step has to wait.  So a pipelined request is just the next
 * step, and owners may call anything from anywhere.
 *
 *   HANDSHAKE -> IDLE -> HEAD -> ASKED -> BODY -> ANSWER -> FLUSH -> IDLE ...
 *                          |        `------------>'           |
 *                          `-> REFUSED ---------------------->+-> LINGER -> DEAD
 *
 * Sending is answer.c's. */
#include "base/assert.h"
#include "base/mem.h"
#include "http/private.h"

enum { STEPS_MOST = 16 };        /* of one connection before others get their turn */
enum { LINGER_MOST = 64 * MiB }; /* thrown away so that the client reads its answer */
#define LINGER_TIME (1 * USEC_SEC)
#define RATE_AFTER (10 * USEC_SEC)

static usec ms(unsigned n)
{
	return n * USEC_MS;
}

static usec now_of(const struct http_conn *c)
{
	return c->server->io->loop->now;
}

/* ---- deadlines ---- */

/* Silence, or on average fewer bytes than the limits ask for (G20). */
static usec body_deadline(const struct http_conn *c, const struct http_limits *l)
{
	uint64_t received = c->body.content + c->body.overhead;
	usec worth = (usec)(received * USEC_SEC / max_of(l->body_rate, 1u));

	return min_of(c->body_at + ms(l->body_timeout_ms),
	              c->body_since + max_of(RATE_AFTER, worth));
}

static bool is_writing(const struct http_conn *c)
{
	return conn_queued(c) > 0 || !sock_is_sent(&c->sock);
}

static usec deadline(const struct http_conn *c)
{
	const struct http_limits *l = c->server->limits;
	usec due = USEC_NEVER;

	switch ((enum conn_state)c->state) {
	case CONN_HANDSHAKE:
	case CONN_HEAD:
		due = c->since + ms(l->header_timeout_ms);
		break;
	case CONN_IDLE:
		due = c->since + ms(l->idle_timeout_ms);
		break;
	case CONN_BODY:
		if (!c->paused)
			due = body_deadline(c, l);
		break;
	case CONN_LINGER:
		due = c->since + LINGER_TIME;
		break;
	case CONN_ASKED:
	case CONN_ANSWER:
	case CONN_REFUSED:
	case CONN_FLUSH:
	case CONN_DEAD:
		break;
	}
	if (is_writing(c))
		due = min_of(due, c->write_at + ms(l->write_timeout_ms));
	return due;
}

void conn_arm(struct http_conn *c)
{
	usec due;

	if (c->state == CONN_DEAD)
		return;
	due = deadline(c);
	if (due == USEC_NEVER)
		timer_clear(&c->timer);
	else if (due != c->timer.due)
		timer_set(c->server->io->loop, &c->timer, due);
}

/* ---- the end of a connection ---- */

static void bury(struct grave *g)
{
	struct http_conn *c = container_of(g, struct http_conn, grave);

	mem_wipe(c->session, sizeof(c->session));
	free(c);
}

void conn_close(struct http_conn *c)
{
	struct loop *loop = c->server->io->loop;

	c->state = CONN_DEAD;
	sock_close(&c->sock);
	timer_done(loop, &c->timer);
	task_done(&c->task);
	list_remove(&c->link);
	c->server->open--;
	kept_free(&c->kept);
	conn_drop_queue(c);
	loop_bury(loop, &c->grave, bury);
}

/* The client is not there any more. */
static void lose(struct http_conn *c)
{
	if (conn_is_running(c)) {
		c->state = CONN_DEAD;
		c->server->ops->on_gone(c);
	}
	conn_close(c);
}

static void enter(struct http_conn *c, enum conn_state state)
{
	c->state = (uint8_t)state;
	c->since = now_of(c);
}

/* ---- steps: true when there may be another ---- */

static cold bool refuse(struct http_conn *c, fault_t why)
{
	c->state = CONN_REFUSED;
	c->keep_alive = c->body.done = false;
	c->minor = 1;
	c->server->refused++;
	c->server->ops->on_refused(c, why);
	http_finish(c); /* for one who has nothing to say */
	return true;
}

static bool give_up_body(struct http_conn *c, fault_t why)
{
	c->state = CONN_ANSWER;
	c->keep_alive = false;
	c->server->ops->on_body_fault(c, why);
	return true;
}

/* The client will send no more; what was asked for is not whole. */
static bool end_early(struct http_conn *c, const struct bytes *in)
{
	if (c->state == CONN_BODY)
		return give_up_body(c, FAULT_HTTP_MALFORMED);
	if (c->state == CONN_HEAD)
		return refuse(c, FAULT_HTTP_MALFORMED);
	conn_close(c);
	return false;
}

static bool read_more(struct http_conn *c, struct bytes *in)
{
	/* What is kept stays below HTTP_KEEP_MOST, but for a head that may be longer; one
	 * byte more than it may be is enough to refuse it. */
	size_t room = max_of((size_t)HTTP_KEEP_MOST, c->server->limits->head + 1);
	size_t most = min_of((size_t)HTTP_READ_SIZE, room - in->len);
	ssize_t n = bytes_read(in, c->server->io, &c->sock, most);

	if (n == SOCK_END)
		return end_early(c, in);
	if (n == SOCK_FAILED)
		lose(c);
	return n > 0;
}

static bool take_request(struct http_conn *c, struct bytes *in, size_t head_size)
{
	const struct http_request *r = c->server->io->request;

	c->state = CONN_ASKED;
	c->is_head = r->method == HTTP_HEAD;
	c->keep_alive = r->keep_alive;
	c->minor = (uint8_t)r->minor;
	c->expects_continue = r->expects_continue;
	c->paused = c->was_full = false;
	c->began_at = c->since;
	http_body_init(&c->body, r->body, r->length, true);
	c->whole_at = c->body.done ? now_of(c) : 0;
	in->at += head_size;
	in->len -= head_size;
	c->server->requests++;
	c->server->ops->on_request(c, r);
	return true;
}

/* Some clients send an empty line behind a request; alone it begins no other one. */
static bool is_empty(const struct bytes *in)
{
	return in->len <= 2 && memcmp(in->at, "\r\n", in->len) == 0;
}

/* No byte of a request has come.  Who asks for nothing is not waited for in the end: its
 * handshake may have been under way when the others were closed. */
static bool await_request(struct http_conn *c, struct bytes *in)
{
	bool has_more = read_more(c, in);

	if (!has_more && c->state == CONN_IDLE && c->server->draining)
		conn_close(c);
	return has_more;
}

static bool read_head(struct http_conn *c, struct bytes *in)
{
	const struct http_limits *limits = c->server->limits;
	size_t end = 0;
	fault_t why;

	if (c->state == CONN_IDLE && is_empty(in))
		return await_request(c, in);
	if (c->state == CONN_IDLE) {
		enter(c, CONN_HEAD);
		c->seen = 0;
	}
	/* A refusal of a HEAD has no body either. */
	c->is_head = str_starts(str_of(in->at, in->len), STR("HEAD "));
	why = http_request_read(str_of(in->at, in->len), limits, &c->seen, &end,
	                        c->server->io->request);
	if (!why && end == 0)
		return read_more(c, in);
	/* HTTP/1.0 allows it; R63 does not. */
	if (!why && c->server->io->request->host.len == 0)
		why = FAULT_HTTP_HOST;
	return why ? refuse(c, why) : take_request(c, in, end);
}

static bool read_body(struct http_conn *c, struct bytes *in)
{
	struct http_body *b = &c->body;
	size_t len, used;
	fault_t why;

	if (c->paused)
		return false;
	if (b->kind == HTTP_BODY_LENGTH && b->content == 0 && b->left > c->body_most)
		return give_up_body(c, FAULT_HTTP_BODY_LARGE);
	if (in->len == 0 && !b->done) {
		if (c->expects_continue)
			http_send_str(c, STR("HTTP/1.1 100 Continue\r\n\r\n"));
		c->expects_continue = false;
		return read_more(c, in);
	}
	str content = str_of(in->at, 0);
	why = http_body_take(b, in->at, in->at, in->len, &len, &used);
	content.len = len;
	in->at += used;
	in->len -= used;
	c->body_at = now_of(c);
	c->expects_continue = false;
	if (b->content > c->body_most)
		why = FAULT_HTTP_BODY_LARGE;
	if (why)
		return give_up_body(c, why);
	if (b->done) {
		c->state = CONN_ANSWER;
		c->whole_at = c->body_at;
	}
	if (len > 0 || b->done)
		c->server->ops->on_body(c, content, b->done);
	return true;
}

/* Unread bytes at the time of closing would make the kernel send RST, and RST makes the
 * client's kernel throw away the answer that it has not read yet. */
static bool end_answer(struct http_conn *c, struct bytes *in)
{
	if (is_writing(c))
		return false;
	if (c->keep_alive && !c->server->draining) {
		enter(c, CONN_IDLE);
		return true;
	}
	sock_send_posted(&c->sock);
	if (is_writing(c)) /* it comes back when the client has read */
		return false;
	/* With TLS the end has to be said: an EOF alone is a cut. */
	bool is_quiet = in->len == 0 && c->body.done && !c->sock.may_read && !c->sock.ssl;
	in->len = 0;
	if (is_quiet) {
		conn_close(c);
		return false;
	}
	sock_end(&c->sock);
	enter(c, CONN_LINGER);
	c->seen = 0;
	return true;
}

static bool linger(struct http_conn *c, struct bytes *in)
{
	ssize_t n;

	in->len = 0;
	n = bytes_read(in, c->server->io, &c->sock, HTTP_READ_SIZE);
	in->len = 0;
	if (n > 0 && (c->seen += (size_t)n) < LINGER_MOST)
		return true;
	if (n != SOCK_AGAIN)
		conn_close(c);
	return false;
}

static bool shake_hands(struct http_conn *c)
{
	if (sock_handshake(&c->sock)) {
		enter(c, CONN_IDLE);
		return true;
	}
	if (c->sock.why)
		conn_close(c);
	return false;
}

/* The deadline has passed, unless it was moved since. */
static bool time_out(struct http_conn *c)
{
	const struct http_limits *l = c->server->limits;

	c->timed_out = false;
	if (deadline(c) > now_of(c))
		return true;
	if (is_writing(c) && c->write_at + ms(l->write_timeout_ms) <= now_of(c)) {
		if (sock_peer_takes(&c->sock)) {
			c->write_at = now_of(c);
			return true;
		}
		sock_abort(&c->sock);
		lose(c);
		return false;
	}
	if (c->state == CONN_HEAD)
		return refuse(c, FAULT_HTTP_TIMEOUT);
	if (c->state == CONN_BODY)
		return give_up_body(c, FAULT_HTTP_TIMEOUT);
	conn_close(c);
	return false;
}

static bool step(struct http_conn *c, struct bytes *in)
{
	if (c->state == CONN_DEAD)
		return false;
	if (c->broken) {
		lose(c);
		return false;
	}
	if (c->timed_out)
		return time_out(c);
	switch ((enum conn_state)c->state) {
	case CONN_HANDSHAKE:
		return shake_hands(c);
	case CONN_IDLE:
	case CONN_HEAD:
		return read_head(c, in);
	case CONN_BODY:
		return read_body(c, in);
	case CONN_ASKED:
	case CONN_ANSWER:
		/* FIN while an answer is pending: whoever asked does not wait for it. */
		if (c->sock.hangup)
			lose(c);
		return false;
	case CONN_FLUSH:
		return end_answer(c, in);
	case CONN_LINGER:
		return linger(c, in);
	case CONN_REFUSED:
	case CONN_DEAD:
		break;
	}
	return false;
}

/* While an owner works on its answer, what a client sends meanwhile costs nothing. */
static bool is_busy(const struct http_conn *c)
{
	return (c->state == CONN_ASKED || c->state == CONN_ANSWER) && !c->sock.hangup &&
	       !c->broken && !c->timed_out;
}

static void conn_run(struct http_conn *c)
{
	struct bytes in;
	int left = STEPS_MOST;

	assert(!c->in_call);
	c->in_call = true;
	if (c->sock.may_write)
		c->write_at = now_of(c);
	conn_flush(c);
	if (c->was_full && conn_is_running(c) && conn_queued(c) <= HTTP_OUT_HIGH / 2) {
		c->was_full = false;
		c->server->ops->on_room(c);
	}
	if (!is_busy(c)) {
		kept_load(&c->kept, c->server->io, &in);
		while (left > 0 && step(c, &in))
			left--;
		if (c->state != CONN_DEAD)
			kept_save(&c->kept, &in);
	}
	c->in_call = false;
	if (left == 0)
		conn_wake(c);
	conn_arm(c);
}

void conn_wake(struct http_conn *c)
{
	if (!c->in_call && c->state != CONN_DEAD)
		loop_defer(c->server->io->loop, &c->task);
}

static void on_event(struct sock *s)
{
	conn_run(container_of(s, struct http_conn, sock));
}

static void on_task(struct task *t)
{
	conn_run(container_of(t, struct http_conn, task));
}

static void on_due(struct timer *t)
{
	struct http_conn *c = container_of(t, struct http_conn, timer);

	c->timed_out = true;
	conn_run(c);
}

/* ---- what owners call ---- */

void http_take_body(struct http_conn *c, uint64_t most)
{
	if (c->state != CONN_ASKED)
		return;
	c->state = CONN_BODY;
	c->body_most = most;
	c->body_since = c->body_at = now_of(c);
	conn_wake(c);
}

void http_pause_body(struct http_conn *c)
{
	if (c->paused)
		return;
	c->paused = true;
	c->body_at = now_of(c);
}

void http_resume_body(struct http_conn *c)
{
	if (!c->paused)
		return;
	c->paused = false;
	c->body_since += now_of(c) - c->body_at;
	c->body_at = now_of(c);
	conn_wake(c);
}

void http_server_init(struct http_server *s)
{
	assert(s->io && s->ops && s->limits);
	list_init(&s->conns);
}

void http_server_add(struct http_server *s, int fd, const struct net_addr *peer,
                     struct ssl_ctx_st *tls)
{
	struct http_conn *c = new_of(struct http_conn);

	c->server = s;
	c->peer = *peer;
	c->minor = 1;
	c->sock.on_event = on_event;
	c->timer.on_due = on_due;
	c->task.run = on_task;
	if (!sock_accept(&c->sock, s->io->loop, fd, tls)) {
		free(c);
		return;
	}
	s->accepted++;
	s->open++;
	list_add_last(&s->conns, &c->link);
	enter(c, tls ? CONN_HANDSHAKE : CONN_IDLE);
	conn_arm(c);
}

void http_evict(struct http_conn *c)
{
	assert(!c->in_call);
	lose(c);
}

void http_server_drain(struct http_server *s)
{
	s->draining = true;
	list_each_safe (&s->conns, it) {
		struct http_conn *c = container_of(it, struct http_conn, link);

		if (c->state == CONN_IDLE)
			conn_close(c);
	}
}

void http_server_done(struct http_server *s)
{
	while (!list_is_empty(&s->conns))
		lose(container_of(s->conns.next, struct http_conn, link));
}
