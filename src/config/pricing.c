/* pricing.c - `prices:` and `discount:` become rules, and a target's price is made of the
 * catalogue's figures and the rule that holds for it.
 *
 * A discount is taken off the catalogue's figures; what is written in the file is what is
 * paid.  A written figure holds in every tier of the catalogue's, unless the rule has
 * tiers of its own. */
#include "config/pricing.h"

#include "config/section.h"
#include "wire/catalog_price.h"

enum {
	RULES_MOST = 4096,
	RULES_IN_ALL = 16384, /* an alias writes as many with a word */
	PATTERN_MOST = 384,
	MILLION = 1000000,
};

/* ---- reading ---- */

static struct price_figures no_figures(void)
{
	struct price_figures f = { 0 };

	for (unsigned i = 0; i < PRICE_CLASSES; i++)
		f.of[i] = PRICE_UNKNOWN;
	return f;
}

static void read_tiers(struct reader *r, struct price_rule *rule,
                       const struct tree_node *list)
{
	if (list->kind != TREE_LIST || list->count == 0) {
		note(r, NOTE_SHAPE, list, "tiers is %s, but must be a list",
		     list->kind == TREE_LIST ? "empty" : tree_kind_name(list->kind));
		note_hint(r, "write it like this: [{ above: 200000, input: $5/1M }]");
		return;
	}
	if (list->count >= PRICE_TIERS) {
		note(r, NOTE_TOO_MANY, list, "more than %d tiers", PRICE_TIERS - 1);
		return;
	}
	rule->tiers = arena_array(r->keep, struct price_figures, list->count);
	for (const struct tree_item *it = list->first; it; it = it->next) {
		struct price_figures *f = &rule->tiers[rule->tier_count];
		struct found found;

		*f = no_figures();
		section_read(r, SECTION_PRICE_TIER, it->value, f, NULL, &found);
		if (it->value->kind == TREE_MAP)
			section_require(r, &found, it->value);
		if (f->above && rule->tier_count && f->above <= f[-1].above)
			note(r, NOTE_RANGE, found_value(&found, "above"),
			     "above: %u does not come after %u", f->above, f[-1].above);
		rule->tier_count++;
	}
}

/* A provider nobody has configured makes a price that nobody pays. */
static void check_provider(struct reader *r, const struct tree_node *key)
{
	const struct config *c = r->config;
	str model = key->text, name = str_cut(&model, '/'), near;
	str names[PROVIDERS_MOST];

	if (model.len == 0 || name.len == 0) {
		note(r, NOTE_TARGET, key, "\"%.*s\" is not provider/model",
		     STR_ARG(key->text));
		note_hint(r, "write it like this: openai/gpt-5-mini, or openai/*");
		return;
	}
	if (str_has(name, STR("*")) || config_find_provider(c, name))
		return;
	note(r, NOTE_NO_EFFECT, key, "there is no provider \"%.*s\"", STR_ARG(name));
	for (unsigned i = 0; i < c->provider_count; i++)
		names[i] = c->providers[i].name;
	near = nearest_name(name, names, c->provider_count);
	if (near.len > 0)
		note_hint(r, "did you mean \"%.*s\"?", STR_ARG(near));
}

static bool has_figures(const struct price_rule *rule)
{
	for (unsigned i = 0; i < PRICE_CLASSES; i++)
		if (rule->base.of[i] != PRICE_UNKNOWN)
			return true;
	return rule->tier_count > 0;
}

static void read_rule(struct reader *r, const struct tree_item *it, bool has_providers,
                      struct price_rule *rule)
{
	unsigned errors = r->notes->errors;
	const struct tree_node *tiers;
	struct found found;

	*rule = (struct price_rule){ .base = no_figures(), .discount = DISCOUNT_UNSET };
	rule->pattern = arena_copy(r->keep, str_first(it->key->text, PATTERN_MOST));
	if (it->key->text.len == 0 || it->key->text.len > PATTERN_MOST)
		note(r, NOTE_NAME, it->key, "the name of a model has 1 to %d characters",
		     PATTERN_MOST);
	else if (has_providers)
		check_provider(r, it->key);
	section_read(r, SECTION_PRICE, it->value, rule, NULL, &found);
	tiers = found_value(&found, "tiers");
	if (tiers)
		read_tiers(r, rule, tiers);
	if (r->notes->errors != errors || has_figures(rule) ||
	    rule->discount != DISCOUNT_UNSET)
		return;
	if (rule->since)
		note(r, NOTE_NO_EFFECT, it->key,
		     "the price of \"%.*s\" has a date, but no figure or discount",
		     STR_ARG(rule->pattern));
	else
		note(r, NOTE_EMPTY, it->key, "the price of \"%.*s\" has no figure",
		     STR_ARG(rule->pattern));
	note_hint(r, "write { input: $2.50/1M, output: $10/1M }");
}

