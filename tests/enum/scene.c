/* scene.c - the stage: a worker, its client, its providers, and the clock. */
#include "tests/enum/scene.h"

#include "base/assert.h"
#include "base/mem.h"
#include "meter/record.h"
#include "tests/enum/provider.h"
#include "tests/sim/gate.h"

#include <stdio.h>

#define NAME(name, ...) #name,
const char *const cut_names[CUTS] = { CUT_KINDS(NAME) };
const char *const continuer_names[CONTINUERS] = { CONTINUER_KINDS(NAME) };
#undef NAME

enum {
	CONNECTIONS_MOST = 12,
	SLOW_ROOM = 700, /* bytes a slow client leaves unread before its line is full */
	SLOW_READ = 400, /* it takes so many at a time */
	TIME_MOST = 400, /* virtual seconds until a run is given up */
};

/* A provider's end of a connection. */
struct connection {
	struct sim_peer *peer;
	struct buf in;
	struct reply reply; /* what is still to be sent */
	size_t sent;
	bool speaks, over;
	enum format format;
};

struct stage {
	const struct scene *scene;
	struct transcript *t;
	struct gate gate;
	struct sim_port *ports[TARGETS];
	struct sim_peer *client;
	struct buf seen;
	struct connection connections[CONNECTIONS_MOST];
	unsigned count;
};

/* ---- what the client asks ---- */

static const char *const paths[FORMATS] = {
	"/v1/chat/completions",
	"/v1/responses",
	"/v1/messages",
	"/v1beta/models/r:streamGenerateContent?alt=sse",
	"/model/r/converse-stream",
	"/v2/chat",
};

#define QUESTION "Tell me about the harbour."
#define SCHEMA "{\"type\":\"object\"}"

const char *scene_path(const struct scene *s)
{
	return paths[s->client];
}

/* The member that lists the stop sequence, with a comma behind it. */
static str stop_member(const struct scene *s, const char *name, struct buf *to)
{
	struct buf text = BUF_LIMIT(256 * KiB);

	buf_clear(to);
	if (s->stop_at) {
		answer_text(answer_of(s->providers[0], s->shape, 0), &text);
		buf_addf(to, "\"%s\":[\"", name);
		add_escaped(
		        to,
		        str_first(str_from(buf_str(&text), s->stop_at - STOP_BYTES / 2),
		                  STOP_BYTES),
		        false);
		buf_add(to, STR("\"],"));
	}
	buf_free(&text);
	return buf_str(to);
}

/* Tools as the format has them: what stands around name and schema of one. */
static void add_tools(const struct scene *s, struct buf *to)
{
	static const char *const tools[FORMATS] = {
		"\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"search\","
		"\"parameters\":" SCHEMA "}}],",
		"\"tools\":[{\"type\":\"function\",\"name\":\"search\",\"strict\":false,"
		"\"parameters\":" SCHEMA "}],",
		"\"tools\":[{\"name\":\"search\",\"input_schema\":" SCHEMA "}],",
		"\"tools\":[{\"functionDeclarations\":[{\"name\":\"search\","
		"\"parametersJsonSchema\":" SCHEMA "}]}],",
		"\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"search\","
		"\"inputSchema\":{\"json\":" SCHEMA "}}}]},",
		"\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"search\","
		"\"parameters\":" SCHEMA "}}],",
	};

	if (s->shape == SHAPE_CALL || s->shape == SHAPE_CALLS || s->shape == SHAPE_AGENT)
		buf_add(to, str_from_z(tools[s->client]));
}

void scene_request(const struct scene *s, struct buf *to)
{
	static const char plain[] =
	        "\"messages\":[{\"role\":\"user\",\"content\":\"" QUESTION "\"}]}";
	struct buf stop = BUF_LIMIT(KiB);

	buf_add_char(to, '{');
	add_tools(s, to);
	if (s->client != GEMINI && s->client != BEDROCK)
		buf_add(to, STR("\"model\":\"r\",\"stream\":true,"));
	switch (s->client) {
	case CHAT:
		if (s->shape == SHAPE_LONG)
			buf_add(to, STR("\"stream_options\":{\"include_usage\":true},"));
		buf_addf(to, "%.*s\"max_tokens\":%d,%s",
		         STR_ARG(stop_member(s, "stop", &stop)), TOKENS, plain);
		break;
	case RESPONSES:
		buf_addf(to,
		         "\"store\":false,\"max_output_tokens\":%d,\"input\":[{\"role\":"
		         "\"user\",\"content\":\"" QUESTION "\"}]}",
		         TOKENS);
		break;
	case ANTHROPIC:
	case COHERE:
		buf_addf(to, "%.*s\"max_tokens\":%d,%s",
		         STR_ARG(stop_member(s, "stop_sequences", &stop)), TOKENS, plain);
		break;
	case GEMINI:
		buf_addf(to,
		         "\"generationConfig\":{%.*s\"maxOutputTokens\":%d},"
		         "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":"
		         "\"" QUESTION "\"}]}]}",
		         STR_ARG(stop_member(s, "stopSequences", &stop)), TOKENS);
		break;
	case BEDROCK:
		buf_addf(to,
		         "\"inferenceConfig\":{%.*s\"maxTokens\":%d},\"messages\":[{"
		         "\"role\":"
		         "\"user\",\"content\":[{\"text\":\"" QUESTION "\"}]}]}",
		         STR_ARG(stop_member(s, "stopSequences", &stop)), TOKENS);
		break;
	case FORMATS:
		break;
	}
	buf_free(&stop);
}

