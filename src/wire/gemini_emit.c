/* gemini_emit.c - an answer for a client that speaks this format.
 *
 * Every chunk is a whole answer object with one new part; the last one has the finish
 * reasons, the sources and the usage.  Calls are written whole.  A signature that came
 * without text waits for the part behind it, where Google has it too.
 *
 * Facts: wire-formats 6.4, 6.5, 14.1, 14.2. */
#include "wire/gemini.h"

/* e->own */
enum {
	OWN_SEAL,     /* the signature that waits, as pointer */
	OWN_SEAL_LEN, /* and length */
	OWN_BEGUN,    /* of an array: something was written */
	OWN_CITES,    /* of a stream: the first citation, as pointer */
	OWN_LAST_CITE,
	OWN_NOT_ASCII, /* bytes and characters differ by now */
	OWN_BASE,      /* bytes of text before the open block */
	OWN_TOTAL,     /* bytes of text */
};

static const str finish_names[] = {
	[FINISH_NONE] = STR_INIT("OTHER"),
	[FINISH_STOP] = STR_INIT("STOP"),
	[FINISH_SEQUENCE] = STR_INIT("STOP"),
	[FINISH_LENGTH] = STR_INIT("MAX_TOKENS"),
	[FINISH_CONTEXT] = STR_INIT("MAX_TOKENS"),
	[FINISH_CALLS] = STR_INIT("STOP"),
	[FINISH_FILTER] = STR_INIT("SAFETY"),
	[FINISH_REFUSAL] = STR_INIT("SAFETY"),
	[FINISH_PAUSE] = STR_INIT("STOP"),
	[FINISH_ERROR] = STR_INIT("OTHER"),
};

static jstr take_seal(struct emitter *e)
{
	jstr seal =
	        str_of((const char *)(uintptr_t)e->own[OWN_SEAL], e->own[OWN_SEAL_LEN]);

	e->own[OWN_SEAL] = e->own[OWN_SEAL_LEN] = 0;
	return seal;
}

static void hold_seal(struct emitter *e, jstr seal)
{
	e->own[OWN_SEAL] = (uintptr_t)seal.ptr;
	e->own[OWN_SEAL_LEN] = seal.len;
}

/* ---- chunks ---- */

static void begin_chunk(struct emitter *e, struct json_writer *w)
{
	if (!e->array) {
		emit_data_begin(e, STR_NONE, w);
	} else {
		buf_add(e->to, e->own[OWN_BEGUN] ? STR(",\r\n") : STR("["));
		*w = (struct json_writer){ .to = e->to };
	}
	e->own[OWN_BEGUN] = 1;
	json_open(w, '{');
	json_key(w, STR("candidates"));
	json_open(w, '[');
}

void gemini_keep_head(str data, struct buf *to)
{
	static const str names[] = { STR_INIT("modelVersion"), STR_INIT("responseId"),
		                     STR_INIT("createTime") };
	struct json_writer w = { .to = to };
	struct json_value root;

	if (json_check(data, &json_limits_default, &root))
		return;
	json_open(&w, '{');
	for (size_t i = 0; i < countof(names); i++) {
		struct json_value v = json_get(root, names[i]);

		if (v.type != JSON_NONE) {
			json_key(&w, names[i]);
			json_raw(&w, v.raw);
		}
	}
	json_close(&w, '}');
}

static void end_chunk(struct emitter *e, struct json_writer *w)
{
	const struct json_value head = { JSON_OBJECT, e->head };
	struct json_member m;

	for (struct json_iter it = json_iter(head); e->head.len && json_next(&it, &m);) {
		json_key(w, m.key);
		json_raw(w, m.value.raw);
	}
	if (e->head.len) {
		json_close(w, '}');
		if (!e->array)
			emit_data_end(e);
		return;
	}
	json_key_jstr(w, STR("modelVersion"), e->model);
	json_key_str(w, STR("responseId"), e->seed);
	json_close(w, '}');
	if (!e->array)
		emit_data_end(e);
}

static void open_candidate(struct json_writer *w)
{
	json_open(w, '{');
	json_key(w, STR("content"));
	json_open(w, '{');
	json_key(w, STR("parts"));
	json_open(w, '[');
}

