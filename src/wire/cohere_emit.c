/* cohere_emit.c - neutral events as a Cohere answer, whole or as events.
 *
 * Contents and calls are numbered apart.  Reasoning is content of the type thinking; in a
 * whole answer with calls it is their plan.  Seals have no
 * place in this format. */
#include "wire/cohere.h"

/* e->own */
enum { NEXT_CONTENT, CONTENT, CITATIONS, IS_SILENT };

static str finish_reason(enum chat_finish finish)
{
	switch (finish) {
	case FINISH_SEQUENCE:
		return STR("STOP_SEQUENCE");
	case FINISH_LENGTH:
	case FINISH_CONTEXT:
		return STR("MAX_TOKENS");
	case FINISH_CALLS:
		return STR("TOOL_CALL");
	case FINISH_ERROR:
		return STR("ERROR");
	case FINISH_NONE:
	case FINISH_STOP:
	case FINISH_FILTER:
	case FINISH_REFUSAL:
	case FINISH_PAUSE:
		break;
	}
	return STR("COMPLETE");
}

static void write_tokens(struct emitter *e, struct json_writer *w, str name)
{
	json_key(w, name);
	json_open(w, '{');
	json_key_uint(w, STR("input_tokens"), e->usage.input);
	json_key_uint(w, STR("output_tokens"), e->usage.output);
	json_close(w, '}');
}

static void write_usage(struct emitter *e, struct json_writer *w)
{
	json_key(w, STR("usage"));
	json_open(w, '{');
	write_tokens(e, w, STR("billed_units"));
	write_tokens(e, w, STR("tokens"));
	if (e->usage.cache_read)
		json_key_uint(w, STR("cached_tokens"), e->usage.cache_read);
	json_close(w, '}');
}

static void write_citation(struct json_writer *w, const struct chat_citation *c)
{
	json_open(w, '{');
	json_key_uint(w, STR("start"), c->start);
	json_key_uint(w, STR("end"), c->end);
	json_key_jstr(w, STR("text"), c->cited);
	json_key(w, STR("sources"));
	json_open(w, '[');
	if (c->url.len || c->title.len) {
		json_open(w, '{');
		json_key_str(w, STR("type"), STR("document"));
		json_key_jstr(w, STR("id"), c->url);
		json_key(w, STR("document"));
		json_open(w, '{');
		json_key_jstr(w, STR("url"), c->url);
		json_key_jstr(w, STR("title"), c->title);
		json_close(w, '}');
		json_close(w, '}');
	}
	json_close(w, ']');
	json_key_str(w, STR("type"), STR("TEXT_CONTENT"));
	json_close(w, '}');
}

static str content_type(const struct emit_block *b)
{
	return b->what == CHAT_REASONING ? STR("thinking") : STR("text");
}

/* ---- a stream ---- */

/* {"type":...,"delta":{"message":{ , with the index where there is one. */
static void begin(struct emitter *e, struct json_writer *w, str type,
                  const uint64_t *index)
{
	emit_data_begin(e, type, w);
	json_open(w, '{');
	json_key_str(w, STR("type"), type);
	if (index)
		json_key_uint(w, STR("index"), *index);
}

static void open_delta(struct json_writer *w)
{
	json_key(w, STR("delta"));
	json_open(w, '{');
	json_key(w, STR("message"));
	json_open(w, '{');
}

static void close_delta(struct json_writer *w)
{
	json_close(w, '}');
	json_close(w, '}');
}

static void end(struct emitter *e, struct json_writer *w)
{
	json_close(w, '}');
	emit_data_end(e);
}

static void emit_start(struct emitter *e)
{
	struct json_writer w;

	begin(e, &w, STR("message-start"), NULL);
	json_key_str(&w, STR("id"), e->seed);
	open_delta(&w);
	json_key_str(&w, STR("role"), STR("assistant"));
	json_key(&w, STR("content"));
	json_raw(&w, STR("[]"));
	json_key_str(&w, STR("tool_plan"), STR_NONE);
	json_key(&w, STR("tool_calls"));
	json_raw(&w, STR("[]"));
	json_key(&w, STR("citations"));
	json_raw(&w, STR("[]"));
	close_delta(&w);
	end(e, &w);
}

