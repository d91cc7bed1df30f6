#include "wire/openai_effort.h"

#include "tests/check.h"
#include "wire/wire.h"

#include <stdio.h>

static str said(str provider, str model, enum chat_effort wanted)
{
	struct chat_request r = { .from = WIRE_ANTHROPIC, .effort = wanted };
	struct chat_target t = { .provider = provider, .model = model };

	return chat_effort_name(openai_effort(&r, &t));
}

/* What each model makes of the seven levels, from none to max. */
TEST(models_of_openai_are_told_levels_that_they_take)
{
	static const struct {
		const char *model, *want;
	} rows[] = {
		{ "gpt-5", "minimal minimal low medium high high high" },
		{ "gpt-5-mini", "minimal minimal low medium high high high" },
		{ "gpt-5-nano-2025-08-07", "minimal minimal low medium high high high" },
		{ "gpt-5-pro", "high high high high high high high" },
		{ "gpt-5-codex", "low low low medium high high high" },
		{ "gpt-5-chat-latest", "      " },
		{ "gpt-5.1", "none low low medium high high high" },
		{ "gpt-5.1-2025-11-13", "none low low medium high high high" },
		{ "gpt-5.1-chat-latest",
		  "medium medium medium medium medium medium medium" },
		{ "gpt-5.1-codex-mini", "low low low medium high high high" },
		{ "gpt-5.1-codex-max", "low low low medium high xhigh xhigh" },
		{ "gpt-5.2", "none low low medium high xhigh xhigh" },
		{ "gpt-5.2-pro", "medium medium medium medium high xhigh xhigh" },
		{ "gpt-5.3-codex", "low low low medium high xhigh xhigh" },
		{ "gpt-5.4-mini", "none low low medium high xhigh xhigh" },
		{ "gpt-5.6-sol", "none low low medium high xhigh max" },
		{ "o3", "low low low medium high high high" },
		{ "ft:o4-mini-2025-04-16:us::1", "low low low medium high high high" },
		{ "o3-deep-research",
		  "medium medium medium medium medium medium medium" },
		{ "o1-mini", "      " },
		{ "gpt-7", "none minimal low medium high xhigh max" },
	};
	static const str homes[] = { STR_INIT("openai"), STR_INIT("azure"),
		                     STR_INIT("azure-cognitive-services") };

	for (size_t i = 0; i < countof(rows); i++) {
		for (size_t k = 0; k < countof(homes); k++) {
			struct buf got = BUF_LIMIT(256);

			for (unsigned e = EFFORT_NONE; e <= EFFORT_MAX; e++) {
				buf_add(&got, e == EFFORT_NONE ? STR_NONE : STR(" "));
				buf_add(&got, said(homes[k], str_from_z(rows[i].model),
				                   (enum chat_effort)e));
			}
			if (!CHECK_STR_EQ(buf_str(&got), str_from_z(rows[i].want)))
				printf("%s\n", rows[i].model);
			buf_free(&got);
		}
	}
	CHECK_STR(said(STR("openrouter"), STR("gpt-5.1"), EFFORT_XHIGH), "xhigh");
	CHECK_STR(said(STR("openai"), STR("o3"), EFFORT_UNSET), "");
}

TEST(openais_own_words_stay_as_they_are)
{
	struct chat_target t = { .provider = STR("openai"), .model = STR("o3") };
	struct chat_request r = { .from = WIRE_OPENAI_CHAT, .effort = EFFORT_NONE };

	CHECK_INT(openai_effort(&r, &t), EFFORT_NONE);
	r.from = WIRE_OPENAI_RESPONSES;
	CHECK_INT(openai_effort(&r, &t), EFFORT_NONE);
	/* Tokens are no words of OpenAI's. */
	r = (struct chat_request){ .from = WIRE_OPENAI_CHAT, .budget = 31999 };
	CHECK_INT(openai_effort(&r, &t), EFFORT_HIGH);
}

static void check_written(const struct wire *wire, const char *thinking,
                          const char *model, const char *want)
{
	struct arena keep = { .ceiling = 64 * KiB };
	struct chat_request r = { .keep = &keep, .from = WIRE_ANTHROPIC };
	struct chat_target t = { .provider = STR("openai"), .model = str_from_z(model) };
	struct buf body = BUF_LIMIT(4 * KiB), out = BUF_LIMIT(4 * KiB);
	str detail;

	buf_addf(&body,
	         "{\"model\":\"m\",\"max_tokens\":40000,\"thinking\":{\"type\":\"%s},"
	         "\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}",
	         thinking);
	CHECK_OK(wire_anthropic.read_request(buf_str(&body), &r, &detail));
	CHECK_OK(wire->write_request(&r, &t, &out, &detail));
	if (!CHECK(str_has(buf_str(&out), str_from_z(want))))
		printf("%.*s: no %s\n", STR_ARG(buf_str(&out)), want);
	buf_free(&out);
	buf_free(&body);
	arena_done(&keep);
}

TEST(budgets_of_others_become_levels_of_the_model)
{
#define CHAT(level) "\"reasoning_effort\":\"" level "\""
#define RESPONSES(level) "\"reasoning\":{\"effort\":\"" level "\""
#define BUDGET(tokens) "enabled\",\"budget_tokens\":" tokens
#define BOTH(thinking, model, level)                                                     \
	check_written(&wire_openai_chat, thinking, model, CHAT(level));                  \
	check_written(&wire_openai_responses, thinking, model, RESPONSES(level))
	BOTH(BUDGET("31999"), "gpt-5-mini", "high");
	BOTH(BUDGET("31999"), "gpt-5.2", "xhigh");
	BOTH(BUDGET("1024"), "gpt-5.1", "low");
	BOTH("disabled\"", "o3", "low");
	BOTH("disabled\"", "gpt-5-mini", "minimal");
	BOTH("disabled\"", "gpt-5.1", "none");
#undef BOTH
#undef BUDGET
#undef RESPONSES
#undef CHAT
}
