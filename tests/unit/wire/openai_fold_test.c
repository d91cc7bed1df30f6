#include "tests/check.h"

#include "base/mem.h"
#include "codec/json.h"
#include "codec/sse.h"
#include "wire/openai_fold.h"

#include <stdio.h>
#include <stdlib.h>

#define HEAD                                                                             \
	"data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":7,"       \
	"\"model\":\"m\",\"choices\":["
/* An event with one choice: what it says beside its index, and its finish. */
#define SAYS(index, delta) HEAD "{\"index\":" #index ",\"delta\":{" delta "}}]}\n\n"
#define ENDS(index, reason)                                                              \
	HEAD "{\"index\":" #index ",\"delta\":{},\"finish_reason\":\"" reason "\"}]}"    \
	     "\n\n"
#define DONE "data: [DONE]\n\n"

/* What the head and one choice look like in an answer. */
#define ANSWER                                                                           \
	"{\"id\":\"c1\",\"object\":\"chat.completion\",\"created\":7,\"model\":\"m\","   \
	"\"choices\":["

static struct buf out;

static fault_t fold(str stream)
{
	out = BUF_LIMIT(16 * MiB);
	return openai_fold(stream, &out);
}

/* Folds what must go well; the answer is JSON, whatever else. */
static str folded(const char *stream)
{
	struct json_value root;

	if (!CHECK_OK(fold(str_from_z(stream))))
		return STR("");
	CHECK_OK(json_check(buf_str(&out), &json_limits_default, &root));
	return buf_str(&out);
}

#define CHECK_FOLD(stream, want)                                                         \
	do {                                                                             \
		CHECK_STR(folded(stream), want);                                         \
		buf_free(&out);                                                          \
	} while (0)

TEST(fold_joins_what_a_choice_says)
{
	CHECK_FOLD(SAYS(0, "\"role\":\"assistant\",\"content\":\"\",\"refusal\":null")
	                   SAYS(0, "\"content\":\"Hel\"") SAYS(0, "\"content\":\"lo\\n\"")
	                           ENDS(0, "stop") DONE,
	           ANSWER "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"
	                  "\"Hello\\n\",\"refusal\":null},\"finish_reason\":\"stop\"}]}");
}

/* Perplexity's way: a message beside the delta is all that was said so far. */
TEST(fold_takes_pieces_rather_than_what_repeats_them)
{
#define BOTH(finish, piece, all)                                                         \
	"data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"finish_reason\":" finish        \
	",\"message\":{\"role\":\"assistant\",\"content\":\"" all                        \
	"\"},\"delta\":{\"role\":\"assistant\",\"content\":\"" piece "\"}}]}\n\n"
	CHECK_FOLD(BOTH("null", "It", "It") BOTH("null", " rains", "It rains")
	                   BOTH("\"stop\"", "", "It rains") DONE,
	           "{\"id\":\"c\",\"choices\":[{\"index\":0,\"finish_reason\":\"stop\","
	           "\"message\":{\"role\":\"assistant\",\"content\":\"It rains\"}}],"
	           "\"object\":\"chat.completion\"}");
#undef BOTH
}

TEST(fold_tells_interleaved_choices_apart)
{
	CHECK_FOLD(
	        SAYS(1, "\"role\":\"assistant\",\"content\":\"b\"")
	                SAYS(0, "\"role\":\"assistant\",\"content\":\"a\"")
	                        SAYS(1, "\"content\":\"B\"") ENDS(0, "stop")
	                                SAYS(1, "\"content\":\"!\"") ENDS(1, "length"),
	        ANSWER
	        "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"a\"},"
	        "\"finish_reason\":\"stop\"},"
	        "{\"index\":1,\"message\":{\"role\":\"assistant\",\"content\":\"bB!\"},"
	        "\"finish_reason\":\"length\"}]}");
}

#define CALL(index, inside) "\"tool_calls\":[{\"index\":" #index "," inside "}]"

TEST(fold_merges_calls_by_index)
{
	CHECK_FOLD(SAYS(0, "\"role\":\"assistant\",\"content\":null," CALL(
	                           0, "\"id\":\"x\",\"type\":\"function\",\"function\":{"
	                              "\"name\":\"f\",\"arguments\":\"\"}"))
	                   SAYS(0, CALL(1, "\"id\":\"y\",\"type\":\"function\","
	                                   "\"function\":{\"name\":\"g\",\"arguments\":"
	                                   "\"{\"}"))
	                           SAYS(0, CALL(0, "\"function\":{\"arguments\":"
	                                           "\"{\\\"a\\\":\"}"))
	                                   SAYS(0, CALL(1, "\"function\":{\"arguments\":"
	                                                   "\"}\"}"))
	                                           SAYS(0, CALL(0, "\"id\":\"\","
	                                                           "\"function\":{"
	                                                           "\"name\":\"\","
	                                                           "\"arguments\":"
	                                                           "\"1}\"}"))
	                                                   ENDS(0, "tool_calls") DONE,
	           ANSWER "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"
	                  "null,\"tool_calls\":["
	                  "{\"id\":\"x\",\"type\":\"function\",\"function\":{\"name\":"
	                  "\"f\",\"arguments\":\"{\\\"a\\\":1}\"}},"
	                  "{\"id\":\"y\",\"type\":\"function\",\"function\":{\"name\":"
	                  "\"g\",\"arguments\":\"{}\"}}]},"
	                  "\"finish_reason\":\"tool_calls\"}]}");
}

