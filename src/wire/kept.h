/* kept.h - names of what one account of a provider keeps. */
#pragma once
#include "codec/json.h"

enum {
	KEPT_NAME = 512,               /* bytes of an id; OpenAI's have some 50 */
	KEPT_ROOM = 6 * KEPT_NAME + 2, /* all of it may be written as \u escapes */
};

/* An id as its provider reads it, unescaped: where it stands, or in room.  False: it is
 * no string, empty, longer than KEPT_NAME, or has more in it than visible ASCII, quotes
 * and backslashes apart, so that readers might differ about it. */
bool kept_id(struct json_value v, char room[KEPT_ROOM], str *ret);
