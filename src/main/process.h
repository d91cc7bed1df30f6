/* process.h - everything a running gateway consists of, from start to stop.
 *
 *   data directory (locked), listeners -> recorder -> keys -> resolver, oauth -> workers
 * -> acceptor
 *
 * Started in this order, stopped in the other.  Reload replaces the configuration in one
 * step or not at all. */
#pragma once
#include "gateway/worker.h"
#include "loop/acceptor.h"
#include "main/listeners.h"
#include "meter/metrics.h"
#include "meter/otlp.h"

enum { WORKERS_MOST = 32 };

struct process {
	struct gateway gateway;
	struct worker *workers;
	unsigned worker_count;
	struct acceptor *acceptor;
	int descriptors; /* numbers from here on are not for clients' connections */
	usec stuck_said; /* by the acceptor: when it was told last; 0: never */
	bool is_open;    /* both of these are had: */
	struct listeners listeners;
	int lock; /* of the data directory */
	struct metrics *metrics;
	struct otlp *otlp;      /* NULL: traces go nowhere */
	struct config *started; /* with this one; its settings are those of otlp */
	usec started_wall;
	_Atomic usec reloaded_wall; /* when the configuration in force became so */
	_Atomic bool reload_failed; /* a later one was refused */
	usec drain;
};

/* What a sandbox may be in the way of later: the lock of the data directory, and the
 * sockets.  False: *why; nothing is left open. */
must_check bool process_open(struct process *p, const struct config *config,
                             struct buf *why);
/* Opens it first if it is not.  Takes the reference to config, and the calendar (made
 * while there was one thread; NULL: UTC).  False: *why says what is wrong; nothing runs.
 */
must_check bool process_start(struct process *p, struct config *config,
                              struct calendar *calendar, struct buf *why);
/* A new configuration, whose reference it takes.  False: it changes nothing. *why: what
 * is wrong, or, on success, what needs a restart to take effect (may be empty). */
must_check bool process_reload(struct process *p, struct config *config, struct buf *why);
/* A node is there, or is another than it was: keys and limits hold from now on.  False:
 * they do not; the log has it. */
bool process_put_tenant(struct process *p, const struct tenant_row *row,
                        const struct key_secret *secret);
/* No new connections and requests; running ones go on. */
void process_drain(struct process *p);
/* Have all workers ended by themselves? */
bool process_is_idle(const struct process *p);
/* Ends what is left, writes all records. */
void process_stop(struct process *p);
