/* keyring.h - the virtual keys and whom they belong to, as all workers see them at the
 * same moment.
 *
 * An insert-only table of fixed capacity, shared by all threads: adding and changing are
 * rare and take turns under a lock, looking up is lock-free.  An entry never moves and
 * never goes, so what is revoked stops with the next request: a key, or a team with all
 * its keys. */
#pragma once
#include "base/fault.h"
#include "store/tenant_row.h"

enum { KEYRING_MOST = 131072 }; /* nodes of any kind */

struct keyring;

struct keyring *keyring_new(void);
void keyring_free(struct keyring **k);

/* Adds a node, or takes over what has changed: whether it is revoked, when it expires,
 * its secret (NULL: it has none, or keeps what it has).  Parents come before their
 * children.  Takes no place: a node that is revoked and was not here, and a child of
 * nobody who is known; they are good for nothing, and so is who is not known.  False:
 * full. */
must_check bool keyring_put(struct keyring *k, const struct tenant_row *row,
                            const struct key_secret *secret);
/* Keys there are, also those that were revoked since. */
unsigned keyring_count(const struct keyring *k);
bool keyring_has_room(const struct keyring *k);

/* Is `mac` that of the key `id`, its present one or, in its grace, the one before; and
 * may it, and may all above it, be used at that time?  NULL, BAD_KEY, or KEY_EXPIRED for
 * one that was right.  Takes the same steps for a wrong key and for an unknown one. */
must_check fault_t keyring_check(struct keyring *k, uint64_t id, const uint8_t mac[32],
                                 usec wall);
/* The same for one whose secret was right before: NULL, BAD_KEY or KEY_EXPIRED. */
must_check fault_t keyring_look(const struct keyring *k, uint64_t id, usec wall);
/* When it was last good, to the second, as far as this process knows; 0: not yet. */
usec keyring_used(const struct keyring *k, uint64_t id);
/* The node's name, or empty; good for ever. */
str keyring_name(const struct keyring *k, uint64_t id);
/* Is or was there another team of that name, of another organisation? */
bool keyring_has_namesake(const struct keyring *k, uint64_t id);
