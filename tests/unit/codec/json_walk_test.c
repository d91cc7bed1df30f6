#include "base/buf.h"
#include "codec/json.h"
#include "tests/check.h"

#include <stdlib.h>

static struct json_value parse(str text)
{
	struct json_value v = { .type = JSON_NONE };

	CHECK_OK(json_check(text, &json_limits_default, &v));
	return v;
}

static unsigned next_random(unsigned *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return *seed >> 16 & 0x7fff;
}

/* The members or items, as "key=value;" or "value;". */
static str listed(struct buf *to, struct json_value v)
{
	struct json_member m;

	buf_clear(to);
	for (struct json_iter it = json_iter(v); json_next(&it, &m);) {
		buf_add(to, m.key);
		if (v.type == JSON_OBJECT)
			buf_add_char(to, '=');
		buf_add(to, m.value.raw);
		buf_add_char(to, ';');
	}
	return buf_str(to);
}

TEST(json_iter_walks_objects_and_arrays)
{
	struct buf b = BUF_LIMIT(4 * KiB);

	CHECK_STR(listed(&b, parse(STR("{}"))), "");
	CHECK_STR(listed(&b, parse(STR("[ ]"))), "");
	CHECK_STR(listed(&b, parse(STR("{\"a\":1}"))), "a=1;");
	CHECK_STR(listed(&b, parse(STR("[1,-2.5e3 , true,false,null]"))),
	          "1;-2.5e3;true;false;null;");
	CHECK_STR(listed(&b, parse(STR("[[],{},[[1,2],3],{\"]\":\"}\"}]"))),
	          "[];{};[[1,2],3];{\"]\":\"}\"};");
	CHECK_STR(
	        listed(&b, parse(STR(" {\n\t\"a\" : \"x,}\" ,\r\n \"\" : [ 1 , 2 ] } "))),
	        "a=\"x,}\";=[ 1 , 2 ];");
	CHECK_STR(listed(&b, parse(STR("{\"a\\\"b\":\"\\\\\",\"c\\\\\":\"\\\"\"}"))),
	          "a\\\"b=\"\\\\\";c\\\\=\"\\\"\";");
	CHECK_STR(listed(&b, parse(STR("\"abc\""))), "");
	CHECK_STR(listed(&b, parse(STR("12"))), "");
	buf_free(&b);
}

