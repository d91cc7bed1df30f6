/* openai_reading.c - the blocks of an answer while its chunks come in, and their pieces
 * (openai_reading.h). */
#include "wire/openai_reading.h"

/* ---- blocks ---- */

static uint32_t key_of(const struct reading *g, unsigned what)
{
	return (uint32_t)(g->choice << 10 | what) + 1;
}

int reading_find(const struct reading *g, unsigned what)
{
	uint32_t key = key_of(g, what);

	for (size_t i = 0; i < countof(g->rd->slots); i++) {
		if (g->rd->slots[i].key == key)
			return (int)i;
	}
	return -1;
}

/* A free slot, or that of the oldest call: it has long been whole. */
int reading_take(struct reading *g, unsigned what)
{
	int oldest = -1;

	for (int i = 0; i < (int)countof(g->rd->slots); i++) {
		if (g->rd->slots[i].key == 0) {
			oldest = i;
			break;
		}
		if (oldest < 0 || g->rd->slots[i].block < g->rd->slots[oldest].block)
			oldest = i;
	}
	g->rd->slots[oldest].key = key_of(g, what);
	g->rd->slots[oldest].block = g->rd->next_block++;
	return oldest;
}

void reading_push(struct reading *g, struct chat_event *e)
{
	e->choice = g->choice;
	chat_push(g->to, e);
}

void reading_odd(struct reading *g, str name)
{
	chat_push(g->to, &(struct chat_event){ .kind = CHAT_ODD, .name = name });
}

static void push_half(struct reading *g, unsigned block, str *raw);

void reading_close(struct reading *g, int slot)
{
	str nothing = STR("");

	push_half(g, g->rd->slots[slot].block, &nothing);
	reading_push(g, &(struct chat_event){ .kind = CHAT_CLOSE,
	                                      .block = g->rd->slots[slot].block });
	g->rd->slots[slot].key = 0;
}

void reading_close_talk(struct reading *g)
{
	int slot = reading_find(g, TALK);

	if (slot >= 0)
		reading_close(g, slot);
}

unsigned reading_talk(struct reading *g, enum chat_kind kind)
{
	int slot = reading_find(g, TALK);

	if (slot >= 0 && g->rd->slots[slot].kind == kind)
		return g->rd->slots[slot].block;
	if (slot >= 0)
		reading_close(g, slot);
	slot = reading_take(g, TALK);
	g->rd->slots[slot].kind = (uint8_t)kind;
	g->rd->slots[slot].flags = 0;
	reading_push(g, &(struct chat_event){ .kind = CHAT_OPEN,
	                                      .block = g->rd->slots[slot].block,
	                                      .what = kind });
	return g->rd->slots[slot].block;
}

/* ---- pieces ----
 *
 * A character beyond 2^16 may come as two escapes in two chunks: the first half waits for
 * the second (rd->own[HALF]: its code, and the block + 1 above it). */

static bool is_half(str raw, size_t at, char from, char to)
{
	return raw.len >= at + 6 && raw.ptr[at] == '\\' && raw.ptr[at + 1] == 'u' &&
	       char_lower(raw.ptr[at + 2]) == 'd' &&
	       char_lower(raw.ptr[at + 3]) >= from && char_lower(raw.ptr[at + 3]) <= to;
}

/* Is the backslash there one of its own? */
static bool begins_escape(str raw, size_t at)
{
	size_t slashes = 0;

	while (slashes < at && raw.ptr[at - slashes - 1] == '\\')
		slashes++;
	return slashes % 2 == 0;
}

void reading_piece(struct reading *g, unsigned block, jstr text,
                   struct json_value logprobs)
{
	if (text.len || logprobs.type == JSON_ARRAY)
		reading_push(g, &(struct chat_event){ .kind = CHAT_PIECE,
		                                      .block = block,
		                                      .text = text,
		                                      .logprobs = logprobs });
}

/* The half that waits, as what it is alone, unless text brings its other half: then both
 * are pushed and text goes on behind. */
static void push_half(struct reading *g, unsigned block, str *raw)
{
	static const struct json_value none;
	uint64_t half = g->rd->own[HALF];
	char pair[12];

	if (!half || (half >> 16 & 0xffffffff) != (uint64_t)block + 1 ||
	    g->rd->own[HALF_CHOICE] != g->choice)
		return;
	g->rd->own[HALF] = 0;
	if (!is_half(*raw, 0, 'c', 'f')) {
		reading_piece(g, block, STR("\\ufffd"), none);
		return;
	}
	struct buf b = BUF_LIMIT(sizeof(pair));
	buf_add(&b, STR("\\u"));
	buf_add_hex(&b, half & 0xffff, 4);
	buf_add(&b, str_take(raw, 6));
	reading_piece(g, block, buf_str(&b), none);
	buf_free(&b);
}

static void hold_half(struct reading *g, unsigned block, str *raw)
{
	size_t at = raw->len >= 6 ? raw->len - 6 : 0;
	uint64_t code = 0;

	if (!is_half(*raw, at, '8', 'b') || !begins_escape(*raw, at) || g->rd->own[HALF])
		return;
	for (size_t i = at + 2; i < raw->len; i++) {
		char c = char_lower(raw->ptr[i]);
		code = code << 4 | (uint64_t)(char_is_digit(c) ? c - '0' : c - 'a' + 10);
	}
	g->rd->own[HALF] = code | ((uint64_t)block + 1) << 16;
	g->rd->own[HALF_CHOICE] = g->choice;
	*raw = str_first(*raw, at);
}

void reading_text(struct reading *g, unsigned block, struct json_value v,
                  struct json_value logprobs)
{
	str raw;

	if (v.type != JSON_STRING)
		return;
	raw = str_of(v.raw.ptr + 1, v.raw.len - 2);
	if (raw.len == 0 && logprobs.type != JSON_ARRAY)
		return;
	push_half(g, block, &raw);
	if (!g->is_whole)
		hold_half(g, block, &raw);
	v.raw = str_of(raw.ptr - 1, raw.len + 2);
	reading_piece(g, block, chat_text_in(&g->keep, v), logprobs);
}

void reading_say(struct reading *g, enum chat_kind kind, struct json_value v,
                 struct json_value logprobs)
{
	if (json_has_text(v) || logprobs.type == JSON_ARRAY)
		reading_text(g, reading_talk(g, kind), v, logprobs);
}
