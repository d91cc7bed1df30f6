/* Answers: whole ones and streams into events, and events into both.  JSON is written
 * here with ' for ". */
#include "tests/check.h"
#include "wire/anthropic.h"

#include <stdio.h>

static struct arena keep = { .ceiling = 8 * MiB };

static str one(const char *text)
{
	size_t len = strlen(text);
	char *to = arena_alloc(&keep, len + 1);

	for (size_t i = 0; i < len; i++)
		to[i] = text[i] == '\'' ? '"' : text[i];
	return str_of(to, len);
}

/* ---- events as lines ---- */

struct lines {
	struct chat_sink sink;
	struct buf text;
};

static const char *const kinds[] = { [CHAT_TEXT] = "text",
	                             [CHAT_REASONING] = "reasoning",
	                             [CHAT_CALL] = "call",
	                             [CHAT_FOREIGN] = "foreign" };
static const char *const finishes[] = {
	"none",  "stop",   "sequence", "length", "full",
	"calls", "filter", "refusal",  "pause",  "error"
};

static void take_line(struct chat_sink *sink, const struct chat_event *e)
{
	struct buf *b = &container_of(sink, struct lines, sink)->text;
	const struct token_usage *u = &e->usage;

	switch (e->kind) {
	case CHAT_BEGIN:
		buf_addf(b, "begin %.*s %.*s\n", STR_ARG(e->id), STR_ARG(e->name));
		break;
	case CHAT_OPEN:
		buf_addf(b, "%u %s %.*s %.*s%.*s\n", e->block, kinds[e->what],
		         STR_ARG(e->id), STR_ARG(e->name), STR_ARG(e->raw.raw));
		break;
	case CHAT_PIECE:
		buf_addf(b, "%u + %.*s\n", e->block, STR_ARG(e->text));
		break;
	case CHAT_SEALED:
		buf_addf(b, "%u seal%s %.*s\n", e->block,
		         e->seal.redacted ? " redacted" : "", STR_ARG(e->seal.blob));
		break;
	case CHAT_CITE:
		buf_addf(b, "%u cite %.*s|%.*s|%.*s\n", e->block, STR_ARG(e->cite.url),
		         STR_ARG(e->cite.title), STR_ARG(e->cite.cited));
		break;
	case CHAT_CLOSE:
		buf_addf(b, "%u close\n", e->block);
		break;
	case CHAT_FINISH:
		buf_addf(b, "finish %s %.*s\n", finishes[e->finish], STR_ARG(e->text));
		break;
	case CHAT_USAGE:
		buf_addf(b, "usage %d %d %d %d %d %d %d\n", (int)u->input,
		         (int)u->cache_read, (int)u->cache_write, (int)u->cache_write_1h,
		         (int)u->output, (int)u->reasoning, (int)u->searches);
		break;
	case CHAT_FAULT:
		buf_addf(b, "fault %.*s %.*s\n", STR_ARG(e->why->name), STR_ARG(e->text));
		break;
	case CHAT_END:
		buf_addf(b, "end\n");
		break;
	case CHAT_ODD:
		buf_addf(b, "odd %.*s\n", STR_ARG(e->name));
		break;
	case CHAT_INPUT:
		break;
	}
}

static str kept(struct buf *b)
{
	str text = arena_copy(&keep, buf_str(b));

	buf_free(b);
	return text;
}

/* The events of a stream, one payload per line. */
static str stream_lines(const char *payloads)
{
	struct lines l = { .sink = { take_line }, .text = BUF_LIMIT(MiB) };
	struct chat_reader rd = { .operation = OP_CHAT };
	str rest = one(payloads);

	while (rest.len) {
		if (anthropic_read_event(&rd, STR_NONE, str_cut(&rest, '\n'), &l.sink))
			buf_addf(&l.text, "malformed\n");
	}
	if (!anthropic_read_eof(&rd, &l.sink))
		buf_addf(&l.text, "cut\n");
	return kept(&l.text);
}

