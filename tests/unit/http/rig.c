#include "tests/unit/http/rig.h"

#include "base/assert.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

void rig_init(struct rig *r, const struct http_ops *ops)
{
	struct net_addr at;

	*r = (struct rig){ .limits = http_limits_default };
	assert(loop_init(&r->loop, NULL));
	http_io_init(&r->io, &r->loop);
	r->server = (struct http_server){
		.io = &r->io, .ops = ops, .limits = &r->limits, .owner = r
	};
	if (ops)
		http_server_init(&r->server);
	assert(net_parse(STR("127.0.0.1:0"), &at));
	r->listener = sys_listen(&at, 64);
	assert(r->listener >= 0 && sys_local_addr(r->listener, &r->address) == 0);
	r->resolver = resolver_new();
	assert(r->resolver);
	r->pool = (struct http_pool){
		.io = &r->io,
		.origin = { .name = resolver_watch(r->resolver, STR("127.0.0.1"),
		                                   net_port(&r->address), true),
		            .connect_timeout = 3 * USEC_SEC,
		            .idle_timeout = 50 * USEC_SEC,
		            .write_timeout = 60 * USEC_SEC },
		.keep = 8,
	};
	http_pool_init(&r->pool);
}

void rig_done(struct rig *r)
{
	if (r->server.ops)
		http_server_done(&r->server);
	http_pool_done(&r->pool);
	CHECK_INT(r->pool.busy_count, 0);
	CHECK_INT(r->pool.idle_count, 0);
	CHECK_INT(r->server.open, 0);
	loop_done(&r->loop);
	http_io_done(&r->io);
	resolver_free(&r->resolver);
	if (r->listener >= 0)
		close(r->listener);
}

void rig_turn(struct rig *r)
{
	loop_turn(&r->loop, USEC_MS);
}

void rig_wait(struct rig *r, int ms)
{
	for (usec until = sys_now() + ms * USEC_MS; sys_now() < until;)
		rig_turn(r);
}

static struct raw raw_of(int fd)
{
	return (struct raw){ .fd = fd, .got = BUF_LIMIT(64 * MiB) };
}

struct raw raw_client(struct rig *r)
{
	int fds[2];

	assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) ==
	       0);
	http_server_add(&r->server, fds[0], &r->address, NULL);
	return raw_of(fds[1]);
}

struct raw raw_client_tcp(struct rig *r)
{
	struct net_addr peer;
	int fd = sys_connect(&r->address), accepted;

	assert(fd >= 0);
	while ((accepted = sys_accept(r->listener, &peer)) == -EAGAIN)
		;
	assert(accepted >= 0);
	http_server_add(&r->server, accepted, &peer, NULL);
	return raw_of(fd);
}

struct raw raw_accept(struct rig *r)
{
	struct net_addr peer;
	int fd = -EAGAIN;

	for (int i = 0; i < 1000 && fd == -EAGAIN; i++) {
		rig_turn(r);
		fd = sys_accept(r->listener, &peer);
	}
	CHECK(fd >= 0);
	return raw_of(fd < 0 ? -1 : fd);
}

void raw_send(struct rig *r, struct raw *p, str bytes)
{
	for (int idle = 0; bytes.len > 0 && idle < 2000;) {
		ssize_t n = send(p->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			return; /* the other side is allowed to close early */
		if (n > 0)
			str_take(&bytes, (size_t)n);
		else
			idle++;
		if (bytes.len > 0) {
			rig_turn(r);
			raw_read(p);
		}
	}
	CHECK_INT(bytes.len, 0);
}

bool raw_read(struct raw *p)
{
	bool any = false;

	while (!p->ended && !p->reset) {
		assert(buf_reserve(&p->got, 64 * KiB));
		ssize_t n = recv(p->fd, p->got.ptr + p->got.len, 64 * KiB, MSG_DONTWAIT);

		if (n > 0)
			p->got.len += (size_t)n;
		else if (n == 0)
			p->ended = true;
		else if (errno == EAGAIN)
			return any;
		else
			p->reset = true;
		any = true;
	}
	return any;
}

bool raw_await(struct rig *r, struct raw *p, size_t n)
{
	for (int ms = 0; ms < 1000; ms++) {
		raw_read(p);
		if (p->got.len >= n)
			return true;
		if (p->ended || p->reset)
			return false;
		rig_turn(r);
	}
	return false;
}

bool raw_await_text(struct rig *r, struct raw *p, str text)
{
	for (int ms = 0; ms < 1000; ms++) {
		raw_read(p);
		if (p->got.len && str_has(buf_str(&p->got), text))
			return true;
		if (p->ended || p->reset)
			return false;
		rig_turn(r);
	}
	return false;
}

bool raw_await_end(struct rig *r, struct raw *p)
{
	for (int ms = 0; ms < 3000 && !p->ended && !p->reset; ms++) {
		rig_turn(r);
		raw_read(p);
	}
	return p->ended || p->reset;
}

void raw_fin(struct raw *p)
{
	shutdown(p->fd, SHUT_WR);
}

void raw_rst(struct raw *p)
{
	sys_set_abort(p->fd);
	raw_close(p);
}

void raw_close(struct raw *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	buf_free(&p->got);
}
