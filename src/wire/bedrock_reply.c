/* bedrock_reply.c - what Converse answers, as neutral events.
 *
 * In a stream only tool blocks say that they begin; texts and reasoning begin with their
 * first delta.  The number in contentBlockIndex is looked up in the reader's slots.
 * messageStop makes the answer whole, metadata with the usage is the last frame (wire
 * formats 8.4-8.6). */
#include "wire/bedrock.h"

#include "wire/complaint.h"

/* What stands in a slot's flags. */
enum { SLOT_IGNORED = 1 };

/* ---- finish, usage, faults ---- */

static const struct chat_finish_row finishes[] = {
	{ STR_INIT("end_turn"), FINISH_STOP },
	{ STR_INIT("tool_use"), FINISH_CALLS },
	{ STR_INIT("max_tokens"), FINISH_LENGTH },
	{ STR_INIT("stop_sequence"), FINISH_SEQUENCE },
	{ STR_INIT("guardrail_intervened"), FINISH_FILTER },
	{ STR_INIT("content_filtered"), FINISH_FILTER },
	{ STR_INIT("model_context_window_exceeded"), FINISH_CONTEXT },
	{ STR_INIT("refusal"), FINISH_REFUSAL },
	{ STR_INIT("malformed_model_output"), FINISH_ERROR },
	{ STR_INIT("malformed_tool_use"), FINISH_ERROR },
};

/* Input without the cached part is what Bedrock counts. */
static void push_usage(struct chat_reader *rd, struct json_value root,
                       struct chat_sink *to)
{
	struct chat_event e = { .kind = CHAT_USAGE };
	struct json_value v = json_get(root, STR("usage"));
	struct token_usage *u = &e.usage;
	struct json_member m;

	if (v.type != JSON_OBJECT ||
	    !chat_read_count(json_get(v, STR("inputTokens")), &u->input) ||
	    !chat_read_count(json_get(v, STR("outputTokens")), &u->output) ||
	    !chat_read_count(json_get(v, STR("cacheReadInputTokens")), &u->cache_read) ||
	    !chat_read_count(json_get(v, STR("cacheWriteInputTokens")), &u->cache_write))
		return;
	for (struct json_iter it = json_iter(json_get(v, STR("cacheDetails")));
	     json_next(&it, &m);) {
		uint64_t tokens = 0;

		if (json_text_is(json_get(m.value, STR("ttl")), STR("1h")) &&
		    chat_read_count(json_get(m.value, STR("inputTokens")), &tokens))
			u->cache_write_1h += tokens;
	}
	u->cache_write_1h = min_of(u->cache_write_1h, u->cache_write);
	u->input += u->cache_read + u->cache_write;
	rd->other_tier = chat_is_other_tier(json_path(root, "serviceTier.type"));
	rd->has_usage = true;
	chat_push(to, &e);
}

static void push_fault(str name, str data, struct chat_sink *to)
{
	chat_push(to,
	          &(struct chat_event){
	                  .kind = CHAT_FAULT,
	                  .why = complaint_fault(&(struct complaint){
	                          .format = WIRE_BEDROCK, .kind = name, .text = data }),
	                  .text = wire_bedrock.error_message(data) });
}

/* ---- blocks ---- */

static void push_seal(struct chat_sink *to, unsigned block, jstr blob, bool redacted)
{
	chat_push(to, &(struct chat_event){ .kind = CHAT_SEALED,
	                                    .block = block,
	                                    .what = CHAT_REASONING,
	                                    .seal = { .origin = WIRE_BEDROCK,
	                                              .redacted = redacted,
	                                              .blob = blob } });
}

/* What is cited: {location: {web: {url}}, title, sourceContent: [{text}]}. */
static void push_cite(struct chat_sink *to, unsigned block, struct json_value v)
{
	struct chat_event e = { .kind = CHAT_CITE, .block = block, .what = CHAT_TEXT };
	struct json_iter it = json_iter(json_get(v, STR("sourceContent")));
	struct json_member first;

	e.cite.url = chat_inside(json_path(v, "location.web.url"));
	e.cite.title = chat_inside(json_get(v, STR("title")));
	if (json_next(&it, &first))
		e.cite.cited = chat_inside(json_get(first.value, STR("text")));
	chat_push(to, &e);
}

