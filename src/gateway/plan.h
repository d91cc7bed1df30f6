/* plan.h - one configuration as one worker uses it: a pool for each provider.
 *
 * A plan is counted by the exchanges that began with it.  Pools belong to origins (host,
 * port, TLS, CA), which outlive a reload as long as some plan uses them, so that a reload
 * closes no warm connection. */
#pragma once
#include "gateway/gateway.h"
#include "gateway/oauth.h"
#include "http/client.h"

struct origin {
	struct list link;
	struct grave grave;
	unsigned users; /* plans */
	str host;
	uint16_t port;
	bool tls, allow_private;
	str ca_file;
	uint8_t ca_sum[32]; /* a replaced file makes another origin */
	struct http_pool pool;
	struct tls_client tls_client;
	bool usable; /* else: why not, in the log */
	char *texts;
};

struct plan {
	struct config *config;        /* a reference */
	struct tls_server *tls;       /* a reference, or NULL */
	struct origin **origins;      /* by provider index */
	struct token_source **tokens; /* the same; NULL: it wants no token */
	uint64_t **marks;             /* by provider index: of each key, for the board */
	struct health *targets;       /* of routes, by number: with their first key */
	struct list *queues;          /* the same: exchanges that wait for room */
	unsigned *queue_counts;
	struct trial_account **trials; /* by trial index */
	unsigned users;                /* exchanges, and the worker while it is current */
};

/* origins: the worker's list, to which new ones are added. */
struct plan *plan_new(struct gateway *g, struct http_io *io, struct list *origins);
struct plan *plan_ref(struct plan *p);
void plan_unref(struct plan **p);
