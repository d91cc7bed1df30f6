/* json_write.c - JSON out of values, one call per token.
 *
 * Per open container two bits are remembered: is it an object, and is a comma due.  That
 * is enough to put every comma and to notice every broken sequence.  Whether the text has
 * a meaning is for the caller to know.
 *
 * Most tokens are a few bytes, and most find room where they go: those are put there at
 * once.  Only what does not fit goes through buf_add, which knows the limit. */
#include "codec/json_write.h"

#include "base/assert.h"
#include "codec/json_private.h"
#include "codec/utf8.h"

enum {
	DEEPEST = 63, /* containers; bit 0 is for the root itself */
	SHORT = 32    /* the most bytes of nearly all names, and of many values */
};

static bool has_bit(uint64_t bits, unsigned depth)
{
	return bits >> depth & 1;
}

static size_t room_in(const struct buf *b)
{
	return b->cap - b->len;
}

static void put_char(struct buf *to, char c)
{
	if (likely(room_in(to) > 0))
		to->ptr[to->len++] = c;
	else
		buf_add_char(to, c);
}

static void put(struct buf *to, str s)
{
	if (unlikely(room_in(to) < s.len || s.len == 0)) {
		buf_add(to, s);
		return;
	}
	memcpy(to->ptr + to->len, s.ptr, s.len);
	to->len += s.len;
}

/* A comma where one is due, before a key or a value.  False where the writer is deeper
 * than its bits reach: nothing is written there, and to->over says so. */
static bool begin_item(struct json_writer *w)
{
	if (w->depth > DEEPEST) {
		w->to->over = true;
		return false;
	}
	if (has_bit(w->has_item, w->depth)) {
		assert(w->depth > 0); /* one root */
		put_char(w->to, ',');
	}
	w->has_item |= (uint64_t)1 << w->depth;
	return true;
}

static bool begin_value(struct json_writer *w)
{
	if (w->depth <= DEEPEST && has_bit(w->is_object, w->depth)) {
		assert(w->after_key);
		w->after_key = false;
		return true;
	}
	return begin_item(w);
}

void json_open(struct json_writer *w, char brace)
{
	assert(brace == '{' || brace == '[');
	if (begin_value(w))
		put_char(w->to, brace);
	if (++w->depth > DEEPEST)
		return;
	uint64_t bit = (uint64_t)1 << w->depth;
	w->has_item &= ~bit;
	w->is_object = brace == '{' ? w->is_object | bit : w->is_object & ~bit;
}

void json_close(struct json_writer *w, char brace)
{
	assert(w->depth > 0 && !w->after_key);
	if (w->depth <= DEEPEST) {
		assert(brace == (has_bit(w->is_object, w->depth) ? '}' : ']'));
		put_char(w->to, brace);
	}
	w->depth--;
}

/* Up to SHORT bytes, by two moves that may overlap. */
static void copy_short(char *to, str s)
{
	const char *at = s.ptr;
	size_t n = s.len;

	if (n >= 16) {
		memcpy(to, at, 16);
		memcpy(to + n - 16, at + n - 16, 16);
	} else if (n >= 8) {
		memcpy(to, at, 8);
		memcpy(to + n - 8, at + n - 8, 8);
	} else if (n >= 4) {
		memcpy(to, at, 4);
		memcpy(to + n - 4, at + n - 4, 4);
	} else if (n > 0) {
		to[0] = at[0];
		to[n / 2] = at[n / 2];
		to[n - 1] = at[n - 1];
	}
}

/* Is nothing in the n bytes to be escaped?  SHORT bytes may be read. */
static bool is_plain_short(const char *at, size_t n)
{
#ifdef __SSE2__
	for (size_t i = 0; i < n; i += 16) {
		__m128i bytes = load16(at + i);
		__m128i low = _mm_cmplt_epi8(bytes, _mm_set1_epi8(' '));
		__m128i mark = _mm_or_si128(equals16(bytes, '"'), equals16(bytes, '\\'));
		uint64_t where = (uint64_t)_mm_movemask_epi8(_mm_or_si128(low, mark));

		if (where & (((uint64_t)1 << (n - i)) - 1))
			return false;
	}
	return true;
#else
	return json_plain_end(at, at + n) == at + n;
#endif
}

