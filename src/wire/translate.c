#include "wire/translate.h"

#include "base/mem.h"
#include "codec/event_stream.h"
#include "wire/emit.h"
#include "wire/tap.h"

enum { EVENT_MOST = 16 * MiB };

static unsigned quirks_of(const struct translation *t)
{
	const struct provider_row *row = provider_row_find(t->provider);

	return row ? row->quirks : 0;
}

static void say(const struct translation *t, str detail)
{
	if (t->detail)
		buf_set(t->detail, detail);
}

static void name_dropped(const struct translation *t, const struct chat_request *r)
{
	for (unsigned i = 0; t->dropped && i < r->dropped_count; i++) {
		if (i)
			buf_add(t->dropped, STR(", "));
		buf_add(t->dropped, r->dropped[i]);
	}
}

fault_t translate_request(const struct translation *t, str body)
{
	struct arena keep = { .ceiling = 64 * MiB + 2 * body.len };
	struct chat_request r = { .keep = &keep, .from = t->from->format };
	struct chat_target target = { .model = t->model,
		                      .provider = t->provider,
		                      .facts = t->facts,
		                      .quirks = quirks_of(t) };
	struct skimmed skim = { 0 };
	str detail = STR_NONE;
	fault_t why = t->from->skim(body, OP_CHAT, &keep, &skim, &detail);

	r.stream = t->from->model_in_path ? t->stream : skim.stream;
	if (t->from->model_in_path)
		r.model = chat_escape(&keep, t->model);
	target.stream = target.ask_usage = r.stream;
	if (!why)
		why = t->from->read_request(body, &r, &detail);
	if (!why)
		why = r.why;
	if (!why)
		why = chat_cross(&r, t->to->format, &detail);
	if (!why)
		why = t->to->write_request(&r, &target, t->out, &detail);
	if (!why)
		why = r.why;
	say(t, detail);
	name_dropped(t, &r);
	arena_done(&keep);
	return why;
}

/* An answer under way. */
struct under_way {
	struct emitter e;
	struct chat_reader reader;
	struct tap tap;
};

static void begin(struct under_way *u, const struct translation *t, bool streams)
{
	*u = (struct under_way){ 0 };
	emit_init(&u->e, t->to->emit, t->out, streams);
	u->e.format = t->to->format;
	u->e.seed = STR("0000000000000001");
	u->e.model = t->model.len ? t->model : STR("model");
	u->e.wants_usage = true;
	u->e.array = t->array;
	u->e.same_format = t->from == t->to;
	u->tap.quirks = u->reader.quirks = quirks_of(t);
	u->tap.reader = &u->reader;
}

fault_t translate_reply(const struct translation *t, str body)
{
	struct under_way u;
	str message = STR_NONE;
	fault_t why;

	begin(&u, t, false);
	why = wire_tap_answer(t->from, &u.tap, body, &message, &u.e.sink);
	if (why == FAULT_EMPTY_ANSWER)
		why = NULL;
	if (!why)
		why = u.e.why;
	if (!why) {
		emit_end(&u.e);
		why = u.e.why;
	}
	if (!why)
		t->to->write_reply(&u.e);
	say(t, message);
	emit_done(&u.e);
	return why;
}

static fault_t take_event(const struct translation *t, struct under_way *u, str name,
                          str data)
{
	struct tap_event found;

	wire_tap_event(t->from, &u->tap, name, data, &found, &u->e.sink);
	if (found.is_broken)
		return FAULT_UPSTREAM_MALFORMED;
	if (found.is_error) {
		say(t, found.message);
		return u->e.why ? u->e.why : FAULT_STREAM_ERROR;
	}
	return u->e.why;
}

static fault_t take_frames(const struct translation *t, struct under_way *u, str bytes)
{
	struct aws_scan scan = { 0 };
	struct aws_frame frame;
	size_t step = t->step ? t->step : bytes.len, seen = 0;
	fault_t why = NULL;

	while (!why && !scan.why && seen < bytes.len) {
		seen += min_of(step, bytes.len - seen);
		while (!why && !u->e.ended &&
		       aws_scan(&scan, str_first(bytes, seen), &frame)) {
			why = take_event(t, u, frame.name, frame.payload);
			bytes = str_from(bytes, frame.raw.len);
			seen -= frame.raw.len;
		}
	}
	return why ? why : scan.why;
}

static fault_t take_events(const struct translation *t, struct under_way *u, str bytes)
{
	struct sse_reader sse = { .limit = EVENT_MOST };
	struct sse_event event;
	size_t step = t->step ? t->step : bytes.len;
	fault_t why = NULL;

	while (!why && !sse.why && bytes.len > 0) {
		str come = str_first(bytes, min_of(step, bytes.len));

		bytes = str_from(bytes, come.len);
		while (!why && !u->e.ended && sse_next(&sse, &come, &event))
			why = take_event(t, u, event.name, event.data);
	}
	why = why ? why : sse.why;
	sse_done(&sse);
	return why;
}

fault_t translate_stream(const struct translation *t, str bytes)
{
	struct under_way u;
	fault_t why;

	begin(&u, t, true);
	why = t->from->frames == FRAMES_AWS ? take_frames(t, &u, bytes)
	                                    : take_events(t, &u, bytes);
	if (!why && !u.e.ended) {
		if (!wire_tap_eof(t->from, &u.tap, &u.e.sink))
			why = FAULT_UPSTREAM_CUT;
		else
			emit_end(&u.e);
		why = why ? why : u.e.why;
	}
	if (why)
		emit_fault(&u.e, why, why->text);
	emit_done(&u.e);
	return why;
}
