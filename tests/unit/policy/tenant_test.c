#include "policy/tenant.h"

#include "base/compiler.h"
#include "policy/budget.h"
#include "tests/check.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define DOLLAR ((nanousd)1000000000)
#define NOON ((usec)1795780800 * USEC_SEC) /* 2026-11-27T12:00:00Z, a Friday */

enum { TEAM = 0x7ea3, KEY = 0x4e1, OTHER = 0x4e2, USER_ROW = 0x05e4 };

struct world {
	struct calendar *calendar;
	struct tenants *t;
};

static struct world world_new(void)
{
	struct buf why = BUF_LIMIT(256);
	struct world w = { .calendar = calendar_new(STR("UTC"), &why) };

	w.t = tenants_new(w.calendar, 42);
	return w;
}

static void world_free(struct world *w)
{
	tenants_free(&w->t);
	calendar_free(&w->calendar);
}

static struct tenant_row row_of(uint64_t id, enum tenant_kind kind, uint64_t parent)
{
	return (struct tenant_row){ .id = id,
		                    .kind = kind,
		                    .parent = parent,
		                    .name = STR("somebody"),
		                    .caps = TENANT_CAPS_NONE,
		                    .per_user = TENANT_CAPS_NONE };
}

static unsigned put(struct world *w, const struct tenant_row *row)
{
	unsigned fresh = 0, users = 0;

	CHECK(tenants_put(w->t, row, 0, &fresh, &users));
	return fresh | users << 8;
}

/* organisation > team > key, with a budget on each if it is not 0. */
static void put_three(struct world *w, nanousd organisation, nanousd team, nanousd key)
{
	struct tenant_row rows[3] = { row_of(TENANT_DEFAULT, TENANT_ORGANISATION, 0),
		                      row_of(TEAM, TENANT_TEAM, TENANT_DEFAULT),
		                      row_of(KEY, TENANT_KEY, TEAM) };
	nanousd budgets[3] = { organisation, team, key };

	for (unsigned i = 0; i < 3; i++) {
		if (budgets[i])
			rows[i].caps.budget[BUDGET_DAY] = budgets[i];
		put(w, &rows[i]);
	}
}

static struct tenant_chain chain_of(struct world *w, uint64_t key, str user)
{
	struct tenant_chain c;

	CHECK_OK(tenants_chain(w->t, key, user, 0, NOON, &c));
	return c;
}

static bool reserve(struct tenant_chain *c, nanousd amount, usec wall,
                    struct tenant_reservation *r, struct tenant_refusal *why)
{
	struct tenant_refusal unused;

	return tenant_reserve(c, (struct tenant_amount){ amount, amount / 2 }, wall, r,
	                      why ? why : &unused);
}

static void check_money(struct world *w, uint64_t id, enum budget_window window,
                        nanousd spent, nanousd reserved)
{
	struct tenant_state s;

	CHECK(tenants_look(w->t, id, 0, NOON, &s));
	CHECK_INT(s.spent[window], spent);
	CHECK_INT(s.reserved[window], reserved);
}

TEST(a_chain_goes_up_to_the_organisation)
{
	struct world w = world_new();
	struct tenant_chain c;

	put_three(&w, 0, 0, 0);
	c = chain_of(&w, KEY, STR("bob"));
	CHECK_INT(c.count, 3);
	CHECK_INT(tenant_row(tenant_chain_of(&c, TENANT_TEAM))->id, TEAM);
	tenant_chain_done(&c, 0, 0);
	c = chain_of(&w, 0, STR_NONE); /* open mode */
	CHECK_INT(c.count, 1);
	CHECK_INT(tenant_row(tenant_chain_of(&c, TENANT_ORGANISATION))->id,
	          TENANT_DEFAULT);
	CHECK(!tenant_chain_of(&c, TENANT_KEY));
	tenant_chain_done(&c, 0, 0);
	world_free(&w);
}

TEST(a_revoked_or_expired_node_ends_its_chain)
{
	struct world w = world_new();
	struct tenant_row key = row_of(KEY, TENANT_KEY, TEAM);
	struct tenant_row team = row_of(TEAM, TENANT_TEAM, TENANT_DEFAULT);
	struct tenant_chain c;

	put_three(&w, 0, 0, 0);
	key.expires_wall = NOON;
	put(&w, &key);
	CHECK_OK(tenants_chain(w.t, KEY, STR_NONE, 0, NOON - 1, &c));
	CHECK_FAULT(tenants_chain(w.t, KEY, STR_NONE, 0, NOON, &c), FAULT_KEY_EXPIRED);
	key.expires_wall = 0;
	put(&w, &key);
	team.revoked_wall = NOON;
	put(&w, &team);
	CHECK_FAULT(tenants_chain(w.t, KEY, STR_NONE, 0, NOON, &c), FAULT_BAD_KEY);
	world_free(&w);
}

TEST(a_node_stays_what_it_is)
{
	struct world w = world_new();
	struct tenant_row key = row_of(KEY, TENANT_KEY, TEAM);
	struct tenant_row other = row_of(OTHER, TENANT_ORGANISATION, 0);

	CHECK(!tenants_put(w.t, &key, 0, NULL, NULL)); /* no such team */
	CHECK(!tenants_knows(w.t, KEY));
	put_three(&w, 0, 0, 0);
	CHECK(tenants_knows(w.t, KEY));
	CHECK_INT(tenants_room(w.t), TENANTS_MOST - 3);
	put(&w, &other);
	key.parent = OTHER; /* of another organisation: its lock is another one */
	CHECK(!tenants_put(w.t, &key, 0, NULL, NULL));
	key.parent = TENANT_DEFAULT;
	CHECK(tenants_put(w.t, &key, 0, NULL, NULL));
	key.kind = TENANT_TEAM;
	CHECK(!tenants_put(w.t, &key, 0, NULL, NULL));
	world_free(&w);
}

