/* What x-mock-fault does, and how an answer that was broken off is gone on with. */
#include "loop/sys.h"
#include "tests/unit/mock/talk.h"

#include <errno.h>

#define CHAT "/v1/chat/completions"
#define STREAM                                                                           \
	"{\"model\":\"anything\",\"stream\":true,\"messages\":[{\"role\":\"user\","      \
	"\"content\":\"x\"}]}"

static struct talk talk_ill(const char *fault)
{
	char headers[200];
	struct talk t;

	snprintf(headers, sizeof(headers), "x-mock-fault: %s\r\nx-mock-tokens: 20\r\n",
	         fault);
	talk_begin_as(&t, "127.0.0.1:0", true);
	talk_with(&t, "POST", CHAT, headers, STR(STREAM));
	return t;
}

static void check_status(const char *fault, int status)
{
	struct talk t = talk_ill(fault);

	CHECK_INT(t.heard.status, status);
	talk_end(&t);
}

TEST(mock_fault_refuses_at_the_mock_it_names)
{
	check_status("429", 429);
	check_status("529@us", 529);
	check_status("500@others", 200);
	check_status("500@others, 503@us", 503);
	check_status("no-such-fault", 400);
}

TEST(mock_fault_breaks_a_stream_in_its_middle)
{
	struct talk t = talk_ill("cut");

	CHECK_INT(t.heard.error, ECONNRESET);
	CHECK(!t.heard.is_whole);
	talk_end(&t);
	t = talk_ill("short");
	CHECK(t.heard.is_whole);
	CHECK_INT(talk_count(&t, "\"content\":\""), 11); /* an empty one, and ten */
	CHECK_INT(talk_count(&t, "[DONE]"), 0);
	talk_end(&t);
	t = talk_ill("error");
	CHECK(t.heard.is_whole);
	CHECK_INT(talk_count(&t, "data: {\"error\":"), 1);
	CHECK_INT(talk_count(&t, "[DONE]"), 0);
	talk_end(&t);
	t = talk_ill("error-first");
	CHECK_INT(t.heard.status, 200);
	CHECK_INT(talk_count(&t, "\"content\":\""), 0);
	CHECK_INT(talk_count(&t, "data: {\"error\":"), 1);
	talk_end(&t);
	t = talk_ill("garbage");
	CHECK_INT(talk_count(&t, "\xff\xfe"), 1);
	talk_end(&t);
}

TEST(mock_fault_is_the_same_in_other_formats)
{
	struct talk t;

	talk_begin_as(&t, "127.0.0.1:0", true);
	talk_with(&t, "POST", "/v1/messages", "x-mock-fault: error\r\n",
	          STR("{\"model\":\"m\",\"max_tokens\":50,\"stream\":true,"
	              "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}"));
	CHECK_INT(talk_count(&t, "event: error\n"), 1);
	CHECK_INT(talk_count(&t, "event: message_stop"), 0);
	CHECK(talk_count(&t, "text_delta") > 10);
	talk_end(&t);
}

TEST(mock_answers_for_any_model_as_it_is_told)
{
	struct talk t;

	talk_begin_as(&t, "127.0.0.1:0", true);
	talk_with(&t, "POST", CHAT, "x-mock-model: echo\r\n",
	          STR("{\"model\":\"gpt-x\",\"messages\":[{\"role\":\"user\","
	              "\"content\":\"hello\"}]}"));
	CHECK_STR(talk_get(&t, "model"), "gpt-x");
	CHECK_STR(talk_first(&t, "choices", "message.content"), "You said: hello");
	talk_end(&t);
}

/* Also a model it knows keeps its pace: ten tokens with 20 ms before each. */
TEST(mock_answers_for_models_it_does_not_know_as_lorem_does)
{
	static const char *const models[] = { "gpt-x", "lorem" };
	struct talk t;

	talk_begin_as(&t, "127.0.0.1:0", true);
	for (size_t i = 0; i < countof(models); i++) {
		usec before = sys_now();
		char body[200];

		snprintf(body, sizeof(body),
		         "{\"model\":\"%s\",\"max_completion_tokens\":10,"
		         "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
		         models[i]);
		talk_with(&t, "POST", CHAT, "", str_from_z(body));
		CHECK(sys_now() - before >= 200 * USEC_MS);
		CHECK_STR_EQ(talk_get(&t, "model"), str_from_z(models[i]));
		CHECK_STR(talk_get(&t, "usage.completion_tokens"), "10");
	}
	talk_end(&t);
}

/* As vendors of these formats call them. */
TEST(mock_refusals_have_the_types_of_their_format)
{
	static const struct {
		const char *fault, *type, *status;
		int code;
	} rows[] = {
		{ "400", "invalid_request_error", "INVALID_ARGUMENT", 400 },
		{ "401", "authentication_error", "UNAUTHENTICATED", 401 },
		{ "429", "rate_limit_error", "RESOURCE_EXHAUSTED", 429 },
		{ "500", "api_error", "INTERNAL", 500 },
		{ "503", "overloaded_error", "UNAVAILABLE", 503 },
		{ "529", "overloaded_error", "UNAVAILABLE", 529 },
	};
	struct talk t;

	talk_begin(&t, "127.0.0.1:0");
	for (size_t i = 0; i < countof(rows); i++) {
		char line[64];

		snprintf(line, sizeof(line), "x-mock-fault: %s\r\n", rows[i].fault);
		talk_with(&t, "POST", "/v1/messages", line,
		          STR("{\"model\":\"echo\",\"max_tokens\":50,"
		              "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}"));
		CHECK_INT(t.heard.status, rows[i].code);
		CHECK_STR_EQ(talk_get(&t, "error.type"), str_from_z(rows[i].type));
		talk_with(&t, "POST", "/v1beta/models/echo:generateContent", line,
		          STR("{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":"
		              "\"x\"}]}]}"));
		CHECK_INT(t.heard.status, rows[i].code);
		CHECK_STR_EQ(talk_get(&t, "error.status"), str_from_z(rows[i].status));
	}
	talk_end(&t);
}

/* The whole answer, and then the same asked again with a part of it said already. */
static void check_goes_on(const char *after, const char *expected)
{
	char body[1000];
	struct talk t;

	snprintf(body, sizeof(body),
	         "{\"model\":\"echo\",\"messages\":[{\"role\":\"user\",\"content\":"
	         "\"one two three four five six\"},{\"role\":\"assistant\","
	         "\"content\":\"You said: one two thr\"}%s]}",
	         after);
	talk_begin(&t, "127.0.0.1:0");
	talk_with(&t, "POST", CHAT, "", str_from_z(body));
	CHECK(str_eq(talk_first(&t, "choices", "message.content"), str_from_z(expected)));
	talk_end(&t);
}

TEST(mock_goes_on_with_an_answer_that_was_broken_off)
{
	check_goes_on("", "ee four five six");
	check_goes_on(",{\"role\":\"user\",\"content\":\"repeat 'e two thr' and go on\"}",
	              "e two three four five six");
	check_goes_on(",{\"role\":\"user\",\"content\":\"go on\"}",
	              "You said: one two three four five six");
}
