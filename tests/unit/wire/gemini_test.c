/* The gemini format's requests: what is read, what is written, what is refused. */
#include "tests/check.h"
#include "wire/gemini.h"

#include <stdio.h>

static struct arena keep = { .ceiling = 8 * MiB };
static struct buf out = { .limit = MiB };
static str detail;

/* The request in memory that lives until the next one is read. */
static struct chat_request *read_request(str body, fault_t want)
{
	static struct chat_request r;

	arena_done(&keep);
	r = (struct chat_request){ .keep = &keep, .from = WIRE_GEMINI };
	detail = STR_NONE;
	CHECK_FAULT(wire_gemini.read_request(body, &r, &detail), want);
	return &r;
}

static str write_for(struct chat_request *r, str model)
{
	struct chat_target t = { .model = model, .provider = STR("google") };

	buf_clear(&out);
	detail = STR_NONE;
	CHECK_OK(wire_gemini.write_request(r, &t, &out, &detail));
	return buf_str(&out);
}

/* Read, written, read and written again: the two texts are one. */
static void check_round(str body, str model, const char *want)
{
	struct buf first = BUF_LIMIT(MiB);
	struct chat_request *r = read_request(body, NULL);

	buf_set(&first, write_for(r, model));
	check_str(__FILE__, __LINE__, "written", buf_str(&first), str_from_z(want));
	r = read_request(buf_str(&first), NULL);
	CHECK_STR_EQ(write_for(r, model), buf_str(&first));
	buf_free(&first);
	buf_free(&out);
	arena_done(&keep);
}

static void check_patch(const char *model, const char *body, const char *want)
{
	struct buf made = BUF_LIMIT(4 * KiB);
	bool is_changed =
	        wire_gemini.patch(OP_CHAT, str_from_z(body), str_from_z(model), &made);

	CHECK_INT(is_changed, want[0] != 0);
	CHECK_STR_EQ(buf_str(&made), str_from_z(want));
	buf_free(&made);
}

#define UNSIGNED "\"" GEMINI_UNSIGNED "\""
#define CONTENTS(parts)                                                                  \
	"{\"contents\":[{\"role\":\"user\",\"parts\":[{\"functionCall\":{}}]},"          \
	"{\"role\":\"model\",\"parts\":[" parts "]}],\"x\":1e0}"

TEST(gemini_3_gets_calls_that_others_made_as_such)
{
	static const char unsigned_body[] =
	        CONTENTS("{\"text\":\"a\"},{ \"functionCall\":{}},{\"functionCall\":{}}");

	check_patch("gemini-3-pro-preview", unsigned_body,
	            CONTENTS("{\"text\":\"a\"},{\"thoughtSignature\":" UNSIGNED
	                     ", \"functionCall\":{}},{\"functionCall\":{}}"));
	check_patch("gemini-2.5-pro", unsigned_body, "");
	check_patch(
	        "gemini-3-pro-preview",
	        CONTENTS("{\"function_call\":{},\"thought_signature\":\"\"}"),
	        CONTENTS("{\"function_call\":{},\"thought_signature\":" UNSIGNED "}"));
	check_patch("gemini-3-pro-preview",
	            CONTENTS("{\"functionCall\":{},\"thoughtSignature\":\"QUJD\"},"
	                     "{\"functionCall\":{}}"),
	            "");
	check_patch("gemini-3-pro-preview", CONTENTS("{\"text\":\"functionCall\"}"), "");
	check_patch("gemini-3-pro-preview",
	            "{\"contents\":{\"role\":\"model\",\"parts\":{\"functionCall\":{}}}}",
	            "{\"contents\":{\"role\":\"model\",\"parts\":{"
	            "\"thoughtSignature\":" UNSIGNED ",\"functionCall\":{}}}}");
}
#undef CONTENTS
#undef UNSIGNED

