/* tenant_leaf.c - the users below the nodes of the tree.
 *
 * Users come and go, so their leaves are counted and under a lock of their own; one that
 * nobody uses is given to another user once nothing of it is of weight any more.  A leaf
 * whose user has a row is held by that. */
#include "policy/tenant_private.h"

/* So many leaves are asked for their place at once. */
enum { ASKED_MOST = 256 };

static uint64_t mix(uint64_t h, uint64_t piece)
{
	h = (h ^ piece) * UINT64_C(0x9fb21c651e98df25);
	return h ^ h >> 32;
}

static uint64_t hash_of(const struct tenants *t, const struct tenant *below, str user)
{
	uint64_t h = mix(t->seed, below->id), piece;

	h = mix(h, user.len);
	for (; user.len; user = str_from(user, min_of(user.len, sizeof(piece)))) {
		piece = 0;
		memcpy(&piece, user.ptr, min_of(user.len, sizeof(piece)));
		h = mix(h, piece);
	}
	return h;
}

static struct tenant *find_leaf(const struct tenants *t, const struct tenant *below,
                                str user, uint64_t hash)
{
	for (uint32_t at = t->buckets[hash % USER_BUCKETS]; at;
	     at = t->leaves[at - 1].next) {
		struct tenant *leaf = &t->leaves[at - 1];

		if (leaf->hash == hash && tenant_parent(leaf) == below &&
		    str_eq(str_of(leaf->name, leaf->name_len), user))
			return leaf;
	}
	return NULL;
}

/* Would it make no difference if it had never been? */
static bool is_idle(const struct tenant *leaf, usec now, usec wall)
{
	if (atomic_load_explicit(&leaf->users, memory_order_acquire) || leaf->running)
		return false;
	if (now / USEC_MIN <= max_of(leaf->requests.minute, leaf->tokens.minute) + 1)
		return false;
	for (unsigned w = 0; w < BUDGET_WINDOWS; w++) {
		if (!budget_is_idle(&leaf->budgets[w], wall))
			return false;
	}
	return true;
}

static void unlink_leaf(struct tenants *t, const struct tenant *leaf)
{
	uint32_t number = (uint32_t)(leaf - t->leaves) + 1;
	uint32_t *link = &t->buckets[leaf->hash % USER_BUCKETS];

	while (*link != number)
		link = &t->leaves[*link - 1].next;
	*link = leaf->next;
}

/* Has everybody been asked in vain?  Then nobody is until another minute begins. */
static bool is_hopeless(struct tenants *t, usec now)
{
	if (now / USEC_MIN > t->asked_minute) {
		t->asked_minute = now / USEC_MIN;
		t->asked = 0;
	}
	return t->asked >= TENANT_USERS_MOST;
}

/* A place: one that was never used, or one that is idle. */
static struct tenant *free_leaf(struct tenants *t, usec now, usec wall)
{
	if (t->leaf_count < TENANT_USERS_MOST)
		return &t->leaves[t->leaf_count++];
	for (unsigned i = 0; i < ASKED_MOST && !is_hopeless(t, now); i++) {
		struct tenant *leaf = &t->leaves[t->hand];

		t->hand = (t->hand + 1) % TENANT_USERS_MOST;
		t->asked++;
		if (!is_idle(leaf, now, wall))
			continue;
		t->asked = 0;
		unlink_leaf(t, leaf);
		memset(leaf, 0, sizeof(*leaf));
		return leaf;
	}
	return NULL;
}

static struct tenant *new_leaf(struct tenants *t, struct tenant *below, str user,
                               uint64_t hash, usec now, usec wall)
{
	struct tenant *leaf = free_leaf(t, now, wall);
	uint32_t *bucket = &t->buckets[hash % USER_BUCKETS];

	if (!leaf)
		return NULL;
	leaf->is_leaf = true;
	leaf->root = below->root;
	atomic_store(&leaf->parent, below);
	leaf->hash = hash;
	leaf->name_len = (uint8_t)user.len;
	if (user.len)
		memcpy(leaf->name, user.ptr, user.len);
	leaf->next = *bucket;
	*bucket = (uint32_t)(leaf - t->leaves) + 1;
	return leaf;
}

