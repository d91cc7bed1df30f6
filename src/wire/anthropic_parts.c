/* anthropic_parts.c - parts as the blocks of a Messages request.
 *
 * A client of this same format gets its blocks back as they came.
 * Facts: wire-formats 5.3, 5.6, 13.3, 13.4. */
#include "wire/anthropic.h"

#include "codec/text.h"
#include "wire/jchars.h"

static void refuse(struct anthropic_writing *c, str detail)
{
	if (c->why)
		return;
	c->why = FAULT_NOT_OFFERED;
	c->detail = detail;
}

void anthropic_write_cache(struct json_writer *w, enum chat_cache cache)
{
	if (cache == CACHE_NONE)
		return;
	json_key(w, STR("cache_control"));
	json_open(w, '{');
	json_key_str(w, STR("type"), STR("ephemeral"));
	if (cache == CACHE_1H)
		json_key_str(w, STR("ttl"), STR("1h"));
	json_close(w, '}');
}

void anthropic_write_mark(struct anthropic_writing *c, const struct chat_part *p)
{
	if (p->cache == CACHE_NONE)
		return;
	if (c->unmarked > 0)
		c->unmarked--;
	else
		anthropic_write_cache(c->w, p->cache);
}

static void write_id(struct anthropic_writing *c, str key, jstr id)
{
	char room[CHAT_ID_ROOM];

	json_key_jstr(c->w, key, chat_fit_id(id, chat_id_most(WIRE_ANTHROPIC), room));
}

/* ---- blocks ---- */

static void open_block(struct anthropic_writing *c, str type)
{
	json_open(c->w, '{');
	json_key_str(c->w, STR("type"), type);
}

static void write_text(struct anthropic_writing *c, const struct chat_part *p)
{
	if (jchars_are_blank(p->text)) /* refused as a block */
		return;
	open_block(c, STR("text"));
	json_key_jstr(c->w, STR("text"), p->text);
	anthropic_write_mark(c, p);
	json_close(c->w, '}');
}

/* Base64 of the standard alphabet, with padding and without line ends. */
static void write_base64(struct anthropic_writing *c, jstr data)
{
	struct buf *to = c->w->to;
	size_t digits = 0;

	json_key(c->w, STR("data"));
	if (str_find_any(data, STR("-_\\ ")) == data.len && data.len % 4 == 0) {
		json_jstr(c->w, data);
		return;
	}
	json_raw(c->w, STR("\""));
	for (size_t i = 0; i < data.len; i++) {
		char ch = data.ptr[i];

		if (ch == '\\' && i + 1 < data.len && data.ptr[i + 1] == '/') {
			continue; /* an escaped '/': it comes next */
		} else if (ch == '\\') {
			i++; /* \n and \r */
		} else if (ch != ' ' && ch != '=') {
			buf_add_char(to, ch == '-' ? '+' : ch == '_' ? '/' : ch);
			digits++;
		}
	}
	while (digits++ % 4)
		buf_add_char(to, '=');
	buf_add_char(to, '"');
}

/* Of the four that Anthropic takes: as it was said, else what the first bytes say, in
 * base64; empty: another. */
static str image_type(const struct chat_part *p)
{
	static const struct {
		str said, start, type;
	} rows[] = {
		{ STR_INIT("image/jpeg"), STR_INIT("/9j/"), STR_INIT("image/jpeg") },
		{ STR_INIT("image/jpg"), STR_INIT("\\/9j"), STR_INIT("image/jpeg") },
		{ STR_INIT("image/png"), STR_INIT("iVBORw0KGgo"), STR_INIT("image/png") },
		{ STR_INIT("image/gif"), STR_INIT("R0lGOD"), STR_INIT("image/gif") },
		{ STR_INIT("image/webp"), STR_INIT("UklGR"), STR_INIT("image/webp") },
	};
	jstr said = p->media_type;

	said = str_trim(str_cut(&said, ';'));
	for (size_t i = 0; i < countof(rows); i++) {
		if (str_eq_nocase(rows[i].said, said))
			return rows[i].type;
	}
	for (size_t i = 0; i < countof(rows); i++) {
		if (str_starts(p->data, rows[i].start))
			return rows[i].type;
	}
	return said.len ? STR_NONE : STR("image/png");
}

static void write_source(struct anthropic_writing *c, const struct chat_part *p,
                         str media_type)
{
	struct json_writer *w = c->w;

	json_key(w, STR("source"));
	json_open(w, '{');
	switch (p->source) {
	case SOURCE_URL:
		json_key_str(w, STR("type"), STR("url"));
		json_key_jstr(w, STR("url"), p->data);
		break;
	case SOURCE_ID:
		json_key_str(w, STR("type"), STR("file"));
		json_key_jstr(w, STR("file_id"), p->data);
		break;
	case SOURCE_TEXT:
		json_key_str(w, STR("type"), STR("text"));
		json_key_str(w, STR("media_type"), STR("text/plain"));
		json_key_jstr(w, STR("data"), p->data);
		break;
	case SOURCE_BASE64:
	case SOURCE_NONE:
		json_key_str(w, STR("type"), STR("base64"));
		json_key_jstr(w, STR("media_type"), media_type);
		write_base64(c, p->data);
		break;
	}
	json_close(w, '}');
}

