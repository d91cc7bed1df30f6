/* mock.h - a provider that is always there: OpenAI's format, made-up answers, faults on
 * demand.
 *
 * It listens on an address of its own and runs in a thread of its own, so the gateway
 * reaches it as it reaches any provider.  Its models (models.def) echo, chatter, call
 * tools, obey schemas, embed, draw and speak, or fail in a known way.  The same request
 * gets the same answer, but for ids and times; no answer means anything.
 *
 * Two request headers steer it: x-mock-delay-ms (before the answer begins) and
 * x-mock-tokens (how long lorem's text is; for cut and stall, how many tokens come
 * first).  A token is a run of non-blank bytes with the blanks before it, at most 32
 * bytes long; usage counts these. */
#pragma once
#include "loop/net.h"

struct mock;

/* NULL and a text in *why when it cannot listen at that address or start its thread. */
struct mock *mock_start(const struct net_addr *at, struct buf *why);
/* Breaks off what is running and joins the thread. */
void mock_stop(struct mock **m);
/* Where it listens: the port that was given for 0. */
const struct net_addr *mock_address(const struct mock *m);
