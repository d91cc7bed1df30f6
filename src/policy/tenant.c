#include "policy/tenant_private.h"

#include "base/assert.h"

const struct tenant_row *tenant_row(const struct tenant *n)
{
	const struct tenant_row *row = tenant_own_row(n);

	return row ? row : tenant_own_row(tenant_parent(n));
}

/* ---- the chain ---- */

static fault_t check(const struct tenant_row *row, usec wall)
{
	if (row->revoked_wall)
		return FAULT_BAD_KEY;
	return row->expires_wall && wall >= row->expires_wall ? FAULT_KEY_EXPIRED : NULL;
}

static void drop_leaves(struct tenant_chain *c)
{
	for (unsigned i = 0; i < c->leaves; i++)
		tenant_leaf_done(c->at[i]);
	c->leaves = c->count = 0;
}

/* The leaves of those nodes that have something to say about this user. */
static fault_t add_leaves(struct tenant_chain *c, struct tenant *const path[],
                          unsigned count, str user, usec now, usec wall)
{
	for (unsigned i = 0; i < count; i++) {
		unsigned bits = tenant_bits(path[i]);
		bool create = bits & TENANT_BOUNDS_USERS;
		const struct tenant_row *row;
		struct tenant *leaf;
		fault_t why;

		if (!create && !(bits & TENANT_HAS_USER_ROWS))
			continue;
		leaf = tenants_leaf(c->tenants, path[i], user, create, now, wall);
		if (!leaf && create)
			return FAULT_TENANTS_FULL;
		if (!leaf)
			continue;
		c->at[c->leaves++] = leaf;
		c->bounded |= (tenant_bits(leaf) & TENANT_HAS_RATES) != 0;
		if ((row = tenant_own_row(leaf)) && (why = check(row, wall)))
			return why;
	}
	return NULL;
}

fault_t tenants_chain(struct tenants *t, uint64_t key, str user, usec now, usec wall,
                      struct tenant_chain *ret)
{
	struct tenant *path[TENANT_CHAIN / 2], *n = tenants_find(t, key);
	unsigned count = 0, bits = 0;
	fault_t why = NULL;

	*ret = (struct tenant_chain){ .tenants = t };
	if (!n)
		n = tenants_find(t, TENANT_DEFAULT);
	for (; n && !why; n = tenant_parent(n)) {
		assert(count < countof(path));
		path[count++] = n;
		bits |= tenant_bits(n);
		why = check(tenant_own_row(n), wall);
	}
	if (why)
		return why;
	ret->bounded = bits & TENANT_HAS_RATES;
	if (unlikely(bits & (TENANT_BOUNDS_USERS | TENANT_HAS_USER_ROWS)))
		why = add_leaves(ret, path, count, user, now, wall);
	if (why) {
		drop_leaves(ret);
		return why;
	}
	ret->count = ret->leaves;
	for (unsigned i = 0; i < count; i++)
		ret->at[ret->count++] = path[i];
	return NULL;
}

const struct tenant *tenant_chain_of(const struct tenant_chain *c, enum tenant_kind kind)
{
	for (unsigned i = c->leaves; i < c->count; i++) {
		if (tenant_own_row(c->at[i])->kind == kind)
			return c->at[i];
	}
	return NULL;
}

static atomic_flag *lock_of(const struct tenant_chain *c)
{
	return &c->at[c->count - 1]->root->lock;
}

/* ---- rates, and how many run ---- */

static void note_room(struct tenant_room *room, uint64_t limit, struct rate *r, usec now)
{
	uint64_t used = limit ? rate_used(r, now) : 0;
	uint64_t left = limit > used ? limit - used : 0;

	if (limit && (!room->limit || left < room->remaining))
		*room = (struct tenant_room){ .limit = limit,
			                      .remaining = left,
			                      .reset = rate_reset(r, now) };
}

