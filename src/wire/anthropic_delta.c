/* anthropic_delta.c - the blocks of a Messages answer, begun, gone on with and ended, and
 * its usage: for streams and for whole answers (anthropic_reply.c).
 *
 * Usage of the beginning is provisional; that of message_delta takes its place member by
 * member.  Here input_tokens leaves cached tokens out.  Facts: wire-formats 5.7-5.9. */
#include "wire/anthropic.h"
#include "wire/places.h"

enum { COUNT_MOST = INT32_MAX };

/* What rd->own holds: counts as Anthropic tells them. */
enum own_count {
	OWN_INPUT,
	OWN_READ,
	OWN_WRITE,
	OWN_WRITE_1H,
	OWN_OUTPUT,
	OWN_REASONING,
	OWN_SEARCHES,
	OWN_BAD, /* a count cannot be: none is reported */
};

/* ---- usage ---- */

static const struct place usage_places[] = {
	[OWN_INPUT] = { STR_INIT(""), STR_INIT("input_tokens") },
	[OWN_READ] = { STR_INIT(""), STR_INIT("cache_read_input_tokens") },
	[OWN_WRITE] = { STR_INIT(""), STR_INIT("cache_creation_input_tokens") },
	[OWN_WRITE_1H] = { STR_INIT("cache_creation"),
	                   STR_INIT("ephemeral_1h_input_tokens") },
	[OWN_OUTPUT] = { STR_INIT(""), STR_INIT("output_tokens") },
	[OWN_REASONING] = { STR_INIT("output_tokens_details"),
	                    STR_INIT("thinking_tokens") },
	[OWN_SEARCHES] = { STR_INIT("server_tool_use"), STR_INIT("web_search_requests") },
	[OWN_BAD] = { STR_INIT(""), STR_INIT("iterations") },
	{ STR_INIT(""), STR_INIT("service_tier") },
	{ STR_INIT(""), STR_INIT("speed") },
	{ STR_INIT(""), STR_INIT("inference_geo") },
};

enum { ITERATIONS = OWN_BAD, COMPACTION_COUNTS = OWN_OUTPUT + 1 };

static void take_count(uint64_t *own, struct json_value v, enum own_count to)
{
	uint64_t count;

	if (v.type == JSON_NONE || v.type == JSON_NULL)
		return;
	if (json_u64(v, &count) && count <= COUNT_MOST)
		own[to] = count;
	else
		own[OWN_BAD] = 1;
}

/* Tokens of a compaction are billed like others but left out of the totals.  (Those of an
 * advisor too, at the price of another model: they cannot be told here.) */
static void add_compactions(uint64_t *own, struct json_value iterations)
{
	struct json_member m;

	for (struct json_iter it = json_iter(iterations); json_next(&it, &m);) {
		uint64_t more[OWN_BAD + 1] = { 0 };
		struct json_value values[COMPACTION_COUNTS];

		if (!json_text_is(json_get(m.value, STR("type")), STR("compaction")))
			continue;
		places_find(m.value, usage_places, COMPACTION_COUNTS, values);
		for (unsigned i = 0; i < COMPACTION_COUNTS; i++)
			take_count(more, values[i], (enum own_count)i);
		for (unsigned i = 0; i <= OWN_BAD; i++)
			own[i] += more[i];
	}
}

void anthropic_take_usage(struct chat_reader *rd, struct json_value usage)
{
	struct json_value values[countof(usage_places)];

	if (usage.type != JSON_OBJECT)
		return;
	rd->has_usage = true;
	places_find(usage, usage_places, countof(usage_places), values);
	for (unsigned i = 0; i < ITERATIONS; i++)
		take_count(rd->own, values[i], (enum own_count)i);
	add_compactions(rd->own, values[ITERATIONS]);
	for (unsigned i = ITERATIONS + 1; i < countof(usage_places); i++)
		rd->other_tier |= chat_is_other_tier(values[i]);
}

static struct token_usage usage_of(const uint64_t *own)
{
	return (struct token_usage){
		.input = own[OWN_INPUT] + own[OWN_READ] + own[OWN_WRITE],
		.cache_read = own[OWN_READ],
		.cache_write = own[OWN_WRITE],
		.cache_write_1h = min_of(own[OWN_WRITE_1H], own[OWN_WRITE]),
		.output = own[OWN_OUTPUT],
		.reasoning = min_of(own[OWN_REASONING], own[OWN_OUTPUT]),
		.searches = own[OWN_SEARCHES],
	};
}

void anthropic_push_usage(struct anthropic_event *ev)
{
	const uint64_t *own = ev->rd->own;
	const struct token_usage u = usage_of(own);

	if (ev->rd->has_usage && !own[OWN_BAD])
		chat_push(ev->to, &(struct chat_event){ .kind = CHAT_USAGE, .usage = u });
}

void anthropic_push_input(struct anthropic_event *ev)
{
	struct chat_event e = { .kind = CHAT_INPUT, .usage = usage_of(ev->rd->own) };

	e.usage.output = e.usage.reasoning = 0;
	if (e.usage.input && !ev->rd->own[OWN_BAD])
		chat_push(ev->to, &e);
}

