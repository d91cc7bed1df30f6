/* secret.c - see secret.h.  Pages come from the kernel, never from malloc: nothing else
 * lies beside a secret, and what is left of it does not come up in another allocation. */
#include "base/secret.h"

#include "base/assert.h"
#include "base/mem.h"

#include <sys/mman.h>
#include <unistd.h>

enum { ALIGN = 16, MASK_SHOWN = 4, MASK_LEAST = 16 };

struct secret_pages {
	struct secret_pages *next;
	size_t size, used; /* with this head */
};

static struct secret_pages *pages_new(size_t least)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t size =
	        (sizeof(struct secret_pages) + least + ALIGN + page - 1) / page * page;
	struct secret_pages *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
	                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert(p != MAP_FAILED);
	/* As well as may be: a small RLIMIT_MEMLOCK is no reason not to run. */
	(void)!mlock(p, size);
	(void)!madvise(p, size, MADV_DONTDUMP);
	(void)!madvise(p, size, MADV_WIPEONFORK);
	p->size = size;
	p->used = (sizeof(*p) + ALIGN - 1) / ALIGN * ALIGN;
	return p;
}

void *secret_alloc(struct secret_room *room, size_t size)
{
	size_t rounded = (size + ALIGN - 1) / ALIGN * ALIGN;
	struct secret_pages *p = room->pages;

	while (p && p->size - p->used < rounded)
		p = p->next;
	if (!p) {
		p = pages_new(rounded);
		p->next = room->pages;
		room->pages = p;
	}
	p->used += rounded;
	return (char *)p + p->used - rounded;
}

struct secret secret_keep(struct secret_room *room, str text)
{
	char *copy = secret_alloc(room, text.len);

	if (text.len)
		memcpy(copy, text.ptr, text.len);
	return (struct secret){ str_of(copy, text.len) };
}

str secret_reveal(const struct secret *s)
{
	return s->hidden;
}

bool secret_eq(const struct secret *a, const struct secret *b)
{
	return str_eq_secret(secret_reveal(a), secret_reveal(b));
}

void secret_mask(const struct secret *s, struct buf *to)
{
	str text = secret_reveal(s);

	buf_add(to, STR("..."));
	if (text.len < MASK_LEAST)
		return;
	text = str_from(text, text.len - MASK_SHOWN);
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7f)
			return;
	buf_add(to, text);
}

void secret_room_done(struct secret_room *room)
{
	while (room->pages) {
		struct secret_pages *p = room->pages;
		size_t size = p->size;

		room->pages = p->next;
		mem_wipe(p, size);
		munmap(p, size);
	}
}
