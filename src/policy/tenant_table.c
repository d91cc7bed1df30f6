/* tenant_table.c - where the nodes of the tree stand: found by id without a lock, changed
 * by one thread at a time, never moved and never taken away.
 *
 * Users come and go, so their leaves are counted and under a lock of their own; one that
 * nobody uses is given to another user once nothing of it is of weight any more. */
#include "policy/tenant_private.h"

#include "base/assert.h"
#include "base/mem.h"

#include <sys/mman.h>

#define LEAF UINT32_C(0x80000000)
/* Longer than any turn of a worker, by far. */
#define RETIRED_FOR (10 * USEC_MIN)
/* So many leaves are asked for their place before a user is turned away. */
enum { ASKED_MOST = 256 };

static void *map(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
	                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert(at != MAP_FAILED);
	return at;
}

#define MAPPED(X)                                                                        \
	X(index, NODE_SLOTS * sizeof(*t->index))                                         \
	X(nodes, TENANTS_MOST * sizeof(*t->nodes))                                       \
	X(buckets, USER_BUCKETS * sizeof(*t->buckets))                                   \
	X(leaves, TENANT_USERS_MOST * sizeof(*t->leaves))

struct tenants *tenants_new(const struct calendar *calendar, uint64_t seed)
{
	struct tenants *t = new_of(struct tenants);
	struct tenant_row first = {
		.id = TENANT_DEFAULT,
		.kind = TENANT_ORGANISATION,
		.name = STR("default"),
		.caps = TENANT_CAPS_NONE,
		.per_user = TENANT_CAPS_NONE,
	};

	t->calendar = calendar;
	t->seed = seed;
	t->retired_end = &t->retired;
	pthread_mutex_init(&t->writing, NULL);
	pthread_mutex_init(&t->spent, NULL);
	pthread_mutex_init(&t->rows, NULL);
	atomic_flag_clear(&t->lock);
#define MAP(name, size) t->name = map(size);
	MAPPED(MAP)
#undef MAP
	bool done = tenants_put(t, &first, 0, NULL, NULL);

	assert(done);
	return t;
}

/* ---- rows ---- */

/* A row and its texts, behind a link for the day it is retired. */
static const struct tenant_row *copy_row(const struct tenant_row *row)
{
	struct tenant_row r = *row;
	str *texts[] = { &r.name,      &r.downgrade, &r.routes, &r.models,
		         &r.providers, &r.regions,   &r.tags,   &r.metadata };
	size_t size = sizeof(struct retired) + sizeof(r);
	struct tenant_row *kept;
	char *block, *to;

	for (size_t i = 0; i < countof(texts); i++)
		size += texts[i]->len;
	block = mem_new(size);
	to = block + sizeof(struct retired) + sizeof(r);
	for (size_t i = 0; i < countof(texts); i++) {
		if (texts[i]->len)
			memcpy(to, texts[i]->ptr, texts[i]->len);
		texts[i]->ptr = to;
		to += texts[i]->len;
	}
	kept = (struct tenant_row *)(void *)(block + sizeof(struct retired));
	*kept = r;
	return kept;
}

static struct retired *link_of(const struct tenant_row *row)
{
	return (struct retired *)(void *)((char *)(uintptr_t)row -
	                                  sizeof(struct retired));
}

static void free_row(const struct tenant_row *row)
{
	if (row)
		free(link_of(row));
}

static void retire(struct tenants *t, const struct tenant_row *row, usec now)
{
	struct retired *r;

	if (row) {
		r = link_of(row);
		*r = (struct retired){ .at = now };
		*t->retired_end = r;
		t->retired_end = &r->next;
	}
	while ((r = t->retired) && r->at + RETIRED_FOR < now) {
		t->retired = r->next;
		if (!t->retired)
			t->retired_end = &t->retired;
		free(r);
	}
}

void tenants_free(struct tenants **at)
{
	struct tenants *t = *at;
	struct retired *r;

	*at = NULL;
	if (!t)
		return;
	while ((r = t->retired)) {
		t->retired = r->next;
		free(r);
	}
	for (unsigned i = 0; i < t->count; i++)
		free_row(tenant_own_row(&t->nodes[i]));
	for (unsigned i = 0; i < t->leaf_count; i++)
		free_row(tenant_own_row(&t->leaves[i]));
#define UNMAP(name, size) munmap(t->name, size);
	MAPPED(UNMAP)
#undef UNMAP
	pthread_mutex_destroy(&t->writing);
	pthread_mutex_destroy(&t->spent);
	pthread_mutex_destroy(&t->rows);
	free(t);
}