static void ask(struct stage *g)
{
	struct buf body = BUF_LIMIT(8 * KiB), request = BUF_LIMIT(16 * KiB);

	scene_request(g->scene, &body);
	buf_addf(&request,
	         "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
	         "application/json\r\n"
	         "Content-Length: %zu\r\n\r\n",
	         scene_path(g->scene), body.len);
	buf_add(&request, buf_str(&body));
	sim_send(g->client, buf_str(&request));
	buf_free(&body);
	buf_free(&request);
}

/* ---- the house ---- */

/* The name of a target's provider and its model: for a prefix, such as are known to go
 * on from one. */
static const char *target_of(const struct scene *s, int i, char room[8])
{
	if (s->prefills && i == 1 && s->providers[1] == ANTHROPIC)
		return "anthropic/claude-3-x";
	if (s->prefills && i == 1 && s->providers[1] == GEMINI)
		return "google/gemini-2.x";
	snprintf(room, 8, "p%d/m", i);
	return room;
}

static void add_config(const struct scene *s, struct buf *to)
{
	static const char *const bases[FORMATS] = { "/v1",     "/v1", "/v1",
		                                    "/v1beta", "",    "/v2" };
	char room[8];

	buf_add(to, STR("version: 1\nauth: open\nworkers: 1\ndata: /dev/null/none\n"
	                "providers:\n"));
	for (int i = 0; i < TARGETS; i++) {
		str name = str_from_z(target_of(s, i, room));

		buf_addf(to,
		         "  %.*s: { format: %s, url: \"http://10.0.0.%d:80%s\", key: "
		         "none }\n",
		         STR_ARG(str_first(name, str_find(name, '/'))),
		         format_names[s->providers[i]], i + 1, bases[s->providers[i]]);
	}
	buf_add(to, STR("routes:\n  r: { targets: ["));
	for (int i = 0; i < TARGETS; i++)
		buf_addf(to, "%s%s", i ? ", " : "", target_of(s, i, room));
	buf_add(to,
	        STR("], retry: { same_target: 0 }, first_token: 5s, idle: 5s, total: 60s"
	            " }\n"));
}

/* Many scenes in a row have the same configuration. */
static struct config *config_of(const struct scene *s)
{
	static struct buf last = BUF_LIMIT(8 * KiB);
	static struct config *config;
	struct buf text = BUF_LIMIT(8 * KiB);

	add_config(s, &text);
	if (!config || !str_eq(buf_str(&text), buf_str(&last))) {
		config_unref(&config);
		config = gate_config(buf_z(&text));
		buf_clear(&last);
		buf_add(&last, buf_str(&text));
	}
	buf_free(&text);
	return config ? config_ref(config) : NULL;
}

static void begin(struct stage *g, const struct scene *s, struct transcript *t)
{
	char at[32];
	struct sim_line line = { .read_most = s->read_most, .random = s->seed != 0 };

	*g = (struct stage){ .scene = s, .t = t, .seen = BUF_LIMIT(4 * MiB) };
	if (!gate_begin_with(&g->gate, 1 + s->seed, config_of(s)))
		abort();
	for (int i = 0; i < TARGETS; i++) {
		snprintf(at, sizeof(at), "10.0.0.%d:80", i + 1);
		g->ports[i] = gate_listen(at);
	}
	g->client = gate_client(&g->gate);
	if (s->slow)
		sim_set_peer_line(g->client, &(struct sim_line){ .room = SLOW_ROOM });
	sim_set_line(&line);
}

static void count_rows(struct stage *g)
{
	struct transcript *t = g->t;
	struct journal_record record;

	while (journal_next(g->gate.journal, &record)) {
		if (record.kind == RECORD_PIN)
			continue;
		if (record.kind == RECORD_CLOSE)
			t->open--;
		else
			t->rows++;
		if (record.kind == RECORD_OPEN)
			t->open++;
	}
}

static void end(struct stage *g)
{
	sim_close(g->client);
	gate_run(&g->gate, USEC_SEC);
	g->t->unsettled |= g->gate.worker.live > 0;
	count_rows(g);
	for (unsigned i = 0; i < g->count; i++) {
		struct connection *c = &g->connections[i];

		if (!c->over)
			sim_close(c->peer);
		buf_free(&c->in);
		buf_free(&c->reply.wire);
	}
	gate_run(&g->gate, USEC_SEC);
	gate_end(&g->gate);
	buf_free(&g->seen);
}

