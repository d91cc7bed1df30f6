/* Requests: read into the neutral form, and written out of it.  JSON is written here with
 * ' for ", which one() turns back. */
#include "tests/check.h"
#include "wire/anthropic.h"

#include <stdio.h>
#include <stdlib.h>

static struct arena keep = { .ceiling = 8 * MiB };
static str detail;

static str one(const char *text)
{
	size_t len = strlen(text);
	char *to = arena_alloc(&keep, len + 1);

	for (size_t i = 0; i < len; i++)
		to[i] = text[i] == '\'' ? '"' : text[i];
	return str_of(to, len);
}

static fault_t read_text(const char *text, struct chat_request *r)
{
	*r = (struct chat_request){ .keep = &keep, .from = WIRE_ANTHROPIC };
	detail = STR_NONE;
	return wire_anthropic.read_request(one(text), r, &detail);
}

/* The body for that model; "REFUSED: ..." where there is none.  " as '. */
static str written(struct chat_request *r, const char *model)
{
	struct chat_target t = { .model = str_from_z(model), .stream = r->stream };
	struct buf b = BUF_LIMIT(MiB);
	struct json_value root;
	str text;

	detail = STR_NONE;
	if (wire_anthropic.write_request(r, &t, &b, &detail)) {
		buf_free(&b);
		return arena_printf(&keep, "REFUSED: %.*s", STR_ARG(detail));
	}
	CHECK_OK(json_check(buf_str(&b), &json_limits_default, &root));
	text = arena_copy(&keep, buf_str(&b));
	buf_free(&b);
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '"')
			((char *)(uintptr_t)text.ptr)[i] = '\'';
	}
	return text;
}

/* What is written of a request in this format, taken for one of another format: the
 * neutral members count, not the blocks as they came. */
static str neutral(const char *text, const char *model)
{
	struct chat_request r;

	CHECK_OK(read_text(text, &r));
	r.from = WIRE_OPENAI_CHAT;
	return written(&r, model);
}

static str all_dropped(const struct chat_request *r)
{
	struct buf b = BUF_LIMIT(KiB);
	str text;

	for (unsigned i = 0; i < r->dropped_count; i++)
		buf_addf(&b, "%s%.*s", i ? " " : "", STR_ARG(r->dropped[i]));
	text = arena_copy(&keep, buf_str(&b));
	buf_free(&b);
	return text;
}

TEST(anthropic_skim_finds_what_routes_need)
{
	str body = one("{'messages':[],'model' : 'claude-x','max_tokens':7,"
	               "'stream':true}");
	struct skimmed s;

	CHECK_OK(wire_anthropic.skim(body, OP_CHAT, &keep, &s, &detail));
	CHECK_STR(s.model, "claude-x");
	CHECK_STR(str_of(body.ptr + s.model_at, s.model_len), "\"claude-x\"");
	CHECK(s.stream && s.wants_usage);
	CHECK_INT(s.max_tokens, 7);
	CHECK_INT(s.choices, 1);
	CHECK_FAULT(wire_anthropic.skim(one("{'model':'m','max_tokens':-1}"), OP_CHAT,
	                                &keep, &s, &detail),
	            FAULT_BAD_REQUEST);
	CHECK_FAULT(wire_anthropic.skim(one("{'model':'m','stream':'yes'}"), OP_CHAT,
	                                &keep, &s, &detail),
	            FAULT_BAD_REQUEST);
	CHECK_FAULT(wire_anthropic.skim(one("{'model':'m','Model':'n'}"), OP_CHAT, &keep,
	                                &s, &detail),
	            FAULT_JSON_DUPLICATE);
	CHECK_FAULT(wire_anthropic.skim(one("{}"), OP_CHAT, &keep, &s, &detail),
	            FAULT_NO_MODEL);
	arena_done(&keep);
}

TEST(anthropic_models_are_known_by_their_names)
{
	static const struct {
		str id;
		unsigned has, lacks;
	} rows[] = {
		{ STR_INIT("claude-opus-4-7"), CLAUDE_ADAPTIVE | CLAUDE_XHIGH,
		  CLAUDE_BUDGET | CLAUDE_SAMPLING },
		{ STR_INIT("us.anthropic.claude-opus-4-6-v1:0"),
		  CLAUDE_BUDGET | CLAUDE_ADAPTIVE, CLAUDE_XHIGH },
		{ STR_INIT("anthropic/claude-Opus-4.8"), CLAUDE_SYSTEM, CLAUDE_BUDGET },
		{ STR_INIT("claude-opus-4-20250514"), CLAUDE_BUDGET | CLAUDE_SAMPLING,
		  CLAUDE_SCHEMA | CLAUDE_EFFORT },
		{ STR_INIT("claude-opus-4-1@20250805"), CLAUDE_SCHEMA, CLAUDE_EFFORT },
		{ STR_INIT("claude-sonnet-4-5-20250929"), CLAUDE_ONE_OF_TWO,
		  CLAUDE_ADAPTIVE },
		{ STR_INIT("claude-3-5-haiku-latest"), CLAUDE_SAMPLING,
		  CLAUDE_BUDGET | CLAUDE_ADAPTIVE },
		{ STR_INIT("claude-fable-5"), CLAUDE_UNFORCED, CLAUDE_BUDGET },
		{ STR_INIT("claude-opus-7"), CLAUDE_ADAPTIVE,
		  CLAUDE_SAMPLING | CLAUDE_BUDGET },
		{ STR_INIT("minimax-m2"), CLAUDE_SAMPLING | CLAUDE_BUDGET | CLAUDE_SCHEMA,
		  CLAUDE_ADAPTIVE },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		unsigned bits = anthropic_model_bits(rows[i].id);

		if (!CHECK((bits & rows[i].has) == rows[i].has) ||
		    !CHECK(!(bits & rows[i].lacks)))
			printf("of %.*s\n", STR_ARG(rows[i].id));
	}
}

