/* trace.h - the ids by which tracing knows exchanges and attempts (W3C Trace Context).
 *
 * They are reckoned from our own ids, so nobody has to carry them: an exchange's trace
 * begins with its request id.  Where the client came with a trace of its own, that is
 * carried as a `struct trace_parent`. */
#pragma once
#include "base/buf.h"

enum {
	TRACE_ID = 16,
	SPAN_ID = 8,
	TRACE_PARENT = TRACE_ID + SPAN_ID + 1, /* bytes of one, as rows carry it */
	TRACE_PARENT_TEXT = 55,
	TRACE_STATE_MOST = 512, /* bytes of a tracestate that are passed on */
	SAMPLE_ALL = 1000000,   /* shares are in millionths */
	SAMPLE_PERCENT = SAMPLE_ALL / 100,
};

/* What a client's traceparent says. */
struct trace_parent {
	uint8_t trace[TRACE_ID];
	uint8_t span[SPAN_ID];
	uint8_t flags; /* bit 0: it is sampled */
};
_Static_assert(sizeof(struct trace_parent) == TRACE_PARENT, "bytes, no padding");

enum span_kind { SPAN_SERVER, SPAN_CLIENT };

/* False: it is not valid, and a new trace begins. */
must_check bool trace_parse(str text, struct trace_parent *ret);
/* carried: bytes of a struct trace_parent, or empty. */
void trace_id(str carried, uint64_t exchange, uint8_t ret[TRACE_ID]);
/* id: of the exchange, or of the attempt. Never all zeros. */
void trace_span(enum span_kind kind, uint64_t id, uint8_t ret[SPAN_ID]);
/* The traceparent that goes with an attempt to its provider: TRACE_PARENT_TEXT bytes.
 * sample: as for trace_is_sampled. */
void trace_write(struct buf *to, str carried, uint64_t exchange, uint64_t attempt,
                 unsigned sample);
/* Is the trace recorded?  As the client's says; else so many of SAMPLE_ALL, by its id, so
 * that other programs which go by it come to the same. */
bool trace_is_sampled(str carried, uint64_t exchange, unsigned sample);
