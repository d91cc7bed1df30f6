/* gemini.h - what the files of the gemini format share.
 *
 * gemini.c           the vtable, the pass lane, failures
 * gemini_names.c     members under both their names, signatures, media types
 * gemini_model.c     how generations of models differ
 * gemini_schema.c    schemas in Google's two dialects
 * gemini_request.c   requests read; gemini_history.c: contents, gemini_tools.c: tools
 * gemini_write.c     requests written; gemini_content.c: contents
 * gemini_reply.c     answers and streams read; gemini_cite.c: grounding, log
 * probabilities gemini_emit.c      ... written */
#pragma once
#include "wire/emit.h"
#include "wire/wire.h"

/* ---- names ---- */

/* Google takes every member as camelCase and as snake_case. */
struct gemini_name {
	str camel, snake; /* snake empty: the same */
};
#define GEMINI_ONE(name)                                                                 \
	{                                                                                \
		STR_INIT(name), STR_INIT("")                                             \
	}
#define GEMINI_TWO(camel, snake)                                                         \
	{                                                                                \
		STR_INIT(camel), STR_INIT(snake)                                         \
	}

/* chat_pick under both names; at most 64 names in all.  Members under neither are named
 * as dropped behind `where`. */
void gemini_pick(struct chat_request *r, struct json_value object, str where,
                 const struct gemini_name *names, unsigned count,
                 struct json_value *values);
/* The items of a list, where a single object may stand for a list of one. */
bool gemini_next(struct json_iter *it, struct json_value *single, struct json_value *ret);
struct json_iter gemini_items(struct json_value list, struct json_value *ret_single);

/* ---- signatures, media ---- */

/* The signature for calls that Gemini 3 did not make: base64 of
 * skip_thought_signature_validator.  The first call of a turn must have one. */
#define GEMINI_UNSIGNED "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
/* A thoughtSignature is base64 for Google's SDKs, so seals of others travel encoded. */
void gemini_keep_head(str data, struct buf *to);
jstr gemini_seal_show(struct arena *keep, const struct chat_seal *s);
struct chat_seal gemini_seal_read(struct chat_request *r, jstr shown);
/* base64 of either alphabet, in the standard one with padding. */
jstr gemini_base64(struct chat_request *r, jstr data);
/* IMAGE, AUDIO, VIDEO or FILE. */
enum chat_kind gemini_kind_of(jstr media_type);
/* What p is, from its media type, its first bytes or its URL's ending. */
jstr gemini_media_type(const struct chat_part *p);
/* A file that lives at Google: Files API or a bucket. */
bool gemini_is_own_file(jstr uri);

/* ---- models ---- */

enum gemini_thinking { THINKS_NOT, THINKS_BUDGET, THINKS_LEVEL };

struct gemini_model {
	str prefix;
	unsigned generation;
	enum gemini_thinking thinking;
	uint32_t least, most; /* of a budget */
	bool can_stop;        /* thinking can be switched off */
	unsigned levels;      /* bits of the levels it takes, MINIMAL is bit 0 */
};
const struct gemini_model *gemini_model_of(str id);
/* thinkingLevel for an effort, of those the model takes. */
str gemini_level(const struct gemini_model *m, enum chat_effort effort);
enum chat_effort gemini_level_effort(str level);
/* thinkingBudget for what the request asks, within the model's bounds. */
uint64_t gemini_budget(const struct gemini_model *m, const struct chat_request *r);

/* ---- schemas ---- */

/* Google's OpenAPI subset as JSON Schema, in the request's arena. */
struct json_value gemini_schema_read(struct chat_request *r, struct json_value schema);
/* JSON Schema without what Google refuses. title: set where the root has none. */
void gemini_schema_write(struct json_writer *w, struct json_value schema, jstr title);

/* ---- requests ---- */

fault_t gemini_read_request(str body, struct chat_request *r, str *ret_detail);
/* The body of a countTokens request: {contents}, the members of a request beside it, or
 * {generateContentRequest}. */
fault_t gemini_read_count(str body, struct chat_request *r, str *ret_detail);
void gemini_read_tools(struct chat_request *r, struct json_value tools);
void gemini_read_choice(struct chat_request *r, struct json_value tool_config);
/* The messages of a request. */
fault_t gemini_read_contents(struct chat_request *r, struct json_value system,
                             struct json_value contents, str *ret_detail);

fault_t gemini_write_request(struct chat_request *r, const struct chat_target *t,
                             struct buf *to, str *ret_detail);
/* "contents" and "systemInstruction". */
fault_t gemini_write_contents(struct chat_request *r, const struct gemini_model *m,
                              struct json_writer *w, str *ret_detail);

/* ---- answers ---- */

fault_t gemini_read_reply(struct chat_reader *rd, str body, struct chat_sink *to);
fault_t gemini_read_event(struct chat_reader *rd, str name, str data,
                          struct chat_sink *to);
bool gemini_read_eof(struct chat_reader *rd, struct chat_sink *to);
/* The text of a candidate before an object that cites it. */
struct gemini_text {
	unsigned choice, block; /* the open TEXT block */
	uint64_t chars;         /* said before that block */
	bool is_ascii;          /* everything so far */
	/* the candidate's parts, when they are the whole text so far */
	struct json_value parts;
	uint64_t walked; /* -- private -- */
};
/* groundingMetadata and citationMetadata as CHAT_CITE. */
void gemini_push_cites(struct gemini_text *t, struct json_value grounding,
                       struct json_value citations, struct chat_sink *to);
/* The length of the character at the front of a text that is not empty, as it stands. */
size_t gemini_char(jstr text);
/* Adds the bytes (as UTF-8) and characters of a text. */
void gemini_measure(jstr text, uint64_t *bytes, uint64_t *chars);
/* logprobsResult as an array in OpenAI's form, and back. */
void gemini_logprobs_read(struct json_value result, struct buf *to);
void gemini_logprobs_write(struct json_writer *w, struct json_value list);

/* Where that character begins, in bytes. */
uint64_t gemini_bytes_before(jstr text, uint64_t count);
/* Citations, whose places are bytes by now, as groundingMetadata. */
void gemini_write_grounding(struct json_writer *w, const struct chat_citation *list);

/* usageMetadata of an event: into rd->usage, and pushed.  `own` is the reader's, and
 * remembers what earlier events said. */
enum { GEMINI_COUNTS = 6 };
void gemini_read_usage(struct chat_reader *rd, uint64_t own[GEMINI_COUNTS],
                       struct json_value usage, struct chat_sink *to);
void gemini_write_usage(struct emitter *e, struct json_writer *w);

void gemini_write_reply(struct emitter *e);
extern const struct emit_ops gemini_emit;
/* {"error":{...}} */
void gemini_write_error(struct json_writer *w, fault_t why, str message, str param);
