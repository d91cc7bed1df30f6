/* quoted.h - where a quote stands before certain letters: for looking through a whole
 * body for the few words that matter in it, sixteen bytes at a time. */
#pragma once
#include "base/str.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

static inline bool quoted_is_one(char c, char low, char high, char other)
{
	return (c >= low && c <= high) || c == other;
}

/* The first quote at or behind `from` whose next byte is one of low..high (ASCII), or
 * `other`; text.len: there is none. */
static inline size_t quoted_find(str text, size_t from, char low, char high, char other)
{
	size_t at = from;

#ifdef __SSE2__
	for (; at + 17 <= text.len; at += 16) {
		const __m128i *here = (const __m128i *)(const void *)(text.ptr + at);
		const __m128i *behind =
		        (const __m128i *)(const void *)(text.ptr + at + 1);
		__m128i next = _mm_loadu_si128(behind);
		__m128i above = _mm_sub_epi8(next, _mm_set1_epi8(low));
		__m128i most = _mm_set1_epi8((char)(high - low));
		__m128i is_one =
		        _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(above, most), above),
		                     _mm_cmpeq_epi8(next, _mm_set1_epi8(other)));
		__m128i quote = _mm_cmpeq_epi8(_mm_loadu_si128(here), _mm_set1_epi8('"'));
		unsigned where =
		        (unsigned)_mm_movemask_epi8(_mm_and_si128(quote, is_one));

		if (where)
			return at + (unsigned)__builtin_ctz(where);
	}
#endif
	for (; at + 1 < text.len; at++)
		if (text.ptr[at] == '"' &&
		    quoted_is_one(text.ptr[at + 1], low, high, other))
			return at;
	return text.len;
}
