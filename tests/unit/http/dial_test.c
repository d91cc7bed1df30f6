/* Names with no, one, several addresses, of which some are dead. */
#include "loop/resolve_private.h"
#include "tests/unit/http/rig.h"

/* A name whose look-ups are the test's: nothing is asked. */
static struct resolved name;

static struct net_addr addr(const char *ip)
{
	struct net_addr a;

	CHECK(net_parse_ip(str_from_z(ip), 1, &a));
	return a;
}

static void publish(const char *first, const char *second)
{
	struct net_addr addrs[2] = { addr(first), addr(second ? second : first) };

	resolved_publish(&name, addrs, second ? 2 : 1, NULL);
}

static int ready, room;
static fault_t failed;

static void on_ready(struct http_up *u)
{
	ready++;
}

static void on_head(struct http_up *u, const struct http_response *res)
{
}

static size_t on_data(struct http_up *u, str bytes, bool end)
{
	return bytes.len;
}

static void on_room(struct http_up *u)
{
	room++;
}

static void on_fault(struct http_up *u, fault_t why)
{
	failed = why;
}

static const struct http_up_ops ops = { on_ready, on_head, on_data, on_room, on_fault };

/* The rig's upstream listens on 127.0.0.1 alone. */
static void begin(struct rig *r)
{
	rig_init(r, NULL);
	name = (struct resolved){ .port = net_port(&r->address) };
	r->pool.origin.name = &name;
	ready = room = 0;
	failed = NULL;
}

TEST(a_name_is_waited_for)
{
	struct rig r;

	begin(&r);
	struct http_up *u = http_lease(&r.pool, false, &ops, NULL);
	rig_wait(&r, 15);
	CHECK(!ready && !failed);
	publish("127.0.0.1", NULL);
	AWAIT(&r, ready == 1);
	http_up_release(u);
	rig_done(&r);
}

TEST(a_name_that_never_comes_is_a_timeout)
{
	struct rig r;

	begin(&r);
	r.pool.origin.connect_timeout = 30 * USEC_MS;
	http_lease(&r.pool, false, &ops, NULL);
	AWAIT(&r, failed != NULL);
	CHECK_FAULT(failed, FAULT_CONNECT_TIMEOUT);
	rig_done(&r);
}

TEST(a_name_that_is_none_is_said_so_later)
{
	struct rig r;

	begin(&r);
	resolved_publish(&name, NULL, 0, FAULT_NAME_UNKNOWN);
	http_lease(&r.pool, false, &ops, NULL);
	CHECK(!failed);
	AWAIT(&r, failed != NULL);
	CHECK_FAULT(failed, FAULT_NAME_UNKNOWN);
	failed = NULL;
	resolved_publish(&name, NULL, 0, FAULT_ADDRESS_FORBIDDEN);
	http_lease(&r.pool, false, &ops, NULL);
	AWAIT(&r, failed != NULL);
	CHECK_FAULT(failed, FAULT_ADDRESS_FORBIDDEN);
	rig_done(&r);
}

TEST(a_name_that_fails_while_waited_for)
{
	struct rig r;

	begin(&r);
	http_lease(&r.pool, false, &ops, NULL);
	rig_wait(&r, 5);
	resolved_publish(&name, NULL, 0, FAULT_NAME_UNKNOWN);
	AWAIT(&r, failed != NULL);
	CHECK_FAULT(failed, FAULT_NAME_UNKNOWN);
	rig_done(&r);
}

TEST(a_refusing_address_is_followed_by_the_next)
{
	struct rig r;

	begin(&r);
	publish("127.0.0.2", "127.0.0.1");
	struct http_up *u = http_lease(&r.pool, false, &ops, NULL);
	AWAIT(&r, ready == 1);
	CHECK(!failed);
	http_up_release(u);
	publish("127.0.0.2", "127.0.0.3");
	http_lease(&r.pool, false, &ops, NULL);
	AWAIT(&r, failed != NULL);
	CHECK_FAULT(failed, FAULT_CONNECT_FAILED);
	CHECK_INT(r.pool.dialled, 4);
	rig_done(&r);
}

TEST(an_address_that_cannot_be_tried_is_followed_by_the_next)
{
	struct rig r;

	begin(&r);
	publish("255.255.255.255", "127.0.0.1");
	struct http_up *u = http_lease(&r.pool, false, &ops, NULL);
	AWAIT(&r, ready == 1);
	http_up_release(u);
	publish("255.255.255.255", NULL);
	http_lease(&r.pool, false, &ops, NULL);
	CHECK(!failed);
	AWAIT(&r, failed != NULL);
	CHECK_FAULT(failed, FAULT_CONNECT_FAILED);
	rig_done(&r);
}