TEST(rates_are_claimed_on_all_levels_or_none)
{
	struct world w = world_new();
	struct tenant_row key = row_of(KEY, TENANT_KEY, TEAM);
	struct tenant_row team = row_of(TEAM, TENANT_TEAM, TENANT_DEFAULT);
	struct tenant_chain c[4];
	struct tenant_rates rates;
	struct tenant_refusal why;
	struct tenant_state s;

	put_three(&w, 0, 0, 0);
	key.caps.rpm = 100;
	key.caps.concurrent = 3;
	key.name = STR("ci");
	team.caps.tpm = 1000;
	put(&w, &team);
	put(&w, &key);
	for (int i = 0; i < 4; i++)
		c[i] = chain_of(&w, KEY, STR_NONE);
	CHECK(tenant_admit(&c[0], 400, USEC_SEC, &rates, &why));
	CHECK_INT(rates.requests.limit, 100);
	CHECK_INT(rates.requests.remaining, 99);
	CHECK_INT(rates.tokens.remaining, 600);
	CHECK(!tenant_admit(&c[1], 700, USEC_SEC, &rates, &why));
	CHECK_INT(why.cap, TENANT_TPM);
	CHECK_INT(why.row->id, TEAM);
	CHECK_INT(why.used, 400);
	CHECK_INT(why.limit, 1000);
	CHECK(why.wait > 0);
	CHECK_INT(rates.requests.remaining, 99); /* nobody was counted */
	CHECK(tenant_admit(&c[1], 300, USEC_SEC, &rates, &why));
	CHECK(tenant_admit(&c[2], 0, USEC_SEC, &rates, &why));
	CHECK(!tenant_admit(&c[3], 0, USEC_SEC, &rates, &why));
	CHECK_INT(why.cap, TENANT_CONCURRENT);
	CHECK_STR(why.row->name, "ci");
	tenant_chain_done(&c[0], 10, USEC_SEC); /* it took less than was thought */
	CHECK(tenant_admit(&c[3], 600, USEC_SEC, &rates, &why));
	for (int i = 1; i < 4; i++)
		tenant_chain_done(&c[i], c[i].tokens, USEC_SEC);
	CHECK(tenants_look(w.t, KEY, USEC_SEC, NOON, &s));
	CHECK_INT(s.running, 0);
	CHECK_INT(s.requests, 4);
	world_free(&w);
}

TEST(money_is_set_aside_on_all_levels_or_none)
{
	struct world w = world_new();
	struct tenant_chain c;
	struct tenant_reservation a, b;
	struct tenant_refusal why;

	put_three(&w, 10 * DOLLAR, 5 * DOLLAR, 8 * DOLLAR);
	c = chain_of(&w, KEY, STR_NONE);
	CHECK(tenant_has_budget(&c));
	CHECK(reserve(&c, 4 * DOLLAR, NOON, &a, NULL));
	CHECK(!reserve(&c, 2 * DOLLAR, NOON, &b, &why));
	CHECK_INT(why.row->id, TEAM);
	CHECK_INT(why.cap, TENANT_BUDGET + BUDGET_DAY);
	CHECK_INT(why.used, 4 * DOLLAR);
	CHECK_INT(why.reserved, 4 * DOLLAR);
	CHECK_INT(why.limit, 5 * DOLLAR);
	CHECK(why.passes);
	CHECK_INT(why.resets_wall, NOON + 12 * USEC_HOUR);
	CHECK_INT(why.wait, 12 * USEC_HOUR);
	check_money(&w, KEY, BUDGET_DAY, 0, 4 * DOLLAR);
	check_money(&w, TENANT_DEFAULT, BUDGET_DAY, 0, 4 * DOLLAR);
	tenant_settle(&c, &a, DOLLAR);
	check_money(&w, KEY, BUDGET_DAY, DOLLAR, 0);
	check_money(&w, TEAM, BUDGET_DAY, DOLLAR, 0);
	CHECK(reserve(&c, 4 * DOLLAR, NOON, &b, NULL)); /* to the very limit */
	tenant_settle(&c, &b, COST_UNKNOWN);
	check_money(&w, TEAM, BUDGET_DAY, 5 * DOLLAR, 0);
	CHECK(!reserve(&c, 1, NOON, &b, NULL));
	CHECK(reserve(&c, 0, NOON, &b, NULL)); /* what costs nothing always goes */
	tenant_settle(&c, &b, 0);
	tenant_chain_done(&c, 0, 0);
	world_free(&w);
}

TEST(a_refusal_passes_when_what_runs_may_leave_room_everywhere)
{
	struct world w = world_new();
	struct tenant_chain c;
	struct tenant_reservation a, b;
	struct tenant_refusal why;

	put_three(&w, 10 * DOLLAR, 5 * DOLLAR, 8 * DOLLAR);
	c = chain_of(&w, KEY, STR_NONE);
	CHECK(reserve(&c, 4 * DOLLAR, NOON, &a, NULL));
	CHECK(!reserve(&c, 5 * DOLLAR, NOON, &b, &why));
	CHECK(why.passes);
	/* The team has not that much, whoever ends; the key may have it. */
	CHECK(!reserve(&c, 6 * DOLLAR, NOON, &b, &why));
	CHECK(!why.passes);
	CHECK_INT(why.row->id, TEAM);
	tenant_settle(&c, &a, 4 * DOLLAR);
	CHECK(!reserve(&c, 2 * DOLLAR, NOON, &b, &why));
	CHECK(!why.passes);
	CHECK_INT(why.reserved, 0);
	tenant_chain_done(&c, 0, 0);
	world_free(&w);
}

TEST(a_cost_beyond_the_reservation_is_a_debt)
{
	struct world w = world_new();
	struct tenant_chain c;
	struct tenant_reservation r;
	struct tenant_refusal why;

	put_three(&w, 0, 0, DOLLAR);
	c = chain_of(&w, KEY, STR_NONE);
	CHECK(reserve(&c, DOLLAR, NOON, &r, NULL));
	tenant_settle(&c, &r, 3 * DOLLAR);
	CHECK(!reserve(&c, 1, NOON, &r, &why));
	CHECK_INT(why.used, 3 * DOLLAR);
	CHECK(!reserve(&c, 1, NOON + 12 * USEC_HOUR - 1, &r, &why));
	CHECK(reserve(&c, DOLLAR, NOON + 12 * USEC_HOUR, &r, &why)); /* a new day */
	tenant_settle(&c, &r, 0);
	tenant_chain_done(&c, 0, 0);
	world_free(&w);
}

