/* usage_value.h - what one cell of a provider's export says: a day, a model, a count or
 * an amount, as people and spreadsheets write them.
 *
 * Texts may have blanks around them.  False: it is no such value, and *ret says nothing.
 * What can be read in two ways is not read at all: "1,5" is one and a half to some and
 * fifteen to others. */
#pragma once
#include "base/buf.h"
#include "base/money.h"

enum { USAGE_DAYS_MOST = 2932897 }; /* since 1970, up to the year 9999 */

/* Counts are not larger, and sums of them stay there. */
#define USAGE_COUNT_MOST ((uint64_t)INT64_MAX / 100)

/* Days since 1970 (UTC), below USAGE_DAYS_MOST: of "2026-11-26" with anything behind it,
 * of seconds since 1970, or of a time by RFC 3339. */
bool usage_day_parse(str text, int64_t *ret);
/* Days since 1970 as "2026-11-26". */
void usage_day(struct buf *to, int64_t day);
/* "1,234", "1234.0" and "1.5e+06": a whole number up to USAGE_COUNT_MOST. */
bool usage_count(str text, uint64_t *ret);
/* "$1,234.50", "1e-05": exact as far as nano-dollars go, rounded half up. */
bool usage_amount(str text, nanousd *ret);
/* The same of units of 10^exponent dollars: -2 for cents. */
bool usage_amount_in(str text, int exponent, nanousd *ret);
/* The model's name without a date at its end; a part of what was given. */
str usage_model(str model);
