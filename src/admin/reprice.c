/* reprice.c - see reprice.h. */
#include "admin/reprice.h"

#include "admin/audit.h"
#include "base/mem.h"
#include "codec/json_write.h"
#include "config/pricing.h"
#include "loop/sys.h"
#include "policy/budget.h"
#include "policy/price.h"
#include "store/report.h"

struct change {
	uint64_t attempt;
	nanousd cost;
	const struct price *price;  /* in the slice's arena */
	struct tenant_spent charge; /* whose it is, and by how much it changes */
};

struct slice {
	const struct config *config;
	const struct reprice_ask *ask;
	struct tenants *tenants;
	struct reprice *ret;
	struct target targets[REPRICE_MODELS]; /* of ret->models */
	unsigned last;                         /* of them, the one that was found last */
	struct change *changes;                /* REPRICE_CHANGES */
	unsigned change_count, rows;
	bool is_full; /* there may be more behind it */
};

/* ---- looking ---- */

static bool is_model(const struct reprice_model *m, const struct attempt_row *row)
{
	return str_eq(m->model, row->model) && str_eq(m->provider, row->provider);
}

/* The place of the row's model; REPRICE_MODELS: there is no more room. */
static unsigned find_model(struct slice *s, const struct attempt_row *row)
{
	struct reprice *r = s->ret;
	struct target *t;

	if (s->last < r->model_count && is_model(&r->models[s->last], row))
		return s->last;
	for (s->last = 0; s->last < r->model_count; s->last++)
		if (is_model(&r->models[s->last], row))
			return s->last;
	if (s->last == REPRICE_MODELS)
		return s->last;
	r->models[r->model_count++] = (struct reprice_model){
		.provider = arena_copy(&r->keep, row->provider),
		.model = arena_copy(&r->keep, row->model),
	};
	t = &s->targets[s->last];
	*t = (struct target){ .provider = config_find_provider(s->config, row->provider),
		              .model = r->models[s->last].model };
	if (t->provider) {
		t->is_known = catalog_find_model(s->config->catalog, t->provider->name,
		                                 t->model, &t->facts);
		pricing_fill(s->config, t, &r->keep);
	}
	return s->last;
}

static bool is_meant(const struct reprice_ask *ask, const struct attempt_row *row)
{
	return row->state == ROW_DONE && row->provider.len &&
	       (row->usage_kind == USAGE_REPORTED ||
	        row->usage_kind == USAGE_ESTIMATED) &&
	       (!ask->provider.len || str_eq(ask->provider, row->provider)) &&
	       (!ask->model.len || str_eq(ask->model, row->model));
}

static void add_change(struct slice *s, struct reprice_model *m,
                       const struct attempt_row *row, const struct change *change)
{
	nanousd was = row_cost(row);

	m->changed++;
	m->new += was == COST_UNKNOWN;
	m->was += was == COST_UNKNOWN ? 0 : was;
	m->now += change->cost;
	s->ret->changed++;
	s->ret->delta += change->cost - (was == COST_UNKNOWN ? 0 : was);
	s->changes[s->change_count] = *change;
	s->changes[s->change_count++].charge = (struct tenant_spent){
		.key = row->key,
		.team = row->team,
		.user = arena_copy(&s->ret->keep, row->user),
		.wall = row->began_wall,
	};
}

static bool look(void *arg, const struct attempt_row *row)
{
	struct slice *s = arg;
	struct reprice_model *m;
	struct change change = { .attempt = row->id };
	unsigned at;

	s->is_full = s->change_count == REPRICE_CHANGES || s->rows == REPRICE_ROWS;
	if (s->is_full)
		return false;
	if (is_meant(s->ask, row)) {
		at = find_model(s, row);
		s->is_full = at == REPRICE_MODELS;
		if (s->is_full)
			return false;
		m = &s->ret->models[at];
		m->attempts++;
		change.price = price_of(&s->targets[at], row->usage.input);
		change.cost = price_cost(change.price, &row->usage);
		if (change.cost == COST_UNKNOWN)
			m->unpriced++;
		else if (change.cost != row_cost(row))
			add_change(s, m, row, &change);
	}
	s->rows++;
	s->ret->next = row->id;
	return true;
}

