/* Requests of Bedrock's Converse: read, and written for each family of models. */
#include "wire/bedrock.h"

#include "tests/unit/wire/form.h"

static const struct wire *const bedrock = &wire_bedrock;

#define CLAUDE "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
#define HI "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\"}]}]"

/* ---- the pass lane ---- */

static fault_t skim(str body, struct skimmed *ret)
{
	static struct arena keep;
	str detail = STR_NONE;

	return bedrock->skim(body, OP_CHAT, &keep, ret, &detail);
}

TEST(bedrock_skim_finds_the_cap)
{
	struct skimmed s;

	CHECK_OK(skim(STR("{" HI ",\"inferenceConfig\":{\"maxTokens\":77}}"), &s));
	CHECK_INT(s.max_tokens, 77);
	CHECK_INT(s.choices, 1);
	CHECK_INT(s.model_len, 0);
	CHECK_OK(skim(STR("{\"inferenceConfig\":{\"maxTokens\":null}}"), &s));
	CHECK_INT(s.max_tokens, 0);
	CHECK_FAULT(skim(STR("{\"inferenceConfig\":{\"maxTokens\":-1}}"), &s),
	            FAULT_BAD_REQUEST);
	CHECK_FAULT(
	        skim(STR("{\"inferenceConfig\":{\"maxTokens\":1,\"maxTokens\":2}}"), &s),
	        FAULT_JSON_DUPLICATE);
	CHECK_FAULT(skim(STR("{\"messages\":1,\"messages\":2}"), &s),
	            FAULT_JSON_DUPLICATE);
	CHECK_FAULT(skim(STR("[]"), &s), FAULT_BAD_JSON);
}

TEST(bedrock_path_has_the_model_as_one_segment)
{
	struct buf b = BUF_LIMIT(KiB);

	bedrock->write_path(OP_CHAT, STR(CLAUDE), false, &b);
	CHECK_STR(buf_str(&b), "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/"
	                       "converse");
	buf_clear(&b);
	bedrock->write_path(OP_CHAT, STR("arn:aws:bedrock:x/y"), true, &b);
	CHECK_STR(buf_str(&b), "/model/arn%3Aaws%3Abedrock%3Ax%2Fy/converse-stream");
	buf_free(&b);
}

/* ---- failures ---- */

TEST(bedrock_names_failures)
{
	static const struct {
		fault_t why;
		str type, stream;
	} rows[] = {
		{ FAULT_BAD_REQUEST, STR_INIT("ValidationException"),
		  STR_INIT("validationException") },
		{ FAULT_CONTEXT_TOO_LONG, STR_INIT("ValidationException"),
		  STR_INIT("validationException") },
		{ FAULT_NO_KEY, STR_INIT("UnrecognizedClientException"),
		  STR_INIT("validationException") },
		{ FAULT_OPEN_MODE_HOST, STR_INIT("AccessDeniedException"),
		  STR_INIT("validationException") },
		{ FAULT_NO_SUCH_MODEL, STR_INIT("ResourceNotFoundException"),
		  STR_INIT("validationException") },
		{ FAULT_UPSTREAM_LIMITED, STR_INIT("ThrottlingException"),
		  STR_INIT("throttlingException") },
		{ FAULT_UPSTREAM_BUSY, STR_INIT("ServiceUnavailableException"),
		  STR_INIT("serviceUnavailableException") },
		{ FAULT_UPSTREAM_IDLE, STR_INIT("ModelTimeoutException"),
		  STR_INIT("modelStreamErrorException") },
		{ FAULT_UPSTREAM_CUT, STR_INIT("ModelErrorException"),
		  STR_INIT("modelStreamErrorException") },
		{ FAULT_INTERNAL, STR_INIT("InternalServerException"),
		  STR_INIT("internalServerException") },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		CHECK_STR_EQ(bedrock_error_type(rows[i].why), rows[i].type);
		CHECK_STR_EQ(bedrock_stream_error_type(rows[i].why), rows[i].stream);
	}
}

TEST(bedrock_says_failures)
{
	struct buf b = BUF_LIMIT(KiB), told = BUF_LIMIT(KiB);
	struct aws_scan s = { 0 };
	struct aws_frame f;

	bedrock->write_fault(&b, FAULT_BAD_REQUEST, STR("no \"x\""), STR_NONE);
	CHECK_STR(buf_str(&b), "{\"message\":\"no \\\"x\\\"\"}");
	buf_clear(&b);
	bedrock->write_fault_lines(&b, FAULT_UPSTREAM_LIMITED);
	CHECK_STR(buf_str(&b), "x-amzn-errortype: ThrottlingException\r\n");
	buf_clear(&b);
	bedrock->write_stream_fault(&b, FAULT_UPSTREAM_LIMITED, STR_NONE);
	CHECK(aws_scan(&s, buf_str(&b), &f));
	CHECK_INT(f.kind, AWS_EXCEPTION);
	CHECK_STR(f.name, "throttlingException");
	CHECK_STR(f.payload, "{\"message\":\"the provider's rate limit is reached\"}");
	buf_free(&b);
	buf_free(&told);
}

TEST(bedrock_hears_failures)
{
	CHECK_STR(bedrock->error_message(STR("{\"message\":\"a \\\"b\\\"\"}")),
	          "a \\\"b\\\"");
	CHECK_STR(bedrock->error_message(STR("{\"Message\":\"denied\"}")), "denied");
	CHECK_STR(bedrock->error_message(STR("{\"message\":7}")), "");
	CHECK_STR(bedrock->error_message(STR("<html>")), "");
}

