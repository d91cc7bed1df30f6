#include "loop/loop.h"

#include "base/buf.h"
#include "loop/mailbox.h"
#include "loop/thread.h"
#include "tests/check.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* What happened, as letters; the world of one test at a time. */
static struct buf story = BUF_LIMIT(4096);
static struct loop loop;

static void begin(void)
{
	buf_clear(&story);
	if (!loop_init(&loop, NULL))
		abort();
}

static void end(void)
{
	loop_done(&loop);
	buf_free(&story);
}

struct named_timer {
	struct timer timer;
	char name;
};

static void note_timer(struct timer *t)
{
	buf_add_char(&story, container_of(t, struct named_timer, timer)->name);
}

#define NAMED(c)                                                                         \
	{                                                                                \
		.timer = { .on_due = note_timer }, .name = (c)                           \
	}

static void turns(int count)
{
	while (count-- > 0)
		loop_turn(&loop, 20 * USEC_MS);
}

TEST(timers_fire_in_order_of_their_due_time)
{
	struct named_timer t[] = { NAMED('a'), NAMED('b'), NAMED('c'), NAMED('d') };

	begin();
	timer_set(&loop, &t[2].timer, loop.now + 3);
	timer_set(&loop, &t[0].timer, loop.now + 1);
	timer_set(&loop, &t[3].timer, loop.now + 4);
	timer_set(&loop, &t[1].timer, loop.now + 2);
	CHECK(timer_is_set(&t[1].timer));
	turns(3);
	CHECK_STR(buf_str(&story), "abcd");
	CHECK(!timer_is_set(&t[1].timer));
	end();
}

TEST(timers_move_lazily_and_can_be_cleared)
{
	struct named_timer t[] = { NAMED('a'), NAMED('b'), NAMED('c') };

	begin();
	timer_set(&loop, &t[0].timer, loop.now + 100);
	timer_set(&loop, &t[1].timer, loop.now + 200);
	timer_set(&loop, &t[2].timer, loop.now + 300);
	timer_set(&loop, &t[0].timer, loop.now + USEC_HOUR);
	timer_set(&loop, &t[2].timer, loop.now + 50);
	timer_clear(&t[1].timer);
	CHECK(t[0].timer.placed < t[0].timer.due);
	turns(5);
	CHECK_STR(buf_str(&story), "c");
	CHECK_INT(loop.heap_len, 1);
	CHECK_INT(t[0].timer.placed, t[0].timer.due);
	timer_set(&loop, &t[0].timer, loop.now);
	turns(1);
	CHECK_STR(buf_str(&story), "ca");
	timer_done(&loop, &t[0].timer);
	CHECK_INT(loop.heap_len, 0);
	end();
}

TEST(many_timers_keep_the_heap_in_order)
{
	enum { MANY = 1000 };
	static struct named_timer t[MANY];
	uint32_t seed = 7;

	begin();
	for (int round = 0; round < 20 * MANY; round++) {
		seed = seed * 1664525 + 1013904223;
		struct named_timer *one = &t[seed % MANY];

		one->timer.on_due = note_timer;
		if (seed >> 30 == 0)
			timer_done(&loop, &one->timer);
		else
			timer_set(&loop, &one->timer, loop.now + (seed >> 8) % 100000);
	}
	for (unsigned i = 1; i < loop.heap_len; i++) {
		CHECK(loop.heap[(i - 1) / 2]->placed <= loop.heap[i]->placed);
		CHECK_INT(loop.heap[i]->index, i + 1);
		CHECK(loop.heap[i]->placed <= loop.heap[i]->due);
	}
	for (int i = 0; i < MANY; i++)
		timer_done(&loop, &t[i].timer);
	CHECK_INT(loop.heap_len, 0);
	end();
}

static struct named_timer victim = NAMED('v'), again = NAMED('x');

static void on_due_kills(struct timer *t)
{
	buf_add_char(&story, 'k');
	timer_done(&loop, &victim.timer);
	timer_done(&loop, t);
}

