#include "tests/sim/gate.h"

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

bool gate_begin_with(struct gate *g, uint64_t seed, struct config *config)
{
	struct buf why = BUF_LIMIT(128);

	sim_begin(seed);
	*g = (struct gate){ 0 };
	pthread_mutex_init(&g->gateway.lock, NULL);
	if (!CHECK(config))
		return false;
	g->gateway.config = config;
	g->gateway.keys = keyring_new();
	g->gateway.board = board_new(1);
	g->gateway.calendar = calendar_new(STR("UTC"), &why);
	g->gateway.tenants = tenants_new(g->gateway.calendar, 1);
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
	keyring_free(&g->gateway.keys);
	board_free(&g->gateway.board);
	tenants_free(&g->gateway.tenants);
	calendar_free(&g->gateway.calendar);
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
