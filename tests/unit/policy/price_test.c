#include "policy/price.h"
#include "tests/check.h"

static struct catalog_model model(void)
{
	/* $2.50, $1.25 and $10.00 for a million tokens */
	struct catalog_model m = { .prices = 1 };

	m.price[0] = (struct catalog_price){
		.input = 2500000,
		.cache_read = 1250000,
		.output = 10000000,
		.cache_write = PRICE_UNKNOWN,
		.reasoning = PRICE_UNKNOWN,
		.audio_input = PRICE_UNKNOWN,
		.audio_output = PRICE_UNKNOWN,
	};
	return m;
}

TEST(cost_is_the_exact_sum)
{
	struct catalog_model m = model();
	struct token_usage u = {
		.input = 1000, .cache_read = 400, .output = 7, .reasoning = 3
	};

	/* 600 * 2.5e6 + 400 * 1.25e6 + 4 * 1e7 + 3 * 1e7 pico-dollars */
	CHECK_INT(price_cost(&m, &u), 2070000);
}

TEST(cost_is_rounded_half_up_once)
{
	struct catalog_model m = model();
	struct token_usage u = { .input = 1 };

	m.price[0].input = 1499;
	CHECK_INT(price_cost(&m, &u), 1);
	m.price[0].input = 1500;
	CHECK_INT(price_cost(&m, &u), 2);
	u.input = INT32_MAX;
	m.price[0].input = INT64_MAX / 2;
	CHECK_INT(price_cost(&m, &u), INT64_MAX);
}

TEST(cost_is_unknown_where_a_price_is)
{
	struct catalog_model m = model();
	struct token_usage u = { .input = 1, .output = 1 };

	m.price[0].output = PRICE_UNKNOWN;
	CHECK_INT(price_cost(&m, &u), COST_UNKNOWN);
	m = model();
	CHECK_INT(price_cost(&m, &(struct token_usage){ .searches = 1 }), COST_UNKNOWN);
	m.prices = 0;
	CHECK_INT(price_cost(&m, &u), COST_UNKNOWN);
}

TEST(tiers_begin_above_their_mark)
{
	struct catalog_model m = model();

	m.prices = 2;
	m.price[1] = m.price[0];
	m.price[1].above = 200000;
	CHECK(price_tier(&m, 200000) == &m.price[0]);
	CHECK(price_tier(&m, 200001) == &m.price[1]);
}
