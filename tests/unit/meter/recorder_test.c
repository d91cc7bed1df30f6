#include "loop/sys.h"
#include "meter/recorder.h"
#include "store/report.h"
#include "tests/check.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct buf why = BUF_LIMIT(4 * KiB);

/* What the recorder said; it speaks on its own thread, and we read after a flush. */
static char said[4096];

static void hear(const char *text)
{
	size_t len = strlen(said);

	snprintf(said + len, sizeof(said) - len, "%s\n", text);
}

static struct recorder *start(const char *dir, unsigned workers, bool log)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/access.log", dir);
	struct recorder_options options = { .dir = dir,
		                            .workers = workers,
		                            .access_log = log ? path : NULL,
		                            .say = hear };
	said[0] = '\0';
	buf_clear(&why);
	struct recorder *r = recorder_new(&options, &why);
	if (!CHECK(r))
		printf("%s\n", buf_z(&why));
	return r;
}

static struct attempt_row row_of(uint64_t id)
{
	return (struct attempt_row){
		.id = id,
		.exchange = id,
		.number = 1,
		.began_wall = (usec)(id >> 8),
		.operation = STR("chat"),
		.asked = STR("fast"),
		.provider = STR("openai"),
		.model = STR("gpt-5-mini"),
		.status = 200,
		.usage_kind = USAGE_REPORTED,
		.usage = { .input = 10, .output = 20 },
		.cost = (nanousd)(id >> 8 & 0xfffff),
		.closes = true,
		.client_status = 200,
		.attempts = 1,
		.client = STR("127.0.0.1"),
		.agent = STR("test"),
	};
}

static bool write_record(struct journal *j, enum record_kind kind, uint64_t id)
{
	struct attempt_row row = row_of(id);

	return record_write(j, kind, &row);
}

static struct ledger *open_reader(const char *dir)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/ledger.db", dir);
	struct ledger *l = ledger_open_reader(path, &why);
	CHECK(l);
	return l;
}

struct state {
	bool found;
	enum row_state state;
	char model[64], detail[128];
	nanousd cost;
};

static bool take_state(void *arg, const struct attempt_row *row)
{
	struct state *s = arg;

	s->found = true;
	s->state = row->state;
	s->cost = row->cost;
	snprintf(s->model, sizeof(s->model), "%.*s", STR_ARG(row->model));
	snprintf(s->detail, sizeof(s->detail), "%.*s", STR_ARG(row->detail));
	return true;
}

static struct state state_of(const char *dir, uint64_t id)
{
	struct ledger *l = open_reader(dir);
	struct state s = { .found = false };

	CHECK(ledger_attempt(l, id, take_state, &s));
	ledger_close(&l);
	return s;
}

static bool add_cost(void *arg, const struct attempt_row *row)
{
	uint64_t *counts = arg;

	if (!row->closes) /* its process died */
		return true;
	counts[0]++;
	counts[1] += (uint64_t)row->cost;
	return true;
}

static uint64_t count_exchanges(const char *dir, uint64_t *ret_cost)
{
	struct ledger *l = open_reader(dir);
	uint64_t counts[2] = { 0, 0 };

	CHECK(ledger_exchanges(l, 0, 0, false, 1000000, add_cost, counts));
	ledger_close(&l);
	if (ret_cost)
		*ret_cost = counts[1];
	return counts[0];
}

static unsigned count_lines_in(const char *path)
{
	unsigned lines = 0;
	FILE *f = fopen(path, "r");

	for (int c; f && (c = fgetc(f)) != EOF;)
		lines += c == '\n';
	if (f)
		fclose(f);
	return lines;
}

/* Of the access log and its old files. */
static unsigned count_lines(const char *dir)
{
	char path[512];
	unsigned lines = 0;

	for (int i = 0; i <= 3; i++) {
		snprintf(path, sizeof(path), i ? "%s/access.log.%d" : "%s/access.log",
		         dir, i);
		lines += count_lines_in(path);
	}
	return lines;
}

/* ---- the way of a record ---- */

