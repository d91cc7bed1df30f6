/* openai_emit.c - an answer in the chat format, as a stream of chunks or whole.
 *
 * Thoughts go out as reasoning_content, which many clients show; what seals them as
 * reasoning_details, whose id says which part of that text it is and where it stood
 * (openai_seal.c), because in this format text, thoughts and calls are three things
 * beside each other. */
#include "wire/openai_chat.h"

/* What e->own holds: which choices have had their first chunk; of choice 0 the characters
 * of text before its open block, and of that; then, for two choices that think at the
 * same time, the characters of reasoning before the open block, and in all. */
enum { BEGUN, TEXT_BEFORE, TEXT_NOW, THOUGHT_BEFORE, THOUGHT_ALL = 5, THOUGHTS = 2 };

static struct emit_choice *choice_of(struct emitter *e, const struct emit_block *b)
{
	return &e->choices[b->choice];
}

static uint64_t *thought_of(struct emitter *e, const struct emit_block *b, unsigned which)
{
	return &e->own[which + b->choice % THOUGHTS];
}

/* ---- chunks ---- */

/* The frame of a stream that a provider has begun. */
static void write_kept_head(struct emitter *e, struct json_writer *w, str object)
{
	struct json_value head = { JSON_OBJECT, e->head };
	struct json_member m;

	for (struct json_iter it = json_iter(head); json_next(&it, &m);) {
		json_key(w, m.key);
		json_raw(w, m.value.raw);
	}
	json_key_str(w, STR("object"), object);
}

/* Choices and usage change, and letters that hide lengths are nobody's. */
void openai_keep_head(str data, struct buf *to)
{
	static const str others[] = { STR_INIT("object"), STR_INIT("choices"),
		                      STR_INIT("usage"),  STR_INIT("obfuscation"),
		                      STR_INIT("x_groq"), STR_INIT("error") };
	struct json_writer w = { .to = to };
	struct json_value root;
	struct json_member m;

	if (json_check(data, &json_limits_default, &root) || root.type != JSON_OBJECT)
		return;
	json_open(&w, '{');
	for (struct json_iter it = json_iter(root); json_next(&it, &m);) {
		bool is_other = false;

		for (size_t i = 0; i < countof(others); i++)
			is_other |= str_eq(m.key, others[i]);
		if (is_other || m.value.type == JSON_OBJECT || m.value.type == JSON_ARRAY)
			continue;
		json_key(&w, m.key);
		json_raw(&w, m.value.raw);
	}
	json_close(&w, '}');
}

void openai_write_end_mark(struct buf *to)
{
	buf_add(to, STR("data: [DONE]\n\n"));
}

void openai_write_head(struct emitter *e, struct json_writer *w, str object)
{
	json_open(w, '{');
	if (e->head.len) {
		write_kept_head(e, w, object);
		return;
	}
	json_key(w, STR("id"));
	json_raw(w, STR("\"chatcmpl-"));
	buf_add(e->to, e->seed);
	buf_add_char(e->to, '"');
	json_key_str(w, STR("object"), object);
	json_key(w, STR("created"));
	json_uint(w, e->created);
	json_key_jstr(w, STR("model"), e->model);
}

/* Up to the inside of delta. */
static void begin_delta(struct emitter *e, struct json_writer *w, unsigned choice)
{
	uint64_t bit = (uint64_t)1 << choice;

	emit_data_begin(e, STR_NONE, w);
	openai_write_head(e, w, STR("chat.completion.chunk"));
	json_key(w, STR("choices"));
	json_open(w, '[');
	json_open(w, '{');
	json_key(w, STR("index"));
	json_uint(w, choice);
	json_key(w, STR("delta"));
	json_open(w, '{');
	if (e->own[BEGUN] & bit)
		return;
	e->own[BEGUN] |= bit;
	json_key_str(w, STR("role"), STR("assistant"));
}

static void end_delta(struct emitter *e, struct json_writer *w, str finish,
                      struct json_value logprobs)
{
	json_close(w, '}');
	if (logprobs.type == JSON_ARRAY) {
		json_key(w, STR("logprobs"));
		json_open(w, '{');
		json_key(w, STR("content"));
		json_raw(w, logprobs.raw);
		json_key(w, STR("refusal"));
		json_null(w);
		json_close(w, '}');
	}
	json_key(w, STR("finish_reason"));
	finish.len ? json_str(w, finish) : json_null(w);
	json_close(w, '}');
	json_close(w, ']');
	if (e->wants_usage) {
		json_key(w, STR("usage"));
		json_null(w);
	}
	json_close(w, '}');
	emit_data_end(e);
}

