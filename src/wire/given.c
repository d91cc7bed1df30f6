#include "wire/given.h"

#include "base/mem.h"
#include "codec/text.h"
#include "wire/jchars.h"

enum { IS_CUSTOM = 1, IS_REDACTED = 2 };
enum { FIRST_ROOM = 8, FIRST_TEXT = 240 };

void given_done(struct given *g)
{
	free(g->events);
	g->events = NULL;
	g->count = g->room = 0;
	buf_free(&g->text);
	buf_free(&g->head);
	free(g->reader);
	g->reader = NULL;
}

bool given_has_half(str json)
{
	for (size_t at; (at = str_find(json, '\\')) < json.len;) {
		json = str_from(json, at);
		if (json.len > 6 && json.ptr[1] == 'u' && (json.ptr[2] | 0x20) == 'd' &&
		    strchr("89abAB", json.ptr[3]) && json.ptr[6] == '"')
			return true;
		json = str_from(json, 2);
	}
	return false;
}

size_t given_size(const struct given *g)
{
	return g->room * sizeof(struct given_event) + g->text.cap + g->head.cap +
	       (g->reader ? sizeof(*g->reader) : 0);
}

void given_lose(struct given *g)
{
	if (g->is_holding && g->next)
		given_release(g);
	g->lost = true;
	g->is_holding = false;
	given_done(g);
}

/* ---- the log ---- */

static void strings_of(const struct chat_event *e, str ret[GIVEN_STRINGS])
{
	ret[0] = e->id;
	ret[1] = e->name;
	ret[2] = e->media_type;
	ret[3] = e->raw.type == JSON_NONE ? STR_NONE : e->raw.raw;
	ret[4] = e->text;
	if (e->kind == CHAT_SEALED) {
		ret[0] = e->seal.blob;
		ret[1] = e->seal.id;
	} else if (e->kind == CHAT_CITE) {
		ret[0] = e->cite.url;
		ret[1] = e->cite.title;
		ret[2] = e->cite.cited;
		ret[4] = STR_NONE;
	} else if (e->kind == CHAT_OPEN) {
		ret[2] = e->media_type.len ? e->media_type : e->item;
	}
}

static struct given_event *last_of(struct given *g)
{
	return g->count ? &g->events[g->count - 1] : NULL;
}

static bool is_more(const struct given_event *last, const struct chat_event *e)
{
	return last && last->kind == CHAT_PIECE && e->kind == CHAT_PIECE &&
	       last->block == e->block && last->choice == e->choice;
}

static bool add_text(struct given *g, str text)
{
	if (text.len > GIVEN_MOST - g->text.len)
		return false;
	return buf_add(&g->text, text);
}

static bool add_event(struct given *g, const struct chat_event *e)
{
	const uint64_t range[2] = { e->cite.start, e->cite.end };
	str strings[GIVEN_STRINGS];
	struct given_event *to;

	if (g->count == GIVEN_EVENTS || e->block > UINT32_MAX || e->choice > UINT8_MAX)
		return false;
	if (g->count == g->room) {
		g->room = g->room ? g->room * 2 : FIRST_ROOM;
		g->events = mem_resize(g->events, g->room * sizeof(*to));
	}
	if (!g->text.cap) {
		g->text.limit = GIVEN_MOST;
		if (!buf_reserve(&g->text, FIRST_TEXT))
			return false;
	}
	to = &g->events[g->count];
	*to = (struct given_event){
		.kind = (uint8_t)e->kind,
		.what = (uint8_t)e->what,
		.finish = (uint8_t)e->finish,
		.flags = (uint8_t)((e->is_custom ? IS_CUSTOM : 0) |
		                   (e->seal.redacted ? IS_REDACTED : 0)),
		.origin = (uint8_t)e->seal.origin,
		.choice = (uint8_t)e->choice,
		.place = (uint16_t)min_of(e->place, (unsigned)UINT16_MAX),
		.block = e->block,
	};
	strings_of(e, strings);
	if (e->kind == CHAT_CITE) /* as it lies in memory */
		strings[3] = str_of((const char *)range, sizeof(range));
	for (unsigned i = 0; i < GIVEN_STRINGS; i++) {
		if (!add_text(g, strings[i]))
			return false;
		to->len[i] = (uint32_t)strings[i].len;
	}
	g->count++;
	return true;
}

bool given_more(struct given *g, jstr text)
{
	struct given_event *last = last_of(g);

	if (g->lost)
		return true;
	if (!last || last->kind != CHAT_PIECE)
		return false;
	if (!add_text(g, text)) {
		given_lose(g);
		return true;
	}
	last->len[GIVEN_STRINGS - 1] += (uint32_t)text.len;
	return true;
}

