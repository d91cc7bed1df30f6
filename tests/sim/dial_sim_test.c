/* dial_sim_test.c - dialling in virtual time: what a silent address may take. */
#include "http/client.h"
#include "loop/resolve_private.h"
#include "tests/check.h"
#include "tests/sim/sim.h"
#include "tests/unit/loop/cert.h"

static int ready;
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
}

static void on_fault(struct http_up *u, fault_t why)
{
	failed = why;
}

static const struct http_up_ops ops = { on_ready, on_head, on_data, on_room, on_fault };

static struct net_addr address(const char *text)
{
	struct net_addr a = { 0 };

	CHECK(net_parse(str_from_z(text), &a));
	return a;
}

struct dialler {
	struct loop loop;
	struct http_io io;
	struct resolved name;
	struct http_pool pool;
	struct sim_port *one, *two;
};

/* A name with two addresses; all of it may take so long. */
static void begin_with(struct dialler *d, const char *one, const char *two, usec timeout)
{
	struct net_addr addrs[2] = { address(one), address(two) };

	sim_begin(1);
	CHECK(loop_init(&d->loop, NULL));
	http_io_init(&d->io, &d->loop);
	d->one = sim_listen(&addrs[0]);
	d->two = sim_listen(&addrs[1]);
	d->name = (struct resolved){ .port = 80 };
	resolved_publish(&d->name, addrs, 2, NULL);
	d->pool = (struct http_pool){
		.io = &d->io,
		.origin = { .name = &d->name,
		            .connect_timeout = timeout,
		            .idle_timeout = 50 * USEC_SEC,
		            .write_timeout = 60 * USEC_SEC },
		.keep = 8,
	};
	http_pool_init(&d->pool);
	ready = 0;
	failed = NULL;
}

static void begin(struct dialler *d)
{
	begin_with(d, "10.0.0.1:80", "10.0.0.2:80", 100 * USEC_MS);
}

static void end(struct dialler *d)
{
	http_pool_done(&d->pool);
	CHECK_INT(d->pool.busy_count, 0);
	loop_turn(&d->loop, 0);
	loop_done(&d->loop);
	http_io_done(&d->io);
	CHECK_INT(sim_finish(), 0);
}

TEST(a_silent_address_gets_its_share_of_the_time)
{
	struct dialler d;

	begin(&d);
	sim_port_set(d.one, SIM_DROPS);
	struct http_up *u = http_lease(&d.pool, false, &ops, NULL);
	sim_run(&d.loop, 49 * USEC_MS);
	CHECK_INT(ready, 0);
	CHECK(!sim_accept(d.two));
	sim_run(&d.loop, 2 * USEC_MS);
	CHECK_INT(ready, 1);
	struct sim_peer *peer = sim_accept(d.two);
	http_up_release(u);
	sim_run(&d.loop, 0);
	if (CHECK(peer))
		sim_close(peer);
	end(&d);
}

/* The connection stands after nothing; then TLS has its time, not what was left. */
TEST(a_handshake_has_a_time_of_its_own)
{
	struct cert_files files = cert_make("DNS:example.test", 1);
	struct buf why = BUF_LIMIT(300);
	struct tls_client tls;
	struct dialler d;

	begin(&d);
	CHECK(tls_client_init(&tls, NULL, files.ca, "example.test", &why));
	d.pool.origin.tls = &tls;
	d.pool.origin.tls_timeout = 400 * USEC_MS;
	http_lease(&d.pool, false, &ops, NULL);
	sim_run(&d.loop, 199 * USEC_MS);
	struct sim_peer *one = sim_accept(d.one);
	CHECK(one && !sim_accept(d.two) && !failed);
	sim_run(&d.loop, 2 * USEC_MS);
	struct sim_peer *two = sim_accept(d.two);
	CHECK(two && !failed);
	sim_run(&d.loop, 397 * USEC_MS);
	CHECK(!failed);
	sim_run(&d.loop, 2 * USEC_MS);
	CHECK_FAULT(failed, FAULT_CONNECT_TIMEOUT);
	CHECK_INT(ready, 0);
	sim_close(one);
	sim_close(two);
	end(&d);
	tls_client_done(&tls);
	buf_free(&why);
}

