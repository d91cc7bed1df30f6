/* keeping.h - the log of bodies (meter/body_log.h) of a running gateway, and the master
 * keys that seal it. */
#pragma once
#include "gateway/worker.h"

/* It runs as soon as somebody wants it; also when nobody does any more, but something is
 * there that has to go in time.  Where it runs, it is given the master keys of now.
 * False: *why. */
must_check bool keeping_start(struct gateway *g, const struct config *c, struct buf *why);
/* What is kept of what, once nothing can refuse the configuration any more. */
void keeping_set(struct gateway *g, const struct config *c);
/* A reload was refused: all the same nothing is sealed any more with a key that a
 * rotation has made the old one.  On the thread that reloads. */
void keeping_read_masters(struct gateway *g);
