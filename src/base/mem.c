#include "base/mem.h"

#include "base/assert.h"

void *mem_new(size_t size)
{
	void *ptr = calloc(1, size ? size : 1);

	assert(ptr);
	return ptr;
}

void *mem_resize(void *old, size_t size)
{
	void *ptr = realloc(old, size ? size : 1);

	assert(ptr);
	return ptr;
}

char *mem_copy_z(str s)
{
	char *copy = mem_new(s.len + 1);

	if (s.len)
		memcpy(copy, s.ptr, s.len);
	return copy;
}

void mem_wipe(void *ptr, size_t size)
{
	explicit_bzero(ptr, size);
}
