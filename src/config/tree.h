/* tree.h - private to config/: YAML as a small tree whose nodes know where they stand.
 *
 * Made from libyaml's events.  Every value has its line and column, which is all that
 * good messages need.  Tags, several documents and duplicate keys are refused here,
 * depth, values and aliases are bounded; an alias is a second pointer to the same node,
 * never a copy. */
#pragma once
#include "base/str.h"

struct reader;

enum tree_kind { TREE_SCALAR, TREE_LIST, TREE_MAP };

struct tree_node {
	enum tree_kind kind;
	bool is_plain;     /* a scalar without quotes */
	bool is_broken;    /* its variables could not be resolved; an error was noted */
	bool is_bare;      /* "$NAME" without braces, and not "$$NAME" */
	bool may_be_empty; /* ${NAME:-}, and NAME has nothing */
	bool is_resolved;  /* variables were looked at (a node may be reached twice) */
	bool is_doubtful;  /* it has a tag, or its key stands twice; an error was noted */
	unsigned line, column, width; /* from 1, in characters */
	str text;                     /* of a scalar */
	str variable;                 /* the first variable named in it, or empty */
	str missing; /* of a provider, read leniently: a variable that is not set in it */
	struct tree_item *first; /* of a list or mapping */
	unsigned count;
};

struct tree_item {
	struct tree_node *key; /* a scalar; NULL in a list */
	struct tree_node *value;
	struct tree_item *next;
};

/* NULL when the text is no YAML or broken beyond use; the reason was noted. An empty text
 * is an empty mapping. */
struct tree_node *tree_read(struct reader *r, str text);

/* Is it the value of a key with nothing behind it? */
bool tree_is_null(const struct tree_node *n);
/* The value behind a key of a mapping, or NULL. */
struct tree_node *tree_find(const struct tree_node *map, str key);
/* "a mapping", "a list", "a single value" */
const char *tree_kind_name(enum tree_kind kind);
