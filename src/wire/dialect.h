/* dialect.h - how providers that speak "OpenAI's format" speak it: an edit table.
 *
 * The rows of dialect.def are read by the writer of openai-chat alone.  A row is for a
 * provider, for all whose "provider/model" begins with something, or for everybody ("*");
 * of two rows for the same path the closer one is right. */
#pragma once
#include "base/str.h"

/* Concept names are used up (DROP, REFUSE), so these have a longer word in front. */
enum dialect_op {
	DIALECT_KEEP,    /* as OpenAI: undoes a row that is wider */
	DIALECT_DROP,    /* it is left out, and named */
	DIALECT_REFUSE,  /* a request with it cannot be sent there */
	DIALECT_RENAME,  /* to */
	DIALECT_DEFAULT, /* where nothing was said: the JSON text in `to` */
	DIALECT_BOUND,   /* at most `to`: numbers are cut, longer lists refused */
	DIALECT_WORD,    /* `from` becomes `to`; empty: it is left out */
	/* where reasoning is asked for; an empty path: nowhere */
	DIALECT_EFFORT, /* the level, as a word */
	DIALECT_BUDGET, /* tokens */
	DIALECT_SWITCH, /* JSON text for off (from) and on (to) */
	/* reasoning of earlier turns goes back in this member of a message; from "calls":
	 * only beside calls; to "always": then even when it is empty */
	DIALECT_BACK,
	DIALECT_TURN, /* what the order of turns needs: see the def */
};

struct dialect_row {
	str who;
	enum dialect_op op;
	str path, from, to;
};

enum { DIALECT_ROWS = 96 };

/* The rows that apply to one target, the closest first. */
struct dialect {
	const struct dialect_row *rows[DIALECT_ROWS];
	unsigned count;
};

void dialect_find(str provider, str model, struct dialect *ret);
/* The closest row of that operation for the path; NULL: there is none. */
const struct dialect_row *dialect_row(const struct dialect *d, enum dialect_op op,
                                      str path);
/* KEEP, DROP, REFUSE or RENAME for a path; NULL: nothing is said, so it is kept. */
const struct dialect_row *dialect_fate(const struct dialect *d, str path);
bool dialect_keeps(const struct dialect *d, str path);
/* The dialect's word for one of OpenAI's at that path; empty: it has none. */
str dialect_word(const struct dialect *d, str path, str word);
/* What is bound to the path; `most` where nothing is. */
uint64_t dialect_bound(const struct dialect *d, str path, uint64_t most);
/* The table itself; NULL past the end. */
const struct dialect_row *dialect_at(unsigned i);
