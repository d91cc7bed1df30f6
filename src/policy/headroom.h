/* headroom.h - what a provider's answer says about how much more it will take: the
 * x-ratelimit-* and anthropic-ratelimit-* headers, in all the forms they have. */
#pragma once
#include "http/head.h"
#include "base/usec.h"

enum headroom_kind { HEADROOM_REQUESTS, HEADROOM_TOKENS, HEADROOM_KINDS };

struct headroom {
	bool is_known;
	int64_t limit; /* 0: not said */
	int64_t left;
	usec reset; /* how long until all of it is there again; 0: not said */
};

/* False: it says nothing.  Of several windows for the same thing (a minute and a day,
 * input and output tokens) the one of which the least share is left. */
bool headroom_read(const struct http_response *res, usec wall_now,
                   struct headroom ret[HEADROOM_KINDS]);
