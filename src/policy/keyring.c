#include "policy/keyring.h"

#include "base/assert.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

enum { SLOTS = KEYRING_MOST * 2, NAME_MOST = 46 };

/* 96 bytes; published by storing id last. */
struct entry {
	_Atomic uint64_t id; /* 0: free */
	_Atomic bool active;
	uint8_t name_len;
	uint8_t mac[32];
	char name[NAME_MOST];
};

struct keyring {
	pthread_mutex_t writing;
	_Atomic unsigned count;
	struct entry *slots; /* mapped: pages that hold no key cost nothing */
};

struct keyring *keyring_new(void)
{
	struct keyring *k = new_of(struct keyring);

	k->slots = mmap(NULL, SLOTS * sizeof(struct entry), PROT_READ | PROT_WRITE,
	                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert(k->slots != MAP_FAILED);
	pthread_mutex_init(&k->writing, NULL);
	return k;
}

void keyring_free(struct keyring **k)
{
	if (!*k)
		return;
	munmap((*k)->slots, SLOTS * sizeof(struct entry));
	pthread_mutex_destroy(&(*k)->writing);
	free(*k);
	*k = NULL;
}

/* The entry of that id, or the free one where it would go. Ids are random, so they are
 * their own hash; the table is at most half full. */
static struct entry *place_of(const struct keyring *k, uint64_t id)
{
	size_t at = (size_t)(id % SLOTS);

	for (;;) {
		uint64_t there =
		        atomic_load_explicit(&k->slots[at].id, memory_order_acquire);

		if (there == id || there == 0)
			return &k->slots[at];
		at = (at + 1) % SLOTS;
	}
}

bool keyring_put(struct keyring *k, const struct key_row *key)
{
	str name = str_first(key->name, NAME_MOST);
	bool fits = true;

	assert(key->id != 0);
	pthread_mutex_lock(&k->writing);
	struct entry *e = place_of(k, key->id);
	if (atomic_load(&e->id) == 0) {
		fits = k->count < KEYRING_MOST;
		if (fits) {
			memcpy(e->mac, key->mac, sizeof(e->mac));
			if (name.len)
				memcpy(e->name, name.ptr, name.len);
			e->name_len = (uint8_t)name.len;
			atomic_store(&e->active, key->revoked_wall == 0);
			atomic_store_explicit(&e->id, key->id, memory_order_release);
			k->count++;
		}
	} else if (key->revoked_wall) {
		atomic_store(&e->active, false);
	}
	pthread_mutex_unlock(&k->writing);
	return fits;
}

void keyring_revoke(struct keyring *k, uint64_t id)
{
	struct entry *e = place_of(k, id);

	if (atomic_load(&e->id) == id)
		atomic_store(&e->active, false);
}

unsigned keyring_count(const struct keyring *k)
{
	return atomic_load(&k->count);
}

bool keyring_check(const struct keyring *k, uint64_t id, const uint8_t mac[32])
{
	/* For an unknown key the comparison is made all the same. A free entry's mac is
	 * not looked at: it may be on its way in. */
	static const uint8_t nobody[32];
	const struct entry *e = place_of(k, id);
	bool known = atomic_load(&e->id) == id && id != 0;
	bool same = str_eq_secret(str_of((const char *)(known ? e->mac : nobody), 32),
	                          str_of((const char *)mac, 32));

	return same & known & atomic_load(&e->active);
}

bool keyring_is_active(const struct keyring *k, uint64_t id)
{
	const struct entry *e = place_of(k, id);

	return id != 0 && atomic_load(&e->id) == id && atomic_load(&e->active);
}

str keyring_name(const struct keyring *k, uint64_t id)
{
	const struct entry *e = place_of(k, id);

	if (id == 0 || atomic_load(&e->id) != id)
		return STR_NONE;
	return str_of(e->name, e->name_len);
}
