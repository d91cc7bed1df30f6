#include "admin/trial_read.h"
#include "tests/check.h"

#include <stdio.h>

/* 2026-11-26 00:00 UTC */
#define DAY_ZERO (1795651200LL * USEC_SEC)

static struct ledger *open_ledger(const char *name)
{
	struct buf why = BUF_LIMIT(KiB);
	char path[700];

	snprintf(path, sizeof(path), "%s/%s.db", test_dir(), name);
	struct ledger *l = ledger_open(path, &why);
	CHECK(l);
	buf_free(&why);
	return l;
}

/* An attempt of the candidate's, that began so many milliseconds after the first of its
 * exchange; attempts: it closes the exchange. */
static void put(struct ledger *l, unsigned exchange, unsigned after, nanousd cost,
                const char *fault, unsigned attempts)
{
	usec first = DAY_ZERO + exchange * USEC_SEC, began = first + after * USEC_MS;
	struct attempt_row row = {
		.id = (uint64_t)began << 8,
		.exchange = (uint64_t)first << 8,
		.number = 1 + (after > 0),
		.began_wall = began,
		.operation = STR("chat"),
		.provider = STR("p"),
		.model = STR("m"),
		.trial = STR("t"),
		.flags = ROW_CANDIDATE,
		.state = ROW_DONE,
		.fault = str_from_z(fault),
		.total = 1500 * USEC_MS,
		.exchange_total = 1500 * USEC_MS,
		.cost = cost,
		.usage_kind = USAGE_REPORTED,
		.client_status = 200,
		.closes = attempts > 0,
		.attempts = attempts,
	};

	CHECK(ledger_put(l, &row, NULL));
}

/* The first answers, and the one that was asked beside it, whose id is higher, has cost
 * something too. */
TEST(who_has_lost_a_race_is_part_of_its_exchange)
{
	struct ledger *l = open_ledger("race");
	struct trial_read t = { 0 };

	CHECK(ledger_begin(l));
	for (unsigned i = 0; i < 50; i++) {
		put(l, 2 * i, 0, 1000, "", 2);
		put(l, 2 * i, 700 + i, 70, "HEDGE_LOST", 0);
		put(l, 2 * i + 1, 0, 300, "", 1);
	}
	CHECK(ledger_commit(l));
	CHECK(trial_read(&t, l, STR("t"), 0));
	CHECK_INT(t.all.candidate.n, 100);
	CHECK_INT(t.all.candidate.spent, 50 * (1000 + 70 + 300));
	CHECK_INT(t.all.candidate.errors, 0);
	CHECK_INT(t.open, 0);
	trial_read_done(&t);
	ledger_close(&l);
}

TEST(an_exchange_whose_rows_are_not_all_there_is_counted_once)
{
	struct ledger *l = open_ledger("missing");
	struct trial_read t = { 0 };

	CHECK(ledger_begin(l));
	put(l, 0, 0, 1000, "", 3);
	put(l, 0, 700, 70, "HEDGE_LOST", 0);
	for (unsigned i = 1; i < TRIAL_SLICE + 10; i++)
		put(l, i, 0, 1, "", 1);
	put(l, TRIAL_SLICE + 10, 0, 9, "CONNECT_FAILED", 0); /* it goes on */
	put(l, TRIAL_SLICE + 11, 0, 1000, "", 2);
	CHECK(ledger_commit(l));
	CHECK(trial_read(&t, l, STR("t"), 0));
	CHECK_INT(t.all.candidate.n, TRIAL_SLICE + 11);
	CHECK_INT(t.all.candidate.spent, 2000 + 70 + TRIAL_SLICE + 9);
	CHECK_INT(t.open, 1);
	trial_read_done(&t);
	ledger_close(&l);
}
