/* speak_blocks.c - streams of the formats whose answers are blocks: Anthropic's,
 * Gemini's, Bedrock's, Cohere's (wire-formats 5.8, 6.5, 8.5, 11). */
#include "tests/enum/speech.h"

/* ---- Anthropic's Messages ---- */

static void am_block(struct speech *s, unsigned index)
{
	const struct part *p = &s->a->parts[index];
	str rest = p->text;

	buf_addf(&s->json,
	         "{\"type\":\"content_block_start\",\"index\":%u,\"content_block\":",
	         index);
	if (p->kind == PART_CALL)
		buf_addf(&s->json,
		         "{\"type\":\"tool_use\",\"id\":\"%.*s\",\"name\":\"%.*s\","
		         "\"input\":{}}}",
		         STR_ARG(p->id), STR_ARG(p->name));
	else if (p->kind == PART_REASONING)
		buf_add(&s->json, STR("{\"type\":\"thinking\",\"thinking\":\"\","
		                      "\"signature\":\"\"}}"));
	else
		buf_add(&s->json, STR("{\"type\":\"text\",\"text\":\"\"}}"));
	speech_event(s, "content_block_start",
	             p->kind == PART_CALL ? "start call" : "start text");
	if (index == 0) {
		buf_add(&s->json, STR("{\"type\":\"ping\"}"));
		speech_event(s, "ping", "ping");
	}
	while (rest.len) {
		static const char *const deltas[] = {
			"{\"type\":\"text_delta\",\"text\":\"",
			"{\"type\":\"thinking_delta\",\"thinking\":\"",
			"{\"type\":\"input_json_delta\",\"partial_json\":\"",
			"{\"type\":\"text_delta\",\"text\":\"",
		};

		buf_addf(&s->json,
		         "{\"type\":\"content_block_delta\",\"index\":%u,\"delta\":%s",
		         index, deltas[p->kind]);
		speech_text(s, speech_piece(s, &rest));
		buf_add(&s->json, STR("\"}}"));
		speech_event(s, "content_block_delta", deltas[p->kind]);
	}
	if (p->seal.len) {
		buf_addf(&s->json,
		         "{\"type\":\"content_block_delta\",\"index\":%u,\"delta\":{"
		         "\"type\":"
		         "\"signature_delta\",\"signature\":\"%.*s\"}}",
		         index, STR_ARG(p->seal));
		speech_event(s, "content_block_delta", "signature");
	}
	buf_addf(&s->json, "{\"type\":\"content_block_stop\",\"index\":%u}", index);
	speech_event(s, "content_block_stop", "stop");
}

void speak_anthropic(struct speech *s)
{
	static const char *const finishes[] = { "end_turn", "max_tokens", "tool_use",
		                                "refusal" };
	const struct answer *a = s->a;

	buf_addf(&s->json,
	         "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_%u\",\"type\":"
	         "\"message\",\"role\":\"assistant\",\"model\":\"m-%u\",\"content\":[],"
	         "\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_"
	         "tokens\":%u,"
	         "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,"
	         "\"output_tokens\":1}}}",
	         s->m->attempt, s->m->attempt, a->given);
	speech_event(s, "message_start", "message_start");
	for (unsigned i = 0; i < a->count; i++)
		am_block(s, i);
	buf_addf(&s->json,
	         "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"%s\","
	         "\"stop_sequence\":null},\"usage\":{\"input_tokens\":%u,"
	         "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,"
	         "\"output_tokens\":%u}}",
	         finishes[a->finish], a->given, a->made);
	speech_event(s, "message_delta", "message_delta");
	buf_add(&s->json, STR("{\"type\":\"message_stop\"}"));
	speech_event(s, "message_stop", "message_stop");
}

/* ---- Gemini ---- */

static void gm_chunk(struct speech *s, unsigned made, const char *finish,
                     const char *type)
{
	struct buf *body = &s->to->body;

	buf_add(body, STR("data: {\"candidates\":[{\"content\":{\"parts\":["));
	buf_add(body, buf_str(&s->json));
	buf_add(body, STR("],\"role\":\"model\"}"));
	if (finish)
		buf_addf(body, ",\"finishReason\":\"%s\"", finish);
	buf_addf(body,
	         ",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":%u,"
	         "\"candidatesTokenCount\":%u,\"totalTokenCount\":%u},\"modelVersion\":"
	         "\"m-%u\",\"responseId\":\"r-%u\"}\r\n\r\n",
	         s->a->given, made, s->a->given + made, s->m->attempt, s->m->attempt);
	speech_end_event(s->to, type);
	buf_clear(&s->json);
}

