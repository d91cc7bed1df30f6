/* relay.h - between the files of the relay: what goes towards the client. For gateway/
 * alone.
 *
 *	relay.c        which kind of answer it is; those held whole, or passed unseen
 *	stream.c       events: looked at, passed on, ended honestly; stream.h
 *	relay_error.c  what a provider says instead of an answer
 *	outgoing.c     heads, chunks, comments: what the client gets of us */
#pragma once
#include "gateway/attempt.h"

enum { PIECES_MOST = 8 };

/* What one turn has for the client: the head if it is due, and slices of the provider's
 * bytes, as one chunk. */
struct outgoing {
	struct iovec iov[PIECES_MOST + 8];
	int count;
	size_t bytes; /* of the chunk */
	bool has_head;
	struct buf text; /* our own comment or error event, behind the slices */
};

void outgoing_init(struct outgoing *out);
/* A slice of bytes that stay until outgoing_send; at most PIECES_MOST of them. */
void outgoing_add(struct outgoing *out, str bytes);
/* Frames and sends it all in one call; `last` ends the body. */
void outgoing_send(struct exchange *x, struct outgoing *out, bool last);

/* The member that tells the cost in the usage object that was read last, if the client
 * wants it there and it is not; empty: nothing is to be added.  Good until the next. */
str relay_cost_member(struct attempt *a);
/* Status line and fields up to the ones that frame the body. */
void relay_begin_head(struct exchange *x, struct buf *to, int status);
void relay_stream_head(struct exchange *x, struct buf *to, str content_type, str back);
/* The blank line.  Of a head that has not found room the client gets nothing: there is a
 * hole in it, perhaps where its framing stood. */
void relay_end_head(struct exchange *x, struct buf *to);
/* The same two for a body whose length nobody knows yet: chunked where the client knows
 * it; else the connection ends with the body, and the head says so. */
void relay_begin_stream_head(struct exchange *x, struct buf *to, int status);
void relay_end_stream_head(struct exchange *x, struct buf *to);
void relay_add_cost(struct buf *to, nanousd cost);
/* The one comment that says what the header lines of a unary answer say. */
void relay_add_summary(struct exchange *x, struct buf *to);

/* The client has its whole answer. */
void relay_finish(struct attempt *a);
/* The same for a stream: the summary, the last chunk. */
void relay_stream_over(struct attempt *a, struct outgoing *out);
/* The client has the finish of a stream; what is behind it never came. */
void relay_complete(struct attempt *a);
/* Sends what ends a stream that failed, and is done with the client.  The framing ends
 * properly behind an error event (F11), but is cut where clients do not read such events:
 * to them it would be the end of a whole answer. */
cold void relay_last_words(struct exchange *x, struct outgoing *out);
/* A whole answer, as one JSON text. */
void relay_unary_send(struct attempt *a, str body);
/* May comments of ours stand in the answer? Only in server-sent events, and not
 * where clients cannot read them. */
bool relay_may_comment(const struct exchange *x);

/* ---- relay_error.c ---- */

/* What a provider says of an error beside its row: when to come back, how long a prompt
 * may be.  text: the error's body or event. */
void relay_listen(struct attempt *a, fault_t why, str text);
/* Its words, raw JSON text, as plain text for the exchange's life and without our keys;
 * at most 512 bytes. */
cold str relay_words(struct attempt *a, str message);
/* Was the answer filtered or refused, and does the route want the next target then?
 * Never of the last one: its refusal is the answer. */
bool relay_is_filtered(const struct attempt *a);
/* Of a body whose status is none of success: a few KiB are kept to say why; see
 * http_up_ops.on_data. */
size_t relay_error_data(struct attempt *a, str bytes, bool end);

/* ---- stream.c ---- */

/* Of an event stream; see http_up_ops.on_data. */
size_t relay_stream_data(struct attempt *a, str bytes, bool end);
