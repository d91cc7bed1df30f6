/* ledger_forget.c - what rows say of a person, taken out of them; the money stays.
 *
 * A user's name becomes a tombstone, the same for all rows of one forgetting and for no
 * other, so that sums which were apart stay apart.  The caller's address and agent, and
 * what providers said, go as well.  Labels are shared by rows: those that nobody points
 * to any more are deleted, and deleted bytes are overwritten (secure_delete). */
#include "store/ledger_private.h"

#include "base/mem.h"
#include "store/sums.h"

#include <fcntl.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOMBSTONE_IS "(forgotten "

struct forgetting {
	struct ledger *l;
	const struct ledger_person *who;
	usec before; /* at a whole hour: sums tell no more */
	char tombstone[FORGOTTEN_NAME];
	bool ok;
};

/* One statement with ?1 user, ?2 key (NULL: any), ?3 before (NULL: all), ?4 the
 * tombstone, ?5 now, as far as it has them. NULL: it went wrong, now or before. */
static sqlite3_stmt *prepare(struct forgetting *f, const char *sql)
{
	sqlite3_stmt *st = NULL;
	int most;

	if (!f->ok)
		return NULL;
	f->ok = sqlite3_prepare_v2(f->l->db, sql, -1, &st, NULL) == SQLITE_OK;
	if (!f->ok)
		return NULL;
	most = sqlite3_bind_parameter_count(st);
	if (most >= 1)
		ledger_bind_str(st, 1, f->who->user);
	if (most >= 2 && f->who->key)
		sqlite3_bind_int64(st, 2, (int64_t)f->who->key);
	if (most >= 3 && f->before)
		sqlite3_bind_int64(st, 3, f->before);
	if (most >= 4)
		sqlite3_bind_text(st, 4, f->tombstone, -1, SQLITE_STATIC);
	if (most >= 5)
		sqlite3_bind_int64(st, 5, f->who->now);
	return st;
}

/* Returns how many rows it changed. */
static uint64_t run(struct forgetting *f, const char *sql)
{
	sqlite3_stmt *st = prepare(f, sql);
	uint64_t changed = 0;

	if (st) {
		f->ok = sqlite3_step(st) == SQLITE_DONE;
		changed = (uint64_t)sqlite3_changes64(f->l->db);
	}
	sqlite3_finalize(st);
	return changed;
}

/* The numbers it gives. */
static void collect(struct forgetting *f, const char *sql, uint64_t **ret,
                    size_t *ret_count)
{
	sqlite3_stmt *st = prepare(f, sql);
	size_t room = 0;

	while (st && sqlite3_step(st) == SQLITE_ROW) {
		if (*ret_count == room) {
			room = room ? 2 * room : 256;
			*ret = mem_resize(*ret, room * sizeof(**ret));
		}
		(*ret)[(*ret_count)++] = (uint64_t)sqlite3_column_int64(st, 0);
	}
	if (st)
		f->ok = sqlite3_finalize(st) == SQLITE_OK;
}

#define MATCHES                                                                          \
	"(?2 IS NULL OR request IN (SELECT id FROM request WHERE key = ?2))"             \
	" AND (?3 IS NULL OR coalesce(began, id >> 8) < ?3)"

/* Labels that will say it instead: old and new ids. */
static void make_labels(struct forgetting *f)
{
	run(f, "CREATE TEMP TABLE IF NOT EXISTS forgotten (old INTEGER PRIMARY KEY, new "
	       "INTEGER)");
	run(f, "DELETE FROM temp.forgotten");
	run(f, "INSERT INTO temp.forgotten SELECT id, (SELECT max(id) FROM subject) +"
	       " row_number() OVER (ORDER BY id) FROM subject WHERE user = ?1");
	run(f, "INSERT INTO subject SELECT f.new, ?4, s.tags FROM temp.forgotten f"
	       " JOIN subject s ON s.id = f.old WHERE ?1 IS NOT NULL AND (?2 IS NULL OR"
	       " ?2 IS NOT NULL) AND (?3 IS NULL OR ?3 IS NOT NULL)");
	/* An aggregate would give a row whatever WHERE says. */
	run(f, "INSERT INTO caller SELECT (SELECT coalesce(max(id), 0) + 1 FROM caller),"
	       " '', '' WHERE NOT EXISTS (SELECT 1 FROM caller WHERE client = '' AND"
	       " agent = '')");
}

