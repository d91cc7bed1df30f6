#include "gateway/permit.h"

#include "gateway/phi.h"

struct access permit_of(struct worker *w, uint64_t key)
{
	struct tenants *t = w->gateway->tenants;
	/* No provider has such a name. */
	static const struct tenant_row nobody = { .providers = STR_INIT(" ") };
	struct access a = { .count = 0 };

	/* Whether the key is good has been asked; what may be asked for nobody can tell.
	 */
	if (t && access_of_key(t, key, w->loop.now, w->loop.wall, &a))
		a = (struct access){ .rows = { &nobody }, .count = 1 };
	return a;
}

static str explain(struct exchange *x, enum access_answer why,
                   const struct tenant_row *by)
{
	str model = str_first(x->skim.model, 128), what = access_text(why);

	if (by->kind == TENANT_ORGANISATION)
		return arena_printf(&x->arena, "\"%.*s\": %.*s", STR_ARG(model),
		                    STR_ARG(what));
	return arena_printf(&x->arena, "\"%.*s\": %.*s for the %s \"%.*s\"",
	                    STR_ARG(model), STR_ARG(what),
	                    by->kind == TENANT_KEY    ? "key"
	                    : by->kind == TENANT_TEAM ? "team"
	                                              : "user",
	                    STR_ARG(by->name));
}

/* Are there models that it may not ask for, or is each paid from a budget? */
static bool is_model_bound(const struct exchange *x)
{
	for (unsigned i = 0; i < x->chain.count; i++) {
		const struct tenant_row *r = tenant_row(x->chain.at[i]);

		if (r->models.len | r->routes.len)
			return true;
	}
	return tenant_has_budget(&x->chain);
}

/* Where the request lets a provider choose, the model that is permitted, and whose price
 * is set aside, may not be the one that answers. */
static fault_t permit_choices(struct exchange *x, str *ret_detail)
{
	struct candidates *c = &x->candidates;
	unsigned count = 0;

	for (unsigned i = 0; i < c->count; i++) {
		const struct provider *p = c->list[x->order[i]].provider;
		str member = STR_NONE;

		if (unlikely(p->choice) && is_model_bound(x))
			member = provider_choice_in(p->choice, retained_str(&x->body));
		if (likely(!member.len)) {
			x->order[count++] = x->order[i];
			continue;
		}
		x->param = member;
		*ret_detail = arena_printf(
		        &x->arena,
		        "with \"%.*s\" the provider \"%.*s\" chooses the model, which "
		        "a list of models or routes, or a budget, does not allow",
		        STR_ARG(member), STR_ARG(p->name));
	}
	if (likely(count == c->count))
		return NULL;
	c->count = count;
	if (count == 0)
		return FAULT_MODEL_NOT_ALLOWED;
	x->param = *ret_detail = STR_NONE;
	return NULL;
}

fault_t permit_candidates(struct exchange *x, bool is_named, str *ret_detail)
{
	struct access a = access_of(&x->chain);
	struct candidates *c = &x->candidates;
	const struct tenant_row *by = NULL;
	enum access_answer why = ACCESS_ALLOWED;
	unsigned count = 0;

	fault_t refused = phi_candidates(x, ret_detail);

	if (!refused)
		refused = permit_choices(x, ret_detail);
	if (refused || likely(!access_is_bounded(&a)))
		return refused;
	for (unsigned i = 0; i < c->count; i++) {
		const struct target *t = &c->list[x->order[i]];
		const struct tenant_row *who = NULL;
		enum access_answer answer =
		        is_named ? access_target(&a, c->route, t, &who)
		                 : access_provider(&a, t->provider, &who);

		if (answer == ACCESS_ALLOWED) {
			x->order[count++] = x->order[i];
		} else if (!by) {
			by = who;
			why = answer;
		}
	}
	c->count = count;
	if (count > 0 || !by)
		return NULL;
	x->param = STR("model");
	*ret_detail = explain(x, why, by);
	return FAULT_MODEL_NOT_ALLOWED;
}
