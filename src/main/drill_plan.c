/* drill_plan.c - which cases a drill has.
 *
 * They point to each other, so there is room for all of them before the first is made. */
#include "main/drill.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define DRILL(name_, how_, fault_, says_, stream_, text_)                                \
	{ (name_), DRILL_##how_, STR_INIT(fault_), STR_INIT(says_), (stream_), (text_) },
const struct drill_row drill_rows[] = {
#include "main/drill.def"
};
#undef DRILL
const unsigned drill_row_count = countof(drill_rows);

bool drill_is_asked(const struct drill_plan *p, const struct drill_row *row)
{
	return !p->fault || strcmp(p->fault, row->name) == 0;
}

bool drill_is_asked_route(const struct drill_plan *p, const struct route *route)
{
	return !p->route || str_eq(route->name, str_from_z(p->route));
}

static struct drill_case *add_case(struct drill_plan *p, const struct drill_row *row,
                                   const struct route *route, unsigned target,
                                   const struct drill_case *healthy)
{
	struct drill_case *c;

	assert(p->count < p->room); /* make_room */
	c = &p->cases[p->count++];
	*c = (struct drill_case){ .world = p->world,
		                  .row = row,
		                  .wire = p->wire,
		                  .route = route,
		                  .target = target,
		                  .healthy = healthy };
	return c;
}

/* The healthy case of that route that is asked the same; made when it is not there. */
static const struct drill_case *
healthy_of(struct drill_plan *p, const struct drill_row *row, const struct route *route)
{
	struct drill_row *healthy;

	for (unsigned i = p->route_at; i < p->count; i++) {
		const struct drill_case *c = &p->cases[i];

		if (!c->healthy && str_eq(c->row->says, row->says) &&
		    c->row->stream == row->stream)
			return c;
	}
	healthy = &p->healthy[p->healthy_count++];
	*healthy = (struct drill_row){ .name = "healthy",
		                       .how = DRILL_NONE,
		                       .says = row->says,
		                       .stream = row->stream,
		                       .text = "nothing is wrong" };
	return add_case(p, healthy, route, 0, NULL);
}

static void add_route(struct drill_plan *p, const struct route *route)
{
	p->route_at = p->count;
	for (unsigned i = 0; i < drill_row_count; i++) {
		if (drill_is_asked(p, &drill_rows[i]))
			healthy_of(p, &drill_rows[i], route);
	}
	for (unsigned i = 0; i < drill_row_count; i++) {
		const struct drill_row *row = &drill_rows[i];

		if (!drill_is_asked(p, row))
			continue;
		for (unsigned k = 0; k < route->target_count; k++)
			add_case(p, row, route, k, healthy_of(p, row, route));
	}
}

/* For each fault of a route: one at each target, and at most one healthy case. */
static void make_room(struct drill_plan *p)
{
	const struct config *config = p->world->config;
	unsigned rows = 0, healthy = 0;

	for (unsigned i = 0; i < drill_row_count; i++)
		rows += drill_is_asked(p, &drill_rows[i]);
	for (unsigned i = 0; i < config->route_count; i++) {
		if (!drill_is_asked_route(p, &config->routes[i]))
			continue;
		p->room += rows * (1 + config->routes[i].target_count);
		healthy += rows;
	}
	p->cases = mem_new((p->room + 1) * sizeof(*p->cases));
	p->healthy = mem_new((healthy + 1) * sizeof(*p->healthy));
}

void drill_plan_make(struct drill_plan *p)
{
	const struct config *config = p->world->config;

	make_room(p);
	for (unsigned i = 0; i < config->route_count; i++) {
		if (drill_is_asked_route(p, &config->routes[i]))
			add_route(p, &config->routes[i]);
	}
}

void drill_plan_done(struct drill_plan *p)
{
	for (unsigned i = 0; i < p->count; i++)
		drill_case_done(&p->cases[i]);
	free(p->cases);
	free(p->healthy);
}
