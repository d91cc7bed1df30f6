/* hedge_sim_test.c - a first token that is late: the next target is asked beside the
 * first, one of them wins, the other is cancelled, and both stand in the journal. */
#include "tests/sim/race.h"

#define TWO "{ targets: [a/m, b/m], hedge: 2s, retry: { same_target: 0 } }"

static bool row_is(const struct attempt_row *row, const char *provider, const char *fault)
{
	return str_eq(row->provider, str_from_z(provider)) &&
	       str_eq(row->fault, str_from_z(fault));
}

/* Both are asked: *a since the beginning, *b since two seconds. */
static bool begin_two(struct race *r, const char *route, bool stream, struct sim_peer **a,
                      struct sim_peer **b)
{
	if (!race_begin(r, route))
		return false;
	race_ask(r, stream, "");
	*a = race_accept(r, 0);
	race_run(r, 1999 * USEC_MS);
	CHECK(!race_accept(r, 1));
	race_run(r, 2 * USEC_MS);
	*b = race_accept(r, 1);
	return CHECK(*a) && CHECK(*b);
}

static void answer(struct race *r, struct sim_peer *p, const char *text)
{
	sim_send(p, str_from_z(race_head));
	sim_send(p, str_from_z(race_role));
	race_say(p, text);
	race_finish(p);
	race_run(r, USEC_MS);
}

/* One row closes the exchange, each attempt has both its rows. */
static void check_rows(struct race *r, unsigned attempts)
{
	race_read_rows(r);
	CHECK_INT(r->opened, attempts);
	CHECK_INT(r->closed, attempts);
	CHECK_INT(r->closing, 1);
	CHECK_INT(r->gate.worker.live, 0);
}

TEST(a_hedge_that_is_faster_wins)
{
	struct race r;
	struct sim_peer *a, *b;

	if (!begin_two(&r, TWO, true, &a, &b))
		return;
	answer(&r, b, "from b");
	CHECK(str_has(race_see(&r), STR("x-sluice-provider: b\r\n")));
	CHECK(str_has(race_see(&r), STR("x-sluice-attempts: 2\r\n")));
	CHECK(str_has(race_see(&r), STR("from b")));
	CHECK(sim_saw_fin(a) || sim_saw_rst(a));
	sim_close(a);
	sim_close(b);
	race_run(&r, 5 * USEC_SEC);
	check_rows(&r, 2);
	CHECK(row_is(&r.rows[0], "a", "HEDGE_LOST") && !r.rows[0].closes);
	/* It may have been at work: its prompt is reckoned as read. */
	CHECK_INT(r.rows[0].usage_kind, USAGE_ESTIMATED);
	CHECK(r.rows[0].usage.input > 0 && r.rows[0].usage.output == 0);
	CHECK(row_is(&r.rows[1], "b", "") && r.rows[1].closes);
	CHECK_INT(r.rows[1].usage_kind, USAGE_ESTIMATED);
	/* The two seconds that a was given are not what the gateway added. */
	CHECK_INT(r.rows[1].overhead, 0);
	CHECK_INT(r.gate.worker.counts.hedges, 1);
	CHECK_INT(r.gate.worker.counts.hedges_won, 1);
	race_end(&r);
}

TEST(the_time_of_one_that_failed_is_not_ours)
{
	struct race r;
	struct sim_peer *a, *b;

	if (!race_begin(&r, "{ targets: [a/m, b/m], retry: { same_target: 0 } }"))
		return;
	race_ask(&r, false, "");
	a = race_accept(&r, 0);
	race_run(&r, 3 * USEC_SEC);
	if (!CHECK(a))
		return;
	sim_send(a, STR("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"));
	race_run(&r, USEC_MS);
	b = race_accept(&r, 1);
	if (!CHECK(b))
		return;
	sim_send(b, str_from_z(race_unary));
	race_run(&r, USEC_MS);
	CHECK(str_has(race_see(&r), STR("x-sluice-overhead-us: 0\r\n")));
	sim_close(a);
	sim_close(b);
	race_run(&r, 5 * USEC_SEC);
	check_rows(&r, 2);
	CHECK_INT(r.rows[1].overhead, 0);
	race_end(&r);
}

