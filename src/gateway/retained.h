/* retained.h - a request body, kept whole for the next attempt.
 *
 * Small bodies lie in a block of the worker's pool, larger ones are allocated, and large
 * ones mapped, so that the heap does not keep their holes.  The bytes count against the
 * process's memory budget. */
#pragma once
#include "gateway/gateway.h"

struct retained {
	struct gateway *gateway;   /* set by the owner */
	uint64_t most_memory;      /* the process's budget */
	struct arena_pool *blocks; /* the worker's; NULL: none is taken from it */
	char *ptr;
	size_t len, cap;
	bool is_mapped, is_block;
};

/* False: the memory budget is used up. */
must_check bool retained_reserve(struct retained *r, size_t total);
must_check bool retained_add(struct retained *r, str bytes);
/* It stays a while: no larger than it is. */
void retained_settle(struct retained *r);
void retained_free(struct retained *r);
static inline str retained_str(const struct retained *r)
{
	return str_of(r->ptr, r->len);
}
