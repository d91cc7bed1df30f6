/* Sums against rows: whatever order rows come in, whatever is tried twice. */
#include "base/mem.h"
#include "store/ledger_private.h"
#include "store/report.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>

/* 2026-11-26 00:00 UTC */
#define DAY_ZERO (1795651200LL * USEC_SEC)

static const struct ledger_places no_journal;
static const struct price a_price = { .version = 7, .of = { [PRICE_INPUT] = 150000 } };
static char path[512];

static struct ledger *open_again(void)
{
	struct buf why = BUF_LIMIT(KiB);
	struct ledger *l = ledger_open(path, &why);
	if (!CHECK(l))
		printf("%s\n", buf_z(&why));
	buf_free(&why);
	return l;
}

static struct ledger *open_fresh(void)
{
	snprintf(path, sizeof(path), "%s/ledger.db", test_dir());
	return open_again();
}

static void check_verified(struct ledger *l)
{
	struct buf text = BUF_LIMIT(64 * KiB);
	uint64_t rows;

	if (!CHECK(ledger_verify(l, &text, &rows)))
		printf("%s\n", ledger_error(l, NULL));
	if (!CHECK(text.len == 0))
		printf("%.*s\n", STR_ARG(buf_str(&text)));
	buf_free(&text);
}

static uint64_t state = 1;

static uint64_t pick(uint64_t most)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (state >> 33) % most;
}

static str one_of(const char *const *texts, uint64_t count)
{
	return str_from_z(texts[pick(count)]);
}

/* The n-th attempt of a made-up traffic over some months; the same each time. */
static struct attempt_row row_of(uint64_t n)
{
	static const char *const providers[] = { "openai", "anthropic", "local" };
	static const char *const models[] = { "gpt-5-mini", "claude-haiku", "llama" };
	static const char *const agents[] = { "curl/8", "OpenAI/JS 5.1",
		                              "claude-cli/2.0 (x)", "" };
	static const char *const users[] = { "", "ann", "bob", "eve" };
	static const char *const tags[] = { "", "env=prod", "app=chat,env=test" };
	static const char *const faults[] = { "", "", "", "CONNECT_FAILED" };
	struct attempt_row row = { .number = 1, .operation = STR("chat") };

	state = n * 2654435761u + 99;
	row.began_wall =
	        DAY_ZERO + (usec)(pick(100 * 86400) * USEC_SEC) + (usec)pick(999999);
	row.id = row.exchange = (uint64_t)row.began_wall << 8 | n % 4;
	row.key = 100 + pick(4);
	row.team = 10 + pick(2);
	row.user = one_of(users, 4);
	row.tags = one_of(tags, 3);
	row.provider = one_of(providers, 3);
	row.model = one_of(models, 3);
	row.route = STR("fast");
	row.reserved = (nanousd)pick(3) * 1000000;
	row.state = ROW_DONE;
	row.fault = one_of(faults, 4);
	row.status = 200;
	row.usage_kind = (enum usage_kind)pick(4);
	row.usage = (struct token_usage){ .input = pick(5000),
		                          .cache_read = pick(100),
		                          .output = pick(1000),
		                          .images = pick(2) };
	row.cost = pick(5) ? (nanousd)pick(1000000007) : COST_UNKNOWN;
	row.price = row.cost == COST_UNKNOWN ? NULL : &a_price;
	row.flags = (unsigned)pick(64);
	row.total = (usec)pick(1000000);
	row.first_token = (usec)pick(3) * 1000;
	row.closes = pick(4) > 0;
	row.client_status = pick(4) ? 200 : 503;
	row.attempts = 1 + (uint32_t)pick(2);
	row.agent = one_of(agents, 4);
	return row;
}

static struct attempt_row open_of(uint64_t n)
{
	struct attempt_row row = row_of(n);

	row.state = ROW_OPEN;
	return row;
}

/* Some of the rows, in any order; each may come several times and in both halves. */
static bool put_some(struct ledger *l, uint64_t rows, uint64_t count, uint64_t seed)
{
	bool ok = ledger_begin(l);

	for (uint64_t i = 0; ok && i < count; i++) {
		state = seed + i * 7919;
		uint64_t n = pick(rows);
		bool opens = pick(3) == 0;
		struct attempt_row row = opens ? open_of(n) : row_of(n);

		ok = ledger_put(l, &row, NULL);
	}
	return ok;
}

static void put_all(struct ledger *l, uint64_t rows)
{
	for (uint64_t round = 0; round < 8; round++) {
		bool ok = put_some(l, rows, rows / 3, round * 104729);

		/* Every other transaction fails, and is tried again. */
		if (round % 2) {
			ledger_rollback(l);
			ok = put_some(l, rows, rows / 3, round * 104729);
		}
		CHECK(ok && ledger_commit(l));
	}
	bool ok = ledger_begin(l);
	for (uint64_t n = 0; ok && n < rows; n++) {
		struct attempt_row row = n % 11 ? row_of(n) : open_of(n);

		ok = ledger_put(l, &row, NULL);
	}
	CHECK(ok && ledger_commit(l));
}

