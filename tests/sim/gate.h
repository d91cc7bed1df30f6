/* gate.h - a whole worker on the simulated machine, with a configuration of the test's.
 */
#pragma once
#include "gateway/worker.h"
#include "tests/check.h"
#include "tests/sim/sim.h"

struct gate {
	struct gateway gateway;
	struct worker worker;
	struct journal *journal; /* memory: nobody reads it */
};

/* Begins a world; false when something failed that a CHECK has told. */
bool gate_begin(struct gate *g, uint64_t seed, const char *config);
/* The same with a configuration that was read before; it is the gate's. NULL: fails. */
bool gate_begin_with(struct gate *g, uint64_t seed, struct config *config);
struct config *gate_config(const char *text); /* NULL: is wrong */
void gate_end(struct gate *g);
/* For programs of many worlds without keys and limits: they share the tables of these
 * from now on, until the process ends. */
void gate_keep_tables(void);
/* A client, connected to the worker. */
struct sim_peer *gate_client(struct gate *g);
/* Listens at an address, "10.0.0.1:80". */
struct sim_port *gate_listen(const char *at);
void gate_run(struct gate *g, usec span);