/* One person of Claude Code's is one user, whatever the session. */
TEST(anthropic_skim_knows_the_user_of_a_session)
{
	static const struct {
		const char *said, *whose;
	} rows[] = {
		{ "u1", "u1" },
		{ "user_ab12_account_6f-7_session_57a1-22", "user_ab12_account_6f-7" },
		{ "user_ab12_account__session_57a1-22", "user_ab12_account_" },
		{ "user_ab12_session_57a1_account_2",
		  "user_ab12_session_57a1_account_2" },
		{ "ann_session_1", "ann_session_1" },
		{ "{\\'device_id\\':\\'ab12\\',\\'account_uuid\\':\\'6f-7\\',"
		  "\\'session_id\\':\\'57a1\\'}",
		  "6f-7" },
		{ "{\\'device_id\\':\\'ab12\\',\\'account_uuid\\':\\'\\',"
		  "\\'session_id\\':\\'57a1\\'}",
		  "ab12" },
		{ "{\\'device_id\\':7}", "{\"device_id\":7}" },
		{ "{half", "{half" },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		char body[512];
		struct skimmed s;

		snprintf(body, sizeof(body), "{'model':'m','metadata':{'user_id':'%s'}}",
		         rows[i].said);
		CHECK_OK(wire_anthropic.skim(one(body), OP_CHAT, &keep, &s, &detail));
		CHECK_STR_EQ(s.user, str_from_z(rows[i].whose));
	}
}

TEST(anthropic_text_and_system_are_read)
{
	struct chat_request r;

	CHECK_OK(read_text("{'model':'m','max_tokens':9,'system':[{'type':'text','text':"
	                   "'be kind','cache_control':{'type':'ephemeral','ttl':'1h'}}],"
	                   "'messages':[{'role':'user','content':'hi\\n'},"
	                   "{'role':'assistant','content':[{'type':'text','text':'yo'}]}"
	                   "],'stop_sequences':['a','b'],'temperature':0.5,"
	                   "'metadata':{'user_id':'u1'},'service_tier':'standard_only'}",
	                   &r));
	CHECK_STR(r.model, "m");
	CHECK_INT(r.max_tokens, 9);
	struct chat_message *m = r.messages;
	CHECK_INT(m->role, CHAT_SYSTEM);
	CHECK_STR(m->parts->text, "be kind");
	CHECK_INT(m->parts->cache, CACHE_1H);
	m = m->next;
	CHECK_INT(m->role, CHAT_USER);
	CHECK_STR(m->parts->text, "hi\\n");
	m = m->next;
	CHECK_INT(m->role, CHAT_ASSISTANT);
	CHECK(!m->next);
	CHECK_INT(r.stop_count, 2);
	CHECK_STR(r.stops[1], "b");
	CHECK_STR(r.options[CONCEPT_TEMPERATURE].raw, "0.5");
	CHECK_STR(r.options[CONCEPT_USER].raw, "\"u1\"");
	CHECK_STR(r.options[CONCEPT_SERVICE_TIER].raw, "\"default\"");
	CHECK(chat_is_marked(&r, CONCEPT_CACHE_MARK));
	CHECK_INT(r.dropped_count, 0);
	arena_done(&keep);
}

TEST(anthropic_results_become_a_message_of_their_own)
{
	struct chat_request r;

	CHECK_OK(read_text(
	        "{'model':'m','messages':[{'role':'user','content':'go'},"
	        "{'role':'assistant','content':[{'type':'tool_use','id':'t1','name':'f',"
	        "'input':{'a':1}},{'type':'tool_use','id':'t2','name':'g','input':{}}]},"
	        "{'role':'user','content':[{'type':'text','text':'and'},"
	        "{'type':'tool_result','tool_use_id':'t1','content':'one'},"
	        "{'type':'tool_result','tool_use_id':'t2','is_error':true,'content':["
	        "{'type':'image','source':{'type':'base64','media_type':'image/png',"
	        "'data':'AAAA'}}]}]}]}",
	        &r));
	struct chat_message *m = r.messages->next;
	CHECK_INT(m->parts->kind, CHAT_CALL);
	CHECK_STR(m->parts->args, "{\"a\":1}");
	CHECK_STR(m->parts->next->name, "g");
	m = m->next;
	CHECK_INT(m->role, CHAT_TOOL);
	CHECK_STR(m->parts->id, "t1");
	CHECK_STR(m->parts->parts->text, "one");
	struct chat_part *second = m->parts->next;
	CHECK(second->is_error);
	CHECK_INT(second->parts->kind, CHAT_IMAGE);
	CHECK_STR(second->parts->media_type, "image/png");
	m = m->next;
	CHECK_INT(m->role, CHAT_USER);
	CHECK_STR(m->parts->text, "and");
	CHECK(!m->parts->next && !m->next);
	CHECK(chat_is_marked(&r, CONCEPT_IMAGE_INLINE));
	arena_done(&keep);
}

