/* bedrock_request.c - a Converse request into the neutral form.
 *
 * Content blocks are objects with one member, whose name is the kind: a table of readers.
 * A cachePoint marks the block before it.  Tool results, which Bedrock has in the user's
 * turn, become a message of their own in front of what else stands there. */
#include "wire/bedrock.h"

#include "codec/text.h"

struct reading {
	struct chat_request *r;
	struct chat_message *message; /* where blocks go */
	struct chat_message *results; /* where tool results go; NULL: nowhere */
	struct chat_part *result;     /* inside this one; NULL: in a message */
	struct chat_part *last;       /* what a cachePoint marks */
	str where;                    /* for names of what is lost */
};

static struct chat_part *add_part(struct reading *in, enum chat_kind kind)
{
	if (in->result)
		return chat_add_inner(in->r, in->result, kind);
	if (!in->message)
		in->message = chat_add_message(in->r, CHAT_USER);
	return in->last = chat_add_part(in->r, in->message, kind);
}

static void add_text(struct reading *in, jstr text)
{
	if (text.len > 0)
		add_part(in, CHAT_TEXT)->text = text;
}

/* ---- blocks ---- */

static void read_text(struct reading *in, struct json_value v)
{
	add_text(in, chat_text(in->r, v));
}

/* Media that say what they are by a short name, and lie here or in S3. */
static void read_media(struct reading *in, struct json_value v, enum chat_kind kind,
                       enum concept inlined)
{
	static const str names[] = { STR_INIT("format"), STR_INIT("source"),
		                     STR_INIT("name") };
	static const str sources[] = { STR_INIT("bytes"), STR_INIT("s3Location"),
		                       STR_INIT("text") };
	struct json_value m[countof(names)], s[countof(sources)];
	struct chat_part *p = add_part(in, kind);

	chat_pick(in->r, v, in->where, names, countof(names), m);
	chat_pick(in->r, m[1], in->where, sources, countof(sources), s);
	p->media_type = bedrock_media_type(kind, chat_text(in->r, m[0]));
	p->name = chat_text(in->r, m[2]);
	if (chat_is_there(s[1])) {
		p->source = SOURCE_ID;
		p->data = chat_text(in->r, json_get(s[1], STR("uri")));
		chat_mark(in->r, kind == CHAT_IMAGE ? CONCEPT_IMAGE_ID : CONCEPT_FILE_ID);
		return;
	}
	p->source = chat_is_there(s[2]) ? SOURCE_TEXT : SOURCE_BASE64;
	p->data = chat_text(in->r, chat_is_there(s[2]) ? s[2] : s[0]);
	chat_mark(in->r, inlined);
}

static void read_image(struct reading *in, struct json_value v)
{
	read_media(in, v, CHAT_IMAGE, CONCEPT_IMAGE_INLINE);
}

static void read_document(struct reading *in, struct json_value v)
{
	read_media(in, v, CHAT_FILE, CONCEPT_FILE_INLINE);
}

static void read_video(struct reading *in, struct json_value v)
{
	read_media(in, v, CHAT_VIDEO, CONCEPT_VIDEO_IN);
}

static void read_audio(struct reading *in, struct json_value v)
{
	read_media(in, v, CHAT_AUDIO, CONCEPT_AUDIO_IN);
}

static void read_call(struct reading *in, struct json_value v)
{
	static const str names[] = { STR_INIT("toolUseId"), STR_INIT("name"),
		                     STR_INIT("input"), STR_INIT("type") };
	struct json_value m[countof(names)];
	struct chat_part *p;

	if (in->result || !in->message || in->message->role != CHAT_ASSISTANT) {
		chat_drop(in->r, STR("messages[].content[].toolUse"));
		return;
	}
	chat_pick(in->r, v, in->where, names, countof(names), m);
	p = add_part(in, CHAT_CALL);
	p->id = chat_text(in->r, m[0]);
	p->name = chat_text(in->r, m[1]);
	p->args = m[2].type == JSON_OBJECT ? m[2].raw : STR("{}");
}

/* JSON as the answer of a tool: its text. */
static void read_json(struct reading *in, struct json_value v)
{
	if (chat_is_there(v))
		add_text(in, chat_escape(in->r->keep, v.raw));
}

/* Redacted content is base64 of bytes for clients, so a foreign seal was shown as such
 * (bedrock_emit.c).  Bedrock's own is kept as it came. */
