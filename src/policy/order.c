#include "policy/order.h"

enum { EXPLORE = 32, SCORE_ONE = 1000, SCORE_MOST = 1000 * SCORE_ONE };

struct ranking {
	const struct order_target *list;
	unsigned count;
	uint64_t keys[TARGETS_MOST]; /* the smaller the sooner */
};

/* 0: takes an attempt; then the better the sooner it will. */
static unsigned class_of(const struct order_target *t)
{
	switch (t->answer) {
	case HEALTH_OK:
	case HEALTH_PROBE:
		return 0;
	case HEALTH_SCARCE:
	case HEALTH_FULL:
	case HEALTH_PACED:
		return 1;
	case HEALTH_ILL:
		return 2;
	case HEALTH_DEAD:
	case HEALTH_ANSWERS:
		break;
	}
	return 3;
}

/* ---- scores ---- */

static uint64_t ratio(uint64_t value, uint64_t least)
{
	if (value == 0 || least == 0)
		return SCORE_ONE;
	return (uint64_t)min_of((unsigned __int128)value * SCORE_ONE / least,
	                        (unsigned __int128)SCORE_MOST);
}

uint64_t order_score(const struct order_target *list, unsigned count, unsigned i)
{
	const struct order_target *t = &list[i];
	uint64_t cheapest = 0, dearest = 0, fastest = 0;

	for (unsigned j = 0; j < count; j++) {
		if (list[j].cost > 0) {
			uint64_t cost = (uint64_t)list[j].cost;

			cheapest = cheapest ? min_of(cheapest, cost) : cost;
			dearest = max_of(dearest, cost);
		}
		if (list[j].time > 0)
			fastest = fastest ? min_of(fastest, (uint64_t)list[j].time)
			                  : (uint64_t)list[j].time;
	}
	/* A price nobody knows may be any of those that are known. */
	uint64_t cost =
	        ratio(t->cost == COST_UNKNOWN ? dearest : (uint64_t)t->cost, cheapest);
	uint64_t time = ratio((uint64_t)max_of(t->time, (usec)0), fastest);
	unsigned well = SCORE_ONE - min_of(t->failing, 950u);

	return (cost + time) / 2 * SCORE_ONE / well;
}

static uint64_t busy(const struct order_target *t)
{
	return (uint64_t)t->in_flight * 1000 / max_of(t->weight, 1u);
}

static uint64_t key_of(enum strategy strategy, const struct ranking *r, unsigned i)
{
	const struct order_target *t = &r->list[i];

	switch (strategy) {
	case STRATEGY_FASTEST:
		return (uint64_t)max_of(t->time, (usec)0);
	case STRATEGY_CHEAPEST:
		return t->cost == COST_UNKNOWN ? UINT64_MAX >> 8 : (uint64_t)t->cost;
	case STRATEGY_LEAST_BUSY:
		return busy(t);
	case STRATEGY_ADAPTIVE:
		return order_score(r->list, r->count, i);
	case STRATEGY_ORDERED:
	case STRATEGY_WEIGHTED:
	case STRATEGIES:
		break;
	}
	return 0;
}

/* ---- permutations ---- */

static void to_front(uint8_t *order, unsigned at)
{
	uint8_t chosen = order[at];

	memmove(order + 1, order, at);
	order[0] = chosen;
}

/* By class, then by key, then as they stood. */
static void sort(const struct ranking *r, uint8_t *order)
{
	for (unsigned n = 1; n < r->count; n++) {
		uint8_t moved = order[n];
		unsigned class = class_of(&r->list[moved]), at = n;

		for (; at > 0; at--) {
			uint8_t before = order[at - 1];
			unsigned other = class_of(&r->list[before]);

			if (other < class ||
			    (other == class && r->keys[before] <= r->keys[moved]))
				break;
			order[at] = before;
		}
		order[at] = moved;
	}
}

/* How many at the front take an attempt now. */
static unsigned count_ready(const struct ranking *r, const uint8_t *order)
{
	unsigned n = 0;

	while (n < r->count && class_of(&r->list[order[n]]) == 0)
		n++;
	return n;
}

