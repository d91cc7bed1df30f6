/* socket.c - see socket.h. */
#include "admin/socket.h"

#include "config/datadir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 16 };

/* The directory, opened only to be named; -errno. */
static int open_dir(str dir)
{
	char path[PATH_MAX];
	int fd;

	if (!datadir_path(dir, "", path, sizeof(path)))
		return -ENAMETOOLONG;
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static struct sockaddr_un address_in(int dir)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	snprintf(at.sun_path, sizeof(at.sun_path), "/proc/self/fd/%d/admin.sock", dir);
	return at;
}

static int listen_in(int dir)
{
	struct sockaddr_un at = address_in(dir);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0)
		return -errno;
	/* The mode before bind is the mode of the file: it is never open to others. */
	if (fchmod(fd, 0600) == 0 &&
	    (unlinkat(dir, "admin.sock", 0) == 0 || errno == ENOENT) &&
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

int admin_listen(str dir, struct buf *why)
{
	int at = open_dir(dir), fd = at < 0 ? at : listen_in(at);

	if (at >= 0)
		close(at);
	if (fd >= 0)
		return fd;
	buf_addf(why, "cannot listen at %.*s/admin.sock: %s", STR_ARG(dir),
	         strerror(-fd));
	return -1;
}

/* What is sent there is a provider's key, perhaps: the one who listens has to be the
 * gateway's user, whatever happened to the permissions of the directory. */
static bool is_ours(int fd, int dir)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	struct stat st;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
	    fstat(dir, &st) != 0)
		return false;
	return peer.uid == geteuid() || peer.uid == 0 || peer.uid == st.st_uid;
}

int admin_connect(str dir)
{
	int at = open_dir(dir), fd, error = 0;
	struct sockaddr_un to;

	if (at < 0)
		return at;
	to = address_in(at);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		error = -errno;
	else if (!is_ours(fd, at))
		error = -EPERM;
	close(at);
	if (error && fd >= 0)
		close(fd);
	return error ? error : fd;
}

void admin_unlink(str dir)
{
	int at = open_dir(dir);

	if (at < 0)
		return;
	unlinkat(at, "admin.sock", 0);
	close(at);
}
