/* go_on.h - a request that asks for the rest of an answer.
 *
 * The conversation, the beginning of the answer as the assistant's words, and behind that
 * either nothing, where the model goes on from there by itself (a prefix), or a turn of
 * the user that asks it to repeat the last words and to go on.  Written in the neutral
 * form, so it works for every provider's format.
 *
 * Who goes on from a prefix: wire-formats 15.1. A provider that takes it may still ignore
 * it, so only those that are known to go on are listed. */
#pragma once
#include "wire/chat.h"
#include "wire/seam.h"

/* Does that model go on from the assistant's last words? */
bool go_on_has_prefix(str provider, str model, const struct chat_request *r);

struct go_on {
	enum seam_method method;
	str said;   /* the beginning, as UTF-8 */
	str anchor; /* SEAM_ANCHOR */
	str provider, model;
	uint64_t said_tokens;
};

/* May the rest of an answer to r be another's?  Not where it has a form that a beginning
 * cannot be checked against (a schema, probabilities, sound). */
bool go_on_may(const struct chat_request *r, bool is_strict);
/* r asks for the rest from now on, until go_on_end: as many tokens as are left, and a few
 * where the estimate says that none are. */
void go_on_begin(struct chat_request *r, const struct go_on *how,
                 struct chat_request *ret_before);
void go_on_end(struct chat_request *r, const struct chat_request *before);
