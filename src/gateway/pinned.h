/* pinned.h - requests that speak of what one account of a provider keeps.
 *
 * A stored response, a file, a conversation and an encrypted item mean something to the
 * provider and the key that made them, and to nobody else.  What an answer brings of
 * that kind is remembered (policy/pins.h; through the journal also in the ledger), and a
 * later request that names it goes there:
 *
 *	previous_response_id    to that account alone, for the virtual key that made it
 *	GET, DELETE of an id    the same
 *	an item_reference       the same
 *	an item without words   to that account first, for the key that made it
 *	a conversation          to the account with which it was used before, alone, for
 *				the virtual key that was the first to use it
 *	a file                  the same, for everybody
 *	an encrypted item       to that account first; to no other of the same format,
 *since it would be refused; to other formats as always, which drop it and say so
 *
 * Where nothing was kept of the request that made it (gateway/phi.h), nothing is kept of
 * one that speaks of it.
 *
 * Where virtual keys are used, responses and items that nobody remembers are refused as
 * if they were somebody else's; else, and for files and conversations, they change
 * nothing. */
#pragma once
#include "gateway/attempt.h"

/* After the candidates are in order: takes out those that cannot have what the request
 * speaks of.  PREVIOUS_UNKNOWN, PINNED, PHI_NOT_ALLOWED, what is wrong with the input,
 * or NULL. */
must_check fault_t pinned_route(struct exchange *x, str *ret_detail);
/* The same for OP_STORED: the one candidate is who keeps the response in the path.
 * NO_SUCH_RESPONSE, or NULL. */
must_check fault_t pinned_stored(struct exchange *x, str *ret_detail);
/* Is the key of that provider given, so that no other may be tried? */
bool pinned_is_key_fixed(const struct exchange *x, const struct provider *p);
/* Which of that provider's keys comes first. */
unsigned pinned_key_at(const struct exchange *x, const struct provider *p);
/* Does the request name what a provider keeps, as far as it was looked at? */
bool pinned_names_kept(const struct exchange *x);
/* Before what the answer says goes to the client; may be called again. */
void pinned_remember(struct attempt *a);
/* Has the client an id of a response that is remembered? */
bool pinned_has_response(const struct exchange *x);
/* The whole response object, or the event that has it: before it goes to the client. */
void pinned_look_at_whole(struct attempt *a, str json);
/* The beginning of one that is too large to be held. */
void pinned_look_at_part(struct attempt *a, str json);
/* An event that has an item of it. */
void pinned_look_at_item(struct attempt *a, str json);
static inline bool pinned_is_item(str event)
{
	return unlikely(str_eq(event, STR("response.output_item.added")));
}