/* ---- nodes ---- */

static struct tenant *numbered(const struct tenants *t, uint32_t number)
{
	return number & LEAF ? &t->leaves[(number & ~LEAF) - 1] : &t->nodes[number - 1];
}

/* Ids are random, so they are their own hash. */
static _Atomic uint32_t *place_of(const struct tenants *t, uint64_t id)
{
	for (size_t at = (size_t)(id % NODE_SLOTS);; at = (at + 1) % NODE_SLOTS) {
		uint32_t number =
		        atomic_load_explicit(&t->index[at], memory_order_acquire);

		if (!number)
			return &t->index[at];
		if (numbered(t, number)->id == id)
			return &t->index[at];
	}
}

/* 0: there is none of this id. */
static uint32_t number_of(const struct tenants *t, uint64_t id)
{
	return id ? atomic_load_explicit(place_of(t, id), memory_order_acquire) : 0;
}

struct tenant *tenants_find(const struct tenants *t, uint64_t id)
{
	uint32_t number = number_of(t, id);

	return number ? numbered(t, number) : NULL;
}

static bool has_rates(const struct tenant_caps *caps)
{
	return caps->rpm || caps->tpm || caps->concurrent;
}

static unsigned bits_of(const struct tenant_row *row)
{
	bool bounds = has_rates(&row->per_user) || tenant_budgets(&row->per_user);

	return (has_rates(&row->caps) ? TENANT_HAS_RATES : 0) |
	       (bounds ? TENANT_BOUNDS_USERS : 0);
}

/* The row is there before anybody may count by it. */
static unsigned publish(struct tenants *t, struct tenant *n, const struct tenant_row *row,
                        usec now)
{
	const struct tenant_row *before = tenant_own_row(n);
	unsigned budgets = tenant_budgets(&row->caps);

	atomic_store_explicit(&n->row, copy_row(row), memory_order_release);
	atomic_store(&n->bits, bits_of(row) | (tenant_bits(n) & TENANT_HAS_USER_ROWS));
	retire(t, before, now);
	return budgets & ~atomic_fetch_or(&n->counted, budgets);
}

static unsigned user_budgets(const struct tenant *n)
{
	const struct tenant_row *row = tenant_own_row(n);

	return row ? tenant_budgets(&row->per_user) : 0;
}

static bool is_change(const struct tenant *n, const struct tenant_row *row,
                      const struct tenant *parent)
{
	return tenant_own_row(n)->kind == row->kind &&
	       n->root == (parent ? parent->root : n);
}

static bool put_node(struct tenants *t, const struct tenant_row *row,
                     struct tenant *parent, usec now, unsigned *ret_fresh,
                     unsigned *ret_fresh_users)
{
	uint32_t number = number_of(t, row->id);
	unsigned users_before = 0;
	struct tenant *n;

	if (number) {
		n = numbered(t, number);
		if (n->is_leaf || !is_change(n, row, parent))
			return false;
		users_before = user_budgets(n);
		atomic_store_explicit(&n->parent, parent, memory_order_release);
		*ret_fresh = publish(t, n, row, now);
	} else {
		if (t->count == TENANTS_MOST)
			return false;
		n = &t->nodes[t->count];
		n->id = row->id;
		n->root = parent ? parent->root : n;
		atomic_store(&n->parent, parent);
		atomic_flag_clear(&n->lock);
		*ret_fresh = publish(t, n, row, now);
		atomic_store_explicit(place_of(t, row->id), ++t->count,
		                      memory_order_release);
	}
	*ret_fresh_users = tenant_budgets(&row->per_user) & ~users_before;
	return true;
}

/* ---- leaves ---- */

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
	if (atomic_load_explicit(&leaf->users, memory_order_acquire) || leaf->running ||
	    leaf->id)
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

