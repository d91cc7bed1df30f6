/* mem.h - memory that does not fail.  Small allocations abort when the machine has none
 * left; a size that comes from outside is limited first, by its caller. */
#pragma once
#include "base/compiler.h"
#include "base/str.h"

#include <stdlib.h>

/* Zeroed; never NULL. */
void *mem_new(size_t size) __attribute__((malloc, returns_nonnull, alloc_size(1)));
void *mem_resize(void *old, size_t size) __attribute__((returns_nonnull));
/* A copy with a NUL behind it, from mem_new. */
char *mem_copy_z(str s) __attribute__((malloc, returns_nonnull));
/* Overwrites secrets in a way the compiler may not drop. */
void mem_wipe(void *ptr, size_t size);

#define new_of(type) ((type *)mem_new(sizeof(type)))