static void end_plain(struct emitter *e, struct json_writer *w)
{
	end_delta(e, w, STR_NONE, (struct json_value){ 0 });
}

static void chat_start(struct emitter *e)
{
	struct json_writer w;

	begin_delta(e, &w, 0);
	json_key_str(&w, STR("content"), STR(""));
	end_plain(e, &w);
}

/* ---- calls ---- */

static void begin_call(struct json_writer *w, const struct emit_block *b)
{
	json_key(w, STR("tool_calls"));
	json_open(w, '[');
	json_open(w, '{');
	json_key(w, STR("index"));
	json_uint(w, b->of_kind);
}

void openai_write_call(struct json_writer *w, const struct emit_block *b, jstr args)
{
	json_key_jstr(w, STR("id"), b->id);
	json_key_str(w, STR("type"), b->is_custom ? STR("custom") : STR("function"));
	json_key(w, b->is_custom ? STR("custom") : STR("function"));
	json_open(w, '{');
	json_key_jstr(w, STR("name"), b->name);
	json_key_jstr(w, b->is_custom ? STR("input") : STR("arguments"), args);
	json_close(w, '}');
}

static void write_args(struct json_writer *w, const struct emit_block *b, jstr text)
{
	json_key(w, b->is_custom ? STR("custom") : STR("function"));
	json_open(w, '{');
	json_key_jstr(w, b->is_custom ? STR("input") : STR("arguments"), text);
	json_close(w, '}');
}

static void end_call(struct json_writer *w)
{
	json_close(w, '}');
	json_close(w, ']');
}

/* ---- blocks ---- */

static void chat_open(struct emitter *e, struct emit_block *b)
{
	struct json_writer w;

	if (b->what == CHAT_TEXT && b->choice == 0) {
		e->own[TEXT_BEFORE] += e->own[TEXT_NOW];
		e->own[TEXT_NOW] = 0;
	}
	if (b->what == CHAT_REASONING)
		*thought_of(e, b, THOUGHT_BEFORE) = *thought_of(e, b, THOUGHT_ALL);
	if (b->what != CHAT_CALL)
		return;
	begin_delta(e, &w, b->choice);
	begin_call(&w, b);
	openai_write_call(&w, b, STR_NONE);
	end_call(&w);
	end_plain(e, &w);
}

void openai_write_image(struct json_writer *w, const struct emit_block *b, jstr data)
{
	json_open(w, '{');
	json_key_str(w, STR("type"), STR("image_url"));
	json_key(w, STR("image_url"));
	json_open(w, '{');
	json_key(w, STR("url"));
	openai_write_data_url(w, b->media_type.len ? b->media_type : STR("image/png"),
	                      data);
	json_close(w, '}');
	json_close(w, '}');
}

static void count_piece(struct emitter *e, const struct emit_block *b, jstr text)
{
	if (b->what == CHAT_TEXT && b->choice == 0)
		e->own[TEXT_NOW] += jstr_count(text);
	else if (b->what == CHAT_REASONING)
		*thought_of(e, b, THOUGHT_ALL) += jstr_count(text);
}

static void write_content_piece(struct json_writer *w, struct emit_block *b, jstr text)
{
	switch (b->what) {
	case CHAT_TEXT:
		json_key_jstr(w, STR("content"), text);
		break;
	case CHAT_REFUSAL:
		json_key_jstr(w, STR("refusal"), text);
		break;
	case CHAT_REASONING:
		json_key_jstr(w, STR("reasoning_content"), text);
		break;
	case CHAT_CALL:
		begin_call(w, b);
		write_args(w, b, text);
		end_call(w);
		break;
	case CHAT_IMAGE:
		json_key(w, STR("images"));
		json_open(w, '[');
		openai_write_image(w, b, text);
		json_close(w, ']');
		break;
	case CHAT_AUDIO:
	case CHAT_VIDEO:
	case CHAT_FILE:
	case CHAT_RESULT:
	case CHAT_FOREIGN:
		break;
	}
}

static void chat_piece(struct emitter *e, struct emit_block *b, jstr text,
                       struct json_value logprobs)
{
	bool is_plain = b->what <= CHAT_REASONING && /* nothing but text */
	                logprobs.type != JSON_ARRAY;
	bool is_first = !(e->own[BEGUN] >> b->choice & 1);
	struct emit_form form = { .from = e->to->len };
	struct json_writer w;

