/* chat_stop.h - stop sequences of a provider that has none, or too few: we watch the
 * text.
 *
 * A sink between a format's reader and what follows it.  Text passes as it comes; what
 * may be the beginning of a sequence waits until that is decided, so no byte of a
 * sequence is ever passed on.  At the first whole one the choice is finished
 * (FINISH_SEQUENCE), and the rest of it is left out.  The provider's usage still counts
 * all that it made.
 *
 * Only texts are watched, as the vendors do: no reasoning, no calls, no refusals.  A
 * sequence does not reach over two blocks. */
#pragma once
#include "wire/chat_event.h"

struct chat_stopper;

/* Watches for those of r->stops whose bit is in `kept` (chat_written.stops_kept), on the
 * way to `next`.  Lies in keep; NULL: there is no room, or no bit. */
struct chat_stopper *chat_stopper_new(struct arena *keep, const struct chat_request *r,
                                      uint32_t kept, struct chat_sink *next);
/* Where a reader pushes its events. */
struct chat_sink *chat_stopper_sink(struct chat_stopper *s);
/* Of the first choice, that block is a text which is open already: it goes on. */
void chat_stopper_goes_on(struct chat_stopper *s, unsigned block);
/* Have all choices met a sequence?  Then the rest of the stream matters to nobody. */
bool chat_stopper_is_over(const struct chat_stopper *s);
/* Ends the answer (usage, CHAT_END) before the provider does. */
void chat_stopper_end(struct chat_stopper *s, const struct token_usage *usage);
void chat_stopper_done(struct chat_stopper *s);
