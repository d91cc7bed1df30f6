/* anthropic_emit.c - answers in Anthropic's form, streamed or whole.
 *
 * A stream begins before anybody has counted: message_start has our estimate of the
 * input, and message_delta the provider's figures, which clients let replace the first.
 * Reasoning of other vendors gets a signature with our mark (chat_seal_show); clients
 * send it back unread.  Facts: wire-formats 5.7-5.9, 12.1, 14.1, 14.2. */
#include "wire/anthropic.h"
#include "wire/fold.h"

static void write_event(struct emitter *e, struct json_writer *w, str type)
{
	emit_data_begin(e, type, w);
	json_open(w, '{');
	json_key_str(w, STR("type"), type);
}

static void end_event(struct emitter *e, struct json_writer *w)
{
	json_close(w, '}');
	emit_data_end(e);
}

/* ---- shared by streams and whole answers ---- */

static void write_usage(struct json_writer *w, const struct token_usage *u)
{
	uint64_t cached = u->cache_read + u->cache_write;

	json_key(w, STR("usage"));
	json_open(w, '{');
	json_key_int(w, STR("input_tokens"),
	             (int64_t)(u->input > cached ? u->input - cached : 0));
	json_key_int(w, STR("cache_creation_input_tokens"), (int64_t)u->cache_write);
	json_key_int(w, STR("cache_read_input_tokens"), (int64_t)u->cache_read);
	if (u->cache_write) {
		json_key(w, STR("cache_creation"));
		json_open(w, '{');
		json_key_int(w, STR("ephemeral_5m_input_tokens"),
		             (int64_t)(u->cache_write - u->cache_write_1h));
		json_key_int(w, STR("ephemeral_1h_input_tokens"),
		             (int64_t)u->cache_write_1h);
		json_close(w, '}');
	}
	json_key_int(w, STR("output_tokens"), (int64_t)u->output);
	if (u->reasoning) {
		json_key(w, STR("output_tokens_details"));
		json_open(w, '{');
		json_key_int(w, STR("thinking_tokens"), (int64_t)u->reasoning);
		json_close(w, '}');
	}
	if (u->searches) {
		json_key(w, STR("server_tool_use"));
		json_open(w, '{');
		json_key_int(w, STR("web_search_requests"), (int64_t)u->searches);
		json_close(w, '}');
	}
	json_close(w, '}');
}

static void write_stop(struct json_writer *w, const struct emit_choice *c)
{
	static const str reasons[] = {
		[FINISH_NONE] = STR_INIT("end_turn"),
		[FINISH_STOP] = STR_INIT("end_turn"),
		[FINISH_SEQUENCE] = STR_INIT("stop_sequence"),
		[FINISH_LENGTH] = STR_INIT("max_tokens"),
		[FINISH_CONTEXT] = STR_INIT("model_context_window_exceeded"),
		[FINISH_CALLS] = STR_INIT("tool_use"),
		[FINISH_FILTER] = STR_INIT("refusal"),
		[FINISH_REFUSAL] = STR_INIT("refusal"),
		[FINISH_PAUSE] = STR_INIT("pause_turn"),
		[FINISH_ERROR] = STR_INIT("refusal"), /* never gets here */
	};

	json_key_str(w, STR("stop_reason"), reasons[c->finish]);
	json_key(w, STR("stop_sequence"));
	if (c->finish == FINISH_SEQUENCE && c->stop.len)
		json_jstr(w, c->stop);
	else
		json_null(w);
}

static void write_head(struct emitter *e, struct json_writer *w)
{
	json_key(w, STR("id"));
	json_raw(w, STR("\"msg_"));
	buf_add(e->to, e->seed);
	buf_add_char(e->to, '"');
	json_key_str(w, STR("type"), STR("message"));
	json_key_str(w, STR("role"), STR("assistant"));
	json_key_jstr(w, STR("model"), e->model);
}

static bool is_redacted(const struct emit_block *b)
{
	return b->what == CHAT_REASONING && b->seal.redacted && b->bytes == 0;
}

static void write_seal(struct json_writer *w, str key, const struct emit_block *b)
{
	struct arena keep = { .ceiling = b->seal.blob.len + KiB };

	json_key_jstr(w, key, chat_seal_show(&keep, &b->seal, WIRE_ANTHROPIC));
	arena_done(&keep);
}

/* Anthropic's own keeps its place and its ciphertext. */
static void write_citation(struct json_writer *w, const struct chat_citation *c)
{
	if (c->raw.len) {
		json_raw(w, c->raw);
		return;
	}
	json_open(w, '{');
	json_key_str(w, STR("type"), STR("web_search_result_location"));
	json_key_jstr(w, STR("url"), c->url);
	json_key_jstr(w, STR("title"), c->title);
	json_key_jstr(w, STR("cited_text"), c->cited);
	json_key_str(w, STR("encrypted_index"), STR(ANTHROPIC_NO_INDEX));
	json_close(w, '}');
}

