/* verdict.h - when a provider that refused may be asked again. */
#pragma once
#include "base/usec.h"
#include "http/head.h"

/* No provider is waited for longer, whatever it says (U44). */
#define VERDICT_WAIT_MOST (60 * USEC_SEC)

/* By retry-after-ms, x-ms-retry-after-ms or retry-after; on a 429, 503 or 529 without
 * these by the rate limits' own reset fields.  0 when nothing can be read, or when the
 * status is none of failure: providers send them with good answers, too. */
usec verdict_retry_after(const struct http_response *res, usec wall_now);
/* How long from now: seconds, a date of HTTP or RFC 3339, a duration ("6m0s", "12ms"), or
 * the time itself in seconds or milliseconds since 1970.  False for what is past,
 * negative or junk. */
bool verdict_wait_parse(str value, usec wall_now, usec *ret);
