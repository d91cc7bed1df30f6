/* How connections of clients end: gone, refused, closed, aborted, too slow. */
#include "tests/unit/http/desk.h"

/* ---- clients that go away ---- */

TEST(a_client_that_goes_is_told_once)
{
	static void (*const ways[])(struct raw *) = { raw_fin, raw_rst, raw_close };

	for (size_t i = 0; i < countof(ways); i++)
		for (int pipelined = 0; pipelined < 2; pipelined++) {
			struct rig r;

			desk_begin(&r);
			desk.keeps_quiet = true;
			struct raw p = raw_client_tcp(&r);
			raw_send(&r, &p, STR(GET("/1")));
			AWAIT(&r, desk.log.len == 11);
			if (pipelined)
				raw_send(&r, &p, STR(GET("/2")));
			ways[i](&p);
			AWAIT(&r, r.server.open == 0);
			CHECK_STR(buf_str(&desk.log), "request end gone");
			if (ways[i] == raw_fin) {
				raw_read(&p);
				CHECK_INT(p.got.len, 0);
			}
			raw_close(&p);
			desk_end(&r);
		}
}

TEST(a_client_that_goes_after_its_answer_is_not_missed)
{
	struct rig r;

	desk_begin(&r);
	struct raw p = raw_client_tcp(&r);
	raw_send(&r, &p, STR(GET("/1")));
	desk_await(&r, &p, "GET /1{}");
	raw_rst(&p);
	AWAIT(&r, r.server.open == 0);
	CHECK_STR(buf_str(&desk.log), "request end");
	desk_end(&r);
}

TEST(a_client_that_goes_before_its_answer_is_out)
{
	static char body[4 * MiB];
	struct rig r;

	desk_begin(&r);
	desk.keeps_quiet = true;
	struct raw p = raw_client_tcp(&r), q = raw_client_tcp(&r);
	raw_send(&r, &p, STR(GET("/1")));
	AWAIT(&r, desk.log.len == 11);
	http_send_str(desk.conn, str_of(body, sizeof(body)));
	raw_rst(&p);
	AWAIT(&r, r.server.open == 1);
	CHECK_STR(buf_str(&desk.log), "request end gone");
	raw_send(&r, &q, STR(GET("/2")));
	AWAIT(&r, r.server.requests == 2);
	http_answer(desk.conn, 200, STR(""), STR(""), str_of(body, sizeof(body)));
	raw_rst(&q);
	AWAIT(&r, r.server.open == 0);
	CHECK_STR(buf_str(&desk.log), "request end gone request end");
	desk_end(&r);
}

/* Nobody reads, and the owner does not ask whether there is room. */
TEST(more_than_the_queue_takes_costs_the_connection_alone)
{
	static char body[8 * MiB];
	struct rig r;

	desk_begin(&r);
	desk.keeps_quiet = true;
	struct raw p = raw_client_tcp(&r), q = raw_client_tcp(&r);
	raw_send(&r, &p, STR(GET("/1")));
	AWAIT(&r, desk.log.len == 11);
	for (int i = 0; i < 16; i++)
		http_send_str(desk.conn, str_of(body, sizeof(body)));
	CHECK(desk.conn->out.ptr == NULL);
	CHECK_STR(buf_str(&desk.log), "request end");
	AWAIT(&r, r.server.open == 1);
	CHECK_STR(buf_str(&desk.log), "request end gone");
	raw_send(&r, &q, STR(GET("/2")));
	AWAIT(&r, r.server.requests == 2);
	raw_close(&p);
	raw_close(&q);
	desk_end(&r);
}

static size_t memory;

static bool take_memory(void *most, size_t n)
{
	if (memory + n > *(size_t *)most)
		return false;
	memory += n;
	return true;
}

static void give_memory(void *most, size_t n)
{
	CHECK(most && n <= memory);
	memory -= n;
}

