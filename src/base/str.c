#include "base/str.h"

size_t str_find_last(str s, char c)
{
	const char *at = s.len ? memrchr(s.ptr, c, s.len) : NULL;

	return at ? (size_t)(at - s.ptr) : s.len;
}

size_t str_find_any(str s, str set)
{
	for (size_t i = 0; i < s.len; i++) {
		if (memchr(set.ptr, s.ptr[i], set.len))
			return i;
	}
	return s.len;
}

size_t str_find_str(str haystack, str needle)
{
	const char *at =
	        haystack.len ? memmem(haystack.ptr, haystack.len, needle.ptr, needle.len)
	                     : NULL;

	return at ? (size_t)(at - haystack.ptr) : haystack.len;
}

bool str_has(str haystack, str needle)
{
	return needle.len == 0 || str_find_str(haystack, needle) < haystack.len;
}

bool str_has_by(str haystack, str needle, size_t rare)
{
	if (haystack.len < needle.len)
		return false;
	haystack.len -= needle.len - 1; /* where needle may begin */
	for (size_t at = 0; at < haystack.len; at++) {
		str rest = str_of(haystack.ptr + at + rare, haystack.len - at);

		at += str_find(rest, needle.ptr[rare]);
		if (at < haystack.len &&
		    memcmp(haystack.ptr + at, needle.ptr, needle.len) == 0)
			return true;
	}
	return false;
}

str str_cut(str *rest, char c)
{
	size_t n = str_find(*rest, c);
	str head = str_first(*rest, n);

	*rest = str_from(*rest, n < rest->len ? n + 1 : n);
	return head;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

str str_trim(str s)
{
	while (s.len > 0 && is_blank(s.ptr[0]))
		s = str_from(s, 1);
	while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

#define EACH_BYTE ((uint64_t)0x0101010101010101)

/* Eight letters at a time: a byte from 'A' to 'Z' gets the bit that makes it small. */
static uint64_t lower8(uint64_t bytes)
{
	uint64_t low = bytes & (EACH_BYTE * 0x7f);
	uint64_t above_z = low + EACH_BYTE * (0x7f - 'Z');
	uint64_t from_a = low + EACH_BYTE * (0x80 - 'A');
	uint64_t is_upper = ~bytes & (EACH_BYTE * 0x80) & (from_a ^ above_z);

	return bytes | is_upper >> 2;
}

/* Most of what is compared is written in small letters. */
static bool is_same8(uint64_t a, uint64_t b)
{
	return a == b || lower8(a) == lower8(b);
}

static uint64_t load8(const char *at)
{
	uint64_t bytes;

	memcpy(&bytes, at, sizeof(bytes));
	return bytes;
}

/* The first four bytes and the last four, which may overlap. */
static uint64_t load_ends(const char *at, size_t len)
{
	uint32_t first, last;

	memcpy(&first, at, sizeof(first));
	memcpy(&last, at + len - sizeof(last), sizeof(last));
	return (uint64_t)last << 32 | first;
}

bool str_eq_nocase_bytes(const char *a, const char *b, size_t len)
{
	size_t i = 0;

	for (; i + 8 <= len; i += 8) {
		if (!is_same8(load8(a + i), load8(b + i)))
			return false;
	}
	if (i == len)
		return true;
	if (i > 0) /* the last eight once more: they overlap */
		return is_same8(load8(a + len - 8), load8(b + len - 8));
	if (len >= 4)
		return is_same8(load_ends(a, len), load_ends(b, len));
	for (; i < len; i++) {
		if (char_lower(a[i]) != char_lower(b[i]))
			return false;
	}
	return true;
}

bool str_starts_nocase(str s, str prefix)
{
	return str_eq_nocase(str_first(s, prefix.len), prefix);
}

int str_cmp(str a, str b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int order = n ? memcmp(a.ptr, b.ptr, n) : 0;

	if (order != 0)
		return order;
	return a.len < b.len ? -1 : a.len > b.len;
}

bool str_eq_secret(str a, str b)
{
	uint64_t diff = 0, x, y;
	size_t i = 0;

	if (a.len != b.len)
		return false;
	for (; a.len - i >= sizeof(x); i += sizeof(x)) {
		memcpy(&x, a.ptr + i, sizeof(x));
		memcpy(&y, b.ptr + i, sizeof(y));
		diff |= x ^ y;
	}
	for (; i < a.len; i++)
		diff |= (unsigned char)(a.ptr[i] ^ b.ptr[i]);
	return diff == 0;
}

bool str_to_u64(str s, uint64_t *ret)
{
	uint64_t value = 0;

	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!char_is_digit(s.ptr[i]))
			return false;
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(s.ptr[i] - '0'), &value))
			return false;
	}
	*ret = value;
	return true;
}

bool str_to_i64(str s, int64_t *ret)
{
	bool negative = str_skip(&s, STR("-"));
	uint64_t value;

	if (!str_to_u64(s, &value) || value > (uint64_t)INT64_MAX + negative)
		return false;
	*ret = negative ? (int64_t)(0 - value) : (int64_t)value;
	return true;
}

unsigned str_distance(str a, str b, unsigned most)
{
	enum { LONGEST = 64 };
	unsigned row[LONGEST + 1];

	if (a.len > LONGEST || b.len > LONGEST)
		return str_eq(a, b) ? 0 : most + 1;
	for (unsigned j = 0; j <= b.len; j++)
		row[j] = j;
	for (unsigned i = 1; i <= a.len; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= b.len; j++) {
			unsigned keep = row[j];
			bool same = char_lower(a.ptr[i - 1]) == char_lower(b.ptr[j - 1]);
			unsigned best = diagonal + !same;

			best = min_of(best, row[j] + 1);
			best = min_of(best, row[j - 1] + 1);
			row[j] = best;
			diagonal = keep;
		}
	}
	return min_of(row[b.len], most + 1);
}

uint64_t str_hash(str s)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < s.len; i++)
		hash = (hash ^ (unsigned char)s.ptr[i]) * 0x100000001b3u;
	return hash;
}
