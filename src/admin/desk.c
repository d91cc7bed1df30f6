/* desk.c - the thread: its listener, its connections, its end.  What is asked and
 * answered is visit.c's. */
#include "admin/desk.h"

#include "admin/desk_private.h"
#include "base/mem.h"
#include "loop/thread.h"
#include "loop/tls.h"

#include <errno.h>
#include <stdio.h>

enum {
	BACKLOG = 64,
	CONNS_MOST = 128, /* at the address; and at the socket: */
	LOCAL_MOST = 64,
	NEWCOMERS_MOST = 64,
};
#define LOOK_AGAIN (100 * USEC_MS)

struct newcomer {
	struct letter letter;
	int fd;
	unsigned uid;
};

/* ---- connections ---- */

/* Of those on which nobody has shown a token the oldest goes: whoever holds connections
 * and says nothing must not keep out who does.  False: there is none. */
static bool make_room(struct http_server *s)
{
	list_each (&s->conns, it) { /* the oldest first */
		struct http_conn *c = container_of(it, struct http_conn, link);

		if (desk_conn(c)->is_known)
			continue;
		http_evict(c);
		return true;
	}
	return false;
}

static void take_connection(struct desk *d, int fd, const struct net_addr *peer)
{
	struct tls_server *tls = NULL;

	if (d->server.open >= CONNS_MOST && !make_room(&d->server)) {
		sys_close(fd);
		return;
	}
	pthread_mutex_lock(&d->lock);
	if (d->tls)
		tls = tls_server_ref(d->tls);
	pthread_mutex_unlock(&d->lock);
	http_server_add(&d->server, fd, peer, tls ? tls_server_ctx(tls) : NULL);
	tls_server_unref(&tls);
}

static void accept_all(struct desk *d)
{
	for (;;) {
		struct net_addr peer;
		int fd = sys_accept(d->listener.fd, &peer);

		if (fd >= 0)
			take_connection(d, fd, &peer);
		else if (fd == -EAGAIN)
			return;
		else if (fd != -ECONNABORTED && fd != -EINTR)
			break;
	}
	/* Out of descriptors: nobody tells when there are some again. */
	timer_set(&d->loop, &d->again, d->loop.now + LOOK_AGAIN);
}

static void on_listener(struct io *io, unsigned what)
{
	(void)what;
	accept_all(container_of(io, struct desk, listener));
}

static void on_again(struct timer *t)
{
	accept_all(container_of(t, struct desk, again));
}

/* The user's number travels as the peer's address: the path of no socket. */
static void take_newcomers(struct desk *d)
{
	struct letter *l;

	while ((l = mailbox_take(&d->newcomers))) {
		struct newcomer *n = container_of(l, struct newcomer, letter);
		struct net_addr peer = { .len = sizeof(peer.un) };

		peer.un.sun_family = AF_UNIX;
		snprintf(peer.un.sun_path, sizeof(peer.un.sun_path), "uid %u", n->uid);
		if (d->local.open >= LOCAL_MOST)
			sys_close(n->fd);
		else
			http_server_add(&d->local, n->fd, &peer, NULL);
		free(n);
	}
}

static void on_wake(struct loop *loop)
{
	struct desk *d = container_of(loop, struct desk, loop);

	take_newcomers(d);
	if (atomic_load(&d->stop))
		loop->stop = true;
}

static void wake(void *arg)
{
	loop_wake(&((struct desk *)arg)->loop);
}

void desk_give(struct desk *d, int fd, unsigned uid)
{
	struct newcomer *n = new_of(struct newcomer);

	n->fd = fd;
	n->uid = uid;
	if (mailbox_post(&d->newcomers, &n->letter))
		return;
	sys_close(fd);
	free(n);
}

void desk_set_tls(struct desk *d, struct tls_server *tls)
{
	struct tls_server *old;

	if (!d->at.len || net_is_loopback(&d->at))
		return;
	pthread_mutex_lock(&d->lock);
	old = d->tls;
	d->tls = tls ? tls_server_ref(tls) : NULL;
	pthread_mutex_unlock(&d->lock);
	tls_server_unref(&old);
}

