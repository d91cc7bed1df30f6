/* json.c - text from outside: is it JSON, and within the limits?
 *
 * One pass, one byte of look-ahead, no recursion: of the containers around a place only
 * their kind has to be known, and 64 kinds are 64 bits.  The functions take the place
 * where they begin and return the place behind what they have read, or NULL with the
 * reason in c->why.  Walking text that has passed is json_walk.c, the inside of strings
 * json_text.c. */
#include "codec/json.h"

#include "base/assert.h"
#include "codec/json_private.h"
#include "codec/utf8.h"

const struct json_limits json_limits_default = {
	.depth = 64, .nodes = 100000, .key = 64 * KiB, .number = 64
};

#define PLAIN_HEX (BYTE_PLAIN | BYTE_HEX)
const uint8_t json_bytes[256] = {
	['\t'] = BYTE_SPACE,
	['\n'] = BYTE_SPACE,
	['\r'] = BYTE_SPACE,
	[' '] = BYTE_PLAIN | BYTE_SPACE,
	['!'] = BYTE_PLAIN,
	['"'] = BYTE_ESCAPE,
	['#' ... '.'] = BYTE_PLAIN,
	['/'] = BYTE_PLAIN | BYTE_ESCAPE,
	['0' ... '9'] = PLAIN_HEX | BYTE_DIGIT,
	[':' ... '@'] = BYTE_PLAIN,
	['A' ... 'F'] = PLAIN_HEX,
	['G' ... '['] = BYTE_PLAIN,
	['\\'] = BYTE_ESCAPE,
	[']' ... '`'] = BYTE_PLAIN,
	['a'] = PLAIN_HEX,
	['b'] = PLAIN_HEX | BYTE_ESCAPE,
	['c' ... 'e'] = PLAIN_HEX,
	['f'] = PLAIN_HEX | BYTE_ESCAPE,
	['g' ... 'm'] = BYTE_PLAIN,
	['n'] = BYTE_PLAIN | BYTE_ESCAPE,
	['o' ... 'q'] = BYTE_PLAIN,
	['r'] = BYTE_PLAIN | BYTE_ESCAPE,
	['s'] = BYTE_PLAIN,
	['t'] = BYTE_PLAIN | BYTE_ESCAPE,
	['u' ... '\x7f'] = BYTE_PLAIN,
};

enum { TAPE_DEPTH = 8 };

struct check {
	const char *end;
	const struct json_limits *limits;
	uint64_t is_object; /* one bit per open container, the innermost lowest */
	unsigned depth;     /* how many are open */
	unsigned nodes;
	fault_t why;
	struct json_member *members; /* room for the root's, or NULL */
	size_t count, most;
	struct json_tape *tape; /* or NULL */
	unsigned tape_depth;
	str name;              /* of the value that begins next */
	uint32_t open[TAPE_DEPTH + 1]; /* the tape's nodes of the open containers */
};

static const char *refuse(struct check *c, fault_t why)
{
	c->why = why;
	return NULL;
}

static const char *check_escape(struct check *c, const char *at)
{
	const char *end = c->end;

	if (end - at < 2)
		return refuse(c, FAULT_BAD_JSON);
	if (json_byte_is(at[1], BYTE_ESCAPE))
		return at + 2;
	if (at[1] != 'u' || end - at < 6)
		return refuse(c, FAULT_BAD_JSON);
	for (int i = 2; i < 6; i++) {
		if (!json_byte_is(at[i], BYTE_HEX))
			return refuse(c, FAULT_BAD_JSON);
	}
	return at + 6;
}

/* Text beyond ASCII comes in stretches, so this stays until there is none. */
static const char *check_utf8(struct check *c, const char *at)
{
	while (at < c->end && (unsigned char)*at >= 0x80) {
		size_t n = utf8_length(at, c->end);

		if (n == 0)
			return refuse(c, FAULT_BAD_JSON);
		at += n;
	}
	return at;
}

