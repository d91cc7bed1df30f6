/* step.h - between the files that hold the steps of an exchange (exchange.h). For
 * gateway/ alone.
 *
 *   exchange.c  OPEN, BODY, ADMIT, ROUTE, RELAY, SETTLE, and the engine
 *   try.c       TRY: which candidate is asked, and what follows when it fails
 *   failing.c   what the client is told when nothing more is tried */
#pragma once
#include "gateway/exchange.h"

enum flow { WAIT, GO };

/* The step is the next one; the engine runs it. */
enum flow exchange_go(struct exchange *x, enum exchange_step step);

enum flow step_try(struct exchange *x);
/* Is there another candidate that may be asked before the client has been given anything?
 */
bool exchange_has_next(const struct exchange *x);
