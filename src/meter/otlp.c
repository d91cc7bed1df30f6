/* otlp.c - see otlp.h.
 *
 *   otlp_row -> queue -> batch (JSON) -> POST -> 2xx: done
 *                                          |
 *                                          +-> 429, 502, 503, 504, no answer: a pause,
 *                                          |   and once more, for GIVE_UP_AFTER
 *                                          +-> anything else: dropped
 *
 * While a batch is tried again the queue fills, and drops from its front. */
#include "meter/otlp.h"

#include "base/assert.h"
#include "base/mem.h"
#include "loop/sys.h"
#include "loop/thread.h"
#include "meter/otlp_format.h"
#include "meter/trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

enum {
	BATCH_MOST = 4 * MiB,
	BATCH_FULL = 3 * MiB, /* more is not begun with */
	BATCH_SPANS = 2048,   /* the same */
	SEND_AT = 512,        /* spans that wait: then at once */
	REPLY_MOST = 64 * KiB,
};
#define SEND_EVERY (1 * USEC_SEC)
#define PAUSE_FIRST (1 * USEC_SEC)
#define PAUSE_MOST (30 * USEC_SEC)
#define GIVE_UP_AFTER (5 * USEC_MIN)
#define FLUSH_MOST (5 * USEC_SEC)

/* A row that waits; its texts stand behind it. */
struct item {
	struct item *next;
	size_t size; /* of all of it */
	struct attempt_row row;
	char texts[];
};

struct otlp {
	struct otlp_settings settings; /* texts in `keep` */
	struct arena keep;
	struct secret_room room;
	struct span_facts facts;
	void (*say)(const char *text);
	pthread_t thread;
	bool has_thread;
	_Atomic bool stop;    /* soon: what waits is sent once */
	_Atomic bool hurry;   /* now: a request under way is given up */
	pthread_mutex_t lock; /* over the next */
	pthread_cond_t news;
	struct item *first, **end;
	size_t bytes;
	unsigned spans; /* that wait */
	struct otlp_stats stats;
	/* the thread's */
	struct otlp_poster *poster;
	struct buf batch;
	struct otlp_reply reply;
	bool in_trouble;
	bool is_dropping; /* and was said to */
	usec stop_by;     /* when flushing ends; 0: not stopping */
	uint64_t chance;
};

/* ---- the queue ---- */

enum { ITEM_TEXTS = 13 };

static void texts_of(struct attempt_row *row, str *ret[ITEM_TEXTS])
{
	str *const texts[ITEM_TEXTS] = {
		&row->operation, &row->asked,          &row->route,  &row->provider,
		&row->model,     &row->trial,          &row->trace,  &row->fault,
		&row->finish,    &row->answered_model, &row->client, &row->agent,
		&row->tags
	};

	memcpy(ret, texts, sizeof(texts));
}

/* Only what spans are made of: `detail` may quote what a client has said. */
static struct item *item_new(const struct attempt_row *from)
{
	struct attempt_row row = *from;
	str *texts[ITEM_TEXTS];
	size_t size = sizeof(struct item);
	struct item *item;
	char *at;

	row.detail = row.user = row.tags = STR_NONE;
	row.price = NULL;
	texts_of(&row, texts);
	for (unsigned i = 0; i < ITEM_TEXTS; i++)
		size += texts[i]->len;
	item = mem_new(size);
	item->size = size;
	at = item->texts;
	for (unsigned i = 0; i < ITEM_TEXTS; i++) {
		if (texts[i]->len)
			memcpy(at, texts[i]->ptr, texts[i]->len);
		texts[i]->ptr = at;
		at += texts[i]->len;
	}
	item->row = row;
	return item;
}

/* Takes the oldest; NULL: there is none. With the lock. */
static struct item *take_first(struct otlp *o)
{
	struct item *item = o->first;

	if (!item)
		return NULL;
	o->first = item->next;
	if (!o->first)
		o->end = &o->first;
	o->bytes -= item->size;
	o->spans -= span_count(&item->row);
	return item;
}

static void drop_first(struct otlp *o)
{
	struct item *item = take_first(o);

	assert(item);
	o->stats.full += span_count(&item->row);
	free(item);
}

void otlp_row(struct otlp *o, const struct attempt_row *row)
{
	unsigned sample = o ? o->settings.sample * SAMPLE_PERCENT : 0;
	struct item *item;

	if (!o || !span_count(row) ||
	    !trace_is_sampled(row->trace, row->exchange, sample))
		return;
	item = item_new(row);
	pthread_mutex_lock(&o->lock);
	while (o->first && o->bytes + item->size > o->settings.queue)
		drop_first(o);
	*o->end = item;
	o->end = &item->next;
	o->bytes += item->size;
	o->spans += span_count(row);
	if (o->spans >= SEND_AT)
		pthread_cond_signal(&o->news);
	pthread_mutex_unlock(&o->lock);
}

