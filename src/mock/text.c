/* text.c - the answers of text models, whole or as a stream of chunks.
 *
 * A chat and an old completion differ in four words and in where the text stands, so both
 * are written by the same functions. */
#include "mock/text.h"

/* ---- what whole answers and chunks have in common ---- */

static void open_object(const struct call *c, const struct text *t, struct json_writer *w,
                        str object)
{
	json_open(w, '{');
	json_key_str(w, STR("id"), t->id);
	json_key_str(w, STR("object"), object);
	json_key_int(w, STR("created"), c->created);
	json_key_str(w, STR("model"), c->model->id);
	json_key_str(w, STR("system_fingerprint"), STR("mock"));
	json_key(w, STR("choices"));
	json_open(w, '[');
}

static void write_usage(const struct text *t, struct json_writer *w)
{
	uint64_t completion = t->completion * t->choices;

	json_key(w, STR("usage"));
	json_open(w, '{');
	json_key(w, STR("prompt_tokens"));
	json_uint(w, t->prompt);
	json_key(w, STR("completion_tokens"));
	json_uint(w, completion);
	json_key(w, STR("total_tokens"));
	json_uint(w, t->prompt + completion);
	json_key(w, STR("prompt_tokens_details"));
	json_open(w, '{');
	json_key(w, STR("cached_tokens"));
	json_uint(w, t->cached);
	json_close(w, '}');
	json_key(w, STR("completion_tokens_details"));
	json_open(w, '{');
	json_key(w, STR("reasoning_tokens"));
	json_uint(w, t->thought * t->choices);
	json_close(w, '}');
	json_close(w, '}');
}

/* The end of a choice: what comes behind its text. */
static void close_choice(struct json_writer *w, str finish)
{
	json_key(w, STR("logprobs"));
	json_null(w);
	json_key(w, STR("finish_reason"));
	finish.len ? json_str(w, finish) : json_null(w);
	json_close(w, '}');
}

/* The list with the one call; a stream begins without arguments. */
static void write_call(struct call *c, const struct text *t, struct json_writer *w,
                       bool is_chunk)
{
	json_key(w, STR("tool_calls"));
	json_open(w, '[');
	json_open(w, '{');
	if (is_chunk)
		json_key_int(w, STR("index"), 0);
	json_key_str(w, STR("id"), call_id(c, "call_"));
	json_key_str(w, STR("type"), STR("function"));
	json_key(w, STR("function"));
	json_open(w, '{');
	json_key_str(w, STR("name"), t->tool);
	json_key_str(w, STR("arguments"), is_chunk ? STR_NONE : t->says);
	json_close(w, '}');
	json_close(w, '}');
	json_close(w, ']');
}

/* ---- whole ---- */

static void write_message(struct call *c, const struct text *t, struct json_writer *w)
{
	json_key(w, STR("message"));
	json_open(w, '{');
	json_key_str(w, STR("role"), STR("assistant"));
	if (t->thinks.len)
		json_key_str(w, STR("reasoning_content"), t->thinks);
	json_key(w, STR("content"));
	if (t->tool.len) {
		json_null(w);
		write_call(c, t, w, false);
	} else {
		json_str(w, t->says);
	}
	json_key(w, STR("refusal"));
	json_null(w);
	json_close(w, '}');
}

static void write_whole(struct call *c, const struct text *t)
{
	struct json_writer w = { .to = &c->out };

	open_object(c, t, &w,
	            t->is_chat ? STR("chat.completion") : STR("text_completion"));
	for (uint64_t i = 0; i < t->choices; i++) {
		json_open(&w, '{');
		json_key(&w, STR("index"));
		json_uint(&w, i);
		if (t->is_chat)
			write_message(c, t, &w);
		else
			json_key_str(&w, STR("text"), t->says);
		close_choice(&w, t->finish);
	}
	json_close(&w, ']');
	write_usage(t, &w);
	json_close(&w, '}');
}

/* ---- as a stream ---- */

