/* seam.c - see seam.h.
 *
 * Before the proof no text of S has to be kept: all that may count is a place in P from
 * which S has been the same so far.  These places (`alive`) get fewer with every
 * character; one that reaches the end of P is the proof, and when none is left there is
 * none. */
#include "wire/seam.h"

#include "base/assert.h"
#include "base/mem.h"

enum {
	BEGINNING = 8,        /* so many bytes like the beginning of P are no accident */
	TEXT_MOST = 16 * KiB, /* what waits, as it was written */
	STOP_MOST = 4 * KiB,
	WORD = 20,
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

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

	while (back < at && back < WORD && !is_blank(p.ptr[at - back - 1]))
		back++;
	if (back < WORD)
		at -= back;
	while (at > 0 && !utf8_begins(p.ptr[at]))
		at--;
	while (at < p.len && is_blank(p.ptr[at]))
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
	while (next < tail.len + period && is_blank(tail.ptr[next % period]))
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

/* ---- what goes through ---- */

static void refuse(struct seam *s)
{
	s->state = SEAM_REFUSED;
	buf_free(&s->held);
}

static void say(struct seam *s, jstr text)
{
	const struct chat_event e = { .kind = CHAT_PIECE,
		                      .block = s->text_block,
		                      .text = text };

	if (text.len && s->is_told) {
		refuse(s);
		return;
	}
	s->said_bytes += jchars_bytes(text);
	if (text.len)
		chat_push(s->next, &e);
}

static void let_go(struct seam *s)
{
	s->is_settled = true;
	say(s, buf_str(&s->held));
	buf_free(&s->held);
}

struct token_usage seam_usage(const struct seam *s)
{
	struct token_usage u = s->base;
	uint64_t cut = (s->cut_bytes + 3) / 4, new = (s->said_bytes + 3) / 4;

	if (s->has_usage)
		new = s->usage.output > cut ? s->usage.output - cut : 0;
	u.output = s->given_tokens + new;
	u.reasoning = min_of(s->base.reasoning + s->usage.reasoning, u.output);
	return u;
}

static void push_end(struct seam *s)
{
	struct chat_event e = { .kind = CHAT_USAGE, .usage = seam_usage(s) };

	chat_push(s->next, &e);
	e.kind = CHAT_END;
	chat_push(s->next, &e);
}

/* What a provider that had said all of it would have done. */
static void stop(struct seam *s, unsigned which)
{
	const struct chat_event e = { .kind = CHAT_FINISH,
		                      .finish = FINISH_SEQUENCE,
		                      .text = s->stops[which] };

	s->state = SEAM_STOPPED;
	s->is_finished = true;
	buf_free(&s->held);
	chat_push(s->next, &e);
	push_end(s);
}

/* ---- behind the proof ---- */

/* Does the stop sequence go on with c?  *ret_left: bytes of it behind that. */
static bool stop_goes_on(const struct seam *s, const struct seam_stride *at, str c,
                         size_t *ret_left)
{
	struct buf plain = BUF_LIMIT(STOP_MOST);
	bool fits = jchars_plain(s->stops[at->stop], &plain) &&
	            str_starts(str_from(buf_str(&plain), at->at), c);

	*ret_left = fits ? plain.len - at->at - c.len : 0;
	buf_free(&plain);
	return fits;
}

/* Every way in which a stop sequence may have begun before the seam. */
static void find_strides(struct seam *s)
{
	for (unsigned i = 0; i < s->stop_count; i++) {
		struct buf plain = BUF_LIMIT(STOP_MOST);
		bool is_text = jchars_plain(s->stops[i], &plain);

		for (size_t n = 1; is_text && n < plain.len && n <= s->p.len; n++) {
			bool begins = !memcmp(s->p.ptr + s->p.len - n, plain.ptr, n);

			if (begins && s->stride_count < SEAM_STRIDES)
				s->strides[s->stride_count++] =
				        (struct seam_stride){ .stop = i, .at = n };
		}
		buf_free(&plain);
	}
}

/* One character more behind the seam; true: it completes a stop sequence. */
static bool stride(struct seam *s, str c)
{
	unsigned kept = 0;
	size_t left;

	for (unsigned i = 0; i < s->stride_count; i++) {
		struct seam_stride *at = &s->strides[i];

		if (!stop_goes_on(s, at, c, &left))
			continue;
		if (left == 0) {
			stop(s, at->stop);
			return true;
		}
		at->at += c.len;
		s->strides[kept++] = *at;
	}
	s->stride_count = kept;
	return false;
}

/* Does c go on with the tail that S has repeated already?  Then so far nobody can tell
 * whether it is said once more or repeated again; all of it is refused. */
static void look_for_twice(struct seam *s, str c)
{
	if (!s->twice.len || (s->twice_at == 0 && is_blank(c.ptr[0])))
		return;
	if (!str_starts(str_from(s->twice, s->twice_at), c)) {
		s->twice = STR_NONE;
		return;
	}
	s->twice_at += c.len;
	if (s->twice_at == s->twice.len)
		refuse(s);
}

static void look_behind(struct seam *s, jstr text)
{
	char c[JCHAR_MOST];
	jstr rest = text;
	size_t n;

	s->held.limit = TEXT_MOST;
	if (!buf_add(&s->held, text)) {
		refuse(s);
		return;
	}
	while (s->twice.len || s->stride_count) {
		n = jchars_next(&s->chars, &rest, c);
		if (n == 0)
			return;
		if (stride(s, str_of(c, n)))
			return;
		look_for_twice(s, str_of(c, n));
		if (s->state == SEAM_REFUSED)
			return;
	}
	let_go(s);
}

/* S has repeated P from `at` on (all of P: that is what follows the prefix), and goes on
 * with text. */
static void close_seam(struct seam *s, size_t at, jstr text)
{
	str tail = str_from(s->p, at);

	s->state = SEAM_CLOSED;
	s->alive_count = 0;
	s->cut_bytes += s->matched;
	if (s->method == SEAM_ANCHOR && utf8_count(tail) <= SEAM_HELD)
		s->twice = tail;
	find_strides(s);
	look_behind(s, text);
}

/* ---- the proof ---- */

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
			refuse(s);
			return false;
		}
	}
	s->alive_count = kept;
	s->matched += c.len;
	return is_proven;
}

