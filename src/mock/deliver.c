/* deliver.c - how an answer of the mock provider goes out: when, how fast, how far.
 *
 * One function sends what is made, asks for more when it is time, and waits for whatever
 * comes first: the timer, or room in the socket.  So pacing, cutting and stalling are the
 * same for every plan, and no plan knows of them. */
#include "mock/call.h"

static bool is_over(const struct call *c)
{
	return !c->more && c->sent == c->out.len;
}

/* Does it go wrong here?  A stream after some tokens, all else after half its bytes. */
static bool breaks_now(const struct call *c)
{
	const struct model *m = c->model;
	uint64_t after = c->tokens == UINT64_MAX ? m->after : c->tokens;

	if (m->ends == ENDS_WHOLE)
		return false;
	if (c->fault)
		after = (c->all * c->fault->share + 99) / 100;
	return c->is_stream ? c->told >= after : c->sent >= c->out.len / 2;
}

static void reset(struct call *c)
{
	http_abort(c->conn);
	call_end(c);
}

static void stalled_long_enough(struct timer *t)
{
	reset(container_of(t, struct call, timer));
}

/* A last word that is none, and a proper end of the body.  What is no stream has
 * announced its length: there the connection ends. */
static void end_badly(struct call *c)
{
	bool is_chunked = c->is_stream && c->conn->minor > 0;
	struct buf last = BUF_LIMIT(16 * KiB);

	buf_clear(&c->out);
	if (c->model->ends == ENDS_ERROR)
		format_break(c);
	else if (c->model->ends == ENDS_GARBAGE)
		buf_add(&c->out, STR("data: {\"choices\":[{\xff\xfe\n\n"));
	if (c->out.len && is_chunked)
		buf_addf(&last, "%zx\r\n", c->out.len);
	buf_add(&last, buf_str(&c->out));
	if (c->out.len && is_chunked)
		buf_add(&last, STR("\r\n"));
	if (is_chunked)
		buf_add(&last, STR("0\r\n\r\n"));
	if (c->is_stream)
		http_send_str(c->conn, buf_str(&last));
	buf_free(&last);
	if (!c->is_stream) {
		reset(c);
		return;
	}
	http_finish(c->conn);
	call_end(c);
}

static void break_off(struct call *c)
{
	struct loop *loop = &c->mock->loop;

	c->broken = true;
	switch (c->model->ends) {
	case ENDS_WHOLE:
	case ENDS_CUT:
		reset(c);
		return;
	case ENDS_SHORT:
	case ENDS_ERROR:
	case ENDS_GARBAGE:
		end_badly(c);
		return;
	case ENDS_STALL:
		break;
	}
	c->timer.on_due = stalled_long_enough;
	timer_set(loop, &c->timer, loop->now + 10 * USEC_MIN);
}

/* Sends what is made in slices, so that little is ever queued: all of it, or
 * half of an answer that breaks and is no stream.  False: no room. */
static bool send_out(struct call *c)
{
	size_t most = 64 * KiB, all = c->out.len;

	if (c->model->ends != ENDS_WHOLE && !c->is_stream)
		all /= 2;
	while (c->sent < all) {
		if (!http_has_room(c->conn))
			return false;
		str slice = str_of(c->out.ptr + c->sent, min_of(most, all - c->sent));
		http_send_str(c->conn, slice);
		c->sent += slice.len;
	}
	return true;
}

/* One more piece, framed as a chunk unless the body ends with the connection. */
static void make_piece(struct call *c)
{
	struct buf piece = BUF_LIMIT(ANSWER_MOST);
	bool is_chunked = c->conn->minor > 0;

	buf_clear(&c->out);
	c->sent = 0;
	if (!c->more(c, &piece))
		c->more = NULL;
	if (!is_chunked) {
		buf_add(&c->out, buf_str(&piece));
	} else if (piece.len) {
		buf_addf(&c->out, "%zx\r\n", piece.len);
		buf_add(&c->out, buf_str(&piece));
		buf_add(&c->out, STR("\r\n"));
	}
	if (is_chunked && !c->more && !breaks_now(c))
		buf_add(&c->out, STR("0\r\n\r\n"));
	buf_free(&piece);
}

void deliver(struct call *c)
{
	struct loop *loop = &c->mock->loop;
	usec pace = c->model->pace_ms * USEC_MS;

	while (!c->broken && send_out(c)) {
		if (breaks_now(c)) {
			break_off(c);
		} else if (is_over(c)) {
			c->whole = true;
			http_finish(c->conn);
			call_end(c);
			return;
		} else if (pace && c->due > loop->now) {
			timer_set(loop, &c->timer, c->due);
			return;
		} else {
			make_piece(c);
			c->due = max_of(c->due + pace, loop->now);
		}
	}
}

static void add_head(struct call *c, struct buf *to)
{
	if (c->is_stream && c->conn->minor == 0)
		c->conn->keep_alive = false;
	http_head_begin(c->conn, to, 200);
	http_head_add(to, STR("content-type"), c->type);
	buf_addf(to, "x-request-id: req_mock%08llu\r\n", (unsigned long long)c->number);
	if (!c->is_stream)
		buf_addf(to, "content-length: %zu\r\n", c->out.len);
	else if (c->conn->minor > 0)
		http_head_add(to, STR("transfer-encoding"), STR("chunked"));
	buf_add(to, STR("\r\n"));
}

static void begin_answer(struct timer *t)
{
	struct call *c = container_of(t, struct call, timer);
	struct buf head = BUF_LIMIT(2 * KiB);

	if (!c->begun) {
		c->begun = true;
		add_head(c, &head);
		http_send_str(c->conn, buf_str(&head));
		buf_free(&head);
		c->due = c->mock->loop.now;
	}
	deliver(c);
}

/* An answer that is no stream takes as long as its stream would. */
void deliver_begin(struct call *c)
{
	struct loop *loop = &c->mock->loop;
	c->asked_at = loop->now;
	uint64_t ms = c->delay_ms == UINT64_MAX ? c->model->first_ms : c->delay_ms;

	if (!c->is_stream)
		ms += c->length * c->model->pace_ms;
	c->timer.on_due = begin_answer;
	if (ms == 0)
		begin_answer(&c->timer);
	else
		timer_set(loop, &c->timer, loop->now + (usec)ms * USEC_MS);
}

static bool all_at_once(struct call *c, struct buf *to)
{
	buf_add(to, *(const str *)c->state);
	c->told = TOKENS_MOST;
	return false;
}

void call_streams(struct call *c)
{
	c->is_stream = true;
	c->type = STR("text/event-stream");
	if (c->more)
		return;
	str *all = arena_new(&c->arena, str);
	*all = arena_copy(&c->arena, buf_str(&c->out));
	buf_clear(&c->out);
	c->state = all;
	c->more = all_at_once;
}
