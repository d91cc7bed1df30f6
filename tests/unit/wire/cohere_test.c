/* Cohere's chat, version 2: requests, answers and streams, read and written. */
#include "wire/cohere.h"

#include "tests/unit/wire/form.h"

static const struct wire *const cohere = &wire_cohere;

#define HI "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define BEDROCK_HI "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\"}]}]"

/* ---- the pass lane ---- */

static fault_t skim(str body, struct skimmed *ret)
{
	static struct arena keep;
	str detail = STR_NONE;

	return cohere->skim(body, OP_CHAT, &keep, ret, &detail);
}

TEST(cohere_skim)
{
	str body =
	        STR("{\"model\":\"command-a\",\"stream\":true,\"max_tokens\":5," HI "}");
	struct skimmed s;

	CHECK_OK(skim(body, &s));
	CHECK_STR(s.model, "command-a");
	CHECK_STR(str_of(body.ptr + s.model_at, s.model_len), "\"command-a\"");
	CHECK(s.stream);
	CHECK_INT(s.max_tokens, 5);
	CHECK_FAULT(skim(STR("{" HI "}"), &s), FAULT_NO_MODEL);
	CHECK_FAULT(skim(STR("{\"model\":\"\"}"), &s), FAULT_NO_MODEL);
	CHECK_FAULT(skim(STR("{\"model\":7}"), &s), FAULT_BAD_REQUEST);
	CHECK_FAULT(skim(STR("{\"model\":\"m\",\"stream\":1}"), &s), FAULT_BAD_REQUEST);
	CHECK_FAULT(skim(STR("{\"model\":\"m\",\"max_tokens\":1.5}"), &s),
	            FAULT_BAD_REQUEST);
	CHECK_FAULT(skim(STR("{\"model\":\"m\",\"Model\":\"n\"}"), &s),
	            FAULT_JSON_DUPLICATE);
}

TEST(cohere_paths_and_failures)
{
	struct buf b = BUF_LIMIT(KiB);

	cohere->write_path(OP_CHAT, STR("m"), true, &b);
	CHECK_STR(buf_str(&b), "/chat");
	buf_clear(&b);
	cohere->write_fault(&b, FAULT_BAD_KEY, STR("no"), STR_NONE);
	CHECK_STR(buf_str(&b), "{\"message\":\"no\"}\n");
	buf_clear(&b);
	cohere->write_stream_fault(&b, FAULT_UPSTREAM_CUT, STR("it broke"));
	CHECK_STR(buf_str(&b),
	          "event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{"
	          "\"error\":\"it broke\",\"finish_reason\":\"ERROR\"}}\n\n");
	CHECK_STR(cohere->error_message(STR("{\"id\":\"x\",\"message\":\"bad\"}")),
	          "bad");
	CHECK_STR(cohere->error_message(STR("nothing")), "");
	buf_free(&b);
}

/* ---- requests ---- */