TEST(a_hedge_that_is_slower_loses)
{
	struct race r;
	struct sim_peer *a, *b;

	if (!begin_two(&r, TWO, true, &a, &b))
		return;
	/* A head and a role are nothing yet, and reach nobody. */
	sim_send(b, str_from_z(race_head));
	sim_send(b, str_from_z(race_role));
	race_run(&r, USEC_MS);
	CHECK_INT(race_see(&r).len, 0);
	answer(&r, a, "from a");
	CHECK(str_has(race_see(&r), STR("x-sluice-provider: a\r\n")));
	CHECK(str_has(race_see(&r), STR("from a")));
	CHECK(sim_saw_fin(b) || sim_saw_rst(b));
	sim_close(a);
	sim_close(b);
	race_run(&r, 5 * USEC_SEC);
	check_rows(&r, 2);
	CHECK(row_is(&r.rows[0], "a", "") && r.rows[0].closes);
	CHECK(row_is(&r.rows[1], "b", "HEDGE_LOST") && !r.rows[1].closes);
	CHECK_INT(r.rows[1].status, 200);
	CHECK_INT(r.gate.worker.counts.hedges_won, 0);
	race_end(&r);
}

/* A late answer that is not streamed is hedged as well. */
TEST(a_whole_answer_wins_over_a_part_of_one)
{
	struct race r;
	struct sim_peer *a, *b;

	if (!begin_two(&r, TWO, false, &a, &b))
		return;
	sim_send(a, str_first(str_from_z(race_unary), strlen(race_unary) - 9));
	race_run(&r, USEC_MS);
	CHECK_INT(race_see(&r).len, 0);
	sim_send(b, str_from_z(race_unary));
	race_run(&r, USEC_MS);
	CHECK(str_has(race_see(&r), STR("x-sluice-provider: b\r\n")));
	sim_close(a);
	sim_close(b);
	race_run(&r, 5 * USEC_SEC);
	check_rows(&r, 2);
	CHECK(row_is(&r.rows[0], "a", "HEDGE_LOST"));
	CHECK(row_is(&r.rows[1], "b", ""));
	race_end(&r);
}

TEST(when_both_fail_the_last_one_tells_why)
{
	struct race r;
	struct sim_peer *a, *b;

	for (int first = 0; first < 2; first++) {
		if (!begin_two(&r, TWO, true, &a, &b))
			return;
		sim_close(first ? b : a);
		race_run(&r, USEC_MS);
		CHECK_INT(race_see(&r).len, 0);
		sim_send(first ? a : b,
		         STR("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"));
		race_run(&r, USEC_MS);
		CHECK(str_starts(race_see(&r), STR("HTTP/1.1 503 ")));
		sim_close(first ? a : b);
		race_run(&r, 5 * USEC_SEC);
		check_rows(&r, 2);
		CHECK(row_is(&r.rows[first], first ? "b" : "a", "UPSTREAM_RESET"));
		CHECK(row_is(&r.rows[!first], first ? "a" : "b", "UPSTREAM_BUSY"));
		race_end(&r);
	}
}

/* What the first of two failed with leaves its target worth another try, once nobody else
 * is there. */
TEST(a_target_that_failed_beside_another_may_be_asked_again)
{
	struct race r;
	struct sim_peer *a, *b;

	if (!begin_two(&r, "{ targets: [a/m, b/m], hedge: 2s }", true, &a, &b))
		return;
	sim_close(a);
	race_run(&r, USEC_MS);
	CHECK(!race_accept(&r, 0));
	sim_send(b, STR("HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n"));
	race_run(&r, USEC_MS);
	sim_close(b);
	a = race_accept(&r, 0);
	if (!CHECK(a))
		return;
	answer(&r, a, "again");
	CHECK(str_has(race_see(&r), STR("x-sluice-attempts: 3\r\n")));
	sim_close(a);
	race_run(&r, 5 * USEC_SEC);
	check_rows(&r, 3);
	CHECK(row_is(&r.rows[2], "a", "") && r.rows[2].closes);
	race_end(&r);
}

