/* lane.h - between a client's format and a provider's.
 *
 * Same format on both sides: no lane, bytes pass (relay.c, stream.c).  Else the request
 * is read once into the neutral form and written for each target, and the answer's events
 * go through an emitter of the client's format.  The same machinery changes the shape of
 * an answer within one format (a stream where one answer was asked for, and back: U18,
 * U19) where the format has no shorter way. */
#pragma once
#include "codec/event_stream.h"
#include "gateway/attempt.h"
#include "wire/chat_stop.h"
#include "wire/emit.h"

struct lane {
	bool translates;             /* false: only the shape changes */
	bool verbatim;               /* Gemini's array: each event's JSON as it came */
	bool begun;                  /* the emitter is ready */
	struct chat_written written; /* for its provider; zero: as it came */
	struct emitter e;
	struct chat_stopper *stopper; /* NULL: the provider knows all stop sequences */
	struct buf out;               /* for the client, not yet sent */
	struct buf body;              /* the request as the provider gets it */
	struct gateway *gateway;
	uint64_t taken; /* of the memory budget, for body */
	str dropped;    /* what is named as lost, ", " between names; in the arena */
	/* the provider's events */
	struct sse_reader sse;
	struct aws_scan aws;
	struct buf frames; /* AWS: messages that are not whole yet */
	size_t frames_at;  /* of these, taken */
};

/* The format in which that provider is asked; NULL: it has none for this operation. */
const struct wire *lane_wire(const struct exchange *x, const struct provider *p);
/* What the attempt needs for its formats; before anything else of it. */
void lane_init(struct attempt *a);
/* Writes the request into the lane's body.  False: the attempt has failed. */
must_check bool lane_request(struct attempt *a);
/* A lane for the shape alone. */
void lane_same(struct attempt *a);
/* The provider answers with a stream, whatever the client wants. */
void lane_begin(struct attempt *a, bool streams);
/* Its bytes; see http_up_ops.on_data. */
size_t lane_data(struct attempt *a, str bytes, bool end);
/* The connection died; true: the answer was whole, and the client has it. */
bool lane_is_whole(struct attempt *a);
/* It answers with one JSON text. */
void lane_whole(struct attempt *a, str body);
/* The error that ends an open stream, in the client's words, added to `to`. */
void lane_fault(const struct exchange *x, struct lane *l, fault_t why, str message,
                struct buf *to);
void lane_free(struct attempt *a);
void lane_delete(struct lane **at);
/* A lane for an answer of the pass lane that has died: the emitter is brought to where
 * the client is.  NULL: it cannot be. */
struct lane *lane_adopt(struct attempt *a);
/* Whatever it has of the attempt before is gone; only emitter and output stay. */
void lane_renew(struct attempt *a);
/* Reads the request, if nobody has. */
must_check fault_t lane_read(struct exchange *x, str *ret_detail);
/* Where the events of the provider go. */
struct chat_sink *lane_sink(struct attempt *a);
/* What the emitter has written goes to the client; `last`: the answer is complete. */
void lane_pass_on(struct attempt *a, bool last);

/* Members of the request which the answer repeats; of one that was read. */
str lane_echo(const struct exchange *x);
/* Stop sequences that the provider was not told: they are watched for on the way to
 * `next`. */
void lane_watch_stops(struct attempt *a, struct chat_sink *next);
/* How many tokens the request may have, when no provider counts them. */
uint64_t lane_guess(struct exchange *x);
/* The request as read, when the exchange ends. */
void lane_forget(struct exchange *x);