TEST(recorder_brings_records_into_ledger_and_log)
{
	const char *dir = test_dir();
	struct recorder *r = start(dir, 2, true);
	uint64_t ids[2], cost;
	struct recorder_stats stats;

	for (unsigned w = 0; w < 2; w++) {
		struct journal *j = recorder_journal(r, w);

		ids[w] = journal_next_id(j, sys_wall());
		CHECK_INT(ids[w] & 0xff, w);
		CHECK(write_record(j, RECORD_OPEN, ids[w]));
	}
	recorder_flush(r);
	CHECK_INT(state_of(dir, ids[0]).state, ROW_OPEN);
	CHECK_INT(count_lines(dir), 0);
	CHECK(write_record(recorder_journal(r, 0), RECORD_CLOSE, ids[0]));
	uint64_t refused = journal_next_id(recorder_journal(r, 1), sys_wall());
	CHECK(write_record(recorder_journal(r, 1), RECORD_WHOLE, refused));
	recorder_flush(r);
	struct state s = state_of(dir, ids[0]);
	CHECK(s.state == ROW_DONE && strcmp(s.model, "gpt-5-mini") == 0);
	CHECK_INT(state_of(dir, ids[1]).state, ROW_OPEN);
	CHECK_INT(state_of(dir, refused).state, ROW_DONE);
	CHECK_INT(count_exchanges(dir, &cost), 2);
	CHECK_INT(cost, (ids[0] >> 8 & 0xfffff) + (refused >> 8 & 0xfffff));
	CHECK_INT(count_lines(dir), 2);
	recorder_stats(r, &stats);
	CHECK_INT(stats.rows, 2);
	CHECK(stats.failures == 0 && stats.gaps == 0 && !stats.disk_full);
	recorder_free(&r);
	CHECK(!r);
	CHECK_INT(state_of(dir, ids[1]).state, ROW_OPEN);

	/* What was open then is nobody's now. */
	r = start(dir, 2, true);
	CHECK(strstr(said, "1 attempts were under way"));
	CHECK_INT(state_of(dir, ids[1]).state, ROW_UNKNOWN);
	CHECK_INT(count_exchanges(dir, NULL), 2);
	recorder_free(&r);
	CHECK_INT(count_lines(dir), 2);
	CHECK(strcmp(said, "1 attempts were under way when the last process ended; "
	                   "their outcome is unknown\n") == 0);
}

TEST(recorder_writes_by_itself)
{
	const char *dir = test_dir();
	struct recorder *r = start(dir, 1, false);
	uint64_t id = journal_next_id(recorder_journal(r, 0), sys_wall());

	CHECK(write_record(recorder_journal(r, 0), RECORD_WHOLE, id));
	for (int i = 0; i < 500 && !state_of(dir, id).found; i++)
		usleep(10000);
	CHECK(state_of(dir, id).found);
	recorder_free(&r);
}

struct client {
	struct recorder *r;
	unsigned worker;
	uint64_t exchanges, cost;
	pthread_t thread;
};

/* Exchanges with some in flight all the time, as a worker has them. */
static void *work(void *arg)
{
	enum { IN_FLIGHT = 50 };
	struct client *c = arg;
	struct journal *j = recorder_journal(c->r, c->worker);
	uint64_t ids[IN_FLIGHT] = { 0 };

	for (uint64_t i = 0; i < c->exchanges + IN_FLIGHT; i++) {
		uint64_t *id = &ids[i % IN_FLIGHT];

		if (*id) {
			CHECK(write_record(j, RECORD_CLOSE, *id));
			c->cost += *id >> 8 & 0xfffff;
			*id = 0;
		}
		if (i >= c->exchanges)
			continue;
		*id = journal_next_id(j, sys_wall());
		while (!write_record(j, RECORD_OPEN, *id))
			usleep(1000);
	}
	return NULL;
}

/* How long rows are kept may change while it runs. */
TEST(recorder_keeps_rows_as_long_as_it_is_told)
{
	const char *dir = test_dir();
	struct recorder *r = start(dir, 1, false);
	uint64_t old = (uint64_t)(sys_wall() - 3 * USEC_HOUR) << 8;
	uint64_t young = (uint64_t)sys_wall() << 8;

	if (!r)
		return;
	CHECK(write_record(recorder_journal(r, 0), RECORD_WHOLE, old));
	CHECK(write_record(recorder_journal(r, 0), RECORD_WHOLE, young));
	recorder_flush(r);
	recorder_flush(r);
	CHECK(state_of(dir, old).found);
	recorder_keep(r, USEC_HOUR, 0);
	recorder_flush(r);
	CHECK(!state_of(dir, old).found);
	CHECK(state_of(dir, young).found);
	recorder_free(&r);
}

