#include "loop/sys.h"
#include "tests/unit/mock/talk.h"

#define CHAT "/v1/chat/completions"
#define USER(text) "\"messages\":[{\"role\":\"user\",\"content\":\"" text "\"}]"

TEST(mock_echo_says_what_was_said)
{
	struct talk t;

	talk_begin(&t, "127.0.0.1:0");
	talk_post(&t, CHAT, "{\"model\":\"echo\"," USER("hello \\u00e9 there") "}");
	CHECK_INT(t.heard.status, 200);
	CHECK(t.heard.is_whole);
	CHECK_STR(talk_get(&t, "object"), "chat.completion");
	CHECK_STR(talk_get(&t, "id"), "chatcmpl-mock00000001");
	CHECK_STR(talk_get(&t, "model"), "echo");
	CHECK_STR(talk_first(&t, "choices", "message.content"),
	          "You said: hello é there");
	CHECK_STR(talk_first(&t, "choices", "finish_reason"), "stop");
	CHECK_STR(talk_get(&t, "usage.prompt_tokens"), "3");
	CHECK_STR(talk_get(&t, "usage.completion_tokens"), "5");
	CHECK_STR(talk_get(&t, "usage.total_tokens"), "8");
	CHECK_STR(talk_header(&t, "x-request-id"), "req_mock00000001");

	talk_post(
	        &t, "/chat/completions",
	        "{\"model\":\"mock/echo\",\"n\":2,\"max_tokens\":3," USER("a b c d") "}");
	CHECK_STR(talk_first(&t, "choices", "message.content"), "You said: a");
	CHECK_STR(talk_first(&t, "choices", "finish_reason"), "length");
	CHECK_INT(talk_count(&t, "finish_reason"), 2);
	CHECK_STR(talk_get(&t, "usage.completion_tokens"), "6");

	talk_post(&t, CHAT,
	          "{\"model\":\"echo\",\"messages\":[{\"role\":\"system\",\"content\":"
	          "\"x\"},"
	          "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"one\"},"
	          "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:\"}},"
	          "{\"type\":\"text\",\"text\":\"tw\\no\"}]},"
	          "{\"role\":\"assistant\",\"content\":null}]}");
	CHECK_STR(talk_first(&t, "choices", "message.content"), "You said: one tw\\no");
	talk_end(&t);
}

TEST(mock_streams_as_openai_does)
{
	struct talk t;

	talk_begin(&t, "unix:@sluice-mock-text-test");
	talk_post(&t, CHAT,
	          "{\"model\":\"echo\",\"stream\":true,"
	          "\"stream_options\":{\"include_usage\":true}," USER("hi") "}");
	CHECK_STR(talk_header(&t, "content-type"), "text/event-stream");
	CHECK(t.heard.is_whole);
	CHECK(str_ends(t.heard.body, STR("data: [DONE]\n\n")));
	CHECK_INT(talk_count(&t, "\"role\":\"assistant\""), 1);
	CHECK_INT(talk_count(&t, "data: {"), 6); /* role, 3 tokens, finish, usage */
	CHECK_INT(talk_count(&t, "\"usage\":null"), 5);
	CHECK_INT(talk_count(&t, "\"finish_reason\":\"stop\""), 1);
	CHECK_INT(talk_count(&t, "\"choices\":[],\"usage\":{\"prompt_tokens\":1,"), 1);
	CHECK_INT(talk_count(&t, "\"content\":\" said:\""), 1);

	talk_post(&t, CHAT,
	          "{\"model\":\"echo\",\"stream\":true,\"n\":3," USER("hi") "}");
	CHECK_INT(talk_count(&t, "\"content\":\" hi\""), 3);
	CHECK_INT(talk_count(&t, "usage"), 0);
	CHECK_INT(talk_count(&t, "\"index\":2"), 5);
	talk_end(&t);
}

TEST(mock_completions_are_the_old_kind)
{
	struct talk t;

	talk_begin(&t, "127.0.0.1:0");
	talk_post(&t, "/v1/completions",
	          "{\"model\":\"echo\",\"prompt\":[\"a b\",\"c\"]}");
	CHECK_STR(talk_first(&t, "choices", "text"), "You said: c");
	CHECK_STR(talk_get(&t, "object"), "text_completion");
	CHECK_STR(talk_get(&t, "usage.prompt_tokens"), "3");
	talk_post(&t, "/v1/completions",
	          "{\"model\":\"echo\",\"prompt\":\"x\",\"stream\":true}");
	CHECK_INT(talk_count(&t, "\"text\":"), 4);
	talk_end(&t);
}

TEST(mock_lorem_is_as_long_as_it_is_told_and_paced)
{
	usec before = sys_now(), took;
	struct talk t;

	talk_begin(&t, "127.0.0.1:0");
	talk_post(&t, CHAT,
	          "{\"model\":\"lorem\",\"stream\":true,\"max_completion_tokens\":10,"
	          "\"stream_options\":{\"include_usage\":true}," USER("x") "}");
	took = sys_now() - before;
	CHECK(took > 200 * USEC_MS);
	CHECK_INT(talk_count(&t, "\"completion_tokens\":10,"), 1);
	CHECK_INT(talk_count(&t, "\"finish_reason\":\"length\""), 1);
	talk_with(&t, "POST", CHAT, "x-mock-tokens: 4\r\nx-mock-delay-ms: 0\r\n",
	          STR("{\"model\":\"lorem\"," USER("x") "}"));
	CHECK_STR(talk_first(&t, "choices", "message.content"), "Lorem ipsum dolor sit");
	talk_end(&t);
}

