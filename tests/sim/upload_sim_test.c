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
        "data: /nonexistent\n"
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
	struct buf got, said;
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

static void upload(uint64_t seed, size_t read_most)
{
	struct buf request = BUF_LIMIT(2 * MiB), body = BUF_LIMIT(2 * MiB),
	           wanted = BUF_LIMIT(2 * MiB);
	struct gate g;
	struct upload u = { .gate = &g, .read_most = read_most };

	u.got.limit = u.said.limit = 2 * MiB;
	make_body(&body, "r", "");
	make_body(&wanted, "a-longer-name", "");
	make_request(&request, buf_str(&body));
	u.rest = buf_str(&request);
	if (!gate_begin(&g, seed, config_text))
		return;
	u.port = gate_listen("10.0.0.1:80");
	u.client = gate_client(&g);
	while (go_on(&u))
		;
	CHECK_INT(u.rest.len, 0);
	if (CHECK(u.provider)) {
		size_t head = str_find_str(buf_str(&u.got), STR("\r\n\r\n")) + 4;

		CHECK(str_eq(str_from(buf_str(&u.got), head), buf_str(&wanted)));
		sim_send(u.provider, answer);
		gate_run(&g, USEC_SEC);
		sim_recv(u.client, &u.said);
		CHECK(str_starts(buf_str(&u.said), STR("HTTP/1.1 200 OK\r\n")));
		CHECK(str_ends(buf_str(&u.said), STR("{\"text\":\"said\"}")));
		sim_close(u.provider);
	}
	sim_close(u.client);
	gate_run(&g, USEC_SEC);
	gate_end(&g);
	buf_free(&request);
	buf_free(&body);
	buf_free(&wanted);
	buf_free(&u.got);
	buf_free(&u.said);
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
	struct buf request = BUF_LIMIT(2 * MiB), body = BUF_LIMIT(2 * MiB);
	struct gate g;
	struct upload u = { .gate = &g, .read_most = 200000 };

	u.got.limit = u.said.limit = 2 * MiB;
	make_body(&body, "r", behind);
	make_request(&request, buf_str(&body));
	u.rest = buf_str(&request);
	if (!gate_begin(&g, seed, config_text))
		return;
	u.port = gate_listen("10.0.0.1:80");
	u.client = gate_client(&g);
	while (go_on(&u))
		;
	CHECK(str_starts(buf_str(&u.said), STR("HTTP/1.1 400 ")));
	if (CHECK(u.provider)) {
		size_t head = str_find_str(buf_str(&u.got), STR("\r\n\r\n")) + 4;

		CHECK(u.got.len > head + FILE_SIZE / 2);
		CHECK(u.got.len - head < body.len);
		CHECK(str_find_str(buf_str(&u.got), STR("dear")) == u.got.len);
		CHECK(sim_saw_fin(u.provider) || sim_saw_rst(u.provider));
		sim_close(u.provider);
	}
	sim_close(u.client);
	gate_run(&g, USEC_SEC);
	gate_end(&g);
	buf_free(&request);
	buf_free(&body);
	buf_free(&u.got);
	buf_free(&u.said);
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
