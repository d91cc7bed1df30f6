/* tags.h - what a request is to be counted under, beside its key: "env=prod,app=chat".
 *
 * Names are letters, digits, `_`, `-` and `.`, values printable ASCII but comma, equals
 * and blanks; what is not of that kind, or beyond the bounds, is left out. */
#pragma once
#include "base/arena.h"

enum {
	TAGS_MOST = 8,    /* names */
	TAGS_BYTES = 256, /* in all */
	TAG_NAME_MOST = 32,
	TAG_VALUE_MOST = 64,
};

/* Both together, in the arena; where both say the same name, what `of_key` says holds. */
str tags_join(struct arena *a, str of_key, str of_request);
