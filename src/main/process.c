#include "main/process.h"

#include "admin/keys.h"
#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/datadir.h"
#include "main/keeping.h"
#include "main/nodes.h"
#include "main/readings.h"
#include "main/restart.h"
#include "main/scout.h"
#include "main/spent.h"
#include "meter/body_log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* Every stream needs two descriptors: as many as the system allows.  Some of them are
 * not for clients, or nobody could be dialled for those that are here: from which number
 * on. */
static int raise_descriptor_limit(void)
{
	enum { SHARE = 8, SPARE_MOST = 1024, PROCESS_MOST = 1 << 30 };
	struct rlimit limit, before;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 0;
	before = limit;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
		limit = before;
		log_warn("the limit of open files stays at %lu",
		         (unsigned long)limit.rlim_cur);
	}
	int all = (int)min_of(limit.rlim_cur, (rlim_t)PROCESS_MOST);

	return all - min_of(all / SHARE, (int)SPARE_MOST);
}

bool process_put_tenant(struct process *p, const struct tenant_row *row,
                        const struct key_secret *secret)
{
	bool is_put = nodes_put(&p->gateway, row, secret);

	for (unsigned i = 0; row->cut && i < p->worker_count; i++)
		worker_cut(&p->workers[i]);
	return is_put;
}

static bool load_pin(void *arg, const struct pin_row *pin)
{
	struct process *p = arg;
	struct pin_row gone; /* where the ledger has more than there is room for */

	pins_put(p->gateway.pins, pin, &gone);
	return true;
}

static bool load_tenants(struct process *p, const struct config *c, struct buf *why)
{
	struct buf path = BUF_LIMIT(4 * KiB);
	struct ledger *l;

	p->gateway.keys = keyring_new();
	p->gateway.pins = pins_new();
	buf_addf(&path, "%.*s/ledger.db", STR_ARG(c->data));
	l = ledger_open_reader(buf_z(&path), why);
	buf_free(&path);
	if (!l)
		return false;
	bool read = nodes_load(&p->gateway, l) &&
	            spent_load(&p->gateway, l, sys_wall()) &&
	            ledger_pins(l, sys_wall() - PINS_KEPT, PINS_MOST, load_pin, p);
	if (!read)
		buf_addf(why,
		         "the keys, and what they have spent, cannot be read from "
		         "%.*s/ledger.db: %s",
		         STR_ARG(c->data), ledger_error(l, NULL));
	ledger_close(&l);
	return read;
}

static struct trial_account *account_of(struct gateway *g, str name)
{
	pthread_mutex_lock(&g->lock);
	struct trial_account *a = trials_get(&g->trials, name);
	pthread_mutex_unlock(&g->lock);
	return a;
}

static bool load_stop(void *arg, str name, usec wall)
{
	struct trial_account *a = account_of(arg, name);

	(void)wall;
	if (a)
		atomic_store(&a->end, (int)TRIAL_BY_HAND);
	return true;
}

/* What trials have spent and which were stopped, of those this process does not know
 * yet.  Before the configuration reaches the workers. */
static bool load_trials(struct gateway *g, const struct config *c, struct buf *why)
{
	struct buf path = BUF_LIMIT(4 * KiB);
	struct ledger *l;
	bool ok;

	if (c->trial_count == 0)
		return true;
	buf_addf(&path, "%.*s/ledger.db", STR_ARG(c->data));
	l = ledger_open_reader(buf_z(&path), why);
	buf_free(&path);
	if (!l)
		return false;
	ok = ledger_trials(l, load_stop, g);
	for (unsigned i = 0; ok && i < c->trial_count; i++) {
		const struct trial *t = &c->trials[i];
		struct trial_account *a = account_of(g, t->name);
		uint64_t exchanges = 0;
		nanousd spent = 0;

		if (!a || a->is_loaded || t->max_cost == COST_UNKNOWN)
			continue;
		ok = ledger_trial_spent(l, t->name, &spent, &exchanges);
		if (!ok)
			break;
		a->is_loaded = true;
		if (!trial_load(t, a, spent, (int64_t)exchanges))
			log_warn("trial %.*s has stopped: its candidate would cost more "
			         "than max_cost",
			         STR_ARG(t->name));
	}
	if (!ok)
		buf_addf(why, "the trials cannot be read from %.*s/ledger.db: %s",
		         STR_ARG(c->data), ledger_error(l, NULL));
	ledger_close(&l);
	return ok;
}

