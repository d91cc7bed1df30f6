/* exchange.c - the way of one request, in the order of its steps (exchange.h).
 *
 * Which candidate is tried next stands in try.c, what an attempt does with a provider in
 * attempt.c, what happens to the answer's bytes in relay.c. */
#include "gateway/exchange.h"

#include "base/assert.h"
#include "codec/multipart.h"
#include "gateway/answer.h"
#include "gateway/capture.h"
#include "gateway/attempt.h"
#include "gateway/lane_request.h"
#include "gateway/permit.h"
#include "gateway/phi.h"
#include "gateway/pick.h"
#include "gateway/pinned.h"
#include "gateway/resume.h"
#include "gateway/step.h"
#include "gateway/tenancy.h"
#include "gateway/trial.h"

#include <stdlib.h>

/* More than the fixed things of all attempts that a route may allow come to, and the
 * short copies of theirs (arena_keep). */
enum { ARENA_MOST = 2 * MiB, PEER_MOST = 128 };

static void on_timer(struct timer *t);

enum flow exchange_go(struct exchange *x, enum exchange_step step)
{
	assert(x->step <= step || (x->step == STEP_RELAY && step == STEP_TRY));
	x->step = step;
	return GO;
}

/* ---- the beginning ---- */

struct exchange *exchange_make(struct worker *w, const struct endpoint *e, usec began)
{
	struct arena arena = { .pool = &w->loop.blocks, .ceiling = ARENA_MOST };
	struct exchange *x = arena_new(&arena, struct exchange);

	x->arena = arena;
	x->worker = w;
	x->plan = plan_ref(w->plan);
	x->endpoint = e;
	x->timer = (struct timer){ .on_due = on_timer, .due = USEC_NEVER };
	x->began = began;
	x->began_wall = w->loop.wall - (w->loop.now - began);
	x->id = journal_next_id(w->journal, w->loop.wall);
	x->body.gateway = w->gateway;
	x->body.blocks = &w->loop.blocks;
	x->body.most_memory = x->plan->config->memory;
	x->upload.limit = x->sending.limit = 4 * MiB;
	x->hold_until = x->comment_at = x->total_at = USEC_NEVER;
	x->skim.choices = 1;
	list_add_last(&w->exchanges, &x->link);
	COUNT(w->live);
	return x;
}

static struct exchange *exchange_new(struct worker *w, struct http_conn *c,
                                     const struct endpoint *e)
{
	struct exchange *x = exchange_make(w, e, c->began_at);
	char room[PEER_MOST];
	struct buf peer = { room, .cap = sizeof(room), .limit = sizeof(room) };

	x->client = c;
	net_print_ip(&c->peer, &peer);
	x->peer = arena_copy(&x->arena, buf_str(&peer));
	c->owner = x;
	COUNT(w->counts.exchanges);
	return x;
}

/* ---- BODY ---- */

static enum flow step_body(struct exchange *x)
{
	const struct config *c = x->plan->config;
	bool multipart = operations[x->endpoint->operation].multipart, is_enough = false;
	str detail = STR_NONE;
	fault_t why;

	if (!x->body_asked) {
		x->body_asked = true;
		http_take_body(x->client, multipart ? c->upload_limit : c->limits.body);
		if (x->step != STEP_BODY) /* refused inside the call */
			return GO;
	}
	why = exchange_skim(x, &is_enough, &detail);
	if (why) {
		exchange_fail(x, why, detail);
		return GO;
	}
	return is_enough ? exchange_go(x, STEP_ADMIT) : WAIT;
}

/* A small body gets at once what it needs, a large one twice as much each time: who has
 * only announced it takes no memory from others. */
static bool make_room(struct exchange *x, size_t n)
{
	size_t need = x->body.len + n;
	uint64_t some = max_of(need, 2 * x->body.cap);

	if (need <= x->body.cap || x->body_length < need) /* also: nobody knows */
		return true;
	some = max_of(some, (uint64_t)(256 * KiB));
	some = max_of((uint64_t)need, min_of(some, x->plan->config->limits.body));
	return retained_reserve(&x->body, (size_t)min_of(x->body_length, some));
}

