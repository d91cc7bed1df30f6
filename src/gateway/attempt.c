/* attempt.c - one try at one target, in the order of its steps (attempt.h).
 *
 * Journalled before it is sent and again when it closes.  Failures before the client has
 * been given anything go back to the exchange, which tries the next candidate. */
#include "gateway/attempt.h"

#include "base/assert.h"
#include "codec/json_write.h"
#include "codec/text.h"
#include "gateway/credential.h"
#include "gateway/lane.h"
#include "policy/price.h"
#include "policy/verdict.h"

enum { UPLOAD_HIGH = 128 * KiB, REASONING_PATIENCE = 4 };
#define TOKEN_PATIENCE (4 * USEC_SEC)

static void on_ready(struct http_up *u);
static void on_head(struct http_up *u, const struct http_response *res);
static size_t on_data(struct http_up *u, str bytes, bool end);
static void on_room(struct http_up *u);
static void on_fault(struct http_up *u, fault_t why);

static const struct http_up_ops dialling = {
	.on_ready = on_ready,
	.on_head = on_head,
	.on_data = on_data,
	.on_room = on_room,
	.on_fault = on_fault,
};

static struct loop *loop_of(const struct attempt *a)
{
	return &a->x->worker->loop;
}

/* The step's own name is the row in the flight recorder later; moves only go forward. */
static void go(struct attempt *a, enum attempt_step step)
{
	assert(step > a->step || (step == ATTEMPT_DIAL && a->step <= ATTEMPT_AWAIT));
	a->step = step;
}

void attempt_fail(struct attempt *a, fault_t why, str detail)
{
	struct exchange *x = a->x;

	attempt_end(a, why, detail);
	if (x->step == STEP_TRY)
		exchange_attempt_failed(x);
	else if (x->step == STEP_RELAY) {
		exchange_fail(x, why, detail);
		exchange_run(x);
	}
}

/* ---- RESERVE ---- */

/* What is known of an attempt before it is sent. */
static struct attempt_row open_row(const struct attempt *a)
{
	const struct exchange *x = a->x;

	return (struct attempt_row){
		.id = a->id,
		.exchange = x->id,
		.number = a->number,
		.key = x->key,
		.began_wall = a->began_wall,
		.operation = operations[x->endpoint->operation].name,
		.asked = x->skim.model,
		.route = x->candidates.route,
		.provider = a->target->provider->name,
		.model = a->target->model,
		.stream = x->skim.stream,
		.request_bytes = x->body_bytes,
	};
}

static bool reserve(struct attempt *a)
{
	struct attempt_row row = open_row(a);

	return record_write(a->x->worker->journal, RECORD_OPEN, &row);
}

/* Counting tokens costs nothing anywhere. */
static bool is_unpriced(const struct attempt *a)
{
	const struct exchange *x = a->x;
	bool has_price = a->target->is_known && a->target->facts.prices > 0;

	return !has_price && x->plan->config->unknown_price == UNKNOWN_PRICE_DENY &&
	       x->endpoint->operation != OP_COUNT;
}

static void dial(struct attempt *a);
static void authorize(struct attempt *a);

void attempt_start(struct exchange *x)
{
	struct worker *w = x->worker;
	const struct target *target = &x->candidates.list[x->order[x->at]];
	struct attempt *a = arena_new(&x->arena, struct attempt);

	a->x = x;
	a->target = target;
	a->number = ++x->attempts;
	a->id = a->number == 1 ? x->id : journal_next_id(w->journal, w->loop.wall);
	a->began = w->loop.now;
	a->began_wall = w->loop.wall;
	a->first_due = a->idle_due = USEC_NEVER;
	a->held.gateway = w->gateway;
	a->held.most_memory = x->plan->config->memory;
	a->wire = lane_wire(x, target->provider);
	a->asked_usage = x->skim.stream && operations[x->endpoint->operation].is_chat &&
	                 !x->skim.wants_usage && a->wire == x->endpoint->wire &&
	                 !(target->provider->quirks & QUIRK_NO_STREAM_OPTIONS);
	a->tap = (struct tap){ .operation = x->endpoint->operation,
		               .quirks = target->provider->quirks,
		               .strip_usage = a->asked_usage,
		               .choices = x->skim.choices };
	if (x->attempt) {
		retained_free(&x->attempt->held);
		buf_free(&x->attempt->renamed);
		lane_free(x->attempt);
	}
	lane_init(a);
	x->attempt = a;
	w->counts.attempts++;
	a->unjournalled = !reserve(a);
	if (a->unjournalled && x->plan->config->ledger == LEDGER_STRICT) {
		a->step = ATTEMPT_CLOSE;
		a->settled = true; /* never journalled: there is nothing to close */
		exchange_fail(x, FAULT_LEDGER_UNAVAILABLE, STR_NONE);
		return;
	}
	if (is_unpriced(a))
		attempt_fail(a, FAULT_PRICE_UNKNOWN, STR_NONE);
	else if (!a->lane || !a->lane->translates || lane_request(a))
		authorize(a);
}