static void warn(const char *text)
{
	log_warn("%s", text);
}

/* Called by the recorder with each row it has written. */
static void on_row(void *arg, const struct attempt_row *row)
{
	struct process *p = arg;

	metrics_row(p->metrics, row);
	otlp_row(p->otlp, row);
}

/* Before the recorder, which fills them. */
static void start_telemetry(struct process *p, const struct config *c)
{
	p->metrics = metrics_new(&(struct metrics_options){ .series = c->metrics.series,
	                                                    .keys = c->metrics.keys,
	                                                    .knows = readings_knows,
	                                                    .look = readings_look,
	                                                    .team = readings_team,
	                                                    .arg = p });
	if (c->otlp.endpoint.len)
		p->otlp = otlp_new(&(struct otlp_options){
		        .settings = &c->otlp,
		        .facts = { .server = readings_server,
		                   .endpoint = readings_endpoint,
		                   .arg = p },
		        .say = warn,
		});
}

static bool start_recorder(struct process *p, const struct config *c, struct buf *why)
{
	struct arena keep = { 0 };
	struct recorder_options options = {
		.dir = str_z(&keep, c->data),
		.workers = c->workers,
		.access_log = str_eq(c->access_log, STR("off"))
		                      ? NULL
		                      : str_z(&keep, c->access_log),
		.strict = c->ledger == LEDGER_STRICT,
		.keep = c->ledger_keep,
		.keep_bytes = c->ledger_max,
		.say = warn,
		.on_row = on_row,
		.on_row_arg = p,
	};

	options.odd = p->gateway.odd = odd_new();
	start_telemetry(p, c);
	p->gateway.recorder = recorder_new(&options, why);
	arena_done(&keep);
	return p->gateway.recorder != NULL;
}

static bool needs_tls(const struct config *c)
{
	if (c->otlp.endpoint.len && c->otlp.tls)
		return true;
	for (unsigned i = 0; i < c->provider_count; i++) {
		const struct provider *p = &c->providers[i];

		if (!p->disabled.len && (p->tls || (p->account && p->account->tls)))
			return true;
	}
	return false;
}

/* The machine's certificates take a moment and some memory: only when somebody needs
 * them, and once. */
static bool load_roots(struct gateway *g, const struct config *c, struct buf *why)
{
	if (g->has_roots || !needs_tls(c))
		return true;
	g->has_roots = tls_roots_init(&g->roots, why);
	return g->has_roots;
}

static bool load_certificate(const struct config *c, struct tls_server **ret,
                             struct buf *why)
{
	*ret = NULL;
	if (!c->tls_cert)
		return true;
	*ret = tls_server_new(c->tls_cert, c->tls_key, why);
	return *ret != NULL;
}

/* New connections go to the worker with the fewest. */
static void on_accepted(void *arg, int listener, int fd, const struct net_addr *peer)
{
	struct process *p = arg;
	struct worker *best = &p->workers[0];

	(void)listener;
	for (unsigned i = 1; i < p->worker_count; i++) {
		if (atomic_load(&p->workers[i].load) < atomic_load(&best->load))
			best = &p->workers[i];
	}
	if (!worker_give(best, fd, peer))
		sys_close(fd);
}

