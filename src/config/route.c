/* route.c - `routes:` becomes config->routes, sorted by name.
 *
 * The providers are there already.  A target of a disabled provider is left out with a
 * warning; a route that is left with nothing is an error.  A model the catalogue does not
 * have is passed on as it stands: catalogues are older than models. */
#include "config/pricing.h"
#include "config/section.h"
#include "config/value.h"

#include <stdlib.h>

enum {
	ROUTES_MOST = 4096,
	TARGETS_IN_ALL = 16384,
	NAME_MOST = 128,
	NEAR_MOST = 3, /* models that are suggested */
	NEAR_DISTANCE = 8,
};

struct draft {
	struct route *route;
	const struct tree_node *at; /* its name */
	unsigned written;           /* entries of the list, good or bad */
	unsigned broken;            /* of these with an error of their own */
};

/* ---- suggestions ---- */

struct near {
	str id;
	unsigned distance;
};

static void near_add(struct near *list, str id, unsigned distance)
{
	unsigned at = NEAR_MOST;

	while (at > 0 && distance < list[at - 1].distance)
		at--;
	if (at == NEAR_MOST)
		return;
	for (unsigned i = NEAR_MOST - 1; i > at; i--)
		list[i] = list[i - 1];
	list[at] = (struct near){ id, distance };
}

static void hint_models(struct reader *r, const struct provider *p, str model)
{
	struct near list[NEAR_MOST] = { { .distance = NEAR_DISTANCE + 1 },
		                        { .distance = NEAR_DISTANCE + 1 },
		                        { .distance = NEAR_DISTANCE + 1 } };
	struct buf text = BUF_LIMIT(400);
	struct catalog_model facts;
	unsigned at = 0;

	while (catalog_next_of_provider(r->config->catalog, p->name, &at, &facts))
		near_add(list, facts.id, str_distance(model, facts.id, NEAR_DISTANCE));
	for (unsigned i = 0; i < NEAR_MOST && list[i].id.len > 0; i++)
		buf_addf(&text, "%s%.*s/%.*s", i ? ", " : "nearest: ", STR_ARG(p->name),
		         STR_ARG(list[i].id));
	if (text.len > 0)
		note_hint(r, "%.*s (it is passed on as written)", (int)text.len,
		          text.ptr);
	else
		note_hint(r, "it is passed on as written");
	buf_free(&text);
}

static void note_no_provider(struct reader *r, str name, const struct tree_node *at)
{
	struct catalog_provider facts;
	const struct config *c = r->config;
	str names[PROVIDERS_MOST], near;

	note(r, NOTE_NO_PROVIDER, at, "there is no provider \"%.*s\"", STR_ARG(name));
	if (!note_wants_hint(r))
		return;
	for (unsigned i = 0; i < c->provider_count; i++)
		names[i] = c->providers[i].name;
	near = nearest_name(name, names, c->provider_count);
	if (near.len > 0)
		note_hint(r, "did you mean \"%.*s\"?", STR_ARG(near));
	else if (catalog_find_provider(name, &facts) || str_eq(name, STR("mock")))
		note_hint(r, "add it: providers: { %.*s: {} }", STR_ARG(name));
	else
		note_hint(r, "a target is provider/model, with a name from providers");
}

/* A bare id: which provider was meant? */
static void note_no_slash(struct reader *r, str id, const struct tree_node *at)
{
	struct catalog_model facts;
	unsigned from = 0;

	note(r, NOTE_TARGET, at, "\"%.*s\" is not provider/model", STR_ARG(id));
	while (catalog_next_with_id(r->config->catalog, id, &from, &facts)) {
		if (!config_find_provider(r->config, facts.provider))
			continue;
		note_hint(r, "did you mean \"%.*s/%.*s\"?", STR_ARG(facts.provider),
		          STR_ARG(id));
		return;
	}
	note_hint(r, "write it like this: openai/gpt-5-mini");
}

/* ---- targets ---- */

/* False when it was noted as an error. */
static bool parse_target(struct reader *r, str text, const struct tree_node *at,
                         struct target *t)
{
	str model = text, name = str_cut(&model, '/');

