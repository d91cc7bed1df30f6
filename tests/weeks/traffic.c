/* traffic.c - drawn by the seed of the simulated machine. */
#include "tests/weeks/traffic.h"

#include "base/compiler.h"
#include "tests/sim/sim.h"

#include <stdio.h>

/* ---- the configuration ---- */

struct figures {
	const char *model;
	unsigned input, cached, output, reasoning, picture, request;
};

static const struct figures list[] = {
#define MOCKPRICE(...) { __VA_ARGS__ },
#include "mock/prices.def"
#undef MOCKPRICE
};

static void add_figure(struct buf *to, const char *name, unsigned micro, const char *unit)
{
	buf_addf(to, "%s: $%u.%06u%s, ", name, micro / 1000000, micro % 1000000, unit);
}

static void add_prices(struct buf *to)
{
	buf_add(to, STR("prices:\n"));
	for (size_t i = 0; i < countof(list); i++) {
		const struct figures *f = &list[i];

		buf_addf(to, "  \"*/%s\": { ", f->model);
		add_figure(to, "input", f->input, "/1M");
		add_figure(to, "cache_read", f->cached, "/1M");
		add_figure(to, "output", f->output, "/1M");
		add_figure(to, "reasoning", f->reasoning, "/1M");
		add_figure(to, "image", f->picture, "");
		add_figure(to, "request", f->request, "");
		buf_add(to, STR("since: 2026-11-02 }\n"));
	}
}

/* clang-format off */
static const char rest[] =
"providers:\n"
"  a: { format: openai-chat, url: \"http://10.0.0.1:80/v1\", key: key-of-a }\n"
"  b: { format: openai-chat, url: \"http://10.0.0.2:80/v1\", key: key-of-b }\n"
"  c: { format: anthropic, url: \"http://10.0.0.3:80/v1\", key: key-of-c }\n"
"  g: { format: gemini, url: \"http://10.0.0.4:80/v1beta\", key: key-of-g }\n"
"  r: { format: openai-responses, url: \"http://10.0.0.2:80/v1\", key: key-of-r }\n"
"  gone: { format: openai-chat, url: \"http://10.0.0.9:80/v1\", key: key-of-gone }\n"
"  t: { format: openai-chat, url: \"http://10.0.0.1:80/v1\", key: key-of-t }\n"
"  u: { format: openai-chat, url: \"http://10.0.0.1:80/v1\", key: key-of-u }\n"
"routes:\n"
"  safe: { targets: [a/echo, c/echo, g/echo], first_token: 2s, idle: 3s }\n"
"  steady: { targets: [a/lorem, b/lorem], idle: 3s, resume: always }\n"
"  crossed: { targets: [c/lorem, g/lorem, a/lorem], idle: 3s, resume: always }\n"
"  hedged: { targets: [a/lorem, b/lorem], hedge: 200ms, hedge_share: 100, first_token: 2s }\n"
"  spread: { targets: [{ target: a/echo, weight: 2 }, r/echo, gone/echo], strategy: weighted }\n"
"  thought: { targets: [b/think, c/think], idle: 3s }\n"
"  called: { targets: [a/tools, c/tools, g/tools], idle: 3s }\n"
"  often: { targets: [b/flaky, a/flaky] }\n"
"  drawn: { targets: [b/image, a/image] }\n"
"  near: { targets: [a/embed, b/embed] }\n"
"  dearer: { targets: [t/lorem, u/lorem], idle: 3s }\n"
"  same-1: { targets: [t/lorem, u/lorem], idle: 3s }\n"
"  same-2: { targets: [t/lorem, u/lorem], idle: 3s }\n"
"  same-3: { targets: [t/lorem, u/lorem], idle: 3s }\n"
"  as-dear: { targets: [u/dear, t/dear], idle: 3s }\n"
"  as-good: { targets: [u/lorem, t/lorem], idle: 3s }\n"
"trials:\n"
"  dearer: { route: dearer, candidate: as-dear, share: 50% }\n"
"  same-1: { route: same-1, candidate: as-good, share: 50% }\n"
"  same-2: { route: same-2, candidate: as-good, share: 50% }\n"
"  same-3: { route: same-3, candidate: as-good, share: 50% }\n";
/* clang-format on */

