/* responses_reply.c - what a provider's response object says, as neutral events.
 *
 * An item is pushed as far as it has not been: in a whole answer that is all of it, at
 * the end of a streamed item what its events left out (some servers send no deltas, or no
 * annotations).  Blocks are known by item and content part, so items may interleave.
 *
 * Facts: wire-formats 3.3-3.5, 12.1, 12.2. */
#include "wire/responses.h"

#include "wire/complaint.h"
enum { COUNT_MOST = INT32_MAX, ITEMS_MOST = 1 << 20 };

/* ---- blocks by their place ---- */

static uint32_t key_of(struct responses_place at)
{
	return (uint32_t)(at.item << 8 | at.part) + 1;
}

int responses_slot_find(const struct chat_reader *rd, struct responses_place at)
{
	for (size_t i = 0; i < countof(rd->slots); i++) {
		if (rd->slots[i].key == key_of(at))
			return (int)i;
	}
	return -1;
}

int responses_slot_open(struct chat_reader *rd, struct chat_sink *to,
                        struct responses_place at, const struct chat_event *open)
{
	struct chat_event e = *open;

	if (at.item >= ITEMS_MOST || at.part > RESPONSES_ITEM)
		return -1;
	for (size_t i = 0; i < countof(rd->slots); i++) {
		if (rd->slots[i].key)
			continue;
		rd->slots[i].key = key_of(at);
		rd->slots[i].block = rd->next_block++;
		rd->slots[i].kind = (uint8_t)open->what;
		rd->slots[i].flags = 0;
		rd->saw_call |= open->what == CHAT_CALL;
		rd->own[SEEN_REFUSAL] |= open->what == CHAT_REFUSAL;
		e.kind = CHAT_OPEN;
		e.block = rd->slots[i].block;
		e.place = (unsigned)at.item + 1;
		chat_push(to, &e);
		return (int)i;
	}
	return -1;
}

void responses_slot_piece(struct chat_reader *rd, struct chat_sink *to, int slot,
                          jstr text, struct json_value logprobs)
{
	struct chat_event e = { .kind = CHAT_PIECE,
		                .block = rd->slots[slot].block,
		                .what = (enum chat_kind)rd->slots[slot].kind,
		                .text = text };

	if (logprobs.type == JSON_ARRAY && logprobs.raw.len > 2)
		e.logprobs = logprobs;
	rd->slots[slot].flags |= SLOT_HAS_TEXT;
	chat_push(to, &e);
}

void responses_slot_cite(struct chat_reader *rd, struct chat_sink *to, int slot,
                         struct json_value annotation, struct arena *scratch)
{
	struct chat_event e = { .kind = CHAT_CITE, .block = rd->slots[slot].block };
	struct json_value type = json_get(annotation, STR("type")), name;

	rd->slots[slot].flags |= SLOT_HAS_CITES;
	if (json_text_is(type, STR("url_citation"))) {
		e.cite.url = chat_text_in(scratch, json_get(annotation, STR("url")));
		e.cite.title = chat_text_in(scratch, json_get(annotation, STR("title")));
		json_u64(json_get(annotation, STR("start_index")), &e.cite.start);
		json_u64(json_get(annotation, STR("end_index")), &e.cite.end);
	} else {
		name = json_get(annotation, STR("filename"));
		if (name.type != JSON_STRING)
			name = json_get(annotation, STR("file_id"));
		e.cite.title = chat_text_in(scratch, name);
	}
	chat_push(to, &e);
}

static void close_slot(struct chat_reader *rd, struct chat_sink *to, size_t slot)
{
	struct chat_event e = { .kind = CHAT_CLOSE, .block = rd->slots[slot].block };

	rd->slots[slot].key = 0;
	chat_push(to, &e);
}

static void close_item(struct chat_reader *rd, struct chat_sink *to, uint64_t item)
{
	for (size_t i = 0; i < countof(rd->slots); i++) {
		if (rd->slots[i].key && (rd->slots[i].key - 1) >> 8 == item)
			close_slot(rd, to, i);
	}
	if (item < 64)
		rd->own[SEEN_DONE] |= (uint64_t)1 << item;
	rd->own[SEEN_ITEMS]++;
}

bool responses_item_is_done(const struct chat_reader *rd, uint64_t index)
{
	return index < 64 && (rd->own[SEEN_DONE] >> index & 1);
}

/* ---- items ---- */

