#include "gateway/headers.h"

#include "base/assert.h"
#include "config/key.h"
#include "loop/net.h"

/* Of the connection itself (RFC 9110 7.6.1). */
#define HOP_BY_HOP                                                                       \
	[HTTP_NAME_CONNECTION] = true, [HTTP_NAME_HTTP2_SETTINGS] = true,                \
	[HTTP_NAME_KEEP_ALIVE] = true, [HTTP_NAME_PROXY_AUTHENTICATE] = true,            \
	[HTTP_NAME_PROXY_AUTHORIZATION] = true, [HTTP_NAME_PROXY_CONNECTION] = true,     \
	[HTTP_NAME_TE] = true, [HTTP_NAME_TRAILER] = true,                               \
	[HTTP_NAME_TRANSFER_ENCODING] = true, [HTTP_NAME_UPGRADE] = true

static const bool never_upstream[HTTP_NAMES_COUNT] = {
	HOP_BY_HOP,
	[HTTP_NAME_UNDERSCORED] = true,
	[HTTP_NAME_ACCEPT_ENCODING] = true, /* identity is ours to say */
	[HTTP_NAME_ACCESS_CONTROL_] = true,
	[HTTP_NAME_API_KEY] = true,
	[HTTP_NAME_AUTHORIZATION] = true,
	[HTTP_NAME_CLIENT_IP] = true, /* and all else that tells who the client is */
	[HTTP_NAME_CONTENT_LENGTH] = true,
	[HTTP_NAME_CONTENT_TYPE] = true, /* said by us, with its value */
	[HTTP_NAME_COOKIE] = true,       /* and what else lets the client in somewhere */
	[HTTP_NAME_EXPECT] = true,
	[HTTP_NAME_HOST] = true,
	[HTTP_NAME_OPENAI_ORGANIZATION] = true,
	[HTTP_NAME_OPENAI_PROJECT] = true,
	/* of a browser, for whose page it is: a provider would take the request for one
	 * that comes from there, and some refuse these */
	[HTTP_NAME_ORIGIN] = true,
	[HTTP_NAME_RANGE] = true, /* 206 and 304 are no answers of a model */
	[HTTP_NAME_RATELIMIT_] = true,
	[HTTP_NAME_REFERER] = true,
	[HTTP_NAME_TRACEPARENT] = true, /* said by us, where it may be: add_trace */
	[HTTP_NAME_TRACESTATE] = true,
	[HTTP_NAME_X_AMZ_CONTENT_SHA256] = true, /* of a signature; ours is another */
	[HTTP_NAME_X_AMZ_DATE] = true,
	[HTTP_NAME_X_AMZ_SECURITY_TOKEN] = true,
	[HTTP_NAME_X_API_KEY] = true,
	[HTTP_NAME_X_CLIENT_REQUEST_ID] = true,
	[HTTP_NAME_X_GOOG_API_KEY] = true,
	[HTTP_NAME_X_HTTP_METHOD] = true, /* the request would be another one */
	[HTTP_NAME_X_REQUEST_ID] = true,
	[HTTP_NAME_X_SLUICE_] = true,
	/* feature headers: only to a target of the same format (headers_features) */
	[HTTP_NAME_ANTHROPIC_] = true,
	[HTTP_NAME_OPENAI_BETA] = true,
	[HTTP_NAME_X_GOOG_] = true,
};

static const bool never_to_client[HTTP_NAMES_COUNT] = {
	HOP_BY_HOP,
	[HTTP_NAME_ACCESS_CONTROL_] = true,
	[HTTP_NAME_ALT_SVC] = true,
	/* what tells a browser, or a server before us, to do something */
	[HTTP_NAME_CLEAR_SITE_DATA] = true,
	[HTTP_NAME_CONTENT_ENCODING] = true,
	[HTTP_NAME_CONTENT_LENGTH] = true,
	[HTTP_NAME_CONTENT_SECURITY_] = true,
	[HTTP_NAME_CONTENT_TYPE] = true, /* said by us, with its value */
	[HTTP_NAME_OPENAI_ORGANIZATION] = true,
	[HTTP_NAME_OPENAI_PROJECT] = true,
	/* of our account there, not of the client's key here */
	[HTTP_NAME_RATELIMIT_] = true,
	[HTTP_NAME_SET_COOKIE] = true,
	[HTTP_NAME_STRICT_TRANSPORT_SECURITY] = true,
	[HTTP_NAME_X_ACCEL_] = true,
	[HTTP_NAME_X_RATELIMIT_] = true,
	[HTTP_NAME_X_SLUICE_] = true,
};

