/* openai_whole.c - an answer in the chat format as one object (openai_emit.c has it as a
 * stream, and the words both share). */
#include "wire/openai_chat.h"

/* The texts of all blocks of a kind, as one string; null where there are none and
 * `or_null`, else left out. */
static void write_joined(struct emitter *e, struct json_writer *w,
                         const struct emit_choice *c, enum chat_kind kind, str key,
                         bool or_null)
{
	bool any = false;

	for (const struct emit_block *b = c->first; b; b = b->next) {
		if (b->what != kind || !b->text.len)
			continue;
		if (!any) {
			json_key(w, key);
			json_raw(w, STR("\""));
		}
		buf_add(e->to, buf_str(&b->text));
		any = true;
	}
	if (any) {
		buf_add_char(e->to, '"');
	} else if (or_null) {
		json_key(w, key);
		json_null(w);
	}
}

static void open_once(struct json_writer *w, const char *key, bool *is_open)
{
	if (*is_open)
		return;
	json_key(w, str_from_z(key));
	json_open(w, '[');
	*is_open = true;
}

static void close_opened(struct json_writer *w, bool is_open)
{
	if (is_open)
		json_close(w, ']');
}

static void write_seals(struct emitter *e, struct json_writer *w,
                        const struct emit_choice *c)
{
	uint64_t start = 0, count;
	bool is_open = false;

	for (const struct emit_block *b = c->first; b; b = b->next) {
		if (b->what != CHAT_REASONING)
			continue;
		count = jstr_count(buf_str(&b->text));
		if (b->seal.blob.len) {
			open_once(w, "reasoning_details", &is_open);
			openai_write_seal(e, w, b, start, count);
		}
		start += count;
	}
	close_opened(w, is_open);
}

static void write_annotations(struct json_writer *w, const struct emit_choice *c)
{
	bool is_open = false;
	uint64_t before = 0;

	for (const struct emit_block *b = c->first; b; b = b->next) {
		if (b->what != CHAT_TEXT)
			continue;
		uint64_t length = jstr_count(buf_str(&b->text));

		for (const struct chat_citation *cite = b->citations; cite;
		     cite = cite->next) {
			if (!cite->url.len) /* of a file: there is nothing to follow */
				continue;
			open_once(w, "annotations", &is_open);
			openai_write_citation(w, cite, before, length);
		}
		before += length;
	}
	close_opened(w, is_open);
}

static void write_calls(struct json_writer *w, const struct emit_choice *c)
{
	bool is_open = false;

	for (const struct emit_block *b = c->first; b; b = b->next) {
		if (b->what != CHAT_CALL || !b->opened)
			continue;
		open_once(w, "tool_calls", &is_open);
		json_open(w, '{');
		openai_write_call(w, b, buf_str(&b->text));
		json_close(w, '}');
	}
	close_opened(w, is_open);
}

static void write_images(struct json_writer *w, const struct emit_choice *c)
{
	bool is_open = false;

	for (const struct emit_block *b = c->first; b; b = b->next) {
		if (b->what != CHAT_IMAGE || !b->text.len)
			continue;
		open_once(w, "images", &is_open);
		openai_write_image(w, b, buf_str(&b->text));
	}
	close_opened(w, is_open);
}

static void write_logprobs(struct emitter *e, struct json_writer *w,
                           const struct emit_choice *c)
{
	bool any = false;

	json_key(w, STR("logprobs"));
	for (const struct emit_block *b = c->first; b; b = b->next) {
		if (!b->logprobs_text.len)
			continue;
		if (!any)
			json_raw(w, STR("{\"content\":["));
		else
			buf_add_char(e->to, ',');
		buf_add(e->to, buf_str(&b->logprobs_text));
		any = true;
	}
	if (any)
		buf_add(e->to, STR("],\"refusal\":null}"));
	else
		json_null(w);
}

static void write_choice(struct emitter *e, struct json_writer *w, unsigned i)
{
	const struct emit_choice *c = &e->choices[i];

	json_open(w, '{');
	json_key(w, STR("index"));
	json_uint(w, i);
	json_key(w, STR("message"));
	json_open(w, '{');
	json_key_str(w, STR("role"), STR("assistant"));
	write_joined(e, w, c, CHAT_TEXT, STR("content"), true);
	write_joined(e, w, c, CHAT_REFUSAL, STR("refusal"), true);
	write_joined(e, w, c, CHAT_REASONING, STR("reasoning_content"), false);
	write_seals(e, w, c);
	write_calls(w, c);
	write_annotations(w, c);
	write_images(w, c);
	json_close(w, '}');
	write_logprobs(e, w, c);
	json_key_str(w, STR("finish_reason"), openai_finish_word(c));
	json_close(w, '}');
}

void openai_write_reply(struct emitter *e)
{
	struct json_writer w = { .to = e->to };

	openai_write_head(e, &w, STR("chat.completion"));
	json_key(&w, STR("choices"));
	json_open(&w, '[');
	for (unsigned i = 0; i < e->choice_count; i++) {
		if (e->choices[i].used)
			write_choice(e, &w, i);
	}
	json_close(&w, ']');
	if (e->has_usage)
		openai_write_usage(&w, e);
	json_close(&w, '}');
	buf_add_char(e->to, '\n');
}
