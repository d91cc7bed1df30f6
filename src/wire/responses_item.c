/* responses_item.c - the items of a request's input, into messages.
 *
 * Items are flat: what an assistant said, thought and called stands side by side.  All
 * that lies between two things the client said becomes one assistant message, the results
 * that follow one another one message of results.  Items which only OpenAI can use are
 * kept raw as foreign parts, and marked.
 *
 * Facts: wire-formats 3.3, 13.3, 13.4, 13.8 (RS -> ...). */
#include "wire/responses.h"

static const str part_names[] = {
	STR_INIT("type"),
	STR_INIT("text"),
	STR_INIT("annotations"),
	STR_INIT("logprobs"),
	STR_INIT("refusal"),
	STR_INIT("image_url"),
	STR_INIT("detail"),
	STR_INIT("file_id"),
	STR_INIT("file_data"),
	STR_INIT("file_url"),
	STR_INIT("filename"),
	STR_INIT("input_audio"),
	STR_INIT("prompt_cache_breakpoint"),
};
enum part_member {
	PART_TYPE,
	PART_TEXT,
	PART_ANNOTATIONS,
	PART_LOGPROBS,
	PART_REFUSAL,
	PART_IMAGE_URL,
	PART_DETAIL,
	PART_FILE_ID,
	PART_FILE_DATA,
	PART_FILE_URL,
	PART_FILENAME,
	PART_AUDIO,
	PART_CACHE,
	PART_MEMBERS,
};

static const str item_names[] = {
	STR_INIT("type"),   STR_INIT("role"),      STR_INIT("content"),
	STR_INIT("id"),     STR_INIT("call_id"),   STR_INIT("name"),
	STR_INIT("status"), STR_INIT("arguments"), STR_INIT("input"),
	STR_INIT("output"), STR_INIT("summary"),   STR_INIT("encrypted_content"),
	STR_INIT("tools"),  STR_INIT("namespace"),
};
enum item_member {
	ITEM_TYPE,
	ITEM_ROLE,
	ITEM_CONTENT,
	ITEM_ID,
	ITEM_CALL_ID,
	ITEM_NAME,
	ITEM_STATUS,
	ITEM_ARGUMENTS,
	ITEM_INPUT,
	ITEM_OUTPUT,
	ITEM_SUMMARY,
	ITEM_ENCRYPTED,
	ITEM_TOOLS,
	ITEM_NAMESPACE,
	ITEM_MEMBERS,
};

/* The last message when it is that side's, else a new one. */
static struct chat_message *turn_of(struct chat_request *r, enum chat_role role)
{
	struct chat_message *last = r->last_message;

	return last && last->role == role ? last : chat_add_message(r, role);
}

/* ---- content parts ---- */

/* Where parts go: into a message, or into a result. */
struct place {
	struct chat_message *message;
	struct chat_part *result;
};

static struct chat_part *add_part(struct chat_request *r, struct place to,
                                  enum chat_kind kind)
{
	return to.result ? chat_add_inner(r, to.result, kind)
	                 : chat_add_part(r, to.message, kind);
}

static void read_citation(struct chat_request *r, struct chat_part *p,
                          struct chat_citation **last, struct json_value v)
{
	struct chat_citation *c;

	if (!json_text_is(json_get(v, STR("type")), STR("url_citation"))) {
		chat_drop(r, STR("input[].content[].annotations"));
		return;
	}
	c = arena_try(r->keep, sizeof(*c));
	if (!c) {
		r->why = r->why ? r->why : FAULT_JSON_LIMIT;
		return;
	}
	*c = (struct chat_citation){ .url = chat_text(r, json_get(v, STR("url"))),
		                     .title = chat_text(r, json_get(v, STR("title"))) };
	json_u64(json_get(v, STR("start_index")), &c->start);
	json_u64(json_get(v, STR("end_index")), &c->end);
	if (*last)
		(*last)->next = c;
	else
		p->citations = c;
	*last = c;
	chat_mark(r, CONCEPT_CITATIONS);
}

static void read_text_part(struct chat_request *r, const struct json_value *v,
                           struct place to)
{
	struct chat_citation *last = NULL;
	struct json_member m;
	struct chat_part *p;
	jstr text = chat_text(r, v[PART_TEXT]);

