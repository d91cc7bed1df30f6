/* redact_find.c - what looks like an address of mail, a phone's or card's number, an IBAN
 * or a secret. */
#include "codec/redact_private.h"

enum { CARD_MOST = 19, IBAN_MOST = 34 };

/* ---- characters ---- */

static bool is_alpha(char c)
{
	char low = char_lower(c);

	return low >= 'a' && low <= 'z';
}

static bool is_word(char c)
{
	return is_alpha(c) || char_is_digit(c) || c == '_';
}

static bool is_key_char(char c)
{
	return is_word(c) || c == '-' || c == '.' || c == '/' || c == '+' || c == '=';
}

static bool is_mail_char(char c)
{
	return is_word(c) || c == '.' || c == '-' || c == '+' || c == '%' || c == '\'';
}

/* Does anything that is part of a number or word stand before? Behind an escape such as
 * \n in JSON the next word begins. */
static bool begins(str text, size_t at)
{
	if (at == 0 || !is_word(text.ptr[at - 1]))
		return true;
	return at >= 2 && text.ptr[at - 2] == '\\' &&
	       str_find(STR("nrtbf"), text.ptr[at - 1]) < 5;
}

static bool ends(str text, size_t at)
{
	return at >= text.len || !is_word(text.ptr[at]);
}

/* ---- finders: a find's length at text[at], 0: there is none; it may reach back ---- */

/* At the '@'; *ret_from is where it begins. */
static size_t find_email(str text, size_t at, size_t *ret_from)
{
	size_t from = at, to = at + 1, dot = 0;

	while (from > 0 && is_mail_char(text.ptr[from - 1]) && at - from < 64)
		from--;
	/* "\nfred@..." in JSON: the n is not his. */
	if (from > 0 && text.ptr[from - 1] == '\\' && from < at)
		from++;
	while (to < text.len &&
	       (is_word(text.ptr[to]) || text.ptr[to] == '.' || text.ptr[to] == '-')) {
		if (text.ptr[to] == '.' && to > at + 1 && to + 1 < text.len &&
		    is_alpha(text.ptr[to + 1]))
			dot = to;
		to++;
	}
	while (to > dot && dot && !is_word(text.ptr[to - 1]))
		to--;
	*ret_from = from;
	return from < at && dot && to - dot > 2 ? to - from : 0;
}

/* Digits with single separators between, from text[at]. */
struct digits {
	char digit[CARD_MOST + 1];
	unsigned count, separators;
	size_t len;
};

static void take_digits(str text, size_t at, str separators, unsigned most,
                        struct digits *ret)
{
	*ret = (struct digits){ 0 };
	for (size_t i = at; i < text.len; i++) {
		char c = text.ptr[i];

		if (char_is_digit(c)) {
			if (ret->count < most)
				ret->digit[ret->count] = c;
			ret->count++;
			ret->len = i + 1 - at;
			if (ret->count > most)
				return;
		} else if (str_find(separators, c) < separators.len && i + 1 < text.len &&
		           (char_is_digit(text.ptr[i + 1]) ||
		            str_find(separators, text.ptr[i + 1]) < separators.len)) {
			ret->separators++;
		} else {
			return;
		}
	}
}

static bool luhn_is_right(const struct digits *d)
{
	unsigned sum = 0, all = 0;

	for (unsigned i = 0; i < d->count; i++) {
		unsigned n = (unsigned)(d->digit[d->count - 1 - i] - '0');

		all |= n;
		n = i % 2 ? n * 2 : n;
		sum += n > 9 ? n - 9 : n;
	}
	return sum % 10 == 0 && all != 0;
}

static size_t find_card(str text, size_t at)
{
	struct digits d;

	if (!begins(text, at))
		return 0;
	take_digits(text, at, STR(" -"), CARD_MOST, &d);
	return d.count >= 13 && d.count <= CARD_MOST && ends(text, at + d.len) &&
	                       luhn_is_right(&d)
	               ? d.len
	               : 0;
}

