/* responses_output.c - items and content parts, written whole: for each item's own end,
 * and for the output of a response object (responses_object.c).
 *
 * Texts that follow one another are one output_text part, because clients take the last
 * part of the last message for the answer; refusals are parts of the same message.  So
 * an item is a row of blocks, and its place in the output follows from the rows before.
 *
 * Facts: wire-formats 3.3, 3.4, 12.1, 14.1. */
#include "wire/responses.h"

/* ---- rows of blocks ---- */

static struct emit_block *skip_unsaid(struct emit_block *b)
{
	while (b && !b->opened)
		b = b->next;
	return b;
}

struct emit_block *responses_first_item(struct emitter *e)
{
	return skip_unsaid(e->choices[0].first);
}

bool responses_is_message(const struct emit_block *b)
{
	return b->what == CHAT_TEXT || b->what == CHAT_REFUSAL;
}

struct emit_block *responses_next_part(const struct emit_block *part)
{
	struct emit_block *b = skip_unsaid(part->next);

	while (b && part->what == CHAT_TEXT && b->what == CHAT_TEXT)
		b = skip_unsaid(b->next);
	return b;
}

struct emit_block *responses_next_item(const struct emit_block *item)
{
	struct emit_block *b = skip_unsaid(item->next);

	while (b && responses_is_message(item) && responses_is_message(b))
		b = skip_unsaid(b->next);
	return b;
}

/* ---- parts ---- */

uint64_t responses_count(jstr text)
{
	uint64_t count = 0;

	for (size_t i = 0; i < text.len; count++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c != '\\') {
			for (i++; i < text.len && (text.ptr[i] & 0xc0) == 0x80;)
				i++;
			continue;
		}
		bool is_code = i + 5 < text.len && text.ptr[i + 1] == 'u';
		bool is_low = is_code && char_lower(text.ptr[i + 2]) == 'd' &&
		              char_lower(text.ptr[i + 3]) >= 'c';
		i += is_code ? 6 : 2;
		if (is_low) /* the second half of a pair */
			count--;
	}
	return count;
}

/* Texts of all blocks of the part, as one string. */
void responses_write_part_text(struct json_writer *w, const struct emit_block *b)
{
	const struct emit_block *end = responses_next_part(b);

	json_raw(w, STR("\""));
	for (; b != end; b = b->next) {
		if (b->opened)
			buf_add(w->to, buf_str(&b->text));
	}
	buf_add_char(w->to, '"');
}

/* The citation's own range counts from its block; without one, or with one that is not in
 * there, it is about all of it. */
void responses_write_annotation(struct json_writer *w, const struct chat_citation *c,
                                uint64_t from, uint64_t length)
{
	bool has_range = c->end > c->start && c->start < length;

	json_open(w, '{');
	json_key_str(w, STR("type"), STR("url_citation"));
	json_key_jstr(w, STR("url"), c->url);
	json_key_jstr(w, STR("title"), c->title);
	json_key(w, STR("start_index"));
	json_uint(w, from + (has_range ? c->start : 0));
	json_key(w, STR("end_index"));
	json_uint(w, from + (has_range ? min_of(c->end, length) : length));
	json_close(w, '}');
}

static void write_annotations(struct json_writer *w, const struct emit_block *b)
{
	const struct emit_block *end = responses_next_part(b), *last = NULL;
	uint64_t from = 0;

	json_key(w, STR("annotations"));
	json_open(w, '[');
	for (const struct emit_block *at = b; at != end; at = at->next) {
		if (at->opened && at->citations)
			last = at;
	}
	/* Characters are counted only as far as somebody needs them. */
	for (; last && b != last->next; b = b->next) {
		uint64_t length = b->opened ? responses_count(buf_str(&b->text)) : 0;

		for (const struct chat_citation *c = b->citations; c; c = c->next) {
			if (c->url.len) /* of a file: there is nothing to follow */
				responses_write_annotation(w, c, from, length);
		}
		from += length;
	}
	json_close(w, ']');
}

void responses_write_logprobs(struct json_writer *w, const struct emit_block *b)
{
	const struct emit_block *end = responses_next_part(b);
	bool is_first = true;

	json_key(w, STR("logprobs"));
	json_open(w, '[');
	for (; b != end; b = b->next) {
		if (!b->opened || !b->logprobs_text.len)
			continue;
		if (!is_first)
			buf_add_char(w->to, ',');
		responses_add_flat(w->to, buf_str(&b->logprobs_text));
		is_first = false;
	}
	json_close(w, ']');
}

void responses_write_part(struct json_writer *w, struct emitter *e,
                          const struct emit_block *b)
{
	(void)e;
	json_open(w, '{');
	if (b->what == CHAT_REFUSAL) {
		json_key_str(w, STR("type"), STR("refusal"));
		json_key(w, STR("refusal"));
		json_jstr(w, buf_str(&b->text));
	} else {
		json_key_str(w, STR("type"), STR("output_text"));
		json_key(w, STR("text"));
		responses_write_part_text(w, b);
		write_annotations(w, b);
		responses_write_logprobs(w, b);
	}
	json_close(w, '}');
}

/* ---- items ---- */

/* In the client's style, and unique by the seed of the answer and the item's place. */
void responses_write_id(struct json_writer *w, struct emitter *e,
                        const struct emit_block *b, unsigned index)
{
	static const str prefixes[] = {
		[CHAT_TEXT] = STR_INIT("msg_"),     [CHAT_REFUSAL] = STR_INIT("msg_"),
		[CHAT_REASONING] = STR_INIT("rs_"), [CHAT_IMAGE] = STR_INIT("ig_"),
		[CHAT_CALL] = STR_INIT("fc_"),      [CHAT_FOREIGN] = STR_INIT("item_"),
	};

	if (b->item.len) { /* as another has called it */
		json_jstr(w, b->item);
		return;
	}
	json_raw(w, STR("\""));
	buf_add(w->to, b->is_custom ? STR("ctc_") : prefixes[b->what]);
	buf_add(w->to, e->seed);
	buf_add_hex(w->to, index, 4);
	buf_add_char(w->to, '"');
}

