/* catalog.c - reads the tables that tools/catalog made, or those of a newer file.
 *
 * Everything is one binary search, `find_first`, over an order told by a function, and
 * one decoder per kind of row.  What a provider's id says about its models' names is the
 * small table `homes`; whose price is meant is for policy/ to say. */
#include "wire/catalog.h"

#include "wire/catalog_file.h"
#include "wire/catalog_rows.h"

static str text_at(uint32_t ref)
{
	return str_of(catalog_text + (ref >> 8), ref & 0xff);
}

/* ---- decoding ---- */

static void provider_decode(unsigned i, struct catalog_provider *ret)
{
	const struct catalog_provider_row *row = &catalog_providers[i];

	*ret = (struct catalog_provider){
		.id = text_at(row->id),
		.name = text_at(row->name),
		.url = text_at(row->url),
		.env = { text_at(row->env[0]), text_at(row->env[1]),
		         text_at(row->env[2]) },
		.doc = text_at(row->doc),
		.env_is_shared = row->env_is_shared,
		.format = (enum wire_format)row->format,
	};
}

/* What providers.def says goes before what the catalogue says. */
static void provider_amend(const struct provider_row *row, struct catalog_provider *p)
{
	p->format = row->format;
	if (row->url.len)
		p->url = row->url;
	if (row->env.len && !str_eq(row->env, p->env[0])) {
		p->env[0] = row->env;
		p->env[1] = p->env[2] = STR_NONE;
	}
}

static void price_decode(const struct catalog_price_row *row, struct catalog_price *ret)
{
	*ret = (struct catalog_price){
		.input = catalog_values[row->value[0]],
		.cache_read = catalog_values[row->value[1]],
		.cache_write = catalog_values[row->value[2]],
		.output = catalog_values[row->value[3]],
		.reasoning = catalog_values[row->value[4]],
		.audio_input = catalog_values[row->value[5]],
		.audio_output = catalog_values[row->value[6]],
		.above = row->above,
	};
}

static uint32_t date_decode(unsigned packed)
{
	if (packed == 0)
		return 0;
	return (2000 + (packed >> 9)) * 10000 + (packed >> 5 & 0xf) * 100 +
	       (packed & 0x1f);
}

/* provider: the index of its row. */
static void model_decode(unsigned i, unsigned provider, struct catalog_model *ret)
{
	const struct catalog_model_row *row = &catalog_models[i];
	const struct catalog_limits_row *limits = &catalog_limits[row->limits];

	*ret = (struct catalog_model){
		.provider = text_at(catalog_providers[provider].id),
		.id = text_at(row->id),
		.name = text_at(row->name),
		.identity = text_at(row->identity),
		.context = limits->context,
		.input = limits->input,
		.output = limits->output,
		.bits = row->bits,
		.released = date_decode(row->released),
	};
	if (row->price == 0)
		return;
	const struct catalog_price_row *price = &catalog_prices[row->price];
	do {
		price_decode(price, &ret->price[ret->prices++]);
	} while (price++->more && ret->prices < PRICE_TIERS);
}

/* ---- searching ---- */

/* The text by which row i of an order stands there. */
typedef str order_fn(unsigned i);

