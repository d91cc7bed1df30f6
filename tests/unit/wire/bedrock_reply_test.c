/* Answers of Bedrock's Converse and ConverseStream: read, and written for its clients. */
#include "wire/bedrock.h"

#include "tests/unit/wire/form.h"

#include <stdio.h>

static const struct wire *const bedrock = &wire_bedrock;

/* ---- whole answers ---- */

TEST(bedrock_reads_a_reply)
{
	FORM_REPLY(
	        bedrock,
	        "{\"metrics\":{\"latencyMs\":7},\"output\":{\"message\":{\"content\":["
	        "{\"reasoningContent\":{\"reasoningText\":{\"signature\":\"c2ln\","
	        "\"text\":"
	        "\"hm\"}}},{\"reasoningContent\":{\"redactedContent\":\"cmVk\"}},"
	        "{\"text\":\"a\\u00e9\"},{\"toolUse\":{\"input\":{\"q\":\"x \\\"y\\\"\"},"
	        "\"name\":\"f\",\"toolUseId\":\"t1\",\"type\":\"tool_use\"}},"
	        "{\"toolUse\":{\"name\":\"g\",\"toolUseId\":\"t2\"}}],"
	        "\"role\":\"assistant\"}},\"stopReason\":\"tool_use\",\"usage\":{"
	        "\"inputTokens\":3,\"outputTokens\":5,\"totalTokens\":38,"
	        "\"cacheReadInputTokens\":10,\"cacheWriteInputTokens\":20,"
	        "\"cacheReadInputTokenCount\":10,\"cacheDetails\":[{\"ttl\":\"1h\","
	        "\"inputTokens\":8},{\"ttl\":\"5m\",\"inputTokens\":12}]}}",
	        "< >R0::(0'hm|0~5=c2ln)0R1::(1~5rcmVk)1T2::(2'a\\u00e9|)2"
	        "C3:t1:f(3'{\\\"q\\\":\\\"x \\\\\\\"y\\\\\\\"\\\"}|)3C4:t2:g()4#5"
	        "{33/10/20/8/5}$");
}

TEST(bedrock_reads_every_finish)
{
	static const struct {
		const char *reason;
		enum chat_finish finish;
	} rows[] = {
		{ "end_turn", FINISH_STOP },
		{ "tool_use", FINISH_CALLS },
		{ "max_tokens", FINISH_LENGTH },
		{ "stop_sequence", FINISH_SEQUENCE },
		{ "guardrail_intervened", FINISH_FILTER },
		{ "content_filtered", FINISH_FILTER },
		{ "model_context_window_exceeded", FINISH_CONTEXT },
		{ "malformed_model_output", FINISH_ERROR },
		{ "malformed_tool_use", FINISH_ERROR },
		{ "something_new", FINISH_STOP },
	};
	struct buf body = BUF_LIMIT(KiB), want = BUF_LIMIT(KiB);

	for (size_t i = 0; i < countof(rows); i++) {
		buf_clear(&body);
		buf_clear(&want);
		buf_addf(&body,
		         "{\"output\":{\"message\":{\"content\":[]}},\"stopReason\":"
		         "\"%s\"}",
		         rows[i].reason);
		buf_addf(&want, "< >#%d$", rows[i].finish);
		form_reply(__FILE__, __LINE__, bedrock, buf_str(&body), buf_str(&want));
	}
	buf_free(&body);
	buf_free(&want);
}

