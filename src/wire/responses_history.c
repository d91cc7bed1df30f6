/* responses_history.c - a conversation in the neutral form, written as the instructions
 * and the flat input items of a Responses request.
 *
 * Reasoning travels as the encrypted items it came in, and a reasoning item needs the
 * item that followed it, or OpenAI refuses the request.
 *
 * Facts: wire-formats 3.3, 13.2-13.4, 13.8 (CC -> RS, AM -> RS). */
#include "wire/responses.h"

enum { ID_MOST = 64 };

/* ---- content parts ---- */

static void write_data_url(struct json_writer *w, const struct chat_part *p,
                           str otherwise)
{
	json_raw(w, STR("\"data:"));
	buf_add(w->to, p->media_type.len ? p->media_type : otherwise);
	buf_add(w->to, STR(";base64,"));
	buf_add(w->to, p->data);
	buf_add_char(w->to, '"');
}

static void write_image(struct chat_request *r, const struct chat_part *p,
                        struct json_writer *w)
{
	(void)r;
	json_open(w, '{');
	json_key_str(w, STR("type"), STR("input_image"));
	if (p->source == SOURCE_ID) {
		json_key_jstr(w, STR("file_id"), p->data);
	} else {
		json_key(w, STR("image_url"));
		if (p->source == SOURCE_BASE64)
			write_data_url(w, p, STR("image/png"));
		else
			json_jstr(w, p->data);
	}
	json_key_jstr(w, STR("detail"), p->detail.len ? p->detail : STR("auto"));
	json_close(w, '}');
}

static bool is_pdf(const struct chat_part *p)
{
	return !p->media_type.len || str_eq(p->media_type, STR("application/pdf"));
}

static void write_file(struct chat_request *r, const struct chat_part *p,
                       struct json_writer *w)
{
	(void)r;
	json_open(w, '{');
	if (p->source == SOURCE_TEXT) { /* what was a document of plain text */
		json_key_str(w, STR("type"), STR("input_text"));
		json_key_jstr(w, STR("text"), p->data);
		json_close(w, '}');
		return;
	}
	json_key_str(w, STR("type"), STR("input_file"));
	if (p->source == SOURCE_ID) {
		json_key_jstr(w, STR("file_id"), p->data);
	} else if (p->source == SOURCE_URL) {
		json_key_jstr(w, STR("file_url"), p->data);
	} else {
		/* A name is required with data. */
		json_key_jstr(w, STR("filename"),
		              p->name.len ? p->name
		              : is_pdf(p) ? STR("document.pdf")
		                          : STR("document"));
		json_key(w, STR("file_data"));
		write_data_url(w, p, STR("application/pdf"));
	}
	json_close(w, '}');
}

static void write_audio(const struct chat_part *p, struct json_writer *w)
{
	bool is_wav = str_has(p->media_type, STR("wav"));

	json_open(w, '{');
	json_key_str(w, STR("type"), STR("input_audio"));
	json_key(w, STR("input_audio"));
	json_open(w, '{');
	json_key_jstr(w, STR("data"), p->data);
	json_key_str(w, STR("format"), is_wav ? STR("wav") : STR("mp3"));
	json_close(w, '}');
	json_close(w, '}');
}

static void write_text(const struct chat_part *p, str type, jstr prefix,
                       struct json_writer *w)
{
	json_open(w, '{');
	json_key_str(w, STR("type"), type);
	json_key(w, STR("text"));
	json_raw(w, STR("\""));
	buf_add(w->to, prefix);
	buf_add(w->to, p->text);
	buf_add_char(w->to, '"');
	json_close(w, '}');
}

/* One part of what somebody else than the model said. */
static void write_input_part(struct chat_request *r, const struct chat_part *p,
                             jstr prefix, struct json_writer *w)
{
	switch (p->kind) {
	case CHAT_TEXT:
	case CHAT_REFUSAL:
		write_text(p, STR("input_text"), prefix, w);
		break;
	case CHAT_IMAGE:
		write_image(r, p, w);
		break;
	case CHAT_FILE:
		write_file(r, p, w);
		break;
	case CHAT_AUDIO:
		write_audio(p, w);
		break;
	case CHAT_FOREIGN:
		if (r->from == WIRE_OPENAI_RESPONSES)
			json_raw(w, p->raw.raw);
		break;
	case CHAT_VIDEO:
	case CHAT_REASONING:
	case CHAT_CALL:
	case CHAT_RESULT:
		break; /* crossed out before, or never here */
	}
}

static bool has_input(const struct chat_request *r, const struct chat_part *p)
{
	while (p && (p->kind == CHAT_VIDEO ||
	             (p->kind == CHAT_FOREIGN && r->from != WIRE_OPENAI_RESPONSES)))
		p = p->next;
	return p != NULL;
}

