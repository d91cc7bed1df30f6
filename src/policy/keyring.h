/* keyring.h - the virtual keys, as all workers see them at the same moment.
 *
 * An insert-only table of fixed capacity, shared by all threads: adding and revoking are
 * rare and take turns under a lock, looking up is lock-free.  An entry never moves and
 * never goes, so a revoked key stops with the next request. */
#pragma once
#include "base/str.h"
#include "store/ledger.h"

enum { KEYRING_MOST = 65536 };

struct keyring;

struct keyring *keyring_new(void);
void keyring_free(struct keyring **k);

/* False: full. An id that is there already is only updated (revoked or not). */
must_check bool keyring_put(struct keyring *k, const struct key_row *key);
void keyring_revoke(struct keyring *k, uint64_t id);
unsigned keyring_count(const struct keyring *k);

/* Is `mac` that of the active key `id`?  Takes the same time for a wrong key and for an
 * unknown one. */
bool keyring_check(const struct keyring *k, uint64_t id, const uint8_t mac[32]);
/* Is there a key of that id, and is it not revoked?  For one whose mac was checked
 * before.
 */
bool keyring_is_active(const struct keyring *k, uint64_t id);
/* The key's name, or empty; good for ever. */
str keyring_name(const struct keyring *k, uint64_t id);
