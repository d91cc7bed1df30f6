/* tenancy_sim_test.c - money that is set aside for attempts and comes back: after every
 * exchange, however it ended, what was spent is what its rows say, and nothing is set
 * aside any more. */
#include "config/config.h"
#include "gateway/permit.h"
#include "tests/sim/race.h"

#include <string.h>

#define DOLLAR ((nanousd)1000000000)
#define ONE "{ targets: [a/m], retry: { same_target: 0 }, resume: off }"
#define TWO "{ targets: [a/m, b/m], hedge: 2s, retry: { same_target: 0 } }"

/* A dollar for a thousand tokens, in or out; twice that for a long prompt's. */
#define DOLLARS(n)                                                                       \
	{                                                                                \
		[PRICE_INPUT] = (n)*1000000000LL, [PRICE_CACHE_READ] = PRICE_UNKNOWN,    \
		[PRICE_CACHE_WRITE] = PRICE_UNKNOWN,                                     \
		[PRICE_CACHE_WRITE_1H] = PRICE_UNKNOWN,                                  \
		[PRICE_AUDIO_INPUT] = PRICE_UNKNOWN, [PRICE_OUTPUT] = (n)*1000000000LL,  \
		[PRICE_REASONING] = PRICE_UNKNOWN, [PRICE_AUDIO_OUTPUT] = PRICE_UNKNOWN, \
		[PRICE_IMAGE] = PRICE_UNKNOWN, [PRICE_REQUEST] = PRICE_UNKNOWN,          \
		[PRICE_SEARCH] = PRICE_UNKNOWN,                                          \
	}
static const struct price prices[] = {
	{ .version = 1, .source = PRICE_OF_CONFIG, .of = DOLLARS(1) },
	{ .version = 1, .source = PRICE_OF_CONFIG, .above = 10, .of = DOLLARS(2) },
};
static unsigned tiers = 1;

static void set_prices(struct race *r)
{
	const struct config *c = r->gate.gateway.config;

	for (unsigned i = 0; i < c->route_count; i++) {
		for (unsigned k = 0; k < c->routes[i].target_count; k++) {
			struct target *t =
			        (struct target *)(uintptr_t)&c->routes[i].targets[k];

			t->prices = prices;
			t->price_count = tiers;
		}
	}
}

static struct tenant_row everybody(nanousd budget)
{
	struct tenant_row row = { .id = TENANT_DEFAULT,
		                  .kind = TENANT_ORGANISATION,
		                  .name = STR("acme"),
		                  .caps = TENANT_CAPS_NONE,
		                  .per_user = TENANT_CAPS_NONE };

	row.caps.budget[BUDGET_DAY] = budget;
	return row;
}

static bool begin(struct race *r, const char *route, const struct tenant_row *row)
{
	if (!race_begin(r, route))
		return false;
	set_prices(r);
	return CHECK(tenants_put(r->gate.gateway.tenants, row, 0, NULL, NULL));
}

static struct tenant_state look(struct race *r)
{
	struct tenant_state s = { 0 };

	CHECK(tenants_look(r->gate.gateway.tenants, TENANT_DEFAULT,
	                   r->gate.worker.loop.now, r->gate.worker.loop.wall, &s));
	return s;
}

/* Nothing runs, and nothing but what the rows say was spent. */
static void check_money(struct race *r)
{
	struct tenant_state s = look(r);
	nanousd sum = 0;

	race_read_rows(r);
	for (unsigned i = 0; i < r->count; i++) {
		const struct attempt_row *row = &r->rows[i];

		if (row->number)
			CHECK(row->reserved > 0);
		sum += row->cost == COST_UNKNOWN ? row->reserved : row->cost;
	}
	CHECK_INT(s.reserved[BUDGET_DAY], 0);
	CHECK_INT(s.spent[BUDGET_DAY], sum);
	CHECK_INT(s.running, 0);
}