bool desk_address(const struct desk *d, struct net_addr *ret)
{
	if (d->at.len == 0)
		return false;
	*ret = d->at;
	return true;
}

/* ---- the thread ---- */

static void *run(void *arg)
{
	struct desk *d = arg;

	loop_run(&d->loop);
	return NULL;
}

int desk_listen(const struct net_addr *at, struct buf *why)
{
	int fd = sys_listen(at, BACKLOG);

	if (fd >= 0)
		return fd;
	buf_add(why, STR("the admin API cannot listen at "));
	net_print(at, why);
	buf_addf(why, ": %s%s", strerror(-fd),
	         fd == -EADDRINUSE ? " (write another address for `admin`, or admin: off)"
	                           : "");
	return -1;
}

static bool watch_listener(struct desk *d, int fd, struct buf *why)
{
	if (!fd)
		return true;
	d->listener = (struct io){ .fd = fd, .on_event = on_listener };
	if (sys_local_addr(fd, &d->at) != 0 || loop_watch(&d->loop, &d->listener) != 0) {
		buf_add(why, STR("out of file descriptors"));
		sys_close(fd);
		d->listener.fd = -1;
		return false;
	}
	return true;
}

static void init_servers(struct desk *d)
{
	d->limits = http_limits_default;
	d->limits.body = ADMIN_BODY_MOST;
	d->limits.body_timeout_ms = 10000;
	d->server = (struct http_server){
		.io = &d->io, .ops = &visit_ops, .limits = &d->limits, .owner = d
	};
	d->local = d->server;
	http_server_init(&d->server);
	http_server_init(&d->local);
}

static void free_desk(struct desk *d)
{
	struct letter *l;

	if (d->listener.fd >= 0) {
		loop_unwatch(&d->loop, &d->listener);
		sys_close(d->listener.fd);
	}
	timer_done(&d->loop, &d->again);
	http_server_done(&d->server);
	http_server_done(&d->local);
	while ((l = mailbox_take(&d->newcomers))) {
		struct newcomer *n = container_of(l, struct newcomer, letter);

		sys_close(n->fd);
		free(n);
	}
	loop_turn(&d->loop, 0); /* buries the connections */
	http_io_done(&d->io);
	loop_done(&d->loop);
	admin_house_done(&d->house);
	guard_done(&d->guard);
	tls_server_unref(&d->tls);
	pthread_mutex_destroy(&d->lock);
	free(d->dir);
	free(d);
}

struct desk *desk_new(const struct desk_options *options, struct buf *why)
{
	struct desk *d = new_of(struct desk);

	d->listener.fd = -1;
	d->again.on_due = on_again;
	d->dir = mem_copy_z(options->clerk.dir);
	d->house = (struct admin_house){
		.dir = str_from_z(d->dir),
		.pepper = options->clerk.pepper,
		.recorder = options->clerk.recorder,
		.tenants = options->clerk.tenants,
		.ops = options->clerk.ops,
		.arg = options->clerk.arg,
	};
	if (!loop_init(&d->loop, on_wake)) {
		buf_add(why, STR("out of file descriptors"));
		free(d->dir);
		free(d);
		return NULL;
	}
	http_io_init(&d->io, &d->loop);
	pthread_mutex_init(&d->lock, NULL);
	guard_init(&d->guard);
	mailbox_init(&d->newcomers, NEWCOMERS_MOST, wake, d);
	init_servers(d);
	d->loop.now = sys_now();
	if (!watch_listener(d, options->listener, why)) {
		free_desk(d);
		return NULL;
	}
	desk_set_tls(d, options->tls);
	return d;
}

bool desk_start(struct desk *d, struct buf *why)
{
	d->has_thread = thread_start(&d->thread, "admin", run, d);
	if (!d->has_thread)
		buf_add(why, STR("the thread of the admin API could not be started"));
	return d->has_thread;
}

void desk_free(struct desk **pd)
{
	struct desk *d = move(*pd);

	if (!d)
		return;
	atomic_store(&d->stop, true);
	loop_wake(&d->loop);
	if (d->has_thread)
		pthread_join(d->thread, NULL);
	free_desk(d);
}
