/* ledger_queue.c - new rows on their way to the table, many in one statement.
 *
 * Binding a row's values one by one costs SQLite more than storing them.  So the rows
 * that wait are a table to it, `new_rows`, read where they lie: a virtual table which the
 * writer's connection alone knows and which stands in no schema.  One statement copies
 * all of it, and its own cost is shared by all of them. */
#include "store/ledger_private.h"

#include "base/mem.h"

enum { ROWS_MOST = 128 };

struct row_queue {
	unsigned count;
	enum queue_kind kind; /* that all of them are */
	struct row_values rows[ROWS_MOST];
};

/* ---- the table ---- */

struct queue_table {
	sqlite3_vtab base;
	struct ledger *ledger;
};

struct queue_cursor {
	sqlite3_vtab_cursor base;
	const struct row_queue *queue;
	unsigned at;
};

static struct queue_cursor *cursor_of(sqlite3_vtab_cursor *cursor)
{
	return container_of(cursor, struct queue_cursor, base);
}

static int table_connect(sqlite3 *db, void *arg, int argc, const char *const *argv,
                         sqlite3_vtab **ret, char **error)
{
	struct queue_table *t = new_of(struct queue_table);
	int rc = sqlite3_declare_vtab(db, ledger_new_rows);

	if (rc != SQLITE_OK) {
		free(t);
		return rc;
	}
	t->ledger = arg;
	*ret = &t->base;
	return SQLITE_OK;
}

static int table_disconnect(sqlite3_vtab *table)
{
	free(container_of(table, struct queue_table, base));
	return SQLITE_OK;
}

static int table_best_index(sqlite3_vtab *table, sqlite3_index_info *info)
{
	return SQLITE_OK; /* there is one way to read it */
}

static int table_open(sqlite3_vtab *table, sqlite3_vtab_cursor **ret)
{
	struct queue_cursor *c = new_of(struct queue_cursor);

	c->queue = container_of(table, struct queue_table, base)->ledger->queue;
	*ret = &c->base;
	return SQLITE_OK;
}

static int table_close(sqlite3_vtab_cursor *cursor)
{
	free(cursor_of(cursor));
	return SQLITE_OK;
}

static int table_filter(sqlite3_vtab_cursor *cursor, int index, const char *name,
                        int argc, sqlite3_value **argv)
{
	cursor_of(cursor)->at = 0;
	return SQLITE_OK;
}

static int table_next(sqlite3_vtab_cursor *cursor)
{
	cursor_of(cursor)->at++;
	return SQLITE_OK;
}

static int table_eof(sqlite3_vtab_cursor *cursor)
{
	return cursor_of(cursor)->at >= cursor_of(cursor)->queue->count;
}

/* What is not set stays NULL. */
static int table_column(sqlite3_vtab_cursor *cursor, sqlite3_context *to, int column)
{
	const struct queue_cursor *c = cursor_of(cursor);
	const struct row_values *v = &c->queue->rows[c->at];

	if (!(v->nulls >> column & 1))
		sqlite3_result_int64(to, v->number[column]);
	return SQLITE_OK;
}

static int table_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *ret)
{
	*ret = cursor_of(cursor)->at;
	return SQLITE_OK;
}

/* Without xCreate it is there as soon as its module is, and cannot be made another time.
 */
static const sqlite3_module module = {
	.xConnect = table_connect,
	.xBestIndex = table_best_index,
	.xDisconnect = table_disconnect,
	.xOpen = table_open,
	.xClose = table_close,
	.xFilter = table_filter,
	.xNext = table_next,
	.xEof = table_eof,
	.xColumn = table_column,
	.xRowid = table_rowid,
};

/* ---- the queue ---- */

bool ledger_queue_init(struct ledger *l)
{
	return sqlite3_create_module_v2(l->db, "new_rows", &module, l, NULL) == SQLITE_OK;
}

struct row_values *ledger_queue_place(struct ledger *l, bool is_open)
{
	if (!l->queue)
		l->queue = new_of(struct row_queue);
	if (l->queue->count && (l->queue->kind == QUEUE_OPEN) != is_open &&
	    !ledger_put_queue(l))
		return NULL;
	return &l->queue->rows[l->queue->count];
}

bool ledger_queue_add(struct ledger *l, enum queue_kind kind)
{
	l->queue->kind = max_of(l->queue->kind, kind);
	return ++l->queue->count < ROWS_MOST || ledger_put_queue(l);
}

bool ledger_put_queue(struct ledger *l)
{
	bool ok;

	if (!l->queue || l->queue->count == 0)
		return true;
	ok = ledger_run(ledger_get(l, LEDGER_PUT_QUEUE + l->queue->kind));
	ledger_drop_queue(l);
	return ok;
}

void ledger_drop_queue(struct ledger *l)
{
	if (!l->queue)
		return;
	l->queue->count = 0;
	l->queue->kind = QUEUE_OPEN;
}

void ledger_free_queue(struct ledger *l)
{
	free(l->queue);
	l->queue = NULL;
}
