/* bench_translate.c - what it costs to turn one format into another.
 *
 * For each pair: a request of an agent (200 KB, 40 turns, 30 tools), a small exchange
 * (request of 1.5 KB and a whole answer), and one event in the middle of a stream.  The
 * bodies are written once in OpenAI's chat format; the other formats' own are made of
 * them.  Events are fed one by one, as the gateway does.  Not a test.
 *
 *	bench_translate                   CPU time and calls of malloc
 *	bench_translate --instructions    the same in instructions; asks valgrind
 *	bench_translate PAIR WHAT TIMES   does one of them so often and says nothing, for
 *	                                  a profiler; WHAT: agent, small, event */
#include "base/mem.h"
#include "codec/event_stream.h"
#include "wire/emit.h"
#include "wire/tap.h"
#include "wire/translate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TURNS = 40, TOOLS = 30, EVENTS = 400, BODY_MOST = 4 * MiB };

/* ---- calls of malloc: linked with --wrap ---- */

static unsigned long mallocs;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size)
{
	mallocs++;
	return __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	mallocs++;
	return __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	mallocs++;
	return __real_realloc(old, size);
}

/* ---- bodies in the chat format ---- */

/* As files and tool results look: lines, quotes, a few letters beyond ASCII. */
static const char *const lines[] = {
	"static int lock_fill(struct lock *l, unsigned level)\\n{\\n",
	"\\tif (l->gate == GATE_OPEN || level > l->most)\\n\\t\\treturn -EINVAL;\\n",
	"The valve \\\"paddle\\\" lets 12.5 m\xc2\xb3 a second in; the gate stays "
	"shut.\\n",
	"2025-10-09T12:00:00Z INFO lock.c:118: level 3.20 -> 4.75, boats waiting: 2\\n",
	"- [x] read `src/lock.c`  - [ ] run the tests  - [ ] write down what was "
	"found\\n",
};

static void add_prose(struct buf *to, size_t bytes, unsigned seed)
{
	for (size_t end = to->len + bytes; to->len < end; seed++)
		buf_add(to, str_of(lines[seed % countof(lines)],
		                   strlen(lines[seed % countof(lines)])));
}

static void add_tool(struct buf *to, unsigned i)
{
	buf_addf(to,
	         "%s{\"type\":\"function\",\"function\":{\"name\":\"tool_%u\","
	         "\"description\":\"",
	         i ? "," : "", i);
	add_prose(to, 500, i);
	buf_add(to, STR("\",\"parameters\":{\"type\":\"object\",\"properties\":{"));
	for (unsigned k = 0; k < 6; k++)
		buf_addf(to,
		         "%s\"argument_%u\":{\"type\":\"%s\",\"description\":\"What is "
		         "meant by argument %u of this tool\"}",
		         k ? "," : "", k, k % 2 ? "string" : "integer", k);
	buf_add(to, STR("},\"required\":[\"argument_0\",\"argument_1\"]}}}"));
}

static void add_turn(struct buf *to, unsigned i)
{
	buf_addf(to, ",{\"role\":\"assistant\",\"content\":\"");
	add_prose(to, 400, i);
	buf_addf(
	        to,
	        "\",\"tool_calls\":[{\"id\":\"call_%08u\",\"type\":\"function\","
	        "\"function\":{\"name\":\"tool_%u\",\"arguments\":\"{\\\"argument_0\\\": "
	        "%u, \\\"argument_1\\\": \\\"",
	        i, i % TOOLS, i);
	for (unsigned k = 0; k < 8; k++)
		buf_addf(to,
		         "line %u of the file, with a \\\\\\\"quote\\\\\\\" in it\\\\n",
		         k);
	buf_addf(to,
	         "\\\"}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"call_%08u\","
	         "\"content\":\"",
	         i);
	add_prose(to, 2500, i + 1);
	buf_add(to, STR("\"},{\"role\":\"user\",\"content\":\""));
	add_prose(to, 300, i + 2);
	buf_add(to, STR("\"}"));
}

