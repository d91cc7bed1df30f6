/* speak_chat.c - a stream of OpenAI's chat format (wire-formats 2.4). */
#include "tests/enum/speech.h"

static void chat_begin(struct speech *s)
{
	buf_addf(&s->json,
	         "{\"id\":\"chatcmpl-%u\",\"object\":\"chat.completion.chunk\","
	         "\"created\":170000000%u,\"model\":\"m-%u\","
	         "\"system_fingerprint\":\"fp_%u\",\"choices\":[",
	         s->m->attempt, s->m->attempt, s->m->attempt, s->m->attempt);
}

static void chat_end(struct speech *s, const char *type)
{
	buf_add(&s->json, STR("]"));
	if (s->m->usage)
		buf_add(&s->json, STR(",\"usage\":null"));
	buf_add(&s->json, STR("}"));
	speech_event(s, NULL, type);
}

static void chat_delta(struct speech *s, str delta, const char *type)
{
	chat_begin(s);
	buf_addf(
	        &s->json,
	        "{\"index\":0,\"delta\":{%.*s},\"logprobs\":null,\"finish_reason\":null}",
	        STR_ARG(delta));
	chat_end(s, type);
}

static void chat_text(struct speech *s, str text, const char *member)
{
	struct buf inside = BUF_LIMIT(64 * KiB), delta = BUF_LIMIT(64 * KiB);

	for (unsigned i = 0; text.len || inside.len; i++) {
		str piece = speech_piece(s, &text);
		size_t keep = 0;

		add_escaped(&inside, piece, s->m->ascii);
		/* Some servers cut a pair of surrogates in two. */
		if (s->m->ascii && i % 2 && inside.len > 12 && text.len &&
		    str_starts(str_from(buf_str(&inside), inside.len - 12),
		               STR("\\ud83d")))
			keep = 6;
		buf_addf(&delta, "\"%s\":\"%.*s\"", member,
		         STR_ARG(str_first(buf_str(&inside), inside.len - keep)));
		chat_delta(s, buf_str(&delta), member);
		buf_clear(&delta);
		buf_drop(&inside, inside.len - keep);
	}
	buf_free(&inside);
	buf_free(&delta);
}

static void chat_call_begin(struct speech *s, unsigned index, const struct part *p)
{
	struct buf delta = BUF_LIMIT(KiB);

	buf_addf(&delta,
	         "\"tool_calls\":[{\"index\":%u,\"id\":\"%.*s\",\"type\":\"function\","
	         "\"function\":{\"name\":\"%.*s\",\"arguments\":\"\"}}]",
	         index, STR_ARG(p->id), STR_ARG(p->name));
	chat_delta(s, buf_str(&delta), "call");
	buf_free(&delta);
}

static bool chat_call_piece(struct speech *s, unsigned index, str *rest)
{
	struct buf delta = BUF_LIMIT(4 * KiB);

	if (!rest->len)
		return false;
	buf_addf(&delta, "\"tool_calls\":[{\"index\":%u,\"function\":{\"arguments\":\"",
	         index);
	add_escaped(&delta, speech_piece(s, rest), s->m->ascii);
	buf_add(&delta, STR("\"}}]"));
	chat_delta(s, buf_str(&delta), "arguments");
	buf_free(&delta);
	return true;
}

static void chat_calls(struct speech *s, const struct part *calls, unsigned count)
{
	str rest[PARTS_MOST];
	bool more = true;

	for (unsigned i = 0; i < count; i++) {
		rest[i] = calls[i].text;
		chat_call_begin(s, i, &calls[i]);
		while (!s->a->interleaved && chat_call_piece(s, i, &rest[i]))
			;
	}
	while (s->a->interleaved && more) {
		more = false;
		for (unsigned i = 0; i < count; i++)
			more |= chat_call_piece(s, i, &rest[i]);
	}
}

void speak_chat(struct speech *s)
{
	static const char *const finishes[] = { "stop", "length", "tool_calls",
		                                "content_filter" };
	const struct answer *a = s->a;

	chat_delta(s, STR("\"role\":\"assistant\",\"content\":\"\",\"refusal\":null"),
	           "role");
	for (unsigned i = 0; i < a->count; i++) {
		const struct part *p = &a->parts[i];

		if (p->kind == PART_TEXT)
			chat_text(s, p->text, "content");
		else if (p->kind == PART_REFUSAL)
			chat_text(s, p->text, "refusal");
		else if (p->kind == PART_REASONING)
			chat_text(s, p->text, "reasoning_content");
		else
			break;
	}
	for (unsigned i = 0; i < a->count; i++) {
		if (a->parts[i].kind == PART_CALL) {
			chat_calls(s, a->parts + i, a->count - i);
			break;
		}
	}
	chat_begin(s);
	buf_addf(&s->json,
	         "{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"%s\"}",
	         finishes[a->finish]);
	chat_end(s, "finish");
	if (s->m->usage) {
		chat_begin(s);
		buf_addf(&s->json,
		         "],\"usage\":{\"prompt_tokens\":%u,\"completion_tokens\":%u,"
		         "\"total_tokens\":%u}}",
		         a->given, a->made, a->given + a->made);
		speech_event(s, NULL, "usage");
	}
	buf_add(&s->to->body, STR("data: [DONE]\n\n"));
	speech_end_event(s->to, "[DONE]");
}
