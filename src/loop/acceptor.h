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

/* fds: listening sockets, borrowed; they outlive the acceptor. NULL: no thread or no
 * descriptor. `listener` in the callback is the index into fds. */
struct acceptor *acceptor_new(const int *fds, unsigned count, accepted_fn *on_accepted,
                              void *arg);
/* Stops accepting and joins the thread. */
void acceptor_free(struct acceptor **a);
