/* bench_recorder.c - what a record costs the worker, and an exchange the recorder.
 *
 * Writes a million exchanges (OPEN and CLOSE) of 40 keys in 8 teams through a journal
 * while the recorder runs, with its rollups and with the counters of /metrics, and
 * reports nanoseconds per record_write, CPU microseconds of the recorder per exchange,
 * and bytes per row and line.  Not a test: figures depend on the machine.
 *
 *	bench_recorder [DIR] [EXCHANGES] [IN FLIGHT] */
#include "base/mem.h"
#include "loop/sys.h"
#include "meter/metrics.h"
#include "meter/recorder.h"

#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static double cpu(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static const struct price price = { .version = 1,
	                            .of = { 250000, 25000, PRICE_UNKNOWN, PRICE_UNKNOWN,
	                                    PRICE_UNKNOWN, 2000000, PRICE_UNKNOWN,
	                                    PRICE_UNKNOWN, PRICE_UNKNOWN, PRICE_UNKNOWN,
	                                    PRICE_UNKNOWN } };

static struct attempt_row typical(uint64_t id, usec wall)
{
	return (struct attempt_row){
		.id = id,
		.exchange = id,
		.number = 1,
		.key = 0x1a2b3c4d5e6f + (id >> 8) % 40,
		.team = 1 + (id >> 8) % 8,
		.began_wall = wall,
		.operation = STR("chat"),
		.asked = STR("fast"),
		.route = STR("fast"),
		.provider = STR("openai"),
		.model = STR("gpt-5-mini"),
		.stream = true,
		.request_bytes = 1234 + (id >> 8) % 100,
		.state = ROW_DONE,
		.status = 200,
		.answered_model = STR("gpt-5-mini-2025-08-07"),
		.finish = STR("stop"),
		.first_byte = 412345,
		.first_token = 434567 + (usec)(id >> 8) % 1000,
		.total = 2345678,
		.answer_bytes = 3456,
		.usage_kind = USAGE_REPORTED,
		.usage = { .input = 321,
		           .output = 123 + (id >> 8) % 50,
		           .cache_read = 128 },
		.price = &price,
		.cost = 512345,
		.closes = true,
		.client_status = 200,
		.exchange_total = 2345999,
		.overhead = 35,
		.attempts = 1,
		.client = STR("127.0.0.1"),
		.agent = STR("OpenAI/JS 5.1.0 (linux; x64) node/22"),
	};
}

static bool knows(void *arg, str provider, str model)
{
	return true;
}

static void count_row(void *metrics, const struct attempt_row *row)
{
	metrics_row(metrics, row);
}

static double size_of(const char *dir, const char *name)
{
	char path[512];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return stat(path, &st) == 0 ? (double)st.st_size : 0;
}

static void show_memory(const char *when)
{
	char line[256];
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "RssAnon", 7) == 0)
			printf("%s %s", when, line);
	}
	if (f)
		fclose(f);
}

/* Nanoseconds per record, into memory that is there already. */
static double time_writes(void)
{
	enum { RECORDS = 20000, ROUNDS = 20 };
	struct journal *j = journal_open_memory(8);
	struct journal_record record;
	double spent = 0, best = 1e9;

	for (int round = 0; round < ROUNDS; round++) {
		double from = cpu(CLOCK_THREAD_CPUTIME_ID);

		for (int i = 0; i < RECORDS; i++) {
			struct attempt_row row = typical(journal_next_id(j, 1), 1);

			if (!record_write(j, RECORD_OPEN + i % 2, &row))
				printf("no room\n");
		}
		spent = (cpu(CLOCK_THREAD_CPUTIME_ID) - from) * 1e3 / RECORDS;
		best = min_of(best, spent);
		while (journal_next(j, &record))
			;
		journal_retire(j);
		journal_prepare(j);
	}
	journal_close(&j);
	return best;
}

/* Writes OPENs and, `in_flight` records later, their CLOSEs. */
static void write_all(struct recorder *r, struct journal *j, long total, long in_flight)
{
	uint64_t *ids = mem_new((size_t)in_flight * sizeof(*ids));

	for (long i = 0; i < total + in_flight; i++) {
		usec wall = sys_wall();
		struct attempt_row row = typical(0, wall);

		/* The writer is faster: it lets the recorder catch up. */
		while (!journal_has_room(j))
			recorder_flush(r);
		if (i >= in_flight) {
			row.id = row.exchange = ids[i % in_flight];
			row.began_wall = (usec)(row.id >> 8);
			if (!record_write(j, RECORD_CLOSE, &row))
				printf("no room\n");
		}
		if (i < total) {
			row.id = row.exchange = ids[i % in_flight] =
			        journal_next_id(j, wall);
			row.began_wall = (usec)(row.id >> 8);
			if (!record_write(j, RECORD_OPEN, &row))
				printf("no room\n");
		}
	}
	free(ids);
}

int main(int argc, char **argv)
{
	char made[] = "/tmp/bench-recorder-XXXXXX";
	const char *dir = argc > 1 ? argv[1] : mkdtemp(made);
	long total = argc > 2 ? atol(argv[2]) : 1000000;
	long in_flight = argc > 3 ? atol(argv[3]) : 64;
	char log[512];
	struct buf why = BUF_LIMIT(4 * KiB);

	snprintf(log, sizeof(log), "%s/access.log", dir);
	const struct metrics_options counted = { .series = 1000, .knows = knows };
	struct metrics *metrics = metrics_new(&counted);
	struct recorder_options options = { .dir = dir,
		                            .workers = 1,
		                            .access_log = log,
		                            .on_row = count_row,
		                            .on_row_arg = metrics };
	double begin = cpu(CLOCK_MONOTONIC);
	struct recorder *r = recorder_new(&options, &why);
	if (!r) {
		printf("%s\n", buf_z(&why));
		return 1;
	}
	printf("start: %.1f ms\n", (cpu(CLOCK_MONOTONIC) - begin) / 1e3);
	show_memory("fresh");
	sleep(1);
	double all = cpu(CLOCK_PROCESS_CPUTIME_ID), own = cpu(CLOCK_THREAD_CPUTIME_ID);
	double wall = cpu(CLOCK_MONOTONIC);
	write_all(r, recorder_journal(r, 0), total, in_flight);
	recorder_flush(r);
	all = cpu(CLOCK_PROCESS_CPUTIME_ID) - all;
	own = cpu(CLOCK_THREAD_CPUTIME_ID) - own;
	wall = cpu(CLOCK_MONOTONIC) - wall;
	printf("record_write: %.0f ns\n", time_writes());
	printf("recorder: %.2f us CPU per exchange (%.0f per second of CPU), wall %.2f "
	       "us\n",
	       (all - own) / (double)total, 1e6 * (double)total / (all - own),
	       wall / (double)total);
	show_memory("busy");
	sleep(4);
	show_memory("idle");
	struct recorder_stats stats;
	recorder_stats(r, &stats);
	printf("rows %llu, batches %llu, failures %llu, journal %.1f MiB\n",
	       (unsigned long long)stats.rows, (unsigned long long)stats.batches,
	       (unsigned long long)stats.failures, (double)stats.journal_bytes / MiB);
	recorder_free(&r);
	metrics_free(&metrics);
	printf("ledger: %.1f bytes per row\n", size_of(dir, "ledger.db") / (double)total);
	buf_free(&why);
	return 0;
}
