/* provider_private.h - between provider.c, credential.c and account.c: one provider under
 * way. */
#pragma once
#include "config/section.h"

enum {
	EXTRAS_MOST = 4, /* variables in one URL */
	KEYS_MOST = 64,
	NAME_MOST = 64,
};

/* What is known of a name before the file speaks. */
struct known {
	bool is_known;
	const struct provider_row *row; /* how it differs; may be NULL */
	struct catalog_provider facts;  /* zeroed when the catalogue has none */
};

struct draft {
	struct provider *p;
	const struct tree_node *at; /* its name in the file */
	struct known known;
	struct extra_key extra[EXTRAS_MOST];
	struct extra_keys extras;
	struct found found;
	bool is_empty; /* a credential was given, but it is empty */
};

/* Does the URL have the variable ${name} in it? (provider.c) */
bool url_has_variable(str url, str name);

/* It needs a variable or a file that is not here. */
static inline void draft_misses(struct reader *r, struct draft *d, str what)
{
	if (d->p->missing.len == 0)
		d->p->missing = arena_copy(r->keep, what);
}

/* How it authenticates, and with what: p->auth and what belongs to it.  p->format is set,
 * the URL is not needed.  (credential.c) */
void read_credentials(struct reader *r, struct draft *d);

/* One secret of the file or the environment, checked and kept; false: empty, or noted.
 * (credential.c) */
bool take_secret(struct reader *r, struct draft *d, const char *name, str text,
                 const struct tree_node *at, struct secret *ret);
/* `{ file: PATH }`; false: empty, or noted.  (stored.c) */
bool secret_from_file(struct reader *r, struct draft *d, const char *name,
                      const struct tree_node *node, struct secret *ret);
/* The provider's keys in the store; false: it has none there.  (stored.c) */
bool keys_from_store(struct reader *r, struct draft *d);
bool has_stored_key(const struct reader *r, const struct draft *d);

/* The account in a file of Google's; NULL (noted at `at`) when there is none.
 * allow_private: its token endpoint may be a name of a private address.  (account.c) */
const struct service_account *read_account(struct reader *r, const char *path,
                                           const struct tree_node *at,
                                           bool allow_private);
