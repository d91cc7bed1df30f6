/* Answers of openai-responses, read: each event becomes a line of a short text.  JSON
 * stands here with ' for ". */
#include "tests/check.h"
#include "wire/responses.h"

#include <stdio.h>

static struct arena keep;

static str quoted(const char *text)
{
	str s = str_from_z(text);
	char *room = arena_alloc(&keep, s.len + 1);

	for (size_t i = 0; i < s.len; i++)
		room[i] = text[i] == '\'' ? '"' : text[i];
	return str_of(room, s.len);
}

struct log {
	struct chat_sink sink;
	struct buf text;
	struct token_usage usage;
	fault_t why;
};

static void add_open(struct buf *b, const struct chat_event *e)
{
	static const char *const kinds[] = { "text",  "refusal", "reasoning", "image",
		                             "audio", "video",   "file",      "call",
		                             "?",     "foreign" };

	buf_addf(b, "[%u %s", e->block, kinds[e->what]);
	if (e->what == CHAT_CALL)
		buf_addf(b, "%s %.*s %.*s", e->is_custom ? "*" : "", STR_ARG(e->id),
		         STR_ARG(e->name));
	if (e->what == CHAT_IMAGE)
		buf_addf(b, " %.*s %.*s", STR_ARG(e->media_type), STR_ARG(e->text));
	buf_add_char(b, ' ');
}

static void take(struct chat_sink *sink, const struct chat_event *e)
{
	struct log *l = container_of(sink, struct log, sink);
	struct buf *b = &l->text;

	switch (e->kind) {
	case CHAT_BEGIN:
		buf_addf(b, "<%.*s %.*s>", STR_ARG(e->id), STR_ARG(e->name));
		break;
	case CHAT_OPEN:
		add_open(b, e);
		break;
	case CHAT_PIECE:
		buf_addf(b, "%u:%.*s%.*s|", e->block, STR_ARG(e->text),
		         STR_ARG(e->logprobs.raw));
		break;
	case CHAT_SEALED:
		buf_addf(b, "%u!%.*s %.*s", e->block, STR_ARG(e->seal.id),
		         STR_ARG(e->seal.blob));
		break;
	case CHAT_CITE:
		buf_addf(b, "%u@%.*s %u-%u", e->block, STR_ARG(e->cite.url),
		         (unsigned)e->cite.start, (unsigned)e->cite.end);
		break;
	case CHAT_CLOSE:
		buf_addf(b, "]%u", e->block);
		break;
	case CHAT_FINISH:
		buf_addf(b, "=%d", e->finish);
		break;
	case CHAT_USAGE:
		l->usage = e->usage;
		break;
	case CHAT_FAULT:
		l->why = e->why;
		buf_addf(b, "fault %.*s", STR_ARG(e->text));
		break;
	case CHAT_END:
		buf_add_char(b, '.');
		break;
	case CHAT_ODD:
		buf_addf(b, "odd %.*s", STR_ARG(e->name));
		break;
	case CHAT_INPUT:
		break;
	}
}

static struct log *log_new(void)
{
	static struct log l;

	buf_free(&l.text);
	l = (struct log){ .sink = { take }, .text = BUF_LIMIT(MiB) };
	return &l;
}

static struct log *read_reply(const char *body)
{
	struct log *l = log_new();
	struct chat_reader rd = { .operation = OP_CHAT };

	CHECK_OK(wire_openai_responses.read_reply(&rd, quoted(body), &l->sink));
	return l;
}

static struct chat_reader rd;

/* Events one after the other, each between its braces; NULL ends them. */
static struct log *read_events(const char *const *events)
{
	struct log *l = log_new();

	rd = (struct chat_reader){ .operation = OP_CHAT };
	for (; *events; events++) {
		if (!CHECK_OK(wire_openai_responses.read_event(
		            &rd, STR_NONE, quoted(*events), &l->sink)))
			printf("in %s\n", *events);
	}
	return l;
}

#define EVENTS(...) read_events((const char *const[]){ __VA_ARGS__, NULL })