TEST(recorder_keeps_up_with_several_workers)
{
	const char *dir = test_dir();
	struct recorder *r = start(dir, 3, true);
	struct client clients[3];
	uint64_t cost = 0, want = 0;

	for (unsigned i = 0; i < 3; i++) {
		clients[i] = (struct client){ .r = r, .worker = i, .exchanges = 15000 };
		CHECK(pthread_create(&clients[i].thread, NULL, work, &clients[i]) == 0);
	}
	for (unsigned i = 0; i < 3; i++) {
		pthread_join(clients[i].thread, NULL);
		want += clients[i].cost;
	}
	recorder_flush(r);
	CHECK_INT(count_exchanges(dir, &cost), 45000);
	CHECK_INT(cost, want);
	CHECK_INT(count_lines(dir), 45000);
	recorder_free(&r);

	r = start(dir, 3, true);
	recorder_free(&r);
	CHECK_INT(count_exchanges(dir, &cost), 45000);
	CHECK_INT(cost, want);
	CHECK_INT(count_lines(dir), 45000);
	CHECK(!said[0]);
}

/* ---- starting ---- */

static void journal_dir(const char *dir, char *ret)
{
	snprintf(ret, 512, "%s/journal", dir);
	CHECK(mkdir(ret, 0700) == 0 || errno == EEXIST);
}

/* What a killed process leaves: segments that nobody retired. */
static void leave(const char *dir, unsigned worker, enum record_kind kind, uint64_t id)
{
	char path[512];

	journal_dir(dir, path);
	struct journal *j = journal_open(path, worker, 2, 0, NULL, NULL);
	CHECK_INT(journal_prepare_first(j), 0);
	CHECK(write_record(j, kind, id));
	journal_close(&j);
}

static bool count_pin(void *arg, const struct pin_row *pin)
{
	unsigned *count = arg;

	*count += pin->made_wall == 1;
	return true;
}

/* The clock may be wrong. */
TEST(recorder_deletes_nothing_old_right_after_its_start)
{
	const char *dir = test_dir();
	struct recorder_options options = { .dir = dir, .workers = 1, .keep = USEC_HOUR };
	uint64_t old = (uint64_t)(sys_wall() - 3 * USEC_HOUR) << 8;

	leave(dir, 0, RECORD_WHOLE, old);
	leave(dir, 0, RECORD_WHOLE, (uint64_t)sys_wall() << 8);
	char path[512];
	snprintf(path, sizeof(path), "%s/ledger.db", dir);
	struct pin_row pin = { .id = { 1 }, .account = 1, .made_wall = 1 };
	unsigned pins = 0;
	buf_clear(&why);
	struct ledger *l = ledger_open(path, &why);
	CHECK(ledger_begin(l) && ledger_pin_put(l, &pin) && ledger_commit(l));
	ledger_close(&l);
	struct recorder *r = recorder_new(&options, &why);
	if (!CHECK(r))
		return;
	recorder_flush(r);
	recorder_flush(r);
	CHECK(state_of(dir, old).found);
	l = open_reader(dir);
	CHECK(ledger_pins(l, 0, 10, count_pin, &pins));
	CHECK_INT(pins, 1);
	ledger_close(&l);
	recorder_free(&r);
}

