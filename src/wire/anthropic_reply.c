/* anthropic_reply.c - Messages answers and streams into neutral events.
 *
 * A whole answer is read as the stream it could have been: each block begins, is whole
 * and ends, by the same functions that read a stream's events.  Blocks which only this
 * vendor knows are FOREIGN: what they begin with, and as pieces what comes later.
 *
 * Usage of the beginning is provisional; that of message_delta takes its place member by
 * member.  Here input_tokens leaves cached tokens out.  Facts: wire-formats 5.7-5.9. */
#include "wire/anthropic.h"
#include "wire/complaint.h"
#include "wire/places.h"

enum { COUNT_MOST = INT32_MAX, MEMBERS_MOST = 64 };

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

/* One event being read; keep is used only where an escape has to be mended or text has
 * to be escaped. */
struct event {
	struct chat_reader *rd;
	struct chat_sink *to;
	struct arena keep;
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
	{ STR_INIT(""), STR_INIT("iterations") },
};

enum { ITERATIONS = countof(usage_places) - 1, COMPACTION_COUNTS = OWN_OUTPUT + 1 };

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

static void read_usage(struct chat_reader *rd, struct json_value usage)
{
	struct json_value values[countof(usage_places)];

	if (usage.type != JSON_OBJECT)
		return;
	rd->has_usage = true;
	places_find(usage, usage_places, countof(usage_places), values);
	for (unsigned i = 0; i < ITERATIONS; i++)
		take_count(rd->own, values[i], (enum own_count)i);
	add_compactions(rd->own, values[ITERATIONS]);
}

static void push_usage(struct event *ev)
{
	const uint64_t *own = ev->rd->own;
	struct token_usage u = {
		.input = own[OWN_INPUT] + own[OWN_READ] + own[OWN_WRITE],
		.cache_read = own[OWN_READ],
		.cache_write = own[OWN_WRITE],
		.cache_write_1h = min_of(own[OWN_WRITE_1H], own[OWN_WRITE]),
		.output = own[OWN_OUTPUT],
		.reasoning = min_of(own[OWN_REASONING], own[OWN_OUTPUT]),
		.searches = own[OWN_SEARCHES],
	};

	if (ev->rd->has_usage && !own[OWN_BAD])
		chat_push(ev->to, &(struct chat_event){ .kind = CHAT_USAGE, .usage = u });
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
	};
}

static jstr text_of(struct event *ev, struct json_value object, str name)
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

static void push_text(struct event *ev, int slot, jstr text)
{
	const struct chat_event e = { .kind = CHAT_PIECE,
		                      .block = ev->rd->slots[slot].block,
		                      .what = (enum chat_kind)ev->rd->slots[slot].kind,
		                      .text = text };

	if (text.len)
		chat_push(ev->to, &e);
}

static void push_seal(struct event *ev, int slot, jstr blob, bool redacted)
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

static void push_citation(struct event *ev, int slot, struct json_value citation)
{
	struct chat_event e = { .kind = CHAT_CITE, .block = ev->rd->slots[slot].block };

	if (ev->rd->slots[slot].kind != CHAT_TEXT)
		return;
	anthropic_read_citation(&ev->keep, citation, &e.cite);
	chat_push(ev->to, &e);
}

static void begin_text(struct event *ev, int slot, struct json_value block)
{
	struct json_member m;

	for (struct json_iter it = json_iter(json_get(block, STR("citations")));
	     json_next(&it, &m);)
		push_citation(ev, slot, m.value);
	push_text(ev, slot, text_of(ev, block, STR("text")));
}

static void begin_thinking(struct event *ev, int slot, struct json_value block)
{
	push_text(ev, slot, text_of(ev, block, STR("thinking")));
	push_seal(ev, slot, text_of(ev, block, STR("signature")), false);
}

static void begin_redacted(struct event *ev, int slot, struct json_value block)
{
	push_seal(ev, slot, text_of(ev, block, STR("data")), true);
}

static void begin_call(struct event *ev, int slot, struct json_value block)
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

static void begin_foreign(struct event *ev, int slot, struct json_value block)
{
}

static const struct block_row {
	str type;
	enum chat_kind kind;
	void (*begin)(struct event *ev, int slot, struct json_value block);
} block_rows[] = {
	{ STR_INIT("text"), CHAT_TEXT, begin_text },
	{ STR_INIT("thinking"), CHAT_REASONING, begin_thinking },
	{ STR_INIT("redacted_thinking"), CHAT_REASONING, begin_redacted },
	{ STR_INIT("tool_use"), CHAT_CALL, begin_call },
	{ STR_INIT(""), CHAT_FOREIGN, begin_foreign },
};

