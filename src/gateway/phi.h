/* phi.h - requests of which nothing may be kept (`phi: on` of the route, the key, or
 * anything above it).
 *
 * Only providers with `phi: allowed` are candidates, whatever led to them: a route, a
 * name, a trial, a downgrade, a stored response.  And nothing of what is said reaches a
 * disk: no bodies, no words of providers, no names that only the client has written. */
#pragma once
#include "gateway/exchange.h"

/* The chain is known: does it want that? */
void phi_decide(struct exchange *x);
/* It was refused before its chain was known: does its key want that? */
cold void phi_decide_refused(struct exchange *x);
/* Takes providers that are not marked for it out of the exchange's order, where its chain
 * or its candidates' route wants that.  PHI_NOT_ALLOWED when none is left. */
must_check fault_t phi_candidates(struct exchange *x, str *ret_detail);
/* A text that is kept in the ledger and the access log. */
static inline str phi_text(const struct exchange *x, str text)
{
	return x->phi ? STR_NONE : text;
}