TEST(fold_keeps_calls_apart_that_share_an_index)
{
	CHECK_FOLD(SAYS(0, "\"tool_calls\":[{\"id\":\"x\",\"function\":{\"name\":\"f\","
	                   "\"arguments\":\"1\"}},{\"id\":\"y\",\"function\":{\"name\":"
	                   "\"f\",\"arguments\":\"2\"}}]") ENDS(0, "tool_calls"),
	           ANSWER "{\"index\":0,\"message\":{\"tool_calls\":["
	                  "{\"id\":\"x\",\"function\":{\"name\":\"f\",\"arguments\":"
	                  "\"1\"}},"
	                  "{\"id\":\"y\",\"function\":{\"name\":\"f\",\"arguments\":"
	                  "\"2\"}}],"
	                  "\"role\":\"assistant\",\"content\":null},"
	                  "\"finish_reason\":\"tool_calls\"}]}");
	/* A new id for each piece: still one call. */
	CHECK_FOLD(SAYS(0, CALL(0, "\"id\":\"x\",\"function\":{\"name\":\"f\"}"))
	                   SAYS(0, CALL(0, "\"id\":\"y\",\"function\":{\"arguments\":"
	                                   "\"{}\"}")) ENDS(0, "tool_calls"),
	           ANSWER "{\"index\":0,\"message\":{\"tool_calls\":["
	                  "{\"id\":\"x\",\"function\":{\"name\":\"f\",\"arguments\":"
	                  "\"{}\"}}],"
	                  "\"role\":\"assistant\",\"content\":null},"
	                  "\"finish_reason\":\"tool_calls\"}]}");
}

/* As the reader of streams does (openai_delta.c). */
TEST(fold_keeps_calls_apart_that_have_neither_index_nor_id)
{
	CHECK_FOLD(SAYS(0, "\"tool_calls\":[{\"function\":{\"name\":\"f\","
	                   "\"arguments\":\"{\\\"a\\\":1}\"}}]")
	                   SAYS(0, "\"tool_calls\":[{\"function\":{\"name\":\"g\","
	                           "\"arguments\":\"{\"}}]")
	                           SAYS(0, "\"tool_calls\":[{\"function\":{"
	                                   "\"arguments\":\"}\"}}]") ENDS(0, "tool_calls")
	                                   DONE,
	           ANSWER "{\"index\":0,\"message\":{\"tool_calls\":["
	                  "{\"function\":{\"name\":\"f\",\"arguments\":"
	                  "\"{\\\"a\\\":1}\"}},"
	                  "{\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}],"
	                  "\"role\":\"assistant\",\"content\":null},"
	                  "\"finish_reason\":\"tool_calls\"}]}");
}

TEST(fold_function_call)
{
	CHECK_FOLD(SAYS(0, "\"role\":\"assistant\",\"content\":null,\"function_call\":{"
	                   "\"name\":\"f\",\"arguments\":\"{\"}")
	                   SAYS(0, "\"function_call\":{\"arguments\":\"}\"}")
	                           ENDS(0, "function_call"),
	           ANSWER "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"
	                  "null,\"function_call\":{\"name\":\"f\",\"arguments\":\"{}\"}},"
	                  "\"finish_reason\":\"function_call\"}]}");
}

