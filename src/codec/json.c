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

/* What is kept of the text beside the verdict. The walk is compiled once for each. */
enum keep { KEEP_NOTHING, KEEP_MEMBERS, KEEP_TAPE };

struct check {
	const char *end;
	const struct json_limits *limits;
	fault_t why;
	struct json_member *members; /* KEEP_MEMBERS: room for the root's */
	size_t count, most;
	struct json_tape *tape; /* KEEP_TAPE */
	unsigned tape_depth;
	uint32_t open[TAPE_DEPTH + 1]; /* the tape's nodes of the open containers */
};

#define inlined static inline __attribute__((always_inline))

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

/* From the first byte of a string that is not plain. */
static const char *check_string_rest(struct check *c, const char *at)
{
	for (;; at = json_plain_end(at, c->end)) {
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

/* From the opening quote. */
inlined const char *check_string(struct check *c, const char *at)
{
	at = json_plain_end(at + 1, c->end);
	if (likely(at < c->end && *at == '"'))
		return at + 1;
	return check_string_rest(c, at);
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

/* Neither string nor container. */
static const char *check_scalar(struct check *c, const char *at)
{
	switch (*at) {
	case 't':
		return check_word(c, at, STR("true"));
	case 'f':
		return check_word(c, at, STR("false"));
	case 'n':
		return check_word(c, at, STR("null"));
	default:
		if (json_type_at(*at) != JSON_NUMBER)
			return refuse(c, FAULT_BAD_JSON);
		return check_number(c, at);
	}
}

/* A member's name, to where its value begins. */
inlined const char *check_name(struct check *c, const char *at, str *ret_name)
{
	const char *name = at + 1;

	if (at == c->end || *at != '"')
		return refuse(c, FAULT_BAD_JSON);
	at = check_string(c, at);
	if (!at)
		return NULL;
	*ret_name = str_of(name, (size_t)(at - 1 - name));
	if (ret_name->len > c->limits->key)
		return refuse(c, FAULT_JSON_LIMIT);
	at = json_skip_space(at, c->end);
	if (at == c->end || *at != ':')
		return refuse(c, FAULT_BAD_JSON);
	return json_skip_space(at + 1, c->end);
}

/* The value that begins at `at` becomes a member of the root; its end comes later. */
static bool member_begin(struct check *c, str name, const char *at)
{
	if (c->count == c->most)
		return false;
	c->members[c->count++] =
	        (struct json_member){ .key = name,
		                      .value = { json_type_at(*at), { at, 0 } } };
	return true;
}

inlined void member_end(struct check *c, const char *at)
{
	str *raw = &c->members[c->count - 1].value.raw;

	raw->len = (size_t)(at - raw->ptr);
}

/* The same for the tape. */
inlined bool tape_begin(struct check *c, str name, const char *at)
{
	struct json_tape *t = c->tape;

	if (t->count == t->most)
		return false;
	t->nodes[t->count++] = (struct json_node){
		.m = { .key = name, .value = { json_type_at(*at), { at, 0 } } },
		.next = t->count,
	};
	return true;
}

inlined void tape_end(struct check *c, uint32_t node, const char *at)
{
	struct json_node *n = &c->tape->nodes[node];

	n->m.value.raw.len = (size_t)(at - n->m.value.raw.ptr);
	n->next = c->tape->count;
}

/* The root, with all that is in it: one turn for each value.  What the walk knows (how
 * deep it is, which containers are objects) stays in registers, for this is where a
 * request's user time goes. */
inlined const char *check_root(struct check *c, const char *at, enum keep keep)
{
	const struct json_limits limits = *c->limits;
	uint64_t is_object = 0; /* one bit per open container, the innermost lowest */
	unsigned depth = 0, nodes = 0;
	str name = STR("");

	for (;;) {
		uint32_t node = keep == KEEP_TAPE ? c->tape->count : 0;
		bool taped = false;

		if (is_object & 1) {
			at = check_name(c, at, &name);
			if (!at)
				return NULL;
			if (++nodes > limits.nodes)
				return refuse(c, FAULT_JSON_LIMIT);
		}
		if (at == c->end)
			return refuse(c, FAULT_BAD_JSON);
		bool opens = *at == '{' || *at == '[';
		if (keep == KEEP_MEMBERS && depth == 1 && (is_object & 1) &&
		    !member_begin(c, name, at))
			return refuse(c, FAULT_JSON_LIMIT);
		if (keep == KEEP_TAPE && depth <= c->tape_depth) {
			taped = (is_object & 1) || opens || depth == 0;
			if (taped && !tape_begin(c, is_object & 1 ? name : STR(""), at))
				return refuse(c, FAULT_JSON_LIMIT);
			c->open[depth] = node; /* means something when it opens */
		}
		if (opens) {
			if (++depth > limits.depth || ++nodes > limits.nodes)
				return refuse(c, FAULT_JSON_LIMIT);
			is_object = is_object << 1 | (*at == '{');
			at = json_skip_space(at + 1, c->end);
			if (at == c->end || (*at != '}' && *at != ']'))
				continue; /* with its first value */
		} else {
			at = *at == '"' ? check_string(c, at) : check_scalar(c, at);
			if (!at)
				return NULL;
			if (keep == KEEP_TAPE && taped)
				tape_end(c, node, at);
			if (keep == KEEP_MEMBERS && depth == 1 && (is_object & 1))
				member_end(c, at);
		}
		/* Behind a value: what ends here as well, and the comma. */
		for (;;) {
			if (depth == 0)
				return at;
			at = json_skip_space(at, c->end);
			if (at == c->end)
				return refuse(c, FAULT_BAD_JSON);
			if (*at == ',')
				break;
			if (*at != (is_object & 1 ? '}' : ']'))
				return refuse(c, FAULT_BAD_JSON);
			at++;
			depth--;
			is_object >>= 1;
			if (keep == KEEP_TAPE && depth <= c->tape_depth)
				tape_end(c, c->open[depth], at);
			if (keep == KEEP_MEMBERS && depth == 1 && (is_object & 1))
				member_end(c, at);
		}
		at = json_skip_space(at + 1, c->end);
	}
}

static const char *check_alone(struct check *c, const char *at)
{
	return check_root(c, at, KEEP_NOTHING);
}

static const char *check_members(struct check *c, const char *at)
{
	return check_root(c, at, KEEP_MEMBERS);
}

static const char *check_taped(struct check *c, const char *at)
{
	return check_root(c, at, KEEP_TAPE);
}

typedef const char *check_fn(struct check *c, const char *at);

static fault_t check_text(struct check *c, str text, check_fn *check,
                          struct json_value *ret)
{
	assert(c->limits->depth <= 64);
	if (text.len == 0)
		return FAULT_BAD_JSON;
	c->end = text.ptr + text.len;

	const char *root = json_skip_space(text.ptr, c->end);
	const char *at = check(c, root);
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
	fault_t why = check_text(&c, text, check_alone, &root);

	if (!why && ret)
		*ret = root;
	return why;
}

fault_t json_members(str text, const struct json_limits *limits, struct json_member *ret,
                     size_t most, size_t *ret_count)
{
	struct check c = { .limits = limits, .members = ret, .most = most };
	struct json_value root = { .type = JSON_NONE };
	fault_t why = check_text(&c, text, check_members, &root);

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
	return check_text(&c, text, check_taped, &root);
}
