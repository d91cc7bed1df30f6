/* net.h - socket addresses as values: IPv4, IPv6, Unix sockets (abstract ones too). */
#pragma once
#include "base/buf.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

struct net_addr {
	socklen_t len; /* 0: none */
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	};
};

/* "127.0.0.1:8080", "[::1]:8080", "unix:/run/x.sock", "unix:@abstract".  Only literal
 * addresses; decimal, octal or short forms of IPv4 are refused (guarantees 4.4).  Port 0
 * is read: a listener may mean "any". */
bool net_parse(str text, struct net_addr *ret);
/* A literal IPv4 or IPv6 address without port or brackets. */
bool net_parse_ip(str text, uint16_t port, struct net_addr *ret);
void net_print(const struct net_addr *a, struct buf *to);
/* The address without the port. */
void net_print_ip(const struct net_addr *a, struct buf *to);
/* 0 where there is none. */
uint16_t net_port(const struct net_addr *a);
bool net_eq(const struct net_addr *a, const struct net_addr *b);
/* Makes ::ffff:1.2.3.4, as a dual-stack listener sees IPv4 clients, 1.2.3.4. */
void net_unmap(struct net_addr *a);
/* A Unix socket counts: its peer is on this machine. */
bool net_is_loopback(const struct net_addr *a);
/* Anything the public internet cannot be: loopback, private, link-local, metadata,
 * multicast, unspecified, v4-mapped and NAT64/6to4 forms of these, Unix sockets
 * (guarantees 4.4). */
bool net_is_private(const struct net_addr *a);