static void on_due_again(struct timer *t)
{
	buf_add_char(&story, 'x');
	timer_set(&loop, t, loop.now);
}

TEST(a_timer_may_stop_others_and_set_itself)
{
	struct timer killer = { .on_due = on_due_kills };

	begin();
	again.timer.on_due = on_due_again;
	timer_set(&loop, &killer, loop.now + 1);
	timer_set(&loop, &victim.timer, loop.now + 2);
	usleep(1000);
	turns(2);
	CHECK_STR(buf_str(&story), "k");
	timer_set(&loop, &again.timer, loop.now);
	turns(1); /* and not for ever */
	CHECK_STR(buf_str(&story), "kx");
	timer_done(&loop, &again.timer);
	end();
}

struct watched {
	struct io io;
	struct watched *other;
};

static void on_event_unwatches(struct io *io, unsigned what)
{
	struct watched *w = container_of(io, struct watched, io);

	if (!(what & SYS_READABLE))
		return;
	buf_add_char(&story, 'e');
	loop_unwatch(&loop, &w->other->io);
}

TEST(an_unwatched_descriptor_tells_no_more_even_in_the_same_batch)
{
	struct watched w[2];

	begin();
	for (int i = 0; i < 2; i++) {
		w[i].io = (struct io){ eventfd(1, 0), on_event_unwatches };
		w[i].other = &w[1 - i];
		CHECK_INT(loop_watch(&loop, &w[i].io), 0);
	}
	turns(2);
	CHECK_STR(buf_str(&story), "e");
	close(w[0].io.fd);
	close(w[1].io.fd);
	end();
}

struct body {
	struct grave grave;
	struct task task;
	char name;
};

static void bury(struct grave *g)
{
	buf_add_char(&story, container_of(g, struct body, grave)->name);
}

static void run_task(struct task *t)
{
	struct body *b = container_of(t, struct body, task);

	buf_add_char(&story, 't');
	loop_bury(&loop, &b->grave, bury);
	arena_alloc(&loop.scratch, 100);
}

static void run_again(struct task *t)
{
	buf_add_char(&story, 'r');
	loop_defer(&loop, t);
}

TEST(tasks_run_once_and_graves_come_last)
{
	struct body one = { .task.run = run_task, .name = '1' };
	struct body two = { .task.run = run_task, .name = '2' };
	struct task unwanted = { .run = run_task }, endless = { .run = run_again };

	begin();
	loop_defer(&loop, &one.task);
	loop_defer(&loop, &two.task);
	loop_defer(&loop, &one.task);
	loop_defer(&loop, &unwanted);
	task_done(&unwanted);
	turns(1);
	CHECK_STR(buf_str(&story), "tt12");
	CHECK_INT(loop.scratch.used, 0);
	CHECK_INT(loop.blocks.count, 1);
	loop_defer(&loop, &endless);
	turns(3);
	CHECK_STR(buf_str(&story), "tt12rrr");
	task_done(&endless);
	end();
}

static void on_wake(struct loop *l)
{
	buf_add_char(&story, 'w');
	l->stop = true;
}

static void *wake_later(void *arg)
{
	usleep(5000);
	loop_wake(&loop);
	return NULL;
}

TEST(another_thread_wakes_the_loop)
{
	pthread_t thread;

	buf_clear(&story);
	CHECK(loop_init(&loop, on_wake));
	for (int i = 0; i < 3; i++) {
		CHECK(thread_start(&thread, "waker", wake_later, NULL));
		loop.stop = false;
		loop_run(&loop);
		pthread_join(thread, NULL);
	}
	CHECK_STR(buf_str(&story), "www");
	end();
}

TEST(the_clocks_stand_still_within_a_turn_and_agree_with_the_machine)
{
	begin();
	CHECK(loop.now <= sys_now());
	CHECK(loop.wall <= sys_wall());
	usec before = loop.now;
	usleep(2000);
	CHECK_INT(loop.now, before);
	loop_turn(&loop, 0);
	CHECK(loop.now >= before + 2000);
	CHECK(sys_wall() - loop.wall < USEC_SEC);
	end();
}