/* ---- the same sums, added up row by row ---- */

struct reference {
	struct report_query q;
	struct sums total;
	uint64_t rows;
};

static bool add_row(void *arg, const struct attempt_row *row)
{
	struct reference *r = arg;
	const struct report_row *only = &r->q.only;

	if (row->state == ROW_OPEN || (only->key && only->key != row->key) ||
	    (only->model.len && !str_eq(only->model, row->model)) ||
	    (only->user.len && !str_eq(only->user, row->user)))
		return true;
	sums_add_row(&r->total, row);
	r->rows++;
	return true;
}

static void check_report(struct ledger *l, const struct report_query *q)
{
	struct reference want = { .q = *q };
	struct report got;

	CHECK(ledger_span(l, q->since, q->until ? q->until : INT64_MAX, add_row, &want));
	CHECK(ledger_report(l, q, &got));
	for (int i = 0; i < SUM_COUNT; i++) {
		if (!CHECK_INT(got.total.of[i], want.total.of[i]))
			printf("%s\n", sum_names[i]);
	}
	CHECK(!got.is_rounded);
	report_done(&got);
}

TEST(rollup_sums_are_those_of_the_rows)
{
	enum { ROWS = 3000 };
	static const unsigned bys[] = { 0, REPORT_TEAM | REPORT_KEY | REPORT_USER,
		                        REPORT_MODEL | REPORT_PROVIDER,
		                        REPORT_TAG | REPORT_CLIENT | REPORT_ROUTE,
		                        REPORT_USER | REPORT_MODEL };
	struct ledger *l = open_fresh();
	uint64_t count;

	put_all(l, ROWS);
	check_verified(l);
	CHECK(ledger_close_open_rows(l, &count));
	CHECK(count > 10);
	check_verified(l);
	put_all(l, ROWS); /* a replay: nothing changes */
	check_verified(l);
	for (unsigned i = 0; i < 60; i++) {
		state = i;
		usec since = DAY_ZERO + (usec)(pick(100 * 86400) * USEC_SEC);
		usec span = (usec)(pick(90 * 86400) * USEC_SEC);
		struct report_query q = { .since = i % 3 ? since
			                                 : since / USEC_HOUR * USEC_HOUR,
			                  .until = i % 4 ? since + span : 0,
			                  .by = bys[i % countof(bys)] };

		if (i % 5 == 1)
			q.only.user = STR("bob");
		if (i % 5 == 2)
			q.only.key = 102;
		if (i % 5 == 3)
			q.only.model = STR("llama");
		check_report(l, &q);
	}
	ledger_close(&l);
}

TEST(rollup_takes_new_rows_many_at_a_time)
{
	struct ledger *l = open_fresh();

	for (int failing = 1; failing >= 0; failing--) {
		CHECK(ledger_begin(l));
		for (uint64_t n = 0; n < 1000; n++) {
			struct attempt_row row = row_of(n);

			row.kind = n + 1; /* what was known of it goes with the rest */
			CHECK(ledger_put_new(l, &row));
		}
		if (failing)
			ledger_rollback(l);
		else
			CHECK(ledger_commit(l));
		check_verified(l);
	}
	ledger_close(&l);
	l = open_fresh();
	check_verified(l);
	ledger_close(&l);
}

static unsigned count_groups(const char *sql)
{
	sqlite3_stmt *st = NULL;
	sqlite3 *db = NULL;
	unsigned count = 0;

	CHECK(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK);
	CHECK(sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK);
	if (sqlite3_step(st) == SQLITE_ROW)
		count = (unsigned)sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return count;
}

/* No sum grows out of its column, where the next commit would fail for ever. */
/* A row that says how many records are missing is no attempt, and none without a cost. */
TEST(rollup_counts_no_gap_as_an_attempt)
{
	struct ledger *l = open_fresh();
	struct report_query q = { 0 };
	struct report r;
	struct attempt_row gap = row_of(1);

	gap.number = 0;
	gap.cost = COST_UNKNOWN;
	gap.price = NULL;
	CHECK(ledger_begin(l) && ledger_put(l, &gap, NULL) && ledger_commit(l));
	check_verified(l);
	CHECK(ledger_report(l, &q, &r));
	CHECK_INT(r.total.of[SUM_ATTEMPTS], 0);
	CHECK_INT(r.total.of[SUM_UNPRICED], 0);
	report_done(&r);
	ledger_close(&l);
}

