/* open_table.c - see open_table.h.  Linear probing; a removal closes the gap behind it,
 * so there are no tombstones and a search ends at the first free slot. */
#include "meter/open_table.h"

#include "base/mem.h"

enum { SIZE_LEAST = 64, SIZE_MOST = 128 * KiB }; /* slots; half of them are used */

static uint32_t home_of(const struct open_table *t, uint64_t id)
{
	return (uint32_t)(id * 0x9e3779b97f4a7c15u >> 32) & (t->size - 1);
}

static uint32_t slot_of(const struct open_table *t, uint64_t id)
{
	uint32_t at = home_of(t, id);

	while (t->slots[at].id && t->slots[at].id != id)
		at = (at + 1) & (t->size - 1);
	return at;
}

static void resize(struct open_table *t, uint32_t size)
{
	struct open_table old = *t;

	t->slots = mem_new(size * sizeof(*t->slots));
	t->size = size;
	for (uint32_t i = 0; i < old.size; i++) {
		if (old.slots[i].id)
			t->slots[slot_of(t, old.slots[i].id)] = old.slots[i];
	}
	free(old.slots);
}

bool open_table_put(struct open_table *t, uint64_t id, str payload)
{
	if (t->count * 2 >= t->size) {
		if (t->size == SIZE_MOST)
			return false;
		resize(t, t->size ? t->size * 2 : SIZE_LEAST);
	}
	struct open_entry *e = &t->slots[slot_of(t, id)];
	if (e->id || !id)
		return false;
	*e = (struct open_entry){ .id = id,
		                  .bytes = payload.ptr,
		                  .len = (uint32_t)payload.len };
	t->count++;
	return true;
}

struct open_entry *open_table_find(const struct open_table *t, uint64_t id)
{
	if (!t->size || !id)
		return NULL;
	struct open_entry *e = &t->slots[slot_of(t, id)];
	return e->id ? e : NULL;
}

bool open_table_take(struct open_table *t, uint64_t id, struct open_entry *ret)
{
	struct open_entry *e = open_table_find(t, id);

	if (!e)
		return false;
	*ret = *e;
	t->count--;
	uint32_t gap = (uint32_t)(e - t->slots), mask = t->size - 1;
	for (uint32_t at = (gap + 1) & mask; t->slots[at].id; at = (at + 1) & mask) {
		uint32_t home = home_of(t, t->slots[at].id);

		/* May it stand in the gap? Not if its home lies between. */
		if (((at - home) & mask) >= ((at - gap) & mask)) {
			t->slots[gap] = t->slots[at];
			gap = at;
		}
	}
	t->slots[gap] = (struct open_entry){ .id = 0 };
	return true;
}

/* The mapping's bytes are never ours to free, the heap's are nobody else's. */
void open_entry_done(struct open_entry *e)
{
	union {
		const char *in;
		char *out;
	} unconst = { .in = e->bytes };

	if (e->owned)
		free(unconst.out);
	*e = (struct open_entry){ .id = 0 };
}

void open_entry_own(struct open_entry *e)
{
	if (e->owned)
		return;
	e->bytes = mem_copy_z(str_of(e->bytes, e->len));
	e->owned = true;
}

void open_table_clear(struct open_table *t)
{
	for (uint32_t i = 0; i < t->size; i++)
		open_entry_done(&t->slots[i]);
	free(t->slots);
	*t = (struct open_table){ .size = 0 };
}

void open_table_shrink(struct open_table *t)
{
	if (t->count == 0)
		open_table_clear(t);
	else if (t->size > SIZE_LEAST && t->count * 8 < t->size)
		resize(t, t->size / 4 > SIZE_LEAST ? t->size / 4 : SIZE_LEAST);
}