/* ---- a whole answer ---- */

static void read_call(struct chat_reader *rd, struct json_value v, struct json_value raw,
                      struct chat_sink *to)
{
	struct json_value input = json_get(v, STR("input"));
	unsigned block = rd->next_block++;

	/* What the vendor's own tools were asked. */
	if (json_text_is(json_get(v, STR("type")), STR("server_tool_use"))) {
		chat_push(to, &(struct chat_event){ .kind = CHAT_OPEN,
		                                    .block = block,
		                                    .what = CHAT_FOREIGN,
		                                    .raw = raw });
		chat_push_close(to, block);
		return;
	}
	chat_push_open(to, block, CHAT_CALL, chat_inside(json_get(v, STR("toolUseId"))),
	               chat_inside(json_get(v, STR("name"))));
	if (input.type == JSON_OBJECT) {
		struct arena keep = { .ceiling = 8 * input.raw.len + KiB };

		chat_push(to,
		          &(struct chat_event){ .kind = CHAT_PIECE,
		                                .block = block,
		                                .what = CHAT_CALL,
		                                .text = chat_escape(&keep, input.raw) });
		arena_done(&keep);
	}
	chat_push_close(to, block);
}

static void read_reasoning(struct chat_reader *rd, struct json_value v,
                           struct chat_sink *to)
{
	struct json_value redacted = json_get(v, STR("redactedContent"));
	struct json_value sign = json_path(v, "reasoningText.signature");
	struct json_value text = json_path(v, "reasoningText.text");
	unsigned block = rd->next_block++;

	chat_push_open(to, block, CHAT_REASONING, STR_NONE, STR_NONE);
	if (json_has_text(text))
		chat_push_text(to, block, CHAT_REASONING, text);
	if (json_has_text(redacted))
		push_seal(to, block, chat_inside(redacted), true);
	else if (json_has_text(sign))
		push_seal(to, block, chat_inside(sign), false);
	chat_push_close(to, block);
}

static void read_cited(struct chat_reader *rd, struct json_value v, struct chat_sink *to)
{
	unsigned block = rd->next_block++;
	struct json_member m;

	chat_push_open(to, block, CHAT_TEXT, STR_NONE, STR_NONE);
	for (struct json_iter it = json_iter(json_get(v, STR("content")));
	     json_next(&it, &m);)
		chat_push_text(to, block, CHAT_TEXT, json_get(m.value, STR("text")));
	for (struct json_iter it = json_iter(json_get(v, STR("citations")));
	     json_next(&it, &m);)
		push_cite(to, block, m.value);
	chat_push_close(to, block);
}

static void read_image(struct chat_reader *rd, struct json_value v, struct chat_sink *to)
{
	unsigned block = rd->next_block++;
	str type =
	        bedrock_media_type(CHAT_IMAGE, chat_inside(json_get(v, STR("format"))));

	chat_push(to,
	          &(struct chat_event){ .kind = CHAT_OPEN,
	                                .block = block,
	                                .what = CHAT_IMAGE,
	                                .text = chat_inside(json_path(v, "source.bytes")),
	                                .media_type = type });
	chat_push_close(to, block);
}

static void read_block(struct chat_reader *rd, struct json_value v, struct chat_sink *to)
{
	struct json_iter it = json_iter(v);
	struct json_member m;

	while (json_next(&it, &m)) {
		if (str_eq(m.key, STR("text"))) {
			chat_push_open(to, rd->next_block, CHAT_TEXT, STR_NONE, STR_NONE);
			chat_push_text(to, rd->next_block, CHAT_TEXT, m.value);
			chat_push_close(to, rd->next_block++);
		} else if (str_eq(m.key, STR("toolUse"))) {
			read_call(rd, m.value, v, to);
		} else if (str_eq(m.key, STR("reasoningContent"))) {
			read_reasoning(rd, m.value, to);
		} else if (str_eq(m.key, STR("citationsContent"))) {
			read_cited(rd, m.value, to);
		} else if (str_eq(m.key, STR("image"))) {
			read_image(rd, m.value, to);
		} else if (str_eq(m.key, STR("toolResult"))) {
			chat_push(to, &(struct chat_event){ .kind = CHAT_OPEN,
			                                    .block = rd->next_block++,
			                                    .what = CHAT_FOREIGN,
			                                    .raw = v });
		} else {
			chat_push_odd(to, m.key);
		}
	}
}

