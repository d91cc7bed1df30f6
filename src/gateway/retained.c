#include "gateway/retained.h"

#include "base/mem.h"

#include <sys/mman.h>

enum { MAP_FROM = 256 * KiB, PAGE = 4 * KiB };

static void release(struct retained *r)
{
	if (r->is_mapped)
		munmap(r->ptr, r->cap);
	else if (r->is_block)
		arena_pool_give(r->blocks, r->ptr);
	else
		free(r->ptr);
	gateway_give_memory(r->gateway, r->cap);
}

/* Pages are moved, not copied. */
static bool remap(struct retained *r, size_t cap)
{
	size_t more = cap - r->cap;
	char *ptr;

	if (!gateway_take_memory(r->gateway, more, r->most_memory))
		return false;
	ptr = mremap(r->ptr, r->cap, cap, MREMAP_MAYMOVE);
	if (ptr == MAP_FAILED) {
		gateway_give_memory(r->gateway, more);
		return false;
	}
	r->ptr = ptr;
	r->cap = cap;
	return true;
}

bool retained_reserve(struct retained *r, size_t total)
{
	bool map = total >= MAP_FROM, block = r->blocks && total <= ARENA_BLOCK;
	size_t cap = map ? (total + PAGE - 1) & ~(size_t)(PAGE - 1) : total;
	char *ptr;

	if (total <= r->cap)
		return true;
	if (block)
		cap = ARENA_BLOCK;
	if (r->is_mapped)
		return remap(r, cap);
	if (!gateway_take_memory(r->gateway, cap, r->most_memory))
		return false;
	if (map) {
		ptr = mmap(NULL, cap, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		           -1, 0);
		if (ptr == MAP_FAILED) {
			gateway_give_memory(r->gateway, cap);
			return false;
		}
	} else if (block) {
		ptr = arena_pool_take(r->blocks);
	} else {
		ptr = mem_new(cap);
	}
	if (r->len)
		memcpy(ptr, r->ptr, r->len);
	if (r->cap)
		release(r);
	r->ptr = ptr;
	r->cap = cap;
	r->is_mapped = map;
	r->is_block = block;
	return true;
}

bool retained_add(struct retained *r, str bytes)
{
	size_t want = r->len + bytes.len;

	if (want > r->cap && !retained_reserve(r, max_of(want, r->cap * 2)))
		return false;
	if (bytes.len)
		memcpy(r->ptr + r->len, bytes.ptr, bytes.len);
	r->len = want;
	return true;
}

void retained_settle(struct retained *r)
{
	char *ptr;

	if (!r->is_block || !r->len)
		return;
	ptr = mem_new(r->len);
	memcpy(ptr, r->ptr, r->len);
	arena_pool_give(r->blocks, r->ptr);
	gateway_give_memory(r->gateway, r->cap - r->len);
	r->ptr = ptr;
	r->cap = r->len;
	r->is_block = false;
}

void retained_free(struct retained *r)
{
	if (r->cap)
		release(r);
	r->ptr = NULL;
	r->len = r->cap = 0;
	r->is_mapped = r->is_block = false;
}
