/* stream.c - events on their way through: looked at, passed on as they are, ended
 * honestly.
 *
 * Whole events are passed on; none before the first that says something, so that whatever
 * fails earlier can still become another attempt.  An event too long to be held is
 * long_event.c's. */
#include "gateway/stream.h"

#include "gateway/hide.h"
#include "gateway/lane_answer.h"
#include "gateway/long_event.h"
#include "gateway/pinned.h"
#include "gateway/resume_log.h"
#include "gateway/tenancy.h"
#include "wire/tap.h"

/* An event longer than this is passed on as it comes: the connection keeps no more. */
enum { EVENT_SEEN_MOST = 60 * KiB };

void stream_pass_on(struct attempt *a, struct outgoing *out, str seen)
{
	struct exchange *x = a->x;

	if (!x->head_sent) {
		relay_stream_head(x, &x->worker->head, a->content_type, a->back);
		out->has_head = true;
	}
	if (a->strip_len) {
		outgoing_add(out, str_first(seen, a->strip_at));
		outgoing_add(out, str_from(seen, a->strip_at + a->strip_len));
	} else if (a->cost_text.len && a->cost_at < seen.len) {
		outgoing_add(out, str_first(seen, a->cost_at));
		outgoing_add(out, a->cost_text);
		outgoing_add(out, str_from(seen, a->cost_at));
	} else {
		outgoing_add(out, seen);
	}
	a->answer_bytes += seen.len;
}

/* Of several in a turn the last one tells it: clients keep that. */
static void note_cost(struct attempt *a, const struct sse_found *event, size_t at)
{
	str cost = relay_cost_member(a);

	if (!cost.len)
		return;
	a->cost_text = cost;
	a->cost_at = at + (size_t)(a->tap.usage_end - event->raw.ptr);
}

/* It was asked for by us alone.  There is one in a stream, or should be: a second that
 * stands elsewhere ends the turn.  False: it does. */
static bool strip(struct attempt *a, size_t at, size_t len, struct looked *ret)
{
	if (a->strip_len && at != a->strip_at + a->strip_len) {
		if (!a->first_token || a->hold_at)
			return true; /* nothing goes out yet */
		ret->strip = len;
		return false;
	}
	if (a->strip_len == 0)
		a->strip_at = at;
	a->strip_len += len;
	return true;
}

bool stream_look_at(struct attempt *a, const struct sse_found *event, size_t at,
                    struct looked *ret)
{
	struct tap_event found;
	struct buf joined = BUF_LIMIT(EVENT_SEEN_MOST);
	str data = event->data;
	bool on = true;

	if (!event->has_data || (event->data.len == 0 && !event->several))
		return true; /* a comment, or nothing */
	if (event->several) {
		sse_join(event, &joined);
		data = buf_str(&joined);
	}
	if (a->given)
		given_mark(a->given);
	wire_tap_event(a->wire, &a->tap, event->name, data, &found,
	               a->given && !a->wire->tap_event ? &a->given->sink : NULL);
	resume_log_event(a, event->name, data, &found);
	/* Of several calls in one turn the whole ones go out. */
	if (a->given && !given_is_held(a->given))
		a->hold_at = 0;
	else if (a->given && !a->hold_at)
		a->hold_at = at + 1;
	COUNT(a->x->worker->counts.events);
	if (found.strip)
		on = strip(a, at, event->raw.len, ret);
	else if (!event->several)
		note_cost(a, event, at);
	if (found.is_meaningful)
		attempt_progress(a);
	if (found.is_broken)
		ret->why = FAULT_UPSTREAM_MALFORMED;
	if (found.is_error) {
		ret->error_at = at + 1;
		ret->why = found.why;
		relay_listen(a, found.why, data);
		ret->detail = relay_words(a, found.message);
		/* Its own words go through, but not with a key of ours in them. */
		ret->pass_error = !hide_finds(a, data);
		/* Another attempt may go on, where the client does not have it yet. */
		if (a->given && !a->long_kept)
			ret->pass_error = false;
	}
	ret->ended = found.is_end;
	if (found.is_end)
		pinned_look_at_whole(a, data);
	else if (pinned_is_item(event->name))
		pinned_look_at_item(a, data);
	/* An end mark without a finish is no end, if there was a beginning (U27). */
	if (found.is_end && a->first_token && !wire_is_complete(a->wire, &a->tap)) {
		ret->why = FAULT_UPSTREAM_CUT;
		ret->detail = STR("the stream ended before its finish");
	}
	if (event->several)
		buf_free(&joined);
	return on && !ret->why && !ret->ended;
}

