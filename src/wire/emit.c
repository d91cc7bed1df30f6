/* emit.c - what events do to an answer (emit.h): blocks begin, get their pieces, seals
 * and citations, and end.  When they are written is emit_order.c's. */
#include "wire/emit_private.h"

#include "wire/jchars.h"

static struct emit_choice *choice_of(struct emitter *e, const struct chat_event *ev)
{
	if (ev->choice >= EMIT_CHOICES || (ev->choice && !e->ops->has_choices)) {
		e->left_out++;
		return NULL;
	}
	e->choice_count = max_of(e->choice_count, ev->choice + 1);
	e->choices[ev->choice].used = true;
	return &e->choices[ev->choice];
}

static struct emit_block *add_block(struct emitter *e, struct emit_choice *c,
                                    const struct chat_event *ev, enum chat_kind what)
{
	struct emit_block *b = emit_keep_new(e, sizeof(*b));

	if (!b)
		return NULL;
	*b = (struct emit_block){ .what = what,
		                  .choice = ev->choice,
		                  .block = ev->block };
	if (c->last)
		c->last->next = b;
	else
		c->first = b;
	c->last = b;
	return b;
}

/* The newest with the reader's number. */
static struct emit_block *find_block(struct emit_choice *c, unsigned number)
{
	struct emit_block *found = NULL;

	if (c->open && c->open->block == number)
		return c->open;
	for (struct emit_block *b = c->first; b; b = b->next) {
		if (b->block == number)
			found = b;
	}
	return found;
}

static bool has_call(const struct emit_choice *c, jstr id)
{
	for (const struct emit_block *b = c->first; b; b = b->next) {
		if (b->what == CHAT_CALL && str_eq(b->id, id))
			return true;
	}
	return false;
}

/* The provider's, or one made of it where the client's format takes no such text: a
 * client that goes on at another provider sends it along.  None, or the same one twice,
 * would leave results no place to go back to. */
static jstr call_id(struct emitter *e, const struct emit_choice *c,
                    const struct emit_block *b, jstr id)
{
	size_t most = chat_id_most(e->format);
	char fitted[CHAT_ID_ROOM];

	if (id.len && most)
		id = chat_fit_id(id, most, fitted);
	if (id.len && !has_call(c, id))
		return emit_keep_copy(e, id);
	char *room = emit_keep_new(e, 64);
	if (!room)
		return STR_NONE;
	struct buf text = BUF_LIMIT(64);
	buf_addf(&text, "call_%.*s%u%u", STR_ARG(str_first(e->seed, 24)), b->choice,
	         b->block);
	memcpy(room, text.ptr, text.len);
	id = str_of(room, text.len);
	buf_free(&text);
	return id;
}

static bool can_say(const struct emitter *e, enum chat_kind what)
{
	if (what == CHAT_FOREIGN && !e->same_format)
		return false;
	return emit_has_kind(e->ops->kinds, what);
}

/* An answer that was asked for as a tool (chat_schema.c) is text again.  True: the block
 * is no part of it, and is kept for the case that no call comes (tell_unwanted). */
static bool unfold_answer(const struct emitter *e, const struct emit_choice *c,
                          struct chat_event *ev)
{
	jstr answer = e->written ? e->written->answer : STR_NONE;

	if (!answer.len || (ev->what != CHAT_TEXT && ev->what != CHAT_CALL))
		return false;
	if (ev->what == CHAT_TEXT)
		return true;
	if (!str_eq(ev->name, answer))
		return false;
	ev->what = CHAT_TEXT;
	for (const struct emit_block *b = c->first; b; b = b->next) {
		if (b->what == CHAT_TEXT && !b->unwanted)
			return true; /* a second one */
	}
	return false;
}

static jstr client_name(const struct emitter *e, jstr name)
{
	return chat_client_name(e->written ? e->written->renamed : NULL, name);
}

static void on_open(struct emitter *e, struct emit_choice *c,
                    const struct chat_event *opened)
{
	struct chat_event as_meant = *opened, *ev = &as_meant;
	struct emit_block *b;
	bool unwanted = unfold_answer(e, c, ev);

	emit_end_for_next(e, c);
	b = add_block(e, c, ev, ev->what);
	if (!b)
		return;
	if (e->adopts) {
		b->place = ev->place;
		b->item = emit_keep_copy(e, ev->item);
	}
	b->is_custom = ev->is_custom;
	b->media_type = emit_keep_copy(e, ev->media_type);
	if (unwanted || !can_say(e, ev->what)) {
		b->unwanted = unwanted;
		b->skipped = true;
		e->left_out++;
		if (!unwanted)
			e->lost |= 1u << ev->what;
		return;
	}
	if (ev->what == CHAT_CALL) {
		b->name = emit_keep_copy(e, client_name(e, ev->name));
		b->is_wrapped = !b->is_custom && chat_is_wrapped(e->written, ev->name);
		b->is_custom |= b->is_wrapped;
		b->id = call_id(e, c, b, ev->id);
	}
	if (ev->what == CHAT_FOREIGN)
		b->raw = emit_keep_copy(e, ev->raw.raw);
	if (ev->text.len) {
		emit_hold(e, &b->text, ev->text);
		b->bytes = ev->text.len;
	}
	/* Media come in one piece; what a foreign block begins with may go on. */
	if (ev->what == CHAT_IMAGE || ev->what == CHAT_AUDIO)
		emit_finish_block(e, c, b);
	else
		emit_advance(e, c);
}

