/* access_log.c - lines on their way to a file or stdout, in large pieces.
 *
 * One buffer, which is written as far as somebody takes it and keeps the rest.  What a
 * line looks like is access_line.c's. */
#include "meter/access_log.h"

#include "base/mem.h"
#include "codec/text.h"
#include "loop/sys.h"
#include "meter/access_line.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	WAITING_MOST = 1 * MiB,
	WRITE_AT = 256 * KiB,
	FILE_MOST = 64 * MiB,
	FILES_KEPT = 3,
	PIPE_PIECE = 4 * KiB, /* what a writable pipe takes without blocking */
};
#define END_MOST (3 * USEC_SEC) /* that a reader is waited for at the end */

struct access_log {
	char *path; /* NULL: stdout */
	int fd;     /* -1: to be opened again */
	bool is_file;
	bool owes_end;      /* the file ends in half a line, and took no more */
	uint64_t size;      /* of the file */
	struct buf waiting; /* whole lines */
	size_t begun;       /* bytes of the first that are written already */
	uint64_t lost, lost_told;
	struct access_memory memory;
};

/* ---- the file ---- */

static bool ends_a_line(int fd, off_t size)
{
	char last = '\n';

	return size == 0 || pread(fd, &last, 1, size - 1) != 1 || last == '\n';
}

static bool open_file(struct access_log *log)
{
	struct stat st;

	log->fd = log->path
	                  ? open(log->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640)
	                  : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (log->fd < 0)
		return false;
	log->is_file = fstat(log->fd, &st) == 0 && S_ISREG(st.st_mode);
	log->size = log->is_file ? (uint64_t)st.st_size : 0;
	/* A full disk, and then a crash, may have left half a line. */
	log->owes_end = log->path && log->is_file && !ends_a_line(log->fd, st.st_size);
	return true;
}

static void close_file(struct access_log *log)
{
	if (log->fd >= 0)
		close(log->fd);
	log->fd = -1;
}

struct access_log *access_log_open(const char *path, struct buf *why)
{
	struct access_log *log = new_of(struct access_log);

	log->waiting = BUF_LIMIT(WAITING_MOST);
	log->path = strcmp(path, "stdout") == 0 ? NULL : mem_copy_z(str_from_z(path));
	if (!open_file(log)) {
		buf_addf(why, "the access log %s cannot be opened: %s", path,
		         strerror(errno));
		access_log_close(&log);
	}
	return log;
}

void access_log_close(struct access_log **at)
{
	struct access_log *log = *at;

	if (!log)
		return;
	*at = NULL;
	close_file(log);
	buf_free(&log->waiting);
	free(log->path);
	free(log);
}

void access_log_reopen(struct access_log *log)
{
	if (!log->path)
		return;
	/* A line that is still half written then begins anew in the next file; who reads
	 * a pipe gets the rest. */
	access_log_write(log);
	if (log->is_file)
		log->begun = 0;
	close_file(log);
	if (!open_file(log))
		return; /* tried again by the next write */
}

static void rotate(struct access_log *log)
{
	char from[4096], to[4096];

	for (int i = FILES_KEPT; i > 0; i--) {
		int n = snprintf(to, sizeof(to), "%s.%d", log->path, i);
		int m = i > 1 ? snprintf(from, sizeof(from), "%s.%d", log->path, i - 1)
		              : snprintf(from, sizeof(from), "%s", log->path);

		if (n < 0 || n >= (int)sizeof(to) || m < 0 || m >= (int)sizeof(from))
			return;
		if (rename(from, to) < 0 && i == 1) {
			log->size = 0; /* not at every batch */
			return;
		}
	}
	close_file(log);
}

/* ---- writing ---- */

