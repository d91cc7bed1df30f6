/* The server against raw clients: the table of requests once more, over sockets; then
 * what only a connection can show: order, bodies, back-pressure. */
#include "tests/unit/http/desk.h"
#include "tests/unit/http/requests.h"

#include <fcntl.h>
#include <stdio.h>

/* ---- the table ---- */

/* What the server says where the parser's table has a method of its own, or waits. */
static void server_verdict(const struct request_case *c, struct buf *to)
{
	str verdict = str_from_z(c->verdict);
	static const str methods[] = { STR_INIT("BREW "), STR_INIT("TRACE "),
		                       STR_INIT("get ") };

	for (size_t i = 0; i < countof(methods); i++)
		if (str_skip(&verdict, methods[i]))
			buf_add(to, STR("OTHER "));
	if (str_starts(c->bytes, STR("HEAD "))) {
		buf_addf(to, "%d", verdict_status(verdict)); /* it has no body */
	} else if (str_ends(verdict, STR("..."))) {
		buf_add(to, str_first(verdict, verdict.len - 3));
		buf_add(to, STR("HTTP_TIMEOUT"));
	} else {
		buf_add(to, verdict);
	}
}

#define BEFORE "GET /before HTTP/1.1\r\nHost: h\r\n\r\n"
#define BEHIND "GET /behind HTTP/1.1\r\nHost: h\r\n\r\n"

static bool play(struct rig *r, const struct request_case *c, bool among, size_t first,
                 size_t step)
{
	struct buf all = BUF_LIMIT(2 * MiB), want = BUF_LIMIT(2 * MiB),
	           got = BUF_LIMIT(2 * MiB);
	str rest;
	bool ends = c->verdict[strlen(c->verdict) - 1] == '}', good = true;
	struct raw p = raw_client(r);

	buf_add(&all, among ? STR(BEFORE) : STR(""));
	buf_add(&all, c->bytes);
	buf_add(&all, among ? STR(BEHIND) : STR(""));
	buf_add(&want, among ? STR("GET /before{} ") : STR(""));
	server_verdict(c, &want);
	buf_add(&want, among && ends ? STR(" GET /behind{}") : STR(""));
	rest = buf_str(&all);
	for (size_t n = first; rest.len > 0; n = step) {
		raw_send(r, &p, str_take(&rest, n));
		loop_turn(&r->loop, 0); /* socket pairs are never late */
		raw_read(&p);
	}
	if (ends)
		for (int i = 0; i < 1000 && raw_verdict(&p, &got).len < want.len; i++) {
			rig_turn(r);
			raw_read(&p);
		}
	else
		good = CHECK(raw_await_end(r, &p));
	good &= CHECK_STR_EQ(raw_verdict(&p, &got), buf_str(&want));
	good &= CHECK_INT(p.ended || p.reset, !ends);
	if (!good)
		printf("  in %s, cut at %zu, then every %zu%s\n", c->id, first, step,
		       among ? ", among others" : "");
	raw_close(&p);
	AWAIT(r, r->server.open == 0);
	buf_free(&all);
	buf_free(&want);
	buf_free(&got);
	return good;
}

TEST(requests_over_sockets_are_judged_like_in_the_table)
{
	struct rig r;
	unsigned count;
	const struct request_case *c = request_cases(&count);

	desk_begin(&r);
	desk.is_verbose = false;
	for (unsigned i = 0; i < count; i++, c++) {
		size_t len = c->bytes.len;
		bool good = true;

		if (str_ends(str_from_z(c->verdict), STR("..."))) {
			r.limits.header_timeout_ms = r.limits.body_timeout_ms = 20;
			play(&r, c, false, len, len);
			r.limits = http_limits_default;
			continue;
		}
		play(&r, c, false, len, len);
		play(&r, c, true, SIZE_MAX, SIZE_MAX);
		good = play(&r, c, false, 1, len > 1000 ? 97 : 1);
		for (size_t cut = 1; good && cut < len; cut += 1 + len / 200)
			good = play(&r, c, false, cut, len);
	}
	desk_end(&r);
}

/* ---- one request after the other ---- */

