/* odd.h - the board of oddities: what providers sent that is not of their format.
 *
 * Fixed size, shared by all threads.  Each provider has a place with a count and the last
 * few names, under a lock that nobody sleeps with; a new name takes the place of the one
 * that was not seen for longest.  Workers note, the recorder carries it to the ledger. */
#pragma once
#include "store/odd_row.h"

enum { ODD_PROVIDERS = 256, ODD_NAMES = 8, ODD_ROWS = ODD_NAMES + 1, ODD_PROVIDER = 64 };

struct odd;

struct odd *odd_new(void);
void odd_free(struct odd **o);

/* Seen so often; o may be NULL. The empty name counts for all. */
void odd_note(struct odd *o, str provider, str name, uint64_t count, usec wall);
/* What an earlier process had counted. */
void odd_load(struct odd *o, const struct odd_row *row);

/* One provider's rows, copied. */
struct odd_rows {
	unsigned count;
	struct odd_row rows[ODD_ROWS];
	char names[ODD_ROWS][ODD_NAME], provider[ODD_PROVIDER];
};
/* The next provider about whom there is news; it is none any more.  *at is 0 at first. */
bool odd_next_news(struct odd *o, unsigned *at, struct odd_rows *ret);
/* It is news again: of the provider that was the last. */
void odd_again(struct odd *o, unsigned at);
