/* openai_reply.c - answers of the chat format and its dialects, whole or as a stream,
 * read into neutral events.
 *
 * A chunk and a whole answer have the same shape, but for "delta" and "message": one
 * reader does both.  Here stand the frame around them, how choices and streams end, and
 * failures; what a delta says stands in openai_delta.c.
 *
 * Facts: wire-formats 2.3-2.6, 10, 12.1, 14.3; each oddity below was recorded or is
 * documented there. */
#include "wire/openai_reading.h"

#include "wire/complaint.h"
/* ---- the end of a choice ---- */

static const struct {
	str word;
	enum chat_finish finish;
} finishes[] = {
	{ STR_INIT("stop"), FINISH_STOP },
	{ STR_INIT("length"), FINISH_LENGTH },
	{ STR_INIT("tool_calls"), FINISH_CALLS },
	{ STR_INIT("function_call"), FINISH_CALLS },
	{ STR_INIT("content_filter"), FINISH_FILTER },
	/* dialects (wire-formats 12.1) */
	{ STR_INIT("error"), FINISH_ERROR },
	{ STR_INIT("insufficient_system_resource"), FINISH_ERROR },
	{ STR_INIT("network_error"), FINISH_ERROR },
	{ STR_INIT("abort"), FINISH_ERROR },
	{ STR_INIT("eos"), FINISH_STOP },
	{ STR_INIT("eos_token"), FINISH_STOP },
	{ STR_INIT("end_turn"), FINISH_STOP },
	{ STR_INIT("load"), FINISH_STOP },
	{ STR_INIT("stop_sequence"), FINISH_SEQUENCE },
	{ STR_INIT("max_tokens"), FINISH_LENGTH },
	{ STR_INIT("model_length"), FINISH_CONTEXT },
	{ STR_INIT("model_context_window_exceeded"), FINISH_CONTEXT },
	{ STR_INIT("tool_use"), FINISH_CALLS },
	{ STR_INIT("sensitive"), FINISH_FILTER },
	{ STR_INIT("safety"), FINISH_FILTER },
	{ STR_INIT("refusal"), FINISH_REFUSAL },
};

static enum chat_finish find_finish(struct reading *g, struct json_value word)
{
	for (size_t i = 0; i < countof(finishes); i++) {
		if (json_text_is(word, finishes[i].word))
			return finishes[i].finish;
	}
	reading_odd(g, str_of(word.raw.ptr + 1, word.raw.len - 2));
	return FINISH_STOP;
}

static enum chat_finish get_reason(const struct chat_reader *rd, unsigned choice)
{
	return (enum chat_finish)(rd->own[REASONS + choice / 16] >> choice % 16 * 4 & 15);
}

/* Nothing more of the choice is read. */
static void tell_finish(struct reading *g, jstr stop)
{
	struct chat_reader *rd = g->rd;
	uint64_t bit = (uint64_t)1 << g->choice;
	enum chat_finish finish = get_reason(rd, g->choice);

	if (rd->own[TOLD] & bit)
		return;
	reading_close_talk(g);
	rd->own[TOLD] |= bit;
	if (finish == FINISH_STOP && (rd->own[REFUSED] & bit))
		finish = FINISH_REFUSAL;
	if (finish == FINISH_STOP && (rd->own[HAS_CALLS] & bit))
		finish = FINISH_CALLS;
	if (finish == FINISH_STOP && stop.len)
		finish = FINISH_SEQUENCE;
	reading_push(g, &(struct chat_event){
	                        .kind = CHAT_FINISH, .finish = finish, .text = stop });
}

static void tell_finishes(struct reading *g)
{
	const struct chat_reader *rd = g->rd;
	str stop = str_of(rd->kept, rd->kept_len);

	for (unsigned i = 0; i < CHOICES_MOST; i++) {
		g->choice = i;
		if (rd->own[FINISHED] >> i & 1)
			tell_finish(g, rd->own[STOP_CHOICE] == i + 1 ? stop : STR_NONE);
	}
}

/* A finish waits for the end of a stream, because some servers say more behind it; but a
 * failure is told at once. */
static void take_finish(struct reading *g, enum chat_finish finish, jstr stop)
{
	struct chat_reader *rd = g->rd;
	uint64_t bit = (uint64_t)1 << g->choice;

	if (rd->own[FINISHED] & bit)
		return; /* some say it twice */
	rd->own[FINISHED] |= bit;
	rd->own[REASONS + g->choice / 16] |= (uint64_t)finish << g->choice % 16 * 4;
	if (g->is_whole || finish == FINISH_ERROR) {
		tell_finish(g, stop);
	} else if (stop.len && stop.len <= sizeof(rd->kept) && !rd->own[STOP_CHOICE]) {
		memcpy(rd->kept, stop.ptr, stop.len);
		rd->kept_len = (uint8_t)stop.len;
		rd->own[STOP_CHOICE] = g->choice + 1;
	}
}

/* ---- a choice ---- */