/* Whose rows they are, for whoever has to forget more of them. */
static void collect_exchanges(struct forgetting *f, struct ledger_forgotten *ret)
{
	collect(f,
	        "SELECT DISTINCT coalesce(exchange, id) FROM attempt WHERE subject IN"
	        " (SELECT id FROM subject WHERE user = ?1) AND " MATCHES " ORDER BY 1",
	        &ret->exchanges, &ret->exchange_count);
}

/* Limits of the person's own end: a change of these nodes like any other. */
static void end_limits(struct forgetting *f, struct ledger_forgotten *ret)
{
	collect(f, "SELECT id FROM tenant WHERE kind = 3 AND name = ?1 AND revoked = 0",
	        &ret->nodes, &ret->node_count);
	run(f, "UPDATE tenant SET name = ?4, metadata = '', serial = serial + 1,"
	       " revoked = iif(revoked, revoked, ?5)"
	       " WHERE kind = 3 AND name = ?1 AND ?2 IS NULL AND ?3 IS NULL");
}

/* Up to which exchange rows may be gone: they went in the order of their ids. */
static void find_unknown(struct forgetting *f, struct ledger_forgotten *ret)
{
	sqlite3_stmt *st = NULL;

	if (!f->ok)
		return;
	f->ok = sqlite3_prepare_v2(
	                f->l->db,
	                "SELECT max(coalesce((SELECT id FROM attempt WHERE state <> 0"
	                " ORDER BY id LIMIT 1), ?1), coalesce((SELECT hour FROM kept)"
	                " * 3600000000 << 8, 0))",
	                -1, &st, NULL) == SQLITE_OK;
	sqlite3_bind_int64(st, 1, (int64_t)max_of(row_id_at(f->who->now), f->who->last));
	if (f->ok && sqlite3_step(st) == SQLITE_ROW)
		ret->unknown = (uint64_t)sqlite3_column_int64(st, 0);
	f->ok = sqlite3_finalize(st) == SQLITE_OK && f->ok;
	if (f->before)
		ret->unknown = min_of(ret->unknown, row_id_at(f->before));
}

static void change_rows(struct forgetting *f, struct ledger_forgotten *ret)
{
	ret->attempts = run(
	        f, "UPDATE attempt SET detail = NULL, conversation = NULL, subject = "
	           "(SELECT new FROM"
	           " temp.forgotten WHERE old = subject), caller = iif(caller IS NULL,"
	           " NULL, (SELECT min(id) FROM caller WHERE client = '' AND agent = "
	           "''))"
	           " WHERE subject IN (SELECT old FROM temp.forgotten)"
	           " AND ?1 IS NOT NULL AND " MATCHES);
	/* Open ones get their callers later, and nothing was said of them yet. */
	run(f,
	    "DELETE FROM subject WHERE id IN (SELECT old FROM temp.forgotten UNION ALL"
	    " SELECT new FROM temp.forgotten) AND id NOT IN (SELECT subject FROM attempt"
	    " WHERE subject IS NOT NULL)");
	run(f,
	    "DELETE FROM caller WHERE id NOT IN (SELECT caller FROM attempt WHERE caller"
	    " IS NOT NULL)");
}

/* clang-format off */
#define SUM_OF(id, name) ", sum(" #name ") AS " #name
#define MOVED_OF(id, name) ", m." #name
#define LESS_MOVED(id, name) ", " #name " = rollup." #name " - m." #name
#define IS_ZERO(id, name) " AND " #name " = 0"
#define IN_PERIOD "family = 1 AND span = %lld AND period = %lld"

/* What of a period is older, by its hours; then the same from the one to the other. */
static const char find_moved[] =
	"CREATE TEMP TABLE moved AS SELECT f.old, f.new" SUMS(SUM_OF)
	" FROM rollup u JOIN temp.forgotten f ON f.new = u.grp"
	" WHERE u.family = 1 AND u.span = 0 AND u.period >= %lld AND u.period < %lld"
	" GROUP BY f.old, f.new";