/* ---- reading ---- */

TEST(bedrock_reads_a_rich_request)
{
	struct form f;
	const struct chat_message *m;
	const struct chat_part *p;

	CHECK_OK(form_read(
	        &f, bedrock,
	        STR("{\"system\":[{\"text\":\"be \\u00e9\"},{\"cachePoint\":{\"type\":"
	            "\"default\",\"ttl\":\"1h\"}}],\"messages\":["
	            "{\"role\":\"user\",\"content\":[{\"text\":\"look\"},{\"image\":{"
	            "\"format\":\"jpeg\",\"source\":{\"bytes\":\"QUJD\"}}}]},"
	            "{\"role\":\"assistant\",\"content\":[{\"reasoningContent\":{"
	            "\"reasoningText\":{\"text\":\"hm\",\"signature\":\"c2ln\"}}},"
	            "{\"toolUse\":{\"toolUseId\":\"t1\",\"name\":\"f\",\"input\":{\"a\":"
	            "1}}"
	            "}]},"
	            "{\"role\":\"user\",\"content\":[{\"text\":\"there\"},{"
	            "\"toolResult\":{"
	            "\"toolUseId\":\"t1\",\"content\":[{\"json\":{\"b\":\"c\"}},{"
	            "\"text\":"
	            "\"d\"}],\"status\":\"error\"}}]}],"
	            "\"inferenceConfig\":{\"maxTokens\":9,\"temperature\":0.5,\"topP\":1,"
	            "\"stopSequences\":[\"x\",\"y\"]},"
	            "\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"f\",\"strict\":"
	            "true,\"inputSchema\":{\"json\":{\"type\":\"object\"}}}}],"
	            "\"toolChoice\":{\"tool\":{\"name\":\"f\"}}},"
	            "\"additionalModelRequestFields\":{\"top_k\":5,\"thinking\":{"
	            "\"type\":"
	            "\"enabled\",\"budget_tokens\":2000},\"odd\":1},\"other\":true}")));
	m = f.r.messages;
	CHECK_INT(m->role, CHAT_SYSTEM);
	CHECK_STR(m->parts->text, "be \\u00e9");
	CHECK_INT(m->parts->cache, CACHE_1H);
	m = m->next;
	CHECK_INT(m->role, CHAT_USER);
	p = m->parts->next;
	CHECK_INT(p->kind, CHAT_IMAGE);
	CHECK_STR(p->media_type, "image/jpeg");
	CHECK_STR(p->data, "QUJD");
	m = m->next;
	CHECK_INT(m->role, CHAT_ASSISTANT);
	CHECK_INT(m->parts->seal.origin, WIRE_BEDROCK);
	CHECK_STR(m->parts->seal.blob, "c2ln");
	CHECK_STR(m->parts->next->args, "{\"a\":1}");
	/* Results come first, in a message of their own. */
	m = m->next;
	CHECK_INT(m->role, CHAT_TOOL);
	CHECK(m->parts->is_error);
	CHECK_STR(m->parts->parts->text, "{\\\"b\\\":\\\"c\\\"}");
	CHECK_STR(m->parts->parts->next->text, "d");
	CHECK_INT(m->next->role, CHAT_USER);
	CHECK_STR(m->next->parts->text, "there");
	CHECK_INT(f.r.max_tokens, 9);
	CHECK_INT(f.r.stop_count, 2);
	CHECK_STR(f.r.options[CONCEPT_TEMPERATURE].raw, "0.5");
	CHECK_STR(f.r.options[CONCEPT_TOP_K].raw, "5");
	CHECK_INT(f.r.budget, 2000);
	CHECK_INT(f.r.choose, CHOOSE_ONE);
	CHECK_INT(f.r.tools->strict, TRI_YES);
	CHECK_INT(f.r.dropped_count, 2);
	CHECK_STR(f.r.dropped[0], "other");
	CHECK_STR(f.r.dropped[1], "additionalModelRequestFields.odd");
	form_done(&f);
}

static void check_fields(const char *fields, const char *dropped, enum chat_effort effort,
                         uint64_t budget)
{
	struct buf body = BUF_LIMIT(4 * KiB);
	struct form f;

	buf_addf(&body,
	         "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\"}]}],"
	         "\"additionalModelRequestFields\":{%s}}",
	         fields);
	CHECK_OK(form_read(&f, &wire_bedrock, buf_str(&body)));
	CHECK_INT(f.r.dropped_count, *dropped != 0);
	CHECK(str_eq(f.r.dropped_count ? f.r.dropped[0] : STR_NONE, str_from_z(dropped)));
	CHECK_INT(f.r.effort, effort);
	CHECK_INT((long long)f.r.budget, (long long)budget);
	form_done(&f);
	buf_free(&body);
}

#define FIELDS "additionalModelRequestFields."