TEST(anthropic_documents_are_read_from_every_source)
{
	struct chat_request r;

	CHECK_OK(read_text(
	        "{'model':'m','messages':[{'role':'user','content':["
	        "{'type':'document','title':'T','context':'C','citations':{'enabled':"
	        "true},"
	        "'source':{'type':'base64','media_type':'application/"
	        "pdf','data':'QQ=='}},"
	        "{'type':'document','source':{'type':'url','url':'https://x/y.pdf'}},"
	        "{'type':'document','source':{'type':'text','media_type':'text/plain',"
	        "'data':'plain'}},"
	        "{'type':'document','source':{'type':'content','content':["
	        "{'type':'text','text':'p'},{'type':'text','text':'q'}]}},"
	        "{'type':'document','source':{'type':'file','file_id':'file_1'}},"
	        "{'type':'search_result','title':'S','source':'https://s','content':["
	        "{'type':'text','text':'found'}]}]}]}",
	        &r));
	struct chat_part *p = r.messages->parts;
	CHECK_INT(p->kind, CHAT_FILE);
	CHECK_STR(p->name, "T");
	CHECK_INT(p->source, SOURCE_BASE64);
	CHECK(chat_is_marked(&r, CONCEPT_FILE_CONTEXT));
	CHECK(chat_is_marked(&r, CONCEPT_FILE_CITATIONS));
	p = p->next;
	CHECK_INT(p->source, SOURCE_URL);
	CHECK_STR(p->data, "https://x/y.pdf");
	p = p->next;
	CHECK_INT(p->source, SOURCE_TEXT);
	CHECK_STR(p->data, "plain");
	p = p->next;
	CHECK_STR(p->data, "p\\nq");
	p = p->next;
	CHECK_INT(p->source, SOURCE_ID);
	CHECK(chat_is_marked(&r, CONCEPT_FILE_ID));
	p = p->next;
	CHECK_INT(p->kind, CHAT_TEXT);
	CHECK_STR(p->text, "S\\nhttps://s\\nfound");
	arena_done(&keep);
}

TEST(anthropic_thinking_keeps_its_seals)
{
	struct chat_request r;

	CHECK_OK(read_text(
	        "{'model':'m','messages':[{'role':'user','content':'x'},"
	        "{'role':'assistant','content':["
	        "{'type':'thinking','thinking':'hm','signature':'U0lH'},"
	        "{'type':'redacted_thinking','data':'UkVE'},"
	        "{'type':'thinking','thinking':'g','signature':'sluice1.gemini.R0VN'},"
	        "{'type':'thinking','thinking':'n','signature':''}]}]}",
	        &r));
	struct chat_part *p = r.messages->next->parts;
	CHECK_INT(p->kind, CHAT_REASONING);
	CHECK_STR(p->text, "hm");
	CHECK_STR(p->seal.blob, "U0lH");
	CHECK_INT(p->seal.origin, WIRE_ANTHROPIC);
	p = p->next;
	CHECK(p->seal.redacted);
	CHECK_STR(p->seal.blob, "UkVE");
	p = p->next;
	CHECK_INT(p->seal.origin, WIRE_GEMINI);
	CHECK_STR(p->seal.blob, "R0VN");
	CHECK_INT(p->next->seal.origin, WIRE_NONE);
	/* Only its own go back; the rest is named. */
	CHECK_STR(written(&r, "claude-sonnet-4-5"),
	          "{'model':'claude-sonnet-4-5','max_tokens':32000,'messages':["
	          "{'role':'user','content':'x'},{'role':'assistant','content':["
	          "{'type':'thinking','thinking':'hm','signature':'U0lH'},"
	          "{'type':'redacted_thinking','data':'UkVE'}]}]}");
	CHECK_STR(all_dropped(&r), "reasoning");
	arena_done(&keep);
}

TEST(anthropic_tools_and_choices_are_read)
{
	struct chat_request r;

	CHECK_OK(read_text(
	        "{'model':'m','messages':[],'tools':[{'name':'f','description':'d',"
	        "'input_schema':{'type':'object'},'strict':true,'defer_loading':true},"
	        "{'type':'web_search_20250305','name':'web_search'},"
	        "{'type':'code_execution_20260120','name':'code_execution'},"
	        "{'type':'tool_search_tool_bm25_20251119','name':'s'},"
	        "{'type':'bash_20250124','name':'bash'}],"
	        "'tool_choice':{'type':'tool','name':'f','disable_parallel_tool_use':"
	        "true}}",
	        &r));
	struct chat_tool *t = r.tools;
	CHECK_STR(t->name, "f");
	CHECK_STR(t->description, "d");
	CHECK_STR(t->schema.raw, "{\"type\":\"object\"}");
	CHECK_INT(t->strict, TRI_YES);
	t = t->next;
	CHECK_INT(t->kind, TOOL_WEB_SEARCH);
	t = t->next;
	CHECK_INT(t->kind, TOOL_CODE);
	CHECK_INT(t->next->kind, TOOL_HOSTED);
	CHECK(chat_is_marked(&r, CONCEPT_WEB_SEARCH));
	CHECK(chat_is_marked(&r, CONCEPT_TOOL_SEARCH));
	CHECK(chat_is_marked(&r, CONCEPT_HOSTED_TOOL));
	CHECK(chat_is_marked(&r, CONCEPT_TOOL_DEFERRED));
	CHECK_INT(r.choose, CHOOSE_ONE);
	CHECK_STR(r.choose_name, "f");
	CHECK_INT(r.parallel, TRI_NO);
	arena_done(&keep);
}

TEST(anthropic_unknown_members_are_named)
{
	struct chat_request r;

	CHECK_OK(read_text("{'model':'m','messages':[{'role':'user','name':'n','content':"
	                   "[{'type':'text','text':'a','mood':1}]}],'novel':{},"
	                   "'thinking':{'type':'adaptive','deep':1},'speed':'fast',"
	                   "'none':null}",
	                   &r));
	CHECK_STR(all_dropped(&r), "novel messages[].name messages[].content[].mood "
	                           "thinking.deep");
	CHECK_STR(r.options[CONCEPT_SPEED].raw, "\"fast\"");
	arena_done(&keep);
}

