/* openai_messages.c - the messages of a chat request, read into the neutral form.
 *
 * A message of OpenAI's is flat: text, calls and thoughts are members beside each other.
 * The parts come out in the order in which a model said them: thoughts, text, calls; a
 * thought whose seal we have written ourselves knows its place better
 * (openai_seal.c).  Beside OpenAI's own members the common dialects' are known
 * (wire-formats 2.2 and 10). */
#include "wire/openai_chat.h"

enum message_member {
	M_ROLE,
	M_CONTENT,
	M_NAME,
	M_REFUSAL,
	M_REASONING_CONTENT,
	M_REASONING,
	M_REASONING_DETAILS,
	M_TOOL_CALLS,
	M_TOOL_CALL_ID,
	M_FUNCTION_CALL,
	M_ANNOTATIONS,
	M_AUDIO,
	M_PREFIX,
	M_PARTIAL,
	M_EXTRA_CONTENT,
	M_THOUGHT_SIGNATURE, /* the same as in extra_content, and beside it */
	M_COUNT,
};

static const str message_names[M_COUNT] = {
	[M_ROLE] = STR_INIT("role"),
	[M_CONTENT] = STR_INIT("content"),
	[M_NAME] = STR_INIT("name"),
	[M_REFUSAL] = STR_INIT("refusal"),
	[M_REASONING_CONTENT] = STR_INIT("reasoning_content"),
	[M_REASONING] = STR_INIT("reasoning"),
	[M_REASONING_DETAILS] = STR_INIT("reasoning_details"),
	[M_TOOL_CALLS] = STR_INIT("tool_calls"),
	[M_TOOL_CALL_ID] = STR_INIT("tool_call_id"),
	[M_FUNCTION_CALL] = STR_INIT("function_call"),
	[M_ANNOTATIONS] = STR_INIT("annotations"),
	[M_AUDIO] = STR_INIT("audio"),
	[M_PREFIX] = STR_INIT("prefix"),
	[M_PARTIAL] = STR_INIT("partial"),
	[M_EXTRA_CONTENT] = STR_INIT("extra_content"),
	[M_THOUGHT_SIGNATURE] = STR_INIT("thought_signature"),
};

struct reading {
	struct chat_request *r;
	str *ret_detail;
	unsigned at;              /* number of the message, for people */
	unsigned functions;       /* calls without ids (function_call) so far */
	jstr function_id;         /* of the last of them */
	struct chat_message *m;   /* the message that is read */
	struct chat_part *result; /* of a tool: parts go in here */
};

static fault_t bad(struct reading *g, const char *what)
{
	char text[96];
	str shown;

	/* The arena may be what is full. */
	if (g->r->why)
		return g->r->why;
	shown = str_of(text, 0);
	struct buf b = BUF_LIMIT(sizeof(text));
	buf_addf(&b, "messages[%u]: %s", g->at, what);
	char *kept = arena_try(g->r->keep, b.len ? b.len : 1);
	if (kept) {
		memcpy(kept, b.ptr, b.len);
		shown = str_of(kept, b.len);
	}
	buf_free(&b);
	*g->ret_detail = shown;
	return FAULT_BAD_REQUEST;
}

static struct chat_part *new_part(struct reading *g, enum chat_kind kind)
{
	return g->result ? chat_add_inner(g->r, g->result, kind)
	                 : chat_add_part(g->r, g->m, kind);
}

static void add_text(struct reading *g, enum chat_kind kind, jstr text)
{
	if (text.len)
		new_part(g, kind)->text = text;
}

/* ---- content parts ---- */

enum part_member {
	P_TYPE,
	P_TEXT,
	P_IMAGE_URL,
	P_INPUT_AUDIO,
	P_FILE,
	P_REFUSAL,
	P_VIDEO_URL,
	P_DOCUMENT_URL,
	P_THINKING,
	P_CACHE_CONTROL,
	P_CACHE_BREAKPOINT,
	P_COUNT,
};

static const str part_names[P_COUNT] = {
	[P_TYPE] = STR_INIT("type"),
	[P_TEXT] = STR_INIT("text"),
	[P_IMAGE_URL] = STR_INIT("image_url"),
	[P_INPUT_AUDIO] = STR_INIT("input_audio"),
	[P_FILE] = STR_INIT("file"),
	[P_REFUSAL] = STR_INIT("refusal"),
	[P_VIDEO_URL] = STR_INIT("video_url"),
	[P_DOCUMENT_URL] = STR_INIT("document_url"),
	[P_THINKING] = STR_INIT("thinking"),
	[P_CACHE_CONTROL] = STR_INIT("cache_control"),
	[P_CACHE_BREAKPOINT] = STR_INIT("prompt_cache_breakpoint"),
};

