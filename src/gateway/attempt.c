/* attempt.c - one try at one target, in the order of its steps (attempt.h).
 *
 * Journalled before it is sent and again when it closes.  Failures before the client has
 * been given anything go back to the exchange, which tries the next candidate. */
#include "gateway/attempt.h"

#include "base/assert.h"
#include "codec/json_write.h"
#include "codec/text.h"
#include "gateway/credential.h"
#include "gateway/lane_request.h"
#include "gateway/pick.h"
#include "gateway/resume.h"
#include "gateway/resume_log.h"
#include "gateway/tenancy.h"
#include "policy/price.h"
#include "policy/verdict.h"

#include <stdlib.h>

/* So long one candidate may take to connect before the next is dialled as well. */
#define DIAL_PATIENCE (700 * USEC_MS)
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
		exchange_attempt_failed(a);
	else if (x->step == STEP_RELAY && !resume_start(a)) {
		exchange_fail(x, why, detail);
		exchange_run(x);
	}
}

/* ---- RESERVE ---- */

/* Counting tokens costs nothing anywhere, and what is stored was paid for. */
static bool is_unpriced(const struct attempt *a)
{
	const struct exchange *x = a->x;

	return a->target->price_count == 0 &&
	       x->plan->config->unknown_price == UNKNOWN_PRICE_DENY &&
	       x->endpoint->operation != OP_COUNT && x->endpoint->operation != OP_STORED;
}

static void dial(struct attempt *a);
static void wait_for_connection(struct attempt *a);
static void authorize(struct attempt *a);

/* With what its request brings along, an open stream has room in one block of its arena;
 * more would double what each of thousands takes. */
_Static_assert(sizeof(struct exchange) + sizeof(struct attempt) <= 3216, "one block");

/* The first one's is the exchange's, as long as that is near its beginning. */
static uint64_t id_of(const struct attempt *a)
{
	const struct exchange *x = a->x;
	struct worker *w = x->worker;

	if (a->number == 1 && w->loop.wall - (usec)(x->id >> 8) <= ROW_BEHIND_MOST)
		return x->id;
	return journal_next_id(w->journal, w->loop.wall);
}

static struct attempt *attempt_new(struct exchange *x)
{
	struct worker *w = x->worker;
	const struct target *target = &x->candidates.list[x->order[x->next.at]];
	struct attempt *a = arena_new(&x->arena, struct attempt);

	a->x = x;
	a->target = target;
	a->place = x->next;
	a->health = x->admitted;
	a->health.gaps = &a->gaps;
	x->admitted.is_live = false;
	a->number = ++x->attempts;
	if (unlikely(x->resume))
		a->repeated = (uint32_t)x->resume->text.len;
	a->id = id_of(a);
	a->began = w->loop.now;
	a->began_wall = w->loop.wall;
	a->first_due = a->idle_due = USEC_NEVER;
	a->second_due = USEC_NEVER;
	a->held.gateway = w->gateway;
	a->held.most_memory = x->body.most_memory;
	a->wire = lane_wire(x, target->provider);
	a->asked_usage = x->skim.stream && operations[x->endpoint->operation].is_chat &&
	                 !x->skim.wants_usage && a->wire == x->endpoint->wire &&
	                 !(target->provider->quirks & QUIRK_NO_STREAM_OPTIONS);
	a->tap = (struct tap){ .operation = x->endpoint->operation,
		               .quirks = target->provider->quirks,
		               .strip_usage = a->asked_usage && !x->skim.wants_cost,
		               .choices = x->skim.choices };
	COUNT(w->counts.attempts);
	return a;
}

/* It becomes the leading one, or the last of those that are live.  The row of the one
 * before was kept back, because the last row closes the exchange. */
static void join(struct exchange *x, struct attempt *a)
{
	struct attempt *before = x->attempt;

	if (!before || before->step == ATTEMPT_CLOSE) {
		x->attempt = a;
		if (!before)
			return;
		attempt_settle(before, false);
		attempt_free(before);
		return;
	}
	while (before->rival)
		before = before->rival;
	before->rival = a;
}

