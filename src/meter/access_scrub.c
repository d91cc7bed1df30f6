#include "meter/access_scrub.h"

#include "base/mem.h"
#include "codec/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FILES = 4, /* PATH, PATH.1, ... */
	FILE_MOST = 512 * MiB,
	NEAR = 16 * KiB, /* between two changes of one write */
};

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

/* A file in memory, and what of it is not written back yet. */
struct text {
	int fd; /* -1: there is no file, it is memory alone */
	char *bytes;
	size_t size;
	size_t from, to; /* equal: all is */
	uint64_t lines;  /* that have lost something */
};

static bool write_back(struct text *t)
{
	size_t len = t->to - t->from;
	bool ok = len == 0 || t->fd < 0 ||
	          pwrite(t->fd, t->bytes + t->from, len, (off_t)t->from) == (ssize_t)len;

	t->from = t->to = 0;
	return ok;
}

/* Changes that lie close together are written together. */
static bool touch(struct text *t, size_t at, size_t len)
{
	if (t->to > t->from && at - t->to > NEAR && !write_back(t))
		return false;
	if (t->from == t->to)
		t->from = at;
	t->to = max_of(t->to, at + len);
	return true;
}

static bool is_scrubbed(str text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] != '*')
			return false;
	}
	return true;
}

static bool scrub_line(struct text *t, str line)
{
	static const str names[] = { STR_INIT("\"detail\":\""), STR_INIT("\"client\":\""),
		                     STR_INIT("\"agent\":\""), STR_INIT("\"user\":\"") };
	size_t begin = (size_t)(line.ptr - t->bytes), at, len, from = SIZE_MAX, to = 0;

	for (size_t i = 0; i < countof(names); i++) {
		if (!find_member(line, names[i], &at, &len) ||
		    is_scrubbed(str_of(line.ptr + at, len)))
			continue;
		memset(t->bytes + begin + at, '*', len);
		from = min_of(from, at);
		to = max_of(to, at + len);
	}
	if (to == 0)
		return true;
	t->lines++;
	return touch(t, begin + from, to - from);
}

static bool find_hex(str line, str name, uint64_t *ret)
{
	size_t at, len;

	return find_member(line, name, &at, &len) &&
	       hex_to_u64(str_of(line.ptr + at, len), ret);
}

static bool is_meant(str line, const struct access_match *m)
{
	uint64_t id, key = 0;

	if (!find_hex(line, STR("\"id\":\""), &id))
		return false;
	if (is_among(id, m->ids, m->count))
		return true;
	return id < m->before &&
	       (!m->key || (find_hex(line, STR("\"key\":\""), &key) && key == m->key));
}

static bool scrub_text(struct text *t, const struct access_match *match)
{
	str rest = str_of(t->bytes, t->size);

	while (rest.len) {
		str line = str_cut(&rest, '\n');

		if (is_meant(line, match) && !scrub_line(t, line))
			return false;
	}
	return write_back(t) && (t->lines == 0 || t->fd < 0 || fdatasync(t->fd) == 0);
}

uint64_t access_scrub_lines(char *bytes, size_t size, const struct access_match *match)
{
	struct text t = { .fd = -1, .bytes = bytes, .size = size };

	/* Nothing of it can fail. */
	return scrub_text(&t, match) ? t.lines : 0;
}

static bool scrub_file(const char *path, const struct access_match *match,
                       uint64_t *ret_lines)
{
	struct text t = { .fd = open(path, O_RDWR | O_CLOEXEC) };
	bool ok = false;
	struct stat st;

	if (t.fd < 0)
		return errno == ENOENT;
	if (fstat(t.fd, &st) == 0 && !S_ISREG(st.st_mode)) {
		ok = true; /* a pipe keeps nothing */
	} else if (st.st_size <= (off_t)FILE_MOST) {
		t.bytes = mem_new((size_t)st.st_size + 1);
		ssize_t n = pread(t.fd, t.bytes, (size_t)st.st_size, 0);

		t.size = n < 0 ? 0 : (size_t)n;
		ok = n >= 0 && scrub_text(&t, match);
		free(t.bytes);
		*ret_lines += t.lines;
	} else {
		errno = EFBIG;
	}
	close(t.fd);
	return ok;
}

static bool has_file(const char *path)
{
	return path && !str_eq(str_from_z(path), STR("stdout"));
}

bool access_scrub(const char *path, const struct access_match *match, uint64_t *ret_lines,
                  struct buf *why)
{
	char old[PATH_MAX];

	*ret_lines = 0;
	if (!has_file(path) || (match->count == 0 && match->before == 0))
		return true;
	for (int i = 0; i < FILES; i++) {
		snprintf(old, sizeof(old), i ? "%s.%d" : "%s", path, i);
		if (scrub_file(old, match, ret_lines))
			continue;
		buf_addf(why, "%s: %s", old, strerror(errno));
		return false;
	}
	return true;
}

/* The name is the log's and more; base: the log's own. */
static bool is_older(str name, str base)
{
	size_t dot = base.len;
	str stem;

	while (dot > 0 && base.ptr[dot - 1] != '.')
		dot--;
	stem = str_first(base, dot ? dot - 1 : 0);
	if (str_starts(name, base) && name.len > base.len)
		return name.ptr[base.len] == '.' || name.ptr[base.len] == '-';
	/* access-20261126.log */
	return stem.len && str_starts(name, stem) && name.len > base.len &&
	       name.ptr[stem.len] == '-' && str_has(name, str_from(base, dot - 1));
}

static bool is_ours(str name, str base)
{
	str end = str_from(name, base.len);

	return str_starts(name, base) && end.len == 2 && end.ptr[0] == '.' &&
	       end.ptr[1] > '0' && end.ptr[1] < '0' + FILES;
}

void access_untouched(const char *path, void (*found)(void *arg, str file), void *arg)
{
	struct buf text = BUF_LIMIT(2 * PATH_MAX);
	const char *slash = has_file(path) ? strrchr(path, '/') : NULL;
	str base = str_from_z(slash ? slash + 1 : path);
	DIR *d;

	if (!has_file(path))
		return;
	buf_add(&text, slash ? str_of(path, (size_t)(slash + 1 - path)) : STR("./"));
	size_t dir = text.len;
	d = opendir(buf_z(&text));
	for (struct dirent *e; d && (e = readdir(d));) {
		str name = str_from_z(e->d_name);

		if (!is_older(name, base) || is_ours(name, base))
			continue;
		text.len = dir;
		buf_add(&text, name);
		found(arg, buf_str(&text));
	}
	if (!d) {
		buf_addf(&text, "%.*s*", STR_ARG(base));
		found(arg, buf_str(&text));
	} else {
		closedir(d);
	}
	buf_free(&text);
}
