/* value.h - private to config/: one value of the file against its row of the table. */
#pragma once
#include "config/reader.h"
#include "config/table.h"

/* A scalar's text; false (noted) when it is none, empty, or broken. */
bool scalar_text(struct reader *r, const char *name, const struct tree_node *node,
                 str *ret);
/* Would YAML readers take the scalar for a number, a boolean or null? */
bool text_needs_quotes(const struct tree_node *node);
/* One value against one row; false when it was noted. */
bool value_store(struct reader *r, const struct config_key *key,
                 const struct tree_node *node, void *to);
/* Notes what stands there instead of `key`, with an example. */
void note_value(struct reader *r, const struct config_key *key,
                const struct tree_node *node, const char *what);