/* The next whole event or message. */
static bool next_event(struct attempt *a, str bytes, struct sse_found *ret)
{
	struct aws_frame frame;

	if (a->wire->frames == FRAMES_SSE)
		return sse_scan(&a->scan, bytes, ret);
	if (!aws_scan(&a->aws, bytes, &frame))
		return false;
	*ret = (struct sse_found){ .raw = frame.raw,
		                   .name = frame.name,
		                   .data = frame.payload,
		                   .has_data = true };
	return true;
}

/* Looks at the events that are whole, as far as the end mark or a failure. */
static struct looked look(struct attempt *a, str bytes)
{
	struct looked found = { .upto = a->scanned };
	struct sse_found event;

	while (next_event(a, str_from(bytes, found.upto), &event)) {
		bool on = stream_look_at(a, &event, found.upto, &found);

		if (found.why && !found.pass_error)
			break;
		found.upto += event.raw.len;
		a->scan.seen = 0;
		if (!on)
			break;
	}
	if (!found.why && a->aws.why)
		found.why = a->aws.why;
	return found;
}

/* Some servers forget the blank line behind their end mark (U34). */
static bool is_bare_end(str rest)
{
	return str_eq(str_trim(str_first(rest, str_find_any(rest, STR("\r\n")))),
	              STR("data: [DONE]"));
}

void relay_stream_over(struct attempt *a, struct outgoing *out)
{
	struct exchange *x = a->x;

	pinned_remember(a);
	relay_add_summary(x, &out->text);
	outgoing_send(x, out, true);
	relay_finish(a);
}

/* How much of what was looked at is for the client: not the call that waits. */
static size_t upto_hold(struct attempt *a, size_t upto)
{
	if (!a->given || !given_is_held(a->given)) {
		a->hold_at = 0;
		return upto;
	}
	return a->hold_at ? min_of(a->hold_at - 1, upto) : 0;
}

/* So much of what was presented is taken. */
static void take(struct attempt *a, size_t looked, size_t taken)
{
	a->scanned = looked - taken;
	if (a->hold_at)
		a->hold_at -= taken;
	if (a->strip_at >= taken) /* it waits behind a call */
		a->strip_at -= taken;
	else
		a->strip_len = 0;
	if (a->cost_at < taken)
		a->cost_text = STR_NONE;
	else
		a->cost_at -= taken;
}

/* What an answer lacks that ends behind its finish. */
static void add_rest(struct attempt *a, struct buf *to)
{
	const struct exchange *x = a->x;
	const struct token_usage estimate = attempt_estimate(a);
	str head = a->given ? buf_str(&a->given->head) : STR_NONE;

	if (x->skim.wants_usage && !a->tap.has_usage && head.len &&
	    a->wire->write_late_usage)
		a->wire->write_late_usage(head, &estimate, to);
	if (a->wire->write_end_mark)
		a->wire->write_end_mark(to);
}

void relay_complete(struct attempt *a)
{
	struct outgoing out;

	outgoing_init(&out);
	if (!a->tap.done)
		add_rest(a, &out.text);
	if (a->x->as_array)
		buf_add(&out.text, STR("]"));
	a->ended = true;
	relay_stream_over(a, &out);
}

/* A failure inside the stream.  Before anything was given to the client it is the
 * attempt's; after that another goes on, or the client is told, in its own words where
 * the provider has some and nobody could have gone on. */
