/* Prices change, and what was written down follows: by entries, once, and only where it
 * differs. */
#include "admin/reprice.h"

#include "config/datadir.h"
#include "admin/trial_read.h"
#include "meter/recorder.h"
#include "policy/budget.h"
#include "store/report.h"
#include "tests/unit/config/helper.h"

#include <sqlite3.h>
#include <stdio.h>

/* 2026-11-26 00:00 UTC */
#define DAY_ZERO (1795651200LL * USEC_SEC)

enum { ROWS = 2500 };

static const struct price old_price = {
	.version = 7, .of = { [PRICE_INPUT] = 1000000, [PRICE_OUTPUT] = 2000000 }
};

struct rig {
	struct reading config;
	char dir[500], path[600];
	struct recorder *recorder;
	struct ledger *reader;
	struct calendar *calendar;
	struct tenants *tenants; /* the default organisation has a budget for the day */
	struct buf why;
};

/* A thousand tokens in, n out: 1,000,000 + 2,000 n nano-dollars so far. */
static struct attempt_row row_of(uint64_t n)
{
	struct attempt_row row = { .number = 1,
		                   .operation = STR("chat"),
		                   .trial = STR("t"),
		                   .provider = STR("local"),
		                   .model = STR("large"),
		                   .closes = true,
		                   .status = 200,
		                   .client_status = 200,
		                   .state = ROW_DONE,
		                   .usage_kind = USAGE_REPORTED,
		                   .usage = { .input = 1000, .output = n },
		                   .price = &old_price };

	row.began_wall = DAY_ZERO + (usec)n * USEC_SEC;
	row.id = row.exchange = (uint64_t)row.began_wall << 8;
	row.cost = 1000000 + 2000 * (nanousd)n;
	return row;
}

/* The last ones are of other kinds. */
static bool put_rows(struct rig *g)
{
	struct ledger *l = ledger_open(g->path, &g->why);
	bool ok = l && ledger_begin(l);

	for (uint64_t n = 0; ok && n < ROWS + 4; n++) {
		struct attempt_row row = row_of(n);

		switch (n) {
		case ROWS:
			row.usage_kind = USAGE_NONE;
			row.usage = (struct token_usage){ 0 };
			row.cost = 0;
			break;
		case ROWS + 1:
			row.cost = COST_UNKNOWN;
			row.price = NULL;
			break;
		case ROWS + 2:
			row.provider = STR("gone");
			break;
		case ROWS + 3:
			row.usage_kind = USAGE_UNKNOWN;
			row.usage = (struct token_usage){ 0 };
			row.cost = COST_UNKNOWN;
			break;
		default:
			break;
		}
		ok = ledger_put(l, &row, NULL);
	}
	ok = ok && ledger_commit(l);
	ledger_close(&l);
	return ok;
}

static bool begin(struct rig *g, const char *name)
{
	*g = (struct rig){ .why = BUF_LIMIT(KiB) };
	read_text(&g->config,
	          STR("version: 1\nproviders:\n"
	              "  local: { format: openai-chat, url: \"http://127.0.0.1:1/v1\", "
	              "key: none }\n"
	              "prices:\n  local/large: { input: $1/1M, output: $3/1M }\n"));
	if (!CHECK(g->config.config))
		print_notes(&g->config);
	snprintf(g->dir, sizeof(g->dir), "%s/%s", test_dir(), name);
	snprintf(g->path, sizeof(g->path), "%s/ledger.db", g->dir);
	return CHECK(datadir_make(str_from_z(g->dir), &g->why)) && CHECK(put_rows(g)) &&
	       CHECK(g->recorder = recorder_new(
	                     &(struct recorder_options){
	                             .dir = g->dir, .workers = 1, .strict = true },
	                     &g->why)) &&
	       CHECK(g->reader = ledger_open_reader(g->path, &g->why));
}

static void end(struct rig *g)
{
	tenants_free(&g->tenants);
	calendar_free(&g->calendar);
	ledger_close(&g->reader);
	recorder_free(&g->recorder);
	buf_free(&g->why);
	reading_done(&g->config);
}

struct sums_of {
	uint64_t slices, attempts, unpriced, changed, new;
	nanousd delta;
};

