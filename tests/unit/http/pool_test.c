/* Connections to upstreams: bad ones, used ones, unwanted ones. */
#include "tests/unit/http/heard.h"

TEST(an_upstream_that_is_not_there_is_a_fault_of_a_later_turn)
{
	struct rig r;
	struct heard h = heard_new();

	rig_init(&r, NULL);
	sys_close(r.listener);
	r.listener = -1;
	http_lease(&r.pool, false, &heard_ops, &h);
	CHECK_INT(h.log.len, 0);
	AWAIT(&r, h.over);
	CHECK_STR(buf_str(&h.log), "fault:CONNECT_FAILED");
	CHECK_INT(r.pool.busy_count, 0);
	heard_done(&h);
	rig_done(&r);
}

TEST(an_upstream_that_does_not_accept_is_given_up_in_time)
{
	struct rig r;
	struct heard h = heard_new();
	struct net_addr at;
	int fds[8];

	/* A full backlog answers no SYN. */
	rig_init(&r, NULL);
	sys_close(r.listener);
	CHECK(net_parse(STR("127.0.0.1:0"), &at));
	r.listener = sys_listen(&at, 0);
	CHECK_INT(sys_local_addr(r.listener, &at), 0);
	for (size_t i = 0; i < countof(fds); i++)
		fds[i] = sys_connect(&at);
	rig_wait(&r, 20);
	r.pool.origin.name =
	        resolver_watch(r.resolver, STR("127.0.0.1"), net_port(&at), true);
	r.pool.origin.connect_timeout = 60 * USEC_MS;
	usec began = sys_now();
	http_lease(&r.pool, false, &heard_ops, &h);
	AWAIT(&r, h.over);
	CHECK_STR(buf_str(&h.log), "fault:CONNECT_TIMEOUT");
	CHECK(sys_now() - began >= 60 * USEC_MS); /* and no longer: dial_sim_test.c */
	for (size_t i = 0; i < countof(fds); i++)
		sys_close(fds[i]);
	heard_done(&h);
	rig_done(&r);
}

TEST(a_reset_before_and_inside_the_answer)
{
	struct rig r;
	struct heard a = heard_new(), b = heard_new();

	rig_init(&r, NULL);
	http_lease(&r.pool, false, &heard_ops, &a);
	struct raw up = raw_accept(&r);
	CHECK(raw_await(&r, &up, SENT));
	raw_rst(&up);
	AWAIT(&r, a.over);
	CHECK_STR(buf_str(&a.log), "ready fault:UPSTREAM_RESET");
	CHECK(!a.reused && !a.any_bytes);

	http_lease(&r.pool, false, &heard_ops, &b);
	up = raw_accept(&r);
	CHECK(raw_await(&r, &up, SENT));
	raw_send(&r, &up, STR("HTTP/1.1 200 OK\r\n\r\npart"));
	AWAIT(&r, b.body.len == 4);
	raw_rst(&up);
	AWAIT(&r, b.over);
	CHECK_STR(buf_str(&b.log), "ready head:200 fault:UPSTREAM_CUT");
	heard_done(&a);
	heard_done(&b);
	rig_done(&r);
}

TEST(a_pooled_connection_that_died_says_so)
{
	static void (*const ways[])(struct raw *) = { raw_close, raw_rst };

	for (size_t i = 0; i < countof(ways); i++) {
		struct rig r;
		struct heard h = heard_new();

		rig_init(&r, NULL);
		struct raw up = raw_idle(&r);
		ways[i](&up);
		/* The loop has not heard of it yet. */
		http_lease(&r.pool, false, &heard_ops, &h);
		CHECK_STR(buf_str(&h.log), "reused");
		AWAIT(&r, h.over);
		CHECK_STR(buf_str(&h.log), "reused fault:UPSTREAM_RESET");
		CHECK(h.reused && !h.any_bytes);
		heard_done(&h);
		rig_done(&r);
	}
}

TEST(bytes_on_an_idle_connection_destroy_it)
{
	struct rig r;

	rig_init(&r, NULL);
	struct raw up = raw_idle(&r);
	raw_send(&r, &up, STR(HELLO));
	AWAIT(&r, r.pool.idle_count == 0);
	CHECK(raw_await_end(&r, &up));
	raw_close(&up);
	rig_done(&r);
}