static jstr unwrap_seal(struct reading *in, jstr shown)
{
	char *room;
	str plain;

	if (!str_starts(shown, STR(CHAT_SEAL_MARK_BASE64)))
		return shown;
	room = arena_try(in->r->keep, shown.len);
	if (!room || !base64_decode(shown, room, &plain) ||
	    !str_starts(plain, STR(CHAT_SEAL_MARK)) ||
	    chat_escape(in->r->keep, plain).ptr != plain.ptr)
		return shown;
	return plain;
}

static void read_reasoning(struct reading *in, struct json_value v)
{
	static const str names[] = { STR_INIT("reasoningText"),
		                     STR_INIT("redactedContent") };
	static const str inner[] = { STR_INIT("text"), STR_INIT("signature") };
	struct json_value m[countof(names)], t[countof(inner)];
	struct chat_part *p;

	if (in->result || !in->message || in->message->role != CHAT_ASSISTANT) {
		chat_drop(in->r, STR("messages[].content[].reasoningContent"));
		return;
	}
	chat_pick(in->r, v, in->where, names, countof(names), m);
	p = add_part(in, CHAT_REASONING);
	if (chat_is_there(m[1])) {
		p->seal = chat_seal_read(unwrap_seal(in, chat_text(in->r, m[1])),
		                         WIRE_BEDROCK);
		p->seal.redacted = true;
		return;
	}
	chat_pick(in->r, m[0], in->where, inner, countof(inner), t);
	p->text = chat_text(in->r, t[0]);
	if (json_has_text(t[1]))
		p->seal = chat_seal_read(chat_text(in->r, t[1]), WIRE_BEDROCK);
}

static enum chat_cache cache_of(struct json_value point)
{
	return json_text_is(json_get(point, STR("ttl")), STR("1h")) ? CACHE_1H : CACHE_5M;
}

static void read_cache_point(struct reading *in, struct json_value v)
{
	chat_mark(in->r, CONCEPT_CACHE_MARK);
	if (in->last)
		in->last->cache = cache_of(v);
}

/* Text for the guardrails' eyes is text; which guardrail looks at it is lost. */
static void read_guarded(struct reading *in, struct json_value v)
{
	struct json_value image = json_get(v, STR("image"));

	if (chat_is_there(image))
		read_image(in, image);
	else
		add_text(in, chat_text(in->r, json_path(v, "text.text")));
	chat_dropf(in->r, "%.*s.guardContent", STR_ARG(in->where));
}

/* An answer with citations, back in the history: its text. */
static void read_cited(struct reading *in, struct json_value v)
{
	struct json_iter it = json_iter(json_get(v, STR("content")));
	struct json_member m;

	while (json_next(&it, &m))
		add_text(in, chat_text(in->r, json_get(m.value, STR("text"))));
	chat_mark(in->r, CONCEPT_CITATIONS);
}

/* By what stands in it first. */
static void read_foreign(struct reading *in, struct json_value v)
{
	struct json_iter it = json_iter(v);
	struct json_member first;

	do {
		if (!json_next(&it, &first))
			return;
	} while (!chat_is_there(first.value));
	add_part(in, CHAT_FOREIGN)->raw = v;
	chat_mark_as(in->r, chat_foreign_of(in->result ? NULL : in->message), "%.*s.%.*s",
	             STR_ARG(in->where), STR_ARG(first.key));
}

static void read_block(struct reading *in, struct json_value block);

static void read_result(struct reading *in, struct json_value v)
{
	static const str names[] = { STR_INIT("toolUseId"), STR_INIT("content"),
		                     STR_INIT("status"), STR_INIT("type") };
	struct json_value m[countof(names)];
	struct reading inside = { .r = in->r, .where = in->where };
	struct json_member item;

	if (in->result || !in->results) {
		chat_dropf(in->r, "%.*s.toolResult", STR_ARG(in->where));
		return;
	}
	chat_pick(in->r, v, in->where, names, countof(names), m);
	inside.result = chat_add_part(in->r, in->results, CHAT_RESULT);
	inside.result->id = chat_text(in->r, m[0]);
	inside.result->is_error = json_text_is(m[2], STR("error"));
	for (struct json_iter it = json_iter(m[1]); json_next(&it, &item);)
		read_block(&inside, item.value);
	in->last = inside.result;
}

