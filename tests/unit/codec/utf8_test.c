#include "codec/utf8.h"
#include "tests/check.h"

static size_t length(str s)
{
	return utf8_length(s.ptr, s.ptr + s.len);
}

TEST(utf8_every_character_comes_back)
{
	for (uint32_t c = 0; c <= 0x10ffff; c++) {
		char bytes[4];
		size_t n;

		if (c >= 0xd800 && c <= 0xdfff)
			continue;
		n = utf8_put(bytes, c);
		if (length(str_of(bytes, n)) != n || utf8_get(bytes, n) != c)
			check_failed(__FILE__, __LINE__, "U+%04X", c);
		if (n > 1 && length(str_of(bytes, n - 1)) != 0)
			check_failed(__FILE__, __LINE__, "U+%04X cut", c);
	}
}

/* All of two bytes, and of four with a fixed end: as many as there are characters. */
TEST(utf8_takes_nothing_else)
{
	unsigned two = 0, three = 0, four = 0;

	for (unsigned i = 0; i < 0x10000; i++) {
		char bytes[4] = { (char)(i >> 8), (char)i, '\x80', '\x80' };

		two += length(str_of(bytes, 2)) == 2;
		three += length(str_of(bytes, 3)) == 3;
		four += length(str_of(bytes, 4)) == 4;
	}
	CHECK_INT(two, 0x800 - 0x80);
	CHECK_INT(three, (0x10000 - 0x800 - 0x800) / 64);
	CHECK_INT(four, 0x100000 / 4096);
	CHECK_INT(length(STR("\xe2\x82")), 0);
	CHECK_INT(length(STR("\xe2\x82(")), 0);
	CHECK_INT(length(STR("\xf0\x9f\x98(")), 0);
}

/* Every first three bytes, before ASCII and before what goes on. */
TEST(utf8_is_the_same_when_quick)
{
	for (uint32_t i = 0x800000; i < 0x1000000; i++) {
		char bytes[4] = { (char)(i >> 16), (char)(i >> 8), (char)i, 'x' };
		const char *end = bytes + 4;

		if (utf8_quick_length(bytes, end) != utf8_length(bytes, end))
			check_failed(__FILE__, __LINE__, "%06x", i);
		bytes[3] = '\x80';
		if (utf8_quick_length(bytes, end) != utf8_length(bytes, end))
			check_failed(__FILE__, __LINE__, "%06x80", i);
		for (size_t n = 1; n < 4; n++)
			CHECK(utf8_quick_length(bytes, bytes + n) ==
			      utf8_length(bytes, bytes + n));
	}
}
