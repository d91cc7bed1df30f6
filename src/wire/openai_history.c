/* openai_history.c - the conversation written as messages of a chat request.
 *
 * Tool results are messages of their own here, and cannot hold pictures: those follow in
 * a user's message that names the call (wire-formats 13.4).  What dialects want otherwise
 * stands in dialect.def. */
#include "wire/openai_chat.h"

#include <stdio.h>

#define CONTENT OPENAI_CONTENT

/* ---- messages ---- */

static void begin_message(struct openai_writer *w, str role)
{
	json_open(&w->json, '{');
	json_key_str(&w->json, STR("role"),
	             dialect_word(&w->dialect, STR("messages[].role"), role));
}

/* One string where that says it all. */
static bool is_one_text(const struct openai_writer *w, const struct chat_part *parts)
{
	bool joins = !dialect_keeps(&w->dialect, STR(CONTENT));
	bool shows_marks = dialect_keeps(&w->dialect, STR(CONTENT ".cache_control"));
	unsigned count = 0;

	for (const struct chat_part *p = parts; p; p = p->next) {
		if (p->kind != CHAT_TEXT || (p->cache != CACHE_NONE && shows_marks))
			return false;
		count++;
	}
	return count == 1 || joins;
}

static void write_content(struct openai_writer *w, const struct chat_part *parts)
{
	json_key(&w->json, STR("content"));
	if (is_one_text(w, parts)) {
		json_jstr(&w->json, chat_join_text(w->r, parts, STR("\\n\\n")));
		return;
	}
	json_open(&w->json, '[');
	for (const struct chat_part *p = parts; p; p = p->next)
		openai_write_part(w, p);
	json_close(&w->json, ']');
}

static bool has_marks(const struct openai_writer *w, const struct chat_part *p)
{
	if (!dialect_keeps(&w->dialect, STR(CONTENT ".cache_control")))
		return false;
	for (; p; p = p->next) {
		if (p->cache != CACHE_NONE)
			return true;
	}
	return false;
}

/* A text of a list of parts, or of all system messages from m on. */
static void add_joined(struct openai_writer *w, const struct chat_part *parts,
                       bool *has_text)
{
	jstr text = chat_join_text(w->r, parts, STR("\\n\\n"));

	if (!text.len)
		return;
	if (*has_text)
		buf_add(w->json.to, STR("\\n\\n"));
	buf_add(w->json.to, text);
	*has_text = true;
}

static const struct chat_message *write_system(struct openai_writer *w,
                                               const struct chat_message *m)
{
	bool one = dialect_row(&w->dialect, DIALECT_TURN, STR("one-system"));
	bool is_late = one && w->has_system, has_text = false;

	if (!openai_is_sayable(w, m->parts))
		return m->next;
	begin_message(w, is_late           ? STR("user")
	                 : m->is_developer ? STR("developer")
	                                   : STR("system"));
	if (!one && has_marks(w, m->parts)) {
		write_content(w, m->parts);
		json_close(&w->json, '}');
		return m->next;
	}
	json_key(&w->json, STR("content"));
	json_raw(&w->json, STR("\""));
	if (is_late)
		buf_add(w->json.to, STR("<system>"));
	do {
		add_joined(w, m->parts, &has_text);
		m = m->next;
	} while (one && m && m->role == CHAT_SYSTEM);
	buf_add(w->json.to, is_late ? STR("</system>\"") : STR("\""));
	json_close(&w->json, '}');
	return m;
}

/* ---- the assistant ---- */

static bool is_shown_thought(const struct chat_part *p)
{
	return p->kind == CHAT_REASONING &&
	       (!p->seal.blob.len || chat_seal_fits(&p->seal, WIRE_OPENAI_CHAT));
}

static bool has_kind(const struct chat_part *p, enum chat_kind kind)
{
	for (; p; p = p->next) {
		if (p->kind == kind)
			return true;
	}
	return false;
}

/* Thoughts in a string of their own. */
static void write_thought_text(struct openai_writer *w, const struct chat_message *m,
                               const struct dialect_row *back)
{
	bool any = str_eq(back->to, STR("always"));

	for (const struct chat_part *p = m->parts; p; p = p->next)
		any |= is_shown_thought(p) && p->text.len;
	if (!any)
		return;
	json_key(&w->json, back->path);
	json_raw(&w->json, STR("\""));
	for (const struct chat_part *p = m->parts; p; p = p->next) {
		if (is_shown_thought(p))
			buf_add(w->json.to, p->text);
	}
	buf_add_char(w->json.to, '"');
}

