/* datadir.c - see datadir.h.  The lock is advisory and dies with its holder, so a killed
 * gateway leaves nothing behind that has to be cleaned up. */
#include "config/datadir.h"

#include "config/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 2000, LOOK_EVERY_MS = 20 };

bool datadir_path(str dir, const char *name, char *to, size_t room)
{
	int n = snprintf(to, room, "%.*s/%s", STR_ARG(dir), name);

	return n >= 0 && (size_t)n < room && !memchr(dir.ptr ? dir.ptr : "", 0, dir.len);
}

static bool failed(struct buf *why, const char *what, const char *path)
{
	int error = errno;

	buf_addf(why, "%s %s: %s", what, path, strerror(error));
	return false;
}

/* mkdir -p. */
static bool make_all(char *path, struct buf *why)
{
	for (char *at = path + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = 0;
		if (mkdir(path, 0700) != 0 && errno != EEXIST)
			return failed(why, "cannot make the directory", path);
		*at = '/';
	}
	return true;
}

static bool is_our_group(gid_t group)
{
	gid_t ours[NGROUPS_MAX];
	int count = getgroups(NGROUPS_MAX, ours);

	if (group == getegid())
		return true;
	for (int i = 0; i < count; i++)
		if (ours[i] == group)
			return true;
	return false;
}

bool datadir_check(str dir, struct buf *why)
{
	char path[PATH_MAX];
	struct stat st;
	uid_t us = geteuid();

	if (!datadir_path(dir, "", path, sizeof(path)) || stat(path, &st) != 0)
		return true; /* whoever needs it says what is wrong */
	if (us != 0 && st.st_uid != us && st.st_uid != 0)
		buf_addf(
		        why,
		        "the data directory %.*s belongs to somebody else (user %u), who "
		        "could take the keys in it",
		        STR_ARG(dir), (unsigned)st.st_uid);
	else if (st.st_mode & S_IWOTH)
		buf_addf(why,
		         "everybody may write in the data directory %.*s, and take the "
		         "keys in it: chmod o-w %.*s",
		         STR_ARG(dir), STR_ARG(dir));
	else if ((st.st_mode & S_IWGRP) && (st.st_uid != 0 || !is_our_group(st.st_gid)))
		buf_addf(why,
		         "a group may write in the data directory %.*s, and take the "
		         "keys in it: chmod g-w %.*s",
		         STR_ARG(dir), STR_ARG(dir));
	else
		return true;
	return false;
}

bool datadir_make(str dir, struct buf *why)
{
	char path[PATH_MAX];
	struct stat st;

	if (dir.len == 0 || !datadir_path(dir, "", path, sizeof(path))) {
		buf_addf(why, "the name of the data directory is empty or too long");
		return false;
	}
	if (!make_all(path, why))
		return false;
	if (stat(path, &st) != 0)
		return failed(why, "cannot use the data directory", path);
	if (S_ISDIR(st.st_mode) && access(path, R_OK | W_OK | X_OK) == 0)
		return datadir_check(dir, why);
	errno = S_ISDIR(st.st_mode) ? errno : ENOTDIR;
	return failed(why, "cannot use the data directory", path);
}

/* A command has it for a moment, a gateway for long. */
static bool lock_soon(int fd)
{
	const struct timespec moment = { .tv_nsec = LOOK_EVERY_MS * 1000 * 1000 };

	for (int left = PATIENCE_MS / LOOK_EVERY_MS; flock(fd, LOCK_EX | LOCK_NB) != 0;
	     left--) {
		if (errno != EWOULDBLOCK || left == 0)
			return false;
		nanosleep(&moment, NULL);
	}
	return true;
}

/* Made when there is none. */
static int open_own(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return errno == EEXIST ? open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
	if (file_give(fd, path))
		return fd;
	close(fd);
	return -1;
}

/* SQLite gives the files beside it to whom this one belongs.  One that is there is left
 * closed: whoever closes it drops all locks of the process on it. */
bool datadir_own_ledger(str dir, struct buf *why)
{
	char path[PATH_MAX];
	int fd;

	if (geteuid() != 0 || !datadir_path(dir, "ledger.db", path, sizeof(path)) ||
	    access(path, F_OK) == 0)
		return true;
	fd = open_own(path);
	if (fd < 0)
		return failed(why, "cannot make", path);
	close(fd);
	return true;
}

bool datadir_lock(str dir, int *ret_fd, struct buf *why)
{
	char path[PATH_MAX];
	int fd;

	if (!datadir_path(dir, "lock", path, sizeof(path))) {
		buf_addf(why, "the name of the data directory is too long");
		return false;
	}
	fd = open_own(path);
	if (fd < 0)
		return failed(why, "cannot open", path);
	if (!lock_soon(fd)) {
		if (errno == EWOULDBLOCK)
			buf_addf(why, "another sluice uses %.*s", STR_ARG(dir));
		else
			failed(why, "cannot lock", path);
		close(fd);
		return false;
	}
	*ret_fd = fd;
	return true;
}

bool datadir_is_locked(str dir)
{
	char path[PATH_MAX];
	bool is_locked = false;
	int fd;

	if (!datadir_path(dir, "lock", path, sizeof(path)))
		return false;
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return false;
	if (flock(fd, LOCK_SH | LOCK_NB) != 0)
		is_locked = errno == EWOULDBLOCK;
	close(fd);
	return is_locked;
}

/* The lowest directory on the way whose owner we are told. */
static bool find_owner(char *path, struct stat *ret)
{
	char *slash;

	while (stat(path, ret) != 0)
		if (!(slash = strrchr(path, '/')) || slash == path)
			return false;
		else
			*slash = 0;
	return true;
}

bool datadir_may_look(str dir, struct buf *why)
{
	char path[PATH_MAX];
	struct passwd *owner;
	struct stat st;

	if (!datadir_path(dir, ".", path, sizeof(path)) || access(path, X_OK) == 0 ||
	    errno != EACCES)
		return true;
	buf_addf(why, "you may not look into %.*s", STR_ARG(dir));
	path[dir.len] = 0;
	if (!find_owner(path, &st) || st.st_uid == getuid())
		return false;
	if ((owner = getpwuid(st.st_uid)))
		buf_addf(why, ", which belongs to %s: sudo -u %s sluice ...",
		         owner->pw_name, owner->pw_name);
	else
		buf_addf(why, ", which belongs to user %u: sudo -u '#%u' sluice ...",
		         (unsigned)st.st_uid, (unsigned)st.st_uid);
	return false;
}
