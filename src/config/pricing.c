#include "config/pricing.h"

#include "wire/catalog_price.h"

void pricing_fill(const struct config *c, struct target *t, struct arena *keep)
{
	struct price tiers[PRICE_TIERS], *kept;
	unsigned count = t->is_known ? catalog_price_list(&t->facts, tiers) : 0;

	(void)c;
	t->price_count = count;
	if (count == 0)
		return;
	kept = arena_array(keep, struct price, count);
	memcpy(kept, tiers, count * sizeof(*kept));
	t->prices = kept;
}
