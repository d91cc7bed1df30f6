/* cohere_reply.c - what Cohere's chat answers, as neutral events.
 *
 * Content blocks and calls are numbered apart in a stream, so a slot's key says which of
 * the two it is; the plan in front of calls is a block of reasoning of its own.  Every
 * event says its type twice, and the one in the JSON counts. */
#include "wire/cohere.h"

#include "wire/complaint.h"

/* Keys of slots: contents are odd, calls even, the plan has its own. */
enum { KEY_PLAN = UINT32_MAX - 1 };

/* ---- finish, usage, faults ---- */

static const struct chat_finish_row finishes[] = {
	{ STR_INIT("COMPLETE"), FINISH_STOP },
	{ STR_INIT("STOP_SEQUENCE"), FINISH_SEQUENCE },
	{ STR_INIT("MAX_TOKENS"), FINISH_LENGTH },
	{ STR_INIT("TOOL_CALL"), FINISH_CALLS },
	{ STR_INIT("ERROR"), FINISH_ERROR },
	{ STR_INIT("TIMEOUT"), FINISH_ERROR },
	{ STR_INIT("ERROR_TOXIC"), FINISH_FILTER },
	{ STR_INIT("ERROR_LIMIT"), FINISH_CONTEXT },
};

static bool read_counts(struct json_value counts, struct token_usage *ret)
{
	return counts.type == JSON_OBJECT &&
	       chat_read_count(json_get(counts, STR("input_tokens")), &ret->input) &&
	       chat_read_count(json_get(counts, STR("output_tokens")), &ret->output);
}

/* The tokens there were; what is billed is another count (wire-formats 11), and the only
 * one of some answers. */
static void push_usage(struct chat_reader *rd, struct json_value v, struct chat_sink *to)
{
	struct chat_event e = { .kind = CHAT_USAGE };
	struct token_usage billed = { 0 };
	struct json_value counts = json_get(v, STR("tokens"));
	struct json_value units = json_get(v, STR("billed_units"));

	if (counts.type != JSON_OBJECT)
		counts = units;
	if (!read_counts(counts, &e.usage) ||
	    !chat_read_count(json_get(v, STR("cached_tokens")), &e.usage.cache_read))
		return;
	e.usage.cache_read = min_of(e.usage.cache_read, e.usage.input);
	if (read_counts(units, &billed) && billed.input + billed.output > 0) {
		billed.cache_read = min_of(e.usage.cache_read, billed.input);
		e.billed = &billed;
	}
	rd->has_usage = true;
	chat_push(to, &e);
}

static void push_fault(str data, struct chat_sink *to)
{
	chat_push(to,
	          &(struct chat_event){ .kind = CHAT_FAULT,
	                                .why = complaint_fault(&(struct complaint){
	                                        .format = WIRE_COHERE, .text = data }),
	                                .text = wire_cohere.error_message(data) });
}

/* ---- blocks ---- */

static void push_whole(struct chat_reader *rd, enum chat_kind what,
                       struct json_value text, struct chat_sink *to)
{
	unsigned block = rd->next_block++;

	chat_push_open(to, block, what, STR_NONE, STR_NONE);
	chat_push_text(to, block, what, text);
	chat_push_close(to, block);
}

/* Sources are documents and what tools have said: only some of them have an address. */
static void push_cite(struct chat_sink *to, unsigned block, struct json_value v)
{
	struct chat_event e = { .kind = CHAT_CITE, .block = block, .what = CHAT_TEXT };
	struct json_iter it = json_iter(json_get(v, STR("sources")));
	struct json_value type = json_get(v, STR("type")), document;
	struct json_member first;

	if (type.type == JSON_STRING && !json_text_is(type, STR("TEXT_CONTENT")))
		return; /* of its thinking, or of its plan */
	json_u64(json_get(v, STR("start")), &e.cite.start);
	json_u64(json_get(v, STR("end")), &e.cite.end);
	e.cite.cited = chat_inside(json_get(v, STR("text")));
	if (json_next(&it, &first)) {
		document = json_get(first.value, STR("document"));
		e.cite.url = chat_inside(json_get(document, STR("url")));
		e.cite.title = chat_inside(json_get(document, STR("title")));
	}
	chat_push(to, &e);
}

/* ---- a whole answer ---- */

static void read_call(struct chat_reader *rd, struct json_value v, struct chat_sink *to)
{
	unsigned block = rd->next_block++;

	chat_push_open(to, block, CHAT_CALL, chat_inside(json_get(v, STR("id"))),
	               chat_inside(json_path(v, "function.name")));
	chat_push_text(to, block, CHAT_CALL, json_path(v, "function.arguments"));
	chat_push_close(to, block);
}

static unsigned count_texts(struct json_value content)
{
	struct json_iter it = json_iter(content);
	struct json_member m;
	unsigned count = 0;

	while (json_next(&it, &m))
		count += json_get(m.value, STR("text")).type == JSON_STRING;
	return count;
}

