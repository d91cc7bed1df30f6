#include "codec/json_text.h"

#include "base/buf.h"
#include "codec/json.h"
#include "tests/check.h"

#include <stdlib.h>

static const struct {
	str raw, text;
} strings[] = {
	{ STR_INIT("\"\""), STR_INIT("") },
	{ STR_INIT("\"abc\""), STR_INIT("abc") },
	{ STR_INIT("\"\xc3\xa9\""), STR_INIT("\xc3\xa9") },
	{ STR_INIT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), STR_INIT("\"\\/\b\f\n\r\t") },
	{ STR_INIT("\"a\\nb\\n\""), STR_INIT("a\nb\n") },
	{ STR_INIT("\"\\u0041\\u00e9\\u20AC\""), STR_INIT("A\xc3\xa9\xe2\x82\xac") },
	{ STR_INIT("\"\\u0000\""), STR_INIT("\0") },
	{ STR_INIT("\"\\ud83d\\ude00!\""), STR_INIT("\xf0\x9f\x98\x80!") },
	{ STR_INIT("\"\\uDBFF\\uDFFF\""), STR_INIT("\xf4\x8f\xbf\xbf") },
	{ STR_INIT("\"\\ud83d\""), STR_INIT("\xef\xbf\xbd") },
	{ STR_INIT("\"\\ude00\""), STR_INIT("\xef\xbf\xbd") },
	{ STR_INIT("\"\\ud83dx\""), STR_INIT("\xef\xbf\xbdx") },
	{ STR_INIT("\"\\ud83d\\n\""), STR_INIT("\xef\xbf\xbd\n") },
	{ STR_INIT("\"\\ud83d\\u0041\""), STR_INIT("\xef\xbf\xbd"
	                                           "A") },
	{ STR_INIT("\"\\ud83d\\ud83d\\ude00\""),
	  STR_INIT("\xef\xbf\xbd\xf0\x9f\x98\x80") },
	{ STR_INIT("\"\\ude00\\ud83d\""), STR_INIT("\xef\xbf\xbd\xef\xbf\xbd") },
	{ STR_INIT("\"\\\\u0041\""), STR_INIT("\\u0041") },
	{ STR_INIT("\"<\\u003c\\u003E>\""), STR_INIT("<<>>") },
};

TEST(json_text_unescapes)
{
	for (size_t i = 0; i < countof(strings); i++) {
		struct json_value v = { JSON_STRING, strings[i].raw };
		char *room = malloc(v.raw.len); /* not a byte more, for ASan */
		str text = json_text(v, room);

		CHECK_OK(json_check(v.raw, &json_limits_default, NULL));
		CHECK_STR_EQ(text, strings[i].text);
		CHECK_INT(json_has_text(v), text.len > 0);
		CHECK_INT(text.ptr == room, memchr(v.raw.ptr, '\\', v.raw.len) != NULL);
		free(room);
	}
}

