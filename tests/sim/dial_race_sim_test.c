/* dial_race_sim_test.c - a provider that does not connect: the next is dialled beside it,
 * the first that is connected sends, and the other is given up. */
#include "tests/sim/race.h"

static bool row_is(const struct attempt_row *row, const char *provider, const char *fault)
{
	return str_eq(row->provider, str_from_z(provider)) &&
	       str_eq(row->fault, str_from_z(fault));
}

TEST(the_next_candidate_is_dialled_beside_a_black_hole)
{
	struct race r;
	struct sim_peer *b;

	if (!race_begin(&r, "{ targets: [a/m, b/m] }"))
		return;
	sim_port_set(r.ports[0], SIM_DROPS);
	race_ask(&r, true, "");
	race_run(&r, 699 * USEC_MS);
	CHECK(!race_accept(&r, 1));
	race_run(&r, 2 * USEC_MS);
	b = race_accept(&r, 1);
	if (!CHECK(b))
		return;
	sim_send(b, str_from_z(race_head));
	race_say(b, "from b");
	race_finish(b);
	race_run(&r, USEC_MS);
	CHECK(str_has(race_see(&r), STR("x-sluice-provider: b\r\n")));
	CHECK(str_has(race_see(&r), STR("x-sluice-attempts: 2\r\n")));
	CHECK(str_has(race_see(&r), STR("from b")));
	sim_close(b);
	race_run(&r, 5 * USEC_SEC);
	race_read_rows(&r);
	CHECK_INT(r.opened, 2);
	CHECK_INT(r.closed, 2);
	CHECK_INT(r.closing, 1);
	CHECK(row_is(&r.rows[0], "a", "CONNECT_TIMEOUT"));
	CHECK_INT(r.rows[0].usage_kind, USAGE_NONE);
	CHECK(!r.rows[0].closes);
	CHECK(row_is(&r.rows[1], "b", "") && r.rows[1].closes);
	CHECK(r.rows[0].exchange == r.rows[1].exchange);
	CHECK_INT(r.rows[1].attempts, 2);
	race_end(&r);
}

TEST(candidates_behind_two_black_holes_are_dialled_one_by_one)
{
	struct race r;
	struct sim_peer *c;

	if (!race_begin(&r, "{ targets: [a/m, b/m, c/m] }"))
		return;
	sim_port_set(r.ports[0], SIM_DROPS);
	sim_port_set(r.ports[1], SIM_DROPS);
	race_ask(&r, false, "");
	race_run(&r, 1401 * USEC_MS);
	c = race_accept(&r, 2);
	if (!CHECK(c))
		return;
	sim_send(c, str_from_z(race_unary));
	race_run(&r, USEC_MS);
	CHECK(str_has(race_see(&r), STR("x-sluice-provider: c\r\n")));
	sim_close(c);
	race_run(&r, 5 * USEC_SEC);
	race_read_rows(&r);
	CHECK_INT(r.opened, 3);
	CHECK_INT(r.closed, 3);
	CHECK_INT(r.closing, 1);
	CHECK(row_is(&r.rows[0], "a", "CONNECT_TIMEOUT"));
	CHECK(row_is(&r.rows[1], "b", "CONNECT_TIMEOUT"));
	CHECK(row_is(&r.rows[2], "c", "") && r.rows[2].closes);
	race_end(&r);
}

/* Of four only three are dialled at once; the fourth when the first is given up. */
TEST(no_more_than_three_are_dialled_at_once)
{
	struct race r;
	struct sim_peer *d;

	if (!race_begin(&r, "{ targets: [a/m, b/m, c/m, d/m], retry: { attempts: 4 } }"))
		return;
	for (unsigned i = 0; i < 3; i++)
		sim_port_set(r.ports[i], SIM_DROPS);
	race_ask(&r, true, "");
	race_run(&r, 2999 * USEC_MS);
	CHECK(!race_accept(&r, 3));
	race_run(&r, 2 * USEC_MS);
	d = race_accept(&r, 3);
	if (CHECK(d))
		sim_close(d);
	race_run(&r, 5 * USEC_SEC);
	race_read_rows(&r);
	CHECK_INT(r.opened, r.closed);
	CHECK_INT(r.closing, 1);
	race_end(&r);
}

TEST(when_nobody_connects_the_client_is_told_once)
{
	struct race r;

	if (!race_begin(&r, "{ targets: [a/m, b/m] }"))
		return;
	sim_port_set(r.ports[0], SIM_DROPS);
	sim_port_set(r.ports[1], SIM_DROPS);
	race_ask(&r, true, "");
	race_run(&r, 3699 * USEC_MS);
	CHECK_INT(race_see(&r).len, 0);
	race_run(&r, 2 * USEC_MS);
	CHECK(str_starts(race_see(&r), STR("HTTP/1.1 504 ")));
	race_read_rows(&r);
	CHECK_INT(r.opened, 2);
	CHECK_INT(r.closed, 2);
	CHECK_INT(r.closing, 1);
	CHECK(row_is(&r.rows[0], "a", "CONNECT_TIMEOUT") && !r.rows[0].closes);
	CHECK(row_is(&r.rows[1], "b", "CONNECT_TIMEOUT") && r.rows[1].closes);
	race_end(&r);
}