/* From the opening quote. */
static const char *check_string(struct check *c, const char *at)
{
	for (at++;;) {
		at = json_plain_end(at, c->end);
		if (at == c->end)
			return refuse(c, FAULT_BAD_JSON);
		if (*at == '"')
			return at + 1;
		if (*at == '\\')
			at = check_escape(c, at);
		else if ((unsigned char)*at >= 0x80)
			at = check_utf8(c, at);
		else
			return refuse(c, FAULT_BAD_JSON);
		if (!at)
			return NULL;
	}
}

/* At least one digit. */
static const char *check_digits(struct check *c, const char *at)
{
	const char *first = at;

	while (at < c->end && json_byte_is(*at, BYTE_DIGIT))
		at++;
	return at > first ? at : refuse(c, FAULT_BAD_JSON);
}

static const char *check_number(struct check *c, const char *first)
{
	const char *at = first + (*first == '-');

	if (at < c->end && *at == '0')
		at++;
	else
		at = check_digits(c, at);
	if (at && at < c->end && *at == '.')
		at = check_digits(c, at + 1);
	if (at && at < c->end && (*at == 'e' || *at == 'E')) {
		at++;
		if (at < c->end && (*at == '+' || *at == '-'))
			at++;
		at = check_digits(c, at);
	}
	if (at && (size_t)(at - first) > c->limits->number)
		return refuse(c, FAULT_JSON_LIMIT);
	return at;
}

static const char *check_word(struct check *c, const char *at, str word)
{
	if (!str_starts(str_of(at, (size_t)(c->end - at)), word))
		return refuse(c, FAULT_BAD_JSON);
	return at + word.len;
}

static const char *check_scalar(struct check *c, const char *at)
{
	switch (json_type_at(*at)) {
	case JSON_STRING:
		return check_string(c, at);
	case JSON_NUMBER:
		return check_number(c, at);
	case JSON_TRUE:
		return check_word(c, at, STR("true"));
	case JSON_FALSE:
		return check_word(c, at, STR("false"));
	case JSON_NULL:
		return check_word(c, at, STR("null"));
	case JSON_OBJECT:
	case JSON_ARRAY:
	case JSON_NONE:
		break;
	}
	return refuse(c, FAULT_BAD_JSON);
}

/* A member's name, to where its value begins. */
static const char *check_name(struct check *c, const char *at)
{
	const char *name = at + 1;
	size_t length;

	if (at == c->end || *at != '"')
		return refuse(c, FAULT_BAD_JSON);
	at = check_string(c, at);
	if (!at)
		return NULL;
	length = (size_t)(at - 1 - name);
	if (length > c->limits->key || ++c->nodes > c->limits->nodes)
		return refuse(c, FAULT_JSON_LIMIT);
	at = json_skip_space(at, c->end);
	if (at == c->end || *at != ':')
		return refuse(c, FAULT_BAD_JSON);
	at = json_skip_space(at + 1, c->end);
	if (c->members && c->depth == 1) {
		if (c->count == c->most)
			return refuse(c, FAULT_JSON_LIMIT);
		c->members[c->count++] =
		        (struct json_member){ .key = str_of(name, length),
			                      .value.raw.ptr = at };
	}
	c->name = str_of(name, length);
	return at;
}

/* The value that begins at `at` goes onto the tape, if it belongs there. */
static bool tape_begin(struct check *c, const char *at)
{
	struct json_tape *t = c->tape;
	bool in_object = c->is_object & 1, is_container = *at == '{' || *at == '[';

	if (c->depth > c->tape_depth || (!in_object && !is_container && c->depth > 0))
		return true;
	if (t->count == t->most)
		return false;
	if (is_container && c->depth <= TAPE_DEPTH)
		c->open[c->depth] = t->count;
	t->nodes[t->count++] = (struct json_node){
		.m = { .key = in_object ? c->name : STR(""),
		       .value = { json_type_at(*at), { at, 0 } } },
		.next = t->count,
	};
	return true;
}

/* A scalar is the newest node, a container the one that was opened at its depth. */
static void tape_end(struct check *c, uint32_t node, const char *at)
{
	struct json_node *n = &c->tape->nodes[node];

	n->m.value.raw.len = (size_t)(at - n->m.value.raw.ptr);
	n->next = c->tape->count;
}