struct price_rules read_prices(struct reader *r, const struct tree_node *node,
                               bool has_providers)
{
	struct price_rules rules = { 0 };

	if (!node || tree_is_null(node))
		return rules;
	if (node->kind != TREE_MAP) {
		note(r, NOTE_SHAPE, node,
		     "prices is %s, but must be a mapping from models",
		     tree_kind_name(node->kind));
		note_hint(r,
		          "write prices: { %smy-model: { input: $1/1M, output: $2/1M } }",
		          has_providers ? "local/" : "");
		return rules;
	}
	if (node->count > RULES_MOST) {
		note(r, NOTE_TOO_MANY, node, "more than %d prices", RULES_MOST);
		return rules;
	}
	r->price_rules += node->count;
	if (r->price_rules > RULES_IN_ALL) {
		note(r, NOTE_TOO_MANY, node, "more than %d prices in all", RULES_IN_ALL);
		return rules;
	}
	rules.list = arena_array(r->keep, struct price_rule, node->count + 1);
	for (const struct tree_item *it = node->first; it; it = it->next)
		read_rule(r, it, has_providers, &rules.list[rules.count++]);
	return rules;
}

/* ---- which rule ---- */

/* Each * stands for any bytes, none included: the last one gives way by a byte whenever
 * what follows it does not fit. */
static bool fits(str text, str pattern)
{
	size_t t = 0, p = 0, star = SIZE_MAX, from = 0;

	while (t < text.len) {
		if (p < pattern.len && pattern.ptr[p] == '*') {
			star = p++;
			from = t;
		} else if (p < pattern.len && pattern.ptr[p] == text.ptr[t]) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++from;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.ptr[p] == '*')
		p++;
	return p == pattern.len;
}

/* How much of a name a pattern spells out; without a * more than any other. */
static size_t spelled(str pattern)
{
	size_t stars = 0;

	for (size_t i = 0; i < pattern.len; i++)
		stars += pattern.ptr[i] == '*';
	return stars ? pattern.len - stars : SIZE_MAX;
}

static const struct price_rule *best_of(const struct price_rules *rules, str name)
{
	const struct price_rule *best = NULL;

	for (unsigned i = 0; i < rules->count; i++) {
		const struct price_rule *rule = &rules->list[i];

		if (fits(name, rule->pattern) &&
		    (!best || spelled(rule->pattern) > spelled(best->pattern)))
			best = rule;
	}
	return best;
}

const struct price_rule *pricing_rule(const struct config *c, const struct provider *p,
                                      str model)
{
	const struct price_rule *rule = best_of(&p->prices, model);
	struct buf name = BUF_LIMIT(KiB);

	if (rule || c->prices.count == 0)
		return rule;
	buf_addf(&name, "%.*s/", STR_ARG(p->name));
	buf_add(&name, model);
	rule = name.over ? NULL : best_of(&c->prices, buf_str(&name));
	buf_free(&name);
	return rule;
}

/* ---- making a price ---- */

static void take_off(struct price *p, uint32_t discount)
{
	for (unsigned i = 0; i < PRICE_CLASSES; i++) {
		if (p->of[i] == PRICE_UNKNOWN)
			continue;
		unsigned __int128 rest = money_times(MILLION - discount, p->of[i]);
		p->of[i] = (picousd)((rest + MILLION / 2) / MILLION);
	}
	p->discount = discount;
}

static void put(struct price *p, const struct price_figures *f)
{
	for (unsigned i = 0; i < PRICE_CLASSES; i++)
		if (f->of[i] != PRICE_UNKNOWN)
			p->of[i] = f->of[i];
}

static unsigned apply(const struct price_rule *rule, struct price tiers[PRICE_TIERS],
                      unsigned count)
{
	if (!has_figures(rule)) {
		/* The date is that of a discount, which was told one day, too. */
		for (unsigned i = 0;
		     rule->since && rule->discount != DISCOUNT_UNSET && i < count; i++)
			tiers[i].since = rule->since;
		return count;
	}
	if (count == 0) {
		struct price_figures none = no_figures();

		tiers[0] = (struct price){ 0 };
		memcpy(tiers[0].of, none.of, sizeof(none.of));
		count = 1;
	}
	if (rule->tier_count)
		count = 1;
	for (unsigned i = 0; i < count; i++)
		put(&tiers[i], &rule->base);
	for (unsigned i = 0; i < rule->tier_count; i++) {
		tiers[count] = tiers[count - 1];
		tiers[count].above = rule->tiers[i].above;
		put(&tiers[count++], &rule->tiers[i]);
	}
	for (unsigned i = 0; i < count; i++) {
		tiers[i].source = PRICE_OF_CONFIG;
		tiers[i].since = rule->since;
	}
	return count;
}

void pricing_fill(const struct config *c, struct target *t, struct arena *keep)
{
	const struct price_rule *rule = pricing_rule(c, t->provider, t->model);
	uint32_t discount = rule && rule->discount != DISCOUNT_UNSET
	                            ? rule->discount
	                            : t->provider->discount;
	struct price tiers[PRICE_TIERS], *kept;
	unsigned count = t->is_known ? catalog_price_list(&t->facts, tiers) : 0;

	for (unsigned i = 0; discount && i < count; i++)
		take_off(&tiers[i], discount);
	if (rule)
		count = apply(rule, tiers, count);
	t->price_count = count;
	if (count == 0)
		return;
	kept = arena_array(keep, struct price, count);
	for (unsigned i = 0; i < count; i++) {
		kept[i] = tiers[i];
		kept[i].version = price_version(&kept[i]);
	}
	t->prices = kept;
}
