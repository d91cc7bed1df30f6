/* client.h - asking a running gateway; see clerk.h for what can be asked. */
#pragma once
#include "admin/pieces.h"
#include "codec/json.h"

/* One request (a JSON object without a line end) and its answer.  Blocks for at most a
 * minute.  False: no gateway answers there, and *why says so; else *ret is the answer, an
 * object in `answer`. */
must_check bool admin_ask(str dir, str request, struct buf *answer,
                          struct json_value *ret, struct buf *why);
/* A change, asked of whoever holds the lock of `dir`: a gateway, whose socket may come in
 * a moment, or a command that is done in a moment.  It is sent once: when the answer is
 * lost or late, nobody knows here whether it was done.  *ret_asked: was it sent, or is
 * the lock held still?  If not, nobody runs there and nothing was done.  False without an
 * answer that says ok; *why when it was asked. */
must_check bool admin_ask_holder(str dir, str request, struct buf *answer,
                                 struct json_value *ret, bool *ret_asked,
                                 struct buf *why);
/* A request to a route of the admin API, at the socket. */
struct admin_request {
	const char *method;
	str target;          /* path and query */
	str body;            /* or empty */
	str body_type;       /* empty: JSON */
	str idempotency_key; /* of a POST: it may be asked again; or empty */
	struct admin_sink
	        *sink; /* takes an answer with status 200 as it comes; or NULL */
};
/* False: there was no whole answer, and *why says so; the sink may have some of it. */
must_check bool admin_ask_route(str dir, const struct admin_request *r, int *ret_status,
                                struct buf *answer, struct buf *why);
/* Does the answer say ok? Else its error is added to *why. */
must_check bool admin_is_ok(struct json_value answer, struct buf *why);
/* All of s on a blocking socket, ours or another; false: the peer is gone. */
must_check bool admin_send_all(int fd, str s);
