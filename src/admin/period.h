/* period.h - spans of time as people write them, in the local time zone. */
#pragma once
#include "base/buf.h"
#include "base/usec.h"

/* "7d" (ago; also w, h, m), "2026-11-01", "2026-11", "2026-11-01T12:00:00Z", "today",
 * "yesterday", "now". False: none of these. */
bool period_moment(str text, usec now, usec *ret);
/* "2026-11": its first moment, and that of the next one. */
bool period_month(str text, usec *ret_from, usec *ret_until);

enum period_step { PERIOD_HOUR, PERIOD_DAY, PERIOD_MONTH };
/* The first moment of the next hour, day or month. */
usec period_next(usec wall, enum period_step step);
/* "2026-11-26 14:00", "2026-11-26", "2026-11". */
void period_name(struct buf *to, usec wall, enum period_step step);
