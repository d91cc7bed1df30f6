/* bedrock_emit.c - neutral events as a Converse answer, or as the frames of a stream.
 *
 * A frame's payload is written where it stands, between aws_open and aws_close.  Texts
 * and reasoning have no contentBlockStart; metadata comes last (wire-formats 8.4, 8.5).
 */
#include "wire/bedrock.h"

#include "codec/event_stream.h"
#include "codec/text.h"

/* ---- what both have ---- */

static str stop_reason(enum chat_finish finish)
{
	switch (finish) {
	case FINISH_CALLS:
		return STR("tool_use");
	case FINISH_LENGTH:
		return STR("max_tokens");
	case FINISH_SEQUENCE:
		return STR("stop_sequence");
	case FINISH_CONTEXT:
		return STR("model_context_window_exceeded");
	case FINISH_FILTER:
	case FINISH_REFUSAL:
		return STR("content_filtered");
	case FINISH_ERROR:
		return STR("malformed_model_output");
	case FINISH_NONE:
	case FINISH_STOP:
	case FINISH_PAUSE:
		break;
	}
	return STR("end_turn");
}

static void write_usage(struct emitter *e, struct json_writer *w)
{
	const struct token_usage *u = &e->usage;
	uint64_t cached = min_of(u->cache_read + u->cache_write, u->input);

	json_key(w, STR("usage"));
	json_open(w, '{');
	json_key_uint(w, STR("inputTokens"), u->input - cached);
	json_key_uint(w, STR("outputTokens"), u->output);
	json_key_uint(w, STR("totalTokens"), u->input + u->output);
	if (u->cache_read || u->cache_write) {
		json_key_uint(w, STR("cacheReadInputTokens"), u->cache_read);
		json_key_uint(w, STR("cacheWriteInputTokens"), u->cache_write);
	}
	json_close(w, '}');
	json_key(w, STR("metrics"));
	json_open(w, '{');
	json_key_uint(w, STR("latencyMs"), 0);
	json_close(w, '}');
}

/* Clients decode redacted content from base64, so a foreign seal is wrapped. */
static void write_redacted(struct emitter *e, struct json_writer *w,
                           const struct chat_seal *seal)
{
	jstr shown = chat_seal_show(&e->keep, seal, WIRE_BEDROCK);

	json_key(w, STR("redactedContent"));
	if (seal->origin == WIRE_BEDROCK) {
		json_jstr(w, shown);
		return;
	}
	json_raw(w, STR("\""));
	base64_encode(w->to, shown);
	buf_add_char(w->to, '"');
}

static void write_citation(struct json_writer *w, const struct chat_citation *c)
{
	json_open(w, '{');
	if (c->title.len)
		json_key_jstr(w, STR("title"), c->title);
	if (c->url.len) {
		json_key(w, STR("location"));
		json_open(w, '{');
		json_key(w, STR("web"));
		json_open(w, '{');
		json_key_jstr(w, STR("url"), c->url);
		json_close(w, '}');
		json_close(w, '}');
	}
	if (c->cited.len) {
		json_key(w, STR("sourceContent"));
		json_open(w, '[');
		json_open(w, '{');
		json_key_jstr(w, STR("text"), c->cited);
		json_close(w, '}');
		json_close(w, ']');
	}
	json_close(w, '}');
}

/* ---- a stream ---- */

static size_t open_frame(struct emitter *e, str type, struct json_writer *w)
{
	const struct aws_header headers[] = {
		{ STR(":event-type"), type },
		{ STR(":content-type"), STR("application/json") },
		{ STR(":message-type"), STR("event") },
	};
	size_t at = aws_open(e->to, headers, countof(headers));

	*w = (struct json_writer){ .to = e->to };
	json_open(w, '{');
	return at;
}

static void close_frame(struct emitter *e, struct json_writer *w, size_t at)
{
	json_close(w, '}');
	aws_close(e->to, at);
}

static void emit_start(struct emitter *e)
{
	struct json_writer w;
	size_t at = open_frame(e, STR("messageStart"), &w);

	json_key_str(&w, STR("role"), STR("assistant"));
	close_frame(e, &w, at);
}

static void emit_open(struct emitter *e, struct emit_block *b)
{
	struct json_writer w;
	size_t at;

	if (b->what != CHAT_CALL)
		return;
	at = open_frame(e, STR("contentBlockStart"), &w);
	json_key_uint(&w, STR("contentBlockIndex"), b->index);
	json_key(&w, STR("start"));
	json_open(&w, '{');
	json_key(&w, STR("toolUse"));
	json_open(&w, '{');
	json_key_jstr(&w, STR("toolUseId"), b->id);
	json_key_jstr(&w, STR("name"), b->name);
	json_close(&w, '}');
	json_close(&w, '}');
	close_frame(e, &w, at);
}

static size_t open_delta(struct emitter *e, const struct emit_block *b,
                         struct json_writer *w)
{
	size_t at = open_frame(e, STR("contentBlockDelta"), w);

	json_key_uint(w, STR("contentBlockIndex"), b->index);
	json_key(w, STR("delta"));
	json_open(w, '{');
	return at;
}

static void close_delta(struct emitter *e, struct json_writer *w, size_t at)
{
	json_close(w, '}');
	close_frame(e, w, at);
}

