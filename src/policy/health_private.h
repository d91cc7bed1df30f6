/* health_private.h - a cell of the board, between board.c, health.c and health_report.c.
 */
#pragma once
#include "base/compiler.h"
#include "policy/breaker.h"
#include "policy/headroom.h"
#include "policy/health.h"
#include "policy/ratio.h"
#include "policy/window.h"

enum {
	BREAKERS = HEALTH_TARGET + 1, /* every scope has one */
	TOKEN_UNIT = 16,              /* tpm is counted in these */
	RATE_ONE = 1 << 16,
	REPEAT_ONE = 5,   /* a repeat costs as much as five attempts give */
	LENGTH_SHIFT = 8, /* the histogram's first bucket ends at 4 << 8 */
	REPEATS_MOST = 10 * REPEAT_ONE,
};

#define LOAD(from) atomic_load_explicit(&(from), memory_order_relaxed)
#define STORE(to, value) atomic_store_explicit(&(to), (value), memory_order_relaxed)
#define ADD(to, value) atomic_fetch_add_explicit(&(to), (value), memory_order_relaxed)

/* How many are left, by the provider's headers. */
struct room {
	_Atomic int64_t left;  /* one more than that; 0: unknown */
	_Atomic int64_t limit; /* 0: unknown */
	_Atomic usec read_at;  /* when that was so */
	_Atomic usec full_at;  /* when all of it is there again */
};

struct health_cell {
	_Atomic uint64_t id; /* 0: free */
	struct breaker breaker;
	_Atomic uint32_t failing; /* share of attempts, of RATE_ONE */
	_Atomic uint32_t seen;    /* attempts */
	_Atomic uint32_t in_flight;
	/* of a provider */
	_Atomic usec used_at;          /* an attempt began */
	_Atomic uint32_t repeats_used; /* of REPEATS_MOST, in REPEAT_ONE per repeat */
	struct window requests, tokens;
	/* of a target */
	_Atomic usec paced_until, limited_at;
	_Atomic uint32_t limited; /* rounds of 429 in a row */
	struct room rooms[HEADROOM_KINDS];
	/* of a model */
	_Atomic uint32_t context;
	_Atomic uint32_t speed; /* tokens per second */
	struct histogram first_token, gaps, answers;
	struct ratio prompts, texts; /* bytes for a token */
	struct histogram lengths;    /* of answers, in tokens << LENGTH_SHIFT */
};

/* Scatters; also a little chance, for jitter. */
static inline uint64_t cell_mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product =
	        (unsigned __int128)(a ^ 0x9e3779b97f4a7c15) * (b ^ 0xd1b54a32d192ed03);

	return (uint64_t)(product >> 64) ^ (uint64_t)product;
}

static inline struct health_cell *cell_of(const struct health *h, enum health_scope scope)
{
	switch (scope) {
	case HEALTH_PROVIDER:
		return h->provider;
	case HEALTH_KEY:
		return h->key;
	case HEALTH_MODEL:
		return h->model;
	case HEALTH_TARGET:
		return h->target;
	}
	return NULL;
}

/* Is nothing at all held against any of them?  Nearly always. */
static inline bool are_quiet(const struct health *h)
{
	return (!h->provider || breaker_is_quiet(&h->provider->breaker)) &&
	       (!h->key || breaker_is_quiet(&h->key->breaker)) &&
	       (!h->model || breaker_is_quiet(&h->model->breaker)) &&
	       (!h->target || breaker_is_quiet(&h->target->breaker));
}

/* tpm's unit, rounded up. */
static inline uint32_t token_units(uint64_t tokens)
{
	return (uint32_t)min_of((tokens + TOKEN_UNIT - 1) / TOKEN_UNIT,
	                        (uint64_t)WINDOW_MOST);
}

static inline void return_probes(struct health_run *run, usec now)
{
	for (unsigned i = 0; run->probes && i < BREAKERS; i++)
		if (run->probes & 1u << i)
			breaker_return_probe(&cell_of(&run->at, i)->breaker, now);
	run->probes = 0;
}

/* The worst of the breakers, with its scope and when to ask again. */
enum health_answer look_at_breakers(const struct health *h, usec now, usec *ret_until,
                                    unsigned *ret_scope);
/* 429s and headroom. */
enum health_answer look_at_target(const struct health_cell *t, uint32_t tokens, usec now,
                                  usec *ret_until);