TEST(rollup_has_an_end_to_its_sums)
{
	struct ledger *l = open_fresh();

	for (unsigned i = 0; i < 4; i++) {
		struct attempt_row row = { .began_wall = DAY_ZERO + i,
			                   .number = 1,
			                   .state = ROW_DONE,
			                   .usage = { .input = INT64_MAX - 1,
			                              .output = 2 },
			                   .cost = COST_UNKNOWN };

		row.id = row.exchange = (uint64_t)row.began_wall << 8;
		CHECK(ledger_begin(l));
		CHECK(ledger_put(l, &row, NULL));
		CHECK(ledger_commit(l));
	}
	CHECK_INT(count_groups("SELECT count(*) FROM rollup WHERE input_tokens ="
	                       " 4611686018427387904 AND output_tokens = 8"
	                       " AND attempts = 4"),
	          6);
	ledger_close(&l);
}

TEST(rollup_has_a_bounded_number_of_groups)
{
	struct ledger *l = open_fresh();
	char user[32], tags[32], model[32];

	rollup_limit(l->rollup, 20);
	for (unsigned batch = 0; batch < 10; batch++) {
		CHECK(ledger_begin(l));
		for (unsigned i = 0; i < 100; i++) {
			struct attempt_row row = row_of(batch * 100 + i);

			/* All in one hour, no two alike; five keys. */
			row.began_wall = DAY_ZERO + batch * 100 + i;
			row.id = row.exchange = (uint64_t)row.began_wall << 8;
			row.key = 1 + i % 5;
			snprintf(user, sizeof(user), "user-%u-%u", batch, i);
			snprintf(tags, sizeof(tags), "run=%u-%u", batch, i);
			snprintf(model, sizeof(model), "model-%u-%u", batch, i);
			row.user = str_from_z(user);
			row.tags = str_from_z(tags);
			row.model = str_from_z(model);
			CHECK(ledger_put(l, &row, NULL));
		}
		CHECK(ledger_commit(l));
	}
	check_verified(l);
	CHECK(count_groups("SELECT max(n) FROM (SELECT count(*) AS n FROM rollup"
	                   " GROUP BY family, span, period)") <= 20 * 3 + 10);
	/* Each key's money is exact all the same. */
	struct report_query q = { .by = REPORT_KEY };
	struct report r;
	CHECK(ledger_report(l, &q, &r));
	CHECK_INT(r.count, 5);
	CHECK_INT(r.total.of[SUM_ATTEMPTS], 1000);
	report_done(&r);
	q.by = REPORT_USER;
	CHECK(ledger_report(l, &q, &r));
	CHECK_INT(r.total.of[SUM_ATTEMPTS], 1000);
	bool several = false;
	for (unsigned i = 0; i < r.count; i++)
		several |= str_eq(r.rows[i].user, STR("*"));
	CHECK(several);
	report_done(&r);
	ledger_close(&l);
}

TEST(rollup_difference_is_found)
{
	static const char *const tamper[] = {
		"UPDATE attempt SET cost_nano = cost_nano + 1 WHERE id = "
		"(SELECT id FROM attempt WHERE cost_nano > 0 LIMIT 1)",
		"DELETE FROM attempt WHERE id = (SELECT max(id) FROM attempt)",
		"UPDATE rollup SET charged_nano = charged_nano - 1 WHERE span = 1 AND "
		"period = "
		"(SELECT min(period) FROM rollup WHERE span = 1)",
		"UPDATE rollup SET errors = errors + 1 WHERE span = 2",
		/* The sum of one, under another's name. */
		"UPDATE rollup SET grp = (SELECT max(id) + 1 FROM usage_group) WHERE "
		"span = 1 AND grp = (SELECT min(grp) FROM rollup WHERE span = 1)",
		"UPDATE rollup SET grp = (SELECT max(id) + 1 FROM usage_group) WHERE "
		"span = 0 AND grp = (SELECT min(grp) FROM rollup WHERE span = 0)",
		/* What one user spent, as another's: in hours, days and months alike. */
		"UPDATE usage_group SET user = 'mallory' WHERE id = (SELECT min(id) FROM "
		"usage_group WHERE user = 'bob')",
	};

	for (unsigned i = 0; i < countof(tamper); i++) {
		struct ledger *l = open_fresh();
		struct buf text = BUF_LIMIT(64 * KiB);
		uint64_t rows = 0;

		put_all(l, 100);
		check_verified(l);
		CHECK(sqlite3_exec(l->db, tamper[i], NULL, NULL, NULL) == SQLITE_OK);
		CHECK(ledger_verify(l, &text, &rows));
		if (!CHECK(text.len > 0))
			printf("not found: %s\n", tamper[i]);
		buf_free(&text);
		ledger_close(&l);
		remove(path);
	}
}

/* ---- corrections ---- */

static bool see_cost(void *arg, const struct attempt_row *row)
{
	nanousd *costs = arg;

	costs[0] = row_cost(row);
	costs[1] = row_charged(row);
	return true;
}

