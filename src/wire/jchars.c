#include "wire/jchars.h"

#include "codec/text.h"

static bool is_high(uint32_t c)
{
	return c >= 0xd800 && c <= 0xdbff;
}

static bool is_low(uint32_t c)
{
	return c >= 0xdc00 && c <= 0xdfff;
}

/* Half a pair as three bytes: no text has them, but they compare. */
static size_t put(char *out, uint32_t c)
{
	if (!is_high(c) && !is_low(c))
		return utf8_put(out, c);
	out[0] = (char)0xed;
	out[1] = (char)(0x80 | (c >> 6 & 0x3f));
	out[2] = (char)(0x80 | (c & 0x3f));
	return 3;
}

static uint32_t take_escape(jstr *rest)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	char kind;
	uint64_t code;

	if (rest->len < 2) {
		*rest = str_from(*rest, rest->len);
		return '\\';
	}
	kind = rest->ptr[1];
	if (kind == 'u' && rest->len >= 6 &&
	    hex_to_u64(str_of(rest->ptr + 2, 4), &code)) {
		*rest = str_from(*rest, 6);
		return (uint32_t)code;
	}
	*rest = str_from(*rest, 2);
	for (size_t i = 0; i < sizeof(from) - 1; i++) {
		if (kind == from[i])
			return (unsigned char)to[i];
	}
	return (unsigned char)kind;
}

size_t jchars_next(struct jchars *s, jstr *rest, char out[JCHAR_MOST])
{
	size_t len = 0;
	uint32_t c;

	if (rest->len == 0)
		return 0;
	if (rest->ptr[0] != '\\') {
		size_t n = 1;

		if (s->high)
			len = put(out, s->high);
		s->high = 0;
		while (n < rest->len && n < 4 && !utf8_begins(rest->ptr[n]))
			n++;
		memcpy(out + len, rest->ptr, n);
		*rest = str_from(*rest, n);
		return len + n;
	}
	c = take_escape(rest);
	if (s->high && is_low(c)) {
		c = 0x10000 + ((s->high - 0xd800) << 10) + (c - 0xdc00);
		s->high = 0;
		return utf8_put(out, c);
	}
	if (s->high)
		len = put(out, s->high);
	s->high = 0;
	if (is_high(c)) {
		s->high = c;
		return len ? len : jchars_next(s, rest, out);
	}
	return len + put(out + len, c);
}

bool jchars_plain(jstr text, struct buf *to)
{
	struct jchars s = { 0 };
	char out[JCHAR_MOST];
	size_t n;

	while ((n = jchars_next(&s, &text, out)) > 0)
		buf_add(to, str_of(out, n));
	return !s.high && !to->over;
}

size_t jchars_bytes(jstr text)
{
	struct jchars s = { 0 };
	char out[JCHAR_MOST];
	size_t n, all = 0;

	if (str_find(text, '\\') == text.len)
		return text.len;
	while ((n = jchars_next(&s, &text, out)) > 0)
		all += n;
	return all;
}

bool jchars_are_blank(jstr text)
{
	const str blanks = STR(" \t\n\r\f");
	struct jchars s = { 0 };
	char out[JCHAR_MOST];

	while (text.len) {
		if (jchars_next(&s, &text, out) != 1 ||
		    str_find(blanks, out[0]) == blanks.len)
			return false;
	}
	return true;
}

size_t utf8_count(str plain)
{
	size_t count = 0;

	for (size_t i = 0; i < plain.len; i++)
		count += utf8_begins(plain.ptr[i]);
	return count;
}
