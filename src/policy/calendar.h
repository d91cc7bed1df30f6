/* calendar.h - where budgets begin anew: hours, days, weeks and months of the wall clock
 * in one time zone.
 *
 * The zone's offsets are asked of the C library once, when the calendar is made, and kept
 * as a table; after that every question is arithmetic on it, so that a worker may ask.
 * Windows of one kind never overlap, leave no gap, and do not depend on the way the clock
 * came there.  A day begins when the local clock first shows it: one whose midnight is
 * skipped begins an hour later, one whose midnight comes twice begins at the first.  An
 * hour that is repeated in autumn is an hour of its own; a change of the offset always
 * begins a new hour. */
#pragma once
#include "base/buf.h"
#include "base/usec.h"
#include "store/tenant_row.h"

struct calendar;

/* zone: a name of the system's zone files ("Europe/Berlin"), or "UTC".  Changes the
 * process's time zone for a moment: only while there is one thread.  NULL: there is no
 * such zone, see *why. */
struct calendar *calendar_new(str zone, struct buf *why);
void calendar_free(struct calendar **c);

/* The window that `wall` lies in: [*ret_from, *ret_until).  BUDGET_TOTAL: all of time. */
void calendar_window(const struct calendar *c, enum budget_window window, usec wall,
                     usec *ret_from, usec *ret_until);
