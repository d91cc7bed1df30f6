/* Answers written in the chat format. */
#include "tests/check.h"
#include "wire/openai_chat.h"

struct rig {
	struct emitter e;
	struct buf out;
};

static void rig_init(struct rig *g, bool streams)
{
	*g = (struct rig){ .out = BUF_LIMIT(64 * KiB) };
	emit_init(&g->e, wire_openai_chat.emit, &g->out, streams);
	g->e.format = WIRE_OPENAI_CHAT;
	g->e.seed = STR("s");
	g->e.model = STR("m");
	g->e.created = 5;
}

static void rig_done(struct rig *g)
{
	emit_done(&g->e);
	buf_free(&g->out);
}

static void push(struct rig *g, struct chat_event e)
{
	chat_push(&g->e.sink, &e);
}

static void block(struct rig *g, unsigned n, enum chat_kind what, const char *text)
{
	chat_push_block(&g->e.sink, 0, n, what, str_from_z(text));
}

static void call(struct rig *g, unsigned n, const char *id, const char *args)
{
	push(g, (struct chat_event){ .kind = CHAT_OPEN,
	                             .block = n,
	                             .what = CHAT_CALL,
	                             .id = str_from_z(id),
	                             .name = STR("f") });
	push(g, (struct chat_event){
	                .kind = CHAT_PIECE, .block = n, .text = str_from_z(args) });
	push(g, (struct chat_event){ .kind = CHAT_CLOSE, .block = n });
}

static void thought(struct rig *g, unsigned n, const char *text, struct chat_seal seal)
{
	push(g, (struct chat_event){
	                .kind = CHAT_OPEN, .block = n, .what = CHAT_REASONING });
	push(g, (struct chat_event){
	                .kind = CHAT_PIECE, .block = n, .text = str_from_z(text) });
	push(g, (struct chat_event){ .kind = CHAT_SEALED, .block = n, .seal = seal });
	push(g, (struct chat_event){ .kind = CHAT_CLOSE, .block = n });
}

static void finish(struct rig *g, enum chat_finish reason)
{
	push(g, (struct chat_event){ .kind = CHAT_FINISH, .finish = reason });
	push(g, (struct chat_event){ .kind = CHAT_USAGE,
	                             .usage = { .input = 10,
	                                        .cache_read = 4,
	                                        .output = 6,
	                                        .reasoning = 2 } });
	push(g, (struct chat_event){ .kind = CHAT_END });
	if (!g->e.streams)
		wire_openai_chat.write_reply(&g->e);
}

static void talk(struct rig *g)
{
	struct chat_seal seal = { .origin = WIRE_ANTHROPIC, .blob = STR("AA==") };

	thought(g, 0, "\\u00e4h", seal);
	block(g, 1, CHAT_TEXT, "hi");
	push(g, (struct chat_event){ .kind = CHAT_OPEN, .block = 2, .what = CHAT_TEXT });
	push(g, (struct chat_event){ .kind = CHAT_PIECE, .block = 2, .text = STR("yo") });
	push(g, (struct chat_event){
	                .kind = CHAT_CITE,
	                .block = 2,
	                .cite = { .url = STR("u"), .title = STR("t"), .end = 2 } });
	call(g, 3, "c1", "{\\\"a\\\":1}");
	call(g, 4, "c2", "");
	finish(g, FINISH_CALLS);
}

#define HEAD                                                                             \
	"data: "                                                                         \
	"{\"id\":\"chatcmpl-s\",\"object\":\"chat.completion.chunk\",\"created\":5,"     \
	"\"model\":\"m\",\"choices\":["
#define DELTA HEAD "{\"index\":0,\"delta\":"
#define TAIL ",\"finish_reason\":null}],\"usage\":null}\n\n"