TEST(gemini_skim)
{
	struct skimmed s;

	CHECK_OK(wire_gemini.skim(STR("{\"contents\":[],\"generation_config\":{\"max_"
	                              "output_tokens\":9,\"candidateCount\":2}}"),
	                          OP_CHAT, &keep, &s, &detail));
	CHECK_INT(s.max_tokens, 9);
	CHECK_INT(s.choices, 2);
	CHECK_INT(s.model_len, 0);
	static const struct {
		str body;
		fault_t want;
	} rows[] = {
		{ STR_INIT("[]"), FAULT_BAD_JSON },
		{ STR_INIT("{\"generationConfig\":1}"), FAULT_BAD_REQUEST },
		{ STR_INIT("{\"generationConfig\":{\"maxOutputTokens\":-1}}"),
		  FAULT_BAD_REQUEST },
		{ STR_INIT("{\"generationConfig\":{\"maxOutputTokens\":1,"
		           "\"max_output_tokens\":2}}"),
		  FAULT_JSON_DUPLICATE },
		{ STR_INIT("{\"generationConfig\":{},\"generation_config\":{}}"),
		  FAULT_JSON_DUPLICATE },
		{ STR_INIT("{\"contents\":[],\"contents\":[]}"), FAULT_JSON_DUPLICATE },
	};
	for (size_t i = 0; i < countof(rows); i++) {
		if (!CHECK_FAULT(
		            wire_gemini.skim(rows[i].body, OP_CHAT, &keep, &s, &detail),
		            rows[i].want))
			printf("in %.*s\n", STR_ARG(rows[i].body));
	}
	arena_done(&keep);
}

TEST(gemini_paths)
{
	struct buf b = BUF_LIMIT(KiB);

	wire_gemini.write_path(OP_CHAT, STR("gemini-3-pro"), false, &b);
	CHECK_STR(buf_str(&b), "/models/gemini-3-pro:generateContent");
	buf_clear(&b);
	wire_gemini.write_path(OP_CHAT, STR("models/a/b"), true, &b);
	CHECK_STR(buf_str(&b), "/models/a%2Fb:streamGenerateContent?alt=sse");
	buf_free(&b);
}

TEST(gemini_faults)
{
	struct buf b = BUF_LIMIT(KiB);

	wire_gemini.write_fault(&b, FAULT_BAD_REQUEST, STR("no \"x\""), STR("x"));
	CHECK_STR(
	        buf_str(&b),
	        "{\"error\":{\"code\":400,\"message\":\"no \\\"x\\\"\",\"status\":"
	        "\"INVALID_ARGUMENT\",\"details\":[{\"@type\":\"type.googleapis.com/"
	        "google.rpc.ErrorInfo\",\"reason\":\"invalid_value\",\"domain\":"
	        "\"sluice\"},{\"@type\":\"type.googleapis.com/google.rpc.BadRequest\","
	        "\"fieldViolations\":[{\"field\":\"x\",\"description\":\"no \\\"x\\\"\"}"
	        "]}]}}\n");
	static const struct {
		fault_t why;
		str status;
	} rows[] = {
		{ FAULT_BAD_KEY, STR_INIT("UNAUTHENTICATED") },
		{ FAULT_NO_SUCH_MODEL, STR_INIT("NOT_FOUND") },
		{ FAULT_UPSTREAM_LIMITED, STR_INIT("RESOURCE_EXHAUSTED") },
		{ FAULT_UPSTREAM_BUSY, STR_INIT("UNAVAILABLE") },
		{ FAULT_CONNECT_FAILED, STR_INIT("INTERNAL") },
		{ FAULT_TOTAL_TIMEOUT, STR_INIT("DEADLINE_EXCEEDED") },
		{ FAULT_HTTP_BODY_LARGE, STR_INIT("INVALID_ARGUMENT") },
		{ FAULT_INTERNAL, STR_INIT("INTERNAL") },
	};
	for (size_t i = 0; i < countof(rows); i++) {
		buf_clear(&b);
		wire_gemini.write_stream_fault(&b, rows[i].why, STR_NONE);
		CHECK(str_starts(buf_str(&b), STR("data: {\"error\":{\"code\":")));
		CHECK(str_has(buf_str(&b), rows[i].status));
	}
	buf_free(&b);
	CHECK_STR(wire_gemini.error_message(STR("[{\"error\":{\"message\":\"busy\"}}]")),
	          "busy");
}

