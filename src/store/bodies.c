#include "store/bodies.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

enum {
	SEGMENT_MOST = 32 * MiB,
	FILES_MOST = 64 * 1024,
	NAME = 16,
	USER_MAC = 16,
	LEVEL = 3, /* of zstd */
	VERSION = 1,
};
#define SEGMENT_TIME_MOST (24 * USEC_HOUR)

/* An entry of an index: all zeros when it was erased. */
struct entry {
	uint64_t exchange, key;
	int64_t wall;
	uint64_t at; /* in the segment */
	uint32_t len, spare;
	uint8_t user[USER_MAC]; /* zeros: nobody was named */
};
_Static_assert(sizeof(struct entry) == 56, "layout of version 1");

/* What is compressed: this, the request, the answer. */
struct head {
	uint32_t version, flags;
	uint64_t key;
	int64_t wall;
	uint64_t request_len, answer_len;
};

struct bodies {
	char *dir;
	const struct body_keys *keys;
	ZSTD_CCtx *zstd;
	usec begun; /* of the open segment; 0: none is open */
	int segment, index;
	uint64_t size;
	struct seal_key key;
};

static bool say(struct buf *why, const char *what, const char *path)
{
	buf_addf(why, "%s %s: %s", what, path, strerror(errno));
	return false;
}

static bool path_of(const char *dir, usec begun, const char *ending, char to[PATH_MAX])
{
	int n = snprintf(to, PATH_MAX, "%s/%016llx.%s", dir, (unsigned long long)begun,
	                 ending);

	return n > 0 && n < PATH_MAX;
}

/* ---- keys ---- */

static void derive(const struct seal_key *master, usec begun, struct seal_key *ret)
{
	char purpose[40];
	int n = snprintf(purpose, sizeof(purpose), "bodies %016llx",
	                 (unsigned long long)begun);

	seal_derive(master, str_of(purpose, (size_t)n), ret);
}

/* What the user is called in an index made under that master key. */
static void user_mac(const struct seal_key *master, str user, uint8_t ret[USER_MAC])
{
	struct seal_key key;
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	memset(ret, 0, USER_MAC);
	if (!user.len)
		return;
	seal_derive(master, STR("bodies user"), &key);
	HMAC(EVP_sha256(), key.bytes, SEAL_KEY, (const uint8_t *)user.ptr, user.len, mac,
	     &len);
	memcpy(ret, mac, USER_MAC);
	ret[0] |= 1; /* never all zeros */
	mem_wipe(&key, sizeof(key));
}

static const struct seal_key *newest(const struct body_keys *keys)
{
	return &keys->list[keys->count - 1];
}

static const struct seal_key *key_of(const struct body_keys *keys, uint32_t id)
{
	for (unsigned i = 0; i < keys->count; i++)
		if (keys->list[i].id == id)
			return &keys->list[i];
	return NULL;
}

static str about(uint64_t exchange, char room[32])
{
	int n = snprintf(room, 32, "exchange %016llx", (unsigned long long)exchange);

	return str_of(room, (size_t)n);
}

/* ---- files ---- */

