/* work.h - what is asked and answered whole, without a conversation: vectors of texts,
 * rankings of documents, counts of tokens.
 *
 * Each has a neutral form of its own (embed.h, rank.h; a count is a chat's request), hung
 * on the request as it was read, whose arena, losses and failures it shares.  A format
 * has one row of functions for each such operation it knows: wire->work. */
#pragma once
#include "wire/chat.h"
#include "wire/operation.h"

struct wire;

/* An answer on its way from one format to another. */
struct work_answer {
	struct arena *keep; /* set by the owner, as are the next two */
	jstr model, id;     /* for formats that say them */
	uint64_t said; /* input tokens, as a head line of the answer has them; or 0 */
	bool has_usage;
	struct token_usage usage;
	struct embed_vector *vectors; /* OP_EMBEDDINGS */
	struct ranked *ranks;         /* OP_RERANK, best first */
	unsigned count;               /* of these */
	uint64_t tokens;              /* OP_COUNT */
};

struct wire_work {
	/* A client's body, which skim has accepted.  NULL: nobody asks in this format.
	 * NOT_OFFERED: it can only pass as it is. */
	fault_t (*read)(str body, struct chat_request *r, str *ret_detail);
	/* NOT_OFFERED, with *ret_detail naming what cannot be said.  NULL: no provider of
	 * this format does it. */
	fault_t (*write)(struct chat_request *r, const struct chat_target *t,
	                 struct buf *to, str *ret_detail);
	/* The root of a whole answer of status 200: UPSTREAM_MALFORMED.  NULL: the number
	 * at `tokens` is all there is. */
	fault_t (*read_answer)(struct json_value root, struct work_answer *ret);
	/* UPSTREAM_MALFORMED: what the provider said cannot be written. */
	fault_t (*write_answer)(const struct chat_request *r, const struct work_answer *a,
	                        struct buf *to);
	/* Where an answer says the input's tokens, and how many searches it is billed as;
	 * may be NULL. */
	const char *tokens, *searches;
};

/* Can a provider of `to` do what a client of `from` asks? */
bool work_crosses(const struct wire *from, const struct wire *to, enum operation op);
/* A provider's answer in `from`, checked against what was asked, as a client of `to` gets
 * it. */
must_check fault_t work_reply(const struct wire *from, const struct wire *to,
                              enum operation op, const struct chat_request *r, str body,
                              struct work_answer *a, struct buf *to_client);
/* The usage of an answer that passes as it is; false: it says nothing. */
bool work_usage(const struct wire *wire, enum operation op, struct json_value root,
                struct token_usage *ret);

/* ---- for the files of these operations ---- */

/* BAD_REQUEST or NOT_OFFERED, and the words for it. */
fault_t work_refuse(struct chat_request *r, fault_t why, str *ret_detail, const char *fmt,
                    ...) printf_like(4, 5);
/* Checks a body, whose root must be an object. */
must_check fault_t work_root(str body, struct json_value *ret);
/* The items of an array which are all strings; a string alone is a list of one. */
must_check fault_t work_texts(struct chat_request *r, struct json_value v,
                              const char *name, unsigned most, jstr **ret,
                              unsigned *ret_count, str *ret_detail);
/* A positive count that may be absent. */
must_check fault_t work_count(struct chat_request *r, struct json_value v,
                              const char *name, uint64_t *ret, str *ret_detail);
/* NULL when keep is full. */
void *work_room(struct arena *keep, size_t count, size_t size);
/* The items of an array. */
size_t work_items(struct json_value array);
