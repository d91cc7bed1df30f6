/* otlp.h - traces on their way to a collector (OTLP/HTTP, JSON): a bounded queue of rows,
 * and the thread that sends them.
 *
 * The recorder hands rows over and never waits: when the queue is full the oldest goes,
 * and is counted.  A batch that the collector cannot take at the moment (429, 502, 503,
 * 504, or no answer) is tried again, with pauses; anything else it refuses is dropped,
 * and counted. */
#pragma once
#include "config/config.h"
#include "loop/resolve.h"
#include "loop/tls.h"
#include "meter/span.h"

struct otlp;

struct otlp_options {
	const struct otlp_settings *settings; /* an endpoint is set; copied */
	struct span_facts facts;              /* asked on the thread that sends */
	/* Told of trouble and of its end, once each, on that thread; may be NULL. */
	void (*say)(const char *text);
};

/* The queue alone: it takes rows from now on. */
struct otlp *otlp_new(const struct otlp_options *options);
/* The thread.  resolver and roots (NULL without TLS) stay until otlp_free. */
must_check bool otlp_start(struct otlp *o, struct resolver *resolver,
                           const struct tls_roots *roots, struct buf *why);
/* Sends what waits, for five seconds at most. */
void otlp_free(struct otlp **at);
/* A row was written. From any thread; o may be NULL. */
void otlp_row(struct otlp *o, const struct attempt_row *row);

/* Counted in spans. */
struct otlp_stats {
	uint64_t exported;
	uint64_t full;        /* dropped: no room in the queue */
	uint64_t rejected;    /* the collector did not want them */
	uint64_t unreachable; /* it could not be reached for too long */
};
void otlp_stats(struct otlp *o, struct otlp_stats *ret);