void traffic_config(const char *dir, struct buf *to)
{
	buf_addf(to,
	         "version: 1\nlisten: 127.0.0.1:8080\nauth: keys\nworkers: 1\n"
	         "data: %s\n",
	         dir);
	add_prices(to);
	buf_add(to, str_from_z(rest));
}

/* ---- when ---- */

uint64_t traffic_weight(unsigned minute)
{
	static const unsigned char hours[24] = { 4,  3,  2,  2,  2,  4,  9,  20,
		                                 45, 70, 80, 78, 60, 70, 82, 80,
		                                 72, 55, 35, 28, 24, 18, 12, 7 };
	unsigned day = minute / (24 * 60) % 7;

	return hours[minute / 60 % 24] * (day < 5 ? 10u : 3u);
}

/* ---- what ---- */

static bool one_in(unsigned n)
{
	return sim_random(n) == 0;
}

static const char *any_of(const char *const *names, size_t count)
{
	return names[sim_random(count)];
}

static const char *words(unsigned most, struct buf *to)
{
	static const char *const some[] = { "river ", "of ",   "seven ", "letters ",
		                            "a ",     "stone", " moves", ", slowly " };
	uint64_t count = 1 + sim_random(most);

	buf_clear(to);
	for (uint64_t i = 0; i < count; i++)
		buf_add(to, str_from_z(any_of(some, countof(some))));
	return buf_z(to);
}

struct question {
	const char *route, *text;
	bool stream;
	unsigned user, most; /* tokens; 0: not said */
};

/* A member with a number, unless it is 0. */
static void add_most(struct buf *to, const char *name, unsigned most)
{
	if (most)
		buf_addf(to, ",\"%s\":%u", name, most);
}

static const char *ask_chat(const struct question *q, struct buf *to)
{
	buf_addf(to,
	         "{\"model\":\"%s\",\"user\":\"u%u\",\"stream\":%s,\"messages\":[{"
	         "\"role\":"
	         "\"user\",\"content\":\"%s\"}]",
	         q->route, q->user, q->stream ? "true" : "false", q->text);
	add_most(to, "max_tokens", q->most);
	if (q->stream && one_in(2))
		buf_add(to, STR(",\"stream_options\":{\"include_usage\":true}"));
	if (str_eq(str_from_z(q->route), STR("called")))
		buf_add(to,
		        STR(",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":"
		            "\"look\",\"parameters\":{\"type\":\"object\",\"properties\":"
		            "{\"at\":{\"type\":\"string\"}}}}}]"));
	buf_add_char(to, '}');
	return "/v1/chat/completions";
}

static const char *ask_messages(const struct question *q, struct buf *to)
{
	buf_addf(to,
	         "{\"model\":\"%s\",\"max_tokens\":%u,\"stream\":%s,\"metadata\":{"
	         "\"user_id\":\"u%u\"},\"messages\":[{\"role\":\"user\",\"content\":\"%"
	         "s\"}]}",
	         q->route, q->most ? q->most : 500, q->stream ? "true" : "false", q->user,
	         q->text);
	return "/v1/messages";
}

static const char *ask_responses(const struct question *q, struct buf *to)
{
	buf_addf(to, "{\"model\":\"%s\",\"store\":false,\"stream\":%s,\"input\":\"%s\"",
	         q->route, q->stream ? "true" : "false", q->text);
	add_most(to, "max_output_tokens", q->most);
	buf_add_char(to, '}');
	return "/v1/responses";
}

static const char *ask_gemini(const struct question *q, struct buf *to)
{
	static char path[100];

	buf_addf(to, "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"%s\"}]}]}",
	         q->text);
	snprintf(path, sizeof(path), "/v1beta/models/%s:%s", q->route,
	         q->stream ? "streamGenerateContent?alt=sse" : "generateContent");
	return path;
}

static const char *ask_vectors(const struct question *q, struct buf *to)
{
	buf_addf(to, "{\"model\":\"near\",\"input\":[\"%s\",\"again\"]}", q->text);
	return "/v1/embeddings";
}

static const char *ask_pictures(const struct question *q, struct buf *to)
{
	buf_addf(to, "{\"model\":\"drawn\",\"prompt\":\"%s\",\"n\":%u}", q->text,
	         1 + (unsigned)sim_random(3));
	return "/v1/images/generations";
}