static bool push_part(struct chat_reader *rd, struct chat_sink *to,
                      struct responses_place at, struct json_value part,
                      struct arena *scratch)
{
	bool is_refusal = json_text_is(json_get(part, STR("type")), STR("refusal"));
	jstr text = chat_text_in(
	        scratch, json_get(part, is_refusal ? STR("refusal") : STR("text")));
	struct chat_event open = { .what = is_refusal ? CHAT_REFUSAL : CHAT_TEXT };
	int slot = responses_slot_find(rd, at);
	struct json_member m;

	if (slot < 0 && !text.len)
		return true;
	if (slot < 0)
		slot = responses_slot_open(rd, to, at, &open);
	if (slot < 0)
		return false;
	if (!(rd->slots[slot].flags & SLOT_HAS_TEXT))
		responses_slot_piece(rd, to, slot, text, json_get(part, STR("logprobs")));
	if (rd->slots[slot].flags & SLOT_HAS_CITES)
		return true;
	struct json_iter it = json_iter(json_get(part, STR("annotations")));
	while (json_next(&it, &m))
		responses_slot_cite(rd, to, slot, m.value, scratch);
	return true;
}

static bool push_message(struct chat_reader *rd, struct chat_sink *to, uint64_t index,
                         struct json_value item, struct arena *scratch)
{
	struct json_iter it = json_iter(json_get(item, STR("content")));
	struct responses_place at = { .item = index };
	struct json_member m;

	for (; json_next(&it, &m); at.part++) {
		if (at.part >= RESPONSES_ITEM || !push_part(rd, to, at, m.value, scratch))
			return false;
	}
	return true;
}

/* Texts of a list as pieces of one block, with a blank line between them. */
static void push_texts(struct chat_reader *rd, struct chat_sink *to, int slot,
                       struct json_value list, struct arena *scratch)
{
	const struct json_value none = { 0 };
	struct json_member m;
	bool is_first = true;

	for (struct json_iter it = json_iter(list); json_next(&it, &m);) {
		jstr text = chat_text_in(scratch, json_get(m.value, STR("text")));

		if (!text.len)
			continue;
		if (!is_first)
			responses_slot_piece(rd, to, slot, STR("\\n\\n"), none);
		responses_slot_piece(rd, to, slot, text, none);
		is_first = false;
	}
}

static bool has_items(struct json_value list)
{
	struct json_iter it = json_iter(list);
	struct json_member m;

	return json_next(&it, &m);
}

static bool push_reasoning(struct chat_reader *rd, struct chat_sink *to, uint64_t index,
                           struct json_value item, struct arena *scratch)
{
	const struct responses_place at = { index, RESPONSES_ITEM };
	const struct chat_event open = {
		.what = CHAT_REASONING,
		.item = chat_text_in(scratch, json_get(item, STR("id"))),
	};
	struct json_value summary = json_get(item, STR("summary"));
	struct json_value raw = json_get(item, STR("content"));
	jstr blob = chat_text_in(scratch, json_get(item, STR("encrypted_content")));
	int slot = responses_slot_find(rd, at);

	/* An empty one is an item all the same. */
	if (slot < 0)
		slot = responses_slot_open(rd, to, at, &open);
	if (slot < 0)
		return false;
	if (!(rd->slots[slot].flags & SLOT_HAS_TEXT))
		push_texts(rd, to, slot, has_items(raw) ? raw : summary, scratch);
	if (blob.len) {
		struct chat_event seal = {
			.kind = CHAT_SEALED,
			.block = rd->slots[slot].block,
			.seal = { .origin = WIRE_OPENAI_RESPONSES,
			          .blob = blob,
			          .id = chat_text_in(scratch,
			                             json_get(item, STR("id"))) },
		};
		chat_push(to, &seal);
	}
	return true;
}

bool responses_call_open(struct json_value item, struct arena *scratch,
                         struct chat_event *ret)
{
	struct json_value type = json_get(item, STR("type"));
	bool is_custom = json_text_is(type, STR("custom_tool_call"));
	struct json_value id = json_get(item, STR("call_id"));

	if (!is_custom && !json_text_is(type, STR("function_call")))
		return false;
	if (!json_has_text(id))
		id = json_get(item, STR("id"));
	*ret = (struct chat_event){ .what = CHAT_CALL, .is_custom = is_custom };
	ret->id = chat_text_in(scratch, id);
	ret->item = chat_text_in(scratch, json_get(item, STR("id")));
	ret->name = chat_text_in(scratch, json_get(item, STR("name")));
	return true;
}