static void answer_unary(struct race *r, struct sim_peer *p)
{
	sim_send(p, str_from_z(race_unary));
	race_run(r, USEC_MS);
	sim_close(p);
	race_run(r, USEC_SEC);
}

TEST(money_is_set_aside_while_an_attempt_runs)
{
	struct tenant_row row = everybody(DOLLAR);
	struct sim_peer *a;
	struct race r;

	if (!begin(&r, ONE, &row))
		return;
	race_ask(&r, false, "");
	a = race_accept(&r, 0);
	/* each byte of the body a token, and nine of the answer */
	CHECK_INT(look(&r).reserved[BUDGET_DAY] / 1000000, 72 + 9);
	CHECK_INT(look(&r).spent[BUDGET_DAY], 0);
	answer_unary(&r, a);
	CHECK(str_has(race_see(&r), STR("HTTP/1.1 200 OK")));
	check_money(&r);
	CHECK(look(&r).spent[BUDGET_DAY] > 0);
	race_end(&r);
}

TEST(a_spent_budget_is_said_and_nobody_is_dialled)
{
	struct tenant_row row = everybody(DOLLAR / 20);
	struct race r;
	str seen;

	if (!begin(&r, TWO, &row))
		return;
	race_ask(&r, false, "");
	CHECK(!race_accept(&r, 0) && !race_accept(&r, 1));
	seen = race_see(&r);
	CHECK(str_starts(seen, STR("HTTP/1.1 402 ")));
	CHECK(str_has(seen, STR("x-should-retry: false\r\n")));
	CHECK(str_has(seen, STR("retry-after: ")));
	CHECK(str_has(seen, STR("\"code\":\"budget_exceeded\"")));
	CHECK(str_has(seen,
	              STR("organisation \\\"acme\\\" has used $0.00 of $0.05 today; "
	                  "resets ")));
	CHECK(str_has(seen, STR("this request may cost $0.081")));
	race_run(&r, USEC_SEC);
	race_read_rows(&r);
	CHECK_INT(r.count, 1);
	CHECK_INT(r.rows[0].number, 0);
	CHECK_STR(r.rows[0].fault, "BUDGET_EXCEEDED");
	CHECK_INT(look(&r).spent[BUDGET_DAY], 0);
	race_end(&r);
}

TEST(failover_gives_the_money_of_the_first_back)
{
	/* Enough for one attempt at a time. */
	struct tenant_row row = everybody(DOLLAR / 10);
	struct sim_peer *a, *b;
	struct race r;

	if (!begin(&r, TWO, &row))
		return;
	race_ask(&r, false, "");
	a = race_accept(&r, 0);
	sim_send(a, STR("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"));
	race_run(&r, USEC_MS);
	sim_close(a);
	race_run(&r, 0);
	b = race_accept(&r, 1);
	if (!CHECK(b))
		return;
	answer_unary(&r, b);
	CHECK(str_has(race_see(&r), STR("HTTP/1.1 200 OK")));
	check_money(&r);
	CHECK_INT(r.count, 2);
	CHECK_INT(r.rows[0].cost, 0);
	race_end(&r);
}

TEST(a_hedge_needs_money_of_its_own)
{
	for (int rich = 0; rich < 2; rich++) {
		struct tenant_row row = everybody(rich ? DOLLAR : DOLLAR / 10);
		struct sim_peer *a, *b;
		struct race r;

		if (!begin(&r, TWO, &row))
			return;
		race_ask(&r, false, "");
		a = race_accept(&r, 0);
		race_run(&r, 2001 * USEC_MS);
		b = race_accept(&r, 1);
		CHECK(!b == !rich);
		answer_unary(&r, b ? b : a);
		if (b)
			sim_close(a);
		race_run(&r, USEC_SEC);
		CHECK(str_has(race_see(&r), STR("HTTP/1.1 200 OK")));
		CHECK(!str_has(race_see(&r), STR("retry-after")));
		check_money(&r);
		CHECK_INT(r.count, rich ? 2 : 1);
		race_end(&r);
	}
}

