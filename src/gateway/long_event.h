/* long_event.h - an event that is too long to be held: it passes piece by piece, and is
 * looked at when all of it has passed, as far as there was room to keep it. */
#pragma once
#include "gateway/attempt.h"

/* Bytes of such an event: its first ones, or more where a->in_long_event says that it has
 * not ended.  Returns how many are taken: none behind its end.  It may be an error, which
 * nobody knows before it has passed: what could be the beginning of a credential of ours
 * waits for what follows, and none of them passes. */
size_t long_event_data(struct attempt *a, str bytes, bool end);