static void write_agent(struct buf *to)
{
	buf_add(to, STR("{\"model\":\"fast\",\"messages\":[{\"role\":\"system\","
	                "\"content\":\""));
	add_prose(to, 6000, 0);
	buf_add(to, STR("\"},{\"role\":\"user\",\"content\":\"Begin.\"}"));
	for (unsigned i = 0; i < TURNS; i++)
		add_turn(to, i);
	buf_add(to, STR("],\"tools\":["));
	for (unsigned i = 0; i < TOOLS; i++)
		add_tool(to, i);
	buf_add(to, STR("],\"tool_choice\":\"auto\",\"temperature\":0.2,\"max_tokens\":"
	                "8192,\"stream\":true,\"stream_options\":{\"include_usage\":"
	                "true}}"));
}

static void write_small(struct buf *to)
{
	buf_add(to, STR("{\"messages\":[{\"role\":\"system\",\"content\":\""));
	add_prose(to, 400, 0);
	buf_add(to,
	        STR("\"},{\"role\":\"user\",\"content\":\"Why two gates?\"},{\"role\":"
	            "\"assistant\",\"content\":\""));
	add_prose(to, 250, 2);
	buf_add(to, STR("\"},{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
	                "\""));
	add_prose(to, 500, 3);
	buf_add(to, STR("\"}]}],\"temperature\":0.7,\"top_p\":0.95,\"max_tokens\":256,"
	                "\"model\":\"fast\"}"));
}

static void write_answer(struct buf *to)
{
	buf_add(to,
	        STR("{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":"
	            "1760011200,\"model\":\"bench\",\"choices\":[{\"index\":0,"
	            "\"message\":{\"role\":\"assistant\",\"content\":\""));
	add_prose(to, 300, 2);
	buf_add(to, STR("\",\"refusal\":null,\"annotations\":[]},\"logprobs\":null,"
	                "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":312,"
	                "\"completion_tokens\":37,\"total_tokens\":349,"
	                "\"prompt_tokens_details\":{\"cached_tokens\":0}}}"));
}

static void write_stream(struct buf *to)
{
	static const char head[] = "data: {\"id\":\"chatcmpl-CQx8T2bEnCh4nR7mKdVw\","
	                           "\"object\":\"chat.completion.chunk\",\"created\":"
	                           "1760011200,\"model\":\"bench-model-2025-08-07\",";

	for (unsigned i = 0; i < EVENTS; i++)
		buf_addf(to,
		         "%s\"choices\":[{\"index\":0,\"delta\":{%s\"content\":\"t%05u "
		         "\"},"
		         "\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n",
		         head, i ? "" : "\"role\":\"assistant\",", i);
	buf_addf(to,
	         "%s\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}"
	         "\n\n%s\"choices\":[],\"usage\":{\"prompt_tokens\":312,"
	         "\"completion_tokens\":400,\"total_tokens\":712}}\n\ndata: [DONE]\n\n",
	         head, head);
}

/* ---- pairs ---- */

static const struct pair {
	const struct wire *client, *provider;
} pairs[] = {
	{ &wire_openai_chat, &wire_anthropic },
	{ &wire_anthropic, &wire_openai_chat },
	{ &wire_openai_responses, &wire_anthropic },
	{ &wire_gemini, &wire_openai_chat },
	{ &wire_openai_chat, &wire_bedrock },
};

/* What goes through one pair, in the formats it has there. */
struct bodies {
	struct buf agent, small, answer, stream, out;
};

typedef fault_t (*translator)(const struct translation *t, str body);

static void must(fault_t why, const char *what)
{
	if (!why)
		return;
	fprintf(stderr, "bench_translate: %s: %.*s\n", what, STR_ARG(why->name));
	exit(1);
}

static fault_t translate(translator how, const struct wire *from, const struct wire *to,
                         str body, bool stream, struct buf *out)
{
	const struct translation t = { .from = from,
		                       .to = to,
		                       .model = STR("claude-haiku-4-5"),
		                       .stream = stream,
		                       .provider = STR("bench"),
		                       .out = out };

	buf_clear(out);
	return how(&t, body);
}

/* A text of the chat format in the words of another. */
static void make(void (*write)(struct buf *), translator how, const struct wire *to,
                 struct buf *ret)
{
	struct buf chat = BUF_LIMIT(BODY_MOST);