struct choice {
	struct json_value delta, message, finish, logprobs, stop_reason;
	uint64_t index;
};

static void sort_choice(struct json_value v, struct choice *c)
{
	struct json_member m;

	for (struct json_iter it = json_iter(v); json_next(&it, &m);) {
		if (str_eq(m.key, STR("delta")))
			c->delta = m.value;
		else if (str_eq(m.key, STR("message")))
			c->message = m.value;
		else if (str_eq(m.key, STR("finish_reason")))
			c->finish = m.value;
		else if (str_eq(m.key, STR("logprobs")))
			c->logprobs = m.value;
		else if (str_eq(m.key, STR("stop_reason")))
			c->stop_reason = m.value; /* vLLM: the sequence, or a token */
		else if (str_eq(m.key, STR("index")))
			json_u64(m.value, &c->index);
	}
}

/* What is said behind a finish reason belongs to the answer, until the finish is told.
 * Perplexity has both in each choice: in a stream its message is all that was said so
 * far, in an answer its delta is empty. */
static void read_said(struct reading *g, const struct choice *c, bool is_late)
{
	struct json_value logprobs = json_get(c->logprobs, STR("content"));
	bool is_piece = !g->is_whole && (is_late || c->delta.type == JSON_OBJECT);
	bool is_message = c->message.type == JSON_OBJECT && !is_piece;

	if (!(g->rd->own[TOLD] >> g->choice & 1))
		openai_read_delta(g, is_message ? c->message : c->delta, logprobs);
	else if (json_has_text(json_get(c->delta, STR("content"))))
		reading_odd(g, STR("choices.delta"));
}

static void read_choice(struct reading *g, struct json_value root, struct json_value v,
                        uint64_t at)
{
	struct choice c = { .index = at };
	bool is_late;

	sort_choice(v, &c);
	if (v.type != JSON_OBJECT || c.index >= CHOICES_MOST) {
		reading_odd(g, STR("choices.index"));
		return;
	}
	g->choice = (unsigned)c.index;
	is_late = g->rd->own[FINISHED] >> g->choice & 1;
	g->rd->own[SEEN] |= (uint64_t)1 << g->choice;
	read_said(g, &c, is_late);
	if (json_has_text(c.finish)) {
		if (!is_late)
			openai_read_sources(g, root);
		take_finish(g, find_finish(g, c.finish),
		            chat_text_in(&g->keep, c.stop_reason));
	} else if (g->is_whole) {
		take_finish(g, FINISH_STOP, STR_NONE);
	}
}

static unsigned read_choices(struct reading *g, struct json_value root,
                             struct json_value list)
{
	struct json_member m;
	unsigned count = 0;

	if (list.type != JSON_ARRAY)
		return 0;
	for (struct json_iter it = json_iter(list); json_next(&it, &m); count++)
		read_choice(g, root, m.value, count);
	return count;
}

/* ---- failures ---- */

static str error_message(struct json_value root, struct json_value error)
{
	static const char *const places[] = { "error.message", "message", "detail" };

	if (error.type == JSON_STRING)
		return str_of(error.raw.ptr + 1, error.raw.len - 2);
	for (size_t i = 0; i < countof(places); i++) {
		struct json_value v = json_path(root, places[i]);

		if (json_has_text(v))
			return str_of(v.raw.ptr + 1, v.raw.len - 2);
	}
	return STR_NONE;
}

static void push_fault(struct reading *g, struct json_value root, struct json_value error)
{
	tell_finishes(g); /* what was whole before it is whole */
	chat_push(g->to, &(struct chat_event){
	                         .kind = CHAT_FAULT,
	                         .why = complaint_fault(&(struct complaint){
	                                 .format = WIRE_OPENAI_CHAT, .text = root.raw }),
	                         .text = error_message(root, error) });
}

static bool is_error(struct json_value v)
{
	if (v.type == JSON_OBJECT) {
		struct json_iter it = json_iter(v);
		struct json_member m;
		return json_next(&it, &m);
	}
	return json_has_text(v);
}

/* ---- a chunk or an answer ---- */

struct chunk {
	struct json_value id, model, choices, usage, error, object, groq, detail, message;
	struct json_value tier;
};

static void sort_chunk(struct json_value root, struct chunk *c)
{
	const struct {
		str name;
		struct json_value *value;
	} members[] = {
		{ STR("id"), &c->id },           { STR("model"), &c->model },
		{ STR("choices"), &c->choices }, { STR("usage"), &c->usage },
		{ STR("error"), &c->error },     { STR("object"), &c->object },
		{ STR("x_groq"), &c->groq },     { STR("detail"), &c->detail },
		{ STR("message"), &c->message }, { STR("service_tier"), &c->tier },
	};
	struct json_member m;

	for (struct json_iter it = json_iter(root); json_next(&it, &m);) {
		for (size_t i = 0; i < countof(members); i++) {
			if (str_eq(m.key, members[i].name))
				*members[i].value = m.value;
		}
	}
}

