/* session.h - which conversation a request belongs to, so that it stays with the target
 * whose prompt cache knows its beginning.
 *
 * What the client says, in one of the headers that agents send, or in prompt_cache_key;
 * else a hash of what does not change while a conversation grows: the system prompt, the
 * tools and the first turn.  It is a hint: two conversations that are taken for one share
 * a target, and no more. */
#pragma once
#include "gateway/exchange.h"

/* From the request's head, while it is there; 0: it does not say. */
uint64_t session_of_head(const struct exchange *x, const struct http_request *req);
/* From the body; 0: there is no conversation in it. */
uint64_t session_of_body(const struct exchange *x);
