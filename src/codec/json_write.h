/* json_write.h - JSON written into a buf, commas and quotes taken care of.
 *
 *	struct json_writer w = { .to = &b };
 *	json_open(&w, '{');
 *	json_key(&w, STR("id"));
 *	json_str(&w, id);
 *	json_close(&w, '}');
 * A broken sequence (a key in an array, a close too many, a second root) is a broken
 * contract.  What does not fit, also into 63 levels, is remembered in to->over. */
#pragma once
#include "base/buf.h"

struct json_writer {
	struct buf *to;
	unsigned depth;    /* -- private from here -- */
	uint64_t has_item; /* bit per depth: a comma is due before the next value */
	uint64_t is_object;
	bool after_key;
};

void json_open(struct json_writer *w, char brace); /* '{' or '[' */
void json_close(struct json_writer *w, char brace);
void json_key(struct json_writer *w, str key);
void json_str(struct json_writer *w, str s); /* invalid UTF-8 becomes U+FFFD */
void json_int(struct json_writer *w, int64_t value);
void json_uint(struct json_writer *w, uint64_t value);
void json_bool(struct json_writer *w, bool value);
void json_null(struct json_writer *w);
/* Bytes that are JSON already. */
void json_raw(struct json_writer *w, str raw);

/* key and value in one call. */
void json_key_str(struct json_writer *w, str key, str value);
void json_key_int(struct json_writer *w, str key, int64_t value);
void json_key_uint(struct json_writer *w, str key, uint64_t value);
void json_key_bool(struct json_writer *w, str key, bool value);

/* Only the escaped text, without quotes. */
void json_escape(struct buf *to, str s);
