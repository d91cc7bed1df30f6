/* json.h - JSON read where it stands: no tree, no copy, no allocation.
 *
 * Two ways of reading.  json_check and json_members take text from outside, check all of
 * it strictly (RFC 8259: UTF-8, escapes, numbers, nothing behind the root) and keep the
 * limits R78-R80 ask for.  The iterators walk text that has passed such a check and only
 * find where values stand; on other text their answers mean nothing, but they stay within
 * it.  A lone surrogate escape passes, and the bytes stay as they are. */
#pragma once
#include "base/fault.h"
#include "base/str.h"

struct json_limits {
	unsigned depth; /* containers within containers; at most 64 */
	unsigned nodes; /* members and containers; scalars in arrays are not counted */
	size_t key;     /* bytes of one member name */
	size_t number;  /* characters of one number */
};

/* depth 64, nodes 100,000, key 64 KiB, number 64 (G21) */
extern const struct json_limits json_limits_default;

enum json_type {
	JSON_NONE, /* not there */
	JSON_OBJECT,
	JSON_ARRAY,
	JSON_STRING,
	JSON_NUMBER,
	JSON_TRUE,
	JSON_FALSE,
	JSON_NULL,
};

/* A value where it stands; raw has the quotes of a string and the braces of an object. */
struct json_value {
	enum json_type type;
	str raw;
};

struct json_member {
	str key; /* between the quotes, escapes as they stand */
	struct json_value value;
};

/* Without white space at both ends (RFC 8259 2), which str_trim knows half of. */
static inline bool json_is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}
static inline str json_trim(str s)
{
	while (s.len && json_is_space(s.ptr[0]))
		s = str_from(s, 1);
	while (s.len && json_is_space(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

/* Is text one JSON value, with nothing but white space around it?
 * BAD_JSON or JSON_LIMIT; *ret (may be NULL) is the root, set on success. */
must_check fault_t json_check(str text, const struct json_limits *limits,
                              struct json_value *ret);

/* json_check for a root which must be an object, and its members in their order.
 * At most `most` members (more: JSON_LIMIT).  JSON_DUPLICATE when some reader might take
 * two names for the same: equal after unescaping, but for letter case (with the two
 * letters beyond ASCII that fold into it), or up to a NUL (R78).  BAD_JSON goes first;
 * names made to be costly to tell apart are JSON_LIMIT. */
must_check fault_t json_members(str text, const struct json_limits *limits,
                                struct json_member *ret, size_t most, size_t *ret_count);

/* json_members; *ret_are_plain: all names are of ASCII and stand for themselves, so that
 * they can be compared as they are. */
must_check fault_t json_plain_members(str text, const struct json_limits *limits,
                                      struct json_member *ret, size_t most,
                                      size_t *ret_count, bool *ret_are_plain);

/* The same for an object inside text that was checked: JSON_DUPLICATE or JSON_LIMIT. */
must_check fault_t json_object_members(struct json_value object, struct json_member *ret,
                                       size_t most, size_t *ret_count);

/* What json_tape has found: a value, and where the walk goes on behind all in it. */
struct json_node {
	struct json_member m; /* key empty for items of an array */
	uint32_t next;        /* index of what follows this value and its contents */
};

/* A checked text as a flat list of its values down to a depth, in their order, so that a
 * reader visits each place once.  Scalars in arrays and what lies deeper are left out;
 * they are inside their container's raw.
 *	for (i = 1; i < t.nodes[0].next; i = t.nodes[i].next)  ... members of root */
struct json_tape {
	struct json_node *nodes; /* set by the owner */
	uint32_t most;           /* room for so many; set by the owner */
	uint32_t count;
};

/* json_check, filling the tape down to `depth` (1: the root's members, 8 at most).
 * JSON_LIMIT also when the tape is full. */
must_check fault_t json_tape_read(str text, const struct json_limits *limits,
                                  unsigned depth, struct json_tape *tape);

/* Walks the members of an object or the items of an array in checked text; a value of
 * another type has none.
 *	for (struct json_iter it = json_iter(v); json_next(&it, &m);)            */
struct json_iter {
	const char *at, *end;
	bool is_object;
};
struct json_iter json_iter(struct json_value container);
/* For an array ret->key is empty. */
bool json_next(struct json_iter *it, struct json_member *ret);

/* The first member of that name in checked text (names compared unescaped);
 * type JSON_NONE when there is none or v is no object. */
struct json_value json_get(struct json_value object, str key);
/* json_get along a path: json_path(v, "usage.prompt_tokens_details.cached_tokens"). */
struct json_value json_path(struct json_value v, const char *dotted);

/* json_u64 for what may not fit. */
bool json_long_u64(str digits, uint64_t *ret);
/* A non-negative integer without fraction or exponent, up to 2^63 - 1. */
static inline bool json_u64(struct json_value v, uint64_t *ret)
{
	uint64_t value = 0;

	if (v.type != JSON_NUMBER || v.raw.len - 1 >= 18) /* so many never overflow */
		return v.type == JSON_NUMBER && json_long_u64(v.raw, ret);
	for (size_t i = 0; i < v.raw.len; i++) {
		unsigned digit = (unsigned char)v.raw.ptr[i] - (unsigned)'0';

		if (digit > 9)
			return false;
		value = value * 10 + digit;
	}
	*ret = value;
	return true;
}
bool json_i64(struct json_value v, int64_t *ret);

/* The text of a string.  Without escapes it is returned where it stands; else it is
 * unescaped into `room`, which must hold v.raw.len bytes.  Lone surrogates become U+FFFD.
 * A value that is no string gives an empty str. */
str json_text(struct json_value v, char *room);
/* The next of the inside of a string, moving *rest: what an escape stands for as UTF-8 in
 * `small`, or one byte where it stands.  Empty at the end. */
str json_take_char(str *rest, char small[4]);
/* json_text compared with s, without room. */
bool json_text_is(struct json_value v, str s);
/* Takes the inside of a string, from behind its opening quote up to the closing one, off
 * the front of *text, and checks it as json_check does.  False: it has no end, or is not
 * valid; then *text is as it was. */
bool json_take_inside(str *text, str *ret);
/* Is v a string with at least one character? */
bool json_has_text(struct json_value v);
