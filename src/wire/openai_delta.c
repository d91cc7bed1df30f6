/* openai_delta.c - what a message says, or a piece of one: thoughts, text, calls, and
 * what stands beside them, in the words of all dialects (wire-formats 2.3, 2.4 and 10).
 */
#include "wire/openai_reading.h"

/* ---- thoughts ---- */

static void seal(struct reading *g, const struct chat_seal *s)
{
	int slot = reading_find(g, TALK);
	unsigned block;

	/* A second seal is another thought's. */
	if (slot >= 0 && g->rd->slots[slot].flags)
		reading_close(g, slot);
	block = reading_talk(g, CHAT_REASONING);
	reading_push(g, &(struct chat_event){
	                        .kind = CHAT_SEALED, .block = block, .seal = *s });
	slot = reading_find(g, TALK);
	g->rd->slots[slot].flags = 1;
}

static void read_details(struct reading *g, struct json_value details, bool with_text)
{
	static const struct json_value none;
	struct openai_detail d;
	struct json_member m;

	for (struct json_iter it = json_iter(details); json_next(&it, &m);) {
		if (!openai_read_detail(&g->keep, m.value, &d)) {
			reading_odd(g, STR("reasoning_details"));
			continue;
		}
		int slot = reading_find(g, TALK);
		if (with_text && d.text.len) {
			if (slot >= 0 && g->rd->slots[slot].flags)
				reading_close(g, slot);
			reading_say(g, CHAT_REASONING,
			            json_get(m.value, d.type == DETAIL_SUMMARY
			                                      ? STR("summary")
			                                      : STR("text")),
			            none);
		}
		if (d.seal.len) {
			struct chat_seal s = openai_pack_seal(&g->keep, &d);
			if (s.blob.len)
				seal(g, &s);
		}
	}
}

static bool details_have_text(struct json_value details)
{
	struct json_member m;

	for (struct json_iter it = json_iter(details); json_next(&it, &m);) {
		if (json_has_text(json_get(m.value, STR("text"))) ||
		    json_has_text(json_get(m.value, STR("summary"))))
			return true;
	}
	return false;
}

/* Google's signature, on a message or on a call. */
static void read_google_seal(struct reading *g, struct json_value extra)
{
	struct chat_seal s = { .origin = WIRE_GEMINI };

	s.blob = chat_text_in(&g->keep, json_path(extra, "google.thought_signature"));
	if (s.blob.len) {
		seal(g, &s);
		reading_close_talk(g);
	}
}

/* ---- calls ---- */

static uint16_t hash_id(jstr id)
{
	uint64_t hash = str_hash(id);

	return (uint16_t)(hash ^ hash >> 16 ^ hash >> 32 ^ hash >> 48);
}

/* The call with the highest block number of the choice: deltas without index go on with
 * it. */
static unsigned last_index(const struct reading *g)
{
	unsigned found = 0;
	uint32_t newest = 0;

	for (size_t i = 0; i < countof(g->rd->slots); i++) {
		uint32_t key = g->rd->slots[i].key - 1;

		if (g->rd->slots[i].key == 0 || key >> 10 != g->choice ||
		    (key & 1023) > INDEX_MOST || g->rd->slots[i].block < newest)
			continue;
		newest = g->rd->slots[i].block;
		found = key & 1023;
	}
	return found;
}

struct call {
	unsigned index;
	bool is_custom, is_counted;
	jstr id, name;
	struct json_value args;
	struct json_value extra;
};

