/* Requests of openai-responses, read and written.  JSON stands here with ' for ". */
#include "tests/check.h"
#include "wire/kept.h"
#include "wire/responses.h"

#include <stdio.h>

static struct arena keep;
static struct chat_request r;
static str detail;
static struct buf written = BUF_LIMIT(MiB);

static str quoted(const char *text)
{
	str s = str_from_z(text);
	char *room = arena_alloc(&keep, s.len + 1);

	for (size_t i = 0; i < s.len; i++)
		room[i] = text[i] == '\'' ? '"' : text[i];
	return str_of(room, s.len);
}

static fault_t read(const char *body)
{
	arena_done(&keep);
	r = (struct chat_request){ .keep = &keep, .from = WIRE_OPENAI_RESPONSES };
	detail = STR_NONE;
	return wire_openai_responses.read_request(quoted(body), &r, &detail);
}

static str write_for(str provider, const struct catalog_model *facts, bool stream)
{
	const struct chat_target t = { .model = STR("m-1"),
		                       .facts = facts,
		                       .provider = provider,
		                       .stream = stream };

	buf_clear(&written);
	CHECK_OK(wire_openai_responses.write_request(&r, &t, &written, &detail));
	return buf_str(&written);
}

static str write_again(void)
{
	return write_for(STR("openai"), NULL, false);
}

/* What stands between the model and store:false. */
static str middle(str body)
{
	str_skip(&body, STR("{\"model\":\"m-1\","));
	return str_first(body, str_find_str(body, STR(",\"store\":false")));
}

#define CHECK_MIDDLE(want) CHECK_STR_EQ(middle(write_again()), quoted(want))

static bool dropped(const char *name)
{
	for (unsigned i = 0; i < r.dropped_count; i++) {
		if (str_eq(r.dropped[i], str_from_z(name)))
			return true;
	}
	return false;
}

static const struct chat_message *message(unsigned n)
{
	const struct chat_message *m = r.messages;

	while (n-- && m)
		m = m->next;
	return m;
}

static const struct chat_part *part(unsigned m, unsigned n)
{
	const struct chat_part *p = message(m) ? message(m)->parts : NULL;

	while (n-- && p)
		p = p->next;
	return p;
}

/* ---- the pass lane ---- */

static fault_t skim(const char *body, struct skimmed *ret)
{
	str why = STR_NONE;

	return wire_openai_responses.skim(quoted(body), OP_CHAT, &keep, ret, &why);
}

TEST(responses_skim)
{
	struct skimmed s;

	CHECK_OK(skim("{'input':'hi','model':'a\\u002fb','stream':true,"
	              "'max_output_tokens':99}",
	              &s));
	CHECK_STR(s.model, "a/b");
	CHECK_INT(s.model_len, 10);
	CHECK(s.stream && s.wants_usage && s.ask_usage.len + s.ask_usage.with.len == 0);
	CHECK_INT(s.max_tokens, 99);
	CHECK(!s.background);
	CHECK_OK(skim("{'input':'hi','model':'m','background':true}", &s));
	CHECK(s.background);
	CHECK_FAULT(skim("{'previous_response_id':'resp_1'}", &s), FAULT_NO_MODEL);
	CHECK_FAULT(skim("{'model':7}", &s), FAULT_BAD_REQUEST);
	CHECK_FAULT(skim("{'model':'m','stream':1}", &s), FAULT_BAD_REQUEST);
	CHECK_FAULT(skim("{'model':'m','max_output_tokens':-1}", &s), FAULT_BAD_REQUEST);
	CHECK_FAULT(skim("{'model':'m','Model':'n'}", &s), FAULT_JSON_DUPLICATE);
	arena_done(&keep);
}

static fault_t skim_names(const char *name, str value, struct skimmed *ret)
{
	str why = STR_NONE, body;

	body = arena_printf(&keep, "{\"model\":\"m\",\"%s\":%.*s}", name, STR_ARG(value));
	return wire_openai_responses.skim(body, OP_CHAT, &keep, ret, &why);
}

static fault_t skim_previous(const char *value, struct skimmed *ret)
{
	return skim_names("previous_response_id", quoted(value), ret);
}

