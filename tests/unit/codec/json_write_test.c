#include "codec/json.h"
#include "codec/json_write.h"
#include "tests/check.h"

TEST(json_writer_puts_the_commas)
{
	struct buf b = BUF_LIMIT(4 * KiB);
	struct json_writer w = { .to = &b };

	json_open(&w, '{');
	json_key_str(&w, STR("s"), STR("x"));
	json_key_int(&w, STR("i"), -5);
	json_key_bool(&w, STR("b"), true);
	json_key(&w, STR("a"));
	json_open(&w, '[');
	json_uint(&w, UINT64_MAX);
	json_null(&w);
	json_open(&w, '[');
	json_close(&w, ']');
	json_open(&w, '{');
	json_close(&w, '}');
	json_bool(&w, false);
	json_close(&w, ']');
	json_key(&w, STR("o"));
	json_open(&w, '{');
	json_key(&w, STR("r"));
	json_raw(&w, STR("[1,2]"));
	json_close(&w, '}');
	json_key(&w, STR("\"q\n"));
	json_int(&w, INT64_MIN);
	json_close(&w, '}');
	CHECK_STR(buf_str(&b),
	          "{\"s\":\"x\",\"i\":-5,\"b\":true,\"a\":[18446744073709551615,null,"
	          "[],{},false],\"o\":{\"r\":[1,2]},\"\\\"q\\n\":"
	          "-9223372036854775808}");
	CHECK_OK(json_check(buf_str(&b), &json_limits_default, NULL));
	buf_free(&b);
}

TEST(json_writer_writes_a_bare_root)
{
	struct buf b = BUF_LIMIT(64);
	struct json_writer w = { .to = &b };

	json_str(&w, STR_NONE);
	CHECK_STR(buf_str(&b), "\"\"");
	buf_free(&b);
}

TEST(json_escape_keeps_what_it_can)
{
	static const struct {
		str text, want;
	} texts[] = {
		{ STR_INIT(""), STR_INIT("") },
		{ STR_INIT("plain / text"), STR_INIT("plain / text") },
		{ STR_INIT("\"\\\b\f\n\r\t"), STR_INIT("\\\"\\\\\\b\\f\\n\\r\\t") },
		{ STR_INIT("\0\x01\x1f\x7f"), STR_INIT("\\u0000\\u0001\\u001f\x7f") },
		{ STR_INIT("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
		  STR_INIT("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80") },
		{ STR_INIT("a\xff"
		           "b"),
		  STR_INIT("a\xef\xbf\xbd"
		           "b") },
		{ STR_INIT("\xed\xa0\x80"),
		  STR_INIT("\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd") },
		{ STR_INIT("\xc3"), STR_INIT("\xef\xbf\xbd") },
		{ STR_INIT("\xe2\x80\xa8"), STR_INIT("\xe2\x80\xa8") },
	};
	struct buf b = BUF_LIMIT(256);

	for (size_t i = 0; i < countof(texts); i++) {
		buf_clear(&b);
		json_escape(&b, texts[i].text);
		CHECK_STR_EQ(buf_str(&b), texts[i].want);
	}
	buf_free(&b);
}

/* Whatever room there is, down to where the limit cuts it off: what is written is the
 * same, and nothing is written behind it. */
TEST(json_escape_needs_no_more_room_than_it_takes)
{
	static const char x[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
	struct buf text = BUF_LIMIT(KiB), want = BUF_LIMIT(KiB);

	for (int before = 0; before <= 40; before++) {
		for (int behind = 0; behind <= 40; behind++) {
			buf_clear(&text);
			buf_clear(&want);
			buf_addf(&text, "%.*s\n%.*s\xc3\xa9\"%.*s", before, x, behind, x,
			         behind, x);
			buf_addf(&want, "%.*s\\n%.*s\xc3\xa9\\\"%.*s", before, x, behind,
			         x, behind, x);
			struct buf exact = BUF_LIMIT(want.len),
			           short_by_one = BUF_LIMIT(want.len - 1);

			json_escape(&exact, buf_str(&text));
			CHECK_STR_EQ(buf_str(&exact), buf_str(&want));
			CHECK(!exact.over);
			json_escape(&short_by_one, buf_str(&text));
			CHECK(short_by_one.over);
			buf_free(&exact);
			buf_free(&short_by_one);
		}
	}
	buf_free(&text);
	buf_free(&want);
}

TEST(json_text_comes_back_as_it_was_written)
{
	struct buf b = BUF_LIMIT(4 * KiB);
	char text[256], room[2048];

	for (int i = 0; i < 128; i++)
		text[i] = (char)i;
	for (size_t at = 0; at < 128; at++) {
		struct json_writer w = { .to = &b };

		buf_clear(&b);
		json_str(&w, str_of(text + at, 128 - at));
		CHECK_OK(json_check(buf_str(&b), &json_limits_default, NULL));
		CHECK_STR_EQ(
		        json_text((struct json_value){ JSON_STRING, buf_str(&b) }, room),
		        str_of(text + at, 128 - at));
	}
	buf_free(&b);
}

static bool write_nested(unsigned depth, str *ret, struct buf *b)
{
	struct json_writer w = { .to = b };

	buf_clear(b);
	for (unsigned i = 0; i < depth; i++) {
		json_open(&w, i % 2 ? '{' : '[');
		if (i % 2)
			json_key(&w, STR("k"));
	}
	json_int(&w, 1);
	for (unsigned i = depth; i > 0; i--)
		json_close(&w, i % 2 ? ']' : '}');
	*ret = buf_str(b);
	return !b->over;
}

/* How deep is decided by what a client sent, so it must not end in an assert. */
TEST(json_writer_is_over_beyond_63_levels)
{
	struct buf b = BUF_LIMIT(4 * KiB);
	str text;

	CHECK(write_nested(62, &text, &b));
	CHECK(write_nested(63, &text, &b));
	CHECK_OK(json_check(text, &json_limits_default, NULL));
	CHECK(!write_nested(64, &text, &b));
	CHECK(!write_nested(200, &text, &b));
	buf_free(&b);
}

TEST(json_writer_remembers_what_did_not_fit)
{
	struct buf b = BUF_LIMIT(10);
	struct json_writer w = { .to = &b };

	json_open(&w, '[');
	json_str(&w, STR("0123456789"));
	json_close(&w, ']');
	CHECK(b.over);
	buf_free(&b);
}