static fault_t begin_block(struct event *ev, uint64_t index, struct json_value block)
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
		e.id = text_of(ev, block, STR("id"));
		e.name = text_of(ev, block, STR("name"));
	} else if (row->kind == CHAT_FOREIGN) {
		e.raw = block;
	}
	chat_push(ev->to, &e);
	row->begin(ev, slot, block);
	return NULL;
}

static void end_block(struct event *ev, uint64_t index)
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

static void push_odd(struct event *ev, struct json_value name)
{
	const struct chat_event e = { .kind = CHAT_ODD,
		                      .name = chat_text_in(&ev->keep, name) };

	chat_push(ev->to, &e);
}

/* The block of a delta.  One that was not begun is, where all of it is in deltas. */
static int slot_of_delta(struct event *ev, const struct delta_row *row, uint64_t index)
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

static fault_t read_delta(struct event *ev, uint64_t index, struct json_value delta)
{
	struct json_value type = json_get(delta, STR("type"));
	const struct delta_row *row = NULL;
	int slot;

	for (size_t i = 0; i < countof(delta_rows) && !row; i++) {
		if (json_text_is(type, delta_rows[i].type))
			row = &delta_rows[i];
	}
	if (!row) {
		push_odd(ev, type);
		return NULL;
	}
	slot = slot_of_delta(ev, row, index);
	if (slot < 0 || !(row->kinds >> ev->rd->slots[slot].kind & 1))
		return FAULT_UPSTREAM_MALFORMED;
	switch (row->how) {
	case DELTA_TEXT:
		if (!(ev->rd->slots[slot].flags & HAS_INPUT))
			push_text(ev, slot, text_of(ev, delta, row->member));
		break;
	case DELTA_SEAL:
		push_seal(ev, slot, text_of(ev, delta, row->member), false);
		break;
	case DELTA_CITE:
		push_citation(ev, slot, json_get(delta, row->member));
		break;
	}
	return NULL;
}

/* ---- the frame ---- */

static void begin_message(struct event *ev, struct json_value message)
{
	read_usage(ev->rd, json_get(message, STR("usage")));
	if (ev->rd->begun)
		return;
	ev->rd->begun = true;
	chat_push_begin(ev->to, text_of(ev, message, STR("id")),
	                text_of(ev, message, STR("model")));
}

static void push_finish(struct event *ev, struct json_value reason, jstr sequence)
{
	static const struct {
		str reason;
		enum chat_finish finish;
	} rows[] = {
		{ STR_INIT("end_turn"), FINISH_STOP },
		{ STR_INIT("max_tokens"), FINISH_LENGTH },
		{ STR_INIT("stop_sequence"), FINISH_SEQUENCE },
		{ STR_INIT("tool_use"), FINISH_CALLS },
		{ STR_INIT("pause_turn"), FINISH_PAUSE },
		{ STR_INIT("compaction"), FINISH_PAUSE },
		{ STR_INIT("refusal"), FINISH_REFUSAL },
		{ STR_INIT("model_context_window_exceeded"), FINISH_CONTEXT },
	};
	struct chat_event e = { .kind = CHAT_FINISH, .finish = FINISH_STOP };
	bool known = reason.type == JSON_NONE;

	if (ev->rd->finished)
		return;
	for (size_t i = 0; i < countof(rows); i++) {
		if (json_text_is(reason, rows[i].reason)) {
			e.finish = rows[i].finish;
			known = true;
		}
	}
	if (!known)
		push_odd(ev, reason);
	if (e.finish == FINISH_SEQUENCE)
		e.text = sequence;
	ev->rd->finished = true;
	ev->rd->finish = e.finish;
	chat_push(ev->to, &e);
}

/* A stop reason, where there is one. */
static void read_stop(struct event *ev, struct json_value delta)
{
	struct json_value reason = json_get(delta, STR("stop_reason"));

	if (json_has_text(reason))
		push_finish(ev, reason, text_of(ev, delta, STR("stop_sequence")));
}

static void end_message(struct event *ev)
{
	const struct json_value none = { 0 };

	if (ev->rd->ended)
		return;
	ev->rd->ended = true;
	push_finish(ev, none, STR_NONE);
	push_usage(ev);
	chat_push(ev->to, &(struct chat_event){ .kind = CHAT_END });
}

static void push_fault(struct event *ev, struct json_value error)
{
	struct complaint c = { .format = WIRE_ANTHROPIC, .text = error.raw };
	struct chat_event e = { .kind = CHAT_FAULT, .why = complaint_fault(&c) };

	e.text = error.type == JSON_STRING ? chat_text_in(&ev->keep, error)
	                                   : text_of(ev, error, STR("message"));
	chat_push(ev->to, &e);
}

struct members {
	struct json_value type, index, message, block, delta, usage, error;
};

static fault_t read_index(struct json_value index, uint64_t *ret)
{
	return json_u64(index, ret) && *ret < COUNT_MOST ? NULL
	                                                 : FAULT_UPSTREAM_MALFORMED;
}