/* TLS has things to say that are no bytes of an answer: a ticket, say. */
TEST(an_event_without_bytes_leaves_an_idle_connection_alone)
{
	struct rig r;

	rig_init(&r, NULL);
	struct raw up = raw_idle(&r);
	struct http_up *u = container_of(r.pool.idle.next, struct http_up, link);
	u->sock.may_read = true;
	u->sock.on_event(&u->sock);
	CHECK_INT(r.pool.idle_count, 1);
	CHECK_INT(r.pool.broken, 0);
	raw_close(&up);
	AWAIT(&r, r.pool.idle_count == 0);
	rig_done(&r);
}

/* Leases from an event, so that the event of the stale connection is fetched, but not
 * delivered, when it is leased. */
static struct {
	struct rig *rig;
	struct heard *heard;
	struct io io;
} late;

static void lease_now(struct io *io, unsigned what)
{
	if (what & SYS_READABLE)
		http_lease(&late.rig->pool, false, &heard_ops, late.heard);
}

TEST(an_answer_that_came_before_its_request_is_none)
{
	struct rig r;
	struct heard h = heard_new();
	struct net_addr at;

	rig_init(&r, NULL);
	late.rig = &r;
	late.heard = &h;
	late.io.on_event = lease_now;
	struct raw up = raw_idle(&r);
	CHECK(net_parse(STR("127.0.0.1:0"), &at));
	int door = sys_listen(&at, 1);
	CHECK_INT(sys_local_addr(door, &at), 0);
	int knock = sys_connect(&at);
	struct net_addr peer;
	late.io.fd = sys_accept(door, &peer);
	CHECK(late.io.fd >= 0);
	CHECK_INT(loop_watch(&r.loop, &late.io), 0);
	rig_wait(&r, 2);
	/* Both are readable in one batch, the door first. */
	CHECK_INT(send(knock, "x", 1, MSG_NOSIGNAL), 1);
	CHECK(send(up.fd, HELLO, sizeof(HELLO) - 1, MSG_NOSIGNAL) > 0);
	AWAIT(&r, h.over);
	CHECK_STR(buf_str(&h.log), "reused fault:UPSTREAM_RESET");
	CHECK(!h.any_bytes);
	loop_unwatch(&r.loop, &late.io);
	sys_close(late.io.fd);
	sys_close(door);
	sys_close(knock);
	raw_close(&up);
	heard_done(&h);
	rig_done(&r);
}

TEST(idle_connections_grow_old_and_the_newest_is_taken_first)
{
	struct rig r;
	struct heard h = heard_new();

	rig_init(&r, NULL);
	r.pool.origin.idle_timeout = 80 * USEC_MS;
	struct raw old = raw_idle(&r);
	rig_wait(&r, 40);
	struct raw young = raw_idle(&r);
	CHECK_INT(r.pool.idle_count, 2);
	rig_wait(&r, 50);
	CHECK_INT(r.pool.idle_count, 1);
	CHECK(raw_await_end(&r, &old));
	struct raw youngest = raw_idle(&r);
	http_lease(&r.pool, false, &heard_ops, &h);
	CHECK(raw_await(&r, &youngest, SENT));
	CHECK_INT(young.got.len, 0);
	http_up_release(h.up);
	CHECK(raw_await_end(&r, &youngest));
	raw_close(&old);
	raw_close(&young);
	raw_close(&youngest);
	heard_done(&h);
	rig_done(&r);
}

TEST(a_pool_keeps_no_more_than_it_may)
{
	struct rig r;
	struct raw ups[4];

	rig_init(&r, NULL);
	r.pool.keep = 2;
	for (size_t i = 0; i < countof(ups); i++)
		ups[i] = raw_idle(&r);
	CHECK_INT(r.pool.idle_count, 2);
	CHECK(raw_await_end(&r, &ups[0]) && raw_await_end(&r, &ups[1]));
	CHECK(!ups[2].ended && !ups[3].ended);
	for (size_t i = 0; i < countof(ups); i++)
		raw_close(&ups[i]);
	rig_done(&r);
}

