#include "store/ledger.h"
#include "tests/check.h"

#include <stdio.h>

static const struct ledger_places no_journal;
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

static void put(struct ledger *l, uint64_t id, const char *trial, unsigned flags,
                nanousd cost)
{
	struct attempt_row row = {
		.id = id << 8,
		.exchange = id << 8,
		.number = 1,
		.began_wall = (usec)id,
		.operation = STR("chat"),
		.provider = STR("p"),
		.model = STR("m"),
		.trial = str_from_z(trial),
		.flags = flags,
		.state = ROW_DONE,
		.cost = cost,
		.usage_kind = USAGE_REPORTED,
		.closes = true,
		.attempts = 1,
	};

	CHECK(ledger_put(l, &row, NULL));
}

static bool count(void *arg, const struct attempt_row *row)
{
	unsigned *n = arg;

	CHECK_STR(row->trial, "t");
	(*n)++;
	return true;
}

struct stopped {
	unsigned count;
	usec wall;
};

static bool see(void *arg, str name, usec wall)
{
	struct stopped *s = arg;

	CHECK_STR(name, "t");
	s->count++;
	s->wall = wall;
	return true;
}

TEST(the_ledger_knows_a_trials_rows)
{
	struct ledger *l = open_ledger("trial");
	struct stopped s = { 0 };
	uint64_t exchanges;
	nanousd spent;
	unsigned n = 0;
	bool has_more;

	CHECK(ledger_begin(l));
	put(l, 1000, "t", 0, 5);
	put(l, 1001, "t", ROW_CANDIDATE, 70);
	put(l, 1002, "t", ROW_CANDIDATE | ROW_SHADOW, 600);
	put(l, 1003, "t", ROW_CANDIDATE, COST_UNKNOWN);
	put(l, 1004, "u", ROW_CANDIDATE, 8000);
	put(l, 1005, "", 0, 90000);
	CHECK(ledger_trial_stop(l, STR("t"), 77));
	CHECK(ledger_trial_stop(l, STR("t"), 88)); /* it keeps its day */
	CHECK(ledger_commit(l));
	CHECK(ledger_trial_spent(l, STR("t"), &spent, &exchanges));
	CHECK_INT(spent, 670);
	CHECK_INT(exchanges, 3);
	CHECK(ledger_trial_spent(l, STR("none"), &spent, &exchanges));
	CHECK_INT(spent, 0);
	CHECK_INT(exchanges, 0);
	for (unsigned most = 1; most < 9; most++) {
		uint64_t after = 0;
		unsigned slices = 0;

		for (n = 0, has_more = true; has_more; slices++)
			CHECK(ledger_trial_rows(l, STR("t"), &after, most, count, &n,
			                        &has_more));
		CHECK_INT(n, 4);
		CHECK(most > 1 || slices > 2); /* a slice looks at so many rows */
		CHECK(most < 6 || slices == 1);
	}
	n = 0;
	CHECK(ledger_trial_rows(l, STR("t"), &(uint64_t){ 1001 << 8 }, 9, count, &n,
	                        &has_more));
	CHECK_INT(n, 2);
	CHECK(ledger_trial_is_known(l, STR("u")));
	CHECK(!ledger_trial_is_known(l, STR("none")));
	CHECK(ledger_trials(l, see, &s));
	CHECK_INT(s.count, 1);
	CHECK_INT(s.wall, 77);
	ledger_close(&l);
}

/* max_cost is for all that a trial has spent, however long ago and whatever is said of it
 * later. */
TEST(what_a_trial_has_spent_is_not_forgotten)
{
	static const struct attempt_row died = {
		.id = (uint64_t)1003 << 8,
		.exchange = (uint64_t)1003 << 8,
		.number = 1,
		.began_wall = 1003,
		.operation = STR_INIT("chat"),
		.provider = STR_INIT("p"),
		.model = STR_INIT("m"),
		.trial = STR_INIT("t"),
		.flags = ROW_CANDIDATE,
		.state = ROW_OPEN,
		.reserved = 9000,
	};
	const struct correction_row more = { .attempt = (uint64_t)1001 << 8,
		                             .why = STR("dearer") };
	static const struct price dearer = { .version = 2 };
	struct ledger *l = open_ledger("trial-spent");
	uint64_t exchanges, closed;
	bool has_more = true, is_changed = false;
	unsigned n = 0;
	nanousd spent;

	CHECK(ledger_begin(l));
	put(l, 1000, "t", 0, 5);
	put(l, 1001, "t", ROW_CANDIDATE, 70);
	put(l, 1002, "u", ROW_CANDIDATE, 8000);
	CHECK(ledger_put(l, &died, NULL));
	CHECK(ledger_correct(l, &more, 570, &dearer, &is_changed, NULL) && is_changed);
	CHECK(ledger_commit(l));
	CHECK(ledger_trial_spent(l, STR("t"), &spent, &exchanges));
	CHECK_INT(spent, 570);
	CHECK(ledger_close_open_rows(l, &closed));
	CHECK(ledger_trial_spent(l, STR("t"), &spent, &exchanges));
	CHECK_INT(spent, 9570);
	CHECK_INT(exchanges, 2);
	while (has_more)
		CHECK(ledger_prune(l, 2 * USEC_HOUR, 0, &no_journal, &has_more));
	CHECK(ledger_attempt(l, (uint64_t)1001 << 8, count, &n) && n == 0);
	CHECK(ledger_trial_spent(l, STR("t"), &spent, &exchanges));
	CHECK_INT(spent, 9570);
	CHECK_INT(exchanges, 2);
	CHECK(ledger_begin(l));
	put(l, USEC_HOUR, "t", ROW_CANDIDATE, 1);
	CHECK(ledger_commit(l));
	for (has_more = true; has_more;)
		CHECK(ledger_prune(l, 3 * USEC_HOUR, 0, &no_journal, &has_more));
	CHECK(ledger_trial_spent(l, STR("t"), &spent, &exchanges));
	CHECK_INT(spent, 9571);
	CHECK_INT(exchanges, 3);
	ledger_close(&l);
}
