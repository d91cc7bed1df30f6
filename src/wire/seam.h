/* seam.h - where one answer goes on with the words of another.
 *
 * The client has the beginning of an answer, P.  Another stream, S, is to go on from its
 * last character.  The seam takes the events of S, keeps them back until it is proven
 * where S meets the end of P, cuts S there and lets the rest through to the emitter that
 * has written P.  It never changes a byte: it cuts, or refuses.
 *
 *	S = P ...        all of P again: cut behind it
 *	S = anchor ...   the tail of P that was asked for, which stands nowhere else
 *	                 in P: cut behind it
 *	S = ...          with a prefix (SEAM_PREFIX) the answer goes on at once.
 *	                 This has no proof, so it must not look like a beginning
 *
 * White space in front of all that may be lost or added; all else has to be equal, told
 * as characters, however they are escaped.  A tail that comes twice is refused, and so is
 * whatever comes before the proof and is no text or thought.
 *
 * P, the stops and the emitter are borrowed until seam_done. */
#pragma once
#include "wire/chat_event.h"
#include "wire/jchars.h"

enum seam_method {
	SEAM_WHOLE,  /* the same request again: S begins with all of P */
	SEAM_ANCHOR, /* S repeats the end of P */
	SEAM_PREFIX, /* S follows P */
};

enum seam_state {
	SEAM_OPEN,    /* nothing is proven yet */
	SEAM_CLOSED,  /* proven: S goes through */
	SEAM_REFUSED, /* S does not go on from P */
	SEAM_STOPPED, /* a stop sequence of the client lies across the seam: the end */
};

enum {
	SEAM_ANCHOR_CHARS = 40, /* what is asked for; more where that is not unique */
	SEAM_ANCHOR_MOST = 160,
	SEAM_CERTAIN = 20, /* characters: a shorter tail proves nothing */
	SEAM_HELD = 240,   /* characters of S that may wait */
	SEAM_STRIDES = 64, /* ways in which stop sequences may lie across the seam */
};

/* A stop sequence of which `at` bytes have been said. */
struct seam_stride {
	unsigned stop;
	size_t at;
};

struct seam {
	struct chat_sink sink; /* first */
	struct chat_sink *next;
	enum seam_method method;
	enum seam_state state;
	/* set by the owner after seam_init */
	unsigned text_block;     /* the block that goes on, by its number for `next` */
	unsigned shift;          /* added to the numbers of all others */
	bool is_told;            /* P was told as a whole: no text may follow */
	bool drops_seals;        /* what seals the thoughts of S is not for this client */
	uint64_t given_tokens;   /* what the client has, roughly */
	size_t least;            /* bytes of the tail that proves something */
	struct token_usage base; /* of the first attempt, as far as it is known */
	/* P as UTF-8 */
	str p;
	size_t p_begin; /* its first character that is no white space */
	str owed; /* SEAM_PREFIX: white space at its end, which the prefix had not */
	const jstr *stops;
	unsigned stop_count;
	/* S before the proof */
	struct jchars chars;
	uint32_t *alive; /* places in P from which it is the same as S, so far */
	unsigned alive_count;
	size_t matched; /* bytes, from each of these */
	unsigned held_chars;
	struct buf held;   /* text that waits, as it came */
	bool has_begun;    /* S has said more than white space */
	bool is_whole;     /* recognised: S can only be all of P again */
	unsigned s_block;  /* the block of S in which the seam lies + 1; 0: none */
	uint64_t left_out; /* bit per block of S */
	/* behind the proof */
	bool is_settled; /* nothing waits any more */
	str twice;       /* what must not come once more */
	size_t twice_at;
	struct seam_stride strides[SEAM_STRIDES];
	unsigned stride_count;
	/* what came, as UTF-8 */
	uint64_t cut_bytes;  /* of the text of S that is not for the client */
	uint64_t said_bytes; /* of all that is */
	bool is_finished;    /* FINISH went through */
	fault_t why;         /* what a FAULT said */
	bool has_usage;
	struct token_usage usage; /* of S alone */
};

/* A tail of P to ask for: about SEAM_ANCHOR_CHARS characters, not beginning with white
 * space, standing nowhere else in P.  Empty: there is none. */
str seam_anchor(str p);
/* p ends on a whole character; with an empty one everything goes through. */
void seam_init(struct seam *s, enum seam_method method, str p, const jstr *stops,
               unsigned stop_count, struct chat_sink *next);
/* May S take as long as it likes?  Else it has to prove itself soon.  Behind the proof it
 * may: what still waits there is no more than that tail again, or a stop sequence. */
static inline bool seam_may_wait(const struct seam *s)
{
	return s->state != SEAM_OPEN || !s->has_begun || s->is_whole;
}
/* S has ended: what waits goes through or is refused. */
void seam_settle(struct seam *s);
/* Usage as the client is told it: what was asked first, what is visible. */
struct token_usage seam_usage(const struct seam *s);
void seam_done(struct seam *s);
