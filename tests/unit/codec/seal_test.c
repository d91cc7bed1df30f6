#include "codec/seal.h"

#include "tests/check.h"

static struct seal_key a_key(uint8_t first)
{
	uint8_t bytes[SEAL_KEY];
	struct seal_key key;

	for (int i = 0; i < SEAL_KEY; i++)
		bytes[i] = (uint8_t)(first + i);
	seal_key_init(&key, bytes);
	return key;
}

static bool opens(const struct seal_key *key, str about, str sealed, str want)
{
	struct buf text = BUF_LIMIT(KiB);
	bool is_open = seal_open(key, about, sealed, &text);

	CHECK(is_open || text.len == 0);
	if (is_open)
		CHECK_STR_EQ(buf_str(&text), want);
	buf_free(&text);
	return is_open;
}

TEST(a_sealed_text_opens_where_it_belongs_and_nowhere_else)
{
	struct seal_key key = a_key(0), other = a_key(1);
	struct buf sealed = BUF_LIMIT(KiB);
	uint32_t id;

	CHECK(seal(&key, STR("row 1"), STR("sk-hello"), &sealed));
	CHECK_INT(sealed.len, 8 + SEAL_MORE);
	CHECK(!str_has(buf_str(&sealed), STR("hello")));
	CHECK(seal_key_id(buf_str(&sealed), &id));
	CHECK_INT(id, key.id);
	CHECK(opens(&key, STR("row 1"), buf_str(&sealed), STR("sk-hello")));
	CHECK(!opens(&key, STR("row 2"), buf_str(&sealed), STR_NONE));
	CHECK(!opens(&other, STR("row 1"), buf_str(&sealed), STR_NONE));
	buf_free(&sealed);
}

TEST(no_bit_of_a_sealed_text_may_change_and_none_may_lack)
{
	struct seal_key key = a_key(7);
	struct buf sealed = BUF_LIMIT(KiB);
	uint32_t id;

	CHECK(seal(&key, STR("about"), STR("text"), &sealed));
	for (size_t bit = 0; bit < 8 * sealed.len; bit++) {
		sealed.ptr[bit / 8] ^= (char)(1 << bit % 8);
		CHECK(!opens(&key, STR("about"), buf_str(&sealed), STR_NONE));
		sealed.ptr[bit / 8] ^= (char)(1 << bit % 8);
	}
	for (size_t n = 0; n < sealed.len; n++) {
		CHECK(!opens(&key, STR("about"), str_first(buf_str(&sealed), n),
		             STR_NONE));
		CHECK_INT(seal_key_id(str_first(buf_str(&sealed), n), &id),
		          n >= SEAL_MORE);
	}
	CHECK(opens(&key, STR("about"), buf_str(&sealed), STR("text")));
	buf_free(&sealed);
}

TEST(sealing_twice_gives_two_texts_and_an_empty_one_is_sealed_too)
{
	struct seal_key key = a_key(0);
	struct buf a = BUF_LIMIT(KiB), b = BUF_LIMIT(KiB);

	CHECK(seal(&key, STR_NONE, STR_NONE, &a));
	CHECK(seal(&key, STR_NONE, STR_NONE, &b));
	CHECK_INT(a.len, SEAL_MORE);
	CHECK(!str_eq(buf_str(&a), buf_str(&b)));
	CHECK(opens(&key, STR_NONE, buf_str(&a), STR_NONE));
	CHECK(!opens(&key, STR("x"), buf_str(&a), STR_NONE));
	buf_free(&a);
	buf_free(&b);
}

TEST(what_does_not_fit_is_not_begun)
{
	struct seal_key key = a_key(0);
	struct buf small = BUF_LIMIT(3 + SEAL_MORE), sealed = BUF_LIMIT(KiB),
	           less = BUF_LIMIT(3);

	CHECK(!seal(&key, STR_NONE, STR("four"), &small));
	CHECK_INT(small.len, 0);
	CHECK(seal(&key, STR_NONE, STR("four"), &sealed));
	CHECK(!seal_open(&key, STR_NONE, buf_str(&sealed), &less));
	CHECK_INT(less.len, 0);
	buf_free(&small);
	buf_free(&sealed);
	buf_free(&less);
}

/* The values are from another implementation (Python's hmac, its cryptography). */
TEST(keys_and_texts_are_what_the_standards_say)
{
	static const uint8_t bodies[SEAL_KEY] = {
		0xa1, 0xbb, 0x87, 0xa3, 0x60, 0x3b, 0x86, 0x9a, 0xf4, 0x7c, 0x3f,
		0x06, 0x96, 0xba, 0x29, 0xee, 0xca, 0x0c, 0x29, 0xc0, 0x31, 0x40,
		0xb8, 0x5a, 0x67, 0xd3, 0x75, 0x03, 0x84, 0xab, 0xfb, 0xc5
	};
	static const uint8_t text[] = { 0x01, 0x23, 0x48, 0x7a, 0xc2, 0x64, 0x65, 0x66,
		                        0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e,
		                        0x6f, 0xa4, 0xc3, 0xd2, 0x60, 0x2b, 0xf3, 0xbd,
		                        0xc7, 0xa0, 0x00, 0xc8, 0x59, 0x07, 0xf9, 0xe5,
		                        0x46, 0x5c, 0xa9, 0x1d, 0x77, 0xf7 };
	struct seal_key key = a_key(0), derived;

	CHECK_INT(key.id, 0x23487ac2);
	seal_derive(&key, STR("bodies 2026-11-26"), &derived);
	CHECK_INT(derived.id, key.id);
	CHECK(memcmp(derived.bytes, bodies, SEAL_KEY) == 0);
	CHECK(opens(&derived, STR("row 1"), str_of((const char *)text, sizeof(text)),
	            STR("hello")));
}
