/* ledger_fault_test.c - a disk that fails at the k-th write or sync, for every k.
 *
 * A VFS below SQLite counts down; when it comes to zero every write, sync and truncate
 * fails, as on a full or broken disk, until it is set right.  Whatever failed, a
 * second try must succeed and leave the same ledger as if nothing had happened. */
#include "store/ledger.h"
#include "store/report.h"
#include "tests/check.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

static int countdown = -1; /* below zero: never */
static int failure;        /* what a failing call returns */
static sqlite3_vfs shim;
static sqlite3_vfs *real;

struct shim_file {
	sqlite3_file base;
	sqlite3_io_methods methods; /* the real ones, but for three */
	const sqlite3_io_methods *below;
};

static struct shim_file *shim_of(sqlite3_file *f)
{
	/* Behind the real file's own memory. */
	return (struct shim_file *)(void *)((char *)f + real->szOsFile);
}

static bool fails(void)
{
	if (countdown > 0)
		countdown--;
	return countdown == 0;
}

static int shim_write(sqlite3_file *f, const void *bytes, int size, sqlite3_int64 at)
{
	if (fails()) {
		/* Half of it arrives: a torn page. */
		shim_of(f)->below->xWrite(f, bytes, size / 2, at);
		return failure;
	}
	return shim_of(f)->below->xWrite(f, bytes, size, at);
}

static int shim_sync(sqlite3_file *f, int flags)
{
	return fails() ? SQLITE_IOERR_FSYNC : shim_of(f)->below->xSync(f, flags);
}

static int shim_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	return fails() ? SQLITE_IOERR_TRUNCATE : shim_of(f)->below->xTruncate(f, size);
}

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags,
                     int *ret_flags)
{
	int rc = real->xOpen(real, name, f, flags, ret_flags);
	struct shim_file *s = shim_of(f);

	if (rc != SQLITE_OK || !f->pMethods)
		return rc;
	s->below = f->pMethods;
	s->methods = *s->below;
	s->methods.xWrite = shim_write;
	s->methods.xSync = shim_sync;
	s->methods.xTruncate = shim_truncate;
	f->pMethods = &s->methods;
	return rc;
}

static void install(void)
{
	sqlite3_initialize();
	real = sqlite3_vfs_find(NULL);
	shim = *real;
	shim.zName = "failing";
	shim.szOsFile = real->szOsFile + (int)sizeof(struct shim_file);
	shim.xOpen = shim_open;
	countdown = -1;
	sqlite3_vfs_register(&shim, 1);
}

static void remove_shim(void)
{
	sqlite3_vfs_unregister(&shim);
	sqlite3_vfs_register(real, 1);
}

static bool put(struct ledger *l, uint64_t id, enum row_state state)
{
	char agent[32];
	struct attempt_row row = { .id = id << 8, .exchange = id << 8, .number = 1 };

	/* Some labels are new in each batch. */
	snprintf(agent, sizeof(agent), "agent %d", (int)(id / 10));
	row.began_wall = (usec)id;
	row.state = state;
	row.closes = true;
	row.agent = str_from_z(agent);
	row.cost = (nanousd)id;
	return state == ROW_DONE && id % 2 ? ledger_put_new(l, &row)
	                                   : ledger_put(l, &row, NULL);
}

/* Row 11 cost too little. */
static bool correct(struct ledger *l)
{
	struct correction_row why = { .attempt = 11 << 8, .why = STR("a wrong price") };
	struct price price = { .version = 3, .of = { 1, 2, 3 } };
	bool changed;

	return ledger_correct(l, &why, 1011, &price, &changed, NULL);
}

/* Rows 1 to 40 are there; 31 to 40 are open. Now they close, and 41 to 100 come. */
static bool write_batch(struct ledger *l)
{
	bool ok = ledger_begin(l) && correct(l);

	for (uint64_t id = 31; ok && id <= 100; id++) {
		if (id <= 40 && id % 2)
			ok = put(l, id, ROW_OPEN); /* there already: nothing happens */
		else
			ok = put(l, id, id <= 90 ? ROW_DONE : ROW_OPEN);
	}
	return ok && ledger_commit(l);
}