/* ---- a token, for providers that want one ---- */

/* Taken now, so that a head can be written in one go.  Without one the attempt waits a
 * little: the worker is woken when there is news. */
static void authorize(struct attempt *a)
{
	struct exchange *x = a->x;
	struct token_source *s = x->plan->tokens[a->target->provider->index];
	str why = STR_NONE;

	a->awaits_token = false;
	if (!s) {
		dial(a);
		return;
	}
	switch (token_take(s, loop_of(a)->now, &x->arena, &a->token, &why)) {
	case TOKEN_READY:
		a->first_due = USEC_NEVER;
		dial(a);
		return;
	case TOKEN_FAILED:
		attempt_fail(a, FAULT_NO_TOKEN, why);
		return;
	case TOKEN_PENDING:
		a->awaits_token = true;
		if (a->first_due == USEC_NEVER)
			a->first_due = loop_of(a)->now + TOKEN_PATIENCE;
		exchange_arm(x);
		worker_await_token(x->worker, s);
	}
}

void attempt_on_token(struct attempt *a)
{
	if (a->step != ATTEMPT_CLOSE && a->awaits_token)
		authorize(a);
}

bool attempt_renew_token(const struct attempt *a)
{
	struct token_source *s = a->x->plan->tokens[a->target->provider->index];

	return s && a->status == 401 && token_refuse(s, a->token.number, loop_of(a)->now);
}

/* ---- DIAL ---- */

static void dial(struct attempt *a)
{
	struct exchange *x = a->x;
	struct origin *o = x->plan->origins[a->target->provider->index];
	struct http_up *u;

	go(a, ATTEMPT_DIAL);
	if (!o || !o->usable) {
		attempt_fail(a, FAULT_TLS_FAILED,
		             STR("the provider's TLS settings are not usable"));
		return;
	}
	exchange_arm(x);
	u = http_lease(&o->pool, a->fresh, &dialling, a);
	/* A pooled connection has called on_ready already, and may have failed since. */
	if (a->step == ATTEMPT_DIAL)
		a->up = u;
}

/* ---- SEND ---- */

/* The model's name as this target calls it, in the way the body writes it. */
static str model_value(struct attempt *a)
{
	struct exchange *x = a->x;
	struct buf quoted = BUF_LIMIT(4 * KiB);
	struct json_writer w = { .to = &quoted };
	str value;

	if (operations[x->endpoint->operation].multipart)
		return a->target->model;
	json_str(&w, a->target->model);
	value = arena_copy(&x->arena, buf_str(&quoted));
	buf_free(&quoted);
	return value;
}

/* Of what is no chat, some formats name the model in the body as well. */
static bool rename_model(struct attempt *a, str body)
{
	const struct exchange *x = a->x;

	if (!a->wire->rename || operations[x->endpoint->operation].is_chat)
		return false;
	buf_free(&a->renamed); /* of the same attempt, on a connection gone stale */
	a->renamed = BUF_LIMIT(2 * body.len + MiB);
	return a->wire->rename(body, a->target->model, &a->renamed) && !a->renamed.over;
}

static int by_place(const struct edit *a, const struct edit *b)
{
	return a->at < b->at ? -1 : a->at > b->at;
}

