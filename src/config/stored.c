/* stored.c - credentials that stand neither in the file nor in the environment: those of
 * the encrypted store, and those in files of their own. */
#include "config/provider_private.h"

#include "base/mem.h"
#include "config/replace.h"
#include "config/vault.h"

#include <limits.h>

enum { KEY_FILE_MOST = 16 * KiB };
_Static_assert((int)VAULT_OF_ONE == (int)KEYS_MOST, "what is stored can be used");

/* ---- the store ---- */

/* A store which cannot be opened refuses the configuration: nothing is guessed, and
 * nothing is written over it. */
void read_vault(struct reader *r)
{
	struct config *c = r->config;
	struct master_place at = { .key_file = c->key_file,
		                   .credentials_dir =
		                           reader_env(r, "CREDENTIALS_DIRECTORY"),
		                   .data = c->data };
	struct buf why = BUF_LIMIT(8 * KiB);
	struct master master;

	if (c->data.len == 0 || !vault_exists(c->data))
		return;
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

bool secret_from_file(struct reader *r, struct draft *d, const struct tree_node *node,
                      struct secret *ret)
{
	const struct tree_node *file = tree_find(node, STR("file"));
	struct buf text = BUF_LIMIT(KEY_FILE_MOST), why = BUF_LIMIT(KiB);
	bool is_taken = false;
	const char *path;
	str name;

	if (!file || node->count != 1) {
		note(r, NOTE_SHAPE, node,
		     "key is a mapping without the one key \"file\"");
		note_hint(r, "write key: { file: /path }, or key: \"${NAME}\"");
	} else if (scalar_text(r, "file", file, &name)) {
		path = str_z(r->keep, reader_path(r, name));
		keep_path(r, path);
		switch (file_read(path, 0, &text, &why)) {
		case FILE_MISSING:
			draft_misses(r, d, str_from_z(path));
			note(r, NOTE_PATH, file, "key: %s is missing", path);
			break;
		case FILE_BAD:
			draft_misses(r, d, str_from_z(path));
			note(r, NOTE_PATH, file, "key: %.*s", STR_ARG(buf_str(&why)));
			break;
		case FILE_FOUND:
			name = buf_str(&text);
			while (str_ends(name, STR("\n")) || str_ends(name, STR("\r")))
				name = str_first(name, name.len - 1);
			is_taken = take_secret(r, d, "key", name, file, ret);
		}
	}
	if (text.ptr)
		mem_wipe(text.ptr, text.cap);
	buf_free(&text);
	buf_free(&why);
	return is_taken;
}