TEST(recorder_replays_what_others_left)
{
	const char *dir = test_dir();
	char path[512];
	uint64_t far = (uint64_t)4000000000000000 << 8;

	/* Worker 5 is no more; a CLOSE comes in a later segment than its OPEN; one OPEN
	 * never closed; one CLOSE has lost its OPEN. */
	leave(dir, 5, RECORD_WHOLE, 1000 << 8 | 5);
	leave(dir, 0, RECORD_OPEN, 1001 << 8);
	leave(dir, 0, RECORD_CLOSE, 1001 << 8);
	leave(dir, 0, RECORD_OPEN, far);
	leave(dir, 0, RECORD_CLOSE, 1003 << 8);
	struct recorder *r = start(dir, 1, true);
	CHECK_INT(state_of(dir, 1000 << 8 | 5).state, ROW_DONE);
	CHECK_INT(state_of(dir, 1001 << 8).state, ROW_DONE);
	CHECK(strcmp(state_of(dir, 1001 << 8).model, "gpt-5-mini") == 0);
	CHECK_INT(state_of(dir, far).state, ROW_UNKNOWN);
	struct state s = state_of(dir, 1003 << 8);
	CHECK(s.found && s.state == ROW_DONE && s.cost == 1003 &&
	      strstr(s.detail, "lost"));
	CHECK_INT(count_lines(dir), 3);
	journal_dir(dir, path);
	CHECK_INT(journal_workers(path), 1);
	/* The clock was set back since: ids go on above. */
	CHECK(journal_next_id(recorder_journal(r, 0), sys_wall()) > far);
	recorder_free(&r);
}

struct totals {
	int64_t attempts, cost;
};

static struct totals totals_of(const char *dir)
{
	struct ledger *l = open_reader(dir);
	struct report_query q = { 0 };
	struct report r = { 0 };

	CHECK(ledger_report(l, &q, &r));
	struct totals t = { r.total.of[SUM_ATTEMPTS], r.total.of[SUM_COST] };
	report_done(&r);
	ledger_close(&l);
	return t;
}

/* Rows of an hour that goes, an attempt of it that is under way, and one of the same hour
 * that nobody has read when the process dies. */
static void prune_and_be_killed(const char *dir, usec old)
{
	struct recorder *r = start(dir, 1, false);
	struct journal *j = r ? recorder_journal(r, 0) : NULL;

	if (!j)
		_exit(1);
	for (uint64_t i = 0; i < 3; i++)
		if (!write_record(j, RECORD_WHOLE, (uint64_t)(old + (usec)i) << 8))
			_exit(1);
	uint64_t closed = (uint64_t)(old + 3) << 8, open = (uint64_t)(old + 4) << 8;
	if (!write_record(j, RECORD_OPEN, open) ||
	    !write_record(j, RECORD_OPEN, closed) ||
	    !write_record(j, RECORD_CLOSE, closed))
		_exit(1);
	recorder_flush(r);
	recorder_keep(r, USEC_HOUR, 0);
	recorder_flush(r);
	if (!write_record(j, RECORD_CLOSE, open) ||
	    !write_record(j, RECORD_WHOLE, (uint64_t)(old + 5) << 8))
		_exit(1);
	kill(getpid(), SIGKILL);
}

/* The segment in use still has their records when rows are deleted. */
TEST(recorder_counts_nothing_again_that_was_deleted)
{
	const char *dir = test_dir();
	usec old = (sys_wall() / USEC_HOUR - 3) * USEC_HOUR;
	struct totals want = { 0, 0 };

	for (int round = 0; round < 2; round++) {
		usec at = old + round * 100;
		int status;
		pid_t child = fork();

		if (child == 0)
			prune_and_be_killed(dir, at);
		waitpid(child, &status, 0);
		CHECK(WIFSIGNALED(status));
		for (usec i = 0; i < 6; i++)
			want.cost += (at + i) & 0xfffff;
		want.attempts += 6;
		struct recorder *r = start(dir, 1, false);
		if (!r)
			return;
		recorder_free(&r);
		CHECK_INT(totals_of(dir).attempts, want.attempts);
		CHECK_INT(totals_of(dir).cost, want.cost);
		CHECK(!state_of(dir, (uint64_t)at << 8).found);
		CHECK_INT(state_of(dir, (uint64_t)(at + 4) << 8).state, ROW_DONE);
		CHECK_INT(state_of(dir, (uint64_t)(at + 5) << 8).state, ROW_DONE);
	}
}