	ret->limit = BODY_MOST;
	write(&chat);
	if (to == &wire_openai_chat)
		buf_set(ret, buf_str(&chat));
	else
		must(translate(how, &wire_openai_chat, to, buf_str(&chat), true, ret),
		     "making a body");
	buf_free(&chat);
}

static void make_bodies(const struct pair *p, struct bodies *b)
{
	*b = (struct bodies){ .out = BUF_LIMIT(BODY_MOST) };
	make(write_agent, translate_request, p->client, &b->agent);
	make(write_small, translate_request, p->client, &b->small);
	make(write_answer, translate_reply, p->provider, &b->answer);
	make(write_stream, translate_stream, p->provider, &b->stream);
}

static void free_bodies(struct bodies *b)
{
	buf_free(&b->agent);
	buf_free(&b->small);
	buf_free(&b->answer);
	buf_free(&b->stream);
	buf_free(&b->out);
}

/* ---- what is measured ---- */

static void do_agent(const struct pair *p, struct bodies *b, long times)
{
	while (times-- > 0)
		must(translate(translate_request, p->client, p->provider,
		               buf_str(&b->agent), true, &b->out),
		     "agent");
}

static void do_small(const struct pair *p, struct bodies *b, long times)
{
	while (times-- > 0) {
		must(translate(translate_request, p->client, p->provider,
		               buf_str(&b->small), false, &b->out),
		     "request");
		must(translate(translate_reply, p->provider, p->client,
		               buf_str(&b->answer), false, &b->out),
		     "answer");
	}
}

/* A stream of the provider's, cut into its events once. */
struct cut {
	str raw[EVENTS + 16];
	unsigned count, first; /* whole; a piece of text in the middle of it */
};

static void cut_stream(const struct wire *from, str bytes, struct cut *ret)
{
	struct sse_scan sse = { 0 };
	struct aws_scan aws = { 0 };
	struct sse_found event;
	struct aws_frame frame;

	*ret = (struct cut){ .first = 16 };
	while (ret->count < countof(ret->raw)) {
		if (from->frames == FRAMES_SSE && sse_scan(&sse, bytes, &event))
			ret->raw[ret->count] = event.raw;
		else if (from->frames == FRAMES_AWS && aws_scan(&aws, bytes, &frame))
			ret->raw[ret->count] = frame.raw;
		else
			break;
		bytes = str_from(bytes, ret->raw[ret->count++].len);
	}
}

struct under_way {
	struct emitter e;
	struct chat_reader reader;
	struct tap tap;
	struct sse_reader sse;
	struct aws_scan aws;
};

static void feed(const struct pair *p, struct under_way *u, str raw)
{
	struct sse_event event;
	struct aws_frame frame;
	struct tap_event found;

	if (p->provider->frames == FRAMES_SSE) {
		if (!sse_next(&u->sse, &raw, &event))
			return;
	} else {
		if (!aws_scan(&u->aws, raw, &frame))
			return;
		event = (struct sse_event){ .name = frame.name, .data = frame.payload };
	}
	wire_tap_event(p->provider, &u->tap, event.name, event.data, &found, &u->e.sink);
	must(found.is_broken || found.is_error ? FAULT_STREAM_ERROR : u->e.why, "event");
}

/* `times` events of one stream, said again and again; what came out, in bytes. */
static size_t do_events(const struct pair *p, struct bodies *b, long times,
                        unsigned long *ret_mallocs)
{
	struct under_way u = { .sse = { .limit = MiB } };
	struct cut cut;
	size_t bytes = 0;

	cut_stream(p->provider, buf_str(&b->stream), &cut);
	emit_init(&u.e, p->client->emit, &b->out, true);
	u.e.format = p->client->format;
	u.e.seed = STR("0000000000000001");
	u.e.model = STR("fast");
	u.tap.reader = &u.reader;
	buf_clear(&b->out);
	for (unsigned i = 0; i < cut.first; i++)
		feed(p, &u, cut.raw[i]);
	unsigned long before = mallocs;
	for (long i = 0; i < times; i++) {
		buf_clear(&b->out);
		feed(p, &u, cut.raw[cut.first + i % (EVENTS - 32)]);
		bytes += b->out.len;
	}
	if (ret_mallocs)
		*ret_mallocs = mallocs - before;
	emit_done(&u.e);
	sse_done(&u.sse);
	return bytes;
}