TEST(an_extension_needs_room_as_well)
{
	struct world w = world_new();
	struct tenant_chain c;
	struct tenant_reservation r;
	struct tenant_refusal why;

	put_three(&w, 0, 3 * DOLLAR, 2 * DOLLAR);
	c = chain_of(&w, KEY, STR_NONE);
	CHECK(reserve(&c, DOLLAR, NOON, &r, NULL));
	CHECK(tenant_extend(&c, &r, DOLLAR, &why));
	CHECK(!tenant_extend(&c, &r, 1, &why));
	CHECK_INT(why.row->id, KEY);
	check_money(&w, KEY, BUDGET_DAY, 0, 2 * DOLLAR);
	CHECK_INT(tenant_charged(&r, COST_UNKNOWN), 2 * DOLLAR);
	tenant_settle(&c, &r, DOLLAR / 2);
	check_money(&w, TEAM, BUDGET_DAY, DOLLAR / 2, 0);
	tenant_chain_done(&c, 0, 0);
	world_free(&w);
}

TEST(an_answer_after_midnight_belongs_to_the_day_before)
{
	struct world w = world_new();
	struct tenant_chain c;
	struct tenant_reservation old, new;
	usec tomorrow = NOON + USEC_HOUR * 13;

	put_three(&w, 0, 0, DOLLAR);
	c = chain_of(&w, KEY, STR_NONE);
	CHECK(reserve(&c, DOLLAR, NOON, &old, NULL));
	CHECK(reserve(&c, DOLLAR, tomorrow, &new, NULL));
	tenant_settle(&c, &old, DOLLAR);
	tenant_settle(&c, &new, DOLLAR / 4);
	check_money(&w, KEY, BUDGET_DAY, DOLLAR, 0); /* as of noon */
	CHECK(!reserve(&c, DOLLAR, tomorrow, &new, NULL));
	CHECK(reserve(&c, DOLLAR * 3 / 4, tomorrow, &new, NULL));
	/* The clock is set back to a day whose money is gone, and forth again. */
	CHECK(!reserve(&c, 1, NOON + 1, &old, NULL));
	CHECK(!reserve(&c, 1, tomorrow, &old, NULL));
	tenant_settle(&c, &new, 0);
	tenant_chain_done(&c, 0, 0);
	world_free(&w);
}

TEST(soft_budgets_set_aside_what_is_likely)
{
	struct world w = world_new();
	struct tenant_row key = row_of(KEY, TENANT_KEY, TEAM);
	struct tenant_chain c;
	struct tenant_reservation r[3];

	put_three(&w, 0, 0, 0);
	key.soft = true;
	key.downgrade = STR("cheap");
	key.caps.budget[BUDGET_MONTH] = 2 * DOLLAR;
	put(&w, &key);
	c = chain_of(&w, KEY, STR_NONE);
	CHECK(reserve(&c, 2 * DOLLAR, NOON, &r[0], NULL));
	CHECK(reserve(&c, 2 * DOLLAR, NOON, &r[1], NULL));
	check_money(&w, KEY, BUDGET_MONTH, 0, 2 * DOLLAR);
	CHECK_INT(r[0].charged_at_most, DOLLAR);
	struct tenant_refusal why;
	CHECK(!reserve(&c, 2 * DOLLAR, NOON, &r[2], &why));
	CHECK_STR(why.downgrade, "cheap");
	tenant_settle(&c, &r[0], 3 * DOLLAR / 2);
	tenant_settle(&c, &r[1], DOLLAR);
	check_money(&w, KEY, BUDGET_MONTH, 5 * DOLLAR / 2, 0);
	tenant_chain_done(&c, 0, 0);
	world_free(&w);
}

/* What is likely is set aside below, the most above: only below more of it is needed. */
TEST(soft_budgets_grow_below_strict_ones)
{
	struct world w = world_new();
	struct tenant_row key = row_of(KEY, TENANT_KEY, TEAM);
	struct tenant_chain c;
	struct tenant_reservation r;
	struct tenant_refusal why;

	put_three(&w, 2 * DOLLAR, 0, 0);
	key.soft = true;
	key.on_exhausted = EXHAUSTED_STOP;
	key.caps.budget[BUDGET_DAY] = 3 * DOLLAR / 2;
	put(&w, &key);
	c = chain_of(&w, KEY, STR_NONE);
	CHECK(reserve(&c, 2 * DOLLAR, NOON, &r, NULL));
	CHECK(tenant_can_grow(&r));
	CHECK(tenant_extend(&c, &r, DOLLAR / 2, &why));
	check_money(&w, KEY, BUDGET_DAY, 0, 3 * DOLLAR / 2);
	check_money(&w, TENANT_DEFAULT, BUDGET_DAY, 0, 2 * DOLLAR);
	CHECK(!tenant_extend(&c, &r, 1, &why));
	CHECK_INT(why.row->id, KEY);
	CHECK_INT(why.on_exhausted, EXHAUSTED_STOP);
	CHECK_INT(tenant_charged(&r, COST_UNKNOWN), 2 * DOLLAR);
	/* With room it grows to the most, and not beyond. */
	key.caps.budget[BUDGET_DAY] = 3 * DOLLAR;
	put(&w, &key);
	CHECK(tenant_extend(&c, &r, DOLLAR, &why));
	CHECK(!tenant_can_grow(&r));
	check_money(&w, KEY, BUDGET_DAY, 0, 2 * DOLLAR);
	CHECK(!tenant_extend(&c, &r, 1, &why));
	CHECK_INT(why.row->id, TENANT_DEFAULT);
	tenant_settle(&c, &r, DOLLAR);
	check_money(&w, KEY, BUDGET_DAY, DOLLAR, 0);
	check_money(&w, TENANT_DEFAULT, BUDGET_DAY, DOLLAR, 0);
	tenant_chain_done(&c, 0, 0);
	world_free(&w);
}

TEST(the_strictest_says_how_a_stream_ends)
{
	struct world w = world_new();
	struct tenant_row key = row_of(KEY, TENANT_KEY, TEAM);
	struct tenant_chain c;
	struct tenant_reservation r;
	struct tenant_refusal why;

	put_three(&w, 0, DOLLAR, 0);
	key.on_exhausted = EXHAUSTED_ERROR;
	key.caps.budget[BUDGET_HOUR] = DOLLAR; /* over before the team's day */
	put(&w, &key);
	c = chain_of(&w, KEY, STR_NONE);
	CHECK(reserve(&c, DOLLAR, NOON, &r, NULL));
	CHECK(!tenant_extend(&c, &r, 1, &why));
	CHECK_INT(why.row->id, TEAM);
	CHECK_INT(why.on_exhausted, EXHAUSTED_ERROR);
	tenant_settle(&c, &r, 0);
	tenant_chain_done(&c, 0, 0);
	world_free(&w);
}