TEST(anthropic_malformed_requests_are_refused)
{
	static const struct {
		const char *body;
		fault_t why;
		str detail;
	} rows[] = {
		{ "{'messages':3}", FAULT_BAD_REQUEST,
		  STR_INIT("messages: must be an array") },
		{ "{'messages':[3]}", FAULT_BAD_REQUEST,
		  STR_INIT("messages.0: must be an object") },
		{ "{'messages':[{'role':'user','content':'a'},{'role':'bot','content':"
		  "'a'}]}",
		  FAULT_BAD_REQUEST,
		  STR_INIT("messages.1.role: must be user, assistant or system") },
		{ "{'messages':[{'role':'user','content':7}]}", FAULT_BAD_REQUEST,
		  STR_INIT("messages.0.content: must be a string or an array") },
		{ "{'messages':[{'role':'user','content':[{'type':'text','text':'a'},"
		  "{'x':1}]}]}",
		  FAULT_BAD_REQUEST,
		  STR_INIT("messages.0.content.1: must be an object with a type") },
		{ "{'messages':[{'role':'user','content':[{'type':'image','source':{"
		  "'type':'tape'}}]}]}",
		  FAULT_BAD_REQUEST,
		  STR_INIT("messages.0.content.0.source: its type is not known") },
		{ "{'messages':[{'role':'assistant','content':[{'type':'tool_use','id':"
		  "'a','name':'f','input':'x'}]}]}",
		  FAULT_BAD_REQUEST,
		  STR_INIT("messages.0.content.0.input: must be an object") },
		{ "{'messages':[],'thinking':{'type':'enabled','budget_tokens':-1}}",
		  FAULT_BAD_REQUEST,
		  STR_INIT("thinking.budget_tokens: must be a positive integer") },
		{ "{'messages':[],'output_config':{'effort':'some'}}", FAULT_BAD_REQUEST,
		  STR_INIT("output_config.effort: is not a known level") },
		{ "{'messages':[{'role':'user','role':'user','content':'a'}]}",
		  FAULT_JSON_DUPLICATE, STR_INIT("") },
		{ "[]", FAULT_BAD_JSON, STR_INIT("") },
		{ "{'messages':[", FAULT_BAD_JSON, STR_INIT("") },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct chat_request r;

		CHECK_FAULT(read_text(rows[i].body, &r), rows[i].why);
		CHECK_STR_EQ(detail, rows[i].detail);
	}
	arena_done(&keep);
}

/* ---- writing ---- */

TEST(anthropic_system_messages_go_to_the_top_or_into_the_next_turn)
{
	static const char body[] =
	        "{'model':'m','max_tokens':5,'system':'first','messages':["
	        "{'role':'user','content':'a'},{'role':'system','content':'now'},"
	        "{'role':'assistant','content':'b'},{'role':'system','content':'late'},"
	        "{'role':'user','content':'c'}]}";

	CHECK_STR(neutral(body, "claude-opus-4-8"),
	          "{'model':'claude-opus-4-8','max_tokens':5,'system':'first',"
	          "'messages':[{'role':'user','content':'a'},"
	          "{'role':'system','content':[{'type':'text','text':'now'}]},"
	          "{'role':'assistant','content':'b'},"
	          "{'role':'user','content':[{'type':'text','text':"
	          "'<system>late</system>'},{'type':'text','text':'c'}]}]}");
	CHECK_STR(neutral(body, "claude-sonnet-4-5"),
	          "{'model':'claude-sonnet-4-5','max_tokens':5,'system':'first',"
	          "'messages':[{'role':'user','content':[{'type':'text','text':'a'},"
	          "{'type':'text','text':'<system>now</system>'}]},"
	          "{'role':'assistant','content':'b'},"
	          "{'role':'user','content':[{'type':'text','text':"
	          "'<system>late</system>'},{'type':'text','text':'c'}]}]}");
	arena_done(&keep);
}

TEST(anthropic_conversations_begin_with_the_user_and_have_no_empty_turns)
{
	CHECK_STR(neutral("{'model':'m','max_tokens':5,'messages':[{'role':'assistant',"
	                  "'content':'a'},{'role':'user','content':' \\n'},"
	                  "{'role':'assistant','content':''}]}",
	                  "claude-3"),
	          "{'model':'claude-3','max_tokens':5,'messages':["
	          "{'role':'user','content':'.'},{'role':'assistant','content':'a'}]}");
	CHECK_STR(neutral("{'model':'m','max_tokens':5,'system':'s','messages':[]}", "m"),
	          "{'model':'m','max_tokens':5,'system':'s','messages':["
	          "{'role':'user','content':'.'}]}");
	arena_done(&keep);
}

TEST(anthropic_results_stand_first_in_the_order_of_their_calls)
{
	struct chat_request r = { .keep = &keep, .from = WIRE_OPENAI_CHAT };
	struct chat_message *m;
	struct chat_part *p;

	chat_add_text(&r, chat_add_message(&r, CHAT_USER), STR("go"));
	m = chat_add_message(&r, CHAT_ASSISTANT);
	for (unsigned i = 0; i < 2; i++) {
		p = chat_add_part(&r, m, CHAT_CALL);
		p->id = i ? STR("b-1") : STR("a_0");
		p->name = STR("f");
	}
	chat_add_text(&r, chat_add_message(&r, CHAT_USER), STR("quick"));
	for (unsigned i = 0; i < 2; i++) {
		p = chat_add_part(&r, chat_add_message(&r, CHAT_TOOL), CHAT_RESULT);
		p->id = i ? STR("a_0") : STR("b-1");
		p->is_error = i;
		if (i)
			chat_add_inner(&r, p, CHAT_TEXT)->text = STR("A");
	}
	CHECK_STR(written(&r, "m"),
	          "{'model':'m','max_tokens':32000,'messages':["
	          "{'role':'user','content':'go'},{'role':'assistant','content':["
	          "{'type':'tool_use','id':'a_0','name':'f','input':{}},"
	          "{'type':'tool_use','id':'b-1','name':'f','input':{}}]},"
	          "{'role':'user','content':[{'type':'tool_result','tool_use_id':"
	          "'a_0','content':'A','is_error':true},{'type':'tool_result',"
	          "'tool_use_id':'b-1','content':''},"
	          "{'type':'text','text':'quick'}]}]}");
	arena_done(&keep);
}

