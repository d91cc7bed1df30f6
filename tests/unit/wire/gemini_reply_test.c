/* The gemini format's answers: read as events, and written for clients. */
#include "tests/check.h"
#include "wire/gemini.h"

#include <stdio.h>

/* Events as short lines. */
struct notes {
	struct chat_sink sink;
	struct buf text;
};

static void note(struct chat_sink *sink, const struct chat_event *e)
{
	static const char *const kinds[] = { "begin", "open",  "piece",  "seal",
		                             "cite",  "close", "finish", "usage",
		                             "fault", "end",   "odd" };
	struct buf *to = &container_of(sink, struct notes, sink)->text;

	buf_addf(to, "%s", kinds[e->kind]);
	if (e->choice)
		buf_addf(to, " c%u", e->choice);
	if (e->kind == CHAT_OPEN)
		buf_addf(to, " %u kind%d", e->block, (int)e->what);
	if (e->kind == CHAT_FINISH)
		buf_addf(to, " %d", (int)e->finish);
	if (e->kind == CHAT_CITE)
		buf_addf(to, " %d-%d %.*s", (int)e->cite.start, (int)e->cite.end,
		         STR_ARG(e->cite.url));
	if (e->kind == CHAT_USAGE)
		buf_addf(to, " %d/%d %d/%d", (int)e->usage.input,
		         (int)e->usage.cache_read, (int)e->usage.output,
		         (int)e->usage.reasoning);
	const str texts[] = { e->id, e->name, e->text, e->seal.blob, e->logprobs.raw };
	for (size_t i = 0; i < countof(texts); i++) {
		if (texts[i].len)
			buf_addf(to, " %.*s", STR_ARG(texts[i]));
	}
	buf_add_char(to, '\n');
}

static struct notes notes = { { note }, { .limit = MiB } };

static str reply(str body, fault_t want)
{
	struct chat_reader rd = { 0 };

	buf_clear(&notes.text);
	CHECK_FAULT(wire_gemini.read_reply(&rd, body, &notes.sink), want);
	return buf_str(&notes.text);
}

static str stream(const str *events, size_t count, bool want_whole)
{
	struct chat_reader rd = { 0 };

	buf_clear(&notes.text);
	for (size_t i = 0; i < count; i++)
		CHECK_OK(wire_gemini.read_event(&rd, STR_NONE, events[i], &notes.sink));
	CHECK(wire_gemini.read_eof(&rd, &notes.sink) == want_whole);
	return buf_str(&notes.text);
}

