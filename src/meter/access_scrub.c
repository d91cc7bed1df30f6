#include "meter/access_scrub.h"

#include "base/mem.h"
#include "codec/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES = 4 /* PATH, PATH.1, ... */, FILE_MOST = 512 * MiB };

static bool is_among(uint64_t id, const uint64_t *ids, size_t count)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (ids[middle] == id)
			return true;
		if (ids[middle] < id)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/* The value of a string member, as it is written; a text that only looks like one is
 * inside another's quotes, where they are escaped. */
static bool find_member(str line, str name, size_t *ret_at, size_t *ret_len)
{
	size_t at = str_find_str(line, name), end;

	if (at == line.len)
		return false;
	at += name.len;
	for (end = at; end < line.len && line.ptr[end] != '"';)
		end += line.ptr[end] == '\\' ? 2 : 1;
	*ret_at = at;
	*ret_len = min_of(end, line.len) - at;
	return true;
}

/* Overwrites in memory and in the file. */
static bool scrub_line(int fd, char *base, str line)
{
	static const str names[] = { STR_INIT("\"detail\":\""), STR_INIT("\"client\":\""),
		                     STR_INIT("\"agent\":\""), STR_INIT("\"user\":\"") };
	size_t from = (size_t)(line.ptr - base), at, len;

	for (size_t i = 0; i < countof(names); i++) {
		if (!find_member(line, names[i], &at, &len))
			continue;
		memset(base + from + at, '*', len);
		if (pwrite(fd, base + from + at, len, (off_t)(from + at)) != (ssize_t)len)
			return false;
	}
	return true;
}

static bool scrub_text(int fd, char *base, size_t size, const uint64_t *ids, size_t count)
{
	str rest = str_of(base, size);

	while (rest.len) {
		str line = str_cut(&rest, '\n');
		size_t at, len;
		uint64_t id;

		if (find_member(line, STR("\"id\":\""), &at, &len) &&
		    hex_to_u64(str_of(line.ptr + at, len), &id) &&
		    is_among(id, ids, count) && !scrub_line(fd, base, line))
			return false;
	}
	return true;
}

static bool scrub_file(const char *path, const uint64_t *ids, size_t count)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	bool ok = false;
	struct stat st;

	if (fd < 0)
		return errno == ENOENT;
	if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode)) {
		ok = true; /* a pipe keeps nothing */
	} else if (st.st_size <= (off_t)FILE_MOST) {
		char *bytes = mem_new((size_t)st.st_size + 1);
		ssize_t n = pread(fd, bytes, (size_t)st.st_size, 0);

		ok = n >= 0 && scrub_text(fd, bytes, (size_t)n, ids, count) &&
		     fdatasync(fd) == 0;
		free(bytes);
	} else {
		errno = EFBIG;
	}
	close(fd);
	return ok;
}

bool access_scrub(const char *path, const uint64_t *ids, size_t count, struct buf *why)
{
	char old[PATH_MAX];

	if (!path || count == 0 || str_eq(str_from_z(path), STR("stdout")))
		return true;
	for (int i = 0; i < FILES; i++) {
		snprintf(old, sizeof(old), i ? "%s.%d" : "%s", path, i);
		if (scrub_file(old, ids, count))
			continue;
		buf_addf(why, "%s: %s", old, strerror(errno));
		return false;
	}
	return true;
}
