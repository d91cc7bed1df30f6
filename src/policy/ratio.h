/* ratio.h - how many bytes of text a model's tokens are, as learned from answers which
 * said how many there were.  Atomics, relaxed: in a race an observation may be lost. */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

struct ratio {
	/* Bytes for a token in 65536ths, above the number of observations (at most
	 * RATIO_MEMORY); 0: none yet. */
	_Atomic uint32_t value;
};

enum { RATIO_DEFAULT = 4, RATIO_MEMORY = 32 };

/* So many bytes were so many tokens; nothing is learned from nothing. */
void ratio_learn(struct ratio *r, uint64_t bytes, uint64_t tokens);
/* The tokens that so many bytes are likely to be, rounded up; four bytes for one where
 * nothing was learned, or r is NULL. */
uint64_t ratio_tokens(const struct ratio *r, uint64_t bytes);
