/* emit.c - the order of an answer (emit.h): what comes is opened, written and closed one
 * block after the other, whatever the provider's order.
 *
 *	OPEN ----> waiting ----> open ----> closed
 *	             ^  text is held  |  pieces go through
 *
 * Texts open with their first piece, so that empty ones never show.  A block ends with
 * CLOSE, with FINISH, or when the next one opens; but a call whose arguments are not yet
 * whole JSON stays open, and what opens meanwhile waits. */
#include "wire/emit.h"

#include "base/assert.h"
#include "codec/text.h"

static bool has_kind(unsigned set, enum chat_kind kind)
{
	return set >> kind & 1;
}

/* ---- keeping ---- */

static void *keep_new(struct emitter *e, size_t size)
{
	void *kept = arena_try(&e->keep, size ? size : 1);

	if (!kept && !e->why)
		e->why = FAULT_UPSTREAM_LARGE;
	return kept;
}

static str keep_copy(struct emitter *e, str s)
{
	char *kept = s.len ? keep_new(e, s.len) : NULL;

	if (!kept)
		return STR_NONE;
	memcpy(kept, s.ptr, s.len);
	return str_of(kept, s.len);
}

static void hold(struct emitter *e, struct buf *to, str text)
{
	to->limit = EMIT_KEPT_MOST;
	e->held += text.len;
	if ((e->held > EMIT_KEPT_MOST || !buf_add(to, text)) && !e->why)
		e->why = FAULT_UPSTREAM_LARGE;
}

/* ---- arguments ---- */

static void look_at_char(struct emit_block *b, char c)
{
	if (b->after_backslash) {
		b->after_backslash = false;
	} else if (b->in_string) {
		b->after_backslash = c == '\\';
		b->in_string = c != '"';
	} else if (c == '"') {
		b->in_string = true;
	} else if (c == '{' || c == '[') {
		b->depth++;
	} else if ((c == '}' || c == ']') && b->depth && --b->depth == 0) {
		b->is_complete = true;
	}
}

/* What an escape inside a JSON string stands for, as far as it matters here. */
static char unescape(str text, size_t *at)
{
	char c = *at + 1 < text.len ? text.ptr[*at + 1] : '\\';
	uint64_t code;

	*at += 2;
	if (c == '"' || c == '\\' || c == '/')
		return c;
	if (c != 'u')
		return ' ';
	*at += 4;
	if (*at <= text.len && hex_to_u64(str_of(text.ptr + *at - 4, 4), &code) &&
	    code < 128)
		return (char)code;
	return '?';
}

/* Follows the JSON text of a call's arguments to its end. */
static void look_at_arguments(struct emit_block *b, jstr text)
{
	for (size_t at = 0; at < text.len;) {
		char c = text.ptr[at];

		if (c == '\\')
			c = unescape(text, &at);
		else
			at++;
		look_at_char(b, c);
	}
}

/* ---- writing one block ---- */

static void start(struct emitter *e)
{
	if (e->started)
		return;
	e->started = true;
	if (e->streams)
		e->ops->start(e);
}

static void write_piece(struct emitter *e, struct emit_block *b, jstr text,
                        struct json_value logprobs)
{
	if (e->streams && (text.len || logprobs.type != JSON_NONE))
		e->ops->piece(e, b, text, logprobs);
}

/* Is its text given to the format only when all of it is there? */
static bool is_held_whole(const struct emitter *e, const struct emit_block *b)
{
	return has_kind(e->ops->whole_kinds, b->what) || b->is_wrapped;
}

