/* multipart.c - one field out of a multipart/form-data body, while it comes in.
 *
 * The body is read in steps: a delimiter, the part's header block, its content up to the
 * next delimiter.  What a step cannot take yet waits; of a file's content that is a few
 * bytes.  A gateway and a provider that read the same body differently would route one
 * model and bill another, so what two parsers are known to take differently (bare LF,
 * backslashes in names, a name given twice, name*, encoded values) is BAD. */
#include "codec/multipart.h"

#include "base/assert.h"

enum { PARTS_MOST = 100, HEADERS_MOST = 16 * KiB, BOUNDARY_MOST = 70, JOIN = KiB };

struct part {
	bool is_wanted; /* it has the name that is looked for */
	bool is_beside; /* it has the other one */
	bool is_file;
	bool is_encoded; /* its content is not the value, but an encoding of it */
	bool has_name;
	unsigned dispositions; /* header lines of that name */
};

/* ---- the boundary ---- */

static bool is_boundary_byte(char c)
{
	char low = char_lower(c);

	return (low >= 'a' && low <= 'z') || char_is_digit(c) ||
	       (c && strchr("'()+_,-./:=? ", c));
}

static bool is_boundary(str s)
{
	if (s.len == 0 || s.len > BOUNDARY_MOST || s.ptr[s.len - 1] == ' ')
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!is_boundary_byte(s.ptr[i]))
			return false;
	}
	return true;
}

static void skip_blanks(str *s)
{
	while (str_skip(s, STR(" ")) || str_skip(s, STR("\t")))
		continue;
}

/* Takes "name=value" and the semicolon behind it.  A value in quotes keeps its
 * backslashes.  False when there is none, or it is malformed. */
static bool take_param(str *rest, str *ret_name, str *ret_value)
{
	size_t n = 0;

	if (str_find(*rest, '=') == rest->len)
		return false;
	*ret_name = str_trim(str_cut(rest, '='));
	skip_blanks(rest);
	if (!str_skip(rest, STR("\""))) {
		*ret_value = str_trim(str_cut(rest, ';'));
		return ret_value->len > 0 && str_find(*ret_value, '"') == ret_value->len;
	}
	for (; n < rest->len && rest->ptr[n] != '"'; n++) {
		if (rest->ptr[n] != '\\')
			continue;
		if (++n < rest->len && rest->ptr[n] == '"')
			return false; /* to some this quote is the last, to some not */
	}
	if (n >= rest->len)
		return false;
	*ret_value = str_take(rest, n);
	str_take(rest, 1);
	*rest = str_trim(*rest);
	return rest->len == 0 || str_skip(rest, STR(";"));
}

bool multipart_boundary(str content_type, str *ret)
{
	str rest = content_type, name, value, found = STR("");

	if (!str_eq_nocase(str_trim(str_cut(&rest, ';')), STR("multipart/form-data")))
		return false;
	while (str_trim(rest).len > 0) {
		if (!take_param(&rest, &name, &value))
			return false;
		/* RFC 2231's other spelling, which some readers prefer */
		if (str_starts_nocase(name, STR("boundary*")))
			return false;
		if (!str_eq_nocase(name, STR("boundary")))
			continue;
		if (found.len > 0 || !is_boundary(value))
			return false;
		found = value;
	}
	if (found.len == 0)
		return false;
	*ret = found;
	return true;
}

/* ---- the parts ---- */

/* Is it that name?  *ret_is_clear: not, unless it is the same name to some. */
static bool is_named(str text, str name, bool *ret_is_clear)
{
	bool is_same = str_eq(text, name);

	*ret_is_clear &= is_same || !str_eq_nocase(text, name);
	return is_same;
}

/* form-data; name="model"; filename="..." */
static bool read_disposition(str value, const struct multipart_scan *s, struct part *p)
{
	bool is_clear = true;
	str name;

	p->dispositions++;
	if (!str_eq_nocase(str_trim(str_cut(&value, ';')), STR("form-data")))
		return false;
	while (str_trim(value).len > 0) {
		str text;

		if (!take_param(&value, &name, &text))
			return false;
		if (str_starts_nocase(name, STR("name*")))
			return false;
		p->is_file |= str_starts_nocase(name, STR("filename"));
		if (!str_eq_nocase(name, STR("name")))
			continue;
		if (p->has_name || str_find(text, '\\') < text.len)
			return false;
		p->has_name = true;
		p->is_wanted = is_named(text, s->name, &is_clear);
		p->is_beside = s->beside.len && is_named(text, s->beside, &is_clear);
	}
	return p->has_name && is_clear;
}

static bool is_identity(str encoding)
{
	return str_eq_nocase(encoding, STR("binary")) ||
	       str_eq_nocase(encoding, STR("8bit")) ||
	       str_eq_nocase(encoding, STR("7bit"));
}

