#include "wire/catalog.h"

#include "tests/check.h"

enum { MODELS = 5276 + 16 /* and the mock's */, PROVIDERS = 147 + 1 };

static struct catalog_model model(const char *provider, const char *id)
{
	struct catalog_model m = { .id = STR_NONE };

	CHECK(catalog_find_model(NULL, str_from_z(provider), str_from_z(id), &m));
	return m;
}

TEST(catalog_providers_are_sorted_and_found)
{
	struct catalog_provider p, found, before = { .id = STR_NONE };
	unsigned i = 0, usable = 0;

	for (; i < PROVIDERS && CHECK(catalog_provider_at(i, &p)); i++, before = p) {
		CHECK(i == 0 || str_cmp(before.id, p.id) < 0);
		CHECK(catalog_find_provider(p.id, &found) && str_eq(found.url, p.url));
		/* The mock is inside the program: it has no address and no page. */
		bool is_mock = str_eq(p.id, STR("mock"));
		CHECK(p.id.len && p.name.len && (p.doc.len || is_mock));
		CHECK(p.format == WIRE_NONE || p.url.len || is_mock);
		CHECK(!str_ends(p.url, STR("/")) && !str_has(p.url, STR("/chat/compl")));
		usable += p.format != WIRE_NONE;
	}
	CHECK(usable > 120);
	CHECK(!catalog_find_provider(STR("nobody"), &p));
	CHECK(!catalog_find_provider(STR_NONE, &p));
}

TEST(catalog_providers_are_told_as_their_rows_have_them)
{
	struct catalog_provider p;
	unsigned beyond = 0;

	CHECK(catalog_find_provider(STR("openai"), &p));
	CHECK_STR(p.url, "https://api.openai.com/v1");
	CHECK_STR(p.env[0], "OPENAI_API_KEY");
	CHECK(!p.env_is_shared && p.format == WIRE_OPENAI_CHAT);
	CHECK(catalog_find_provider(STR("google"), &p));
	CHECK_STR(p.env[2], "GEMINI_API_KEY");
	CHECK_INT(p.format, WIRE_GEMINI);
	CHECK(catalog_find_provider(STR("anthropic"), &p) && p.format == WIRE_ANTHROPIC);
	CHECK(catalog_find_provider(STR("venice"), &p) && p.format == WIRE_NONE);
	CHECK(catalog_find_provider(STR("github-models"), &p) && p.env_is_shared);
	CHECK(catalog_find_provider(STR("snowflake-cortex"), &p));
	CHECK(str_has(p.url, STR("${SNOWFLAKE_ACCOUNT}")));
	CHECK_STR(p.env[0], "SNOWFLAKE_CORTEX_PAT");
	CHECK_INT(p.env[1].len, 0);
	CHECK(catalog_find_provider(STR("bailing"), &p));
	CHECK_STR(p.url, "https://api.tbox.cn/api/llm/v1");

	CHECK(catalog_find_provider(STR("ollama"), &p));
	CHECK_STR(p.url, "http://127.0.0.1:11434/v1");
	while (catalog_provider_at(PROVIDERS + beyond, &p))
		beyond++;
	CHECK_INT(beyond, 4); /* llama.cpp, ollama, sglang, vllm */
}

TEST(catalog_has_every_model)
{
	struct catalog_model m, found, before = { .id = STR_NONE };
	unsigned i = 0, priced = 0;

	for (; catalog_model_at(NULL, i, &m); i++, before = m) {
		int order = str_cmp(before.provider, m.provider);

		CHECK(i == 0 || order < 0 ||
		      (order == 0 && str_cmp(before.id, m.id) < 0));
		CHECK(catalog_find_model(NULL, m.provider, m.id, &found));
		CHECK(found.id.ptr == m.id.ptr && found.released == m.released);
		CHECK(m.name.len && m.identity.len && m.prices <= PRICE_TIERS);
		for (unsigned n = 1; n < m.prices; n++)
			CHECK(m.price[n].above > m.price[n - 1].above);
		priced += m.prices > 0;
	}
	CHECK_INT(i, MODELS);
	CHECK(priced > 4800 && priced < MODELS);
	CHECK(!catalog_find_model(NULL, STR("openai"), STR("gpt-5.4x"), &m));
	CHECK(!catalog_find_model(NULL, STR("nobody"), STR("gpt-5.4"), &m));
	CHECK(!catalog_find_model(NULL, STR("zzz"), STR("zzz"), &m));
}