static const struct {
	str name;
	void (*read)(struct reading *in, struct json_value v);
	bool whole; /* wants the block, not what is in it */
} blocks[] = {
	{ STR_INIT("text"), read_text, false },
	{ STR_INIT("image"), read_image, false },
	{ STR_INIT("document"), read_document, false },
	{ STR_INIT("video"), read_video, false },
	{ STR_INIT("audio"), read_audio, false },
	{ STR_INIT("toolUse"), read_call, false },
	{ STR_INIT("toolResult"), read_result, false },
	{ STR_INIT("json"), read_json, false },
	{ STR_INIT("reasoningContent"), read_reasoning, false },
	{ STR_INIT("cachePoint"), read_cache_point, false },
	{ STR_INIT("guardContent"), read_guarded, false },
	{ STR_INIT("citationsContent"), read_cited, false },
	{ STR_INIT("searchResult"), read_foreign, true },
};

static void read_block(struct reading *in, struct json_value block)
{
	str names[countof(blocks)];
	struct json_value m[countof(blocks)];
	bool is_known = false;

	for (size_t i = 0; i < countof(blocks); i++)
		names[i] = blocks[i].name;
	chat_pick(in->r, block, in->where, names, countof(blocks), m);
	for (size_t i = 0; i < countof(blocks); i++) {
		if (!chat_is_there(m[i]))
			continue;
		blocks[i].read(in, blocks[i].whole ? block : m[i]);
		is_known = true;
	}
	if (!is_known)
		read_foreign(in, block);
}

/* ---- messages ---- */

static bool has_results(struct json_value content)
{
	struct json_iter it = json_iter(content);
	struct json_member m;

	while (json_next(&it, &m)) {
		if (json_get(m.value, STR("toolResult")).type == JSON_OBJECT)
			return true;
	}
	return false;
}

static fault_t read_message(struct chat_request *r, struct json_value v, str *ret_detail)
{
	static const str names[] = { STR_INIT("role"), STR_INIT("content") };
	struct reading in = { .r = r, .where = STR("messages[].content[]") };
	struct json_value m[countof(names)];
	struct json_member block;

	chat_pick(r, v, STR("messages[]"), names, countof(names), m);
	if (json_text_is(m[0], STR("assistant"))) {
		in.message = chat_add_message(r, CHAT_ASSISTANT);
	} else if (!json_text_is(m[0], STR("user"))) {
		*ret_detail = STR("\"messages[].role\" must be user or assistant");
		return FAULT_BAD_REQUEST;
	} else if (has_results(m[1])) {
		in.results = chat_add_message(r, CHAT_TOOL);
	}
	if (m[1].type != JSON_ARRAY) {
		*ret_detail = STR("\"messages[].content\" must be an array");
		return FAULT_BAD_REQUEST;
	}
	for (struct json_iter it = json_iter(m[1]); json_next(&it, &block);)
		read_block(&in, block.value);
	return NULL;
}

static void read_system(struct chat_request *r, struct json_value v)
{
	struct reading in = { .r = r, .where = STR("system[]") };
	struct json_iter it = json_iter(v);
	struct json_member block;

	while (json_next(&it, &block)) {
		if (!in.message)
			in.message = chat_add_message(r, CHAT_SYSTEM);
		read_block(&in, block.value);
	}
}

/* ---- tools ---- */

static void read_tool(struct chat_request *r, struct json_value v)
{
	static const str names[] = { STR_INIT("toolSpec"), STR_INIT("systemTool"),
		                     STR_INIT("cachePoint") };
	static const str inner[] = { STR_INIT("name"), STR_INIT("description"),
		                     STR_INIT("inputSchema"), STR_INIT("strict") };
	struct json_value m[countof(names)], s[countof(inner)];
	struct chat_tool *t;

	chat_pick(r, v, STR("toolConfig.tools[]"), names, countof(names), m);
	if (chat_is_there(m[2])) {
		chat_mark(r, CONCEPT_CACHE_MARK);
		if (r->last_tool)
			r->last_tool->cache = cache_of(m[2]);
	}
	if (chat_is_there(m[1])) {
		t = chat_add_tool(r, TOOL_HOSTED);
		t->name = chat_text(r, json_get(m[1], STR("name")));
		t->raw = v;
		chat_mark_as(r, CONCEPT_HOSTED_TOOL, "toolConfig.tools[].systemTool");
	}
	if (!chat_is_there(m[0]))
		return;
	chat_pick(r, m[0], STR("toolConfig.tools[].toolSpec"), inner, countof(inner), s);
	t = chat_add_tool(r, TOOL_FUNCTION);
	t->name = chat_text(r, s[0]);
	t->description = chat_text(r, s[1]);
	t->schema = json_get(s[2], STR("json"));
	t->raw = v;
	if (s[3].type == JSON_TRUE || s[3].type == JSON_FALSE) {
		t->strict = s[3].type == JSON_TRUE ? TRI_YES : TRI_NO;
		chat_mark(r, CONCEPT_TOOL_STRICT);
	}
}

