/* rivals.c - several attempts of an exchange at once: when another is tried beside those
 * that take long, who wins, and what follows when one of them fails.
 *
 * They hang behind x->attempt, the eldest first.  Those that drop out are settled at
 * once, with their own usage; the row of x->attempt waits, because it closes the exchange
 * if no other follows.  So does a hedge that was refused: its words are the client's if
 * those before it fail. */
#include "base/assert.h"
#include "gateway/pinned.h"
#include "gateway/step.h"
#include "gateway/try.h"

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
	while (*link != a) {
		assert(*link);
		link = &(*link)->rival;
	}
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

	if (a->rival || !x->body_whole || skim_has_effects(&x->skim) || !try_has_fresh(x))
		return;
	if (!worker_may_hedge(x->worker)) {
		a->second_due = now + max_of((now - a->began) / 4, USEC_MS);
		return;
	}
	if (!try_choose_fresh(x, &why))
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
	         try_choose_fresh(x, &why))
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
void rivals_failed(struct attempt *a)
{
	struct exchange *x = a->x;
	bool is_said = try_is_final(x, a->why) && a->why->owner != FAULT_OF_US && a->sent;
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

		x->has_spare = try_choose_same(x, a, false);
		x->has_next = false;
		x->spare = x->next;
		x->next = next;
	}
	drop_out(a, a->why);
	if (are_stuck(x))
		exchange_try_beside(x);
	exchange_arm(x);
}
