/* lane_answer.c - answers on their way between two formats (lane.h).
 *
 * Nothing here knows a format: `a->wire` is the provider's, `x->endpoint->wire` the
 * client's, and between them stand the neutral form and the emitter.  What the events of
 * one turn came to decides at its end whether the client gets something, the attempt has
 * failed, or more is waited for. */
#include "gateway/lane_answer.h"

#include "gateway/relay.h"
#include "gateway/resume.h"
#include "gateway/resume_log.h"
#include "gateway/tenancy.h"
#include "wire/tap.h"

static const struct wire *client_wire(const struct attempt *a)
{
	return a->x->endpoint->wire;
}

/* What a turn's events came to. */
struct turn {
	bool ended;
	fault_t why;
	str detail;
};

/* Where the events of the provider go. */
static struct chat_sink *sink_of(struct attempt *a)
{
	struct lane *l = a->lane;

	if (l->verbatim)
		return a->given ? &a->given->sink : NULL;
	if (resume_is_on(a))
		return &a->x->resume->seam.sink;
	if (l->stopper)
		return chat_stopper_sink(l->stopper);
	return a->given ? &a->given->sink : &l->e.sink;
}

/* What a failure inside the answer was called, or what is wrong with it. */
static fault_t why_of(const struct attempt *a)
{
	if (resume_is_on(a) && a->x->resume->seam.why)
		return a->x->resume->seam.why;
	if (a->given && a->given->why)
		return a->given->why;
	return a->lane->e.why;
}

/* Nothing of what the provider still says is for the client: its answer ends here.  What
 * was reported so far is no final count, so client and ledger get an estimate. */
static void end_early(struct attempt *a, struct turn *t)
{
	struct token_usage usage;

	tap_cut(&a->tap, FINISH_SEQUENCE);
	usage = resume_is_on(a) ? seam_usage(&a->x->resume->seam) : attempt_estimate(a);
	chat_stopper_end(a->lane->stopper, &usage);
	t->ended = true;
}

/* The next whole event of the provider's, from bytes cut anywhere. */
static bool next_event(struct attempt *a, str *rest, struct sse_event *ret)
{
	struct lane *l = a->lane;
	struct aws_frame frame;

	if (a->wire->frames == FRAMES_SSE)
		return sse_next(&l->sse, rest, ret);
	if (rest->len) {
		buf_drop(&l->frames, l->frames_at);
		l->frames_at = 0;
		if (!buf_add(&l->frames, *rest))
			l->sse.why = FAULT_UPSTREAM_LARGE;
		*rest = STR_NONE;
	}
	if (!aws_scan(&l->aws, str_from(buf_str(&l->frames), l->frames_at), &frame)) {
		if (l->aws.why)
			l->sse.why = l->aws.why;
		return false;
	}
	l->frames_at += frame.raw.len;
	*ret = (struct sse_event){ .name = frame.name, .data = frame.payload };
	return true;
}

/* One more item of the array. */
static void add_item(struct lane *l, str json)
{
	buf_add(&l->out, l->e.started ? STR(",\r\n") : STR("["));
	buf_add(&l->out, json);
	l->e.started = true;
}

/* In front of all that an emitter follows: where nobody has counted by the end of the
 * answer, an estimate goes before it, for clients that want any. */
struct ending {
	struct chat_sink sink; /* first */
	struct attempt *a;
	bool is_late; /* a failure behind the finish: nobody needs to hear of it */
};

static void take_ending(struct chat_sink *sink, const struct chat_event *e)
{
	struct ending *s = container_of(sink, struct ending, sink);
	struct attempt *a = s->a;

	if (e->kind == CHAT_FAULT && a->first_token && tap_is_finished(&a->tap)) {
		s->is_late = true;
		return;
	}
	if (e->kind == CHAT_END && !a->tap.has_usage && !resume_is_on(a)) {
		const struct chat_event estimate = {
			.kind = CHAT_USAGE,
			.usage = attempt_estimate(a),
		};

		chat_push(sink_of(a), &estimate);
	}
	chat_push(sink_of(a), e);
}

/* sink_of behind such an ending; NULL: nobody follows. */
static struct chat_sink *sink_behind(struct ending *s, struct attempt *a)
{
	*s = (struct ending){ .sink = { .take = take_ending }, .a = a };
	return a->lane->verbatim ? sink_of(a) : &s->sink;
}

static void at_eof(struct attempt *a, struct turn *t);

