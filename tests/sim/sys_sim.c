/* sys_sim.c - the seam's other side: a machine made of memory.
 *
 * A connection is two ends, each with a queue of bytes the other has sent.  Like the real
 * one it is edge-triggered: a descriptor is told about when something new has happened to
 * it (bytes, FIN, RST, room after a short write), and then once. */
#include "tests/sim/world.h"

#include "base/assert.h"
#include "base/mem.h"

#include <errno.h>

enum { USUAL_ROOM = 64 * KiB };

usec sys_now(void)
{
	world.calls[SIM_CLOCK]++;
	return world.now;
}

usec sys_wall(void)
{
	return world.now + world.wall_ahead;
}

void sys_random(void *to, size_t size)
{
	for (uint8_t *at = to; size > 0; size--)
		*at++ = (uint8_t)sim_random(256);
}

struct sim_peer *pair_new(void)
{
	struct sim_peer *a = new_of(struct sim_peer), *b = new_of(struct sim_peer);

	a->other = b;
	b->other = a;
	a->fd = b->fd = -1;
	a->line = b->line = world.line;
	a->in.limit = b->in.limit = 64 * MiB;
	return a;
}

size_t end_room(const struct sim_peer *to)
{
	size_t room = to->line.room ? to->line.room : USUAL_ROOM;

	return room > to->in.len ? room - to->in.len : 0;
}

/* The real one keeps silent about room until much of its buffer is free. */
static bool has_room(const struct sim_peer *to)
{
	return end_room(to) >= max_of(to->line.room_least, (size_t)1);
}

/* With pieces, bytes wait in the queue until the program waits for them. */
size_t end_push(struct sim_peer *to, str bytes)
{
	bytes = str_first(bytes, end_room(to));
	buf_add(&to->in, bytes);
	if (to->scripted || !to->line.read_most)
		to->arrived = to->in.len;
	if (bytes.len && to->arrived)
		tell(to->fd);
	return bytes.len;
}

void end_fin(struct sim_peer *to)
{
	to->fin = true;
	to->fin_arrived = to->arrived == to->in.len;
	if (to->fin_arrived)
		tell(to->fd);
}

/* What has not arrived yet never will. */
void end_reset(struct sim_peer *to, int error)
{
	if (to->was_reset)
		return;
	to->was_reset = true;
	to->error = error;
	to->in.len = to->arrived;
	tell(to->fd);
}

static void end_free(struct sim_peer *p)
{
	buf_free(&p->in);
	free(p);
}

void end_close(struct sim_peer *p)
{
	struct sim_peer *other = p->other;

	if (other) {
		if (p->abort || p->in.len > 0)
			end_reset(other, ECONNRESET);
		else if (!other->fin)
			end_fin(other);
		other->other = NULL;
	}
	end_free(p);
}

static size_t piece_of(const struct sim_peer *p, size_t most)
{
	return p->line.random ? 1 + sim_random(most) : most;
}

/* The next piece comes when the one before it has been read. */
static bool arrive(struct sim_peer *p)
{
	bool news = false;

	if (p->arrived == 0 && p->in.len > 0) {
		p->arrived = min_of(piece_of(p, p->line.read_most), p->in.len);
		news = true;
	}
	if (p->fin && !p->fin_arrived && p->arrived == p->in.len)
		p->fin_arrived = news = true;
	if (p->starved && (!p->other || has_room(p->other))) {
		p->starved = false;
		news = true;
	}
	return news;
}

bool arrive_all(void)
{
	bool news = false;

	for (int i = 0; i < world.fd_count; i++) {
		struct descriptor *d = &world.fds[i];

		if (d->kind == SOCKET_FD && arrive(d->end))
			d->is_news = news = true;
	}
	return news;
}

static unsigned state_of_end(const struct sim_peer *p)
{
	unsigned what = 0;

	if (p->was_reset)
		return SYS_READABLE | SYS_WRITABLE | SYS_HANGUP;
	if (p->connecting)
		return 0;
	if (p->arrived > 0 || p->fin_arrived)
		what |= SYS_READABLE;
	if (!p->other || has_room(p->other))
		what |= SYS_WRITABLE;
	if (p->fin_arrived)
		what |= SYS_HANGUP;
	return what;
}