/* Whose an id is depends on what the provider reads in it, not on how it is written. */
TEST(responses_skim_reads_ids_as_the_provider_does)
{
	static const char *const odd[] = {
		"7",
		"['resp_1']",
		"{}",
		"true",
		"'resp 1'",
		"'resp_1 '",
		"'resp_1\\u0000'",
		"'resp_\\u00e9'",
		"'a\\\\b'",
		"'\\u0022'",
		"'\\n'",
	};
	char room[KEPT_NAME * 6 + 16];
	struct skimmed s;

	CHECK_OK(skim_previous("'\\u0072esp\\u005f1'", &s));
	CHECK_STR(s.previous, "resp_1");
	CHECK_OK(skim_previous("'a\\/b.c:d=+'", &s));
	CHECK_STR(s.previous, "a/b.c:d=+");
	for (size_t i = 0; i < countof(odd); i++) {
		CHECK_FAULT(skim_previous(odd[i], &s), FAULT_BAD_REQUEST);
		if (odd[i][0] != '{')
			CHECK_FAULT(skim_names("conversation", quoted(odd[i]), &s),
			            FAULT_BAD_REQUEST);
	}
	CHECK_OK(skim_previous("null", &s));
	CHECK_OK(skim_previous("''", &s));
	CHECK(!s.previous.len);
	for (unsigned n = KEPT_NAME - 1; n <= KEPT_NAME + 1; n++) {
		memset(room, 'x', sizeof(room));
		room[0] = room[n + 1] = '"';
		CHECK(!skim_names("previous_response_id", str_of(room, n + 2), &s) ==
		      (n <= KEPT_NAME));
		for (unsigned i = 0; i < n; i++)
			memcpy(room + 1 + 6 * i, "\\u0078", 6);
		room[6 * n + 1] = '"';
		CHECK(!skim_names("previous_response_id", str_of(room, 6 * n + 2), &s) ==
		      (n <= KEPT_NAME));
	}
	CHECK_OK(skim_names("conversation", quoted("{'id':'\\u0063onv_1'}"), &s));
	CHECK_STR(s.conversation, "conv_1");
	CHECK_FAULT(skim_names("conversation", quoted("{'id':'c','\\u0069d':'d'}"), &s),
	            FAULT_JSON_DUPLICATE);
	CHECK_OK(skim_names("conversation", quoted("{'id':null}"), &s));
	CHECK(!s.conversation.len);
	arena_done(&keep);
}

TEST(responses_path)
{
	struct buf path = BUF_LIMIT(64);

	wire_openai_responses.write_path(OP_CHAT, STR("m"), true, &path);
	CHECK_STR(buf_str(&path), "/responses");
	buf_free(&path);
}

/* ---- read ---- */

TEST(responses_read_the_short_forms)
{
	CHECK_OK(read(
	        "{'model':'m','input':'hi','instructions':'be brief','stream':true}"));
	CHECK_STR(r.model, "m");
	CHECK(r.stream);
	CHECK_INT(message(0)->role, CHAT_SYSTEM);
	CHECK_STR(part(0, 0)->text, "be brief");
	CHECK_INT(message(1)->role, CHAT_USER);
	CHECK_STR(part(1, 0)->text, "hi");
	CHECK_OK(read(
	        "{'model':'m','input':[{'role':'developer','content':'a'},"
	        "{'role':'system','content':[{'type':'input_text','text':'b'}]},"
	        "{'role':'assistant','content':'c'},{'role':'user','content':'d'}]}"));
	CHECK(message(0)->role == CHAT_SYSTEM && message(0)->is_developer);
	CHECK(message(1)->role == CHAT_SYSTEM && !message(1)->is_developer);
	CHECK_INT(message(2)->role, CHAT_ASSISTANT);
	CHECK_STR(part(3, 0)->text, "d");
	CHECK_INT(r.dropped_count, 0);
}

TEST(responses_read_a_turn_with_tools)
{
	CHECK_OK(read("{'model':'m','input':[{'role':'user','content':'go'},"
	              "{'type':'reasoning','id':'rs_1','summary':[{'type':'summary_text',"
	              "'text':'I'},{'type':'summary_text','text':'II'}],"
	              "'encrypted_content':'blob=='},"
	              "{'type':'message','role':'assistant','id':'msg_1','status':"
	              "'completed','content':[{'type':'output_text','text':'Let me see',"
	              "'annotations':[]}]},"
	              "{'type':'function_call','id':'fc_1','call_id':'call_1','name':'f',"
	              "'arguments':'{\\'a\\':1}'},"
	              "{'type':'function_call','call_id':'call_2','name':'g',"
	              "'arguments':''},"
	              "{'type':'function_call_output','call_id':'call_1','output':'one'},"
	              "{'type':'function_call_output','call_id':'call_2','output':["
	              "{'type':'input_text','text':'two'},{'type':'input_image',"
	              "'image_url':'data:image/png;base64,AAAA'}]}]}"));
	CHECK_INT(message(1)->role, CHAT_ASSISTANT);
	CHECK_INT(part(1, 0)->kind, CHAT_REASONING);
	CHECK_STR(part(1, 0)->text, "I\\n\\nII");
	CHECK_INT(part(1, 0)->seal.origin, WIRE_OPENAI_RESPONSES);
	CHECK_STR(part(1, 0)->seal.blob, "blob==");
	CHECK_STR(part(1, 0)->seal.id, "rs_1");
	CHECK_STR(part(1, 1)->text, "Let me see");
	CHECK_STR(part(1, 2)->id, "call_1");
	CHECK_STR_EQ(part(1, 2)->args, quoted("{'a':1}"));
	CHECK_STR(part(1, 3)->args, "{}");
	CHECK_INT(message(2)->role, CHAT_TOOL);
	CHECK_STR(part(2, 0)->parts->text, "one");
	CHECK_STR(part(2, 1)->id, "call_2");
	CHECK_INT(part(2, 1)->parts->next->kind, CHAT_IMAGE);
	CHECK_STR(part(2, 1)->parts->next->media_type, "image/png");
	CHECK(chat_is_marked(&r, CONCEPT_IMAGE_INLINE));
	CHECK(!message(3));
	CHECK_INT(r.dropped_count, 0);
}

