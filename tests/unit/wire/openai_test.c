#include "tests/check.h"
#include "wire/wire.h"

#include <stdio.h>

static struct arena keep;

static fault_t skim(str body, struct skimmed *ret)
{
	str detail = STR_NONE;

	return wire_openai_chat.skim(body, OP_CHAT, &keep, ret, &detail);
}

TEST(skim_finds_the_model_where_it_stands)
{
	str body = STR("{\"messages\":[{\"model\":\"no\"}], \"model\" : \"a\\u002fb\", "
	               "\"n\":2}");
	struct skimmed s;

	CHECK_OK(skim(body, &s));
	CHECK_STR(s.model, "a/b");
	CHECK_STR(str_of(body.ptr + s.model_at, s.model_len), "\"a\\u002fb\"");
	CHECK(!s.stream);
	CHECK_INT(s.choices, 2);
	arena_done(&keep);
}

/* The request as the provider will see it when we ask for usage. */
static str with_usage(str body, bool *ret_wanted)
{
	struct skimmed s;
	static char text[512];

	if (!CHECK_OK(skim(body, &s)))
		return STR_NONE;
	*ret_wanted = s.wants_usage;
	struct edit *e = &s.ask_usage;
	int n = snprintf(text, sizeof(text), "%.*s%.*s%.*s", (int)e->at, body.ptr,
	                 STR_ARG(e->with), STR_ARG(str_from(body, e->at + e->len)));
	arena_done(&keep);
	return str_of(text, (size_t)n);
}

TEST(skim_asks_for_usage_with_the_smallest_change)
{
	bool wanted;

	CHECK_STR(with_usage(STR("{\"model\":\"m\",\"stream\":true}"), &wanted),
	          "{\"model\":\"m\",\"stream_options\":{\"include_usage\":true},"
	          "\"stream\":true}");
	CHECK_STR(
	        with_usage(STR("{\"stream_options\":{},\"stream\":true,\"model\":\"m\"}"),
	                   &wanted),
	        "{\"stream_options\":{\"include_usage\":true},\"stream\":true,\"model\":"
	        "\"m\"}");
	CHECK_STR(
	        with_usage(
	                STR("{\"model\":\"m\",\"stream\":true,\"stream_options\":null}"),
	                &wanted),
	        "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":"
	        "true}}");
	CHECK_STR(with_usage(STR("{\"model\":\"m\",\"stream\":true,\"stream_options\":{"
	                         "\"x\":1}}"),
	                     &wanted),
	          "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_"
	          "usage\":true,"
	          "\"x\":1}}");
	CHECK(!wanted);
	with_usage(STR("{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_"
	               "usage\":"
	               "true}}"),
	           &wanted);
	CHECK(wanted);
}

TEST(skim_counts_what_is_generated)
{
	static const struct {
		str more;
		uint32_t choices;
		uint64_t generated;
	} rows[] = {
		{ STR_INIT(""), 1, 1 },
		{ STR_INIT(",\"prompt\":\"a\",\"n\":2"), 2, 2 },
		{ STR_INIT(",\"prompt\":\"a\",\"n\":2,\"best_of\":20"), 2, 20 },
		{ STR_INIT(",\"prompt\":\"a\",\"n\":9,\"best_of\":null"), 9, 9 },
		{ STR_INIT(",\"prompt\":[\"a\",\"b\",\"c\"],\"best_of\":5"), 3, 15 },
		{ STR_INIT(",\"prompt\":[7,8,9]"), 1, 1 },
		{ STR_INIT(",\"prompt\":[[7,8],[9]],\"n\":2"), 4, 4 },
		{ STR_INIT(",\"prompt\":[],\"n\":0"), 1, 1 },
		{ STR_INIT(",\"prompt\":[\"a\",\"b\",\"c\"],\"n\":2147483647"),
		  UINT32_MAX, UINT32_MAX },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct buf body = BUF_LIMIT(KiB);
		str detail = STR_NONE;
		struct skimmed s;

		buf_addf(&body, "{\"model\":\"m\"%.*s}", STR_ARG(rows[i].more));
		CHECK_OK(wire_openai_chat.skim(buf_str(&body), OP_COMPLETIONS, &keep, &s,
		                               &detail));
		CHECK_INT(s.choices, rows[i].choices);
		CHECK_INT(skim_generated(&s), rows[i].generated);
		/* In a chat these are nobody's members. */
		CHECK_OK(skim(buf_str(&body), &s));
		CHECK(skim_generated(&s) <= INT32_MAX);
		buf_free(&body);
	}
	arena_done(&keep);
}