TEST(bedrock_names_what_it_does_not_know_in_a_family_s_fields)
{
	check_fields("\"reasoning_config\":{\"type\":\"enabled\",\"budget_tokens\":1024}",
	             "", EFFORT_UNSET, 1024);
	check_fields("\"reasoning_config\":\"low\"", "", EFFORT_LOW, 0);
	check_fields("\"reasoning_config\":\"lots\"", FIELDS "reasoning_config",
	             EFFORT_UNSET, 0);
	check_fields("\"reasoning_effort\":\"lots\"", FIELDS "reasoning_effort",
	             EFFORT_UNSET, 0);
	check_fields("\"reasoningConfig\":{\"type\":\"disabled\"}", "", EFFORT_NONE, 0);
	check_fields("\"reasoningConfig\":{\"type\":\"enabled\",\"maxReasoningEffort\":"
	             "\"high\",\"x\":1}",
	             FIELDS "reasoningConfig.x", EFFORT_HIGH, 0);
	check_fields("\"inferenceConfig\":{\"topK\":1,\"x\":1}",
	             FIELDS "inferenceConfig.x", EFFORT_UNSET, 0);
	check_fields("\"output_config\":{\"effort\":\"low\",\"task_budget\":{}}",
	             FIELDS "output_config.task_budget", EFFORT_LOW, 0);
	check_fields("\"output_config\":{\"format\":{\"type\":\"odd\"}}",
	             FIELDS "output_config.format", EFFORT_UNSET, 0);
	check_fields("\"thinking\":{\"type\":\"odd\"}", FIELDS "thinking", EFFORT_UNSET,
	             0);
	check_fields("\"thinking\":{\"type\":\"adaptive\"}", "", EFFORT_HIGH, 0);
}

TEST(bedrock_takes_claude_s_own_schema)
{
	struct form f;

	CHECK_OK(form_read(
	        &f, &wire_bedrock,
	        STR("{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\"}]}],"
	            "\"additionalModelRequestFields\":{\"output_config\":{\"format\":{"
	            "\"type\":\"json_schema\",\"schema\":{\"type\":\"object\"}}}}}")));
	CHECK_INT(f.r.form, FORM_SCHEMA);
	CHECK_STR(f.r.schema.raw, "{\"type\":\"object\"}");
	CHECK(chat_is_marked(&f.r, CONCEPT_JSON_SCHEMA));
	CHECK_INT(f.r.dropped_count, 0);
	form_done(&f);
}

TEST(bedrock_names_what_it_does_not_know_in_the_output_s_form)
{
	struct form f;

	CHECK_OK(form_read(
	        &f, &wire_bedrock,
	        STR("{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\"}]}],"
	            "\"outputConfig\":{\"odd\":1,\"textFormat\":{\"type\":\"json_"
	            "schema\","
	            "\"structure\":{\"jsonSchema\":{\"schema\":\"{}\",\"x\":1}}}}}")));
	CHECK_INT(f.r.form, FORM_SCHEMA);
	CHECK_INT(f.r.dropped_count, 2);
	CHECK_STR(f.r.dropped[0], "outputConfig.odd");
	CHECK_STR(f.r.dropped[1], "outputConfig.textFormat.structure.jsonSchema.x");
	form_done(&f);
}

TEST(bedrock_refuses_what_is_no_request)
{
	static const str bodies[] = {
		STR_INIT("{}"),
		STR_INIT("{\"messages\":{}}"),
		STR_INIT("{\"messages\":[{\"role\":\"system\",\"content\":[]}]}"),
		STR_INIT("{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"),
		STR_INIT("{\"messages\":[7]}"),
		STR_INIT("{" HI ",\"inferenceConfig\":{\"maxTokens\":\"7\"}}"),
		STR_INIT("{" HI ",\"outputConfig\":{\"textFormat\":{\"structure\":{"
		         "\"jsonSchema\":{\"schema\":\"{\"}}}}}"),
	};
	struct form f;

	for (size_t i = 0; i < countof(bodies); i++) {
		CHECK_FAULT(form_read(&f, bedrock, bodies[i]), FAULT_BAD_REQUEST);
		CHECK(f.detail.len > 0);
		form_done(&f);
	}
	CHECK_FAULT(form_read(&f, bedrock,
	                      STR("{\"messages\":[{\"role\":\"user\",\"role\":\"user\","
	                          "\"content\":[]}]}")),
	            FAULT_JSON_DUPLICATE);
	form_done(&f);
}

/* ---- writing ---- */

