/* A schema for the answer as a tool, and the call of it as the answer. */
#include "tests/unit/wire/form.h"

#define SCHEMA                                                                           \
	"\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\"," \
	"\"strict\":true,\"schema\":{\"type\":\"object\",\"properties\":{}}}}"
#define HI "\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define TOOL "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"json_answer\"}}]"
#define OLD "claude-3-7-sonnet"

TEST(a_schema_becomes_a_tool_for_a_model_that_takes_none)
{
	struct form f;

	CHECK_OK(form_read(&f, &wire_openai_chat, STR("{" HI "," SCHEMA "}")));
	CHECK_OK(form_write(&f, &wire_anthropic, STR(OLD)));
	CHECK_STR(buf_str(&f.dropped), "response_format.json_schema.strict");
	CHECK_STR(
	        form_member(&f, "tools").raw,
	        "[{\"name\":\"json_answer\",\"description\":\"Gives the answer. Call it "
	        "once, with all of the answer.\",\"input_schema\":{\"type\":\"object\","
	        "\"properties\":{}}}]");
	CHECK_STR(form_member(&f, "tool_choice").raw,
	          "{\"type\":\"tool\",\"name\":\"json_answer\","
	          "\"disable_parallel_tool_use\":true}");
	CHECK_INT(form_member(&f, "output_config").type, JSON_NONE);
	f.r.dropped_count = 0;
	CHECK_OK(form_write(&f, &wire_bedrock, STR("us.amazon.nova-pro-v1:0")));
	CHECK_STR(form_member(&f, "toolConfig.toolChoice").raw,
	          "{\"tool\":{\"name\":\"json_answer\"}}");
	/* Nothing of it is left for a model that takes schemas. */
	f.r.dropped_count = 0;
	CHECK_OK(form_write(&f, &wire_anthropic, STR("claude-sonnet-4-5")));
	CHECK_STR(buf_str(&f.dropped), "");
	CHECK_INT(form_member(&f, "output_config.format.schema").type, JSON_OBJECT);
	CHECK_INT(form_member(&f, "tools").type, JSON_NONE);
	CHECK_INT(form_member(&f, "tool_choice").type, JSON_NONE);
	form_done(&f);
}

TEST(a_schema_as_a_tool_stands_beside_the_client_s_own)
{
	struct form f;

	CHECK_OK(form_read(&f, &wire_openai_chat, STR("{" HI "," SCHEMA "," TOOL "}")));
	CHECK_OK(form_write(&f, &wire_anthropic, STR(OLD)));
	CHECK_STR(form_member(&f, "tools.1.name").raw, "\"json_answer_2\"");
	CHECK_STR(form_member(&f, "tool_choice").raw, "{\"type\":\"any\"}");
	form_done(&f);
	/* Who has to call a tool says no text. */
	CHECK_OK(form_read(
	        &f, &wire_openai_chat,
	        STR("{" HI "," SCHEMA "," TOOL ",\"tool_choice\":\"required\"}")));
	CHECK_OK(form_write(&f, &wire_anthropic, STR(OLD)));
	CHECK_INT(form_member(&f, "tools.1").type, JSON_NONE);
	form_done(&f);
	/* Arguments are objects. */
	CHECK_OK(form_read(&f, &wire_openai_chat,
	                   STR("{" HI ",\"response_format\":{\"type\":\"json_schema\","
	                       "\"json_schema\":{\"name\":\"n\",\"schema\":{\"type\":"
	                       "\"array\"}}}}")));
	CHECK_FAULT(form_write(&f, &wire_anthropic, STR(OLD)), FAULT_NOT_OFFERED);
	CHECK(str_has(f.detail, STR("only an object")));
	form_done(&f);
}

