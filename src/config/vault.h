/* vault.h - the store of provider keys: $data/secrets, encrypted (G35).
 *
 *	sluice secrets 1
 *	ID <tab> VERSION <tab> CREATED <tab> PROVIDER <tab> FORMAT <tab> URL <tab> SEALED
 *	...
 *	end <tab> SEALED
 *
 * Each key is sealed (codec/seal.h) about the words before it in its line, so it opens in
 * its own row only; the last line is sealed about everything above, so that no row can be
 * dropped, doubled, put elsewhere or brought back from an older file.  FORMAT and URL are
 * empty for what the catalogue knows.  The file is replaced as a whole. */
#pragma once
#include "base/arena.h"
#include "base/secret.h"
#include "base/usec.h"
#include "config/master.h"

enum {
	VAULT_ROWS = 1024,
	VAULT_KEY_MOST = 8 * KiB,
	VAULT_OF_ONE = 64, /* keys of one provider: so many are used */
};

struct vault_row {
	uint64_t id;      /* never 0 */
	unsigned version; /* 1, and one more with each rotation */
	usec created_wall;
	str provider;
	str format, url; /* of a provider nobody knows; else empty */
	struct secret key;
};

struct vault {
	struct vault_row *rows; /* in `keep`, as their texts are; VAULT_ROWS */
	unsigned count;
	uint32_t sealed_with; /* id of the master key; 0: nothing was read */
	struct arena keep;
	struct secret_room room;
};

/* Is there such a file? */
bool vault_exists(str data);
/* Opens all of it; without a file it is empty.  False: *why; it must not be written over
 * then. */
must_check bool vault_read(str data, const struct master *m, struct vault *ret,
                           struct buf *why);
/* Finds the master keys first.  False: *why, also when a key that is needed lies
 * elsewhere. */
must_check bool vault_open(const struct master_place *at, struct master *ret_master,
                           struct vault *ret, struct buf *why);
/* vault_read with the text of a file.  False: ret->sealed_with is the id of a master key
 * that *m has not, or 0. */
must_check bool vault_read_text(str text, const char *path, const struct master *m,
                                struct vault *ret, struct buf *why);
/* Seals all rows with the newest key.  False: *why; nothing was changed. */
must_check bool vault_write(str data, const struct master *m, struct vault *v,
                            struct buf *why);
void vault_done(struct vault *v);

/* A new row, in place of all others of the provider when `replace`, and then one version
 * above them.  False: *why. */
must_check bool vault_put(struct vault *v, const struct vault_row *row, bool replace,
                          struct buf *why);
/* How many rows went: the one of that id, or all of the provider (id 0). */
unsigned vault_remove(struct vault *v, str provider, uint64_t id);

/* For a configuration that nobody wrote: what the rows say of themselves, not verified
 * yet.  *rest begins as the file's text; false: no more. */
bool vault_next_name(str *rest, str *ret_provider, str *ret_format, str *ret_url);
/* The file's text, empty without one. */
void vault_text(str data, struct buf *ret);