	if (v[PART_LOGPROBS].type == JSON_ARRAY && v[PART_LOGPROBS].raw.len > 2)
		chat_drop(r, STR("input[].content[].logprobs"));
	if (!text.len)
		return;
	p = add_part(r, to, CHAT_TEXT);
	p->text = text;
	if (v[PART_ANNOTATIONS].type != JSON_ARRAY)
		return;
	for (struct json_iter it = json_iter(v[PART_ANNOTATIONS]); json_next(&it, &m);)
		read_citation(r, p, &last, m.value);
}

static void read_image_part(struct responses_reading *in, const struct json_value *v,
                            struct place to)
{
	struct chat_request *r = in->r;
	struct chat_part *p = add_part(r, to, CHAT_IMAGE);
	struct json_value url = v[PART_IMAGE_URL];

	if (url.type == JSON_OBJECT) /* as in chat completions */
		url = json_get(url, STR("url"));
	if (json_has_text(url)) {
		chat_set_url(p, chat_text(r, url));
		chat_mark(r, p->source == SOURCE_URL ? CONCEPT_IMAGE_URL
		                                     : CONCEPT_IMAGE_INLINE);
	} else if (json_has_text(v[PART_FILE_ID])) {
		p->source = SOURCE_ID;
		p->data = chat_text(r, v[PART_FILE_ID]);
		chat_mark(r, CONCEPT_IMAGE_ID);
	} else {
		responses_refuse(in, STR("an \"input_image\" needs an \"image_url\" or a "
		                         "\"file_id\""));
	}
	p->detail = chat_text(r, v[PART_DETAIL]);
	if (p->detail.len && !str_eq(p->detail, STR("auto")))
		chat_mark(r, CONCEPT_IMAGE_DETAIL);
}

static void read_file_part(struct responses_reading *in, const struct json_value *v,
                           struct place to)
{
	struct chat_request *r = in->r;
	struct chat_part *p = add_part(r, to, CHAT_FILE);

	p->name = chat_text(r, v[PART_FILENAME]);
	if (json_has_text(v[PART_FILE_DATA])) {
		jstr data = chat_text(r, v[PART_FILE_DATA]);

		p->source = SOURCE_BASE64;
		if (!chat_split_data_url(data, &p->media_type, &p->data))
			p->data = data;
		chat_mark(r, CONCEPT_FILE_INLINE);
	} else if (json_has_text(v[PART_FILE_URL])) {
		chat_set_url(p, chat_text(r, v[PART_FILE_URL]));
		chat_mark(r, p->source == SOURCE_URL ? CONCEPT_FILE_URL
		                                     : CONCEPT_FILE_INLINE);
	} else if (json_has_text(v[PART_FILE_ID])) {
		p->source = SOURCE_ID;
		p->data = chat_text(r, v[PART_FILE_ID]);
		chat_mark(r, CONCEPT_FILE_ID);
	} else {
		responses_refuse(in, STR("an \"input_file\" needs \"file_data\", "
		                         "\"file_url\" or \"file_id\""));
	}
}

static void read_audio_part(struct responses_reading *in, const struct json_value *v,
                            struct place to)
{
	static const str types[][2] = {
		{ STR_INIT("wav"), STR_INIT("audio/wav") },
		{ STR_INIT("mp3"), STR_INIT("audio/mpeg") },
	};
	struct chat_request *r = in->r;
	struct chat_part *p = add_part(r, to, CHAT_AUDIO);
	struct json_value format = json_get(v[PART_AUDIO], STR("format"));

	p->source = SOURCE_BASE64;
	p->data = chat_text(r, json_get(v[PART_AUDIO], STR("data")));
	for (size_t i = 0; i < countof(types); i++) {
		if (json_text_is(format, types[i][0]))
			p->media_type = types[i][1];
	}
	if (!p->data.len || !p->media_type.len)
		responses_refuse(in, STR("an \"input_audio\" needs \"data\" and the "
		                         "\"format\" wav or mp3"));
	chat_mark(r, CONCEPT_AUDIO_IN);
}

static bool is_text_type(struct json_value type)
{
	return json_text_is(type, STR("input_text")) ||
	       json_text_is(type, STR("output_text")) || json_text_is(type, STR("text"));
}

static void read_part(struct responses_reading *in, struct json_value part,
                      struct place to)
{
	struct chat_request *r = in->r;
	struct json_value v[PART_MEMBERS];
	struct chat_part *p,
	        *before = to.result ? to.result->last_part : to.message->last_part;

