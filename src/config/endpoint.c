/* endpoint.c - strict: what two programs could read differently is refused.
 *
 * No user names, no query, no fragment, no dot segments, and no host that only looks like
 * a name but which a resolver would read as an IPv4 address (127.1, 0x7f.1, 2130706433).
 */
#include "config/endpoint.h"

#include "loop/net.h"

enum { URL_MOST = 2048, HOST_MOST = 253, LABEL_MOST = 63 };

static bool is_path_char(char c)
{
	static const str refused = STR_INIT("?#\\\"<>^`{|}%");

	return c > ' ' && c < 0x7f && str_find(refused, c) == refused.len;
}

/* "/v1/": what stands behind the authority, without the slashes at its end. */
static bool parse_path(str path, str *ret, const char **why)
{
	str rest;

	while (str_ends(path, STR("/")))
		path = str_first(path, path.len - 1);
	for (size_t i = 0; i < path.len; i++) {
		if (is_path_char(path.ptr[i]))
			continue;
		*why = path.ptr[i] == '?'   ? "it has a query"
		       : path.ptr[i] == '#' ? "it has a fragment"
		                            : "its path has a character it may not have";
		return false;
	}
	rest = str_from(path, 1);
	while (rest.len > 0) {
		str segment = str_cut(&rest, '/');

		if (segment.len > 0 && !str_eq(segment, STR(".")) &&
		    !str_eq(segment, STR("..")))
			continue;
		*why = "its path has an empty or dotted segment";
		return false;
	}
	*ret = path;
	return true;
}

static bool is_label(str label)
{
	if (label.len == 0 || label.len > LABEL_MOST || label.ptr[0] == '-' ||
	    label.ptr[label.len - 1] == '-')
		return false;
	for (size_t i = 0; i < label.len; i++) {
		char low = char_lower(label.ptr[i]);

		if (!(low >= 'a' && low <= 'z') && !char_is_digit(low) && low != '-' &&
		    low != '_')
			return false;
	}
	return true;
}

/* A last label of digits, or of 0x and hex digits, is an address to inet_aton. */
static bool is_address_in_disguise(str last)
{
	if (str_starts_nocase(last, STR("0x")))
		return true;
	for (size_t i = 0; i < last.len; i++)
		if (!char_is_digit(last.ptr[i]))
			return false;
	return true;
}

static bool is_name(str host)
{
	str rest = host, label = STR_NONE;

	if (host.len == 0 || host.len > HOST_MOST)
		return false;
	while (rest.len > 0) {
		label = str_cut(&rest, '.');
		if (!is_label(label))
			return false;
	}
	return host.ptr[host.len - 1] != '.' && !is_address_in_disguise(label);
}

static str lower_copy(struct arena *keep, str s)
{
	char *copy = arena_alloc(keep, s.len + 1);

	for (size_t i = 0; i < s.len; i++)
		copy[i] = char_lower(s.ptr[i]);
	return str_of(copy, s.len);
}

/* host is what stands between the brackets or before the colon. */
static bool parse_host(str host, bool bracketed, struct arena *keep, struct endpoint *e)
{
	struct net_addr addr;

	e->host = lower_copy(keep, host);
	e->is_literal = net_parse_ip(host, e->port, &addr);
	if (e->is_literal) {
		e->is_private_literal = net_is_private(&addr);
		return bracketed == (addr.sa.sa_family == AF_INET6);
	}
	e->is_private_literal =
	        str_eq(e->host, STR("localhost")) || str_ends(e->host, STR(".localhost"));
	return !bracketed && is_name(host);
}

static bool parse_port(str text, uint16_t *ret)
{
	uint64_t port;

	if (text.len > 5 || !str_to_u64(text, &port) || port == 0 || port > UINT16_MAX)
		return false;
	*ret = (uint16_t)port;
	return true;
}

static bool parse_authority(str text, struct arena *keep, struct endpoint *e,
                            const char **why)
{
	uint16_t usual = e->tls ? 443 : 80;
	bool bracketed = str_skip(&text, STR("["));
	size_t end = str_find(text, bracketed ? ']' : ':');
	str host = str_first(text, end), rest = str_from(text, end);

	*why = "it has a user name; write the credential as key";
	if (str_find(text, '@') < text.len)
		return false;
	*why = "its host is not a name or an IP address";
	if (bracketed && !str_skip(&rest, STR("]")))
		return false;
	e->port = usual;
	if (rest.len > 0 && (!str_skip(&rest, STR(":")) || !parse_port(rest, &e->port))) {
		*why = "its port is not a number from 1 to 65535";
		return false;
	}
	if (!parse_host(host, bracketed, keep, e))
		return false;
	if (e->port == usual)
		e->authority = arena_printf(keep, bracketed ? "[%.*s]" : "%.*s",
		                            STR_ARG(e->host));
	else
		e->authority = arena_printf(keep, bracketed ? "[%.*s]:%u" : "%.*s:%u",
		                            STR_ARG(e->host), e->port);
	return true;
}

/* "unix:/run/x.sock:/v1": the path behind the second colon. */
static bool parse_unix(str url, struct arena *keep, struct endpoint *e, const char **why)
{
	size_t colon = 5 + str_find(str_from(url, 5), ':');
	struct net_addr addr;

	e->host = arena_copy(keep, str_first(url, colon));
	e->authority = STR("localhost");
	e->is_literal = e->is_private_literal = true;
	*why = "its socket is not unix:/path or unix:@name";
	if (url.len < 6 || (url.ptr[5] != '/' && url.ptr[5] != '@') ||
	    !net_parse(e->host, &addr))
		return false;
	if (colon < url.len && !str_starts(str_from(url, colon + 1), STR("/"))) {
		*why = "its path does not begin with a slash";
		return false;
	}
	return parse_path(arena_copy(keep, str_from(url, colon + 1)), &e->base_path, why);
}

bool endpoint_parse(str url, struct arena *keep, struct endpoint *ret, const char **why)
{
	struct endpoint e = { 0 };
	size_t end;

	if (url.len > URL_MOST) {
		*why = "it is too long";
		return false;
	}
	if (str_starts(url, STR("unix:"))) {
		if (!parse_unix(url, keep, &e, why))
			return false;
		*ret = e;
		return true;
	}
	e.tls = str_starts_nocase(url, STR("https://"));
	if (!e.tls && !str_starts_nocase(url, STR("http://"))) {
		*why = "it does not begin with https://, http:// or unix:";
		return false;
	}
	url = str_from(url, e.tls ? 8 : 7);
	end = str_find_any(url, STR("/?#"));
	if (!parse_authority(str_first(url, end), keep, &e, why) ||
	    !parse_path(arena_copy(keep, str_from(url, end)), &e.base_path, why))
		return false;
	*ret = e;
	return true;
}
