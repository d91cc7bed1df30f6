/* What only one format knows: its name in the client's words. */
#include "tests/unit/wire/form.h"

#define CANNOT(name) "'" name "' cannot be said in the format anthropic"
#define CHAT(part)                                                                       \
	"{'model':'m','messages':[{'role':'user','content':[{'type':'text','text':'a'}," \
	"" part "]}]}"

TEST(lost_parts_of_what_the_client_says_refuse_the_request)
{
	FORM_REFUSED(&wire_openai_chat, CHAT("{'type':'hologram','x':1}"),
	             &wire_anthropic, CANNOT("messages[].content[].hologram"));
	FORM_REFUSED(&wire_openai_chat, CHAT("{'type':'a,\xc3\xa4'}"), &wire_anthropic,
	             CANNOT("messages[].content[].a???"));
	FORM_REFUSED(&wire_openai_responses,
	             "{'model':'m','input':[{'role':'user','content':[{'type':"
	             "'input_smell','x':1}]}]}",
	             &wire_anthropic, CANNOT("input[].content[].input_smell"));
	FORM_REFUSED(&wire_cohere,
	             "{'model':'m','messages':[{'role':'user','content':[{'type':"
	             "'hologram'}]}]}",
	             &wire_anthropic, CANNOT("messages[].content[].hologram"));
	FORM_REFUSED(&wire_gemini, "{'contents':[{'parts':[{'smellData':{}}]}]}",
	             &wire_anthropic, CANNOT("contents[].parts[].smellData"));
	FORM_REFUSED(&wire_bedrock,
	             "{'messages':[{'role':'user','content':[{'smell':{}}]}]}",
	             &wire_anthropic, CANNOT("messages[].content[].smell"));
	FORM_REFUSED(&wire_anthropic,
	             "{'max_tokens':9,'messages':[{'role':'user','content':[{'type':"
	             "'hologram'}]}]}",
	             &wire_openai_chat,
	             "'messages[].content[].hologram' cannot be said in the format "
	             "openai-chat");
	FORM_REFUSED(&wire_anthropic,
	             "{'max_tokens':9,'messages':[{'role':'user','content':[{'type':"
	             "'document','source':{'type':'content','content':[{'type':'image',"
	             "'source':{}}]}}]}]}",
	             &wire_openai_chat,
	             "'messages[].content[].document.source.content[].image' cannot be "
	             "said in the format openai-chat");
}

TEST(lost_blocks_of_an_answer_and_of_results_are_named)
{
	FORM_SOME(&wire_anthropic,
	          "{'max_tokens':9,'messages':[{'role':'user','content':'q'},{'role':"
	          "'assistant','content':[{'type':'server_tool_use','id':'s','name':"
	          "'web_search','input':{}},{'type':'web_search_tool_result',"
	          "'tool_use_id':'s','content':[]},{'type':'text','text':'so'},{'type':"
	          "'server_tool_use','id':'t','name':'web_search','input':{}}]},"
	          "{'role':'user','content':'go on'}]}",
	          &wire_openai_chat, "m", "{'role':'assistant','content':'so'}",
	          "messages[].content[].server_tool_use,"
	          "messages[].content[].web_search_tool_result");
	/* Where all tools are there from the start. */
	FORM_SOME(&wire_anthropic,
	          "{'max_tokens':9,'messages':[{'role':'user','content':'q'},{'role':"
	          "'system','content':[{'type':'tool_addition','tool':{'type':"
	          "'tool_reference','name':'f'}}]}]}",
	          &wire_openai_chat, "m", "'messages':[{'role':'user','content':'q'}]",
	          "messages[].content[].tool_addition");
	FORM_SOME(&wire_openai_responses,
	          "{'model':'m','input':[{'role':'user','content':'q'},{'type':"
	          "'web_search_call','id':'w','status':'completed'},{'role':'assistant',"
	          "'content':'so'},{'role':'user','content':'go on'}]}",
	          &wire_cohere, "m", "'so'", "input[].web_search_call");
	FORM_SOME(&wire_gemini,
	          "{'contents':[{'parts':[{'text':'q'}]},{'role':'model','parts':[{"
	          "'executableCode':{'code':'1'}},{'text':'so'}]},{'parts':[{'text':"
	          "'go on'}]}]}",
	          &wire_cohere, "m", "'so'", "contents[].parts[].executableCode");
}