static void write_message(struct json_writer *w, struct emitter *e,
                          const struct emit_block *b)
{
	const struct emit_block *end = responses_next_item(b);

	json_key_str(w, STR("role"), STR("assistant"));
	json_key(w, STR("content"));
	json_open(w, '[');
	for (; b && b != end; b = responses_next_part(b))
		responses_write_part(w, e, b);
	json_close(w, ']');
}

static void write_reasoning(struct json_writer *w, struct emitter *e,
                            const struct emit_block *b)
{
	json_key(w, STR("summary"));
	json_open(w, '[');
	if (b->text.len) {
		json_open(w, '{');
		json_key_str(w, STR("type"), STR("summary_text"));
		json_key_jstr(w, STR("text"), buf_str(&b->text));
		json_close(w, '}');
	}
	json_close(w, ']');
	if (b->seal.origin != WIRE_NONE)
		json_key_jstr(w, STR("encrypted_content"),
		              chat_seal_show(&e->keep, &b->seal, WIRE_OPENAI_RESPONSES));
}

/* What is left of a tool's full name behind that of its namespace; empty: it is not one
 * of its tools (see responses_full_name). */
static jstr name_within(jstr full, struct json_value space)
{
	struct json_iter it = json_iter(json_get(space, STR("tools")));
	struct json_value name = json_get(space, STR("name"));
	struct json_member m;
	jstr prefix = json_has_text(name) ? str_of(name.raw.ptr + 1, name.raw.len - 2)
	                                  : STR_NONE;

	if (!prefix.len || !str_skip(&full, prefix) ||
	    (!str_ends(prefix, STR("_")) && !str_skip(&full, STR("__"))))
		return STR_NONE;
	while (json_next(&it, &m)) {
		name = json_get(m.value, STR("name"));
		if (name.type == JSON_STRING &&
		    str_eq(str_of(name.raw.ptr + 1, name.raw.len - 2), full))
			return full;
	}
	return STR_NONE;
}

void responses_write_name(struct json_writer *w, const struct emitter *e,
                          const struct emit_block *b)
{
	struct json_value root = { 0 };
	struct json_member m;

	/* The echo has the members of an object; its braces nobody reads. */
	if (str_has(e->echo, STR("\"namespace\"")))
		root = (struct json_value){ JSON_OBJECT,
			                    str_of(e->echo.ptr - 1, e->echo.len + 2) };
	struct json_iter it = json_iter(json_get(root, STR("tools")));
	while (json_next(&it, &m)) {
		bool is_space =
		        json_text_is(json_get(m.value, STR("type")), STR("namespace"));
		jstr name = is_space ? name_within(b->name, m.value) : STR_NONE;

		if (!name.len)
			continue;
		json_key_jstr(w, STR("name"), name);
		json_key(w, STR("namespace"));
		json_raw(w, json_get(m.value, STR("name")).raw);
		return;
	}
	json_key_jstr(w, STR("name"), b->name);
}

static void write_call(struct json_writer *w, const struct emitter *e,
                       const struct emit_block *b)
{
	json_key_jstr(w, STR("call_id"), b->id);
	responses_write_name(w, e, b);
	json_key_jstr(w, b->is_custom ? STR("input") : STR("arguments"),
	              buf_str(&b->text));
}

static void write_image(struct json_writer *w, const struct emit_block *b)
{
	str format = b->media_type;

	json_key_jstr(w, STR("result"), buf_str(&b->text));
	if (str_skip(&format, STR("image/")))
		json_key_jstr(w, STR("output_format"), format);
}

void responses_write_item(struct json_writer *w, struct emitter *e,
                          const struct emit_block *b, unsigned index, str status)
{
	static const str types[] = {
		[CHAT_TEXT] = STR_INIT("message"),
		[CHAT_REFUSAL] = STR_INIT("message"),
		[CHAT_REASONING] = STR_INIT("reasoning"),
		[CHAT_IMAGE] = STR_INIT("image_generation_call"),
		[CHAT_CALL] = STR_INIT("function_call"),
		[CHAT_FOREIGN] = STR_INIT(""),
	};

	if (b->what == CHAT_FOREIGN) {
		json_raw(w, STR_NONE);
		responses_add_flat(w->to, b->raw);
		return;
	}
	json_open(w, '{');
	json_key(w, STR("id"));
	responses_write_id(w, e, b, index);
	json_key_str(w, STR("type"),
	             b->is_custom ? STR("custom_tool_call") : types[b->what]);
	if (b->what != CHAT_REASONING)
		json_key_str(w, STR("status"), status);
	if (responses_is_message(b))
		write_message(w, e, b);
	else if (b->what == CHAT_REASONING)
		write_reasoning(w, e, b);
	else if (b->what == CHAT_CALL)
		write_call(w, e, b);
	else if (b->what == CHAT_IMAGE)
		write_image(w, b);
	json_close(w, '}');
}

/* Agents run a tool when they are told that its call is complete, and that is before the
 * finish tells why there is no more of it. */
str responses_item_status(const struct emit_block *b)
{
	bool is_cut = b->what == CHAT_CALL && (b->args.depth || b->args.in_string);

	return is_cut ? STR("incomplete") : STR("completed");
}