/* The header lines of a part, each with its CRLF. */
static bool read_headers(str block, const struct multipart_scan *s, struct part *p)
{
	while (block.len > 0) {
		size_t n = str_find_any(block, STR("\r\n"));
		str line = str_take(&block, n), field;

		if (!str_skip(&block, STR("\r\n")) || str_find(line, ':') == line.len)
			return false;
		field = str_cut(&line, ':');
		if (str_find_any(field, STR(" \t")) < field.len)
			return false;
		line = str_trim(line);
		if (str_eq_nocase(field, STR("content-disposition"))) {
			if (!read_disposition(line, s, p))
				return false;
		} else if (str_eq_nocase(field, STR("content-transfer-encoding"))) {
			p->is_encoded |= !is_identity(line);
		}
	}
	return p->dispositions == 1;
}

/* Behind a delimiter: a CRLF and a part, or "--" and the end. */
static enum multipart_result take_delimiter_end(str *rest)
{
	str behind = *rest;

	if (str_skip(rest, STR("--")))
		return MULTIPART_NONE;
	if (str_eq(behind, STR("-")))
		return MULTIPART_MORE;
	skip_blanks(&behind);
	if (rest->len - behind.len > HEADERS_MOST)
		return MULTIPART_BAD;
	if (behind.len == 0 || str_eq(behind, STR("\r")))
		return MULTIPART_MORE;
	if (!str_skip(&behind, STR("\r\n")))
		return MULTIPART_BAD;
	*rest = behind;
	return MULTIPART_FOUND;
}

/* Takes a part's header block, the empty line with it. */
static enum multipart_result take_headers(str *rest, const struct multipart_scan *s,
                                          struct part *ret)
{
	str window = str_first(*rest, HEADERS_MOST);
	size_t end = str_find_str(window, STR("\r\n\r\n"));

	if (end == window.len)
		return window.len == HEADERS_MOST ? MULTIPART_BAD : MULTIPART_MORE;
	if (!read_headers(str_take(rest, end + 2), s, ret))
		return MULTIPART_BAD;
	str_take(rest, 2);
	return MULTIPART_FOUND;
}

/* Takes what stands before the next delimiter, and the delimiter, which is searched from
 * *from on.  Only a CRLF begins one; where a lone LF or CR would, readers differ. */
static enum multipart_result take_content(str *rest, str dashes, size_t *from, str *ret)
{
	for (;;) {
		size_t at = *from + str_find_str(str_from(*rest, *from), dashes);
		str before = str_first(*rest, at);

		if (at == rest->len)
			return MULTIPART_MORE;
		if (str_ends(before, STR("\r\n"))) {
			*ret = str_first(before, at - 2);
			str_take(rest, at + dashes.len);
			*from = 0;
			return MULTIPART_FOUND;
		}
		if (at == 0 || before.ptr[at - 1] == '\n' || before.ptr[at - 1] == '\r')
			return MULTIPART_BAD;
		*from = at + dashes.len;
	}
}

/* To behind the first delimiter, with which a body begins unless it has a preamble. */
static enum multipart_result take_preamble(str *rest, str dashes)
{
	str preamble = STR("");
	enum multipart_result got;
	size_t from = 0;

	if (str_skip(rest, dashes))
		return MULTIPART_FOUND;
	if (rest->len < dashes.len)
		return MULTIPART_MORE;
	got = take_content(rest, dashes, &from, &preamble);
	if (got == MULTIPART_MORE && rest->len >= HEADERS_MOST + 2 + dashes.len)
		return MULTIPART_BAD; /* the whole of a delimiter could be here */
	return preamble.len > HEADERS_MOST ? MULTIPART_BAD : got;
}

/* ---- one place after the other ---- */

enum place { PREAMBLE, DELIMITER, HEADERS, CONTENT };

/* Its header block is read. */
static enum multipart_result begin_part(struct multipart_scan *s, const struct part *p)
{
	if ((p->is_wanted && s->is_found) || (p->is_beside && s->has_beside))
		return MULTIPART_TWICE;
	if ((p->is_wanted || p->is_beside) && p->is_encoded)
		return MULTIPART_BAD;
	s->is_wanted = p->is_wanted;
	s->is_beside = p->is_beside;
	s->files += p->is_file;
	return MULTIPART_FOUND;
}

/* More of the part's content was read. */
static void keep_content(struct multipart_scan *s, str some)
{
	if (!s->is_beside)
		return;
	s->is_long |= some.len > (size_t)(MULTIPART_SHORT - s->beside_len);
	if (s->is_long)
		return;
	memcpy(s->beside_value + s->beside_len, some.ptr, some.len);
	s->beside_len += (uint8_t)some.len;
}

