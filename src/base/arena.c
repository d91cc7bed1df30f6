#include "base/arena.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif
#ifdef HAS_ASAN
#include <sanitizer/asan_interface.h>
#define poison(ptr, size) __asan_poison_memory_region(ptr, size)
#define unpoison(ptr, size) __asan_unpoison_memory_region(ptr, size)
#else
#define poison(ptr, size) ((void)(ptr), (void)(size))
#define unpoison(ptr, size) ((void)(ptr), (void)(size))
#endif

enum { STANDARD = ARENA_BLOCK, ALIGN = 16 };

struct arena_block {
	struct arena_block *next;
	size_t size; /* of `bytes` */
	_Alignas(ALIGN) char bytes[];
};

static struct arena_block *block_get(struct arena_pool *pool, size_t size)
{
	struct arena_block *b;

	if (pool && pool->free && size == STANDARD) {
		b = pool->free;
		pool->free = b->next;
		pool->count--;
		return b;
	}
	b = malloc(sizeof(*b) + size);
	assert(b);
	b->size = size;
	return b;
}

static void block_return(struct arena_pool *pool, struct arena_block *b)
{
	unpoison(b->bytes, b->size);
	if (pool && b->size == STANDARD && pool->count < pool->keep) {
		b->next = pool->free;
		pool->free = b;
		pool->count++;
		poison(b->bytes, b->size);
		return;
	}
	free(b);
}

void *arena_pool_take(struct arena_pool *p)
{
	struct arena_block *b = block_get(p, STANDARD);

	unpoison(b->bytes, b->size);
	return b->bytes;
}

void arena_pool_give(struct arena_pool *p, void *block)
{
	block_return(p, container_of(block, struct arena_block, bytes));
}

void arena_pool_done(struct arena_pool *p)
{
	while (p->free) {
		struct arena_block *b = p->free;

		p->free = b->next;
		unpoison(b->bytes, b->size);
		free(b);
	}
	p->count = 0;
}

void arena_done(struct arena *a)
{
	while (a->blocks) {
		struct arena_block *b = a->blocks;

		a->blocks = b->next;
		block_return(a->pool, b);
	}
	a->at = a->end = NULL;
	a->used = 0;
}

void arena_wipe(struct arena *a)
{
	for (struct arena_block *b = a->blocks; b; b = b->next) {
		unpoison(b->bytes, b->size);
		mem_wipe(b->bytes, b->size);
	}
	arena_done(a);
}

void *arena_try(struct arena *a, size_t size)
{
	size_t ceiling = a->ceiling ? a->ceiling : MiB;
	size_t rounded = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);

	if (rounded < size || rounded > ceiling || a->used > ceiling - rounded)
		return NULL;
	/* A fresh arena has no block: of it even nothing needs one, to point into. */
	if (!a->at || rounded > (size_t)(a->end - a->at)) {
		bool own = rounded > STANDARD / 2;
		struct arena_block *b = block_get(a->pool, own ? rounded : STANDARD);

		if (own && a->blocks) { /* keep filling the block we have */
			b->next = a->blocks->next;
			a->blocks->next = b;
			a->used += rounded;
			return b->bytes;
		}
		b->next = a->blocks;
		a->blocks = b;
		a->at = b->bytes;
		a->end = b->bytes + b->size;
		poison(a->at, b->size);
	}
	void *ptr = a->at;
	unpoison(ptr, size);
	a->at += rounded;
	a->used += rounded;
	return ptr;
}

void *arena_alloc(struct arena *a, size_t size)
{
	void *ptr = arena_try(a, size);

	assert(ptr);
	return ptr;
}

void *arena_zero(struct arena *a, size_t size)
{
	return memset(arena_alloc(a, size), 0, size);
}

str arena_copy(struct arena *a, str s)
{
	char *copy = arena_alloc(a, s.len);

	if (s.len)
		memcpy(copy, s.ptr, s.len);
	return str_of(copy, s.len);
}

str arena_keep(struct arena *a, str s, char **otherwise)
{
	char *copy = s.len <= ARENA_SHORT ? arena_try(a, s.len) : NULL;

	free(*otherwise);
	*otherwise = NULL;
	if (!copy)
		copy = *otherwise = mem_new(s.len);
	if (s.len)
		memcpy(copy, s.ptr, s.len);
	return str_of(copy, s.len);
}

const char *str_z(struct arena *a, str s)
{
	char *copy = arena_alloc(a, s.len + 1);

	if (s.len)
		memcpy(copy, s.ptr, s.len);
	copy[s.len] = '\0';
	return copy;
}

str arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list args, again;
	int n;

	va_start(args, fmt);
	va_copy(again, args);
	n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	assert(n >= 0);
	char *text = arena_alloc(a, (size_t)n + 1);
	vsnprintf(text, (size_t)n + 1, fmt, again);
	va_end(again);
	return str_of(text, (size_t)n);
}
