/* Answers of the chat format and its dialects, as neutral events, written down:
 *	T0{ text }  R1{ thought [seal] }  C2 id name{ arguments }  ! fault  ; finish  #
 *usage */
#include "tests/check.h"
#include "wire/openai_chat.h"

struct sink {
	struct chat_sink sink;
	struct buf log;
	struct token_usage usage;
	fault_t fault;
};

static void take(struct chat_sink *to, const struct chat_event *e)
{
	static const char kinds[] = "TNRIAVFC?X";
	struct sink *s = container_of(to, struct sink, sink);

	switch (e->kind) {
	case CHAT_BEGIN:
		buf_addf(&s->log, "<%.*s %.*s>", STR_ARG(e->id), STR_ARG(e->name));
		break;
	case CHAT_OPEN:
		buf_addf(&s->log, "%c%u", kinds[e->what], e->block);
		if (e->choice)
			buf_addf(&s->log, "@%u", e->choice);
		if (e->what == CHAT_CALL)
			buf_addf(&s->log, " %.*s %.*s", STR_ARG(e->id), STR_ARG(e->name));
		buf_addf(&s->log, "{%.*s", STR_ARG(e->text));
		break;
	case CHAT_PIECE:
		buf_addf(&s->log, "%.*s|", STR_ARG(e->text));
		if (e->logprobs.type == JSON_ARRAY)
			buf_addf(&s->log, "L%.*s", STR_ARG(e->logprobs.raw));
		break;
	case CHAT_SEALED:
		buf_addf(&s->log, "[%.*s]", STR_ARG(e->seal.blob));
		break;
	case CHAT_CITE:
		buf_addf(&s->log, "(%.*s)", STR_ARG(e->cite.url));
		break;
	case CHAT_CLOSE:
		buf_add(&s->log, STR("}"));
		break;
	case CHAT_FINISH:
		buf_addf(&s->log, ";%d%.*s", e->finish, STR_ARG(e->text));
		break;
	case CHAT_USAGE:
		s->usage = e->usage;
		buf_add(&s->log, STR("#"));
		break;
	case CHAT_FAULT:
		s->fault = e->why;
		buf_addf(&s->log, "!%.*s", STR_ARG(e->text));
		break;
	case CHAT_END:
		buf_add(&s->log, STR("."));
		break;
	case CHAT_ODD:
		buf_addf(&s->log, "?%.*s", STR_ARG(e->name));
		break;
	case CHAT_INPUT:
		break;
	}
}

struct rig {
	struct sink s;
	struct chat_reader rd;
	fault_t why;
};

static void rig_init(struct rig *g, unsigned quirks)
{
	*g = (struct rig){ .s = { .sink = { .take = take }, .log = BUF_LIMIT(64 * KiB) },
		           .rd = { .operation = OP_CHAT, .quirks = quirks } };
}

static void reply(struct rig *g, const char *body)
{
	rig_init(g, 0);
	g->why = wire_openai_chat.read_reply(&g->rd, str_from_z(body), &g->s.sink);
}

static void event(struct rig *g, const char *data)
{
	g->why = wire_openai_chat.read_event(&g->rd, STR_NONE, str_from_z(data),
	                                     &g->s.sink);
}

/* A chunk of choice 0 with that delta. */
static void delta(struct rig *g, const char *text)
{
	struct buf b = BUF_LIMIT(64 * KiB);

	buf_addf(&b, "{\"choices\":[{\"index\":0,\"delta\":%s}]}", text);
	g->rd.begun = true;
	g->why = wire_openai_chat.read_event(&g->rd, STR_NONE, buf_str(&b), &g->s.sink);
	buf_free(&b);
}

static void finish(struct rig *g, const char *word)
{
	struct buf b = BUF_LIMIT(4 * KiB);

	buf_addf(&b,
	         "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"%s\"}]}",
	         word);
	g->why = wire_openai_chat.read_event(&g->rd, STR_NONE, buf_str(&b), &g->s.sink);
	buf_free(&b);
}

static bool eof(struct rig *g)
{
	return wire_openai_chat.read_eof(&g->rd, &g->s.sink);
}

#define CHECK_LOG(g, want)                                                               \
	do {                                                                             \
		CHECK_STR(buf_str(&(g).s.log), want);                                    \
		buf_free(&(g).s.log);                                                    \
	} while (0)

