/* segment.c - the files of a journal.
 *
 * Everything here may block and is called by the recorder only.  A fresh file is written
 * full of zeros instead of being stretched: blocks that are only promised by the file
 * system would fail (SIGBUS) or wait at the first store into the mapping. */
#include "store/segment.h"

#include "base/mem.h"
#include "codec/crc32c.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VERSION = 1, PATH_MOST = 4096 };

/* Little-endian, as everything in a journal: it never leaves the machine. */
struct segment_header {
	char magic[8];
	uint32_t version;
	uint32_t worker;
	uint64_t sequence;
	uint32_t crc; /* of all before */
};

static const char magic[8] = "SLUICEJ";

static struct segment_header header_of(unsigned worker, uint64_t sequence)
{
	struct segment_header h = { .version = VERSION,
		                    .worker = worker,
		                    .sequence = sequence };

	memcpy(h.magic, magic, sizeof(magic));
	h.crc = crc32c(0, str_of((const char *)&h, offsetof(struct segment_header, crc)));
	return h;
}

static bool header_is_valid(const struct segment_header *h, unsigned worker)
{
	struct segment_header want = header_of(worker, h->sequence);

	return memcmp(h, &want, offsetof(struct segment_header, crc)) == 0 &&
	       h->crc == want.crc;
}

static void set_sequence(struct segment *s, uint64_t sequence)
{
	s->sequence = sequence;
	s->seed = crc32c(0, str_of((const char *)&sequence, sizeof(sequence)));
}

/* ---- names ---- */

static bool path_of(const struct segment_place *place, uint64_t name, const char *suffix,
                    char *ret)
{
	int n = snprintf(ret, PATH_MOST, "%s/%02x-%08llx%s", place->dir, place->worker,
	                 (unsigned long long)name, suffix);

	return n > 0 && n < PATH_MOST;
}

static bool take_hex(str *s, size_t least, uint64_t *ret)
{
	uint64_t value = 0;
	size_t n = 0;

	for (; n < s->len && n < 16; n++) {
		char c = s->ptr[n];

		if (char_is_digit(c))
			value = value << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (uint64_t)(c - 'a' + 10);
		else
			break;
	}
	if (n < least)
		return false;
	*s = str_from(*s, n);
	*ret = value;
	return true;
}

bool segment_parse_name(const char *name, unsigned *ret_worker, uint64_t *ret_sequence,
                        str *ret_suffix)
{
	str rest = str_from_z(name);
	uint64_t worker, sequence;

	if (!take_hex(&rest, 2, &worker) || worker >= 64 || !str_skip(&rest, STR("-")) ||
	    !take_hex(&rest, 8, &sequence))
		return false;
	*ret_worker = (unsigned)worker;
	*ret_sequence = sequence;
	*ret_suffix = rest;
	return true;
}

void segment_unlink(const struct segment_place *place, uint64_t name, const char *suffix)
{
	char path[PATH_MOST];

	if (path_of(place, name, suffix, path))
		unlink(path);
}

static int sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int error = fd < 0 || fsync(fd) < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return error;
}

/* ---- mapping ---- */

/* NULL: see errno. */
static struct segment *map(int fd, int flags)
{
	void *base = mmap(NULL, JOURNAL_SEGMENT, PROT_READ | PROT_WRITE, flags, fd, 0);
	struct segment *s;

	if (base == MAP_FAILED)
		return NULL;
	s = new_of(struct segment);
	s->base = base;
	return s;
}

/* Makes each page present and writable, so that the writer's stores do not fault. */
static void touch(struct segment *s)
{
#ifdef MADV_POPULATE_WRITE
	if (madvise(s->base, JOURNAL_SEGMENT, MADV_POPULATE_WRITE) == 0)
		return;
#endif
	for (size_t at = 0; at < JOURNAL_SEGMENT; at += 4 * KiB) {
		volatile unsigned char *byte = s->base + at;

		*byte = *byte;
	}
}

static void put_header(struct segment *s, unsigned worker, uint64_t sequence)
{
	struct segment_header h = header_of(worker, sequence);

	memcpy(s->base, &h, sizeof(h));
	set_sequence(s, sequence);
}

/* ---- fresh ones ---- */

