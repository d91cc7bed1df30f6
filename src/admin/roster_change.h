/* roster_change.h - private to admin/: a change of the roster in one transaction with its
 * entry in the audit log, told to the running gateway when it is committed. */
#pragma once
#include "admin/clerk.h"
#include "admin/roster.h"

/* What was changed, until it is told; its texts are in an arena. */
struct roster_kept {
	bool is_set, has_secret;
	struct tenant_row row;
	struct key_secret secret;
};
void roster_keep(struct roster_kept *k, struct arena *keep, const struct tenant_row *row,
                 const struct key_secret *secret);
/* Around a change and its roster_tell: others wait meanwhile, so that the gateway is told
 * in the order in which the ledger has committed.  NULL: nobody else changes anything. */
void roster_hold(struct tenants *t);
void roster_release(struct tenants *t);
/* False: the gateway has no room for what was made, *why says so; then it must not be
 * committed. */
must_check bool roster_fits(const struct roster_kept *k, const struct admin_ops *ops,
                            void *arg, struct buf *why);
/* Nothing when nothing was changed.  Held (above).  False: the ledger has it, but it is
 * not in force, *why says so. */
must_check bool roster_tell(const struct roster_kept *k, const struct admin_ops *ops,
                            void *arg, struct buf *why);
/* "keys_create": what the change is called in the audit log, as the route is. */
void roster_action(const struct roster_change *change, struct buf *to);

/* Who asks at the socket, or by a command. */
struct roster_asker {
	const uint8_t *pepper;
	char who[64];
	const char *from;
};
/* roster_ask inside the transaction that is under way: `l` is its writer.  t->ledger and
 * recorder, changed, audit and arg are set here.  FAILED also when the entry could not be
 * written. */
must_check enum roster_result roster_ask_traced(struct roster *t, struct ledger *l,
                                                const struct roster_asker *asker,
                                                struct json_value request,
                                                struct json_writer *to,
                                                struct roster_kept *ret_kept);