TEST(bedrock_writes_what_it_reads)
{
	FORM_CHECK(bedrock, "{" HI "}", bedrock, "zai.glm", "{" HI "}", "");
	FORM_CHECK(bedrock, "{" HI ",\"inferenceConfig\":{\"temperature\":1.5}}", bedrock,
	           "zai.glm", "{" HI ",\"inferenceConfig\":{\"temperature\":1}}",
	           "temperature>1");
	FORM_CHECK(bedrock,
	           "{" HI ",\"serviceTier\":{\"type\":\"flex\"},\"requestMetadata\":{"
	           "\"team\":\"a b\",\"bad\":\"\\u00e9\"}}",
	           bedrock, "zai.glm",
	           "{" HI ",\"requestMetadata\":{\"team\":\"a b\"},\"serviceTier\":{"
	           "\"type\":\"flex\"}}",
	           "metadata.bad");
	FORM_AGAIN(
	        bedrock,
	        "{\"system\":[{\"text\":\"s\"},{\"cachePoint\":{\"type\":\"default\"}}],"
	        "\"messages\":[{\"role\":\"user\",\"content\":[{\"document\":{\"format\":"
	        "\"pdf\",\"name\":\"a b.pdf\",\"source\":{\"bytes\":\"JVBERi0=\"}}}]},"
	        "{\"role\":\"assistant\",\"content\":[{\"reasoningContent\":{"
	        "\"redactedContent\":\"eHl6\"}},{\"text\":\"t\"},{\"toolUse\":{"
	        "\"toolUseId\":\"1\",\"name\":\"f\",\"input\":{}}},{\"toolUse\":{"
	        "\"toolUseId\":\"2\",\"name\":\"f\",\"input\":{\"x\":[1]}}}]},"
	        "{\"role\":\"user\",\"content\":[{\"toolResult\":{\"toolUseId\":\"2\","
	        "\"content\":[{\"image\":{\"format\":\"png\",\"source\":{\"bytes\":"
	        "\"iVBORw0KGgo=\"}}}]}},{\"toolResult\":{\"toolUseId\":\"1\",\"content\":"
	        "[]}},{\"text\":\"u\"}]}],"
	        "\"inferenceConfig\":{\"maxTokens\":4000,\"stopSequences\":[\"q\"]},"
	        "\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"f\","
	        "\"description\":"
	        "\"d\",\"inputSchema\":{\"json\":{\"type\":\"object\"}}}},{"
	        "\"cachePoint\":"
	        "{\"type\":\"default\"}}],\"toolChoice\":{\"any\":{}}},"
	        "\"outputConfig\":{\"textFormat\":{\"type\":\"json_schema\","
	        "\"structure\":{\"jsonSchema\":{\"name\":\"n\",\"schema\":\"{"
	        "\\\"type\\\":"
	        "\\\"object\\\"}\"}}}},\"guardrailConfig\":{\"guardrailIdentifier\":"
	        "\"g\",\"guardrailVersion\":\"1\"}}",
	        CLAUDE);
}

TEST(bedrock_results_come_first_in_the_order_of_the_calls)
{
	FORM_CHECK(
	        bedrock,
	        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"q\"}]},"
	        "{\"role\":\"assistant\",\"content\":[{\"toolUse\":{\"toolUseId\":\"a\","
	        "\"name\":\"f\",\"input\":{}}},{\"toolUse\":{\"toolUseId\":\"b\","
	        "\"name\":"
	        "\"g\",\"input\":{}}}]},{\"role\":\"user\",\"content\":[{\"text\":\"x\"},"
	        "{\"toolResult\":{\"toolUseId\":\"b\",\"content\":[{\"text\":\" "
	        "\"}]}},{\"toolResult\":{\"toolUseId\":\"a\",\"content\":[{\"text\":"
	        "\"1\"}],"
	        "\"status\":\"success\"}}]}]}",
	        bedrock, "zai.glm",
	        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"q\"}]},"
	        "{\"role\":\"assistant\",\"content\":[{\"toolUse\":{\"toolUseId\":\"a\","
	        "\"name\":\"f\",\"input\":{}}},{\"toolUse\":{\"toolUseId\":\"b\","
	        "\"name\":"
	        "\"g\",\"input\":{}}}]},{\"role\":\"user\",\"content\":["
	        "{\"toolResult\":{\"toolUseId\":\"a\",\"content\":[{\"text\":\"1\"}]}},"
	        "{\"toolResult\":{\"toolUseId\":\"b\",\"content\":[{\"text\":\".\"}]}},"
	        "{\"text\":\"x\"}]}],\"toolConfig\":{\"tools\":["
	        "{\"toolSpec\":{\"name\":\"f\",\"inputSchema\":{\"json\":{\"type\":"
	        "\"object\",\"properties\":{}}}}},"
	        "{\"toolSpec\":{\"name\":\"g\",\"inputSchema\":{\"json\":{\"type\":"
	        "\"object\",\"properties\":{}}}}}]}}",
	        "");
}

TEST(bedrock_turns_alternate)
{
	/* Llama: nobody speaks first but the user, results stand alone. */
	FORM_CHECK(
	        bedrock,
	        "{\"messages\":[{\"role\":\"assistant\",\"content\":[{\"text\":\"a\"}]},"
	        "{\"role\":\"user\",\"content\":[{\"text\":\"b\"}]},"
	        "{\"role\":\"user\",\"content\":[{\"text\":\"c\"},{\"text\":\" "
	        "\\n\"}]}]}",
	        bedrock, "us.meta.llama4",
	        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\".\"}]},"
	        "{\"role\":\"assistant\",\"content\":[{\"text\":\"a\"}]},"
	        "{\"role\":\"user\",\"content\":[{\"text\":\"b\"},{\"text\":\"c\"}]}]}",
	        "");
	FORM_CHECK(bedrock, "{\"messages\":[],\"system\":[{\"text\":\"s\"}]}", bedrock,
	           "us.meta.llama4",
	           "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\".\"}]}],"
	           "\"system\":[{\"text\":\"s\"}]}",
	           "");
	FORM_CHECK(
	        bedrock,
	        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"toolResult\":{"
	        "\"toolUseId\":\"a\",\"content\":[{\"text\":\"1\"}],\"status\":\"error\"}"
	        "},"
	        "{\"text\":\"x\"}]}],\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":"
	        "\"f\",\"inputSchema\":{\"json\":{\"type\":\"object\",\"properties\":{}}}"
	        "}}],\"toolChoice\":{\"any\":{}}}}",
	        bedrock, "us.meta.llama4",
	        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"toolResult\":{"
	        "\"toolUseId\":\"a\",\"content\":[{\"text\":\"1\"}],\"status\":\"error\"}"
	        "}]},"
	        "{\"role\":\"assistant\",\"content\":[{\"text\":\".\"}]},"
	        "{\"role\":\"user\",\"content\":[{\"text\":\"x\"}]}],\"toolConfig\":{"
	        "\"tools\":[{\"toolSpec\":{\"name\":\"f\",\"inputSchema\":{\"json\":{"
	        "\"type\":\"object\",\"properties\":{}}}}}"
	        "]}}",
	        "tool_choice");
}