	if (name.len == 0 || model.len == 0) {
		note_no_slash(r, text, at);
		return false;
	}
	t->provider = config_find_provider(r->config, name);
	if (!t->provider) {
		note_no_provider(r, name, at);
		return false;
	}
	for (size_t i = 0; i < model.len; i++) {
		if ((unsigned char)model.ptr[i] > ' ' && model.ptr[i] != 0x7f)
			continue;
		note(r, NOTE_TARGET, at, "\"%.*s\" has a blank or control character",
		     STR_ARG(text));
		return false;
	}
	t->model = arena_copy(r->keep, model);
	t->is_known = catalog_find_model(r->config->catalog, name, model, &t->facts);
	pricing_fill(r->config, t, r->keep);
	return true;
}

/* An entry of the list: "provider/model", or a mapping with it. */
static bool read_target(struct reader *r, const struct tree_node *node, struct target *t,
                        const struct tree_node **ret_weight)
{
	const struct tree_node *named = node;
	unsigned errors = r->notes->errors;
	struct found found = { 0 };
	str text;

	section_defaults(r, SECTION_TARGET, t);
	*ret_weight = NULL;
	if (node->kind == TREE_MAP) {
		section_read(r, SECTION_TARGET, node, t, NULL, &found);
		section_require(r, &found, node);
		named = found_value(&found, "target");
		*ret_weight = found_value(&found, "weight");
	}
	if (!named || r->notes->errors > errors ||
	    !scalar_text(r, "target", named, &text))
		return false;
	if (!parse_target(r, text, named, t))
		return false;
	if (!t->is_known && !t->provider->is_mock) {
		struct catalog_provider facts;

		if (!catalog_find_provider(t->provider->name, &facts))
			return true;
		note(r, NOTE_NO_MODEL, named, "model \"%.*s\" is not in the catalogue",
		     STR_ARG(text));
		if (note_wants_hint(r))
			hint_models(r, t->provider, t->model);
	}
	return true;
}

static bool is_named_before(const struct route *route, const struct target *t)
{
	for (unsigned i = 0; i < route->target_count; i++)
		if (route->targets[i].provider == t->provider &&
		    str_eq(route->targets[i].model, t->model))
			return true;
	return false;
}

static bool strategy_weighs(enum strategy s)
{
	return s == STRATEGY_WEIGHTED || s == STRATEGY_LEAST_BUSY ||
	       s == STRATEGY_ADAPTIVE;
}

static void add_target(struct reader *r, struct draft *d, const struct tree_node *node)
{
	struct route *route = d->route;
	struct target *t = &route->targets[route->target_count];
	const struct tree_node *weight;

	d->written++;
	if (!read_target(r, node, t, &weight)) {
		d->broken++;
		return;
	}
	if (weight && !strategy_weighs(route->strategy)) {
		note(r, NOTE_NO_EFFECT, weight, "weight has no effect here");
		note_hint(r, "write strategy: weighted");
	}
	if (t->provider->disabled.len > 0) {
		note(r, NOTE_TARGET_OFF, node,
		     "target \"%.*s/%.*s\" is left out: its provider is disabled",
		     STR_ARG(t->provider->name), STR_ARG(t->model));
		return;
	}
	if (is_named_before(route, t))
		note(r, NOTE_TWICE, node, "target \"%.*s/%.*s\" is named twice",
		     STR_ARG(t->provider->name), STR_ARG(t->model));
	t->number = ++r->config->target_count;
	route->target_count++;
}

/* More would never be tried. The first one too many is pointed at. */
static void note_too_many(struct reader *r, const struct draft *d,
                          const struct tree_node *list)
{
	const struct tree_item *it = list->first;

	for (unsigned i = 0; i < TARGETS_MOST; i++)
		it = it->next;
	note(r, NOTE_TOO_MANY, it->value, "route \"%.*s\" has %u targets; %d is the most",
	     STR_ARG(d->route->name), list->count, TARGETS_MOST);
}

static void read_targets(struct reader *r, struct draft *d, const struct tree_node *list)
{
	if (list->kind != TREE_LIST) {
		if (list->kind == TREE_SCALAR && list->is_broken)
			return;
		note(r, NOTE_SHAPE, list, "targets is %s, but must be a list",
		     tree_kind_name(list->kind));
		note_hint(r, "write it like this: [openai/gpt-5-mini]");
		return;
	}
	if (list->count > TARGETS_MOST) {
		note_too_many(r, d, list);
		return;
	}
	d->route->targets = arena_array(r->keep, struct target, list->count + 1);
	for (const struct tree_item *it = list->first; it; it = it->next)
		add_target(r, d, it->value);
	if (d->route->target_count > 0 || d->broken > 0)
		return;
	note(r, NOTE_NO_TARGET, d->at, "route \"%.*s\" has no usable target",
	     STR_ARG(d->route->name));
	if (d->written > 0)
		note_hint(r, "all its providers are disabled");
}

