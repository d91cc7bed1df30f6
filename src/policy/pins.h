/* pins.h - which account of which provider has what, as all workers see it at once.
 *
 * A table of fixed size, shared by all threads: buckets of a few places, each under a
 * lock that is held for some tens of instructions, so nobody waits for long and nothing
 * is allocated.  A bucket that is full gives up its oldest entry.  Pure: the time is
 * handed in, and what survives the process is the ledger's business. */
#pragma once
#include "store/pin_row.h"

enum { PINS_MOST = 128 * 1024, PINS_LOADED = 100 * 1000 /* of the newest, at start */ };
#define PINS_KEPT (30 * 24 * 3600 * USEC_SEC) /* as long as OpenAI keeps responses */

struct pins;

struct pins *pins_new(void);
void pins_free(struct pins **p);

struct pin {
	uint64_t key, account; /* as in a row */
	usec made_wall;        /* to the second */
};

/* Of the next two, p may be NULL: nothing is known. */

/* Puts it in, in the place of an older one of that id; is_gone takes it out. */
void pins_put(struct pins *p, const struct pin_row *row);
/* False: it is not known, or is older than PINS_KEPT. */
bool pins_find(struct pins *p, const uint8_t id[PIN_ID], usec wall_now, struct pin *ret);
