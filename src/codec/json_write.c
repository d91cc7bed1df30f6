/* json_write.c - JSON out of values, one call per token.
 *
 * Per open container two bits are remembered: is it an object, and is a comma due.  That
 * is enough to put every comma and to notice every broken sequence.  Whether the text has
 * a meaning is for the caller to know. */
#include "codec/json_write.h"

#include "base/assert.h"
#include "codec/json_private.h"
#include "codec/utf8.h"

enum { DEEPEST = 63 }; /* containers; bit 0 is for the root itself */

static bool has_bit(uint64_t bits, unsigned depth)
{
	return bits >> depth & 1;
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
		buf_add_char(w->to, ',');
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
		buf_add_char(w->to, brace);
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
		buf_add_char(w->to, brace);
	}
	w->depth--;
}

static void add_quoted(struct buf *to, str s)
{
	buf_add_char(to, '"');
	json_escape(to, s);
	buf_add_char(to, '"');
}

void json_key(struct json_writer *w, str key)
{
	if (!begin_item(w))
		return;
	assert(has_bit(w->is_object, w->depth) && !w->after_key);
	add_quoted(w->to, key);
	buf_add_char(w->to, ':');
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
		buf_add(w->to, raw);
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
	static const char from[] = "\"\\\b\f\n\r\t", as[] = "\"\\bfnrt";
	const char *known = memchr(from, c, sizeof(from) - 1);

	if ((unsigned char)c >= 0x80) {
		buf_add(to, UTF8_REPLACEMENT);
	} else if (known) {
		buf_add(to, str_of((char[]){ '\\', as[known - from] }, 2));
	} else {
		buf_add(to, STR("\\u"));
		buf_add_hex(to, (unsigned char)c, 4);
	}
}

void json_escape(struct buf *to, str s)
{
	const char *at = s.ptr, *end = s.len ? s.ptr + s.len : s.ptr;

	while (at < end) {
		const char *run = at;

		at = as_is_end(at, end);
		buf_add(to, str_of(run, (size_t)(at - run)));
		if (at < end)
			add_escaped(to, *at++);
	}
}