/* What nobody can read is no budget to spend from, whoever's it is. */
TEST(what_cannot_be_read_is_taken_for_spent)
{
	enum { ELSEWHERE = 0x04a, THERE = 0x4e3 };
	struct world w = world_new();
	struct tenant_row other = row_of(ELSEWHERE, TENANT_ORGANISATION, 0);
	struct tenant_row there = row_of(THERE, TENANT_KEY, ELSEWHERE);
	struct tenant_row ann = row_of(USER_ROW, TENANT_USER, THERE);
	struct tenant_reservation r;
	struct tenant_refusal why;
	struct tenant_chain c[3];

	put(&w, &other);
	put(&w, &there);
	ann.name = STR("ann");
	ann.caps.budget[BUDGET_DAY] = DOLLAR;
	CHECK(put(&w, &ann));
	c[0] = chain_of(&w, THERE, STR("ann"));
	CHECK(reserve(&c[0], 1, NOON, &r, NULL));
	tenant_settle(&c[0], &r, 1);
	tenants_take_for_spent(w.t, USER_ROW, 1 << BUDGET_DAY, 0, NOON);
	CHECK(!reserve(&c[0], 1, NOON, &r, &why));
	CHECK_INT(why.used, DOLLAR);
	/* A limit for all users: those who are known. */
	there.per_user.budget[BUDGET_DAY] = 2 * DOLLAR;
	put(&w, &there);
	c[1] = chain_of(&w, THERE, STR("bob"));
	CHECK(reserve(&c[1], 1, NOON, &r, NULL));
	tenants_take_for_spent(w.t, THERE, 0, 1 << BUDGET_DAY, NOON);
	tenant_settle(&c[1], &r, 0);
	CHECK(!reserve(&c[1], 1, NOON, &r, &why));
	CHECK_INT(why.used, 2 * DOLLAR);
	CHECK(!reserve(&c[0], 1, NOON, &r,
	               &why)); /* who has limits of her own keeps them */
	CHECK_INT(why.used, DOLLAR);
	/* And an organisation that is not the default one. */
	other.caps.budget[BUDGET_WEEK] = DOLLAR;
	put(&w, &other);
	tenants_take_for_spent(w.t, ELSEWHERE, 1 << BUDGET_WEEK, 0, NOON);
	c[2] = chain_of(&w, THERE, STR("eve"));
	CHECK(!reserve(&c[2], 1, NOON, &r, &why));
	CHECK_INT(why.row->id, ELSEWHERE);
	for (unsigned i = 0; i < countof(c); i++)
		tenant_chain_done(&c[i], 0, 0);
	world_free(&w);
}

/* A budget that was taken away is counted on, but sets nothing aside: nobody would ask
 * whether an amount fits there, however large a client makes it. */
TEST(nothing_is_set_aside_where_nothing_is_bounded)
{
	struct world w = world_new();
	struct tenant_row key = row_of(KEY, TENANT_KEY, TEAM);
	struct tenant_row team = row_of(TEAM, TENANT_TEAM, TENANT_DEFAULT);
	const struct tenant_amount vast = { INT64_MAX - 1, DOLLAR };
	struct tenant_reservation r[2];
	struct tenant_refusal why;
	struct tenant_chain c;

	put_three(&w, 0, DOLLAR, 0);
	put(&w, &team);
	key.soft = true;
	key.caps.budget[BUDGET_DAY] = 9 * DOLLAR;
	put(&w, &key);
	c = chain_of(&w, KEY, STR_NONE);
	for (unsigned i = 0; i < 2; i++) {
		CHECK(tenant_reserve(&c, vast, NOON, &r[i], &why));
		CHECK(tenant_extend(&c, &r[i], 2 * DOLLAR, &why));
	}
	check_money(&w, KEY, BUDGET_DAY, 0, 6 * DOLLAR);
	check_money(&w, TEAM, BUDGET_DAY, 0, 0);
	for (unsigned i = 0; i < 2; i++)
		tenant_settle(&c, &r[i], COST_UNKNOWN);
	check_money(&w, KEY, BUDGET_DAY, 6 * DOLLAR, 0);
	check_money(&w, TEAM, BUDGET_DAY, 6 * DOLLAR, 0);
	/* Where there is a limit, so much is never set aside. */
	team.caps.budget[BUDGET_DAY] = INT64_MAX;
	put(&w, &team);
	CHECK(!tenant_reserve(&c, vast, NOON, &r[0], &why));
	CHECK_INT(why.row->id, TEAM);
	CHECK(reserve(&c, DOLLAR, NOON, &r[0], &why));
	/* The limit is taken away under way. */
	team.caps.budget[BUDGET_DAY] = COST_UNKNOWN;
	put(&w, &team);
	CHECK(tenant_extend(&c, &r[0], INT64_MAX - 1, &why)); /* to the most */
	check_money(&w, KEY, BUDGET_DAY, 6 * DOLLAR, DOLLAR);
	CHECK(!tenant_extend(&c, &r[0], INT64_MAX - 1, &why));
	CHECK(tenant_extend(&c, &r[0], 2 * DOLLAR, &why));
	check_money(&w, TEAM, BUDGET_DAY, 6 * DOLLAR, 3 * DOLLAR);
	tenant_settle(&c, &r[0], 0);
	check_money(&w, TEAM, BUDGET_DAY, 6 * DOLLAR, 0);
	tenant_chain_done(&c, 0, 0);
	world_free(&w);
}

/* Answers that cost more than there is money in the world. */
TEST(a_sum_never_turns_round)
{
	struct world w = world_new();
	struct tenant_reservation r;
	struct tenant_chain c;
	struct tenant_state s;

	put_three(&w, 0, 0, DOLLAR);
	c = chain_of(&w, KEY, STR_NONE);
	for (unsigned i = 0; i < 30; i++) {
		r = (struct tenant_reservation){ .wall = NOON };
		tenant_settle(&c, &r, INT64_MAX);
		CHECK(tenants_look(w.t, KEY, 0, NOON, &s));
		CHECK(s.spent[BUDGET_DAY] >= BUDGET_AMOUNT_MOST);
		CHECK(!reserve(&c, 1, NOON, &r, NULL));
	}
	tenant_chain_done(&c, 0, 0);
	world_free(&w);
}

