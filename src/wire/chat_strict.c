/* chat_strict.c - schemas of tools, and those whose calls the vendor holds to them.
 *
 * Google and Cohere do that with any schema.  OpenAI and Anthropic only with one that is
 * closed down to its leaves, and refuse a request that asks for it with another; so they
 * are asked only where it is.  Facts: wire-formats 13.4. */
#include "wire/chat.h"

enum { DEPTH_MOST = 32, LIST_MOST = 128 };

static unsigned count(struct json_value v)
{
	struct json_member m;
	unsigned n = 0;

	for (struct json_iter it = json_iter(v); n <= LIST_MOST && json_next(&it, &m);)
		n++;
	return n;
}

static bool has_word(struct json_value list, str word)
{
	struct json_member m;

	for (struct json_iter it = json_iter(list); json_next(&it, &m);) {
		if (json_text_is(m.value, word))
			return true;
	}
	return false;
}

/* False also where there are too many to look at. */
static bool are_required(struct json_value properties, struct json_value required)
{
	struct json_member m;

	if (count(properties) > LIST_MOST || count(required) > LIST_MOST)
		return false;
	for (struct json_iter it = json_iter(properties); json_next(&it, &m);) {
		if (!has_word(required, m.key))
			return false;
	}
	return true;
}

/* The schema itself, not those in it. */
static bool is_closed(struct json_value schema, bool all_required)
{
	struct json_value properties = json_get(schema, STR("properties"));

	if (properties.type != JSON_OBJECT &&
	    !json_text_is(json_get(schema, STR("type")), STR("object")))
		return true; /* of no object */
	return chat_is_closed(schema) &&
	       (!all_required ||
	        are_required(properties, json_get(schema, STR("required"))));
}

static bool are_closed(struct json_value schemas, bool all_required, unsigned depth);

static bool is_deeply_closed(struct json_value schema, bool all_required, unsigned depth)
{
	static const str lists[] = { STR_INIT("properties"),  STR_INIT("$defs"),
		                     STR_INIT("definitions"), STR_INIT("anyOf"),
		                     STR_INIT("oneOf"),       STR_INIT("allOf"),
		                     STR_INIT("prefixItems") };

	if (schema.type != JSON_OBJECT)
		return true;
	if (depth == DEPTH_MOST || !is_closed(schema, all_required) ||
	    !is_deeply_closed(json_get(schema, STR("items")), all_required, depth + 1))
		return false;
	for (size_t i = 0; i < countof(lists); i++) {
		if (!are_closed(json_get(schema, lists[i]), all_required, depth + 1))
			return false;
	}
	return true;
}

static bool are_closed(struct json_value schemas, bool all_required, unsigned depth)
{
	struct json_member m;

	for (struct json_iter it = json_iter(schemas); json_next(&it, &m);) {
		if (!is_deeply_closed(m.value, all_required, depth))
			return false;
	}
	return true;
}

bool chat_says_strict(struct chat_request *r, const struct chat_tool *t,
                      enum wire_format to)
{
	bool all_required = to == WIRE_OPENAI_CHAT || to == WIRE_OPENAI_RESPONSES;

	if (t->strict != TRI_YES)
		return false;
	if (r->from == to && !t->is_strict_unsaid) /* the client knows its vendor */
		return true;
	if (t->schema.type != JSON_OBJECT || /* chat_no_parameters is closed */
	    (chat_is_closed(t->schema) && is_deeply_closed(t->schema, all_required, 0)))
		return true;
	if (!t->is_strict_unsaid)
		chat_drop(r, concepts[CONCEPT_TOOL_STRICT].path[r->from]);
	return false;
}

str chat_no_parameters(bool is_strict)
{
	return is_strict ? STR("{\"type\":\"object\",\"properties\":{},"
	                       "\"additionalProperties\":false}")
	                 : STR("{\"type\":\"object\",\"properties\":{}}");
}

void chat_write_schema(struct json_writer *w, struct json_value schema, bool is_strict)
{
	struct json_iter it = json_iter(schema);
	struct json_member m;

	if (!json_next(&it, &m)) {
		json_raw(w, chat_no_parameters(is_strict));
	} else if (json_get(schema, STR("type")).type == JSON_NONE) {
		json_raw(w, STR("{\"type\":\"object\","));
		buf_add(w->to, str_from(schema.raw, 1));
	} else {
		json_raw(w, schema.raw);
	}
}