/* ---- streams ---- */

static void on_start(struct emitter *e)
{
	const struct token_usage estimate = { .input = e->input_estimate };
	struct json_writer w;

	write_event(e, &w, STR("message_start"));
	json_key(&w, STR("message"));
	json_open(&w, '{');
	write_head(e, &w);
	json_key(&w, STR("content"));
	json_raw(&w, STR("[]"));
	json_key(&w, STR("stop_reason"));
	json_null(&w);
	json_key(&w, STR("stop_sequence"));
	json_null(&w);
	write_usage(&w, &estimate);
	json_close(&w, '}');
	end_event(e, &w);
}

/* What a block is before anything came: of a whole one what is known from the start. */
static void write_beginning(struct json_writer *w, const struct emit_block *b)
{
	if (b->what == CHAT_FOREIGN) {
		json_raw(w, b->raw);
		return;
	}
	json_open(w, '{');
	if (b->what == CHAT_CALL) {
		json_key_str(w, STR("type"), STR("tool_use"));
		json_key_jstr(w, STR("id"), b->id);
		json_key_jstr(w, STR("name"), b->name);
		json_key(w, STR("input"));
		json_raw(w, STR("{}"));
	} else if (is_redacted(b)) {
		json_key_str(w, STR("type"), STR("redacted_thinking"));
		write_seal(w, STR("data"), b);
	} else if (b->what == CHAT_REASONING) {
		json_key_str(w, STR("type"), STR("thinking"));
		json_key_str(w, STR("thinking"), STR_NONE);
		json_key_str(w, STR("signature"), STR_NONE);
	} else {
		json_key_str(w, STR("type"), STR("text"));
		json_key_str(w, STR("text"), STR_NONE);
	}
	json_close(w, '}');
}

static void begin_delta(struct emitter *e, const struct emit_block *b,
                        struct json_writer *w, str type)
{
	write_event(e, w, STR("content_block_delta"));
	json_key_int(w, STR("index"), b->index);
	json_key(w, STR("delta"));
	json_open(w, '{');
	json_key_str(w, STR("type"), type);
}

static void end_delta(struct emitter *e, struct json_writer *w)
{
	json_close(w, '}');
	end_event(e, w);
}

static void write_delta(struct emitter *e, const struct emit_block *b, str type,
                        str member, jstr text)
{
	struct emit_form form = { .from = e->to->len };
	struct json_writer w;

	begin_delta(e, b, &w, type);
	json_key_jstr(&w, member, text);
	form.text_end = e->to->len - 1; /* before the quote */
	form.text_at = form.text_end - text.len;
	end_delta(e, &w);
	emit_remember(e, b, &form);
}

static void on_open(struct emitter *e, struct emit_block *b)
{
	struct json_writer w;

	write_event(e, &w, STR("content_block_start"));
	json_key_int(&w, STR("index"), b->index);
	json_key(&w, STR("content_block"));
	write_beginning(&w, b);
	end_event(e, &w);
	if (b->is_custom) /* free text travels as the one member of an object */
		write_delta(e, b, STR("input_json_delta"), STR("partial_json"),
		            STR("{\\\"input\\\":\\\""));
}

static bool is_compaction(const struct emit_block *b)
{
	const struct json_value block = { JSON_OBJECT, b->raw };

	return json_text_is(json_get(block, STR("type")), STR("compaction"));
}

static void on_piece(struct emitter *e, struct emit_block *b, jstr text,
                     struct json_value logprobs)
{
	/* A block has one kind of delta; free text alone is written in another way. */
	if (text.len == 0 || (!b->is_custom && emit_again(e, b, text)))
		return;
	if (b->what == CHAT_REASONING) {
		write_delta(e, b, STR("thinking_delta"), STR("thinking"), text);
	} else if (b->what == CHAT_FOREIGN && is_compaction(b)) {
		write_delta(e, b, STR("compaction_delta"), STR("content"), text);
	} else if (b->is_custom) {
		struct json_writer w;

		begin_delta(e, b, &w, STR("input_json_delta"));
		json_key_str(&w, STR("partial_json"), text); /* escaped once more */
		end_delta(e, &w);
	} else if (b->what == CHAT_CALL || b->what == CHAT_FOREIGN) {
		write_delta(e, b, STR("input_json_delta"), STR("partial_json"), text);
	} else {
		write_delta(e, b, STR("text_delta"), STR("text"), text);
	}
}

static void on_cite(struct emitter *e, struct emit_block *b,
                    const struct chat_citation *c)
{
	struct json_writer w;

	begin_delta(e, b, &w, STR("citations_delta"));
	json_key(&w, STR("citation"));
	write_citation(&w, c);
	end_delta(e, &w);
}

