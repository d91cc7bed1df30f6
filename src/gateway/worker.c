#include "gateway/worker.h"

#include "base/assert.h"
#include "base/mem.h"
#include "gateway/attempt.h"
#include "loop/thread.h"

enum { INBOX_MOST = 65536, HEDGES_KEPT = 10 };
/* For the longest head there may be, a client's or a provider's, and what we add. */
enum { HEAD_MOST = HTTP_HEAD_MOST + 64 * KiB };

struct newcomer {
	struct letter letter;
	int fd;
	struct net_addr peer;
};

static void take_newcomers(struct worker *w)
{
	struct ssl_ctx_st *tls = w->plan->tls ? tls_server_ctx(w->plan->tls) : NULL;
	struct letter *l;

	while ((l = mailbox_take(&w->inbox))) {
		struct newcomer *n = container_of(l, struct newcomer, letter);

		http_server_add(&w->server, n->fd, &n->peer, tls);
		free(n);
	}
}

static void take_config(struct worker *w)
{
	unsigned newest = atomic_load(&w->gateway->generation);
	struct plan *old = w->plan;

	if (newest == w->generation)
		return;
	w->generation = newest;
	w->plan = plan_new(w->gateway, &w->io, &w->origins);
	w->server.limits = &w->plan->config->limits;
	plan_unref(&old);
}

static void take_tokens(struct worker *w)
{
	if (!w->awaits_token)
		return;
	w->awaits_token = false;
	list_each_safe (&w->exchanges, it) {
		struct exchange *x = container_of(it, struct exchange, link);

		for (struct attempt *a = x->attempt, *next; a; a = next) {
			next = a->rival;
			attempt_on_token(a);
		}
	}
}

static void take_roll(struct worker *w)
{
	unsigned wanted = atomic_load(&w->roll);

	if (wanted != atomic_load(&w->rolled) && journal_roll(w->journal))
		atomic_store(&w->rolled, wanted);
}

/* Nobody waits for them: they do not hold up the end. */
static void end_shadows(struct worker *w)
{
	list_each_safe (&w->exchanges, it) {
		struct exchange *x = container_of(it, struct exchange, link);

		if (!x->is_shadow)
			continue;
		exchange_fail(x, FAULT_SHUTTING_DOWN, STR_NONE);
		exchange_run(x);
	}
}

/* The next one whose key is revoked; NULL: there is none. */
static struct exchange *find_revoked(struct worker *w)
{
	list_each (&w->exchanges, it) {
		struct exchange *x = container_of(it, struct exchange, link);

		if (x->key && x->step < STEP_SETTLE &&
		    keyring_look(w->gateway->keys, x->key, w->loop.wall) == FAULT_BAD_KEY)
			return x;
	}
	return NULL;
}

/* Whoever waits for the room that one leaves may run meanwhile, so the list is begun anew
 * each time. */
static void end_revoked(struct worker *w)
{
	for (struct exchange *x; (x = find_revoked(w));) {
		exchange_fail(x, FAULT_BAD_KEY,
		              STR("it was revoked while this was under way"));
		exchange_run(x);
	}
}

static void on_wake(struct loop *loop)
{
	struct worker *w = container_of(loop, struct worker, loop);

	take_config(w);
	take_roll(w);
	take_newcomers(w);
	take_tokens(w);
	if (atomic_exchange(&w->cut, false))
		end_revoked(w);
	if (atomic_load(&w->drain) && !w->server.draining) {
		http_server_drain(&w->server);
		end_shadows(w);
	}
	if (atomic_load(&w->stop))
		loop->stop = true;
}

static void wake(void *arg)
{
	loop_wake(&((struct worker *)arg)->loop);
}

void worker_await_token(struct worker *w, struct token_source *s)
{
	w->awaits_token = true;
	token_notify(s, wake, w);
}

/* The budget is the newest configuration's, whoever fills the queue. */
static bool take_memory(void *worker, size_t n)
{
	const struct worker *w = worker;

	return gateway_take_memory(w->gateway, n, w->plan->config->memory);
}

static void give_memory(void *worker, size_t n)
{
	gateway_give_memory(((struct worker *)worker)->gateway, n);
}