TEST(a_new_budget_asks_for_its_history)
{
	struct world w = world_new();
	struct tenant_row key = row_of(KEY, TENANT_KEY, TEAM);
	struct tenant_chain c;
	struct tenant_reservation r;

	put_three(&w, 0, 0, 0);
	c = chain_of(&w, KEY, STR_NONE);
	CHECK(reserve(&c, DOLLAR, NOON, &r, NULL)); /* nothing to hold it */
	CHECK(!r.any);
	key.caps.budget[BUDGET_DAY] = 4 * DOLLAR;
	key.per_user.budget[BUDGET_WEEK] = DOLLAR;
	CHECK_INT(put(&w, &key), 1 << BUDGET_DAY | 1 << BUDGET_WEEK << 8);
	CHECK_INT(put(&w, &key), 0);
	CHECK_INT(tenants_counted(w.t), 1 << BUDGET_DAY | 1 << BUDGET_WEEK);
	tenant_settle(&c, &r, DOLLAR); /* it began before, and counts all the same */
	check_money(&w, KEY, BUDGET_DAY, DOLLAR, 0);
	struct tenant_spent spent = { .key = KEY,
		                      .team = TEAM,
		                      .window = BUDGET_DAY,
		                      .wall = NOON,
		                      .amount = 2 * DOLLAR };
	CHECK(tenants_add_spent(w.t, &spent));
	check_money(&w, KEY, BUDGET_DAY, 3 * DOLLAR, 0);
	spent.only = TEAM;
	CHECK(tenants_add_spent(w.t, &spent));
	check_money(&w, KEY, BUDGET_DAY, 3 * DOLLAR, 0);
	/* Its users begin to be counted: it is told to them alone. */
	spent.only = KEY;
	spent.only_users = true;
	spent.user = STR("ann");
	spent.window = BUDGET_WEEK;
	CHECK(tenants_add_spent(w.t, &spent));
	check_money(&w, KEY, BUDGET_DAY, 3 * DOLLAR, 0);
	struct tenant_state s;
	CHECK(tenants_look_user(w.t, KEY, STR("ann"), 0, NOON, &s));
	CHECK_INT(s.spent[BUDGET_WEEK], 2 * DOLLAR);
	tenant_chain_done(&c, 0, 0);
	world_free(&w);
}

TEST(a_correction_comes_to_where_it_was_spent)
{
	struct world w = world_new();
	struct tenant_row key = row_of(KEY, TENANT_KEY, TEAM);
	struct tenant_chain c;
	struct tenant_reservation r;
	struct tenant_state s;
	struct tenant_spent more = { .key = KEY,
		                     .team = TEAM,
		                     .user = STR("ann"),
		                     .wall = NOON,
		                     .amount = DOLLAR };

	put_three(&w, 0, 0, 0);
	key.caps.budget[BUDGET_DAY] = 4 * DOLLAR;
	key.caps.budget[BUDGET_WEEK] = 9 * DOLLAR;
	key.per_user.budget[BUDGET_DAY] = 9 * DOLLAR;
	put(&w, &key);
	tenants_correct_spent(w.t, &more); /* of nobody: ann has spent nothing */
	CHECK(!tenants_look_user(w.t, KEY, STR("ann"), 0, NOON, &s));
	check_money(&w, KEY, BUDGET_DAY, 0, 0);

	c = chain_of(&w, KEY, STR("ann"));
	CHECK(reserve(&c, 2 * DOLLAR, NOON, &r, NULL));
	tenant_settle(&c, &r, 2 * DOLLAR);
	tenants_correct_spent(w.t, &more);
	check_money(&w, KEY, BUDGET_DAY, 3 * DOLLAR, 0);
	check_money(&w, KEY, BUDGET_WEEK, 3 * DOLLAR, 0);
	CHECK(tenants_look_user(w.t, KEY, STR("ann"), 0, NOON, &s));
	CHECK_INT(s.spent[BUDGET_DAY], 3 * DOLLAR);
	/* A debt is one, however it came about. */
	more.amount = 2 * DOLLAR;
	tenants_correct_spent(w.t, &more);
	check_money(&w, KEY, BUDGET_DAY, 5 * DOLLAR, 0);
	CHECK(!reserve(&c, DOLLAR, NOON, &r, NULL));
	more.amount = -4 * DOLLAR;
	tenants_correct_spent(w.t, &more);
	check_money(&w, KEY, BUDGET_DAY, DOLLAR, 0);
	CHECK(reserve(&c, DOLLAR, NOON, &r, NULL));
	tenant_settle(&c, &r, 0);
	/* Yesterday's changes nothing today, and no window is begun for it. */
	more.wall = NOON - 400 * 24 * USEC_HOUR;
	more.amount = DOLLAR;
	tenants_correct_spent(w.t, &more);
	check_money(&w, KEY, BUDGET_DAY, DOLLAR, 0);
	check_money(&w, KEY, BUDGET_WEEK, DOLLAR, 0);
	tenant_chain_done(&c, 0, 0);
	world_free(&w);
}

TEST(each_user_has_limits_of_its_own)
{
	struct world w = world_new();
	struct tenant_row team = row_of(TEAM, TENANT_TEAM, TENANT_DEFAULT);
	struct tenant_row user = row_of(USER_ROW, TENANT_USER, TEAM);
	struct tenant_row other = row_of(OTHER, TENANT_KEY, TEAM);
	struct tenant_reservation r;
	struct tenant_refusal why;
	struct tenant_chain c;

	put_three(&w, 0, 0, 0);
	put(&w, &other);
	team.per_user.budget[BUDGET_DAY] = DOLLAR;
	put(&w, &team);
	c = chain_of(&w, KEY, STR("ann"));
	CHECK_INT(c.count, 4);
	CHECK(reserve(&c, DOLLAR, NOON, &r, NULL));
	tenant_settle(&c, &r, DOLLAR);
	tenant_chain_done(&c, 0, 0);
	c = chain_of(&w, OTHER, STR("ann")); /* with another key of the team */
	CHECK(!reserve(&c, 1, NOON, &r, &why));
	CHECK(why.per_user);
	CHECK_INT(why.row->id, TEAM);
	tenant_chain_done(&c, 0, 0);
	c = chain_of(&w, KEY, STR("bob"));
	CHECK(reserve(&c, DOLLAR, NOON, &r, NULL));
	tenant_settle(&c, &r, 0);
	tenant_chain_done(&c, 0, 0);

	user.name = STR("ann");
	user.caps.budget[BUDGET_DAY] = 3 * DOLLAR;
	put(&w, &user);
	c = chain_of(&w, KEY, STR("ann"));
	CHECK(reserve(&c, 2 * DOLLAR, NOON, &r, NULL));
	tenant_settle(&c, &r, 2 * DOLLAR);
	CHECK(!reserve(&c, 1, NOON, &r, &why));
	CHECK_INT(why.row->id, USER_ROW);
	CHECK(!why.per_user);
	tenant_chain_done(&c, 0, 0);
	check_money(&w, USER_ROW, BUDGET_DAY, 3 * DOLLAR, 0);
	user.revoked_wall = NOON; /* the limits of everybody hold again */
	put(&w, &user);
	c = chain_of(&w, KEY, STR("ann"));
	CHECK(!reserve(&c, 1, NOON, &r, &why));
	CHECK_INT(why.limit, DOLLAR);
	tenant_chain_done(&c, 0, 0);
	world_free(&w);
}