TEST(bedrock_reads_what_else_an_answer_has)
{
	FORM_REPLY(
	        bedrock,
	        "{\"output\":{\"message\":{\"content\":[{\"citationsContent\":{"
	        "\"content\":[{\"text\":\"one\"},{\"text\":\"two\"}],\"citations\":[{"
	        "\"title\":\"T\",\"location\":{\"web\":{\"url\":\"https://e\"}},"
	        "\"sourceContent\":[{\"text\":\"s\"}]}]}},{\"image\":{\"format\":\"png\","
	        "\"source\":{\"bytes\":\"AA==\"}}},{\"toolUse\":{\"type\":"
	        "\"server_tool_use\",\"name\":\"n\",\"toolUseId\":\"s\",\"input\":{}}},"
	        "{\"odd\":1}]}},\"stopReason\":\"end_turn\",\"usage\":{\"inputTokens\":"
	        "-1}}",
	        "< >T0::(0'one|0'two|[https://e T s 0-0])0I1::(AA==)1X2::()2?odd #1$");
	FORM_REPLY(bedrock, "{\"message\":\"Input is too long for requested model.\"}",
	           "!CONTEXT_TOO_LONG Input is too long for requested model.");
	FORM_REPLY(bedrock, "{}", "UPSTREAM_MALFORMED");
	FORM_REPLY(bedrock, "{\"output\":", "UPSTREAM_MALFORMED");
	FORM_REPLY(bedrock, "[]", "UPSTREAM_MALFORMED");
	/* Half an emoji. */
	FORM_REPLY(bedrock,
	           "{\"output\":{\"message\":{\"content\":[{\"text\":\"a\\ud83d\"}]}},"
	           "\"stopReason\":\"end_turn\"}",
	           "< >T0::(0'a\\ufffd|)0#1$");
}

/* ---- streams ---- */

TEST(bedrock_reads_a_stream)
{
	FORM_STREAM(
	        bedrock,
	        "< >R0::(0'hm|0~5=c2ln)0T1::(1'a|1'b|)1C2:t1:f(2'{\\\"q\\\":|2'1}|)2#5"
	        "{33/10/20/0/5}$=",
	        { "messageStart", "{\"role\":\"assistant\",\"p\":\"ab\"}" },
	        { "contentBlockDelta", "{\"contentBlockIndex\":0,\"delta\":{"
	                               "\"reasoningContent\":{\"text\":\"hm\"}}}" },
	        { "contentBlockDelta", "{\"contentBlockIndex\":0,\"delta\":{"
	                               "\"reasoningContent\":{\"signature\":"
	                               "\"c2ln\"}}}" },
	        { "contentBlockStop", "{\"contentBlockIndex\":0}" },
	        { "contentBlockDelta",
	          "{\"contentBlockIndex\":1,\"delta\":{\"text\":\"a\"},\"p\":\"x\"}" },
	        { "contentBlockDelta",
	          "{\"contentBlockIndex\":1,\"delta\":{\"text\":\"b\"}}" },
	        { "contentBlockStop", "{\"contentBlockIndex\":1}" },
	        { "contentBlockStart", "{\"contentBlockIndex\":2,\"start\":{\"toolUse\":{"
	                               "\"toolUseId\":\"t1\",\"name\":\"f\"}}}" },
	        { "contentBlockDelta", "{\"contentBlockIndex\":2,\"delta\":{\"toolUse\":{"
	                               "\"input\":\"{\\\"q\\\":\"}}}" },
	        { "contentBlockDelta", "{\"contentBlockIndex\":2,\"delta\":{\"toolUse\":{"
	                               "\"input\":\"1}\"}}}" },
	        { "contentBlockStop", "{\"contentBlockIndex\":2}" },
	        { "messageStop", "{\"stopReason\":\"tool_use\"}" },
	        { "metadata",
	          "{\"usage\":{\"inputTokens\":3,\"outputTokens\":5,"
	          "\"cacheReadInputTokens\":10,\"cacheWriteInputTokens\":20}}" });
}

TEST(bedrock_stream_is_whole_with_messageStop)
{
	FORM_STREAM(bedrock, "< >T0::(0'a|!", { "messageStart", "{}" },
	            { "contentBlockDelta", "{\"delta\":{\"text\":\"a\"}}" });
	FORM_STREAM(bedrock, "#1$=", { "messageStop", "{\"stopReason\":\"end_turn\"}" });
	FORM_STREAM(bedrock, "{1/0/0/0/2}#1$=",
	            { "metadata", "{\"usage\":{\"inputTokens\":1,\"outputTokens\":2}}" },
	            { "messageStop", "{\"stopReason\":\"end_turn\"}" });
	FORM_STREAM(bedrock, "#9!",
	            { "messageStop", "{\"stopReason\":\"malformed_tool_use\"}" });
}

