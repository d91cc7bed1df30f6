/* call.h - one request to the admin API: what a handler is given, and its answer.
 *
 * A handler writes one JSON value to c->to and gives the status, or gives what
 * admin_problem gave.  It runs in the thread of whoever asks (the desk's, or a command's
 * when no gateway runs) and may block.  What it changes, it changes inside admin_change:
 * one transaction with the entry in the audit log and the answer that an Idempotency-Key
 * keeps, so that after a crash there are all three or none. */
#pragma once
#include "admin/clerk.h"
#include "admin/pieces.h"
#include "admin/route.h"
#include "codec/json.h"
#include "store/ledger.h"

enum {
	ADMIN_BODY_MOST = 256 * KiB, /* of JSON with members; of others: */
	ADMIN_TEXT_MOST = 32 * MiB,
	ADMIN_ANSWER_MOST = 12 * MiB,
	ADMIN_BODIES_MOST = 256 * MiB, /* of an answer with what was said */
	ADMIN_PAGE = 100,              /* items of a list, when nobody says how many */
	ADMIN_PAGE_MOST = 1000,
	ADMIN_IDEMPOTENCY_MOST = 255, /* bytes of an Idempotency-Key */
};

/* What the API works on, whether a gateway runs or not. */
struct admin_house {
	str dir;                     /* $data */
	const uint8_t *pepper;       /* PEPPER bytes */
	struct recorder *recorder;   /* a running gateway's, or a command's; or NULL: */
	struct ledger *writer;       /* then the only writer there is, under $data/lock */
	struct ledger *reader;       /* opened when it is needed; admin_house_done */
	struct tenants *tenants;     /* follow corrections; NULL: nobody counts */
	const struct admin_ops *ops; /* NULL without a gateway: */
	void *arg;
	struct config *config; /* then the one the command runs with; NULL: it has none */
	const char *key_file;  /* then `secrets.key_file` all the same; or NULL */
};
void admin_house_done(struct admin_house *h);

/* Who asks. */
struct admin_who {
	unsigned scopes;
	uint64_t token; /* 0: the owner of the data, at the socket or by a command */
	char name[192]; /* "token 0123456789ab ci", "uid 1000" */
	char from[64];  /* an address, "admin.sock" or "command" */
};

struct admin_call {
	struct admin_house *house;
	const struct admin_route *route;
	struct admin_who who;
	str params[ADMIN_PARAMS_MOST]; /* of the path */
	str query;
	str body;
	str secret; /* the token's text, or empty: only who has it can have an answer
	             * repeated that held a secret */
	str if_match, if_none_match, idempotency_key,
	        accept;     /* header values, or empty */
	usec wall;          /* now */
	struct arena *keep; /* ends with the call */
	/* -- the answer */
	struct buf *out;
	struct json_writer to;
	str content_type;           /* set when it is not JSON */
	struct admin_pieces pieces; /* set when it is made while it goes out */
	char etag[48];              /* with quotes; empty: of the answer's bytes */
	bool is_replayed;
	/* -- for the audit log; set by the handler */
	str target;               /* what it is done to; a path's id when it is not set */
	struct buf before, after; /* JSON without secrets; may stay empty */
	/* -- private */
	struct json_value object; /* the body, once it was checked */
};

/* Runs the route's handler with all that stands around it: the query and the body are
 * checked against the route's row, a repeated request gets the answer of the first, an
 * access is traced, and a reader who has the same already is told so (304).  Who asks may
 * do so: that was decided before.  Gives the status; the answer is in c->out. */
int admin_call_run(struct admin_call *c);

/* ---- for handlers ---- */

/* The answer becomes an error: type names it for programs ("not_found"), param the member
 * or parameter it is about (NULL: none), and the rest is for people. Gives the status. */
int admin_problem(struct admin_call *c, int status, const char *type, const char *param,
                  const char *fmt, ...) printf_like(5, 6);
int admin_not_found(struct admin_call *c, const char *what);

/* Inside a transaction, on the thread of the ledger's writer.  Gives the status: 2xx is
 * committed, anything else undone. */
typedef int admin_change_fn(struct admin_call *c, struct ledger *l, void *arg);
int admin_change(struct admin_call *c, admin_change_fn *run, void *arg);
/* The same of a change that replaces a file as its last act (*is_written then), or has
 * done before what no transaction undoes: if the commit fails behind it, the problem says
 * that `what` was changed without an entry. */
int admin_change_file(struct admin_call *c, admin_change_fn *run, void *arg,
                      const bool *is_written, const char *what);
/* The entry of a change that no transaction can undo, ahead of it: so there is none
 * without one.  What comes of it is the entry of the admin_change behind it.  Gives 0, or
 * the status of the problem. */
int admin_note_first(struct admin_call *c);
/* The configuration in force, a reference; NULL: without a gateway there may be none. */
struct config *admin_config(const struct admin_call *c);
/* What only a running gateway can answer, and none runs: the problem's status. */
int admin_no_gateway(struct admin_call *c);
/* The ledger, for reading; NULL: the answer is a problem, return 503. */
struct ledger *admin_reader(struct admin_call *c);
/* The same by a connection of its own, which the caller closes: for what is made while
 * the answer goes out (pieces.h).  Before c->pieces are set, which a problem ends. */
struct ledger *admin_new_reader(struct admin_call *c);
/* Has what the workers wrote so far brought into the ledger. */
void admin_flush(struct admin_call *c);

/* A parameter of the query, decoded; empty when it is not there (or is empty). */
str admin_query(const struct admin_call *c, const char *name);
/* One that was declared as int; `fallback` when it is not there. */
uint64_t admin_query_int(const struct admin_call *c, const char *name, uint64_t fallback);
/* One that was declared as time (RFC 3339, or a span back from now: "24h", "30d"). */
usec admin_query_time(const struct admin_call *c, const char *name, usec fallback);
/* How many items a page has, whatever its cursors are. */
unsigned admin_page_most(const struct admin_call *c);
/* How many items a page has, and behind which it begins (0: at the begin).  0: the cursor
 * is none, the answer is a problem: return 400. */
unsigned admin_page(struct admin_call *c, uint64_t *ret_after);
/* Writes the member next; 0: null, there is no more. */
void admin_page_end(struct admin_call *c, uint64_t last);

/* A member of the body; type JSON_NONE when it is not there. */
struct json_value admin_member(const struct admin_call *c, const char *name);
/* A text of it, kept with the call; empty when it is not there or is null. */
str admin_member_text(struct admin_call *c, const char *name);

/* The id of a key that is named by its id or name; empty: 0.  Gives 0, or the status of
 * the problem. */
int admin_find_key(struct admin_call *c, str which, uint64_t *ret);

/* A token's members, without its text. */
void admin_write_token(struct json_writer *w, const struct admin_token_row *t);
/* "0123456789ab", or null for 0; as a value, and as a member. */
void admin_id(struct json_writer *w, uint64_t id);
void admin_write_id(struct json_writer *w, str key, uint64_t id);
/* RFC 3339, or null for 0. */
void admin_write_time(struct json_writer *w, str key, usec wall);
/* "12.345678900": exact; null for COST_UNKNOWN. */
void admin_write_usd(struct json_writer *w, str key, int64_t nano);
