/* ledger.h - the database: attempts and tenants, in SQLite ($data/ledger.db, WAL).
 *
 * One writer connection, owned by the recorder, which is also the only checkpointer (that
 * avoids the WAL-reset fault of SQLite < 3.51.3).  Readers are read-only connections with
 * checkpoint-on-close off.  Behind a small vtable later, for PostgreSQL; this folder is
 * the only one with SQL.
 *
 * People read the view `attempts`.  Behind it lies a star: the table `attempt` holds what
 * differs from row to row, and points to what repeats (who asked for what, what came of
 * it, who called) in `request`, `outcome` and `caller`.  A row takes 80 bytes instead of
 * 190 that way, and half the time. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "store/admin_row.h"
#include "store/odd_row.h"
#include "store/pin_row.h"
#include "store/row.h"
#include "store/tenant_row.h"

struct ledger;

/* Opens or creates, migrates forward. NULL and a text in *why. */
struct ledger *ledger_open(const char *path, struct buf *why);
/* Read-only; NULL also when there is no database yet. */
struct ledger *ledger_open_reader(const char *path, struct buf *why);
void ledger_close(struct ledger **at);

/* ---- writing attempts; between begin and commit ---- */

must_check bool ledger_begin(struct ledger *l);
/* Inserts the row, or replaces an open one of that id; a settled row is left alone, so a
 * repeated put changes nothing: *ret_changed (may be NULL) is false then. */
must_check bool ledger_put(struct ledger *l, const struct attempt_row *row,
                           bool *ret_changed);
/* The same for a settled row that was put as an open one in an earlier transaction. */
must_check bool ledger_put_opened(struct ledger *l, const struct attempt_row *row,
                                  bool *ret_changed);
/* The same for a row that is certainly new, and cheaper; should it exist nevertheless,
 * the transaction fails, here or at the commit.  Whoever opened it settles it in another
 * transaction. */
must_check bool ledger_put_new(struct ledger *l, const struct attempt_row *row);
must_check bool ledger_commit(struct ledger *l); /* durable: fdatasync of the WAL */
void ledger_rollback(struct ledger *l);
/* All that is read between these is of one moment. */
must_check bool ledger_begin_read(struct ledger *l);
must_check bool ledger_end_read(struct ledger *l);
/* Marks the open rows unknown, in a transaction of its own; after the journals were
 * replayed at start. False: roll back. */
must_check bool ledger_close_open_rows(struct ledger *l, uint64_t *ret_count);
/* The highest id there is, 0 for an empty ledger. */
uint64_t ledger_last_id(struct ledger *l);
/* What a failed call said, and whether it was for lack of space. */
const char *ledger_error(struct ledger *l, bool *ret_no_space);
/* Was it because the file makes no sense? */
bool ledger_is_damaged(struct ledger *l);
/* Passive checkpoint; called when the recorder is idle or the WAL has grown. False: it
 * failed, and is tried again at the next call. */
bool ledger_checkpoint(struct ledger *l);
/* Bytes in the WAL that no checkpoint has moved yet. */
uint64_t ledger_wal_bytes(const struct ledger *l);
/* Gives cached pages back; when nothing is to be written for a while. */
void ledger_rest(struct ledger *l);

/* ---- reading attempts ---- */

/* One row on loan until the next call. Of a row that is not done only the first half of
 * the struct means something: its usage and cost are unknown. */
typedef bool ledger_row_fn(void *arg, const struct attempt_row *row); /* false: enough */
/* Rows that close an exchange, and those of exchanges that no row closes because the
 * process died (ROW_UNKNOWN; two of one exchange when it was asked twice at once), newest
 * first when `newest`, with id > after and < before (0: no bound), at most `most`. */
bool ledger_exchanges(struct ledger *l, uint64_t after, uint64_t before, bool newest,
                      unsigned most, ledger_row_fn *each, void *arg);
/* The ids of attempts that are under way, ascending, at most `most`. */
bool ledger_open_ids(struct ledger *l, uint64_t *ret_ids, unsigned most,
                     unsigned *ret_count);
/* The row of that id, if there is one: calls `each` once or not at all. */
bool ledger_attempt(struct ledger *l, uint64_t id, ledger_row_fn *each, void *arg);
/* All rows of one exchange, by id, which is by number. */
bool ledger_exchange(struct ledger *l, uint64_t exchange, ledger_row_fn *each, void *arg);

/* ---- retention ---- */

/* How far each worker's journal is in the ledger (journal_place). */
enum { LEDGER_WORKERS = 64 };
struct ledger_places {
	uint64_t of[LEDGER_WORKERS];
};

