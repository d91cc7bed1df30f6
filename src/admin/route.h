/* route.h - the routes of the admin API, one row each (routes.def).
 *
 * A row has everything there is to know of a route: how it is reached, who may, what it
 * takes and gives, and the function that answers.  Authorization, dispatch, the OpenAPI
 * document and docs/admin-api.md come from the same row, so none of them can know of a
 * route that another one does not.  Paths are compared as they stand: nothing is decoded
 * and nothing normalised, and what is not listed is not there. */
#pragma once
#include "base/buf.h"
#include "http/head.h"

/* What a token may do; each but READ may read as well. */
enum admin_scope {
	ADMIN_READ = 1,   /* look at everything but secrets */
	ADMIN_KEYS = 2,   /* change keys, teams, organisations and users */
	ADMIN_CONFIG = 4, /* what runs: reload, trials; prices */
	ADMIN_ALL = 8,    /* everything: also tokens, provider keys, and what was said */
};
enum { ADMIN_SCOPES = 4 };
extern const str admin_scope_names[ADMIN_SCOPES]; /* by bit */

/* Who may use a route; 0, a row without one, fails the build. */
enum admin_class {
	ADMIN_CLASS_PUBLIC = 1, /* anybody who can connect */
	ADMIN_CLASS_READ,
	ADMIN_CLASS_KEYS,
	ADMIN_CLASS_CONFIG,
	ADMIN_CLASS_ALL,
};

/* What is written to the audit log. */
enum admin_trace {
	ADMIN_TRACE_NONE,
	ADMIN_TRACE_ACCESS, /* that somebody looked; before he is given it */
	ADMIN_TRACE_CHANGE, /* what was changed; in the transaction that does */
};

struct admin_call;
typedef int admin_fn(struct admin_call *c); /* gives the status; see call.h */

struct admin_route {
	str name; /* "keys_create": in the audit log and in OpenAPI */
	enum http_method method;
	str path; /* "/admin/v1/keys/{id}/rotate" */
	enum admin_class access;
	enum admin_trace trace;
	admin_fn *run;
	str query;   /* "limit:int cursor:text": what may stand there */
	str request; /* schema of the body (schemas.def); empty: there is none */
	str answer;  /* and of the answer; empty: 204 */
	str summary; /* one line */
};

enum { ADMIN_PARAMS_MOST = 2 };

/* NULL, and NO_SUCH_PATH or HTTP_METHOD.  HEAD finds GET's.  *ret_params: what stands at
 * the {names} of the path, in its order. */
const struct admin_route *admin_route_find(enum http_method method, str path,
                                           str ret_params[ADMIN_PARAMS_MOST],
                                           fault_t *ret_why);
/* What a route with an {id} does something to: the GET of the path up to there.  NULL:
 * there is no such, so it has no ETag. */
const struct admin_route *admin_route_thing(const struct admin_route *r);
/* For an Allow header: "GET, HEAD, OPTIONS"; nothing: there is no such path. */
void admin_route_methods(str path, struct buf *to);
/* NULL past the end. */
const struct admin_route *admin_route_at(unsigned i);
/* May who has these scopes (bits) use a route of that class? */
bool admin_may(unsigned scopes, enum admin_class access);
str admin_class_name(enum admin_class access);
str admin_method_name(enum http_method method);

/* Takes the next "name:type" off a list like `query`: false at its end.  A type ends in
 * '?' when what it is of may be missing. */
bool admin_field_next(str *list, str *ret_name, str *ret_type, bool *ret_optional);

struct admin_schema {
	str name;
	str fields; /* "id:id name:text scopes:[scope] expires:time?" */
	str about;
	const char *media; /* of what is no object of ours: its types, with spaces
	                      between them; NULL: JSON with these fields */
};
const struct admin_schema *admin_schema_at(unsigned i); /* NULL past the end */
const struct admin_schema *admin_schema_find(str name);
/* The schema's media, NULL as there; empty: NULL. */
const char *admin_schema_media(str name);