/* {"url": ...}, or the url alone (Mistral). */
static jstr url_of(struct reading *g, struct json_value v)
{
	return chat_text(g->r, v.type == JSON_OBJECT ? json_get(v, STR("url")) : v);
}

static fault_t read_image(struct reading *g, struct json_value *v)
{
	jstr url = url_of(g, v[P_IMAGE_URL]), detail;
	struct chat_part *p;

	if (!url.len)
		return bad(g, "an image_url part needs image_url.url");
	p = new_part(g, CHAT_IMAGE);
	chat_set_url(p, url);
	chat_mark(g->r,
	          p->source == SOURCE_URL ? CONCEPT_IMAGE_URL : CONCEPT_IMAGE_INLINE);
	detail = chat_text(g->r, json_get(v[P_IMAGE_URL], STR("detail")));
	if (detail.len && !str_eq(detail, STR("auto"))) {
		p->detail = detail;
		chat_mark(g->r, CONCEPT_IMAGE_DETAIL);
	}
	return NULL;
}

static jstr audio_type(jstr format)
{
	static const struct {
		str format, type;
	} types[] = {
		{ STR_INIT("wav"), STR_INIT("audio/wav") },
		{ STR_INIT("mp3"), STR_INIT("audio/mpeg") },
		{ STR_INIT("flac"), STR_INIT("audio/flac") },
		{ STR_INIT("ogg"), STR_INIT("audio/ogg") },
		{ STR_INIT("m4a"), STR_INIT("audio/mp4") },
		{ STR_INIT("aac"), STR_INIT("audio/aac") },
	};

	for (size_t i = 0; i < countof(types); i++) {
		if (str_eq(types[i].format, format))
			return types[i].type;
	}
	return STR_NONE;
}

static fault_t read_audio(struct reading *g, struct json_value *v)
{
	struct json_value a = v[P_INPUT_AUDIO];
	jstr data = chat_text(g->r, a.type == JSON_OBJECT ? json_get(a, STR("data")) : a);
	struct chat_part *p;

	if (!data.len)
		return bad(g, "an input_audio part needs input_audio.data");
	p = new_part(g, CHAT_AUDIO);
	chat_set_url(p, data);
	if (p->source == SOURCE_URL && !str_starts(data, STR("http")))
		p->source = SOURCE_BASE64; /* bare */
	if (!p->media_type.len)
		p->media_type = audio_type(chat_text(g->r, json_get(a, STR("format"))));
	chat_mark(g->r, CONCEPT_AUDIO_IN);
	return NULL;
}

static void guess_type(struct chat_part *p)
{
	if (!p->media_type.len && str_ends(p->name, STR(".pdf")))
		p->media_type = STR("application/pdf");
}

static fault_t read_file(struct reading *g, struct json_value *v)
{
	struct json_value file = v[P_FILE];
	jstr data = chat_text(g->r, json_get(file, STR("file_data")));
	jstr id = chat_text(g->r, json_get(file, STR("file_id")));
	struct chat_part *p;

	if (!data.len && !id.len)
		return bad(g, "a file part needs file.file_data or file.file_id");
	p = new_part(g, CHAT_FILE);
	p->name = chat_text(g->r, json_get(file, STR("filename")));
	if (data.len) {
		chat_set_url(p, data);
		if (p->source == SOURCE_URL && !str_starts(data, STR("http")))
			p->source = SOURCE_BASE64;
		guess_type(p);
	} else {
		p->source = SOURCE_ID;
		p->data = id;
	}
	chat_mark(g->r, p->source == SOURCE_ID    ? CONCEPT_FILE_ID
	                : p->source == SOURCE_URL ? CONCEPT_FILE_URL
	                                          : CONCEPT_FILE_INLINE);
	return NULL;
}

