/* seals.h - seals with our mark (chat.h) in the bodies of clients, where client and
 * provider speak one format. */
#pragma once
#include "wire/wire.h"

/* Has a chat of that format, or a request to count its tokens, a seal of another vendor,
 * which its client echoes and which must not go to a provider as it is?  Text in which
 * the mark stands is none.  The body is one that skim has accepted. */
bool seals_are_in(enum wire_format format, str body);