TEST(responses_read_a_whole_reply)
{
	struct log *l = read_reply(
	        " {'id':'resp_1','object':'response','status':'completed','error':null,"
	        "'incomplete_details':null,'model':'m-1','output':[{'type':'reasoning','"
	        "id':"
	        "'rs_1','summary':[{'type':'summary_text','text':'a'},{'type':"
	        "'summary_text','text':'b'}],'encrypted_content':'E'},{'type':'message',"
	        "'id':'msg_1','role':'assistant','content':[{'type':'output_text','text':"
	        "'hello','annotations':[{'type':'url_citation','url':'https://x','title':"
	        "'t','start_index':1,'end_index':4}],'logprobs':[{'token':'hello'}]},"
	        "{'type':'refusal','refusal':'no'}]},{'type':'function_call','id':'fc_1',"
	        "'call_id':'call_1','name':'f','arguments':'{}'},{'type':"
	        "'custom_tool_call','call_id':'call_2','name':'p','input':'+x'}],'usage':"
	        "{"
	        "'input_tokens':10,'input_tokens_details':{'cached_tokens':4,"
	        "'cache_write_tokens':3},'output_tokens':7,'output_tokens_details':{"
	        "'reasoning_tokens':5},'total_tokens':17}}");
	CHECK_STR_EQ(buf_str(&l->text),
	             quoted("<resp_1 m-1>[0 reasoning 0:a|0:\\n\\n|0:b|0!rs_1 E]0"
	                    "[1 text 1:hello[{'token':'hello'}]|1@https://x 1-4"
	                    "[2 refusal 2:no|]1]2"
	                    "[3 call call_1 f 3:{}|]3[4 call* call_2 p 4:+x|]4=5."));
	CHECK_INT(l->usage.input, 10);
	CHECK_INT(l->usage.cache_read, 4);
	CHECK_INT(l->usage.cache_write, 3);
	CHECK_INT(l->usage.output, 7);
	CHECK_INT(l->usage.reasoning, 5);
	arena_done(&keep);
}

TEST(responses_read_each_finish)
{
	static const struct {
		const char *body;
		enum chat_finish finish;
	} rows[] = {
		{ "{'status':'completed','output':[]}", FINISH_STOP },
		{ "{'output':[]}", FINISH_STOP },
		{ "{'status':'incomplete','incomplete_details':{'reason':"
		  "'max_output_tokens'},'output':[]}",
		  FINISH_LENGTH },
		{ "{'status':'incomplete','incomplete_details':{'reason':"
		  "'content_filter'},'output':[]}",
		  FINISH_FILTER },
		{ "{'status':'completed','output':[{'type':'message','content':[{'type':"
		  "'refusal','refusal':'no'}]}]}",
		  FINISH_REFUSAL },
		{ "{'status':'completed','output':[{'type':'function_call','call_id':'c',"
		  "'name':'f'}]}",
		  FINISH_CALLS },
		{ "{'status':'queued','output':[]}", FINISH_PAUSE },
	};
	char want[8];

	for (size_t i = 0; i < countof(rows); i++) {
		str got = buf_str(&read_reply(rows[i].body)->text);
		int n = snprintf(want, sizeof(want), "=%d.", rows[i].finish);

		CHECK(str_ends(got, str_of(want, (size_t)n)));
	}
	arena_done(&keep);
}

TEST(responses_read_failures)
{
	static const struct {
		const char *body;
		fault_t why;
	} rows[] = {
		{ "{'status':'failed','error':{'code':'server_error','message':'boom'}}",
		  FAULT_UPSTREAM_FAILED },
		{ "{'status':'failed','output':[],'error':{'code':'rate_limit_exceeded',"
		  "'message':'boom'}}",
		  FAULT_UPSTREAM_LIMITED },
		{ "{'error':{'code':'context_length_exceeded','message':'boom'}}",
		  FAULT_CONTEXT_TOO_LONG },
		{ "{'error':'boom'}", FAULT_STREAM_ERROR },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct log *l = read_reply(rows[i].body);

		CHECK(str_ends(buf_str(&l->text), STR("fault boom")));
		CHECK_FAULT(l->why, rows[i].why);
	}
	CHECK_FAULT(read_reply("{'status':'cancelled','output':[]}")->why,
	            FAULT_STREAM_ERROR);
	static const char *const broken[] = { "", "[]", "<html>", "{'choices':[]}",
		                              "{'output':{}}" };
	for (size_t i = 0; i < countof(broken); i++) {
		struct chat_reader reader = { .operation = OP_CHAT };

		CHECK_FAULT(wire_openai_responses.read_reply(&reader, quoted(broken[i]),
		                                             &log_new()->sink),
		            FAULT_UPSTREAM_MALFORMED);
	}
	arena_done(&keep);
}

