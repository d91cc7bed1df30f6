/* rate.h - at most so many in any minute, for whoever holds a lock.
 *
 * As window.h, which is one atomic word and counts to sixteen million: what was counted
 * in the minute before fades out evenly while this one passes.  Threads may be some
 * moments apart in what they take for now: the minute never goes back. */
#pragma once
#include "base/usec.h"

struct rate {
	int64_t minute; /* of the monotonic clock */
	uint64_t now, before;
};

/* What counts at that moment. */
uint64_t rate_used(struct rate *r, usec now);
/* 0: there is room for `add` below `most`; else how long until there will be.  More than
 * `most` at once is treated as `most`, so that it fits into an empty minute. */
usec rate_room(struct rate *r, uint64_t most, uint64_t add, usec now);
void rate_add(struct rate *r, uint64_t add, usec now);
/* What was counted at `then` turned out to be more or less. */
void rate_correct(struct rate *r, int64_t by, usec then, usec now);
/* How long until nothing counts any more, if nothing is added. */
usec rate_reset(struct rate *r, usec now);