TEST(skim_takes_the_greater_of_two_limits)
{
	struct skimmed s;

	CHECK_OK(skim(STR("{\"model\":\"m\",\"max_tokens\":4000,"
	                  "\"max_completion_tokens\":1}"),
	              &s));
	CHECK_INT(s.max_tokens, 4000);
	CHECK_OK(skim(STR("{\"model\":\"m\",\"max_tokens\":0,"
	                  "\"max_completion_tokens\":9}"),
	              &s));
	CHECK_INT(s.max_tokens, 9);
	arena_done(&keep);
}

TEST(skim_refuses_what_a_budget_could_not_trust)
{
	static const struct {
		str body;
		fault_t want;
	} rows[] = {
		{ STR_INIT("{\"model\":\"m\",\"max_tokens\":-1}"), FAULT_BAD_REQUEST },
		{ STR_INIT("{\"model\":\"m\",\"max_tokens\":1.5}"), FAULT_BAD_REQUEST },
		{ STR_INIT("{\"model\":\"m\",\"max_tokens\":\"9\"}"), FAULT_BAD_REQUEST },
		{ STR_INIT("{\"model\":\"m\",\"max_tokens\":2147483648}"),
		  FAULT_BAD_REQUEST },
		{ STR_INIT("{\"model\":\"m\",\"max_tokens\":1e400}"), FAULT_BAD_REQUEST },
		{ STR_INIT("{\"model\":\"m\",\"n\":-0}"), FAULT_BAD_REQUEST },
		{ STR_INIT("{\"model\":\"m\",\"stream\":1}"), FAULT_BAD_REQUEST },
		{ STR_INIT("{\"model\":7}"), FAULT_BAD_REQUEST },
		{ STR_INIT("{\"model\":\"m\",\"stream\":true,\"stream_options\":[]}"),
		  FAULT_BAD_REQUEST },
		{ STR_INIT("{\"messages\":[]}"), FAULT_NO_MODEL },
		{ STR_INIT("{\"model\":\"\"}"), FAULT_NO_MODEL },
		{ STR_INIT("{\"model\":\"m\",\"model\":\"n\"}"), FAULT_JSON_DUPLICATE },
		{ STR_INIT("{\"model\":\"m\",\"Model\":\"n\"}"), FAULT_JSON_DUPLICATE },
		{ STR_INIT("{\"model\":\"m\",\"mod\\u0065l\":\"n\"}"),
		  FAULT_JSON_DUPLICATE },
		{ STR_INIT("{\"model\":\"m\",\"stream\":true,\"stream_options\":"
		           "{\"include_usage\":false,\"include_usage\":true}}"),
		  FAULT_JSON_DUPLICATE },
		{ STR_INIT("[]"), FAULT_BAD_JSON },
		{ STR_INIT(""), FAULT_BAD_JSON },
		{ STR_INIT("{\"model\":\"m\"} x"), FAULT_BAD_JSON },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct skimmed s;

		if (!CHECK_FAULT(skim(rows[i].body, &s), rows[i].want))
			printf("in %.*s\n", STR_ARG(rows[i].body));
	}
	arena_done(&keep);
}

static struct tap_event tap(struct tap *t, const char *data)
{
	struct tap_event found;

	wire_openai_chat.tap_event(t, STR_NONE, str_from_z(data), &found);
	return found;
}

TEST(tap_knows_the_first_event_that_says_something)
{
	struct tap t = { .operation = OP_CHAT, .choices = 1 };

	CHECK(!tap(&t, "{\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\","
	               "\"content\":\"\"}}]}")
	               .is_meaningful);
	CHECK(!tap(&t, "{\"choices\":[],\"usage\":null}").is_meaningful);
	CHECK(tap(&t, "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}")
	              .is_meaningful);
	CHECK(tap(&t, "{\"choices\":[{\"delta\":{\"reasoning_content\":\"hm\"}}]}")
	              .is_meaningful);
	CHECK(tap(&t, "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0}]}}]}")
	              .is_meaningful);
	CHECK(tap(&t, "{\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}")
	              .is_meaningful);
	CHECK(tap(&t, "[DONE]").is_end);
	CHECK(tap(&t, "{\"choices\":").is_broken);
}

