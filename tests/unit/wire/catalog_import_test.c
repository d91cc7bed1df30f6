#include "wire/catalog_import.h"

#include "tests/check.h"

static struct catalog *import(str json, const struct catalog *now, const char *want)
{
	struct buf text = BUF_LIMIT(4 * MiB), why = BUF_LIMIT(4 * KiB);
	struct catalog *c = NULL;

	if (catalog_import(json, 20991125, now, &text, &why))
		c = catalog_read(buf_str(&text), &why);
	CHECK_STR_EQ(buf_str(&why), str_from_z(want));
	CHECK((c != NULL) == (*want == 0));
	buf_free(&text);
	buf_free(&why);
	return c;
}

static void refuses(str json, const char *want)
{
	struct catalog *c = import(json, NULL, want);

	catalog_free(&c);
}

TEST(catalog_import_reads_a_model)
{
	str json = STR(
	        "{\"openai\":{\"id\":\"openai\",\"env\":[\"X\"],\"api\":\"https://evil\","
	        "\"models\":{\"gpt-5\":{\"id\":\"gpt-5\",\"name\":\"GPT  5\\n\","
	        "\"reasoning\":true,\"tool_call\":true,\"attachment\":false,"
	        "\"modalities\":{\"input\":[\"text\",\"image\",\"pdf\"],\"output\":"
	        "[\"text\"]},\"release_date\":\"2025-08-07\",\"status\":\"deprecated\","
	        "\"limit\":{\"context\":400000,\"input\":272000,\"output\":99999999},"
	        "\"cost\":{\"input\":1.25,\"output\":10,\"cache_read\":0.125,\"image\":1,"
	        "\"tiers\":[{\"tier\":{\"type\":\"context\",\"size\":300000},\"input\":4}"
	        ","
	        "{\"tier\":{\"size\":200000},\"input\":2.5}]}},"
	        "\"gpt-6\":{\"provider\":{\"npm\":\"@ai-sdk/"
	        "openai\"},\"cost\":{\"input\":"
	        "1,\"context_over_200k\":{\"input\":2}}}}}}");
	struct catalog *c = import(json, NULL, "");
	struct catalog_model m;
	struct catalog_provider p;

	if (!c)
		return;
	CHECK(catalog_find_model(c, STR("openai"), STR("gpt-5"), &m));
	CHECK_STR(m.name, "GPT 5");
	CHECK_STR(m.identity, "gpt-5");
	CHECK_INT(m.bits, CATALOG_REASONING | CATALOG_TOOLS | CATALOG_IMAGE_IN |
	                          CATALOG_PDF_IN | CATALOG_DEPRECATED);
	CHECK_INT(m.context, 400000);
	CHECK_INT(m.input, 272000);
	CHECK_INT(m.output, 0);
	CHECK_INT(m.released, 20250807);
	CHECK_INT(m.prices, 3);
	CHECK_INT(m.price[0].cache_read, 125000);
	CHECK_INT(m.price[0].reasoning, PRICE_UNKNOWN);
	CHECK_INT(m.price[1].above, 200000);
	CHECK_INT(m.price[1].input, 2500000);
	CHECK_INT(m.price[2].above, 300000);
	CHECK(catalog_find_model(c, STR("openai"), STR("gpt-6"), &m));
	CHECK_STR(m.name, "gpt-6");
	CHECK_INT(m.bits, CATALOG_ELSEWHERE);
	CHECK_INT(m.prices, 2);
	CHECK_INT(m.price[1].input, 2000000);
	/* Where keys go is never told by such a file. */
	CHECK(catalog_find_provider(STR("openai"), &p));
	CHECK_STR(p.url, "https://api.openai.com/v1");
	catalog_free(&c);
}

TEST(catalog_import_keeps_what_earlier_files_said)
{
	struct catalog *first = import(
	        STR("{\"aa\":{\"models\":{\"m\":{}}},\"bb\":{\"models\":{\"old\":{}}}}"),
	        NULL, "");
	struct catalog *next =
	        import(STR("{\"bb\":{\"models\":{\"x/New:free\":{}}}}"), first, "");
	struct catalog_model m;

	CHECK(next && catalog_find_model(next, STR("aa"), STR("m"), &m));
	CHECK_INT(m.updated, 20991125);
	CHECK_INT(m.prices, 0);
	CHECK(next && !catalog_find_model(next, STR("bb"), STR("old"), &m));
	CHECK(next && catalog_find_model(next, STR("bb"), STR("x/New:free"), &m));
	CHECK_STR(m.identity, "new");
	catalog_free(&first);
	catalog_free(&next);
}

