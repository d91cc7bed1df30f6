/* hide.c - see hide.h.  Only answers that are errors are searched, so a plain search
 * through a handful of short texts is good enough. */
#include "gateway/hide.h"

enum { SECRET_LEAST = 8 }; /* shorter ones are no secret, and stand in many a word */

/* The bytes of text that are this secret; 0: it does not begin with it.  *ret_ends: the
 * text has ended before they differ. */
static size_t match(str text, str secret, bool *ret_ends)
{
	size_t at = 0;

	*ret_ends = false;
	for (size_t i = 0; i < secret.len; i++) {
		if (secret.ptr[i] == '/' && at < text.len && text.ptr[at] == '\\')
			at++;
		*ret_ends = at == text.len;
		if (*ret_ends || text.ptr[at] != secret.ptr[i])
			return 0;
		at++;
	}
	return at;
}

/* Where it is in the text, and how long; false: nowhere. */
static bool find(str text, str secret, size_t *ret_at, size_t *ret_len)
{
	bool ends;

	if (secret.len < SECRET_LEAST)
		return false;
	for (size_t at = 0; at < text.len; at++) {
		at += str_find(str_from(text, at), secret.ptr[0]);
		*ret_len = match(str_from(text, at), secret, &ends);
		*ret_at = at;
		if (*ret_len)
			return true;
	}
	return false;
}

/* The i-th of them; empty: no more. */
static bool nth_secret(const struct attempt *a, unsigned i, str *ret)
{
	const struct provider *p = a->target->provider;
	const str others[] = {
		a->token.text,
		secret_reveal(&p->aws.secret_key),
		secret_reveal(&p->aws.session_token),
	};

	if (i >= p->key_count + countof(others))
		return false;
	*ret = i < p->key_count ? secret_reveal(&p->keys[i]) : others[i - p->key_count];
	return true;
}

/* The text may have been cut inside a secret: so many of its last bytes are the beginning
 * of one. */
static size_t cut_end(str text, str secret)
{
	if (secret.len < SECRET_LEAST)
		return 0;
	for (size_t n = min_of(secret.len - 1, text.len); n >= SECRET_LEAST; n--) {
		if (str_ends(text, str_first(secret, n)))
			return n;
	}
	return 0;
}

void hide_secret(str secret, char *text, size_t len)
{
	size_t at, n = cut_end(str_of(text, len), secret);

	memset(text + len - n, '*', n);
	for (size_t from = 0; find(str_of(text + from, len - from), secret, &at, &n);
	     from += at + n)
		memset(text + from + at, '*', n);
}

void hide_secrets(const struct attempt *a, char *text, size_t len)
{
	str secret;

	for (unsigned i = 0; len > 0 && nth_secret(a, i, &secret); i++)
		hide_secret(secret, text, len);
}

bool hide_finds(const struct attempt *a, str text)
{
	size_t at, n;
	str secret;

	for (unsigned i = 0; nth_secret(a, i, &secret); i++) {
		if (find(text, secret, &at, &n))
			return true;
	}
	return false;
}

size_t hide_begins(const struct attempt *a, str text)
{
	size_t most = 0;
	str secret;

	for (unsigned i = 0; nth_secret(a, i, &secret); i++) {
		/* twice: each of its bytes may be a slash, written as two */
		str end = str_from(text, text.len - min_of(text.len, 2 * secret.len));
		bool ends = false;

		while (end.len > most && secret.len >= SECRET_LEAST && !ends) {
			match(end, secret, &ends);
			if (ends)
				most = end.len;
			str_take(&end, 1);
		}
	}
	return most;
}