/* What there is no money for beside another is asked when that one has given its back. */
TEST(a_target_without_money_beside_another_may_be_asked_after_it)
{
	for (int is_dialled = 0; is_dialled < 2; is_dialled++) {
		struct tenant_row row = everybody(DOLLAR / 10);
		struct sim_peer *a, *b;
		struct race r;

		if (!begin(&r, TWO, &row))
			return;
		if (is_dialled)
			sim_port_set(r.ports[0], SIM_DROPS);
		race_ask(&r, false, "");
		a = race_accept(&r, 0);
		race_run(&r, 2001 * USEC_MS);
		CHECK(!race_accept(&r, 1));
		if (CHECK_INT(!a, is_dialled) && a) {
			sim_send(a,
			         STR("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"));
			race_run(&r, USEC_MS);
			sim_close(a);
		}
		race_run(&r, USEC_SEC);
		b = race_accept(&r, 1);
		if (CHECK(b))
			answer_unary(&r, b);
		CHECK(str_has(race_see(&r), STR("HTTP/1.1 200 OK")));
		check_money(&r);
		CHECK_INT(r.count, 2);
		race_end(&r);
	}
}

static void begin_stream(struct race *r, struct sim_peer *p)
{
	sim_send(p, str_from_z(race_head));
	sim_send(p, str_from_z(race_role));
	race_say(p, "The quick brown fox jumps over");
	race_run(r, USEC_MS);
}

TEST(a_resumed_stream_is_paid_piece_by_piece)
{
	struct tenant_row row = everybody(DOLLAR);
	struct sim_peer *a, *b;
	struct race r;

	if (!begin(&r, TWO, &row))
		return;
	race_ask(&r, true, "");
	a = race_accept(&r, 0);
	begin_stream(&r, a);
	sim_close(a);
	race_run(&r, USEC_MS);
	b = race_accept(&r, 1);
	if (CHECK(b)) {
		CHECK(look(&r).spent[BUDGET_DAY] > 0);
		CHECK(look(&r).reserved[BUDGET_DAY] > 0);
		begin_stream(&r, b);
		race_finish(b);
		race_run(&r, USEC_MS);
		sim_close(b);
	}
	race_run(&r, USEC_SEC);
	check_money(&r);
	if (CHECK_INT(r.count, 2))
		/* The second's prompt has what there was of the answer, and words. */
		CHECK_INT((r.rows[1].reserved - r.rows[0].reserved) / (DOLLAR / 1000),
		          30 + 512);
	race_end(&r);
}

TEST(a_client_that_leaves_pays_for_what_it_got)
{
	struct tenant_row row = everybody(DOLLAR);
	struct sim_peer *a;
	struct race r;

	if (!begin(&r, ONE, &row))
		return;
	race_ask(&r, true, "");
	a = race_accept(&r, 0);
	begin_stream(&r, a);
	sim_close(r.client);
	r.client = NULL;
	race_run(&r, USEC_SEC);
	sim_close(a);
	check_money(&r);
	CHECK(look(&r).spent[BUDGET_DAY] > 0);
	race_end(&r);
}

TEST(a_cost_beyond_its_reservation_is_a_debt_of_the_next)
{
	struct tenant_row row = everybody(DOLLAR / 5);
	struct sim_peer *a;
	struct race r;

	if (!begin(&r, ONE, &row))
		return;
	race_ask(&r, false, "");
	a = race_accept(&r, 0);
	sim_send(a, STR("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	                "Content-Length: 139\r\n\r\n"
	                "{\"choices\":[{\"message\":{\"content\":\"unary\"},"
	                "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":300,"
	                "\"completion_tokens\":5,\"total_tokens\":305}}"));
	race_run(&r, USEC_MS);
	sim_close(a);
	race_run(&r, USEC_SEC);
	check_money(&r);
	CHECK_INT(r.rows[0].cost, 305 * DOLLAR / 1000);
	CHECK(r.rows[0].flags & ROW_OVER_RESERVED);
	sim_close(r.client);
	buf_clear(&r.seen);
	race_ask(&r, false, "");
	CHECK(str_has(race_see(&r), STR("has used $0.305 of $0.20 today")));
	race_run(&r, USEC_SEC);
	race_end(&r);
}

