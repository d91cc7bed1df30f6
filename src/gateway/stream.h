/* stream.h - between the files of an event stream that passes as it is: stream.c, and
 * long_event.c for what is too long to be held. */
#pragma once
#include "gateway/relay.h"

/* What looking at the events of a turn came to. */
struct looked {
	size_t upto;  /* whole events end here */
	size_t strip; /* of these the last, if it is not for the client either */
	bool ended;   /* the end mark was seen */
	fault_t why;
	str detail;
	size_t error_at; /* where an error event begins + 1; 0: none was seen */
	bool pass_error; /* the provider's own error event goes to the client as it is */
};

/* Looks at a whole event that begins at `at` of the presented bytes, and adds to *ret
 * what it came to.  True: the next may be looked at as well. */
bool stream_look_at(struct attempt *a, const struct sse_found *event, size_t at,
                    struct looked *ret);
/* The client's part of a stream's turn: what was looked at and is not for us alone. */
void stream_pass_on(struct attempt *a, struct outgoing *out, str seen);