static void open_call(struct emitter *e, const struct emit_block *b)
{
	struct json_writer w;
	uint64_t index = b->of_kind;

	begin(e, &w, STR("tool-call-start"), &index);
	open_delta(&w);
	json_key(&w, STR("tool_calls"));
	json_open(&w, '{');
	json_key_jstr(&w, STR("id"), b->id);
	json_key_str(&w, STR("type"), STR("function"));
	json_key(&w, STR("function"));
	json_open(&w, '{');
	json_key_jstr(&w, STR("name"), b->name);
	json_key_str(&w, STR("arguments"), STR_NONE);
	json_close(&w, '}');
	json_close(&w, '}');
	close_delta(&w);
	end(e, &w);
}

static void write_content(struct json_writer *w, const struct emit_block *b,
                          bool with_type, jstr text)
{
	json_key(w, STR("content"));
	json_open(w, '{');
	if (with_type)
		json_key_str(w, STR("type"), content_type(b));
	json_key_jstr(w, content_type(b), text);
	json_close(w, '}');
}

static void open_content(struct emitter *e, const struct emit_block *b)
{
	struct json_writer w;

	e->own[IS_SILENT] = false;
	e->own[CONTENT] = b->place ? b->place - 1 : e->own[NEXT_CONTENT];
	e->own[NEXT_CONTENT] = e->own[CONTENT] + 1;
	begin(e, &w, STR("content-start"), &e->own[CONTENT]);
	open_delta(&w);
	write_content(&w, b, true, STR_NONE);
	close_delta(&w);
	end(e, &w);
}

static void emit_open(struct emitter *e, struct emit_block *b)
{
	if (b->what == CHAT_CALL) {
		open_call(e, b);
		return;
	}
	/* There may be no more to it than a seal. */
	e->own[IS_SILENT] = b->what == CHAT_REASONING;
	if (!e->own[IS_SILENT])
		open_content(e, b);
}

static void emit_piece(struct emitter *e, struct emit_block *b, jstr text,
                       struct json_value logprobs)
{
	struct json_writer w;
	uint64_t index;

	if (b->what != CHAT_CALL && e->own[IS_SILENT])
		open_content(e, b);
	index = b->what == CHAT_CALL ? b->of_kind : e->own[CONTENT];
	if (b->what != CHAT_CALL) {
		begin(e, &w, STR("content-delta"), &index);
		open_delta(&w);
		write_content(&w, b, false, text);
	} else {
		begin(e, &w, STR("tool-call-delta"), &index);
		open_delta(&w);
		json_key(&w, STR("tool_calls"));
		json_open(&w, '{');
		json_key(&w, STR("function"));
		json_open(&w, '{');
		json_key_jstr(&w, STR("arguments"), text);
		json_close(&w, '}');
		json_close(&w, '}');
	}
	close_delta(&w);
	end(e, &w);
}

static void emit_cite(struct emitter *e, struct emit_block *b,
                      const struct chat_citation *c)
{
	uint64_t index = e->own[CITATIONS]++;
	struct json_writer w;

	begin(e, &w, STR("citation-start"), &index);
	open_delta(&w);
	json_key(&w, STR("citations"));
	write_citation(&w, c);
	close_delta(&w);
	end(e, &w);
	begin(e, &w, STR("citation-end"), &index);
	end(e, &w);
}

static void emit_close(struct emitter *e, struct emit_block *b)
{
	uint64_t index = b->what == CHAT_CALL ? b->of_kind : e->own[CONTENT];
	struct json_writer w;

	if (b->what != CHAT_CALL && e->own[IS_SILENT])
		return;
	begin(e, &w, b->what == CHAT_CALL ? STR("tool-call-end") : STR("content-end"),
	      &index);
	end(e, &w);
}

static void emit_last(struct emitter *e)
{
	struct json_writer w;

	begin(e, &w, STR("message-end"), NULL);
	json_key(&w, STR("delta"));
	json_open(&w, '{');
	json_key_str(&w, STR("finish_reason"), finish_reason(e->choices[0].finish));
	write_usage(e, &w);
	json_close(&w, '}');
	end(e, &w);
}