#define CREATED                                                                          \
	"{'type':'response.created','sequence_number':0,'response':{'id':'r','model':"   \
	"'m','status':'in_progress','output':[]}}"
#define COMPLETED                                                                        \
	"{'type':'response.completed','response':{'id':'r','status':'completed',"        \
	"'output':[],'usage':{'input_tokens':2,'output_tokens':1}}}"

TEST(responses_read_a_stream)
{
	struct log *l = EVENTS(
	        CREATED,
	        "{'type':'response.output_item.added','output_index':0,'item':{'type':"
	        "'reasoning','id':'rs_1','summary':[]}}",
	        "{'type':'response.reasoning_summary_part.added','output_index':0,"
	        "'summary_index':0,'part':{'type':'summary_text','text':''}}",
	        "{'type':'response.reasoning_summary_text.delta','output_index':0,"
	        "'summary_index':0,'delta':'one'}",
	        "{'type':'response.reasoning_summary_text.delta','output_index':0,"
	        "'summary_index':1,'delta':'two'}",
	        "{'type':'response.output_item.done','output_index':0,'item':{'type':"
	        "'reasoning','id':'rs_1','summary':[],'encrypted_content':'E'}}",
	        "{'type':'response.output_item.added','output_index':1,'item':{'type':"
	        "'message','content':[]}}",
	        "{'type':'response.content_part.added','output_index':1,'content_index':"
	        "0,"
	        "'part':{'type':'output_text','text':''}}",
	        "{'type':'response.output_text.delta','output_index':1,'content_index':0,"
	        "'delta':'hel','logprobs':[],'obfuscation':'xyz'}",
	        "{'type':'response.output_text.delta','output_index':1,'content_index':0,"
	        "'delta':'lo','logprobs':[{'token':'lo'}]}",
	        "{'type':'response.output_text.annotation.added','output_index':1,"
	        "'content_index':0,'annotation':{'type':'url_citation','url':'u',"
	        "'start_index':0,'end_index':5}}",
	        "{'type':'response.output_text.done','output_index':1,'content_index':0,"
	        "'text':'hello'}",
	        "{'type':'response.output_item.done','output_index':1,'item':{'type':"
	        "'message','content':[{'type':'output_text','text':'hello','annotations':"
	        "["
	        "{'type':'url_citation','url':'u'}]}]}}",
	        "{'type':'response.output_item.added','output_index':2,'item':{'type':"
	        "'function_call','id':'fc','call_id':'c1','name':'f','arguments':''}}",
	        "{'type':'response.function_call_arguments.delta','output_index':2,"
	        "'delta':'{\\'a\\':'}",
	        "{'type':'response.function_call_arguments.delta','output_index':2,"
	        "'delta':'1}'}",
	        "{'type':'response.function_call_arguments.done','output_index':2,"
	        "'arguments':'{\\'a\\':1}'}",
	        "{'type':'response.output_item.done','output_index':2,'item':{'type':"
	        "'function_call','call_id':'c1','name':'f','arguments':'{\\'a\\':1}'}}",
	        COMPLETED, "[DONE]");
	CHECK_STR_EQ(buf_str(&l->text),
	             quoted("<r m>[0 reasoning 0:one|0:\\n\\n|0:two|0!rs_1 E]0"
	                    "[1 text 1:hel|1:lo[{'token':'lo'}]|1@u 0-5]1"
	                    "[2 call c1 f 2:{\\'a\\':|2:1}|]2=5."));
	CHECK_INT(l->usage.input, 2);
	CHECK(wire_openai_responses.read_eof(&rd, &l->sink));
	arena_done(&keep);
}

