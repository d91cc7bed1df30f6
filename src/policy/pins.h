/* pins.h - which account of which provider has what, as all workers see it at once.
 *
 * Tables of fixed size, one for each kind so that none displaces another, shared by all
 * threads: buckets of a few places, each under a lock that is held for some hundred
 * instructions at most, so nobody waits for long and nothing is allocated.  In a bucket
 * that is full the virtual key that has most of it gives up its oldest entry: whoever
 * floods a table displaces what is his own.  Pure: the time is handed in, and what
 * survives the process is the ledger's business. */
#pragma once
#include "store/pin_row.h"

enum { PINS_MOST = 960 * 1024 }; /* of all kinds, some 40 MB where it is full */
#define PINS_KEPT (30 * 24 * 3600 * USEC_SEC) /* as long as OpenAI keeps responses */

struct pins;

struct pins *pins_new(void);
void pins_free(struct pins **p);

struct pin {
	uint64_t key, account; /* as in a row */
	usec made_wall;        /* to the second */
	bool phi;
};

/* Of the next three, p may be NULL: nothing is known. */

/* Puts it in, in the place of an older one of that id; is_gone takes it out.  True: there
 * was no room, and *ret_gone (is_gone, with kind and id) had to go for it.  It may be the
 * new one itself. */
bool pins_put(struct pins *p, const struct pin_row *row, struct pin_row *ret_gone);
/* Has there ever been one with phi? */
bool pins_have_phi(const struct pins *p);
/* False: it is not known, or is older than PINS_KEPT. */
bool pins_find(struct pins *p, enum pin_kind kind, const uint8_t id[PIN_ID],
               usec wall_now, struct pin *ret);