/* What a chunk says: {"role": ...}, a token, or nothing. */
static void write_delta(struct call *c, const struct text *t, struct json_writer *w,
                        str token)
{
	json_key(w, STR("delta"));
	json_open(w, '{');
	if (t->phase == TEXT_BEGINS) {
		json_key_str(w, STR("role"), STR("assistant"));
		json_key(w, STR("content"));
		t->tool.len ? json_null(w) : json_str(w, STR(""));
		if (t->tool.len)
			write_call(c, t, w, true);
	} else if (t->phase == TEXT_THINKS) {
		json_key_str(w, STR("reasoning_content"), token);
	} else if (token.len && !t->tool.len) {
		json_key_str(w, STR("content"), token);
	} else if (token.len) {
		json_key(w, STR("tool_calls"));
		json_open(w, '[');
		json_open(w, '{');
		json_key_int(w, STR("index"), 0);
		json_key(w, STR("function"));
		json_open(w, '{');
		json_key_str(w, STR("arguments"), token);
		json_close(w, '}');
		json_close(w, '}');
		json_close(w, ']');
	}
	json_close(w, '}');
}

/* One event; `choice` is none for the chunk of usage. */
static void write_chunk(struct call *c, const struct text *t, uint64_t choice, str token,
                        struct buf *to)
{
	struct json_writer w = { .to = to };

	buf_add(to, STR("data: "));
	open_object(c, t, &w,
	            t->is_chat ? STR("chat.completion.chunk") : STR("text_completion"));
	if (t->phase != TEXT_USAGE) {
		json_open(&w, '{');
		json_key(&w, STR("index"));
		json_uint(&w, choice);
		if (t->is_chat)
			write_delta(c, t, &w, token);
		else
			json_key_str(&w, STR("text"), token);
		close_choice(&w, t->phase == TEXT_ENDS ? t->finish : STR_NONE);
	}
	json_close(&w, ']');
	if (t->phase == TEXT_USAGE) {
		write_usage(t, &w);
	} else if (t->with_usage) {
		json_key(&w, STR("usage"));
		json_null(&w);
	}
	json_close(&w, '}');
	buf_add(to, STR("\n\n"));
}

static void write_chunks(struct call *c, const struct text *t, str token, struct buf *to)
{
	for (uint64_t i = 0; i < t->choices; i++)
		write_chunk(c, t, i, token, to);
}

/* One step of the stream: a token of every choice, or what stands around them. */
static bool more(struct call *c, struct buf *to)
{
	struct text *t = c->state;
	str token;

	switch (t->phase) {
	case TEXT_BEGINS:
		if (t->is_chat)
			write_chunks(c, t, STR_NONE, to);
		t->phase = t->is_chat && t->thinks.len ? TEXT_THINKS : TEXT_GOES_ON;
		return true;
	case TEXT_THINKS:
		if (words_next(&t->thinking, &token)) {
			write_chunks(c, t, token, to);
			c->told++;
		} else {
			t->phase = TEXT_GOES_ON;
		}
		return true;
	case TEXT_GOES_ON:
		if (words_next(&t->rest, &token)) {
			write_chunks(c, t, token, to);
			c->told++;
			return true;
		}
		t->phase = TEXT_ENDS;
		/* A model that breaks never comes to its end. */
		if (c->model->ends != ENDS_WHOLE)
			c->told = UINT64_MAX;
		return true;
	case TEXT_ENDS:
		write_chunks(c, t, STR_NONE, to);
		t->phase = t->with_usage ? TEXT_USAGE : TEXT_DONE;
		return true;
	case TEXT_USAGE:
		write_chunk(c, t, 0, STR_NONE, to);
		t->phase = TEXT_DONE;
		return true;
	case TEXT_DONE:
		break;
	}
	buf_add(to, STR("data: [DONE]\n\n"));
	return false;
}

refusal_t plan_text(struct call *c)
{
	struct text *t = arena_new(&c->arena, struct text);
	refusal_t why = prompt_read(c, t);

	if (why)
		return why;
	t->rest = t->says;
	t->thinking = t->thinks;
	t->id = call_id(c, t->is_chat ? "chatcmpl-" : "cmpl-");
	c->given = t->prompt;
	c->cached = t->cached = min_of(c->cached_asked, c->given);
	c->length = t->completion;
	c->thought = t->thought;
	c->choices = t->choices;
	if (!t->is_stream) {
		write_whole(c, t);
		return NULL;
	}
	c->state = t;
	c->more = more;
	c->all = words_count(t->says) + words_count(t->thinks);
	call_streams(c);
	return NULL;
}