	chat_pick(r, part, STR("input[].content[]"), part_names, PART_MEMBERS, v);
	if (is_text_type(v[PART_TYPE])) {
		read_text_part(r, v, to);
	} else if (json_text_is(v[PART_TYPE], STR("refusal"))) {
		if (json_has_text(v[PART_REFUSAL])) {
			p = add_part(r, to, CHAT_REFUSAL);
			p->text = chat_text(r, v[PART_REFUSAL]);
		}
	} else if (json_text_is(v[PART_TYPE], STR("input_image"))) {
		read_image_part(in, v, to);
	} else if (json_text_is(v[PART_TYPE], STR("input_file"))) {
		read_file_part(in, v, to);
	} else if (json_text_is(v[PART_TYPE], STR("input_audio"))) {
		read_audio_part(in, v, to);
	} else if (part.type != JSON_OBJECT || v[PART_TYPE].type != JSON_STRING) {
		responses_refuse(in, STR("a part of \"content\" must be an object with a "
		                         "\"type\""));
	} else {
		p = add_part(r, to, CHAT_FOREIGN);
		p->raw = part;
		chat_mark_as(r, chat_foreign_of(to.result ? NULL : to.message),
		             "input[].content[].%.*s",
		             STR_ARG(chat_text(r, v[PART_TYPE])));
	}
	p = to.result ? to.result->last_part : to.message->last_part;
	if (v[PART_CACHE].type == JSON_OBJECT && p && p != before) {
		p->cache = CACHE_5M;
		chat_mark(r, CONCEPT_CACHE_MARK);
	}
}

static void read_content(struct responses_reading *in, struct json_value content,
                         struct place to)
{
	struct json_member m;

	if (content.type == JSON_STRING) {
		jstr text = chat_text(in->r, content);

		if (text.len)
			add_part(in->r, to, CHAT_TEXT)->text = text;
		return;
	}
	if (content.type != JSON_ARRAY && content.type != JSON_NONE) {
		responses_refuse(in, STR("the content of an item must be a string or an "
		                         "array"));
		return;
	}
	for (struct json_iter it = json_iter(content); json_next(&it, &m);)
		read_part(in, m.value, to);
}

/* ---- items ---- */

static void read_message(struct responses_reading *in, const struct json_value *v)
{
	static const struct {
		str name;
		enum chat_role role;
	} roles[] = {
		{ STR_INIT("user"), CHAT_USER },
		{ STR_INIT("assistant"), CHAT_ASSISTANT },
		{ STR_INIT("system"), CHAT_SYSTEM },
		{ STR_INIT("developer"), CHAT_SYSTEM },
	};
	struct chat_request *r = in->r;
	struct chat_message *m = NULL;

	for (size_t i = 0; i < countof(roles) && !m; i++) {
		if (!json_text_is(v[ITEM_ROLE], roles[i].name))
			continue;
		m = roles[i].role == CHAT_ASSISTANT ? turn_of(r, CHAT_ASSISTANT)
		                                    : chat_add_message(r, roles[i].role);
		m->is_developer = i == 3;
	}
	if (!m) {
		responses_refuse(in, STR("the \"role\" of a message must be user, "
		                         "assistant, system or developer"));
		return;
	}
	read_content(in, v[ITEM_CONTENT], (struct place){ .message = m });
}

/* The texts of a list of parts, with a blank line between them. */
static jstr join_texts(struct chat_request *r, struct json_value list)
{
	struct chat_part all = { 0 };
	struct json_member m;

	if (list.type != JSON_ARRAY)
		return STR_NONE;
	for (struct json_iter it = json_iter(list); json_next(&it, &m);) {
		jstr text = chat_text(r, json_get(m.value, STR("text")));

		if (text.len)
			chat_add_inner(r, &all, CHAT_TEXT)->text = text;
	}
	return chat_join_text(r, all.parts, STR("\\n\\n"));
}

static void read_reasoning(struct responses_reading *in, const struct json_value *v)
{
	struct chat_request *r = in->r;
	jstr raw = join_texts(r, v[ITEM_CONTENT]),
	     summary = join_texts(r, v[ITEM_SUMMARY]);
	struct chat_seal seal =
	        chat_seal_read(chat_text(r, v[ITEM_ENCRYPTED]), WIRE_OPENAI_RESPONSES);
	struct chat_part *p;

	if (raw.len && summary.len)
		chat_drop(r, STR("input[].summary"));
	if (!raw.len && !summary.len && seal.origin == WIRE_NONE) {
		if (json_has_text(v[ITEM_ID])) /* only where it was made it is known */
			chat_drop(r, STR("input[].reasoning"));
		return;
	}
	p = chat_add_part(r, turn_of(r, CHAT_ASSISTANT), CHAT_REASONING);
	p->text = raw.len ? raw : summary;
	p->seal = seal;
	if (seal.origin == WIRE_OPENAI_RESPONSES)
		p->seal.id = chat_text(r, v[ITEM_ID]);
}