/* A piece for a block that was closed because others began: it goes on as a new one. */
static struct emit_block *reopen(struct emitter *e, struct emit_choice *c,
                                 const struct chat_event *ev, struct emit_block *old)
{
	emit_end_for_next(e, c);
	return add_block(e, c, ev, old->what);
}

/* The block a piece belongs to; NULL: it is left out. */
static struct emit_block *block_of_piece(struct emitter *e, struct emit_choice *c,
                                         const struct chat_event *ev)
{
	struct emit_block *b = find_block(c, ev->block);

	if (!b || !can_say(e, b->what) ||
	    (ev->text.len == 0 && ev->logprobs.type == JSON_NONE))
		return NULL;
	if (b->unwanted || (!b->skipped && !b->whole))
		return b;
	if (b->what != CHAT_CALL)
		return reopen(e, c, ev, b);
	if (!jchars_are_blank(ev->text) && !e->why)
		e->why = FAULT_UPSTREAM_MALFORMED;
	return NULL;
}

static void keep_logprobs(struct emitter *e, struct emit_block *b, struct json_value list)
{
	if (list.type != JSON_ARRAY || list.raw.len <= 2)
		return;
	if (b->logprobs_text.len)
		emit_hold(e, &b->logprobs_text, STR(","));
	emit_hold(e, &b->logprobs_text, str_of(list.raw.ptr + 1, list.raw.len - 2));
}

static void on_piece(struct emitter *e, struct emit_choice *c,
                     const struct chat_event *ev)
{
	struct emit_block *b = block_of_piece(e, c, ev);
	bool is_first, is_whole_kind;

	if (!b)
		return;
	is_first = b->bytes == 0;
	is_whole_kind = emit_is_held_whole(e, b);
	b->bytes += ev->text.len;
	if (b->what == CHAT_CALL && (!b->is_custom || b->is_wrapped))
		args_end_follow(&b->args, ev->text);
	if (is_first && !b->opened)
		emit_advance(e, c); /* its turn may have come */
	if (!e->streams || e->ops->keeps || c->open != b || is_whole_kind)
		emit_hold(e, &b->text, ev->text);
	if (!e->streams || e->ops->keeps)
		keep_logprobs(e, b, ev->logprobs);
	if (e->streams && c->open == b && !is_whole_kind)
		emit_write_piece(e, b, ev->text, ev->logprobs);
}

static void on_seal(struct emitter *e, struct emit_choice *c, const struct chat_event *ev)
{
	struct emit_block *b = find_block(c, ev->block);

	if (!b || b->closed || b->unwanted || !can_say(e, b->what))
		return;
	b->skipped = false;
	b->seal = ev->seal;
	b->seal.blob = emit_keep_copy(e, ev->seal.blob);
	b->seal.id = emit_keep_copy(e, ev->seal.id);
}

static void on_cite(struct emitter *e, struct emit_choice *c, const struct chat_event *ev)
{
	struct emit_block *b = find_block(c, ev->block);
	struct chat_citation *cite;

	if (!b || b->closed || b->skipped)
		return;
	if (e->streams && !e->ops->keeps && c->open == b &&
	    (!e->ops->cite || emit_cites_now(e, &ev->cite))) {
		if (e->ops->cite)
			e->ops->cite(e, b, &ev->cite);
		return;
	}
	cite = emit_keep_new(e, sizeof(*cite));
	if (!cite)
		return;
	*cite = ev->cite;
	cite->next = NULL;
	cite->is_told = e->adopts;
	cite->url = emit_keep_copy(e, ev->cite.url);
	cite->title = emit_keep_copy(e, ev->cite.title);
	cite->cited = emit_keep_copy(e, ev->cite.cited);
	cite->raw = emit_keep_copy(e, ev->cite.raw);
	if (b->last_citation)
		b->last_citation->next = cite;
	else
		b->citations = cite;
	b->last_citation = cite;
	if (e->streams && c->open == b && emit_cites_now(e, cite))
		e->ops->cite(e, b, cite);
}

static void finish_all(struct emitter *e, struct emit_choice *c)
{
	for (struct emit_block *b = c->first; b; b = b->next) {
		if (!b->whole && !b->skipped)
			emit_finish_block(e, c, b);
	}
	emit_advance(e, c);
}

