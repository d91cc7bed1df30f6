#include "policy/breaker.h"

#include "base/compiler.h"
#include "tests/check.h"

#include <pthread.h>

static void fail_times(struct breaker *b, unsigned times, unsigned points, usec now)
{
	for (unsigned i = 0; i < times; i++)
		breaker_fail(b, points, true, false, 0, 250, now);
}

TEST(a_breaker_opens_with_enough_points)
{
	struct breaker b = { 0 };

	fail_times(&b, 2, 5, 0);
	CHECK_INT(breaker_see(&b).state, BREAKER_CLOSED);
	breaker_forget(&b);
	CHECK(breaker_is_quiet(&b));
	fail_times(&b, 2, 5, 0);
	CHECK_INT(breaker_see(&b).state, BREAKER_CLOSED);
	fail_times(&b, 1, 5, 1000);
	struct breaker_view v = breaker_see(&b);
	CHECK_INT(v.state, BREAKER_OPEN);
	CHECK(v.dead);
	CHECK_INT(v.until, 1000 + BREAKER_COOLDOWN);
	/* What had begun before changes nothing. */
	fail_times(&b, 5, 5, 2000);
	breaker_forget(&b);
	CHECK_INT(breaker_see(&b).state, BREAKER_OPEN);
	CHECK_INT(breaker_see(&b).until, 1000 + BREAKER_COOLDOWN);
}

TEST(a_breaker_lets_one_probe_through)
{
	struct breaker b = { 0 };

	CHECK(!breaker_take_probe(&b, true, 0));
	fail_times(&b, 3, 5, 0);
	CHECK(!breaker_take_probe(&b, false, BREAKER_COOLDOWN - 1));
	CHECK(breaker_take_probe(&b, false, BREAKER_COOLDOWN));
	CHECK(!breaker_take_probe(&b, false, BREAKER_COOLDOWN));
	CHECK(!breaker_take_probe(&b, true, BREAKER_COOLDOWN + 1));
	/* Failures of others do not end it. */
	fail_times(&b, 5, 5, BREAKER_COOLDOWN + 2);
	CHECK_INT(breaker_see(&b).state, BREAKER_HALF_OPEN);
	breaker_close(&b, 5);
	CHECK_INT(breaker_see(&b).state, BREAKER_CLOSED);
	/* On trial: one failure is enough. */
	fail_times(&b, 1, 5, BREAKER_COOLDOWN + 3);
	CHECK_INT(breaker_see(&b).state, BREAKER_OPEN);
	CHECK_INT(breaker_see(&b).until, 3 * BREAKER_COOLDOWN + 3);
}

TEST(a_probe_given_back_may_be_taken_at_once)
{
	struct breaker b = { 0 };

	fail_times(&b, 3, 5, 0);
	CHECK(breaker_take_probe(&b, true, 1));
	breaker_return_probe(&b, 2);
	CHECK_INT(breaker_see(&b).state, BREAKER_OPEN);
	CHECK(breaker_take_probe(&b, false, 2));
	/* One that is never heard of again blocks it for a while only. */
	CHECK(!breaker_take_probe(&b, false, 1 + BREAKER_PROBE_MOST));
	CHECK(breaker_take_probe(&b, false, 2 + BREAKER_PROBE_MOST));
}

TEST(a_probe_before_its_time_makes_no_cooldown_longer)
{
	struct breaker b = { 0 };

	fail_times(&b, 3, 5, 0);
	for (usec now = 1; now < 10; now++) {
		CHECK(breaker_take_probe(&b, true, now));
		breaker_fail(&b, 5, true, true, 0, 250, now);
		CHECK_INT(breaker_see(&b).until, now + BREAKER_COOLDOWN);
	}
}

TEST(cooldowns_grow_with_jitter_up_to_a_bound)
{
	usec now = 0;

	for (uint64_t chance = 0; chance <= 1000; chance += 250) {
		struct breaker b = { 0 };
		usec span = BREAKER_COOLDOWN;

		for (unsigned i = 0; i < 12; i++) {
			if (i == 0)
				breaker_fail(&b, 15, false, false, 0, chance, now);
			else
				breaker_fail(&b, 1, false, true, 0, chance, now);
			usec got = breaker_see(&b).until - now;
			CHECK(got >= span - span / 4 && got <= span + span / 4);
			span = min_of(span * 2, BREAKER_COOLDOWN_MOST);
			now = breaker_see(&b).until;
			CHECK(breaker_take_probe(&b, false, now));
		}
		breaker_close(&b, 5);
		breaker_forget(&b);
		breaker_fail(&b, 15, false, false, 0, 250, now);
		CHECK_INT(breaker_see(&b).until - now, BREAKER_COOLDOWN);
	}
}

TEST(what_a_provider_asks_for_is_the_least_cooldown)
{
	struct breaker b = { 0 };

	breaker_fail(&b, 15, false, false, 30 * USEC_SEC, 0, 0);
	CHECK_INT(breaker_see(&b).until, 30 * USEC_SEC);
	/* Also when it says so while the breaker is open already. */
	breaker_fail(&b, 5, false, false, 50 * USEC_SEC, 0, USEC_SEC);
	CHECK_INT(breaker_see(&b).until, 51 * USEC_SEC);
	breaker_fail(&b, 5, false, false, USEC_SEC, 0, 2 * USEC_SEC);
	CHECK_INT(breaker_see(&b).until, 51 * USEC_SEC);
}

struct race {
	struct breaker b;
	_Atomic int holders, most, taken;
};

static void *probe_many(void *arg)
{
	struct race *r = arg;

	for (int i = 0; i < 20000; i++) {
		breaker_fail(&r->b, 5, true, false, 0, (uint64_t)i, i);
		if (!breaker_take_probe(&r->b, true, i))
			continue;
		int holders = atomic_fetch_add(&r->holders, 1) + 1;
		atomic_fetch_add(&r->taken, 1);
		if (holders > atomic_load(&r->most))
			atomic_store(&r->most, holders);
		atomic_fetch_sub(&r->holders, 1);
		if (i % 3 == 0)
			breaker_close(&r->b, 5);
		else if (i % 3 == 1)
			breaker_return_probe(&r->b, i);
		else
			breaker_fail(&r->b, 5, true, true, 0, 0, i);
	}
	return NULL;
}

TEST(of_many_threads_one_has_the_probe)
{
	static struct race r;
	pthread_t threads[4];

	for (size_t i = 0; i < countof(threads); i++)
		CHECK_INT(pthread_create(&threads[i], NULL, probe_many, &r), 0);
	for (size_t i = 0; i < countof(threads); i++)
		pthread_join(threads[i], NULL);
	CHECK_INT(atomic_load(&r.most), 1);
	CHECK(atomic_load(&r.taken) > 100);
}
