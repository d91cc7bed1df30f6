/* capture.h - what was said, on its way to the log of bodies (meter/body_log.h).
 *
 * Where `log.bodies` wants it, the request's body outlives its last attempt, and what the
 * client is given is kept as well, both within the memory budget: beyond it the exchange
 * goes on and only its bodies are lost, which its row says (ROW_BODY_LOST). */
#pragma once
#include "gateway/exchange.h"

enum { CAPTURE_MOST = 8 * MiB /* of an answer; the rest is cut off */ };

/* The route is known, or is another one now: does anybody want it? */
void capture_decide(struct exchange *x);
/* Bytes that go to the client, without their framing. */
void capture_add(struct exchange *x, str bytes);
static inline void capture_answer(struct exchange *x, str bytes)
{
	if (x->logs_bodies)
		capture_add(x, bytes);
}
/* The exchange is over: hands it to the log. */
void capture_end(struct exchange *x);
/* Ends a letter of ours; for body_log_options. */
struct body_letter;
void capture_free_letter(struct body_letter *l);
