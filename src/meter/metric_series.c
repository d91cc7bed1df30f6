/* metric_series.c - see metric_series.h.  Both tables are open-addressed, twice as large
 * as what they hold, and nothing is ever taken out. */
#include "meter/metric_series.h"

#include "base/mem.h"
#include "codec/utf8.h"

enum {
	FIRST_ROOM = 32,
	CLOSED_MOST = 2 * KiB, /* series of which all open labels are `other` */
};

/* ---- names ---- */

/* Names come from us and our configuration: no need of a secret. */
static uint64_t mix(uint64_t hash, uint64_t piece)
{
	unsigned __int128 product =
	        (unsigned __int128)(hash ^ piece ^ 0x9e3779b97f4a7c15) *
	        0xd1b54a32d192ed03;

	return (uint64_t)(product >> 64) ^ (uint64_t)product;
}

uint64_t names_hash(str s)
{
	uint64_t hash = s.len, piece;

	for (; s.len >= sizeof(piece); s = str_from(s, sizeof(piece))) {
		memcpy(&piece, s.ptr, sizeof(piece));
		hash = mix(hash, piece);
	}
	piece = 0;
	if (s.len)
		memcpy(&piece, s.ptr, s.len);
	return mix(hash, piece);
}

/* Where the text stands in slots, or would. */
static uint16_t *name_slot(const struct metric_names *n, str text)
{
	unsigned mask = 2 * n->room - 1, at = (unsigned)names_hash(text) & mask;

	while (n->slots[at] && !str_eq(n->list[n->slots[at]], text))
		at = (at + 1) & mask;
	return &n->slots[at];
}

static void names_grow(struct metric_names *n)
{
	n->room = n->room ? 2 * n->room : FIRST_ROOM;
	n->list = mem_resize(n->list, n->room * sizeof(*n->list));
	free(n->slots);
	n->slots = mem_new(2 * n->room * sizeof(*n->slots));
	if (!n->count)
		n->list[n->count++] = STR("other"); /* in no slot */
	for (unsigned i = 1; i < n->count; i++)
		*name_slot(n, n->list[i]) = (uint16_t)i;
}

/* Two texts must not look the same once the page has mended them. */
static bool is_utf8(str s)
{
	const char *end = s.ptr + s.len;

	while (s.len > 0) {
		size_t n = utf8_length(s.ptr, end);

		if (n == 0)
			return false;
		s = str_from(s, n);
	}
	return true;
}

uint16_t names_find(const struct metric_names *n, str text)
{
	return n->room ? *name_slot(n, text) : NAME_OTHER;
}

uint16_t names_put(struct metric_names *n, str text)
{
	uint16_t *slot;

	if (!n->room)
		names_grow(n);
	slot = name_slot(n, text);
	if (likely(*slot))
		return *slot;
	n->refused += n->count >= NAMES_MOST;
	if (n->count >= NAMES_MOST || text.len > NAME_LONGEST || !is_utf8(text) ||
	    str_eq(text, n->list[NAME_OTHER]))
		return NAME_OTHER;
	if (n->count == n->room) {
		names_grow(n);
		slot = name_slot(n, text);
	}
	n->list[n->count] = str_of(mem_copy_z(text), text.len);
	*slot = (uint16_t)n->count++;
	return *slot;
}

void names_done(struct metric_names *n)
{
	for (unsigned i = 1; i < n->count; i++) {
		union {
			const char *in;
			void *out;
		} unconst = { .in = n->list[i].ptr };

		free(unconst.out);
	}
	free(n->list);
	free(n->slots);
	*n = (struct metric_names){ 0 };
}

/* ---- series ---- */

void table_init(struct metric_table *t, const struct metric_row *row, unsigned most)
{
	*t = (struct metric_table){ .most = min_of(most, (unsigned)SERIES_MOST) };
	if (!row)
		return;
	t->is_histogram = row->kind == METRIC_HISTOGRAM;
	for (unsigned i = 0; i < row->label_count; i++)
		t->open_mask |= row->is_closed[i] ? 0 : (uint64_t)0xffff << 16 * i;
}

static uint16_t *slot_of(const struct metric_table *t, uint64_t key)
{
	unsigned mask = t->slot_count - 1, at = (unsigned)mix(0, key) & mask;

	while (t->slots[at] && t->list[t->slots[at] - 1].key != key)
		at = (at + 1) & mask;
	return &t->slots[at];
}

static void table_grow(struct metric_table *t)
{
	unsigned room = t->room ? 2 * t->room : FIRST_ROOM;

	t->list = mem_resize(t->list, room * sizeof(*t->list));
	if (t->is_histogram) {
		t->histograms = mem_resize(t->histograms, room * sizeof(*t->histograms));
		memset(t->histograms + t->room, 0,
		       (room - t->room) * sizeof(*t->histograms));
	}
	t->room = room;
	t->slot_count = 2 * room;
	free(t->slots);
	t->slots = mem_new(t->slot_count * sizeof(*t->slots));
	for (unsigned i = 0; i < t->count; i++)
		*slot_of(t, t->list[i].key) = (uint16_t)(i + 1);
}

bool table_has(const struct metric_table *t, uint64_t key)
{
	return t->room && *slot_of(t, key);
}

static unsigned table_add(struct metric_table *t, uint64_t key)
{
	if (t->count == t->room)
		table_grow(t);
	t->list[t->count] = (struct metric_series){ .key = key };
	*slot_of(t, key) = (uint16_t)(t->count + 1);
	return t->count++;
}

unsigned table_get(struct metric_table *t, uint64_t key)
{
	uint16_t at = t->room ? *slot_of(t, key) : 0;

	if (likely(at))
		return at - 1u;
	if (t->count < t->most)
		return table_add(t, key);
	t->overflowed++;
	/* With NAME_OTHER, which is 0, in place of what is open; there are few of these,
	 * but for the closed lists too there is an end. */
	key &= ~t->open_mask;
	if (!table_has(t, key) && t->count >= t->most + CLOSED_MOST)
		key = 0;
	return table_has(t, key) ? *slot_of(t, key) - 1u : table_add(t, key);
}

void table_done(struct metric_table *t)
{
	free(t->list);
	free(t->histograms);
	free(t->slots);
	*t = (struct metric_table){ 0 };
}