static void emit_failure(struct emitter *e, fault_t why, str message)
{
	wire_cohere.write_stream_fault(e->to, why, message);
}

const struct emit_ops cohere_emit = {
	.kinds =
	        1 << CHAT_TEXT | 1 << CHAT_REFUSAL | 1 << CHAT_REASONING | 1 << CHAT_CALL,
	.start = emit_start,
	.open = emit_open,
	.piece = emit_piece,
	.cite = emit_cite,
	.close = emit_close,
	.end = emit_last,
	.fault = emit_failure,
};

/* ---- a whole answer ---- */

static bool is_content(const struct emit_block *b, bool has_calls)
{
	if (b->skipped || b->what == CHAT_CALL || b->text.len == 0)
		return false;
	return b->what != CHAT_REASONING || !has_calls;
}

/* Here it is known whether calls follow: then reasoning is their plan. */
static void write_plan(struct emitter *e, struct json_writer *w)
{
	bool is_open = false;

	for (const struct emit_block *b = e->choices[0].first; b; b = b->next) {
		if (b->skipped || b->what != CHAT_REASONING || b->text.len == 0)
			continue;
		if (!is_open) {
			json_key(w, STR("tool_plan"));
			json_raw(w, STR("\""));
		} else {
			buf_add(w->to, STR("\\n\\n"));
		}
		is_open = true;
		buf_add(w->to, buf_str(&b->text));
	}
	if (is_open)
		buf_add_char(w->to, '"');
}

static void write_contents(struct emitter *e, struct json_writer *w, bool has_calls)
{
	json_key(w, STR("content"));
	json_open(w, '[');
	for (const struct emit_block *b = e->choices[0].first; b; b = b->next) {
		if (!is_content(b, has_calls))
			continue;
		json_open(w, '{');
		json_key_str(w, STR("type"), content_type(b));
		json_key_jstr(w, content_type(b), buf_str(&b->text));
		json_close(w, '}');
	}
	json_close(w, ']');
}

static void write_calls(struct emitter *e, struct json_writer *w)
{
	json_key(w, STR("tool_calls"));
	json_open(w, '[');
	for (const struct emit_block *b = e->choices[0].first; b; b = b->next) {
		if (b->skipped || b->what != CHAT_CALL)
			continue;
		json_open(w, '{');
		json_key_jstr(w, STR("id"), b->id);
		json_key_str(w, STR("type"), STR("function"));
		json_key(w, STR("function"));
		json_open(w, '{');
		json_key_jstr(w, STR("name"), b->name);
		json_key_jstr(w, STR("arguments"), buf_str(&b->text));
		json_close(w, '}');
		json_close(w, '}');
	}
	json_close(w, ']');
}

static void write_citations(struct emitter *e, struct json_writer *w)
{
	bool is_open = false;

	for (const struct emit_block *b = e->choices[0].first; b; b = b->next) {
		for (const struct chat_citation *c = b->citations; c; c = c->next) {
			if (!is_open) {
				json_key(w, STR("citations"));
				json_open(w, '[');
			}
			is_open = true;
			write_citation(w, c);
		}
	}
	if (is_open)
		json_close(w, ']');
}

void cohere_write_reply(struct emitter *e)
{
	const struct emit_choice *c = &e->choices[0];
	struct json_writer w = { .to = e->to };
	bool has_calls = false, has_content = false;

	for (const struct emit_block *b = c->first; b; b = b->next)
		has_calls |= !b->skipped && b->what == CHAT_CALL;
	for (const struct emit_block *b = c->first; b; b = b->next)
		has_content |= is_content(b, has_calls);
	json_open(&w, '{');
	json_key_str(&w, STR("id"), e->seed);
	json_key_str(&w, STR("finish_reason"), finish_reason(c->finish));
	json_key(&w, STR("message"));
	json_open(&w, '{');
	json_key_str(&w, STR("role"), STR("assistant"));
	if (has_calls)
		write_plan(e, &w);
	if (has_content || !has_calls)
		write_contents(e, &w, has_calls);
	if (has_calls)
		write_calls(e, &w);
	write_citations(e, &w);
	json_close(&w, '}');
	write_usage(e, &w);
	json_close(&w, '}');
}