static bool write_all(int fd, str bytes, uint64_t at)
{
	while (bytes.len) {
		ssize_t n = pwrite(fd, bytes.ptr, bytes.len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		bytes = str_from(bytes, (size_t)n);
		at += (uint64_t)n;
	}
	return true;
}

static bool read_all(int fd, void *to, size_t len, uint64_t at)
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

struct files {
	usec *list; /* ascending */
	size_t count;
};

static int by_time(const void *a, const void *b)
{
	const usec *one = a, *two = b;

	return *one < *two ? -1 : *one > *two;
}

/* When each segment was begun, by the names of the indexes. */
static bool list_files(const char *dir, struct files *ret, struct buf *why)
{
	DIR *d = opendir(dir);
	size_t room = 0;

	*ret = (struct files){ 0 };
	if (!d)
		return errno == ENOENT ? true : say(why, "cannot read", dir);
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

static int open_file(const char *dir, usec begun, const char *ending, int flags)
{
	char path[PATH_MAX];

	if (!path_of(dir, begun, ending, path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* All entries of an index; a torn last one is left out.  NULL and 0: none. */
static struct entry *load_index(const char *dir, usec begun, size_t *ret_count)
{
	int fd = open_file(dir, begun, "idx", O_RDONLY);
	struct entry *list = NULL;
	struct stat st;

	*ret_count = 0;
	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && st.st_size >= (off_t)sizeof(struct entry) &&
	    st.st_size < (off_t)INT32_MAX) {
		size_t count = (size_t)st.st_size / sizeof(struct entry);

		list = mem_new(count * sizeof(struct entry));
		if (read_all(fd, list, count * sizeof(struct entry), 0))
			*ret_count = count;
	}
	close(fd);
	return list;
}

/* ---- the open segment ---- */

static void leave_segment(struct bodies *b)
{
	if (b->segment >= 0)
		close(b->segment);
	if (b->index >= 0)
		close(b->index);
	b->segment = b->index = -1;
	b->begun = 0;
}

static bool begin_segment(struct bodies *b, usec wall, struct buf *why)
{
	leave_segment(b);
	for (int i = 0; i < 1000; i++, wall++) { /* two in one microsecond */
		b->segment = open_file(b->dir, wall, "seg", O_RDWR | O_CREAT | O_EXCL);
		if (b->segment >= 0 || errno != EEXIST)
			break;
	}
	if (b->segment >= 0)
		b->index = open_file(b->dir, wall, "idx", O_RDWR | O_CREAT | O_EXCL);
	if (b->index < 0) {
		say(why, "cannot write into", b->dir);
		leave_segment(b);
		return false;
	}
	b->begun = wall;
	b->size = 0;
	derive(newest(b->keys), wall, &b->key);
	return true;
}

/* A record without an entry can neither be found nor forgotten: what a crash has left
 * behind the last entry is cut off. */
static void mend(struct bodies *b, usec begun)
{
	int segment = open_file(b->dir, begun, "seg", O_RDWR);
	int index = open_file(b->dir, begun, "idx", O_RDWR);
	uint64_t end = 0;
	size_t count;
	struct entry *list = load_index(b->dir, begun, &count);
	struct stat st;

	for (size_t i = 0; i < count; i++)
		end = max_of(end, list[i].at + list[i].len);
	free(list);
	if (segment >= 0 && index >= 0 && fstat(segment, &st) == 0) {
		if ((uint64_t)st.st_size > end && ftruncate(segment, (off_t)end) != 0)
			goto out; /* it stays, encrypted, until the file is old */
		if (ftruncate(index, (off_t)(count * sizeof(struct entry))) != 0)
			goto out;
	}
out:
	if (segment >= 0)
		close(segment);
	if (index >= 0)
		close(index);
}

struct bodies *bodies_open(str dir, const struct body_keys *keys, struct buf *why)
{
	struct bodies *b = new_of(struct bodies);
	struct files files;

	b->dir = mem_copy_z(dir);
	b->keys = keys;
	b->segment = b->index = -1;
	b->zstd = ZSTD_createCCtx();
	if (mkdir(b->dir, 0700) != 0 && errno != EEXIST) {
		say(why, "cannot make", b->dir);
		bodies_close(&b);
		return NULL;
	}
	if (!list_files(b->dir, &files, why)) {
		bodies_close(&b);
		return NULL;
	}
	if (files.count)
		mend(b, files.list[files.count - 1]);
	free(files.list);
	return b;
}

void bodies_close(struct bodies **at)
{
	struct bodies *b = move(*at);

	if (!b)
		return;
	leave_segment(b);
	ZSTD_freeCCtx(b->zstd);
	mem_wipe(&b->key, sizeof(b->key));
	free(b->dir);
	free(b);
}

/* ---- writing ---- */

static bool feed(struct bodies *b, ZSTD_outBuffer *to, str bytes, bool last)
{
	ZSTD_inBuffer in = { bytes.ptr, bytes.len, 0 };
	size_t left;

	do {
		left = ZSTD_compressStream2(b->zstd, to, &in,
		                            last ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left) || to->pos == to->size)
			return false;
	} while (last ? left > 0 : in.pos < in.size);
	return true;
}

static bool compress(struct bodies *b, const struct body_row *row, struct buf *to)
{
	struct head head = {
		.version = VERSION,
		.flags = row->flags,
		.key = row->key,
		.wall = row->wall,
		.request_len = row->request.len,
		.answer_len = row->answer.len,
	};
	size_t all = sizeof(head) + row->request.len + row->answer.len;
	ZSTD_outBuffer out = { NULL, ZSTD_compressBound(all) + 64, 0 };

	if (all > BODIES_RECORD_MOST)
		return false;
	to->limit = out.size;
	if (!buf_reserve(to, out.size))
		return false;
	out.dst = to->ptr;
	ZSTD_CCtx_reset(b->zstd, ZSTD_reset_session_only);
	ZSTD_CCtx_setParameter(b->zstd, ZSTD_c_compressionLevel, LEVEL);
	ZSTD_CCtx_setPledgedSrcSize(b->zstd, all);
	if (!feed(b, &out, str_of((const char *)&head, sizeof(head)), false) ||
	    !feed(b, &out, row->request, false) || !feed(b, &out, row->answer, true))
		return false;
	to->len = out.pos;
	return true;
}

static bool append(struct bodies *b, const struct body_row *row, str sealed)
{
	struct entry e = {
		.exchange = row->exchange,
		.key = row->key,
		.wall = row->wall,
		.at = b->size,
		.len = (uint32_t)sealed.len,
	};
	struct stat st;

	user_mac(newest(b->keys), row->user, e.user);
	if (!write_all(b->segment, sealed, b->size) || fstat(b->index, &st) != 0)
		return false;
	uint64_t end = (uint64_t)st.st_size / sizeof(e) * sizeof(e);
	if (!write_all(b->index, str_of((const char *)&e, sizeof(e)), end)) {
		/* Behind the last entry nothing counts. */
		if (ftruncate(b->index, (off_t)end) != 0)
			return false;
		return false;
	}
	b->size += sealed.len;
	return true;
}

bool bodies_put(struct bodies *b, const struct body_row *row, usec keep, struct buf *why)
{
	usec most = min_of(SEGMENT_TIME_MOST, max_of(keep / 10, USEC_SEC));
	struct buf packed = { 0 }, sealed = { .limit = BODIES_RECORD_MOST + KiB };
	char room[32];
	bool ok;

	if ((b->begun == 0 || b->size >= SEGMENT_MOST || row->wall >= b->begun + most ||
	     row->wall < b->begun - USEC_HOUR) &&
	    !begin_segment(b, row->wall, why))
		return false;
	ok = compress(b, row, &packed) &&
	     seal(&b->key, about(row->exchange, room), buf_str(&packed), &sealed);
	if (!ok)
		buf_add(why, STR("the body is too large"));
	else if (!append(b, row, buf_str(&sealed)))
		ok = say(why, "cannot write into", b->dir);
	if (packed.ptr)
		mem_wipe(packed.ptr, packed.cap);
	buf_free(&packed);
	buf_free(&sealed);
	return ok;
}

bool bodies_sync(struct bodies *b, struct buf *why)
{
	if (b->begun == 0 || (fdatasync(b->segment) == 0 && fdatasync(b->index) == 0))
		return true;
	return say(why, "cannot write into", b->dir);
}

/* ---- deleting ---- */

static uint64_t size_of(const char *dir, usec begun)
{
	static const char *const endings[] = { "seg", "idx" };
	uint64_t sum = 0;

	for (size_t i = 0; i < countof(endings); i++) {
		char path[PATH_MAX];
		struct stat st;

		if (path_of(dir, begun, endings[i], path) && stat(path, &st) == 0)
			sum += (uint64_t)st.st_blocks * 512;
	}
	return sum;
}

/* The segment first: an index without it finds nothing, and is deleted the next time. */
static bool delete_files(struct bodies *b, usec begun, struct buf *why)
{
	static const char *const endings[] = { "seg", "idx" };

	if (b->begun == begun)
		leave_segment(b);
	for (size_t i = 0; i < countof(endings); i++) {
		char path[PATH_MAX];

		if (!path_of(b->dir, begun, endings[i], path))
			return false;
		if (unlink(path) != 0 && errno != ENOENT)
			return say(why, "cannot delete", path);
	}
	return true;
}

bool bodies_prune(struct bodies *b, usec before, uint64_t max, struct buf *why)
{
	struct files files;
	uint64_t sum = 0;
	bool ok = list_files(b->dir, &files, why);

	for (size_t i = 0; i < files.count; i++)
		sum += size_of(b->dir, files.list[i]);
	for (size_t i = 0; ok && i < files.count; i++) {
		uint64_t size = size_of(b->dir, files.list[i]);

		if (files.list[i] >= before && sum <= max)
			break;
		ok = delete_files(b, files.list[i], why);
		sum -= size;
	}
	free(files.list);
	return ok;
}

static bool matches(const struct entry *e, const struct body_match *m,
                    const struct body_keys *keys)
{
	uint8_t mac[USER_MAC];

	if (e->exchange == 0 || (m->key && e->key != m->key) ||
	    (m->before && e->wall >= m->before) ||
	    (m->exchange && e->exchange != m->exchange))
		return false;
	if (!m->user.len)
		return true;
	for (unsigned i = 0; i < keys->count; i++) {
		user_mac(&keys->list[i], m->user, mac);
		if (str_eq_secret(str_of((const char *)mac, USER_MAC),
		                  str_of((const char *)e->user, USER_MAC)))
			return true;
	}
	return false;
}

/* Zeros over the record, then over the entry: in this order, so that whatever a crash
 * leaves can still be found. */
static bool overwrite(int segment, int index, const struct entry *e, size_t place)
{
	static const char zeros[64 * KiB];
	const struct entry none = { 0 };

	for (uint64_t done = 0; done < e->len; done += sizeof(zeros)) {
		size_t n = (size_t)min_of((uint64_t)sizeof(zeros), e->len - done);

		if (!write_all(segment, str_of(zeros, n), e->at + done))
			return false;
	}
	if (fdatasync(segment) != 0)
		return false;
	/* Its place stays: what was behind it is still there. */
	struct entry gone = none;
	gone.at = e->at;
	gone.len = e->len;
	return write_all(index, str_of((const char *)&gone, sizeof(gone)),
	                 place * sizeof(gone));
}

static bool erase_in(struct bodies *b, usec begun, const struct body_match *m,
                     uint64_t *count)
{
	int segment = open_file(b->dir, begun, "seg", O_RDWR);
	int index = open_file(b->dir, begun, "idx", O_RDWR);
	size_t n;
	struct entry *list = load_index(b->dir, begun, &n);
	bool ok = segment >= 0 && index >= 0, any = false;

	for (size_t i = 0; ok && i < n; i++) {
		if (!matches(&list[i], m, b->keys))
			continue;
		ok = overwrite(segment, index, &list[i], i);
		*count += ok;
		any = true;
	}
	if (ok && any)
		ok = fdatasync(index) == 0;
	/* Deleted meanwhile: nothing is left to erase. */
	if (segment < 0 && errno == ENOENT)
		ok = true;
	free(list);
	if (segment >= 0)
		close(segment);
	if (index >= 0)
		close(index);
	return ok;
}

bool bodies_erase(struct bodies *b, const struct body_match *match, uint64_t *ret_count,
                  struct buf *why)
{
	struct files files;
	bool ok = list_files(b->dir, &files, why);

	*ret_count = 0;
	for (size_t i = 0; ok && i < files.count; i++) {
		ok = erase_in(b, files.list[i], match, ret_count);
		if (!ok)
			say(why, "cannot write into", b->dir);
	}
	free(files.list);
	return ok;
}

/* ---- reading ---- */

static bool unpack(str packed, struct buf *keep, struct body_row *ret)
{
	unsigned long long size = ZSTD_getFrameContentSize(packed.ptr, packed.len);
	struct head head;

	if (size < sizeof(head) || size > BODIES_RECORD_MOST)
		return false;
	keep->limit = (size_t)size;
	buf_clear(keep);
	if (!buf_reserve(keep, (size_t)size) ||
	    ZSTD_decompress(keep->ptr, (size_t)size, packed.ptr, packed.len) != size)
		return false;
	keep->len = (size_t)size;
	memcpy(&head, keep->ptr, sizeof(head));
	if (head.version != VERSION || head.request_len > size ||
	    head.answer_len > size - head.request_len ||
	    sizeof(head) + head.request_len + head.answer_len != size)
		return false;
	ret->key = head.key;
	ret->wall = head.wall;
	ret->flags = head.flags;
	ret->request = str_of(keep->ptr + sizeof(head), head.request_len);
	ret->answer = str_from(buf_str(keep), sizeof(head) + head.request_len);
	return true;
}

static bool open_record(const char *dir, const struct body_keys *keys, usec begun,
                        const struct entry *e, struct buf *keep, struct body_row *ret,
                        struct buf *why)
{
	int fd = open_file(dir, begun, "seg", O_RDONLY);
	struct buf sealed = { .limit = e->len }, packed = { .limit = e->len };
	const struct seal_key *master;
	struct seal_key key;
	char room[32];
	uint32_t id;
	bool ok = fd >= 0 && buf_reserve(&sealed, e->len) &&
	          read_all(fd, sealed.ptr, e->len, e->at);

	if (fd >= 0)
		close(fd);
	if (!ok) {
		buf_add(why, STR("the body cannot be read"));
	} else {
		sealed.len = e->len;
		ok = seal_key_id(buf_str(&sealed), &id) && (master = key_of(keys, id));
		if (!ok)
			buf_add(why, STR("its master key is not there any more"));
	}
	if (ok) {
		derive(master, begun, &key);
		ok = seal_open(&key, about(e->exchange, room), buf_str(&sealed),
		               &packed) &&
		     unpack(buf_str(&packed), keep, ret);
		mem_wipe(&key, sizeof(key));
		if (!ok)
			buf_add(why, STR("the body was changed, or is damaged"));
	}
	if (packed.ptr)
		mem_wipe(packed.ptr, packed.cap);
	buf_free(&sealed);
	buf_free(&packed);
	return ok;
}

bool bodies_find(str dir, const struct body_keys *keys, uint64_t exchange,
                 struct buf *keep, struct body_row *ret, struct buf *why)
{
	char *path = mem_copy_z(dir);
	struct files files;
	bool found = false, ok = list_files(path, &files, why);

	/* It was written when it was over: never into a file that had ended before. */
	for (size_t i = 0; ok && !found && i < files.count; i++) {
		size_t n;
		struct entry *list = NULL;

		if (i + 1 < files.count && files.list[i + 1] < (usec)(exchange >> 8))
			continue;
		list = load_index(path, files.list[i], &n);
		for (size_t k = 0; k < n && !found; k++) {
			if (list[k].exchange != exchange)
				continue;
			found = true;
			ret->exchange = exchange;
			ret->user = STR_NONE;
			ok = open_record(path, keys, files.list[i], &list[k], keep, ret,
			                 why);
		}
		free(list);
	}
	free(files.list);
	free(path);
	return found && ok;
}
