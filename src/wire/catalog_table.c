/* catalog_table.c - facts about models as one sorted table.
 *
 * The table holds everything that is in force, the program's own rows too, decoded: so a
 * look-up is one binary search, as with the compiled one.  It costs some 300 bytes a
 * model, once per configuration. */
#include "wire/catalog_table.h"

#include "base/mem.h"
#include "wire/catalog_file.h"

/* ---- order ---- */

int catalog_model_cmp(const struct catalog_model *a, const struct catalog_model *b)
{
	int order = str_cmp(a->provider, b->provider);

	return order ? order : str_cmp(a->id, b->id);
}

static int by_provider(const void *a, const void *b)
{
	return catalog_model_cmp(a, b);
}

static int by_text(str a, str b, const struct catalog_model *x,
                   const struct catalog_model *y)
{
	int order = str_cmp(a, b);

	return order ? order : catalog_model_cmp(x, y);
}

static int by_id(const void *a, const void *b)
{
	const struct catalog_model *x = *(const struct catalog_model *const *)a;
	const struct catalog_model *y = *(const struct catalog_model *const *)b;

	return by_text(x->id, y->id, x, y);
}

static int by_identity(const void *a, const void *b)
{
	const struct catalog_model *x = *(const struct catalog_model *const *)a;
	const struct catalog_model *y = *(const struct catalog_model *const *)b;

	return by_text(x->identity, y->identity, x, y);
}

static const struct catalog_model **make_index(const struct catalog *c,
                                               int (*order)(const void *, const void *))
{
	const struct catalog_model **index =
	        mem_new((c->count + 1) * sizeof(const struct catalog_model *));

	for (unsigned i = 0; i < c->count; i++)
		index[i] = &c->models[i];
	qsort(index, c->count, sizeof(const struct catalog_model *), order);
	return index;
}

/* ---- what the program knows itself ---- */

unsigned catalog_table_built_in(void)
{
	unsigned low = 0, high = CATALOG_MODELS_MOST;
	struct catalog_model m;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (catalog_model_at(NULL, middle, &m))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_built_in(str provider)
{
	struct catalog_model m;
	unsigned at = 0;

	return catalog_next_of_provider(NULL, provider, &at, &m);
}

/* A file outlives the program it was made for: what its successor knows more newly is
 * left to that.  The models of one provider stand together, with one date. */
static void drop_older(struct catalog *c)
{
	str last = STR_NONE;
	unsigned kept = 0;

	for (unsigned i = 0; i < c->count; i++) {
		const struct catalog_model *m = &c->models[i];

		if (m->updated >= catalog_date || !is_built_in(m->provider)) {
			c->models[kept++] = *m;
			continue;
		}
		if (c->older.providers == 0)
			c->older.first = m->provider;
		if (!str_eq(m->provider, last))
			c->older.providers++;
		if (m->updated > c->older.updated)
			c->older.updated = m->updated;
		last = m->provider;
	}
	c->count = kept;
}

static bool has_provider(const struct catalog *c, unsigned newer, str provider)
{
	unsigned low = 0, high = newer;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (str_cmp(c->models[middle].provider, provider) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < newer && str_eq(c->models[low].provider, provider);
}

/* Of the providers of which the text says nothing newer. */
static void add_built_in(struct catalog *c)
{
	unsigned newer = c->count;
	struct catalog_model m;
	str last = STR_NONE;
	bool is_newer = false;

	for (unsigned i = 0; catalog_model_at(NULL, i, &m); i++) {
		if (!str_eq(m.provider, last))
			is_newer = has_provider(c, newer, m.provider);
		last = m.provider;
		if (!is_newer)
			c->models[c->count++] = m;
	}
	qsort(c->models, c->count, sizeof(c->models[0]), by_provider);
}

void catalog_table_complete(struct catalog *c)
{
	drop_older(c);
	add_built_in(c);
	c->by_id = make_index(c, by_id);
	c->by_identity = make_index(c, by_identity);
}

struct catalog_older catalog_older(const struct catalog *c)
{
	return c ? c->older : (struct catalog_older){ 0 };
}

void catalog_free(struct catalog **pc)
{
	struct catalog *c = move(*pc);

	if (!c)
		return;
	free(c->by_id);
	free(c->by_identity);
	free(c->models);
	free(c->text);
	free(c);
}

/* ---- looking up ---- */

/* The first in by_id or by_identity whose text is not before `text`. */
static unsigned find_text(const struct catalog *c, const struct catalog_model **index,
                          str text)
{
	unsigned low = 0, high = c->count;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		const struct catalog_model *m = index[middle];

		if (str_cmp(index == c->by_id ? m->id : m->identity, text) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The first model that is not before (provider, id). */
static unsigned find_place(const struct catalog *c, str provider, str id)
{
	const struct catalog_model wanted = { .provider = provider, .id = id };
	unsigned low = 0, high = c->count;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (catalog_model_cmp(&c->models[middle], &wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool catalog_file_at(const struct catalog *c, unsigned i, struct catalog_model *ret)
{
	if (i >= c->count)
		return false;
	*ret = c->models[i];
	return true;
}

bool catalog_file_find(const struct catalog *c, str provider, str id,
                       struct catalog_model *ret)
{
	unsigned i = find_place(c, provider, id);

	if (i == c->count || !str_eq(c->models[i].provider, provider) ||
	    !str_eq(c->models[i].id, id))
		return false;
	*ret = c->models[i];
	return true;
}

bool catalog_file_next_with_id(const struct catalog *c, str id, unsigned *at,
                               struct catalog_model *ret)
{
	unsigned i = *at ? *at : find_text(c, c->by_id, id);

	if (i >= c->count || !str_eq(c->by_id[i]->id, id))
		return false;
	*at = i + 1;
	*ret = *c->by_id[i];
	return true;
}

bool catalog_file_next_same(const struct catalog *c, str identity, unsigned *at,
                            struct catalog_model *ret)
{
	unsigned i = *at ? *at : find_text(c, c->by_identity, identity);

	if (i >= c->count || !str_eq(c->by_identity[i]->identity, identity))
		return false;
	*at = i + 1;
	*ret = *c->by_identity[i];
	return true;
}

bool catalog_file_next_of_provider(const struct catalog *c, str provider, unsigned *at,
                                   struct catalog_model *ret)
{
	unsigned i = find_place(c, provider, STR_NONE) + *at;

	if (i >= c->count || !str_eq(c->models[i].provider, provider))
		return false;
	*at += 1;
	*ret = c->models[i];
	return true;
}
