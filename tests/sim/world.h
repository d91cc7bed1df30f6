/* world.h - the simulated machine, between sim.c (the test's side) and sys_sim.c. */
#pragma once
#include "tests/sim/sim.h"

enum { FIRST_FD = 1000 /* so that a real system call fails on it */ };

/* One end of a connection; the program's has a descriptor. */
struct sim_peer {
	struct sim_peer *next;  /* in a queue of those not accepted yet */
	struct sim_peer *other; /* NULL: it was closed and is gone */
	int fd;                 /* -1: a test's end, or not accepted yet */
	struct sim_line line;
	struct buf in;         /* sent by the other end and not read yet */
	size_t arrived;        /* of these, what a read may see */
	bool fin, fin_arrived; /* the other end will send no more */
	bool scripted;         /* a test's end: everything arrives at once */
	bool connecting;
	bool starved;   /* a write was cut short: room is news */
	bool abort;     /* close sends RST */
	bool was_reset; /* and `error` was told or not */
	int error;      /* told once, by the next call */
};

struct sim_queue {
	struct sim_peer *first, **end;
};

struct sim_port {
	struct sim_port *next;
	struct net_addr at;
	enum sim_port_does does;
	struct sim_queue dialled;
	struct sim_queue dropped; /* dialled without an answer */
};

enum descriptor_kind { FREE_FD, SOCKET_FD, LISTENER_FD, POLLER_FD, WAKER_FD };

struct descriptor {
	enum descriptor_kind kind;
	int poller; /* -1: not watched */
	void *tag;
	bool is_news; /* the poller has not told the newest state yet */
	struct sim_peer *end;
	struct net_addr at;
	struct sim_queue dialled;
};

struct sim_step {
	struct sim_step *next;
	usec when;
	void (*run)(void *arg);
	void *arg;
};

struct world {
	usec now, wall_ahead;
	uint64_t random;
	struct sim_line line;
	struct descriptor *fds;
	int fd_count;
	uint16_t next_port;
	struct sim_port *ports;
	struct sim_step *steps; /* by time */
	uint64_t calls[SIM_CALLS], fail_at[SIM_CALLS];
	int fail_with[SIM_CALLS];
};
extern struct world world;

void queue_init(struct sim_queue *q);
void queue_add(struct sim_queue *q, struct sim_peer *p);
struct sim_peer *queue_take(struct sim_queue *q);

/* -1: nobody listens there. */
int find_listener(const struct net_addr *at);
/* A descriptor for what is set in *d. */
int descriptor_new(const struct descriptor *d);
struct descriptor *descriptor_get(int fd, enum descriptor_kind kind);
/* The state of fd (-1: none) has changed. */
void tell(int fd);
/* True when this call was to fail; then *ret_error is its result. */
bool fails(enum sim_call call, int *ret_error);

/* sys_sim.c: connections. */
struct sim_peer *pair_new(void);
size_t end_room(const struct sim_peer *to);
size_t end_push(struct sim_peer *to, str bytes);
void end_fin(struct sim_peer *to);
void end_reset(struct sim_peer *to, int error);
void end_close(struct sim_peer *p);
/* What was sent arrives; true when that is news for the program. */
bool arrive_all(void);
/* Is there anything a poller would tell? */
bool has_events(void);