TEST(recorder_joins_a_close_to_the_open_row_of_an_earlier_batch)
{
	const char *dir = test_dir();
	char path[512];

	/* The OPEN is in the ledger already, and its segment is gone. */
	snprintf(path, sizeof(path), "%s/ledger.db", dir);
	struct ledger *l = ledger_open(path, &why);
	struct attempt_row open = row_of(777 << 8);
	CHECK(ledger_begin(l) && ledger_put(l, &open, NULL) && ledger_commit(l));
	ledger_close(&l);
	leave(dir, 0, RECORD_CLOSE, 777 << 8);
	for (int again = 0; again < 2; again++) {
		struct recorder *r = start(dir, 1, true);
		struct state s = state_of(dir, 777 << 8);

		CHECK(s.state == ROW_DONE && s.cost == 777 && !s.detail[0]);
		CHECK(strcmp(s.model, "gpt-5-mini") == 0);
		recorder_free(&r);
		CHECK_INT(count_lines(dir), 1);
	}
}

static bool is_nobodys(void *arg, const struct attempt_row *row)
{
	bool *is = arg;

	*is = row->client.len == 0 && row->agent.len == 0 &&
	      ledger_is_tombstone(row->user);
	return true;
}

/* Whoever was forgotten while it was under way stays so when the process died since. */
TEST(recorder_joins_a_close_to_an_open_row_that_was_forgotten)
{
	const char *dir = test_dir();
	const struct ledger_person ann = { .user = STR("ann") };
	struct ledger_forgotten gone;
	bool is = false;
	char path[512];

	snprintf(path, sizeof(path), "%s/ledger.db", dir);
	struct ledger *l = ledger_open(path, &why);
	struct attempt_row open = row_of(777 << 8);
	open.user = ann.user;
	CHECK(ledger_begin(l) && ledger_put(l, &open, NULL) && ledger_commit(l));
	CHECK(ledger_begin(l) && ledger_forget(l, &ann, &gone) && ledger_commit(l));
	CHECK_INT(gone.attempts, 1);
	free(gone.exchanges);
	ledger_close(&l);
	leave(dir, 0, RECORD_CLOSE, 777 << 8);
	struct recorder *r = start(dir, 1, true);
	recorder_free(&r);
	l = open_reader(dir);
	CHECK(ledger_attempt(l, 777 << 8, is_nobodys, &is) && is);
	ledger_close(&l);
}

TEST(recorder_tells_of_a_broken_segment)
{
	const char *dir = test_dir();
	char path[512];
	struct recorder_stats stats;

	leave(dir, 0, RECORD_WHOLE, 5 << 8);
	leave(dir, 0, RECORD_WHOLE, 6 << 8);
	snprintf(path, sizeof(path), "%s/journal/00-00000001", dir);
	int fd = open(path, O_WRONLY);
	CHECK(fd >= 0 && pwrite(fd, "x", 1, 100) == 1);
	close(fd);
	struct recorder *r = start(dir, 1, false);
	CHECK(strstr(said, "failed its check"));
	recorder_stats(r, &stats);
	CHECK_INT(stats.bad_segments, 1);
	CHECK(!state_of(dir, 5 << 8).found && state_of(dir, 6 << 8).found);
	recorder_free(&r);
	snprintf(path, sizeof(path), "%s/journal/00-00000001.bad", dir);
	CHECK(access(path, F_OK) == 0);
}

TEST(recorder_says_why_it_cannot_start)
{
	const char *dir = test_dir();
	struct recorder_options options = { .dir = "/dev/null/none", .workers = 1 };

	buf_clear(&why);
	CHECK(!recorder_new(&options, &why) && why.len);
	options = (struct recorder_options){ .dir = dir,
		                             .workers = 1,
		                             .access_log = "/dev/null/none/log" };
	buf_clear(&why);
	CHECK(!recorder_new(&options, &why));
	CHECK(str_has(buf_str(&why), STR("/dev/null/none/log")));
}

/* ---- calls ---- */

static bool count_key(void *arg, const struct tenant_row *row,
                      const struct key_secret *secret)
{
	unsigned *counts = arg;

	if (secret)
		counts[row->revoked_wall != 0]++;
	return true;
}

