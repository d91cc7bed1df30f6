/* recorder.c - the thread between the journals and the disk.
 *
 * One turn: read a batch, write it, retire what was read, prepare segments; again until
 * the journals are empty.  Whatever fails is left as it is and tried again, so there is
 * no state "disk full" to leave: a turn simply gets further one day.  Calls (a flush, a
 * key) are answered after a turn that began when they were there already.
 *
 * Rows and lines are the batch's business, files the journal's and the ledger's. */
#include "meter/recorder.h"

#include "base/assert.h"
#include "base/mem.h"
#include "loop/sys.h"
#include "loop/thread.h"
#include "meter/access_log.h"
#include "meter/batch.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	WORKERS_MOST = 64,
	AHEAD = 4,
	WAL_MOST = 16 * MiB,
	GAP_WORKER = 0xff, /* in ids: no worker has that number */
};
#define JOURNALS_MOST ((uint64_t)1024 * MiB)
#define POLL_EVERY (100 * USEC_MS)
#define RETRY_EVERY (500 * USEC_MS)
#define REST_AFTER (2 * USEC_SEC)

enum call_kind { CALL_FLUSH, CALL_KEY_PUT, CALL_KEY_REVOKE, CALL_REOPEN_LOG };

/* On the caller's stack, who waits until it is done. */
struct call {
	enum call_kind kind;
	const struct key_row *key;
	uint64_t id;
	usec wall;
	struct buf *why;
	bool ok, found;
	bool done;
	struct call *next;
};

/* Something that is wrong now, and was told. */
enum trouble { LEDGER_TROUBLE, LOG_TROUBLE, SEGMENT_TROUBLE, TROUBLES };

struct recorder {
	/* set once */
	char *journal_dir;
	unsigned workers;
	void (*say)(const char *text);
	int wake; /* an eventfd */
	pthread_t thread;
	/* the thread's (before it runs: recorder_new's) */
	struct ledger *ledger;
	struct access_log *log;
	struct journal *journals[WORKERS_MOST]; /* NULL: none of that number */
	struct batch batch;
	uint64_t refused[WORKERS_MOST]; /* journal_refused, as far as gap rows tell */
	uint64_t last_gap_id;
	bool in_trouble[TROUBLES];
	bool ledger_is_full; /* it is in trouble for lack of space */
	bool is_resting;
	usec retry_at, busy_at;
	struct recorder_stats counts;
	/* everybody's */
	pthread_mutex_t lock;
	pthread_cond_t answered;
	struct call *calls;
	bool stop;
	struct recorder_stats shown;
};

static void wake(void *arg)
{
	struct recorder *r = arg;
	uint64_t one = 1;

	/* A counter that is full has woken the thread already. */
	if (write(r->wake, &one, sizeof(one)) < 0)
		return;
}