/* ---- providers ---- */

static bool accept_all(struct stage *g)
{
	bool news = false;
	struct sim_peer *p;

	for (int i = 0; i < TARGETS; i++) {
		while (g->count < CONNECTIONS_MOST && (p = sim_accept(g->ports[i]))) {
			g->connections[g->count++] =
			        (struct connection){ .peer = p,
				                     .in = BUF_LIMIT(2 * MiB),
				                     .format = g->scene->providers[i] };
			news = true;
		}
	}
	return news;
}

/* A whole request at the front of what came in; its body. */
static bool take_request(struct connection *c, struct arena *keep, str *ret)
{
	str in = buf_str(&c->in), head;
	size_t end = str_find_str(in, STR("\r\n\r\n")), at;
	uint64_t length = 0;

	if (end == in.len)
		return false;
	head = str_first(in, end + 2);
	at = str_find_str(head, STR("content-length: "));
	if (at < head.len) {
		str digits = str_from(head, at + 16);

		str_to_u64(str_first(digits, str_find(digits, '\r')), &length);
	}
	if (in.len < end + 4 + length)
		return false;
	*ret = arena_copy(keep, str_of(in.ptr + end + 4, length));
	buf_drop(&c->in, end + 4 + length);
	return true;
}

static void answer(struct stage *g, struct connection *c, str body)
{
	struct transcript *t = g->t;
	struct question q;

	question_read(body, &t->arena, &q);
	t->garbled |= q.garbled;
	if (t->attempts < sizeof(t->asked) - 1)
		t->asked[t->attempts] = "apr"[q.asked];
	if (q.asked != ASKED_AFRESH) {
		size_t least = q.given.len / 8, most = q.given.len;

		t->given = q.given.len;
		t->odd_limit |= q.most + most + 300 < TOKENS || q.most > TOKENS ||
		                (most > 400 && q.most > TOKENS - least + 20);
	}
	buf_free(&c->reply.wire);
	provider_reply(g->scene, t->attempts++, c->format, &q, t, &c->reply);
	c->sent = 0;
	c->speaks = !c->reply.silent;
}

/* Sends what there is room for, and dies if that was all and it should. */
static bool say(struct stage *g, struct connection *c)
{
	str rest = str_from(buf_str(&c->reply.wire), c->sent);
	size_t n;

	if (c->sent < c->reply.pause)
		rest = str_first(rest, c->reply.pause - c->sent);
	n = sim_send(c->peer, rest);
	c->sent += n;
	if (n || c->sent < c->reply.wire.len)
		return n > 0;
	c->speaks = false;
	if (c->reply.then == THEN_KEEP)
		return false;
	if (c->reply.then == THEN_RST)
		sim_rst(c->peer);
	sim_close(c->peer);
	c->over = true;
	return true;
}

static bool serve(struct stage *g)
{
	bool news = accept_all(g);

	for (unsigned i = 0; i < g->count; i++) {
		struct connection *c = &g->connections[i];
		str body;

		if (c->over)
			continue;
		news |= sim_recv(c->peer, &c->in) > 0;
		while (take_request(c, &g->t->arena, &body)) {
			answer(g, c, body);
			news = true;
		}
		if (c->speaks)
			news |= say(g, c);
	}
	return news;
}

/* ---- what the client got ---- */

static enum ending look(struct stage *g, struct buf *body)
{
	enum ending is = transcript_read(g->t, buf_str(&g->seen), body);

	if (is != END_CUT)
		return is;
	return sim_saw_rst(g->client)   ? END_RESET
	       : sim_saw_fin(g->client) ? END_CUT
	                                : END_OPEN;
}

static void play(struct stage *g)
{
	struct buf body = BUF_LIMIT(4 * MiB);
	unsigned seconds = 0;

	ask(g);
	gate_run(&g->gate, 0);
	for (;;) {
		bool news = serve(g);

		if (!g->scene->slow)
			news |= sim_recv(g->client, &g->seen) > 0;
		if (!news && g->scene->slow)
			news = sim_recv_some(g->client, &g->seen, SLOW_READ) > 0;
		if (!news) {
			g->t->ending = look(g, &body);
			if (g->t->ending != END_OPEN || seconds++ > TIME_MOST)
				break;
		}
		gate_run(&g->gate, news ? 0 : USEC_SEC);
	}
	g->t->head = arena_copy(&g->t->arena, g->t->head);
	g->t->body = arena_copy(&g->t->arena, buf_str(&body));
	buf_free(&body);
}

void scene_play(const struct scene *s, struct transcript *ret)
{
	static struct stage g;

	*ret = (struct transcript){ .arena.ceiling = 64 * MiB };
	begin(&g, s, ret);
	play(&g);
	ret->as_sent =
	        ret->sent.len > 0 && ret->attempts == 1 && transcript_is_as_sent(ret);
	end(&g);
}
