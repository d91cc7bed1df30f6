#include "tests/sim/gate.h"

#include <stdlib.h>

static struct net_addr address(const char *text)
{
	struct net_addr a = { 0 };

	CHECK(net_parse(str_from_z(text), &a));
	return a;
}

struct config *gate_config(const char *text)
{
	struct arena keep = { .ceiling = 4 * MiB };
	struct config_notes notes = { .arena = &keep };
	struct config_source source = { .path = STR("test"), .text = str_from_z(text) };
	struct config *config = config_read(&source, &notes);

	arena_done(&keep);
	return config;
}

/* ---- what only keys and limits change ---- */

/* Hundreds of megabytes of addresses, which cost more to make than many a run. */
static struct gateway kept;

static void make_tables(struct gateway *g)
{
	struct buf why = BUF_LIMIT(128);

	g->keys = keyring_new();
	g->calendar = calendar_new(STR("UTC"), &why);
	g->tenants = tenants_new(g->calendar, 1);
}

static void free_tables(struct gateway *g)
{
	if (g->tenants == kept.tenants)
		return;
	keyring_free(&g->keys);
	tenants_free(&g->tenants);
	calendar_free(&g->calendar);
}

static void drop_tables(void)
{
	struct gateway all = kept;

	kept = (struct gateway){ 0 };
	free_tables(&all);
}

void gate_keep_tables(void)
{
	make_tables(&kept);
	atexit(drop_tables); /* what hangs on them looks lost to LeakSanitizer */
}

/* ---- a world ---- */

bool gate_begin_with(struct gate *g, uint64_t seed, struct config *config)
{
	sim_begin(seed);
	*g = (struct gate){ 0 };
	pthread_mutex_init(&g->gateway.lock, NULL);
	if (!CHECK(config))
		return false;
	g->gateway.config = config;
	if (kept.tenants) {
		g->gateway.keys = kept.keys;
		g->gateway.calendar = kept.calendar;
		g->gateway.tenants = kept.tenants;
	} else {
		make_tables(&g->gateway);
	}
	g->gateway.board = board_new(1);
	g->gateway.resolver = resolver_new();
	g->journal = journal_open_memory(4);
	return CHECK(worker_init(&g->worker, &g->gateway, 0, g->journal));
}

bool gate_begin(struct gate *g, uint64_t seed, const char *config)
{
	return gate_begin_with(g, seed, gate_config(config));
}

void gate_end(struct gate *g)
{
	worker_done(&g->worker);
	journal_close(&g->journal);
	resolver_free(&g->gateway.resolver);
	board_free(&g->gateway.board);
	free_tables(&g->gateway);
	config_unref(&g->gateway.config);
	pthread_mutex_destroy(&g->gateway.lock);
	CHECK_INT(sim_finish(), 0);
}

struct sim_peer *gate_client(struct gate *g)
{
	struct net_addr peer = address("127.0.0.1:5555");
	int fd;
	struct sim_peer *client = sim_pair(&fd);

	http_server_add(&g->worker.server, fd, &peer, NULL);
	return client;
}

struct sim_port *gate_listen(const char *at)
{
	struct net_addr a = address(at);

	return sim_listen(&a);
}

void gate_run(struct gate *g, usec span)
{
	sim_run(&g->worker.loop, span);
}