fault_t bedrock_read_reply(struct chat_reader *rd, str body, struct chat_sink *to)
{
	struct json_value root, content;
	struct json_member m;

	if (json_check(body, &json_limits_default, &root) || root.type != JSON_OBJECT)
		return FAULT_UPSTREAM_MALFORMED;
	content = json_path(root, "output.message.content");
	if (content.type != JSON_ARRAY) {
		if (wire_bedrock.error_message(body).len == 0)
			return FAULT_UPSTREAM_MALFORMED;
		push_fault(STR_NONE, body, to);
		return NULL;
	}
	chat_push_begin(to, STR_NONE, STR_NONE);
	for (struct json_iter it = json_iter(content); json_next(&it, &m);)
		read_block(rd, m.value, to);
	chat_push_finish(rd, to, json_get(root, STR("stopReason")), finishes,
	                 countof(finishes));
	push_usage(rd, root, to);
	chat_push_end(rd, to);
	return NULL;
}

/* ---- a stream ---- */

static uint32_t key_of(struct json_value root)
{
	uint64_t index = 0;

	json_u64(json_get(root, STR("contentBlockIndex")), &index);
	return (uint32_t)min_of(index, (uint64_t)UINT32_MAX - 1) + 1;
}

static unsigned begin_block(struct chat_reader *rd, uint32_t key, enum chat_kind what)
{
	unsigned i = chat_find_slot(rd, key);

	if (i == countof(rd->slots))
		i = chat_free_slot(rd);
	rd->slots[i].key = key;
	rd->slots[i].block = rd->next_block++;
	rd->slots[i].kind = (uint8_t)what;
	rd->slots[i].flags = 0;
	return i;
}

/* The block a delta of that kind belongs to, opened if this is its first. */
static unsigned block_for(struct chat_reader *rd, uint32_t key, enum chat_kind what,
                          struct chat_sink *to)
{
	unsigned i = chat_find_slot(rd, key);

	if (i < countof(rd->slots) && rd->slots[i].kind == what)
		return i;
	if (i < countof(rd->slots))
		chat_push_close(to, rd->slots[i].block);
	i = begin_block(rd, key, what);
	chat_push_placed(to, rd->slots[i].block, what, STR_NONE, STR_NONE, key);
	return i;
}

static void on_start(struct chat_reader *rd, struct json_value root, struct chat_sink *to)
{
	struct json_value start = json_get(root, STR("start"));
	struct json_value use = json_get(start, STR("toolUse"));
	unsigned i = begin_block(rd, key_of(root), CHAT_CALL);

	if (use.type != JSON_OBJECT ||
	    json_text_is(json_get(use, STR("type")), STR("server_tool_use"))) {
		rd->slots[i].flags = SLOT_IGNORED;
		chat_push_odd(to, use.type == JSON_OBJECT ? STR("server_tool_use")
		                                          : STR("toolResult"));
		return;
	}
	chat_push_placed(to, rd->slots[i].block, CHAT_CALL,
	                 chat_inside(json_get(use, STR("toolUseId"))),
	                 chat_inside(json_get(use, STR("name"))), rd->slots[i].key);
}

static void on_reasoning(struct chat_reader *rd, uint32_t key, struct json_value v,
                         struct chat_sink *to)
{
	unsigned block = rd->slots[block_for(rd, key, CHAT_REASONING, to)].block;
	struct json_value text = json_get(v, STR("text"));
	struct json_value sign = json_get(v, STR("signature"));
	struct json_value redacted = json_get(v, STR("redactedContent"));

	if (json_has_text(text))
		chat_push_text(to, block, CHAT_REASONING, text);
	if (json_has_text(sign))
		push_seal(to, block, chat_inside(sign), false);
	if (json_has_text(redacted))
		push_seal(to, block, chat_inside(redacted), true);
}

