/* listeners.h - the sockets at which clients knock: opened here, or by a supervisor
 * (LISTEN_FDS, sd_listen_fds(3)). */
#pragma once
#include "config/config.h"

enum { LISTENERS_MOST = 16 };

struct listeners {
	int fd[LISTENERS_MOST];
	unsigned count;
	bool inherited; /* they are the supervisor's, and the next process's */
};

/* Those of `listen`, unless there are inherited ones.  False: *why says which could not
 * be had; what was opened until then is closed by listeners_close. */
must_check bool listeners_open(struct listeners *l, const struct config *c,
                               struct buf *why);
/* Open mode answers this machine alone, unless insecure_open is written: are all of l at
 * loopback then?  What the file says of `listen` does not tell: sockets are inherited,
 * and outlive a reload.  False: *why. */
must_check bool listeners_suit(const struct listeners *l, const struct config *c,
                               struct buf *why);
void listeners_close(struct listeners *l);