static str reply_lines(const char *body)
{
	struct lines l = { .sink = { take_line }, .text = BUF_LIMIT(MiB) };
	struct chat_reader rd = { .operation = OP_CHAT };

	if (anthropic_read_reply(&rd, one(body), &l.sink))
		buf_addf(&l.text, "malformed\n");
	return kept(&l.text);
}

/* A stream is told in short lines: "+N {block}", "N {delta}", "-N", or a payload. */
static str payloads(const char *const *lines, size_t count)
{
	struct buf b = BUF_LIMIT(MiB);

	for (size_t i = 0; i < count; i++) {
		str line = str_from_z(lines[i]), index;

		if (str_skip(&line, STR("-"))) {
			buf_addf(&b, "{'type':'content_block_stop','index':%.*s}\n",
			         STR_ARG(line));
			continue;
		}
		if (str_starts(line, STR("{"))) {
			buf_addf(&b, "%.*s\n", STR_ARG(line));
			continue;
		}
		bool begins = str_skip(&line, STR("+"));
		index = str_cut(&line, ' ');
		buf_addf(&b, "{'type':'content_block_%s','index':%.*s,'%s':%.*s}   \n",
		         begins ? "start" : "delta", STR_ARG(index),
		         begins ? "content_block" : "delta", STR_ARG(line));
	}
	return kept(&b);
}

#define STREAM(...)                                                                      \
	({                                                                               \
		static const char *const lines_[] = { __VA_ARGS__ };                     \
		str_z(&keep, payloads(lines_, countof(lines_)));                         \
	})
#define START                                                                            \
	"{'type':'message_start','message':{'id':'msg_1','model':'claude-x','content':"  \
	"[],'usage':{'input_tokens':5,'cache_read_input_tokens':7,"                      \
	"'cache_creation_input_tokens':3,'cache_creation':{"                             \
	"'ephemeral_1h_input_tokens':2},'output_tokens':1}}}"
#define FINISH(reason)                                                                   \
	"{'type':'message_delta','delta':{'stop_reason':'" reason                        \
	"','stop_sequence':null},'usage':{'output_tokens':9}}"
#define END "{'type':'message_stop'}"

TEST(anthropic_streams_are_read_event_by_event)
{
	CHECK_STR(
	        stream_lines(STREAM(
	                START, "{'type':'ping'}",
	                "+0 {'type':'thinking','thinking':'','signature':''}",
	                "0 {'type':'thinking_delta','thinking':'hm'}",
	                "0 {'type':'signature_delta','signature':'U0lH'}", "-0",
	                "+1 {'type':'redacted_thinking','data':'UkVE'}", "-1",
	                "+2 {'type':'text','text':''}",
	                "2 {'type':'citations_delta','citation':{'type':"
	                "'char_location','document_title':'D','cited_text':'c'}}",
	                "2 {'type':'text_delta','text':'a\\n'}", "-2",
	                "+3 {'type':'tool_use','id':'t1','name':'f','input':{}}",
	                "3 {'type':'input_json_delta','partial_json':''}",
	                "3 {'type':'input_json_delta','partial_json':'{\\u0022a'}",
	                "3 {'type':'input_json_delta','partial_json':'\\u0022:1}'}", "-3",
	                "{'type':'message_delta','delta':{'stop_reason':'tool_use'},"
	                "'usage':{'input_tokens':50,'output_tokens':9,"
	                "'output_tokens_details':{'thinking_tokens':4},'server_tool_use':"
	                "{'web_search_requests':2}}}",
	                END)),
	        "begin msg_1 claude-x\n0 reasoning  \n0 + hm\n0 seal U0lH\n0 close\n"
	        "1 reasoning  \n1 seal redacted UkVE\n1 close\n2 text  \n2 cite |D|c\n"
	        "2 + a\\n\n2 close\n3 call t1 f\n3 + {\\u0022a\n3 + \\u0022:1}\n3 close\n"
	        "finish calls \nusage 60 7 3 2 9 4 2\nend\n");
	arena_done(&keep);
}

