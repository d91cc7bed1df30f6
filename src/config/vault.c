#include "config/vault.h"

#include "base/assert.h"
#include "base/mem.h"
#include "codec/text.h"
#include "config/datadir.h"
#include "config/replace.h"
#include "loop/sys.h"

#include <inttypes.h>
#include <limits.h>
#include <unistd.h>

enum { FILE_MOST = 16 * MiB, KEEP_MOST = 4 * MiB, FIELDS = 6, LINE_MOST = 16 * KiB };
static const str first_line = STR_INIT("sluice secrets 1\n");
static const str purpose = STR_INIT("provider keys");

static bool vault_path(str data, char *to, struct buf *why)
{
	if (datadir_path(data, "secrets", to, PATH_MAX))
		return true;
	buf_add(why, STR("the name of the data directory is too long"));
	return false;
}

bool vault_exists(str data)
{
	char path[PATH_MAX];

	return datadir_path(data, "secrets", path, sizeof(path)) &&
	       access(path, F_OK) == 0;
}

void vault_text(str data, struct buf *ret)
{
	struct buf why = BUF_LIMIT(KiB);
	char path[PATH_MAX];

	*ret = BUF_LIMIT(FILE_MOST);
	if (!vault_path(data, path, &why) || file_read(path, 0, ret, &why) != FILE_FOUND)
		buf_clear(ret);
	buf_free(&why);
}

static void vault_init(struct vault *v)
{
	*v = (struct vault){ .keep = { .ceiling = KEEP_MOST } };
	v->rows = arena_array(&v->keep, struct vault_row, VAULT_ROWS);
}

void vault_done(struct vault *v)
{
	arena_done(&v->keep);
	secret_room_done(&v->room);
	*v = (struct vault){ 0 };
}

/* ---- reading ---- */

/* One file under way. */
struct opening {
	const struct master *master;
	struct vault *v;
	struct seal_key key; /* derived from the master key of that id */
	bool has_key;
	uint32_t missing; /* id of a master key that is not there; 0: none */
	unsigned line;
	struct buf *why;
	const char *path;
};

static bool refuse(struct opening *o, const char *what)
{
	buf_addf(o->why, "%s: line %u: %s", o->path, o->line, what);
	return false;
}

/* All lines of a file are sealed with one key: the first tells which. */
static bool choose_key(struct opening *o, str sealed)
{
	const struct seal_key *master;
	uint32_t id;

	if (!seal_key_id(sealed, &id))
		return refuse(o, "it is damaged, or from a newer version");
	if (o->has_key && id == o->key.id)
		return true;
	master = master_key(o->master, id);
	if (!master) {
		o->missing = id;
		buf_addf(o->why,
		         "%s was encrypted with master key %08x, which is not in the "
		         "file of master keys; restore that file",
		         o->path, id);
		return false;
	}
	seal_derive(master, purpose, &o->key);
	o->v->sealed_with = id;
	o->has_key = true;
	return true;
}

/* The text that `about` belongs to; base64 stands in the line. */
static bool open_sealed(struct opening *o, str about, str text, struct buf *ret)
{
	char *room = mem_new(text.len);
	str sealed;
	bool is_open = false;

	if (!base64_decode(text, room, &sealed))
		refuse(o, "it is damaged");
	else if (choose_key(o, sealed) &&
	         !(is_open = seal_open(&o->key, about, sealed, ret)))
		refuse(o, "it was changed, or does not belong there");
	free(room);
	return is_open;
}

static bool read_fields(str about, struct vault_row *ret)
{
	uint64_t version, created;
	str field[FIELDS];

	for (int i = 0; i < FIELDS; i++)
		field[i] = str_cut(&about, '\t');
	if (about.len || !hex_to_u64(field[0], &ret->id) || ret->id == 0 ||
	    !str_to_u64(field[1], &version) || version > UINT_MAX ||
	    !str_to_u64(field[2], &created) || created > INT64_MAX || !field[3].len)
		return false;
	ret->version = (unsigned)version;
	ret->created_wall = (usec)created;
	ret->provider = field[3];
	ret->format = field[4];
	ret->url = field[5];
	return true;
}

static void keep_row(struct vault *v, const struct vault_row *row, str key)
{
	struct vault_row *to = &v->rows[v->count++];

	*to = *row;
	to->provider = arena_copy(&v->keep, row->provider);
	to->format = arena_copy(&v->keep, row->format);
	to->url = arena_copy(&v->keep, row->url);
	to->key = secret_keep(&v->room, key);
}