/* ---- correcting ---- */

/* Of a charge that is beyond all bounds budgets have counted less. */
static nanousd counted(nanousd charge)
{
	return min_of(charge, BUDGET_AMOUNT_MOST);
}

/* What is dearer counts from here on, though it is not committed yet. */
static void raise(struct slice *s, struct change *c, nanousd charged)
{
	c->charge.amount = counted(c->cost) - counted(c->cost - charged);
	if (s->tenants && c->charge.amount > 0)
		tenants_correct_spent(s->tenants, &c->charge);
}

/* What is cheaper, now that it is committed; or else what was raised is taken back. */
static void lower(struct slice *s, bool is_committed)
{
	for (unsigned i = 0; s->tenants && i < s->change_count; i++) {
		struct tenant_spent *charge = &s->changes[i].charge;

		if (!is_committed && charge->amount > 0)
			charge->amount = -charge->amount;
		else if (!is_committed || charge->amount > 0)
			continue;
		tenants_correct_spent(s->tenants, charge);
	}
}

static bool write_changes(void *arg, struct ledger *l, struct buf *why)
{
	struct slice *s = arg;
	const usec now = sys_wall();

	(void)why; /* is the ledger's */
	for (unsigned i = 0; i < s->change_count; i++) {
		struct change *c = &s->changes[i];
		nanousd charged;
		bool changed;
		const struct correction_row row = { .attempt = c->attempt,
			                            .made_wall = now,
			                            .why = STR("cost reprice") };

		if (!ledger_correct(l, &row, c->cost, c->price, &changed, &charged))
			return false;
		if (changed)
			raise(s, c, charged);
	}
	return true;
}

static bool correct(struct slice *s, struct recorder *recorder, struct buf *why)
{
	bool ok;

	if (s->tenants)
		tenants_hold_spent(s->tenants);
	ok = recorder_write(recorder, write_changes, s, why);
	lower(s, ok);
	if (s->tenants)
		tenants_release_spent(s->tenants);
	return ok;
}

static bool note(const struct reprice *r, const struct reprice_by *by, struct buf *why)
{
	struct buf after = BUF_LIMIT(KiB);
	struct json_writer w = { .to = &after };
	bool ok;

	json_open(&w, '{');
	json_key_int(&w, STR("attempts"), (int64_t)r->changed);
	json_key_int(&w, STR("delta_nano"), r->delta);
	json_close(&w, '}');
	ok = audit_note(by->recorder, by->pepper, by->who, by->from, "ledger.reprice",
	                buf_str(&after), why);
	buf_free(&after);
	return ok;
}

bool reprice_slice(struct ledger *reader, const struct config *c,
                   const struct reprice_ask *ask, const struct reprice_by *by,
                   struct reprice *ret, struct buf *why)
{
	struct slice *s = mem_new(sizeof(*s));
	bool ok;

	*ret = (struct reprice){ .keep = { .ceiling = 16 * MiB } };
	*s = (struct slice){
		.config = c, .ask = ask, .ret = ret, .tenants = by ? by->tenants : NULL
	};
	s->changes = mem_new(REPRICE_CHANGES * sizeof(*s->changes));
	ok = ledger_span_after(reader, ask->after, ask->since, ask->until, look, s);
	if (!ok)
		buf_add(why, str_from_z(ledger_error(reader, NULL)));
	if (!s->is_full)
		ret->next = 0;
	if (ok && by && s->change_count)
		ok = note(ret, by, why) && correct(s, by->recorder, why);
	free(s->changes);
	free(s);
	return ok;
}

void reprice_done(struct reprice *r)
{
	arena_done(&r->keep);
	*r = (struct reprice){ 0 };
}
