#include "policy/price.h"

const struct price *price_of(const struct target *t, uint64_t input)
{
	const struct price *tier = NULL;

	for (unsigned i = 0; i < t->price_count; i++)
		if (t->prices[i].above == 0 || input > t->prices[i].above)
			tier = &t->prices[i];
	return tier;
}

/* ---- the lines of a bill ---- */

/* Whose price a class is paid by where it has none; itself: nobody's. */
static const enum price_class parents[PRICE_CLASSES] = {
	[PRICE_INPUT] = PRICE_INPUT,       [PRICE_CACHE_READ] = PRICE_INPUT,
	[PRICE_CACHE_WRITE] = PRICE_INPUT, [PRICE_CACHE_WRITE_1H] = PRICE_CACHE_WRITE,
	[PRICE_AUDIO_INPUT] = PRICE_INPUT, [PRICE_OUTPUT] = PRICE_OUTPUT,
	[PRICE_REASONING] = PRICE_OUTPUT,  [PRICE_AUDIO_OUTPUT] = PRICE_OUTPUT,
	[PRICE_IMAGE] = PRICE_IMAGE,       [PRICE_REQUEST] = PRICE_REQUEST,
	[PRICE_SEARCH] = PRICE_SEARCH,
};

static enum price_class payer(const struct price *p, enum price_class what)
{
	while (p->of[what] == PRICE_UNKNOWN && parents[what] != what)
		what = parents[what];
	return what;
}

static bool is_known(const struct price *p, enum price_class what)
{
	return p->of[payer(p, what)] != PRICE_UNKNOWN;
}

static bool is_token(enum price_class what)
{
	return what <= PRICE_AUDIO_OUTPUT;
}

/* Is it billed by tokens at all? */
static bool has_tokens(const struct price *p)
{
	for (unsigned c = 0; is_token(c); c++)
		if (p->of[c] != PRICE_UNKNOWN)
			return true;
	return p->of[PRICE_IMAGE] == PRICE_UNKNOWN &&
	       p->of[PRICE_REQUEST] == PRICE_UNKNOWN &&
	       p->of[PRICE_SEARCH] == PRICE_UNKNOWN;
}