static bool correct(struct ledger *l, uint64_t attempt, nanousd cost)
{
	struct correction_row c = { .attempt = attempt,
		                    .made_wall = DAY_ZERO,
		                    .why = STR("a price was wrong") };
	struct price price = { .version = (uint64_t)cost, .of = { 1, 2, 3 } };
	bool changed = false;

	CHECK(ledger_begin(l) && ledger_correct(l, &c, cost, &price, &changed, NULL) &&
	      ledger_commit(l));
	return changed;
}

static bool count_correction(void *arg, const struct correction_row *row)
{
	nanousd *sum = arg;

	CHECK_STR(row->why, "a price was wrong");
	CHECK(row->new_version > 0);
	*sum += row->delta;
	return true;
}

TEST(correction_is_an_entry_of_its_own)
{
	struct ledger *l = open_fresh();
	struct attempt_row known = row_of(1), unknown = row_of(2);
	nanousd costs[2], delta = 0;

	known.cost = 1000;
	unknown.cost = COST_UNKNOWN;
	unknown.price = NULL;
	unknown.reserved = 700;
	CHECK(ledger_begin(l) && ledger_put(l, &known, NULL) &&
	      ledger_put(l, &unknown, NULL) && ledger_commit(l));
	CHECK(correct(l, known.id, 400));
	CHECK(!correct(l, known.id, 400)); /* it is that already */
	CHECK(correct(l, known.id, 450));
	CHECK(correct(l, unknown.id, 300));
	check_verified(l);
	CHECK(ledger_attempt(l, known.id, see_cost, costs));
	CHECK(costs[0] == 450 && costs[1] == 450);
	CHECK(ledger_attempt(l, unknown.id, see_cost, costs));
	CHECK(costs[0] == 300 && costs[1] == 300);
	CHECK(ledger_corrections(l, known.id, count_correction, &delta));
	CHECK_INT(delta, -550);
	struct report_query q = { 0 };
	struct report r;
	CHECK(ledger_report(l, &q, &r));
	CHECK_INT(r.total.of[SUM_COST], 750);
	CHECK_INT(r.total.of[SUM_CHARGED], 750);
	CHECK_INT(r.total.of[SUM_CORRECTED], -250);
	CHECK_INT(r.total.of[SUM_UNPRICED], 0);
	report_done(&r);
	CHECK(!correct(l, 12345, 1)); /* there is no such attempt */
	ledger_close(&l);
}

/* ---- retention ---- */

TEST(retention_changes_no_total)
{
	struct ledger *l = open_fresh();
	struct report before, after;
	bool more = true;
	uint64_t count;

	put_all(l, 2000);
	CHECK(ledger_close_open_rows(l, &count));
	for (uint64_t n = 0; n < 100; n++)
		correct(l, row_of(n).id, 77);
	struct report_query q = { .by = REPORT_MODEL };
	CHECK(ledger_report(l, &q, &before));
	/* In the middle of an hour: that hour stays whole. */
	usec gone = DAY_ZERO + 50 * 24 * USEC_HOUR + 30 * USEC_MIN;
	for (int i = 0; more && i < 100; i++)
		CHECK(ledger_prune(l, gone, 0, &no_journal, &more));
	CHECK(!more);
	check_verified(l);
	CHECK(count_groups("SELECT count(*) FROM attempt") < 1100);
	CHECK(count_groups("SELECT count(*) FROM attempt WHERE id >> 8 < "
	                   "1795651200000000 + 50 * 86400000000") == 0);
	CHECK(ledger_report(l, &q, &after));
	CHECK(memcmp(&before.total, &after.total, sizeof(before.total)) == 0);
	CHECK_INT(before.count, after.count);
	CHECK(!after.is_rounded);
	report_done(&after);
	/* A span that begins within an hour that is gone begins with the whole of it, and
	 * says so. */
	q.since = DAY_ZERO + 10 * USEC_HOUR + 1;
	CHECK(ledger_report(l, &q, &after));
	CHECK(after.is_rounded);
	report_done(&after);
	/* Days of a zone off the full hour: each hour is in one of them. */
	struct sums sums = { 0 };
	for (int day = -1; day < 130; day++) {
		q.since = DAY_ZERO + day * 24 * USEC_HOUR - 330 * USEC_MIN;
		q.until = q.since + 24 * USEC_HOUR;
		CHECK(ledger_report(l, &q, &after));
		sums_add(&sums, &after.total);
		report_done(&after);
	}
	CHECK(memcmp(&before.total, &sums, sizeof(sums)) == 0);
	report_done(&before);
	ledger_close(&l);
}

TEST(retention_keeps_the_ledger_below_its_size)
{
	struct ledger *l = open_fresh();
	bool more = true;
	int turns = 0;

	put_all(l, 3000);
	unsigned rows = count_groups("SELECT count(*) FROM attempt");
	CHECK(ledger_checkpoint(l));
	for (; more && turns < 5000; turns++)
		CHECK(ledger_prune(l, 0, 1, &no_journal, &more));
	check_verified(l);
	CHECK(!more && ledger_is_too_large(l));
	/* What is written now is never deleted, however small the bound. */
	unsigned left = count_groups("SELECT count(*) FROM attempt");
	CHECK(left > 0 && left < rows / 2);
	ledger_close(&l);
}