TEST(anthropic_media_are_written_as_anthropic_wants_them)
{
	struct chat_request r = { .keep = &keep, .from = WIRE_OPENAI_CHAT };
	struct chat_message *m = chat_add_message(&r, CHAT_USER);
	struct chat_part *p = chat_add_part(&r, m, CHAT_IMAGE);

	chat_set_url(p, STR("data:image/png;base64,a-_\\/"));
	p = chat_add_part(&r, m, CHAT_IMAGE);
	p->source = SOURCE_BASE64;
	p->data = STR("/9j/4AA"); /* no type, no padding */
	p = chat_add_part(&r, m, CHAT_IMAGE);
	chat_set_url(p, STR("https://x/y.png"));
	p->cache = CACHE_5M;
	p = chat_add_part(&r, m, CHAT_FILE);
	p->source = SOURCE_BASE64;
	p->media_type = STR("text/csv");
	p->data = STR("YQo=");
	p->name = STR("a.csv");
	p = chat_add_part(&r, m, CHAT_FILE);
	p->source = SOURCE_BASE64;
	p->media_type = STR("application/pdf");
	p->data = STR("JVBE");
	CHECK_STR(written(&r, "m"),
	          "{'model':'m','max_tokens':32000,'messages':[{'role':'user','content':["
	          "{'type':'image','source':{'type':'base64','media_type':'image/png',"
	          "'data':'a+//'}},"
	          "{'type':'image','source':{'type':'base64','media_type':'image/jpeg',"
	          "'data':'/9j/4AA='}},"
	          "{'type':'image','source':{'type':'url','url':'https://x/y.png'},"
	          "'cache_control':{'type':'ephemeral'}},"
	          "{'type':'document','source':{'type':'text','media_type':'text/plain',"
	          "'data':'a\\n'},'title':'a.csv'},"
	          "{'type':'document','source':{'type':'base64','media_type':"
	          "'application/pdf','data':'JVBE'}}]}]}");
	p->media_type = STR("application/zip");
	CHECK_STR(written(&r, "m"), "REFUSED: a file that is neither PDF nor text");
	arena_done(&keep);
}

TEST(anthropic_keeps_the_last_four_cache_marks)
{
#define MARKED(text)                                                                     \
	"{'type':'text','text':'" text "','cache_control':{'type':'ephemeral'}}"
	CHECK_STR(neutral("{'model':'m','max_tokens':5,'system':[" MARKED(
	                          "s") "],'"
	                               "messages':["
	                               "{'role':'"
	                               "user','"
	                               "content':"
	                               "[" MARKED("a") "," MARKED("b") "," MARKED(
	                                       "c") "," MARKED("d") "]}]}",
	                  "m"),
	          "{'model':'m','max_tokens':5,'system':[" MARKED(
	                  "s") "],'messages':[{'role':'user','content':[{'type':'text',"
	                       "'text':'a'}," MARKED("b") "," MARKED("c") "," MARKED(
	                               "d") "]}]}");
#undef MARKED
	arena_done(&keep);
}

static str options_for(const char *options, const char *model, str *ret_dropped)
{
	static const char head[] = "'messages':[{'role':'user','content':'a'}]";
	struct chat_request r;
	str text, from;

	CHECK_OK(read_text(
	        (const char *)str_z(
	                &keep, arena_printf(&keep, "{'model':'m',%s,%s}", head, options)),
	        &r));
	r.from = WIRE_OPENAI_CHAT;
	text = written(&r, model);
	*ret_dropped = all_dropped(&r);
	/* Only what stands around the messages. */
	from = str_from(text, str_find_str(text, str_from_z(head)) + sizeof(head) - 1);
	return from.len ? from : text;
}