TEST(anthropic_server_tools_are_foreign_blocks)
{
	CHECK_STR_EQ(
	        stream_lines(STREAM(
	                START,
	                "+0 {'type':'server_tool_use','id':'s','name':'web_search',"
	                "'input':{}}",
	                "0 {'type':'input_json_delta','partial_json':'{}'}", "-0",
	                "+1 {'type':'web_search_tool_result','tool_use_id':'s','content':"
	                "[]}",
	                "-1", "+2 {'type':'compaction','content':null}",
	                "2 {'type':'compaction_delta','content':'sum'}", "-2",
	                FINISH("pause_turn"), END)),
	        one("begin msg_1 claude-x\n0 foreign  {'type':'server_tool_use','id':'s',"
	            "'name':'web_search','input':{}}\n0 + {}\n0 close\n"
	            "1 foreign  {'type':'web_search_tool_result','tool_use_id':'s',"
	            "'content':[]}\n1 close\n"
	            "2 foreign  {'type':'compaction','content':null}\n2 + sum\n2 close\n"
	            "finish pause \nusage 15 7 3 2 9 0 0\nend\n"));
	arena_done(&keep);
}

TEST(anthropic_whole_answers_are_read_like_streams)
{
	CHECK_STR(reply_lines(
	                  "{'id':'msg_2','type':'message','role':'assistant','model':'m',"
	                  "'content':[{'type':'text','text':'x','citations':[{'type':"
	                  "'web_search_result_location','url':'u','title':'t',"
	                  "'cited_text':'c','encrypted_index':'SQ'}]},"
	                  "{'type':'tool_use','id':'t','name':'f','input':{'a':'\\n'}},"
	                  "{'type':'tool_use','id':'t2','name':'g','input':{}}],"
	                  "'stop_reason':'stop_sequence','stop_sequence':'###',"
	                  "'usage':{'input_tokens':2,'output_tokens':3}}"),
	          "begin msg_2 m\n0 text  \n0 cite u|t|c\n0 + x\n0 close\n1 call t f\n"
	          "1 + {\\\"a\\\":\\\"\\\\n\\\"}\n1 close\n2 call t2 g\n2 close\n"
	          "finish sequence ###\nusage 2 0 0 0 3 0 0\nend\n");
	CHECK_STR(reply_lines("{'type':'error','error':{'type':'overloaded_error',"
	                      "'message':'later'}}"),
	          "fault UPSTREAM_BUSY later\n");
	CHECK_STR(reply_lines("{'type':'message'}"), "malformed\n");
	CHECK_STR(reply_lines("{'content':[3],'usage':7}"), "begin  \nmalformed\n");
	CHECK_STR(reply_lines("[]"), "malformed\n");
	CHECK_STR(reply_lines(""), "malformed\n");
	arena_done(&keep);
}

TEST(anthropic_every_stop_reason_is_known)
{
	static const struct {
		const char *reason;
		str want;
	} rows[] = {
		{ "end_turn", STR_INIT("finish stop \n") },
		{ "max_tokens", STR_INIT("finish length \n") },
		{ "stop_sequence", STR_INIT("finish sequence \n") },
		{ "tool_use", STR_INIT("finish calls \n") },
		{ "pause_turn", STR_INIT("finish pause \n") },
		{ "compaction", STR_INIT("finish pause \n") },
		{ "refusal", STR_INIT("finish refusal \n") },
		{ "model_context_window_exceeded", STR_INIT("finish full \n") },
		{ "novel", STR_INIT("odd novel\nfinish stop \n") },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		str got = reply_lines(
		        str_z(&keep, arena_printf(&keep,
		                                  "{'type':'message','content':[],"
		                                  "'stop_reason':'%s'}",
		                                  rows[i].reason)));

		CHECK(str_skip(&got, STR("begin  \n")));
		CHECK_STR_EQ(got,
		             arena_printf(&keep, "%.*send\n", STR_ARG(rows[i].want)));
	}
	arena_done(&keep);
}

