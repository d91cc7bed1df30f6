/* relay.c - what happens to the bytes of an answer on their way to the client.
 *
 * Four kinds.  STREAM: whole events are passed on as they are; none before the first that
 * says something, so that whatever fails earlier can still become another attempt. UNARY:
 * held whole up to 8 MiB, looked at, passed on.  RAW: audio and images pass as they come.
 * ERROR: a few KiB are kept to say why.  The client's head is made here, and so is the
 * honest end of an answer that breaks off. */
#include "gateway/attempt.h"

#include "gateway/headers.h"
#include "policy/verdict.h"

#include <stdio.h>

enum {
	UNARY_MOST = 8 * MiB,
	ERROR_KEPT = 64 * KiB,
	/* An event longer than this is passed on unseen: the connection keeps no more. */
	EVENT_SEEN_MOST = 60 * KiB,
};
#define COMMENT_EVERY (10 * USEC_SEC)
#define DRAIN_TIME (500 * USEC_MS)

static struct loop *loop_of(const struct attempt *a)
{
	return &a->x->worker->loop;
}

/* Ends the attempt without anything for the client, or the answer in its middle. */
static void fail(struct attempt *a, fault_t why, str detail)
{
	struct exchange *x = a->x;

	attempt_end(a, why, detail);
	if (x->step == STEP_TRY) {
		exchange_attempt_failed(x);
	} else if (x->step == STEP_RELAY) {
		exchange_fail(x, why, detail);
		exchange_run(x);
	}
}

/* ---- the head ---- */

static bool is_json(str type)
{
	return str_starts_nocase(type, STR("application/json")) ||
	       str_has(type, STR("+json"));
}

static enum answer_kind kind_of(const struct attempt *a)
{
	if (a->status < 200 || a->status >= 300)
		return ANSWER_ERROR;
	if (str_starts_nocase(a->content_type, STR("text/event-stream")))
		return ANSWER_STREAM;
	/* Some say octet-stream or nothing about their JSON: a chat answer is looked at.
	 */
	if (is_json(a->content_type) || operations[a->tap.operation].is_chat)
		return ANSWER_UNARY;
	return ANSWER_RAW;
}

void relay_head(struct attempt *a, const struct http_response *res)
{
	struct exchange *x = a->x;
	struct buf *lines = &x->worker->head;
	str coding = http_response_get(res, STR("content-encoding"));

	a->content_type =
	        arena_copy(&x->arena, http_response_get(res, STR("content-type")));
	a->kind = kind_of(a);
	a->has_length = res->body == HTTP_BODY_LENGTH;
	a->length = res->length;
	buf_clear(lines);
	headers_to_client(res, lines);
	a->back = arena_copy(&x->arena, buf_str(lines));
	if (coding.len && !str_eq_nocase(coding, STR("identity")))
		fail(a, FAULT_UPSTREAM_MALFORMED,
		     STR("a content coding nobody asked for"));
	else if (a->kind != ANSWER_ERROR &&
	         str_starts_nocase(a->content_type, STR("text/html")))
		fail(a, FAULT_UPSTREAM_HTML, STR_NONE);
	else if (a->kind == ANSWER_STREAM && !x->skim.stream &&
	         operations[a->tap.operation].is_chat)
		a->kind = ANSWER_FOLD;
}

/* Status line and fields up to the ones that frame the body. */
static void begin_head(struct exchange *x, struct buf *to, int status)
{
	const struct attempt *a = x->attempt;

	buf_clear(to);
	http_head_begin(x->client, to, status);
	buf_add(to, STR("x-request-id: "));
	buf_add_hex(to, x->id, 16);
	buf_add(to, STR("\r\nx-sluice-attempts: "));
	buf_add_u64(to, x->attempts);
	if (a) {
		buf_add(to, STR("\r\nx-sluice-provider: "));
		buf_add(to, a->target->provider->name);
		buf_add(to, STR("\r\nx-sluice-model: "));
		buf_add(to, a->target->model);
		buf_add(to, STR("\r\nx-sluice-overhead-us: "));
		buf_add_i64(to, max_of(x->overhead, (usec)0));
	}
	buf_add(to, STR("\r\n"));
	x->head_sent = true;
	x->client_status = status;
}

