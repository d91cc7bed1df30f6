/* A tool is strict only where the target's vendor takes its schema so. */
#include "tests/unit/wire/form.h"

#define TOOL(more, schema)                                                               \
	"{'model':'m','input':'a','tools':[{'type':'function','name':'f'" more           \
	",'parameters':" schema "}]}"
#define CHAT_TOOL(schema)                                                                \
	"{'model':'m','messages':[{'role':'user','content':'a'}],'tools':[{'type':"      \
	"'function','function':{'name':'f','parameters':" schema "}}]}"
#define OPTIONAL                                                                         \
	"{'type':'object','properties':{'a':{'type':'string'}},'required':[],"           \
	"'additionalProperties':false}"
#define REQUIRED                                                                         \
	"{'type':'object','properties':{'a':{'type':'string'}},'required':['a'],"        \
	"'additionalProperties':false}"

TEST(schemas_say_that_they_are_of_objects)
{
	static const struct wire *const targets[] = { &wire_anthropic, &wire_bedrock,
		                                      &wire_openai_responses,
		                                      &wire_cohere };

	for (size_t i = 0; i < countof(targets); i++) {
		FORM_SOME(&wire_openai_chat, CHAT_TOOL("{}"), targets[i], "m",
		          "{'type':'object','properties':{}}", "");
		FORM_SOME(&wire_openai_chat, CHAT_TOOL("{'properties':{'a':{}}}"),
		          targets[i], "m", "{'type':'object','properties':{'a':{}}}", "");
	}
}

TEST(tools_are_strict_where_their_schema_may_be)
{
	static const struct {
		const char *body;
		const struct wire *to;
		const char *model, *some, *dropped;
	} rows[] = {
		{ TOOL(",'strict':true", REQUIRED), &wire_openai_chat, "openai/m",
		  "'strict':true", "" },
		{ TOOL(",'strict':true", OPTIONAL), &wire_openai_chat, "openai/m",
		  "'additionalProperties':false}}}]", "tools[].strict" },
		/* what the client has not said it does not lose */
		{ TOOL("", OPTIONAL), &wire_openai_chat, "openai/m",
		  "'additionalProperties':false}}}]", "" },
		{ TOOL("", OPTIONAL), &wire_anthropic, "claude-sonnet-4-5",
		  "'strict':true", "" },
		{ TOOL(",'strict':true", "{'type':'object','properties':{'a':{'type':'"
		                         "array','items':{'type':"
		                         "'object'}}},'additionalProperties':false}"),
		  &wire_anthropic, "claude-sonnet-4-5", "'additionalProperties':false}}]",
		  "tools[].strict" },
	};

	for (size_t i = 0; i < countof(rows); i++)
		FORM_SOME(&wire_openai_responses, rows[i].body, rows[i].to, rows[i].model,
		          rows[i].some, rows[i].dropped);
	FORM_SOME(
	        &wire_cohere,
	        "{'model':'m','messages':[{'role':'user','content':'a'}],'strict_tools':"
	        "true,'tools':[{'type':'function','function':{'name':'f','parameters':{"
	        "'type':'object','properties':{'a':{'type':'string'}},'required':['a']}}}"
	        "]}",
	        &wire_bedrock, "us.anthropic.claude-sonnet-4-5", "'required':['a']}}}}]",
	        "strict_tools");
}
