/* tenancy.h - what an exchange may do as its key's, and what its attempts may cost.
 *
 *   ADMIT     the chain of key, team and organisation: expiry, rates, how many run
 *   RESERVE   money for one attempt, before it is journalled and sent
 *   STREAM    an answer that comes to the end of its money: more of it, or its end
 *   CLOSE     what the attempt did cost; the rest of its money is free at once
 *   SETTLE    the exchange has ended: its place and its tokens
 *
 * Without limits all of it is a few loads.  What a client is told of a refusal stands in
 * tenancy_say.c. */
#pragma once
#include "gateway/attempt.h"

/* Of text, at most, where something has to be sure; usually it is four. */
enum { TOKEN_BYTES_MOST = 16 };

/* The chain of the request, claimed.  The exchange is to fail with it, unless NULL. */
must_check fault_t tenancy_admit(struct exchange *x, str *ret_detail);
/* A shadow of another exchange spends the same money, but takes no place of anybody's.
 * False: there is no room to count it. */
must_check bool tenancy_follow(struct exchange *shadow);
/* All its attempts are settled. */
void tenancy_leave(struct exchange *x);

/* Money for an attempt that is to begin.  BUDGET_EXCEEDED, or BUDGET_RESERVED where it is
 * set aside for others, and a->retry_after until there may be some; BUDGET_NO_PRICE:
 * there is a budget, and nobody can say what this target may cost. */
must_check fault_t tenancy_reserve(struct attempt *a, str *ret_detail);
/* The budget is spent, but there is a route for that: the exchange goes there.  False:
 * there is none, or it is too late. */
cold bool tenancy_downgrade(struct exchange *x);
/* Money was set aside where it went. */
cold void tenancy_say_downgraded(struct exchange *x);
/* The attempt has ended: it is billed, and what was set aside for it given back. */
void tenancy_settle(struct attempt *a);

/* More text has come in a stream than its money was for. */
void tenancy_on_text(struct attempt *a);
static inline void tenancy_watch(struct attempt *a)
{
	if (unlikely(a->tap.text_bytes > a->paid_bytes))
		tenancy_on_text(a);
}

/* ---- tenancy_say.c ---- */

/* x-ratelimit-* of a request that was admitted or refused, into x->lines. */
void tenancy_say_rates(struct exchange *x, const struct tenant_rates *rates);
/* What was exceeded, by whom, how much of it, until when; kept in the exchange. */
cold str tenancy_say_refusal(struct exchange *x, const struct tenant_refusal *why,
                             nanousd amount);
/* The exchange fails for want of money: so long until there may be some; 0: nobody knows,
 * or never. */
cold void tenancy_say_wait(struct exchange *x, usec wait);
/* One more line for the client's head; the value has no line end. */
cold void tenancy_add_line(struct exchange *x, str name, str value);