TEST(a_spent_budget_may_go_to_another_route)
{
	struct tenant_row row = everybody(DOLLAR / 20);
	struct sim_peer *b;
	struct race r;

	row.downgrade = STR("cheap");
	if (!begin(&r, ONE "\n  cheap: { targets: [b/m] }", &row))
		return;
	/* What the other costs fits. */
	static const struct price free[] = { { .version = 2 } };
	const struct config *c = r.gate.gateway.config;
	for (unsigned i = 0; i < c->route_count; i++) {
		if (str_eq(c->routes[i].name, STR("cheap")))
			((struct target *)(uintptr_t)c->routes[i].targets)->prices = free;
	}
	race_ask(&r, false, "");
	CHECK(!race_accept(&r, 0));
	b = race_accept(&r, 1);
	if (!CHECK(b))
		return;
	answer_unary(&r, b);
	CHECK(str_has(race_see(&r), STR("HTTP/1.1 200 OK")));
	CHECK(str_has(race_see(&r), STR("x-sluice-downgraded: cheap\r\n")));
	CHECK(str_has(race_see(&r), STR("x-sluice-provider: b\r\n")));
	CHECK(!str_has(race_see(&r), STR("retry-after")));
	race_read_rows(&r);
	CHECK_INT(r.count, 1);
	CHECK_STR(r.rows[0].route, "cheap");
	CHECK_INT(look(&r).reserved[BUDGET_DAY], 0);
	race_end(&r);
}

static unsigned count_of(str text, str what)
{
	unsigned count = 0;

	for (size_t at; (at = str_find_str(text, what)) < text.len; count++)
		text = str_from(text, at + what.len);
	return count;
}

TEST(another_route_may_cost_too_much_as_well)
{
	struct tenant_row row = everybody(DOLLAR / 20);
	struct race r;
	str seen;

	row.downgrade = STR("cheap");
	if (!begin(&r, ONE "\n  cheap: { targets: [b/m] }", &row))
		return;
	race_ask(&r, false, "");
	CHECK(!race_accept(&r, 0) && !race_accept(&r, 1));
	seen = race_see(&r);
	CHECK(str_starts(seen, STR("HTTP/1.1 402 ")));
	CHECK_INT(count_of(seen, STR("retry-after: ")), 1);
	CHECK(!str_has(seen, STR("x-sluice-downgraded")));
	race_run(&r, USEC_SEC);
	CHECK_INT(look(&r).reserved[BUDGET_DAY], 0);
	race_end(&r);
}

/* As where there is no room to count it. */
TEST(who_cannot_be_told_sees_no_model)
{
	struct tenant_row row = everybody(DOLLAR);
	struct access access;
	struct race r;

	if (!begin(&r, ONE, &row))
		return;
	const struct target *t = &r.gate.gateway.config->routes[0].targets[0];
	access = permit_of(&r.gate.worker, 0);
	CHECK_INT(access_target(&access, STR_NONE, t, NULL), ACCESS_ALLOWED);
	row.revoked_wall = 1;
	CHECK(tenants_put(r.gate.gateway.tenants, &row, 0, NULL, NULL));
	access = permit_of(&r.gate.worker, 0);
	CHECK(access_is_bounded(&access));
	CHECK_INT(access_target(&access, STR_NONE, t, NULL), ACCESS_PROVIDER);
	race_end(&r);
}