TEST(anthropic_errors_inside_a_stream_are_failures)
{
	static const struct {
		const char *type;
		fault_t why;
	} rows[] = {
		{ "overloaded_error", FAULT_UPSTREAM_BUSY },
		{ "rate_limit_error", FAULT_UPSTREAM_LIMITED },
		{ "authentication_error", FAULT_UPSTREAM_AUTH },
		{ "permission_error", FAULT_UPSTREAM_AUTH },
		{ "billing_error", FAULT_UPSTREAM_QUOTA },
		{ "not_found_error", FAULT_UPSTREAM_NO_MODEL },
		{ "invalid_request_error", FAULT_UPSTREAM_REFUSED },
		{ "api_error", FAULT_UPSTREAM_FAILED },
		{ "timeout_error", FAULT_UPSTREAM_FAILED },
		{ "novel_error", FAULT_STREAM_ERROR },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		str got = stream_lines(str_z(
		        &keep,
		        arena_printf(&keep,
		                     "{'type':'error','error':{'type':'%s','message':"
		                     "'words'}}\n",
		                     rows[i].type)));

		CHECK_STR_EQ(got, arena_printf(&keep, "fault %.*s words\ncut\n",
		                               STR_ARG(rows[i].why->name)));
	}
	CHECK_STR(stream_lines("{'error':{'message':'bare'}}\n"),
	          "fault STREAM_ERROR bare\ncut\n");
	arena_done(&keep);
}

TEST(anthropic_a_stream_is_whole_only_with_its_stop_reason)
{
	CHECK_STR(stream_lines(STREAM(START, "+0 {'type':'text','text':'a'}")),
	          "begin msg_1 claude-x\n0 text  \n0 + a\ncut\n");
	CHECK_STR(stream_lines(STREAM(START, FINISH("end_turn"))),
	          "begin msg_1 claude-x\nfinish stop \nusage 15 7 3 2 9 0 0\nend\n");
	CHECK_STR(stream_lines(STREAM(START, "{'type':'message_delta','delta':{},'usage':"
	                                     "{'output_tokens':3}}")),
	          "begin msg_1 claude-x\ncut\n");
	CHECK_STR(stream_lines(""), "cut\n");
	/* What follows the end is not looked at. */
	CHECK_STR(stream_lines(STREAM(END, "+0 {'type':'text','text':'a'}", "{")),
	          "finish stop \nend\n");
	arena_done(&keep);
}

/* Cut at any byte it is no whole answer, until its stop reason has come. */
TEST(anthropic_a_stream_that_is_cut_is_never_whole)
{
	static const char text[] =
	        "event: message_start\ndata: "
	        "{\"type\":\"message_start\",\"message\":{}}\n\n"
	        "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":"
	        "{\"type\":\"text\",\"text\":\"\"}}\n\n"
	        "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
	        "{\"type\":\"text_delta\",\"text\":\"ab\"}}\n\n"
	        "data: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
	        "data: "
	        "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}"
	        "\n\n";

	for (size_t cut = 0; cut < sizeof(text); cut++) {
		struct lines l = { .sink = { take_line }, .text = BUF_LIMIT(MiB) };
		struct chat_reader rd = { .operation = OP_CHAT };
		struct sse_reader sse = { .limit = MiB };
		struct sse_event event;
		str rest = str_of(text, cut);

		while (sse_next(&sse, &rest, &event))
			CHECK_OK(anthropic_read_event(&rd, event.name, event.data,
			                              &l.sink));
		CHECK_INT(anthropic_read_eof(&rd, &l.sink), cut == sizeof(text) - 1);
		CHECK_INT(str_has(buf_str(&l.text), STR("end\n")),
		          cut == sizeof(text) - 1);
		sse_done(&sse);
		buf_free(&l.text);
	}
}