TEST(catalog_prices_are_exact)
{
	struct catalog_model m = model("openai", "gpt-5.4");

	CHECK_INT(m.prices, 2);
	CHECK_INT(m.price[0].input, 2500000);
	CHECK_INT(m.price[0].cache_read, 250000);
	CHECK_INT(m.price[0].output, 15000000);
	CHECK_INT(m.price[0].cache_write, PRICE_UNKNOWN);
	CHECK_INT(m.price[1].above, 272000);
	CHECK_INT(m.price[1].input, 5000000);
	CHECK(m.bits & CATALOG_REASONING && m.bits & CATALOG_TOOLS);
	CHECK(m.bits & CATALOG_IMAGE_IN && !(m.bits & CATALOG_AUDIO_IN));
	CHECK_INT(m.released, 20260305);

	m = model("aihubmix", "doubao-seed-2-0-pro");
	CHECK_INT(m.prices, 3);
	CHECK_INT(m.price[1].cache_read, 144656);
	CHECK_INT(m.price[2].above, 128000);
	m = model("302ai", "MiniMax-M1");
	CHECK_INT(m.price[0].input, 132000);
	CHECK_INT(m.price[0].audio_input, PRICE_UNKNOWN);
}

TEST(catalog_gives_lost_owners_back)
{
	struct catalog_model m = model("sakana", "fugu");

	CHECK(m.bits & CATALOG_ELSEWHERE);
	CHECK(model("azure", "claude-haiku-4-5").bits & CATALOG_ELSEWHERE);
	CHECK(!(model("vivgrid", "gpt-5.4").bits & CATALOG_ELSEWHERE));
}

TEST(catalog_walks_by_id_and_provider)
{
	struct catalog_model m;
	unsigned at = 0, n = 0;
	str before = STR_NONE;

	for (; catalog_next_with_id(NULL, STR("gpt-5.4"), &at, &m);
	     n++, before = m.provider) {
		CHECK_STR(m.id, "gpt-5.4");
		CHECK(!n || str_cmp(before, m.provider) < 0);
	}
	CHECK(n > 8);
	at = n = 0;
	while (catalog_next_of_provider(NULL, STR("cerebras"), &at, &m) && n < 100)
		n += str_eq(m.provider, STR("cerebras"));
	CHECK_INT(n, 2);
	at = 0;
	CHECK(!catalog_next_with_id(NULL, STR("no such model"), &at, &m));
	CHECK(!catalog_next_with_id(NULL, STR("zzzzzzz"), &at, &m));
	CHECK(!catalog_next_of_provider(NULL, STR("ollama"), &at, &m));
}

/* Every model is met exactly once however one walks. */
TEST(catalog_indices_are_complete)
{
	struct catalog_model m, same;
	unsigned met = 0, by_id = 0, by_identity = 0;

	for (unsigned i = 0; catalog_model_at(NULL, i, &m); i++) {
		unsigned at = 0;

		while (catalog_next_with_id(NULL, m.id, &at, &same))
			by_id += str_eq(same.provider, m.provider);
		at = 0;
		while (catalog_next_same(NULL, m.identity, &at, &same))
			by_identity += same.id.ptr == m.id.ptr &&
			               str_eq(same.provider, m.provider) &&
			               str_eq(same.id, m.id);
	}
	for (unsigned i = 0; i < PROVIDERS; i++) {
		struct catalog_provider p;
		unsigned at = 0;

		CHECK(catalog_provider_at(i, &p));
		while (catalog_next_of_provider(NULL, p.id, &at, &m))
			met++;
	}
	CHECK_INT(by_id, MODELS);
	CHECK_INT(by_identity, MODELS);
	CHECK_INT(met, MODELS);
}

