/* tenant_report.c - what the tree is told by the ledger, and what it tells people. */
#include "policy/tenant_private.h"

static void add(struct tenants *t, struct tenant *n, const struct tenant_spent *s)
{
	if (!(tenant_counted(n) >> s->window & 1))
		return;
	tenant_lock(&n->root->lock);
	budget_charge(&n->budgets[s->window], t->calendar, s->window, s->wall, 0,
	              s->amount);
	tenant_unlock(&n->root->lock);
}

static bool is_told(const struct tenant *n, const struct tenant *leaf,
                    const struct tenant_spent *s)
{
	const struct tenant_row *row = tenant_own_row(leaf);

	if (!s->only || (row && s->only == row->id))
		return true;
	/* What bounds it alone is known already. */
	return s->only == n->id && s->only_users &&
	       !(tenant_own_budgets(leaf) >> s->window & 1);
}

/* To the node and to its user's leaf. */
static bool add_below(struct tenants *t, struct tenant *n, const struct tenant_spent *s)
{
	unsigned bits = tenant_bits(n);
	bool create = (bits & TENANT_BOUNDS_USERS) &&
	              tenant_own_row(n)->per_user.budget[s->window] != COST_UNKNOWN;
	struct tenant *leaf;

	if (!s->only || (s->only == n->id && !s->only_users))
		add(t, n, s);
	if (!(bits & (TENANT_BOUNDS_USERS | TENANT_HAS_USER_ROWS)))
		return true;
	leaf = create ? tenants_make_leaf(t, n, s->user, s->now, s->wall)
	              : tenants_leaf(t, n, s->user, false, s->now, s->wall);
	if (!leaf)
		return !create;
	if (is_told(n, leaf, s))
		add(t, leaf, s);
	tenant_leaf_done(leaf);
	return true;
}

/* The same, of what is known to both already. */
static void correct(struct tenant *n, const struct tenant_spent *s)
{
	unsigned counted = tenant_counted(n);

	tenant_lock(&n->root->lock);
	for (unsigned w = 0; w < BUDGET_WINDOWS; w++) {
		if (counted >> w & 1)
			budget_correct(&n->budgets[w], s->wall, s->amount);
	}
	tenant_unlock(&n->root->lock);
}

static bool correct_below(struct tenants *t, struct tenant *n,
                          const struct tenant_spent *s)
{
	struct tenant *leaf = NULL;

	correct(n, s);
	if (tenant_bits(n) & (TENANT_BOUNDS_USERS | TENANT_HAS_USER_ROWS))
		leaf = tenants_leaf(t, n, s->user, false, 0, s->wall);
	if (leaf) {
		correct(leaf, s);
		tenant_leaf_done(leaf);
	}
	return true;
}

static bool each_of(struct tenants *t, const struct tenant_spent *s,
                    bool (*below)(struct tenants *t, struct tenant *n,
                                  const struct tenant_spent *s))
{
	struct tenant *key = tenants_find(t, s->key), *team = tenants_find(t, s->team);
	bool done = true;

	/* What a key has spent for a team stays the team's. */
	if (key)
		done &= below(t, key, s);
	if (team && team != key)
		done &= below(t, team, s);
	struct tenant *root = team  ? team->root
	                      : key ? key->root
	                            : tenants_find(t, TENANT_DEFAULT);

	if (root != key && root != team)
		done &= below(t, root, s);
	return done;
}

bool tenants_add_spent(struct tenants *t, const struct tenant_spent *s)
{
	return each_of(t, s, add_below);
}

void tenant_spend(struct tenants *t, struct tenant *n, unsigned windows, usec wall)
{
	const struct tenant_caps *caps = tenant_caps(n);

	tenant_lock(&n->root->lock);
	for (unsigned w = 0; w < BUDGET_WINDOWS; w++) {
		struct budget_span *s;
		nanousd limit = caps->budget[w];

		if (!(windows >> w & 1) || limit == COST_UNKNOWN)
			continue;
		s = budget_at(&n->budgets[w], t->calendar, (enum budget_window)w, wall);
		if (s)
			s->spent = max_of(s->spent, min_of(limit, BUDGET_SUM_MOST));
	}
	tenant_unlock(&n->root->lock);
}