	count_piece(e, b, text);
	if (is_plain && emit_again(e, b, text))
		return;
	begin_delta(e, &w, b->choice);
	write_content_piece(&w, b, text);
	form.text_end = e->to->len - 1; /* before the quote */
	form.text_at = form.text_end - text.len;
	end_delta(e, &w, STR_NONE, logprobs);
	if (is_plain && !is_first) /* the first one has the role */
		emit_remember(e, b, &form);
}

/* ---- citations ---- */

void openai_write_citation(struct json_writer *w, const struct chat_citation *c,
                           uint64_t before, uint64_t length)
{
	bool is_placed = c->end > c->start;

	json_open(w, '{');
	json_key_str(w, STR("type"), STR("url_citation"));
	json_key(w, STR("url_citation"));
	json_open(w, '{');
	json_key(w, STR("start_index"));
	json_uint(w, before + (is_placed ? c->start : 0));
	json_key(w, STR("end_index"));
	json_uint(w, before + (is_placed ? c->end : length));
	json_key_jstr(w, STR("url"), c->url);
	json_key_jstr(w, STR("title"), c->title);
	if (c->cited.len)
		json_key_jstr(w, STR("content"), c->cited);
	json_close(w, '}');
	json_close(w, '}');
}

static void chat_cite(struct emitter *e, struct emit_block *b,
                      const struct chat_citation *c)
{
	bool is_first = b->choice == 0; /* the one whose characters are counted */
	struct json_writer w;

	if (!c->url.len)
		return;
	begin_delta(e, &w, b->choice);
	json_key(&w, STR("annotations"));
	json_open(&w, '[');
	openai_write_citation(&w, c, is_first ? e->own[TEXT_BEFORE] : 0,
	                      is_first ? e->own[TEXT_NOW] : 0);
	json_close(&w, ']');
	end_plain(e, &w);
}

/* ---- seals ---- */

/* How many calls stand before the block, and is there a text? */
static uint64_t place_of(struct emitter *e, const struct emit_block *b)
{
	uint64_t calls = 0;
	bool has_text = false;

	for (const struct emit_block *at = choice_of(e, b)->first; at && at != b;
	     at = at->next) {
		calls += at->what == CHAT_CALL && at->opened;
		has_text |= at->what == CHAT_TEXT && at->opened;
	}
	return calls ? calls + 1 : has_text;
}

/* The seal of a block whose text is `count` of the characters from `start` on. */
void openai_write_seal(struct emitter *e, struct json_writer *w,
                       const struct emit_block *b, uint64_t start, uint64_t count)
{
	struct arena keep = { .ceiling = b->seal.blob.len + 4 * KiB };
	struct openai_place where = { .place = place_of(e, b),
		                      .start = start,
		                      .count = count };
	struct openai_detail d = { .type = DETAIL_ENCRYPTED };
	char room[80];

	if (b->seal.origin == WIRE_OPENAI_CHAT) {
		openai_unpack_seal(&b->seal, &d);
	} else {
		d.seal = chat_seal_show(&keep, &b->seal, WIRE_OPENAI_CHAT);
		d.format = wire_format_name(b->seal.origin);
		d.id = openai_place_text(room, sizeof(room), &where);
	}
	openai_write_detail(w, &d, b->of_kind);
	arena_done(&keep);
}

static void chat_close(struct emitter *e, struct emit_block *b)
{
	struct json_writer w;
	uint64_t start = *thought_of(e, b, THOUGHT_BEFORE);

	if (b->what != CHAT_REASONING || b->seal.blob.len == 0)
		return;
	begin_delta(e, &w, b->choice);
	json_key(&w, STR("reasoning_details"));
	json_open(&w, '[');
	openai_write_seal(e, &w, b, start, *thought_of(e, b, THOUGHT_ALL) - start);
	json_close(&w, ']');
	end_plain(e, &w);
}

/* ---- the end ---- */

static bool has_refusal(const struct emit_choice *c)
{
	for (const struct emit_block *b = c->first; b; b = b->next) {
		if (b->what == CHAT_REFUSAL && b->opened)
			return true;
	}
	return false;
}

