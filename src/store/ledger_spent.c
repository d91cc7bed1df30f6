/* ledger_spent.c - what budgets begin with when the gateway starts. */
#include "store/ledger_private.h"
#include "store/report.h"

#include "base/mem.h"

#include <stdlib.h>

/* A key some of whose users the sums do not tell apart. */
static bool is_folded(const struct report_row *row)
{
	return str_eq(row->user, STR("*"));
}

struct spending {
	struct report sums, rows; /* the second one only where somebody is folded */
	uint64_t *folded;         /* ascending */
	unsigned count;
	ledger_spent_fn *each;
	void *arg;
};

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void find_folded(struct spending *s)
{
	for (unsigned i = 0; i < s->sums.count; i++)
		s->count += is_folded(&s->sums.rows[i]);
	if (s->count == 0)
		return;
	s->folded = mem_new(s->count * sizeof(*s->folded));
	s->count = 0;
	for (unsigned i = 0; i < s->sums.count; i++) {
		if (is_folded(&s->sums.rows[i]))
			s->folded[s->count++] = s->sums.rows[i].key;
	}
	qsort(s->folded, s->count, sizeof(*s->folded), by_number);
}

static bool tell(const struct spending *s, const struct report *from, bool folded)
{
	for (unsigned i = 0; i < from->count; i++) {
		const struct report_row *row = &from->rows[i];
		bool is_its = s->count && bsearch(&row->key, s->folded, s->count,
		                                  sizeof(*s->folded), by_number);

		if (is_its == folded && !s->each(s->arg, row->team, row->key, row->user,
		                                 row->sums.of[SUM_CHARGED]))
			return false;
	}
	return true;
}

static bool read_all(struct ledger *l, usec since, bool by_user, struct spending *s)
{
	struct report_query q = { .since = since,
		                  .by = REPORT_TEAM | REPORT_KEY |
		                        (by_user ? REPORT_USER : 0) };

	if (!ledger_report(l, &q, &s->sums))
		return false;
	if (by_user && since >= s->sums.rows_kept)
		find_folded(s);
	q.from_rows = true;
	return s->count == 0 || ledger_report(l, &q, &s->rows);
}

bool ledger_spent(struct ledger *l, usec since_wall, bool by_user, ledger_spent_fn *each,
                  void *arg)
{
	struct spending s = { .each = each, .arg = arg };
	bool begins = sqlite3_get_autocommit(l->db);
	/* Both reports as of one moment. */
	bool ok =
	        (!begins || ledger_begin_read(l)) && read_all(l, since_wall, by_user, &s);

	if (begins && !ledger_end_read(l))
		ok = false;
	if (ok && tell(&s, &s.sums, false))
		tell(&s, &s.rows, true);
	report_done(&s.sums);
	report_done(&s.rows);
	free(s.folded);
	return ok;
}
