/* clerk.c - the clerk's thread: a few connections, polled; lines in, lines out.
 *
 * Everything is bounded: connections, bytes of a line, and the time a client may take.  A
 * connection whose answer is not taken yet is not read from.  What the lines mean is
 * request.c's. */
#include "admin/clerk.h"

#include "admin/request.h"
#include "admin/socket.h"
#include "base/mem.h"
#include "loop/sys.h"
#include "loop/thread.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	CONNS_MOST = 8,
	LINE_MOST = 64 * KiB,
	ANSWERS_MOST = 32 * MiB, /* of one connection, not taken yet */
	TICK_MS = 1000,
};
static const usec patience = 30 * USEC_SEC; /* with a client that does nothing */

struct conn {
	int fd;       /* -1: free */
	unsigned uid; /* whose it is */
	bool is_read; /* something came */
	struct buf in, out;
	size_t sent;  /* of out */
	usec active;  /* when bytes last moved */
	bool closing; /* after `out` is sent */
};

struct clerk {
	struct clerk_options options;
	char *dir;
	int listener, stop; /* stop: an eventfd */
	bool is_short;      /* of descriptors: nobody is let in before the next tick */
	pthread_t thread;
	struct conn conns[CONNS_MOST];
};

/* ---- connections ---- */

static void conn_forget(struct conn *c)
{
	if (c->out.ptr)
		mem_wipe(c->out.ptr, c->out.cap); /* a new key may have passed */
	if (c->in.ptr)
		mem_wipe(c->in.ptr, c->in.cap);
	buf_free(&c->in);
	buf_free(&c->out);
	*c = (struct conn){ .fd = -1 };
}

static void conn_close(struct conn *c)
{
	close(c->fd);
	conn_forget(c);
}

/* Ours alone, whatever happened to the permissions of the file. */
static bool is_ours(int fd, unsigned *ret_uid)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
		return false;
	*ret_uid = peer.uid;
	return peer.uid == geteuid() || peer.uid == 0;
}

static struct conn *free_conn(struct clerk *k)
{
	for (int i = 0; i < CONNS_MOST; i++)
		if (k->conns[i].fd < 0)
			return &k->conns[i];
	return NULL;
}

static void take_connection(struct clerk *k, usec now)
{
	struct conn *c = free_conn(k);
	int fd = c ? accept4(k->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC) : -1;
	unsigned uid;

	k->is_short =
	        c && fd < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED;
	if (fd < 0)
		return;
	if (!is_ours(fd, &uid)) {
		close(fd);
		return;
	}
	*c = (struct conn){ .fd = fd,
		            .uid = uid,
		            .active = now,
		            .in = { .limit = LINE_MOST + 1 },
		            .out = { .limit = ANSWERS_MOST } };
}

/* False: the connection is closed. */
static bool conn_send(struct conn *c, usec now)
{
	while (c->sent < c->out.len) {
		ssize_t n = send(c->fd, c->out.ptr + c->sent, c->out.len - c->sent,
		                 MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0) {
			conn_close(c);
			return false;
		}
		c->sent += (size_t)n;
		c->active = now;
	}
	mem_wipe(c->out.ptr, c->out.len);
	buf_clear(&c->out);
	c->sent = 0;
	if (c->closing)
		conn_close(c);
	return c->fd >= 0;
}

static bool line_end(const struct conn *c, size_t *ret)
{
	*ret = str_find(buf_str(&c->in), '\n');
	return *ret < c->in.len;
}

/* Answers the lines that are whole, one at a time. */
static void conn_work(struct clerk *k, struct conn *c, usec now)
{
	size_t end;

	while (c->fd >= 0 && c->out.len == 0 && !c->closing) {
		if (line_end(c, &end)) {
			admin_answer(&k->options, c->uid, str_first(buf_str(&c->in), end),
			             &c->out);
			buf_drop(&c->in, end + 1);
			mem_wipe(c->in.ptr + c->in.len, end + 1);
		} else if (c->in.len > LINE_MOST) {
			admin_answer(&k->options, c->uid, STR_NONE, &c->out);
			c->closing = true;
		} else {
			return;
		}
		if (!conn_send(c, now))
			return;
	}
}