TEST(whole_chat_answers_become_events)
{
	struct rig g;

	reply(&g,
	      "{\"id\":\"i\",\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":"
	      "{\"role\":\"assistant\",\"content\":\"hi\",\"refusal\":null,"
	      "\"annotations\":[{\"type\":\"url_citation\",\"url_citation\":{\"url\":"
	      "\"u\",\"title\":\"t\",\"start_index\":0,\"end_index\":2}}]},\"logprobs\":"
	      "{\"content\":[{\"token\":\"hi\"}],\"refusal\":null},\"finish_reason\":"
	      "\"stop\"}],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5,"
	      "\"total_tokens\":15,\"prompt_tokens_details\":{\"cached_tokens\":4,"
	      "\"cache_write_tokens\":3,\"audio_tokens\":1},"
	      "\"completion_tokens_details\":{\"reasoning_tokens\":2,\"audio_tokens\":"
	      "1}}}");
	CHECK_OK(g.why);
	CHECK_INT(g.s.usage.input, 10);
	CHECK_INT(g.s.usage.cache_read, 4);
	CHECK_INT(g.s.usage.cache_write, 3);
	CHECK_INT(g.s.usage.audio_input, 1);
	CHECK_INT(g.s.usage.output, 5);
	CHECK_INT(g.s.usage.reasoning, 2);
	CHECK_INT(g.s.usage.audio_output, 1);
	CHECK_LOG(g, "<i m>T0{hi|L[{\"token\":\"hi\"}](u)};1#.");
}

