#include "admin/spend.h"
#include "store/ledger.h"
#include "tests/check.h"

#include <sqlite3.h>
#include <stdio.h>

static struct spend_name names[] = {
	{ .id = 1, .name = STR_INIT("backend"), .kind = TENANT_TEAM },
	{ .id = 2, .name = STR_INIT("backend"), .kind = TENANT_KEY },
	{ .id = 3, .name = STR_INIT("old"), .kind = TENANT_KEY, .is_revoked = true },
	{ .id = 4, .name = STR_INIT("new"), .kind = TENANT_KEY, .is_revoked = true },
	{ .id = 5, .name = STR_INIT("new"), .kind = TENANT_KEY },
	{ .id = 6, .name = STR_INIT("two"), .kind = TENANT_KEY },
	{ .id = 7, .name = STR_INIT("two"), .kind = TENANT_KEY },
};

static uint64_t find(enum tenant_kind kind, const char *text)
{
	const struct spend_names n = { .names = names, .count = countof(names) };
	uint64_t id = 0;

	return spend_find(&n, kind, str_from_z(text), &id) ? id : 0;
}

TEST(spend_finds_whom_is_asked_for)
{
	CHECK_INT(find(TENANT_TEAM, "backend"), 1);
	CHECK_INT(find(TENANT_KEY, "backend"), 2);
	CHECK_INT(find(TENANT_KEY, "old"), 3);
	CHECK_INT(find(TENANT_KEY, "new"), 5);
	CHECK_INT(find(TENANT_KEY, "two"), 0);
	CHECK_INT(find(TENANT_TEAM, "old"), 0);
	CHECK_INT(find(TENANT_KEY, "00000000000a"), 10);
}

/* Keys that are no more have no end; those in force keep their names. */
TEST(spend_has_an_end_to_its_names)
{
	static const char many[] =
	        "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 70000)"
	        " INSERT INTO tenant (id, kind, parent, name, created, revoked, mac)"
	        " SELECT i + 1000, 2, 1, printf('%01024d', i), i, 1, zeroblob(32) FROM n;"
	        "INSERT INTO tenant (id, kind, parent, name, created, mac)"
	        " VALUES (900000, 2, 1, 'in force', 900000, zeroblob(32))";
	struct buf why = BUF_LIMIT(KiB);
	struct spend_names n;
	sqlite3 *db = NULL;
	char path[512];

	snprintf(path, sizeof(path), "%s/ledger.db", test_dir());
	struct ledger *l = ledger_open(path, &why);
	CHECK(sqlite3_open(path, &db) == SQLITE_OK);
	CHECK(sqlite3_exec(db, "PRAGMA synchronous = OFF", NULL, NULL, NULL) ==
	      SQLITE_OK);
	CHECK(sqlite3_exec(db, many, NULL, NULL, NULL) == SQLITE_OK);
	sqlite3_close(db);
	CHECK(spend_names_load(&n, l));
	CHECK_STR(spend_name(&n, 900000), "in force");
	CHECK_INT(spend_name(&n, 1001).len, 1024);
	CHECK_INT(spend_name(&n, 71000).len, 0);
	spend_names_done(&n);
	ledger_close(&l);
	buf_free(&why);
}

TEST(spend_tells_apart_by_one_tag)
{
	struct spend_by by;
	str wrong;

	CHECK(spend_by(STR("tag:a,day,model"), &by, &wrong));
	CHECK_STR(by.tag, "a");
	CHECK(!spend_by(STR("tag:a,tag:b"), &by, &wrong));
	CHECK_STR(wrong, "tag:b");
	CHECK(!spend_by(STR("tag,tag:b"), &by, &wrong));
}
