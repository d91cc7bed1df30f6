/* written_sim_test.c - one request is written for several targets, and the answer of each
 * is read by how that one was asked: whoever was asked before it, beside it or since. */
#include "tests/sim/gate.h"

#include <stdio.h>

#define OLD "claude-3-5-haiku-20241022" /* takes no schema: it is asked by a tool */
#define BESIDE ", hedge: 2s, retry: { same_target: 0 } }"
#define CHAT "/v1/chat/completions"
#define HI "\"model\":\"r\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define SCHEMA "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}}}"
#define AS_SCHEMA                                                                        \
	",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":"      \
	"\"n\",\"schema\":" SCHEMA "}}"
#define GEMINI_ANSWER                                                                    \
	"{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":"        \
	"\"{\\\"a\\\":1}\"}]},\"finishReason\":\"STOP\",\"index\":0}],"                  \
	"\"usageMetadata\":{\"promptTokenCount\":5,\"candidatesTokenCount\":5,"          \
	"\"totalTokenCount\":10},\"modelVersion\":\"g\"}"
#define DOES_FAIL                                                                        \
	"HTTP/1.1 500 No\r\nContent-Type: application/json\r\nContent-Length: "          \
	"2\r\n\r\n{}"
#define SSE                                                                              \
	"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: "             \
	"close\r\n\r\n"

enum asked { GEMINI, ANTHROPIC, RESPONSES, CHAT_A, CHAT_B, PROVIDERS };

struct rig {
	struct gate gate;
	struct sim_port *ports[PROVIDERS];
	struct sim_peer *client;
	struct buf seen;    /* by the client */
	struct buf request; /* that the last provider has got */
};

static bool begin(struct rig *g, const char *route)
{
	static const struct {
		const char *name, *format;
	} rows[PROVIDERS] = {
		[GEMINI] = { "g", "gemini" },
		[ANTHROPIC] = { "n", "anthropic" },
		[RESPONSES] = { "s", "openai-responses" },
		[CHAT_A] = { "a", "openai-chat" },
		[CHAT_B] = { "b", "openai-chat" },
	};
	struct buf config = BUF_LIMIT(16 * KiB);
	bool ok;

	*g = (struct rig){ .seen = BUF_LIMIT(MiB), .request = BUF_LIMIT(MiB) };
	buf_add(&config, STR("version: 1\nauth: open\nworkers: 1\ndata: /dev/null/none\n"
	                     "providers:\n"));
	for (unsigned i = 0; i < PROVIDERS; i++)
		buf_addf(&config,
		         "  %s: { format: %s, url: \"http://10.0.0.%u:80/v1\", "
		         "auth: bearer, key: aaaaaaaaaaaaaaaa }\n",
		         rows[i].name, rows[i].format, i + 1);
	buf_addf(&config, "routes:\n  r: %s\n", route);
	ok = gate_begin(&g->gate, 1, buf_z(&config));
	buf_free(&config);
	for (unsigned i = 0; i < PROVIDERS; i++) {
		char at[16];

		snprintf(at, sizeof(at), "10.0.0.%u:80", i + 1);
		g->ports[i] = gate_listen(at);
	}
	return ok;
}

static void ask(struct rig *g, const char *path, const char *body)
{
	struct buf text = BUF_LIMIT(8 * KiB);

	g->client = gate_client(&g->gate);
	buf_addf(&text,
	         "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
	         "application/json\r\nContent-Length: %zu\r\n\r\n%s",
	         path, strlen(body), body);
	sim_send(g->client, buf_str(&text));
	buf_free(&text);
	gate_run(&g->gate, 0);
}

static struct sim_peer *accept_at(struct rig *g, enum asked provider)
{
	struct sim_peer *p = sim_accept(g->ports[provider]);

	buf_clear(&g->request);
	if (CHECK(p))
		sim_recv(p, &g->request);
	return p;
}

static void tell(struct rig *g, struct sim_peer *p, const char *bytes)
{
	sim_send(p, str_from_z(bytes));
	gate_run(&g->gate, USEC_MS);
	sim_recv(g->client, &g->seen);
}

static void answer(struct rig *g, struct sim_peer *p, const char *json)
{
	struct buf text = BUF_LIMIT(16 * KiB);

	buf_addf(&text,
	         "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	         "Content-Length: %zu\r\n\r\n%s",
	         strlen(json), json);
	tell(g, p, buf_z(&text));
	buf_free(&text);
}