TEST(responses_read_namespaces)
{
	CHECK_OK(
	        read("{'model':'m','input':[{'type':'function_call','call_id':'c','name':"
	             "'read','namespace':'mcp__fs__','arguments':'{}'}],'tools':[{'type':"
	             "'namespace','name':'mcp__fs__','description':'d','tools':[{'type':"
	             "'function','name':'read'}]}]}"));
	CHECK_STR(part(0, 0)->name, "mcp__fs__read");
	CHECK_STR(r.tools->name, "mcp__fs__read");
	CHECK_INT(r.dropped_count, 0);
}

/* Two namespaces; the first alone has f, both have g. */
#define SPACES                                                                           \
	"{'model':'m','input':'x','tools':[{'type':'namespace','name':'ns','tools':[{"   \
	"'type':'function','name':'f'},{'type':'function','name':'g'},{'type':"          \
	"'custom','name':'patch'}]},{'type':'namespace','name':'mcp__o__','tools':[{"    \
	"'type':'function','name':'g'}]},{'type':'web_search'}],'tool_choice':"

TEST(responses_read_choices_in_namespaces)
{
	static const struct {
		const char *choice, *name;
	} rows[] = {
		{ "{'type':'function','name':'f'}", "ns__f" },
		{ "{'type':'function','name':'ns__f'}", "ns__f" },
		{ "{'type':'function','name':'g','namespace':'mcp__o__'}", "mcp__o__g" },
		{ "{'type':'function','name':'g'}", "g" }, /* nobody knows which */
		{ "{'type':'function','name':'h'}", "h" },
		{ "{'type':'custom','name':'patch'}", "ns__patch" },
		{ "{'type':'web_search_preview'}", "web_search" },
		{ "{'type':'image_generation'}", "image_generation" },
	};
	char body[KiB];

	for (size_t i = 0; i < countof(rows); i++) {
		snprintf(body, sizeof(body), SPACES "%s}", rows[i].choice);
		CHECK_OK(read(body));
		CHECK_STR_EQ(r.choose_name, str_from_z(rows[i].name));
		snprintf(body, sizeof(body),
		         SPACES "{'type':'allowed_tools','mode':'auto','tools':[%s]}}",
		         rows[i].choice);
		CHECK_OK(read(body));
		if (!str_eq(str_from_z(rows[i].name), STR("g"))) {
			CHECK_INT(r.allowed_count, 1);
			CHECK_STR_EQ(r.allowed[0], str_from_z(rows[i].name));
			continue;
		}
		CHECK_INT(r.allowed_count, 2); /* both of them */
		CHECK_STR(r.allowed[0], "ns__g");
		CHECK_STR(r.allowed[1], "mcp__o__g");
	}
}

TEST(responses_read_foreign_seals)
{
	CHECK_OK(read("{'model':'m','input':[{'type':'reasoning','id':'rs_9','summary':[{"
	              "'type':'summary_text','text':'hm'}],"
	              "'encrypted_content':'sluice1.anthropic.SIG='}]}"));
	CHECK_INT(part(0, 0)->seal.origin, WIRE_ANTHROPIC);
	CHECK_STR(part(0, 0)->seal.blob, "SIG=");
	CHECK_INT(part(0, 0)->seal.id.len, 0);
	/* Reasoning that only its id tells, and reasoning in its own words. */
	CHECK_OK(read(
	        "{'model':'m','input':[{'type':'reasoning','id':'rs_9','summary':[]},"
	        "{'type':'reasoning','id':'x','summary':[],'encrypted_content':null,"
	        "'content':[{'type':'reasoning_text','text':'raw'}]}]}"));
	CHECK_STR(part(0, 0)->text, "raw");
	CHECK_INT(part(0, 0)->seal.origin, WIRE_NONE);
	CHECK(!part(0, 1));
	CHECK(dropped("input[].reasoning"));
}

TEST(responses_read_media)
{
	CHECK_OK(read(
	        "{'model':'m','input':[{'role':'user','content':["
	        "{'type':'input_image','image_url':'https://x/y.png','detail':'low'},"
	        "{'type':'input_image','file_id':'file-1','detail':'auto'},"
	        "{'type':'input_file','filename':'a.pdf','file_data':"
	        "'data:application/pdf;base64,UERG'},"
	        "{'type':'input_file','file_url':'https://x/b.pdf'},"
	        "{'type':'input_audio','input_audio':{'data':'QUJD','format':'mp3'}},"
	        "{'type':'input_text','text':'t','prompt_cache_breakpoint':{"
	        "'mode':'explicit'}}]}]}"));
	CHECK_INT(part(0, 0)->source, SOURCE_URL);
	CHECK_STR(part(0, 0)->detail, "low");
	CHECK_INT(part(0, 1)->source, SOURCE_ID);
	CHECK_STR(part(0, 2)->name, "a.pdf");
	CHECK_STR(part(0, 2)->media_type, "application/pdf");
	CHECK_STR(part(0, 2)->data, "UERG");
	CHECK_INT(part(0, 3)->source, SOURCE_URL);
	CHECK_STR(part(0, 4)->media_type, "audio/mpeg");
	CHECK_INT(part(0, 5)->cache, CACHE_5M);
	static const enum concept marks[] = {
		CONCEPT_IMAGE_URL,   CONCEPT_IMAGE_ID, CONCEPT_IMAGE_DETAIL,
		CONCEPT_FILE_INLINE, CONCEPT_FILE_URL, CONCEPT_AUDIO_IN,
		CONCEPT_CACHE_MARK,
	};
	for (size_t i = 0; i < countof(marks); i++)
		CHECK(chat_is_marked(&r, marks[i]));
}

