/* sys.h - the seam between the program and the machine: clock, sockets, polling, random.
 *
 * Two implementations, chosen when linking: loop/sys_linux.c is the machine, tests/sim
 * has virtual time and simulated peers.  Everything above calls these and nothing else
 * for time, network and chance.  Results below zero are -errno. */
#pragma once
#include "base/usec.h"
#include "loop/net.h"

#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

usec sys_now(void);  /* monotonic */
usec sys_wall(void); /* since 1970 UTC */
/* Cryptographically strong; never fails (aborts). */
void sys_random(void *to, size_t size);

/* All sockets are non-blocking and close-on-exec; TCP ones have TCP_NODELAY. */
int sys_listen(const struct net_addr *at, int backlog); /* also binds; REUSEADDR */
/* The same for IPv6 alone; else [::] takes IPv4's clients, and its port, too. */
int sys_listen_v6(const struct net_addr *at, int backlog);
/* Gives a listening socket from outside (LISTEN_FDS) the same properties. */
int sys_adopt_listener(int fd);
int sys_accept(int fd, struct net_addr *ret_peer); /* IPv4 clients as IPv4, always */
int sys_connect(const struct net_addr *to); /* a new socket, connecting or connected */
int sys_connect_result(int fd);             /* 0, -errno, once the socket is writable */
ssize_t sys_read(int fd, void *to, size_t size);
ssize_t sys_writev(int fd, const struct iovec *iov, int count);
/* Of what was written, how many bytes the peer's side has not taken. */
int sys_unsent(int fd);
int sys_shutdown_write(int fd);
void sys_close(int fd);
/* Makes close send RST instead of FIN. */
void sys_set_abort(int fd);
/* Where it is bound: the port that was given for 0. */
int sys_local_addr(int fd, struct net_addr *ret);

/* Polling is edge-triggered: an event is told once, when it becomes true. */
enum {
	SYS_READABLE = 1,
	SYS_WRITABLE = 2,
	SYS_HANGUP = 4 /* the peer sent FIN or RST */
};
struct sys_event {
	void *tag;
	unsigned what;
};
int sys_poller_new(void);
void sys_poller_free(int poller);
int sys_poller_add(int poller, int fd, void *tag); /* readable, writable and hangup */
int sys_poller_remove(int poller, int fd);
/* timeout < 0: until something happens. Returns how many events. */
int sys_poller_wait(int poller, struct sys_event *events, int most, usec timeout);

/* A descriptor that becomes readable in a poller with each sys_wake, from any thread.
 * Where readable is a level (poll), it lasts until sys_waker_clear. */
int sys_waker_new(void);
void sys_wake(int waker);
void sys_waker_clear(int waker);
