/* cohere.h - Cohere's chat, version 2: what its files share.
 *
 *	cohere.c         the vtable, the pass lane, failures
 *	cohere_request.c a client's request into the neutral form
 *	cohere_write.c   the neutral form into a request
 *	cohere_reply.c   answers and events into neutral events
 *	cohere_emit.c    neutral events into answers and events
 *
 * Facts: wire-formats 11-14. */
#pragma once
#include "wire/emit.h"
#include "wire/wire.h"

fault_t cohere_read_request(str body, struct chat_request *r, str *ret_detail);
fault_t cohere_write_request(struct chat_request *r, const struct chat_target *t,
                             struct buf *to, str *ret_detail);
fault_t cohere_read_reply(struct chat_reader *rd, str body, struct chat_sink *to);
fault_t cohere_read_event(struct chat_reader *rd, str name, str data,
                          struct chat_sink *to);
bool cohere_read_eof(struct chat_reader *rd, struct chat_sink *to);
void cohere_write_reply(struct emitter *e);
extern const struct emit_ops cohere_emit;
