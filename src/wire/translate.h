/* translate.h - whole bodies from one format to another: what the gateway does piece by
 * piece, in one call.  For the command, for tests and for fuzzing. */
#pragma once
#include "wire/wire.h"

struct translation {
	const struct wire *from, *to;
	str model;    /* requests: what the target is called; plain */
	bool stream;  /* requests whose format says it in the URL */
	bool array;   /* to Gemini: a stream as one JSON array */
	str provider; /* requests: the target's; answers: whose it is */
	const struct catalog_model *facts; /* of the target; may be NULL */
	size_t step;         /* streams: bytes that come at a time; 0: all at once */
	struct buf *out;     /* what it becomes; with a limit */
	struct buf *dropped; /* names of what is lost, ", " between; may be NULL */
	struct buf *detail;  /* what is wrong, for people; may be NULL */
};

/* A client's request in `from`, as a provider of `to` gets it. */
must_check fault_t translate_request(const struct translation *t, str body);
/* A provider's whole answer in `from`, as a client of `to` gets it. */
must_check fault_t translate_reply(const struct translation *t, str body);
/* A provider's whole stream.  When it fails, what was written before stands in `out`,
 * ended by an error in the client's words. */
must_check fault_t translate_stream(const struct translation *t, str bytes);
