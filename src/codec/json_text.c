/* json_text.c - the inside of strings: unescaped, compared, told apart.
 *
 * A string is read in pieces: a run of bytes as it stands, or one escape.  Most strings
 * are a single run, so they are returned or compared where they stand. */
#include "codec/json_text.h"

#include "codec/json_private.h"
#include "codec/utf8.h"

/* What names may be compared over in one object, in characters: real ones differ early,
 * made ones must not keep us (R79). */
enum { COMPARE_MOST = MiB };

static str inside_of(struct json_value v)
{
	if (v.type != JSON_STRING || v.raw.len < 2)
		return STR("");
	return str_of(v.raw.ptr + 1, v.raw.len - 2);
}

/* The four digits at the front of s; false when they are not there. */
static bool read_hex4(str s, uint32_t *ret)
{
	uint32_t value = 0;

	if (s.len < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		char c = s.ptr[i];

		if (!json_byte_is(c, BYTE_HEX))
			return false;
		value = value << 4 | (uint32_t)(char_is_digit(c) ? c - '0' : (c & 7) + 9);
	}
	*ret = value;
	return true;
}

/* The low half of a surrogate pair, when it stands at the front of *rest. */
static bool take_low_half(str *rest, uint32_t *ret)
{
	if (!str_starts(*rest, STR("\\u")) || !read_hex4(str_from(*rest, 2), ret))
		return false;
	if (*ret < 0xdc00 || *ret > 0xdfff)
		return false;
	*rest = str_from(*rest, 6);
	return true;
}