static bool write_slice(void *arg, struct ledger *l, struct buf *why)
{
	(void)why;
	return reprice_write(arg, l);
}

static bool correct(struct rig *g, struct reprice *r)
{
	bool ok;

	reprice_count(r, g->tenants);
	ok = recorder_write(g->recorder, write_slice, r, &g->why);
	reprice_counted(r, ok);
	return ok;
}

static struct sums_of run(struct rig *g, bool to_write, str model, usec since)
{
	struct reprice_ask ask = { .since = since, .until = INT64_MAX, .model = model };
	static struct reprice r;
	struct sums_of s = { 0 };

	do {
		if (!CHECK(reprice_slice(g->reader, g->config.config, &ask, &r, &g->why)))
			break;
		CHECK(!to_write || correct(g, &r));
		s.slices++;
		s.changed += r.changed;
		s.delta += r.delta;
		for (unsigned i = 0; i < r.model_count; i++) {
			s.attempts += r.models[i].attempts;
			s.unpriced += r.models[i].unpriced;
			s.new += r.models[i].new;
		}
		ask.after = r.next;
		reprice_done(&r);
	} while (ask.after);
	return s;
}

static bool count_charged(void *arg, uint64_t team, uint64_t key, str user,
                          nanousd charged)
{
	struct tenants *t = arg;

	return tenants_add_spent(t, &(struct tenant_spent){ .key = key,
	                                                    .team = team,
	                                                    .user = user,
	                                                    .window = BUDGET_TOTAL,
	                                                    .wall = DAY_ZERO,
	                                                    .amount = charged });
}

/* The organisation, with a budget for all times; what was spent is read as at a start. */
static void count_budgets(struct rig *g)
{
	struct tenant_row org = { .id = TENANT_DEFAULT,
		                  .kind = TENANT_ORGANISATION,
		                  .name = STR("default"),
		                  .caps = TENANT_CAPS_NONE,
		                  .per_user = TENANT_CAPS_NONE };

	org.caps.budget[BUDGET_TOTAL] = BUDGET_AMOUNT_MOST;
	g->calendar = calendar_new(STR("UTC"), &g->why);
	g->tenants = tenants_new(g->calendar, 1);
	CHECK(tenants_put(g->tenants, &org, 0, NULL, NULL));
	CHECK(ledger_spent(g->reader, 0, false, count_charged, g->tenants));
}

static nanousd counted(struct rig *g)
{
	struct tenant_state s;

	CHECK(tenants_look(g->tenants, TENANT_DEFAULT, 0, DAY_ZERO, &s));
	return s.spent[BUDGET_TOTAL];
}

static bool add_charged(void *arg, uint64_t team, uint64_t key, str user, nanousd charged)
{
	nanousd *sum = arg;

	*sum += charged;
	return true;
}

static nanousd charged(struct rig *g)
{
	nanousd sum = 0;

	CHECK(ledger_spent(g->reader, 0, false, add_charged, &sum));
	return sum;
}

static nanousd corrected(struct rig *g)
{
	struct report_query q = { 0 };
	struct report r;
	nanousd sum = -1;

	if (CHECK(ledger_report(g->reader, &q, &r)))
		sum = r.total.of[SUM_CORRECTED];
	report_done(&r);
	return sum;
}

static nanousd trial_spent(struct rig *g)
{
	struct trial_read t = { 0 };
	nanousd spent = -1;

	if (CHECK(trial_read(&t, g->reader, STR("t"), 0)))
		spent = t.all.control.spent;
	trial_read_done(&t);
	return spent;
}

/* Output costs a micro-dollar a token more; the row without a price gets all of it. */
#define MORE ((nanousd)1000 * ROWS * (ROWS - 1) / 2)
#define FIRST ((nanousd)1000000 + 3000 * (ROWS + 1))

