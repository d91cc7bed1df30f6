/* month.h - usage and cost of a month as a document: by day, team, key, user, model and
 * so on, each part adding up to the same sum to the nano-dollar. */
#pragma once
#include "admin/period.h"
#include "store/ledger.h"

enum month_format { MONTH_MD, MONTH_CSV, MONTH_JSON, MONTH_HTML, MONTH_FORMATS };
struct month_kind {
	str name;  /* "md" */
	str media; /* its Content-Type */
};
extern const struct month_kind month_kinds[MONTH_FORMATS];
/* False: there is no such format. */
bool month_format_find(str name, enum month_format *ret);

/* The month ("2026-11", see period_month, in the process's time zone) as the ledger has
 * it at one moment.  False: see ledger_error. */
must_check bool month_write(struct ledger *l, str month, enum month_format format,
                            struct buf *to);
