/* section.h - private to config/: one mapping of the file against one section of the
 * table. */
#pragma once
#include "config/reader.h"
#include "config/table.h"

/* What was written, by the row's index. */
struct found {
	const struct config_section *section;
	const struct tree_node *key[SECTION_KEYS_MOST];
	const struct tree_node *value[SECTION_KEYS_MOST];
};

/* Keys which exist only for this mapping (variables of a URL); `value` is filled. */
struct extra_key {
	str name;
	const struct tree_node *value;
};
struct extra_keys {
	struct extra_key *list;
	unsigned count;
};

/* Puts the defaults of all rows with a place into `base`; sections within included,
 * section->also not. */
void section_defaults(struct reader *r, enum section_id id, void *base);
/* Reads the mapping: every key is checked, values with a place are stored in base, every
 * other is left in *ret.  node NULL or null: nothing was written.  extra may be NULL. */
void section_read(struct reader *r, enum section_id id, const struct tree_node *node,
                  void *base, struct extra_keys *extra, struct found *ret);
/* Notes the required keys that are missing; `at` is where the section stands. */
void section_require(struct reader *r, const struct found *found,
                     const struct tree_node *at);

/* The value of a key, NULL when it was not written. */
const struct tree_node *found_value(const struct found *found, const char *name);
