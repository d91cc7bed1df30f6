/* provider.h - what a scripted provider says to a request. */
#pragma once
#include "tests/enum/scene.h"

enum asked { ASKED_AFRESH, ASKED_PREFILL, ASKED_TO_REPEAT };

/* A request as a provider reads it. */
struct question {
	enum asked asked;
	str given;       /* what the assistant has said so far */
	str instruction; /* the last turn of the user's */
	bool usage;
	bool garbled;  /* it is no JSON, or has half a character in it */
	uint64_t most; /* tokens of the answer; 0: not said */
};

/* body: in the arena or longer-lived. */
void question_read(str body, struct arena *keep, struct question *ret);

/* What is to be sent, and what then. */
struct reply {
	struct buf wire;
	size_t pause; /* the bytes from there on come a moment later; 0: with the rest */
	enum { THEN_KEEP, THEN_FIN, THEN_RST } then;
	bool silent;
};

/* The answer of the attempt (0: the first) that plays in *s; notes in *t what would be
 * right to make of it. */
void provider_reply(const struct scene *s, unsigned attempt, enum format f,
                    const struct question *q, struct transcript *t, struct reply *ret);
