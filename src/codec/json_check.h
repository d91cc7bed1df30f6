/* json_check.h - one strict reading of a text: json.c says what is wanted of it,
 * json_check.c reads. */
#pragma once
#include "codec/json_private.h"

enum { TAPE_DEPTH = 8 };

/* What is kept of the text beside the verdict.  The walk is compiled once for each. */
enum keep { KEEP_NOTHING, KEEP_MEMBERS, KEEP_TAPE };

struct check {
	const char *begin, *end; /* of the text; no byte is read outside */
	const struct json_limits *limits;
	enum keep keep;
	struct json_member *members; /* KEEP_MEMBERS: room for the root's */
	size_t most;
	struct json_tape *tape; /* KEEP_TAPE */
	unsigned tape_depth;
	/* found */
	fault_t why;       /* of the NULL that was returned */
	uint32_t kept;     /* how many members or nodes */
	bool has_odd_name; /* a kept member's has escapes or is not all ASCII */
};

/* The root, which begins at `at`: to behind it, or NULL.  With is_closed both the byte at
 * `at` and the one at c->end, which then may be read, are brackets: one that opens and
 * one that closes. */
const char *check_root(struct check *c, const char *at, bool is_closed);
/* From the first byte of a string that is not plain to behind the closing quote, or
 * NULL. */
const char *check_string_rest(struct check *c, const char *at);

static inline bool is_opening(char c)
{
	return (c | ('{' ^ '[')) == '{';
}

static inline bool is_closing(char c)
{
	return (c | ('}' ^ ']')) == '}';
}
