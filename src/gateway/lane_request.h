/* lane_request.h - the request on its way through a lane: read once into the neutral
 * form, written for each target. */
#pragma once
#include "gateway/lane.h"

/* Writes the request into the lane's body.  False: the attempt has failed. */
must_check bool lane_request(struct attempt *a);
/* Reads the request, if nobody has. */
must_check fault_t lane_read(struct exchange *x, str *ret_detail);
/* Members of the request which the answer repeats; of one that was read. */
str lane_echo(const struct exchange *x);
/* Stop sequences that the provider was not told: they are watched for on the way to
 * `next`. */
void lane_watch_stops(struct attempt *a, struct chat_sink *next);
/* How many tokens the request may have, when no provider counts them. */
uint64_t lane_guess(struct exchange *x);
/* The request as read, when the exchange ends. */
void lane_forget(struct exchange *x);