/* A stream tapped with and without what is remembered of the event before. */
TEST(tap_takes_an_event_like_the_last_for_what_it_is)
{
#define CHUNK(delta, rest)                                                               \
	"{\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{" delta "}" rest
#define TEXT(text, rest)                                                                 \
	CHUNK("\"content\":\"" text "\"", ",\"finish_reason\":null}]" rest)
	static const char *const events[] = {
		CHUNK("\"role\":\"assistant\",\"content\":\"\"", "}]}"),
		TEXT("a", "}"),
		TEXT("", "}"),
		TEXT("more of it, \\\"quoted\\\" \xc3\xa9", "}"),
		TEXT("b", ",\"obfuscation\":\"xyz\"}"),
		TEXT("cd", ",\"obfuscation\":\"x\"}"),
		TEXT("e", ",\"obfuscation\":\"\"}"),
		TEXT("e", ",\"obfuscation\":1}"),
		TEXT("broken \x01", "}"),
		TEXT("broken \\x", "}"),
		TEXT("broken \xc3", "}"),
		TEXT("f", "} "),
		TEXT("f", "}x"),
		TEXT("\",\"tool_calls\":[{}],\"x\":\"", "}"),
		TEXT("g", ",\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}"),
		TEXT("h", ",\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}"),
		TEXT("i", ",\"error\":{\"message\":\"m\"}}"),
		CHUNK("\"content\":\"j\"", ",\"finish_reason\":\"length\"}]}"),
		CHUNK("\"content\":\"k\"", ",\"finish_reason\":\"stop\"}]}"),
		CHUNK("\"content\":\"k\"",
		      "},{\"index\":1,\"delta\":{\"content\":\"l\"}}]}"),
		CHUNK("\"content\":\"k\"", "},{\"index\":1,\"delta\":{}}]}"),
		"{\"choices\":[{\"text\":\"m\"}]}",
		"{\"choices\":[{\"text\":\"no\"}]}",
	};
#undef TEXT
#undef CHUNK
	struct tap t = { .operation = OP_CHAT, .choices = 1 }, plain = t;
	unsigned framed = 0;

	for (size_t i = 0; i < 4 * countof(events); i++) {
		const char *event =
		        events[i < 2 * countof(events) ? i / 2 % countof(events)
		                                       : i % countof(events)];
		struct tap_event got = tap(&t, event), want;

		plain.frame.pieces = 0;
		want = tap(&plain, event);
		CHECK_INT(got.is_meaningful, want.is_meaningful);
		CHECK_INT(got.is_error, want.is_error);
		CHECK_INT(got.is_broken, want.is_broken);
		CHECK_INT(got.strip, want.strip);
		CHECK_STR_EQ(got.message, want.message);
		CHECK_INT(t.text_bytes, plain.text_bytes);
		CHECK_INT(t.finished_bits, plain.finished_bits);
		CHECK_INT(t.finished, plain.finished);
		CHECK_INT(t.seen_bits, plain.seen_bits);
		CHECK_INT(t.unknown, plain.unknown);
		CHECK_INT(t.usage.output, plain.usage.output);
		CHECK_INT(t.bad_usage, plain.bad_usage);
		framed += t.frame.pieces > 0;
	}
	CHECK(framed > countof(events));
}

/* Perplexity's way: what repeats all that was said so far is not said anew. */
TEST(tap_counts_a_piece_once)
{
#define BOTH(finish, piece, all)                                                         \
	"{\"choices\":[{\"index\":0,\"finish_reason\":" finish                           \
	",\"message\":{\"content\":\"" all "\"},\"delta\":{\"content\":\"" piece         \
	"\"}}]}"
	struct tap t = { .operation = OP_CHAT, .choices = 1 };
	str message;

	CHECK(tap(&t, BOTH("null", "It", "It")).is_meaningful);
	CHECK(tap(&t, BOTH("null", "It", "ItIt")).is_meaningful);
	CHECK_INT(t.text_bytes, 8);
	CHECK(!tap(&t, BOTH("\"stop\"", "", "ItIt")).is_meaningful);
	CHECK_INT(t.text_bytes, 8);
	CHECK_INT(t.frame.pieces, 0);
	CHECK(tap(&t, "{\"choices\":[{\"delta\":null,\"message\":{\"content\":\"a\"}}]}")
	              .is_meaningful);

	struct tap whole = { .operation = OP_CHAT, .choices = 1 };
	CHECK_OK(wire_openai_chat.tap_answer(&whole, STR(BOTH("\"stop\"", "", "ItIt")),
	                                     &message));
	CHECK_INT(whole.text_bytes, 6);
#undef BOTH
}

