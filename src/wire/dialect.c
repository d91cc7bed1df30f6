#include "wire/dialect.h"

#include "base/assert.h"

static const struct dialect_row table[] = {
#define EDIT(who_, op_, path_, from_, to_)                                               \
	{ .who = STR_INIT(who_),                                                         \
	  .op = DIALECT_##op_,                                                           \
	  .path = STR_INIT(path_),                                                       \
	  .from = STR_INIT(from_),                                                       \
	  .to = STR_INIT(to_) },
#include "wire/dialect.def"
#undef EDIT
};

const struct dialect_row *dialect_at(unsigned i)
{
	return i < countof(table) ? &table[i] : NULL;
}

/* "groq" is that provider; "alibaba*" and "groq/qwen*" are beginnings of
 * "provider/model". */
static bool is_for(str who, str provider, str model)
{
	size_t n;

	/* Nearly all rows are for others. */
	if (who.ptr[0] != '*' && (provider.len == 0 || who.ptr[0] != provider.ptr[0]))
		return false;
	if (!str_ends(who, STR("*")))
		return str_eq(who, provider);
	who = str_first(who, who.len - 1);
	n = min_of(who.len, provider.len);
	if (!str_eq(str_first(who, n), str_first(provider, n)))
		return false;
	who = str_from(who, n);
	if (who.len == 0)
		return true;
	return str_skip(&who, STR("/")) && str_starts(model, who);
}

/* Closer rows go first; of equally close ones the order of the table stays. */
static void add_row(struct dialect *d, const struct dialect_row *row)
{
	unsigned at = d->count++;

	assert(d->count <= DIALECT_ROWS);
	for (; at > 0 && d->rows[at - 1]->who.len < row->who.len; at--)
		d->rows[at] = d->rows[at - 1];
	d->rows[at] = row;
}

void dialect_find(str provider, str model, struct dialect *ret)
{
	ret->count = 0;
	for (size_t i = 0; i < countof(table); i++) {
		if (is_for(table[i].who, provider, model))
			add_row(ret, &table[i]);
	}
}

const struct dialect_row *dialect_row(const struct dialect *d, enum dialect_op op,
                                      str path)
{
	for (unsigned i = 0; i < d->count; i++) {
		if (d->rows[i]->op == op && str_eq(d->rows[i]->path, path))
			return d->rows[i];
	}
	return NULL;
}

const struct dialect_row *dialect_fate(const struct dialect *d, str path)
{
	for (unsigned i = 0; i < d->count; i++) {
		if (d->rows[i]->op <= DIALECT_RENAME && str_eq(d->rows[i]->path, path))
			return d->rows[i];
	}
	return NULL;
}

bool dialect_keeps(const struct dialect *d, str path)
{
	const struct dialect_row *row = dialect_fate(d, path);

	return !row || row->op == DIALECT_KEEP || row->op == DIALECT_RENAME;
}

str dialect_word(const struct dialect *d, str path, str word)
{
	for (unsigned i = 0; i < d->count; i++) {
		const struct dialect_row *row = d->rows[i];

		if (row->op == DIALECT_WORD && str_eq(row->path, path) &&
		    str_eq(row->from, word))
			return row->to;
	}
	return word;
}

uint64_t dialect_bound(const struct dialect *d, str path, uint64_t most)
{
	const struct dialect_row *row = dialect_row(d, DIALECT_BOUND, path);
	uint64_t bound;

	return row && str_to_u64(row->to, &bound) ? bound : most;
}
