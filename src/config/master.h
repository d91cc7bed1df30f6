/* master.h - the keys on which everything encrypted at rest hangs.
 *
 * They lie in a file apart from what they open: the `key_file` of `secrets:`, else the
 * systemd credential `sluice-master-key`, else $data/master.key, which is made when
 * something is first encrypted.  The file is 32 bytes, or lines of base64 or hexadecimal
 * (32 bytes each; '#' begins a comment).  All of them open; the last one seals. */
#pragma once
#include "base/secret.h"
#include "codec/seal.h"

enum { MASTERS_MOST = 16 };

/* Where it is looked for. */
struct master_place {
	const char *key_file;        /* of the configuration, or NULL */
	const char *credentials_dir; /* $CREDENTIALS_DIRECTORY, or NULL */
	str data;
};

struct master {
	struct seal_key *keys; /* in `room` */
	unsigned count;        /* at least 1 */
	struct secret_room room;
};

enum master_found { MASTER_FOUND, MASTER_MISSING, MASTER_BAD /* *why says it */ };

/* Which file it is.  False: *why, its name is too long. */
must_check bool master_path(const struct master_place *at, char *to, size_t room,
                            struct buf *why);
/* Is it $data/master.key?  Any other one is the user's, and never written. */
bool master_is_ours(const struct master_place *at);
/* MISSING: no file is there; a `key_file` or credential that is missing is BAD. */
must_check enum master_found master_find(const struct master_place *at,
                                         struct master *ret, struct buf *why);
/* The same; $data/master.key is made (0600) when there is none, and *ret_made says so
 * (may be NULL).  Who makes one tells people to keep it apart from the backups of $data.
 */
must_check bool master_load(const struct master_place *at, struct master *ret,
                            bool *ret_made, struct buf *why);
void master_done(struct master *m);

/* The key that seals now. */
const struct seal_key *master_current(const struct master *m);
/* The key of that id, for opening; NULL: it is not among them. */
const struct seal_key *master_key(const struct master *m, uint32_t id);

/* Both only of $data/master.key (master_is_ours). */
/* Adds a new random key, which seals from now on; the file is replaced. False: *why. */
must_check bool master_add(const struct master_place *at, struct master *m,
                           struct buf *why);
/* Takes all keys but the last one out of the file.  What they have sealed is lost. */
must_check bool master_forget_old(const struct master_place *at, struct master *m,
                                  struct buf *why);
