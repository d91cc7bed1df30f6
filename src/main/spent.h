/* spent.h - what budgets begin with: what the ledger knows was spent in the windows that
 * are counted.
 *
 * At the start the ledger is complete: attempts that a dead process left are marked
 * unknown by then, and charged as reserved.  When a budget is added later, what is
 * settled from that moment on is counted as it comes, and the rest is read behind it;
 * what is settled in between may be counted twice, never not at all.  Corrections of the
 * ledger wait meanwhile, and come to what is counted by themselves (admin/reprice.h). */
#pragma once
#include "gateway/gateway.h"

/* Everybody's, from a ledger that nobody writes yet.  False: it cannot be read. */
must_check bool spent_load(struct gateway *g, struct ledger *l, usec wall);
/* A node is new or another than it was: it is put, and what its new budgets lack is
 * read from $data/ledger.db.  False: there is no room for it, or the ledger cannot be
 * read; a budget that is not known to have room is then taken for spent. */
must_check bool spent_put(struct gateway *g, const struct tenant_row *row);