TEST(a_chat_stream_is_written)
{
	struct rig g;

	rig_init(&g, true);
	g.e.wants_usage = true;
	talk(&g);
	CHECK_STR(buf_str(&g.out), DELTA
	          "{\"role\":\"assistant\",\"content\":\"\"}" TAIL DELTA
	          "{\"reasoning_content\":\"\\u00e4h\"}" TAIL DELTA
	          "{\"reasoning_details\":[{\"type\":\"reasoning.encrypted\",\"data\":"
	          "\"sluice1.anthropic.AA==\",\"id\":\"think-0-0-2\",\"format\":"
	          "\"anthropic\",\"index\":0}]}" TAIL DELTA
	          "{\"content\":\"hi\"}" TAIL DELTA "{\"content\":\"yo\"}" TAIL DELTA
	          "{\"annotations\":[{\"type\":\"url_citation\",\"url_citation\":"
	          "{\"start_index\":2,\"end_index\":4,\"url\":\"u\",\"title\":\"t\"}}]"
	          "}" TAIL DELTA
	          "{\"tool_calls\":[{\"index\":0,\"id\":\"c1\",\"type\":\"function\","
	          "\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}" TAIL DELTA
	          "{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":"
	          "\"{\\\"a\\\":1}\"}}]}" TAIL DELTA
	          "{\"tool_calls\":[{\"index\":1,\"id\":\"c2\",\"type\":\"function\","
	          "\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}" TAIL DELTA
	          "{\"tool_calls\":[{\"index\":1,\"function\":{\"arguments\":\"{}\"}}]"
	          "}" TAIL DELTA
	          "{},\"finish_reason\":\"tool_calls\"}],\"usage\":null}\n\n" HEAD
	          "],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":6,"
	          "\"total_tokens\":16,\"prompt_tokens_details\":{\"cached_tokens\":4,"
	          "\"audio_tokens\":0},\"completion_tokens_details\":"
	          "{\"reasoning_tokens\":2,\"audio_tokens\":0}}}\n\n"
	          "data: [DONE]\n\n");
	rig_done(&g);
}

/* Anthropic's come before the text they are about, and have no range. */
TEST(citations_without_a_range_are_about_their_block)
{
	struct rig g;

	rig_init(&g, true);
	block(&g, 0, CHAT_TEXT, "hi");
	push(&g, (struct chat_event){ .kind = CHAT_OPEN, .block = 1, .what = CHAT_TEXT });
	push(&g, (struct chat_event){ .kind = CHAT_CITE,
	                              .block = 1,
	                              .cite = { .url = STR("u"), .title = STR("t") } });
	push(&g, (struct chat_event){
	                 .kind = CHAT_PIECE, .block = 1, .text = STR("\\u00e4") });
	push(&g, (struct chat_event){ .kind = CHAT_CITE,
	                              .block = 1,
	                              .cite = { .url = STR("v"), .title = STR("t") } });
	push(&g,
	     (struct chat_event){ .kind = CHAT_PIECE, .block = 1, .text = STR("bc") });
	push(&g, (struct chat_event){ .kind = CHAT_CLOSE, .block = 1 });
	finish(&g, FINISH_STOP);
	CHECK(str_has(buf_str(&g.out),
	              STR("{\"content\":\"bc\"},\"finish_reason\":null}]}\n\n" DELTA
	                  "{\"annotations\":[{\"type\":\"url_citation\","
	                  "\"url_citation\":{\"start_index\":2,\"end_index\":5,"
	                  "\"url\":\"u\",\"title\":\"t\"}}]},\"finish_reason\":null}]}"
	                  "\n\n" DELTA "{\"annotations\":[{\"type\":\"url_citation\","
	                  "\"url_citation\":{\"start_index\":2,\"end_index\":5,"
	                  "\"url\":\"v\"")));
	rig_done(&g);
}

