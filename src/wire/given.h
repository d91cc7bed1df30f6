/* given.h - what the client has been given of an answer, as neutral events.
 *
 * A log that the answer of a stream passes through on its way to the client.  When the
 * stream dies, the log tells what a continuation has to go on from, and replayed into an
 * emitter of the client's format it brings that to the very state the client is in.
 * Consecutive pieces of one block are one event with one text, so an answer costs little
 * more than its text.
 *
 * Failures and finishes of failures stop here: an emitter which has heard of one could
 * not go on.
 *
 * With `hold` a tool call waits until its JSON is whole, and with it all that comes
 * behind it: a client cannot act on half a call, and half a call cannot be continued.
 * What is held has not been given: given_cut forgets it.
 *
 * The pass lane has no emitter (`next` is NULL): it holds the bytes itself, and asks
 * given_is_held how far it may go. */
#pragma once
#include "wire/emit.h"

enum { GIVEN_MOST = 256 * KiB, GIVEN_HELD_MOST = 64 * KiB, GIVEN_EVENTS = 4096 };
enum { GIVEN_STRINGS = 5 };

struct given_event {
	uint8_t kind, what, finish, flags;
	uint8_t origin; /* of a seal */
	uint8_t choice;
	uint16_t place; /* see chat_event.place */
	uint32_t block;
	uint32_t len[GIVEN_STRINGS]; /* of its texts, one behind the other */
};

/* A call whose arguments are followed to their end. */
struct given_call {
	uint32_t block;
	struct args_end args;
};

enum { GIVEN_CALLS = 16 };

struct given {
	struct chat_sink sink;  /* first */
	struct chat_sink *next; /* the emitter; NULL: nobody follows */
	bool hold;              /* calls wait until they are whole */
	bool lost;              /* too much was said: nothing is known any more */
	struct buf head;        /* see wire.keep_head */
	struct emit_mark place; /* see wire.mark */
	/* the pass lane of a format with a tap of its own */
	struct chat_reader *reader; /* for events which that tap does not tell */
	uint8_t looks;              /* for the head */
	bool ends_in_half; /* the last event ended within a character (given_has_half) */
	bool in_run; /* the last event was one that the next may be like (tap_event) */
	uint64_t charged; /* of the process's memory budget; the owner's */
	fault_t why;      /* what a FAULT said */
	bool has_usage;
	struct token_usage usage;
	/* the log */
	struct given_event *events;
	unsigned count, room;
	struct buf text;
	/* of these given; the rest is held */
	bool is_holding;
	unsigned held_from;
	size_t held_text;
	struct given_call calls[GIVEN_CALLS];
	unsigned calls_open;
	/* where the event in hand began (given_mark) */
	struct {
		unsigned count;
		size_t text;
		uint32_t last_len;
		struct emit_mark place;
	} mark;
};

void given_init(struct given *g, struct chat_sink *next);
void given_done(struct given *g);
/* More of the text that the last event was a piece of, in the pass lane: true, or false
 * when the last event was no piece. */
bool given_more(struct given *g, jstr text);
/* Nothing is known any more: it is not to be kept. */
void given_lose(struct given *g);
/* Does a string in that JSON text end with the first half of a surrogate pair?  A reader
 * keeps it back for the other half, but where bytes pass the client has it. */
bool given_has_half(str json);
/* Bytes of memory it has. */
size_t given_size(const struct given *g);

/* What comes after given_mark is forgotten by given_undo: the event turned out to be
 * broken, and the client does not get it. */
static inline void given_mark(struct given *g)
{
	const struct given_event *last = g->count ? &g->events[g->count - 1] : NULL;

	g->mark.count = g->count;
	g->mark.text = g->text.len;
	g->mark.place = g->place;
	g->mark.last_len = last ? last->len[GIVEN_STRINGS - 1] : 0;
}
void given_undo(struct given *g);

static inline bool given_is_held(const struct given *g)
{
	return g->is_holding;
}
/* What is held goes out, whole or not. */
void given_release(struct given *g);
/* What is held is forgotten. */
void given_cut(struct given *g);

/* The log once more, from event `from`, into another sink. */
void given_replay(const struct given *g, unsigned from, struct chat_sink *to);

/* What the client has, in short. */
struct given_sum {
	bool has_text,
	        has_blank_text; /* text that is more than white space; any at all */
	bool has_reasoning, has_seal, has_call, has_refusal, has_other, has_choices;
	bool is_finished;
	bool is_thinking;  /* the last block is of thoughts, neither sealed nor closed */
	bool ends_in_half; /* the text ends within a surrogate pair */
	bool text_is_last; /* no other block was begun after the last text */
	unsigned next_block;
	unsigned text_block; /* the last text block */
	uint64_t bytes;      /* of text, reasoning and arguments, as UTF-8 */
};
/* *text: all text of choice 0, joined, as UTF-8 (added). */
void given_sum_up(const struct given *g, struct given_sum *ret, struct buf *text);
