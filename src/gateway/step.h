/* step.h - between the files that hold the steps of an exchange (exchange.h). For
 * gateway/ alone.
 *
 *   open.c      OPEN: who asks, and what is kept of the head
 *   exchange.c  BODY, ADMIT, ROUTE, RELAY, SETTLE, and the engine
 *   try.c       TRY: which candidate is asked, and what follows when it fails; try.h
 *   failing.c   what the client is told when nothing more is tried */
#pragma once
#include "gateway/exchange.h"

enum flow { WAIT, GO };

/* The step is the next one; the engine runs it. */
enum flow exchange_go(struct exchange *x, enum exchange_step step);

enum flow step_open(struct exchange *x);
enum flow step_try(struct exchange *x);
