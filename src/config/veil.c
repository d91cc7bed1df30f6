/* veil.c - see veil.h.  A line is read from left to right, as YAML roughly does: names
 * (with a colon behind them), values, and brackets.  What is no name is judged by the
 * name before it, or, without one, by the section of the file. */
#include "config/veil.h"

#include "config/table.h"

#include <string.h>

enum {
	RUN_LEAST = 16,      /* letters and digits in a row that are no word */
	PREFIXED_LEAST = 12, /* with "sk-" */
	SHORT_FIGURE = 5,    /* "30s", "70%" */
	PIECE_LEAST = 4,     /* what is looked for in the words */
	PIECE_BEGIN = 6,     /* and recognized by, when only its beginning is quoted */
};

struct veil {
	char *line;
	size_t n;
	enum section_id section;
	bool is_secret_place;
	bool is_strict; /* now: nothing is shown that is not known */
};

static bool is_alnum(char c)
{
	char low = char_lower(c);

	return (low >= 'a' && low <= 'z') || char_is_digit(c);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void cover(struct veil *v, size_t from, size_t to)
{
	if (to > from)
		memset(v->line + from, '*', to - from);
}

/* ---- names ---- */

/* Is it a key of ours that never holds a credential?  The same name may be one key here
 * and another there: the section decides. */
static bool is_plain_name(enum section_id section, str name)
{
	bool is_known = str_eq(name, STR("file"));
	unsigned index, place;

	for (int i = -1; i < SECTIONS; i++) {
		const struct config_key *key = config_key_find(
		        &config_sections[i < 0 ? section : (enum section_id)i], name,
		        &index, &place);

		if (!key || key->kind == KIND_LATER)
			continue;
		if (i < 0)
			return key->kind != KIND_SECRET && key->kind != KIND_SECRETS;
		if (key->kind == KIND_SECRET || key->kind == KIND_SECRETS)
			return false;
		is_known = true;
	}
	return is_known;
}

static bool sounds_secret(str name)
{
	static const char *const sounds[] = { "key",  "token", "secret", "pass",  "pwd",
		                              "auth", "cred",  "bearer", "header" };
	char low[64];
	size_t n = min_of(name.len, sizeof(low));

	for (size_t i = 0; i < n; i++)
		low[i] = char_lower(name.ptr[i]);
	for (size_t i = 0; i < countof(sounds); i++)
		if (str_has(str_of(low, n), str_from_z(sounds[i])))
			return true;
	return name.len > sizeof(low);
}

/* From now on values are this name's. */
static void enter(struct veil *v, str name)
{
	v->is_strict = !is_plain_name(v->section, name) &&
	               (v->is_secret_place || sounds_secret(name));
}

/* ---- the look of a credential ---- */

static unsigned class_of(char c)
{
	return char_is_digit(c) ? 1 : c >= 'a' ? 2 : 3;
}

/* One run of letters and digits; *messy counts those of runs which are no words. */
static bool is_random_run(str run, size_t *messy)
{
	bool digits = false, letters = false;
	unsigned changes = 0;

	for (size_t i = 0; i < run.len; i++) {
		digits |= char_is_digit(run.ptr[i]);
		letters |= !char_is_digit(run.ptr[i]);
		changes += i > 0 && class_of(run.ptr[i]) != class_of(run.ptr[i - 1]);
	}
	if (changes >= 3)
		*messy += run.len;
	return run.len >= RUN_LEAST && ((digits && letters) || changes >= 8);
}

static bool is_uuid_at(str s)
{
	if (s.len < 36)
		return false;
	for (size_t i = 0; i < 36; i++) {
		bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
		char low = char_lower(s.ptr[i]);

		if (is_dash ? low != '-'
		            : !char_is_digit(low) && (low < 'a' || low > 'f'))
			return false;
	}
	return true;
}

static bool begins_like_a_key(str s)
{
	static const str prefixes[] = {
		STR_INIT("sk-"),   STR_INIT("sk_"),  STR_INIT("AKIA"), STR_INIT("ASIA"),
		STR_INIT("AIza"),  STR_INIT("xai-"), STR_INIT("gsk_"), STR_INIT("nvapi-"),
		STR_INIT("pplx-"), STR_INIT("ghp_"), STR_INIT("eyJ")
	};
	size_t n = 0;

	while (n < s.len && (is_alnum(s.ptr[n]) || s.ptr[n] == '-' || s.ptr[n] == '_'))
		n++;
	for (size_t i = 0; n >= PREFIXED_LEAST && i < countof(prefixes); i++)
		if (str_starts(s, prefixes[i]))
			return true;
	return false;
}

static bool looks_secret(str s)
{
	size_t messy = 0, end;

	for (size_t at = 0; at < s.len; at = end) {
		str rest = str_from(s, at);

		for (end = at; end < s.len && is_alnum(s.ptr[end]); end++)
			;
		if (end == at) {
			end++;
			continue;
		}
		if (begins_like_a_key(rest) || is_uuid_at(rest) ||
		    is_random_run(str_of(rest.ptr, end - at), &messy))
			return true;
	}
	return messy >= RUN_LEAST;
}

/* ---- values ---- */

/* The end of "https://"; 0: it is no address. */
static size_t scheme_len(str s)
{
	size_t at = str_find_str(s, STR("://"));

	for (size_t i = 0; i < s.len; i++)
		if (is_blank(s.ptr[i]) || (i < at && !is_alnum(s.ptr[i])))
			return 0;
	return at > 0 && at < s.len ? at + 3 : 0;
}

/* "user:SECRET@host/v1?code=SECRET": who logs in, and what a query says. */
static void veil_address(struct veil *v, size_t from, size_t to)
{
	str s = str_of(v->line + from, to - from);
	size_t host = scheme_len(s), query = str_find(s, '?'), at;
	str rest = str_from(s, query + 1);

	if (host == 0 && str_find(rest, '=') >= str_find_any(rest, STR("}/&")))
		query = s.len;
	else if (host > 0)
		query = min_of(query, str_find(s, '#'));
	at = str_find_last(str_first(s, query), '@');
	if (at < query && (host > 0 || str_find(s, ':') < at))
		cover(v, from + host, from + at);
	for (size_t i = query + 1; i < s.len; i++) {
		size_t end = i + str_find(str_from(s, i), '&');
		size_t is = i + str_find(str_of(s.ptr + i, end - i), '=');

		cover(v, from + (is < end ? is + 1 : i), from + end);
		i = end;
	}
}

static bool is_known_word(str s)
{
	static const str known[] = { STR_INIT("none"), STR_INIT("store"),
		                     STR_INIT("true"), STR_INIT("false"),
		                     STR_INIT("null"), STR_INIT("~"),
		                     STR_INIT("on"),   STR_INIT("off"),
		                     STR_INIT("yes"),  STR_INIT("no") };
	size_t i = 0;

	for (; i < countof(known); i++)
		if (str_eq(s, known[i]))
			return true;
	if (s.len > 0 && s.len <= SHORT_FIGURE && char_is_digit(s.ptr[0]))
		return true;
	/* A tag, an anchor, an alias. */
	for (i = 0; i < s.len && (s.ptr[i] == '!' || s.ptr[i] == '&' || s.ptr[i] == '*');)
		i++;
	for (size_t first = i; i > 0 && i <= s.len && i - first <= PREFIXED_LEAST; i++)
		if (i == s.len)
			return true;
		else if (s.ptr[i] < 'a' || s.ptr[i] > 'z')
			break;
	return false;
}

/* Of a path in capitals and small letters the look decides; /etc/ssl/3f25a1bb90.pem is
 * one. */
static bool is_path(str s)
{
	if (!str_starts(s, STR("/")) && !str_starts(s, STR("./")) &&
	    !str_starts(s, STR("~/")))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] >= 'A' && s.ptr[i] <= 'Z')
			return false;
	return !begins_like_a_key(s);
}

