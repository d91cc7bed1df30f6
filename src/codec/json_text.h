/* json_text.h - questions about the inside of a string: what stands between its quotes,
 * escapes as they are, as json_member.key has it. */
#pragma once
#include "base/str.h"

/* Does it stand for s?  No room is needed for that. */
bool json_inside_is(str inside, str s);
/* May an escape of four digits stand in it?  A backslash and a u do; the backslash may be
 * a protected one.  False is certain. */
bool json_may_have_u(str inside);
/* How long is what it begins with, an escape or one byte?  1, 2 or 6, also where the last
 * escape is cut; inside: not empty. */
static inline size_t json_step(str inside)
{
	return inside.ptr[0] != '\\' ? 1 : str_starts(inside, STR("\\u")) ? 6 : 2;
}