TEST(answers_of_dialects_become_the_same_events)
{
	static const struct {
		const char *body, *want;
	} rows[] = {
		/* parallel calls without index or id, and legacy */
		{ "{\"choices\":[{\"message\":{\"content\":null,\"tool_calls\":[{\"id\":"
		  "\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},{\"id\":"
		  "\"\","
		  "\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":"
		  "{\"x\":1}}}]},\"finish_reason\":\"tool_calls\"}]}",
		  "< >C0 a f{{}|}C1  g{{\\\"x\\\":1}|};5." },
		{ "{\"choices\":[{\"message\":{\"function_call\":{\"name\":\"f\","
		  "\"arguments\":\"{}\"}},\"finish_reason\":\"function_call\"}]}",
		  "< >C0  f{{}|};5." },
		{ "{\"choices\":[{\"message\":{\"tool_calls\":[{\"id\":\"a\",\"type\":"
		  "\"custom\",\"custom\":{\"name\":\"f\",\"input\":\"x\"},\"function\":"
		  "{\"name\":\"\",\"arguments\":\"\"}}]},\"finish_reason\":\"\"}]}",
		  "< >C0 a f{x|};5." },
		/* Mistral */
		{ "{\"choices\":[{\"message\":{\"content\":[{\"type\":\"thinking\","
		  "\"thinking\":[{\"type\":\"text\",\"text\":\"hm\"}],\"closed\":true},"
		  "{\"type\":\"text\",\"text\":\"4\"},{\"type\":\"reference\","
		  "\"reference_ids\":[1]}]},\"finish_reason\":\"model_length\"}]}",
		  "< >R0{hm|}T1{4|?reference};4." },
		/* DeepSeek, Groq, OpenRouter, Google, Together */
		{ "{\"choices\":[{\"message\":{\"reasoning_content\":\"r\",\"content\":"
		  "\"t\"},"
		  "\"finish_reason\":\"length\"}]}",
		  "< >R0{r|}T1{t|};3." },
		{ "{\"choices\":[{\"message\":{\"reasoning\":\"r\",\"content\":\"t\"},"
		  "\"finish_reason\":\"eos\",\"seed\":10176929106694746000}]}",
		  "< >R0{r|}T1{t|};1." },
		{ "{\"choices\":[{\"message\":{\"reasoning\":\"ab\",\"reasoning_"
		  "details\":"
		  "[{\"type\":\"reasoning.summary\",\"summary\":\"ab\",\"format\":\"o-"
		  "v1\"},"
		  "{\"type\":\"reasoning.encrypted\",\"data\":\"gA\",\"id\":\"rs_1\","
		  "\"format\":\"o-v1\"}],\"content\":\"t\"},\"finish_reason\":\"stop\"}]"
		  "}",
		  "< >R0{ab|[e.o-v1.rs_1.gA]}T1{t|};1." },
		{ "{\"choices\":[{\"message\":{\"extra_content\":{\"google\":"
		  "{\"thought_signature\":\"S\"}},\"tool_calls\":[{\"id\":\"a\","
		  "\"function\":"
		  "{\"name\":\"f\",\"arguments\":\"\"}}]},\"finish_reason\":\"stop\"}]}",
		  "< >R0{[S]}C1 a f{};5." },
		{ "{\"choices\":[{\"message\":{\"content\":\"see\",\"images\":[{\"type\":"
		  "\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,AA\"}}]},"
		  "\"finish_reason\":\"stop\"}]}",
		  "< >T0{see|}I1{AA};1." },
		/* Perplexity, xAI */
		{ "{\"citations\":[\"u1\",\"u2\"],\"choices\":[{\"message\":{\"content\":"
		  "\"x\"},\"finish_reason\":\"stop\"}]}",
		  "< >T0{x|(u1)(u2)};1." },
		/* a refusal, a filter, vLLM's stop sequence and token, an unknown word */
		{ "{\"choices\":[{\"message\":{\"content\":null,\"refusal\":\"no\"},"
		  "\"finish_reason\":\"stop\"}]}",
		  "< >N0{no|};7." },
		{ "{\"choices\":[{\"message\":{\"content\":\"\"},\"finish_reason\":"
		  "\"content_filter\"}]}",
		  "< >;6." },
		{ "{\"choices\":[{\"message\":{\"content\":\"x\"},\"finish_reason\":"
		  "\"stop\","
		  "\"stop_reason\":\"END\"}]}",
		  "< >T0{x|};2END." },
		{ "{\"choices\":[{\"message\":{\"content\":\"x\"},\"finish_reason\":"
		  "\"stop\","
		  "\"stop_reason\":128009}]}",
		  "< >T0{x|};1." },
		{ "{\"choices\":[{\"message\":{\"content\":\"x\"},\"finish_reason\":"
		  "\"tired\"}]}",
		  "< >T0{x|?tired};1." },
		{ "{\"choices\":[{\"message\":{\"content\":\"x\"},\"finish_reason\":"
		  "\"insufficient_system_resource\"}]}",
		  "< >T0{x|};9." },
		/* nothing */
		{ "\n  {\"choices\":[]}", "." },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct rig g;
		reply(&g, rows[i].body);
		CHECK_OK(g.why);
		CHECK_STR_EQ(buf_str(&g.s.log), str_from_z(rows[i].want));
		buf_free(&g.s.log);
	}
}

TEST(failures_in_all_their_forms)
{
	static const struct {
		const char *body, *want;
		fault_t why;
	} rows[] = {
		{ "{\"error\":{\"message\":\"a\",\"code\":429}}", "!a",
		  FAULT_UPSTREAM_LIMITED },
		{ "{\"error\":{\"message\":\"a\",\"code\":\"context_length_exceeded\"}}",
		  "!a", FAULT_CONTEXT_TOO_LONG },
		{ "{\"code\":\"x\",\"error\":\"a\"}", "!a", FAULT_STREAM_ERROR },
		{ "{\"object\":\"error\",\"message\":\"a\"}", "!a", FAULT_STREAM_ERROR },
		{ "{\"message\":\"a\",\"type\":\"t\",\"code\":\"503\"}", "!a",
		  FAULT_UPSTREAM_BUSY },
		{ "{\"detail\":[{\"loc\":[]}]}", "!", FAULT_STREAM_ERROR },
		{ "{\"error\":{\"code\":502,\"message\":\"a\"},\"choices\":[{\"index\":0,"
		  "\"delta\":{},\"finish_reason\":\"error\"}]}",
		  "!a", FAULT_UPSTREAM_FAILED },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct rig g;

		reply(&g, rows[i].body);
		CHECK_OK(g.why);
		CHECK_STR_EQ(buf_str(&g.s.log), str_from_z(rows[i].want));
		CHECK_FAULT(g.s.fault, rows[i].why);
		buf_free(&g.s.log);
		rig_init(&g, 0);
		event(&g, rows[i].body);
		CHECK_STR_EQ(buf_str(&g.s.log), str_from_z(rows[i].want));
		CHECK(!eof(&g));
		buf_free(&g.s.log);
	}
}