void otlp_stats(struct otlp *o, struct otlp_stats *ret)
{
	pthread_mutex_lock(&o->lock);
	*ret = o->stats;
	pthread_mutex_unlock(&o->lock);
}

static void count(struct otlp *o, uint64_t *counter, uint64_t spans)
{
	pthread_mutex_lock(&o->lock);
	*counter += spans;
	pthread_mutex_unlock(&o->lock);
}

/* ---- a batch ---- */

static struct item *take_next(struct otlp *o)
{
	struct item *item;

	pthread_mutex_lock(&o->lock);
	item = take_first(o);
	pthread_mutex_unlock(&o->lock);
	return item;
}

/* Its spans; 0: nothing waits. */
static unsigned make_batch(struct otlp *o)
{
	struct json_writer w = { .to = &o->batch };
	struct item *item = take_next(o);
	unsigned spans = 0;

	if (!item)
		return 0;
	buf_clear(&o->batch);
	otlp_open(&w, &o->settings);
	while (item) {
		span_write(&w, &item->row, &o->facts);
		spans += span_count(&item->row);
		free(item);
		item = o->batch.len < BATCH_FULL && spans < BATCH_SPANS ? take_next(o)
		                                                        : NULL;
	}
	otlp_close(&w);
	assert(!o->batch.over);
	return spans;
}

/* ---- sending ---- */

static void say(struct otlp *o, const char *fmt, ...) printf_like(2, 3);
static void say(struct otlp *o, const char *fmt, ...)
{
	char text[512];
	va_list args;

	if (!o->say)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	o->say(text);
}

/* Says so only when it is news. */
static void went_wrong(struct otlp *o, const char *what)
{
	const struct otlp_reply *r = &o->reply;

	if (o->in_trouble)
		return;
	o->in_trouble = true;
	if (r->status)
		say(o, "traces: the collector at %.*s answers %d; %s",
		    STR_ARG(o->settings.authority), r->status, what);
	else
		say(o, "traces: the collector at %.*s gives no answer (%.*s); %s",
		    STR_ARG(o->settings.authority),
		    STR_ARG(r->why ? r->why->name : STR("TIMEOUT")), what);
}

static void went_well(struct otlp *o)
{
	if (o->in_trouble)
		say(o, "traces: the collector at %.*s takes them again",
		    STR_ARG(o->settings.authority));
	o->in_trouble = o->is_dropping = false;
}

/* Waits on the queue's lock; false: the gateway is stopping, and it is time to. */
static bool wait_for(struct otlp *o, usec span)
{
	struct timespec until;
	usec end = sys_now() + span;

	until.tv_sec = (time_t)(end / USEC_SEC);
	until.tv_nsec = (long)(end % USEC_SEC) * 1000;
	return pthread_cond_timedwait(&o->news, &o->lock, &until) == 0;
}

static bool is_over(struct otlp *o)
{
	if (!atomic_load(&o->stop))
		return false;
	if (!o->stop_by)
		o->stop_by = sys_now() + FLUSH_MOST;
	return sys_now() >= o->stop_by;
}

static void pause_for(struct otlp *o, usec span)
{
	usec end = sys_now() + span;

	pthread_mutex_lock(&o->lock);
	while (!atomic_load(&o->stop) && sys_now() < end)
		wait_for(o, end - sys_now());
	pthread_mutex_unlock(&o->lock);
}

/* A quarter more or less, so that many gateways do not come back at once. */
static usec jittered(struct otlp *o, usec span)
{
	o->chance = o->chance * 6364136223846793005 + 1442695040888963407;
	return span - span / 4 + (usec)((o->chance >> 33) % (uint64_t)(span / 2 + 1));
}

/* Once; false: it may be tried again. */
static bool try_batch(struct otlp *o, unsigned spans)
{
	struct otlp_reply *r = &o->reply;
	usec patience = o->settings.timeout;

	if (o->stop_by)
		patience = min_of(patience, max_of(o->stop_by - sys_now(), USEC_MS));
	poster_post(o->poster, buf_str(&o->batch), patience, &o->hurry, r);
	if (r->status / 100 == 2) {
		uint64_t rejected = otlp_rejected(buf_str(&r->body), spans);

		count(o, &o->stats.rejected, rejected);
		count(o, &o->stats.exported, spans - rejected);
		if (rejected)
			went_wrong(o, "it has rejected some of them");
		else
			went_well(o);
		return true;
	}
	if (otlp_may_repeat(r)) {
		went_wrong(o, "they wait");
		return false;
	}
	went_wrong(o, "they are dropped");
	count(o, &o->stats.rejected, spans);
	return true;
}