TEST(silent_addresses_take_no_more_than_the_time_there_is)
{
	struct dialler d;

	begin(&d);
	sim_port_set(d.one, SIM_DROPS);
	sim_port_set(d.two, SIM_DROPS);
	http_lease(&d.pool, false, &ops, NULL);
	sim_run(&d.loop, 99 * USEC_MS);
	CHECK(!failed);
	sim_run(&d.loop, 2 * USEC_MS);
	CHECK_FAULT(failed, FAULT_CONNECT_TIMEOUT);
	CHECK_INT(ready, 0);
	end(&d);
}

static void release(struct dialler *d, struct http_up *u, struct sim_port *port)
{
	struct sim_peer *peer = sim_accept(port);

	http_up_release(u);
	sim_run(&d->loop, 0);
	if (CHECK(peer))
		sim_close(peer);
}

/* G28; and it costs that once. */
TEST(a_broken_ipv6_costs_a_moment)
{
	struct dialler d;
	struct http_up *u;

	begin_with(&d, "[fd00::1]:80", "10.0.0.2:80", 3 * USEC_SEC);
	sim_port_set(d.one, SIM_DROPS);
	u = http_lease(&d.pool, false, &ops, NULL);
	sim_run(&d.loop, 249 * USEC_MS);
	CHECK_INT(ready, 0);
	sim_run(&d.loop, 2 * USEC_MS);
	CHECK_INT(ready, 1);
	release(&d, u, d.two);
	u = http_lease(&d.pool, true, &ops, NULL);
	sim_run(&d.loop, USEC_MS);
	CHECK_INT(ready, 2);
	release(&d, u, d.two);
	end(&d);
}

/* One that is far away, and IPv4 is what is broken. */
TEST(an_ipv6_that_was_late_has_its_turn_once_more)
{
	struct dialler d;
	struct http_up *u;

	begin_with(&d, "[fd00::1]:80", "10.0.0.2:80", 3 * USEC_SEC);
	sim_port_set(d.one, SIM_DROPS);
	sim_port_set(d.two, SIM_DROPS);
	u = http_lease(&d.pool, false, &ops, NULL);
	sim_run(&d.loop, 251 * USEC_MS);
	sim_port_set(d.one, SIM_ACCEPTS);
	sim_run(&d.loop, 1370 * USEC_MS); /* half of what was left */
	CHECK_INT(ready, 0);
	sim_run(&d.loop, 10 * USEC_MS);
	CHECK_INT(ready, 1);
	release(&d, u, d.one);
	end(&d);
}

/* It is known to be alive: all the time of its share is its own. */
TEST(a_family_that_has_answered_is_not_hurried)
{
	struct dialler d;
	struct http_up *u;

	begin_with(&d, "[fd00::1]:80", "10.0.0.2:80", 3 * USEC_SEC);
	u = http_lease(&d.pool, false, &ops, NULL);
	sim_run(&d.loop, USEC_MS);
	CHECK_INT(ready, 1);
	release(&d, u, d.one);
	sim_port_set(d.one, SIM_DROPS);
	u = http_lease(&d.pool, true, &ops, NULL);
	sim_run(&d.loop, 1499 * USEC_MS);
	CHECK_INT(ready, 1);
	sim_run(&d.loop, 2 * USEC_MS);
	CHECK_INT(ready, 2);
	release(&d, u, d.two);
	end(&d);
}

TEST(two_broken_families_take_no_more_than_the_time_there_is)
{
	struct dialler d;

	begin_with(&d, "[fd00::1]:80", "10.0.0.2:80", 3 * USEC_SEC);
	sim_port_set(d.one, SIM_DROPS);
	sim_port_set(d.two, SIM_DROPS);
	http_lease(&d.pool, false, &ops, NULL);
	sim_run(&d.loop, 2999 * USEC_MS);
	CHECK(!failed);
	sim_run(&d.loop, 2 * USEC_MS);
	CHECK_FAULT(failed, FAULT_CONNECT_TIMEOUT);
	end(&d);
}