/* Copied first and looked at in its new place, where more bytes may be read. */
static bool add_short(struct buf *to, str s)
{
	char *at;

	if (unlikely(s.len > SHORT || room_in(to) < SHORT + 2))
		return false;
	at = to->ptr + to->len;
	copy_short(at + 1, s);
	if (unlikely(!is_plain_short(at + 1, s.len)))
		return false;
	at[0] = at[s.len + 1] = '"';
	to->len += s.len + 2;
	return true;
}

static void add_quoted(struct buf *to, str s)
{
	if (likely(add_short(to, s)))
		return;
	put_char(to, '"');
	json_escape(to, s);
	put_char(to, '"');
}

void json_key(struct json_writer *w, str key)
{
	if (!begin_item(w))
		return;
	assert(has_bit(w->is_object, w->depth) && !w->after_key);
	add_quoted(w->to, key);
	put_char(w->to, ':');
	w->after_key = true;
}

void json_str(struct json_writer *w, str s)
{
	if (begin_value(w))
		add_quoted(w->to, s);
}

void json_int(struct json_writer *w, int64_t value)
{
	if (begin_value(w))
		buf_add_i64(w->to, value);
}

void json_uint(struct json_writer *w, uint64_t value)
{
	if (begin_value(w))
		buf_add_u64(w->to, value);
}

void json_bool(struct json_writer *w, bool value)
{
	json_raw(w, value ? STR("true") : STR("false"));
}

void json_null(struct json_writer *w)
{
	json_raw(w, STR("null"));
}

void json_raw(struct json_writer *w, str raw)
{
	if (begin_value(w))
		put(w->to, raw);
}

void json_key_str(struct json_writer *w, str key, str value)
{
	json_key(w, key);
	json_str(w, value);
}

void json_key_int(struct json_writer *w, str key, int64_t value)
{
	json_key(w, key);
	json_int(w, value);
}

void json_key_uint(struct json_writer *w, str key, uint64_t value)
{
	json_key(w, key);
	json_uint(w, value);
}

void json_key_bool(struct json_writer *w, str key, bool value)
{
	json_key(w, key);
	json_bool(w, value);
}

/* The end of what can be written as it stands, characters beyond ASCII among it. */
static const char *as_is_end(const char *at, const char *end)
{
	for (;;) {
		at = json_plain_end(at, end);
		if (at == end || (unsigned char)*at < 0x80)
			return at;
		size_t n = utf8_length(at, end);
		if (n == 0)
			return at;
		at += n;
	}
}

static void add_escaped(struct buf *to, char c)
{
	static const char as[128] = {
		['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
		['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't'
	};

	if ((unsigned char)c >= 0x80) {
		buf_add(to, UTF8_REPLACEMENT);
	} else if (as[(unsigned char)c]) {
		put(to, str_of((char[]){ '\\', as[(unsigned char)c] }, 2));
	} else {
		buf_add(to, STR("\\u"));
		buf_add_hex(to, (unsigned char)c, 4);
	}
}

/* Copies sixteen bytes at a time, as far as they need no escape and there is room for so
 * many; returns where that ends.  One pass where looking first and copying then are two,
 * begun again at the escapes that are in every line. */
static const char *put_blocks(struct buf *to, const char *at, const char *end)
{
#ifdef __SSE2__
	for (; end - at >= 16 && room_in(to) >= 16; at += 16, to->len += 16) {
		__m128i bytes = load16(at);
		__m128i low = _mm_cmplt_epi8(bytes, _mm_set1_epi8(' '));
		__m128i mark = _mm_or_si128(equals16(bytes, '"'), equals16(bytes, '\\'));
		unsigned where = (unsigned)_mm_movemask_epi8(_mm_or_si128(low, mark));

		_mm_storeu_si128((__m128i *)(void *)(to->ptr + to->len), bytes);
		if (where) {
			unsigned n = (unsigned)__builtin_ctz(where);

			to->len += n;
			return at + n;
		}
	}
#else
	(void)to;
	(void)end;
#endif
	return at;
}

void json_escape(struct buf *to, str s)
{
	const char *at = s.ptr, *end = s.len ? s.ptr + s.len : s.ptr;

	while (at < end) {
		const char *run = put_blocks(to, at, end);

		at = as_is_end(run, end);
		if (at > run)
			put(to, str_of(run, (size_t)(at - run)));
		if (at < end)
			add_escaped(to, *at++);
	}
}