/* Of several refusals the one that lasts longest is told. */
static void refuse(struct tenant_refusal *ret, const struct tenant *n,
                   enum tenant_cap cap, uint64_t used, uint64_t limit, usec wait)
{
	if (ret->row && ret->wait >= wait)
		return;
	*ret = (struct tenant_refusal){
		.row = tenant_row(n),
		.per_user = n->is_leaf && !tenant_own_row(n),
		.cap = cap,
		.used = (int64_t)used,
		.limit = (int64_t)limit,
		.wait = wait,
	};
}

static void ask_rates(struct tenant *n, uint64_t tokens, usec now,
                      struct tenant_refusal *ret)
{
	const struct tenant_caps *caps = tenant_caps(n);
	usec wait;

	if (caps->concurrent && n->running >= caps->concurrent)
		refuse(ret, n, TENANT_CONCURRENT, n->running, caps->concurrent, 0);
	if (caps->rpm && (wait = rate_room(&n->requests, caps->rpm, 1, now)))
		refuse(ret, n, TENANT_RPM, rate_used(&n->requests, now), caps->rpm, wait);
	if (caps->tpm && (wait = rate_room(&n->tokens, caps->tpm, tokens, now)))
		refuse(ret, n, TENANT_TPM, rate_used(&n->tokens, now), caps->tpm, wait);
}

static void claim_rates(struct tenant *n, uint64_t tokens, usec now)
{
	const struct tenant_caps *caps = tenant_caps(n);

	n->running++;
	if (caps->rpm)
		rate_add(&n->requests, 1, now);
	if (caps->tpm)
		rate_add(&n->tokens, tokens, now);
}

bool tenant_admit(struct tenant_chain *c, uint64_t tokens, usec now,
                  struct tenant_rates *ret_rates, struct tenant_refusal *ret)
{
	*ret_rates = (struct tenant_rates){ 0 };
	if (likely(!c->bounded))
		return true;
	*ret = (struct tenant_refusal){ 0 };
	tenant_lock(lock_of(c));
	for (unsigned i = 0; i < c->count; i++)
		ask_rates(c->at[i], tokens, now, ret);
	for (unsigned i = 0; i < c->count && !ret->row; i++)
		claim_rates(c->at[i], tokens, now);
	for (unsigned i = 0; i < c->count; i++) {
		struct tenant *n = c->at[i];
		const struct tenant_caps *caps = tenant_caps(n);

		note_room(&ret_rates->requests, caps->rpm, &n->requests, now);
		note_room(&ret_rates->tokens, caps->tpm, &n->tokens, now);
	}
	tenant_unlock(lock_of(c));
	c->admitted = !ret->row;
	c->tokens = tokens;
	c->admitted_at = now;
	return c->admitted;
}

void tenant_chain_done(struct tenant_chain *c, uint64_t used, usec now)
{
	int64_t by = (int64_t)used - (int64_t)c->tokens;

	if (c->admitted) {
		tenant_lock(lock_of(c));
		for (unsigned i = 0; i < c->count; i++) {
			c->at[i]->running--;
			if (by && tenant_caps(c->at[i])->tpm)
				rate_correct(&c->at[i]->tokens, by, c->admitted_at, now);
		}
		tenant_unlock(lock_of(c));
	}
	c->admitted = false;
	drop_leaves(c);
}

/* ---- budgets ---- */

/* The windows of a set, one after another. */
#define each_window(w, bits)                                                             \
	for (unsigned left_ = (bits), w;                                                 \
	     left_ && (w = (unsigned)__builtin_ctz(left_), true); left_ &= left_ - 1)

/* The windows that have a limit now.  One that had it once is counted, but nothing is set
 * aside there: nobody would ask whether it fits. */
static unsigned limited(const struct tenant *n)
{
	unsigned counted = tenant_counted(n);

	return likely(!counted) ? 0 : counted & tenant_budgets(tenant_caps(n));
}

bool tenant_has_budget(const struct tenant_chain *c)
{
	for (unsigned i = 0; i < c->count; i++) {
		if (unlikely(limited(c->at[i])))
			return true;
	}
	return false;
}

