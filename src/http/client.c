/* client.c - one exchange with an upstream: the request goes out, the answer comes in.
 *
 * As in server.c, whatever happens comes down to up_run, which is never nested and takes
 * steps by state.  Owners may call anything from anywhere: what they start is gone on
 * with when their call has returned.  The answer is read behind what the owner has not
 * consumed yet and decoded where it stands, so that it always gets one piece. */
#include "base/assert.h"
#include "base/mem.h"
#include "http/private.h"

enum { INFORMATIONAL_MOST = 10 }; /* U13 */
#define LAST_WORDS (1 * USEC_SEC) /* for a peer that has stopped taking our bytes */
enum { STEPS_MOST = 8 };          /* of one connection before others get their turn */

/* What a turn has of the answer: decoded bytes, and the raw ones behind them. */
struct view {
	struct bytes in; /* both */
	size_t raw;
};

static usec now_of(const struct http_up *u)
{
	return u->pool->io->loop->now;
}

/* ---- sending ---- */

static void drop_sent(struct http_up *u, size_t sent)
{
	unsigned gone = 0;

	while (gone < u->pending_count && sent >= u->pending[gone].iov_len)
		sent -= u->pending[gone++].iov_len;
	u->pending_count = (uint8_t)(u->pending_count - gone);
	if (u->pending_count == 0)
		return;
	if (gone > 0)
		memmove(u->pending, u->pending + gone,
		        u->pending_count * sizeof(u->pending[0]));
	u->pending[0].iov_base = (char *)u->pending[0].iov_base + sent;
	u->pending[0].iov_len -= sent;
}

static void stop_sending(struct http_up *u)
{
	u->stopped = true;
	u->waits_for_room = false;
	u->pending_count = 0;
	u->write_at = now_of(u);
}

/* A peer that takes no more may have said why: what it sent is read before the end. */
static void flush(struct http_up *u)
{
	if (u->pending_count == 0 || !u->sock.may_write || u->state < UP_READY)
		return;
	u->pool->io->write_calls++;
	ssize_t n = sock_post(&u->sock, u->pending, u->pending_count);
	if (!u->sock.posted)
		u->sock.sent_at = sys_now();
	if (n < 0) {
		stop_sending(u);
		u->sent_any = true;
		up_wake(u);
	} else if (n > 0) {
		u->sent_any = true;
		u->write_at = now_of(u);
		drop_sent(u, (size_t)n);
	}
}

void http_up_send(struct http_up *u, const struct iovec *iov, int count, bool end)
{
	if (u->state > UP_DONE || u->released || u->stopped)
		return;
	assert(u->state >= UP_READY && !u->ended);
	for (int i = 0; i < count; i++) {
		if (iov[i].iov_len == 0)
			continue;
		assert(u->pending_count < HTTP_PIECES_MOST);
		u->pending[u->pending_count++] = iov[i];
	}
	u->ended = end;
	if (!u->sent_at)
		u->sent_at = u->write_at = now_of(u);
	if (u->state == UP_READY)
		u->state = UP_AWAIT;
	flush(u);
	u->waits_for_room = u->pending_count > 0;
	if (u->waits_for_room || !sock_is_sent(&u->sock))
		up_wake(u); /* for the deadline */
}

bool http_up_has_pending(const struct http_up *u)
{
	return u->pending_count > 0;
}

/* ---- receiving: steps, true when there may be another ---- */

static bool give_up(struct http_up *u, fault_t why)
{
	if (!u->why)
		u->why = why;
	return true;
}

/* `most` bytes behind what the view has. False: nothing more for now. */
static bool read_more(struct http_up *u, struct view *v, size_t most)
{
	ssize_t n = bytes_read(&v->in, u->pool->io, &u->sock, most);

	if (n == SOCK_AGAIN)
		return false;
	if (n > 0) {
		v->raw += (size_t)n;
		if (!u->any_bytes)
			u->first_byte_at = now_of(u);
		u->any_bytes = true;
		return true;
	}
	if (n == SOCK_END && u->state == UP_BODY && http_body_ends_with_eof(&u->body)) {
		u->body.done = true;
		return true;
	}
	return give_up(u, u->any_bytes ? FAULT_UPSTREAM_CUT : FAULT_UPSTREAM_RESET);
}