static void read_call(struct responses_reading *in, const struct json_value *v,
                      bool is_custom)
{
	struct chat_request *r = in->r;
	struct chat_part *p = chat_add_part(r, turn_of(r, CHAT_ASSISTANT), CHAT_CALL);

	p->id = chat_text(r, v[ITEM_CALL_ID]);
	p->name = responses_full_name(r, chat_text(r, v[ITEM_NAMESPACE]),
	                              chat_text(r, v[ITEM_NAME]));
	p->is_custom = is_custom;
	if (is_custom) {
		p->args = chat_text(r, v[ITEM_INPUT]);
		chat_mark(r, CONCEPT_TOOL_CUSTOM);
	} else {
		p->args = chat_args(r, chat_text(r, v[ITEM_ARGUMENTS]));
	}
	if (!p->id.len || !p->name.len)
		responses_refuse(in, STR("a call needs a \"call_id\" and a \"name\""));
}

static void read_result(struct responses_reading *in, const struct json_value *v,
                        bool is_custom)
{
	struct chat_request *r = in->r;
	struct chat_part *p = chat_add_part(r, turn_of(r, CHAT_TOOL), CHAT_RESULT);

	p->id = chat_text(r, v[ITEM_CALL_ID]);
	p->is_custom = is_custom;
	if (!p->id.len)
		responses_refuse(in, STR("an output needs a \"call_id\""));
	read_content(in, v[ITEM_OUTPUT], (struct place){ .result = p });
}

static void keep_foreign(struct chat_request *r, struct json_value item,
                         enum concept concept)
{
	chat_add_part(r, turn_of(r, CHAT_ASSISTANT), CHAT_FOREIGN)->raw = item;
	if (concept == CONCEPT_FOREIGN_BLOCK)
		chat_mark_as(r, concept, "input[].%.*s",
		             STR_ARG(chat_text(r, json_get(item, STR("type")))));
	else
		chat_mark(r, concept);
}

static void read_item(struct responses_reading *in, struct json_value item)
{
	struct json_value v[ITEM_MEMBERS], type = json_get(item, STR("type"));
	struct chat_request *r = in->r;
	bool is_known = true;

	if (item.type != JSON_OBJECT) {
		responses_refuse(in, STR("an item of \"input\" must be an object"));
		return;
	}
	chat_pick_some(r, item, item_names, ITEM_MEMBERS, v);
	if (type.type != JSON_STRING && !v[ITEM_ROLE].raw.len &&
	    json_has_text(v[ITEM_ID]))
		keep_foreign(r, item, CONCEPT_ITEM_REFERENCE); /* the short form */
	else if (type.type != JSON_STRING || json_text_is(type, STR("message")))
		read_message(in, v);
	else if (json_text_is(type, STR("reasoning")))
		read_reasoning(in, v);
	else if (json_text_is(type, STR("function_call")))
		read_call(in, v, false);
	else if (json_text_is(type, STR("custom_tool_call")))
		read_call(in, v, true);
	else if (json_text_is(type, STR("function_call_output")))
		read_result(in, v, false);
	else if (json_text_is(type, STR("custom_tool_call_output")))
		read_result(in, v, true);
	else if (json_text_is(type, STR("additional_tools")))
		responses_read_tools(in, v[ITEM_TOOLS]);
	else
		is_known = false;
	if (is_known) /* once more, for the names of what nobody read */
		chat_pick(r, item, STR("input[]"), item_names, ITEM_MEMBERS, v);
	else if (json_text_is(type, STR("item_reference")))
		keep_foreign(r, item, CONCEPT_ITEM_REFERENCE);
	else if (json_text_is(type, STR("compaction")))
		keep_foreign(r, item, CONCEPT_COMPACTION);
	else
		keep_foreign(r, item, CONCEPT_FOREIGN_BLOCK);
}

void responses_read_input(struct responses_reading *in, struct json_value input)
{
	struct json_member m;

	if (input.type == JSON_STRING) {
		chat_add_text(in->r, chat_add_message(in->r, CHAT_USER),
		              chat_text(in->r, input));
		return;
	}
	if (input.type != JSON_ARRAY) {
		responses_refuse(in, STR("\"input\" must be a string or an array"));
		return;
	}
	for (struct json_iter it = json_iter(input); !in->why && json_next(&it, &m);)
		read_item(in, m.value);
}