TEST(bedrock_documents_have_names_of_their_own)
{
	FORM_CHECK(
	        bedrock,
	        "{\"messages\":[{\"role\":\"user\",\"content\":["
	        "{\"document\":{\"format\":\"pdf\",\"name\":\"My  "
	        "r\\u00e9port.v2.pdf\",\"source\":{\"bytes\":\"AA==\"}}},"
	        "{\"document\":{\"format\":\"pdf\",\"name\":\"My r-port-v2\",\"source\":{"
	        "\"bytes\":\"AA==\"}}},"
	        "{\"document\":{\"format\":\"txt\",\"source\":{\"text\":\"a\\nb\"}}}]}]}",
	        bedrock, "zai.glm",
	        "{\"messages\":[{\"role\":\"user\",\"content\":["
	        "{\"document\":{\"format\":\"pdf\",\"name\":\"My r-port-v2\",\"source\":{"
	        "\"bytes\":\"AA==\"}}},"
	        "{\"document\":{\"format\":\"pdf\",\"name\":\"My r-port-v2 "
	        "2\",\"source\":{"
	        "\"bytes\":\"AA==\"}}},"
	        "{\"document\":{\"format\":\"txt\",\"name\":\"Document 3\",\"source\":{"
	        "\"bytes\":\"YQpi\"}}},{\"text\":\".\"}]}]}",
	        "");
}

TEST(bedrock_finds_formats_of_media)
{
	CHECK_STR(
	        bedrock_media_format(CHAT_IMAGE, STR("image/PNG; x"), STR_NONE, STR_NONE),
	        "png");
	CHECK_STR(bedrock_media_format(CHAT_IMAGE, STR("image/jpg"), STR_NONE, STR_NONE),
	          "jpeg");
	CHECK_STR(bedrock_media_format(CHAT_IMAGE, STR_NONE, STR("R0lGODlh"), STR_NONE),
	          "gif");
	CHECK_STR(
	        bedrock_media_format(CHAT_IMAGE, STR("image/bmp"), STR("Qk0="), STR_NONE),
	        "");
	CHECK_STR(bedrock_media_format(CHAT_FILE, STR_NONE, STR("JVBERi0x"), STR_NONE),
	          "pdf");
	CHECK_STR(bedrock_media_format(CHAT_FILE, STR_NONE, STR("AAAA"), STR("a.b.XLSX")),
	          "xlsx");
	CHECK_STR(bedrock_media_format(CHAT_FILE, STR_NONE, STR("AAAA"), STR("pdf")), "");
}

/* ---- what families want ---- */

TEST(bedrock_top_k_is_said_by_family)
{
#define TOP_K "{" HI ",\"additionalModelRequestFields\":{\"top_k\":5}}"
	FORM_CHECK(bedrock, TOP_K, bedrock, CLAUDE,
	           "{" HI ",\"inferenceConfig\":{\"maxTokens\":32000},"
	           "\"additionalModelRequestFields\":{\"top_k\":5}}",
	           "");
	FORM_CHECK(bedrock, TOP_K, bedrock, "us.amazon.nova-micro-v1:0",
	           "{" HI
	           ",\"additionalModelRequestFields\":{\"inferenceConfig\":{\"topK\":"
	           "5}}}",
	           "");
	FORM_CHECK(bedrock, TOP_K, bedrock, "zai.glm", "{" HI "}",
	           "additionalModelRequestFields.top_k");
	FORM_CHECK(bedrock,
	           "{" HI
	           ",\"additionalModelRequestFields\":{\"inferenceConfig\":{\"topK\":"
	           "7}}}",
	           bedrock, CLAUDE,
	           "{" HI ",\"inferenceConfig\":{\"maxTokens\":32000},"
	           "\"additionalModelRequestFields\":{\"top_k\":7}}",
	           "");
}

/* What is written into additionalModelRequestFields for a level. */
static void check_thinking(str model, str said, str want, str dropped)
{
	struct buf body = BUF_LIMIT(KiB), whole = BUF_LIMIT(KiB);

	buf_addf(&body,
	         "{" HI ",\"inferenceConfig\":{\"maxTokens\":20000},"
	         "\"additionalModelRequestFields\":{%.*s}}",
	         STR_ARG(said));
	buf_addf(&whole, "{" HI ",\"inferenceConfig\":{\"maxTokens\":20000}%s%.*s%s}",
	         want.len ? ",\"additionalModelRequestFields\":{" : "", STR_ARG(want),
	         want.len ? "}" : "");
	form_check(__FILE__, __LINE__, bedrock, buf_str(&body), bedrock, model,
	           buf_str(&whole), dropped);
	buf_free(&body);
	buf_free(&whole);
}

