/* reader.h - private to config/: one reading under way, and how it says what it finds.
 *
 * A reading never stops at the first error: it notes it, marks the value as broken, and
 * goes on.  Texts of the tree live in `work`, which ends with the reading; what stays
 * goes into `keep`, the arena of the config. */
#pragma once
#include "config/config.h"
#include "config/tree.h"

enum { PROVIDERS_MOST = 256 };

enum note_id {
#define NOTE(id, code, text) NOTE_##id,
#include "config/note.def"
#undef NOTE
	NOTE_IDS,
};

struct note_row {
	const char *code, *text;
};
extern const struct note_row note_rows[NOTE_IDS];

struct vault;

struct reader {
	const struct config_source *source;
	struct config_notes *notes;
	struct config_note *last; /* what note_hint adds to; NULL: it was not kept */
	struct config *config;
	struct arena *keep;
	struct arena work;
	str dir;             /* relative paths begin here; empty: the current one */
	bool may_lack;       /* a variable may be unset: nothing is noted then, and */
	str missed;          /* the first that was, is this */
	struct vault *vault; /* the store of provider keys; NULL: none */
	size_t expanded;     /* bytes that came out of variables */
	size_t price_rules;  /* of the root and all providers so far */
};

enum { READER_FILE_MOST = 1 * MiB, SECRET_FILE_MOST = 16 * KiB };
/* Some editors begin a file with it. */
#define BYTE_ORDER_MARK STR("\xef\xbb\xbf")

/* Fills *r, and of c what every reading needs. */
void reader_begin(struct reader *r, const struct config_source *source, struct config *c,
                  struct config_notes *notes);

/* at NULL: the file as a whole. */
void note(struct reader *r, enum note_id id, const struct tree_node *at, const char *fmt,
          ...) printf_like(4, 5);
/* Was the note before kept? If not, a search for suggestions can be spared: a hostile
 * file has tens of thousands of errors. */
static inline bool note_wants_hint(const struct reader *r)
{
	return r->last != NULL;
}
/* A value as a message quotes it, for "%s%.*s%s"; what is in a variable may be a
 * credential, and is not shown. */
#define QUOTE_ARG(node)                                                                  \
	((node)->variable.len ? "the value of " : "\""),                                 \
	        STR_ARG((node)->variable.len ? (node)->variable : (node)->text),         \
	        ((node)->variable.len ? "" : "\"")
/* More for the note before: what to do about it. */
void note_hint(struct reader *r, const char *fmt, ...) printf_like(2, 3);

/* The value of an environment variable, NULL when it is not set. */
const char *reader_env(const struct reader *r, const char *name);
/* An absolute or file-relative path, kept. */
str reader_path(struct reader *r, str path);

/* Can it stand in a header, and is it of a credential's size? */
bool credential_is_sendable(str key);
/* The name in names[] nearest to what was written, empty when none is near. */
str nearest_name(str written, const str *names, unsigned count);

/* ---- the parts of a reading, each in its file ---- */

/* Replaces ${NAME} in all values of the tree (variable.c). */
void resolve_variables(struct reader *r, struct tree_node *n);
/* The same with the root of a file, of which a lenient reading lets parts lack some. */
void resolve_file(struct reader *r, struct tree_node *root);
/* Fills config->providers from `providers:`; node may be NULL (config_provider.c). */
void read_providers(struct reader *r, const struct tree_node *node);
/* A `prices:` of the root (with providers in its patterns) or of a provider; node may be
 * NULL (pricing.c). */
struct price_rules read_prices(struct reader *r, const struct tree_node *node,
                               bool has_providers);
/* Fills config->routes from `routes:`; the providers are there (config_route.c). */
void read_routes(struct reader *r, const struct tree_node *node);
/* Fills what section_read leaves of config->log (log.c); node may be NULL. */
void read_log_settings(struct reader *r, const struct tree_node *node);
/* Fills config->trials from `trials:`; the routes are there (trial.c). */
void read_trials(struct reader *r, const struct tree_node *node);
/* Makes config->data of what stands there, or of the environment (config.c). */
void read_data(struct reader *r);
/* Opens the store of provider keys, where there is one, else looks at the master keys of
 * `secrets:` (may be NULL); and closes it (stored.c). */
void read_vault(struct reader *r, const struct tree_node *secrets);
void done_vault(struct reader *r);
/* The text of `{ file: PATH }` without the end of its line, and the path, kept; the file
 * is let into the sandbox.  False: noted, and *ret_path is unchanged when none was
 * written. (stored.c) */
bool read_secret_file(struct reader *r, const char *name, const struct tree_node *node,
                      struct buf *to, const char **ret_path);
/* Where traces go; `telemetry:` may be NULL (telemetry.c). */
void read_telemetry(struct reader *r, const struct tree_node *node);
/* Can the roots in that file (which is readable) be used?  Noted at `at` as what `name`
 * has; and the sum that tells whether they were replaced (config.c). */
void check_ca(struct reader *r, const char *name, const char *path,
              const struct tree_node *at, uint8_t ret_sum[32]);
/* What holds for the config as a whole (config.c). */
void finish_config(struct reader *r);