/* Encrypted data has its summary as a detail before it. */
static void write_details_of(struct json_writer *j, const struct chat_part *p,
                             uint64_t *index)
{
	struct openai_detail d = { .type = DETAIL_TEXT };

	if (p->seal.blob.len)
		openai_unpack_seal(&p->seal, &d);
	if (d.type == DETAIL_ENCRYPTED && p->text.len) {
		struct openai_detail summary = { .type = DETAIL_SUMMARY,
			                         .text = p->text,
			                         .format = d.format };

		if (str_starts(d.format, STR("google")))
			summary.type = DETAIL_TEXT;
		openai_write_detail(j, &summary, (*index)++);
	}
	d.text = p->text;
	openai_write_detail(j, &d, (*index)++);
}

static void write_thought_details(struct openai_writer *w, const struct chat_message *m)
{
	uint64_t index = 0;

	for (const struct chat_part *p = m->parts; p; p = p->next) {
		if (!is_shown_thought(p) || (!p->text.len && !p->seal.blob.len))
			continue;
		if (index == 0) {
			json_key(&w->json, STR("reasoning_details"));
			json_open(&w->json, '[');
		}
		write_details_of(&w->json, p, &index);
	}
	if (index)
		json_close(&w->json, ']');
}

static bool has_shown_thought(const struct chat_message *m)
{
	for (const struct chat_part *p = m->parts; p; p = p->next) {
		if (is_shown_thought(p) && p->text.len)
			return true;
	}
	return false;
}

