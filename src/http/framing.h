/* framing.h - between framing.c, head.c and head_end.c; for http/ alone. */
#pragma once
#include "http/head.h"

/* http_name_of for a name of letters, digits and '-' alone; names.c. */
enum http_name http_simple_name(str name);

/* The first line of a request, as far as it came (`whole`: to its end); head.c.  A wrong
 * one is refused without waiting for a blank line, which HTTP/0.9 would never send. */
must_check fault_t http_first_line_check(str line, bool whole,
                                         const struct http_limits *limits);

/* What the fields say about the message itself. */
struct notes {
	uint64_t names; /* a bit for each that was read */
	unsigned hosts, lengths, codings, expects;
	str host, length, coding, expect;
	bool says_close, says_keep_alive, says_upgrade;
	bool names_framing; /* Connection names a framing field */
	bool names_hops;    /* Connection names anything else */
	bool websocket;     /* Upgrade does */
	bool content_coded; /* Content-Encoding is not identity */
};

/* Does a field of that name bear on the message?  Most do not. */
static inline bool notes_concern(enum http_name name)
{
	const uint64_t concern =
	        http_name_bit(HTTP_NAME_UNDERSCORED) | http_name_bit(HTTP_NAME_HOST) |
	        http_name_bit(HTTP_NAME_EXPECT) | http_name_bit(HTTP_NAME_UPGRADE) |
	        http_name_bit(HTTP_NAME_CONNECTION) |
	        http_name_bit(HTTP_NAME_CONTENT_LENGTH) |
	        http_name_bit(HTTP_NAME_CONTENT_ENCODING) |
	        http_name_bit(HTTP_NAME_TRANSFER_ENCODING);

	return (concern & http_name_bit(name)) != 0;
}
/* One field of a head, its name looked up. False: it is to be dropped (R29). */
bool notes_take(struct notes *n, const struct http_field *f);
/* How far the body goes.  HTTP_FRAMING, HTTP_CODING. */
must_check fault_t notes_body(const struct notes *n, unsigned minor,
                              enum http_body_kind *ret_kind, uint64_t *ret_length);
/* Name, IPv4 or [IPv6], then perhaps a port: nothing that a URL parser behind us could
 * take for user info, a path or a second host (R63). */
bool notes_is_host(str host);