TEST(gemini_reads_both_spellings)
{
	struct chat_request *r = read_request(
	        STR("{\"system_instruction\":{\"parts\":{\"text\":\"Be short.\"}},"
	            "\"contents\":{\"role\":\"user\",\"parts\":[{\"text\":\"Look\"},"
	            "{\"inline_data\":{\"mime_type\":\"image/png\",\"data\":\"_-8\"}},"
	            "{\"fileData\":{\"fileUri\":\"https://x.test/a.pdf\",\"mimeType\":"
	            "\"application/pdf\"}}]},\"generation_config\":{\"top_k\":4,"
	            "\"stop_sequences\":[\"END\"],\"max_output_tokens\":7,"
	            "\"candidate_count\":2,\"surprise\":1},\"odd\":true}"),
	        NULL);
	struct chat_message *m = r->messages;

	CHECK_INT(m->role, CHAT_SYSTEM);
	CHECK_STR(m->parts->text, "Be short.");
	struct chat_part *p = m->next->parts->next;
	CHECK_INT(p->kind, CHAT_IMAGE);
	CHECK_STR(p->data, "/+8=");
	CHECK_STR(p->media_type, "image/png");
	CHECK_INT(p->next->kind, CHAT_FILE);
	CHECK_INT(p->next->source, SOURCE_URL);
	CHECK(chat_is_marked(r, CONCEPT_IMAGE_INLINE));
	CHECK(chat_is_marked(r, CONCEPT_FILE_URL));
	CHECK_STR(r->options[CONCEPT_TOP_K].raw, "4");
	CHECK_STR(r->options[CONCEPT_CHOICES].raw, "2");
	CHECK_STR(r->stops[0], "END");
	CHECK_INT(r->max_tokens, 7);
	CHECK_INT(r->dropped_count, 2);
	CHECK_STR(r->dropped[0], "odd");
	CHECK_STR(r->dropped[1], "generationConfig.surprise");
	read_request(STR("{\"contents\":[],\"toolConfig\":{},\"tool_config\":{}}"),
	             FAULT_JSON_DUPLICATE);
	read_request(STR("{}"), FAULT_BAD_REQUEST);
	read_request(STR("{\"contents\":[{\"role\":\"user\",\"parts\":[{\"functionCall\":"
	                 "{\"name\":\"f\"}}]}]}"),
	             FAULT_BAD_REQUEST);
	read_request(STR("{\"contents\":[],\"generationConfig\":{\"responseMimeType\":"
	                 "\"text/x.enum\"}}"),
	             FAULT_NOT_OFFERED);
	arena_done(&keep);
}

TEST(gemini_calls_without_ids_find_their_results)
{
	struct chat_request *r = read_request(
	        STR("{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"go\"}]},"
	            "{\"role\":\"model\",\"parts\":["
	            "{\"functionCall\":{\"name\":\"a\",\"args\":{\"n\":1}}},"
	            "{\"functionCall\":{\"name\":\"b\"}},"
	            "{\"functionCall\":{\"name\":\"a\",\"args\":{\"n\":2}}}]},"
	            "{\"parts\":[{\"text\":\"and now\"},"
	            "{\"functionResponse\":{\"name\":\"a\",\"response\":{\"output\":"
	            "\"first\"}}},"
	            "{\"functionResponse\":{\"name\":\"a\",\"response\":{\"error\":"
	            "\"no\"}}},"
	            "{\"functionResponse\":{\"name\":\"b\",\"response\":{\"x\":1}}}]}]}"),
	        NULL);
	struct chat_part *call = r->messages->next->parts;
	struct chat_message *results = r->messages->next->next;
	struct chat_part *p = results->parts;

	CHECK_INT(results->role, CHAT_TOOL);
	CHECK_STR_EQ(p->id, call->id);
	CHECK_STR(p->parts->text, "first");
	CHECK(!p->is_error);
	CHECK_STR_EQ(p->next->id, call->next->next->id);
	CHECK(p->next->is_error);
	CHECK_STR_EQ(p->next->next->id, call->next->id);
	CHECK_STR(p->next->next->parts->text, "{\\\"x\\\":1}");
	CHECK_INT(results->next->role, CHAT_USER);
	CHECK_STR(results->next->parts->text, "and now");
	arena_done(&keep);
}

