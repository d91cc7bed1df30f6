/* long_event.c - an event on its way through, piece by piece.
 *
 * The end of a server-sent event is a blank line; an AWS message says at its beginning
 * how long it is. */
#include "gateway/long_event.h"

#include "gateway/hide.h"
#include "gateway/stream.h"
#include "wire/given.h"

enum { KEPT_MOST = 8 * MiB /* of one, to be looked at when it is whole */ };

static void begin(struct attempt *a)
{
	a->in_long_event = a->long_kept = true;
	a->line_state = 0;
	a->long_left = a->aws.need;
	a->aws = (struct aws_scan){ 0 };
	attempt_progress(a);
	exchange_commit(a);
}

/* So many of the bytes are the event's. */
static size_t pass(struct attempt *a, str bytes)
{
	if (a->wire->frames == FRAMES_AWS) {
		size_t n = min_of(bytes.len, a->long_left);

		a->long_left -= n;
		a->in_long_event = a->long_left > 0;
		return n;
	}
	for (size_t i = 0; i < bytes.len; i++) {
		char c = bytes.ptr[i];

		if (c == '\n' && a->line_state == 1) {
			a->in_long_event = false;
			return i + 1;
		}
		if (c == '\n')
			a->line_state = 1;
		else if (c != '\r')
			a->line_state = 0;
	}
	return bytes.len;
}

/* What has passed of it is kept beside, as far as there is room. */
static void keep(struct attempt *a, str bytes)
{
	if (!a->long_kept)
		return;
	if (a->held.len + bytes.len > KEPT_MOST || !retained_add(&a->held, bytes)) {
		retained_free(&a->held);
		a->long_kept = false;
	}
}

/* It has passed: what was it?  Nothing can be said of one that was not kept. */
static struct looked look_back(struct attempt *a)
{
	struct looked found = { 0 };
	struct sse_scan scan = { 0 };
	struct aws_scan aws = { 0 };
	str text = retained_str(&a->held);
	struct sse_found event = { 0 };
	struct aws_frame frame;

	if (!a->long_kept)
		return found;
	if (a->wire->frames == FRAMES_SSE) {
		if (sse_scan(&scan, text, &event) && !event.several)
			stream_look_at(a, &event, 0, &found);
	} else if (aws_scan(&aws, text, &frame)) {
		event = (struct sse_found){ .raw = frame.raw,
			                    .name = frame.name,
			                    .data = frame.payload,
			                    .has_data = true };
		stream_look_at(a, &event, 0, &found);
	} else {
		found.why = aws.why;
	}
	a->strip_len = 0;
	a->cost_text = STR_NONE;
	return found;
}

/* The client has all of it already. */
static void end_event(struct attempt *a, bool is_last)
{
	struct looked found = look_back(a);
	struct outgoing out;

	retained_free(&a->held);
	/* The client has it: it does not wait any more, nor can it be taken back. */
	if (a->given && (found.why || !a->long_kept))
		given_lose(a->given);
	else if (a->given)
		given_release(a->given);
	a->hold_at = 0;
	a->long_kept = false;
	if (!found.why && !found.ended)
		return;
	outgoing_init(&out);
	if (!found.why) {
		a->ended = is_last;
		relay_stream_over(a, &out);
		return;
	}
	if (found.pass_error) {
		a->x->client_status = found.why->status;
		relay_last_words(a->x, &out);
	}
	attempt_fail(a, found.why, found.detail);
}

size_t long_event_data(struct attempt *a, str bytes, bool end)
{
	size_t waits = end ? 0 : hide_begins(a, bytes), n = bytes.len;
	struct exchange *x = a->x;
	struct outgoing out;
	bool is_first = !a->in_long_event, has_secret = is_first && hide_finds(a, bytes);

	if (is_first && !has_secret)
		begin(a);
	if (!has_secret)
		n = pass(a, str_first(bytes, bytes.len - waits));
	if (has_secret || (!is_first && hide_finds(a, str_first(bytes, n)))) {
		attempt_fail(a, FAULT_UPSTREAM_FAILED,
		             STR("a long event has a credential in it"));
		return bytes.len;
	}
	if (n == 0 && !end)
		return 0;
	outgoing_init(&out);
	stream_pass_on(a, &out, str_first(bytes, n));
	outgoing_send(x, &out, false);
	a->strip_len = a->scanned = 0;
	a->cost_text = STR_NONE;
	a->scan = (struct sse_scan){ .begun = true };
	attempt_progress(a);
	keep(a, str_first(bytes, n));
	if (!a->in_long_event)
		end_event(a, end && n == bytes.len);
	else if (end)
		attempt_fail(a, FAULT_UPSTREAM_CUT, STR_NONE);
	if (a->step == ATTEMPT_CLOSE || !x->client)
		return bytes.len;
	if (!http_has_room(x->client))
		attempt_pause(a, true);
	return n;
}
