/* ledger_private.h - what the files of the ledger share: the connection, its prepared
 * statements, and the schema. */
#pragma once
#include "store/forgotten.h"
#include "store/ledger.h"

#include <sqlite3.h>

/* What the rows of a queue have; each has what the one before has, but for the first. */
enum queue_kind {
	QUEUE_OPEN,   /* opened and nothing else */
	QUEUE_PLAIN,  /* settled, with what every such row has */
	QUEUE_PRICED, /* and a cost or a reservation */
	QUEUE_USUAL,  /* and further tokens, the first one's time, a subject, ... */
	QUEUE_ANY,
	QUEUE_KINDS,
};

/* Prepared at first use and kept: rows are written by the million. */
enum ledger_statement {
	LEDGER_BEGIN,
	LEDGER_COMMIT,
	LEDGER_ROLLBACK,
	LEDGER_PUT_OPEN,
	LEDGER_PUT_DONE,
	LEDGER_PUT_QUEUE, /* as many as enum queue_kind has */
	LEDGER_PUT_QUEUE_LAST = LEDGER_PUT_QUEUE + QUEUE_KINDS - 1,
	LEDGER_SETTLE,
	LEDGER_OPEN_ROWS,
	LEDGER_CLOSE_OPEN_ROWS,
	LEDGER_LAST_ID,
	LEDGER_OPEN_IDS,
	LEDGER_ATTEMPT,
	LEDGER_EXCHANGE,
	LEDGER_EXCHANGES,
	LEDGER_EXCHANGES_NEWEST,
	LEDGER_FIND_REQUEST, /* find and add: in the order of enum label_kind */
	LEDGER_FIND_OUTCOME,
	LEDGER_FIND_CALLER,
	LEDGER_FIND_SUBJECT,
	LEDGER_FIND_PRICE,
	LEDGER_FIND_GROUP,
	LEDGER_ADD_REQUEST,
	LEDGER_ADD_OUTCOME,
	LEDGER_ADD_CALLER,
	LEDGER_ADD_SUBJECT,
	LEDGER_ADD_PRICE,
	LEDGER_ADD_GROUP,
	LEDGER_PIN_PUT,
	LEDGER_PIN_DROP,
	LEDGER_PINS,
	LEDGER_PINS_PRUNE,
	LEDGER_TRIAL_ROWS,
	LEDGER_TRIAL_KNOWN,
	LEDGER_ID_BEHIND,
	LEDGER_TRIAL_SPENT,
	LEDGER_TRIAL_PRUNE,
	LEDGER_TRIAL_STOP,
	LEDGER_TRIALS,
	LEDGER_ODD_DROP,
	LEDGER_ODD_PUT,
	LEDGER_ODD,
	LEDGER_TENANT_ADD,
	LEDGER_TENANT_CHANGE,
	LEDGER_TENANTS,
	LEDGER_TENANTS_OF,
	LEDGER_TENANT,
	LEDGER_TENANTS_NAMED,
	LEDGER_ROLLUP_ADD,
	LEDGER_ROLLUP_ADD_USUAL,
	LEDGER_ROLLUP_PUT,
	LEDGER_ROLLUP_FILL,
	LEDGER_ROLLUP_READ,
	LEDGER_KEPT,
	LEDGER_KEEP_FROM,
	LEDGER_PLACE_PUT,
	LEDGER_CLOCK_PUT,
	LEDGER_CLOCK,
	LEDGER_PLACES,
	LEDGER_PRUNABLE,
	LEDGER_PRUNE,
	LEDGER_PRUNE_CORRECTIONS,
	LEDGER_SPAN,
	LEDGER_BEGIN_READ,
	LEDGER_CORRECT,
	LEDGER_CORRECTIONS,
	LEDGER_TOKEN_PUT,
	LEDGER_TOKEN_REVOKE,
	LEDGER_TOKENS,
	LEDGER_AUDIT_LAST,
	LEDGER_AUDIT_PUT,
	LEDGER_AUDIT_HEAD,
	LEDGER_AUDIT_HEAD_PUT,
	LEDGER_AUDIT,
	LEDGER_AUDIT_NEWEST,
	LEDGER_REPLAY_FIND,
	LEDGER_REPLAY_PUT,
	LEDGER_REPLAY_PRUNE,
	LEDGER_KEY_USED,
	LEDGER_STATEMENTS,
};

