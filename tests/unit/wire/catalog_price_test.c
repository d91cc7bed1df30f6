#include "wire/catalog_price.h"

#include "tests/check.h"

TEST(the_catalogues_figures_become_prices_by_class)
{
	struct price p[PRICE_TIERS];
	struct catalog_model m;

	CHECK(catalog_find_model(NULL, STR("anthropic"), STR("claude-sonnet-4-5"), &m));
	CHECK(catalog_price_list(&m, p) >= 1);
	CHECK_INT(p[0].of[PRICE_INPUT], 3000000);
	CHECK_INT(p[0].of[PRICE_CACHE_READ], 300000);
	CHECK_INT(p[0].of[PRICE_CACHE_WRITE], 3750000);
	CHECK_INT(p[0].of[PRICE_CACHE_WRITE_1H], 6000000);
	CHECK_INT(p[0].of[PRICE_OUTPUT], 15000000);
	CHECK_INT(p[0].of[PRICE_SEARCH], 10000000000);
	CHECK_INT(p[0].of[PRICE_REQUEST], PRICE_UNKNOWN);
	CHECK_INT(p[0].since, catalog_date);
	CHECK(p[0].source == PRICE_OF_PROGRAM);
	CHECK(p[0].version == price_version(&p[0]));
}

TEST(another_sellers_terms_are_not_guessed)
{
	struct catalog_model m = {
		.provider = STR("somebody"),
		.identity = STR("claude-sonnet-4-5"),
		.prices = 1,
		.updated = 20261124,
		.price = { { .input = 4000000, .cache_write = 4100000 } },
	};
	struct price p[PRICE_TIERS];

	CHECK_INT(catalog_price_list(&m, p), 1);
	CHECK_INT(p[0].of[PRICE_CACHE_WRITE_1H], PRICE_UNKNOWN);
	CHECK_INT(p[0].of[PRICE_SEARCH], PRICE_UNKNOWN);
	CHECK(p[0].source == PRICE_OF_CATALOG && p[0].since == 20261124);
	m.price[0].cache_write = 5000000; /* the vendor's ratio */
	CHECK_INT(catalog_price_list(&m, p), 1);
	CHECK_INT(p[0].of[PRICE_CACHE_WRITE_1H], 8000000);
	m.prices = 0;
	CHECK_INT(catalog_price_list(&m, p), 0);
}

TEST(every_price_of_the_catalogue_has_a_version)
{
	struct price p[PRICE_TIERS];
	struct catalog_model m;

	for (unsigned i = 0; catalog_model_at(NULL, i, &m); i++)
		for (unsigned n = catalog_price_list(&m, p); n > 0; n--)
			CHECK(p[n - 1].version != 0);
}
