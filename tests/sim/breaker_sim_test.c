/* breaker_sim_test.c - what requests are spared when a provider is known to be ill, how
 * it comes back, and what happens when nobody is left: in virtual time. */
#include "tests/sim/race.h"

#include <errno.h>
#include <stdio.h>

#define REFUSAL(status, more)                                                            \
	"HTTP/1.1 " status "\r\ncontent-type: application/json\r\n" more                 \
	"content-length: 2\r\nconnection: close\r\n\r\n{}"

/* Another request, on a connection of its own. */
static void ask(struct race *r)
{
	if (r->client)
		sim_close(r->client);
	buf_clear(&r->seen);
	race_ask(r, false, "");
}

static void answer(struct race *r, struct sim_peer *p, const char *text)
{
	if (!CHECK(p))
		return;
	sim_send(p, str_from_z(text));
	race_run(r, 0);
	sim_close(p);
	race_run(r, 0);
}

static bool came_from(struct race *r, const char *provider, int attempts)
{
	char lines[128];
	int n = snprintf(lines, sizeof(lines), "x-sluice-provider: %s\r\n", provider);

	if (!str_has(race_see(r), str_of(lines, (size_t)n)))
		return false;
	n = snprintf(lines, sizeof(lines), "x-sluice-attempts: %d\r\n", attempts);
	return str_has(race_see(r), str_of(lines, (size_t)n));
}

/* Three requests which find out that a is a black hole. */
static void find_out(struct race *r)
{
	sim_port_set(r->ports[0], SIM_DROPS);
	for (int i = 0; i < 3; i++) {
		ask(r);
		race_run(r, 701 * USEC_MS);
		answer(r, race_accept(r, 1), race_unary);
		CHECK(came_from(r, "b", 2));
	}
}

TEST(a_black_hole_costs_three_requests_a_second_and_the_others_nothing)
{
	struct race r;

	if (!race_begin(&r, "{ targets: [a/m, b/m] }"))
		return;
	find_out(&r);
	for (int i = 0; i < 20; i++) {
		ask(&r);
		race_run(&r, 0);
		answer(&r, race_accept(&r, 1), race_unary);
		CHECK(came_from(&r, "b", 1));
		race_run(&r, USEC_MS);
	}
	race_end(&r);
}

TEST(a_black_hole_that_goes_on_costs_one_request_per_cooldown)
{
	struct race r;
	int slow = 0, probes = 0;

	if (!race_begin(&r, "{ targets: [a/m, b/m] }"))
		return;
	find_out(&r);
	for (int i = 0; i < 300; i++) {
		struct sim_peer *b;

		ask(&r);
		race_run(&r, 0);
		b = race_accept(&r, 1);
		if (!b) {
			probes++;
			race_run(&r, 701 * USEC_MS);
			b = race_accept(&r, 1);
		}
		answer(&r, b, race_unary);
		slow += came_from(&r, "b", 2);
		race_run(&r, 100 * USEC_MS);
	}
	/* Half a minute with cooldowns of 2, 4, 8, 16 s, each a quarter more or less. */
	CHECK_INT(slow, probes);
	CHECK(probes >= 3 && probes <= 5);
	race_end(&r);
}

TEST(a_primary_that_is_well_again_is_back_with_one_probe)
{
	struct race r;
	struct sim_peer *clients[5], *probe;
	int others = 0;

	if (!race_begin(&r, "{ targets: [a/m, b/m] }"))
		return;
	find_out(&r);
	sim_port_set(r.ports[0], SIM_ACCEPTS);
	race_run(&r, 2500 * USEC_MS); /* the longest first cooldown */
	sim_close(r.client);
	/* All at once; its connection is not there yet when the others come. */
	for (size_t i = 0; i < countof(clients); i++) {
		char text[256];
		const char *body = "{\"model\":\"r\",\"messages\":[{\"role\":\"user\","
		                   "\"content\":\"hi\"}]}";
		int n = snprintf(text, sizeof(text),
		                 "POST /v1/chat/completions HTTP/1.1\r\n"
		                 "Host: localhost\r\nContent-Type: application/json\r\n"
		                 "Content-Length: %zu\r\n\r\n%s",
		                 strlen(body), body);

		clients[i] = gate_client(&r.gate);
		sim_send(clients[i], str_of(text, (size_t)n));
	}
	race_run(&r, 0);
	probe = race_accept(&r, 0);
	CHECK(probe);
	for (struct sim_peer *p; (p = race_accept(&r, 0)); sim_close(p))
		others++;
	CHECK_INT(others, 0);
	for (struct sim_peer *b; (b = race_accept(&r, 1));) {
		answer(&r, b, race_unary);
		others++;
	}
	CHECK_INT(others, 4);
	answer(&r, probe, race_unary);
	r.client = NULL;
	for (size_t i = 0; i < countof(clients); i++)
		sim_close(clients[i]);
	for (int i = 0; i < 5; i++) {
		ask(&r);
		answer(&r, race_accept(&r, 0), race_unary);
		CHECK(came_from(&r, "a", 1));
	}
	race_end(&r);
}

