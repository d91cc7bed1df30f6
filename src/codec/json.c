/* json.c - text from outside: is it JSON, and within the limits?
 *
 * What can be asked of a text; the reading itself is json_check.c.  Walking text that has
 * passed is json_walk.c, the inside of strings json_text.c. */
#include "codec/json.h"

#include "base/assert.h"
#include "codec/json_check.h"

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

static fault_t check_text(struct check *c, str text, struct json_value *ret)
{
	const char *end = text.ptr + text.len, *root, *at;
	bool is_closed;

	assert(c->limits->depth <= 64);
	if (text.len == 0)
		return FAULT_BAD_JSON;
	root = json_skip_space(text.ptr, end);
	while (end > root && json_byte_is(end[-1], BYTE_SPACE))
		end--;
	c->begin = text.ptr;
	is_closed = end - root >= 2 && is_opening(*root) && is_closing(end[-1]);
	c->end = is_closed ? end - 1 : end;
	at = check_root(c, root, is_closed);
	if (!at)
		return c->why;
	if (at != end)
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
	bool are_plain;

	return json_plain_members(text, limits, ret, most, ret_count, &are_plain);
}

fault_t json_plain_members(str text, const struct json_limits *limits,
                           struct json_member *ret, size_t most, size_t *ret_count,
                           bool *ret_are_plain)
{
	struct check c = {
		.limits = limits, .keep = KEEP_MEMBERS, .members = ret, .most = most
	};
	struct json_value root = { .type = JSON_NONE };
	fault_t why = check_text(&c, text, &root);

	if (!why && root.type != JSON_OBJECT)
		why = FAULT_BAD_JSON;
	if (!why)
		why = json_distinct(ret, c.kept, !c.has_odd_name);
	if (!why) {
		*ret_count = c.kept;
		*ret_are_plain = !c.has_odd_name;
	}
	return why;
}

fault_t json_tape_read(str text, const struct json_limits *limits, unsigned depth,
                       struct json_tape *tape)
{
	struct check c = {
		.limits = limits, .keep = KEEP_TAPE, .tape = tape, .tape_depth = depth
	};
	struct json_value root;
	fault_t why;

	assert(depth <= TAPE_DEPTH);
	why = check_text(&c, text, &root);
	tape->count = c.kept;
	return why;
}

bool json_take_inside(str *text, str *ret)
{
	struct check c = { .end = text->ptr + text->len };
	const char *at = check_string_rest(&c, json_plain_end(text->ptr, c.end));

	if (!at)
		return false;
	*ret = str_take(text, (size_t)(at - 1 - text->ptr));
	return true;
}