static int write_all(int fd, const char *bytes, size_t size, off_t at)
{
	while (size > 0) {
		ssize_t n = pwrite(fd, bytes, size, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		bytes += n;
		size -= (size_t)n;
		at += n;
	}
	return 0;
}

static int fill(int fd, unsigned worker, uint64_t sequence)
{
	static const char zeros[16 * KiB];
	struct segment_header h = header_of(worker, sequence);
	int error = 0;

	for (off_t at = 0; at < JOURNAL_SEGMENT && !error; at += (off_t)sizeof(zeros))
		error = write_all(fd, zeros, sizeof(zeros), at);
	if (!error)
		error = write_all(fd, (const char *)&h, sizeof(h), 0);
	if (!error && fdatasync(fd) < 0)
		error = -errno;
	return error;
}

/* A whole file under its name, and open. */
static int create_file(const struct segment_place *place, uint64_t sequence, int *ret_fd)
{
	char fresh[PATH_MOST], path[PATH_MOST];
	int error, fd;

	if (!path_of(place, sequence, ".new", fresh) ||
	    !path_of(place, sequence, "", path))
		return -ENAMETOOLONG;
	fd = open(fresh, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	error = fill(fd, place->worker, sequence);
	if (!error && rename(fresh, path) < 0)
		error = -errno;
	if (error)
		unlink(fresh);
	else
		error = sync_dir(place->dir);
	if (error)
		close(fd);
	else
		*ret_fd = fd;
	return error;
}

int segment_create(const struct segment_place *place, uint64_t sequence,
                   struct segment **ret)
{
	int fd = -1, error = place->dir ? create_file(place, sequence, &fd) : 0;

	if (error)
		return error;
	struct segment *s = map(fd, place->dir ? MAP_SHARED | MAP_POPULATE
	                                       : MAP_PRIVATE | MAP_ANONYMOUS);
	if (!s)
		error = -errno;
	if (fd >= 0)
		close(fd);
	if (!s) {
		if (place->dir)
			segment_unlink(place, sequence, "");
		return error;
	}
	put_header(s, place->worker, sequence);
	s->name = sequence;
	if (place->dir)
		touch(s);
	*ret = s;
	return 0;
}

/* ---- those of an earlier process ---- */

static bool is_empty(const struct segment *s)
{
	return atomic_load_explicit(segment_word(s, SEGMENT_HEADER),
	                            memory_order_acquire) == 0;
}

static int open_file(const struct segment_place *place, uint64_t name, int *ret_fd)
{
	char path[PATH_MOST];
	struct stat st;
	int fd;

	if (!path_of(place, name, "", path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size != JOURNAL_SEGMENT) {
		close(fd);
		return -EBADMSG;
	}
	*ret_fd = fd;
	return 0;
}

static void rename_bad(const struct segment_place *place, uint64_t name)
{
	char path[PATH_MOST], bad[PATH_MOST];

	/* When it cannot be renamed it is found bad again at the next start. */
	if (path_of(place, name, "", path) && path_of(place, name, ".bad", bad) &&
	    rename(path, bad) < 0)
		return;
}

int segment_load(const struct segment_place *place, uint64_t name, struct segment **ret)
{
	struct segment_header h;
	int fd = -1, error = open_file(place, name, &fd);

	if (error == -EBADMSG)
		rename_bad(place, name);
	if (error)
		return error;
	struct segment *s = map(fd, MAP_SHARED);
	if (!s)
		error = -errno;
	close(fd);
	if (!s)
		return error;
	s->name = name;
	s->leftover = true;
	memcpy(&h, s->base, sizeof(h));
	if (!header_is_valid(&h, place->worker)) {
		/* Killed while it got a new header? Then the records were gone before. */
		bool empty = is_empty(s);

		empty ? segment_remove(place, &s) : segment_set_aside(place, &s);
		return empty ? -ENODATA : -EBADMSG;
	}
	set_sequence(s, h.sequence);
	*ret = s;
	return 0;
}

/* ---- the end, or the next life ---- */

/* Nothing is synced here: whatever part of this a power cut forgets, the old records are
 * in the ledger, and no record passes under a number that is not its own. */
int segment_recycle(const struct segment_place *place, struct segment *s,
                    uint64_t sequence)
{
	char from[PATH_MOST], to[PATH_MOST];

	segment_reset(s);
	atomic_signal_fence(memory_order_seq_cst); /* a kill sees them in this order */
	put_header(s, place->worker, sequence);
	s->next = NULL;
	s->leftover = s->bad = false;
	if (!place->dir)
		return 0;
	if (!path_of(place, s->name, "", from) || !path_of(place, sequence, "", to))
		return -ENAMETOOLONG;
	if (rename(from, to) < 0)
		return -errno;
	s->name = sequence;
	touch(s);
	return 0;
}

void segment_wipe(struct segment *s)
{
	segment_reset(s);
	atomic_signal_fence(
	        memory_order_seq_cst); /* first it is empty, then it is gone */
	memset(s->base + SEGMENT_HEADER, 0, JOURNAL_SEGMENT - SEGMENT_HEADER);
}

void segment_free(struct segment **s)
{
	if (!*s)
		return;
	munmap((*s)->base, JOURNAL_SEGMENT);
	free(*s);
	*s = NULL;
}

void segment_remove(const struct segment_place *place, struct segment **s)
{
	if (place->dir)
		segment_unlink(place, (*s)->name, "");
	segment_free(s);
}

void segment_set_aside(const struct segment_place *place, struct segment **s)
{
	if (place->dir)
		rename_bad(place, (*s)->name);
	segment_free(s);
}
