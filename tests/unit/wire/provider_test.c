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

TEST(wire_formats_have_names)
{
	CHECK_INT(wire_format_find(STR("openai-chat")), WIRE_OPENAI_CHAT);
	CHECK_INT(wire_format_find(STR("openai")), WIRE_NONE);
	CHECK_INT(wire_format_find(STR("none")), WIRE_NONE);
	CHECK_STR(wire_format_name(WIRE_OPENAI_CHAT), "openai-chat");
	CHECK_INT(wire_format_auth(WIRE_OPENAI_CHAT), AUTH_BEARER);
}