TEST(fold_reasoning_and_refusal)
{
	CHECK_FOLD(SAYS(0, "\"role\":\"assistant\",\"content\":null,\"reasoning_"
	                   "content\":\"\"") SAYS(0, "\"reasoning_content\":\"h\"")
	                   SAYS(0, "\"reasoning_content\":\"m\",\"content\":null")
	                           SAYS(0, "\"reasoning_content\":null,\"content\":\"a\"")
	                                   ENDS(0, "stop"),
	           ANSWER "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"
	                  "\"a\",\"reasoning_content\":\"hm\"},\"finish_reason\":"
	                  "\"stop\"}]}");
	CHECK_FOLD(SAYS(0, "\"role\":\"assistant\",\"content\":\"\",\"refusal\":\"I \"")
	                   SAYS(0, "\"refusal\":\"can't\"") ENDS(0, "stop"),
	           ANSWER "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"
	                  "\"\",\"refusal\":\"I can't\"},\"finish_reason\":\"stop\"}]}");
	CHECK_FOLD(SAYS(0, "\"reasoning\":\"h\",\"reasoning_details\":[{\"type\":"
	                   "\"reasoning.text\",\"text\":\"h\",\"index\":0}]")
	                   SAYS(0, "\"reasoning\":\"m\",\"reasoning_details\":[{\"type\":"
	                           "\"reasoning.text\",\"text\":\"m\",\"signature\":"
	                           "\"s\",\"index\":0}]")
	                           SAYS(0, "\"reasoning_details\":[{\"type\":"
	                                   "\"reasoning.encrypted\",\"data\":\"1\","
	                                   "\"index\":0},{\"type\":"
	                                   "\"reasoning.encrypted\",\"data\":\"2\","
	                                   "\"index\":0}]") ENDS(0, "stop"),
	           ANSWER
	           "{\"index\":0,\"message\":{\"reasoning\":\"hm\","
	           "\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":"
	           "\"hm\",\"index\":0,\"signature\":\"s\"},"
	           "{\"type\":\"reasoning.encrypted\",\"data\":\"1\",\"index\":0},"
	           "{\"type\":\"reasoning.encrypted\",\"data\":\"2\",\"index\":0}],"
	           "\"role\":\"assistant\",\"content\":null},"
	           "\"finish_reason\":\"stop\"}]}");
}

/* Mistral thinks in parts and answers in plain text. */
TEST(fold_content_in_parts)
{
	CHECK_FOLD(SAYS(0, "\"role\":\"assistant\",\"content\":\"\"")
	                   SAYS(0, "\"content\":[{\"type\":\"thinking\"},{\"n\":1}]")
	                           SAYS(0, "\"content\":\"a\"")
	                                   SAYS(0, "\"content\":\"b\"") ENDS(0, "stop"),
	           ANSWER "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":["
	                  "{\"type\":\"thinking\"},{\"n\":1},{\"type\":\"text\",\"text\":"
	                  "\"ab\"}]},\"finish_reason\":\"stop\"}]}");
}

TEST(fold_takes_the_last_usage_and_what_nobody_knows)
{
	CHECK_FOLD("data: {\"id\":\"\",\"object\":\"\",\"created\":0,\"model\":\"\","
	           "\"choices\":[],\"prompt_filter_results\":[1]}\n\n"
	           "data: {\"id\":\"c\",\"created\":7,\"model\":\"m\",\"service_tier\":"
	           "null,\"obfuscation\":\"xxx\",\"choices\":[{\"delta\":{\"content\":"
	           "\"a\",\"channel\":\"x\"},\"native\":null}],\"usage\":null}\n\n"
	           "data: {\"id\":\"d\",\"model\":\"n\",\"service_tier\":\"flex\","
	           "\"system_fingerprint\":\"fp\",\"choices\":[{\"delta\":{\"channel\":"
	           "\"y\"},\"finish_reason\":\"stop\",\"native\":\"END\"}],"
	           "\"usage\":{\"prompt_tokens\":1}}\n\n"
	           "data: {\"choices\":[{\"finish_reason\":null}],\"usage\":null}\n\n"
	           "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":2}}\n\n" DONE
	           "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3}}\n\n",
	           "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":7,"
	           "\"model\":\"m\",\"choices\":[{\"message\":{\"content\":\"a\","
	           "\"channel\":\"y\",\"role\":\"assistant\"},\"native\":\"END\","
	           "\"finish_reason\":\"stop\",\"index\":0}],"
	           "\"prompt_filter_results\":[1],\"service_tier\":\"flex\","
	           "\"usage\":{\"prompt_tokens\":2},\"system_fingerprint\":\"fp\"}");
}

TEST(fold_logprobs)
{
	CHECK_FOLD(
	        HEAD "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
	             "\"logprobs\":null}]}\n\n" HEAD
	             "{\"index\":0,\"delta\":{\"content\":\"a\"},\"logprobs\":{"
	             "\"content\":[{\"token\":\"a\"}],\"refusal\":null}}]}\n\n" HEAD
	             "{\"index\":0,\"delta\":{\"content\":\"b\"},\"logprobs\":{"
	             "\"content\":[{\"token\":\"b\"}, {\"token\":\"\"}]}}]}\n\n" ENDS(
	                     0, "stop"),
	        ANSWER "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"
	               "\"ab\"},\"logprobs\":{\"content\":[{\"token\":\"a\"},{\"token\":"
	               "\"b\"},{\"token\":\"\"}],\"refusal\":null},\"finish_reason\":"
	               "\"stop\"}]}");
}

