/* relay.c - what happens to the bytes of an answer on their way to the client.
 *
 * Five kinds.  STREAM is stream.c's.  UNARY: held whole up to 8 MiB, looked at, passed
 * on. FOLD: a stream where one answer was asked for, held and put together.  RAW: audio
 * and images pass as they come.  ERROR: a few KiB are kept to say why. */
#include "gateway/relay.h"

#include "codec/utf8.h"
#include "gateway/capture.h"
#include "gateway/headers.h"
#include "gateway/hide.h"
#include "gateway/lane.h"
#include "gateway/pinned.h"
#include "gateway/resume.h"
#include "gateway/step.h"
#include "policy/verdict.h"
#include "wire/complaint.h"
#include "wire/error_body.h"
#include "wire/tap.h"

enum {
	UNARY_MOST = 8 * MiB,
	VECTORS_MOST = 32 * MiB, /* embeddings that are written anew */
	ERROR_KEPT = 64 * KiB,
	WORDS = 512,           /* of a provider's message that are repeated */
	RAW_WORDS = 6 * WORDS, /* which may be escapes, all of them */
};
/* After the client has its answer: how long the provider may take to end its own. */
#define DRAIN_TIME (500 * USEC_MS)

static struct loop *loop_of(const struct attempt *a)
{
	return &a->x->worker->loop;
}

/* The answer is complete.  The provider may still have its last bytes of framing to send;
 * for a moment they are waited for, so that the connection can be used again. */
void relay_finish(struct attempt *a)
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
	if (str_starts_nocase(a->content_type,
	                      a->wire->frames == FRAMES_AWS
	                              ? STR("application/vnd.amazon.eventstream")
	                              : STR("text/event-stream")))
		return ANSWER_STREAM;
	/* Some say octet-stream or nothing about their JSON: a chat answer is looked at.
	 */
	if (is_json(a->content_type) || operations[a->tap.operation].is_chat || a->lane)
		return ANSWER_UNARY;
	return ANSWER_RAW;
}

/* A stream of another format than the client's, or where one answer was asked for (U19).
 */
static void stream_kind(struct attempt *a)
{
	bool streams = a->x->skim.stream;

	if (streams && !a->lane)
		return;
	if (!a->lane && a->wire->fold) {
		a->kind = ANSWER_FOLD;
		return;
	}
	if (!a->lane)
		lane_same(a);
	a->kind = ANSWER_OTHER;
	lane_begin(a, streams);
}

/* Of the head, which is on loan, what is needed later: in one copy. */
static void keep_lines(struct attempt *a, const struct http_response *res)
{
	struct buf *lines = &a->x->worker->head;
	str type = a->content_type, kind = STR_NONE, kept;
	size_t back;

	if (a->kind == ANSWER_ERROR && a->wire->error_line.len)
		kind = http_response_get(res, a->wire->error_line);
	buf_clear(lines);
	headers_to_client(res, lines);
	if (a->status >= 300)
		hide_secrets(a, lines->ptr, lines->len);
	back = lines->len;
	buf_add(lines, type);
	buf_add(lines, kind);
	kept = arena_keep(&a->x->arena, buf_str(lines), &a->kept);
	a->back = str_take(&kept, back);
	a->content_type = str_take(&kept, type.len);
	a->error_kind = kept;
}

void relay_head(struct attempt *a, const struct http_response *res)
{
	str coding = http_response_find(res, HTTP_NAME_CONTENT_ENCODING);

	a->content_type = http_response_find(res, HTTP_NAME_CONTENT_TYPE);
	a->kind = kind_of(a);
	if (a->wire->tokens_line.len)
		str_to_u64(http_response_get(res, a->wire->tokens_line), &a->tap.said);
	a->has_length = res->body == HTTP_BODY_LENGTH;
	a->length = res->length;
	keep_lines(a, res);
	if (coding.len && !str_eq_nocase(coding, STR("identity")))
		attempt_fail(a, FAULT_UPSTREAM_MALFORMED,
		             STR("a content coding nobody asked for"));
	else if (a->kind != ANSWER_ERROR &&
	         str_starts_nocase(a->content_type, STR("text/html")))
		attempt_fail(a, FAULT_UPSTREAM_HTML, STR_NONE);
	else if (a->kind == ANSWER_STREAM && operations[a->tap.operation].is_chat)
		stream_kind(a);
	if (a->kind == ANSWER_STREAM && a->step != ATTEMPT_CLOSE)
		resume_watch(a, NULL);
}

/* ---- UNARY ---- */

/* The member with the cost, which comes behind *ret_before; empty where the client does
 * not want one, or a lane has written the answer: then it is the lane's own business. */
static str cost_within(struct attempt *a, str body, str *ret_before)
{
	*ret_before = body;
	if (a->tap.usage_end <= body.ptr || a->tap.usage_end >= body.ptr + body.len)
		return STR_NONE;
	*ret_before = str_first(body, (size_t)(a->tap.usage_end - body.ptr));
	return relay_cost_member(a);
}