TEST(anthropic_streams_that_are_odd_or_broken_are_told_apart)
{
	/* An unknown event, an unknown delta, Bedrock's measurements. */
	CHECK_STR(stream_lines(STREAM("{'type':'novelty'}", "{'amazon-bedrock':{}}",
	                              "+0 {'type':'text','text':''}",
	                              "0 {'type':'novel_delta'}")),
	          "odd novelty\n0 text  \nodd novel_delta\ncut\n");
	/* A delta whose block nobody began. */
	CHECK_STR(stream_lines(STREAM("4 {'type':'text_delta','text':'a'}",
	                              "4 {'type':'text_delta','text':'b'}")),
	          "0 text  \n0 + a\n0 + b\ncut\n");
	CHECK_STR(stream_lines(STREAM("4 {'type':'input_json_delta','partial_json':'{}'}",
	                              "-9")),
	          "malformed\ncut\n");
	/* Not JSON, doubled members, an index that cannot be, a block begun twice, a
	 * delta on a block of another kind. */
	CHECK_STR(stream_lines("nonsense\n{'type':'ping','type':'ping'}\n[1]\n"),
	          "malformed\nmalformed\nmalformed\ncut\n");
	CHECK_STR(stream_lines(STREAM("+-1 {'type':'text'}", "+1e9 {'type':'text'}",
	                              "+0 {'type':'text'}", "+0 {'type':'text'}",
	                              "0 {'type':'signature_delta','signature':'a'}")),
	          "malformed\nmalformed\n0 text  \nmalformed\nmalformed\ncut\n");
	/* All input at the beginning, as some servers have it, and again in deltas. */
	CHECK_STR(stream_lines(STREAM(
	                  "+0 {'type':'tool_use','id':'t','name':'f','input':{'a':1}}",
	                  "0 {'type':'input_json_delta','partial_json':'{}'}")),
	          "0 call t f\n0 + {\\\"a\\\":1}\ncut\n");
	arena_done(&keep);
}

TEST(anthropic_usage_has_every_class)
{
	/* Tokens of a compaction are billed beside the totals; an advisor's are another
	 * model's. */
	CHECK_STR(
	        reply_lines("{'type':'message','content':[],'stop_reason':'end_turn',"
	                    "'usage':{'input_tokens':10,'output_tokens':5,'iterations':["
	                    "{'type':'message','input_tokens':10,'output_tokens':5},"
	                    "{'type':'compaction','input_tokens':100,'output_tokens':20,"
	                    "'cache_read_input_tokens':1000},"
	                    "{'type':'advisor_message','input_tokens':7}]}}"),
	        "begin  \nfinish stop \nusage 1110 1000 0 0 25 0 0\nend\n");
	/* Counts that cannot be are not reported at all. */
	CHECK_STR(reply_lines("{'type':'message','content':[],'stop_reason':'end_turn',"
	                      "'usage':{'input_tokens':-1,'output_tokens':5}}"),
	          "begin  \nfinish stop \nend\n");
	CHECK_STR(reply_lines("{'type':'message','content':[],'stop_reason':'end_turn'}"),
	          "begin  \nfinish stop \nend\n");
	arena_done(&keep);
}

/* ---- emitting ---- */

static void push_call(struct chat_sink *to, unsigned block, jstr id, jstr args)
{
	struct chat_event e = { .kind = CHAT_OPEN,
		                .block = block,
		                .what = CHAT_CALL,
		                .id = id,
		                .name = STR("f") };

	chat_push(to, &e);
	e.kind = CHAT_PIECE;
	e.text = args;
	if (args.len)
		chat_push(to, &e);
}

static void push_sealed(struct chat_sink *to, unsigned block, jstr text,
                        struct chat_seal seal)
{
	struct chat_event e = { .kind = CHAT_OPEN,
		                .block = block,
		                .what = CHAT_REASONING };

	chat_push(to, &e);
	e.kind = CHAT_PIECE;
	e.text = text;
	if (text.len)
		chat_push(to, &e);
	e.kind = CHAT_SEALED;
	e.seal = seal;
	if (seal.blob.len)
		chat_push(to, &e);
	e.kind = CHAT_CLOSE;
	chat_push(to, &e);
}