TEST(what_is_not_read_counts_until_it_is)
{
	static char body[4 * MiB];
	size_t most = 10 * MiB;
	struct rig r;

	desk_begin(&r);
	r.server.owner = &most;
	r.server.take_memory = take_memory;
	r.server.give_memory = give_memory;
	desk.keeps_quiet = true;
	struct raw p = raw_client(&r), q = raw_client(&r);
	raw_send(&r, &p, STR(GET("/1")));
	AWAIT(&r, desk.log.len == 11);
	http_send_str(desk.conn, str_of(body, 300 * KiB));
	CHECK_INT(memory, 0);
	http_send_str(desk.conn, str_of(body, sizeof(body)));
	CHECK(memory > 3 * MiB);
	CHECK(raw_await(&r, &p, sizeof(body) + 300 * KiB));
	rig_wait(&r, 2);
	CHECK_INT(memory, 0);
	for (int i = 0; i < 4; i++)
		http_send_str(desk.conn, str_of(body, sizeof(body)));
	CHECK_INT(memory, 0); /* it was too much */
	AWAIT(&r, r.server.open == 1);
	CHECK_STR(buf_str(&desk.log), "request end room gone");
	raw_send(&r, &q, STR(GET("/2")));
	AWAIT(&r, r.server.requests == 2);
	http_send_str(desk.conn, str_of(body, sizeof(body)));
	CHECK(memory > 3 * MiB);
	raw_close(&q);
	AWAIT(&r, r.server.open == 0);
	CHECK_INT(memory, 0);
	raw_close(&p);
	desk_end(&r);
}

TEST(sending_to_one_who_has_gone_is_told_later)
{
	struct rig r;

	desk_begin(&r);
	desk.keeps_quiet = true;
	struct raw p = raw_client(&r);
	raw_send(&r, &p, STR(GET("/1")));
	AWAIT(&r, desk.log.len == 11);
	raw_close(&p);
	http_send_str(desk.conn, STR("HTTP/1.1 200 OK\r\n\r\n"));
	CHECK_STR(buf_str(&desk.log), "request end");
	http_send_str(desk.conn, STR("more"));
	AWAIT(&r, r.server.open == 0);
	CHECK_STR(buf_str(&desk.log), "request end gone");
	desk_end(&r);
}

TEST(a_server_that_ends_tells_the_owners)
{
	struct rig r;

	desk_begin(&r);
	desk.keeps_quiet = true;
	struct raw p = raw_client(&r), idle = raw_client(&r);
	raw_send(&r, &p, STR(GET("/1")));
	AWAIT(&r, desk.log.len == 11);
	http_server_done(&r.server);
	CHECK_STR(buf_str(&desk.log), "request end gone");
	CHECK_INT(r.server.open, 0);
	raw_close(&p);
	raw_close(&idle);
	desk_end(&r);
}

TEST(a_draining_server_closes_behind_its_answers)
{
	struct rig r;

	desk_begin(&r);
	desk.keeps_quiet = true;
	struct raw p = raw_client(&r), idle = raw_client(&r);
	raw_send(&r, &p, STR(GET("/1")));
	AWAIT(&r, desk.log.len == 11);
	http_server_drain(&r.server);
	CHECK(raw_await_end(&r, &idle));
	rig_wait(&r, 3);
	CHECK_INT(r.server.open, 1);
	desk_answer(200);
	CHECK(raw_await_end(&r, &p) && p.ended);
	CHECK(str_has(buf_str(&p.got), STR("connection: close\r\n")));
	raw_close(&p);
	raw_close(&idle);
	desk_end(&r);
}

/* ---- endings ---- */