static void begin(struct reading *g, const struct chunk *c)
{
	/* Azure's first chunk has neither id nor model. */
	if (g->rd->begun || (!json_has_text(c->model) && c->choices.raw.len <= 2))
		return;
	g->rd->begun = true;
	chat_push_begin(g->to, chat_text_in(&g->keep, c->id),
	                chat_text_in(&g->keep, c->model));
}

static void read_counts(struct reading *g, const struct chunk *c)
{
	struct json_value usage = c->usage;

	g->rd->other_tier |= chat_is_other_tier(c->tier);
	if (usage.type != JSON_OBJECT)
		usage = json_get(c->groq, STR("usage"));
	if (usage.type != JSON_OBJECT)
		return;
	if (!openai_read_usage(usage, g->rd->quirks, &g->rd->usage)) {
		reading_odd(g, STR("usage"));
		return;
	}
	g->rd->has_usage = true;
	chat_push(g->to,
	          &(struct chat_event){ .kind = CHAT_USAGE, .usage = g->rd->usage });
}

/* An error without choices comes in many forms: an object or a text called error, an
 * object of the type error, or a flat message. */
static bool is_failure(const struct chunk *c, str name)
{
	bool is_named = str_eq(name, STR("error")) ||
	                json_text_is(c->object, STR("error")) || is_error(c->error);
	bool is_flat = c->choices.type == JSON_NONE && c->usage.type == JSON_NONE &&
	               (json_has_text(c->message) || is_error(c->detail) ||
	                c->detail.type == JSON_ARRAY);

	return is_named || is_flat;
}

static bool all_finished(const struct chat_reader *rd)
{
	return rd->own[FINISHED] && !(rd->own[SEEN] & ~rd->own[FINISHED]);
}

static void push_end(struct reading *g)
{
	if (g->rd->ended)
		return;
	g->rd->ended = true;
	tell_finishes(g);
	chat_push(g->to, &(struct chat_event){ .kind = CHAT_END });
}

/* [DONE].  Without a finish reason that is an end only where servers are known to give
 * none. */
static void read_done(struct reading *g)
{
	if (g->rd->quirks & QUIRK_NO_FINISH) {
		for (unsigned i = 0; i < CHOICES_MOST; i++) {
			g->choice = i;
			if (g->rd->own[SEEN] >> i & 1)
				take_finish(g, FINISH_STOP, STR_NONE);
		}
	}
	if (all_finished(g->rd))
		push_end(g);
}

static void read_chunk(struct reading *g, struct json_value root, str name)
{
	struct chunk c = { 0 };
	struct json_value type;

	sort_chunk(root, &c);
	if (is_failure(&c, name)) {
		push_fault(g, root, c.error);
		return;
	}
	if (c.choices.type == JSON_NONE && c.usage.type == JSON_NONE) {
		type = json_get(root, STR("type"));
		if (!json_has_text(type))
			type = c.object;
		reading_odd(g, json_has_text(type)
		                       ? str_of(type.raw.ptr + 1, type.raw.len - 2)
		                       : name);
		return;
	}
	begin(g, &c);
	if (read_choices(g, root, c.choices) == 0 && c.usage.type == JSON_OBJECT &&
	    all_finished(g->rd))
		tell_finishes(g); /* usage alone is the last word before the end mark */
	read_counts(g, &c);
}

fault_t openai_read_event(struct chat_reader *rd, str name, str data,
                          struct chat_sink *to)
{
	struct reading g = { .rd = rd, .to = to, .keep = { .ceiling = 64 * MiB } };
	struct json_value root;

	if (str_starts(data, STR("[DONE]"))) {
		read_done(&g);
		return NULL;
	}
	if (json_check(data, &json_limits_default, &root) || root.type != JSON_OBJECT) {
		tell_finishes(&g);
		return FAULT_UPSTREAM_MALFORMED;
	}
	read_chunk(&g, root, name);
	arena_done(&g.keep);
	return NULL;
}

bool openai_read_eof(struct chat_reader *rd, struct chat_sink *to)
{
	struct reading g = { .rd = rd, .to = to };

	if (!rd->ended && all_finished(rd))
		push_end(&g);
	return rd->ended;
}

fault_t openai_read_reply(struct chat_reader *rd, str body, struct chat_sink *to)
{
	struct reading g = {
		.rd = rd, .to = to, .keep = { .ceiling = 64 * MiB }, .is_whole = true
	};
	struct json_value root;
	struct chunk c = { 0 };

	if (json_check(body, &json_limits_default, &root) || root.type != JSON_OBJECT)
		return FAULT_UPSTREAM_MALFORMED;
	sort_chunk(root, &c);
	if (is_failure(&c, STR_NONE)) {
		push_fault(&g, root, c.error);
		return NULL;
	}
	if (c.choices.type != JSON_ARRAY)
		return FAULT_UPSTREAM_MALFORMED;
	begin(&g, &c);
	read_choices(&g, root, c.choices);
	read_counts(&g, &c);
	push_end(&g);
	arena_done(&g.keep);
	return NULL;
}