static bool push_call(struct chat_reader *rd, struct chat_sink *to, uint64_t index,
                      struct json_value item, const struct chat_event *open,
                      struct arena *scratch)
{
	const struct responses_place at = { index, RESPONSES_ITEM };
	const struct json_value none = { 0 };
	int slot = responses_slot_find(rd, at);
	jstr args =
	        chat_text_in(scratch, json_get(item, open->is_custom ? STR("input")
	                                                             : STR("arguments")));

	if (slot < 0)
		slot = responses_slot_open(rd, to, at, open);
	if (slot < 0)
		return false;
	if (args.len && !(rd->slots[slot].flags & SLOT_HAS_TEXT))
		responses_slot_piece(rd, to, slot, args, none);
	return true;
}

static jstr image_type(struct json_value item)
{
	struct json_value format = json_get(item, STR("output_format"));

	if (json_text_is(format, STR("jpeg")))
		return STR("image/jpeg");
	if (json_text_is(format, STR("webp")))
		return STR("image/webp");
	return STR("image/png");
}

/* One that is paid: opening a page that was found, and looking for words in it, are calls
 * of the same kind which cost nothing.  Older ones do not say what they do. */
static bool is_search(struct json_value item)
{
	struct json_value action = json_get(json_get(item, STR("action")), STR("type"));

	return json_text_is(json_get(item, STR("type")), STR("web_search_call")) &&
	       (action.type != JSON_STRING || json_text_is(action, STR("search")));
}

/* What stands in one piece: a made image, or what only OpenAI's clients understand. */
static bool push_whole(struct chat_reader *rd, struct chat_sink *to, uint64_t index,
                       struct json_value item, struct arena *scratch)
{
	const struct responses_place at = { index, RESPONSES_ITEM };
	struct json_value type = json_get(item, STR("type"));
	struct json_value image = json_get(item, STR("result"));
	struct chat_event open = { .what = CHAT_FOREIGN, .raw = item };

	if (is_search(item))
		rd->own[SEEN_SEARCHES]++;
	if (json_text_is(type, STR("image_generation_call")) && json_has_text(image))
		open = (struct chat_event){ .what = CHAT_IMAGE,
			                    .text = chat_text_in(scratch, image),
			                    .media_type = image_type(item) };
	return responses_slot_open(rd, to, at, &open) >= 0;
}

bool responses_push_item(struct chat_reader *rd, struct chat_sink *to, uint64_t index,
                         struct json_value item, struct arena *scratch)
{
	struct json_value type = json_get(item, STR("type"));
	struct chat_event open;
	bool fits;

	if (json_text_is(type, STR("message")))
		fits = push_message(rd, to, index, item, scratch);
	else if (json_text_is(type, STR("reasoning")))
		fits = push_reasoning(rd, to, index, item, scratch);
	else if (responses_call_open(item, scratch, &open))
		fits = push_call(rd, to, index, item, &open, scratch);
	else
		fits = push_whole(rd, to, index, item, scratch);
	close_item(rd, to, index);
	return fits;
}

/* The items that were not finished before: in a whole answer all of them.  Some servers
 * stream nothing but the end, and OpenAI itself may leave out the end of an item. */
static bool push_output(struct chat_reader *rd, struct chat_sink *to,
                        struct json_value response, struct arena *scratch)
{
	struct json_value output = json_get(response, STR("output"));
	uint64_t count = 0, seen = rd->own[SEEN_ITEMS];
	struct json_member m;

	for (struct json_iter it = json_iter(output); json_next(&it, &m);)
		count++;
	if (seen >= count)
		return true;
	struct json_iter it = json_iter(output);
	for (uint64_t i = 0; json_next(&it, &m); i++) {
		/* Of items that far behind nobody knows whether they were finished. */
		bool is_known = i < 64 || seen == 0;

		if (is_known && !responses_item_is_done(rd, i) &&
		    !responses_push_item(rd, to, i, m.value, scratch))
			return false;
	}
	return true;
}

/* ---- beginning and end ---- */

void responses_push_begin(struct chat_reader *rd, struct chat_sink *to,
                          struct json_value response, struct arena *scratch)
{
	if (rd->begun)
		return;
	rd->begun = true;
	chat_push_begin(to, chat_text_in(scratch, json_get(response, STR("id"))),
	                chat_text_in(scratch, json_get(response, STR("model"))));
}

