#include "config/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 4 * KiB, SUMMED_MOST = 16 * MiB };

static bool failed(struct buf *why, const char *what, const char *path)
{
	buf_addf(why, "%s %s: %s", what, path, strerror(errno));
	return false;
}

/* ---- reading ---- */

static bool read_all(int fd, struct buf *to)
{
	ssize_t n = 1;

	while (n > 0) {
		if (!buf_reserve(to, PIECE))
			return false;
		n = read(fd, to->ptr + to->len, PIECE);
		if (n > 0)
			to->len += (size_t)n;
		else if (n < 0 && errno == EINTR)
			n = 1;
	}
	return n == 0;
}

static bool read_open(int fd, const char *path, unsigned mode, struct buf *to,
                      struct buf *why)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return failed(why, "cannot read", path);
	if (!S_ISREG(st.st_mode))
		buf_addf(why, "%s is no regular file", path);
	else if (st.st_mode & mode)
		buf_addf(why, "%s may be read by others; chmod 600 it", path);
	else if (read_all(fd, to))
		return true;
	else if (to->over)
		buf_addf(why, "%s is larger than %zu bytes", path, to->limit);
	else
		failed(why, "cannot read", path);
	return false;
}

enum file_found file_read(const char *path, unsigned mode, struct buf *to,
                          struct buf *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	bool is_read;

	if (fd < 0 && errno == ENOENT)
		return FILE_MISSING;
	if (fd < 0) {
		failed(why, "cannot read", path);
		return FILE_BAD;
	}
	is_read = read_open(fd, path, mode, to, why);
	close(fd);
	return is_read ? FILE_FOUND : FILE_BAD;
}

bool file_is_readable(const char *path, struct buf *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	bool is_open = fd >= 0 && fstat(fd, &st) == 0;
	bool is_file = is_open && S_ISREG(st.st_mode);

	if (!is_open)
		buf_addf(why, "%s cannot be read: %s", path, strerror(errno));
	else if (!is_file)
		buf_addf(why, "%s is no regular file", path);
	if (fd >= 0)
		close(fd);
	return is_file;
}

void file_sum(const char *path, uint8_t ret[FILE_SUM])
{
	struct buf text = BUF_LIMIT(SUMMED_MOST), why = BUF_LIMIT(KiB);
	unsigned len = 0;

	if (file_read(path, 0, &text, &why) != FILE_FOUND ||
	    EVP_Digest(text.ptr, text.len, ret, &len, EVP_sha256(), NULL) != 1)
		memset(ret, 0, FILE_SUM);
	buf_free(&text);
	buf_free(&why);
}

/* ---- replacing ---- */

static bool write_all(int fd, str text)
{
	while (text.len > 0) {
		ssize_t n = write(fd, text.ptr, text.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		text = str_from(text, (size_t)n);
	}
	return fsync(fd) == 0;
}

/* The name must survive a power cut too. */
static void sync_dir(char *path)
{
	int fd;

	*strrchr(path, '/') = 0;
	fd = open(*path ? path : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

/* A sandboxed gateway that runs as root may not; it is its own then. */
static bool give_to(int fd, const struct stat *whose)
{
	return whose->st_uid == 0 || fchown(fd, whose->st_uid, whose->st_gid) == 0 ||
	       errno == EPERM;
}

bool file_give(int fd, const char *path)
{
	char dir[PATH_MAX];
	struct stat st;
	int n = snprintf(dir, sizeof(dir), "%s", path);

	if (geteuid() != 0 || n < 0 || (size_t)n >= sizeof(dir) || !strrchr(dir, '/'))
		return true;
	*strrchr(dir, '/') = 0;
	return stat(*dir ? dir : "/", &st) != 0 || give_to(fd, &st);
}

/* Of root's commands: what the service's user has made stays that user's. */
static bool give_away(int fd, const char *path, const char *beside)
{
	struct stat st;

	if (geteuid() == 0 && lstat(path, &st) == 0 && S_ISREG(st.st_mode))
		return give_to(fd, &st);
	return file_give(fd, beside);
}

bool file_replace(const char *path, str text, bool is_new, struct buf *why)
{
	char beside[PATH_MAX];
	int fd, n = snprintf(beside, sizeof(beside), "%s%s.new",
	                     strchr(path, '/') ? "" : "./", path);
	bool is_done;

	if (n < 0 || (size_t)n >= sizeof(beside)) {
		buf_addf(why, "the name of %s is too long", path);
		return false;
	}
	unlink(beside); /* of who died here: it may be full of secrets */
	fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return failed(why, "cannot make", beside);
	is_done = give_away(fd, path, beside) && write_all(fd, text);
	is_done = close(fd) == 0 && is_done;
	is_done =
	        is_done && (is_new ? link(beside, path) == 0 : rename(beside, path) == 0);
	if (!is_done)
		failed(why, "cannot make", path);
	if (!is_done || is_new)
		unlink(beside);
	sync_dir(beside);
	return is_done;
}
