/* outgoing.c - what the client gets of us: heads, chunk framing, comments, and the honest
 * end of an answer that breaks off.
 *
 * The bytes of an answer are only pointed at; one call sends the head if it is due, the
 * chunk's size, the slices, and what ends them. */
#include "gateway/capture.h"
#include "gateway/lane_answer.h"
#include "gateway/relay.h"
#include "gateway/resume.h"
#include "gateway/trial.h"

#define COMMENT_EVERY (10 * USEC_SEC)

bool relay_may_comment(const struct exchange *x)
{
	return x->candidates.comments && !x->as_array &&
	       x->endpoint->wire->frames == FRAMES_SSE && !x->endpoint->wire->no_comments;
}

/* Status line and fields up to the ones that frame the body. */
void relay_begin_head(struct exchange *x, struct buf *to, int status)
{
	const struct attempt *a = x->attempt;

	buf_clear(to);
	http_head_begin(x->client, to, status);
	buf_put(to, STR("x-request-id: "));
	buf_add_hex(to, x->id, 16);
	buf_put(to, STR("\r\nx-sluice-attempts: "));
	buf_add_u64(to, x->attempts);
	if (a) {
		buf_put(to, STR("\r\nx-sluice-provider: "));
		buf_put(to, a->target->provider->name);
		if (a->target->model.len) { /* none of what is stored */
			buf_put(to, STR("\r\nx-sluice-model: "));
			buf_put(to, a->target->model);
		}
		buf_put(to, STR("\r\nx-sluice-overhead-us: "));
		buf_add_i64(to, max_of(a->overhead, (usec)0));
	}
	if (a && a->lane && a->lane->dropped.len) {
		buf_put(to, STR("\r\nx-sluice-dropped: "));
		buf_put(to, a->lane->dropped);
	}
	if (a && unlikely(a->cap)) {
		buf_put(to, STR("\r\nx-sluice-max-tokens: "));
		buf_add_u64(to, a->cap);
	}
	buf_put(to, STR("\r\n"));
	buf_put(to, x->lines);
	trial_add_header(x, to);
	x->head_sent = true;
	x->client_status = status;
}

void relay_add_cost(struct buf *to, nanousd cost)
{
	if (cost == COST_UNKNOWN)
		buf_add(to, STR("unknown"));
	else
		buf_add_nano(to, (uint64_t)cost);
}

str relay_cost_member(struct attempt *a)
{
	struct buf text = { a->cost_room, .cap = COST_ROOM, .limit = COST_ROOM };
	nanousd cost;

	if (!a->x->skim.wants_cost || !a->tap.usage_end)
		return STR_NONE;
	cost = resume_cost(a->x, attempt_cost(a));
	buf_add(&text, a->tap.usage_is_empty ? STR("\"cost\":") : STR(",\"cost\":"));
	if (cost == COST_UNKNOWN)
		buf_add(&text, STR("null"));
	else
		buf_add_nano(&text, (uint64_t)cost);
	return buf_str(&text);
}

void relay_end_head(struct exchange *x, struct buf *to)
{
	buf_put(to, STR("\r\n"));
	if (unlikely(to->over))
		http_lose(x->client);
}

void relay_begin_stream_head(struct exchange *x, struct buf *to, int status)
{
	x->is_chunked = x->client->minor > 0;
	if (!x->is_chunked)
		x->client->keep_alive = false;
	relay_begin_head(x, to, status);
}

void relay_end_stream_head(struct exchange *x, struct buf *to)
{
	if (x->is_chunked)
		buf_add(to, STR("transfer-encoding: chunked\r\n"));
	relay_end_head(x, to);
}

void relay_stream_head(struct exchange *x, struct buf *to, str content_type, str back)
{
	relay_begin_stream_head(x, to, 200);
	buf_add(to, STR("content-type: "));
	buf_add(to, content_type);
	buf_add(to, STR("\r\nx-accel-buffering: no\r\n"));
	buf_add(to, back);
	relay_end_stream_head(x, to);
	x->is_stream = true;
	x->comment_at = x->worker->loop.now + COMMENT_EVERY;
}

/* ---- bytes towards the client ---- */

void outgoing_add(struct outgoing *out, str bytes)
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

void outgoing_init(struct outgoing *out)
{
	out->count = 2; /* places of the head and of the chunk's size */
	out->bytes = 0;
	out->has_head = false;
	out->text = BUF_LIMIT(8 * KiB);
}

enum { SIZE_LINE_MOST = 18 }; /* sixteen digits, CR LF */

/* The size of a chunk, for every event of a stream; returns where it begins in `line`. */
static char *size_line(char line[SIZE_LINE_MOST], size_t size)
{
	char *at = line + SIZE_LINE_MOST;

	*--at = '\n';
	*--at = '\r';
	do {
		*--at = "0123456789abcdef"[size % 16];
		size /= 16;
	} while (size > 0);
	return at;
}