/* Each model gets what it takes, and what it does not take is named. */
TEST(anthropic_options_follow_the_model)
{
	static const struct {
		const char *options, *model;
		str body, dropped;
	} rows[] = {
		/* sampling */
		{ "'temperature':0.3,'top_k':4", "claude-sonnet-4-5",
		  STR_INIT(",'temperature':0.3,'top_k':4}"), STR_INIT("") },
		{ "'temperature':0.3,'top_p':0.9", "claude-sonnet-4-5",
		  STR_INIT(",'temperature':0.3}"), STR_INIT("top_p") },
		{ "'temperature':0.3,'top_p':0.9", "claude-sonnet-4-0",
		  STR_INIT(",'temperature':0.3,'top_p':0.9}"), STR_INIT("") },
		{ "'temperature':0.3,'top_p':0.9,'top_k':4", "claude-opus-4-7",
		  STR_INIT("}"), STR_INIT("temperature top_p top_k") },
		{ "'temperature':1.7", "claude-3-5-haiku", STR_INIT(",'temperature':1}"),
		  STR_INIT("temperature>1") },
		/* thinking by budget */
		{ "'max_tokens':9000,'thinking':{'type':'enabled','budget_tokens':2000},"
		  "'temperature':0.1",
		  "claude-sonnet-4-5",
		  STR_INIT(",'thinking':{'type':'enabled','budget_tokens':2000}}"),
		  STR_INIT("temperature") },
		{ "'max_tokens':9000,'thinking':{'type':'enabled','budget_tokens':2000}",
		  "claude-opus-4-6",
		  STR_INIT(",'thinking':{'type':'enabled','budget_tokens':2000}}"),
		  STR_INIT("") },
		{ "'max_tokens':9000,'thinking':{'type':'enabled','budget_tokens':2000}",
		  "claude-opus-4-7",
		  STR_INIT(",'thinking':{'type':'adaptive','display':'summarized'},"
		           "'output_config':{'effort':'low'}}"),
		  STR_INIT("") },
		{ "'max_tokens':4000,'thinking':{'type':'enabled','budget_tokens':5000}",
		  "claude-sonnet-4-5",
		  STR_INIT(",'thinking':{'type':'enabled','budget_tokens':3000}}"),
		  STR_INIT("reasoning_effort") },
		{ "'max_tokens':1000,'thinking':{'type':'enabled','budget_tokens':5000}",
		  "claude-sonnet-4-5", STR_INIT("}"), STR_INIT("reasoning_effort") },
		{ "'thinking':{'type':'enabled','budget_tokens':5000}", "claude-3-5-x",
		  STR_INIT("}"), STR_INIT("reasoning_effort") },
		/* effort */
		{ "'output_config':{'effort':'medium'}", "claude-sonnet-4-5",
		  STR_INIT(",'thinking':{'type':'enabled','budget_tokens':10000}}"),
		  STR_INIT("") },
		{ "'output_config':{'effort':'xhigh'}", "claude-opus-4-6",
		  STR_INIT(",'thinking':{'type':'adaptive'},"
		           "'output_config':{'effort':'max'}}"),
		  STR_INIT("") },
		{ "'output_config':{'effort':'xhigh'}", "claude-opus-5",
		  STR_INIT(",'thinking':{'type':'adaptive','display':'summarized'},"
		           "'output_config':{'effort':'xhigh'}}"),
		  STR_INIT("") },
		{ "'thinking':{'type':'disabled'}", "claude-opus-5",
		  STR_INIT(",'thinking':{'type':'disabled'}}"), STR_INIT("") },
		{ "'thinking':{'type':'disabled'}", "claude-fable-5", STR_INIT("}"),
		  STR_INIT("reasoning_effort") },
		/* the rest */
		{ "'stop_sequences':['x',' \\n','y']", "m",
		  STR_INIT(",'stop_sequences':['x','y']}"), STR_INIT("") },
		{ "'metadata':{'user_id':'u-1'},'service_tier':'standard_only'", "m",
		  STR_INIT(",'metadata':{'user_id':'u-1'},'service_tier':"
		           "'standard_only'}"),
		  STR_INIT("") },
		{ "'metadata':{'user_id':'a@b.example'},'stream':true", "m",
		  STR_INIT(",'stream':true}"), STR_INIT("user") },
		{ "'output_config':{'format':{'type':'json_schema','schema':{'type':"
		  "'object'}}}",
		  "claude-haiku-4-5",
		  STR_INIT(",'output_config':{'format':{'type':'json_schema','schema':"
		           "{'type':'object'}}}}"),
		  STR_INIT("") },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		str dropped, body = options_for(rows[i].options, rows[i].model, &dropped);

		if (!CHECK_STR_EQ(body, rows[i].body) ||
		    !CHECK_STR_EQ(dropped, rows[i].dropped))
			printf("for %s: %s\n", rows[i].model, rows[i].options);
	}
	arena_done(&keep);
}

#define TOOL_F "{'name':'f','input_schema':{'type':'object','properties':{}}}"
#define TOOL_G                                                                           \
	"{'name':'g','description':'d','input_schema':{'type':'object',"                 \
	"'properties':{},'additionalProperties':false},'strict':true}"

TEST(anthropic_forced_tools_and_thinking_exclude_each_other)
{
	static const struct {
		const char *options, *model;
		str head, tail, dropped;
	} rows[] = {
		{ "'tool_choice':{'type':'any'},'thinking':{'type':'enabled',"
		  "'budget_tokens':2000}",
		  "claude-sonnet-4-5",
		  STR_INIT(",'tool_choice':{'type':'any'},'messages'"), STR_INIT("]}"),
		  STR_INIT("reasoning_effort") },
		{ "'tool_choice':{'type':'any'},'thinking':{'type':'enabled',"
		  "'budget_tokens':2000}",
		  "claude-opus-4-6", STR_INIT(",'tool_choice':{'type':'any'},'messages'"),
		  STR_INIT(",'thinking':{'type':'adaptive'},"
		           "'output_config':{'effort':'low'}}"),
		  STR_INIT("") },
		{ "'tool_choice':{'type':'tool','name':'g','disable_parallel_tool_use':"
		  "true}",
		  "claude-opus-4-7",
		  STR_INIT(",'tool_choice':{'type':'tool','name':'g',"
		           "'disable_parallel_tool_use':true},'messages'"),
		  STR_INIT("]}"), STR_INIT("") },
		{ "'tool_choice':{'type':'tool','name':'g'}", "claude-fable-5",
		  STR_INIT("'tools':[" TOOL_G "],'tool_choice':{'type':'auto'}"),
		  STR_INIT("]}"), STR_INIT("tool_choice") },
		{ "'tool_choice':{'type':'none','disable_parallel_tool_use':true}",
		  "claude-opus-4-7", STR_INIT(",'tool_choice':{'type':'none'},"),
		  STR_INIT("]}"), STR_INIT("") },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct chat_request r;
		str body;

		CHECK_OK(read_text(
		        str_z(&keep,
		              arena_printf(&keep,
		                           "{'model':'m','messages':[{'role':'user',"
		                           "'content':'a'}],'tools':[" TOOL_F "," TOOL_G
		                           "],%s}",
		                           rows[i].options)),
		        &r));
		r.from = WIRE_OPENAI_CHAT;
		body = written(&r, rows[i].model);
		if (!CHECK(str_has(body, rows[i].head)) ||
		    !CHECK(str_ends(body, rows[i].tail)) ||
		    !CHECK_STR_EQ(all_dropped(&r), rows[i].dropped))
			printf("%zu: %.*s\n", i, STR_ARG(body));
	}
	arena_done(&keep);
}

