#include "base/buf.h"
#include "codec/json.h"
#include "tests/check.h"

static struct json_node nodes[64];

/* The tape as one line: key=raw, children in parentheses. */
static void write_children(struct buf *to, uint32_t at)
{
	for (uint32_t i = at + 1; i < nodes[at].next; i = nodes[i].next) {
		struct json_value v = nodes[i].m.value;
		bool is_container = v.type == JSON_OBJECT || v.type == JSON_ARRAY;

		buf_addf(to, "%.*s", STR_ARG(nodes[i].m.key));
		if (!is_container)
			buf_addf(to, "=%.*s", STR_ARG(v.raw));
		buf_add_char(to, is_container ? '(' : ' ');
		write_children(to, i);
		if (is_container)
			buf_addf(to, ")%zu ", v.raw.len);
	}
}

static str tape_of(const char *text, unsigned depth)
{
	static struct buf line = { .limit = 4096 };
	struct json_tape tape = { .nodes = nodes, .most = 64 };

	buf_clear(&line);
	if (!CHECK_OK(
	            json_tape_read(str_from_z(text), &json_limits_default, depth, &tape)))
		return STR_NONE;
	write_children(&line, 0);
	return buf_str(&line);
}

TEST(tape_lists_what_there_is_once)
{
	CHECK_STR(tape_of("{\"a\":1,\"b\":{\"c\":\"x\",\"d\":[{\"e\":null},{}]},\"f\":"
	                  "true}",
	                  8),
	          "a=1 b(c=\"x\" d((e=null )10 ()2 )15 )29 f=true ");
	CHECK_STR(tape_of(" [ [1,2] , {\"a\" : 3 } ]", 8), "()5 (a=3 )10 ");
	CHECK_STR(tape_of("{}", 8), "");
	CHECK_STR(tape_of("7", 8), "");
}

TEST(tape_stops_at_its_depth)
{
	CHECK_STR(tape_of("{\"a\":{\"b\":{\"c\":{\"d\":1}}},\"e\":2}", 2),
	          "a(b()13 )19 e=2 ");
	CHECK_STR(tape_of("{\"a\":{\"b\":{\"c\":{\"d\":1}}},\"e\":2}", 1), "a()19 e=2 ");
}

TEST(tape_leaves_scalars_in_arrays_out)
{
	CHECK_STR(tape_of("{\"a\":[1,\"x\",null,[2],true]}", 8), "a(()3 )21 ");
}

TEST(tape_says_when_it_is_full)
{
	struct json_tape tape = { .nodes = nodes, .most = 3 };

	CHECK_OK(
	        json_tape_read(STR("{\"a\":1,\"b\":2}"), &json_limits_default, 8, &tape));
	CHECK_INT(tape.count, 3);
	CHECK_FAULT(json_tape_read(STR("{\"a\":1,\"b\":2,\"c\":3}"), &json_limits_default,
	                           8, &tape),
	            FAULT_JSON_LIMIT);
	CHECK_FAULT(json_tape_read(STR("{\"a\":1,}"), &json_limits_default, 8, &tape),
	            FAULT_BAD_JSON);
}