static size_t find_phone(str text, size_t at)
{
	enum { DIGITS_LEAST = 8, DIGITS_MOST = 15 };
	bool plus = text.ptr[at] == '+', open = text.ptr[at] == '(';
	size_t from = at + (plus || open);
	struct digits d;

	if (!begins(text, at) || from >= text.len || !char_is_digit(text.ptr[from]))
		return 0;
	take_digits(text, from, STR(" -./()"), DIGITS_MOST, &d);
	/* Bare digits are a number like any other: 0 or + begins one that is dialled. */
	if (d.count < DIGITS_LEAST || d.count > DIGITS_MOST ||
	    !ends(text, from + d.len) ||
	    !(plus || (d.digit[0] == '0' && (open || d.separators > 0))))
		return 0;
	return from + d.len - at;
}

static size_t find_iban(str text, size_t at)
{
	unsigned rest = 0, count = 0;
	char packed[IBAN_MOST];
	size_t len = 0;

	if (!begins(text, at) || at + 4 > text.len || !is_alpha(text.ptr[at]) ||
	    !is_alpha(text.ptr[at + 1]) || !char_is_digit(text.ptr[at + 2]) ||
	    !char_is_digit(text.ptr[at + 3]))
		return 0;
	for (size_t i = at; i < text.len && count < IBAN_MOST; i++) {
		char c = text.ptr[i];

		if (c == ' ' && i + 1 < text.len &&
		    (is_alpha(text.ptr[i + 1]) || char_is_digit(text.ptr[i + 1])))
			continue;
		if (!is_alpha(c) && !char_is_digit(c))
			break;
		packed[count++] = char_lower(c);
		len = i + 1 - at;
		/* Words may follow behind a blank: the first end that fits is taken. */
		if (count < 15 || !ends(text, at + len))
			continue;
		rest = 0;
		for (unsigned k = 0; k < count; k++) {
			char p = packed[(k + 4) % count];

			rest = char_is_digit(p)
			               ? (rest * 10 + (unsigned)(p - '0')) % 97
			               : (rest * 100 + (unsigned)(p - 'a') + 10) % 97;
		}
		if (rest == 1)
			return len;
	}
	return 0;
}

/* ---- secrets ---- */

static size_t key_length(str text, size_t at)
{
	size_t to = at;

	while (to < text.len && is_key_char(text.ptr[to]))
		to++;
	return to - at;
}

static size_t find_known_key(str text, size_t at)
{
	static const struct {
		str prefix;
		size_t least; /* all of it */
	} forms[] = {
		{ STR_INIT("sk-"), 20 },      { STR_INIT("sk_live_"), 20 },
		{ STR_INIT("rk_live_"), 20 }, { STR_INIT("pk_live_"), 20 },
		{ STR_INIT("ghp_"), 36 },     { STR_INIT("gho_"), 36 },
		{ STR_INIT("ghs_"), 36 },     { STR_INIT("github_pat_"), 40 },
		{ STR_INIT("glpat-"), 20 },   { STR_INIT("AKIA"), 20 },
		{ STR_INIT("ASIA"), 20 },     { STR_INIT("xoxb-"), 20 },
		{ STR_INIT("xoxp-"), 20 },    { STR_INIT("AIza"), 39 },
		{ STR_INIT("hf_"), 30 },      { STR_INIT("npm_"), 36 },
		{ STR_INIT("eyJ"), 60 },
	};
	str rest = str_from(text, at);

	if (!begins(text, at))
		return 0;
	for (size_t i = 0; i < countof(forms); i++) {
		size_t len;

		if (!str_starts(rest, forms[i].prefix))
			continue;
		len = key_length(text, at);
		return len >= forms[i].least ? len : 0;
	}
	return 0;
}