TEST(what_is_no_answer_is_malformed)
{
	static const char *const bodies[] = { "",   "[]",
		                              "7",  "{\"choices\":[}",
		                              "{}", "{\"choices\":null}" };

	for (size_t i = 0; i < countof(bodies); i++) {
		struct rig g;
		reply(&g, bodies[i]);
		CHECK_FAULT(g.why, FAULT_UPSTREAM_MALFORMED);
		buf_free(&g.s.log);
	}
}

TEST(a_chat_stream_becomes_events)
{
	struct rig g;

	rig_init(&g, 0);
	event(&g, "{\"id\":\"i\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":"
	          "{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}}],"
	          "\"usage\":null}");
	delta(&g, "{\"content\":\"he\"}");
	delta(&g, "{\"content\":\"y\"}");
	finish(&g, "stop");
	event(&g,
	      "{\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}");
	CHECK(eof(&g)); /* a clean end without the mark is one, too */
	event(&g, "[DONE]");
	CHECK(eof(&g));
	CHECK_LOG(g, "<i m>T0{he|y|};1#.");
}

TEST(calls_in_a_stream)
{
	struct rig g;

	rig_init(&g, 0);
	delta(&g, "{\"content\":\"a\"}");
	delta(&g, "{\"tool_calls\":[{\"index\":0,\"id\":\"x\",\"type\":\"function\","
	          "\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}");
	delta(&g, "{\"tool_calls\":[{\"index\":1,\"id\":\"y\",\"type\":\"function\","
	          "\"function\":{\"name\":\"g\",\"arguments\":\"{\"}}]}");
	delta(&g, "{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{}\"}},"
	          "{\"index\":1,\"function\":{\"arguments\":\"}\"}}]}");
	finish(&g, "tool_calls");
	event(&g, "[DONE]");
	CHECK_LOG(g, "T0{a|}C1 x f{C2 y g{{|{}|}|;5.");
}

TEST(calls_that_are_badly_counted)
{
	struct rig g;

	/* All of them 0, each with an id. */
	rig_init(&g, 0);
	delta(&g,
	      "{\"tool_calls\":[{\"index\":0,\"id\":\"x\",\"function\":{\"name\":\"f\","
	      "\"arguments\":\"{}\"}}]}");
	delta(&g,
	      "{\"tool_calls\":[{\"index\":0,\"id\":\"y\",\"function\":{\"name\":\"g\","
	      "\"arguments\":\"{\"}}]}");
	delta(&g,
	      "{\"tool_calls\":[{\"index\":0,\"id\":\"y\",\"function\":{\"name\":\"g\","
	      "\"arguments\":\"}\"}}]}");
	CHECK_LOG(g, "C0 x f{{}|}C1 y g{{|}|");
	/* Not counted, without ids. */
	rig_init(&g, 0);
	delta(&g, "{\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},"
	          "{\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]}");
	delta(&g, "{\"tool_calls\":[{\"id\":\"\",\"function\":{\"name\":\"h\","
	          "\"arguments\":\"{}\"}}]}");
	CHECK_LOG(g, "C0  f{{}|C1  g{{}|}C2  h{{}|");
}

TEST(more_calls_than_are_remembered_at_once)
{
	struct rig g;
	struct buf b = BUF_LIMIT(KiB);

	rig_init(&g, 0);
	for (int i = 0; i < 100; i++) {
		buf_clear(&b);
		buf_addf(&b,
		         "{\"tool_calls\":[{\"index\":%d,\"id\":\"i%d\",\"function\":"
		         "{\"name\":\"f\",\"arguments\":\"{}\"}}]}",
		         i, i);
		delta(&g, (buf_add_char(&b, 0), b.ptr));
	}
	delta(&g, "{\"tool_calls\":[{\"index\":1001,\"id\":\"z\"}]}");
	CHECK(str_has(buf_str(&g.s.log), STR("C99 i99 f{{}|?tool_calls.index")));
	buf_free(&g.s.log);
	buf_free(&b);
}

