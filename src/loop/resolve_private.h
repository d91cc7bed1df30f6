/* resolve_private.h - between resolve.c and resolve_thread.c. */
#pragma once
#include "loop/private.h"

#include <ares.h>
#include <pthread.h>
#include <stdatomic.h>

/* What is published of one name: IPv6 addresses, IPv4 as ::ffff:1.2.3.4. */
struct slot {
	_Atomic unsigned count;
	_Atomic(fault_t) why;
	_Atomic uint64_t ip[RESOLVED_MOST][2];
};

/* Somebody to be told of the first answer. */
struct waiter {
	struct waiter *next;
	void (*wake)(void *);
	void *arg;
};

struct resolved {
	struct resolved *next; /* constant, as are the next five */
	struct resolver *resolver;
	char *host;
	uint16_t port;
	bool allow_private;
	struct net_addr literal;    /* of something that is no name */
	_Atomic unsigned published; /* how often; 0: the first look-up is under way */
	struct slot slots[2];       /* by the lowest bit of `published` */
	struct waiter *waiters;     /* under the resolver's lock */
	bool asking;                /* -- the thread's from here -- */
	usec ask_at;                /* when to look it up again; USEC_NEVER: not at all */
	usec good_until;            /* after this the last good answer is worth nothing */
	usec retry;                 /* how long the next failure makes us wait */
};

struct resolver {
	struct resolver_times times;
	char *servers;
	int waker;
	atomic_bool stop;
	pthread_mutex_t lock; /* for adding names and for waiters */
	struct resolved *_Atomic names;
	bool has_thread;
	pthread_t thread;
	ares_channel channel; /* the thread's: NULL while nothing is asked */
	unsigned under_way;   /* questions */
};

/* The thread's, or before the name is seen by others. addrs' ports do not matter. */
void resolved_publish(struct resolved *e, const struct net_addr *from, unsigned count,
                      fault_t why);
/* After the first look-up: calls whoever waits for it. */
void resolved_tell(struct resolved *e);

/* resolve_thread.c: asks for what is due, until r->stop. */
void *resolver_run(void *arg);