TEST(recorder_writes_keys_for_others)
{
	const char *dir = test_dir();
	struct recorder *r = start(dir, 1, false);
	struct key_secret secret = { .mac = { 1 } };
	struct tenant_row key = { .id = 5,
		                  .kind = TENANT_KEY,
		                  .parent = TENANT_DEFAULT,
		                  .name = STR("a"),
		                  .created_wall = 1,
		                  .serial = 1 };
	unsigned counts[2] = { 0, 0 };
	bool done = false;

	CHECK(recorder_tenant_put(r, &key, &secret, &done, &why) && done);
	CHECK(recorder_tenant_put(r, &key, &secret, &done, &why) && !done);
	key.id = 6;
	CHECK(recorder_tenant_put(r, &key, &secret, &done, &why) && done);
	key.revoked_wall = 99;
	key.serial = 2;
	CHECK(recorder_tenant_put(r, &key, NULL, &done, &why) && done);
	struct tenant_row team = { .id = 8,
		                   .kind = TENANT_TEAM,
		                   .parent = TENANT_DEFAULT,
		                   .name = STR("team"),
		                   .serial = 1 };
	CHECK(recorder_tenant_put(r, &team, NULL, &done, &why) && done);
	team.id = 9;
	CHECK(!recorder_tenant_put(r, &team, NULL, &done, &why));
	CHECK(str_has(buf_str(&why), STR("UNIQUE")));
	struct ledger *l = open_reader(dir);
	CHECK(ledger_tenants(l, count_key, counts));
	CHECK(counts[0] == 1 && counts[1] == 1);
	ledger_close(&l);
	recorder_free(&r);
}

static bool write_much(void *arg, struct ledger *l, struct buf *ret_why)
{
	struct buf text = BUF_LIMIT(4 * MiB);
	struct audit_row row = { .wall = 1, .action = STR("much") };
	bool is_done;

	(void)ret_why;
	for (int i = 0; i < MiB / 16; i++)
		buf_add(&text, STR("0123456789abcdef"));
	row.after = buf_str(&text);
	is_done = ledger_audit_add(l, arg, &row);
	buf_free(&text);
	return is_done;
}

TEST(recorder_bounds_the_wal_of_other_changes_too)
{
	const char *dir = test_dir();
	struct recorder *r = start(dir, 1, false);
	uint8_t key[AUDIT_KEY] = { 1 };
	char path[512];
	struct stat st;

	snprintf(path, sizeof(path), "%s/ledger.db-wal", dir);
	for (int i = 0; i < 64; i++)
		CHECK(recorder_write(r, write_much, key, &why));
	CHECK(stat(path, &st) == 0 && st.st_size < 32 * MiB);
	recorder_free(&r);
}

TEST(recorder_opens_its_log_again)
{
	const char *dir = test_dir();
	struct recorder *r = start(dir, 1, true);
	struct journal *j = recorder_journal(r, 0);
	char path[512], moved[520];

	CHECK(write_record(j, RECORD_WHOLE, journal_next_id(j, 1)));
	recorder_flush(r);
	snprintf(path, sizeof(path), "%s/access.log", dir);
	snprintf(moved, sizeof(moved), "%s.moved", path);
	CHECK(rename(path, moved) == 0);
	recorder_reopen_log(r);
	CHECK(write_record(j, RECORD_WHOLE, journal_next_id(j, 1)));
	CHECK(write_record(j, RECORD_WHOLE, journal_next_id(j, 1)));
	recorder_flush(r);
	CHECK_INT(count_lines(dir), 2);
	recorder_free(&r);
}

/* ---- trouble ---- */

/* A disk of its own for the data, or NULL. */
static const char *small_disk(const char *size)
{
	const char *dir = test_dir();
	char options[64];

	snprintf(options, sizeof(options), "size=%s", size);
	if (mount("tmpfs", dir, "tmpfs", 0, options) == 0)
		return dir;
	printf("skipped: no tmpfs can be mounted here (%s)\n", strerror(errno));
	return NULL;
}

/* Leaves no room at all. */
static int fill_disk(const char *dir)
{
	static const char zeros[64 * KiB];
	char path[512];

	snprintf(path, sizeof(path), "%s/filler", dir);
	int fd = open(path, O_CREAT | O_WRONLY, 0600);
	while (write(fd, zeros, sizeof(zeros)) > 0)
		;
	return fd;
}