static void record(struct given *g, const struct chat_event *e)
{
	struct given_event *last = last_of(g);
	bool joins = is_more(last, e) && (!g->is_holding || g->held_from < g->count);

	if (joins ? !given_more(g, e->text) : !add_event(g, e))
		given_lose(g);
}

/* ---- calls that wait ---- */

static struct given_call *find_call(struct given *g, unsigned block)
{
	for (unsigned i = 0; i < g->calls_open; i++) {
		if (g->calls[i].block == block)
			return &g->calls[i];
	}
	return NULL;
}

static void end_call(struct given *g, struct given_call *c)
{
	*c = g->calls[--g->calls_open];
}

/* Free text of a custom tool has no end of its own; the block has. */
static void follow(struct given *g, const struct chat_event *e)
{
	struct given_call *c = find_call(g, e->block);

	if (!c)
		return;
	args_end_follow(&c->args, e->text);
	if (c->args.is_whole)
		end_call(g, c);
}

static void begin_hold(struct given *g)
{
	if (g->is_holding)
		return;
	g->is_holding = true;
	g->held_from = g->count;
	g->held_text = g->text.len;
}

static void hold_call(struct given *g, const struct chat_event *e)
{
	if (g->calls_open == GIVEN_CALLS) {
		given_release(g);
		return;
	}
	begin_hold(g);
	g->calls[g->calls_open++] = (struct given_call){ .block = e->block };
}

/* What the event does to the calls that wait; before it is recorded. */
static void before(struct given *g, const struct chat_event *e)
{
	if (g->hold && e->kind == CHAT_OPEN && e->what == CHAT_CALL)
		hold_call(g, e);
}

static void after(struct given *g, const struct chat_event *e)
{
	struct given_call *c;

	if (!g->is_holding)
		return;
	if (e->kind == CHAT_PIECE) {
		follow(g, e);
	} else if (e->kind == CHAT_CLOSE) {
		c = find_call(g, e->block);
		if (c)
			end_call(g, c);
	} else if (e->kind == CHAT_FINISH || e->kind == CHAT_END) {
		g->calls_open = 0;
	}
	if (g->calls_open == 0 || g->text.len - g->held_text > GIVEN_HELD_MOST)
		given_release(g);
}

void given_release(struct given *g)
{
	unsigned from = g->held_from;

	g->calls_open = 0;
	if (!g->is_holding)
		return;
	g->is_holding = false;
	if (g->next)
		given_replay(g, from, g->next);
}

void given_cut(struct given *g)
{
	g->calls_open = 0;
	if (!g->is_holding)
		return;
	g->is_holding = false;
	g->count = g->held_from;
	g->text.len = g->held_text;
}

/* ---- events ---- */

static void take(struct chat_sink *sink, const struct chat_event *e)
{
	struct given *g = container_of(sink, struct given, sink);

	if (e->kind == CHAT_FAULT) {
		g->why = e->why ? e->why : FAULT_STREAM_ERROR;
		return;
	}
	if (e->kind == CHAT_FINISH && e->finish == FINISH_ERROR)
		return;
	if (e->kind == CHAT_USAGE) {
		g->usage = e->usage;
		g->has_usage = true;
	}
	if (e->kind == CHAT_BEGIN || e->kind == CHAT_ODD || e->kind == CHAT_USAGE ||
	    e->kind == CHAT_INPUT || g->lost) {
		if (g->next)
			chat_push(g->next, e);
		return;
	}
	before(g, e);
	if (e->kind != CHAT_END)
		record(g, e);
	if (g->lost || !g->is_holding) {
		if (g->next)
			chat_push(g->next, e);
		return;
	}
	after(g, e);
	/* What is held has it; the end is not of the log. */
	if (e->kind == CHAT_END && g->next)
		chat_push(g->next, e);
}

void given_init(struct given *g, struct chat_sink *next)
{
	*g = (struct given){ .sink = { .take = take }, .next = next };
	g->text.limit = GIVEN_MOST;
}

void given_undo(struct given *g)
{
	if (g->lost)
		return;
	g->count = g->mark.count;
	g->text.len = g->mark.text;
	g->place = g->mark.place;
	if (g->count)
		g->events[g->count - 1].len[GIVEN_STRINGS - 1] = g->mark.last_len;
	if (g->is_holding && g->held_from >= g->count) {
		g->is_holding = false;
		g->calls_open = 0;
	}
}

/* ---- once more ---- */

