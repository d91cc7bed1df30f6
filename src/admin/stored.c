#include "admin/stored.h"

#include "config/config.h"
#include "config/endpoint.h"
#include "loop/sys.h"
#include "wire/wire.h"

#include <stdlib.h>
#include <unistd.h>

struct master_place stored_place(const char *key_file, str data)
{
	return (struct master_place){ .key_file = key_file && *key_file ? key_file : NULL,
		                      .credentials_dir = getenv("CREDENTIALS_DIRECTORY"),
		                      .data = data };
}

void stored_say_made(str data, struct buf *to)
{
	buf_addf(to,
	         "%.*s/master.key opens what is encrypted there, and nothing else does. "
	         "Keep a copy, apart from the backups of the directory (see "
	         "`secrets.key_file`)",
	         STR_ARG(data));
}

/* ---- checks ---- */

enum { URL_MOST = 2048 };

static bool is_sendable(str key)
{
	for (size_t i = 0; i < key.len; i++)
		if (key.ptr[i] <= ' ' || key.ptr[i] >= 0x7f)
			return false;
	return key.len > 0 && key.len <= VAULT_KEY_MOST;
}

static bool check_url(const struct vault_row *row, struct buf *why)
{
	struct arena keep = { 0 };
	struct endpoint at;
	const char *what = row->url.len > URL_MOST ? "it is too long" : NULL;
	bool is_good = true;

	for (size_t i = 0; i < row->url.len; i++)
		if (row->url.ptr[i] <= ' ' || row->url.ptr[i] == '\'' ||
		    row->url.ptr[i] >= 0x7f || row->url.ptr[i] == '$')
			what = "it has a character that does not belong there";
	if (what || (row->url.len && !endpoint_parse(row->url, &keep, &at, &what))) {
		buf_addf(why, "the URL cannot be used: %s", what);
		is_good = false;
	}
	arena_done(&keep);
	return is_good;
}

bool stored_check(const struct vault_row *row, struct buf *why)
{
	struct catalog_provider known;
	bool is_known = catalog_find_provider(row->provider, &known);

	if (!provider_name_is_good(row->provider))
		buf_addf(why, "a provider's name has letters, digits, '.', '_' and '-', "
		              "at most 64");
	else if (!is_sendable(secret_reveal(&row->key)))
		buf_add(why, STR("the key is empty, longer than 8 KiB, or has a blank or "
		                 "a byte which a header cannot carry"));
	else if (row->format.len && wire_format_find(row->format) == WIRE_NONE)
		buf_addf(why, "there is no format \"%.*s\"", STR_ARG(row->format));
	else if (row->url.len && !is_known && !row->format.len)
		buf_addf(why, "\"%.*s\" is not in the catalogue: say its --format too",
		         STR_ARG(row->provider));
	else
		return check_url(row, why);
	return false;
}

bool stored_check_unwritten(const struct vault_row *row, struct buf *why)
{
	struct catalog_provider known = { .format = WIRE_NONE };
	str near;

	if (row->url.len && row->format.len)
		return true;
	if (catalog_find_provider(row->provider, &known)) {
		if (known.format != WIRE_NONE && (known.url.len || row->url.len))
			return true;
		buf_addf(why,
		         "the catalogue does not say how \"%.*s\" is reached: give --url "
		         "and --format, or name it in a configuration (-c FILE)",
		         STR_ARG(row->provider));
		return false;
	}
	near = config_nearest_provider(row->provider);
	buf_addf(why, "\"%.*s\" is not in the catalogue", STR_ARG(row->provider));
	if (near.len)
		buf_addf(why, "; did you mean \"%.*s\"?", STR_ARG(near));
	buf_addf(why,
	         "%s say its --url and --format, or name it in a configuration (-c "
	         "FILE)",
	         near.len ? " Else" : ":");
	return false;
}

bool stored_check_typo(const struct vault_row *row, struct buf *why)
{
	struct catalog_provider known;
	str near = config_nearest_provider(row->provider);

	if (row->url.len || !near.len || catalog_find_provider(row->provider, &known))
		return true;
	buf_addf(why,
	         "\"%.*s\" is neither in the configuration nor in the catalogue; did you "
	         "mean \"%.*s\"? Else say its --url and --format, or name it in the "
	         "configuration first",
	         STR_ARG(row->provider), STR_ARG(near));
	return false;
}

