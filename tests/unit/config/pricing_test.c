/* What targets cost, by catalogue and file. */
#include "config/pricing.h"
#include "tests/unit/config/helper.h"

/* The price of a target as the file says it; its config is r's. */
static const struct price *price_of_first(struct reading *r, str text, unsigned tier)
{
	const struct target *t;

	read_text(r, text);
	if (!CHECK(r->config != NULL)) {
		print_notes(r);
		return NULL;
	}
	t = &r->config->routes[0].targets[0];
	return tier < t->price_count ? &t->prices[tier] : NULL;
}

#define V "version: 1\n"
#define OPENAI V "providers: { openai: {} }\nroutes: { r: { targets: [openai/gpt-5] } }\n"
#define LOCAL                                                                            \
	V "providers: { local: { format: openai-chat, url: \"http://127.0.0.1:9/v1\", "  \
	  "key: "                                                                        \
	  "none } }\nroutes: { r: { targets: [local/m] } }\n"

TEST(without_rules_a_price_is_the_catalogues)
{
	struct reading r;
	const struct price *p = price_of_first(&r, STR(OPENAI), 0);

	if (CHECK(p != NULL)) {
		CHECK_INT(p->of[PRICE_INPUT], 1250000);
		CHECK(p->source == PRICE_OF_PROGRAM && p->since == catalog_date);
		CHECK(p->version == price_version(p) && p->discount == 0);
	}
	reading_done(&r);
}

TEST(a_written_figure_goes_before_the_catalogues)
{
	struct reading r;
	const struct price *p = price_of_first(
	        &r,
	        STR(OPENAI "prices: { openai/gpt-*: { input: $1/1M, search: $0.01, "
	                   "since: 2026-11-01 } }\n"),
	        0);

	if (CHECK(p != NULL)) {
		CHECK_INT(p->of[PRICE_INPUT], 1000000);
		CHECK_INT(p->of[PRICE_OUTPUT], 10000000);
		CHECK_INT(p->of[PRICE_SEARCH], 10000000000);
		CHECK(p->source == PRICE_OF_CONFIG && p->since == 20261101);
		CHECK(p->version == price_version(p));
	}
	reading_done(&r);
}

TEST(a_discount_is_off_the_catalogues_figures_alone)
{
	struct reading r;
	const struct price *p = price_of_first(
	        &r,
	        STR(V
	            "providers: { openai: { discount: 12.5%, prices: { gpt-5: { output: "
	            "$8/1M } } } }\nroutes: { r: { targets: [openai/gpt-5] } }\n"),
	        0);

	if (CHECK(p != NULL)) {
		CHECK_INT(p->of[PRICE_INPUT], 1093750);
		CHECK_INT(p->of[PRICE_OUTPUT], 8000000);
		CHECK_INT(p->discount, 125000);
	}
	reading_done(&r);
	p = price_of_first(&r,
	                   STR(V "providers: { openai: { discount: 50% } }\nprices: { "
	                         "openai/gpt-5: { discount: 0% } }\nroutes: { r: { "
	                         "targets: [openai/gpt-5] } }\n"),
	                   0);
	if (CHECK(p != NULL)) {
		CHECK_INT(p->of[PRICE_INPUT], 1250000);
		CHECK(p->source == PRICE_OF_PROGRAM);
	}
	reading_done(&r);
}

TEST(a_date_is_that_of_figures_or_of_a_discount)
{
	struct reading r;
	const struct price *p = price_of_first(
	        &r,
	        STR(OPENAI "prices: { openai/gpt-5: { discount: 10%, since: 2026-11-01 "
	                   "} }\n"),
	        0);

	if (CHECK(p != NULL)) {
		CHECK_INT(p->of[PRICE_INPUT], 1125000);
		CHECK_INT(p->since, 20261101);
		CHECK(p->source == PRICE_OF_PROGRAM);
	}
	CHECK_INT(r.notes.count, 0);
	reading_done(&r);
	p = price_of_first(
	        &r, STR(OPENAI "prices: { openai/gpt-5: { since: 2026-11-01 } }\n"), 0);
	if (CHECK(p != NULL))
		CHECK_INT(p->since, catalog_date);
	CHECK(r.notes.count == 1 && strcmp(r.notes.list[0].code, "W046") == 0);
	reading_done(&r);
}

