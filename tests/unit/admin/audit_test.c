/* The audit log: written, and found out when it is not as it was written. */
#include "admin/audit.h"

#include "base/mem.h"
#include "tests/check.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>

enum { ENTRIES = 5 };

static const uint8_t key[AUDIT_KEY] = { 1, 2, 3 };

static struct ledger *begin(const char *name, char path[700])
{
	struct buf why = BUF_LIMIT(KiB);
	struct ledger *l;

	snprintf(path, 700, "%s/%s.db", test_dir(), name);
	l = ledger_open(path, &why);
	if (!CHECK(l != NULL))
		return NULL;
	for (unsigned i = 1; i <= ENTRIES; i++) {
		char after[64];
		struct audit_row row = { .wall = 1000000 * i,
			                 .who = STR("token 0123456789ab ci"),
			                 .source = STR("127.0.0.1"),
			                 .action = STR("keys_create"),
			                 .target = STR("aaaaaaaaaaaa"),
			                 .after = str_from_z(after) };

		snprintf(after, sizeof(after), "{\"n\":%u}", i);
		CHECK(ledger_begin(l) && ledger_audit_add(l, key, &row) &&
		      ledger_commit(l));
		CHECK_INT(row.seq, i);
	}
	buf_free(&why);
	return l;
}

static struct audit_verdict verdict_of(struct ledger *l)
{
	struct audit_verdict v;

	CHECK(audit_verify(l, key, NULL, &v));
	return v;
}

static void tamper(const char *path, const char *sql)
{
	sqlite3 *db;

	CHECK_INT(sqlite3_open(path, &db), SQLITE_OK);
	if (!CHECK(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK))
		CHECK_STR(str_from_z(sqlite3_errmsg(db)), "");
	sqlite3_close(db);
}

/* What happens to a log that was well, and where it is seen (0: at its end). */
static const struct {
	const char *sql;
	uint64_t at;
} damages[] = {
	{ "UPDATE audit SET who = 'uid 0' WHERE seq = 1", 1 },
	{ "UPDATE audit SET at = at + 1 WHERE seq = 3", 3 },
	{ "UPDATE audit SET source = source || ' ' WHERE seq = 2", 2 },
	{ "UPDATE audit SET action = 'keys_show' WHERE seq = 5", 5 },
	{ "UPDATE audit SET target = '' WHERE seq = 4", 4 },
	{ "UPDATE audit SET before = '{}' WHERE seq = 4", 4 },
	{ "UPDATE audit SET after = '{\"n\":9}' WHERE seq = 3", 3 },
	{ "UPDATE audit SET hash = randomblob(32) WHERE seq = 2", 2 },
	{ "UPDATE audit SET mac = randomblob(32) WHERE seq = 2", 2 },
	{ "DELETE FROM audit WHERE seq = 1", 1 },
	{ "DELETE FROM audit WHERE seq = 3", 3 },
	{ "DELETE FROM audit WHERE seq = 5", 5 },
	{ "DELETE FROM audit WHERE seq > 2", 3 },
	{ "DELETE FROM audit", 1 },
	{ "DELETE FROM audit_head", 0 },
	{ "DELETE FROM audit; DELETE FROM audit_head", 0 },
	{ "UPDATE audit_head SET seq = 4, hash = (SELECT hash FROM audit WHERE seq = 4)",
	  0 },
	{ "DELETE FROM audit WHERE seq = 5; UPDATE audit_head SET seq = 4,"
	  " hash = (SELECT hash FROM audit WHERE seq = 4),"
	  " mac = (SELECT mac FROM audit WHERE seq = 4)",
	  0 },
	{ "UPDATE audit SET seq = -1 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = "
	  "3;"
	  " UPDATE audit SET seq = 3 WHERE seq = -1",
	  2 },
	{ "INSERT INTO audit SELECT 6, at, who, source, action, target, before, after, "
	  "hash,"
	  " mac FROM audit WHERE seq = 5",
	  6 },
	{ "DELETE FROM audit WHERE seq = 2; UPDATE audit SET seq = seq - 1 WHERE seq > 2",
	  2 },
};

TEST(damage_to_the_audit_log_is_found)
{
	for (size_t i = 0; i < countof(damages); i++) {
		struct audit_verdict v;
		struct ledger *l;
		char name[32], path[700];

		snprintf(name, sizeof(name), "damage%zu", i);
		if (!(l = begin(name, path)))
			return;
		v = verdict_of(l);
		CHECK(v.is_whole && v.entries == ENTRIES && !v.problem);
		tamper(path, damages[i].sql);
		v = verdict_of(l);
		if (!CHECK(!v.is_whole && v.problem) || v.first_bad != damages[i].at) {
			CHECK_INT(v.first_bad, damages[i].at);
			CHECK_STR(str_from_z(damages[i].sql), "found");
		}
		ledger_close(&l);
	}
}

TEST(who_has_not_the_key_cannot_write_a_log)
{
	static const uint8_t other[AUDIT_KEY] = { 9 };
	struct audit_verdict v;
	char path[700];
	struct ledger *l = begin("forged", path);

	if (!l)
		return;
	CHECK(audit_verify(l, other, NULL, &v));
	CHECK(!v.is_whole);
	CHECK_INT(v.first_bad, 1);
	ledger_close(&l);
}

