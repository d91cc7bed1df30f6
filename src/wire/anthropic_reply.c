/* anthropic_reply.c - Messages answers and streams into neutral events.
 *
 * A whole answer is read as the stream it could have been: each block begins, is whole
 * and ends, by the same functions that read a stream's events (anthropic_delta.c). Blocks
 * which only this vendor knows are FOREIGN: what they begin with, and as pieces what
 * comes later.  Facts: wire-formats 5.7-5.9. */
#include "wire/anthropic.h"
#include "wire/complaint.h"

enum { COUNT_MOST = INT32_MAX, MEMBERS_MOST = 64 };

/* ---- the frame ---- */

static void begin_message(struct anthropic_event *ev, struct json_value message)
{
	anthropic_take_usage(ev->rd, json_get(message, STR("usage")));
	if (ev->rd->begun)
		return;
	ev->rd->begun = true;
	chat_push_begin(ev->to, anthropic_text_of(ev, message, STR("id")),
	                anthropic_text_of(ev, message, STR("model")));
	anthropic_push_input(ev);
}

static void push_finish(struct anthropic_event *ev, struct json_value reason,
                        jstr sequence)
{
	static const struct {
		str reason;
		enum chat_finish finish;
	} rows[] = {
		{ STR_INIT("end_turn"), FINISH_STOP },
		{ STR_INIT("max_tokens"), FINISH_LENGTH },
		{ STR_INIT("stop_sequence"), FINISH_SEQUENCE },
		{ STR_INIT("tool_use"), FINISH_CALLS },
		{ STR_INIT("pause_turn"), FINISH_PAUSE },
		{ STR_INIT("compaction"), FINISH_PAUSE },
		{ STR_INIT("refusal"), FINISH_REFUSAL },
		{ STR_INIT("model_context_window_exceeded"), FINISH_CONTEXT },
	};
	struct chat_event e = { .kind = CHAT_FINISH, .finish = FINISH_STOP };
	bool known = reason.type == JSON_NONE;

	if (ev->rd->finished)
		return;
	for (size_t i = 0; i < countof(rows); i++) {
		if (json_text_is(reason, rows[i].reason)) {
			e.finish = rows[i].finish;
			known = true;
		}
	}
	if (!known)
		anthropic_push_odd(ev, reason);
	if (e.finish == FINISH_SEQUENCE)
		e.text = sequence;
	ev->rd->finished = true;
	ev->rd->finish = e.finish;
	chat_push(ev->to, &e);
}

/* A stop reason, where there is one. */
static void read_stop(struct anthropic_event *ev, struct json_value delta)
{
	struct json_value reason = json_get(delta, STR("stop_reason"));

	if (json_has_text(reason))
		push_finish(ev, reason,
		            anthropic_text_of(ev, delta, STR("stop_sequence")));
}

static void end_message(struct anthropic_event *ev)
{
	const struct json_value none = { 0 };

	if (ev->rd->ended)
		return;
	ev->rd->ended = true;
	push_finish(ev, none, STR_NONE);
	anthropic_push_usage(ev);
	chat_push(ev->to, &(struct chat_event){ .kind = CHAT_END });
}

static void push_fault(struct anthropic_event *ev, struct json_value error)
{
	struct complaint c = { .format = WIRE_ANTHROPIC, .text = error.raw };
	struct chat_event e = { .kind = CHAT_FAULT, .why = complaint_fault(&c) };

	e.text = error.type == JSON_STRING ? chat_text_in(&ev->keep, error)
	                                   : anthropic_text_of(ev, error, STR("message"));
	chat_push(ev->to, &e);
}

struct members {
	struct json_value type, index, message, block, delta, usage, error;
};

static fault_t read_index(struct json_value index, uint64_t *ret)
{
	return json_u64(index, ret) && *ret < COUNT_MOST ? NULL
	                                                 : FAULT_UPSTREAM_MALFORMED;
}

