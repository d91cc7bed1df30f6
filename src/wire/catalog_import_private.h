/* catalog_import_private.h - what the files of catalog_import share: what is being read,
 * and values of the JSON, checked.  All that return bool have said what is wrong when it
 * is false. */
#pragma once
#include "base/arena.h"
#include "codec/json.h"
#include "wire/catalog.h"

enum {
	IMPORT_MEMBERS_MOST = 64, /* of an object that is read */
	IMPORT_DIGITS_MOST = 64,  /* of a number */
};

struct import {
	struct arena keep;
	struct catalog_model *models;
	unsigned count;
	const struct catalog *now;
	uint32_t today;
	str provider, model; /* being read; empty: none */
	struct buf *why;
};

/* Says so in im->why, behind the names of the provider and the model.  Always false. */
bool import_wrong(struct import *im, const char *fmt, ...) printf_like(2, 3);
/* JSON_NONE when there is none. */
struct json_value import_member(const struct json_member *members, size_t count,
                                str name);
/* An object's members; no object at all has none.  `what` is its name for people, as
 * below. */
bool import_object(struct import *im, struct json_value v, const char *what,
                   struct json_member members[IMPORT_MEMBERS_MOST], size_t *ret);
/* A number of tokens; 0: none is there, or it is beyond what can be kept. */
bool import_tokens(struct import *im, struct json_value v, const char *what,
                   uint32_t *ret);
/* The prices of a model, the base first, then by the prompt's length; v, its cost, may be
 * JSON_NONE.  catalog_import_cost.c. */
bool import_cost(struct import *im, struct catalog_model *m, struct json_value v);
