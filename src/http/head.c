/* head.c - reads the heads of requests and responses.
 *
 * A whole head is gone through once and sliced; what bears on framing is noted on the
 * way, and the conclusions are drawn (framing.c).  Nearly every head is here as a whole
 * when it is first looked at, and the same walk finds its end; for all others, and for
 * whatever is wrong with one, http_head_end (head_end.c) is asked first.  What a field
 * means to the gateway is the gateway's business. */
#include "http/head.h"

#include "base/assert.h"
#include "http/chars.h"
#include "http/framing.h"

#include <emmintrin.h>

const struct http_limits http_limits_default = {
	.target = 8 * KiB,
	.head = 32 * KiB,
	.fields = 100,
	.body = 32 * MiB,
	.header_timeout_ms = 10000,
	.body_timeout_ms = 30000,
	.body_rate = 1 * KiB,
	.idle_timeout_ms = 75000,
	.write_timeout_ms = 60000,
};

const struct http_limits http_response_limits = {
	.head = 64 * KiB,
	.fields = HTTP_FIELDS_MOST,
};

/* ---- the first line of a request ---- */

/* Splits "method SP target SP version", one blank each. */
static fault_t split_request_line(str line, str *ret_method, str *ret_target,
                                  unsigned *ret_minor)
{
	str rest = line, method = str_cut(&rest, ' '), target = str_cut(&rest, ' ');
	size_t i = 0;

	while (i < method.len && http_char_is(method.ptr[i], HTTP_TOKEN))
		i++;
	if (method.len == 0 || i < method.len)
		return FAULT_HTTP_MALFORMED;
	for (i = 0; i < target.len && http_char_is(target.ptr[i], HTTP_TARGET); i++)
		;
	if (target.len == 0 || i < target.len)
		return FAULT_HTTP_MALFORMED;
	if (rest.len != 8 || !str_starts(rest, STR("HTTP/")) ||
	    !char_is_digit(rest.ptr[5]) || rest.ptr[6] != '.' ||
	    !char_is_digit(rest.ptr[7]))
		return FAULT_HTTP_MALFORMED;
	if (rest.ptr[5] != '1' || rest.ptr[7] > '1')
		return FAULT_HTTP_VERSION;
	*ret_method = method;
	*ret_target = target;
	*ret_minor = rest.ptr[7] == '1';
	return NULL;
}

/* The target of a first line that may not be whole yet: is it over the limit already? */
static bool target_is_long(str line, size_t limit)
{
	if (line.len <= limit)
		return false;
	str_cut(&line, ' ');
	return str_find(line, ' ') > limit;
}

fault_t http_first_line_check(str line, bool whole, const struct http_limits *limits)
{
	str method, target;
	unsigned minor;

	if (line.len > 0 && !http_char_is(line.ptr[0], HTTP_TOKEN))
		return FAULT_HTTP_MALFORMED;
	if (target_is_long(line, limits->target))
		return FAULT_HTTP_TARGET_LONG;
	if (!whole || str_ends(line, STR(" HTTP/1.1")))
		return NULL;
	return split_request_line(line, &method, &target, &minor);
}

/* ---- fields ---- */

static inline __m128i load(const char *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static inline __m128i at_most(__m128i x, char most)
{
	return _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(most)), x);
}

/* The end of a value: the first byte that may not stand in one.  Sixteen bytes at a time
 * are looked at for control bytes, DEL included. */
static const char *skip_value(const char *p, const char *end)
{
	while (end - p >= 16) {
		__m128i x = load(p);
		__m128i bad = _mm_or_si128(at_most(x, 0x1f),
		                           _mm_cmpeq_epi8(x, _mm_set1_epi8(0x7f)));
		unsigned bits = (unsigned)_mm_movemask_epi8(bad);

		p += bits ? __builtin_ctz(bits) : 16;
		if (bits && *p++ != '\t')
			return p - 1;
	}
	while (p < end && http_char_is(*p, HTTP_VALUE))
		p++;
	return p;
}

/* The end of a name, or any place before it: letters, digits and '-' are passed sixteen
 * at a time. */
