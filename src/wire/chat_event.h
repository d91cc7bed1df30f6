/* chat_event.h - an answer in the neutral form: a row of events.
 *
 * A format's reader pushes them into a sink, from a whole answer (read_reply) or from one
 * event of a stream (read_event).  Sinks: the emitter of the client's format (emit.h),
 *the tap that counts for the ledger, or both.  An event and its texts live during the
 *call.
 *
 *	BEGIN? ( OPEN ( PIECE | SEAL | CITE )* CLOSE? )* FINISH USAGE* END
 *
 * for each choice; blocks of one choice may interleave only where the format's own do.  A
 * block that is not closed is closed by the next OPEN of its choice or by FINISH. */
#pragma once
#include "wire/chat.h"
#include "wire/operation.h"

enum chat_event_kind {
	CHAT_BEGIN,  /* what the provider calls the answer and the model */
	CHAT_OPEN,   /* a block begins: block, what; id and name of a CALL */
	CHAT_PIECE,  /* text of a block; of a CALL a piece of its arguments' JSON text */
	CHAT_SEALED, /* the seal of a REASONING block, which may have no text */
	CHAT_CITE,   /* a citation in a TEXT block */
	CHAT_CLOSE,  /* the block is whole */
	CHAT_FINISH, /* the choice is whole */
	CHAT_USAGE,  /* counts; later ones replace earlier ones */
	CHAT_FAULT,  /* the provider reports a failure: text has its words */
	CHAT_END,    /* the format's own end mark: nothing follows */
	CHAT_ODD,    /* an event this format is not known to have; name says which */
	CHAT_INPUT,  /* what usage says of the input, told before the output: for ledgers
	              */
};

enum chat_finish {
	FINISH_NONE,
	FINISH_STOP,
	FINISH_SEQUENCE, /* a stop sequence of the client; text has it where known */
	FINISH_LENGTH,
	FINISH_CONTEXT, /* the model's window is full */
	FINISH_CALLS,
	FINISH_FILTER,
	FINISH_REFUSAL,
	FINISH_PAUSE, /* a long turn of server tools was suspended (Anthropic) */
	FINISH_ERROR, /* the model failed: never shown as a success */
};

struct chat_event {
	enum chat_event_kind kind;
	unsigned choice;     /* 0 but for n > 1 */
	unsigned block;      /* numbered by the reader, rising, unique in the choice */
	enum chat_kind what; /* OPEN: TEXT, REFUSAL, REASONING, CALL, IMAGE, AUDIO,
	                        FOREIGN */
	jstr id, name;       /* OPEN of a CALL; BEGIN: id and model; ODD: the name */
	jstr text;           /* PIECE; OPEN of IMAGE or AUDIO: base64; FAULT: words */
	jstr media_type;     /* OPEN of IMAGE or AUDIO */
	bool is_custom;      /* OPEN of a CALL: its input is free text */
	unsigned place; /* OPEN: the provider's own number of the block + 1; 0: none */
	jstr item;      /* OPEN: the provider's own id of what the block lies in */
	struct json_value
	        logprobs; /* PIECE of TEXT: an array in OpenAI's form, or none */
	struct chat_seal seal;
	struct chat_citation cite;
	enum chat_finish finish;
	fault_t why; /* FAULT: STREAM_ERROR where nothing better is known; END: of an
	                error behind a whole answer, which is not for the client */
	struct token_usage usage;
	/* USAGE: what is paid, where that is another count than what there was; on loan.
	 */
	const struct token_usage *billed;
	struct json_value raw; /* OPEN of FOREIGN: the whole block */
};

struct chat_sink {
	void (*take)(struct chat_sink *sink, const struct chat_event *e);
};

static inline void chat_push(struct chat_sink *to, const struct chat_event *e)
{
	to->take(to, e);
}

/* What a reader remembers between the events of one answer.  Zeroed, with operation and
 * quirks set, it is ready for use. */
struct chat_reader {
	enum operation operation;
	unsigned quirks;
	/* -- private to the format from here -- */
	bool begun, finished, ended, has_usage, saw_call;
	bool other_tier;     /* chat_is_other_tier; for the tap, with the usage */
	unsigned next_block; /* the number of the next block */
	unsigned open_block; /* of the open one + 1; 0: none */
	enum chat_kind open_kind;
	struct token_usage usage; /* put together over several events */
	enum chat_finish finish;
	struct {
		uint32_t key; /* how the format tells blocks apart, + 1; 0: free */
		uint32_t block;
		uint8_t kind, flags;
	} slots[32];
	uint64_t own[12];
	char kept[120]; /* a short text that waits */
	uint8_t kept_len;
};

/* The usual sequences, for readers. */
void chat_push_begin(struct chat_sink *to, jstr id, jstr model);
void chat_push_block(struct chat_sink *to, unsigned choice, unsigned block,
                     enum chat_kind what, jstr text);
/* One piece more of a kind: opens a block where the open one is of another kind. For
 * formats without block numbers, in choice 0. */
void chat_push_piece(struct chat_reader *rd, struct chat_sink *to, enum chat_kind what,
                     jstr text);

/* ---- for readers whose provider numbers the blocks of a stream ---- */

struct chat_finish_row {
	str name;
	enum chat_finish finish;
};
/* The finish of choice 0, once; a word that stands in no row is FINISH_STOP. */
void chat_push_finish(struct chat_reader *rd, struct chat_sink *to,
                      struct json_value word, const struct chat_finish_row *rows,
                      size_t count);
void chat_push_end(struct chat_reader *rd, struct chat_sink *to); /* once */
void chat_push_odd(struct chat_sink *to, jstr name);
void chat_push_placed(struct chat_sink *to, unsigned block, enum chat_kind what, jstr id,
                      jstr name, unsigned place);
void chat_push_open(struct chat_sink *to, unsigned block, enum chat_kind what, jstr id,
                    jstr name);
/* A piece, where the value is a text. */
void chat_push_text(struct chat_sink *to, unsigned block, enum chat_kind what,
                    struct json_value text);
void chat_push_close(struct chat_sink *to, unsigned block);
/* The slot with that key; countof(rd->slots): there is none. */
unsigned chat_find_slot(const struct chat_reader *rd, uint32_t key);
/* A free slot; where blocks are never closed the oldest gives its own away. */
unsigned chat_free_slot(const struct chat_reader *rd);
/* A count of tokens; absent or null leaves *ret as it is.  False: it is none. */
bool chat_read_count(struct json_value v, uint64_t *ret);
/* Is that a service tier, a speed or a region (as an answer names it) which has prices of
 * its own?  What is absent, or the usual, has not. */
bool chat_is_other_tier(struct json_value v);
/* What stands between the quotes, as it is; empty for what is no string. */
jstr chat_inside(struct json_value v);