TEST(bedrock_stream_fails_by_name)
{
	FORM_STREAM(bedrock, "!UPSTREAM_LIMITED slow down!",
	            { "throttlingException", "{\"message\":\"slow down\"}" });
	FORM_STREAM(bedrock, "!UPSTREAM_BUSY !", { "serviceUnavailableException", "" });
	FORM_STREAM(bedrock, "!UPSTREAM_FAILED !",
	            { "internalServerException", "not JSON" });
	FORM_STREAM(bedrock, "!UPSTREAM_REFUSED bad!",
	            { "validationException", "{\"message\":\"bad\"}" });
	FORM_STREAM(bedrock, "!UPSTREAM_FAILED m!",
	            { "modelStreamErrorException",
	              "{\"originalMessage\":\"m\",\"originalStatusCode\":500}" });
	FORM_STREAM(bedrock, "!CONTEXT_TOO_LONG prompt is too long: 9!",
	            { "validationException", "{\"message\":\"prompt is too long: 9\"}" });
	FORM_STREAM(bedrock, "!STREAM_ERROR !", { "Anything", "" });
	FORM_STREAM(bedrock, "?newEvent !", { "newEvent", "{\"a\":1}" });
	FORM_STREAM(bedrock, "UPSTREAM_MALFORMED!", { "messageStop", "{" });
	FORM_STREAM(bedrock, "UPSTREAM_MALFORMED!", { "messageStop", "[]" });
}

TEST(bedrock_stream_blocks_may_be_odd)
{
	/* The vendor's own tool is not the client's; a kind that changes is a new block.
	 */
	FORM_STREAM(
	        bedrock, "?server_tool_use T1::(1'a|)1R2::(2'b|?odd )2!",
	        { "contentBlockStart", "{\"contentBlockIndex\":0,\"start\":{\"toolUse\":{"
	                               "\"toolUseId\":\"t\",\"name\":\"n\",\"type\":"
	                               "\"server_tool_use\"}}}" },
	        { "contentBlockDelta", "{\"contentBlockIndex\":0,\"delta\":{\"toolUse\":{"
	                               "\"input\":\"{}\"}}}" },
	        { "contentBlockStop", "{\"contentBlockIndex\":0}" },
	        { "contentBlockDelta",
	          "{\"contentBlockIndex\":1,\"delta\":{\"text\":\"a\"}}" },
	        { "contentBlockDelta", "{\"contentBlockIndex\":1,\"delta\":{"
	                               "\"reasoningContent\":{\"text\":\"b\"}}}" },
	        { "contentBlockDelta",
	          "{\"contentBlockIndex\":1,\"delta\":{\"odd\":{}}}" },
	        { "contentBlockStop", "{\"contentBlockIndex\":1}" },
	        { "contentBlockStop", "{\"contentBlockIndex\":1}" });
}

TEST(bedrock_stream_with_blocks_without_end)
{
	struct chat_reader rd = { 0 };
	struct form_log l;
	char data[96];

	form_log_init(&l);
	for (int i = 0; i < 200; i++) {
		snprintf(data, sizeof(data),
		         "{\"contentBlockIndex\":%d,\"delta\":{\"text\":\"x\"}}",
		         i * 7919);
		CHECK_OK(bedrock->read_event(&rd, STR("contentBlockDelta"),
		                             str_from_z(data), &l.sink));
	}
	CHECK_INT(rd.next_block, 200);
	buf_free(&l.text);
}

/* ---- written ---- */

