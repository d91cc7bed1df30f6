/* json_cut.h - members of an object, or items of an array, cut out of its text.
 *
 * Each goes with the comma before it, or else with the one behind, so that what is left
 * is JSON again, byte for byte as it was. */
#pragma once
#include "codec/edit.h"
#include "codec/json.h"

/* A walk as json_iter's through a container in the text of `to`:
 *	for (struct json_cut c = json_cut(to, v); json_cut_next(&c, &m);)  ... */
struct json_cut {
	struct edit_copy *to;
	struct json_iter it;
	struct json_member m; /* the one found last */
	const char *end;      /* of the one before it */
	bool is_cut, has_kept;
};

struct json_cut json_cut(struct edit_copy *to, struct json_value container);
bool json_cut_next(struct json_cut *c, struct json_member *ret);
/* The member or item that was found last goes, unless something in it was changed. */
void json_cut_out(struct json_cut *c);