void speak_gemini(struct speech *s)
{
	static const char *const finishes[] = { "STOP", "MAX_TOKENS", "STOP", "SAFETY" };
	const struct answer *a = s->a;
	unsigned made = 0;
	str seal = STR_NONE;

	for (unsigned i = 0; i < a->count; i++) {
		const struct part *p = &a->parts[i];
		str rest = p->text;

		if (p->seal.len)
			seal = p->seal;
		if (p->kind == PART_CALL) {
			buf_addf(&s->json,
			         "{\"functionCall\":{\"id\":\"%.*s\",\"name\":\"%.*s\","
			         "\"args\":%.*s}}",
			         STR_ARG(p->id), STR_ARG(p->name), STR_ARG(p->text));
			gm_chunk(s, min_of(++made, a->made), NULL, "call");
			continue;
		}
		while (rest.len) {
			buf_add(&s->json, STR("{\"text\":\""));
			speech_text(s, speech_piece(s, &rest));
			buf_add(&s->json, p->kind == PART_REASONING
			                          ? STR("\",\"thought\":true}")
			                          : STR("\"}"));
			gm_chunk(s, min_of(++made, a->made), NULL,
			         p->kind == PART_REASONING ? "thought" : "text");
		}
	}
	buf_add(&s->json, STR("{\"text\":\"\""));
	if (seal.len)
		buf_addf(&s->json, ",\"thoughtSignature\":\"%.*s\"", STR_ARG(seal));
	buf_add_char(&s->json, '}');
	gm_chunk(s, a->made, finishes[a->finish], "finish");
}

/* ---- Bedrock's Converse ---- */

static void bc_event(struct speech *s, const char *type, const char *sort)
{
	speech_frame(&s->to->body, STR("event"), STR(":event-type"), str_from_z(type),
	             buf_str(&s->json));
	speech_end_event(s->to, sort);
	buf_clear(&s->json);
}

static void bc_block(struct speech *s, unsigned index)
{
	static const char *const deltas[] = { "{\"text\":\"",
		                              "{\"reasoningContent\":{\"text\":\"",
		                              "{\"toolUse\":{\"input\":\"",
		                              "{\"text\":\"" };
	static const char *const ends[] = { "\"}", "\"}}", "\"}}", "\"}" };
	const struct part *p = &s->a->parts[index];
	str rest = p->text;

	if (p->kind == PART_CALL) {
		buf_addf(
		        &s->json,
		        "{\"contentBlockIndex\":%u,\"start\":{\"toolUse\":{\"toolUseId\":"
		        "\"%.*s\",\"name\":\"%.*s\"}}}",
		        index, STR_ARG(p->id), STR_ARG(p->name));
		bc_event(s, "contentBlockStart", "start");
	}
	while (rest.len) {
		buf_addf(&s->json, "{\"contentBlockIndex\":%u,\"delta\":%s", index,
		         deltas[p->kind]);
		speech_text(s, speech_piece(s, &rest));
		buf_addf(&s->json, "%s,\"p\":\"abcdef\"}", ends[p->kind]);
		bc_event(s, "contentBlockDelta", deltas[p->kind]);
	}
	if (p->seal.len) {
		buf_addf(&s->json,
		         "{\"contentBlockIndex\":%u,\"delta\":{\"reasoningContent\":{"
		         "\"signature\":\"%.*s\"}}}",
		         index, STR_ARG(p->seal));
		bc_event(s, "contentBlockDelta", "signature");
	}
	buf_addf(&s->json, "{\"contentBlockIndex\":%u}", index);
	bc_event(s, "contentBlockStop", "stop");
}