TEST(gemini_results_of_no_call_cross_nowhere)
{
	struct chat_request *r = read_request(
	        STR("{\"contents\":[{\"parts\":[{\"text\":\"and now\"},"
	            "{\"functionResponse\":{\"name\":\"a\",\"response\":{}}}]}]}"),
	        NULL);

	r->from = WIRE_GEMINI;
	CHECK_OK(chat_cross(r, WIRE_GEMINI, &detail));
	CHECK_FAULT(chat_cross(r, WIRE_ANTHROPIC, &detail), FAULT_NOT_OFFERED);
	CHECK(str_has(detail, STR("functionResponse")));
	arena_done(&keep);
}

TEST(gemini_signatures_stand_before_their_parts)
{
	struct chat_request *r = read_request(
	        STR("{\"contents\":[{\"role\":\"model\",\"parts\":["
	            "{\"text\":\"hm\",\"thought\":true},"
	            "{\"text\":\" so\",\"thought\":true,\"thoughtSignature\":\"AAA=\"},"
	            "{\"functionCall\":{\"name\":\"f\",\"id\":\"i\"},"
	            "\"thoughtSignature\":"
	            "\"BBB=\"},{\"text\":\"\",\"thoughtSignature\":\"CCC=\"}]}]}"),
	        NULL);
	struct chat_part *p = r->messages->parts;

	CHECK_INT(p->kind, CHAT_REASONING);
	CHECK_STR(p->text, "hm so");
	CHECK_STR(p->seal.blob, "AAA=");
	CHECK_INT(p->seal.origin, WIRE_GEMINI);
	p = p->next;
	CHECK_INT(p->kind, CHAT_REASONING);
	CHECK_INT(p->text.len, 0);
	CHECK_STR(p->seal.blob, "BBB=");
	CHECK_INT(p->next->kind, CHAT_CALL);
	CHECK_STR(p->next->next->seal.blob, "CCC=");
	CHECK(!p->next->next->next);
	arena_done(&keep);
}

TEST(gemini_shows_foreign_seals_as_base64)
{
	struct chat_seal s = { .origin = WIRE_ANTHROPIC, .blob = STR("Ab+/==") };
	struct chat_request r = { .keep = &keep, .from = WIRE_GEMINI };
	jstr shown = gemini_seal_show(&keep, &s);

	CHECK(str_starts(shown, STR("c2x1aWNlMS")));
	CHECK(str_find_any(shown, STR("._")) == shown.len);
	struct chat_seal back = gemini_seal_read(&r, shown);
	CHECK_INT(back.origin, WIRE_ANTHROPIC);
	CHECK_STR_EQ(back.blob, s.blob);
	/* sluice1."," with what must not stand between quotes */
	back = gemini_seal_read(&r, STR("c2x1aWNlMS5hIixiIjo="));
	CHECK_INT(back.origin, WIRE_NONE);
	s.origin = WIRE_GEMINI;
	CHECK_STR(gemini_seal_show(&keep, &s), "Ab+/==");
	arena_done(&keep);
}

