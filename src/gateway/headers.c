#include "gateway/headers.h"

#include "base/assert.h"
#include "loop/net.h"

/* Of the connection itself (RFC 9110 7.6.1). */
#define HOP_BY_HOP                                                                       \
	STR_INIT("connection"), STR_INIT("http2-settings"), STR_INIT("keep-alive"),      \
	        STR_INIT("proxy-authenticate"), STR_INIT("proxy-authorization"),         \
	        STR_INIT("proxy-connection"), STR_INIT("te"), STR_INIT("trailer"),       \
	        STR_INIT("transfer-encoding"), STR_INIT("upgrade")

/* Lower case; a name ending in '-' stands for all that begin so. */
static const str never_upstream[] = {
	HOP_BY_HOP,
	STR_INIT("accept-encoding"), /* identity is ours to say */
	STR_INIT("api-key"),
	STR_INIT("authorization"),
	STR_INIT("cf-connecting-"),
	STR_INIT("cf-ipcountry"),
	STR_INIT("cf-visitor"),
	STR_INIT("client-ip"),
	STR_INIT("content-length"),
	STR_INIT("content-type"), /* said by us, with its value */
	STR_INIT("cookie"),
	STR_INIT("cookie2"),
	STR_INIT("expect"),
	STR_INIT("forwarded"),
	STR_INIT("host"),
	STR_INIT("openai-organization"),
	STR_INIT("openai-project"),
	STR_INIT("true-client-ip"),
	STR_INIT("x-api-key"),
	STR_INIT("x-client-ip"),
	STR_INIT("x-client-request-id"),
	STR_INIT("x-forwarded-"),
	STR_INIT("x-goog-api-key"),
	STR_INIT("x-original-"),
	STR_INIT("x-real-ip"),
	STR_INIT("x-request-id"),
	STR_INIT("x-rewrite-"),
	STR_INIT("x-sluice-"),
	/* feature headers of other formats than the target's */
	STR_INIT("anthropic-"),
	STR_INIT("x-goog-"),
};

static const str never_to_client[] = {
	HOP_BY_HOP,
	STR_INIT("access-control-"),
	STR_INIT("alt-svc"),
	STR_INIT("content-encoding"),
	STR_INIT("content-length"),
	STR_INIT("content-security-"),
	STR_INIT("content-type"), /* said by us, with its value */
	STR_INIT("openai-organization"),
	STR_INIT("openai-project"),
	STR_INIT("set-cookie"),
	STR_INIT("strict-transport-security"),
	STR_INIT("x-accel-"),
	STR_INIT("x-ratelimit-"),
	STR_INIT("x-sluice-"),
};

/* Names as a small hash set, prefixes by their first four letters: most names of a
 * request are on no list, and this tells so without comparing. */
enum { SET = 128, PREFIX = 4 };

struct name_set {
	uint8_t names[SET];   /* 1 + index into the list; open addressing */
	uint32_t prefixes[8]; /* 1 + index of those, by their first letters */
	unsigned prefix_count;
};

static unsigned hash_of(str name)
{
	return ((unsigned)char_lower(name.ptr[0]) * 7 +
	        (unsigned)char_lower(name.ptr[name.len - 1]) * 3 +
	        (unsigned)name.len * 5);
}

static void set_make(struct name_set *set, const str *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		unsigned at = hash_of(list[i]) % SET;

		if (list[i].ptr[list[i].len - 1] == '-') {
			assert(set->prefix_count < countof(set->prefixes) &&
			       list[i].len >= PREFIX);
			set->prefixes[set->prefix_count++] = (uint32_t)i;
			continue;
		}
		while (set->names[at])
			at = (at + 1) % SET;
		set->names[at] = (uint8_t)(i + 1);
	}
}

static struct name_set upstream_set, client_set;

__attribute__((constructor)) static void make_sets(void)
{
	set_make(&upstream_set, never_upstream, countof(never_upstream));
	set_make(&client_set, never_to_client, countof(never_to_client));
}

static bool is_listed(const struct name_set *set, const str *list, str name)
{
	for (unsigned at = hash_of(name) % SET; set->names[at]; at = (at + 1) % SET) {
		if (str_eq_nocase(name, list[set->names[at] - 1]))
			return true;
	}
	for (unsigned i = 0; i < set->prefix_count; i++) {
		str prefix = list[set->prefixes[i]];

		if (name.len > prefix.len && char_lower(name.ptr[0]) == prefix.ptr[0] &&
		    char_lower(name.ptr[2]) == prefix.ptr[2] &&
		    str_eq_nocase_bytes(name.ptr, prefix.ptr, prefix.len))
			return true;
	}
	return false;
}

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

void headers_to_upstream(const struct http_request *req, struct buf *to)
{
	for (unsigned i = 0; i < req->count; i++) {
		str name = req->fields[i].name;

		if (is_listed(&upstream_set, never_upstream, name) ||
		    memchr(name.ptr, '_', name.len) ||
		    (req->names_hops && http_is_named_hop(req->fields, req->count, name)))
			continue;
		add(to, name, req->fields[i].value);
	}
}

void headers_to_client(const struct http_response *res, struct buf *to)
{
	/* The parser has refused values with control bytes. */
	for (unsigned i = 0; i < res->count; i++) {
		str name = res->fields[i].name;

		if (is_listed(&client_set, never_to_client, name) ||
		    (res->names_hops && http_is_named_hop(res->fields, res->count, name)))
			continue;
		if (str_eq_nocase(name, STR("x-request-id")))
			name = STR("x-sluice-upstream-request-id");
		add(to, name, res->fields[i].value);
	}
}

/* "Bearer KEY", the scheme in any letter case. */
static str bearer(str value)
{
	str scheme = str_cut(&value, ' ');

	return str_eq_nocase(scheme, STR("bearer")) ? str_trim(value) : STR_NONE;
}

fault_t headers_credential(const struct http_request *req, str *ret)
{
	static const str places[] = { STR_INIT("authorization"), STR_INIT("x-api-key"),
		                      STR_INIT("x-goog-api-key"), STR_INIT("api-key") };
	unsigned found[countof(places)] = { 0 };
	bool any = false;
	str key = STR_NONE;

	for (unsigned i = 0; i < req->count; i++) {
		for (size_t p = 0; p < countof(places); p++) {
			str value = req->fields[i].value;

			if (!str_eq_nocase(req->fields[i].name, places[p]))
				continue;
			if (p == 0)
				value = bearer(value);
			/* Two lines of one name are ambiguous even when they agree (R75).
			 */
			if (found[p]++ || (key.len && value.len && !str_eq(key, value)))
				return FAULT_KEYS_DIFFER;
			any = true;
			if (value.len)
				key = value;
		}
	}
	/* One that cannot be read is a wrong one: it gets the same answer (R76). */
	*ret = key;
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
	str origin = http_request_get(req, STR("origin"));

	if (!is_local_host(req->host))
		return false;
	if (origin.len == 0)
		return true;
	return (str_skip(&origin, STR("http://")) ||
	        str_skip(&origin, STR("https://"))) &&
	       is_local_host(origin);
}