static void take_event(struct attempt *a, const struct sse_event *event, struct turn *t)
{
	struct tap_event found;
	struct lane *l = a->lane;
	struct ending ending;

	if (event->data.len == 0 && a->wire->frames == FRAMES_SSE)
		return; /* a sign of life */
	if (l->verbatim && a->given)
		given_mark(a->given);
	wire_tap_event(a->wire, &a->tap, event->name, event->data, &found,
	               sink_behind(&ending, a));
	COUNT(a->x->worker->counts.events);
	if (unlikely(ending.is_late)) { /* as if its connection had ended */
		at_eof(a, t);
		return;
	}
	if (l->verbatim) {
		resume_log_event(a, event->name, event->data, &found);
		if (!found.is_broken && !found.is_error && !found.strip)
			add_item(l, event->data);
		if (found.is_end)
			buf_add(&l->out, STR("]"));
	}
	if (found.is_meaningful)
		attempt_progress(a);
	if (found.is_broken)
		t->why = FAULT_UPSTREAM_MALFORMED;
	else if (found.is_error || why_of(a))
		t->why = found.is_error ? found.why : why_of(a);
	if (found.is_error) {
		relay_listen(a, t->why, event->data);
		t->detail = relay_words(a, found.message);
	}
	t->ended = found.is_end;
	if (l->stopper && chat_stopper_is_over(l->stopper) && !t->why && !t->ended)
		end_early(a, t);
}

static void client_type(const struct attempt *a, str *ret)
{
	if (a->x->as_array)
		*ret = STR("application/json");
	else if (client_wire(a)->frames == FRAMES_AWS)
		*ret = STR("application/vnd.amazon.eventstream");
	else
		*ret = STR("text/event-stream");
}

void lane_answer_pass_on(struct attempt *a, bool last)
{
	struct exchange *x = a->x;
	struct lane *l = a->lane;
	struct outgoing out;
	str type;

	outgoing_init(&out);
	if (!x->head_sent) {
		client_type(a, &type);
		relay_stream_head(x, &x->worker->head, type, a->back);
		out.has_head = true;
	}
	outgoing_add(&out, resume_comment(a));
	outgoing_add(&out, buf_str(&l->out));
	a->answer_bytes += l->out.len;
	if (last) {
		relay_stream_over(a, &out); /* the lane may be gone after this */
		return;
	}
	outgoing_send(x, &out, false);
	buf_clear(&l->out);
	if (x->client && !http_has_room(x->client))
		attempt_pause(a, true);
}

/* What of the answer the client's format cannot say, beside what of the request the
 * provider's could not.  Other blocks tell how an answer came about. */
static void name_lost(struct attempt *a)
{
	static const struct {
		enum chat_kind kind;
		const char *name;
	} media[] = {
		{ CHAT_IMAGE, "image" },
		{ CHAT_AUDIO, "audio" },
		{ CHAT_VIDEO, "video" },
		{ CHAT_FILE, "file" },
	};
	struct lane *l = a->lane;

	for (size_t i = 0; i < countof(media); i++) {
		if (!(l->e.lost >> media[i].kind & 1))
			continue;
		l->dropped =
		        arena_printf(&a->x->arena, "%.*s%sanswer.%s", STR_ARG(l->dropped),
		                     l->dropped.len ? ", " : "", media[i].name);
	}
}

static void reply(struct attempt *a)
{
	struct lane *l = a->lane;

	name_lost(a);
	buf_clear(&l->out);
	client_wire(a)->write_reply(&l->e);
	if (l->out.over) {
		attempt_fail(a, FAULT_UPSTREAM_LARGE, STR_NONE);
		return;
	}
	a->content_type = STR("application/json");
	relay_unary_send(a, buf_str(&l->out));
}

/* Is there anything for the client?  What the emitter still keeps, a call that is not
 * whole or for Gemini has not ended, may be replaced. */
static bool has_something(struct attempt *a, const struct turn *t)
{
	return t->ended || a->lane->out.len;
}

static void turn_over(struct attempt *a, struct turn *t)
{
	struct exchange *x = a->x;
	bool empty_is_fine = x->candidates.on_empty == ON_EMPTY_PASS;

	if (a->lane->out.over) { /* there is a hole in it */
		buf_clear(&a->lane->out);
		t->why = t->why ? t->why : FAULT_UPSTREAM_LARGE;
	}
	if (resume_is_on(a) && !t->why)
		t->why = resume_judge(a, &t->ended);
	resume_log_turn(a);
	if (t->why) {
		/* What the emitter has said is said. */
		if (a->lane->out.len && (x->step == STEP_RELAY || resume_is_on(a))) {
			exchange_commit(a);
			lane_answer_pass_on(a, false);
		}
		attempt_fail(a, t->why, t->detail);
	} else if (t->ended && !a->first_token && !empty_is_fine) {
		attempt_fail(a, FAULT_EMPTY_ANSWER, STR_NONE);
	} else if (x->step != STEP_RELAY && (a->first_token || t->ended) &&
	           !resume_is_on(a) && relay_is_filtered(a)) {
		attempt_fail(a, FAULT_UPSTREAM_FILTERED, STR_NONE);
	} else if (!a->lane->e.streams) {
		if (t->ended)
			reply(a);
	} else if (has_something(a, t)) {
		exchange_commit(a);
		if (a->lane->out.len || t->ended)
			lane_answer_pass_on(a, t->ended);
		if (!t->ended)
			tenancy_watch(a);
	}
}