static void say_much(struct form_emit *f)
{
	form_block(f, 0, CHAT_REASONING, "", "", "hm");
	form_say(f, (struct chat_event){
	                    .kind = CHAT_SEALED,
	                    .block = 0,
	                    .seal = { .origin = WIRE_BEDROCK, .blob = STR("c2ln") } });
	form_block(f, 1, CHAT_REASONING, "", "", "");
	form_say(f, (struct chat_event){ .kind = CHAT_SEALED,
	                                 .block = 1,
	                                 .seal = { .origin = WIRE_ANTHROPIC,
	                                           .redacted = true,
	                                           .blob = STR("QUJD") } });
	form_block(f, 2, CHAT_TEXT, "", "", "a\\n");
	form_say(f, (struct chat_event){ .kind = CHAT_CITE,
	                                 .block = 2,
	                                 .cite = { .url = STR("https://e"),
	                                           .title = STR("T"),
	                                           .cited = STR("s") } });
	form_block(f, 3, CHAT_CALL, "t1", "f", "{\\\"q\\\":1}");
	form_block(f, 4, CHAT_CALL, "t2", "g", "");
	form_end(f, FINISH_CALLS,
	         (struct token_usage){
	                 .input = 33, .cache_read = 10, .cache_write = 20, .output = 5 });
}

TEST(bedrock_writes_a_stream)
{
	struct form_emit f;
	struct buf told = BUF_LIMIT(16 * KiB);

	form_emit_init(&f, bedrock, true);
	say_much(&f);
	form_frames(buf_str(&f.out), &told);
	CHECK_STR(buf_str(&told),
	          "messageStart {\"role\":\"assistant\"}\n"
	          "contentBlockDelta "
	          "{\"contentBlockIndex\":0,\"delta\":{\"reasoningContent\":"
	          "{\"text\":\"hm\"}}}\n"
	          "contentBlockDelta "
	          "{\"contentBlockIndex\":0,\"delta\":{\"reasoningContent\":"
	          "{\"signature\":\"c2ln\"}}}\n"
	          "contentBlockStop {\"contentBlockIndex\":0}\n"
	          "contentBlockDelta "
	          "{\"contentBlockIndex\":1,\"delta\":{\"reasoningContent\":"
	          "{\"redactedContent\":\"c2x1aWNlMS5hbnRocm9waWMtcmVkYWN0ZWQuUVVKRA==\"}"
	          "}}\n"
	          "contentBlockStop {\"contentBlockIndex\":1}\n"
	          "contentBlockDelta "
	          "{\"contentBlockIndex\":2,\"delta\":{\"text\":\"a\\n\"}}\n"
	          "contentBlockDelta {\"contentBlockIndex\":2,\"delta\":{\"citation\":{"
	          "\"title\":\"T\",\"location\":{\"web\":{\"url\":\"https://e\"}},"
	          "\"sourceContent\":[{\"text\":\"s\"}]}}}\n"
	          "contentBlockStop {\"contentBlockIndex\":2}\n"
	          "contentBlockStart {\"contentBlockIndex\":3,\"start\":{\"toolUse\":{"
	          "\"toolUseId\":\"t1\",\"name\":\"f\"}}}\n"
	          "contentBlockDelta {\"contentBlockIndex\":3,\"delta\":{\"toolUse\":{"
	          "\"input\":\"{\\\"q\\\":1}\"}}}\n"
	          "contentBlockStop {\"contentBlockIndex\":3}\n"
	          "contentBlockStart {\"contentBlockIndex\":4,\"start\":{\"toolUse\":{"
	          "\"toolUseId\":\"t2\",\"name\":\"g\"}}}\n"
	          "contentBlockDelta {\"contentBlockIndex\":4,\"delta\":{\"toolUse\":{"
	          "\"input\":\"{}\"}}}\n"
	          "contentBlockStop {\"contentBlockIndex\":4}\n"
	          "messageStop {\"stopReason\":\"tool_use\"}\n"
	          "metadata "
	          "{\"usage\":{\"inputTokens\":3,\"outputTokens\":5,\"totalTokens\":"
	          "38,\"cacheReadInputTokens\":10,\"cacheWriteInputTokens\":20},"
	          "\"metrics\":{"
	          "\"latencyMs\":0}}\n");
	buf_free(&told);
	form_emit_done(&f);
}

