/* intake.c - from the journals to the disk, in turns.
 *
 * One turn: read a batch, write it, retire what was read, prepare segments; again until
 * the journals are empty.  Whatever fails is left as it is and tried again, so there is
 * no state "disk full" to leave: a turn simply gets further one day.
 *
 * Rows and lines are the batch's business, files the journal's and the ledger's. */
#include "meter/intake.h"

#include "base/assert.h"
#include "base/mem.h"
#include "loop/sys.h"
#include "meter/odd_keeper.h"
#include "policy/pins.h"

#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

enum {
	AHEAD = 4,
	WAL_MOST = 16 * MiB,
	GAP_WORKER = 0xff, /* in ids: no worker has that number */
};
#define JOURNALS_MOST ((uint64_t)1024 * MiB)
#define RETRY_EVERY (500 * USEC_MS)
#define PRUNE_EVERY (10 * USEC_MIN)
#define ODD_EVERY (2 * USEC_SEC)
#define REST_AFTER (2 * USEC_SEC)

static void say(struct intake *in, const char *fmt, ...) printf_like(2, 3);
static void say(struct intake *in, const char *fmt, ...)
{
	struct buf text = BUF_LIMIT(8 * KiB);
	va_list args;

	if (!in->say)
		return;
	va_start(args, fmt);
	buf_vaddf(&text, fmt, args);
	va_end(args);
	in->say(buf_z(&text));
	buf_free(&text);
}

/* What is said when something goes wrong, and when it is right again. */
static const struct {
	const char *wrong, *right;
} texts[TROUBLES] = {
	[LEDGER_TROUBLE] = { "the ledger cannot be written; records wait in the journal",
	                     "the ledger is written again" },
	[LOG_TROUBLE] = { "the access log cannot be written",
	                  "the access log is written again" },
	[SEGMENT_TROUBLE] = { "there is no room for more journal",
	                      "there is room for the journal again" },
};

/* Says so only when it is news. */
static void went(struct intake *in, enum trouble which, const char *wrong)
{
	bool was = in->in_trouble[which];

	in->in_trouble[which] = wrong != NULL;
	if (wrong && !was)
		say(in, "%s: %s", texts[which].wrong, wrong);
	if (!wrong && was)
		say(in, "%s", texts[which].right);
}

/* ---- one turn ---- */

static void ledger_failed(struct intake *in)
{
	bool is_full;

	went(in, LEDGER_TROUBLE, ledger_error(in->ledger, &is_full));
	in->ledger_trouble = is_full                         ? RECORDER_DISK_FULL
	                     : ledger_is_damaged(in->ledger) ? RECORDER_DAMAGED
	                                                     : RECORDER_UNWRITABLE;
	in->counts.failures++;
	ledger_rollback(in->ledger);
	in->retry_at = sys_now() + RETRY_EVERY;
	/* What waits should survive a power cut too; if not, it still survives us. */
	for (unsigned i = 0; i < WORKERS_MOST; i++) {
		if (in->journals[i] && journal_sync(in->journals[i]) < 0)
			return;
	}
}

void intake_wrote(struct intake *in)
{
	in->busy_at = sys_now();
	in->is_resting = false;
	if (ledger_wal_bytes(in->ledger) > WAL_MOST)
		ledger_checkpoint(in->ledger);
}

static bool apply(struct intake *in)
{
	unsigned rows = in->batch.count;

	if (!batch_apply(&in->batch, in->ledger, in->log)) {
		ledger_failed(in);
		return false;
	}
	went(in, LEDGER_TROUBLE, NULL);
	in->ledger_trouble = RECORDER_WELL;
	in->counts.rows += rows;
	in->counts.batches++;
	intake_wrote(in);
	return true;
}

/* False: there may be more than fitted into the batch. */
static bool read_journals(struct intake *in)
{
	for (unsigned i = 0; i < WORKERS_MOST; i++) {
		in->batch.pruned_place = in->pruned.of[i];
		if (in->journals[i] && !batch_read(&in->batch, in->journals[i]))
			return false;
	}
	return true;
}

