/* The server against raw clients: the table of requests once more, over sockets; then
 * what only a connection can show: order, timing, back-pressure, endings. */
#include "tests/unit/http/rig.h"

#include "base/mem.h"
#include "tests/unit/http/requests.h"

#include <fcntl.h>
#include <stdio.h>

/* The owner of all requests of a test. */
static struct desk {
	struct http_conn *conn; /* of the newest request */
	struct buf log;  /* "request body:5 end fault:NAME room gone refused:NAME" */
	struct buf text; /* "POST /v1{body" of the running request */
	uint64_t most;
	bool holds;       /* on_request does nothing more */
	bool keeps_quiet; /* the end of the body is not answered */
	bool is_verbose;  /* writes the log */
	size_t received;
} desk;

static void note(const char *fmt, ...) printf_like(1, 2);
static void note(const char *fmt, ...)
{
	va_list args;

	if (!desk.is_verbose)
		return;
	if (desk.log.len)
		buf_add_char(&desk.log, ' ');
	va_start(args, fmt);
	buf_vaddf(&desk.log, fmt, args);
	va_end(args);
}

static void answer(int status)
{
	buf_add(&desk.text, STR("}"));
	http_answer(desk.conn, status, STR("text/plain"), STR(""), buf_str(&desk.text));
}

static void on_request(struct http_conn *c, const struct http_request *req)
{
	static const char *const names[] = { "GET",   "HEAD",   "POST",    "PUT",
		                             "PATCH", "DELETE", "OPTIONS", "OTHER" };

	desk.conn = c;
	c->owner = &desk;
	buf_set(&desk.text, str_from_z(names[req->method]));
	buf_add(&desk.text, STR(" "));
	buf_add(&desk.text, req->target);
	buf_add(&desk.text, STR("{"));
	note("request");
	if (req->method == HTTP_OTHER)
		answer(405);
	else if (!desk.holds)
		http_take_body(c, desk.most);
}

static void on_body(struct http_conn *c, str bytes, bool end)
{
	CHECK(c == desk.conn && c->owner == &desk);
	desk.received += bytes.len;
	if (desk.text.len + bytes.len < desk.text.limit)
		buf_add(&desk.text, bytes);
	if (bytes.len)
		note("body:%zu", bytes.len);
	if (!end)
		return;
	note("end");
	CHECK(c->whole_at >= c->began_at && c->began_at > 0);
	if (!desk.keeps_quiet)
		answer(200);
}

static void on_body_fault(struct http_conn *c, fault_t why)
{
	note("fault:%.*s", STR_ARG(why->name));
	http_refuse(c, why, STR("text/plain"), STR(""), why->name);
}

static void on_room(struct http_conn *c)
{
	note("room");
	CHECK(http_has_room(c));
}

static void on_gone(struct http_conn *c)
{
	CHECK(c->owner == &desk);
	note("gone");
	http_answer(c, 200, STR(""), STR(""), STR("nobody reads this"));
	http_abort(c);
}

static void on_refused(struct http_conn *c, fault_t why)
{
	note("refused:%.*s", STR_ARG(why->name));
	http_refuse(c, why, STR("text/plain"), STR(""), why->name);
}

static const struct http_ops ops = { on_request, on_body, on_body_fault,
	                             on_room,    on_gone, on_refused };

static void begin(struct rig *r)
{
	rig_init(r, &ops);
	desk = (struct desk){ .log = BUF_LIMIT(1 * MiB),
		              .text = BUF_LIMIT(1 * MiB),
		              .most = r->limits.body,
		              .is_verbose = true };
}

static void end(struct rig *r)
{
	rig_done(r);
	buf_free(&desk.log);
	buf_free(&desk.text);
}

/* ---- answers as clients read them ---- */

struct reply {
	int status;
	str head, body;
};

/* Takes the next whole answer from the front. */
static bool take_reply(str *from, struct reply *ret)
{
	size_t head = str_find_str(*from, STR("\r\n\r\n"));
	uint64_t length = 0;
	str fields = str_first(*from, head + 2);
	size_t at = str_find_str(fields, STR("content-length: "));
	str digits = str_from(fields, at + 16);

	if (head == from->len)
		return false;
	if (at < fields.len && !CHECK(str_to_u64(str_cut(&digits, '\r'), &length)))
		return false;
	if (from->len < head + 4 + length)
		return false;
	ret->status = (from->ptr[9] - '0') * 100 + (from->ptr[10] - '0') * 10 +
	              (from->ptr[11] - '0');
	ret->head = str_take(from, head + 4);
	ret->body = str_take(from, length);
	return true;
}