/* Deletes some thousand attempts that began before then, or the oldest while the
 * database is larger than max_bytes (0: as large as it likes), and what names and
 * outcomes no attempt has any more, within a day; sums stay.  `places` is kept for
 * ledger_pruned.  *ret_more: call again soon. False: roll back. */
must_check bool ledger_prune(struct ledger *l, usec before_wall, uint64_t max_bytes,
                             const struct ledger_places *places, bool *ret_more);
/* Did the last one find more than max_bytes, and nothing that may go? */
bool ledger_is_too_large(const struct ledger *l);
/* What was deleted: a record that stands before its worker's place and has a lower id
 * than *ret_below has been counted, though its row may be gone.  It must not come again.
 */
must_check bool ledger_pruned(struct ledger *l, struct ledger_places *ret,
                              uint64_t *ret_below);

/* ---- corrections ---- */

struct correction_row {
	uint64_t attempt;
	nanousd delta;                     /* to be added to its cost */
	uint64_t old_version, new_version; /* of prices; 0: none. Set by reading */
	usec made_wall;
	str why;
};

/* The attempt's cost is that one, by those figures: an entry of its own, and the sums
 * follow; a settled row stays as it is.  Says what differs from what is known already,
 * corrections included, or nothing (*ret_changed): saying it twice changes nothing.
 * *ret_charged (may be NULL): so much more is charged for it, or less.
 * Between begin and commit; of *correction the attempt, the time and the reason are
 * read. */
must_check bool ledger_correct(struct ledger *l, const struct correction_row *correction,
                               nanousd cost, const struct price *price, bool *ret_changed,
                               nanousd *ret_charged);
typedef bool ledger_correction_fn(void *arg, const struct correction_row *row);
bool ledger_corrections(struct ledger *l, uint64_t attempt, ledger_correction_fn *each,
                        void *arg);

/* ---- organisations, teams, keys, and users with limits of their own ---- */

/* Writes a node: a new one (serial 1), or the next state of one that is there, whose
 * serial it takes further by one.  Nothing is written, and *ret_done is false, when an id
 * is to be new and is not, or somebody else's change came between.  `secret` belongs to
 * keys alone; NULL: a key keeps what it has.  Two active organisations, teams of one
 * organisation, or users of one parent with the same name are a failure. */
must_check bool ledger_tenant_put(struct ledger *l, const struct tenant_row *row,
                                  const struct key_secret *secret, bool *ret_done);
/* One node on loan until the next call; the secret is NULL but for keys. */
typedef bool ledger_tenant_fn(void *arg, const struct tenant_row *row,
                              const struct key_secret *secret);
/* All of them, parents before their children; of one kind the oldest first. */
bool ledger_tenants(struct ledger *l, ledger_tenant_fn *each, void *arg);
/* Those of a kind behind (created, id), at most `most`. */
bool ledger_tenants_of(struct ledger *l, enum tenant_kind kind, usec created, uint64_t id,
                       unsigned most, ledger_tenant_fn *each, void *arg);
/* The one of that id, if there is one: calls `each` once or not at all. */
bool ledger_tenant(struct ledger *l, uint64_t id, ledger_tenant_fn *each, void *arg);
/* The nodes of that kind and name, active ones first. */
bool ledger_tenants_named(struct ledger *l, enum tenant_kind kind, str name,
                          ledger_tenant_fn *each, void *arg);
/* The last hour in which the key was used, as the rollups know it: when that hour began;
 * 0: in none. */
bool ledger_key_used(struct ledger *l, uint64_t key, usec *ret_wall);

/* ---- pins ---- */

/* In the transaction of the attempts, or alone. Doing it again changes nothing. */
must_check bool ledger_pin_put(struct ledger *l, const struct pin_row *pin);
typedef bool ledger_pin_fn(void *arg, const struct pin_row *pin);
/* Those made since then, the newest first. */
bool ledger_pins(struct ledger *l, usec since_wall, unsigned most, ledger_pin_fn *each,
                 void *arg);
/* Forgets some thousand of those made before, or beyond the newest `keep`. *ret_more: it
 * may be that there are others. */
bool ledger_pins_prune(struct ledger *l, usec before_wall, unsigned keep, bool *ret_more);

/* ---- trials ---- */

/* Rows of a trial with id > *after, in the order of their ids.  Looks at about `most`
 * rows, of whatever trial, and moves *after on; *ret_more: there are others behind. */
must_check bool ledger_trial_rows(struct ledger *l, str name, uint64_t *after,
                                  unsigned most, ledger_row_fn *each, void *arg,
                                  bool *ret_more);
/* Was anything ever recorded of it? */
bool ledger_trial_is_known(struct ledger *l, str name);
/* What its candidate's attempts that are over were charged (their cost with corrections,
 * else what was reserved), also those that were pruned, and of how many exchanges they
 * were.  One that died with its process is taken for the candidate's: its side stands in
 * no row. Looks at all rows. */