static const char *open_container(struct check *c, const char *at)
{
	if (++c->depth > c->limits->depth || ++c->nodes > c->limits->nodes)
		return refuse(c, FAULT_JSON_LIMIT);
	c->is_object = c->is_object << 1 | (*at == '{');
	return json_skip_space(at + 1, c->end);
}

static void end_member(struct check *c, const char *at)
{
	struct json_value *v = &c->members[c->count - 1].value;

	v->raw.len = (size_t)(at - v->raw.ptr);
	v->type = json_type_at(v->raw.ptr[0]);
}

/* Behind a value: closes the containers that end here as well, and steps over the comma
 * to what comes next. */
static const char *step_on(struct check *c, const char *at)
{
	for (;;) {
		if (c->depth == 1 && c->count > 0)
			end_member(c, at);
		if (c->depth == 0)
			return at;
		at = json_skip_space(at, c->end);
		if (at == c->end)
			return refuse(c, FAULT_BAD_JSON);
		if (*at == ',')
			return json_skip_space(at + 1, c->end);
		if (*at != (c->is_object & 1 ? '}' : ']'))
			return refuse(c, FAULT_BAD_JSON);
		at++;
		c->depth--;
		c->is_object >>= 1;
		if (c->tape && c->depth <= c->tape_depth)
			tape_end(c, c->open[c->depth], at);
	}
}

/* The root, with all that is in it. */
static const char *check_root(struct check *c, const char *at)
{
	do {
		if (c->is_object & 1) {
			at = check_name(c, at);
			if (!at)
				return NULL;
		}
		if (at == c->end)
			return refuse(c, FAULT_BAD_JSON);
		if (c->tape && !tape_begin(c, at))
			return refuse(c, FAULT_JSON_LIMIT);
		uint32_t node = c->tape ? c->tape->count - 1 : 0;
		bool on_tape = c->tape && c->depth <= c->tape_depth &&
			       (c->is_object & 1 || c->depth == 0);
		if (*at == '{' || *at == '[') {
			at = open_container(c, at);
			if (!at)
				return NULL;
			if (at == c->end || (*at != '}' && *at != ']'))
				continue; /* depth is not 0: on with its first item */
		} else {
			at = check_scalar(c, at);
			if (!at)
				return NULL;
			if (on_tape)
				tape_end(c, node, at);
		}
		at = step_on(c, at);
	} while (at && c->depth > 0);
	return at;
}

static fault_t check_text(struct check *c, str text, struct json_value *ret)
{
	assert(c->limits->depth <= 64);
	if (text.len == 0)
		return FAULT_BAD_JSON;
	c->end = text.ptr + text.len;

	const char *root = json_skip_space(text.ptr, c->end);
	const char *at = check_root(c, root);
	if (!at)
		return c->why;
	if (json_skip_space(at, c->end) != c->end)
		return FAULT_BAD_JSON;
	*ret = (struct json_value){ json_type_at(*root),
		                    str_of(root, (size_t)(at - root)) };
	return NULL;
}

fault_t json_check(str text, const struct json_limits *limits, struct json_value *ret)
{
	struct check c = { .limits = limits };
	struct json_value root = { .type = JSON_NONE };
	fault_t why = check_text(&c, text, &root);

	if (!why && ret)
		*ret = root;
	return why;
}

fault_t json_members(str text, const struct json_limits *limits, struct json_member *ret,
                     size_t most, size_t *ret_count)
{
	struct check c = { .limits = limits, .members = ret, .most = most };
	struct json_value root = { .type = JSON_NONE };
	fault_t why = check_text(&c, text, &root);

	if (!why && root.type != JSON_OBJECT)
		why = FAULT_BAD_JSON;
	if (!why)
		why = json_distinct(ret, c.count);
	if (!why)
		*ret_count = c.count;
	return why;
}

fault_t json_tape_read(str text, const struct json_limits *limits, unsigned depth,
		       struct json_tape *tape)
{
	struct check c = { .limits = limits, .tape = tape, .tape_depth = depth };
	struct json_value root;

	assert(depth <= TAPE_DEPTH);
	tape->count = 0;
	return check_text(&c, text, &root);
}