/* False: one of the counts cannot be. */
static bool read_usage(struct json_value usage, struct token_usage *ret)
{
	const struct {
		const char *path;
		uint64_t *to;
	} counts[] = {
		{ "input_tokens", &ret->input },
		{ "output_tokens", &ret->output },
		{ "input_tokens_details.cached_tokens", &ret->cache_read },
		{ "input_tokens_details.cache_write_tokens", &ret->cache_write },
		{ "input_tokens_details.audio_tokens", &ret->audio_input },
		{ "output_tokens_details.reasoning_tokens", &ret->reasoning },
		{ "output_tokens_details.audio_tokens", &ret->audio_output },
	};

	for (size_t i = 0; i < countof(counts); i++) {
		struct json_value v = json_path(usage, counts[i].path);

		if (v.type == JSON_NONE || v.type == JSON_NULL)
			continue;
		if (!json_u64(v, counts[i].to) || *counts[i].to > COUNT_MOST)
			return false;
	}
	return true;
}

static void push_usage(struct chat_reader *rd, struct chat_sink *to,
                       struct json_value response)
{
	struct chat_event e = { .kind = CHAT_USAGE };
	struct json_value usage = json_get(response, STR("usage"));

	rd->other_tier = chat_is_other_tier(json_get(response, STR("service_tier")));
	if (usage.type != JSON_OBJECT || !read_usage(usage, &e.usage))
		return;
	e.usage.searches = rd->own[SEEN_SEARCHES];
	rd->has_usage = true;
	chat_push(to, &e);
}

static enum chat_finish finish_of(const struct chat_reader *rd,
                                  struct json_value response)
{
	struct json_value status = json_get(response, STR("status"));
	struct json_value reason = json_path(response, "incomplete_details.reason");

	if (json_text_is(reason, STR("content_filter")))
		return FINISH_FILTER;
	if (json_text_is(status, STR("incomplete")) || json_has_text(reason) ||
	    rd->finish == FINISH_LENGTH)
		return FINISH_LENGTH;
	/* In the background: the answer has to be fetched later. */
	if (rd->finish == FINISH_NONE && (json_text_is(status, STR("queued")) ||
	                                  json_text_is(status, STR("in_progress"))))
		return FINISH_PAUSE;
	if (rd->saw_call)
		return FINISH_CALLS;
	return rd->own[SEEN_REFUSAL] ? FINISH_REFUSAL : FINISH_STOP;
}

void responses_push_fault(struct chat_reader *rd, struct chat_sink *to,
                          struct json_value error, struct arena *scratch)
{
	struct complaint c = { .format = WIRE_OPENAI_RESPONSES, .text = error.raw };
	struct chat_event e = { .kind = CHAT_FAULT };
	struct json_value message = json_get(error, STR("message"));

	if (rd->ended)
		return;
	if (error.type == JSON_STRING)
		message = error;
	e.why = complaint_fault(&c);
	e.text = chat_text_in(scratch, message);
	rd->ended = true;
	chat_push(to, &e);
}

static bool is_failed(struct json_value response)
{
	struct json_value status = json_get(response, STR("status"));
	struct json_value error = json_get(response, STR("error"));

	return json_text_is(status, STR("failed")) ||
	       json_text_is(status, STR("cancelled")) || error.type == JSON_OBJECT ||
	       json_has_text(error);
}

void responses_push_failed(struct chat_reader *rd, struct chat_sink *to,
                           struct json_value response, struct arena *scratch)
{
	push_usage(rd, to, response);
	responses_push_fault(rd, to, json_get(response, STR("error")), scratch);
}

void responses_push_end(struct chat_reader *rd, struct chat_sink *to,
                        struct json_value response, struct arena *scratch)
{
	struct chat_event e = { .kind = CHAT_FINISH };

	if (rd->ended)
		return;
	if (is_failed(response)) {
		responses_push_failed(rd, to, response, scratch);
		return;
	}
	if (!push_output(rd, to, response, scratch)) {
		responses_push_fault(rd, to, (struct json_value){ 0 }, scratch);
		return;
	}
	e.finish = rd->finish = finish_of(rd, response);
	chat_push(to, &e);
	push_usage(rd, to, response);
	rd->finished = rd->ended = true;
	chat_push(to, &(struct chat_event){ .kind = CHAT_END });
}

fault_t responses_read_reply(struct chat_reader *rd, str body, struct chat_sink *to)
{
	/* Used only where a lone surrogate has to be mended. */
	struct arena scratch = { .ceiling = 2 * body.len + 64 * KiB };
	struct json_value root;

	if (json_check(body, &json_limits_default, &root) || root.type != JSON_OBJECT)
		return FAULT_UPSTREAM_MALFORMED;
	if (!is_failed(root) && json_get(root, STR("output")).type != JSON_ARRAY)
		return FAULT_UPSTREAM_MALFORMED;
	responses_push_begin(rd, to, root, &scratch);
	responses_push_end(rd, to, root, &scratch);
	arena_done(&scratch);
	return NULL;
}