TEST(cohere_reads_a_rich_request)
{
	struct form f;
	const struct chat_message *m;

	CHECK_OK(form_read(
	        &f, cohere,
	        STR("{\"model\":\"command-a\",\"stream\":true,\"messages\":["
	            "{\"role\":\"system\",\"content\":\"be\"},"
	            "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
	            "\"look\"},"
	            "{\"type\":\"image_url\",\"image_url\":{\"url\":"
	            "\"data:image/png;base64,AAAA\",\"detail\":\"low\"}},{\"type\":"
	            "\"image_url\",\"image_url\":{\"url\":\"https://e/a.png\"}}]},"
	            "{\"role\":\"assistant\",\"tool_plan\":\"I will\",\"tool_calls\":[{"
	            "\"id\":\"t1\",\"type\":\"function\",\"function\":{\"name\":\"f\","
	            "\"arguments\":\"{\\\"a\\\":1}\"}}],\"citations\":[{}]},"
	            "{\"role\":\"tool\",\"tool_call_id\":\"t1\",\"content\":[{\"type\":"
	            "\"document\",\"document\":{\"data\":{\"x\":\"y\"}}},{\"type\":"
	            "\"document\",\"document\":{\"data\":\"z\"}}]},"
	            "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\","
	            "\"thinking\":\"hm\"},{\"type\":\"text\",\"text\":\"so\"}]}],"
	            "\"max_tokens\":9,\"temperature\":0.3,\"p\":0.9,\"k\":7,\"seed\":1,"
	            "\"stop_sequences\":[\"x\"],\"tools\":[{\"type\":\"function\","
	            "\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\"}}}]"
	            ","
	            "\"strict_tools\":true,\"tool_choice\":\"REQUIRED\","
	            "\"response_format\":{\"type\":\"json_object\",\"json_schema\":{"
	            "\"type\":\"object\"}},\"thinking\":{\"type\":\"enabled\","
	            "\"token_budget\":500},\"logprobs\":false,\"odd\":1}")));
	m = f.r.messages;
	CHECK_INT(m->role, CHAT_SYSTEM);
	m = m->next;
	CHECK_STR(m->parts->next->data, "AAAA");
	CHECK_STR(m->parts->next->media_type, "image/png");
	CHECK_STR(m->parts->next->detail, "low");
	CHECK_INT(m->parts->next->next->source, SOURCE_URL);
	m = m->next;
	CHECK_INT(m->parts->kind, CHAT_REASONING);
	CHECK_STR(m->parts->text, "I will");
	CHECK_STR(m->parts->next->args, "{\"a\":1}");
	m = m->next;
	CHECK_INT(m->role, CHAT_TOOL);
	CHECK_STR(m->parts->parts->text, "{\\\"x\\\":\\\"y\\\"}");
	CHECK_STR(m->parts->parts->next->text, "z");
	m = m->next;
	CHECK_INT(m->parts->kind, CHAT_REASONING);
	CHECK_STR(m->parts->next->text, "so");
	CHECK_INT(f.r.choose, CHOOSE_ANY);
	CHECK_INT(f.r.tools->strict, TRI_YES);
	CHECK_INT(f.r.form, FORM_SCHEMA);
	CHECK_INT(f.r.budget, 500);
	CHECK_STR(f.r.options[CONCEPT_TOP_P].raw, "0.9");
	CHECK_INT(f.r.options[CONCEPT_TEXT_LOGPROBS].type, JSON_NONE);
	CHECK_STR(f.r.model, "command-a");
	CHECK(f.r.stream);
	CHECK_INT(f.r.dropped_count, 1);
	CHECK_STR(f.r.dropped[0], "odd");
	form_done(&f);
}

TEST(cohere_refuses_what_is_no_request)
{
	static const str bodies[] = {
		STR_INIT("{\"model\":\"m\"}"),
		STR_INIT("{\"messages\":[{\"role\":\"wizard\",\"content\":\"x\"}]}"),
		STR_INIT("{" HI ",\"max_tokens\":\"7\"}"),
		STR_INIT("{" HI ",\"tool_choice\":\"auto\"}"),
	};
	struct form f;

	for (size_t i = 0; i < countof(bodies); i++) {
		CHECK_FAULT(form_read(&f, cohere, bodies[i]), FAULT_BAD_REQUEST);
		CHECK(f.detail.len > 0);
		form_done(&f);
	}
}