static void add(struct buf *to, str name, str value)
{
	if (!buf_reserve(to, name.len + value.len + 4))
		return;
	memcpy(to->ptr + to->len, name.ptr, name.len);
	to->len += name.len;
	to->ptr[to->len++] = ':';
	to->ptr[to->len++] = ' ';
	memcpy(to->ptr + to->len, value.ptr, value.len);
	to->len += value.len;
	to->ptr[to->len++] = '\r';
	to->ptr[to->len++] = '\n';
}

static const char *end_of(str s)
{
	return s.ptr + s.len;
}

/* Is it written as we would write it: "name: value"? */
static bool is_plain(const struct http_field *f)
{
	return f->value.ptr == end_of(f->name) + 2 &&
	       memcmp(f->value.ptr - 2, ": ", 2) == 0;
}

static bool follows(const struct http_field *f, const struct http_field *before)
{
	return f->name.ptr == end_of(before->value) + 2 &&
	       memcmp(f->name.ptr - 2, "\r\n", 2) == 0 && is_plain(f);
}

/* The lines [from, to) of a head.  Those that stand together are copied together. */
static void add_lines(struct buf *lines, const struct http_field *from,
                      const struct http_field *to)
{
	while (from < to) {
		const struct http_field *last = from;

		if (!is_plain(from)) {
			add(lines, from->name, from->value);
			from++;
			continue;
		}
		while (last + 1 < to && follows(last + 1, last))
			last++;
		const char *begin = from->name.ptr;
		buf_add(lines, str_of(begin, (size_t)(end_of(last->value) - begin)));
		buf_add(lines, STR("\r\n"));
		from = last + 1;
	}
}

/* A '_' is a '-' to some: such a name is not sent on, not even one of a family. */
static bool goes_upstream(const struct http_field *f)
{
	enum http_name name = http_field_name(f);

	if (never_upstream[name])
		return false;
	return name < HTTP_FAMILIES_FROM || !memchr(f->name.ptr, '_', f->name.len);
}

void headers_to_upstream(const struct http_request *req, struct buf *to)
{
	const struct http_field *begin = req->fields; /* of those to be copied together */
	const struct http_field *end = begin + req->count;

	for (const struct http_field *f = begin; f < end; f++) {
		if (likely(goes_upstream(f)) &&
		    !(req->names_hops &&
		      http_is_named_hop(req->fields, req->count, f->name)))
			continue;
		add_lines(to, begin, f);
		begin = f + 1;
	}
	add_lines(to, begin, end);
}

/* Which fields speak of a format's features; UNREAD: none. */
static const enum http_name features[WIRE_FORMATS] = {
	[WIRE_OPENAI_CHAT] = HTTP_NAME_OPENAI_BETA,
	[WIRE_OPENAI_RESPONSES] = HTTP_NAME_OPENAI_BETA,
	[WIRE_ANTHROPIC] = HTTP_NAME_ANTHROPIC_,
	[WIRE_GEMINI] = HTTP_NAME_X_GOOG_,
};

void headers_features(const struct http_request *req, enum wire_format format,
                      struct buf *to)
{
	enum http_name name = features[format];

	if (!name || !http_may_have(req->names, http_name_bit(name)))
		return;
	for (unsigned i = 0; i < req->count; i++) {
		const struct http_field *f = &req->fields[i];

		if (http_field_name(f) != name ||
		    (req->names_hops &&
		     http_is_named_hop(req->fields, req->count, f->name)))
			continue;
		add(to, f->name, f->value);
	}
}

/* As x-ratelimit-*. */
static bool is_rate_of_anthropic(const struct http_field *f, enum http_name name)
{
	return name == HTTP_NAME_ANTHROPIC_ &&
	       str_starts_nocase(f->name, STR("anthropic-ratelimit-"));
}

void headers_to_client(const struct http_response *res, struct buf *to)
{
	const struct http_field *begin = res->fields;
	const struct http_field *end = begin + res->count;

	/* The parser has refused values with control bytes. */
	for (const struct http_field *f = begin; f < end; f++) {
		enum http_name name = http_field_name(f);
		bool is_id = name == HTTP_NAME_X_REQUEST_ID;
		bool is_out = never_to_client[name] || is_rate_of_anthropic(f, name) ||
		              (res->names_hops &&
		               http_is_named_hop(res->fields, res->count, f->name));

		if (likely(!is_out && !is_id))
			continue;
		add_lines(to, begin, f);
		begin = f + 1;
		if (!is_out)
			add(to, STR("x-sluice-upstream-request-id"), f->value);
	}
	add_lines(to, begin, end);
}