/* An answer of another vendor with all there can be. */
static void push_answer(struct chat_sink *to)
{
	const struct token_usage usage = { .input = 100,
		                           .cache_read = 30,
		                           .cache_write = 20,
		                           .cache_write_1h = 5,
		                           .output = 9,
		                           .reasoning = 4,
		                           .searches = 1 };

	chat_push_begin(to, STR("x"), STR("theirs"));
	push_sealed(to, 0, STR("hm"), (struct chat_seal){ 0 });
	push_sealed(to, 1, STR_NONE,
	            (struct chat_seal){ .origin = WIRE_GEMINI, .blob = STR("R0VN") });
	push_sealed(to, 2, STR_NONE,
	            (struct chat_seal){ .origin = WIRE_ANTHROPIC,
	                                .redacted = true,
	                                .blob = STR("UkVE") });
	chat_push(to, &(struct chat_event){
	                      .kind = CHAT_OPEN, .block = 3, .what = CHAT_TEXT });
	chat_push(to,
	          &(struct chat_event){ .kind = CHAT_CITE,
	                                .block = 3,
	                                .cite = { .url = STR("u"), .title = STR("t") } });
	chat_push(to, &(struct chat_event){
	                      .kind = CHAT_PIECE, .block = 3, .text = STR("a\\n") });
	push_call(to, 4, STR("c1"), STR("{\\\"a\\\":1}"));
	push_call(to, 5, STR("c2"), STR_NONE);
	chat_push(to, &(struct chat_event){ .kind = CHAT_FINISH, .finish = FINISH_STOP });
	chat_push(to, &(struct chat_event){ .kind = CHAT_USAGE, .usage = usage });
	chat_push(to, &(struct chat_event){ .kind = CHAT_END });
}

static void begin_emitter(struct emitter *e, struct buf *b, bool streams)
{
	emit_init(e, wire_anthropic.emit, b, streams);
	e->format = WIRE_ANTHROPIC;
	e->seed = STR("0a1b");
	e->model = STR("fast");
	e->input_estimate = 12;
	e->same_format = true;
}

/* A citation of Anthropic's, from a whole answer with line ends. */
TEST(a_citation_of_anthropic_is_emitted_as_it_came)
{
	static const str real =
	        STR_INIT("{\"type\":\"web_search_result_location\",\n \"url\":\"u\",\r\n"
	                 "\"encrypted_index\":\"UkVBTA==\",\"x\":1e1}");
	static const str line =
	        STR_INIT("{\"type\":\"web_search_result_location\",  \"url\":\"u\",  "
	                 "\"encrypted_index\":\"UkVBTA==\",\"x\":1e1}");

	for (unsigned streams = 0; streams < 2; streams++) {
		struct chat_event cite = { .kind = CHAT_CITE };
		struct buf b = BUF_LIMIT(16 * KiB);
		struct emitter e;

		emit_init(&e, wire_anthropic.emit, &b, streams);
		e.format = WIRE_ANTHROPIC;
		anthropic_read_citation(&keep, (struct json_value){ JSON_OBJECT, real },
		                        &cite.cite);
		chat_push_begin(&e.sink, STR("x"), STR("m"));
		chat_push(&e.sink,
		          &(struct chat_event){ .kind = CHAT_OPEN, .what = CHAT_TEXT });
		chat_push(&e.sink, &cite);
		chat_push(&e.sink,
		          &(struct chat_event){ .kind = CHAT_PIECE, .text = STR("a") });
		chat_push(&e.sink, &(struct chat_event){ .kind = CHAT_FINISH,
		                                         .finish = FINISH_STOP });
		chat_push(&e.sink, &(struct chat_event){ .kind = CHAT_END });
		if (!streams)
			anthropic_write_reply(&e);
		CHECK(str_has_by(buf_str(&b), streams ? line : real, 0));
		emit_done(&e);
		buf_free(&b);
	}
}

#define USAGE                                                                            \
	"'usage':{'input_tokens':50,'cache_creation_input_tokens':20,"                   \
	"'cache_read_input_tokens':30,'cache_creation':{'ephemeral_5m_input_tokens':15," \
	"'ephemeral_1h_input_tokens':5},'output_tokens':9,'output_tokens_details':{"     \
	"'thinking_tokens':4},'server_tool_use':{'web_search_requests':1}}"
