/* worker.h - one thread with everything a request needs: loop, server, pools, journal.
 *
 * Workers share nothing hot.  New connections and new configurations reach them as
 * letters; they leave by stop. */
#pragma once
#include "config/key.h"
#include "gateway/plan.h"
#include "http/server.h"
#include "loop/mailbox.h"

/* Counted by the worker alone, read by others. */
struct worker_counts {
	_Atomic uint64_t exchanges, attempts, refused, failed, cancelled;
	_Atomic uint64_t hedges, hedges_won;
	_Atomic uint64_t resumes, resumes_saved; /* streams that died; that went on */
	_Atomic uint64_t events;
	_Atomic uint64_t lost_closes; /* the journal was full when an attempt closed */
	_Atomic uint64_t lost_pins;   /* the same, of pins: they end with the process */
};

/* No other thread writes it: a load and a store are enough. */
#define COUNT_BY(n, by)                                                                  \
	atomic_store_explicit(&(n),                                                      \
	                      atomic_load_explicit(&(n), memory_order_relaxed) + (by),   \
	                      memory_order_relaxed)
#define COUNT(n) COUNT_BY(n, 1)

struct worker {
	struct loop loop;
	struct http_io io;
	struct http_server server;
	struct gateway *gateway;
	unsigned index;
	struct journal *journal; /* the recorder's */
	struct key_hasher hasher;
	struct plan *plan; /* the current one */
	struct list origins;
	struct buf head;       /* scratch for answer heads; cleared by each user */
	uint64_t chance;       /* state of a small random generator */
	unsigned generation;   /* of the plan */
	struct list exchanges; /* live ones */
	_Atomic unsigned live;
	_Atomic unsigned queued; /* of these, so many wait for room */
	unsigned shadows;        /* of these, without a client */
	bool awaits_token;       /* some of them do */
	unsigned hedge_credit;   /* in hundredths of a hedge */
	struct worker_counts counts;
	struct mailbox inbox;  /* new connections */
	_Atomic unsigned load; /* connections, for the acceptor */
	_Atomic bool drain, stop, cut;
	_Atomic unsigned roll, rolled; /* journals: asked for and done */
	_Atomic bool ended;            /* its thread has left the loop */
	pthread_t thread;
	bool has_thread;
};

/* The journal is recorder_journal(index). False: out of descriptors. */
must_check bool worker_init(struct worker *w, struct gateway *g, unsigned index,
                            struct journal *journal);
/* After the loop has ended. */
void worker_done(struct worker *w);
bool worker_start(struct worker *w);

/* ---- from other threads ---- */

/* Hands a connection over; on false fd is still the caller's. */
must_check bool worker_give(struct worker *w, int fd, const struct net_addr *peer);
/* There is a new configuration. */
void worker_reload(struct worker *w);
/* No new requests; idle connections close; the loop ends when the last exchange has. */
void worker_drain(struct worker *w);
/* Requests whose key is revoked by now end, also in the middle of an answer. */
void worker_cut(struct worker *w);
/* The loop ends now; answers that are under way end with an error. */
void worker_stop(struct worker *w);
/* Its journal goes on in a fresh segment. False: not yet; ask again. */
bool worker_roll(struct worker *w, unsigned number);
void worker_join(struct worker *w);

/* An exchange of ours waits for that token: its attempt hears of the news. */
void worker_await_token(struct worker *w, struct token_source *s);
/* Requests that may be hedged earn the right to it: `share` of 100 of them have it.  What
 * was not used is kept for a burst of ten. */
void worker_earn_hedge(struct worker *w, unsigned share);
bool worker_may_hedge(const struct worker *w);
void worker_spend_hedge(struct worker *w);
uint64_t worker_random(struct worker *w);
