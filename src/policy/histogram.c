#include "policy/histogram.h"

#include "base/compiler.h"

enum { UNIT = 16, REFRESH = 16 };
#define FORGET (10 * USEC_MIN)

static const uint16_t kept_per_mille[HISTOGRAM_KEPT] = { 500, 950, 990, 999 };

#define LOAD(from) atomic_load_explicit(&(from), memory_order_relaxed)
#define STORE(to, value) atomic_store_explicit(&(to), (value), memory_order_relaxed)

/* Where a bucket begins. The last one has no end; it is taken as wide as any other. */
static usec edge(unsigned bucket)
{
	return bucket ? (usec)(4 + bucket % 4) << (bucket / 4 + 8) : 0;
}

/* Where the wanted count is reached, evenly spread within its bucket. */
static usec reach(unsigned bucket, uint64_t before, uint32_t inside, uint64_t wanted)
{
	usec from = edge(bucket), to = edge(bucket + 1);

	return from + (usec)((uint64_t)(to - from) * (wanted - before) / inside);
}

usec histogram_quantile(const struct histogram *h, unsigned per_mille)
{
	uint64_t sum = 0, wanted, before = 0;

	for (unsigned b = 0; b < HISTOGRAM_BUCKETS; b++)
		sum += LOAD(h->counts[b]);
	wanted = (sum * per_mille + 999) / 1000;
	for (unsigned b = 0; b < HISTOGRAM_BUCKETS; b++) {
		uint32_t inside = LOAD(h->counts[b]);

		if (inside && before + inside >= wanted)
			return reach(b, before, inside, wanted);
		before += inside;
	}
	return 0;
}

/* All the quantiles that are asked often, in one walk. */
static void refresh(struct histogram *h)
{
	uint64_t total = LOAD(h->total), before = 0, wanted;
	unsigned at = 0;

	STORE(h->fresh, 0);
	wanted = (total * kept_per_mille[0] + 999) / 1000;
	for (unsigned b = 0; b < HISTOGRAM_BUCKETS; b++) {
		uint32_t inside = LOAD(h->counts[b]);

		if (inside == 0)
			continue;
		while (before + inside >= wanted) {
			STORE(h->kept[at], (uint32_t)reach(b, before, inside, wanted));
			if (++at == HISTOGRAM_KEPT)
				return;
			wanted = (total * kept_per_mille[at] + 999) / 1000;
		}
		before += inside;
	}
}

/* Only one thread halves, the others go on adding: what is taken away was there. */
static void halve(struct histogram *h, usec now)
{
	uint32_t taken = 0;

	if (atomic_exchange_explicit(&h->halving, true, memory_order_acquire))
		return;
	STORE(h->halved_at, now);
	for (unsigned b = 0; b < HISTOGRAM_BUCKETS; b++) {
		uint32_t half = (LOAD(h->counts[b]) + 1) / 2;

		if (half)
			atomic_fetch_sub_explicit(&h->counts[b], half,
			                          memory_order_relaxed);
		taken += half;
	}
	atomic_fetch_sub_explicit(&h->total, taken, memory_order_relaxed);
	atomic_store_explicit(&h->halving, false, memory_order_release);
}

/* The total goes up before the counts do, so that nobody takes away more than it. */
static uint32_t adding(struct histogram *h, uint32_t count)
{
	return atomic_fetch_add_explicit(&h->total, count * UNIT, memory_order_relaxed);
}

static void add(struct histogram *h, unsigned bucket, uint32_t count)
{
	atomic_fetch_add_explicit(&h->counts[bucket], count * UNIT, memory_order_relaxed);
}

static void added(struct histogram *h, uint32_t before, uint32_t count, unsigned most,
                  usec now)
{
	uint32_t fresh = LOAD(h->fresh) + count;

	if (before == 0)
		STORE(h->halved_at, now);
	else if (before / UNIT >= most || now - LOAD(h->halved_at) >= FORGET)
		halve(h, now);
	STORE(h->fresh, fresh);
	if (fresh >= REFRESH || before < 2 * REFRESH * UNIT)
		refresh(h);
}

void histogram_add(struct histogram *h, usec span, unsigned most, usec now)
{
	uint32_t before = adding(h, 1);

	add(h, histogram_bucket(span), 1);
	added(h, before, 1, most, now);
}

void histogram_add_tally(struct histogram *h, struct histogram_tally *t, unsigned most,
                         usec now)
{
	uint32_t count = 0, before;

	if (!(t->touched[0] | t->touched[1]))
		return;
	for (unsigned b = 0; b < HISTOGRAM_BUCKETS; b++)
		count += t->counts[b];
	before = adding(h, count);
	for (unsigned half = 0; half < countof(t->touched); half++) {
		for (uint64_t left = t->touched[half]; left; left &= left - 1) {
			unsigned b = half * 64 + (unsigned)__builtin_ctzll(left);

			add(h, b, t->counts[b]);
			t->counts[b] = 0;
		}
		t->touched[half] = 0;
	}
	added(h, before, count, most, now);
}

unsigned histogram_count(const struct histogram *h)
{
	return LOAD(h->total) / UNIT;
}

usec histogram_kept(const struct histogram *h, unsigned per_mille)
{
	for (unsigned i = 0; i < HISTOGRAM_KEPT; i++)
		if (kept_per_mille[i] == per_mille)
			return LOAD(h->kept[i]);
	return histogram_quantile(h, per_mille);
}