static fault_t read_document(struct reading *g, struct json_value *v)
{
	jstr url = url_of(g, v[P_DOCUMENT_URL]);
	struct chat_part *p;

	if (!url.len)
		return bad(g, "a document_url part needs a url");
	p = new_part(g, CHAT_FILE);
	chat_set_url(p, url);
	chat_mark(g->r, p->source == SOURCE_URL ? CONCEPT_FILE_URL : CONCEPT_FILE_INLINE);
	return NULL;
}

static fault_t read_video(struct reading *g, struct json_value *v)
{
	jstr url = url_of(g, v[P_VIDEO_URL]);

	if (!url.len)
		return bad(g, "a video_url part needs video_url.url");
	chat_set_url(new_part(g, CHAT_VIDEO), url);
	chat_mark(g->r, CONCEPT_VIDEO_IN);
	return NULL;
}

/* Mistral's: a list of texts, or one. */
static fault_t read_thinking(struct reading *g, struct json_value *v)
{
	struct json_member m;

	if (v[P_THINKING].type == JSON_STRING)
		add_text(g, CHAT_REASONING, chat_text(g->r, v[P_THINKING]));
	for (struct json_iter it = json_iter(v[P_THINKING]); json_next(&it, &m);)
		add_text(g, CHAT_REASONING,
		         chat_text(g->r, json_get(m.value, STR("text"))));
	return NULL;
}

static fault_t read_text_part(struct reading *g, struct json_value *v)
{
	if (v[P_TEXT].type != JSON_STRING)
		return bad(g, "a text part needs a text");
	add_text(g, CHAT_TEXT, chat_text(g->r, v[P_TEXT]));
	return NULL;
}

static fault_t read_refusal_part(struct reading *g, struct json_value *v)
{
	add_text(g, CHAT_REFUSAL, chat_text(g->r, v[P_REFUSAL]));
	return NULL;
}

static void read_cache_mark(struct reading *g, struct json_value *v,
                            struct chat_part *before)
{
	struct chat_part *p = g->result ? g->result->last_part : g->m->last_part;
	struct json_value mark = v[P_CACHE_CONTROL];

	if (!p || p == before ||
	    (mark.type != JSON_OBJECT && v[P_CACHE_BREAKPOINT].type != JSON_OBJECT))
		return;
	p->cache =
	        json_text_is(json_get(mark, STR("ttl")), STR("1h")) ? CACHE_1H : CACHE_5M;
	chat_mark(g->r, CONCEPT_CACHE_MARK);
}

static const struct {
	str type;
	fault_t (*read)(struct reading *g, struct json_value *v);
} part_types[] = {
	{ STR_INIT("text"), read_text_part },
	{ STR_INIT("image_url"), read_image },
	{ STR_INIT("input_audio"), read_audio },
	{ STR_INIT("file"), read_file },
	{ STR_INIT("refusal"), read_refusal_part },
	{ STR_INIT("video_url"), read_video },
	{ STR_INIT("document_url"), read_document },
	{ STR_INIT("thinking"), read_thinking },
};

static fault_t read_part(struct reading *g, struct json_value part)
{
	struct chat_part *before = g->result ? g->result->last_part : g->m->last_part;
	struct json_value v[P_COUNT];
	fault_t why;

	if (part.type != JSON_OBJECT)
		return bad(g, "a part of the content is no object");
	chat_pick_some(g->r, part, part_names, P_COUNT, v);
	for (size_t i = 0; i < countof(part_types); i++) {
		if (!json_text_is(v[P_TYPE], part_types[i].type))
			continue;
		chat_pick(g->r, part, STR("messages[].content[]"), part_names, P_COUNT,
		          v);
		why = part_types[i].read(g, v);
		if (!why)
			read_cache_mark(g, v, before);
		return why;
	}
	if (v[P_TYPE].type != JSON_STRING)
		return bad(g, "a part of the content has no type");
	new_part(g, CHAT_FOREIGN)->raw = part;
	chat_mark(g->r, CONCEPT_FOREIGN_BLOCK);
	return NULL;
}

static fault_t read_content(struct reading *g, struct json_value content)
{
	struct json_member m;
	fault_t why;

	if (content.type == JSON_NONE)
		return NULL;
	if (content.type == JSON_STRING) {
		add_text(g, CHAT_TEXT, chat_text(g->r, content));
		return NULL;
	}
	if (content.type != JSON_ARRAY)
		return bad(g, "content must be a string or a list of parts");
	for (struct json_iter it = json_iter(content); json_next(&it, &m);) {
		if ((why = read_part(g, m.value)))
			return why;
	}
	return NULL;
}

