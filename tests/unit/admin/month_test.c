#include "admin/month.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static bool says_rounded(struct ledger *l, const char *value)
{
	struct buf text = BUF_LIMIT(MiB), want = BUF_LIMIT(KiB);

	buf_addf(&want, "\"is_rounded\":%s}", value);
	CHECK(month_write(l, STR("2026-11"), MONTH_JSON, &text));
	bool is_said = str_has(buf_str(&text), buf_str(&want));
	buf_free(&text);
	buf_free(&want);
	return is_said;
}

/* November of India begins within an hour of UTC. */
TEST(month_says_in_json_that_it_is_rounded)
{
	const usec first = 1793491200LL * USEC_SEC; /* 2026-11-01 00:00 UTC */
	static const struct ledger_places no_journal;
	struct buf why = BUF_LIMIT(KiB);
	char path[512];
	bool more = true;

	setenv("TZ", "Asia/Kolkata", 1);
	tzset();
	snprintf(path, sizeof(path), "%s/month.db", test_dir());
	struct ledger *l = ledger_open(path, &why);
	if (!CHECK(l))
		return;
	struct attempt_row row = { .id = (uint64_t)(first - 24 * USEC_HOUR) << 8,
		                   .number = 1,
		                   .began_wall = first - 24 * USEC_HOUR,
		                   .state = ROW_DONE };
	row.exchange = row.id;
	CHECK(ledger_begin(l) && ledger_put(l, &row, NULL) && ledger_commit(l));
	CHECK(says_rounded(l, "false"));
	while (more && CHECK(ledger_prune(l, first, 0, &no_journal, &more)))
		continue;
	CHECK(says_rounded(l, "true"));
	ledger_close(&l);
	buf_free(&why);
	setenv("TZ", "UTC", 1);
	tzset();
}