static unsigned count_dangling(void)
{
	return count_groups("SELECT count(*) FROM attempt a WHERE"
	                    " request NOT IN (SELECT id FROM request)"
	                    " OR outcome NOT IN (SELECT id FROM outcome)"
	                    " OR caller NOT IN (SELECT id FROM caller)"
	                    " OR subject NOT IN (SELECT id FROM subject)"
	                    " OR price NOT IN (SELECT id FROM price)");
}

static struct attempt_row named_row(unsigned n, usec began, const char *user)
{
	struct attempt_row row = row_of(1);

	row.began_wall = began + n;
	row.id = row.exchange = (uint64_t)row.began_wall << 8;
	row.user = row.agent = row.client = row.fault = str_from_z(user);
	row.closes = true;
	row.state = ROW_DONE;
	return row;
}

/* Names go with the last attempt that has them, while others are written. */
TEST(retention_deletes_what_nobody_points_to)
{
	struct ledger *l = open_fresh();
	bool more = true;
	char user[32];

	CHECK(ledger_begin(l));
	for (unsigned n = 0; n < 12000; n++) {
		snprintf(user, sizeof(user), "gone-%u", n);
		struct attempt_row row = named_row(n, DAY_ZERO, user);
		CHECK(ledger_put(l, &row, NULL));
	}
	for (unsigned n = 0; n < 12000; n++) {
		snprintf(user, sizeof(user), "kept-%u", n);
		struct attempt_row row =
		        named_row(n, DAY_ZERO + 40 * 24 * USEC_HOUR, user);
		row.state = n % 2 ? ROW_DONE : ROW_OPEN;
		CHECK(ledger_put(l, &row, NULL));
	}
	CHECK(ledger_commit(l));
	/* Each turn an old name comes back, and a row that was open is settled. */
	for (unsigned turn = 0; more && turn < 1000; turn++) {
		CHECK(ledger_prune(l, DAY_ZERO + 24 * USEC_HOUR, 0, &no_journal, &more));
		struct attempt_row settled =
		        named_row(turn * 2, DAY_ZERO + 40 * 24 * USEC_HOUR, "settled");
		snprintf(user, sizeof(user), "kept-%u", turn * 2);
		settled.user = str_from_z(user);
		char name[32];
		snprintf(name, sizeof(name), "gone-%u", turn * 100);
		settled.agent = settled.fault = str_from_z(name);
		CHECK(ledger_begin(l) && ledger_put(l, &settled, NULL) &&
		      ledger_commit(l));
	}
	CHECK(!more);
	CHECK_INT(count_dangling(), 0);
	CHECK_INT(count_groups("SELECT count(*) FROM attempt"), 12000);
	CHECK_INT(count_groups("SELECT count(*) FROM subject"), 12000);
	CHECK(count_groups("SELECT count(*) FROM caller WHERE agent LIKE 'gone-%'") < 50);
	CHECK(count_groups("SELECT count(*) FROM outcome WHERE fault LIKE 'gone-%'") <
	      50);
	check_verified(l);
	/* And a new row with the same ids of labels, perhaps, counts for whom it is. */
	struct attempt_row row = named_row(1, DAY_ZERO + 41 * 24 * USEC_HOUR, "gone-7");
	CHECK(ledger_begin(l) && ledger_put(l, &row, NULL) && ledger_commit(l));
	check_verified(l);
	CHECK_INT(count_dangling(), 0);
	ledger_close(&l);
}

/* ---- clocks ---- */

/* Ids go on above the highest when the clock is set back, here by a day. */
TEST(span_finds_attempts_of_before_the_clock_was_set_back)
{
	struct ledger *l = open_fresh();
	const usec day = 24 * USEC_HOUR;

	for (int again = 0; again < 2; again++) {
		struct attempt_row row = row_of(1);
		struct reference seen = { .q.by = 0 };

		row.id = row.exchange = (uint64_t)(DAY_ZERO + 2 * day + again) << 8;
		row.began_wall = DAY_ZERO + day + again;
		row.state = ROW_DONE;
		row.detail = STR_NONE;
		CHECK(ledger_begin(l));
		/* What is not committed is not known either. */
		CHECK(ledger_put_new(l, &row));
		ledger_rollback(l);
		CHECK(ledger_begin(l) && ledger_put_new(l, &row) && ledger_commit(l));
		CHECK(ledger_span(l, DAY_ZERO, DAY_ZERO + day + USEC_HOUR, add_row,
		                  &seen));
		CHECK_INT(seen.total.of[SUM_ATTEMPTS], again + 1);
		ledger_close(&l);
		l = open_again();
	}
	ledger_close(&l);
}

