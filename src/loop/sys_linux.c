/* sys_linux.c - the seam's real side: Linux.
 *
 * One call here is one system call at most, where the job allows it; sockets are born
 * with all their properties, and accepted ones inherit TCP_NODELAY from the listener. */
#include "loop/sys.h"

#include "base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_MOST = 256, TOGETHER_MOST = 4 * KiB };

static usec read_clock(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (usec)t.tv_sec * USEC_SEC + t.tv_nsec / 1000;
}

usec sys_now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

usec sys_wall(void)
{
	return read_clock(CLOCK_REALTIME);
}

void sys_random(void *to, size_t size)
{
	char *at = to;

	while (size > 0) {
		ssize_t n = getrandom(at, size, 0);

		assert(n > 0 || errno == EINTR);
		if (n > 0) {
			at += n;
			size -= (size_t)n;
		}
	}
}

static int set_option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) == 0 ? 0 : -errno;
}

static bool is_tcp(const struct net_addr *a)
{
	return a->sa.sa_family == AF_INET || a->sa.sa_family == AF_INET6;
}

static int socket_new(const struct net_addr *a)
{
	int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
	int fd = socket(a->sa.sa_family, type, 0);

	if (fd < 0)
		return -errno;
	if (is_tcp(a))
		set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	return fd;
}

static int close_failed(int fd, int error)
{
	close(fd);
	return -error;
}

/* A socket file outlives its process; one that nobody answers behind is in the way. */
static bool remove_stale(const struct net_addr *at)
{
	struct stat st;

	if (at->sa.sa_family != AF_UNIX || at->un.sun_path[0] == '\0')
		return false;
	if (lstat(at->un.sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return false;
	int fd = socket_new(at);
	if (fd < 0)
		return false;
	bool stale = connect(fd, &at->sa, at->len) != 0 && errno == ECONNREFUSED;
	close(fd);
	return stale && unlink(at->un.sun_path) == 0;
}

static int listen_at(const struct net_addr *at, int backlog, bool only_v6)
{
	int fd = socket_new(at);

	if (fd < 0)
		return fd;
	if (is_tcp(at))
		set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (at->sa.sa_family == AF_INET6)
		set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, only_v6);
	if (bind(fd, &at->sa, at->len) != 0) {
		if (errno != EADDRINUSE || !remove_stale(at))
			return close_failed(fd, errno);
		if (bind(fd, &at->sa, at->len) != 0)
			return close_failed(fd, errno);
	}
	if (listen(fd, backlog) != 0)
		return close_failed(fd, errno);
	return fd;
}

int sys_listen(const struct net_addr *at, int backlog)
{
	return listen_at(at, backlog, false);
}

int sys_listen_v6(const struct net_addr *at, int backlog)
{
	return listen_at(at, backlog, true);
}

int sys_adopt_listener(int fd)
{
	struct net_addr at = { 0 };
	int error = sys_local_addr(fd, &at);

	if (error)
		return error;
	if (is_tcp(&at))
		set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
		return -errno;
	return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 ? 0 : -errno;
}

int sys_accept(int fd, struct net_addr *ret_peer)
{
	struct net_addr peer = { .len = sizeof(peer) - offsetof(struct net_addr, sa) };
	int got = accept4(fd, &peer.sa, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (got < 0)
		return -errno;
	net_unmap(&peer);
	*ret_peer = peer;
	return got;
}

int sys_connect(const struct net_addr *to)
{
	int fd = socket_new(to);

	if (fd < 0)
		return fd;
	if (connect(fd, &to->sa, to->len) != 0 && errno != EINPROGRESS)
		return close_failed(fd, errno);
	return fd;
}

int sys_connect_result(int fd)
{
	int error = 0;
	socklen_t size = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
		return -errno;
	return -error;
}

ssize_t sys_read(int fd, void *to, size_t size)
{
	/* Every descriptor that is read here is a socket: recv spares the way through the
	 * file layer. */
	ssize_t n = recv(fd, to, size, 0);

	return n < 0 ? -errno : n;
}

/* Short pieces are put together: copying them costs less than having the kernel take an
 * iovec apart. */
static ssize_t send_together(int fd, const struct iovec *iov, int count, size_t total)
{
	char bytes[TOGETHER_MOST];
	size_t at = 0;

	for (int i = 0; i < count; i++) {
		if (iov[i].iov_len)
			memcpy(bytes + at, iov[i].iov_base, iov[i].iov_len);
		at += iov[i].iov_len;
	}
	return send(fd, bytes, total, MSG_NOSIGNAL);
}

static size_t total_of(const struct iovec *iov, int count)
{
	size_t total = 0;

	for (int i = 0; i < count; i++)
		total += iov[i].iov_len;
	return total;
}

ssize_t sys_writev(int fd, const struct iovec *iov, int count)
{
	struct msghdr message = { .msg_iovlen = (size_t)min_of(count, IOV_MAX) };
	size_t total = total_of(iov, (int)message.msg_iovlen);
	ssize_t n;

	if (count == 1) {
		n = send(fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL);
	} else if (total <= TOGETHER_MOST) {
		n = send_together(fd, iov, (int)message.msg_iovlen, total);
	} else {
		/* sendmsg does not write into it; the struct just serves recvmsg too. */
		memcpy(&message.msg_iov, &iov, sizeof(iov));
		n = sendmsg(fd, &message, MSG_NOSIGNAL);
	}
	return n < 0 ? -errno : n;
}

int sys_unsent(int fd)
{
	int bytes = 0;

	return ioctl(fd, SIOCOUTQ, &bytes) == 0 ? bytes : -errno;
}

int sys_shutdown_write(int fd)
{
	return shutdown(fd, SHUT_WR) == 0 ? 0 : -errno;
}

void sys_close(int fd)
{
	close(fd);
}

void sys_set_abort(int fd)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

int sys_local_addr(int fd, struct net_addr *ret)
{
	struct net_addr at = { .len = sizeof(at) - offsetof(struct net_addr, sa) };

	if (getsockname(fd, &at.sa, &at.len) != 0)
		return -errno;
	*ret = at;
	return 0;
}

int sys_poller_new(void)
{
	int poller = epoll_create1(EPOLL_CLOEXEC);

	return poller < 0 ? -errno : poller;
}

void sys_poller_free(int poller)
{
	close(poller);
}

int sys_poller_add(int poller, int fd, void *tag)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		                 .data = { .ptr = tag } };

	return epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e) == 0 ? 0 : -errno;
}