TEST(a_closing_client_gets_all_of_a_large_answer)
{
	static char body[4 * MiB];
	struct rig r;

	desk_begin(&r);
	desk.keeps_quiet = true;
	struct raw p = raw_client_tcp(&r);
	raw_send(&r, &p, STR("GET /1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
	AWAIT(&r, desk.log.len == 11);
	http_answer(desk.conn, 200, STR(""), STR(""), str_of(body, sizeof(body)));
	rig_wait(&r, 5);
	CHECK_INT(r.server.open, 1);
	CHECK(raw_await_end(&r, &p) && p.ended);
	CHECK(p.got.len > sizeof(body));
	raw_close(&p);
	desk_end(&r);
}

TEST(a_closing_client_that_sends_on_can_read_its_answer)
{
	struct rig r;

	desk_begin(&r);
	desk.keeps_quiet = true;
	struct raw p = raw_client_tcp(&r);
	raw_send(&r, &p, STR("GET /1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
	AWAIT(&r, desk.log.len == 11);
	raw_send(&r, &p, STR("what nobody reads"));
	rig_wait(&r, 5);
	desk_answer(200);
	CHECK(raw_await_end(&r, &p));
	CHECK(p.ended && !p.reset);
	CHECK(str_starts(buf_str(&p.got), STR("HTTP/1.1 200 ")));
	CHECK_INT(r.server.requests, 1);
	raw_close(&p);
	desk_end(&r);
}

TEST(a_refused_client_can_read_why)
{
	struct rig r;
	struct buf body = BUF_LIMIT(200 * KiB);

	desk_begin(&r);
	while (body.len < body.limit)
		buf_add(&body, STR("x"));
	for (int i = 0; i < 10; i++) {
		struct raw p = raw_client_tcp(&r);

		raw_send(&r, &p, STR("POST /p HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n"));
		raw_send(&r, &p, buf_str(&body));
		rig_wait(&r, 2);
		raw_send(&r, &p, STR("still more"));
		CHECK(raw_await_end(&r, &p));
		CHECK(p.ended && !p.reset);
		CHECK(str_starts(buf_str(&p.got), STR("HTTP/1.1 400 ")));
		CHECK_INT(r.server.open, 1);
		raw_close(&p);
		AWAIT(&r, r.server.open == 0);
	}
	buf_free(&body);
	desk_end(&r);
}

TEST(lingering_has_an_end)
{
	struct rig r;
	struct buf body = BUF_LIMIT(1 * MiB);

	desk_begin(&r);
	while (body.len < body.limit)
		buf_add(&body, STR("0123456789abcdef"));
	struct raw p = raw_client_tcp(&r), q = raw_client_tcp(&r);
	raw_send(&r, &p, STR("POST /p HTTP/1.1\r\n\r\n"));
	raw_send(&r, &q, STR("POST /p HTTP/1.1\r\n\r\n"));
	CHECK(raw_await_end(&r, &p) && raw_await_end(&r, &q));
	CHECK_INT(r.server.open, 2);
	for (int i = 0; i < 5000 && r.server.open == 2; i++) {
		send(p.fd, body.ptr, body.len, MSG_NOSIGNAL);
		loop_turn(&r.loop, 0);
	}
	AWAIT(&r, r.server.open == 1);
	rig_wait(&r, 1100);
	CHECK_INT(r.server.open, 0);
	raw_close(&p);
	raw_close(&q);
	buf_free(&body);
	desk_end(&r);
}

TEST(an_aborted_answer_cannot_be_taken_for_a_whole_one)
{
	struct rig r;

	desk_begin(&r);
	desk.keeps_quiet = true;
	struct raw p = raw_client_tcp(&r);
	raw_send(&r, &p, STR(GET("/1")));
	AWAIT(&r, desk.log.len == 11);
	http_send_str(desk.conn, STR("HTTP/1.1 200 OK\r\n\r\nhalf"));
	CHECK(raw_await_text(&r, &p, STR("half")));
	http_abort(desk.conn);
	http_send_str(desk.conn, STR("nothing"));
	http_finish(desk.conn);
	CHECK(raw_await_end(&r, &p) && p.reset);
	CHECK_STR(buf_str(&desk.log), "request end");
	raw_close(&p);
	desk_end(&r);
}

/* ---- time ---- */

TEST(an_idle_client_is_closed)
{
	struct rig r;

	desk_begin(&r);
	r.limits.idle_timeout_ms = 20;
	struct raw p = raw_client(&r);
	raw_send(&r, &p, STR(GET("/1")));
	desk_await(&r, &p, "GET /1{}");
	CHECK(raw_await_end(&r, &p));
	CHECK_STR(buf_str(&desk.log), "request end");
	raw_close(&p);
	desk_end(&r);
}

TEST(an_empty_line_is_no_request)
{
	static const char *const behind[] = { "\r\n", "\r" };

	for (size_t i = 0; i < countof(behind); i++)
		for (int fin = 0; fin < 2; fin++) {
			struct rig r;

			desk_begin(&r);
			r.limits.header_timeout_ms = 10;
			r.limits.idle_timeout_ms = 60;
			struct raw p = raw_client(&r);
			raw_send(&r, &p, STR(GET("/1")));
			raw_send(&r, &p, str_from_z(behind[i]));
			desk_await(&r, &p, "GET /1{}");
			if (fin)
				raw_fin(&p);
			CHECK(raw_await_end(&r, &p));
			CHECK_STR(buf_str(&desk.log), "request end");
			raw_close(&p);
			desk_end(&r);
		}
}

TEST(an_empty_line_may_stand_before_a_request)
{
	struct rig r;

	desk_begin(&r);
	struct raw p = raw_client(&r);
	raw_send(&r, &p, STR(GET("/1")));
	raw_send(&r, &p, STR("\r"));
	rig_turn(&r);
	raw_send(&r, &p, STR("\n"));
	rig_turn(&r);
	raw_send(&r, &p, STR(GET("/2")));
	desk_await(&r, &p, "GET /1{} GET /2{}");
	raw_close(&p);
	desk_end(&r);
}

TEST(a_slow_head_is_refused_however_it_trickles)
{
	struct rig r;

	desk_begin(&r);
	r.limits.header_timeout_ms = 40;
	struct raw p = raw_client(&r);
	for (int i = 0; i < 200 && !p.ended; i++) {
		raw_send(&r, &p, i ? STR("x") : STR("GET /"));
		rig_wait(&r, 1);
		raw_read(&p);
	}
	CHECK(p.ended);
	CHECK(str_starts(buf_str(&p.got), STR("HTTP/1.1 408 ")));
	CHECK_STR(buf_str(&desk.log), "refused:HTTP_TIMEOUT");
	raw_close(&p);
	desk_end(&r);
}

TEST(a_silent_body_is_refused_but_not_while_paused)
{
	struct rig r;

	desk_begin(&r);
	r.limits.body_timeout_ms = 30;
	struct raw p = raw_client(&r);
	raw_send(&r, &p, STR(POST(9) "\r\nabc"));
	AWAIT(&r, desk.received == 3);
	http_pause_body(desk.conn);
	rig_wait(&r, 60);
	CHECK_STR(buf_str(&desk.log), "request body:3");
	/* As if the pause had been longer than what is asked of a body. */
	desk.conn->body_since -= 20 * USEC_SEC;
	desk.conn->body_at -= 20 * USEC_SEC;
	http_resume_body(desk.conn);
	raw_send(&r, &p, STR("d"));
	rig_wait(&r, 10);
	CHECK_STR(buf_str(&desk.log), "request body:3 body:1");
	CHECK(raw_await_end(&r, &p));
	CHECK_STR(buf_str(&desk.log), "request body:3 body:1 fault:HTTP_TIMEOUT");
	CHECK(str_starts(buf_str(&p.got), STR("HTTP/1.1 408 ")));
	raw_close(&p);
	desk_end(&r);
}

TEST(a_dripping_body_is_refused_after_ten_seconds)
{
	struct rig r;

	desk_begin(&r);
	struct raw p = raw_client(&r);
	raw_send(&r, &p, STR(POST(9999) "\r\nabc"));
	AWAIT(&r, desk.received == 3);
	/* As if it had gone on for ten seconds, or for a bit less. */
	desk.conn->body_since -= 9 * USEC_SEC;
	raw_send(&r, &p, STR("d"));
	rig_wait(&r, 5);
	CHECK_STR(buf_str(&desk.log), "request body:3 body:1");
	desk.conn->body_since -= 1 * USEC_SEC;
	raw_send(&r, &p, STR("e"));
	CHECK(raw_await_end(&r, &p));
	CHECK_STR(buf_str(&desk.log), "request body:3 body:1 body:1 fault:HTTP_TIMEOUT");
	raw_close(&p);
	desk_end(&r);
}

TEST(a_client_that_takes_nothing_is_given_up)
{
	struct rig r;
	struct buf body = BUF_LIMIT(4 * MiB);

	desk_begin(&r);
	desk.keeps_quiet = true;
	r.limits.write_timeout_ms = 30;
	while (body.len < body.limit)
		buf_add(&body, STR("0123456789abcdef"));
	struct raw p = raw_client_tcp(&r), q = raw_client_tcp(&r);
	raw_send(&r, &p, STR(GET("/1")));
	AWAIT(&r, desk.log.len == 11);
	http_send_str(desk.conn, buf_str(&body));
	AWAIT(&r, r.server.open == 1);
	CHECK_STR(buf_str(&desk.log), "request end gone");
	raw_send(&r, &q, STR(GET("/2")));
	AWAIT(&r, r.server.requests == 2);
	http_answer(desk.conn, 200, STR(""), STR(""), buf_str(&body));
	AWAIT(&r, r.server.open == 0);
	CHECK_STR(buf_str(&desk.log), "request end gone request end");
	raw_close(&p);
	raw_close(&q);
	buf_free(&body);
	desk_end(&r);
}