void speak_bedrock(struct speech *s)
{
	static const char *const finishes[] = { "end_turn", "max_tokens", "tool_use",
		                                "content_filtered" };
	const struct answer *a = s->a;

	buf_add(&s->json, STR("{\"role\":\"assistant\",\"p\":\"abc\"}"));
	bc_event(s, "messageStart", "messageStart");
	for (unsigned i = 0; i < a->count; i++)
		bc_block(s, i);
	buf_addf(&s->json, "{\"stopReason\":\"%s\"}", finishes[a->finish]);
	bc_event(s, "messageStop", "messageStop");
	buf_addf(&s->json,
	         "{\"metrics\":{\"latencyMs\":%u},\"usage\":{\"inputTokens\":%u,"
	         "\"outputTokens\":%u,\"totalTokens\":%u}}",
	         100 + s->m->attempt, a->given, a->made, a->given + a->made);
	bc_event(s, "metadata", "metadata");
}

/* ---- Cohere ---- */

static void co_content(struct speech *s, unsigned index)
{
	const struct part *p = &s->a->parts[index];
	const char *kind = p->kind == PART_REASONING ? "thinking" : "text";
	str rest = p->text;

	buf_addf(&s->json,
	         "{\"type\":\"content-start\",\"index\":%u,\"delta\":{\"message\":{"
	         "\"content\":{\"type\":\"%s\",\"%s\":\"\"}}}}",
	         index, kind, kind);
	speech_event(s, "content-start", "content-start");
	while (rest.len) {
		buf_addf(&s->json,
		         "{\"type\":\"content-delta\",\"index\":%u,\"delta\":{"
		         "\"message\":{"
		         "\"content\":{\"%s\":\"",
		         index, kind);
		speech_text(s, speech_piece(s, &rest));
		buf_add(&s->json, STR("\"}}}}"));
		speech_event(s, "content-delta", kind);
	}
	buf_addf(&s->json, "{\"type\":\"content-end\",\"index\":%u}", index);
	speech_event(s, "content-end", "content-end");
}

static void co_call(struct speech *s, const struct part *p, unsigned index)
{
	str rest = p->text;

	buf_addf(&s->json,
	         "{\"type\":\"tool-call-start\",\"index\":%u,\"delta\":{\"message\":{"
	         "\"tool_calls\":{\"id\":\"%.*s\",\"type\":\"function\",\"function\":{"
	         "\"name\":\"%.*s\",\"arguments\":\"\"}}}}}",
	         index, STR_ARG(p->id), STR_ARG(p->name));
	speech_event(s, "tool-call-start", "tool-call-start");
	while (rest.len) {
		buf_addf(&s->json,
		         "{\"type\":\"tool-call-delta\",\"index\":%u,\"delta\":{"
		         "\"message\":{"
		         "\"tool_calls\":{\"function\":{\"arguments\":\"",
		         index);
		speech_text(s, speech_piece(s, &rest));
		buf_add(&s->json, STR("\"}}}}}"));
		speech_event(s, "tool-call-delta", "tool-call-delta");
	}
	buf_addf(&s->json, "{\"type\":\"tool-call-end\",\"index\":%u}", index);
	speech_event(s, "tool-call-end", "tool-call-end");
}

void speak_cohere(struct speech *s)
{
	static const char *const finishes[] = { "COMPLETE", "MAX_TOKENS", "TOOL_CALL",
		                                "MAX_TOKENS" };
	const struct answer *a = s->a;
	unsigned contents = 0;

	buf_addf(&s->json,
	         "{\"id\":\"co-%u\",\"type\":\"message-start\",\"delta\":{\"message\":{"
	         "\"role\":\"assistant\",\"content\":[],\"tool_plan\":\"\",\"tool_"
	         "calls\":[],"
	         "\"citations\":[]}}}",
	         s->m->attempt);
	speech_event(s, "message-start", "message-start");
	for (unsigned i = 0; i < a->count; i++) {
		if (a->parts[i].kind == PART_CALL)
			co_call(s, &a->parts[i], i - contents);
		else
			co_content(s, contents++);
	}
	buf_addf(
	        &s->json,
	        "{\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"%s\",\"usage\":"
	        "{"
	        "\"billed_units\":{\"input_tokens\":%u,\"output_tokens\":%u},\"tokens\":{"
	        "\"input_tokens\":%u,\"output_tokens\":%u}}}}",
	        finishes[a->finish], a->given, a->made, a->given, a->made);
	speech_event(s, "message-end", "message-end");
}
