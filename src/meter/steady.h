/* steady.h - may something be deleted by what the clock says?
 *
 * A machine may start with any time of day, and has the right one some seconds later.
 * What was deleted meanwhile does not come back, so the clock is believed only when it
 * was not set for a while: since the first look, or since it jumped.  A zeroed one has
 * not been looked at; one thread. */
#pragma once
#include "base/usec.h"

#include <stdbool.h>

#define STEADY_AFTER (10 * USEC_MIN)
#define STEADY_JUMP USEC_MIN

struct steady {
	usec ahead; /* the time of day, of the clock that only goes on */
	usec since; /* by that one */
	bool is_seen;
};

/* Is it to be believed? */
static inline bool steady_look(struct steady *s, usec now, usec wall)
{
	usec ahead = wall - now, apart = ahead - s->ahead;

	if (!s->is_seen || apart > STEADY_JUMP || apart < -STEADY_JUMP)
		s->since = now;
	s->is_seen = true;
	s->ahead = ahead;
	return now - s->since >= STEADY_AFTER;
}

/* As it is now: somebody has just said what is too old. */
static inline void steady_trust(struct steady *s, usec now, usec wall)
{
	*s = (struct steady){ .ahead = wall - now,
		              .since = now - STEADY_AFTER,
		              .is_seen = true };
}
