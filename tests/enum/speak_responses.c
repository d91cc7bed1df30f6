/* speak_responses.c - a stream of OpenAI's Responses (wire-formats 3.5). */
#include "tests/enum/speech.h"

static void rs_begin(struct speech *s, const char *type)
{
	buf_addf(&s->json, "{\"type\":\"response.%s\",\"sequence_number\":%u", type,
	         s->number++);
}

static void rs_end(struct speech *s, const char *type)
{
	struct buf name = BUF_LIMIT(100);

	buf_add_char(&s->json, '}');
	buf_addf(&name, "response.%s", type);
	speech_event(s, buf_z(&name), type);
	buf_free(&name);
}

/* An item; whole: with its text. */
static void rs_item(struct speech *s, unsigned index, bool whole)
{
	const struct part *p = &s->a->parts[index];
	const char *status = whole ? "completed" : "in_progress";

	switch (p->kind) {
	case PART_CALL:
		buf_addf(&s->json,
		         "{\"id\":\"fc_%u_%u\",\"type\":\"function_call\",\"status\":\"%"
		         "s\","
		         "\"call_id\":\"%.*s\",\"name\":\"%.*s\",\"arguments\":\"",
		         s->m->attempt, index, status, STR_ARG(p->id), STR_ARG(p->name));
		speech_text(s, whole ? p->text : STR_NONE);
		buf_add(&s->json, STR("\"}"));
		break;
	case PART_REASONING:
		buf_addf(&s->json,
		         "{\"id\":\"rs_%u_%u\",\"type\":\"reasoning\",\"summary\":[",
		         s->m->attempt, index);
		if (whole) {
			buf_add(&s->json, STR("{\"type\":\"summary_text\",\"text\":\""));
			speech_text(s, p->text);
			buf_add(&s->json, STR("\"}"));
		}
		buf_addf(&s->json, "],\"encrypted_content\":\"%.*s\"}",
		         STR_ARG(whole ? p->seal : STR_NONE));
		break;
	case PART_TEXT:
	case PART_REFUSAL:
		buf_addf(&s->json,
		         "{\"id\":\"msg_%u_%u\",\"type\":\"message\",\"status\":\"%s\","
		         "\"role\":\"assistant\",\"content\":[",
		         s->m->attempt, index, status);
		if (whole && p->kind == PART_TEXT) {
			buf_add(&s->json,
			        STR("{\"type\":\"output_text\",\"annotations\":[],"
			            "\"logprobs\":[],\"text\":\""));
			speech_text(s, p->text);
			buf_add(&s->json, STR("\"}"));
		} else if (whole) {
			buf_add(&s->json, STR("{\"type\":\"refusal\",\"refusal\":\""));
			speech_text(s, p->text);
			buf_add(&s->json, STR("\"}"));
		}
		buf_add(&s->json, STR("]}"));
		break;
	}
}

static void rs_response(struct speech *s, const char *status, bool whole)
{
	const struct answer *a = s->a;

	buf_addf(&s->json,
	         ",\"response\":{\"id\":\"resp_%u\",\"object\":\"response\","
	         "\"created_at\":170000000%u,\"status\":\"%s\",\"background\":false,"
	         "\"error\":null,\"incomplete_details\":",
	         s->m->attempt, s->m->attempt, status);
	if (whole && a->finish == FINISH_LENGTH)
		buf_add(&s->json, STR("{\"reason\":\"max_output_tokens\"}"));
	else if (whole && a->finish == FINISH_FILTER)
		buf_add(&s->json, STR("{\"reason\":\"content_filter\"}"));
	else
		buf_add(&s->json, STR("null"));
	buf_addf(&s->json, ",\"instructions\":null,\"model\":\"m-%u\",\"output\":[",
	         s->m->attempt);
	for (unsigned i = 0; whole && i < a->count; i++) {
		if (i)
			buf_add_char(&s->json, ',');
		rs_item(s, i, true);
	}
	buf_add(&s->json, STR("],\"parallel_tool_calls\":true,\"tool_choice\":\"auto\","
	                      "\"tools\":[],\"usage\":"));
	if (whole)
		buf_addf(&s->json,
		         "{\"input_tokens\":%u,\"input_tokens_details\":{\"cached_"
		         "tokens\":0},"
		         "\"output_tokens\":%u,\"output_tokens_details\":{"
		         "\"reasoning_tokens\":0},\"total_tokens\":%u}}",
		         a->given, a->made, a->given + a->made);
	else
		buf_add(&s->json, STR("null}"));
}

