/* utf8.h - UTF-8, one character at a time (RFC 3629: no overlong forms, no surrogates,
 * nothing beyond U+10FFFF). */
#pragma once
#include "base/str.h"

#define UTF8_REPLACEMENT STR("\xef\xbf\xbd") /* U+FFFD */

/* Bytes of the character that begins at `at` (at < end); 0 when it is not valid. */
static inline size_t utf8_length(const char *at, const char *end)
{
	const unsigned char *b = (const unsigned char *)at;
	size_t left = (size_t)(end - at), n;
	unsigned low = 0x80, high = 0xbf; /* what the second byte may be */

	if (b[0] < 0x80)
		return 1;
	if (b[0] < 0xc2 || b[0] > 0xf4)
		return 0;
	n = b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : 4;
	if (b[0] == 0xe0)
		low = 0xa0;
	else if (b[0] == 0xed)
		high = 0x9f;
	else if (b[0] == 0xf0)
		low = 0x90;
	else if (b[0] == 0xf4)
		high = 0x8f;
	if (left < n || b[1] < low || b[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++) {
		if ((b[i] & 0xc0) != 0x80)
			return 0;
	}
	return n;
}

/* The same for a character beyond ASCII, quick for those of two and three bytes: most of
 * what people write. */
static inline size_t utf8_quick_length(const char *at, const char *end)
{
	uint32_t b = 0;

	if (end - at < 4)
		return utf8_length(at, end);
	memcpy(&b, at, 4);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	b = __builtin_bswap32(b);
#endif
	/* 110xxxxx 10xxxxxx, of the first five bits not only the last */
	if ((b & 0xc0e0) == 0x80c0 && (b & 0x1e) != 0)
		return 2;
	/* 1110xxxx 10xxxxxx 10xxxxxx; not below U+0800, no surrogate */
	if ((b & 0xc0c0f0) == 0x8080e0 && (b & 0x200f) != 0 && (b & 0x200f) != 0x200d)
		return 3;
	return utf8_length(at, end);
}

/* The character of n = utf8_length bytes. */
static inline uint32_t utf8_get(const char *at, size_t n)
{
	const unsigned char *b = (const unsigned char *)at;
	uint32_t c = n == 1 ? b[0] : b[0] & (0x7fu >> n);

	for (size_t i = 1; i < n; i++)
		c = c << 6 | (b[i] & 0x3f);
	return c;
}

/* Would it steer a terminal, or turn the direction of what is read?  C0, DEL, C1 (which
 * has a CSI of its own), embeddings, overrides and isolates. */
static inline bool utf8_steers(uint32_t c)
{
	return c < ' ' || (c >= 0x7f && c <= 0x9f) || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

/* Does any character of s? */
static inline bool utf8_has_steering(str s)
{
	while (s.len > 0) {
		size_t n = utf8_length(s.ptr, s.ptr + s.len);

		if (n > 0 && utf8_steers(utf8_get(s.ptr, n)))
			return true;
		s = str_from(s, n > 0 ? n : 1);
	}
	return false;
}

/* Is c a byte that begins a character? */
static inline bool utf8_begins(char c)
{
	return ((unsigned char)c & 0xc0) != 0x80;
}

/* The first `most` bytes, or fewer where that would be within a character. */
static inline str utf8_first(str s, size_t most)
{
	size_t n = s.len < most ? s.len : most;

	while (n > 0 && n < s.len && !utf8_begins(s.ptr[n]))
		n--;
	return str_first(s, n);
}

/* Where the n-th character (from 0) begins; s.len: there are not so many. */
static inline size_t utf8_offset(str s, size_t n)
{
	size_t at = 0;

	for (; at < s.len && n > 0; n--)
		do
			at++;
		while (at < s.len && !utf8_begins(s.ptr[at]));
	return at;
}

/* Writes a character (no surrogate) and returns how many of the four bytes it took. */
static inline size_t utf8_put(char to[4], uint32_t c)
{
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	if (n == 1) {
		to[0] = (char)c;
		return 1;
	}
	for (size_t i = n - 1; i > 0; i--, c >>= 6)
		to[i] = (char)(0x80 | (c & 0x3f));
	to[0] = (char)(c | (0xf00u >> n & 0xff));
	return n;
}
