#include "meter/body_log.h"

#include "base/assert.h"
#include "base/mem.h"
#include "codec/redact.h"
#include "loop/sys.h"
#include "loop/thread.h"
#include "meter/steady.h"
#include "store/forgotten.h"
#include "store/ledger.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { WAITING_MOST = 4096, REDACTED_MORE = MiB };
#define PRUNE_EVERY (10 * USEC_SEC)
#define SYNC_EVERY USEC_SEC

/* On the caller's stack, who waits. */
struct call {
	const struct body_match *match; /* NULL: a flush */
	struct master *masters;         /* to be taken; NULL: the same ones */
	uint64_t count;
	struct buf *why;
	bool ok, done;
	struct call *next;
};

/* What can go wrong for a while. */
enum trouble { WRITING, SYNCING, DELETING, TROUBLES };

static const struct {
	const char *wrong, *right;
} texts[TROUBLES] = {
	[WRITING] = { "what is said is not kept", "what is said is kept again" },
	[SYNCING] = { "what is said may not outlive a power cut",
	              "what is said is on the disk again" },
	[DELETING] = { "what was said and is too old is not deleted",
	               "what was said and is too old is deleted again" },
};

/* What the configuration says of what is kept. */
struct rules {
	struct redact *redact; /* NULL: as it is */
	usec keep;
	uint64_t max;
};

struct body_log {
	int wake; /* an eventfd */
	pthread_t thread;
	struct mailbox inbox;
	struct body_log_options options;
	struct bodies *bodies; /* the thread's, as the next ones */
	struct master masters;
	struct body_keys keys; /* they */
	struct rules rules;
	struct forgotten forgotten; /* whose bodies may still come */
	bool in_trouble[TROUBLES], is_dirty;
	usec pruned_at, synced_at;
	struct steady clock;
	/* everybody's */
	pthread_mutex_t lock;
	pthread_cond_t answered;
	struct call *calls;
	struct rules next; /* the thread takes them over, see `take_calls` */
	bool has_next;
	bool stop;
	struct body_log_stats counts;
	_Atomic uint64_t refused;
};

static void wake(void *arg)
{
	struct body_log *b = arg;
	uint64_t one = 1;

	if (write(b->wake, &one, sizeof(one)) < 0)
		return; /* full: it is awake */
}

/* ---- writing ---- */

/* Says so only when it is news. */
static void went(struct body_log *b, enum trouble which, bool ok, const struct buf *why)
{
	bool was = b->in_trouble[which];
	struct buf text = BUF_LIMIT(2 * KiB);

	b->in_trouble[which] = !ok;
	if (was != ok || !b->options.say)
		return;
	if (ok)
		buf_add(&text, str_from_z(texts[which].right));
	else
		buf_addf(&text, "%s: %.*s", texts[which].wrong, STR_ARG(buf_str(why)));
	b->options.say(buf_z(&text));
	buf_free(&text);
}

static bool clean(const struct redact *r, bool is_stream, str text, struct buf *to,
                  unsigned *count)
{
	to->limit = 2 * text.len + REDACTED_MORE;
	return is_stream ? redact_stream(r, text, to, count)
	                 : redact_text(r, text, to, count);
}

static void drop(struct buf *text)
{
	if (text->ptr)
		mem_wipe(text->ptr, text->cap);
	buf_free(text);
}

static void write_letter(struct body_log *b, struct body_letter *l)
{
	struct buf request = { 0 }, answer = { 0 }, why = BUF_LIMIT(KiB);
	struct body_row row = l->row;
	unsigned finds = 0;
	bool ok = true;

	if (b->rules.redact) {
		bool is_stream = row.flags & BODY_STREAM;

		/* What cannot be cleaned is not kept. */
		if (!clean(b->rules.redact, false, row.request, &request, &finds))
			row.flags |= BODY_NO_REQUEST;
		if (!clean(b->rules.redact, is_stream, row.answer, &answer, &finds))
			row.flags |= BODY_NO_ANSWER;
		row.request = row.flags & BODY_NO_REQUEST ? STR_NONE : buf_str(&request);
		row.answer = row.flags & BODY_NO_ANSWER ? STR_NONE : buf_str(&answer);
		row.flags |= finds ? BODY_REDACTED : 0u;
	}
	ok = bodies_put(b->bodies, &row, b->rules.keep, &why);
	went(b, WRITING, ok, &why);
	b->is_dirty |= ok;
	pthread_mutex_lock(&b->lock);
	b->counts.written += ok;
	b->counts.failed += !ok;
	b->counts.finds += finds;
	pthread_mutex_unlock(&b->lock);
	drop(&request);
	drop(&answer);
	buf_free(&why);
	b->options.free_letter(l);
}

