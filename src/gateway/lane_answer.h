/* lane_answer.h - the answer on its way through a lane: the provider's events are read,
 * go through the tap and the emitter, and what that has written goes to the client. */
#pragma once
#include "gateway/lane.h"

/* Bytes of a stream; see http_up_ops.on_data.  lane_begin was before. */
size_t lane_answer_data(struct attempt *a, str bytes, bool end);
/* The connection died; true: the answer was whole, and the client has it. */
bool lane_answer_is_whole(struct attempt *a);
/* The provider answers with one JSON text. */
void lane_answer_whole(struct attempt *a, str body);
/* What the emitter has written goes to the client; `last`: the answer is complete. */
void lane_answer_pass_on(struct attempt *a, bool last);
/* The error that ends an open stream, in the client's words, added to `to`. */
void lane_answer_fault(const struct exchange *x, struct lane *l, fault_t why, str message,
                       struct buf *to);
