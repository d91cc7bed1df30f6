/* responses_emit.c - an answer as the stream of events a Responses client expects.
 *
 *	response.created, response.in_progress
 *	( output_item.added  ... deltas ...  output_item.done )*
 *	response.completed | .incomplete | error, response.failed
 *
 * Every event has its number, everything added is done with its full text, and the last
 * event has the whole response.  A message stays open while texts and refusals follow one
 * another, so it is ended by what comes next.
 *
 * Facts: wire-formats 3.5, 14.2. */
#include "wire/responses.h"

/* What the format remembers in e->own. */
enum {
	OWN_ITEMS,   /* items begun */
	OWN_MESSAGE, /* a message is open: 1 */
	OWN_PART,    /* kind of the open part + 1; 0: none is open */
	OWN_PARTS,   /* parts begun in the open message */
	OWN_CITED,   /* annotations told of the open part */
	OWN_SUMMARY, /* the summary part of a reasoning item is open: 1 */
};

static void begin(struct emitter *e, str type, struct json_writer *w)
{
	emit_data_begin(e, type, w);
	json_open(w, '{');
	json_key_str(w, STR("type"), type);
	json_key_int(w, STR("sequence_number"), (int64_t)e->sequence++);
}

static void end(struct emitter *e, struct json_writer *w)
{
	json_close(w, '}');
	emit_data_end(e);
}

/* The open item, or the one that has just been ended: the newest. */
static unsigned item_index(const struct emitter *e)
{
	return (unsigned)e->own[OWN_ITEMS] - 1;
}

static void begin_of_item(struct emitter *e, const struct emit_block *b, str type,
                          struct json_writer *w)
{
	begin(e, type, w);
	json_key(w, STR("item_id"));
	responses_write_id(w, e, b, item_index(e));
	json_key_int(w, STR("output_index"), item_index(e));
}

static void begin_of_part(struct emitter *e, const struct emit_block *b, str type,
                          struct json_writer *w)
{
	begin_of_item(e, b, type, w);
	json_key_int(w, STR("content_index"), (int64_t)e->own[OWN_PARTS] - 1);
}

static void write_response(struct emitter *e, str type, const struct responses_status *s)
{
	struct json_writer w;

	begin(e, type, &w);
	json_key(&w, STR("response"));
	responses_write_object(&w, e, s);
	end(e, &w);
}

static void on_start(struct emitter *e)
{
	const struct responses_status s = { .status = STR("in_progress") };

	write_response(e, STR("response.created"), &s);
	write_response(e, STR("response.in_progress"), &s);
}

/* ---- items ---- */

/* The item as it begins: the same block without its contents. */
static void add_item(struct emitter *e, const struct emit_block *b)
{
	struct emit_block empty = *b;
	struct json_writer w;

	empty.next = NULL;
	empty.text = (struct buf){ 0 };
	empty.seal = (struct chat_seal){ 0 };
	e->own[OWN_ITEMS]++;
	if (b->place && b->place != e->own[OWN_ITEMS])
		e->is_lost = true;
	begin(e, STR("response.output_item.added"), &w);
	json_key_int(&w, STR("output_index"), item_index(e));
	json_key(&w, STR("item"));
	if (responses_is_message(b)) {
		json_open(&w, '{');
		json_key(&w, STR("id"));
		responses_write_id(&w, e, b, item_index(e));
		json_key_str(&w, STR("type"), STR("message"));
		json_key_str(&w, STR("status"), STR("in_progress"));
		json_key_str(&w, STR("role"), STR("assistant"));
		json_key(&w, STR("content"));
		json_raw(&w, STR("[]"));
		json_close(&w, '}');
	} else {
		responses_write_item(&w, e, &empty, item_index(e), STR("in_progress"));
	}
	end(e, &w);
}

static void end_item(struct emitter *e, const struct emit_block *b, str status)
{
	struct json_writer w;

	begin(e, STR("response.output_item.done"), &w);
	json_key_int(&w, STR("output_index"), item_index(e));
	json_key(&w, STR("item"));
	responses_write_item(&w, e, b, item_index(e), status);
	end(e, &w);
}

