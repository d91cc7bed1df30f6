/* sim.h - a machine of its own behind loop/sys.h: virtual time, simulated peers.
 *
 * The program under test runs unchanged on sys_sim.c; a test plays the other side.  All
 * is one thread: the program runs in sim_run, and the test acts between two of these, or
 * at appointed times (sim_at).  Nothing happens by chance but by the seed.  Time passes
 * only when the program waits. */
#pragma once
#include "base/buf.h"
#include "loop/loop.h"
#include "loop/sys.h"

/* A fresh world in which nothing is open and no time has passed. */
void sim_begin(uint64_t seed);
/* Ends it; returns how many descriptors the program has left open. */
unsigned sim_finish(void);

/* Lets the program run for a span of virtual time, which may be 0: all that can happen
 * now. */
void sim_run(struct loop *loop, usec span);
/* The same with several loops (workers, replicas), which take turns. */
void sim_run_all(struct loop *const *loops, unsigned count, usec span);
/* Until done(arg), asked after each turn, but at most for a span; false: it never was. */
bool sim_run_until(struct loop *loop, bool (*done)(void *arg), void *arg, usec most);

/* Calls run(arg) at that (monotonic) time, while the program waits. */
void sim_at(usec when, void (*run)(void *arg), void *arg);
/* The wall clock jumps; monotonic time does not. */
void sim_set_wall(usec wall);
/* 0 <= x < below; below > 0. */
uint64_t sim_random(uint64_t below);

/* A test's end of a connection. The program has the other one. */
struct sim_peer;

/* How the bytes of a connection travel towards the program and away from it. */
struct sim_line {
	size_t room;       /* the most bytes unread in one direction; 0: 64 KiB */
	size_t read_most;  /* bytes come in pieces of at most so many; 0: all at once */
	size_t write_most; /* one write takes at most so many; 0: what there is room for
	                    */
	size_t room_least; /* of room so many bytes are needed to be told of; 0: 1 */
	bool random;       /* pieces have between 1 and that many bytes */
};
/* For connections made from now on. */
void sim_set_line(const struct sim_line *line);
void sim_set_peer_line(struct sim_peer *p, const struct sim_line *line);

/* A test listens; the program dials. Two names for one address are two addresses here. */
struct sim_port;
struct sim_port *sim_listen(const struct net_addr *at);
/* From now on dialling gives: a connection (as at first), ECONNREFUSED, no answer at all
 * (as does an address nobody listens at: refused). */
enum sim_port_does { SIM_ACCEPTS, SIM_REFUSES, SIM_DROPS };
void sim_port_set(struct sim_port *port, enum sim_port_does does);
/* It was only slow: those that had no answer are connected now. */
void sim_port_answer(struct sim_port *port);
/* The next connection; NULL when nobody has dialled. */
struct sim_peer *sim_accept(struct sim_port *port);

/* A test dials; the program listens. NULL: it does not. */
struct sim_peer *sim_connect(const struct net_addr *to);
/* Without dialling: *ret_fd is for the program, like one that was accepted. */
struct sim_peer *sim_pair(int *ret_fd);

/* How many bytes there was room for. */
size_t sim_send(struct sim_peer *p, str bytes);
/* Adds what the program has sent to *to; how many bytes. */
size_t sim_recv(struct sim_peer *p, struct buf *to);
/* At most `most` bytes: a slow reader. */
size_t sim_recv_some(struct sim_peer *p, struct buf *to, size_t most);
void sim_fin(struct sim_peer *p);
void sim_rst(struct sim_peer *p);
bool sim_saw_fin(const struct sim_peer *p); /* and has read everything before it */
bool sim_saw_rst(const struct sim_peer *p);
/* Like close(): FIN, or RST when something is unread. p is gone. */
void sim_close(struct sim_peer *p);

/* System calls, counted, and made to fail. */
enum sim_call {
	SIM_CONNECT,
	SIM_ACCEPT,
	SIM_READ,
	SIM_WRITE,
	SIM_SHUTDOWN,
	SIM_CLOSE,
	SIM_ADD,
	SIM_WAIT,
	SIM_CLOCK,
	SIM_CALLS,
};
uint64_t sim_count(enum sim_call call);
/* The nth such call from now (1: the next) fails with this errno; 0: none does.  A read
 * or write that fails resets its connection. */
void sim_fail(enum sim_call call, uint64_t nth, int error);
