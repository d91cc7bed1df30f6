/* replay.h - answers that are given again: requests with an Idempotency-Key.
 *
 * What was answered is kept for a day, sealed with a key made of the pepper, of who asks
 * (a token's whole text, which is kept nowhere) and of the Idempotency-Key: the database
 * alone, even with the pepper, tells nobody a secret that was in an answer. */
#pragma once
#include "admin/call.h"

/* The answer of the same request before: true, c->out has it and *ret_status its status.
 * Also true when another request came with that key: 422. */
must_check bool replay_find(struct admin_call *c, int *ret_status);
/* Keeps c->out, in the transaction that is under way. */
must_check bool replay_keep(struct admin_call *c, struct ledger *l, int status);
