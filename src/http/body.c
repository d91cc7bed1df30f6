/* body.c - takes the framing off message bodies.
 *
 * Chunked coding is read by a small machine, one byte of framing at a time, and content
 * by memmove; both may be cut anywhere.  All limits are looked at where a byte of framing
 * is read, never where a buffer ends.
 *
 *        hex         ;                CR        LF
 *   SIZE ----> SIZE ---> EXTENSION... ---> SIZE_LF ---> DATA ---> DATA_CR -> DATA_LF ->
 * SIZE | size 0
 *                                            +-> TRAILER ... -> TRAILER -> END_LF -> done
 */
#include "http/body.h"

#include "http/chars.h"

enum {
	EXTENSION_MOST = 256,      /* of one chunk (R37) */
	EXTENSIONS_MOST = 4 * KiB, /* of all chunks (R37) */
	TRAILERS_MOST = 8,         /* lines (R45) */
	TRAILER_BYTES_MOST = 8 * KiB,
	ANSWER_EXTRA_MOST = 64 * KiB, /* what an upstream may add, of either */
	OVERHEAD_FREE = 64 * KiB,     /* below this R46 does not look */
};

enum state {
	SIZE,            /* hex digits of the size */
	EXTENSION_FIRST, /* behind a ';': a name must begin */
	EXTENSION,
	QUOTED,  /* inside a quoted value */
	ESCAPED, /* behind a '\' in it */
	SIZE_LF, /* the LF of the size line */
	DATA,    /* content */
	DATA_CR,
	DATA_LF,
	TRAILER, /* a trailer line begins, or the last, empty one */
	TRAILER_NAME,
	TRAILER_VALUE,
	TRAILER_LF,
	END_LF, /* the very last LF */
};

void http_body_init(struct http_body *b, enum http_body_kind kind, uint64_t length,
                    bool is_request)
{
	*b = (struct http_body){
		.kind = kind,
		.left = kind == HTTP_BODY_LENGTH ? length : 0,
		.is_request = is_request,
		.done = kind == HTTP_BODY_NONE ||
		        (kind == HTTP_BODY_LENGTH && length == 0),
	};
}

bool http_body_ends_with_eof(const struct http_body *b)
{
	return b->done || b->kind == HTTP_BODY_TO_EOF;
}

static fault_t malformed(const struct http_body *b)
{
	return b->is_request ? FAULT_HTTP_CHUNK : FAULT_UPSTREAM_MALFORMED;
}

