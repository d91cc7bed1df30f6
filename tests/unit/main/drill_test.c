#include "main/drill.h"

#include "base/mem.h"
#include "tests/check.h"

enum { ROUTES = 5000, TARGETS = 2 };

static void fill(struct config *c)
{
	static struct provider provider = { .name = STR_INIT("p") };

	c->routes = mem_new(ROUTES * sizeof(*c->routes));
	c->route_count = ROUTES;
	for (unsigned i = 0; i < ROUTES; i++) {
		struct route *r = &c->routes[i];

		r->name = i == ROUTES - 1 ? STR("last") : STR("other");
		r->target_count = TARGETS;
		r->targets = mem_new(TARGETS * sizeof(*r->targets));
		for (unsigned k = 0; k < TARGETS; k++)
			r->targets[k].provider = &provider;
	}
}

static void empty(struct config *c)
{
	for (unsigned i = 0; i < c->route_count; i++)
		free(c->routes[i].targets);
	free(c->routes);
}

static unsigned count_ill(const struct drill_plan *p)
{
	unsigned ill = 0;

	for (unsigned i = 0; i < p->count; i++) {
		const struct drill_case *c = &p->cases[i];

		if (!c->healthy)
			continue;
		ill++;
		/* what it is compared with is of its own route, and is asked the same */
		if (c->healthy->route != c->route || c->healthy->healthy ||
		    c->healthy->row->stream != c->row->stream ||
		    !str_eq(c->healthy->row->says, c->row->says))
			return 0;
	}
	return ill;
}

static unsigned cases_of(const struct config *config, const char *route,
                         const char *fault)
{
	struct drill_world world = { .config = config };
	struct drill_plan p = { .world = &world, .route = route, .fault = fault };
	unsigned ill;

	drill_plan_make(&p);
	CHECK(p.count <= p.room);
	ill = count_ill(&p);
	drill_plan_done(&p);
	return ill;
}

TEST(a_drill_has_room_for_every_case)
{
	struct config c = { 0 };

	fill(&c);
	CHECK_INT(cases_of(&c, NULL, NULL), ROUTES * TARGETS * drill_row_count);
	CHECK_INT(cases_of(&c, NULL, "500"), ROUTES * TARGETS);
	CHECK_INT(cases_of(&c, "last", NULL), TARGETS * drill_row_count);
	CHECK_INT(cases_of(&c, "last", "nope"), 0);
	empty(&c);
}