TEST(gemini_reads_options)
{
	struct chat_request *r = read_request(
	        STR("{\"contents\":[],\"serviceTier\":\"standard\",\"generationConfig\":{"
	            "\"responseMimeType\":\"application/json\",\"responseSchema\":{"
	            "\"type\":\"OBJECT\",\"title\":\"city\",\"properties\":{\"n\":{"
	            "\"type\":\"INTEGER\",\"nullable\":true,\"minimum\":0},\"l\":{"
	            "\"type\":\"ARRAY\",\"min_items\":\"1\",\"items\":{\"type\":"
	            "\"STRING\",\"format\":\"enum\",\"enum\":[\"a\"]}}},"
	            "\"propertyOrdering\":[\"n\"]},\"responseLogprobs\":true,"
	            "\"logprobs\":3,\"thinkingConfig\":{\"include_thoughts\":true,"
	            "\"thinkingBudget\":2000}}}"),
	        NULL);

	CHECK_INT(r->form, FORM_SCHEMA);
	CHECK_STR(r->schema_name, "city");
	CHECK_STR(r->schema.raw,
	          "{\"type\":\"object\",\"title\":\"city\",\"properties\":{\"n\":{"
	          "\"type\":["
	          "\"integer\",\"null\"],\"minimum\":0},\"l\":{\"type\":\"array\","
	          "\"minItems\":1,\"items\":{\"type\":\"string\",\"enum\":[\"a\"]}}}}");
	CHECK_INT(r->budget, 2000);
	CHECK_INT(r->show_reasoning, TRI_YES);
	CHECK_INT(r->options[CONCEPT_LOGPROBS].type, JSON_TRUE);
	CHECK_STR(r->options[CONCEPT_TOP_LOGPROBS].raw, "3");
	CHECK_STR(r->options[CONCEPT_SERVICE_TIER].raw, "\"default\"");
	r = read_request(STR("{\"contents\":[],\"generationConfig\":{\"thinkingConfig\":{"
	                     "\"thinkingLevel\":\"low\"}}}"),
	                 NULL);
	CHECK_INT(r->effort, EFFORT_LOW);
	arena_done(&keep);
}

TEST(gemini_reads_tools)
{
	struct chat_request *r = read_request(
	        STR("{\"contents\":[],\"tools\":[{\"functionDeclarations\":[{\"name\":"
	            "\"f\",\"description\":\"d\",\"parameters\":{\"type\":\"OBJECT\"}},"
	            "{\"name\":\"g\",\"parametersJsonSchema\":{\"type\":\"object\"}}],"
	            "\"googleSearch\":{}},{\"codeExecution\":{}},{\"fileSearch\":{}}],"
	            "\"toolConfig\":{\"functionCallingConfig\":{\"mode\":\"ANY\","
	            "\"allowedFunctionNames\":[\"f\"]}}}"),
	        NULL);
	struct chat_tool *t = r->tools;

	CHECK_STR(t->name, "f");
	CHECK_STR(t->schema.raw, "{\"type\":\"object\"}");
	CHECK_STR(t->next->schema.raw, "{\"type\":\"object\"}");
	CHECK_INT(t->next->next->kind, TOOL_WEB_SEARCH);
	CHECK_STR(t->next->next->raw.raw, "{\"googleSearch\":{}}");
	CHECK_INT(t->next->next->next->kind, TOOL_CODE);
	CHECK_INT(t->next->next->next->next->kind, TOOL_HOSTED);
	CHECK(chat_is_marked(r, CONCEPT_HOSTED_TOOL));
	CHECK_INT(r->choose, CHOOSE_ONE);
	CHECK_STR(r->choose_name, "f");
	arena_done(&keep);
}

TEST(gemini_reads_count_tokens)
{
	struct chat_request r = { .keep = &keep, .from = WIRE_GEMINI };

	CHECK_OK(gemini_read_count(
	        STR("{\"generateContentRequest\":{\"model\":\"models/g\",\"contents\":[{"
	            "\"parts\":[{\"text\":\"a fox\"}]}]}}"),
	        &r, &detail));
	CHECK_STR(r.messages->parts->text, "a fox");
	r = (struct chat_request){ .keep = &keep, .from = WIRE_GEMINI };
	CHECK_OK(gemini_read_count(STR("{\"contents\":[{\"parts\":[{\"text\":\"b\"}]}]}"),
	                           &r, &detail));
	CHECK_STR(r.messages->parts->text, "b");
	arena_done(&keep);
}