static unsigned state_of(const struct descriptor *d)
{
	switch (d->kind) {
	case SOCKET_FD:
		return state_of_end(d->end);
	case LISTENER_FD:
		return d->dialled.first ? SYS_READABLE : 0;
	case WAKER_FD:
		return SYS_READABLE;
	case FREE_FD:
	case POLLER_FD:
		return 0;
	}
	return 0;
}

bool has_events(void)
{
	for (int i = 0; i < world.fd_count; i++) {
		const struct descriptor *d = &world.fds[i];

		if (d->is_news && d->poller >= 0 && state_of(d))
			return true;
	}
	return false;
}

int sys_listen(const struct net_addr *at, int backlog)
{
	struct descriptor d = { .kind = LISTENER_FD, .at = *at };

	if (net_port(at) == 0 && at->sa.sa_family != AF_UNIX)
		d.at.in.sin_port = htons(world.next_port++); /* as in in6 */
	if (find_listener(&d.at) >= 0)
		return -EADDRINUSE;
	return descriptor_new(&d);
}

int sys_listen_v6(const struct net_addr *at, int backlog)
{
	return sys_listen(at, backlog);
}

int sys_adopt_listener(int fd)
{
	return descriptor_get(fd, LISTENER_FD) ? 0 : -EBADF;
}

static int socket_new(struct sim_peer *end)
{
	end->fd = descriptor_new(&(struct descriptor){ .kind = SOCKET_FD, .end = end });
	return end->fd;
}

int sys_accept(int fd, struct net_addr *ret_peer)
{
	struct descriptor *d = descriptor_get(fd, LISTENER_FD);
	int error;

	if (fails(SIM_ACCEPT, &error))
		return error;
	struct sim_peer *p = queue_take(&d->dialled);
	if (!p)
		return -EAGAIN;
	assert(net_parse(STR("127.0.0.1:33333"), ret_peer));
	return socket_new(p);
}

static struct sim_port *find_port(const struct net_addr *at)
{
	for (struct sim_port *p = world.ports; p; p = p->next) {
		if (net_eq(&p->at, at))
			return p;
	}
	return NULL;
}

int sys_connect(const struct net_addr *to)
{
	struct sim_port *port = find_port(to);
	int listener = find_listener(to), error;

	if (fails(SIM_CONNECT, &error))
		return error;
	struct sim_peer *p = pair_new();
	int fd = socket_new(p);
	if (port && port->does == SIM_ACCEPTS) {
		p->other->scripted = true;
		queue_add(&port->dialled, p->other);
	} else if (listener >= 0) {
		queue_add(&descriptor_get(listener, LISTENER_FD)->dialled, p->other);
		tell(listener);
	} else if (port && port->does == SIM_DROPS) {
		p->connecting = true;
		p->other->scripted = true;
		queue_add(&port->dropped, p->other);
	} else {
		p->connecting = true;
		end_free(p->other);
		p->other = NULL;
		end_reset(p, ECONNREFUSED);
	}
	return fd;
}

int sys_connect_result(int fd)
{
	struct sim_peer *p = descriptor_get(fd, SOCKET_FD)->end;
	int error = p->error;

	p->error = 0;
	return -error;
}

ssize_t sys_read(int fd, void *to, size_t size)
{
	struct sim_peer *p = descriptor_get(fd, SOCKET_FD)->end;
	size_t n = min_of(size, p->arrived);
	int error;

	if (fails(SIM_READ, &error)) {
		if (p->other)
			end_reset(p->other, ECONNRESET);
		end_reset(p, 0);
		return error;
	}
	if (n > 0) {
		memcpy(to, p->in.ptr, n);
		buf_drop(&p->in, n);
		p->arrived -= n;
		return (ssize_t)n;
	}
	if (p->was_reset)
		return sys_connect_result(fd);
	return p->fin_arrived || size == 0 ? 0 : -EAGAIN;
}

static ssize_t push_all(struct sim_peer *p, const struct iovec *iov, int count)
{
	size_t most = p->line.write_most ? piece_of(p, p->line.write_most) : SIZE_MAX;
	size_t taken = 0;

	for (int i = 0; i < count; i++) {
		str piece = str_of(iov[i].iov_base, iov[i].iov_len);
		size_t n = end_push(p->other, str_first(piece, most - taken));

		taken += n;
		if (n < piece.len) {
			p->starved = true;
			return taken ? (ssize_t)taken : -EAGAIN;
		}
	}
	return (ssize_t)taken;
}

