/* json_private.h - what the files behind json.h share: the classes of bytes, and the
 * search inside strings that most of the time goes into. */
#pragma once
#include "codec/json.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Kept out of a loop that needs its registers. */
#define apart __attribute__((noinline))

enum byte_class {
	BYTE_SPACE = 1,  /* between tokens */
	BYTE_DIGIT = 2,  /* of a number */
	BYTE_HEX = 4,    /* behind \u */
	BYTE_PLAIN = 8,  /* in a string: stands for itself, and is ASCII */
	BYTE_ESCAPE = 16 /* behind a backslash, except u */
};
extern const uint8_t json_bytes[256];

static inline bool json_byte_is(char c, enum byte_class of)
{
	return json_bytes[(unsigned char)c] & of;
}

static inline const char *json_skip_space(const char *at, const char *end)
{
	/* Mostly there is none. */
	if (likely(at < end && (unsigned char)*at > ' '))
		return at;
	while (at < end && json_byte_is(*at, BYTE_SPACE))
		at++;
	return at;
}

/* What a value is, by its first byte. */
static inline enum json_type json_type_at(char first)
{
	switch (first) {
	case '{':
		return JSON_OBJECT;
	case '[':
		return JSON_ARRAY;
	case '"':
		return JSON_STRING;
	case 't':
		return JSON_TRUE;
	case 'f':
		return JSON_FALSE;
	case 'n':
		return JSON_NULL;
	case '-':
		return JSON_NUMBER;
	default:
		return json_byte_is(first, BYTE_DIGIT) ? JSON_NUMBER : JSON_NONE;
	}
}

#ifdef __SSE2__
static inline __m128i load16(const char *at)
{
	return _mm_loadu_si128((const __m128i *)(const void *)at);
}

/* All bits of each byte that is c. */
static inline __m128i equals16(__m128i bytes, char c)
{
	return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c));
}
#endif

/* The first byte that is not BYTE_PLAIN: a quote, a backslash, a control byte, or the
 * beginning of a character beyond ASCII. */
static inline const char *json_plain_end(const char *at, const char *end)
{
#ifdef __SSE2__
	for (; end - at >= 16; at += 16) {
		__m128i bytes = load16(at);
		/* Compared as signed, bytes beyond ASCII are below the blank as well. */
		__m128i low = _mm_cmplt_epi8(bytes, _mm_set1_epi8(' '));
		__m128i mark = _mm_or_si128(equals16(bytes, '"'), equals16(bytes, '\\'));
		unsigned where = (unsigned)_mm_movemask_epi8(_mm_or_si128(low, mark));

		if (where)
			return at + __builtin_ctz(where);
	}
#endif
	while (at < end && json_byte_is(*at, BYTE_PLAIN))
		at++;
	return at;
}

/* Names that stand between their quotes; are_plain: all are of ASCII without escapes.
 * JSON_DUPLICATE when two of the members have the same name in the sense of R78.
 * JSON_LIMIT when names are so long and so alike that telling costs too much. */
must_check fault_t json_distinct(const struct json_member *members, size_t count,
                                 bool are_plain);
