/* dns_stub.h - a name server on 127.0.0.1 that says what a test wants it to say. */
#pragma once
#include "loop/net.h"
#include "loop/sys.h"
#include "tests/check.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The answer to one name. Addresses are separated by blanks. */
struct dns_row {
	const char *name;
	const char *first, *later; /* the addresses; NULL: NXDOMAIN, "!": SERVFAIL */
	int ttl;
	_Atomic int asked; /* how often for its IPv4 addresses */
};

struct dns_stub {
	struct dns_row *rows;
	size_t count;
	int fd;
	char servers[32]; /* for resolver_new_with */
	atomic_bool stop;
	pthread_t thread;
};

static inline struct dns_row *dns_find(struct dns_stub *s, const uint8_t *question)
{
	char name[256];
	size_t len = 0;

	for (const uint8_t *at = question; *at && len + *at + 1 < sizeof(name);
	     at += *at + 1) {
		memcpy(name + len, at + 1, *at);
		len += *at;
		name[len++] = '.';
	}
	for (size_t i = 0; len > 0 && i < s->count; i++) {
		if (str_eq_nocase(str_of(name, len - 1), str_from_z(s->rows[i].name)))
			return &s->rows[i];
	}
	return NULL;
}

static inline void dns_add_record(struct buf *to, const struct net_addr *a, int ttl)
{
	bool v6 = a->sa.sa_family == AF_INET6;
	uint8_t head[12] = { 0xc0, 12,         0, v6 ? 28 : 1,         0,
		             1,    0,          0, (uint8_t)(ttl >> 8), (uint8_t)ttl,
		             0,    v6 ? 16 : 4 };

	buf_add(to, str_of((const char *)head, sizeof(head)));
	buf_add(to, str_of(v6 ? (const char *)&a->in6.sin6_addr
	                      : (const char *)&a->in.sin_addr,
	                   v6 ? 16 : 4));
}

/* `query` has a question of `len` bytes behind its head, its type before the last two. */
static inline void dns_answer(struct dns_stub *s, const uint8_t *query, size_t len,
                              struct buf *to)
{
	struct dns_row *row = dns_find(s, query + 12);
	int type = query[12 + len - 3];
	bool first = row && (type == 1 ? atomic_fetch_add(&row->asked, 1) == 0
	                               : atomic_load(&row->asked) <= 1);
	str texts = str_from_z(row ? first ? row->first : row->later : NULL);
	uint8_t code = !texts.ptr ? 3 : str_eq(texts, STR("!")) ? 2 : 0;
	uint8_t head[12] = { query[0], query[1], 0x81, 0x80 | code, 0, 1 };
	struct net_addr a;

	buf_add(to, str_of((const char *)head, sizeof(head)));
	buf_add(to, str_of((const char *)query + 12, len));
	while (!code && texts.len > 0) {
		str text = str_cut(&texts, ' ');

		if (net_parse_ip(text, 0, &a) &&
		    (type == 28) == (a.sa.sa_family == AF_INET6)) {
			dns_add_record(to, &a, row->ttl);
			to->ptr[7]++;
		}
	}
}

static inline void *dns_run(void *arg)
{
	struct dns_stub *s = arg;
	struct buf answer = BUF_LIMIT(4096);
	struct sockaddr_in from;
	uint8_t query[512];

	while (!atomic_load(&s->stop)) {
		socklen_t size = sizeof(from);
		struct pollfd p = { s->fd, POLLIN, 0 };

		if (poll(&p, 1, 10) <= 0)
			continue;
		ssize_t n = recvfrom(s->fd, query, sizeof(query) - 1, 0,
		                     (struct sockaddr *)&from, &size);
		if (n < 17)
			continue;
		query[n] = 0;
		size_t name = strlen((const char *)query + 12);
		buf_clear(&answer);
		dns_answer(s, query, name + 5, &answer);
		sendto(s->fd, answer.ptr, answer.len, 0, (struct sockaddr *)&from, size);
	}
	buf_free(&answer);
	return NULL;
}

static inline void dns_begin(struct dns_stub *s)
{
	struct net_addr at;

	s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (!net_parse(STR("127.0.0.1:0"), &at) || bind(s->fd, &at.sa, at.len) != 0 ||
	    sys_local_addr(s->fd, &at) != 0 ||
	    pthread_create(&s->thread, NULL, dns_run, s) != 0)
		abort();
	snprintf(s->servers, sizeof(s->servers), "127.0.0.1:%d", net_port(&at));
}

static inline void dns_end(struct dns_stub *s)
{
	atomic_store(&s->stop, true);
	pthread_join(s->thread, NULL);
	close(s->fd);
}
