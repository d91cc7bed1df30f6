#include "policy/price.h"
#include "tests/check.h"

/* $2.50, $1.25 and $10.00 for a million tokens. */
static struct price price(void)
{
	struct price p = { 0 };

	for (int i = 0; i < PRICE_CLASSES; i++)
		p.of[i] = PRICE_UNKNOWN;
	p.of[PRICE_INPUT] = 2500000;
	p.of[PRICE_CACHE_READ] = 1250000;
	p.of[PRICE_OUTPUT] = 10000000;
	return p;
}

static const struct price *only(enum price_class what, picousd figure)
{
	static struct price p;

	for (int i = 0; i < PRICE_CLASSES; i++)
		p.of[i] = PRICE_UNKNOWN;
	p.of[what] = figure;
	return &p;
}

TEST(cost_is_the_exact_sum)
{
	struct price p = price();
	struct token_usage u = {
		.input = 1000, .cache_read = 400, .output = 7, .reasoning = 3
	};

	/* 600 * 2.5e6 + 400 * 1.25e6 + 4 * 1e7 + 3 * 1e7 pico-dollars */
	CHECK_INT(price_cost(&p, &u), 2070000);
}

TEST(what_was_heard_and_cached_is_paid_once)
{
	struct price p = price();
	struct token_usage u = { .input = 100, .cache_read = 80, .audio_input = 80 };

	p.of[PRICE_AUDIO_INPUT] = 30000000;
	CHECK_INT(price_cost(&p, &u), 80 * 1250 + 20 * 30000);
	u.audio_input = 15;
	CHECK_INT(price_cost(&p, &u), 80 * 1250 + 5 * 2500 + 15 * 30000);
	u.cache_write = 10;
	CHECK_INT(price_cost(&p, &u), 80 * 1250 + 10 * 2500 + 10 * 30000);
}

TEST(another_tier_costs_what_is_written_for_the_model)
{
	struct price p = price();
	struct token_usage u = { .input = 4 };

	CHECK_INT(price_cost_at(&p, false, &u), 10000);
	CHECK_INT(price_cost_at(&p, true, &u), COST_UNKNOWN);
	p.source = PRICE_OF_CONFIG;
	CHECK_INT(price_cost_at(&p, true, &u), 10000);
	CHECK_INT(price_cost_at(NULL, true, &u), COST_UNKNOWN);
}

TEST(hour_long_writes_have_a_price_of_their_own)
{
	struct price p = price();
	struct token_usage u = { .input = 100, .cache_write = 70, .cache_write_1h = 30 };

	/* without figures of their own: all is input */
	CHECK_INT(price_cost(&p, &u), 250000);
	p.of[PRICE_CACHE_WRITE] = 3125000;
	CHECK_INT(price_cost(&p, &u), 30 * 2500 + 70 * 3125);
	p.of[PRICE_CACHE_WRITE_1H] = 5000000;
	CHECK_INT(price_cost(&p, &u), 30 * 2500 + 40 * 3125 + 30 * 5000);
}

TEST(requests_images_and_searches_are_counted)
{
	struct price p = price();
	struct token_usage u = { .input = 4, .images = 3, .searches = 2 };

	CHECK_INT(price_cost(&p, &u), COST_UNKNOWN);
	p.of[PRICE_IMAGE] = 40000000000;
	CHECK_INT(price_cost(&p, &u), COST_UNKNOWN);
	p.of[PRICE_SEARCH] = 10000000000;
	CHECK_INT(price_cost(&p, &u), 10000 + 120000000 + 20000000);
	p.of[PRICE_REQUEST] = 100000000000;
	CHECK_INT(price_cost(&p, &u), 10000 + 120000000 + 20000000 + 100000000);
}

TEST(images_without_a_price_are_in_the_tokens_or_the_request)
{
	struct price p = price();
	struct token_usage u = { .input = 4, .output = 10, .images = 1 };

	CHECK_INT(price_cost(&p, &u), 10000 + 100000);
	u.output = 0;
	CHECK_INT(price_cost(&p, &u), COST_UNKNOWN);
	p.of[PRICE_REQUEST] = 5000000;
	CHECK_INT(price_cost(&p, &u), 10000 + 5000);
}

TEST(what_is_not_billed_by_tokens_has_no_price_for_them)
{
	struct token_usage u = { .input = 9, .output = 9, .searches = 2 };

	CHECK_INT(price_cost(only(PRICE_SEARCH, 2000000000), &u), 4000000);
	u.searches = 0;
	CHECK_INT(price_cost(only(PRICE_REQUEST, 1000000), &u), 1000);
	CHECK_INT(price_cost(only(PRICE_INPUT, 1000000), &u), COST_UNKNOWN);
	CHECK_INT(price_cost(only(PRICE_OUTPUT, 1000000), &u), COST_UNKNOWN);
	/* nothing at all is known */
	CHECK_INT(price_cost(only(PRICE_INPUT, PRICE_UNKNOWN), &u), COST_UNKNOWN);
}

