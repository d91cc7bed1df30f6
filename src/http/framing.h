/* framing.h - between framing.c and head.c; for http/ alone. */
#pragma once
#include "http/head.h"

/* What the fields say about the message itself. */
struct notes {
	unsigned hosts, lengths, codings, expects;
	str host, length, coding, expect;
	bool says_close, says_keep_alive, says_upgrade;
	bool names_framing; /* Connection names a framing field */
	bool names_hops;    /* Connection names anything else */
	bool websocket;     /* Upgrade does */
	bool content_coded; /* Content-Encoding is not identity */
};

/* One field of a head, its name looked up. False: it is to be dropped (R29). */
bool notes_take(struct notes *n, const struct http_field *f);
/* How far the body goes.  HTTP_FRAMING, HTTP_CODING. */
must_check fault_t notes_body(const struct notes *n, unsigned minor,
                              enum http_body_kind *ret_kind, uint64_t *ret_length);
/* Name, IPv4 or [IPv6], then perhaps a port: nothing that a URL parser behind us could
 * take for user info, a path or a second host (R63). */
bool notes_is_host(str host);