/* What differs from the client's bytes: the model, and the wish for usage. */
static size_t make_edits(struct attempt *a, str body, struct edit edits[EDIT_MOST])
{
	struct exchange *x = a->x;
	struct edit model = { .at = x->skim.model_at, .len = x->skim.model_len };
	size_t count = 0;

	if (a->wire->model_in_path)
		return 0;
	model.with = model_value(a);
	if (!str_eq(model.with, str_of(body.ptr + model.at, model.len)))
		edits[count++] = model;
	if (a->asked_usage && x->skim.ask_usage.with.len)
		edits[count++] = x->skim.ask_usage;
	if (count == 2 && by_place(&edits[0], &edits[1]) > 0) {
		struct edit first = edits[1];

		edits[1] = edits[0];
		edits[0] = first;
	}
	return count;
}

/* A stream, or a batch: what makes the path of some formats another one. */
static bool asks_for_many(const struct attempt *a)
{
	const struct exchange *x = a->x;

	if (x->endpoint->operation == OP_EMBEDDINGS)
		return a->lane || x->endpoint->batch;
	return x->skim.stream;
}

/* Path and query as this provider wants them. */
static void add_target(const struct attempt *a, struct buf *to)
{
	const struct exchange *x = a->x;
	const struct provider *p = a->target->provider;
	size_t model_at = str_find_str(p->base_path, STR("{model}"));
	size_t from = to->len;

	buf_add(to, str_first(p->base_path, model_at));
	if (model_at < p->base_path.len) {
		url_encode(to, a->target->model);
		buf_add(to, str_from(p->base_path, model_at + STR("{model}").len));
	}
	if (a->wire->write_path)
		a->wire->write_path(x->endpoint->operation, a->target->model,
		                    asks_for_many(a), to);
	else
		buf_add(to, operations[x->endpoint->operation].path);
	if (p->query.len) {
		str so_far = str_from(buf_str(to), from);

		buf_add_char(to, str_find(so_far, '?') < so_far.len ? '&' : '?');
		buf_add(to, p->query);
	} else if (x->query.len && a->wire == x->endpoint->wire &&
	           !a->wire->model_in_path) {
		buf_add_char(to, '?');
		buf_add(to, x->query);
	}
}

/* Does one of the lines begin with that name? */
static bool has_line(str lines, str name)
{
	while (lines.len) {
		str line = str_cut(&lines, '\n');

		if (str_starts_nocase(line, name) && line.len > name.len &&
		    line.ptr[name.len] == ':')
			return true;
	}
	return false;
}

/* What the format's own headers say: the client's, where it speaks the same format, and
 * those that the format cannot be without. */
static void add_features(const struct attempt *a, struct buf *to)
{
	const struct exchange *x = a->x;
	str needed = a->wire->needed_header, name = str_cut(&needed, ':');
	bool is_same = a->wire == x->endpoint->wire;

	if (is_same)
		buf_add(to, x->features);
	if (name.len && !(is_same && has_line(x->features, name))) {
		buf_add(to, a->wire->needed_header);
		buf_add(to, STR("\r\n"));
	}
}

static fault_t make_head(struct attempt *a, uint64_t length, const struct iovec *body,
                         int pieces, str *ret)
{
	struct exchange *x = a->x;
	const struct provider *p = a->target->provider;
	struct buf *to = &x->worker->head;
	size_t target_at, target_end;
	fault_t why;

	buf_clear(to);
	buf_add(to, STR("POST "));
	target_at = to->len;
	add_target(a, to);
	target_end = to->len;
	buf_add(to, STR(" HTTP/1.1\r\nhost: "));
	buf_add(to, p->authority);
	buf_add(to, STR("\r\n"));
	struct credential_request as_sent = {
		.target = str_of(to->ptr + target_at, target_end - target_at),
		.content_type = x->content_type,
		.body = body,
		.pieces = pieces,
		.is_whole = x->body_whole,
		.wall = loop_of(a)->wall,
	};
	why = credential_add(to, p, x->key_at, a->token.text, &as_sent);
	if (why)
		return why;
	buf_add(to, STR("x-client-request-id: "));
	buf_add_hex(to, a->id, 16);
	buf_add(to, STR("\r\naccept-encoding: identity\r\ncontent-type: "));
	buf_add(to, x->content_type);
	buf_add(to, STR("\r\ncontent-length: "));
	buf_add_u64(to, length);
	buf_add(to, STR("\r\n"));
	buf_add(to, x->forward);
	add_features(a, to);
	buf_add(to, STR("\r\n"));
	if (to->over)
		return FAULT_HTTP_HEAD_LARGE;
	*ret = arena_copy(&x->arena, buf_str(to));
	return NULL;
}

