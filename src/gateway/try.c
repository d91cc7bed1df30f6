/* try.c - the step TRY: which candidate is asked, who wins when several are, and what
 * follows when an attempt failed before the client was given anything.
 *
 * The attempts that are live hang behind x->attempt, the eldest first.  Those that drop
 * out are settled at once, with their own usage; the row of x->attempt waits, because it
 * closes the exchange if no other follows.  So does a hedge that was refused: its words
 * are the client's if those before it fail. */
#include "gateway/attempt.h"
#include "gateway/lane_request.h"
#include "gateway/pick.h"
#include "gateway/pinned.h"
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

/* The next candidate of those that were not tried, if it takes an attempt now: claimed.
 */
static bool choose_fresh(struct exchange *x, fault_t *why)
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

static bool has_fresh(const struct exchange *x)
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
	return !x->body_dropped && x->client && !is_used_up(x) && has_fresh(x);
}

/* Claims a place for the next attempt. */
static enum pick choose(struct exchange *x, fault_t *why)
{
	if (x->admitted.is_live)
		return PICK_FOUND;
	if (x->has_next && pick_admit(x, x->next))
		return PICK_FOUND;
	x->has_next = false;
	if (choose_fresh(x, why))
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

/* It would be the same elsewhere. */
static bool is_final(const struct exchange *x, fault_t why)
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

/* The same candidate once more: with another key, another token, or as it was. */
static bool choose_same(struct exchange *x, const struct attempt *a, bool is_last)
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

	if (is_final(x, a->why) || x->body_dropped || !x->client || is_used_up(x))
		return false;
	note_length(x, a);
	if (choose_same(x, a, !exchange_has_more(x)) || choose_fresh(x, &why))
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

/* ---- several at once ---- */

/* For `why`; NULL: because another was faster.  One that took so long to connect that
 * another was dialled for its sake has failed to connect, and that is its provider's. */
static void drop_out(struct attempt *a, fault_t why)
{
	if (a->step == ATTEMPT_CLOSE) {
		/* it has said why */
	} else if (!why && a->sent) {
		why = FAULT_HEDGE_LOST;
		health_outrun(&a->health, a->x->worker->loop.now);
	} else if (!why && a->step == ATTEMPT_DIAL && a->second_due == USEC_NEVER)
		why = FAULT_CONNECT_TIMEOUT;
	else if (!why) {
		why = FAULT_SUPERSEDED;
		a->x->unheard++;
		exchange_give_back(a->x, a);
	}
	attempt_end(a, why, STR_NONE);
	attempt_settle(a, false);
	attempt_free(a);
}

/* Takes a dead one out of those that are live. False: it was the only one. */
static bool leave(struct exchange *x, struct attempt *a)
{
	struct attempt **link = &x->attempt;

	if (x->attempt == a && !a->rival)
		return false;
	while (*link != a)
		link = &(*link)->rival;
	*link = a->rival;
	a->rival = NULL;
	return true;
}

/* Before the others end, so that nobody is taken for the one that speaks. */
static void lead(struct exchange *x, struct attempt *a)
{
	if (x->attempt == a)
		return;
	leave(x, a);
	a->rival = x->attempt;
	x->attempt = a;
}

void exchange_end_rivals(struct exchange *x, fault_t why)
{
	struct attempt *a;

	while ((a = x->attempt->rival)) {
		x->attempt->rival = a->rival;
		a->rival = NULL;
		drop_out(a, why);
	}
}

void exchange_commit(struct attempt *a)
{
	struct exchange *x = a->x;

	if (x->attempt != a && x->attempt->sent)
		COUNT(x->worker->counts.hedges_won);
	lead(x, a);
	if (a->rival)
		exchange_end_rivals(x, NULL);
	if (x->step == STEP_TRY)
		exchange_go(x, STEP_RELAY);
	x->hold_until = USEC_NEVER;
	if (!x->is_shadow)
		pinned_remember(a);
	/* Without resume nothing will be sent again. */
	if (x->chat)
		return; /* it borrows from the body, and the emitter asks it to the end */
	if (!x->may_resume && x->body_whole && !x->logs_bodies)
		retained_free(&x->body);
	else
		retained_settle(&x->body);
}

void exchange_connected(struct attempt *a)
{
	struct exchange *x = a->x;
	struct attempt *next;

	for (struct attempt *other = x->attempt; other; other = next) {
		next = other->rival;
		if (other == a || other->step > ATTEMPT_DIAL)
			continue;
		leave(x, other);
		drop_out(other, NULL);
	}
}

static unsigned count_live(const struct exchange *x)
{
	unsigned n = 0;

	for (const struct attempt *a = x->attempt; a; a = a->rival)
		n += a->step != ATTEMPT_CLOSE;
	return n;
}

/* The one that was refused beside those that are live, except `a`; NULL: none was. */
static struct attempt *find_refused(const struct exchange *x, const struct attempt *a)
{
	struct attempt *other = x->attempt;