TEST(responses_read_tools)
{
	CHECK_OK(read("{'model':'m','input':'x','parallel_tool_calls':false,'tools':["
	              "{'type':'function','name':'f','description':'d','parameters':{"
	              "'type':'object'},'strict':true},"
	              "{'type':'function','name':'g','parameters':null,'strict':false},"
	              "{'type':'function','name':'h','parameters':{'type':'object',"
	              "'additionalProperties':false},'defer_loading':true},"
	              "{'type':'function','name':'i','parameters':{'type':'object'}},"
	              "{'type':'custom','name':'c','format':{'type':'text'}},"
	              "{'type':'web_search','search_context_size':'low'},"
	              "{'type':'code_interpreter','container':{'type':'auto'}},"
	              "{'type':'file_search','vector_store_ids':['v']},"
	              "{'type':'namespace','name':'n','tools':[{'type':'function',"
	              "'name':'j'}]}],"
	              "'tool_choice':{'type':'allowed_tools','mode':'required','tools':["
	              "{'type':'function','name':'f'},{'type':'web_search'}]}}"));
	static const enum chat_tool_kind kinds[] = {
		TOOL_FUNCTION,   TOOL_FUNCTION, TOOL_FUNCTION, TOOL_FUNCTION, TOOL_CUSTOM,
		TOOL_WEB_SEARCH, TOOL_CODE,     TOOL_HOSTED,   TOOL_FUNCTION,
	};
	static const enum chat_tri stricts[] = { TRI_YES, TRI_NO, TRI_YES, TRI_UNSET };
	const struct chat_tool *t = r.tools;
	for (size_t i = 0; i < countof(kinds) && CHECK(t != NULL); i++, t = t->next) {
		CHECK_INT(t->kind, kinds[i]);
		if (i < countof(stricts))
			CHECK_INT(t->strict, stricts[i]);
	}
	CHECK(!t);
	CHECK(dropped("tools[].defer_loading"));
	CHECK_STR(r.last_tool->name, "n__j");
	CHECK(chat_is_marked(&r, CONCEPT_HOSTED_TOOL) &&
	      chat_is_marked(&r, CONCEPT_WEB_SEARCH) &&
	      chat_is_marked(&r, CONCEPT_CODE_TOOL) &&
	      chat_is_marked(&r, CONCEPT_TOOL_CUSTOM) &&
	      chat_is_marked(&r, CONCEPT_PARALLEL_OFF));
	CHECK_INT(r.choose, CHOOSE_ANY);
	CHECK_INT(r.allowed_count, 2);
	CHECK_STR(r.allowed[1], "web_search");
}

TEST(responses_read_the_choice)
{
	static const struct {
		const char *json;
		enum chat_choose choose;
		str name;
	} rows[] = {
		{ "'auto'", CHOOSE_AUTO, STR_INIT("") },
		{ "'none'", CHOOSE_NONE, STR_INIT("") },
		{ "'required'", CHOOSE_ANY, STR_INIT("") },
		{ "{'type':'function','name':'f'}", CHOOSE_ONE, STR_INIT("f") },
		{ "{'type':'custom','name':'c'}", CHOOSE_ONE, STR_INIT("c") },
		{ "{'type':'web_search'}", CHOOSE_ONE, STR_INIT("web_search") },
	};
	char body[256];

	for (size_t i = 0; i < countof(rows); i++) {
		snprintf(body, sizeof(body), "{'model':'m','input':'x','tool_choice':%s}",
		         rows[i].json);
		CHECK_OK(read(body));
		CHECK_INT(r.choose, rows[i].choose);
		CHECK_STR_EQ(r.choose_name, rows[i].name);
	}
}

