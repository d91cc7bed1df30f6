#include "base/buf.h"
#include "policy/odd.h"
#include "tests/check.h"

#include <stdio.h>

/* What there is news about: "provider:name=count@last name=count@last;" */
static void check_news(struct odd *o, const char *want)
{
	struct buf seen = BUF_LIMIT(4 * KiB);
	struct odd_rows rows;

	for (unsigned at = 0; odd_next_news(o, &at, &rows);) {
		buf_addf(&seen, "%.*s:", STR_ARG(rows.rows[0].provider));
		for (unsigned i = 0; i < rows.count; i++)
			buf_addf(&seen, "%s%.*s=%d@%d", i ? " " : "",
			         STR_ARG(rows.rows[i].name), (int)rows.rows[i].count,
			         (int)rows.rows[i].last_wall);
		buf_add_char(&seen, ';');
	}
	CHECK_STR_EQ(buf_str(&seen), str_from_z(want));
	buf_free(&seen);
}

TEST(oddities_are_counted_by_provider_and_name)
{
	struct odd *o = odd_new();

	check_news(o, "");
	odd_note(o, STR("a"), STR_NONE, 3, 1);
	odd_note(o, STR("a"), STR("x"), 2, 1);
	odd_note(o, STR("a"), STR("y\n\x1b[2J"), 1, 1);
	odd_note(o, STR("b"), STR("x"), 0, 1); /* that is nothing */
	check_news(o, "a:=3@1 x=2@1 y??[2J=1@1;");
	check_news(o, "");
	odd_note(o, STR("a"), STR("x"), 1, 5);
	odd_note(o, STR("b"), STR_NONE, 1, 6);
	check_news(o, "a:=3@1 x=3@5 y??[2J=1@1;b:=1@6;");
	odd_note(NULL, STR("a"), STR("x"), 1, 5);
	odd_free(&o);
}

TEST(the_last_few_names_are_kept)
{
	struct odd *o = odd_new();
	char name[8];

	for (int i = 1; i <= 10; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		odd_note(o, STR("a"), str_from_z(name), 1, i);
		odd_note(o, STR("a"), STR("n1"), 1, i);
	}
	/* n1 comes all the time; n2 and n3 had to go. */
	check_news(o, "a:n1=11@10 n9=1@9 n10=1@10 n4=1@4 n5=1@5 n6=1@6 n7=1@7 n8=1@8;");
	odd_free(&o);
}

TEST(oddities_go_on_from_what_was_loaded)
{
	struct odd *o = odd_new();
	struct odd_rows rows;
	unsigned at = 0;

	odd_load(o, &(struct odd_row){ STR("a"), STR_NONE, 5, 1, 2 });
	odd_load(o, &(struct odd_row){ STR("a"), STR("x"), 4, 1, 2 });
	check_news(o, "");
	odd_note(o, STR("a"), STR("x"), 1, 9);
	CHECK(odd_next_news(o, &at, &rows));
	odd_again(o, at);
	check_news(o, "a:=5@2 x=5@9;");
	odd_free(&o);
}

TEST(more_providers_than_places_are_not_noted)
{
	struct odd *o = odd_new();
	struct odd_rows rows;
	unsigned count = 0;
	char name[8];

	for (int i = 0; i < ODD_PROVIDERS + 5; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		odd_note(o, str_from_z(name), STR("x"), 1, 1);
	}
	for (unsigned at = 0; odd_next_news(o, &at, &rows);)
		count++;
	CHECK_INT(count, ODD_PROVIDERS);
	odd_free(&o);
}