TEST(thoughts_and_seals_in_a_stream)
{
	struct rig g;

	rig_init(&g, 0);
	delta(&g, "{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":\"\"}");
	delta(&g, "{\"content\":null,\"reasoning_content\":\"a\"}");
	delta(&g,
	      "{\"content\":\"\",\"reasoning\":\"b\",\"reasoning_details\":[{\"type\":"
	      "\"reasoning.text\",\"text\":\"b\",\"format\":\"x\",\"index\":0}]}");
	delta(&g, "{\"content\":\"\",\"reasoning_details\":[{\"type\":\"reasoning.text\","
	          "\"signature\":\"S\",\"format\":\"x\",\"index\":0}]}");
	delta(&g, "{\"content\":\"t\",\"reasoning_content\":null}");
	finish(&g, "stop");
	event(&g, "[DONE]");
	CHECK_LOG(g, "R0{a|b|[s.x..S]}T1{t|};1.");
	/* Two encrypted ones are two thoughts. */
	rig_init(&g, 0);
	delta(&g,
	      "{\"reasoning_details\":[{\"type\":\"reasoning.encrypted\",\"data\":\"A\"},"
	      "{\"type\":\"reasoning.encrypted\",\"data\":\"B\"}]}");
	CHECK_LOG(g, "R0{[e...A]}R1{[e...B]");
}

TEST(choices_that_interleave)
{
	struct rig g;

	rig_init(&g, 0);
	event(&g,
	      "{\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}},"
	      "{\"index\":1,\"delta\":{\"content\":\"b\"}}]}");
	event(&g, "{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"d\"},"
	          "\"finish_reason\":\"stop\"}]}");
	CHECK(!eof(&g));
	event(&g, "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"c\"},"
	          "\"finish_reason\":\"length\"}]}");
	event(&g, "[DONE]");
	CHECK_LOG(g, "< m>T0{a|T1@1{b|d|c|};3};1.");
}

TEST(what_is_said_behind_a_finish_belongs_to_the_answer)
{
	struct rig g;

	rig_init(&g, 0);
	delta(&g, "{\"content\":\"a\"}");
	finish(&g, "stop");
	delta(&g, "{\"content\":\" late\"}");
	delta(&g, "{\"tool_calls\":[{\"index\":0,\"id\":\"x\",\"type\":\"function\","
	          "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}");
	event(&g,
	      "{\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}");
	delta(&g, "{\"content\":\"too late\"}");
	event(&g, "[DONE]");
	CHECK_LOG(g, "T0{a| late|}C1 x f{{}|;5#?choices.delta.");
	/* The stop sequence waits with it. */
	rig_init(&g, 0);
	delta(&g, "{\"content\":\"a\"}");
	event(&g, "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\","
	          "\"stop_reason\":\"END\"}]}");
	CHECK(eof(&g));
	CHECK_LOG(g, "T0{a|};2END.");
	/* Whatever breaks behind it, the answer was whole. */
	rig_init(&g, 0);
	delta(&g, "{\"content\":\"a\"}");
	finish(&g, "length");
	event(&g, "{\"error\":{\"message\":\"oops\"}}");
	CHECK_LOG(g, "T0{a|};3!oops");
	rig_init(&g, 0);
	delta(&g, "{\"content\":\"a\"}");
	finish(&g, "length");
	event(&g, "{");
	CHECK_FAULT(g.why, FAULT_UPSTREAM_MALFORMED);
	CHECK_LOG(g, "T0{a|};3");
}

TEST(the_end_of_a_stream)
{
	struct rig g;

	/* [DONE] alone is one only where it is known to be. */
	rig_init(&g, 0);
	delta(&g, "{\"content\":\"a\"}");
	event(&g, "[DONE]");
	CHECK(!eof(&g));
	CHECK_LOG(g, "T0{a|");
	rig_init(&g, QUIRK_NO_FINISH);
	delta(&g, "{\"content\":\"a\"}");
	CHECK(!eof(&g));
	event(&g, "[DONE]");
	CHECK(eof(&g));
	CHECK_LOG(g, "T0{a|};1.");
	/* OpenRouter finishes twice, and says nothing in between. */
	rig_init(&g, 0);
	delta(&g, "{\"content\":\"a\"}");
	finish(&g, "stop");
	delta(&g, "{\"content\":\"\"}");
	finish(&g, "stop");
	event(&g, "[DONE]");
	CHECK_LOG(g, "T0{a|};1.");
	/* An empty stream. */
	rig_init(&g, 0);
	CHECK(!eof(&g));
	CHECK_LOG(g, "");
}