bool ledger_trial_spent(struct ledger *l, str name, nanousd *ret,
                        uint64_t *ret_exchanges);
/* It was stopped by hand then; a second time changes nothing. */
must_check bool ledger_trial_stop(struct ledger *l, str name, usec wall);
typedef bool ledger_trial_fn(void *arg, str name, usec stopped_wall);
bool ledger_trials(struct ledger *l, ledger_trial_fn *each, void *arg);

/* ---- forgetting ---- */

struct ledger_person {
	str user;      /* not empty */
	uint64_t key;  /* 0: whatever key */
	usec before;   /* 0: all of it; an hour that has begun then counts as older */
	usec now;      /* what began by then may be under way; 0: nothing is */
	uint64_t last; /* no id of that is above: they may be ahead of the clock */
};
struct ledger_forgotten {
	uint64_t attempts, sums; /* that named the person */
	uint64_t *exchanges;     /* ascending; for free() */
	size_t exchange_count;
	uint64_t *nodes; /* users with limits of their own, revoked now; for free() */
	size_t node_count;
	uint64_t unknown; /* whose older ones were nobody knows: their rows are gone */
};

/* In a transaction: rows and sums keep their money and lose the person. */
must_check bool ledger_forget(struct ledger *l, const struct ledger_person *who,
                              struct ledger_forgotten *ret);
/* Before a row is put or told to anybody: if it is of an exchange that was under way when
 * its user was forgotten, it loses what ledger_forget takes out of rows.  Of what was
 * forgotten since the writer was opened; before that, see ledger_is_tombstone. */
void ledger_row_forget(const struct ledger *l, struct attempt_row *row);
/* Is that the name of rows that were forgotten? */
bool ledger_is_tombstone(str user);
/* Outside of one, afterwards: the log is emptied, and if the text still stands in the
 * file all pages are written anew.  May take a while. */
must_check bool ledger_scrub(struct ledger *l, str text);

/* ---- oddities ---- */

/* All of that provider's. */
must_check bool ledger_odd_drop(struct ledger *l, str provider);
must_check bool ledger_odd_put(struct ledger *l, const struct odd_row *row);
typedef bool ledger_odd_fn(void *arg, const struct odd_row *row);
/* By provider, the one of all names first, the newest of the others next. */
bool ledger_odd(struct ledger *l, ledger_odd_fn *each, void *arg);

/* ---- the admin API ---- */

/* A new one; an id that exists already is a failure. */
must_check bool ledger_token_put(struct ledger *l, const struct admin_token_row *token);
must_check bool ledger_token_revoke(struct ledger *l, uint64_t id, usec wall,
                                    bool *ret_changed);
typedef bool ledger_token_fn(void *arg, const struct admin_token_row *token);
/* The one of that id; 0: all. */
bool ledger_tokens(struct ledger *l, uint64_t id, ledger_token_fn *each, void *arg);

/* The entry as one line of JSON: what its hash is taken of. */
void audit_text(const struct audit_row *row, struct buf *to);
/* The hash of an entry that follows `before`, and the MAC that only who has the key can
 * make. */
void audit_seal(const uint8_t key[AUDIT_KEY], const uint8_t before[AUDIT_HASH],
                struct audit_row *row);
/* The MAC of a head. */
void audit_seal_head(const uint8_t key[AUDIT_KEY], struct audit_head *head);
/* Adds an entry behind the last one; seq, hash and mac are filled in here.  Inside a
 * transaction: that of the change. */
must_check bool ledger_audit_add(struct ledger *l, const uint8_t key[AUDIT_KEY],
                                 struct audit_row *row);
typedef bool ledger_audit_fn(void *arg, const struct audit_row *row);
/* Oldest first, those behind seq `after`; or newest first, those before it (0: all). */
bool ledger_audit(struct ledger *l, bool newest, uint64_t after, unsigned most,
                  ledger_audit_fn *each, void *arg);
/* seq 0 when there is none. */
bool ledger_audit_head(struct ledger *l, struct audit_head *ret);

struct admin_replay {
	uint8_t id[AUDIT_HASH];
	uint8_t request[AUDIT_HASH];
	int status;
	str answer; /* sealed */
	usec made_wall;
};
/* One that was made since then; its answer is good until ledger_replay_done.  False:
 * there is none, and nothing is to be done. */
bool ledger_replay_find(struct ledger *l, const uint8_t id[AUDIT_HASH], usec since,
                        struct admin_replay *ret);
void ledger_replay_done(struct ledger *l);
must_check bool ledger_replay_put(struct ledger *l, const struct admin_replay *replay);
must_check bool ledger_replay_prune(struct ledger *l, usec before_wall);
