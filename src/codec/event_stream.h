/* event_stream.h - messages of application/vnd.amazon.eventstream, found and written.
 *
 *	total length u32 | headers length u32 | CRC-32 of both
 *	headers: name length u8, name, type u8, value ...
 *	payload
 *	CRC-32 of all before it
 *
 * All big-endian.  aws_scan finds whole messages in bytes that are kept by somebody else
 * and copies nothing; the writer puts them together where they are to stand.  Facts:
 * wire-formats 1.3. */
#pragma once
#include "base/buf.h"
#include "base/fault.h"

enum {
	AWS_MESSAGE_MOST = 16 * MiB, /* bytes of one message, all of it */
	AWS_HEADERS_MOST = 128 * KiB,
	AWS_MESSAGE_LEAST = 16, /* one without headers and payload */
};

enum aws_kind {
	AWS_EVENT,
	AWS_EXCEPTION, /* a modelled failure: the payload says what */
	AWS_ERROR,     /* any other: :error-message says what, there is no payload */
	AWS_OTHER,
};

struct aws_frame {
	str raw; /* the whole message */
	str headers;
	str payload;
	enum aws_kind kind;
	/* :event-type, :exception-type or :error-code, as the kind is; or empty */
	str name;
};

/* Zeroed it is ready for use. */
struct aws_scan {
	fault_t why; /* why no message will come any more, or NULL */
	size_t need; /* bytes the message coming in has in all; 0: not known yet */
};

/* `bytes` begins where a message begins.  True: *ret is the first whole message, both
 * checksums right and every header within its bounds, and the next call gets what follows
 * ret->raw.  False: more bytes are needed, or see s->why: UPSTREAM_MALFORMED (lengths or
 * checksums that cannot be), UPSTREAM_LARGE. */
bool aws_scan(struct aws_scan *s, str bytes, struct aws_frame *ret);
/* The value of the first header of that name that is a string; empty: there is none. */
str aws_header(const struct aws_frame *frame, str name);

struct aws_header {
	str name;  /* 1 to 255 bytes */
	str value; /* a string; what is behind its first 32,767 bytes is left out */
};

/* A message whose payload is written between the two calls:
 *	size_t at = aws_open(to, headers, count);
 *	json_open(&w, '{'); ...
 *	aws_close(to, at);
 * One that is over the limit, or did not fit into `to`, is taken out again and
 * remembered in to->over. */
size_t aws_open(struct buf *to, const struct aws_header *headers, unsigned count);
void aws_close(struct buf *to, size_t at);
void aws_write(struct buf *to, const struct aws_header *headers, unsigned count,
               str payload);