static bool sum(void *arg, const struct attempt_row *row)
{
	int64_t *total = arg;

	*total += row->cost;
	return true;
}

static bool count_correction(void *arg, const struct correction_row *row)
{
	CHECK_INT(row->delta, 1000);
	++*(unsigned *)arg;
	return true;
}

static void check_ledger(struct ledger *l, const char *path)
{
	unsigned corrections = 0;
	sqlite3_stmt *st = NULL;
	sqlite3 *db = NULL;
	int64_t total = 0, want = 0;
	struct buf text = BUF_LIMIT(64 * KiB);
	uint64_t rows;

	for (int id = 1; id <= 90; id++)
		want += id <= 30 || id > 40 || id % 2 == 0 ? id : 0;
	CHECK(ledger_exchanges(l, 0, 0, false, 1000, sum, &total));
	CHECK_INT(total, want);
	CHECK(ledger_verify(l, &text, &rows));
	if (!CHECK(text.len == 0))
		printf("%.*s\n", STR_ARG(buf_str(&text)));
	buf_free(&text);
	CHECK_INT(ledger_last_id(l), 100 << 8);
	CHECK(ledger_corrections(l, 11 << 8, count_correction, &corrections));
	CHECK_INT(corrections, 1);
	CHECK(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK);
	CHECK(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &st, NULL) ==
	      SQLITE_OK);
	CHECK(sqlite3_step(st) == SQLITE_ROW &&
	      strcmp((const char *)sqlite3_column_text(st, 0), "ok") == 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
}

/* False: the countdown did not come to its end, so all faults have been seen. */
static bool try_with_fault_at(int k)
{
	char path[512];
	struct buf why = BUF_LIMIT(1 * KiB);
	bool failed_once;

	snprintf(path, sizeof(path), "%s/ledger.db", test_dir());
	struct ledger *l = ledger_open(path, &why);
	if (!CHECK(l))
		return false;
	CHECK(ledger_begin(l));
	for (uint64_t id = 1; id <= 40; id++)
		CHECK(put(l, id, id <= 30 ? ROW_DONE : ROW_OPEN));
	CHECK(ledger_commit(l));

	countdown = k;
	bool ok = write_batch(l);
	if (!ok)
		ledger_rollback(l);
	bool moved = ok && ledger_checkpoint(l);
	failed_once = countdown == 0;
	/* It stays broken for a second try. */
	if (failed_once && !ok && !write_batch(l))
		ledger_rollback(l);
	countdown = -1;
	if (!ok)
		CHECK(write_batch(l));
	CHECK(ok == moved || failed_once);
	check_ledger(l, path);
	CHECK(ledger_checkpoint(l));
	ledger_close(&l);
	l = ledger_open(path, &why);
	if (CHECK(l))
		check_ledger(l, path);
	ledger_close(&l);
	buf_free(&why);
	return failed_once;
}

TEST(ledger_recovers_from_every_failed_write)
{
	static const int kinds[] = { SQLITE_FULL, SQLITE_IOERR_WRITE };

	install();
	for (unsigned i = 0; i < countof(kinds); i++) {
		int k = 1;

		failure = kinds[i];
		while (try_with_fault_at(k))
			k++;
		CHECK(k > 10);
	}
	remove_shim();
}

TEST(ledger_fails_to_open_in_peace)
{
	char path[512];
	struct buf why = BUF_LIMIT(1 * KiB);
	int k = 1;
	bool failed = true;

	install();
	failure = SQLITE_FULL;
	for (; failed; k++) {
		snprintf(path, sizeof(path), "%s/ledger.db", test_dir());
		buf_clear(&why);
		countdown = k;
		struct ledger *l = ledger_open(path, &why);
		failed = countdown == 0;
		CHECK(l || why.len);
		ledger_close(&l);
		countdown = -1;
		buf_clear(&why);
		l = ledger_open(path, &why);
		if (!CHECK(l))
			printf("%s\n", buf_z(&why));
		ledger_close(&l);
	}
	CHECK(k > 10);
	buf_free(&why);
	remove_shim();
}