/* ---- the assistant ---- */

/* A signature of Gemini's (its OpenAI-compatible endpoint puts it there). */
static void read_google_seal(struct reading *g, struct json_value extra)
{
	jstr shown = chat_text(g->r, json_path(extra, "google.thought_signature"));

	if (shown.len)
		chat_add_part(g->r, g->m, CHAT_REASONING)->seal =
		        chat_seal_read(shown, WIRE_GEMINI);
}

static void add_thoughts(struct reading *g, const struct openai_thought *thoughts,
                         unsigned count, uint64_t from, uint64_t to)
{
	for (unsigned i = 0; i < count; i++) {
		if (thoughts[i].place < from || thoughts[i].place > to)
			continue;
		struct chat_part *p = chat_add_part(g->r, g->m, CHAT_REASONING);
		p->text = thoughts[i].text;
		p->seal = thoughts[i].seal;
	}
}

static fault_t read_call(struct reading *g, struct json_value call)
{
	bool is_custom = json_text_is(json_get(call, STR("type")), STR("custom"));
	struct json_value what =
	        json_get(call, is_custom ? STR("custom") : STR("function"));
	jstr name = chat_text(g->r, json_get(what, STR("name")));
	struct chat_part *p;

	if (call.type != JSON_OBJECT || !name.len)
		return bad(g, "a tool call needs function.name");
	read_google_seal(g, json_get(call, STR("extra_content")));
	p = chat_add_part(g->r, g->m, CHAT_CALL);
	p->name = name;
	p->id = chat_text(g->r, json_get(call, STR("id")));
	if (!p->id.len)
		return bad(g, "a tool call needs an id");
	p->is_custom = is_custom;
	if (is_custom) {
		p->args = chat_text(g->r, json_get(what, STR("input")));
		chat_mark(g->r, CONCEPT_TOOL_CUSTOM);
		return NULL;
	}
	what = json_get(what, STR("arguments"));
	p->args = what.type == JSON_OBJECT ? what.raw
	                                   : chat_args(g->r, chat_text(g->r, what));
	return NULL;
}

/* As calls were before they had ids. */
static fault_t read_function_call(struct reading *g, struct json_value call)
{
	jstr name = chat_text(g->r, json_get(call, STR("name")));
	struct chat_part *p;
	char *room;

	if (!name.len)
		return bad(g, "function_call needs a name");
	p = chat_add_part(g->r, g->m, CHAT_CALL);
	p->name = name;
	p->args = chat_args(g->r, chat_text(g->r, json_get(call, STR("arguments"))));
	room = arena_try(g->r->keep, 32);
	if (!room)
		return FAULT_JSON_LIMIT;
	struct buf b = BUF_LIMIT(32);
	buf_addf(&b, "call_function%u", g->functions++);
	memcpy(room, b.ptr, b.len);
	g->function_id = p->id = str_of(room, b.len);
	buf_free(&b);
	return NULL;
}

static fault_t read_calls(struct reading *g, struct json_value *v,
                          const struct openai_thought *thoughts, unsigned count)
{
	struct json_member m;
	uint64_t place = 1;
	fault_t why;

	if (v[M_TOOL_CALLS].type != JSON_NONE && v[M_TOOL_CALLS].type != JSON_ARRAY)
		return bad(g, "tool_calls must be a list");
	for (struct json_iter it = json_iter(v[M_TOOL_CALLS]); json_next(&it, &m);) {
		add_thoughts(g, thoughts, count, place, place);
		place++;
		if ((why = read_call(g, m.value)))
			return why;
	}
	add_thoughts(g, thoughts, count, place, UINT64_MAX);
	return v[M_FUNCTION_CALL].type == JSON_OBJECT
	               ? read_function_call(g, v[M_FUNCTION_CALL])
	               : NULL;
}

