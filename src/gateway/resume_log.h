/* resume_log.h - the log of an answer (wire/given.h), kept while the answer goes to the
 * client: what resume.h goes on from, should the attempt die.
 *
 * Both lanes tell it each event that they have looked at, and what a turn's events came
 * to.  A tool call waits here until it is whole, but not for ever: its time is one of the
 * attempt's clocks. */
#pragma once
#include "gateway/attempt.h"
#include "wire/given.h"

/* A stream begins: its log, if it is to be kept. `next`: the emitter's sink, or NULL. */
void resume_log_begin(struct attempt *a, struct chat_sink *next);
/* The pass lane has looked at an event (given_mark was before). */
void resume_log_event(struct attempt *a, str name, str data,
                      const struct tap_event *found);
/* The events of a turn have been looked at: what the log needs is charged to the memory
 * budget, and a call that waits has its time from here on (a->hold_due). */
void resume_log_turn(struct attempt *a);
/* A call has waited too long: what is held goes out as it is. */
void resume_log_let_go(struct attempt *a);
/* Is all that came a call that waits? Then another attempt may still replace this one. */
bool resume_log_holds_all(const struct attempt *a);
/* Of an attempt that is over, unless the exchange goes on from it. */
void resume_log_drop(struct attempt *a);
/* One that is the exchange's own; what it was charged is given back. */
void resume_log_free(struct exchange *x, struct given *g);
