#include "base/buf.h"

#include "base/assert.h"
#include "base/digits.h"
#include "base/mem.h"

#include <stdio.h>

void buf_free(struct buf *b)
{
	free(b->ptr);
	b->ptr = NULL;
	b->len = b->cap = 0;
}

static cold bool grow(struct buf *b, size_t n)
{
	size_t want;

	assert(b->limit > 0);
	if (n > b->limit || b->len > b->limit - n) {
		b->over = true;
		return false;
	}
	want = min_of(b->cap * 2, b->limit);
	want = max_of(want, b->len + n);
	want = max_of(want, min_of((size_t)64, b->limit));
	b->ptr = mem_resize(b->ptr, want);
	b->cap = want;
	return true;
}

bool buf_reserve(struct buf *b, size_t n)
{
	return likely(n <= b->cap - b->len) || grow(b, n);
}

bool buf_add(struct buf *b, str s)
{
	if (!buf_reserve(b, s.len))
		return false;
	if (s.len)
		memcpy(b->ptr + b->len, s.ptr, s.len);
	b->len += s.len;
	return true;
}

bool buf_add_char(struct buf *b, char c)
{
	return buf_add(b, str_of(&c, 1));
}

bool buf_add_u64(struct buf *b, uint64_t value)
{
	char digits[DIGITS_ROOM];
	const char *end = digits_put(digits, value);

	return buf_add(b, str_of(digits, (size_t)(end - digits)));
}

/* Without printf: it is said in every answer. */
bool buf_add_nano(struct buf *b, uint64_t value)
{
	char decimals[DIGITS_ROOM];

	/* The leading one keeps the zeros behind it, and makes place for the point. */
	digits_put(decimals, 1000000000 + value % 1000000000);
	decimals[0] = '.';
	return buf_add_u64(b, value / 1000000000) && buf_add(b, str_of(decimals, 10));
}

bool buf_add_i64(struct buf *b, int64_t value)
{
	if (value >= 0)
		return buf_add_u64(b, (uint64_t)value);
	return buf_add_char(b, '-') && buf_add_u64(b, 0 - (uint64_t)value);
}

bool buf_add_hex(struct buf *b, uint64_t value, int digits)
{
	char text[DIGITS_ROOM];
	const char *end = digits_put_hex(text, value, digits);

	return buf_add(b, str_of(text, (size_t)(end - text)));
}

bool buf_vaddf(struct buf *b, const char *fmt, va_list args)
{
	va_list again;
	int n;

	va_copy(again, args);
	n = vsnprintf(NULL, 0, fmt, args);
	assert(n >= 0);
	/* vsnprintf writes a NUL behind the text, for which there must be room. */
	bool fits = buf_reserve(b, (size_t)n + 1);
	if (fits) {
		vsnprintf(b->ptr + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
	return fits;
}

bool buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list args;
	bool fits;

	va_start(args, fmt);
	fits = buf_vaddf(b, fmt, args);
	va_end(args);
	return fits;
}

bool buf_set(struct buf *b, str s)
{
	buf_clear(b);
	return buf_add(b, s);
}

void buf_drop(struct buf *b, size_t n)
{
	assert(n <= b->len);
	b->len -= n;
	if (n && b->len)
		memmove(b->ptr, b->ptr + n, b->len);
}

const char *buf_z(struct buf *b)
{
	if (b->len == b->cap) /* cap stays as it is: the NUL is no byte of ours */
		b->ptr = mem_resize(b->ptr, b->cap + 1);
	b->ptr[b->len] = '\0';
	return b->ptr;
}