TEST(gemini_reads_an_answer)
{
	CHECK_STR(
	        reply(STR("{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":["
	                  "{\"text\":\"hm\",\"thought\":true},"
	                  "{\"text\":\"Calling\",\"thoughtSignature\":\"QQ==\"},"
	                  "{\"functionCall\":{\"name\":\"f\",\"args\":{\"a\":\"b\"}},"
	                  "\"thoughtSignature\":\"Qg==\"},"
	                  "{\"functionCall\":{\"id\":\"x\",\"name\":\"g\"}},"
	                  "{\"inlineData\":{\"mimeType\":\"image/"
	                  "png\",\"data\":\"iVBO\"}}"
	                  "]},\"finishReason\":\"STOP\"}],\"usageMetadata\":{"
	                  "\"promptTokenCount\":10,\"cachedContentTokenCount\":4,"
	                  "\"toolUsePromptTokenCount\":5,\"candidatesTokenCount\":7,"
	                  "\"thoughtsTokenCount\":3},\"modelVersion\":\"gemini-3\","
	                  "\"responseId\":\"r1\"}"),
	              NULL),
	        "begin r1 gemini-3\n"
	        "open 0 kind2\npiece hm\nclose\n"
	        "open 1 kind2\nseal QQ==\nclose\n"
	        "open 2 kind0\npiece Calling\nclose\n"
	        "open 3 kind2\nseal Qg==\nclose\n"
	        "open 4 kind7 f\npiece {\\\"a\\\":\\\"b\\\"}\nclose\n"
	        "open 5 kind7 x g\npiece {}\nclose\n"
	        "open 6 kind3 iVBO\nclose\n"
	        "usage 15/4 10/3\nfinish 5\nusage 15/4 10/3\nend\n");
	CHECK_STR(reply(STR("{\"usageMetadata\":{\"promptTokenCount\":3},"
	                    "\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}"),
	                NULL),
	          "usage 3/0 0/0\nfinish 6\nusage 3/0 0/0\nend\n");
	CHECK_STR(reply(STR("[{\"error\":{\"code\":503,\"message\":\"busy\"}}]"), NULL),
	          "fault busy\n");
	reply(STR("{\"hello\":1}"), FAULT_UPSTREAM_MALFORMED);
	reply(STR("<html>"), FAULT_UPSTREAM_MALFORMED);
	reply(STR("7"), FAULT_UPSTREAM_MALFORMED);
	buf_free(&notes.text);
}

TEST(gemini_finish_reasons)
{
	static const struct {
		str reason, want;
	} rows[] = {
		{ STR_INIT("STOP"), STR_INIT("finish 1\nend\n") },
		{ STR_INIT("MAX_TOKENS"), STR_INIT("finish 3\nend\n") },
		{ STR_INIT("SAFETY"), STR_INIT("finish 6\nend\n") },
		{ STR_INIT("RECITATION"), STR_INIT("finish 6\nend\n") },
		{ STR_INIT("BLOCKLIST"), STR_INIT("finish 6\nend\n") },
		{ STR_INIT("PROHIBITED_CONTENT"), STR_INIT("finish 6\nend\n") },
		{ STR_INIT("SPII"), STR_INIT("finish 6\nend\n") },
		{ STR_INIT("MODEL_ARMOR"), STR_INIT("finish 6\nend\n") },
		{ STR_INIT("IMAGE_SAFETY"), STR_INIT("finish 6\nend\n") },
		{ STR_INIT("MALFORMED_FUNCTION_CALL"),
		  STR_INIT("finish 9\nfault MALFORMED_FUNCTION_CALL\n") },
		{ STR_INIT("UNEXPECTED_TOOL_CALL"),
		  STR_INIT("finish 9\nfault UNEXPECTED_TOOL_CALL\n") },
		{ STR_INIT("OTHER"), STR_INIT("finish 9\nfault OTHER\n") },
		{ STR_INIT("LANGUAGE"), STR_INIT("finish 9\nfault LANGUAGE\n") },
		{ STR_INIT("NO_IMAGE"), STR_INIT("finish 9\nfault NO_IMAGE\n") },
		{ STR_INIT("NEVER_SEEN"),
		  STR_INIT("odd NEVER_SEEN\nfinish 9\nfault NEVER_SEEN\n") },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		char body[160];
		int n = snprintf(body, sizeof(body),
		                 "{\"candidates\":[{\"finishReason\":\"%.*s\"}],"
		                 "\"modelVersion\":\"m\"}",
		                 STR_ARG(rows[i].reason));
		str got = reply(str_of(body, (size_t)n), NULL);

		str_skip(&got, STR("begin m\n"));
		CHECK_STR_EQ(got, rows[i].want);
	}
	buf_free(&notes.text);
}

TEST(gemini_reads_a_stream)
{
	static const str events[] = {
		STR_INIT("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hel\"}]}}"
		         "],"
		         "\"usageMetadata\":{\"promptTokenCount\":15,"
		         "\"thoughtsTokenCount\":2}}"),
		/* an early reason does not end it; usage may be mended */
		STR_INIT("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"lo\"}]},"
		         "\"finishReason\":\"STOP\"}],\"usageMetadata\":{"
		         "\"promptTokenCount\":13,\"candidatesTokenCount\":4}}"),
		STR_INIT("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\","
		         "\"thoughtSignature\":\"QQ==\"}]},\"finishReason\":\"MAX_"
		         "TOKENS\","
		         "\"groundingMetadata\":{\"groundingChunks\":[{\"web\":{\"uri\":"
		         "\"http://a\"}}],\"groundingSupports\":[{\"segment\":{"
		         "\"startIndex\":1,\"endIndex\":5},\"groundingChunkIndices\":[0,"
		         "9]}"
		         "]}}]}"),
	};

	CHECK_STR(stream(events, 3, true), "open 0 kind0\npiece Hel\nusage 15/0 2/2\n"
	                                   "piece lo\nusage 13/0 6/2\n"
	                                   "cite 1-5 http://a\nclose\n"
	                                   "open 1 kind2\nseal QQ==\nclose\n"
	                                   "finish 3\nusage 13/0 6/2\nend\n");
	stream(events, 1, false); /* cut off */
	stream(events, 0, false);
	static const str failing[] = {
		STR_INIT("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]"
		         "}"),
		STR_INIT("{\"error\":{\"code\":503,\"message\":\"overloaded\"}}"),
	};
	CHECK_STR(stream(failing, 2, false), "open 0 kind0\npiece a\nfault overloaded\n");
	static const str late[] = {
		STR_INIT("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},"
		         "\"finishReason\":\"STOP\"}]}"),
		STR_INIT("{\"error\":{\"code\":503,\"message\":\"overloaded\"}}"),
	};
	CHECK_STR(stream(late, 2, false), "open 0 kind0\npiece a\nfinish 1\nend\n");
	static const str two[] = {
		STR_INIT(
		        "{\"candidates\":[{\"index\":1,\"content\":{\"parts\":[{\"text\":"
		        "\"b\"}]},\"finishReason\":\"STOP\"},{\"index\":0,\"content\":{"
		        "\"parts\":[{\"functionCall\":{\"name\":\"f\"}}]},"
		        "\"finishReason\":"
		        "\"STOP\"},{\"index\":99}]}"),
	};
	CHECK_STR(stream(two, 1, true),
	          "open c1 0 kind0\npiece c1 b\nopen 0 kind7 f\npiece {}\nclose\n"
	          "odd index\nfinish 5\nfinish c1 1\nend\n");
	static const str odd[] = { STR_INIT("{\"news\":1}"), STR_INIT("[DONE]") };
	CHECK_STR(stream(odd, 2, false), "odd news\n");
	buf_free(&notes.text);
}

TEST(gemini_counts_characters)
{
	/* "é" is two bytes: the segment's bytes 3-5 are the characters 2-4 */
	str got = reply(STR("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"x\","
	                    "\"thought\":true},{\"text\":\"\\u00e9abc\"}]},"
	                    "\"groundingMetadata\":{\"groundingChunks\":[{\"web\":{"
	                    "\"uri\":\"u\"}}],\"groundingSupports\":[{\"segment\":{"
	                    "\"startIndex\":3,\"endIndex\":5},\"groundingChunkIndices\":"
	                    "[0]}]},\"finishReason\":\"STOP\"}]}"),
	                NULL);
	uint64_t bytes = 0, chars = 0;

	CHECK(str_has(got, STR("cite 2-4 u\n")));
	gemini_measure(STR("a\\n\\u20ac\\ud83d\\ude00\xc3\xa9\\u"), &bytes, &chars);
	CHECK_INT(chars, 6);
	CHECK_INT(bytes, 1 + 1 + 3 + 4 + 2 + 1);
	buf_free(&notes.text);
}

TEST(gemini_reads_logprobs)
{
	CHECK_STR(
	        reply(STR("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"2\"}]}"
	                  ",\"finishReason\":\"STOP\",\"logprobsResult\":{"
	                  "\"chosenCandidates\":[{\"token\":\"2\",\"logProbability\":"
	                  "-0.5}],\"topCandidates\":[{\"candidates\":[{\"token\":\"2\","
	                  "\"logProbability\":-0.5}]}]}}]}"),
	              NULL),
	        "open 0 kind0\npiece 2 [{\"token\":\"2\",\"logprob\":-0.5,\"bytes\":[50],"
	        "\"top_logprobs\":[{\"token\":\"2\",\"logprob\":-0.5,\"bytes\":[50]}]}]\n"
	        "finish 1\nend\n");
	buf_free(&notes.text);
}

/* ---- written ---- */

static struct emitter emitter;
static struct buf out = { .limit = MiB };

static struct chat_sink *begin(bool streams)
{
	buf_clear(&out);
	emit_init(&emitter, wire_gemini.emit, &out, streams);
	emitter.format = WIRE_GEMINI;
	emitter.seed = STR("5eed");
	emitter.model = STR("m");
	return &emitter.sink;
}

/* An answer as another format would push it. */
static void push_answer(struct chat_sink *to)
{
	struct chat_event e = { .kind = CHAT_OPEN, .what = CHAT_REASONING };

	chat_push(to, &e);
	e = (struct chat_event){ .kind = CHAT_PIECE, .text = STR("hm") };
	chat_push(to, &e);
	e = (struct chat_event){ .kind = CHAT_SEALED,
		                 .seal = { .origin = WIRE_ANTHROPIC,
		                           .blob = STR("Zg==") } };
	chat_push(to, &e);
	chat_push_block(to, 0, 1, CHAT_TEXT, STR("Hi"));
	e = (struct chat_event){
		.kind = CHAT_OPEN, .block = 2, .what = CHAT_CALL, .name = STR("f")
	};
	chat_push(to, &e);
	e = (struct chat_event){ .kind = CHAT_PIECE,
		                 .block = 2,
		                 .text = STR("{\\\"a\\\":") };
	chat_push(to, &e);
	e.text = STR("1}");
	chat_push(to, &e);
	e = (struct chat_event){ .kind = CHAT_FINISH, .finish = FINISH_CALLS };
	chat_push(to, &e);
	e = (struct chat_event){ .kind = CHAT_USAGE,
		                 .usage = { .input = 9, .output = 5, .reasoning = 2 } };
	chat_push(to, &e);
	chat_push(to, &(struct chat_event){ .kind = CHAT_END });
}

#define TAIL ",\"modelVersion\":\"m\",\"responseId\":\"5eed\"}"
#define ONE(part)                                                                        \
	"{\"candidates\":[{\"content\":{\"parts\":[" part "],\"role\":\"model\"},"       \
	"\"index\":0}]" TAIL
#define SEAL "c2x1aWNlMS5hbnRocm9waWMuWmc9PQ=="
#define USAGE                                                                            \
	",\"usageMetadata\":{\"promptTokenCount\":9,\"candidatesTokenCount\":3,"         \
	"\"thoughtsTokenCount\":2,\"totalTokenCount\":14}"
#define CALL                                                                             \
	"{\"functionCall\":{\"id\":\"call_5eed02\",\"name\":\"f\",\"args\":{\"a\":1}}}"
#define LAST                                                                             \
	"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}],\"role\":\"model\"}" \
	",\"finishReason\":\"STOP\",\"index\":0}]" USAGE TAIL

TEST(gemini_writes_a_stream)
{
	push_answer(begin(true));
	CHECK_STR(
	        buf_str(&out),
	        "data: " ONE(
	                "{\"text\":\"hm\",\"thought\":true}") "\n\n"
	                                                      "data: " ONE(
	                                                              "{\"text\":\"\","
	                                                              "\"thought\":true,"
	                                                              "\"thoughtSignature"
	                                                              "\":"
	                                                              "\"" SEAL
	                                                              "\"}") "\n\n"
	                                                                     "data: " ONE(
	                                                                             "{\""
	                                                                             "tex"
	                                                                             "t\""
	                                                                             ":\""
	                                                                             "Hi"
	                                                                             "\""
	                                                                             "}") "\n\n"
	                                                                                  "data: " ONE(
	                                                                                          CALL) "\n\n"
	                                                                                                "data: " LAST
	                                                                                                "\n\n");
	emit_done(&emitter);
	emitter.array = true;
	begin(true);
	emitter.array = true;
	chat_push_block(&emitter.sink, 0, 0, CHAT_TEXT, STR("a"));
	chat_push_block(&emitter.sink, 0, 1, CHAT_REFUSAL, STR("no"));
	emit_fault(&emitter, FAULT_UPSTREAM_CUT, STR("gone"));
	CHECK(str_starts(buf_str(&out), STR("[" ONE("{\"text\":\"a\"}") ",\r\n" ONE(
	                                        "{\"text\":\"no\"}") ",\r\n{\"error\":{"
	                                                             "\"code\":502")));
	CHECK(str_ends(buf_str(&out), STR("}]")));
	emit_done(&emitter);
	buf_free(&out);
}

TEST(gemini_writes_an_answer)
{
	push_answer(begin(false));
	wire_gemini.write_reply(&emitter);
	CHECK_STR(
	        buf_str(&out),
	        "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hm\",\"thought\":"
	        "true,\"thoughtSignature\":\"" SEAL "\"},{\"text\":\"Hi\"}," CALL "],"
	        "\"role\":\"model\"},\"finishReason\":\"STOP\",\"index\":0}]" USAGE TAIL);
	emit_done(&emitter);
	buf_free(&out);
}

TEST(gemini_holds_a_seal_for_the_next_part)
{
	for (int streams = 0; streams < 2; streams++) {
		struct chat_sink *to = begin(streams);
		struct chat_event e = { .kind = CHAT_OPEN, .what = CHAT_REASONING };

		chat_push(to, &e);
		e = (struct chat_event){ .kind = CHAT_SEALED,
			                 .seal = { .origin = WIRE_GEMINI,
			                           .blob = STR("QQ==") } };
		chat_push(to, &e);
		e = (struct chat_event){ .kind = CHAT_OPEN,
			                 .block = 1,
			                 .what = CHAT_CALL,
			                 .id = STR("i"),
			                 .name = STR("f") };
		chat_push(to, &e);
		e = (struct chat_event){ .kind = CHAT_PIECE,
			                 .block = 1,
			                 .text = STR("not json") };
		chat_push(to, &e);
		e = (struct chat_event){ .kind = CHAT_FINISH, .finish = FINISH_LENGTH };
		chat_push(to, &e);
		chat_push(to, &(struct chat_event){ .kind = CHAT_END });
		if (!streams)
			wire_gemini.write_reply(&emitter);
		CHECK(str_has(
		        buf_str(&out),
		        STR("{\"functionCall\":{\"id\":\"i\",\"name\":\"f\",\"args\":{"
		            "\"_raw\":\"not json\"}},\"thoughtSignature\":\"QQ==\"}")));
		CHECK(str_has(buf_str(&out), STR("\"finishReason\":\"MAX_TOKENS\"")));
		emit_done(&emitter);
	}
	buf_free(&out);
}

TEST(gemini_writes_sources_in_bytes)
{
	for (int streams = 0; streams < 2; streams++) {
		struct chat_sink *to = begin(streams);
		struct chat_event e = { .kind = CHAT_OPEN, .what = CHAT_TEXT };

		chat_push(to, &e);
		e = (struct chat_event){ .kind = CHAT_PIECE,
			                 .text = streams ? STR("abcd")
			                                 : STR("\\u00e9bcd") };
		chat_push(to, &e);
		e = (struct chat_event){
			.kind = CHAT_CITE,
			.cite = { .url = STR("http://a"), .start = 1, .end = 3 }
		};
		chat_push(to, &e);
		e = (struct chat_event){ .kind = CHAT_FINISH, .finish = FINISH_STOP };
		chat_push(to, &e);
		chat_push(to, &(struct chat_event){ .kind = CHAT_END });
		if (!streams)
			wire_gemini.write_reply(&emitter);
		CHECK(str_has(buf_str(&out),
		              streams ? STR("\"startIndex\":1,\"endIndex\":3")
		                      : STR("\"startIndex\":2,\"endIndex\":4")));
		emit_done(&emitter);
	}
	buf_free(&out);
}
