/* roster_call.h - asking for what admin/roster.h does: a running gateway, because it owns
 * the ledger's only writer and its workers must know of the change; where none runs, this
 * process takes the lock and is the writer for a moment. */
#pragma once
#include "base/buf.h"
#include "codec/json.h"

/* A request of roster_ask that changes something.  `answer` holds what *ret points into;
 * a new key may be in it, so the caller wipes it.  False: *why. */
must_check bool call_change(str dir, str request, struct buf *answer,
                            struct json_value *ret, struct buf *why);
/* The same for one that only reads: without a gateway, the ledger is read as it is. */
must_check bool call_read(str dir, str request, struct buf *answer,
                          struct json_value *ret, struct buf *why);