static void close_content(struct json_writer *w)
{
	json_close(w, ']');
	json_key_str(w, STR("role"), STR("model"));
	json_close(w, '}');
}

static void close_candidate(struct json_writer *w, unsigned choice)
{
	json_key_int(w, STR("index"), choice);
	json_close(w, '}');
}

/* ---- parts ---- */

static void write_args(struct json_writer *w, const struct emit_block *b, jstr text)
{
	struct arena keep = { .ceiling = text.len + 64 * KiB };
	str plain = str_trim(chat_plain(&keep, text));
	struct json_value v = { 0 };

	if (b->is_custom) {
		json_open(w, '{');
		json_key_jstr(w, STR("input"), text);
		json_close(w, '}');
	} else if (!plain.len) {
		json_raw(w, STR("{}"));
	} else if (!json_check(plain, &json_limits_default, &v) &&
	           v.type == JSON_OBJECT) {
		json_raw(w, v.raw);
	} else {
		json_open(w, '{');
		json_key_jstr(w, STR("_raw"), text);
		json_close(w, '}');
	}
	arena_done(&keep);
}

static void write_inside(struct json_writer *w, const struct emit_block *b, jstr text)
{
	switch (b->what) {
	case CHAT_TEXT:
	case CHAT_REFUSAL:
		json_key_jstr(w, STR("text"), text);
		break;
	case CHAT_REASONING:
		json_key_jstr(w, STR("text"), text);
		json_key_bool(w, STR("thought"), true);
		break;
	case CHAT_CALL:
		json_key(w, STR("functionCall"));
		json_open(w, '{');
		json_key_jstr(w, STR("id"), b->id);
		json_key_jstr(w, STR("name"), b->name);
		json_key(w, STR("args"));
		write_args(w, b, text);
		json_close(w, '}');
		break;
	case CHAT_IMAGE:
	case CHAT_AUDIO:
		json_key(w, STR("inlineData"));
		json_open(w, '{');
		json_key_jstr(w, STR("mimeType"), b->media_type);
		json_key_jstr(w, STR("data"), text);
		json_close(w, '}');
		break;
	case CHAT_VIDEO:
	case CHAT_FILE:
	case CHAT_RESULT:
	case CHAT_FOREIGN:
		break;
	}
}

static void write_part(struct json_writer *w, const struct emit_block *b, jstr text,
                       jstr seal)
{
	if (b->what == CHAT_FOREIGN) {
		json_raw(w, b->raw);
		return;
	}
	json_open(w, '{');
	write_inside(w, b, text);
	if (seal.len)
		json_key_jstr(w, STR("thoughtSignature"), seal);
	json_close(w, '}');
}

static void write_seal_part(struct json_writer *w, jstr seal)
{
	json_open(w, '{');
	json_key_str(w, STR("text"), STR(""));
	if (seal.len)
		json_key_jstr(w, STR("thoughtSignature"), seal);
	json_close(w, '}');
}

static void write_chunk(struct emitter *e, const struct emit_block *b, jstr text,
                        jstr seal, struct json_value logprobs)
{
	bool is_plain = b->what <= CHAT_REASONING && !seal.len && /* nothing but text */
	                logprobs.type != JSON_ARRAY;
	bool is_first = !e->own[OWN_BEGUN]; /* an array begins with it */
	struct emit_form form = { .from = e->to->len };
	struct json_writer w;

	if (is_plain && emit_again(e, b, text))
		return;
	begin_chunk(e, &w);
	open_candidate(&w);
	form.text_at = e->to->len + strlen("{\"text\":\"");
	form.text_end = form.text_at + text.len;
	write_part(&w, b, text, seal);
	close_content(&w);
	if (logprobs.type == JSON_ARRAY)
		gemini_logprobs_write(&w, logprobs);
	close_candidate(&w, b->choice);
	json_close(&w, ']');
	end_chunk(e, &w);
	if (is_plain && !is_first)
		emit_remember(e, b, &form);
}

/* The waiting signature, where the next part cannot carry it. */
static void flush_seal(struct emitter *e, unsigned choice)
{
	jstr seal = take_seal(e);
	struct json_writer w;

	if (!seal.len)
		return;
	begin_chunk(e, &w);
	open_candidate(&w);
	write_seal_part(&w, seal);
	close_content(&w);
	close_candidate(&w, choice);
	json_close(&w, ']');
	end_chunk(e, &w);
}