static bool saw(const struct rig *g, const char *text)
{
	return str_has(buf_str(&g->seen), str_from_z(text));
}

static void end(struct rig *g, struct sim_peer *a, struct sim_peer *b)
{
	if (a)
		sim_close(a);
	if (b)
		sim_close(b);
	sim_close(g->client);
	gate_run(&g->gate, 5 * USEC_SEC);
	CHECK_INT(g->gate.worker.live, 0);
	gate_end(&g->gate);
	buf_free(&g->seen);
	buf_free(&g->request);
}

/* Both are asked, the second two seconds after the first, which answers. */
static void ask_both(struct rig *g, const char *body, enum asked first, enum asked second,
                     struct sim_peer **a, struct sim_peer **b)
{
	ask(g, CHAT, body);
	*a = accept_at(g, first);
	gate_run(&g->gate, 2001 * USEC_MS);
	*b = accept_at(g, second);
}

TEST(an_answer_as_text_is_no_call_because_another_was_asked_for_one)
{
	struct rig g;
	struct sim_peer *a, *b;

	if (!begin(&g, "{ targets: [g/m, n/" OLD "]" BESIDE))
		return;
	ask_both(&g, "{" HI AS_SCHEMA "}", GEMINI, ANTHROPIC, &a, &b);
	CHECK(str_has(buf_str(&g.request), STR("\"json_answer\"")));
	if (a)
		answer(&g, a, GEMINI_ANSWER);
	CHECK(saw(&g, "x-sluice-provider: g\r\n"));
	CHECK(saw(&g, "\"content\":\"{\\\"a\\\":1}\""));
	CHECK(saw(&g, "\"finish_reason\":\"stop\""));
	end(&g, a, b);
}

TEST(an_answer_as_a_call_is_text_although_another_was_not_asked_for_one)
{
	struct rig g;
	struct sim_peer *a, *b;

	if (!begin(&g, "{ targets: [n/" OLD ", g/m]" BESIDE))
		return;
	ask_both(&g, "{" HI AS_SCHEMA "}", ANTHROPIC, GEMINI, &a, &b);
	if (a)
		answer(&g, a,
		       "{\"id\":\"m1\",\"type\":\"message\",\"role\":\"assistant\","
		       "\"model\":\"m\",\"content\":[{\"type\":\"tool_use\",\"id\":"
		       "\"t1\",\"name\":\"json_answer\",\"input\":{\"a\":1}}],"
		       "\"stop_reason\":\"tool_use\",\"usage\":{\"input_tokens\":5,"
		       "\"output_tokens\":5}}");
	CHECK(saw(&g, "x-sluice-provider: n\r\n"));
	CHECK(saw(&g, "\"content\":\"{\\\"a\\\":1}\""));
	CHECK(!saw(&g, "tool_calls") && !saw(&g, "json_answer"));
	end(&g, a, b);
}

TEST(stop_sequences_are_watched_for_although_another_was_told_of_them)
{
	struct rig g;
	struct sim_peer *a, *b;

	if (!begin(&g, "{ targets: [s/m, n/m]" BESIDE))
		return;
	ask_both(&g, "{" HI ",\"stop\":[\"STOP\"]}", RESPONSES, ANTHROPIC, &a, &b);
	CHECK(str_has(buf_str(&g.request), STR("\"STOP\"")));
	if (a)
		answer(&g, a,
		       "{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":1,"
		       "\"status\":\"completed\",\"model\":\"m\",\"output\":[{\"type\":"
		       "\"message\",\"id\":\"msg_1\",\"status\":\"completed\",\"role\":"
		       "\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":"
		       "\"one STOP two\",\"annotations\":[]}]}],\"usage\":{"
		       "\"input_tokens\":5,\"output_tokens\":5,\"total_tokens\":10}}");
	CHECK(saw(&g, "x-sluice-provider: s\r\n"));
	CHECK(saw(&g, "\"content\":\"one \""));
	CHECK(!saw(&g, "two"));
	end(&g, a, b);
}

