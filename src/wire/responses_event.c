/* responses_event.c - a provider's stream of Responses events.
 *
 * What an event is stands in its `type`; its SSE name serves only where there is none.
 * State is kept by output_index and content part, because items may interleave.  The end
 * is response.completed, .incomplete or .failed, or an error in either of its two shapes;
 * "[DONE]" behind it says nothing.
 *
 * Facts: wire-formats 1.1, 3.5. */
#include "wire/responses.h"

/* One event's members, as far as they are read. */
struct event {
	struct json_value type, response, item, delta, text, arguments, refusal, input,
	        annotation, logprobs, error;
	struct json_value item_id;
	uint64_t output, content, summary, number;
	bool has_number;
	struct arena *scratch;
};

static void read_member(struct event *e, const struct json_member *m)
{
	const struct {
		str name;
		struct json_value *to;
	} values[] = {
		{ STR_INIT("delta"), &e->delta },
		{ STR_INIT("type"), &e->type },
		{ STR_INIT("logprobs"), &e->logprobs },
		{ STR_INIT("response"), &e->response },
		{ STR_INIT("item"), &e->item },
		{ STR_INIT("item_id"), &e->item_id },
		{ STR_INIT("text"), &e->text },
		{ STR_INIT("arguments"), &e->arguments },
		{ STR_INIT("refusal"), &e->refusal },
		{ STR_INIT("input"), &e->input },
		{ STR_INIT("annotation"), &e->annotation },
		{ STR_INIT("error"), &e->error },
	};
	const struct {
		str name;
		uint64_t *to;
	} counts[] = {
		{ STR_INIT("output_index"), &e->output },
		{ STR_INIT("content_index"), &e->content },
		{ STR_INIT("summary_index"), &e->summary },
		{ STR_INIT("sequence_number"), &e->number },
	};

	for (size_t i = 0; i < countof(values); i++) {
		if (str_eq(m->key, values[i].name))
			*values[i].to = m->value;
	}
	for (size_t i = 0; i < countof(counts); i++) {
		if (str_eq(m->key, counts[i].name) && json_u64(m->value, counts[i].to))
			e->has_number |= counts[i].to == &e->number;
	}
}

/* ---- texts ---- */

static const struct json_value no_value;

static int find_or_open(struct chat_reader *rd, struct chat_sink *to,
                        const struct event *e, struct responses_place at,
                        enum chat_kind what)
{
	int slot = responses_slot_find(rd, at);
	const struct chat_event open = { .what = what,
		                         .item = chat_text_in(e->scratch, e->item_id) };

	if (slot >= 0 && rd->slots[slot].kind != (uint8_t)what)
		return -1;
	return slot >= 0 ? slot : responses_slot_open(rd, to, at, &open);
}

static bool add_text(struct chat_reader *rd, struct chat_sink *to, const struct event *e,
                     enum chat_kind what, struct json_value text)
{
	struct responses_place at = { e->output, e->content };
	jstr piece = chat_text_in(e->scratch, text);
	int slot;

	if (!piece.len && !(e->logprobs.type == JSON_ARRAY && e->logprobs.raw.len > 2))
		return true;
	if (at.part >= RESPONSES_ITEM)
		return false;
	slot = find_or_open(rd, to, e, at, what);
	if (slot >= 0)
		responses_slot_piece(rd, to, slot, piece, e->logprobs);
	return slot >= 0;
}

/* The whole text at a part's end, for servers which sent no deltas. */
static bool end_text(struct chat_reader *rd, struct chat_sink *to, const struct event *e,
                     enum chat_kind what, struct json_value text)
{
	int slot = responses_slot_find(rd,
	                               (struct responses_place){ e->output, e->content });

	return slot >= 0 || add_text(rd, to, e, what, text);
}

static bool on_text(struct chat_reader *rd, struct chat_sink *to, const struct event *e)
{
	return add_text(rd, to, e, CHAT_TEXT, e->delta);
}

