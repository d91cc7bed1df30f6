/* gateway.h - what the workers of one process share.
 *
 * Made and ended by main/serve.c.  Workers change nothing here but the counters; a reload
 * replaces `config` and `tls` under the lock and wakes them. */
#pragma once
#include "config/config.h"
#include "loop/tls.h"
#include "meter/recorder.h"
#include "policy/found.h"
#include "policy/health.h"
#include "policy/keyring.h"
#include "policy/odd.h"
#include "policy/pins.h"
#include "policy/tenant.h"
#include "policy/trial.h"

#include <pthread.h>
#include <stdatomic.h>

struct body_log;

struct gateway {
	pthread_mutex_t lock;        /* over the next three, and new names in `trials` */
	struct config *config;       /* the current one; a reference */
	struct tls_server *tls;      /* for client connections; NULL: plain */
	_Atomic unsigned generation; /* rises with each reload */
	struct keyring *keys;
	struct calendar *calendar; /* of budgets */
	struct tenants *tenants;   /* NULL: nobody is bounded */
	struct found *found;       /* models that providers list */
	struct pins *pins;         /* what which account keeps */
	struct odd *odd;           /* what providers sent that nobody knows */
	struct board *board;       /* how they have been doing */
	struct trials trials;
	struct recorder *recorder;
	struct body_log *bodies; /* NULL: nothing is kept.  Set before the configuration
	                            that wants it reaches the workers, and never unset */
	struct resolver *resolver;
	struct oauth *oauth;
	struct tls_roots roots;
	bool has_roots;
	uint8_t pepper[32];
	_Atomic uint64_t memory; /* bytes of retained bodies and held answers */
	_Atomic bool stopping;
};

/* Counts n more bytes against the memory budget; false: it is used up. */
static inline bool gateway_take_memory(struct gateway *g, uint64_t n, uint64_t most)
{
	uint64_t before = atomic_fetch_add_explicit(&g->memory, n, memory_order_relaxed);

	if (before + n <= most)
		return true;
	atomic_fetch_sub_explicit(&g->memory, n, memory_order_relaxed);
	return false;
}

static inline void gateway_give_memory(struct gateway *g, uint64_t n)
{
	if (n)
		atomic_fetch_sub_explicit(&g->memory, n, memory_order_relaxed);
}