	while (other && (other == a || other->step != ATTEMPT_CLOSE))
		other = other->rival;
	return other;
}

/* One that was sent is late.  A second costs money, so not every request may have one:
 * those that still have nothing a little later may be the ones that need it most. */
static void hedge(struct exchange *x)
{
	struct attempt *a = x->attempt;
	usec now = x->worker->loop.now;
	unsigned before = x->attempts;
	fault_t why;

	if (a->rival || !x->body_whole || !has_fresh(x))
		return;
	if (!worker_may_hedge(x->worker)) {
		a->second_due = now + max_of((now - a->began) / 4, USEC_MS);
		return;
	}
	if (!choose_fresh(x, &why))
		return;
	attempt_start(x);
	if (x->attempts == before)
		return;
	x->hedges++;
	worker_spend_hedge(x->worker);
}

void exchange_try_beside(struct exchange *x)
{
	bool is_hedge = false;
	fault_t why;

	if (x->step != STEP_TRY || x->body_dropped || x->resume || find_refused(x, NULL))
		return;
	for (const struct attempt *a = x->attempt; a; a = a->rival)
		is_hedge |= a->sent != 0;
	if (is_hedge)
		hedge(x);
	else if (count_live(x) < LIVE_MOST && exchange_has_more(x) &&
	         choose_fresh(x, &why))
		attempt_start(x);
	if (x->step < STEP_SETTLE)
		exchange_arm(x);
}

/* Are all of them still being dialled, the youngest for long? */
static bool are_stuck(const struct exchange *x)
{
	usec due = 0;

	for (const struct attempt *a = x->attempt; a; a = a->rival) {
		if (a->step > ATTEMPT_DIAL)
			return false;
		due = a->second_due;
	}
	return due == USEC_NEVER;
}

static cold void fail_with(struct exchange *x, struct attempt *a)
{
	lead(x, a);
	exchange_fail(x, a->why, a->detail);
	exchange_run(x);
}

/* Others are there.  What a provider says about the request itself holds for all, but a
 * hedge that refuses it may stand alone with that: those asked before have their time,
 * and only if they fail it is told, as if it had been asked after them.  What we cannot
 * say to one target is none of it. */
static cold void failed_beside(struct exchange *x, struct attempt *a)
{
	bool is_said = is_final(x, a->why) && a->why->owner != FAULT_OF_US && a->sent;
	bool is_alone = count_live(x) == 0, is_first = x->attempt == a;
	struct attempt *refused = find_refused(x, a);

	if (is_said && !is_first && !is_alone &&
	    (a->why == FAULT_UPSTREAM_REFUSED || a->why == FAULT_UPSTREAM_TOO_LARGE)) {
		exchange_arm(x);
		return;
	}
	if (is_said) {
		fail_with(x, a);
		return;
	}
	leave(x, a);
	if (is_alone) {
		drop_out(a, a->why);
		fail_with(x, refused);
		return;
	}
	if (!a->retry_after && !x->has_spare) {
		struct place next = x->next;

		x->has_spare = choose_same(x, a, false);
		x->has_next = false;
		x->spare = x->next;
		x->next = next;
	}
	drop_out(a, a->why);
	if (are_stuck(x))
		exchange_try_beside(x);
	exchange_arm(x);
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
		failed_beside(x, a);
		return;
	}
	if (choose_next(x, a))
		x->why = NULL;
	else
		give_up(x, NULL);
	exchange_run(x);
}