/* ---- the stream ---- */

static void on_start(struct emitter *e)
{
	(void)e; /* an answer of this format begins with its first part */
}

static void on_open(struct emitter *e, struct emit_block *b)
{
	const struct json_value none = { 0 };

	if (b->what == CHAT_REASONING || b->what == CHAT_FOREIGN)
		flush_seal(e, b->choice);
	if (b->what == CHAT_FOREIGN)
		write_chunk(e, b, STR_NONE, STR_NONE, none);
	e->own[OWN_BASE] = e->own[OWN_TOTAL];
}

static void on_piece(struct emitter *e, struct emit_block *b, jstr text,
                     struct json_value logprobs)
{
	uint64_t bytes = 0, chars = 0;
	jstr seal = b->what == CHAT_REASONING ? STR_NONE : take_seal(e);

	if (b->what == CHAT_TEXT && b->choice == 0) {
		gemini_measure(text, &bytes, &chars);
		e->own[OWN_NOT_ASCII] |= bytes != chars;
		e->own[OWN_TOTAL] += bytes;
	}
	write_chunk(e, b, text, seal, logprobs);
}

/* A copy in bytes, where these are known. */
static void on_cite(struct emitter *e, struct emit_block *b,
                    const struct chat_citation *c)
{
	struct chat_citation *last =
	        (struct chat_citation *)(uintptr_t)e->own[OWN_LAST_CITE];
	size_t texts = c->url.len + c->title.len + c->cited.len;
	struct chat_citation *copy = arena_try(&e->keep, sizeof(*copy) + texts);
	char *room = (char *)(copy + 1);

	if (!copy || b->choice)
		return;
	*copy = (struct chat_citation){ 0 };
	const str from[] = { c->url, c->title, c->cited };
	str *const into[] = { &copy->url, &copy->title, &copy->cited };
	for (size_t i = 0; i < countof(from); i++) {
		if (from[i].len)
			memcpy(room, from[i].ptr, from[i].len);
		*into[i] = str_of(room, from[i].len);
		room += from[i].len;
	}
	if (!e->own[OWN_NOT_ASCII] && c->end > c->start) {
		copy->start = c->start + e->own[OWN_BASE];
		copy->end = c->end + e->own[OWN_BASE];
	}
	if (last)
		last->next = copy;
	else
		e->own[OWN_CITES] = (uintptr_t)copy;
	e->own[OWN_LAST_CITE] = (uintptr_t)copy;
}

static void on_close(struct emitter *e, struct emit_block *b)
{
	const struct json_value none = { 0 };
	jstr shown;

	if (b->what != CHAT_REASONING || b->seal.origin == WIRE_NONE)
		return;
	shown = gemini_seal_show(&e->keep, &b->seal);
	if (b->bytes)
		write_chunk(e, b, STR_NONE, shown, none);
	else
		hold_seal(e, shown);
}

static void on_end(struct emitter *e)
{
	struct json_writer w;

	begin_chunk(e, &w);
	for (unsigned i = 0; i < max_of(e->choice_count, 1u); i++) {
		open_candidate(&w);
		write_seal_part(&w, take_seal(e));
		close_content(&w);
		json_key_str(&w, STR("finishReason"), finish_names[e->choices[i].finish]);
		if (i == 0)
			gemini_write_grounding(&w,
			                       (const struct chat_citation *)(uintptr_t)
			                               e->own[OWN_CITES]);
		close_candidate(&w, i);
	}
	json_close(&w, ']');
	gemini_write_usage(e, &w);
	end_chunk(e, &w);
	if (e->array)
		buf_add(e->to, STR("]"));
}

static void on_fault(struct emitter *e, fault_t why, str message)
{
	struct json_writer w;

	if (e->array) {
		buf_add(e->to, e->own[OWN_BEGUN] ? STR(",\r\n") : STR("["));
		w = (struct json_writer){ .to = e->to };
		gemini_write_error(&w, why, message, STR_NONE);
		buf_add(e->to, STR("]"));
		return;
	}
	emit_data_begin(e, STR_NONE, &w);
	gemini_write_error(&w, why, message, STR_NONE);
	emit_data_end(e);
}

