/* openai_chat.h - between the files of openai-chat in the neutral form: requests are read
 * in openai_request.c (options), openai_tools.c, openai_messages.c and openai_content.c,
 * and written in
 * openai_write.c, openai_tools.c, openai_history.c and openai_parts.c; answers are read
 * in openai_reply.c and written in openai_emit.c and openai_whole.c.  For wire/ alone. */
#pragma once
#include "wire/dialect.h"
#include "wire/emit.h"
#include "wire/openai.h"
#include "wire/wire.h"

/* ---- the members of struct wire ---- */

void openai_write_path(enum operation op, str model, bool stream, struct buf *to);
fault_t openai_read_request(str body, struct chat_request *r, str *ret_detail);
fault_t openai_write_request(struct chat_request *r, const struct chat_target *t,
                             struct buf *to, str *ret_detail);
fault_t openai_read_reply(struct chat_reader *rd, str body, struct chat_sink *to);
fault_t openai_read_event(struct chat_reader *rd, str name, str data,
                          struct chat_sink *to);
bool openai_read_eof(struct chat_reader *rd, struct chat_sink *to);
void openai_write_reply(struct emitter *e);
extern const struct emit_ops openai_emit;

/* ---- reading ---- */

fault_t openai_read_messages(struct chat_request *r, struct json_value list,
                             str *ret_detail);
fault_t openai_read_tools(struct chat_request *r, struct json_value tools,
                          str *ret_detail);
fault_t openai_read_functions(struct chat_request *r, struct json_value functions,
                              str *ret_detail); /* as they were before tools */
fault_t openai_read_choice(struct chat_request *r, struct json_value v, str *ret_detail);
/* Counts of a usage object; false: they cannot be. */
/* A message that is being read. */
struct openai_message_reading {
	struct chat_request *r;
	str *ret_detail;
	unsigned at;              /* number of the message, for people */
	unsigned functions;       /* calls without ids (function_call) so far */
	jstr function_id;         /* of the last of them */
	struct chat_message *m;   /* the message that is read */
	struct chat_part *result; /* of a tool: parts go in here */
};

/* BAD_REQUEST, with the message's number in *ret_detail. */
fault_t openai_bad_message(struct openai_message_reading *g, const char *what);
/* In the message, or in the tool's result that it is. */
struct chat_part *openai_new_part(struct openai_message_reading *g, enum chat_kind kind);
void openai_add_text(struct openai_message_reading *g, enum chat_kind kind, jstr text);
fault_t openai_read_content(struct openai_message_reading *g, struct json_value content);

/* ---- writing a request ---- */

struct openai_writer {
	struct chat_request *r;
	const struct chat_target *t;
	struct dialect dialect;
	struct json_writer json;
	fault_t why;     /* NOT_OFFERED: what follows is for nothing */
	str detail;      /* names it */
	bool has_system; /* a system message was written */
	bool is_subset;  /* tools that are not allowed are left out */
};

/* Writes the key of a member of the request, by the dialect's word for it.  False: it is
 * not to be written; dropped and named, or refused (w->why). */
bool openai_put(struct openai_writer *w, str path);
/* What cannot be sent there at all. */
void openai_refuse(struct openai_writer *w, str path);
void openai_write_messages(struct openai_writer *w);
#define OPENAI_CONTENT "messages[].content[]"
/* One part of a content list; refused where the dialect has none of the kind. */
void openai_write_part(struct openai_writer *w, const struct chat_part *p);
void openai_write_text(struct openai_writer *w, const struct chat_part *p);
/* The beginning of a part, and its end with the cache mark of p. */
void openai_begin_part(struct json_writer *j, str type);
void openai_end_part(struct openai_writer *w, const struct chat_part *p);
/* Is there anything that a user's message can hold? */
bool openai_is_sayable(const struct openai_writer *w, const struct chat_part *p);
bool openai_can_say(const struct openai_writer *w, const struct chat_part *p);
void openai_write_id(struct openai_writer *w, str key, jstr id);
/* Where the dialect has no word for a schema: a message that tells it. */
void openai_write_schema_prompt(struct openai_writer *w);
void openai_write_tools(struct openai_writer *w);
/* {"type":"function","function":{"name":...}} */
void openai_write_named(struct json_writer *j, const char *type, jstr name);
/* The id of a call as the dialect takes it, into room for OPENAI_ID_MOST. */
enum { OPENAI_ID_MOST = 64 };
jstr openai_fit_id(const struct dialect *d, jstr id, char *room);

/* ---- thoughts and their seals: reasoning_details as OpenRouter has them ---- */

enum openai_detail_type { DETAIL_TEXT, DETAIL_SUMMARY, DETAIL_ENCRYPTED };

struct openai_detail {
	enum openai_detail_type type;
	jstr text;   /* of TEXT and SUMMARY */
	jstr seal;   /* signature or data, as it was sent */
	jstr format; /* whose it is, in OpenRouter's words */
	jstr id;
};

/* false: it is none. */
bool openai_read_detail(struct arena *keep, struct json_value item,
                        struct openai_detail *ret);
void openai_write_detail(struct json_writer *w, const struct openai_detail *d,
                         uint64_t index);
/* A seal of OpenRouter's needs its type, format and id again: they go into the blob. */
struct chat_seal openai_pack_seal(struct arena *keep, const struct openai_detail *d);
void openai_unpack_seal(const struct chat_seal *s, struct openai_detail *ret);

/* Where a sealed thought stood among what a client sees joined: our id of a detail. */
struct openai_place {
	uint64_t place; /* 0 first, 1 behind the text, n + 1 behind n calls */
	uint64_t start; /* characters of reasoning before it */
	uint64_t count; /* and of its own */
};
str openai_place_text(char *room, size_t size, const struct openai_place *p);
bool openai_place_read(jstr id, struct openai_place *ret);

/* One thought of an assistant's message in a request. */
struct openai_thought {
	uint64_t place;
	jstr text;
	struct chat_seal seal;
};
enum { OPENAI_THOUGHTS = 64 };
/* From the three members a message may have them in; the count. */
unsigned openai_read_thoughts(struct chat_request *r, struct json_value content,
                              struct json_value reasoning, struct json_value details,
                              struct openai_thought *ret);

/* ---- writing an answer ---- */

/* Up to the model, the object left open. */
void openai_write_head(struct emitter *e, struct json_writer *w, str object);
void openai_keep_head(str data, struct buf *to);
void openai_write_end_mark(struct buf *to);
void openai_write_late_usage(str head, const struct token_usage *u, struct buf *to);
void openai_write_call(struct json_writer *w, const struct emit_block *b, jstr args);
void openai_write_image(struct json_writer *w, const struct emit_block *b, jstr data);
/* before: characters of text in front of the block; length: those of the block, as far as
 * it is known, which a citation without a place is about. */
void openai_write_citation(struct json_writer *w, const struct chat_citation *c,
                           uint64_t before, uint64_t length);
/* The seal of a block whose text is `count` of the characters of reasoning from `start`
 * on, as a detail. */
void openai_write_seal(struct emitter *e, struct json_writer *w,
                       const struct emit_block *b, uint64_t start, uint64_t count);
str openai_finish_word(const struct emit_choice *c);
void openai_write_usage(struct json_writer *w, const struct emitter *e);

/* ---- small things ---- */

/* Characters (code points) of a text. */
uint64_t jstr_count(jstr text);
/* The bytes of its first `count` characters, or all. */
size_t jstr_offset(jstr text, uint64_t count);
/* "data:" media type ";base64," data, as a JSON string. */
void openai_write_data_url(struct json_writer *w, jstr media_type, jstr data);