static nanousd spent_by(struct world *w, str user)
{
	struct tenant_state s = { 0 };

	CHECK(tenants_look_user(w->t, KEY, user, 0, NOON, &s));
	return s.spent[BUDGET_DAY];
}

static void spend(struct world *w, str user, nanousd amount)
{
	struct tenant_chain c = chain_of(w, KEY, user);
	struct tenant_reservation r;

	CHECK(reserve(&c, amount, NOON, &r, NULL));
	tenant_settle(&c, &r, amount);
	tenant_chain_done(&c, 0, 0);
}

/* As the ledger would. */
static void tell_of(struct world *w, str user, nanousd amount, uint64_t only)
{
	struct tenant_spent spent = { .key = KEY,
		                      .team = TEAM,
		                      .window = BUDGET_DAY,
		                      .wall = NOON,
		                      .user = user,
		                      .amount = amount,
		                      .only = only,
		                      .only_users = only == KEY };

	CHECK(tenants_add_spent(w->t, &spent));
}

/* Users are counted only while something bounds them, so what they spent is told anew
 * each time that begins: once, and all of it. */
TEST(a_budget_of_users_may_be_taken_away_and_set_again)
{
	struct world w = world_new();
	struct tenant_row key = row_of(KEY, TENANT_KEY, TEAM), free = key;
	struct tenant_row bob = row_of(USER_ROW, TENANT_USER, KEY);

	put_three(&w, 0, 0, 0);
	key.per_user.budget[BUDGET_DAY] = 9 * DOLLAR;
	put(&w, &key);
	spend(&w, STR("ann"), DOLLAR);
	spend(&w, STR("bob"), DOLLAR);
	bob.name = STR("bob");
	bob.caps.budget[BUDGET_DAY] = 9 * DOLLAR;
	CHECK_INT(put(&w, &bob), 0); /* that is known */
	for (unsigned i = 0; i < 3; i++) {
		put(&w, &free);
		spend(&w, STR("ann"), DOLLAR);
		spend(&w, STR("bob"), DOLLAR);
		CHECK_INT(put(&w, &key), 1 << BUDGET_DAY << 8);
		tell_of(&w, STR("ann"), (2 + i) * DOLLAR, KEY);
		tell_of(&w, STR("bob"), (2 + i) * DOLLAR, KEY);
		CHECK_INT(spent_by(&w, STR("ann")), (2 + i) * DOLLAR);
		CHECK_INT(spent_by(&w, STR("bob")), (2 + i) * DOLLAR);
	}
	world_free(&w);
}

TEST(a_user_whose_row_comes_and_goes_is_counted_all_along)
{
	struct world w = world_new();
	struct tenant_row key = row_of(KEY, TENANT_KEY, TEAM), free = key;
	struct tenant_row bob = row_of(USER_ROW, TENANT_USER, KEY);

	put_three(&w, 0, 0, 0);
	bob.name = STR("bob");
	put(&w, &bob); /* it bounds no money */
	key.per_user.budget[BUDGET_DAY] = 9 * DOLLAR;
	put(&w, &key);
	spend(&w, STR("bob"), DOLLAR);
	bob.revoked_wall = NOON;
	put(&w, &bob);
	CHECK_INT(spent_by(&w, STR("bob")), DOLLAR);
	/* Nothing bounds him any more, and then a row of his own. */
	put(&w, &free);
	bob.revoked_wall = 0;
	bob.caps.budget[BUDGET_DAY] = 9 * DOLLAR;
	CHECK_INT(put(&w, &bob), 1 << BUDGET_DAY);
	tell_of(&w, STR("bob"), 3 * DOLLAR, USER_ROW);
	CHECK_INT(spent_by(&w, STR("bob")), 3 * DOLLAR);
	world_free(&w);
}

/* A limit comes while a request runs: what that costs counts, once. */
TEST(a_user_who_is_bounded_meanwhile_is_charged)
{
	struct world w = world_new();
	struct tenant_row key = row_of(KEY, TENANT_KEY, TEAM);
	struct tenant_row bob = row_of(USER_ROW, TENANT_USER, KEY);
	struct tenant_reservation r = { .wall = NOON };
	struct tenant_chain c;

	put_three(&w, 0, 0, 0);
	bob.name = STR("bob");
	bob.caps.budget[BUDGET_DAY] = 9 * DOLLAR;
	c = chain_of(&w, KEY, STR("bob"));
	put(&w, &bob);
	tenant_settle_user(&c, STR("bob"), &r, DOLLAR, 0, NOON);
	tenant_settle(&c, &r, DOLLAR);
	tenant_chain_done(&c, 0, 0);
	CHECK_INT(spent_by(&w, STR("bob")), DOLLAR);
	/* Without a row of her own, by what holds for all of them. */
	c = chain_of(&w, KEY, STR("ann"));
	key.per_user.budget[BUDGET_DAY] = 9 * DOLLAR;
	put(&w, &key);
	tenant_settle_user(&c, STR("ann"), &r, 2 * DOLLAR, 0, NOON);
	tenant_settle(&c, &r, 2 * DOLLAR);
	tenant_chain_done(&c, 0, 0);
	CHECK_INT(spent_by(&w, STR("ann")), 2 * DOLLAR);
	/* Who was counted from the beginning is charged by tenant_settle alone. */
	c = chain_of(&w, KEY, STR("ann"));
	tenant_settle_user(&c, STR("ann"), &r, DOLLAR, 0, NOON);
	CHECK_INT(spent_by(&w, STR("ann")), 2 * DOLLAR);
	tenant_settle(&c, &r, DOLLAR);
	CHECK_INT(spent_by(&w, STR("ann")), 3 * DOLLAR);
	tenant_chain_done(&c, 0, 0);
	world_free(&w);
}

