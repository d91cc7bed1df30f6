#include "policy/patience.h"

#include "tests/check.h"

static const struct route_limits limits = {
	.first_token = 30 * USEC_SEC,
	.idle = 20 * USEC_SEC,
	.answer = 300 * USEC_SEC,
	.hedge = HEDGE_P95,
};

TEST(the_first_token_may_take_what_is_configured_or_three_times_what_it_takes)
{
	struct patience_known k = { .streams = true };

	CHECK_INT(patience_first(&limits, &k), 30 * USEC_SEC);
	k.first_token_p95 = 9 * USEC_SEC; /* what is configured is the least */
	CHECK_INT(patience_first(&limits, &k), 30 * USEC_SEC);
	k.first_token_p95 = 60 * USEC_SEC;
	CHECK_INT(patience_first(&limits, &k), 180 * USEC_SEC);
	k = (struct patience_known){ .streams = true, .reasons = true };
	CHECK_INT(patience_first(&limits, &k), 120 * USEC_SEC);
	/* With nobody else to ask only the silence counts. */
	k = (struct patience_known){ .streams = true, .is_last = true };
	CHECK_INT(patience_first(&limits, &k), 20 * USEC_SEC);
}

TEST(a_whole_answer_has_a_limit_of_its_own)
{
	struct patience_known k = { .first_token_p95 = 900 * USEC_SEC };

	CHECK_INT(patience_first(&limits, &k), 300 * USEC_SEC);
}

TEST(a_gap_may_be_three_times_the_longest_seen)
{
	struct patience_known k = { .streams = true, .gap_p999 = USEC_SEC };

	CHECK_INT(patience_gap(&limits, &k), 20 * USEC_SEC);
	k.gap_p999 = 40 * USEC_SEC;
	CHECK_INT(patience_gap(&limits, &k), 120 * USEC_SEC);
}

TEST(hedging_at_the_95th_percentile_waits_until_there_is_one)
{
	struct patience_known k = { .streams = true };
	struct route_limits fixed = limits;

	CHECK(patience_hedge(&limits, &k) == USEC_NEVER);
	k.first_token_p95 = 400 * USEC_MS;
	k.answer_p95 = 7 * USEC_SEC;
	CHECK_INT(patience_hedge(&limits, &k), 400 * USEC_MS);
	k.streams = false;
	CHECK_INT(patience_hedge(&limits, &k), 7 * USEC_SEC);
	fixed.hedge = 10 * USEC_SEC;
	CHECK_INT(patience_hedge(&fixed, &k), 10 * USEC_SEC);
	fixed.hedge = HEDGE_OFF;
	CHECK(patience_hedge(&fixed, &k) == USEC_NEVER);
}
