/* clocks_sim_test.c - what counts as life and what does not, and what changes around two
 * attempts that are live. */
#include "tests/sim/race.h"

#define PING ": ping\n\n"
#define THOUGHT                                                                          \
	"data: "                                                                         \
	"{\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"hm\"}}]}\n\n"

static bool fault_is(const struct attempt_row *row, const char *fault)
{
	return str_eq(row->fault, str_from_z(fault));
}

/* Sends that every five seconds for a span. */
static void drip(struct race *r, struct sim_peer *p, const char *what, usec span)
{
	for (usec at = 0; at < span; at += 5 * USEC_SEC) {
		sim_send(p, str_from_z(what));
		race_run(r, 5 * USEC_SEC);
	}
}

static struct sim_peer *begin(struct race *r, const char *route, const char *first)
{
	struct sim_peer *a;

	if (!race_begin(r, route))
		return NULL;
	race_ask(r, true, "");
	a = race_accept(r, 0);
	if (!CHECK(a))
		return NULL;
	sim_send(a, str_from_z(race_head));
	sim_send(a, str_from_z(first));
	race_run(r, USEC_MS);
	return a;
}

TEST(a_model_that_thinks_lives_by_its_pings_for_five_minutes)
{
	struct race r;
	struct sim_peer *a = begin(&r, "{ resume: off, targets: [a/m] }", THOUGHT);

	if (!a)
		return;
	drip(&r, a, PING, 290 * USEC_SEC);
	CHECK(!str_has(race_see(&r), STR("fell silent")));
	drip(&r, a, PING, 15 * USEC_SEC);
	CHECK(str_has(race_see(&r), STR("fell silent: only signs of life came")));
	sim_close(a);
	race_run(&r, USEC_SEC);
	race_read_rows(&r);
	CHECK(fault_is(&r.rows[0], "UPSTREAM_IDLE"));
	race_end(&r);
}

TEST(a_model_that_thinks_and_shows_no_life_is_given_up_as_any_other)
{
	struct race r;
	struct sim_peer *a = begin(&r, "{ resume: off, targets: [a/m] }", THOUGHT);

	if (!a)
		return;
	drip(&r, a, PING, 60 * USEC_SEC);
	race_run(&r, 24 * USEC_SEC);
	CHECK(!str_has(race_see(&r), STR("fell silent")));
	race_run(&r, 2 * USEC_SEC); /* 30 s after the last ping, which was 5 s before */
	CHECK(str_has(race_see(&r), STR("fell silent")));
	sim_close(a);
	race_end(&r);
}

/* Text after the thoughts ends that patience. */
TEST(pings_behind_text_are_no_life)
{
	struct race r;
	struct sim_peer *a = begin(&r, "{ resume: off, targets: [a/m] }", THOUGHT);

	if (!a)
		return;
	race_say(a, "so");
	drip(&r, a, PING, 25 * USEC_SEC);
	CHECK(!str_has(race_see(&r), STR("fell silent")));
	drip(&r, a, PING, 10 * USEC_SEC);
	CHECK(str_has(race_see(&r), STR("fell silent")));
	sim_close(a);
	race_end(&r);
}

/* Before its first token: a block of reasoning that is open and empty, as of models that
 * do not show their thoughts. */
TEST(thinking_without_a_word_may_last_longer_than_the_first_token)
{
	struct race r;
	struct sim_peer *d, *a;

	if (!race_begin(&r, "{ targets: [d/m, a/m] }"))
		return;
	race_ask(&r, true, "");
	d = race_accept(&r, 3);
	if (!CHECK(d))
		return;
	sim_send(d, str_from_z(race_head));
	sim_send(
	        d,
	        STR("event: message_start\ndata: {\"type\":\"message_start\",\"message\":"
	            "{\"id\":\"m\",\"role\":\"assistant\",\"content\":[],\"usage\":"
	            "{\"input_tokens\":7,\"output_tokens\":1}}}\n\n"
	            "event: content_block_start\ndata: {\"type\":\"content_block_start\","
	            "\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":"
	            "\"\",\"signature\":\"\"}}\n\n"));
	drip(&r, d, "event: ping\ndata: {\"type\":\"ping\"}\n\n", 100 * USEC_SEC);
	CHECK(!race_accept(&r, 0));
	/* The client is kept alive meanwhile. */
	CHECK(str_has(race_see(&r), STR(": keep-alive\n\n")));
	race_run(&r, 31 * USEC_SEC);
	a = race_accept(&r, 0);
	if (!CHECK(a))
		return;
	sim_close(a);
	sim_close(d);
	race_run(&r, USEC_SEC);
	race_read_rows(&r);
	CHECK(fault_is(&r.rows[0], "FIRST_TOKEN_LATE"));
	CHECK(str_has(r.rows[0].detail, STR("its head came, and no token")));
	race_end(&r);
}

/* The last candidate is waited for as long as a gap may be, not as long as a first
 * token. */
TEST(on_the_last_candidate_only_silence_and_the_total_count)
{
	struct race r;
	struct sim_peer *a =
	        begin(&r, "{ targets: [a/m], first_token: 2s, idle: 50s }", "");

	if (!a)
		return;
	race_run(&r, 49 * USEC_SEC);
	CHECK(!str_has(race_see(&r), STR("error")));
	race_say(a, "late");
	race_finish(a);
	race_run(&r, USEC_SEC);
	CHECK(str_has(race_see(&r), STR("late")));
	CHECK(str_has(race_see(&r), STR("[DONE]")));
	sim_close(a);
	race_end(&r);
}