static int open_call(struct reading *g, const struct call *c)
{
	int slot = reading_find(g, c->index);
	uint16_t hash = hash_id(c->id);

	if (slot >= 0)
		reading_close(g, slot);
	reading_close_talk(g);
	read_google_seal(g, c->extra);
	slot = reading_take(g, c->index);
	g->rd->slots[slot].kind = (uint8_t)(hash & 0xff);
	g->rd->slots[slot].flags = (uint8_t)(hash >> 8);
	reading_push(g, &(struct chat_event){ .kind = CHAT_OPEN,
	                                      .block = g->rd->slots[slot].block,
	                                      .what = CHAT_CALL,
	                                      .id = c->id,
	                                      .name = c->name,
	                                      .is_custom = c->is_custom });
	g->rd->own[HAS_CALLS] |= (uint64_t)1 << g->choice;
	return slot;
}

/* Some servers count all calls as 0: another id is another call.  Where they are neither
 * counted nor have ids, each comes whole. */
static bool is_another(const struct reading *g, int slot, const struct call *c)
{
	uint16_t hash = hash_id(c->id);

	if (!c->name.len)
		return false;
	if (!c->id.len)
		return !c->is_counted;
	return g->rd->slots[slot].kind != (hash & 0xff) ||
	       g->rd->slots[slot].flags != hash >> 8;
}

static void read_call(struct reading *g, const struct call *c)
{
	static const struct json_value none;
	int slot = reading_find(g, c->index);

	if (slot < 0 && !c->name.len && !json_has_text(c->args) &&
	    c->args.type != JSON_OBJECT)
		return; /* nothing is known of it yet */
	if (slot < 0 || is_another(g, slot, c) || g->is_whole)
		slot = open_call(g, c);
	if (c->args.type == JSON_OBJECT)
		reading_piece(g, g->rd->slots[slot].block,
		              chat_escape(&g->keep, c->args.raw), none);
	else
		reading_text(g, g->rd->slots[slot].block, c->args, none);
	if (g->is_whole)
		reading_close(g, slot);
}

static bool has_name(struct json_value call, const char *path)
{
	return json_has_text(json_path(call, path));
}

/* Snowflake fills both shapes, one of them with nothing. */
static bool is_custom(struct json_value call)
{
	if (has_name(call, "custom.name") || has_name(call, "function.name"))
		return has_name(call, "custom.name");
	return json_get(call, STR("custom")).type == JSON_OBJECT &&
	       json_get(call, STR("function")).type != JSON_OBJECT;
}

static void read_tool_call(struct reading *g, struct json_value v, unsigned at)
{
	bool custom = is_custom(v);
	struct json_value what = json_get(v, custom ? STR("custom") : STR("function"));
	uint64_t index = at;
	struct call c = {
		.is_custom = custom,
		.id = chat_text_in(&g->keep, json_get(v, STR("id"))),
		.name = chat_text_in(&g->keep, json_get(what, STR("name"))),
		.args = json_get(what, custom ? STR("input") : STR("arguments")),
		.extra = json_get(v, STR("extra_content")),
	};

	c.is_counted = json_u64(json_get(v, STR("index")), &index);
	if (g->is_whole)
		index = at; /* closed at once */
	else if (!c.is_counted)
		index = c.name.len ? last_index(g) + (at ? 1 : 0) : last_index(g);
	if (index > INDEX_MOST) {
		reading_odd(g, STR("tool_calls.index"));
		return;
	}
	c.index = (unsigned)index;
	read_call(g, &c);
}

static void read_calls(struct reading *g, struct json_value list)
{
	struct json_member m;
	unsigned at = 0;

	/* Cohere's way; seen where its answers are passed on. */
	if (list.type == JSON_OBJECT)
		read_tool_call(g, list, 0);
	if (list.type != JSON_ARRAY)
		return;
	for (struct json_iter it = json_iter(list); json_next(&it, &m); at++) {
		if (m.value.type == JSON_OBJECT)
			read_tool_call(g, m.value, min_of(at, (unsigned)INDEX_MOST));
	}
}

static void read_function_call(struct reading *g, struct json_value v)
{
	struct call c = {
		.index = LEGACY,
		.name = chat_text_in(&g->keep, json_get(v, STR("name"))),
		.args = json_get(v, STR("arguments")),
	};

	if (c.name.len || (reading_find(g, LEGACY) >= 0 && json_has_text(c.args)))
		read_call(g, &c);
}

