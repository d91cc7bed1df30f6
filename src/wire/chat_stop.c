/* chat_stop.c - the watch for stop sequences (chat_stop.h).
 *
 * One automaton per sequence (Knuth, Morris, Pratt): after each byte of the text it knows
 * how many bytes of its sequence stand at the end.  The most any of them knows is what
 * waits.  The automata read the text as it is meant, the text that waits is kept as it
 * was written, with its escapes. */
#include "wire/chat_stop.h"

#include "wire/emit.h"

enum { HELD_MOST = 12 * CHAT_STOP_MOST }; /* a pair of escapes for a few bytes */

struct sequence {
	jstr shown;     /* as the client wrote it */
	str text;       /* as it is meant */
	uint16_t *back; /* by bytes that fit: how many still fit when the next does not */
};

struct watched {
	uint64_t texts;     /* blocks that are TEXT, the first 64 of them by number */
	unsigned last_text; /* the newest of all + 1 */
	bool is_over;       /* it has a finish */
	bool is_cut;        /* by us */
	unsigned block;     /* of what waits */
	struct buf held;    /* what waits, as it was written */
	size_t held_size;   /* as it is meant */
	uint16_t fits[CHAT_STOPS];
};

struct chat_stopper {
	struct chat_sink sink; /* first */
	struct chat_sink *next;
	struct sequence list[CHAT_STOPS];
	unsigned count;
	bool is_first[256]; /* the bytes with which sequences begin */
	unsigned choices;   /* that the client wants */
	unsigned over;      /* of these */
	bool has_cut;       /* one or more of them */
	bool ended;         /* CHAT_END has been passed on */
	struct watched by_choice[EMIT_CHOICES];
};

/* ---- setting up ---- */

static bool add_sequence(struct chat_stopper *s, struct arena *keep, jstr shown)
{
	struct sequence *q = &s->list[s->count];
	str text = chat_plain(keep, shown);
	size_t fits = 0;

	if (!text.len)
		return true; /* nothing would stop it anywhere */
	q->shown = shown;
	q->text = text;
	q->back = arena_try(keep, (text.len + 1) * sizeof(*q->back));
	if (!q->back)
		return false;
	q->back[0] = q->back[1] = 0;
	for (size_t i = 1; i < text.len; i++) {
		while (fits && text.ptr[i] != text.ptr[fits])
			fits = q->back[fits];
		fits += text.ptr[i] == text.ptr[fits];
		q->back[i + 1] = (uint16_t)fits;
	}
	s->is_first[(unsigned char)text.ptr[0]] = true;
	s->count++;
	return true;
}

static void take(struct chat_sink *sink, const struct chat_event *e);

struct chat_stopper *chat_stopper_new(struct arena *keep, const struct chat_request *r,
                                      uint32_t kept, struct chat_sink *next)
{
	struct chat_stopper *s;
	uint64_t n = 1;

	if (!kept)
		return NULL;
	s = arena_try(keep, sizeof(*s));
	if (!s)
		return NULL;
	*s = (struct chat_stopper){ .sink = { .take = take }, .next = next };
	json_u64(r->options[CONCEPT_CHOICES], &n);
	s->choices = (unsigned)min_of(max_of(n, (uint64_t)1), (uint64_t)EMIT_CHOICES);
	for (unsigned i = 0; i < r->stop_count; i++) {
		if (kept >> i & 1 && !add_sequence(s, keep, r->stops[i]))
			return NULL;
	}
	return s;
}

struct chat_sink *chat_stopper_sink(struct chat_stopper *s)
{
	return &s->sink;
}

static void note_text(struct watched *w, unsigned block)
{
	w->texts |= block < 64 ? (uint64_t)1 << block : 0;
	w->last_text = block + 1;
}

void chat_stopper_goes_on(struct chat_stopper *s, unsigned block)
{
	note_text(&s->by_choice[0], block);
}

bool chat_stopper_is_over(const struct chat_stopper *s)
{
	return s->has_cut && s->over >= s->choices;
}

void chat_stopper_done(struct chat_stopper *s)
{
	for (unsigned i = 0; i < EMIT_CHOICES; i++)
		buf_free(&s->by_choice[i].held);
}

void chat_stopper_end(struct chat_stopper *s, const struct token_usage *usage)
{
	struct chat_event e = { .kind = CHAT_USAGE, .usage = *usage };

	if (s->ended)
		return;
	s->ended = true;
	chat_push(s->next, &e);
	e.kind = CHAT_END;
	chat_push(s->next, &e);
}

/* ---- reading ---- */

/* The sequence that ends with this byte, the longest where several do; NULL: none. */
static const struct sequence *step(struct chat_stopper *s, struct watched *w, char byte)
{
	const struct sequence *found = NULL;

	for (unsigned i = 0; i < s->count; i++) {
		const struct sequence *q = &s->list[i];
		size_t fits = w->fits[i];

		while (fits && q->text.ptr[fits] != byte)
			fits = q->back[fits];
		fits += q->text.ptr[fits] == byte;
		w->fits[i] = (uint16_t)fits;
		if (fits < q->text.len)
			continue;
		w->fits[i] = q->back[fits];
		if (!found || q->text.len > found->text.len)
			found = q;
	}
	return found;
}

/* How many bytes at the end may be the beginning of a sequence. */
static size_t most_that_fits(const struct chat_stopper *s, const struct watched *w)
{
	size_t most = 0;

	for (unsigned i = 0; i < s->count; i++)
		most = max_of(most, (size_t)w->fits[i]);
	return most;
}