TEST(reprice_corrects_once)
{
	struct buf said = BUF_LIMIT(64 * KiB);
	uint64_t rows;
	nanousd spent;
	struct rig g;
	struct sums_of s;

	if (begin(&g, "reprice")) {
		s = run(&g, false, STR_NONE, 0);
		CHECK_INT(s.slices, 3);
		CHECK_INT(s.attempts, ROWS + 2);
		CHECK_INT(s.unpriced, 1);   /* whose provider is gone */
		CHECK_INT(s.changed, ROWS); /* the first has no output; one had no cost */
		CHECK_INT(s.new, 1);
		CHECK_INT(s.delta, MORE + FIRST);
		CHECK_INT(corrected(&g), 0);
		spent = trial_spent(&g);

		s = run(&g, true, STR_NONE, 0);
		CHECK_INT(s.changed, ROWS);
		CHECK_INT(corrected(&g), MORE + FIRST);
		s = run(&g, true, STR_NONE, 0);
		CHECK_INT(s.changed, 0);
		CHECK_INT(corrected(&g), MORE + FIRST);
		CHECK_INT(trial_spent(&g) - spent, MORE + FIRST);
		CHECK(ledger_verify(g.reader, &said, &rows) && said.len == 0);
	}
	buf_free(&said);
	end(&g);
}

TEST(reprice_takes_what_is_asked_for)
{
	struct rig g;
	struct sums_of s;

	if (begin(&g, "reprice-some")) {
		CHECK_INT(run(&g, true, STR("small"), 0).attempts, 0);
		/* The one without a cost, and the nine before the last of the others. */
		s = run(&g, true, STR("large"), DAY_ZERO + (ROWS - 9) * USEC_SEC);
		CHECK_INT(s.attempts, 11);
		CHECK_INT(s.changed, 10);
		CHECK(corrected(&g) > 0);
	}
	end(&g);
}

/* It is dearer first and cheaper then; what is counted is what the ledger has. */
TEST(reprice_is_counted_by_budgets)
{
	struct rig g;

	if (begin(&g, "reprice-budgets")) {
		count_budgets(&g);
		nanousd before = counted(&g);
		CHECK_INT(before, charged(&g));
		CHECK_INT(run(&g, true, STR_NONE, 0).changed, ROWS);
		CHECK_INT(counted(&g), charged(&g));
		CHECK_INT(counted(&g) - before, MORE + FIRST);
		CHECK_INT(run(&g, true, STR_NONE, 0).changed, 0);
		CHECK_INT(counted(&g) - before, MORE + FIRST);
		reading_done(&g.config);
		read_text(&g.config,
		          STR("version: 1\nproviders:\n"
		              "  local: { format: openai-chat, url: "
		              "\"http://127.0.0.1:1/v1\", key: none }\n"
		              "prices:\n  local/large: { input: free, output: free }\n"));
		CHECK(run(&g, true, STR_NONE, 0).changed > 0);
		CHECK_INT(counted(&g), charged(&g));
		CHECK(counted(&g) < before);
	}
	end(&g);
}

static bool run_sql(struct rig *g, const char *sql)
{
	sqlite3 *db = NULL;
	bool ok = sqlite3_open(g->path, &db) == SQLITE_OK &&
	          sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;

	sqlite3_close(db);
	return ok;
}

/* The ledger refuses in the middle of a slice: nothing was corrected, and nothing counts.
 */
TEST(reprice_that_fails_is_not_counted)
{
	struct reprice_ask ask = { .until = INT64_MAX };
	static struct reprice r;
	struct rig g;

	if (begin(&g, "reprice-fails")) {
		count_budgets(&g);
		nanousd before = counted(&g);
		CHECK(run_sql(
		        &g, "CREATE TRIGGER no BEFORE INSERT ON correction WHEN (SELECT "
		            "count(*) FROM correction) = 500 BEGIN SELECT "
		            "RAISE(ABORT, 'not that many'); END"));
		CHECK(reprice_slice(g.reader, g.config.config, &ask, &r, &g.why));
		CHECK(!correct(&g, &r));
		CHECK(str_has(buf_str(&g.why), STR("not that many")));
		reprice_done(&r);
		CHECK_INT(counted(&g), before);
		CHECK_INT(charged(&g), before);
		CHECK(run_sql(&g, "DROP TRIGGER no"));
		CHECK_INT(run(&g, true, STR_NONE, 0).changed, ROWS);
		CHECK_INT(counted(&g) - before, MORE + FIRST);
		CHECK_INT(counted(&g), charged(&g));
	}
	end(&g);
}