/* ---- content ---- */

/* Mistral's thoughts: a list of texts, or one. */
static void read_thinking(struct reading *g, struct json_value v)
{
	static const struct json_value none;
	struct json_member m;

	reading_say(g, CHAT_REASONING, v, none);
	if (v.type != JSON_ARRAY)
		return;
	for (struct json_iter it = json_iter(v); json_next(&it, &m);)
		reading_say(g, CHAT_REASONING,
		            m.value.type == JSON_STRING ? m.value
		                                        : json_get(m.value, STR("text")),
		            none);
}

static void read_content(struct reading *g, struct json_value v,
                         struct json_value logprobs)
{
	struct json_member m;

	if (v.type != JSON_ARRAY) {
		reading_say(g, CHAT_TEXT, v, logprobs);
		return;
	}
	for (struct json_iter it = json_iter(v); json_next(&it, &m);) {
		struct json_value thinking = json_get(m.value, STR("thinking"));
		struct json_value text = json_get(m.value, STR("text"));
		struct json_value type = json_get(m.value, STR("type"));

		if (thinking.type != JSON_NONE)
			read_thinking(g, thinking);
		else if (text.type == JSON_STRING)
			reading_say(g, CHAT_TEXT, text, logprobs);
		else if (type.type == JSON_STRING)
			reading_odd(g, str_of(type.raw.ptr + 1, type.raw.len - 2));
	}
}

/* OpenRouter's pictures. */
static void read_images(struct reading *g, struct json_value list)
{
	struct chat_event e = { .kind = CHAT_OPEN, .what = CHAT_IMAGE };
	struct json_member m;

	for (struct json_iter it = json_iter(list); json_next(&it, &m);) {
		jstr url = chat_text_in(&g->keep, json_path(m.value, "image_url.url"));

		if (!chat_split_data_url(url, &e.media_type, &e.text)) {
			reading_odd(g, STR("images"));
			continue;
		}
		reading_close_talk(g);
		e.block = g->rd->next_block++;
		reading_push(g, &e);
		reading_push(
		        g, &(struct chat_event){ .kind = CHAT_CLOSE, .block = e.block });
	}
}

static void cite(struct reading *g, const struct chat_citation *c)
{
	reading_push(g, &(struct chat_event){ .kind = CHAT_CITE,
	                                      .block = reading_talk(g, CHAT_TEXT),
	                                      .cite = *c });
}

static void read_annotations(struct reading *g, struct json_value list)
{
	struct json_member m;

	for (struct json_iter it = json_iter(list); json_next(&it, &m);) {
		struct json_value url = json_get(m.value, STR("url_citation"));
		struct chat_citation c = { 0 };

		if (url.type != JSON_OBJECT) {
			reading_odd(g, STR("annotations"));
			continue;
		}
		c.url = chat_text_in(&g->keep, json_get(url, STR("url")));
		c.title = chat_text_in(&g->keep, json_get(url, STR("title")));
		c.cited = chat_text_in(&g->keep, json_get(url, STR("content")));
		json_u64(json_get(url, STR("start_index")), &c.start);
		json_u64(json_get(url, STR("end_index")), &c.end);
		cite(g, &c);
	}
}

/* Perplexity's and xAI's way.  Every chunk
 * repeats it; the last one counts. */
void openai_read_sources(struct reading *g, struct json_value root)
{
	struct json_value list = json_get(root, STR("search_results"));
	struct json_member m;

	if (list.type != JSON_ARRAY)
		list = json_get(root, STR("citations"));
	if (list.type != JSON_ARRAY || reading_find(g, TALK) < 0)
		return;
	for (struct json_iter it = json_iter(list); json_next(&it, &m);) {
		struct json_value url = json_get(m.value, STR("url"));
		struct chat_citation c = { 0 };

		c.url = chat_text_in(&g->keep,
		                     m.value.type == JSON_STRING ? m.value : url);
		c.title = chat_text_in(&g->keep, json_get(m.value, STR("title")));
		if (c.url.len)
			cite(g, &c);
	}
}