/* ---- what is said ---- */

static double cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void do_named(const struct pair *p, struct bodies *b, const char *what, long times)
{
	if (strcmp(what, "agent") == 0)
		do_agent(p, b, times);
	else if (strcmp(what, "small") == 0)
		do_small(p, b, times);
	else
		do_events(p, b, times, NULL);
}

static double time_of(const struct pair *p, struct bodies *b, const char *what,
                      long times)
{
	double best = 1e12;

	for (int round = 0; round < 5; round++) {
		double from = cpu();

		do_named(p, b, what, times);
		best = min_of(best, (cpu() - from) / (double)times);
	}
	return best;
}

static void say_times(const struct pair *p)
{
	enum { MANY = 10000 };
	struct bodies b;
	unsigned long agent, small, events;

	make_bodies(p, &b);
	do_agent(p, &b, 1);
	agent = mallocs;
	do_agent(p, &b, 1);
	agent = mallocs - agent;
	small = mallocs;
	do_small(p, &b, 1);
	small = mallocs - small;
	size_t bytes = do_events(p, &b, MANY, &events);
	printf("agent %3zu KB %7.1f us %4lu mallocs   small %6.2f us %3lu mallocs   "
	       "event %6.3f us %5.3f mallocs, %zu bytes\n",
	       b.agent.len / 1000, time_of(p, &b, "agent", 100), agent,
	       time_of(p, &b, "small", 2000), small, time_of(p, &b, "event", MANY),
	       (double)events / MANY, bytes / MANY);
	free_bodies(&b);
}

/* Instructions of a run of ours under valgrind; 0: it did not work. */
static double instructions_of(const char *self, unsigned pair, const char *what,
                              long times)
{
	char command[512], line[256];
	double found = 0;

	snprintf(command, sizeof(command),
	         "valgrind --tool=callgrind --callgrind-out-file=/dev/null %s %u %s %ld "
	         "2>&1",
	         self, pair, what, times);
	FILE *f = popen(command, "r");
	while (f && fgets(line, sizeof(line), f)) {
		const char *at = strstr(line, "Collected : ");

		if (at)
			found = strtod(at + 12, NULL);
	}
	if (f)
		pclose(f);
	return found;
}

static void say_instructions(const char *self, unsigned pair)
{
	static const struct {
		const char *what;
		long times;
	} rows[] = { { "agent", 4 }, { "small", 100 }, { "event", 1000 } };

	for (size_t i = 0; i < countof(rows); i++) {
		double once = instructions_of(self, pair, rows[i].what, rows[i].times);
		double twice =
		        instructions_of(self, pair, rows[i].what, 2 * rows[i].times);

		printf("%s %10.0f   ", rows[i].what,
		       (twice - once) / (double)rows[i].times);
	}
	printf("instructions\n");
}

int main(int argc, char **argv)
{
	bool counts = argc == 2 && strcmp(argv[1], "--instructions") == 0;
	struct bodies b;

	if (argc == 4 && (size_t)atol(argv[1]) < countof(pairs)) {
		make_bodies(&pairs[atol(argv[1])], &b);
		do_named(&pairs[atol(argv[1])], &b, argv[2], atol(argv[3]));
		free_bodies(&b);
		return 0;
	}
	if (argc > 1 && !counts) {
		fprintf(stderr, "bench_translate [--instructions | PAIR WHAT TIMES]\n");
		return 2;
	}
	for (unsigned i = 0; i < countof(pairs); i++) {
		const struct pair *p = &pairs[i];

		printf("%u %-16.*s -> %-12.*s", i, STR_ARG(p->client->name),
		       STR_ARG(p->provider->name));
		fflush(stdout);
		if (counts)
			say_instructions(argv[0], i);
		else
			say_times(p);
	}
	return 0;
}
