/* catalog_price.h - what the catalogue says a model costs, as prices to reckon with.
 *
 * The catalogue's sources know neither hour-long cache writes nor the vendors' own web
 * searches; what vendors' price lists say of these is a small table in catalog_price.c.
 */
#pragma once
#include "base/price.h"
#include "wire/catalog.h"

/* The figures by class and tier, with their versions and date.  Returns the number of
 * tiers, the base first; 0: it has no price. */
unsigned catalog_price_list(const struct catalog_model *m, struct price ret[PRICE_TIERS]);