static void wait_until_full(struct recorder *r, bool is)
{
	struct recorder_stats stats;

	for (int i = 0; i < 1000; i++) {
		recorder_flush(r);
		recorder_stats(r, &stats);
		if (stats.disk_full == is)
			return;
		usleep(10000);
	}
	if (!CHECK(stats.disk_full == is))
		printf("%s\n", said);
}

TEST(recorder_outlives_a_full_disk)
{
	const char *dir = small_disk("48m");
	uint64_t written = 0, cost = 0, want = 0;
	struct recorder_stats stats;

	if (!dir)
		return;
	struct recorder *r = start(dir, 1, true);
	struct journal *j = recorder_journal(r, 0);
	for (int i = 0; i < 20; i++) {
		recorder_flush(r);
		usleep(1000);
	}
	int fd = fill_disk(dir);
	/* Service goes on as long as there are segments. */
	for (;;) {
		uint64_t id = journal_next_id(j, sys_wall());

		if (!write_record(j, RECORD_OPEN, id))
			break;
		CHECK(write_record(j, RECORD_CLOSE, id));
		want += id >> 8 & 0xfffff;
		if (++written % 1000 == 0)
			recorder_flush(r);
	}
	CHECK(written > 3000);
	wait_until_full(r, true);
	recorder_stats(r, &stats);
	CHECK(stats.failures > 0);
	CHECK(strstr(said, "the ledger cannot be written"));
	CHECK(ftruncate(fd, 0) == 0);
	wait_until_full(r, false);
	recorder_flush(r);
	CHECK_INT(count_exchanges(dir, &cost), written);
	CHECK_INT(cost, want);
	CHECK(strstr(said, "the ledger is written again"));
	/* The refused record is told of. */
	recorder_flush(r);
	recorder_stats(r, &stats);
	CHECK_INT(stats.gaps, 1);
	CHECK(write_record(j, RECORD_WHOLE, journal_next_id(j, sys_wall())));
	recorder_free(&r);
	CHECK_INT(count_exchanges(dir, NULL), written + 1);
	CHECK_INT(count_lines(dir) + stats.lost_lines,
	          written + 1 + (stats.lost_lines > 0));
	close(fd);
	umount2(dir, MNT_DETACH);
}

/* ---- kill -9 ---- */

enum { KILL_WORKERS = 2, KILL_MOST = 400000 };

struct shared {
	/* Ids that were journalled: OPEN has returned, CLOSE has returned. */
	_Atomic uint64_t opened[KILL_MOST], closed[KILL_MOST];
	_Atomic uint64_t count, quota; /* as many may be opened in this round */
};

struct in_flight {
	uint64_t id, n; /* id 0: none */
};

/* Closes what is in the slot, and opens another. False: there is no room now. */
static bool turn_over(struct shared *s, struct journal *j, struct in_flight *slot)
{
	if (slot->id) {
		if (!write_record(j, RECORD_CLOSE, slot->id))
			_exit(2);
		atomic_store(&s->closed[slot->n], 1);
	}
	*slot = (struct in_flight){ .id = journal_next_id(j, sys_wall()),
		                    .n = atomic_load(&s->count) };
	if (slot->n >= atomic_load(&s->quota) ||
	    !write_record(j, RECORD_OPEN, slot->id)) {
		slot->id = 0;
		return false;
	}
	atomic_store(&s->opened[slot->n], slot->id);
	atomic_store(&s->count, slot->n + 1);
	return true;
}

static void be_killed(const char *dir, struct shared *s)
{
	struct in_flight open[KILL_WORKERS][8] = { { { 0, 0 } } };
	struct recorder *r = start(dir, KILL_WORKERS, true);

	if (!r)
		_exit(1);
	for (uint64_t i = 0;; i++) {
		unsigned w = (unsigned)(i % KILL_WORKERS);

		if (!turn_over(s, recorder_journal(r, w), &open[w][i / KILL_WORKERS % 8]))
			usleep(1000);
		if (i % 64 == 0)
			usleep(200);
	}
}

struct audit {
	struct shared *s;
	uint64_t count, at, wrong;
};

