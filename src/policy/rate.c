#include "policy/rate.h"

#include "base/compiler.h"

/* The moment as of which is counted: a minute that has begun stays, also for a thread
 * whose clock is a little behind. */
static usec turn(struct rate *r, usec now)
{
	int64_t minute = now / USEC_MIN;

	if (likely(minute == r->minute))
		return now;
	if (minute < r->minute)
		return r->minute * USEC_MIN;
	r->before = minute == r->minute + 1 ? r->now : 0;
	r->now = 0;
	r->minute = minute;
	return now;
}

static uint64_t fading(const struct rate *r, usec at)
{
	uint64_t left = (uint64_t)(USEC_MIN - at % USEC_MIN);

	return r->before ? (r->before * left + USEC_MIN - 1) / USEC_MIN : 0;
}

uint64_t rate_used(struct rate *r, usec now)
{
	usec at = turn(r, now);

	return r->now + fading(r, at);
}

/* When a count that goes down to 0 within a minute is at most `left`. */
static usec faded(uint64_t count, uint64_t left)
{
	return count <= left ? 0 : USEC_MIN - (usec)((uint64_t)USEC_MIN * left / count);
}

usec rate_room(struct rate *r, uint64_t most, uint64_t add, usec now)
{
	usec at = turn(r, now), into = at % USEC_MIN, wait;
	uint64_t left = most - min_of(add, most);

	if (rate_used(r, at) <= left)
		return 0;
	/* Either the minute before has to fade, or this one has to become it first. */
	wait = r->now <= left ? faded(r->before, left - r->now) - into
	                      : USEC_MIN - into + faded(r->now, left);
	return max_of(at - now + wait, USEC_MS);
}

void rate_add(struct rate *r, uint64_t add, usec now)
{
	(void)turn(r, now);
	r->now += add;
}

static void correct(uint64_t *count, int64_t by)
{
	if (by >= 0)
		*count += (uint64_t)by;
	else
		*count -= min_of(*count, (uint64_t)-by);
}

void rate_correct(struct rate *r, int64_t by, usec then, usec now)
{
	(void)turn(r, now);
	if (by > 0 || then / USEC_MIN == r->minute)
		correct(&r->now, by); /* more than was thought: it came just now */
	else if (then / USEC_MIN + 1 == r->minute)
		correct(&r->before, by);
}

usec rate_reset(struct rate *r, usec now)
{
	usec at = turn(r, now), ends = at - at % USEC_MIN + USEC_MIN;

	if (r->now)
		return ends + USEC_MIN - now;
	return r->before ? ends - now : 0;
}
