#include "policy/trial.h"
#include "tests/check.h"

#include <pthread.h>

TEST(a_trial_draws_its_share)
{
	const uint32_t shares[] = { 1, 5000, 100000, 500000, 999999, 1000000 };

	for (size_t i = 0; i < countof(shares); i++) {
		struct trial t = { .name = STR("t"), .share = shares[i] };
		uint32_t drawn = 0;

		for (uint64_t id = 0; id < 1000000; id++)
			drawn += trial_picks(&t, id << 8 | 3); /* ids look like this */
		/* Five standard deviations of a binomial are at most 2500. */
		CHECK(drawn + 2500 >= shares[i] && drawn <= shares[i] + 2500);
	}
}

TEST(two_trials_draw_apart)
{
	struct trial a = { .name = STR("a"), .share = 500000 };
	struct trial b = { .name = STR("b"), .share = 500000 };
	unsigned both = 0;

	for (uint64_t id = 0; id < 100000; id++)
		both += trial_picks(&a, id) && trial_picks(&b, id);
	CHECK(both > 24000 && both < 26000);
}

TEST(a_trial_never_takes_more_than_max_cost)
{
	struct trials all = { 0 };
	struct trial t = { .name = STR("t"), .share = 1000000, .max_cost = 1000 };
	struct trial_account *a = trials_get(&all, t.name);
	nanousd held;
	bool stopped;

	CHECK(a == trials_get(&all, STR("t")));
	CHECK(a != trials_get(&all, STR("u")));
	CHECK(trial_reserve(&t, a, 600, &held, &stopped) && !stopped);
	CHECK(trial_reserve(&t, a, 400, &held, &stopped) && !stopped);
	CHECK_INT(trial_state(&t, a, 0), TRIAL_RUNS);
	trial_settle(a, 600, 100); /* it was cheaper */
	CHECK(trial_reserve(&t, a, 500, &held, &stopped));
	CHECK_INT(held, 500);
	CHECK(!trial_reserve(&t, a, 1, &held, &stopped) && stopped);
	CHECK_INT(trial_state(&t, a, 0), TRIAL_TOO_DEAR);
	/* Only the first is told. */
	CHECK(!trial_reserve(&t, a, 1, &held, &stopped) && !stopped);
	CHECK_INT(a->taken, 1000);
	CHECK_INT(a->spent, 100);
}

/* What has no price reserves nothing, and still ends when all is spent. */
TEST(a_trial_whose_candidate_has_no_price_ends_too)
{
	struct trials all = { 0 };
	struct trial t = { .name = STR("t"), .max_cost = 1000 };
	struct trial_account *a = trials_get(&all, t.name);
	nanousd held;
	bool stopped;

	CHECK(trial_reserve(&t, a, 0, &held, &stopped));
	trial_settle(a, 0, 1200);
	CHECK(!trial_reserve(&t, a, 0, &held, &stopped) && stopped);
}

/* Estimates that are too low are mended by what the others have cost. */
TEST(a_trial_learns_what_its_exchanges_cost)
{
	struct trials all = { 0 };
	struct trial t = { .name = STR("t"), .max_cost = 1000 };
	struct trial_account *a = trials_get(&all, t.name);
	nanousd held;
	bool stopped;

	CHECK(trial_reserve(&t, a, 10, &held, &stopped));
	trial_settle(a, held, 300);
	CHECK(trial_reserve(&t, a, 10, &held, &stopped));
	CHECK_INT(held, 300);
	trial_settle(a, held, 350);
	CHECK(trial_reserve(&t, a, 10, &held, &stopped));
	CHECK_INT(held, 325);
	CHECK(!trial_reserve(&t, a, 10, &held, &stopped) && stopped);
	CHECK_INT(held, 0);
	CHECK(trial_load(&t, a, 900, 4)); /* the ledger knows of more */
	CHECK_INT(a->spent, 900);
	CHECK_INT(a->taken, 900 + 325);
}