static void open_block(struct emitter *e, struct emit_choice *c, struct emit_block *b)
{
	const struct json_value none = { 0 };

	start(e);
	c->open = b;
	b->opened = true;
	b->index = b->place ? b->place - 1 : c->blocks;
	c->blocks = b->index + 1;
	b->of_kind = c->of_kind[b->what]++;
	if (!e->streams)
		return;
	e->ops->open(e, b);
	/* Citations may come before the first text. */
	for (struct chat_citation *at = b->citations; at && e->ops->cite; at = at->next)
		e->ops->cite(e, b, at);
	if (b->text.len && !is_held_whole(e, b)) {
		write_piece(e, b, buf_str(&b->text), none);
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
	hold(e, &b->text, input);
	arena_done(&scratch);
}

static void close_block(struct emitter *e, struct emit_choice *c, struct emit_block *b)
{
	const struct json_value none = { 0 };
	bool is_whole_kind = is_held_whole(e, b);

	if (!b->opened)
		open_block(e, c, b);
	b->whole = b->closed = true;
	c->open = NULL;
	if (b->is_wrapped)
		unwrap(e, b);
	if (b->what == CHAT_CALL && b->bytes == 0 && !b->is_custom) {
		if (is_whole_kind || e->ops->keeps || !e->streams)
			hold(e, &b->text, STR("{}"));
		if (!is_whole_kind)
			write_piece(e, b, STR("{}"), none);
	}
	if (is_whole_kind)
		write_piece(e, b, buf_str(&b->text), none);
	if (e->streams)
		e->ops->close(e, b);
	if (e->streams && !e->ops->keeps)
		buf_free(&b->text);
}

/* ---- the order ---- */

/* Nothing more comes for what waits before others: closed, and the next one opened. */
static void advance(struct emitter *e, struct emit_choice *c)
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

static void finish_block(struct emitter *e, struct emit_choice *c, struct emit_block *b)
{
	bool is_empty = b->bytes == 0 && b->seal.origin == WIRE_NONE && !b->opened;

	b->whole = true;
	if (is_empty && (b->what == CHAT_TEXT || b->what == CHAT_REASONING ||
	                 b->what == CHAT_REFUSAL))
		b->skipped = true;
	advance(e, c);
}

/* Blocks that end because another one begins: all but calls still in their middle. */
static void end_for_next(struct emitter *e, struct emit_choice *c)
{
	for (struct emit_block *b = c->first; b; b = b->next) {
		bool is_in_middle = b->what == CHAT_CALL && !b->is_complete;

		if (!b->whole && !b->skipped && !is_in_middle)
			finish_block(e, c, b);
	}
}

/* ---- events ---- */

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
	struct emit_block *b = keep_new(e, sizeof(*b));

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

/* The provider's, unless it gave none or the same one twice: results would have no place
 * to go back to. */
static jstr call_id(struct emitter *e, const struct emit_choice *c,
                    const struct emit_block *b, jstr id)
{
	if (id.len && !has_call(c, id))
		return keep_copy(e, id);
	char *room = keep_new(e, 64);
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
	return has_kind(e->ops->kinds, what);
}

static void on_open(struct emitter *e, struct emit_choice *c, const struct chat_event *ev)
{
	struct emit_block *b;

	end_for_next(e, c);
	b = add_block(e, c, ev, ev->what);
	if (!b)
		return;
	if (e->adopts) {
		b->place = ev->place;
		b->item = keep_copy(e, ev->item);
	}
	b->is_custom = ev->is_custom;
	b->media_type = keep_copy(e, ev->media_type);
	if (!can_say(e, ev->what)) {
		b->skipped = true;
		e->left_out++;
		return;
	}
	if (ev->what == CHAT_CALL) {
		b->name = keep_copy(e, ev->name);
		b->is_wrapped = !b->is_custom && chat_is_wrapped(e->request, b->name);
		b->is_custom |= b->is_wrapped;
		b->id = call_id(e, c, b, ev->id);
	}
	if (ev->what == CHAT_FOREIGN)
		b->raw = keep_copy(e, ev->raw.raw);
	if (ev->text.len) {
		hold(e, &b->text, ev->text);
		b->bytes = ev->text.len;
	}
	/* Media come in one piece; what a foreign block begins with may go on. */
	if (ev->what == CHAT_IMAGE || ev->what == CHAT_AUDIO)
		finish_block(e, c, b);
	else
		advance(e, c);
}

/* A piece for a block that was closed because others began: it goes on as a new one. */
static struct emit_block *reopen(struct emitter *e, struct emit_choice *c,
                                 const struct chat_event *ev, struct emit_block *old)
{
	end_for_next(e, c);
	return add_block(e, c, ev, old->what);
}

static bool is_blank(jstr text)
{
	return str_trim(text).len == 0 || str_eq(text, STR("\\n"));
}

/* The block a piece belongs to; NULL: it is left out. */
static struct emit_block *block_of_piece(struct emitter *e, struct emit_choice *c,
                                         const struct chat_event *ev)
{
	struct emit_block *b = find_block(c, ev->block);

	if (!b || !can_say(e, b->what) ||
	    (ev->text.len == 0 && ev->logprobs.type == JSON_NONE))
		return NULL;
	if (!b->skipped && !b->whole)
		return b;
	if (b->what != CHAT_CALL)
		return reopen(e, c, ev, b);
	if (!is_blank(ev->text) && !e->why)
		e->why = FAULT_UPSTREAM_MALFORMED;
	return NULL;
}

static void keep_logprobs(struct emitter *e, struct emit_block *b, struct json_value list)
{
	if (list.type != JSON_ARRAY || list.raw.len <= 2)
		return;
	if (b->logprobs_text.len)
		hold(e, &b->logprobs_text, STR(","));
	hold(e, &b->logprobs_text, str_of(list.raw.ptr + 1, list.raw.len - 2));
}

static void on_piece(struct emitter *e, struct emit_choice *c,
                     const struct chat_event *ev)
{
	struct emit_block *b = block_of_piece(e, c, ev);
	bool is_first, is_whole_kind;

	if (!b)
		return;
	is_first = b->bytes == 0;
	is_whole_kind = is_held_whole(e, b);
	b->bytes += ev->text.len;
	if (b->what == CHAT_CALL && (!b->is_custom || b->is_wrapped))
		look_at_arguments(b, ev->text);
	if (is_first && !b->opened)
		advance(e, c); /* its turn may have come */
	if (!e->streams || e->ops->keeps || c->open != b || is_whole_kind)
		hold(e, &b->text, ev->text);
	if (!e->streams)
		keep_logprobs(e, b, ev->logprobs);
	else if (c->open == b && !is_whole_kind)
		write_piece(e, b, ev->text, ev->logprobs);
}

static void on_seal(struct emitter *e, struct emit_choice *c, const struct chat_event *ev)
{
	struct emit_block *b = find_block(c, ev->block);

	if (!b || b->closed || !can_say(e, b->what))
		return;
	b->skipped = false;
	b->seal = ev->seal;
	b->seal.blob = keep_copy(e, ev->seal.blob);
	b->seal.id = keep_copy(e, ev->seal.id);
}

static void on_cite(struct emitter *e, struct emit_choice *c, const struct chat_event *ev)
{
	struct emit_block *b = find_block(c, ev->block);
	struct chat_citation *cite;

	if (!b || b->closed || b->skipped)
		return;
	if (e->streams && !e->ops->keeps && c->open == b) {
		if (e->ops->cite)
			e->ops->cite(e, b, &ev->cite);
		return;
	}
	cite = keep_new(e, sizeof(*cite));
	if (!cite)
		return;
	*cite = ev->cite;
	cite->next = NULL;
	cite->url = keep_copy(e, ev->cite.url);
	cite->title = keep_copy(e, ev->cite.title);
	cite->cited = keep_copy(e, ev->cite.cited);
	if (b->last_citation)
		b->last_citation->next = cite;
	else
		b->citations = cite;
	b->last_citation = cite;
	if (e->streams && c->open == b && e->ops->cite)
		e->ops->cite(e, b, cite);
}

static void end_all(struct emitter *e, struct emit_choice *c)
{
	for (struct emit_block *b = c->first; b; b = b->next) {
		if (!b->whole && !b->skipped)
			finish_block(e, c, b);
	}
	advance(e, c);
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
		c->stop = keep_copy(e, ev->text);
}

void emit_end(struct emitter *e)
{
	if (e->ended)
		return;
	for (unsigned i = 0; i < e->choice_count; i++)
		end_all(e, &e->choices[i]);
	start(e);
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
			finish_block(e, c, b);
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

/* ---- one piece like the other ---- */

enum { FORM_MOST = 2 * KiB };

void emit_remember(struct emitter *e, const struct emit_block *b,
                   const struct emit_form *form)
{
	str event = str_from(buf_str(e->to), form->from);
	size_t head = form->text_at - form->from, text = form->text_end - form->text_at;

	e->form_of = NULL;
	if (e->to->over || event.len - text > FORM_MOST)
		return;
	/* The text itself is left out. */
	e->form_text.limit = FORM_MOST;
	buf_set(&e->form_text, str_first(event, head));
	buf_add(&e->form_text, str_from(event, head + text));
	e->form = (struct emit_form){ .text_at = head, .text_end = head };
	if (form->number_end) {
		e->form.number_at = form->number_at - form->from;
		e->form.number_end = form->number_end - form->from;
	}
	e->form_of = b;
}

bool emit_again(struct emitter *e, const struct emit_block *b, jstr text)
{
	str form = buf_str(&e->form_text);

	if (e->form_of != b ||
	    !buf_reserve(e->to, form.len + text.len + sizeof("18446744073709551615")))
		return false;
	if (e->form.number_end) {
		buf_add(e->to, str_first(form, e->form.number_at));
		buf_add_u64(e->to, e->sequence++);
	}
	buf_add(e->to, str_of(form.ptr + e->form.number_end,
	                      e->form.text_at - e->form.number_end));
	buf_add(e->to, text);
	buf_add(e->to, str_from(form, e->form.text_at));
	return true;
}

void emit_data_begin(struct emitter *e, str name, struct json_writer *w)
{
	if (name.len) {
		buf_add(e->to, STR("event: "));
		buf_add(e->to, name);
		buf_add_char(e->to, '\n');
	}
	buf_add(e->to, STR("data: "));
	*w = (struct json_writer){ .to = e->to };
}

void emit_data_end(struct emitter *e)
{
	buf_add(e->to, STR("\n\n"));
}