int sys_poller_remove(int poller, int fd)
{
	return epoll_ctl(poller, EPOLL_CTL_DEL, fd, NULL) == 0 ? 0 : -errno;
}

/* An error is told by whatever is tried next, so it makes everything worth a try. */
static unsigned translate(uint32_t bits)
{
	unsigned what = 0;

	if (bits & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		what |= SYS_READABLE;
	if (bits & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		what |= SYS_WRITABLE;
	if (bits & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		what |= SYS_HANGUP;
	return what;
}

int sys_poller_wait(int poller, struct sys_event *events, int most, usec timeout)
{
	struct epoll_event got[EVENTS_MOST];
	int ms = -1;

	/* Rounded up: waking before the time would only make another turn. */
	if (timeout >= 0)
		ms = (int)min_of((timeout + USEC_MS - 1) / USEC_MS, (usec)INT_MAX);
	int n = epoll_wait(poller, got, min_of(most, (int)EVENTS_MOST), ms);
	for (int i = 0; i < n; i++)
		events[i] =
		        (struct sys_event){ got[i].data.ptr, translate(got[i].events) };
	return n < 0 ? 0 : n;
}

int sys_waker_new(void)
{
	int waker = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	return waker < 0 ? -errno : waker;
}

void sys_wake(int waker)
{
	/* It fails only when 2^64 wakes are unread, and then the waker is awake. */
	if (eventfd_write(waker, 1) != 0)
		assert(errno == EAGAIN);
}

void sys_waker_clear(int waker)
{
	eventfd_t count;

	if (eventfd_read(waker, &count) != 0)
		assert(errno == EAGAIN);
}