TEST(tap_strips_only_the_chunk_we_asked_for)
{
	struct tap t = { .operation = OP_CHAT, .choices = 1, .strip_usage = true };

	CHECK(!tap(&t,
	           "{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{"
	           "\"prompt_tokens\":1,\"completion_tokens\":2}}")
	               .strip);
	CHECK(tap(&t, "{\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_"
	              "tokens\":7,"
	              "\"prompt_tokens_details\":{\"cached_tokens\":3},"
	              "\"completion_tokens_details\":{\"reasoning_tokens\":4}}}")
	              .strip);
	CHECK(!tap(&t, "{\"choices\":[],\"usage\":null}").strip);
	CHECK_INT(t.usage.input, 5);
	CHECK_INT(t.usage.output, 7);
	CHECK_INT(t.usage.cache_read, 3);
	CHECK_INT(t.usage.reasoning, 4);
	t.strip_usage = false;
	CHECK(!tap(&t, "{\"choices\":[],\"usage\":{\"prompt_tokens\":5}}").strip);
}

TEST(tap_ends_only_with_a_finish_for_every_choice)
{
	struct tap t = { .operation = OP_CHAT, .choices = 2 };

	tap(&t, "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}");
	CHECK(!wire_openai_chat.is_complete(&t));
	tap(&t, "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}");
	CHECK(!wire_openai_chat.is_complete(&t));
	tap(&t, "{\"choices\":[{\"index\":1,\"delta\":{},\"finish_reason\":\"stop\"}]}");
	CHECK(wire_openai_chat.is_complete(&t));
	CHECK_STR(tap_finish(&t), "stop");

	struct tap no_finish = { .operation = OP_CHAT, .choices = 1 };
	tap(&no_finish, "{\"choices\":[{\"delta\":{\"content\":\"a\"}}]}");
	tap(&no_finish, "[DONE]");
	CHECK(!wire_openai_chat.is_complete(&no_finish));
	no_finish.quirks = QUIRK_NO_FINISH;
	CHECK(wire_openai_chat.is_complete(&no_finish));
}

TEST(tap_sees_errors_in_all_their_shapes)
{
	static const char *const errors[] = {
		"{\"error\":{\"message\":\"boom\",\"code\":500}}",
		"{\"error\":\"boom\"}",
		"{\"object\":\"error\",\"message\":\"boom\"}",
		"{\"choices\":[{\"finish_reason\":\"error\",\"delta\":{}}],\"error\":{"
		"\"message\":"
		"\"boom\"}}",
	};

	for (size_t i = 0; i < countof(errors); i++) {
		struct tap t = { .operation = OP_CHAT, .choices = 1 };

		CHECK(tap(&t, errors[i]).is_error);
	}
	struct tap t = { .operation = OP_CHAT, .choices = 1 };
	CHECK(!tap(&t, "{\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"error\":null}")
	               .is_error);
}

TEST(tap_refuses_usage_that_cannot_be)
{
	static const char *const bad[] = { "-1",         "1.5", "\"7\"",
		                           "2147483648", "1e3", "true" };

	for (size_t i = 0; i < countof(bad); i++) {
		struct tap t = { .operation = OP_CHAT, .choices = 1 };
		char text[128];

		snprintf(text, sizeof(text),
		         "{\"choices\":[],\"usage\":{\"prompt_tokens\":%s}}", bad[i]);
		tap(&t, text);
		CHECK(t.bad_usage && !t.has_usage);
	}
}