TEST(without_a_price_a_budget_cannot_be_kept)
{
	struct tenant_row row = everybody(DOLLAR);
	struct race r;

	if (!race_begin(&r, ONE))
		return;
	CHECK(tenants_put(r.gate.gateway.tenants, &row, 0, NULL, NULL));
	race_ask(&r, false, "");
	CHECK(!race_accept(&r, 0));
	CHECK(str_starts(race_see(&r), STR("HTTP/1.1 403 ")));
	CHECK(str_has(race_see(&r), STR("\"code\":\"price_unknown\"")));
	race_run(&r, USEC_SEC);
	race_end(&r);
}

TEST(rates_are_told_in_the_head)
{
	struct tenant_row row = everybody(COST_UNKNOWN);
	struct sim_peer *a;
	struct race r;
	str seen;

	row.caps.rpm = 1;
	row.caps.tpm = 1000;
	if (!begin(&r, ONE, &row))
		return;
	race_ask(&r, false, "");
	a = race_accept(&r, 0);
	answer_unary(&r, a);
	seen = race_see(&r);
	CHECK(str_has(seen, STR("x-ratelimit-limit-requests: 1\r\n")));
	CHECK(str_has(seen, STR("x-ratelimit-remaining-requests: 0\r\n")));
	CHECK(str_has(seen, STR("x-ratelimit-remaining-tokens: 973\r\n")));
	CHECK(str_has(seen, STR("x-ratelimit-reset-requests: 1m")));
	CHECK_INT(look(&r).tokens, 20); /* as it was counted in the end */
	sim_close(r.client);
	buf_clear(&r.seen);
	race_ask(&r, false, "");
	seen = race_see(&r);
	CHECK(str_starts(seen, STR("HTTP/1.1 429 ")));
	CHECK(str_has(seen, STR("retry-after: ")));
	CHECK(str_has(seen, STR("has used 1 of 1 requests in a minute; try again in ")));
	CHECK(!str_has(seen, STR("x-should-retry: false")));
	race_run(&r, USEC_SEC);
	CHECK_INT(look(&r).running, 0);
	race_end(&r);
}

/* ---- streams that come to the end of their money ---- */

/* The soft budget is the user's, and above it is a strict one that is far away. */
static bool is_below;

static bool begin_soft(struct race *r, enum on_exhausted policy, nanousd budget)
{
	struct tenant_row soft = everybody(budget), strict = everybody(1000 * DOLLAR);

	soft.soft = true;
	soft.on_exhausted = policy;
	if (!begin(r, "{ targets: [a/m], resume: off }", is_below ? &strict : &soft))
		return false;
	soft.id = 0x05e4;
	soft.kind = TENANT_USER;
	soft.parent = TENANT_DEFAULT;
	soft.name = STR("ann");
	return !is_below ||
	       CHECK(tenants_put(r->gate.gateway.tenants, &soft, 0, NULL, NULL));
}

/* A soft budget pays for 512 tokens, four bytes each, at a time. */
static struct sim_peer *ask_long(struct race *r, enum on_exhausted policy, nanousd budget)
{
	struct sim_peer *a;