static const char *ask_text(const struct question *q, struct buf *to)
{
	switch (sim_random(17)) {
	case 0:
	case 1:
	case 2:
	case 3:
		return ask_messages(q, to);
	case 4:
	case 5:
		return ask_responses(q, to);
	case 6:
		return ask_gemini(q, to);
	default:
		return ask_chat(q, to);
	}
}

static const char *ask_something(const struct question *q, struct buf *to)
{
	switch (sim_random(20)) {
	case 0:
		return ask_pictures(q, to);
	case 1:
	case 2:
		return ask_vectors(q, to);
	default:
		return ask_text(q, to);
	}
}

static const char *const faults[] = { "429",   "500",         "503",     "529",
	                              "error", "cut",         "short",   "cut-early",
	                              "stall", "error-first", "garbage", "silence" };

/* What the mock providers read in the head. */
static void add_steering(struct buf *to)
{
	static const char *const whom[] = { "a", "a", "b", "c", "g" };

	buf_addf(to, "x-mock-tokens: %u\r\n", 1 + (unsigned)sim_random(60));
	if (one_in(3))
		buf_addf(to, "x-mock-cached: %u\r\n", (unsigned)sim_random(20));
	if (one_in(4))
		buf_addf(to, "x-mock-delay-ms: %u\r\n", (unsigned)sim_random(900));
	if (one_in(4)) {
		buf_addf(to, "x-mock-fault: %s@%s", any_of(faults, countof(faults)),
		         any_of(whom, countof(whom)));
		if (one_in(3)) /* the next one as well */
			buf_addf(to, ",%s@%s", any_of(faults, countof(faults)),
			         any_of(whom, countof(whom)));
		buf_add(to, STR("\r\n"));
	}
}

/* Of a conversation of its own, so that each is drawn by itself, and answered by longer
 * and shorter texts whatever its side.  Where there are few, these differ little, and
 * nothing fails: a difference in cost of 8 % must show.  Little fails elsewhere: behind a
 * candidate's targets stand the control's, so failures make its requests cost more. */
static const char *ask_tried(struct question *q, bool few, struct buf *head,
                             struct buf *body)
{
	static const char *const same[] = { "same-1", "same-2", "same-3" };
	uint64_t tokens = few ? 50 + sim_random(20) : 20 + sim_random(40);

	q->route = one_in(3) ? any_of(same, countof(same)) : "dearer";
	q->most = 0;
	buf_addf(head, "x-session-id: %llx-%llx\r\nx-mock-tokens: %u\r\n",
	         (unsigned long long)sim_random(UINT32_MAX),
	         (unsigned long long)sim_random(UINT32_MAX), (unsigned)tokens);
	if (!few && one_in(40))
		buf_addf(head, "x-mock-fault: %s@a\r\n", any_of(faults, countof(faults)));
	return ask_text(q, body);
}

usec traffic_request(str key, bool few, struct buf *to)
{
	static const char *const routes[] = { "safe",    "steady", "steady",
		                              "crossed", "hedged", "spread",
		                              "thought", "called", "often" };
	struct buf text = BUF_LIMIT(16 * KiB), body = BUF_LIMIT(32 * KiB);
	struct buf head = BUF_LIMIT(KiB);
	const char *path;
	struct question q = { .route = any_of(routes, countof(routes)),
		              .stream = one_in(2),
		              .user = (unsigned)sim_random(40),
		              .most = one_in(3) ? 20 + (unsigned)sim_random(200) : 0 };

	bool is_tried = one_in(few ? 3 : 6);
	q.text = words(!is_tried && one_in(10) ? 400 : 30, &text);
	if (is_tried) {
		path = ask_tried(&q, few, &head, &body);
	} else {
		path = ask_something(&q, &body);
		add_steering(&head);
	}
	buf_addf(to,
	         "POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
	         "Authorization: Bearer %.*s\r\nContent-Type: application/json\r\n",
	         path, STR_ARG(key));
	buf_add(to, buf_str(&head));
	buf_addf(to, "Content-Length: %zu\r\n\r\n", body.len);
	buf_add(to, buf_str(&body));
	buf_free(&text);
	buf_free(&head);
	buf_free(&body);
	return one_in(15) ? (usec)sim_random(1500) * USEC_MS : USEC_NEVER;
}
