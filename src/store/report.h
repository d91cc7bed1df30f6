/* report.h - what attempts of a span of time add up to, by whom, what and where.
 *
 * Answered from the rollups, in which a year is some thousand rows; only the parts of
 * hours at both ends are read from the attempts themselves.  All totals are those of the
 * ledger to the nano-dollar. */
#pragma once
#include "base/arena.h"
#include "store/ledger.h"
#include "store/sums.h"

/* What a report tells apart; a sum of these. */
enum report_by {
	REPORT_TEAM = 1 << 0,
	REPORT_KEY = 1 << 1,
	REPORT_USER = 1 << 2,
	REPORT_PROVIDER = 1 << 3,
	REPORT_MODEL = 1 << 4,
	REPORT_ROUTE = 1 << 5,
	REPORT_OPERATION = 1 << 6,
	REPORT_TAG = 1 << 7, /* by the value of one tag, or by all tags as they stand */
	REPORT_CLIENT = 1 << 8,
	REPORT_TRIAL = 1 << 9,
};

/* What people call them, in the order of the bits. */
enum { REPORT_DIMENSIONS = 10 };
struct report_dimension {
	str name;
	enum report_by by;
};
extern const struct report_dimension report_dimensions[REPORT_DIMENSIONS];

/* The team and key of a row that holds several: an hour had more than is told apart. */
#define REPORT_SEVERAL ((uint64_t)INT64_MAX)

/* Members that are not told apart are 0 or empty; `*`: several, as above.  The client is
 * the name in User-Agent, and known only of attempts that ended their request. */
struct report_row {
	uint64_t team, key;
	str user, provider, model, route, operation, tag, client, trial;
	struct sums sums;
};

struct report_query {
	usec since, until; /* wall time, [since, until); until 0: no end */
	unsigned by;       /* enum report_by */
	bool from_rows;    /* from attempts, though rollups tell it too */
	str tag;           /* with REPORT_TAG: its name; empty: all tags as one text */
	/* Only these attempts; 0 and empty members mean all. */
	struct report_row only;
};

struct report {
	struct report_row *rows; /* the most charged first */
	unsigned count;
	struct sums total;
	usec rows_kept;  /* attempts that began before are gone (retention); 0: none is */
	bool from_rows;  /* attempts were read: by wish, or what is told apart is in no
	                    rollup */
	bool is_rounded; /* an end of the span, or all of it, is no longer in the
	                    attempts: it went back to the beginning of its
	                    hour, or what is left was taken */
	struct arena texts;
};

/* False: see ledger_error. */
must_check bool ledger_report(struct ledger *l, const struct report_query *query,
                              struct report *ret);
void report_done(struct report *r);

/* What was charged since then, by team, key and, if asked for, user (text on loan).  Of a
 * key with more users than sums tell apart, the attempts are read, as far as they are
 * kept; where they are not, some users are told as `*`. */
typedef bool ledger_spent_fn(void *arg, uint64_t team, uint64_t key, str user,
                             nanousd charged);
must_check bool ledger_spent(struct ledger *l, usec since_wall, bool by_user,
                             ledger_spent_fn *each, void *arg);

/* Attempts that began in [since, until), by id, settled or not. */
bool ledger_span(struct ledger *l, usec since, usec until, ledger_row_fn *each,
                 void *arg);
/* The same, of those with id > after. */
bool ledger_span_after(struct ledger *l, uint64_t after, usec since, usec until,
                       ledger_row_fn *each, void *arg);

/* Adds the attempts up again and compares, and looks at each page of the file; what is
 * not as it should be is a line of *ret.  False: the ledger cannot be read, and *ret says
 * why.  Takes seconds for a million rows. */
must_check bool ledger_verify(struct ledger *l, struct buf *ret, uint64_t *ret_rows);
