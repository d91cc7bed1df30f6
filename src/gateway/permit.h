/* permit.h - which targets a request may reach, as its key and all above it allow. */
#pragma once
#include "gateway/exchange.h"
#include "policy/access.h"

/* What the key may ask for; key 0: the default organisation.  Good for this turn. */
struct access permit_of(struct worker *w, uint64_t key);
/* Takes candidates that are not allowed out of the exchange's order.  `is_named`: the
 * client has named the route or the model itself, else providers and regions alone are
 * looked at.  MODEL_NOT_ALLOWED when none is left. */
must_check fault_t permit_candidates(struct exchange *x, bool is_named, str *ret_detail);
