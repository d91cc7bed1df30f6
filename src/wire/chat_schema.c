/* chat_schema.c - a JSON schema for the answer where the model takes none: a tool that it
 * has to call, whose arguments are the answer.
 *
 * The emitter shows the call as the text that the client expects, piece by piece, and
 * leaves out what the model says beside it: text that is no JSON would spoil the answer.
 * Where the client has tools of its own, the model has to call one or the other. */
#include "wire/chat.h"

#define ANSWER_NAME "json_answer"

static jstr free_name(struct chat_request *r)
{
	jstr name = STR(ANSWER_NAME);

	for (unsigned i = 2;; i++) {
		const struct chat_tool *t = r->tools;

		while (t && !str_eq(t->name, name))
			t = t->next;
		if (!t)
			return name;
		name = arena_printf(r->keep, ANSWER_NAME "_%u", i);
	}
}

/* Arguments are objects. */
static bool is_object_schema(struct json_value schema)
{
	return schema.type == JSON_OBJECT &&
	       json_text_is(json_get(schema, STR("type")), STR("object"));
}

static void add_tool(struct chat_request *r)
{
	struct chat_tool *t;
	jstr name = free_name(r);

	r->before_answer = r->last_tool;
	t = chat_add_tool(r, TOOL_FUNCTION);
	t->name = name;
	t->description =
	        r->schema_description.len
	                ? r->schema_description
	                : STR("Gives the answer. Call it once, with all of the answer.");
	t->schema = r->schema;
	r->answer_tool = t;
}

static void name_strict(struct chat_request *r)
{
	str path = concepts[CONCEPT_JSON_SCHEMA].path[r->from];

	if (r->schema_strict == TRI_YES)
		chat_dropf(r, "%.*s.strict", STR_ARG(path));
}

bool chat_schema_to_tool(struct chat_request *r)
{
	bool has_functions = chat_has_functions(r) && r->choose != CHOOSE_NONE;

	if (has_functions && (r->choose == CHOOSE_ANY || r->choose == CHOOSE_ONE)) {
		r->form = FORM_TEXT; /* a tool has to be called: there will be no text */
		r->schema_waits = true;
		return true;
	}
	if (!is_object_schema(r->schema) ||
	    (r->allowed_count == CHAT_NAMES && has_functions))
		return false;
	r->schema_waits = true;
	r->form = FORM_TEXT;
	r->plain_choose = r->choose;
	r->plain_choose_name = r->choose_name;
	r->plain_parallel = r->parallel;
	r->plain_allowed = r->allowed_count;
	add_tool(r);
	name_strict(r);
	r->choose = has_functions ? CHOOSE_ANY : CHOOSE_ONE;
	r->choose_name = r->answer_tool->name;
	if (has_functions && r->allowed_count)
		r->allowed[r->allowed_count++] = r->answer_tool->name;
	else if (!has_functions)
		r->allowed_count = 0;
	if (!has_functions)
		r->parallel = TRI_NO;
	return true;
}

void chat_schema_undo(struct chat_request *r)
{
	if (!r->schema_waits)
		return;
	r->schema_waits = false;
	r->form = FORM_SCHEMA;
	if (!r->answer_tool)
		return;
	r->answer_tool = NULL;
	r->choose = r->plain_choose;
	r->choose_name = r->plain_choose_name;
	r->parallel = r->plain_parallel;
	r->allowed_count = r->plain_allowed;
	r->last_tool = r->before_answer;
	if (r->before_answer)
		r->before_answer->next = NULL;
	else
		r->tools = NULL;
}