TEST(responses_read_options)
{
	CHECK_OK(read(
	        "{'model':'m','input':'x','temperature':0.5,'top_p':1,"
	        "'max_output_tokens':100,'metadata':{'a':'b'},'user':'u',"
	        "'service_tier':'flex','store':true,'truncation':'auto',"
	        "'max_tool_calls':3,'top_logprobs':2,'prompt_cache_key':'k',"
	        "'include':['message.output_text.logprobs',"
	        "'reasoning.encrypted_content','file_search_call.results'],"
	        "'text':{'verbosity':'low','format':{'type':'json_schema','name':'n',"
	        "'description':'d','schema':{'type':'object'},'strict':true}},"
	        "'reasoning':{'effort':'xhigh','summary':'auto','context':'auto'},"
	        "'client_metadata':{'x':1},'moderation':null}"));
	CHECK_STR(r.options[CONCEPT_TEMPERATURE].raw, "0.5");
	CHECK_STR_EQ(r.options[CONCEPT_VERBOSITY].raw, quoted("'low'"));
	CHECK_STR_EQ(r.options[CONCEPT_TRUNCATION].raw, quoted("'auto'"));
	CHECK_STR(r.options[CONCEPT_MAX_TOOL_CALLS].raw, "3");
	CHECK_STR(r.options[CONCEPT_TOP_LOGPROBS].raw, "2");
	CHECK_INT(r.options[CONCEPT_LOGPROBS].type, JSON_TRUE);
	CHECK_STR_EQ(r.options[CONCEPT_USER].raw, quoted("'u'"));
	CHECK_INT(r.max_tokens, 100);
	CHECK_INT(r.form, FORM_SCHEMA);
	CHECK_STR(r.schema_name, "n");
	CHECK_INT(r.schema_strict, TRI_YES);
	CHECK_INT(r.effort, EFFORT_XHIGH);
	CHECK_INT(r.show_reasoning, TRI_YES);
	CHECK(dropped("reasoning.context") && dropped("client_metadata") &&
	      dropped("include[file_search_call.results]"));
	CHECK_INT(r.dropped_count, 3);
}

TEST(responses_read_state_of_the_vendor)
{
	static const struct {
		const char *body;
		enum concept concept;
	} rows[] = {
		{ "{'model':'m','previous_response_id':'resp_1'}", CONCEPT_PREVIOUS },
		{ "{'model':'m','conversation':'conv_1'}", CONCEPT_CONVERSATION },
		{ "{'model':'m','input':'x','background':true}", CONCEPT_BACKGROUND },
		{ "{'model':'m','prompt':{'id':'pmpt_1'}}", CONCEPT_PROMPT },
		{ "{'model':'m','input':[{'type':'item_reference','id':'msg_1'}]}",
		  CONCEPT_ITEM_REFERENCE },
		{ "{'model':'m','input':[{'id':'msg_1'}]}", CONCEPT_ITEM_REFERENCE },
		{ "{'model':'m','input':[{'type':'compaction','encrypted_content':'x'}]}",
		  CONCEPT_COMPACTION },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		CHECK_OK(read(rows[i].body));
		CHECK(chat_is_marked(&r, rows[i].concept));
		CHECK_FAULT(chat_cross(&r, WIRE_ANTHROPIC, &detail), FAULT_NOT_OFFERED);
	}
	CHECK_OK(read("{'model':'m','input':'x','background':false,'store':false,"
	              "'previous_response_id':null,'conversation':null,'prompt':null}"));
	CHECK_OK(chat_cross(&r, WIRE_ANTHROPIC, &detail));
	CHECK_INT(r.dropped_count, 0);
}

TEST(responses_read_items_of_hosted_tools)
{
	CHECK_OK(read(
	        "{'model':'m','input':[{'type':'web_search_call','id':'ws_1','status':"
	        "'completed','action':{'type':'search'}},{'role':'assistant',"
	        "'content':'found'},{'type':'mcp_list_tools','id':'m','tools':[]}]}"));
	CHECK_INT(part(0, 0)->kind, CHAT_FOREIGN);
	CHECK_INT(part(0, 1)->kind, CHAT_TEXT);
	CHECK_INT(part(0, 2)->kind, CHAT_FOREIGN);
	CHECK_OK(chat_cross(&r, WIRE_GEMINI, &detail));
	CHECK_INT(r.dropped_count, 2);
	CHECK(dropped("input[].web_search_call") && dropped("input[].mcp_list_tools"));
}

TEST(responses_read_refuses)
{
	static const char *const bad[] = {
		"{'model':'m'}",
		"{'model':'m','input':7}",
		"{'model':'m','input':['x']}",
		"{'model':'m','input':[{'role':'nobody','content':'x'}]}",
		"{'model':'m','input':[{'role':'user','content':7}]}",
		"{'model':'m','input':[{'role':'user','content':['x']}]}",
		"{'model':'m','input':[{'role':'user','content':[{'type':'input_image'}]}"
		"]}",
		"{'model':'m','input':[{'role':'user','content':[{'type':'input_file'}]}]"
		"}",
		"{'model':'m','input':[{'type':'function_call','name':'f'}]}",
		"{'model':'m','input':[{'type':'function_call_output','output':''}]}",
		"{'model':'m','input':'x','instructions':[]}",
		"{'model':'m','input':'x','tools':{}}",
		"{'model':'m','input':'x','tools':[7]}",
		"{'model':'m','input':'x','tools':[{'type':'function'}]}",
		"{'model':'m','input':'x','tool_choice':'any'}",
		"{'model':'m','input':'x','text':{'format':{'type':'xml'}}}",
		"{'model':'m','input':'x','text':{'format':{'type':'json_schema'}}}",
		"{'model':'m','input':'x','max_output_tokens':'9'}",
	};

	for (size_t i = 0; i < countof(bad); i++) {
		if (!CHECK_FAULT(read(bad[i]), FAULT_BAD_REQUEST) || !CHECK(detail.len))
			printf("in %s\n", bad[i]);
	}
	CHECK_FAULT(read("{'model':'m','input':[{'role':'user','role':'system'}]}"),
	            FAULT_JSON_DUPLICATE);
}

