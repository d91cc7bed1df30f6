/* ask.h - what the board and the catalogue know of the candidates for one name: for the
 * order in which they are tried, and for people (explain). */
#pragma once
#include "policy/health.h"
#include "policy/order.h"
#include "policy/resolve.h"

struct ask {
	struct board *board;
	uint64_t *const *marks;       /* by provider index: of each key */
	const struct health *targets; /* by number: with the first key; NULL: none */
	const struct candidates *candidates;
	uint64_t session; /* 0: no conversation */
	uint64_t prompt_size, max_tokens;
	uint64_t images;   /* that are to be made */
	uint64_t searches; /* search units, where these have a price */
	bool stream;
	usec now;
};

/* Marks of all keys of a configuration, for board_mark; of each provider one at least. */
uint64_t **ask_marks_new(const struct board *b, const struct config *c);
void ask_marks_free(uint64_t ***at, const struct config *c);
/* The health of all targets of routes with their provider's first key, by number; for
 * free(). */
struct health *ask_targets_new(struct board *b, uint64_t *const *marks,
                               const struct config *c);

/* The health of a candidate, with one of its provider's keys. */
struct health ask_health(const struct ask *a, unsigned candidate, unsigned key);
/* The request's tokens, as far as can be told: four bytes for one, and the answer. */
static inline uint32_t ask_tokens(uint64_t prompt_size, uint64_t max_tokens)
{
	return (uint32_t)min_of(prompt_size / 4 + max_tokens, (uint64_t)INT32_MAX);
}
/* What the strategies go by. */
struct order_target ask_facts(const struct ask *a, unsigned candidate);
