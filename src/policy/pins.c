#include "policy/pins.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdatomic.h>
#include <sys/mman.h>

enum { PLACES = 16, BUCKETS = PINS_MOST / PLACES };

struct place {
	uint64_t id[2];
	uint64_t key, account; /* account 0: free */
	uint32_t made;         /* seconds since 1970 */
	bool phi;
};

struct bucket {
	atomic_flag lock;
	struct place places[PLACES];
};

struct pins {
	struct bucket *buckets; /* mapped: pages without a pin cost nothing */
	atomic_bool have_phi;
};

/* Which buckets are a kind's. */
static const struct {
	unsigned first, count;
} rooms[] = {
	[PIN_RESPONSE] = { 0, BUCKETS / 15 * 4 },
	[PIN_ITEM] = { BUCKETS / 15 * 4, BUCKETS / 15 * 8 },
	[PIN_SEAL] = { BUCKETS / 15 * 12, BUCKETS / 15 },
	[PIN_KEPT] = { BUCKETS / 15 * 13, BUCKETS / 15 },
	[PIN_CONVERSATION] = { BUCKETS / 15 * 14, BUCKETS / 15 },
};

_Static_assert(countof(rooms) == PIN_KINDS, "a room for each kind");
_Static_assert(BUCKETS % 15 == 0, "the rooms are all of it");

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
static struct bucket *lock_bucket(struct pins *p, enum pin_kind kind,
                                  const uint64_t id[2])
{
	struct bucket *b = &p->buckets[rooms[kind].first + id[0] % rooms[kind].count];

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

static unsigned count_of(const struct bucket *b, uint64_t key)
{
	unsigned count = 0;

	for (int i = 0; i < PLACES; i++)
		count += b->places[i].key == key;
	return count;
}

/* A free place, that of one which has run out, or that of the oldest among those of the
 * key that has most, `wanted` with them.  NULL: that is `wanted` itself. */
static struct place *make_room(struct bucket *b, const struct place *wanted)
{
	unsigned most = count_of(b, wanted->key) + 1;
	const struct place *goes = wanted;

	for (int i = 0; i < PLACES; i++) {
		struct place *at = &b->places[i];

		if (!at->account || at->made + PINS_KEPT / USEC_SEC <= wanted->made)
			return at;
	}
	for (int i = 0; i < PLACES; i++) {
		const struct place *at = &b->places[i];
		unsigned count = count_of(b, at->key) + (at->key == wanted->key);

		if (count > most || (count == most && at->made < goes->made) ||
		    (count == most && goes == wanted && at->made == goes->made)) {
			most = count;
			goes = at;
		}
	}
	return goes == wanted ? NULL : &b->places[goes - b->places];
}

/* False: nobody had to go for it. */
static bool put_new(struct bucket *b, const struct place *wanted, struct place *ret_gone)
{
	struct place *at = make_room(b, wanted);

	*ret_gone = at ? *at : *wanted;
	if (at)
		*at = *wanted;
	return ret_gone->account != 0;
}

bool pins_put(struct pins *p, const struct pin_row *row, struct pin_row *ret_gone)
{
	struct place place = {
		.key = row->key,
		.account = row->account,
		.made = (uint32_t)(max_of(row->made_wall, (usec)0) / USEC_SEC),
		.phi = row->phi,
	};
	struct place gone = { 0 };
	bool is_full = false;

	if (!p)
		return false;
	if (row->phi)
		atomic_store_explicit(&p->have_phi, true, memory_order_relaxed);
	memcpy(place.id, row->id, sizeof(place.id));
	struct bucket *b = lock_bucket(p, row->kind, place.id);
	struct place *at = find(b, place.id);
	if (row->is_gone) {
		if (at)
			*at = gone;
	} else if (!at) {
		is_full = put_new(b, &place, &gone);
	} else if (at->made <= place.made) {
		/* What the ledger brings may be older than what is here. */
		*at = place;
	}
	unlock_bucket(b);
	if (is_full) {
		*ret_gone = (struct pin_row){ .kind = row->kind, .is_gone = true };
		memcpy(ret_gone->id, gone.id, PIN_ID);
	}
	return is_full;
}

bool pins_have_phi(const struct pins *p)
{
	return p && atomic_load_explicit(&p->have_phi, memory_order_relaxed);
}

bool pins_find(struct pins *p, enum pin_kind kind, const uint8_t raw[PIN_ID],
               usec wall_now, struct pin *ret)
{
	uint64_t id[2];
	bool found = false;

	if (!p)
		return false;
	memcpy(id, raw, sizeof(id));
	struct bucket *b = lock_bucket(p, kind, id);
	const struct place *at = find(b, id);
	if (at && (usec)at->made * USEC_SEC + PINS_KEPT > wall_now) {
		*ret = (struct pin){ .key = at->key,
			             .account = at->account,
			             .made_wall = (usec)at->made * USEC_SEC,
			             .phi = at->phi };
		found = true;
	}
	unlock_bucket(b);
	return found;
}
