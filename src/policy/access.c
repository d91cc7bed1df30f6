#include "policy/access.h"

/* One pattern without commas: what stands before the first '*' is the beginning, what
 * stands between two comes in that order, what stands after the last is the end. */
static bool matches(str pattern, str name)
{
	bool has_star = str_find(pattern, '*') < pattern.len;
	str part = str_cut(&pattern, '*');

	if (!has_star)
		return str_eq(part, name);
	if (!str_skip(&name, part))
		return false;
	while (str_find(pattern, '*') < pattern.len) {
		size_t at;

		part = str_cut(&pattern, '*');
		at = str_find_str(name, part);
		if (at + part.len > name.len || (at == name.len && part.len))
			return false;
		name = str_from(name, at + part.len);
	}
	return str_ends(name, pattern);
}

bool access_matches(str patterns, str name)
{
	while (patterns.len)
		if (matches(str_cut(&patterns, ','), name))
			return true;
	return false;
}

/* provider/model as one text. */
static bool matches_target(str patterns, const struct target *t)
{
	char room[512];
	str provider = t->provider->name;
	size_t len = provider.len + 1 + t->model.len;

	if (len > sizeof(room))
		return false;
	memcpy(room, provider.ptr, provider.len);
	room[provider.len] = '/';
	if (t->model.len)
		memcpy(room + provider.len + 1, t->model.ptr, t->model.len);
	return access_matches(patterns, str_of(room, len));
}

struct access access_of(const struct tenant_chain *chain)
{
	struct access a = { .count = chain->count };

	for (unsigned i = 0; i < a.count; i++)
		a.rows[i] = tenant_row(chain->at[i]);
	return a;
}

fault_t access_of_key(struct tenants *t, uint64_t key, usec now, usec wall,
                      struct access *ret)
{
	struct tenant_chain chain;
	fault_t why = tenants_chain(t, key, STR_NONE, now, wall, &chain);

	if (why)
		return why;
	*ret = access_of(&chain);
	tenant_chain_done(&chain, 0, now);
	return NULL;
}

bool access_is_bounded(const struct access *a)
{
	for (unsigned i = 0; i < a->count; i++) {
		const struct tenant_row *r = a->rows[i];

		if (r->routes.len | r->models.len | r->providers.len | r->regions.len)
			return true;
	}
	return false;
}

static enum access_answer ask_provider(const struct tenant_row *r,
                                       const struct provider *p)
{
	if (r->providers.len && !access_matches(r->providers, p->name))
		return ACCESS_PROVIDER;
	if (r->regions.len && !(p->region.len && access_matches(r->regions, p->region)))
		return ACCESS_REGION;
	return ACCESS_ALLOWED;
}

static enum access_answer ask_level(const struct tenant_row *r, str route,
                                    const struct target *t)
{
	if (r->routes.len && !(route.len && access_matches(r->routes, route)))
		return ACCESS_ROUTE;
	if (r->models.len && !(route.len && access_matches(r->models, route)) &&
	    !access_matches(r->models, t->model) && !matches_target(r->models, t))
		return ACCESS_MODEL;
	return ask_provider(r, t->provider);
}

enum access_answer access_target(const struct access *a, str route,
                                 const struct target *target,
                                 const struct tenant_row **ret_by)
{
	for (unsigned i = 0; i < a->count; i++) {
		enum access_answer answer = ask_level(a->rows[i], route, target);

		if (answer == ACCESS_ALLOWED)
			continue;
		if (ret_by)
			*ret_by = a->rows[i];
		return answer;
	}
	return ACCESS_ALLOWED;
}

enum access_answer access_provider(const struct access *a,
                                   const struct provider *provider,
                                   const struct tenant_row **ret_by)
{
	for (unsigned i = 0; i < a->count; i++) {
		enum access_answer answer = ask_provider(a->rows[i], provider);

		if (answer == ACCESS_ALLOWED)
			continue;
		if (ret_by)
			*ret_by = a->rows[i];
		return answer;
	}
	return ACCESS_ALLOWED;
}

bool access_route(const struct access *a, const struct route *route)
{
	for (unsigned i = 0; i < route->target_count; i++) {
		if (access_target(a, route->name, &route->targets[i], NULL) ==
		    ACCESS_ALLOWED)
			return true;
	}
	return false;
}

str access_text(enum access_answer answer)
{
	switch (answer) {
	case ACCESS_ALLOWED:
		return STR("it is allowed");
	case ACCESS_ROUTE:
		return STR("this route is not allowed");
	case ACCESS_MODEL:
		return STR("this model is not allowed");
	case ACCESS_PROVIDER:
		return STR("this provider is not allowed");
	case ACCESS_REGION:
		break;
	}
	return STR("this provider's region is not allowed");
}
