/* The tree of tenants against a model without wit: it remembers every payment and adds
 * them up each time.  Months of virtual time, in several time zones, with clocks that are
 * set forth and back (G29). */
#include "policy/tenant.h"

#include "base/compiler.h"
#include "base/mem.h"
#include "tests/check.h"

#include <stdlib.h>

#define BEGIN ((usec)1772323200 * USEC_SEC) /* 2026-03-01 */
#define DAY (24 * USEC_HOUR)

enum { NODES = 6, STEPS = 12000, PAID_MOST = STEPS, OPEN_MOST = 12 };

/* Two teams with a key each, and a key of the organisation itself. */
static const struct {
	uint64_t id, parent;
	enum tenant_kind kind;
	int up; /* number of the parent; -1: none */
} tree[NODES] = {
	{ TENANT_DEFAULT, 0, TENANT_ORGANISATION, -1 },
	{ 100, TENANT_DEFAULT, TENANT_TEAM, 0 },
	{ 200, TENANT_DEFAULT, TENANT_TEAM, 0 },
	{ 101, 100, TENANT_KEY, 1 },
	{ 201, 200, TENANT_KEY, 2 },
	{ 301, TENANT_DEFAULT, TENANT_KEY, 0 },
};

/* An amount at some node and all above it, as of a moment: strict ones set the most of it
 * aside, soft ones what is likely. */
struct paid {
	int node;
	usec wall;
	nanousd most, likely, spent;
};

struct open {
	bool is_live;
	struct paid *paid;
	usec ends; /* by the true clock */
	struct tenant_chain chain;
	struct tenant_reservation r;
};

struct model {
	struct calendar *calendar;
	struct tenants *t;
	struct tenant_row rows[NODES];
	struct paid *paid;
	unsigned count, refused, granted, rolled;
	struct open open[OPEN_MOST];
	uint64_t chance;
	usec now, wall; /* the true clock, and what it shows */
	usec away_until, ahead;
	bool was_away;
};

static uint64_t draw(struct model *m, uint64_t below)
{
	m->chance ^= m->chance << 13;
	m->chance ^= m->chance >> 7;
	m->chance ^= m->chance << 17;
	return m->chance % below;
}

static bool is_above(int node, int other)
{
	for (; other >= 0; other = tree[other].up) {
		if (other == node)
			return true;
	}
	return false;
}

static nanousd taken(const struct model *m, int node, unsigned w, usec wall,
                     nanousd *ret_reserved)
{
	usec from, until;
	nanousd spent = 0;

	*ret_reserved = 0;
	calendar_window(m->calendar, (enum budget_window)w, wall, &from, &until);
	for (unsigned i = m->count; i-- > 0;) {
		const struct paid *p = &m->paid[i];

		if (p->wall >= from && p->wall < until && is_above(node, p->node)) {
			spent += p->spent;
			*ret_reserved += m->rows[node].soft ? p->likely : p->most;
		}
	}
	return spent;
}

static bool fits(const struct model *m, int node, struct tenant_amount amount)
{
	for (int n = node; n >= 0; n = tree[n].up) {
		for (unsigned w = 0; w < BUDGET_WINDOWS; w++) {
			nanousd limit = m->rows[n].caps.budget[w], reserved, spent;

			if (limit == COST_UNKNOWN)
				continue;
			spent = taken(m, n, w, m->wall, &reserved);
			if (spent + reserved +
			            (m->rows[n].soft ? amount.likely : amount.most) >
			    limit)
				return false;
		}
	}
	return true;
}

/* Every window of every node stands as the model has it, and none is over its limit but
 * by a debt. */
static bool is_same(struct model *m)
{
	for (int n = 0; n < NODES; n++) {
		struct tenant_state s;

		tenants_look(m->t, tree[n].id, m->now, m->wall, &s);
		for (unsigned w = 0; w < BUDGET_WINDOWS; w++) {
			nanousd reserved, spent;

			if (m->rows[n].caps.budget[w] == COST_UNKNOWN)
				continue;
			spent = taken(m, n, w, m->wall, &reserved);
			if (!CHECK_INT(s.spent[w], spent) ||
			    !CHECK_INT(s.reserved[w], reserved))
				return false;
		}
	}
	return true;
}

static bool begin(struct model *m, struct open *o)
{
	int node = (int)draw(m, NODES - 3) + 3;
	nanousd most = (nanousd)draw(m, 2000) + 1;
	struct tenant_amount amount = { most, most - (nanousd)draw(m, (uint64_t)most) };
	bool expected = fits(m, node, amount), got;
	struct tenant_refusal why;

	if (!CHECK_OK(tenants_chain(m->t, tree[node].id, STR_NONE, m->now, m->wall,
	                            &o->chain)))
		return false;
	got = tenant_reserve(&o->chain, amount, m->wall, &o->r, &why);
	if (!CHECK_INT(got, expected))
		return false;
	m->granted += got;
	m->refused += !got;
	if (!got) {
		tenant_chain_done(&o->chain, 0, m->now);
		return true;
	}
	o->paid = &m->paid[m->count++];
	*o->paid = (struct paid){ .node = node,
		                  .wall = m->wall,
		                  .most = amount.most,
		                  .likely = amount.likely };
	o->is_live = true;
	o->ends = m->now + (usec)draw(m, 59 * USEC_MIN);
	return true;
}

