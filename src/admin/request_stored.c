/* request_stored.c - the store of provider keys, as asked for at $data/admin.sock.  What
 * was stored is in force when the answer comes: the configuration was read again. */
#include "admin/call.h"
#include "admin/request_private.h"

#include "admin/stored.h"
#include "base/mem.h"
#include "codec/text.h"

#include <limits.h>

/* The place of the master keys; its path lies in `path`. */
static struct master_place place_of(const struct request *r, char path[PATH_MAX])
{
	struct buf text = BUF_LIMIT(PATH_MAX - 1);

	if (r->options->ops->key_file)
		r->options->ops->key_file(r->options->arg, &text);
	memcpy(path, buf_z(&text), text.len + 1);
	buf_free(&text);
	return stored_place(path, r->options->dir);
}

/* The store has changed whatever comes of it: then it is said that it is not in force. */
static void put_in_force(struct request *r, bool is_made)
{
	struct buf said = BUF_LIMIT(64 * KiB), all = BUF_LIMIT(64 * KiB);

	if (!r->options->ops->reload(r->options->arg, &said))
		buf_addf(
		        &all, "it is in the store, but not in force: %.*s",
		        STR_ARG(said.len ? buf_str(&said) : STR("nothing was reloaded")));
	json_key_bool(r->to, STR("in_force"), all.len == 0);
	if (is_made) {
		buf_add(&all, all.len ? STR("; ") : STR_NONE);
		stored_say_made(r->options->dir, &all);
	}
	json_key_str(r->to, STR("said"), buf_str(&all));
	buf_free(&said);
	buf_free(&all);
}

bool answer_provider_key_put(struct request *r)
{
	char name[256], format[64], url[4 * KiB], path[PATH_MAX];
	char *key = mem_new(VAULT_KEY_MOST * 2);
	struct vault_row row = {
		.provider = text_member(r, "provider", name, sizeof(name)),
		.format = text_member(r, "format", format, sizeof(format)),
		.url = text_member(r, "url", url, sizeof(url)),
		.key = { text_member(r, "key", key, VAULT_KEY_MOST * 2) },
	};
	bool replace = json_get(r->object, STR("replace")).type == JSON_TRUE;
	struct master_place at = place_of(r, path);
	bool is_made = false, is_done = stored_put(&at, &row, replace, &is_made, r->why);

	mem_wipe(key, VAULT_KEY_MOST * 2);
	free(key);
	if (!is_done)
		return false;
	admin_write_id(r->to, STR("id"), row.id);
	json_key_int(r->to, STR("version"), row.version);
	put_in_force(r, is_made);
	return true;
}

bool answer_provider_key_remove(struct request *r)
{
	char name[256], hex[64], path[PATH_MAX];
	str provider = text_member(r, "provider", name, sizeof(name));
	str id = text_member(r, "id", hex, sizeof(hex));
	struct master_place at = place_of(r, path);
	unsigned count = 0;
	uint64_t number = 0;

	if (id.len && (!hex_to_u64(id, &number) || !number)) {
		buf_add(r->why, STR("the id of a key has 12 hex digits"));
		return false;
	}
	if (!stored_remove(&at, provider, number, &count, r->why))
		return false;
	json_key_int(r->to, STR("count"), count);
	put_in_force(r, false);
	return true;
}

bool answer_secrets_rotate(struct request *r)
{
	bool forget = json_get(r->object, STR("forget_old")).type == JSON_TRUE;
	struct stored_rotation done;
	struct master_place at;
	char path[PATH_MAX];

	at = place_of(r, path);
	if (!stored_rotate(&at, forget, &done, r->why))
		return false;
	json_key_int(r->to, STR("master"), done.id);
	json_key_int(r->to, STR("rows"), done.rows);
	json_key_int(r->to, STR("keys"), done.keys);
	put_in_force(r, false);
	return true;
}
