/* reprice.c - see reprice.h. */
#include "admin/reprice.h"

#include "base/mem.h"
#include "config/pricing.h"
#include "loop/sys.h"
#include "policy/budget.h"
#include "policy/price.h"
#include "policy/tenant.h"
#include "store/report.h"

struct reprice_change {
	uint64_t attempt;
	nanousd cost;
	const struct price *price;  /* in the slice's arena */
	struct tenant_spent charge; /* whose it is, and by how much it changes */
};

struct slice {
	const struct config *config;
	const struct reprice_ask *ask;
	struct reprice *ret;
	struct target targets[REPRICE_MODELS]; /* of ret->models */
	unsigned last;                         /* of them, the one that was found last */
	unsigned rows;
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
                       const struct attempt_row *row, const struct reprice_change *change)
{
	nanousd was = row_cost(row);

	m->changed++;
	m->new += was == COST_UNKNOWN;
	m->was += was == COST_UNKNOWN ? 0 : was;
	m->now += change->cost;
	s->ret->delta += change->cost - (was == COST_UNKNOWN ? 0 : was);
	s->ret->changes[s->ret->changed] = *change;
	s->ret->changes[s->ret->changed++].charge = (struct tenant_spent){
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
	struct reprice_change change = { .attempt = row->id };
	unsigned at;

	s->is_full = s->ret->changed == REPRICE_CHANGES || s->rows == REPRICE_ROWS;
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
		change.cost = price_cost_at(change.price, row->flags & ROW_OTHER_TIER,
		                            &row->usage);
		if (change.cost == COST_UNKNOWN)
			m->unpriced++;
		else if (change.cost != row_cost(row))
			add_change(s, m, row, &change);
	}
	s->rows++;
	s->ret->next = row->id;
	return true;
}

bool reprice_slice(struct ledger *reader, const struct config *c,
                   const struct reprice_ask *ask, struct reprice *ret, struct buf *why)
{
	struct slice *s = mem_new(sizeof(*s));
	bool ok;

	*ret = (struct reprice){ .keep = { .ceiling = 16 * MiB } };
	*s = (struct slice){ .config = c, .ask = ask, .ret = ret };
	ret->changes = arena_alloc(&ret->keep, REPRICE_CHANGES * sizeof(*ret->changes));
	ok = ledger_span_after(reader, ask->after, ask->since, ask->until, look, s);
	if (!ok)
		buf_add(why, str_from_z(ledger_error(reader, NULL)));
	if (!s->is_full)
		ret->next = 0;
	free(s);
	return ok;
}

/* ---- correcting ---- */

void reprice_count(struct reprice *r, struct tenants *tenants)
{
	r->tenants = tenants;
	if (tenants)
		tenants_hold_spent(tenants);
}

/* Of a charge that is beyond all bounds budgets have counted less. */
static nanousd counted(nanousd charge)
{
	return min_of(charge, BUDGET_AMOUNT_MOST);
}

/* What is dearer counts from here on, though it is not committed yet. */
static void raise(const struct reprice *r, struct reprice_change *c, nanousd charged)
{
	c->charge.amount = counted(c->cost) - counted(c->cost - charged);
	if (r->tenants && c->charge.amount > 0)
		tenants_correct_spent(r->tenants, &c->charge);
}

bool reprice_write(struct reprice *r, struct ledger *l)
{
	const usec now = sys_wall();
	nanousd charged;
	bool changed;

	for (uint64_t i = 0; i < r->changed; i++) {
		struct reprice_change *c = &r->changes[i];
		const struct correction_row row = { .attempt = c->attempt,
			                            .made_wall = now,
			                            .why = STR("cost reprice") };

		if (!ledger_correct(l, &row, c->cost, c->price, &changed, &charged))
			return false;
		if (changed)
			raise(r, c, charged);
	}
	return true;
}

/* What is cheaper counts now that it is committed; or else what was raised is taken back.
 */
void reprice_counted(struct reprice *r, bool is_committed)
{
	if (!r->tenants)
		return;
	for (uint64_t i = 0; i < r->changed; i++) {
		struct tenant_spent *charge = &r->changes[i].charge;

		if (!is_committed && charge->amount > 0)
			charge->amount = -charge->amount;
		else if (!is_committed || charge->amount > 0)
			continue;
		tenants_correct_spent(r->tenants, charge);
	}
	tenants_release_spent(r->tenants);
	r->tenants = NULL;
}

void reprice_done(struct reprice *r)
{
	arena_done(&r->keep);
	*r = (struct reprice){ 0 };
}