/* "Bearer KEY", the scheme in any letter case. A key of ours that stands there alone is
 * no secret's business: its form says what its sender forgot. */
static str bearer(str value, bool *ret_is_bare)
{
	uint64_t id;
	str scheme;

	if (key_parse_id(value, &id)) {
		*ret_is_bare = true;
		return STR_NONE;
	}
	scheme = str_cut(&value, ' ');
	return str_eq_nocase(scheme, STR("bearer")) ? str_trim(value) : STR_NONE;
}

/* Where a credential may stand; 0: not there. */
static unsigned place_of(enum http_name name)
{
	switch ((unsigned)name) {
	case HTTP_NAME_AUTHORIZATION:
		return 1;
	case HTTP_NAME_X_API_KEY:
		return 2;
	case HTTP_NAME_X_GOOG_API_KEY:
		return 3;
	case HTTP_NAME_API_KEY:
		return 4;
	}
	return 0;
}

fault_t headers_credential(const struct http_request *req, str *ret)
{
	const uint64_t places = http_name_bit(HTTP_NAME_AUTHORIZATION) |
	                        http_name_bit(HTTP_NAME_X_API_KEY) |
	                        http_name_bit(HTTP_NAME_X_GOOG_API_KEY) |
	                        http_name_bit(HTTP_NAME_API_KEY);
	unsigned found[5] = { 0 };
	bool any = false, is_bare = false;
	str key = STR_NONE;

	for (unsigned i = 0; i < req->count; i++) {
		enum http_name name = http_field_name(&req->fields[i]);
		str value = req->fields[i].value;

		if (likely(!(places & http_name_bit(name))))
			continue;
		unsigned place = place_of(name);
		if (place == 1)
			value = bearer(value, &is_bare);
		/* Two lines of one name are ambiguous even when they agree (R75). */
		if (found[place]++ || (key.len && value.len && !str_eq(key, value)))
			return FAULT_KEYS_DIFFER;
		any = true;
		if (value.len)
			key = value;
	}
	/* One that cannot be read is a wrong one: it gets the same answer (R76). */
	*ret = key;
	if (unlikely(is_bare) && !key.len)
		return FAULT_NO_BEARER;
	return any ? NULL : FAULT_NO_KEY;
}

static bool is_local_host(str host)
{
	struct net_addr addr;
	size_t colon = str_find_last(host, ':');

	if (str_starts(host, STR("["))) {
		size_t end = str_find(host, ']');
		host = end < host.len ? str_of(host.ptr + 1, end - 1) : STR_NONE;
	} else if (colon < host.len) {
		host = str_first(host, colon);
	}
	if (str_eq_nocase(host, STR("localhost")))
		return true;
	return net_parse_ip(host, 0, &addr) && net_is_loopback(&addr);
}

bool headers_are_local(const struct http_request *req)
{
	str origin = http_request_find(req, HTTP_NAME_ORIGIN);

	if (!is_local_host(req->host))
		return false;
	if (origin.len == 0)
		return true;
	return (str_skip(&origin, STR("http://")) ||
	        str_skip(&origin, STR("https://"))) &&
	       is_local_host(origin);
}

static const struct {
	str name, value;
	enum headers_wish wish;
} wishes[] = {
	{ STR_INIT("strict"), STR_INIT("1"), WISH_STRICT },
	{ STR_INIT("hedge"), STR_INIT("off"), WISH_NO_HEDGE },
	{ STR_INIT("resume"), STR_INIT("off"), WISH_NO_RESUME },
	{ STR_INIT("tool-hold"), STR_INIT("off"), WISH_NO_TOOL_HOLD },
};

unsigned headers_wishes(const struct http_request *req)
{
	static const str prefix = STR_INIT("x-sluice-");
	unsigned found = 0;

	for (unsigned i = 0; i < req->count; i++) {
		str name = req->fields[i].name;

		if (name.len <= prefix.len || (name.ptr[0] | 0x20) != 'x' ||
		    !str_starts_nocase(name, prefix))
			continue;
		for (size_t k = 0; k < countof(wishes); k++) {
			if (str_eq_nocase(str_from(name, prefix.len), wishes[k].name) &&
			    str_eq(req->fields[i].value, wishes[k].value))
				found |= wishes[k].wish;
		}
	}
	return found;
}