/* A leaf without a row is bounded as the node below which it is says now.  One that has a
 * row counts what the node asks for as well, for the day it loses that. */
static void follow(struct tenant *leaf, const struct tenant_caps *caps)
{
	unsigned bits = tenant_has_rates(caps) ? TENANT_HAS_RATES : 0;
	unsigned budgets = tenant_budgets(caps);

	if (!tenant_own_row(leaf) && tenant_bits(leaf) != bits)
		atomic_store(&leaf->bits, bits);
	if (budgets & ~tenant_counted(leaf))
		atomic_fetch_or(&leaf->counted, budgets);
}

struct tenant *tenants_leaf(struct tenants *t, struct tenant *below, str user,
                            bool create, usec now, usec wall)
{
	struct tenant *leaf;
	uint64_t hash;

	user = str_first(user, TENANT_USER_NAME);
	hash = hash_of(t, below, user);
	tenant_lock(&t->lock);
	if (create)
		t->wall = wall;
	leaf = find_leaf(t, below, user, hash);
	if (!leaf && create)
		leaf = new_leaf(t, below, user, hash, now, wall);
	if (leaf)
		atomic_fetch_add_explicit(&leaf->users, 1, memory_order_relaxed);
	tenant_unlock(&t->lock);
	if (leaf)
		follow(leaf, &tenant_own_row(below)->per_user);
	return leaf;
}

struct tenant *tenants_make_leaf(struct tenants *t, struct tenant *below, str user,
                                 usec now, usec wall)
{
	struct tenant *leaf;
	bool goes_on;

	do {
		leaf = tenants_leaf(t, below, user, true, now, wall);
		tenant_lock(&t->lock);
		goes_on = !leaf && !is_hopeless(t, now);
		tenant_unlock(&t->lock);
	} while (goes_on);
	return leaf;
}

static usec last_wall(struct tenants *t)
{
	usec wall;

	tenant_lock(&t->lock);
	wall = t->wall;
	tenant_unlock(&t->lock);
	return wall;
}

static void restart(struct tenant *leaf, unsigned windows)
{
	tenant_lock(&leaf->root->lock);
	for (unsigned w = 0; w < BUDGET_WINDOWS; w++) {
		if (windows >> w & 1)
			budget_restart(&leaf->budgets[w]);
	}
	tenant_unlock(&leaf->root->lock);
}

/* Held until tenant_leaf_done; NULL: it is below another node. */
static struct tenant *hold_leaf(struct tenants *t, unsigned i, const struct tenant *below)
{
	struct tenant *leaf = &t->leaves[i];
	bool is_its;

	tenant_lock(&t->lock); /* the place may be given to somebody else */
	is_its = i < t->leaf_count && tenant_parent(leaf) == below;
	if (is_its)
		atomic_fetch_add_explicit(&leaf->users, 1, memory_order_relaxed);
	tenant_unlock(&t->lock);
	return is_its ? leaf : NULL;
}

/* The users below a node, from place *at on, one after another; who is given is held. */
static struct tenant *next_user(struct tenants *t, const struct tenant *below,
                                unsigned *at)
{
	unsigned count;

	tenant_lock(&t->lock);
	count = t->leaf_count;
	tenant_unlock(&t->lock);
	while (*at < count) {
		struct tenant *leaf = hold_leaf(t, (*at)++, below);

		if (leaf)
			return leaf;
	}
	return NULL;
}

void tenants_restart_users(struct tenants *t, const struct tenant *below,
                           unsigned windows)
{
	struct tenant *leaf;

	for (unsigned at = 0; (leaf = next_user(t, below, &at));) {
		restart(leaf, windows & ~tenant_own_budgets(leaf));
		tenant_leaf_done(leaf);
	}
}

