/* quoted.h - where a quote stands before certain letters: for looking through a whole
 * body for the few words that matter in it.  Long texts have few quotes, so that most
 * blocks of bytes are left after one look. */
#pragma once
#include "base/str.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* low..high and two others (small letters): a bit each, and one of the bar, which is what
 * folding makes of a backslash. */
static inline uint32_t quoted_letters(char low, char high, const char others[2])
{
	uint32_t upto_high = (2U << (high & 31)) - 1, below_low = (1U << (low & 31)) - 1;

	return (upto_high & ~below_low) | 1U << (others[0] & 31) |
	       1U << (others[1] & 31) | 1U << ('|' & 31);
}

/* Of a letter both cases; a control character counts as a blank. */
static inline bool quoted_is_one(char c, uint32_t letters)
{
	unsigned folded = (unsigned char)c | 0x20U;

	return folded >> 5 == 3 ? letters >> (folded & 31) & 1 : folded == ' ';
}

#ifdef __SSE2__
enum { QUOTED_BLOCK = 64 };

/* Where the quotes stand among QUOTED_BLOCK bytes: a bit each. */
static inline uint64_t quoted_marks(const char *block)
{
	uint64_t marks = 0;

	for (int i = QUOTED_BLOCK - 16; i >= 0; i -= 16) {
		const __m128i *part = (const __m128i *)(const void *)(block + i);
		__m128i quotes =
		        _mm_cmpeq_epi8(_mm_loadu_si128(part), _mm_set1_epi8('"'));

		marks = marks << 16 | (unsigned)_mm_movemask_epi8(quotes);
	}
	return marks;
}
#endif

/* The first quote at or behind `from` whose next byte is a letter of low..high (small
 * ones are given) or one of two others, in either case, or a blank, or one that begins an
 * escape; text.len: there is none. */
static inline size_t quoted_find(str text, size_t from, char low, char high,
                                 const char others[2])
{
	uint32_t letters = quoted_letters(low, high, others);
	size_t at = from;

#ifdef __SSE2__
	for (; at + QUOTED_BLOCK < text.len; at += QUOTED_BLOCK) {
		uint64_t marks = quoted_marks(text.ptr + at);

		for (; marks; marks &= marks - 1) {
			size_t quote = at + (unsigned)__builtin_ctzll(marks);

			if (quoted_is_one(text.ptr[quote + 1], letters))
				return quote;
		}
	}
#endif
	for (; at + 1 < text.len; at++)
		if (text.ptr[at] == '"' && quoted_is_one(text.ptr[at + 1], letters))
			return at;
	return text.len;
}