static fault_t read_members(struct anthropic_event *ev, const struct members *f)
{
	uint64_t index;

	if (json_text_is(f->type, STR("content_block_delta")))
		return read_index(f->index, &index)
		               ? FAULT_UPSTREAM_MALFORMED
		               : anthropic_read_delta(ev, index, f->delta);
	if (json_text_is(f->type, STR("content_block_start")))
		return read_index(f->index, &index)
		               ? FAULT_UPSTREAM_MALFORMED
		               : anthropic_begin_block(ev, index, f->block);
	if (json_text_is(f->type, STR("content_block_stop"))) {
		if (read_index(f->index, &index))
			return FAULT_UPSTREAM_MALFORMED;
		anthropic_end_block(ev, index);
	} else if (json_text_is(f->type, STR("message_start"))) {
		begin_message(ev, f->message);
	} else if (json_text_is(f->type, STR("message_delta"))) {
		anthropic_take_usage(ev->rd, f->usage);
		read_stop(ev, f->delta);
	} else if (json_text_is(f->type, STR("message_stop"))) {
		if (!ev->rd->finished && ev->rd->next_block > 0)
			return FAULT_UPSTREAM_MALFORMED; /* no word why it stops */
		end_message(ev);
	} else if (json_text_is(f->type, STR("error")) || f->error.type != JSON_NONE) {
		push_fault(ev, f->error);
	} else if (f->type.type == JSON_STRING) {
		if (!json_text_is(f->type, STR("ping")))
			anthropic_push_odd(ev, f->type);
	} /* else what Bedrock adds: its measurements have no type */
	return NULL;
}

/* Members of an object from outside, by name. */
static fault_t pick(str text, const str *names, struct json_value *const *values,
                    size_t count)
{
	struct json_member members[MEMBERS_MOST];
	size_t found;

	if (json_members(text, &json_limits_default, members, MEMBERS_MOST, &found))
		return FAULT_UPSTREAM_MALFORMED;
	for (size_t i = 0; i < found; i++) {
		for (size_t n = 0; n < count; n++) {
			if (str_eq(members[i].key, names[n]) &&
			    members[i].value.type != JSON_NULL)
				*values[n] = members[i].value;
		}
	}
	return NULL;
}

fault_t anthropic_read_event(struct chat_reader *rd, str name, str data,
                             struct chat_sink *to)
{
	static const str names[] = { STR_INIT("type"),    STR_INIT("index"),
		                     STR_INIT("message"), STR_INIT("content_block"),
		                     STR_INIT("delta"),   STR_INIT("usage"),
		                     STR_INIT("error") };
	struct members f = { 0 };
	struct json_value *const values[] = { &f.type,  &f.index, &f.message, &f.block,
		                              &f.delta, &f.usage, &f.error };
	struct anthropic_event ev = { .rd = rd, .to = to };
	fault_t why;

	if (rd->ended)
		return NULL;
	why = pick(data, names, values, countof(values));
	if (why)
		return why;
	/* Mended and escaped text is at most six times as long. */
	ev.keep.ceiling = 8 * data.len + 4 * KiB;
	why = read_members(&ev, &f);
	arena_done(&ev.keep);
	return why;
}

bool anthropic_read_eof(struct chat_reader *rd, struct chat_sink *to)
{
	struct anthropic_event ev = { .rd = rd, .to = to };

	/* With its stop reason an answer is whole, also when the last event is missing.
	 */
	if (rd->finished)
		end_message(&ev);
	return rd->ended;
}

/* ---- whole answers ---- */

static fault_t read_message(struct anthropic_event *ev, struct json_value message,
                            struct json_value content)
{
	struct json_member m;
	uint64_t index = 0;
	fault_t why;

	begin_message(ev, message);
	for (struct json_iter it = json_iter(content); json_next(&it, &m); index++) {
		why = anthropic_begin_block(ev, index, m.value);
		if (why)
			return why;
		anthropic_end_block(ev, index);
	}
	read_stop(ev, message);
	end_message(ev);
	return NULL;
}

fault_t anthropic_read_reply(struct chat_reader *rd, str body, struct chat_sink *to)
{
	static const str names[] = { STR_INIT("type"), STR_INIT("content"),
		                     STR_INIT("error") };
	struct json_value type = { 0 }, content = { 0 }, error = { 0 }, root;
	struct json_value *const values[] = { &type, &content, &error };
	struct anthropic_event ev = { .rd = rd,
		                      .to = to,
		                      .keep = { .ceiling = 8 * body.len + 4 * KiB } };
	fault_t why = pick(body, names, values, countof(values));

	if (why)
		return why;
	root = (struct json_value){ JSON_OBJECT, str_trim(body) };
	if (json_text_is(type, STR("error")) || error.type != JSON_NONE)
		push_fault(&ev, error);
	else if (content.type == JSON_ARRAY)
		why = read_message(&ev, root, content);
	else
		why = FAULT_UPSTREAM_MALFORMED;
	arena_done(&ev.keep);
	return why;
}