static int status_of(str body)
{
	for (int id = 1; id < FAULT_IDS; id++)
		if (str_eq(fault_by_id(id)->name, body))
			return fault_by_id(id)->status;
	return str_starts(body, STR("OTHER")) ? 405 : 200;
}

/* All answers, as a verdict; their statuses are checked on the way. */
static str verdict_of(const struct raw *p, struct buf *to)
{
	str bytes = buf_str(&p->got);
	struct reply reply;

	buf_clear(to);
	while (bytes.len && take_reply(&bytes, &reply)) {
		if (reply.status == 100)
			continue;
		if (to->len)
			buf_add(to, STR(" "));
		buf_add(to, reply.body);
		CHECK_INT(reply.status, status_of(reply.body));
	}
	CHECK_INT(bytes.len, 0);
	return buf_str(to);
}

/* ---- the table ---- */

/* What the server says where the parser's table has a method of its own, or waits. */
static void server_verdict(str verdict, struct buf *to)
{
	static const str methods[] = { STR_INIT("BREW "), STR_INIT("TRACE "),
		                       STR_INIT("get ") };

	for (size_t i = 0; i < countof(methods); i++)
		if (str_skip(&verdict, methods[i]))
			buf_add(to, STR("OTHER "));
	if (str_ends(verdict, STR("..."))) {
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
	server_verdict(str_from_z(c->verdict), &want);
	buf_add(&want, among && ends ? STR(" GET /behind{}") : STR(""));
	rest = buf_str(&all);
	for (size_t n = first; rest.len > 0; n = step) {
		raw_send(r, &p, str_take(&rest, n));
		loop_turn(&r->loop, 0); /* socket pairs are never late */
		raw_read(&p);
	}
	if (ends)
		for (int i = 0; i < 1000 && verdict_of(&p, &got).len < want.len; i++) {
			rig_turn(r);
			raw_read(&p);
		}
	else
		good = CHECK(raw_await_end(r, &p));
	good &= CHECK_STR_EQ(verdict_of(&p, &got), buf_str(&want));
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

	begin(&r);
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
	end(&r);
}

/* ---- one request after the other ---- */

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"
#define POST(length) "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: " #length "\r\n"

static bool await_replies(struct rig *r, struct raw *p, const char *want)
{
	struct buf got = BUF_LIMIT(1 * MiB);
	bool good = false;

	for (int i = 0; i < 1000 && !good; i++) {
		raw_read(p);
		good = str_eq(verdict_of(p, &got), str_from_z(want));
		if (!good)
			rig_turn(r);
	}
	CHECK_STR_EQ(buf_str(&got), str_from_z(want));
	buf_free(&got);
	return good;
}

TEST(a_request_costs_one_read_and_one_write)
{
	struct rig r;

	begin(&r);
	struct raw p = raw_client(&r);
	raw_send(&r, &p, STR(POST(2) "\r\n{}"));
	await_replies(&r, &p, "POST /p{{}}");
	uint64_t reads = r.io.read_calls, writes = r.io.write_calls;
	raw_send(&r, &p, STR(POST(2) "\r\n[]"));
	await_replies(&r, &p, "POST /p{{}} POST /p{[]}");
	CHECK_INT(r.io.read_calls - reads, 1);
	CHECK_INT(r.io.write_calls - writes, 1);
	CHECK_STR(buf_str(&desk.log), "request body:2 end request body:2 end");
	CHECK(desk.conn->kept.ptr == NULL && desk.conn->out.ptr == NULL);
	CHECK(desk.conn->owner == NULL);
	raw_close(&p);
	end(&r);
}

TEST(pipelined_requests_wait_for_the_answer_before_them)
{
	struct rig r;

	begin(&r);
	desk.keeps_quiet = true;
	struct raw p = raw_client(&r);
	raw_send(&r, &p, STR(GET("/1") POST(3) "\r\nabc" GET("/3") "GET /4"));
	rig_wait(&r, 5);
	CHECK_STR(buf_str(&desk.log), "request end");
	answer(200);
	AWAIT(&r, desk.log.len > 11);
	CHECK_STR(buf_str(&desk.log), "request end request body:3 end");
	raw_send(&r, &p, STR(" HTTP/1.1\r\nHost: h\r\n\r\n"));
	rig_wait(&r, 5);
	CHECK_STR(buf_str(&desk.log), "request end request body:3 end");
	answer(200);
	desk.keeps_quiet = false;
	await_replies(&r, &p, "GET /1{} POST /p{abc} GET /3{} GET /4{}");
	CHECK_INT(r.server.requests, 4);
	raw_close(&p);
	end(&r);
}

TEST(a_flood_of_pipelined_requests_is_answered_in_order)
{
	struct rig r;
	struct buf all = BUF_LIMIT(1 * MiB), want = BUF_LIMIT(1 * MiB);

	begin(&r);
	for (int i = 0; i < 3000; i++) {
		buf_addf(&all, "GET /%d HTTP/1.1\r\nHost: h\r\n\r\n", i);
		buf_addf(&want, "%sGET /%d{}", i ? " " : "", i);
	}
	struct raw p = raw_client(&r);
	raw_send(&r, &p, buf_str(&all));
	await_replies(&r, &p, buf_z(&want));
	raw_close(&p);
	buf_free(&all);
	buf_free(&want);
	end(&r);
}

TEST(a_closing_client_is_answered_and_closed)
{
	struct rig r;

	begin(&r);
	struct raw p = raw_client(&r);
	raw_send(&r, &p, STR("GET /1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
	CHECK(raw_await_end(&r, &p) && p.ended);
	CHECK(str_has(buf_str(&p.got), STR("connection: close\r\n")));
	raw_close(&p);
	p = raw_client(&r);
	raw_send(&r, &p, STR("GET /1 HTTP/1.0\r\n\r\n"));
	CHECK(raw_await_end(&r, &p) && p.ended);
	CHECK(str_has(buf_str(&p.got), STR("connection: close\r\n")));
	raw_close(&p);
	p = raw_client(&r);
	raw_send(&r, &p, STR("GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
	await_replies(&r, &p, "GET /1{}");
	CHECK(str_has(buf_str(&p.got), STR("connection: keep-alive\r\n")));
	CHECK(!p.ended);
	raw_close(&p);
	end(&r);
}

TEST(an_answer_to_head_has_no_body)
{
	struct rig r;

	begin(&r);
	struct raw p = raw_client(&r);
	raw_send(&r, &p, STR("HEAD /1 HTTP/1.1\r\nHost: h\r\n\r\n"));
	CHECK(raw_await_text(&r, &p, STR("\r\n\r\n")));
	CHECK(str_has(buf_str(&p.got), STR("content-length: 9\r\n")));
	CHECK(str_ends(buf_str(&p.got), STR("\r\n\r\n")));
	CHECK(!p.ended);
	raw_close(&p);
	end(&r);
}

/* ---- bodies ---- */

TEST(continue_is_said_when_the_body_is_wanted_and_not_before)
{
	struct rig r;

	begin(&r);
	desk.holds = true;
	struct raw p = raw_client(&r);
	raw_send(&r, &p, STR(POST(3) "Expect: 100-continue\r\n\r\n"));
	rig_wait(&r, 5);
	raw_read(&p);
	CHECK_INT(p.got.len, 0);
	http_take_body(desk.conn, 3);
	CHECK(raw_await_text(&r, &p, STR("HTTP/1.1 100 Continue\r\n\r\n")));
	raw_send(&r, &p, STR("abc"));
	await_replies(&r, &p, "POST /p{abc}");
	raw_close(&p);

	p = raw_client(&r);
	raw_send(&r, &p, STR(POST(4) "Expect: 100-continue\r\n\r\n"));
	rig_wait(&r, 5);
	http_take_body(desk.conn, 3);
	CHECK(raw_await_end(&r, &p));
	CHECK(str_starts(buf_str(&p.got), STR("HTTP/1.1 413 ")));
	raw_close(&p);
	end(&r);
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

	begin(&r);
	desk.most = 5;
	for (size_t i = 0; i < countof(cases); i++) {
		struct raw p = raw_client(&r);
		str got;
		struct reply reply = { 0 };

		raw_send(&r, &p, cases[i].request);
		raw_await_text(&r, &p, STR("\r\n\r\n"));
		got = buf_str(&p.got);
		CHECK(take_reply(&got, &reply));
		CHECK_INT(reply.status, cases[i].status);
		raw_close(&p);
	}
	end(&r);
}

TEST(a_paused_body_is_not_read)
{
	struct rig r;
	struct buf body = BUF_LIMIT(4 * MiB);

	begin(&r);
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
	answer(200);
	CHECK(raw_await_text(&r, &p, STR("HTTP/1.1 200 OK")));
	raw_close(&p);
	buf_free(&body);
	end(&r);
}

TEST(a_body_that_breaks_off_is_refused)
{
	struct rig r;

	begin(&r);
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
	end(&r);
}

TEST(who_answers_without_the_body_closes)
{
	struct rig r;

	begin(&r);
	desk.holds = true;
	struct raw p = raw_client(&r);
	raw_send(&r, &p, STR(POST(5) "\r\nabcde" GET("/2")));
	AWAIT(&r, desk.conn != NULL);
	answer(200);
	CHECK(raw_await_end(&r, &p) && p.ended);
	CHECK(str_has(buf_str(&p.got), STR("connection: close\r\n")));
	CHECK_INT(r.server.requests, 1);
	raw_close(&p);
	end(&r);
}

/* ---- sending ---- */

TEST(a_slow_reader_is_waited_for)
{
	struct rig r;
	struct buf piece = BUF_LIMIT(16 * KiB);
	size_t sent = 0;

	begin(&r);
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
	end(&r);
}

TEST(an_answer_of_8_MiB_is_sent_whole)
{
	struct rig r;
	struct buf body = BUF_LIMIT(8 * MiB);

	begin(&r);
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
	CHECK(take_reply(&got, &reply));
	CHECK(str_eq(reply.body, buf_str(&body)));
	CHECK(str_has(reply.head, STR("\r\nx-extra: 1\r\n\r\n")));
	raw_close(&p);
	buf_free(&body);
	end(&r);
}

TEST(an_answers_fields_may_be_long)
{
	static char text[60000];
	struct rig r;

	begin(&r);
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
	CHECK(take_reply(&got, &reply));
	CHECK_STR(reply.body, "z");
	CHECK(str_starts(reply.head,
	                 STR("HTTP/1.1 431 Request Header Fields Too Large\r\n"
	                     "content-type: xxx")));
	CHECK(str_ends(reply.head, STR("xxx\r\ncontent-length: 1\r\na: b\r\n\r\n")));
	raw_close(&p);
	end(&r);
}

/* The queue moves to the front of its memory again and again. */
TEST(a_dribbling_reader_gets_every_byte_in_order)
{
	struct rig r;
	struct buf all = BUF_LIMIT(8 * MiB);
	char piece[7000];
	size_t sent = 0, at = 0;
	ssize_t n;

	begin(&r);
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
	end(&r);
}

TEST(what_cannot_be_watched_is_closed)
{
	struct rig r;

	begin(&r);
	http_server_add(&r.server, open("/dev/null", O_RDONLY | O_CLOEXEC), &r.address,
	                NULL);
	CHECK_INT(r.server.open, 0);
	CHECK_INT(r.server.accepted, 0);
	end(&r);
}

/* ---- clients that go away ---- */

TEST(a_client_that_goes_is_told_once)
{
	static void (*const ways[])(struct raw *) = { raw_fin, raw_rst, raw_close };

	for (size_t i = 0; i < countof(ways); i++)
		for (int pipelined = 0; pipelined < 2; pipelined++) {
			struct rig r;

			begin(&r);
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
			end(&r);
		}
}

TEST(a_client_that_goes_after_its_answer_is_not_missed)
{
	struct rig r;

	begin(&r);
	struct raw p = raw_client_tcp(&r);
	raw_send(&r, &p, STR(GET("/1")));
	await_replies(&r, &p, "GET /1{}");
	raw_rst(&p);
	AWAIT(&r, r.server.open == 0);
	CHECK_STR(buf_str(&desk.log), "request end");
	end(&r);
}

TEST(a_client_that_goes_before_its_answer_is_out)
{
	static char body[4 * MiB];
	struct rig r;

	begin(&r);
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
	end(&r);
}

TEST(sending_to_one_who_has_gone_is_told_later)
{
	struct rig r;

	begin(&r);
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
	end(&r);
}

TEST(a_server_that_ends_tells_the_owners)
{
	struct rig r;

	begin(&r);
	desk.keeps_quiet = true;
	struct raw p = raw_client(&r), idle = raw_client(&r);
	raw_send(&r, &p, STR(GET("/1")));
	AWAIT(&r, desk.log.len == 11);
	http_server_done(&r.server);
	CHECK_STR(buf_str(&desk.log), "request end gone");
	CHECK_INT(r.server.open, 0);
	raw_close(&p);
	raw_close(&idle);
	end(&r);
}

TEST(a_draining_server_closes_behind_its_answers)
{
	struct rig r;

	begin(&r);
	desk.keeps_quiet = true;
	struct raw p = raw_client(&r), idle = raw_client(&r);
	raw_send(&r, &p, STR(GET("/1")));
	AWAIT(&r, desk.log.len == 11);
	http_server_drain(&r.server);
	CHECK(raw_await_end(&r, &idle));
	rig_wait(&r, 3);
	CHECK_INT(r.server.open, 1);
	answer(200);
	CHECK(raw_await_end(&r, &p) && p.ended);
	CHECK(str_has(buf_str(&p.got), STR("connection: close\r\n")));
	raw_close(&p);
	raw_close(&idle);
	end(&r);
}

/* ---- endings ---- */

TEST(a_closing_client_gets_all_of_a_large_answer)
{
	static char body[4 * MiB];
	struct rig r;

	begin(&r);
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
	end(&r);
}

TEST(a_closing_client_that_sends_on_can_read_its_answer)
{
	struct rig r;

	begin(&r);
	desk.keeps_quiet = true;
	struct raw p = raw_client_tcp(&r);
	raw_send(&r, &p, STR("GET /1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
	AWAIT(&r, desk.log.len == 11);
	raw_send(&r, &p, STR("what nobody reads"));
	rig_wait(&r, 5);
	answer(200);
	CHECK(raw_await_end(&r, &p));
	CHECK(p.ended && !p.reset);
	CHECK(str_starts(buf_str(&p.got), STR("HTTP/1.1 200 ")));
	CHECK_INT(r.server.requests, 1);
	raw_close(&p);
	end(&r);
}

TEST(a_refused_client_can_read_why)
{
	struct rig r;
	struct buf body = BUF_LIMIT(200 * KiB);

	begin(&r);
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
	end(&r);
}

TEST(lingering_has_an_end)
{
	struct rig r;
	struct buf body = BUF_LIMIT(1 * MiB);

	begin(&r);
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
	end(&r);
}

TEST(an_aborted_answer_cannot_be_taken_for_a_whole_one)
{
	struct rig r;

	begin(&r);
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
	end(&r);
}

/* ---- time ---- */

TEST(an_idle_client_is_closed)
{
	struct rig r;

	begin(&r);
	r.limits.idle_timeout_ms = 20;
	struct raw p = raw_client(&r);
	raw_send(&r, &p, STR(GET("/1")));
	await_replies(&r, &p, "GET /1{}");
	CHECK(raw_await_end(&r, &p));
	CHECK_STR(buf_str(&desk.log), "request end");
	raw_close(&p);
	end(&r);
}

TEST(a_slow_head_is_refused_however_it_trickles)
{
	struct rig r;

	begin(&r);
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
	end(&r);
}

TEST(a_silent_body_is_refused_but_not_while_paused)
{
	struct rig r;

	begin(&r);
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
	end(&r);
}

TEST(a_dripping_body_is_refused_after_ten_seconds)
{
	struct rig r;

	begin(&r);
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
	end(&r);
}

TEST(a_client_that_takes_nothing_is_given_up)
{
	struct rig r;
	struct buf body = BUF_LIMIT(4 * MiB);

	begin(&r);
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
	end(&r);
}
