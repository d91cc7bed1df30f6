#include "gateway/permit.h"

struct access permit_of(struct worker *w, uint64_t key)
{
	struct tenants *t = w->gateway->tenants;
	struct access a = { .count = 0 };

	/* Whether the key is good has been asked. */
	if (t && access_of_key(t, key, w->loop.now, w->loop.wall, &a))
		a.count = 0;
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

fault_t permit_candidates(struct exchange *x, bool is_named, str *ret_detail)
{
	struct access a = access_of(&x->chain);
	struct candidates *c = &x->candidates;
	const struct tenant_row *by = NULL;
	enum access_answer why = ACCESS_ALLOWED;
	unsigned count = 0;

	if (likely(!access_is_bounded(&a)))
		return NULL;
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
