/* patience.h - how long an attempt is waited for: what the route allows at least, and
 * what its target has been taking lately.
 *
 * A model that thinks for a minute must not be shot, and one that always answers within a
 * second need not be waited for much longer than that.  So limits grow with what was
 * learned (they never shrink below what is configured), and a second attempt may begin
 * where nineteen of twenty had their first token.  Pure: what was learned is handed in; 0
 * is "nothing is known". */
#pragma once
#include "config/config.h"

struct patience_known {
	bool streams; /* the answer is a stream */
	bool reasons; /* by the catalogue */
	bool is_last; /* nobody else is left to be asked */
	usec first_token_p95, gap_p999, answer_p95;
};

/* From when the request was sent: the first meaningful event of a stream, or a whole
 * answer. */
usec patience_first(const struct route_limits *l, const struct patience_known *k);
/* The longest gap between two meaningful events. */
usec patience_gap(const struct route_limits *l, const struct patience_known *k);
/* From when the attempt began: then another may be tried beside it.  USEC_NEVER: none. */
usec patience_hedge(const struct route_limits *l, const struct patience_known *k);