static void send_request(struct attempt *a)
{
	struct exchange *x = a->x;
	str body = retained_str(&x->body), head;
	struct edit edits[EDIT_MOST];
	struct iovec iov[EDIT_IOV + 1];
	size_t count, length;
	fault_t why;
	int pieces;

	bool is_written = a->lane && a->lane->translates;
	if (is_written)
		body = buf_str(&a->lane->body);
	else if (rename_model(a, body))
		body = buf_str(&a->renamed);
	count = is_written ? 0 : make_edits(a, body, edits);
	length = edit_length(body, edits, count);

	if (!x->body_whole) /* a large upload goes through while it comes in */
		length += (size_t)x->body_length - body.len;
	pieces = 1 + edit_iov(body, edits, count, iov + 1);
	why = make_head(a, length, iov + 1, pieces - 1, &head);
	if (why) {
		attempt_fail(a, why, STR_NONE);
		return;
	}
	x->body_dropped = !x->body_whole;
	iov[0] = (struct iovec){ (void *)(uintptr_t)head.ptr, head.len };
	a->sent = loop_of(a)->now;
	http_up_send(a->up, iov, pieces, x->body_whole);
}

/* What the connection was given stays where it is until it has gone out (`sending`), so
 * what comes in meanwhile waits in a buffer of its own, which may grow and move. */
void attempt_send_more(struct attempt *a, str bytes, bool end)
{
	struct exchange *x = a->x;

	if (!a->up || a->step == ATTEMPT_CLOSE)
		return;
	if (!buf_add(&x->upload, bytes)) {
		attempt_fail(a, FAULT_NO_MEMORY, STR_NONE);
		return;
	}
	if (!http_up_has_pending(a->up))
		on_room(a->up);
	if (!end && x->client && x->upload.len > UPLOAD_HIGH)
		http_pause_body(x->client);
}

static void on_room(struct http_up *u)
{
	struct attempt *a = u->owner;
	struct exchange *x = a->x;
	bool end = x->body_whole;

	if (!x->body_dropped || x->upload_ended)
		return;
	/* Everything handed over has gone out: its buffer takes in what comes next. */
	struct buf gone = x->sending;

	x->sending = x->upload;
	x->upload = gone;
	buf_clear(&x->upload);
	if (x->sending.len == 0 && !end) {
		if (x->client)
			http_resume_body(x->client);
		return;
	}
	x->upload_ended = end;
	http_up_send(u, &(struct iovec){ x->sending.ptr, x->sending.len }, 1, end);
	if (!end && x->client && !http_up_has_pending(u))
		http_resume_body(x->client);
}

/* Ours on the way there: from the request's last byte until it left for the provider. */
static void note_overhead(struct attempt *a, const struct http_up *u)
{
	if (a->sent && a->x->whole_at)
		a->x->overhead = max_of(http_up_gone_at(u) - a->x->whole_at, (usec)0);
}

static void on_ready(struct http_up *u)
{
	struct attempt *a = u->owner;

	a->up = u;
	a->connected = loop_of(a)->now;
	go(a, ATTEMPT_SEND);
	send_request(a);
	if (a->step != ATTEMPT_SEND)
		return;
	go(a, ATTEMPT_AWAIT);

	struct exchange *x = a->x;
	const struct route_limits *limits = x->candidates.limits;
	bool is_last =
	        x->at + 1 >= x->candidates.count || x->attempts >= limits->attempts;
	bool reasons = a->target->is_known && (a->target->facts.bits & CATALOG_REASONING);
	usec patience = is_last ? limits->idle : limits->first_token;

	if (!x->skim.stream)
		patience = limits->answer;
	else if (reasons)
		patience *= REASONING_PATIENCE;
	a->first_due = loop_of(a)->now + patience;
	exchange_arm(x);
}

