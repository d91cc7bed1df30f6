/* sse.c - events out of bytes, and bytes out of events.
 *
 * Both readers cut lines at LF, CRLF or CR and then ask of each whole line only what it
 * is: blank, `event`, `data`, or something that means nothing to a gateway (id, retry,
 * comments).  A BOM is dropped before the first line and nowhere else. */
#include "codec/sse.h"

#include "base/assert.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define BOM STR("\xef\xbb\xbf")

#ifdef __SSE2__
static __m128i load16(const char *at)
{
	return _mm_loadu_si128((const __m128i *)(const void *)at);
}

/* Bit i: byte i of the 16 at `at` is a CR or LF. */
static unsigned line_ends(const char *at)
{
	__m128i bytes = load16(at);
	__m128i found = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n')),
	                             _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\r')));

	return (unsigned)_mm_movemask_epi8(found);
}

/* Has one of 64 bytes a value up to that of CR?  In JSON few have. */
static bool has_low_byte(const char *at)
{
	__m128i least = _mm_min_epu8(_mm_min_epu8(load16(at), load16(at + 16)),
	                             _mm_min_epu8(load16(at + 32), load16(at + 48)));
	__m128i is_low = _mm_cmpeq_epi8(_mm_min_epu8(least, _mm_set1_epi8('\r')), least);

	return _mm_movemask_epi8(is_low);
}

/* The first CR or LF; NULL when there is none. */
static const char *line_end(const char *at, const char *end)
{
	const char *begin = at;
	unsigned found;

	if (at < end && (*at == '\n' || *at == '\r'))
		return at;
	while (end - at >= 64 && !has_low_byte(at))
		at += 64;
	for (; end - at >= 16; at += 16) {
		if ((found = line_ends(at)))
			return at + __builtin_ctz(found);
	}
	if (at < end && end - begin >= 16) { /* the rest, with bytes already seen */
		at = end - 16;
		found = line_ends(at);
		return found ? at + __builtin_ctz(found) : NULL;
	}
	for (; at < end; at++) {
		if (*at == '\n' || *at == '\r')
			return at;
	}
	return NULL;
}
#else
/* The first CR or LF; NULL when there is none.  Looking through windows keeps a line end
 * of one kind from being searched for, behind one of the other, to the end of all. */
static const char *line_end(const char *at, const char *end)
{
	enum { WINDOW = 512 };

	while (at < end) {
		size_t n = min_of((size_t)(end - at), (size_t)WINDOW);
		const char *lf = memchr(at, '\n', n);
		const char *cr = memchr(at, '\r', lf ? (size_t)(lf - at) : n);

		if (cr || lf)
			return cr ? cr : lf;
		at += n;
	}
	return NULL;
}
#endif

/* Is line the field of that name?  Then *ret is its value, which is empty in a line
 * without colon. */
static bool is_field(str line, str name, str *ret)
{
	if (!str_skip(&line, name))
		return false;
	if (line.len > 0 && !str_skip(&line, STR(":")))
		return false;
	str_skip(&line, STR(" "));
	*ret = line;
	return true;
}

/* ---- finding events where they stand ---- */

/* The next whole line, without its end, which s->line moves behind.  A CR as last byte
 * waits: the LF that may follow belongs to the same line end. */
static bool find_line(struct sse_scan *s, str bytes, str *ret)
{
	const char *end = bytes.ptr + bytes.len;
	const char *mark = line_end(bytes.ptr + s->seen, end);

	s->seen = mark ? (size_t)(mark - bytes.ptr) : bytes.len;
	if (!mark || (*mark == '\r' && mark + 1 == end))
		return false;
	*ret = str_of(bytes.ptr + s->line, s->seen - s->line);
	s->line = s->seen += *mark == '\r' && mark[1] == '\n' ? 2 : 1;
	return true;
}

static void note_field(struct sse_scan *s, str bytes, str line)
{
	str value;

	if (is_field(line, STR("data"), &value)) {
		s->several = s->has_data;
		if (!s->has_data) {
			s->data_at = (size_t)(value.ptr - bytes.ptr);
			s->data_len = value.len;
		}
		s->has_data = true;
	} else if (is_field(line, STR("event"), &value)) {
		s->name_at = (size_t)(value.ptr - bytes.ptr);
		s->name_len = value.len;
	}
}