/* Is there a budget of that kind above? */
static bool has_kind(const struct model *m, int node, bool soft)
{
	for (; node >= 0; node = tree[node].up) {
		for (unsigned w = 0; w < BUDGET_WINDOWS; w++) {
			if (m->rows[node].soft == soft &&
			    m->rows[node].caps.budget[w] != COST_UNKNOWN)
				return true;
		}
	}
	return false;
}

/* It costs nothing, something, all, or more than was thought; or nobody knows. */
static void end(struct model *m, struct open *o)
{
	struct paid *p = o->paid;
	nanousd amount = has_kind(m, p->node, false) ? p->most : p->likely, cost = 0;

	switch (draw(m, 6)) {
	case 0:
		break;
	case 1:
		cost = amount;
		break;
	case 2:
		cost = amount + (nanousd)draw(m, 1000);
		break;
	case 3:
		cost = COST_UNKNOWN;
		break;
	default:
		cost = (nanousd)draw(m, (uint64_t)amount + 1);
	}
	p->most = p->likely = 0;
	p->spent = cost == COST_UNKNOWN ? amount : cost;
	tenant_settle(&o->chain, &o->r, cost);
	tenant_chain_done(&o->chain, 0, m->now);
	o->is_live = false;
}

static void extend(struct model *m, struct open *o)
{
	nanousd more = (nanousd)draw(m, 500);
	struct tenant_refusal why;

	struct paid *p = o->paid;
	bool is_soft = p->likely < p->most && has_kind(m, p->node, true);

	if (!tenant_extend(&o->chain, &o->r, more, &why))
		return;
	if (is_soft)
		more = min_of(more, p->most - p->likely);
	else
		p->most += more;
	p->likely += more;
}

/* Mostly on by some minutes; at times to the next weeks; now and then somebody sets the
 * clock. */
static void pass(struct model *m)
{
	usec on = draw(m, 40) ? (usec)draw(m, 30 * USEC_MIN) : (usec)draw(m, 20 * DAY);

	for (unsigned i = 0; i < OPEN_MOST; i++) {
		if (m->open[i].is_live && m->open[i].ends < m->now + on) {
			end(m, &m->open[i]);
			on = min_of(on, 10 * USEC_MIN);
		}
	}
	m->now += on;
	if (draw(m, 50) == 0)
		m->ahead = (usec)draw(m, 2 * USEC_HOUR) - USEC_HOUR;
	if (!m->was_away && draw(m, 2000) == 0) {
		m->was_away = true;
		m->ahead = 400 * DAY;
		m->away_until = m->now + 5 * USEC_MIN;
	}
	if (m->away_until && m->now > m->away_until) {
		m->away_until = 0;
		m->ahead = 0;
	}
	m->wall = BEGIN + m->now + m->ahead;
}

static void run(const char *zone, uint64_t seed)
{
	struct buf why = BUF_LIMIT(256);
	struct model m = { .chance = seed, .now = USEC_HOUR, .wall = BEGIN + USEC_HOUR };

	m.calendar = calendar_new(str_from_z(zone), &why);
	m.t = tenants_new(m.calendar, seed);
	m.paid = mem_new(PAID_MOST * sizeof(*m.paid));
	for (int n = 0; n < NODES; n++) {
		m.rows[n] = (struct tenant_row){ .id = tree[n].id,
			                         .kind = tree[n].kind,
			                         .parent = tree[n].parent,
			                         .name = STR("node"),
			                         .caps = TENANT_CAPS_NONE,
			                         .per_user = TENANT_CAPS_NONE };
		m.rows[n].soft = draw(&m, 3) == 0;
		for (unsigned w = 0; w < BUDGET_WINDOWS; w++) {
			static const nanousd scale[] = { 6000, 40000, 200000, 700000,
				                         5000000 };
			if (draw(&m, 2))
				m.rows[n].caps.budget[w] =
				        scale[w] + (nanousd)draw(&m, 5000);
		}
		CHECK(tenants_put(m.t, &m.rows[n], m.now, NULL, NULL));
	}
	for (unsigned step = 0; step < STEPS; step++) {
		struct open *o = &m.open[draw(&m, OPEN_MOST)];

		pass(&m);
		if (o->is_live && draw(&m, 3) == 0)
			extend(&m, o);
		else if (o->is_live)
			end(&m, o);
		else if (!begin(&m, o))
			break;
		if (step % 16 == 0 && !is_same(&m))
			break;
	}
	for (unsigned i = 0; i < OPEN_MOST; i++) {
		if (m.open[i].is_live)
			end(&m, &m.open[i]);
	}
	is_same(&m);
	CHECK(m.granted > STEPS / 20 && m.refused > STEPS / 50);
	CHECK(m.now > 60 * DAY);
	free(m.paid);
	tenants_free(&m.t);
	calendar_free(&m.calendar);
	buf_free(&why);
}

TEST(budgets_are_what_a_model_says)
{
	static const char *const zones[] = { "UTC", "Europe/Berlin", "America/Asuncion",
		                             "Australia/Lord_Howe", "Asia/Kolkata" };

	for (uint64_t seed = 1; seed <= check_times(10); seed++)
		run(zones[seed % countof(zones)], seed * UINT64_C(0x9e3779b97f4a7c15));
}