TEST(responses_read_items_that_interleave)
{
	struct log *l = EVENTS(
	        CREATED,
	        "{'type':'response.reasoning_text.delta','output_index':0,'content_index'"
	        ":0,"
	        "'delta':'think'}",
	        "{'type':'response.output_text.delta','output_index':1,'content_index':0,"
	        "'delta':'say'}",
	        "{'type':'response.output_item.done','output_index':1,'item':{'type':"
	        "'message','content':[{'type':'output_text','text':'say'}]}}",
	        "{'type':'response.reasoning_text.delta','output_index':0,'content_index'"
	        ":0,"
	        "'delta':'ing'}",
	        "{'type':'response.output_item.done','output_index':0,'item':{'type':"
	        "'reasoning','summary':[{'text':'other words'}],'content':[{'text':"
	        "'thinking'}]}}",
	        /* Late news of an item that is over. */
	        "{'type':'response.output_text.done','output_index':1,'content_index':0,"
	        "'text':'say'}",
	        COMPLETED);
	CHECK_STR(buf_str(&l->text), "<r m>[0 reasoning 0:think|[1 text 1:say|]1"
	                             "0:ing|]0=1.");
	arena_done(&keep);
}

TEST(responses_read_streams_that_leave_things_out)
{
	/* No deltas; no announcement of the call; names only in the frame. */
	struct log *l = EVENTS(
	        "{'type':'response.output_text.done','output_index':0,'content_index':0,"
	        "'text':'whole'}",
	        "{'type':'response.output_item.done','output_index':1,'item':{'type':"
	        "'function_call','call_id':'c','name':'f','arguments':'{}'}}",
	        "{'type':'response.completed','response':{'status':'completed','output':["
	        "{'type':'message','content':[{'type':'output_text','text':'whole'}]},"
	        "{'type':'function_call','call_id':'c','name':'f','arguments':'{}'}]}}");
	CHECK_STR(buf_str(&l->text), "[0 text 0:whole|[1 call c f 1:{}|]1< >]0=5.");
	/* Nothing but the end. */
	l = EVENTS(
	        "{'type':'response.completed','response':{'id':'r','model':'m','status':"
	        "'completed','output':[{'type':'message','content':[{'type':"
	        "'output_text','text':'all'}]}]}}");
	CHECK_STR(buf_str(&l->text), "<r m>[0 text 0:all|]0=1.");
	rd = (struct chat_reader){ .operation = OP_CHAT };
	l = log_new();
	CHECK_OK(wire_openai_responses.read_event(
	        &rd, STR("response.output_text.delta"),
	        quoted("{'output_index':0,'content_index':0,'delta':'x'}"), &l->sink));
	CHECK_STR(buf_str(&l->text), "[0 text 0:x|");
	CHECK(!wire_openai_responses.read_eof(&rd, &l->sink));
	arena_done(&keep);
}

TEST(responses_read_what_only_openai_has)
{
	struct log *l = EVENTS(
	        "{'type':'response.web_search_call.searching','output_index':0}",
	        "{'type':'response.mcp_list_tools.completed','output_index':9}",
	        "{'type':'response.output_item.done','output_index':0,'item':{'type':"
	        "'web_search_call','id':'ws'}}",
	        "{'type':'response.output_item.done','output_index':1,'item':{'type':"
	        "'image_generation_call','result':'AAAA','output_format':'jpeg'}}",
	        "{'type':'keepalive'}", COMPLETED);
	CHECK_STR(buf_str(&l->text), "[0 foreign ]0[1 image image/jpeg AAAA ]1"
	                             "odd keepalive<r >=1.");
	CHECK_INT(l->usage.searches, 1);
	arena_done(&keep);
}

