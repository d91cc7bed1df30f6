/* order.h - in which order the targets of a route are tried.
 *
 * Pure: everything that is known comes in as a list, with a random number; what comes out
 * is a permutation.  Whatever the strategy, targets which would refuse an attempt now
 * stand behind those that take one; the dead ones are last.
 *
 *   ordered     as written
 *   weighted    the first by chance, by weight; the others as written
 *   fastest     by the time to the first token (or to the whole answer, unless streamed),
 *               as learned; one whose time is not known yet comes first, so that it will
 * be cheapest    by what this request is likely to cost; unknown prices last least-busy
 * by the requests under way, divided by the weight adaptive    by cost, time and failures
 * together: the better of two drawn by weight comes first, then the others by their score
 *
 * One that wants to be probed comes first with the strategies that learn (fastest,
 * cheapest, least-busy, adaptive), because else it would never be found well again; only
 * one request takes the probe.  `fastest` and `adaptive` now and then (one in 32) begin
 * with another target by chance, for the same reason.
 *
 * Affinity: a warm target is one that has this conversation's beginning in its cache.
 * With weighted it stays first; with fastest, until another takes less than half its
 * time; with least-busy, until it has four more than twice as many requests as the least
 * busy; cheapest and adaptive reckon with what the cached part costs there.  Ordered
 * knows no affinity. */
#pragma once
#include "base/money.h"
#include "base/usec.h"
#include "config/config.h"
#include "policy/health.h"

struct order_target {
	unsigned weight;
	enum health_answer answer; /* what an attempt would be told now */
	unsigned failing;          /* share of attempts that failed lately, per mille */
	unsigned in_flight;        /* at that model */
	usec time;    /* to the first token, or of the whole answer; 0: unknown */
	nanousd cost; /* of this request there, with what is cached; COST_UNKNOWN */
	bool is_warm;
};

/* count <= TARGETS_MOST. chance: 64 random bits; 0: none, the likeliest order. */
void order_targets(enum strategy strategy, const struct order_target *list,
                   unsigned count, uint64_t chance, uint8_t *ret_order);
/* What `adaptive` goes by: the smaller the better; 1000 is the cheapest and the fastest
 * of the list, without failures. */
uint64_t order_score(const struct order_target *list, unsigned count, unsigned i);
