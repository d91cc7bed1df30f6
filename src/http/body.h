/* body.h - message bodies: how far they go, and chunked coding taken off in place.
 *
 * http_body_take works on bytes that its caller owns and may overwrite: decoded content
 * is moved together over the framing, so that what was several chunks becomes one text. A
 * body of known length is not touched at all. */
#pragma once
#include "base/fault.h"
#include "http/head.h"

struct http_body {
	enum http_body_kind kind;
	bool is_request;   /* faults and limits of requests (R30-R47); answers are laxer:
	                      extensions and trailers of any length up to 64 KiB */
	bool done;         /* the body has ended */
	uint64_t left;     /* bytes of the body or of the running chunk still to come */
	uint64_t content;  /* decoded so far */
	uint64_t overhead; /* framing so far, for R46 */
	uint8_t state;     /* -- private from here -- */
	uint8_t digits;    /* of the running chunk's size */
	uint8_t trailers;  /* lines so far */
	uint8_t name_len;  /* of `name`; all of it is full */
	uint32_t line;     /* bytes of the running extension */
	uint32_t extra;    /* bytes of all extensions, then of all trailers */
	char name[18]; /* the running trailer's, in lower case, as far as it matters */
};

void http_body_init(struct http_body *b, enum http_body_kind kind, uint64_t length,
                    bool is_request);
/* Reads raw bytes [at, at + size): decoded content is moved to `to` (to <= at), *ret_len
 * bytes of it; *ret_used raw bytes were consumed (less than size only when the body has
 * ended before).  HTTP_CHUNK, HTTP_OVERHEAD for requests, UPSTREAM_MALFORMED for answers;
 * the content before the fault is in *ret_len then, so that nothing depends on how the
 * bytes were cut. */
must_check fault_t http_body_take(struct http_body *b, char *to, char *at, size_t size,
                                  size_t *ret_len, size_t *ret_used);
/* The connection ended: is the body whole? */
bool http_body_ends_with_eof(const struct http_body *b);
