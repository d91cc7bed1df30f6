/* recorder.c - the thread around the intake, and the calls to it.
 *
 * It sleeps until it is nudged, asked, or 100 ms are over; then the intake has a turn.
 * Calls (a flush, a tenant) are answered after a turn that began when they were there
 * already. */
#include "meter/recorder.h"

#include "base/assert.h"
#include "base/mem.h"
#include "loop/thread.h"
#include "meter/intake.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define POLL_EVERY (100 * USEC_MS)

enum call_kind {
	CALL_FLUSH,
	CALL_TENANT_PUT,
	CALL_WRITE,
	CALL_SCRUB,
	CALL_SCRUB_LOG,
	CALL_KEEP,
	CALL_REOPEN_LOG
};

/* On the caller's stack, who waits until it is done. */
struct call {
	enum call_kind kind;
	const struct tenant_row *tenant;
	const struct key_secret *secret;
	const struct access_match *match;
	recorder_write_fn *write;
	void *arg;
	usec keep;
	uint64_t keep_bytes, count;
	struct buf *why;
	bool ok, is_put;
	bool done;
	struct call *next;
};

struct recorder {
	int wake; /* an eventfd */
	pthread_t thread;
	struct intake in; /* the thread's; before it runs, recorder_new's */
	/* everybody's */
	pthread_mutex_t lock;
	pthread_cond_t answered;
	struct call *calls;
	bool stop;
	struct recorder_stats shown; /* in.counts, as of the last turn */
	_Atomic int trouble;         /* the same of its trouble */
};

static void wake(void *arg)
{
	struct recorder *r = arg;
	uint64_t one = 1;

	/* A counter that is full has woken the thread already. */
	if (write(r->wake, &one, sizeof(one)) < 0)
		return;
}

/* ---- calls ---- */

static bool write_tenant(struct recorder *r, struct call *c)
{
	bool ok = ledger_tenant_put(r->in.ledger, c->tenant, c->secret, &c->is_put);

	if (!ok)
		buf_addf(c->why, "the change could not be written: %s",
		         ledger_error(r->in.ledger, NULL));
	return ok;
}

static bool write_other(struct recorder *r, struct call *c)
{
	struct ledger *l = r->in.ledger;
	bool is_begun = ledger_begin(l);

	if (is_begun && c->write(c->arg, l, c->why) && ledger_commit(l))
		return true;
	if (c->why->len == 0)
		buf_addf(c->why, "the ledger could not be written: %s",
		         ledger_error(l, NULL));
	if (is_begun)
		ledger_rollback(l);
	return false;
}

