/* reprice.h - what attempts cost by the prices of a configuration as it is now, and the
 * entries that correct the ledger accordingly.
 *
 * Goes through the ledger in slices, so that neither the recorder nor whoever asks waits
 * long. Each attempt whose usage is known is priced as it would be today; where that
 * differs from what the ledger has, corrections included, it gets an entry.  Doing it
 * again finds nothing to correct.  What has no price today keeps its cost.
 *
 * Budgets that a gateway counts follow, and never have less than the ledger: what becomes
 * dearer is counted just before the entries are committed, what becomes cheaper just
 * behind. */
#pragma once
#include "config/config.h"
#include "policy/tenant.h"
#include "store/ledger.h"

enum { REPRICE_CHANGES = 1000, REPRICE_MODELS = 100, REPRICE_ROWS = 100000 };

struct reprice_ask {
	uint64_t after;      /* ids behind it; 0: from the beginning */
	usec since, until;   /* of wall time, [since, until) */
	str provider, model; /* only those; empty: all */
};

/* Of one model, the attempts of a slice whose usage is known. */
struct reprice_model {
	str provider, model;
	uint64_t attempts;
	uint64_t unpriced; /* of them: no price is known now, or not of all they used */
	uint64_t changed;  /* of them: the ledger has another cost */
	uint64_t new;      /* of the changed: the ledger had no cost at all */
	nanousd was, now;  /* what the changed ones cost; one without a cost was 0 */
};

struct reprice {
	struct reprice_model models[REPRICE_MODELS];
	unsigned model_count;
	uint64_t changed;
	nanousd delta;
	uint64_t next; /* `after` of the next slice; 0: this was the last */
	struct arena keep;
	/* -- private -- */
	struct reprice_change *changes; /* `changed` of them */
	struct tenants *tenants;        /* between reprice_count and reprice_counted */
};

/* Looks at one slice; to be ended by reprice_done in any case.  Blocks while it reads.
 * False: *why. */
must_check bool reprice_slice(struct ledger *reader, const struct config *c,
                              const struct reprice_ask *ask, struct reprice *ret,
                              struct buf *why);
/* From here to reprice_counted budgets follow what reprice_write does (NULL: nobody has
 * any); the sums of what was spent are held meanwhile. */
void reprice_count(struct reprice *r, struct tenants *tenants);
/* Corrects what was found, in the transaction of `l`. */
must_check bool reprice_write(struct reprice *r, struct ledger *l);
/* Was that transaction committed?  Else nothing counts. */
void reprice_counted(struct reprice *r, bool is_committed);
void reprice_done(struct reprice *r);