/* A place: one that was never used, or one that is idle. */
static struct tenant *free_leaf(struct tenants *t, usec now, usec wall)
{
	if (t->leaf_count < TENANT_USERS_MOST)
		return &t->leaves[t->leaf_count++];
	for (unsigned i = 0; i < ASKED_MOST; i++) {
		struct tenant *leaf = &t->leaves[t->hand];

		t->hand = (t->hand + 1) % TENANT_USERS_MOST;
		if (!is_idle(leaf, now, wall))
			continue;
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

/* A leaf without a row is bounded as the node below which it is says now. */
static void follow(struct tenant *leaf, const struct tenant_caps *caps)
{
	unsigned bits = has_rates(caps) ? TENANT_HAS_RATES : 0;
	unsigned budgets = tenant_budgets(caps);

	if (tenant_bits(leaf) != bits)
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
	leaf = find_leaf(t, below, user, hash);
	if (!leaf && create)
		leaf = new_leaf(t, below, user, hash, now, wall);
	if (leaf)
		atomic_fetch_add_explicit(&leaf->users, 1, memory_order_relaxed);
	tenant_unlock(&t->lock);
	if (leaf && !tenant_own_row(leaf))
		follow(leaf, &tenant_own_row(below)->per_user);
	return leaf;
}

/* A user with limits of its own, in place of those for all users.  Revoked, these hold
 * again. */
static bool put_user(struct tenants *t, const struct tenant_row *row,
                     struct tenant *parent, usec now, unsigned *ret_fresh)
{
	bool is_active = !row->revoked_wall;
	struct tenant *leaf = tenants_leaf(t, parent, row->name, is_active, now, 0);
	const struct tenant_row *before;
	_Atomic uint32_t *place;

	if (!leaf)
		return !is_active;
	before = tenant_own_row(leaf);
	if (!is_active && before && before->id == row->id) {
		atomic_store_explicit(&leaf->row, NULL, memory_order_release);
		retire(t, before, now);
		tenant_leaf_done(leaf); /* its row's */
	} else if (is_active) {
		*ret_fresh = publish(t, leaf, row, now);
		place = place_of(t, row->id);
		if (!before && !atomic_load(place)) {
			leaf->id = row->id;
			atomic_store_explicit(place,
			                      ((uint32_t)(leaf - t->leaves) + 1) | LEAF,
			                      memory_order_release);
		}
		atomic_fetch_or(&parent->bits, TENANT_HAS_USER_ROWS);
		if (!before)
			return true; /* held by its row from now on */
	}
	tenant_leaf_done(leaf);
	return true;
}

bool tenants_put(struct tenants *t, const struct tenant_row *row, usec now,
                 unsigned *ret_fresh, unsigned *ret_fresh_users)
{
	struct tenant *parent = tenants_find(t, row->parent);
	unsigned fresh = 0, fresh_users = 0;
	bool done;

	assert(row->id != 0);
	if ((row->kind == TENANT_ORGANISATION) != !row->parent ||
	    (row->parent && (!parent || parent->is_leaf)))
		return false;
	pthread_mutex_lock(&t->writing);
	done = row->kind == TENANT_USER
	               ? put_user(t, row, parent, now, &fresh)
	               : put_node(t, row, parent, now, &fresh, &fresh_users);
	pthread_mutex_unlock(&t->writing);
	if (ret_fresh)
		*ret_fresh = fresh;
	if (ret_fresh_users)
		*ret_fresh_users = fresh_users;
	return done;
}

bool tenants_knows(const struct tenants *t, uint64_t id)
{
	return number_of(t, id) != 0;
}

unsigned tenants_room(struct tenants *t)
{
	unsigned room;

	pthread_mutex_lock(&t->writing);
	room = TENANTS_MOST - t->count;
	pthread_mutex_unlock(&t->writing);
	return room;
}

void tenants_hold_rows(struct tenants *t)
{
	pthread_mutex_lock(&t->rows);
}

void tenants_release_rows(struct tenants *t)
{
	pthread_mutex_unlock(&t->rows);
}

unsigned tenants_counted(struct tenants *t)
{
	unsigned bits = 0;

	pthread_mutex_lock(&t->writing);
	for (unsigned i = 0; i < t->count; i++)
		bits |= tenant_counted(&t->nodes[i]) | user_budgets(&t->nodes[i]);
	tenant_lock(&t->lock);
	for (unsigned i = 0; i < t->leaf_count; i++)
		bits |= tenant_counted(&t->leaves[i]);
	tenant_unlock(&t->lock);
	pthread_mutex_unlock(&t->writing);
	return bits;
}

bool tenants_bound_users(struct tenants *t)
{
	bool any = false;

	pthread_mutex_lock(&t->writing);
	for (unsigned i = 0; i < t->count; i++)
		any |= (tenant_bits(&t->nodes[i]) &
		        (TENANT_BOUNDS_USERS | TENANT_HAS_USER_ROWS)) != 0;
	pthread_mutex_unlock(&t->writing);
	return any;
}