/* The next one need not ask earlier than this one might have. */
static void gave_up(struct otlp *o, unsigned spans, usec wait)
{
	count(o, &o->stats.unreachable, spans);
	if (o->stop_by)
		return;
	if (!o->is_dropping)
		say(o,
		    "traces: the collector at %.*s is not waited for longer than five "
		    "minutes; they are dropped",
		    STR_ARG(o->settings.authority));
	o->is_dropping = true;
	pause_for(o, min_of(wait, GIVE_UP_AFTER));
}

static void send_batch(struct otlp *o, unsigned spans)
{
	usec give_up = sys_now() + GIVE_UP_AFTER, pause = PAUSE_FIRST;

	while (!try_batch(o, spans)) {
		usec wait = max_of(jittered(o, pause), o->reply.retry_after);

		/* At the end once more is all there is time for. */
		if (o->stop_by || sys_now() + wait > give_up) {
			gave_up(o, spans, wait);
			return;
		}
		pause_for(o, wait);
		is_over(o); /* from now on it is the last time */
		pause = min_of(2 * pause, PAUSE_MOST);
	}
}

/* ---- the thread ---- */

static void wait_for_rows(struct otlp *o)
{
	usec end = sys_now() + SEND_EVERY;

	pthread_mutex_lock(&o->lock);
	while (!atomic_load(&o->stop) && o->spans < SEND_AT && sys_now() < end)
		wait_for(o, end - sys_now());
	pthread_mutex_unlock(&o->lock);
}

static void drop_rest(struct otlp *o)
{
	for (struct item *item; (item = take_next(o)); free(item))
		count(o, &o->stats.unreachable, span_count(&item->row));
}

static void *run(void *arg)
{
	struct otlp *o = arg;
	unsigned spans;

	for (;;) {
		bool last = atomic_load(&o->stop);

		if (!last)
			wait_for_rows(o);
		while (!is_over(o) && (spans = make_batch(o)))
			send_batch(o, spans);
		if (last || is_over(o))
			break;
	}
	drop_rest(o);
	return NULL;
}

/* ---- start and end ---- */

static void copy_settings(struct otlp *o, const struct otlp_settings *from)
{
	struct otlp_settings *to = &o->settings;

	*to = *from;
	to->endpoint = arena_copy(&o->keep, from->endpoint);
	to->host = arena_copy(&o->keep, from->host);
	to->authority = arena_copy(&o->keep, from->authority);
	to->path = arena_copy(&o->keep, from->path);
	to->headers = secret_keep(&o->room, secret_reveal(&from->headers));
	to->service = arena_copy(&o->keep, from->service);
	to->attributes = arena_copy(&o->keep, from->attributes);
	if (from->ca_file)
		to->ca_file = str_z(&o->keep, str_from_z(from->ca_file));
}

struct otlp *otlp_new(const struct otlp_options *options)
{
	struct otlp *o = new_of(struct otlp);
	pthread_condattr_t clock;

	copy_settings(o, options->settings);
	o->facts = options->facts;
	o->say = options->say;
	o->end = &o->first;
	o->batch = BUF_LIMIT(BATCH_MOST);
	o->reply.body = BUF_LIMIT(REPLY_MOST);
	sys_random(&o->chance, sizeof(o->chance));
	pthread_mutex_init(&o->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&o->news, &clock);
	pthread_condattr_destroy(&clock);
	return o;
}

bool otlp_start(struct otlp *o, struct resolver *resolver, const struct tls_roots *roots,
                struct buf *why)
{
	o->poster = poster_new(&o->settings, resolver, roots, why);
	if (!o->poster)
		return false;
	o->has_thread = thread_start(&o->thread, "otlp", run, o);
	if (!o->has_thread)
		buf_add(why, STR("a thread could not be started"));
	return o->has_thread;
}

/* A request that was begun before may not take as long as it likes. */
static void join(struct otlp *o)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += FLUSH_MOST / USEC_SEC;
	if (pthread_timedjoin_np(o->thread, NULL, &until) == 0)
		return;
	atomic_store(&o->hurry, true);
	pthread_join(o->thread, NULL);
}

void otlp_free(struct otlp **at)
{
	struct otlp *o = *at;

	if (!o)
		return;
	*at = NULL;
	if (o->has_thread) {
		pthread_mutex_lock(&o->lock);
		atomic_store(&o->stop, true);
		pthread_cond_signal(&o->news);
		pthread_mutex_unlock(&o->lock);
		join(o);
	}
	drop_rest(o);
	poster_free(&o->poster);
	buf_free(&o->batch);
	buf_free(&o->reply.body);
	pthread_cond_destroy(&o->news);
	pthread_mutex_destroy(&o->lock);
	secret_room_done(&o->room);
	arena_done(&o->keep);
	free(o);
}
