/* lane.h - a format's readers and writers, on whatever comes: a request, an answer, and a
 * stream cut into events.  What is written is JSON. */
#pragma once
#include "fuzz/fuzz.h"
#include "wire/complaint.h"
#include "wire/emit.h"
#include "wire/wire.h"

static inline void lane_request(const struct wire *wire, str body, str model)
{
	struct arena keep = { .ceiling = 16 * MiB };
	struct chat_request r = { .keep = &keep, .from = wire->format };
	struct chat_target t = { .model = model };
	struct buf out = BUF_LIMIT(16 * MiB);
	struct json_value root;
	struct skimmed s;
	str detail;

	if (!wire->skim(body, OP_CHAT, &keep, &s, &detail) &&
	    !wire->read_request(body, &r, &detail) &&
	    !wire->write_request(&r, &t, &out, &detail) && !out.over)
		assert(!json_check(buf_str(&out), &json_limits_default, &root));
	buf_free(&out);
	arena_done(&keep);
}

static inline void lane_init(struct emitter *e, const struct wire *wire, struct buf *out,
                             bool streams)
{
	emit_init(e, wire->emit, out, streams);
	e->format = wire->format;
	e->seed = STR("0123456789abcdef");
	e->model = STR("m");
}

static inline void lane_reply(const struct wire *wire, str body)
{
	struct buf out = BUF_LIMIT(16 * MiB);
	struct chat_reader rd = { 0 };
	struct json_value root;
	struct emitter e;

	lane_init(&e, wire, &out, false);
	if (!wire->read_reply(&rd, body, &e.sink) && e.ended && !e.why) {
		wire->write_reply(&e);
		assert(out.over ||
		       !json_check(buf_str(&out), &json_limits_default, &root));
	}
	emit_done(&e);
	buf_free(&out);
	wire->error_message(body);
	complaint_fault(&(struct complaint){ .format = wire->format, .text = body });
	complaint_limit(body);
	complaint_wait(body);
}

/* Lines are events, "name data". */
static inline void lane_stream(const struct wire *wire, str text)
{
	struct buf out = BUF_LIMIT(16 * MiB);
	struct chat_reader rd = { 0 };
	struct emitter e;

	lane_init(&e, wire, &out, true);
	while (text.len > 0) {
		str data = str_cut(&text, '\n'), name = str_cut(&data, ' ');

		if (wire->read_event(&rd, name, data, &e.sink))
			break;
	}
	wire->read_eof(&rd, &e.sink);
	emit_done(&e);
	buf_free(&out);
}
