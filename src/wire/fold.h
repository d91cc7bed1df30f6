/* fold.h - JSON values that come piece by piece, put together by rules.  For wire/ alone.
 *
 *	struct fold f = { .rules = rules, .keep = { .ceiling = 24 * MiB } };
 *	fold_take(&f, chunk);            ... for each object of a stream
 *	if (!f.why)
 *		f.why = fold_write(&f, to);
 *	fold_done(&f);
 * What is taken must have passed json_check and must last until fold_done. */
#pragma once
#include "base/arena.h"
#include "codec/json.h"
#include "codec/json_write.h"

enum fold_how {
	FOLD_LAST,
	FOLD_FIRST,
	FOLD_JOIN,  /* strings are glued, arrays follow one another */
	FOLD_MERGE, /* objects, member by member */
	FOLD_LIST,  /* arrays of objects told apart by "index", each merged */
	FOLD_DROP,
};

struct fold_object;

/* A table of rules ends with a row without name, which is for all other members. */
struct fold_rule {
	str name;
	enum fold_how how;
	unsigned most;                  /* of LIST: objects, and the end of indexes */
	const struct fold_rule *inside; /* of MERGE and LIST */
	/* Is item, with the index of held, another object all the same?  May be NULL. */
	bool (*begins_anew)(const struct fold_object *held, struct json_value item);
	str as;   /* its name in the result, when it is another one */
	str less; /* dropped beside an object of that name: it only repeats */
	str fill; /* stands in the result when no value came, or only null */
};

/* All in the arena of the fold. */
struct fold_member {
	struct fold_member *next;
	str name; /* as in the result */
	const struct fold_rule *rule;
	struct json_value value;         /* kept, or null where nothing else came */
	struct fold_piece *first, *last; /* of JOIN */
	unsigned types;                  /* of the pieces, a bit for each */
	unsigned count;                  /* of objects */
	struct fold_object *objects; /* of MERGE one, of LIST all, in order of index */
};

struct fold_object {
	struct fold_object *next;
	uint64_t index;
	struct fold_member *members; /* in order of arrival */
	unsigned count;
};

struct fold {
	const struct fold_rule *rules; /* of the root; set by the owner */
	struct arena keep;             /* with a ceiling from the owner */
	struct fold_object root;
	fault_t why; /* the first failure; nothing is taken after it */
};

/* One object more.  UPSTREAM_MALFORMED in f->why for doubled members and for more of
 * them, or of objects in a list, than can be; UPSTREAM_LARGE at the arena's ceiling. */
void fold_take(struct fold *f, struct json_value root);
/* NULL when there is none. */
struct fold_member *fold_find(const struct fold_object *o, str name);
/* UPSTREAM_LARGE, and `to` as it was, when the result does not fit. */
must_check fault_t fold_write(const struct fold *f, struct buf *to);
void fold_done(struct fold *f);

/* Names as they stand between their quotes: compared, and copied to a writer. */
bool fold_key_is(str key, str name);
void fold_write_key(struct json_writer *w, str key);