/* A piece without variables. */
static void veil_piece(struct veil *v, size_t from, size_t to, bool is_strict)
{
	str s = str_of(v->line + from, to - from);
	size_t host = scheme_len(s);

	if (s.len == 0 || is_known_word(s))
		return;
	if (is_strict) {
		cover(v, from, to);
		return;
	}
	if (host > 0)
		host += str_find(str_from(s, host), '/');
	s = str_from(s, host);
	if (!is_path(s) && looks_secret(s))
		cover(v, from + host, to);
}

/* "${NAME" and what closes it or begins its default; 0: no such thing. */
static size_t variable_len(str s)
{
	size_t n = 2;

	if (!str_starts(s, STR("${")))
		return 0;
	while (n < s.len && (is_alnum(s.ptr[n]) || s.ptr[n] == '_'))
		n++;
	if (n == 2 || looks_secret(str_of(s.ptr + 2, n - 2)))
		return 0;
	if (str_starts(str_from(s, n), STR("}")))
		return n + 1;
	return str_starts(str_from(s, n), STR(":-")) ||
	                       str_starts(str_from(s, n), STR(":?"))
	               ? n + 2
	               : 0;
}

static void veil_value(struct veil *v, size_t from, size_t to)
{
	str whole = str_of(v->line + from, to - from);
	bool is_strict = v->is_strict && scheme_len(whole) == 0;
	bool is_default = false, is_reason = false; /* ":-", ":?" of the variable */
	size_t begin = from;

	/* A reason is written to be read. */
	veil_address(v, from, to);
	for (size_t i = from; i < to; i++) {
		size_t n = variable_len(str_of(v->line + i, to - i));
		bool is_end = is_default && v->line[i] == '}';

		if (n == 0 && !is_end)
			continue;
		veil_piece(v, begin, i, is_strict && !is_reason);
		is_default = n > 0 && v->line[i + n - 1] != '}';
		is_reason = n > 0 && v->line[i + n - 1] == '?';
		begin = i + (n > 0 ? n : 1);
		i = begin - 1;
	}
	veil_piece(v, begin, to, is_strict && !is_reason);
}

