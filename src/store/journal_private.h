/* journal_private.h - the inside of a journal; for journal.c, which says how it works,
 * and journal_open.c. */
#pragma once
#include "store/journal.h"
#include "store/segment.h"

enum { JOURNAL_RING = 64 };

/* What one thread writes shares no cache line with what the other does. */
struct journal { /* NOLINT(clang-analyzer-optin.performance.Padding) */
	/* the writer's */
	struct segment *writing;
	size_t at;            /* of the next commit word in it */
	_Atomic usec last_id; /* others look at it now and then */
	unsigned worker;
	void (*nudge)(void *);
	void *nudge_arg;
	/* written by the writer */
	_Alignas(64) _Atomic uint64_t taken;
	_Atomic uint64_t promised;
	_Atomic uint64_t refused;
	/* written by the recorder */
	_Alignas(64) _Atomic uint64_t given;
	struct segment *ring[JOURNAL_RING];
	/* the recorder's */
	_Alignas(64) struct segment_place place;
	struct segment *first, *last; /* the chain: not retired yet, by sequence */
	struct segment *reading;
	size_t read_at;
	struct segment *retired_in; /* how far journal_retire came */
	size_t retired_at;
	struct segment *retired, **retired_end; /* to be recycled, oldest first */
	unsigned retired_count;
	unsigned count;        /* segments in all */
	unsigned ahead;        /* free ones, at least */
	uint64_t taken_before; /* when segments were last prepared */
	unsigned pace;         /* sixteenths of a segment, see `pace_of` */
	unsigned bad;
	uint64_t next_sequence;
	uint64_t limit;
};

/* Is that what stands behind the last record of a segment? */
static inline bool journal_is_end(const struct segment *s, uint64_t word)
{
	return word == ((uint64_t)s->seed << 32 | SEGMENT_END);
}
