/* race.h - a worker with several providers, and what its journal says of their attempts:
 * for the tests of attempts that live beside one another. */
#pragma once
#include "meter/record.h"
#include "tests/sim/gate.h"

enum { RACE_PROVIDERS = 5, RACE_ROWS = 16 };

struct race {
	struct gate gate;
	struct sim_port
	        *ports[RACE_PROVIDERS]; /* a, b, c, d, anthropic at 10.0.0.1 to .5 */
	struct sim_peer *client;
	struct buf seen; /* by the client, as it came over the wire */
	/* The journal's rows, OPEN and CLOSE put together, in the order of their OPEN. */
	struct attempt_row rows[RACE_ROWS];
	unsigned count, opened, closed, closing;
	struct arena keep;
};

/* `route`: the fields of route `r`, in braces. */
bool race_begin(struct race *r, const char *route);
void race_end(struct race *r);
/* A chat request for `r` on a connection of its own; `headers` may be empty. */
void race_ask(struct race *r, bool stream, const char *headers);
/* The same with a body of the test's. */
void race_ask_with(struct race *r, const char *body, const char *headers);
void race_run(struct race *r, usec span);
/* The connection that provider has been dialled on, its request read; NULL: none. */
struct sim_peer *race_accept(struct race *r, unsigned provider);
/* Reads what the client has got so far. */
str race_see(struct race *r);
/* Reads the journal anew. */
void race_read_rows(struct race *r);

extern const char race_head[];  /* of a stream, up to its first event */
extern const char race_role[];  /* an event that says nothing */
extern const char race_unary[]; /* a whole answer; its text is "unary" */
/* A content event. */
void race_say(struct sim_peer *p, const char *text);
/* What ends the stream. */
void race_finish(struct sim_peer *p);
