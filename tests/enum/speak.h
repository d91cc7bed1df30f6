/* speak.h - an answer as a stream of one of the six formats, written from the vendors'
 * documents; nothing here is the gateway's own. */
#pragma once
#include "tests/enum/answer.h"

enum { EVENTS_MOST = 4096 };

/* The body of an answer, and where its events end. */
struct stream {
	struct buf body;
	size_t ends[EVENTS_MOST];
	bool is_new[EVENTS_MOST]; /* the first event of its type */
	unsigned count;
	uint32_t types[64]; /* seen so far, as hashes */
	unsigned type_count;
};

/* How a provider speaks. */
struct manner {
	unsigned attempt; /* in its ids, so that two answers are never told apart wrongly
	                   */
	bool usage;       /* OpenAI's chat reports it only when asked */
	bool ascii;       /* escapes what is beyond ASCII, and cuts pairs in two */
};

/* Clears and fills *to. */
void speak(enum format f, const struct answer *a, const struct manner *m,
           struct stream *to);
/* The event with which a provider of that format says that it has failed, behind
 * `number` others. */
void speak_error(enum format f, unsigned number, struct buf *to);
/* The body of a refusal by status 400. */
void speak_refusal(enum format f, struct buf *to);
str stream_type(enum format f);
void stream_free(struct stream *s);
