#include "meter/odd_keeper.h"
#include "meter/recorder.h"
#include "tests/check.h"

#include <stdio.h>

static struct buf why = BUF_LIMIT(4 * KiB);

static bool add(void *arg, const struct odd_row *row)
{
	buf_addf(arg, "%.*s:%.*s=%d@%d-%d ", STR_ARG(row->provider), STR_ARG(row->name),
	         (int)row->count, (int)row->first_wall, (int)row->last_wall);
	return true;
}

static void check_ledger(const char *dir, const char *want)
{
	struct buf seen = BUF_LIMIT(4 * KiB);
	char path[512];

	snprintf(path, sizeof(path), "%s/ledger.db", dir);
	struct ledger *l = ledger_open_reader(path, &why);
	CHECK(l && ledger_odd(l, add, &seen));
	CHECK_STR_EQ(buf_str(&seen), str_from_z(want));
	ledger_close(&l);
	buf_free(&seen);
}

TEST(recorder_keeps_oddities_over_a_restart)
{
	struct recorder_options options = { .dir = test_dir(), .workers = 1 };

	for (int run = 0; run < 2; run++) {
		struct odd *o = options.odd = odd_new();
		struct recorder *r = recorder_new(&options, &why);

		if (!CHECK(r))
			return;
		odd_note(o, STR("a"), STR_NONE, 3, 10 + run);
		odd_note(o, STR("a"), STR("x"), 2, 10 + run);
		recorder_flush(r);
		check_ledger(options.dir, run ? "a:=7@10-11 a:x=4@10-11 b:=1@10-10 "
		                              : "a:=3@10-10 a:x=2@10-10 ");
		if (run == 0) {
			odd_note(o, STR("a"), STR_NONE, 1, 10);
			odd_note(o, STR("b"), STR_NONE, 1, 10);
		}
		recorder_free(&r); /* writes what is left */
		odd_free(&o);
	}
}
