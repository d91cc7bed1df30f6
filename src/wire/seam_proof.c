/* seam_proof.c - where S meets the end of P, and what is proof of it.
 *
 * Before the proof no text of S has to be kept: all that may count is a place in P from
 * which S has been the same so far.  These places (`alive`) get fewer with every
 * character; one that reaches the end of P is the proof, and when none is left there is
 * none. */
#include "base/mem.h"
#include "wire/seam_private.h"

enum {
	BEGINNING = 8, /* so many bytes like the beginning of P are no accident */
	WORD = 20,
};

/* ---- the tail that is asked for ---- */

/* Does what stands in p from `at` on stand nowhere else in it? */
static bool is_unique(str p, size_t at)
{
	return memmem(p.ptr, p.len, p.ptr + at, p.len - at) == p.ptr + at;
}

/* The place `chars` characters before the end. */
static size_t place_before_end(str p, size_t chars)
{
	size_t at = p.len;

	while (at > 0 && chars > 0) {
		at--;
		chars -= utf8_begins(p.ptr[at]);
	}
	return at;
}

/* Where the word at that place begins, if it is a short one; not at white space, which is
 * easily lost in front. */
static size_t word_begin(str p, size_t at)
{
	size_t back = 0;

	while (back < at && back < WORD && !seam_is_blank(p.ptr[at - back - 1]))
		back++;
	if (back < WORD)
		at -= back;
	while (at > 0 && !utf8_begins(p.ptr[at]))
		at--;
	while (at < p.len && seam_is_blank(p.ptr[at]))
		at++;
	return at;
}

/* Rows that are the same, one behind the other: would the next one look like this tail
 * said again?  Then it proves nothing. */
static bool is_row(str tail)
{
	size_t period = 1, next = tail.len;

	while (period <= tail.len / 2 &&
	       memcmp(tail.ptr, tail.ptr + period, tail.len - period) != 0)
		period++;
	if (period > tail.len / 2)
		return false;
	while (next < tail.len + period && seam_is_blank(tail.ptr[next % period]))
		next++;
	return next % period == 0;
}

str seam_anchor(str p)
{
	for (size_t chars = SEAM_ANCHOR_CHARS; chars <= SEAM_ANCHOR_MOST; chars += 20) {
		size_t at = place_before_end(p, chars);

		at = word_begin(p, at);
		if (utf8_count(str_from(p, at)) >= SEAM_CERTAIN && is_unique(p, at) &&
		    !is_row(str_from(p, at)))
			return str_from(p, at);
	}
	return STR_NONE;
}

/* ---- places in P ---- */

void seam_places(struct seam *s)
{
	size_t tails =
	        s->method == SEAM_WHOLE ? s->p.len : place_before_end(s->p, SEAM_HELD);

	s->alive = mem_new((s->p.len - tails + 1) * sizeof(*s->alive));
	s->alive[s->alive_count++] = (uint32_t)s->p_begin;
	for (size_t at = max_of(tails, s->p_begin + 1); at < s->p.len; at++) {
		if (utf8_begins(s->p.ptr[at]) && !seam_is_blank(s->p.ptr[at]))
			s->alive[s->alive_count++] = (uint32_t)at;
	}
}

/* A longer tail is none: where rows repeat, the next row looks like one. */
static bool is_proof(const struct seam *s, size_t at)
{
	return at == s->p_begin ||
	       (s->method == SEAM_ANCHOR && s->p.len - at == s->least);
}

/* Behind a prefix such a tail is a repetition or a second saying: nobody can tell. */
static bool is_doubt(const struct seam *s, size_t at)
{
	return s->method == SEAM_PREFIX && utf8_count(str_from(s->p, at)) >= SEAM_CERTAIN;
}

/* Keeps the places that go on with c.  True: one has come to its end, *ret_at, and that
 * is the proof. */