static void rs_place(struct speech *s, unsigned index, const char *part)
{
	static const char *const ids[] = { "msg", "rs", "fc", "msg" };

	buf_addf(&s->json, ",\"item_id\":\"%s_%u_%u\",\"output_index\":%u",
	         ids[s->a->parts[index].kind], s->m->attempt, index, index);
	if (part)
		buf_addf(&s->json, ",\"%s\":0", part);
}

static void rs_deltas(struct speech *s, unsigned index, const char *delta,
                      const char *done, const char *part, const char *member)
{
	str rest = s->a->parts[index].text;

	while (rest.len) {
		rs_begin(s, delta);
		rs_place(s, index, part);
		buf_add(&s->json, STR(",\"delta\":\""));
		speech_text(s, speech_piece(s, &rest));
		buf_add(&s->json, STR("\""));
		rs_end(s, delta);
	}
	rs_begin(s, done);
	rs_place(s, index, part);
	buf_addf(&s->json, ",\"%s\":\"", member);
	speech_text(s, s->a->parts[index].text);
	buf_add(&s->json, STR("\""));
	rs_end(s, done);
}

static void rs_part(struct speech *s, unsigned index, const char *type, const char *place,
                    const char *kind, const char *member, bool whole)
{
	rs_begin(s, type);
	rs_place(s, index, place);
	buf_addf(&s->json, ",\"part\":{\"type\":\"%s\",\"%s\":\"", kind, member);
	speech_text(s, whole ? s->a->parts[index].text : STR_NONE);
	buf_add_char(&s->json, '"');
	if (str_eq(str_from_z(kind), STR("output_text")))
		buf_add(&s->json, STR(",\"annotations\":[],\"logprobs\":[]"));
	buf_add_char(&s->json, '}');
	rs_end(s, type);
}

static void rs_output(struct speech *s, unsigned index)
{
	const struct part *p = &s->a->parts[index];

	rs_begin(s, "output_item.added");
	buf_addf(&s->json, ",\"output_index\":%u,\"item\":", index);
	rs_item(s, index, false);
	rs_end(s, "output_item.added");
	if (p->kind == PART_CALL) {
		rs_deltas(s, index, "function_call_arguments.delta",
		          "function_call_arguments.done", NULL, "arguments");
	} else if (p->kind == PART_REASONING) {
		rs_part(s, index, "reasoning_summary_part.added", "summary_index",
		        "summary_text", "text", false);
		rs_deltas(s, index, "reasoning_summary_text.delta",
		          "reasoning_summary_text.done", "summary_index", "text");
		rs_part(s, index, "reasoning_summary_part.done", "summary_index",
		        "summary_text", "text", true);
	} else {
		bool is_text = p->kind == PART_TEXT;
		const char *kind = is_text ? "output_text" : "refusal";
		const char *member = is_text ? "text" : "refusal";

		rs_part(s, index, "content_part.added", "content_index", kind, member,
		        false);
		rs_deltas(s, index, is_text ? "output_text.delta" : "refusal.delta",
		          is_text ? "output_text.done" : "refusal.done", "content_index",
		          member);
		rs_part(s, index, "content_part.done", "content_index", kind, member,
		        true);
	}
	rs_begin(s, "output_item.done");
	buf_addf(&s->json, ",\"output_index\":%u,\"item\":", index);
	rs_item(s, index, true);
	rs_end(s, "output_item.done");
}

void speak_responses(struct speech *s)
{
	bool is_cut = s->a->finish == FINISH_LENGTH || s->a->finish == FINISH_FILTER;
	const char *last = is_cut ? "incomplete" : "completed";

	rs_begin(s, "created");
	rs_response(s, "in_progress", false);
	rs_end(s, "created");
	rs_begin(s, "in_progress");
	rs_response(s, "in_progress", false);
	rs_end(s, "in_progress");
	for (unsigned i = 0; i < s->a->count; i++)
		rs_output(s, i);
	rs_begin(s, last);
	rs_response(s, last, true);
	rs_end(s, last);
}