static const struct chat_part *write_thinking_part(struct openai_writer *w,
                                                   const struct chat_part *p)
{
	struct json_writer *j = &w->json;

	openai_begin_part(j, STR("thinking"));
	json_key(j, STR("thinking"));
	json_open(j, '[');
	for (; p && p->kind == CHAT_REASONING; p = p->next) {
		if (!is_shown_thought(p) || !p->text.len)
			continue;
		openai_begin_part(j, STR("text"));
		json_key_jstr(j, STR("text"), p->text);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_close(j, '}');
	return p;
}

/* Mistral's thoughts are parts of the content. */
static void write_mixed_content(struct openai_writer *w, const struct chat_message *m)
{
	const struct chat_part *p = m->parts;

	json_key(&w->json, STR("content"));
	json_open(&w->json, '[');
	while (p) {
		if (is_shown_thought(p) && p->text.len) {
			p = write_thinking_part(w, p);
			continue;
		}
		if (p->kind == CHAT_TEXT || p->kind == CHAT_REFUSAL)
			openai_write_text(w, p);
		p = p->next;
	}
	json_close(&w->json, ']');
}

static void write_assistant_text(struct openai_writer *w, const struct chat_message *m,
                                 bool has_calls)
{
	bool says_refusal = dialect_keeps(&w->dialect, STR("messages[].refusal"));
	const struct dialect_row *empty =
	        dialect_row(&w->dialect, DIALECT_DEFAULT, STR("messages[].content"));
	struct json_writer *j = &w->json;
	bool has_text = false;

	json_key(j, STR("content"));
	for (const struct chat_part *p = m->parts; p; p = p->next)
		has_text |= p->kind == CHAT_TEXT ||
		            (p->kind == CHAT_REFUSAL && !says_refusal);
	if (!has_text && has_calls && !empty) {
		json_null(j);
	} else {
		json_raw(j, STR("\""));
		for (const struct chat_part *p = m->parts; p; p = p->next) {
			if (p->kind == CHAT_TEXT ||
			    (p->kind == CHAT_REFUSAL && !says_refusal))
				buf_add(j->to, p->text);
		}
		buf_add_char(j->to, '"');
	}
	if (!says_refusal || !has_kind(m->parts, CHAT_REFUSAL))
		return;
	json_key(j, STR("refusal"));
	json_raw(j, STR("\""));
	for (const struct chat_part *p = m->parts; p; p = p->next) {
		if (p->kind == CHAT_REFUSAL)
			buf_add(j->to, p->text);
	}
	buf_add_char(j->to, '"');
}

/* A thought signature of Gemini's directly before the call belongs to it. */
static void write_google_seal(struct openai_writer *w, const struct chat_part *before)
{
	const struct dialect_row *back =
	        dialect_row(&w->dialect, DIALECT_BACK, STR("extra_content.google"));

	if (!back || !before || before->kind != CHAT_REASONING ||
	    !chat_seal_fits(&before->seal, WIRE_GEMINI))
		return;
	json_key(&w->json, STR("extra_content"));
	json_open(&w->json, '{');
	json_key(&w->json, STR("google"));
	json_open(&w->json, '{');
	json_key_jstr(&w->json, STR("thought_signature"), before->seal.blob);
	json_close(&w->json, '}');
	json_close(&w->json, '}');
}

static void write_call(struct openai_writer *w, const struct chat_part *p,
                       const struct chat_part *before)
{
	struct json_writer *j = &w->json;

	if (p->is_custom && !dialect_keeps(&w->dialect, STR("tools[].custom"))) {
		openai_refuse(w, STR("messages[].tool_calls[].custom"));
		return;
	}
	json_open(j, '{');
	openai_write_id(w, STR("id"), p->id);
	json_key_str(j, STR("type"), p->is_custom ? STR("custom") : STR("function"));
	json_key(j, p->is_custom ? STR("custom") : STR("function"));
	json_open(j, '{');
	json_key_jstr(j, STR("name"), p->name);
	json_key(j, p->is_custom ? STR("input") : STR("arguments"));
	json_args_str(j, p);
	json_close(j, '}');
	write_google_seal(w, before);
	json_close(j, '}');
}

static void write_calls(struct openai_writer *w, const struct chat_message *m)
{
	const struct chat_part *before = NULL;

	json_key(&w->json, STR("tool_calls"));
	json_open(&w->json, '[');
	for (const struct chat_part *p = m->parts; p; before = p, p = p->next) {
		if (p->kind == CHAT_CALL)
			write_call(w, p, before);
	}
	json_close(&w->json, ']');
}

/* What the writer has no place for, named. */
static void drop_parts(struct openai_writer *w, const struct chat_message *m, bool keeps)
{
	for (const struct chat_part *p = m->parts; p; p = p->next) {
		if (p->kind == CHAT_REASONING && (!keeps || !is_shown_thought(p)) &&
		    !(p->seal.origin == WIRE_GEMINI && !p->text.len))
			chat_drop(w->r, STR("reasoning"));
		else if (p->kind == CHAT_IMAGE || p->kind == CHAT_AUDIO)
			chat_drop(w->r, STR("assistant.image"));
	}
}

static void write_assistant(struct openai_writer *w, const struct chat_message *m)
{
	const struct dialect_row *back = NULL;
	bool has_calls = has_kind(m->parts, CHAT_CALL);
	bool in_content;

	for (unsigned i = 0; i < w->dialect.count && !back; i++) {
		if (w->dialect.rows[i]->op == DIALECT_BACK)
			back = w->dialect.rows[i];
	}
	if (back && str_eq(back->from, STR("calls")) && !has_calls)
		back = NULL;
	if (back && has_calls && w->r->effort == EFFORT_NONE &&
	    str_eq(back->to, STR("always")))
		back = NULL; /* thinking is off */
	drop_parts(w, m, back != NULL);
	if (!has_calls && !has_kind(m->parts, CHAT_TEXT) &&
	    !has_kind(m->parts, CHAT_REFUSAL))
		return; /* nothing that can stand alone */
	begin_message(w, STR("assistant"));
	in_content = back && str_eq(back->path, STR("content"));
	if (in_content && has_shown_thought(m))
		write_mixed_content(w, m);
	else
		write_assistant_text(w, m, has_calls);
	if (back && str_eq(back->path, STR("reasoning_details")))
		write_thought_details(w, m);
	else if (back && !in_content && str_starts(back->path, STR("reasoning")))
		write_thought_text(w, m, back);
	if (has_calls)
		write_calls(w, m);
	if (!m->next && w->r->prefix.len)
		json_key_bool(&w->json, w->r->prefix, true);
	json_close(&w->json, '}');
}

/* ---- results ---- */

/* What a result cannot hold, and a user's message can. */
static bool is_shown_apart(const struct openai_writer *w, const struct chat_part *p)
{
	return p->kind != CHAT_TEXT && openai_can_say(w, p);
}

static void write_result(struct openai_writer *w, const struct chat_part *result)
{
	struct json_writer *j = &w->json;
	bool has_text = false, has_media = false;

	begin_message(w, STR("tool"));
	openai_write_id(w, STR("tool_call_id"), result->id);
	json_key(j, STR("content"));
	json_raw(j, STR("\""));
	if (result->is_error)
		buf_add(j->to, STR("Error: "));
	add_joined(w, result->parts, &has_text);
	for (const struct chat_part *p = result->parts; p; p = p->next)
		has_media |= is_shown_apart(w, p);
	if (has_media && !has_text)
		buf_add(j->to, STR("[see the next message]"));
	buf_add_char(j->to, '"');
	json_close(j, '}');
}

/* What results showed beside text, all in one message behind them. */
static bool write_media_of(struct openai_writer *w, const struct chat_part *result,
                           bool is_open)
{
	struct chat_part naming = { .kind = CHAT_TEXT };
	char room[OPENAI_ID_MOST], text[96];
	bool is_named = false;
	str id;
	int n;

	for (const struct chat_part *p = result->parts; p; p = p->next) {
		if (!is_shown_apart(w, p))
			continue;
		if (!is_open) {
			begin_message(w, STR("user"));
			json_key(&w->json, STR("content"));
			json_open(&w->json, '[');
			is_open = true;
		}
		if (!is_named) {
			id = openai_fit_id(&w->dialect, result->id, room);
			n = snprintf(text, sizeof(text),
			             "Result of tool call %.*s:", STR_ARG(id));
			naming.text = str_of(text, n > 0 ? (size_t)n : 0);
			openai_write_text(w, &naming);
			is_named = true;
		}
		openai_write_part(w, p);
	}
	return is_open;
}

static void write_between(struct openai_writer *w)
{
	const struct dialect_row *between =
	        dialect_row(&w->dialect, DIALECT_TURN, STR("user-after-tool"));

	if (!between)
		return;
	begin_message(w, STR("assistant"));
	json_key_str(&w->json, STR("content"), between->to);
	json_close(&w->json, '}');
}

static bool has_media(const struct openai_writer *w, const struct chat_message *m)
{
	for (const struct chat_part *p = m->parts; p; p = p->next) {
		for (const struct chat_part *in = p->parts; in; in = in->next) {
			if (is_shown_apart(w, in))
				return true;
		}
	}
	return false;
}

/* All results that follow one another, then their pictures. */
static const struct chat_message *write_results(struct openai_writer *w,
                                                const struct chat_message *first)
{
	const struct chat_message *m;
	bool is_open = false, any_media = false;

	for (m = first; m && m->role == CHAT_TOOL; m = m->next) {
		any_media |= has_media(w, m);
		for (const struct chat_part *p = m->parts; p; p = p->next) {
			if (p->kind == CHAT_RESULT)
				write_result(w, p);
		}
	}
	if (any_media || (m && m->role == CHAT_USER))
		write_between(w);
	for (const struct chat_message *t = first; t != m; t = t->next) {
		for (const struct chat_part *p = t->parts; p; p = p->next)
			is_open = write_media_of(w, p, is_open);
	}
	if (is_open) {
		json_close(&w->json, ']');
		json_close(&w->json, '}');
	}
	return m;
}

void openai_write_messages(struct openai_writer *w)
{
	const struct chat_message *m = w->r->messages;

	json_key(&w->json, STR("messages"));
	json_open(&w->json, '[');
	openai_write_schema_prompt(w);
	while (m) {
		bool was_user = m->role == CHAT_USER || m->role == CHAT_ASSISTANT;

		switch (m->role) {
		case CHAT_SYSTEM:
			m = write_system(w, m);
			w->has_system = true;
			break;
		case CHAT_TOOL:
			m = write_results(w, m);
			break;
		case CHAT_USER:
			if (openai_is_sayable(w, m->parts)) {
				begin_message(w, STR("user"));
				write_content(w, m->parts);
				json_close(&w->json, '}');
			}
			break;
		case CHAT_ASSISTANT:
			write_assistant(w, m);
			break;
		}
		if (was_user)
			m = m->next;
	}
	json_close(&w->json, ']');
}