void tenants_take_for_spent(struct tenants *t, uint64_t id, unsigned windows,
                            unsigned of_users, usec wall)
{
	struct tenant *n = tenants_find(t, id), *leaf = NULL;

	if (!n)
		n = leaf = tenants_leaf_of_row(t, id);
	if (!n)
		return;
	tenant_spend(t, n, windows, wall);
	if (leaf)
		tenant_leaf_done(leaf);
	else
		tenants_spend_users(t, n, of_users, wall);
}

void tenants_correct_spent(struct tenants *t, const struct tenant_spent *s)
{
	(void)each_of(t, s, correct_below);
}

void tenants_hold_spent(struct tenants *t)
{
	pthread_mutex_lock(&t->spent);
}

void tenants_release_spent(struct tenants *t)
{
	pthread_mutex_unlock(&t->spent);
}

static void look(struct tenants *t, struct tenant *n, usec now, usec wall,
                 struct tenant_state *ret)
{
	*ret = (struct tenant_state){ .counted = tenant_counted(n) };
	tenant_lock(&n->root->lock);
	ret->running = n->running;
	ret->requests = rate_used(&n->requests, now);
	ret->tokens = rate_used(&n->tokens, now);
	for (unsigned w = 0; w < BUDGET_WINDOWS; w++) {
		const struct budget_span *s;

		if (!(ret->counted >> w & 1))
			continue;
		s = budget_at(&n->budgets[w], t->calendar, (enum budget_window)w, wall);
		if (!s)
			continue;
		ret->spent[w] = s->spent;
		ret->reserved[w] = s->reserved;
		ret->resets_wall[w] = s->until;
	}
	tenant_unlock(&n->root->lock);
}

bool tenants_look(struct tenants *t, uint64_t id, usec now, usec wall,
                  struct tenant_state *ret)
{
	struct tenant *n = tenants_find(t, id), *leaf = NULL;

	if (!n)
		n = leaf = tenants_leaf_of_row(t, id);
	if (n)
		look(t, n, now, wall, ret);
	if (leaf)
		tenant_leaf_done(leaf);
	return n != NULL;
}

bool tenants_look_user(struct tenants *t, uint64_t below, str user, usec now, usec wall,
                       struct tenant_state *ret)
{
	struct tenant *n = tenants_find(t, below);
	struct tenant *leaf = n ? tenants_leaf(t, n, user, false, now, wall) : NULL;

	if (!leaf)
		return false;
	look(t, leaf, now, wall, ret);
	tenant_leaf_done(leaf);
	return true;
}

/* ---- all budgets ---- */

static bool is_over(const struct tenant *n, usec wall)
{
	for (; n; n = tenant_parent(n)) {
		const struct tenant_row *row = tenant_own_row(n);

		if (row->revoked_wall || (row->expires_wall && wall >= row->expires_wall))
			return true;
	}
	return false;
}

static void tell(struct tenants *t, struct tenant *n, usec now, usec wall,
                 void (*see)(void *arg, const struct tenant_left *left), void *arg)
{
	const struct tenant_row *row = tenant_own_row(n);
	struct tenant_state s;

	if (!row || !tenant_counted(n) || is_over(n, wall))
		return;
	look(t, n, now, wall, &s);
	for (unsigned w = 0; w < BUDGET_WINDOWS; w++) {
		nanousd limit = row->caps.budget[w];

		if (limit == COST_UNKNOWN || !(s.counted >> w & 1))
			continue;
		see(arg, &(struct tenant_left){
		                 .row = row,
		                 .window = (enum budget_window)w,
		                 .left = limit - s.spent[w] - s.reserved[w],
		         });
	}
}

void tenants_each_budget(struct tenants *t, usec now, usec wall,
                         void (*see)(void *arg, const struct tenant_left *left),
                         void *arg)
{
	unsigned leaves;

	pthread_mutex_lock(&t->writing); /* a user who has a row keeps its leaf */
	for (unsigned i = 0; i < t->count; i++)
		tell(t, &t->nodes[i], now, wall, see, arg);
	tenant_lock(&t->lock);
	leaves = t->leaf_count;
	tenant_unlock(&t->lock);
	for (unsigned i = 0; i < leaves; i++) {
		bool has_row;

		tenant_lock(&t->lock); /* the place may be given to somebody else */
		has_row = tenant_own_row(&t->leaves[i]) != NULL;
		tenant_unlock(&t->lock);
		if (has_row)
			tell(t, &t->leaves[i], now, wall, see, arg);
	}
	pthread_mutex_unlock(&t->writing);
}