TEST(catalog_identity_ties_the_same_model)
{
	static const struct {
		const char *provider, *id, *identity;
	} rows[] = {
		{ "openai", "gpt-5.4", "gpt-5.4" },
		{ "openrouter", "openai/gpt-5.4", "gpt-5.4" },
		{ "amazon-bedrock", "openai.gpt-5.4", "gpt-5.4" },
		{ "databricks", "databricks-gpt-5-4", "gpt-5.4" },
		{ "openai", "gpt-4o", "gpt-4o" },
		{ "openai", "gpt-4o-2024-08-06", "gpt-4o-2024-08-06" },
		{ "anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5" },
		{ "anthropic", "claude-sonnet-4-5-20250929", "claude-sonnet-4-5" },
		{ "abacus", "claude-sonnet-4-5-20250929", "claude-sonnet-4-5" },
		{ "google-vertex", "claude-sonnet-4-5@20250929", "claude-sonnet-4-5" },
		{ "amazon-bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
		  "claude-sonnet-4-5" },
		{ "openrouter", "anthropic/claude-sonnet-4.5", "claude-sonnet-4-5" },
		{ "cortecs", "claude-4-5-sonnet", "claude-sonnet-4-5" },
		{ "anthropic", "claude-opus-4-0", "claude-opus-4" },
		{ "zai", "glm-4.7", "glm-4.7" },
		{ "google-vertex", "zai-org/glm-4.7-maas", "glm-4.7" },
		{ "fireworks-ai", "accounts/fireworks/models/kimi-k2p7-code",
		  "kimi-k2.7-code" },
		{ "cloudflare-workers-ai", "@cf/openai/gpt-oss-120b", "gpt-oss-120b" },
		{ "ollama-cloud", "gpt-oss:120b", "gpt-oss-120b" },
		{ "cloudflare-workers-ai", "@cf/deepseek-ai/deepseek-r1-distill-qwen-32b",
		  "deepseek-r1-distill-qwen-32b" },
		{ "openrouter", "deepseek/deepseek-r1", "deepseek-r1" },
		{ "mistral", "mistral-large-latest", "mistral-large" },
		{ "google", "gemini-2.5-flash", "gemini-2.5-flash" },
	};

	for (size_t i = 0; i < countof(rows); i++)
		CHECK_STR_EQ(model(rows[i].provider, rows[i].id).identity,
		             str_from_z(rows[i].identity));
}

/* The providers of the table serve what their names say, but for what they add. */
TEST(catalog_home_of_agrees_with_the_catalogue)
{
	static const char *const homes[] = { "openai",     "anthropic", "mistral",
		                             "deepseek",   "xai",       "alibaba",
		                             "moonshotai", "zai",       "perplexity",
		                             "minimax",    "stepfun",   "xiaomi",
		                             "upstage",    "sakana" };
	static const char *const added[] = { "labs-devstral-small-2512" };
	struct catalog_model m;

	for (size_t i = 0; i < countof(homes); i++) {
		unsigned at = 0, n = 0;

		while (catalog_next_of_provider(NULL, str_from_z(homes[i]), &at, &m)) {
			bool own = str_eq(catalog_home_of(m.id), str_from_z(homes[i]));

			if (!own && !str_eq(m.id, str_from_z(added[0])))
				check_failed(__FILE__, __LINE__, "%.*s/%.*s",
				             STR_ARG(m.provider), STR_ARG(m.id));
			n++;
		}
		CHECK(n > 0);
	}
	CHECK_STR(catalog_home_of(STR("gemini-2.5-pro")), "google");
	CHECK_STR(catalog_home_of(STR("command-a-03-2025")), "cohere");
	CHECK_STR(catalog_home_of(STR("whisper-1")), "openai");
	CHECK_STR(catalog_home_of(STR("o3")), "openai");
	CHECK_INT(catalog_home_of(STR("gpt-oss-120b")).len, 0);
	CHECK_INT(catalog_home_of(STR("steppe")).len, 0);
	CHECK_INT(catalog_home_of(STR("llama-3.3-70b-instruct")).len, 0);
	CHECK_INT(catalog_home_of(STR_NONE).len, 0);
}