/* Citations belong to the last text, as they do not say to which. */
static void read_content(struct chat_reader *rd, struct json_value message,
                         struct chat_sink *to)
{
	struct json_value content = json_get(message, STR("content"));
	struct json_value cites = json_get(message, STR("citations")), text;
	struct json_member m, c;
	unsigned texts = count_texts(content);

	if (content.type == JSON_STRING)
		push_whole(rd, CHAT_TEXT, content, to);
	for (struct json_iter it = json_iter(content); json_next(&it, &m);) {
		text = json_get(m.value, STR("thinking"));
		if (text.type == JSON_STRING) {
			push_whole(rd, CHAT_REASONING, text, to);
			continue;
		}
		text = json_get(m.value, STR("text"));
		if (text.type != JSON_STRING) {
			chat_push(to,
			          &(struct chat_event){ .kind = CHAT_ODD,
			                                .name = chat_inside(json_get(
			                                        m.value, STR("type"))) });
			continue;
		}
		unsigned block = rd->next_block++;
		chat_push_open(to, block, CHAT_TEXT, STR_NONE, STR_NONE);
		chat_push_text(to, block, CHAT_TEXT, text);
		if (--texts == 0) {
			struct json_iter ci = json_iter(cites);
			while (json_next(&ci, &c))
				push_cite(to, block, c.value);
		}
		chat_push_close(to, block);
	}
}

fault_t cohere_read_reply(struct chat_reader *rd, str body, struct chat_sink *to)
{
	struct json_value root, message;
	struct json_member m;

	if (json_check(body, &json_limits_default, &root) || root.type != JSON_OBJECT)
		return FAULT_UPSTREAM_MALFORMED;
	message = json_get(root, STR("message"));
	if (message.type != JSON_OBJECT) {
		if (wire_cohere.error_message(body).len == 0)
			return FAULT_UPSTREAM_MALFORMED;
		push_fault(body, to);
		return NULL;
	}
	chat_push_begin(to, chat_inside(json_get(root, STR("id"))), STR_NONE);
	if (json_has_text(json_get(message, STR("tool_plan"))))
		push_whole(rd, CHAT_REASONING, json_get(message, STR("tool_plan")), to);
	read_content(rd, message, to);
	for (struct json_iter it = json_iter(json_get(message, STR("tool_calls")));
	     json_next(&it, &m);)
		read_call(rd, m.value, to);
	chat_push_finish(rd, to, json_get(root, STR("finish_reason")), finishes,
	                 countof(finishes));
	push_usage(rd, json_get(root, STR("usage")), to);
	chat_push_end(rd, to);
	return NULL;
}

/* ---- a stream ---- */

static uint32_t key_of(struct json_value root, bool is_call)
{
	uint64_t index = 0;

	json_u64(json_get(root, STR("index")), &index);
	return (uint32_t)(min_of(index, (uint64_t)INT32_MAX / 2) * 2) + 1 + is_call;
}

static unsigned take_slot(const struct chat_reader *rd, uint32_t key)
{
	unsigned at = chat_find_slot(rd, key);

	return at < countof(rd->slots) ? at : chat_free_slot(rd);
}

static unsigned open_slot(struct chat_reader *rd, uint32_t key, enum chat_kind what,
                          jstr id, jstr name, struct chat_sink *to)
{
	unsigned i = take_slot(rd, key);

	rd->slots[i].key = key;
	rd->slots[i].block = rd->next_block++;
	rd->slots[i].kind = (uint8_t)what;
	/* Calls are counted apart, and the plan is not counted. */
	chat_push_placed(to, rd->slots[i].block, what, id, name,
	                 what == CHAT_CALL || key == KEY_PLAN ? 0 : (key - 1) / 2 + 1);
	return i;
}

/* The block of that kind, opened where it was not announced. */
static unsigned block_for(struct chat_reader *rd, uint32_t key, enum chat_kind what,
                          struct chat_sink *to)
{
	unsigned i = chat_find_slot(rd, key);

	if (i == countof(rd->slots) || rd->slots[i].kind != what)
		i = open_slot(rd, key, what, STR_NONE, STR_NONE, to);
	return rd->slots[i].block;
}

static void close_slot(struct chat_reader *rd, uint32_t key, struct chat_sink *to)
{
	unsigned i = chat_find_slot(rd, key);

	if (i == countof(rd->slots))
		return;
	chat_push_close(to, rd->slots[i].block);
	rd->slots[i].key = 0;
}

static void on_content(struct chat_reader *rd, struct json_value root,
                       struct chat_sink *to)
{
	struct json_value content = json_path(root, "delta.message.content");
	struct json_value text = json_get(content, STR("text"));
	struct json_value thinking = json_get(content, STR("thinking"));
	uint32_t key = key_of(root, false);

	if (thinking.type == JSON_STRING ||
	    json_text_is(json_get(content, STR("type")), STR("thinking")))
		chat_push_text(to, block_for(rd, key, CHAT_REASONING, to), CHAT_REASONING,
		               thinking);
	if (text.type != JSON_STRING)
		return;
	unsigned block = block_for(rd, key, CHAT_TEXT, to);
	chat_push_text(to, block, CHAT_TEXT, text);
	rd->own[0] = (uint64_t)block + 1;
}

