/* pick.h - which candidate the next attempt goes to, by what the board knows of it.
 *
 * The order of candidates is that of the route's strategy; here one after the other is
 * asked whether it would take an attempt now.  Those which are ill, paced or full are
 * passed over, and come back into question when nobody else is left. */
#pragma once
#include "gateway/exchange.h"

/* Claims a place for an attempt there, with the best key that was not tried yet: x->next
 * and x->admitted.  False: passed over, and remembered in x->skipped. */
bool pick_admit(struct exchange *x, struct place place);

/* x->order, by the strategy of its route. */
void pick_order(struct exchange *x);
/* Tokens its model takes, as was learned, or else as the catalogue says; 0: unknown. */
uint64_t pick_context(const struct exchange *x, unsigned at);
/* Is that one worth leaving another for, which is only slow? */
bool pick_is_well(const struct exchange *x, unsigned at);

enum pick {
	PICK_FOUND,
	PICK_WAITS, /* until x->retry_at, or until it is woken */
	PICK_NONE,  /* *ret_why, and x->come_back */
};
/* Nobody is left but those that were passed over: one may have become free, one may be
 * waited for, one may be tried in spite of all. */
enum pick pick_last_resort(struct exchange *x, fault_t *ret_why);
/* Is there another key that could be tried there? */
bool pick_has_key(const struct exchange *x, struct place place);

/* It waits no more, and claims nothing more. */
void pick_leave(struct exchange *x);
/* There is room at that provider again: whoever waits longest is woken. */
void pick_wake(struct plan *plan, const struct provider *p, usec now);
