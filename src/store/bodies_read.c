/* bodies_read.c - what was kept is found and listed, beside a writer or without one: a
 * file that goes meanwhile is one that has nothing. */
#include "store/bodies_private.h"

#include "base/mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <zstd.h>

const struct seal_key *bodies_key(const struct body_keys *keys, uint32_t id)
{
	for (unsigned i = 0; i < keys->count; i++)
		if (keys->list[i].id == id)
			return &keys->list[i];
	return NULL;
}

/* ---- one record ---- */

static bool unpack(str packed, struct buf *keep, struct body_row *ret)
{
	unsigned long long size = ZSTD_getFrameContentSize(packed.ptr, packed.len);
	struct body_head head;

	if (size < sizeof(head) || size > BODIES_RECORD_MOST)
		return false;
	keep->limit = (size_t)size;
	buf_clear(keep);
	if (!buf_reserve(keep, (size_t)size) ||
	    ZSTD_decompress(keep->ptr, (size_t)size, packed.ptr, packed.len) != size)
		return false;
	keep->len = (size_t)size;
	memcpy(&head, keep->ptr, sizeof(head));
	if (head.version != BODIES_VERSION || head.request_len > size ||
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
                        const struct body_index *e, struct buf *keep,
                        struct body_row *ret, struct buf *why)
{
	int fd = bodies_file(dir, begun, "seg", O_RDONLY);
	struct buf sealed = { .limit = e->len }, packed = { .limit = e->len };
	const struct seal_key *master;
	struct seal_key key;
	char room[32];
	uint32_t id;
	bool ok = fd >= 0 && buf_reserve(&sealed, e->len) &&
	          bodies_read_at(fd, sealed.ptr, e->len, e->at);

	if (fd >= 0)
		close(fd);
	if (!ok) {
		buf_add(why, STR("the body cannot be read"));
	} else {
		sealed.len = e->len;
		ok = seal_key_id(buf_str(&sealed), &id) &&
		     (master = bodies_key(keys, id));
		if (!ok)
			buf_add(why, STR("its master key is not there any more"));
	}
	if (ok) {
		bodies_derive(master, begun, &key);
		ok = seal_open(&key, bodies_about(e->exchange, room), buf_str(&sealed),
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
	struct body_files files;
	bool found = false, ok = bodies_files(path, &files, why);

	/* It was written when it was over: never into a file that had ended before. */
	for (size_t i = 0; ok && !found && i < files.count; i++) {
		size_t n;
		struct body_index *list;

		if (i + 1 < files.count && files.list[i + 1] < (usec)(exchange >> 8))
			continue;
		/* Of one that cannot be read nothing is found. */
		bodies_index(path, files.list[i], &list, &n);
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

/* ---- all of them ---- */

/* Entries in front of `end`, the last one first.  False: it is enough. */
static bool list_index(const struct body_index *list, size_t end, usec begun,
                       body_entry_fn *each, void *arg)
{
	for (size_t k = end; k-- > 0;) {
		const struct body_place at = { begun, k };
		const struct body_entry e = { .exchange = list[k].exchange,
			                      .key = list[k].key,
			                      .wall = list[k].wall,
			                      .bytes = list[k].len };

		if (e.exchange && !each(arg, &e, &at))
			return false;
	}
	return true;
}

bool bodies_list(str dir, const struct body_place *behind, body_entry_fn *each, void *arg,
                 struct buf *why)
{
	char *path = mem_copy_z(dir);
	struct body_files files;
	bool ok = bodies_files(path, &files, why), more = ok;

	for (size_t i = files.count; more && i-- > 0;) {
		struct body_index *list;
		size_t n;

		if (behind && files.list[i] > behind->begun)
			continue;
		bodies_index(path, files.list[i], &list, &n);
		if (behind && files.list[i] == behind->begun)
			n = min_of(n, (size_t)behind->number);
		more = list_index(list, n, files.list[i], each, arg);
		free(list);
	}
	free(files.list);
	free(path);
	return ok;
}