TEST(a_user_whose_row_has_expired_is_refused)
{
	struct world w = world_new();
	struct tenant_row user = row_of(USER_ROW, TENANT_USER, TEAM);
	struct tenant_chain c;

	put_three(&w, 0, 0, 0);
	user.name = STR("ann");
	user.expires_wall = NOON;
	put(&w, &user);
	CHECK_OK(tenants_chain(w.t, KEY, STR("ann"), 0, NOON - 1, &c));
	tenant_chain_done(&c, 0, 0);
	CHECK_FAULT(tenants_chain(w.t, KEY, STR("ann"), 0, NOON, &c), FAULT_KEY_EXPIRED);
	CHECK_INT(c.count + c.leaves, 0); /* nothing is held */
	CHECK_OK(tenants_chain(w.t, KEY, STR("bob"), 0, NOON, &c));
	tenant_chain_done(&c, 0, 0);
	user.revoked_wall = NOON; /* without its own row, the rules of all hold */
	put(&w, &user);
	CHECK_OK(tenants_chain(w.t, KEY, STR("ann"), 0, NOON, &c));
	tenant_chain_done(&c, 0, 0);
	world_free(&w);
}

struct told {
	unsigned count;
	struct tenant_left list[8];
};

static void tell(void *arg, const struct tenant_left *left)
{
	struct told *told = arg;

	CHECK(told->count < countof(told->list));
	told->list[told->count++] = *left;
}

TEST(every_budget_is_told_but_those_of_who_is_gone)
{
	struct world w = world_new();
	struct tenant_row key = row_of(KEY, TENANT_KEY, TEAM);
	struct tenant_row team = row_of(TEAM, TENANT_TEAM, TENANT_DEFAULT);
	struct tenant_row user = row_of(USER_ROW, TENANT_USER, KEY);
	struct tenant_reservation r;
	struct tenant_chain c;
	struct told told = { 0 };

	put_three(&w, 0, 50 * DOLLAR, 0);
	user.name = STR("bob");
	user.caps.budget[BUDGET_TOTAL] = 2 * DOLLAR;
	key.per_user.budget[BUDGET_HOUR] = DOLLAR; /* of each; nobody's in particular */
	put(&w, &key);
	put(&w, &user);
	c = chain_of(&w, KEY, STR("bob"));
	CHECK(reserve(&c, 3 * DOLLAR / 2, NOON, &r, NULL));
	tenants_each_budget(w.t, 0, NOON, tell, &told);
	CHECK_INT(told.count, 2);
	CHECK_INT(told.list[0].row->id, TEAM);
	CHECK_INT(told.list[0].window, BUDGET_DAY);
	CHECK_INT(told.list[0].left, 97 * DOLLAR / 2);
	CHECK_INT(told.list[1].row->id, USER_ROW);
	CHECK_INT(told.list[1].window, BUDGET_TOTAL);
	CHECK_INT(told.list[1].left, DOLLAR / 2);
	tenant_settle(&c, &r, 3 * DOLLAR); /* beyond what was reserved: a debt */
	tenant_chain_done(&c, 0, 0);
	told.count = 0;
	key.expires_wall = NOON + 1;
	put(&w, &key);
	tenants_each_budget(w.t, 0, NOON, tell, &told);
	CHECK_INT(told.count, 2);
	CHECK_INT(told.list[1].left, -DOLLAR);
	told.count = 0;
	tenants_each_budget(w.t, 0, NOON + 1, tell, &told);
	CHECK_INT(told.count, 1); /* below a key that has expired */
	told.count = 0;
	team.revoked_wall = NOON;
	team.caps.budget[BUDGET_DAY] = 50 * DOLLAR;
	put(&w, &team);
	tenants_each_budget(w.t, 0, NOON, tell, &told);
	CHECK_INT(told.count, 0);
	world_free(&w);
}

/* More users than there are places: those with money spent keep theirs. */
TEST(users_never_lose_what_they_spent)
{
	enum { MANY = TENANT_USERS_MOST };
	struct world w = world_new();
	struct tenant_row key = row_of(KEY, TENANT_KEY, TEAM);
	struct tenant_reservation r;
	struct tenant_chain c;
	char name[16];

	put_three(&w, 0, 0, 0);
	key.per_user.budget[BUDGET_DAY] = DOLLAR;
	put(&w, &key);
	for (int i = 0; i < MANY; i++) {
		int n = snprintf(name, sizeof(name), "u%d", i);

		c = chain_of(&w, KEY, str_of(name, (size_t)n));
		if (!CHECK(reserve(&c, DOLLAR, NOON, &r, NULL)))
			return;
		/* the first half of them spends something */
		tenant_settle(&c, &r, i < MANY / 2 ? DOLLAR : 0);
		tenant_chain_done(&c, 0, 0);
	}
	usec later = 10 * USEC_MIN;
	unsigned turned_away = 0, given = 0;
	for (int i = 0; i < 2000; i++) {
		int n = snprintf(name, sizeof(name), "new%d", i);
		fault_t why =
		        tenants_chain(w.t, KEY, str_of(name, (size_t)n), later, NOON, &c);

		turned_away += why == FAULT_TENANTS_FULL;
		given += !why;
		if (!why && reserve(&c, 1, NOON, &r, NULL))
			tenant_settle(&c, &r, 1);
		if (!why)
			tenant_chain_done(&c, 0, 0);
	}
	CHECK(given >= 1000);
	CHECK_INT(given + turned_away, 2000);
	for (int i = 0; i < MANY / 2; i++) {
		int n = snprintf(name, sizeof(name), "u%d", i);

		c = chain_of(&w, KEY, str_of(name, (size_t)n));
		if (!CHECK(!reserve(&c, 1, NOON, &r, NULL)))
			return;
		tenant_chain_done(&c, 0, 0);
	}
	world_free(&w);
}

