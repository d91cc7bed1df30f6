/* reconcile.h - the ledger against what a provider says was used, by day and model.
 *
 * Days are those of UTC, as providers count.  Providers may name a dated model where we
 * name the model, so dates at the end of names are passed over. */
#pragma once
#include "admin/usage_file.h"
#include "store/ledger.h"

enum { RECONCILE_DAYS_MOST = 1100 }; /* from a file's first day to its last */

struct reconcile {
	struct ledger *ledger;
	str provider;             /* only this one's attempts; empty: all */
	uint64_t tolerance;       /* what may be different, parts per million */
	struct usage_file theirs; /* as it was read; is sorted */
	/* -- what came of it */
	struct usage_file ours;
	unsigned lines, different; /* days and models */
};

/* A day and model; either may be NULL.  what: how they differ; empty: they do not. */
struct reconcile_pair {
	int64_t day;
	str model;
	const struct usage_line *theirs, *ours;
	str what;
};
typedef void reconcile_fn(void *arg, const struct reconcile_pair *pair);

/* Theirs by day, then those that only the ledger has.  False: *why; the ledger could not
 * be read, or (*ret_is_long) the file covers more days than that. */
must_check bool reconcile_run(struct reconcile *k, reconcile_fn *each, void *arg,
                              bool *ret_is_long, struct buf *why);
void reconcile_done(struct reconcile *k);

/* "0.5%", "0.5" or "0": in parts per million. */
bool reconcile_tolerance(str text, uint64_t *ret);