static void on_close(struct emitter *e, struct emit_block *b)
{
	struct json_writer w;

	if (b->is_custom)
		write_delta(e, b, STR("input_json_delta"), STR("partial_json"),
		            STR("\\\"}"));
	if (b->what == CHAT_REASONING && !is_redacted(b)) {
		begin_delta(e, b, &w, STR("signature_delta"));
		write_seal(&w, STR("signature"), b);
		end_delta(e, &w);
	}
	write_event(e, &w, STR("content_block_stop"));
	json_key_int(&w, STR("index"), b->index);
	end_event(e, &w);
}

static void on_end(struct emitter *e)
{
	struct json_writer w;

	write_event(e, &w, STR("message_delta"));
	json_key(&w, STR("delta"));
	json_open(&w, '{');
	write_stop(&w, &e->choices[0]);
	json_close(&w, '}');
	write_usage(&w, &e->usage);
	end_event(e, &w);
	write_event(e, &w, STR("message_stop"));
	end_event(e, &w);
}

static void on_fault(struct emitter *e, fault_t why, str message)
{
	struct json_writer w;

	emit_data_begin(e, STR("error"), &w);
	anthropic_write_error(&w, why, message);
	emit_data_end(e);
}

const struct emit_ops anthropic_emit_ops = {
	.kinds = 1 << CHAT_TEXT | 1 << CHAT_REFUSAL | 1 << CHAT_REASONING |
	         1 << CHAT_CALL | 1 << CHAT_FOREIGN,
	.start = on_start,
	.open = on_open,
	.piece = on_piece,
	.cite = on_cite,
	.close = on_close,
	.end = on_end,
	.fault = on_fault,
};

/* ---- whole answers ---- */

/* A text between quotes that holds the JSON text of an object, as that object. */
static void write_object(struct json_writer *w, jstr text)
{
	struct arena keep = { .ceiling = text.len + KiB };
	str plain = str_trim(chat_plain(&keep, text));
	struct json_value v;

	if (!plain.len) {
		json_raw(w, STR("{}"));
	} else if (!json_check(plain, &json_limits_default, &v) &&
	           v.type == JSON_OBJECT) {
		json_raw(w, v.raw);
	} else { /* the model wrote something else: the client shall see it */
		json_open(w, '{');
		json_key_jstr(w, STR("_raw"), text);
		json_close(w, '}');
	}
	arena_done(&keep);
}

static void write_custom(struct json_writer *w, jstr text)
{
	json_open(w, '{');
	json_key_jstr(w, STR("input"), text);
	json_close(w, '}');
}

/* As it began, and what came later in the member it belongs to. */
static void write_foreign(struct json_writer *w, const struct emit_block *b)
{
	const struct json_value block = { JSON_OBJECT, b->raw };
	bool is_summary = is_compaction(b);
	str late = is_summary ? STR("content") : STR("input");
	struct json_member m;

	if (b->text.len == 0) {
		json_raw(w, b->raw);
		return;
	}
	json_open(w, '{');
	for (struct json_iter it = json_iter(block); json_next(&it, &m);) {
		if (str_eq(m.key, late))
			continue;
		fold_write_key(w, m.key);
		json_raw(w, m.value.raw);
	}
	json_key(w, late);
	if (is_summary)
		json_jstr(w, buf_str(&b->text));
	else
		write_object(w, buf_str(&b->text));
	json_close(w, '}');
}

static void write_block(struct json_writer *w, const struct emit_block *b)
{
	if (b->what == CHAT_FOREIGN) {
		write_foreign(w, b);
		return;
	}
	if (is_redacted(b)) {
		write_beginning(w, b);
		return;
	}
	json_open(w, '{');
	if (b->what == CHAT_CALL) {
		json_key_str(w, STR("type"), STR("tool_use"));
		json_key_jstr(w, STR("id"), b->id);
		json_key_jstr(w, STR("name"), b->name);
		json_key(w, STR("input"));
		if (b->is_custom)
			write_custom(w, buf_str(&b->text));
		else
			write_object(w, buf_str(&b->text));
	} else if (b->what == CHAT_REASONING) {
		json_key_str(w, STR("type"), STR("thinking"));
		json_key_jstr(w, STR("thinking"), buf_str(&b->text));
		write_seal(w, STR("signature"), b);
	} else {
		json_key_str(w, STR("type"), STR("text"));
		json_key_jstr(w, STR("text"), buf_str(&b->text));
		if (b->citations) {
			json_key(w, STR("citations"));
			json_open(w, '[');
			for (const struct chat_citation *c = b->citations; c; c = c->next)
				write_citation(w, c);
			json_close(w, ']');
		}
	}
	json_close(w, '}');
}

void anthropic_write_reply(struct emitter *e)
{
	struct json_writer w = { .to = e->to };

	json_open(&w, '{');
	write_head(e, &w);
	json_key(&w, STR("content"));
	json_open(&w, '[');
	for (const struct emit_block *b = e->choices[0].first; b; b = b->next) {
		if (!b->skipped)
			write_block(&w, b);
	}
	json_close(&w, ']');
	write_stop(&w, &e->choices[0]);
	write_usage(&w, &e->usage);
	json_close(&w, '}');
}
