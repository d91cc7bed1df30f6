/* multipart.c - one field out of a multipart/form-data body, while it comes in.
 *
 * The body is read in steps: a delimiter, the part's header block, its content up to the
 * next delimiter.  A gateway and a provider that read the same body differently would
 * route one model and bill another, so what two parsers are known to take differently
 * (bare LF, backslashes in names, a name given twice, name*, encoded values) is BAD. */
#include "codec/multipart.h"

#include "base/assert.h"

enum { PARTS_MOST = 100, HEADERS_MOST = 16 * KiB, BOUNDARY_MOST = 70 };

struct part {
	bool is_wanted;  /* it has the name that is looked for */
	bool is_encoded; /* its content is not the value, but an encoding of it */
	bool has_name;
	unsigned dispositions; /* header lines of that name */
};

struct form {
	str rest;   /* what is not read yet */
	str dashes; /* "--" and the boundary */
	str name;   /* of the part that is looked for */
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

/* form-data; name="model"; filename="..." */
static bool read_disposition(str value, str wanted, struct part *p)
{
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
		if (!str_eq_nocase(name, STR("name")))
			continue;
		if (p->has_name || str_find(text, '\\') < text.len)
			return false;
		p->has_name = true;
		p->is_wanted = str_eq(text, wanted);
		if (!p->is_wanted && str_eq_nocase(text, wanted))
			return false; /* the same name to some */
	}
	return p->has_name;
}

static bool is_identity(str encoding)
{
	return str_eq_nocase(encoding, STR("binary")) ||
	       str_eq_nocase(encoding, STR("8bit")) ||
	       str_eq_nocase(encoding, STR("7bit"));
}

/* The header lines of a part, each with its CRLF. */
static bool read_headers(str block, str wanted, struct part *p)
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
			if (!read_disposition(line, wanted, p))
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
	if (str_skip(rest, STR("--")))
		return MULTIPART_NONE;
	if (str_eq(*rest, STR("-")))
		return MULTIPART_MORE;
	skip_blanks(rest);
	if (str_skip(rest, STR("\r\n")))
		return MULTIPART_FOUND;
	return rest->len == 0 || str_eq(*rest, STR("\r")) ? MULTIPART_MORE
	                                                  : MULTIPART_BAD;
}

/* Takes a part's header block, the empty line with it. */
static enum multipart_result take_headers(struct form *f, struct part *ret)
{
	str window = str_first(f->rest, HEADERS_MOST);
	size_t end = str_find_str(window, STR("\r\n\r\n"));

	if (end == window.len)
		return window.len == HEADERS_MOST ? MULTIPART_BAD : MULTIPART_MORE;
	if (!read_headers(str_take(&f->rest, end + 2), f->name, ret))
		return MULTIPART_BAD;
	str_take(&f->rest, 2);
	return MULTIPART_FOUND;
}

/* Takes what stands before the next delimiter, and the delimiter.  Only a CRLF begins
 * one; where a lone LF or CR would, readers differ. */
static enum multipart_result take_content(struct form *f, str *ret)
{
	for (size_t from = 0;;) {
		size_t at = from + str_find_str(str_from(f->rest, from), f->dashes);
		str before = str_first(f->rest, at);

		if (at == f->rest.len)
			return MULTIPART_MORE;
		if (str_ends(before, STR("\r\n"))) {
			*ret = str_first(before, at - 2);
			str_take(&f->rest, at + f->dashes.len);
			return MULTIPART_FOUND;
		}
		if (at == 0 || before.ptr[at - 1] == '\n' || before.ptr[at - 1] == '\r')
			return MULTIPART_BAD;
		from = at + f->dashes.len;
	}
}

/* To behind the first delimiter, with which a body begins unless it has a preamble. */
static enum multipart_result take_preamble(struct form *f)
{
	str preamble = STR("");
	enum multipart_result got;

	if (str_skip(&f->rest, f->dashes))
		return MULTIPART_FOUND;
	if (f->rest.len < f->dashes.len)
		return MULTIPART_MORE;
	got = take_content(f, &preamble);
	if (got == MULTIPART_MORE && f->rest.len >= HEADERS_MOST + 2 + f->dashes.len)
		return MULTIPART_BAD; /* the whole of a delimiter could be here */
	return preamble.len > HEADERS_MOST ? MULTIPART_BAD : got;
}

enum multipart_result multipart_find(str body, str boundary, str name, str *ret)
{
	char dashes[2 + BOUNDARY_MOST] = "--";
	struct form f = { body, str_of(dashes, 2 + boundary.len), name };
	enum multipart_result got;
	bool is_found = false;
	str content, found = STR("");

	assert(is_boundary(boundary));
	if (body.len == 0)
		return MULTIPART_MORE;
	memcpy(dashes + 2, boundary.ptr, boundary.len);
	got = take_preamble(&f);
	for (unsigned parts = 0; got == MULTIPART_FOUND; parts++) {
		struct part p = { .is_wanted = false };

		got = take_delimiter_end(&f.rest);
		if (got != MULTIPART_FOUND)
			break;
		if (parts == PARTS_MOST)
			return MULTIPART_BAD;
		got = take_headers(&f, &p);
		if (got != MULTIPART_FOUND)
			break;
		if (p.is_wanted && is_found)
			return MULTIPART_TWICE;
		if (p.is_wanted && p.is_encoded)
			return MULTIPART_BAD;
		got = take_content(&f, &content);
		if (p.is_wanted && got == MULTIPART_FOUND) {
			found = content;
			is_found = true;
		}
	}
	if (!is_found || got == MULTIPART_BAD)
		return got;
	*ret = found;
	return MULTIPART_FOUND;
}