static void answer(struct recorder *r, struct call *c)
{
	switch (c->kind) {
	case CALL_FLUSH:
		break;
	case CALL_TENANT_PUT:
		c->ok = write_tenant(r, c);
		intake_wrote(&r->in);
		break;
	case CALL_WRITE:
		c->ok = write_other(r, c);
		intake_wrote(&r->in);
		break;
	case CALL_SCRUB:
		c->ok = ledger_scrub(r->in.ledger, *(const str *)c->arg);
		if (!c->ok)
			buf_addf(c->why, "what was deleted may still be in the file: %s",
			         ledger_error(r->in.ledger, NULL));
		break;
	case CALL_SCRUB_LOG:
		c->count = r->in.log ? access_log_scrub(r->in.log, c->match) : 0;
		break;
	case CALL_KEEP:
		intake_keep(&r->in, c->keep, c->keep_bytes);
		break;
	case CALL_REOPEN_LOG:
		if (r->in.log)
			access_log_reopen(r->in.log);
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

bool recorder_tenant_put(struct recorder *r, const struct tenant_row *row,
                         const struct key_secret *secret, bool *ret_done, struct buf *why)
{
	struct call c = {
		.kind = CALL_TENANT_PUT, .tenant = row, .secret = secret, .why = why
	};

	ask(r, &c);
	if (c.ok)
		*ret_done = c.is_put;
	return c.ok;
}

bool recorder_write(struct recorder *r, recorder_write_fn *write, void *arg,
                    struct buf *why)
{
	struct call c = { .kind = CALL_WRITE, .write = write, .arg = arg, .why = why };

	ask(r, &c);
	return c.ok;
}

bool recorder_scrub(struct recorder *r, str text, struct buf *why)
{
	struct call c = { .kind = CALL_SCRUB, .arg = &text, .why = why };

	ask(r, &c);
	return c.ok;
}

uint64_t recorder_scrub_log(struct recorder *r, const struct access_match *match)
{
	struct call c = { .kind = CALL_SCRUB_LOG, .match = match };

	ask(r, &c);
	return c.count;
}

void recorder_keep(struct recorder *r, usec keep, uint64_t keep_bytes)
{
	struct call c = { .kind = CALL_KEEP, .keep = keep, .keep_bytes = keep_bytes };

	ask(r, &c);
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

str recorder_trouble_text(enum recorder_trouble trouble)
{
	switch (trouble) {
	case RECORDER_WELL:
		return STR_NONE;
	case RECORDER_DISK_FULL:
		return STR("the disk is full");
	case RECORDER_DAMAGED:
		return STR("the database is damaged");
	case RECORDER_UNWRITABLE:
		break;
	}
	return STR("the disk cannot be written");
}

enum recorder_trouble recorder_trouble(const struct recorder *r)
{
	return (enum recorder_trouble)atomic_load_explicit(&r->trouble,
	                                                   memory_order_relaxed);
}

struct journal *recorder_journal(struct recorder *r, unsigned worker)
{
	assert(worker < r->in.workers);
	return r->in.journals[worker];
}

uint64_t recorder_last_id(const struct recorder *r)
{
	uint64_t last = 0;

	for (unsigned i = 0; i < r->in.workers; i++) {
		uint64_t one = journal_last_id(r->in.journals[i]);

		last = max_of(last, one);
	}
	return last;
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

static void show_counts(struct recorder *r)
{
	pthread_mutex_lock(&r->lock);
	r->shown = r->in.counts;
	pthread_mutex_unlock(&r->lock);
	atomic_store_explicit(&r->trouble, (int)r->in.counts.trouble,
	                      memory_order_relaxed);
}

static void *run(void *arg)
{
	struct recorder *r = arg;
	bool stop = false;

	while (!stop) {
		wait_for_work(r);
		struct call *calls = take_calls(r, &stop);
		intake_turn(&r->in, stop || calls != NULL);
		show_counts(r);
		answer_all(r, calls);
		intake_rest(&r->in);
	}
	return NULL;
}

/* ---- start and stop ---- */

static bool start(struct recorder *r, const struct recorder_options *options,
                  struct buf *why)
{
	if (r->wake < 0) {
		buf_addf(why, "no descriptor for the recorder: %s", strerror(errno));
		return false;
	}
	if (!intake_open(&r->in, options->dir, options->access_log, why))
		return false;
	show_counts(r);
	wake(r); /* the first turn prepares more segments */
	if (thread_start(&r->thread, "recorder", run, r))
		return true;
	buf_add(why, STR("the recorder's thread cannot be started"));
	return false;
}

static void free_recorder(struct recorder *r)
{
	intake_done(&r->in);
	if (r->wake >= 0)
		close(r->wake);
	pthread_cond_destroy(&r->answered);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

struct recorder *recorder_new(const struct recorder_options *options, struct buf *why)
{
	struct recorder *r = new_of(struct recorder);

	assert(options->workers > 0 && options->workers <= WORKERS_MOST);
	r->in.workers = options->workers;
	r->in.nudge = wake;
	r->in.nudge_arg = r;
	r->in.say = options->say;
	r->in.odd = options->odd;
	r->in.keep = options->keep;
	r->in.keep_bytes = options->keep_bytes;
	r->in.batch.on_row = options->on_row;
	r->in.batch.on_row_arg = options->on_row_arg;
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
