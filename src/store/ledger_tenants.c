/* ledger_tenants.c - organisations, teams, keys and users: one table, a node a row.
 *
 * A change writes the whole node under the next serial, so whoever began from an older
 * one changes nothing and is told.  What a change may be is left to admin/tenants.c. */
#include "store/ledger_private.h"

enum { SECRET_AT = 35 }; /* parameters and columns: ?1 is column 0 */

/* ---- writing ---- */

static void bind_caps(sqlite3_stmt *st, int *at, const struct tenant_caps *caps)
{
	sqlite3_bind_int64(st, (*at)++, caps->rpm);
	sqlite3_bind_int64(st, (*at)++, caps->tpm);
	sqlite3_bind_int64(st, (*at)++, caps->concurrent);
	for (int i = 0; i < BUDGET_WINDOWS; i++, (*at)++)
		if (caps->budget[i] == COST_UNKNOWN)
			sqlite3_bind_null(st, *at);
		else
			sqlite3_bind_int64(st, *at, caps->budget[i]);
}

static void bind_row(sqlite3_stmt *st, const struct tenant_row *row)
{
	const str texts[] = { row->downgrade, row->routes, row->models,  row->providers,
		              row->regions,   row->tags,   row->metadata };
	int at = 1;

	sqlite3_bind_int64(st, at++, (int64_t)row->id);
	sqlite3_bind_int64(st, at++, row->kind);
	sqlite3_bind_int64(st, at++, (int64_t)row->parent);
	ledger_bind_str(st, at++, row->name);
	sqlite3_bind_int64(st, at++, row->created_wall);
	sqlite3_bind_int64(st, at++, row->revoked_wall);
	sqlite3_bind_int64(st, at++, row->expires_wall);
	sqlite3_bind_int64(st, at++, (int64_t)row->serial);
	bind_caps(st, &at, &row->caps);
	bind_caps(st, &at, &row->per_user);
	sqlite3_bind_int64(st, at++, row->soft);
	sqlite3_bind_int64(st, at++, row->phi);
	sqlite3_bind_int64(st, at++, row->on_exhausted);
	for (size_t i = 0; i < countof(texts); i++)
		ledger_bind_str(st, at++, texts[i]);
}

static void bind_mac(sqlite3_stmt *st, int at, const uint8_t mac[32], bool is_there)
{
	if (is_there)
		sqlite3_bind_blob(st, at, mac, 32, SQLITE_STATIC);
	else
		sqlite3_bind_null(st, at);
}

bool ledger_tenant_put(struct ledger *l, const struct tenant_row *row,
                       const struct key_secret *secret, bool *ret_done)
{
	static const struct key_secret none;
	sqlite3_stmt *st = ledger_get(l, row->serial == 1 ? LEDGER_TENANT_ADD
	                                                  : LEDGER_TENANT_CHANGE);
	bool has = secret != NULL;

	if (!st)
		return false;
	secret = has ? secret : &none;
	bind_row(st, row);
	bind_mac(st, SECRET_AT, secret->mac, has);
	bind_mac(st, SECRET_AT + 1, secret->previous, secret->previous_until != 0);
	sqlite3_bind_int64(st, SECRET_AT + 2, secret->previous_until);
	if (!ledger_run(st))
		return false;
	*ret_done = sqlite3_changes(l->db) > 0;
	return true;
}

/* ---- reading ---- */

static void read_caps(sqlite3_stmt *st, int *at, struct tenant_caps *ret)
{
	ret->rpm = (uint32_t)sqlite3_column_int64(st, (*at)++);
	ret->tpm = (uint32_t)sqlite3_column_int64(st, (*at)++);
	ret->concurrent = (uint32_t)sqlite3_column_int64(st, (*at)++);
	for (int i = 0; i < BUDGET_WINDOWS; i++, (*at)++)
		ret->budget[i] = sqlite3_column_type(st, *at) == SQLITE_NULL
		                         ? COST_UNKNOWN
		                         : sqlite3_column_int64(st, *at);
}

static struct tenant_row read_row(sqlite3_stmt *st)
{
	struct tenant_row row = { 0 };
	str *const texts[] = { &row.downgrade, &row.routes, &row.models,  &row.providers,
		               &row.regions,   &row.tags,   &row.metadata };
	int at = 0;

