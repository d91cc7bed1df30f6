/* json_marks.h - sixty-four bytes at a look: where does a string not just go on?
 *
 * A mark is what json_plain_end stops at: a quote, a backslash, a control byte, a byte
 * beyond ASCII.  The marks of 64 bytes are the bits of one word, made once; finding the
 * end of each string among them is then a shift and a count.  Three ways of making them:
 * a word at a time, with SSE2, which every x86-64 has, and with AVX2 where json.c has
 * asked the processor. */
#pragma once
#include "codec/json_private.h"

#ifdef __SSE2__
#include <immintrin.h>
#endif

#define inlined static inline __attribute__((always_inline))

enum { BLOCK = 64 };

/* Bit i: byte i of the BLOCK bytes at `at` is a mark. */
typedef uint64_t json_marks_fn(const char *at);

/* The upper bit of each byte that is zero, and of no other. */
static inline uint64_t zero_bytes(uint64_t word)
{
	const uint64_t low = 0x7f7f7f7f7f7f7f7f;

	return ~(((word & low) + low) | word | low);
}

static inline uint64_t json_marks_portable(const char *at)
{
	const uint64_t each = 0x0101010101010101;
	uint64_t marks = 0;

	for (int i = 0; i < BLOCK; i += 8) {
		uint64_t word, found;

		memcpy(&word, at + i, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
		word = __builtin_bswap64(word);
#endif
		found = zero_bytes(word ^ each * '"') | zero_bytes(word ^ each * '\\');
		/* From the blank on, the sum reaches the upper bit. */
		found |= word | ~((word & each * 0x7f) + each * (0x80 - ' '));
		found = found >> 7 & each;
		marks |= (found * 0x0102040810204080 >> 56) << i;
	}
	return marks;
}

#ifdef __SSE2__
static inline uint64_t json_marks_sse2(const char *at)
{
	uint64_t marks = 0;

	for (int i = 0; i < BLOCK; i += 16) {
		__m128i bytes = load16(at + i);
		/* Only the quote and what is below the blank, or as signed bytes below
		 * zero, is below '!' once '"' and ' ' have changed places. */
		__m128i turned = _mm_xor_si128(bytes, _mm_set1_epi8('"' ^ ' '));
		__m128i mark = _mm_or_si128(_mm_subs_epi8(turned, _mm_set1_epi8('!')),
		                            equals16(bytes, '\\'));

		marks |= (uint64_t)(unsigned)_mm_movemask_epi8(mark) << i;
	}
	return marks;
}

#define JSON_AVX2 __attribute__((target("avx2,bmi,bmi2")))

JSON_AVX2 static inline uint64_t json_marks_avx2(const char *at)
{
	uint64_t marks = 0;

	for (int i = 0; i < BLOCK; i += 32) {
		__m256i bytes =
		        _mm256_loadu_si256((const __m256i *)(const void *)(at + i));
		__m256i turned = _mm256_xor_si256(bytes, _mm256_set1_epi8('"' ^ ' '));
		__m256i mark =
		        _mm256_or_si256(_mm256_subs_epi8(turned, _mm256_set1_epi8('!')),
		                        _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\\')));

		marks |= (uint64_t)(unsigned)_mm256_movemask_epi8(mark) << i;
	}
	return marks;
}

/* Three tests of words that libgcc has filled at the start. */
static inline bool json_has_avx2(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") &&
	       __builtin_cpu_supports("pclmul");
}
#endif

/* ---- marks one after the other ---- */

/* All fields belong to the functions below. */
struct json_marks {
	const char *begin, *end; /* of the text */
	const char *block;       /* the bits are of the BLOCK bytes from here on; */
	uint64_t bits;           /* all from `end` on count as marks */
};

/* What lies before `end` is looked at together with what comes before it, or in a short
 * text as a copy: no byte outside is read. */
inlined uint64_t json_last_marks(const struct json_marks *m, const char *at,
                                 json_marks_fn *marks)
{
	size_t left = (size_t)(m->end - at);
	uint64_t bits = 0;

	if (left > 0 && m->end - m->begin >= BLOCK) {
		bits = marks(m->end - BLOCK) >> (BLOCK - left);
	} else if (left > 0) {
		char copy[BLOCK];

		memset(copy, 0, sizeof(copy));
		memcpy(copy, at, left);
		bits = marks(copy);
	}
	return bits | ~(uint64_t)0 << left;
}

inlined uint64_t json_marks_move(struct json_marks *m, const char *at,
                                 json_marks_fn *marks)
{
	m->block = at;
	m->bits =
	        likely(m->end - at >= BLOCK) ? marks(at) : json_last_marks(m, at, marks);
	return m->bits;
}

/* The first mark from `at` on, or the end.  `at` never goes back. */
inlined const char *json_next_mark(struct json_marks *m, const char *at,
                                   json_marks_fn *marks)
{
	size_t offset = (size_t)(at - m->block);
	uint64_t bits;

	if (likely(offset < BLOCK)) {
		bits = m->bits >> offset;
		if (likely(bits))
			return at + __builtin_ctzll(bits);
		at = m->block + BLOCK;
	}
	while (!(bits = json_marks_move(m, at, marks)))
		at += BLOCK;
	return at + __builtin_ctzll(bits);
}