TEST(bedrock_thinking_is_said_by_family)
{
	str high = STR("\"reasoning_effort\":\"high\"");
	str budget = STR("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":3000}");
	str large = STR("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":30000}");

	check_thinking(STR(CLAUDE), budget, budget, STR(""));
	check_thinking(STR(CLAUDE), large,
	               STR("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":10000}"),
	               STR(""));
	check_thinking(STR(CLAUDE), high,
	               STR("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":16384}"),
	               STR(""));
	check_thinking(STR("anthropic.claude-opus-4-6-v1"), high,
	               STR("\"thinking\":{\"type\":\"adaptive\"},\"output_config\":{"
	                   "\"effort\":\"high\"}"),
	               STR(""));
	check_thinking(STR("anthropic.claude-opus-4-6-v1"),
	               STR("\"reasoning_effort\":\"xhigh\""),
	               STR("\"thinking\":{\"type\":\"adaptive\"},\"output_config\":{"
	                   "\"effort\":\"max\"}"),
	               STR(""));
	check_thinking(
	        STR("anthropic.claude-opus-4-7"),
	        STR("\"output_config\":{\"effort\":\"xhigh\"},\"thinking\":{\"type\":"
	            "\"adaptive\",\"display\":\"summarized\"}"),
	        STR("\"thinking\":{\"type\":\"adaptive\",\"display\":\"summarized\"},"
	            "\"output_config\":{\"effort\":\"xhigh\"}"),
	        STR(""));
	check_thinking(STR("openai.gpt-oss-120b-1:0"), budget,
	               STR("\"reasoning_effort\":\"low\""), STR(""));
	check_thinking(STR("openai.gpt-oss-120b-1:0"), high, high, STR(""));
	check_thinking(STR("qwen.qwen3-32b-v1:0"), high,
	               STR("\"reasoning_config\":\"high\""), STR(""));
	check_thinking(STR("us.amazon.nova-2-lite-v1:0"),
	               STR("\"reasoning_effort\":\"minimal\""),
	               STR("\"reasoningConfig\":{\"type\":\"enabled\","
	                   "\"maxReasoningEffort\":\"low\"}"),
	               STR(""));
	check_thinking(STR("us.deepseek.r1-v1:0"), high, STR(""),
	               STR("additionalModelRequestFields.thinking"));
	check_thinking(STR("anthropic.claude-3-5-sonnet"), budget, STR(""),
	               STR("additionalModelRequestFields.thinking"));
	check_thinking(STR(CLAUDE), STR("\"thinking\":{\"type\":\"disabled\"}"), STR(""),
	               STR(""));
}

TEST(bedrock_budgets_forbid_a_few_things)
{
#define THINK                                                                            \
	"\"additionalModelRequestFields\":{\"top_k\":3,\"thinking\":{\"type\":"          \
	"\"enabled\",\"budget_tokens\":2000}}"
#define LOST "additionalModelRequestFields.thinking"
	FORM_CHECK(bedrock,
	           "{" HI ",\"inferenceConfig\":{\"maxTokens\":9000,\"temperature\":0.2,"
	           "\"topP\":0.9}," THINK "}",
	           bedrock, CLAUDE,
	           "{" HI ",\"inferenceConfig\":{\"maxTokens\":9000,\"topP\":0.9},"
	           "\"additionalModelRequestFields\":{\"thinking\":{\"type\":\"enabled\","
	           "\"budget_tokens\":2000}}}",
	           "inferenceConfig.temperature,additionalModelRequestFields.top_k");
	FORM_CHECK(bedrock, "{" HI ",\"inferenceConfig\":{\"maxTokens\":1000}," THINK "}",
	           bedrock, CLAUDE,
	           "{" HI ",\"inferenceConfig\":{\"maxTokens\":1000},"
	           "\"additionalModelRequestFields\":{\"top_k\":3}}",
	           LOST);
	/* A tool loop without the thinking that began it. */
	FORM_CHECK(
	        bedrock,
	        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"q\"}]},"
	        "{\"role\":\"assistant\",\"content\":[{\"reasoningContent\":{"
	        "\"reasoningText\":{\"text\":\"hm\"}}},{\"toolUse\":{\"toolUseId\":\"a\","
	        "\"name\":\"f\",\"input\":{}}}]},{\"role\":\"user\",\"content\":[{"
	        "\"toolResult\":{\"toolUseId\":\"a\",\"content\":[{\"text\":\"1\"}]}}]}],"
	        "\"inferenceConfig\":{\"maxTokens\":9000},\"toolConfig\":{\"tools\":[{"
	        "\"toolSpec\":{\"name\":\"f\",\"inputSchema\":{\"json\":{\"type\":"
	        "\"object\",\"properties\":{}}}}}]}," THINK "}",
	        bedrock, CLAUDE,
	        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"q\"}]},"
	        "{\"role\":\"assistant\",\"content\":[{\"toolUse\":{\"toolUseId\":\"a\","
	        "\"name\":\"f\",\"input\":{}}}]},{\"role\":\"user\",\"content\":[{"
	        "\"toolResult\":{\"toolUseId\":\"a\",\"content\":[{\"text\":\"1\"}]}}]}],"
	        "\"inferenceConfig\":{\"maxTokens\":9000},\"toolConfig\":{\"tools\":[{"
	        "\"toolSpec\":{\"name\":\"f\",\"inputSchema\":{\"json\":{\"type\":"
	        "\"object\",\"properties\":{}}}}}]},"
	        "\"additionalModelRequestFields\":{\"top_k\":3}}",
	        LOST ",reasoning");
	FORM_CHECK(bedrock,
	           "{" HI ",\"inferenceConfig\":{\"maxTokens\":9,\"temperature\":"
	           "0.2,\"topP\":0.9}}",
	           bedrock, "anthropic.claude-opus-4-8",
	           "{" HI ",\"inferenceConfig\":{\"maxTokens\":9}}",
	           "inferenceConfig.temperature,inferenceConfig.topP");
}

