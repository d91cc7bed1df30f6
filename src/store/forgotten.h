/* forgotten.h - who was forgotten a moment ago.
 *
 * An exchange of theirs that is under way then says the name again when it ends.  So for
 * a while is kept whom to take out of what comes: not the names, but MACs of them with a
 * key that nobody knows and that goes with the process.  Whoever began later is a new
 * person.  A zeroed one is empty; one thread. */
#pragma once
#include "base/str.h"
#include "base/usec.h"

enum {
	FORGOTTEN_MOST = 4096, /* of more the first to come are let go */
	FORGOTTEN_NAME = 32,   /* of a tombstone, with its NUL */
};
/* No exchange lasts longer. */
#define FORGOTTEN_KEPT (24 * USEC_HOUR)

struct ledger_person;

struct forgotten {
	struct forgotten_one *list;
	unsigned count;
	uint64_t newest; /* of those in the list: the last exchange it may be about */
	uint8_t secret[32];
};

/* Exchanges of the person that began by `now`, or have an id up to `last`, are to bear
 * the tombstone.  False: there is no randomness. */
must_check bool forgotten_add(struct forgotten *f, const struct ledger_person *who,
                              const char *tombstone);
/* What that exchange, or an attempt of it that began then, is to be called instead; NULL:
 * it may say its name. */
const char *forgotten_look(const struct forgotten *f, uint64_t exchange, usec began,
                           str user, uint64_t key);
static inline const char *forgotten_find(const struct forgotten *f, uint64_t exchange,
                                         usec began, str user, uint64_t key)
{
	return exchange > f->newest || !user.len
	               ? NULL
	               : forgotten_look(f, exchange, began, user, key);
}
void forgotten_done(struct forgotten *f);
