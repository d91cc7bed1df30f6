/* net.c - reading, printing and judging socket addresses.
 *
 * What may be reached is decided on the binary address, never on its spelling: net_parse
 * knows one spelling per address, and net_is_private looks at the bits, also at those of
 * an IPv4 address wrapped in an IPv6 one. */
#include "loop/net.h"

#include <arpa/inet.h>

/* A NUL-terminated copy for inet_pton; false when it cannot be an address. */
static bool copy_z(str text, char *to, size_t size)
{
	if (text.len == 0 || text.len >= size || memchr(text.ptr, '\0', text.len))
		return false;
	memcpy(to, text.ptr, text.len);
	to[text.len] = '\0';
	return true;
}

/* glibc's inet_pton takes four decimal numbers without leading zeros, and no zone ids. */
bool net_parse_ip(str text, uint16_t port, struct net_addr *ret)
{
	char z[INET6_ADDRSTRLEN];
	struct in_addr v4;
	struct in6_addr v6;

	if (!copy_z(text, z, sizeof(z)))
		return false;
	if (inet_pton(AF_INET, z, &v4) == 1) {
		*ret = (struct net_addr){ .len = sizeof(ret->in) };
		ret->in = (struct sockaddr_in){ .sin_family = AF_INET,
			                        .sin_port = htons(port),
			                        .sin_addr = v4 };
		return true;
	}
	if (inet_pton(AF_INET6, z, &v6) != 1)
		return false;
	*ret = (struct net_addr){ .len = sizeof(ret->in6) };
	ret->in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6,
		                          .sin6_port = htons(port),
		                          .sin6_addr = v6 };
	return true;
}

static bool parse_unix(str path, struct net_addr *ret)
{
	bool is_abstract = str_skip(&path, STR("@"));
	size_t room = sizeof(ret->un.sun_path) - 1;
	size_t before = offsetof(struct sockaddr_un, sun_path);

	if (path.len == 0 || path.len > room || memchr(path.ptr, '\0', path.len))
		return false;
	*ret = (struct net_addr){ .len = (socklen_t)(before + path.len + 1) };
	ret->un.sun_family = AF_UNIX;
	memcpy(ret->un.sun_path + (is_abstract ? 1 : 0), path.ptr, path.len);
	return true;
}

static bool parse_port(str text, uint16_t *ret)
{
	uint64_t value;

	if (text.len > 5 || (text.len > 1 && text.ptr[0] == '0'))
		return false;
	if (!str_to_u64(text, &value) || value > UINT16_MAX)
		return false;
	*ret = (uint16_t)value;
	return true;
}

bool net_parse(str text, struct net_addr *ret)
{
	uint16_t port;

	if (str_skip(&text, STR("unix:")))
		return parse_unix(text, ret);
	bool in_brackets = str_skip(&text, STR("["));
	size_t colon = in_brackets ? str_find_str(text, STR("]:")) : str_find(text, ':');
	str ip = str_first(text, colon);
	if (!parse_port(str_from(text, colon + (in_brackets ? 2 : 1)), &port))
		return false;
	/* Brackets are for IPv6, and only for it. */
	return (str_find(ip, ':') < ip.len) == in_brackets && net_parse_ip(ip, port, ret);
}

static void print_unix(const struct net_addr *a, struct buf *to)
{
	size_t before = offsetof(struct sockaddr_un, sun_path);
	size_t len = a->len > before ? a->len - before : 0;
	str path = str_of(a->un.sun_path, len);

	buf_add(to, STR("unix:"));
	if (len > 1 && path.ptr[0] == '\0') {
		buf_add_char(to, '@');
		buf_add(to, str_from(path, 1));
	} else {
		buf_add(to, str_first(path, strnlen(path.ptr, len)));
	}
}

static char *put_byte(char *at, unsigned value)
{
	if (value >= 100)
		*at++ = (char)('0' + value / 100);
	if (value >= 10)
		*at++ = (char)('0' + value / 10 % 10);
	*at++ = (char)('0' + value % 10);
	return at;
}

void net_print_ip(const struct net_addr *a, struct buf *to)
{
	char text[INET6_ADDRSTRLEN];

	if (a->len == 0)
		return;
	if (a->sa.sa_family == AF_UNIX) {
		print_unix(a, to);
		return;
	}
	bool v6 = a->sa.sa_family == AF_INET6;
	if (!v6) { /* once per exchange: worth doing without printf */
		const uint8_t *bytes = (const uint8_t *)&a->in.sin_addr;
		char *at = text;

		for (int i = 0; i < 4; i++) {
			at = put_byte(at, bytes[i]);
			*at++ = '.';
		}
		buf_add(to, str_of(text, (size_t)(at - text) - 1));
		return;
	}
	if (inet_ntop(AF_INET6, &a->in6.sin6_addr, text, sizeof(text)))
		buf_add(to, str_from_z(text));
}

