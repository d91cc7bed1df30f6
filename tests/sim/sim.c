/* sim.c - the simulated machine from the test's side: time, peers, failures. */
#include "base/assert.h"
#include "base/mem.h"
#include "tests/sim/world.h"

#include <errno.h>

enum { TURNS_MOST = 1000 * 1000 /* without time passing */ };

struct world world;

void sim_begin(uint64_t seed)
{
	world = (struct world){ .now = 1000 * USEC_SEC, .next_port = 40000 };
	world.random = seed * 2654435769u + 1;
	sim_set_wall(1767225600 * USEC_SEC); /* 2026-01-01 */
}

static void free_ports(void)
{
	while (world.ports) {
		struct sim_port *port = world.ports;
		struct sim_peer *p;

		world.ports = port->next;
		while ((p = queue_take(&port->dialled)))
			end_close(p);
		while ((p = queue_take(&port->dropped)))
			end_close(p);
		free(port);
	}
}

unsigned sim_finish(void)
{
	unsigned left = 0;

	free_ports();
	while (world.steps) {
		struct sim_step *step = world.steps;

		world.steps = step->next;
		free(step);
	}
	for (int i = 0; i < world.fd_count; i++) {
		if (world.fds[i].kind == FREE_FD)
			continue;
		left++;
		sys_close(FIRST_FD + i);
	}
	free(world.fds);
	world = (struct world){ 0 };
	return left;
}

/* xorshift64* */
uint64_t sim_random(uint64_t below)
{
	world.random ^= world.random >> 12;
	world.random ^= world.random << 25;
	world.random ^= world.random >> 27;
	return (world.random * 2685821657736338717u >> 16) % below;
}

void sim_set_wall(usec wall)
{
	world.wall_ahead = wall - world.now;
}

void sim_at(usec when, void (*run)(void *arg), void *arg)
{
	struct sim_step *step = new_of(struct sim_step), **at = &world.steps;

	while (*at && (*at)->when <= when)
		at = &(*at)->next;
	*step = (struct sim_step){ .next = *at, .when = when, .run = run, .arg = arg };
	*at = step;
}

static usec next_of_all(struct loop *const *loops, unsigned count)
{
	usec next = world.steps ? world.steps->when : USEC_NEVER;

	for (unsigned i = 0; i < count; i++)
		next = min_of(next, loop_next(loops[i]));
	return next;
}

/* One turn of each; false: nothing more can happen at this time. */
static bool turn_all(struct loop *const *loops, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		loop_turn(loops[i], 0);
	arrive_all();
	return has_events() || next_of_all(loops, count) <= world.now;
}

/* To when somebody has a use for it; false: the end was reached before. */
static bool pass_time(struct loop *const *loops, unsigned count, usec end)
{
	if (world.now >= end)
		return false;
	world.now = min_of(next_of_all(loops, count), end);
	return true;
}

static bool run_until(struct loop *const *loops, unsigned count, bool (*done)(void *arg),
                      void *arg, usec end)
{
	int turns = 0;

	for (;;) {
		bool busy = turn_all(loops, count);

		if (done && done(arg))
			return true;
		assert(turns++ < TURNS_MOST);
		if (busy)
			continue;
		turns = 0;
		if (!pass_time(loops, count, end))
			return false;
	}
}

void sim_run_all(struct loop *const *loops, unsigned count, usec span)
{
	run_until(loops, count, NULL, NULL, world.now + span);
}

void sim_run(struct loop *loop, usec span)
{
	sim_run_all(&loop, 1, span);
}

bool sim_run_until(struct loop *loop, bool (*done)(void *arg), void *arg, usec most)
{
	return run_until(&loop, 1, done, arg, world.now + most);
}

void sim_set_line(const struct sim_line *line)
{
	world.line = *line;
}

void sim_set_peer_line(struct sim_peer *p, const struct sim_line *line)
{
	p->line = *line;
	if (p->other)
		p->other->line = *line;
}

struct sim_port *sim_listen(const struct net_addr *at)
{
	struct sim_port *port = new_of(struct sim_port);

	port->at = *at;
	queue_init(&port->dialled);
	queue_init(&port->dropped);
	port->next = world.ports;
	world.ports = port;
	return port;
}

void sim_port_set(struct sim_port *port, enum sim_port_does does)
{
	port->does = does;
}

