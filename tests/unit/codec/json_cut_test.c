#include "codec/json_cut.h"

#include "tests/check.h"

/* Members of a name that begins with x, and items that are true, go. */
static void check_cut(const char *text, const char *want)
{
	struct buf out = BUF_LIMIT(KiB);
	struct edit_copy copy = { .text = str_from_z(text), .to = &out };
	struct json_value root;
	struct json_member m;
	fault_t why = json_check(copy.text, &json_limits_default, &root);

	CHECK(!why);
	for (struct json_cut c = json_cut(&copy, root); json_cut_next(&c, &m);) {
		if (str_starts(m.key, STR("x")) || m.value.type == JSON_TRUE)
			json_cut_out(&c);
	}
	CHECK_INT(edit_copy_end(&copy), want[0] != 0);
	CHECK_STR_EQ(buf_str(&out), str_from_z(want));
	buf_free(&out);
}

TEST(what_goes_takes_one_comma_with_it)
{
	check_cut("{\"x\":1}", "{}");
	check_cut("{ \"x\" : 1 , \"a\": 2}", "{ \"a\": 2}");
	check_cut("{\"a\":1 , \"x\":[2] , \"b\":3 }", "{\"a\":1 , \"b\":3 }");
	check_cut("{\"a\":1, \"x\":{} }", "{\"a\":1 }");
	check_cut("{\"x1\":1,\"x2\":2}", "{}");
	check_cut("{\"x1\":1,\"x2\":2,\"a\":3,\"x3\":4,\"x4\":5,\"b\":6}",
	          "{\"a\":3,\"b\":6}");
	check_cut("[true, 1 ,true,\"b\" , true ]", "[1,\"b\" ]");
	check_cut("[ true , true]", "[ ]");
	check_cut("{\"a\":1}", "");
	check_cut("[]", "");
	check_cut("1", "");
}