const struct emit_ops gemini_emit = {
	.whole_kinds = 1 << CHAT_CALL | 1 << CHAT_IMAGE | 1 << CHAT_AUDIO,
	.has_choices = true,
	.kinds = 1 << CHAT_TEXT | 1 << CHAT_REFUSAL | 1 << CHAT_REASONING |
	         1 << CHAT_CALL | 1 << CHAT_IMAGE | 1 << CHAT_AUDIO | 1 << CHAT_FOREIGN,
	.start = on_start,
	.open = on_open,
	.piece = on_piece,
	.cite = on_cite,
	.close = on_close,
	.end = on_end,
	.fault = on_fault,
};

/* ---- the whole answer ---- */

static bool is_part(const struct emit_block *b)
{
	return !b->skipped && (b->bytes || b->seal.origin != WIRE_NONE ||
	                       b->what == CHAT_CALL || b->what == CHAT_FOREIGN);
}

static void write_blocks(struct emitter *e, const struct emit_choice *c,
                         struct json_writer *w)
{
	bool any = false;

	for (const struct emit_block *b = c->first; b; b = b->next) {
		bool carries = b->what != CHAT_REASONING && b->what != CHAT_FOREIGN;
		jstr seal = STR_NONE;

		if (!is_part(b))
			continue;
		if (!carries && e->own[OWN_SEAL_LEN])
			write_seal_part(w, take_seal(e));
		if (carries)
			seal = take_seal(e);
		else if (b->seal.origin != WIRE_NONE)
			seal = gemini_seal_show(&e->keep, &b->seal);
		any = true;
		if (b->what == CHAT_REASONING && !b->bytes)
			hold_seal(e, seal);
		else
			write_part(w, b, buf_str(&b->text), seal);
	}
	if (!any || e->own[OWN_SEAL_LEN])
		write_seal_part(w, take_seal(e));
}

/* Places in bytes of all text, as this format counts them; one list of all blocks'. */
static struct chat_citation *place_citations(struct emit_choice *c)
{
	struct chat_citation *first = NULL, **end = &first;
	uint64_t base = 0, chars = 0;

	for (struct emit_block *b = c->first; b; b = b->next) {
		if (b->what != CHAT_TEXT || b->skipped)
			continue;
		jstr text = buf_str(&b->text);
		for (struct chat_citation *at = b->citations; at; at = at->next) {
			if (at->end > at->start) {
				at->start = base + gemini_bytes_before(text, at->start);
				at->end = base + gemini_bytes_before(text, at->end);
			}
			*end = at;
			end = &at->next;
		}
		*end = NULL;
		gemini_measure(text, &base, &chars);
	}
	return first;
}

static void write_logprobs(const struct emit_choice *c, struct json_writer *w)
{
	struct buf all = BUF_LIMIT(EMIT_KEPT_MOST);

	buf_add(&all, STR("["));
	for (const struct emit_block *b = c->first; b; b = b->next) {
		if (!b->logprobs_text.len)
			continue;
		if (all.len > 1)
			buf_add(&all, STR(","));
		buf_add(&all, buf_str(&b->logprobs_text));
	}
	buf_add(&all, STR("]"));
	if (all.len > 2)
		gemini_logprobs_write(w,
		                      (struct json_value){ JSON_ARRAY, buf_str(&all) });
	buf_free(&all);
}

void gemini_write_reply(struct emitter *e)
{
	struct json_writer w = { .to = e->to };

	json_open(&w, '{');
	json_key(&w, STR("candidates"));
	json_open(&w, '[');
	for (unsigned i = 0; i < max_of(e->choice_count, 1u); i++) {
		struct emit_choice *c = &e->choices[i];

		open_candidate(&w);
		write_blocks(e, c, &w);
		close_content(&w);
		json_key_str(&w, STR("finishReason"), finish_names[c->finish]);
		gemini_write_grounding(&w, place_citations(c));
		write_logprobs(c, &w);
		close_candidate(&w, i);
	}
	json_close(&w, ']');
	gemini_write_usage(e, &w);
	json_key_jstr(&w, STR("modelVersion"), e->model);
	json_key_str(&w, STR("responseId"), e->seed);
	json_close(&w, '}');
}
