/* sock.c - a connected byte stream: dialling, reading, writing, ending.
 *
 * Two booleans stand for what the kernel has told and we have not used up yet: events set
 * them, a short or refused transfer clears them, and without them no system call is
 * tried. A hangup is the exception: after it, reading goes on to the end that is known to
 * be there.  What TLS makes of the bytes is in sock_tls.c. */
#include "loop/private.h"

#include "base/assert.h"

#include <errno.h>
#include <string.h>

enum { IOV_MOST = 1024 };

int sock_fail(struct sock *s, fault_t why, int error)
{
	if (!s->why) {
		s->why = why;
		s->error = error;
	}
	return SOCK_FAILED;
}

static void on_io(struct io *io, unsigned what)
{
	struct sock *s = container_of(io, struct sock, io);
	bool is_news = what != SYS_WRITABLE || !s->may_write || s->connecting;

	if (what & SYS_READABLE)
		s->may_read = s->io_readable = true;
	if (what & SYS_WRITABLE)
		s->may_write = true;
	if (what & SYS_HANGUP)
		s->hangup = true;
	if (s->unsent.len && s->may_write)
		sock_flush(s);
	if (is_news) /* a new descriptor is writable; nobody waits for that */
		s->on_event(s);
}

/* What this machine lacks says nothing of the peer. */
static fault_t dial_fault(int error)
{
	switch (error) {
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case ENOBUFS:
	case EADDRNOTAVAIL:
		return FAULT_NO_SOCKET;
	default:
		return FAULT_CONNECT_FAILED;
	}
}

static bool watch(struct sock *s, struct loop *loop, int fd)
{
	sock_fn *on_event = s->on_event;

	assert(on_event);
	*s = (struct sock){ .io = { .fd = fd, .on_event = on_io },
		            .loop = loop,
		            .on_event = on_event };
	int error = loop_watch(loop, &s->io);
	if (error) {
		sys_close(fd);
		s->io.fd = -1;
		sock_fail(s, dial_fault(-error), -error);
	}
	return !error;
}

bool sock_accept(struct sock *s, struct loop *loop, int fd, struct ssl_ctx_st *tls)
{
	if (!watch(s, loop, fd))
		return false;
	s->may_read = s->io_readable = s->may_write = true;
	s->connecting = tls != NULL;
	if (tls && !sock_tls_start(s, tls, NULL)) {
		sock_close(s);
		return false;
	}
	return true;
}

bool sock_dial(struct sock *s, struct loop *loop, const struct net_addr *to,
               struct tls_client *tls)
{
	int fd = sys_connect(to);

	if (fd < 0) {
		*s = (struct sock){ .io = { .fd = -1 },
			            .loop = loop,
			            .on_event = s->on_event };
		sock_fail(s, dial_fault(-fd), -fd);
		return false;
	}
	if (!watch(s, loop, fd))
		return false;
	s->connecting = s->dialling = true;
	if (tls && !sock_tls_start(s, tls->ctx, tls)) {
		sock_close(s);
		return false;
	}
	return true;
}

/* Writable and not hung up means connected; only the rest has to be asked about. */
static bool finish_dial(struct sock *s)
{
	if (!s->may_write && !s->hangup)
		return false;
	int error = s->hangup ? sys_connect_result(s->io.fd) : 0;
	if (error) {
		sock_fail(s, FAULT_CONNECT_FAILED, -error);
		return false;
	}
	s->dialling = false;
	return true;
}

bool sock_handshake(struct sock *s)
{
	if (s->why)
		return false;
	if (s->dialling && !finish_dial(s))
		return false;
	if (s->connecting && s->ssl && !sock_tls_handshake(s))
		return false;
	s->connecting = false;
	return true;
}

ssize_t sock_io_read(struct sock *s, void *to, size_t size)
{
	if (!s->io_readable && !s->hangup)
		return SOCK_AGAIN;
	ssize_t n = sys_read(s->io.fd, to, size);
	if (n == -EAGAIN) {
		s->io_readable = false;
		return SOCK_AGAIN;
	}
	if (n < 0)
		return sock_fail(s, FAULT_UPSTREAM_RESET, (int)-n);
	if (n == 0) {
		s->io_ended = true;
		/* A failed write has used up the error that stands behind this "end". */
		return s->why ? SOCK_FAILED : SOCK_END;
	}
	if ((size_t)n < size)
		s->io_readable = false;
	return n;
}

