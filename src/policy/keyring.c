/* keyring.c - see keyring.h.
 *
 * The words of a secret change in a rotation while others read them: they are atomics
 * under a sequence number, odd while they are being written. */
#include "policy/keyring.h"

#include "base/assert.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

enum { SLOTS = KEYRING_MOST * 2, NAME_MOST = 40, WORDS = 4 };

/* Published by storing id last. */
struct entry {
	_Atomic uint64_t id;  /* 0: free */
	struct entry *parent; /* NULL: an organisation */
	_Atomic bool revoked;
	_Atomic bool has_namesake; /* a team: another one is called the same */
	bool is_key;
	uint8_t name_len;
	_Atomic unsigned sequence; /* of the next three */
	_Atomic uint64_t mac[WORDS], previous[WORDS];
	_Atomic usec previous_until; /* wall; 0: there is no previous */
	_Atomic usec expires;        /* wall; 0: never */
	_Atomic usec used;           /* wall; 0: not yet */
	char name[NAME_MOST];
};

struct keyring {
	pthread_mutex_t writing;
	_Atomic unsigned count, keys;
	struct entry *slots;  /* mapped: pages that hold no entry cost nothing */
	struct entry **teams; /* by name, the first of each; mapped as well */
	struct entry nobody;  /* who is compared in place of an unknown one */
};

static void *map(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
	                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert(at != MAP_FAILED);
	return at;
}

struct keyring *keyring_new(void)
{
	struct keyring *k = new_of(struct keyring);

	k->slots = map(SLOTS * sizeof(*k->slots));
	k->teams = map(SLOTS * sizeof(*k->teams));
	pthread_mutex_init(&k->writing, NULL);
	return k;
}

void keyring_free(struct keyring **k)
{
	if (!*k)
		return;
	munmap((*k)->slots, SLOTS * sizeof(*(*k)->slots));
	munmap((*k)->teams, SLOTS * sizeof(*(*k)->teams));
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

		/* Both at once, also for a compiler that would rather ask one after the
		 * other: who is known must not be found sooner. */
		unsigned is_here = (there == id) | (there == 0);

		__asm__("" : "+r"(is_here));
		if (is_here)
			return &k->slots[at];
		at = (at + 1) % SLOTS;
	}
}

static bool is_of(const struct entry *e, uint64_t id)
{
	return id != 0 && atomic_load_explicit(&e->id, memory_order_acquire) == id;
}

static struct entry *find(const struct keyring *k, uint64_t id)
{
	struct entry *e = place_of(k, id);

	return is_of(e, id) ? e : NULL;
}

/* ---- changing ---- */

static void store_mac(_Atomic uint64_t to[WORDS], const uint8_t mac[32])
{
	for (int i = 0; i < WORDS; i++) {
		uint64_t word;

		memcpy(&word, mac + 8 * i, sizeof(word));
		atomic_store_explicit(&to[i], word, memory_order_release);
	}
}

static void change(struct entry *e, const struct tenant_row *row,
                   const struct key_secret *secret)
{
	atomic_store(&e->revoked, row->revoked_wall != 0);
	atomic_store(&e->expires, row->expires_wall);
	if (!secret)
		return;
	atomic_fetch_add(&e->sequence, 1);
	store_mac(e->mac, secret->mac);
	store_mac(e->previous, secret->previous);
	atomic_store_explicit(&e->previous_until, secret->previous_until,
	                      memory_order_release);
	atomic_fetch_add(&e->sequence, 1);
}

static str name_of(const struct entry *e)
{
	return str_of(e->name, e->name_len);
}

/* Names are unique in an organisation only. */
static void add_team(struct keyring *k, struct entry *e)
{
	size_t at = (size_t)(str_hash(name_of(e)) % SLOTS);

	while (k->teams[at] && !str_eq(name_of(k->teams[at]), name_of(e)))
		at = (at + 1) % SLOTS;
	if (k->teams[at]) {
		atomic_store(&k->teams[at]->has_namesake, true);
		atomic_store(&e->has_namesake, true);
	} else {
		k->teams[at] = e;
	}
}

static void add(struct keyring *k, struct entry *e, struct entry *parent,
                const struct tenant_row *row, const struct key_secret *secret)
{
	str name = str_first(row->name, NAME_MOST);

	e->parent = parent;
	e->is_key = secret != NULL;
	e->name_len = (uint8_t)name.len;
	if (name.len)
		memcpy(e->name, name.ptr, name.len);
	change(e, row, secret);
	if (row->kind == TENANT_TEAM)
		add_team(k, e);
	atomic_store_explicit(&e->id, row->id, memory_order_release);
	k->count++;
	k->keys += e->is_key;
}

