/* verdict.h - what a provider's status means for the exchange. */
#pragma once
#include "base/fault.h"
#include "http/head.h"
#include "base/usec.h"

/* NULL for 2xx. Unknown 5xx are retryable; a provider's 401-404 is never the client's
 * fault. */
fault_t verdict_of_status(int status);
/* retry-after-ms, else retry-after; 0 when neither can be read. Capped at 60 s (U44). */
usec verdict_retry_after(const struct http_response *res, usec wall_now);
