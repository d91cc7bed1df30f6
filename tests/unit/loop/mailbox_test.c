#include "loop/mailbox.h"

#include "loop/loop.h"
#include "loop/thread.h"
#include "tests/check.h"

#include <sched.h>

struct note {
	struct letter letter;
	int sender, number;
};

static void count_wake(void *arg)
{
	++*(int *)arg;
}

TEST(a_full_mailbox_refuses_and_order_is_kept)
{
	struct note notes[4] = { { .number = 0 } };
	struct mailbox box;
	int woken = 0;

	mailbox_init(&box, 3, count_wake, &woken);
	CHECK(!mailbox_take(&box));
	for (int i = 0; i < 3; i++) {
		notes[i].number = i;
		CHECK(mailbox_post(&box, &notes[i].letter));
	}
	CHECK(!mailbox_post(&box, &notes[3].letter));
	CHECK_INT(woken, 1);
	for (int i = 0; i < 3; i++) {
		struct letter *l = mailbox_take(&box);

		CHECK(l && container_of(l, struct note, letter)->number == i);
	}
	CHECK(!mailbox_take(&box));
	CHECK(mailbox_post(&box, &notes[3].letter));
	CHECK_INT(woken, 2);
	CHECK(mailbox_take(&box) == &notes[3].letter);
}

enum { SENDERS = 4, EACH = 25000 };

static struct mailbox shared;
static struct loop reader;
static struct note notes[SENDERS][EACH];
static int next_of[SENDERS], total;
static bool disorder, over;

static void on_letters(struct loop *loop)
{
	struct letter *l;

	over |= atomic_load(&shared.waiting) > shared.limit + SENDERS;
	while ((l = mailbox_take(&shared))) {
		struct note *n = container_of(l, struct note, letter);

		disorder |= n->number != next_of[n->sender]++;
		total++;
	}
	loop->stop = total == SENDERS * EACH;
}

static void *send_all(void *arg)
{
	struct note *mine = arg;

	for (int i = 0; i < EACH; i++) {
		while (!mailbox_post(&shared, &mine[i].letter))
			sched_yield();
	}
	return NULL;
}

static void wake_reader(void *arg)
{
	loop_wake(arg);
}

TEST(four_threads_post_a_hundred_thousand_letters)
{
	pthread_t threads[SENDERS];

	CHECK(loop_init(&reader, on_letters));
	mailbox_init(&shared, 1000, wake_reader, &reader);
	for (int s = 0; s < SENDERS; s++) {
		for (int i = 0; i < EACH; i++)
			notes[s][i] = (struct note){ .sender = s, .number = i };
		CHECK(thread_start(&threads[s], "sender", send_all, notes[s]));
	}
	loop_run(&reader);
	for (int s = 0; s < SENDERS; s++)
		pthread_join(threads[s], NULL);
	CHECK_INT(total, SENDERS * EACH);
	CHECK(!disorder);
	CHECK(!over);
	CHECK_INT(atomic_load(&shared.waiting), 0);
	loop_done(&reader);
}