TEST(retry_after_is_the_floor_of_a_cooldown)
{
	static const char busy[] =
	        REFUSAL("503 Service Unavailable", "retry-after: 30\r\n");
	struct race r;

	if (!race_begin(&r, "{ targets: [a/m, b/m] }"))
		return;
	for (int i = 0; i < 5; i++) {
		ask(&r);
		answer(&r, race_accept(&r, 0), busy);
		answer(&r, race_accept(&r, 1), race_unary);
		CHECK(came_from(&r, "b", 2));
	}
	race_run(&r, 29 * USEC_SEC);
	ask(&r);
	answer(&r, race_accept(&r, 1), race_unary);
	CHECK(came_from(&r, "b", 1));
	race_run(&r, USEC_SEC);
	ask(&r);
	answer(&r, race_accept(&r, 0), race_unary);
	CHECK(came_from(&r, "a", 1));
	race_end(&r);
}

TEST(a_429_is_not_asked_again_before_its_time)
{
	static const char limited[] =
	        REFUSAL("429 Too Many Requests", "retry-after-ms: 700\r\n");
	struct race r;

	if (!race_begin(&r, "{ targets: [a/m, b/m] }"))
		return;
	ask(&r);
	answer(&r, race_accept(&r, 0), limited);
	answer(&r, race_accept(&r, 1), race_unary);
	CHECK(came_from(&r, "b", 2));
	ask(&r);
	answer(&r, race_accept(&r, 1), race_unary);
	CHECK(came_from(&r, "b", 1));
	race_run(&r, 701 * USEC_MS);
	ask(&r);
	answer(&r, race_accept(&r, 0), race_unary);
	CHECK(came_from(&r, "a", 1));
	race_end(&r);
}

/* a has said that nobody may come for three seconds: it is asked then, and not before. */
static void ask_behind_429(struct race *r)
{
	ask(r);
	race_run(r, 2 * USEC_SEC);
	CHECK(!race_accept(r, 0));
	race_run(r, USEC_SEC + USEC_MS);
	answer(r, race_accept(r, 0), race_unary);
	CHECK(came_from(r, "a", 1));
}

TEST(a_lone_target_that_is_paced_is_waited_for)
{
	static const char limited[] =
	        REFUSAL("429 Too Many Requests", "retry-after: 3\r\n");
	struct race r;

	if (!race_begin(&r, "{ targets: [a/m], retry: { attempts: 1 } }"))
		return;
	ask(&r);
	answer(&r, race_accept(&r, 0), limited);
	CHECK(str_has(race_see(&r), STR("HTTP/1.1 429")));
	CHECK(str_has(race_see(&r), STR("retry-after: 3\r\n")));
	ask_behind_429(&r);
	race_end(&r);
}

TEST(when_nobody_answers_one_request_finds_out_and_the_others_are_told)
{
	struct race r;
	struct sim_peer *first;

	if (!race_begin(&r, "{ targets: [a/m], retry: { attempts: 1 } }"))
		return;
	sim_port_set(r.ports[0], SIM_REFUSES);
	for (int i = 0; i < 6; i++) {
		ask(&r);
		CHECK(str_has(race_see(&r), STR("HTTP/1.1 502")));
	}
	sim_port_set(r.ports[0], SIM_DROPS);
	ask(&r);
	first = r.client;
	r.client = NULL;
	ask(&r);
	CHECK(str_has(race_see(&r), STR("HTTP/1.1 503")));
	CHECK(str_has(race_see(&r), STR("gateway_no_target")));
	CHECK(str_has(race_see(&r), STR("retry-after: 1\r\n")));
	sim_close(first);
	sim_port_set(r.ports[0], SIM_ACCEPTS);
	race_run(&r, 3 * USEC_SEC);
	ask(&r);
	answer(&r, race_accept(&r, 0), race_unary);
	CHECK(came_from(&r, "a", 1));
	race_end(&r);
}

