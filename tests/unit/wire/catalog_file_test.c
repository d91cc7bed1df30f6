#include "wire/catalog_file.h"

#include "tests/check.h"

static struct catalog_model newer(const char *provider, const char *id, picousd input)
{
	return (struct catalog_model){
		.provider = str_from_z(provider),
		.id = str_from_z(id),
		.name = STR("A Name"),
		.identity = STR("one"),
		.context = 1000,
		.input = 900,
		.output = 100,
		.bits = CATALOG_TOOLS | CATALOG_REASONING,
		.released = 20261100,
		.updated = 20991125,
		.prices = 2,
		.price = { { input, PRICE_UNKNOWN, 0, 2, 3, PRICE_UNKNOWN, 4, 0 },
		           { 10, 11, 12, 13, PRICE_UNKNOWN, 15, 16, 200000 } },
	};
}

static void write(struct buf *to)
{
	const struct catalog_model models[] = { newer("aaa", "first", 7),
		                                newer("aaa", "second", 8),
		                                newer("openai", "gpt-5", 9) };

	*to = BUF_LIMIT(64 * KiB);
	catalog_write(models, countof(models), to);
}

static struct catalog *read(str text, const char *want)
{
	struct buf why = BUF_LIMIT(1 * KiB);
	struct catalog *c = catalog_read(text, &why);

	CHECK_STR_EQ(buf_str(&why), str_from_z(want));
	CHECK((c != NULL) == (*want == 0));
	buf_free(&why);
	return c;
}

TEST(catalog_file_gives_back_what_was_written)
{
	struct buf text;
	struct catalog_model m;

	write(&text);
	struct catalog *c = read(buf_str(&text), "");
	buf_free(&text); /* it keeps a copy */
	if (!CHECK(c && catalog_find_model(c, STR("aaa"), STR("second"), &m)))
		return;
	CHECK_STR(m.name, "A Name");
	CHECK_STR(m.identity, "one");
	CHECK_INT(m.context, 1000);
	CHECK_INT(m.input, 900);
	CHECK_INT(m.output, 100);
	CHECK_INT(m.bits, CATALOG_TOOLS | CATALOG_REASONING);
	CHECK_INT(m.released, 20261100);
	CHECK_INT(m.updated, 20991125);
	CHECK_INT(m.prices, 2);
	CHECK_INT(m.price[0].input, 8);
	CHECK_INT(m.price[0].cache_read, PRICE_UNKNOWN);
	CHECK_INT(m.price[0].cache_write, 0);
	CHECK_INT(m.price[0].audio_output, 4);
	CHECK_INT(m.price[1].above, 200000);
	CHECK_INT(m.price[1].cache_read, 11);
	CHECK_INT(m.price[1].reasoning, PRICE_UNKNOWN);
	catalog_free(&c);
	catalog_free(&c);
}

TEST(catalog_file_replaces_whole_providers)
{
	struct catalog_model m, own;
	unsigned at = 0, count = 0, i = 0;
	struct buf text;

	write(&text);
	struct catalog *c = read(buf_str(&text), "");
	buf_free(&text);
	if (!c)
		return;
	CHECK(catalog_find_model(c, STR("openai"), STR("gpt-5"), &m));
	CHECK_INT(m.price[0].input, 9);
	CHECK(catalog_find_model(NULL, STR("openai"), STR("gpt-5-mini"), &m));
	CHECK(!catalog_find_model(c, STR("openai"), STR("gpt-5-mini"), &m));
	CHECK(catalog_find_model(c, STR("anthropic"), STR("claude-haiku-4-5"), &m));
	CHECK_INT(m.updated, 0);
	CHECK(catalog_find_model(c, STR("mock"), STR("echo"), &m));
	while (catalog_next_of_provider(c, STR("aaa"), &at, &m))
		count++;
	CHECK_INT(count, 2);
	at = count = 0;
	while (catalog_next_same(c, STR("one"), &at, &m))
		count++;
	CHECK_INT(count, 3);
	/* All that has this bare id, in the same order as without a file. */
	at = count = 0;
	while (catalog_next_with_id(c, STR("gpt-5"), &at, &m))
		count++;
	for (unsigned from = 0; catalog_next_with_id(NULL, STR("gpt-5"), &from, &own);)
		count--;
	CHECK_INT(count, 0);
	CHECK(!catalog_next_with_id(c, STR("no such model"), &i, &m));
	for (i = 0; catalog_model_at(c, i, &m); i++) {
		CHECK(i == 0 || catalog_model_cmp(&own, &m) < 0);
		own = m;
	}
	CHECK(i > 5000);
	catalog_free(&c);
}