TEST(lost_tools_that_only_a_vendor_runs_are_named)
{
	FORM_REFUSED(&wire_openai_responses,
	             "{'model':'m','input':'q','tools':[{'type':'file_search',"
	             "'vector_store_ids':['v']}]}",
	             &wire_anthropic, CANNOT("tools[].file_search"));
	FORM_REFUSED(&wire_openai_chat,
	             "{'model':'m','messages':[{'role':'user','content':'q'}],'tools':[{"
	             "'type':'openrouter:datetime'}]}",
	             &wire_anthropic, CANNOT("tools[].openrouter:datetime"));
	FORM_REFUSED(
	        &wire_gemini,
	        "{'contents':[{'parts':[{'text':'q'}]}],'tools':[{'googleMaps':{}}]}",
	        &wire_anthropic, CANNOT("tools[].googleMaps"));
	FORM_REFUSED(&wire_bedrock,
	             "{'messages':[{'role':'user','content':[{'text':'q'}]}],"
	             "'toolConfig':{'tools':[{'systemTool':{'name':'n'}}]}}",
	             &wire_anthropic, CANNOT("toolConfig.tools[].systemTool"));
	FORM_REFUSED(&wire_anthropic,
	             "{'max_tokens':9,'messages':[{'role':'user','content':'q'}],'tools':"
	             "[{'type':'computer_20250124','name':'computer'}]}",
	             &wire_openai_chat,
	             "'tools[].computer_20250124' cannot be said in the format "
	             "openai-chat");
	FORM_REFUSED(&wire_openai_chat,
	             "{'model':'m','messages':[{'role':'user','content':'q'}],"
	             "'modalities':['text','image']}",
	             &wire_anthropic, CANNOT("modalities"));
}

/* Clients that speak Responses too take its words for text. */
TEST(texts_of_chat_may_have_the_types_of_responses)
{
	FORM_SOME(&wire_openai_chat,
	          "{'model':'m','messages':[{'role':'user','content':[{'type':"
	          "'input_text','text':'hello'}]},{'role':'assistant','content':[{'type':"
	          "'output_text','text':'hi'}]},{'role':'user','content':'so'}]}",
	          &wire_cohere, "m",
	          "'messages':[{'role':'user','content':'hello'},{'role':'assistant',"
	          "'content':'hi'},{'role':'user','content':'so'}]",
	          "");
}

#define SEED(seed)                                                                       \
	"{'model':'m','messages':[{'role':'user','content':'q'}],'seed':" seed "}"

TEST(lost_seeds_are_those_that_google_has_no_room_for)
{
	FORM_SOME(&wire_openai_chat, SEED("2147483647"), &wire_gemini, "gemini-2.5-pro",
	          "'seed':2147483647", "");
	FORM_SOME(&wire_openai_chat, SEED("-2147483648"), &wire_gemini, "gemini-2.5-pro",
	          "'seed':-2147483648", "");
	FORM_SOME(&wire_openai_chat, SEED("2147483648"), &wire_gemini, "gemini-2.5-pro",
	          "'generationConfig':{}", "seed");
	FORM_SOME(&wire_openai_chat, SEED("10176929106694746000"), &wire_gemini,
	          "gemini-2.5-pro", "'generationConfig':{}", "seed");
	FORM_SOME(&wire_openai_chat, SEED("10176929106694746000"), &wire_cohere, "m",
	          "'seed':10176929106694746000", "");
	FORM_SOME(&wire_gemini,
	          "{'contents':[{'parts':[{'text':'q'}]}],'generationConfig':{'seed':"
	          "2147483648}}",
	          &wire_gemini, "gemini-2.5-pro", "'seed':2147483648", "");
}

#define HI "'model':'m','messages':[{'role':'user','content':'hi'}]"
#define OBJECT "{'type':'object','properties':{'a':{'type':'integer'}}}"
#define FUNCTION(name) "{'type':'function','function':{'name':'" name "'}}"

/* Whoever a request was written for before, and whatever it became for that: the next
 * target gets the same, and hears of the same losses. */
