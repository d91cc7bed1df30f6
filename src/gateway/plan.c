#include "gateway/plan.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "gateway/ask.h"

enum { POOL_KEEP = 1024 };
#define WARM_FOR (300 * USEC_SEC)

static bool is_same(const struct origin *o, const struct provider *p)
{
	return o->port == p->port && o->tls == p->tls &&
	       o->allow_private == p->allow_private && str_eq(o->host, p->host) &&
	       str_eq(o->ca_file, str_from_z(p->ca_file)) &&
	       memcmp(o->ca_sum, p->ca_sum, sizeof(o->ca_sum)) == 0;
}

static struct origin *origin_new(struct gateway *g, struct http_io *io,
                                 const struct provider *p)
{
	struct origin *o = new_of(struct origin);
	str ca = str_from_z(p->ca_file);
	struct buf why = BUF_LIMIT(512);

	/* Two texts behind one another, each with a NUL for OpenSSL. */
	o->texts = mem_new(p->host.len + ca.len + 2);
	memcpy(o->texts, p->host.ptr, p->host.len);
	memcpy(o->texts + p->host.len + 1, ca.len ? ca.ptr : "", ca.len);
	o->host = str_of(o->texts, p->host.len);
	o->ca_file = str_of(o->texts + p->host.len + 1, ca.len);
	memcpy(o->ca_sum, p->ca_sum, sizeof(o->ca_sum));
	o->port = p->port;
	o->tls = p->tls;
	o->allow_private = p->allow_private;
	o->usable = !p->tls ||
	            tls_client_init(&o->tls_client, &g->roots,
	                            ca.len ? o->ca_file.ptr : NULL, o->texts, &why);
	if (!o->usable)
		log_warn("provider %.*s: %s", STR_ARG(p->name), buf_z(&why));
	buf_free(&why);
	o->pool = (struct http_pool){
		.io = io,
		.keep = POOL_KEEP,
		.warm_for = WARM_FOR,
		.origin = {
			.name = resolver_watch(g->resolver, p->host, p->port, p->allow_private),
			.tls = p->tls && o->usable ? &o->tls_client : NULL,
			.connect_timeout = 3 * USEC_SEC,
			.tls_timeout = 3 * USEC_SEC,
			.idle_timeout = 50 * USEC_SEC,
			.write_timeout = 60 * USEC_SEC,
		},
	};
	http_pool_init(&o->pool);
	return o;
}

static void bury(struct grave *g)
{
	struct origin *o = container_of(g, struct origin, grave);

	if (o->tls && o->usable)
		tls_client_done(&o->tls_client);
	free(o->texts);
	free(o);
}

/* The last exchange of a plan may end inside a call of one of its connections, which
 * still has to be given back to the pool. */
static void origin_free(struct origin *o)
{
	list_remove(&o->link);
	http_pool_done(&o->pool);
	loop_bury(o->pool.io->loop, &o->grave, bury);
}

static struct trial_account **trials_of(struct gateway *g, const struct config *c)
{
	struct trial_account **list = mem_new((c->trial_count + 1) * sizeof(*list));

	pthread_mutex_lock(&g->lock);
	for (unsigned i = 0; i < c->trial_count; i++) {
		list[i] = trials_get(&g->trials, c->trials[i].name);
		/* By each worker: those before it may have been stopped again by what
		 * was still in force elsewhere. */
		if (list[i])
			trial_revive(&c->trials[i], list[i]);
	}
	pthread_mutex_unlock(&g->lock);
	return list;
}

struct plan *plan_new(struct gateway *g, struct http_io *io, struct list *origins)
{
	struct plan *p = new_of(struct plan);

	pthread_mutex_lock(&g->lock);
	p->config = config_ref(g->config);
	p->tls = g->tls ? tls_server_ref(g->tls) : NULL;
	pthread_mutex_unlock(&g->lock);
	p->users = 1;
	p->origins = mem_new(p->config->provider_count * sizeof(struct origin *));
	p->tokens = mem_new(p->config->provider_count * sizeof(struct token_source *));
	p->marks = ask_marks_new(g->board, p->config);
	p->targets = ask_targets_new(g->board, p->marks, p->config);
	p->queues = mem_new(p->config->provider_count * sizeof(struct list));
	p->queue_counts = mem_new(p->config->provider_count * sizeof(unsigned));
	p->trials = trials_of(g, p->config);
	for (unsigned i = 0; i < p->config->provider_count; i++) {
		const struct provider *provider = &p->config->providers[i];

		list_init(&p->queues[i]);
		if (provider->disabled.len)
			continue;
		list_each (origins, it) {
			struct origin *o = container_of(it, struct origin, link);

			if (is_same(o, provider))
				p->origins[i] = o;
		}
		if (!p->origins[i]) {
			p->origins[i] = origin_new(g, io, provider);
			list_add_last(origins, &p->origins[i]->link);
		}
		p->origins[i]->users++;
		if (provider->account)
			p->tokens[i] = oauth_source(g->oauth, provider->account);
	}
	return p;
}

struct plan *plan_ref(struct plan *p)
{
	p->users++;
	return p;
}

void plan_unref(struct plan **p)
{
	struct plan *plan = *p;

	*p = NULL;
	if (!plan)
		return;
	assert(plan->users > 0);
	if (--plan->users > 0)
		return;
	for (unsigned i = 0; i < plan->config->provider_count; i++) {
		struct origin *o = plan->origins[i];

		if (o && --o->users == 0)
			origin_free(o);
		token_source_unref(&plan->tokens[i]);
		assert(list_is_empty(&plan->queues[i]));
	}
	ask_marks_free(&plan->marks, plan->config);
	free(plan->targets);
	free(plan->queues);
	free(plan->queue_counts);
	free(plan->origins);
	free(plan->tokens);
	free(plan->trials);
	tls_server_unref(&plan->tls);
	config_unref(&plan->config);
	free(plan);
}
