/* pricing.h - what the targets of a configuration cost. */
#pragma once
#include "config/config.h"

/* Fills t->prices, whose provider, model and facts are there.  Room is taken from keep:
 * the config's arena, or that of whoever needs the target. */
void pricing_fill(const struct config *c, struct target *t, struct arena *keep);
/* The rule that holds for a model: a provider's own go before those of the top level,
 * then the one that spells out the most of the name.  NULL: none. */
const struct price_rule *pricing_rule(const struct config *c, const struct provider *p,
                                      str model);