/* Escapes at every distance from a block of sixteen, with nothing or much behind them. */
TEST(json_text_unescapes_at_every_place)
{
	static const char x[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
	struct buf raw = BUF_LIMIT(KiB), want = BUF_LIMIT(KiB);

	for (int before = 0; before <= 40; before++) {
		for (int behind = 0; behind <= 40; behind++) {
			buf_clear(&raw);
			buf_clear(&want);
			buf_addf(&raw, "\"%.*s\\n\\\\%.*s\\u00e9\\\"%.*s\"", before, x,
			         behind, x, behind, x);
			buf_addf(&want, "%.*s\n\\%.*s\xc3\xa9\"%.*s", before, x, behind,
			         x, behind, x);
			struct json_value v = { JSON_STRING, buf_str(&raw) };
			char *room = malloc(v.raw.len); /* not a byte more, for ASan */

			CHECK_STR_EQ(json_text(v, room), buf_str(&want));
			free(room);
		}
	}
	buf_free(&raw);
	buf_free(&want);
}

TEST(json_may_have_u_sees_one_at_every_place)
{
	static const char x[] = "uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu";
	struct buf b = BUF_LIMIT(KiB);

	CHECK(!json_may_have_u(STR_NONE));
	for (int before = 0; before <= 40; before++) {
		for (int behind = 0; behind <= 40; behind++) {
			buf_clear(&b);
			buf_addf(&b, "%.*s\\n%.*s", before, x, behind, x);
			CHECK(!json_may_have_u(buf_str(&b)));
			buf_addf(&b, "\\ud800%.*s", behind, x);
			CHECK(json_may_have_u(buf_str(&b)));
			CHECK(!json_may_have_u(
			        str_first(buf_str(&b), str_find(buf_str(&b), 'd') - 1)));
		}
	}
	buf_free(&b);
}

TEST(json_text_is_compares_without_room)
{
	for (size_t i = 0; i < countof(strings); i++) {
		for (size_t j = 0; j < countof(strings); j++) {
			struct json_value v = { JSON_STRING, strings[i].raw };
			bool same = str_eq(strings[i].text, strings[j].text);

			CHECK_INT(json_text_is(v, strings[j].text), same);
		}
	}
	CHECK(!json_text_is((struct json_value){ JSON_STRING, STR("\"a\\nb\"") },
	                    STR("a\\nb")));
	CHECK(!json_text_is((struct json_value){ JSON_STRING, STR("\"a\\n\"") },
	                    STR("a\nb")));
	CHECK(!json_text_is((struct json_value){ JSON_STRING, STR("\"ab\\n\"") },
	                    STR("ab")));
}

TEST(json_text_of_what_is_no_string_is_empty)
{
	char room[16];
	struct json_value number = { JSON_NUMBER, STR("12") };
	struct json_value none = { JSON_NONE, STR("") };

	CHECK_STR(json_text(number, room), "");
	CHECK_STR(json_text(none, room), "");
	CHECK(!json_text_is(number, STR("12")) && !json_text_is(none, STR("")));
	CHECK(!json_has_text(number) && !json_has_text(none));
}

/* Escapes that do not exist can only stand in text nobody checked. */
TEST(json_text_of_unchecked_text_stays_in_its_room)
{
	static const str raws[] = {
		STR_INIT("\"\\\""),
		STR_INIT("\"\\u\\u\\u\\u\""),
		STR_INIT("\"\\u12\""),
		STR_INIT("\"\\ud83d\\u\""),
		STR_INIT("\"\\q\\\xff\\\""),
		STR_INIT("\""),
		STR_INIT(""),
	};

	for (size_t i = 0; i < countof(raws); i++) {
		char *room = malloc(raws[i].len + 1);
		str text = json_text((struct json_value){ JSON_STRING, raws[i] }, room);

		CHECK(text.len <= raws[i].len);
		free(room);
	}
}

TEST(json_take_inside_ends_at_the_quote)
{
	static const struct {
		str text, inside; /* none: there is no valid inside */
		bool is_valid;
	} rows[] = {
		{ STR_INIT("abc\",\"d\""), STR_INIT("abc"), true },
		{ STR_INIT("\""), STR_INIT(""), true },
		{ STR_INIT("a\\\"b\\n\\u00e9\xc3\xa9\"}"),
		  STR_INIT("a\\\"b\\n\\u00e9\xc3\xa9"), true },
		{ STR_INIT(""), STR_INIT(""), false },
		{ STR_INIT("abc"), STR_INIT(""), false },
		{ STR_INIT("abc\\\""), STR_INIT(""), false },
		{ STR_INIT("a\nb\""), STR_INIT(""), false },
		{ STR_INIT("a\\x\""), STR_INIT(""), false },
		{ STR_INIT("a\xc3\""), STR_INIT(""), false },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		str text = rows[i].text, inside = STR("?");

		CHECK_INT(json_take_inside(&text, &inside), rows[i].is_valid);
		CHECK_STR_EQ(inside, rows[i].is_valid ? rows[i].inside : STR("?"));
		CHECK_INT(text.len, rows[i].text.len - rows[i].inside.len);
	}
}