static cold size_t stream_failed(struct attempt *a, str bytes, const struct looked *found)
{
	struct exchange *x = a->x;
	size_t upto = upto_hold(a, found->upto);

	if (x->step == STEP_RELAY && upto) {
		struct outgoing out;

		outgoing_init(&out);
		stream_pass_on(a, &out, str_first(bytes, upto));
		if (found->pass_error) {
			x->client_status = found->why->status;
			relay_last_words(x, &out);
		} else {
			outgoing_send(x, &out, false);
		}
	}
	attempt_fail(a, found->why, found->detail);
	return bytes.len;
}

/* Is the answer whole, although its connection has ended or says no more?  Then what it
 * lacks is added.  finished: only with the finish of every choice. */
static bool is_whole(struct attempt *a, bool finished, struct outgoing *out)
{
	bool was_done = a->tap.done && !a->tap.late;

	if (!wire_tap_eof(a->wire, &a->tap, NULL) ||
	    (finished && !tap_is_finished(&a->tap)))
		return false;
	if (!was_done)
		add_rest(a, &out->text);
	return true;
}

/* An error behind the finish: the answer ends there, as if its connection had. */
static bool is_whole_before(struct attempt *a, struct looked *found, struct outgoing *out)
{
	if (!found->error_at || !a->first_token ||
	    (a->given && given_is_held(a->given)) || !is_whole(a, true, out))
		return false;
	*found = (struct looked){ .upto = found->error_at - 1, .ended = true };
	return true;
}

/* What stands behind the last whole event.  A CR ends its line when nothing can follow;
 * and some servers forget the last blank line, which only costs an event that is not the
 * end mark.  Taken, it goes to the client. */
static void take_last(struct attempt *a, struct outgoing *out, str rest)
{
	bool is_ended = str_ends(rest, STR("\r\r")) || str_ends(rest, STR("\n\r"));
	struct chat_reader reader = { 0 };
	struct tap before = a->tap;
	struct sse_scan scan = { .begun = true };
	struct sse_found event;
	struct looked found = { 0 };
	struct emit_mark place = { 0 };
	struct buf text = BUF_LIMIT(EVENT_SEEN_MOST + 2);

	if (a->wire->frames != FRAMES_SSE || !rest.len ||
	    !strchr("\r\n", rest.ptr[rest.len - 1]))
		return;
	if (a->tap.reader)
		reader = *a->tap.reader;
	if (a->given) {
		given_mark(a->given);
		place = a->given->place;
	}
	buf_add(&text, rest);
	buf_add(&text, STR("\n\n"));
	if (sse_scan(&scan, buf_str(&text), &event))
		stream_look_at(a, &event, 0, &found);
	buf_free(&text);
	a->strip_len = 0;
	a->cost_text = STR_NONE;
	bool waits = a->given && given_is_held(a->given);

	if (found.why || waits || !(is_ended || found.ended)) {
		if (a->given) {
			given_undo(a->given);
			a->given->place = place;
		}
		a->tap = before;
		if (a->tap.reader)
			*a->tap.reader = reader;
		return;
	}
	outgoing_add(out, rest);
	a->answer_bytes += rest.len;
	buf_add(&out->text, STR("\n"));
}

/* The provider has ended its side. */
static void stream_ended(struct attempt *a, struct outgoing *out, str rest)
{
	bool is_end = a->wire->format == WIRE_OPENAI_CHAT && is_bare_end(rest);

	if (is_end)
		a->tap.done = true;
	else
		take_last(a, out, rest);
	if (is_whole(a, false, out)) {
		if (is_end)
			buf_add(&out->text, STR("data: [DONE]\n\n"));
		relay_stream_over(a, out);
		return;
	}
	/* An end mark without a finish is no end, and nobody gets it. */
	if (is_end)
		a->tap.done = false;
	outgoing_send(a->x, out, false);
	attempt_fail(a, FAULT_UPSTREAM_CUT, STR("the stream ended before its finish"));
}

/* Nothing meaningful has come: may the answer go on, or is it empty? */
static size_t not_yet(struct attempt *a, struct outgoing *out, str bytes,
                      const struct looked *found, bool end)
{
	bool over = found->ended || end;

	buf_free(&out->text); /* what it lacked */
	a->scanned = found->upto;
	if (!over)
		return 0;
	if (found->ended || wire_tap_eof(a->wire, &a->tap, NULL))
		attempt_fail(a, FAULT_EMPTY_ANSWER, STR_NONE);
	else
		attempt_fail(a, FAULT_UPSTREAM_CUT,
		             STR("the stream ended before its first token"));
	return bytes.len;
}