TEST(gemini_round_trips)
{
	check_round(STR("{\"contents\":[{\"parts\":[{\"text\":\"hi\"}]}]}"),
	            STR("gemini-3-x"),
	            "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
	            "\"generationConfig\":{}}");
	check_round(
	        STR("{\"systemInstruction\":{\"parts\":[{\"text\":\"S\"}]},\"contents\":["
	            "{\"role\":\"user\",\"parts\":[{\"text\":\"q\"}]},"
	            "{\"role\":\"model\",\"parts\":[{\"text\":\"t\",\"thought\":true,"
	            "\"thoughtSignature\":\"QQ==\"},{\"functionCall\":{\"id\":\"1\","
	            "\"name\":"
	            "\"f\",\"args\":{\"a\":[1]}},\"thoughtSignature\":\"Qg==\"},"
	            "{\"functionCall\":{\"id\":\"2\",\"name\":\"g\"}}]},"
	            "{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"id\":\"2\","
	            "\"name\":\"g\",\"response\":{\"output\":\"x\"},\"parts\":[{"
	            "\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"iVBO\"}}]}},"
	            "{\"functionResponse\":{\"id\":\"1\",\"name\":\"f\",\"response\":{"
	            "\"error\":\"bad\"}}}]}],\"safetySettings\":[{}],"
	            "\"generationConfig\":{"
	            "\"temperature\":1.5,\"responseModalities\":[\"TEXT\",\"IMAGE\"]}}"),
	        STR("gemini-3-flash"),
	        "{\"systemInstruction\":{\"parts\":[{\"text\":\"S\"}]},\"contents\":["
	        "{\"role\":\"user\",\"parts\":[{\"text\":\"q\"}]},"
	        "{\"role\":\"model\",\"parts\":[{\"text\":\"t\",\"thought\":true,"
	        "\"thoughtSignature\":\"QQ==\"},{\"functionCall\":{\"id\":\"1\",\"name\":"
	        "\"f\",\"args\":{\"a\":[1]}},\"thoughtSignature\":\"Qg==\"},"
	        "{\"functionCall\":{\"id\":\"2\",\"name\":\"g\",\"args\":{}}}]},"
	        "{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"id\":\"1\","
	        "\"name\":"
	        "\"f\",\"response\":{\"error\":\"bad\"}}},{\"functionResponse\":{\"id\":"
	        "\"2\",\"name\":\"g\",\"response\":{\"output\":\"x\"},\"parts\":[{"
	        "\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"iVBO\"}}]}}]}],"
	        "\"safetySettings\":[{}],\"generationConfig\":{\"temperature\":1.5,"
	        "\"responseModalities\":[\"TEXT\",\"IMAGE\"]}}");
	/* server tools beside functions, executed code in the history */
	check_round(
	        STR("{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"q\"}]},"
	            "{\"role\":\"model\",\"parts\":[{\"executableCode\":{\"code\":\"1\"},"
	            "\"thoughtSignature\":\"QQ==\"},{\"codeExecutionResult\":{\"output\":"
	            "\"1\"}}]}],\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\"}]},"
	            "{\"googleSearch\":{}}],\"toolConfig\":{\"functionCallingConfig\":{"
	            "\"mode\":\"VALIDATED\"}}}"),
	        STR("gemini-3-flash"),
	        "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"q\"}]},{"
	        "\"role\":"
	        "\"model\",\"parts\":[{\"executableCode\":{\"code\":\"1\"},"
	        "\"thoughtSignature\":\"QQ==\"},{\"codeExecutionResult\":{\"output\":"
	        "\"1\"}}"
	        "]}],\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\"}]},{"
	        "\"googleSearch\":{}}],\"toolConfig\":{\"functionCallingConfig\":{"
	        "\"mode\":"
	        "\"VALIDATED\"},\"includeServerSideToolInvocations\":true},"
	        "\"generationConfig\":{}}");
}

/* ---- written from another format's request ---- */

static struct chat_request other;

static void begin_other(void)
{
	arena_done(&keep);
	other = (struct chat_request){ .keep = &keep, .from = WIRE_OPENAI_CHAT };
}

static void say(enum chat_role role, str text)
{
	chat_add_text(&other, chat_add_message(&other, role), text);
}

static struct chat_part *call(str id, str name)
{
	struct chat_message *m = chat_add_message(&other, CHAT_ASSISTANT);
	struct chat_part *p = chat_add_part(&other, m, CHAT_CALL);

	p->id = id;
	p->name = name;
	p->args = STR("{\"a\":1}");
	return p;
}

static struct chat_part *result(str id, str text)
{
	struct chat_part *p =
	        chat_add_part(&other, chat_add_message(&other, CHAT_TOOL), CHAT_RESULT);

