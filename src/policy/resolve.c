#include "policy/resolve.h"

#include "config/pricing.h"
#include "policy/access.h"
#include "policy/found.h"

static fault_t one_target(const struct config *c, const struct target *t, unsigned count,
                          struct candidates *ret)
{
	*ret = (struct candidates){
		.list = t,
		.count = count,
		.strategy = STRATEGY_ORDERED,
		.on_empty = ON_EMPTY_NEXT,
		.comments = true,
		.resume = RESUME_ON,
		.limits = &c->defaults,
	};
	return NULL;
}

static void fill_target(const struct config *c, struct target *t,
                        const struct provider *p, str model, struct arena *keep)
{
	*t = (struct target){ .provider = p, .model = model, .weight = 1 };
	t->is_known = catalog_find_model(c->catalog, p->name, model, &t->facts);
	pricing_fill(c, t, keep);
}

/* Is `name` written as provider, separator, model? */
static const struct provider *split(const struct config *c, str name, str *ret_model)
{
	static const str separators[] = { STR_INIT("/"), STR_INIT("::"), STR_INIT(":") };

	for (size_t i = 0; i < countof(separators); i++) {
		size_t at = str_find_str(name, separators[i]);
		const struct provider *p;

		if (at == name.len || at == 0)
			continue;
		p = config_find_provider(c, str_first(name, at));
		*ret_model = str_from(name, at + separators[i].len);
		if (p && ret_model->len)
			return p;
	}
	return NULL;
}

/* A bare id: the configured providers that have it, the model's home first, then in the
 * order of their names; more than TARGETS_MOST would never be tried. */
static unsigned find_bare(const struct config *c, str id, struct arena *keep,
                          struct target **ret)
{
	struct target *list = NULL;
	struct catalog_model facts;
	str home = catalog_home_of(id);
	unsigned count = 0;

	for (int pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < c->provider_count; i++) {
			const struct provider *p = &c->providers[i];
			bool is_home = str_eq(p->name, home);

			if (count == TARGETS_MOST || p->disabled.len ||
			    is_home != (pass == 0) ||
			    !(catalog_find_model(c->catalog, p->name, id, &facts) ||
			      found_has(c->found, p->name, id)))
				continue;
			if (!list)
				list = arena_array(keep, struct target, TARGETS_MOST);
			fill_target(c, &list[count++], p, id, keep);
		}
	}
	*ret = list;
	return count;
}

static fault_t from_route(const struct route *r, struct candidates *ret)
{
	*ret = (struct candidates){
		.route = r->name,
		.list = r->targets,
		.count = r->target_count,
		.strategy = r->strategy,
		.on_empty = r->on_empty,
		.on_filter = r->on_filter,
		.comments = r->comments,
		.resume = r->resume,
		.tool_hold = r->tool_hold && r->target_count > 1,
		.strict = r->strict,
		.phi = r->phi,
		.limits = &r->limits,
	};
	return NULL;
}

/* A name that a client has made up goes into header lines, comments and logs. */
static bool has_control(str name)
{
	for (size_t i = 0; i < name.len; i++) {
		if ((uint8_t)name.ptr[i] < ' ' || name.ptr[i] == 0x7f)
			return true;
	}
	return false;
}

fault_t resolve_model(const struct config *c, str name, struct arena *keep,
                      struct candidates *ret)
{
	const struct route *r = config_find_route(c, name);
	const struct provider *p;
	struct target *targets;
	unsigned count;
	str model;

	if (r)
		return from_route(r, ret);
	p = split(c, name, &model);
	if (p && has_control(model))
		return FAULT_NO_SUCH_MODEL;
	if (p && p->disabled.len)
		return FAULT_NO_TARGET;
	if (p) {
		targets = arena_new(keep, struct target);
		fill_target(c, targets, p, model, keep);
		if (p->is_mock && !targets->is_known)
			return FAULT_NO_SUCH_MODEL; /* we know all it has */
		return one_target(c, targets, 1, ret);
	}
	count = find_bare(c, name, keep, &targets);
	if (count == 0)
		return FAULT_NO_SUCH_MODEL;
	return one_target(c, targets, count, ret);
}

/* ---- did you mean ---- */

struct nearest {
	str names[NEAREST];
	unsigned distance[NEAREST];
	unsigned count;
};

static unsigned likeness(str wanted, str name)
{
	enum { FAR = 20 };
	str model = name;

	/* "gpt5-mini" is near "openai/gpt-5-mini", whatever the prefix adds. */
	str_cut(&model, '/');
	unsigned d = str_distance(wanted, name, FAR);
	return model.len ? min_of(d, str_distance(wanted, model, FAR)) : d;
}

static void consider(struct nearest *n, str wanted, str name)
{
	unsigned d = likeness(wanted, name), at = n->count;

	while (at > 0 && n->distance[at - 1] > d)
		at--;
	if (at == NEAREST)
		return;
	if (n->count < NEAREST)
		n->count++;
	for (unsigned i = n->count - 1; i > at; i--) {
		n->names[i] = n->names[i - 1];
		n->distance[i] = n->distance[i - 1];
	}
	n->names[at] = name;
	n->distance[at] = d;
}

/* Of one provider's models those that the catalogue knows. */
static void consider_models(struct nearest *n, const struct config *c,
                            const struct access *access, const struct provider *p,
                            str wanted, struct arena *keep)
{
	struct catalog_model m;
	char text[256];

	for (unsigned at = 0; catalog_next_of_provider(c->catalog, p->name, &at, &m);) {
		const struct target t = { .provider = p, .model = m.id };
		str full = str_of(text, p->name.len + 1 + m.id.len);

		if (full.len > sizeof(text))
			continue;
		memcpy(text, p->name.ptr, p->name.len);
		text[p->name.len] = '/';
		memcpy(text + p->name.len + 1, m.id.ptr, m.id.len);
		if (n->count == NEAREST &&
		    likeness(wanted, full) >= n->distance[NEAREST - 1])
			continue;
		if (access_target(access, STR_NONE, &t, NULL) == ACCESS_ALLOWED)
			consider(n, wanted, arena_copy(keep, full));
	}
}

unsigned resolve_nearest(const struct config *c, const struct access *access, str name,
                         struct arena *keep, str ret[NEAREST])
{
	struct nearest n = { 0 };

	for (unsigned i = 0; i < c->route_count; i++) {
		if (access_route(access, &c->routes[i]))
			consider(&n, name, c->routes[i].name);
	}
	for (unsigned i = 0; i < c->provider_count; i++) {
		if (!c->providers[i].disabled.len)
			consider_models(&n, c, access, &c->providers[i], name, keep);
	}
	for (unsigned i = 0; i < n.count; i++)
		ret[i] = n.names[i];
	return n.count;
}

void resolve_add_nearest(const struct config *c, const struct access *access, str name,
                         struct buf *to)
{
	struct arena keep = { .ceiling = MiB };
	str names[NEAREST];
	unsigned n = resolve_nearest(c, access, name, &keep, names);

	for (unsigned i = 0; i < n; i++)
		buf_addf(to, "%s%.*s", i ? ", " : "; the nearest names are ",
		         STR_ARG(names[i]));
	arena_done(&keep);
}

bool resolve_elsewhere(const struct config *c, str name, struct catalog_provider *ret)
{
	size_t slash = str_find(name, '/');
	str owner = slash < name.len ? str_first(name, slash) : catalog_home_of(name);

	return owner.len && !config_find_provider(c, owner) &&
	       catalog_find_provider(owner, ret);
}