TEST(repeats_at_the_same_target_have_a_budget)
{
	static const char failed[] = REFUSAL("500 Internal Server Error", "");
	struct race r;
	int repeats = 0;

	if (!race_begin(&r, "{ targets: [a/m, b/m] }"))
		return;
	/* One of four fails once. */
	for (int i = 0; i < 200; i++) {
		struct sim_peer *again;

		ask(&r);
		if (i % 4) {
			answer(&r, race_accept(&r, 0), race_unary);
			continue;
		}
		answer(&r, race_accept(&r, 0), failed);
		again = race_accept(&r, 0);
		repeats += again != NULL;
		answer(&r, again ? again : race_accept(&r, 1), race_unary);
	}
	CHECK(repeats > 40 && repeats <= 50);
	race_end(&r);
}

/* Also while the breaker opens under it, which makes it the last resort. */
TEST(a_lone_target_is_not_repeated_more_often_than_the_route_says)
{
	static const char failed[] = REFUSAL("500 Internal Server Error", "");
	struct race r;

	if (!race_begin(&r, "{ targets: [a/m], retry: { same_target: 1, attempts: 5 } }"))
		return;
	for (int i = 0; i < 8; i++) {
		int tries = 0;

		ask(&r);
		for (struct sim_peer *p; (p = race_accept(&r, 0)); tries++)
			answer(&r, p, failed);
		CHECK(tries >= 1 && tries <= 2);
		CHECK(str_has(race_see(&r), STR("HTTP/1.1 502")));
	}
	race_end(&r);
}

/* ---- limits and queues ---- */

static const char limited_config[] =
        "version: 1\n"
        "auth: open\n"
        "workers: 1\n"
        "data: /dev/null/none\n"
        "providers:\n"
        "  a: { format: openai-chat, url: \"http://10.0.0.1:80/v1\", key: none,\n"
        "       limits: { concurrent: 1 }, queue: 5s }\n"
        "  b: { format: openai-chat, url: \"http://10.0.0.2:80/v1\", key: none,\n"
        "       limits: { rpm: 2 } }\n"
        "routes:\n"
        "  r: { targets: [a/m] }\n"
        "  s: { targets: [b/m] }\n"
        "  t: { targets: [b/m, a/m] }\n";

static struct sim_peer *ask_for(struct gate *g, const char *model)
{
	struct sim_peer *client = gate_client(g);
	char text[512], body[128];
	int n = snprintf(body, sizeof(body),
	                 "{\"model\":\"%s\",\"messages\":[{\"role\":\"user\","
	                 "\"content\":\"hi\"}]}",
	                 model);

	n = snprintf(text, sizeof(text),
	             "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
	             "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
	             n, body);
	sim_send(client, str_of(text, (size_t)n));
	gate_run(g, 0);
	return client;
}

/* What the client has got; it goes. */
static bool got(struct sim_peer *client, const char *text)
{
	struct buf seen = BUF_LIMIT(64 * KiB);
	bool has;

	sim_recv(client, &seen);
	has = str_has(buf_str(&seen), str_from_z(text));
	sim_close(client);
	buf_free(&seen);
	return has;
}

/* A provider that keeps its connections; some are made before they are needed. */
struct host {
	struct sim_port *port;
	struct sim_peer *peers[16];
	unsigned count;
};

/* The connection a request has come on; NULL: none has. */
static struct sim_peer *asked(struct host *h)
{
	struct buf request = BUF_LIMIT(64 * KiB);
	struct sim_peer *found = NULL;

	for (struct sim_peer *p;
	     h->count < countof(h->peers) && (p = sim_accept(h->port));)
		h->peers[h->count++] = p;
	for (unsigned i = 0; i < h->count && !found; i++)
		if (sim_recv(h->peers[i], &request))
			found = h->peers[i];
	buf_free(&request);
	return found;
}

static void serve(struct gate *g, struct host *h)
{
	struct sim_peer *p = asked(h);

	if (!CHECK(p))
		return;
	sim_send(p, str_from_z(race_unary));
	gate_run(g, 0);
}

static void host_end(struct host *h)
{
	for (unsigned i = 0; i < h->count; i++)
		sim_close(h->peers[i]);
}

