/* str.h - text is a pointer and a length, passed by value.
 *
 * A str never owns its bytes and is never NUL-terminated; whoever makes one says how long
 * they live.  A NUL is added only at the door of a library that wants one (str_z in
 * base/arena.h). */
#pragma once
#include "base/compiler.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef struct str {
	const char *ptr;
	size_t len;
} str;

/* A literal as str; STR_INIT is the same for static initialisers. */
#define STR(literal) ((str){ "" literal, sizeof(literal) - 1 })
#define STR_INIT(literal)                                                                \
	{                                                                                \
		"" literal, sizeof(literal) - 1                                          \
	}
#define STR_NONE ((str){ NULL, 0 })
/* For printf: "%.*s", STR_ARG(s). */
#define STR_ARG(s) (int)(s).len, (s).ptr

static inline str str_of(const char *ptr, size_t len)
{
	return (str){ ptr, len };
}

/* From a NUL-terminated string; NULL gives the empty str. */
static inline str str_from_z(const char *z)
{
	return (str){ z, z ? strlen(z) : 0 };
}

static inline bool str_eq(str a, str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool str_starts(str s, str prefix)
{
	return s.len >= prefix.len &&
	       (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

static inline bool str_ends(str s, str suffix)
{
	if (suffix.len == 0) /* whose ptr may be NULL */
		return true;
	return s.len >= suffix.len &&
	       memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len) == 0;
}

/* The first n bytes, or all when there are fewer. */
static inline str str_first(str s, size_t n)
{
	return str_of(s.ptr, n < s.len ? n : s.len);
}

/* What follows the first n bytes. */
static inline str str_from(str s, size_t n)
{
	if (s.len == 0)
		return s;
	return n < s.len ? str_of(s.ptr + n, s.len - n) : str_of(s.ptr + s.len, 0);
}

/* Takes n bytes (at most all) from the front of *s and returns them. */
static inline str str_take(str *s, size_t n)
{
	str taken = str_first(*s, n);

	*s = str_from(*s, n);
	return taken;
}

/* Moves *s past prefix when it starts with it. */
static inline bool str_skip(str *s, str prefix)
{
	if (!str_starts(*s, prefix))
		return false;
	*s = str_from(*s, prefix.len);
	return true;
}

/* Index of the first c, or s.len. */
static inline size_t str_find(str s, char c)
{
	const char *at = s.len ? memchr(s.ptr, c, s.len) : NULL;

	return at ? (size_t)(at - s.ptr) : s.len;
}

/* Index of the last c, or s.len. */
size_t str_find_last(str s, char c);
/* Index of the first byte that is in set, or s.len. */
size_t str_find_any(str s, str set);
/* Index of needle's first place, or haystack.len. */
size_t str_find_str(str haystack, str needle);
bool str_has(str haystack, str needle);
/* The same for a needle with a letter, at index `rare`, that texts seldom have: only its
 * places are looked at, which is many times faster. */
bool str_has_by(str haystack, str needle, size_t rare);
/* Cuts *rest at the first c: returns what stood before, leaves what stood after.
 * Without c everything is returned and *rest is empty. */
str str_cut(str *rest, char c);
/* Without blanks and tabs at both ends. */
str str_trim(str s);

/* ASCII only; bytes above 127 are compared as they are.  Lengths differ far more often
 * than letters do, so they are compared in place. */
bool str_eq_nocase_bytes(const char *a, const char *b, size_t len);
static inline bool str_eq_nocase(str a, str b)
{
	return a.len == b.len && str_eq_nocase_bytes(a.ptr, b.ptr, a.len);
}
bool str_starts_nocase(str s, str prefix);
/* strcmp order, shorter first. */
int str_cmp(str a, str b);
/* Equal, in a time that depends only on the lengths. */
bool str_eq_secret(str a, str b);

/* Decimal digits only, the whole of s, no sign, no blank. False on overflow. */
bool str_to_u64(str s, uint64_t *ret);
/* With an optional leading '-'. */
bool str_to_i64(str s, int64_t *ret);

/* Edit distance (Levenshtein), at most `most` + 1; for "did you mean". */
unsigned str_distance(str a, str b, unsigned most);
/* FNV-1a, for hash tables whose keys come from us. */
uint64_t str_hash(str s);

static inline char char_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static inline bool char_is_digit(char c)
{
	return c >= '0' && c <= '9';
}