TEST(fold_text_completion)
{
	CHECK_FOLD("data: {\"id\":\"t\",\"object\":\"text_completion\",\"choices\":[{"
	           "\"text\":\"a\",\"index\":0,\"logprobs\":{\"tokens\":[\"a\"],\"text_"
	           "offset\":[0]},\"finish_reason\":null}]}\n\n"
	           "data: {\"id\":\"t\",\"object\":\"text_completion\",\"choices\":[{"
	           "\"text\":\"b\",\"index\":0,\"logprobs\":{\"tokens\":[\"b\"],\"text_"
	           "offset\":[1]},\"finish_reason\":\"length\"}]}\n\n" DONE,
	           "{\"id\":\"t\",\"object\":\"text_completion\",\"choices\":[{\"text\":"
	           "\"ab\",\"index\":0,\"logprobs\":{\"tokens\":[\"a\",\"b\"],\"text_"
	           "offset\":[0,1]},\"finish_reason\":\"length\"}]}");
}

/* The halves of a pair, cut between deltas, meet again; escapes stay as they are. */
TEST(fold_escapes)
{
	char room[64];

	str answer = folded(SAYS(0, "\"content\":\"\\u003c\\ud83d\"")
	                            SAYS(0, "\"content\":\"\\ude00\\\\\"")
	                                    SAYS(0, "\"content\":\"\\\"\xc3\xa9\"")
	                                            ENDS(0, "stop"));
	struct json_value root, content;
	CHECK_OK(json_check(answer, &json_limits_default, &root));
	struct json_iter it = json_iter(json_get(root, STR("choices")));
	struct json_member choice;
	CHECK(json_next(&it, &choice));
	content = json_path(choice.value, "message.content");
	CHECK_STR(content.raw, "\"\\u003c\\ud83d\\ude00\\\\\\\"\xc3\xa9\"");
	CHECK_STR(json_text(content, room), "<\xf0\x9f\x98\x80\\\"\xc3\xa9");
	buf_free(&out);
	/* Names, too, are the same however they are written. */
	CHECK_FOLD(SAYS(0, "\"conten\\u0074\":\"a\",\"\\u0061\\u000a\":1")
	                   SAYS(0, "\"content\":\"b\"") ENDS(0, "stop"),
	           ANSWER "{\"index\":0,\"message\":{\"content\":\"ab\",\"a\\n\":1,"
	                  "\"role\":\"assistant\"},\"finish_reason\":\"stop\"}]}");
}

/* Comments, blank lines, other line ends, data in several lines. */
TEST(fold_reads_any_event_stream)
{
	CHECK_FOLD("\xef\xbb\xbf: hello\r\n\r\n\r\n"
	           "data:{\"choices\":[{\"index\":0,\r\n"
	           "data: \"delta\":{\"content\":\"a\"},\r\n"
	           "data:\"finish_reason\":\"stop\"}]}\r\n\r\n"
	           "data\r\n\r\n: bye\r\n\r\n",
	           "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"a\",\"role\":"
	           "\"assistant\"},\"finish_reason\":\"stop\"}],"
	           "\"object\":\"chat.completion\"}");
}

