/* found.h - models that providers list and the catalogue does not know.
 *
 * An insert-only table of fixed capacity, shared by all threads: adding is rare and takes
 * turns under a lock, looking up is lock-free.  An entry never moves and never goes; a
 * model that its provider has given up is refused by the provider. */
#pragma once
#include "base/str.h"

enum {
	FOUND_MOST = 8192,
	FOUND_SHARE = 2048, /* of one provider */
};

struct found;

struct found *found_new(void);
void found_free(struct found **f);
/* FOUND_NEW: it was not there, and has been added.  The texts are copied. */
enum found_added { FOUND_OLD, FOUND_NEW, FOUND_FULL };
enum found_added found_add(struct found *f, str provider, str id);
/* f may be NULL: nothing was found. */
bool found_has(const struct found *f, str provider, str id);
/* Walks all, in the order of their coming: *at is 0 at first. Good for ever. */
bool found_next(const struct found *f, unsigned *at, str *ret_provider, str *ret_id);