TEST(what_is_free_is_known)
{
	struct price p = price();
	struct token_usage u = { .input = 9, .output = 9 };

	for (int i = 0; i < PRICE_CLASSES; i++)
		p.of[i] = 0;
	CHECK_INT(price_cost(&p, &u), 0);
}

TEST(cost_is_rounded_half_up_once)
{
	struct price p = price();
	struct token_usage u = { .input = 1 };

	p.of[PRICE_INPUT] = 1499;
	CHECK_INT(price_cost(&p, &u), 1);
	p.of[PRICE_INPUT] = 1500;
	CHECK_INT(price_cost(&p, &u), 2);
	u.input = INT32_MAX;
	p.of[PRICE_INPUT] = INT64_MAX / 2;
	CHECK_INT(price_cost(&p, &u), INT64_MAX);
}

TEST(no_usage_is_too_large_to_reckon_with)
{
	struct token_usage u;
	struct price p;

	for (int i = 0; i < PRICE_CLASSES; i++)
		p.of[i] = INT64_MAX;
	memset(&u, 0xff, sizeof(u));
	CHECK_INT(price_cost(&p, &u), INT64_MAX);
	CHECK_INT(money_round(~(unsigned __int128)0), INT64_MAX);
	/* parts that are more than their whole */
	u.input = 1;
	u.output = 0;
	CHECK_INT(price_cost(&p, &u), INT64_MAX);
}

TEST(cost_is_unknown_where_a_price_is)
{
	struct price p = price();
	struct token_usage u = { .input = 1, .output = 1 };

	p.of[PRICE_OUTPUT] = PRICE_UNKNOWN;
	CHECK_INT(price_cost(&p, &u), COST_UNKNOWN);
	p = price();
	CHECK_INT(price_cost(&p, &(struct token_usage){ .searches = 1 }), COST_UNKNOWN);
	CHECK_INT(price_cost(NULL, &u), COST_UNKNOWN);
}

TEST(tiers_begin_above_their_mark)
{
	const struct price list[2] = { { .above = 0 }, { .above = 200000 } };
	const struct target t = { .prices = list, .price_count = 2 };

	CHECK(price_of(&t, 200000) == &list[0]);
	CHECK(price_of(&t, 200001) == &list[1]);
	CHECK(price_of(&(struct target){ 0 }, 1) == NULL);
}

TEST(lines_name_what_was_used_and_whose_price_it_was)
{
	struct price p = price();
	struct token_usage u = {
		.input = 10, .cache_read = 4, .cache_write = 2, .cache_write_1h = 2
	};
	struct price_line l[PRICE_CLASSES];

	CHECK_INT(price_lines(&p, &u, l), 3);
	CHECK(l[0].what == PRICE_INPUT && l[0].quantity == 4 && l[0].unit == 2500000);
	CHECK(l[0].amount == 10000000);
	CHECK(l[1].what == PRICE_CACHE_READ && l[1].paid_as == PRICE_CACHE_READ);
	CHECK(l[2].what == PRICE_CACHE_WRITE_1H && l[2].paid_as == PRICE_INPUT);
}

TEST(a_correction_is_the_difference)
{
	struct price p = price();
	struct token_usage u = { .input = 10 };
	nanousd delta;

	CHECK(price_correction(30000, &p, &u, &delta));
	CHECK_INT(delta, -5000);
	CHECK(!price_correction(COST_UNKNOWN, &p, &u, &delta));
	CHECK(!price_correction(0, NULL, &u, &delta));
}

TEST(the_version_names_the_figures)
{
	struct price a = price(), b = a;

	CHECK(price_version(&a) != 0 && price_version(&a) == price_version(&b));
	b.since = 20260101; /* the same figures, told later */
	b.version = 7;
	CHECK(price_version(&a) == price_version(&b));
	for (int i = 0; i < PRICE_CLASSES; i++) {
		b = a;
		b.of[i]++;
		CHECK(price_version(&a) != price_version(&b));
	}
	b = a;
	b.discount = 1;
	CHECK(price_version(&a) != price_version(&b));
	b = a;
	b.source = PRICE_OF_CONFIG;
	CHECK(price_version(&a) != price_version(&b));
}

/* ---- bounds ---- */

