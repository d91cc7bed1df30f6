/* clerk.h - the running gateway's ear for the command line: a thread at $data/admin.sock.
 *
 * One JSON object per line and one per answer, in order:
 *
 *	{"do":"status"} {"ok":true,"version":...,"pid":...,"listen":[...]}
 *	{"do":"tenant_create",...}          {"ok":true,"id":...}, and more in roster.h
 *	{"do":"flush"}                      {"ok":true}
 *	{"do":"reload"}                     {"ok":true,"said":"..."}
 *	{"do":"explain","model":"fast"}     {"ok":true,"strategy":...,"candidates":[...]};
 *	                                    with a member "key" also what that may not use
 *	{"do":"health"}                     {"ok":true,"providers":[{"name":...}]}
 *	anything else                       {"ok":false,"error":"..."}
 *
 * Who speaks HTTP there is handed on: the socket serves the routes of the admin API as
 * well (curl --unix-socket $data/admin.sock http://sluice/admin/v1/status).
 *
 * The clerk may block; workers never wait for it. */
#pragma once
#include "codec/json_write.h"
#include "config/config.h"
#include "config/key.h"
#include "meter/recorder.h"
#include "policy/tenant.h"
#include "policy/trial.h"

struct clerk;

/* Called in the clerk's thread, or the desk's (desk.h). */
struct admin_ops {
	/* Writes members into the open object: listen, uptime_s, config, workers, ... */
	void (*status)(void *arg, struct json_writer *to);
	/* A node is new or another than it was, and the ledger has it. The secret is NULL
	 * but for keys.  Called in the order of the ledger's commits (tenants_hold_rows).
	 * False: it is not in force. */
	bool (*tenant_changed)(void *arg, const struct tenant_row *row,
	                       const struct key_secret *secret);
	/* Is there room for one more key, team or organisation?  Asked before the ledger
	 * has it.  May be NULL. */
	bool (*has_room)(void *arg);
	/* Reads the configuration again. False: nothing changed, and *said says why; else
	 * it may say what needs a restart. */
	bool (*reload)(void *arg, struct buf *said);
	/* Writes members: where a request for the model would go, with that key (0:
	 * whatever keys may do). False: *said. */
	bool (*explain)(void *arg, str model, uint64_t key, struct json_writer *to,
	                struct buf *said);
	/* Writes a member "providers": how each is doing. */
	void (*health)(void *arg, struct json_writer *to);
	/* Writes a page of metrics, as OpenMetrics or in Prometheus' older format. */
	bool (*metrics)(void *arg, bool openmetrics, struct buf *to);
	/* Somebody looks at what was said in that exchange: it is on the disk then. */
	void (*body_look)(void *arg, uint64_t exchange);
	/* What was said by and to that person is erased, *ret_count exchanges. False:
	 * *why. */
	bool (*forget_bodies)(void *arg, const struct ledger_person *who,
	                      uint64_t *ret_count, struct buf *why);
	/* The journals leave the segments they are in; what the ledger has of these is
	 * wiped with the next flush. */
	void (*roll_journals)(void *arg);
	/* A trial was stopped, and the ledger has it. */
	void (*trial_stopped)(void *arg, str name);
	/* How the trial of the configuration in force has ended, as far as this process
	 * knows: it may have stopped itself. */
	enum trial_end (*trial_end)(void *arg, str name);
	/* The configuration in force; a reference. */
	struct config *(*config)(void *arg);
	/* Writes a row of the ledger as an object. */
	void (*attempt)(struct json_writer *to, const struct attempt_row *row);
	/* What a node has used by now, and when it was used last (wall; 0: not since the
	 * start).  False: it is not known.  May be NULL. */
	bool (*look)(void *arg, uint64_t id, struct tenant_state *ret, usec *ret_used);
};

struct clerk_options {
	str dir; /* $data; locked by the caller */
	struct recorder *recorder;
	struct tenants *tenants;     /* changes take turns by them, and they follow
	                              * corrections; NULL: nobody counts */
	const uint8_t *pepper;       /* PEPPER bytes; must stay */
	const struct admin_ops *ops; /* all set but what may be NULL */
	void *arg;
	/* A connection that speaks HTTP, of that user; takes fd over.  NULL: it is
	 * closed. Called in the clerk's thread. */
	void (*http)(void *arg, int fd, unsigned uid);
	void *http_arg;
};

/* Listens and starts the thread. NULL: *why. */
struct clerk *clerk_new(const struct clerk_options *options, struct buf *why);
/* Ends the thread and removes the socket; before what the ops use goes. */
void clerk_free(struct clerk **pk);
