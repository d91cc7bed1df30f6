/* rig.h - what the tests of http/ stand on: a loop with a server and a pool, and raw
 * peers.
 *
 * All in one thread: a raw peer is a non-blocking socket, and waiting for anything means
 * turning the loop until it has happened.  So a test says exactly what comes before what.
 */
#pragma once
#include "http/client.h"
#include "http/server.h"
#include "tests/check.h"

struct rig {
	struct loop loop;
	struct http_io io;
	struct http_limits limits;
	struct http_server server;
	struct resolver *resolver;
	struct http_pool pool; /* to `listener` */
	int listener;          /* TCP on loopback: an upstream's, or the server's door */
	struct net_addr address;
};

struct raw {
	int fd;
	struct buf got;
	bool ended; /* FIN was read */
	bool reset;
};

void rig_init(struct rig *r, const struct http_ops *ops);
void rig_done(struct rig *r);
void rig_turn(struct rig *r);
/* Turns for that many milliseconds. */
void rig_wait(struct rig *r, int ms);

/* A client of the server, over a socket pair or over TCP. */
struct raw raw_client(struct rig *r);
struct raw raw_client_tcp(struct rig *r);
/* What the pool has dialled; waits for it. fd -1: nobody came. */
struct raw raw_accept(struct rig *r);
/* Everything goes out, the loop turning meanwhile. */
void raw_send(struct rig *r, struct raw *p, str bytes);
/* Reads what is there; true when something was. */
bool raw_read(struct raw *p);
/* Until `n` bytes have come in all, or it ended. False: not within a second. */
bool raw_await(struct rig *r, struct raw *p, size_t n);
/* Until `text` has come. */
bool raw_await_text(struct rig *r, struct raw *p, str text);
bool raw_await_end(struct rig *r, struct raw *p);
void raw_fin(struct raw *p);
void raw_rst(struct raw *p);
void raw_close(struct raw *p);

/* Turns until `cond` holds, at most two seconds. */
#define AWAIT(rig, cond)                                                                 \
	({                                                                               \
		for (int ms_ = 0; !(cond) && ms_ < 2000; ms_++)                          \
			rig_turn(rig);                                                   \
		CHECK(cond);                                                             \
	})
