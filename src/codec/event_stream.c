/* event_stream.c - AWS event stream messages out of bytes, and bytes out of messages.
 *
 * The first twelve bytes carry a checksum of their own, so a length is believed only when
 * it is right, and a broken stream is known at once instead of after megabytes. Whoever
 * asks for a header walks them all, there are three; of two with one name the first
 * counts. */
#include "codec/event_stream.h"

#include "base/assert.h"

#include <zlib.h>

enum { PRELUDE = 8, HEAD = 12, CRC = 4, STRING_MOST = INT16_MAX };

/* Types of header values. */
enum { VALUE_TRUE, VALUE_FALSE, VALUE_BYTES = 6, VALUE_STRING = 7, VALUE_TYPES = 10 };

static uint32_t crc_of(str bytes)
{
	return (uint32_t)crc32(0, (const Bytef *)bytes.ptr, (uInt)bytes.len);
}

static uint32_t get_u32(const char *at)
{
	const unsigned char *b = (const unsigned char *)at;

	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static void put_u32(char *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (char)(value >> (24 - 8 * i));
}

/* ---- headers ---- */

struct header {
	str name, value; /* value empty for true and false */
	unsigned type;
};

/* Takes one header from the front of *rest; false when it does not end within. */
static bool take_header(str *rest, struct header *ret)
{
	static const uint8_t sizes[VALUE_TYPES] = { 0, 0, 1, 2, 4, 8, 0, 0, 8, 16 };
	size_t name_len = (unsigned char)str_take(rest, 1).ptr[0], len;

	if (name_len == 0 || rest->len < name_len + 1)
		return false;
	ret->name = str_take(rest, name_len);
	ret->type = (unsigned char)str_take(rest, 1).ptr[0];
	if (ret->type >= VALUE_TYPES)
		return false;
	len = sizes[ret->type];
	if (ret->type == VALUE_BYTES || ret->type == VALUE_STRING) {
		if (rest->len < 2)
			return false;
		str digits = str_take(rest, 2);
		len = (size_t)(unsigned char)digits.ptr[0] << 8 |
		      (unsigned char)digits.ptr[1];
	}
	if (rest->len < len)
		return false;
	ret->value = str_take(rest, len);
	return true;
}

str aws_header(const struct aws_frame *frame, str name)
{
	struct header h;

	for (str rest = frame->headers; rest.len > 0 && take_header(&rest, &h);) {
		if (h.type == VALUE_STRING && str_eq(h.name, name))
			return h.value;
	}
	return STR_NONE;
}

static bool are_headers(str rest)
{
	struct header h;

	while (rest.len > 0) {
		if (!take_header(&rest, &h))
			return false;
	}
	return true;
}

/* What kind of message it is, and the name that belongs to the kind. */
static void read_kind(struct aws_frame *f)
{
	static const struct {
		str kind, name;
	} kinds[] = {
		[AWS_EVENT] = { STR_INIT("event"), STR_INIT(":event-type") },
		[AWS_EXCEPTION] = { STR_INIT("exception"), STR_INIT(":exception-type") },
		[AWS_ERROR] = { STR_INIT("error"), STR_INIT(":error-code") },
	};
	str kind = aws_header(f, STR(":message-type"));

	for (size_t i = 0; i < countof(kinds); i++) {
		if (!str_eq(kind, kinds[i].kind))
			continue;
		f->kind = (enum aws_kind)i;
		f->name = aws_header(f, kinds[i].name);
	}
}

/* ---- finding messages where they stand ---- */

static bool fail(struct aws_scan *s, fault_t why)
{
	s->why = why;
	return false;
}

/* The lengths, once they and their checksum are there. */
static bool read_head(struct aws_scan *s, str bytes, size_t *ret_headers)
{
	size_t total = get_u32(bytes.ptr), headers = get_u32(bytes.ptr + 4);

	if (get_u32(bytes.ptr + PRELUDE) != crc_of(str_first(bytes, PRELUDE)))
		return fail(s, FAULT_UPSTREAM_MALFORMED);
	if (total > AWS_MESSAGE_MOST || headers > AWS_HEADERS_MOST)
		return fail(s, FAULT_UPSTREAM_LARGE);
	if (total < AWS_MESSAGE_LEAST || headers > total - AWS_MESSAGE_LEAST)
		return fail(s, FAULT_UPSTREAM_MALFORMED);
	s->need = total;
	*ret_headers = headers;
	return true;
}

bool aws_scan(struct aws_scan *s, str bytes, struct aws_frame *ret)
{
	struct aws_frame found = { .kind = AWS_OTHER };
	size_t headers;

	if (s->why || bytes.len < HEAD || !read_head(s, bytes, &headers) ||
	    bytes.len < s->need)
		return false;
	found.raw = str_first(bytes, s->need);
	found.headers = str_of(bytes.ptr + HEAD, headers);
	found.payload =
	        str_of(bytes.ptr + HEAD + headers, s->need - HEAD - headers - CRC);
	if (get_u32(bytes.ptr + s->need - CRC) !=
	            crc_of(str_first(bytes, s->need - CRC)) ||
	    !are_headers(found.headers))
		return fail(s, FAULT_UPSTREAM_MALFORMED);
	read_kind(&found);
	s->need = 0;
	*ret = found;
	return true;
}

/* ---- writing ---- */

static void add_header(struct buf *to, const struct aws_header *h)
{
	str value = str_first(h->value, STRING_MOST);

	assert(h->name.len > 0 && h->name.len <= UINT8_MAX);
	buf_add_char(to, (char)h->name.len);
	buf_add(to, h->name);
	buf_add_char(to, VALUE_STRING);
	buf_add_char(to, (char)(value.len >> 8));
	buf_add_char(to, (char)value.len);
	buf_add(to, value);
}

size_t aws_open(struct buf *to, const struct aws_header *headers, unsigned count)
{
	size_t at = to->len;

	buf_add(to, str_of("\0\0\0\0\0\0\0\0\0\0\0", HEAD));
	for (unsigned i = 0; i < count; i++)
		add_header(to, &headers[i]);
	/* Where the headers end is only known here. */
	if (!to->over)
		put_u32(to->ptr + at + 4, (uint32_t)(to->len - at - HEAD));
	return at;
}

void aws_close(struct buf *to, size_t at)
{
	char crc[CRC] = { 0 };

	buf_add(to, str_of(crc, CRC));
	if (to->over || to->len - at > AWS_MESSAGE_MOST) {
		to->len = min_of(at, to->len);
		to->over = true;
		return;
	}
	str frame = str_of(to->ptr + at, to->len - at);
	put_u32(to->ptr + at, (uint32_t)frame.len);
	put_u32(to->ptr + at + PRELUDE, crc_of(str_first(frame, PRELUDE)));
	put_u32(to->ptr + to->len - CRC, crc_of(str_first(frame, frame.len - CRC)));
}

void aws_write(struct buf *to, const struct aws_header *headers, unsigned count,
               str payload)
{
	size_t at = aws_open(to, headers, count);

	buf_add(to, payload);
	aws_close(to, at);
}
