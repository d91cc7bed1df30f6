/* Upstreams, good and bad: a raw peer plays each case of guarantees 4.3 that concerns
 * framing, connections and pooling, whole and cut at every byte. */
#include "tests/unit/http/heard.h"

#include <stdio.h>

TEST(an_exchange_goes_through_and_its_connection_is_used_again)
{
	struct rig r;
	struct heard a = heard_new(), b = heard_new();

	rig_init(&r, NULL);
	http_lease(&r.pool, false, &heard_ops, &a);
	struct raw up = raw_accept(&r);
	CHECK(raw_await(&r, &up, sizeof(REQUEST) - 1));
	raw_send(&r, &up, STR("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"));
	AWAIT(&r, a.over);
	CHECK_STR(buf_str(&a.log), "ready head:200 end");
	CHECK_STR(buf_str(&a.body), "hello");
	CHECK_INT(r.pool.idle_count, 1);

	uint64_t reads = r.io.read_calls, writes = r.io.write_calls;
	http_lease(&r.pool, false, &heard_ops, &b);
	CHECK_STR(buf_str(&b.log), "reused");
	CHECK(raw_await(&r, &up, 2 * (sizeof(REQUEST) - 1)));
	raw_send(&r, &up,
	         STR("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
	             "3\r\nabc\r\n2;x\r\nde\r\n0\r\nt: v\r\n\r\n"));
	AWAIT(&r, b.over);
	CHECK_STR(buf_str(&b.body), "abcde");
	CHECK_INT(r.io.read_calls - reads, 1);
	CHECK_INT(r.io.write_calls - writes, 1);
	CHECK_INT(r.pool.idle_count, 1);
	raw_close(&up);
	AWAIT(&r, r.pool.idle_count == 0);
	heard_done(&a);
	heard_done(&b);
	rig_done(&r);
}

enum then { STAY, FIN };