/* ---- AWAIT and STREAM ---- */

static void on_head(struct http_up *u, const struct http_response *res)
{
	struct attempt *a = u->owner;

	note_overhead(a, u);
	a->status = res->status;
	a->first_byte = loop_of(a)->now;
	a->retry_after = verdict_retry_after(res, loop_of(a)->wall);
	relay_head(a, res);
}

static size_t on_data(struct http_up *u, str bytes, bool end)
{
	struct attempt *a = u->owner;

	return relay_data(a, bytes, end);
}

void attempt_progress(struct attempt *a)
{
	usec now = loop_of(a)->now;

	if (a->first_token == 0) {
		a->first_token = now;
		a->first_due = USEC_NEVER;
		if (a->step == ATTEMPT_AWAIT)
			go(a, ATTEMPT_STREAM);
	}
	a->idle_due = now + a->x->candidates.limits->idle;
}

/* While the client does not take what we have, silence is not the provider's. */
void attempt_pause(struct attempt *a, bool paused)
{
	if (!a->up)
		return;
	if (paused) {
		a->idle_due = USEC_NEVER;
		http_up_pause(a->up);
		return;
	}
	if (a->first_token)
		a->idle_due = loop_of(a)->now + a->x->candidates.limits->idle;
	http_up_resume(a->up);
	exchange_arm(a->x);
}

/* A pooled connection that died without a byte had gone stale: once more, on a new one,
 * as the same attempt (G12). */
static bool is_stale(const struct attempt *a, const struct http_up *u, fault_t why)
{
	return u->reused && !u->any_bytes && !a->fresh && a->step <= ATTEMPT_AWAIT &&
	       !a->x->body_dropped &&
	       (why == FAULT_UPSTREAM_RESET || why == FAULT_UPSTREAM_CUT);
}

static void on_fault(struct http_up *u, fault_t why)
{
	struct attempt *a = u->owner;
	struct exchange *x = a->x;

	a->up = NULL; /* it is dead already */
	if (a->step == ATTEMPT_CLOSE)
		return;
	if (a->status == 0)
		note_overhead(a, u);
	if (is_stale(a, u, why)) {
		a->fresh = true;
		dial(a);
		return;
	}
	if (x->step == STEP_RELAY && relay_is_whole(a))
		return;
	attempt_fail(a, why, STR_NONE);
}

usec attempt_due(const struct attempt *a)
{
	return a->step == ATTEMPT_CLOSE ? USEC_NEVER : min_of(a->first_due, a->idle_due);
}

void attempt_on_time(struct attempt *a)
{
	struct exchange *x = a->x;
	usec now = loop_of(a)->now;

	if (a->step == ATTEMPT_CLOSE || attempt_due(a) > now)
		return;
	if (x->step == STEP_RELAY && !x->client) {
		/* The client has all of it; the provider does not end its side. */
		attempt_end(a, NULL, STR_NONE);
		exchange_settle(x);
		return;
	}
	if (a->awaits_token) {
		attempt_fail(a, FAULT_NO_TOKEN, STR("it did not come in time"));
		return;
	}
	/* Some send their last event and then nothing: the answer is there all the same.
	 */
	if (x->step == STEP_RELAY && relay_is_whole(a))
		return;
	attempt_fail(a, a->first_token ? FAULT_UPSTREAM_IDLE : FAULT_FIRST_TOKEN_LATE,
	             STR_NONE);
}

/* ---- CLOSE ---- */

void attempt_end(struct attempt *a, fault_t why, str detail)
{
	if (a->step == ATTEMPT_CLOSE)
		return;
	a->step = ATTEMPT_CLOSE;
	a->why = why;
	a->detail = arena_copy(&a->x->arena, str_first(detail, 512));
	a->closed = loop_of(a)->now;
	if (a->up && a->status == 0)
		note_overhead(a, a->up);
	if (a->up)
		http_up_release(a->up);
	a->up = NULL;
}

/* How the figures of usage came about; without a report they are counted from what was
 * seen, at four bytes a token. */
