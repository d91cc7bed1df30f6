/* record.h - what the runs have come to, written for the judge.
 *
 * Most runs end alike.  Each different body is written once, each different case (who,
 * how, and what came of it) once with one scene as its example, and how often at the end:
 *	answer ID JSON
 *	body ID LENGTH, and the bytes in the next line
 *	case ID JSON
 *	wrong JSON      what this program itself has seen to be wrong
 *	count ID N, and at the very end: runs N */
#pragma once
#include "tests/enum/scene.h"

#include <stdio.h>

struct ids {
	uint64_t *keys; /* 0: free */
	unsigned *values;
	size_t room, count;
};

struct record {
	FILE *to;
	struct ids answers, bodies, cases;
	uint64_t *counts; /* of cases */
	uint64_t runs, wrong;
};

/* One run. */
void record_run(struct record *r, const struct scene *s, const struct transcript *t);
/* Something this program can see by itself. */
void record_wrong(struct record *r, const struct scene *s, const char *what);
/* The counts; frees. */
void record_end(struct record *r);
/* The scene as arguments that play it again: "client=anthropic cut=FIN at=77 ...". */
void scene_describe(const struct scene *s, struct buf *to);
/* False: not such a text. */
bool scene_parse(str text, struct scene *ret);