/* The provider has ended its side without an end mark of its format. */
static void at_eof(struct attempt *a, struct turn *t)
{
	struct lane *l = a->lane;
	struct ending ending;

	if (!wire_tap_eof(a->wire, &a->tap, sink_behind(&ending, a))) {
		t->why = FAULT_UPSTREAM_CUT;
		t->detail = a->first_token
		                    ? STR("the stream ended before its finish")
		                    : STR("the stream ended before its first token");
		return;
	}
	if (a->tap.late && a->first_token == 0)
		attempt_progress(a);
	if (l->verbatim)
		buf_add(&l->out, STR("]"));
	else /* once more where its reader has told it, which changes nothing */
		take_ending(&ending.sink, &(struct chat_event){ .kind = CHAT_END });
	t->ended = true;
	t->why = l->e.why;
}

size_t lane_answer_data(struct attempt *a, str bytes, bool end)
{
	struct lane *l = a->lane;
	struct sse_event event;
	struct turn t = { 0 };
	str rest = bytes;

	while (!t.why && !t.ended && next_event(a, &rest, &event))
		take_event(a, &event, &t);
	if (!t.why)
		t.why = l->sse.why;
	if (!t.why && !t.ended && end)
		at_eof(a, &t);
	a->ended = end && rest.len == 0 && l->frames_at == l->frames.len;
	turn_over(a, &t);
	return bytes.len;
}

bool lane_answer_is_whole(struct attempt *a)
{
	struct turn t = { 0 };

	at_eof(a, &t);
	if (t.why)
		return false;
	a->ended = true;
	turn_over(a, &t);
	return true;
}

/* The answer of an operation that is no chat. */
static void work_whole(struct attempt *a, str body)
{
	struct exchange *x = a->x;
	struct lane *l = a->lane;
	struct arena keep = { .pool = &x->worker->loop.blocks,
		              .ceiling = MiB + 2 * body.len };
	struct work_answer answer = { .keep = &keep, .said = a->tap.said };
	fault_t why;

	answer.id = arena_printf(&x->arena, "%016llx", (unsigned long long)x->id);
	answer.model = chat_escape(&x->arena, a->target->model);
	why = work_reply(a->wire, client_wire(a), a->tap.operation, x->chat, body,
	                 &answer, &l->out);
	arena_done(&keep);
	a->tap.usage = answer.usage;
	a->tap.has_usage = answer.has_usage;
	if (!why && l->out.over)
		why = FAULT_UPSTREAM_LARGE;
	if (why) {
		attempt_fail(a, why, STR_NONE);
		return;
	}
	a->content_type = STR("application/json");
	relay_unary_send(a, buf_str(&l->out));
}

void lane_answer_whole(struct attempt *a, str body)
{
	struct exchange *x = a->x;
	struct turn t = { .ended = true };
	struct ending ending;

	if (a->wire->work[a->tap.operation]) {
		work_whole(a, body);
		return;
	}
	lane_begin(a, x->skim.stream);
	t.why = wire_tap_answer(a->wire, &a->tap, body, &t.detail,
	                        sink_behind(&ending, a));
	if (t.why == FAULT_EMPTY_ANSWER && x->candidates.on_empty == ON_EMPTY_PASS)
		t.why = NULL;
	if (!t.why)
		t.why = why_of(a);
	if (!t.why)
		take_ending(&ending.sink, &(struct chat_event){ .kind = CHAT_END });
	else
		relay_listen(a, t.why, body);
	if (!t.why)
		t.why = a->lane->e.why;
	t.detail = relay_words(a, t.detail);
	turn_over(a, &t);
}

void lane_answer_fault(const struct exchange *x, struct lane *l, fault_t why, str message,
                       struct buf *to)
{
	/* Of an answer that was to go on, what ends its open item is still to be said. */
	if (!x->resume)
		buf_clear(&l->out);
	if (l->verbatim) {
		struct buf error = BUF_LIMIT(16 * KiB);

		x->endpoint->wire->write_fault(&error, why, message, STR_NONE);
		add_item(l, str_trim(buf_str(&error)));
		buf_add(&l->out, STR("]"));
		buf_free(&error);
	} else {
		emit_fault(&l->e, why, message);
	}
	buf_add(to, buf_str(&l->out));
}
