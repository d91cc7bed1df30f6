/* restart.h - what a reload cannot change.
 *
 * It is named and stays what it is, so that the configuration in force is the one that
 * holds; the rest applies.  `data` was kept when it was read (serve.c), for what lies
 * there is part of it. */
#pragma once
#include "config/config.h"

/* Makes `now` keep what `old`, which is in force, has of that, and adds the names of what
 * differs to *note, a blank before each.  Of telemetry what it was `started` with goes
 * on, the texts of which are borrowed from there: `started` outlives `now`. */
void restart_keep(struct config *now, const struct config *old,
                  const struct config *started, struct buf *note);
