/* resolve.h - names to addresses, on a thread of its own (c-ares).
 *
 * The names are the origins of the configuration; the resolver looks them up at start and
 * refreshes them before they grow old, and publishes the addresses.  A worker only ever
 * copies what is published: no look-up on a worker.  A failed refresh keeps the last good
 * addresses for an hour (G27).  Literal addresses and unix sockets are published at once.
 * Unless allowed, a name that resolves to a private address publishes nothing (G33); that
 * goes for localhost too, about which nobody is asked. */
#pragma once
#include "base/fault.h"
#include "loop/net.h"
#include "base/usec.h"

enum { RESOLVED_MOST = 16 };

/* One name and port; lives as long as its resolver, whatever happens to the config. */
struct resolved;
struct resolver;

/* The thread starts with the first name that is no literal. NULL: c-ares has failed. */
struct resolver *resolver_new(void);
void resolver_free(struct resolver **r);

/* The entry for (host, port, allow_private), made when it is new.  Any thread, but not a
 * worker's hot path. host: a name, an IP literal (brackets off), or "unix:...". */
struct resolved *resolver_watch(struct resolver *r, str host, uint16_t port,
                                bool allow_private);

/* Copies what is published, at most RESOLVED_MOST addresses in the order to be tried.
 * 0: nothing; *ret_why is then NULL while the first look-up is under way, else
 * NAME_UNKNOWN or ADDRESS_FORBIDDEN.  Any thread, lock-free. */
unsigned resolved_get(const struct resolved *e, struct net_addr *ret, fault_t *ret_why);
/* `wake(arg)` is called, once, in the resolver's thread, when the first look-up ends; at
 * once when it has. */
void resolved_notify(struct resolved *e, void (*wake)(void *), void *arg);
