/* keys.h - the pepper that virtual keys are checked with, and how people name a key. */
#pragma once
#include "config/key.h"
#include "store/ledger.h"

/* The pepper of the data directory, made when there is none.  Not, however, while the
 * ledger there has active keys: they fit the one that was lost, and none would ever work
 * again.  False: *why says so, where it should be, and what can be done. */
must_check bool keys_pepper(str dir, uint8_t ret[PEPPER], struct buf *why);
/* The same for who only looks, and so makes none: zeros where there is none and no active
 * key needs it. */
must_check bool keys_pepper_look(str dir, uint8_t ret[PEPPER], struct buf *why);
/* The id as people see it: 12 hex digits; a whole key's text is taken as well. */
must_check bool key_id_parse(str text, uint64_t *ret);