/* ---- messages ---- */

/* The first block of the newest item. */
static struct emit_block *newest_item(struct emitter *e)
{
	struct emit_block *b = responses_first_item(e);

	for (unsigned i = 0; b && i < item_index(e); i++)
		b = responses_next_item(b);
	return b;
}

static struct emit_block *newest_part(struct emitter *e)
{
	struct emit_block *b = newest_item(e);

	for (uint64_t i = 1; b && i < e->own[OWN_PARTS]; i++)
		b = responses_next_part(b);
	return b;
}

static void add_part(struct emitter *e, const struct emit_block *b)
{
	struct json_writer w;

	e->own[OWN_PART] = b->what + 1;
	e->own[OWN_PARTS]++;
	e->own[OWN_CITED] = 0;
	begin_of_part(e, b, STR("response.content_part.added"), &w);
	json_key(&w, STR("part"));
	json_raw(&w, b->what == CHAT_REFUSAL
	                     ? STR("{\"type\":\"refusal\",\"refusal\":\"\"}")
	                     : STR("{\"type\":\"output_text\",\"text\":\"\","
	                           "\"annotations\":[],\"logprobs\":[]}"));
	end(e, &w);
}

static void end_part(struct emitter *e)
{
	const struct emit_block *b = newest_part(e);
	bool is_refusal = e->own[OWN_PART] == CHAT_REFUSAL + 1;
	struct json_writer w;

	e->own[OWN_PART] = 0;
	if (!b)
		return;
	begin_of_part(e, b,
	              is_refusal ? STR("response.refusal.done")
	                         : STR("response.output_text.done"),
	              &w);
	json_key(&w, is_refusal ? STR("refusal") : STR("text"));
	responses_write_part_text(&w, b);
	if (!is_refusal)
		responses_write_logprobs(&w, b);
	end(e, &w);
	begin_of_part(e, b, STR("response.content_part.done"), &w);
	json_key(&w, STR("part"));
	responses_write_part(&w, e, b);
	end(e, &w);
}

static void end_message(struct emitter *e, str status)
{
	const struct emit_block *b;

	if (!e->own[OWN_MESSAGE])
		return;
	if (e->own[OWN_PART])
		end_part(e);
	b = newest_item(e);
	e->own[OWN_MESSAGE] = 0;
	if (b)
		end_item(e, b, status);
}

static void open_said(struct emitter *e, const struct emit_block *b)
{
	/* Texts go on in the open part. */
	if (e->own[OWN_MESSAGE] && b->what == CHAT_TEXT &&
	    e->own[OWN_PART] == CHAT_TEXT + 1) {
		e->is_lost |= e->adopts; /* another may have begun a part */
		return;
	}
	if (!e->own[OWN_MESSAGE]) {
		add_item(e, b);
		e->own[OWN_MESSAGE] = 1;
		e->own[OWN_PARTS] = 0;
	} else if (e->own[OWN_PART]) {
		end_part(e);
	}
	add_part(e, b);
}

/* ---- hooks ---- */

static void on_open(struct emitter *e, struct emit_block *b)
{
	if (responses_is_message(b)) {
		open_said(e, b);
		return;
	}
	end_message(e, STR("completed"));
	add_item(e, b);
	e->own[OWN_SUMMARY] = 0;
}

/* Remembers an event of that number, which stands behind its member's name. */
static void remember(struct emitter *e, const struct emit_block *b,
                     struct emit_form *form, uint64_t number)
{
	str event = str_from(buf_str(e->to), form->from);
	str name = STR("\"sequence_number\":");
	const char *at = memmem(event.ptr, event.len, name.ptr, name.len);

	if (!at)
		return;
	form->number_at = (size_t)(at - e->to->ptr) + name.len;
	form->number_end = form->number_at;
	do {
		form->number_end++;
		number /= 10;
	} while (number);
	emit_remember(e, b, form);
}

