/* buf.h - bytes that grow up to a limit, which they are born with.
 *
 * Reaching the limit is remembered (`over`) and further bytes are refused, so twenty
 * buf_add can be followed by one look.  A zeroed buf with a limit is ready for use. */
#pragma once
#include "base/str.h"

#include <stdarg.h>

struct buf {
	char *ptr;
	size_t len;
	size_t cap;
	size_t limit; /* the most bytes it may hold; set by the owner */
	bool over;    /* something did not fit and was left out */
};

#define BUF_LIMIT(most) ((struct buf){ .limit = (most) })

void buf_free(struct buf *b);
static inline void buf_clear(struct buf *b)
{
	b->len = 0;
	b->over = false;
}
static inline str buf_str(const struct buf *b)
{
	return str_of(b->ptr, b->len);
}

/* Makes room for n more bytes; false (and b->over) when the limit forbids it. */
bool buf_reserve(struct buf *b, size_t n);
/* All return false and add nothing when the limit forbids it. */
bool buf_add(struct buf *b, str s);
/* buf_add where many short pieces make a head: no call while there is room, and a literal
 * is a few stores. */
static inline bool buf_put(struct buf *b, str s)
{
	if (unlikely(s.len > b->cap - b->len))
		return buf_add(b, s);
	if (s.len)
		memcpy(b->ptr + b->len, s.ptr, s.len);
	b->len += s.len;
	return true;
}
bool buf_add_char(struct buf *b, char c);
bool buf_add_u64(struct buf *b, uint64_t value);
/* A billionth each, with all nine decimals: 1500 is 0.000001500. */
bool buf_add_nano(struct buf *b, uint64_t value);
bool buf_add_i64(struct buf *b, int64_t value);
/* Lower case, exactly `digits` digits. */
bool buf_add_hex(struct buf *b, uint64_t value, int digits);
bool buf_addf(struct buf *b, const char *fmt, ...) printf_like(2, 3);
bool buf_vaddf(struct buf *b, const char *fmt, va_list args) printf_like(2, 0);
bool buf_set(struct buf *b, str s);
/* Drops n bytes from the front. */
void buf_drop(struct buf *b, size_t n);
/* A NUL behind the bytes, not counted in len; for a library's door. Never NULL. */
const char *buf_z(struct buf *b);