/* ---- written ---- */

TEST(responses_write_a_request_of_another_format)
{
	CHECK_OK(read("{'model':'m','input':'hi','instructions':'be brief'}"));
	r.from = WIRE_ANTHROPIC;
	CHECK_STR_EQ(write_for(STR("openai"), NULL, true),
	             quoted("{'model':'m-1','instructions':'be brief','input':[{'type':"
	                    "'message','role':'user','content':'hi'}],'store':false,"
	                    "'stream':true}"));
}

TEST(responses_write_tools_with_strict_always_said)
{
	CHECK_OK(read("{'model':'m','input':'x','tools':[{'type':'function','name':'f',"
	              "'parameters':{'type':'object'}},{'type':'function','name':'g'}],"
	              "'tool_choice':{'type':'function','name':'g'},"
	              "'parallel_tool_calls':true}"));
	CHECK_MIDDLE(
	        "'input':[{'type':'message','role':'user','content':'x'}],"
	        "'tools':[{'type':'function','name':'f','parameters':{'type':"
	        "'object'},'strict':false},{'type':'function','name':'g',"
	        "'parameters':{'type':'object','properties':{}},'strict':false}],"
	        "'tool_choice':{'type':'function','name':'g'},"
	        "'parallel_tool_calls':true,'include':['reasoning.encrypted_content']");
}

static struct chat_part *assistant_part(enum chat_kind kind)
{
	struct chat_message *m = r.last_message && r.last_message->role == CHAT_ASSISTANT
	                                 ? r.last_message
	                                 : chat_add_message(&r, CHAT_ASSISTANT);

	return chat_add_part(&r, m, kind);
}

static void begin(enum wire_format from)
{
	arena_done(&keep);
	r = (struct chat_request){ .keep = &keep, .from = from };
}

TEST(responses_write_reasoning_only_with_its_own_seal_and_a_follower)
{
	struct chat_part *p;

	begin(WIRE_ANTHROPIC);
	p = assistant_part(CHAT_REASONING);
	p->text = STR("own");
	p->seal = (struct chat_seal){ .origin = WIRE_OPENAI_RESPONSES,
		                      .blob = STR("B"),
		                      .id = STR("rs_1") };
	p = assistant_part(CHAT_REASONING);
	p->text = STR("foreign");
	p->seal = (struct chat_seal){ .origin = WIRE_ANTHROPIC, .blob = STR("S") };
	assistant_part(CHAT_TEXT)->text = STR("said");
	p = assistant_part(CHAT_REASONING);
	p->seal = (struct chat_seal){ .origin = WIRE_OPENAI_RESPONSES, .blob = STR("C") };
	CHECK_MIDDLE("'input':[{'type':'reasoning','id':'rs_1','summary':[{'type':"
	             "'summary_text','text':'own'}],'encrypted_content':'B'},"
	             "{'type':'message','role':'assistant','content':'said'}]");
	CHECK(dropped("reasoning"));
	/* DeepSeek wants its reasoning back as it was. */
	begin(WIRE_OPENAI_CHAT);
	assistant_part(CHAT_REASONING)->text = STR("raw");
	assistant_part(CHAT_TEXT)->text = STR("said");
	CHECK_STR_EQ(
	        middle(write_for(STR("deepseek"), NULL, false)),
	        quoted("'input':[{'type':'reasoning','summary':[],'content':[{'type':"
	               "'reasoning_text','text':'raw'}]},{'type':'message','role':"
	               "'assistant','content':'said'}]"));
}

TEST(responses_write_calls_and_results)
{
	struct chat_message *m;
	struct chat_part *p, *inner;

	begin(WIRE_OPENAI_CHAT);
	p = assistant_part(CHAT_CALL);
	p->id = STR("call_1");
	p->name = STR("f");
	p->args = quoted("{'a':'b'}");
	p = assistant_part(CHAT_CALL);
	p->id = STR("0123456789012345678901234567890123456789012345678901234567890123x");
	p->name = STR("patch");
	p->args = STR("free \\n text");
	p->is_custom = true;
	chat_mark(&r, CONCEPT_TOOL_CUSTOM);
	m = chat_add_message(&r, CHAT_TOOL);
	p = chat_add_part(&r, m, CHAT_RESULT);
	p->id = STR("call_1");
	p->is_error = true;
	chat_add_inner(&r, p, CHAT_TEXT)->text = STR("boom");
	inner = chat_add_inner(&r, p, CHAT_IMAGE);
	inner->source = SOURCE_BASE64;
	inner->media_type = STR("image/gif");
	inner->data = STR("R0lG");
	p = chat_add_part(&r, m, CHAT_RESULT);
	p->id = STR("0123456789012345678901234567890123456789012345678901234567890123x");
	str body = middle(write_again());
	str id = str_first(str_from(body, str_find_str(body, STR("call_id")) + 10), 6);
	CHECK_STR(id, "call_1");
	CHECK(str_has(body, quoted("'arguments':'{\\'a\\':\\'b\\'}'")));
	CHECK(str_has(body, quoted("'type':'custom_tool_call','call_id':'call_")));
	CHECK(str_has(body, quoted("'name':'patch','input':'free \\n text'}")));
	CHECK(str_has(body,
	              quoted("'output':[{'type':'input_text','text':'Error: boom'},{"
	                     "'type':'input_image','image_url':'data:image/gif;"
	                     "base64,R0lG','detail':'auto'}]")));
	CHECK(str_has(body,
	              quoted("{'type':'custom_tool_call_output','call_id':'call_")));
	CHECK(str_ends(body, quoted("'output':''}]")));
}