/* Bytes or an end that came before the request was sent, or could have been answered. */
static bool is_stale(struct http_up *u)
{
	bool too_early = u->state == UP_READY || u->state == UP_IDLE ||
	                 (u->reused && u->leased_turn == u->pool->io->loop->turns);

	return too_early && up_probe(u) != SOCK_AGAIN;
}

static bool take_head(struct http_up *u, struct view *v, size_t size)
{
	struct http_response *res = u->pool->io->response;

	v->in.at += size;
	v->in.len -= size;
	v->raw -= size;
	u->seen = 0;
	if (res->status < 200) {
		if (res->status == 101 || ++u->informational > INFORMATIONAL_MOST)
			return give_up(u, FAULT_UPSTREAM_MALFORMED);
		return true;
	}
	u->keep_alive = res->keep_alive;
	if (!u->ended || u->pending_count > 0)
		stop_sending(u);
	http_body_init(&u->body, u->is_head ? HTTP_BODY_NONE : res->body, res->length,
	               false);
	u->state = UP_BODY;
	u->again = true; /* also an empty body has an end to be told */
	u->ops->on_head(u, res);
	return true;
}

static bool read_head(struct http_up *u, struct view *v)
{
	size_t end = 0;
	fault_t why = NULL;

	if (is_stale(u))
		return give_up(u, FAULT_UPSTREAM_RESET);
	if (v->raw > 0)
		why = http_response_read(str_of(v->in.at, v->raw), &u->seen, &end,
		                         u->pool->io->response);
	if (why)
		return give_up(u, why);
	if (end > 0)
		return take_head(u, v, end);
	/* One byte more than a head may have is enough to refuse it. */
	return read_more(u, v,
	                 min_of((size_t)HTTP_READ_SIZE, HTTP_KEEP_MOST + 1 - v->raw));
}

/* Decodes what is raw and hands everything over. */
static bool deliver(struct http_up *u, struct view *v)
{
	size_t ready = v->in.len - v->raw, len, used, consumed;
	char *raw = v->in.at + ready;
	fault_t why = http_body_take(&u->body, raw, raw, v->raw, &len, &used);
	bool end = u->body.done && !why, again = u->again;

	if (used < v->raw)
		u->keep_alive = false; /* U09, U11: whose bytes are these? */
	ready += len;
	v->in.len = ready;
	v->raw = 0;
	u->again = false;
	if (len > 0 || end || (again && ready > 0)) {
		consumed = u->ops->on_data(u, str_of(v->in.at, ready), end);
		assert(consumed <= ready);
		v->in.at += consumed;
		v->in.len -= consumed;
	}
	if (why)
		return give_up(u, why);
	if (v->in.len > HTTP_KEEP_MOST)
		return give_up(u, FAULT_UPSTREAM_LARGE);
	if (end && !(u->paused && v->in.len > 0))
		u->state = UP_DONE;
	return true;
}

static bool read_body(struct http_up *u, struct view *v)
{
	if (u->paused)
		return false;
	if (v->raw > 0 || u->body.done || (u->again && v->in.len > 0))
		return deliver(u, v);
	return read_more(u, v, HTTP_READ_SIZE);
}

static usec deadline(const struct http_up *u)
{
	switch ((enum up_state)u->state) {
	case UP_NAMING:
	case UP_DIALLING:
		return up_dial_deadline(u);
	case UP_IDLE:
		return u->since + u->pool->origin.idle_timeout;
	case UP_AWAIT:
		if (u->pending_count > 0 || !sock_is_sent(&u->sock))
			return u->write_at + u->pool->origin.write_timeout;
		return u->stopped ? u->write_at + LAST_WORDS : USEC_NEVER;
	case UP_READY:
	case UP_BODY:
	case UP_DONE:
	case UP_DEAD:
		break;
	}
	return USEC_NEVER;
}