TEST(what_was_written_for_one_target_leaves_nothing_for_the_next)
{
	static const struct {
		const struct wire *from;
		const char *body;
	} asked[] = {
		{ &wire_openai_chat,
		  "{" HI
		  ",'stop':['1','2','3','4','5','6',' '],'response_format':{'type':"
		  "'json_schema','json_schema':{'name':'n','strict':true,'schema':" OBJECT
		  "}}}" },
		{ &wire_openai_chat, "{" HI ",'response_format':{'type':'json_schema',"
		                     "'json_schema':{'name':'n','schema':" OBJECT
		                     "}},'tools':[" FUNCTION("x.y") "],'tool_choice':"
		                                                    "'required'}" },
		{ &wire_openai_chat,
		  "{" HI ",'response_format':{'type':'json_object'},'tools':[" FUNCTION(
		          "7.y") "," FUNCTION("z") "]}" },
		{ &wire_openai_responses,
		  "{'model':'m','input':[{'type':'message','role':'user','content':'a'},"
		  "{'type':'custom_tool_call','call_id':'c','name':'p.q','input':'x'},"
		  "{'type':'custom_tool_call_output','call_id':'c','output':'y'}],"
		  "'tools':[{'type':'custom','name':'p.q','description':'d','format':{"
		  "'type':'grammar','syntax':'lark','definition':'g'}}]}" },
		{ &wire_openai_responses,
		  "{'model':'m','input':'a','tools':[{'type':'web_search'},{'type':"
		  "'function','name':'f','parameters':" OBJECT
		  "}],'tool_choice':{'type':'web_search'}}" },
		{ &wire_gemini,
		  "{'contents':[{'role':'user','parts':[{'text':'a'}]}],'tools':[{"
		  "'functionDeclarations':[{'name':'f.g'},{'name':'h'}]}],'toolConfig':{"
		  "'functionCallingConfig':{'mode':'ANY','allowedFunctionNames':['f.g',"
		  "'h']}},'generationConfig':{'responseMimeType':'application/json',"
		  "'responseJsonSchema':" OBJECT "}}" },
	};
	static const struct {
		const struct wire *wire;
		const char *model;
	} targets[] = {
		{ &wire_openai_chat, "m" },
		{ &wire_openai_responses, "m" },
		{ &wire_anthropic, "claude-3-5-haiku" },
		{ &wire_anthropic, "claude-sonnet-4-5" },
		{ &wire_gemini, "gemini-2.5-flash" },
		{ &wire_gemini, "gemini-3-pro" },
		{ &wire_bedrock, "us.amazon.nova-pro-v1:0" },
		{ &wire_bedrock, "us.anthropic.claude-sonnet-4-5" },
		{ &wire_cohere, "command-a" },
	};
	enum { TARGETS = countof(targets), PAIRS = TARGETS * TARGETS };
	struct arena keep = { .ceiling = MiB };

	for (unsigned i = 0; i < countof(asked) * PAIRS; i++) {
		unsigned first = i % PAIRS / TARGETS, second = i % TARGETS;
		str body = form_quoted(&keep, asked[i / PAIRS].body);
		struct form f, alone;
		fault_t why;
		unsigned read;

		CHECK_OK(form_read(&f, asked[i / PAIRS].from, body));
		CHECK_OK(form_read(&alone, asked[i / PAIRS].from, body));
		read = f.r.dropped_count;
		why = form_write(&alone, targets[second].wire,
		                 str_from_z(targets[second].model));
		(void)!form_write(&f, targets[first].wire,
		                  str_from_z(targets[first].model));
		f.r.dropped_count = read;
		CHECK_FAULT(form_write(&f, targets[second].wire,
		                       str_from_z(targets[second].model)),
		            why);
		CHECK_STR_EQ(buf_str(&f.body), buf_str(&alone.body));
		CHECK_STR_EQ(buf_str(&f.dropped), buf_str(&alone.dropped));
		CHECK_STR_EQ(f.written.answer, alone.written.answer);
		CHECK_INT(f.written.stops_kept, alone.written.stops_kept);
		CHECK_INT(f.written.custom_count, alone.written.custom_count);
		CHECK_INT(f.r.form, alone.r.form);
		form_done(&f);
		form_done(&alone);
	}
	arena_done(&keep);
}

TEST(what_says_nothing_is_not_lost)
{
	FORM_SOME(&wire_anthropic,
	          "{'model':'m','max_tokens':5,'mcp_servers':[],'messages':[{'role':"
	          "'user','content':'hi'}]}",
	          &wire_openai_chat, "m", "'content':'hi'", "");
	FORM_SOME(&wire_openai_responses,
	          "{'model':'m','input':'hi','truncation':'disabled','metadata':{},"
	          "'safety_identifier':'','previous_response_id':''}",
	          &wire_cohere, "m", "'content':'hi'", "");
	FORM_SOME(&wire_openai_responses,
	          "{'model':'m','input':'hi','truncation':'auto'}", &wire_cohere, "m",
	          "'content':'hi'", "truncation");
	FORM_SOME(&wire_gemini,
	          "{'contents':[{'role':'user','parts':[{'text':'hi'}]}],"
	          "'cachedContent':'','safetySettings':[],'labels':{}}",
	          &wire_openai_chat, "m", "'content':'hi'", "");
}
