/* bedrock_turns.c - messages as Converse wants them: user and assistant in turn, tool
 * results first in the user's, no block without content.
 *
 * A turn opens with its first block, so that empty messages never show, and goes on as
 * long as the same side speaks.  Where a family of models wants its turns apart, or
 * nobody has said anything, a turn of "." stands between (wire-formats 8.3, 13.2). */
#include "wire/bedrock.h"

#include "codec/text.h"
#include "wire/jchars.h"

#define FILLER STR(".")

enum { SORT_MOST = 64 };

/* ---- turns ---- */

static void write_plain_text(struct bedrock_writing *w, jstr text)
{
	json_open(&w->json, '{');
	json_key_jstr(&w->json, STR("text"), text);
	json_close(&w->json, '}');
	w->has_text = w->has_content = true;
}

static void close_turn(struct bedrock_writing *w)
{
	if (w->role == CHAT_SYSTEM)
		return;
	if (w->has_file && !w->has_text)
		write_plain_text(w, FILLER);
	json_close(&w->json, ']');
	json_close(&w->json, '}');
	w->role = CHAT_SYSTEM;
}

static void begin_turn(struct bedrock_writing *w, enum chat_role role)
{
	json_open(&w->json, '{');
	json_key_str(&w->json, STR("role"),
	             role == CHAT_USER ? STR("user") : STR("assistant"));
	json_key(&w->json, STR("content"));
	json_open(&w->json, '[');
	w->role = role;
	w->has_turn = true;
	w->has_content = w->has_text = w->has_file = false;
}

/* The side that speaks now is role's; a whole turn of filler comes before where needed.
 */
static void need_turn(struct bedrock_writing *w, enum chat_role role)
{
	if (w->role == role)
		return;
	close_turn(w);
	if (!w->has_turn && role == CHAT_ASSISTANT &&
	    !(w->family->bits & BEDROCK_LEADING)) {
		begin_turn(w, CHAT_USER);
		write_plain_text(w, FILLER);
		close_turn(w);
	}
	begin_turn(w, role);
}

/* What follows stands in a user turn of its own. */
static void split_turn(struct bedrock_writing *w)
{
	if (w->role != CHAT_USER || !w->has_content)
		return;
	need_turn(w, CHAT_ASSISTANT);
	write_plain_text(w, FILLER);
	need_turn(w, CHAT_USER);
}

/* ---- cache marks ---- */

void bedrock_write_cache_point(struct json_writer *w, enum chat_cache cache, bool has_ttl)
{
	json_open(w, '{');
	json_key(w, STR("cachePoint"));
	json_open(w, '{');
	json_key_str(w, STR("type"), STR("default"));
	if (cache == CACHE_1H && has_ttl)
		json_key_str(w, STR("ttl"), STR("1h"));
	json_close(w, '}');
	json_close(w, '}');
}

static void write_mark(struct bedrock_writing *w, enum chat_cache cache)
{
	if (cache == CACHE_NONE || !(w->family->bits & BEDROCK_CACHE))
		return;
	if (w->marks_to_skip > 0) {
		w->marks_to_skip--;
		return;
	}
	if (w->role != CHAT_SYSTEM && w->has_content)
		bedrock_write_cache_point(&w->json, cache,
		                          w->family->bits & BEDROCK_CACHE_TOOLS);
}

static bool is_file(const struct chat_part *p)
{
	return p->kind == CHAT_FILE || p->kind == CHAT_VIDEO;
}

/* A mark may not stand behind documents: that of a row of them comes before it. */
static void write_mark_of_files(struct bedrock_writing *w, enum chat_role role,
                                const struct chat_part *p)
{
	enum chat_cache cache = CACHE_NONE;

	for (; p && is_file(p); p = p->next)
		cache = p->cache ? p->cache : cache;
	if (w->role == role)
		write_mark(w, cache);
}

/* ---- texts ---- */

static void write_text(struct bedrock_writing *w, enum chat_role role, jstr text)
{
	if (jchars_are_blank(text)) /* refused as a text */
		return;
	need_turn(w, role);
	write_plain_text(w, text);
}

/* Instructions in the middle of a conversation (wire-formats 13.2). */
static void write_late_system(struct bedrock_writing *w, const struct chat_message *m)
{
	for (const struct chat_part *p = m->parts; p; p = p->next) {
		if (p->kind != CHAT_TEXT || jchars_are_blank(p->text))
			continue;
		need_turn(w, CHAT_USER);
		json_open(&w->json, '{');
		json_key(&w->json, STR("text"));
		json_raw(&w->json, STR("\"<system>"));
		buf_add(w->json.to, p->text);
		buf_add(w->json.to, STR("</system>\""));
		json_close(&w->json, '}');
		w->has_text = w->has_content = true;
	}
}

/* ---- reasoning and calls ---- */