static void on_stuck(void *arg, int error)
{
	struct process *p = arg;
	usec now = sys_now();

	if (p->stuck_said && now - p->stuck_said < 60 * USEC_SEC)
		return;
	p->stuck_said = now;
	log_warn("new connections wait: %s%s", strerror(error),
	         error == EMFILE ? " (raise the limit: LimitNOFILE=, ulimit -n)" : "");
}

static bool start_acceptor(struct process *p, struct buf *why)
{
	const struct acceptor_owner owner = { .on_accepted = on_accepted,
		                              .on_stuck = on_stuck,
		                              .arg = p,
		                              .most = p->descriptors };

	p->acceptor = acceptor_new(p->listeners.fd, p->listeners.count, &owner);
	if (!p->acceptor)
		buf_add(why, STR("the acceptor could not be started"));
	return p->acceptor != NULL;
}

static bool start_workers(struct process *p, unsigned count, struct buf *why)
{
	p->workers = mem_new(count * sizeof(struct worker));
	for (unsigned i = 0; i < count; i++) {
		struct worker *w = &p->workers[i];

		if (!worker_init(w, &p->gateway, i,
		                 recorder_journal(p->gateway.recorder, i))) {
			buf_add(why, STR("out of file descriptors"));
			return false;
		}
		p->worker_count++;
		if (!worker_start(w)) {
			buf_add(why, STR("a thread could not be started"));
			return false;
		}
	}
	return true;
}

/* What tells conversations apart is the same after a restart, and on every machine with
 * that pepper: a trial keeps them on their sides. */
static bool make_board(struct gateway *g)
{
	uint8_t mac[KEY_MAC];
	uint64_t seed;

	key_mac(g->pepper, STR("conversations"), mac);
	memcpy(&seed, mac, sizeof(seed));
	g->board = board_new(seed);
	g->tenants = tenants_new(g->calendar, seed);
	return true;
}

static void let_go(struct process *p)
{
	listeners_close(&p->listeners);
	if (p->lock >= 0)
		close(p->lock);
	p->is_open = false;
}

bool process_open(struct process *p, const struct config *config, struct buf *why)
{
	*p = (struct process){ .lock = -1 };
	p->is_open = datadir_make(config->data, why) &&
	             datadir_lock(config->data, &p->lock, why) &&
	             listeners_open(&p->listeners, config, why) &&
	             listeners_suit(&p->listeners, config, why);
	if (!p->is_open)
		let_go(p);
	return p->is_open;
}

bool process_start(struct process *p, struct config *config, struct calendar *calendar,
                   struct buf *why)
{
	struct gateway *g = &p->gateway;

	if (!p->is_open && !process_open(p, config, why)) {
		config_unref(&config);
		calendar_free(&calendar);
		return false;
	}
	p->started_wall = sys_wall();
	p->reloaded_wall = p->started_wall;
	p->drain = config->drain;
	pthread_mutex_init(&g->lock, NULL);
	g->found = scout_recall(config);
	config->found = g->found;
	g->config = config;
	p->started = config_ref(config);
	g->calendar = calendar ? calendar : calendar_new(STR("UTC"), why);
	p->descriptors = raise_descriptor_limit();
	if (g->calendar && keys_pepper(config->data, g->pepper, why) && make_board(g) &&
	    load_roots(g, config, why) && load_certificate(config, &g->tls, why) &&
	    start_recorder(p, config, why) && keeping_start(g, config, why) &&
	    load_trials(g, config, why) && load_tenants(p, config, why)) {
		keeping_set(g, config);
		g->resolver = resolver_new();
		if (g->resolver)
			g->oauth = oauth_new(g->resolver, &g->roots);
		if (!g->resolver)
			buf_add(why, STR("c-ares could not be started"));
		else if (!g->oauth)
			buf_add(why, STR("out of file descriptors"));
		else if (p->otlp && !otlp_start(p->otlp, g->resolver, &g->roots, why))
			buf_add(why, STR(" (telemetry.otlp)"));
		else if (start_workers(p, config->workers, why) && start_acceptor(p, why))
			return true;
	}
	process_stop(p);
	return false;
}

