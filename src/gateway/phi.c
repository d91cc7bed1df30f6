#include "gateway/phi.h"

#include "policy/access.h"

void phi_decide(struct exchange *x)
{
	for (unsigned i = 0; i < x->chain.count && !x->phi; i++)
		x->phi = tenant_row(x->chain.at[i])->phi;
}

void phi_decide_refused(struct exchange *x)
{
	struct tenants *t = x->worker->gateway->tenants;
	const struct loop *loop = &x->worker->loop;
	struct access a;

	if (!t || x->chain.count)
		return;
	if (access_of_key(t, x->key, loop->now, loop->wall, &a)) {
		x->phi = true; /* nobody can tell */
		return;
	}
	for (unsigned i = 0; i < a.count && !x->phi; i++)
		x->phi = a.rows[i]->phi;
}

fault_t phi_candidates(struct exchange *x, str *ret_detail)
{
	struct candidates *c = &x->candidates;
	unsigned count = 0;

	x->phi |= c->phi;
	if (likely(!x->phi))
		return NULL;
	for (unsigned i = 0; i < c->count; i++)
		if (c->list[x->order[i]].provider->phi == PHI_ALLOWED)
			x->order[count++] = x->order[i];
	c->count = count;
	if (count > 0)
		return NULL;
	x->param = STR("model");
	*ret_detail = STR("none of its providers is marked `phi: allowed`");
	return FAULT_PHI_NOT_ALLOWED;
}