TEST(both_win_in_the_same_turn_and_one_is_heard)
{
	struct race r;
	struct sim_peer *a, *b;
	unsigned texts;

	if (!begin_two(&r, TWO, true, &a, &b))
		return;
	for (int i = 0; i < 2; i++) {
		struct sim_peer *p = i ? b : a;

		sim_send(p, str_from_z(race_head));
		race_say(p, i ? "from b" : "from a");
		race_finish(p);
	}
	race_run(&r, USEC_MS);
	texts = str_has(race_see(&r), STR("from a"));
	texts += str_has(race_see(&r), STR("from b"));
	CHECK_INT(texts, 1);
	CHECK(str_ends(race_see(&r), STR("0\r\n\r\n")));
	sim_close(a);
	sim_close(b);
	race_run(&r, 5 * USEC_SEC);
	check_rows(&r, 2);
	race_end(&r);
}

TEST(a_client_that_goes_cancels_both)
{
	struct race r;
	struct sim_peer *a, *b;

	if (!begin_two(&r, TWO, true, &a, &b))
		return;
	sim_close(r.client);
	r.client = NULL;
	race_run(&r, USEC_MS);
	CHECK(sim_saw_fin(a) || sim_saw_rst(a));
	CHECK(sim_saw_fin(b) || sim_saw_rst(b));
	check_rows(&r, 2);
	CHECK(row_is(&r.rows[0], "a", "CLIENT_GONE"));
	CHECK(row_is(&r.rows[1], "b", "CLIENT_GONE"));
	sim_close(a);
	sim_close(b);
	race_end(&r);
}

static const char refusal[] =
        "HTTP/1.1 400 Bad\r\nContent-Type: application/json\r\n"
        "Content-Length: 33\r\n\r\n{\"error\":{\"message\":\"bad thing\"}}";

/* What the first says of the request is what its client would have heard without a hedge:
 * the other is not waited for. */
TEST(a_refusal_by_the_first_ends_both)
{
	struct race r;
	struct sim_peer *a, *b;

	if (!begin_two(&r, TWO, true, &a, &b))
		return;
	sim_send(a, str_from_z(refusal));
	race_run(&r, USEC_MS);
	CHECK(str_starts(race_see(&r), STR("HTTP/1.1 400 ")));
	CHECK(str_has(race_see(&r), STR("bad thing")));
	sim_close(a);
	sim_close(b);
	race_run(&r, USEC_SEC);
	check_rows(&r, 2);
	CHECK(row_is(&r.rows[0], "a", "UPSTREAM_REFUSED") && r.rows[0].closes);
	CHECK(row_is(&r.rows[1], "b", "HEDGE_LOST") && !r.rows[1].closes);
	race_end(&r);
}

/* Another target may refuse what the first takes: that one has its time. */
TEST(a_refusal_by_the_hedge_leaves_the_first_alone)
{
	struct race r;
	struct sim_peer *a, *b;

	if (!begin_two(&r, TWO, true, &a, &b))
		return;
	sim_send(b, str_from_z(refusal));
	race_run(&r, 5 * USEC_SEC);
	CHECK_INT(race_see(&r).len, 0);
	answer(&r, a, "from a");
	CHECK(str_has(race_see(&r), STR("x-sluice-provider: a\r\n")));
	CHECK(str_has(race_see(&r), STR("from a")));
	sim_close(a);
	sim_close(b);
	race_run(&r, 5 * USEC_SEC);
	check_rows(&r, 2);
	CHECK(row_is(&r.rows[0], "a", "") && r.rows[0].closes);
	CHECK(row_is(&r.rows[1], "b", "UPSTREAM_REFUSED") && !r.rows[1].closes);
	CHECK_INT(r.rows[1].usage_kind, USAGE_NONE);
	race_end(&r);
}