	p->id = id;
	chat_add_inner(&other, p, CHAT_TEXT)->text = text;
	return p;
}

TEST(gemini_writes_foreign_calls)
{
	begin_other();
	call(STR("c1"), STR("f"));
	struct chat_part *p = result(STR("c1"), STR("[1,2]"));
	struct chat_part *image = chat_add_inner(&other, p, CHAT_IMAGE);
	image->source = SOURCE_BASE64;
	image->data = STR("iVBORw0=");
	say(CHAT_SYSTEM, STR("late"));
	say(CHAT_USER, STR("next"));
	CHECK_STR(
	        write_for(&other, STR("gemini-3-pro-preview")),
	        "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\".\"}]},"
	        "{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"id\":\"c1\","
	        "\"name\":"
	        "\"f\",\"args\":{\"a\":1}},\"thoughtSignature\":"
	        "\"c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=\"}]},"
	        "{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"id\":\"c1\","
	        "\"name\":\"f\",\"response\":{\"output\":[1,2]},\"parts\":[{"
	        "\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"iVBORw0=\"}}]}}]},"
	        "{\"role\":\"user\",\"parts\":[{\"text\":\"<system>late</system>\"},"
	        "{\"text\":\"next\"}]}],\"generationConfig\":{}}");
	/* before Gemini 3 the image stands beside the result, and nothing is signed */
	str older = write_for(&other, STR("gemini-2.5-pro"));
	CHECK(!str_has(older, STR("thoughtSignature")));
	CHECK(str_has(older, STR("\"output\":[1,2]}}}]},{\"role\":\"user\",\"parts\":[{"
	                         "\"inlineData\"")));
	struct chat_target t = { .model = STR("gemini-3-pro") };
	result(STR("c9"), STR("x"));
	CHECK_FAULT(wire_gemini.write_request(&other, &t, &out, &detail),
	            FAULT_BAD_REQUEST);
	CHECK_STR(detail, "the tool result \"c9\" answers no call");
	buf_free(&out);
	arena_done(&keep);
}

TEST(gemini_returns_only_its_own_seals)
{
	begin_other();
	say(CHAT_USER, STR("q"));
	struct chat_message *m = chat_add_message(&other, CHAT_ASSISTANT);
	struct chat_part *p = chat_add_part(&other, m, CHAT_REASONING);
	p->text = STR("theirs");
	p->seal = (struct chat_seal){ .origin = WIRE_ANTHROPIC, .blob = STR("zz") };
	p = chat_add_part(&other, m, CHAT_REASONING);
	p->seal = (struct chat_seal){ .origin = WIRE_GEMINI, .blob = STR("QQ==") };
	chat_add_text(&other, m, STR("a"));
	str written = write_for(&other, STR("gemini-2.5-flash"));
	CHECK(!str_has(written, STR("theirs")) && !str_has(written, STR("zz")));
	CHECK(str_has(written,
	              STR("{\"text\":\"a\",\"thoughtSignature\":\"QQ==\"}]}],")));
	CHECK_STR(other.dropped[0], "reasoning");
	buf_free(&out);
	arena_done(&keep);
}

TEST(gemini_thinking_by_generation)
{
	static const struct {
		str model;
		enum chat_effort effort;
		uint64_t budget;
		str want;
	} rows[] = {
		{ STR_INIT("gemini-2.5-flash"), EFFORT_NONE, 0,
		  STR_INIT("\"thinkingBudget\":0}") },
		{ STR_INIT("gemini-2.5-pro"), EFFORT_NONE, 0,
		  STR_INIT("\"thinkingBudget\":128}") },
		{ STR_INIT("gemini-2.5-pro"), EFFORT_MAX, 0,
		  STR_INIT("\"thinkingBudget\":32768}") },
		{ STR_INIT("gemini-2.5-flash-lite"), EFFORT_UNSET, 100,
		  STR_INIT("\"thinkingBudget\":512}") },
		{ STR_INIT("gemini-3-pro-preview"), EFFORT_MINIMAL, 0,
		  STR_INIT("\"thinkingLevel\":\"LOW\"}") },
		{ STR_INIT("gemini-3-pro-preview"), EFFORT_MEDIUM, 0,
		  STR_INIT("\"thinkingLevel\":\"HIGH\"}") },
		{ STR_INIT("models/gemini-3-flash"), EFFORT_NONE, 0,
		  STR_INIT("\"thinkingLevel\":\"MINIMAL\"}") },
		{ STR_INIT("gemini-9"), EFFORT_UNSET, 3000,
		  STR_INIT("\"thinkingLevel\":\"LOW\"}") },
		{ STR_INIT("gemini-2.0-flash"), EFFORT_HIGH, 0,
		  STR_INIT("\"generationConfig\":{}") },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		begin_other();
		other.effort = rows[i].effort;
		other.budget = rows[i].budget;
		if (!CHECK(str_has(write_for(&other, rows[i].model), rows[i].want)))
			printf("row %zu: %.*s\n", i, STR_ARG(buf_str(&out)));
	}
	CHECK_STR(other.dropped[0], "reasoning_effort");
	buf_free(&out);
	arena_done(&keep);
}

