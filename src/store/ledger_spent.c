/* ledger_spent.c - what budgets begin with when the gateway starts. */
#include "store/report.h"

bool ledger_spent(struct ledger *l, usec since_wall, bool by_user, ledger_spent_fn *each,
                  void *arg)
{
	struct report_query q = { .since = since_wall,
		                  .by = REPORT_TEAM | REPORT_KEY |
		                        (by_user ? REPORT_USER : 0) };
	struct report r;
	bool ok = ledger_report(l, &q, &r);

	for (unsigned i = 0; ok && i < r.count; i++) {
		const struct report_row *row = &r.rows[i];

		if (!each(arg, row->team, row->key, row->user, row->sums.of[SUM_CHARGED]))
			break;
	}
	report_done(&r);
	return ok;
}
