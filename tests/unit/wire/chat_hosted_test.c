/* Tools that a vendor runs, from one format to another. */
#include "tests/unit/wire/form.h"

#define RESPONSES(tool) "{'model':'m','input':'q','tools':[" tool "]}"
#define SEARCH                                                                           \
	"{'type':'web_search','search_context_size':'high','external_web_access':"       \
	"false,'filters':{'allowed_domains':['a.org'],'blocked_domains':['b.org']},"     \
	"'user_location':{'type':'approximate','country':'CH','planet':'x'},"            \
	"'odd':null,'list':[]}"

TEST(hosted_options_that_do_not_cross_are_named)
{
	FORM_SOME(&wire_openai_responses, RESPONSES(SEARCH), &wire_anthropic, "m",
	          "'tools':[{'type':'web_search_20250305','name':'web_search',"
	          "'allowed_domains':['a.org'],'user_location':{'type':'approximate',"
	          "'country':'CH'}}]",
	          "tools[].web_search.search_context_size,"
	          "tools[].web_search.external_web_access,"
	          "tools[].web_search.filters.blocked_domains,"
	          "tools[].web_search.user_location.planet");
	FORM_SOME(&wire_openai_responses, RESPONSES(SEARCH), &wire_openai_chat,
	          "openai/m", "'web_search_options':{'search_context_size':'high'}",
	          "tools[].web_search.external_web_access,tools[].web_search.filters,"
	          "tools[].web_search.user_location");
	FORM_SOME(&wire_openai_responses,
	          RESPONSES("{'type':'web_search','external_web_access':true}"),
	          &wire_anthropic, "m", "'name':'web_search'", "");
	FORM_SOME(&wire_openai_responses,
	          RESPONSES("{'type':'code_interpreter','container':{'type':'auto',"
	                    "'file_ids':['file-1'],'memory_limit':'4g'}}"),
	          &wire_anthropic, "m", "'name':'code_execution'",
	          "tools[].code_interpreter.container.file_ids,"
	          "tools[].code_interpreter.container.memory_limit");
	FORM_SOME(&wire_openai_responses,
	          RESPONSES("{'type':'code_interpreter','container':{'type':'auto',"
	                    "'file_ids':[]}}"),
	          &wire_gemini, "gemini-3-pro", "'codeExecution':{}", "");
	FORM_SOME(&wire_openai_chat,
	          "{'model':'m','messages':[{'role':'user','content':'q'}],"
	          "'web_search_options':{'search_context_size':'low','user_location':{"
	          "'type':'approximate','approximate':{'city':'Bern'}}}}",
	          &wire_anthropic, "m",
	          "'user_location':{'type':'approximate','city':'Bern'}",
	          "web_search_options.search_context_size");
	FORM_SOME(&wire_anthropic,
	          "{'max_tokens':99,'messages':[{'role':'user','content':'q'}],'tools':["
	          "{'type':'web_search_20250305','name':'web_search','max_uses':3,"
	          "'cache_control':{'type':'ephemeral'}},{'type':"
	          "'code_execution_20250825','name':'code_execution','odd':1}]}",
	          &wire_openai_responses, "m",
	          "'tools':[{'type':'web_search'},{'type':'code_interpreter','container':"
	          "{'type':'auto'}}]",
	          "tools[].web_search.max_uses,tools[].code_execution.odd");
	FORM_SOME(&wire_gemini,
	          "{'contents':[{'parts':[{'text':'q'}]}],'tools':[{'googleSearch':{"
	          "'excludeDomains':['a.org']}}]}",
	          &wire_anthropic, "m", "'name':'web_search'",
	          "tools[].googleSearch.excludeDomains");
}

#define BOTH                                                                             \
	"'max_tokens':99,'messages':[{'role':'user','content':'q'}],'tools':[{'name':"   \
	"'f','input_schema':{'type':'object'}},{'type':'web_search_20250305','name':"    \
	"'web_search'}],'tool_choice':{'type':'tool','name':"

TEST(hosted_tools_are_forced_only_where_they_can_be)
{
	struct form f;
	struct arena keep = { .ceiling = MiB };

	FORM_SOME(&wire_anthropic, "{" BOTH "'web_search'}}", &wire_openai_responses, "m",
	          "'tool_choice':{'type':'web_search'}", "");
	FORM_SOME(&wire_anthropic, "{" BOTH "'web_search'}}", &wire_openai_chat,
	          "openai/m", "'parameters':{'type':'object'}}}]}", "tool_choice");
	FORM_SOME(
	        &wire_anthropic, "{" BOTH "'web_search'}}", &wire_gemini, "gemini-3-pro",
	        "'toolConfig':{'includeServerSideToolInvocations':true}", "tool_choice");
	FORM_SOME(&wire_anthropic, "{" BOTH "'web_search'}}", &wire_cohere, "m",
	          "'name':'f','parameters':{'type':'object'}}}]}",
	          "tool_choice,tools[].web_search");
	FORM_SOME(&wire_anthropic, "{" BOTH "'f'}}", &wire_openai_chat, "openai/m",
	          "'tool_choice':{'type':'function','function':{'name':'f'}}", "");
	FORM_SOME(&wire_openai_responses,
	          "{'model':'m','input':'q','tools':[{'type':'code_interpreter',"
	          "'container':{'type':'auto'}}],'tool_choice':{'type':"
	          "'code_interpreter'}}",
	          &wire_anthropic, "m",
	          "'tool_choice':{'type':'tool','name':'code_execution'}", "");
	FORM_SOME(&wire_anthropic,
	          "{'max_tokens':99,'messages':[{'role':'user','content':'q'}],'tools':["
	          "{'type':'code_execution_20250825','name':'code_execution'}],"
	          "'tool_choice':{'type':'tool','name':'code_execution'}}",
	          &wire_openai_responses, "m",
	          "'tool_choice':{'type':'code_interpreter'}", "");
	/* The next target may have a word for it. */
	CHECK_OK(form_read(&f, &wire_anthropic,
	                   form_quoted(&keep, "{" BOTH "'web_search'}}")));
	CHECK_OK(form_write(&f, &wire_openai_chat, STR("m")));
	CHECK_OK(form_write(&f, &wire_openai_responses, STR("m")));
	CHECK_STR(form_member(&f, "tool_choice.type").raw, "\"web_search\"");
	form_done(&f);
	arena_done(&keep);
}

TEST(hosted_tools_among_the_allowed_are_no_functions)
{
	static const char body[] =
	        "{'model':'m','input':'q','tools':[{'type':'function','name':'f',"
	        "'parameters':{'type':'object'}},{'type':'web_search'}],'tool_choice':{"
	        "'type':'allowed_tools','mode':'required','tools':[{'type':'function',"
	        "'name':'f'},{'type':'web_search'}]}}";

	FORM_SOME(&wire_openai_responses, body, &wire_openai_chat, "openai/m",
	          "'tool_choice':{'type':'allowed_tools','allowed_tools':{'mode':"
	          "'required','tools':[{'type':'function','function':{'name':'f'}}]}}",
	          "");
	FORM_SOME(&wire_openai_responses, body, &wire_gemini, "gemini-3-pro",
	          "'allowedFunctionNames':['f']", "");
}
