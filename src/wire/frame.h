/* frame.h - an event like the one before it, told by its bytes.
 *
 * Nearly all events of a stream are the same text around another piece of the answer.
 * The text around is the frame, in pieces: what stands before the first hole, between two
 * holes, behind the last.  A hole is the inside of one JSON string.  An event that has
 * the very bytes of a frame that was read before, and strings that are well formed in its
 * holes, is as valid and means the same; only what it says differs. */
#pragma once
#include "base/str.h"

enum { FRAME_HOLES = 2, FRAME_ROOM = 352 };

/* Zeroed it is a frame that nothing has. */
struct frame {
	uint16_t pieces;
	uint16_t len[FRAME_HOLES + 1];
	char text[FRAME_ROOM]; /* the pieces, one behind the other */
};

/* Keeps the frame of text; the holes are parts of it, in their order.  Where it does not
 * fit, *f is zeroed. */
void frame_keep(struct frame *f, str text, const str *holes, unsigned count);
/* Has text this frame?  Then *ret_said is what stands in its first hole. */
bool frame_holds(const struct frame *f, str text, str *ret_said);
