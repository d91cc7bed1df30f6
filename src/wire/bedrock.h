/* bedrock.h - Amazon Bedrock's Converse and ConverseStream: what its files share.
 *
 *	bedrock.c         the vtable, the pass lane, failures, families of models
 *	bedrock_request.c a client's request into the neutral form
 *	bedrock_write.c   the neutral form into a request
 *	bedrock_turns.c   ... its messages
 *	bedrock_tools.c   ... its tools
 *	bedrock_reply.c   answers and events into neutral events
 *	bedrock_emit.c    neutral events into answers and frames
 *
 * Facts: wire-formats 8, 12-14. */
#pragma once
#include "wire/emit.h"
#include "wire/wire.h"

/* What the header x-amzn-errortype says of a failure; clients pick their exception by
 * it: "ThrottlingException". */
str bedrock_error_type(fault_t why);

/* ---- private to the files above ---- */

/* The exception that ends an open stream. */
str bedrock_stream_error_type(fault_t why);

/* Bedrock's short names of media ("png") and media types, by kind of part. */
str bedrock_media_type(enum chat_kind kind, str format); /* empty: not known */
/* From the media type, else from the first bytes or the name's ending; empty: none that
 * Bedrock takes. */
str bedrock_media_format(enum chat_kind kind, str media_type, jstr data, jstr name);

enum bedrock_bits {
	BEDROCK_CLAUDE = 1 << 0,
	BEDROCK_LEADING = 1 << 1,       /* the assistant may speak first */
	BEDROCK_ALONE = 1 << 2,         /* tool results stand alone in their turn */
	BEDROCK_NO_STATUS = 1 << 4,     /* tool results have no status */
	BEDROCK_CHOOSE_ANY = 1 << 5,    /* toolChoice any */
	BEDROCK_CHOOSE_ONE = 1 << 6,    /* toolChoice tool */
	BEDROCK_CACHE = 1 << 7,         /* cachePoint in system and messages */
	BEDROCK_CACHE_TOOLS = 1 << 8,   /* ... and behind tools, with a time to live */
	BEDROCK_STRICT = 1 << 9,        /* toolSpec.strict */
	BEDROCK_XHIGH = 1 << 10,        /* knows the effort xhigh */
	BEDROCK_NO_SAMPLING = 1 << 11,  /* refuses temperature and its like */
	BEDROCK_TOP_K = 1 << 12,        /* additionalModelRequestFields.top_k */
	BEDROCK_TOP_K_INSIDE = 1 << 13, /* ... .inferenceConfig.topK */
	BEDROCK_NO_SCHEMA = 1 << 14,    /* no outputConfig (Claude: anthropic_model.h) */
};

/* How models are told to think, in additionalModelRequestFields. */
enum bedrock_thinking {
	THINKS_NOT,
	THINKS_BUDGET,   /* thinking: {type: enabled, budget_tokens} */
	THINKS_ADAPTIVE, /* thinking: {type: adaptive}, output_config: {effort} */
	THINKS_EFFORT,   /* reasoning_effort: low, medium, high */
	THINKS_CONFIG,   /* reasoning_config: low, high */
	THINKS_NOVA,     /* reasoningConfig: {type, maxReasoningEffort} */
};

struct bedrock_family {
	str pattern; /* stands somewhere in the model's id */
	unsigned bits;
	enum bedrock_thinking thinking;
};
/* Never NULL: the last row is for models nobody knows. */
const struct bedrock_family *bedrock_family_of(str model);

/* A jstr that holds JSON text, as an object. */
void bedrock_write_args(struct json_writer *w, struct arena *keep, jstr text);

/* inferenceConfig, outputConfig and additionalModelRequestFields. */
fault_t bedrock_read_options(struct chat_request *r, struct json_value inference,
                             struct json_value output, struct json_value fields,
                             str *ret_detail);
fault_t bedrock_read_request(str body, struct chat_request *r, str *ret_detail);
fault_t bedrock_write_request(struct chat_request *r, const struct chat_target *t,
                              struct buf *to, str *ret_detail);

struct bedrock_writing {
	struct chat_request *r;
	const struct chat_target *t;
	const struct bedrock_family *family;
	struct json_writer json;
	fault_t why; /* NOT_OFFERED, with the detail */
	str *detail;
	/* the turn being written */
	enum chat_role role; /* CHAT_SYSTEM: none is open */
	bool has_turn;       /* one has been written, or is open */
	bool has_content, has_text, has_file;
	unsigned marks_to_skip; /* of cache marks in messages, the oldest */
	str names[64];          /* of the documents so far */
	unsigned files;
};
/* Or refuses it: what Bedrock does not take. */
void bedrock_write_media(struct bedrock_writing *w, const struct chat_part *p);
void bedrock_write_system(struct bedrock_writing *w);
void bedrock_write_messages(struct bedrock_writing *w);
/* toolConfig, if there is any. */
void bedrock_write_tools(struct bedrock_writing *w);
void bedrock_write_cache_point(struct json_writer *w, enum chat_cache cache,
                               bool has_ttl);
/* The concept goes, named in the client's words. */
void bedrock_lose(struct chat_request *r, enum concept concept);

fault_t bedrock_read_reply(struct chat_reader *rd, str body, struct chat_sink *to);
fault_t bedrock_read_event(struct chat_reader *rd, str name, str data,
                           struct chat_sink *to);
bool bedrock_read_eof(struct chat_reader *rd, struct chat_sink *to);

void bedrock_write_reply(struct emitter *e);
extern const struct emit_ops bedrock_emit;