static bool is_one_text(const struct chat_part *parts)
{
	return parts->kind == CHAT_TEXT && !parts->next;
}

/* A string where there is only text, else a list. */
static void write_input(struct chat_request *r, const struct chat_part *parts,
                        jstr prefix, struct json_writer *w)
{
	bool is_empty = !has_input(r, parts);

	if (is_empty || is_one_text(parts)) {
		json_raw(w, STR("\""));
		buf_add(w->to, prefix);
		buf_add(w->to, is_empty ? STR_NONE : parts->text);
		buf_add_char(w->to, '"');
		return;
	}
	json_open(w, '[');
	if (prefix.len && parts->kind != CHAT_TEXT) {
		const struct chat_part none = { .kind = CHAT_TEXT };

		write_text(&none, STR("input_text"), prefix, w);
		prefix = STR_NONE;
	}
	for (const struct chat_part *p = parts; p; p = p->next) {
		write_input_part(r, p, p->kind == CHAT_TEXT ? prefix : STR_NONE, w);
		prefix = STR_NONE;
	}
	json_close(w, ']');
}

/* ---- what the assistant said ---- */

static bool is_said(const struct chat_part *p)
{
	return (p->kind == CHAT_TEXT || p->kind == CHAT_REFUSAL) && p->text.len;
}

/* An id of at most 64 characters; longer ones become the same short one each time. */
static void write_call_id(struct json_writer *w, jstr id)
{
	json_key(w, STR("call_id"));
	if (id.len <= ID_MOST) {
		json_jstr(w, id);
		return;
	}
	json_raw(w, STR("\"call_"));
	buf_add_hex(w->to, str_hash(id), 16);
	buf_add_hex(w->to, id.len, 8);
	buf_add_char(w->to, '"');
}

static void write_citations(const struct chat_part *p, struct json_writer *w)
{
	json_key(w, STR("annotations"));
	json_open(w, '[');
	for (const struct chat_citation *c = p->citations; c; c = c->next) {
		if (c->url.len)
			responses_write_annotation(w, c, 0, responses_count(p->text));
	}
	json_close(w, ']');
}

/* The texts and refusals from p on, as one message.  Returns what follows them. */
static const struct chat_part *write_said(const struct chat_part *p,
                                          struct json_writer *w)
{
	const struct chat_part *next = p->next;

	while (next && !is_said(next) && next->kind == CHAT_TEXT)
		next = next->next;
	json_open(w, '{');
	json_key_str(w, STR("type"), STR("message"));
	json_key_str(w, STR("role"), STR("assistant"));
	json_key(w, STR("content"));
	if (p->kind == CHAT_TEXT && !p->citations && (!next || !is_said(next))) {
		json_jstr(w, p->text);
		json_close(w, '}');
		return next;
	}
	json_open(w, '[');
	for (; p && (is_said(p) || p->kind == CHAT_TEXT); p = p->next) {
		if (!is_said(p))
			continue;
		json_open(w, '{');
		if (p->kind == CHAT_REFUSAL) {
			json_key_str(w, STR("type"), STR("refusal"));
			json_key_jstr(w, STR("refusal"), p->text);
		} else {
			json_key_str(w, STR("type"), STR("output_text"));
			json_key_jstr(w, STR("text"), p->text);
			write_citations(p, w);
		}
		json_close(w, '}');
	}
	json_close(w, ']');
	json_close(w, '}');
	return p;
}

static void write_call(const struct chat_part *p, struct json_writer *w)
{
	json_open(w, '{');
	json_key_str(w, STR("type"),
	             p->is_custom ? STR("custom_tool_call") : STR("function_call"));
	write_call_id(w, p->id);
	json_key_jstr(w, STR("name"), p->name);
	json_key(w, p->is_custom ? STR("input") : STR("arguments"));
	json_args_str(w, p);
	json_close(w, '}');
}

/* Those who show their reasoning as it is want it back so. */
static bool takes_plain_reasoning(const struct chat_target *t)
{
	return str_eq(t->provider, STR("deepseek"));
}

static bool has_follower(const struct chat_part *p)
{
	for (p = p->next; p; p = p->next) {
		if (is_said(p) || p->kind == CHAT_CALL)
			return true;
	}
	return false;
}

