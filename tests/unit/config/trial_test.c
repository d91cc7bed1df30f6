#include "tests/unit/config/helper.h"

#define ROUTES                                                                           \
	"version: 1\nproviders: { mock: {} }\n"                                          \
	"routes: { fast: { targets: [mock/a] }, new: { targets: [mock/b] }, "            \
	"slow: { targets: [mock/c] } }\n"

/* One trial of these fields. */
static void read_trial(struct reading *r, const char *fields)
{
	char text[600];

	snprintf(text, sizeof(text), "%strials: { t: { route: fast, candidate: new%s } }",
	         ROUTES, fields);
	read_text(r, str_from_z(text));
}

TEST(a_trial_is_read)
{
	struct reading r;
	const struct trial *t;

	read_trial(&r, ", share: 12.5%, until: 2026-12-24, max_cost: $200.50");
	if (CHECK(r.config)) {
		t = config_trial_of(r.config, STR("fast"));
		CHECK(!config_trial_of(r.config, STR("new")));
		if (CHECK(t)) {
			CHECK_STR(t->name, "t");
			CHECK_STR(t->route->name, "fast");
			CHECK_STR(t->candidate->name, "new");
			CHECK_INT(t->share, 125000);
			CHECK(!t->is_shadow);
			/* The end of that day. */
			CHECK_INT(t->until_wall, 1798156800 * USEC_SEC);
			CHECK_INT(t->max_cost, 200500000000);
		}
	} else {
		print_notes(&r);
	}
	reading_done(&r);
}

TEST(shares_of_a_trial)
{
	static const struct {
		const char *text;
		unsigned share; /* 0: refused */
		bool shadow;
	} rows[] = {
		{ "10%", 100000, false },
		{ "100%", 1000000, false },
		{ "0.0001%", 1, false },
		{ "shadow", 1000000, true },
		{ "shadow 2.5%", 25000, true },
		{ "0%", 0, false },
		{ "101%", 0, false },
		{ "0.00001%", 0, false },
		{ "10", 0, false },
		{ "%", 0, false },
		{ "1.%", 0, false },
		{ "-1%", 0, false },
		{ "shadows", 0, false },
		{ "shadow %", 0, false },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct reading r;
		char fields[100];

		snprintf(fields, sizeof(fields), ", share: \"%s\"", rows[i].text);
		read_trial(&r, fields);
		if (!CHECK(!!r.config == !!rows[i].share))
			fprintf(stderr, "share %s\n", rows[i].text);
		if (r.config) {
			CHECK_INT(r.config->trials[0].share, rows[i].share);
			CHECK_INT(r.config->trials[0].is_shadow, rows[i].shadow);
			CHECK_INT(r.config->trials[0].until_wall, 0);
			CHECK_INT(r.config->trials[0].max_cost, COST_UNKNOWN);
		}
		reading_done(&r);
	}
}

TEST(trials_that_mean_nothing_are_refused)
{
	static const struct {
		const char *trials, *code;
	} rows[] = {
		{ "{ t: { route: fats, candidate: new, share: 1% } }", "E220" },
		{ "{ t: { route: fast, candidate: news, share: 1% } }", "E220" },
		{ "{ t: { route: fast, candidate: fast, share: 1% } }", "E221" },
		{ "{ a: { route: fast, candidate: new, share: 1% }, "
		  "b: { route: fast, candidate: slow, share: 1% } }",
		  "E221" },
		{ "{ T: { route: fast, candidate: new, share: 1% } }", "E118" },
		{ "{ \"a/b\": { route: fast, candidate: new, share: 1% } }", "E118" },
		{ "{ t: { route: fast, candidate: new } }", "E106" },
		{ "{ t: { route: fast, candidate: new, share: 1%, until: 2026-13-01 } }",
		  "E110" },
		{ "{ t: { route: fast, candidate: new, share: 1%, max_cost: \"5\" } }",
		  "E110" },
		{ "{ t: { route: fast, candidate: new, share: 1%, max_cost: $0 } }",
		  "E110" },
		{ "[ t ]", "E107" },
		{ "{ t: fast }", "E107" },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct reading r;
		char text[600];

		snprintf(text, sizeof(text), "%strials: %s", ROUTES, rows[i].trials);
		read_text(&r, str_from_z(text));
		if (!CHECK(!r.config && r.notes.count == 1 &&
		           !strcmp(r.notes.list[0].code, rows[i].code))) {
			fprintf(stderr, "%s\n", rows[i].trials);
			print_notes(&r);
		}
		reading_done(&r);
	}
}

TEST(all_that_is_wrong_with_a_trial_is_told_at_once)
{
	static const char *const wanted[] = { "max_cost", "route \"nosuch\"",
		                              "share:", "until" };
	struct reading r;

	read_text(&r, STR(ROUTES "trials: { t: { route: fast, candidate: nosuch, "
	                         "share: 150%, until: tomorrow, max_cost: 5 } }"));
	CHECK(!r.config);
	CHECK_INT(r.notes.errors, countof(wanted));
	for (size_t i = 0; i < countof(wanted); i++) {
		unsigned found = 0;

		for (unsigned n = 0; n < r.notes.count; n++)
			found += str_has(r.notes.list[n].text, str_from_z(wanted[i]));
		CHECK_INT(found, 1);
	}
	reading_done(&r);
}