static void write_id(struct bedrock_writing *w, jstr id)
{
	char room[CHAT_ID_ROOM];

	json_key_jstr(&w->json, STR("toolUseId"),
	              chat_fit_id(id, chat_id_most(WIRE_BEDROCK), room));
}

static void write_reasoning(struct bedrock_writing *w, const struct chat_part *p)
{
	if (!chat_seal_fits(&p->seal, WIRE_BEDROCK)) {
		chat_drop(w->r, STR("reasoning"));
		return;
	}
	need_turn(w, CHAT_ASSISTANT);
	json_open(&w->json, '{');
	json_key(&w->json, STR("reasoningContent"));
	json_open(&w->json, '{');
	if (p->seal.redacted) {
		json_key_jstr(&w->json, STR("redactedContent"), p->seal.blob);
	} else {
		json_key(&w->json, STR("reasoningText"));
		json_open(&w->json, '{');
		json_key_jstr(&w->json, STR("text"), p->text);
		json_key_jstr(&w->json, STR("signature"), p->seal.blob);
		json_close(&w->json, '}');
	}
	json_close(&w->json, '}');
	json_close(&w->json, '}');
	w->has_content = true;
}

static void write_call(struct bedrock_writing *w, const struct chat_part *p)
{
	need_turn(w, CHAT_ASSISTANT);
	json_open(&w->json, '{');
	json_key(&w->json, STR("toolUse"));
	json_open(&w->json, '{');
	write_id(w, p->id);
	json_key_jstr(&w->json, STR("name"), p->name);
	json_key(&w->json, STR("input"));
	if (p->is_custom) {
		json_open(&w->json, '{');
		json_key_jstr(&w->json, STR("input"), p->args);
		json_close(&w->json, '}');
	} else {
		json_raw(&w->json, p->args.len ? p->args : STR("{}"));
	}
	json_close(&w->json, '}');
	json_close(&w->json, '}');
	w->has_content = true;
}

static void write_result(struct bedrock_writing *w, const struct chat_part *p)
{
	bool is_empty = true, had_text;

	need_turn(w, CHAT_USER);
	had_text = w->has_text;
	json_open(&w->json, '{');
	json_key(&w->json, STR("toolResult"));
	json_open(&w->json, '{');
	write_id(w, p->id);
	json_key(&w->json, STR("content"));
	json_open(&w->json, '[');
	for (const struct chat_part *in = p->parts; in; in = in->next) {
		if (in->kind == CHAT_FOREIGN ||
		    (in->kind == CHAT_TEXT && jchars_are_blank(in->text)))
			continue;
		if (in->kind == CHAT_TEXT)
			write_plain_text(w, in->text);
		else
			bedrock_write_media(w, in);
		is_empty = false;
	}
	if (is_empty)
		write_plain_text(w, FILLER);
	json_close(&w->json, ']');
	if (p->is_error && !(w->family->bits & BEDROCK_NO_STATUS))
		json_key_str(&w->json, STR("status"), STR("error"));
	json_close(&w->json, '}');
	json_close(&w->json, '}');
	w->has_content = true;
	w->has_text = had_text; /* what a tool said does not stand beside a document */
	write_mark(w, p->cache);
}

/* ---- messages ---- */

static void write_part(struct bedrock_writing *w, enum chat_role role,
                       const struct chat_part *p)
{
	switch (p->kind) {
	case CHAT_TEXT:
	case CHAT_REFUSAL:
		write_text(w, role, p->text);
		break;
	case CHAT_REASONING:
		write_reasoning(w, p);
		return; /* no mark may stand behind it */
	case CHAT_IMAGE:
	case CHAT_AUDIO:
	case CHAT_VIDEO:
	case CHAT_FILE:
		if (role == CHAT_ASSISTANT) {
			chat_drop(w->r, STR("messages[].content[].media"));
			return;
		}
		need_turn(w, role);
		bedrock_write_media(w, p);
		w->has_content = true;
		w->has_file |= p->kind == CHAT_FILE;
		break;
	case CHAT_CALL:
		write_call(w, p);
		break;
	case CHAT_FOREIGN:
		if (w->r->from != WIRE_BEDROCK)
			return;
		need_turn(w, role);
		json_raw(&w->json, p->raw.raw);
		w->has_content = true;
		break;
	case CHAT_RESULT:
		break;
	}
	if (!is_file(p))
		write_mark(w, p->cache);
}

static void write_parts(struct bedrock_writing *w, enum chat_role role,
                        const struct chat_message *m)
{
	bool after_file = false;

	for (const struct chat_part *p = m->parts; p; p = p->next) {
		if (is_file(p) && !after_file)
			write_mark_of_files(w, role, p);
		after_file = is_file(p);
		write_part(w, role, p);
	}
}

static bool is_assistant(const struct chat_message *m)
{
	return m->role == CHAT_ASSISTANT;
}

