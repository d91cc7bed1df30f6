#include "store/ledger.h"
#include "tests/check.h"

#include <sqlite3.h>
#include <stdio.h>

static struct buf why = BUF_LIMIT(4 * KiB);

static struct ledger *open_at(const char *path)
{
	struct ledger *l = ledger_open(path, &why);

	if (!CHECK(l))
		printf("%s\n", buf_z(&why));
	return l;
}

static struct ledger *open_fresh(void)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/ledger.db", test_dir());
	return open_at(path);
}

/* Every member is another. */
static struct tenant_row full_key(uint64_t id)
{
	return (struct tenant_row){
		.id = id,
		.kind = TENANT_KEY,
		.parent = TENANT_DEFAULT,
		.name = STR("it's \"; DROP TABLE tenant; --"),
		.created_wall = 11,
		.revoked_wall = 12,
		.expires_wall = 13,
		.serial = 1,
		.caps = { 1, UINT32_MAX, 3, { 4, 5, COST_UNKNOWN, 0, INT64_MAX } },
		.per_user = { 6, 7, 8, { COST_UNKNOWN, 9, 10, 11, 12 } },
		.soft = true,
		.phi = true,
		.on_exhausted = EXHAUSTED_ERROR,
		.downgrade = STR("cheap"),
		.routes = STR("a,b*"),
		.models = STR("c"),
		.providers = STR("d"),
		.regions = STR("e"),
		.tags = STR("f=g"),
		.metadata = STR("{\"h\":1}"),
	};
}

static void check_caps(const struct tenant_caps *got, const struct tenant_caps *want)
{
	CHECK_INT(got->rpm, want->rpm);
	CHECK_INT(got->tpm, want->tpm);
	CHECK_INT(got->concurrent, want->concurrent);
	for (int i = 0; i < BUDGET_WINDOWS; i++)
		CHECK_INT(got->budget[i], want->budget[i]);
}

struct seen {
	struct tenant_row want;
	struct key_secret secret;
	bool has_secret;
	unsigned count;
	struct buf names;
};

static bool check_row(void *arg, const struct tenant_row *row,
                      const struct key_secret *secret)
{
	struct seen *s = arg;

	s->count++;
	CHECK_INT(row->id, s->want.id);
	CHECK_INT(row->kind, s->want.kind);
	CHECK_INT(row->parent, s->want.parent);
	CHECK_STR_EQ(row->name, s->want.name);
	CHECK_INT(row->created_wall, s->want.created_wall);
	CHECK_INT(row->revoked_wall, s->want.revoked_wall);
	CHECK_INT(row->expires_wall, s->want.expires_wall);
	CHECK_INT(row->serial, s->want.serial);
	check_caps(&row->caps, &s->want.caps);
	check_caps(&row->per_user, &s->want.per_user);
	CHECK(row->soft == s->want.soft && row->phi == s->want.phi);
	CHECK_INT(row->on_exhausted, s->want.on_exhausted);
	CHECK_STR_EQ(row->downgrade, s->want.downgrade);
	CHECK_STR_EQ(row->routes, s->want.routes);
	CHECK_STR_EQ(row->models, s->want.models);
	CHECK_STR_EQ(row->providers, s->want.providers);
	CHECK_STR_EQ(row->regions, s->want.regions);
	CHECK_STR_EQ(row->tags, s->want.tags);
	CHECK_STR_EQ(row->metadata, s->want.metadata);
	s->has_secret = secret != NULL;
	if (secret)
		s->secret = *secret;
	return true;
}

static bool add_name(void *arg, const struct tenant_row *row,
                     const struct key_secret *secret)
{
	struct seen *s = arg;

	buf_addf(&s->names, "%.*s ", STR_ARG(row->name));
	return true;
}

TEST(a_tenant_comes_back_as_it_was)
{
	struct ledger *l = open_fresh();
	struct key_secret secret = { { 1, 2 }, { 3, 4 }, 99 };
	struct seen s = { .want = full_key(0xffffffffffff) };
	bool done = false;

	CHECK(ledger_tenant_put(l, &s.want, &secret, &done) && done);
	CHECK(ledger_tenant(l, s.want.id, check_row, &s));
	CHECK(s.count == 1 && s.has_secret);
	CHECK(memcmp(&s.secret, &secret, sizeof(secret)) == 0);
	CHECK(ledger_tenant(l, 5, check_row, &s));
	CHECK_INT(s.count, 1);
	ledger_close(&l);
}