/* Escapes and quotes at every distance from a block of sixteen. */
TEST(json_iter_finds_the_end_of_every_string)
{
	struct buf text = BUF_LIMIT(4 * KiB), got = BUF_LIMIT(4 * KiB),
	           want = BUF_LIMIT(4 * KiB);

	for (int i = 0; i < 70; i++) {
		static const char x[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		                        "xxxxxxxxxxxxxxxxxxxxxx";

		buf_clear(&text);
		buf_clear(&want);
		buf_addf(&text, "[\"%.*s\\\"\xc3\xa9%.*s\\\\\",{\"%.*s\\\\\":\"]\"},0]",
		         i, x, 70 - i, x, i, x);
		buf_addf(&want, "\"%.*s\\\"\xc3\xa9%.*s\\\\\";{\"%.*s\\\\\":\"]\"};0;", i,
		         x, 70 - i, x, i, x);
		CHECK_STR_EQ(listed(&got, parse(buf_str(&text))), buf_str(&want));
	}
	buf_free(&text);
	buf_free(&got);
	buf_free(&want);
}

/* Adds a string made to mislead: brackets, quotes behind odd runs of backslashes, even
 * runs before its end, and stretches without a quote that are longer than any block. */
static void add_misleading(struct buf *to, unsigned *seed)
{
	static const str pieces[] = { STR_INIT("\\\""),    STR_INIT("\\\\"),
		                      STR_INIT("}"),       STR_INIT("]"),
		                      STR_INIT("{[,:"),    STR_INIT("\\n"),
		                      STR_INIT("\xc3\xa9") };

	buf_add_char(to, '"');
	for (unsigned left = next_random(seed) % 6; left > 0; left--) {
		str piece = pieces[next_random(seed) % countof(pieces)];
		unsigned times = next_random(seed) % 8 ? 1 : next_random(seed) % 150;

		while (times-- > 0)
			buf_add(to, piece);
		for (unsigned plain = next_random(seed) % 4 ? next_random(seed) % 9
		                                            : next_random(seed) % 200;
		     plain > 0; plain--)
			buf_add_char(to, 'x');
	}
	buf_add_char(to, '"');
}

/* What was put in comes out, at every length and place of strings. */
TEST(json_iter_is_not_misled)
{
	struct buf text = BUF_LIMIT(MiB), got = BUF_LIMIT(MiB), want = BUF_LIMIT(MiB);
	unsigned seed = 1;

	for (int i = 0; i < 3000; i++) {
		buf_set(&text, STR("["));
		buf_clear(&want);
		for (unsigned items = 1 + next_random(&seed) % 5; items > 0; items--) {
			size_t from = text.len;
			bool is_nested = next_random(&seed) % 2;

			if (is_nested) {
				buf_add(&text, STR("{\"k\":["));
				add_misleading(&text, &seed);
				buf_add(&text, STR(",[1]],"));
				add_misleading(&text, &seed);
				buf_add_char(&text, ':');
			}
			add_misleading(&text, &seed);
			if (is_nested)
				buf_add_char(&text, '}');
			buf_add(&want, str_from(buf_str(&text), from));
			buf_add_char(&want, ';');
			buf_add_char(&text, items > 1 ? ',' : ']');
		}
		CHECK_STR_EQ(
		        listed(&got, (struct json_value){ JSON_ARRAY, buf_str(&text) }),
		        buf_str(&want));
	}
	buf_free(&text);
	buf_free(&got);
	buf_free(&want);
}

/* Text that was not checked: any answer, but no byte outside it. */
TEST(json_iter_stays_inside_any_text)
{
	static const str texts[] = {
		STR_INIT("{\"a\":[1,{\"b\":\"c\\\"d\"},true],\"e\":null}"),
		STR_INIT("[\"\\u00e9\",[[{}]],-1.5e3,\"x\"]"),
		STR_INIT("{{{{[[[[\"\"\"\"\\\\\\\\"),
		STR_INIT("]]]]}}}},,,,::::"),
	};

	for (size_t i = 0; i < countof(texts); i++) {
		for (size_t n = 0; n <= texts[i].len; n++) {
			struct json_member m;
			char *copy = malloc(n + 1), *tight = malloc(n ? n : 1);

			memcpy(tight, texts[i].ptr, n);
			for (int type = JSON_NONE; type <= JSON_NULL; type++) {
				struct json_value v = { (enum json_type)type,
					                str_of(tight, n) };

				for (struct json_iter it = json_iter(v);
				     json_next(&it, &m);) {
					CHECK(m.value.raw.ptr >= tight);
					CHECK(m.value.raw.ptr + m.value.raw.len <=
					      tight + n);
					CHECK(json_text(m.value, copy).len <= n);
				}
				json_get(v, STR("e"));
				json_path(v, "a.b.c");
			}
			free(copy);
			free(tight);
		}
	}
}

TEST(json_get_compares_names_unescaped)
{
	struct json_value v =
	        parse(STR("{\"a\":1,\"b\\u0041\\n\":2,\"a\":3,\"\\\\u0041\":4,"
	                  "\"\\ud83d\\ude00\":5,\"Model\":6,\"\":7}"));

	CHECK_STR(json_get(v, STR("a")).raw, "1");
	CHECK_STR(json_get(v, STR("bA\n")).raw, "2");
	CHECK_INT(json_get(v, STR("b\\u0041\\n")).type, JSON_NONE);
	CHECK_STR(json_get(v, STR("\\u0041")).raw, "4");
	CHECK_STR(json_get(v, STR("\xf0\x9f\x98\x80")).raw, "5");
	CHECK_INT(json_get(v, STR("model")).type, JSON_NONE);
	CHECK_STR(json_get(v, STR("")).raw, "7");
	CHECK_INT(json_get(v, STR("c")).type, JSON_NONE);
	CHECK_INT(json_get(v, STR("c")).raw.len, 0);
	CHECK_INT(json_get(parse(STR("[1,2]")), STR("")).type, JSON_NONE);
	CHECK_INT(json_get(parse(STR("\"a\"")), STR("a")).type, JSON_NONE);
}

TEST(json_path_goes_through_objects)
{
	struct json_value v =
	        parse(STR("{\"usage\":{\"prompt_tokens\":5,\"prompt_tokens_details\":"
	                  "{\"cached_tokens\":3}},\"choices\":[{\"index\":0}]}"));
	uint64_t n = 0;

	CHECK(json_u64(json_path(v, "usage.prompt_tokens_details.cached_tokens"), &n));
	CHECK_INT(n, 3);
	CHECK_STR(json_path(v, "usage.prompt_tokens").raw, "5");
	CHECK_INT(json_path(v, "usage.prompt_tokens.x").type, JSON_NONE);
	CHECK_INT(json_path(v, "usage.x.y").type, JSON_NONE);
	CHECK_INT(json_path(v, "choices.index").type, JSON_NONE);
	CHECK_INT(json_path(v, "choices").type, JSON_ARRAY);
	CHECK_INT(json_path(v, "").type, JSON_NONE);
}

TEST(json_object_members_have_their_limit)
{
	struct json_member m[3];
	struct json_value v =
	        parse(STR("{\"o\":{\"a\":1,\"b\":[2],\"c\":{}},"
	                  "\"p\":{\"a\":1,\"b\":2,\"c\":3,\"d\":4},\"q\":[1,2]}"));
	size_t n = 0;

	CHECK_OK(json_object_members(json_get(v, STR("o")), m, 3, &n));
	CHECK_INT(n, 3);
	CHECK_STR(m[1].key, "b");
	CHECK_STR(m[1].value.raw, "[2]");
	CHECK_INT(m[2].value.type, JSON_OBJECT);
	CHECK_FAULT(json_object_members(json_get(v, STR("p")), m, 3, &n),
	            FAULT_JSON_LIMIT);
	CHECK_OK(json_object_members(json_get(v, STR("q")), m, 3, &n));
	CHECK_INT(n, 0);
}

TEST(json_numbers_are_taken_only_when_they_are_whole)
{
	static const struct {
		str text;
		bool is_u64, is_i64;
		int64_t value;
	} numbers[] = {
		{ STR_INIT("0"), true, true, 0 },
		{ STR_INIT("7"), true, true, 7 },
		{ STR_INIT("2147483648"), true, true, 2147483648 },
		{ STR_INIT("9223372036854775807"), true, true, INT64_MAX },
		{ STR_INIT("9223372036854775808"), false, false, 0 },
		{ STR_INIT("18446744073709551616"), false, false, 0 },
		{ STR_INIT("-1"), false, true, -1 },
		{ STR_INIT("-9223372036854775808"), false, true, INT64_MIN },
		{ STR_INIT("-9223372036854775809"), false, false, 0 },
		{ STR_INIT("-0"), false, false, 0 },
		{ STR_INIT("1.0"), false, false, 0 },
		{ STR_INIT("1e2"), false, false, 0 },
		{ STR_INIT("1e400"), false, false, 0 },
		{ STR_INIT("\"1\""), false, false, 0 },
		{ STR_INIT("true"), false, false, 0 },
		{ STR_INIT("[1]"), false, false, 0 },
	};

	for (size_t i = 0; i < countof(numbers); i++) {
		struct json_value v = parse(numbers[i].text);
		uint64_t u = 77;
		int64_t n = 77;

		CHECK_INT(json_u64(v, &u), numbers[i].is_u64);
		CHECK_INT(json_i64(v, &n), numbers[i].is_i64);
		CHECK_INT((int64_t)u, numbers[i].is_u64 ? numbers[i].value : 77);
		CHECK_INT(n, numbers[i].is_i64 ? numbers[i].value : 77);
	}
}
