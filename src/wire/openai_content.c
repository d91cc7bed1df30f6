/* openai_content.c - what stands in a message's content: a text, or a list of parts of
 * OpenAI's and of the common dialects' kinds (wire-formats 2.2 and 10). */
#include "wire/openai_chat.h"

fault_t openai_bad_message(struct openai_message_reading *g, const char *what)
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

struct chat_part *openai_new_part(struct openai_message_reading *g, enum chat_kind kind)
{
	return g->result ? chat_add_inner(g->r, g->result, kind)
	                 : chat_add_part(g->r, g->m, kind);
}

void openai_add_text(struct openai_message_reading *g, enum chat_kind kind, jstr text)
{
	if (text.len)
		openai_new_part(g, kind)->text = text;
}

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
static jstr url_of(struct openai_message_reading *g, struct json_value v)
{
	return chat_text(g->r, v.type == JSON_OBJECT ? json_get(v, STR("url")) : v);
}

static fault_t read_image(struct openai_message_reading *g, struct json_value *v)
{
	jstr url = url_of(g, v[P_IMAGE_URL]), detail;
	struct chat_part *p;

	if (!url.len)
		return openai_bad_message(g, "an image_url part needs image_url.url");
	p = openai_new_part(g, CHAT_IMAGE);
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

static fault_t read_audio(struct openai_message_reading *g, struct json_value *v)
{
	struct json_value a = v[P_INPUT_AUDIO];
	jstr data = chat_text(g->r, a.type == JSON_OBJECT ? json_get(a, STR("data")) : a);
	struct chat_part *p;

	if (!data.len)
		return openai_bad_message(g,
		                          "an input_audio part needs input_audio.data");
	p = openai_new_part(g, CHAT_AUDIO);
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

static fault_t read_file(struct openai_message_reading *g, struct json_value *v)
{
	struct json_value file = v[P_FILE];
	jstr data = chat_text(g->r, json_get(file, STR("file_data")));
	jstr id = chat_text(g->r, json_get(file, STR("file_id")));
	struct chat_part *p;

	if (!data.len && !id.len)
		return openai_bad_message(
		        g, "a file part needs file.file_data or file.file_id");
	p = openai_new_part(g, CHAT_FILE);
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

static fault_t read_document(struct openai_message_reading *g, struct json_value *v)
{
	jstr url = url_of(g, v[P_DOCUMENT_URL]);
	struct chat_part *p;

	if (!url.len)
		return openai_bad_message(g, "a document_url part needs a url");
	p = openai_new_part(g, CHAT_FILE);
	chat_set_url(p, url);
	chat_mark(g->r, p->source == SOURCE_URL ? CONCEPT_FILE_URL : CONCEPT_FILE_INLINE);
	return NULL;
}

static fault_t read_video(struct openai_message_reading *g, struct json_value *v)
{
	jstr url = url_of(g, v[P_VIDEO_URL]);

	if (!url.len)
		return openai_bad_message(g, "a video_url part needs video_url.url");
	chat_set_url(openai_new_part(g, CHAT_VIDEO), url);
	chat_mark(g->r, CONCEPT_VIDEO_IN);
	return NULL;
}

/* Mistral's: a list of texts, or one. */
static fault_t read_thinking(struct openai_message_reading *g, struct json_value *v)
{
	struct json_member m;

	if (v[P_THINKING].type == JSON_STRING)
		openai_add_text(g, CHAT_REASONING, chat_text(g->r, v[P_THINKING]));
	for (struct json_iter it = json_iter(v[P_THINKING]); json_next(&it, &m);)
		openai_add_text(g, CHAT_REASONING,
		                chat_text(g->r, json_get(m.value, STR("text"))));
	return NULL;
}

static fault_t read_text_part(struct openai_message_reading *g, struct json_value *v)
{
	if (v[P_TEXT].type != JSON_STRING)
		return openai_bad_message(g, "a text part needs a text");
	openai_add_text(g, CHAT_TEXT, chat_text(g->r, v[P_TEXT]));
	return NULL;
}

static fault_t read_refusal_part(struct openai_message_reading *g, struct json_value *v)
{
	openai_add_text(g, CHAT_REFUSAL, chat_text(g->r, v[P_REFUSAL]));
	return NULL;
}

static void read_cache_mark(struct openai_message_reading *g, struct json_value *v,
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
	fault_t (*read)(struct openai_message_reading *g, struct json_value *v);
} part_types[] = {
	{ STR_INIT("text"), read_text_part },
	/* as Responses has them */
	{ STR_INIT("input_text"), read_text_part },
	{ STR_INIT("output_text"), read_text_part },
	{ STR_INIT("image_url"), read_image },
	{ STR_INIT("input_audio"), read_audio },
	{ STR_INIT("file"), read_file },
	{ STR_INIT("refusal"), read_refusal_part },
	{ STR_INIT("video_url"), read_video },
	{ STR_INIT("document_url"), read_document },
	{ STR_INIT("thinking"), read_thinking },
};

static fault_t read_part(struct openai_message_reading *g, struct json_value part)
{
	struct chat_part *before = g->result ? g->result->last_part : g->m->last_part;
	struct json_value v[P_COUNT];
	fault_t why;

	if (part.type != JSON_OBJECT)
		return openai_bad_message(g, "a part of the content is no object");
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
		return openai_bad_message(g, "a part of the content has no type");
	openai_new_part(g, CHAT_FOREIGN)->raw = part;
	chat_mark_as(g->r, chat_foreign_of(g->result ? NULL : g->m),
	             "messages[].content[].%.*s", STR_ARG(chat_text(g->r, v[P_TYPE])));
	return NULL;
}

fault_t openai_read_content(struct openai_message_reading *g, struct json_value content)
{
	struct json_member m;
	fault_t why;

	if (content.type == JSON_NONE)
		return NULL;
	if (content.type == JSON_STRING) {
		openai_add_text(g, CHAT_TEXT, chat_text(g->r, content));
		return NULL;
	}
	if (content.type != JSON_ARRAY)
		return openai_bad_message(g,
		                          "content must be a string or a list of parts");
	for (struct json_iter it = json_iter(content); json_next(&it, &m);) {
		if ((why = read_part(g, m.value)))
			return why;
	}
	return NULL;
}
