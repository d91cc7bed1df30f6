/* drill_world.c - the user's own configuration, with a mock in place of each provider. */
#include "main/drill.h"

#include "base/mem.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- ports that are ill by themselves ---- */

static int open_port(struct net_addr *ret)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	*ret = (struct net_addr){ .len = sizeof(ret->in) };
	ret->in.sin_family = AF_INET;
	ret->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd >= 0 && bind(fd, &ret->sa, ret->len) == 0 &&
	    getsockname(fd, &ret->sa, &ret->len) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* A queue that is full: the kernel drops what knocks, as a dead host would. */
static bool open_black_hole(struct drill_world *w)
{
	w->swallowing[0] = open_port(&w->swallows);
	if (w->swallowing[0] < 0 || listen(w->swallowing[0], 0) != 0)
		return false;
	for (size_t i = 1; i < countof(w->swallowing); i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		w->swallowing[i] = fd;
		if (fd < 0 || (connect(fd, &w->swallows.sa, w->swallows.len) != 0 &&
		               errno != EINPROGRESS))
			return false;
	}
	return true;
}

/* ---- mocks ---- */

bool drill_world_init(struct drill_world *w, struct buf *why)
{
	int fd = open_port(&w->refuses);
	struct net_addr any;

	for (size_t i = 0; i < countof(w->swallowing); i++)
		w->swallowing[i] = -1;
	if (fd < 0 || !open_black_hole(w) || !net_parse(STR("127.0.0.1:0"), &any)) {
		buf_addf(why, "no port on 127.0.0.1: %s", strerror(errno));
		return false;
	}
	close(fd); /* from now on nobody listens there */
	if (w->config->provider_count > DRILL_PROVIDERS_MOST) {
		buf_addf(why, "more than %d providers", DRILL_PROVIDERS_MOST);
		return false;
	}
	for (unsigned i = 0; i < w->config->provider_count; i++) {
		struct mock_options options = { .at = &any,
			                        .name = w->config->providers[i].name,
			                        .any_model = true };

		w->mocks[i] = mock_start(&options, why);
		if (!w->mocks[i])
			return false;
	}
	return true;
}

void drill_world_done(struct drill_world *w)
{
	for (size_t i = 0; i < countof(w->mocks); i++)
		mock_stop(&w->mocks[i]);
	for (size_t i = 0; i < countof(w->swallowing); i++) {
		if (w->swallowing[i] >= 0)
			close(w->swallowing[i]);
	}
}

/* ---- the configuration ---- */

str drill_base_path(enum wire_format format)
{
	switch (format) {
	case WIRE_GEMINI:
		return STR("/v1beta");
	case WIRE_COHERE:
		return STR("/v2");
	case WIRE_BEDROCK:
		return STR_NONE;
	default:
		return STR("/v1");
	}
}

/* It keeps its name, format and quirks, and loses everything that leads to a vendor: its
 * address above all, and its credentials. */
static void bend_provider(struct config *c, struct provider *p, const struct net_addr *at)
{
	struct buf port = BUF_LIMIT(64);

	p->host = STR("127.0.0.1");
	p->port = net_port(at);
	p->tls = false;
	p->allow_private = true;
	p->ca_file = NULL;
	buf_addf(&port, "127.0.0.1:%u", p->port);
	p->authority = arena_copy(&c->arena, buf_str(&port));
	buf_free(&port);
	p->base_path = drill_base_path(p->format);
	p->query = STR_NONE;
	p->api_version = STR_NONE;
	p->auth = AUTH_BEARER;
	p->account = NULL;
	p->credentials_file = NULL;
	p->discover = 0;
	p->is_mock = false;
	for (unsigned i = 0; i < p->key_count; i++) {
		char key[32];
		int n = snprintf(key, sizeof(key), "drill-key-%u", i);

		p->keys[i] = secret_keep(&c->room, str_of(key, (size_t)n));
	}
}

/* Where chance or experience would choose, the ill one comes first. */
static void put_first(struct route *r, unsigned first)
{
	struct target t = r->targets[first];

	if (r->strategy == STRATEGY_ORDERED)
		return;
	memmove(r->targets + 1, r->targets, first * sizeof(t));
	r->targets[0] = t;
	r->strategy = STRATEGY_ORDERED;
}

static void bend(const struct drill_world *w, struct config *c, const char *dir,
                 int victim, enum drill_how how)
{
	struct net_addr *listen = arena_new(&c->arena, struct net_addr);

	if (net_parse(STR("127.0.0.1:0"), listen))
		c->listen = listen;
	c->listen_count = 1;
	c->admin.len = 0;
	c->data = arena_copy(&c->arena, str_from_z(dir));
	c->auth = AUTH_MODE_OPEN;
	c->insecure_open = false;
	c->workers = 1;
	c->tls_cert = c->tls_key = NULL;
	c->access_log = STR("off");
	c->otlp.endpoint = STR_NONE; /* the collector is no part of the drill */
	c->unknown_price = UNKNOWN_PRICE_ALLOW;
	for (unsigned i = 0; i < c->provider_count; i++) {
		const struct net_addr *at = mock_address(w->mocks[i]);

		if (victim == (int)i && how == DRILL_REFUSED)
			at = &w->refuses;
		else if (victim == (int)i && how == DRILL_BLACK_HOLE)
			at = &w->swallows;
		bend_provider(c, &c->providers[i], at);
	}
}

struct config *drill_config(const struct drill_world *w, const char *dir, int victim,
                            enum drill_how how, str route, unsigned first)
{
	struct arena arena = { 0 };
	struct config_notes notes = { .arena = &arena };
	struct config *c = config_load(w->source, &notes);

	arena_done(&arena);
	if (!c)
		return NULL;
	bend(w, c, dir, victim, how);
	for (unsigned i = 0; i < c->route_count; i++) {
		if (str_eq(c->routes[i].name, route))
			put_first(&c->routes[i], first);
	}
	return c;
}
