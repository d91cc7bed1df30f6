/* secret.h - credentials: a type that cannot be printed, in memory that is not written
 * out.
 *
 * What a secret says lies in a room: pages that are locked (as far as the system allows),
 * left out of core dumps, empty in a forked child, and wiped when the room ends.  There
 * is no printer; whoever needs the text asks secret_reveal, and src/SECRETS names the few
 * files that may (`make floors` looks).  Comparing takes the same time wherever two
 * secrets differ. */
#pragma once
#include "base/buf.h"

struct secret_pages;

/* Where secrets live.  Zeroed: an empty room. */
struct secret_room {
	struct secret_pages *pages;
};

/* Valid as long as its room.  Zeroed: none. */
struct secret {
	str hidden; /* secret.c's; everybody else asks secret_reveal */
};

static inline bool secret_is_set(const struct secret *s)
{
	return s->hidden.len > 0;
}

/* Copies the text into the room; what it came from is the caller's to wipe. */
struct secret secret_keep(struct secret_room *room, str text);
/* Zeroed bytes in the room, aligned for any object. */
void *secret_alloc(struct secret_room *room, size_t size)
        __attribute__((malloc, returns_nonnull));
/* The text.  Only in files of src/SECRETS, and not to be kept. */
str secret_reveal(const struct secret *s);
bool secret_eq(const struct secret *a, const struct secret *b);
/* "...wxyz": the last four characters of a long one, else "..." alone. */
void secret_mask(const struct secret *s, struct buf *to);
/* Wipes and gives back all pages; the room is empty again. */
void secret_room_done(struct secret_room *room);
