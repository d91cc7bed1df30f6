#include "admin/trial_read.h"

#include "base/mem.h"

enum { CLIENT_GONE = 499 };

/* An exchange of which more rows are to come. */
struct trial_open {
	uint64_t exchange;
	usec began;
	bool is_candidate;
	struct sample s;
};

static struct trial_open *find(struct trial_read *t, const struct attempt_row *row)
{
	for (unsigned i = t->count; i-- > 0;) /* the newest is the likeliest */
		if (t->list[i].exchange == row->exchange)
			return &t->list[i];
	if (t->count == t->room) {
		t->room = t->room ? 2 * t->room : 64;
		t->list = mem_resize(t->list, t->room * sizeof(*t->list));
	}
	t->list[t->count] = (struct trial_open){
		.exchange = row->exchange,
		.began = row->began_wall,
		.is_candidate = row->flags & ROW_CANDIDATE,
		.s = { .cost = 0 },
	};
	return &t->list[t->count++];
}

/* What an attempt adds, whether it is the last or not: money and tokens are those of all
 * of them. */
static void add_attempt(struct sample *s, const struct attempt_row *row)
{
	nanousd cost = row_cost(row);

	if (cost == COST_UNKNOWN)
		s->cost = COST_UNKNOWN;
	else if (s->cost != COST_UNKNOWN)
		s->cost += cost;
}

static void close_exchange(struct trial_read *t, struct trial_open *o,
                           const struct attempt_row *row)
{
	usec late = row->began_wall - o->began;
	bool rescued =
	        o->is_candidate && !(row->flags & ROW_CANDIDATE) && !row->fault.len;

	t->shadows += (row->flags & ROW_SHADOW) != 0;
	if (row->client_status == CLIENT_GONE) {
		t->gone++;
		return;
	}
	t->rescued += rescued;
	o->s.is_error = row->fault.len > 0 || rescued;
	o->s.is_empty = row->flags & ROW_EMPTY;
	o->s.has_usage = row->usage_kind == USAGE_REPORTED;
	o->s.input = row->usage.input;
	o->s.output = row->usage.output;
	o->s.cache_read = row->usage.cache_read;
	o->s.first_token = row->stream && row->first_token ? late + row->first_token : 0;
	o->s.total = late + row->total;
	comparison_add(&t->all, o->is_candidate, &o->s);
}

static bool take_row(void *arg, const struct attempt_row *row)
{
	struct trial_read *t = arg;
	struct trial_open *o = find(t, row);

	if (!t->first)
		t->first = row->began_wall;
	t->last = row->began_wall;
	if (row->state != ROW_DONE) {
		o->s.cost = COST_UNKNOWN;
		return true;
	}
	add_attempt(&o->s, row);
	if (!row->closes)
		return true;
	close_exchange(t, o, row);
	*o = t->list[--t->count];
	return true;
}

bool trial_read(struct trial_read *t, struct ledger *l, str name, uint64_t after)
{
	bool ok = ledger_trial_rows(l, name, after, take_row, t);

	t->open = t->count;
	return ok;
}

void trial_read_done(struct trial_read *t)
{
	comparison_done(&t->all);
	free(t->list);
	t->list = NULL;
	t->count = t->room = 0;
}
