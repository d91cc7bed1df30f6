/* nodes.h - organisations, teams, keys and users, out of the ledger into what the workers
 * see of them: the keyring and the tree (policy/). */
#pragma once
#include "gateway/gateway.h"

/* All of them, before anybody asks; what was spent comes behind it (spent.h).  What finds
 * no room is named in the log.  False: the ledger cannot be read. */
must_check bool nodes_load(struct gateway *g, struct ledger *l);
/* One that is new or another than it was, with what was spent.  False: it is not in
 * force; the log has it. */
must_check bool nodes_put(struct gateway *g, const struct tenant_row *row,
                          const struct key_secret *secret);
