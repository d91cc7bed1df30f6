/* usec.h - points in time and spans, in microseconds.
 *
 * `usec` counts on the monotonic clock unless a name says `wall` (microseconds since
 * 1970-01-01 UTC).  Decisions are told the time; only loop/sys.h asks the clock. */
#pragma once
#include <stdint.h>

typedef int64_t usec;

#define USEC_MS ((usec)1000)
#define USEC_SEC ((usec)1000000)
#define USEC_MIN (60 * USEC_SEC)
#define USEC_HOUR (60 * USEC_MIN)
#define USEC_NEVER INT64_MAX