/* Its request arrived so much earlier: the body took its time, or its turn did. */
static struct attempt_row late_row(usec began, usec behind)
{
	struct attempt_row row = row_of(1);

	row.began_wall = began;
	row.id = row.exchange = (uint64_t)(began - behind) << 8;
	row.state = ROW_DONE;
	row.detail = STR_NONE;
	return row;
}

static int64_t count_span(struct ledger *l, usec since, usec until)
{
	struct report_query q = { .since = since, .until = until };
	struct reference seen = { .q.by = 0 };
	struct report r;

	CHECK(ledger_span(l, since, until ? until : INT64_MAX, add_row, &seen));
	CHECK(ledger_report(l, &q, &r));
	CHECK_INT(r.total.of[SUM_ATTEMPTS], seen.total.of[SUM_ATTEMPTS]);
	report_done(&r);
	return seen.total.of[SUM_ATTEMPTS];
}

/* Of two spans that adjoin one alone has it, wherever they meet. */
static void check_is_in_one(struct ledger *l, usec began, usec behind)
{
	const usec cuts[] = { began - behind - 1, began - behind, began - behind / 2,
		              began, began + 1 };

	for (unsigned i = 0; i < countof(cuts); i++) {
		CHECK_INT(count_span(l, 0, cuts[i]), cuts[i] > began);
		CHECK_INT(count_span(l, cuts[i], 0), cuts[i] <= began);
	}
}