static const char *const moving[] = {
	/* What was folded into another group stays there. */
	"DELETE FROM temp.moved WHERE old NOT IN (SELECT grp FROM rollup WHERE " IN_PERIOD ")",
	"INSERT INTO rollup SELECT 1, %lld, %lld, m.new" SUMS(MOVED_OF) " FROM temp.moved m",
	"UPDATE rollup SET grp = rollup.grp" SUMS(LESS_MOVED)
	" FROM temp.moved m WHERE " IN_PERIOD " AND grp = m.old",
	"DELETE FROM rollup WHERE " IN_PERIOD
	" AND grp IN (SELECT old FROM temp.moved)" SUMS(IS_ZERO),
};
/* clang-format on */

static uint64_t run_with(struct forgetting *f, const char *sql, long long a, long long b)
{
	char *text = sqlite3_mprintf(sql, a, b);
	uint64_t changed = run(f, text);

	sqlite3_free(text);
	return changed;
}

/* What a day or a month that goes on behind `before` has of the hours that were moved. */
static void split_period(struct forgetting *f, enum rollup_span span)
{
	int64_t hour = rollup_hour_of(f->before), first = hour;
	int64_t period = rollup_period(hour, span);

	while (first > 0 && rollup_period(first - 1, span) == period)
		first--;
	if (first == hour) /* it begins there: nothing of it is older */
		return;
	run_with(f, find_moved, first, hour);
	for (unsigned i = 0; i < countof(moving); i++)
		run_with(f, moving[i], span, period);
	run(f, "DROP TABLE temp.moved");
}

/* All hours, days and months before it, and what they are of those that go on. */
static uint64_t move_sums(struct forgetting *f)
{
	static const char whole[] =
	        "UPDATE rollup SET grp = (SELECT new FROM temp.forgotten WHERE old = grp)"
	        " WHERE family = 1 AND span = %lld AND period < %lld"
	        " AND grp IN (SELECT old FROM temp.forgotten)";
	int64_t hour = rollup_hour_of(f->before);
	uint64_t count = 0;

	for (int s = 0; s < ROLLUP_SPANS; s++) {
		enum rollup_span span = (enum rollup_span)s;

		count += run_with(f, whole, s, rollup_period(hour, span));
		if (span != ROLLUP_HOUR)
			split_period(f, span);
	}
	return count;
}

/* Sums keep their amounts. */
static void change_sums(struct forgetting *f, struct ledger_forgotten *ret)
{
	if (!f->before) {
		ret->sums = run(f, "UPDATE usage_group SET user = ?4 WHERE user = ?1 AND"
		                   " (?2 IS NULL OR key = ?2) AND ?3 IS NULL");
		return;
	}
	run(f, "DELETE FROM temp.forgotten");
	run(f, "INSERT INTO temp.forgotten SELECT id, (SELECT max(id) FROM usage_group) +"
	       " row_number() OVER (ORDER BY id) FROM usage_group WHERE user = ?1"
	       " AND (?2 IS NULL OR key = ?2)");
	run(f, "INSERT INTO usage_group SELECT f.new, g.key, g.team, ?4, g.provider, "
	       "g.model,"
	       " g.route, g.operation, g.tags, g.client, g.trial FROM temp.forgotten f"
	       " JOIN usage_group g ON g.id = f.old WHERE ?1 IS NOT NULL AND"
	       " (?2 IS NULL OR g.key = ?2) AND ?3 IS NOT NULL");
	ret->sums = move_sums(f);
	run(f, "DELETE FROM usage_group WHERE id IN (SELECT old FROM temp.forgotten "
	       "UNION ALL"
	       " SELECT new FROM temp.forgotten) AND id NOT IN (SELECT grp FROM rollup)");
}

bool ledger_forget(struct ledger *l, const struct ledger_person *who,
                   struct ledger_forgotten *ret)
{
	struct forgetting f = { .l = l, .who = who, .ok = true };
	uint32_t random;

	f.before = (who->before + USEC_HOUR - 1) / USEC_HOUR * USEC_HOUR;

