/* jchars.h - the characters of a text that comes in pieces, each a jstr.
 *
 * The same text may be escaped in many ways; compared it is as UTF-8.  The two halves of
 * a surrogate pair may stand in two pieces, so the first one waits. */
#pragma once
#include "base/buf.h"
#include "codec/utf8.h"
#include "wire/chat.h"

/* Zeroed it is at the beginning. */
struct jchars {
	uint32_t high; /* the first half of a pair; 0: none waits */
};

enum { JCHAR_MOST = 8 };

/* Takes one character off the front of *rest; returns its bytes of UTF-8 in out.  0: the
 * piece has ended, perhaps within a pair (s->high).  A half without its other half is
 * told as three bytes, together with the character behind it. */
size_t jchars_next(struct jchars *s, jstr *rest, char out[JCHAR_MOST]);
/* All of a text as UTF-8, added to `to`; false: it ends within a pair, or `to` is full.
 */
bool jchars_plain(jstr text, struct buf *to);
/* How many bytes a text is as UTF-8, but for half a pair at its end. */
size_t jchars_bytes(jstr text);
/* Nothing but white space, however it is escaped. */
bool jchars_are_blank(jstr text);
/* How many characters of UTF-8. */
size_t utf8_count(str plain);