/* ---- routes ---- */

static bool is_route_name(str name)
{
	for (size_t i = 0; i < name.len; i++)
		if ((unsigned char)name.ptr[i] <= ' ' || name.ptr[i] == 0x7f ||
		    name.ptr[i] == '"' || name.ptr[i] == '\\')
			return false;
	return name.len > 0 && name.len <= NAME_MOST;
}

/* What follows from several keys together. */
static void finish_limits(struct reader *r, const struct found *found,
                          struct route *route)
{
	struct route_limits *l = &route->limits;

	if (found_value(found, "total") && !found_value(found, "total_stream"))
		l->total_stream = l->total;
	if (l->attempts == 0)
		l->attempts = max_of(3u, route->target_count);
}

static void read_route(struct reader *r, const struct tree_item *it, struct route *route)
{
	struct draft d = { .route = route, .at = it->key };
	const struct tree_node *targets;
	struct found found;

	route->name = arena_copy(r->keep, it->key->text);
	if (!is_route_name(route->name)) {
		note(r, NOTE_NAME, it->key, "\"%.*s\" cannot be the name of a route",
		     STR_ARG(route->name));
		note_hint(r, "at most %d characters without blanks and quotes",
		          NAME_MOST);
		return;
	}
	if (it->value->kind != TREE_MAP && !tree_is_null(it->value)) {
		note(r, NOTE_SHAPE, it->value,
		     "route \"%.*s\" is %s, but must be a mapping", STR_ARG(route->name),
		     tree_kind_name(it->value->kind));
		note_hint(r, "write %.*s: { targets: [...] }", STR_ARG(route->name));
		return;
	}
	section_defaults(r, SECTION_ROUTE, route);
	route->limits = r->config->defaults;
	section_read(r, SECTION_ROUTE, it->value, route, NULL, &found);
	section_require(r, &found, it->key);
	targets = found_value(&found, "targets");
	if (targets)
		read_targets(r, &d, targets);
	r->config->has_phi |= route->phi;
	r->config->has_affinity |= route->strategy != STRATEGY_ORDERED;
	finish_limits(r, &found, route);
}

static int compare_routes(const void *a, const void *b)
{
	const struct route *one = a, *two = b;

	return str_cmp(one->name, two->name);
}

/* Aliases could make few lines into very many targets. */
static bool are_too_many(struct reader *r, const struct tree_node *node)
{
	unsigned targets = 0;

	for (const struct tree_item *it = node->first; it; it = it->next) {
		const struct tree_node *list = tree_find(it->value, STR("targets"));

		targets += list ? list->count : 0;
	}
	if (node->count <= ROUTES_MOST && targets <= TARGETS_IN_ALL)
		return false;
	note(r, NOTE_TOO_MANY, node, "more than %d routes or %d targets", ROUTES_MOST,
	     TARGETS_IN_ALL);
	return true;
}

void read_routes(struct reader *r, const struct tree_node *node)
{
	struct config *c = r->config;

	if (!node || tree_is_null(node))
		return;
	if (node->kind != TREE_MAP) {
		note(r, NOTE_SHAPE, node,
		     "routes is %s, but must be a mapping from names",
		     tree_kind_name(node->kind));
		note_hint(r, "write routes: { fast: { targets: [openai/gpt-5-mini] } }");
		return;
	}
	if (are_too_many(r, node))
		return;
	c->routes = arena_array(r->keep, struct route, node->count + 1);
	for (const struct tree_item *it = node->first; it; it = it->next)
		read_route(r, it, &c->routes[c->route_count++]);
	if (c->route_count > 1)
		qsort(c->routes, c->route_count, sizeof(*c->routes), compare_routes);
}

const struct route *config_find_route(const struct config *c, str name)
{
	unsigned low = 0, high = c->route_count;

	while (low < high) {
		unsigned middle = (low + high) / 2;
		int order = str_cmp(c->routes[middle].name, name);

		if (order == 0)
			return &c->routes[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}
