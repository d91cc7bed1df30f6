#include "policy/window.h"

#include "base/compiler.h"

enum { COUNT_BITS = 24 };

struct counts {
	usec at; /* as of then */
	uint16_t minute;
	uint32_t now, before;
};

static uint16_t minute_of(usec now)
{
	return (uint16_t)(now / USEC_MIN);
}

static struct counts counts_at(uint64_t word, usec now)
{
	struct counts c = {
		.at = now,
		.minute = (uint16_t)(word >> (2 * COUNT_BITS)),
		.now = word >> COUNT_BITS & WINDOW_MOST,
		.before = word & WINDOW_MOST,
	};
	uint16_t passed = (uint16_t)(minute_of(now) - c.minute);

	if (likely(passed == 0))
		return c;
	if (passed == UINT16_MAX) { /* it has begun, by the clock of another thread */
		c.at = now - now % USEC_MIN + USEC_MIN;
		return c;
	}
	return (struct counts){ .at = now,
		                .minute = minute_of(now),
		                .before = passed == 1 ? c.now : 0 };
}

static uint64_t pack(struct counts c)
{
	return (uint64_t)c.minute << (2 * COUNT_BITS) |
	       (uint64_t)min_of(c.now, (uint32_t)WINDOW_MOST) << COUNT_BITS | c.before;
}

static uint64_t used(struct counts c)
{
	uint64_t left = (uint64_t)(USEC_MIN - c.at % USEC_MIN);

	return c.now + (c.before * left + USEC_MIN - 1) / USEC_MIN;
}

/* When a count of `fading`, which goes down to 0 within a minute, is at most `left`. */
static usec faded(uint32_t fading, uint32_t left)
{
	if (fading <= left)
		return 0;
	return USEC_MIN - (usec)((uint64_t)USEC_MIN * left / fading);
}

static usec room(struct counts c, uint32_t most, uint32_t add)
{
	usec start = c.at - c.at % USEC_MIN;
	uint32_t left = most - min_of(add, most);

	if (used(c) <= left)
		return 0;
	/* Either the minute before has to fade, or this one has to become it first. */
	usec then = c.now <= left ? start + faded(c.before, left - c.now)
	                          : start + USEC_MIN + faded(c.now, left);
	return max_of(then, c.at + USEC_MS);
}

static uint64_t load(const struct window *w)
{
	return atomic_load_explicit(&w->word, memory_order_relaxed);
}

usec window_room(const struct window *w, uint32_t most, uint32_t add, usec now)
{
	return room(counts_at(load(w), now), most, add);
}

usec window_take(struct window *w, uint32_t most, uint32_t add, usec now)
{
	uint64_t word = load(w), next;

	do {
		struct counts c = counts_at(word, now);
		usec until = room(c, most, add);

		if (until)
			return until;
		c.now += min_of(add, (uint32_t)WINDOW_MOST - c.now);
		next = pack(c);
	} while (!atomic_compare_exchange_weak_explicit(
	        &w->word, &word, next, memory_order_relaxed, memory_order_relaxed));
	return 0;
}

static void add(uint32_t *count, int64_t by)
{
	int64_t sum = max_of((int64_t)*count + by, (int64_t)0);

	*count = (uint32_t)min_of(sum, (int64_t)WINDOW_MOST);
}

void window_correct(struct window *w, int64_t by, usec then, usec now)
{
	uint64_t word = load(w), next;

	if (by == 0)
		return;
	do {
		struct counts c = counts_at(word, now);
		uint16_t ago = (uint16_t)(c.minute - minute_of(then));

		if (by > 0 || ago == 0)
			add(&c.now, by); /* more than was thought: it came just now */
		else if (ago == 1)
			add(&c.before, by);
		next = pack(c);
	} while (!atomic_compare_exchange_weak_explicit(
	        &w->word, &word, next, memory_order_relaxed, memory_order_relaxed));
}

uint32_t window_used(const struct window *w, usec now)
{
	return (uint32_t)used(counts_at(load(w), now));
}
