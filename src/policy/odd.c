#include "policy/odd.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdatomic.h>

struct entry {
	uint64_t count; /* 0: free */
	usec first, last;
	uint8_t len;
	char name[ODD_NAME];
};

struct place {
	atomic_flag lock;
	_Atomic bool has_news;
	struct entry all;
	struct entry names[ODD_NAMES];
	uint8_t len;
	char provider[ODD_PROVIDER];
};

struct odd {
	atomic_flag adding;
	_Atomic unsigned count; /* places in use; a name never changes and never goes */
	struct place places[ODD_PROVIDERS];
};

struct odd *odd_new(void)
{
	return new_of(struct odd);
}

void odd_free(struct odd **po)
{
	free(*po);
	*po = NULL;
}

/* Nobody sleeps with one in hand. */
static void take(atomic_flag *lock)
{
	while (atomic_flag_test_and_set_explicit(lock, memory_order_acquire))
		;
}

static void give(atomic_flag *lock)
{
	atomic_flag_clear_explicit(lock, memory_order_release);
}

/* ---- places ---- */

static struct place *find(struct odd *o, str provider)
{
	unsigned count = atomic_load_explicit(&o->count, memory_order_acquire);

	for (unsigned i = 0; i < count; i++) {
		if (str_eq(str_of(o->places[i].provider, o->places[i].len), provider))
			return &o->places[i];
	}
	return NULL;
}

/* NULL: there are more providers than places. */
static struct place *get_place(struct odd *o, str provider)
{
	struct place *p;
	unsigned count;

	provider = str_first(provider, sizeof(p->provider));
	p = find(o, provider);
	if (p || !provider.len)
		return p;
	take(&o->adding);
	p = find(o, provider);
	count = atomic_load(&o->count);
	if (!p && count < ODD_PROVIDERS) {
		p = &o->places[count];
		memcpy(p->provider, provider.ptr, provider.len);
		p->len = (uint8_t)provider.len;
		atomic_store_explicit(&o->count, count + 1, memory_order_release);
	}
	give(&o->adding);
	return p;
}

/* ---- entries ---- */

static void set_name(struct entry *e, str name)
{
	*e = (struct entry){ .len = (uint8_t)name.len };
	if (name.len)
		memcpy(e->name, name.ptr, name.len);
}

/* The one of that name, else the one that was not seen for longest, renamed. */
static struct entry *get_entry(struct place *p, str name)
{
	struct entry *oldest = &p->names[0];

	if (!name.len)
		return &p->all;
	for (int i = 0; i < ODD_NAMES; i++) {
		struct entry *e = &p->names[i];

		if (e->count && str_eq(str_of(e->name, e->len), name))
			return e;
		if (e->last < oldest->last)
			oldest = e;
	}
	set_name(oldest, name);
	return oldest;
}

static void add(struct entry *e, uint64_t count, usec first, usec last)
{
	if (e->count == 0 || first < e->first)
		e->first = first;
	e->last = max_of(e->last, last);
	e->count += count;
}

/* What goes to a terminal and to people: nothing that is not a plain letter. */
static str clean(str name, char room[ODD_NAME])
{
	name = str_first(name, ODD_NAME);
	for (size_t i = 0; i < name.len; i++)
		room[i] = name.ptr[i] > ' ' && name.ptr[i] <= '~' ? name.ptr[i] : '?';
	return str_of(room, name.len);
}

void odd_note(struct odd *o, str provider, str name, uint64_t count, usec wall)
{
	struct place *p = o ? get_place(o, provider) : NULL;
	char room[ODD_NAME];

	if (!p || !count)
		return;
	take(&p->lock);
	add(get_entry(p, clean(name, room)), count, wall, wall);
	give(&p->lock);
	atomic_store(&p->has_news, true);
}

void odd_load(struct odd *o, const struct odd_row *row)
{
	struct place *p = get_place(o, row->provider);
	char room[ODD_NAME];

	if (!p || !row->count)
		return;
	take(&p->lock);
	add(get_entry(p, clean(row->name, room)), row->count, row->first_wall,
	    row->last_wall);
	give(&p->lock);
}

/* ---- for the ledger ---- */

static void copy(struct odd_rows *to, const struct entry *e)
{
	char *name = to->names[to->count];

	if (e->count == 0)
		return;
	memcpy(name, e->name, e->len);
	to->rows[to->count++] = (struct odd_row){ .name = str_of(name, e->len),
		                                  .count = e->count,
		                                  .first_wall = e->first,
		                                  .last_wall = e->last };
}

bool odd_next_news(struct odd *o, unsigned *at, struct odd_rows *ret)
{
	while (*at < atomic_load_explicit(&o->count, memory_order_acquire)) {
		struct place *p = &o->places[(*at)++];

		if (!atomic_exchange(&p->has_news, false))
			continue;
		ret->count = 0;
		memcpy(ret->provider, p->provider, p->len);
		take(&p->lock);
		copy(ret, &p->all);
		for (int i = 0; i < ODD_NAMES; i++)
			copy(ret, &p->names[i]);
		give(&p->lock);
		for (unsigned i = 0; i < ret->count; i++)
			ret->rows[i].provider = str_of(ret->provider, p->len);
		return true;
	}
	return false;
}

void odd_again(struct odd *o, unsigned at)
{
	assert(at > 0 && at <= ODD_PROVIDERS);
	atomic_store(&o->places[at - 1].has_news, true);
}
