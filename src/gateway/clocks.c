/* clocks.c - how long an attempt is waited for, and when another is tried beside it.
 *
 * Each clock is a time of its own, by the monotonic clock of the turn:
 *
 *   connect, TLS, write   the connection's (http/client.h)
 *   first                 from the request's last byte until something meaningful, or a
 *                         whole answer
 *   gap                   from one meaningful event to the next
 *   wire                  from any bytes to the next
 *   second                until the next candidate is tried as well
 *   hold                  until a tool call that is not whole goes out all the same
 *   total                 the exchange's
 *
 * Pings, comments, blank lines and empty deltas are bytes and no more.  Only while a
 * model is thinking, in a block of reasoning that is open, do they count as life: then
 * the first and the gap wait as long as the wire is alive, but five minutes at most. That
 * is looked at when a clock has run out, so that an event costs two stores. */
#include "gateway/attempt.h"

#include "gateway/lane.h"
#include "gateway/resume.h"
#include "gateway/resume_log.h"
#include "policy/patience.h"

#define THINKING_MOST (300 * USEC_SEC)

static usec now_of(const struct attempt *a)
{
	return a->x->worker->loop.now;
}

static struct patience_known known_of(const struct attempt *a)
{
	const struct exchange *x = a->x;
	bool wants_p95 = x->skim.stream || x->candidates.limits->hedge == HEDGE_P95;
	struct patience_known k = {
		.streams = x->skim.stream,
		.reasons = a->target->is_known &&
		           (a->target->facts.bits & CATALOG_REASONING),
		.is_last = x->skim.stream && !exchange_has_more(x),
	};

	if (!wants_p95)
		return k;
	if (k.streams) {
		k.first_token_p95 = health_first_token_quantile(&a->health.at, 950);
		k.gap_p999 = health_gap_quantile(&a->health.at, 999);
	} else {
		k.answer_p95 = health_answer_quantile(&a->health.at, 950);
	}
	return k;
}

/* Nobody answers what has not come: until then the silence is not the provider's.  The
 * client's own deadlines hold, and the total. */
static bool waits_for_upload(const struct exchange *x)
{
	return x->body_dropped && !x->upload_ended;
}

void attempt_start_clocks(struct attempt *a)
{
	struct exchange *x = a->x;
	const struct route_limits *limits = x->candidates.limits;
	struct patience_known k = known_of(a);

	a->wire_at = now_of(a);
	a->gap = patience_gap(limits, &k);
	a->first_due = a->second_due = USEC_NEVER;
	if (!waits_for_upload(x))
		a->first_due = a->wire_at + patience_first(limits, &k);
	if (limits->hedge != HEDGE_OFF && !x->no_hedge && x->body_whole) {
		usec after = patience_hedge(limits, &k);

		a->second_due = after == USEC_NEVER ? USEC_NEVER : a->began + after;
	}
	exchange_arm(x);
}

void attempt_progress(struct attempt *a)
{
	usec now = now_of(a);
	bool is_first = a->first_token == 0;

	if (is_first) {
		a->first_token = now;
		a->first_due = a->second_due = USEC_NEVER;
		health_first_token(&a->health, now);
		if (a->step == ATTEMPT_AWAIT)
			a->step = ATTEMPT_STREAM;
	} else if (now != a->spoke_at) {
		health_gap(&a->health, now - a->spoke_at);
	}
	a->spoke_at = now;
	a->idle_due = now + a->gap;
	/* From here on the clock only moves on, and finds out by itself. */
	if (is_first && a->x->skim.stream)
		exchange_arm(a->x);
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
	if (a->first_token) {
		a->spoke_at = now_of(a);
		a->idle_due = a->spoke_at + a->gap;
	}
	http_up_resume(a->up);
	exchange_arm(a->x);
}

usec attempt_due(const struct attempt *a)
{
	usec due = min_of(a->first_due, a->idle_due);

	if (unlikely(a->hold_due))
		due = min_of(due, a->hold_due);
	return a->step == ATTEMPT_CLOSE ? USEC_NEVER : min_of(due, a->second_due);
}

bool attempt_is_alive(const struct attempt *a)
{
	if (a->step == ATTEMPT_CLOSE)
		return false;
	return a->first_token == 0 || now_of(a) <= a->wire_at + a->gap;
}

/* A model that thinks says nothing for long; what comes meanwhile tells that it lives. */
static bool goes_on_thinking(struct attempt *a)
{
	usec from = a->spoke_at ? a->spoke_at : a->sent;
	usec due = min_of(a->wire_at + a->gap, from + THINKING_MOST);

	if (!a->tap.is_thinking || due <= now_of(a))
		return false;
	if (a->first_token)
		a->idle_due = due;
	else
		a->first_due = due;
	return true;
}

static cold void fail_late(struct attempt *a)
{
	if (a->first_token)
		attempt_fail(a, FAULT_UPSTREAM_IDLE,
		             a->wire_at > a->spoke_at ? STR("only signs of life came")
		                                      : STR_NONE);
	else if (a->kind == ANSWER_UNARY || a->kind == ANSWER_FOLD)
		attempt_fail(a, FAULT_FIRST_TOKEN_LATE, STR("its answer is not whole"));
	else
		attempt_fail(a, FAULT_FIRST_TOKEN_LATE,
		             a->status ? STR("its head came, and no token")
		                       : STR("no head came"));
}

void attempt_on_time(struct attempt *a)
{
	struct exchange *x = a->x;
	usec now = now_of(a);

	if (a->step == ATTEMPT_CLOSE)
		return;
	if (a->second_due <= now) {
		a->second_due = USEC_NEVER;
		exchange_try_beside(x);
	}
	if (a->hold_due && a->hold_due <= now)
		resume_log_let_go(a);
	if (attempt_due(a) > now)
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
	if (resume_is_late(a)) {
		attempt_fail(a, FAULT_SEAM_UNPROVEN, STR("it took too long"));
		return;
	}
	/* Some send their last event and then nothing: the answer is there all the same.
	 */
	if (relay_is_whole(a))
		return;
	if (!goes_on_thinking(a))
		fail_late(a);
}