TEST(what_nobody_has_priced_stays_unknown)
{
	struct reading r;

	CHECK(price_of_first(&r, STR(LOCAL), 0) == NULL);
	reading_done(&r);
	CHECK(price_of_first(&r, STR(LOCAL "prices: { local/m: { discount: 5% } }\n"),
	                     0) == NULL);
	reading_done(&r);
}

TEST(tiers_go_on_from_the_one_before)
{
	struct reading r;
	const struct price *p = price_of_first(
	        &r,
	        STR(LOCAL
	            "prices: { local/m: { input: $1/1M, output: $2/1M, tiers: [{ above: "
	            "1000, input: $3/1M }, { above: 2000, output: $4/1M }] } }\n"),
	        2);

	if (CHECK(p != NULL)) {
		CHECK_INT(p->above, 2000);
		CHECK_INT(p->of[PRICE_INPUT], 3000000);
		CHECK_INT(p->of[PRICE_OUTPUT], 4000000);
		CHECK_INT(p[-1].of[PRICE_OUTPUT], 2000000);
		CHECK_INT(p[-2].of[PRICE_INPUT], 1000000);
		CHECK(p->version != p[-1].version);
	}
	reading_done(&r);
}

TEST(of_several_rules_the_nearest_holds)
{
	static const struct {
		const char *rules;
		picousd input;
	} cases[] = {
		{ "prices: { \"*\": { input: $1/1M } }\n", -2 }, /* not provider/model */
		{ "prices: { \"*/*\": { input: $1/1M }, local/*: { input: $2/1M } }\n",
		  2000000 },
		{ "prices: { local/m: { input: $3/1M }, local/*m*: { input: $2/1M } }\n",
		  3000000 },
		{ "prices: { local/x*: { input: $3/1M }, \"*/m\": { input: $2/1M } }\n",
		  2000000 },
		{ "prices: { local/mm: { input: $3/1M } }\n", PRICE_UNKNOWN },
	};

	for (size_t i = 0; i < countof(cases); i++) {
		struct buf text = BUF_LIMIT(4 * KiB);
		const struct target *t;
		struct reading r;

		buf_addf(&text, "%s%s", LOCAL, cases[i].rules);
		read_text(&r, buf_str(&text));
		t = r.config ? &r.config->routes[0].targets[0] : NULL;
		CHECK_INT(!t               ? -2
		          : t->price_count ? t->prices[0].of[PRICE_INPUT]
		                           : PRICE_UNKNOWN,
		          cases[i].input);
		reading_done(&r);
		buf_free(&text);
	}
}

/* A list that is written once may be meant many times. */
TEST(prices_are_counted_in_all)
{
	enum { EACH = 4096, MOST = 4 };
	struct buf text = BUF_LIMIT(MiB);

	for (unsigned providers = MOST; providers <= MOST + 1; providers++) {
		struct reading r;

		buf_clear(&text);
		buf_addf(&text,
		         "version: 1\nproviders:\n  p0: { format: openai-chat, url: "
		         "\"http://127.0.0.1:1/v1\", key: none, prices: &p {");
		for (unsigned i = 0; i < EACH; i++)
			buf_addf(&text, "%s m%u: { input: $1/1M }", i ? "," : "", i);
		buf_addf(&text, " } }\n");
		for (unsigned i = 1; i < providers; i++)
			buf_addf(&text,
			         "  p%u: { format: openai-chat, url: "
			         "\"http://127.0.0.1:1/v1\", key: none, prices: *p }\n",
			         i);
		read_text(&r, buf_str(&text));
		CHECK(!text.over && (r.config != NULL) == (providers == MOST));
		if (providers > MOST)
			CHECK(r.notes.errors == 1 &&
			      strcmp(r.notes.list[0].code, "E108") == 0 &&
			      str_has(r.notes.list[0].text, STR("16384 prices")));
		reading_done(&r);
	}
	buf_free(&text);
}

TEST(a_price_for_a_provider_that_is_not_there_is_told)
{
	struct reading r;
	bool is_told = false;

	read_text(&r, STR(OPENAI "prices: { opanai/gpt-5: { input: $1/1M } }\n"));
	for (unsigned i = 0; i < r.notes.count; i++)
		is_told |= str_has(r.notes.list[i].hint, STR("\"openai\""));
	CHECK(is_told && r.notes.errors == 0);
	reading_done(&r);
}
