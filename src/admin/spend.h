/* spend.h - how sums of the ledger are asked for and printed: by `cost`, in reports, and
 * by names of keys and teams. */
#pragma once
#include "admin/grid.h"
#include "admin/period.h"
#include "codec/json_write.h"
#include "store/report.h"

/* Names of keys and teams by their ids.  Where there are hundreds of thousands, those
 * that were revoked last may have none. */
struct spend_names {
	struct spend_name {
		uint64_t id;
		str name;
		enum tenant_kind kind;
		bool is_revoked;
	} * names;
	unsigned count, room;
	struct arena texts;
};

bool spend_names_load(struct spend_names *n, struct ledger *l);
void spend_names_done(struct spend_names *n);
/* Empty: it has none. */
str spend_name(const struct spend_names *n, uint64_t id);
/* The node of that kind by its name: the one that is active, or was and none is now; or
 * by 12 hex digits.  False: there is none, or are several. */
bool spend_find(const struct spend_names *n, enum tenant_kind kind, str text,
                uint64_t *ret);

/* What --by says. */
struct spend_by {
	unsigned by; /* enum report_by */
	str tag;
	bool has_step;
	enum period_step step;
};

/* One word of it.  False: it is none, or a second tag or step. */
bool spend_by_word(str word, struct spend_by *ret);
/* "model,key,tag:env,day". False: *ret_wrong is none of these, or a second tag. */
bool spend_by(str text, struct spend_by *ret, str *ret_wrong);

/* Its step's name: "hour", "day", "month". */
str spend_step(const struct spend_by *by);

/* So many hours, days or months are from since to until; most + 1: more than `most`.  1
 * where no step is asked for. */
unsigned spend_count_spans(const struct report_query *q, const struct spend_by *by,
                           unsigned most);
typedef void spend_span_fn(void *arg, str when, const struct report *r);
/* The report of each of them, in order, or of the whole; `when` is its name, or empty.
 * False: the ledger could not be read, see ledger_error. */
must_check bool spend_spans(struct ledger *l, const struct report_query *q,
                            const struct spend_by *by, spend_span_fn *each, void *arg);

/* The columns of the grid, and a row of it: for people the usual figures, for programs
 * (`all`) every sum. `when` is the step's name, or empty. */
void spend_columns(struct grid *g, const struct spend_by *by, bool all);
void spend_row(struct grid *g, const struct spend_names *n, const struct spend_by *by,
               bool all, str when, const struct report_row *row);
/* The last row: "total". */
void spend_total(struct grid *g, const struct spend_by *by, const struct sums *sums);
/* Members of an open object: what is told apart, and all sums. */
void spend_json(struct json_writer *w, const struct spend_names *n,
                const struct spend_by *by, str when, const struct report_row *row);
void spend_json_sums(struct json_writer *w, const struct sums *sums);
/* What must be said of sums: a line for each thing that is not exact. */
void spend_notes(struct buf *to, const struct sums *sums, bool from_rows,
                 bool is_rounded);
