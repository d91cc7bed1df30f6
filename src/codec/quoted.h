/* quoted.h - where a quote stands before certain letters: for looking through a whole
 * body for the few words that matter in it, sixteen bytes at a time. */
#pragma once
#include "base/str.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Of a letter both cases; a bar is what folding makes of a backslash. */
static inline bool quoted_is_one(char c, char low, char high, const char others[2])
{
	c = (char)(c | 0x20);
	return (c >= low && c <= high) || c == others[0] || c == others[1] || c == '|' ||
	       c == ' ';
}

#ifdef __SSE2__
/* Which of sixteen bytes are of that kind: a byte each, 0 or -1. */
static inline __m128i quoted_are(__m128i bytes, char low, char high, const char others[2])
{
	__m128i folded = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
	__m128i above = _mm_sub_epi8(folded, _mm_set1_epi8(low));
	__m128i most = _mm_set1_epi8((char)(high - low));
	__m128i are = _mm_cmpeq_epi8(_mm_min_epu8(above, most), above);

	are = _mm_or_si128(are, _mm_cmpeq_epi8(folded, _mm_set1_epi8(others[0])));
	are = _mm_or_si128(are, _mm_cmpeq_epi8(folded, _mm_set1_epi8(others[1])));
	are = _mm_or_si128(are, _mm_cmpeq_epi8(folded, _mm_set1_epi8('|')));
	return _mm_or_si128(are, _mm_cmpeq_epi8(folded, _mm_set1_epi8(' ')));
}
#endif

/* The first quote at or behind `from` whose next byte is a letter of low..high (small
 * ones are given) or one of two others, in either case, or a blank, or one that begins an
 * escape; text.len: there is none. */
static inline size_t quoted_find(str text, size_t from, char low, char high,
                                 const char others[2])
{
	size_t at = from;

#ifdef __SSE2__
	for (; at + 17 <= text.len; at += 16) {
		const __m128i *here = (const __m128i *)(const void *)(text.ptr + at);
		const __m128i *behind =
		        (const __m128i *)(const void *)(text.ptr + at + 1);
		__m128i are = quoted_are(_mm_loadu_si128(behind), low, high, others);
		__m128i quote = _mm_cmpeq_epi8(_mm_loadu_si128(here), _mm_set1_epi8('"'));
		unsigned where = (unsigned)_mm_movemask_epi8(_mm_and_si128(quote, are));

		if (where)
			return at + (unsigned)__builtin_ctz(where);
	}
#endif
	for (; at + 1 < text.len; at++)
		if (text.ptr[at] == '"' &&
		    quoted_is_one(text.ptr[at + 1], low, high, others))
			return at;
	return text.len;
}