/* The mean is that of all who have spent it, not of those since the start. */
TEST(a_trial_goes_on_after_a_restart)
{
	struct trials all = { 0 };
	struct trial t = { .name = STR("t"), .max_cost = 1000 };
	struct trial_account *a = trials_get(&all, t.name);
	nanousd held;
	bool stopped;

	CHECK(trial_load(&t, a, 600, 50));
	CHECK(trial_reserve(&t, a, 10, &held, &stopped));
	CHECK_INT(held, 12);
	trial_settle(a, held, 12);
	CHECK(trial_reserve(&t, a, 10, &held, &stopped));
	CHECK_INT(held, 12);
	CHECK_INT(trial_state(&t, a, 0), TRIAL_RUNS);
}

TEST(a_trial_that_had_stopped_has_stopped_after_a_restart)
{
	struct trials all = { 0 };
	struct trial t = { .name = STR("t"), .max_cost = 1000 };
	struct trial_account *a = trials_get(&all, t.name);

	CHECK(!trial_load(&t, a, 900, 8));
	CHECK_INT(trial_state(&t, a, 0), TRIAL_TOO_DEAR);
	CHECK(!trial_fits(&t, 900, 101) && trial_fits(&t, 900, 100));
	CHECK(!trial_fits(&t, 1000, 0));
}

TEST(a_trial_goes_on_when_max_cost_is_raised)
{
	struct trials all = { 0 };
	struct trial t = { .name = STR("t"), .max_cost = 1000 };
	struct trial_account *a = trials_get(&all, t.name);
	nanousd held;
	bool stopped;

	CHECK(trial_reserve(&t, a, 300, &held, &stopped));
	trial_settle(a, held, 900);
	CHECK(!trial_reserve(&t, a, 300, &held, &stopped) && stopped);
	trial_revive(&t, a); /* something else has changed */
	CHECK_INT(trial_state(&t, a, 0), TRIAL_TOO_DEAR);
	t.max_cost = 1800;
	trial_revive(&t, a);
	CHECK_INT(trial_state(&t, a, 0), TRIAL_RUNS);
	CHECK(trial_reserve(&t, a, 300, &held, &stopped));
	CHECK(!trial_reserve(&t, a, 300, &held, &stopped) && stopped);
	t.max_cost = COST_UNKNOWN;
	trial_revive(&t, a);
	CHECK_INT(trial_state(&t, a, 0), TRIAL_RUNS);
	atomic_store(&a->end, (int)TRIAL_BY_HAND);
	trial_revive(&t, a);
	CHECK_INT(trial_state(&t, a, 0), TRIAL_BY_HAND);
}

static struct trials shared;
static const struct trial crowd = { .name = STR_INIT("t"), .max_cost = 100 * 1000 };

static void *spend(void *arg)
{
	struct trial_account *a = arg;
	uintptr_t got = 0;
	nanousd held;
	bool stopped;

	for (int i = 0; i < 1000; i++)
		got += trial_reserve(&crowd, a, 70, &held, &stopped);
	return (void *)got;
}

TEST(all_workers_together_keep_to_max_cost)
{
	struct trial_account *a = trials_get(&shared, crowd.name);
	pthread_t threads[4];
	uintptr_t all = 0;
	void *got;

	for (int i = 0; i < 4; i++)
		CHECK(!pthread_create(&threads[i], NULL, spend, a));
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &got);
		all += (uintptr_t)got;
	}
	CHECK_INT(a->taken, 70 * (int64_t)all);
	CHECK(a->taken <= crowd.max_cost);
}

TEST(a_trial_is_over_after_its_last_day)
{
	struct trials all = { 0 };
	struct trial t = { .name = STR("t"), .until_wall = 5000 };
	struct trial_account *a = trials_get(&all, t.name);

	CHECK_INT(trial_state(&t, a, 4999), TRIAL_RUNS);
	CHECK_INT(trial_state(&t, a, 5000), TRIAL_OVER);
	t.until_wall = 0;
	CHECK_INT(trial_state(&t, a, INT64_MAX), TRIAL_RUNS);
	CHECK_INT(trial_state(&t, NULL, 0), TRIAL_BY_HAND);
}
