#include "wire/catalog_price.h"

/* What a vendor's price list adds to the catalogue's figures.  A rule is for models of
 * that provider (empty: anywhere) whose identity begins so. */
struct rule {
	str provider, identity;
	enum price_class what;
	/* A multiple of the input's price, if the five-minute write costs `given` of it
	 * in hundredths: then the seller goes by the vendor's list.  0: `fixed`. */
	unsigned times, given;
	picousd fixed;
};

/* clang-format off */
static const struct rule rules[] = {
	/* platform.claude.com/docs/en/about-claude/pricing: an hour-long cache write is
	 * twice the base input price, a five-minute one 1.25 times it; web search is
	 * 10 USD for 1,000 searches. */
	{ STR_INIT(""),          STR_INIT("claude-"), PRICE_CACHE_WRITE_1H, 2, 125, 0 },
	{ STR_INIT("anthropic"), STR_INIT("claude-"), PRICE_SEARCH,         0, 0,
	  10000000000 },
};
/* clang-format on */

static void apply(const struct rule *r, struct price *p)
{
	picousd input = p->of[PRICE_INPUT], write = p->of[PRICE_CACHE_WRITE];

	if (p->of[r->what] != PRICE_UNKNOWN)
		return;
	if (!r->times)
		p->of[r->what] = r->fixed;
	else if (input != PRICE_UNKNOWN && write * 100 == input * r->given)
		p->of[r->what] = input * r->times;
}

static bool is_for(const struct rule *r, const struct catalog_model *m)
{
	return (r->provider.len == 0 || str_eq(r->provider, m->provider)) &&
	       str_starts(m->identity, r->identity);
}

unsigned catalog_price_list(const struct catalog_model *m, struct price ret[PRICE_TIERS])
{
	for (unsigned i = 0; i < m->prices; i++) {
		const struct catalog_price *from = &m->price[i];

		ret[i] = (struct price){
			.since = m->updated ? m->updated : catalog_date,
			.above = from->above,
			.source = m->updated ? PRICE_OF_CATALOG : PRICE_OF_PROGRAM,
			.of = { [PRICE_INPUT] = from->input,
			        [PRICE_CACHE_READ] = from->cache_read,
			        [PRICE_CACHE_WRITE] = from->cache_write,
			        [PRICE_CACHE_WRITE_1H] = PRICE_UNKNOWN,
			        [PRICE_AUDIO_INPUT] = from->audio_input,
			        [PRICE_OUTPUT] = from->output,
			        [PRICE_REASONING] = from->reasoning,
			        [PRICE_AUDIO_OUTPUT] = from->audio_output,
			        [PRICE_IMAGE] = PRICE_UNKNOWN,
			        [PRICE_REQUEST] = PRICE_UNKNOWN,
			        [PRICE_SEARCH] = PRICE_UNKNOWN },
		};
		for (size_t n = 0; n < countof(rules); n++)
			if (is_for(&rules[n], m))
				apply(&rules[n], &ret[i]);
		ret[i].version = price_version(&ret[i]);
	}
	return m->prices;
}