static nanousd amount_of(const struct tenant_reservation *r, unsigned i)
{
	return r->soft >> i & 1 ? r->amount.likely : r->amount.most;
}

/* Does `ret` tell of a refusal that lasts longer?  One for which others only need to end
 * passes first. */
static bool lasts_longer(const struct tenant_refusal *ret, bool passes, usec until)
{
	return ret->row && (ret->passes == passes ? ret->resets_wall >= until : passes);
}

/* Of several refusals the one that lasts longest is told; the first that knows another
 * route is asked for it, and how a stream ends says the strictest. */
static void refuse_money(struct tenant_refusal *ret, const struct tenant *n, unsigned w,
                         const struct budget_span *s, nanousd limit, nanousd amount,
                         usec wall)
{
	const struct budget_span mad = { .spent = limit, .until = wall + USEC_MIN };
	const struct tenant_row *row = tenant_row(n);
	str downgrade = ret->downgrade.len ? ret->downgrade : row->downgrade;
	enum on_exhausted ending = max_of(ret->on_exhausted, row->on_exhausted);
	struct budget_span settled =
	        s ? *s : mad; /* when all that runs has cost nothing */
	bool passes;

	if (!s)
		s = &mad;
	settled.reserved = 0;
	passes = budget_has_room(&settled, limit, amount);
	if (!lasts_longer(ret, passes, s->until))
		*ret = (struct tenant_refusal){
			.row = row,
			.per_user = n->is_leaf && !tenant_own_row(n),
			.cap = (enum tenant_cap)(TENANT_BUDGET + w),
			.used = s->spent + s->reserved,
			.reserved = s->reserved,
			.limit = limit,
			.passes = passes,
			.wait = s->until == USEC_NEVER ? USEC_NEVER : s->until - wall,
			.resets_wall = s->until,
		};
	ret->downgrade = downgrade;
	ret->on_exhausted = ending;
}

static void ask_money(struct tenant_chain *c, unsigned i, unsigned bits, usec wall,
                      nanousd amount, struct tenant_refusal *ret)
{
	struct tenant *n = c->at[i];
	const struct tenant_caps *caps = tenant_caps(n);

	each_window(w, bits)
	{
		struct budget_span *s = budget_at(&n->budgets[w], c->tenants->calendar,
		                                  (enum budget_window)w, wall);

		/* One that was taken away meanwhile bounds nothing but the sum. */
		nanousd limit = caps->budget[w] == COST_UNKNOWN ? BUDGET_SUM_MOST
		                                                : caps->budget[w];

		if (unlikely(!s) || unlikely(!budget_has_room(s, limit, amount)))
			refuse_money(ret, n, w, s, limit, amount, wall);
	}
}

/* After ask_money, so the window is the one used last. */
static void hold_money(struct tenant *n, unsigned bits, nanousd amount)
{
	each_window(w, bits)
	{
		n->budgets[w].spans[n->budgets[w].now].reserved += amount;
	}
}

/* Which nodes and windows it is set aside on; false: on none. */
static bool find_held(const struct tenant_chain *c, struct tenant_reservation *r)
{
	for (unsigned i = 0; i < c->count; i++) {
		r->held[i] = (uint8_t)limited(c->at[i]);
		r->any |= r->held[i] != 0;
		if (r->held[i] && tenant_row(c->at[i])->soft)
			r->soft |= (uint8_t)(1u << i);
		else if (r->held[i])
			r->charged_at_most = r->amount.most;
	}
	return r->any;
}

bool tenant_reserve(struct tenant_chain *c, struct tenant_amount amount, usec wall,
                    struct tenant_reservation *r, struct tenant_refusal *ret)
{
	*r = (struct tenant_reservation){ .amount = amount,
		                          .wall = wall,
		                          .charged_at_most = amount.likely };
	if (likely(!find_held(c, r)))
		return true;
	*ret = (struct tenant_refusal){ 0 };
	tenant_lock(lock_of(c));
	for (unsigned i = 0; i < c->count; i++)
		ask_money(c, i, r->held[i], wall, amount_of(r, i), ret);
	for (unsigned i = 0; i < c->count && !ret->row; i++)
		hold_money(c->at[i], r->held[i], amount_of(r, i));
	tenant_unlock(lock_of(c));
	if (ret->row)
		*r = (struct tenant_reservation){ .wall = wall };
	else /* nobody was asked for it where all are soft */
		r->amount.most = min_of(amount.most, BUDGET_AMOUNT_MOST);
	return !ret->row;
}