str openai_finish_word(const struct emit_choice *c)
{
	switch (c->finish) {
	case FINISH_LENGTH:
	case FINISH_CONTEXT:
		return STR("length");
	case FINISH_CALLS:
		return STR("tool_calls");
	case FINISH_FILTER:
		return STR("content_filter");
	case FINISH_REFUSAL:
		return has_refusal(c) ? STR("stop") : STR("content_filter");
	case FINISH_NONE:
	case FINISH_STOP:
	case FINISH_SEQUENCE:
	case FINISH_PAUSE:
	case FINISH_ERROR: /* the owner has seen it before us */
		break;
	}
	return STR("stop");
}

/* As OpenRouter has it; null where a price is not known. */
static void write_cost(struct json_writer *w, nanousd cost)
{
	struct buf text = BUF_LIMIT(64);

	json_key(w, STR("cost"));
	if (cost == COST_UNKNOWN) {
		json_null(w);
		return;
	}
	buf_add_nano(&text, (uint64_t)cost);
	json_raw(w, buf_str(&text));
	buf_free(&text);
}

void openai_write_usage(struct json_writer *w, const struct emitter *e)
{
	const struct token_usage *u = &e->usage;

	json_key(w, STR("usage"));
	json_open(w, '{');
	json_key(w, STR("prompt_tokens"));
	json_uint(w, u->input);
	json_key(w, STR("completion_tokens"));
	json_uint(w, u->output);
	json_key(w, STR("total_tokens"));
	json_uint(w, u->input + u->output);
	json_key(w, STR("prompt_tokens_details"));
	json_open(w, '{');
	json_key(w, STR("cached_tokens"));
	json_uint(w, u->cache_read);
	if (u->cache_write) {
		json_key(w, STR("cache_write_tokens"));
		json_uint(w, u->cache_write);
	}
	json_key(w, STR("audio_tokens"));
	json_uint(w, u->audio_input);
	json_close(w, '}');
	json_key(w, STR("completion_tokens_details"));
	json_open(w, '{');
	json_key(w, STR("reasoning_tokens"));
	json_uint(w, u->reasoning);
	json_key(w, STR("audio_tokens"));
	json_uint(w, u->audio_output);
	json_close(w, '}');
	if (e->cost)
		write_cost(w, e->cost(e->cost_of));
	json_close(w, '}');
}

static void chat_fault(struct emitter *e, fault_t why, str message)
{
	wire_openai_chat.write_stream_fault(e->to, why, message);
}

static bool has_failed(const struct emitter *e)
{
	for (unsigned i = 0; i < e->choice_count; i++) {
		if (e->choices[i].finish == FINISH_ERROR)
			return true;
	}
	return false;
}

void openai_write_late_usage(str head, const struct token_usage *u, struct buf *to)
{
	struct emitter e = { .to = to, .head = head, .usage = *u };
	struct json_writer w;

	emit_data_begin(&e, STR_NONE, &w);
	openai_write_head(&e, &w, STR("chat.completion.chunk"));
	json_key(&w, STR("choices"));
	json_raw(&w, STR("[]"));
	openai_write_usage(&w, &e);
	json_close(&w, '}');
	emit_data_end(&e);
}

static void chat_end(struct emitter *e)
{
	struct json_writer w;

	if (has_failed(e)) { /* never shown as a success */
		chat_fault(e, FAULT_STREAM_ERROR, STR_NONE);
		return;
	}
	for (unsigned i = 0; i < e->choice_count; i++) {
		if (!e->choices[i].used)
			continue;
		begin_delta(e, &w, i);
		end_delta(e, &w, openai_finish_word(&e->choices[i]),
		          (struct json_value){ 0 });
	}
	if (e->wants_usage && e->has_usage) {
		emit_data_begin(e, STR_NONE, &w);
		openai_write_head(e, &w, STR("chat.completion.chunk"));
		json_key(&w, STR("choices"));
		json_open(&w, '[');
		json_close(&w, ']');
		openai_write_usage(&w, e);
		json_close(&w, '}');
		emit_data_end(e);
	}
	openai_write_end_mark(e->to);
}

const struct emit_ops openai_emit = {
	.whole_kinds = 1 << CHAT_IMAGE,
	.cites_behind = true,
	.has_choices = true,
	.kinds = 1 << CHAT_TEXT | 1 << CHAT_REFUSAL | 1 << CHAT_REASONING |
	         1 << CHAT_CALL | 1 << CHAT_IMAGE,
	.start = chat_start,
	.open = chat_open,
	.piece = chat_piece,
	.cite = chat_cite,
	.close = chat_close,
	.end = chat_end,
	.fault = chat_fault,
};