TEST(bedrock_marks_for_the_cache)
{
#define POINT "{\"cachePoint\":{\"type\":\"default\"}}"
	/* Of six marks the oldest in the messages go; none stands behind a document. */
	FORM_CHECK(
	        bedrock,
	        "{\"system\":[{\"text\":\"s\"}," POINT "],\"messages\":[{\"role\":"
	        "\"user\",\"content\":[{\"text\":\"1\"}," POINT ",{\"text\":\"2\"}," POINT
	        ",{\"text\":\"3\"}," POINT ",{\"text\":\"4\"}," POINT
	        ",{\"text\":\"5\"},{\"document\":{\"format\":\"md\",\"name\":\"d\","
	        "\"source\":{\"bytes\":\"AA==\"}}}," POINT "]}]}",
	        bedrock, "us.amazon.nova-pro-v1:0",
	        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"1\"},"
	        "{\"text\":\"2\"},{\"text\":\"3\"}," POINT ",{\"text\":\"4\"}," POINT
	        ",{\"text\":\"5\"}," POINT ",{\"document\":{\"format\":\"md\",\"name\":"
	        "\"d\",\"source\":{\"bytes\":\"AA==\"}}}]}],\"system\":[{\"text\":\"s\"}"
	        "," POINT "]}",
	        "");
	FORM_CHECK(
	        bedrock,
	        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"1\"}," POINT
	        "]}]}",
	        bedrock, "zai.glm",
	        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"1\"}]}]}",
	        "");
}

/* ---- what other formats say and Bedrock does not ---- */

static struct chat_part *add_text(struct form *f, enum chat_role role, const char *text)
{
	struct chat_message *m = chat_add_message(&f->r, role);

	return chat_add_text(&f->r, m, str_from_z(text));
}

static void form_new(struct form *f)
{
	CHECK_OK(form_read(f, bedrock, STR("{\"messages\":[]}")));
	f->r.from = WIRE_ANTHROPIC;
}

TEST(bedrock_system_in_the_middle_is_said_in_the_users_turn)
{
	struct form f;

	form_new(&f);
	add_text(&f, CHAT_SYSTEM, "first");
	add_text(&f, CHAT_USER, "q");
	add_text(&f, CHAT_SYSTEM, "late");
	add_text(&f, CHAT_ASSISTANT, "a");
	CHECK_OK(form_write(&f, bedrock, STR("zai.glm")));
	CHECK_STR(buf_str(&f.body),
	          "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"q\"},"
	          "{\"text\":\"<system>late</system>\"}]},{\"role\":\"assistant\","
	          "\"content\":[{\"text\":\"a\"}]}],\"system\":[{\"text\":\"first\"}]}");
	form_done(&f);
}

TEST(bedrock_seals_of_anthropic_fit_and_no_others)
{
	struct form f;
	struct chat_message *m;
	struct chat_part *p;

	form_new(&f);
	add_text(&f, CHAT_USER, "q");
	m = chat_add_message(&f.r, CHAT_ASSISTANT);
	p = chat_add_part(&f.r, m, CHAT_REASONING);
	p->text = STR("mine");
	p->seal = (struct chat_seal){ .origin = WIRE_ANTHROPIC, .blob = STR("c2ln") };
	p = chat_add_part(&f.r, m, CHAT_REASONING);
	p->text = STR("other");
	p->seal = (struct chat_seal){ .origin = WIRE_GEMINI, .blob = STR("Z2Vt") };
	p = chat_add_part(&f.r, m, CHAT_REASONING);
	p->seal = (struct chat_seal){ .origin = WIRE_ANTHROPIC,
		                      .redacted = true,
		                      .blob = STR("cmVk") };
	chat_add_part(&f.r, m, CHAT_REFUSAL)->text = STR("no");
	CHECK_OK(form_write(&f, bedrock, STR("zai.glm")));
	CHECK_STR(buf_str(&f.body),
	          "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"q\"}]},"
	          "{\"role\":\"assistant\",\"content\":[{\"reasoningContent\":{"
	          "\"reasoningText\":{\"text\":\"mine\",\"signature\":\"c2ln\"}}},"
	          "{\"reasoningContent\":{\"redactedContent\":\"cmVk\"}},"
	          "{\"text\":\"no\"}]}]}");
	CHECK_STR(buf_str(&f.dropped), "reasoning");
	form_done(&f);
}

