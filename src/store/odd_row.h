/* odd_row.h - events and members of a provider's answers that its format is not known to
 * have: how an API change is noticed. */
#pragma once
#include "base/str.h"
#include "base/usec.h"

enum { ODD_NAME = 48 }; /* bytes of a name that are kept */

struct odd_row {
	str provider;
	str name;       /* empty: all of that provider's, also of names not kept */
	uint64_t count; /* ever */
	usec first_wall, last_wall;
};