/* Frames and sends it all in one call; `last` ends the body. */
void outgoing_send(struct exchange *x, struct outgoing *out, bool last)
{
	char size[SIZE_LINE_MOST], *line = size + sizeof(size);

	outgoing_add(out, buf_str(&out->text));
	for (int i = 2; i < out->count && x->logs_bodies; i++)
		capture_add(x, str_of(out->iov[i].iov_base, out->iov[i].iov_len));
	out->iov[0] = out->has_head
	                      ? (struct iovec){ x->worker->head.ptr, x->worker->head.len }
	                      : (struct iovec){ 0 };
	if (x->is_chunked && out->bytes)
		line = size_line(size, out->bytes);
	size_t n = (size_t)(size + sizeof(size) - line);
	out->iov[1] = (struct iovec){ line, n };
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
void relay_add_summary(struct exchange *x, struct buf *to)
{
	const struct attempt *a = x->attempt;

	if (!relay_may_comment(x) || !x->is_stream)
		return;
	buf_addf(to, ": sluice provider=%.*s model=%.*s attempts=%u cost_usd=",
	         STR_ARG(a->target->provider->name), STR_ARG(a->target->model),
	         x->attempts);
	relay_add_cost(to, resume_cost(x, attempt_cost(a)));
	buf_add(to, STR("\n\n"));
}

void relay_commit_early(struct exchange *x)
{
	struct outgoing out;

	outgoing_init(&out);
	relay_stream_head(x, &x->worker->head, STR("text/event-stream"), STR_NONE);
	out.has_head = true;
	if (relay_may_comment(x))
		buf_add(&out.text, STR(": sluice is waiting for the provider\n\n"));
	outgoing_send(x, &out, false);
	x->hold_until = USEC_NEVER;
}

/* Somebody is at work for this client, as far as one can see. */
static bool has_hope(const struct exchange *x)
{
	bool alive = x->retry_at != 0;

	for (const struct attempt *a = x->attempt; a; a = a->rival)
		alive |= attempt_is_alive(a);
	return alive;
}

void relay_comment(struct exchange *x)
{
	const struct attempt *a = x->attempt;
	struct outgoing out;

	x->comment_at = x->worker->loop.now + COMMENT_EVERY;
	if (!x->client || !x->is_stream || !relay_may_comment(x) ||
	    !http_has_room(x->client) || (a && a->in_long_event) || !has_hope(x))
		return;
	outgoing_init(&out);
	buf_add(&out.text, STR(": keep-alive\n\n"));
	outgoing_send(x, &out, false);
}

/* ---- breaking off ---- */

/* A failed response repeats the request, tools and all. */
enum { LAST_WORDS_MOST = 40 * MiB };

/* No place for words: a reset is the only honest end. */
static void reset(struct exchange *x)
{
	struct http_conn *c = x->client;

	x->client = NULL;
	c->owner = NULL;
	x->finished_at = x->worker->loop.now;
	http_abort(c);
}

void relay_last_words(struct exchange *x, struct outgoing *out)
{
	bool cut = x->endpoint->wire->unread_errors;

	outgoing_send(x, out, !cut);
	if (!x->is_chunked) { /* its end would be a good one */
		reset(x);
		return;
	}
	if (cut)
		x->client->keep_alive = false;
	exchange_answered(x);
}

/* An error behind a provider's own events, where these have numbers: its number is the
 * next, its answer is theirs. */
static void add_numbered(const struct exchange *x, const struct attempt *a, fault_t why,
                         str text, struct buf *to)
{
	bool has_log = a->given && !a->given->lost;
	const struct tap_names *names = a->tap.names;
	str id = names ? str_of(names->id, names->id_len) : STR_NONE;
	struct emit_mark place = { 0 };
	struct emitter e;

	if (has_log)
		place = a->given->place;
	else
		a->wire->mark(a->tap.reader, &place);
	str_skip(&id, STR("resp_"));
	if (!id.len)
		id = STR("failed");
	emit_init(&e, a->wire->emit, to, true);
	e.started = true;
	e.seed = id;
	e.model = str_of(a->tap.model, a->tap.model_len);
	e.created = (uint64_t)(x->began_wall / USEC_SEC);
	e.head = has_log ? buf_str(&a->given->head) : STR_NONE;
	e.sequence = place.number;
	emit_fault(&e, why, text);
	emit_done(&e);
}

static void add_fault(const struct exchange *x, fault_t why, str text, struct buf *to)
{
	const struct attempt *a = x->attempt;
	struct lane *l = x->resume ? x->resume->lane : a ? a->lane : NULL;

	if (l && l->begun)
		lane_answer_fault(x, l, why, text, to);
	else if (a && a->wire->mark && a->tap.reader && a->answer_bytes)
		add_numbered(x, a, why, text, to);
	else
		x->endpoint->wire->write_stream_fault(to, why, text);
}

void relay_break(struct exchange *x, fault_t why, str detail)
{
	struct attempt *a = x->attempt;
	struct buf text = BUF_LIMIT(4 * KiB);
	struct outgoing out;

	if (!x->is_stream || !x->is_chunked || (a && a->in_long_event)) {
		reset(x);
		return;
	}
	buf_add(&text, why->text);
	if (detail.len)
		buf_addf(&text, ": %.*s", STR_ARG(detail));
	outgoing_init(&out);
	out.text.limit = LAST_WORDS_MOST;
	add_fault(x, why, buf_str(&text), &out.text);
	buf_free(&text);
	if (out.text.over || !out.text.len) {
		buf_free(&out.text);
		reset(x);
		return;
	}
	relay_last_words(x, &out);
}
