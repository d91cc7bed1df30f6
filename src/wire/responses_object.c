/* responses_object.c - the response object, written whole: for the end of a stream, and
 * for an answer without stream.
 *
 * Where a provider that speaks the format has begun the answer, what stays the same in
 * all its events was kept (responses_keep_head) and is said again; else it is made here.
 * The items of the output are responses_output.c's.
 *
 * Facts: wire-formats 3.3, 3.4, 12.1, 14.1. */
#include "wire/responses.h"

static bool has_refusal(const struct emitter *e)
{
	for (const struct emit_block *b = e->choices[0].first; b; b = b->next) {
		if (b->what == CHAT_REFUSAL && b->opened)
			return true;
	}
	return false;
}

struct responses_status responses_end_status(const struct emitter *e)
{
	struct responses_status s = { .status = STR("completed"), .has_output = true };

	switch (e->choices[0].finish) {
	case FINISH_NONE:
	case FINISH_STOP:
	case FINISH_SEQUENCE:
	case FINISH_CALLS:
		return s;
	case FINISH_REFUSAL:
		if (has_refusal(e)) /* its words are there: an answer of its kind */
			return s;
		s.reason = STR("content_filter");
		break;
	case FINISH_FILTER:
		s.reason = STR("content_filter");
		break;
	case FINISH_LENGTH:
	case FINISH_CONTEXT:
	case FINISH_PAUSE:
		s.reason = STR("max_output_tokens");
		break;
	case FINISH_ERROR:
		s.status = STR("failed");
		s.why = FAULT_UPSTREAM_FAILED;
		return s;
	}
	s.status = STR("incomplete");
	s.last_is_cut = true;
	return s;
}

static void write_output(struct json_writer *w, struct emitter *e,
                         const struct responses_status *s)
{
	const struct emit_block *b = s->has_output ? responses_first_item(e) : NULL,
	                        *next;

	json_key(w, STR("output"));
	json_open(w, '[');
	for (unsigned i = 0; b; b = next, i++) {
		next = responses_next_item(b);
		responses_write_item(w, e, b, i,
		                     s->last_is_cut && !next ? STR("incomplete")
		                                             : responses_item_status(b));
	}
	json_close(w, ']');
}

static void write_usage(struct json_writer *w, const struct emitter *e,
                        const struct responses_status *s)
{
	const struct token_usage *u = &e->usage;

	json_key(w, STR("usage"));
	if (!s->has_output || !e->has_usage) {
		json_null(w);
		return;
	}
	json_open(w, '{');
	json_key_int(w, STR("input_tokens"), (int64_t)u->input);
	json_key(w, STR("input_tokens_details"));
	json_open(w, '{');
	json_key_int(w, STR("cached_tokens"), (int64_t)u->cache_read);
	json_key_int(w, STR("cache_write_tokens"), (int64_t)u->cache_write);
	json_close(w, '}');
	json_key_int(w, STR("output_tokens"), (int64_t)u->output);
	json_key(w, STR("output_tokens_details"));
	json_open(w, '{');
	json_key_int(w, STR("reasoning_tokens"), (int64_t)u->reasoning);
	json_close(w, '}');
	json_key_int(w, STR("total_tokens"), (int64_t)(u->input + u->output));
	json_close(w, '}');
}

static void write_troubles(struct json_writer *w, const struct responses_status *s)
{
	json_key(w, STR("error"));
	if (s->why) {
		json_open(w, '{');
		json_key_str(w, STR("code"), responses_fault_code(s->why));
		json_key_str(w, STR("message"),
		             s->message.len ? s->message : s->why->text);
		json_close(w, '}');
	} else {
		json_null(w);
	}
	json_key(w, STR("incomplete_details"));
	if (s->reason.len) {
		json_open(w, '{');
		json_key_str(w, STR("reason"), s->reason);
		json_close(w, '}');
	} else {
		json_null(w);
	}
}

/* What stays the same in all events that have the whole response. */
void responses_keep_head(str data, struct buf *to)
{
	static const str others[] = {
		STR_INIT("object"),      STR_INIT("status"),
		STR_INIT("output"),      STR_INIT("usage"),
		STR_INIT("error"),       STR_INIT("incomplete_details"),
		STR_INIT("completed_at")
	};
	struct json_writer w = { .to = to };
	struct json_value root, response;
	struct json_member m;

	if (json_check(data, &json_limits_default, &root))
		return;
	response = json_get(root, STR("response"));
	if (response.type != JSON_OBJECT)
		return;
	json_open(&w, '{');
	for (struct json_iter it = json_iter(response); json_next(&it, &m);) {
		bool is_other = false;

		for (size_t i = 0; i < countof(others); i++)
			is_other |= str_eq(m.key, others[i]);
		if (is_other)
			continue;
		json_key(&w, m.key);
		json_raw(&w, m.value.raw);
	}
	json_close(&w, '}');
}

static void write_kept(struct json_writer *w, struct emitter *e,
                       const struct responses_status *s)
{
	const struct json_value head = { JSON_OBJECT, e->head };
	struct json_member m;

	json_key_str(w, STR("object"), STR("response"));
	json_key_str(w, STR("status"), s->status);
	write_troubles(w, s);
	for (struct json_iter it = json_iter(head); json_next(&it, &m);) {
		json_key(w, m.key);
		json_raw(w, m.value.raw);
	}
	write_output(w, e, s);
	write_usage(w, e, s);
}

void responses_write_object(struct json_writer *w, struct emitter *e,
                            const struct responses_status *s)
{
	if (e->head.len) {
		json_open(w, '{');
		write_kept(w, e, s);
		json_close(w, '}');
		return;
	}
	json_open(w, '{');
	json_key(w, STR("id"));
	json_raw(w, STR("\"resp_"));
	buf_add(w->to, e->seed);
	buf_add_char(w->to, '"');
	json_key_str(w, STR("object"), STR("response"));
	json_key_int(w, STR("created_at"), (int64_t)e->created);
	json_key_str(w, STR("status"), s->status);
	write_troubles(w, s);
	json_key_jstr(w, STR("model"), e->model);
	write_output(w, e, s);
	buf_add_char(w->to, ',');
	if (e->echo.len)
		buf_add(w->to, e->echo);
	else
		responses_add_echo(w->to, STR_NONE);
	write_usage(w, e, s);
	json_close(w, '}');
}

void responses_write_reply(struct emitter *e)
{
	struct json_writer w = { .to = e->to };
	struct responses_status s = responses_end_status(e);

	responses_write_object(&w, e, &s);
}
