/* found.h - models that providers list and the catalogue does not know.
 *
 * An insert-only table of fixed capacity, shared by all threads: adding is rare and takes
 * turns under a lock, looking up is lock-free.  An entry never moves and never goes; a
 * model that its provider has given up is refused by the provider. */
#pragma once
#include "base/str.h"

enum { FOUND_MOST = 8192 };

struct found;

struct found *found_new(void);
void found_free(struct found **f);
/* True: it is new, and there is room for it. The texts are copied. */
bool found_add(struct found *f, str provider, str id);
/* f may be NULL: nothing was found. */
bool found_has(const struct found *f, str provider, str id);
/* Walks all, in the order of their coming: *at is 0 at first. Good for ever. */
bool found_next(const struct found *f, unsigned *at, str *ret_provider, str *ret_id);