/* It ends at `end` of the body. */
static void end_part(struct multipart_scan *s, size_t end)
{
	if (s->is_wanted) {
		s->value_len = end - s->value_at;
		s->is_found = true;
	}
	s->has_beside |= s->is_beside;
	if (s->is_long)
		s->beside_len = 0;
}

/* Of content without a delimiter only what may be the beginning of one is kept, with the
 * two bytes that stand before it. */
static void let_go(struct multipart_scan *s, str *rest)
{
	size_t keep = s->dashes_len + 1, n = rest->len > keep ? rest->len - keep : 0;

	keep_content(s, str_take(rest, n));
	s->searched = s->searched > n ? s->searched - n : 0;
}

/* Reads one thing of the rest, which begins at s->at.  FOUND: there may be another. */
static enum multipart_result read_one(struct multipart_scan *s, str *rest)
{
	str dashes = str_of(s->dashes, s->dashes_len), content;
	const char *begin = rest->ptr;
	enum multipart_result got;
	struct part p = { .is_wanted = false };

	switch ((enum place)s->place) {
	case PREAMBLE:
		got = take_preamble(rest, dashes);
		if (got == MULTIPART_FOUND)
			s->place = DELIMITER;
		return got;
	case DELIMITER:
		got = take_delimiter_end(rest);
		s->is_over = got == MULTIPART_NONE;
		if (got == MULTIPART_FOUND && s->parts++ == PARTS_MOST)
			return MULTIPART_BAD;
		if (got == MULTIPART_FOUND)
			s->place = HEADERS;
		return got;
	case HEADERS:
		got = take_headers(rest, s, &p);
		if (got == MULTIPART_FOUND)
			got = begin_part(s, &p);
		if (got == MULTIPART_FOUND)
			s->place = CONTENT;
		if (got == MULTIPART_FOUND && p.is_wanted)
			s->value_at = s->at + (size_t)(rest->ptr - begin);
		return got;
	case CONTENT:
		break;
	}
	got = take_content(rest, dashes, &s->searched, &content);
	if (got == MULTIPART_FOUND) {
		keep_content(s, content);
		end_part(s, s->at + (size_t)(content.ptr + content.len - begin));
		s->place = DELIMITER;
	} else if (got == MULTIPART_MORE)
		let_go(s, rest);
	return got;
}

/* What of the bytes cannot be read before more has come. */
static str read_on(struct multipart_scan *s, str bytes)
{
	enum multipart_result got = MULTIPART_FOUND;

	while (got == MULTIPART_FOUND) {
		size_t before = bytes.len;

		got = read_one(s, &bytes);
		s->at += before - bytes.len;
	}
	if (got == MULTIPART_BAD || got == MULTIPART_TWICE)
		s->bad = got;
	return s->is_over || s->bad != MULTIPART_MORE ? STR_NONE : bytes;
}

void multipart_begin(struct multipart_scan *s, str boundary, str name)
{
	assert(is_boundary(boundary));
	*s = (struct multipart_scan){
		.name = name,
		.dashes = "--",
		.dashes_len = 2 + boundary.len,
		.bad = MULTIPART_MORE,
		.rest = BUF_LIMIT(2 * HEADERS_MOST),
	};
	memcpy(s->dashes + 2, boundary.ptr, boundary.len);
}

enum multipart_result multipart_next(struct multipart_scan *s, str bytes)
{
	s->taken += bytes.len;
	while (bytes.len > 0 && !s->is_over && s->bad == MULTIPART_MORE) {
		/* Once the rest is read, the bytes are where they stand. */
		str some = s->rest.len ? str_first(bytes, JOIN) : bytes, left;

		if (s->rest.len && !buf_add(&s->rest, some))
			s->bad = MULTIPART_BAD;
		left = read_on(s, s->rest.len ? buf_str(&s->rest) : some);
		str_take(&bytes, some.len);
		if (s->rest.len && left.len <= some.len) {
			bytes = str_of(bytes.ptr - left.len, bytes.len + left.len);
			buf_clear(&s->rest);
		} else if (s->rest.len) {
			buf_drop(&s->rest, s->rest.len - left.len);
		} else if (!buf_add(&s->rest, left)) {
			s->bad = MULTIPART_BAD;
		}
	}
	if (s->bad != MULTIPART_MORE)
		return s->bad;
	return s->is_found  ? MULTIPART_FOUND
	       : s->is_over ? MULTIPART_NONE
	                    : MULTIPART_MORE;
}

void multipart_done(struct multipart_scan *s)
{
	buf_free(&s->rest);
}

enum multipart_result multipart_find(str body, str boundary, str name, str *ret)
{
	struct multipart_scan s;
	enum multipart_result got;

	multipart_begin(&s, boundary, name);
	got = multipart_next(&s, body);
	multipart_done(&s);
	if (got == MULTIPART_FOUND)
		*ret = str_of(body.ptr + s.value_at, s.value_len);
	return got;
}
