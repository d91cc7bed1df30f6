/* embed.h - texts that are to become vectors, and the vectors, in the neutral form.
 *
 * Vectors cross as they came: numbers as JSON text, or float32 packed as base64; they are
 * made into the other only where the client asked for the other.  Nothing here changes a
 * model or the size of a vector: what cannot be said so is refused by name, because an
 * index built of two kinds of vectors is broken for good. */
#pragma once
#include "wire/work.h"

enum { EMBED_MOST = 2048 };

/* What the vectors are for. */
enum embed_task {
	TASK_UNSET,
	TASK_DOCUMENT,
	TASK_QUERY,
	TASK_CLASSIFICATION,
	TASK_CLUSTERING,
	TASK_SIMILARITY,
	TASK_QUESTION,
	TASK_FACT,
	TASK_CODE,
	EMBED_TASKS,
};

enum { EMBED_FLOAT = 1, EMBED_BASE64 = 2 };

/* What the client asked for. */
struct embed {
	jstr *inputs;
	unsigned count;
	bool alone;         /* Gemini's embedContent: one vector, not a list of one */
	unsigned encodings; /* EMBED_FLOAT, EMBED_BASE64 */
	enum embed_task task;
	uint64_t dimensions; /* 0: not said */
	jstr truncate;       /* NONE, START or END, as Cohere says it; empty: not said */
	jstr user;
	bool has_title; /* Gemini: texts have titles of their own */
};

/* One of these; the other is empty. */
struct embed_vector {
	str floats; /* a JSON array */
	str packed; /* base64 of little-endian float32, without escapes */
};

/* r->embed; NULL: r's arena is full. */
struct embed *embed_new(struct chat_request *r);

/* By any format's word, whatever the case; EMBED_TASKS: there is none. */
enum embed_task embed_task_find(str word);
/* Bedrock: the word of its Nova models.  Empty: that format has none. */
str embed_task_name(enum embed_task task, enum wire_format format);
/* A member's value, which may be absent. */
must_check fault_t embed_read_task(struct chat_request *r, struct json_value v,
                                   const char *name, str *ret_detail);

/* One text of a list of {"text":..}, a line each; NOT_OFFERED when there is something
 * else in it. */
must_check fault_t embed_read_parts(struct chat_request *r, struct json_value parts,
                                    const char *name, jstr *ret, str *ret_detail);

/* What the client calls its task and its dimensions. */
str embed_task_member(const struct chat_request *r);
str embed_size_member(const struct chat_request *r);
/* Names what e has and a format without tasks, users, titles (bits below) cannot say. */
enum { EMBED_TASK = 1, EMBED_USER = 2, EMBED_TRUNCATE = 4, EMBED_TITLE = 8 };
void embed_drop(struct chat_request *r, unsigned what);

/* ---- answers ---- */

/* Room for `count` of them in a->vectors: UPSTREAM_MALFORMED when there is none. */
must_check fault_t embed_room(struct work_answer *a, size_t count);
/* An array, or a string of base64; false: it is neither. */
bool embed_take(struct work_answer *a, struct json_value v, struct embed_vector *ret);
/* The items of an array, each a vector. */
must_check fault_t embed_take_all(struct work_answer *a, struct json_value v);
/* UPSTREAM_MALFORMED: these are no finite numbers. */
must_check fault_t embed_write_floats(struct json_writer *w,
                                      const struct embed_vector *v);
must_check fault_t embed_write_base64(struct json_writer *w,
                                      const struct embed_vector *v);

/* Members of Cohere's request but for the model; also for its models at Bedrock. */
void embed_write_cohere(struct chat_request *r, struct json_writer *w);
