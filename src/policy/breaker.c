#include "policy/breaker.h"

#include "base/compiler.h"

/* The word: state 2 bits, dead 1, points 6, openings 5, until 50 (35 years). */
enum { DEAD_AT = 2, POINTS_AT = 3, OPENINGS_AT = 9, UNTIL_AT = 14 };
enum { POINTS_MOST = 63, OPENINGS_MOST = 31 };

static struct breaker_view unpack(uint64_t word)
{
	return (struct breaker_view){
		.state = (enum breaker_state)(word & 3),
		.dead = word >> DEAD_AT & 1,
		.points = word >> POINTS_AT & POINTS_MOST,
		.openings = word >> OPENINGS_AT & OPENINGS_MOST,
		.until = (usec)(word >> UNTIL_AT),
	};
}

static uint64_t pack(struct breaker_view v)
{
	return (uint64_t)v.state | (uint64_t)v.dead << DEAD_AT |
	       (uint64_t)min_of(v.points, (unsigned)POINTS_MOST) << POINTS_AT |
	       (uint64_t)min_of(v.openings, (unsigned)OPENINGS_MOST) << OPENINGS_AT |
	       (uint64_t)v.until << UNTIL_AT;
}

static uint64_t load(const struct breaker *b)
{
	return atomic_load_explicit(&b->word, memory_order_relaxed);
}

static bool swap(struct breaker *b, uint64_t *seen, struct breaker_view to)
{
	return atomic_compare_exchange_weak_explicit(
	        &b->word, seen, pack(to), memory_order_relaxed, memory_order_relaxed);
}

struct breaker_view breaker_see(const struct breaker *b)
{
	return unpack(load(b));
}

bool breaker_take_probe(struct breaker *b, bool early, usec now)
{
	uint64_t word = load(b);
	struct breaker_view v;

	do {
		v = unpack(word);
		if (v.state == BREAKER_CLOSED)
			return false;
		/* A probe that is never heard of again does not keep it shut. */
		if (v.until > now && !(early && v.state == BREAKER_OPEN))
			return false;
		/* One before its time does not make the next cooldown longer. */
		if (v.until > now)
			v.openings = v.openings > 0 ? v.openings - 1 : 0;
		v.state = BREAKER_HALF_OPEN;
		v.until = now + BREAKER_PROBE_MOST;
	} while (!swap(b, &word, v));
	return true;
}

void breaker_return_probe(struct breaker *b, usec now)
{
	uint64_t word = load(b);
	struct breaker_view v;

	do {
		v = unpack(word);
		if (v.state != BREAKER_HALF_OPEN)
			return;
		v.state = BREAKER_OPEN;
		v.until = now;
	} while (!swap(b, &word, v));
}

void breaker_close(struct breaker *b, unsigned left)
{
	uint64_t word = load(b);
	struct breaker_view v;

	do {
		v = unpack(word);
		if (v.state != BREAKER_HALF_OPEN)
			return;
		v = (struct breaker_view){
			.state = BREAKER_CLOSED,
			.points = BREAKER_POINTS - min_of(left, (unsigned)BREAKER_POINTS),
			.openings = v.openings,
		};
	} while (!swap(b, &word, v));
}

void breaker_forget(struct breaker *b)
{
	uint64_t word = load(b);

	while (word && unpack(word).state == BREAKER_CLOSED)
		if (swap(b, &word, (struct breaker_view){ 0 }))
			return;
}

/* 2 s, 4 s, ... 60 s, each by chance a quarter more or less. */
static usec cooldown(unsigned openings, usec floor, uint64_t chance)
{
	usec most = BREAKER_COOLDOWN_MOST;
	usec span = openings < 5 ? min_of(BREAKER_COOLDOWN << openings, most) : most;

	span += span * ((usec)(chance % 501) - 250) / 1000;
	return max_of(span, floor);
}

void breaker_fail(struct breaker *b, unsigned points, bool dead, bool is_probe,
                  usec floor, uint64_t chance, usec now)
{
	uint64_t word = load(b);
	struct breaker_view v;

	do {
		v = unpack(word);
		if (v.state == BREAKER_OPEN) {
			if (floor == 0 || v.until >= now + floor)
				return;
			v.until = now + floor;
			continue;
		}
		if (v.state == BREAKER_HALF_OPEN && !is_probe)
			return;
		v.points += points;
		if (v.state == BREAKER_CLOSED && v.points < BREAKER_POINTS)
			continue;
		v.state = BREAKER_OPEN;
		v.dead = dead;
		v.points = 0;
		v.until = now + cooldown(v.openings, floor, chance);
		v.openings++;
	} while (!swap(b, &word, v));
}
