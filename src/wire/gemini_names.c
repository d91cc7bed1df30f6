/* gemini_names.c - small things of the gemini format: members under both their names,
 * signatures, media types. */
#include "wire/gemini.h"

#include "codec/text.h"

/* ---- members ---- */

void gemini_pick(struct chat_request *r, struct json_value object, str where,
                 const struct gemini_name *names, unsigned count,
                 struct json_value *values)
{
	enum { MOST = 64 };
	struct json_value found[MOST];
	str all[MOST] = { STR_NONE };
	uint8_t of[MOST];
	unsigned n = 0;

	for (unsigned i = 0; i < count; i++) {
		values[i] = (struct json_value){ 0 };
		all[n] = names[i].camel;
		of[n++] = (uint8_t)i;
		if (!names[i].snake.len)
			continue;
		all[n] = names[i].snake;
		of[n++] = (uint8_t)i;
	}
	chat_pick(r, object, where, all, n, found);
	for (unsigned i = 0; i < n; i++) {
		if (found[i].type == JSON_NONE)
			continue;
		if (values[of[i]].type != JSON_NONE && !r->why)
			r->why = FAULT_JSON_DUPLICATE;
		values[of[i]] = found[i];
	}
}

struct json_iter gemini_items(struct json_value list, struct json_value *ret_single)
{
	const struct json_value none = { 0 };

	*ret_single = list.type == JSON_OBJECT ? list : none;
	return json_iter(list.type == JSON_ARRAY ? list : none);
}

bool gemini_next(struct json_iter *it, struct json_value *single, struct json_value *ret)
{
	struct json_member m;

	if (single->type == JSON_OBJECT) {
		*ret = *single;
		*single = (struct json_value){ 0 };
		return true;
	}
	if (!json_next(it, &m))
		return false;
	*ret = m.value;
	return true;
}

/* ---- base64 and signatures ---- */

jstr gemini_base64(struct chat_request *r, jstr data)
{
	bool is_url = str_find_any(data, STR("-_")) < data.len;
	size_t pad = (4 - data.len % 4) % 4;
	char *room;

	if (!is_url && (pad == 0 || pad == 3 || str_find(data, '\\') < data.len))
		return data;
	if (pad == 3)
		pad = 0; /* no base64 at all: as it came */
	room = arena_try(r->keep, data.len + pad + 1);
	if (!room) {
		r->why = r->why ? r->why : FAULT_JSON_LIMIT;
		return STR_NONE;
	}
	for (size_t i = 0; i < data.len; i++) {
		char c = data.ptr[i];

		room[i] = c == '-' ? '+' : c == '_' ? '/' : c;
	}
	memset(room + data.len, '=', pad);
	return str_of(room, data.len + pad);
}

jstr gemini_seal_show(struct arena *keep, const struct chat_seal *s)
{
	jstr shown = chat_seal_show(keep, s, WIRE_GEMINI);
	struct buf coded = BUF_LIMIT(shown.len * 2 + 16);
	char *room;

	if (!str_starts(shown, STR(CHAT_SEAL_MARK)))
		return shown;
	base64_encode(&coded, shown);
	room = arena_try(keep, coded.len + 1);
	if (room)
		memcpy(room, coded.ptr, coded.len);
	shown = room ? str_of(room, coded.len) : STR_NONE;
	buf_free(&coded);
	return shown;
}

/* What was decoded came from outside, and is to stand between quotes. */
static bool is_seal_text(str text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		bool is_letter = char_lower(c) >= 'a' && char_lower(c) <= 'z';

		if (!is_letter && !char_is_digit(c) &&
		    str_find(STR("+/=._-"), c) == STR("+/=._-").len)
			return false;
	}
	return true;
}

struct chat_seal gemini_seal_read(struct chat_request *r, jstr shown)
{
	jstr data;
	char *room;
	str text;