TEST(fold_failures)
{
#define A SAYS(0, "\"content\":\"a\"")
	static const struct {
		str stream;
		fault_t want;
	} rows[] = {
		{ STR_INIT(""), FAULT_UPSTREAM_CUT },
		{ STR_INIT(": ping\n\n"), FAULT_UPSTREAM_CUT },
		{ STR_INIT(DONE), FAULT_EMPTY_ANSWER },
		{ STR_INIT("data: {\"choices\":[],\"usage\":{}}\n\n" DONE),
		  FAULT_EMPTY_ANSWER },
		{ STR_INIT(A), FAULT_UPSTREAM_CUT },
		{ STR_INIT(A DONE), FAULT_UPSTREAM_CUT },
		{ STR_INIT(A SAYS(1, "") ENDS(0, "stop") DONE), FAULT_UPSTREAM_CUT },
		{ STR_INIT(A ENDS(0, "") DONE), FAULT_UPSTREAM_CUT },
		/* An event that is not ended is none. */
		{ STR_INIT(A "data: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n"),
		  FAULT_UPSTREAM_CUT },
		{ STR_INIT(A "data: {\"error\":{\"message\":\"no\"}}\n\n"),
		  FAULT_STREAM_ERROR },
		{ STR_INIT(A "data: {\"error\":\"no\",\"choices\":[]}\n\n"),
		  FAULT_STREAM_ERROR },
		{ STR_INIT(A "data: {\"object\":\"error\",\"message\":\"no\"}\n\n"),
		  FAULT_STREAM_ERROR },
		{ STR_INIT(A "event: error\ndata: no\n\n" ENDS(0, "stop")),
		  FAULT_STREAM_ERROR },
		{ STR_INIT(A ENDS(0, "error")), FAULT_STREAM_ERROR },
		{ STR_INIT(A "data: {\n\n" ENDS(0, "stop")), FAULT_UPSTREAM_MALFORMED },
		{ STR_INIT(A "data: []\n\n" ENDS(0, "stop")), FAULT_UPSTREAM_MALFORMED },
		{ STR_INIT(A "data: <html>\n\n"), FAULT_UPSTREAM_MALFORMED },
		{ STR_INIT(SAYS(0, "\"content\":\"a\",\"content\":\"b\"")),
		  FAULT_UPSTREAM_MALFORMED },
		{ STR_INIT("data: {\"choices\":[1]}\n\n"), FAULT_UPSTREAM_MALFORMED },
		{ STR_INIT(SAYS(-1, "")), FAULT_UPSTREAM_MALFORMED },
		{ STR_INIT(SAYS(1.5, "")), FAULT_UPSTREAM_MALFORMED },
		{ STR_INIT(SAYS(128, "")), FAULT_UPSTREAM_MALFORMED },
		{ STR_INIT(SAYS(18446744073709551616, "")), FAULT_UPSTREAM_MALFORMED },
		{ STR_INIT(SAYS(0, CALL(256, "\"id\":\"x\""))),
		  FAULT_UPSTREAM_MALFORMED },
		{ STR_INIT(SAYS(0, "\"tool_calls\":[null]")), FAULT_UPSTREAM_MALFORMED },
	};
#undef A
	for (size_t i = 0; i < countof(rows); i++) {
		if (!CHECK_FAULT(fold(rows[i].stream), rows[i].want))
			printf("in %.*s\n", STR_ARG(rows[i].stream));
		CHECK_INT(out.len, 0);
		buf_free(&out);
	}
}

/* Every cut of a stream is an answer or a fault, and none of them half an answer. */
TEST(fold_of_every_cut)
{
	str whole = STR(SAYS(0, "\"role\":\"assistant\",\"content\":\"a\"")
	                        SAYS(0, CALL(0, "\"id\":\"x\"")) ENDS(0, "stop") DONE);

	for (size_t n = 0; n < whole.len; n++) {
		char *copy = mem_copy_z(str_first(whole, n));
		bool has_end = n >= whole.len - STR(DONE).len;

		CHECK_FAULT(fold(str_of(copy, n)), has_end ? NULL : FAULT_UPSTREAM_CUT);
		buf_free(&out);
		free(copy);
	}
}

/* Members nobody knows, and calls without index, up to what can be kept. */
TEST(fold_has_limits)
{
	struct buf many = BUF_LIMIT(9 * MiB);

	for (int i = 0; i < 300; i++)
		buf_addf(&many,
		         "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"id\":\"%d\","
		         "\"function\":{\"name\":\"f\"}}]}}]}\n\n",
		         i);
	CHECK_FAULT(fold(buf_str(&many)), FAULT_UPSTREAM_MALFORMED);
	buf_free(&out);
	buf_clear(&many);
	for (int i = 0; i < 65; i++)
		buf_addf(&many, "data: {\"choices\":[{\"delta\":{\"m%d\":1}}]}\n\n", i);
	CHECK_FAULT(fold(buf_str(&many)), FAULT_UPSTREAM_MALFORMED);
	buf_free(&out);
	/* More than 24 MiB of pieces cannot come of 8 MiB; a small room for the answer.
	 */
	buf_clear(&many);
	while (many.len < 7 * MiB)
		buf_add(&many,
		        STR("data: {\"choices\":[{\"delta\":{\"content\":[]}}]}\n\n"));
	buf_add(&many, STR(ENDS(0, "stop")));
	CHECK_OK(fold(buf_str(&many)));
	CHECK_INT(out.len > 0 && out.len < 300, 1);
	buf_free(&out);
	out = BUF_LIMIT(64);
	buf_add(&out, STR("kept"));
	CHECK_FAULT(openai_fold(buf_str(&many), &out), FAULT_UPSTREAM_LARGE);
	CHECK_STR(buf_str(&out), "kept");
	buf_free(&out);
	while (many.len <= 8 * MiB)
		buf_add(&many, STR(": ping\n\n"));
	CHECK_FAULT(fold(buf_str(&many)), FAULT_UPSTREAM_LARGE);
	buf_free(&many);
}

/* ---- unfolding ---- */

