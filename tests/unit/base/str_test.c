#include "tests/check.h"

TEST(str_cut_leaves_what_follows)
{
	str rest = STR("a/b/c");

	CHECK_STR(str_cut(&rest, '/'), "a");
	CHECK_STR(rest, "b/c");
	CHECK_STR(str_cut(&rest, ':'), "b/c");
	CHECK_INT(rest.len, 0);
}

TEST(str_numbers_refuse_what_is_not_plain)
{
	uint64_t u;
	int64_t i;

	CHECK(str_to_u64(STR("18446744073709551615"), &u) && u == UINT64_MAX);
	CHECK(!str_to_u64(STR("18446744073709551616"), &u));
	CHECK(!str_to_u64(STR(""), &u) && !str_to_u64(STR("+1"), &u));
	CHECK(!str_to_u64(STR(" 1"), &u) && !str_to_u64(STR("0x1"), &u));
	CHECK(str_to_i64(STR("-9223372036854775808"), &i) && i == INT64_MIN);
	CHECK(!str_to_i64(STR("9223372036854775808"), &i));
}

TEST(str_distance_counts_edits)
{
	CHECK_INT(str_distance(STR("timeout"), STR("tiemout"), 3), 2);
	CHECK_INT(str_distance(STR("gpt-5"), STR("gpt5"), 3), 1);
	CHECK_INT(str_distance(STR("abc"), STR("xyz"), 2), 3);
}

/* One byte of each place is changed: its case alone, or what only looks so. */
TEST(str_nocase_at_every_length_and_place)
{
	static const char letters[] = "aZbYcXdWeVfUgTh[{@`1-";

	for (size_t len = 1; len < sizeof(letters); len++) {
		for (size_t at = 0; at < len; at++) {
			char other[sizeof(letters)];
			bool is_letter = at < 15;

			memcpy(other, letters, sizeof(letters));
			CHECK(str_eq_nocase(str_of(letters, len), str_of(other, len)));
			other[at] ^= 0x20;
			CHECK(str_eq_nocase(str_of(letters, len), str_of(other, len)) ==
			      is_letter);
			other[at] ^= 0x21;
			CHECK(!str_eq_nocase(str_of(letters, len), str_of(other, len)));
		}
	}
}

TEST(str_search)
{
	CHECK_INT(str_find_str(STR("hello world"), STR("wor")), 6);
	CHECK(str_has_by(STR("a mark1."), STR("mark1."), 4));
	CHECK(str_has_by(STR("1mark1mark1.1"), STR("mark1."), 4));
	CHECK(str_has_by(STR("mark1."), STR("mark1."), 0));
	CHECK(!str_has_by(STR("1 ark1. mark1"), STR("mark1."), 4));
	CHECK(!str_has_by(STR("ark1."), STR("mark1."), 4));
	CHECK_INT(str_find_last(STR("a/b/c"), '/'), 3);
	CHECK_INT(str_find_any(STR("abc\r\n"), STR("\r\n")), 3);
	CHECK(str_eq_nocase(STR("Content-TYPE"), STR("content-type")));
	CHECK(str_eq_nocase(STR("abcdefghIJ"), STR("ABCDEFGHij")));
	CHECK(!str_eq_nocase(STR("abcdefgh@J"), STR("abcdefgh`j")));
	CHECK(!str_eq_nocase(STR("[bcdefgh"), STR("{bcdefgh")));
	CHECK(!str_eq_nocase(STR("\xc1\xc1\xc1\xc1\xc1\xc1\xc1\xc1"),
	                     STR("\xe1\xc1\xc1\xc1\xc1\xc1\xc1\xc1")));
	CHECK(str_cmp(STR("a"), STR("ab")) < 0 && str_cmp(STR("b"), STR("ab")) > 0);
}