TEST(anthropic_a_loop_of_tools_that_lost_its_thinking_goes_on_without)
{
	static const char body[] =
	        "{'model':'m','max_tokens':9000,'thinking':{'type':'enabled',"
	        "'budget_tokens':2000},'messages':[{'role':'user','content':'a'},"
	        "{'role':'assistant','content':[%s{'type':'tool_use','id':'t','name':'f',"
	        "'input':{}}]},{'role':'user','content':[{'type':'tool_result',"
	        "'tool_use_id':'t','content':'r'}]}]}";
	static const char thinking[] =
	        "{'type':'thinking','thinking':'h','signature':'U0lH'},";
	const char *with = str_z(&keep, arena_printf(&keep, body, thinking));
	const char *without = str_z(&keep, arena_printf(&keep, body, ""));

	CHECK(str_has(neutral(with, "claude-sonnet-4-5"), STR("'budget_tokens':2000")));
	CHECK(!str_has(neutral(without, "claude-sonnet-4-5"), STR("budget_tokens")));

	/* A client of Anthropic's, whose calls another vendor made. */
	static const char foreign[] =
	        "{'type':'thinking','thinking':'h','signature':'sluice1.none.'},";
	static const char compacted[] =
	        "{'type':'compaction','content':'c'},"
	        "{'type':'thinking','thinking':'h','signature':'U0lH'},";
	struct chat_request r;

	CHECK_OK(read_text(str_z(&keep, arena_printf(&keep, body, foreign)), &r));
	CHECK(!str_has(written(&r, "claude-sonnet-4-5"), STR("thinking")));
	CHECK_STR(all_dropped(&r), "thinking.budget_tokens reasoning");
	CHECK_OK(read_text(str_z(&keep, arena_printf(&keep, body, compacted)), &r));
	CHECK(str_has(written(&r, "claude-sonnet-4-5"), STR("'budget_tokens':2000")));
	arena_done(&keep);
}

TEST(anthropic_tools_of_others_are_written)
{
	struct chat_request r = { .keep = &keep, .from = WIRE_OPENAI_RESPONSES };
	struct chat_tool *t;

	chat_add_text(&r, chat_add_message(&r, CHAT_USER), STR("a"));
	chat_add_tool(&r, TOOL_FUNCTION)->name = STR("bare");
	t = chat_add_tool(&r, TOOL_FUNCTION);
	t->name = STR("typeless");
	CHECK_OK(json_check(one("{'properties':{}}"), &json_limits_default, &t->schema));
	chat_add_tool(&r, TOOL_FUNCTION)->name = STR("forbidden");
	t = chat_add_tool(&r, TOOL_WEB_SEARCH);
	CHECK_OK(json_check(one("{'type':'web_search','filters':{'allowed_domains':"
	                        "['x.org']},'user_location':{'type':'approximate',"
	                        "'city':'Ulm','x':1}}"),
	                    &json_limits_default, &t->raw));
	t->name = STR("web_search");
	r.allowed[r.allowed_count++] = STR("bare");
	r.allowed[r.allowed_count++] = STR("typeless");
	r.allowed[r.allowed_count++] = STR("web_search");
	CHECK_STR(written(&r, "m"),
	          "{'model':'m','max_tokens':32000,'tools':["
	          "{'name':'bare','input_schema':{'type':'object','properties':{}}},"
	          "{'name':'typeless','input_schema':{'type':'object','properties':{}}},"
	          "{'type':'web_search_20250305','name':'web_search','allowed_domains':"
	          "['x.org'],'user_location':{'type':'approximate','city':'Ulm'}}],"
	          "'messages':[{'role':'user','content':'a'}]}");
	arena_done(&keep);
}

/* What comes in this format goes out in it as it came, whatever the blocks are. */
TEST(anthropic_requests_of_its_own_clients_come_back_unchanged)
{
	static const char *const bodies[] = {
		"{'model':'claude-opus-4-8','max_tokens':99,'tools':[{'type':"
		"'web_search_20250305','name':'web_search','max_uses':3},{'name':'f',"
		"'input_schema':{'type':'object'},'input_examples':[{}],'defer_loading':"
		"true}],'tool_choice':{'type':'auto'},'system':[{'type':'text','text':'s'"
		","
		"'cache_control':{'type':'ephemeral'}}],'messages':[{'role':'user',"
		"'content':[{'type':'container_upload','file_id':'f_1'},{'type':'"
		"document',"
		"'source':{'type':'text','media_type':'text/plain','data':'d'},'context':"
		"'c','citations':{'enabled':true}}]},{'role':'assistant','content':["
		"{'type':'thinking','thinking':'t','signature':'U0lH'},"
		"{'type':'server_tool_use','id':'srvtoolu_1','name':'web_search','input':"
		"{'query':'q'}},{'type':'web_search_tool_result','tool_use_id':"
		"'srvtoolu_1','content':[{'type':'web_search_result','url':'u','title':'"
		"t',"
		"'encrypted_content':'RU5D'}]},{'type':'text','text':'x','citations':["
		"{'type':'web_search_result_location','url':'u','title':'t','cited_text':"
		"'c','encrypted_index':'SU5E'}]},{'type':'tool_use','id':'toolu_1','name'"
		":"
		"'f','input':{},'caller':{'type':'direct'}}]},{'role':'user','content':["
		"{'type':'tool_result','tool_use_id':'toolu_1','content':[{'type':"
		"'tool_reference','tool_name':'g'}]}]},{'role':'system','content':["
		"{'type':'tool_addition','tool':{'type':'tool_reference','name':'g'}}]}],"
		"'thinking':{'type':'adaptive','display':'omitted'},'output_config':"
		"{'effort':'low','format':{'type':'json_schema','schema':{}},"
		"'task_budget':{'type':'tokens','total':9}},'stop_sequences':['x'],"
		"'metadata':{'user_id':'u'},'service_tier':'auto','context_management':"
		"{'edits':[]},'speed':'fast','inference_geo':'us','cache_control':{'type'"
		":"
		"'ephemeral'},'container':'c_1','mcp_servers':[{}],'stream':true}",
		"{'model':'claude-sonnet-4-5','max_tokens':2000,'messages':[{'role':'"
		"user',"
		"'content':'a'}],'thinking':{'type':'enabled','budget_tokens':1024}}",
		"{'model':'claude-opus-4-5','max_tokens':9,'messages':[{'role':'user',"
		"'content':'a'}],'output_config':{'effort':'low'},"
		"'temperature':0.2}",
	};

	for (size_t i = 0; i < countof(bodies); i++) {
		struct chat_request r;
		str first, second;

		CHECK_OK(read_text(bodies[i], &r));
		first = written(&r, str_z(&keep, r.model));
		CHECK_STR(all_dropped(&r), "");
		CHECK_OK(read_text(str_z(&keep, first), &r));
		second = written(&r, str_z(&keep, r.model));
		CHECK_STR_EQ(second, first);
		if (i > 0)
			CHECK_STR_EQ(first, str_from_z(bodies[i]));
		else /* plain options come in an order of ours */
			CHECK_INT(first.len, strlen(bodies[i]));
	}
	arena_done(&keep);
}