void tenants_spend_users(struct tenants *t, const struct tenant *below, unsigned windows,
                         usec wall)
{
	struct tenant *leaf;

	for (unsigned at = 0; (leaf = next_user(t, below, &at));) {
		tenant_spend(t, leaf, windows & ~tenant_own_budgets(leaf), wall);
		tenant_leaf_done(leaf);
	}
}

/* ---- users who have rows ---- */

static void list_row(struct tenants *t, struct tenant *leaf, uint64_t id)
{
	uint32_t *bucket = &t->row_buckets[id % USER_BUCKETS];

	tenant_lock(&t->lock);
	leaf->next_row = *bucket;
	*bucket = (uint32_t)(leaf - t->leaves) + 1;
	tenant_unlock(&t->lock);
}

static void unlist_row(struct tenants *t, const struct tenant *leaf, uint64_t id)
{
	uint32_t number = (uint32_t)(leaf - t->leaves) + 1;
	uint32_t *link = &t->row_buckets[id % USER_BUCKETS];

	tenant_lock(&t->lock);
	while (*link != number)
		link = &t->leaves[*link - 1].next_row;
	*link = leaf->next_row;
	tenant_unlock(&t->lock);
}

struct tenant *tenants_leaf_of_row(struct tenants *t, uint64_t id)
{
	struct tenant *leaf = NULL;
	uint32_t at;

	tenant_lock(&t->lock);
	for (at = t->row_buckets[id % USER_BUCKETS]; at; at = leaf->next_row) {
		leaf = &t->leaves[at - 1];
		if (tenant_own_row(leaf)->id == id)
			break;
	}
	if (at)
		atomic_fetch_add_explicit(&leaf->users, 1, memory_order_relaxed);
	tenant_unlock(&t->lock);
	return at ? leaf : NULL;
}

/* Returns the windows that are counted from now on. */
static unsigned give_row(struct tenants *t, struct tenant *leaf,
                         const struct tenant_row *row, usec now)
{
	const struct tenant_row *before = tenant_own_row(leaf);
	bool is_listed = before && before->id == row->id;
	/* What nothing bounded is counted now and then at best. */
	unsigned fresh = tenant_budgets(&row->caps) & ~tenant_own_budgets(leaf) &
	                 ~tenant_budgets(&tenant_own_row(tenant_parent(leaf))->per_user);

	if (before && !is_listed)
		unlist_row(t, leaf, before->id);
	if (!before) /* it is held by its row from now on */
		atomic_fetch_add_explicit(&leaf->users, 1, memory_order_relaxed);
	(void)tenant_publish(t, leaf, row, now);
	if (!is_listed)
		list_row(t, leaf, row->id);
	restart(leaf, fresh);
	return fresh;
}

static void take_row(struct tenants *t, struct tenant *leaf, usec now)
{
	const struct tenant_row *row = tenant_own_row(leaf);

	unlist_row(t, leaf, row->id);
	atomic_store_explicit(&leaf->row, NULL, memory_order_release);
	tenants_retire(t, row, now);
	tenant_leaf_done(leaf);
}

bool tenants_put_user(struct tenants *t, const struct tenant_row *row,
                      struct tenant *parent, usec now, unsigned *ret_fresh)
{
	bool is_active = !row->revoked_wall;
	usec wall = last_wall(t);
	struct tenant *leaf = is_active
	                              ? tenants_make_leaf(t, parent, row->name, now, wall)
	                              : tenants_leaf(t, parent, row->name, false, now, 0);
	const struct tenant_row *before;

	if (!leaf)
		return !is_active;
	before = tenant_own_row(leaf);
	if (is_active) {
		*ret_fresh = give_row(t, leaf, row, now);
		atomic_fetch_or(&parent->bits, TENANT_HAS_USER_ROWS);
	} else if (before && before->id == row->id) {
		take_row(t, leaf, now);
	}
	tenant_leaf_done(leaf);
	return true;
}