bool worker_init(struct worker *w, struct gateway *g, unsigned index,
                 struct journal *journal)
{
	*w = (struct worker){ .gateway = g, .index = index, .journal = journal };
	if (!loop_init(&w->loop, on_wake))
		return false;
	http_io_init(&w->io, &w->loop);
	list_init(&w->origins);
	list_init(&w->exchanges);
	mailbox_init(&w->inbox, INBOX_MOST, wake, w);
	key_hasher_init(&w->hasher, g->pepper);
	w->head.limit = HEAD_MOST;
	sys_random(&w->chance, sizeof(w->chance));
	w->hedge_credit = 100; /* the first that is late need not be the tenth */
	w->generation = atomic_load(&g->generation);
	w->plan = plan_new(g, &w->io, &w->origins);
	w->server = (struct http_server){
		.io = &w->io,
		.ops = &exchange_ops,
		.limits = &w->plan->config->limits,
		.owner = w,
		.take_memory = take_memory,
		.give_memory = give_memory,
	};
	http_server_init(&w->server);
	return true;
}

void worker_done(struct worker *w)
{
	struct letter *l;

	list_each_safe (&w->exchanges, it) {
		struct exchange *x = container_of(it, struct exchange, link);

		exchange_fail(x, FAULT_SHUTTING_DOWN, STR_NONE);
		exchange_run(x);
	}
	loop_turn(&w->loop, 0);
	http_server_done(&w->server);
	while ((l = mailbox_take(&w->inbox))) {
		struct newcomer *n = container_of(l, struct newcomer, letter);

		sys_close(n->fd);
		free(n);
	}
	loop_turn(&w->loop, 0); /* buries what the server gave up */
	plan_unref(&w->plan);
	loop_turn(&w->loop, 0);
	key_hasher_done(&w->hasher);
	buf_free(&w->head);
	http_io_done(&w->io);
	loop_done(&w->loop);
}

/* Draining ends when nothing is left to answer. */
static void *run(void *arg)
{
	struct worker *w = arg;

	while (!w->loop.stop) {
		loop_turn(&w->loop, -1);
		atomic_store_explicit(&w->load, w->server.open, memory_order_relaxed);
		if (w->server.draining && w->live == 0 && w->server.open == 0)
			w->loop.stop = true;
	}
	atomic_store(&w->ended, true);
	return NULL;
}

bool worker_start(struct worker *w)
{
	char name[16] = "worker-00";

	name[7] = (char)('0' + w->index / 10);
	name[8] = (char)('0' + w->index % 10);
	w->has_thread = thread_start(&w->thread, name, run, w);
	return w->has_thread;
}

void worker_join(struct worker *w)
{
	if (w->has_thread)
		pthread_join(w->thread, NULL);
	w->has_thread = false;
}

bool worker_give(struct worker *w, int fd, const struct net_addr *peer)
{
	struct newcomer *n = new_of(struct newcomer);

	n->fd = fd;
	n->peer = *peer;
	atomic_fetch_add_explicit(&w->load, 1, memory_order_relaxed);
	if (mailbox_post(&w->inbox, &n->letter))
		return true;
	free(n);
	return false;
}

void worker_reload(struct worker *w)
{
	loop_wake(&w->loop);
}

bool worker_roll(struct worker *w, unsigned number)
{
	if (atomic_load(&w->rolled) == number)
		return true;
	atomic_store(&w->roll, number);
	loop_wake(&w->loop);
	return false;
}

void worker_drain(struct worker *w)
{
	atomic_store(&w->drain, true);
	loop_wake(&w->loop);
}

void worker_cut(struct worker *w)
{
	atomic_store(&w->cut, true);
	loop_wake(&w->loop);
}

void worker_stop(struct worker *w)
{
	atomic_store(&w->stop, true);
	loop_wake(&w->loop);
}

void worker_earn_hedge(struct worker *w, unsigned share)
{
	w->hedge_credit = min_of(w->hedge_credit + share, HEDGES_KEPT * 100u);
}

bool worker_may_hedge(const struct worker *w)
{
	return w->hedge_credit >= 100;
}

void worker_spend_hedge(struct worker *w)
{
	w->hedge_credit -= 100;
	COUNT(w->counts.hedges);
}

/* xorshift64*: for spreading load, never for secrets. */
uint64_t worker_random(struct worker *w)
{
	w->chance |= w->chance == 0;
	w->chance ^= w->chance >> 12;
	w->chance ^= w->chance << 25;
	w->chance ^= w->chance >> 27;
	return w->chance * 0x2545f4914f6cdd1du;
}