static fault_t read_assistant(struct reading *g, struct json_value *v)
{
	struct openai_thought thoughts[OPENAI_THOUGHTS];
	unsigned count =
	        openai_read_thoughts(g->r, v[M_REASONING_CONTENT], v[M_REASONING],
	                             v[M_REASONING_DETAILS], thoughts);
	bool has_calls =
	        v[M_TOOL_CALLS].type != JSON_NONE || v[M_FUNCTION_CALL].type != JSON_NONE;
	fault_t why;

	add_thoughts(g, thoughts, count, 0, 0);
	if (!has_calls)
		read_google_seal(g, v[M_EXTRA_CONTENT]);
	if ((why = read_content(g, v[M_CONTENT])))
		return why;
	add_text(g, CHAT_REFUSAL, chat_text(g->r, v[M_REFUSAL]));
	if (has_calls)
		read_google_seal(g, v[M_EXTRA_CONTENT]);
	if (v[M_ANNOTATIONS].type == JSON_ARRAY && v[M_ANNOTATIONS].raw.len > 2)
		chat_mark(g->r, CONCEPT_CITATIONS);
	if (v[M_AUDIO].type != JSON_NONE)
		chat_drop(g->r, STR("messages[].audio"));
	if (v[M_PREFIX].type == JSON_TRUE)
		chat_drop(g->r, STR("messages[].prefix"));
	if (v[M_PARTIAL].type == JSON_TRUE)
		chat_drop(g->r, STR("messages[].partial"));
	return read_calls(g, v, thoughts, count);
}

/* ---- the others ---- */

/* Results that follow one another are one message. */
static fault_t read_result(struct reading *g, jstr id, struct json_value content)
{
	fault_t why;

	if (!id.len)
		return bad(g, "a tool's message needs tool_call_id");
	g->m = g->r->last_message;
	if (!g->m || g->m->role != CHAT_TOOL)
		g->m = chat_add_message(g->r, CHAT_TOOL);
	g->result = chat_add_part(g->r, g->m, CHAT_RESULT);
	g->result->id = id;
	why = read_content(g, content);
	g->result = NULL;
	return why;
}

static fault_t read_tool(struct reading *g, struct json_value *v)
{
	return read_result(g, chat_text(g->r, v[M_TOOL_CALL_ID]), v[M_CONTENT]);
}

static fault_t read_function(struct reading *g, struct json_value *v)
{
	return read_result(g, g->function_id, v[M_CONTENT]);
}

static fault_t read_user(struct reading *g, struct json_value *v)
{
	return read_content(g, v[M_CONTENT]);
}

static fault_t read_developer(struct reading *g, struct json_value *v)
{
	g->m->is_developer = true;
	return read_content(g, v[M_CONTENT]);
}

static const struct {
	str word;
	enum chat_role role;
	fault_t (*read)(struct reading *g, struct json_value *v);
} roles[] = {
	{ STR_INIT("user"), CHAT_USER, read_user },
	{ STR_INIT("assistant"), CHAT_ASSISTANT, read_assistant },
	{ STR_INIT("tool"), CHAT_TOOL, read_tool },
	{ STR_INIT("system"), CHAT_SYSTEM, read_user },
	{ STR_INIT("developer"), CHAT_SYSTEM, read_developer },
	{ STR_INIT("function"), CHAT_TOOL, read_function },
};

static fault_t read_message(struct reading *g, struct json_value message)
{
	struct json_value v[M_COUNT];

	if (message.type != JSON_OBJECT)
		return bad(g, "a message must be an object");
	chat_pick(g->r, message, STR("messages[]"), message_names, M_COUNT, v);
	for (size_t i = 0; i < countof(roles); i++) {
		if (!json_text_is(v[M_ROLE], roles[i].word))
			continue;
		if (roles[i].role != CHAT_TOOL) {
			g->m = chat_add_message(g->r, roles[i].role);
			if (v[M_NAME].type != JSON_NONE)
				chat_mark(g->r, CONCEPT_MESSAGE_NAME);
		}
		return roles[i].read(g, v);
	}
	return bad(g, "role must be system, developer, user, assistant, tool or "
	              "function");
}

fault_t openai_read_messages(struct chat_request *r, struct json_value list,
                             str *ret_detail)
{
	struct reading g = { .r = r, .ret_detail = ret_detail };
	struct json_member m;
	fault_t why;

	if (list.type != JSON_ARRAY) {
		*ret_detail = STR("\"messages\" must be a list");
		return FAULT_BAD_REQUEST;
	}
	for (struct json_iter it = json_iter(list); json_next(&it, &m); g.at++) {
		if ((why = read_message(&g, m.value)))
			return why;
		if (r->why)
			return r->why;
	}
	if (!r->messages) {
		*ret_detail = STR("\"messages\" must not be empty");
		return FAULT_BAD_REQUEST;
	}
	return NULL;
}
