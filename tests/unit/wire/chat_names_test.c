/* Names of tools that a format cannot hold, there and back. */
#include "tests/unit/wire/form.h"

#define LONG "a234567890b234567890c234567890d234567890e234567890f234567890g234567890"

static str name_at(const struct form *f, const char *path)
{
	str name = form_member(f, path).raw;

	return name.len > 2 ? str_of(name.ptr + 1, name.len - 2) : STR_NONE;
}

static const char gemini_body[] =
        "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"a\"}]},"
        "{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":\"files.read\","
        "\"args\":{}}}]},{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"name\":"
        "\"files.read\",\"response\":{\"a\":1}}}]}],\"tools\":[{\"functionDeclarations\":"
        "[{\"name\":\"files.read\"},{\"name\":\"files:read\"},{\"name\":\"plain\"}]}],"
        "\"toolConfig\":{\"functionCallingConfig\":{\"mode\":\"ANY\","
        "\"allowedFunctionNames\":[\"files.read\"]}}}";

TEST(tools_are_renamed_where_a_format_cannot_hold_the_name)
{
	struct form f;
	str dot, colon;

	CHECK_OK(form_read(&f, &wire_gemini, str_from_z(gemini_body)));
	CHECK_OK(form_write(&f, &wire_anthropic, STR("m")));
	dot = arena_copy(&f.keep, name_at(&f, "tools.0.name"));
	CHECK(str_starts(dot, STR("files_read_")) && dot.len == 19);
	CHECK_STR_EQ(name_at(&f, "messages.1.content.0.name"), dot);
	CHECK_STR_EQ(name_at(&f, "tool_choice.name"), dot);
	CHECK_STR_EQ(f.r.dropped_count ? f.r.dropped[0] : STR("none"), STR("none"));
	CHECK_STR(chat_client_name(f.written.renamed, dot), "files.read");
	CHECK_STR(chat_client_name(f.written.renamed, STR("plain")), "plain");
	/* Another target keeps them all; and the same one gets the same names again. */
	CHECK_OK(form_write(&f, &wire_openai_chat, STR("m")));
	colon = arena_copy(&f.keep, name_at(&f, "tools.1.function.name"));
	CHECK(str_starts(colon, STR("files_read_")) && !str_eq(colon, dot));
	CHECK_STR_EQ(name_at(&f, "tools.0.function.name"), dot);
	CHECK_STR(name_at(&f, "tools.2.function.name"), "plain");
	CHECK_STR_EQ(name_at(&f, "messages.1.tool_calls.0.function.name"), dot);
	form_done(&f);
}

TEST(names_of_tools_are_cut_and_begin_as_the_format_wants)
{
	static const char body[] =
	        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],"
	        "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"" LONG
	        "1\"}},"
	        "{\"type\":\"function\",\"function\":{\"name\":\"" LONG "2\"}},"
	        "{\"type\":\"function\",\"function\":{\"name\":\"7zip\"}},"
	        "{\"type\":\"function\",\"function\":{\"name\":\"\\u00e9t\xc3\xa9\"}}]}";
	struct form f;
	str first, second;

	CHECK_OK(form_read(&f, &wire_openai_chat, str_from_z(body)));
	CHECK_OK(form_write(&f, &wire_gemini, STR("gemini-3-pro")));
	first = arena_copy(&f.keep, name_at(&f, "tools.0.functionDeclarations.0.name"));
	second = arena_copy(&f.keep, name_at(&f, "tools.0.functionDeclarations.1.name"));
	CHECK_INT(first.len, 64);
	CHECK_INT(second.len, 64);
	CHECK(!str_eq(first, second));
	CHECK_STR(chat_client_name(f.written.renamed, second), LONG "2");
	CHECK(str_starts(name_at(&f, "tools.0.functionDeclarations.2.name"),
	                 STR("_zip_")));
	CHECK(str_starts(name_at(&f, "tools.0.functionDeclarations.3.name"),
	                 STR("_t__")));
	CHECK_OK(form_write(&f, &wire_bedrock, STR("m")));
	CHECK_STR(name_at(&f, "toolConfig.tools.2.toolSpec.name"), "7zip");
	form_done(&f);
}
