/* text.c - bytes as percent escapes, base64 and hex, and back.
 *
 * Decoders are strict: what one reader would take and another would not is refused, since
 * what passes here goes on to a provider.  The forms of times and spans are in when.c. */
#include "codec/text.h"

/* 0 to 15, or -1. */
static int hex_value(char c)
{
	c = char_lower(c);
	if (char_is_digit(c))
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte of two digits, or -1. */
static int hex_byte(const char *two)
{
	int high = hex_value(two[0]), low = hex_value(two[1]);

	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* ---- percent ---- */

/* Takes one byte, escaped or not; -1 when the escape is broken. */
static int take_byte(str *s)
{
	int c;

	if (s->ptr[0] != '%')
		return (unsigned char)str_take(s, 1).ptr[0];
	c = s->len < 3 ? -1 : hex_byte(s->ptr + 1);
	str_take(s, 3);
	return c;
}

bool url_decode(str s, char *room, str *ret)
{
	size_t len = 0;

	while (s.len > 0) {
		int c = take_byte(&s);

		if (c < 0x20 || c == 0x7f)
			return false;
		room[len++] = (char)c;
	}
	*ret = str_of(room, len);
	return true;
}

/* Is `raw`, decoded, this name? */
static bool is_name(str raw, str name)
{
	while (raw.len > 0 && name.len > 0) {
		if (take_byte(&raw) != (unsigned char)str_take(&name, 1).ptr[0])
			return false;
	}
	return raw.len == name.len;
}

bool url_query_get(str query, str name, str *ret, unsigned *count)
{
	unsigned found = 0;

	while (query.len > 0) {
		str value = str_cut(&query, '&');

		if (!is_name(str_cut(&value, '='), name))
			continue;
		if (found++ == 0)
			*ret = value;
	}
	if (count)
		*count = found;
	return found > 0;
}

static bool is_unreserved(char c)
{
	char low = char_lower(c);

	return (low >= 'a' && low <= 'z') || char_is_digit(c) || c == '-' || c == '.' ||
	       c == '_' || c == '~';
}

void url_encode(struct buf *to, str s)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		char escape[3] = { '%', digits[c >> 4], digits[c & 15] };

		if (is_unreserved(s.ptr[i]))
			buf_add_char(to, s.ptr[i]);
		else
			buf_add(to, str_of(escape, 3));
	}
}

/* ---- base64 ---- */

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

/* Up to three bytes as up to four letters; returns how many. */
static size_t encode_group(str bytes, const char *alphabet, char out[4])
{
	uint32_t bits = 0;

	for (size_t i = 0; i < 3; i++)
		bits = bits << 8 | (i < bytes.len ? (unsigned char)bytes.ptr[i] : 0);
	for (size_t i = 0; i <= bytes.len; i++)
		out[i] = alphabet[bits >> (18 - 6 * i) & 63];
	return bytes.len + 1;
}

static void encode(struct buf *to, str bytes, const char *alphabet, bool padded)
{
	while (bytes.len > 0) {
		char out[4] = "====";
		size_t n = encode_group(str_take(&bytes, 3), alphabet, out);

		if (!buf_add(to, str_of(out, padded ? 4 : n)))
			return;
	}
}

void base64_encode(struct buf *to, str bytes)
{
	encode(to, bytes, LETTERS "+/", true);
}

void base64url_encode(struct buf *to, str bytes)
{
	encode(to, bytes, LETTERS "-_", false);
}

static int letter_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (char_is_digit(c))
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(str s, char *room, str *ret)
{
	size_t len = 0, pad = str_ends(s, STR("==")) ? 2 : str_ends(s, STR("="));

	if (s.len % 4 != 0)
		return false;
	for (size_t i = 0; i < s.len; i += 4) {
		size_t letters = i + 4 < s.len ? 4 : 4 - pad;
		uint32_t bits = 0;

		for (size_t j = 0; j < 4; j++) {
			int value = j < letters ? letter_value(s.ptr[i + j]) : 0;

			if (value < 0)
				return false;
			bits = bits << 6 | (uint32_t)value;
		}
		for (size_t j = 0; j < letters - 1; j++)
			room[len++] = (char)(bits >> (16 - 8 * j));
		/* Bits that are in no byte must be 0, or two texts would mean the same.
		 */
		if (letters < 4 && (bits & (letters == 3 ? 0xffu : 0xffffu)) != 0)
			return false;
	}
	*ret = str_of(room, len);
	return true;
}

/* ---- hex ---- */

void hex_encode(struct buf *to, str bytes)
{
	for (size_t i = 0; i < bytes.len; i++)
		buf_add_hex(to, (unsigned char)bytes.ptr[i], 2);
}

bool hex_decode(str s, char *room, str *ret)
{
	if (s.len % 2 != 0)
		return false;
	for (size_t i = 0; i < s.len; i += 2) {
		int c = hex_byte(s.ptr + i);

		if (c < 0)
			return false;
		room[i / 2] = (char)c;
	}
	*ret = str_of(room, s.len / 2);
	return true;
}

bool hex_to_u64(str s, uint64_t *ret)
{
	uint64_t value = 0;

	if (s.len == 0 || s.len > 16)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		int digit = hex_value(s.ptr[i]);

		if (digit < 0)
			return false;
		value = value << 4 | (uint64_t)digit;
	}
	*ret = value;
	return true;
}