TEST(bedrock_takes_bytes_only)
{
	struct form f;
	struct chat_part *p;

	form_new(&f);
	p = chat_add_part(&f.r, chat_add_message(&f.r, CHAT_USER), CHAT_IMAGE);
	p->source = SOURCE_URL;
	p->data = STR("https://example.com/a.png");
	CHECK_FAULT(form_write(&f, bedrock, STR("zai.glm")), FAULT_NOT_OFFERED);
	CHECK(str_has(f.detail, STR("png, jpeg, gif and webp")));
	/* The table says so before. */
	chat_mark(&f.r, CONCEPT_IMAGE_URL);
	CHECK_FAULT(form_write(&f, bedrock, STR("zai.glm")), FAULT_NOT_OFFERED);
	form_done(&f);
	form_new(&f);
	p = chat_add_part(&f.r, chat_add_message(&f.r, CHAT_USER), CHAT_IMAGE);
	p->source = SOURCE_BASE64;
	p->media_type = STR("image/tiff");
	p->data = STR("SUkq");
	CHECK_FAULT(form_write(&f, bedrock, STR("zai.glm")), FAULT_NOT_OFFERED);
	p->media_type = STR("image/png");
	p->source = SOURCE_ID; /* of a file at another vendor */
	CHECK_FAULT(form_write(&f, bedrock, STR("zai.glm")), FAULT_NOT_OFFERED);
	form_done(&f);
}

TEST(bedrock_none_takes_the_tools_away_unless_the_history_has_some)
{
	struct form f;
	str body = STR("{" HI ",\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"f\","
	               "\"inputSchema\":{\"json\":{\"type\":\"object\",\"properties\":{}}"
	               "}}},{\"toolSpec\":{\"name\":\"g\","
	               "\"inputSchema\":{\"json\":{\"type\":\"object\",\"properties\":{}}"
	               "}}}]}}");

	CHECK_OK(form_read(&f, bedrock, body));
	f.r.choose = CHOOSE_NONE;
	CHECK_OK(form_write(&f, bedrock, STR("zai.glm")));
	CHECK_STR(buf_str(&f.body), "{" HI "}");
	struct chat_message *m = chat_add_message(&f.r, CHAT_ASSISTANT);
	struct chat_part *p = chat_add_part(&f.r, m, CHAT_CALL);
	p->id = p->name = STR("f");
	CHECK_OK(form_write(&f, bedrock, STR("zai.glm")));
	CHECK(str_has(buf_str(&f.body), STR("\"toolConfig\":{\"tools\":[{")));
	CHECK(!str_has(buf_str(&f.body), STR("toolChoice")));
	CHECK_STR(buf_str(&f.dropped), "tool_choice");
	form_done(&f);
	/* One tool, where a family cannot be told: the others are not shown. */
	CHECK_OK(form_read(&f, bedrock, body));
	f.r.choose = CHOOSE_ONE;
	f.r.choose_name = STR("g");
	CHECK_OK(form_write(&f, bedrock, STR("mistral.large")));
	CHECK_STR(buf_str(&f.body),
	          "{" HI ",\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"g\","
	          "\"inputSchema\":{\"json\":{\"type\":\"object\",\"properties\":{}}}}}],"
	          "\"toolChoice\":{\"any\":{}}}}");
	form_done(&f);
}

TEST(bedrock_seals_come_back_from_clients)
{
	struct form f;

	/* base64 of "sluice1.anthropic-redacted.QUJD" */
	CHECK_OK(form_read(&f, bedrock,
	                   STR("{\"messages\":[{\"role\":\"assistant\",\"content\":["
	                       "{\"reasoningContent\":{\"redactedContent\":"
	                       "\"c2x1aWNlMS5hbnRocm9waWMtcmVkYWN0ZWQuUVVKRA==\"}},"
	                       "{\"reasoningContent\":{\"reasoningText\":{\"text\":\"t\","
	                       "\"signature\":\"sluice1.gemini.Zm9v\"}}}]}]}")));
	CHECK_INT(f.r.messages->parts->seal.origin, WIRE_ANTHROPIC);
	CHECK(f.r.messages->parts->seal.redacted);
	CHECK_STR(f.r.messages->parts->seal.blob, "QUJD");
	CHECK_INT(f.r.messages->parts->next->seal.origin, WIRE_GEMINI);
	CHECK_STR(f.r.messages->parts->next->seal.blob, "Zm9v");
	form_done(&f);
}

TEST(bedrock_what_only_it_has_does_not_leave)
{
	struct form f;

	CHECK_OK(form_read(&f, bedrock,
	                   STR("{" HI ",\"guardrailConfig\":{\"guardrailIdentifier\":"
	                       "\"g\"}}")));
	CHECK_FAULT(chat_cross(&f.r, WIRE_ANTHROPIC, &f.detail), FAULT_NOT_OFFERED);
	form_done(&f);
	CHECK_OK(form_read(&f, bedrock, STR("{" HI ",\"promptVariables\":{\"a\":{}}}")));
	CHECK_FAULT(chat_cross(&f.r, WIRE_ANTHROPIC, &f.detail), FAULT_NOT_OFFERED);
	form_done(&f);
	CHECK_OK(
	        form_read(&f, bedrock,
	                  STR("{\"messages\":[{\"role\":\"user\",\"content\":[{\"image\":"
	                      "{\"format\":\"png\",\"source\":{\"s3Location\":{\"uri\":"
	                      "\"s3://a/b\"}}}}]}]}")));
	CHECK_OK(form_write(&f, bedrock, STR("zai.glm")));
	CHECK(str_has(buf_str(&f.body), STR("{\"s3Location\":{\"uri\":\"s3://a/b\"}}")));
	CHECK_FAULT(chat_cross(&f.r, WIRE_ANTHROPIC, &f.detail), FAULT_NOT_OFFERED);
	form_done(&f);
}