void net_print(const struct net_addr *a, struct buf *to)
{
	bool v6 = a->len && a->sa.sa_family == AF_INET6;

	if (v6)
		buf_add_char(to, '[');
	net_print_ip(a, to);
	if (v6)
		buf_add_char(to, ']');
	if (a->len && a->sa.sa_family != AF_UNIX) {
		buf_add_char(to, ':');
		buf_add_u64(to, net_port(a));
	}
}

uint16_t net_port(const struct net_addr *a)
{
	if (a->len && a->sa.sa_family == AF_INET)
		return ntohs(a->in.sin_port);
	if (a->len && a->sa.sa_family == AF_INET6)
		return ntohs(a->in6.sin6_port);
	return 0;
}

bool net_eq(const struct net_addr *a, const struct net_addr *b)
{
	if (a->len != b->len || (a->len && a->sa.sa_family != b->sa.sa_family))
		return false;
	if (a->len == 0)
		return true;
	if (a->sa.sa_family == AF_INET)
		return a->in.sin_port == b->in.sin_port &&
		       a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
	if (a->sa.sa_family == AF_INET6)
		return a->in6.sin6_port == b->in6.sin6_port &&
		       a->in6.sin6_scope_id == b->in6.sin6_scope_id &&
		       memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, 16) == 0;
	return memcmp(&a->un, &b->un, a->len) == 0;
}

void net_unmap(struct net_addr *a)
{
	if (!a->len || a->sa.sa_family != AF_INET6 ||
	    !IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr))
		return;
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = a->in6.sin6_port };
	memcpy(&v4.sin_addr, a->in6.sin6_addr.s6_addr + 12, 4);
	*a = (struct net_addr){ .len = sizeof(v4) };
	a->in = v4;
}

bool net_is_loopback(const struct net_addr *a)
{
	struct net_addr plain = *a;

	net_unmap(&plain);
	if (plain.len == 0)
		return false;
	if (plain.sa.sa_family == AF_INET)
		return ntohl(plain.in.sin_addr.s_addr) >> 24 == 127;
	if (plain.sa.sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&plain.in6.sin6_addr);
	return plain.sa.sa_family == AF_UNIX;
}

/* IPv4 that is no host of the public internet (IANA special-purpose registry). */
static const struct {
	uint8_t ip[4];
	unsigned bits;
} private_v4[] = {
	{ { 0, 0, 0, 0 }, 8 },        /* "this network" */
	{ { 10, 0, 0, 0 }, 8 },       /* private */
	{ { 100, 64, 0, 0 }, 10 },    /* carrier NAT; Alibaba's metadata */
	{ { 127, 0, 0, 0 }, 8 },      /* loopback */
	{ { 168, 63, 129, 16 }, 32 }, /* Azure's wire server */
	{ { 169, 254, 0, 0 }, 16 },   /* link-local, metadata */
	{ { 172, 16, 0, 0 }, 12 },    /* private */
	{ { 192, 0, 0, 0 }, 24 },     /* protocol assignments; Oracle's metadata */
	{ { 192, 0, 2, 0 }, 24 },     /* documentation */
	{ { 192, 88, 99, 0 }, 24 },   /* 6to4 relays */
	{ { 192, 168, 0, 0 }, 16 },   /* private */
	{ { 198, 18, 0, 0 }, 15 },    /* benchmarks */
	{ { 198, 51, 100, 0 }, 24 },  /* documentation */
	{ { 203, 0, 113, 0 }, 24 },   /* documentation */
	{ { 224, 0, 0, 0 }, 4 },      /* multicast */
	{ { 240, 0, 0, 0 }, 4 },      /* reserved, broadcast */
};

static uint32_t read_u32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 |
	       at[3];
}

static bool is_private_v4(const uint8_t *ip)
{
	for (size_t i = 0; i < countof(private_v4); i++) {
		uint32_t differ = read_u32(ip) ^ read_u32(private_v4[i].ip);

		if (differ >> (32 - private_v4[i].bits) == 0)
			return true;
	}
	return false;
}

/* Public IPv6 is 2000::/3 without the blocks that are no hosts; an address which stands
 * for an IPv4 one is what that one is. */
static bool is_private_v6(const uint8_t *ip)
{
	static const uint8_t nat64[12] = { 0, 0x64, 0xff, 0x9b };
	uint32_t first = read_u32(ip);

	if (IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)ip) || !memcmp(ip, nat64, 12))
		return is_private_v4(ip + 12);
	if (first >> 16 == 0x2002) /* 6to4 */
		return is_private_v4(ip + 2);
	return first >> 29 != 1 || first >> 9 == 0x20010000u >> 9 || /* Teredo and such */
	       first == 0x20010db8 || first >> 12 == 0x3fff0;        /* documentation */
}

bool net_is_private(const struct net_addr *a)
{
	if (a->len && a->sa.sa_family == AF_INET)
		return is_private_v4((const uint8_t *)&a->in.sin_addr);
	if (a->len && a->sa.sa_family == AF_INET6)
		return a->in6.sin6_scope_id != 0 ||
		       is_private_v6(a->in6.sin6_addr.s6_addr);
	return true;
}