/* A method begins with a letter, a line of ours with a brace.  True: it is no longer
 * ours. */
static bool hand_on(struct clerk *k, struct conn *c)
{
	char first;

	if (c->is_read || !k->options.http || recv(c->fd, &first, 1, MSG_PEEK) != 1)
		return false;
	c->is_read = true;
	if (first < 'A' || first > 'Z')
		return false;
	k->options.http(k->options.http_arg, c->fd, c->uid);
	c->fd = -1;
	conn_forget(c);
	return true;
}

static void conn_read(struct clerk *k, struct conn *c, usec now)
{
	size_t room = LINE_MOST + 1 - c->in.len;
	ssize_t n;

	if (hand_on(k, c))
		return;
	if (room == 0 || !buf_reserve(&c->in, room))
		return;
	n = recv(c->fd, c->in.ptr + c->in.len, room, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		conn_close(c);
		return;
	}
	c->in.len += (size_t)n;
	c->active = now;
	conn_work(k, c, now);
}

/* ---- the thread ---- */

/* What to wait for; [0] is stop, [1] the listener, the others are the connections. */
static void watch(const struct clerk *k, struct pollfd *fds)
{
	bool has_room = false;

	fds[0] = (struct pollfd){ k->stop, POLLIN, 0 };
	for (int i = 0; i < CONNS_MOST; i++) {
		const struct conn *c = &k->conns[i];

		has_room |= c->fd < 0;
		fds[2 + i] = (struct pollfd){ c->fd, c->out.len ? POLLOUT : POLLIN, 0 };
	}
	fds[1] =
	        (struct pollfd){ has_room && !k->is_short ? k->listener : -1, POLLIN, 0 };
}

static void turn(struct clerk *k, const struct pollfd *fds)
{
	usec now = sys_now();

	for (int i = 0; i < CONNS_MOST; i++) {
		struct conn *c = &k->conns[i];
		short what = fds[2 + i].revents;

		if (c->fd < 0)
			continue;
		if (c->out.len > 0 && what) {
			if (conn_send(c, now))
				conn_work(k, c, now);
		} else if (what) {
			conn_read(k, c, now);
		} else if (now - c->active > patience) {
			conn_close(c);
		}
	}
	if (fds[1].revents)
		take_connection(k, now);
}

static void *run(void *arg)
{
	struct clerk *k = arg;
	struct pollfd fds[2 + CONNS_MOST];

	for (;;) {
		watch(k, fds);
		if (poll(fds, countof(fds), TICK_MS) < 0 && errno != EINTR)
			break;
		k->is_short = false;
		if (fds[0].revents)
			break;
		turn(k, fds);
	}
	return NULL;
}

struct clerk *clerk_new(const struct clerk_options *options, struct buf *why)
{
	struct clerk *k = new_of(struct clerk);

	k->options = *options;
	k->dir = mem_copy_z(options->dir);
	k->options.dir = str_from_z(k->dir);
	for (int i = 0; i < CONNS_MOST; i++)
		k->conns[i].fd = -1;
	k->stop = eventfd(0, EFD_CLOEXEC);
	k->listener = admin_listen(k->options.dir, why);
	if (k->listener >= 0 && k->stop >= 0 && thread_start(&k->thread, "clerk", run, k))
		return k;
	if (why->len == 0)
		buf_add(why, STR("the clerk's thread could not be started"));
	if (k->stop >= 0)
		close(k->stop);
	if (k->listener >= 0)
		close(k->listener);
	free(k->dir);
	free(k);
	return NULL;
}

void clerk_free(struct clerk **pk)
{
	struct clerk *k = move(*pk);

	if (!k)
		return;
	eventfd_write(k->stop, 1);
	pthread_join(k->thread, NULL);
	for (int i = 0; i < CONNS_MOST; i++)
		if (k->conns[i].fd >= 0)
			conn_close(&k->conns[i]);
	admin_unlink(k->options.dir);
	close(k->listener);
	close(k->stop);
	free(k->dir);
	free(k);
}