/* It was never journalled, so there is nothing to close. */
static void give_up(struct attempt *a)
{
	struct exchange *x = a->x;

	a->step = ATTEMPT_CLOSE;
	a->settled = true;
	tenant_settle(&x->chain, &a->money, 0);
	health_cancelled(&a->health, loop_of(a)->now);
}

static bool others_live(const struct exchange *x)
{
	return x->attempt && x->attempt->step != ATTEMPT_CLOSE;
}

static void give_up_unjournalled(struct attempt *a)
{
	struct exchange *x = a->x;

	give_up(a);
	if (others_live(x)) {
		x->attempts--; /* it never was */
		exchange_give_back(x, a);
		return;
	}
	if (!x->attempt)
		x->attempt = a;
	exchange_fail(x, FAULT_LEDGER_UNAVAILABLE, STR_NONE);
}

/* There is no money for it.  A target that costs less is not tried in its place unless
 * somebody has said which (`downgrade`): nobody shall get another model in silence. */
static void give_up_unpaid(struct attempt *a, fault_t why, str detail)
{
	struct exchange *x = a->x;

	give_up(a);
	x->attempts--;
	x->worker->counts.attempts--;
	if (others_live(x)) { /* one of them may give its money back */
		exchange_give_back(x, a);
		return;
	}
	if (tenancy_downgrade(x))
		return;
	tenancy_say_wait(x, a->retry_after);
	exchange_fail(x, why, detail);
}

void attempt_start(struct exchange *x)
{
	struct attempt *a = attempt_new(x);
	str detail = STR_NONE;
	fault_t why = tenancy_reserve(a, &detail);

	if (why == FAULT_BUDGET_EXCEEDED || why == FAULT_BUDGET_RESERVED) {
		give_up_unpaid(a, why, detail);
		return;
	}
	if (unlikely(x->downgraded) && !why)
		tenancy_say_downgraded(x);
	a->unjournalled = !attempt_reserve(a);
	/* What is spent of a budget has to be known after a crash. */
	if (a->unjournalled &&
	    (x->plan->config->ledger == LEDGER_STRICT || a->money.any)) {
		give_up_unjournalled(a);
		return;
	}
	join(x, a);
	lane_init(a);
	if (why)
		attempt_fail(a, why, detail);
	else if (is_unpriced(a))
		attempt_fail(a, FAULT_PRICE_UNKNOWN, STR_NONE);
	else if (!a->lane || !a->lane->translates || lane_request(a))
		authorize(a);
}

/* ---- a token, for providers that want one ---- */

/* Taken now, so that a head can be written in one go.  Without one the attempt waits a
 * little, as long as those before it have left: the worker is woken when there is news.
 */
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
		x->token_by = 0;
		dial(a);
		return;
	case TOKEN_FAILED:
		attempt_fail(a, FAULT_NO_TOKEN, why);
		return;
	case TOKEN_PENDING:
		a->awaits_token = true;
		if (x->token_by == 0)
			x->token_by = loop_of(a)->now + TOKEN_PATIENCE;
		if (a->first_due == USEC_NEVER)
			a->first_due = x->token_by;
		wait_for_connection(a);
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

/* Others may be dialled beside it after a while. */
static void wait_for_connection(struct attempt *a)
{
	if (a->second_due == USEC_NEVER)
		a->second_due = loop_of(a)->now + DIAL_PATIENCE;
	exchange_arm(a->x);
}

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
	/* What is streamed through cannot be sent again when a pooled one proves stale.
	 */
	u = http_lease(&o->pool, a->fresh || !x->body_whole, &dialling, a);
	/* A pooled connection has called on_ready already, and may have failed since. */
	if (a->step != ATTEMPT_DIAL)
		return;
	a->up = u;
	wait_for_connection(a);
}