TEST(a_log_goes_on_behind_its_head_when_entries_are_gone)
{
	struct audit_row row = { .wall = 9, .action = STR("more") };
	char path[700];
	struct ledger *l = begin("gone", path);

	if (!l)
		return;
	tamper(path, "DELETE FROM audit WHERE seq > 3");
	CHECK(ledger_begin(l) && ledger_audit_add(l, key, &row) && ledger_commit(l));
	CHECK_INT(row.seq, ENTRIES + 1);
	CHECK_INT(verdict_of(l).first_bad, 4);
	ledger_close(&l);
}

/* What is done to the end of a log, and where a later look still sees it. */
static const struct {
	const char *sql;
	uint64_t at;
} endings[] = {
	{ "DELETE FROM audit WHERE seq > 3; DELETE FROM audit_head", 4 },
	{ "DELETE FROM audit_head", ENTRIES + 1 },
	{ "DELETE FROM audit WHERE seq > 3; UPDATE audit_head SET seq = 3,"
	  " hash = (SELECT hash FROM audit WHERE seq = 3)",
	  4 },
	{ "DELETE FROM audit WHERE seq > 3; UPDATE audit_head SET seq = 3,"
	  " hash = (SELECT hash FROM audit WHERE seq = 3),"
	  " mac = (SELECT mac FROM audit WHERE seq = 3)",
	  4 },
	{ "DELETE FROM audit WHERE seq > 3; UPDATE audit_head SET seq = 0", 4 },
	{ "UPDATE audit_head SET mac = randomblob(32)", ENTRIES + 1 },
	{ "UPDATE audit SET hash = randomblob(32) WHERE seq = 5", 5 },
	{ "DELETE FROM audit", 1 },
};

TEST(entries_that_were_cut_off_are_missed_for_ever)
{
	for (size_t i = 0; i < countof(endings); i++) {
		struct audit_row row = { .wall = 9, .action = STR("more") };
		struct ledger *l;
		char name[32], path[700];

		snprintf(name, sizeof(name), "ending%zu", i);
		if (!(l = begin(name, path)))
			return;
		tamper(path, endings[i].sql);
		for (int more = 0; more < 3; more++) {
			CHECK(ledger_begin(l) && ledger_audit_add(l, key, &row) &&
			      ledger_commit(l));
			if (verdict_of(l).first_bad == endings[i].at)
				continue;
			CHECK_INT(verdict_of(l).first_bad, endings[i].at);
			CHECK_STR(str_from_z(endings[i].sql), "found");
		}
		ledger_close(&l);
	}
}

TEST(a_noted_head_proves_that_nothing_was_rolled_back)
{
	struct audit_head noted;
	struct audit_verdict v;
	char path[700];
	struct ledger *l = begin("noted", path);

	if (!l)
		return;
	CHECK(ledger_audit_head(l, &noted));
	CHECK_INT(noted.seq, ENTRIES);
	CHECK(audit_verify(l, key, &noted, &v) && v.is_whole);
	noted.hash[0] ^= 1;
	CHECK(audit_verify(l, key, &noted, &v) && !v.is_whole);
	noted.hash[0] ^= 1;
	noted.seq++;
	CHECK(audit_verify(l, key, &noted, &v) && !v.is_whole);
	ledger_close(&l);
}

TEST(a_change_that_is_undone_leaves_no_entry)
{
	struct audit_row row = { .wall = 9, .action = STR("more") };
	struct audit_verdict v;
	char path[700];
	struct ledger *l = begin("undone", path);

	if (!l)
		return;
	CHECK(ledger_begin(l) && ledger_audit_add(l, key, &row));
	ledger_rollback(l);
	v = verdict_of(l);
	CHECK(v.is_whole && v.entries == ENTRIES);
	ledger_close(&l);
}

enum { MANY = 2000, MEANWHILE = 100 };

struct adding {
	struct ledger *l;
	_Atomic bool is_done;
};

static bool add_more(struct ledger *l, unsigned count)
{
	struct audit_row row = { .wall = 9, .action = STR("more") };

	for (unsigned i = 0; i < count; i++)
		if (!ledger_audit_add(l, key, &row))
			return false;
	return true;
}

static void *add_meanwhile(void *arg)
{
	struct adding *a = arg;

	for (int i = 0; i < MEANWHILE; i++)
		CHECK(ledger_begin(a->l) && add_more(a->l, 1) && ledger_commit(a->l));
	atomic_store(&a->is_done, true);
	return NULL;
}

TEST(a_log_that_grows_meanwhile_is_whole)
{
	struct buf why = BUF_LIMIT(KiB);
	struct adding a = { 0 };
	struct ledger *reader;
	pthread_t thread;
	char path[700];

	if (!(a.l = begin("growing", path)))
		return;
	CHECK(ledger_begin(a.l) && add_more(a.l, MANY) && ledger_commit(a.l));
	reader = ledger_open_reader(path, &why);
	if (CHECK(reader != NULL) &&
	    CHECK(pthread_create(&thread, NULL, add_meanwhile, &a) == 0)) {
		while (!atomic_load(&a.is_done))
			CHECK(verdict_of(reader).is_whole);
		pthread_join(thread, NULL);
		CHECK_INT(verdict_of(reader).entries, ENTRIES + MANY + MEANWHILE);
	}
	ledger_close(&reader);
	ledger_close(&a.l);
	buf_free(&why);
}
