/* catalog_import_cost.c - from what api.json says a model costs to our prices.
 *
 * Figures stay decimals until they are rounded and are never binary fractions: whoever
 * reads the same file has the same prices. */
#include "wire/catalog_import.h"
#include "wire/catalog_import_private.h"

enum {
	DIGITS_KEPT = 6,
	TIER_OF_OLD = 200000, /* context_over_200k */
};

/* ---- figures ---- */

/* A decimal's digits, and how many of them stand before the point. */
struct decimal {
	unsigned char digits[IMPORT_DIGITS_MOST];
	unsigned count;
	int point;
};

/* A JSON number without its sign. */
static void decimal_read(str text, struct decimal *ret)
{
	size_t e = str_find_any(text, STR("eE"));
	str exponent = str_from(text, e + 1), digits = str_first(text, e);
	bool is_behind = false;
	int64_t shift = 0;

	*ret = (struct decimal){ .count = 0 };
	for (size_t i = 0; i < digits.len; i++) {
		char c = digits.ptr[i];

		if (c == '.') {
			is_behind = true;
			continue;
		}
		if (c == '0' && ret->count == 0) {
			ret->point -= is_behind;
			continue;
		}
		if (ret->count < IMPORT_DIGITS_MOST)
			ret->digits[ret->count++] = (unsigned char)(c - '0');
		ret->point += !is_behind;
	}
	if (e < text.len) {
		str_skip(&exponent, STR("+"));
		if (!str_to_i64(exponent, &shift) || shift > 1000 || shift < -1000)
			shift = str_starts(exponent, STR("-")) ? -1000 : 1000;
		ret->point += (int)shift;
	}
}

/* The first n digits as a number, the rest rounded half even. */
static uint64_t decimal_first(const struct decimal *d, int n)
{
	uint64_t value = 0;
	bool is_more = false;
	unsigned next;

	if (n < 0)
		return 0;
	for (int i = 0; i < n; i++)
		value = value * 10 + ((unsigned)i < d->count ? d->digits[i] : 0);
	next = (unsigned)n < d->count ? d->digits[n] : 0;
	for (unsigned i = (unsigned)n + 1; i < d->count; i++)
		is_more |= d->digits[i] > 0;
	if (next > 5 || (next == 5 && (is_more || value % 2 == 1)))
		value++;
	return value;
}

bool catalog_price_parse(str number, picousd *ret)
{
	struct decimal d, six = { .count = DIGITS_KEPT + 1 };
	bool is_negative = str_skip(&number, STR("-"));
	uint64_t kept;

	decimal_read(number, &d);
	if (is_negative && d.count > 0) {
		*ret = PRICE_UNKNOWN;
		return true;
	}
	*ret = 0;
	if (d.count == 0)
		return true;
	/* Below 0.d1d2... x 10^point USD, in millionths: six digits more. */
	kept = decimal_first(&d, DIGITS_KEPT);
	six.point = d.point + DIGITS_KEPT + 1;
	for (int i = DIGITS_KEPT; i >= 0; i--, kept /= 10)
		six.digits[i] = (unsigned char)(kept % 10);
	if (six.point > 17)
		return false;
	*ret = (picousd)decimal_first(&six, six.point);
	return *ret <= CATALOG_PRICE_MOST;
}

/* ---- classes and tiers ---- */

static bool read_class(struct import *im, const struct json_member *cost, size_t count,
                       const char *const names[3], picousd *ret)
{
	*ret = PRICE_UNKNOWN;
	for (int i = 0; i < 3 && names[i]; i++) {
		struct json_value v = import_member(cost, count, str_from_z(names[i]));

		if (v.type == JSON_NONE)
			continue;
		if (v.type == JSON_NULL)
			return true;
		if (v.type != JSON_NUMBER)
			return import_wrong(im, "the price %s is not a number", names[i]);
		if (!catalog_price_parse(v.raw, ret))
			return import_wrong(
			        im,
			        "the price %s, %.*s USD per million tokens, is "
			        "over any sense",
			        names[i], STR_ARG(str_first(v.raw, 32)));
		return true;
	}
	return true;
}

static bool read_classes(struct import *im, const struct json_member *cost, size_t count,
                         struct catalog_price *p)
{
	/* The source misspells some. */
	static const char *const names[][3] = {
		{ "input" },
		{ "cache_read", "cache_input", "cached_input" },
		{ "cache_write", "cached_write" },
		{ "output" },
		{ "reasoning" },
		{ "input_audio" },
		{ "output_audio" },
	};
	picousd *to[] = { &p->input,     &p->cache_read,  &p->cache_write, &p->output,
		          &p->reasoning, &p->audio_input, &p->audio_output };

	for (size_t i = 0; i < countof(to); i++)
		if (!read_class(im, cost, count, names[i], to[i]))
			return false;
	return true;
}

static bool is_known(const struct catalog_price *p)
{
	return p->input >= 0 || p->cache_read >= 0 || p->cache_write >= 0 ||
	       p->output >= 0 || p->reasoning >= 0 || p->audio_input >= 0 ||
	       p->audio_output >= 0;
}

/* In its place by `above`. */
static bool add_tier(struct import *im, struct catalog_model *m,
                     const struct json_member *cost, size_t count, uint32_t above)
{
	struct catalog_price price = { .above = above };
	unsigned at = m->prices;

	if (m->prices == PRICE_TIERS)
		return import_wrong(im, "it has more than %d prices by length",
		                    PRICE_TIERS);
	if (!read_classes(im, cost, count, &price))
		return false;
	for (; at > 1 && m->price[at - 1].above > above; at--)
		m->price[at] = m->price[at - 1];
	if (above == 0 || m->price[at - 1].above == above)
		return import_wrong(im, "two of its prices are for the same length");
	m->price[at] = price;
	m->prices++;
	return true;
}

static bool read_tier(struct import *im, struct catalog_model *m, struct json_value v)
{
	struct json_member price[IMPORT_MEMBERS_MOST], tier[IMPORT_MEMBERS_MOST];
	size_t prices, tiers;
	struct json_value type;
	uint32_t above;

	if (!import_object(im, v, "an entry of cost.tiers", price, &prices) ||
	    !import_object(im, import_member(price, prices, STR("tier")),
	                   "a price's tier", tier, &tiers) ||
	    !import_tokens(im, import_member(tier, tiers, STR("size")), "tier.size",
	                   &above))
		return false;
	type = import_member(tier, tiers, STR("type"));
	if (type.type != JSON_NONE && !json_text_is(type, STR("context")))
		return import_wrong(im,
		                    "it has a price which is not by the prompt's length");
	return add_tier(im, m, price, prices, above);
}

bool import_cost(struct import *im, struct catalog_model *m, struct json_value v)
{
	struct json_member cost[IMPORT_MEMBERS_MOST], old[IMPORT_MEMBERS_MOST];
	struct json_value tiers, over;
	size_t count, olds;

	if (!import_object(im, v, "cost", cost, &count) ||
	    !read_classes(im, cost, count, &m->price[0]))
		return false;
	if (!is_known(&m->price[0]))
		return true;
	m->prices = 1;
	tiers = import_member(cost, count, STR("tiers"));
	over = import_member(cost, count, STR("context_over_200k"));
	if (tiers.type == JSON_ARRAY) {
		struct json_member each;

		for (struct json_iter it = json_iter(tiers); json_next(&it, &each);)
			if (!read_tier(im, m, each.value))
				return false;
		return true;
	}
	if (!import_object(im, over, "cost.context_over_200k", old, &olds))
		return false;
	return olds == 0 || add_tier(im, m, old, olds, TIER_OF_OLD);
}