TEST(a_warm_connection_waits_in_the_pool)
{
	struct rig r;
	struct heard h = heard_new();

	rig_init(&r, NULL);
	http_pool_warm(&r.pool);
	struct raw up = raw_accept(&r);
	AWAIT(&r, r.pool.idle_count == 1);
	CHECK_INT(r.pool.busy_count, 0);
	http_lease(&r.pool, false, &heard_ops, &h);
	CHECK(raw_await(&r, &up, SENT));
	raw_send(&r, &up, STR(HELLO));
	AWAIT(&r, h.over);
	CHECK_STR(buf_str(&h.log), "reused head:200 end");
	sys_close(r.listener);
	r.listener = -1;
	http_pool_warm(&r.pool);
	AWAIT(&r, r.pool.busy_count == 0);
	CHECK_INT(r.pool.idle_count, 1);
	raw_close(&up);
	heard_done(&h);
	rig_done(&r);
}

TEST(a_pool_that_ends_lets_the_busy_finish)
{
	struct rig r;
	struct heard h = heard_new();

	rig_init(&r, NULL);
	struct raw idle = raw_idle(&r);
	http_lease(&r.pool, true, &heard_ops, &h);
	struct raw up = raw_accept(&r);
	CHECK(raw_await(&r, &up, SENT));
	http_pool_done(&r.pool);
	CHECK(raw_await_end(&r, &idle));
	raw_send(&r, &up, STR(HELLO));
	AWAIT(&r, h.over);
	CHECK_STR(buf_str(&h.log), "ready head:200 end");
	CHECK(raw_await_end(&r, &up));
	raw_close(&up);
	raw_close(&idle);
	heard_done(&h);
	rig_done(&r);
}

TEST(released_early_a_connection_is_closed)
{
	struct rig r;
	struct heard a = heard_new(), b = heard_new(), c = heard_new(), d = heard_new();

	rig_init(&r, NULL);
	struct http_up *u = http_lease(&r.pool, true, &heard_ops, &a);
	http_up_release(u); /* while dialling */
	struct raw up = raw_accept(&r);
	CHECK(raw_await_end(&r, &up));
	CHECK_INT(a.log.len, 0);
	raw_close(&up);

	u = http_lease(&r.pool, true, &heard_ops, &b);
	up = raw_accept(&r);
	CHECK(raw_await(&r, &up, SENT));
	http_up_release(u); /* while waiting */
	CHECK(raw_await_end(&r, &up));
	raw_close(&up);

	c.release_in_head = true;
	http_lease(&r.pool, true, &heard_ops, &c);
	up = raw_accept(&r);
	raw_send(&r, &up, STR(HELLO));
	AWAIT(&r, c.over);
	CHECK_STR(buf_str(&c.log), "ready head:200");
	CHECK(raw_await_end(&r, &up));
	CHECK_INT(r.pool.idle_count + r.pool.busy_count, 0);
	raw_close(&up);

	up = raw_idle(&r);
	d.release_when_ready = true;
	http_lease(&r.pool, false, &heard_ops, &d);
	CHECK_STR(buf_str(&d.log), "reused");
	CHECK(raw_await_end(&r, &up));
	raw_close(&up);
	heard_done(&a);
	heard_done(&b);
	heard_done(&c);
	heard_done(&d);
	rig_done(&r);
}

/* The kernel has room again, or a ticket of TLS has come: nothing against it. */
TEST(an_event_without_bytes_leaves_an_idle_connection_in_the_pool)
{
	struct rig r;

	rig_init(&r, NULL);
	struct raw up = raw_idle(&r);
	CHECK_INT(r.pool.idle_count, 1);
	struct http_up *u = container_of(r.pool.idle.next, struct http_up, link);
	u->sock.may_write = false;
	u->sock.io.on_event(&u->sock.io, SYS_WRITABLE);
	rig_turn(&r);
	CHECK_INT(r.pool.idle_count, 1);
	u->sock.io.on_event(&u->sock.io, SYS_READABLE);
	rig_turn(&r);
	CHECK_INT(r.pool.idle_count, 1);
	raw_send(&r, &up, STR("unasked"));
	AWAIT(&r, r.pool.idle_count == 0);
	raw_close(&up);
	rig_done(&r);
}
