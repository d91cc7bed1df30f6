#include "policy/ratio.h"

#include "base/compiler.h"

enum {
	ONE = 1 << 16,
	LEAST = ONE / 16, /* where most of what is billed is never shown */
	MOST = 32 * ONE,
	COUNT_BITS = 8,
};

void ratio_learn(struct ratio *r, uint64_t bytes, uint64_t tokens)
{
	uint32_t before = atomic_load_explicit(&r->value, memory_order_relaxed);
	int64_t count = before & ((1 << COUNT_BITS) - 1), mean = before >> COUNT_BITS;
	uint64_t seen;

	if (bytes == 0 || tokens == 0)
		return;
	seen = bytes > UINT64_MAX / ONE ? MOST : bytes * ONE / tokens;
	seen = max_of(min_of(seen, (uint64_t)MOST), (uint64_t)LEAST);
	if (count < RATIO_MEMORY)
		count++;
	mean += ((int64_t)seen - mean) / count;
	atomic_store_explicit(&r->value, (uint32_t)(mean << COUNT_BITS | count),
	                      memory_order_relaxed);
}

uint64_t ratio_tokens(const struct ratio *r, uint64_t bytes)
{
	uint32_t value = r ? atomic_load_explicit(&r->value, memory_order_relaxed) : 0;
	uint64_t each = value ? value >> COUNT_BITS : RATIO_DEFAULT * ONE;
	unsigned __int128 tokens = (unsigned __int128)bytes * ONE;

	tokens = (tokens + each - 1) / each;
	return tokens > UINT64_MAX ? UINT64_MAX : (uint64_t)tokens;
}
