/* responses.h - what the files of the format openai-responses share.
 *
 *	responses.c          the table, what the pass lane needs, failures
 *	responses_request.c  a client's request, read
 *	responses_item.c     the items of its input, read
 *	responses_write.c    a request, written for a provider
 *	responses_history.c  the conversation in it
 *	responses_tool.c     the tools in it
 *	responses_reply.c    a provider's answer, read whole
 *	responses_event.c    and read event by event
 *	responses_emit.c     an answer, written for a client as a stream
 *	responses_object.c   and whole: the response object
 *	responses_output.c   ... its items
 * For wire/ alone, except responses_echo. */
#pragma once
#include "wire/emit.h"
#include "wire/wire.h"

/* For emitter.echo: the members of a request which its response repeats, as JSON members
 * without braces ("instructions":null,"tools":[],...), each with a value of its own where
 * the request has none.  Empty when keep is full. */
str responses_echo(struct arena *keep, str body);
/* The same into a buf; an empty body gives the values of a request without any. */
void responses_add_echo(struct buf *to, str body);

/* JSON without the line breaks it may have between its values: events are one line. */
void responses_add_flat(struct buf *to, str json);

/* The code of an error in a failed response; the words clients know. */
str responses_fault_code(fault_t why);
/* The event `error` that goes before response.failed; message may be empty. */
void responses_write_error_event(struct buf *to, fault_t why, str message,
                                 uint64_t number);

/* ---- requests ---- */

/* A request while it is read. */
struct responses_reading {
	struct chat_request *r;
	fault_t why; /* the first failure */
	str detail;  /* what is wrong */
};

void responses_refuse(struct responses_reading *in, str detail);
void responses_read_input(struct responses_reading *in, struct json_value input);
/* The array of tools; those of an additional_tools item too. */
void responses_read_tools(struct responses_reading *in, struct json_value tools);

/* A tool's name with its namespace, which may be empty, in front. */
jstr responses_full_name(struct chat_request *r, jstr space, jstr name);

fault_t responses_read_request(str body, struct chat_request *r, str *ret_detail);
fault_t responses_write_request(struct chat_request *r, const struct chat_target *t,
                                struct buf *to, str *ret_detail);

/* What the client calls it, for naming what is lost. */
str responses_word(const struct chat_request *r, enum concept concept);
/* Instructions and input. */
void responses_write_conversation(struct chat_request *r, const struct chat_target *t,
                                  struct json_writer *w);
/* Tools, the choice among them, and whether several may be called at once. */
void responses_write_tools(struct chat_request *r, struct json_writer *w);

/* ---- answers, read ---- */

/* What a reader remembers in own[]. */
enum {
	SEEN_DONE,     /* bit per output_index below 64: that item is finished */
	SEEN_ITEMS,    /* items that were finished */
	SEEN_SEARCHES, /* calls of the vendor's web search */
	SEEN_PART,     /* the part of reasoning text coming in */
	SEEN_REFUSAL,
	SEEN_NUMBER,   /* the sequence number of the newest event + 1 */
	SEEN_BEGUN,    /* the highest output_index + 1 */
	SEEN_PART_END, /* the newest event has ended or begun a part of an item */

};

/* One finished item, as far as its events have not said it. False: more blocks are open
 * than can be. */
bool responses_push_item(struct chat_reader *rd, struct chat_sink *to, uint64_t index,
                         struct json_value item, struct arena *scratch);
/* The beginning, from a response object; once. */
void responses_push_begin(struct chat_reader *rd, struct chat_sink *to,
                          struct json_value response, struct arena *scratch);
/* Usage, and the failure of a response that is known to have failed. */
void responses_push_failed(struct chat_reader *rd, struct chat_sink *to,
                           struct json_value response, struct arena *scratch);
/* Finish, usage and end, or the failure it reports.  rd->finish is what the event says,
 * where one brought it: STOP or LENGTH. */
void responses_push_end(struct chat_reader *rd, struct chat_sink *to,
                        struct json_value response, struct arena *scratch);