/* What an escape of two characters stands for; 0: for its second. */
static const char escaped[256] = {
	['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t',
};

/* Takes one escape from *rest, which begins with a backslash.  Half a pair is U+FFFD;
 * an escape that does not exist, in unchecked text, is the character behind it. */
static uint32_t take_escape(str *rest)
{
	uint32_t c, low;
	unsigned char kind;

	if (rest->len < 2) {
		*rest = str_from(*rest, rest->len);
		return '\\';
	}
	kind = (unsigned char)str_take(rest, 2).ptr[1];
	if (kind == 'u' && read_hex4(*rest, &c)) {
		*rest = str_from(*rest, 4);
		if (c < 0xd800 || c > 0xdfff)
			return c;
		if (c > 0xdbff || !take_low_half(rest, &low))
			return 0xfffd;
		return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	}
	return escaped[kind] ? (unsigned char)escaped[kind] : kind;
}

/* The next piece of *rest: what stands before the next backslash, or when one is there,
 * its escape as UTF-8 in `small`.  Empty at the end. */
static str next_piece(str *rest, char small[4])
{
	size_t run = str_find(*rest, '\\');

	if (run > 0 || rest->len == 0)
		return str_take(rest, run);
	return str_of(small, utf8_put(small, take_escape(rest)));
}

str json_take_char(str *rest, char small[4])
{
	if (rest->len == 0 || rest->ptr[0] != '\\')
		return str_take(rest, min_of(rest->len, (size_t)1));
	return str_of(small, utf8_put(small, take_escape(rest)));
}

/* Copies what stands before the next backslash, and moves *rest to it.  What is unescaped
 * is never longer than what it was, so that the room for the whole of it has place for
 * sixteen bytes wherever sixteen are left to read. */
static char *copy_run(char *to, str *rest)
{
	const char *at = rest->ptr, *end = at + rest->len;

#ifdef __SSE2__
	for (; end - at >= 16; at += 16, to += 16) {
		__m128i bytes = load16(at);
		unsigned where = (unsigned)_mm_movemask_epi8(equals16(bytes, '\\'));

		_mm_storeu_si128((__m128i *)(void *)to, bytes);
		if (where) {
			unsigned n = (unsigned)__builtin_ctz(where);

			*rest = str_of(at + n, (size_t)(end - at) - n);
			return to + n;
		}
	}
#endif
	while (at < end && *at != '\\')
		*to++ = *at++;
	*rest = str_of(at, (size_t)(end - at));
	return to;
}

str json_text(struct json_value v, char *room)
{
	str rest = inside_of(v);
	char *to = room, small[4];

	if (str_find(rest, '\\') == rest.len)
		return rest;
	for (;;) {
		to = copy_run(to, &rest);
		if (rest.len == 0)
			return str_of(room, (size_t)(to - room));
		uint32_t c = take_escape(&rest);
		if (likely(c < 0x80)) {
			*to++ = (char)c;
			continue;
		}
		size_t n = utf8_put(small, c);
		memcpy(to, small, n);
		to += n;
	}
}

bool json_may_have_u(str inside)
{
	const char *at = inside.ptr, *end = at + inside.len;

	if (inside.len == 0)
		return false;
#ifdef __SSE2__
	for (; end - at > 16; at += 16) {
		__m128i both = _mm_and_si128(equals16(load16(at), '\\'),
		                             equals16(load16(at + 1), 'u'));

		if (_mm_movemask_epi8(both))
			return true;
	}
#endif
	while ((at = memchr(at, '\\', (size_t)(end - at))) && end - at > 1) {
		if (*++at == 'u')
			return true;
	}
	return false;
}

bool json_inside_is(str inside, str s)
{
	str piece;
	char small[4];

	if (str_eq(inside, s))
		return str_find(s, '\\') == s.len;
	if (inside.len <= s.len) /* an escape is longer than what it stands for */
		return false;
	if (inside.ptr[0] != '\\' && (s.len == 0 || inside.ptr[0] != s.ptr[0]))
		return false;
	while ((piece = next_piece(&inside, small)).len > 0) {
		if (!str_skip(&s, piece))
			return false;
	}
	return s.len == 0;
}

bool json_text_is(struct json_value v, str s)
{
	return v.type == JSON_STRING && json_inside_is(inside_of(v), s);
}

bool json_has_text(struct json_value v)
{
	return inside_of(v).len > 0;
}

/* ---- names that a reader might take for one another ---- */

/* The next character of a name as the most careless of readers takes it: unescaped, in
 * lower case, with the two letters beyond ASCII that fold to k and s; 0 at the end or
 * where a NUL would end it. */
static uint32_t next_folded(str *rest)
{
	uint32_t c;
	size_t n;

	if (rest->len == 0)
		return 0;
	if (rest->ptr[0] == '\\') {
		c = take_escape(rest);
	} else {
		n = utf8_length(rest->ptr, rest->ptr + rest->len);
		c = n ? utf8_get(rest->ptr, n) : 0xfffd;
		*rest = str_from(*rest, n ? n : 1);
	}
	if (c >= 'A' && c <= 'Z')
		return c + ('a' - 'A');
	return c == 0x212a ? 'k' : c == 0x17f ? 's' : c;
}

/* *budget is what may still be compared; it is 0 when that was not enough. */
static bool are_alike(str a, str b, size_t *budget)
{
	uint32_t c;

	for (; *budget > 0; --*budget) {
		c = next_folded(&a);
		if (c != next_folded(&b))
			return false;
		if (c == 0)
			return true;
	}
	return false;
}

/* Plain names, of ASCII and without escapes, can only be alike when they are equally long
 * and begin and end alike; one of 64 bits for that tells most of them apart at once. */
static uint64_t plain_mark(str name)
{
	/* The quotes stand around it, so even an empty one has these.  A set bit 0x20
	 * makes letters small, and others alike that are not, which does no harm. */
	unsigned first = (unsigned char)name.ptr[0] | 0x20u;
	unsigned last = (unsigned char)name.ptr[(ptrdiff_t)name.len - 1] | 0x20u;

	return (uint64_t)1 << (((unsigned)name.len * 7 + first * 5 + last * 3) & 63);
}

static bool is_plain(str name)
{
	const char *end = name.ptr + name.len;

	return json_plain_end(name.ptr, end) == end;
}

/* Is the name of the last of the members among those before? */
static apart bool is_repeated(const struct json_member *members, size_t last,
                              bool are_plain, size_t *budget)
{
	str name = members[last].key;

	for (size_t i = 0; i < last; i++) {
		if (are_plain && members[i].key.len != name.len)
			continue;
		if (are_alike(name, members[i].key, budget))
			return true;
	}
	return false;
}

fault_t json_distinct(const struct json_member *members, size_t count, bool are_plain)
{
	size_t budget = COMPARE_MOST;
	uint64_t marks = 0;

	for (size_t i = 0; i < count; i++) {
		str name = members[i].key;
		bool has_mark = are_plain || is_plain(name);
		uint64_t mark = has_mark ? plain_mark(name) : ~(uint64_t)0;

		if ((marks & mark) && is_repeated(members, i, are_plain, &budget))
			return FAULT_JSON_DUPLICATE;
		if (budget == 0)
			return FAULT_JSON_LIMIT;
		marks |= mark;
	}
	return NULL;
}
