/* cap.h - a limit of the answer's tokens, put into a request that has none.
 *
 * In the pass lane the body stays the client's own: the limit is an edit of it. */
#pragma once
#include "wire/wire.h"

/* The edit that asks for at most `cap` tokens.  provider and model: whose dialect it is.
 * False: there is no place for it, or the body says something there already. */
must_check bool cap_edit(const struct wire *wire, str body, str provider, str model,
                         uint64_t cap, struct arena *keep, struct edit *ret);
