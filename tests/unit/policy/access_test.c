#include "policy/access.h"
#include "tests/check.h"

static bool is_meant(const char *patterns, const char *name)
{
	return access_matches(str_from_z(patterns), str_from_z(name));
}

TEST(patterns_mean_names)
{
	static const struct {
		const char *patterns, *name;
		bool is_meant;
	} cases[] = {
		{ "a", "a", true },
		{ "a", "ab", false },
		{ "a", "", false },
		{ "", "a", false },
		{ "a,b", "b", true },
		{ "a,b", "a,b", false },
		{ "*", "", true },
		{ "*", "anything", true },
		{ "gpt-5*", "gpt-5", true },
		{ "gpt-5*", "gpt-5-mini", true },
		{ "gpt-5*", "gpt-4", false },
		{ "*-mini", "gpt-5-mini", true },
		{ "*-mini", "mini", false },
		{ "*mini", "mini", true },
		{ "a*a", "a", false },
		{ "a*a", "aa", true },
		{ "a*a", "aba", true },
		{ "a*b*c", "axxbyyc", true },
		{ "a*b*c", "axxcyyb", false },
		{ "a*bc*c", "abc", false },
		{ "a*bc*c", "abcc", true },
		{ "**", "x", true },
		{ "a**b", "ab", true },
		{ "*a*", "bab", true },
		{ "*a*", "bbb", false },
		{ "x,*a*,y", "bab", true },
		{ "GPT*", "gpt-5", false },
		{ "a.c", "abc", false },
		{ "[a]", "a", false },
	};

	for (size_t i = 0; i < countof(cases); i++)
		if (is_meant(cases[i].patterns, cases[i].name) != cases[i].is_meant)
			check_failed(__FILE__, __LINE__, "%s and %s", cases[i].patterns,
			             cases[i].name);
}

/* Every short pattern and name of two letters, against the obvious recursion. */
static bool slow(const char *p, const char *n)
{
	if (*p == 0)
		return *n == 0;
	if (*p == '*')
		return slow(p + 1, n) || (*n && slow(p, n + 1));
	return *p == *n && slow(p + 1, n + 1);
}

static void spell(unsigned number, const char *letters, unsigned base, char *to)
{
	for (; number; number = (number - 1) / base)
		*to++ = letters[(number - 1) % base];
	*to = 0;
}

TEST(patterns_mean_what_the_recursion_says)
{
	char pattern[16], name[16];

	for (unsigned p = 1; p < 364; p++) {
		spell(p, "ab*", 3, pattern);
		for (unsigned n = 0; n < 127; n++) {
			spell(n, "ab", 2, name);
			if (is_meant(pattern, name) == slow(pattern, name))
				continue;
			check_failed(__FILE__, __LINE__, "%s and %s", pattern, name);
			return;
		}
	}
}

static const struct provider openai = { .name = STR_INIT("openai"),
	                                .region = STR_INIT("eu-west") };
static const struct provider local = { .name = STR_INIT("local") };
static const struct target gpt = { .provider = &openai, .model = STR_INIT("gpt-5-mini") };
static const struct target llama = { .provider = &local, .model = STR_INIT("llama") };

static enum access_answer ask(struct tenant_row row, const char *route,
                              const struct target *t)
{
	struct access a = { .rows = { &row }, .count = 1 };

	return access_target(&a, str_from_z(route), t, NULL);
}

TEST(each_list_bounds_what_it_is_for)
{
	struct tenant_row none = { 0 };
	struct tenant_row routes = { .routes = STR("fast,cheap*") };
	struct tenant_row models = { .models = STR("gpt-5*,fast,local/ll*") };
	struct tenant_row providers = { .providers = STR("open*") };
	struct tenant_row regions = { .regions = STR("eu-*") };

	CHECK_INT(ask(none, "", &llama), ACCESS_ALLOWED);
	CHECK_INT(ask(routes, "fast", &gpt), ACCESS_ALLOWED);
	CHECK_INT(ask(routes, "cheaper", &gpt), ACCESS_ALLOWED);
	CHECK_INT(ask(routes, "slow", &gpt), ACCESS_ROUTE);
	CHECK_INT(ask(routes, "", &gpt), ACCESS_ROUTE); /* past all routes */
	CHECK_INT(ask(models, "", &gpt), ACCESS_ALLOWED);
	CHECK_INT(ask(models, "slow", &gpt), ACCESS_ALLOWED);
	CHECK_INT(ask(models, "fast", &llama),
	          ACCESS_ALLOWED);                          /* its name is a model's */
	CHECK_INT(ask(models, "", &llama), ACCESS_ALLOWED); /* local/llama */
	models.models = STR("gpt-4*");
	CHECK_INT(ask(models, "", &gpt), ACCESS_MODEL);
	CHECK_INT(ask(providers, "", &gpt), ACCESS_ALLOWED);
	CHECK_INT(ask(providers, "", &llama), ACCESS_PROVIDER);
	CHECK_INT(ask(regions, "", &gpt), ACCESS_ALLOWED);
	CHECK_INT(ask(regions, "", &llama), ACCESS_REGION); /* nobody knows which */
}

TEST(a_key_narrows_what_its_team_allows_and_never_widens_it)
{
	struct tenant_row key = { .name = STR("key"), .models = STR("*") };
	struct tenant_row team = { .name = STR("team"), .models = STR("llama") };
	struct access a = { .rows = { &key, &team }, .count = 2 };
	const struct tenant_row *by = NULL;

	CHECK(access_is_bounded(&a));
	CHECK_INT(access_target(&a, STR_NONE, &llama, &by), ACCESS_ALLOWED);
	CHECK(!by);
	CHECK_INT(access_target(&a, STR_NONE, &gpt, &by), ACCESS_MODEL);
	CHECK(by == &team);
	key.models = STR("gpt*");
	CHECK_INT(access_target(&a, STR_NONE, &llama, &by), ACCESS_MODEL);
	CHECK(by == &key);
	key.models = team.models = STR_NONE;
	CHECK(!access_is_bounded(&a));
	for (int i = ACCESS_ALLOWED; i <= ACCESS_REGION; i++)
		CHECK(access_text((enum access_answer)i).len > 0);
}