/* Ids may be above the time an attempt began, as a clock was set back, or below, as its
 * request arrived earlier (ROW_BEHIND_MOST).  By more than that is written down (the
 * table `clock`). */
#define LEDGER_CLOCK_SLACK (2 * USEC_HOUR)
#define LEDGER_BEHIND_SLACK USEC_MIN

enum {
	LEDGER_ROW_VALUES = 33, /* parameters of a whole row */
	LEDGER_PRUNED_AT_ONCE = 5000,
};

/* A row as the statements take it; its text goes by itself. */
struct row_values {
	int64_t number[LEDGER_ROW_VALUES];
	uint64_t nulls; /* a bit each */
};

/* By enum ledger_statement. */
extern const char *const ledger_sql[LEDGER_STATEMENTS];
/* The columns of new_rows, as a CREATE TABLE: those of a row, in their order. */
extern const char ledger_new_rows[];

/* What brings a database of version n to n + 1. */
extern const char *const ledger_migrations[];
extern const int ledger_version;

struct label_cache;
struct row_queue;
struct rollup;
struct sums;

/* ledger_sweep.c: labels that nobody points to are looked for, and deleted. */
struct sweep {
	enum { SWEEP_NONE, SWEEP_MARK, SWEEP_DELETE } stage;
	int64_t after; /* rows, then labels, up to that id are done */
	unsigned kind;
	uint64_t rows;    /* that were looked at, about, since it began last */
	uint64_t deleted; /* of attempts since it began last */
	int64_t hour;     /* before which attempts were to go when it began by time */
};

struct ledger {
	sqlite3 *db;
	sqlite3_stmt *statements[LEDGER_STATEMENTS];
	struct label_cache *labels; /* the writer's */
	struct row_queue *queue;    /* the writer's: new rows, until they are put */
	struct rollup *rollup;      /* the writer's: sums, until they are put */
	struct forgotten forgotten; /* the writer's: whose rows may still come */
	usec ahead, behind; /* the writer's: so far above and below their beginning may
	                       ids be, as far as `clock` is known to say */
	struct sweep sweep; /* the writer's */
	bool has_pruned;    /* ledger_prune was called */
	bool is_too_large;  /* and nothing can be done about it */
	uint64_t wal_pages;
	uint64_t page_size;
	struct {
		int code; /* SQLITE_OK: none is kept */
		int system;
		char text[256];
	} kept;
};

/* NULL: see ledger_error. Ready to be bound. */
sqlite3_stmt *ledger_get(struct ledger *l, enum ledger_statement which);
/* Steps a statement that returns no row, and resets it. */
bool ledger_run(sqlite3_stmt *st);
/* Binds text that stays where it is until the step; an empty one is '', not NULL. */
void ledger_bind_str(sqlite3_stmt *st, int at, str text);
str ledger_str(sqlite3_stmt *st, int column);
/* PRICE_UNKNOWN for NULL. */
picousd ledger_price(sqlite3_stmt *st, int column);
/* Hands the rows of a statement over that begins with the columns of a row. `each` may
 * write: see ledger_keep_error. */
bool ledger_read_rows(struct ledger *l, sqlite3_stmt *st, ledger_row_fn *each, void *arg);
/* What went wrong inside of a statement that is not over yet, for ledger_error: the end
 * of that statement, which goes well, would make SQLite forget it. */
