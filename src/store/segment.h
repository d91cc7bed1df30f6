/* segment.h - one file of a journal: its layout, and its way from zeros to zeros.
 *
 *	created --> ready --> written --> read --> retired --> recycled --> ready ...
 *
 * A file has a name only when it is whole, and a recycled one takes its new name only
 * after its content was reset, so a crash at any instruction leaves a segment whose
 * records are all in the ledger already, or an empty one.  The CRC of every record begins
 * with the sequence number: what stood in the segment in an earlier life can never pass
 * for a record of this one, whatever order the disk wrote the pages in.
 *
 * Private to store/journal.c, which decides what happens when. */
#pragma once
#include "store/journal.h"

#include <stdatomic.h>

enum {
	SEGMENT_HEADER = 64, /* where the first commit word stands */
	SEGMENT_WORD = 8,    /* a commit word: length, CRC << 32 */
	SEGMENT_KIND = 4,
	/* Behind the last record there is always room for a commit word: zero or the end.
	 */
	SEGMENT_ROOM = JOURNAL_SEGMENT - SEGMENT_HEADER - SEGMENT_WORD,
};
#define SEGMENT_END 0xffffffffu

struct segment_place {
	char *dir; /* NULL: in memory */
	unsigned worker;
};

struct segment {
	struct segment *next;
	unsigned char *base;
	uint64_t sequence;
	uint64_t name; /* the number in the file's name; a crash may leave an older one */
	uint32_t seed; /* the CRC of the sequence number */
	uint64_t order; /* how many were handed to the writer before */
	bool leftover;  /* of an earlier process: nobody writes here */
	bool bad;
};

/* All 0 or -errno. */
int segment_create(const struct segment_place *place, uint64_t sequence,
                   struct segment **ret);
/* -ENODATA: it holds nothing, and is removed; -EBADMSG: set aside. */
int segment_load(const struct segment_place *place, uint64_t name, struct segment **ret);
int segment_recycle(const struct segment_place *place, struct segment *s,
                    uint64_t sequence);
/* Unmaps and frees, the file stays. */
void segment_free(struct segment **s);
/* The same, and removes the file, or renames it to NAME.bad. */
void segment_remove(const struct segment_place *place, struct segment **s);
void segment_set_aside(const struct segment_place *place, struct segment **s);
/* Takes the names in place->dir apart. */
bool segment_parse_name(const char *name, unsigned *ret_worker, uint64_t *ret_sequence,
                        str *ret_suffix);
void segment_unlink(const struct segment_place *place, uint64_t name, const char *suffix);

static inline _Atomic uint64_t *segment_word(const struct segment *s, size_t at)
{
	return (_Atomic uint64_t *)(void *)(s->base + at);
}

/* What it holds is forgotten; only when the ledger has it. */
static inline void segment_reset(struct segment *s)
{
	atomic_store_explicit(segment_word(s, SEGMENT_HEADER), 0, memory_order_release);
}
/* The same, and not a byte of it stays. */
void segment_wipe(struct segment *s);