#define WITH(model) STR("{\"a\":{\"models\":{\"m\":" model "}}}")

TEST(catalog_import_refuses_and_says_where)
{
	refuses(STR(""),
	        "it is not JSON as expected: the body is not a valid JSON object");
	refuses(STR("[]"),
	        "it is not JSON as expected: the body is not a valid JSON object");
	refuses(STR("{}"), "there is not one model in it");
	refuses(STR("{\"a\":{\"models\":{}}}"), "there is not one model in it");
	refuses(STR("{\"a\":{}}"), "a: it has no object with its models");
	refuses(STR("{\"a\":{\"id\":\"b\",\"models\":{}}}"),
	        "a: its id is not what it stands under");
	refuses(STR("{\"a b\":{}}"), "\"a b\" cannot be the id of a provider");
	refuses(STR("{\"mock\":{}}"), "mock: it is built in, and nobody else's");
	refuses(STR("{\"a\":{\"models\":{\"m\":{},\"m\":{}}}}"),
	        "a/m stands there twice");
	refuses(STR("{\"a\":{\"models\":{\"m\\u001b\":{}}}}"),
	        "a: a model's id has a blank or a control character, or is too long");
	refuses(WITH("1"), "a: a model is not an object");
	refuses(WITH("{\"id\":\"n\"}"), "a/m: its id is not what it stands under");
	refuses(WITH("{\"name\":\"\\u001b[2J\"}"),
	        "a/m: its name is empty, too long, or has control characters");
	refuses(WITH("{\"name\":7}"),
	        "a/m: its name is empty, too long, or has control characters");
	refuses(WITH("{\"reasoning\":1}"), "a/m: reasoning is neither true nor false");
	refuses(WITH("{\"limit\":{\"context\":-1}}"),
	        "a/m: limit.context is not a number of tokens");
	refuses(WITH("{\"limit\":{\"output\":\"1\"}}"),
	        "a/m: limit.output is not a number of tokens");
	refuses(WITH("{\"limit\":[]}"), "a/m: limit is not an object");
	refuses(WITH("{\"cost\":{\"input\":\"1\"}}"),
	        "a/m: the price input is not a number");
	refuses(WITH("{\"cost\":{\"output\":1e7}}"),
	        "a/m: the price output, 1e7 USD per million tokens, is over any sense");
	refuses(WITH("{\"cost\":{\"input\":1,\"input\":2}}"),
	        "a/m: cost has a member twice, or too many");
	refuses(WITH("{\"cost\":{\"input\":1,\"tiers\":[{\"tier\":{\"size\":1}},"
	             "{\"tier\":{\"size\":1}}]}}"),
	        "a/m: two of its prices are for the same length");
	refuses(WITH("{\"cost\":{\"input\":1,\"tiers\":[{\"input\":1}]}}"),
	        "a/m: two of its prices are for the same length");
	refuses(WITH("{\"cost\":{\"input\":1,\"tiers\":[{\"tier\":{\"type\":\"x\","
	             "\"size\":1}}]}}"),
	        "a/m: it has a price which is not by the prompt's length");
	refuses(WITH("{\"cost\":{\"input\":1,\"tiers\":[{\"tier\":{\"size\":1}},{"
	             "\"tier\":"
	             "{\"size\":2}},{\"tier\":{\"size\":3}}]}}"),
	        "a/m: it has more than 3 prices by length");
}

/* Cut anywhere it is refused, and nothing is read outside. */
TEST(catalog_import_refuses_what_was_cut)
{
	str json = WITH("{\"id\":\"m\",\"cost\":{\"input\":1.25},\"limit\":{}}");

	for (size_t cut = 0; cut < json.len; cut++) {
		struct buf text = BUF_LIMIT(64 * KiB), why = BUF_LIMIT(4 * KiB);

		CHECK(!catalog_import(str_first(json, cut), 20991125, NULL, &text, &why));
		CHECK(why.len > 0);
		buf_free(&text);
		buf_free(&why);
	}
}
