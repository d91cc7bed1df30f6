/* arena.h - memory that ends together.
 *
 * An exchange's things live in its arena, one callback's things in the worker's scratch
 * arena.  Blocks of 4 KiB come from a shared free list (struct arena_pool, one per
 * worker) and go back to it; larger requests get a block of their own.  Every arena has
 * a ceiling; arena_alloc aborts beyond it, so whatever has a size from outside asks
 * arena_try first.  Unused bytes are poisoned under ASan. */
#pragma once
#include "base/buf.h"

struct arena_block;

struct arena_pool {
	struct arena_block *free; /* standard blocks, ready for use */
	unsigned count;           /* how many are in `free` */
	unsigned keep;            /* more than this many go back to malloc */
};

struct arena {
	struct arena_pool *pool; /* may be NULL: blocks come from malloc */
	size_t ceiling;          /* the most bytes to hand out; 0: 1 MiB */
	size_t used;             /* handed out so far */
	char *at, *end;          /* -- private -- the free part of the newest block */
	struct arena_block *blocks;
};

void arena_pool_done(struct arena_pool *p);
/* A block by itself, of ARENA_BLOCK bytes that nobody has cleared; given back to the pool
 * it came from. */
enum { ARENA_BLOCK = 4 * KiB };
void *arena_pool_take(struct arena_pool *p);
void arena_pool_give(struct arena_pool *p, void *block);

/* Gives everything back; the arena is ready for use again. */
void arena_done(struct arena *a);
/* The same after overwriting all it has handed out: there were secrets in it. */
void arena_wipe(struct arena *a);
/* Uninitialised, aligned for any object; never NULL: beyond the ceiling it aborts. */
void *arena_alloc(struct arena *a, size_t size)
        __attribute__((malloc, returns_nonnull, alloc_size(2)));
/* The same, NULL beyond the ceiling. */
void *arena_try(struct arena *a, size_t size) __attribute__((malloc));
void *arena_zero(struct arena *a, size_t size)
        __attribute__((malloc, returns_nonnull, alloc_size(2)));
str arena_copy(struct arena *a, str s);
/* A copy of what may be long: in the arena as long as it is short and there is room, else
 * in *otherwise, for free(), at first NULL.  What *otherwise had is gone. */
enum { ARENA_SHORT = 2 * KiB };
str arena_keep(struct arena *a, str s, char **otherwise);
/* A NUL-terminated copy, for a library's door. */
const char *str_z(struct arena *a, str s) __attribute__((returns_nonnull));
str arena_printf(struct arena *a, const char *fmt, ...) printf_like(2, 3);

#define arena_new(arena, type) ((type *)arena_zero((arena), sizeof(type)))
#define arena_array(arena, type, n) ((type *)arena_zero((arena), (n) * sizeof(type)))
