/* loop.c - one thread's event loop.
 *
 * Descriptors are told to the kernel once and never again.  Timers are a binary heap in
 * which moving one later leaves it where it stands: only when its old place comes due is
 * it put in its new one, so a deadline that each event moves costs nothing per event. */
#include "loop/loop.h"

#include "base/assert.h"
#include "base/mem.h"
#include "loop/private.h"

enum { EVENTS_MOST = 256, POOL_KEEP = 1024 };

/* Most callbacks leave the scratch arena untouched. */
static inline void empty_scratch(struct loop *loop)
{
	if (loop->scratch.blocks)
		arena_done(&loop->scratch);
}

static void ask_clocks(struct loop *loop)
{
	loop->now = sys_now();
	if (loop->now - loop->wall_asked >= USEC_SEC) {
		loop->wall_asked = loop->now;
		loop->wall_ahead = sys_wall() - loop->now;
	}
	loop->wall = loop->now + loop->wall_ahead;
}

/* Each sys_wake is an edge of its own, so the waker need not be cleared. */
static void on_waker(struct io *io, unsigned what)
{
	struct loop *loop = container_of(io, struct loop, waker);

	if ((what & SYS_READABLE) && loop->on_wake)
		loop->on_wake(loop);
}

bool loop_init(struct loop *loop, void (*on_wake)(struct loop *loop))
{
	*loop = (struct loop){ .on_wake = on_wake, .blocks = { .keep = POOL_KEEP } };
	loop->scratch.pool = &loop->blocks;
	loop->graves_end = &loop->graves;
	list_init(&loop->tasks);
	list_init(&loop->troubled);
	loop->poller = sys_poller_new();
	if (loop->poller < 0)
		return false;
	loop->waker = (struct io){ .fd = sys_waker_new(), .on_event = on_waker };
	if (loop->waker.fd >= 0 && loop_watch(loop, &loop->waker) == 0) {
		loop->wall_asked = INT64_MIN / 2;
		ask_clocks(loop);
		return true;
	}
	if (loop->waker.fd >= 0)
		sys_close(loop->waker.fd);
	sys_poller_free(loop->poller);
	return false;
}

/* Those who are buried may bury others. */
static void bury_all(struct loop *loop)
{
	while (loop->graves) {
		struct grave *g = loop->graves;

		loop->graves = g->next;
		if (!g->next)
			loop->graves_end = &loop->graves;
		g->bury(g);
	}
}

void loop_done(struct loop *loop)
{
	bury_all(loop);
	sys_close(loop->waker.fd);
	sys_poller_free(loop->poller);
	arena_done(&loop->scratch);
	arena_pool_done(&loop->blocks);
	buf_free(&loop->sealed);
	outbox_done(loop);
	free(loop->clear);
	free(loop->heap);
	*loop = (struct loop){ .poller = -1 };
}

int loop_watch(struct loop *loop, struct io *io)
{
	assert(io->fd >= 0 && io->on_event);
	return sys_poller_add(loop->poller, io->fd, io);
}

void loop_forget(struct loop *loop, struct io *io)
{
	for (int i = 0; i < loop->batch_len; i++) {
		if (loop->batch[i].tag == io)
			loop->batch[i].tag = NULL;
	}
}

void loop_unwatch(struct loop *loop, struct io *io)
{
	loop_forget(loop, io);
	sys_poller_remove(loop->poller, io->fd);
}

void loop_wake(struct loop *loop)
{
	sys_wake(loop->waker.fd);
}

static inline void heap_put(struct loop *loop, unsigned at, struct timer *t)
{
	loop->heap[at] = t;
	t->index = at + 1;
}

/* Towards the top, from the place `at`, until its parent is not later. */
static void heap_rise(struct loop *loop, unsigned at, struct timer *t)
{
	while (at > 0) {
		unsigned parent = (at - 1) / 2;

		if (loop->heap[parent]->placed <= t->placed)
			break;
		heap_put(loop, at, loop->heap[parent]);
		at = parent;
	}
	heap_put(loop, at, t);
}

static void heap_sink(struct loop *loop, unsigned at, struct timer *t)
{
	for (;;) {
		unsigned child = 2 * at + 1;

		if (child >= loop->heap_len)
			break;
		if (child + 1 < loop->heap_len &&
		    loop->heap[child + 1]->placed < loop->heap[child]->placed)
			child++;
		if (loop->heap[child]->placed >= t->placed)
			break;
		heap_put(loop, at, loop->heap[child]);
		at = child;
	}
	heap_put(loop, at, t);
}