TEST(a_call_has_the_client_s_name_although_another_was_asked_by_it)
{
	struct rig g;
	struct sim_peer *a, *b;
	struct buf json = BUF_LIMIT(4 * KiB);
	str name;

	if (!begin(&g, "{ targets: [n/m, g/m]" BESIDE))
		return;
	ask(&g, CHAT,
	    "{" HI ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"x.y\"}}]"
	    "}");
	a = accept_at(&g, ANTHROPIC);
	name = buf_str(&g.request);
	name = str_first(str_from(name, str_find_str(name, STR("x_y_"))), 12);
	CHECK(str_starts(name, STR("x_y_")));
	buf_addf(&json,
	         "{\"id\":\"m1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":"
	         "\"m\",\"content\":[{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":"
	         "\"%.*s\",\"input\":{}}],\"stop_reason\":\"tool_use\",\"usage\":{"
	         "\"input_tokens\":5,\"output_tokens\":5}}",
	         STR_ARG(name));
	gate_run(&g.gate, 2001 * USEC_MS);
	b = accept_at(&g, GEMINI);
	CHECK(str_has(buf_str(&g.request), STR("\"x.y\"")));
	if (a)
		answer(&g, a, buf_z(&json));
	CHECK(saw(&g, "\"name\":\"x.y\""));
	CHECK(!saw(&g, "x_y_"));
	buf_free(&json);
	end(&g, a, b);
}

/* It gives its stream where one answer was asked for: there is a lane, for the shape. */
TEST(a_provider_of_the_client_s_format_was_asked_by_the_client)
{
	struct rig g;
	struct sim_peer *a, *b;

	if (!begin(&g, "{ targets: [n/" OLD ", g/m], retry: { same_target: 0 } }"))
		return;
	ask(&g, "/v1beta/models/r:generateContent",
	    "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
	    "\"generationConfig\":{\"responseMimeType\":\"application/json\","
	    "\"responseJsonSchema\":" SCHEMA "}}");
	a = accept_at(&g, ANTHROPIC);
	CHECK(str_has(buf_str(&g.request), STR("\"json_answer\"")));
	if (a)
		tell(&g, a, DOES_FAIL);
	b = accept_at(&g, GEMINI);
	if (b)
		tell(&g, b, SSE "data: " GEMINI_ANSWER "\n\n");
	if (b)
		sim_close(b);
	gate_run(&g.gate, USEC_MS);
	sim_recv(g.client, &g.seen);
	CHECK(saw(&g, "x-sluice-provider: g\r\n"));
	CHECK(saw(&g, "\"text\":\"{\\\"a\\\":1}\""));
	end(&g, a, NULL);
}

/* Half of a JSON text is not gone on from, whoever was asked for it before and how. */
TEST(an_answer_with_a_schema_is_not_resumed_after_one_that_was_asked_by_a_tool)
{
	struct rig g;
	struct sim_peer *a, *b;

	if (!begin(&g, "{ targets: [n/" OLD ", a/m, b/m], retry: { same_target: 0 } }"))
		return;
	ask(&g, CHAT, "{\"stream\":true," HI AS_SCHEMA "}");
	a = accept_at(&g, ANTHROPIC);
	if (a)
		tell(&g, a, DOES_FAIL);
	b = accept_at(&g, CHAT_A);
	if (b) {
		tell(&g, b,
		     SSE "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\","
		         "\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,"
		         "\"delta\":{\"role\":\"assistant\",\"content\":"
		         "\"{\\\"name\\\":\\\"Alice in the long story\"},"
		         "\"finish_reason\":null}]}\n\n");
		sim_close(b);
	}
	gate_run(&g.gate, USEC_SEC);
	sim_recv(g.client, &g.seen);
	CHECK(!sim_accept(g.ports[CHAT_B]));
	CHECK(saw(&g, "Alice in the long story"));
	CHECK(saw(&g, "\"error\":{"));
	CHECK(!saw(&g, "[DONE]") && !saw(&g, "resumed"));
	end(&g, a, NULL);
}

/* Quotes, line ends, characters, and a key that only then is one. */
#define SAID "bad \\\"model\\\": \\u00e9\\n\\u0061aaaaaaaaaaaaaaa."
#define AS_SAID "bad \\\"model\\\": \xc3\xa9\\n****************."

static void refuse(struct rig *g, struct sim_peer *p, const char *json)
{
	struct buf text = BUF_LIMIT(8 * KiB);

	buf_addf(&text,
	         "HTTP/1.1 400 No\r\nContent-Type: application/json\r\n"
	         "Content-Length: %zu\r\n\r\n%s",
	         strlen(json), json);
	tell(g, p, buf_z(&text));
	buf_free(&text);
}