TEST(a_request_costs_one_read_and_one_write)
{
	struct rig r;

	desk_begin(&r);
	struct raw p = raw_client(&r);
	raw_send(&r, &p, STR(POST(2) "\r\n{}"));
	desk_await(&r, &p, "POST /p{{}}");
	uint64_t reads = r.io.read_calls, writes = r.io.write_calls;
	raw_send(&r, &p, STR(POST(2) "\r\n[]"));
	desk_await(&r, &p, "POST /p{{}} POST /p{[]}");
	CHECK_INT(r.io.read_calls - reads, 1);
	CHECK_INT(r.io.write_calls - writes, 1);
	CHECK_STR(buf_str(&desk.log), "request body:2 end request body:2 end");
	CHECK(desk.conn->kept.ptr == NULL && desk.conn->out.ptr == NULL);
	CHECK(desk.conn->owner == NULL);
	raw_close(&p);
	desk_end(&r);
}

TEST(pipelined_requests_wait_for_the_answer_before_them)
{
	struct rig r;

	desk_begin(&r);
	desk.keeps_quiet = true;
	struct raw p = raw_client(&r);
	raw_send(&r, &p, STR(GET("/1") POST(3) "\r\nabc" GET("/3") "GET /4"));
	rig_wait(&r, 5);
	CHECK_STR(buf_str(&desk.log), "request end");
	desk_answer(200);
	AWAIT(&r, desk.log.len > 11);
	CHECK_STR(buf_str(&desk.log), "request end request body:3 end");
	raw_send(&r, &p, STR(" HTTP/1.1\r\nHost: h\r\n\r\n"));
	rig_wait(&r, 5);
	CHECK_STR(buf_str(&desk.log), "request end request body:3 end");
	desk_answer(200);
	desk.keeps_quiet = false;
	desk_await(&r, &p, "GET /1{} POST /p{abc} GET /3{} GET /4{}");
	CHECK_INT(r.server.requests, 4);
	raw_close(&p);
	desk_end(&r);
}

TEST(a_flood_of_pipelined_requests_is_answered_in_order)
{
	struct rig r;
	struct buf all = BUF_LIMIT(1 * MiB), want = BUF_LIMIT(1 * MiB);

	desk_begin(&r);
	for (int i = 0; i < 3000; i++) {
		buf_addf(&all, "GET /%d HTTP/1.1\r\nHost: h\r\n\r\n", i);
		buf_addf(&want, "%sGET /%d{}", i ? " " : "", i);
	}
	struct raw p = raw_client(&r);
	raw_send(&r, &p, buf_str(&all));
	desk_await(&r, &p, buf_z(&want));
	raw_close(&p);
	buf_free(&all);
	buf_free(&want);
	desk_end(&r);
}

