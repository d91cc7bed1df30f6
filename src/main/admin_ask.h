/* admin_ask.h - how commands use the admin API: of a running gateway at its socket, else
 * the same routes in this process, which is the ledger's only writer for a moment. */
#pragma once
#include "admin/pieces.h"
#include "base/usec.h"
#include "codec/json.h"
#include "http/head.h"
#include "main/command.h"

struct admin_asked {
	struct buf dir;    /* $data */
	struct buf answer; /* the body */
	int status;
	struct json_value value; /* the answer, an object, when is_json */
	bool is_json;
	bool has_gateway;           /* a running one answered */
	struct admin_pieces pieces; /* -- private -- what is still to be made */
};

/* What a route is given where no gateway runs. */
struct admin_alone {
	struct config *config; /* NULL: none */
	const char *key_file;  /* then `secrets.key_file` all the same; or NULL */
	/* The writer is a recorder, so that what a crash has left in the journals is in
	 * the ledger first. */
	bool by_recorder;
	/* It changes nothing and asks nothing of the ledger: there may be none. */
	bool is_look;
};

/* What a route is asked for. */
struct admin_errand {
	enum http_method method;
	str target, body; /* path and query; the body, or empty */
	str body_type;    /* empty: JSON */
	struct admin_sink
	        *sink;     /* takes an answer with status 200 as it comes; or NULL */
	const char *about; /* what a refusal is about: stands before it; or NULL */
	struct admin_alone alone;
};

/* EXIT_OK: the answer is 2xx.  Else what the command returns; it was said. */
int admin_run(const struct command *c, const struct admin_errand *errand,
              struct admin_asked *ret);
int admin_do(const struct command *c, enum http_method method, str target, str body,
             struct admin_asked *ret);
int admin_do_alone(const struct command *c, const struct admin_alone *alone,
                   enum http_method method, str target, str body,
                   struct admin_asked *ret);
/* The recorder of a command that holds the lock.  NULL: *why. */
struct recorder *admin_recorder(const struct config *c, str dir, struct buf *why);
/* Adds "?name=value", or with '&', to a target; value NULL: nothing. */
void admin_add_query(struct buf *target, const char *name, const char *value);
/* The same with a time; the beginning and the end of all time: nothing. */
void admin_add_time(struct buf *target, const char *name, usec wall);
/* Prints what a GET of target answers, as it comes. */
int admin_print(const struct command *c, str target);
/* A text of the answer in room; empty when it is none, or longer. */
str admin_text(struct json_value object, const char *name, char *room, size_t size);
/* Wipes, too. */
void admin_asked_done(struct admin_asked *a);
