#include "wire/cap.h"

#include "tests/check.h"

/* The body with the limit in it. */
static void check_cap(const struct wire *wire, const char *provider, const char *body,
                      const char *want)
{
	struct arena keep = { 0 };
	struct buf got = BUF_LIMIT(KiB);
	struct edit e;

	if (cap_edit(wire, str_from_z(body), str_from_z(provider), STR("m"), 77, &keep,
	             &e)) {
		buf_add(&got, str_first(str_from_z(body), e.at));
		buf_add(&got, e.with);
		buf_add(&got, str_from(str_from_z(body), e.at + e.len));
	}
	CHECK_STR_EQ(buf_str(&got), str_from_z(want));
	buf_free(&got);
	arena_done(&keep);
}

TEST(a_limit_is_put_where_each_format_has_it)
{
	check_cap(&wire_openai_chat, "openai", " {\"model\":\"m\"}",
	          " {\"max_completion_tokens\":77,\"model\":\"m\"}");
	check_cap(&wire_openai_chat, "elsewhere", "{\"model\":\"m\"}",
	          "{\"max_tokens\":77,\"model\":\"m\"}");
	check_cap(&wire_openai_chat, "elsewhere", "{}", "{\"max_tokens\":77}");
	check_cap(&wire_openai_responses, "openai", "{\"model\":\"m\"}",
	          "{\"max_output_tokens\":77,\"model\":\"m\"}");
	check_cap(&wire_anthropic, "anthropic", "{\"model\":\"m\"}",
	          "{\"max_tokens\":77,\"model\":\"m\"}");
	check_cap(&wire_cohere, "cohere", "{\"model\":\"m\"}",
	          "{\"max_tokens\":77,\"model\":\"m\"}");
	check_cap(&wire_gemini, "google", "{\"contents\":[]}",
	          "{\"generationConfig\":{\"maxOutputTokens\":77},\"contents\":[]}");
	check_cap(&wire_gemini, "google", "{\"generation_config\":{\"topK\":1}}",
	          "{\"generation_config\":{\"maxOutputTokens\":77,\"topK\":1}}");
	check_cap(&wire_gemini, "google", "{\"generationConfig\":{}}",
	          "{\"generationConfig\":{\"maxOutputTokens\":77}}");
	check_cap(&wire_bedrock, "amazon-bedrock", "{\"messages\":[]}",
	          "{\"inferenceConfig\":{\"maxTokens\":77},\"messages\":[]}");
}

TEST(a_limit_that_is_there_stays)
{
	check_cap(&wire_openai_chat, "openai", "{\"max_tokens\":5}", "");
	check_cap(&wire_openai_chat, "openai", "{\"max_tokens\":null}",
	          "{\"max_tokens\":77}");
	check_cap(&wire_gemini, "google", "{\"generationConfig\":7}", "");
}

TEST(a_limit_takes_the_place_of_a_null)
{
	check_cap(&wire_gemini, "google", "{\"generationConfig\":null,\"contents\":[]}",
	          "{\"generationConfig\":{\"maxOutputTokens\":77},\"contents\":[]}");
	check_cap(&wire_gemini, "google", "{\"generation_config\": null}",
	          "{\"generation_config\": {\"maxOutputTokens\":77}}");
	check_cap(&wire_gemini, "google",
	          "{\"generationConfig\":null,\"generation_config\":{}}",
	          "{\"generationConfig\":null,\"generation_config\":{\"maxOutputTokens\":"
	          "77}}");
	check_cap(&wire_bedrock, "amazon-bedrock", "{\"inferenceConfig\":null}",
	          "{\"inferenceConfig\":{\"maxTokens\":77}}");
}

TEST(a_limit_of_zero_is_none)
{
	check_cap(&wire_openai_chat, "openai", "{\"max_tokens\":0}",
	          "{\"max_tokens\":77}");
	check_cap(&wire_anthropic, "anthropic", "{\"max_tokens\":0}",
	          "{\"max_tokens\":77}");
	check_cap(&wire_gemini, "google",
	          "{\"generationConfig\":{\"maxOutputTokens\":0}}",
	          "{\"generationConfig\":{\"maxOutputTokens\":77}}");
	check_cap(&wire_bedrock, "amazon-bedrock",
	          "{\"inferenceConfig\":{\"maxTokens\":0}}",
	          "{\"inferenceConfig\":{\"maxTokens\":77}}");
	/* Of two the one that the host reads. */
	check_cap(&wire_openai_chat, "elsewhere",
	          "{\"max_completion_tokens\":null,\"max_tokens\":0}",
	          "{\"max_completion_tokens\":null,\"max_tokens\":77}");
}

TEST(whom_a_request_is_for_is_skimmed)
{
	static const struct {
		const struct wire *wire;
		const char *body, *user;
	} rows[] = {
		{ &wire_openai_chat, "{\"model\":\"m\",\"user\":\"b\\u006fb\"}", "bob" },
		{ &wire_openai_chat, "{\"model\":\"m\",\"user\":7}", "" },
		{ &wire_openai_responses, "{\"model\":\"m\",\"user\":\"bob\"}", "bob" },
		{ &wire_anthropic, "{\"model\":\"m\",\"metadata\":{\"user_id\":\"bob\"}}",
		  "bob" },
		{ &wire_anthropic, "{\"model\":\"m\",\"metadata\":null}", "" },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct arena keep = { 0 };
		struct skimmed s;
		str detail = STR_NONE;

		CHECK_OK(rows[i].wire->skim(str_from_z(rows[i].body), OP_CHAT, &keep, &s,
		                            &detail));
		CHECK_STR_EQ(s.user, str_from_z(rows[i].user));
		arena_done(&keep);
	}
}
