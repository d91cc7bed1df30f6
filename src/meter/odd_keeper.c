#include "meter/odd_keeper.h"

static bool load(void *arg, const struct odd_row *row)
{
	odd_load(arg, row);
	return true;
}

bool odd_keeper_load(struct odd *o, struct ledger *l)
{
	return ledger_odd(l, load, o);
}

/* A provider's rows are few, and names come and go: they are written anew. */
static bool save(struct ledger *l, const struct odd_rows *rows)
{
	bool ok = ledger_begin(l) && ledger_odd_drop(l, rows->rows[0].provider);

	for (unsigned i = 0; ok && i < rows->count; i++)
		ok = ledger_odd_put(l, &rows->rows[i]);
	return ok && ledger_commit(l);
}

bool odd_keeper_save(struct odd *o, struct ledger *l)
{
	struct odd_rows rows;
	unsigned at = 0;

	while (odd_next_news(o, &at, &rows)) {
		if (rows.count == 0 || save(l, &rows))
			continue;
		odd_again(o, at);
		return false;
	}
	return true;
}