/* ---- around two that are live ---- */

static struct config *read_config(const char *text)
{
	struct arena keep = { .ceiling = 4 * MiB };
	struct config_notes notes = { .arena = &keep };
	struct config_source source = { .path = STR("test"), .text = str_from_z(text) };
	struct config *c = config_read(&source, &notes);

	arena_done(&keep);
	return c;
}

TEST(a_reload_between_two_attempts_changes_nothing_for_them)
{
	struct race r;
	struct sim_peer *a, *b;
	struct config *old;

	if (!race_begin(&r, "{ targets: [a/m, b/m], hedge: 2s }"))
		return;
	race_ask(&r, true, "");
	a = race_accept(&r, 0);
	race_run(&r, USEC_SEC);
	old = r.gate.gateway.config;
	r.gate.gateway.config = read_config(
	        "version: 1\nauth: open\nworkers: 1\ndata: /dev/null/none\n"
	        "providers:\n  z: { format: openai-chat, url: \"http://10.0.0.9:80/v1\", "
	        "key: none }\n");
	if (!CHECK(r.gate.gateway.config))
		return;
	config_unref(&old);
	r.gate.gateway.generation++;
	worker_reload(&r.gate.worker);
	race_run(&r, 1001 * USEC_MS);
	b = race_accept(&r, 1);
	if (!CHECK(a) || !CHECK(b))
		return;
	sim_send(b, str_from_z(race_head));
	race_say(b, "from b");
	race_finish(b);
	race_run(&r, USEC_MS);
	CHECK(str_has(race_see(&r), STR("from b")));
	sim_close(a);
	sim_close(b);
	race_run(&r, USEC_SEC);
	race_read_rows(&r);
	CHECK_INT(r.closed, 2);
	CHECK_INT(r.closing, 1);
	race_end(&r);
}

#define EDGE "eDGe"

/* The beginning of an upload whose end does not come yet. */
static void begin_upload(struct race *r)
{
	struct buf text = BUF_LIMIT(4 * KiB);

	r->client = gate_client(&r->gate);
	buf_addf(&text, "POST /v1/audio/transcriptions HTTP/1.1\r\nHost: localhost\r\n"
	                "Content-Type: multipart/form-data; boundary=" EDGE "\r\n"
	                "Content-Length: 400000\r\n\r\n"
	                "--" EDGE
	                "\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nr\r\n"
	                "--" EDGE "\r\nContent-Disposition: form-data; name=\"file\"; "
	                "filename=\"a\"\r\n\r\n");
	sim_send(r->client, buf_str(&text));
	buf_free(&text);
	race_run(r, 0);
}

TEST(an_upload_goes_to_whoever_is_connected_first_and_to_nobody_else)
{
	struct race r;
	struct sim_peer *b;

	if (!race_begin(&r, "{ targets: [a/m, b/m, c/m], hedge: 1s }"))
		return;
	sim_port_set(r.ports[0], SIM_DROPS);
	begin_upload(&r);
	race_run(&r, 701 * USEC_MS);
	b = race_accept(&r, 1);
	if (!CHECK(b))
		return;
	/* What has come in went out and is not kept: nobody can be asked beside b. */
	race_run(&r, 3 * USEC_SEC);
	CHECK(!race_accept(&r, 2));
	sim_close(b);
	race_run(&r, USEC_MS);
	CHECK(!race_accept(&r, 2));
	CHECK(str_starts(race_see(&r), STR("HTTP/1.1 502 ")));
	race_read_rows(&r);
	CHECK_INT(r.opened, 2);
	CHECK_INT(r.closing, 1);
	CHECK(fault_is(&r.rows[0], "CONNECT_TIMEOUT"));
	race_end(&r);
}

/* A request whose body comes later by the clock, with its answer. */
static void ask_for(struct race *r, usec span)
{
	const str body = STR("{\"model\":\"r\",\"max_tokens\":9,"
	                     "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
	struct buf head = BUF_LIMIT(4 * KiB);
	struct sim_peer *a;

	r->client = gate_client(&r->gate);
	buf_addf(&head,
	         "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
	         "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
	         body.len);
	sim_send(r->client, buf_str(&head));
	buf_free(&head);
	race_run(r, USEC_MS);
	sim_set_wall(sys_wall() + span);
	race_run(r, 2 * USEC_SEC); /* the loop asks for it now and then */
	sim_send(r->client, body);
	race_run(r, USEC_MS);
	a = race_accept(r, 0);
	if (!CHECK(a))
		return;
	sim_send(a, str_from_z(race_unary));
	race_run(r, USEC_SEC);
	CHECK(str_has(race_see(r), STR("unary")));
	sim_close(a);
}

/* Who reads a span of time looks no further back than ROW_BEHIND_MOST for ids. */
TEST(an_attempt_begins_near_its_id_however_late_its_body_came)
{
	for (int hours = 0; hours < 2; hours++) {
		usec span = hours * USEC_HOUR + 10 * USEC_SEC;
		struct attempt_row *row;
		struct race r;

		if (!race_begin(&r, "{ targets: [a/m] }"))
			return;
		ask_for(&r, span);
		race_read_rows(&r);
		row = &r.rows[0];
		CHECK_INT(r.closing, 1);
		CHECK_INT(row->number, 1);
		CHECK(row->began_wall - (usec)(row->exchange >> 8) >= span);
		CHECK_INT(row->id == row->exchange, hours == 0);
		CHECK(hours == 0 || (usec)(row->id >> 8) >= row->began_wall);
		race_end(&r);
	}
}