void relay_unary_send(struct attempt *a, str body)
{
	struct exchange *x = a->x;
	struct buf *to = &x->worker->head;
	struct iovec iov[4];
	str before, cost, behind;

	exchange_commit(a);
	cost = cost_within(a, body, &before);
	behind = str_from(body, before.len);
	/* Ours on the way back: from the turn that brought the last byte until now. */
	a->overhead += sys_now() - loop_of(a)->now;
	relay_begin_head(x, to, a->status);
	buf_put(to, STR("x-sluice-cost-usd: "));
	relay_add_cost(to, attempt_cost(a));
	buf_put(to, STR("\r\ncontent-type: "));
	buf_put(to, a->content_type.len ? a->content_type : STR("application/json"));
	buf_put(to, STR("\r\ncontent-length: "));
	buf_add_u64(to, body.len + cost.len);
	buf_put(to, STR("\r\n"));
	buf_put(to, a->back);
	relay_end_head(x, to);
	iov[0] = (struct iovec){ to->ptr, to->len };
	int count = 1;
	const str pieces[] = { before, cost, behind };
	for (size_t i = 0; i < countof(pieces); i++)
		if (pieces[i].len)
			iov[count++] = (struct iovec){ (void *)(uintptr_t)pieces[i].ptr,
				                       pieces[i].len };
	capture_answer(x, body);
	http_send(x->client, iov, count);
	a->answer_bytes = body.len;
	relay_finish(a);
}

/* The answer with its cost, where the client wants that: in `to`, else as it came. */
static str with_cost(struct attempt *a, str body, struct buf *to)
{
	str before, cost = cost_within(a, body, &before);

	if (!cost.len)
		return body;
	buf_add(to, before);
	buf_add(to, cost);
	buf_add(to, str_from(body, before.len));
	return buf_str(to);
}

/* The client asked for a stream, the provider gave it all at once (U18). */
static void unary_as_stream(struct attempt *a, str body)
{
	struct exchange *x = a->x;
	struct buf stream = BUF_LIMIT(4 * UNARY_MOST), priced = BUF_LIMIT(2 * UNARY_MOST);
	fault_t why = a->wire->unfold(with_cost(a, body, &priced),
	                              x->skim.wants_usage || x->skim.wants_cost, &stream);
	struct outgoing out;

	buf_free(&priced);
	if (why || stream.over) {
		buf_free(&stream);
		attempt_fail(a, why ? why : FAULT_UPSTREAM_LARGE, STR_NONE);
		return;
	}
	exchange_commit(a);
	outgoing_init(&out);
	if (!x->head_sent) {
		relay_stream_head(x, &x->worker->head, STR("text/event-stream"), a->back);
		out.has_head = true;
	}
	outgoing_add(&out, buf_str(&stream));
	a->answer_bytes = body.len;
	relay_stream_over(a, &out);
	buf_free(&stream);
}

static void unary_whole(struct attempt *a, str body)
{
	struct exchange *x = a->x;
	str message = STR_NONE;
	fault_t why;

	a->ended = true;
	attempt_progress(a);
	if (!a->lane && x->skim.stream && operations[a->tap.operation].is_chat &&
	    !a->wire->unfold)
		lane_same(a);
	if (a->lane) {
		lane_whole(a, body);
		return;
	}
	why = wire_tap_answer(a->wire, &a->tap, body, &message, NULL);
	if (why == FAULT_EMPTY_ANSWER && x->candidates.on_empty == ON_EMPTY_PASS)
		why = NULL;
	/* Other operations may answer text where the client asked for it. */
	if (why == FAULT_UPSTREAM_MALFORMED && !operations[a->tap.operation].is_chat &&
	    !is_json(a->content_type))
		why = NULL;
	if (why)
		relay_listen(a, why, body);
	if (why)
		attempt_fail(a, why, relay_words(a, message));
	else if (relay_is_filtered(a))
		attempt_fail(a, FAULT_UPSTREAM_FILTERED, STR_NONE);
	else if (x->skim.stream && operations[a->tap.operation].is_chat)
		unary_as_stream(a, body);
	else {
		pinned_look_at_whole(a, body);
		relay_unary_send(a, body);
	}
}

