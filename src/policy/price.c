#include "policy/price.h"

const struct catalog_price *price_tier(const struct catalog_model *model, uint64_t input)
{
	const struct catalog_price *tier = NULL;

	for (unsigned i = 0; i < model->prices; i++) {
		if (model->price[i].above == 0 || input > model->price[i].above)
			tier = &model->price[i];
	}
	return tier;
}

/* One line of the bill. A class without a price of its own costs what its parent does. */
static bool add(unsigned __int128 *sum, uint64_t quantity, picousd price, picousd parent)
{
	picousd used = price == PRICE_UNKNOWN ? parent : price;

	if (quantity == 0)
		return true;
	if (used == PRICE_UNKNOWN)
		return false;
	*sum += (unsigned __int128)quantity * (uint64_t)used;
	return true;
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

nanousd price_cost(const struct catalog_model *model, const struct token_usage *u)
{
	const struct catalog_price *p = price_tier(model, u->input);
	unsigned __int128 sum = 0;

	/* What is billed by the search alone has no price in tokens. */
	if (!p || (u->searches && !u->input && !u->output))
		return COST_UNKNOWN;
	uint64_t special_in = u->cache_read + u->cache_write + u->audio_input;
	uint64_t special_out = u->reasoning + u->audio_output;
	if (!add(&sum, less(u->input, special_in), p->input, PRICE_UNKNOWN) ||
	    !add(&sum, u->cache_read, p->cache_read, p->input) ||
	    !add(&sum, u->cache_write, p->cache_write, p->input) ||
	    !add(&sum, u->audio_input, p->audio_input, p->input) ||
	    !add(&sum, less(u->output, special_out), p->output, PRICE_UNKNOWN) ||
	    !add(&sum, u->reasoning, p->reasoning, p->output) ||
	    !add(&sum, u->audio_output, p->audio_output, p->output))
		return COST_UNKNOWN;
	return money_round(sum);
}
