/* seam.c - see seam.h.
 *
 * Events of S are let pass, or not: before the proof, which seam_proof.c looks for, and
 * behind it, where two things are still waited for: a stop sequence of the client may
 * have begun in P, and S may say once more what it has repeated. */
#include "wire/seam_private.h"

#include "base/assert.h"
#include "base/mem.h"

enum { STOP_MOST = 4 * KiB };

/* ---- what goes through ---- */

void seam_refuse(struct seam *s)
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
		seam_refuse(s);
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
	if (!s->twice.len || (s->twice_at == 0 && seam_is_blank(c.ptr[0])))
		return;
	if (!str_starts(str_from(s->twice, s->twice_at), c)) {
		s->twice = STR_NONE;
		return;
	}
	s->twice_at += c.len;
	if (s->twice_at == s->twice.len)
		seam_refuse(s);
}

static void look_behind(struct seam *s, jstr text)
{
	char c[JCHAR_MOST];
	jstr rest = text;
	size_t n;

	s->held.limit = SEAM_TEXT_MOST;
	if (!buf_add(&s->held, text)) {
		seam_refuse(s);
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

static void take_text(struct seam *s, jstr text)
{
	if (s->is_settled)
		say(s, text);
	else
		look_behind(s, text);
}

void seam_close(struct seam *s, size_t at, jstr text)
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

void seam_settle(struct seam *s)
{
	bool is_short = s->twice_at == 0 ||
	                utf8_count(str_first(s->twice, s->twice_at)) < SEAM_CERTAIN;

	if (s->state == SEAM_OPEN)
		seam_prove_end(s);
	if (s->state != SEAM_CLOSED || s->is_settled)
		return;
	if (s->twice.len && !is_short)
		seam_refuse(s);
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
		seam_refuse(s);
	} else if (e->kind == CHAT_PIECE && (s->left_out & bit_of(e->block))) {
		s->cut_bytes += jchars_bytes(e->text);
	} else if (e->kind == CHAT_PIECE) {
		s->s_block = e->block + 1;
		seam_prove(s, e->text);
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
		seam_refuse(s);
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
		seam_refuse(s);
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
	while (s->p_begin < p.len && seam_is_blank(p.ptr[s->p_begin]))
		s->p_begin++;
	if (s->p_begin == p.len) {
		s->owed = p;
		return;
	}
	if (method == SEAM_PREFIX) {
		size_t end = p.len;

		while (seam_is_blank(p.ptr[end - 1]))
			end--;
		s->owed = str_from(p, end);
	}
	seam_places(s);
}

void seam_done(struct seam *s)
{
	free(s->alive);
	s->alive = NULL;
	s->alive_count = 0;
	buf_free(&s->held);
}
