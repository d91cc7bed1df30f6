/* ledger.c - the connection: opening, migrating, transactions, checkpoints.
 *
 * The writer never checkpoints inside a commit (wal_autocheckpoint is 0): the recorder
 * chooses the moment.  A commit is an fsync of the WAL, nothing more.  What rows and
 * tenants look like is left to ledger_attempts.c and ledger_tenants.c, SQL to
 * ledger_schema.c and ledger_sql.c. */
#include "store/ledger_private.h"

#include "base/assert.h"
#include "base/mem.h"
#include "codec/text.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { BUSY_MS = 250 };

static const char writer_pragmas[] = "PRAGMA page_size = 4096;"
                                     "PRAGMA auto_vacuum = INCREMENTAL;"
                                     "PRAGMA journal_mode = WAL;"
                                     "PRAGMA synchronous = FULL;"
                                     "PRAGMA wal_autocheckpoint = 0;"
                                     "PRAGMA journal_size_limit = 16777216;"
                                     "PRAGMA cache_size = -1024;"
                                     "PRAGMA temp_store = MEMORY;";

static const char reader_pragmas[] = "PRAGMA cache_size = -1024;"
                                     "PRAGMA temp_store = MEMORY;"
                                     "PRAGMA query_only = 1;";

/* One thread per connection needs no locks in it, and nobody asks for statistics. */
static void configure_sqlite(void)
{
	sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

/* ---- statements ---- */

sqlite3_stmt *ledger_get(struct ledger *l, enum ledger_statement which)
{
	sqlite3_stmt **st = &l->statements[which];

	if (!*st)
		sqlite3_prepare_v3(l->db, ledger_sql[which], -1,
		                   SQLITE_PREPARE_PERSISTENT, st, NULL);
	return *st;
}

bool ledger_run(sqlite3_stmt *st)
{
	if (!st)
		return false;
	sqlite3_step(st);
	/* The error of the step, again. */
	return sqlite3_reset(st) == SQLITE_OK;
}

void ledger_bind_str(sqlite3_stmt *st, int at, str text)
{
	sqlite3_bind_text(st, at, text.len ? text.ptr : "", (int)text.len, SQLITE_STATIC);
}

str ledger_str(sqlite3_stmt *st, int column)
{
	const char *text = (const char *)sqlite3_column_text(st, column);

	return str_of(text, text ? (size_t)sqlite3_column_bytes(st, column) : 0);
}

picousd ledger_price(sqlite3_stmt *st, int column)
{
	return sqlite3_column_type(st, column) == SQLITE_NULL
	               ? PRICE_UNKNOWN
	               : sqlite3_column_int64(st, column);
}

/* ---- opening ---- */

static bool is_ok(struct ledger *l, const char *sql)
{
	return sqlite3_exec(l->db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

static bool ask_number(struct ledger *l, const char *sql, int64_t *ret)
{
	sqlite3_stmt *st = NULL;
	bool found = sqlite3_prepare_v2(l->db, sql, -1, &st, NULL) == SQLITE_OK &&
	             sqlite3_step(st) == SQLITE_ROW;

	if (found)
		*ret = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return found;
}

static bool migrate(struct ledger *l, int64_t version)
{
	char set_version[64];

	for (; version < ledger_version; version++) {
		sqlite3_snprintf(sizeof(set_version), set_version,
		                 "PRAGMA user_version = %d", (int)version + 1);
		if (!is_ok(l, "BEGIN IMMEDIATE"))
			return false;
		if (!is_ok(l, ledger_migrations[version]) || !is_ok(l, set_version) ||
		    !is_ok(l, "COMMIT")) {
			/* The text of the failure must not become that of the rollback.
			 */
			if (!sqlite3_get_autocommit(l->db))
				ledger_rollback(l);
			return false;
		}
	}
	return true;
}

static bool check_version(struct ledger *l, const char *path, bool writer,
                          struct buf *why)
{
	int64_t version;

	if (!ask_number(l, "PRAGMA user_version", &version))
		return false;
	if (version > ledger_version) {
		buf_addf(why,
		         "%s was written by a newer Sluice: its schema has version %d, "
		         "this one knows %d",
		         path, (int)version, ledger_version);
		return false;
	}
	if (writer)
		return migrate(l, version);
	if (version == ledger_version)
		return true;
	buf_addf(why,
	         "%s has schema version %d, this Sluice reads %d: start the gateway once",
	         path, (int)version, ledger_version);
	return false;
}

static int on_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct ledger *l = arg;

	l->wal_pages = (uint64_t)pages;
	return SQLITE_OK;
}

/* SQLite would make it readable for all.  Only a new one is opened here: closing a file
 * that somebody in this process has open would drop his locks. */
static void create_private(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
}

static bool set_up(struct ledger *l, const char *path, bool writer, struct buf *why)
{
	int64_t page_size;

	sqlite3_busy_timeout(l->db, BUSY_MS);
	sqlite3_extended_result_codes(l->db, 1);
	sqlite3_db_config(l->db, SQLITE_DBCONFIG_LOOKASIDE, NULL, 256, 64);
	if (!is_ok(l, writer ? writer_pragmas : reader_pragmas))
		return false;
	if (!writer)
		sqlite3_db_config(l->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	if (!check_version(l, path, writer, why) ||
	    !ask_number(l, "PRAGMA page_size", &page_size))
		return false;
	l->page_size = (uint64_t)page_size;
	if (writer) {
		l->labels = label_cache_new();
		l->rollup = rollup_new();
		l->ahead = LEDGER_CLOCK_SLACK;
		l->behind = LEDGER_BEHIND_SLACK;
		sqlite3_wal_hook(l->db, on_commit, l);
		return ledger_queue_init(l);
	}
	return true;
}

/* Nobody can write it, and nothing waits in a log beside it.  To read it SQLite would
 * make files all the same, unless it is told that the file does not change. */
static bool is_frozen(const char *path)
{
	struct statvfs fs;
	struct buf log = BUF_LIMIT(4 * KiB);
	struct stat st;
	bool has_log;

	buf_addf(&log, "%s-wal", path);
	has_log = stat(buf_z(&log), &st) == 0 && st.st_size > 0;
	buf_free(&log);
	return !has_log && statvfs(path, &fs) == 0 && fs.f_flag & ST_RDONLY;
}

static int open_frozen(const char *path, sqlite3 **ret)
{
	struct buf uri = BUF_LIMIT(16 * KiB);
	int rc;

	buf_add(&uri, STR("file:"));
	url_encode(&uri, str_from_z(path));
	buf_add(&uri, STR("?immutable=1"));
	rc = sqlite3_open_v2(buf_z(&uri), ret,
	                     SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI,
	                     NULL);
	buf_free(&uri);
	return rc;
}

static int open_db(const char *path, bool writer, sqlite3 **ret)
{
	int flags = writer ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
	                   : SQLITE_OPEN_READONLY;

	if (writer)
		create_private(path);
	else if (is_frozen(path))
		return open_frozen(path, ret);
	return sqlite3_open_v2(path, ret, flags | SQLITE_OPEN_NOMUTEX, NULL);
}

static struct ledger *open_ledger(const char *path, bool writer, struct buf *why)
{
	static pthread_once_t configured = PTHREAD_ONCE_INIT;
	struct ledger *l = new_of(struct ledger);
	size_t said = why->len;

	pthread_once(&configured, configure_sqlite);
	if (open_db(path, writer, &l->db) == SQLITE_OK && set_up(l, path, writer, why))
		return l;
	if (why->len == said)
		buf_addf(why, "%s: %s", path, ledger_error(l, NULL));
	ledger_close(&l);
	return NULL;
}

struct ledger *ledger_open(const char *path, struct buf *why)
{
	return open_ledger(path, true, why);
}

struct ledger *ledger_open_reader(const char *path, struct buf *why)
{
	return open_ledger(path, false, why);
}

void ledger_close(struct ledger **at)
{
	struct ledger *l = *at;

	if (!l)
		return;
	*at = NULL;
	for (int i = 0; i < LEDGER_STATEMENTS; i++)
		sqlite3_finalize(l->statements[i]);
	label_cache_free(&l->labels);
	rollup_free(&l->rollup);
	ledger_free_queue(l);
	forgotten_done(&l->forgotten);
	int closed = sqlite3_close(l->db);
	assert(closed == SQLITE_OK);
	free(l);
}

/* ---- transactions ---- */

bool ledger_begin(struct ledger *l)
{
	ledger_forget_error(l);
	return ledger_run(ledger_get(l, LEDGER_BEGIN));
}

bool ledger_commit(struct ledger *l)
{
	return ledger_put_queue(l) && rollup_flush(l) &&
	       ledger_run(ledger_get(l, LEDGER_COMMIT));
}

bool ledger_begin_read(struct ledger *l)
{
	return ledger_run(ledger_get(l, LEDGER_BEGIN_READ));
}

bool ledger_end_read(struct ledger *l)
{
	return sqlite3_get_autocommit(l->db) || ledger_run(ledger_get(l, LEDGER_COMMIT));
}

void ledger_rollback(struct ledger *l)
{
	ledger_forget_error(l);
	ledger_drop_queue(l);
	if (l->labels)
		label_cache_clear(l->labels);
	if (l->rollup)
		rollup_clear(l->rollup);
	l->ahead = LEDGER_CLOCK_SLACK;
	l->behind = LEDGER_BEHIND_SLACK;
	/* After some errors (a full disk) SQLite has rolled back by itself. */
	if (!sqlite3_get_autocommit(l->db) && !ledger_run(ledger_get(l, LEDGER_ROLLBACK)))
		return; /* it stays to be tried again: the next begin fails */
}

void ledger_forget_error(struct ledger *l)
{
	l->kept.code = SQLITE_OK;
}

void ledger_keep_error(struct ledger *l)
{
	int code = sqlite3_errcode(l->db);

	if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE)
		return;
	l->kept.code = code;
	l->kept.system = sqlite3_system_errno(l->db);
	sqlite3_snprintf(sizeof(l->kept.text), l->kept.text, "%s", sqlite3_errmsg(l->db));
}

static int code_of(const struct ledger *l)
{
	return (l->kept.code ? l->kept.code : sqlite3_errcode(l->db)) & 0xff;
}

const char *ledger_error(struct ledger *l, bool *ret_no_space)
{
	int system = l->kept.code ? l->kept.system : sqlite3_system_errno(l->db);

	if (ret_no_space)
		*ret_no_space =
		        code_of(l) == SQLITE_FULL || system == ENOSPC || system == EDQUOT;
	return l->kept.code ? l->kept.text : sqlite3_errmsg(l->db);
}

bool ledger_is_damaged(struct ledger *l)
{
	int code = code_of(l);

	return code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
}

/* ---- checkpoints ---- */

uint64_t ledger_wal_bytes(const struct ledger *l)
{
	return l->wal_pages * l->page_size;
}

bool ledger_checkpoint(struct ledger *l)
{
	int in_wal = 0, moved = 0;

	if (l->wal_pages == 0)
		return true;
	if (sqlite3_wal_checkpoint_v2(l->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &in_wal,
	                              &moved) != SQLITE_OK)
		return false;
	/* A reader may have held the rest back. */
	l->wal_pages = (uint64_t)max_of(in_wal - moved, 0);
	return true;
}

void ledger_rest(struct ledger *l)
{
	if (l->rollup)
		rollup_rest(l->rollup);
	sqlite3_db_release_memory(l->db);
}
