/* price.h - what an attempt costs: quantities times prices, exact, rounded once. */
#pragma once
#include "base/usage.h"
#include "wire/catalog.h"

/* COST_UNKNOWN when the model has no price, or none for a class that was used. */
nanousd price_cost(const struct catalog_model *model, const struct token_usage *usage);
/* The tier that holds for a prompt of so many tokens; NULL: no price at all. */
const struct catalog_price *price_tier(const struct catalog_model *model, uint64_t input);
