/* reply.h - one answer as the load client sees it: read from bytes cut anywhere, checked
 * as they pass, nothing kept but a partial line.  A gateway that loses, doubles or swaps
 * an event, or ends a stream without its terminator, is found out here. */
#pragma once
#include "request.h"

enum reply_state {
	REPLY_HEAD,
	REPLY_LENGTH,    /* a body of known length */
	REPLY_SIZE,      /* chunked: the line with the size */
	REPLY_CHUNK,     /* chunked: inside the data */
	REPLY_CHUNK_END, /* chunked: the line end after the data */
	REPLY_TRAILER,   /* chunked: what follows the last chunk */
	REPLY_DONE,
	REPLY_BROKEN, /* see why */
};

/* What tells the events of a format's stream apart. */
struct reply_marks {
	const char *piece;  /* stands before the five digits of a text */
	const char *finish; /* of the model, in a word of success */
	const char *end;    /* is in the last event */
	const char *usage;  /* NULL: counts come unasked, and are not looked at */
	const char *other;  /* NULL: there are events of many other kinds */
};
extern const struct reply_marks reply_marks[REQUEST_FORMATS];

struct reply {
	const struct reply_marks *marks;
	enum reply_state state;
	bool sse;         /* what was asked for, and so has to come */
	bool closes;      /* the connection ends with this answer */
	bool finished;    /* SSE: the chunk with the finish_reason came */
	bool done;        /* SSE: the end mark came */
	char first, last; /* of a plain body, line ends left out */
	unsigned status;
	unsigned events;  /* SSE: data events before [DONE] */
	unsigned number;  /* SSE: the content event that has to come next */
	unsigned usages;  /* SSE: events with counts */
	unsigned carried; /* bytes in carry */
	unsigned digits;  /* of the chunk size coming in */
	uint64_t left;    /* of the body or the chunk */
	uint64_t length;  /* of the body so far */
	const char *why;
	char *carry; /* a partial head, line or event; NULL in most answers */
};

void reply_start(struct reply *r, bool sse, const struct reply_marks *marks);

/* Reads on in *in and moves it past what was read, to the end of this answer at most.
 * The answer goes on unless the state is then REPLY_DONE or REPLY_BROKEN. */
void reply_read(struct reply *r, struct bytes *in);

/* Why the whole answer is not the one that was asked for, or NULL. */
const char *reply_fault(const struct reply *r, unsigned content_events, unsigned usages);

void reply_free(struct reply *r);