/* ---- blocks ---- */

void anthropic_read_citation(struct arena *keep, struct json_value v,
                             struct chat_citation *ret)
{
	struct json_value title = json_get(v, STR("title"));
	struct json_value url = json_get(v, STR("url"));

	if (title.type != JSON_STRING)
		title = json_get(v, STR("document_title"));
	if (url.type != JSON_STRING)
		url = json_get(v, STR("source"));
	*ret = (struct chat_citation){
		.url = chat_text_in(keep, url),
		.title = chat_text_in(keep, title),
		.cited = chat_text_in(keep, json_get(v, STR("cited_text"))),
		.raw = v.type == JSON_OBJECT ? v.raw : STR_NONE,
	};
}

jstr anthropic_text_of(struct anthropic_event *ev, struct json_value object, str name)
{
	return chat_text_in(&ev->keep, json_get(object, name));
}

/* The slot of a block that has begun, by Anthropic's index; -1: there is none. */
static int find_slot(const struct chat_reader *rd, uint64_t index)
{
	for (size_t i = 0; i < countof(rd->slots); i++) {
		if (rd->slots[i].key == index + 1)
			return (int)i;
	}
	return -1;
}

static int take_slot(struct chat_reader *rd, uint64_t index, enum chat_kind kind)
{
	for (size_t i = 0; i < countof(rd->slots); i++) {
		if (rd->slots[i].key)
			continue;
		rd->slots[i].key = (uint32_t)index + 1;
		rd->slots[i].block = rd->next_block++;
		rd->slots[i].kind = (uint8_t)kind;
		rd->slots[i].flags = 0;
		return (int)i;
	}
	return -1;
}

enum slot_flags { HAS_INPUT = 1 }; /* of a call: it came whole with the beginning */

static void push_text(struct anthropic_event *ev, int slot, jstr text)
{
	const struct chat_event e = { .kind = CHAT_PIECE,
		                      .block = ev->rd->slots[slot].block,
		                      .what = (enum chat_kind)ev->rd->slots[slot].kind,
		                      .text = text };

	if (text.len)
		chat_push(ev->to, &e);
}

static void push_seal(struct anthropic_event *ev, int slot, jstr blob, bool redacted)
{
	const struct chat_event e = {
		.kind = CHAT_SEALED,
		.block = ev->rd->slots[slot].block,
		.what = CHAT_REASONING,
		.seal = { .origin = WIRE_ANTHROPIC, .redacted = redacted, .blob = blob }
	};

	if (blob.len)
		chat_push(ev->to, &e);
}

static void push_citation(struct anthropic_event *ev, int slot,
                          struct json_value citation)
{
	struct chat_event e = { .kind = CHAT_CITE, .block = ev->rd->slots[slot].block };

	if (ev->rd->slots[slot].kind != CHAT_TEXT)
		return;
	anthropic_read_citation(&ev->keep, citation, &e.cite);
	chat_push(ev->to, &e);
}

static void begin_text(struct anthropic_event *ev, int slot, struct json_value block)
{
	struct json_member m;

	for (struct json_iter it = json_iter(json_get(block, STR("citations")));
	     json_next(&it, &m);)
		push_citation(ev, slot, m.value);
	push_text(ev, slot, anthropic_text_of(ev, block, STR("text")));
}

static void begin_thinking(struct anthropic_event *ev, int slot, struct json_value block)
{
	push_text(ev, slot, anthropic_text_of(ev, block, STR("thinking")));
	push_seal(ev, slot, anthropic_text_of(ev, block, STR("signature")), false);
}

static void begin_redacted(struct anthropic_event *ev, int slot, struct json_value block)
{
	push_seal(ev, slot, anthropic_text_of(ev, block, STR("data")), true);
}

static void begin_call(struct anthropic_event *ev, int slot, struct json_value block)
{
	struct json_value input = json_get(block, STR("input"));
	struct json_iter it = json_iter(input);
	struct json_member m;

	/* In a stream it is {} at first, but some servers have all of it here. */
	if (input.type != JSON_OBJECT || !json_next(&it, &m))
		return;
	ev->rd->slots[slot].flags |= HAS_INPUT;
	push_text(ev, slot, chat_escape(&ev->keep, input.raw));
}

static void begin_foreign(struct anthropic_event *ev, int slot, struct json_value block)
{
}

static const struct block_row {
	str type;
	enum chat_kind kind;
	void (*begin)(struct anthropic_event *ev, int slot, struct json_value block);
} block_rows[] = {
	{ STR_INIT("text"), CHAT_TEXT, begin_text },
	{ STR_INIT("thinking"), CHAT_REASONING, begin_thinking },
	{ STR_INIT("redacted_thinking"), CHAT_REASONING, begin_redacted },
	{ STR_INIT("tool_use"), CHAT_CALL, begin_call },
	{ STR_INIT(""), CHAT_FOREIGN, begin_foreign },
};