TEST(a_change_from_an_old_state_changes_nothing)
{
	struct ledger *l = open_fresh();
	struct key_secret secret = { { 1 }, { 0 }, 0 }, other = { { 2 }, { 1 }, 5 };
	struct seen s = { .want = full_key(7) };
	bool done = false;

	CHECK(ledger_tenant_put(l, &s.want, &secret, &done) && done);
	CHECK(ledger_tenant_put(l, &s.want, &other, &done) && !done); /* it is there */
	s.want.serial = 3;
	CHECK(ledger_tenant_put(l, &s.want, &other, &done) && !done);
	s.want.serial = 2;
	s.want.caps.rpm = 77;
	CHECK(ledger_tenant_put(l, &s.want, NULL, &done) && done);
	CHECK(ledger_tenant_put(l, &s.want, NULL, &done) && !done);
	CHECK(ledger_tenant(l, 7, check_row, &s));
	CHECK(s.secret.mac[0] == 1 && s.secret.previous_until == 0); /* it was kept */
	s.want.serial = 3;
	CHECK(ledger_tenant_put(l, &s.want, &other, &done) && done);
	CHECK(ledger_tenant(l, 7, check_row, &s));
	CHECK(memcmp(&s.secret, &other, sizeof(other)) == 0);
	s.want.id = 8; /* a change of what is not there */
	CHECK(ledger_tenant_put(l, &s.want, &other, &done) && !done);
	ledger_close(&l);
}

static bool put(struct ledger *l, uint64_t id, enum tenant_kind kind, uint64_t parent,
                const char *name, usec created)
{
	struct key_secret secret = { .mac = { 1 } };
	struct tenant_row row = { .id = id,
		                  .kind = kind,
		                  .parent = parent,
		                  .name = str_from_z(name),
		                  .created_wall = created,
		                  .serial = 1 };
	bool done = false;

	return ledger_tenant_put(l, &row, kind == TENANT_KEY ? &secret : NULL, &done) &&
	       done;
}

TEST(tenants_are_listed_parents_first)
{
	struct ledger *l = open_fresh();
	struct seen s = { .names = BUF_LIMIT(4 * KiB) };

	CHECK(put(l, 30, TENANT_KEY, 10, "k1", 5) && put(l, 31, TENANT_KEY, 1, "k2", 4));
	CHECK(put(l, 40, TENANT_USER, 30, "u", 1));
	CHECK(put(l, 10, TENANT_TEAM, 1, "t", 9) &&
	      put(l, 9, TENANT_ORGANISATION, 0, "o", 9));
	CHECK(ledger_tenants(l, add_name, &s));
	CHECK_STR(buf_str(&s.names), "default o t k2 k1 u ");
	buf_clear(&s.names);
	CHECK(ledger_tenants_of(l, TENANT_KEY, 0, 0, 10, add_name, &s));
	CHECK(ledger_tenants_of(l, TENANT_KEY, 0, 0, 1, add_name, &s));
	CHECK(ledger_tenants_of(l, TENANT_KEY, 4, 31, 10, add_name, &s));
	CHECK_STR(buf_str(&s.names), "k2 k1 k2 k1 ");
	buf_free(&s.names);
	ledger_close(&l);
}

TEST(names_of_teams_are_nobody_elses)
{
	struct ledger *l = open_fresh();
	struct seen s = { .names = BUF_LIMIT(4 * KiB) };
	struct tenant_row gone = { .id = 10,
		                   .kind = TENANT_TEAM,
		                   .parent = 1,
		                   .name = STR("t"),
		                   .revoked_wall = 5,
		                   .serial = 2 };
	bool done = false, no_space;

	CHECK(put(l, 10, TENANT_TEAM, 1, "t", 1) && !put(l, 11, TENANT_TEAM, 1, "t", 1));
	CHECK(strstr(ledger_error(l, &no_space), "UNIQUE") && !no_space);
	CHECK(put(l, 9, TENANT_ORGANISATION, 0, "o", 1) &&
	      put(l, 11, TENANT_TEAM, 9, "t", 1));
	CHECK(put(l, 20, TENANT_KEY, 10, "k", 1) && put(l, 21, TENANT_KEY, 10, "k", 1));
	/* One that is gone leaves its name. */
	CHECK(ledger_tenant_put(l, &gone, NULL, &done) && done);
	CHECK(put(l, 12, TENANT_TEAM, 1, "t", 1));
	CHECK(ledger_tenants_named(l, TENANT_KEY, STR("k"), add_name, &s));
	CHECK(ledger_tenants_named(l, TENANT_TEAM, STR("t"), add_name, &s));
	CHECK(ledger_tenants_named(l, TENANT_TEAM, STR("k"), add_name, &s));
	CHECK_STR(buf_str(&s.names), "k k t t t ");
	buf_free(&s.names);
	ledger_close(&l);
}