/* As if the second had been asked after it. */
TEST(a_refusal_by_the_hedge_is_told_when_the_first_fails)
{
	struct race r;
	struct sim_peer *a, *b;

	if (!begin_two(&r, TWO, true, &a, &b))
		return;
	sim_send(b, str_from_z(refusal));
	race_run(&r, USEC_SEC);
	CHECK_INT(race_see(&r).len, 0);
	sim_send(a, STR("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"));
	race_run(&r, USEC_MS);
	CHECK(str_starts(race_see(&r), STR("HTTP/1.1 400 ")));
	CHECK(str_has(race_see(&r), STR("bad thing")));
	sim_close(a);
	sim_close(b);
	race_run(&r, 5 * USEC_SEC);
	check_rows(&r, 2);
	CHECK(row_is(&r.rows[0], "a", "UPSTREAM_BUSY") && !r.rows[0].closes);
	CHECK(row_is(&r.rows[1], "b", "UPSTREAM_REFUSED") && r.rows[1].closes);
	race_end(&r);
}

TEST(a_client_that_goes_after_a_refusal_by_the_hedge_closes_both)
{
	struct race r;
	struct sim_peer *a, *b;

	if (!begin_two(&r, TWO, true, &a, &b))
		return;
	sim_send(b, str_from_z(refusal));
	race_run(&r, USEC_SEC);
	sim_close(r.client);
	r.client = NULL;
	race_run(&r, USEC_MS);
	CHECK(sim_saw_fin(a) || sim_saw_rst(a));
	check_rows(&r, 2);
	CHECK(row_is(&r.rows[0], "a", "CLIENT_GONE") && r.rows[0].closes);
	CHECK(row_is(&r.rows[1], "b", "UPSTREAM_REFUSED"));
	sim_close(a);
	sim_close(b);
	race_end(&r);
}

/* What passes in one format may be nothing that we can say in another one: the second is
 * never asked, and the first is not to blame. */
TEST(a_hedge_that_cannot_be_written_leaves_the_first_alone)
{
	struct race r;
	struct sim_peer *a;

	if (!race_begin(&r, "{ targets: [a/m, d/m], hedge: 2s }"))
		return;
	race_ask_with(&r,
	              "{\"model\":\"r\",\"stream\":true,\"max_tokens\":9,"
	              "\"messages\":[{\"role\":\"robot\",\"content\":\"hi\"}]}",
	              "");
	a = race_accept(&r, 0);
	race_run(&r, 3 * USEC_SEC);
	CHECK(!race_accept(&r, 3));
	CHECK_INT(race_see(&r).len, 0);
	if (!CHECK(a))
		return;
	answer(&r, a, "from a");
	CHECK(str_has(race_see(&r), STR("from a")));
	sim_close(a);
	race_run(&r, USEC_SEC);
	check_rows(&r, 2);
	CHECK(row_is(&r.rows[0], "a", "") && r.rows[0].closes);
	CHECK(row_is(&r.rows[1], "d", "BAD_REQUEST") && !r.rows[1].closes);
	race_end(&r);
}

/* A pooled connection has gone stale, and a new one is not accepted: what is dialled
 * beside it is no hedge, which this route has none of. */
TEST(a_dial_beside_a_stale_connection_is_no_hedge)
{
	struct race r;
	struct sim_peer *a, *b;

	if (!race_begin(&r, "{ targets: [a/m, b/m], retry: { same_target: 0 } }"))
		return;
	race_ask(&r, false, "");
	a = race_accept(&r, 0);
	if (!CHECK(a))
		return;
	sim_send(a, str_from_z(race_unary));
	race_run(&r, USEC_MS);
	CHECK(str_has(race_see(&r), STR("unary")));
	sim_close(r.client);
	buf_clear(&r.seen);
	race_ask(&r, true, "");
	sim_port_set(r.ports[0], SIM_DROPS);
	sim_rst(a);
	race_run(&r, 699 * USEC_MS);
	CHECK(!race_accept(&r, 1));
	race_run(&r, 2 * USEC_MS);
	b = race_accept(&r, 1);
	if (!CHECK(b))
		return;
	answer(&r, b, "from b");
	CHECK(str_has(race_see(&r), STR("from b")));
	sim_close(a);
	sim_close(b);
	race_run(&r, 5 * USEC_SEC);
	race_read_rows(&r);
	CHECK_INT(r.count, 3);
	CHECK_INT(r.closed, 3);
	CHECK_INT(r.closing, 2);
	CHECK(row_is(&r.rows[1], "a", "CONNECT_TIMEOUT") && !r.rows[1].closes);
	/* It may have been read before the connection went. */
	CHECK_INT(r.rows[1].usage_kind, USAGE_ESTIMATED);
	CHECK(row_is(&r.rows[2], "b", "") && r.rows[2].closes);
	CHECK_INT(r.gate.worker.counts.hedges, 0);
	CHECK_INT(r.gate.worker.counts.hedges_won, 0);
	race_end(&r);
}

