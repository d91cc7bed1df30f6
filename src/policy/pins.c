#include "policy/pins.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdatomic.h>
#include <sys/mman.h>

enum { PLACES = 16, BUCKETS = PINS_MOST / PLACES };

struct place {
	uint64_t id[2];
	uint64_t key, account; /* account 0: free */
	uint64_t made;         /* seconds since 1970 */
};

struct bucket {
	atomic_flag lock;
	struct place places[PLACES];
};

struct pins {
	struct bucket *buckets; /* mapped: pages without a pin cost nothing */
};

struct pins *pins_new(void)
{
	struct pins *p = new_of(struct pins);

	p->buckets = mmap(NULL, BUCKETS * sizeof(struct bucket), PROT_READ | PROT_WRITE,
	                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert(p->buckets != MAP_FAILED);
	return p;
}

void pins_free(struct pins **pp)
{
	struct pins *p = move(*pp);

	if (!p)
		return;
	munmap(p->buckets, BUCKETS * sizeof(struct bucket));
	free(p);
}

/* Nobody sleeps with it in hand. */
static struct bucket *lock_bucket(struct pins *p, const uint64_t id[2])
{
	struct bucket *b = &p->buckets[id[0] % BUCKETS];

	while (atomic_flag_test_and_set_explicit(&b->lock, memory_order_acquire))
		;
	return b;
}

static void unlock_bucket(struct bucket *b)
{
	atomic_flag_clear_explicit(&b->lock, memory_order_release);
}

static struct place *find(struct bucket *b, const uint64_t id[2])
{
	for (int i = 0; i < PLACES; i++) {
		struct place *at = &b->places[i];

		if (at->account && at->id[0] == id[0] && at->id[1] == id[1])
			return at;
	}
	return NULL;
}

/* A free place, or that of the oldest. */
static struct place *make_room(struct bucket *b)
{
	struct place *oldest = &b->places[0];

	for (int i = 0; i < PLACES; i++) {
		struct place *at = &b->places[i];

		if (!at->account)
			return at;
		if (at->made < oldest->made)
			oldest = at;
	}
	return oldest;
}

void pins_put(struct pins *p, const struct pin_row *row)
{
	uint64_t made = (uint64_t)max_of(row->made_wall, (usec)0) / USEC_SEC, id[2];

	if (!p)
		return;
	memcpy(id, row->id, sizeof(id));
	struct bucket *b = lock_bucket(p, id);
	struct place *at = find(b, id);
	if (row->is_gone) {
		if (at)
			*at = (struct place){ 0 };
	} else {
		if (!at)
			at = make_room(b);
		/* What the ledger brings may be older than all that is here. */
		if (!at->account || at->made <= made)
			*at = (struct place){ .id = { id[0], id[1] },
				              .key = row->key,
				              .account = row->account,
				              .made = made };
	}
	unlock_bucket(b);
}

bool pins_find(struct pins *p, const uint8_t raw[PIN_ID], usec wall_now, struct pin *ret)
{
	uint64_t id[2];
	bool found = false;

	if (!p)
		return false;
	memcpy(id, raw, sizeof(id));
	struct bucket *b = lock_bucket(p, id);
	const struct place *at = find(b, id);
	if (at && (usec)at->made * USEC_SEC + PINS_KEPT > wall_now) {
		*ret = (struct pin){ .key = at->key,
			             .account = at->account,
			             .made_wall = (usec)at->made * USEC_SEC };
		found = true;
	}
	unlock_bucket(b);
	return found;
}