/* ---- a line ---- */

static bool ends_plain(const struct veil *v, size_t i)
{
	char c = v->line[i];

	if (is_blank(c) || c == ',' || c == '{' || c == '}' || c == '[' || c == ']' ||
	    c == '"' || c == '\'')
		return true;
	if (c != ':')
		return false;
	return i + 1 == v->n || is_blank(v->line[i + 1]) || v->line[i + 1] == '"' ||
	       v->line[i + 1] == '\'' || v->line[i + 1] == '{' || v->line[i + 1] == '[';
}

static size_t plain_end(const struct veil *v, size_t i)
{
	for (; i < v->n && !ends_plain(v, i); i++) {
		str rest = str_of(v->line + i, v->n - i);

		if (str_starts(rest, STR("${")))
			i += min_of(str_find(rest, '}'), rest.len - 1);
	}
	return i;
}

/* Behind what closes it, or the end of the line. */
static size_t quoted_end(const struct veil *v, size_t i)
{
	char quote = v->line[i++];

	for (; i < v->n && v->line[i] != quote; i++)
		i += quote == '"' && v->line[i] == '\\' && i + 1 < v->n;
	return min_of(i, v->n);
}

static size_t skip_blanks(const struct veil *v, size_t i)
{
	while (i < v->n && is_blank(v->line[i]))
		i++;
	return i;
}

/* One name or value; gives what comes behind. */
static size_t veil_one(struct veil *v, size_t at)
{
	bool is_quoted = v->line[at] == '"' || v->line[at] == '\'';
	size_t from = at + is_quoted;
	size_t to = is_quoted ? quoted_end(v, at) : plain_end(v, at);
	size_t next = min_of(to + is_quoted, v->n), colon = skip_blanks(v, next);
	str name = str_of(v->line + from, to - from);

	if (colon == v->n || v->line[colon] != ':') {
		veil_value(v, from, to);
		return max_of(next, at + 1);
	}
	enter(v, name);
	if (looks_secret(name) || str_has(name, STR("://"))) {
		cover(v, from, to);
		v->is_strict = true;
	}
	return colon + 1;
}

