/* recorder.h - the thread that turns journals into ledger rows and access-log lines.
 *
 * It polls every 100 ms (at once when nudged), reads what the workers committed, joins
 * CLOSE to OPEN, writes rows and lines in batches, commits durably, retires segments and
 * prepares new ones.  An attempt still open at the end of a batch gets an open row, so
 * that its segment can go and a power cut cannot lose it.  It owns the ledger's only
 * writer: changes of tenants come as calls that wait for it. */
#pragma once
#include "base/buf.h"
#include "meter/access_scrub.h"
#include "meter/record.h"
#include "store/ledger.h"

struct recorder;
struct odd;

struct recorder_options {
	const char *dir; /* $data */
	unsigned workers;
	const char *access_log; /* a path, "stdout", or NULL: none */
	/* What the gateway does when journals are full: refuse, or go on.  Records that
	 * found no room are counted in a gap row (operation "gap") either way. */
	bool strict;
	usec keep;           /* attempts older than that go; 0: none does */
	uint64_t keep_bytes; /* the oldest go when the ledger is larger; 0: none does */
	struct odd *odd;     /* read at start, and written when it changes; NULL: none */
	/* Told of trouble and of its end, once each, on the recorder's thread (and by
	 * recorder_new); may be NULL. */
	void (*say)(const char *text);
	/* Given every row that is settled, once, as it is written to the ledger; not what
	 * an earlier process left. On the recorder's thread; may be NULL. */
	void (*on_row)(void *arg, const struct attempt_row *row);
	void *on_row_arg;
};

/* Replays what an earlier process left, marks its open attempts unknown, and starts the
 * thread. Keeps nothing of *options. NULL and a text in *why. */
struct recorder *recorder_new(const struct recorder_options *options, struct buf *why);
/* Drains the journals, commits, checkpoints, and joins. The workers have stopped. */
void recorder_free(struct recorder **at);
/* Worker n's journal; the recorder's, good until recorder_free. */
struct journal *recorder_journal(struct recorder *r, unsigned worker);
/* No id that a worker has given so far is above this one, whatever the clock says; any
 * thread may ask. */
uint64_t recorder_last_id(const struct recorder *r);

/* Wait until everything committed so far is in the ledger, and in the access log (or the
 * recorder has tried and could not); from any other thread. */
void recorder_flush(struct recorder *r);
/* ledger_tenant_put by the recorder's thread; the caller waits. False: *why. */
must_check bool recorder_tenant_put(struct recorder *r, const struct tenant_row *row,
                                    const struct key_secret *secret, bool *ret_done,
                                    struct buf *why);
/* A change of anything else in the ledger: `write` runs on the recorder's thread inside a
 * transaction of its own, which is committed when it returns true and undone when it does
 * not; the caller waits.  False: nothing was changed, and *why has what `write` said, or
 * why it could not be committed. */
typedef bool recorder_write_fn(void *arg, struct ledger *l, struct buf *why);
bool recorder_write(struct recorder *r, recorder_write_fn *write, void *arg,
                    struct buf *why);
/* ledger_scrub by the recorder's thread; the caller waits. False: *why. */
must_check bool recorder_scrub(struct recorder *r, str text, struct buf *why);
/* access_log_scrub by the recorder's thread: of lines that are not in the file yet, and
 * would reach it behind whoever scrubs that. Gives how many; the caller waits. */
uint64_t recorder_scrub_log(struct recorder *r, const struct access_match *match);
/* As in the options, from now on, and what the clock says is believed; from any other
 * thread, waits. */
void recorder_keep(struct recorder *r, usec keep, uint64_t keep_bytes);
/* Closes and opens the access log again (after a rotation). */
void recorder_reopen_log(struct recorder *r);

/* What keeps records from the ledger at the moment; they wait in the journal then, as
 * long as that has room. */
enum recorder_trouble {
	RECORDER_WELL,
	RECORDER_DISK_FULL, /* or the journal's limit is reached */
	RECORDER_DAMAGED,   /* the database has pages that make no sense */
	RECORDER_UNWRITABLE,
};
/* For people, without an end mark; empty when all is well. */
str recorder_trouble_text(enum recorder_trouble trouble);
/* As of the recorder's last turn; by any thread, without a wait. */
enum recorder_trouble recorder_trouble(const struct recorder *r);

struct recorder_stats {
	uint64_t rows, batches;
	uint64_t failures;   /* batches that could not be written; each is tried again */
	uint64_t gaps;       /* records for which there was no room in the journal */
	uint64_t lost_lines; /* of the access log */
	uint64_t journal_bytes;
	unsigned bad_segments; /* kept as NAME.bad in $data/journal */
	bool disk_full; /* the last batch, or a segment, could not be written for lack of
	                   space */
	enum recorder_trouble trouble;
};
void recorder_stats(struct recorder *r, struct recorder_stats *ret);
