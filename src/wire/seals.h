/* seals.h - seals with our mark (chat.h) in the bodies of clients, where client and
 * provider speak one format. */
#pragma once
#include "wire/wire.h"

enum seals {
	SEALS_NONE, /* the body is fit for a provider */
	SEALS_CUT,  /* it is without them */
	SEALS_LEFT, /* without them it is none a provider takes: it is to be written anew
	             */
};

/* Looks in a chat of that format, or a request to count its tokens, for seals of other
 * vendors, which its client echoes and which must not go to a provider as they are, and
 * cuts what has them out of the bytes, into `to`.  A text in which the mark stands is no
 * seal.  The body is one that skim has accepted. */
enum seals seals_cut(enum wire_format format, str body, struct buf *to);