TEST(what_a_provider_says_of_an_error_is_escaped_once)
{
	struct rig g;
	struct sim_peer *a;

	if (!begin(&g, "{ targets: [g/m], retry: { same_target: 0 } }"))
		return;
	ask(&g, CHAT, "{" HI "}");
	a = accept_at(&g, GEMINI);
	if (a)
		refuse(&g, a,
		       "{\"error\":{\"code\":400,\"message\":\"" SAID
		       "\",\"status\":\"INVALID_ARGUMENT\"}}");
	CHECK(saw(&g, "HTTP/1.1 400 "));
	CHECK(saw(&g, AS_SAID));
	end(&g, a, NULL);
}

TEST(what_a_provider_says_inside_a_stream_is_escaped_once)
{
	struct rig g;
	struct sim_peer *a;

	if (!begin(&g, "{ targets: [n/m], retry: { same_target: 0 } }"))
		return;
	ask(&g, CHAT, "{\"stream\":true," HI "}");
	a = accept_at(&g, ANTHROPIC);
	if (a)
		tell(&g, a,
		     SSE "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
		         "\"invalid_request_error\",\"message\":\"" SAID "\"}}\n\n");
	CHECK(saw(&g, AS_SAID));
	end(&g, a, NULL);
}

TEST(a_provider_s_list_of_what_is_wrong_is_told)
{
	struct rig g;
	struct sim_peer *a;

	if (!begin(&g, "{ targets: [a/m], retry: { same_target: 0 } }"))
		return;
	ask(&g, "/v1/messages", "{\"max_tokens\":9," HI "}");
	a = accept_at(&g, CHAT_A);
	if (a)
		refuse(&g, a,
		       "{\"detail\":[{\"type\":\"missing\",\"loc\":[\"body\",\"n\"],"
		       "\"msg\":\"Field required\"}]}");
	CHECK(saw(&g, "refused the request: Field required [\\\"body\\\",\\\"n\\\"]"));
	end(&g, a, NULL);
}

#define IMAGE "{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"AAAA\"}}"
#define GEMINI_SAYS(parts)                                                               \
	"{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[" parts            \
	"]},\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{"                 \
	"\"promptTokenCount\":5,\"candidatesTokenCount\":5,\"totalTokenCount\":10}}"

TEST(an_image_for_a_client_whose_format_has_none_is_no_empty_answer)
{
	struct rig g;
	struct sim_peer *a;

	for (int streams = 0; streams < 2; streams++) {
		if (!begin(&g, "{ targets: [g/m] }"))
			return;
		ask(&g, "/v1/messages",
		    streams ? "{\"stream\":true,\"max_tokens\":9," HI "}"
		            : "{\"max_tokens\":9," HI "}");
		a = accept_at(&g, GEMINI);
		if (a && streams)
			tell(&g, a, SSE "data: " GEMINI_SAYS(IMAGE) "\n\n");
		if (a && streams) {
			sim_close(a);
			gate_run(&g.gate, USEC_MS);
			sim_recv(g.client, &g.seen);
		} else if (a) {
			answer(&g, a, GEMINI_SAYS(IMAGE));
		}
		CHECK(saw(&g, "HTTP/1.1 502 "));
		CHECK(saw(&g, "the client's format cannot say"));
		end(&g, streams ? NULL : a, NULL);
	}
}

TEST(an_image_that_is_left_out_is_named)
{
	struct rig g;
	struct sim_peer *a;

	if (!begin(&g, "{ targets: [g/m] }"))
		return;
	ask(&g, "/v1/messages", "{\"max_tokens\":9," HI "}");
	a = accept_at(&g, GEMINI);
	if (a)
		answer(&g, a, GEMINI_SAYS("{\"text\":\"there\"}," IMAGE));
	CHECK(saw(&g, "HTTP/1.1 200 "));
	CHECK(saw(&g, "x-sluice-dropped: answer.image\r\n"));
	end(&g, a, NULL);
}

TEST(a_request_that_is_too_large_for_a_provider_is_no_bad_one)
{
	struct rig g;
	struct sim_peer *a;

	if (!begin(&g, "{ targets: [g/m], retry: { same_target: 0 } }"))
		return;
	ask(&g, "/v1/messages", "{\"max_tokens\":9," HI "}");
	a = accept_at(&g, GEMINI);
	if (a)
		tell(&g, a,
		     "HTTP/1.1 413 Large\r\nContent-Type: text/html\r\nContent-Length: "
		     "6\r\n\r\n<html>");
	CHECK(saw(&g, "HTTP/1.1 413 "));
	CHECK(saw(&g, "\"request_too_large\""));
	end(&g, a, NULL);
}
