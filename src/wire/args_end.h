/* args_end.h - where the JSON text of a call's arguments ends, while it comes in pieces.
 */
#pragma once
#include "wire/chat.h"

/* Zeroed it is ready for use. */
struct args_end {
	uint32_t depth;
	bool in_string, after_backslash;
	bool is_whole; /* the outermost object or array is closed */
};

/* One piece more, as it stands inside a JSON string: of whole escapes. */
void args_end_follow(struct args_end *s, jstr text);
