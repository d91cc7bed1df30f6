/* bodies.c - writing and erasing; see bodies.h. */
#include "store/bodies_private.h"

#include "base/mem.h"

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
	LEVEL = 3, /* of zstd */
};
#define SEGMENT_TIME_MOST (24 * USEC_HOUR)

struct bodies {
	char *dir;
	const struct body_keys *keys;
	ZSTD_CCtx *zstd;
	usec begun; /* of the open segment; 0: none is open */
	int segment, index;
	uint64_t size;
	struct seal_key key;
};

/* ---- keys ---- */

void bodies_derive(const struct seal_key *master, usec begun, struct seal_key *ret)
{
	char purpose[40];
	int n = snprintf(purpose, sizeof(purpose), "bodies %016llx",
	                 (unsigned long long)begun);

	seal_derive(master, str_of(purpose, (size_t)n), ret);
}

/* What the user is called in an index made under that master key. */
static void user_mac(const struct seal_key *master, str user,
                     uint8_t ret[BODIES_USER_MAC])
{
	struct seal_key key;
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	memset(ret, 0, BODIES_USER_MAC);
	if (!user.len)
		return;
	seal_derive(master, STR("bodies user"), &key);
	HMAC(EVP_sha256(), key.bytes, SEAL_KEY, (const uint8_t *)user.ptr, user.len, mac,
	     &len);
	memcpy(ret, mac, BODIES_USER_MAC);
	ret[0] |= 1; /* never all zeros */
	mem_wipe(&key, sizeof(key));
}

static const struct seal_key *newest(const struct body_keys *keys)
{
	return &keys->list[keys->count - 1];
}

str bodies_about(uint64_t exchange, char room[32])
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
		b->segment = bodies_file(b->dir, wall, "seg", O_RDWR | O_CREAT | O_EXCL);
		if (b->segment >= 0 || errno != EEXIST)
			break;
	}
	if (b->segment >= 0)
		b->index = bodies_file(b->dir, wall, "idx", O_RDWR | O_CREAT | O_EXCL);
	if (b->index < 0) {
		bodies_say(why, "cannot write into", b->dir);
		leave_segment(b);
		return false;
	}
	b->begun = wall;
	b->size = 0;
	bodies_derive(newest(b->keys), wall, &b->key);
	return true;
}

/* A record without an entry can neither be found nor forgotten: what a crash has left
 * behind the last entry is cut off. */