static void take_letter(struct body_log *b, struct body_letter *l)
{
	const struct body_row *r = &l->row;

	if (forgotten_find(&b->forgotten, r->exchange, r->wall, r->user, r->key))
		b->options.free_letter(l);
	else
		write_letter(b, l);
}

static void tidy(struct body_log *b, bool now_too)
{
	struct buf why = BUF_LIMIT(KiB);
	const struct rules *r = &b->rules;
	usec now = sys_now();

	if (b->is_dirty && (now_too || now - b->synced_at >= SYNC_EVERY)) {
		went(b, SYNCING, bodies_sync(b->bodies, &why), &why);
		b->is_dirty = false;
		b->synced_at = now;
	}
	buf_clear(&why);
	if (r->keep > 0 && (now_too || now - b->pruned_at >= PRUNE_EVERY)) {
		usec wall = sys_wall();
		usec before = steady_look(&b->clock, now, wall) ? wall - r->keep : 0;

		went(b, DELETING, bodies_prune(b->bodies, before, r->max, &why), &why);
		b->pruned_at = now;
	}
	buf_free(&why);
}

/* ---- calls ---- */

static void take_masters(struct body_log *b, struct master *masters)
{
	struct master old = b->masters;

	b->masters = *masters;
	*masters = (struct master){ 0 };
	b->keys = (struct body_keys){ b->masters.keys, b->masters.count };
	if (b->bodies)
		bodies_set_keys(b->bodies, &b->keys);
	master_done(&old);
}

/* The same, the same one of them last? */
static bool has_masters(const struct body_log *b, const struct master *m)
{
	for (unsigned i = 0; i < m->count && m->count == b->masters.count; i++)
		if (m->keys[i].id != b->masters.keys[i].id)
			return false;
	return m->count == b->masters.count;
}

static struct call *take_calls(struct body_log *b, bool *ret_stop)
{
	pthread_mutex_lock(&b->lock);
	struct call *calls = b->calls;
	b->calls = NULL;
	*ret_stop = b->stop;
	if (b->has_next) {
		if (b->rules.keep && b->rules.keep != b->next.keep) {
			steady_trust(&b->clock, sys_now(), sys_wall());
			b->pruned_at = 0;
		}
		redact_free(&b->rules.redact);
		b->rules = b->next;
		b->next.redact = NULL;
		b->has_next = false;
	}
	pthread_mutex_unlock(&b->lock);
	return calls;
}

/* Also what is still being said. */
static bool erase(struct body_log *b, struct call *c)
{
	const struct body_match *m = c->match;
	const struct ledger_person who = { .user = m->user,
		                           .key = m->key,
		                           .before = m->before,
		                           .now = sys_wall(),
		                           .last = m->last };

	if (m->user.len && !forgotten_add(&b->forgotten, &who, "")) {
		buf_add(c->why, STR("there is no randomness"));
		return false;
	}
	return bodies_erase(b->bodies, m, &c->count, c->why);
}

static void answer_all(struct body_log *b, struct call *calls)
{
	for (struct call *c = calls; c; c = c->next)
		c->ok = !c->match || erase(b, c);
	pthread_mutex_lock(&b->lock);
	while (calls) {
		struct call *c = calls;

		calls = c->next;
		c->done = true; /* and gone, once the lock is free */
	}
	pthread_cond_broadcast(&b->answered);
	pthread_mutex_unlock(&b->lock);
}

static void ask(struct body_log *b, struct call *c)
{
	pthread_mutex_lock(&b->lock);
	c->next = b->calls;
	b->calls = c;
	wake(b);
	while (!c->done)
		pthread_cond_wait(&b->answered, &b->lock);
	pthread_mutex_unlock(&b->lock);
}