TEST(responses_count_the_searches_alone)
{
	struct log *l = EVENTS(
	        "{'type':'response.output_item.done','output_index':0,'item':{'type':"
	        "'web_search_call','action':{'type':'search','query':'q'}}}",
	        "{'type':'response.output_item.done','output_index':1,'item':{'type':"
	        "'web_search_call','action':{'type':'open_page','url':'u'}}}",
	        "{'type':'response.output_item.done','output_index':2,'item':{'type':"
	        "'web_search_call','action':{'type':'find_in_page','pattern':'p'}}}",
	        "{'type':'response.output_item.done','output_index':3,'item':{'type':"
	        "'web_search_call','action':null}}",
	        COMPLETED);
	CHECK_INT(l->usage.searches, 2);
	arena_done(&keep);
}

TEST(responses_read_errors_in_streams)
{
	static const char *const errors[] = {
		"{'type':'error','sequence_number':3,'error':{'type':'server_error','"
		"code':"
		"'rate_limit_exceeded','message':'slow'}}",
		"{'type':'error','code':'rate_limit_exceeded','message':'slow','param':"
		"null}",
		"{'error':{'code':'rate_limit_exceeded','message':'slow'}}",
		"{'type':'response.failed','response':{'status':'failed','error':{'code':"
		"'rate_limit_exceeded','message':'slow'}}}",
	};

	for (size_t i = 0; i < countof(errors); i++) {
		struct log *l = EVENTS(CREATED, errors[i], COMPLETED);

		CHECK(str_ends(buf_str(&l->text), STR("fault slow")));
		CHECK_FAULT(l->why, FAULT_UPSTREAM_LIMITED);
		CHECK(!wire_openai_responses.read_eof(&rd, &l->sink));
	}
	CHECK(str_ends(
	        buf_str(&EVENTS("{'type':'response.incomplete','response':{}}")->text),
	        STR("=3.")));
	/* A failure without words, and one that says it has completed. */
	CHECK_FAULT(EVENTS("{'type':'response.failed','response':{}}")->why,
	            FAULT_STREAM_ERROR);
	CHECK_FAULT(EVENTS("{'type':'response.completed','response':{'status':'failed'}}")
	                    ->why,
	            FAULT_STREAM_ERROR);
	arena_done(&keep);
}

TEST(responses_read_refuses_what_is_no_event)
{
	static const char *const broken[] = { "",
		                              "x",
		                              "[]",
		                              "{}",
		                              "{'type':7}",
		                              "{'type':'response.output_text.delta',"
		                              "'output_index':9999999999,'delta':'x'}",
		                              "{'type':'response.output_text.delta',"
		                              "'content_index':255,'delta':'x'}" };

	for (size_t i = 0; i < countof(broken); i++) {
		rd = (struct chat_reader){ .operation = OP_CHAT };
		if (!CHECK_FAULT(wire_openai_responses.read_event(&rd, STR_NONE,
		                                                  quoted(broken[i]),
		                                                  &log_new()->sink),
		                 FAULT_UPSTREAM_MALFORMED))
			printf("in %s\n", broken[i]);
	}
	arena_done(&keep);
}

TEST(responses_read_more_open_items_than_can_be)
{
	struct log *l = log_new();
	fault_t why = NULL;
	char event[128];

	rd = (struct chat_reader){ .operation = OP_CHAT };
	for (int i = 0; i < 40 && !why; i++) {
		int n = snprintf(
		        event, sizeof(event),
		        "{\"type\":\"response.output_text.delta\",\"output_index\":"
		        "%d,\"delta\":\"x\"}",
		        i);
		why = wire_openai_responses.read_event(
		        &rd, STR_NONE, str_of(event, (size_t)n), &l->sink);
	}
	CHECK_FAULT(why, FAULT_UPSTREAM_MALFORMED);
	buf_free(&l->text);
}

TEST(responses_read_usage_that_cannot_be)
{
	struct log *l = read_reply("{'output':[],'usage':{'input_tokens':-1,"
	                           "'output_tokens':5}}");

	CHECK_INT(l->usage.output, 0);
	l = read_reply("{'output':[{'type':'message','content':[{'type':'output_text',"
	               "'text':'cut \\ud83d'}]}],'usage':null}");
	CHECK(str_has(buf_str(&l->text), STR("0:cut \\ufffd|")));
	buf_free(&l->text);
	arena_done(&keep);
}
