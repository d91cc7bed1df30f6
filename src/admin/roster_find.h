/* roster_find.h - private to admin/: nodes as the operations of roster.h find them. */
#pragma once
#include "admin/roster.h"

/* A node as it was read; its texts are in roster.keep. */
struct node {
	struct tenant_row row;
	struct key_secret secret; /* of keys */
	bool is_found;
};

/* By its id, its name, or the whole text of a key. */
must_check enum roster_result roster_find(struct roster *t, enum tenant_kind kind,
                                          str which, struct node *ret);
/* By id or name, whatever may stand above a node of that kind.  INVALID when there is
 * none, or when it is revoked; then ret->is_found all the same. */
must_check enum roster_result roster_find_parent(struct roster *t, enum tenant_kind kind,
                                                 str which, struct node *ret);
/* TAKEN when the node's name is another's. */
must_check enum roster_result roster_check_free(struct roster *t,
                                                const struct tenant_row *row);
/* FAILED, with what the ledger says. */
must_check enum roster_result roster_unreadable(struct roster *t);

/* Members of the node, with the name of what it belongs to, if that can be read, and with
 * what has ended above it.  secret: of a key, as it was read; roster_show.c. */
void roster_write(struct roster *t, const struct tenant_row *row,
                  const struct key_secret *secret, struct json_writer *to);
