/* bench_reports.c - what rollups cost the recorder, and how fast reports are.
 *
 * Writes attempts of a year (40 keys of 8 teams, 12 targets, 6 routes, 500 users, 5
 * clients, 3 sets of tags) as the recorder does, 8,192 to a transaction; then asks for
 * reports and for what was spent, and adds all up again.  Not a test: figures depend on
 * the machine.
 *
 *	bench_reports DIR [ATTEMPTS] [verify]
 *
 * With 0 attempts the ledger in DIR is only read. */
#include "base/mem.h"
#include "loop/sys.h"
#include "store/report.h"

#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#define YEAR_FROM (1764115200LL * USEC_SEC) /* 2025-11-26 */
#define YEAR (365 * 24 * USEC_HOUR)

enum { BATCH = 8192 };

static double cpu(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static uint64_t state = 1;

static uint64_t pick(uint64_t most)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (state >> 33) % most;
}

static const struct price prices[12] = {
	{ .version = 1, .of = { 1 } },   { .version = 2, .of = { 2 } },
	{ .version = 3, .of = { 3 } },   { .version = 4, .of = { 4 } },
	{ .version = 5, .of = { 5 } },   { .version = 6, .of = { 6 } },
	{ .version = 7, .of = { 7 } },   { .version = 8, .of = { 8 } },
	{ .version = 9, .of = { 9 } },   { .version = 10, .of = { 10 } },
	{ .version = 11, .of = { 11 } }, { .version = 12, .of = { 12 } },
};

static struct attempt_row row_of(usec wall, char *user, char *model)
{
	static const char *const agents[] = { "OpenAI/JS 5.1.0 (linux)", "curl/8.1",
		                              "claude-cli/2.0.1", "OpenAI/Python 2.1",
		                              "litellm/1.7" };
	static const char *const tags[] = { "env=prod,app=chat", "env=test", "" };
	static const char *const routes[] = {
		"fast", "smart", "cheap", "code", "long", ""
	};
	/* A key has one program, two routes and some users. */
	uint64_t key = pick(40), target = (key + pick(4)) % 12;

	snprintf(user, 16, "user-%u", (unsigned)(key * 12 + pick(12)));
	snprintf(model, 16, "model-%u", (unsigned)target);
	return (struct attempt_row){
		.id = (uint64_t)wall << 8,
		.exchange = (uint64_t)wall << 8,
		.number = 1,
		.key = 1000 + key,
		.team = 100 + key % 8,
		.user = str_from_z(user),
		.tags = str_from_z(tags[key % 3]),
		.began_wall = wall,
		.operation = STR("chat"),
		.asked = str_from_z(routes[(key + pick(2)) % 6]),
		.route = str_from_z(routes[(key + pick(2)) % 6]),
		.provider = target % 3 ? STR("openai") : STR("anthropic"),
		.model = str_from_z(model),
		.state = ROW_DONE,
		.status = 200,
		.finish = STR("stop"),
		.first_byte = 400000,
		.first_token = 430000,
		.total = 2345678,
		.answer_bytes = 3456,
		.usage_kind = USAGE_REPORTED,
		.usage = { .input = pick(3000), .output = pick(800), .cache_read = 128 },
		.cost = (nanousd)pick(20000000),
		.price = &prices[target],
		.closes = true,
		.client_status = 200,
		.exchange_total = 2345999,
		.overhead = 35,
		.attempts = 1,
		.client = STR("10.0.0.1"),
		.agent = str_from_z(agents[key % 5]),
	};
}

static bool write_all(struct ledger *l, uint64_t total)
{
	usec step = YEAR / (usec)total, wall = YEAR_FROM;
	char user[16], model[16];
	bool ok = true;

	for (uint64_t n = 0; ok && n < total; n += BATCH) {
		ok = ledger_begin(l);
		for (uint64_t i = n; ok && i < n + BATCH && i < total; i++) {
			wall += step;
			struct attempt_row row = row_of(wall, user, model);

			ok = ledger_put_new(l, &row);
		}
		ok = ok && ledger_commit(l);
		if (ledger_wal_bytes(l) > 16 * MiB)
			ok = ok && ledger_checkpoint(l);
	}
	return ok && ledger_checkpoint(l);
}

