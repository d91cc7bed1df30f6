#include "main/listeners.h"

#include "loop/sys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BACKLOG = 4096, FIRST_INHERITED_FD = 3 };

/* Sockets that a supervisor opened for us (sd_listen_fds(3)). */
static unsigned inherited_count(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	uint64_t value;

	if (!pid || !fds || !str_to_u64(str_from_z(pid), &value) ||
	    value != (uint64_t)getpid())
		return 0;
	return str_to_u64(str_from_z(fds), &value) && value <= LISTENERS_MOST
	               ? (unsigned)value
	               : 0;
}

bool listeners_open(struct listeners *l, const struct config *c, struct buf *why)
{
	unsigned given = inherited_count();

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
		int fd = sys_listen(&c->listen[i], BACKLOG);

		if (fd < 0) {
			net_print(&c->listen[i], why);
			buf_addf(why, ": %s%s", strerror(-fd),
			         fd == -EADDRINUSE
			                 ? " (is another sluice running? see --listen)"
			                 : "");
			return false;
		}
		l->fd[l->count++] = fd;
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
