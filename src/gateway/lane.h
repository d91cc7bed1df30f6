/* lane.h - between a client's format and a provider's.
 *
 * Same format on both sides: no lane, bytes pass (relay.c, stream.c).  Else the request
 * is read once into the neutral form and written for each target, and the answer's events
 * go through an emitter of the client's format.  The same machinery changes the shape of
 * an answer within one format (a stream where one answer was asked for, and back: U18,
 * U19) where the format has no shorter way.
 *
 *	lane.c          which lane an attempt has, and its life
 *	lane_request.c  the request, read and written
 *	lane_answer.c   the answer, read and written */
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
/* A lane for the shape alone. */
void lane_same(struct attempt *a);
/* The provider answers with a stream, whatever the client wants. */
void lane_begin(struct attempt *a, bool streams);
/* Whatever it has of the attempt before is gone; only emitter and output stay. */
void lane_renew(struct attempt *a);
/* A lane for an answer of the pass lane that has died: the emitter is brought to where
 * the client is.  NULL: it cannot be. */
struct lane *lane_adopt(struct attempt *a);
void lane_free(struct attempt *a);
void lane_delete(struct lane **at);