static size_t long_then_rest(struct attempt *a, str bytes, bool end)
{
	size_t n = long_event_data(a, bytes, end);

	if (a->in_long_event || a->step == ATTEMPT_CLOSE || !a->x->client ||
	    (n == bytes.len && !end))
		return n;
	return n + relay_stream_data(a, str_from(bytes, n), end);
}

size_t relay_stream_data(struct attempt *a, str bytes, bool end)
{
	struct exchange *x = a->x;
	struct outgoing out;
	struct looked found;
	size_t upto;
	bool empty_is_fine = x->candidates.on_empty == ON_EMPTY_PASS;

	if (a->in_long_event)
		return long_then_rest(a, bytes, end);
	found = look(a, bytes);
	a->ended = end;
	outgoing_init(&out);
	if (unlikely(found.why != NULL) && !is_whole_before(a, &found, &out))
		return stream_failed(a, bytes, &found);
	if (end && !found.ended && !a->first_token &&
	    wire_tap_eof(a->wire, &a->tap, NULL) && a->tap.late)
		attempt_progress(a);
	if (x->step != STEP_RELAY && a->first_token && relay_is_filtered(a)) {
		buf_free(&out.text);
		attempt_fail(a, FAULT_UPSTREAM_FILTERED, STR_NONE);
		return bytes.len;
	}
	resume_log_turn(a);
	if ((a->first_token && !resume_log_holds_all(a)) ||
	    (empty_is_fine && (found.ended || end)))
		exchange_commit(a);
	if (x->step != STEP_RELAY) {
		if (found.ended || end || bytes.len <= EVENT_SEEN_MOST)
			return not_yet(a, &out, bytes, &found, end);
		exchange_commit(a); /* no more can be held back */
	}
	if (bytes.len > EVENT_SEEN_MOST && a->given)
		given_release(a->given);
	upto = upto_hold(a, found.upto - found.strip);
	if (upto)
		stream_pass_on(a, &out, str_first(bytes, upto));
	upto += found.strip;
	take(a, found.upto, upto);
	if (unlikely(found.strip)) {
		outgoing_send(x, &out, false);
		return upto + relay_stream_data(a, str_from(bytes, upto), end);
	}
	if (found.ended) {
		/* Bytes behind the end mark are nobody's, and cost the connection. */
		a->ended = end && found.upto == bytes.len;
		relay_stream_over(a, &out);
		return bytes.len;
	}
	if (end) {
		stream_ended(a, &out, str_from(bytes, found.upto));
		return bytes.len;
	}
	outgoing_send(x, &out, false);
	if (bytes.len - found.upto > EVENT_SEEN_MOST)
		return upto + long_then_rest(a, str_from(bytes, upto), end);
	if (!http_has_room(x->client))
		attempt_pause(a, true);
	tenancy_watch(a);
	return a->step == ATTEMPT_CLOSE ? bytes.len : upto;
}

bool relay_is_whole(struct attempt *a)
{
	struct exchange *x = a->x;
	struct outgoing out;

	/* Before anything went out only a lane can hold an answer that is whole. */
	if (x->step != STEP_RELAY)
		return x->step == STEP_TRY && a->kind == ANSWER_OTHER &&
		       lane_answer_is_whole(a);
	if (!x->client) { /* the client has its answer; how the provider left does not
		             matter */
		attempt_end(a, NULL, STR_NONE);
		exchange_settle(x);
		return true;
	}
	if (a->kind == ANSWER_OTHER)
		return lane_answer_is_whole(a);
	if (a->kind != ANSWER_STREAM || a->in_long_event ||
	    !operations[a->tap.operation].is_chat || a->hold_at)
		return false;
	outgoing_init(&out);
	if (!is_whole(a, false, &out)) {
		buf_free(&out.text);
		return false;
	}
	a->ended = true;
	relay_stream_over(a, &out);
	return true;
}