static const char *skip_letters(const char *p, const char *end)
{
	while (end - p >= 16) {
		__m128i x = load(p);
		__m128i small = _mm_or_si128(x, _mm_set1_epi8(0x20));
		__m128i letter = at_most(_mm_sub_epi8(small, _mm_set1_epi8('a')), 25);
		__m128i digit = at_most(_mm_sub_epi8(x, _mm_set1_epi8('0')), 9);
		__m128i good = _mm_or_si128(_mm_or_si128(letter, digit),
		                            _mm_cmpeq_epi8(x, _mm_set1_epi8('-')));
		unsigned bits = (unsigned)_mm_movemask_epi8(good) ^ 0xffff;

		if (bits)
			return p + __builtin_ctz(bits);
		p += 16;
	}
	return p;
}

/* One line, from *at to behind its end: "name:value CR LF".  False: malformed. */
static inline bool read_field(const char **at, const char *end, struct http_field *ret)
{
	const char *name = *at, *p = skip_letters(name, end), *value, *cr;
	bool is_simple = p < end && *p == ':';

	while (!is_simple && p < end && http_char_is(*p, HTTP_TOKEN))
		p++;
	if (p == name || p == end || *p != ':')
		return false;
	ret->name = str_of(name, (size_t)(p - name));
	for (p++; p < end && (*p == ' ' || *p == '\t'); p++)
		;
	value = p;
	cr = p = skip_value(p, end);
	if (end - cr < 2 || cr[0] != '\r' || cr[1] != '\n')
		return false;
	while (p > value && (p[-1] == ' ' || p[-1] == '\t'))
		p--;
	ret->value = str_of(value, (size_t)(p - value));
	ret->known = is_simple ? http_simple_name(ret->name) : http_name_of(ret->name);
	*at = cr + 2;
	return true;
}

enum fields { FIELDS_GOOD, FIELDS_MALFORMED, FIELDS_TOO_MANY };

/* All lines from *at to the blank one, behind which *at is then.  FIELDS_MALFORMED also
 * when there is none. */
static enum fields read_fields(const char **at, const char *end, unsigned most,
                               struct http_field *fields, unsigned *ret_count,
                               struct notes *n)
{
	unsigned count = 0, lines = 0;

	while (end - *at >= 2 && ((*at)[0] != '\r' || (*at)[1] != '\n')) {
		struct http_field *f = &fields[count];

		if (lines++ == most)
			return FIELDS_TOO_MANY;
		if (!read_field(at, end, f))
			return FIELDS_MALFORMED;
		n->names |= http_name_bit(f->known);
		if (!notes_concern(f->known) || notes_take(n, f))
			count++;
	}
	if (end - *at < 2)
		return FIELDS_MALFORMED;
	*at += 2;
	*ret_count = count;
	return FIELDS_GOOD;
}

/* ---- conclusions ---- */

static enum http_method method_of(str method)
{
	static const struct {
		str name;
		enum http_method method;
	} known[] = {
		{ STR_INIT("POST"), HTTP_POST },
		{ STR_INIT("GET"), HTTP_GET },
		{ STR_INIT("HEAD"), HTTP_HEAD },
		{ STR_INIT("OPTIONS"), HTTP_OPTIONS },
		{ STR_INIT("DELETE"), HTTP_DELETE },
		{ STR_INIT("PUT"), HTTP_PUT },
		{ STR_INIT("PATCH"), HTTP_PATCH },
	};

	for (size_t i = 0; i < countof(known); i++)
		if (str_eq(known[i].name, method))
			return known[i].method;
	return HTTP_OTHER;
}

/* Origin-form; absolute-form when its authority is that of Host (R60), of which the
 * authority is cut off; "*" for OPTIONS alone (R61). */
static fault_t read_target(struct http_request *r, str target)
{
	if (target.ptr[0] != '/' && (str_starts_nocase(target, STR("http://")) ||
	                             str_starts_nocase(target, STR("https://")))) {
		str rest = str_from(target, str_find_str(target, STR("//")) + 2);
		str authority = str_first(rest, str_find_any(rest, STR("/?")));

		if (r->host.len == 0 || !str_eq_nocase(authority, r->host))
			return FAULT_HTTP_HOST;
		target = str_from(rest, authority.len);
	} else if (target.ptr[0] != '/' &&
	           !(r->method == HTTP_OPTIONS && str_eq(target, STR("*")))) {
		return FAULT_HTTP_MALFORMED;
	}
	r->target = r->query = target;
	r->path = str_cut(&r->query, '?');
	if (r->path.len == 0)
		r->path = STR("/");
	if (r->target.len == 0)
		r->target = r->path;
	return NULL;
}