static void add_cost(struct buf *to, nanousd cost)
{
	if (cost == COST_UNKNOWN)
		buf_add(to, STR("unknown"));
	else
		buf_addf(to, "%lld.%09lld", (long long)(cost / 1000000000),
		         (long long)(cost % 1000000000));
}

/* Chunked where the client knows it; else the end of the connection is the end. */
static void end_stream_head(struct exchange *x, struct buf *to)
{
	x->is_chunked = x->client->minor > 0;
	if (x->is_chunked)
		buf_add(to, STR("transfer-encoding: chunked\r\n"));
	buf_add(to, STR("\r\n"));
}

static void stream_head(struct exchange *x, struct buf *to, str content_type, str back)
{
	begin_head(x, to, 200);
	buf_add(to, STR("content-type: "));
	buf_add(to, content_type);
	buf_add(to, STR("\r\nx-accel-buffering: no\r\n"));
	buf_add(to, back);
	end_stream_head(x, to);
	x->is_stream = true;
	x->comment_at = x->worker->loop.now + COMMENT_EVERY;
}

/* ---- bytes of a stream towards the client ---- */

enum { PIECES_MOST = 8 };

/* What one turn has for the client: the head if it is due, and slices of the provider's
 * bytes, as one chunk. */
struct outgoing {
	struct iovec iov[PIECES_MOST + 6];
	int count;
	size_t bytes; /* of the chunk */
	bool has_head;
	struct buf text; /* our own comment or error event, behind the slices */
};

static void add_slice(struct outgoing *out, str bytes)
{
	struct iovec *last = out->count > 2 ? &out->iov[out->count - 1] : NULL;

	if (bytes.len == 0)
		return;
	if (last && (char *)last->iov_base + last->iov_len == bytes.ptr)
		last->iov_len += bytes.len;
	else
		out->iov[out->count++] =
		        (struct iovec){ (void *)(uintptr_t)bytes.ptr, bytes.len };
	out->bytes += bytes.len;
}

static void outgoing_init(struct outgoing *out)
{
	out->count = 2; /* places of the head and of the chunk's size */
	out->bytes = 0;
	out->has_head = false;
	out->text = BUF_LIMIT(8 * KiB);
}

/* Frames and sends it all in one call; `last` ends the body. */
static void send_out(struct exchange *x, struct outgoing *out, bool last)
{
	char size[24];
	int n = 0;

	add_slice(out, buf_str(&out->text));
	out->iov[0] = out->has_head
	                      ? (struct iovec){ x->worker->head.ptr, x->worker->head.len }
	                      : (struct iovec){ 0 };
	if (x->is_chunked && out->bytes)
		n = snprintf(size, sizeof(size), "%zx\r\n", out->bytes);
	out->iov[1] = (struct iovec){ size, (size_t)n };
	if (x->is_chunked && out->bytes)
		out->iov[out->count++] = (struct iovec){ (void *)(uintptr_t) "\r\n", 2 };
	if (x->is_chunked && last)
		out->iov[out->count++] =
		        (struct iovec){ (void *)(uintptr_t) "0\r\n\r\n", 5 };
	int from = out->has_head ? 0 : n ? 1 : 2;
	/* Without a head and a size the first two places are empty. */
	if (out->has_head && n == 0) {
		out->iov[1] = out->iov[0];
		from = 1;
	}
	if (out->count > from)
		http_send(x->client, out->iov + from, out->count - from);
	buf_free(&out->text);
	x->comment_at = x->worker->loop.now + COMMENT_EVERY;
}