#define CITATION                                                                         \
	"{'type':'web_search_result_location','url':'u','title':'t','cited_text':'',"    \
	"'encrypted_index':'sluice1.'}"

TEST(anthropic_streams_are_emitted_in_its_grammar)
{
	static const char *const want[] = {
		"{'type':'message_start','message':{'id':'msg_0a1b','type':'message',"
		"'role':'assistant','model':'fast','content':[],'stop_reason':null,"
		"'stop_sequence':null,'usage':{'input_tokens':12,"
		"'cache_creation_input_tokens':0,'cache_read_input_tokens':0,"
		"'output_tokens':0}}}",
		"+0 {'type':'thinking','thinking':'','signature':''}",
		"0 {'type':'thinking_delta','thinking':'hm'}",
		"0 {'type':'signature_delta','signature':'sluice1.none.'}",
		"-0",
		"+1 {'type':'thinking','thinking':'','signature':''}",
		"1 {'type':'signature_delta','signature':'sluice1.gemini.R0VN'}",
		"-1",
		"+2 {'type':'redacted_thinking','data':'UkVE'}",
		"-2",
		"+3 {'type':'text','text':''}",
		"3 {'type':'citations_delta','citation':" CITATION "}",
		"3 {'type':'text_delta','text':'a\\n'}",
		"-3",
		"+4 {'type':'tool_use','id':'c1','name':'f','input':{}}",
		"4 {'type':'input_json_delta','partial_json':'{\\'a\\':1}'}",
		"-4",
		"+5 {'type':'tool_use','id':'c2','name':'f','input':{}}",
		"5 {'type':'input_json_delta','partial_json':'{}'}",
		"-5",
		"{'type':'message_delta','delta':{'stop_reason':'tool_use',"
		"'stop_sequence':null}," USAGE "}",
		"{'type':'message_stop'}",
	};
	struct buf b = BUF_LIMIT(MiB);
	struct sse_reader sse = { .limit = MiB };
	struct sse_event event;
	struct emitter e;
	str rest, expected = one(str_z(&keep, payloads(want, countof(want))));

	begin_emitter(&e, &b, true);
	push_answer(&e.sink);
	CHECK(!e.why);
	rest = buf_str(&b);
	while (sse_next(&sse, &rest, &event)) {
		CHECK_STR_EQ(event.data, str_trim(str_cut(&expected, '\n')));
		/* Clients go by the name of the event or by the type: they are the same.
		 */
		CHECK(str_has(event.data, arena_printf(&keep, "{\"type\":\"%.*s\"",
		                                       STR_ARG(event.name))));
	}
	CHECK_INT(expected.len, 0);
	sse_done(&sse);
	emit_done(&e);
	buf_free(&b);
	arena_done(&keep);
}

TEST(anthropic_whole_answers_are_written)
{
	struct buf b = BUF_LIMIT(MiB);
	struct emitter e;

	begin_emitter(&e, &b, false);
	push_answer(&e.sink);
	anthropic_write_reply(&e);
	CHECK_STR_EQ(
	        buf_str(&b),
	        one("{'id':'msg_0a1b','type':'message','role':'assistant','model':'fast',"
	            "'content':[{'type':'thinking','thinking':'hm','signature':"
	            "'sluice1.none.'},{'type':'thinking','thinking':'','signature':"
	            "'sluice1.gemini.R0VN'},{'type':'redacted_thinking','data':'UkVE'},"
	            "{'type':'text','text':'a\\n','citations':[" CITATION "]},"
	            "{'type':'tool_use','id':'c1','name':'f','input':{'a':1}},"
	            "{'type':'tool_use','id':'c2','name':'f','input':{}}],"
	            "'stop_reason':'tool_use','stop_sequence':null," USAGE "}"));
	emit_done(&e);
	buf_free(&b);
	arena_done(&keep);
}