TEST(a_closing_client_is_answered_and_closed)
{
	struct rig r;

	desk_begin(&r);
	struct raw p = raw_client(&r);
	raw_send(&r, &p, STR("GET /1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
	CHECK(raw_await_end(&r, &p) && p.ended);
	CHECK(str_has(buf_str(&p.got), STR("connection: close\r\n")));
	raw_close(&p);
	p = raw_client(&r);
	raw_send(&r, &p, STR("GET /1 HTTP/1.0\r\nHost: h\r\n\r\n"));
	CHECK(raw_await_end(&r, &p) && p.ended);
	CHECK(str_has(buf_str(&p.got), STR("connection: close\r\n")));
	raw_close(&p);
	p = raw_client(&r);
	raw_send(&r, &p,
	         STR("GET /1 HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n"));
	desk_await(&r, &p, "GET /1{}");
	CHECK(str_has(buf_str(&p.got), STR("connection: keep-alive\r\n")));
	CHECK(!p.ended);
	raw_close(&p);
	desk_end(&r);
}

/* R63: HTTP/1.0 could do without, our clients cannot. */
TEST(an_old_client_without_a_host_is_refused)
{
	struct rig r;

	desk_begin(&r);
	struct raw p = raw_client(&r);
	raw_send(&r, &p, STR("GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
	desk_await(&r, &p, "HTTP_HOST");
	CHECK(raw_await_end(&r, &p));
	raw_close(&p);
	desk_end(&r);
}

TEST(the_largest_head_that_may_be_allowed)
{
	for (size_t size = HTTP_HEAD_MOST - 1; size <= HTTP_HEAD_MOST + 1; size++) {
		struct rig r;
		struct buf head = BUF_LIMIT(1 * MiB);

		desk_begin(&r);
		r.limits.head = HTTP_HEAD_MOST;
		buf_add(&head, STR("GET /1 HTTP/1.1\r\nHost: h\r\na: "));
		while (head.len < size - 4)
			buf_add_char(&head, 'x');
		buf_add(&head, STR("\r\n\r\n"));
		struct raw p = raw_client(&r);
		raw_send(&r, &p, buf_str(&head));
		if (size <= HTTP_HEAD_MOST)
			raw_send(&r, &p, STR(GET("/2")));
		desk_await(&r, &p,
		           size <= HTTP_HEAD_MOST ? "GET /1{} GET /2{}"
		                                  : "HTTP_HEAD_LARGE");
		raw_close(&p);
		buf_free(&head);
		desk_end(&r);
	}
}

TEST(an_answer_to_head_has_no_body)
{
	struct rig r;

	desk_begin(&r);
	struct raw p = raw_client(&r);
	raw_send(&r, &p, STR("HEAD /1 HTTP/1.1\r\nHost: h\r\n\r\n"));
	CHECK(raw_await_text(&r, &p, STR("\r\n\r\n")));
	CHECK(str_has(buf_str(&p.got), STR("content-length: 9\r\n")));
	CHECK(str_ends(buf_str(&p.got), STR("\r\n\r\n")));
	CHECK(!p.ended);
	raw_close(&p);
	desk_end(&r);
}

/* ---- bodies ---- */

TEST(continue_is_said_when_the_body_is_wanted_and_not_before)
{
	struct rig r;

	desk_begin(&r);
	desk.holds = true;
	struct raw p = raw_client(&r);
	raw_send(&r, &p, STR(POST(3) "Expect: 100-continue\r\n\r\n"));
	rig_wait(&r, 5);
	raw_read(&p);
	CHECK_INT(p.got.len, 0);
	http_take_body(desk.conn, 3);
	CHECK(raw_await_text(&r, &p, STR("HTTP/1.1 100 Continue\r\n\r\n")));
	raw_send(&r, &p, STR("abc"));
	desk_await(&r, &p, "POST /p{abc}");
	raw_close(&p);

	p = raw_client(&r);
	raw_send(&r, &p, STR(POST(4) "Expect: 100-continue\r\n\r\n"));
	rig_wait(&r, 5);
	http_take_body(desk.conn, 3);
	CHECK(raw_await_end(&r, &p));
	CHECK(str_starts(buf_str(&p.got), STR("HTTP/1.1 413 ")));
	raw_close(&p);
	desk_end(&r);
}

TEST(the_limit_of_a_body_is_exact)
{
	static const struct {
		str request;
		int status;
	} cases[] = {
		{ STR_INIT(POST(4) "\r\nabcd"), 200 },
		{ STR_INIT(POST(5) "\r\nabcde"), 200 },
		{ STR_INIT(POST(6) "\r\nabcdef"), 413 },
#define CHUNKED "POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
		{ STR_INIT(CHUNKED "4\r\nabcd\r\n0\r\n\r\n"), 200 },
		{ STR_INIT(CHUNKED "4\r\nabcd\r\n1\r\ne\r\n0\r\n\r\n"), 200 },
		{ STR_INIT(CHUNKED "4\r\nabcd\r\n2\r\nef\r\n0\r\n\r\n"), 413 },
		{ STR_INIT(CHUNKED "7\r\nabcdefg"), 413 },
	};
	struct rig r;

	desk_begin(&r);
	desk.most = 5;
	for (size_t i = 0; i < countof(cases); i++) {
		struct raw p = raw_client(&r);
		str got;
		struct reply reply = { 0 };

		raw_send(&r, &p, cases[i].request);
		raw_await_text(&r, &p, STR("\r\n\r\n"));
		got = buf_str(&p.got);
		CHECK(reply_take(&got, &reply));
		CHECK_INT(reply.status, cases[i].status);
		raw_close(&p);
	}
	desk_end(&r);
}

TEST(a_paused_body_is_not_read)
{
	struct rig r;
	struct buf body = BUF_LIMIT(4 * MiB);

	desk_begin(&r);
	desk.is_verbose = false;
	desk.holds = desk.keeps_quiet = true;
	while (body.len < 2 * MiB)
		buf_add(&body, STR("0123456789abcdef"));
	struct raw p = raw_client(&r);
	raw_send(&r, &p, STR(POST(2097152) "\r\n0123456789abcdef"));
	AWAIT(&r, desk.conn != NULL);
	http_take_body(desk.conn, 4 * MiB);
	http_pause_body(desk.conn);
	ssize_t sent = send(p.fd, body.ptr, body.len - 16, MSG_NOSIGNAL);
	CHECK(sent > 0 && sent < 1 * MiB);
	rig_wait(&r, 5);
	CHECK_INT(desk.received, 0);
	http_resume_body(desk.conn);
	raw_send(&r, &p, str_of(body.ptr, body.len - 16 - (size_t)sent));
	AWAIT(&r, desk.received == 2 * MiB);
	desk_answer(200);
	CHECK(raw_await_text(&r, &p, STR("HTTP/1.1 200 OK")));
	raw_close(&p);
	buf_free(&body);
	desk_end(&r);
}

TEST(a_body_that_breaks_off_is_refused)
{
	struct rig r;

	desk_begin(&r);
	struct raw p = raw_client(&r);
	raw_send(&r, &p, STR(POST(5) "\r\nabc"));
	raw_fin(&p);
	CHECK(raw_await_end(&r, &p));
	CHECK(str_starts(buf_str(&p.got), STR("HTTP/1.1 400 ")));
	CHECK_STR(buf_str(&desk.log), "request body:3 fault:HTTP_MALFORMED");
	raw_close(&p);
	p = raw_client(&r);
	raw_send(&r, &p, STR("GET /1 HTTP/1.1\r\nHo"));
	raw_fin(&p);
	CHECK(raw_await_end(&r, &p));
	CHECK(str_starts(buf_str(&p.got), STR("HTTP/1.1 400 ")));
	raw_close(&p);
	desk_end(&r);
}

TEST(who_answers_without_the_body_closes)
{
	struct rig r;

	desk_begin(&r);
	desk.holds = true;
	struct raw p = raw_client(&r);
	raw_send(&r, &p, STR(POST(5) "\r\nabcde" GET("/2")));
	AWAIT(&r, desk.conn != NULL);
	desk_answer(200);
	CHECK(raw_await_end(&r, &p) && p.ended);
	CHECK(str_has(buf_str(&p.got), STR("connection: close\r\n")));
	CHECK_INT(r.server.requests, 1);
	raw_close(&p);
	desk_end(&r);
}

/* ---- sending ---- */

TEST(a_slow_reader_is_waited_for)
{
	struct rig r;
	struct buf piece = BUF_LIMIT(16 * KiB);
	size_t sent = 0;

	desk_begin(&r);
	desk.keeps_quiet = true;
	while (piece.len < 16 * KiB)
		buf_add(&piece, STR("0123456789abcdef"));
	struct raw p = raw_client(&r);
	raw_send(&r, &p, STR(GET("/1")));
	AWAIT(&r, desk.log.len == 11);
	for (int round = 0; round < 20; round++) {
		while (http_has_room(desk.conn)) {
			http_send_str(desk.conn, buf_str(&piece));
			sent += piece.len;
		}
		CHECK(desk.conn->out.cap <= 2 * (HTTP_OUT_HIGH + 16 * KiB));
		buf_clear(&desk.log);
		CHECK(raw_await(&r, &p, sent - HTTP_OUT_HIGH / 2));
		AWAIT(&r, desk.log.len > 0);
		CHECK_STR(buf_str(&desk.log), "room");
	}
	http_finish(desk.conn);
	CHECK(raw_await(&r, &p, sent));
	rig_wait(&r, 2);
	CHECK_INT(p.got.len, sent);
	CHECK(desk.conn->out.ptr == NULL);
	raw_send(&r, &p, STR(GET("/2")));
	AWAIT(&r, r.server.requests == 2);
	raw_close(&p);
	buf_free(&piece);
	desk_end(&r);
}

TEST(an_answer_of_8_MiB_is_sent_whole)
{
	struct rig r;
	struct buf body = BUF_LIMIT(8 * MiB);

	desk_begin(&r);
	desk.keeps_quiet = true;
	while (body.len < body.limit)
		buf_add(&body, STR("0123456789abcdef"));
	struct raw p = raw_client(&r);
	raw_send(&r, &p, STR(GET("/1")));
	AWAIT(&r, desk.log.len == 11);
	http_answer(desk.conn, 200, STR("text/plain"), STR("x-extra: 1\r\n"),
	            buf_str(&body));
	CHECK(raw_await(&r, &p, body.len));
	str got = buf_str(&p.got);
	struct reply reply = { 0 };
	CHECK(reply_take(&got, &reply));
	CHECK(str_eq(reply.body, buf_str(&body)));
	CHECK(str_has(reply.head, STR("\r\nx-extra: 1\r\n\r\n")));
	raw_close(&p);
	buf_free(&body);
	desk_end(&r);
}

TEST(an_answers_fields_may_be_long)
{
	static char text[60000];
	struct rig r;

	desk_begin(&r);
	desk.keeps_quiet = true;
	memset(text, 'x', sizeof(text));
	struct raw p = raw_client(&r);
	raw_send(&r, &p, STR(GET("/1")));
	AWAIT(&r, desk.log.len == 11);
	http_answer(desk.conn, 431, str_of(text, sizeof(text)), STR("a: b\r\n"),
	            STR("z"));
	CHECK(raw_await_text(&r, &p, STR("\r\n\r\nz")));
	str got = buf_str(&p.got);
	struct reply reply = { 0 };
	CHECK(reply_take(&got, &reply));
	CHECK_STR(reply.body, "z");
	CHECK(str_starts(reply.head,
	                 STR("HTTP/1.1 431 Request Header Fields Too Large\r\n"
	                     "content-type: xxx")));
	CHECK(str_ends(reply.head, STR("xxx\r\ncontent-length: 1\r\na: b\r\n\r\n")));
	raw_close(&p);
	desk_end(&r);
}

/* The queue moves to the front of its memory again and again. */
TEST(a_dribbling_reader_gets_every_byte_in_order)
{
	struct rig r;
	struct buf all = BUF_LIMIT(8 * MiB);
	char piece[7000];
	size_t sent = 0, at = 0;
	ssize_t n;

	desk_begin(&r);
	desk.keeps_quiet = true;
	while (all.len < 4 * MiB)
		buf_addf(&all, "%zu ", all.len);
	struct raw p = raw_client(&r);
	raw_send(&r, &p, STR(GET("/1")));
	AWAIT(&r, desk.log.len == 11);
	int small = 8 * KiB; /* of the kernel's: the queue rarely drains */
	CHECK_INT(setsockopt(desk.conn->sock.io.fd, SOL_SOCKET, SO_SNDBUF, &small,
	                     sizeof(small)),
	          0);
	for (int idle = 0; at < all.len && idle < 100;) {
		str next = str_first(str_from(buf_str(&all), sent), 9000);

		if (http_has_room(desk.conn)) {
			http_send_str(desk.conn, next);
			sent += next.len;
		}
		CHECK(desk.conn->out.cap <= 3 * HTTP_OUT_HIGH);
		loop_turn(&r.loop, 0);
		n = recv(p.fd, piece, sizeof(piece), MSG_DONTWAIT);
		if (n <= 0) {
			idle++;
			continue;
		}
		idle = 0;
		CHECK(str_eq(str_of(piece, (size_t)n), str_of(all.ptr + at, (size_t)n)));
		at += (size_t)n;
	}
	CHECK_INT(at, all.len);
	raw_close(&p);
	buf_free(&all);
	desk_end(&r);
}

TEST(what_cannot_be_watched_is_closed)
{
	struct rig r;

	desk_begin(&r);
	http_server_add(&r.server, open("/dev/null", O_RDONLY | O_CLOEXEC), &r.address,
	                NULL);
	CHECK_INT(r.server.open, 0);
	CHECK_INT(r.server.accepted, 0);
	desk_end(&r);
}