TEST(bedrock_writes_a_reply)
{
	struct form_emit f;

	form_emit_init(&f, bedrock, false);
	say_much(&f);
	bedrock->write_reply(&f.e);
	CHECK_STR(
	        buf_str(&f.out),
	        "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":["
	        "{\"reasoningContent\":{\"reasoningText\":{\"text\":\"hm\",\"signature\":"
	        "\"c2ln\"}}},{\"reasoningContent\":{\"redactedContent\":"
	        "\"c2x1aWNlMS5hbnRocm9waWMtcmVkYWN0ZWQuUVVKRA==\"}},"
	        "{\"citationsContent\":{\"content\":[{\"text\":\"a\\n\"}],\"citations\":["
	        "{"
	        "\"title\":\"T\",\"location\":{\"web\":{\"url\":\"https://e\"}},"
	        "\"sourceContent\":[{\"text\":\"s\"}]}]}},"
	        "{\"toolUse\":{\"toolUseId\":\"t1\",\"name\":\"f\",\"input\":{\"q\":1}}},"
	        "{\"toolUse\":{\"toolUseId\":\"t2\",\"name\":\"g\",\"input\":{}}}]}},"
	        "\"stopReason\":\"tool_use\",\"usage\":{\"inputTokens\":3,"
	        "\"outputTokens\":5,\"totalTokens\":38,\"cacheReadInputTokens\":10,"
	        "\"cacheWriteInputTokens\":20},\"metrics\":{\"latencyMs\":0}}");
	form_emit_done(&f);
}

TEST(bedrock_writes_arguments_that_are_no_object)
{
	struct form_emit f;

	form_emit_init(&f, bedrock, false);
	form_block(&f, 0, CHAT_CALL, "t1", "f", "{\\\"q\\\":");
	form_end(&f, FINISH_CALLS, (struct token_usage){ 0 });
	bedrock->write_reply(&f.e);
	CHECK(str_has(buf_str(&f.out), STR("\"input\":{\"_raw\":\"{\\\"q\\\":\"}")));
	form_emit_done(&f);
}

TEST(bedrock_ends_a_stream_that_fails)
{
	struct form_emit f;
	struct buf told = BUF_LIMIT(KiB);

	form_emit_init(&f, bedrock, true);
	form_block(&f, 0, CHAT_TEXT, "", "", "a");
	emit_fault(&f.e, FAULT_UPSTREAM_CUT, STR("it broke"));
	form_frames(buf_str(&f.out), &told);
	CHECK_STR(
	        buf_str(&told),
	        "messageStart {\"role\":\"assistant\"}\n"
	        "contentBlockDelta {\"contentBlockIndex\":0,\"delta\":{\"text\":\"a\"}}\n"
	        "modelStreamErrorException {\"message\":\"it broke\"}\n");
	buf_free(&told);
	form_emit_done(&f);
}

TEST(bedrock_writes_every_finish)
{
	static const char *const reasons[] = {
		[FINISH_STOP] = "end_turn",
		[FINISH_SEQUENCE] = "stop_sequence",
		[FINISH_LENGTH] = "max_tokens",
		[FINISH_CONTEXT] = "model_context_window_exceeded",
		[FINISH_FILTER] = "content_filtered",
		[FINISH_REFUSAL] = "content_filtered",
		[FINISH_PAUSE] = "end_turn",
	};
	struct buf want = BUF_LIMIT(KiB);

	for (unsigned i = FINISH_STOP; i < countof(reasons); i++) {
		struct form_emit f;

		if (!reasons[i])
			continue;
		form_emit_init(&f, bedrock, false);
		form_block(&f, 0, CHAT_TEXT, "", "", "a");
		form_end(&f, (enum chat_finish)i, (struct token_usage){ 0 });
		bedrock->write_reply(&f.e);
		buf_clear(&want);
		buf_addf(&want, "\"stopReason\":\"%s\"", reasons[i]);
		CHECK(str_has(buf_str(&f.out), buf_str(&want)));
		form_emit_done(&f);
	}
	buf_free(&want);
}