/* Spoken answers are written as what was said; the sound has no place in a stream of
 * ours. */
static void read_audio(struct reading *g, struct json_value v)
{
	static const struct json_value none;
	struct chat_event e = { .kind = CHAT_OPEN, .what = CHAT_AUDIO };
	struct json_value data = json_get(v, STR("data"));

	reading_say(g, CHAT_TEXT, json_get(v, STR("transcript")), none);
	if (!json_has_text(data))
		return;
	if (!g->is_whole) {
		reading_odd(g, STR("audio"));
		return;
	}
	reading_close_talk(g);
	e.text = chat_text_in(&g->keep, data);
	e.block = g->rd->next_block++;
	reading_push(g, &e);
	reading_push(g, &(struct chat_event){ .kind = CHAT_CLOSE, .block = e.block });
}

struct delta {
	struct json_value content, refusal, reasoning_content, reasoning, details, calls,
	        function_call, annotations, audio, images, extra;
};

static void set_member(void *object, size_t offset, struct json_value value)
{
	*(struct json_value *)(void *)((char *)object + offset) = value;
}

static void sort_delta(struct json_value v, struct delta *d)
{
#define AT(member) offsetof(struct delta, member)
	static const struct {
		str name;
		size_t offset;
	} members[] = {
		{ STR_INIT("content"), AT(content) },
		{ STR_INIT("refusal"), AT(refusal) },
		{ STR_INIT("reasoning_content"), AT(reasoning_content) },
		{ STR_INIT("reasoning"), AT(reasoning) },
		{ STR_INIT("reasoning_details"), AT(details) },
		{ STR_INIT("tool_calls"), AT(calls) },
		{ STR_INIT("function_call"), AT(function_call) },
		{ STR_INIT("annotations"), AT(annotations) },
		{ STR_INIT("audio"), AT(audio) },
		{ STR_INIT("images"), AT(images) },
		{ STR_INIT("extra_content"), AT(extra) },
	};
#undef AT
	struct json_member m;

	for (struct json_iter it = json_iter(v); json_next(&it, &m);) {
		for (size_t i = 0; i < countof(members); i++) {
			if (str_eq(m.key, members[i].name)) {
				set_member(d, members[i].offset, m.value);
				break;
			}
		}
	}
}

void openai_read_delta(struct reading *g, struct json_value v, struct json_value logprobs)
{
	static const struct json_value none;
	struct delta d = { 0 };
	bool details_speak;

	if (v.type != JSON_OBJECT)
		return;
	sort_delta(v, &d);
	details_speak = details_have_text(d.details);
	if (!details_speak)
		reading_say(g, CHAT_REASONING,
		            json_has_text(d.reasoning_content) ? d.reasoning_content
		                                               : d.reasoning,
		            none);
	read_details(g, d.details, details_speak);
	if (d.extra.type == JSON_OBJECT && d.calls.type != JSON_ARRAY)
		read_google_seal(g, d.extra);
	read_content(g, d.content, logprobs);
	read_audio(g, d.audio);
	if (json_has_text(d.refusal)) {
		reading_say(g, CHAT_REFUSAL, d.refusal, none);
		g->rd->own[REFUSED] |= (uint64_t)1 << g->choice;
	}
	read_annotations(g, d.annotations);
	read_images(g, d.images);
	if (d.extra.type == JSON_OBJECT && d.calls.type == JSON_ARRAY)
		read_google_seal(g, d.extra);
	read_calls(g, d.calls);
	if (d.function_call.type == JSON_OBJECT)
		read_function_call(g, d.function_call);
}