	if (!str_starts(shown, STR(CHAT_SEAL_MARK_BASE64)))
		return chat_seal_read(shown, WIRE_GEMINI);
	data = gemini_base64(r, shown);
	room = arena_try(r->keep, data.len + 1);
	if (!room || !base64_decode(data, room, &text) || !is_seal_text(text)) {
		chat_drop(r, STR("thoughtSignature"));
		return (struct chat_seal){ 0 };
	}
	return chat_seal_read(text, WIRE_GEMINI);
}

/* ---- media ---- */

enum chat_kind gemini_kind_of(jstr media_type)
{
	static const struct {
		str begins;
		enum chat_kind kind;
	} kinds[] = {
		{ STR_INIT("image/"), CHAT_IMAGE },
		{ STR_INIT("audio/"), CHAT_AUDIO },
		{ STR_INIT("video/"), CHAT_VIDEO },
	};

	for (size_t i = 0; i < countof(kinds); i++) {
		if (str_starts_nocase(media_type, kinds[i].begins))
			return kinds[i].kind;
	}
	return CHAT_FILE;
}

/* By the first characters of base64, or the last ones of a path. */
static const struct {
	str begins, ends, type;
} media_types[] = {
	{ STR_INIT("/9j/"), STR_INIT(".jpg"), STR_INIT("image/jpeg") },
	{ STR_INIT("/9j/"), STR_INIT(".jpeg"), STR_INIT("image/jpeg") },
	{ STR_INIT("iVBORw"), STR_INIT(".png"), STR_INIT("image/png") },
	{ STR_INIT("R0lGOD"), STR_INIT(".gif"), STR_INIT("image/gif") },
	{ STR_INIT("UklGR"), STR_INIT(".webp"), STR_INIT("image/webp") },
	{ STR_INIT("JVBERi"), STR_INIT(".pdf"), STR_INIT("application/pdf") },
	{ STR_INIT("SUQz"), STR_INIT(".mp3"), STR_INIT("audio/mpeg") },
	{ STR_INIT(""), STR_INIT(".wav"), STR_INIT("audio/wav") },
	{ STR_INIT(""), STR_INIT(".mp4"), STR_INIT("video/mp4") },
	{ STR_INIT(""), STR_INIT(".webm"), STR_INIT("video/webm") },
	{ STR_INIT(""), STR_INIT(".txt"), STR_INIT("text/plain") },
	{ STR_INIT(""), STR_INIT(".md"), STR_INIT("text/markdown") },
	{ STR_INIT(""), STR_INIT(".csv"), STR_INIT("text/csv") },
	{ STR_INIT(""), STR_INIT(".html"), STR_INIT("text/html") },
};

jstr gemini_media_type(const struct chat_part *p)
{
	str path = str_first(p->data, str_find_any(p->data, STR("?#")));

	if (str_eq_nocase(p->media_type, STR("image/jpg"))) /* often said, and no type */
		return STR("image/jpeg");
	if (p->media_type.len)
		return p->media_type;
	for (size_t i = 0; i < countof(media_types); i++) {
		bool found = p->source == SOURCE_BASE64
		                     ? media_types[i].begins.len &&
		                               str_starts(p->data, media_types[i].begins)
		                     : str_ends(path, media_types[i].ends);

		if (found)
			return media_types[i].type;
	}
	switch (p->kind) {
	case CHAT_IMAGE:
		return STR("image/jpeg");
	case CHAT_AUDIO:
		return STR("audio/wav");
	case CHAT_VIDEO:
		return STR("video/mp4");
	case CHAT_FILE:
	case CHAT_TEXT:
	case CHAT_REFUSAL:
	case CHAT_REASONING:
	case CHAT_CALL:
	case CHAT_RESULT:
	case CHAT_FOREIGN:
		break;
	}
	return STR("application/pdf");
}

bool gemini_is_own_file(jstr uri)
{
	return str_starts(uri, STR("gs://")) || str_starts(uri, STR("files/")) ||
	       str_starts(uri, STR("https://generativelanguage.googleapis.com/"));
}
