/* chat_hosted.c - tools that a vendor runs itself, crossing to another: what of their
 * options is lost, and that most formats cannot force one.
 *
 * Their words lie raw in the tool; the writer takes what its format has a word for, and
 * says which that was.  Facts: wire-formats 13.4. */
#include "wire/chat.h"

#include <stdio.h>

enum { PATH_MOST = 120 };

/* ---- options ---- */

/* How the tool is called, and what changes nothing that another vendor could do. */
static const str unheard[] = {
	STR_INIT("type"),
	STR_INIT("name"),
	STR_INIT("cache_control"),
	STR_INIT("allowed_callers"),
	STR_INIT("eager_input_streaming"),
};

/* Google's stand in the member that names the tool. */
static struct json_value options_of(const struct chat_request *r,
                                    const struct chat_tool *t)
{
	struct json_iter it = json_iter(t->raw);
	struct json_member m;

	if (r->from != WIRE_GEMINI)
		return t->raw;
	return json_next(&it, &m) ? m.value : (struct json_value){ 0 };
}

static bool says_nothing(const struct json_member *m)
{
	struct json_iter it = json_iter(m->value);
	struct json_member inner;

	if (m->value.type == JSON_OBJECT || m->value.type == JSON_ARRAY)
		return !json_next(&it, &inner);
	/* a search that may search, as all do */
	return m->value.type == JSON_NULL ||
	       (m->value.type == JSON_TRUE && str_eq(m->key, STR("external_web_access")));
}

enum use { UNUSED, INSIDE, USED };

static enum use use_of(const str *used, unsigned count, str path)
{
	for (unsigned i = 0; i < count; i++) {
		str rest = used[i];

		if (!str_skip(&rest, path))
			continue;
		if (!rest.len)
			return USED;
		if (rest.ptr[0] == '.')
			return INSIDE;
	}
	return UNUSED;
}

/* No deeper than the paths in `used`. */
static void drop_unused(struct chat_request *r, str word, str within,
                        struct json_value object, const str *used, unsigned count)
{
	struct json_iter it = json_iter(object);
	struct json_member m;
	char text[PATH_MOST];

	while (json_next(&it, &m)) {
		int n = snprintf(text, sizeof(text), "%.*s%s%.*s", STR_ARG(within),
		                 within.len ? "." : "", STR_ARG(str_first(m.key, 40)));
		str path = str_of(text, n > 0 ? (size_t)n : 0);
		enum use use = use_of(used, count, path);

		if (use == USED || says_nothing(&m))
			continue;
		if (use == INSIDE && m.value.type == JSON_OBJECT)
			drop_unused(r, word, path, m.value, used, count);
		else if (within.len || use_of(unheard, countof(unheard), path) != USED)
			chat_dropf(r, "%.*s.%.*s", STR_ARG(word), STR_ARG(path));
	}
}

void chat_drop_options(struct chat_request *r, const struct chat_tool *t, const str *used,
                       unsigned count)
{
	static const enum concept concept_of[] = {
		[TOOL_FUNCTION] = CONCEPT_TOOLS,        [TOOL_CUSTOM] = CONCEPT_TOOLS,
		[TOOL_WEB_SEARCH] = CONCEPT_WEB_SEARCH, [TOOL_CODE] = CONCEPT_CODE_TOOL,
		[TOOL_FETCH] = CONCEPT_FETCH_TOOL,      [TOOL_HOSTED] = CONCEPT_TOOLS,
	};
	str word = concepts[concept_of[t->kind]].path[r->from];
	char text[PATH_MOST];
	int n;

	if (t->name.len) {
		n = snprintf(text, sizeof(text), "tools[].%.*s",
		             STR_ARG(str_first(t->name, 40)));
		word = str_of(text, n > 0 ? (size_t)n : 0);
	}
	drop_unused(r, word, STR_NONE, options_of(r, t), used, count);
}

/* ---- the choice ---- */

bool chat_is_hosted(const struct chat_tool *t)
{
	return t->kind != TOOL_FUNCTION && t->kind != TOOL_CUSTOM;
}

const struct chat_tool *chat_named_tool(const struct chat_request *r, jstr name)
{
	const struct chat_tool *hosted = NULL;

	for (const struct chat_tool *t = r->tools; t; t = t->next) {
		if (!str_eq(t->name, name))
			continue;
		if (!chat_is_hosted(t))
			return t;
		if (!hosted)
			hosted = t;
	}
	return hosted;
}

bool chat_allows_functions(const struct chat_request *r)
{
	for (unsigned i = 0; i < r->allowed_count; i++) {
		const struct chat_tool *t = chat_named_tool(r, r->allowed[i]);

		if (!t || !chat_is_hosted(t))
			return true;
	}
	return r->allowed_count == 0;
}

void chat_free_choice(struct chat_request *r, enum wire_format to)
{
	const struct chat_tool *t;

	if (r->choice_waits)
		r->choose = CHOOSE_ONE;
	r->choice_waits = false;
	if (r->from == to || r->choose != CHOOSE_ONE || to == WIRE_ANTHROPIC ||
	    to == WIRE_OPENAI_RESPONSES)
		return;
	t = chat_named_tool(r, r->choose_name);
	if (!t || !chat_is_hosted(t))
		return;
	chat_drop(r, STR("tool_choice"));
	r->choice_waits = true;
	r->choose = CHOOSE_UNSET;
}