TEST(tap_reads_the_usage_of_vendors)
{
	struct tap deepseek = { .operation = OP_CHAT, .choices = 1 };
	struct tap xai = { .operation = OP_CHAT, .quirks = QUIRK_REASONING_BESIDE };
	struct tap voyage = { .operation = OP_EMBEDDINGS };
	str message;

	tap(&deepseek,
	    "{\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5,"
	    "\"prompt_cache_hit_tokens\":4,\"prompt_cache_miss_tokens\":6}}");
	CHECK_INT(deepseek.usage.cache_read, 4);
	tap(&xai,
	    "{\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5,"
	    "\"total_tokens\":35,\"completion_tokens_details\":{\"reasoning_tokens\":20}}"
	    "}");
	CHECK_INT(xai.usage.output, 25);
	CHECK_OK(wire_openai_chat.tap_answer(
	        &voyage, STR("{\"data\":[],\"usage\":{\"total_tokens\":9}}"), &message));
	CHECK_INT(voyage.usage.input, 9);
}

TEST(answers_that_are_none)
{
	struct tap t = { .operation = OP_CHAT, .choices = 1 };
	str message = STR_NONE;

	CHECK_FAULT(wire_openai_chat.tap_answer(&t, STR("<html>"), &message),
	            FAULT_UPSTREAM_MALFORMED);
	CHECK_FAULT(
	        wire_openai_chat.tap_answer(&t,
	                                    STR("{\"choices\":[{\"message\":{\"role\":"
	                                        "\"assistant\",\"content\":"
	                                        "\"\"},\"finish_reason\":\"stop\"}]}"),
	                                    &message),
	        FAULT_EMPTY_ANSWER);
	CHECK_FAULT(wire_openai_chat.tap_answer(
	                    &t, STR("{\"error\":{\"message\":\"no\"}}"), &message),
	            FAULT_STREAM_ERROR);
	CHECK_STR(message, "no");
	CHECK_OK(wire_openai_chat.tap_answer(
	        &t,
	        STR(" \n{\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":"
	            "\"stop\"}],"
	            "\"model\":\"m-1\"}"),
	        &message));
	CHECK_STR(tap_model(&t), "m-1");
}

TEST(error_messages_of_vendors)
{
	CHECK_STR(wire_openai_chat.error_message(STR("{\"error\":{\"message\":\"a\"}}")),
	          "a");
	CHECK_STR(wire_openai_chat.error_message(
	                  STR("{\"object\":\"error\",\"message\":\"b\"}")),
	          "b");
	CHECK_STR(wire_openai_chat.error_message(STR("{\"error\":\"c\"}")), "c");
	CHECK_STR(wire_openai_chat.error_message(STR("{\"detail\":\"d\"}")), "d");
	CHECK_INT(wire_openai_chat.error_message(STR("<html>")).len, 0);
}

static str without_cost(str body, bool *ret_wanted)
{
	struct skimmed s;
	static char text[512];

	if (!CHECK_OK(skim(body, &s)))
		return STR_NONE;
	*ret_wanted = s.wants_cost;
	struct edit *e = &s.drop_cost;
	int n = snprintf(text, sizeof(text), "%.*s%.*s%.*s", (int)e->at, body.ptr,
	                 STR_ARG(e->with), STR_ARG(str_from(body, e->at + e->len)));
	arena_done(&keep);
	return str_of(text, (size_t)n);
}

TEST(the_wish_for_the_cost_is_taken_out_whole)
{
	bool wanted;

	CHECK_STR(
	        without_cost(
	                STR("{\"model\":\"m\", \"usage\" : {\"include\":true} ,\"n\":1}"),
	                &wanted),
	        "{\"model\":\"m\" ,\"n\":1}");
	CHECK(wanted);
	CHECK_STR(without_cost(STR("{\"model\":\"m\",\"usage\":{\"include\":true}}"),
	                       &wanted),
	          "{\"model\":\"m\"}");
	CHECK_STR(without_cost(STR("{\"usage\":{\"include\":true}, \"model\":\"m\"}"),
	                       &wanted),
	          "{\"model\":\"m\"}");
	CHECK(wanted);
	CHECK_STR(without_cost(STR("{\"model\":\"m\",\"usage\":{\"include\":false}}"),
	                       &wanted),
	          "{\"model\":\"m\",\"usage\":{\"include\":false}}");
	CHECK(!wanted);
	CHECK_STR(without_cost(STR("{\"model\":\"m\",\"usage\":7}"), &wanted),
	          "{\"model\":\"m\",\"usage\":7}");
}