TEST(responses_write_what_the_model_can)
{
	static const struct catalog_model plain = { .bits = CATALOG_TEMPERATURE };
	static const struct catalog_model thinker = { .bits = CATALOG_REASONING };

	CHECK_OK(read(
	        "{'model':'m','input':'x','temperature':1,'reasoning':{'effort':'low',"
	        "'summary':'auto'},'max_output_tokens':1}"));
	str body = middle(write_for(STR("openai"), &plain, false));
	CHECK(!str_has(body, STR("reasoning")) && str_has(body, STR("temperature")));
	CHECK(dropped("reasoning.effort"));
	CHECK(str_has(body, quoted("'max_output_tokens':16")));
	CHECK(dropped("max_output_tokens<16"));
	body = middle(write_for(STR("openai"), &thinker, false));
	CHECK(str_has(body, quoted("'reasoning':{'effort':'low','summary':'auto'},"
	                           "'include':['reasoning.encrypted_content']")));
	CHECK(!str_has(body, STR("temperature")) && dropped("temperature"));
}

TEST(responses_write_has_no_stop_sequences)
{
	const struct chat_target t = { .model = STR("m") };

	begin(WIRE_OPENAI_CHAT);
	r.stop_count = 1;
	r.stops[0] = STR("STOP");
	CHECK_OK(wire_openai_responses.write_request(&r, &t, &written, &detail));
	CHECK(!str_has(buf_str(&written), STR("STOP")));
	CHECK_INT(r.stops_kept, 1); /* they are watched for instead */
}

TEST(responses_write_web_search_of_others)
{
	struct chat_tool *t;

	begin(WIRE_ANTHROPIC);
	t = chat_add_tool(&r, TOOL_WEB_SEARCH);
	t->name = STR("web_search");
	CHECK_OK(json_check(
	        quoted("{'type':'web_search_20250305','name':'web_search',"
	               "'max_uses':3,'allowed_domains':['a.org'],"
	               "'user_location':{'type':'approximate','city':'Bern'}}"),
	        &json_limits_default, &t->raw));
	CHECK_MIDDLE("'input':[],'tools':[{'type':'web_search','filters':{"
	             "'allowed_domains':['a.org']},'user_location':{'type':'approximate',"
	             "'city':'Bern'}}]");
	CHECK(dropped("tools[].web_search.max_uses"));
}

