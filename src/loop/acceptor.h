/* acceptor.h - a thread that accepts connections and gives each to a worker.
 *
 * Accepting stands apart from the workers so that one busy worker does not collect the
 * newcomers.  Out of descriptors it pauses and closes a reserve one to stay able to act
 * (G23), and goes on as soon as some are free again. */
#pragma once
#include "loop/net.h"

struct acceptor;

/* Called in the acceptor's thread for each new connection; fd is the callee's. */
typedef void accepted_fn(void *arg, int listener, int fd, const struct net_addr *peer);

/* In that thread too: none can be accepted for now, -error says why. */
typedef void stuck_fn(void *arg, int error);

struct acceptor_owner {
	accepted_fn *on_accepted;
	stuck_fn *on_stuck; /* NULL: nobody asks */
	void *arg;
	/* Descriptors from this number on are left for others, so that those who are here
	 * already can be served: it waits while there is none below.  0: all are its. */
	int most;
};

/* fds: listening sockets, borrowed; they outlive the acceptor.  The owner is copied.
 * NULL: no thread or no descriptor. `listener` in the callback is the index into fds. */
struct acceptor *acceptor_new(const int *fds, unsigned count,
                              const struct acceptor_owner *owner);
/* Stops accepting and joins the thread. */
void acceptor_free(struct acceptor **a);