/* What was dialled beside a slow one, and given up for it, is asked when that one fails:
 * nobody has heard of it, and it does not count as an attempt. */
TEST(one_that_was_given_up_unsent_is_asked_after_the_other)
{
	static const char *const routes[] = {
		"{ targets: [a/m, b/m], retry: { same_target: 0 } }",
		"{ targets: [a/m, b/m], retry: { attempts: 2 } }",
	};

	for (unsigned i = 0; i < countof(routes); i++) {
		struct sim_peer *a, *b;
		struct race r;

		if (!race_begin(&r, routes[i]))
			return;
		sim_port_set(r.ports[0], SIM_DROPS);
		sim_port_set(r.ports[1], SIM_DROPS);
		race_ask(&r, true, "");
		race_run(&r, 905 * USEC_MS);
		sim_port_answer(r.ports[0]);
		race_run(&r, USEC_MS);
		a = race_accept(&r, 0);
		sim_port_set(r.ports[1], SIM_ACCEPTS);
		if (!CHECK(a))
			return;
		sim_send(a, STR("HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n"));
		race_run(&r, USEC_MS);
		sim_close(a);
		race_run(&r, USEC_MS);
		b = race_accept(&r, 1);
		if (CHECK(b)) {
			sim_send(b, str_from_z(race_head));
			race_say(b, "from b");
			race_finish(b);
			race_run(&r, USEC_MS);
			sim_close(b);
		}
		race_run(&r, 5 * USEC_SEC);
		CHECK(str_has(race_see(&r), STR("from b")));
		race_read_rows(&r);
		CHECK_INT(r.opened, 3);
		CHECK_INT(r.closed, 3);
		CHECK_INT(r.closing, 1);
		CHECK(row_is(&r.rows[0], "a", "UPSTREAM_FAILED"));
		CHECK(row_is(&r.rows[1], "b", "SUPERSEDED"));
		CHECK_INT(r.rows[1].usage_kind, USAGE_NONE);
		CHECK(row_is(&r.rows[2], "b", "") && r.rows[2].closes);
		race_end(&r);
	}
}

/* The second is refused: the first still has its three seconds. */
TEST(a_failure_beside_a_black_hole_leaves_it_its_time)
{
	struct race r;

	if (!race_begin(&r, "{ targets: [a/m, b/m] }"))
		return;
	sim_port_set(r.ports[0], SIM_DROPS);
	sim_port_set(r.ports[1], SIM_REFUSES);
	race_ask(&r, true, "");
	race_run(&r, 2999 * USEC_MS);
	CHECK_INT(race_see(&r).len, 0);
	race_run(&r, 2 * USEC_MS);
	CHECK(str_starts(race_see(&r), STR("HTTP/1.1 504 ")));
	race_read_rows(&r);
	CHECK_INT(r.closing, 1);
	CHECK(row_is(&r.rows[1], "b", "CONNECT_FAILED") && !r.rows[1].closes);
	CHECK(row_is(&r.rows[0], "a", "CONNECT_TIMEOUT") && r.rows[0].closes);
	race_end(&r);
}

TEST(a_client_that_goes_ends_all_that_are_dialled)
{
	struct race r;

	if (!race_begin(&r, "{ targets: [a/m, b/m, c/m] }"))
		return;
	for (unsigned i = 0; i < 3; i++)
		sim_port_set(r.ports[i], SIM_DROPS);
	race_ask(&r, true, "");
	race_run(&r, 1500 * USEC_MS);
	sim_close(r.client);
	r.client = NULL;
	race_run(&r, USEC_MS);
	CHECK_INT(r.gate.worker.live, 0);
	race_read_rows(&r);
	CHECK_INT(r.opened, 3);
	CHECK_INT(r.closed, 3);
	CHECK_INT(r.closing, 1);
	for (unsigned i = 0; i < 3; i++)
		CHECK(str_eq(r.rows[i].fault, STR("CLIENT_GONE")));
	race_end(&r);
}

/* The exchange's row is kept back while a provider's pause is waited for: a client that
 * goes meanwhile closes it. */
TEST(a_client_that_goes_between_two_attempts_closes_its_exchange)
{
	struct race r;
	struct sim_peer *a;

	if (!race_begin(&r, "{ targets: [a/m] }"))
		return;
	race_ask(&r, true, "");
	a = race_accept(&r, 0);
	if (!CHECK(a))
		return;
	sim_send(a,
	         STR("HTTP/1.1 429 Slow\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n"));
	race_run(&r, USEC_SEC);
	CHECK_INT(race_see(&r).len, 0);
	sim_close(r.client);
	r.client = NULL;
	race_run(&r, USEC_MS);
	race_read_rows(&r);
	CHECK_INT(r.opened, 1);
	CHECK_INT(r.closed, 1);
	CHECK_INT(r.closing, 1);
	CHECK_INT(r.rows[0].client_status, 499);
	sim_close(a);
	race_end(&r);
}