static str unfolded(const char *body, bool with_usage)
{
	out = BUF_LIMIT(16 * MiB);
	CHECK_OK(openai_unfold(str_from_z(body), with_usage, &out));
	return buf_str(&out);
}

#define CHECK_UNFOLD(body, with_usage, want)                                             \
	do {                                                                             \
		CHECK_STR(unfolded(body, with_usage), want);                             \
		buf_free(&out);                                                          \
	} while (0)

TEST(unfold_makes_the_stream_a_client_expects)
{
#define CHUNK(rest)                                                                      \
	"data: {\"object\":\"chat.completion.chunk\",\"id\":\"c\",\"created\":1.5" rest
	static const char body[] =
	        " {\"id\":\"c\",\"object\":\"chat.completion\",\"created\":1.5,\r\n"
	        "\"choices\":[ {\"finish_reason\":\"tool_calls\",\"message\":{\"role\":"
	        "\"assistant\",\n"
	        "\"content\":\"a\\n\",\"tool_calls\":[{\"id\":\"x\",\n\"function\":{}},{}"
	        ","
	        "{\"index\":9}],\"own\":[\n1,2]},\"logprobs\":null,\"stop_reason\":7}],\n"
	        "\"usage\":{\"prompt_tokens\":\n1},\"provider\":\"P\"}";

	CHECK_UNFOLD(body, true,
	             CHUNK(",\"provider\":\"P\",\"choices\":[{\"index\":0,\"delta\":{"
	                   "\"role\":\"assistant\",\"content\":\"a\\n\",\"tool_calls\":[{"
	                   "\"index\":0,\"id\":\"x\",\"function\":{}},{\"index\":1},{"
	                   "\"index\":9}],\"own\":[1,2]},\"logprobs\":null,"
	                   "\"finish_reason\":null}],\"usage\":null}\n\n")
	                     CHUNK(",\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":"
	                           "null,\"finish_reason\":\"tool_calls\","
	                           "\"stop_reason\":7}],\"usage\":null}\n\n")
	                             CHUNK(",\"choices\":[],\"usage\":{\"prompt_tokens\":"
	                                   "1}}\n\n") DONE);
	str quiet = unfolded(body, false);
	CHECK(!str_has(quiet, STR("usage")));
	CHECK(str_ends(quiet, STR("]}\n\n" DONE)));
	buf_free(&out);
#undef CHUNK
}

TEST(unfold_does_not_say_delta_twice)
{
	CHECK_UNFOLD(
	        "{\"choices\":[{\"message\":{\"content\":\"a\"},\"delta\":{\"content\":"
	        "\"\"},\"finish_reason\":\"stop\"}]}",
	        false,
	        "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,"
	        "\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\n"
	        "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,"
	        "\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}]}\n\n"
	        "data: [DONE]\n\n");
}

TEST(unfold_text_completion)
{
	CHECK_UNFOLD("{\"object\":\"text_completion\",\"choices\":[{\"text\":\"a\","
	             "\"index\":0,\"finish_reason\":\"stop\"},{\"text\":\"b\",\"index\":"
	             "1,\"finish_reason\":\"length\"}]}",
	             true,
	             "data: {\"object\":\"text_completion\",\"choices\":[{\"index\":0,"
	             "\"text\":\"a\",\"finish_reason\":null}],\"usage\":null}\n\n"
	             "data: {\"object\":\"text_completion\",\"choices\":[{\"index\":0,"
	             "\"text\":\"\",\"logprobs\":null,\"finish_reason\":\"stop\"}],"
	             "\"usage\":null}\n\n"
	             "data: {\"object\":\"text_completion\",\"choices\":[{\"index\":1,"
	             "\"text\":\"b\",\"finish_reason\":null}],\"usage\":null}\n\n"
	             "data: {\"object\":\"text_completion\",\"choices\":[{\"index\":1,"
	             "\"text\":\"\",\"logprobs\":null,\"finish_reason\":\"length\"}],"
	             "\"usage\":null}\n\n" DONE);
}

TEST(unfold_failures)
{
	static const char *const bodies[] = { "",
		                              "[]",
		                              "{\"choices\":",
		                              "{\"id\":\"c\"}",
		                              "{\"choices\":null}",
		                              "{\"choices\":{}}",
		                              "{\"choices\":[null]}",
		                              "{\"error\":{\"message\":\"no\"}}" };

	for (size_t i = 0; i < countof(bodies); i++) {
		out = BUF_LIMIT(MiB);
		CHECK_FAULT(openai_unfold(str_from_z(bodies[i]), true, &out),
		            FAULT_UPSTREAM_MALFORMED);
		CHECK_INT(out.len, 0);
		buf_free(&out);
	}
	out = BUF_LIMIT(100);
	buf_add(&out, STR("kept"));
	CHECK_FAULT(
	        openai_unfold(STR("{\"choices\":[{\"message\":{\"content\":\"a\"}}]}"),
	                      false, &out),
	        FAULT_UPSTREAM_LARGE);
	CHECK_STR(buf_str(&out), "kept");
	buf_free(&out);
}

