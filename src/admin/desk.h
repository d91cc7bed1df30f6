/* desk.h - where the admin API is served: a thread with a loop of its own.
 *
 * It listens at `admin`, and takes over connections to $data/admin.sock that speak HTTP
 * (the clerk sees that).  What is asked is answered at once, in this thread, which may
 * block on the ledger; workers never wait for it.  Behind the socket is the owner of the
 * data, who may everything; at the address a token is needed. */
#pragma once
#include "admin/call.h"
#include "loop/net.h"

struct desk;
struct tls_server;

struct desk_options {
	struct clerk_options clerk; /* its members are what the API works on */
	int listener;               /* of desk_listen; 0: none, the socket alone */
	struct tls_server *tls;     /* NULL: plain; a reference is taken */
};

/* A socket that listens; it may be made before there is anything else.  -1: *why. */
int desk_listen(const struct net_addr *at, struct buf *why);
/* Takes the listener over; nobody is served before desk_start.  NULL: *why. */
struct desk *desk_new(const struct desk_options *options, struct buf *why);
/* Starts the thread.  False: *why. */
must_check bool desk_start(struct desk *d, struct buf *why);
/* Ends the thread; after the clerk. */
void desk_free(struct desk **pd);
/* Where it listens; false: nowhere. */
bool desk_address(const struct desk *d, struct net_addr *ret);
/* A connection to the socket, of that user, that speaks HTTP; takes fd over.  From any
 * thread. */
void desk_give(struct desk *d, int fd, unsigned uid);
/* Certificates, or none (NULL), for connections from now on: those made before keep what
 * they have.  A loopback address is always plain.  From any thread. */
void desk_set_tls(struct desk *d, struct tls_server *tls);