#define TOOLS                                                                            \
	"\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"weather\","          \
	"\"parameters\":{\"type\":\"object\",\"properties\":{\"city\":{\"type\":"        \
	"\"string\"},"                                                                   \
	"\"days\":{\"type\":\"integer\",\"minimum\":3}},\"required\":[\"city\"]}}},"     \
	"{\"type\":\"function\",\"function\":{\"name\":\"other\"}}]"
#define ARGUMENTS "{\\\"city\\\":\\\"example\\\",\\\"days\\\":3}"

TEST(mock_tools_calls_and_answers)
{
	struct talk t;

	talk_begin(&t, "127.0.0.1:0");
	talk_post(&t, CHAT, "{\"model\":\"tools\"," TOOLS "," USER("x") "}");
	CHECK_STR(talk_first(&t, "choices", "finish_reason"), "tool_calls");
	CHECK_STR(talk_first(&t, "choices", "message.content"), "null");
	CHECK_INT(talk_count(&t, "\"name\":\"weather\",\"arguments\":\"" ARGUMENTS "\""),
	          1);
	talk_post(&t, CHAT,
	          "{\"model\":\"tools\",\"stream\":true," TOOLS "," USER("x") "}");
	CHECK_INT(talk_count(&t, "\"name\":\"weather\",\"arguments\":\"\""), 1);
	CHECK_INT(talk_count(&t, "{\"arguments\":\"" ARGUMENTS "\"}"), 1);
	CHECK_INT(talk_count(&t, "\"finish_reason\":\"tool_calls\""), 1);
	talk_post(&t, CHAT,
	          "{\"model\":\"tools\"," TOOLS
	          "," USER("x") ",\"tool_choice\":{\"type\":\"function\",\"function\":{"
	                        "\"name\":\"other\"}}}");
	CHECK_INT(talk_count(&t, "\"name\":\"other\",\"arguments\":\"{}\""), 1);
	talk_post(&t, CHAT,
	          "{\"model\":\"tools\"," TOOLS ",\"messages\":[{\"role\":\"user\","
	          "\"content\":\"x\"},{\"role\":\"tool\",\"tool_call_id\":\"c\","
	          "\"content\":\"rain\"}]}");
	CHECK_STR(talk_first(&t, "choices", "message.content"), "The tool said: rain");
	CHECK_STR(talk_first(&t, "choices", "finish_reason"), "stop");
	talk_post(&t, CHAT,
	          "{\"model\":\"tools\"," TOOLS
	          ",\"tool_choice\":\"none\"," USER("x") "}");
	CHECK_STR(talk_first(&t, "choices", "finish_reason"), "stop");
	talk_end(&t);
}

TEST(mock_json_obeys_its_format)
{
	struct talk t;

	talk_begin(&t, "127.0.0.1:0");
	talk_post(&t, CHAT,
	          "{\"model\":\"json\",\"response_format\":{\"type\":\"json_schema\","
	          "\"json_schema\":{\"name\":\"n\",\"schema\":{\"type\":\"object\","
	          "\"properties\":{\"ok\":{\"type\":\"boolean\"}}}}}," USER("x") "}");
	CHECK_STR(talk_first(&t, "choices", "message.content"), "{\\\"ok\\\":true}");
	talk_post(&t, CHAT,
	          "{\"model\":\"json\",\"response_format\":{\"type\":\"json_object\"}"
	          "," USER("x") "}");
	CHECK_STR(talk_first(&t, "choices", "message.content"),
	          "{\\\"answer\\\":\\\"You said: x\\\"}");
	talk_end(&t);
}

TEST(mock_refuses_what_openai_refuses)
{
	static const struct {
		const char *path, *body;
		int status;
		const char *code, *param;
	} rows[] = {
		{ CHAT, "{", 400, "null", "null" },
		{ CHAT, "[1]", 400, "null", "null" },
		{ CHAT, "{}", 400, "missing_required_parameter", "model" },
		{ CHAT, "{\"model\":\"gpt-5\"}", 404, "model_not_found", "model" },
		{ CHAT, "{\"model\":\"embed\"," USER("x") "}", 400, "unsupported_value",
		  "model" },
		{ CHAT, "{\"model\":\"echo\"}", 400, "missing_required_parameter",
		  "messages" },
		{ CHAT, "{\"model\":\"echo\",\"messages\":[]}", 400, "invalid_value",
		  "messages" },
		{ CHAT, "{\"model\":\"echo\",\"messages\":\"x\"}", 400, "invalid_value",
		  "messages" },
		{ CHAT, "{\"model\":\"echo\",\"n\":17," USER("x") "}", 400,
		  "invalid_value", "n" },
		{ CHAT, "{\"model\":\"echo\",\"max_tokens\":0," USER("x") "}", 400,
		  "invalid_value", "max_tokens" },
		{ "/v1/nothing", "{}", 404, "unknown_url", "null" },
		{ "/v1/embeddings", "{\"model\":\"embed\"}", 400, "invalid_value",
		  "input" },
		{ "/v1/audio/transcriptions", "{}", 400, "null", "null" },
	};
	struct talk t;

	talk_begin(&t, "127.0.0.1:0");
	for (size_t i = 0; i < countof(rows); i++) {
		talk_post(&t, rows[i].path, rows[i].body);
		CHECK_INT(t.heard.status, rows[i].status);
		CHECK_STR_EQ(talk_get(&t, "error.code"), str_from_z(rows[i].code));
		CHECK_STR_EQ(talk_get(&t, "error.param"), str_from_z(rows[i].param));
		CHECK_STR(talk_get(&t, "error.type"), "invalid_request_error");
	}
	talk_with(&t, "DELETE", CHAT, "", STR_NONE);
	CHECK_INT(t.heard.status, 405);
	talk_end(&t);
}