static fault_t check_request(struct http_request *r, const struct notes *n)
{
	bool has_body = r->body == HTTP_BODY_CHUNKED || r->length > 0;

	if (n->names_framing)
		return FAULT_HTTP_FRAMING;
	if (n->hosts > 1 || (n->hosts == 0 && r->minor > 0) ||
	    (n->hosts && !notes_is_host(n->host)))
		return FAULT_HTTP_HOST;
	if (n->expects > 1 ||
	    (n->expects && !str_eq_nocase(n->expect, STR("100-continue"))))
		return FAULT_HTTP_EXPECT;
	if (has_body && (r->method == HTTP_GET || r->method == HTTP_HEAD ||
	                 r->method == HTTP_DELETE || r->method == HTTP_OPTIONS))
		return FAULT_HTTP_BODY_FORBIDDEN;
	if (n->content_coded)
		return FAULT_HTTP_CONTENT_CODING;
	r->host = n->host;
	r->expects_continue = n->expects && r->minor > 0 && has_body;
	r->upgrades = n->says_upgrade && n->websocket;
	r->names_hops = n->names_hops;
	r->names = n->names;
	r->keep_alive = !n->says_close && (r->minor > 0 || n->says_keep_alive);
	return NULL;
}

/* What the lines of a request say together. */
static fault_t conclude_request(str method, str target, const struct notes *n,
                                struct http_request *ret)
{
	fault_t why;

	if (str_eq(method, STR("CONNECT")))
		return FAULT_HTTP_METHOD;
	ret->method = method_of(method);
	if ((why = notes_body(n, ret->minor, &ret->body, &ret->length)) ||
	    (why = check_request(ret, n)))
		return why;
	return read_target(ret, target);
}

fault_t http_request_parse(str head, const struct http_limits *limits,
                           struct http_request *ret)
{
	struct notes n = { .hosts = 0 };
	str line, method, target;
	const char *at, *end;
	fault_t why;

	assert(limits->fields <= HTTP_FIELDS_MOST);
	str_skip(&head, STR("\r\n"));
	line = str_first(head, str_find(head, '\r'));
	if ((why = split_request_line(line, &method, &target, &ret->minor)))
		return why;
	at = head.ptr + line.len + 2;
	end = head.ptr + head.len;
	switch (read_fields(&at, end, limits->fields, ret->fields, &ret->count, &n)) {
	case FIELDS_GOOD:
		break;
	case FIELDS_MALFORMED:
		return FAULT_HTTP_MALFORMED;
	case FIELDS_TOO_MANY:
		return FAULT_HTTP_HEAD_LARGE;
	}
	if (at != end)
		return FAULT_HTTP_MALFORMED;
	return conclude_request(method, target, &n, ret);
}

/* The first line, when it is there as a whole and its end is none but CR LF. */
static bool first_line(str bytes, str *ret)
{
	*ret = str_first(bytes, str_find(bytes, '\r'));
	return ret->len > 0 && ret->len + 1 < bytes.len &&
	       bytes.ptr[ret->len + 1] == '\n';
}

/* The way of nearly every request: its head is here as a whole and well formed, so that
 * one walk finds its end and all that is in it.  False: whatever it is, http_head_end
 * knows the verdict. */
static bool request_at_once(str bytes, const struct http_limits *limits, size_t *ret_end,
                            struct http_request *ret, fault_t *ret_why)
{
	struct notes n = { .hosts = 0 };
	str line, method, target;
	const char *at;

	bytes = str_first(bytes, limits->head);
	if (!first_line(bytes, &line) || line.len > limits->target ||
	    split_request_line(line, &method, &target, &ret->minor))
		return false;
	at = bytes.ptr + line.len + 2;
	if (read_fields(&at, bytes.ptr + bytes.len, limits->fields, ret->fields,
	                &ret->count, &n) != FIELDS_GOOD)
		return false;
	*ret_end = (size_t)(at - bytes.ptr);
	*ret_why = conclude_request(method, target, &n, ret);
	return true;
}

