#include "config/master.h"

#include "base/assert.h"
#include "base/mem.h"
#include "codec/text.h"
#include "config/datadir.h"
#include "config/replace.h"
#include "loop/sys.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

enum { TEXT_MOST = 8 * KiB };

/* ---- the file ---- */

static bool is_ours(const struct master_place *at)
{
	return !at->key_file && !(at->credentials_dir && *at->credentials_dir);
}

static bool credential_path(const struct master_place *at, char *to, size_t room)
{
	return datadir_path(str_from_z(at->credentials_dir), "sluice-master-key", to,
	                    room);
}

bool master_path(const struct master_place *at, char *to, size_t room, struct buf *why)
{
	bool fits;

	if (at->key_file)
		fits = (size_t)snprintf(to, room, "%s", at->key_file) < room;
	else if (!is_ours(at))
		fits = credential_path(at, to, room);
	else
		fits = datadir_path(at->data, "master.key", to, room);
	if (!fits)
		buf_add(why, STR("the name of the file of master keys is too long"));
	return fits;
}

/* A unit may have credentials and no master key among them. */
static struct master_place settle(const struct master_place *at)
{
	struct master_place settled = *at;
	char path[PATH_MAX];

	if (!at->key_file && !is_ours(at) &&
	    (!credential_path(at, path, sizeof(path)) || access(path, F_OK) != 0))
		settled.credentials_dir = NULL;
	return settled;
}

bool master_is_ours(const struct master_place *at)
{
	struct master_place settled = settle(at);

	return is_ours(&settled);
}

static bool add_key(struct master *m, const void *bytes)
{
	if (m->count == MASTERS_MOST)
		return false;
	seal_key_init(&m->keys[m->count++], bytes);
	return true;
}

static bool read_line(struct master *m, str line)
{
	char bytes[2 * SEAL_KEY];
	str key = STR_NONE;
	bool is_read;

	line = str_trim(str_first(line, str_find_any(line, STR("#\r"))));
	if (line.len == 0)
		return true;
	is_read = line.len <= sizeof(bytes) &&
	          ((line.len == 2 * SEAL_KEY && hex_decode(line, bytes, &key)) ||
	           base64_decode(line, bytes, &key)) &&
	          key.len == SEAL_KEY && add_key(m, key.ptr);
	mem_wipe(bytes, sizeof(bytes));
	return is_read;
}

static bool read_keys(struct master *m, str text)
{
	if (text.len == SEAL_KEY)
		return add_key(m, text.ptr);
	while (text.len > 0)
		if (!read_line(m, str_cut(&text, '\n')))
			return false;
	return m->count > 0;
}

static void wipe(struct buf *b)
{
	if (b->ptr)
		mem_wipe(b->ptr, b->cap);
	buf_free(b);
}

static void master_init(struct master *m)
{
	*m = (struct master){ 0 };
	m->keys = secret_alloc(&m->room, MASTERS_MOST * sizeof(struct seal_key));
}

static enum master_found find(const struct master_place *at, struct master *ret,
                              struct buf *why)
{
	struct buf text = BUF_LIMIT(2 * TEXT_MOST);
	enum master_found found = MASTER_BAD;
	char path[PATH_MAX];

	if (!master_path(at, path, sizeof(path), why))
		return MASTER_BAD;
	/* systemd shares a credential with its group, which is the unit's. */
	switch (file_read(path, at->key_file || is_ours(at) ? 077 : 007, &text, why)) {
	case FILE_MISSING:
		found = is_ours(at) ? MASTER_MISSING : MASTER_BAD;
		if (found == MASTER_BAD)
			buf_addf(why, "the file of master keys %s is missing", path);
		break;
	case FILE_FOUND:
		master_init(ret);
		if (read_keys(ret, buf_str(&text))) {
			found = MASTER_FOUND;
			break;
		}
		master_done(ret);
		buf_addf(why,
		         "%s is no file of master keys: 32 bytes, or at most %d lines of "
		         "base64 or hexadecimal with 32 bytes each",
		         path, MASTERS_MOST);
		break;
	case FILE_BAD:
		break;
	}
	wipe(&text);
	return found;
}

enum master_found master_find(const struct master_place *at, struct master *ret,
                              struct buf *why)
{
	struct master_place settled = settle(at);

	return find(&settled, ret, why);
}

/* ---- writing ---- */

static bool save(const struct master_place *at, const struct master *m, unsigned first,
                 bool is_new, struct buf *why)
{
	struct buf text = BUF_LIMIT(TEXT_MOST);
	char path[PATH_MAX];
	bool is_done;

	buf_add(&text, STR("# Master keys of Sluice. Without them nothing that is "
	                   "encrypted opens.\n"
	                   "# Keep a copy, and keep it apart from the backups of the "
	                   "data directory.\n"));
	for (unsigned i = first; i < m->count; i++) {
		base64_encode(&text, str_of((const char *)m->keys[i].bytes, SEAL_KEY));
		buf_add_char(&text, '\n');
	}
	assert(!text.over);
	is_done = master_path(at, path, sizeof(path), why) &&
	          file_replace(path, buf_str(&text), is_new, why);
	wipe(&text);
	return is_done;
}

static void add_random(struct master *m)
{
	uint8_t bytes[SEAL_KEY];

	sys_random(bytes, sizeof(bytes));
	add_key(m, bytes);
	mem_wipe(bytes, sizeof(bytes));
}

bool master_load(const struct master_place *at, struct master *ret, bool *ret_made,
                 struct buf *why)
{
	struct master_place settled = settle(at);
	enum master_found found = find(&settled, ret, why);
	bool is_made = false;

	if (found == MASTER_MISSING) {
		master_init(ret);
		add_random(ret);
		is_made = save(&settled, ret, 0, true, why);
		found = is_made ? MASTER_FOUND : MASTER_BAD;
		if (!is_made)
			master_done(ret);
	}
	if (found == MASTER_FOUND && ret_made)
		*ret_made = is_made;
	return found == MASTER_FOUND;
}

bool master_add(const struct master_place *at, struct master *m, struct buf *why)
{
	struct master_place settled = settle(at);

	assert(is_ours(&settled));
	if (m->count == MASTERS_MOST) {
		buf_addf(why, "there are %d master keys already; forget the old ones",
		         MASTERS_MOST);
		return false;
	}
	add_random(m);
	if (save(&settled, m, 0, false, why))
		return true;
	m->count--;
	return false;
}

bool master_forget_old(const struct master_place *at, struct master *m, struct buf *why)
{
	struct master_place settled = settle(at);

	assert(is_ours(&settled));
	if (m->count > 1) {
		if (!save(&settled, m, m->count - 1, false, why))
			return false;
		m->keys[0] = m->keys[m->count - 1];
		mem_wipe(&m->keys[1], (m->count - 1) * sizeof(struct seal_key));
		m->count = 1;
	}
	return true;
}

void master_done(struct master *m)
{
	secret_room_done(&m->room);
	*m = (struct master){ 0 };
}

const struct seal_key *master_current(const struct master *m)
{
	return &m->keys[m->count - 1];
}

const struct seal_key *master_key(const struct master *m, uint32_t id)
{
	for (unsigned i = m->count; i-- > 0;)
		if (m->keys[i].id == id)
			return &m->keys[i];
	return NULL;
}
