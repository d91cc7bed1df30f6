/* stored.c - credentials that stand neither in the file nor in the environment: those of
 * the encrypted store, and those in files of their own. */
#include "config/provider_private.h"

#include "base/mem.h"
#include "config/replace.h"
#include "config/value.h"
#include "config/vault.h"

#include <limits.h>

_Static_assert((int)VAULT_OF_ONE == (int)KEYS_MOST, "what is stored can be used");

/* ---- the store ---- */

/* Looked into also while nothing is sealed: what could not be used then is told now. */
static void check_masters(struct reader *r, const struct master_place *at,
                          const struct tree_node *node)
{
	struct buf why = BUF_LIMIT(8 * KiB);
	struct master master;

	if (r->source->lenient || !at->key_file)
		return;
	if (master_find(at, &master, &why) == MASTER_FOUND)
		master_done(&master);
	else
		note(r, NOTE_MASTER, node, "key_file: %.*s", STR_ARG(buf_str(&why)));
	buf_free(&why);
}

/* A store which cannot be opened refuses the configuration: nothing is guessed, and
 * nothing is written over it. */
void read_vault(struct reader *r, const struct tree_node *secrets)
{
	struct config *c = r->config;
	struct master_place at = { .key_file = c->key_file,
		                   .credentials_dir =
		                           reader_env(r, "CREDENTIALS_DIRECTORY"),
		                   .data = c->data };
	struct buf why = BUF_LIMIT(8 * KiB);
	struct master master;

	if (c->data.len == 0 || !vault_exists(c->data)) {
		check_masters(r, &at, tree_find(secrets, STR("key_file")));
		return;
	}
	r->vault = new_of(struct vault);
	if (vault_open(&at, &master, r->vault, &why)) {
		master_done(&master);
	} else {
		free(r->vault);
		r->vault = NULL;
		note(r, NOTE_STORE, NULL, "%.*s", STR_ARG(buf_str(&why)));
	}
	buf_free(&why);
}

void done_vault(struct reader *r)
{
	if (r->vault)
		vault_done(r->vault);
	free(r->vault);
	r->vault = NULL;
}

bool has_stored_key(const struct reader *r, const struct draft *d)
{
	for (unsigned i = 0; r->vault && i < r->vault->count; i++)
		if (str_eq(r->vault->rows[i].provider, d->p->name))
			return true;
	return false;
}

bool keys_from_store(struct reader *r, struct draft *d)
{
	struct provider *p = d->p;

	for (unsigned i = 0; r->vault && i < r->vault->count; i++) {
		const struct vault_row *row = &r->vault->rows[i];

		if (str_eq(row->provider, p->name) && p->key_count < KEYS_MOST)
			p->keys[p->key_count++] =
			        secret_keep(&r->config->room, secret_reveal(&row->key));
	}
	return p->key_count > 0;
}

/* ---- files ---- */

static void keep_path(struct reader *r, const char *path)
{
	struct config_file *f = arena_new(r->keep, struct config_file);

	f->path = path;
	f->next = r->config->key_files;
	r->config->key_files = f;
}

bool read_secret_file(struct reader *r, const char *name, const struct tree_node *node,
                      struct buf *to, const char **ret_path)
{
	const struct tree_node *file = tree_find(node, STR("file"));
	struct buf why = BUF_LIMIT(KiB);
	enum file_found found = FILE_BAD;
	str written;

	if (!file || node->count != 1) {
		note(r, NOTE_SHAPE, node, "%s is a mapping without the one key \"file\"",
		     name);
		note_hint(r, "write %s: { file: /path }, or %s: \"${NAME}\"", name, name);
	} else if (scalar_text(r, "file", file, &written)) {
		*ret_path = str_z(r->keep, reader_path(r, written));
		keep_path(r, *ret_path);
		found = file_read(*ret_path, 0, to, &why);
		if (found == FILE_MISSING)
			note(r, NOTE_PATH, file, "%s: %s is missing", name, *ret_path);
		else if (found == FILE_BAD)
			note(r, NOTE_PATH, file, "%s: %.*s", name,
			     STR_ARG(buf_str(&why)));
	}
	while (to->len && (to->ptr[to->len - 1] == '\n' || to->ptr[to->len - 1] == '\r'))
		to->len--;
	buf_free(&why);
	return found == FILE_FOUND;
}

bool secret_from_file(struct reader *r, struct draft *d, const char *name,
                      const struct tree_node *node, struct secret *ret)
{
	struct buf text = BUF_LIMIT(SECRET_FILE_MOST);
	const char *path = NULL;
	bool is_taken = false;

	if (read_secret_file(r, name, node, &text, &path))
		is_taken = take_secret(r, d, name, buf_str(&text),
		                       tree_find(node, STR("file")), ret);
	else if (path)
		draft_misses(r, d, str_from_z(path));
	if (text.ptr)
		mem_wipe(text.ptr, text.cap);
	buf_free(&text);
	return is_taken;
}