static const struct answer {
	const char *id;
	str bytes;
	enum then then;
	const char *heard, *body;
	bool pooled;
} answers[] = {
#define ANSWER(id, bytes, then, heard, body, pooled)                                     \
	{ #id, STR_INIT(bytes), then, heard, body, pooled },
#include "tests/unit/http/answers.def"
#undef ANSWER
};

/* Plays one answer, in pieces of the sizes first, step, step, ... */
static void play(struct rig *r, const struct answer *a, size_t first, size_t step)
{
	struct heard h = heard_new();
	struct buf want = BUF_LIMIT(1 * KiB);
	str rest = a->bytes;
	bool good;

	http_lease(&r->pool, false, &heard_ops, &h);
	struct raw up = raw_accept(r);
	CHECK(raw_await(r, &up, sizeof(REQUEST) - 1));
	for (size_t n = first; rest.len > 0; n = step) {
		raw_send(r, &up, str_take(&rest, n));
		rig_turn(r);
	}
	if (a->then == FIN)
		raw_fin(&up);
	AWAIT(r, h.over);
	if (!a->pooled)
		AWAIT(r, r->pool.idle_count == 0);
	buf_addf(&want, "ready %s", a->heard);
	good = CHECK_STR_EQ(buf_str(&h.log), buf_str(&want));
	good &= CHECK_STR_EQ(buf_str(&h.body), str_from_z(a->body));
	good &= CHECK_INT(r->pool.idle_count, a->pooled);
	good &= CHECK_INT(r->pool.busy_count, 0);
	if (!good)
		printf("  in %s, cut at %zu, then every %zu\n", a->id, first, step);
	raw_close(&up);
	AWAIT(r, r->pool.idle_count == 0);
	heard_done(&h);
	buf_free(&want);
}

TEST(answers_are_judged_alike_however_they_are_cut)
{
	struct rig r;

	rig_init(&r, NULL);
	for (size_t i = 0; i < countof(answers); i++) {
		const struct answer *a = &answers[i];

		play(&r, a, SIZE_MAX, SIZE_MAX);
		play(&r, a, 1, 1);
		for (size_t cut = 1; cut < a->bytes.len; cut++)
			play(&r, a, cut, SIZE_MAX);
	}
	rig_done(&r);
}

/* ---- sending ---- */

TEST(a_slow_upstream_gets_the_whole_request)
{
	struct rig r;
	struct heard h = heard_new();
	struct buf request = BUF_LIMIT(8 * MiB);

	rig_init(&r, NULL);
	while (request.len < request.limit)
		buf_add(&request, STR("0123456789abcdef"));
	h.request = STR("");
	http_lease(&r.pool, false, &heard_ops, &h);
	struct raw up = raw_accept(&r);
	AWAIT(&r, h.up != NULL);
	struct iovec iov[3] = {
		{ request.ptr, 100 },
		{ request.ptr + 100, request.len - 300 },
		{ request.ptr + request.len - 200, 200 },
	};
	http_up_send(h.up, iov, 3, true);
	CHECK(http_up_has_pending(h.up));
	CHECK(raw_await(&r, &up, request.len));
	AWAIT(&r, !http_up_has_pending(h.up));
	CHECK_STR(buf_str(&h.log), "ready room");
	CHECK(str_eq(buf_str(&up.got), buf_str(&request)));
	raw_send(&r, &up, STR(HELLO));
	AWAIT(&r, h.over);
	CHECK_INT(r.pool.idle_count, 1);
	raw_close(&up);
	buf_free(&request);
	heard_done(&h);
	rig_done(&r);
}

TEST(an_early_answer_stops_the_request)
{
	static char bytes[8 * MiB];

	for (int resets = 0; resets < 2; resets++) {
		struct rig r;
		struct heard h = heard_new();

		rig_init(&r, NULL);
		h.request = str_of(bytes, sizeof(bytes));
		http_lease(&r.pool, false, &heard_ops, &h);
		struct raw up = raw_accept(&r);
		AWAIT(&r, h.up != NULL);
		CHECK(http_up_has_pending(h.up));
		raw_send(&r, &up, STR("HTTP/1.1 413 No\r\ncontent-length: 2\r\n\r\nno"));
		if (resets)
			raw_rst(&up); /* unread bytes are there, too */
		AWAIT(&r, h.over);
		CHECK_STR(buf_str(&h.log), "ready head:413 end");
		CHECK_INT(r.pool.idle_count, 0);
		raw_close(&up);
		heard_done(&h);
		rig_done(&r);
	}
}

TEST(a_request_not_ended_is_stopped_by_its_answer)
{
	struct rig r;
	struct heard h = heard_new();

	rig_init(&r, NULL);
	h.hold_end = true;
	h.release_at_end = false;
	http_lease(&r.pool, false, &heard_ops, &h);
	struct raw up = raw_accept(&r);
	CHECK(raw_await(&r, &up, SENT));
	raw_send(&r, &up, STR(HELLO));
	AWAIT(&r, h.ended);
	struct iovec more = http_iov(STR("more"));
	http_up_send(h.up, &more, 1, true);
	CHECK(!http_up_has_pending(h.up));
	http_up_release(h.up);
	CHECK(raw_await_end(&r, &up));
	CHECK_INT(up.got.len, SENT);
	CHECK_INT(r.pool.idle_count, 0);
	raw_close(&up);
	heard_done(&h);
	rig_done(&r);
}

TEST(an_upstream_that_takes_nothing_is_given_up)
{
	static char bytes[16 * MiB];
	struct rig r;
	struct heard h = heard_new();

	rig_init(&r, NULL);
	r.pool.origin.write_timeout = 40 * USEC_MS;
	h.request = str_of(bytes, sizeof(bytes));
	http_lease(&r.pool, false, &heard_ops, &h);
	struct raw up = raw_accept(&r);
	AWAIT(&r, h.over);
	CHECK_STR(buf_str(&h.log), "ready fault:WRITE_STALLED");
	raw_close(&up);
	heard_done(&h);
	rig_done(&r);
}

/* ---- receiving ---- */

TEST(what_is_not_consumed_comes_again)
{
	struct rig r;
	struct heard h = heard_new();
	str answer = STR("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
	                 "5\r\n01234\r\n7;x\r\n56789ab\r\n3\r\ncde\r\n0\r\n\r\n");

	rig_init(&r, NULL);
	h.chew = 4;
	http_lease(&r.pool, false, &heard_ops, &h);
	struct raw up = raw_accept(&r);
	CHECK(raw_await(&r, &up, SENT));
	while (answer.len) {
		raw_send(&r, &up, str_take(&answer, 1));
		rig_turn(&r);
		CHECK(h.ended || h.body.len % 4 == 0);
	}
	AWAIT(&r, h.over);
	CHECK_STR(buf_str(&h.body), "0123456789abcde");
	CHECK_INT(r.pool.idle_count, 1);
	raw_close(&up);
	heard_done(&h);
	rig_done(&r);
}

TEST(what_is_never_consumed_is_too_much)
{
	struct rig r;
	struct heard h = heard_new();
	struct buf body = BUF_LIMIT(1 * MiB);

	rig_init(&r, NULL);
	buf_add(&body, STR("HTTP/1.1 200 OK\r\n\r\n"));
	while (body.len < 300 * KiB)
		buf_add(&body, STR("x"));
	h.chew = 1 * MiB;
	http_lease(&r.pool, false, &heard_ops, &h);
	struct raw up = raw_accept(&r);
	raw_send(&r, &up, buf_str(&body));
	AWAIT(&r, h.over);
	CHECK_STR(buf_str(&h.log), "ready head:200 fault:UPSTREAM_LARGE");
	CHECK_INT(h.body.len, 0);
	raw_close(&up);
	buf_free(&body);
	heard_done(&h);
	rig_done(&r);
}

TEST(a_paused_answer_is_not_read)
{
	static const str answers_paused[] = {
		STR_INIT(HELLO),
		STR_INIT("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
		         "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"),
	};

	for (size_t i = 0; i < countof(answers_paused); i++) {
		struct rig r;
		struct heard h = heard_new();

		rig_init(&r, NULL);
		h.pause_in_head = true;
		http_lease(&r.pool, false, &heard_ops, &h);
		struct raw up = raw_accept(&r);
		raw_send(&r, &up, answers_paused[i]);
		rig_wait(&r, 5);
		CHECK_STR(buf_str(&h.log), "ready head:200");
		CHECK_INT(h.body.len, 0);
		http_up_resume(h.up);
		CHECK_INT(h.body.len, 0);
		AWAIT(&r, h.over);
		CHECK_STR(buf_str(&h.body), "hello");
		CHECK_INT(r.pool.idle_count, 1);
		raw_close(&up);
		heard_done(&h);
		rig_done(&r);
	}
}

TEST(a_stalled_relay_holds_the_upstream_back)
{
	struct rig r;
	struct heard h = heard_new();
	struct buf body = BUF_LIMIT(8 * MiB);

	rig_init(&r, NULL);
	while (body.len < body.limit)
		buf_add(&body, STR("0123456789abcdef"));
	h.pause_in_data = true;
	http_lease(&r.pool, false, &heard_ops, &h);
	struct raw up = raw_accept(&r);
	raw_send(&r, &up, STR("HTTP/1.1 200 OK\r\n\r\n"));
	ssize_t sent = send(up.fd, body.ptr, body.len, MSG_NOSIGNAL);
	CHECK(sent > 0);
	rig_wait(&r, 5);
	CHECK(h.body.len <= 64 * KiB);
	for (int i = 0; i < 50; i++) {
		size_t before = h.body.len;

		if (h.body.len < (size_t)sent) {
			http_up_resume(h.up);
			AWAIT(&r, h.body.len > before);
		}
		CHECK(h.body.len - before <= 64 * KiB);
	}
	h.pause_in_data = false;
	http_up_resume(h.up);
	raw_send(&r, &up, str_from(buf_str(&body), (size_t)sent));
	raw_fin(&up);
	AWAIT(&r, h.over);
	CHECK(str_eq(buf_str(&h.body), buf_str(&body)));
	raw_close(&up);
	buf_free(&body);
	heard_done(&h);
	rig_done(&r);
}

/* A relay that is full takes a part, pauses, and finds the rest when it resumes. */
TEST(what_a_pause_left_comes_without_new_bytes)
{
	struct rig r;
	struct heard h = heard_new();

	rig_init(&r, NULL);
	h.chew = 3;
	h.pause_in_data = true;
	http_lease(&r.pool, false, &heard_ops, &h);
	struct raw up = raw_accept(&r);
	raw_send(&r, &up, STR("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabcd"));
	AWAIT(&r, h.body.len == 3);
	h.chew = 0;
	http_up_resume(h.up);
	AWAIT(&r, h.body.len == 4);
	CHECK_STR(buf_str(&h.log), "ready head:200");
	raw_send(&r, &up, STR("ef"));
	rig_wait(&r, 3);
	CHECK_INT(h.body.len, 4);
	http_up_resume(h.up);
	AWAIT(&r, h.over);
	CHECK_STR(buf_str(&h.body), "abcdef");
	raw_close(&up);
	heard_done(&h);
	rig_done(&r);
}

TEST(a_pause_at_the_end_keeps_the_rest)
{
	struct rig r;
	struct heard h = heard_new();

	rig_init(&r, NULL);
	h.pause_in_data = true;
	h.most = 2;
	http_lease(&r.pool, false, &heard_ops, &h);
	struct raw up = raw_accept(&r);
	raw_send(&r, &up, STR(HELLO));
	for (size_t got = 2; got < 5; got += 2) {
		AWAIT(&r, h.body.len == got);
		rig_wait(&r, 3);
		CHECK_INT(h.body.len, got);
		CHECK(!h.ended);
		http_up_resume(h.up);
	}
	AWAIT(&r, h.over);
	CHECK_STR(buf_str(&h.body), "hello");
	CHECK_INT(r.pool.idle_count, 1);
	raw_close(&up);
	heard_done(&h);
	rig_done(&r);
}

/* What comes between the end of the answer and its release. */
TEST(a_late_byte_or_end_is_seen_at_the_release)
{
	for (int end = 0; end < 2; end++) {
		struct rig r;
		struct heard h = heard_new();

		rig_init(&r, NULL);
		h.release_at_end = false;
		http_lease(&r.pool, false, &heard_ops, &h);
		struct raw up = raw_accept(&r);
		raw_send(&r, &up, STR(HELLO));
		AWAIT(&r, h.ended);
		if (end)
			raw_fin(&up);
		else
			raw_send(&r, &up, STR("x"));
		rig_wait(&r, 3);
		CHECK_INT(r.pool.busy_count, 1);
		http_up_release(h.up);
		CHECK_INT(r.pool.idle_count + r.pool.busy_count, 0);
		raw_close(&up);
		heard_done(&h);
		rig_done(&r);
	}
}

TEST(an_answer_to_head_ends_with_its_head)
{
	struct rig r;
	struct heard h = heard_new();

	rig_init(&r, NULL);
	http_lease(&r.pool, false, &heard_ops, &h);
	struct raw up = raw_accept(&r);
	AWAIT(&r, h.up != NULL);
	h.up->is_head = true;
	raw_send(&r, &up, STR("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"));
	AWAIT(&r, h.over);
	CHECK_STR(buf_str(&h.log), "ready head:200 end");
	CHECK_INT(r.pool.idle_count, 1);
	raw_close(&up);
	heard_done(&h);
	rig_done(&r);
}

TEST(ten_interim_answers_are_enough)
{
	for (int count = 10; count <= 11; count++) {
		struct rig r;
		struct heard h = heard_new();

		rig_init(&r, NULL);
		http_lease(&r.pool, false, &heard_ops, &h);
		struct raw up = raw_accept(&r);
		for (int i = 0; i < count; i++)
			raw_send(&r, &up, STR("HTTP/1.1 102 Processing\r\n\r\n"));
		raw_send(&r, &up, STR(HELLO));
		AWAIT(&r, h.over);
		if (count == 10)
			CHECK_STR(buf_str(&h.log), "ready head:200 end");
		else
			CHECK_STR(buf_str(&h.log), "ready fault:UPSTREAM_MALFORMED");
		raw_close(&up);
		heard_done(&h);
		rig_done(&r);
	}
}

/* A head of `size` bytes with `fields` fields. */
static void play_head(size_t size, unsigned fields, const char *want)
{
	struct rig r;
	struct heard h = heard_new();
	struct buf head = BUF_LIMIT(128 * KiB);

	rig_init(&r, NULL);
	buf_add(&head, STR("HTTP/1.1 204 No\r\n"));
	for (unsigned i = 1; i < fields; i++)
		buf_add(&head, STR("a: b\r\n"));
	buf_add(&head, STR("c: "));
	while (head.len + 4 < size)
		buf_add(&head, STR("x"));
	buf_add(&head, STR("\r\n\r\n"));
	http_lease(&r.pool, false, &heard_ops, &h);
	struct raw up = raw_accept(&r);
	raw_send(&r, &up, buf_str(&head));
	AWAIT(&r, h.over);
	CHECK_STR_EQ(buf_str(&h.log), str_from_z(want));
	raw_close(&up);
	buf_free(&head);
	heard_done(&h);
	rig_done(&r);
}

TEST(the_limits_of_an_answers_head_are_exact)
{
	play_head(64 * KiB - 1, 1, "ready head:204 end");
	play_head(64 * KiB, 1, "ready head:204 end");
	play_head(64 * KiB + 1, 1, "ready fault:UPSTREAM_LARGE");
	play_head(100 * KiB, 1, "ready fault:UPSTREAM_LARGE");
	play_head(0, 199, "ready head:204 end");
	play_head(0, 200, "ready head:204 end");
	play_head(0, 201, "ready fault:UPSTREAM_LARGE");
}