static void mend(struct bodies *b, usec begun)
{
	int segment = bodies_file(b->dir, begun, "seg", O_RDWR);
	int index = bodies_file(b->dir, begun, "idx", O_RDWR);
	uint64_t end = 0;
	size_t count;
	struct body_index *list;
	bool is_read = bodies_index(b->dir, begun, &list, &count);
	struct stat st;

	for (size_t i = 0; i < count; i++)
		end = max_of(end, list[i].at + list[i].len);
	free(list);
	/* What nobody could read is not known to be nothing. */
	if (is_read && segment >= 0 && index >= 0 && fstat(segment, &st) == 0) {
		if ((uint64_t)st.st_size > end && ftruncate(segment, (off_t)end) != 0)
			goto out; /* it stays, encrypted, until the file is old */
		if (ftruncate(index, (off_t)(count * sizeof(struct body_index))) != 0)
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
	struct body_files files;

	b->dir = mem_copy_z(dir);
	b->keys = keys;
	b->segment = b->index = -1;
	b->zstd = ZSTD_createCCtx();
	if (mkdir(b->dir, 0700) != 0 && errno != EEXIST) {
		bodies_say(why, "cannot make", b->dir);
		bodies_close(&b);
		return NULL;
	}
	if (!bodies_files(b->dir, &files, why)) {
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

void bodies_set_keys(struct bodies *b, const struct body_keys *keys)
{
	leave_segment(b);
	mem_wipe(&b->key, sizeof(b->key));
	b->keys = keys;
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
	struct body_head head = {
		.version = BODIES_VERSION,
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
	struct body_index e = {
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
	     seal(&b->key, bodies_about(row->exchange, room), buf_str(&packed), &sealed);
	if (!ok)
		buf_add(why, STR("the body is too large"));
	else if (!append(b, row, buf_str(&sealed)))
		ok = bodies_say(why, "cannot write into", b->dir);
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
	return bodies_say(why, "cannot write into", b->dir);
}

/* ---- deleting ---- */

static uint64_t size_of(const char *dir, usec begun)
{
	static const char *const endings[] = { "seg", "idx" };
	uint64_t sum = 0;

	for (size_t i = 0; i < countof(endings); i++) {
		char path[PATH_MAX];
		struct stat st;

		if (bodies_path(dir, begun, endings[i], path) && stat(path, &st) == 0)
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

		if (!bodies_path(b->dir, begun, endings[i], path))
			return false;
		if (unlink(path) != 0 && errno != ENOENT)
			return bodies_say(why, "cannot delete", path);
	}
	return true;
}

bool bodies_prune(struct bodies *b, usec before, uint64_t max, struct buf *why)
{
	struct body_files files;
	uint64_t sum = 0;
	bool ok = bodies_files(b->dir, &files, why);

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

/* Does it name somebody under a key that is not there any more? */
static bool is_lost(int segment, const struct body_index *e, const struct body_keys *keys)
{
	static const uint8_t nobody[BODIES_USER_MAC];
	char head[SEAL_MORE];
	uint32_t id;

	if (memcmp(e->user, nobody, sizeof(nobody)) == 0 || e->len < sizeof(head) ||
	    !bodies_read_at(segment, head, sizeof(head), e->at) ||
	    !seal_key_id(str_of(head, sizeof(head)), &id))
		return false;
	return !bodies_key(keys, id);
}

static bool matches(int segment, const struct body_index *e, const struct body_match *m,
                    const struct body_keys *keys)
{
	uint8_t mac[BODIES_USER_MAC];

	if (e->exchange == 0 || (m->key && e->key != m->key) ||
	    (m->before && e->wall >= m->before) ||
	    (m->exchange && e->exchange != m->exchange))
		return false;
	if (!m->user.len)
		return true;
	for (unsigned i = 0; i < keys->count; i++) {
		user_mac(&keys->list[i], m->user, mac);
		if (str_eq_secret(str_of((const char *)mac, BODIES_USER_MAC),
		                  str_of((const char *)e->user, BODIES_USER_MAC)))
			return true;
	}
	return is_lost(segment, e, keys);
}

/* Zeros over the record, then over the entry: in this order, so that whatever a crash
 * leaves can still be found. */
static bool overwrite(int segment, int index, const struct body_index *e, size_t place)
{
	static const char zeros[64 * KiB];
	const struct body_index none = { 0 };

	for (uint64_t done = 0; done < e->len; done += sizeof(zeros)) {
		size_t n = (size_t)min_of((uint64_t)sizeof(zeros), e->len - done);

		if (!write_all(segment, str_of(zeros, n), e->at + done))
			return false;
	}
	if (fdatasync(segment) != 0)
		return false;
	/* Its place stays: what was behind it is still there. */
	struct body_index gone = none;
	gone.at = e->at;
	gone.len = e->len;
	return write_all(index, str_of((const char *)&gone, sizeof(gone)),
	                 place * sizeof(gone));
}

static bool erase_in(struct bodies *b, usec begun, const struct body_match *m,
                     uint64_t *count)
{
	int segment = bodies_file(b->dir, begun, "seg", O_RDWR);
	int index = bodies_file(b->dir, begun, "idx", O_RDWR);
	size_t n;
	struct body_index *list;
	bool is_read = bodies_index(b->dir, begun, &list, &n);
	bool ok = is_read && segment >= 0 && index >= 0, any = false;

	for (size_t i = 0; ok && i < n; i++) {
		if (!matches(segment, &list[i], m, b->keys))
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
	struct body_files files;
	bool ok = bodies_files(b->dir, &files, why);

	*ret_count = 0;
	for (size_t i = 0; ok && i < files.count; i++) {
		ok = erase_in(b, files.list[i], match, ret_count);
		if (!ok)
			bodies_say(why, "cannot write into", b->dir);
	}
	free(files.list);
	return ok;
}
