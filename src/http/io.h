/* io.h - what the HTTP connections of one worker share: the read buffer and the limits.
 *
 * A connection has no buffer of its own while nothing is pending.  Bytes are read into
 * the worker's buffer, behind what the connection had left over; what its owner does not
 * consume is kept aside in an allocation of exactly that need.  So an idle stream costs
 * a few hundred bytes, and a turn's bytes are contiguous. */
#pragma once
#include "base/arena.h"
#include "http/head.h"
#include "loop/sock.h"

enum {
	HTTP_READ_SIZE = 64 * KiB, /* most bytes of one read */
	HTTP_KEEP_MOST = 64 * KiB, /* most bytes kept aside for a connection */
	HTTP_OUT_HIGH = 128 * KiB, /* above this no room is reported */
	HTTP_OUT_MOST = 256 * KiB, /* G17: most bytes queued for a peer, but for one
	                              answer that is sent whole */
	HTTP_BUFFER_SIZE = HTTP_HEAD_MOST + HTTP_READ_SIZE,
};

struct http_io {
	struct loop *loop;
	char *buffer; /* HTTP_BUFFER_SIZE bytes */
	/* The head being handed out: too large to stand in each connection, or to be
	 * cleared each time. */
	struct http_request *request;
	struct http_response *response;
	uint64_t read_calls, write_calls; /* counted */
};
void http_io_init(struct http_io *io, struct loop *loop);
void http_io_done(struct http_io *io);

/* For sending, which only reads: a cast for which C has no word. */
static inline struct iovec http_iov(str s)
{
	union {
		const char *read;
		void *any;
	} ptr = { s.ptr };

	return (struct iovec){ ptr.any, s.len };
}

/* Bytes that a connection keeps aside between two turns; allocated only while needed. */
struct http_kept {
	char *ptr;
	uint32_t len, cap;
};