/* The place of one of the first n, drawn by weight; the upper bits of `chance` decide. */
static unsigned draw(const struct ranking *r, const uint8_t *order, unsigned n,
                     uint64_t chance)
{
	uint64_t total = 0, at;

	for (unsigned i = 0; i < n; i++)
		total += r->list[order[i]].weight;
	if (total == 0)
		return 0;
	at = (uint64_t)((unsigned __int128)chance * total >> 64);
	for (unsigned i = 0; i < n; i++) {
		if (at < r->list[order[i]].weight)
			return i;
		at -= r->list[order[i]].weight;
	}
	return 0;
}

static unsigned heaviest(const struct ranking *r, const uint8_t *order, unsigned n)
{
	unsigned best = 0;

	for (unsigned i = 1; i < n; i++)
		if (r->list[order[i]].weight > r->list[order[best]].weight)
			best = i;
	return best;
}

static bool is_learning(enum strategy s)
{
	return s != STRATEGY_ORDERED && s != STRATEGY_WEIGHTED;
}

/* Is the warm one worth staying with, although another would be first? */
static bool stays(enum strategy strategy, const struct order_target *warm,
                  const struct order_target *first)
{
	switch (strategy) {
	case STRATEGY_WEIGHTED:
		return true;
	case STRATEGY_FASTEST:
		return first->time == 0 || warm->time <= 2 * first->time;
	case STRATEGY_LEAST_BUSY:
		return busy(warm) <= 2 * busy(first) + 4000;
	case STRATEGY_ORDERED:
	case STRATEGY_CHEAPEST:
	case STRATEGY_ADAPTIVE:
	case STRATEGIES:
		break;
	}
	return false;
}

/* The better of two, of which a warm one is always one. */
static void take_two(const struct ranking *r, uint8_t *order, unsigned ready, int warm,
                     uint64_t chance)
{
	/* The first six bits have said that nothing is explored. */
	unsigned one = warm >= 0 ? (unsigned)warm : draw(r, order, ready, chance << 6);
	unsigned two = draw(r, order, ready, chance << 30);

	/* They are sorted, so the one that stands before is the better one. */
	if (one == two && ready > 1)
		two = (two + 1 + (unsigned)chance % (ready - 1)) % ready;
	to_front(order, min_of(one, two));
}

void order_targets(enum strategy strategy, const struct order_target *list,
                   unsigned count, uint64_t chance, uint8_t *ret_order)
{
	struct ranking r = { .list = list, .count = count };
	unsigned ready;
	int warm = -1;

	for (unsigned i = 0; i < count; i++) {
		ret_order[i] = (uint8_t)i;
		r.keys[i] = key_of(strategy, &r, i);
	}
	sort(&r, ret_order);
	ready = count_ready(&r, ret_order);
	if (strategy == STRATEGY_ORDERED || ready < 2)
		return;
	for (unsigned i = 0; i < ready; i++) {
		if (list[ret_order[i]].answer == HEALTH_PROBE && is_learning(strategy)) {
			to_front(ret_order, i);
			return;
		}
		if (warm < 0 && list[ret_order[i]].is_warm)
			warm = (int)i;
	}
	if (chance == 0 && strategy == STRATEGY_WEIGHTED && warm < 0)
		to_front(ret_order, heaviest(&r, ret_order, ready));
	else if (warm >= 0 &&
	         stays(strategy, &list[ret_order[warm]], &list[ret_order[0]]))
		to_front(ret_order, (unsigned)warm);
	else if (chance == 0)
		return;
	else if (strategy == STRATEGY_WEIGHTED)
		to_front(ret_order, draw(&r, ret_order, ready, chance));
	else if ((strategy == STRATEGY_FASTEST || strategy == STRATEGY_ADAPTIVE) &&
	         warm < 0 && (chance >> 58) % EXPLORE == 0)
		to_front(ret_order, (unsigned)(chance >> 32) % ready);
	else if (strategy == STRATEGY_ADAPTIVE)
		take_two(&r, ret_order, ready, warm, chance);
}