bool process_reload(struct process *p, struct config *config, struct buf *why)
{
	struct gateway *g = &p->gateway;
	struct tls_server *tls = NULL;

	/* The trials last: one that has spent too much for this configuration stops. */
	if (!listeners_suit(&p->listeners, config, why) ||
	    !keeping_start(g, config, why) || !load_roots(g, config, why) ||
	    !load_certificate(config, &tls, why) || !load_trials(g, config, why)) {
		tls_server_unref(&tls);
		config_unref(&config);
		return false;
	}
	keeping_set(g, config);
	pthread_mutex_lock(&g->lock);
	struct config *old = g->config;
	struct tls_server *old_tls = g->tls;
	restart_keep(config, old, p->started, why);
	config->found = g->found;
	g->config = config;
	g->tls = tls;
	p->drain = config->drain;
	p->reloaded_wall = sys_wall();
	atomic_fetch_add(&g->generation, 1);
	/* Not under the lock: whoever counts a row asks for the configuration. */
	unsigned series = config->metrics.series;
	bool by_key = config->metrics.keys;
	usec keep = config->ledger_keep;
	uint64_t keep_bytes = config->ledger_max;
	pthread_mutex_unlock(&g->lock);
	metrics_limit(p->metrics, series, by_key);
	recorder_keep(g->recorder, keep, keep_bytes);
	config_unref(&old);
	tls_server_unref(&old_tls);
	for (unsigned i = 0; i < p->worker_count; i++)
		worker_reload(&p->workers[i]);
	return true;
}

void process_drain(struct process *p)
{
	atomic_store(&p->gateway.stopping, true);
	acceptor_free(&p->acceptor);
	/* Who connects now is refused at once instead of waiting in a queue nobody
	 * serves. Inherited sockets are the supervisor's: the next process will serve
	 * them. */
	if (!p->listeners.inherited) {
		pthread_mutex_lock(&p->gateway.lock); /* the clerk may be listing them */
		listeners_close(&p->listeners);
		pthread_mutex_unlock(&p->gateway.lock);
	}
	for (unsigned i = 0; i < p->worker_count; i++)
		worker_drain(&p->workers[i]);
}

bool process_is_idle(const struct process *p)
{
	for (unsigned i = 0; i < p->worker_count; i++) {
		if (!atomic_load(&p->workers[i].ended))
			return false;
	}
	return true;
}

void process_stop(struct process *p)
{
	struct gateway *g = &p->gateway;

	atomic_store(&g->stopping, true);
	acceptor_free(&p->acceptor);
	for (unsigned i = 0; i < p->worker_count; i++)
		worker_stop(&p->workers[i]);
	for (unsigned i = 0; i < p->worker_count; i++)
		worker_join(&p->workers[i]);
	if (g->oauth)
		oauth_stop(g->oauth);
	for (unsigned i = 0; i < p->worker_count; i++)
		worker_done(&p->workers[i]);
	oauth_free(&g->oauth);
	body_log_free(&g->bodies);
	recorder_free(&g->recorder); /* the last rows, and their spans, come now */
	otlp_free(&p->otlp);
	metrics_free(&p->metrics);
	resolver_free(&g->resolver);
	keyring_free(&g->keys);
	pins_free(&g->pins);
	odd_free(&g->odd);
	tls_server_unref(&g->tls);
	if (g->has_roots)
		tls_roots_done(&g->roots);
	config_unref(&g->config);
	config_unref(&p->started);
	found_free(&g->found);
	board_free(&g->board);
	tenants_free(&g->tenants);
	calendar_free(&g->calendar);
	free(p->workers);
	p->workers = NULL;
	p->worker_count = 0;
	let_go(p);
	pthread_mutex_destroy(&g->lock);
}
