#include "config/facts.h"

#include "config/datadir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 256 * KiB, FOUND_TEXT_MOST = 4 * MiB };

struct names {
	char file[PATH_MAX], previous[PATH_MAX], fresh[PATH_MAX], dir[PATH_MAX];
};

static bool name_all(str dir, const char *name, struct names *ret, struct buf *why)
{
	char fresh[64];

	/* Two commands at once do not write the same file. */
	snprintf(fresh, sizeof(fresh), "%s.%d", name, (int)getpid());
	if (datadir_path(dir, name, ret->file, PATH_MAX) &&
	    datadir_path(dir, "catalog.previous", ret->previous, PATH_MAX) &&
	    datadir_path(dir, fresh, ret->fresh, PATH_MAX) &&
	    datadir_path(dir, ".", ret->dir, PATH_MAX))
		return true;
	buf_add(why, STR("the name of the data directory is too long"));
	return false;
}

static bool failed(struct buf *why, const char *path)
{
	buf_addf(why, "%s: %s", path, strerror(errno));
	return false;
}

/* ---- loading ---- */

/* -errno; one byte more than may be is enough to see that it is too much. */
static int read_file(int fd, struct buf *to)
{
	ssize_t n = 1;

	while (n > 0 && to->len <= CATALOG_TEXT_MOST && buf_reserve(to, PIECE)) {
		n = read(fd, to->ptr + to->len, PIECE);
		if (n > 0)
			to->len += (size_t)n;
	}
	return n < 0 ? -errno : 0;
}

static bool load(int fd, const char *path, struct catalog **ret, struct buf *why)
{
	struct buf text = BUF_LIMIT(CATALOG_TEXT_MOST + 2 * (size_t)PIECE);
	struct buf what = BUF_LIMIT(1 * KiB);
	int error = read_file(fd, &text);

	if (error)
		buf_addf(&what, "%s", strerror(-error));
	else if (text.len > CATALOG_TEXT_MOST)
		buf_addf(&what, "it is larger than %d bytes", CATALOG_TEXT_MOST);
	else
		*ret = catalog_read(buf_str(&text), &what);
	if (!*ret)
		buf_addf(why, "%s: %.*s", path, STR_ARG(buf_str(&what)));
	buf_free(&text);
	buf_free(&what);
	return *ret != NULL;
}

bool facts_load(str dir, struct catalog **ret, struct buf *why)
{
	struct names names;
	bool is_good;
	int fd;

	*ret = NULL;
	if (dir.len == 0)
		return true;
	if (!name_all(dir, "catalog", &names, why))
		return false;
	fd = open(names.file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || failed(why, names.file);
	is_good = load(fd, names.file, ret, why);
	close(fd);
	return is_good;
}

bool facts_are_older(const struct catalog *c, struct buf *said)
{
	const struct catalog_older o = catalog_older(c);

	if (o.providers == 0)
		return false;
	buf_addf(
	        said,
	        "the updated catalogue of %04u-%02u-%02u is older than the program's own "
	        "facts of %04u-%02u-%02u, which are used for %.*s",
	        o.updated / 10000, o.updated / 100 % 100, o.updated % 100,
	        catalog_date / 10000, catalog_date / 100 % 100, catalog_date % 100,
	        STR_ARG(o.first));
	if (o.providers > 1)
		buf_addf(said, " and %u other%s", o.providers - 1,
		         o.providers == 2 ? "" : "s");
	return true;
}

/* ---- saving ---- */

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

/* The name must survive a power cut as well; where a directory cannot be synced, the
 * file is there all the same. */
static void sync_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

/* Another name for what is about to be replaced. A file system without links does
 * without. */
static void keep_previous(const struct names *names)
{
	unlink(names->previous);
	(void)!link(names->file, names->previous);
}

static bool save(str dir, const char *name, bool keeps_previous, str text,
                 struct buf *why)
{
	struct names names;
	bool is_written;
	int fd;

	if (!name_all(dir, name, &names, why))
		return false;
	unlink(names.fresh); /* of a process that died here */
	fd = open(names.fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
	          0600);
	if (fd < 0)
		return failed(why, names.fresh);
	is_written = write_all(fd, text) || failed(why, names.fresh);
	close(fd);
	if (is_written) {
		if (keeps_previous)
			keep_previous(&names);
		is_written =
		        rename(names.fresh, names.file) == 0 || failed(why, names.file);
	}
	if (is_written)
		sync_dir(names.dir);
	else
		unlink(names.fresh);
	return is_written;
}

bool facts_save(str dir, str text, struct buf *why)
{
	return save(dir, "catalog", true, text, why);
}

/* ---- what was found ---- */

bool facts_found_load(str dir, struct buf *ret)
{
	char path[PATH_MAX];
	int fd, error;

	*ret = BUF_LIMIT(FOUND_TEXT_MOST + 2 * (size_t)PIECE);
	fd = datadir_path(dir, "discovered", path, sizeof(path))
	             ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
	             : -1;
	if (fd < 0)
		return false;
	error = read_file(fd, ret);
	close(fd);
	return error == 0;
}

bool facts_found_save(str dir, str text, struct buf *why)
{
	return save(dir, "discovered", false, text, why);
}

bool facts_found_next(str *rest, str *ret_provider, str *ret_id)
{
	while (rest->len > 0) {
		str line = str_cut(rest, '\n'), provider = str_cut(&line, '\t');

		if (!catalog_provider_is_safe(provider) || !catalog_id_is_safe(line))
			continue;
		*ret_provider = provider;
		*ret_id = line;
		return true;
	}
	return false;
}