static fault_t read_members(struct event *ev, const struct members *f)
{
	uint64_t index;

	if (json_text_is(f->type, STR("content_block_delta")))
		return read_index(f->index, &index) ? FAULT_UPSTREAM_MALFORMED
		                                    : read_delta(ev, index, f->delta);
	if (json_text_is(f->type, STR("content_block_start")))
		return read_index(f->index, &index) ? FAULT_UPSTREAM_MALFORMED
		                                    : begin_block(ev, index, f->block);
	if (json_text_is(f->type, STR("content_block_stop"))) {
		if (read_index(f->index, &index))
			return FAULT_UPSTREAM_MALFORMED;
		end_block(ev, index);
	} else if (json_text_is(f->type, STR("message_start"))) {
		begin_message(ev, f->message);
	} else if (json_text_is(f->type, STR("message_delta"))) {
		read_usage(ev->rd, f->usage);
		read_stop(ev, f->delta);
	} else if (json_text_is(f->type, STR("message_stop"))) {
		if (!ev->rd->finished && ev->rd->next_block > 0)
			return FAULT_UPSTREAM_MALFORMED; /* no word why it stops */
		end_message(ev);
	} else if (json_text_is(f->type, STR("error")) || f->error.type != JSON_NONE) {
		push_fault(ev, f->error);
	} else if (f->type.type == JSON_STRING) {
		if (!json_text_is(f->type, STR("ping")))
			push_odd(ev, f->type);
	} /* else what Bedrock adds: its measurements have no type */
	return NULL;
}

/* Members of an object from outside, by name. */
static fault_t pick(str text, const str *names, struct json_value *const *values,
                    size_t count)
{
	struct json_member members[MEMBERS_MOST];
	size_t found;

	if (json_members(text, &json_limits_default, members, MEMBERS_MOST, &found))
		return FAULT_UPSTREAM_MALFORMED;
	for (size_t i = 0; i < found; i++) {
		for (size_t n = 0; n < count; n++) {
			if (str_eq(members[i].key, names[n]) &&
			    members[i].value.type != JSON_NULL)
				*values[n] = members[i].value;
		}
	}
	return NULL;
}

fault_t anthropic_read_event(struct chat_reader *rd, str name, str data,
                             struct chat_sink *to)
{
	static const str names[] = { STR_INIT("type"),    STR_INIT("index"),
		                     STR_INIT("message"), STR_INIT("content_block"),
		                     STR_INIT("delta"),   STR_INIT("usage"),
		                     STR_INIT("error") };
	struct members f = { 0 };
	struct json_value *const values[] = { &f.type,  &f.index, &f.message, &f.block,
		                              &f.delta, &f.usage, &f.error };
	struct event ev = { .rd = rd, .to = to };
	fault_t why;

	if (rd->ended)
		return NULL;
	why = pick(data, names, values, countof(values));
	if (why)
		return why;
	/* Mended and escaped text is at most six times as long. */
	ev.keep.ceiling = 8 * data.len + 4 * KiB;
	why = read_members(&ev, &f);
	arena_done(&ev.keep);
	return why;
}

bool anthropic_read_eof(struct chat_reader *rd, struct chat_sink *to)
{
	struct event ev = { .rd = rd, .to = to };

	/* With its stop reason an answer is whole, also when the last event is missing.
	 */
	if (rd->finished)
		end_message(&ev);
	return rd->ended;
}

/* ---- whole answers ---- */

static fault_t read_message(struct event *ev, struct json_value message,
                            struct json_value content)
{
	struct json_member m;
	uint64_t index = 0;
	fault_t why;

	begin_message(ev, message);
	for (struct json_iter it = json_iter(content); json_next(&it, &m); index++) {
		why = begin_block(ev, index, m.value);
		if (why)
			return why;
		end_block(ev, index);
	}
	read_stop(ev, message);
	end_message(ev);
	return NULL;
}

fault_t anthropic_read_reply(struct chat_reader *rd, str body, struct chat_sink *to)
{
	static const str names[] = { STR_INIT("type"), STR_INIT("content"),
		                     STR_INIT("error") };
	struct json_value type = { 0 }, content = { 0 }, error = { 0 }, root;
	struct json_value *const values[] = { &type, &content, &error };
	struct event ev = { .rd = rd,
		            .to = to,
		            .keep = { .ceiling = 8 * body.len + 4 * KiB } };
	fault_t why = pick(body, names, values, countof(values));

	if (why)
		return why;
	root = (struct json_value){ JSON_OBJECT, str_trim(body) };
	if (json_text_is(type, STR("error")) || error.type != JSON_NONE)
		push_fault(&ev, error);
	else if (content.type == JSON_ARRAY)
		why = read_message(&ev, root, content);
	else
		why = FAULT_UPSTREAM_MALFORMED;
	arena_done(&ev.keep);
	return why;
}