fault_t anthropic_begin_block(struct anthropic_event *ev, uint64_t index,
                              struct json_value block)
{
	struct json_value type = json_get(block, STR("type"));
	struct chat_event e = { .kind = CHAT_OPEN };
	const struct block_row *row = block_rows;
	int slot;

	if (type.type != JSON_STRING || find_slot(ev->rd, index) >= 0)
		return FAULT_UPSTREAM_MALFORMED;
	while (row->kind != CHAT_FOREIGN && !json_text_is(type, row->type))
		row++;
	slot = take_slot(ev->rd, index, row->kind);
	if (slot < 0)
		return FAULT_UPSTREAM_MALFORMED;
	e.block = ev->rd->slots[slot].block;
	e.what = row->kind;
	e.place = (unsigned)index + 1;
	if (row->kind == CHAT_CALL) {
		e.id = anthropic_text_of(ev, block, STR("id"));
		e.name = anthropic_text_of(ev, block, STR("name"));
	} else if (row->kind == CHAT_FOREIGN) {
		e.raw = block;
	}
	chat_push(ev->to, &e);
	row->begin(ev, slot, block);
	return NULL;
}

void anthropic_end_block(struct anthropic_event *ev, uint64_t index)
{
	int slot = find_slot(ev->rd, index);
	struct chat_event e = { .kind = CHAT_CLOSE };

	if (slot < 0)
		return;
	e.block = ev->rd->slots[slot].block;
	e.what = (enum chat_kind)ev->rd->slots[slot].kind;
	ev->rd->slots[slot].key = 0;
	chat_push(ev->to, &e);
}

/* ---- deltas ---- */

/* For each kind of delta: its member, and the kinds of block it may go on. */
enum delta_how { DELTA_TEXT, DELTA_SEAL, DELTA_CITE };
static const struct delta_row {
	str type, member;
	enum delta_how how;
	unsigned kinds;
	enum chat_kind opens; /* a block that nobody began */
} delta_rows[] = {
	{ STR_INIT("text_delta"), STR_INIT("text"), DELTA_TEXT, 1 << CHAT_TEXT,
	  CHAT_TEXT },
	{ STR_INIT("input_json_delta"), STR_INIT("partial_json"), DELTA_TEXT,
	  1 << CHAT_CALL | 1 << CHAT_FOREIGN, CHAT_CALL },
	{ STR_INIT("thinking_delta"), STR_INIT("thinking"), DELTA_TEXT,
	  1 << CHAT_REASONING, CHAT_REASONING },
	{ STR_INIT("signature_delta"), STR_INIT("signature"), DELTA_SEAL,
	  1 << CHAT_REASONING, CHAT_REASONING },
	{ STR_INIT("citations_delta"), STR_INIT("citation"), DELTA_CITE, 1 << CHAT_TEXT,
	  CHAT_TEXT },
	{ STR_INIT("compaction_delta"), STR_INIT("content"), DELTA_TEXT,
	  1 << CHAT_FOREIGN, CHAT_FOREIGN },
};

void anthropic_push_odd(struct anthropic_event *ev, struct json_value name)
{
	const struct chat_event e = { .kind = CHAT_ODD,
		                      .name = chat_text_in(&ev->keep, name) };

	chat_push(ev->to, &e);
}

/* The block of a delta.  One that was not begun is, where all of it is in deltas. */
static int slot_of_delta(struct anthropic_event *ev, const struct delta_row *row,
                         uint64_t index)
{
	int slot = find_slot(ev->rd, index);
	struct chat_event e = { .kind = CHAT_OPEN, .what = row->opens };

	if (slot >= 0 || (row->opens != CHAT_TEXT && row->opens != CHAT_REASONING))
		return slot;
	slot = take_slot(ev->rd, index, row->opens);
	if (slot < 0)
		return slot;
	e.block = ev->rd->slots[slot].block;
	e.place = (unsigned)index + 1;
	chat_push(ev->to, &e);
	return slot;
}

fault_t anthropic_read_delta(struct anthropic_event *ev, uint64_t index,
                             struct json_value delta)
{
	struct json_value type = json_get(delta, STR("type"));
	const struct delta_row *row = NULL;
	int slot;

	for (size_t i = 0; i < countof(delta_rows) && !row; i++) {
		if (json_text_is(type, delta_rows[i].type))
			row = &delta_rows[i];
	}
	if (!row) {
		anthropic_push_odd(ev, type);
		return NULL;
	}
	slot = slot_of_delta(ev, row, index);
	if (slot < 0 || !(row->kinds >> ev->rd->slots[slot].kind & 1))
		return FAULT_UPSTREAM_MALFORMED;
	switch (row->how) {
	case DELTA_TEXT:
		if (!(ev->rd->slots[slot].flags & HAS_INPUT))
			push_text(ev, slot, anthropic_text_of(ev, delta, row->member));
		break;
	case DELTA_SEAL:
		push_seal(ev, slot, anthropic_text_of(ev, delta, row->member), false);
		break;
	case DELTA_CITE:
		push_citation(ev, slot, json_get(delta, row->member));
		break;
	}
	return NULL;
}
