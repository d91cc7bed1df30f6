/* digits.h - numbers as text, for places that write many of them.
 *
 * Eight decimal digits, or sixteen hexadecimal ones, are made at once, each in a byte of
 * its own: no loop, and no branch that depends on how many there are.  So a store may
 * reach behind the text, but never further than DIGITS_ROOM from its beginning. */
#pragma once
#include <emmintrin.h>
#include <stdint.h>
#include <string.h>

enum { DIGITS_ROOM = 20 }; /* as many as 2^64 - 1 has */

/* The eight digits of a value below 10^8, the first one lowest: split into halves, each
 * of these into halves, and once more; the multiplications are divisions. */
static inline uint64_t digits_of(uint64_t value)
{
	uint64_t fours = value / 10000 | value % 10000 << 32;
	uint64_t high = fours * 10486 >> 20 & 0x0000007f0000007f;
	uint64_t twos = high | (fours - high * 100) << 16;

	high = twos * 103 >> 10 & 0x000f000f000f000f;
	return high | (twos - high * 10) << 8;
}

/* Returns the end of the text. */
static inline char *digits_put(char *at, uint64_t value)
{
	const uint64_t zeros = 0x3030303030303030;
	uint64_t digits;

	if (value < 100000000) {
		digits = digits_of(value);
		/* Leading zeros, but for the last digit. */
		int skip = __builtin_ctzll(digits | (uint64_t)1 << 56) & ~7;

		digits = (digits | zeros) >> skip;
		memcpy(at, &digits, sizeof(digits));
		return at + 8 - skip / 8;
	}
	at = digits_put(at, value / 100000000);
	digits = digits_of(value % 100000000) | zeros;
	memcpy(at, &digits, sizeof(digits));
	return at + 8;
}

/* The last `count` of sixteen digits, 1 to 16. */
static inline char *digits_put_hex(char *at, uint64_t value, int count)
{
	uint64_t bytes = __builtin_bswap64(value << 4 * (16 - count));
	__m128i low = _mm_cvtsi64_si128((long long)(bytes & 0x0f0f0f0f0f0f0f0f));
	__m128i high = _mm_cvtsi64_si128((long long)(bytes >> 4 & 0x0f0f0f0f0f0f0f0f));
	__m128i digits = _mm_unpacklo_epi8(high, low);
	__m128i is_letter = _mm_cmpgt_epi8(digits, _mm_set1_epi8(9));
	__m128i letters = _mm_and_si128(is_letter, _mm_set1_epi8('a' - '0' - 10));
	char text[16];

	digits = _mm_add_epi8(digits, _mm_add_epi8(_mm_set1_epi8('0'), letters));
	_mm_storeu_si128((__m128i *)(void *)text, digits);
	memcpy(at, text, sizeof(text));
	return at + count;
}
