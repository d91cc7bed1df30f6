/* histogram.h - how long something takes lately: counts on a logarithmic scale, shared by
 * threads, which forget.
 *
 * Four buckets for each doubling, from 1 ms to 18 min, so a quantile is wrong by less
 * than an eighth.  Counts are halved when they are many or old.  All atomics, relaxed: a
 * count may be lost in a race, none is ever wrong by more. */
#pragma once
#include "base/usec.h"

#include <stdatomic.h>
#include <stdbool.h>

enum { HISTOGRAM_BUCKETS = 80, HISTOGRAM_KEPT = 4 };

struct histogram {
	_Atomic uint32_t counts[HISTOGRAM_BUCKETS]; /* in sixteenths */
	_Atomic uint32_t total;                     /* the same */
	_Atomic uint32_t fresh;                     /* added since `kept` was reckoned */
	_Atomic uint32_t kept[HISTOGRAM_KEPT]; /* usec: 500, 950, 990, 999 per mille */
	_Atomic bool halving;
	_Atomic usec halved_at;
};

/* The counts of one thread, handed over in one go. Zeroed: empty. */
struct histogram_tally {
	uint64_t touched[2]; /* bits: buckets that are not 0 */
	uint16_t counts[HISTOGRAM_BUCKETS];
};

static inline unsigned histogram_bucket(usec span)
{
	uint64_t x = span > 0 ? (uint64_t)span >> 8 : 0;
	unsigned exponent;

	if (x < 4)
		return 0;
	exponent = 61 - (unsigned)__builtin_clzll(x); /* of 4: 0 */
	if (exponent >= HISTOGRAM_BUCKETS / 4)
		return HISTOGRAM_BUCKETS - 1;
	return exponent * 4 + (unsigned)((x >> exponent) & 3);
}

static inline void histogram_tally(struct histogram_tally *t, usec span)
{
	unsigned b = histogram_bucket(span);

	t->touched[b >> 6] |= (uint64_t)1 << (b & 63);
	t->counts[b] = (uint16_t)(t->counts[b] + (t->counts[b] != UINT16_MAX));
}

/* most: observations after which the counts are halved. */
void histogram_add(struct histogram *h, usec span, unsigned most, usec now);
/* Adds all of it and empties it. */
void histogram_add_tally(struct histogram *h, struct histogram_tally *t, unsigned most,
                         usec now);
/* Observations, as far as they still count. */
unsigned histogram_count(const struct histogram *h);
/* Below it are so many of 1000. 0: nothing was observed. */
usec histogram_quantile(const struct histogram *h, unsigned per_mille);
/* The same for 500, 950, 990, 999 as last reckoned, at most 16 observations ago. */
usec histogram_kept(const struct histogram *h, unsigned per_mille);
