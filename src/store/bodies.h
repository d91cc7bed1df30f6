/* bodies.h - requests and answers as they were said: compressed, encrypted, and gone
 *after a while.
 *
 *	$data/bodies/TTTTTTTTTTTTTTTT.seg  records, appended; T: when it was begun, in
 *	                                   microseconds since 1970, hex
 *	$data/bodies/TTTTTTTTTTTTTTTT.idx  an entry of fixed size for each
 *
 * A record is one exchange's: compressed (zstd), then sealed (AES-256-GCM) with a key of
 * its file, derived from the newest master key, and with its exchange's id.  So a record
 * that was moved, or of which one bit was changed, does not open.  An entry names the
 * exchange, the key, a MAC of the user and the place; nothing of it is readable either.
 *
 * One writer at a time.  A file is never longer in use than a tenth of what is kept, so
 * that old ones can be deleted as a whole; one that is forgotten before is overwritten
 * with zeros, record and entry. */
#pragma once
#include "base/buf.h"
#include "base/usec.h"
#include "codec/seal.h"

/* Master keys; the last one seals. */
struct body_keys {
	const struct seal_key *list;
	unsigned count;
};

enum body_flag {
	BODY_NO_REQUEST = 1 << 0, /* there was no room for it, or it passed unseen */
	BODY_NO_ANSWER = 1 << 1,
	BODY_CUT = 1 << 2,      /* the answer is longer */
	BODY_STREAM = 1 << 3,   /* the answer is a stream of events */
	BODY_REDACTED = 1 << 4, /* something was taken out */
};

struct body_row {
	uint64_t exchange;
	uint64_t key; /* the virtual key's id, 0: none */
	usec wall;
	str user; /* whom the request names; not kept in clear */
	unsigned flags;
	str request, answer;
};

enum { BODIES_RECORD_MOST = 128 * MiB };

struct bodies;

/* Makes dir (0700) when it is missing, and ends what a crash has left half written.
 * Borrows keys.  NULL: *why. */
struct bodies *bodies_open(str dir, const struct body_keys *keys, struct buf *why);
void bodies_close(struct bodies **at);
/* Other keys from now on, borrowed as well; the next record begins a new file. */
void bodies_set_keys(struct bodies *b, const struct body_keys *keys);
/* False: *why; what is there already stays as it is.  keep: how long files are to last.
 */
must_check bool bodies_put(struct bodies *b, const struct body_row *row, usec keep,
                           struct buf *why);
/* What was put is on the disk. False: *why. */
must_check bool bodies_sync(struct bodies *b, struct buf *why);
/* Deletes files with anything older than `before`, and the oldest while there is more
 * than `max`.  False: *why. */
must_check bool bodies_prune(struct bodies *b, usec before, uint64_t max,
                             struct buf *why);

struct body_match {
	str user;          /* empty: anybody */
	uint64_t key;      /* 0: any */
	usec before;       /* 0: all */
	uint64_t exchange; /* 0: any */
	uint64_t last;     /* of a user who may have more under way: ledger_person's */
};
/* Overwrites and syncs all that match, and of a user also what may: a record of somebody
 * that was sealed with a key which is not there any more.  Nobody can tell whose it is,
 * nor read it, until that key turns up again.  False: *why; some may be gone already. */
must_check bool bodies_erase(struct bodies *b, const struct body_match *match,
                             uint64_t *ret_count, struct buf *why);

/* The record of an exchange, its texts in *keep; beside a writer or without.  False:
 * there is none (*why is empty), or *why. */
must_check bool bodies_find(str dir, const struct body_keys *keys, uint64_t exchange,
                            struct buf *keep, struct body_row *ret, struct buf *why);

/* What is known of a record without opening it. */
struct body_entry {
	uint64_t exchange, key;
	usec wall;
	uint64_t bytes; /* on the disk */
};
/* Where it stands: a listing goes on behind it, whatever is added or goes meanwhile. */
struct body_place {
	usec begun; /* of its file */
	uint64_t number;
};
/* False: it is enough. */
typedef bool body_entry_fn(void *arg, const struct body_entry *e,
                           const struct body_place *at);
/* The newest first; behind NULL: from there.  Beside a writer or without.  False: *why.
 */
must_check bool bodies_list(str dir, const struct body_place *behind, body_entry_fn *each,
                            void *arg, struct buf *why);