static bool follow(struct seam *s, str c, size_t *ret_at)
{
	unsigned kept = 0;
	bool is_proven = false;

	for (unsigned i = 0; i < s->alive_count; i++) {
		size_t at = s->alive[i];

		if (!str_starts(str_from(s->p, at + s->matched), c))
			continue;
		if (at + s->matched + c.len < s->p.len) {
			s->alive[kept++] = (uint32_t)at;
		} else if (is_proof(s, at)) {
			*ret_at = at;
			is_proven = true;
		} else if (is_doubt(s, at)) {
			seam_refuse(s);
			return false;
		}
	}
	s->alive_count = kept;
	s->matched += c.len;
	return is_proven;
}

/* ---- the text of S ---- */

/* S is like nothing in P any more. */
static void no_place_left(struct seam *s, bool was_beginning, size_t was_matched)
{
	struct buf text = s->held;

	if (s->method != SEAM_PREFIX || s->owed.len ||
	    (was_beginning && was_matched >= BEGINNING)) {
		seam_refuse(s);
		return;
	}
	s->held = (struct buf){ 0 };
	s->chars = (struct jchars){ 0 };
	s->matched = 0;
	seam_close(s, s->p.len, buf_str(&text));
	buf_free(&text);
}

/* One character of S; behind it stands `rest`. */
static void prove(struct seam *s, str c, jstr rest)
{
	bool was_beginning = s->alive_count && s->alive[0] == s->p_begin;
	size_t was_matched = s->matched, at;

	if (s->owed.len && !s->held_chars && str_starts(s->owed, c)) {
		s->owed = str_from(s->owed, c.len);
		buf_clear(&s->held);
		buf_add(&s->held, rest);
		return;
	}
	if (++s->held_chars > SEAM_HELD && !s->is_whole) {
		seam_refuse(s);
		return;
	}
	if (!s->has_begun && seam_is_blank(c.ptr[0]))
		return;
	s->has_begun = true;
	if (follow(s, c, &at)) {
		buf_clear(&s->held);
		seam_close(s, at, rest);
		return;
	}
	if (s->state != SEAM_OPEN)
		return;
	if (s->alive_count == 0) {
		no_place_left(s, was_beginning, was_matched);
		return;
	}
	s->is_whole = s->alive_count == 1 && s->alive[0] == s->p_begin &&
	              s->matched >= BEGINNING;
}

/* P is nothing but white space.  S may have lost all of it; what it has must be the same.
 */
static void prove_blank(struct seam *s, str c, jstr from, jstr rest)
{
	if (str_starts(s->owed, c)) {
		s->owed = str_from(s->owed, c.len);
		s->matched += c.len;
		if (!s->owed.len)
			seam_close(s, s->p.len, rest);
		return;
	}
	if (seam_is_blank(c.ptr[0])) {
		seam_refuse(s);
		return;
	}
	/* The first half of a pair may have come in an earlier piece. */
	struct buf all = s->held;

	s->held = (struct buf){ 0 };
	s->chars = (struct jchars){ 0 };
	all.limit = all.len + from.len;
	buf_add(&all, from);
	seam_close(s, s->p.len, buf_str(&all));
	buf_free(&all);
}

void seam_prove(struct seam *s, jstr text)
{
	bool is_blank_p = s->p_begin == s->p.len;
	char c[JCHAR_MOST];
	jstr rest = text, from = text;
	size_t n;

	/* Behind a prefix all of it may be the continuation. */
	if (s->method == SEAM_PREFIX && !s->is_whole && !is_blank_p) {
		s->held.limit = SEAM_TEXT_MOST;
		if (!buf_add(&s->held, text)) {
			seam_refuse(s);
			return;
		}
	}
	while (s->state == SEAM_OPEN && (n = jchars_next(&s->chars, &rest, c)) > 0) {
		if (is_blank_p)
			prove_blank(s, str_of(c, n), from, rest);
		else
			prove(s, str_of(c, n), rest);
		from = rest;
	}
	if (is_blank_p && s->state == SEAM_OPEN && s->chars.high) {
		s->held.limit = SEAM_TEXT_MOST;
		buf_add(&s->held, from);
	}
}

void seam_prove_end(struct seam *s)
{
	bool is_beginning = s->alive_count && s->alive[0] == s->p_begin;

	/* The last words of an answer may be few. */
	if (s->has_begun && s->method == SEAM_PREFIX && !is_beginning)
		no_place_left(s, false, 0);
	else
		seam_refuse(s);
}