static void ask(struct ledger *l, const char *what, unsigned by, usec since)
{
	struct report_query q = { .since = since, .by = by };
	double best = 1e9;
	struct report r;
	unsigned rows = 0;

	for (int i = 0; i < 3; i++) {
		double from = cpu(CLOCK_MONOTONIC);

		if (!ledger_report(l, &q, &r))
			printf("%s\n", ledger_error(l, NULL));
		rows = r.count;
		report_done(&r);
		best = min_of(best, cpu(CLOCK_MONOTONIC) - from);
	}
	printf("%-44s %8.1f ms  %u rows\n", what, best, rows);
}

static bool see(void *arg, uint64_t team, uint64_t key, str user, nanousd charged)
{
	return true;
}

static void read_all(struct ledger *l)
{
	usec year = YEAR_FROM + 12345678;

	ask(l, "a year, in all", 0, year);
	ask(l, "a year, by model", REPORT_MODEL | REPORT_PROVIDER, year);
	ask(l, "a year, by team and key", REPORT_TEAM | REPORT_KEY, year);
	ask(l, "a year, by user", REPORT_USER, year);
	ask(l, "a year, by client and tags", REPORT_CLIENT | REPORT_TAG, year);
	ask(l, "7 days, by model", REPORT_MODEL, YEAR_FROM + YEAR - 7 * 24 * USEC_HOUR);
	double from = cpu(CLOCK_MONOTONIC);
	if (!ledger_spent(l, YEAR_FROM + YEAR - 31 * 24 * USEC_HOUR, true, see, NULL))
		printf("%s\n", ledger_error(l, NULL));
	printf("%-44s %8.1f ms\n", "spent in 31 days, by key and user",
	       cpu(CLOCK_MONOTONIC) - from);
}

static void verify(struct ledger *l)
{
	struct buf text = BUF_LIMIT(64 * KiB);
	double from = cpu(CLOCK_MONOTONIC);
	uint64_t rows = 0;
	bool ok = ledger_verify(l, &text, &rows);

	printf("verify: %s, %llu attempts in %.1f s\n",
	       ok && !text.len ? "equal" : "NOT EQUAL", (unsigned long long)rows,
	       (cpu(CLOCK_MONOTONIC) - from) / 1e3);
	buf_free(&text);
}

int main(int argc, char **argv)
{
	uint64_t total = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000;
	struct buf why = BUF_LIMIT(4 * KiB);
	char path[512];
	struct stat st;

	if (argc < 2)
		return 2;
	snprintf(path, sizeof(path), "%s/ledger.db", argv[1]);
	struct ledger *l = ledger_open(path, &why);
	if (!l) {
		printf("%s\n", buf_z(&why));
		return 1;
	}
	double own = cpu(CLOCK_THREAD_CPUTIME_ID), wall = cpu(CLOCK_MONOTONIC);
	if (total && !write_all(l, total))
		printf("%s\n", ledger_error(l, NULL));
	own = cpu(CLOCK_THREAD_CPUTIME_ID) - own;
	wall = cpu(CLOCK_MONOTONIC) - wall;
	if (total)
		printf("written: %.2f us CPU an attempt, %.0f a second of CPU, %.0f of "
		       "wall time\n",
		       own * 1e3 / (double)total, 1e3 * (double)total / own,
		       1e3 * (double)total / wall);
	ledger_close(&l);
	l = ledger_open_reader(path, &why);
	if (!l)
		return 1;
	read_all(l);
	if (argc > 3)
		verify(l);
	ledger_close(&l);
	if (total && stat(path, &st) == 0)
		printf("%.1f bytes an attempt, sums included\n",
		       (double)st.st_size / (double)total);
	buf_free(&why);
	return 0;
}