static void on_content_end(struct chat_reader *rd, struct json_value root,
                           struct chat_sink *to)
{
	close_slot(rd, key_of(root, false), to);
}

static void on_plan(struct chat_reader *rd, struct json_value root, struct chat_sink *to)
{
	struct json_value text = json_path(root, "delta.message.tool_plan");

	if (json_has_text(text))
		chat_push_text(to, block_for(rd, KEY_PLAN, CHAT_REASONING, to),
		               CHAT_REASONING, text);
}

/* An object; a list with one in it was seen too. */
static struct json_value call_of(struct json_value root)
{
	struct json_value v = json_path(root, "delta.message.tool_calls");
	struct json_iter it = json_iter(v);
	struct json_member m;

	return v.type == JSON_ARRAY && json_next(&it, &m) ? m.value : v;
}

static void on_call_start(struct chat_reader *rd, struct json_value root,
                          struct chat_sink *to)
{
	struct json_value v = call_of(root);
	uint32_t key = key_of(root, true);
	unsigned i;

	close_slot(rd, KEY_PLAN, to);
	i = open_slot(rd, key, CHAT_CALL, chat_inside(json_get(v, STR("id"))),
	              chat_inside(json_path(v, "function.name")), to);
	chat_push_text(to, rd->slots[i].block, CHAT_CALL,
	               json_path(v, "function.arguments"));
}

static void on_call_delta(struct chat_reader *rd, struct json_value root,
                          struct chat_sink *to)
{
	uint32_t key = key_of(root, true);

	chat_push_text(to, block_for(rd, key, CHAT_CALL, to), CHAT_CALL,
	               json_path(call_of(root), "function.arguments"));
}

static void on_call_end(struct chat_reader *rd, struct json_value root,
                        struct chat_sink *to)
{
	close_slot(rd, key_of(root, true), to);
}

static void on_citation(struct chat_reader *rd, struct json_value root,
                        struct chat_sink *to)
{
	struct json_value v = json_path(root, "delta.message.citations");
	struct json_iter it = json_iter(v);
	struct json_member m;

	if (rd->own[0] == 0)
		return;
	if (v.type == JSON_ARRAY && json_next(&it, &m))
		v = m.value;
	push_cite(to, (unsigned)rd->own[0] - 1, v);
}

static void on_nothing(struct chat_reader *rd, struct json_value root,
                       struct chat_sink *to)
{
}

static void on_start(struct chat_reader *rd, struct json_value root, struct chat_sink *to)
{
	if (!rd->begun)
		chat_push_begin(to, chat_inside(json_get(root, STR("id"))), STR_NONE);
	rd->begun = true;
}

static void on_end(struct chat_reader *rd, struct json_value root, struct chat_sink *to)
{
	struct json_value delta = json_get(root, STR("delta"));

	if (json_has_text(json_get(delta, STR("error")))) {
		push_fault(root.raw, to);
		return;
	}
	chat_push_finish(rd, to, json_get(delta, STR("finish_reason")), finishes,
	                 countof(finishes));
	push_usage(rd, json_get(delta, STR("usage")), to);
	chat_push_end(rd, to);
}

static const struct {
	str name;
	void (*read)(struct chat_reader *rd, struct json_value root,
	             struct chat_sink *to);
} events[] = {
	{ STR_INIT("content-delta"), on_content },
	{ STR_INIT("content-start"), on_content },
	{ STR_INIT("content-end"), on_content_end },
	{ STR_INIT("tool-plan-delta"), on_plan },
	{ STR_INIT("tool-call-start"), on_call_start },
	{ STR_INIT("tool-call-delta"), on_call_delta },
	{ STR_INIT("tool-call-end"), on_call_end },
	{ STR_INIT("citation-start"), on_citation },
	{ STR_INIT("citation-end"), on_nothing },
	{ STR_INIT("message-start"), on_start },
	{ STR_INIT("message-end"), on_end },
};

fault_t cohere_read_event(struct chat_reader *rd, str name, str data,
                          struct chat_sink *to)
{
	struct json_value root, type;

	if (rd->ended || str_eq(str_trim(data), STR("[DONE]")))
		return NULL;
	if (json_check(data, &json_limits_default, &root) || root.type != JSON_OBJECT)
		return FAULT_UPSTREAM_MALFORMED;
	type = json_get(root, STR("type"));
	if (type.type == JSON_STRING)
		name = chat_inside(type);
	for (size_t i = 0; i < countof(events); i++) {
		if (str_eq(events[i].name, name)) {
			events[i].read(rd, root, to);
			return NULL;
		}
	}
	if (str_eq(name, STR("error")) || wire_cohere.error_message(data).len > 0)
		push_fault(data, to);
	else
		chat_push(to, &(struct chat_event){ .kind = CHAT_ODD, .name = name });
	return NULL;
}

/* message-end is the only proper end. */
bool cohere_read_eof(struct chat_reader *rd, struct chat_sink *to)
{
	return rd->ended && rd->finish != FINISH_ERROR;
}
