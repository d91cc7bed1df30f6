/* pieces.h - an answer that is made while it goes out: piece by piece, each of a bounded
 * size and made in a bounded time, so that an answer of any length holds neither memory
 * nor the thread that makes it. */
#pragma once
#include "base/buf.h"

enum admin_piece {
	ADMIN_PIECE_MORE, /* there is another */
	ADMIN_PIECE_LAST,
	ADMIN_PIECE_FAILED, /* the answer cannot be finished: it is to break off */
};

struct admin_pieces {
	/* Adds the next one to *to.  NULL: the answer is no such one. */
	enum admin_piece (*next)(void *arg, struct buf *to);
	void (*free)(void *arg);
	void *arg; /* outlives the call that has made it */
};

/* Accepts what is none, and leaves none. */
static inline void admin_pieces_done(struct admin_pieces *p)
{
	if (p->next)
		p->free(p->arg);
	*p = (struct admin_pieces){ 0 };
}

/* Where an answer goes as it comes. */
struct admin_sink {
	bool (*take)(void *arg, str bytes); /* false: it takes no more */
	void *arg;
	bool is_begun;  /* something has gone there: it cannot be asked for again */
	bool is_closed; /* it has taken no more */
};

static inline bool admin_sink_add(struct admin_sink *s, str bytes)
{
	s->is_begun |= bytes.len > 0;
	s->is_closed = bytes.len > 0 && !s->take(s->arg, bytes);
	return !s->is_closed;
}
