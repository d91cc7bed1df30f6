/* pricing.h - what the targets of a configuration cost. */
#pragma once
#include "config/config.h"

/* Fills t->prices, whose provider, model and facts are there.  Room is taken from keep:
 * the config's arena, or that of whoever needs the target. */
void pricing_fill(const struct config *c, struct target *t, struct arena *keep);