TEST(anthropic_arguments_that_are_no_object_are_shown)
{
	struct buf b = BUF_LIMIT(MiB);
	struct emitter e;

	begin_emitter(&e, &b, false);
	push_call(&e.sink, 0, STR("c"), STR("[1"));
	emit_end(&e);
	anthropic_write_reply(&e);
	CHECK(str_has(buf_str(&b), one("'input':{'_raw':'[1'}")));
	emit_done(&e);
	buf_free(&b);
	arena_done(&keep);
}

TEST(anthropic_finish_reasons_are_written)
{
	static const struct {
		enum chat_finish finish;
		const char *want;
	} rows[] = {
		{ FINISH_STOP, "'stop_reason':'end_turn','stop_sequence':null" },
		{ FINISH_SEQUENCE, "'stop_reason':'stop_sequence','stop_sequence':'#'" },
		{ FINISH_LENGTH, "'stop_reason':'max_tokens','stop_sequence':null" },
		{ FINISH_CONTEXT, "'stop_reason':'model_context_window_exceeded'" },
		{ FINISH_FILTER, "'stop_reason':'refusal'" },
		{ FINISH_REFUSAL, "'stop_reason':'refusal'" },
		{ FINISH_PAUSE, "'stop_reason':'pause_turn'" },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct buf b = BUF_LIMIT(MiB);
		struct emitter e;

		begin_emitter(&e, &b, false);
		chat_push(&e.sink, &(struct chat_event){ .kind = CHAT_FINISH,
		                                         .finish = rows[i].finish,
		                                         .text = STR("#") });
		emit_end(&e);
		anthropic_write_reply(&e);
		CHECK(str_has(buf_str(&b), one(rows[i].want)));
		emit_done(&e);
		buf_free(&b);
	}
	arena_done(&keep);
}

TEST(anthropic_streams_end_with_an_error_in_its_words)
{
	struct buf b = BUF_LIMIT(MiB);
	struct emitter e;

	begin_emitter(&e, &b, true);
	emit_fault(&e, FAULT_UPSTREAM_BUSY, STR("so \"busy\""));
	CHECK_STR(buf_str(&b),
	          "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
	          "\"overloaded_error\",\"message\":\"so \\\"busy\\\"\"}}\n\n");
	emit_done(&e);
	buf_free(&b);
}

/* What its own stream said, as the whole answer it would have been. */
TEST(anthropic_streams_fold_into_answers)
{
	struct chat_reader rd = { .operation = OP_CHAT };
	struct buf b = BUF_LIMIT(MiB);
	struct emitter e;
	str rest = one(STREAM(
	        START, "+0 {'type':'server_tool_use','id':'s','name':'w','input':{}}",
	        "0 {'type':'input_json_delta','partial_json':'{\\u0022q\\u0022:'}",
	        "0 {'type':'input_json_delta','partial_json':'2}'}", "-0",
	        "+1 {'type':'w_tool_result','tool_use_id':'s','content':[]}", "-1",
	        "+2 {'type':'compaction','content':null}",
	        "2 {'type':'compaction_delta','content':'sum'}", "-2",
	        "+3 {'type':'text','text':''}", "-3", "+4 {'type':'text','text':''}",
	        "4 {'type':'text_delta','text':'a'}", "-4", FINISH("end_turn"), END));

	begin_emitter(&e, &b, false);
	while (rest.len)
		CHECK_OK(anthropic_read_event(&rd, STR_NONE, str_cut(&rest, '\n'),
		                              &e.sink));
	CHECK(e.ended && !e.why);
	anthropic_write_reply(&e);
	CHECK(str_has(buf_str(&b),
	              one("'content':[{'type':'server_tool_use','id':'s','name':'w',"
	                  "'input':{'q':2}},{'type':'w_tool_result','tool_use_id':'s',"
	                  "'content':[]},{'type':'compaction','content':'sum'},"
	                  "{'type':'text','text':'a'}],'stop_reason':'end_turn'")));
	emit_done(&e);
	buf_free(&b);
	arena_done(&keep);
}