static bool on_text_done(struct chat_reader *rd, struct chat_sink *to,
                         const struct event *e)
{
	return end_text(rd, to, e, CHAT_TEXT, e->text);
}

static bool on_refusal(struct chat_reader *rd, struct chat_sink *to,
                       const struct event *e)
{
	return add_text(rd, to, e, CHAT_REFUSAL, e->delta);
}

static bool on_refusal_done(struct chat_reader *rd, struct chat_sink *to,
                            const struct event *e)
{
	return end_text(rd, to, e, CHAT_REFUSAL, e->refusal);
}

static bool on_annotation(struct chat_reader *rd, struct chat_sink *to,
                          const struct event *e)
{
	int slot = responses_slot_find(rd,
	                               (struct responses_place){ e->output, e->content });

	if (slot >= 0 && e->annotation.type == JSON_OBJECT)
		responses_slot_cite(rd, to, slot, e->annotation, e->scratch);
	return true;
}

/* ---- reasoning ---- */

/* All parts of one item are one block.  Where both its own words and their summary come,
 * the kind that came first is taken. */
static bool add_reasoning(struct chat_reader *rd, struct chat_sink *to,
                          const struct event *e, uint64_t part, bool is_raw,
                          struct json_value text)
{
	const struct responses_place at = { e->output, RESPONSES_ITEM };
	jstr piece = chat_text_in(e->scratch, text);
	uint64_t part_id = (e->output << 16 | (part & UINT16_MAX)) + 1;
	int slot;

	if (!piece.len)
		return true;
	slot = find_or_open(rd, to, e, at, CHAT_REASONING);
	if (slot < 0)
		return false;
	if (!(rd->slots[slot].flags & SLOT_HAS_TEXT)) {
		rd->slots[slot].flags |= is_raw ? SLOT_IS_RAW : 0;
		rd->own[SEEN_PART] = part_id;
	} else if (!(rd->slots[slot].flags & SLOT_IS_RAW) != !is_raw) {
		return true;
	}
	if (rd->own[SEEN_PART] >> 16 == part_id >> 16 && rd->own[SEEN_PART] != part_id)
		responses_slot_piece(rd, to, slot, STR("\\n\\n"), no_value);
	rd->own[SEEN_PART] = part_id;
	responses_slot_piece(rd, to, slot, piece, no_value);
	return true;
}

static bool on_reasoning(struct chat_reader *rd, struct chat_sink *to,
                         const struct event *e)
{
	return add_reasoning(rd, to, e, e->content, true, e->delta);
}

static bool on_summary(struct chat_reader *rd, struct chat_sink *to,
                       const struct event *e)
{
	return add_reasoning(rd, to, e, e->summary, false, e->delta);
}

/* ---- items ---- */

static bool on_item(struct chat_reader *rd, struct chat_sink *to, const struct event *e)
{
	const struct responses_place at = { e->output, RESPONSES_ITEM };
	struct chat_event open;

	rd->own[SEEN_BEGUN] = max_of(rd->own[SEEN_BEGUN], e->output + 1);
	if (!responses_call_open(e->item, e->scratch, &open) || !open.name.len ||
	    responses_slot_find(rd, at) >= 0)
		return true;
	return responses_slot_open(rd, to, at, &open) >= 0;
}

/* Arguments of a call whose item nobody announced wait for the item's end. */
static bool on_arguments(struct chat_reader *rd, struct chat_sink *to,
                         const struct event *e)
{
	int slot = responses_slot_find(
	        rd, (struct responses_place){ e->output, RESPONSES_ITEM });
	jstr piece = chat_text_in(e->scratch, e->delta);

	if (slot >= 0 && piece.len && rd->slots[slot].kind == CHAT_CALL)
		responses_slot_piece(rd, to, slot, piece, no_value);
	return true;
}

