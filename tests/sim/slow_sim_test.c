/* slow_sim_test.c - a peer that reads slowly, but does, is waited for.
 *
 * The kernel says that there is room only when much of its buffer is free, which a slow
 * reader may need minutes for.  Whoever waits asks what is still untaken before it gives
 * the peer up: one that reads is no dead one. */
#include "tests/sim/gate.h"

enum {
	SAID = 1 * MiB,
	FILE_SIZE = 900 * KiB,
	WHOLE = 1000, /* seconds: more than all of it needs */
};

static const char config_text[] =
        "version: 1\n"
        "auth: open\n"
        "workers: 1\n"
        "data: /dev/null/none\n"
        "providers:\n"
        "  a: { format: openai-chat, url: \"http://10.0.0.1:80/v1\", key: none }\n"
        "routes:\n"
        "  r: { targets: [a/m], answer: 30m, total: 1h }\n";

/* A third of the buffer has to be free. */
static const struct sim_line wide = { .room = 300 * KiB, .room_least = 100 * KiB };

static void add_letters(struct buf *to, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buf_add_char(to, (char)('a' + i % 26));
}

/* A client that is owed an answer of a megabyte. */
static struct sim_peer *begin_answer(struct gate *g, struct sim_peer **ret_up)
{
	static const char before[] = "{\"choices\":[{\"message\":{\"content\":\"";
	static const char behind[] = "\"},\"finish_reason\":\"stop\"}]}";
	struct buf answer = BUF_LIMIT(2 * MiB);
	struct sim_port *port = gate_listen("10.0.0.1:80");
	struct sim_peer *client = gate_client(g);

	sim_set_peer_line(client, &wide);
	sim_send(client,
	         STR("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
	             "Content-Type: application/json\r\nContent-Length: 27\r\n\r\n"
	             "{\"model\":\"r\",\"messages\":[]}"));
	gate_run(g, 0);
	*ret_up = sim_accept(port);
	if (!CHECK(*ret_up))
		return client;
	buf_addf(&answer,
	         "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	         "Content-Length: %zu\r\n\r\n%s",
	         SAID + sizeof(before) + sizeof(behind) - 2, before);
	add_letters(&answer, SAID);
	buf_add(&answer, str_from_z(behind));
	for (str rest = buf_str(&answer); rest.len;) {
		str_take(&rest, sim_send(*ret_up, rest));
		gate_run(g, 0);
	}
	buf_free(&answer);
	return client;
}

static void end(struct gate *g, struct sim_peer *client, struct sim_peer *up)
{
	sim_close(client);
	if (up)
		sim_close(up);
	gate_run(g, USEC_SEC);
	gate_end(g);
}

TEST(a_client_that_reads_slowly_gets_its_whole_answer)
{
	struct buf said = BUF_LIMIT(2 * MiB);
	struct sim_peer *client, *up;
	struct gate g;

	if (!gate_begin(&g, 1, config_text))
		return;
	client = begin_answer(&g, &up);
	for (int i = 0; i < WHOLE && !sim_saw_rst(client); i++) {
		sim_recv_some(client, &said, 1280);
		gate_run(&g, USEC_SEC);
	}
	CHECK(!sim_saw_rst(client));
	CHECK(said.len > SAID);
	CHECK(str_ends(buf_str(&said), STR("\"}]}")));
	buf_free(&said);
	end(&g, client, up);
}

/* Until then it counts as one that reads: it is looked at once in so long. */
TEST(a_client_that_stops_reading_is_cut_off)
{
	struct buf said = BUF_LIMIT(2 * MiB);
	struct sim_peer *client, *up;
	struct gate g;

	if (!gate_begin(&g, 1, config_text))
		return;
	client = begin_answer(&g, &up);
	for (int i = 0; i < 90; i++) {
		sim_recv_some(client, &said, 100);
		gate_run(&g, USEC_SEC);
	}
	CHECK(!sim_saw_rst(client));
	gate_run(&g, 120 * USEC_SEC);
	CHECK(sim_saw_rst(client));
	buf_free(&said);
	end(&g, client, up);
}

TEST(a_client_that_never_reads_is_cut_off_in_time)
{
	struct sim_peer *client, *up;
	struct gate g;

	if (!gate_begin(&g, 1, config_text))
		return;
	client = begin_answer(&g, &up);
	gate_run(&g, 59 * USEC_SEC);
	CHECK(!sim_saw_rst(client));
	gate_run(&g, 2 * USEC_SEC);
	CHECK(sim_saw_rst(client));
	end(&g, client, up);
}

#define EDGE "eDGe"

static void make_upload(struct buf *request)
{
	struct buf body = BUF_LIMIT(2 * MiB);

	buf_add(&body, STR("--" EDGE "\r\nContent-Disposition: form-data; name=\"model\""
	                   "\r\n\r\nr\r\n--" EDGE "\r\nContent-Disposition: form-data; "
	                   "name=\"file\"; filename=\"a\"\r\n\r\n"));
	add_letters(&body, FILE_SIZE);
	buf_add(&body, STR("\r\n--" EDGE "--\r\n"));
	buf_addf(request,
	         "POST /v1/audio/transcriptions HTTP/1.1\r\nHost: localhost\r\n"
	         "Content-Type: multipart/form-data; boundary=" EDGE "\r\n"
	         "Content-Length: %zu\r\n\r\n",
	         body.len);
	buf_add(request, buf_str(&body));
	buf_free(&body);
}

TEST(a_provider_that_reads_slowly_gets_the_whole_upload)
{
	struct buf request = BUF_LIMIT(2 * MiB), got = BUF_LIMIT(2 * MiB);
	struct sim_peer *client, *up = NULL;
	struct sim_port *port;
	struct gate g;
	str rest;

	if (!gate_begin(&g, 1, config_text))
		return;
	port = gate_listen("10.0.0.1:80");
	client = gate_client(&g);
	make_upload(&request);
	rest = buf_str(&request);
	sim_set_line(&wide);
	for (int i = 0; i < WHOLE && !(up && sim_saw_rst(up)); i++) {
		str_take(&rest, sim_send(client, rest));
		gate_run(&g, USEC_SEC);
		if (!up)
			up = sim_accept(port);
		if (up)
			sim_recv_some(up, &got, 1280);
	}
	CHECK(got.len > FILE_SIZE);
	CHECK(str_ends(buf_str(&got), STR("--" EDGE "--\r\n")));
	buf_free(&request);
	buf_free(&got);
	end(&g, client, up);
}