static struct chat_event event_of(const struct given_event *from, const char *at)
{
	str s[GIVEN_STRINGS];
	struct chat_event e = {
		.kind = (enum chat_event_kind)from->kind,
		.what = (enum chat_kind)from->what,
		.finish = (enum chat_finish)from->finish,
		.choice = from->choice,
		.block = from->block,
		.place = from->place,
		.is_custom = from->flags & IS_CUSTOM,
	};

	for (unsigned i = 0; i < GIVEN_STRINGS; i++) {
		s[i] = str_of(at, from->len[i]);
		at += from->len[i];
	}
	e.text = s[4];
	if (e.kind == CHAT_SEALED) {
		e.seal = (struct chat_seal){ .origin = (enum wire_format)from->origin,
			                     .redacted = from->flags & IS_REDACTED,
			                     .blob = s[0],
			                     .id = s[1] };
	} else if (e.kind == CHAT_CITE) {
		e.cite = (struct chat_citation){ .url = s[0],
			                         .title = s[1],
			                         .cited = s[2] };
		memcpy(&e.cite.start, s[3].ptr, sizeof(e.cite.start));
		memcpy(&e.cite.end, s[3].ptr + sizeof(e.cite.start), sizeof(e.cite.end));
	} else {
		bool is_medium = e.what == CHAT_IMAGE || e.what == CHAT_AUDIO;

		e.id = s[0];
		e.name = s[1];
		*(is_medium ? &e.media_type : &e.item) = s[2];
		if (s[3].len)
			e.raw = (struct json_value){ JSON_OBJECT, s[3] };
	}
	return e;
}

static size_t text_of(const struct given_event *e)
{
	size_t all = 0;

	for (unsigned i = 0; i < GIVEN_STRINGS; i++)
		all += e->len[i];
	return all;
}

void given_replay(const struct given *g, unsigned from, struct chat_sink *to)
{
	const char *at = g->text.ptr;

	for (unsigned i = 0; i < g->count; i++) {
		if (i >= from) {
			struct chat_event e = event_of(&g->events[i], at);

			chat_push(to, &e);
		}
		at += text_of(&g->events[i]);
	}
}

/* ---- in short ---- */

static void sum_open(struct given_sum *s, const struct chat_event *e)
{
	s->next_block = max_of(s->next_block, e->block + 1);
	s->is_thinking = false;
	switch (e->what) {
	case CHAT_TEXT:
		s->text_block = e->block;
		s->text_is_last = true;
		return;
	case CHAT_REASONING:
		s->has_reasoning = s->is_thinking = true;
		s->text_is_last = false;
		return;
	case CHAT_REFUSAL:
		s->has_refusal = true;
		break;
	case CHAT_CALL:
		s->has_call = true;
		break;
	case CHAT_IMAGE:
	case CHAT_AUDIO:
	case CHAT_VIDEO:
	case CHAT_FILE:
	case CHAT_RESULT:
	case CHAT_FOREIGN:
		s->has_other = true;
		break;
	}
	s->text_is_last = false;
}

/* The kind of a piece's block is that of the OPEN before it. */
static bool is_text(const struct given *g, unsigned upto, const struct given_event *e)
{
	for (unsigned i = upto; i-- > 0;) {
		if (g->events[i].kind == CHAT_OPEN && g->events[i].block == e->block &&
		    g->events[i].choice == e->choice)
			return g->events[i].what == CHAT_TEXT;
	}
	return false;
}

void given_sum_up(const struct given *g, struct given_sum *ret, struct buf *text)
{
	const char *at = g->text.ptr;
	struct buf raw = BUF_LIMIT(GIVEN_MOST);

	*ret = (struct given_sum){ .text_is_last = false };
	for (unsigned i = 0; i < g->count; i++) {
		const struct given_event *from = &g->events[i];
		struct chat_event e = event_of(from, at);

		at += text_of(from);
		ret->has_choices |= e.choice > 0;
		if (e.kind == CHAT_OPEN) {
			sum_open(ret, &e);
		} else if (e.kind == CHAT_PIECE) {
			ret->bytes += jchars_bytes(e.text);
			if (e.choice == 0 && is_text(g, i, from)) {
				buf_add(&raw, e.text);
				ret->text_block = e.block;
			}
		} else if (e.kind == CHAT_CLOSE && e.block + 1 == ret->next_block) {
			ret->is_thinking = false;
		} else if (e.kind == CHAT_SEALED) {
			ret->has_seal = true;
			ret->is_thinking = false;
		} else if (e.kind == CHAT_FINISH) {
			ret->is_finished = true;
		}
	}
	ret->ends_in_half = !jchars_plain(buf_str(&raw), text);
	ret->has_blank_text = text->len > 0;
	ret->has_text = str_trim(buf_str(text)).len > 0;
	buf_free(&raw);
}
