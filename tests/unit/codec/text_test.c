#include "codec/text.h"
#include "tests/check.h"

#include <stdlib.h>

/* ---- percent ---- */

TEST(url_decode_is_strict)
{
	char room[64];
	str got;

	CHECK(url_decode(STR("a%20b+c%C3%a9%2F"), room, &got));
	CHECK_STR(got, "a b+c\xc3\xa9/");
	CHECK(url_decode(STR(""), room, &got));
	CHECK_INT(got.len, 0);
	got = STR("untouched");
	CHECK(!url_decode(STR("%"), room, &got) && !url_decode(STR("a%2"), room, &got));
	CHECK(!url_decode(STR("%2g"), room, &got) &&
	      !url_decode(STR("%%20"), room, &got));
	CHECK(!url_decode(STR("a%00"), room, &got) &&
	      !url_decode(STR("%0a"), room, &got));
	CHECK(!url_decode(STR("a\nb"), room, &got) &&
	      !url_decode(STR("%7F"), room, &got));
	CHECK(!url_decode(STR("a\0b"), room, &got));
	CHECK_STR(got, "untouched");
}

TEST(url_query_get_counts)
{
	unsigned n = 77;
	str got = STR("untouched");

	CHECK(url_query_get(STR("alt=sse&key=a%20b&x"), STR("key"), &got, &n));
	CHECK_STR(got, "a%20b");
	CHECK_INT(n, 1);
	CHECK(url_query_get(STR("key=1&%6bey=2&ke%79"), STR("key"), &got, &n));
	CHECK_STR(got, "1");
	CHECK_INT(n, 3);
	CHECK(url_query_get(STR("&&x=a=b&"), STR("x"), &got, NULL));
	CHECK_STR(got, "a=b");
	CHECK(url_query_get(STR("x"), STR("x"), &got, NULL));
	CHECK_STR(got, "");
	got = STR("untouched");
	CHECK(!url_query_get(STR("keys=1&ke=2&Key=3&key%=4&=5&ke%7"), STR("key"), &got,
	                     &n));
	CHECK_INT(n, 0);
	CHECK(!url_query_get(STR(""), STR("key"), &got, NULL));
	CHECK_STR(got, "untouched");
}

TEST(url_encode_comes_back)
{
	struct buf b = BUF_LIMIT(KiB);
	char bytes[256], room[KiB];
	str got;

	for (int i = 0; i < 256; i++)
		bytes[i] = (char)i;
	url_encode(&b, STR("aZ09-._~ /?%\xc3\xa9"));
	CHECK_STR(buf_str(&b), "aZ09-._~%20%2F%3F%25%C3%A9");
	buf_clear(&b);
	url_encode(&b, str_of(bytes + 0x80, 0x80));
	CHECK(url_decode(buf_str(&b), room, &got));
	CHECK_STR_EQ(got, str_of(bytes + 0x80, 0x80));
	buf_free(&b);
}

/* ---- base64 ---- */

/* RFC 4648, section 10, and the letters that differ. */
static const struct {
	str bytes, padded, url;
} codes[] = {
	{ STR_INIT(""), STR_INIT(""), STR_INIT("") },
	{ STR_INIT("f"), STR_INIT("Zg=="), STR_INIT("Zg") },
	{ STR_INIT("fo"), STR_INIT("Zm8="), STR_INIT("Zm8") },
	{ STR_INIT("foo"), STR_INIT("Zm9v"), STR_INIT("Zm9v") },
	{ STR_INIT("foob"), STR_INIT("Zm9vYg=="), STR_INIT("Zm9vYg") },
	{ STR_INIT("fooba"), STR_INIT("Zm9vYmE="), STR_INIT("Zm9vYmE") },
	{ STR_INIT("foobar"), STR_INIT("Zm9vYmFy"), STR_INIT("Zm9vYmFy") },
	{ STR_INIT("\xfb\xff\xbf"), STR_INIT("+/+/"), STR_INIT("-_-_") },
	{ STR_INIT("\0\0\0"), STR_INIT("AAAA"), STR_INIT("AAAA") },
};

TEST(base64_both_ways)
{
	struct buf b = BUF_LIMIT(KiB);

	for (size_t i = 0; i < countof(codes); i++) {
		char *room = malloc(codes[i].padded.len + 1);
		str got = STR("");

		buf_clear(&b);
		base64_encode(&b, codes[i].bytes);
		CHECK_STR_EQ(buf_str(&b), codes[i].padded);
		CHECK(base64_decode(buf_str(&b), room, &got));
		CHECK_STR_EQ(got, codes[i].bytes);
		buf_clear(&b);
		base64url_encode(&b, codes[i].bytes);
		CHECK_STR_EQ(buf_str(&b), codes[i].url);
		free(room);
	}
	buf_free(&b);
}

TEST(base64_refuses_other_forms)
{
	static const str texts[] = {
		STR_INIT("Zg"),   STR_INIT("Zg="),      STR_INIT("Zg==="),
		STR_INIT("="),    STR_INIT("=="),       STR_INIT("===="),
		STR_INIT("Z==="), STR_INIT("Zg==Zg=="), STR_INIT("Zh=="),
		STR_INIT("Zm9="), STR_INIT("-_-_"),     STR_INIT("Zm9v\n"),
		STR_INIT(" Zm9"), STR_INIT("Zm\0v"),    STR_INIT("Z=9v"),
		STR_INIT("Zm=v"), STR_INIT("Zm9vYg=a"), STR_INIT("Zm9\xc3"),
	};
	char room[64];
	str got = STR("untouched");

	for (size_t i = 0; i < countof(texts); i++) {
		if (base64_decode(texts[i], room, &got))
			check_failed(__FILE__, __LINE__, "%.*s", STR_ARG(texts[i]));
	}
	CHECK_STR(got, "untouched");
}

TEST(base64_is_bounded_by_its_buffer)
{
	struct buf b = BUF_LIMIT(7);

	base64_encode(&b, STR("foobar"));
	CHECK(b.over);
	CHECK_STR(buf_str(&b), "Zm9v");
	buf_free(&b);
}

/* ---- hex ---- */

TEST(hex_both_ways)
{
	struct buf b = BUF_LIMIT(64);
	char room[64];
	str got;
	uint64_t n;

	hex_encode(&b, STR("\0\x7f\xa0\xff"));
	CHECK_STR(buf_str(&b), "007fa0ff");
	CHECK(hex_decode(STR("007FA0ff"), room, &got));
	CHECK_STR(got, "\0\x7f\xa0\xff");
	CHECK(!hex_decode(STR("0"), room, &got) && !hex_decode(STR("0g"), room, &got));
	CHECK(!hex_decode(STR("0x"), room, &got) && !hex_decode(STR(" 1"), room, &got));
	CHECK(hex_to_u64(STR("0"), &n) && n == 0);
	CHECK(hex_to_u64(STR("fFfFfFfFfFfFfFfF"), &n) && n == UINT64_MAX);
	CHECK(!hex_to_u64(STR("10000000000000000"), &n) && !hex_to_u64(STR(""), &n));
	CHECK(!hex_to_u64(STR("0x1"), &n) && !hex_to_u64(STR("-1"), &n));
	buf_free(&b);
}
