/* tenant_table.c - where the nodes of the tree stand: found by id without a lock, changed
 * by one thread at a time, never moved and never taken away.  Users come and go: theirs
 * are in tenant_leaf.c. */
#include "policy/tenant_private.h"

#include "base/assert.h"
#include "base/mem.h"

#include <sys/mman.h>

/* Longer than any turn of a worker, by far. */
#define RETIRED_FOR (10 * USEC_MIN)

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
	X(row_buckets, USER_BUCKETS * sizeof(*t->row_buckets))                           \
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

void tenants_retire(struct tenants *t, const struct tenant_row *row, usec now)
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

/* Where the number of an id stands, or could stand.  Ids are random, so they are their
 * own hash. */
static _Atomic uint32_t *place_of(const struct tenants *t, uint64_t id)
{
	for (size_t at = (size_t)(id % NODE_SLOTS);; at = (at + 1) % NODE_SLOTS) {
		uint32_t number =
		        atomic_load_explicit(&t->index[at], memory_order_acquire);

		if (!number || t->nodes[number - 1].id == id)
			return &t->index[at];
	}
}

struct tenant *tenants_find(const struct tenants *t, uint64_t id)
{
	uint32_t number =
	        id ? atomic_load_explicit(place_of(t, id), memory_order_acquire) : 0;

	return number ? &t->nodes[number - 1] : NULL;
}

static unsigned bits_of(const struct tenant_row *row)
{
	bool bounds = tenant_has_rates(&row->per_user) || tenant_budgets(&row->per_user);

	return (tenant_has_rates(&row->caps) ? TENANT_HAS_RATES : 0) |
	       (bounds ? TENANT_BOUNDS_USERS : 0);
}

unsigned tenant_publish(struct tenants *t, struct tenant *n, const struct tenant_row *row,
                        usec now)
{
	const struct tenant_row *before = tenant_own_row(n);
	unsigned budgets = tenant_budgets(&row->caps);

	atomic_store_explicit(&n->row, copy_row(row), memory_order_release);
	atomic_store(&n->bits, bits_of(row) | (tenant_bits(n) & TENANT_HAS_USER_ROWS));
	tenants_retire(t, before, now);
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
	struct tenant *n = tenants_find(t, row->id);
	unsigned users_before = 0;

	if (n) {
		if (!is_change(n, row, parent))
			return false;
		users_before = user_budgets(n);
		atomic_store_explicit(&n->parent, parent, memory_order_release);
		*ret_fresh = tenant_publish(t, n, row, now);
	} else {
		if (t->count == TENANTS_MOST)
			return false;
		assert(t->nodes); /* mapped when the tree was made */
		n = &t->nodes[t->count];
		n->id = row->id;
		n->root = parent ? parent->root : n;
		atomic_store(&n->parent, parent);
		atomic_flag_clear(&n->lock);
		*ret_fresh = tenant_publish(t, n, row, now);
		atomic_store_explicit(place_of(t, row->id), ++t->count,
		                      memory_order_release);
	}
	*ret_fresh_users = tenant_budgets(&row->per_user) & ~users_before;
	if (*ret_fresh_users)
		tenants_restart_users(t, n, *ret_fresh_users);
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
	    (row->parent && !parent))
		return false;
	pthread_mutex_lock(&t->writing);
	done = row->kind == TENANT_USER
	               ? tenants_put_user(t, row, parent, now, &fresh)
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
	return tenants_find(t, id) != NULL;
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