/* ---- there and back ---- */

static bool is_same(struct json_value a, struct json_value b);

/* Is everything in a also in b, whatever the order of members?  Of null and absent
 * neither says anything, nor does an index that says only its place (Mistral's calls). */
static bool has_all(struct json_value a, struct json_value b)
{
	struct json_iter at = json_iter(a), bt = json_iter(b);
	struct json_member m, n;
	char name[256];

	while (json_next(&at, &m)) {
		if (b.type == JSON_ARRAY) {
			if (!json_next(&bt, &n) || !is_same(m.value, n.value))
				return false;
			continue;
		}
		struct json_value key = { JSON_STRING,
			                  str_of(m.key.ptr - 1, m.key.len + 2) };
		if (key.raw.len < sizeof(name) && m.value.type != JSON_NULL &&
		    !str_eq(m.key, STR("index")) &&
		    !is_same(m.value, json_get(b, json_text(key, name))))
			return false;
	}
	return b.type == JSON_OBJECT || !json_next(&bt, &n);
}

static bool is_same(struct json_value a, struct json_value b)
{
	if (a.type == b.type && (a.type == JSON_OBJECT || a.type == JSON_ARRAY))
		return has_all(a, b);
	return str_eq(a.raw, b.raw);
}

/* An answer unfolded and folded has all it had. */
static bool comes_back(str body)
{
	struct buf stream = BUF_LIMIT(16 * MiB), back = BUF_LIMIT(16 * MiB);
	struct json_value was, is;
	bool ok = CHECK_OK(openai_unfold(body, true, &stream)) &&
	          CHECK_OK(openai_fold(buf_str(&stream), &back)) &&
	          CHECK_OK(json_check(body, &json_limits_default, &was)) &&
	          CHECK_OK(json_check(buf_str(&back), &json_limits_default, &is)) &&
	          CHECK(has_all(was, is));

	if (!ok)
		printf("was %.*s\nis %.*s\n", STR_ARG(str_first(body, 4000)),
		       STR_ARG(str_first(buf_str(&back), 4000)));
	buf_free(&stream);
	buf_free(&back);
	return ok;
}

TEST(answers_come_back)
{
#define OF(choices, rest)                                                                \
	STR_INIT("{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":1,"           \
	         "\"model\":\"m\",\"system_fingerprint\":\"fp\",\"service_tier\":"       \
	         "\"default\",\"choices\":[" choices "]" rest "}")
#define ONE(message, finish)                                                             \
	"{\"index\":0,\"message\":{\"role\":\"assistant\"," message                      \
	"},\"logprobs\":null,\"finish_reason\":\"" finish "\"}"
	static const str answers[] = {
		OF(ONE("\"content\":\"hello\",\"refusal\":null", "stop"),
		   ",\"usage\":{\"prompt_tokens\":1,\"completion_tokens_details\":{\"x\":"
		   "0}}"),
		OF(ONE("\"content\":\"\\ud83d\\ude00 \\u003c\\\"\\\\ \xe2\x80\xa8\"",
		       "length"),
		   ""),
		OF(ONE("\"content\":null,\"tool_calls\":[{\"id\":\"x\",\"type\":"
		       "\"function\",\"function\":{\"name\":\"f\",\"arguments\":"
		       "\"{\\\"a\\\": 1}\"}},{\"id\":\"y\",\"type\":\"custom\","
		       "\"custom\":{\"name\":\"g\",\"input\":\"\"}}]",
		       "tool_calls"),
		   ",\"usage\":{}"),
		OF(ONE("\"content\":null,\"function_call\":{\"name\":\"f\","
		       "\"arguments\":\"\"}",
		       "function_call"),
		   ""),
		OF(ONE("\"content\":\"\",\"refusal\":\"no\",\"annotations\":[{\"type\":"
		       "\"url_citation\"}],\"audio\":{\"id\":\"a\",\"data\":\"AA==\","
		       "\"expires_at\":1}",
		       "content_filter"),
		   ",\"moderation\":{\"a\":[]}"),
		OF(ONE("\"content\":\"4\",\"reasoning\":\"hm\",\"reasoning_content\":"
		       "\"hm\",\"reasoning_details\":[{\"type\":\"reasoning.encrypted\","
		       "\"data\":\"1\"},{\"type\":\"reasoning.encrypted\",\"data\":"
		       "\"2\"}]",
		       "stop"),
		   ""),
		OF(ONE("\"content\":[{\"type\":\"thinking\",\"thinking\":[]},{\"type\":"
		       "\"text\",\"text\":\"a\"}]",
		       "stop"),
		   ""),
		OF("{\"index\":1,\"message\":{\"role\":\"assistant\",\"content\":\"b\"},"
		   "\"finish_reason\":\"stop\",\"stop_reason\":null},{\"index\":2,"
		   "\"message\":{\"role\":\"assistant\",\"content\":\"a\"},\"logprobs\":{"
		   "\"content\":[{\"token\":\"a\",\"logprob\":-0.1}]},\"finish_reason\":"
		   "\"length\",\"native\":{\"a\":1}}",
		   ""),
		STR_INIT("{\"object\":\"text_completion\",\"choices\":[{\"text\":\"a\","
		         "\"index\":0,\"logprobs\":{\"token_logprobs\":[null,-1]},"
		         "\"finish_reason\":\"stop\"}],\"usage\":{\"total_tokens\":3}}"),
	};
#undef OF
#undef ONE
	for (size_t i = 0; i < countof(answers); i++)
		comes_back(answers[i]);
}

