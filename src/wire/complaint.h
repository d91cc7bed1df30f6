/* complaint.h - what a provider means when it says that it failed.
 *
 * Every format has its own shapes, every vendor its own words, and the same status means
 * a rate limit here and an empty account there.  One table (complaint.def) knows them,
 * for a status with a body as for an error inside an answer that began well. */
#pragma once
#include "base/fault.h"
#include "base/usec.h"
#include "wire/provider.h"

struct complaint {
	enum wire_format format; /* of the provider; WIRE_NONE: not known */
	int status;              /* of the head; 0 or 2xx: said inside an answer */
	str kind; /* Bedrock's x-amzn-errortype, or the name of an event; or empty */
	str text; /* the body or the event's data, JSON where all is well */
	bool names_kept; /* the request names what the provider keeps for its client */
};

/* The row of base/fault.def; never NULL. */
fault_t complaint_fault(const struct complaint *c);
/* How many tokens fit into the model's context, by what a CONTEXT_TOO_LONG says; 0: it
 * does not say. */
uint64_t complaint_limit(str text);
/* When to come back, for providers that have no header for it ("retryDelay": "13s", "try
 * again in 6m0s"); 0: it does not say. */
usec complaint_wait(str text);
