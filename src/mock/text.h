/* text.h - what a text model of the mock provider is asked and what it will say; for
 * mock/ alone.  prompt.c fills it in, text.c turns it into an answer or a stream. */
#pragma once
#include "mock/call.h"

enum text_phase {
	TEXT_BEGINS,
	TEXT_THINKS,
	TEXT_GOES_ON,
	TEXT_ENDS,
	TEXT_USAGE,
	TEXT_DONE
};

struct text {
	bool is_chat; /* else it is OP_COMPLETIONS */
	bool is_stream;
	bool with_usage;     /* the stream ends with a chunk of usage */
	uint64_t choices;    /* all alike */
	uint64_t prompt;     /* tokens */
	str thinks;          /* before it says anything; empty: nothing */
	uint64_t cached;     /* tokens of the prompt that count as cached */
	uint64_t thought;    /* tokens of that, a part of completion */
	str says;            /* the text, or the arguments of a call */
	str tool;            /* the name of the function called; empty: none */
	str finish;          /* finish_reason */
	uint64_t completion; /* tokens of one choice */
	/* the stream */
	str id;
	enum text_phase phase;
	str rest, thinking; /* of says and thinks, still to come */
};

/* Reads the request and decides; texts are kept in c->arena. */
refusal_t prompt_read(struct call *c, struct text *ret);