/* It has aged, or the peer closed it. */
static bool leave_pool(struct http_up *u)
{
	struct http_pool *p = u->pool;

	up_destroy(u);
	pool_stay_warm(p);
	return false;
}

/* The deadline has passed, unless it was moved since. Dialling looks for itself. */
static bool time_out(struct http_up *u)
{
	u->timed_out = false;
	if (deadline(u) > now_of(u) || u->state <= UP_DIALLING)
		return true;
	if (u->state == UP_IDLE)
		return leave_pool(u);
	if (!u->stopped && sock_peer_takes(&u->sock)) {
		u->write_at = now_of(u);
		return true;
	}
	if (!u->stopped)
		return give_up(u, FAULT_WRITE_STALLED);
	return give_up(u, u->any_bytes ? FAULT_UPSTREAM_CUT : FAULT_UPSTREAM_RESET);
}

/* on_fault is the last call; a warm connection that fails has nobody to tell. */
static cold bool fail(struct http_up *u)
{
	const struct http_up_ops *ops = u->ops;
	fault_t why = u->why;

	u->pool->broken++;
	u->state = UP_DEAD;
	if (ops)
		ops->on_fault(u, why);
	up_destroy(u);
	return false;
}

static bool step(struct http_up *u, struct view *v)
{
	if (u->state == UP_DEAD || u->released)
		return false;
	if (u->why)
		return fail(u);
	if (u->timed_out)
		return time_out(u);
	switch ((enum up_state)u->state) {
	case UP_NAMING:
	case UP_DIALLING:
		return up_step_dial(u);
	case UP_READY:
		return is_stale(u) && give_up(u, FAULT_UPSTREAM_RESET);
	case UP_AWAIT:
		return read_head(u, v);
	case UP_BODY:
		return read_body(u, v);
	case UP_IDLE:
		return is_stale(u) && leave_pool(u);
	case UP_DONE:
	case UP_DEAD:
		break;
	}
	return false;
}

void up_arm(struct http_up *u)
{
	usec due = deadline(u);

	if (due == USEC_NEVER)
		timer_clear(&u->timer);
	else if (due != u->timer.due)
		timer_set(u->pool->io->loop, &u->timer, due);
}

static void tell_room(struct http_up *u)
{
	if (!u->waits_for_room || u->pending_count > 0)
		return;
	u->waits_for_room = false;
	u->ops->on_room(u);
}

void up_run(struct http_up *u)
{
	struct view v = { .raw = u->raw_kept };
	int left = STEPS_MOST;

	assert(!u->in_call);
	u->in_call = true;
	flush(u);
	tell_room(u);
	kept_load(&u->kept, u->pool->io, &v.in);
	while (left > 0 && step(u, &v))
		left--;
	u->in_call = false;
	if (u->released && u->state != UP_DEAD)
		up_give_back(u);
	if (u->state == UP_DEAD)
		return;
	if (u->state == UP_AWAIT || u->state == UP_BODY) {
		kept_save(&u->kept, &v.in);
		u->raw_kept = v.raw;
	}
	if (left == 0)
		up_wake(u);
	up_arm(u);
}

void up_wake(struct http_up *u)
{
	if (!u->in_call && u->state != UP_DEAD)
		loop_defer(u->pool->io->loop, &u->task);
}

/* ---- what owners call ---- */

void http_up_pause(struct http_up *u)
{
	u->paused = true;
}

void http_up_resume(struct http_up *u)
{
	if (!u->paused || u->state == UP_DEAD)
		return;
	u->paused = false;
	u->again = true;
	up_wake(u);
}

void http_up_release(struct http_up *u)
{
	if (u->state >= UP_IDLE || u->released)
		return;
	u->released = true;
	u->ops = NULL;
	if (!u->in_call)
		up_give_back(u);
}