/* A failure, from the object with code and message. */
void responses_push_fault(struct chat_reader *rd, struct chat_sink *to,
                          struct json_value error, struct arena *scratch);

/* The least limit of an answer's tokens that OpenAI takes. */
enum { RESPONSES_OUTPUT_LEAST = 16 };

/* Blocks by their place: of an item, or of one content part in it. */
enum { RESPONSES_ITEM = 255 };
enum { SLOT_HAS_TEXT = 1 << 0, SLOT_HAS_CITES = 1 << 1, SLOT_IS_RAW = 1 << 2 };
struct responses_place {
	uint64_t item, part; /* part: content index, or RESPONSES_ITEM */
};
/* Index into rd->slots; negative: there is none. */
int responses_slot_find(const struct chat_reader *rd, struct responses_place at);
/* Opens a block there; open has what, and id and name of a call.  Negative: no room. */
int responses_slot_open(struct chat_reader *rd, struct chat_sink *to,
                        struct responses_place at, const struct chat_event *open);
void responses_slot_piece(struct chat_reader *rd, struct chat_sink *to, int slot,
                          jstr text, struct json_value logprobs);
void responses_slot_cite(struct chat_reader *rd, struct chat_sink *to, int slot,
                         struct json_value annotation, struct arena *scratch);
bool responses_item_is_done(const struct chat_reader *rd, uint64_t index);
/* The OPEN of a function_call or custom_tool_call item; false: it is another item. */
bool responses_call_open(struct json_value item, struct arena *scratch,
                         struct chat_event *ret);

fault_t responses_read_reply(struct chat_reader *rd, str body, struct chat_sink *to);
fault_t responses_read_event(struct chat_reader *rd, str name, str data,
                             struct chat_sink *to);
void responses_mark(const struct chat_reader *rd, struct emit_mark *ret);
void responses_keep_head(str data, struct buf *to);
bool responses_read_eof(struct chat_reader *rd, struct chat_sink *to);

/* ---- answers, written ---- */

extern const struct emit_ops responses_emit;
void responses_write_reply(struct emitter *e);

/* How a response stands. */
struct responses_status {
	str status;
	str reason;       /* of incomplete, or empty */
	fault_t why;      /* of failed */
	str message;      /* of failed, plain */
	bool has_output;  /* the items so far are in it, and the usage */
	bool last_is_cut; /* its last item is incomplete */
};
void responses_write_object(struct json_writer *w, struct emitter *e,
                            const struct responses_status *s);
struct responses_status responses_end_status(const struct emitter *e);

/* Items: one message is a row of texts and refusals, everything else stands alone.  Only
 * blocks that were opened count. */
struct emit_block *responses_first_item(struct emitter *e);
struct emit_block *responses_next_item(const struct emit_block *item);
struct emit_block *responses_next_part(const struct emit_block *part);
bool responses_is_message(const struct emit_block *b);
/* The whole item which begins with b; index is its place in the output. */
void responses_write_item(struct json_writer *w, struct emitter *e,
                          const struct emit_block *b, unsigned index, str status);
/* "completed", or "incomplete" for a call whose arguments break off. */
str responses_item_status(const struct emit_block *b);
/* Name of a CALL, and the namespace where the request has it in one, as members. */
void responses_write_name(struct json_writer *w, const struct emitter *e,
                          const struct emit_block *b);
/* The whole content part which begins with b. */
void responses_write_part(struct json_writer *w, struct emitter *e,
                          const struct emit_block *b);
void responses_write_part_text(struct json_writer *w, const struct emit_block *b);
void responses_write_logprobs(struct json_writer *w, const struct emit_block *b);
void responses_write_annotation(struct json_writer *w, const struct chat_citation *c,
                                uint64_t from, uint64_t length);
/* The item's id as a string. */
void responses_write_id(struct json_writer *w, struct emitter *e,
                        const struct emit_block *b, unsigned index);
/* Characters of a jstr. */
uint64_t responses_count(jstr text);