/* The results of a turn, in the order of the calls they answer where those are few. */
static unsigned gather_results(const struct chat_message *m,
                               const struct chat_message *end,
                               const struct chat_part **ret)
{
	unsigned count = 0;

	for (; m != end; m = m->next) {
		if (m->role != CHAT_TOOL)
			continue;
		for (const struct chat_part *p = m->parts; p; p = p->next) {
			if (count < SORT_MOST)
				ret[count] = p;
			count++;
		}
	}
	return count;
}

/* Where the call stands among those of the turn before. */
static unsigned call_at(const struct chat_message *m, const struct chat_message *end,
                        jstr id)
{
	unsigned at = 0;

	for (; m && m != end; m = m->next) {
		for (const struct chat_part *p = m->parts; p && at < SORT_MOST;
		     p = p->next) {
			if (p->kind != CHAT_CALL)
				continue;
			if (str_eq(p->id, id))
				return at;
			at++;
		}
	}
	return SORT_MOST;
}

static void sort_results(const struct chat_part **results, unsigned count,
                         const struct chat_message *calls, const struct chat_message *end)
{
	unsigned at[SORT_MOST];

	for (unsigned i = 0; i < count; i++) {
		const struct chat_part *p = results[i];
		unsigned key = call_at(calls, end, p->id), j = i;

		for (; j > 0 && at[j - 1] > key; j--) {
			at[j] = at[j - 1];
			results[j] = results[j - 1];
		}
		at[j] = key;
		results[j] = p;
	}
}

/* Returns how many there were. */
static unsigned write_results(struct bedrock_writing *w, const struct chat_message *calls,
                              const struct chat_message *m,
                              const struct chat_message *end)
{
	const struct chat_part *results[SORT_MOST];
	unsigned count = gather_results(m, end, results);

	if (count <= SORT_MOST) {
		sort_results(results, count, calls, m);
		for (unsigned i = 0; i < count; i++)
			write_result(w, results[i]);
		return count;
	}
	for (; m != end; m = m->next) {
		for (const struct chat_part *p = m->role == CHAT_TOOL ? m->parts : NULL;
		     p; p = p->next)
			write_result(w, p);
	}
	return count;
}

static bool has_more(const struct chat_message *m, const struct chat_message *end)
{
	for (; m != end; m = m->next) {
		if (m->role != CHAT_TOOL && m->parts)
			return true;
	}
	return false;
}

/* All that is said between two turns of the assistant, `calls` being the one before. */
static void write_user_turn(struct bedrock_writing *w, const struct chat_message *calls,
                            const struct chat_message *m, const struct chat_message *end)
{
	if (write_results(w, calls, m, end) > 0 && has_more(m, end) &&
	    (w->family->bits & BEDROCK_ALONE))
		split_turn(w);
	for (; m != end; m = m->next) {
		if (m->role == CHAT_USER)
			write_parts(w, CHAT_USER, m);
		else if (m->role == CHAT_SYSTEM)
			write_late_system(w, m);
	}
}

static const struct chat_message *skip_system(const struct chat_request *r)
{
	const struct chat_message *m = r->messages;

	while (m && m->role == CHAT_SYSTEM)
		m = m->next;
	return m;
}

void bedrock_write_messages(struct bedrock_writing *w)
{
	const struct chat_message *m = skip_system(w->r), *calls = NULL, *end;

	json_key(&w->json, STR("messages"));
	json_open(&w->json, '[');
	for (; m; m = end) {
		end = m->next;
		if (is_assistant(m)) {
			calls = calls ? calls : m;
			write_parts(w, CHAT_ASSISTANT, m);
			continue;
		}
		while (end && !is_assistant(end))
			end = end->next;
		write_user_turn(w, calls, m, end);
		calls = NULL;
	}
	if (!w->has_turn) {
		begin_turn(w, CHAT_USER);
		write_plain_text(w, FILLER);
	}
	close_turn(w);
	json_close(&w->json, ']');
}

void bedrock_write_system(struct bedrock_writing *w)
{
	const struct chat_message *end = skip_system(w->r);
	bool is_open = false, caches = w->family->bits & BEDROCK_CACHE;

	for (const struct chat_message *m = w->r->messages; m != end; m = m->next) {
		for (const struct chat_part *p = m->parts; p; p = p->next) {
			if (p->kind != CHAT_TEXT || jchars_are_blank(p->text))
				continue;
			if (!is_open) {
				json_key(&w->json, STR("system"));
				json_open(&w->json, '[');
			}
			is_open = true;
			write_plain_text(w, p->text);
			if (p->cache && caches)
				bedrock_write_cache_point(&w->json, p->cache,
				                          w->family->bits &
				                                  BEDROCK_CACHE_TOOLS);
		}
	}
	if (is_open)
		json_close(&w->json, ']');
}
