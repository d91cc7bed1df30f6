/* tap.h - what an answer means for us, from its neutral events: usage, finish, the first
 * thing said, failures.
 *
 * Both lanes use it: the pass lane reads events only for this, the translate lane hands
 * them on to the client's emitter.  (OpenAI's chat format has a faster tap of its own.)
 */
#pragma once
#include "wire/wire.h"

struct tap_sink {
	struct chat_sink sink; /* first */
	struct tap *tap;
	struct tap_event *found;
	struct chat_sink *next; /* NULL: the events end here */
};

void tap_sink_init(struct tap_sink *s, struct tap *t, struct tap_event *ret,
                   struct chat_sink *next);

/* Something that this format is not known to have; name may be empty. */
void tap_odd(struct tap *t, str name);

/* One event of a stream, by the format's own tap where it has one and nobody follows. */
void wire_tap_event(const struct wire *wire, struct tap *t, str name, str data,
                    struct tap_event *ret, struct chat_sink *next);
/* A whole answer: EMPTY_ANSWER, what an error in it is, UPSTREAM_MALFORMED or NULL. */
fault_t wire_tap_answer(const struct wire *wire, struct tap *t, str body,
                        str *ret_message, struct chat_sink *next);
/* We end the answer before the provider does: that is its finish (NONE: it has none), and
 * what usage it has reported so far is no final count. */
void tap_cut(struct tap *t, enum chat_finish finish);
/* Has every choice that is wanted its finish, and not that of a failure?  An error behind
 * that changes nothing any more. */
bool tap_is_finished(const struct tap *t);
/* Is a stream that has ended here, or that ends here, a whole answer? */
bool wire_is_complete(const struct wire *wire, const struct tap *t);
/* The provider ended its side: what the reader held back is pushed, once.  t->late: that
 * was an answer of its kind, as a filter's finish is. */
bool wire_tap_eof(const struct wire *wire, struct tap *t, struct chat_sink *next);
