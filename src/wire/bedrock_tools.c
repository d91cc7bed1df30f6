/* bedrock_tools.c - the tools of a request, as Converse has them: toolConfig.
 *
 * There is no "none": without tools nothing is called, but a history with calls needs
 * them (wire-formats 8.3).  So they are offered where they cannot be left out, made up
 * where the request has none any more, and what is lost by that is named. */
#include "wire/bedrock.h"

enum { NAMES_MOST = 64 }; /* tools made up for a history that has some */

static void write_schema(struct bedrock_writing *w, struct json_value schema,
                         bool is_strict)
{
	json_key(&w->json, STR("inputSchema"));
	json_open(&w->json, '{');
	json_key(&w->json, STR("json"));
	chat_write_schema(&w->json, schema, is_strict);
	json_close(&w->json, '}');
}

static void write_spec(struct bedrock_writing *w, jstr name, jstr description,
                       struct json_value schema, bool is_strict)
{
	json_open(&w->json, '{');
	json_key(&w->json, STR("toolSpec"));
	json_open(&w->json, '{');
	json_key_jstr(&w->json, STR("name"), name);
	if (str_trim(description).len > 0)
		json_key_jstr(&w->json, STR("description"), description);
	write_schema(w, schema, is_strict);
	if (is_strict)
		json_key_bool(&w->json, STR("strict"), true);
	json_close(&w->json, '}');
	json_close(&w->json, '}');
}

static void write_tool(struct bedrock_writing *w, const struct chat_tool *t)
{
	unsigned bits = w->family->bits;

	if (t->kind == TOOL_FUNCTION) {
		if (t->strict == TRI_YES && !(bits & BEDROCK_STRICT))
			bedrock_lose(w->r, CONCEPT_TOOL_STRICT);
		write_spec(w, t->name, t->description, t->schema,
		           (bits & BEDROCK_STRICT) &&
		                   chat_says_strict(w->r, t, WIRE_BEDROCK));
	} else {
		json_raw(&w->json, t->raw.raw);
	}
	if (t->cache && (bits & BEDROCK_CACHE_TOOLS))
		bedrock_write_cache_point(&w->json, t->cache, true);
}

/* May it be offered?  Where one tool cannot be asked for, it is the only one.  Of hosted
 * tools only Bedrock's own; those of others were refused or named by their reader. */
static bool is_offered(const struct bedrock_writing *w, const struct chat_tool *t)
{
	const struct chat_request *r = w->r;

	if (t->kind != TOOL_FUNCTION &&
	    (t->kind != TOOL_HOSTED || r->from != WIRE_BEDROCK))
		return false;
	if (!chat_is_allowed(r, t))
		return false;
	return r->choose != CHOOSE_ONE || (w->family->bits & BEDROCK_CHOOSE_ONE) ||
	       str_eq(t->name, r->choose_name);
}

/* Tools for a history that calls some, when the request has none any more. */
static void make_up_tools(struct bedrock_writing *w)
{
	jstr names[NAMES_MOST];
	unsigned count = 0;

	for (const struct chat_message *m = w->r->messages; m; m = m->next) {
		for (const struct chat_part *p = m->parts; p; p = p->next) {
			unsigned i = 0;

			if (p->kind != CHAT_CALL || count == NAMES_MOST)
				continue;
			while (i < count && !str_eq(names[i], p->name))
				i++;
			if (i < count)
				continue;
			names[count++] = p->name;
			write_spec(w, p->name, STR_NONE, (struct json_value){ 0 }, false);
		}
	}
	if (count == 0) /* results alone */
		write_spec(w, STR("tool"), STR_NONE, (struct json_value){ 0 }, false);
}

static void write_choice(struct bedrock_writing *w)
{
	unsigned bits = w->family->bits;
	bool one = w->r->choose == CHOOSE_ONE;

	if (!one && w->r->choose != CHOOSE_ANY)
		return;
	if (!(bits & BEDROCK_CHOOSE_ANY) && !(one && (bits & BEDROCK_CHOOSE_ONE))) {
		chat_drop(w->r, STR("tool_choice"));
		return;
	}
	json_key(&w->json, STR("toolChoice"));
	json_open(&w->json, '{');
	json_key(&w->json, one && (bits & BEDROCK_CHOOSE_ONE) ? STR("tool") : STR("any"));
	json_open(&w->json, '{');
	if (one && (bits & BEDROCK_CHOOSE_ONE))
		json_key_jstr(&w->json, STR("name"), w->r->choose_name);
	json_close(&w->json, '}');
	json_close(&w->json, '}');
}

void bedrock_write_tools(struct bedrock_writing *w)
{
	bool needed = chat_has_calls(w->r), offers = false;

	for (const struct chat_tool *t = w->r->tools; t; t = t->next)
		offers |= is_offered(w, t);
	if (w->r->choose == CHOOSE_NONE) {
		if (needed)
			chat_drop(w->r, STR("tool_choice"));
		offers &= needed;
	}
	if (!needed && !offers)
		return;
	json_key(&w->json, STR("toolConfig"));
	json_open(&w->json, '{');
	json_key(&w->json, STR("tools"));
	json_open(&w->json, '[');
	for (const struct chat_tool *t = w->r->tools; t; t = t->next) {
		if (is_offered(w, t))
			write_tool(w, t);
	}
	if (!offers)
		make_up_tools(w);
	json_close(&w->json, ']');
	if (offers)
		write_choice(w);
	json_close(&w->json, '}');
}
