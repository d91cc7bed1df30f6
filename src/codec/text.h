/* text.h - small encodings: percent, base64, hex, and the forms of Retry-After. */
#pragma once
#include "base/buf.h"
#include "base/usec.h"

/* Percent-decodes into room (at least s.len bytes). False on a broken escape or a
 * control byte, NUL above all. '+' stays '+'. */
bool url_decode(str s, char *room, str *ret);
/* The raw value of the first parameter of that name in a query (without '?');
 * `count` (may be NULL) is how often it stands there. Names are compared decoded. */
bool url_query_get(str query, str name, str *ret, unsigned *count);
/* Percent-encodes everything but unreserved characters (RFC 3986 2.3). */
void url_encode(struct buf *to, str s);

void base64_encode(struct buf *to, str bytes);
/* Without padding, '-' and '_' (RFC 4648 5). */
void base64url_encode(struct buf *to, str bytes);
/* Strict, padded standard alphabet; room for s.len bytes. */
bool base64_decode(str s, char *room, str *ret);

void hex_encode(struct buf *to, str bytes);
bool hex_decode(str s, char *room, str *ret);
bool hex_to_u64(str s, uint64_t *ret); /* 1 to 16 digits, either case */

/* A Retry-After value (RFC 9110 10.2.3): seconds, also with a fraction, or an HTTP date
 * (IMF-fixdate), given the wall clock.  Negative, past and junk give false; the result is
 * capped at one day.  The ms form is for `retry-after-ms`. */
bool retry_after_parse(str value, usec wall_now, usec *ret);
bool retry_after_ms_parse(str value, usec *ret);
/* "12ms", "6m0s", "1h30m0s", "8.64s" (Go durations, as x-ratelimit-reset-* has them);
 * capped at one day. */
bool go_duration_parse(str value, usec *ret);
/* RFC 9110 IMF-fixdate to microseconds since 1970. */
bool http_date_parse(str value, usec *ret_wall);
/* 2026-11-23T12:34:56.789Z, with any fraction or none and any offset from UTC. */
bool rfc3339_parse(str value, usec *ret_wall);
/* 2026-11-23T12:34:56.789Z */
void rfc3339_write(struct buf *to, usec wall);