/* The one comment that says what the header lines of a unary answer say. */
static void add_summary(struct exchange *x, struct buf *to)
{
	const struct attempt *a = x->attempt;

	if (!x->candidates.comments || !x->is_stream)
		return;
	buf_addf(to, ": sluice provider=%.*s model=%.*s attempts=%u cost_usd=",
	         STR_ARG(a->target->provider->name), STR_ARG(a->target->model),
	         x->attempts);
	add_cost(to, attempt_cost(a));
	buf_add(to, STR("\n\n"));
}

void relay_commit_early(struct exchange *x)
{
	struct outgoing out;

	outgoing_init(&out);
	stream_head(x, &x->worker->head, STR("text/event-stream"), STR_NONE);
	out.has_head = true;
	if (x->candidates.comments)
		buf_add(&out.text, STR(": sluice is waiting for the provider\n\n"));
	send_out(x, &out, false);
	x->hold_until = USEC_NEVER;
}

void relay_comment(struct exchange *x)
{
	const struct attempt *a = x->attempt;
	struct outgoing out;

	x->comment_at = x->worker->loop.now + COMMENT_EVERY;
	if (!x->client || !x->is_stream || !x->candidates.comments ||
	    !http_has_room(x->client) || (a && a->in_long_event))
		return;
	outgoing_init(&out);
	buf_add(&out.text, STR(": keep-alive\n\n"));
	send_out(x, &out, false);
}

/* ---- STREAM ---- */

/* The answer is complete.  The provider may still have its last bytes of framing to send;
 * for a moment they are waited for, so that the connection can be used again. */
static void finish(struct attempt *a)
{
	struct exchange *x = a->x;

	a->idle_due = USEC_NEVER;
	a->first_due = loop_of(a)->now + DRAIN_TIME;
	x->total_at = USEC_NEVER;
	x->comment_at = USEC_NEVER;
	exchange_answered(x);
	if (a->ended || !a->up) {
		attempt_end(a, NULL, STR_NONE);
		exchange_settle(x);
	} else {
		exchange_arm(x);
	}
}

/* The client's part of a stream's turn: what was looked at and is not for us alone. */
static void pass_on(struct attempt *a, struct outgoing *out, str seen)
{
	struct exchange *x = a->x;

	if (!x->head_sent) {
		stream_head(x, &x->worker->head, a->content_type, a->back);
		out->has_head = true;
	}
	if (a->strip_len) {
		add_slice(out, str_first(seen, a->strip_at));
		add_slice(out, str_from(seen, a->strip_at + a->strip_len));
	} else {
		add_slice(out, seen);
	}
	a->answer_bytes += seen.len;
}

/* What looking at the events of a turn came to. */
struct looked {
	size_t upto; /* whole events end here */
	bool ended;  /* the end mark was seen */
	fault_t why;
	str detail;
	bool pass_error; /* the provider's own error event goes to the client as it is */
};

static bool look_at_event(struct attempt *a, const struct sse_found *event, size_t at,
                          struct looked *ret)
{
	struct tap_event found;
	struct buf joined = BUF_LIMIT(EVENT_SEEN_MOST);
	str data = event->data;

	if (!event->has_data)
		return true; /* a comment, or nothing */
	if (event->several) {
		sse_join(event, &joined);
		data = buf_str(&joined);
	}
	a->x->endpoint->wire->tap_event(&a->tap, event->name, data, &found);
	a->x->worker->counts.events++;
	if (found.strip && a->strip_len == 0) {
		a->strip_at = at;
		a->strip_len = event->raw.len;
	}
	if (found.is_meaningful)
		attempt_progress(a);
	if (found.is_broken)
		ret->why = FAULT_UPSTREAM_MALFORMED;
	if (found.is_error) {
		ret->why = FAULT_STREAM_ERROR;
		ret->detail = arena_copy(&a->x->arena, str_first(found.message, 512));
		ret->pass_error = true;
	}
	ret->ended = found.is_end;
	/* An end mark without a finish is no end, if there was a beginning (U27). */
	if (found.is_end && a->first_token &&
	    !a->x->endpoint->wire->is_complete(&a->tap)) {
		ret->why = FAULT_UPSTREAM_CUT;
		ret->detail = STR("the stream ended before its finish");
	}
	buf_free(&joined);
	return !ret->why && !ret->ended;
}