/* What we showed of other vendors does not go to Anthropic, even from its own clients. */
TEST(anthropic_marks_of_ours_do_not_come_back)
{
	struct chat_request r;

	CHECK_OK(read_text(
	        "{'model':'m','max_tokens':5,'messages':[{'role':'user','content':'a'},"
	        "{'role':'assistant','content':[{'type':'thinking','thinking':'h',"
	        "'signature':'sluice1.none.'},{'type':'text','text':'b','citations':["
	        "{'type':'web_search_result_location','url':'u','title':'t','cited_text':"
	        "'','encrypted_index':'sluice1.'}]}]}]}",
	        &r));
	CHECK_STR(r.messages->next->parts->next->citations->url, "u");
	CHECK_STR(written(&r, "m"),
	          "{'model':'m','max_tokens':5,'messages':[{'role':'user','content':'a'},"
	          "{'role':'assistant','content':[{'type':'text','text':'b'}]}]}");
	arena_done(&keep);
}

TEST(anthropic_count_requests_leave_out_what_the_endpoint_refuses)
{
	struct chat_request r;
	struct chat_target t = { .model = STR("claude-sonnet-4-5"), .stream = true };
	struct buf b = BUF_LIMIT(MiB);
	uint64_t tokens = 0;

	CHECK_OK(read_text("{'model':'m','messages':[{'role':'user','content':'a'}],"
	                   "'tools':[{'type':'web_search_20250305','name':'web_search'},"
	                   "{'type':'memory_20250818','name':'memory'}],"
	                   "'thinking':{'type':'enabled','budget_tokens':2000},"
	                   "'mcp_servers':[{}],'temperature':1}",
	                   &r));
	CHECK_OK(anthropic_write_count_request(&r, &t, &b, &detail));
	CHECK_STR_EQ(buf_str(&b),
	             one("{'model':'claude-sonnet-4-5','tools':[{'type':"
	                 "'memory_20250818','name':'memory'}],'messages':[{'role':'user',"
	                 "'content':'a'}],'thinking':{'type':'enabled','budget_tokens':"
	                 "2000}}"));
	buf_clear(&b);
	anthropic_write_count(&b, 77);
	CHECK(anthropic_read_count(buf_str(&b), &tokens));
	CHECK_INT(tokens, 77);
	CHECK(!anthropic_read_count(STR("{}"), &tokens));
	buf_free(&b);
	arena_done(&keep);
}

TEST(anthropic_failures_are_said_in_its_words)
{
	static const struct {
		fault_t why;
		str type;
	} rows[] = {
		{ FAULT_BAD_KEY, STR_INIT("authentication_error") },
		{ FAULT_NO_SUCH_MODEL, STR_INIT("not_found_error") },
		{ FAULT_OPEN_MODE_HOST, STR_INIT("permission_error") },
		{ FAULT_HTTP_BODY_LARGE, STR_INIT("request_too_large") },
		{ FAULT_UPSTREAM_LIMITED, STR_INIT("rate_limit_error") },
		{ FAULT_UPSTREAM_BUSY, STR_INIT("overloaded_error") },
		{ FAULT_FIRST_TOKEN_LATE, STR_INIT("timeout_error") },
		{ FAULT_UPSTREAM_FAILED, STR_INIT("api_error") },
		{ FAULT_BAD_REQUEST, STR_INIT("invalid_request_error") },
	};
	struct buf b = BUF_LIMIT(KiB);

	for (size_t i = 0; i < countof(rows); i++) {
		buf_clear(&b);
		wire_anthropic.write_fault(&b, rows[i].why, STR("why"), STR_NONE);
		CHECK_STR_EQ(
		        buf_str(&b),
		        arena_printf(&keep,
		                     "{\"type\":\"error\",\"error\":{\"type\":\"%.*s\","
		                     "\"message\":\"why\"}}\n",
		                     STR_ARG(rows[i].type)));
	}
	buf_clear(&b);
	wire_anthropic.write_stream_fault(&b, FAULT_CONTEXT_TOO_LONG, STR("300 > 200"));
	CHECK_STR_EQ(buf_str(&b), arena_printf(&keep, "event: error\ndata: %.*s\n\n",
	                                       STR_ARG(one("{'type':'error','error':{"
	                                                   "'type':'invalid_request_"
	                                                   "error','message':'prompt is "
	                                                   "too long: 300 > 200'}}"))));
	CHECK_STR(wire_anthropic.error_message(one("{'type':'error','error':{'type':"
	                                           "'x','message':'no \\u0041'}}")),
	          "no \\u0041");
	CHECK_STR(wire_anthropic.error_message(one("{'message':'bedrock'}")), "bedrock");
	CHECK_STR(wire_anthropic.error_message(STR("<html>")), "");
	buf_clear(&b);
	wire_anthropic.write_path(OP_CHAT, STR("m"), true, &b);
	CHECK_STR(buf_str(&b), "/messages");
	wire_anthropic.write_path(OP_COUNT, STR("m"), false, &b);
	CHECK_STR(buf_str(&b), "/messages/messages/count_tokens");
	buf_free(&b);
	arena_done(&keep);
}
