/* places.h - values at several places of one object, found in one walk.
 *
 * Objects with counts are read by a dozen names, some of them one object deeper; a
 * json_path for each would walk the same few bytes a dozen times. */
#pragma once
#include "codec/json.h"

/* A member of the root, or where `object` is not empty of that member of the root. */
struct place {
	str object, member;
};

enum { PLACES_MOST = 32 };

/* values[i] is what json_path finds at places[i]; JSON_NONE: nothing. */
void places_find(struct json_value root, const struct place *places, unsigned count,
                 struct json_value *ret);