TEST(cohere_writes_what_it_reads)
{
	FORM_CHECK(cohere, "{\"model\":\"x\"," HI ",\"seed\":7,\"temperature\":2}",
	           cohere, "command-a",
	           "{\"model\":\"command-a\"," HI ",\"temperature\":1,\"seed\":7}",
	           "temperature>1");
	FORM_CHECK(cohere,
	           "{\"model\":\"x\"," HI ",\"documents\":[\"d\"],\"citation_options\":{"
	           "\"mode\":\"FAST\"},\"logprobs\":true,\"safety_mode\":\"OFF\","
	           "\"priority\":1}",
	           cohere, "command-a",
	           "{\"model\":\"command-a\"," HI
	           ",\"safety_mode\":\"OFF\",\"documents\":["
	           "\"d\"],\"citation_options\":{\"mode\":\"FAST\"},\"priority\":1,"
	           "\"logprobs\":true}",
	           "");
	FORM_AGAIN(
	        cohere,
	        "{\"model\":\"x\",\"messages\":[{\"role\":\"system\",\"content\":\"s\"},"
	        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{"
	        "\"type\":\"image_url\",\"image_url\":{\"url\":\"https://e\"}}]},"
	        "{\"role\":\"assistant\",\"tool_plan\":\"p\",\"content\":\"c\","
	        "\"tool_calls\":[{\"id\":\"1\",\"type\":\"function\",\"function\":{"
	        "\"name\":\"f\",\"arguments\":\"{}\"}},{\"id\":\"2\",\"type\":"
	        "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"q\\\":"
	        "[1]}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"1\",\"content\":\"r\"},"
	        "{\"role\":\"tool\",\"tool_call_id\":\"2\",\"content\":\"\"},"
	        "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\","
	        "\"thinking\":\"t\"},{\"type\":\"text\",\"text\":\"u\"}]}],"
	        "\"max_tokens\":100,\"stop_sequences\":[\"q\"],\"tools\":[{\"type\":"
	        "\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\","
	        "\"parameters\":{\"type\":\"object\"}}}],\"tool_choice\":\"NONE\","
	        "\"strict_tools\":true,\"response_format\":{\"type\":\"json_object\"},"
	        "\"thinking\":{\"type\":\"enabled\",\"token_budget\":700}}",
	        "command-a-reasoning");
}

TEST(cohere_has_one_way_to_force_a_tool)
{
	FORM_CHECK(
	        &wire_bedrock,
	        "{" BEDROCK_HI ",\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":"
	        "\"f\",\"strict\":true,\"inputSchema\":{\"json\":{\"type\":\"object\"}}}}"
	        ",{\"toolSpec\":{\"name\":\"g\",\"inputSchema\":{}}}],\"toolChoice\":{"
	        "\"tool\":{\"name\":\"g\"}}}}",
	        cohere, "command-a",
	        "{\"model\":\"command-a\"," HI ",\"tools\":[{\"type\":\"function\","
	        "\"function\":{\"name\":\"g\",\"parameters\":{\"type\":\"object\","
	        "\"properties\":{}}}}],\"tool_choice\":\"REQUIRED\"}",
	        "");
	FORM_CHECK(&wire_bedrock,
	           "{" BEDROCK_HI ",\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":"
	           "\"f\",\"strict\":true,\"inputSchema\":{\"json\":{}}}}"
	           ",{\"toolSpec\":{\"name\":\"g\",\"inputSchema\":{\"json\":{}}}}]}}",
	           cohere, "command-a",
	           "{\"model\":\"command-a\"," HI ",\"tools\":[{\"type\":\"function\","
	           "\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\","
	           "\"properties\":{}}}},{\"type\":\"function\","
	           "\"function\":{\"name\":\"g\",\"parameters\":{\"type\":\"object\","
	           "\"properties\":{}}}}]}",
	           "toolConfig.tools[].toolSpec.strict");
}

TEST(cohere_writes_what_bedrock_says)
{
	/* Foreign reasoning goes, images of tools move, flags of errors become text. */
	FORM_CHECK(
	        &wire_bedrock,
	        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"q\"}]},"
	        "{\"role\":\"assistant\",\"content\":[{\"reasoningContent\":{"
	        "\"reasoningText\":{\"text\":\"hm\",\"signature\":\"c2ln\"}}},"
	        "{\"toolUse\":{\"toolUseId\":\"1\",\"name\":\"f\",\"input\":{\"a\":"
	        "\"b\"}}}]},"
	        "{\"role\":\"user\",\"content\":[{\"toolResult\":{\"toolUseId\":\"1\","
	        "\"content\":[{\"text\":\"bad\"},{\"text\":\"\"},{\"text\":"
	        "\"worse\"},{\"image\":{\"format\":\"png\","
	        "\"source\":"
	        "{\"bytes\":\"AAAA\"}}}],\"status\":\"error\"}},{\"text\":\"go\"}]}],"
	        "\"additionalModelRequestFields\":{\"reasoning_effort\":\"low\"}}",
	        cohere, "command-a",
	        "{\"model\":\"command-a\",\"messages\":[{\"role\":\"user\",\"content\":"
	        "\"q\"},{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"1\",\"type\":"
	        "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":"
	        "\\\"b\\\"}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"1\",\"content\":"
	        "\"Error: "
	        "bad\\n\\nworse\"},{\"role\":\"user\",\"content\":[{\"type\":\"text\","
	        "\"text\":"
	        "\"Result of 1:\"},{\"type\":\"image_url\",\"image_url\":{\"url\":"
	        "\"data:image/"
	        "png;base64,AAAA\"}}]},{\"role\":\"user\",\"content\":\"go\"}]"
	        "}",
	        "reasoning,additionalModelRequestFields.thinking");
}

TEST(bedrock_writes_what_cohere_says)
{
	FORM_CHECK(
	        cohere,
	        "{\"model\":\"x\",\"messages\":[{\"role\":\"system\",\"content\":\"s\"},"
	        "{\"role\":\"user\",\"content\":\"q\"},"
	        "{\"role\":\"assistant\",\"tool_plan\":\"p\",\"tool_calls\":[{\"id\":"
	        "\"1\","
	        "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":"
	        "\"nonsense"
	        "\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"1\",\"content\":\"r\"},"
	        "{\"role\":\"user\",\"content\":\"go\"}],\"k\":3,\"seed\":1,\"tools\":[{"
	        "\"type\":\"function\",\"function\":{\"name\":\"f\"}}]}",
	        &wire_bedrock, "amazon.nova-pro",
	        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"q\"}]},"
	        "{\"role\":\"assistant\",\"content\":[{\"toolUse\":{\"toolUseId\":\"1\","
	        "\"name\":\"f\",\"input\":{\"_raw\":\"nonsense\"}}}]},{\"role\":\"user\","
	        "\"content\":[{\"toolResult\":{\"toolUseId\":\"1\",\"content\":[{"
	        "\"text\":"
	        "\"r\"}]}},{\"text\":\"go\"}]}],\"system\":[{\"text\":\"s\"}],"
	        "\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"f\","
	        "\"inputSchema\":{"
	        "\"json\":{\"type\":\"object\",\"properties\":{}}}}}]},"
	        "\"additionalModelRequestFields\":{\"inferenceConfig\":{\"topK\":3}}}",
	        "seed,reasoning");
}

TEST(cohere_has_limits_and_models_that_think)
{
	struct form f;

	CHECK_OK(
	        form_read(&f, cohere,
	                  STR("{" HI ",\"stop_sequences\":[\"1\",\"2\",\"3\",\"4\",\"5\","
	                      "\"6\"]}")));
	CHECK_OK(form_write(&f, cohere, STR("m")));
	CHECK_INT(f.written.stops_kept, 1 << 5); /* the sixth is watched for here */
	form_done(&f);
	CHECK_OK(form_read(&f, cohere, STR("{" HI ",\"documents\":[\"d\"]}")));
	CHECK_FAULT(form_write(&f, &wire_bedrock, STR("m")), FAULT_NOT_OFFERED);
	form_done(&f);
	FORM_CHECK(cohere, "{" HI ",\"thinking\":{\"type\":\"disabled\"}}", cohere,
	           "command-a-reasoning",
	           "{\"model\":\"command-a-reasoning\"," HI ",\"thinking\":{\"type\":"
	           "\"disabled\"}}",
	           "");
	FORM_CHECK(cohere, "{" HI ",\"thinking\":{\"type\":\"enabled\"}}", cohere,
	           "command-r", "{\"model\":\"command-r\"," HI "}",
	           "thinking.token_budget");
}

TEST(cohere_says_nothing_empty)
{
	FORM_CHECK(
	        cohere,
	        "{\"messages\":[{\"role\":\"system\",\"content\":\"\"},{\"role\":"
	        "\"user\","
	        "\"content\":[]},{\"role\":\"assistant\",\"content\":\"\"},{\"role\":"
	        "\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"t\"}]},"
	        "{\"role\":\"user\",\"content\":\"hi\"}]}",
	        cohere, "m", "{\"model\":\"m\"," HI "}", "");
}

/* ---- answers ---- */

TEST(cohere_reads_a_reply)
{
	FORM_REPLY(
	        cohere,
	        "{\"finish_reason\":\"TOOL_CALL\",\"id\":\"i\",\"message\":{\"role\":"
	        "\"assistant\",\"tool_calls\":[{\"function\":{\"arguments\":\"{\\\"c\\\":"
	        "1}\",\"name\":\"f\"},\"id\":\"f_1\",\"type\":\"function\"},{"
	        "\"function\":"
	        "{\"arguments\":\"\",\"name\":\"g\"},\"id\":\"g_1\"}],\"tool_plan\":"
	        "\"I will\"},\"usage\":{\"billed_units\":{\"input_tokens\":41,"
	        "\"output_tokens\":25},\"cached_tokens\":144,\"tokens\":{"
	        "\"input_tokens\":1441,\"output_tokens\":54}}}",
	        "<i >R0::(0'I will|)0C1:f_1:f(1'{\\\"c\\\":1}|)1C2:g_1:g()2#5"
	        "{1441/144/0/0/54}$");
	FORM_REPLY(
	        cohere,
	        "{\"finish_reason\":\"COMPLETE\",\"id\":\"i\",\"message\":{\"citations\":"
	        "[{\"end\":9,\"start\":4,\"text\":\"sunny\",\"type\":\"TEXT_CONTENT\","
	        "\"sources\":[{\"type\":\"tool\",\"id\":\"x\"}]},{\"type\":\"PLAN\"},"
	        "{\"start\":1,\"end\":2,\"text\":\"q\",\"sources\":[{\"document\":{"
	        "\"title\":\"T\",\"url\":\"https://e\"}}]}],\"content\":[{\"type\":"
	        "\"thinking\",\"thinking\":\"hm\"},{\"type\":\"text\",\"text\":"
	        "\"one\"},{\"type\":\"text\",\"text\":\"two\"},{\"type\":\"new\"}]},"
	        "\"usage\":{\"billed_units\":{\"input_tokens\":4,\"output_tokens\":5}}}",
	        "<i >R0::(0'hm|)0T1::(1'one|)1T2::(2'two|[  sunny 4-9][https://e T q "
	        "1-2])"
	        "2?new #1{4/0/0/0/5}$");
	FORM_REPLY(cohere, "{\"message\":\"model not found\"}",
	           "!STREAM_ERROR model not found");
	FORM_REPLY(cohere, "{\"id\":\"x\"}", "UPSTREAM_MALFORMED");
	FORM_REPLY(cohere, "<html>", "UPSTREAM_MALFORMED");
}

TEST(cohere_reads_and_writes_every_finish)
{
	static const struct {
		const char *reason, *again;
		enum chat_finish finish;
	} rows[] = {
		{ "COMPLETE", "COMPLETE", FINISH_STOP },
		{ "STOP_SEQUENCE", "STOP_SEQUENCE", FINISH_SEQUENCE },
		{ "MAX_TOKENS", "MAX_TOKENS", FINISH_LENGTH },
		{ "TOOL_CALL", "COMPLETE", FINISH_CALLS }, /* there was none */
		{ "ERROR", "ERROR", FINISH_ERROR },
		{ "TIMEOUT", "ERROR", FINISH_ERROR },
		{ "ERROR_TOXIC", "COMPLETE", FINISH_FILTER },
		{ "ERROR_LIMIT", "MAX_TOKENS", FINISH_CONTEXT },
		{ "NEW", "COMPLETE", FINISH_STOP },
	};
	struct buf body = BUF_LIMIT(KiB), want = BUF_LIMIT(KiB);

	for (size_t i = 0; i < countof(rows); i++) {
		struct form_emit f;
		struct chat_reader rd = { 0 };

		buf_clear(&body);
		buf_clear(&want);
		buf_addf(&body,
		         "{\"finish_reason\":\"%s\",\"message\":{\"content\":\"a\"}}",
		         rows[i].reason);
		buf_addf(&want, "< >T0::(0'a|)0#%d$", rows[i].finish);
		form_reply(__FILE__, __LINE__, cohere, buf_str(&body), buf_str(&want));
		form_emit_init(&f, cohere, false);
		CHECK_OK(cohere->read_reply(&rd, buf_str(&body), &f.e.sink));
		cohere->write_reply(&f.e);
		buf_clear(&want);
		buf_addf(&want, "\"finish_reason\":\"%s\"", rows[i].again);
		CHECK(str_has(buf_str(&f.out), buf_str(&want)));
		form_emit_done(&f);
	}
	buf_free(&body);
	buf_free(&want);
}

/* ---- streams ---- */

TEST(cohere_reads_a_stream)
{
	FORM_STREAM(
	        cohere, "<i >R0::(0'hm|)0T1::(1'a|1'b|[  b 1-2])1#1{9/3/0/0/4}$=",
	        { "message-start", "{\"type\":\"message-start\",\"id\":\"i\",\"delta\":{"
	                           "\"message\":{\"role\":\"assistant\"}}}" },
	        { "content-start", "{\"index\":0,\"delta\":{\"message\":{\"content\":{"
	                           "\"type\":\"thinking\",\"thinking\":\"\"}}}}" },
	        { "content-delta", "{\"index\":0,\"delta\":{\"message\":{\"content\":{"
	                           "\"thinking\":\"hm\"}}}}" },
	        { "content-end", "{\"index\":0}" },
	        { "content-start", "{\"index\":1,\"delta\":{\"message\":{\"content\":{"
	                           "\"type\":\"text\",\"text\":\"\"}}}}" },
	        { "content-delta", "{\"index\":1,\"delta\":{\"message\":{\"content\":{"
	                           "\"text\":\"a\"}}}}" },
	        { "content-delta", "{\"index\":1,\"delta\":{\"message\":{\"content\":{"
	                           "\"text\":\"b\"}}}}" },
	        { "citation-start",
	          "{\"index\":0,\"delta\":{\"message\":{\"citations\":{"
	          "\"start\":1,\"end\":2,\"text\":\"b\",\"sources\":[]}}}}" },
	        { "citation-end", "{\"index\":0}" }, { "content-end", "{\"index\":1}" },
	        { "message-end", "{\"delta\":{\"finish_reason\":\"COMPLETE\",\"usage\":{"
	                         "\"tokens\":{\"input_tokens\":9,\"output_tokens\":4},"
	                         "\"cached_tokens\":3}}}" },
	        { "", "[DONE]" });
}

TEST(cohere_reads_calls_of_a_stream)
{
	/* The type inside counts, whatever the line before it says. */
	FORM_STREAM(
	        cohere,
	        "R0::(0'I |0'will|)0C1:t1:f(1'{\\\"q\\\":|1'1}|)1C2:t2:g(2'{}|)2#5$=",
	        { "", "{\"type\":\"tool-plan-delta\",\"delta\":{\"message\":{"
	              "\"tool_plan\":\"I \"}}}" },
	        { "x", "{\"type\":\"tool-plan-delta\",\"delta\":{\"message\":{"
	               "\"tool_plan\":\"will\"}}}" },
	        { "", "{\"type\":\"tool-call-start\",\"index\":0,\"delta\":{\"message\":{"
	              "\"tool_calls\":{\"id\":\"t1\",\"type\":\"function\",\"function\":{"
	              "\"name\":\"f\",\"arguments\":\"\"}}}}}" },
	        { "",
	          "{\"type\":\"tool-call-delta\",\"index\":0,\"delta\":{\"message\":{"
	          "\"tool_calls\":{\"function\":{\"arguments\":\"{\\\"q\\\":\"}}}}}" },
	        { "", "{\"type\":\"tool-call-delta\",\"index\":0,\"delta\":{\"message\":{"
	              "\"tool_calls\":{\"function\":{\"arguments\":\"1}\"}}}}}" },
	        { "", "{\"type\":\"tool-call-end\",\"index\":0}" },
	        { "", "{\"type\":\"tool-call-start\",\"index\":1,\"delta\":{\"message\":{"
	              "\"tool_calls\":[{\"id\":\"t2\",\"function\":{\"name\":\"g\","
	              "\"arguments\":\"{}\"}}]}}}" },
	        { "", "{\"type\":\"tool-call-end\",\"index\":1}" },
	        { "", "{\"type\":\"message-end\",\"delta\":{\"finish_reason\":"
	              "\"TOOL_CALL\"}}" });
}

TEST(cohere_stream_ends_with_message_end_alone)
{
	FORM_STREAM(cohere, "T0::(0'a|!",
	            { "content-delta", "{\"delta\":{\"message\":{\"content\":{\"text\":"
	                               "\"a\"}}}}" });
	FORM_STREAM(cohere, "!", { "", "[DONE]" });
	FORM_STREAM(cohere, "#9$!",
	            { "message-end", "{\"delta\":{\"finish_reason\":\"ERROR\"}}" });
	FORM_STREAM(cohere, "!STREAM_ERROR overloaded!",
	            { "message-end", "{\"delta\":{\"finish_reason\":\"ERROR\",\"error\":"
	                             "\"overloaded\"}}" });
	FORM_STREAM(cohere, "!STREAM_ERROR gone!", { "", "{\"message\":\"gone\"}" });
	FORM_STREAM(cohere, "?debug !", { "debug", "{\"prompt\":\"x\"}" });
	FORM_STREAM(cohere, "UPSTREAM_MALFORMED!", { "content-delta", "{" });
	FORM_STREAM(cohere, "UPSTREAM_MALFORMED!", { "content-delta", "7" });
}

/* ---- written ---- */

static void say_much(struct form_emit *f)
{
	form_block(f, 0, CHAT_REASONING, "", "", "hm");
	form_block(f, 1, CHAT_TEXT, "", "", "a\\n");
	form_say(f, (struct chat_event){ .kind = CHAT_CITE,
	                                 .block = 1,
	                                 .cite = { .url = STR("https://e"),
	                                           .title = STR("T"),
	                                           .cited = STR("a"),
	                                           .end = 1 } });
	form_block(f, 2, CHAT_CALL, "t1", "f", "{\\\"q\\\":1}");
	form_block(f, 3, CHAT_CALL, "t2", "g", "");
	form_end(f, FINISH_CALLS,
	         (struct token_usage){ .input = 33, .cache_read = 10, .output = 5 });
}

#define USAGE                                                                            \
	"\"usage\":{\"billed_units\":{\"input_tokens\":33,\"output_tokens\":5},"         \
	"\"tokens\":{\"input_tokens\":33,\"output_tokens\":5},\"cached_tokens\":10}"
#define CITATION                                                                         \
	"{\"start\":0,\"end\":1,\"text\":\"a\",\"sources\":[{\"type\":\"document\","     \
	"\"id\":\"https://e\",\"document\":{\"url\":\"https://e\",\"title\":\"T\"}}],"   \
	"\"type\":\"TEXT_CONTENT\"}"
TEST(cohere_writes_a_stream)
{
	static const struct {
		str name, rest;
	} events[] = {
		{ STR_INIT("message-start"),
		  STR_INIT(",\"id\":\"0123456789abcdef01234567\",\"delta\":{\"message\":{"
		           "\"role\":\"assistant\",\"content\":[],\"tool_plan\":\"\","
		           "\"tool_calls\":[],\"citations\":[]}}") },
		{ STR_INIT("content-start"),
		  STR_INIT(",\"index\":0,\"delta\":{\"message\":{\"content\":{\"type\":"
		           "\"thinking\",\"thinking\":\"\"}}}") },
		{ STR_INIT("content-delta"),
		  STR_INIT(",\"index\":0,\"delta\":{\"message\":{\"content\":{"
		           "\"thinking\":\"hm\"}}}") },
		{ STR_INIT("content-end"), STR_INIT(",\"index\":0") },
		{ STR_INIT("content-start"),
		  STR_INIT(",\"index\":1,\"delta\":{\"message\":{\"content\":{\"type\":"
		           "\"text\",\"text\":\"\"}}}") },
		{ STR_INIT("content-delta"),
		  STR_INIT(",\"index\":1,\"delta\":{\"message\":{\"content\":{\"text\":"
		           "\"a\\n\"}}}") },
		{ STR_INIT("citation-start"),
		  STR_INIT(",\"index\":0,\"delta\":{\"message\":{\"citations\":" CITATION
		           "}}") },
		{ STR_INIT("citation-end"), STR_INIT(",\"index\":0") },
		{ STR_INIT("content-end"), STR_INIT(",\"index\":1") },
		{ STR_INIT("tool-call-start"),
		  STR_INIT(",\"index\":0,\"delta\":{\"message\":{\"tool_calls\":{\"id\":"
		           "\"t1\",\"type\":\"function\",\"function\":{\"name\":\"f\","
		           "\"arguments\":\"\"}}}}") },
		{ STR_INIT("tool-call-delta"),
		  STR_INIT(",\"index\":0,\"delta\":{\"message\":{\"tool_calls\":{"
		           "\"function\":{\"arguments\":\"{\\\"q\\\":1}\"}}}}") },
		{ STR_INIT("tool-call-end"), STR_INIT(",\"index\":0") },
		{ STR_INIT("tool-call-start"),
		  STR_INIT(",\"index\":1,\"delta\":{\"message\":{\"tool_calls\":{\"id\":"
		           "\"t2\",\"type\":\"function\",\"function\":{\"name\":\"g\","
		           "\"arguments\":\"\"}}}}") },
		{ STR_INIT("tool-call-delta"),
		  STR_INIT(",\"index\":1,\"delta\":{\"message\":{\"tool_calls\":{"
		           "\"function\":{\"arguments\":\"{}\"}}}}") },
		{ STR_INIT("tool-call-end"), STR_INIT(",\"index\":1") },
		{ STR_INIT("message-end"),
		  STR_INIT(",\"delta\":{\"finish_reason\":\"TOOL_CALL\"," USAGE "}") },
	};
	struct buf want = BUF_LIMIT(16 * KiB);
	struct form_emit f;

	for (size_t i = 0; i < countof(events); i++)
		buf_addf(&want, "event: %.*s\ndata: {\"type\":\"%.*s\"%.*s}\n\n",
		         STR_ARG(events[i].name), STR_ARG(events[i].name),
		         STR_ARG(events[i].rest));
	form_emit_init(&f, cohere, true);
	say_much(&f);
	CHECK_STR_EQ(buf_str(&f.out), buf_str(&want));
	buf_free(&want);
	form_emit_done(&f);
}

TEST(cohere_reads_the_stream_it_writes)
{
	struct form_emit f;
	struct form_log l;
	struct chat_reader rd = { 0 };
	struct sse_reader sse = { .limit = 64 * KiB };
	struct sse_event event;

	form_emit_init(&f, cohere, true);
	say_much(&f);
	form_log_init(&l);
	for (str bytes = buf_str(&f.out); sse_next(&sse, &bytes, &event);)
		CHECK_OK(cohere->read_event(&rd, event.name, event.data, &l.sink));
	CHECK_STR(
	        buf_str(&l.text),
	        "<0123456789abcdef01234567 >R0::(0'hm|)0T1::(1'a\\n|[https://e T a 0-1])"
	        "1C2:t1:f(2'{\\\"q\\\":1}|)2C3:t2:g(3'{}|)3#5{33/10/0/0/5}$");
	sse_done(&sse);
	buf_free(&l.text);
	form_emit_done(&f);
}

TEST(cohere_writes_a_reply)
{
	struct form_emit f;

	form_emit_init(&f, cohere, false);
	say_much(&f);
	cohere->write_reply(&f.e);
	CHECK_STR(
	        buf_str(&f.out),
	        "{\"id\":\"0123456789abcdef01234567\",\"finish_reason\":\"TOOL_CALL\","
	        "\"message\":{\"role\":\"assistant\",\"tool_plan\":\"hm\",\"content\":[{"
	        "\"type\":\"text\",\"text\":\"a\\n\"}],\"tool_calls\":[{\"id\":\"t1\","
	        "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":"
	        "\"{\\\"q\\\":1}\"}},{\"id\":\"t2\",\"type\":\"function\",\"function\":{"
	        "\"name\":\"g\",\"arguments\":\"{}\"}}],\"citations\":[" CITATION
	        "]}," USAGE "}");
	form_emit_done(&f);
	form_emit_init(&f, cohere, false);
	form_block(&f, 0, CHAT_REASONING, "", "", "hm");
	form_block(&f, 1, CHAT_REFUSAL, "", "", "no");
	form_end(&f, FINISH_STOP, (struct token_usage){ 0 });
	cohere->write_reply(&f.e);
	CHECK(str_has(buf_str(&f.out),
	              STR("\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\"},{"
	                  "\"type\":\"text\",\"text\":\"no\"}]}")));
	form_emit_done(&f);
}

TEST(cohere_ends_a_stream_that_fails)
{
	struct form_emit f;

	form_emit_init(&f, cohere, true);
	form_block(&f, 0, CHAT_TEXT, "", "", "a");
	emit_fault(&f.e, FAULT_UPSTREAM_CUT, STR_NONE);
	CHECK(str_ends(buf_str(&f.out),
	               STR("\"error\":\"the provider broke off its answer\","
	                   "\"finish_reason\":\"ERROR\"}}\n\n")));
	form_emit_done(&f);
}