/* ---- SEND ---- */

/* Of a live attempt; a connection may still have the time of what it did before. */
static void note_gone(struct exchange *x, const struct attempt *a,
                      const struct http_up *u)
{
	usec at = http_up_gone_at(u);

	if (a->sent && at >= x->whole_at && (!x->gone_at || at < x->gone_at))
		x->gone_at = at;
}

/* Ours on the way there: from the request's last byte until it first left for a provider.
 * What passes until it leaves for another one is the time of the first, or a wait. */
static void note_overhead(struct attempt *a, const struct http_up *u)
{
	struct exchange *x = a->x;

	if (!a->sent || !x->whole_at)
		return;
	note_gone(x, a, u);
	/* One beside it may have been sent before, and not have answered yet. */
	for (const struct attempt *r = x->attempt; unlikely(r != a) && r; r = r->rival)
		if (r->up)
			note_gone(x, r, r->up);
	if (x->gone_at)
		a->overhead = x->gone_at - x->whole_at;
}

static void on_ready(struct http_up *u)
{
	struct attempt *a = u->owner;

	a->up = u;
	a->connected = loop_of(a)->now;
	a->second_due = USEC_NEVER;
	health_connected(&a->health, !u->reused);
	go(a, ATTEMPT_SEND);
	exchange_connected(a);
	attempt_send(a);
	if (a->step != ATTEMPT_SEND)
		return;
	go(a, ATTEMPT_AWAIT);
	attempt_start_clocks(a);
}

static void on_room(struct http_up *u)
{
	attempt_send_room(u->owner);
}

/* ---- AWAIT and STREAM ---- */

static void on_head(struct http_up *u, const struct http_response *res)
{
	struct attempt *a = u->owner;

	note_overhead(a, u);
	a->status = res->status;
	a->first_byte = a->wire_at = loop_of(a)->now;
	a->retry_after = verdict_retry_after(res, loop_of(a)->wall);
	health_head(&a->health, res, loop_of(a)->wall, a->first_byte);
	relay_head(a, res);
}

static size_t on_data(struct http_up *u, str bytes, bool end)
{
	struct attempt *a = u->owner;

	a->wire_at = loop_of(a)->now;
	return relay_data(a, bytes, end);
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

	a->up = NULL; /* it is dead already */
	if (a->step == ATTEMPT_CLOSE)
		return;
	if (a->status == 0)
		note_overhead(a, u);
	if (is_stale(a, u, why)) {
		a->fresh = true;
		a->sent = 0; /* what is tried beside it meanwhile is no hedge */
		a->first_due = a->second_due = USEC_NEVER;
		dial(a);
		return;
	}
	if (relay_is_whole(a))
		return;
	attempt_fail(a, why, STR_NONE);
}

/* ---- CLOSE ---- */

/* What it was, for the board; and whoever waits for its place is woken. */
static void tell_health(struct attempt *a)
{
	const struct token_usage *u = &a->tap.usage;
	bool is_told = a->tap.has_usage && !a->tap.bad_usage;

	if (a->awaits_token) /* nobody was dialled: it proves nothing */
		health_connected(&a->health, false);
	if (a->why && !fault_is_upstream(a->why))
		health_cancelled(&a->health, a->closed);
	else
		health_ended(&a->health, a->why, a->retry_after,
		             is_told ? u->input + u->output : 0, is_told ? u->output : 0,
		             a->closed);
	if (!a->why && a->x->session)
		board_remember(a->x->worker->gateway->board, a->x->session, &a->health.at,
		               a->closed);
	pick_wake(a->x->plan, a->target->provider, a->closed);
}

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
	tenancy_settle(a);
	tell_health(a);
}

void attempt_free(struct attempt *a)
{
	retained_free(&a->held);
	buf_free(&a->patched);
	free(a->head);
	free(a->kept);
	resume_log_drop(a);
	lane_free(a);
}