	row.id = (uint64_t)sqlite3_column_int64(st, at++);
	row.kind = (enum tenant_kind)sqlite3_column_int64(st, at++);
	row.parent = (uint64_t)sqlite3_column_int64(st, at++);
	row.name = ledger_str(st, at++);
	row.created_wall = sqlite3_column_int64(st, at++);
	row.revoked_wall = sqlite3_column_int64(st, at++);
	row.expires_wall = sqlite3_column_int64(st, at++);
	row.serial = (uint64_t)sqlite3_column_int64(st, at++);
	read_caps(st, &at, &row.caps);
	read_caps(st, &at, &row.per_user);
	row.soft = sqlite3_column_int64(st, at++) != 0;
	row.phi = sqlite3_column_int64(st, at++) != 0;
	row.on_exhausted = (enum on_exhausted)sqlite3_column_int64(st, at++);
	for (size_t i = 0; i < countof(texts); i++)
		*texts[i] = ledger_str(st, at++);
	return row;
}

static bool read_mac(sqlite3_stmt *st, int column, uint8_t ret[32])
{
	const void *mac = sqlite3_column_blob(st, column);
	bool is_whole = mac && sqlite3_column_bytes(st, column) == 32;

	if (is_whole)
		memcpy(ret, mac, 32);
	return is_whole;
}

/* False: it has none, or one that fits nothing. */
static bool read_secret(sqlite3_stmt *st, struct key_secret *ret)
{
	*ret = (struct key_secret){ 0 };
	if (!read_mac(st, SECRET_AT - 1, ret->mac))
		return false;
	if (read_mac(st, SECRET_AT, ret->previous))
		ret->previous_until = sqlite3_column_int64(st, SECRET_AT + 1);
	return true;
}

static bool give(sqlite3_stmt *st, ledger_tenant_fn *each, void *arg)
{
	while (sqlite3_step(st) == SQLITE_ROW) {
		struct tenant_row row = read_row(st);
		struct key_secret secret;
		bool has = read_secret(st, &secret);

		/* A key whose MAC is not one can be used by nobody. */
		if (row.kind == TENANT_KEY && !has)
			continue;
		if (!each(arg, &row, row.kind == TENANT_KEY ? &secret : NULL))
			break;
	}
	return sqlite3_reset(st) == SQLITE_OK;
}

bool ledger_tenants(struct ledger *l, ledger_tenant_fn *each, void *arg)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_TENANTS);

	return st && give(st, each, arg);
}

bool ledger_tenants_of(struct ledger *l, enum tenant_kind kind, usec created, uint64_t id,
                       unsigned most, ledger_tenant_fn *each, void *arg)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_TENANTS_OF);

	if (!st)
		return false;
	sqlite3_bind_int64(st, 1, kind);
	sqlite3_bind_int64(st, 2, created);
	sqlite3_bind_int64(st, 3, (int64_t)id);
	sqlite3_bind_int64(st, 4, most);
	return give(st, each, arg);
}

bool ledger_tenant(struct ledger *l, uint64_t id, ledger_tenant_fn *each, void *arg)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_TENANT);

	if (!st)
		return false;
	sqlite3_bind_int64(st, 1, (int64_t)id);
	return give(st, each, arg);
}

bool ledger_tenants_named(struct ledger *l, enum tenant_kind kind, str name,
                          ledger_tenant_fn *each, void *arg)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_TENANTS_NAMED);

	if (!st)
		return false;
	sqlite3_bind_int64(st, 1, kind);
	ledger_bind_str(st, 2, name);
	return give(st, each, arg);
}

/* ---- use ---- */

/* The last period of those in which the key was used; -1: in none. */
static bool last_period(struct ledger *l, uint64_t key, enum rollup_span span,
                        int64_t from, int64_t until, int64_t *ret)
{
	sqlite3_stmt *st = ledger_get(l, LEDGER_KEY_USED);

	if (!st)
		return false;
	sqlite3_bind_int64(st, 1, ROLLUP_WHOM);
	sqlite3_bind_int64(st, 2, span);
	sqlite3_bind_int64(st, 3, from);
	sqlite3_bind_int64(st, 4, until);
	sqlite3_bind_int64(st, 5, (int64_t)key);
	if (sqlite3_step(st) == SQLITE_ROW)
		*ret = sqlite3_column_int64(st, 0);
	return sqlite3_reset(st) == SQLITE_OK;
}

/* First the day, of which there are few; then the hour in it. */
bool ledger_key_used(struct ledger *l, uint64_t key, usec *ret_wall)
{
	int64_t day = -1, hour = -1;

	if (!last_period(l, key, ROLLUP_DAY, 0, INT64_MAX, &day))
		return false;
	if (day >= 0 && !last_period(l, key, ROLLUP_HOUR, day * 24, day * 24 + 23, &hour))
		return false;
	*ret_wall =
	        hour >= 0 ? hour * USEC_HOUR : max_of(day, (int64_t)0) * 24 * USEC_HOUR;
	return true;
}