TEST(who_waits_for_room_is_served_in_turn)
{
	struct sim_peer *clients[3], *late, *gone;
	struct host a = { 0 };
	struct gate g;

	if (!gate_begin(&g, 1, limited_config))
		return;
	a.port = gate_listen("10.0.0.1:80");
	for (size_t i = 0; i < countof(clients); i++)
		clients[i] = ask_for(&g, "r");
	gone = ask_for(&g, "r");
	for (size_t i = 0; i < countof(clients); i++) {
		gate_run(&g, USEC_SEC);
		/* One at a time, the eldest first; one that left is not missed. */
		if (i == 1)
			sim_close(gone);
		serve(&g, &a);
		CHECK(got(clients[i], "HTTP/1.1 200"));
	}
	CHECK(!asked(&a));
	/* One that waits too long is told when to come back. */
	clients[0] = ask_for(&g, "r");
	late = ask_for(&g, "r");
	gate_run(&g, 4900 * USEC_MS);
	gate_run(&g, 200 * USEC_MS);
	CHECK(got(late, "HTTP/1.1 429"));
	serve(&g, &a);
	CHECK(got(clients[0], "HTTP/1.1 200"));
	gate_run(&g, USEC_SEC);
	CHECK_INT(g.worker.live, 0);
	host_end(&a);
	gate_end(&g);
}

TEST(a_minute_has_so_many_requests)
{
	struct host a = { 0 }, b = { 0 };
	struct sim_peer *client;
	struct gate g;

	if (!gate_begin(&g, 1, limited_config))
		return;
	a.port = gate_listen("10.0.0.1:80");
	b.port = gate_listen("10.0.0.2:80");
	for (int i = 0; i < 2; i++) {
		client = ask_for(&g, "s");
		serve(&g, &b);
		CHECK(got(client, "HTTP/1.1 200"));
	}
	/* Without a queue it is told at once; where there is another target, that one. */
	CHECK(got(ask_for(&g, "s"), "at a limit which the configuration sets"));
	client = ask_for(&g, "t");
	serve(&g, &a);
	CHECK(got(client, "x-sluice-provider: a\r\n"));
	gate_run(&g, 121 * USEC_SEC);
	client = ask_for(&g, "t");
	serve(&g, &b);
	CHECK(got(client, "x-sluice-provider: b\r\n"));
	gate_run(&g, USEC_SEC);
	host_end(&a);
	host_end(&b);
	gate_end(&g);
}

/* One that staggers and says when to come back is still not pushed over. */
TEST(repeats_that_may_be_waited_for_are_repeats)
{
	struct race r;
	int hits = 0;

	if (!race_begin(&r, "{ targets: [a/m], retry: { same_target: 1 } }"))
		return;
	for (int i = 0; i < 40; i++) {
		struct sim_peer *p;

		ask(&r);
		for (race_run(&r, 0); (p = race_accept(&r, 0));
		     race_run(&r, 2 * USEC_SEC)) {
			hits++;
			answer(&r, p, REFUSAL("503 Busy", "retry-after: 1\r\n"));
		}
	}
	CHECK(hits <= 40 + hits / 5 + 10); /* ten may be saved up */
	race_end(&r);
}

/* An open breaker hides what a 429 said: then it is waited for like any other. */
TEST(one_that_is_ill_and_full_is_waited_for)
{
	struct race r;
	struct sim_peer *p;

	if (!race_begin(&r, "{ targets: [a/m], retry: { same_target: 0 } }"))
		return;
	for (int i = 0; i < 8; i++) {
		ask(&r);
		race_run(&r, 0);
		if ((p = race_accept(&r, 0)))
			answer(&r, p, REFUSAL("500 Internal Server Error", ""));
	}
	ask(&r);
	race_run(&r, 0);
	answer(&r, race_accept(&r, 0),
	       REFUSAL("429 Too Many Requests", "retry-after: 3\r\n"));
	ask_behind_429(&r);
	race_end(&r);
}

/* Nothing of that is a provider's fault, and nobody is asked to spare it. */
TEST(a_lack_of_descriptors_is_ours_and_opens_no_breaker)
{
	static const int lacks[] = { EMFILE, ENFILE, ENOMEM, ENOBUFS, EADDRNOTAVAIL };
	struct race r;

	if (!race_begin(&r, "{ targets: [a/m] }"))
		return;
	for (int i = 0; i < 15; i++) {
		sim_fail(SIM_CONNECT, 1, lacks[i % (int)countof(lacks)]);
		ask(&r);
		race_run(&r, 0);
		CHECK(str_starts(race_see(&r), STR("HTTP/1.1 503 ")));
		CHECK(str_has(race_see(&r), STR("\"gateway_overloaded\"")));
		race_run(&r, USEC_MS);
	}
	ask(&r);
	race_run(&r, 0);
	answer(&r, race_accept(&r, 0), race_unary);
	CHECK(came_from(&r, "a", 1));
	race_end(&r);
}
