/* head_end.c - finds the end of a head while it comes in.
 *
 * Whatever is refused here depends on the bytes up to that place alone, so that the
 * verdict is the same however they are cut.  Lines are looked at for their ends alone;
 * what they say is left to head.c, which also judges a first line that is not whole yet.
 */
#include "base/assert.h"
#include "http/framing.h"
#include "http/head.h"

#include <emmintrin.h>

static fault_t check_status_line(str bytes)
{
	str prefix = STR("HTTP/1.");

	return str_starts(prefix, str_first(bytes, prefix.len))
	               ? NULL
	               : FAULT_UPSTREAM_MALFORMED;
}

struct line {
	size_t cr; /* where it ends; the size of the bytes when they do not reach so far
	            */
	bool whole;
	bool malformed; /* a CR or an LF stands alone in it, at cr */
};

/* From `at` to the next CR LF. */
static struct line find_line(str bytes, size_t at)
{
	const char *from = bytes.ptr + at;
	const char *lf = memchr(from, '\n', bytes.len - at);
	const char *end = lf ? lf : bytes.ptr + bytes.len;
	const char *cr = end > from ? memchr(from, '\r', (size_t)(end - from)) : NULL;
	struct line l = { .cr = (size_t)((cr ? cr : end) - bytes.ptr) };

	if (cr && cr + 1 < end)
		l.malformed = true;
	else if (lf)
		l.malformed = !cr;
	l.whole = lf && !l.malformed;
	return l;
}

/* Goes on at *seen, which stays 0 until the first line is whole. */
static fault_t find_end(str bytes, const struct http_limits *limits, bool is_request,
                        size_t *seen, size_t *ret_end)
{
	size_t at = *seen, first = 0;
	fault_t malformed = is_request ? FAULT_HTTP_MALFORMED : FAULT_UPSTREAM_MALFORMED;

	if (at == 0 && is_request && str_starts(bytes, STR("\r\n")))
		first = at = 2;
	while (at < bytes.len) {
		struct line l = find_line(bytes, at);
		fault_t why = NULL;

		if (*seen == 0 && is_request)
			why = http_first_line_check(
			        str_of(bytes.ptr + first, l.cr - first), l.whole, limits);
		if (why || l.malformed)
			return why ? why : malformed;
		if (!l.whole) {
			if (*seen > 0)
				*seen = l.cr;
			return NULL;
		}
		if (l.cr > 0 && bytes.ptr[l.cr - 1] == '\n') {
			*ret_end = l.cr + 2;
			return NULL;
		}
		*seen = at = l.cr + 2;
	}
	return NULL;
}

/* Where c stands in the 64 bytes from p: a bit each. */
static inline uint64_t places_of(const char *p, char c)
{
	const __m128i wanted = _mm_set1_epi8(c);
	uint64_t places = 0;

	for (int i = 3; i >= 0; i--) {
		__m128i piece = _mm_loadu_si128((const void *)(p + 16 * i));
		__m128i same = _mm_cmpeq_epi8(piece, wanted);

		places = places << 16 | (unsigned)_mm_movemask_epi8(same);
	}
	return places;
}

/* The way of nearly every head: it is here as a whole, and no CR or LF stands alone in it
 * up to its end.  64 bytes at a time; whatever is unusual is left to find_end. */
static size_t find_plain_end(str bytes, size_t *ret_first)
{
	uint64_t cr_before = 0,
	         lf_before = 0; /* the last two places of what was looked at */
	char rest[64];

	*ret_first = 0;
	for (size_t at = 0; at < bytes.len; at += 64) {
		const char *p = bytes.ptr + at;

		if (bytes.len - at < sizeof(rest)) {
			memset(rest, 0, sizeof(rest));
			p = memcpy(rest, p, bytes.len - at);
		}
		uint64_t cr = places_of(p, '\r'), lf = places_of(p, '\n');
		uint64_t blank = lf & (lf << 2 | lf_before);
		/* Up to the end of the head, or of the piece, each LF has its CR before.
		 */
		uint64_t here = blank ? blank ^ (blank - 1) : UINT64_MAX;
		if ((((cr << 1 | cr_before) ^ lf) & here) != 0)
			return 0;
		if (*ret_first == 0 && cr)
			*ret_first = at + (size_t)__builtin_ctzll(cr);
		if (blank)
			return at + (size_t)__builtin_ctzll(blank) + 1;
		cr_before = cr >> 63;
		lf_before = lf >> 62;
	}
	return 0;
}

static fault_t find_end_fast(str bytes, const struct http_limits *limits, bool is_request,
                             size_t *seen, size_t *ret_end)
{
	size_t first, end = 0;

	if (*seen == 0 && bytes.len > 0 && bytes.ptr[0] != '\r')
		end = find_plain_end(bytes, &first);
	if (end == 0)
		return find_end(bytes, limits, is_request, seen, ret_end);
	*ret_end = end;
	return is_request ? http_first_line_check(str_first(bytes, first), true, limits)
	                  : NULL;
}

fault_t http_head_end(str bytes, const struct http_limits *limits, bool is_request,
                      size_t *seen, size_t *ret_end)
{
	size_t end = 0;
	fault_t why = is_request ? NULL : check_status_line(bytes);

	assert(limits->head <= HTTP_HEAD_MOST);
	if (!why)
		why = find_end_fast(str_first(bytes, limits->head), limits, is_request,
		                    seen, &end);
	if (why)
		return why;
	if (end == 0 && bytes.len > limits->head)
		return is_request ? FAULT_HTTP_HEAD_LARGE : FAULT_UPSTREAM_LARGE;
	*ret_end = end;
	return NULL;
}