TEST(usage_of_the_dialects)
{
	static const struct {
		const char *usage;
		unsigned quirks;
		uint64_t input, cache_read, output, reasoning;
	} rows[] = {
		{ "{\"prompt_tokens\":9,\"completion_tokens\":5,\"prompt_cache_hit_"
		  "tokens\":"
		  "4,\"prompt_cache_miss_tokens\":5,\"total_tokens\":14}",
		  0, 9, 4, 5, 0 },
		{ "{\"prompt_tokens\":9,\"completion_tokens\":5,\"num_cached_tokens\":3}",
		  0, 9, 3, 5, 0 },
		{ "{\"prompt_tokens\":9,\"completion_tokens\":5,\"cached_tokens\":3,"
		  "\"prompt_tokens_details\":null}",
		  0, 9, 3, 5, 0 },
		{ "{\"prompt_tokens\":9,\"completion_tokens\":5,\"total_tokens\":21,"
		  "\"completion_tokens_details\":{\"reasoning_tokens\":7}}",
		  QUIRK_REASONING_BESIDE, 9, 0, 12, 7 },
		{ "{\"prompt_tokens\":9,\"completion_tokens\":5,\"total_tokens\":14,"
		  "\"completion_tokens_details\":{\"reasoning_tokens\":2}}",
		  QUIRK_REASONING_BESIDE, 9, 0, 5, 2 },
		{ "{\"prompt_tokens\":35,\"completion_tokens\":12,\"total_tokens\":109}",
		  QUIRK_TOTAL_MINUS_PROMPT, 35, 0, 74, 62 },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct json_value v = { 0 };
		struct token_usage u = { 0 };

		CHECK_OK(json_check(str_from_z(rows[i].usage), &json_limits_default, &v));
		CHECK(openai_read_usage(v, rows[i].quirks, &u));
		CHECK_INT(u.input, rows[i].input);
		CHECK_INT(u.cache_read, rows[i].cache_read);
		CHECK_INT(u.output, rows[i].output);
		CHECK_INT(u.reasoning, rows[i].reasoning);
	}
	struct rig g;
	rig_init(&g, 0);
	event(&g, "{\"choices\":[],\"usage\":{\"prompt_tokens\":-1}}");
	event(&g, "{\"choices\":[],\"x_groq\":{\"usage\":{\"prompt_tokens\":3}}}");
	CHECK_INT(g.s.usage.input, 3);
	CHECK_LOG(g, "?usage#");
}

TEST(odd_events_are_told)
{
	struct rig g;

	rig_init(&g, 0);
	event(&g, "{\"type\":\"ping\"}");
	event(&g, "{\"object\":\"chat.completion.chunk\"}");
	event(&g, "{\"choices\":[{\"index\":99,\"delta\":{\"content\":\"x\"}}]}");
	CHECK_OK(g.why);
	event(&g, "{\"choices\":[{\"delta\":null}],\"prompt_filter_results\":[]}");
	CHECK_OK(g.why);
	event(&g, "{\"choices\"");
	CHECK_FAULT(g.why, FAULT_UPSTREAM_MALFORMED);
	CHECK_LOG(g, "?ping?chat.completion.chunk< >?choices.index");
}

TEST(a_character_in_two_chunks_is_one_character)
{
	struct rig g;

	rig_init(&g, 0);
	delta(&g, "{\"content\":\"a\\ud83d\"}");
	delta(&g, "{\"content\":\"\\ude00b\"}");
	delta(&g, "{\"content\":\"\\ud83d\"}");
	delta(&g, "{\"content\":\"c\"}");
	delta(&g, "{\"content\":\"\\\\ud83d\"}");
	delta(&g, "{\"content\":\"\\ud83d\"}");
	finish(&g, "stop");
	event(&g, "[DONE]");
	CHECK_LOG(g, "T0{a|\\ud83d\\ude00|b|\\ufffd|c|\\\\ud83d|\\ufffd|};1.");
}