bool tenant_extend(struct tenant_chain *c, struct tenant_reservation *r, nanousd more,
                   struct tenant_refusal *ret)
{
	bool is_soft = tenant_can_grow(r);
	unsigned held[TENANT_CHAIN];

	if (!r->any)
		return true;
	/* The strict ones have set the most aside already. */
	for (unsigned i = 0; i < c->count; i++)
		held[i] = is_soft && !(r->soft >> i & 1) ? 0 : r->held[i];
	if (is_soft)
		more = min_of(more, r->amount.most - r->amount.likely);
	*ret = (struct tenant_refusal){ 0 };
	tenant_lock(lock_of(c));
	for (unsigned i = 0; i < c->count; i++)
		ask_money(c, i, held[i], r->wall, more, ret);
	for (unsigned i = 0; i < c->count && !ret->row; i++)
		hold_money(c->at[i], held[i], more);
	tenant_unlock(lock_of(c));
	if (ret->row)
		return false;
	r->amount.likely += more;
	if (!is_soft)
		r->amount.most += more;
	if (!is_soft || r->charged_at_most < r->amount.likely)
		r->charged_at_most += more;
	return true;
}

void tenant_settle(struct tenant_chain *c, struct tenant_reservation *r, nanousd charged)
{
	unsigned bits[TENANT_CHAIN], any = r->any;

	/* What is counted by now, also if it was not when the attempt began. */
	for (unsigned i = 0; i < c->count; i++)
		any |= bits[i] = tenant_counted(c->at[i]) | r->held[i];
	if (likely(!any))
		return;
	charged = tenant_charged(r, charged);
	tenant_lock(lock_of(c));
	for (unsigned i = 0; i < c->count; i++) {
		each_window(w, bits[i])
		{
			bool is_held = r->held[i] >> w & 1;

			budget_charge(&c->at[i]->budgets[w], c->tenants->calendar,
			              (enum budget_window)w, r->wall,
			              is_held ? amount_of(r, i) : 0, charged);
		}
	}
	tenant_unlock(lock_of(c));
	r->any = false;
	memset(r->held, 0, sizeof(r->held));
}

static bool has_leaf_below(const struct tenant_chain *c, const struct tenant *n)
{
	for (unsigned i = 0; i < c->leaves; i++) {
		if (tenant_parent(c->at[i]) == n)
			return true;
	}
	return false;
}

static void charge_leaf(struct tenant_chain *c, struct tenant *leaf, usec wall,
                        nanousd charged)
{
	tenant_lock(&leaf->root->lock);
	each_window(w, tenant_counted(leaf))
	{
		budget_charge(&leaf->budgets[w], c->tenants->calendar,
		              (enum budget_window)w, wall, 0, charged);
	}
	tenant_unlock(&leaf->root->lock);
}

void tenant_settle_user(struct tenant_chain *c, str user,
                        const struct tenant_reservation *r, nanousd charged, usec now,
                        usec wall)
{
	for (unsigned i = c->leaves; i < c->count; i++) {
		unsigned bits = tenant_bits(c->at[i]);
		struct tenant *leaf;

		if (likely(!(bits & (TENANT_BOUNDS_USERS | TENANT_HAS_USER_ROWS))) ||
		    has_leaf_below(c, c->at[i]))
			continue;
		leaf = tenants_leaf(c->tenants, c->at[i], user,
		                    bits & TENANT_BOUNDS_USERS, now, wall);
		if (!leaf)
			continue;
		charge_leaf(c, leaf, r->wall, tenant_charged(r, charged));
		tenant_leaf_done(leaf);
	}
}