static void on_body(struct http_conn *client, str bytes, bool end)
{
	struct exchange *x = client->owner;
	str detail = STR_NONE;
	fault_t why = NULL;

	if (!x)
		return;
	x->body_bytes += bytes.len;
	if (end) {
		x->body_whole = true;
		x->whole_at = sys_now();
	}
	if (x->step > STEP_BODY)
		why = exchange_skim_rest(x, bytes, &detail);
	if (!why && !x->body_dropped &&
	    (!make_room(x, bytes.len) || !retained_add(&x->body, bytes)))
		why = FAULT_NO_MEMORY;
	if (why)
		exchange_fail(x, why, detail);
	else if (x->body_dropped)
		attempt_send_more(x->attempt, bytes, end);
	else if (x->step > STEP_BODY && !end &&
	         x->body.len >= x->plan->config->limits.body)
		http_pause_body(client); /* until there is a provider to take it */
	if (why || x->step == STEP_BODY)
		exchange_run(x);
}

/* ---- ADMIT, ROUTE ---- */

static enum flow step_admit(struct exchange *x)
{
	str detail = STR_NONE;
	fault_t why = tenancy_admit(x, &detail);

	phi_decide(x); /* a refusal is recorded as well */
	if (why) {
		exchange_fail(x, why, detail);
		return GO;
	}
	return exchange_go(x, STEP_ROUTE);
}

/* Of a provider that is only not configured, that is what helps. */
static bool add_elsewhere(const struct exchange *x, struct buf *to)
{
	const struct config *c = x->plan->config;
	struct catalog_provider p;

	if (!resolve_elsewhere(c, x->skim.model, &p))
		return false;
	buf_addf(to, " is a model of %.*s, which is not configured: ", STR_ARG(p.id));
	if (c->file.len || !p.env[0].len || p.env_is_shared)
		buf_addf(to, "write %.*s below providers:", STR_ARG(p.id));
	else
		buf_addf(to, "set %.*s and start again", STR_ARG(p.env[0]));
	return true;
}

/* Of what the key may ask for, as GET /v1/models lists it. */
static str other_names(struct exchange *x)
{
	struct access access = access_of(&x->chain);
	struct buf text = BUF_LIMIT(1024);
	str kept;

	buf_addf(&text, "\"%.*s\"", STR_ARG(str_first(x->skim.model, 128)));
	if (!add_elsewhere(x, &text))
		resolve_add_nearest(x->plan->config, &access, x->skim.model, &text);
	kept = arena_copy(&x->arena, buf_str(&text));
	buf_free(&text);
	return kept;
}

static fault_t put_in_order(struct exchange *x, str *ret_detail)
{
	fault_t why;

	assert(x->candidates.count <= TARGETS_MOST);
	pick_order(x);
	trial_order(x);
	why = permit_candidates(x, true, ret_detail);
	return why ? why : pinned_route(x, ret_detail);
}

/* Who could answer, best first. */
static fault_t find_candidates(struct exchange *x, str *ret_detail)
{
	fault_t why;

	if (x->endpoint->operation == OP_STORED) {
		why = pinned_stored(x, ret_detail);
		return why ? why : permit_candidates(x, false, ret_detail);
	}
	why = resolve_model(x->plan->config, x->skim.model, &x->arena, &x->candidates);
	if (why) {
		x->param = STR("model");
		if (why == FAULT_NO_SUCH_MODEL)
			*ret_detail = other_names(x);
		return why;
	}
	trial_route(x);
	why = put_in_order(x, ret_detail);
	if (why == FAULT_PINNED && trial_other_side(x))
		why = put_in_order(x, ret_detail);
	return why;
}

static enum flow step_route(struct exchange *x)
{
	const struct route_limits *limits;
	str detail = STR_NONE;
	fault_t why = find_candidates(x, &detail);

	if (why) {
		exchange_fail(x, why, detail);
		return GO;
	}
	limits = x->candidates.limits;
	x->total_at = x->began + (x->skim.stream ? limits->total_stream : limits->total);
	if (x->skim.stream && operations[x->endpoint->operation].is_chat &&
	    x->endpoint->wire->frames == FRAMES_SSE && !x->as_array)
		x->hold_until = x->worker->loop.now + 8 * USEC_SEC;
	resume_decide(x);
	if (limits->hedge != HEDGE_OFF)
		worker_earn_hedge(x->worker, limits->hedge_share);
	trial_begin(x);
	capture_decide(x);
	return exchange_go(x, STEP_TRY);
}

