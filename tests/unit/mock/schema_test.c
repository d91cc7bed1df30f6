#include "mock/call.h"
#include "tests/check.h"

static char room[4096];

/* The example as text; "" when there is none. */
static str example(const char *schema)
{
	struct buf b = BUF_LIMIT(sizeof(room) - 1);
	struct json_writer w = { .to = &b };
	struct arena arena = { .ceiling = 64 * MiB };
	struct json_value root;
	str ret = STR_NONE;

	CHECK_OK(json_check(str_from_z(schema), &json_limits_default, &root));
	if (schema_example(root, &arena, &w)) {
		memcpy(room, b.ptr, b.len);
		ret = str_of(room, b.len);
		CHECK_OK(json_check(ret, &json_limits_default, NULL));
	}
	arena_done(&arena);
	buf_free(&b);
	return ret;
}

TEST(schema_examples_fit_their_schemas)
{
	static const struct {
		const char *schema, *example;
	} rows[] = {
		{ "{}", "\"example\"" },
		{ "{\"type\":\"string\"}", "\"example\"" },
		{ "{\"type\":\"string\",\"minLength\":10}", "\"exampleexa\"" },
		{ "{\"type\":\"string\",\"maxLength\":3}", "\"exa\"" },
		{ "{\"type\":\"string\",\"format\":\"date\"}", "\"2026-01-01\"" },
		{ "{\"type\":\"integer\"}", "1" },
		{ "{\"type\":\"integer\",\"minimum\":2.5}", "3" },
		{ "{\"type\":\"integer\",\"maximum\":-4}", "-4" },
		{ "{\"type\":\"integer\",\"exclusiveMinimum\":9}", "10" },
		{ "{\"type\":\"integer\",\"minimum\":1,\"multipleOf\":7}", "7" },
		{ "{\"type\":\"number\"}", "1.5" },
		{ "{\"type\":\"number\",\"exclusiveMinimum\":0,\"exclusiveMaximum\":1}",
		  "0.5" },
		{ "{\"type\":\"boolean\"}", "true" },
		{ "{\"type\":\"null\"}", "null" },
		{ "{\"type\":[\"null\",\"integer\"]}", "1" },
		{ "{\"const\":{\"a\":[1]}}", "{\"a\":[1]}" },
		{ "{\"type\":\"string\",\"enum\":[\"red\",\"blue\"]}", "\"red\"" },
		{ "{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"minItems\":3}",
		  "[1,1,1]" },
		{ "{\"type\":\"array\",\"items\":{\"type\":\"null\"},\"maxItems\":0}",
		  "[]" },
		{ "{\"prefixItems\":[{\"const\":1},{\"const\":2}],\"type\":\"array\"}",
		  "[1,2]" },
		{ "{\"type\":\"object\",\"properties\":{\"a \\\"b\\\"\":{\"type\":"
		  "\"object\",\"properties\":{\"n\":{\"type\":\"number\"}}}},"
		  "\"required\":[],\"additionalProperties\":false}",
		  "{\"a \\\"b\\\"\":{\"n\":1.5}}" },
		{ "{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"null\"}]}", "1" },
		{ "{\"$ref\":\"#/$defs/x\",\"$defs\":{\"x\":{\"type\":\"integer\"}}}",
		  "1" },
		{ "{\"allOf\":[{\"$ref\":\"#/definitions/x\"}],\"definitions\":{\"x\":"
		  "{\"const\":7}}}",
		  "7" },
		{ "{\"allOf\":[{\"properties\":{\"a\":{\"const\":1}}},{\"properties\":"
		  "{\"b\":{\"const\":2}}}],\"type\":\"object\"}",
		  "{\"a\":1,\"b\":2}" },
	};

	for (size_t i = 0; i < countof(rows); i++)
		CHECK_STR_EQ(example(rows[i].schema), str_from_z(rows[i].example));
}

TEST(schema_examples_of_recursive_schemas_end)
{
	CHECK(example("{\"$defs\":{\"node\":{\"type\":\"object\",\"properties\":{"
	              "\"value\":"
	              "{\"type\":\"integer\"},\"next\":{\"anyOf\":[{\"$ref\":"
	              "\"#/$defs/node\"},{\"type\":\"null\"}]}},\"required\":[\"value\","
	              "\"next\"]}},\"$ref\":\"#/$defs/node\"}")
	              .len > 10);
	CHECK(example("{\"type\":\"object\",\"properties\":{\"children\":{\"type\":"
	              "\"array\",\"items\":{\"$ref\":\"#\"}}},\"required\":[\"children\"]"
	              "}")
	              .len > 10);
	/* These have no example. */
	CHECK_INT(example("{\"$ref\":\"#\"}").len, 0);
	CHECK_INT(
	        example("{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{\"a\":"
	                "{\"$ref\":\"#\"}}}")
	                .len,
	        0);
	/* Cheap to write, dear to follow. */
	CHECK(example("{\"allOf\":[{\"$ref\":\"#\"},{\"$ref\":\"#\"}],\"type\":"
	              "\"object\",\"properties\":{\"a\":{\"anyOf\":[{\"$ref\":\"#\"}]}},"
	              "\"required\":[\"a\"]}")
	              .len == 0);
}

/* Many long names, met again in every branch, and none of them written. */
TEST(schema_examples_have_a_budget)
{
	struct buf b = BUF_LIMIT(8 * MiB);
	struct buf out = BUF_LIMIT(1 * MiB);
	struct json_writer w = { .to = &out };
	struct arena arena = { .ceiling = 64 * MiB };
	struct json_value root;

	buf_add(&b, STR("{\"type\":\"object\",\"required\":[\"a\",\"b\"],\"properties\":{"
	                "\"a\":{\"$ref\":\"#\"},\"b\":{\"$ref\":\"#\"}"));
	for (int i = 0; i < 50; i++) {
		buf_addf(&b, ",\"%d", i);
		for (int n = 0; n < 6000; n++)
			buf_add(&b, STR("longlong"));
		buf_add(&b, STR("\":{}"));
	}
	buf_add(&b, STR("}}"));
	CHECK_OK(json_check(buf_str(&b), &json_limits_default, &root));
	CHECK(!schema_example(root, &arena, &w));
	arena_done(&arena);
	buf_free(&out);
	buf_free(&b);
}

TEST(words_are_the_text)
{
	str text = STR("  One two\nthree \xc3\xa9\xc3\xa9 "), rest = text, token;
	struct buf b = BUF_LIMIT(1000);

	while (words_next(&rest, &token))
		buf_add(&b, token);
	CHECK_STR_EQ(buf_str(&b), text);
	CHECK_INT(words_count(text), 5);
	CHECK_STR(words_first(text, 2), "  One two");
	CHECK_INT(words_count(STR("0123456789012345678901234567890123456789")), 2);
	CHECK_INT(words_count(STR_NONE), 0);
	buf_free(&b);
}
