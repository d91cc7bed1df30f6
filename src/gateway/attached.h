/* attached.h - what a body brings along whose tokens its bytes do not tell: for the most
 * that a prompt may cost. */
#pragma once
#include "base/str.h"

struct attached {
	/* Something whose tokens nobody can tell: what the provider fetches itself (by an
	 * address, a file's name, an earlier context), a document, a film, a sound. */
	bool is_unbounded;
	uint64_t pictures; /* in the body itself; not counted further when unbounded */
};

/* One look through a JSON body of any format.  Words are known in either case, with
 * escapes and with blanks, as providers may read them.  A text that begins with such a
 * word may be taken for more than it is, never for less. */
void attached_find(str body, struct attached *ret);