static int hex_of(char c)
{
	if (char_is_digit(c))
		return c - '0';
	c = char_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* More than half of 64 bits is no length but an attempt (R34). */
static bool add_digit(struct http_body *b, char c)
{
	int value = hex_of(c);

	if (value < 0 || b->digits == 16)
		return false;
	b->left = b->left << 4 | (unsigned)value;
	b->digits++;
	return b->left <= INT64_MAX;
}

/* One more byte of extensions. */
static bool has_room_for_extension(struct http_body *b)
{
	b->line++;
	b->extra++;
	if (!b->is_request)
		return b->extra <= ANSWER_EXTRA_MOST;
	return b->line <= EXTENSION_MOST && b->extra <= EXTENSIONS_MOST;
}

static bool has_room_for_trailer(struct http_body *b)
{
	b->extra++;
	return b->extra <= (b->is_request ? TRAILER_BYTES_MOST : ANSWER_EXTRA_MOST);
}

static bool begin_trailer(struct http_body *b, char c)
{
	b->name_len = 0;
	if (b->is_request && b->trailers == TRAILERS_MOST)
		return false;
	b->trailers = b->trailers < UINT8_MAX ? b->trailers + 1 : UINT8_MAX;
	b->name[b->name_len++] = char_lower(c);
	return http_char_is(c, HTTP_TOKEN);
}

/* R45: a trailer must not say what only a header may. */
static bool is_trailer_allowed(const struct http_body *b)
{
	static const str forbidden[] = {
		STR_INIT("content-length"),
		STR_INIT("transfer-encoding"),
		STR_INIT("host"),
		STR_INIT("authorization"),
	};

	for (size_t i = 0; b->is_request && i < countof(forbidden); i++)
		if (str_eq(str_of(b->name, b->name_len), forbidden[i]))
			return false;
	return true;
}

/* The size line is over. R46: more than three quarters framing is an attack. */
static fault_t end_size_line(struct http_body *b)
{
	if (b->is_request && b->overhead > OVERHEAD_FREE && b->overhead > 3 * b->content)
		return FAULT_HTTP_OVERHEAD;
	b->state = b->left > 0 ? DATA : TRAILER;
	b->digits = 0;
	b->line = 0;
	if (b->state == TRAILER)
		b->extra = 0;
	return NULL;
}

static bool take_extension(struct http_body *b, char c)
{
	if (c == '\r' && b->state == EXTENSION) {
		b->state = SIZE_LF;
		return true;
	}
	if (!http_char_is(c, HTTP_VALUE) || !has_room_for_extension(b))
		return false;
	switch ((enum state)b->state) {
	case EXTENSION_FIRST:
		b->state = EXTENSION;
		return http_char_is(c, HTTP_TOKEN);
	case EXTENSION:
		if (c == ';')
			b->state = EXTENSION_FIRST;
		else if (c == '"')
			b->state = QUOTED;
		return true;
	case QUOTED:
		if (c == '"')
			b->state = EXTENSION;
		else if (c == '\\')
			b->state = ESCAPED;
		return true;
	default:
		b->state = QUOTED;
		return true;
	}
}

static bool take_trailer(struct http_body *b, char c)
{
	if (c == '\r' && b->state == TRAILER) {
		b->state = END_LF;
		return true;
	}
	if (c == '\r' && b->state == TRAILER_VALUE) {
		b->state = TRAILER_LF;
		return true;
	}
	if (!has_room_for_trailer(b))
		return false;
	if (b->state == TRAILER_VALUE)
		return http_char_is(c, HTTP_VALUE);
	if (b->state == TRAILER) {
		b->state = TRAILER_NAME;
		return begin_trailer(b, c);
	}
	if (c == ':') {
		b->state = TRAILER_VALUE;
		return is_trailer_allowed(b);
	}
	if (b->name_len < sizeof(b->name))
		b->name[b->name_len++] = char_lower(c);
	return http_char_is(c, HTTP_TOKEN);
}

/* One byte that is not content. */
static fault_t take_framing(struct http_body *b, char c)
{
	bool good = false;

	switch ((enum state)b->state) {
	case SIZE:
		if (c == '\r' || c == ';') {
			good = b->digits > 0 && (c == '\r' || has_room_for_extension(b));
			b->state = c == '\r' ? SIZE_LF : EXTENSION_FIRST;
		} else {
			good = add_digit(b, c);
		}
		break;
	case EXTENSION_FIRST:
	case EXTENSION:
	case QUOTED:
	case ESCAPED:
		good = take_extension(b, c);
		break;
	case SIZE_LF:
		if (c == '\n')
			return end_size_line(b);
		break;
	case DATA:
		break;
	case DATA_CR:
		good = c == '\r';
		b->state = DATA_LF;
		break;
	case DATA_LF:
		good = c == '\n';
		b->state = SIZE;
		break;
	case TRAILER:
	case TRAILER_NAME:
	case TRAILER_VALUE:
		good = take_trailer(b, c);
		break;
	case TRAILER_LF:
		good = c == '\n';
		b->state = TRAILER;
		break;
	case END_LF:
		good = b->done = c == '\n';
		break;
	}
	return good ? NULL : malformed(b);
}

/* The way of nearly every chunk: its size line is here as a whole, hex digits and CR LF,
 * or the CR LF behind its content.  Returns how many bytes it was; 0: go on byte by byte.
 */
static size_t take_plain_framing(struct http_body *b, const char *at, size_t size,
                                 fault_t *ret_why)
{
	enum { DIGITS_MOST = 8 };
	uint64_t value = 0;
	size_t n = 0;
	int digit;

	if (b->state == DATA_CR && size >= 2 && at[0] == '\r' && at[1] == '\n') {
		b->state = SIZE;
		b->overhead += 2;
		return 2;
	}
	if (b->state != SIZE || b->digits > 0)
		return 0;
	for (; n < size && n < DIGITS_MOST && (digit = hex_of(at[n])) >= 0; n++)
		value = value << 4 | (unsigned)digit;
	if (n == 0 || size - n < 2 || at[n] != '\r' || at[n + 1] != '\n')
		return 0;
	b->left = value;
	b->overhead += n + 2;
	*ret_why = end_size_line(b);
	return n + 2;
}

/* Moves what there is of the running chunk or body; returns how much. */
static size_t take_content(struct http_body *b, char *to, const char *at, size_t size)
{
	size_t n = b->kind == HTTP_BODY_TO_EOF || size < b->left ? size : (size_t)b->left;

	if (to != at && n > 0)
		memmove(to, at, n);
	b->content += n;
	if (b->kind != HTTP_BODY_TO_EOF)
		b->left -= n;
	return n;
}

fault_t http_body_take(struct http_body *b, char *to, char *at, size_t size,
                       size_t *ret_len, size_t *ret_used)
{
	char *from = at, *end = at + size, *filled = to;
	fault_t why = NULL;

	while (at < end && !b->done && !why) {
		if (b->kind == HTTP_BODY_CHUNKED && b->state != DATA) {
			size_t plain =
			        take_plain_framing(b, at, (size_t)(end - at), &why);

			at += plain;
			if (plain > 0)
				continue;
			b->overhead++;
			why = take_framing(b, *at++);
			continue;
		}
		size_t n = take_content(b, filled, at, (size_t)(end - at));
		filled += n;
		at += n;
		if (b->left == 0 && b->kind == HTTP_BODY_CHUNKED)
			b->state = DATA_CR;
		else if (b->left == 0 && b->kind == HTTP_BODY_LENGTH)
			b->done = true;
	}
	*ret_len = (size_t)(filled - to);
	*ret_used = (size_t)(at - from);
	return why;
}
