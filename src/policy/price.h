/* price.h - what an attempt costs: quantities times prices, exact, rounded once.
 *
 * A bill has a line for each class that was used.  A class without a price of its own is
 * paid as what it is part of: cached, written and heard tokens as input, an hour-long
 * write as a write, reasoning and spoken tokens as output.  A price without any figure
 * for tokens is of something that is not billed by tokens.  Images without a price are in
 * the output's tokens, or in the request's price, where there are such; searches are in
 * nothing else.  What was used and has no price makes the cost unknown, never 0. */
#pragma once
#include "base/usage.h"
#include "config/config.h"

/* What holds at the target for a prompt of so many tokens; NULL: no price is known.  As
 * good as the target. */
const struct price *price_of(const struct target *t, uint64_t input);

struct price_line {
	enum price_class what;    /* what was used */
	enum price_class paid_as; /* whose figure was taken: its own, or its parent's */
	uint64_t quantity;
	picousd unit;             /* PRICE_UNKNOWN: there is none */
	unsigned __int128 amount; /* quantity x unit, in pico-dollars */
};

/* The lines of a bill, by rising class, without those of which nothing was used; returns
 * their number. Their sum, rounded, is the cost. */
unsigned price_lines(const struct price *p, const struct token_usage *usage,
                     struct price_line ret[PRICE_CLASSES]);
/* The cost of a usage; COST_UNKNOWN when p is NULL or lacks what was used. Saturates. */
nanousd price_cost(const struct price *p, const struct token_usage *usage);
/* The same of an answer that may be `other_tier`: served, as it says itself, at a tier, a
 * speed or in a region which has prices of its own.  These are known only where figures
 * are written in the configuration. */
nanousd price_cost_at(const struct price *p, bool other_tier,
                      const struct token_usage *usage);
/* What the usage costs by `now` more (or less) than was written down: the amount of a
 * correcting entry.  False: `cost` is unknown, or would be. */
bool price_correction(nanousd cost, const struct price *now,
                      const struct token_usage *usage, nanousd *ret);

/* ---- before it is used ---- */

/* The most a request can make a provider do. */
struct price_ask {
	uint64_t body;    /* bytes: each is one token at most */
	uint64_t added;   /* tokens that the provider adds to the prompt itself */
	uint64_t output;  /* tokens of one choice at most; UINT64_MAX: unbounded */
	uint64_t choices; /* 0 counts as 1 */
	uint64_t images;
	uint64_t searches;
};

/* More than it no answer within these bounds costs, in whatever classes and tiers it is
 * billed; COST_UNKNOWN: a price it may need is not known.  INT64_MAX: there is no bound.
 */
nanousd price_upper_bound(const struct target *t, const struct price_ask *ask);
/* What it costs when the prompt has so many tokens, none of them cached, and the answer
 * so many: for soft budgets and for comparing (policy/ratio.h has the learned figures).
 */
nanousd price_likely(const struct target *t, const struct price_ask *ask, uint64_t input,
                     uint64_t output);
