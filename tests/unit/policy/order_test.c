#include "policy/order.h"

#include "base/compiler.h"
#include "tests/check.h"

static uint64_t state = 88172645463325252u;

static uint64_t next_chance(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545f4914f6cdd1du;
}

static unsigned class_of(enum health_answer a)
{
	return a <= HEALTH_PROBE ? 0 : a < HEALTH_ILL ? 1 : a == HEALTH_ILL ? 2 : 3;
}

static struct order_target any_target(void)
{
	return (struct order_target){
		.weight = (unsigned)(next_chance() % 5),
		.answer = (enum health_answer)(next_chance() % HEALTH_ANSWERS),
		.failing = (unsigned)(next_chance() % 1001),
		.in_flight = (unsigned)(next_chance() % 50),
		.time = (usec)(next_chance() % 4 * (next_chance() % USEC_SEC)),
		.cost = next_chance() % 4 ? (nanousd)(next_chance() % 1000000)
		                          : COST_UNKNOWN,
		.is_warm = next_chance() % 8 == 0,
	};
}

TEST(every_order_is_a_permutation_with_the_ill_behind)
{
	for (unsigned round = 0; round < 60000; round++) {
		enum strategy s = (enum strategy)(round % STRATEGIES);
		unsigned count = 1 + (unsigned)(next_chance() % TARGETS_MOST);
		struct order_target list[TARGETS_MOST];
		uint8_t order[TARGETS_MOST];
		uint32_t seen = 0;
		bool rises = true;

		for (unsigned i = 0; i < count; i++)
			list[i] = any_target();
		order_targets(s, list, count, next_chance(), order);
		for (unsigned i = 0; i < count; i++) {
			seen |= (uint32_t)1 << order[i];
			rises &= i == 0 || class_of(list[order[i - 1]].answer) <=
			                           class_of(list[order[i]].answer);
		}
		CHECK_INT(seen, count == 32 ? UINT32_MAX : ((uint32_t)1 << count) - 1);
		CHECK(rises);
	}
}

/* How often of 10,000 each comes first. */
static void count_first(enum strategy s, const struct order_target *list, unsigned count,
                        unsigned *ret)
{
	uint8_t order[TARGETS_MOST];

	memset(ret, 0, count * sizeof(*ret));
	for (int i = 0; i < 10000; i++) {
		order_targets(s, list, count, next_chance(), order);
		ret[order[0]]++;
	}
}

TEST(ordered_is_as_written_but_for_the_ill)
{
	struct order_target list[4] = { { .answer = HEALTH_DEAD },
		                        { .answer = HEALTH_PACED },
		                        { .answer = HEALTH_OK },
		                        { .answer = HEALTH_PROBE } };
	uint8_t order[4];

	order_targets(STRATEGY_ORDERED, list, 4, 7, order);
	CHECK(order[0] == 2 && order[1] == 3 && order[2] == 1 && order[3] == 0);
}

TEST(weights_are_shares)
{
	struct order_target list[3] = { { .weight = 1 },
		                        { .weight = 3 },
		                        { .weight = 6 } };
	unsigned first[3];

	count_first(STRATEGY_WEIGHTED, list, 3, first);
	CHECK(first[0] > 800 && first[0] < 1200);
	CHECK(first[1] > 2700 && first[1] < 3300);
	list[2].answer = HEALTH_ILL;
	count_first(STRATEGY_WEIGHTED, list, 3, first);
	CHECK(first[2] == 0 && first[1] > 7200 && first[1] < 7800);
	list[0].is_warm = true;
	count_first(STRATEGY_WEIGHTED, list, 3, first);
	CHECK_INT(first[0], 10000);
}

TEST(fastest_learns_and_goes_on_learning)
{
	struct order_target list[3] = { { .time = 800 * USEC_MS },
		                        { .time = 300 * USEC_MS },
		                        { .time = 900 * USEC_MS } };
	unsigned first[3];

	count_first(STRATEGY_FASTEST, list, 3, first);
	CHECK(first[1] > 9600 && first[0] > 50 && first[2] > 50);
	list[0].time = 0; /* not known yet */
	count_first(STRATEGY_FASTEST, list, 3, first);
	CHECK(first[0] > 9600);
	list[0].time = 500 * USEC_MS;
	list[0].is_warm = true;
	count_first(STRATEGY_FASTEST, list, 3, first);
	CHECK_INT(first[0], 10000);
	list[0].time = 700 * USEC_MS; /* the cache is not worth so much */
	count_first(STRATEGY_FASTEST, list, 3, first);
	CHECK_INT(first[1], 10000);
}

TEST(cheapest_goes_by_what_this_request_costs)
{
	struct order_target list[3] = { { .cost = COST_UNKNOWN },
		                        { .cost = 500 },
		                        { .cost = 400 } };
	uint8_t order[3];

	order_targets(STRATEGY_CHEAPEST, list, 3, 1, order);
	CHECK(order[0] == 2 && order[1] == 1 && order[2] == 0);
}

TEST(least_busy_goes_by_weight)
{
	struct order_target list[2] = { { .weight = 1, .in_flight = 5 },
		                        { .weight = 4, .in_flight = 12 } };
	uint8_t order[2];

	order_targets(STRATEGY_LEAST_BUSY, list, 2, 1, order);
	CHECK_INT(order[0], 1);
	list[0].is_warm = true;
	order_targets(STRATEGY_LEAST_BUSY, list, 2, 1, order);
	CHECK_INT(order[0], 0);
	list[0].in_flight = 11;
	order_targets(STRATEGY_LEAST_BUSY, list, 2, 1, order);
	CHECK_INT(order[0], 1);
}

TEST(adaptive_weighs_cost_time_and_risk)
{
	/* dear and fast; cheap and fast; cheap and slow; cheap, fast and failing */
	struct order_target list[4] = {
		{ 1, HEALTH_OK, 0, 0, 100 * USEC_MS, 4000, false },
		{ 1, HEALTH_OK, 0, 0, 100 * USEC_MS, 1000, false },
		{ 1, HEALTH_OK, 0, 0, 900 * USEC_MS, 1000, false },
		{ 1, HEALTH_OK, 800, 0, 100 * USEC_MS, 1000, false },
	};
	unsigned first[4];

	CHECK_INT(order_score(list, 4, 1), 1000);
	CHECK_INT(order_score(list, 4, 0), 2500);
	CHECK_INT(order_score(list, 4, 2), 5000);
	CHECK_INT(order_score(list, 4, 3), 5000);
	count_first(STRATEGY_ADAPTIVE, list, 4, first);
	/* The best of two: half of all draws have the best among them. */
	CHECK(first[1] > 4300 && first[1] > first[0] && first[0] > first[2]);
	/* A cache that makes the dear one the best is stayed with. */
	list[0].cost = 900;
	list[0].is_warm = true;
	count_first(STRATEGY_ADAPTIVE, list, 4, first);
	CHECK_INT(first[0], 10000);
}

TEST(one_that_may_be_well_again_is_asked_first)
{
	struct order_target list[2] = {
		{ .time = 100 }, { .time = 900, .failing = 900, .answer = HEALTH_PROBE }
	};
	uint8_t order[2];

	for (int s = STRATEGY_FASTEST; s < STRATEGIES; s++) {
		order_targets((enum strategy)s, list, 2, next_chance(), order);
		CHECK_INT(order[0], 1);
	}
}
