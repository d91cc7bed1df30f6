/* openai_reading.h - between the files that read answers of the chat format: the blocks
 * that are open while chunks come in.  For wire/ alone.
 *
 * For each choice one block talks (text, thoughts, refusal), and each of its calls has
 * one.  They are remembered in chat_reader:
 *	slots[].key    choice and index of a call, or TALK; + 1
 *	slots[].block  the neutral block's number
 *	slots[].kind, flags  of TALK: chat_kind, is it sealed; of a call: a hash of its id
 */
#pragma once
#include "wire/openai_chat.h"

enum { CHOICES_MOST = 64, INDEX_MOST = 1000, TALK = 1023, LEGACY = 1022 };
/* What rd->own holds: bits of choices, half a character that waits, and finishes that do:
 * four bits for each choice.  FINISHED: it has a reason; TOLD: nothing follows. */
enum {
	SEEN,
	FINISHED,
	TOLD,
	REFUSED,
	HAS_CALLS,
	HALF,
	HALF_CHOICE,
	STOP_CHOICE, /* the one whose stop sequence is kept (rd->kept), + 1 */
	REASONS,
	OWN_MOST = REASONS + CHOICES_MOST / 16
};
_Static_assert((size_t)OWN_MOST <= countof(((struct chat_reader *)0)->own),
               "as many as a reader has room for");

/* One event on its way. */
struct reading {
	struct chat_reader *rd;
	struct chat_sink *to;
	struct arena keep; /* only what has to be mended lies here */
	unsigned choice;
	bool is_whole; /* an answer, not a chunk */
};

/* The slot of a call's index or of TALK in the choice that is read; -1: none. */
int reading_find(const struct reading *g, unsigned what);
/* A new block for it. */
int reading_take(struct reading *g, unsigned what);
void reading_close(struct reading *g, int slot);
void reading_close_talk(struct reading *g);
/* The block that talks, of that kind; a new one where another kind talked. */
unsigned reading_talk(struct reading *g, enum chat_kind kind);

void reading_push(struct reading *g, struct chat_event *e);
void reading_odd(struct reading *g, str name);
/* A piece of a block: a text, or a JSON string that may need mending. */
void reading_piece(struct reading *g, unsigned block, jstr text,
                   struct json_value logprobs);
void reading_text(struct reading *g, unsigned block, struct json_value v,
                  struct json_value logprobs);
/* Text of that kind, where v has any. */
void reading_say(struct reading *g, enum chat_kind kind, struct json_value v,
                 struct json_value logprobs);

/* ---- openai_delta.c ---- */

/* A delta, or a whole message. */
void openai_read_delta(struct reading *g, struct json_value v,
                       struct json_value logprobs);
/* What was searched, for the whole answer. */
void openai_read_sources(struct reading *g, struct json_value root);