static void raw_begin(struct attempt *a)
{
	struct exchange *x = a->x;
	struct buf *to = &x->worker->head;

	exchange_commit(a);
	attempt_progress(a);
	if (a->has_length)
		relay_begin_head(x, to, a->status);
	else
		relay_begin_stream_head(x, to, a->status);
	buf_add(to, STR("content-type: "));
	buf_add(to,
	        a->content_type.len ? a->content_type : STR("application/octet-stream"));
	buf_add(to, STR("\r\n"));
	buf_add(to, a->back);
	if (a->has_length) {
		buf_add(to, STR("content-length: "));
		buf_add_u64(to, a->length);
		buf_add(to, STR("\r\n"));
		relay_end_head(x, to);
	} else {
		relay_end_stream_head(x, to);
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
	outgoing_add(&out, bytes);
	a->answer_bytes += bytes.len;
	a->tap.text_bytes += bytes.len;
	a->ended = end;
	attempt_progress(a);
	outgoing_send(x, &out, end);
	if (end)
		relay_finish(a);
	else if (!http_has_room(x->client))
		attempt_pause(a, true);
	return bytes.len;
}

/* Must it be looked at as a whole?  Then it cannot pass as it comes. */
static bool needs_whole(const struct attempt *a)
{
	return a->lane || (a->x->skim.stream && operations[a->tap.operation].is_chat);
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
	if (a->held.len + bytes.len >
	            (a->tap.operation == OP_EMBEDDINGS ? VECTORS_MOST : UNARY_MOST) &&
	    needs_whole(a)) {
		attempt_fail(a, FAULT_UPSTREAM_LARGE, STR_NONE);
		return bytes.len;
	}
	if (a->held.len + bytes.len > UNARY_MOST && !needs_whole(a)) {
		/* Too large to be held: from here on it passes as it comes. */
		str held = retained_str(&a->held);

		a->kind = ANSWER_RAW;
		pinned_look_at_part(a, held);
		raw_data(a, held, false);
		retained_free(&a->held);
		return a->step == ATTEMPT_CLOSE ? bytes.len : raw_data(a, bytes, end);
	}
	if (!retained_add(&a->held, bytes)) {
		attempt_fail(a, FAULT_NO_MEMORY, STR_NONE);
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
		attempt_fail(a, FAULT_UPSTREAM_LARGE, STR_NONE);
	else if (!retained_add(&a->held, bytes))
		attempt_fail(a, FAULT_NO_MEMORY, STR_NONE);
	if (!end || a->step == ATTEMPT_CLOSE)
		return bytes.len;
	why = a->wire->fold(retained_str(&a->held), &answer);
	a->content_type = STR("application/json");
	if (why || answer.over)
		attempt_fail(a, why ? why : FAULT_UPSTREAM_LARGE, STR_NONE);
	else
		unary_whole(a, buf_str(&answer));
	buf_free(&answer);
	return bytes.len;
}

/* ---- ERROR ---- */

/* The beginning, cut neither inside an escape nor inside a character. */
static jstr whole_escapes(jstr text)
{
	size_t at = 0;

	while (at < text.len) {
		str rest = str_from(text, at);
		size_t n = rest.ptr[0] != '\\' ? 1 : str_starts(rest, STR("\\u")) ? 6 : 2;

		if (at + n > min_of(text.len, (size_t)RAW_WORDS))
			break;
		at += n;
	}
	return str_first(text, at);
}

str relay_words(struct attempt *a, str message)
{
	struct arena scratch = { .ceiling = 4 * (size_t)RAW_WORDS };
	str said = utf8_first(chat_plain(&scratch, whole_escapes(message)), WORDS);
	char *kept = arena_alloc(&a->x->arena, said.len);

	if (said.len)
		memcpy(kept, said.ptr, said.len);
	arena_done(&scratch);
	hide_secrets(a, kept, said.len);
	return str_of(kept, said.len);
}

bool relay_is_filtered(const struct attempt *a)
{
	str finish = tap_finish(&a->tap);
	bool is_refused = a->tap.refused || str_eq(finish, STR("content_filter")) ||
	                  str_eq(finish, STR("refusal"));

	return is_refused && a->x->candidates.on_filter == ON_FILTER_NEXT &&
	       exchange_has_more(a->x);
}

void relay_listen(struct attempt *a, fault_t why, str text)
{
	if (!a->retry_after && why->again)
		a->retry_after = min_of(complaint_wait(text), VERDICT_WAIT_MOST);
	if (why == FAULT_CONTEXT_TOO_LONG)
		a->context = complaint_limit(text);
}

static fault_t judge_error(struct attempt *a, str body)
{
	fault_t why = complaint_fault(
	        &(struct complaint){ .format = a->wire->format,
	                             .status = a->status,
	                             .kind = a->error_kind,
	                             .text = body,
	                             .names_kept = pinned_names_kept(a->x) });

	if (a->tap.operation == OP_STORED && a->status == 404)
		why = FAULT_NO_SUCH_RESPONSE;
	relay_listen(a, why, body);
	return why;
}

static str error_words(struct attempt *a, str body)
{
	str words = relay_words(a, a->wire->error_message(body));
	str place = error_body_place(body);

	return place.len ? arena_printf(&a->x->arena, "%.*s %.*s", STR_ARG(words),
	                                STR_ARG(utf8_first(place, WORDS)))
	                 : words;
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
	hide_secrets(a, a->held.ptr, a->held.len);
	body = retained_str(&a->held);
	attempt_fail(a, judge_error(a, body), error_words(a, body));
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
		return relay_stream_data(a, bytes, end);
	case ANSWER_OTHER:
		return lane_data(a, bytes, end);
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