static void write_said_delta(struct emitter *e, const struct emit_block *b, jstr text,
                             struct json_value logprobs)
{
	bool is_refusal = b->what == CHAT_REFUSAL, is_plain = logprobs.type != JSON_ARRAY;
	struct emit_form form = { .from = e->to->len };
	uint64_t number = e->sequence;
	struct json_writer w;

	if (is_plain && emit_again(e, b, text))
		return;
	begin_of_part(e, b,
	              is_refusal ? STR("response.refusal.delta")
	                         : STR("response.output_text.delta"),
	              &w);
	json_key_jstr(&w, STR("delta"), text);
	form.text_end = e->to->len - 1; /* before the quote */
	form.text_at = form.text_end - text.len;
	if (!is_refusal) {
		json_key(&w, STR("logprobs"));
		json_raw(&w, STR_NONE);
		responses_add_flat(e->to, logprobs.type == JSON_ARRAY ? logprobs.raw
		                                                      : STR("[]"));
	}
	end(e, &w);
	if (is_plain)
		remember(e, b, &form, number);
}

static void write_summary_part(struct emitter *e, const struct emit_block *b, str type,
                               jstr text)
{
	struct json_writer w;

	begin_of_item(e, b, type, &w);
	json_key_int(&w, STR("summary_index"), 0);
	json_key(&w, STR("part"));
	json_open(&w, '{');
	json_key_str(&w, STR("type"), STR("summary_text"));
	json_key_jstr(&w, STR("text"), text);
	json_close(&w, '}');
	end(e, &w);
}

static void write_summary_text(struct emitter *e, const struct emit_block *b, str type,
                               str member, jstr text)
{
	struct json_writer w;

	begin_of_item(e, b, type, &w);
	json_key_int(&w, STR("summary_index"), 0);
	json_key_jstr(&w, member, text);
	end(e, &w);
}

static void write_call_text(struct emitter *e, const struct emit_block *b, bool is_done,
                            jstr text)
{
	static const str types[2][2] = {
		{ STR_INIT("response.function_call_arguments.delta"),
		  STR_INIT("response.function_call_arguments.done") },
		{ STR_INIT("response.custom_tool_call_input.delta"),
		  STR_INIT("response.custom_tool_call_input.done") },
	};
	struct json_writer w;

	begin_of_item(e, b, types[b->is_custom][is_done], &w);
	if (is_done && !b->is_custom)
		responses_write_name(&w, e, b);
	json_key_jstr(&w,
	              !is_done       ? STR("delta")
	              : b->is_custom ? STR("input")
	                             : STR("arguments"),
	              text);
	end(e, &w);
}

static void on_piece(struct emitter *e, struct emit_block *b, jstr text,
                     struct json_value logprobs)
{
	if (responses_is_message(b)) {
		write_said_delta(e, b, text, logprobs);
	} else if (b->what == CHAT_CALL) {
		write_call_text(e, b, false, text);
	} else if (b->what == CHAT_REASONING) {
		if (!e->own[OWN_SUMMARY])
			write_summary_part(e, b,
			                   STR("response.reasoning_summary_part.added"),
			                   STR_NONE);
		e->own[OWN_SUMMARY] = 1;
		write_summary_text(e, b, STR("response.reasoning_summary_text.delta"),
		                   STR("delta"), text);
	}
}

/* Where the block begins in the text of its part. */
static uint64_t start_in_part(struct emitter *e, const struct emit_block *b)
{
	uint64_t start = 0;

	for (const struct emit_block *at = newest_part(e); at && at != b; at = at->next) {
		if (at->opened)
			start += responses_count(buf_str(&at->text));
	}
	return start;
}

