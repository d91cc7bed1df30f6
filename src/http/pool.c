/* pool.c - connections to one origin: leasing them, keeping the idle ones.
 *
 * A connection is kept only when there is no doubt that the next byte on it will belong
 * to the next answer (G15).  Where there is doubt it is destroyed: that costs one
 * handshake, the other mistake costs somebody's secret.
 *
 * An origin that is in use should not be without a connection, or the next request pays
 * for the handshake.  So when the last idle one is closed for its age, by either side,
 * one is dialled ahead: never more than one at a time, not often, and not for an origin
 * that was not used for a while.  A dial that fails is not repeated: the next request
 * will see. */
#include "base/assert.h"
#include "base/mem.h"
#include "http/private.h"

#define WARM_EVERY                                                                       \
	(10 * USEC_SEC) /* a peer that closes at once is not dialled on and on */

void http_pool_init(struct http_pool *p)
{
	assert(p->io && p->origin.name);
	list_init(&p->idle);
}

static void bury(struct grave *g)
{
	struct http_up *u = container_of(g, struct http_up, grave);

	free(u);
}

void up_destroy(struct http_up *u)
{
	struct loop *loop = u->pool->io->loop;

	if (u->state == UP_IDLE)
		u->pool->idle_count--;
	else
		u->pool->busy_count--;
	if (u->pool->warming == u)
		u->pool->warming = NULL;
	u->state = UP_DEAD;
	list_remove(&u->link);
	sock_close(&u->sock);
	timer_done(loop, &u->timer);
	task_done(&u->task);
	kept_free(&u->kept);
	up_end_dial(u);
	loop_bury(loop, &u->grave, bury);
}

ssize_t up_probe(struct http_up *u)
{
	char byte; /* not the shared buffer, which may be in use further up the stack */

	return u->sock.may_read ? sock_read(&u->sock, &byte, 1) : SOCK_AGAIN;
}

static void make_idle(struct http_up *u)
{
	struct http_pool *p = u->pool;

	u->state = UP_IDLE;
	u->released = false; /* an event may find it, and look whether it is stale */
	u->owner = NULL;
	u->ops = NULL;
	u->released = false; /* what happens from now on is no lease's end */
	u->since = p->io->loop->now;
	kept_free(&u->kept);
	p->busy_count--;
	p->idle_count++;
	list_add_first(&p->idle, &u->link);
	up_arm(u);
	if (p->idle_count > p->keep)
		up_destroy(container_of(p->idle.prev, struct http_up, link));
}

static bool is_clean(struct http_up *u)
{
	return u->state == UP_DONE && u->keep_alive && u->ended &&
	       u->pending_count == 0 && !u->why && !u->stopped &&
	       sock_is_sent(&u->sock) && up_probe(u) == SOCK_AGAIN && !u->pool->closing &&
	       u->pool->keep > 0;
}

void up_give_back(struct http_up *u)
{
	if (is_clean(u)) {
		make_idle(u);
	} else {
		u->pool->broken++;
		up_destroy(u);
	}
}

void up_connected(struct http_up *u)
{
	u->connected_at = u->pool->io->loop->now;
	u->state = UP_READY;
	if (u->pool->warming == u)
		u->pool->warming = NULL;
	if (u->ops)
		u->ops->on_ready(u);
	else if (u->pool->closing)
		up_destroy(u);
	else
		make_idle(u);
}

static void on_event(struct sock *s)
{
	up_run(container_of(s, struct http_up, sock));
}

static void on_task(struct task *t)
{
	up_run(container_of(t, struct http_up, task));
}

static void on_due(struct timer *t)
{
	struct http_up *u = container_of(t, struct http_up, timer);

	u->timed_out = true;
	up_run(u);
}

static struct http_up *up_new(struct http_pool *p)
{
	struct http_up *u = new_of(struct http_up);

	u->pool = p;
	u->sock = (struct sock){ .io = { .fd = -1 }, .on_event = on_event };
	u->task.run = on_task;
	u->timer.on_due = on_due;
	p->busy_count++;
	return u;
}

/* The newest idle connection of which nothing is known against it. */
static struct http_up *take_idle(struct http_pool *p)
{
	struct list *link;

	while ((link = list_take_first(&p->idle))) {
		struct http_up *u = container_of(link, struct http_up, link);

		if (up_probe(u) == SOCK_AGAIN) {
			p->idle_count--;
			p->busy_count++;
			return u;
		}
		p->broken++;
		up_destroy(u);
	}
	return NULL;
}

/* What belongs to one exchange begins anew. */
static void reset(struct http_up *u)
{
	u->reused = true;
	u->any_bytes = u->sent_any = u->is_head = false;
	u->sent_at = u->first_byte_at = 0;
	u->leased_turn = u->pool->io->loop->turns;
	u->informational = 0;
	u->seen = u->raw_kept = 0;
	u->paused = u->released = u->timed_out = u->again = false;
	u->keep_alive = u->ended = u->stopped = u->waits_for_room = false;
	timer_clear(&u->timer);
}

struct http_up *http_lease(struct http_pool *p, bool fresh, const struct http_up_ops *ops,
                           void *owner)
{
	struct http_up *u = fresh ? NULL : take_idle(p);

	p->leased_at = p->io->loop->now;
	if (u) {
		reset(u);
		p->reused++;
		u->state = UP_READY;
		u->ops = ops;
		u->owner = owner;
		u->in_call = true;
		ops->on_ready(u);
		u->in_call = false;
		if (u->released)
			up_give_back(u);
		else if (u->stopped || u->waits_for_room || !sock_is_sent(&u->sock))
			up_wake(u); /* the failure, or the deadline, is its own turn's */
		return u;
	}
	u = up_new(p);
	u->ops = ops;
	u->owner = owner;
	up_dial(u);
	return u;
}

void http_pool_warm(struct http_pool *p)
{
	if (p->warming || p->closing)
		return;
	p->warming = up_new(p);
	p->warmed_at = p->io->loop->now;
	up_dial(p->warming);
}

void pool_stay_warm(struct http_pool *p)
{
	usec now = p->io->loop->now;
	bool is_used = p->leased_at && now - p->leased_at < p->warm_for;
	bool was_warmed = p->warmed_at && now - p->warmed_at < WARM_EVERY;

	if (is_used && !was_warmed && p->idle_count == 0)
		http_pool_warm(p);
}

void http_pool_done(struct http_pool *p)
{
	struct list *link;

	p->closing = true;
	while ((link = list_take_first(&p->idle)))
		up_destroy(container_of(link, struct http_up, link));
	if (p->warming)
		up_destroy(p->warming);
}