TEST(gemini_cleans_schemas)
{
	begin_other();
	other.form = FORM_SCHEMA;
	other.schema_name = STR("answer");
	other.schema = (struct json_value){
		JSON_OBJECT,
		STR("{\"$schema\":\"x\",\"type\":\"object\",\"properties\":{\"examples\":"
		    "{"
		    "\"const\":\"k\",\"examples\":[1]},\"id\":{\"type\":\"string\","
		    "\"format\":\"uuid\",\"description\":\"its id\"},\"at\":{\"format\":"
		    "\"date\"}}}")
	};
	CHECK(str_has(write_for(&other, STR("gemini-3-flash")),
	              STR("\"responseJsonSchema\":{\"title\":\"answer\",\"type\":"
	                  "\"object\",\"properties\":{\"examples\":{\"enum\":[\"k\"]},"
	                  "\"id\":{\"type\":\"string\",\"description\":\"its id (format: "
	                  "uuid)\"},\"at\":{\"format\":\"date\"}}}")));
	struct chat_tool *t = chat_add_tool(&other, TOOL_FUNCTION);
	t->name = STR("f");
	struct chat_target target = { .model = STR("gemini-2.5-flash") };
	CHECK_FAULT(wire_gemini.write_request(&other, &target, &out, &detail),
	            FAULT_NOT_OFFERED);
	buf_free(&out);
	arena_done(&keep);
}

TEST(gemini_chooses_tools)
{
	static const struct {
		enum chat_choose choose;
		bool subset, strict;
		str want;
	} rows[] = {
		{ CHOOSE_AUTO, false, false, STR_INIT("{\"mode\":\"AUTO\"}") },
		{ CHOOSE_NONE, false, false, STR_INIT("{\"mode\":\"NONE\"}") },
		{ CHOOSE_ANY, true, false,
		  STR_INIT("{\"mode\":\"ANY\",\"allowedFunctionNames\":[\"g\"]}") },
		{ CHOOSE_ONE, false, false,
		  STR_INIT("{\"mode\":\"ANY\",\"allowedFunctionNames\":[\"f\"]}") },
		{ CHOOSE_UNSET, false, true, STR_INIT("{\"mode\":\"VALIDATED\"}") },
		{ CHOOSE_AUTO, true, false,
		  STR_INIT("{\"functionDeclarations\":[{\"name\":\"g\"}]}") },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		begin_other();
		struct chat_tool *f = chat_add_tool(&other, TOOL_FUNCTION);
		struct chat_tool *g = chat_add_tool(&other, TOOL_FUNCTION);

		f->name = STR("f");
		g->name = STR("g");
		f->strict = g->strict = rows[i].strict ? TRI_YES : TRI_NO;
		other.choose = rows[i].choose;
		other.choose_name = STR("f");
		if (rows[i].subset)
			other.allowed[other.allowed_count++] = STR("g");
		if (!CHECK(str_has(write_for(&other, STR("gemini-3-pro")), rows[i].want)))
			printf("row %zu: %.*s\n", i, STR_ARG(buf_str(&out)));
	}
	buf_free(&out);
	arena_done(&keep);
}