/* ---- the thread ---- */

static void *run(void *arg)
{
	struct body_log *b = arg;
	bool stop = false;

	while (!stop) {
		struct pollfd p = { .fd = b->wake, .events = POLLIN };
		struct letter *l;
		uint64_t count;

		if (poll(&p, 1, 1000) > 0 && read(b->wake, &count, sizeof(count)) < 0)
			continue;
		/* Whoever asks has posted before: letters first. */
		struct call *calls = take_calls(b, &stop);
		for (struct call *c = calls; c; c = c->next)
			if (c->masters && !has_masters(b, c->masters))
				take_masters(b, c->masters);
		while ((l = mailbox_take(&b->inbox)))
			take_letter(b, container_of(l, struct body_letter, letter));
		tidy(b, stop || calls);
		if (calls)
			answer_all(b, calls);
	}
	return NULL;
}

struct body_log *body_log_new(const struct body_log_options *options,
                              struct master *masters, struct buf *why)
{
	struct body_log *b = new_of(struct body_log);

	b->options = *options;
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->answered, NULL);
	mailbox_init(&b->inbox, WAITING_MOST, wake, b);
	b->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	take_masters(b, masters);
	b->bodies = bodies_open(str_from_z(options->dir), &b->keys, why);
	if (b->wake < 0)
		buf_addf(why, "no descriptor for the log of bodies: %s", strerror(errno));
	else if (b->bodies && thread_start(&b->thread, "bodies", run, b))
		return b;
	else if (b->bodies)
		buf_add(why, STR("the thread of the log of bodies cannot be started"));
	bodies_close(&b->bodies);
	if (b->wake >= 0)
		close(b->wake);
	master_done(&b->masters);
	free(b);
	return NULL;
}

void body_log_free(struct body_log **at)
{
	struct body_log *b = move(*at);

	if (!b)
		return;
	pthread_mutex_lock(&b->lock);
	b->stop = true;
	pthread_mutex_unlock(&b->lock);
	wake(b);
	pthread_join(b->thread, NULL);
	bodies_close(&b->bodies);
	master_done(&b->masters);
	redact_free(&b->rules.redact);
	redact_free(&b->next.redact);
	forgotten_done(&b->forgotten);
	close(b->wake);
	pthread_cond_destroy(&b->answered);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

void body_log_set(struct body_log *b, const struct log_settings *s)
{
	struct buf why = BUF_LIMIT(KiB);
	struct redact *r = NULL;

	/* The configuration was checked with the same patterns. */
	if (s->redact || (s->patterns && s->patterns[0])) {
		r = redact_new(s->redact, s->patterns, &why);
		assert(r);
	}
	buf_free(&why);
	pthread_mutex_lock(&b->lock);
	redact_free(&b->next.redact);
	b->next = (struct rules){ .redact = r, .keep = s->keep, .max = s->max };
	b->has_next = true;
	pthread_mutex_unlock(&b->lock);
	wake(b);
}

void body_log_set_masters(struct body_log *b, struct master *masters)
{
	struct call c = { .masters = masters };

	ask(b, &c);
	master_done(masters); /* when they are the same */
}

bool body_log_post(struct body_log *b, struct body_letter *l)
{
	if (mailbox_post(&b->inbox, &l->letter))
		return true;
	atomic_fetch_add_explicit(&b->refused, 1, memory_order_relaxed);
	return false;
}

void body_log_flush(struct body_log *b)
{
	struct call c = { .match = NULL };

	ask(b, &c);
}

bool body_log_erase(struct body_log *b, const struct body_match *match,
                    uint64_t *ret_count, struct buf *why)
{
	struct call c = { .match = match, .why = why };

	ask(b, &c);
	*ret_count = c.count;
	return c.ok;
}

void body_log_stats(struct body_log *b, struct body_log_stats *ret)
{
	pthread_mutex_lock(&b->lock);
	*ret = b->counts;
	pthread_mutex_unlock(&b->lock);
	ret->refused = atomic_load_explicit(&b->refused, memory_order_relaxed);
}
