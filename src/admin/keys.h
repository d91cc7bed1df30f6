/* keys.h - making a virtual key, the same whether a gateway runs or not. */
#pragma once
#include "config/key.h"
#include "store/ledger.h"

enum { KEY_NAME_MOST = 128 };

/* The pepper of the data directory, made when there is none.  Not, however, while the
 * ledger there has active keys: they fit the one that was lost, and none would ever work
 * again.  False: *why says so, where it should be, and what can be done. */
must_check bool keys_pepper(str dir, uint8_t ret[PEPPER], struct buf *why);
/* False: *why says what is wrong with the name. */
must_check bool key_name_check(str name, struct buf *why);
/* Fills *ret (whose name is `name`, borrowed) and the text that is shown once. */
void key_make(const uint8_t pepper[PEPPER], str name, usec wall, struct key_row *ret,
              char text[KEY_TEXT]);
/* The id as people see it: 12 hex digits; a whole key's text is taken as well. */
must_check bool key_id_parse(str text, uint64_t *ret);
