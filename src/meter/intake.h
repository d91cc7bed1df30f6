/* intake.h - what the recorder does, without its thread.
 *
 * It owns the journals' reading ends, the ledger's writer and the access log, and brings
 * the one into the others.  Private to meter/recorder.c, which calls it from one thread.
 */
#pragma once
#include "meter/access_log.h"
#include "meter/batch.h"
#include "meter/recorder.h"
#include "meter/steady.h"

enum { WORKERS_MOST = LEDGER_WORKERS };

/* What can be wrong for a while; told when it begins and when it ends. */
enum trouble { LEDGER_TROUBLE, LOG_TROUBLE, SEGMENT_TROUBLE, TROUBLES };

struct intake {
	unsigned workers;      /* set by the owner, as the next three */
	void (*nudge)(void *); /* handed to the journals */
	void *nudge_arg;
	void (*say)(const char *text); /* may be NULL */
	struct odd *odd;               /* the same */
	usec keep;                     /* attempts, so long; 0: for ever */
	uint64_t keep_bytes;           /* the ledger's most; 0: no bound */
	struct recorder_stats counts;
	struct ledger *ledger;
	struct access_log *log;                 /* NULL: none */
	struct journal *journals[WORKERS_MOST]; /* NULL: none of that number */
	/* -- private from here -- */
	char *journal_dir;
	struct batch batch;
	uint64_t refused[WORKERS_MOST]; /* journal_refused, as far as gap rows tell */
	uint64_t last_gap_id;
	struct ledger_places pruned; /* what ledger_pruned said at the start */
	bool in_trouble[TROUBLES];
	enum recorder_trouble ledger_trouble; /* why the last batch was not written */
	bool is_resting;
	bool is_too_large; /* the ledger, as it was said */
	struct steady clock;
	usec retry_at, busy_at, prune_at, retain_at, odd_at;
};

/* Opens all, and replays what an earlier process left. False: a text in *why; intake_done
 * even then. */
must_check bool intake_open(struct intake *in, const char *dir, const char *access_log,
                            struct buf *why);
/* Brings over what there is now. urgent: also what failed a moment ago. */
void intake_turn(struct intake *in, bool urgent);
/* As in `keep` and `keep_bytes`, from the next turn on. */
void intake_keep(struct intake *in, usec keep, uint64_t keep_bytes);
/* The owner has written to the ledger: its WAL is looked after as after a batch. */
void intake_wrote(struct intake *in);
/* When nothing was to do for a while: checkpoint, and give memory back. */
void intake_rest(struct intake *in);
void intake_done(struct intake *in);
