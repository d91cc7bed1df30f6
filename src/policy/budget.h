/* budget.h - what was spent and what is set aside, per window of time.  Plain values:
 * whoever shares them holds a lock (tenant.c).
 *
 * Money belongs to the window in which it was set aside.  So a few windows of each kind
 * are remembered: an answer that ends after midnight is charged to the day it began in,
 * and a clock that is set forth or back finds each window as it was left.  Of windows
 * that had to be forgotten the largest sum is kept, and a clock that goes to where they
 * were finds this much spent: too strict, but never too generous.  One with money in
 * flight is not forgotten: when all are like that, which takes a clock gone mad, nothing
 * more is set aside. */
#pragma once
#include "base/money.h"
#include "policy/calendar.h"

#include <stdbool.h>

enum { BUDGET_KEPT = 6 };

struct budget_span {
	usec from, until; /* wall; both 0: unused */
	nanousd spent, reserved;
};

struct budget {
	struct budget_span spans[BUDGET_KEPT];
	uint8_t now; /* the one used last */
	/* of those that were forgotten, the most that one of them had spent: of all up to
	 * `past_until`, and of those that lay ahead when the clock was set back */
	usec past_until, ahead_from, ahead_until;
	nanousd past, ahead;
};

/* Amounts above are not asked for: a billion dollars. */
#define BUDGET_AMOUNT_MOST ((nanousd)1000000000 * 1000000000)
/* Sums stay there: two of them, and an amount, can be added. */
#define BUDGET_SUM_MOST (INT64_MAX / 2)

/* The window of that moment; begun when there was none.  NULL: money is in flight in each
 * of those that are remembered. */
struct budget_span *budget_at(struct budget *b, const struct calendar *c,
                              enum budget_window window, usec wall);
/* Is there room for `amount` more below `limit`?  Nothing always fits. */
bool budget_has_room(const struct budget_span *s, nanousd limit, nanousd amount);
/* `reserved`, set aside at `wall`, is given back, and `charged` is spent there. */
void budget_charge(struct budget *b, const struct calendar *c, enum budget_window window,
                   usec wall, nanousd reserved, nanousd charged);
/* What was charged at `wall` is more by that, or less.  A window that began and ended
 * before there was this budget has no sum to be corrected; of those that were forgotten
 * the largest grows, and never shrinks. */
void budget_correct(struct budget *b, usec wall, nanousd delta);
/* As if nothing had ever been spent: somebody knows better and tells it.  What is set
 * aside stays. */
void budget_restart(struct budget *b);
/* Is nothing spent in a window that lasts, and nothing set aside? */
bool budget_is_idle(const struct budget *b, usec wall);