/* ---- recorded traffic ---- */

/* The content of choice 0 as a client would put it together. */
static void read_content(str stream, struct buf *to)
{
	struct sse_reader reader = { .limit = 8 * MiB };
	struct sse_event event;

	while (sse_next(&reader, &stream, &event)) {
		struct json_value root;
		struct json_member choice;

		if (json_check(event.data, &json_limits_default, &root))
			continue;
		struct json_iter it = json_iter(json_get(root, STR("choices")));
		if (!json_next(&it, &choice))
			continue;
		struct json_value v = json_path(choice.value, "delta.content");
		char *room = mem_new(v.raw.len + 1);
		buf_add(to, json_text(v, room));
		free(room);
	}
	sse_done(&reader);
}

static void check_stream(str stream)
{
	struct buf answer = BUF_LIMIT(16 * MiB), content = BUF_LIMIT(16 * MiB);
	struct json_value root = { .type = JSON_NONE }, v;
	struct json_member choice = { 0 };

	if (CHECK_OK(openai_fold(stream, &answer)) &&
	    CHECK_OK(json_check(buf_str(&answer), &json_limits_default, &root))) {
		struct json_iter it = json_iter(json_get(root, STR("choices")));
		CHECK(json_next(&it, &choice));
		v = json_path(choice.value, "message.content");
		char *room = mem_new(v.raw.len + 1);
		read_content(stream, &content);
		CHECK_STR_EQ(json_text(v, room), buf_str(&content));
		free(room);
		comes_back(buf_str(&answer));
	}
	buf_free(&answer);
	buf_free(&content);
}

/* One exchange; true when it was a chat answer. */
static bool check_recording(str line)
{
	static const struct json_limits wide = {
		.depth = 64, .nodes = 1000000, .key = 64 * KiB, .number = 64
	};
	struct json_value root, v;
	bool is_chat = false;

	if (json_check(line, &wide, &root) ||
	    !str_has(json_get(root, STR("path")).raw, STR("chat/completions")) ||
	    !str_eq(json_get(root, STR("status")).raw, STR("200")))
		return false;
	v = json_get(root, STR("response_body"));
	char *room = mem_new(v.raw.len + 1);
	str body = json_text(v, room);
	/* Streams without a finish, and with an error, are for fold_failures. */
	if (str_has(body, STR("data: {"))) {
		is_chat = str_has(body, STR("\"finish_reason\":\"")) &&
		          !str_has(body, STR("\"error\":{"));
		if (is_chat)
			check_stream(body);
	} else if (str_has(body, STR("\"finish_reason\":\"")) &&
	           !str_has(body, STR("\"finish_reason\":\"\""))) {
		is_chat = true;
		comes_back(body);
	}
	free(room);
	return is_chat;
}

TEST(recorded_answers)
{
	static const char *const files[] = { "openai-chat", "groq",    "deepseek-chat",
		                             "zai",         "mistral", "openrouter-chat",
		                             "crusoe-vllm", "cerebras" };
	const char *dir = getenv("SLUICE_RECORDINGS");
	char path[512];
	int count = 0;

	for (size_t i = 0; dir && i < countof(files); i++) {
		snprintf(path, sizeof(path), "%s/%s.jsonl", dir, files[i]);
		FILE *f = fopen(path, "r");
		char *line = NULL;
		size_t room = 0;
		ssize_t len;

		while (f && (len = getline(&line, &room, f)) > 0)
			count += check_recording(str_of(line, (size_t)len));
		free(line);
		if (f)
			fclose(f);
	}
	if (count == 0)
		printf("recorded_answers: skipped, no SLUICE_RECORDINGS\n");
}
