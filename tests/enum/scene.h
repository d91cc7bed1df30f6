/* scene.h - one run of the enumeration: a client asks, the first provider dies at an
 * offset, the next ones continue in a manner of theirs, and what the client got is kept.
 *
 * The whole worker runs on the simulated machine.  The providers read what they are
 * asked: whether it is the request itself, a beginning to be continued (prefill), or an
 * instruction to repeat the last characters and go on; they know the whole answer, so
 * they know what comes next. */
#pragma once
#include "base/arena.h"
#include "tests/enum/speak.h"

/* How the first answer breaks. */
#define CUT_KINDS(CUT)                                                                   \
	CUT(NONE)    /* it does not                                            */        \
	CUT(FIN)     /* the connection ends, at an offset of the response      */        \
	CUT(RST)     /* it is reset                                            */        \
	CUT(CLEAN)   /* the last chunk comes, at an offset of the body         */        \
	CUT(STALL)   /* nothing more comes                                     */        \
	CUT(ERROR)   /* the format's own error event comes                     */        \
	CUT(CORRUPT) /* one byte of the response is another                    */

/* How a later attempt behaves when it is asked to go on; asked afresh, all of them give
 * an answer of their own, if that is possible for them. */
#define CONTINUER_KINDS(CONTINUER)                                                       \
	CONTINUER(PERFECT, true) /* repeats what it should, goes on          */          \
	CONTINUER(REFUSES, true) /* a prefill by status 400; else perfect    */          \
	CONTINUER(PLAIN, false)  /* goes on without repeating anything       */          \
	CONTINUER(LAST12, true)  /* repeats the last 12 characters           */          \
	CONTINUER(LAST39, true)                                                          \
	CONTINUER(LAST41, true)                                                          \
	CONTINUER(WRONG, false)    /* one character of the repeated differs    */        \
	CONTINUER(SPLIT, true)     /* repeats in the smallest deltas           */        \
	CONTINUER(BLANK, true)     /* blanks before what it repeats            */        \
	CONTINUER(QUOTED, false)   /* what it repeats is in quotes             */        \
	CONTINUER(REPLAY, true)    /* the whole answer from its beginning      */        \
	CONTINUER(DIVERGES, false) /* the same, but a character differs        */        \
	CONTINUER(OTHERWISE, true) /* repeats rightly and goes on otherwise    */        \
	CONTINUER(CHATTY, false)   /* "Sure, here is the rest: "               */        \
	CONTINUER(TWICE, true)     /* repeats it twice                         */        \
	CONTINUER(CALLS, false)    /* calls a tool                             */        \
	CONTINUER(REASONS, true)   /* thinks first, then perfect               */        \
	CONTINUER(EMPTY, false)    /* says nothing, successfully               */        \
	CONTINUER(DECLINES, false) /* a content filter                         */        \
	CONTINUER(LANGUAGE, false) /* something else in another language       */        \
	CONTINUER(STOPS, false)    /* ends inside of what it should repeat     */        \
	CONTINUER(LENGTH, true)    /* perfect, but ends for lack of tokens     */        \
	CONTINUER(DIES, true)      /* perfect, but dies behind an event        */        \
	CONTINUER(BREAKS, false)   /* status 500                               */        \
	CONTINUER(ERRS, false)     /* the first event is an error              */        \
	CONTINUER(FOREIGN, false)  /* an error in another format               */        \
	CONTINUER(SILENT, false)   /* nothing until the deadline               */

enum cut {
#define CUT(name) CUT_##name,
	CUT_KINDS(CUT)
#undef CUT
	        CUTS,
};
enum continuer {
#define CONTINUER(name, can) CONTINUE_##name,
	CONTINUER_KINDS(CONTINUER)
#undef CONTINUER
	        CONTINUERS,
};
extern const char *const cut_names[CUTS];
extern const char *const continuer_names[CONTINUERS];

enum {
	TARGETS = 3,
	TOKENS = 4000,   /* what the client allows */
	STOP_BYTES = 10, /* of the stop sequence, half of them before stop_at */
};

struct scene {
	enum format client, providers[TARGETS];
	enum shape shape;
	enum cut cut;
	size_t at; /* offset of the cut; see enum cut */
	enum continuer second, third;
	unsigned dies_at;  /* event behind which DIES dies */
	size_t read_most;  /* bytes come to the gateway in pieces; 0: whole */
	unsigned seed;     /* of random pieces; 0: all of that size */
	bool slow;         /* the client reads when nothing else happens */
	bool ascii;        /* the first provider escapes */
	bool prefills;     /* the second model is one that truly continues a prefix */
	const char *model; /* the first stream as letters (model.h), `at` of whose events
	                      come; NULL: of that shape */
	size_t stop_at; /* a stop sequence lies around this byte of the text; 0: none */
};

enum ending { END_WHOLE, END_CUT, END_RESET, END_OPEN, END_GARBLED };

/* What a run has come to. */
struct transcript {
	struct arena arena; /* of all below */
	int status;
	enum ending ending;
	str head, body;      /* of the response; body without its chunks */
	unsigned attempts;   /* requests that providers have seen */
	unsigned continued;  /* of these: to go on with something */
	char asked[8];       /* how: a afresh, p by a prefix, r to repeat and go on */
	unsigned rows, open; /* attempts in the journal; of these without a close */
	bool lost_track;     /* a provider was asked to go on with what was not said */
	size_t given;        /* bytes of text that the last continuation began with */
	bool odd_limit;      /* a continuation may have too many tokens, or too few */
	bool garbled;        /* a provider was asked something that is no JSON */
	bool unsettled;      /* the exchange has not ended */
	bool as_sent;        /* CORRUPT: the body is what the provider has sent */
	str sent;            /* CORRUPT: the provider's response */
	struct answer accepts[TARGETS]; /* answers that would be right */
	unsigned accept_count;
};

/* The first provider's response without a cut, and its stream; *ret_head: bytes of its
 * head. */
const struct stream *scene_wire(const struct scene *s, struct buf *wire,
                                size_t *ret_head);
/* What its client asks: the path, and the body. */
const char *scene_path(const struct scene *s);
void scene_request(const struct scene *s, struct buf *to);
/* Plays it; the transcript is the caller's, to be freed. */
void scene_play(const struct scene *s, struct transcript *ret);
void transcript_free(struct transcript *t);
/* Reads a response as far as it has come, its body into `body`. END_CUT: there should be
 * more. */
enum ending transcript_read(struct transcript *t, str seen, struct buf *body);
/* Is the body what the provider has sent, but for what we alone have asked for and said?
 */
bool transcript_is_as_sent(const struct transcript *t);