/* ---- RELAY ---- */

static enum flow step_relay(struct exchange *x)
{
	return WAIT;
}

void exchange_answered(struct exchange *x)
{
	struct http_conn *c = x->client;

	x->client = NULL;
	x->finished_at = x->worker->loop.now;
	if (c) {
		c->owner = NULL;
		http_finish(c);
	}
}

static void on_gone(struct http_conn *client)
{
	struct exchange *x = client->owner;

	if (!x)
		return;
	client->owner = NULL;
	x->client = NULL;
	if (x->client_status == 0 || !x->head_sent)
		x->client_status = FAULT_CLIENT_GONE->status;
	COUNT(x->worker->counts.cancelled);
	exchange_fail(x, FAULT_CLIENT_GONE, STR_NONE);
	exchange_run(x);
}

static void on_body_fault(struct http_conn *client, fault_t why)
{
	struct exchange *x = client->owner;

	if (!x)
		return;
	exchange_fail(x, why, STR_NONE);
	exchange_run(x);
}

/* ---- SETTLE ---- */

static void bury(struct grave *g)
{
	struct exchange *x = container_of(g, struct exchange, grave);
	struct arena arena = x->arena; /* x itself lies in it */

	arena_done(&arena);
}

/* What it holds beside its arena, and the arena at the end of the turn. */
void exchange_drop(struct exchange *x)
{
	struct worker *w = x->worker;

	x->step = STEP_ENDED;
	tenancy_leave(x);
	trial_end(x);
	pick_leave(x);
	retained_free(&x->body);
	if (x->attempt)
		attempt_free(x->attempt);
	resume_free(x);
	lane_forget(x);
	if (x->form)
		multipart_done(x->form);
	free(x->kept);
	buf_free(&x->upload);
	buf_free(&x->sending);
	timer_done(&w->loop, &x->timer);
	plan_unref(&x->plan);
	list_remove(&x->link);
	COUNT_BY(w->live, -1u);
	loop_bury(&w->loop, &x->grave, bury);
}

static enum flow step_settle(struct exchange *x)
{
	if (x->why && x->why != FAULT_CLIENT_GONE && !x->is_shadow)
		COUNT(x->worker->counts.failed);
	capture_end(x);
	if (x->attempt)
		attempt_settle(x->attempt, true);
	else
		attempt_record_none(x);
	exchange_drop(x);
	return WAIT;
}

void exchange_settle(struct exchange *x)
{
	if (x->step < STEP_SETTLE)
		x->step = STEP_SETTLE;
	exchange_run(x);
}

/* ---- the engine ---- */

static const struct {
	const char *name;
	enum flow (*run)(struct exchange *x);
} steps[] = {
#define STEP(name, function) [STEP_##name] = { #name, step_##function },
	EXCHANGE_STEPS(STEP)
#undef STEP
};

const char *exchange_step_name(enum exchange_step step)
{
	return step < STEP_ENDED ? steps[step].name : "ENDED";
}

/* Steps never call steps: whoever moves an exchange on from inside one leaves the running
 * to the loop below. */
void exchange_run(struct exchange *x)
{
	if (x->in_run)
		return;
	x->in_run = true;
	while (x->step != STEP_ENDED && steps[x->step].run(x) == GO)
		;
	x->in_run = false;
}

void exchange_arm(struct exchange *x)
{
	usec due = min_of(x->total_at, x->hold_until);

	due = min_of(due, x->comment_at);
	if (x->retry_at)
		due = min_of(due, x->retry_at);
	for (const struct attempt *a = x->attempt; a; a = a->rival)
		due = min_of(due, attempt_due(a));
	timer_set(&x->worker->loop, &x->timer, due);
}

