/* seam_private.h - between seam.c and seam_proof.c. */
#pragma once
#include "wire/seam.h"

enum { SEAM_TEXT_MOST = 16 * KiB }; /* what waits, as it was written */

static inline bool seam_is_blank(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* S does not go on from P; what waits is gone. */
void seam_refuse(struct seam *s);
/* S has repeated P from `at` on (all of P: that is what follows the prefix), and goes on
 * with text. */
void seam_close(struct seam *s, size_t at, jstr text);

/* Finds where S may begin in P: at its beginning, and for a tail anywhere near its end.
 * Once, when p and p_begin are set. */
void seam_places(struct seam *s);
/* A piece of S before the proof; ends in seam_close, in seam_refuse, or in neither yet.
 */
void seam_prove(struct seam *s, jstr text);
/* No more of S will come before the proof: one of the two. */
void seam_prove_end(struct seam *s);