static void prepare(struct intake *in)
{
	int error = 0;

	for (unsigned i = 0; i < WORKERS_MOST; i++) {
		int one = in->journals[i] ? journal_prepare(in->journals[i]) : 0;

		error = error ? error : one;
	}
	went(in, SEGMENT_TROUBLE, error ? strerror(-error) : NULL);
	bool is_full = error == -ENOSPC || error == -EDQUOT;
	in->counts.disk_full = in->ledger_trouble == RECORDER_DISK_FULL || is_full;
	in->counts.trouble = in->ledger_trouble ? in->ledger_trouble
	                     : is_full          ? RECORDER_DISK_FULL
	                     : error            ? RECORDER_UNWRITABLE
	                                        : RECORDER_WELL;
}

static void retire(struct intake *in)
{
	for (unsigned i = 0; i < WORKERS_MOST; i++) {
		if (in->journals[i])
			journal_retire(in->journals[i]);
	}
}

/* A batch that could not be written is not tried in every turn, unless somebody waits. */
static bool is_due(struct intake *in, bool urgent)
{
	return urgent || !in->in_trouble[LEDGER_TROUBLE] || sys_now() >= in->retry_at;
}

/* Brings the journals into the ledger. */
static void drain(struct intake *in, bool urgent)
{
	bool all = false;

	while (!all && is_due(in, urgent)) {
		all = read_journals(in);
		if (batch_is_empty(&in->batch)) {
			retire(in); /* the writer may have gone on without a word */
			break;
		}
		if (!apply(in))
			break;
		retire(in);
		prepare(in);
	}
}

static void put_gap(struct intake *in, unsigned worker, uint64_t records)
{
	char detail[96];
	usec wall = sys_wall();
	uint64_t id = (uint64_t)wall << 8 | GAP_WORKER;
	int n = snprintf(detail, sizeof(detail),
	                 "%llu records of worker %u found no room in the journal",
	                 (unsigned long long)records, worker);

	if (id <= in->last_gap_id)
		id = in->last_gap_id + 256;
	struct attempt_row row = { .id = id,
		                   .exchange = id,
		                   .began_wall = wall,
		                   .operation = STR("gap"),
		                   .state = ROW_DONE,
		                   .detail = str_of(detail, (size_t)n),
		                   .usage_kind = USAGE_UNKNOWN,
		                   .cost = COST_UNKNOWN };

	if (!ledger_begin(in->ledger) || !ledger_put(in->ledger, &row, NULL) ||
	    !ledger_commit(in->ledger)) {
		ledger_rollback(in->ledger); /* tried again in the next turn */
		return;
	}
	in->last_gap_id = id;
	in->refused[worker] += records;
	in->counts.gaps += records;
}

static void put_gaps(struct intake *in)
{
	for (unsigned i = 0; i < in->workers; i++) {
		uint64_t records = journal_refused(in->journals[i]) - in->refused[i];

		if (records && !in->in_trouble[LEDGER_TROUBLE])
			put_gap(in, i, records);
	}
}

static void write_log(struct intake *in)
{
	if (!in->log)
		return;
	bool ok = !access_log_is_waiting(in->log) || access_log_write(in->log);
	went(in, LOG_TROUBLE, ok ? NULL : strerror(errno));
	in->counts.lost_lines = access_log_lost(in->log);
}

static void count(struct intake *in)
{
	unsigned bad = 0;

	in->counts.journal_bytes = 0;
	for (unsigned i = 0; i < WORKERS_MOST; i++) {
		if (!in->journals[i])
			continue;
		in->counts.journal_bytes += journal_bytes(in->journals[i]);
		bad += journal_bad(in->journals[i]);
	}
	if (bad > in->counts.bad_segments)
		say(in,
		    "a journal record failed its check; its segment is kept as %s/*.bad",
		    in->journal_dir);
	in->counts.bad_segments = max_of(bad, in->counts.bad_segments);
}