/* ---- changes ---- */

/* Everything that is sealed now. */
struct opened {
	struct master master;
	struct vault vault;
	bool is_made;
};

static bool open_all(const struct master_place *at, struct opened *ret, struct buf *why)
{
	*ret = (struct opened){ 0 };
	/* A key is made for a new store only: another one opens nothing. */
	if (vault_exists(at->data))
		return vault_open(at, &ret->master, &ret->vault, why);
	if (!master_load(at, &ret->master, &ret->is_made, why))
		return false;
	if (vault_read(at->data, &ret->master, &ret->vault, why))
		return true;
	master_done(&ret->master);
	return false;
}

static void close_all(struct opened *o)
{
	vault_done(&o->vault);
	master_done(&o->master);
}

bool stored_put(const struct master_place *at, struct vault_row *row, bool replace,
                bool *ret_first, struct buf *why)
{
	bool has_store = vault_exists(at->data), is_done;
	struct opened o;

	if (!stored_check(row, why) || !open_all(at, &o, why))
		return false;
	row->created_wall = sys_wall();
	is_done = vault_put(&o.vault, row, replace, why);
	if (is_done) {
		row->id = o.vault.rows[o.vault.count - 1].id;
		row->version = o.vault.rows[o.vault.count - 1].version;
		is_done = vault_write(at->data, &o.master, &o.vault, why);
	}
	/* Also when its master key was made by who could not write the store then. */
	*ret_first = is_done && !has_store && master_is_ours(at);
	close_all(&o);
	return is_done;
}

bool stored_remove(const struct master_place *at, str provider, uint64_t id,
                   unsigned *ret_count, struct buf *why)
{
	struct opened o;
	bool is_done = false;

	if (vault_exists(at->data)) {
		if (!open_all(at, &o, why))
			return false;
		*ret_count = vault_remove(&o.vault, provider, id);
		is_done = *ret_count && vault_write(at->data, &o.master, &o.vault, why);
		close_all(&o);
	}
	if (!is_done && why->len == 0)
		buf_addf(why, "the store has no such key of \"%.*s\"", STR_ARG(provider));
	return is_done;
}

/* ---- rotation ---- */

/* The user's file is not ours to write: it may be a link, shared, or have remarks. */
static void say_whose(const struct master_place *at, const char *what, struct buf *why)
{
	char path[4 * KiB];

	if (!at->key_file)
		buf_addf(why,
		         "the master keys are the credential sluice-master-key of "
		         "the service, which is yours: %s",
		         what);
	else if (master_path(at, path, sizeof(path), why))
		buf_addf(why, "the master keys are in %s, which is yours: %s", path,
		         what);
}

static bool new_key(const struct master_place *at, struct opened *o, struct buf *why)
{
	if (o->is_made || (o->vault.sealed_with &&
	                   o->vault.sealed_with != master_current(&o->master)->id))
		return true;
	if (master_is_ours(at))
		return master_add(at, &o->master, why);
	say_whose(at,
	          "add a key to it as its last line (openssl rand -base64 32), and "
	          "rotate again",
	          why);
	return false;
}

bool stored_rotate(const struct master_place *at, bool forget_old,
                   struct stored_rotation *ret, struct buf *why)
{
	bool has_store = vault_exists(at->data), is_done;
	struct opened o;

	if (forget_old && !master_is_ours(at)) {
		say_whose(at,
		          "rotate without --forget-old, then take the old ones out of it "
		          "yourself",
		          why);
		return false;
	}
	if (!open_all(at, &o, why))
		return false;
	is_done = new_key(at, &o, why);
	is_done = is_done &&
	          (!has_store || vault_write(at->data, &o.master, &o.vault, why));
	is_done = is_done && (!forget_old || master_forget_old(at, &o.master, why));
	*ret = (struct stored_rotation){ .id = master_current(&o.master)->id,
		                         .rows = o.vault.count,
		                         .keys = o.master.count };
	close_all(&o);
	return is_done;
}