TEST(the_bound_is_the_dearest_that_may_come)
{
	struct price list[2] = { price(), price() };
	struct target t = { .prices = list, .price_count = 2 };
	struct price_ask ask = { .body = 1000, .output = 10, .choices = 2 };

	list[1].above = 1000;
	list[1].of[PRICE_OUTPUT] = 90000000;
	CHECK_INT(price_upper_bound(&t, &ask), 2500000 + 200000);
	list[0].of[PRICE_CACHE_WRITE_1H] = 5000000;
	list[0].of[PRICE_REASONING] = 20000000;
	CHECK_INT(price_upper_bound(&t, &ask), 5000000 + 400000);
	/* one more token, and the second tier is possible */
	ask.added = 1;
	CHECK_INT(price_upper_bound(&t, &ask),
	          max_of(5005000 + 400000, 2502500 + 1800000));
	list[1].of[PRICE_OUTPUT] = PRICE_UNKNOWN;
	CHECK_INT(price_upper_bound(&t, &ask), COST_UNKNOWN);
	ask.output = 0;
	CHECK_INT(price_upper_bound(&t, &ask), 5005000);
	t.price_count = 0;
	CHECK_INT(price_upper_bound(&t, &ask), COST_UNKNOWN);
}

TEST(a_bound_that_is_none_is_the_largest_amount)
{
	struct price p = price();
	struct target t = { .prices = &p, .price_count = 1 };
	struct price_ask ask = { .body = 1, .output = UINT64_MAX, .choices = 3 };

	CHECK_INT(price_upper_bound(&t, &ask), INT64_MAX);
	p.of[PRICE_OUTPUT] = 0; /* it may say what it likes */
	CHECK_INT(price_upper_bound(&t, &ask), 2500);
}

TEST(bounds_count_images_and_searches)
{
	struct target t = { .prices = only(PRICE_REQUEST, 100000000000),
		            .price_count = 1 };
	struct price_ask ask = { .body = 500, .output = 100 };
	struct price p = price();

	CHECK_INT(price_upper_bound(&t, &ask), 100000000);
	ask.searches = 1;
	CHECK_INT(price_upper_bound(&t, &ask), COST_UNKNOWN);
	t.prices = &p;
	p.of[PRICE_SEARCH] = 10000000000;
	CHECK_INT(price_upper_bound(&t, &ask), 1250000 + 1000000 + 10000000);
	ask = (struct price_ask){ .images = 2 };
	CHECK_INT(price_upper_bound(&t, &ask), COST_UNKNOWN);
	p.of[PRICE_IMAGE] = 40000000000;
	CHECK_INT(price_upper_bound(&t, &ask), 80000000);
}

static uint64_t draw(uint64_t *state, uint64_t below)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (*state >> 33) % below;
}

TEST(no_consistent_usage_costs_more_than_the_bound)
{
	uint64_t s = 1;

	for (int round = 0; round < 20000; round++) {
		struct price list[2] = { price(), price() };
		struct target t = { .prices = list, .price_count = 2 };
		struct price_ask ask = { .body = draw(&s, 4000),
			                 .output = draw(&s, 500),
			                 .images = draw(&s, 3),
			                 .searches = draw(&s, 3) };
		struct token_usage u = { .input = draw(&s, ask.body + 1),
			                 .output = draw(&s, ask.output + 1),
			                 .images = draw(&s, ask.images + 1),
			                 .searches = draw(&s, ask.searches + 1) };

		list[1].above = 2000;
		for (int i = 0; i < PRICE_CLASSES; i++) {
			list[0].of[i] = (picousd)draw(&s, 1000000);
			list[1].of[i] = (picousd)draw(&s, 1000000);
			if (draw(&s, 3) == 0 && i != PRICE_INPUT && i != PRICE_OUTPUT)
				list[i & 1].of[i] = PRICE_UNKNOWN;
		}
		u.cache_read = draw(&s, u.input + 1);
		u.cache_write = draw(&s, u.input - u.cache_read + 1);
		u.cache_write_1h = draw(&s, u.cache_write + 1);
		u.reasoning = draw(&s, u.output + 1);
		nanousd bound = price_upper_bound(&t, &ask);
		nanousd cost = price_cost(price_of(&t, u.input), &u);
		if (bound != COST_UNKNOWN &&
		    !CHECK(cost != COST_UNKNOWN && cost <= bound))
			return;
	}
}

TEST(what_is_likely_is_plain_input_and_the_answer)
{
	struct price p = price();
	struct target t = { .prices = &p, .price_count = 1 };
	struct price_ask ask = { .body = 4000, .output = 10, .choices = 2 };

	CHECK_INT(price_likely(&t, &ask, 1000, 500), 2500000 + 200000);
	CHECK_INT(price_likely(&t, &ask, 1000, 3), 2500000 + 60000);
}
