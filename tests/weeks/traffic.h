/* traffic.h - who asks what in the two weeks, and how the gateway is configured for it.
 */
#pragma once
#include "base/buf.h"
#include "base/usec.h"

/* Four mock providers at 10.0.0.1 to 10.0.0.4, their prices, routes and trials. */
void traffic_config(const char *dir, struct buf *to);
/* How much of the traffic a minute of the two weeks has, from Monday 0:00. */
uint64_t traffic_weight(unsigned minute);
/* A request with its head; gives how long its client waits before it leaves, USEC_NEVER:
 * to the end.  few: there are so few that what is compared must not vary much. */
usec traffic_request(str key, bool few, struct buf *to);