TEST(catalog_file_gives_way_to_a_newer_program)
{
	struct catalog_model models[] = { newer("aaa", "m", 1),
		                          newer("anthropic", "claude-x", 2),
		                          newer("groq", "one", 3),
		                          newer("groq", "two", 4),
		                          newer("openai", "gpt-5", 5) };
	struct buf text = BUF_LIMIT(64 * KiB);
	struct catalog_older older;
	struct catalog_model m, own;

	models[0].updated = 20000101; /* nobody knows it better */
	models[1].updated = catalog_date;
	models[2].updated = models[3].updated = catalog_date - 1;
	models[4].updated = 20260101;
	catalog_write(models, countof(models), &text);
	struct catalog *c = read(buf_str(&text), "");
	buf_free(&text);
	if (!c)
		return;
	older = catalog_older(c);
	CHECK_INT(older.providers, 2);
	CHECK_STR(older.first, "groq");
	CHECK_INT(older.updated, catalog_date - 1);
	CHECK(catalog_find_model(c, STR("aaa"), STR("m"), &m));
	CHECK(catalog_find_model(c, STR("anthropic"), STR("claude-x"), &m));
	CHECK(!catalog_find_model(c, STR("groq"), STR("one"), &m));
	CHECK(catalog_find_model(c, STR("openai"), STR("gpt-5"), &m) &&
	      catalog_find_model(NULL, STR("openai"), STR("gpt-5"), &own));
	CHECK_INT(m.price[0].input, own.price[0].input);
	CHECK_INT(m.updated, 0);
	CHECK(catalog_find_model(c, STR("openai"), STR("gpt-5-mini"), &m));
	CHECK_INT(catalog_older(NULL).providers, 0);
	catalog_free(&c);
}

/* Nothing that was cut or changed is taken for a catalogue. */
TEST(catalog_file_is_refused_when_damaged)
{
	struct buf text;

	write(&text);
	for (size_t cut = 0; cut < text.len; cut++) {
		struct buf why = BUF_LIMIT(1 * KiB);
		struct catalog *c = catalog_read(str_first(buf_str(&text), cut), &why);

		CHECK(!c && why.len > 0);
		catalog_free(&c);
		buf_free(&why);
	}
	for (size_t at = 0; at < text.len; at++) {
		struct buf why = BUF_LIMIT(1 * KiB);

		text.ptr[at] ^= 1;
		struct catalog *c = catalog_read(buf_str(&text), &why);
		CHECK(!c && why.len > 0);
		catalog_free(&c);
		buf_free(&why);
		text.ptr[at] ^= 1;
	}
	buf_free(&text);
}

TEST(catalog_file_names_what_is_wrong)
{
	struct catalog_model models[2] = { newer("b", "m", 1), newer("a", "m", 1) };
	struct buf text = BUF_LIMIT(64 * KiB);

	read(STR(""), "the end is missing");
	read(STR("end\t0\t00000000\n"), "the end is missing");
	catalog_write(models, 2, &text);
	read(buf_str(&text), "line 4: the providers are not sorted");
	buf_clear(&text);
	models[1] = newer("b", "m", 1);
	catalog_write(models, 2, &text);
	read(buf_str(&text), "line 4: the models are not sorted");
	buf_clear(&text);
	models[1] = newer("b", "n x", 1);
	catalog_write(models, 2, &text);
	read(buf_str(&text), "line 4: not the name of a model");
	buf_clear(&text);
	models[1] = newer("b", "n", CATALOG_PRICE_MOST + 1);
	catalog_write(models, 2, &text);
	read(buf_str(&text), "line 4: not the prices of a model");
	buf_clear(&text);
	models[1] = newer("b", "n", 1);
	models[1].price[1].above = 0;
	catalog_write(models, 2, &text);
	read(buf_str(&text), "line 4: not the prices of a model");
	buf_clear(&text);
	models[1].updated = models[0].updated = 20261325;
	catalog_write(models, 2, &text);
	read(buf_str(&text), "line 2: not a date");
	buf_free(&text);
}

TEST(catalog_file_lets_only_safe_names_in)
{
	CHECK(catalog_provider_is_safe(STR("302ai")) &&
	      catalog_provider_is_safe(STR("a-b_c.D")));
	CHECK(!catalog_provider_is_safe(STR("a/b")) &&
	      !catalog_provider_is_safe(STR("")));
	CHECK(catalog_id_is_safe(STR("@cf/meta/llama:free")));
	CHECK(!catalog_id_is_safe(STR("a b")) && !catalog_id_is_safe(STR("a\x7f")) &&
	      !catalog_id_is_safe(STR("\xc3\xa9")) && !catalog_id_is_safe(STR("a\tb")));
	CHECK(catalog_name_is_safe(STR("Gr\xc3\xbc\xc3\x9f")));
	CHECK(!catalog_name_is_safe(STR("a\033[2J")) &&
	      !catalog_name_is_safe(STR("\xc2\x9b"
	                                "2J")) &&
	      !catalog_name_is_safe(STR("\xff")) && !catalog_name_is_safe(STR("")));
}
