/* loop.h - one thread's event loop: descriptors, timers, graves, a scratch arena.
 *
 * Each turn waits for events, asks the clock once (loop->now), calls the owners, fires
 * due timers, runs what was deferred, and buries what was given to loop_bury.  Events are
 * edge-triggered: an owner that stops reading early remembers it and goes on by itself.
 * The scratch arena is emptied after every callback.  Nothing here is thread-safe but
 * loop_wake. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/usec.h"
#include "loop/sys.h"

struct loop;
struct io;
struct timer;

/* Called with the SYS_* bits that became true. */
typedef void io_fn(struct io *io, unsigned what);
typedef void timer_fn(struct timer *t);

/* One watched descriptor; a member of its owner. */
struct io {
	int fd;          /* -1: none */
	io_fn *on_event; /* constant while watched, but may be exchanged by the owner */
};

/* One deadline; a member of its owner.  Zeroed it is not armed. */
struct timer {
	timer_fn *on_due;
	usec due;       /* when to call; USEC_NEVER: not armed */
	usec placed;    /* -- private -- where it stands in the heap, never after `due` */
	unsigned index; /* -- private -- 1 + place in the heap, 0: not in it */
};

/* What is to be freed at the end of the turn. */
struct grave {
	struct grave *next;
	void (*bury)(struct grave *g); /* called once, at the end of the turn */
};

/* What is to be done at the end of this turn's events, once however often deferred. */
struct task {
	struct list link;
	void (*run)(struct task *t);
};

struct loop {
	usec now;                 /* monotonic, of this turn */
	usec wall;                /* since 1970, of this turn */
	struct arena scratch;     /* emptied after every callback */
	struct arena_pool blocks; /* for scratch and for the arenas of this thread */
	bool stop;                /* loop_run returns after the turn */
	uint64_t turns, events;   /* counted */
	int poller;               /* -- private from here -- */
	struct io waker;
	void (*on_wake)(struct loop *loop);
	usec wall_ahead;         /* what `wall` is ahead of `now`, asked each second */
	usec wall_asked;         /* when it was */
	struct sys_event *batch; /* what was fetched in this turn */
	int batch_len;
	struct timer **heap; /* the one with the least `placed` on top */
	unsigned heap_len, heap_cap;
	struct grave *graves, **graves_end;
	struct list tasks;
	struct outbox *outbox; /* for outbox.c: what goes out at the end of the turn */
	struct list troubled;  /* for outbox.c: socks whose owners are to be told */
	struct buf sealed;     /* for sock_tls.c: records on their way out */
	char *clear;           /* for sock_tls.c: small pieces becoming one record */
};

/* False when the machine has no descriptors left.  on_wake (may be NULL) is called in the
 * loop's thread some time after a loop_wake. */
must_check bool loop_init(struct loop *loop, void (*on_wake)(struct loop *loop));
void loop_done(struct loop *loop);

/* One turn; waits at most `longest` (< 0: until the next timer or event). */
void loop_turn(struct loop *loop, usec longest);
/* Turns until loop->stop. */
void loop_run(struct loop *loop);
/* When the next turn has something to do by itself; USEC_NEVER: not at all. */
usec loop_next(const struct loop *loop);
/* From any thread. */
void loop_wake(struct loop *loop);

/* io->fd and io->on_event are set. -errno on failure. */
must_check int loop_watch(struct loop *loop, struct io *io);
/* Before the descriptor goes elsewhere; events already fetched are dropped. */
void loop_unwatch(struct loop *loop, struct io *io);
/* The same when it is closed next: the kernel then forgets it by itself, for nobody forks
 * while a loop runs. */
void loop_forget(struct loop *loop, struct io *io);

/* Arms t, or moves it; moving it later costs nothing. */
void timer_set(struct loop *loop, struct timer *t, usec due);
static inline void timer_clear(struct timer *t)
{
	t->due = USEC_NEVER;
}
static inline bool timer_is_set(const struct timer *t)
{
	return t->index != 0 && t->due != USEC_NEVER;
}
/* Takes it out of the loop; before its memory goes. */
void timer_done(struct loop *loop, struct timer *t);

void loop_bury(struct loop *loop, struct grave *g, void (*bury)(struct grave *g));
void loop_defer(struct loop *loop, struct task *t);
void task_done(struct task *t); /* no longer wanted; before its memory goes */