static void veil_all(struct veil *v)
{
	for (size_t i = 0; i < v->n;) {
		char c = v->line[i];

		if (c == '}' || c == ']' || c == '#')
			v->is_strict = v->is_secret_place;
		if (is_blank(c) || c == ',' || c == '{' || c == '}' || c == '[' ||
		    c == ']' || c == '#' || c == ':' ||
		    (c == '-' && (i + 1 == v->n || is_blank(v->line[i + 1]))))
			i++;
		else
			i = veil_one(v, i);
	}
}

/* Does the line go on with the section above it? */
static bool goes_on(str line)
{
	char c = line.len ? line.ptr[0] : ' ';

	return is_blank(c) || c == '#' || c == '}' || c == ']' ||
	       (c == '-' && (line.len == 1 || is_blank(line.ptr[1])));
}

/* The name that the line begins with, without its quotes. */
static str name_of(str line)
{
	str name = str_trim(str_first(line, str_find(line, ':')));
	str quote = str_first(name, 1);

	if (name.len > 1 && (str_eq(quote, STR("\"")) || str_eq(quote, STR("'"))) &&
	    str_ends(name, quote))
		name = str_of(name.ptr + 1, name.len - 2);
	return name;
}

/* In which section of the file is that line?  The last name at the left margin says.  One
 * in another dress ("? providers", "&a providers:") is not known, and nothing below it.
 */
static void find_place(struct veil *v, str text, unsigned number)
{
	const struct config_key *key = NULL;
	unsigned index, place;

	while (number-- > 0 && text.len > 0) {
		str line = str_cut(&text, '\n');

		if (!goes_on(line))
			key = config_key_find(&config_sections[SECTION_ROOT],
			                      name_of(line), &index, &place);
	}
	v->section = SECTION_ROOT;
	if (key && (key->kind == KIND_SECTION || key->kind == KIND_MAP))
		v->section = key->section;
	v->is_secret_place = !key || key->kind == KIND_LATER ||
	                     v->section == SECTION_PROVIDER ||
	                     v->section == SECTION_TELEMETRY;
}

void veil_line(str text, unsigned number, bool is_part, char *line, size_t n)
{
	struct veil v = { .line = line, .n = n };
	size_t first = 0;

	find_place(&v, text, number);
	v.is_strict = v.is_secret_place |= is_part;
	while (is_part && first < n && !is_blank(line[first]))
		first++;
	cover(&v, 0, first);
	veil_all(&v);
}

/* ---- words ---- */

/* Wherever `piece`, or the beginning of it, is quoted. */
static void cover_piece(char *words, size_t n, str piece)
{
	str begin = str_first(piece, PIECE_BEGIN);

	for (size_t i = 0; i + begin.len <= n; i++) {
		size_t len = begin.len;

		if (memcmp(words + i, begin.ptr, begin.len) != 0)
			continue;
		while (len < piece.len && i + len < n && words[i + len] == piece.ptr[len])
			len++;
		memset(words + i, '*', len);
	}
}

void veil_words(char *words, size_t n, str line, str veiled)
{
	struct veil v = { .line = words, .n = n };

	for (size_t i = 0, end; i < n; i = end + 1) {
		for (end = i; end < n && !is_blank(words[end]) && words[end] != '"';
		     end++)
			;
		veil_value(&v, i, end);
	}
	for (size_t i = 0, end; i < line.len; i = max_of(end, i + 1)) {
		for (end = i;
		     end < line.len && veiled.ptr[end] == '*' && line.ptr[end] != '*';
		     end++)
			;
		if (end - i >= PIECE_LEAST)
			cover_piece(words, n, str_of(line.ptr + i, end - i));
	}
}