/* Looks at the events that are whole, as far as the end mark or a failure. */
static struct looked look(struct attempt *a, str bytes)
{
	struct looked found = { .upto = a->scanned };
	struct sse_found event;

	while (sse_scan(&a->scan, str_from(bytes, found.upto), &event)) {
		bool on = look_at_event(a, &event, found.upto, &found);

		if (found.why && !found.pass_error)
			break;
		found.upto += event.raw.len;
		a->scan.seen = 0;
		if (!on)
			break;
	}
	return found;
}

/* Bytes of an event that is too long to be held: passed on until a blank line ends it. */
static size_t pass_long_event(struct attempt *a, str bytes)
{
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

static size_t long_event(struct attempt *a, str bytes, bool end)
{
	struct exchange *x = a->x;
	struct outgoing out;
	size_t n;

	if (!a->in_long_event) {
		a->in_long_event = true;
		a->line_state = 0;
		attempt_progress(a);
		exchange_commit(x);
	}
	n = pass_long_event(a, bytes);
	outgoing_init(&out);
	pass_on(a, &out, str_first(bytes, n));
	send_out(x, &out, false);
	a->strip_len = a->scanned = a->scan.seen = 0;
	attempt_progress(a);
	if (end && a->in_long_event)
		fail(a, FAULT_UPSTREAM_CUT, STR_NONE);
	return n;
}

/* Some servers forget the blank line behind their end mark (U34). */
static bool is_bare_end(str rest)
{
	return str_eq(str_trim(str_first(rest, str_find_any(rest, STR("\r\n")))),
	              STR("data: [DONE]"));
}

static void stream_over(struct attempt *a, struct outgoing *out)
{
	struct exchange *x = a->x;

	add_summary(x, &out->text);
	send_out(x, out, true);
	finish(a);
}

/* A failure inside the stream.  Before anything was given to the client it is the
 * attempt's; after that the client is told, in its own words where the provider has some.
 */
static size_t stream_failed(struct attempt *a, str bytes, const struct looked *found)
{
	struct exchange *x = a->x;

	if (x->step == STEP_RELAY && found->upto) {
		struct outgoing out;

		outgoing_init(&out);
		pass_on(a, &out, str_first(bytes, found->upto));
		send_out(x, &out, found->pass_error);
		if (found->pass_error) {
			x->client_status = found->why->status;
			exchange_answered(x);
		}
	}
	fail(a, found->why, found->detail);
	return bytes.len;
}

/* The provider has ended its side. */
static void stream_ended(struct attempt *a, struct outgoing *out, str rest)
{
	struct exchange *x = a->x;

	if (is_bare_end(rest)) {
		a->tap.done = true;
		buf_add(&out->text, STR("data: [DONE]\n\n"));
	}
	if (x->endpoint->wire->is_complete(&a->tap)) {
		stream_over(a, out);
		return;
	}
	send_out(x, out, false);
	fail(a, FAULT_UPSTREAM_CUT, STR("the stream ended before its finish"));
}

/* Nothing meaningful has come: may the answer go on, or is it empty? */
static size_t not_yet(struct attempt *a, str bytes, const struct looked *found, bool end)
{
	struct exchange *x = a->x;
	bool over = found->ended || end;

	a->scanned = found->upto;
	if (!over)
		return 0;
	if (found->ended || x->endpoint->wire->is_complete(&a->tap))
		fail(a, FAULT_EMPTY_ANSWER, STR_NONE);
	else
		fail(a, FAULT_UPSTREAM_CUT,
		     STR("the stream ended before its first token"));
	return bytes.len;
}

static size_t stream_data(struct attempt *a, str bytes, bool end)
{
	struct exchange *x = a->x;
	struct outgoing out;
	struct looked found;
	bool empty_is_fine = x->candidates.on_empty == ON_EMPTY_PASS;

	if (a->in_long_event) {
		size_t n = long_event(a, bytes, end);

		if (a->in_long_event || a->step == ATTEMPT_CLOSE || !x->client ||
		    (n == bytes.len && !end))
			return n;
		return n + stream_data(a, str_from(bytes, n), end);
	}
	found = look(a, bytes);
	a->ended = end;
	if (found.why)
		return stream_failed(a, bytes, &found);
	if (a->first_token || (empty_is_fine && (found.ended || end)))
		exchange_commit(x);
	if (x->step != STEP_RELAY) {
		if (bytes.len > EVENT_SEEN_MOST)
			return long_event(a, bytes, end);
		return not_yet(a, bytes, &found, end);
	}
	outgoing_init(&out);
	if (found.upto)
		pass_on(a, &out, str_first(bytes, found.upto));
	a->scanned = a->strip_len = 0;
	if (found.ended) {
		/* Bytes behind the end mark are nobody's, and cost the connection. */
		a->ended = end && found.upto == bytes.len;
		stream_over(a, &out);
		return bytes.len;
	}
	if (end) {
		stream_ended(a, &out, str_from(bytes, found.upto));
		return bytes.len;
	}
	send_out(x, &out, false);
	if (bytes.len - found.upto > EVENT_SEEN_MOST)
		return found.upto + long_event(a, str_from(bytes, found.upto), end);
	if (!http_has_room(x->client))
		attempt_pause(a, true);
	return found.upto;
}

/* ---- UNARY ---- */

static void unary_send(struct attempt *a, str body)
{
	struct exchange *x = a->x;
	struct buf *to = &x->worker->head;
	struct iovec iov[2];

	/* Ours on the way back: from the turn that brought the last byte until now. */
	x->overhead += sys_now() - loop_of(a)->now;
	begin_head(x, to, a->status);
	buf_add(to, STR("x-sluice-cost-usd: "));
	add_cost(to, attempt_cost(a));
	buf_add(to, STR("\r\ncontent-type: "));
	buf_add(to, a->content_type.len ? a->content_type : STR("application/json"));
	buf_add(to, STR("\r\ncontent-length: "));
	buf_add_u64(to, body.len);
	buf_add(to, STR("\r\n"));
	buf_add(to, a->back);
	buf_add(to, STR("\r\n"));
	iov[0] = (struct iovec){ to->ptr, to->len };
	iov[1] = (struct iovec){ (void *)(uintptr_t)body.ptr, body.len };
	http_send(x->client, iov, body.len ? 2 : 1);
	a->answer_bytes = body.len;
	exchange_commit(x);
	finish(a);
}

/* The client asked for a stream, the provider gave it all at once (U18). */
static void unary_as_stream(struct attempt *a, str body)
{
	struct exchange *x = a->x;
	struct buf stream = BUF_LIMIT(4 * UNARY_MOST);
	fault_t why = x->endpoint->wire->unfold(body, x->skim.wants_usage, &stream);
	struct outgoing out;

	if (why || stream.over) {
		buf_free(&stream);
		fail(a, why ? why : FAULT_UPSTREAM_LARGE, STR_NONE);
		return;
	}
	exchange_commit(x);
	outgoing_init(&out);
	if (!x->head_sent) {
		stream_head(x, &x->worker->head, STR("text/event-stream"), a->back);
		out.has_head = true;
	}
	add_slice(&out, buf_str(&stream));
	a->answer_bytes = body.len;
	stream_over(a, &out);
	buf_free(&stream);
}

static void unary_whole(struct attempt *a, str body)
{
	struct exchange *x = a->x;
	str message = STR_NONE;
	fault_t why;

	a->ended = true;
	attempt_progress(a);
	why = x->endpoint->wire->tap_answer(&a->tap, body, &message);
	if (why == FAULT_EMPTY_ANSWER && x->candidates.on_empty == ON_EMPTY_PASS)
		why = NULL;
	/* Other operations may answer text where the client asked for it. */
	if (why == FAULT_UPSTREAM_MALFORMED && !operations[a->tap.operation].is_chat &&
	    !is_json(a->content_type))
		why = NULL;
	if (why)
		fail(a, why, message);
	else if (x->skim.stream && operations[a->tap.operation].is_chat)
		unary_as_stream(a, body);
	else
		unary_send(a, body);
}

static void raw_begin(struct attempt *a)
{
	struct exchange *x = a->x;
	struct buf *to = &x->worker->head;

	exchange_commit(x);
	attempt_progress(a);
	begin_head(x, to, a->status);
	buf_add(to, STR("content-type: "));
	buf_add(to,
	        a->content_type.len ? a->content_type : STR("application/octet-stream"));
	buf_add(to, STR("\r\n"));
	buf_add(to, a->back);
	if (a->has_length) {
		buf_add(to, STR("content-length: "));
		buf_add_u64(to, a->length);
		buf_add(to, STR("\r\n\r\n"));
	} else {
		end_stream_head(x, to);
	}
}

static size_t raw_data(struct attempt *a, str bytes, bool end)
{
	struct exchange *x = a->x;
	struct outgoing out;

	outgoing_init(&out);
	if (!x->head_sent) {
		raw_begin(a);
		out.has_head = true;
	}
	add_slice(&out, bytes);
	a->answer_bytes += bytes.len;
	a->tap.text_bytes += bytes.len;
	a->ended = end;
	attempt_progress(a);
	send_out(x, &out, end);
	if (end)
		finish(a);
	else if (!http_has_room(x->client))
		attempt_pause(a, true);
	return bytes.len;
}

/* Small answers are left with the connection until they are whole and never copied. */
static size_t unary_data(struct attempt *a, str bytes, bool end)
{
	enum { LEAVE_MOST = 32 * KiB };

	if (end && a->held.len == 0) {
		unary_whole(a, bytes);
		return bytes.len;
	}
	if (!end && a->held.len == 0 && bytes.len < LEAVE_MOST)
		return 0;
	if (a->held.len + bytes.len > UNARY_MOST) {
		/* Too large to be held: from here on it passes as it comes. */
		str held = retained_str(&a->held);

		a->kind = ANSWER_RAW;
		raw_data(a, held, false);
		retained_free(&a->held);
		return a->step == ATTEMPT_CLOSE ? bytes.len : raw_data(a, bytes, end);
	}
	if (!retained_add(&a->held, bytes)) {
		fail(a, FAULT_NO_MEMORY, STR_NONE);
		return bytes.len;
	}
	if (end)
		unary_whole(a, retained_str(&a->held));
	return bytes.len;
}

/* ---- FOLD ---- */

/* A stream where one answer was asked for (U19): held to its end and put together. */
static size_t fold_data(struct attempt *a, str bytes, bool end)
{
	struct buf answer = BUF_LIMIT(UNARY_MOST);
	fault_t why;

	if (a->held.len + bytes.len > UNARY_MOST)
		fail(a, FAULT_UPSTREAM_LARGE, STR_NONE);
	else if (!retained_add(&a->held, bytes))
		fail(a, FAULT_NO_MEMORY, STR_NONE);
	if (!end || a->step == ATTEMPT_CLOSE)
		return bytes.len;
	why = a->x->endpoint->wire->fold(retained_str(&a->held), &answer);
	a->content_type = STR("application/json");
	if (why || answer.over)
		fail(a, why ? why : FAULT_UPSTREAM_LARGE, STR_NONE);
	else
		unary_whole(a, buf_str(&answer));
	buf_free(&answer);
	return bytes.len;
}

/* ---- ERROR ---- */

/* Providers repeat the key they refuse.  It is ours, and not for the client (U47). */
static void hide_keys(const struct provider *p, char *text, size_t len)
{
	for (unsigned i = 0; i < p->key_count; i++) {
		str key = p->keys[i].text, rest = str_of(text, len);

		while (key.len >= 8 && rest.len) {
			size_t at = str_find_str(rest, key);

			if (at == rest.len)
				break;
			memset(text + (rest.ptr - text) + at, '*', key.len);
			rest = str_from(rest, at + key.len);
		}
	}
}

static fault_t judge_error(const struct attempt *a, str body)
{
	fault_t why = verdict_of_status(a->status);

	if (why == FAULT_UPSTREAM_REFUSED && a->x->endpoint->wire->is_context_error(body))
		return FAULT_CONTEXT_TOO_LONG;
	return why;
}

static size_t error_data(struct attempt *a, str bytes, bool end)
{
	size_t room = ERROR_KEPT - a->held.len;
	str body;

	if (!retained_add(&a->held, str_first(bytes, room)))
		end = true;
	if (!end && a->held.len < ERROR_KEPT)
		return bytes.len;
	a->ended = end;
	hide_keys(a->target->provider, a->held.ptr, a->held.len);
	body = retained_str(&a->held);
	fail(a, judge_error(a, body), a->x->endpoint->wire->error_message(body));
	return bytes.len;
}

/* ---- */

size_t relay_data(struct attempt *a, str bytes, bool end)
{
	struct exchange *x = a->x;

	if (a->step == ATTEMPT_CLOSE)
		return bytes.len;
	if (!x->client) { /* it has its whole answer: only the end is of interest */
		if (bytes.len || end) {
			attempt_end(a, NULL, STR_NONE);
			exchange_settle(x);
		}
		return bytes.len;
	}
	switch (a->kind) {
	case ANSWER_STREAM:
		return stream_data(a, bytes, end);
	case ANSWER_UNARY:
		return unary_data(a, bytes, end);
	case ANSWER_FOLD:
		return fold_data(a, bytes, end);
	case ANSWER_RAW:
		return raw_data(a, bytes, end);
	case ANSWER_ERROR:
		return error_data(a, bytes, end);
	case ANSWER_NONE:
		break;
	}
	return bytes.len;
}

bool relay_is_whole(struct attempt *a)
{
	struct exchange *x = a->x;
	struct outgoing out;

	if (!x->client) { /* the client has its answer; how the provider left does not
		             matter */
		attempt_end(a, NULL, STR_NONE);
		exchange_settle(x);
		return true;
	}
	if (a->kind != ANSWER_STREAM || a->in_long_event ||
	    !operations[a->tap.operation].is_chat ||
	    !x->endpoint->wire->is_complete(&a->tap))
		return false;
	outgoing_init(&out);
	a->ended = true;
	stream_over(a, &out);
	return true;
}

void relay_break(struct exchange *x, fault_t why, str detail)
{
	struct http_conn *c = x->client;
	struct attempt *a = x->attempt;
	struct buf text = BUF_LIMIT(4 * KiB);
	struct outgoing out;

	if (!x->is_stream || !x->is_chunked || (a && a->in_long_event)) {
		/* No place for words: a reset is the only honest end. */
		x->client = NULL;
		c->owner = NULL;
		x->finished_at = x->worker->loop.now;
		http_abort(c);
		return;
	}
	buf_add(&text, why->text);
	if (detail.len)
		buf_addf(&text, ": %.*s", STR_ARG(detail));
	outgoing_init(&out);
	x->endpoint->wire->write_stream_fault(&out.text, why, buf_str(&text));
	send_out(x, &out, true);
	buf_free(&text);
	exchange_answered(x);
}