static void on_timer(struct timer *t)
{
	struct exchange *x = container_of(t, struct exchange, timer);
	usec now = x->worker->loop.now;

	if (now >= x->total_at) {
		exchange_fail(x, FAULT_TOTAL_TIMEOUT, STR_NONE);
		exchange_run(x);
		return;
	}
	if (now >= x->hold_until && x->client && !x->head_sent)
		relay_commit_early(x);
	if (now >= x->comment_at)
		relay_comment(x);
	for (struct attempt *a = x->attempt, *next; a; a = next) {
		next = a->rival;
		attempt_on_time(a);
	}
	if (x->step == STEP_TRY && x->retry_at && now >= x->retry_at)
		exchange_run(x);
	if (x->step < STEP_SETTLE)
		exchange_arm(x);
}

/* ---- the entrance ---- */

/* No such path, or not with this method: a client is told what there is. */
static cold void refuse_path(struct worker *w, struct http_conn *c, str path, fault_t why)
{
	struct buf lines = BUF_LIMIT(512), methods = BUF_LIMIT(128);
	struct buf detail = BUF_LIMIT(4 * KiB);
	bool known = why == FAULT_HTTP_METHOD;

	if (known) {
		endpoint_methods(path, &methods);
		buf_addf(&lines, "x-request-id: %016llx\r\nallow: %.*s\r\n",
		         (unsigned long long)journal_next_id(w->journal, w->loop.wall),
		         STR_ARG(buf_str(&methods)));
		buf_addf(&detail, "%.*s", STR_ARG(buf_str(&methods)));
	} else {
		buf_add(&detail, str_from_z(endpoint_list));
	}
	answer_fault(w, c, endpoint_like(path), why, buf_str(&detail), STR_NONE,
	             buf_str(&lines));
	buf_free(&lines);
	buf_free(&detail);
	buf_free(&methods);
}

static void on_request(struct http_conn *c, const struct http_request *req)
{
	struct worker *w = c->server->owner;
	str rest = STR_NONE;
	uint64_t key = 0;
	fault_t why;
	const struct endpoint *e = endpoint_find(req->method, req->path, &rest, &why);

	if (e && e->kind == ENDPOINT_WEBSOCKET && req->upgrades) {
		answer_fault(w, c, e, FAULT_UPGRADE_REQUIRED, STR_NONE, STR_NONE,
		             STR_NONE);
	} else if (e && e->kind == ENDPOINT_EXCHANGE) {
		struct exchange *x = exchange_new(w, c, e);

		x->path_model = rest; /* on loan, until the head is kept */
		x->req = req;
		x->in_run = true;
		step_open(x);
		x->req = NULL;
		x->in_run = false;
		exchange_run(x);
	} else if (!e) {
		refuse_path(w, c, req->path, why);
	} else if (e->auth == AUTH_CLASS_KEY &&
	           (why = answer_authorize(w, c, req, e, &key))) {
		answer_fault(w, c, e, why, STR_NONE, STR_NONE, STR_NONE);
	} else {
		answer_own(w, c, e, req, key, rest);
	}
}

static void on_room(struct http_conn *client)
{
	struct exchange *x = client->owner;

	if (x && x->attempt && x->attempt->up)
		attempt_pause(x->attempt, false);
}

static cold void on_refused(struct http_conn *c, fault_t why)
{
	struct worker *w = c->server->owner;
	struct buf body = BUF_LIMIT(4 * KiB), lines = BUF_LIMIT(256);

	if (!why->again)
		buf_add(&lines, STR("x-should-retry: false\r\n"));
	buf_add(&lines, STR("x-request-id: "));
	buf_add_hex(&lines, journal_next_id(w->journal, w->loop.wall), 16);
	buf_add(&lines, STR("\r\n"));
	wire_openai_chat.write_fault(&body, why, STR_NONE, STR_NONE);
	http_refuse(c, why, STR("application/json"), buf_str(&lines), buf_str(&body));
	buf_free(&lines);
	COUNT(w->counts.refused);
	buf_free(&body);
}

const struct http_ops exchange_ops = {
	.on_request = on_request,
	.on_body = on_body,
	.on_body_fault = on_body_fault,
	.on_room = on_room,
	.on_gone = on_gone,
	.on_refused = on_refused,
};
