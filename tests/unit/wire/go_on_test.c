/* The request for the rest of an answer, as every format says it. */
#include "tests/unit/wire/form.h"
#include "wire/go_on.h"

#include <stdio.h>

#define ASK                                                                              \
	"{\"model\":\"m\",\"stream\":true,\"seed\":1,\"max_tokens\":50,\"messages\":[{"  \
	"\"role\":"                                                                      \
	"\"user\",\"content\":\"tell\"}]}"

static const struct wire *const wires[] = { &wire_openai_chat, &wire_openai_responses,
	                                    &wire_anthropic,   &wire_gemini,
	                                    &wire_bedrock,     &wire_cohere };

/* Writes it for the rest, and once more as it was. */
static void write_rest(struct form *f, const struct wire *to, const struct go_on *how,
                       struct buf *ret)
{
	struct chat_request before;
	struct chat_written written;
	struct chat_target t = { .model = how->model,
		                 .provider = how->provider,
		                 .stream = true };
	str detail = STR_NONE;

	buf_clear(ret);
	go_on_begin(&f->r, how, &before);
	CHECK_OK(chat_cross(&f->r, to->format, &detail));
	CHECK_OK(to->write_request(&f->r, &t, ret, &detail));
	chat_uncross(&f->r, &written);
	go_on_end(&f->r, &before);
}

TEST(go_on_in_words_in_every_format)
{
	const struct go_on how = { .method = SEAM_ANCHOR,
		                   .said = STR_INIT("Once there \"was\" a fox\n"),
		                   .anchor = STR_INIT("there \"was\" a fox\n"),
		                   .provider = STR_INIT("p"),
		                   .model = STR_INIT("m"),
		                   .said_tokens = 10 };
	struct buf body = BUF_LIMIT(MiB);
	struct form f;

	for (size_t i = 0; i < countof(wires); i++) {
		struct json_value root;

		CHECK_OK(form_read(&f, &wire_openai_chat, STR(ASK)));
		write_rest(&f, wires[i], &how, &body);
		CHECK_OK(json_check(buf_str(&body), &json_limits_default, &root));
		CHECK(str_has(buf_str(&body), STR("Once there \\\"was\\\" a fox")));
		CHECK(str_has(buf_str(&body), STR("<<<there \\\"was\\\" a fox\\n>>>")));
		CHECK(!str_has(buf_str(&body), STR("seed")));
		CHECK(str_has(buf_str(&body), STR(":45"))); /* 50 - 10 + 5 */
		/* What was asked first is as it was. */
		CHECK_OK(form_write(&f, wires[i], STR("m")));
		CHECK(!str_has(buf_str(&f.body), STR("fox")));
		CHECK(str_has(buf_str(&f.body), STR(":50")));
		form_done(&f);
	}
	buf_free(&body);
}

TEST(go_on_from_a_prefix_says_so_where_that_is_wanted)
{
	struct go_on how = { .method = SEAM_PREFIX,
		             .said = STR_INIT("Once there \n"),
		             .provider = STR_INIT("mistral"),
		             .model = STR_INIT("mistral-large-latest"),
		             .said_tokens = 10 };
	struct buf body = BUF_LIMIT(MiB);
	struct form f;

	CHECK_OK(form_read(&f, &wire_openai_chat, STR(ASK)));
	CHECK(go_on_has_prefix(how.provider, how.model, &f.r));
	write_rest(&f, &wire_openai_chat, &how, &body);
	CHECK(str_has(buf_str(&body), STR("{\"role\":\"assistant\",\"content\":\"Once "
	                                  "there\",\"prefix\":true}]")));
	CHECK(str_has(buf_str(&body), STR(":40")));
	how.provider = STR("anthropic");
	how.model = STR("claude-haiku-4-5");
	write_rest(&f, &wire_anthropic, &how, &body);
	CHECK(!str_has(buf_str(&body), STR("\"prefix\"")));
	CHECK(str_has(buf_str(&body), STR("\"Once there\"")));
	form_done(&f);
	buf_free(&body);
}

TEST(go_on_from_a_prefix_only_where_it_is_known_to_work)
{
	struct chat_request r = { 0 };

	CHECK(go_on_has_prefix(STR("anthropic"), STR("claude-sonnet-4-5-20250929"), &r));
	CHECK(!go_on_has_prefix(STR("anthropic"), STR("claude-sonnet-4-6"), &r));
	CHECK(!go_on_has_prefix(STR("anthropic"), STR("claude-opus-5"), &r));
	CHECK(!go_on_has_prefix(STR("openai"), STR("gpt-5"), &r));
	CHECK(!go_on_has_prefix(STR("google"), STR("gemini-3.6-flash"), &r));
	r.effort = EFFORT_HIGH;
	CHECK(!go_on_has_prefix(STR("anthropic"), STR("claude-sonnet-4-5"), &r));
}

TEST(go_on_not_where_the_form_cannot_be_kept)
{
	static const struct {
		const char *more;
		bool may;
	} cases[] = {
		{ "", true },
		{ "\"response_format\":{\"type\":\"json_object\"},", false },
		{ "\"logprobs\":true,", false },
		{ "\"guided_json\":{\"type\":\"object\"},", false },
		{ "\"guided_regex\":\"[a-z]+\",", false },
		{ "\"structured_outputs\":{\"choice\":[\"a\",\"b\"]},", false },
		{ "\"grammar\":\"root ::= x\",", false },
		{ "\"guided_json\":null,", true },
		{ "\"min_p\":0.1,\"add_generation_prompt\":true,", true },
		{ "\"seed\":3,", true },
	};

	for (size_t i = 0; i < countof(cases); i++) {
		char body[400];
		struct form f;

		snprintf(body, sizeof(body),
		         "{\"model\":\"m\",%s\"messages\":[{\"role\":\"user\","
		         "\"content\":\"x\"}]}",
		         cases[i].more);
		CHECK_OK(form_read(&f, &wire_openai_chat, str_from_z(body)));
		CHECK_INT(go_on_may(&f.r, false), cases[i].may);
		if (i == countof(cases) - 1)
			CHECK(!go_on_may(&f.r, true)); /* strict: the seed counts */
		form_done(&f);
	}
}

TEST(go_on_asks_for_a_few_tokens_where_none_seem_to_be_left)
{
	const struct go_on how = { .method = SEAM_PREFIX,
		                   .said = STR_INIT("x"),
		                   .said_tokens = 60 };
	struct chat_request before;
	struct form f;

	CHECK_OK(form_read(&f, &wire_openai_chat, STR(ASK)));
	go_on_begin(&f.r, &how, &before);
	CHECK_INT(f.r.max_tokens, 16);
	go_on_end(&f.r, &before);
	CHECK_INT(f.r.max_tokens, 50);
	f.r.max_tokens = 9; /* never more than was wanted */
	go_on_begin(&f.r, &how, &before);
	CHECK_INT(f.r.max_tokens, 9);
	go_on_end(&f.r, &before);
	form_done(&f);
}
