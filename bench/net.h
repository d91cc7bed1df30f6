/* net.h - the few lines that mock upstream and load client share: time, bytes, loopback
 * sockets.  The bench has no dependency on src/, so that a slip in the gateway's own
 * code cannot hide itself by being on both sides of the measurement. */
#pragma once
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { NS_PER_US = 1000, NS_PER_MS = 1000 * 1000, NS_PER_S = 1000 * 1000 * 1000 };

struct bytes {
	const char *ptr;
	size_t len;
};

static inline bool bytes_have(struct bytes in, const char *word)
{
	return memmem(in.ptr, in.len, word, strlen(word)) != NULL;
}

static inline bool bytes_start(struct bytes in, const char *word)
{
	size_t len = strlen(word);

	return in.len >= len && memcmp(in.ptr, word, len) == 0;
}

static inline uint64_t now_ns(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (uint64_t)at.tv_sec * NS_PER_S + (uint64_t)at.tv_nsec;
}

/* Both tools are started by a script that reads stderr: say what failed and leave. */
static inline _Noreturn void die(const char *doing)
{
	fprintf(stderr, "bench: %s: %s\n", doing, strerror(errno));
	exit(1);
}

static inline _Noreturn void die_usage(const char *why)
{
	fprintf(stderr, "bench: %s\n", why);
	exit(2);
}

static inline unsigned number_option(const char *text, unsigned least, unsigned most)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (end == text || *end || value < least || value > most) {
		fprintf(stderr, "bench: %s is not between %u and %u\n", text, least,
		        most);
		exit(2);
	}
	return (unsigned)value;
}

/* 127.0.0.1 and nothing else: a benchmark is no reason to be reachable. */
static inline struct sockaddr_in loopback(unsigned port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static inline void no_delay(int fd)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static inline void raise_open_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		die("getrlimit");
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		die("setrlimit");
}
