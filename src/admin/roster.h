/* roster.h - what can be done with organisations, teams, keys and users: one set of
 * operations for the admin socket, for the command line where no gateway runs, and for
 * REST.
 *
 * A node is read and written as tenant_json.h says.  It is named by its id, by its name
 * where only one active node of the kind has it, or, a key, by its whole text.  Every
 * change is told to `changed`, who keeps the running gateway up to date, and to `audit`.
 * The operations block: they are for the clerk's thread, not for workers. */
#pragma once
#include "admin/tenant_json.h"
#include "config/key.h"
#include "meter/recorder.h"

/* What was changed, by whom; on loan. */
struct roster_change {
	str actor;
	str action; /* "create", "update", "rotate", "revoke" */
	enum tenant_kind kind;
	uint64_t id;
	str name;
	str before, after; /* JSON objects, without secrets; before is empty for a new one
	                    */
};

enum roster_result {
	ROSTER_DONE,
	ROSTER_INVALID,   /* something asked for cannot be: 400 */
	ROSTER_NOT_FOUND, /* 404 */
	ROSTER_TAKEN,     /* an active node has this name: 409 */
	ROSTER_STALE,     /* its serial is another one by now: 412 */
	ROSTER_FAILED,    /* the ledger could not be read or written: 500 */
};

/* Who asks, and what the operations work on; made for one request or for many. */
struct roster {
	struct ledger *ledger;     /* for reading; also for writing without recorder */
	struct recorder *recorder; /* NULL: `ledger` is the only writer there is */
	const uint8_t *pepper;     /* PEPPER bytes; for create and rotate of keys */
	usec wall;                 /* now */
	str actor;                 /* "cli:alice", "token:ci" */
	void (*changed)(void *arg, const struct tenant_row *row,
	                const struct key_secret *secret);             /* may be NULL */
	void (*audit)(void *arg, const struct roster_change *change); /* may be NULL */
	/* What a node has used by now, and when it was used last, as a running gateway
	 * knows it; may be NULL. */
	bool (*look)(void *arg, uint64_t id, struct tenant_state *ret, usec *ret_used);
	void *arg;          /* of these */
	struct arena *keep; /* for texts; a MiB or more, ended by the owner */
	struct buf *why; /* set when the result is not DONE: what is wrong, for people */
	str param;       /* then: which member, like "limits.rpm"; or empty */
};

/* All write the members of a node into the open object `to`; what they write counts only
 * when the result is DONE. */

/* `body`: "name", for others than organisations "parent" (id or name of what may be above
 * it; also as "team" or "organisation"; the default organisation when there is none), and
 * what tenant_patch takes.  A key has a member "key" more, its text: nobody sees it
 * again, so whoever sends it on wipes it. */
must_check enum roster_result roster_create(struct roster *t, enum tenant_kind kind,
                                            struct json_value body,
                                            struct json_writer *to);
/* Also "used", and, when a gateway runs, "usage" (tenant_json.h). */
must_check enum roster_result roster_show(struct roster *t, enum tenant_kind kind,
                                          str which, struct json_writer *to);
/* The id of a key, however it is named. */
must_check enum roster_result roster_key_id(struct roster *t, str which, uint64_t *ret);
/* `serial`: the one it must have (ETag), 0: any. */
must_check enum roster_result roster_update(struct roster *t, enum tenant_kind kind,
                                            str which, uint64_t serial,
                                            struct json_value body,
                                            struct json_writer *to);
/* A new secret, as a member "key"; the one it had is good for `grace` more. */
must_check enum roster_result roster_rotate(struct roster *t, str which, uint64_t serial,
                                            usec grace, struct json_writer *to);
/* For good.  One that is revoked already stays as it is.  What is below a node stops with
 * it.  Not of the default organisation. */
must_check enum roster_result roster_revoke(struct roster *t, enum tenant_kind kind,
                                            str which, uint64_t serial,
                                            struct json_writer *to);

enum { ROSTER_PAGE = 100, ROSTER_PAGE_MOST = 1000 };
#define ROSTER_GRACE_MOST (90 * 24 * USEC_HOUR)

struct roster_filter {
	str parent;    /* id or name; empty: any */
	str cursor;    /* "next" of the page before; empty: the first */
	unsigned most; /* 0: ROSTER_PAGE */
	bool active;   /* no revoked or expired ones */
};
/* Writes "data", an array of nodes, the oldest first, and "next", a cursor or null. */
must_check enum roster_result roster_list(struct roster *t, enum tenant_kind kind,
                                          const struct roster_filter *filter,
                                          struct json_writer *to);

/* One of the above, as a line at the admin socket asks for it:
 *	{"do":"tenant_create","kind":"key","set":{...}}
 *	{"do":"tenant_show","kind":"key","which":"ci"}
 *	{"do":"tenant_update","kind":"team","which":"a","serial":3,"set":{...}}
 *	{"do":"tenant_rotate","which":"0123456789ab","grace":"24h"}
 *	{"do":"tenant_revoke","kind":"key","which":"..."}
 *	{"do":"tenant_list","kind":"key","parent":"a","cursor":"","most":50,"active":true}
 * `request` is a checked object; its "actor" says who asks.  INVALID also for something
 * that is not to be asked. */
must_check enum roster_result roster_ask(struct roster *t, struct json_value request,
                                         struct json_writer *to);
