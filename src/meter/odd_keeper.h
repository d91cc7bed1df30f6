/* odd_keeper.h - the board of oddities and the ledger: read at start, written behind.
 * For the recorder's thread. */
#pragma once
#include "policy/odd.h"
#include "store/ledger.h"

must_check bool odd_keeper_load(struct odd *o, struct ledger *l);
/* Writes what there is news about; nothing happens without.  False: see ledger_error; it
 * stays news, and the caller rolls back. */
must_check bool odd_keeper_save(struct odd *o, struct ledger *l);
