#include "main/listeners.h"

#include "loop/sys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BACKLOG = 4096, FIRST_INHERITED_FD = 3 };

/* Sockets that a supervisor opened for us (sd_listen_fds(3)).  False: *why. */
static bool count_inherited(unsigned *ret, struct buf *why)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	uint64_t value;

	*ret = 0;
	if (!pid || !fds || !str_to_u64(str_from_z(pid), &value) ||
	    value != (uint64_t)getpid())
		return true;
	if (!str_to_u64(str_from_z(fds), &value) || value > LISTENERS_MOST) {
		buf_addf(why, "LISTEN_FDS=%s: at most %d sockets can be taken over", fds,
		         (int)LISTENERS_MOST);
		return false;
	}
	*ret = (unsigned)value;
	return true;
}

/* What is said of IPv4 at that port is said of it alone; then IPv6 does not answer both,
 * or the second of "0.0.0.0:80" and "[::]:80" would find the place taken. */
static bool is_apart(const struct config *c, const struct net_addr *at)
{
	if (at->sa.sa_family != AF_INET6)
		return false;
	for (unsigned i = 0; i < c->listen_count; i++) {
		if (c->listen[i].sa.sa_family == AF_INET &&
		    net_port(&c->listen[i]) == net_port(at))
			return true;
	}
	return false;
}

static bool listen_at(struct listeners *l, const struct config *c,
                      const struct net_addr *at, struct buf *why)
{
	int fd = is_apart(c, at) ? sys_listen_v6(at, BACKLOG) : sys_listen(at, BACKLOG);

	if (fd >= 0) {
		l->fd[l->count++] = fd;
		return true;
	}
	net_print(at, why);
	buf_addf(why, ": %s%s", strerror(-fd),
	         fd == -EADDRINUSE ? " (is another sluice running? see --listen)" : "");
	return false;
}

bool listeners_open(struct listeners *l, const struct config *c, struct buf *why)
{
	unsigned given;

	if (!count_inherited(&given, why))
		return false;
	for (unsigned i = 0; i < given; i++) {
		int fd = FIRST_INHERITED_FD + (int)i, error = sys_adopt_listener(fd);

		if (error < 0) {
			buf_addf(why, "LISTEN_FDS: descriptor %d: %s", fd,
			         strerror(-error));
			return false;
		}
		l->fd[l->count++] = fd;
	}
	l->inherited = given > 0;
	for (unsigned i = 0; !given && i < c->listen_count; i++) {
		if (!listen_at(l, c, &c->listen[i], why))
			return false;
	}
	return true;
}

bool listeners_suit(const struct listeners *l, const struct config *c, struct buf *why)
{
	if (c->auth != AUTH_MODE_OPEN || c->insecure_open)
		return true;
	for (unsigned i = 0; i < l->count; i++) {
		struct net_addr at = { 0 };

		if (sys_local_addr(l->fd[i], &at) == 0 && net_is_loopback(&at))
			continue;
		buf_add(why, STR("auth: open, but the socket that is listened at is not "
		                 "loopback: "));
		net_print(&at, why);
		buf_add(why, l->inherited ? STR(" (LISTEN_FDS)")
		                          : STR(" (another `listen` needs a restart)"));
		return false;
	}
	return true;
}

void listeners_close(struct listeners *l)
{
	while (l->count > 0)
		sys_close(l->fd[--l->count]);
}
