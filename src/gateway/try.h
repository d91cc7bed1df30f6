/* try.h - between the files of the step TRY: try.c, one attempt behind the other, and
 * rivals.c, several at once. */
#pragma once
#include "gateway/attempt.h"

/* The next candidate of those that were not tried, if it takes an attempt now: claimed.
 */
bool try_choose_fresh(struct exchange *x, fault_t *why);
/* Is there one that is worth leaving another for? */
bool try_has_fresh(const struct exchange *x);
/* The same candidate once more: with another key, another token, or as it was.  Sets
 * x->next and x->retry_at.  is_last: nobody else is left. */
bool try_choose_same(struct exchange *x, const struct attempt *a, bool is_last);
/* It would be the same elsewhere. */
bool try_is_final(const struct exchange *x, fault_t why);

/* ---- rivals.c ---- */

/* The attempt has failed, and is or was not the only one: those beside it go on, or what
 * a provider said of the request itself is the end. */
cold void rivals_failed(struct attempt *a);