static bool on_arguments_done(struct chat_reader *rd, struct chat_sink *to,
                              const struct event *e)
{
	int slot = responses_slot_find(
	        rd, (struct responses_place){ e->output, RESPONSES_ITEM });
	jstr whole = chat_text_in(e->scratch,
	                          e->input.type == JSON_STRING ? e->input : e->arguments);

	if (slot >= 0 && whole.len && rd->slots[slot].kind == CHAT_CALL &&
	    !(rd->slots[slot].flags & SLOT_HAS_TEXT))
		responses_slot_piece(rd, to, slot, whole, no_value);
	return true;
}

static bool on_item_done(struct chat_reader *rd, struct chat_sink *to,
                         const struct event *e)
{
	return e->item.type != JSON_OBJECT ||
	       responses_push_item(rd, to, e->output, e->item, e->scratch);
}

/* ---- the response ---- */

static bool on_begin(struct chat_reader *rd, struct chat_sink *to, const struct event *e)
{
	responses_push_begin(rd, to, e->response, e->scratch);
	return true;
}

static bool end_with(struct chat_reader *rd, struct chat_sink *to, const struct event *e,
                     enum chat_finish finish)
{
	responses_push_begin(rd, to, e->response, e->scratch);
	rd->finish = finish;
	responses_push_end(rd, to, e->response, e->scratch);
	return true;
}

static bool on_completed(struct chat_reader *rd, struct chat_sink *to,
                         const struct event *e)
{
	return end_with(rd, to, e, FINISH_STOP);
}

static bool on_incomplete(struct chat_reader *rd, struct chat_sink *to,
                          const struct event *e)
{
	return end_with(rd, to, e, FINISH_LENGTH);
}

static bool on_failed(struct chat_reader *rd, struct chat_sink *to, const struct event *e)
{
	responses_push_begin(rd, to, e->response, e->scratch);
	responses_push_failed(rd, to, e->response, e->scratch);
	return true;
}

/* What repeats or announces others. */
static bool on_nothing(struct chat_reader *rd, struct chat_sink *to,
                       const struct event *e)
{
	(void)rd;
	(void)to;
	(void)e;
	return true;
}

static const struct {
	str type;
	bool of_item; /* belongs to an item, and means nothing once that is done */
	bool (*take)(struct chat_reader *rd, struct chat_sink *to, const struct event *e);
} events[] = {
	{ STR_INIT("response.output_text.delta"), true, on_text },
	{ STR_INIT("response.function_call_arguments.delta"), true, on_arguments },
	{ STR_INIT("response.reasoning_summary_text.delta"), true, on_summary },
	{ STR_INIT("response.reasoning_text.delta"), true, on_reasoning },
	{ STR_INIT("response.output_item.added"), true, on_item },
	{ STR_INIT("response.output_item.done"), true, on_item_done },
	{ STR_INIT("response.content_part.added"), true, on_nothing },
	{ STR_INIT("response.content_part.done"), true, on_nothing },
	{ STR_INIT("response.output_text.done"), true, on_text_done },
	{ STR_INIT("response.output_text.annotation.added"), true, on_annotation },
	{ STR_INIT("response.function_call_arguments.done"), true, on_arguments_done },
	{ STR_INIT("response.custom_tool_call_input.delta"), true, on_arguments },
	{ STR_INIT("response.custom_tool_call_input.done"), true, on_arguments_done },
	{ STR_INIT("response.refusal.delta"), true, on_refusal },
	{ STR_INIT("response.refusal.done"), true, on_refusal_done },
	{ STR_INIT("response.reasoning_summary_part.added"), true, on_nothing },
	{ STR_INIT("response.reasoning_summary_part.done"), true, on_nothing },
	{ STR_INIT("response.reasoning_summary_text.done"), true, on_nothing },
	{ STR_INIT("response.reasoning_text.done"), true, on_nothing },
	{ STR_INIT("response.created"), false, on_begin },
	{ STR_INIT("response.in_progress"), false, on_begin },
	{ STR_INIT("response.queued"), false, on_begin },
	{ STR_INIT("response.completed"), false, on_completed },
	{ STR_INIT("response.incomplete"), false, on_incomplete },
	{ STR_INIT("response.failed"), false, on_failed },
	{ STR_INIT("response.cancelled"), false, on_failed },
};

