#include "tests/check.h"
#include "wire/dialect.h"

static struct dialect of(const char *provider, const char *model)
{
	struct dialect d;

	dialect_find(str_from_z(provider), str_from_z(model), &d);
	return d;
}

TEST(the_closest_row_of_a_dialect_is_right)
{
	struct dialect d = of("openai", "gpt-5");

	CHECK(dialect_keeps(&d, STR("store")));
	CHECK_STR(dialect_word(&d, STR("messages[].role"), STR("developer")),
	          "developer");
	d = of("openai", "o1-mini-2024");
	CHECK(dialect_keeps(&d, STR("store")));
	CHECK_STR(dialect_word(&d, STR("messages[].role"), STR("developer")), "user");
	d = of("somebody", "m");
	CHECK(!dialect_keeps(&d, STR("store")));
	CHECK_STR(dialect_word(&d, STR("messages[].role"), STR("developer")), "system");
	CHECK_STR(dialect_fate(&d, STR("max_completion_tokens"))->to, "max_tokens");
	CHECK(dialect_fate(&d, STR("temperature")) == NULL);
	CHECK_INT(dialect_bound(&d, STR("stop"), 16), 4);
	CHECK_INT(dialect_bound(&d, STR("n"), 7), 7);
}

TEST(a_star_stands_for_the_rest_of_provider_and_model)
{
	struct dialect d = of("alibaba-cn", "qwen-plus");

	CHECK_STR(dialect_row(&d, DIALECT_BUDGET, STR("thinking_budget"))->who,
	          "alibaba*");
	d = of("alib", "aba/x");
	CHECK(dialect_row(&d, DIALECT_BUDGET, STR("thinking_budget")) == NULL);
	d = of("groq", "qwen/qwen3-32b");
	CHECK_STR(dialect_word(&d, STR("reasoning_effort"), STR("high")), "default");
	d = of("groq", "openai/gpt-oss-120b");
	CHECK_STR(dialect_word(&d, STR("reasoning_effort"), STR("high")), "high");
	CHECK_STR(dialect_word(&d, STR("reasoning_effort"), STR("max")), "high");
	d = of("", "");
	CHECK_STR(dialect_fate(&d, STR("top_k"))->who, "*");
}

TEST(every_row_of_the_dialects_says_something)
{
	const struct dialect_row *row, *other;

	for (unsigned i = 0; (row = dialect_at(i)); i++) {
		struct dialect d;

		CHECK(row->who.len > 0);
		CHECK(row->path.len > 0 || row->op == DIALECT_EFFORT);
		if (row->op == DIALECT_BOUND) {
			uint64_t bound;
			CHECK(str_to_u64(row->to, &bound));
		}
		/* All rows of one provider fit (dialect_find asserts it). */
		dialect_find(str_cut(&(str){ row->who.ptr, row->who.len }, '*'), STR("x"),
		             &d);
		for (unsigned j = i + 1; (other = dialect_at(j)); j++)
			CHECK(!str_eq(row->who, other->who) || row->op != other->op ||
			      !str_eq(row->path, other->path) ||
			      !str_eq(row->from, other->from));
	}
}