/* The model was told to call the answer and has written it instead: better than none. */
static void tell_unwanted(struct emitter *e, struct emit_choice *c)
{
	bool has_answer = false;

	for (const struct emit_block *b = c->first; b; b = b->next)
		has_answer |=
		        !b->skipped && (b->what == CHAT_CALL || b->what == CHAT_TEXT);
	for (struct emit_block *b = c->first; b; b = b->next) {
		if (b->unwanted && has_answer) {
			buf_free(&b->text);
			buf_free(&b->logprobs_text);
		} else if (b->unwanted && b->bytes) {
			b->unwanted = b->skipped = false;
			e->left_out--;
		}
	}
	finish_all(e, c);
}

static void end_all(struct emitter *e, struct emit_choice *c)
{
	finish_all(e, c);
	if (e->written && e->written->answer.len)
		tell_unwanted(e, c);
}

static void on_finish(struct emitter *e, struct emit_choice *c,
                      const struct chat_event *ev)
{
	bool has_calls = false;

	end_all(e, c);
	for (struct emit_block *b = c->first; b; b = b->next)
		has_calls |= b->what == CHAT_CALL && !b->skipped;
	c->finish = ev->finish;
	if (ev->finish == FINISH_STOP && has_calls)
		c->finish = FINISH_CALLS;
	else if (ev->finish == FINISH_CALLS && !has_calls)
		c->finish = FINISH_STOP;
	if (ev->finish == FINISH_SEQUENCE)
		c->stop = emit_keep_copy(e, ev->text);
}

/* Nothing but what the format cannot say, of an answer that was to say something. */
static bool is_unsaid(const struct emitter *e)
{
	bool is_whole = !e->started && e->lost;

	for (unsigned i = 0; is_whole && i < e->choice_count; i++)
		is_whole = e->choices[i].finish == FINISH_STOP;
	return is_whole;
}

void emit_end(struct emitter *e)
{
	if (e->ended)
		return;
	for (unsigned i = 0; i < e->choice_count; i++)
		end_all(e, &e->choices[i]);
	if (is_unsaid(e)) {
		e->why = FAULT_ANSWER_UNSAID;
		return;
	}
	emit_start(e);
	e->ended = true;
	if (e->streams)
		e->ops->end(e);
}

void emit_fault(struct emitter *e, fault_t why, str message)
{
	if (e->ended)
		return;
	e->ended = true;
	if (e->streams)
		e->ops->fault(e, why, message);
}

static void take(struct chat_sink *sink, const struct chat_event *ev)
{
	struct emitter *e = container_of(sink, struct emitter, sink);
	struct emit_choice *c;

	if (e->ended || e->why)
		return;
	switch (ev->kind) {
	case CHAT_BEGIN:
	case CHAT_ODD:
	case CHAT_INPUT:
		return;
	case CHAT_USAGE:
		e->usage = ev->usage;
		e->has_usage = true;
		return;
	case CHAT_FAULT:
		e->why = ev->why ? ev->why : FAULT_STREAM_ERROR;
		return;
	case CHAT_END:
		emit_end(e);
		return;
	case CHAT_OPEN:
	case CHAT_PIECE:
	case CHAT_SEALED:
	case CHAT_CITE:
	case CHAT_CLOSE:
	case CHAT_FINISH:
		break;
	}
	c = choice_of(e, ev);
	if (!c)
		return;
	if (ev->kind == CHAT_OPEN) {
		on_open(e, c, ev);
	} else if (ev->kind == CHAT_PIECE) {
		on_piece(e, c, ev);
	} else if (ev->kind == CHAT_SEALED) {
		on_seal(e, c, ev);
	} else if (ev->kind == CHAT_CITE) {
		on_cite(e, c, ev);
	} else if (ev->kind == CHAT_FINISH) {
		on_finish(e, c, ev);
	} else {
		struct emit_block *b = find_block(c, ev->block);

		if (b && !b->whole && !b->skipped)
			emit_finish_block(e, c, b);
	}
}

void emit_init(struct emitter *e, const struct emit_ops *ops, struct buf *to,
               bool streams)
{
	*e = (struct emitter){ .sink = { .take = take },
		               .ops = ops,
		               .to = to,
		               .streams = streams,
		               .keep = { .ceiling = EMIT_KEPT_MOST } };
}

bool emit_adopted(struct emitter *e, const struct emit_mark *mark)
{
	e->adopts = false;
	e->form_of = NULL;
	return !e->why && !e->is_lost && (!e->ops->adopted || e->ops->adopted(e, mark));
}

void emit_done(struct emitter *e)
{
	for (unsigned i = 0; i < e->choice_count; i++) {
		for (struct emit_block *b = e->choices[i].first; b; b = b->next) {
			buf_free(&b->text);
			buf_free(&b->logprobs_text);
		}
	}
	buf_free(&e->form_text);
	arena_done(&e->keep);
}