TEST(a_whole_chat_answer_is_written)
{
	struct rig g;

	rig_init(&g, false);
	talk(&g);
	CHECK_STR(
	        buf_str(&g.out),
	        "{\"id\":\"chatcmpl-s\",\"object\":\"chat.completion\",\"created\":5,"
	        "\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
	        "\"assistant\",\"content\":\"hiyo\",\"refusal\":null,"
	        "\"reasoning_content\":\"\\u00e4h\",\"reasoning_details\":[{\"type\":"
	        "\"reasoning.encrypted\",\"data\":\"sluice1.anthropic.AA==\",\"id\":"
	        "\"think-0-0-2\",\"format\":\"anthropic\",\"index\":0}],\"tool_calls\":"
	        "[{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\","
	        "\"arguments\":\"{\\\"a\\\":1}\"}},{\"id\":\"c2\",\"type\":\"function\","
	        "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}],\"annotations\":"
	        "[{\"type\":\"url_citation\",\"url_citation\":{\"start_index\":2,"
	        "\"end_index\":4,\"url\":\"u\",\"title\":\"t\"}}]},\"logprobs\":null,"
	        "\"finish_reason\":\"tool_calls\"}],\"usage\":{\"prompt_tokens\":10,"
	        "\"completion_tokens\":6,\"total_tokens\":16,\"prompt_tokens_details\":"
	        "{\"cached_tokens\":4,\"audio_tokens\":0},\"completion_tokens_details\":"
	        "{\"reasoning_tokens\":2,\"audio_tokens\":0}}}\n");
	rig_done(&g);
}

TEST(each_finish_has_its_word)
{
	static const struct {
		enum chat_finish finish;
		const char *want;
	} rows[] = {
		{ FINISH_STOP, "stop" },
		{ FINISH_SEQUENCE, "stop" },
		{ FINISH_LENGTH, "length" },
		{ FINISH_CONTEXT, "length" },
		{ FINISH_CALLS, "stop" }, /* there were none */
		{ FINISH_FILTER, "content_filter" },
		{ FINISH_REFUSAL, "content_filter" },
		{ FINISH_PAUSE, "stop" },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct json_value root = { 0 };
		struct json_member m;
		struct rig g;

		rig_init(&g, false);
		block(&g, 0, CHAT_TEXT, "x");
		finish(&g, rows[i].finish);
		CHECK_OK(json_check(buf_str(&g.out), &json_limits_default, &root));
		struct json_iter it = json_iter(json_get(root, STR("choices")));
		CHECK(json_next(&it, &m));
		CHECK(json_text_is(json_get(m.value, STR("finish_reason")),
		                   str_from_z(rows[i].want)));
		rig_done(&g);
	}
}

TEST(a_failed_answer_never_looks_like_one_that_ended)
{
	struct rig g;

	rig_init(&g, true);
	block(&g, 0, CHAT_TEXT, "x");
	finish(&g, FINISH_ERROR);
	CHECK(str_has(buf_str(&g.out), STR("data: {\"error\":")));
	CHECK(!str_has(buf_str(&g.out), STR("[DONE]")));
	rig_done(&g);
	rig_init(&g, true);
	block(&g, 0, CHAT_TEXT, "x");
	emit_fault(&g.e, FAULT_UPSTREAM_CUT, STR("gone"));
	CHECK(str_ends(
	        buf_str(&g.out),
	        STR("data: {\"error\":{\"message\":\"gone\",\"type\":\"server_error\","
	            "\"param\":null,\"code\":\"gateway_upstream\"}}\n\n")));
	rig_done(&g);
}

TEST(several_choices_each_have_their_role_and_end)
{
	struct rig g;

	rig_init(&g, true);
	for (unsigned i = 0; i < 2; i++) {
		chat_push_block(&g.e.sink, i, i, CHAT_TEXT, STR("x"));
		push(&g, (struct chat_event){ .kind = CHAT_FINISH,
		                              .choice = i,
		                              .finish = FINISH_STOP });
	}
	push(&g, (struct chat_event){ .kind = CHAT_END });
	CHECK(str_has(buf_str(&g.out),
	              STR("{\"index\":1,\"delta\":{\"role\":\"assistant\","
	                  "\"content\":\"x\"}")));
	CHECK(str_has(buf_str(&g.out),
	              STR("{\"index\":1,\"delta\":{},\"finish_reason\":\"stop\"}")));
	rig_done(&g);
}

