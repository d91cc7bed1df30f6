/* breaker.h - keeps requests away from what is known to fail, and lets exactly one find
 * out whether it still does.  Lock-free: all of it is one word.
 *
 *            enough failures                  the cooldown is over: one takes the probe
 *   CLOSED -----------------> OPEN ----------------------------------> HALF_OPEN
 *     ^                        ^                  the probe failed        |
 *     |                        +------ (cooldown doubled) ---------------+
 *     +---------------------------------- the probe succeeded -----------+
 *
 * Failures have points: a provider where nobody answers is given up sooner than one that
 * fails now and then.  A success takes them all away. */
#pragma once
#include "base/usec.h"

#include <stdatomic.h>
#include <stdbool.h>

enum { BREAKER_POINTS = 15 };           /* with so many it opens */
#define BREAKER_COOLDOWN (2 * USEC_SEC) /* the first; then doubled, by chance +-25 % */
#define BREAKER_COOLDOWN_MOST (60 * USEC_SEC)
#define BREAKER_PROBE_MOST (120 * USEC_SEC) /* then another may probe */

struct breaker {
	_Atomic uint64_t word; /* 0: closed, and nothing is held against it */
};

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

struct breaker_view {
	enum breaker_state state;
	bool dead;         /* opened by failures to connect */
	unsigned points;   /* while closed */
	unsigned openings; /* in a row */
	usec until;        /* the end of the cooldown, or of the probe's time */
};

struct breaker_view breaker_see(const struct breaker *b);
/* Is the way free, or would be for a probe? */
static inline bool breaker_is_quiet(const struct breaker *b)
{
	return atomic_load_explicit(&b->word, memory_order_relaxed) == 0;
}
/* Takes the probe when the cooldown is over, or before that when `early`; false: another
 * has it, or it is not time. */
bool breaker_take_probe(struct breaker *b, bool early, usec now);
/* The probe was given up without a result: it may be taken at once. */
void breaker_return_probe(struct breaker *b, usec now);
/* The probe has succeeded so far: closed, but on trial; what would open it again is
 * `left` points away. */
void breaker_close(struct breaker *b, unsigned left);
/* Everything is well: what was held against it while closed is forgotten. */
void breaker_forget(struct breaker *b);
/* A failure, of the probe or of another.  floor: the cooldown is at least so long (what
 * the provider asked for; 0: nothing).  What began before it opened changes nothing more.
 * chance: random. */
void breaker_fail(struct breaker *b, unsigned points, bool dead, bool is_probe,
                  usec floor, uint64_t chance, usec now);
