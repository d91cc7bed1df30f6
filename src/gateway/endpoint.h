/* endpoint.h - from method and path to what is asked for: one exact table.
 *
 * Paths are compared as they stand: no decoding, no normalising, so nothing but what is
 * listed can be reached (R64).  Every path is also found under the prefixes people paste
 * in front of it. */
#pragma once
#include "http/head.h"
#include "wire/wire.h"

enum endpoint_kind {
	ENDPOINT_EXCHANGE,  /* goes to a provider */
	ENDPOINT_MODELS,    /* the list, answered by us */
	ENDPOINT_MODEL,     /* one of it; the id is the rest of the path */
	ENDPOINT_ALIVE,     /* 200 without a key, not counted as traffic */
	ENDPOINT_WEBSOCKET, /* 426 to an upgrade, else there is no such path */
};

enum endpoint_auth { AUTH_CLASS_KEY = 1, AUTH_CLASS_NONE };

struct endpoint {
	str path;
	str suffix; /* not empty: path MODEL suffix */
	enum http_method method;
	enum endpoint_kind kind;
	enum endpoint_auth auth;  /* mandatory: 0 fails the build */
	enum operation operation; /* of ENDPOINT_EXCHANGE */
	const struct wire *wire;  /* the client's format */
	bool stream;              /* of formats that say it in the path */
	bool batch;               /* the body is a list of requests */
	bool of_id; /* path ID suffix: the id, which has no slash, is the rest */
};

/* NULL and NO_SUCH_PATH or HTTP_METHOD. *ret_rest: the id in the path, of a model or of
 * something stored, raw; empty where there is none. */
const struct endpoint *endpoint_find(enum http_method method, str path, str *ret_rest,
                                     fault_t *ret_why);
/* Its number, from 1, for records; and back: adds its template ("/v1/chat/completions"),
 * returns its method. NULL: there is none of that number. */
unsigned endpoint_number(const struct endpoint *e);
const char *endpoint_describe(unsigned number, struct buf *path);
/* Of a path that is none, or not with that method: an endpoint of the format in which its
 * client wants to be told.  NULL: it could be anybody's. */
const struct endpoint *endpoint_like(str path);
/* The methods that path has, for an Allow header: "GET, HEAD". */
void endpoint_methods(str path, struct buf *to);
/* All of them, for a list; NULL past the end.  *ret_is_own: a whole path, else one that
 * is found behind a prefix of endpoint_prefixes and "/v1" as well. */
const struct endpoint *endpoint_at(unsigned i, bool *ret_is_own);
/* Ends with an empty one. */
extern const str endpoint_prefixes[];
/* The paths there are, for the text of a 404. */
extern const char endpoint_list[];