/* What is written can be read, and says the same again. */
TEST(responses_write_what_was_read)
{
	static const char *const bodies[] = {
		"{'model':'m-1','instructions':'sys','input':[{'type':'message','role':"
		"'developer','content':'dev'},{'type':'message','role':'user','content':["
		"{"
		"'type':'input_text','text':'a'},{'type':'input_image','image_url':"
		"'data:image/"
		"png;base64,AA','detail':'high'},{'type':'input_image','file_id':"
		"'file-1','detail':'auto'},{'type':'input_file','filename':'x.pdf',"
		"'file_data':'data:application/pdf;base64,UE'},{'type':'input_file',"
		"'file_url':'https://h/"
		"x'},{'type':'input_file','file_id':'file-2'},{'type':"
		"'input_audio','input_audio':{'data':'QQ','format':'wav'}}]}],'store':"
		"false}",
		"{'model':'m-1','input':[{'type':'message','role':'user','content':'go'},"
		"{'type':'reasoning','id':'rs_1','summary':[],'encrypted_content':'E'},"
		"{'type':'web_search_call','id':'ws_1','status':'completed'},"
		"{'type':'message','role':'assistant','content':[{'type':'output_text',"
		"'text':'b','annotations':[{'type':'url_citation','url':'https://c',"
		"'title':'t','start_index':0,'end_index':1}]},{'type':'refusal','refusal'"
		":"
		"'no'}]},{'type':'function_call','call_id':'c1','name':'f','arguments':"
		"'{\\'x\\':[1,2]}'},{'type':'custom_tool_call','call_id':'c2','name':'p',"
		"'input':'+a'},{'type':'function_call_output','call_id':'c1','output':[{"
		"'type':'input_text','text':'r'},{'type':'input_image','image_url':"
		"'https://"
		"i','detail':'auto'}]},{'type':'custom_tool_call_output','call_id':"
		"'c2','output':'done'}],'tools':[{'type':'function','name':'f','"
		"description':"
		"'d','parameters':{'type':'object'},'strict':false},{'type':'custom','"
		"name':"
		"'p','description':'e','format':{'type':'grammar','syntax':'lark',"
		"'definition':'start: "
		"/a/'}},{'type':'web_search','user_location':{'type':"
		"'approximate'}},{'type':'file_search','vector_store_ids':['v']}],"
		"'tool_choice':{'type':'allowed_tools','mode':'auto','tools':[{'type':"
		"'function','name':'f'},{'type':'custom','name':'p'},{'type':'web_search'"
		"}]},"
		"'parallel_tool_calls':false,'text':{'format':{'type':'json_schema','"
		"name':"
		"'n','description':'d','schema':{'a':1},'strict':true},'verbosity':'low'}"
		","
		"'reasoning':{'effort':'medium','summary':'auto'},'include':["
		"'reasoning.encrypted_content','message.output_text.logprobs'],"
		"'top_logprobs':3,'max_output_tokens':64,'temperature':0.1,'top_p':0.9,"
		"'metadata':{'k':'v'},'safety_identifier':'s','prompt_cache_key':'k',"
		"'prompt_cache_retention':'24h','truncation':'auto','max_tool_calls':2,"
		"'user':'u','service_tier':'priority','previous_response_id':'resp_1',"
		"'prompt':{'id':'p'},'store':false}",
		("{'model':'m-1','input':[],'text':{'format':{'type':'json_object'}},"
		 "'include':['reasoning.encrypted_content'],'store':false}"),
	};

	for (size_t i = 0; i < countof(bodies); i++) {
		struct buf once = BUF_LIMIT(MiB);

		CHECK_OK(read(bodies[i]));
		buf_add(&once, write_again());
		if (i > 0)
			CHECK_STR_EQ(buf_str(&once), quoted(bodies[i]));
		r = (struct chat_request){ .keep = &keep, .from = WIRE_OPENAI_RESPONSES };
		CHECK_OK(wire_openai_responses.read_request(buf_str(&once), &r, &detail));
		CHECK_STR_EQ(write_again(), buf_str(&once));
		CHECK_INT(r.dropped_count, 0);
		buf_free(&once);
	}
	arena_done(&keep);
	buf_free(&written);
}

/* ---- failures and echo ---- */

TEST(responses_faults)
{
	struct buf text = BUF_LIMIT(8 * KiB);

	wire_openai_responses.write_fault(&text, FAULT_NO_MODEL, STR_NONE, STR("model"));
	CHECK(str_has(buf_str(&text), STR("\"param\":\"model\"")));
	buf_clear(&text);
	wire_openai_responses.write_stream_fault(&text, FAULT_UPSTREAM_CUT, STR("gone"));
	str event = buf_str(&text);
	CHECK(str_skip(
	        &event,
	        STR("event: error\ndata: "
	            "{\"type\":\"error\",\"sequence_number\":0,"
	            "\"code\":\"server_error\",\"message\":\"gone\",\"param\":null,"
	            "\"error\":{\"type\":\"server_error\",\"code\":\"server_error\","
	            "\"message\":\"gone\",\"param\":null}}\n\n")));
	CHECK(str_skip(&event, STR("event: response.failed\ndata: ")));
	struct json_value root;
	CHECK_OK(
	        json_check(str_first(event, event.len - 2), &json_limits_default, &root));
	CHECK_STR(json_get(root, STR("sequence_number")).raw, "1");
	CHECK(json_text_is(json_path(root, "response.error.code"), STR("server_error")));
	CHECK(json_text_is(json_path(root, "response.error.message"), STR("gone")));
	CHECK(json_text_is(json_path(root, "response.status"), STR("failed")));
	CHECK_STR(responses_fault_code(FAULT_UPSTREAM_LIMITED), "rate_limit_exceeded");
	CHECK_STR(responses_fault_code(FAULT_CONTEXT_TOO_LONG),
	          "context_length_exceeded");
	CHECK_STR(responses_fault_code(FAULT_BAD_REQUEST), "invalid_prompt");
	CHECK_STR(wire_openai_responses.error_message(
	                  STR("{\"error\":{\"message\":\"m\",\"code\":null}}")),
	          "m");
	buf_free(&text);
}

TEST(responses_echo_repeats_the_request)
{
	str echo = responses_echo(
	        &keep, quoted("{'model':'m','input':'secret','instructions':'i',\n"
	                      "'tools': [\n{'type':'function'}],'temperature':null,"
	                      "'top_p':0.5,'store':true,'background':true}"));

	CHECK(str_has(echo, quoted("'instructions':'i'")));
	CHECK(str_has(echo, quoted("'tools':[{'type':'function'}]")));
	CHECK(str_has(echo, quoted("'temperature':null")));
	CHECK(str_has(echo, quoted("'top_p':0.5")));
	CHECK(str_has(echo, quoted("'tool_choice':'auto'")));
	CHECK(str_ends(echo, quoted("'store':false")));
	CHECK(!str_has(echo, STR("secret")) && !str_has(echo, STR("\n")));
	arena_done(&keep);
	struct arena small = { .ceiling = 16 };
	CHECK_INT(responses_echo(&small, STR("{}")).len, 0);
	arena_done(&small);
}