/* What goes to a client comes back from it as it was, whatever its order. */
TEST(thoughts_survive_a_chat_client)
{
	struct chat_seal a = { .origin = WIRE_ANTHROPIC, .blob = STR("AA") };
	struct chat_seal b = { .origin = WIRE_GEMINI, .blob = STR("BB") };
	struct arena keep = { .ceiling = 1 * MiB };
	struct chat_request r = { .keep = &keep, .from = WIRE_OPENAI_CHAT };
	struct buf body = BUF_LIMIT(64 * KiB);
	struct json_value root = { 0 };
	struct json_member m = { 0 };
	str detail = STR_NONE;
	struct chat_part *p;
	struct rig g;

	rig_init(&g, false);
	thought(&g, 0, "one\\ud83d\\ude00", a);
	block(&g, 1, CHAT_TEXT, "text");
	thought(&g, 2, "", b);
	call(&g, 3, "c1", "{}");
	thought(&g, 4, "two", a);
	call(&g, 5, "c2", "{}");
	finish(&g, FINISH_CALLS);
	CHECK_OK(json_check(buf_str(&g.out), &json_limits_default, &root));
	struct json_iter it = json_iter(json_get(root, STR("choices")));
	CHECK(json_next(&it, &m));
	buf_addf(&body, "{\"model\":\"m\",\"messages\":[%.*s]}",
	         STR_ARG(json_get(m.value, STR("message")).raw));
	CHECK_OK(wire_openai_chat.read_request(buf_str(&body), &r, &detail));
	CHECK_INT(r.dropped_count, 0);
	p = r.messages->parts;
	CHECK_STR(p->text, "one\\ud83d\\ude00");
	CHECK_STR(p->seal.blob, "AA");
	p = p->next;
	CHECK_STR(p->text, "text");
	p = p->next;
	CHECK_INT(p->text.len, 0);
	CHECK_STR(p->seal.blob, "BB");
	CHECK_INT(p->seal.origin, WIRE_GEMINI);
	p = p->next;
	CHECK_STR(p->id, "c1");
	p = p->next;
	CHECK_STR(p->text, "two");
	CHECK_INT(p->seal.origin, WIRE_ANTHROPIC);
	CHECK_STR(p->next->id, "c2");
	buf_free(&body);
	arena_done(&keep);
	rig_done(&g);
}

/* The same answer through both: a stream and its whole. */
TEST(custom_calls_refusals_and_pictures)
{
	struct rig g;

	for (int streams = 0; streams < 2; streams++) {
		rig_init(&g, streams);
		block(&g, 0, CHAT_REFUSAL, "no");
		push(&g, (struct chat_event){ .kind = CHAT_OPEN,
		                              .block = 1,
		                              .what = CHAT_CALL,
		                              .id = STR("c"),
		                              .name = STR("f"),
		                              .is_custom = true });
		push(&g, (struct chat_event){
		                 .kind = CHAT_PIECE, .block = 1, .text = STR("raw") });
		push(&g, (struct chat_event){ .kind = CHAT_OPEN,
		                              .block = 2,
		                              .what = CHAT_IMAGE,
		                              .text = STR("AAAA"),
		                              .media_type = STR("image/webp") });
		finish(&g, FINISH_REFUSAL);
		CHECK(str_has(buf_str(&g.out), STR("\"refusal\":\"no\"")));
		CHECK(str_has(buf_str(&g.out), STR("\"input\":\"raw\"")));
		CHECK(str_has(buf_str(&g.out), STR("\"type\":\"custom\"")));
		CHECK(str_has(buf_str(&g.out), STR("data:image/webp;base64,AAAA")));
		CHECK(str_has(buf_str(&g.out), STR("\"finish_reason\":\"stop\"")));
		rig_done(&g);
	}
}