/* Some thousand old pins in a turn.  Nothing depends on when they go.  (What has to give
 * way before its time is said in the journal: policy/pins.h decides whose it is.) */
static void prune(struct intake *in)
{
	usec now = sys_now(), wall = sys_wall();

	if (now < in->prune_at || in->in_trouble[LEDGER_TROUBLE])
		return;
	bool more = false;
	usec before = steady_look(&in->clock, now, wall) ? wall - PINS_KEPT : 0;
	if (!ledger_pins_prune(in->ledger, before, PINS_MOST, &more))
		ledger_rollback(in->ledger);
	in->prune_at = more ? now : now + PRUNE_EVERY;
}

/* A few attempts in a turn: nobody's answer waits for it. */
static void retain(struct intake *in)
{
	usec now = sys_now(), wall = sys_wall(), before = 0;

	if ((!in->keep && !in->keep_bytes) || now < in->retain_at ||
	    in->in_trouble[LEDGER_TROUBLE])
		return;
	struct ledger_places places = { 0 };
	bool more = false;
	for (unsigned i = 0; i < in->workers; i++)
		places.of[i] = journal_place(in->journals[i]);
	if (in->keep && steady_look(&in->clock, now, wall))
		before = wall - in->keep;
	if (!ledger_prune(in->ledger, before, in->keep_bytes, &places, &more))
		ledger_rollback(in->ledger);
	in->retain_at = more ? now : now + PRUNE_EVERY;
	if (more)
		return;
	if (ledger_is_too_large(in->ledger) && !in->is_too_large)
		say(in,
		    "the ledger is larger than ledger_max, and nothing more of it may "
		    "go: the newest hour, sums, keys and the audit log stay");
	in->is_too_large = ledger_is_too_large(in->ledger);
}

void intake_keep(struct intake *in, usec keep, uint64_t keep_bytes)
{
	if (keep != in->keep)
		steady_trust(&in->clock, sys_now(), sys_wall());
	in->keep = keep;
	in->keep_bytes = keep_bytes;
	in->retain_at = 0; /* with the next turn */
}

static void save_odd(struct intake *in, bool urgent)
{
	usec now = sys_now();

	if (!in->odd || in->in_trouble[LEDGER_TROUBLE] || (!urgent && now < in->odd_at))
		return;
	in->odd_at = now + ODD_EVERY;
	if (!odd_keeper_save(in->odd, in->ledger))
		ledger_rollback(in->ledger); /* tried again */
}

void intake_turn(struct intake *in, bool urgent)
{
	drain(in, urgent);
	prune(in);
	retain(in);
	save_odd(in, urgent);
	prepare(in);
	put_gaps(in);
	write_log(in);
	count(in);
}

void intake_rest(struct intake *in)
{
	if (in->is_resting || sys_now() < in->busy_at + REST_AFTER)
		return;
	in->is_resting = ledger_checkpoint(in->ledger);
	if (!in->is_resting)
		in->busy_at = sys_now(); /* not in every turn */
	ledger_rest(in->ledger);
	batch_rest(&in->batch);
	if (in->log)
		access_log_rest(in->log);
	malloc_trim(0);
}

/* ---- start and end ---- */

static char *path_in(const char *dir, const char *name)
{
	size_t size = strlen(dir) + strlen(name) + 2;
	char *path = mem_new(size);

	snprintf(path, size, "%s/%s", dir, name);
	return path;
}

static bool open_ledger(struct intake *in, const char *dir, struct buf *why)
{
	char *path = path_in(dir, "ledger.db");

	in->ledger = ledger_open(path, why);
	free(path);
	return in->ledger != NULL;
}

