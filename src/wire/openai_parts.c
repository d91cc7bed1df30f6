/* openai_parts.c - what stands inside a message of a chat request: content parts and the
 * ids of calls, as the dialect takes them. */
#include "wire/openai_chat.h"

#include "base/assert.h"

#define CONTENT OPENAI_CONTENT

/* ---- ids ---- */

static bool is_alphanumeric(jstr id)
{
	return str_find_any(id, STR("_-")) == id.len;
}

jstr openai_fit_id(const struct dialect *d, jstr id, char *room)
{
	uint64_t exact = dialect_bound(d, STR("messages[].tool_calls.id=="), 0);
	uint64_t most = dialect_bound(d, STR("messages[].tool_calls.id"), OPENAI_ID_MOST);

	if (!exact)
		return chat_fit_id(id, most, room);
	assert(exact <= OPENAI_ID_MOST);
	if (id.len == exact && chat_is_id(id, exact) && is_alphanumeric(id))
		return id;
	chat_hash_id(id, room, exact);
	return str_of(room, exact);
}

void openai_write_id(struct openai_writer *w, str key, jstr id)
{
	char room[OPENAI_ID_MOST];

	json_key_jstr(&w->json, key, openai_fit_id(&w->dialect, id, room));
}

/* ---- content parts ---- */

void openai_write_data_url(struct json_writer *w, jstr media_type, jstr data)
{
	json_raw(w, STR("\"data:"));
	buf_add(w->to, media_type);
	buf_add(w->to, STR(";base64,"));
	buf_add(w->to, data);
	buf_add_char(w->to, '"');
}

static void write_source(struct json_writer *j, const struct chat_part *p,
                         const char *type_else)
{
	if (p->source == SOURCE_BASE64)
		openai_write_data_url(
		        j, p->media_type.len ? p->media_type : str_from_z(type_else),
		        p->data);
	else
		json_jstr(j, p->data);
}

void openai_begin_part(struct json_writer *j, str type)
{
	json_open(j, '{');
	json_key_str(j, STR("type"), type);
}

/* Closes the part, behind its cache mark. */
void openai_end_part(struct openai_writer *w, const struct chat_part *p)
{
	if (p->cache != CACHE_NONE &&
	    dialect_keeps(&w->dialect, STR(CONTENT ".cache_control"))) {
		json_key(&w->json, STR("cache_control"));
		json_raw(&w->json, p->cache == CACHE_1H
		                           ? STR("{\"type\":\"ephemeral\",\"ttl\":"
		                                 "\"1h\"}")
		                           : STR("{\"type\":\"ephemeral\"}"));
	}
	json_close(&w->json, '}');
}

void openai_write_text(struct openai_writer *w, const struct chat_part *p)
{
	openai_begin_part(&w->json, STR("text"));
	json_key_jstr(&w->json, STR("text"), p->text);
	openai_end_part(w, p);
}

static void write_url_object(struct openai_writer *w, const struct chat_part *p, str key,
                             const char *type_else)
{
	struct json_writer *j = &w->json;

	openai_begin_part(j, key);
	json_key(j, key);
	json_open(j, '{');
	json_key(j, STR("url"));
	write_source(j, p, type_else);
	if (p->detail.len && openai_put(w, STR(CONTENT ".image_url.detail")))
		json_jstr(j, p->detail);
	json_close(j, '}');
	openai_end_part(w, p);
}

static str audio_format(jstr type)
{
	static const struct {
		str type, format;
	} types[] = {
		{ STR_INIT("audio/wav"), STR_INIT("wav") },
		{ STR_INIT("audio/x-wav"), STR_INIT("wav") },
		{ STR_INIT("audio/wave"), STR_INIT("wav") },
		{ STR_INIT("audio/mpeg"), STR_INIT("mp3") },
		{ STR_INIT("audio/mp3"), STR_INIT("mp3") },
	};

	for (size_t i = 0; i < countof(types); i++) {
		if (str_eq(types[i].type, type))
			return types[i].format;
	}
	return STR_NONE;
}

