/* window.h - at most so many in any minute: a sliding window in one atomic word.
 *
 * What was counted in the minute before fades out evenly while this one passes, which is
 * exact for even traffic and lets through at most what a fixed minute would otherwise.
 * Threads may be some moments apart in what they take for now: the minute never goes
 * back. */
#pragma once
#include "base/usec.h"

#include <stdatomic.h>
#include <stdbool.h>

enum { WINDOW_MOST = (1 << 24) - 1 };

struct window {
	_Atomic uint64_t
	        word; /* minute 16 bits, counted in it 24, in the one before 24 */
};

/* 0: there is room for `add` below `most`; else when there will be.  More than `most` at
 * once is treated as `most`, so that it fits into an empty window. */
usec window_room(const struct window *w, uint32_t most, uint32_t add, usec now);
/* The same, and counts it when there is room. */
usec window_take(struct window *w, uint32_t most, uint32_t add, usec now);
/* What was counted at `then` turned out to be more or less. */
void window_correct(struct window *w, int64_t by, usec then, usec now);
/* Used at the moment. */
uint32_t window_used(const struct window *w, usec now);
