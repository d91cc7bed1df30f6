#include "base/buf.h"
#include "codec/json.h"
#include "tests/check.h"

#include <stdlib.h>
#include <time.h>

static const struct json_limits *const usual = &json_limits_default;

static fault_t check(str text)
{
	return json_check(text, usual, NULL);
}

/* In the spirit of JSONTestSuite: y must pass, n must not, and i is what RFC 8259 leaves
 * open: as the digit of `ours` says. */
static const struct {
	char kind;
	bool ours;
	str text;
} cases[] = {
	{ 'y', 1, STR_INIT("[]") },
	{ 'y', 1, STR_INIT("{}") },
	{ 'y', 1, STR_INIT(" \t\r\n[ ]\n") },
	{ 'y', 1, STR_INIT("null") },
	{ 'y', 1, STR_INIT("true") },
	{ 'y', 1, STR_INIT("false") },
	{ 'y', 1, STR_INIT("\"\"") },
	{ 'y', 1, STR_INIT("\"a\"") },
	{ 'y', 1, STR_INIT("0") },
	{ 'y', 1, STR_INIT("-0") },
	{ 'y', 1, STR_INIT("[-0.0e-0]") },
	{ 'y', 1, STR_INIT("42 ") },
	{ 'y', 1, STR_INIT("[1,2,3]") },
	{ 'y', 1, STR_INIT("[1.5,-1.5E+10,0e1,1E2,123e-65]") },
	{ 'y', 1, STR_INIT("[null,true,false,\"\",{},[]]") },
	{ 'y', 1, STR_INIT("[[[[]]],{\"a\":{}}]") },
	{ 'y', 1, STR_INIT("{\"\":0}") },
	{ 'y', 1, STR_INIT("{\"a\":1,\"a\":2}") },
	{ 'y', 1, STR_INIT("{ \"a\" : [ 1 , 2 ] , \"b\" : null }") },
	{ 'y', 1, STR_INIT("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]") },
	{ 'y', 1, STR_INIT("[\"\\u0000\\uABCD\\uabcd\\uD834\\uDd1e\"]") },
	{ 'y', 1, STR_INIT("[\"\\\\u0000\\\\n\"]") },
	{ 'y', 1, STR_INIT("[\"\x7f/\"]") },
	{ 'y', 1, STR_INIT("[\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"]") },
	{ 'y', 1, STR_INIT("[\"\xe2\x80\xa8\xe2\x80\xa9\xc2\x85\xef\xbb\xbf\"]") },
	{ 'y', 1,
	  STR_INIT("[\"\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\xf4\x8f\xbf\xbf\"]") },
	{ 'y', 1, STR_INIT("{\"a/*b*/c\":\"// d\"}") },
	{ 'y', 1, STR_INIT("[\"[{]},:\"]") },
	{ 'n', 0, STR_INIT("") },
	{ 'n', 0, STR_INIT(" ") },
	{ 'n', 0, STR_INIT("[") },
	{ 'n', 0, STR_INIT("{") },
	{ 'n', 0, STR_INIT("]") },
	{ 'n', 0, STR_INIT("[1") },
	{ 'n', 0, STR_INIT("[1,") },
	{ 'n', 0, STR_INIT("[1,]") },
	{ 'n', 0, STR_INIT("[,1]") },
	{ 'n', 0, STR_INIT("[,]") },
	{ 'n', 0, STR_INIT("[1,,2]") },
	{ 'n', 0, STR_INIT("[1 2]") },
	{ 'n', 0, STR_INIT("[1}") },
	{ 'n', 0, STR_INIT("[}") },
	{ 'n', 0, STR_INIT("{]") },
	{ 'n', 0, STR_INIT("[]]") },
	{ 'n', 0, STR_INIT("{}}") },
	{ 'n', 0, STR_INIT("[] []") },
	{ 'n', 0, STR_INIT("{}#") },
	{ 'n', 0, STR_INIT("1 2") },
	{ 'n', 0, STR_INIT("{\"a\"") },
	{ 'n', 0, STR_INIT("{\"a\":") },
	{ 'n', 0, STR_INIT("{\"a\":}") },
	{ 'n', 0, STR_INIT("{\"a\" 1}") },
	{ 'n', 0, STR_INIT("{\"a\":1,}") },
	{ 'n', 0, STR_INIT("{,\"a\":1}") },
	{ 'n', 0, STR_INIT("{\"a\":1,,\"b\":2}") },
	{ 'n', 0, STR_INIT("{\"a\"::1}") },
	{ 'n', 0, STR_INIT("{\"a\":1 \"b\":2}") },
	{ 'n', 0, STR_INIT("{\"a\":1:2}") },
	{ 'n', 0, STR_INIT("{a:1}") },
	{ 'n', 0, STR_INIT("{'a':1}") },
	{ 'n', 0, STR_INIT("{1:1}") },
	{ 'n', 0, STR_INIT("{null:1}") },
	{ 'n', 0, STR_INIT("{\"a\",\"b\"}") },
	{ 'n', 0, STR_INIT("[\"a\":1]") },
	{ 'n', 0, STR_INIT("{\"a\":1]") },
	{ 'n', 0, STR_INIT("nul") },
	{ 'n', 0, STR_INIT("nulll") },
	{ 'n', 0, STR_INIT("True") },
	{ 'n', 0, STR_INIT("[truf]") },
	{ 'n', 0, STR_INIT("[tru") },
	{ 'n', 0, STR_INIT("undefined") },
	{ 'n', 0, STR_INIT("[NaN]") },
	{ 'n', 0, STR_INIT("[nan]") },
	{ 'n', 0, STR_INIT("[Infinity]") },
	{ 'n', 0, STR_INIT("[-Infinity]") },
	{ 'n', 0, STR_INIT("[+1]") },
	{ 'n', 0, STR_INIT("[-]") },
	{ 'n', 0, STR_INIT("-") },
	{ 'n', 0, STR_INIT("[--1]") },
	{ 'n', 0, STR_INIT("[01]") },
	{ 'n', 0, STR_INIT("[-01]") },
	{ 'n', 0, STR_INIT("[00]") },
	{ 'n', 0, STR_INIT("[1.]") },
	{ 'n', 0, STR_INIT("1.") },
	{ 'n', 0, STR_INIT("[.5]") },
	{ 'n', 0, STR_INIT("[-.5]") },
	{ 'n', 0, STR_INIT("[1.e5]") },
	{ 'n', 0, STR_INIT("[1e]") },
	{ 'n', 0, STR_INIT("[1e+]") },
	{ 'n', 0, STR_INIT("1e") },
	{ 'n', 0, STR_INIT("[1eE2]") },
	{ 'n', 0, STR_INIT("[1e1.5]") },
	{ 'n', 0, STR_INIT("[0x1F]") },
	{ 'n', 0, STR_INIT("[1_000]") },
	{ 'n', 0, STR_INIT("[1a]") },
	{ 'n', 0, STR_INIT("[\xef\xbc\x91]") },
	{ 'n', 0, STR_INIT("\"") },
	{ 'n', 0, STR_INIT("\"a") },
	{ 'n', 0, STR_INIT("'a'") },
	{ 'n', 0, STR_INIT("[\"\\\"]") },
	{ 'n', 0, STR_INIT("[\"\\") },
	{ 'n', 0, STR_INIT("[\"\\a\"]") },
	{ 'n', 0, STR_INIT("[\"\\x41\"]") },
	{ 'n', 0, STR_INIT("[\"\\'\"]") },
	{ 'n', 0, STR_INIT("[\"\\U0041\"]") },
	{ 'n', 0, STR_INIT("[\"\\u\"]") },
	{ 'n', 0, STR_INIT("[\"\\u00A\"]") },
	{ 'n', 0, STR_INIT("[\"\\u00G0\"]") },
	{ 'n', 0, STR_INIT("[\"\\u+041\"]") },
	{ 'n', 0, STR_INIT("[\"\\uD834\\uDd\"]") },
	{ 'n', 0, STR_INIT("[\"\\\xc3\xa9\"]") },
	{ 'n', 0, STR_INIT("[\"a\nb\"]") },
	{ 'n', 0, STR_INIT("[\"a\tb\"]") },
	{ 'n', 0, STR_INIT("[\"a\0b\"]") },
	{ 'n', 0, STR_INIT("[\"\x1f\"]") },
	{ 'n', 0, STR_INIT("[1\0]") },
	{ 'n', 0, STR_INIT("[1]\0") },
	{ 'n', 0, STR_INIT("[1\f]") },
	{ 'n', 0, STR_INIT("[\xc2\xa0]") },
	{ 'n', 0, STR_INIT("[\xe2\x81\xa0]") },
	{ 'n', 0, STR_INIT("[1]//c") },
	{ 'n', 0, STR_INIT("/*c*/[1]") },
	{ 'n', 0, STR_INIT("[1,#c\n2]") },
	{ 'n', 0, STR_INIT("<null>") },
	{ 'i', 0, STR_INIT("\xef\xbb\xbf{}") }, /* a BOM */
	{ 'i', 0, STR_INIT("\xef\xbb\xbf") },
	{ 'i', 0, STR_INIT("\xff\xfe[\0]\0") }, /* UTF-16 */
	{ 'i', 0, STR_INIT("\0[\0]") },
	{ 'i', 0, STR_INIT("[\"\xff\"]") },
	{ 'i', 0, STR_INIT("[\"\x80\"]") },
	{ 'i', 0, STR_INIT("[\"\xe9\"]") },
	{ 'i', 0, STR_INIT("[\"\xc0\xaf\"]") }, /* overlong */
	{ 'i', 0, STR_INIT("[\"\xc1\xbf\"]") },
	{ 'i', 0, STR_INIT("[\"\xe0\x80\xaf\"]") },
	{ 'i', 0, STR_INIT("[\"\xe0\x9f\xbf\"]") },
	{ 'i', 0, STR_INIT("[\"\xf0\x8f\xbf\xbf\"]") },
	{ 'i', 0, STR_INIT("[\"\xed\xa0\x80\"]") }, /* a surrogate, as bytes */
	{ 'i', 0, STR_INIT("[\"\xed\xbf\xbf\"]") },
	{ 'i', 0, STR_INIT("[\"\xf4\x90\x80\x80\"]") }, /* beyond U+10FFFF */
	{ 'i', 0, STR_INIT("[\"\xf5\x80\x80\x80\"]") },
	{ 'i', 0, STR_INIT("[\"\xe2\x82\"]") }, /* cut */
	{ 'i', 0, STR_INIT("[\"\xf0\x9f\x98\"]") },
	{ 'i', 0, STR_INIT("[\"\xe2\x82") },
	{ 'i', 0, STR_INIT("[\"\xe2\x28\xa1\"]") },
	{ 'i', 1, STR_INIT("[\"\\uD800\"]") }, /* half pairs, as escapes */
	{ 'i', 1, STR_INIT("[\"\\uDC00\"]") },
	{ 'i', 1, STR_INIT("[\"\\uDd1e\\uD834\"]") },
	{ 'i', 1, STR_INIT("[\"\\uD800\\n\"]") },
	{ 'i', 1, STR_INIT("[\"\\uD800abc\"]") },
	{ 'i', 1, STR_INIT("{\"\\uDFAA\":0}") },
	{ 'i', 1, STR_INIT("[1e400]") },
	{ 'i', 1, STR_INIT("[-1e400,1e-400]") },
	{ 'i', 1, STR_INIT("[10176929106694746000]") },
	{ 'i', 1, STR_INIT("[0.4e00669999999999999999999999999999999999999999999]") },
};

TEST(json_check_takes_what_rfc_8259_takes)
{
	for (size_t i = 0; i < countof(cases); i++) {
		str text = cases[i].text;
		fault_t want = cases[i].ours ? NULL : FAULT_BAD_JSON;

		if (check(text) != want)
			check_failed(__FILE__, __LINE__, "case %zu, %c: \"%.*s\"", i,
			             cases[i].kind, STR_ARG(text));
		CHECK((cases[i].kind == 'y') <= cases[i].ours);
	}
}

/* What decides must not depend on how far a byte is from a block of sixteen. */
TEST(json_check_decides_alike_at_every_offset)
{
	char room[256];

	for (size_t i = 0; i < countof(cases); i++) {
		str text = cases[i].text;

		for (size_t shift = 0; shift < 40 && text.len > 0 && text.len < 100;
		     shift++) {
			size_t len = 0;

			room[len++] = '[';
			room[len++] = '"';
			for (size_t j = 0; j < shift; j++)
				room[len++] = 'x';
			room[len++] = '"';
			room[len++] = ',';
			memcpy(room + len, text.ptr, text.len);
			len += text.len;
			room[len++] = ']';
			if (str_eq(text, STR("]")) || str_eq(text, STR("[1,")) ||
			    str_eq(text, STR("[]]")))
				continue; /* what surrounds it completes it */
			fault_t want = cases[i].ours ? NULL : FAULT_BAD_JSON;
			if (check(str_of(room, len)) != want)
				check_failed(__FILE__, __LINE__, "case %zu behind %zu", i,
				             shift);
		}
	}
}

TEST(json_check_refuses_every_beginning)
{
	str text = STR(" {\"a\":[1.5e3,\"\\u00e9\xc3\xa9\",{\"b\":null}],\"c\":true} ");

	for (size_t n = 0; n < text.len - 1; n++) {
		char *copy = malloc(n + 1); /* so that ASan sees what is read behind it */

		memcpy(copy, text.ptr, n);
		CHECK_FAULT(check(str_of(copy, n)), FAULT_BAD_JSON);
		free(copy);
	}
	CHECK_OK(check(text));
	CHECK_FAULT(check(STR_NONE), FAULT_BAD_JSON);
}

TEST(json_check_says_where_the_root_stands)
{
	struct json_value root;

	CHECK_OK(json_check(STR(" {\"a\":1}\n"), usual, &root));
	CHECK_INT(root.type, JSON_OBJECT);
	CHECK_STR(root.raw, "{\"a\":1}");
	CHECK_OK(json_check(STR("\t-1.5 "), usual, &root));
	CHECK_INT(root.type, JSON_NUMBER);
	CHECK_STR(root.raw, "-1.5");
}

/* ---- limits, each at n - 1, n and n + 1 ---- */

static void add_many(struct buf *b, str piece, size_t n)
{
	while (n-- > 0)
		buf_add(b, piece);
}

static fault_t nested(size_t depth, str open, str core, str close)
{
	struct buf b = BUF_LIMIT(MiB);
	fault_t why;

	add_many(&b, open, depth);
	buf_add(&b, core);
	add_many(&b, close, depth);
	why = check(buf_str(&b));
	buf_free(&b);
	return why;
}

TEST(json_depth_ends_at_64)
{
	CHECK_OK(nested(63, STR("["), STR(""), STR("]")));
	CHECK_OK(nested(64, STR("["), STR("1"), STR("]")));
	CHECK_FAULT(nested(65, STR("["), STR(""), STR("]")), FAULT_JSON_LIMIT);
	CHECK_OK(nested(63, STR("{\"a\":"), STR("{}"), STR("}")));
	CHECK_OK(nested(64, STR("{\"a\":"), STR("1"), STR("}")));
	CHECK_FAULT(nested(64, STR("{\"a\":"), STR("[]"), STR("}")), FAULT_JSON_LIMIT);
	CHECK_OK(nested(32, STR("[{\"a\":"), STR("1"), STR("}]")));
	CHECK_FAULT(nested(64, STR("[{\"a\":"), STR("1"), STR("}]")), FAULT_JSON_LIMIT);
	CHECK_FAULT(nested(1000, STR("["), STR(""), STR("]")), FAULT_JSON_LIMIT);
	CHECK_FAULT(nested(100000, STR("["), STR(""), STR("")), FAULT_JSON_LIMIT);
	CHECK_FAULT(nested(64, STR("["), STR(""), STR("")), FAULT_BAD_JSON);
	CHECK_FAULT(nested(63, STR("[{\"a\":"), STR("1"), STR("]}")), FAULT_JSON_LIMIT);
	CHECK_FAULT(nested(20, STR("[{\"a\":"), STR("1"), STR("]}")), FAULT_BAD_JSON);
}

/* `[` and n - 1 objects are n nodes, and so is an object with n - 1 members. */
static fault_t nodes(size_t n, bool members)
{
	struct buf b = BUF_LIMIT(4 * MiB);
	fault_t why;

	buf_add(&b, members ? STR("{\"x\":0") : STR("[{}"));
	for (size_t i = 2; i < n; i++) {
		if (members)
			buf_addf(&b, ",\"k%zu\":0", i);
		else
			buf_add(&b, STR(",{}"));
	}
	buf_add(&b, members ? STR("}") : STR("]"));
	why = check(buf_str(&b));
	buf_free(&b);
	return why;
}

TEST(json_nodes_end_at_100000)
{
	CHECK_OK(nodes(99999, true));
	CHECK_OK(nodes(100000, true));
	CHECK_FAULT(nodes(100001, true), FAULT_JSON_LIMIT);
	CHECK_OK(nodes(99999, false));
	CHECK_OK(nodes(100000, false));
	CHECK_FAULT(nodes(100001, false), FAULT_JSON_LIMIT);
}

TEST(json_scalars_in_arrays_are_not_counted)
{
	struct buf b = BUF_LIMIT(4 * MiB);

	buf_add(&b, STR("[0"));
	add_many(&b, STR(",-0.125,\"a\",null"), 100000);
	buf_add(&b, STR("]"));
	CHECK_OK(check(buf_str(&b)));
	buf_free(&b);
}

static fault_t long_key(size_t n)
{
	struct buf b = BUF_LIMIT(4 * MiB);
	fault_t why;

	buf_add(&b, STR("{\""));
	add_many(&b, STR("k"), n);
	buf_add(&b, STR("\":1}"));
	why = check(buf_str(&b));
	buf_free(&b);
	return why;
}

TEST(json_keys_end_at_64_kib)
{
	CHECK_OK(long_key(64 * KiB - 1));
	CHECK_OK(long_key(64 * KiB));
	CHECK_FAULT(long_key(64 * KiB + 1), FAULT_JSON_LIMIT);
	CHECK_FAULT(long_key(MiB), FAULT_JSON_LIMIT);
}

static fault_t long_number(str head, size_t n)
{
	struct buf b = BUF_LIMIT(4 * MiB);
	fault_t why;

	buf_add(&b, head);
	add_many(&b, STR("7"), n - head.len);
	why = check(buf_str(&b));
	buf_free(&b);
	return why;
}

TEST(json_numbers_end_at_64)
{
	static const str heads[] = { STR_INIT(""), STR_INIT("-"), STR_INIT("0."),
		                     STR_INIT("1.5e-") };

	for (size_t i = 0; i < countof(heads); i++) {
		CHECK_OK(long_number(heads[i], 63));
		CHECK_OK(long_number(heads[i], 64));
		CHECK_FAULT(long_number(heads[i], 65), FAULT_JSON_LIMIT);
		CHECK_FAULT(long_number(heads[i], MiB), FAULT_JSON_LIMIT);
	}
}

/* ---- members ---- */

static fault_t members(str text, size_t most, size_t *ret_count)
{
	static struct json_member room[200];

	return json_members(text, usual, room, most, ret_count);
}

TEST(json_members_are_found_in_their_order)
{
	struct json_member m[8];
	size_t n = 0;

	CHECK_OK(json_members(
	        STR(" { \"model\" : \"gpt\" ,\"n\":[1,{\"model\":2}], \"o\":{} ,\n"
	            "\"t\":true,\"f\":false,\"z\":null,\"x\\u0041\":-1.5e3 } "),
	        usual, m, countof(m), &n));
	CHECK_INT(n, 7);
	CHECK_STR(m[0].key, "model");
	CHECK_STR(m[0].value.raw, "\"gpt\"");
	CHECK_INT(m[0].value.type, JSON_STRING);
	CHECK_STR(m[1].value.raw, "[1,{\"model\":2}]");
	CHECK_INT(m[1].value.type, JSON_ARRAY);
	CHECK_STR(m[2].value.raw, "{}");
	CHECK_INT(m[2].value.type, JSON_OBJECT);
	CHECK_INT(m[3].value.type, JSON_TRUE);
	CHECK_INT(m[4].value.type, JSON_FALSE);
	CHECK_STR(m[5].value.raw, "null");
	CHECK_INT(m[5].value.type, JSON_NULL);
	CHECK_STR(m[6].key, "x\\u0041");
	CHECK_STR(m[6].value.raw, "-1.5e3");
	CHECK_OK(members(STR("{}"), 0, &n));
	CHECK_INT(n, 0);
}

TEST(json_members_need_an_object)
{
	size_t n = 77;

	CHECK_FAULT(members(STR("[]"), 8, &n), FAULT_BAD_JSON);
	CHECK_FAULT(members(STR("[{\"a\":1}]"), 8, &n), FAULT_BAD_JSON);
	CHECK_FAULT(members(STR("\"a\""), 8, &n), FAULT_BAD_JSON);
	CHECK_FAULT(members(STR("null"), 8, &n), FAULT_BAD_JSON);
	CHECK_FAULT(members(STR(""), 8, &n), FAULT_BAD_JSON);
	CHECK_FAULT(members(STR("{\"a\":1}}"), 8, &n), FAULT_BAD_JSON);
	CHECK_FAULT(members(STR("{\"a\":01}"), 8, &n), FAULT_BAD_JSON);
	CHECK_INT(n, 77);
}

TEST(json_members_keep_to_their_room)
{
	size_t n;

	CHECK_OK(members(STR("{\"a\":1,\"b\":2}"), 3, &n));
	CHECK_OK(members(STR("{\"a\":1,\"b\":2,\"c\":3}"), 3, &n));
	CHECK_FAULT(members(STR("{\"a\":1,\"b\":2,\"c\":3,\"d\":4}"), 3, &n),
	            FAULT_JSON_LIMIT);
}

/* Pairs of names: 1 where a reader might take one for the other (R78). */
static const struct {
	bool alike;
	str a, b;
} pairs[] = {
	{ 1, STR_INIT("model"), STR_INIT("model") },
	{ 1, STR_INIT(""), STR_INIT("") },
	{ 1, STR_INIT("model"), STR_INIT("Model") },
	{ 1, STR_INIT("MODEL"), STR_INIT("mOdEl") },
	{ 1, STR_INIT("model"), STR_INIT("m\\u006fdel") },
	{ 1, STR_INIT("model"), STR_INIT("\\u004Dodel") },
	{ 1, STR_INIT("\\u006dodel"), STR_INIT("mode\\u006C") },
	{ 1, STR_INIT("model"), STR_INIT("model\\u0000") },
	{ 1, STR_INIT("model\\u0000"), STR_INIT("MODEL\\u0000") },
	{ 1, STR_INIT(""), STR_INIT("\\u0000") },
	{ 1, STR_INIT("a/b"), STR_INIT("a\\/b") },
	{ 1, STR_INIT("stream"), STR_INIT("\xc5\xbftream") },
	{ 1, STR_INIT("stream"), STR_INIT("\\u017ftream") },
	{ 1, STR_INIT("top_k"), STR_INIT("top_\xe2\x84\xaa") },
	{ 1, STR_INIT("\xf0\x9f\x98\x80"), STR_INIT("\\ud83d\\ude00") },
	{ 1, STR_INIT("\xc3\xa9"), STR_INIT("\\u00e9") },
	{ 1, STR_INIT("\\ud800"), STR_INIT("\\udbff") },
	{ 0, STR_INIT("model"), STR_INIT("models") },
	{ 0, STR_INIT("model"), STR_INIT("modal") },
	{ 0, STR_INIT("model"), STR_INIT("") },
	{ 0, STR_INIT("model"), STR_INIT("\\u006fmodel") },
	{ 0, STR_INIT("model"), STR_INIT(" model") },
	{ 0, STR_INIT("a\\\\n"), STR_INIT("a\\n") },
	{ 0, STR_INIT("\xc3\xa9"), STR_INIT("\xc3\x89") },
	{ 0, STR_INIT("\xc3\xa9"), STR_INIT("\xc3\xa8") },
	{ 0, STR_INIT("a"), STR_INIT("\\n") },
	{ 0, STR_INIT("top_p"), STR_INIT("top_k") },
};

static void try_pair(str a, str b, bool alike, int filler)
{
	struct buf text = BUF_LIMIT(64 * KiB);
	struct json_value root = { .type = JSON_NONE };
	struct json_member m[64];
	fault_t want = alike ? FAULT_JSON_DUPLICATE : NULL;
	size_t n;

	buf_addf(&text, "{\"%.*s\":1", STR_ARG(a));
	for (int i = 0; i < filler; i++)
		buf_addf(&text, ",\"filler%d\":{\"model\":1,\"model\":1}", i);
	buf_addf(&text, ",\"%.*s\":2}", STR_ARG(b));
	if (json_members(buf_str(&text), usual, m, countof(m), &n) != want ||
	    json_check(buf_str(&text), usual, &root) != NULL ||
	    json_object_members(root, m, countof(m), &n) != want)
		check_failed(__FILE__, __LINE__, "%.*s", STR_ARG(buf_str(&text)));
	buf_free(&text);
}

TEST(json_members_refuses_names_that_a_reader_might_confuse)
{
	for (size_t i = 0; i < countof(pairs); i++) {
		for (int filler = 0; filler < 60; filler += 7) {
			try_pair(pairs[i].a, pairs[i].b, pairs[i].alike, filler);
			try_pair(pairs[i].b, pairs[i].a, pairs[i].alike, filler);
		}
	}
}

TEST(json_members_of_a_real_request_are_distinct)
{
	size_t n;

	CHECK_OK(members(
	        STR("{\"model\":1,\"messages\":1,\"max_tokens\":1,\"metadata\":1,"
	            "\"max_completion_tokens\":1,\"modalities\":1,\"n\":1,\"seed\":1,"
	            "\"stop\":1,\"store\":1,\"stream\":1,\"stream_options\":1,"
	            "\"temperature\":1,\"tools\":1,\"tool_choice\":1,\"top_p\":1,"
	            "\"top_k\":1,\"top_logprobs\":1,\"logprobs\":1,\"logit_bias\":1,"
	            "\"user\":1,\"response_format\":1,\"presence_penalty\":1}"),
	        200, &n));
	CHECK_INT(n, 23);
}

TEST(json_members_say_whether_their_names_are_plain)
{
	static const struct {
		str text;
		bool are_plain;
	} rows[] = {
		{ STR_INIT("{}"), true },
		{ STR_INIT("{\"a\":{\"\\u0061\":1},\"\":\"\xc3\xa9\"}"), true },
		{ STR_INIT("{\"a\":1,\"\\u0062\":1}"), false },
		{ STR_INIT("{\"\xc3\xa9\":1}"), false },
	};
	struct json_member m[8];

	for (size_t i = 0; i < countof(rows); i++) {
		bool are_plain = !rows[i].are_plain;
		size_t n;

		CHECK_OK(json_plain_members(rows[i].text, usual, m, countof(m), &n,
		                            &are_plain));
		CHECK_INT(are_plain, rows[i].are_plain);
	}
}

/* Texts that end with a bracket are read without a look at the end; so none of them may
 * be read beyond it (ASan sees it), whatever stands before. */
TEST(json_check_stays_before_the_end)
{
	static const str beginnings[] = {
		STR_INIT("{"),           STR_INIT("["),
		STR_INIT("{\""),         STR_INIT("{\"a"),
		STR_INIT("{\"a\""),      STR_INIT("{\"a\":"),
		STR_INIT("{\"a\":1"),    STR_INIT("{\"a\":\"b\""),
		STR_INIT("{\"a\":1,"),   STR_INIT("[1"),
		STR_INIT("[-"),          STR_INIT("[1."),
		STR_INIT("[1e"),         STR_INIT("[tru"),
		STR_INIT("[nul"),        STR_INIT("[fals"),
		STR_INIT("[\"\\"),       STR_INIT("[\"\\u12"),
		STR_INIT("[\"\xe2\x82"), STR_INIT("[\"\xf0"),
		STR_INIT("[[1]"),        STR_INIT("{\"a\":[1]"),
		STR_INIT("[1,"),         STR_INIT("[1 "),
		STR_INIT("[{} "),        STR_INIT("{\"a\" "),
		STR_INIT("{\"a\": "),
	};
	static const char *const ends[] = { "]", "}", "]]", "}}", "]}" };
	unsigned passed = 0;

	for (size_t i = 0; i < countof(beginnings); i++) {
		for (size_t j = 0; j < countof(ends); j++) {
			size_t before = beginnings[i].len, behind = strlen(ends[j]);
			char *text = malloc(before + behind);

			memcpy(text, beginnings[i].ptr, before);
			memcpy(text + before, ends[j], behind);
			passed += !check(str_of(text, before + behind));
			free(text);
		}
	}
	/* {} {"a":1} {"a":"b"} [] [1] [1 ] [{} ] [[1]] {"a":[1]} */
	CHECK_INT(passed, 9);
}

/* ---- texts made to cost time (R79): 50 ms of CPU are allowed ---- */

static int64_t cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(__clang__)
enum { CPU_MS = 1000 }; /* a sanitizer may be in it */
#else
enum { CPU_MS = 50 };
#endif

TEST(json_100000_keys_are_refused_quickly)
{
	struct buf b = BUF_LIMIT(16 * MiB);
	size_t n;
	int64_t begin;

	buf_add(&b, STR("{\"a\":0"));
	for (int i = 0; i < 100000; i++)
		buf_addf(&b, ",\"a%d\":0", i);
	buf_add(&b, STR("}"));
	begin = cpu_ms();
	CHECK_FAULT(members(buf_str(&b), 128, &n), FAULT_JSON_LIMIT);
	CHECK_FAULT(check(buf_str(&b)), FAULT_JSON_LIMIT);
	CHECK(cpu_ms() - begin < CPU_MS);
	buf_free(&b);
}

/* 128 names of 64 KiB which differ in the middle, where looking at both ends does not
 * help; `head` makes them plain or not. */
static fault_t long_names(str head, int64_t *ret_ms)
{
	struct buf b = BUF_LIMIT(16 * MiB);
	size_t n;
	fault_t why;

	buf_add(&b, STR("{"));
	for (int i = 0; i < 120; i++) {
		buf_addf(&b, "%s\"%.*s", i ? "," : "", STR_ARG(head));
		add_many(&b, STR("xxxxxxxxxxxxxxxx"), 2000);
		buf_addf(&b, "%03d", i);
		add_many(&b, STR("xxxxxxxxxxxxxxxx"), 2000);
		buf_add(&b, STR("\":0"));
	}
	buf_add(&b, STR("}"));
	*ret_ms = cpu_ms();
	why = members(buf_str(&b), 128, &n);
	*ret_ms = cpu_ms() - *ret_ms;
	buf_free(&b);
	return why;
}

TEST(json_names_made_to_be_compared_are_refused_quickly)
{
	static const str heads[] = { STR_INIT("k"), STR_INIT("\\n"),
		                     STR_INIT("\xc3\xa9") };

	for (size_t i = 0; i < countof(heads); i++) {
		int64_t ms;

		CHECK_FAULT(long_names(heads[i], &ms), FAULT_JSON_LIMIT);
		CHECK(ms < CPU_MS);
	}
}

TEST(json_many_numbers_as_names_are_distinct)
{
	struct buf b = BUF_LIMIT(MiB);
	size_t n;

	buf_add(&b, STR("{"));
	for (int i = 0; i < 200; i++)
		buf_addf(&b, "%s\"%d\":-100", i ? "," : "", 50256 + i);
	buf_add(&b, STR("}"));
	CHECK_OK(members(buf_str(&b), 200, &n));
	CHECK_INT(n, 200);
	buf_free(&b);
}