static bool read_row(struct opening *o, str line)
{
	size_t tab = str_find_last(line, '\t');
	struct buf key = BUF_LIMIT(VAULT_KEY_MOST + 1);
	struct vault_row row = { 0 };
	bool is_read;

	if (tab == line.len || line.len > LINE_MOST || o->v->count == VAULT_ROWS ||
	    !read_fields(str_first(line, tab), &row))
		return refuse(o, "it is damaged");
	is_read = open_sealed(o, str_first(line, tab), str_from(line, tab + 1), &key);
	if (is_read)
		keep_row(o->v, &row, buf_str(&key));
	if (key.ptr)
		mem_wipe(key.ptr, key.cap);
	buf_free(&key);
	return is_read;
}

static bool read_lines(struct opening *o, str text)
{
	str rest = text, line;
	struct buf nothing = BUF_LIMIT(1);

	o->line = 1;
	if (!str_skip(&rest, first_line))
		return refuse(o, "this is no store of secrets of this version");
	while (rest.len > 0) {
		str above = str_first(text, text.len - rest.len);

		o->line++;
		line = str_cut(&rest, '\n');
		if (!str_skip(&line, STR("end\t"))) {
			if (!read_row(o, line))
				return false;
			continue;
		}
		bool is_open = open_sealed(o, above, line, &nothing);
		buf_free(&nothing);
		if (!is_open)
			return false;
		return rest.len == 0 || refuse(o, "something stands behind its end");
	}
	return refuse(o, "its end is missing");
}

bool vault_read_text(str text, const char *path, const struct master *m,
                     struct vault *ret, struct buf *why)
{
	struct opening o = { .master = m, .v = ret, .why = why, .path = path };
	bool is_read;

	vault_init(ret);
	is_read = read_lines(&o, text);
	mem_wipe(&o.key, sizeof(o.key));
	if (!is_read) {
		vault_done(ret);
		ret->sealed_with = o.missing;
	}
	return is_read;
}

bool vault_read(str data, const struct master *m, struct vault *ret, struct buf *why)
{
	struct buf text = BUF_LIMIT(FILE_MOST);
	char path[PATH_MAX];
	bool is_read = false;

	*ret = (struct vault){ 0 };
	if (vault_path(data, path, why)) {
		switch (file_read(path, 077, &text, why)) {
		case FILE_FOUND:
			is_read = vault_read_text(buf_str(&text), path, m, ret, why);
			break;
		case FILE_MISSING:
			vault_init(ret);
			is_read = true;
			break;
		case FILE_BAD:
			break;
		}
	}
	buf_free(&text);
	return is_read;
}

/* A command that does not know of the service's own master keys seals with others, which
 * the service does not have. */
static void look_beside(const struct master_place *at, uint32_t id, struct buf *why)
{
	struct master_place beside = { .data = at->data };
	struct buf ignored = BUF_LIMIT(8 * KiB);
	struct master m;
	char path[PATH_MAX];

	if (master_is_ours(at) || master_find(&beside, &m, &ignored) != MASTER_FOUND) {
		buf_free(&ignored);
		return;
	}
	if (master_key(&m, id) && master_path(at, path, sizeof(path), why))
		buf_addf(why,
		         ". %.*s/master.key has it: a key was stored by who did not know "
		         "of %s. Put the keys of the former into the latter as well, "
		         "before its own, and then: sluice secrets rotate",
		         STR_ARG(at->data), path);
	master_done(&m);
	buf_free(&ignored);
}

bool vault_open(const struct master_place *at, struct master *ret_master,
                struct vault *ret, struct buf *why)
{
	enum master_found found = master_find(at, ret_master, why);

	if (found == MASTER_MISSING)
		buf_addf(why,
		         "%.*s/secrets is encrypted, and its master key is missing; "
		         "restore %.*s/master.key",
		         STR_ARG(at->data), STR_ARG(at->data));
	if (found != MASTER_FOUND)
		return false;
	if (vault_read(at->data, ret_master, ret, why))
		return true;
	if (ret->sealed_with)
		look_beside(at, ret->sealed_with, why);
	master_done(ret_master);
	return false;
}