/* Told when the block is whole, because some have no range but the block. */
static void write_citations(struct emitter *e, const struct emit_block *b)
{
	uint64_t from = start_in_part(e, b), length = responses_count(buf_str(&b->text));
	struct json_writer w;

	for (const struct chat_citation *c = b->citations; c; c = c->next) {
		if (!c->url.len || c->is_told) {
			e->own[OWN_CITED] += c->is_told;
			continue;
		}
		begin_of_part(e, b, STR("response.output_text.annotation.added"), &w);
		json_key_int(&w, STR("annotation_index"), (int64_t)e->own[OWN_CITED]++);
		json_key(&w, STR("annotation"));
		responses_write_annotation(&w, c, from, length);
		end(e, &w);
	}
}

static void on_close(struct emitter *e, struct emit_block *b)
{
	jstr text = buf_str(&b->text);

	if (responses_is_message(b)) {
		if (b->citations)
			write_citations(e, b);
		if (e->adopts) /* this one was ended */
			end_message(e, STR("completed"));
		return; /* the message may go on */
	}
	if (b->what == CHAT_CALL)
		write_call_text(e, b, true, text);
	if (b->what == CHAT_REASONING && e->own[OWN_SUMMARY]) {
		write_summary_text(e, b, STR("response.reasoning_summary_text.done"),
		                   STR("text"), text);
		write_summary_part(e, b, STR("response.reasoning_summary_part.done"),
		                   text);
	}
	end_item(e, b, responses_item_status(b));
}

static void write_failed(struct emitter *e, const struct responses_status *s)
{
	responses_write_error_event(e->to, s->why, s->message, e->sequence++);
	write_response(e, STR("response.failed"), s);
}

static void on_end(struct emitter *e)
{
	struct responses_status s = responses_end_status(e);

	end_message(e, s.last_is_cut ? STR("incomplete") : STR("completed"));
	if (s.why)
		write_failed(e, &s);
	else
		write_response(e,
		               s.reason.len ? STR("response.incomplete")
		                            : STR("response.completed"),
		               &s);
}

/* Nothing more is ended: the last event says that the answer is none. */
static void on_fault(struct emitter *e, fault_t why, str message)
{
	const struct responses_status s = { .status = STR("failed"),
		                            .why = why,
		                            .message = message };

	write_failed(e, &s);
}

/* The text was told as a whole: what another has begun to end is ended. */
static void end_adopted(struct emitter *e, enum emit_part part)
{
	struct emit_choice *c = &e->choices[0];
	const struct emit_block *b = newest_part(e);
	struct json_writer w;

	if (!b || !e->own[OWN_MESSAGE])
		return;
	if (part == PART_TEXT_DONE) {
		begin_of_part(e, b, STR("response.content_part.done"), &w);
		json_key(&w, STR("part"));
		responses_write_part(&w, e, b);
		end(e, &w);
	}
	e->own[OWN_PART] = 0;
	end_message(e, STR("completed"));
	if (c->open)
		c->open->closed = c->open->whole = true;
	c->open = NULL;
}

/* What was announced and is not here, nobody could end. */
static bool on_adopted(struct emitter *e, const struct emit_mark *mark)
{
	e->sequence = mark->number;
	if (mark->number == 0 || mark->part == PART_BEGUN ||
	    mark->items != e->own[OWN_ITEMS])
		return false;
	if (mark->part != PART_GOES_ON)
		end_adopted(e, (enum emit_part)mark->part);
	return true;
}

/* Behind it a text would be another message, and clients take the last one for all. */
static bool is_told(struct emitter *e)
{
	const struct emit_block *b = newest_item(e);

	return b && responses_is_message(b) && !e->own[OWN_MESSAGE];
}

const struct emit_ops responses_emit = {
	.whole_kinds = 1 << CHAT_IMAGE,
	.keeps = true,
	.kinds = 1 << CHAT_TEXT | 1 << CHAT_REFUSAL | 1 << CHAT_REASONING |
	         1 << CHAT_CALL | 1 << CHAT_IMAGE | 1 << CHAT_FOREIGN,
	.start = on_start,
	.open = on_open,
	.piece = on_piece,
	.close = on_close,
	.end = on_end,
	.adopted = on_adopted,
	.is_told = is_told,
	.fault = on_fault,
};