/* A database whose keys had a table of their own. */
TEST(keys_of_the_first_days_are_still_good)
{
	char path[512];
	struct seen s = { .want = { .id = 0xabc,
		                    .kind = TENANT_KEY,
		                    .parent = TENANT_DEFAULT,
		                    .name = STR("old"),
		                    .created_wall = 5,
		                    .revoked_wall = 6,
		                    .serial = 1,
		                    .caps = TENANT_CAPS_NONE,
		                    .per_user = TENANT_CAPS_NONE } };
	sqlite3 *db = NULL;

	snprintf(path, sizeof(path), "%s/ledger.db", test_dir());
	struct ledger *l = open_at(path);
	ledger_close(&l);
	CHECK(sqlite3_open(path, &db) == SQLITE_OK);
	CHECK(sqlite3_exec(db,
	                   "DROP TABLE tenant; CREATE TABLE keys (id INTEGER PRIMARY KEY,"
	                   "  name TEXT NOT NULL, mac BLOB NOT NULL, created INTEGER NOT "
	                   "NULL, revoked INTEGER NOT NULL) STRICT;"
	                   "INSERT INTO keys VALUES (2748, 'old', zeroblob(32), 5, 6);"
	                   "INSERT INTO keys VALUES (2749, 'bad', x'00', 5, 6);"
	                   /* of later versions */
	                   "DROP TABLE trial;"
	                   "DROP TABLE trial_gone;"
	                   "DROP TABLE journal_place;"
	                   "DROP TABLE clock;"
	                   "DROP TABLE admin_token;"
	                   "DROP TABLE audit;"
	                   "DROP TABLE audit_head;"
	                   "DROP TABLE admin_replay;"
	                   "DROP INDEX attempt_exchange;"
	                   "ALTER TABLE pin DROP COLUMN phi;"
	                   "ALTER TABLE attempt DROP COLUMN conversation;"
	                   "PRAGMA user_version = 2",
	                   NULL, NULL, NULL) == SQLITE_OK);
	sqlite3_close(db);
	l = open_at(path);
	CHECK(ledger_tenants_of(l, TENANT_KEY, 0, 0, 10, check_row, &s));
	CHECK(s.count == 1 && s.has_secret);
	ledger_close(&l);
}

static bool add_use(struct ledger *l, uint64_t id, uint64_t key, usec began)
{
	struct attempt_row row = { .id = id,
		                   .exchange = id,
		                   .number = 1,
		                   .key = key,
		                   .began_wall = began,
		                   .state = ROW_DONE,
		                   .closes = true,
		                   .attempts = 1 };

	return ledger_begin(l) && ledger_put(l, &row, NULL) && ledger_commit(l);
}

TEST(the_ledger_knows_the_hour_in_which_a_key_was_used_last)
{
	struct ledger *l = open_fresh();
	usec day = 20000 * 24 * USEC_HOUR, used = -1;

	CHECK(ledger_key_used(l, 7, &used));
	CHECK_INT(used, 0);
	CHECK(add_use(l, 1 << 8, 7, day + 3 * USEC_HOUR + 5));
	CHECK(add_use(l, 2 << 8, 7, day - 5 * USEC_HOUR));
	CHECK(add_use(l, 3 << 8, 8, day + 30 * USEC_HOUR));
	CHECK(ledger_key_used(l, 7, &used));
	CHECK_INT(used, day + 3 * USEC_HOUR);
	CHECK(ledger_key_used(l, 8, &used));
	CHECK_INT(used, day + 30 * USEC_HOUR);
	CHECK(ledger_key_used(l, 9, &used));
	CHECK_INT(used, 0);
	ledger_close(&l);
}
