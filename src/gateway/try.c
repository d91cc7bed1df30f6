/* try.c - the step TRY: which candidate is asked, and what follows when an attempt failed
 * before the client was given anything. */
#include "gateway/attempt.h"
#include "gateway/lane.h"
#include "gateway/step.h"

/* Can that candidate be asked at all?  *why: what is said when none can. */
static bool is_usable(const struct exchange *x, unsigned at, fault_t *why)
{
	const struct target *t = &x->candidates.list[x->order[at]];
	const struct provider *p = t->provider;

	if (p->disabled.len)
		return false;
	/* What one model has found too long is not for those that take no more. */
	if (x->too_long && t->is_known && t->facts.context &&
	    t->facts.context <= x->too_long)
		return false;
	if (lane_wire(x, p))
		return true;
	*why = FAULT_NOT_OFFERED;
	return false;
}

/* The first candidate from there on that can be asked; the count when there is none. */
static unsigned next_usable(const struct exchange *x, unsigned at, fault_t *why)
{
	while (at < x->candidates.count && !is_usable(x, at, why))
		at++;
	return at;
}

/* May another attempt follow at all? */
static bool may_go_on(const struct exchange *x)
{
	return !x->body_dropped && x->client &&
	       x->attempts < x->candidates.limits->attempts;
}

bool exchange_has_next(const struct exchange *x)
{
	fault_t why = NULL;

	return may_go_on(x) && next_usable(x, x->at + 1, &why) < x->candidates.count;
}

/* Nobody has counted: a guess, marked as one. */
static void answer_estimate(struct exchange *x)
{
	struct buf body = BUF_LIMIT(KiB), lines = BUF_LIMIT(256);
	struct http_conn *c = x->client;

	x->endpoint->wire->write_count(&body, lane_guess(x));
	buf_add(&lines, STR("x-request-id: "));
	buf_add_hex(&lines, x->id, 16);
	buf_add(&lines, STR("\r\nx-sluice-estimated: 1\r\n"));
	x->client = NULL;
	c->owner = NULL;
	x->client_status = 200;
	x->finished_at = x->worker->loop.now;
	http_answer(c, 200, STR("application/json"), buf_str(&lines), buf_str(&body));
	buf_free(&lines);
	buf_free(&body);
	exchange_go(x, STEP_SETTLE);
}

enum flow step_try(struct exchange *x)
{
	fault_t why = FAULT_NO_TARGET;

	if (x->retry_at > x->worker->loop.now) {
		exchange_arm(x);
		return WAIT;
	}
	x->retry_at = 0;
	if (x->attempt && x->attempt->step != ATTEMPT_CLOSE)
		return WAIT;
	x->at = next_usable(x, x->at, &why);
	if (x->at >= x->candidates.count) {
		if (why == FAULT_NOT_OFFERED && x->endpoint->operation == OP_COUNT)
			answer_estimate(x);
		else
			exchange_fail(x, why, STR_NONE);
		return GO;
	}
	attempt_start(x);
	/* It may have failed inside the call, before anything was dialled. */
	return x->step == STEP_TRY && x->attempt->step != ATTEMPT_CLOSE ? WAIT : GO;
}

/* What the attempt has shown of the prompt's length, by the error's own figure or else by
 * what is known of the model. */
static void note_length(struct exchange *x, const struct attempt *a)
{
	uint64_t known = a->target->is_known ? a->target->facts.context : 0;

	if (a->why == FAULT_CONTEXT_TOO_LONG)
		x->too_long = max_of(x->too_long, a->context ? a->context : known);
}

/* Does the failure end it all, whoever is left? */
static bool is_final(const struct exchange *x, fault_t why)
{
	return why->next == FAULT_GIVE_UP || (why->next == FAULT_IF_ASKED &&
	                                      x->candidates.on_filter == ON_FILTER_FINAL);
}

/* Sets at, key_at, same_tries and retry_at for another try; false: there is none. */
static bool choose_next(struct exchange *x, const struct attempt *a)
{
	const struct route_limits *limits = x->candidates.limits;
	fault_t none = NULL;
	unsigned next;
	bool is_last;
	usec wait = a->retry_after;

	if (is_final(x, a->why) || !may_go_on(x))
		return false;
	note_length(x, a);
	next = next_usable(x, x->at + 1, &none);
	is_last = next >= x->candidates.count;
	/* Many keys must not use up the attempts of the other targets. */
	if (a->why->next == FAULT_NEXT_KEY &&
	    x->key_at + 1 < a->target->provider->key_count &&
	    (is_last || x->attempts + 1 < limits->attempts)) {
		x->key_at++;
		return true;
	}
	if (a->why == FAULT_UPSTREAM_AUTH && !x->renewed && attempt_renew_token(a)) {
		x->renewed = true;
		return true;
	}
	if (a->why->next == FAULT_TRY_SAME && x->same_tries < limits->same_target &&
	    (wait == 0 || (is_last && wait <= limits->max_retry_after))) {
		x->same_tries++;
		x->retry_at = wait ? x->worker->loop.now + wait : 0;
		return true;
	}
	if (!is_last) {
		x->at = next;
		x->same_tries = x->key_at = 0;
		x->renewed = false;
		return true;
	}
	/* Nobody else is left: a provider that says when to come back may be waited for.
	 */
	if (wait == 0 || wait > limits->max_retry_after)
		return false;
	x->retry_at = x->worker->loop.now + wait;
	return true;
}

void exchange_attempt_failed(struct exchange *x)
{
	struct attempt *a = x->attempt;

	if (x->step == STEP_SETTLE)
		return;
	if (choose_next(x, a)) {
		attempt_settle(a, false);
		x->why = NULL;
	} else if (x->client && a->lane && x->endpoint->operation == OP_COUNT) {
		answer_estimate(x);
	} else {
		exchange_fail(x, a->why, a->detail);
	}
	exchange_run(x);
}