static void say(struct recorder *r, const char *fmt, ...) printf_like(2, 3);
static void say(struct recorder *r, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	if (!r->say)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	r->say(text);
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
static void went(struct recorder *r, enum trouble which, const char *wrong)
{
	bool was = r->in_trouble[which];

	r->in_trouble[which] = wrong != NULL;
	if (wrong && !was)
		say(r, "%s: %s", texts[which].wrong, wrong);
	if (!wrong && was)
		say(r, "%s", texts[which].right);
}

/* ---- one turn ---- */

static void ledger_failed(struct recorder *r)
{
	went(r, LEDGER_TROUBLE, ledger_error(r->ledger, &r->ledger_is_full));
	r->counts.failures++;
	ledger_rollback(r->ledger);
	r->retry_at = sys_now() + RETRY_EVERY;
	/* What waits should survive a power cut too; if not, it still survives us. */
	for (unsigned i = 0; i < WORKERS_MOST; i++) {
		if (r->journals[i] && journal_sync(r->journals[i]) < 0)
			return;
	}
}

static bool apply(struct recorder *r)
{
	unsigned rows = r->batch.count;

	if (!batch_apply(&r->batch, r->ledger, r->log)) {
		ledger_failed(r);
		return false;
	}
	went(r, LEDGER_TROUBLE, NULL);
	r->ledger_is_full = false;
	r->counts.rows += rows;
	r->counts.batches++;
	r->busy_at = sys_now();
	r->is_resting = false;
	if (ledger_wal_bytes(r->ledger) > WAL_MOST)
		ledger_checkpoint(r->ledger);
	return true;
}

/* False: there may be more than fitted into the batch. */
static bool read_journals(struct recorder *r)
{
	for (unsigned i = 0; i < WORKERS_MOST; i++) {
		if (r->journals[i] && !batch_read(&r->batch, r->journals[i]))
			return false;
	}
	return true;
}

static void prepare(struct recorder *r)
{
	int error = 0;

	for (unsigned i = 0; i < WORKERS_MOST; i++) {
		int one = r->journals[i] ? journal_prepare(r->journals[i]) : 0;

		error = error ? error : one;
	}
	went(r, SEGMENT_TROUBLE, error ? strerror(-error) : NULL);
	r->counts.disk_full = r->ledger_is_full || error == -ENOSPC || error == -EDQUOT;
}

static void retire(struct recorder *r)
{
	for (unsigned i = 0; i < WORKERS_MOST; i++) {
		if (r->journals[i])
			journal_retire(r->journals[i]);
	}
}

/* A batch that could not be written is not tried in every turn, unless somebody waits. */
static bool is_due(struct recorder *r, bool urgent)
{
	return urgent || !r->in_trouble[LEDGER_TROUBLE] || sys_now() >= r->retry_at;
}

/* Brings the journals into the ledger. */
static void drain(struct recorder *r, bool urgent)
{
	bool all = false;

	while (!all && is_due(r, urgent)) {
		all = read_journals(r);
		if (batch_is_empty(&r->batch) || !apply(r))
			break;
		retire(r);
		prepare(r);
	}
}

static void put_gap(struct recorder *r, unsigned worker, uint64_t records)
{
	char detail[96];
	usec wall = sys_wall();
	uint64_t id = (uint64_t)wall << 8 | GAP_WORKER;
	int n = snprintf(detail, sizeof(detail),
	                 "%llu records of worker %u found no room in the journal",
	                 (unsigned long long)records, worker);

	if (id <= r->last_gap_id)
		id = r->last_gap_id + 256;
	struct attempt_row row = { .id = id,
		                   .exchange = id,
		                   .began_wall = wall,
		                   .operation = STR("gap"),
		                   .state = ROW_DONE,
		                   .detail = str_of(detail, (size_t)n),
		                   .usage_kind = USAGE_UNKNOWN,
		                   .cost = COST_UNKNOWN };

	if (!ledger_begin(r->ledger) || !ledger_put(r->ledger, &row, NULL) ||
	    !ledger_commit(r->ledger)) {
		ledger_rollback(r->ledger); /* tried again in the next turn */
		return;
	}
	r->last_gap_id = id;
	r->refused[worker] += records;
	r->counts.gaps += records;
}

static void put_gaps(struct recorder *r)
{
	for (unsigned i = 0; i < r->workers; i++) {
		uint64_t records = journal_refused(r->journals[i]) - r->refused[i];

		if (records && !r->in_trouble[LEDGER_TROUBLE])
			put_gap(r, i, records);
	}
}

static void write_log(struct recorder *r)
{
	if (!r->log)
		return;
	bool ok = !access_log_is_waiting(r->log) || access_log_write(r->log);
	went(r, LOG_TROUBLE, ok ? NULL : strerror(errno));
	r->counts.lost_lines = access_log_lost(r->log);
}

static void show_counts(struct recorder *r)
{
	unsigned bad = 0;

	r->counts.journal_bytes = 0;
	for (unsigned i = 0; i < WORKERS_MOST; i++) {
		if (!r->journals[i])
			continue;
		r->counts.journal_bytes += journal_bytes(r->journals[i]);
		bad += journal_bad(r->journals[i]);
	}
	if (bad > r->counts.bad_segments)
		say(r,
		    "a journal record failed its check; its segment is kept as %s/*.bad",
		    r->journal_dir);
	r->counts.bad_segments = max_of(bad, r->counts.bad_segments);
	pthread_mutex_lock(&r->lock);
	r->shown = r->counts;
	pthread_mutex_unlock(&r->lock);
}

static void turn(struct recorder *r, bool urgent)
{
	drain(r, urgent);
	prepare(r);
	put_gaps(r);
	write_log(r);
	show_counts(r);
}

/* ---- calls ---- */

static bool write_key(struct recorder *r, struct call *c)
{
	bool ok = c->kind == CALL_KEY_PUT
	                  ? ledger_key_put(r->ledger, c->key)
	                  : ledger_key_revoke(r->ledger, c->id, c->wall, &c->found);

	if (!ok)
		buf_addf(c->why, "the key could not be written: %s",
		         ledger_error(r->ledger, NULL));
	return ok;
}

static void answer(struct recorder *r, struct call *c)
{
	switch (c->kind) {
	case CALL_FLUSH:
		break;
	case CALL_KEY_PUT:
	case CALL_KEY_REVOKE:
		c->ok = write_key(r, c);
		break;
	case CALL_REOPEN_LOG:
		if (r->log)
			access_log_reopen(r->log);
		break;
	}
}

static struct call *take_calls(struct recorder *r, bool *ret_stop)
{
	pthread_mutex_lock(&r->lock);
	struct call *calls = r->calls;
	r->calls = NULL;
	*ret_stop = r->stop;
	pthread_mutex_unlock(&r->lock);
	return calls;
}

static void answer_all(struct recorder *r, struct call *calls)
{
	if (!calls)
		return;
	for (struct call *c = calls; c; c = c->next)
		answer(r, c);
	pthread_mutex_lock(&r->lock);
	while (calls) {
		struct call *c = calls;

		calls = c->next;
		c->done = true; /* and gone, once the lock is free */
	}
	pthread_cond_broadcast(&r->answered);
	pthread_mutex_unlock(&r->lock);
}

/* Waits for the thread's answer. */
static void ask(struct recorder *r, struct call *c)
{
	pthread_mutex_lock(&r->lock);
	assert(!r->stop);
	struct call **last = &r->calls;
	while (*last)
		last = &(*last)->next;
	*last = c;
	wake(r);
	while (!c->done)
		pthread_cond_wait(&r->answered, &r->lock);
	pthread_mutex_unlock(&r->lock);
}

void recorder_flush(struct recorder *r)
{
	struct call c = { .kind = CALL_FLUSH };

	ask(r, &c);
}

bool recorder_key_put(struct recorder *r, const struct key_row *key, struct buf *why)
{
	struct call c = { .kind = CALL_KEY_PUT, .key = key, .why = why };

	ask(r, &c);
	return c.ok;
}

bool recorder_key_revoke(struct recorder *r, uint64_t id, usec wall, bool *ret_found,
                         struct buf *why)
{
	struct call c = { .kind = CALL_KEY_REVOKE, .id = id, .wall = wall, .why = why };

	ask(r, &c);
	if (c.ok)
		*ret_found = c.found;
	return c.ok;
}

void recorder_reopen_log(struct recorder *r)
{
	struct call c = { .kind = CALL_REOPEN_LOG };

	ask(r, &c);
}

void recorder_stats(struct recorder *r, struct recorder_stats *ret)
{
	pthread_mutex_lock(&r->lock);
	*ret = r->shown;
	pthread_mutex_unlock(&r->lock);
}

struct journal *recorder_journal(struct recorder *r, unsigned worker)
{
	assert(worker < r->workers);
	return r->journals[worker];
}

/* ---- the thread ---- */

static void wait_for_work(struct recorder *r)
{
	struct pollfd p = { .fd = r->wake, .events = POLLIN };
	uint64_t count;

	if (poll(&p, 1, POLL_EVERY / USEC_MS) > 0 &&
	    read(r->wake, &count, sizeof(count)) < 0)
		return;
}

/* When nothing was to do for a while: checkpoint, and give memory back. */
static void rest(struct recorder *r)
{
	if (r->is_resting || sys_now() < r->busy_at + REST_AFTER)
		return;
	r->is_resting = ledger_checkpoint(r->ledger);
	if (!r->is_resting)
		r->busy_at = sys_now(); /* not in every turn */
	ledger_rest(r->ledger);
	batch_rest(&r->batch);
	if (r->log)
		access_log_rest(r->log);
	malloc_trim(0);
}

static void *run(void *arg)
{
	struct recorder *r = arg;
	bool stop = false;

	while (!stop) {
		wait_for_work(r);
		struct call *calls = take_calls(r, &stop);
		turn(r, stop || calls != NULL);
		answer_all(r, calls);
		rest(r);
	}
	ledger_checkpoint(r->ledger);
	return NULL;
}

/* ---- start and stop ---- */

static char *path_in(const char *dir, const char *name)
{
	size_t size = strlen(dir) + strlen(name) + 2;
	char *path = mem_new(size);

	snprintf(path, size, "%s/%s", dir, name);
	return path;
}

static bool open_ledger(struct recorder *r, const char *dir, struct buf *why)
{
	char *path = path_in(dir, "ledger.db");

	r->ledger = ledger_open(path, why);
	free(path);
	return r->ledger != NULL;
}

/* Also those of workers that are no more. */
static bool open_journals(struct recorder *r, struct buf *why)
{
	uint64_t wanted = r->workers < 64 ? ((uint64_t)1 << r->workers) - 1 : UINT64_MAX;

	if (mkdir(r->journal_dir, 0700) < 0 && errno != EEXIST) {
		buf_addf(why, "%s cannot be made: %s", r->journal_dir, strerror(errno));
		return false;
	}
	wanted |= journal_workers(r->journal_dir);
	for (unsigned i = 0; i < WORKERS_MOST; i++) {
		if (!(wanted >> i & 1))
			continue;
		r->journals[i] = journal_open(r->journal_dir, i, AHEAD, 0, wake, r);
		if (!r->journals[i]) {
			buf_addf(why, "the journal in %s cannot be opened: %s",
			         r->journal_dir, strerror(errno));
			return false;
		}
		journal_set_limit(r->journals[i], JOURNALS_MOST / r->workers);
	}
	return true;
}

/* Everything an earlier process left, and then its open attempts. */
static bool replay(struct recorder *r, struct buf *why)
{
	uint64_t unknown = 0;
	bool all = false, ok = true;

	r->batch.is_replay = true;
	while (ok && !all) {
		all = read_journals(r);
		ok = batch_is_empty(&r->batch) ||
		     batch_apply(&r->batch, r->ledger, r->log);
		if (ok)
			retire(r);
	}
	if (!ok || !ledger_close_open_rows(r->ledger, &unknown)) {
		buf_addf(why,
		         "what the journal in %s holds cannot be written to the ledger: "
		         "%s",
		         r->journal_dir, ledger_error(r->ledger, NULL));
		ledger_rollback(r->ledger);
		return false;
	}
	batch_forget_open(&r->batch);
	r->batch.is_replay = false;
	if (unknown)
		say(r,
		    "%llu attempts were under way when the last process ended; their "
		    "outcome is unknown",
		    (unsigned long long)unknown);
	return true;
}

/* A segment for each of today's workers, the thread makes the others; the journals of
 * earlier workers are empty now, and go. */
static bool begin_journals(struct recorder *r, struct buf *why)
{
	uint64_t last = ledger_last_id(r->ledger);

	show_counts(r);
	r->last_gap_id = last | GAP_WORKER;
	for (unsigned i = 0; i < WORKERS_MOST; i++) {
		if (i >= r->workers) {
			journal_remove(&r->journals[i]);
			continue;
		}
		journal_raise_floor(r->journals[i], last);
		int error = journal_prepare_first(r->journals[i]);
		if (error) {
			buf_addf(why, "the journal in %s cannot be written: %s",
			         r->journal_dir, strerror(-error));
			return false;
		}
	}
	return true;
}

static bool start(struct recorder *r, const struct recorder_options *options,
                  struct buf *why)
{
	if (r->wake < 0) {
		buf_addf(why, "no descriptor for the recorder: %s", strerror(errno));
		return false;
	}
	if (!open_ledger(r, options->dir, why))
		return false;
	if (options->access_log) {
		r->log = access_log_open(options->access_log, why);
		if (!r->log)
			return false;
	}
	if (!open_journals(r, why) || !replay(r, why) || !begin_journals(r, why))
		return false;
	r->busy_at = sys_now();
	wake(r);
	if (thread_start(&r->thread, "recorder", run, r))
		return true;
	buf_add(why, STR("the recorder's thread cannot be started"));
	return false;
}

static void free_recorder(struct recorder *r)
{
	batch_done(&r->batch); /* before the mappings it points into */
	for (unsigned i = 0; i < WORKERS_MOST; i++)
		journal_close(&r->journals[i]);
	access_log_close(&r->log);
	ledger_close(&r->ledger);
	if (r->wake >= 0)
		close(r->wake);
	pthread_cond_destroy(&r->answered);
	pthread_mutex_destroy(&r->lock);
	free(r->journal_dir);
	free(r);
}

struct recorder *recorder_new(const struct recorder_options *options, struct buf *why)
{
	struct recorder *r = new_of(struct recorder);

	assert(options->workers > 0 && options->workers <= WORKERS_MOST);
	r->workers = options->workers;
	r->journal_dir = path_in(options->dir, "journal");
	r->say = options->say;
	r->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->answered, NULL);
	if (start(r, options, why))
		return r;
	free_recorder(r);
	return NULL;
}

void recorder_free(struct recorder **at)
{
	struct recorder *r = *at;

	if (!r)
		return;
	*at = NULL;
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_mutex_unlock(&r->lock);
	wake(r);
	pthread_join(r->thread, NULL);
	free_recorder(r);
}