/* Never waits for a reader: sockets are told so, pipes are asked first. */
static ssize_t write_some(struct access_log *log, const char *bytes, size_t size)
{
	struct pollfd p = { .fd = log->fd, .events = POLLOUT };
	ssize_t n;

	if (log->is_file)
		return write(log->fd, bytes, size);
	n = send(log->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n >= 0 || errno != ENOTSOCK)
		return n;
	if (poll(&p, 1, 0) <= 0) {
		errno = EAGAIN;
		return -1;
	}
	return write(log->fd, bytes, min_of(size, (size_t)PIPE_PIECE));
}

/* Takes out what is written, but for a line of which only the begin is. */
static void drop_written(struct access_log *log, size_t done)
{
	size_t whole = done;

	while (whole > 0 && log->waiting.ptr[whole - 1] != '\n')
		whole--;
	log->begun = done - whole;
	buf_drop(&log->waiting, whole);
}

static bool end_half_line(struct access_log *log)
{
	if (log->owes_end && write(log->fd, "\n", 1) != 1)
		return false;
	log->size += log->owes_end;
	log->owes_end = false;
	return true;
}

static bool write_waiting(struct access_log *log)
{
	size_t done = log->begun;
	int error = 0;

	if (!end_half_line(log))
		return false;
	while (done < log->waiting.len && !error) {
		ssize_t n =
		        write_some(log, log->waiting.ptr + done, log->waiting.len - done);

		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			error = n < 0 ? errno : EIO;
	}
	log->size += done - log->begun;
	drop_written(log, done);
	errno = error;
	return !error;
}

/* Says how many lines are missing, at the place where they are. */
static void tell_lost(struct access_log *log)
{
	if (log->lost == log->lost_told)
		return;
	buf_add(&log->waiting, STR("{\"time\":\""));
	rfc3339_write(&log->waiting, sys_wall());
	buf_addf(&log->waiting, "\",\"lost_lines\":%llu}\n",
	         (unsigned long long)(log->lost - log->lost_told));
	log->lost_told = log->lost;
}

bool access_log_write(struct access_log *log)
{
	if (log->fd < 0 && !open_file(log))
		return false;
	if (!write_waiting(log))
		return false;
	tell_lost(log);
	if (log->waiting.len && !write_waiting(log))
		return false;
	if (log->path && log->is_file && log->size >= FILE_MOST)
		rotate(log);
	return true;
}

bool access_log_is_waiting(const struct access_log *log)
{
	return log->waiting.len > 0 || log->fd < 0 || log->lost > log->lost_told;
}

uint64_t access_log_end(struct access_log *log)
{
	struct pollfd p = { .fd = log->fd, .events = POLLOUT };
	usec end = sys_now() + END_MOST, left = END_MOST;
	uint64_t lines = 0;

	/* A file takes at once what it will ever take. */
	while (!access_log_write(log) && log->fd >= 0 && errno == EAGAIN && left > 0) {
		p.fd = log->fd;
		poll(&p, 1, (int)(left / USEC_MS) + 1);
		left = end - sys_now();
	}
	for (size_t i = 0; i < log->waiting.len; i++)
		lines += log->waiting.ptr[i] == '\n';
	return lines + log->lost - log->lost_told;
}

uint64_t access_log_scrub(struct access_log *log, const struct access_match *match)
{
	return access_scrub_lines(log->waiting.ptr, log->waiting.len, match);
}

void access_log_rest(struct access_log *log)
{
	if (!log->waiting.len)
		buf_free(&log->waiting);
}

uint64_t access_log_lost(const struct access_log *log)
{
	return log->lost;
}

void access_log_add(struct access_log *log, const struct attempt_row *row)
{
	struct buf *b = &log->waiting;

	if (b->len >= WRITE_AT)
		access_log_write(log);
	/* Room for the line that tells of the lost ones stays free as well. */
	if (b->len + 2 * ACCESS_LINE_MOST > WAITING_MOST ||
	    !buf_reserve(b, ACCESS_LINE_MOST)) {
		log->lost++;
		return;
	}
	access_line_add(b, &log->memory, row);
}