	if (!begin_soft(r, policy, budget))
		return NULL;
	r->client = gate_client(&r->gate);
	str body = STR("{\"model\":\"r\",\"stream\":true,\"max_tokens\":90000,"
	               "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
	struct buf request = BUF_LIMIT(KiB);
	buf_addf(&request,
	         "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
	         "x-sluice-user: ann\r\n"
	         "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%.*s",
	         body.len, STR_ARG(body));
	sim_send(r->client, buf_str(&request));
	buf_free(&request);
	race_run(r, 0);
	a = race_accept(r, 0);
	if (!CHECK(a))
		return NULL;
	sim_send(a, str_from_z(race_head));
	sim_send(a, str_from_z(race_role));
	return a;
}

/* 4800 bytes: 1200 tokens. */
static void say_much(struct race *r, struct sim_peer *a, usec between)
{
	static char text[151];

	memset(text, 'x', 150);
	for (int i = 0; i < 32; i++) {
		race_say(a, text);
		if (between)
			race_run(r, between);
	}
}

static void stream_on(struct race *r, enum on_exhausted policy, nanousd budget)
{
	struct sim_peer *a = ask_long(r, policy, budget);

	if (!a)
		return;
	say_much(r, a, USEC_MS);
	race_finish(a);
	race_run(r, USEC_MS);
	sim_close(a);
	race_run(r, USEC_SEC);
}

TEST(a_stream_gets_more_money_while_there_is_some)
{
	struct race r;

	stream_on(&r, EXHAUSTED_ERROR, 5 * DOLLAR);
	CHECK(str_has(race_see(&r), STR("[DONE]")));
	check_money(&r);
	/* More than at first, and what it has cost in the end lies within. */
	CHECK(r.rows[0].reserved > (23 + 512) * DOLLAR / 1000);
	CHECK(r.rows[0].cost > DOLLAR && r.rows[0].cost <= r.rows[0].reserved);
	race_end(&r);
}

TEST(more_money_for_a_stream_is_by_the_length_of_its_prompt)
{
	struct race r;

	tiers = 2;
	stream_on(&r, EXHAUSTED_ERROR, 10 * DOLLAR);
	tiers = 1;
	CHECK(str_has(race_see(&r), STR("[DONE]")));
	check_money(&r);
	/* Three times 512 tokens, each at the price of a long prompt, and the prompt. */
	CHECK(r.rows[0].reserved > 3 * 512 * 2 * (DOLLAR / 1000));
	CHECK(r.rows[0].reserved < 3 * 512 * 2 * (DOLLAR / 1000) + DOLLAR / 10);
	race_end(&r);
}

TEST(an_exhausted_stream_may_finish)
{
	struct race r;

	stream_on(&r, EXHAUSTED_FINISH, DOLLAR);
	CHECK(str_has(race_see(&r), STR("[DONE]")));
	check_money(&r);
	CHECK(r.rows[0].cost > DOLLAR); /* a debt */
	race_end(&r);
}

TEST(an_exhausted_stream_may_end_with_an_error)
{
	struct race r;
	str seen;

	stream_on(&r, EXHAUSTED_ERROR, DOLLAR);
	seen = race_see(&r);
	CHECK(!str_has(seen, STR("[DONE]")));
	CHECK(str_has(seen,
	              STR("data: {\"error\":{\"message\":\"the budget is used up: ")));
	CHECK(str_has(seen, STR("\"code\":\"budget_exceeded\"")));
	check_money(&r);
	CHECK_STR(r.rows[0].fault, "BUDGET_EXCEEDED");
	CHECK_STR(r.rows[0].finish, "");
	CHECK(r.rows[0].cost > 0 && r.rows[0].cost <= DOLLAR);
	race_end(&r);
}

TEST(an_exhausted_stream_may_stop_as_at_its_limit)
{
	struct race r;
	str seen;

	stream_on(&r, EXHAUSTED_STOP, DOLLAR);
	seen = race_see(&r);
	CHECK(str_has(seen, STR("\"finish_reason\":\"length\"")));
	CHECK(str_has(seen, STR("[DONE]")));
	CHECK(!str_has(seen, STR("\"finish_reason\":\"stop\"")));
	CHECK(!str_has(seen, STR("\"error\"")));
	check_money(&r);
	CHECK_STR(r.rows[0].fault, "");
	CHECK_STR(r.rows[0].finish, "length");
	CHECK_INT(r.gate.worker.counts.resumes, 0); /* nothing has died */
	CHECK(r.rows[0].cost > 0 && r.rows[0].cost <= DOLLAR);
	race_end(&r);
}

/* What ends a chat is no end of a text completion: its client is told why. */
TEST(an_exhausted_text_completion_does_not_end_as_a_chat)
{
	str body = STR("{\"model\":\"r\",\"stream\":true,\"max_tokens\":90000,"
	               "\"prompt\":\"hi\"}");
	struct buf request = BUF_LIMIT(KiB), event = BUF_LIMIT(KiB);
	struct sim_peer *a;
	struct race r;
	str seen;

	if (!begin_soft(&r, EXHAUSTED_STOP, DOLLAR))
		return;
	buf_addf(&request,
	         "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n"
	         "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%.*s",
	         body.len, STR_ARG(body));
	r.client = gate_client(&r.gate);
	sim_send(r.client, buf_str(&request));
	race_run(&r, 0);
	a = race_accept(&r, 0);
	if (!CHECK(a))
		return;
	sim_send(a, str_from_z(race_head));
	buf_addf(&event, "data: {\"choices\":[{\"index\":0,\"text\":\"%0150d\"}]}\n\n",
	         0);
	for (int i = 0; i < 32; i++) {
		sim_send(a, buf_str(&event));
		race_run(&r, USEC_MS);
	}
	sim_close(a);
	race_run(&r, USEC_SEC);
	seen = race_see(&r);
	CHECK(str_has(seen, STR("\"code\":\"budget_exceeded\"")));
	CHECK(!str_has(seen, STR("chat.completion.chunk")));
	CHECK(!str_has(seen, STR("[DONE]")));
	check_money(&r);
	CHECK_STR(r.rows[0].fault, "BUDGET_EXCEEDED");
	race_end(&r);
	buf_free(&request);
	buf_free(&event);
}

/* The money ends within the read that brings the answer's finish: it is whole, and its
 * figures are still waited for. */
TEST(an_exhausted_stream_that_has_finished_is_not_ended_again)
{
	static const enum on_exhausted policies[] = { EXHAUSTED_STOP, EXHAUSTED_ERROR };

	for (unsigned i = 0; i < countof(policies); i++) {
		struct race r;
		struct sim_peer *a = ask_long(&r, policies[i], DOLLAR);
		str seen;

		if (!a)
			return;
		say_much(&r, a, 0);
		sim_send(a, STR("data: {\"choices\":[{\"index\":0,\"delta\":{},"
		                "\"finish_reason\":\"stop\"}]}\n\n"));
		race_run(&r, USEC_MS);
		sim_send(a, STR("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,"
		                "\"completion_tokens\":1200,\"total_tokens\":1205}}\n\n"
		                "data: [DONE]\n\n"));
		race_run(&r, USEC_MS);
		sim_close(a);
		race_run(&r, USEC_SEC);
		seen = race_see(&r);
		CHECK(str_has(seen, STR("\"finish_reason\":\"stop\"")));
		CHECK(str_has(seen, STR("[DONE]")));
		CHECK(!str_has(seen, STR("\"finish_reason\":\"length\"")));
		CHECK(!str_has(seen, STR("\"error\"")));
		check_money(&r);
		CHECK_STR(r.rows[0].fault, "");
		CHECK_INT(r.rows[0].usage_kind, USAGE_REPORTED);
		CHECK_INT(r.rows[0].usage.output, 1200);
		race_end(&r);
	}
}

/* What it may cost at most is set aside above; below it is watched all the same. */
TEST(a_soft_budget_below_a_strict_one_ends_a_stream)
{
	struct race r;
	str seen;

	is_below = true;
	stream_on(&r, EXHAUSTED_STOP, DOLLAR);
	is_below = false;
	seen = race_see(&r);
	CHECK(str_has(seen, STR("\"finish_reason\":\"length\"")));
	CHECK(!str_has(seen, STR("\"finish_reason\":\"stop\"")));
	check_money(&r);
	CHECK(r.rows[0].reserved > 90 * DOLLAR);
	CHECK(r.rows[0].cost > 0 && r.rows[0].cost <= DOLLAR);
	race_end(&r);
}
