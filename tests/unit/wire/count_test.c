/* Counting tokens: asked in each format's way, or guessed. */
#include "wire/count.h"

#include "tests/unit/wire/form.h"

#include <stdio.h>

static void count_check(const char *file, int line, const struct wire *from, str body,
                        const struct wire *to, str model, str want)
{
	struct arena keep = { .ceiling = 4 * MiB };
	struct chat_request r = { .keep = &keep, .from = from->format };
	struct chat_target t = { .model = model };
	struct buf out = BUF_LIMIT(MiB);
	str detail = STR_NONE;
	fault_t why = from->work[OP_COUNT]->read(body, &r, &detail);

	if (!why)
		why = chat_cross(&r, to->format, &detail);
	if (!why)
		why = to->work[OP_COUNT]->write(&r, &t, &out, &detail);
	check_str(file, line, "the request", why ? detail : buf_str(&out), want);
	buf_free(&out);
	arena_done(&keep);
}
#define COUNT_CHECK(from, body, to, model, want)                                         \
	count_check(__FILE__, __LINE__, &wire_##from, STR(body), &wire_##to, STR(model), \
	            STR(want))

TEST(count_requests)
{
	COUNT_CHECK(
	        anthropic,
	        "{\"model\":\"x\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}",
	        gemini, "g",
	        "{\"generateContentRequest\":{\"model\":\"models/g\",\"contents\":[{"
	        "\"role\":\"user\",\"parts\":[{\"text\":\"a\"}]}],\"generationConfig\":{}"
	        "}}");
	COUNT_CHECK(openai_responses,
	            "{\"model\":\"x\",\"instructions\":\"i\",\"input\":\"a\"}", bedrock,
	            "b",
	            "{\"input\":{\"converse\":{\"messages\":[{\"role\":\"user\","
	            "\"content\":[{"
	            "\"text\":\"a\"}]}],\"system\":[{\"text\":\"i\"}]}}}");
	COUNT_CHECK(bedrock,
	            "{\"input\":{\"converse\":{\"messages\":[{\"role\":\"user\","
	            "\"content\":[{"
	            "\"text\":\"a\"}]}]}}}",
	            anthropic, "claude",
	            "{\"model\":\"claude\",\"messages\":[{\"role\":\"user\",\"content\":"
	            "\"a\"}]"
	            "}");
	COUNT_CHECK(bedrock, "{\"input\":{\"invokeModel\":{\"body\":\"e30=\"}}}",
	            anthropic, "claude",
	            "only \"input.converse\" can be counted for this model's provider");
}

TEST(count_answers)
{
	static const struct {
		const struct wire *wire;
		const char *text, *path, *model;
	} rows[] = {
		{ &wire_anthropic, "{\"input_tokens\":7}", "/messages/count_tokens",
		  "m" },
		{ &wire_gemini, "{\"totalTokens\":7}", "/models/m:countTokens", "m" },
		{ &wire_bedrock, "{\"inputTokens\":7}", "/model/m%3A0/count-tokens",
		  "us.m:0" },
		{ &wire_openai_responses,
		  "{\"object\":\"response.input_tokens\",\"input_tokens\":7}",
		  "/responses/input_tokens", "m" },
	};
	struct buf out = BUF_LIMIT(KiB);

	for (size_t i = 0; i < countof(rows); i++) {
		for (size_t n = 0; n < countof(rows); n++) {
			struct work_answer a = { 0 };

			buf_clear(&out);
			CHECK_OK(work_reply(rows[n].wire, rows[i].wire, OP_COUNT, NULL,
			                    str_from_z(rows[n].text), &a, &out));
			CHECK_STR_EQ(buf_str(&out), str_from_z(rows[i].text));
		}
		buf_clear(&out);
		rows[i].wire->write_path(OP_COUNT, str_from_z(rows[i].model), false,
		                         &out);
		CHECK_STR_EQ(buf_str(&out), str_from_z(rows[i].path));
	}
	buf_free(&out);
}

TEST(count_guesses_from_texts)
{
	static char body[200000];
	struct arena keep = { .ceiling = 4 * MiB };
	struct chat_request r = { .keep = &keep, .from = WIRE_ANTHROPIC };
	str detail = STR_NONE;
	int n;

	/* a picture counts as one, not by its bytes */
	n = snprintf(
	        body, sizeof(body),
	        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":["
	        "{\"type\":\"text\",\"text\":\"%0400d\"},{\"type\":\"image\",\"source\":{"
	        "\"type\":\"base64\",\"media_type\":\"image/"
	        "png\",\"data\":\"%0100000d\"}}"
	        "]}]}",
	        0, 0);
	CHECK_OK(wire_anthropic.work[OP_COUNT]->read(str_of(body, (size_t)n), &r,
	                                             &detail));
	CHECK_INT(count_guess(&r), 4 + 100 + 1000);
	arena_done(&keep);
}
