/* edit.h - changing a few places of a text without copying the rest.
 *
 * The pass lane sends the client's own bytes; what differs (the model's name, an injected
 * option) is a short list of edits, and the result is an iovec around them. */
#pragma once
#include "base/buf.h"

#include <sys/uio.h>

struct edit {
	size_t at;  /* offset into the text */
	size_t len; /* bytes that go */
	str with;   /* bytes that come instead; must live as long as the iovec */
};

enum { EDIT_MOST = 4, EDIT_IOV = 2 * EDIT_MOST + 1 };

/* Length of text after the edits, which are sorted by `at` and do not overlap. */
size_t edit_length(str text, const struct edit *edits, size_t count);
/* Fills iov (room for 2 * count + 1) and returns how many were used; empty pieces are
 * left out. */
int edit_iov(str text, const struct edit *edits, size_t count, struct iovec *iov);

/* A text copied with any number of changes, which come in their order. */
struct edit_copy {
	str text;       /* these two are set by the owner */
	struct buf *to; /* nothing is written before the first change */
	size_t done;    /* -- private -- so much of text is copied */
	bool is_changed;
};
/* `with` for `old`, a piece of text; one that is not behind all before stays. */
void edit_copy_put(struct edit_copy *c, str old, str with);
/* The rest.  False: nothing was changed, and nothing written. */
bool edit_copy_end(struct edit_copy *c);