static void write_image(struct anthropic_writing *c, const struct chat_part *p)
{
	str type = c->own ? p->media_type : image_type(p);

	if (p->source == SOURCE_BASE64 && !type.len)
		refuse(c, STR("an image that is no JPEG, PNG, GIF or WebP"));
	open_block(c, STR("image"));
	write_source(c, p, type);
	anthropic_write_mark(c, p);
	json_close(c->w, '}');
}

/* Text in base64 as the text it is: of files Anthropic takes only PDF encoded. */
static struct chat_part decoded(struct anthropic_writing *c, const struct chat_part *p)
{
	struct chat_part text = *p;
	char *room = arena_try(c->r->keep, p->data.len + 1);
	str plain;

	if (!room || !base64_decode(chat_plain(c->r->keep, p->data), room, &plain)) {
		refuse(c, STR("a text file whose base64 cannot be read"));
		return text;
	}
	text.source = SOURCE_TEXT;
	text.data = chat_escape(c->r->keep, plain);
	return text;
}

static void write_file(struct anthropic_writing *c, const struct chat_part *p)
{
	str type = p->media_type.len ? p->media_type : STR("application/pdf");
	struct chat_part text;

	if (p->source == SOURCE_BASE64 && !str_eq(type, STR("application/pdf"))) {
		if (!str_starts(type, STR("text/")) &&
		    !str_eq(type, STR("application/json"))) {
			refuse(c, STR("a file that is neither PDF nor text"));
			return;
		}
		text = decoded(c, p);
		p = &text;
	}
	open_block(c, STR("document"));
	write_source(c, p, type);
	if (!jchars_are_blank(p->name))
		json_key_jstr(c->w, STR("title"), p->name);
	anthropic_write_mark(c, p);
	json_close(c->w, '}');
}

bool anthropic_keeps_reasoning(const struct chat_part *p)
{
	return chat_seal_fits(&p->seal, WIRE_ANTHROPIC);
}

static void write_reasoning(struct anthropic_writing *c, const struct chat_part *p)
{
	if (!anthropic_keeps_reasoning(p)) {
		chat_drop(c->r, STR("reasoning"));
		return;
	}
	if (p->seal.redacted) {
		open_block(c, STR("redacted_thinking"));
		json_key_jstr(c->w, STR("data"), p->seal.blob);
	} else {
		open_block(c, STR("thinking"));
		json_key_jstr(c->w, STR("thinking"), p->text);
		json_key_jstr(c->w, STR("signature"), p->seal.blob);
	}
	json_close(c->w, '}');
}

static void write_call(struct anthropic_writing *c, const struct chat_part *p)
{
	open_block(c, STR("tool_use"));
	write_id(c, STR("id"), p->id);
	json_key_jstr(c->w, STR("name"), p->name);
	json_key(c->w, STR("input"));
	if (p->is_custom) {
		json_open(c->w, '{');
		json_key_jstr(c->w, STR("input"), p->args);
		json_close(c->w, '}');
	} else {
		json_raw(c->w, p->args.len ? p->args : STR("{}"));
	}
	anthropic_write_mark(c, p);
	json_close(c->w, '}');
}

static void write_result(struct anthropic_writing *c, const struct chat_part *p);

/* A block as the client of this format sent it; not when its mark has to go. */
static bool write_as_it_came(struct anthropic_writing *c, const struct chat_part *p)
{
	if (!c->own || p->raw.type != JSON_OBJECT || (p->cache && c->unmarked) ||
	    p->kind == CHAT_REASONING)
		return false;
	json_raw(c->w, p->raw.raw);
	return true;
}

void anthropic_write_part(struct anthropic_writing *c, const struct chat_part *p)
{
	if (write_as_it_came(c, p))
		return;
	switch (p->kind) {
	case CHAT_TEXT:
	case CHAT_REFUSAL:
		write_text(c, p);
		break;
	case CHAT_REASONING:
		write_reasoning(c, p);
		break;
	case CHAT_IMAGE:
		write_image(c, p);
		break;
	case CHAT_FILE:
		write_file(c, p);
		break;
	case CHAT_CALL:
		write_call(c, p);
		break;
	case CHAT_RESULT:
		write_result(c, p);
		break;
	case CHAT_AUDIO:
	case CHAT_VIDEO:
	case CHAT_FOREIGN:
		break; /* refused or named by chat_cross */
	}
}

const struct chat_part *anthropic_only_text(const struct chat_part *parts)
{
	if (!parts || parts->next || parts->kind != CHAT_TEXT || parts->cache ||
	    parts->raw.type != JSON_NONE)
		return NULL;
	return parts;
}

static void write_result(struct anthropic_writing *c, const struct chat_part *p)
{
	const struct chat_part *text = anthropic_only_text(p->parts);

	open_block(c, STR("tool_result"));
	write_id(c, STR("tool_use_id"), p->id);
	json_key(c->w, STR("content"));
	if (text || !p->parts) {
		json_jstr(c->w, text ? text->text : STR_NONE);
	} else {
		struct buf *to = c->w->to;
		size_t before = to->len;
		struct json_writer old = *c->w;

		json_open(c->w, '[');
		size_t empty = to->len;
		for (const struct chat_part *in = p->parts; in; in = in->next)
			anthropic_write_part(c, in);
		if (to->len > empty) {
			json_close(c->w, ']');
		} else { /* an empty list is refused, an empty text is not */
			to->len = before;
			*c->w = old;
			json_jstr(c->w, STR_NONE);
		}
	}
	if (p->is_error)
		json_key_bool(c->w, STR("is_error"), true);
	anthropic_write_mark(c, p);
	json_close(c->w, '}');
}
