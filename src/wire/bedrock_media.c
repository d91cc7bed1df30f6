/* bedrock_media.c - images, documents, videos and audio as Converse takes them: bytes
 * with a format's word instead of a media type, and documents with names of their own. */
#include "wire/bedrock.h"

#include "codec/text.h"

enum { NAME_MOST = 64 };

/* ---- formats ---- */

static const struct {
	enum chat_kind kind;
	str format, media_type;
	str begins; /* of the base64 text, where the bytes tell */
} media[] = {
	{ CHAT_IMAGE, STR_INIT("png"), STR_INIT("image/png"), STR_INIT("iVBORw0KGgo") },
	{ CHAT_IMAGE, STR_INIT("jpeg"), STR_INIT("image/jpeg"), STR_INIT("/9j/") },
	{ CHAT_IMAGE, STR_INIT("jpeg"), STR_INIT("image/jpg"), STR_INIT("\\/9j") },
	{ CHAT_IMAGE, STR_INIT("gif"), STR_INIT("image/gif"), STR_INIT("R0lGOD") },
	{ CHAT_IMAGE, STR_INIT("webp"), STR_INIT("image/webp"), STR_INIT("UklGR") },
	{ CHAT_FILE, STR_INIT("pdf"), STR_INIT("application/pdf"), STR_INIT("JVBERi") },
	{ CHAT_FILE, STR_INIT("csv"), STR_INIT("text/csv"), STR_INIT("") },
	{ CHAT_FILE, STR_INIT("doc"), STR_INIT("application/msword"), STR_INIT("") },
	{ CHAT_FILE, STR_INIT("docx"),
	  STR_INIT("application/"
	           "vnd.openxmlformats-officedocument.wordprocessingml.document"),
	  STR_INIT("") },
	{ CHAT_FILE, STR_INIT("xls"), STR_INIT("application/vnd.ms-excel"),
	  STR_INIT("") },
	{ CHAT_FILE, STR_INIT("xlsx"),
	  STR_INIT("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
	  STR_INIT("") },
	{ CHAT_FILE, STR_INIT("html"), STR_INIT("text/html"), STR_INIT("") },
	{ CHAT_FILE, STR_INIT("txt"), STR_INIT("text/plain"), STR_INIT("") },
	{ CHAT_FILE, STR_INIT("md"), STR_INIT("text/markdown"), STR_INIT("") },
	{ CHAT_VIDEO, STR_INIT("mp4"), STR_INIT("video/mp4"), STR_INIT("") },
	{ CHAT_VIDEO, STR_INIT("mov"), STR_INIT("video/quicktime"), STR_INIT("") },
	{ CHAT_VIDEO, STR_INIT("mkv"), STR_INIT("video/x-matroska"), STR_INIT("") },
	{ CHAT_VIDEO, STR_INIT("webm"), STR_INIT("video/webm"), STR_INIT("GkXfo") },
	{ CHAT_VIDEO, STR_INIT("flv"), STR_INIT("video/x-flv"), STR_INIT("RkxW") },
	{ CHAT_VIDEO, STR_INIT("mpeg"), STR_INIT("video/mpeg"), STR_INIT("") },
	{ CHAT_VIDEO, STR_INIT("mpg"), STR_INIT("video/mpg"), STR_INIT("") },
	{ CHAT_VIDEO, STR_INIT("wmv"), STR_INIT("video/x-ms-wmv"), STR_INIT("") },
	{ CHAT_VIDEO, STR_INIT("three_gp"), STR_INIT("video/3gpp"), STR_INIT("") },
	{ CHAT_AUDIO, STR_INIT("mp3"), STR_INIT("audio/mpeg"), STR_INIT("") },
	{ CHAT_AUDIO, STR_INIT("wav"), STR_INIT("audio/wav"), STR_INIT("") },
};

str bedrock_media_type(enum chat_kind kind, str format)
{
	for (size_t i = 0; i < countof(media); i++) {
		if (media[i].kind == kind && (str_eq(media[i].format, format) ||
		                              str_eq(media[i].media_type, format)))
			return media[i].media_type;
	}
	return STR_NONE;
}

str bedrock_media_format(enum chat_kind kind, str media_type, jstr data, jstr name)
{
	str type = str_trim(str_cut(&media_type, ';'));
	str ending = str_from(name, str_find_last(name, '.') + 1);

	for (size_t i = 0; i < countof(media); i++) {
		if (media[i].kind == kind && str_eq_nocase(media[i].media_type, type))
			return media[i].format;
	}
	for (size_t i = 0; i < countof(media); i++) {
		if (media[i].kind != kind)
			continue;
		if (media[i].begins.len && str_starts(data, media[i].begins))
			return media[i].format;
		if (ending.len && str_eq_nocase(media[i].format, ending))
			return media[i].format;
	}
	return STR_NONE;
}

/* ---- blocks ---- */

static void refuse(struct bedrock_writing *w, const char *what)
{
	if (w->why)
		return;
	w->why = FAULT_NOT_OFFERED;
	*w->detail = arena_printf(w->r->keep, "Bedrock takes %s", what);
}

/* Letters, digits, hyphens, brackets, single blanks: of what a file is called. */
static str clean_name(jstr name, str format, char *room)
{
	static const str allowed = STR_INIT(" -()[]");
	size_t len = 0, dot = str_find_last(name, '.');

	if (dot < name.len && str_eq_nocase(str_from(name, dot + 1), format))
		name = str_first(name, dot);
	for (size_t i = 0; i < name.len && len < NAME_MOST; i++) {
		char c = name.ptr[i];
		bool is_word = char_is_digit(c) ||
		               (char_lower(c) >= 'a' && char_lower(c) <= 'z');

		if (c == '\\') /* an escape: what it stands for is not allowed */
			i += i + 1 < name.len && name.ptr[i + 1] == 'u' ? 5 : 1;
		if (!is_word && str_find(allowed, c) == allowed.len)
			c = '-';
		if ((c == '-' || c == ' ') && (len == 0 || room[len - 1] == c))
			continue;
		room[len++] = c;
	}
	while (len > 0 && (room[len - 1] == ' ' || room[len - 1] == '-'))
		len--;
	return str_of(room, len);
}

/* A name no other document of the request has. */
static void write_name(struct bedrock_writing *w, jstr name, str format)
{
	char room[NAME_MOST + 24];
	str clean = clean_name(name, format, room);
	bool is_taken = clean.len == 0 || w->files >= countof(w->names);

	for (unsigned i = 0; !is_taken && i < w->files; i++)
		is_taken = str_eq(w->names[i], clean);
	w->files++;
	if (clean.len == 0)
		clean = clean_name(STR("Document"), STR_NONE, room);
	if (is_taken) {
		struct buf b = BUF_LIMIT(24);

		buf_add_char(&b, ' ');
		buf_add_u64(&b, w->files);
		memcpy(room + clean.len, b.ptr, b.len);
		clean = str_of(room, clean.len + b.len);
		buf_free(&b);
	}
	if (w->files <= countof(w->names)) {
		char *kept = arena_try(w->r->keep, clean.len);

		if (kept)
			w->names[w->files - 1] =
			        str_of(memcpy(kept, clean.ptr, clean.len), clean.len);
	}
	json_key_str(&w->json, STR("name"), clean);
}

static void write_source(struct bedrock_writing *w, const struct chat_part *p)
{
	json_key(&w->json, STR("source"));
	json_open(&w->json, '{');
	if (p->source == SOURCE_ID) {
		json_key(&w->json, STR("s3Location"));
		json_open(&w->json, '{');
		json_key_jstr(&w->json, STR("uri"), p->data);
		json_close(&w->json, '}');
	} else if (p->source == SOURCE_TEXT) {
		json_key(&w->json, STR("bytes"));
		json_raw(&w->json, STR("\""));
		base64_encode(w->json.to, chat_plain(w->r->keep, p->data));
		buf_add_char(w->json.to, '"');
	} else {
		json_key_jstr(&w->json, STR("bytes"), p->data);
	}
	json_close(&w->json, '}');
}

/* Bytes, or a place in S3 that only Bedrock's own clients name. */
static bool can_write(const struct bedrock_writing *w, const struct chat_part *p)
{
	return p->source == SOURCE_BASE64 || p->source == SOURCE_TEXT ||
	       (p->source == SOURCE_ID && w->r->from == WIRE_BEDROCK);
}

static const struct media_row {
	enum chat_kind kind;
	str member;
	const char *takes;
} media_rows[] = {
	{ CHAT_IMAGE, STR_INIT("image"), "png, jpeg, gif and webp images, as bytes" },
	{ CHAT_FILE, STR_INIT("document"),
	  "pdf, csv, doc, docx, xls, xlsx, html, txt and md documents, as bytes" },
	{ CHAT_VIDEO, STR_INIT("video"),
	  "mp4, mov, mkv, webm and like videos, as bytes" },
	{ CHAT_AUDIO, STR_INIT("audio"), "mp3 and wav audio, as bytes" },
};

static const struct media_row *media_row_of(enum chat_kind kind)
{
	const struct media_row *row = media_rows;

	while (row->kind != kind && row < media_rows + countof(media_rows) - 1)
		row++;
	return row;
}

void bedrock_write_media(struct bedrock_writing *w, const struct chat_part *p)
{
	const struct media_row *row = media_row_of(p->kind);
	str type = chat_plain(w->r->keep, str_first(p->media_type, 200));
	str format = bedrock_media_format(p->kind, type, p->data, p->name);

	if (p->source == SOURCE_TEXT && format.len == 0)
		format = STR("txt");
	if (format.len == 0 || !can_write(w, p)) {
		refuse(w, row->takes);
		return;
	}
	json_open(&w->json, '{');
	json_key(&w->json, row->member);
	json_open(&w->json, '{');
	json_key_str(&w->json, STR("format"), format);
	if (p->kind == CHAT_FILE)
		write_name(w, p->name, format);
	write_source(w, p);
	json_close(&w->json, '}');
	json_close(&w->json, '}');
}