static size_t find_pem(str text, size_t at)
{
	const str begin = STR("-----BEGIN "), end = STR("-----END ");
	str rest = str_from(text, at);
	size_t to;

	if (!str_starts(rest, begin) ||
	    !str_has(str_first(rest, 64), STR("PRIVATE KEY-----")))
		return 0;
	to = str_find_str(rest, end);
	if (to == rest.len)
		return rest.len; /* cut: nothing of it stays */
	to += end.len;
	while (to < rest.len && rest.ptr[to] != '-')
		to++;
	while (to < rest.len && rest.ptr[to] == '-')
		to++;
	return to;
}

/* "Bearer XXXX": at the B; the find is what follows. */
static size_t find_bearer(str text, size_t at, size_t *ret_from)
{
	str rest = str_from(text, at);
	size_t len;

	if (!begins(text, at) || !str_starts_nocase(rest, STR("bearer ")))
		return 0;
	*ret_from = at + 7;
	len = key_length(text, *ret_from);
	return len >= 8 ? len : 0;
}

/* A member's value, also where the JSON is a text within JSON: \"password\":\"...\". */
static size_t find_member(str text, size_t at, size_t *ret_from)
{
	static const str names[] = {
		STR_INIT("password"),     STR_INIT("passwd"),
		STR_INIT("secret"),       STR_INIT("token"),
		STR_INIT("api_key"),      STR_INIT("apikey"),
		STR_INIT("access_token"), STR_INIT("client_secret"),
		STR_INIT("private_key"),
	};
	size_t i = at + 1;
	bool escaped = at > 0 && text.ptr[at - 1] == '\\';
	str name = str_from(text, i);

	name = str_first(name, str_find_any(name, STR("\\\"")));
	for (size_t n = 0;; n++) {
		if (n == countof(names))
			return 0;
		if (str_eq_nocase(name, names[n]))
			break;
	}
	i += name.len + (escaped ? 2 : 1);
	while (i < text.len && str_find(STR(" :\t"), text.ptr[i]) < 3)
		i++;
	if (escaped && i < text.len && text.ptr[i] == '\\')
		i++;
	if (i >= text.len || text.ptr[i] != '"')
		return 0;
	*ret_from = ++i;
	for (; i < text.len; i++) {
		if (!escaped && text.ptr[i] == '\\')
			i++;
		else if (text.ptr[i] == '"' || (escaped && text.ptr[i] == '\\'))
			break;
	}
	return min_of(i, text.len) - *ret_from;
}

/* ---- one place ---- */

static bool is_find(struct find *f, size_t from, size_t len, const char *name)
{
	*f = (struct find){ from, len, name };
	return len > 0;
}

static bool look_for_secret(str text, size_t at, struct find *ret)
{
	char c = text.ptr[at];
	size_t from = at;

	if (c == '-' && is_find(ret, at, find_pem(text, at), "secret"))
		return true;
	if (c == '"') {
		size_t len = find_member(text, at, &from);

		return is_find(ret, from, len, "secret");
	}
	if ((c == 'B' || c == 'b')) {
		size_t len = find_bearer(text, at, &from);

		return is_find(ret, from, len, "secret");
	}
	return is_alpha(c) && is_find(ret, at, find_known_key(text, at), "secret");
}

bool redact_look(unsigned classes, str text, size_t at, struct find *ret)
{
	char c = text.ptr[at];

	if (classes & REDACT_SECRET && look_for_secret(text, at, ret))
		return true;
	if (c == '@' && classes & REDACT_EMAIL) {
		size_t from, len = find_email(text, at, &from);

		return is_find(ret, from, len, "email");
	}
	if (char_is_digit(c) && classes & REDACT_CARD &&
	    is_find(ret, at, find_card(text, at), "card"))
		return true;
	if ((char_is_digit(c) || c == '+' || c == '(') && classes & REDACT_PHONE)
		return is_find(ret, at, find_phone(text, at), "phone");
	return is_alpha(c) && classes & REDACT_IBAN &&
	       is_find(ret, at, find_iban(text, at), "iban");
}