/* S is like nothing in P any more. */
static void no_place_left(struct seam *s, bool was_beginning, size_t was_matched)
{
	struct buf text = s->held;

	if (s->method != SEAM_PREFIX || s->owed.len ||
	    (was_beginning && was_matched >= BEGINNING)) {
		refuse(s);
		return;
	}
	s->held = (struct buf){ 0 };
	s->chars = (struct jchars){ 0 };
	s->matched = 0;
	close_seam(s, s->p.len, buf_str(&text));
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
		refuse(s);
		return;
	}
	if (!s->has_begun && is_blank(c.ptr[0]))
		return;
	s->has_begun = true;
	if (follow(s, c, &at)) {
		buf_clear(&s->held);
		close_seam(s, at, rest);
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
			close_seam(s, s->p.len, rest);
		return;
	}
	if (is_blank(c.ptr[0])) {
		refuse(s);
		return;
	}
	/* The first half of a pair may have come in an earlier piece. */
	struct buf all = s->held;

	s->held = (struct buf){ 0 };
	s->chars = (struct jchars){ 0 };
	all.limit = all.len + from.len;
	buf_add(&all, from);
	close_seam(s, s->p.len, buf_str(&all));
	buf_free(&all);
}

static void take_text(struct seam *s, jstr text)
{
	bool is_blank_p = s->p_begin == s->p.len;
	char c[JCHAR_MOST];
	jstr rest = text, from = text;
	size_t n;

	if (s->state == SEAM_CLOSED) {
		if (s->is_settled)
			say(s, text);
		else
			look_behind(s, text);
		return;
	}
	/* Behind a prefix all of it may be the continuation. */
	if (s->method == SEAM_PREFIX && !s->is_whole && !is_blank_p) {
		s->held.limit = TEXT_MOST;
		if (!buf_add(&s->held, text)) {
			refuse(s);
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
		s->held.limit = TEXT_MOST;
		buf_add(&s->held, from);
	}
}

void seam_settle(struct seam *s)
{
	bool is_short = s->twice_at == 0 ||
	                utf8_count(str_first(s->twice, s->twice_at)) < SEAM_CERTAIN;

	if (s->state == SEAM_OPEN) {
		bool is_beginning = s->alive_count && s->alive[0] == s->p_begin;

		/* The last words of an answer may be few. */
		if (s->has_begun && s->method == SEAM_PREFIX && !is_beginning)
			no_place_left(s, false, 0);
		else
			refuse(s);
	}
	if (s->state != SEAM_CLOSED || s->is_settled)
		return;
	if (s->twice.len && !is_short)
		refuse(s);
	else
		let_go(s);
}

/* ---- events ---- */

static uint64_t bit_of(unsigned block)
{
	return (uint64_t)1 << min_of(block, 63u);
}

/* Before the proof only text is of interest; thoughts on the way to it are left out. */
static void take_before(struct seam *s, const struct chat_event *e)
{
	if (e->kind == CHAT_OPEN && e->what == CHAT_REASONING) {
		s->left_out |= bit_of(e->block);
	} else if (e->kind == CHAT_OPEN && e->what != CHAT_TEXT) {
		refuse(s);
	} else if (e->kind == CHAT_PIECE && (s->left_out & bit_of(e->block))) {
		s->cut_bytes += jchars_bytes(e->text);
	} else if (e->kind == CHAT_PIECE) {
		s->s_block = e->block + 1;
		take_text(s, e->text);
	}
}

static void push_shifted(struct seam *s, const struct chat_event *from)
{
	struct chat_event e = *from;

	e.place = 0; /* the client counts on from P */
	e.item = STR_NONE;
	if (e.block + 1 == s->s_block) {
		e.block = s->text_block;
		e.cite.start = e.cite.end = 0; /* counted in another text */
	} else {
		e.block += s->shift;
	}
	s->said_bytes += jchars_bytes(e.text);
	chat_push(s->next, &e);
}

static void take_behind(struct seam *s, const struct chat_event *e)
{
	bool is_here = e->block + 1 == s->s_block;

	if (s->left_out & bit_of(e->block))
		return;
	if (e->kind == CHAT_PIECE && is_here) {
		take_text(s, e->text);
		return;
	}
	if (!s->is_settled && (e->kind == CHAT_OPEN || e->kind == CHAT_CLOSE))
		seam_settle(s);
	if (s->is_told && e->kind == CHAT_OPEN && e->what == CHAT_TEXT)
		refuse(s);
	if (s->state != SEAM_CLOSED ||
	    (e->kind == CHAT_SEALED && (s->drops_seals || s->left_out)))
		return;
	push_shifted(s, e);
}

static void take_finish(struct seam *s, const struct chat_event *e)
{
	if (s->is_finished)
		return;
	/* Saying nothing at all is no answer, where none has begun. */
	if (e->finish == FINISH_ERROR ||
	    (e->finish == FINISH_STOP && s->p.len == 0 && s->said_bytes == 0)) {
		s->why = s->why                      ? s->why
		         : e->finish == FINISH_ERROR ? FAULT_STREAM_ERROR
		                                     : FAULT_EMPTY_ANSWER;
		refuse(s);
		return;
	}
	seam_settle(s);
	if (s->state != SEAM_CLOSED)
		return;
	s->is_finished = true;
	chat_push(s->next, e);
}

static void take_end(struct seam *s)
{
	seam_settle(s);
	if (s->state == SEAM_CLOSED)
		push_end(s);
}

static void take(struct chat_sink *sink, const struct chat_event *e)
{
	struct seam *s = container_of(sink, struct seam, sink);

	switch (e->kind) {
	case CHAT_BEGIN:
	case CHAT_ODD:
	case CHAT_INPUT:
		return;
	case CHAT_FAULT:
		s->why = e->why ? e->why : FAULT_STREAM_ERROR;
		return;
	case CHAT_USAGE:
		s->usage = e->usage;
		s->has_usage = true;
		return;
	case CHAT_FINISH:
		take_finish(s, e);
		return;
	case CHAT_END:
		take_end(s);
		return;
	case CHAT_OPEN:
	case CHAT_PIECE:
	case CHAT_SEALED:
	case CHAT_CITE:
	case CHAT_CLOSE:
		break;
	}
	if (e->choice)
		return;
	if (s->state == SEAM_OPEN)
		take_before(s, e);
	else if (s->state == SEAM_CLOSED)
		take_behind(s, e);
}

/* ---- the beginning ---- */

/* Where S may begin in P: at its beginning, and for a tail anywhere near its end. */
static void find_places(struct seam *s)
{
	size_t tails =
	        s->method == SEAM_WHOLE ? s->p.len : place_before_end(s->p, SEAM_HELD);

	s->alive = mem_new((s->p.len - tails + 1) * sizeof(*s->alive));
	s->alive[s->alive_count++] = (uint32_t)s->p_begin;
	for (size_t at = max_of(tails, s->p_begin + 1); at < s->p.len; at++) {
		if (utf8_begins(s->p.ptr[at]) && !is_blank(s->p.ptr[at]))
			s->alive[s->alive_count++] = (uint32_t)at;
	}
}

void seam_init(struct seam *s, enum seam_method method, str p, const jstr *stops,
               unsigned stop_count, struct chat_sink *next)
{
	*s = (struct seam){ .sink = { .take = take },
		            .next = next,
		            .method = method,
		            .p = p,
		            .stops = stops,
		            .stop_count = stop_count };
	assert(p.len < UINT32_MAX);
	if (!p.len) {
		s->state = SEAM_CLOSED;
		s->is_settled = true;
		return;
	}
	/* A shorter tail may be what really follows: rows of a table. */
	s->least = seam_anchor(p).len;
	if (!s->least)
		s->least = p.len;
	while (s->p_begin < p.len && is_blank(p.ptr[s->p_begin]))
		s->p_begin++;
	if (s->p_begin == p.len) {
		s->owed = p;
		return;
	}
	if (method == SEAM_PREFIX) {
		size_t end = p.len;

		while (is_blank(p.ptr[end - 1]))
			end--;
		s->owed = str_from(p, end);
	}
	find_places(s);
}

void seam_done(struct seam *s)
{
	free(s->alive);
	s->alive = NULL;
	s->alive_count = 0;
	buf_free(&s->held);
}