fault_t http_request_read(str bytes, const struct http_limits *limits, size_t *seen,
                          size_t *ret_end, struct http_request *ret)
{
	fault_t why;

	*ret_end = 0;
	if (*seen == 0 && request_at_once(bytes, limits, ret_end, ret, &why))
		return why;
	why = http_head_end(bytes, limits, true, seen, ret_end);
	if (why || *ret_end == 0)
		return why;
	return http_request_parse(str_first(bytes, *ret_end), limits, ret);
}

static bool read_status_line(str line, struct http_response *ret)
{
	if (line.len < 12 || !str_starts(line, STR("HTTP/1.")) || line.ptr[8] != ' ' ||
	    (line.ptr[7] != '0' && line.ptr[7] != '1'))
		return false;
	for (size_t i = 9; i < 12; i++)
		if (!char_is_digit(line.ptr[i]))
			return false;
	if (line.len > 12 && line.ptr[12] != ' ')
		return false;
	if (!http_value_is_safe(line))
		return false;
	ret->minor = line.ptr[7] == '1';
	ret->status = (line.ptr[9] - '0') * 100 + (line.ptr[10] - '0') * 10 +
	              (line.ptr[11] - '0');
	return ret->status >= 100 && ret->status <= 599;
}

/* What the lines of a response say together. */
static fault_t conclude_response(const struct notes *n, struct http_response *ret)
{
	if (notes_body(n, ret->minor, &ret->body, &ret->length))
		return FAULT_UPSTREAM_MALFORMED;
	ret->names_hops = n->names_hops;
	ret->names = n->names;
	ret->keep_alive = !n->says_close && (ret->minor > 0 || n->says_keep_alive);
	if (ret->status < 200)
		return NULL; /* what a 1xx says of a body is not true; another head
		                follows */
	if (ret->status == 204 || ret->status == 304) {
		/* A body that must not be: what comes of it is no answer to anything. */
		ret->keep_alive &= ret->body == HTTP_BODY_NONE || ret->length == 0;
		ret->keep_alive &= ret->body != HTTP_BODY_CHUNKED;
		ret->body = HTTP_BODY_NONE;
	} else if (ret->body == HTTP_BODY_NONE) {
		ret->body = HTTP_BODY_TO_EOF;
		ret->keep_alive = false;
	}
	return NULL;
}

fault_t http_response_parse(str head, struct http_response *ret)
{
	struct notes n = { .hosts = 0 };
	str line = str_first(head, str_find(head, '\r'));
	const char *at, *end = head.ptr + head.len;
	enum fields fields;

	if (!read_status_line(line, ret))
		return FAULT_UPSTREAM_MALFORMED;
	at = head.ptr + line.len + 2;
	fields = read_fields(&at, end, HTTP_FIELDS_MOST, ret->fields, &ret->count, &n);
	if (fields == FIELDS_TOO_MANY)
		return FAULT_UPSTREAM_LARGE;
	if (fields == FIELDS_MALFORMED || at != end)
		return FAULT_UPSTREAM_MALFORMED;
	return conclude_response(&n, ret);
}

/* As request_at_once. */
static bool response_at_once(str bytes, size_t *ret_end, struct http_response *ret,
                             fault_t *ret_why)
{
	struct notes n = { .hosts = 0 };
	const char *at;
	str line;

	bytes = str_first(bytes, http_response_limits.head);
	if (!first_line(bytes, &line) || !read_status_line(line, ret))
		return false;
	at = bytes.ptr + line.len + 2;
	if (read_fields(&at, bytes.ptr + bytes.len, HTTP_FIELDS_MOST, ret->fields,
	                &ret->count, &n) != FIELDS_GOOD)
		return false;
	*ret_end = (size_t)(at - bytes.ptr);
	*ret_why = conclude_response(&n, ret);
	return true;
}

fault_t http_response_read(str bytes, size_t *seen, size_t *ret_end,
                           struct http_response *ret)
{
	fault_t why;

	*ret_end = 0;
	if (*seen == 0 && response_at_once(bytes, ret_end, ret, &why))
		return why;
	why = http_head_end(bytes, &http_response_limits, false, seen, ret_end);
	if (why || *ret_end == 0)
		return why;
	return http_response_parse(str_first(bytes, *ret_end), ret);
}
