#include "wire/provider.h"

#include "tests/check.h"

TEST(provider_rows_are_sorted_and_found)
{
	const struct provider_row *row, *before = NULL;
	unsigned i = 0;

	for (; (row = provider_row_at(i)); before = row, i++) {
		CHECK(!before || str_cmp(before->id, row->id) < 0);
		CHECK(provider_row_find(row->id) == row);
		CHECK(row->format > WIRE_NONE && row->format < WIRE_FORMATS);
		CHECK(!str_ends(row->url, STR("/")));
		CHECK(!str_ends(row->url, STR("/chat/completions")));
	}
	CHECK(i > 10);
	CHECK(!provider_row_find(STR("nobody")) && !provider_row_find(STR_NONE));
}

TEST(provider_rows_know_what_differs)
{
	CHECK_STR(provider_row_find(STR("openai"))->url, "https://api.openai.com/v1");
	CHECK_INT(provider_row_find(STR("ollama"))->auth, AUTH_NONE);
	CHECK(provider_row_find(STR("xai"))->quirks & QUIRK_REASONING_BESIDE);
	CHECK(provider_row_find(STR("snowflake-cortex"))->quirks & QUIRK_NO_FINISH);
	CHECK(!provider_row_find(STR("moonshotai")));
}

TEST(some_providers_choose_a_model_where_a_request_lets_them)
{
	const struct provider_choice *c =
	        provider_choice_find(STR("openrouter"), STR("10.0.0.1"));

	CHECK(c && c == provider_choice_find(STR("mine"), STR("OpenRouter.ai")));
	CHECK(provider_choice_find(STR("vercel"), STR_NONE));
	CHECK(!provider_choice_find(STR("openai"), STR("api.openai.com")));
	CHECK_STR(provider_choice_in(c, STR(" {\"model\":\"a\",\"models\":[\"b\"]}")),
	          "models");
	CHECK_STR(provider_choice_in(c, STR("{\"mod\\u0065ls\":[]}")), "models");
	CHECK_STR(provider_choice_in(c, STR("{\"route\":\"fallback\"}")), "route");
	CHECK_STR(provider_choice_in(c, STR("{\"preset\":\"x\"}")), "preset");
	CHECK_STR(provider_choice_in(c, STR("{\"models\":null,\"x\":{\"route\":1}}")),
	          "");
	CHECK_STR(provider_choice_in(c, STR("--B\r\n")), "");
}

TEST(wire_formats_have_names)
{
	CHECK_INT(wire_format_find(STR("openai-chat")), WIRE_OPENAI_CHAT);
	CHECK_INT(wire_format_find(STR("openai")), WIRE_NONE);
	CHECK_INT(wire_format_find(STR("none")), WIRE_NONE);
	CHECK_STR(wire_format_name(WIRE_OPENAI_CHAT), "openai-chat");
	CHECK_INT(wire_format_auth(WIRE_OPENAI_CHAT), AUTH_BEARER);
}
