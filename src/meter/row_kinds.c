/* row_kinds.c - see row_kinds.h.  A kind is the bytes that its rows have in common. */
#include "meter/row_kinds.h"

#include "base/mem.h"
#include "codec/crc32c.h"
#include "meter/record.h"

enum { KINDS = 64, BYTES_MOST = 512 };

struct kind {
	uint64_t number; /* 0: free */
	size_t size;
	char bytes[BYTES_MOST];
};

struct row_kinds {
	uint64_t last_number;
	const struct kind *last; /* of the row before; NULL: there was none */
	struct kind slots[KINDS];
};

struct row_kinds *row_kinds_new(void)
{
	return new_of(struct row_kinds);
}

void row_kinds_free(struct row_kinds **k)
{
	free(*k);
	*k = NULL;
}

static bool is_same(const struct kind *kind, const str pieces[RECORD_PIECES], size_t size)
{
	const char *at = kind->bytes;

	if (kind->size != size)
		return false;
	for (int i = 0; i < RECORD_PIECES; i++) {
		if (memcmp(at, pieces[i].ptr, pieces[i].len) != 0)
			return false;
		at += pieces[i].len;
	}
	return true;
}

static const struct kind *find(struct row_kinds *k, const str pieces[RECORD_PIECES],
                               size_t size)
{
	uint32_t hash = 0;
	size_t len = 0;

	for (int i = 0; i < RECORD_PIECES; i++)
		hash = crc32c(hash, pieces[i]);
	struct kind *kind = &k->slots[hash % KINDS];
	if (is_same(kind, pieces, size))
		return kind;
	for (int i = 0; i < RECORD_PIECES; i++) {
		memcpy(kind->bytes + len, pieces[i].ptr, pieces[i].len);
		len += pieces[i].len;
	}
	kind->size = len;
	kind->number = ++k->last_number;
	return kind;
}

uint64_t row_kind(struct row_kinds *k, str open, str close)
{
	str pieces[RECORD_PIECES];
	size_t size = 0;

	if (!record_pieces(open, close, pieces))
		return 0;
	for (int i = 0; i < RECORD_PIECES; i++)
		size += pieces[i].len;
	if (size > BYTES_MOST)
		return 0;
	if (!k->last || !is_same(k->last, pieces, size))
		k->last = find(k, pieces, size);
	return k->last->number;
}