void ledger_keep_error(struct ledger *l);
void ledger_forget_error(struct ledger *l);

/* ---- ledger_queue.c: what ledger_put_new took and did not write yet ---- */

bool ledger_queue_init(struct ledger *l);
/* The place of the next row; it counts when it is added. NULL: writing failed. */
struct row_values *ledger_queue_place(struct ledger *l, bool is_open);
/* False: writing failed. */
bool ledger_queue_add(struct ledger *l, enum queue_kind kind);
/* Writes them; before a commit. Whether it works or not, the queue is empty then. */
bool ledger_put_queue(struct ledger *l);
void ledger_drop_queue(struct ledger *l);
void ledger_free_queue(struct ledger *l);

/* ---- labels: what repeats from row to row ---- */

enum label_kind {
	LABEL_REQUEST,
	LABEL_OUTCOME,
	LABEL_CALLER,
	LABEL_SUBJECT,
	LABEL_PRICE,
	LABEL_GROUP, /* of a row that rollup_group made */
	LABEL_KINDS,
};

struct label_cache *label_cache_new(void);
void label_cache_free(struct label_cache **c);
/* After a rollback: ids given since the begin are void. */
void label_cache_clear(struct label_cache *c);
/* The id of the label that says what the row says; it is added when it is new. */
must_check bool label_get(struct ledger *l, enum label_kind kind,
                          const struct attempt_row *row, int64_t *ret_id);
/* A row's; 0: it has none of that kind. */
struct row_labels {
	int64_t request, subject, outcome, caller, price;
};
/* Those of a row that is open or settled. */
must_check bool labels_get(struct ledger *l, const struct attempt_row *row,
                           struct row_labels *ret);
/* A step of a sweep, the first one if none is under way; outside of transactions. */
must_check bool sweep_step(struct ledger *l);
/* Nothing is known of who points where any more. */
void sweep_stop(struct ledger *l);
/* A row is going to point to that label. */
must_check bool sweep_mark(struct ledger *l, enum label_kind kind, int64_t id);
/* At most `room` bytes of text: invalid UTF-8 and NUL, which other readers of the
 * database choke on, become '?'. */
str label_clean(str text, char *room);

/* ---- ledger_rollup.c: sums by hour, day and month ---- */

enum rollup_family { ROLLUP_WHAT, ROLLUP_WHOM, ROLLUP_FAMILIES };
enum rollup_span { ROLLUP_HOUR, ROLLUP_DAY, ROLLUP_MONTH, ROLLUP_SPANS };
/* The key and team of a group that holds those of several. */
#define ROLLUP_ANY ((uint64_t)INT64_MAX)

struct rollup *rollup_new(void);
void rollup_free(struct rollup **r);
/* So many groups may a period have before it folds them; for tests. */
void rollup_limit(struct rollup *r, unsigned groups);
/* After a rollback: nothing was added. */
void rollup_clear(struct rollup *r);
void rollup_rest(struct rollup *r);
/* The row counts: it is settled now, or unknown. */
must_check bool rollup_add(struct ledger *l, const struct attempt_row *row,
                           const struct row_labels *labels);
/* The same where more is known of the row than its sums: a change of them. */
must_check bool rollup_add_sums(struct ledger *l, const struct attempt_row *row,
                                const struct sums *sums);
/* Before a commit. */
must_check bool rollup_flush(struct ledger *l);
/* Hours and days since 1970, months since the year 0; all of UTC. */
int64_t rollup_hour_of(usec wall);
int64_t rollup_period(int64_t hour, enum rollup_span span);
/* What groups the row: the members of *ret that are not empty. */
void rollup_group(const struct attempt_row *row, enum rollup_family family,
                  struct attempt_row *ret);
/* Calls `each`, with texts on loan, when there is a group of that id. */
bool ledger_group(struct ledger *l, int64_t id,
                  void (*each)(void *arg, const struct attempt_row *group), void *arg);