/* Images which are paid with something else. */
static bool has_images_elsewhere(const struct price *p, const struct token_usage *u)
{
	return p->of[PRICE_REQUEST] != PRICE_UNKNOWN ||
	       (u->output && is_known(p, PRICE_OUTPUT));
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* How much of each class; a part that is larger than its whole leaves nothing of it. */
static void split(const struct price *p, const struct token_usage *u,
                  uint64_t ret[PRICE_CLASSES])
{
	uint64_t fresh = less(less(u->input, u->cache_read), u->cache_write);
	/* Of what was heard a provider may count the cached part too. */
	uint64_t heard = min_of(u->audio_input, fresh);
	const uint64_t tokens[] = {
		[PRICE_INPUT] = fresh - heard,
		[PRICE_CACHE_READ] = u->cache_read,
		[PRICE_CACHE_WRITE] = less(u->cache_write, u->cache_write_1h),
		[PRICE_CACHE_WRITE_1H] = u->cache_write_1h,
		[PRICE_AUDIO_INPUT] = heard,
		[PRICE_OUTPUT] = less(less(u->output, u->reasoning), u->audio_output),
		[PRICE_REASONING] = u->reasoning,
		[PRICE_AUDIO_OUTPUT] = u->audio_output,
	};
	bool by_tokens = has_tokens(p);

	for (unsigned c = 0; is_token(c); c++)
		ret[c] = by_tokens ? tokens[c] : 0;
	ret[PRICE_IMAGE] =
	        p->of[PRICE_IMAGE] == PRICE_UNKNOWN && has_images_elsewhere(p, u)
	                ? 0
	                : u->images;
	ret[PRICE_REQUEST] = p->of[PRICE_REQUEST] != PRICE_UNKNOWN;
	ret[PRICE_SEARCH] = u->searches;
}

unsigned price_lines(const struct price *p, const struct token_usage *usage,
                     struct price_line ret[PRICE_CLASSES])
{
	uint64_t quantity[PRICE_CLASSES];
	unsigned count = 0;

	split(p, usage, quantity);
	for (unsigned c = 0; c < PRICE_CLASSES; c++) {
		enum price_class paid_as;
		picousd unit;

		if (likely(quantity[c] == 0))
			continue;
		paid_as = payer(p, c);
		unit = p->of[paid_as];
		ret[count++] = (struct price_line){
			.what = c,
			.paid_as = paid_as,
			.quantity = quantity[c],
			.unit = unit,
			.amount = unit == PRICE_UNKNOWN ? 0
			                                : money_times(quantity[c], unit),
		};
	}
	return count;
}

nanousd price_cost(const struct price *p, const struct token_usage *usage)
{
	struct price_line lines[PRICE_CLASSES];
	unsigned __int128 sum = 0;
	unsigned count;

	if (!p)
		return COST_UNKNOWN;
	count = price_lines(p, usage, lines);
	for (unsigned i = 0; i < count; i++) {
		if (lines[i].unit == PRICE_UNKNOWN)
			return COST_UNKNOWN;
		sum = money_plus(sum, lines[i].amount);
	}
	return money_round(sum);
}

nanousd price_cost_at(const struct price *p, bool other_tier,
                      const struct token_usage *usage)
{
	if (unlikely(other_tier) && p && p->source != PRICE_OF_CONFIG)
		return COST_UNKNOWN;
	return price_cost(p, usage);
}

bool price_correction(nanousd cost, const struct price *now,
                      const struct token_usage *usage, nanousd *ret)
{
	nanousd other = price_cost(now, usage);

	if (cost == COST_UNKNOWN || other == COST_UNKNOWN)
		return false;
	*ret = other - cost; /* neither is negative */
	return true;
}

/* ---- before it is used ---- */

/* The highest price of the classes from..to; PRICE_UNKNOWN: one of them has none. */
static picousd dearest(const struct price *p, enum price_class from, enum price_class to)
{
	picousd most = 0;

	for (unsigned c = from; c <= to; c++) {
		picousd unit = p->of[payer(p, c)];

		if (unit == PRICE_UNKNOWN)
			return PRICE_UNKNOWN;
		most = max_of(most, unit);
	}
	return most;
}

static bool add(unsigned __int128 *sum, uint64_t quantity, picousd unit)
{
	if (quantity == 0)
		return true;
	if (unit == PRICE_UNKNOWN)
		return false;
	*sum = money_plus(*sum, money_times(quantity, unit));
	return true;
}

static uint64_t plus(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static uint64_t times(uint64_t a, uint64_t b)
{
	uint64_t product;

	return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

static nanousd bound_of(const struct price *p, const struct price_ask *ask,
                        uint64_t input)
{
	uint64_t output = times(ask->output, max_of(ask->choices, (uint64_t)1));
	const struct token_usage some = { .output = output };
	unsigned __int128 sum = 0;

	if (has_tokens(p) &&
	    (!add(&sum, input, dearest(p, PRICE_INPUT, PRICE_AUDIO_INPUT)) ||
	     !add(&sum, output, dearest(p, PRICE_OUTPUT, PRICE_AUDIO_OUTPUT))))
		return COST_UNKNOWN;
	if (p->of[PRICE_REQUEST] != PRICE_UNKNOWN)
		add(&sum, 1, p->of[PRICE_REQUEST]);
	if (!add(&sum, ask->images, p->of[PRICE_IMAGE]) &&
	    !has_images_elsewhere(p, &some))
		return COST_UNKNOWN;
	if (!add(&sum, ask->searches, p->of[PRICE_SEARCH]))
		return COST_UNKNOWN;
	return money_round(sum);
}

nanousd price_upper_bound(const struct target *t, const struct price_ask *ask)
{
	uint64_t input = plus(ask->body, ask->added);
	nanousd most = t->price_count ? 0 : COST_UNKNOWN;

	/* Tiers that so short a prompt cannot reach do not count. */
	for (unsigned i = 0; i < t->price_count && most != COST_UNKNOWN; i++) {
		const struct price *p = &t->prices[i];
		nanousd bound;

		if (p->above && input <= p->above)
			continue;
		bound = bound_of(p, ask, input);
		most = bound == COST_UNKNOWN ? COST_UNKNOWN : max_of(most, bound);
	}
	return most;
}

nanousd price_likely(const struct target *t, const struct price_ask *ask, uint64_t input,
                     uint64_t output)
{
	const struct token_usage usage = {
		.input = input,
		.output = times(min_of(output, ask->output),
		                max_of(ask->choices, (uint64_t)1)),
		.images = ask->images,
		.searches = ask->searches,
	};

	return price_cost(price_of(t, input), &usage);
}