static const char *const said[][2] = {
	{ "message_start",
	  "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":"
	  "\"message\","
	  "\"role\":\"assistant\",\"content\":[],\"model\":\"m\",\"usage\":{"
	  "\"input_tokens\":1,\"output_tokens\":1}}}" },
	{ "content_block_start", "{\"type\":\"content_block_start\",\"index\":0,"
	                         "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}" },
	{ "content_block_delta",
	  "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
	  "{\"type\":\"text_delta\",\"text\":\"Here it is:\"}}" },
	{ "content_block_stop", "{\"type\":\"content_block_stop\",\"index\":0}" },
	{ "content_block_start",
	  "{\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":"
	  "\"tool_use\",\"id\":\"t\",\"name\":\"json_answer\",\"input\":{}}}" },
	{ "content_block_delta",
	  "{\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":"
	  "\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":\"}}" },
	{ "content_block_delta",
	  "{\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":"
	  "\"input_json_delta\",\"partial_json\":\"\\\"b\\\\n\\\"}\"}}" },
	{ "content_block_stop", "{\"type\":\"content_block_stop\",\"index\":1}" },
	{ "message_delta", "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
	                   "\"tool_use\",\"stop_sequence\":null},\"usage\":{"
	                   "\"output_tokens\":5}}" },
	{ "message_stop", "{\"type\":\"message_stop\"}" },
};

/* What an OpenAI client gets of such an answer; *out is freed by the caller. */
static str told(const char *const events[][2], size_t count, bool streams,
                struct buf *out)
{
	struct chat_reader rd = { 0 };
	struct emitter e;
	struct form f;

	CHECK_OK(form_read(&f, &wire_openai_chat, STR("{" HI "," SCHEMA "}")));
	CHECK_OK(form_write(&f, &wire_anthropic, STR(OLD)));
	emit_init(&e, wire_openai_chat.emit, out, streams);
	e.seed = e.model = STR("x");
	e.written = &f.written;
	for (size_t i = 0; i < count; i++) {
		CHECK_OK(wire_anthropic.read_event(&rd, str_from_z(events[i][0]),
		                                   str_from_z(events[i][1]), &e.sink));
	}
	if (!streams)
		wire_openai_chat.write_reply(&e);
	emit_done(&e);
	form_done(&f);
	return buf_str(out);
}

TEST(the_call_of_an_answer_is_text_again)
{
	for (int streams = 0; streams < 2; streams++) {
		struct buf out = BUF_LIMIT(64 * KiB);
		str text = told(said, countof(said), streams, &out);

		CHECK(!str_has(text, STR("Here it is")) && !str_has(text, STR("tool")));
		CHECK(str_has(text, STR("\"finish_reason\":\"stop\"")));
		if (streams) {
			CHECK(str_has(text, STR("\"content\":\"{\\\"a\\\":\"")));
			CHECK(str_has(text, STR("\"content\":\"\\\"b\\\\n\\\"}\"")));
		} else {
			CHECK(str_has(text,
			              STR("\"content\":\"{\\\"a\\\":\\\"b\\\\n\\\"}\"")));
		}
		buf_free(&out);
	}
}

static const char *const only_text[][2] = {
	{ "message_start",
	  "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":"
	  "\"message\","
	  "\"role\":\"assistant\",\"content\":[],\"model\":\"m\",\"usage\":{"
	  "\"input_tokens\":1,\"output_tokens\":1}}}" },
	{ "content_block_start", "{\"type\":\"content_block_start\",\"index\":0,"
	                         "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}" },
	{ "content_block_delta",
	  "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
	  "{\"type\":\"text_delta\",\"text\":\"{\\\"a\\\":\"}}" },
	{ "content_block_delta",
	  "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
	  "{\"type\":\"text_delta\",\"text\":\"\\\"b\\\"}\"}}" },
	{ "content_block_stop", "{\"type\":\"content_block_stop\",\"index\":0}" },
	{ "message_delta", "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
	                   "\"end_turn\",\"stop_sequence\":null},\"usage\":{"
	                   "\"output_tokens\":5}}" },
	{ "message_stop", "{\"type\":\"message_stop\"}" },
};

TEST(an_answer_written_instead_of_called_is_told)
{
	for (int streams = 0; streams < 2; streams++) {
		struct buf out = BUF_LIMIT(64 * KiB);
		str text = told(only_text, countof(only_text), streams, &out);

		CHECK(str_has(text, STR("\"content\":\"{\\\"a\\\":\\\"b\\\"}\"")));
		CHECK(str_has(text, STR("\"finish_reason\":\"stop\"")));
		buf_free(&out);
	}
}
