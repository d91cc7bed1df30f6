/* cost_sim_test.c - `usage: {include: true}`: the cost inside a provider's own stream,
 * where that counts up in every event. */
#include "tests/sim/gate.h"

static const char config_text[] =
        "version: 1\n"
        "auth: open\n"
        "workers: 1\n"
        "data: /dev/null/none\n"
        "providers:\n"
        "  a: { format: openai-chat, url: \"http://10.0.0.1:80/v1\", key: none }\n"
        "prices:\n"
        "  \"a/*\": { input: $1/1M, output: $1/1M }\n"
        "routes:\n"
        "  r: { targets: [a/m] }\n";

#define BODY                                                                             \
	"{\"model\":\"r\",\"stream\":true,\"usage\":{\"include\":true},"                 \
	"\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"

struct stream {
	struct gate gate;
	struct sim_peer *client, *provider;
	struct buf seen;
};

static bool begin(struct stream *s)
{
	struct buf request = BUF_LIMIT(4 * KiB);
	struct sim_port *port;

	*s = (struct stream){ .seen = BUF_LIMIT(MiB) };
	if (!gate_begin(&s->gate, 1, config_text))
		return false;
	port = gate_listen("10.0.0.1:80");
	s->client = gate_client(&s->gate);
	buf_addf(&request,
	         "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
	         "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
	         strlen(BODY), BODY);
	sim_send(s->client, buf_str(&request));
	gate_run(&s->gate, USEC_MS);
	buf_free(&request);
	s->provider = sim_accept(port);
	if (!CHECK(s->provider))
		return false;
	sim_recv(s->provider, &s->seen);
	buf_clear(&s->seen);
	sim_send(s->provider, STR("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	                          "Connection: close\r\n\r\n"));
	return true;
}

static void end(struct stream *s)
{
	sim_send(s->provider, STR("data: {\"choices\":[{\"index\":0,\"delta\":{},"
	                          "\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"));
	gate_run(&s->gate, USEC_MS);
	sim_recv(s->client, &s->seen);
	CHECK(str_ends(buf_str(&s->seen), STR("\r\n0\r\n\r\n")));
	sim_close(s->provider);
	sim_close(s->client);
	gate_run(&s->gate, USEC_SEC);
	gate_end(&s->gate);
	buf_free(&s->seen);
}

static void say(struct stream *s, int so_far)
{
	struct buf text = BUF_LIMIT(KiB);

	buf_addf(&text,
	         "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"y\"}}],"
	         "\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":%d,"
	         "\"total_tokens\":%d}}\n\n",
	         so_far, so_far + 1);
	sim_send(s->provider, buf_str(&text));
	buf_free(&text);
}

TEST(a_cost_in_every_event_takes_no_memory)
{
	struct stream s;

	if (!begin(&s))
		return;
	for (int i = 1; i <= 80000; i++) {
		say(&s, i);
		gate_run(&s.gate, 0);
		buf_clear(&s.seen);
		sim_recv(s.client, &s.seen);
	}
	CHECK(str_has(buf_str(&s.seen),
	              STR("\"total_tokens\":80001,\"cost\":0.080001000}")));
	end(&s);
}

TEST(of_several_usages_in_a_turn_the_last_has_the_cost)
{
	struct stream s;

	if (!begin(&s))
		return;
	for (int i = 1; i <= 3; i++)
		say(&s, i);
	gate_run(&s.gate, 0);
	sim_recv(s.client, &s.seen);
	CHECK(str_has(buf_str(&s.seen), STR("\"total_tokens\":4,\"cost\":0.000004000}")));
	end(&s);
}