static void write_reasoning(struct chat_request *r, const struct chat_target *t,
                            const struct chat_part *p, struct json_writer *w)
{
	bool fits = chat_seal_fits(&p->seal, WIRE_OPENAI_RESPONSES);
	bool is_plain = !fits && p->text.len && takes_plain_reasoning(t);

	if ((!fits && !is_plain) || !has_follower(p)) {
		chat_drop(r, STR("reasoning"));
		return;
	}
	json_open(w, '{');
	json_key_str(w, STR("type"), STR("reasoning"));
	if (fits && p->seal.id.len)
		json_key_jstr(w, STR("id"), p->seal.id);
	json_key(w, STR("summary"));
	json_open(w, '[');
	if (fits && p->text.len)
		write_text(p, STR("summary_text"), STR_NONE, w);
	json_close(w, ']');
	if (is_plain) {
		json_key(w, STR("content"));
		json_open(w, '[');
		write_text(p, STR("reasoning_text"), STR_NONE, w);
		json_close(w, ']');
	} else {
		json_key_jstr(w, STR("encrypted_content"), p->seal.blob);
	}
	json_close(w, '}');
}

static void write_assistant(struct chat_request *r, const struct chat_target *t,
                            const struct chat_message *m, struct json_writer *w)
{
	for (const struct chat_part *p = m->parts; p;) {
		if (is_said(p)) {
			p = write_said(p, w);
			continue;
		}
		if (p->kind == CHAT_CALL)
			write_call(p, w);
		else if (p->kind == CHAT_REASONING)
			write_reasoning(r, t, p, w);
		else if (p->kind == CHAT_FOREIGN && r->from == WIRE_OPENAI_RESPONSES)
			json_raw(w, p->raw.raw);
		else if (p->kind == CHAT_IMAGE || p->kind == CHAT_AUDIO ||
		         p->kind == CHAT_FILE)
			chat_drop(r, STR("assistant_media"));
		p = p->next;
	}
}

/* ---- results and the rest ---- */

/* Was it a custom tool that is answered here?  Not every format says so. */
static bool is_custom_result(const struct chat_request *r, const struct chat_part *result)
{
	if (result->is_custom)
		return true;
	for (const struct chat_message *m = r->messages; m; m = m->next) {
		if (m->role != CHAT_ASSISTANT)
			continue;
		for (const struct chat_part *p = m->parts; p; p = p->next) {
			if (p->kind == CHAT_CALL && p->is_custom &&
			    str_eq(p->id, result->id))
				return true;
		}
	}
	return false;
}

static bool has_custom_tool(const struct chat_request *r)
{
	return chat_is_marked(r, CONCEPT_TOOL_CUSTOM);
}

static void write_results(struct chat_request *r, const struct chat_message *m,
                          struct json_writer *w)
{
	for (const struct chat_part *p = m->parts; p; p = p->next) {
		bool is_custom = has_custom_tool(r) && is_custom_result(r, p);

		if (p->kind != CHAT_RESULT)
			continue;
		json_open(w, '{');
		json_key_str(w, STR("type"),
		             is_custom ? STR("custom_tool_call_output")
		                       : STR("function_call_output"));
		write_call_id(w, p->id);
		json_key(w, STR("output"));
		/* There is no flag for a failure. */
		write_input(r, p->parts, p->is_error ? STR("Error: ") : STR_NONE, w);
		json_close(w, '}');
	}
}

static void write_message(struct chat_request *r, const struct chat_message *m,
                          struct json_writer *w)
{
	str role = m->role == CHAT_USER ? STR("user")
	           : m->is_developer    ? STR("developer")
	                                : STR("system");

	if (!has_input(r, m->parts))
		return;
	json_open(w, '{');
	json_key_str(w, STR("type"), STR("message"));
	json_key_str(w, STR("role"), role);
	json_key(w, STR("content"));
	write_input(r, m->parts, STR_NONE, w);
	json_close(w, '}');
}

/* The first message, where it can stand as the instructions. */
static const struct chat_message *find_instructions(const struct chat_request *r)
{
	const struct chat_message *m = r->messages;

	if (!m || m->role != CHAT_SYSTEM || m->is_developer || !m->parts)
		return NULL;
	for (const struct chat_part *p = m->parts; p; p = p->next) {
		if (p->kind != CHAT_TEXT)
			return NULL;
	}
	return m;
}

void responses_write_conversation(struct chat_request *r, const struct chat_target *t,
                                  struct json_writer *w)
{
	const struct chat_message *m = r->messages, *first = find_instructions(r);

	if (first) {
		json_key_jstr(w, STR("instructions"),
		              chat_join_text(r, first->parts, STR("\\n\\n")));
		m = first->next;
	}
	json_key(w, STR("input"));
	json_open(w, '[');
	for (; m; m = m->next) {
		if (m->role == CHAT_ASSISTANT)
			write_assistant(r, t, m, w);
		else if (m->role == CHAT_TOOL)
			write_results(r, m, w);
		else
			write_message(r, m, w);
	}
	json_close(w, ']');
}