static void on_delta(struct chat_reader *rd, struct json_value root, struct chat_sink *to)
{
	uint32_t key = key_of(root);
	unsigned slot = chat_find_slot(rd, key);
	struct json_iter it = json_iter(json_get(root, STR("delta")));
	struct json_member m;

	if (slot < countof(rd->slots) && (rd->slots[slot].flags & SLOT_IGNORED))
		return;
	while (json_next(&it, &m)) {
		if (str_eq(m.key, STR("text"))) {
			slot = block_for(rd, key, CHAT_TEXT, to);
			chat_push_text(to, rd->slots[slot].block, CHAT_TEXT, m.value);
		} else if (str_eq(m.key, STR("toolUse"))) {
			slot = block_for(rd, key, CHAT_CALL, to);
			chat_push_text(to, rd->slots[slot].block, CHAT_CALL,
			               json_get(m.value, STR("input")));
		} else if (str_eq(m.key, STR("reasoningContent"))) {
			on_reasoning(rd, key, m.value, to);
		} else if (str_eq(m.key, STR("citation"))) {
			slot = block_for(rd, key, CHAT_TEXT, to);
			push_cite(to, rd->slots[slot].block, m.value);
		} else {
			chat_push_odd(to, m.key);
		}
	}
}

static void on_stop(struct chat_reader *rd, struct json_value root, struct chat_sink *to)
{
	unsigned i = chat_find_slot(rd, key_of(root));

	if (i == countof(rd->slots))
		return;
	if (!(rd->slots[i].flags & SLOT_IGNORED))
		chat_push_close(to, rd->slots[i].block);
	rd->slots[i].key = 0;
}

static void on_message_start(struct chat_reader *rd, struct json_value root,
                             struct chat_sink *to)
{
	if (!rd->begun)
		chat_push_begin(to, STR_NONE, STR_NONE);
	rd->begun = true;
}

static void on_message_stop(struct chat_reader *rd, struct json_value root,
                            struct chat_sink *to)
{
	chat_push_finish(rd, to, json_get(root, STR("stopReason")), finishes,
	                 countof(finishes));
	if (rd->has_usage)
		chat_push_end(rd, to);
}

static void on_metadata(struct chat_reader *rd, struct json_value root,
                        struct chat_sink *to)
{
	push_usage(rd, root, to);
	if (rd->finished)
		chat_push_end(rd, to);
}

static const struct {
	str name;
	void (*read)(struct chat_reader *rd, struct json_value root,
	             struct chat_sink *to);
} events[] = {
	{ STR_INIT("contentBlockDelta"), on_delta },
	{ STR_INIT("contentBlockStart"), on_start },
	{ STR_INIT("contentBlockStop"), on_stop },
	{ STR_INIT("messageStart"), on_message_start },
	{ STR_INIT("messageStop"), on_message_stop },
	{ STR_INIT("metadata"), on_metadata },
};

/* Exceptions are told by their name; what has neither a known name nor data is one of
 * the transport (":error-code"). */
static bool is_failure(str name, str data)
{
	return str_ends(name, STR("Exception")) || str_ends(name, STR("Error")) ||
	       data.len == 0;
}

fault_t bedrock_read_event(struct chat_reader *rd, str name, str data,
                           struct chat_sink *to)
{
	struct json_value root;

	if (is_failure(name, data)) {
		push_fault(name, data, to);
		return NULL;
	}
	if (json_check(data, &json_limits_default, &root) || root.type != JSON_OBJECT)
		return FAULT_UPSTREAM_MALFORMED;
	for (size_t i = 0; i < countof(events); i++) {
		if (str_eq(events[i].name, name)) {
			events[i].read(rd, root, to);
			return NULL;
		}
	}
	chat_push_odd(to, name);
	return NULL;
}

bool bedrock_read_eof(struct chat_reader *rd, struct chat_sink *to)
{
	if (!rd->finished || rd->finish == FINISH_ERROR)
		return false;
	chat_push_end(rd, to);
	return true;
}