/* The first i in [low, high) whose text is not before `text`; high when there is none. */
static unsigned find_first(order_fn *order, unsigned low, unsigned high, str text)
{
	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (str_cmp(order(middle), text) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static str order_providers(unsigned i)
{
	return text_at(catalog_providers[i].id);
}

static str order_models(unsigned i)
{
	return text_at(catalog_models[i].id);
}

static str order_ids(unsigned i)
{
	return text_at(catalog_models[catalog_by_id[i]].id);
}

static str order_identities(unsigned i)
{
	return text_at(catalog_models[catalog_by_identity[i]].identity);
}

/* The provider's row, or catalog_provider_count. */
static unsigned find_provider(str id)
{
	unsigned i = find_first(order_providers, 0, catalog_provider_count, id);

	if (i < catalog_provider_count && !str_eq(order_providers(i), id))
		i = catalog_provider_count;
	return i;
}

static unsigned owner_of(unsigned model)
{
	unsigned low = 0, high = catalog_provider_count;

	while (high - low > 1) {
		unsigned middle = low + (high - low) / 2;

		if (catalog_providers[middle].first <= model)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* Goes on in an index whose rows of one text stand together. */
static bool next_in(const uint16_t *index, order_fn *order, str text, unsigned *at,
                    struct catalog_model *ret)
{
	unsigned i = *at ? *at : find_first(order, 0, catalog_model_count, text);

	if (i >= catalog_model_count || !str_eq(order(i), text))
		return false;
	*at = i + 1;
	model_decode(index[i], owner_of(index[i]), ret);
	return true;
}

/* ---- the outside ---- */

bool catalog_provider_at(unsigned i, struct catalog_provider *ret)
{
	const struct provider_row *row;

	if (i < catalog_provider_count) {
		provider_decode(i, ret);
		row = provider_row_find(ret->id);
		if (row)
			provider_amend(row, ret);
		return true;
	}
	i -= catalog_provider_count;
	for (unsigned n = 0; (row = provider_row_at(n)); n++) {
		if (find_provider(row->id) != catalog_provider_count || i-- > 0)
			continue;
		*ret = (struct catalog_provider){ .id = row->id, .name = row->id };
		provider_amend(row, ret);
		return true;
	}
	return false;
}

bool catalog_model_at(const struct catalog *c, unsigned i, struct catalog_model *ret)
{
	if (c)
		return catalog_file_at(c, i, ret);
	if (i >= catalog_model_count)
		return false;
	model_decode(i, owner_of(i), ret);
	return true;
}

bool catalog_find_provider(str id, struct catalog_provider *ret)
{
	unsigned i = find_provider(id);
	const struct provider_row *row = provider_row_find(id);

	if (i < catalog_provider_count)
		provider_decode(i, ret);
	else if (row)
		*ret = (struct catalog_provider){ .id = row->id, .name = row->id };
	else
		return false;
	if (row)
		provider_amend(row, ret);
	return true;
}

bool catalog_find_model(const struct catalog *c, str provider, str id,
                        struct catalog_model *ret)
{
	if (c)
		return catalog_file_find(c, provider, id, ret);
	unsigned p = find_provider(provider), i;

	if (p == catalog_provider_count)
		return false;
	i = find_first(order_models, catalog_providers[p].first,
	               catalog_providers[p + 1].first, id);
	if (i == catalog_providers[p + 1].first || !str_eq(order_models(i), id))
		return false;
	model_decode(i, p, ret);
	return true;
}

bool catalog_next_with_id(const struct catalog *c, str id, unsigned *at,
                          struct catalog_model *ret)
{
	if (c)
		return catalog_file_next_with_id(c, id, at, ret);
	return next_in(catalog_by_id, order_ids, id, at, ret);
}

bool catalog_next_same(const struct catalog *c, str identity, unsigned *at,
                       struct catalog_model *ret)
{
	if (c)
		return catalog_file_next_same(c, identity, at, ret);
	return next_in(catalog_by_identity, order_identities, identity, at, ret);
}

bool catalog_next_of_provider(const struct catalog *c, str provider, unsigned *at,
                              struct catalog_model *ret)
{
	if (c)
		return catalog_file_next_of_provider(c, provider, at, ret);
	unsigned p = find_provider(provider);

	if (p == catalog_provider_count)
		return false;
	unsigned i = catalog_providers[p].first + *at;
	if (i >= catalog_providers[p + 1].first)
		return false;
	*at += 1;
	model_decode(i, p, ret);
	return true;
}

/* ---- whose name is it ---- */

struct home {
	str prefix; /* of the id, up to its end or to something that is no letter */
	str provider;
};

/* clang-format off */
static const struct home homes[] = {
	/* Open weights that their maker does not serve itself: they belong to nobody. */
	{ STR_INIT("gpt-oss"),          STR_INIT("") },
	{ STR_INIT("gpt"),              STR_INIT("openai") },
	{ STR_INIT("chatgpt"),          STR_INIT("openai") },
	{ STR_INIT("o1"),               STR_INIT("openai") },
	{ STR_INIT("o3"),               STR_INIT("openai") },
	{ STR_INIT("o4"),               STR_INIT("openai") },
	{ STR_INIT("text-embedding-3"), STR_INIT("openai") },
	{ STR_INIT("text-embedding-ada"), STR_INIT("openai") },
	/* Served by OpenAI though the catalogue does not list them. */
	{ STR_INIT("whisper-1"),        STR_INIT("openai") },
	{ STR_INIT("tts-1"),            STR_INIT("openai") },
	{ STR_INIT("dall-e"),           STR_INIT("openai") },
	{ STR_INIT("omni-moderation"),  STR_INIT("openai") },
	{ STR_INIT("claude"),           STR_INIT("anthropic") },
	{ STR_INIT("gemini"),           STR_INIT("google") },
	{ STR_INIT("mistral"),          STR_INIT("mistral") },
	{ STR_INIT("ministral"),        STR_INIT("mistral") },
	{ STR_INIT("magistral"),        STR_INIT("mistral") },
	{ STR_INIT("codestral"),        STR_INIT("mistral") },
	{ STR_INIT("devstral"),         STR_INIT("mistral") },
	{ STR_INIT("pixtral"),          STR_INIT("mistral") },
	{ STR_INIT("open-mistral"),     STR_INIT("mistral") },
	{ STR_INIT("open-mixtral"),     STR_INIT("mistral") },
	{ STR_INIT("deepseek-chat"),    STR_INIT("deepseek") },
	{ STR_INIT("deepseek-reasoner"), STR_INIT("deepseek") },
	{ STR_INIT("deepseek-v4"),      STR_INIT("deepseek") },
	{ STR_INIT("grok"),             STR_INIT("xai") },
	{ STR_INIT("command"),          STR_INIT("cohere") },
	{ STR_INIT("c4ai"),             STR_INIT("cohere") },
	{ STR_INIT("qwen"),             STR_INIT("alibaba") },
	{ STR_INIT("qwq"),              STR_INIT("alibaba") },
	{ STR_INIT("qvq"),              STR_INIT("alibaba") },
	{ STR_INIT("kimi"),             STR_INIT("moonshotai") },
	{ STR_INIT("glm"),              STR_INIT("zai") },
	{ STR_INIT("sonar"),            STR_INIT("perplexity") },
	{ STR_INIT("MiniMax"),          STR_INIT("minimax") },
	{ STR_INIT("step"),             STR_INIT("stepfun") },
	{ STR_INIT("mimo"),             STR_INIT("xiaomi") },
	{ STR_INIT("solar"),            STR_INIT("upstage") },
	{ STR_INIT("fugu"),             STR_INIT("sakana") },
};
/* clang-format on */

static bool is_letter(char c)
{
	return char_lower(c) >= 'a' && char_lower(c) <= 'z';
}

str catalog_home_of(str id)
{
	for (size_t i = 0; i < countof(homes); i++) {
		str rest = id;

		if (str_skip(&rest, homes[i].prefix) &&
		    (!rest.len || !is_letter(*rest.ptr)))
			return homes[i].provider;
	}
	return STR_NONE;
}
