/* emit_order.c - the order of an answer: blocks are opened, written and closed one after
 * the other, whatever the provider's order.
 *
 *	OPEN ----> waiting ----> open ----> closed
 *	             ^  text is held  |  pieces go through
 *
 * Texts open with their first piece, so that empty ones never show.  A block ends with
 * CLOSE, with FINISH, or when the next one opens; but a call whose arguments are not yet
 * whole JSON stays open, and what opens meanwhile waits. */
#include "wire/emit_private.h"

bool emit_has_kind(unsigned set, enum chat_kind kind)
{
	return set >> kind & 1;
}

/* ---- keeping ---- */

void *emit_keep_new(struct emitter *e, size_t size)
{
	void *kept = arena_try(&e->keep, size ? size : 1);

	if (!kept && !e->why)
		e->why = FAULT_UPSTREAM_LARGE;
	return kept;
}

str emit_keep_copy(struct emitter *e, str s)
{
	char *kept = s.len ? emit_keep_new(e, s.len) : NULL;

	if (!kept)
		return STR_NONE;
	memcpy(kept, s.ptr, s.len);
	return str_of(kept, s.len);
}

void emit_hold(struct emitter *e, struct buf *to, str text)
{
	to->limit = EMIT_KEPT_MOST;
	e->held += text.len;
	if ((e->held > EMIT_KEPT_MOST || !buf_add(to, text)) && !e->why)
		e->why = FAULT_UPSTREAM_LARGE;
}

/* ---- writing one block ---- */

void emit_start(struct emitter *e)
{
	if (e->started)
		return;
	e->started = true;
	if (e->streams)
		e->ops->start(e);
}

void emit_write_piece(struct emitter *e, struct emit_block *b, jstr text,
                      struct json_value logprobs)
{
	if (e->streams && (text.len || logprobs.type != JSON_NONE))
		e->ops->piece(e, b, text, logprobs);
}

/* Is its text given to the format only when all of it is there? */
bool emit_is_held_whole(const struct emitter *e, const struct emit_block *b)
{
	return emit_has_kind(e->ops->whole_kinds, b->what) || b->is_wrapped;
}

bool emit_cites_now(const struct emitter *e, const struct chat_citation *cite)
{
	return e->ops->cite && (!e->ops->cites_behind || cite->end > cite->start);
}

/* Those that came before it was open, or those that had to wait for its end. */
static void write_citations(struct emitter *e, struct emit_block *b, bool now)
{
	if (!e->ops->cite)
		return;
	for (struct chat_citation *at = b->citations; at; at = at->next) {
		if (emit_cites_now(e, at) == now)
			e->ops->cite(e, b, at);
	}
}

static void open_block(struct emitter *e, struct emit_choice *c, struct emit_block *b)
{
	const struct json_value none = { 0 };

	emit_start(e);
	c->open = b;
	b->opened = true;
	b->index = b->place ? b->place - 1 : c->blocks;
	c->blocks = b->index + 1;
	b->of_kind = c->of_kind[b->what]++;
	if (!e->streams)
		return;
	e->ops->open(e, b);
	/* Citations may come before the first text. */
	write_citations(e, b, true);
	if (b->text.len && !emit_is_held_whole(e, b)) {
		emit_write_piece(e, b, buf_str(&b->text), none);
		if (!e->ops->keeps)
			buf_free(&b->text);
	}
}

/* What the model wrote as a function's arguments is the input of a custom tool. */
static void unwrap(struct emitter *e, struct emit_block *b)
{
	struct arena scratch = { .ceiling = 3 * b->text.len + 4 * KiB };
	jstr input = chat_unwrap(&scratch, buf_str(&b->text));

	buf_clear(&b->text);
	emit_hold(e, &b->text, input);
	arena_done(&scratch);
}

static void close_block(struct emitter *e, struct emit_choice *c, struct emit_block *b)
{
	const struct json_value none = { 0 };
	bool is_whole_kind = emit_is_held_whole(e, b);

	if (!b->opened)
		open_block(e, c, b);
	b->whole = b->closed = true;
	c->open = NULL;
	if (b->is_wrapped)
		unwrap(e, b);
	if (b->what == CHAT_CALL && b->bytes == 0 && !b->is_custom) {
		if (is_whole_kind || e->ops->keeps || !e->streams)
			emit_hold(e, &b->text, STR("{}"));
		if (!is_whole_kind)
			emit_write_piece(e, b, STR("{}"), none);
	}
	if (is_whole_kind)
		emit_write_piece(e, b, buf_str(&b->text), none);
	if (e->streams) {
		write_citations(e, b, false);
		e->ops->close(e, b);
	}
	if (e->streams && !e->ops->keeps)
		buf_free(&b->text);
}

/* ---- the order ---- */

/* Nothing more comes for what waits before others: closed, and the next one opened. */
void emit_advance(struct emitter *e, struct emit_choice *c)
{
	for (struct emit_block *b = c->first; b; b = b->next) {
		if (b->closed || b->skipped)
			continue;
		if (!b->whole) {
			/* Texts open with their first piece. */
			if (!b->opened && (b->what == CHAT_CALL || b->bytes || b->place))
				open_block(e, c, b);
			return;
		}
		if (b->opened || b->what != CHAT_TEXT || b->bytes)
			close_block(e, c, b);
		else
			b->skipped = true; /* an empty text */
	}
}

void emit_finish_block(struct emitter *e, struct emit_choice *c, struct emit_block *b)
{
	bool is_empty = b->bytes == 0 && b->seal.origin == WIRE_NONE && !b->opened;

	b->whole = true;
	if (is_empty && (b->what == CHAT_TEXT || b->what == CHAT_REASONING ||
	                 b->what == CHAT_REFUSAL))
		b->skipped = true;
	emit_advance(e, c);
}

/* Blocks that end because another one begins: all but calls still in their middle. */
void emit_end_for_next(struct emitter *e, struct emit_choice *c)
{
	for (struct emit_block *b = c->first; b; b = b->next) {
		bool is_in_middle = b->what == CHAT_CALL && !b->args.is_whole;

		if (!b->whole && !b->skipped && !is_in_middle)
			emit_finish_block(e, c, b);
	}
}
