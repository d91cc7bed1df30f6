/* chat_custom.c - custom tools for formats that have none: a function with one text
 * member.
 *
 * Codex edits files through such a tool, so without this it could only ever talk to
 * OpenAI. The grammar that the text has to follow is said in the description; nobody
 * enforces it, and that is named as lost. */
#include "codec/json_text.h"
#include "wire/chat.h"

static const char schema[] = "{\"type\":\"object\",\"properties\":{\"input\":{\"type\":"
                             "\"string\"}},\"required\":[\"input\"],"
                             "\"additionalProperties\":false}";

/* {"input":" and "}, around the text. */
enum { BEFORE = 10, BEHIND = 2 };

static jstr grammar_of(struct chat_request *r, const struct chat_tool *t)
{
	struct json_value v = json_path(t->raw, "format.definition");

	if (v.type != JSON_STRING)
		v = json_path(t->raw, "custom.format.grammar.definition");
	return chat_text(r, v);
}

static void wrap_tool(struct chat_request *r, struct chat_tool *t)
{
	jstr grammar = grammar_of(r, t);
	struct buf text = BUF_LIMIT(t->description.len + grammar.len + 256);
	char *room;

	t->kind = TOOL_FUNCTION;
	t->was_custom = true;
	t->plain_description = t->description;
	t->schema = (struct json_value){ JSON_OBJECT, str_from_z(schema) };
	if (!grammar.len)
		return;
	chat_drop(r, STR("tools[].format"));
	buf_add(&text, t->description);
	buf_add(&text,
	        STR("\\n\\nThe member \\\"input\\\" must follow this grammar:\\n"));
	buf_add(&text, grammar);
	room = arena_try(r->keep, text.len);
	if (room) {
		memcpy(room, text.ptr, text.len);
		t->description = str_of(room, text.len);
	}
	buf_free(&text);
}

static void unwrap_tool(struct chat_tool *t)
{
	t->kind = TOOL_CUSTOM;
	t->was_custom = false;
	t->description = t->plain_description;
	t->schema = (struct json_value){ 0 };
}

static void wrap_call(struct chat_request *r, struct chat_part *p)
{
	char *room = arena_try(r->keep, p->args.len + BEFORE + BEHIND);

	if (!room)
		return;
	struct buf text = BUF_LIMIT(p->args.len + BEFORE + BEHIND);

	buf_add(&text, STR("{\"input\":\""));
	buf_add(&text, p->args);
	buf_add(&text, STR("\"}"));
	memcpy(room, text.ptr, text.len);
	p->args = str_of(room, text.len);
	buf_free(&text);
	p->is_custom = false;
	p->was_custom = true;
}

static void unwrap_call(struct chat_part *p)
{
	p->args = str_of(p->args.ptr + BEFORE, p->args.len - BEFORE - BEHIND);
	p->is_custom = true;
	p->was_custom = false;
}

void chat_wrap_custom(struct chat_request *r, bool wrapped)
{
	for (struct chat_tool *t = r->tools; t; t = t->next) {
		if (wrapped && t->kind == TOOL_CUSTOM)
			wrap_tool(r, t);
		else if (!wrapped && t->was_custom)
			unwrap_tool(t);
	}
	for (struct chat_message *m = r->messages; m; m = m->next) {
		for (struct chat_part *p = m->parts; p; p = p->next) {
			if (wrapped && p->kind == CHAT_CALL && p->is_custom)
				wrap_call(r, p);
			else if (!wrapped && p->was_custom)
				unwrap_call(p);
		}
	}
}

bool chat_wraps_custom(enum wire_format from, enum wire_format to)
{
	return from != to && !concepts[CONCEPT_TOOL_CUSTOM].path[to].len;
}

bool chat_is_wrapped(const struct chat_written *w, jstr name)
{
	for (unsigned i = 0; w && i < w->custom_count; i++) {
		if (str_eq(w->customs[i], name))
			return true;
	}
	return false;
}

static bool skip(str *rest, str word)
{
	*rest = str_trim(*rest);
	return str_skip(rest, word);
}

/* How far the inside of a JSON string goes, up to its end or the last whole escape. */
static size_t text_length(str rest)
{
	size_t at = 0;

	while (at < rest.len && rest.ptr[at] != '"') {
		size_t n = json_step(str_from(rest, at));

		if (at + n > rest.len)
			break;
		at += n;
	}
	return at;
}

/* The input as far as it came, of arguments that break off in it; empty: they do not. */
static jstr beginning_of(struct arena *keep, str plain)
{
	struct json_value text = { 0 };
	char *room;
	size_t n;

	if (!skip(&plain, STR("{")) || !skip(&plain, STR("\"input\"")) ||
	    !skip(&plain, STR(":")) || !skip(&plain, STR("\"")))
		return STR_NONE;
	n = text_length(plain);
	room = arena_try(keep, n + 2);
	if (!room || (str_starts(str_from(plain, n), STR("\"")) &&
	              str_trim(str_from(plain, n + 1)).len))
		return STR_NONE; /* not broken off, but no JSON */
	room[0] = room[n + 1] = '"';
	memcpy(room + 1, plain.ptr, n);
	if (json_check(str_of(room, n + 2), &json_limits_default, &text))
		return STR_NONE;
	return chat_text_in(keep, text);
}

jstr chat_unwrap(struct arena *keep, jstr args)
{
	str plain = chat_plain(keep, args);
	struct json_value root, input;
	jstr begun;

	if (json_check(plain, &json_limits_default, &root)) {
		begun = beginning_of(keep, plain);
		return begun.len ? begun : args;
	}
	input = json_get(root, STR("input"));
	return input.type == JSON_STRING ? chat_text_in(keep, input) : args;
}
