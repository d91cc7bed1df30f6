/* quoted.h - where a quote stands before certain letters: for looking through a whole
 * body for the few words that matter in it.  Texts have few such quotes, so that most
 * blocks of bytes are left after one look. */
#pragma once
#include "base/str.h"

/* All fields belong to the functions below. */
struct quoted {
	str text;
	size_t next;    /* what has not been looked at begins here */
	size_t block;   /* what was looked at last began here; */
	uint64_t found; /* a bit for each place of its 64 that is left */
	/* Which bytes are wanted behind a quote: for the lower and for the upper half of
	 * one, in which of three rows of sixteen it can be. */
	uint8_t by_low[16], by_high[16];
};

/* Letters are small ones and stand for both cases.  A blank is always wanted, for words
 * may have blanks before them, and a backslash, for it begins an escape.  The text must
 * stay. */
void quoted_begin(struct quoted *ret, str text, str letters);

/* The next quote with one of these behind it; false: there is none left. */
must_check bool quoted_next(struct quoted *q, size_t *ret_at);
/* The same as it is done without AVX2; for tests. */
must_check bool quoted_next_portable(struct quoted *q, size_t *ret_at);