/* The steps of tools that run at the vendor: their items say the rest. */
static bool is_hosted_step(str type)
{
	return str_starts(type, STR("response.")) &&
	       (str_has(type, STR("_call.")) || str_has(type, STR("_call_")) ||
	        str_starts(type, STR("response.mcp_list_tools.")));
}

static bool take_event(struct chat_reader *rd, struct chat_sink *to, str type,
                       const struct event *e)
{
	struct chat_event odd = { .kind = CHAT_ODD, .name = type };

	for (size_t i = 0; i < countof(events); i++) {
		if (!str_eq(type, events[i].type))
			continue;
		if (events[i].of_item && responses_item_is_done(rd, e->output))
			return true;
		return events[i].take(rd, to, e);
	}
	if (!is_hosted_step(type))
		chat_push(to, &odd);
	return true;
}

/* {"type":"error","error":{...}}, the same with its members at the top, or an error
 * object alone. */
static bool is_error(str type, const struct event *e)
{
	return str_eq(type, STR("error")) ||
	       (e->error.type == JSON_OBJECT && e->response.type == JSON_NONE);
}

/* Behind these nothing can be added to the part. */
static enum emit_part part_of(struct json_value type)
{
	if (json_text_is(type, STR("response.output_text.done")) ||
	    json_text_is(type, STR("response.refusal.done")))
		return PART_TEXT_DONE;
	if (json_text_is(type, STR("response.content_part.done")))
		return PART_DONE;
	if (json_text_is(type, STR("response.content_part.added")))
		return PART_BEGUN;
	return PART_GOES_ON;
}

static fault_t read_object(struct chat_reader *rd, str name, struct json_value root,
                           struct chat_sink *to, struct arena *scratch)
{
	struct event e = { .scratch = scratch };
	struct json_member m;
	str type;

	for (struct json_iter it = json_iter(root); json_next(&it, &m);)
		read_member(&e, &m);
	type = json_has_text(e.type) ? chat_text_in(scratch, e.type) : name;
	if (is_error(type, &e)) {
		bool is_nested = e.error.type == JSON_OBJECT || json_has_text(e.error);

		responses_push_fault(rd, to, is_nested ? e.error : root, scratch);
		return NULL;
	}
	if (!type.len)
		return FAULT_UPSTREAM_MALFORMED;
	if (!take_event(rd, to, type, &e))
		return FAULT_UPSTREAM_MALFORMED;
	/* Of those that the client gets: a broken one, or an error, may become ours. */
	rd->own[SEEN_PART_END] = part_of(e.type);
	if (e.has_number)
		rd->own[SEEN_NUMBER] = e.number + 1;
	return NULL;
}

fault_t responses_read_event(struct chat_reader *rd, str name, str data,
                             struct chat_sink *to)
{
	/* Used only where a lone surrogate has to be mended. */
	struct arena scratch = { .ceiling = 2 * data.len + 64 * KiB };
	struct json_value root;
	fault_t why;

	if (rd->ended || str_starts(data, STR("[DONE]")))
		return NULL;
	if (json_check(data, &json_limits_default, &root) || root.type != JSON_OBJECT)
		return FAULT_UPSTREAM_MALFORMED;
	why = read_object(rd, name, root, to, &scratch);
	arena_done(&scratch);
	return why;
}

void responses_mark(const struct chat_reader *rd, struct emit_mark *ret)
{
	ret->number = rd->own[SEEN_NUMBER];
	ret->items = (unsigned)rd->own[SEEN_BEGUN];
	ret->part = (unsigned)rd->own[SEEN_PART_END];
}

bool responses_read_eof(struct chat_reader *rd, struct chat_sink *to)
{
	(void)to;
	return rd->finished;
}