bool vault_next_name(str *rest, str *ret_provider, str *ret_format, str *ret_url)
{
	struct vault_row row;

	str_skip(rest, first_line);
	while (rest->len > 0) {
		str line = str_cut(rest, '\n');

		if (!read_fields(str_first(line, str_find_last(line, '\t')), &row))
			continue;
		*ret_provider = row.provider;
		*ret_format = row.format;
		*ret_url = row.url;
		return true;
	}
	return false;
}

/* ---- writing ---- */

static bool add_sealed(const struct seal_key *key, str about, str text, struct buf *to)
{
	struct buf sealed = BUF_LIMIT(VAULT_KEY_MOST + SEAL_MORE);
	bool is_sealed = seal(key, about, text, &sealed);

	if (is_sealed)
		base64_encode(to, buf_str(&sealed));
	buf_add_char(to, '\n');
	buf_free(&sealed);
	return is_sealed && !to->over;
}

static bool add_row(const struct seal_key *key, const struct vault_row *row,
                    struct buf *to)
{
	struct buf about = BUF_LIMIT(LINE_MOST);
	bool is_added;

	buf_addf(&about, "%016" PRIx64 "\t%u\t%" PRId64 "\t%.*s\t%.*s\t%.*s", row->id,
	         row->version, row->created_wall, STR_ARG(row->provider),
	         STR_ARG(row->format), STR_ARG(row->url));
	buf_add(to, buf_str(&about));
	buf_add_char(to, '\t');
	is_added = !about.over &&
	           add_sealed(key, buf_str(&about), secret_reveal(&row->key), to);
	buf_free(&about);
	return is_added;
}

bool vault_write(str data, const struct master *m, struct vault *v, struct buf *why)
{
	struct buf text = BUF_LIMIT(FILE_MOST), above = BUF_LIMIT(FILE_MOST);
	char path[PATH_MAX];
	struct seal_key key;
	bool is_done = true;

	seal_derive(master_current(m), purpose, &key);
	buf_add(&text, first_line);
	for (unsigned i = 0; i < v->count && is_done; i++)
		is_done = add_row(&key, &v->rows[i], &text);
	buf_set(&above, buf_str(&text));
	buf_add(&text, STR("end\t"));
	is_done = is_done && add_sealed(&key, buf_str(&above), STR_NONE, &text);
	if (!is_done)
		buf_add(why, STR("there are too many secrets, or too large ones"));
	is_done = is_done && vault_path(data, path, why) &&
	          file_replace(path, buf_str(&text), false, why);
	if (is_done)
		v->sealed_with = key.id;
	mem_wipe(&key, sizeof(key));
	buf_free(&text);
	buf_free(&above);
	return is_done;
}

/* ---- changing ---- */

unsigned vault_remove(struct vault *v, str provider, uint64_t id)
{
	unsigned kept = 0, count = v->count;

	for (unsigned i = 0; i < count; i++) {
		bool goes = str_eq(v->rows[i].provider, provider) &&
		            (id == 0 || v->rows[i].id == id);

		if (!goes)
			v->rows[kept++] = v->rows[i];
	}
	v->count = kept;
	return count - kept;
}

static bool has_id(const struct vault *v, uint64_t id)
{
	for (unsigned i = 0; i < v->count; i++)
		if (v->rows[i].id == id)
			return true;
	return id == 0;
}

bool vault_put(struct vault *v, const struct vault_row *row, bool replace,
               struct buf *why)
{
	struct vault_row fresh = *row;
	str key = secret_reveal(&row->key);
	unsigned of_one = 0;

	fresh.version = 1;
	for (unsigned i = 0; i < v->count; i++) {
		if (!str_eq(v->rows[i].provider, row->provider))
			continue;
		of_one++;
		if (replace)
			fresh.version = max_of(fresh.version, v->rows[i].version + 1);
	}
	if (replace) {
		vault_remove(v, row->provider, 0);
	} else if (of_one >= VAULT_OF_ONE) {
		buf_addf(why,
		         "the provider has %d keys in the store already, and more are "
		         "not used; remove one, or replace them",
		         VAULT_OF_ONE);
		return false;
	}
	if (v->count == VAULT_ROWS) {
		buf_addf(why, "there are %d keys in the store already", VAULT_ROWS);
		return false;
	}
	while (has_id(v, fresh.id)) {
		sys_random(&fresh.id, sizeof(fresh.id));
		fresh.id &= 0xffffffffffff;
	}
	keep_row(v, &fresh, key);
	return true;
}