bool sse_scan(struct sse_scan *s, str bytes, struct sse_found *ret)
{
	str line;

	assert(s->seen <= bytes.len);
	while (bytes.len > 0 && find_line(s, bytes, &line)) {
		if (!s->begun)
			str_skip(&line, BOM);
		s->begun = true;
		if (line.len > 0) {
			note_field(s, bytes, line);
			continue;
		}
		*ret = (struct sse_found){
			.raw = str_first(bytes, s->line),
			.name = str_of(bytes.ptr + s->name_at, s->name_len),
			.data = str_of(bytes.ptr + s->data_at, s->data_len),
			.has_data = s->has_data,
			.several = s->several,
		};
		*s = (struct sse_scan){ .begun = true };
		return true;
	}
	return false;
}

void sse_join(const struct sse_found *event, struct buf *to)
{
	const char *at = event->data.ptr, *end = event->raw.ptr + event->raw.len, *mark;
	str value = event->data;

	buf_clear(to);
	if (!event->has_data)
		return;
	buf_add(to, value);
	/* On from the end of the first data line: what stands there is a line end, and
	 * the blank "line" inside a CRLF is none of the fields. */
	for (at += value.len; (mark = line_end(at, end)); at = mark + 1) {
		if (is_field(str_of(at, (size_t)(mark - at)), STR("data"), &value)) {
			buf_add_char(to, '\n');
			buf_add(to, value);
		}
	}
}

/* ---- events one by one, from bytes cut anywhere ---- */

/* The next line, where it stands or put together in r->line; false when the bytes do not
 * reach to its end. */
static bool read_line(struct sse_reader *r, str *bytes, str *ret)
{
	const char *mark;
	size_t n;

	if (r->after_cr && bytes->len > 0) {
		str_skip(bytes, STR("\n"));
		r->after_cr = false;
	}
	if (bytes->len == 0)
		return false;
	mark = line_end(bytes->ptr, bytes->ptr + bytes->len);
	n = mark ? (size_t)(mark - bytes->ptr) : bytes->len;
	if (n > r->limit - r->line.len - r->data.len) {
		r->why = FAULT_UPSTREAM_LARGE;
		return false;
	}
	*ret = str_take(bytes, n);
	if (!mark || r->line.len > 0) {
		buf_add(&r->line, *ret);
		*ret = buf_str(&r->line);
	}
	if (!mark)
		return false;
	r->after_cr = *mark == '\r';
	str_take(bytes, 1);
	if (!r->begun)
		str_skip(ret, BOM);
	r->begun = true;
	return true;
}

static void add_field(struct sse_reader *r, str line)
{
	str value;

	if (is_field(line, STR("data"), &value)) {
		if (r->has_data)
			buf_add_char(&r->data, '\n');
		buf_add(&r->data, value);
		r->has_data = true;
	} else if (is_field(line, STR("event"), &value)) {
		buf_set(&r->name, value);
	}
}

bool sse_next(struct sse_reader *r, str *bytes, struct sse_event *ret)
{
	str line;

	r->line.limit = r->name.limit = r->data.limit = r->limit;
	while (!r->why && bytes->len > 0) {
		if (r->ended) {
			buf_clear(&r->name);
			buf_clear(&r->data);
			r->has_data = r->ended = false;
		}
		if (!read_line(r, bytes, &line))
			break;
		r->ended = line.len == 0;
		add_field(r, line);
		buf_clear(&r->line);
		if (r->ended && r->has_data) {
			ret->name = buf_str(&r->name);
			ret->data = buf_str(&r->data);
			return true;
		}
	}
	return false;
}

void sse_done(struct sse_reader *r)
{
	buf_free(&r->line);
	buf_free(&r->name);
	buf_free(&r->data);
}

/* ---- writing ---- */

/* Takes the first line of *text, and its end; false when there is no end, so that this
 * was the last. */
static bool take_line(str *text, str *ret)
{
	const char *mark = text->len ? line_end(text->ptr, text->ptr + text->len) : NULL;

	*ret = *text;
	if (!mark)
		return false;
	*ret = str_take(text, (size_t)(mark - text->ptr));
	if (!str_skip(text, STR("\r\n")))
		str_take(text, 1);
	return true;
}

void sse_write(struct buf *to, str name, str data)
{
	bool is_last;
	str line;

	take_line(&name, &line); /* a second line would be a forged field */
	if (line.len > 0) {
		buf_add(to, STR("event: "));
		buf_add(to, line);
		buf_add_char(to, '\n');
	}
	do {
		is_last = !take_line(&data, &line);
		buf_add(to, STR("data: "));
		buf_add(to, line);
		buf_add_char(to, '\n');
	} while (!is_last);
	buf_add_char(to, '\n');
}
