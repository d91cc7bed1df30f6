/* ask.h - what the board and the catalogue know of the candidates for one name: for the
 * order in which they are tried, and for people (explain). */
#pragma once
#include "policy/health.h"
#include "policy/order.h"
#include "policy/resolve.h"

struct ask {
	struct board *board;
	uint64_t *const *marks; /* by provider index: of each key */
	const struct candidates *candidates;
	uint64_t session; /* 0: no conversation */
	uint64_t body_bytes, max_tokens;
	bool stream;
	usec now;
};

/* Marks of all keys of a configuration, for board_mark; of each provider one at least. */
uint64_t **ask_marks_new(const struct board *b, const struct config *c);
void ask_marks_free(uint64_t ***marks, const struct config *c);

/* The health of a candidate, with one of its provider's keys. */
struct health ask_health(const struct ask *a, unsigned candidate, unsigned key);
/* The request's tokens, as far as can be told: four bytes for one, and the answer. */
uint32_t ask_tokens(const struct ask *a);
/* What the strategies go by. */
struct order_target ask_facts(const struct ask *a, unsigned candidate);