bool keyring_put(struct keyring *k, const struct tenant_row *row,
                 const struct key_secret *secret)
{
	bool is_root = row->kind == TENANT_ORGANISATION, fits = true;

	assert(row->id != 0);
	pthread_mutex_lock(&k->writing);
	struct entry *e = place_of(k, row->id);
	struct entry *parent = is_root ? NULL : find(k, row->parent);
	if (atomic_load(&e->id) != 0)
		change(e, row, secret);
	else if (!row->revoked_wall && (is_root || parent) &&
	         (fits = keyring_has_room(k)))
		add(k, e, parent, row, secret);
	pthread_mutex_unlock(&k->writing);
	return fits;
}

bool keyring_has_room(const struct keyring *k)
{
	return atomic_load(&k->count) < KEYRING_MOST;
}

unsigned keyring_count(const struct keyring *k)
{
	return atomic_load(&k->keys);
}

/* ---- looking ---- */

static uint64_t differ(const _Atomic uint64_t a[WORDS], const uint64_t b[WORDS])
{
	uint64_t bits = 0;

	for (int i = 0; i < WORDS; i++)
		bits |= atomic_load_explicit(&a[i], memory_order_acquire) ^ b[i];
	return bits;
}

/* Without a branch on what the bytes are. */
static bool is_secret_of(const struct entry *e, const uint8_t mac[32], usec wall)
{
	uint64_t now, before, words[WORDS];
	unsigned sequence;
	usec until;

	memcpy(words, mac, sizeof(words));
	do {
		sequence = atomic_load_explicit(&e->sequence, memory_order_acquire);
		now = differ(e->mac, words);
		before = differ(e->previous, words);
		until = atomic_load_explicit(&e->previous_until, memory_order_acquire);
	} while (unlikely(
	        sequence & 1 ||
	        sequence != atomic_load_explicit(&e->sequence, memory_order_relaxed)));
	return (now == 0) | ((before == 0) & (wall < until));
}

/* NULL: it may be used, and so may all above it. */
static fault_t check_chain(const struct entry *e, usec wall)
{
	fault_t why = NULL;

	for (; e; e = e->parent) {
		usec expires = atomic_load_explicit(&e->expires, memory_order_relaxed);

		if (atomic_load_explicit(&e->revoked, memory_order_relaxed))
			return FAULT_BAD_KEY;
		if (expires && expires <= wall)
			why = FAULT_KEY_EXPIRED;
	}
	return why;
}

/* Once a second: the line it stands on is everybody's. */
static void note_use(struct entry *e, usec wall)
{
	if (wall - atomic_load_explicit(&e->used, memory_order_relaxed) >= USEC_SEC)
		atomic_store_explicit(&e->used, wall, memory_order_relaxed);
}

fault_t keyring_check(struct keyring *k, uint64_t id, const uint8_t mac[32], usec wall)
{
	struct entry *e = place_of(k, id);
	bool is_known =
	        (atomic_load_explicit(&e->id, memory_order_acquire) == id) & (id != 0);
	/* For an unknown key the comparison is made all the same. A free entry's mac is
	 * not looked at: it may be on its way in. */
	const struct entry *const either[] = { &k->nobody, e };
	bool is_right = is_secret_of(either[is_known], mac, wall) & is_known;

	/* One question: a compiler would ask for is_known alone, and first. */
	__asm__("" : "+r"(is_right));
	if (!is_right || !e->is_key)
		return FAULT_BAD_KEY;
	fault_t why = check_chain(e, wall);
	if (!why)
		note_use(e, wall);
	return why;
}

fault_t keyring_look(const struct keyring *k, uint64_t id, usec wall)
{
	const struct entry *e = find(k, id);

	return e ? check_chain(e, wall) : FAULT_BAD_KEY;
}

usec keyring_used(const struct keyring *k, uint64_t id)
{
	const struct entry *e = find(k, id);

	return e ? atomic_load_explicit(&e->used, memory_order_relaxed) : 0;
}

str keyring_name(const struct keyring *k, uint64_t id)
{
	const struct entry *e = find(k, id);

	return e ? name_of(e) : STR_NONE;
}

bool keyring_has_namesake(const struct keyring *k, uint64_t id)
{
	const struct entry *e = find(k, id);

	return e && atomic_load(&e->has_namesake);
}
