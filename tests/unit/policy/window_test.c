#include "policy/window.h"

#include "base/compiler.h"
#include "tests/check.h"

#include <pthread.h>

TEST(a_window_lets_so_many_through)
{
	struct window w = { 0 };
	usec now = 7 * USEC_HOUR + 10 * USEC_SEC, until = 0;

	for (int i = 0; i < 3; i++)
		CHECK_INT(window_take(&w, 3, 1, now), 0);
	until = window_take(&w, 3, 1, now);
	CHECK(until > now && until <= now + 2 * USEC_MIN);
	CHECK(window_take(&w, 3, 1, until - USEC_SEC) > 0);
	CHECK_INT(window_take(&w, 3, 1, until), 0);
	CHECK_INT(window_used(&w, until + 10 * USEC_MIN), 0);
}

/* At every moment at most the limit within the minute before it, but for what fading
 * evenly makes of uneven traffic: never twice as much, and not more than a sixth over
 * with traffic as it is when everybody waits for room. */
TEST(a_window_holds_in_any_minute)
{
	enum { MOST = 60, STEPS = 3000 };
	static usec taken[STEPS];
	struct window w = { 0 };
	usec now = 0;
	unsigned count = 0, worst = 0;

	while (count < STEPS) {
		usec until = window_take(&w, MOST, 1, now);

		if (until) {
			CHECK(until > now);
			now = until;
			continue;
		}
		taken[count++] = now;
	}
	for (unsigned i = 0, from = 0; i < count; i++) {
		while (taken[from] <= taken[i] - USEC_MIN)
			from++;
		worst = max_of(worst, i - from + 1);
	}
	CHECK(worst <= MOST + MOST / 6);
	/* And it gives what it promises: no less than nine tenths of it. */
	CHECK(taken[count - 1] <= USEC_MIN * STEPS / MOST * 10 / 9);
}

TEST(a_window_is_corrected_afterwards)
{
	struct window w = { 0 };
	usec now = 3 * USEC_MIN;

	CHECK_INT(window_take(&w, 100, 80, now), 0);
	CHECK(window_take(&w, 100, 80, now) > 0);
	window_correct(&w, -70, now, now);
	CHECK_INT(window_used(&w, now), 10);
	CHECK_INT(window_take(&w, 100, 80, now), 0);
	window_correct(&w, -1000, now, now);
	CHECK_INT(window_used(&w, now), 0);
	window_correct(&w, 100 * 1000 * 1000, now, now);
	CHECK_INT(window_used(&w, now), WINDOW_MOST);
}

TEST(a_window_is_corrected_where_it_was_counted)
{
	struct window w = { 0 };
	usec then = 3 * USEC_MIN + 50 * USEC_SEC, next = 4 * USEC_MIN;

	CHECK_INT(window_take(&w, 200, 80, then), 0);
	CHECK_INT(window_take(&w, 200, 30, next), 0);
	window_correct(&w, -80, then, next);
	CHECK_INT(window_used(&w, next), 30);
	window_correct(&w, 5, then, next);
	CHECK_INT(window_used(&w, next), 35);
	window_correct(&w, -35, next - 3 * USEC_MIN, next); /* long gone */
	CHECK_INT(window_used(&w, next), 35);
}

TEST(one_request_over_the_limit_fits_into_an_empty_window)
{
	struct window w = { 0 };

	CHECK_INT(window_take(&w, 10, 500, USEC_MIN), 0);
	CHECK(window_room(&w, 10, 1, USEC_MIN) > USEC_MIN);
	CHECK_INT(window_room(&w, 10, 500, 4 * USEC_MIN), 0);
}

/* Of two threads one is still in the minute before. */
TEST(a_window_is_not_turned_back)
{
	/* also where the count of minutes begins anew */
	static const usec starts[] = { 8 * USEC_MIN, 65536 * USEC_MIN, 65537 * USEC_MIN };

	for (size_t i = 0; i < countof(starts); i++) {
		usec next = starts[i], behind = next - 3 * USEC_MS;
		struct window w = { 0 };

		CHECK_INT(window_take(&w, 100, 1, next - 3 * USEC_MIN), 0);
		CHECK_INT(window_take(&w, 100, 60, next - USEC_SEC), 0);
		CHECK_INT(window_take(&w, 100, 5, next), 0);
		CHECK_INT(window_used(&w, behind), 65);
		CHECK_INT(window_room(&w, 100, 65, behind), next + 30 * USEC_SEC);
		CHECK_INT(window_take(&w, 100, 2, behind), 0);
		CHECK_INT(window_used(&w, next), 67);
		CHECK_INT(window_used(&w, next + USEC_MIN), 7);
		/* for weeks nobody asks */
		CHECK_INT(window_take(&w, 100, 90, next + 40000 * USEC_MIN), 0);
	}
}

static void *take_many(void *arg)
{
	struct window *w = arg;
	intptr_t got = 0;

	for (int i = 0; i < 10000; i++)
		got += window_take(w, 5000, 1, USEC_SEC) == 0;
	return (void *)got;
}

TEST(threads_share_a_window)
{
	static struct window w;
	pthread_t threads[4];
	intptr_t sum = 0;

	for (size_t i = 0; i < countof(threads); i++)
		CHECK_INT(pthread_create(&threads[i], NULL, take_many, &w), 0);
	for (size_t i = 0; i < countof(threads); i++) {
		void *got;

		pthread_join(threads[i], &got);
		sum += (intptr_t)got;
	}
	CHECK_INT(sum, 5000);
}