/* How much of a text, as written, stands for its first `size` bytes as meant. */
static size_t written_size(jstr text, size_t size)
{
	str rest = text;
	char small[4];

	while (rest.len && size) {
		size_t at = text.len - rest.len, n = json_take_char(&rest, small).len;

		if (n > size)
			return at;
		size -= n;
	}
	return text.len - rest.len;
}

/* ---- passing on ---- */

static void pass_text(struct chat_stopper *s, const struct chat_event *e, jstr text)
{
	struct chat_event piece = *e;

	piece.text = text;
	if (text.len != e->text.len)
		piece.logprobs = (struct json_value){ 0 };
	if (text.len || piece.logprobs.type != JSON_NONE)
		chat_push(s->next, &piece);
}

/* The first `size` bytes of what waits and of the piece behind it go on. */
static void pass_first(struct chat_stopper *s, struct watched *w,
                       const struct chat_event *e, size_t size)
{
	struct chat_event before = { .kind = CHAT_PIECE,
		                     .choice = e->choice,
		                     .block = w->block };
	size_t n = min_of(size, w->held_size);

	if (n) {
		size_t written = written_size(buf_str(&w->held), n);

		pass_text(s, &before, str_first(buf_str(&w->held), written));
		buf_drop(&w->held, written);
		w->held_size -= n;
	}
	if (size > n) {
		size_t written = written_size(e->text, size - n);

		pass_text(s, e, str_first(e->text, written));
	}
}

/* What waits was no sequence. */
static void release(struct chat_stopper *s, struct watched *w, unsigned choice)
{
	const struct chat_event piece = { .kind = CHAT_PIECE,
		                          .choice = choice,
		                          .block = w->block };

	pass_text(s, &piece, buf_str(&w->held));
	buf_clear(&w->held);
	w->held_size = 0;
	memset(w->fits, 0, sizeof(w->fits));
}

static void finish(struct chat_stopper *s, struct watched *w)
{
	s->over += !w->is_over;
	w->is_over = true;
}

static void cut(struct chat_stopper *s, struct watched *w, const struct chat_event *e,
                const struct sequence *found)
{
	const struct chat_event end = { .kind = CHAT_FINISH,
		                        .choice = e->choice,
		                        .finish = FINISH_SEQUENCE,
		                        .text = found->shown };

	w->is_cut = s->has_cut = true;
	finish(s, w);
	buf_free(&w->held);
	chat_push(s->next, &end);
}

/* Is there nothing in the text with which a sequence begins? */
static bool is_plain(const struct chat_stopper *s, jstr text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '\\' || s->is_first[(unsigned char)text.ptr[i]])
			return false;
	}
	return true;
}

static void on_text(struct chat_stopper *s, struct watched *w, const struct chat_event *e)
{
	size_t seen, wait, written, all;
	str rest = e->text;
	char small[4];

	if (w->held_size && w->block != e->block)
		release(s, w, e->choice);
	w->block = e->block;
	if (!w->held_size && is_plain(s, e->text)) {
		pass_text(s, e, e->text);
		return;
	}
	for (seen = w->held_size; rest.len;) {
		str bytes = json_take_char(&rest, small);

		for (size_t i = 0; i < bytes.len; i++) {
			const struct sequence *found = step(s, w, bytes.ptr[i]);

			seen++;
			if (!found)
				continue;
			pass_first(s, w, e, seen - found->text.len);
			cut(s, w, e, found);
			return;
		}
	}
	wait = most_that_fits(s, w);
	all = w->held_size; /* of which the piece has seen - all */
	pass_first(s, w, e, seen - wait);
	written = wait >= seen - all ? 0 : written_size(e->text, seen - all - wait);
	w->held.limit = HELD_MOST;
	buf_add(&w->held, str_from(e->text, written));
	w->held_size = wait;
}

/* ---- events ---- */

static bool is_text(const struct watched *w, unsigned block)
{
	return block < 64 ? w->texts >> block & 1 : w->last_text == block + 1;
}

static void on_open(struct chat_stopper *s, struct watched *w, const struct chat_event *e)
{
	struct chat_event piece = *e, open = *e;

	release(s, w, e->choice);
	if (e->what != CHAT_TEXT) {
		chat_push(s->next, e);
		return;
	}
	note_text(w, e->block);
	open.text = STR_NONE;
	chat_push(s->next, &open);
	piece.kind = CHAT_PIECE;
	if (e->text.len)
		on_text(s, w, &piece);
}

static void on_event(struct chat_stopper *s, struct watched *w,
                     const struct chat_event *e)
{
	if (w->is_cut)
		return;
	if (e->kind == CHAT_OPEN) {
		on_open(s, w, e);
		return;
	}
	if (e->kind == CHAT_PIECE && is_text(w, e->block)) {
		on_text(s, w, e);
		return;
	}
	if (e->kind != CHAT_CITE)
		release(s, w, e->choice);
	if (e->kind == CHAT_FINISH)
		finish(s, w);
	chat_push(s->next, e);
}

static void take(struct chat_sink *sink, const struct chat_event *e)
{
	struct chat_stopper *s = container_of(sink, struct chat_stopper, sink);

	switch (e->kind) {
	case CHAT_OPEN:
	case CHAT_PIECE:
	case CHAT_SEALED:
	case CHAT_CITE:
	case CHAT_CLOSE:
	case CHAT_FINISH:
		if (e->choice < EMIT_CHOICES)
			on_event(s, &s->by_choice[e->choice], e);
		else
			chat_push(s->next, e);
		return;
	case CHAT_END:
		s->ended = true;
		break;
	case CHAT_FAULT:
		if (chat_stopper_is_over(s))
			return; /* the client has its whole answer */
		break;
	case CHAT_BEGIN:
	case CHAT_USAGE:
	case CHAT_ODD:
	case CHAT_INPUT:
		break;
	}
	chat_push(s->next, e);
}