static enum usage_kind judge_usage(const struct attempt *a, struct token_usage *ret)
{
	const struct tap *t = &a->tap;
	uint64_t asked = (a->x->body_bytes + 3) / 4;

	*ret = (struct token_usage){ 0 };
	if (t->operation == OP_COUNT) /* nothing is generated, nothing is billed */
		return USAGE_NONE;
	if (t->has_usage && !t->bad_usage) {
		*ret = t->usage;
		return USAGE_REPORTED;
	}
	if (a->sent == 0 || a->status >= 300)
		return USAGE_NONE;
	if (t->text_bytes || (a->ended && !a->why)) {
		*ret = (struct token_usage){ .input = asked,
			                     .output = (t->text_bytes + 3) / 4 };
		return USAGE_ESTIMATED;
	}
	return USAGE_UNKNOWN;
}

nanousd attempt_cost(const struct attempt *a)
{
	struct token_usage usage;
	enum usage_kind kind = judge_usage(a, &usage);

	if (kind == USAGE_NONE)
		return 0;
	if (kind == USAGE_UNKNOWN || !a->target->is_known)
		return COST_UNKNOWN;
	return price_cost(&a->target->facts, &usage);
}

static usec since(usec from, usec to)
{
	return to ? to - from : 0;
}

/* The exchange's own facts, on the row that closes it. */
static void add_exchange(struct attempt_row *row, struct exchange *x, struct buf *client)
{
	net_print_ip(&x->peer, client);
	row->closes = true;
	row->client_status = x->client_status;
	row->exchange_total = since(x->began, x->finished_at);
	row->overhead = x->overhead;
	row->attempts = x->attempts;
	row->client = buf_str(client);
	row->agent = x->agent;
}

/* What could not cross between two formats, for the ledger. */
static str lost_of(const struct attempt *a)
{
	str names = lane_dropped(a->x);

	return names.len ? arena_printf(&a->x->arena, "dropped: %.*s",
	                                STR_ARG(str_first(names, 500)))
	                 : STR_NONE;
}

void attempt_settle(struct attempt *a, bool closes)
{
	struct buf client = BUF_LIMIT(128);
	struct attempt_row row = open_row(a);

	if (a->settled)
		return;
	a->settled = true;
	row.state = ROW_DONE;
	row.status = a->status;
	row.fault = a->why ? a->why->name : STR_NONE;
	row.detail = a->why ? a->detail : lost_of(a);
	row.answered_model = tap_model(&a->tap);
	row.finish = tap_finish(&a->tap);
	row.connect = since(a->began, a->connected);
	row.first_byte = since(a->began, a->first_byte);
	row.first_token = since(a->began, a->first_token);
	row.total = since(a->began, a->closed);
	row.answer_bytes = a->answer_bytes;
	row.usage_kind = judge_usage(a, &row.usage);
	row.cost = attempt_cost(a);
	if (closes)
		add_exchange(&row, a->x, &client);
	/* An OPEN has room for its CLOSE set aside.  Without one (best-effort) all of it
	 * is tried now; the recorder tells of the gap. */
	if (!record_write(a->x->worker->journal,
	                  a->unjournalled ? RECORD_WHOLE : RECORD_CLOSE, &row))
		a->x->worker->counts.lost_closes++;
	buf_free(&client);
}

void attempt_record_none(struct exchange *x)
{
	struct buf client = BUF_LIMIT(128);
	struct attempt_row row = {
		.id = x->id,
		.exchange = x->id,
		.key = x->key,
		.began_wall = x->began_wall,
		.operation = operations[x->endpoint->operation].name,
		.asked = x->skim.model,
		.route = x->candidates.route,
		.stream = x->skim.stream,
		.request_bytes = x->body_bytes,
		.state = ROW_DONE,
		.fault = x->why ? x->why->name : STR_NONE,
		.detail = x->detail,
		.usage_kind = USAGE_NONE,
	};

	add_exchange(&row, x, &client);
	if (!record_write(x->worker->journal, RECORD_WHOLE, &row))
		x->worker->counts.lost_closes++;
	buf_free(&client);
}
