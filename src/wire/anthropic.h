/* anthropic.h - Anthropic Messages, what its files share.  For wire/ alone.
 *
 *	anthropic.c          the table, the pass lane's side, failures
 *	anthropic_model.c    what each model takes
 *	anthropic_read.c     a request into the neutral form
 *	anthropic_blocks.c   its blocks
 *	anthropic_tools.c    its tools, in both directions
 *	anthropic_options.c  the neutral form into a request: all but
 *	anthropic_write.c    its turns, and
 *	anthropic_parts.c    their blocks
 *	anthropic_reply.c    answers and streams into events
 *	anthropic_emit.c     events into answers and streams
 */
#pragma once
#include "wire/anthropic_model.h"
#include "wire/emit.h"
#include "wire/wire.h"

/* ---- reading a request ---- */

struct anthropic_reading {
	struct chat_request *r;
	str *detail;
	unsigned message, item;    /* where we are, for people */
	struct chat_message *to;   /* parts go here, */
	struct chat_part *result;  /* or inside this one */
	struct json_value block;   /* the one being read */
	struct json_value *member; /* and its members */
};

static inline bool anthropic_is_absent(struct json_value v)
{
	return v.type == JSON_NONE || v.type == JSON_NULL;
}

/* The first thing that is wrong, told as Anthropic tells it: BAD_REQUEST. */
void anthropic_refuse(struct anthropic_reading *in, const char *fmt, ...)
        printf_like(2, 3);
enum chat_cache anthropic_read_cache(struct chat_request *r, struct json_value v);
/* The blocks of a message which are results of tools, or those which are not; inside a
 * result there are none. */
void anthropic_read_blocks(struct anthropic_reading *in, struct json_value content,
                           bool results);
enum { ANTHROPIC_RESULTS = 1, ANTHROPIC_OTHERS = 2 };
/* Which of the two there are among the blocks: a sum of these. */
unsigned anthropic_kinds_of(struct json_value content);
void anthropic_read_tools(struct anthropic_reading *in, struct json_value tools,
                          struct json_value choice);

/* ---- writing a request ---- */

enum anthropic_thinking { THINK_UNSAID, THINK_OFF, THINK_BUDGET, THINK_ADAPTIVE };

struct anthropic_writing {
	struct chat_request *r;
	const struct chat_target *t;
	struct json_writer *w;
	unsigned bits; /* of the model */
	bool own;      /* the client speaks this format: blocks go as they came */
	bool counting; /* a body for count_tokens */
	uint64_t cap;  /* max_tokens */
	/* what thinking, effort and force become for this model */
	enum anthropic_thinking thinking;
	uint64_t budget;
	enum chat_effort effort; /* of output_config; UNSET: not said */
	bool force;              /* the choice of a tool is still a force */
	unsigned unmarked;       /* so many cache marks of messages have to go */
	/* anthropic_write.c */
	unsigned turns;  /* written so far */
	bool after_user; /* the last of them was the user's */
	fault_t why;
	str detail;
};

/* Would the part, a REASONING, be written? */
bool anthropic_keeps_reasoning(const struct chat_part *p);
void anthropic_write_system(struct anthropic_writing *c);
void anthropic_write_messages(struct anthropic_writing *c);
void anthropic_write_tools(struct anthropic_writing *c);
/* Nothing where the part cannot be said: it is refused, or named as lost. */
void anthropic_write_part(struct anthropic_writing *c, const struct chat_part *p);
/* The mark behind a part of a message, unless there are too many: the oldest go. */
void anthropic_write_mark(struct anthropic_writing *c, const struct chat_part *p);
/* The part, when it is a text and all there is: it can be said without a block. */
const struct chat_part *anthropic_only_text(const struct chat_part *parts);
void anthropic_write_cache(struct json_writer *w, enum chat_cache cache);
/* A concept cannot be said to this model: named in the client's words. */
void anthropic_lose(struct chat_request *r, enum concept concept);
fault_t anthropic_write_request(struct chat_request *r, const struct chat_target *t,
                                struct buf *to, str *ret_detail);

/* ---- the other directions ---- */

/* Stands where Anthropic has its ciphertext of a citation, when another vendor cited.
 * Like a seal with our mark it must not go to Anthropic. */
#define ANTHROPIC_NO_INDEX "sluice1."
/* A citation of any of this format's kinds; keep as in chat_text_in. */
void anthropic_read_citation(struct arena *keep, struct json_value v,
                             struct chat_citation *ret);

fault_t anthropic_read_request(str body, struct chat_request *r, str *ret_detail);
fault_t anthropic_read_reply(struct chat_reader *rd, str body, struct chat_sink *to);
fault_t anthropic_read_event(struct chat_reader *rd, str name, str data,
                             struct chat_sink *to);
bool anthropic_read_eof(struct chat_reader *rd, struct chat_sink *to);
/* One event being read; keep is used only where an escape has to be mended or text has
 * to be escaped. */
struct anthropic_event {
	struct chat_reader *rd;
	struct chat_sink *to;
	struct arena keep;
};

/* The text of that member, mended where it has to be. */
jstr anthropic_text_of(struct anthropic_event *ev, struct json_value object, str name);
/* What a usage object says is remembered; pushed when it is time. */
void anthropic_take_usage(struct chat_reader *rd, struct json_value usage);
void anthropic_push_usage(struct anthropic_event *ev);
/* What message_start says of the input. */
void anthropic_push_input(struct anthropic_event *ev);
void anthropic_push_odd(struct anthropic_event *ev, struct json_value name);
/* content_block_start, _delta and _stop; UPSTREAM_MALFORMED. */
fault_t anthropic_begin_block(struct anthropic_event *ev, uint64_t index,
                              struct json_value block);
fault_t anthropic_read_delta(struct anthropic_event *ev, uint64_t index,
                             struct json_value delta);
void anthropic_end_block(struct anthropic_event *ev, uint64_t index);
void anthropic_write_reply(struct emitter *e);
extern const struct emit_ops anthropic_emit_ops;
/* {"type":"error","error":{...}} */
void anthropic_write_error(struct json_writer *w, fault_t why, str message);

/* ---- /v1/messages/count_tokens; its requests are read like others ---- */

/* The body of such a request: what the endpoint takes of r, server tools left out. */
fault_t anthropic_write_count_request(struct chat_request *r, const struct chat_target *t,
                                      struct buf *to, str *ret_detail);
/* The answer. */
bool anthropic_read_count(str body, uint64_t *ret_tokens);
void anthropic_write_count(struct buf *to, uint64_t tokens);