/* Also those of workers that are no more. */
static bool open_journals(struct intake *in, struct buf *why)
{
	uint64_t wanted =
	        in->workers < 64 ? ((uint64_t)1 << in->workers) - 1 : UINT64_MAX;

	if (mkdir(in->journal_dir, 0700) < 0 && errno != EEXIST) {
		buf_addf(why, "%s cannot be made: %s", in->journal_dir, strerror(errno));
		return false;
	}
	wanted |= journal_workers(in->journal_dir);
	for (unsigned i = 0; i < WORKERS_MOST; i++) {
		if (!(wanted >> i & 1))
			continue;
		in->journals[i] = journal_open(in->journal_dir, i, AHEAD, 0, in->nudge,
		                               in->nudge_arg);
		if (!in->journals[i]) {
			buf_addf(why, "the journal in %s cannot be opened: %s",
			         in->journal_dir, strerror(errno));
			return false;
		}
		journal_set_limit(in->journals[i], JOURNALS_MOST / in->workers);
	}
	return true;
}

/* Everything an earlier process left, and then its open attempts. */
static bool replay(struct intake *in, struct buf *why)
{
	uint64_t unknown = 0;
	bool all = false;
	bool ok = ledger_pruned(in->ledger, &in->pruned, &in->batch.pruned_below);

	in->batch.is_replay = true;
	while (ok && !all) {
		all = read_journals(in);
		ok = batch_is_empty(&in->batch) ||
		     batch_apply(&in->batch, in->ledger, in->log);
		if (ok)
			retire(in);
	}
	if (!ok || !ledger_close_open_rows(in->ledger, &unknown)) {
		buf_addf(why,
		         "what the journal in %s holds cannot be written to the ledger: "
		         "%s",
		         in->journal_dir, ledger_error(in->ledger, NULL));
		ledger_rollback(in->ledger);
		return false;
	}
	batch_forget_open(&in->batch);
	in->batch.is_replay = false;
	in->batch.pruned_below = 0;
	if (unknown)
		say(in,
		    "%llu attempts were under way when the last process ended; their "
		    "outcome is unknown",
		    (unsigned long long)unknown);
	return true;
}

/* A segment for each of today's workers, the thread makes the others; the journals of
 * earlier workers are empty now, and go. */
static bool begin_journals(struct intake *in, struct buf *why)
{
	uint64_t last = ledger_last_id(in->ledger);

	count(in);
	in->last_gap_id = last | GAP_WORKER;
	for (unsigned i = 0; i < WORKERS_MOST; i++) {
		if (i >= in->workers) {
			journal_remove(&in->journals[i]);
			continue;
		}
		journal_raise_floor(in->journals[i], last);
		int error = journal_prepare_first(in->journals[i]);
		if (error) {
			buf_addf(why, "the journal in %s cannot be written: %s",
			         in->journal_dir, strerror(-error));
			return false;
		}
	}
	return true;
}

bool intake_open(struct intake *in, const char *dir, const char *access_log,
                 struct buf *why)
{
	in->journal_dir = path_in(dir, "journal");
	if (!open_ledger(in, dir, why))
		return false;
	if (access_log) {
		in->log = access_log_open(access_log, why);
		if (!in->log)
			return false;
	}
	if (in->odd && !odd_keeper_load(in->odd, in->ledger)) {
		buf_addf(why, "the ledger cannot be read: %s",
		         ledger_error(in->ledger, NULL));
		return false;
	}
	in->busy_at = sys_now();
	return open_journals(in, why) && replay(in, why) && begin_journals(in, why);
}

static void end_log(struct intake *in)
{
	uint64_t lost = in->log ? access_log_end(in->log) : 0;

	if (lost)
		say(in, "%llu lines of the access log were not written: %s",
		    (unsigned long long)lost, strerror(errno));
	access_log_close(&in->log);
}

void intake_done(struct intake *in)
{
	if (in->ledger)
		ledger_checkpoint(in->ledger);
	batch_done(&in->batch); /* before the mappings it points into */
	for (unsigned i = 0; i < WORKERS_MOST; i++)
		journal_close(&in->journals[i]);
	end_log(in);
	ledger_close(&in->ledger);
	free(in->journal_dir);
}
