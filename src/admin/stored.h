/* stored.h - changing the store of provider keys, the same whether a gateway runs or not.
 * Who calls holds the lock of the data directory. */
#pragma once
#include "config/vault.h"

/* Where the master keys of that data directory are: key_file (empty: not configured), and
 * $CREDENTIALS_DIRECTORY. */
struct master_place stored_place(const char *key_file, str data);

/* False: *why says what is wrong with a name, a format, a URL or a key. */
must_check bool stored_check(const struct vault_row *row, struct buf *why);
/* Can a gateway run it that has no configuration?  False: *why, with the nearest name. */
must_check bool stored_check_unwritten(const struct vault_row *row, struct buf *why);
/* Is it no slip of a name, of a provider that the configuration does not have?  False:
 * *why, with the name that was meant. */
must_check bool stored_check_typo(const struct vault_row *row, struct buf *why);
/* Adds the row (its id, version and time are made here), instead of all other keys of the
 * provider when `replace`.  *ret_first: it is the first that $data/master.key has sealed,
 * and people are to be told of that. */
must_check bool stored_put(const struct master_place *at, struct vault_row *row,
                           bool replace, bool *ret_first, struct buf *why);
/* id 0: all of the provider. False: *why, also when there is none. */
must_check bool stored_remove(const struct master_place *at, str provider, uint64_t id,
                              unsigned *ret_count, struct buf *why);

struct stored_rotation {
	uint32_t id;   /* of the master key that seals now */
	unsigned rows; /* provider keys sealed anew */
	unsigned keys; /* master keys in the file */
};
/* Seals everything with a new master key, which is made unless the file has one already
 * that has sealed nothing.  Until everything is sealed anew both are in the file.  To a
 * file of the user's none is added, and none is forgotten there: false, nothing was
 * written. */
must_check bool stored_rotate(const struct master_place *at, bool forget_old,
                              struct stored_rotation *ret, struct buf *why);
/* What people are told of a master key that was made. */
void stored_say_made(str data, struct buf *to);