static bool check_row(void *arg, const struct attempt_row *row)
{
	struct audit *a = arg;
	uint64_t is_closed = atomic_load(&a->s->closed[a->at]);

	/* It may be further than we know: a call that had not returned. */
	if (row->state == ROW_OPEN || (is_closed && row->state != ROW_DONE))
		a->wrong++;
	return true;
}

static void check_verified(struct ledger *l)
{
	struct buf text = BUF_LIMIT(64 * KiB);
	uint64_t rows;

	CHECK(ledger_verify(l, &text, &rows));
	if (!CHECK(text.len == 0))
		printf("%.*s\n", STR_ARG(buf_str(&text)));
	buf_free(&text);
}

TEST(recorder_loses_and_doubles_nothing_when_killed)
{
	const char *dir = test_dir();
	struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
	                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int rounds = getenv("E2E_NIGHT") ? 200 : 12;
	uint64_t done = 0;

	for (int round = 0; round < rounds; round++) {
		int status;
		pid_t child;

		atomic_store(&s->quota,
		             KILL_MOST / (uint64_t)rounds * (uint64_t)(round + 1));
		child = fork();
		if (child == 0)
			be_killed(dir, s);
		usleep((useconds_t)(50000 + rand() % 250000));
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
		if (!CHECK(WIFSIGNALED(status)))
			printf("status %x\n", status);
	}
	/* One more start brings everything into the ledger. */
	struct recorder *r = start(dir, KILL_WORKERS, true);
	recorder_free(&r);
	struct ledger *l = open_reader(dir);
	struct audit a = { .s = s, .count = atomic_load(&s->count) };
	check_verified(l);
	CHECK(a.count > 100);
	for (a.at = 0; a.at < a.count; a.at++) {
		struct state state = { .found = false };
		uint64_t id = atomic_load(&s->opened[a.at]);

		CHECK(ledger_attempt(l, id, check_row, &a));
		CHECK(ledger_attempt(l, id, take_state, &state));
		if (!CHECK(state.found))
			break;
		done += state.state == ROW_DONE;
	}
	CHECK_INT(a.wrong, 0);
	ledger_close(&l);
	/* A crash may repeat the lines of one batch, and loses none. */
	CHECK(count_lines(dir) >= done);
	uint64_t exchanges = count_exchanges(dir, NULL);
	CHECK(exchanges >= done && exchanges <= done + (uint64_t)rounds);
	munmap(s, sizeof(*s));
	buf_free(&why);
}

/* ---- what it tells of rows ---- */

struct heard {
	uint64_t rows, cost, closes;
};

static void hear_row(void *arg, const struct attempt_row *row)
{
	struct heard *h = arg;

	h->rows++;
	h->cost += (uint64_t)row->cost;
	h->closes += row->closes;
}

TEST(recorder_tells_each_settled_row_once)
{
	char dir[512];
	struct heard heard = { 0 };
	uint64_t cost = 0;

	snprintf(dir, sizeof(dir), "%s/told", test_dir());
	mkdir(dir, 0700);
	struct recorder_options options = {
		.dir = dir, .workers = 1, .on_row = hear_row, .on_row_arg = &heard
	};
	struct recorder *r = recorder_new(&options, &why);
	if (!CHECK(r))
		return;
	struct journal *j = recorder_journal(r, 0);
	for (int i = 0; i < 100; i++) {
		uint64_t id = journal_next_id(j, sys_wall());

		CHECK(write_record(j, RECORD_OPEN, id));
		if (i % 10 == 0)
			recorder_flush(r); /* an open row, which tells nothing */
		CHECK(write_record(j, RECORD_CLOSE, id));
		cost += (uint64_t)row_of(id).cost;
	}
	/* Under way, and not told of before it has ended. */
	CHECK(write_record(j, RECORD_OPEN, journal_next_id(j, sys_wall())));
	recorder_flush(r);
	CHECK_INT(heard.rows, 100);
	CHECK_INT(heard.closes, 100);
	CHECK_INT(heard.cost, cost);
	recorder_free(&r);
	/* What an earlier process left is not told of again. */
	r = recorder_new(&options, &why);
	if (!CHECK(r))
		return;
	recorder_flush(r);
	CHECK_INT(heard.rows, 100);
	recorder_free(&r);
}