static void emit_piece(struct emitter *e, struct emit_block *b, jstr text,
                       struct json_value logprobs)
{
	struct json_writer w;
	size_t at = open_delta(e, b, &w);

	if (b->what == CHAT_CALL) {
		json_key(&w, STR("toolUse"));
		json_open(&w, '{');
		json_key_jstr(&w, STR("input"), text);
		json_close(&w, '}');
	} else if (b->what == CHAT_REASONING) {
		json_key(&w, STR("reasoningContent"));
		json_open(&w, '{');
		json_key_jstr(&w, STR("text"), text);
		json_close(&w, '}');
	} else {
		json_key_jstr(&w, STR("text"), text);
	}
	close_delta(e, &w, at);
}

static void emit_cite(struct emitter *e, struct emit_block *b,
                      const struct chat_citation *c)
{
	struct json_writer w;
	size_t at;

	if (!c->url.len && !c->title.len && !c->cited.len)
		return;
	at = open_delta(e, b, &w);
	json_key(&w, STR("citation"));
	write_citation(&w, c);
	close_delta(e, &w, at);
}

static void emit_seal(struct emitter *e, struct emit_block *b)
{
	struct json_writer w;
	size_t at = open_delta(e, b, &w);

	json_key(&w, STR("reasoningContent"));
	json_open(&w, '{');
	if (b->seal.redacted)
		write_redacted(e, &w, &b->seal);
	else
		json_key_jstr(&w, STR("signature"),
		              chat_seal_show(&e->keep, &b->seal, WIRE_BEDROCK));
	json_close(&w, '}');
	close_delta(e, &w, at);
}

static void emit_close(struct emitter *e, struct emit_block *b)
{
	struct json_writer w;
	size_t at;

	if (b->what == CHAT_REASONING)
		emit_seal(e, b);
	at = open_frame(e, STR("contentBlockStop"), &w);
	json_key_uint(&w, STR("contentBlockIndex"), b->index);
	close_frame(e, &w, at);
}

static void emit_last(struct emitter *e)
{
	struct json_writer w;
	size_t at = open_frame(e, STR("messageStop"), &w);

	json_key_str(&w, STR("stopReason"), stop_reason(e->choices[0].finish));
	close_frame(e, &w, at);
	at = open_frame(e, STR("metadata"), &w);
	write_usage(e, &w);
	close_frame(e, &w, at);
}

static void emit_failure(struct emitter *e, fault_t why, str message)
{
	wire_bedrock.write_stream_fault(e->to, why, message);
}

const struct emit_ops bedrock_emit = {
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

static void write_reasoning(struct emitter *e, struct json_writer *w,
                            const struct emit_block *b)
{
	json_key(w, STR("reasoningContent"));
	json_open(w, '{');
	if (b->seal.redacted && b->text.len == 0) {
		write_redacted(e, w, &b->seal);
	} else {
		json_key(w, STR("reasoningText"));
		json_open(w, '{');
		json_key_jstr(w, STR("text"), buf_str(&b->text));
		json_key_jstr(w, STR("signature"),
		              chat_seal_show(&e->keep, &b->seal, WIRE_BEDROCK));
		json_close(w, '}');
	}
	json_close(w, '}');
}

static void write_cited(struct json_writer *w, const struct emit_block *b)
{
	json_key(w, STR("citationsContent"));
	json_open(w, '{');
	json_key(w, STR("content"));
	json_open(w, '[');
	json_open(w, '{');
	json_key_jstr(w, STR("text"), buf_str(&b->text));
	json_close(w, '}');
	json_close(w, ']');
	json_key(w, STR("citations"));
	json_open(w, '[');
	for (const struct chat_citation *c = b->citations; c; c = c->next)
		write_citation(w, c);
	json_close(w, ']');
	json_close(w, '}');
}

static void write_call(struct emitter *e, struct json_writer *w,
                       const struct emit_block *b)
{
	json_key(w, STR("toolUse"));
	json_open(w, '{');
	json_key_jstr(w, STR("toolUseId"), b->id);
	json_key_jstr(w, STR("name"), b->name);
	json_key(w, STR("input"));
	bedrock_write_args(w, &e->keep, buf_str(&b->text));
	json_close(w, '}');
}

static void write_block(struct emitter *e, struct json_writer *w,
                        const struct emit_block *b)
{
	json_open(w, '{');
	if (b->what == CHAT_CALL)
		write_call(e, w, b);
	else if (b->what == CHAT_REASONING)
		write_reasoning(e, w, b);
	else if (b->citations)
		write_cited(w, b);
	else
		json_key_jstr(w, STR("text"), buf_str(&b->text));
	json_close(w, '}');
}

void bedrock_write_reply(struct emitter *e)
{
	struct json_writer w = { .to = e->to };

	json_open(&w, '{');
	json_key(&w, STR("output"));
	json_open(&w, '{');
	json_key(&w, STR("message"));
	json_open(&w, '{');
	json_key_str(&w, STR("role"), STR("assistant"));
	json_key(&w, STR("content"));
	json_open(&w, '[');
	for (const struct emit_block *b = e->choices[0].first; b; b = b->next) {
		if (!b->skipped)
			write_block(e, &w, b);
	}
	json_close(&w, ']');
	json_close(&w, '}');
	json_close(&w, '}');
	json_key_str(&w, STR("stopReason"), stop_reason(e->choices[0].finish));
	write_usage(e, &w);
	json_close(&w, '}');
}