static void write_audio(struct openai_writer *w, const struct chat_part *p)
{
	str path = STR(CONTENT ".input_audio"), format = audio_format(p->media_type), how;
	struct json_writer *j = &w->json;

	if (p->source != SOURCE_BASE64 || !format.len ||
	    !dialect_keeps(&w->dialect, path)) {
		openai_refuse(w, path);
		return;
	}
	how = dialect_word(&w->dialect, path, STR("bare"));
	openai_begin_part(j, STR("input_audio"));
	json_key(j, STR("input_audio"));
	if (str_eq(how, STR("string"))) { /* Mistral */
		json_jstr(j, p->data);
		openai_end_part(w, p);
		return;
	}
	json_open(j, '{');
	json_key(j, STR("data"));
	if (str_eq(how, STR("url"))) /* Qwen */
		openai_write_data_url(j, p->media_type, p->data);
	else
		json_jstr(j, p->data);
	json_key_str(j, STR("format"), format);
	json_close(j, '}');
	openai_end_part(w, p);
}

/* Text documents have no place but the text itself. */
static void write_text_file(struct openai_writer *w, const struct chat_part *p)
{
	openai_begin_part(&w->json, STR("text"));
	json_key(&w->json, STR("text"));
	json_raw(&w->json, STR("\""));
	if (p->name.len) {
		buf_add(w->json.to, p->name);
		buf_add(w->json.to, STR("\\n\\n"));
	}
	buf_add(w->json.to, p->data);
	buf_add_char(w->json.to, '"');
	openai_end_part(w, p);
}

/* Ids and links are only known where they come from, and to few others. */
static bool takes_source(const struct openai_writer *w, const struct chat_part *p)
{
	if (p->source == SOURCE_BASE64 || w->r->from == WIRE_OPENAI_CHAT)
		return true;
	return p->source == SOURCE_URL &&
	       dialect_row(&w->dialect, DIALECT_KEEP, STR(CONTENT ".file_url"));
}

static void write_file(struct openai_writer *w, const struct chat_part *p)
{
	const struct dialect_row *fate = dialect_fate(&w->dialect, STR(CONTENT ".file"));
	struct json_writer *j = &w->json;

	if (p->source == SOURCE_TEXT) {
		write_text_file(w, p);
		return;
	}
	if (fate && fate->op == DIALECT_RENAME) { /* document_url */
		openai_begin_part(j, fate->to);
		json_key(j, fate->to);
		write_source(j, p, "application/pdf");
		openai_end_part(w, p);
		return;
	}
	if (!dialect_keeps(&w->dialect, STR(CONTENT ".file")) || !takes_source(w, p)) {
		openai_refuse(w, STR(CONTENT ".file"));
		return;
	}
	openai_begin_part(j, STR("file"));
	json_key(j, STR("file"));
	json_open(j, '{');
	if (p->source == SOURCE_ID) {
		json_key_jstr(j, STR("file_id"), p->data);
		json_close(j, '}');
		openai_end_part(w, p);
		return;
	}
	json_key_jstr(j, STR("filename"), p->name.len ? p->name : STR("document.pdf"));
	json_key(j, STR("file_data"));
	write_source(j, p, "application/pdf");
	json_close(j, '}');
	openai_end_part(w, p);
}

void openai_write_part(struct openai_writer *w, const struct chat_part *p)
{
	switch (p->kind) {
	case CHAT_TEXT:
	case CHAT_REFUSAL:
		openai_write_text(w, p);
		break;
	case CHAT_IMAGE:
		if (p->source == SOURCE_ID)
			openai_refuse(w, STR(CONTENT ".image_url"));
		else
			write_url_object(w, p, STR("image_url"), "image/png");
		break;
	case CHAT_AUDIO:
		write_audio(w, p);
		break;
	case CHAT_VIDEO:
		if (dialect_keeps(&w->dialect, STR(CONTENT ".video_url")))
			write_url_object(w, p, STR("video_url"), "video/mp4");
		else
			openai_refuse(w, STR(CONTENT ".video_url"));
		break;
	case CHAT_FILE:
		write_file(w, p);
		break;
	case CHAT_FOREIGN:
		if (w->r->from == WIRE_OPENAI_CHAT)
			json_raw(&w->json, p->raw.raw);
		break;
	case CHAT_REASONING:
	case CHAT_CALL:
	case CHAT_RESULT:
		break;
	}
}

bool openai_can_say(const struct openai_writer *w, const struct chat_part *p)
{
	return p->kind == CHAT_FOREIGN ? w->r->from == WIRE_OPENAI_CHAT
	                               : p->kind != CHAT_REASONING;
}

bool openai_is_sayable(const struct openai_writer *w, const struct chat_part *p)
{
	while (p && !openai_can_say(w, p))
		p = p->next;
	return p != NULL;
}
