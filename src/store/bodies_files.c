/* bodies_files.c - the files of $data/bodies: their names, their indexes. */
#include "store/bodies_private.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MOST = 64 * 1024, NAME = 16 };

bool bodies_say(struct buf *why, const char *what, const char *path)
{
	buf_addf(why, "%s %s: %s", what, path, strerror(errno));
	return false;
}

bool bodies_path(const char *dir, usec begun, const char *ending, char *to)
{
	int n = snprintf(to, PATH_MAX, "%s/%016llx.%s", dir, (unsigned long long)begun,
	                 ending);

	return n > 0 && n < PATH_MAX;
}

bool bodies_read_at(int fd, void *to, size_t len, uint64_t at)
{
	for (char *p = to; len;) {
		ssize_t n = pread(fd, p, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return true;
}

static int by_time(const void *a, const void *b)
{
	const usec *one = a, *two = b;

	return *one < *two ? -1 : *one > *two;
}

/* When each segment was begun, by the names of the indexes. */
bool bodies_files(const char *dir, struct body_files *ret, struct buf *why)
{
	DIR *d = opendir(dir);
	size_t room = 0;

	*ret = (struct body_files){ 0 };
	if (!d)
		return errno == ENOENT ? true : bodies_say(why, "cannot read", dir);
	for (struct dirent *e; (e = readdir(d)) && ret->count < FILES_MOST;) {
		char *end;
		usec begun = (usec)strtoull(e->d_name, &end, 16);

		if (end - e->d_name != NAME || strcmp(end, ".idx") != 0)
			continue;
		if (ret->count == room) {
			room = room ? 2 * room : 64;
			ret->list = mem_resize(ret->list, room * sizeof(usec));
		}
		ret->list[ret->count++] = begun;
	}
	closedir(d);
	if (ret->count)
		qsort(ret->list, ret->count, sizeof(usec), by_time);
	return true;
}

int bodies_file(const char *dir, usec begun, const char *ending, int flags)
{
	char path[PATH_MAX];

	if (!bodies_path(dir, begun, ending, path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
}

bool bodies_index(const char *dir, usec begun, struct body_index **ret, size_t *ret_count)
{
	int fd = bodies_file(dir, begun, "idx", O_RDONLY);
	struct stat st;
	size_t size;
	bool ok;

	*ret = NULL;
	*ret_count = 0;
	if (fd < 0)
		return errno == ENOENT;
	ok = fstat(fd, &st) == 0 && st.st_size < (off_t)INT32_MAX;
	size = ok ? (size_t)st.st_size / sizeof(**ret) * sizeof(**ret) : 0;
	if (size) {
		*ret = mem_new(size);
		ok = bodies_read_at(fd, *ret, size, 0);
		*ret_count = ok ? size / sizeof(**ret) : 0;
	}
	close(fd);
	return ok;
}
