/* trial_read.c - see trial_read.h.
 *
 * An exchange is a row, or several: of retries, of hedges, of a target that was dialled
 * beside another.  The row that closes it need not be the one with the highest id, as who
 * has lost a race began later; so an exchange is taken when all the attempts that its
 * closing row counts were seen, or when none can follow. */
#include "admin/trial_read.h"

#include "base/mem.h"

enum { CLIENT_GONE = 499 };

/* Clocks are set, and ids run ahead of them under load. */
#define SLACK USEC_MIN

/* An exchange of which more rows are to come. */
struct trial_open {
	uint64_t exchange;
	usec began;
	unsigned seen; /* attempts */
	unsigned attempts;
	usec ended; /* by the row that closes it, which was seen; else 0 */
	bool is_candidate, is_gone, is_rescued;
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
		.s = { .conversation = row->conversation },
	};
	return &t->list[t->count++];
}

/* What an attempt adds, whether it is the last or not: money and tokens are those of all
 * of them. */
static void add_attempt(struct sample *s, const struct attempt_row *row)
{
	nanousd cost = row->state == ROW_DONE ? row_cost(row) : COST_UNKNOWN;

	if (cost == COST_UNKNOWN)
		s->cost = COST_UNKNOWN;
	else if (s->cost != COST_UNKNOWN)
		s->cost += cost;
}

static void close_exchange(struct trial_open *o, const struct attempt_row *row)
{
	usec late = row->began_wall - o->began;

	o->attempts = row->attempts;
	o->ended = o->began + max_of(row->exchange_total, late + row->total);
	o->is_gone = row->client_status == CLIENT_GONE;
	o->is_rescued =
	        o->is_candidate && !(row->flags & ROW_CANDIDATE) && !row->fault.len;
	o->s.is_error = row->fault.len > 0 || o->is_rescued;
	o->s.is_empty = row->flags & ROW_EMPTY;
	o->s.has_usage = row->usage_kind == USAGE_REPORTED;
	o->s.input = row->usage.input;
	o->s.output = row->usage.output;
	o->s.cache_read = row->usage.cache_read;
	o->s.first_token = row->stream && row->first_token ? late + row->first_token : 0;
	o->s.total = late + row->total;
}

/* It is over, and the last of the list takes its place. */
static void take_exchange(struct trial_read *t, struct trial_open *o)
{
	if (o->is_gone) {
		t->gone++;
	} else {
		t->rescued += o->is_rescued;
		comparison_add(&t->all, o->is_candidate, &o->s);
	}
	*o = t->list[--t->count];
}

static bool take_row(void *arg, const struct attempt_row *row)
{
	struct trial_read *t = arg;
	struct trial_open *o = find(t, row);

	if (!t->first)
		t->first = row->began_wall;
	t->last = row->began_wall;
	o->seen++;
	add_attempt(&o->s, row);
	if (row->state == ROW_DONE && row->closes) {
		t->shadows += (row->flags & ROW_SHADOW) != 0;
		close_exchange(o, row);
	}
	if (o->ended && o->seen >= o->attempts)
		take_exchange(t, o);
	return true;
}

/* Those whose rows are not all there any more, or never were: what would be theirs has a
 * lower id than `after`. */
static void take_passed(struct trial_read *t, uint64_t after)
{
	for (unsigned i = t->count; i-- > 0;) {
		struct trial_open *o = &t->list[i];

		if (o->ended && (uint64_t)(o->ended + SLACK) < after >> 8)
			take_exchange(t, o);
	}
}

bool trial_read_slice(struct trial_read *t, struct ledger *l, str name, uint64_t *after,
                      bool *ret_more)
{
	bool ok = ledger_trial_rows(l, name, after, TRIAL_SLICE, take_row, t, ret_more);

	take_passed(t, *ret_more ? *after : UINT64_MAX);
	t->open = t->count;
	return ok;
}

bool trial_read(struct trial_read *t, struct ledger *l, str name, uint64_t after)
{
	bool has_more = true;

	while (has_more)
		if (!trial_read_slice(t, l, name, &after, &has_more))
			return false;
	return true;
}

void trial_read_done(struct trial_read *t)
{
	comparison_done(&t->all);
	free(t->list);
	t->list = NULL;
	t->count = t->room = 0;
}
