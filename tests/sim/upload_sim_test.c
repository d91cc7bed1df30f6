/* upload_sim_test.c - a large upload is streamed through to a provider that reads slowly.
 *
 * Whatever pieces the client's bytes come in and however few of them the provider takes
 * at a time, it gets each byte once and in order, and the client its answer. */
#include "tests/sim/gate.h"

#include <stdio.h>

enum { FILE_SIZE = 900 * KiB };
#define EDGE "eDGe"

static const char config_text[] =
        "version: 1\n"
        "auth: open\n"
        "workers: 1\n"
        "data: /dev/null/none\n"
        "providers:\n"
        "  a: { format: openai-chat, url: \"http://10.0.0.1:80/v1\", key: none }\n"
        "routes:\n"
        "  r: { targets: [a/a-longer-name] }\n";

static const str answer = STR_INIT("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                   "Content-Length: 15\r\n\r\n{\"text\":\"said\"}");

static void make_body(struct buf *to, const char *model, const char *behind)
{
	buf_addf(to,
	         "--" EDGE "\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n%s"
	         "\r\n--" EDGE "\r\nContent-Disposition: form-data; name=\"file\"; "
	         "filename=\"a\"\r\n\r\n",
	         model);
	for (uint64_t i = 0; i < FILE_SIZE / 8; i++) {
		uint64_t block = i * 0x9e3779b97f4a7c15u;

		buf_add(to, str_of((const char *)&block, sizeof(block)));
	}
	buf_addf(to, "\r\n%s--" EDGE "--\r\n", behind);
}

static void make_request(struct buf *to, str body)
{
	buf_addf(to,
	         "POST /v1/audio/transcriptions HTTP/1.1\r\nHost: localhost\r\n"
	         "Content-Type: multipart/form-data; boundary=" EDGE "\r\n"
	         "Content-Length: %zu\r\n\r\n",
	         body.len);
	buf_add(to, body);
}

struct upload {
	struct gate *gate;
	struct sim_peer *client, *provider;
	struct sim_port *port;
	str rest;         /* of the request, to be sent */
	size_t read_most; /* by the provider, at a time */
	struct buf request, got, said;
};

/* Both sides do a little; false when nothing moved. */
static bool go_on(struct upload *u)
{
	size_t sent = sim_send(u->client, str_first(u->rest, 1 + sim_random(40000)));
	size_t got = 0;

	str_take(&u->rest, sent);
	gate_run(u->gate, USEC_MS);
	if (!u->provider)
		u->provider = sim_accept(u->port);
	if (u->provider)
		got = sim_recv_some(u->provider, &u->got, 1 + sim_random(u->read_most));
	gate_run(u->gate, USEC_MS);
	sim_recv(u->client, &u->said);
	return sent || got;
}

/* Both sides until nothing moves any more.  False: told; else upload_end. */
static bool upload_begin(struct upload *u, struct gate *g, uint64_t seed, str body,
                         size_t read_most)
{
	*u = (struct upload){ .gate = g, .read_most = read_most };
	u->got.limit = u->said.limit = u->request.limit = 2 * MiB;
	make_request(&u->request, body);
	u->rest = buf_str(&u->request);
	if (!gate_begin(g, seed, config_text))
		return false;
	u->port = gate_listen("10.0.0.1:80");
	u->client = gate_client(g);
	while (go_on(u))
		;
	return true;
}

/* What the provider has got behind the head. */
static str got_body(const struct upload *u)
{
	str got = buf_str(&u->got);

	return str_from(got, str_find_str(got, STR("\r\n\r\n")) + 4);
}

static void upload_end(struct upload *u)
{
	if (u->provider)
		sim_close(u->provider);
	sim_close(u->client);
	gate_run(u->gate, USEC_SEC);
	gate_end(u->gate);
	buf_free(&u->request);
	buf_free(&u->got);
	buf_free(&u->said);
}

static void upload(uint64_t seed, size_t read_most)
{
	struct buf body = BUF_LIMIT(2 * MiB), wanted = BUF_LIMIT(2 * MiB);
	struct upload u;
	struct gate g;

	make_body(&body, "r", "");
	make_body(&wanted, "a-longer-name", "");
	if (!upload_begin(&u, &g, seed, buf_str(&body), read_most))
		return;
	CHECK_INT(u.rest.len, 0);
	if (CHECK(u.provider)) {
		CHECK(str_eq(got_body(&u), buf_str(&wanted)));
		sim_send(u.provider, answer);
		gate_run(&g, USEC_SEC);
		sim_recv(u.client, &u.said);
		CHECK(str_starts(buf_str(&u.said), STR("HTTP/1.1 200 OK\r\n")));
		CHECK(str_ends(buf_str(&u.said), STR("{\"text\":\"said\"}")));
	}
	upload_end(&u);
	buf_free(&body);
	buf_free(&wanted);
}

TEST(an_upload_reaches_a_slow_provider_whole)
{
	for (uint64_t seed = 1; seed <= 4; seed++) {
		upload(seed, 200000);
		upload(seed, 20000);
		upload(seed, 3000);
	}
}

/* What is not clearly one form with one model never reaches a provider whole. */
static void refuse(uint64_t seed, const char *behind)
{
	struct buf body = BUF_LIMIT(2 * MiB);
	struct upload u;
	struct gate g;

	make_body(&body, "r", behind);
	if (!upload_begin(&u, &g, seed, buf_str(&body), 200000))
		return;
	CHECK(str_starts(buf_str(&u.said), STR("HTTP/1.1 400 ")));
	if (CHECK(u.provider)) {
		CHECK(got_body(&u).len > FILE_SIZE / 2);
		CHECK(got_body(&u).len < body.len);
		CHECK(!str_has(buf_str(&u.got), STR("dear")));
		CHECK(sim_saw_fin(u.provider) || sim_saw_rst(u.provider));
	}
	upload_end(&u);
	buf_free(&body);
}

TEST(an_upload_with_a_second_model_reaches_no_provider_whole)
{
	static const char *const behind[] = {
		"--" EDGE "\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n"
		"dear\r\n",
		"--" EDGE "\r\ncontent-disposition:form-data;name=Model\r\n\r\ndear\r\n",
		/* its lines end in LF, which some take: to us its head has no end */
		"--" EDGE "\r\nContent-Disposition: form-data; name=\"model\"\n\ndear\n",
	};

	for (size_t i = 0; i < countof(behind); i++) {
		for (uint64_t seed = 1; seed <= 4; seed++)
			refuse(seed, behind[i]);
	}
}

/* ---- an upload that takes its time ---- */

static const char hurried[] =
        "version: 1\n"
        "auth: open\n"
        "workers: 1\n"
        "data: /dev/null/none\n"
        "limits: { body: 512KiB }\n"
        "providers:\n"
        "  a: { format: openai-chat, url: \"http://10.0.0.1:80/v1\", key: none }\n"
        "routes:\n"
        "  r: { targets: [a/a-longer-name], answer: 3s, retry: { same_target: 0 } }\n";

/* Each piece a second after the one before. */
static void send_in_seconds(struct upload *u, size_t pieces)
{
	size_t each = u->rest.len / pieces + 1;

	while (u->rest.len) {
		str piece = str_first(u->rest, each);

		str_take(&u->rest, piece.len);
		for (int turns = 0; piece.len && turns < 1000; turns++) {
			str_take(&piece, sim_send(u->client, piece));
			gate_run(u->gate, 0);
			if (!u->provider)
				u->provider = sim_accept(u->port);
			if (u->provider)
				sim_recv(u->provider, &u->got);
		}
		gate_run(u->gate, USEC_SEC);
	}
	sim_recv(u->client, &u->said);
}

static bool slowly(struct upload *u, struct gate *g, str body)
{
	*u = (struct upload){ .gate = g };
	u->got.limit = u->said.limit = u->request.limit = 2 * MiB;
	make_request(&u->request, body);
	u->rest = buf_str(&u->request);
	if (!gate_begin(g, 1, hurried))
		return false;
	u->port = gate_listen("10.0.0.1:80");
	u->client = gate_client(g);
	send_in_seconds(u, 10);
	return CHECK(u->provider) && CHECK(u->said.len == 0);
}

/* It waits for the rest as long as we do: its time begins with the last byte. */
TEST(a_slow_upload_is_not_the_provider_s_silence)
{
	struct buf body = BUF_LIMIT(2 * MiB), wanted = BUF_LIMIT(2 * MiB);
	struct upload u;
	struct gate g;

	make_body(&body, "r", "");
	make_body(&wanted, "a-longer-name", "");
	if (slowly(&u, &g, buf_str(&body))) {
		CHECK(str_eq(got_body(&u), buf_str(&wanted)));
		gate_run(&g, USEC_SEC);
		sim_send(u.provider, answer);
		gate_run(&g, USEC_SEC);
		sim_recv(u.client, &u.said);
		CHECK(str_starts(buf_str(&u.said), STR("HTTP/1.1 200 OK\r\n")));
	}
	upload_end(&u);
	if (slowly(&u, &g, buf_str(&body))) {
		gate_run(&g, 3 * USEC_SEC);
		sim_recv(u.client, &u.said);
		CHECK(str_starts(buf_str(&u.said), STR("HTTP/1.1 504 ")));
	}
	upload_end(&u);
	buf_free(&body);
	buf_free(&wanted);
}

/* ---- a provider that is not there yet ---- */

static bool to_a_black_hole(struct upload *u, struct gate *g, str body)
{
	*u = (struct upload){ .gate = g, .read_most = 200000 };
	u->got.limit = u->said.limit = u->request.limit = 2 * MiB;
	make_request(&u->request, body);
	u->rest = buf_str(&u->request);
	if (!gate_begin(g, 1, hurried))
		return false;
	u->port = gate_listen("10.0.0.1:80");
	sim_port_set(u->port, SIM_DROPS);
	u->client = gate_client(g);
	for (int i = 0; i < 200; i++) {
		str_take(&u->rest, sim_send(u->client, u->rest));
		gate_run(g, USEC_MS);
	}
	return true;
}

/* What comes meanwhile is held, up to the size of a body that is held whole; then the
 * client has to wait as well. */
TEST(an_upload_is_held_to_a_limit_until_its_provider_is_connected)
{
	struct buf body = BUF_LIMIT(2 * MiB), wanted = BUF_LIMIT(2 * MiB);
	struct upload u;
	struct gate g;

	make_body(&body, "r", "");
	make_body(&wanted, "a-longer-name", "");
	if (to_a_black_hole(&u, &g, buf_str(&body))) {
		CHECK(u.rest.len > 0);
		CHECK(atomic_load(&g.gateway.memory) <= 640 * KiB);
		sim_port_set(u.port, SIM_ACCEPTS);
		sim_port_answer(u.port);
		while (go_on(&u))
			;
		CHECK_INT(u.rest.len, 0);
		CHECK(str_eq(got_body(&u), buf_str(&wanted)));
		sim_send(u.provider, answer);
		gate_run(&g, USEC_SEC);
		sim_recv(u.client, &u.said);
		CHECK(str_starts(buf_str(&u.said), STR("HTTP/1.1 200 OK\r\n")));
	}
	upload_end(&u);
	if (to_a_black_hole(&u, &g, buf_str(&body))) { /* and it never is */
		gate_run(&g, 10 * USEC_SEC);
		sim_recv(u.client, &u.said);
		CHECK(str_starts(buf_str(&u.said), STR("HTTP/1.1 504 ")));
	}
	upload_end(&u);
	buf_free(&body);
	buf_free(&wanted);
}

/* ---- a pooled connection ---- */

/* A provider's connection may end with its next request.  What was not kept cannot be
 * sent again, so it is not sent there. */
TEST(an_upload_is_not_given_to_a_pooled_connection)
{
	struct buf body = BUF_LIMIT(2 * MiB), wanted = BUF_LIMIT(2 * MiB);
	struct sim_peer *pooled;
	struct upload u = { .read_most = 200000 };
	struct gate g;

	make_body(&body, "r", "");
	make_body(&wanted, "a-longer-name", "");
	u.gate = &g;
	u.got.limit = u.said.limit = u.request.limit = 2 * MiB;
	if (!gate_begin(&g, 1, config_text))
		return;
	u.port = gate_listen("10.0.0.1:80");
	u.client = gate_client(&g);
	sim_send(u.client, STR("POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\n"
	                       "Content-Type: application/json\r\n"
	                       "Content-Length: 24\r\n\r\n"
	                       "{\"model\":\"r\",\"input\":\"\"}"));
	gate_run(&g, 0);
	pooled = sim_accept(u.port);
	if (CHECK(pooled)) {
		sim_recv(pooled, &u.got);
		sim_send(pooled, STR("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"));
		gate_run(&g, 0);
		sim_recv(u.client, &u.said);
		CHECK(str_starts(buf_str(&u.said), STR("HTTP/1.1 200 OK\r\n")));
		buf_clear(&u.got);
		make_request(&u.request, buf_str(&body));
		u.rest = buf_str(&u.request);
		while (go_on(&u))
			;
		CHECK_INT(sim_recv(pooled, &u.said), 0);
		CHECK(u.provider && str_eq(got_body(&u), buf_str(&wanted)));
		sim_close(pooled);
	}
	upload_end(&u);
	buf_free(&body);
	buf_free(&wanted);
}
