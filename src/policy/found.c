#include "policy/found.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdatomic.h>

enum { SLOTS = 2 * FOUND_MOST };

struct entry {
	str provider, id;
	char text[];
};

struct found {
	pthread_mutex_t lock; /* of who adds */
	struct entry *_Atomic slots[SLOTS];
	struct entry *_Atomic list[FOUND_MOST];
	_Atomic unsigned count;
};

struct found *found_new(void)
{
	struct found *f = new_of(struct found);

	pthread_mutex_init(&f->lock, NULL);
	return f;
}

void found_free(struct found **pf)
{
	struct found *f = move(*pf);

	if (!f)
		return;
	for (unsigned i = 0; i < atomic_load(&f->count); i++)
		free(atomic_load(&f->list[i]));
	pthread_mutex_destroy(&f->lock);
	free(f);
}

/* Its slot, or the free one where it would stand: half of them always are. */
static unsigned find(const struct found *f, str provider, str id)
{
	unsigned at = (unsigned)((str_hash(provider) * 31 + str_hash(id)) % SLOTS);
	const struct entry *e;

	while ((e = atomic_load_explicit(&f->slots[at], memory_order_acquire)) &&
	       !(str_eq(e->id, id) && str_eq(e->provider, provider)))
		at = (at + 1) % SLOTS;
	return at;
}

bool found_has(const struct found *f, str provider, str id)
{
	return f && atomic_load(&f->slots[find(f, provider, id)]);
}

static struct entry *entry_new(str provider, str id)
{
	struct entry *e = mem_new(sizeof(struct entry) + provider.len + id.len);

	memcpy(e->text, provider.ptr, provider.len);
	memcpy(e->text + provider.len, id.ptr, id.len);
	e->provider = str_of(e->text, provider.len);
	e->id = str_of(e->text + provider.len, id.len);
	return e;
}

/* Is there room for another of that provider? */
static bool has_room(const struct found *f, unsigned count, str provider)
{
	unsigned its = 0;

	for (unsigned i = 0; i < count; i++)
		its += str_eq(atomic_load(&f->list[i])->provider, provider);
	return count < FOUND_MOST && its < FOUND_SHARE;
}

enum found_added found_add(struct found *f, str provider, str id)
{
	enum found_added added = FOUND_OLD;
	unsigned at, count;

	if (provider.len == 0 || id.len == 0)
		return FOUND_OLD;
	pthread_mutex_lock(&f->lock);
	at = find(f, provider, id);
	count = atomic_load(&f->count);
	if (!atomic_load(&f->slots[at]))
		added = has_room(f, count, provider) ? FOUND_NEW : FOUND_FULL;
	if (added == FOUND_NEW) {
		struct entry *e = entry_new(provider, id);

		atomic_store(&f->list[count], e);
		atomic_store_explicit(&f->slots[at], e, memory_order_release);
		atomic_store(&f->count, count + 1);
	}
	pthread_mutex_unlock(&f->lock);
	return added;
}

bool found_next(const struct found *f, unsigned *at, str *ret_provider, str *ret_id)
{
	const struct entry *e;

	if (!f || *at >= atomic_load(&f->count))
		return false;
	e = atomic_load(&f->list[(*at)++]);
	*ret_provider = e->provider;
	*ret_id = e->id;
	return true;
}
