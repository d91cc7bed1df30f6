/* try.c - the step TRY: which candidate is asked, and what follows when an attempt failed
 * before the client was given anything.  Several at once are rivals.c's. */
#include "gateway/try.h"

#include "gateway/lane_request.h"
#include "gateway/pick.h"
#include "gateway/resume.h"
#include "gateway/step.h"

/* Can that candidate be asked at all?  *why: what is said when none can. */
static bool is_usable(const struct exchange *x, unsigned at, fault_t *why)
{
	const struct provider *p = x->candidates.list[x->order[at]].provider;

	if (p->disabled.len)
		return false;
	/* What one model has found too long is not for those that take no more. */
	if (x->too_long) {
		uint64_t context = pick_context(x, at);

		if (context && context <= x->too_long)
			return false;
	}
	if (lane_wire(x, p))
		return true;
	*why = FAULT_NOT_OFFERED;
	return false;
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

bool try_choose_fresh(struct exchange *x, fault_t *why)
{
	while (x->begun < x->candidates.count) {
		unsigned at = x->begun++;

		if (is_usable(x, at, why) &&
		    pick_admit(x, (struct place){ .at = (uint8_t)at }))
			return true;
	}
	return false;
}

void exchange_give_back(struct exchange *x, const struct attempt *a)
{
	unsigned at = a->place.at;

	if (x->begun == at + 1)
		x->begun--;
	else
		x->skipped |= (uint32_t)1 << at;
}

bool exchange_can_try(const struct exchange *x, unsigned at)
{
	fault_t why;

	return is_usable(x, at, &why);
}

/* Attempts that were made because another took long are not counted, nor are those of
 * which nobody has heard because another was faster. */
static unsigned count_attempts(const struct exchange *x)
{
	unsigned apart = (unsigned)x->hedges + x->unheard;

	return x->attempts > apart ? x->attempts - apart : 0;
}

static bool is_used_up(const struct exchange *x)
{
	return count_attempts(x) >= x->candidates.limits->attempts;
}

static unsigned count_fresh(const struct exchange *x)
{
	unsigned count = 0;
	fault_t why;

	for (unsigned at = x->begun; at < x->candidates.count; at++)
		count += is_usable(x, at, &why) && pick_is_well(x, at);
	return count;
}

bool try_has_fresh(const struct exchange *x)
{
	return count_fresh(x) > 0;
}

/* Would one more try where it failed leave somebody unasked who could answer? */
static bool would_starve(const struct exchange *x)
{
	return count_attempts(x) + count_fresh(x) >= x->candidates.limits->attempts;
}

bool exchange_has_more(const struct exchange *x)
{
	return !x->body_dropped && x->client && !is_used_up(x) && try_has_fresh(x);
}

/* Claims a place for the next attempt. */
static enum pick choose(struct exchange *x, fault_t *why)
{
	if (x->admitted.is_live)
		return PICK_FOUND;
	if (x->has_next && pick_admit(x, x->next))
		return PICK_FOUND;
	x->has_next = false;
	if (try_choose_fresh(x, why))
		return PICK_FOUND;
	return pick_last_resort(x, why);
}

static void give_up(struct exchange *x, fault_t why)
{
	const struct attempt *a = x->attempt;

	if (x->endpoint->operation == OP_COUNT && x->client &&
	    (a ? a->lane != NULL : why == FAULT_NOT_OFFERED))
		answer_estimate(x);
	else if (a)
		exchange_fail(x, a->why, a->detail);
	else
		exchange_fail(x, why, STR_NONE);
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
	switch (choose(x, &why)) {
	case PICK_FOUND:
		break;
	case PICK_WAITS:
		exchange_arm(x);
		return WAIT;
	case PICK_NONE:
		give_up(x, why);
		return GO;
	}
	attempt_start(x);
	/* It may have failed inside the call, before anything was dialled. */
	return x->step == STEP_TRY && x->attempt && x->attempt->step != ATTEMPT_CLOSE
	               ? WAIT
	               : GO;
}

static unsigned tries_of(const struct provider *p, const struct route_limits *limits)
{
	return p->retry_same == RETRY_AS_ROUTE ? limits->same_target : p->retry_same;
}

static usec wait_of(const struct provider *p, const struct route_limits *limits)
{
	return p->retry_wait == USEC_NEVER ? limits->max_retry_after : p->retry_wait;
}

bool try_is_final(const struct exchange *x, fault_t why)
{
	return why->next == FAULT_GIVE_UP || (why->next == FAULT_IF_ASKED &&
	                                      x->candidates.on_filter == ON_FILTER_FINAL);
}

/* What the attempt has shown of the prompt's length, by the error's own figure or else by
 * what is known of the model. */
static void note_length(struct exchange *x, const struct attempt *a)
{
	uint64_t known = a->target->is_known ? a->target->facts.context : 0;

	if (a->why != FAULT_CONTEXT_TOO_LONG)
		return;
	x->too_long = max_of(x->too_long, a->context ? a->context : known);
	if (a->context && a->context <= UINT32_MAX)
		health_learn_context(&a->health.at, (uint32_t)a->context);
}

bool try_choose_same(struct exchange *x, const struct attempt *a, bool is_last)
{
	const struct route_limits *limits = x->candidates.limits;
	const struct provider *p = a->target->provider;
	struct place place = a->place;
	usec wait = a->retry_after;

	/* Many keys must not use up the attempts of the other targets. */
	if (a->why->next == FAULT_NEXT_KEY && pick_has_key(x, place) &&
	    (is_last || count_attempts(x) + 1 < limits->attempts)) {
		/* pick_admit chooses it */
	} else if (a->why == FAULT_UPSTREAM_AUTH && !place.renewed &&
	           attempt_renew_token(a)) {
		place.renewed = true;
		place.keys_tried = 0;
	} else if (a->why->next == FAULT_TRY_SAME &&
	           place.same_tries < tries_of(p, limits) && !would_starve(x) &&
	           (wait == 0 || (is_last && wait <= wait_of(p, limits))) &&
	           health_may_repeat(&a->health.at)) {
		place.same_tries++;
		place.keys_tried = 0;
		x->retry_at = wait ? x->worker->loop.now + wait : 0;
	} else {
		return false;
	}
	x->next = place;
	x->has_next = true;
	return true;
}

/* Sets next and retry_at for another try; false: there is none. */
static bool choose_next(struct exchange *x, const struct attempt *a)
{
	const struct route_limits *limits = x->candidates.limits;
	usec wait = a->retry_after;
	fault_t why;

	if (try_is_final(x, a->why) || x->body_dropped || !x->client || is_used_up(x))
		return false;
	note_length(x, a);
	if (try_choose_same(x, a, !exchange_has_more(x)) || try_choose_fresh(x, &why))
		return true;
	if (x->has_spare) {
		x->has_spare = false;
		x->next = x->spare;
		x->has_next = true;
		return true;
	}
	if (x->skipped)
		return true;
	/* Nobody else is left: a provider that is full and says until when may be waited
	 * for.  One that staggers has had its repeats. */
	if (a->why->owner != FAULT_OF_CAPACITY || wait == 0 ||
	    wait > wait_of(a->target->provider, limits))
		return false;
	x->next = a->place;
	x->next.keys_tried = 0;
	x->has_next = true;
	x->retry_at = x->worker->loop.now + wait;
	return true;
}

void exchange_attempt_failed(struct attempt *a)
{
	struct exchange *x = a->x;

	if (x->step == STEP_SETTLE)
		return;
	if (x->resume) {
		resume_next(a);
		return;
	}
	if (x->attempt != a || a->rival) {
		rivals_failed(a);
		return;
	}
	if (choose_next(x, a))
		x->why = NULL;
	else
		give_up(x, NULL);
	exchange_run(x);
}