TEST(a_request_may_say_no_to_hedging)
{
	struct race r;
	struct sim_peer *a;

	if (!race_begin(&r, TWO))
		return;
	race_ask(&r, true, "X-Sluice-Hedge: off\r\n");
	a = race_accept(&r, 0);
	race_run(&r, 20 * USEC_SEC);
	CHECK(!race_accept(&r, 1));
	answer(&r, a, "from a");
	sim_close(a);
	race_run(&r, USEC_SEC);
	check_rows(&r, 1);
	race_end(&r);
}

/* Ten of a hundred, and one at first. */
TEST(only_a_share_of_the_requests_is_hedged)
{
	struct race r;
	unsigned hedged = 0;

	if (!race_begin(&r, TWO))
		return;
	for (int i = 0; i < 100; i++) {
		struct sim_peer *a, *b;

		race_ask(&r, true, "");
		a = race_accept(&r, 0);
		race_run(&r, 3 * USEC_SEC);
		b = race_accept(&r, 1);
		hedged += b != NULL;
		answer(&r, a, "from a");
		sim_close(a);
		if (b)
			sim_close(b);
		sim_close(r.client);
		race_run(&r, USEC_SEC);
		r.count = 0;
		race_read_rows(&r);
		buf_clear(&r.seen);
	}
	r.client = NULL;
	CHECK_INT(hedged, 11);
	CHECK_INT(r.gate.worker.counts.hedges, 11);
	CHECK_INT(r.opened, 111);
	CHECK_INT(r.closed, 111);
	CHECK_INT(r.closing, 100);
	race_end(&r);
}

/* One stream of a's, its first token after so long. */
static void learn(struct race *r, usec first_token)
{
	struct sim_peer *a;

	race_ask(r, true, "");
	a = race_accept(r, 0);
	race_run(r, first_token);
	answer(r, a, "from a");
	sim_close(a);
	sim_close(r->client);
	race_run(r, USEC_SEC);
	r->count = 0;
	race_read_rows(r);
	buf_clear(&r->seen);
}

TEST(p95_is_what_nineteen_of_twenty_took_lately)
{
	struct race r;
	struct sim_peer *a, *b;

	if (!race_begin(&r, "{ targets: [a/m, b/m], hedge: p95 }"))
		return;
	/* Nothing is known: nobody is hedged, however late. */
	learn(&r, 20 * USEC_SEC);
	CHECK_INT(r.gate.worker.counts.hedges, 0);
	for (int i = 0; i < 60; i++)
		learn(&r, 400 * USEC_MS);
	CHECK_INT(r.gate.worker.counts.hedges, 0);
	race_ask(&r, true, "");
	a = race_accept(&r, 0);
	race_run(&r, 399 * USEC_MS);
	CHECK(!race_accept(&r, 1));
	race_run(&r, 82 * USEC_MS); /* as exact as the board is */
	b = race_accept(&r, 1);
	if (!CHECK(a) || !CHECK(b))
		return;
	answer(&r, b, "from b");
	CHECK(str_has(race_see(&r), STR("from b")));
	sim_close(a);
	sim_close(b);
	race_run(&r, USEC_SEC);
	CHECK_INT(r.gate.worker.counts.hedges_won, 1);
	race_end(&r);
}

/* Without credit a late request waits; as soon as others have earned some it is the first
 * to be hedged. */
TEST(a_late_request_without_credit_asks_again)
{
	struct race r;
	struct sim_peer *a, *b;

	if (!race_begin(&r, TWO))
		return;
	r.gate.worker.hedge_credit = 0;
	race_ask(&r, true, "");
	a = race_accept(&r, 0);
	race_run(&r, 4 * USEC_SEC);
	CHECK(!race_accept(&r, 1));
	worker_earn_hedge(&r.gate.worker, 100);
	race_run(&r, 2 * USEC_SEC);
	b = race_accept(&r, 1);
	if (!CHECK(a) || !CHECK(b))
		return;
	answer(&r, b, "from b");
	CHECK(str_has(race_see(&r), STR("from b")));
	sim_close(a);
	sim_close(b);
	race_run(&r, USEC_SEC);
	check_rows(&r, 2);
	race_end(&r);
}