static void heap_remove(struct loop *loop, struct timer *t)
{
	unsigned at = t->index - 1;
	struct timer *last = loop->heap[--loop->heap_len];

	t->index = 0;
	if (last == t)
		return;
	if (at > 0 && loop->heap[(at - 1) / 2]->placed > last->placed)
		heap_rise(loop, at, last);
	else
		heap_sink(loop, at, last);
}

void timer_set(struct loop *loop, struct timer *t, usec due)
{
	assert(t->on_due);
	t->due = due;
	if (t->index) {
		if (due < t->placed) {
			t->placed = due;
			heap_rise(loop, t->index - 1, t);
		}
		return;
	}
	if (due == USEC_NEVER)
		return;
	if (loop->heap_len == loop->heap_cap) {
		loop->heap_cap = loop->heap_cap ? 2 * loop->heap_cap : 64;
		loop->heap = mem_resize(loop->heap, loop->heap_cap * sizeof(*loop->heap));
	}
	t->placed = due;
	heap_rise(loop, loop->heap_len++, t);
}

void timer_done(struct loop *loop, struct timer *t)
{
	if (t->index)
		heap_remove(loop, t);
	t->due = USEC_NEVER;
}

/* The bound keeps a timer that is set to "now" again and again from stopping the loop. */
static void fire_timers(struct loop *loop)
{
	for (unsigned left = loop->heap_len; left > 0 && loop->heap_len > 0; left--) {
		struct timer *t = loop->heap[0];

		if (t->placed > loop->now)
			break;
		if (t->due > loop->now && t->due != USEC_NEVER) {
			t->placed = t->due;
			heap_sink(loop, 0, t);
			continue;
		}
		bool is_due = t->due != USEC_NEVER;
		heap_remove(loop, t);
		t->due = USEC_NEVER;
		if (is_due) {
			t->on_due(t);
			empty_scratch(loop);
		}
	}
}

void loop_bury(struct loop *loop, struct grave *g, void (*bury)(struct grave *g))
{
	*g = (struct grave){ .bury = bury };
	*loop->graves_end = g;
	loop->graves_end = &g->next;
}

void loop_defer(struct loop *loop, struct task *t)
{
	if (!list_is_linked(&t->link))
		list_add_last(&loop->tasks, &t->link);
}

void task_done(struct task *t)
{
	list_remove(&t->link);
}

/* What a task defers belongs to the next turn. */
static void run_tasks(struct loop *loop)
{
	struct list batch, *item;

	if (list_is_empty(&loop->tasks))
		return;
	/* `batch` takes the head's place in the ring. */
	list_add_last(&loop->tasks, &batch);
	list_remove(&loop->tasks);
	while ((item = list_take_first(&batch))) {
		struct task *t = container_of(item, struct task, link);

		t->run(t);
		empty_scratch(loop);
	}
}

/* What their owners do then may be posted again. */
static void send_posts(struct loop *loop)
{
	struct list *link;

	outbox_send(loop);
	while ((link = list_take_first(&loop->troubled))) {
		struct sock *s = container_of(link, struct sock, trouble);

		s->on_event(s);
		empty_scratch(loop);
		outbox_send(loop);
	}
}

static void deliver(struct loop *loop, struct sys_event *events, int count)
{
	loop->batch = events;
	loop->batch_len = count;
	loop->events += (uint64_t)count;
	for (int i = 0; i < count; i++) {
		struct io *io = events[i].tag;

		if (!io) /* unwatched by one before it */
			continue;
		io->on_event(io, events[i].what);
		empty_scratch(loop);
	}
	loop->batch_len = 0;
}

usec loop_next(const struct loop *loop)
{
	if (!list_is_empty(&loop->tasks) || !list_is_empty(&loop->troubled) ||
	    loop->graves)
		return loop->now;
	return loop->heap_len ? loop->heap[0]->placed : USEC_NEVER;
}

/* loop->now is the last turn's, so a timer may be late by as long as that turn took. */
static usec how_long(const struct loop *loop, usec longest)
{
	usec next = loop_next(loop);

	if (next == USEC_NEVER)
		return longest;
	usec wait = max_of(next - loop->now, (usec)0);
	return longest < 0 ? wait : min_of(wait, longest);
}

void loop_turn(struct loop *loop, usec longest)
{
	struct sys_event events[EVENTS_MOST];
	int count;

	outbox_send(loop); /* posted between two turns */
	count = sys_poller_wait(loop->poller, events, EVENTS_MOST,
	                        how_long(loop, longest));

	ask_clocks(loop);
	loop->turns++;
	deliver(loop, events, count);
	fire_timers(loop);
	run_tasks(loop);
	send_posts(loop);
	bury_all(loop);
}

void loop_run(struct loop *loop)
{
	while (!loop->stop)
		loop_turn(loop, -1);
}
