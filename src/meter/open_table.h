/* open_table.h - attempts that are open: what their OPEN records said, until they close.
 *
 * An open-addressed table by id.  An entry's bytes are the record's payload: first in the
 * journal's mapping, copied only when the attempt outlives its batch.  It is bounded; an
 * attempt that finds no place is looked up in the ledger when it closes. */
#pragma once
#include "base/str.h"

struct open_entry {
	uint64_t id; /* 0: free */
	const char *bytes;
	uint32_t len;
	bool owned;     /* bytes are on the heap, else in the mapping */
	bool in_ledger; /* has an open row */
};

struct open_table {
	struct open_entry *slots;
	uint32_t size; /* a power of two, or 0 */
	uint32_t count;
};

/* False: full, or known already. */
bool open_table_put(struct open_table *t, uint64_t id, str payload);
struct open_entry *open_table_find(const struct open_table *t, uint64_t id);
/* Removes the entry; its bytes are the caller's now, see `owned`. */
bool open_table_take(struct open_table *t, uint64_t id, struct open_entry *ret);
/* Copies the bytes out of the mapping. */
void open_entry_own(struct open_entry *e);
/* Frees bytes that are on the heap; for one that was taken. */
void open_entry_done(struct open_entry *e);
/* Forgets all. */
void open_table_clear(struct open_table *t);
/* Gives memory back when few are open. */
void open_table_shrink(struct open_table *t);