/* Between two formats each attempt has a lane of its own. */
TEST(a_hedge_in_another_format_has_a_lane_of_its_own)
{
	struct race r;
	struct sim_peer *a, *d;

	if (!race_begin(&r, "{ targets: [a/m, d/m], hedge: 2s }"))
		return;
	race_ask(&r, true, "");
	a = race_accept(&r, 0);
	race_run(&r, 2001 * USEC_MS);
	d = race_accept(&r, 3);
	if (!CHECK(a) || !CHECK(d))
		return;
	sim_send(d, str_from_z(race_head));
	sim_send(
	        d,
	        STR("event: message_start\ndata: {\"type\":\"message_start\",\"message\":"
	            "{\"id\":\"m\",\"role\":\"assistant\",\"content\":[],\"usage\":"
	            "{\"input_tokens\":7,\"output_tokens\":1}}}\n\n"));
	race_run(&r, USEC_MS);
	CHECK_INT(race_see(&r).len, 0);
	answer(&r, a, "from a");
	CHECK(str_has(race_see(&r), STR("from a")));
	CHECK(!str_has(race_see(&r), STR("message_start")));
	sim_close(a);
	sim_close(d);
	race_run(&r, USEC_SEC);
	check_rows(&r, 2);
	CHECK(row_is(&r.rows[1], "d", "HEDGE_LOST"));
	/* It began to answer and did not come to its figures. */
	CHECK_INT(r.rows[1].usage_kind, USAGE_ESTIMATED);
	race_end(&r);
}

/* A stream where one answer was asked for is looked at when it is whole: of one that was
 * cut off it is reckoned by its bytes what it used. */
TEST(a_loser_that_was_held_unread_has_an_estimated_usage)
{
	struct race r;
	struct sim_peer *a, *b;

	if (!begin_two(&r, TWO, false, &a, &b))
		return;
	/* A stream where one answer was asked for, with its figures, but without its end.
	 */
	sim_send(a, str_from_z(race_head));
	sim_send(a, STR("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":11,"
	                "\"completion_tokens\":3}}\n\n"));
	race_run(&r, USEC_MS);
	sim_send(b, str_from_z(race_unary));
	race_run(&r, USEC_MS);
	CHECK(str_has(race_see(&r), STR("x-sluice-provider: b\r\n")));
	sim_close(a);
	sim_close(b);
	race_run(&r, USEC_SEC);
	check_rows(&r, 2);
	CHECK(row_is(&r.rows[0], "a", "HEDGE_LOST"));
	CHECK_INT(r.rows[0].usage_kind, USAGE_ESTIMATED);
	CHECK(r.rows[0].usage.output > 0);
	CHECK(row_is(&r.rows[1], "b", ""));
	CHECK_INT(r.rows[1].usage_kind, USAGE_ESTIMATED);
	race_end(&r);
}

TEST(a_journal_without_room_leaves_the_first_alone)
{
	struct race r;
	struct sim_peer *a;
	static const char filler[4096];
	struct iovec iov = { (void *)(uintptr_t)filler, sizeof(filler) };

	if (!race_begin(&r, TWO))
		return;
	race_ask(&r, true, "");
	a = race_accept(&r, 0);
	race_read_rows(&r);
	while (journal_write(r.gate.journal, 99, &iov, 1))
		;
	iov.iov_len = 16;
	while (journal_write(r.gate.journal, 99, &iov, 1))
		;
	race_run(&r, 3 * USEC_SEC);
	CHECK(!race_accept(&r, 1));
	answer(&r, a, "from a");
	CHECK(str_has(race_see(&r), STR("x-sluice-attempts: 1\r\n")));
	sim_close(a);
	race_run(&r, USEC_SEC);
	CHECK_INT(r.gate.worker.live, 0);
	CHECK_INT(r.gate.worker.counts.lost_closes, 0);
	race_end(&r);
}