ssize_t sys_writev(int fd, const struct iovec *iov, int count)
{
	struct sim_peer *p = descriptor_get(fd, SOCKET_FD)->end;
	size_t total = 0;
	int error;

	if (fails(SIM_WRITE, &error)) {
		if (p->other)
			end_reset(p->other, ECONNRESET);
		end_reset(p, 0);
		return error;
	}
	if (p->was_reset) {
		error = sys_connect_result(fd);
		return error ? error : -EPIPE;
	}
	if (p->connecting)
		return -EAGAIN;
	if (p->other)
		return p->other->fin ? -EPIPE : push_all(p, iov, count);
	/* The other end is closed: it takes these bytes for a mistake. */
	for (int i = 0; i < count; i++)
		total += iov[i].iov_len;
	end_reset(p, ECONNRESET);
	return (ssize_t)total;
}

int sys_unsent(int fd)
{
	struct sim_peer *p = descriptor_get(fd, SOCKET_FD)->end;

	return p->other ? (int)p->other->in.len : 0;
}

int sys_shutdown_write(int fd)
{
	struct sim_peer *p = descriptor_get(fd, SOCKET_FD)->end;
	int error;

	if (fails(SIM_SHUTDOWN, &error))
		return error;
	if (p->other && !p->other->fin)
		end_fin(p->other);
	return 0;
}

void sys_close(int fd)
{
	struct descriptor *d = &world.fds[fd - FIRST_FD];
	struct sim_peer *p;

	world.calls[SIM_CLOSE]++;
	assert(d->kind != FREE_FD);
	while (d->kind == LISTENER_FD && (p = queue_take(&d->dialled))) {
		p->abort = true;
		end_close(p);
	}
	if (d->kind == SOCKET_FD)
		end_close(d->end);
	d->kind = FREE_FD;
}

void sys_set_abort(int fd)
{
	descriptor_get(fd, SOCKET_FD)->end->abort = true;
}

int sys_local_addr(int fd, struct net_addr *ret)
{
	*ret = world.fds[fd - FIRST_FD].at;
	return ret->len ? 0 : -ENOTSOCK;
}

int sys_poller_new(void)
{
	return descriptor_new(&(struct descriptor){ .kind = POLLER_FD });
}

void sys_poller_free(int poller)
{
	sys_close(poller);
}

int sys_poller_add(int poller, int fd, void *tag)
{
	struct descriptor *d = &world.fds[fd - FIRST_FD];
	int error;

	if (fails(SIM_ADD, &error))
		return error;
	assert(descriptor_get(poller, POLLER_FD) && d->kind != FREE_FD && d->poller < 0);
	d->poller = poller;
	d->tag = tag;
	d->is_news = d->kind != WAKER_FD;
	return 0;
}

int sys_poller_remove(int poller, int fd)
{
	world.fds[fd - FIRST_FD].poller = -1;
	return 0;
}

/* Starting anywhere: the order in which a kernel tells is nothing to rely on. */
static int collect(int poller, struct sys_event *events, int most)
{
	int n = 0, start = (int)sim_random((uint64_t)world.fd_count);

	for (int i = 0; i < world.fd_count && n < most; i++) {
		struct descriptor *d = &world.fds[(start + i) % world.fd_count];
		unsigned what = d->is_news && d->poller == poller ? state_of(d) : 0;

		if (what) {
			d->is_news = false;
			events[n++] = (struct sys_event){ d->tag, what };
		}
	}
	return n;
}

int sys_poller_wait(int poller, struct sys_event *events, int most, usec timeout)
{
	usec until = timeout < 0 ? USEC_NEVER : world.now + timeout;

	world.calls[SIM_WAIT]++;
	for (;;) {
		arrive_all();
		int n = collect(poller, events, most);
		if (n > 0)
			return n;
		struct sim_step *step = world.steps;
		if (!step || step->when > until)
			break;
		world.steps = step->next;
		world.now = max_of(world.now, step->when);
		step->run(step->arg);
		free(step);
	}
	/* Without a limit this would be a test that never ends. */
	assert(until != USEC_NEVER);
	world.now = max_of(world.now, until);
	return 0;
}

int sys_waker_new(void)
{
	return descriptor_new(&(struct descriptor){ .kind = WAKER_FD });
}

void sys_wake(int waker)
{
	descriptor_get(waker, WAKER_FD);
	tell(waker);
}

void sys_waker_clear(int waker)
{
	descriptor_get(waker, WAKER_FD)->is_news = false;
}