ssize_t sock_read(struct sock *s, void *to, size_t size)
{
	if (s->over) {
		s->may_read = false;
		return s->over;
	}
	if (s->ssl)
		return sock_tls_read(s, to, size);
	ssize_t n = sock_io_read(s, to, size);
	s->may_read = n > 0 && (s->io_readable || s->hangup);
	if (n < 0)
		s->over = (int)n;
	return n;
}

/* At most IOV_MOST pieces: more the kernel does not take at once. */
static ssize_t write_some(struct sock *s, const struct iovec *iov, int count)
{
	size_t total = 0;

	for (int i = 0; i < count; i++)
		total += iov[i].iov_len;
	if (total == 0)
		return 0;
	ssize_t n = sys_writev(s->io.fd, iov, count);
	if (n < 0 && n != -EAGAIN)
		return sock_fail(s, FAULT_UPSTREAM_RESET, (int)-n);
	if (n < 0)
		n = 0;
	s->may_write = (size_t)n == total;
	if (!s->may_write)
		s->untaken = sys_unsent(s->io.fd);
	return n;
}

ssize_t sock_io_writev(struct sock *s, const struct iovec *iov, int count)
{
	ssize_t taken = 0;

	while (count > 0 && s->may_write) {
		int some = min_of(count, (int)IOV_MOST);
		ssize_t n = write_some(s, iov, some);

		if (n < 0) /* the next call fails again, and then says so */
			return taken ? taken : n;
		taken += n;
		iov += some;
		count -= some;
	}
	return taken;
}

void sock_send_posted(struct sock *s)
{
	if (s->posted)
		outbox_send(s->loop);
}

ssize_t sock_writev(struct sock *s, const struct iovec *iov, int count)
{
	sock_send_posted(s);
	return s->ssl ? sock_tls_writev(s, iov, count) : sock_io_writev(s, iov, count);
}

bool sock_peer_takes(struct sock *s)
{
	int before = s->untaken;

	s->untaken = sys_unsent(s->io.fd);
	return s->untaken >= 0 && s->untaken < before;
}

/* The FIN goes when everything before it has gone. */
static void end_if_sent(struct sock *s)
{
	if (s->ending && s->unsent.len == 0)
		sys_shutdown_write(s->io.fd);
}

bool sock_flush(struct sock *s)
{
	struct buf *sealed = &s->loop->sealed;
	struct iovec iov[2] = { { s->unsent.ptr, s->unsent.len },
		                { sealed->ptr, sealed->len } };
	int first = s->unsent.len ? 0 : 1;
	ssize_t n = sock_io_writev(s, iov + first, 2 - first);

	if (n >= 0) {
		size_t old = min_of((size_t)n, s->unsent.len);

		buf_drop(&s->unsent, old);
		if (!buf_add(&s->unsent, str_from(buf_str(sealed), (size_t)n - old)))
			n = sock_fail(s, FAULT_UPSTREAM_RESET, ENOBUFS);
	}
	buf_clear(sealed);
	if (n < 0)
		buf_clear(&s->unsent);
	if (s->unsent.len == 0) { /* an idle connection holds no buffer */
		size_t limit = s->unsent.limit;

		buf_free(&s->unsent);
		s->unsent.limit = limit;
		end_if_sent(s);
	}
	return n >= 0;
}

void sock_end(struct sock *s)
{
	if (!sock_is_open(s) || s->ending)
		return;
	sock_send_posted(s);
	s->ending = true;
	if (s->ssl)
		sock_tls_end(s);
	else
		end_if_sent(s);
}

void sock_close(struct sock *s)
{
	if (!sock_is_open(s))
		return;
	sock_send_posted(s);
	loop_forget(s->loop, &s->io);
	list_remove(&s->trouble);
	if (s->ssl)
		sock_tls_free(s);
	buf_free(&s->unsent);
	sys_close(s->io.fd);
	s->io.fd = -1;
	s->connecting = s->dialling = s->may_read = s->may_write = false;
}

void sock_abort(struct sock *s)
{
	if (!sock_is_open(s))
		return;
	sys_set_abort(s->io.fd);
	sock_close(s);
}

void sock_explain(const struct sock *s, struct buf *to)
{
	char text[128];

	if (s->tls_verify || s->tls_error)
		buf_add(to, str_from_z(sock_tls_explain(s)));
	else if (s->error)
		buf_add(to, str_from_z(strerror_r(s->error, text, sizeof(text))));
}