static void change_file(const char *sql)
{
	sqlite3 *db = NULL;

	CHECK(sqlite3_open(path, &db) == SQLITE_OK);
	CHECK(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
	sqlite3_close(db);
}

TEST(span_finds_attempts_that_began_later_than_their_ids)
{
	static const usec behinds[] = { USEC_SEC, 50 * USEC_SEC, 40 * USEC_MIN,
		                        ROW_BEHIND_MOST, 30 * USEC_HOUR };
	struct ledger *l = open_fresh();

	for (unsigned i = 0; i < countof(behinds); i++) {
		usec began = DAY_ZERO + 30 * USEC_HOUR + 1000;
		struct attempt_row row = late_row(began, behinds[i]);

		CHECK(ledger_begin(l) && ledger_put_new(l, &row));
		ledger_rollback(l);
		CHECK(ledger_begin(l) && ledger_put_new(l, &row) && ledger_commit(l));
		check_is_in_one(l, began, behinds[i]);
		ledger_close(&l);
		l = open_again();
		check_is_in_one(l, began, behinds[i]);
		ledger_close(&l);
		change_file("DELETE FROM attempt; DELETE FROM rollup; DELETE FROM clock");
		l = open_again();
	}
	ledger_close(&l);
}

/* An older Sluice wrote them, and nothing down. */
TEST(span_finds_attempts_of_an_older_ledger)
{
	const usec began = DAY_ZERO + 30 * USEC_HOUR + 1000;
	const usec behinds[] = { USEC_SEC, 3 * USEC_HOUR };

	for (unsigned i = 0; i < 2 * countof(behinds); i++) {
		struct attempt_row row = late_row(began, behinds[i / 2]);
		struct ledger *l;

		snprintf(path, sizeof(path), "%s/old%u.db", test_dir(), i);
		l = open_again();
		CHECK(ledger_begin(l) && ledger_put(l, &row, NULL) && ledger_commit(l));
		ledger_close(&l);
		change_file("ALTER TABLE clock DROP COLUMN behind; DELETE FROM clock;"
		            "DROP INDEX attempt_exchange; PRAGMA user_version = 10");
		if (i % 2)
			change_file("INSERT INTO clock VALUES (1, 9000000000)");
		l = open_again();
		check_is_in_one(l, began, behinds[i / 2]);
		CHECK_INT(count_groups("SELECT coalesce(max(ahead), 0) / 1000000 FROM "
		                       "clock"),
		          i % 2 ? 9000 : 0);
		ledger_close(&l);
	}
}

/* ---- retention of those ---- */

/* Requests of each minute of some hours, whose bodies take the half of one. */
static void put_late_ones(struct ledger *l, unsigned hours)
{
	CHECK(ledger_begin(l));
	for (unsigned minute = 0; minute < hours * 60; minute++) {
		struct attempt_row row =
		        late_row(DAY_ZERO + minute * USEC_MIN, 30 * USEC_SEC);

		CHECK(ledger_put(l, &row, NULL));
	}
	CHECK(ledger_commit(l));
}

static void prune_all(struct ledger *l, usec before, uint64_t max_bytes)
{
	bool more = true;

	for (int i = 0; more && i < 1000; i++)
		CHECK(ledger_prune(l, before, max_bytes, &no_journal, &more));
	CHECK(!more);
}

TEST(retention_keeps_an_hour_whole_though_ids_are_below_it)
{
	struct ledger *l = open_fresh();

	put_late_ones(l, 6);
	correct(l, late_row(DAY_ZERO + 3 * USEC_HOUR, 30 * USEC_SEC).id, 77);
	prune_all(l, DAY_ZERO + 3 * USEC_HOUR, 0);
	CHECK_INT(count_span(l, DAY_ZERO + 3 * USEC_HOUR, 0), 180);
	CHECK_INT(count_groups("SELECT count(*) FROM attempt"), 180);
	CHECK_INT(count_groups("SELECT count(*) FROM correction"), 1);
	check_verified(l);
	/* By size all but the hour of the last one. */
	prune_all(l, 0, 1);
	CHECK(ledger_is_too_large(l));
	CHECK_INT(count_groups("SELECT count(*) FROM attempt"), 60);
	CHECK_INT(count_span(l, DAY_ZERO + 5 * USEC_HOUR, 0), 60);
	check_verified(l);
	/* By age in the end all. */
	prune_all(l, DAY_ZERO + 6 * USEC_HOUR, 0);
	CHECK_INT(count_groups("SELECT count(*) FROM attempt"), 0);
	check_verified(l);
	ledger_close(&l);
}

/* An older Sluice deleted by ids; what it left of an hour says nothing of its sums. */
TEST(an_older_ledger_that_was_pruned_by_ids_adds_up)
{
	struct ledger *l = open_fresh();
	struct ledger_places places;
	uint64_t below;

	put_late_ones(l, 6);
	ledger_close(&l);
	/* Of 03:00: the hour that it wrote down. */
	change_file(
	        "DELETE FROM attempt WHERE id < (1795651200 + 3 * 3600) * 1000000 << 8;"
	        "INSERT INTO kept VALUES (1, 1795651200 / 3600 + 3);"
	        "ALTER TABLE clock DROP COLUMN behind; DROP INDEX attempt_exchange;"
	        "PRAGMA user_version = 10");
	l = open_again();
	check_verified(l);
	CHECK(ledger_pruned(l, &places, &below));
	CHECK_INT(below >> 8, DAY_ZERO + 4 * USEC_HOUR);
	ledger_close(&l);
	/* One that did not write down how far journals were in the ledger. */
	change_file("DROP TABLE journal_place; DROP TABLE clock;"
	            "DROP INDEX attempt_exchange; PRAGMA user_version = 8");
	l = open_again();
	CHECK(ledger_pruned(l, &places, &below));
	CHECK_INT(below >> 8, DAY_ZERO + 4 * USEC_HOUR);
	ledger_close(&l);
}

/* ---- budgets ---- */

struct spent {
	nanousd all, ann;
};

static bool add_spent(void *arg, uint64_t team, uint64_t key, str user, nanousd charged)
{
	struct spent *s = arg;

	CHECK(team >= 10 && key >= 100);
	s->all += charged;
	s->ann += str_eq(user, STR("ann")) ? charged : 0;
	return true;
}

TEST(spent_is_known_by_key_and_user)
{
	struct ledger *l = open_fresh();
	struct spent s = { 0 };
	uint64_t count;

	put_all(l, 500);
	CHECK(ledger_close_open_rows(l, &count));
	struct reference want = { .q.only.user = STR_INIT("ann") };
	usec since = DAY_ZERO + 30 * USEC_HOUR + 1234567;
	CHECK(ledger_span(l, since, INT64_MAX, add_row, &want));
	CHECK(ledger_spent(l, since, true, add_spent, &s));
	CHECK_INT(s.ann, want.total.of[SUM_CHARGED]);
	want = (struct reference){ 0 };
	CHECK(ledger_span(l, since, INT64_MAX, add_row, &want));
	CHECK_INT(s.all, want.total.of[SUM_CHARGED]);
	ledger_close(&l);
}

/* More users than sums tell apart: each one's money is known all the same. */
TEST(spent_is_known_of_users_beyond_the_sums)
{
	struct ledger *l = open_fresh();
	struct spent s = { 0 };
	bool more = true;

	rollup_limit(l->rollup, 5);
	CHECK(ledger_begin(l));
	for (unsigned i = 0; i < 100; i++) {
		struct attempt_row row = row_of(1);
		char user[16];

		snprintf(user, sizeof(user), "user-%u", i);
		row.began_wall = DAY_ZERO + 30 * USEC_MIN + i;
		row.id = row.exchange = (uint64_t)row.began_wall << 8;
		row.user = i < 90 ? str_from_z(user) : STR("ann");
		row.key = i == 0 ? 100 : 101; /* of the first nobody is folded */
		row.cost = 100;
		row.price = &a_price;
		if (i == 90)
			CHECK(ledger_commit(l) && ledger_begin(l));
		CHECK(ledger_put(l, &row, NULL));
	}
	CHECK(ledger_commit(l));
	CHECK(ledger_spent(l, DAY_ZERO, true, add_spent, &s));
	CHECK_INT(s.ann, 1000);
	CHECK_INT(s.all, 10000);
	/* What is left is the sum of all when their attempts are gone. */
	for (int i = 0; more && i < 10; i++)
		CHECK(ledger_prune(l, DAY_ZERO + 2 * USEC_HOUR, 0, &no_journal, &more));
	s = (struct spent){ 0 };
	CHECK(ledger_spent(l, DAY_ZERO, true, add_spent, &s));
	CHECK_INT(s.ann, 0);
	CHECK_INT(s.all, 10000);
	ledger_close(&l);
}

/* ---- people who are forgotten ---- */

static void put_of(struct ledger *l, const char *user, uint64_t from, unsigned count)
{
	CHECK(ledger_begin(l));
	for (uint64_t i = from; i < from + count; i++) {
		struct attempt_row row = row_of(1);

		row.began_wall = DAY_ZERO + (usec)i;
		row.id = row.exchange = (uint64_t)row.began_wall << 8;
		row.user = str_from_z(user);
		row.cost = 100;
		row.price = &a_price;
		CHECK(ledger_put(l, &row, NULL));
	}
	CHECK(ledger_commit(l));
}

static void check_spent_of_ann(struct ledger *l, nanousd ann, nanousd all)
{
	struct spent s = { 0 };

	check_verified(l);
	CHECK(ledger_spent(l, DAY_ZERO, true, add_spent, &s));
	CHECK_INT(s.ann, ann);
	CHECK_INT(s.all, all);
}

/* What comes next is nobody's who was forgotten, and none of it is lost. */
TEST(forgotten_people_may_come_back)
{
	static const usec befores[] = { 0, DAY_ZERO + 24 * USEC_HOUR };

	for (unsigned i = 0; i < countof(befores); i++) {
		struct ledger_person ann = { .user = STR("ann"), .before = befores[i] };
		struct ledger_forgotten gone;
		struct ledger *l = open_fresh();

		put_of(l, "ann", 0, 3);
		put_of(l, "bob", 10, 1);
		CHECK(ledger_begin(l));
		CHECK(ledger_forget(l, &ann, &gone) && ledger_commit(l));
		CHECK_INT(gone.attempts, 3);
		free(gone.exchanges);
		check_spent_of_ann(l, 0, 400);
		put_of(l, "ann", 20, 7);
		check_spent_of_ann(l, 700, 1100);
		ledger_close(&l);
		l = open_again();
		check_spent_of_ann(l, 700, 1100);
		ledger_close(&l);
	}
}

/* One after another, and what nobody is called any more is there once. */
TEST(many_people_are_forgotten)
{
	static const char *const names[] = { "ann", "ben", "cid", "dan", "eve" };
	struct ledger *l = open_fresh();

	CHECK(ledger_begin(l));
	for (unsigned i = 0; i < countof(names); i++) {
		struct attempt_row row = named_row(i, DAY_ZERO, names[i]);

		CHECK(ledger_put(l, &row, NULL));
	}
	CHECK(ledger_commit(l));
	for (unsigned i = 0; i < countof(names); i++) {
		struct ledger_person who = { .user = str_from_z(names[i]) };
		struct ledger_forgotten gone;

		CHECK(ledger_begin(l));
		CHECK(ledger_forget(l, &who, &gone) && ledger_commit(l));
		CHECK_INT(gone.attempts, 1);
		free(gone.exchanges);
		CHECK_INT(count_dangling(), 0);
		CHECK_INT(count_groups("SELECT count(*) FROM caller"),
		          countof(names) - i);
	}
	check_verified(l);
	ledger_close(&l);
}

/* Forgotten up to an hour in the middle of a day and of a month. */
TEST(forgetting_divides_the_sums_of_what_goes_on)
{
	const usec noon = DAY_ZERO + 12 * USEC_HOUR;
	struct ledger_person ann = { .user = STR("ann"), .before = noon - USEC_MIN };
	struct ledger_forgotten gone;
	struct ledger *l = open_fresh();
	const uint64_t hour = 3600000000u;

	put_of(l, "ann", 0, 3);
	put_of(l, "ann", 11 * hour + 5, 2);
	put_of(l, "ann", 12 * hour, 4); /* from that hour on they are hers */
	put_of(l, "bob", 11 * hour + 9, 1);
	CHECK(ledger_begin(l));
	CHECK(ledger_forget(l, &ann, &gone) && ledger_commit(l));
	CHECK_INT(gone.attempts, 5);
	free(gone.exchanges);
	check_spent_of_ann(l, 400, 1000);
	ann.before += 24 * USEC_HOUR; /* now all of the day, but not of the month */
	CHECK(ledger_begin(l));
	CHECK(ledger_forget(l, &ann, &gone) && ledger_commit(l));
	CHECK_INT(gone.attempts, 4);
	free(gone.exchanges);
	check_spent_of_ann(l, 0, 1000);
	CHECK_INT(count_groups("SELECT count(*) FROM usage_group WHERE user = 'ann'"), 0);
	ledger_close(&l);
}