	*ret = (struct ledger_forgotten){ 0 };
	if (RAND_bytes((unsigned char *)&random, sizeof(random)) != 1)
		return false;
	snprintf(f.tombstone, sizeof(f.tombstone), TOMBSTONE_IS "%08x)", random);
	run(&f, "PRAGMA secure_delete = ON");
	/* It answers with a row.  What is pending belongs to the groups as they are. */
	f.ok = ledger_put_queue(l) && rollup_flush(l);
	collect_exchanges(&f, ret);
	find_unknown(&f, ret);
	make_labels(&f);
	change_rows(&f, ret);
	change_sums(&f, ret);
	if (!who->key && !who->before)
		end_limits(&f, ret);
	run(&f, "DROP TABLE temp.forgotten");
	sweep_stop(l);
	/* Ids that were learned may be another label's now, or nobody's. */
	label_cache_clear(l->labels);
	rollup_clear(l->rollup);
	if (f.ok && who->now) {
		struct ledger_person whole_hour = *who;

		whole_hour.before = f.before;
		f.ok = forgotten_add(&l->forgotten, &whole_hour, f.tombstone);
	}
	return f.ok;
}

/* ---- what was under way ---- */

bool ledger_is_tombstone(str user)
{
	return user.len == sizeof(TOMBSTONE_IS "12345678)") - 1 &&
	       str_starts(user, STR(TOMBSTONE_IS)) && str_ends(user, STR(")"));
}

void ledger_row_forget(const struct ledger *l, struct attempt_row *row)
{
	const char *name = forgotten_find(&l->forgotten, row->exchange, row->began_wall,
	                                  row->user, row->key);

	if (!name)
		return;
	row->user = str_from_z(name);
	row_forget(row);
}

/* ---- afterwards ---- */

static bool is_in_file(const char *path, str text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool found = false;
	struct stat st;

	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && st.st_size > 0) {
		size_t size = (size_t)st.st_size;
		char *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);

		if (bytes != MAP_FAILED) {
			found = str_has(str_of(bytes, size), text);
			munmap(bytes, size);
		}
	}
	close(fd);
	return found;
}

/* The log is written back and is empty; a reader may hold that up for a moment. */
static bool empty_log(struct ledger *l)
{
	enum { TRIES = 50 };
	int left = 0, moved = 0;

	for (int i = 0; i < TRIES; i++) {
		int result = sqlite3_wal_checkpoint_v2(
		        l->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, &left, &moved);

		if (result == SQLITE_OK && left == 0) {
			l->wal_pages = 0;
			return true;
		}
		if (result != SQLITE_OK && result != SQLITE_BUSY)
			return false;
		sqlite3_sleep(20);
	}
	return false;
}

/* The copy that VACUUM makes lies beside the ledger, in a file without a name: in memory
 * it would be as large as that, and other places may be out of reach.  Whoever sets this
 * is the only one with temporary files: everybody else has them in memory. */
static void set_place(const char *path)
{
	const char *end = strrchr(path, '/');
	char *dir =
	        sqlite3_mprintf("%.*s", end ? (int)(end - path) : 1, end ? path : ".");

	sqlite3_free(sqlite3_temp_directory);
	sqlite3_temp_directory = dir;
}

static bool write_anew(struct ledger *l, const char *path)
{
	bool ok;

	ledger_forget_error(l);
	sweep_stop(l); /* it has a temporary table: those do not outlive the change */
	set_place(path);
	ok = sqlite3_exec(l->db, "PRAGMA temp_store = FILE; VACUUM", NULL, NULL, NULL) ==
	     SQLITE_OK;
	ledger_keep_error(l);
	return sqlite3_exec(l->db, "PRAGMA temp_store = MEMORY", NULL, NULL, NULL) ==
	               SQLITE_OK &&
	       ok;
}

bool ledger_scrub(struct ledger *l, str text)
{
	const char *path = sqlite3_db_filename(l->db, "main");

	if (!empty_log(l))
		return false;
	if (!text.len || !path || !is_in_file(path, text))
		return true;
	/* Pages that were split keep copies of what they had: all are written anew. */
	return write_anew(l, path) && empty_log(l);
}