/* However far away the only idle place is, who has time finds it. */
TEST(a_full_table_gives_its_idle_places)
{
	enum { MANY = TENANT_USERS_MOST };
	struct world w = world_new();
	struct tenant_row key = row_of(KEY, TENANT_KEY, TEAM);
	struct tenant_row row = row_of(USER_ROW, TENANT_USER, KEY);
	struct tenant_spent spent = { .key = KEY,
		                      .team = TEAM,
		                      .user = STR("new"),
		                      .window = BUDGET_DAY,
		                      .wall = NOON,
		                      .now = 10 * USEC_MIN,
		                      .amount = 1 };
	char name[16];

	put_three(&w, 0, 0, 0);
	key.per_user.budget[BUDGET_DAY] = DOLLAR;
	put(&w, &key);
	for (int i = 0; i < MANY; i++) {
		int n = snprintf(name, sizeof(name), "u%d", i);

		spend(&w, str_of(name, (size_t)n), i < MANY - 2 ? DOLLAR : 0);
	}
	CHECK(tenants_add_spent(w.t, &spent));
	row.name = STR("rowed");
	CHECK(tenants_put(w.t, &row, spent.now, NULL, NULL));
	row.id++;
	row.name = STR("other");
	spent.user = STR("another");
	CHECK(!tenants_add_spent(w.t, &spent));
	CHECK(!tenants_put(w.t, &row, spent.now, NULL, NULL));
	/* A day later all but the row's are. */
	spent.wall += 24 * USEC_HOUR;
	spent.now += 24 * USEC_HOUR;
	CHECK(tenants_add_spent(w.t, &spent));
	CHECK(tenants_put(w.t, &row, spent.now, NULL, NULL));
	world_free(&w);
}

/* More rows than there is room for, but never so many at a time. */
TEST(users_with_rows_leave_nothing_behind)
{
	enum { MANY = 3 * TENANT_USERS_MOST };
	struct world w = world_new();
	struct tenant_row user = row_of(USER_ROW, TENANT_USER, KEY);
	struct tenant_state s;
	char name[16];
	bool done = true;

	put_three(&w, 0, 0, 0);
	for (int i = 0; i < MANY && done; i++) {
		usec now = 10 * USEC_MIN + i * USEC_SEC;

		user.id = UINT64_C(1000000) + (uint64_t)i * 7;
		user.name = str_of(name, (size_t)snprintf(name, sizeof(name), "u%d", i));
		user.revoked_wall = 0;
		done = CHECK(tenants_put(w.t, &user, now, NULL, NULL)) &&
		       CHECK(tenants_look(w.t, user.id, now, NOON, &s));
		user.revoked_wall = NOON;
		done = done && CHECK(tenants_put(w.t, &user, now, NULL, NULL)) &&
		       CHECK(!tenants_look(w.t, user.id, now, NOON, &s));
	}
	world_free(&w);
}

/* ---- many threads at once ---- */

enum { THREADS = 4, TURNS = 20000, HANDS = 8 };

struct hammer {
	struct world *w;
	uint64_t chance;
	nanousd charged; /* by this thread */
	unsigned refused;
};

static uint64_t draw(uint64_t *state)
{
	*state += UINT64_C(0x9e3779b97f4a7c15);
	uint64_t z = (*state ^ *state >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void check_bound(struct world *w, uint64_t id, nanousd limit)
{
	struct tenant_state s;

	tenants_look(w->t, id, 0, NOON, &s);
	if (s.spent[BUDGET_DAY] + s.reserved[BUDGET_DAY] > limit)
		CHECK_INT(s.spent[BUDGET_DAY] + s.reserved[BUDGET_DAY], limit);
}

static void *hammer(void *arg)
{
	struct hammer *h = arg;
	struct tenant_reservation held[HANDS];
	struct tenant_refusal why;
	struct tenant_chain c[HANDS];
	bool busy[HANDS] = { false };

	for (unsigned turn = 0; turn < TURNS + HANDS; turn++) {
		unsigned i = turn < TURNS ? draw(&h->chance) % HANDS : turn - TURNS;

		if (busy[i]) {
			nanousd most = held[i].amount.most, cost;

			if (draw(&h->chance) % 8 == 0 &&
			    !tenant_extend(&c[i], &held[i], most / 2, &why))
				h->refused++;
			cost = (nanousd)(draw(&h->chance) %
			                 (uint64_t)(held[i].amount.most + 1));
			if (draw(&h->chance) % 4 == 0)
				cost = 0; /* it failed */
			h->charged += cost;
			tenant_settle(&c[i], &held[i], cost);
			tenant_chain_done(&c[i], 0, 0);
			busy[i] = false;
		} else if (turn < TURNS) {
			nanousd amount = (nanousd)(draw(&h->chance) % 3000) + 1;

			if (tenants_chain(h->w->t, draw(&h->chance) % 2 ? KEY : OTHER,
			                  STR("u"), 0, NOON, &c[i]))
				continue;
			busy[i] = tenant_reserve(&c[i],
			                         (struct tenant_amount){ amount, amount },
			                         NOON, &held[i], &why);
			h->refused += !busy[i];
			if (!busy[i])
				tenant_chain_done(&c[i], 0, 0);
		}
		check_bound(h->w, TENANT_DEFAULT, 30 * 1000 * 1000);
		check_bound(h->w, TEAM, 20 * 1000 * 1000);
		check_bound(h->w, KEY, 12 * 1000 * 1000);
	}
	return NULL;
}

TEST(no_budget_is_overrun_by_threads)
{
	struct world w = world_new();
	struct tenant_row other = row_of(OTHER, TENANT_KEY, TENANT_DEFAULT);
	struct hammer h[THREADS];
	pthread_t threads[THREADS];
	struct tenant_state s;
	nanousd sum = 0;
	unsigned refused = 0;

	put_three(&w, 30 * 1000 * 1000, 20 * 1000 * 1000, 12 * 1000 * 1000);
	other.per_user.budget[BUDGET_DAY] = 15 * 1000 * 1000;
	put(&w, &other);
	for (unsigned i = 0; i < THREADS; i++) {
		h[i] = (struct hammer){ .w = &w, .chance = i + 1 };
		pthread_create(&threads[i], NULL, hammer, &h[i]);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		sum += h[i].charged;
		refused += h[i].refused;
	}
	CHECK(refused > 0);
	CHECK(tenants_look(w.t, TENANT_DEFAULT, 0, NOON, &s));
	CHECK_INT(s.reserved[BUDGET_DAY], 0);
	CHECK_INT(s.spent[BUDGET_DAY], sum);
	CHECK(tenants_look_user(w.t, OTHER, STR("u"), 0, NOON, &s));
	CHECK(s.spent[BUDGET_DAY] <= 15 * 1000 * 1000);
	world_free(&w);
}