void sim_port_answer(struct sim_port *port)
{
	struct sim_peer *p;

	port->does = SIM_ACCEPTS;
	while ((p = queue_take(&port->dropped))) {
		if (!p->other) { /* it was given up */
			end_close(p);
			continue;
		}
		p->other->connecting = false;
		tell(p->other->fd);
		queue_add(&port->dialled, p);
	}
}

struct sim_peer *sim_accept(struct sim_port *port)
{
	return queue_take(&port->dialled);
}

struct sim_peer *sim_connect(const struct net_addr *to)
{
	int listener = find_listener(to);

	if (listener < 0)
		return NULL;
	struct sim_peer *p = pair_new();
	p->scripted = true;
	queue_add(&descriptor_get(listener, LISTENER_FD)->dialled, p->other);
	tell(listener);
	return p;
}

struct sim_peer *sim_pair(int *ret_fd)
{
	struct sim_peer *p = pair_new();

	p->scripted = true;
	p->other->fd = descriptor_new(
	        &(struct descriptor){ .kind = SOCKET_FD, .end = p->other });
	*ret_fd = p->other->fd;
	return p;
}

size_t sim_send(struct sim_peer *p, str bytes)
{
	return p->other && !p->was_reset && !p->other->fin ? end_push(p->other, bytes)
	                                                   : 0;
}

size_t sim_recv_some(struct sim_peer *p, struct buf *to, size_t most)
{
	size_t n = min_of(most, p->in.len);

	buf_add(to, str_of(p->in.ptr, n));
	buf_drop(&p->in, n);
	p->arrived = p->in.len;
	return n;
}

size_t sim_recv(struct sim_peer *p, struct buf *to)
{
	return sim_recv_some(p, to, SIZE_MAX);
}

void sim_fin(struct sim_peer *p)
{
	if (p->other && !p->other->fin)
		end_fin(p->other);
}

void sim_rst(struct sim_peer *p)
{
	if (p->other)
		end_reset(p->other, ECONNRESET);
	end_reset(p, ECONNRESET);
}

bool sim_saw_fin(const struct sim_peer *p)
{
	return p->fin && p->in.len == 0;
}

bool sim_saw_rst(const struct sim_peer *p)
{
	return p->was_reset;
}

void sim_close(struct sim_peer *p)
{
	end_close(p);
}

uint64_t sim_count(enum sim_call call)
{
	return world.calls[call];
}

void sim_fail(enum sim_call call, uint64_t nth, int error)
{
	world.fail_at[call] = nth ? world.calls[call] + nth : 0;
	world.fail_with[call] = error;
}

bool fails(enum sim_call call, int *ret_error)
{
	if (++world.calls[call] != world.fail_at[call])
		return false;
	*ret_error = -world.fail_with[call];
	return true;
}

void queue_init(struct sim_queue *q)
{
	*q = (struct sim_queue){ .end = &q->first };
}

/* A queue inside of a descriptor may have moved with the table. */
void queue_add(struct sim_queue *q, struct sim_peer *p)
{
	if (!q->first)
		q->end = &q->first;
	p->next = NULL;
	*q->end = p;
	q->end = &p->next;
}

struct sim_peer *queue_take(struct sim_queue *q)
{
	struct sim_peer *p = q->first;

	if (p)
		q->first = p->next;
	return p;
}

int find_listener(const struct net_addr *at)
{
	for (int i = 0; i < world.fd_count; i++) {
		if (world.fds[i].kind == LISTENER_FD && net_eq(&world.fds[i].at, at))
			return FIRST_FD + i;
	}
	return -1;
}

/* The lowest free number, as the real ones are: a stale one is soon somebody else's. */
int descriptor_new(const struct descriptor *d)
{
	int i = 0;

	while (i < world.fd_count && world.fds[i].kind != FREE_FD)
		i++;
	if (i == world.fd_count)
		world.fds = mem_resize(world.fds,
		                       (size_t)++world.fd_count * sizeof(*world.fds));
	world.fds[i] = *d;
	world.fds[i].poller = -1;
	return FIRST_FD + i;
}

struct descriptor *descriptor_get(int fd, enum descriptor_kind kind)
{
	assert(fd >= FIRST_FD && fd < FIRST_FD + world.fd_count);
	assert(world.fds[fd - FIRST_FD].kind == kind);
	return &world.fds[fd - FIRST_FD];
}

void tell(int fd)
{
	if (fd >= 0)
		world.fds[fd - FIRST_FD].is_news = true;
}