static void read_tools(struct chat_request *r, struct json_value v)
{
	static const str names[] = { STR_INIT("tools"), STR_INIT("toolChoice") };
	static const str choices[] = { STR_INIT("auto"), STR_INIT("any"),
		                       STR_INIT("tool") };
	struct json_value m[countof(names)], c[countof(choices)];
	struct json_member tool;

	chat_pick(r, v, STR("toolConfig"), names, countof(names), m);
	for (struct json_iter it = json_iter(m[0]); json_next(&it, &tool);)
		read_tool(r, tool.value);
	if (r->tools)
		chat_mark(r, CONCEPT_TOOLS);
	chat_pick(r, m[1], STR("toolConfig.toolChoice"), choices, countof(choices), c);
	if (chat_is_there(c[2])) {
		r->choose = CHOOSE_ONE;
		r->choose_name = chat_text(r, json_get(c[2], STR("name")));
	} else if (chat_is_there(c[1])) {
		r->choose = CHOOSE_ANY;
	} else if (chat_is_there(c[0])) {
		r->choose = CHOOSE_AUTO;
	}
}

fault_t bedrock_read_request(str body, struct chat_request *r, str *ret_detail)
{
	enum {
		MESSAGES,
		SYSTEM,
		INFERENCE,
		TOOLS,
		OUTPUT,
		GUARDRAIL,
		TIER,
		METADATA,
		ADDITIONAL,
		VARIABLES
	};
	static const str names[] = {
		[MESSAGES] = STR_INIT("messages"),
		[SYSTEM] = STR_INIT("system"),
		[INFERENCE] = STR_INIT("inferenceConfig"),
		[TOOLS] = STR_INIT("toolConfig"),
		[OUTPUT] = STR_INIT("outputConfig"),
		[GUARDRAIL] = STR_INIT("guardrailConfig"),
		[TIER] = STR_INIT("serviceTier"),
		[METADATA] = STR_INIT("requestMetadata"),
		[ADDITIONAL] = STR_INIT("additionalModelRequestFields"),
		[VARIABLES] = STR_INIT("promptVariables"),
	};
	struct json_value root = chat_root(body), m[countof(names)];
	struct json_member message;
	fault_t why;

	if (root.type != JSON_OBJECT)
		return FAULT_BAD_JSON;
	chat_pick(r, root, STR_NONE, names, countof(names), m);
	if (m[MESSAGES].type != JSON_ARRAY) {
		*ret_detail = STR("\"messages\" must be an array");
		return FAULT_BAD_REQUEST;
	}
	read_system(r, m[SYSTEM]);
	for (struct json_iter it = json_iter(m[MESSAGES]); json_next(&it, &message);) {
		if ((why = read_message(r, message.value, ret_detail)))
			return why;
	}
	why = bedrock_read_options(r, m[INFERENCE], m[OUTPUT], m[ADDITIONAL], ret_detail);
	if (why)
		return why;
	read_tools(r, m[TOOLS]);
	chat_read_option(r, WIRE_BEDROCK, STR("guardrailConfig"), m[GUARDRAIL]);
	chat_read_option(r, WIRE_BEDROCK, STR("requestMetadata"), m[METADATA]);
	if (chat_is_there(m[TIER])) {
		r->options[CONCEPT_SERVICE_TIER] = json_get(m[TIER], STR("type"));
		chat_mark(r, CONCEPT_SERVICE_TIER);
	}
	if (chat_is_there(m[VARIABLES]))
		chat_mark(r, CONCEPT_PROMPT);
	r->stream_usage = true;
	return r->why;
}
