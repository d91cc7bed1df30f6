/* emit.h - an answer written in the client's format, in an order that cannot be wrong.
 *
 * The emitter takes neutral events and keeps the order all formats want: one beginning,
 * blocks one after the other, each opened and closed once, one finish, one usage, one
 *end. The format's hooks only write bytes.  What comes interleaved is held until its
 *turn.
 *
 *	emit_init(&e, wire, &out, streams);   e.seed, e.model, e.created, ... set
 *	wire->read_event(&reader, name, data, &e.sink);
 *	... e.to has bytes for the client; emit_done(&e)
 *
 * With `streams` false nothing is written before the end; then wire->write_reply has all
 * blocks in e.choices. */
#pragma once
#include "wire/args_end.h"
#include "wire/chat_event.h"

enum { EMIT_CHOICES = 16, EMIT_KEPT_MOST = 16 * MiB };

struct emit_block {
	struct emit_block *next; /* in the order they were opened */
	enum chat_kind what;
	unsigned choice;
	unsigned block;      /* the reader's number */
	unsigned index;      /* ours: 0, 1, ... within the choice */
	unsigned place;      /* another's + 1, which it has instead; 0: none */
	jstr item;           /* what another called the item it lies in; or empty */
	unsigned of_kind;    /* ours: 0, 1, ... among those of its kind in the choice */
	bool opened, closed; /* written so */
	bool whole;          /* nothing more comes */
	bool skipped;        /* the format cannot say it, or it is empty */
	bool unwanted;       /* said beside an answer that was asked for as a tool */
	jstr id, name;       /* of a CALL, never empty; kept by the emitter */
	bool is_custom;
	jstr media_type;
	struct buf text;       /* all of it, where the format or the order needs it */
	uint64_t bytes;        /* of all pieces */
	struct chat_seal seal; /* kept by the emitter */
	struct chat_citation *citations, *last_citation;
	struct json_value logprobs; /* of a whole reply: all items, joined */
	struct buf logprobs_text;
	str raw;              /* FOREIGN */
	struct args_end args; /* of a CALL: how far its arguments' JSON is */
	bool is_wrapped;      /* a custom tool that was offered as a function */
};

struct emit_choice {
	bool used;
	struct emit_block *first, *last;
	struct emit_block *open; /* the one being written */
	unsigned blocks, of_kind[CHAT_FOREIGN + 1];
	enum chat_finish finish;
	jstr stop; /* FINISH_SEQUENCE: which, or empty */
};

/* Where in e->to the pieces of an event stand that may differ in the next of its block.
 */
struct emit_form {
	size_t from;                  /* where the event begins */
	size_t number_at, number_end; /* of its number; both 0: it has none */
	size_t text_at, text_end;
};

struct emitter;

/* How far the newest part of an item was: still open, its text told as a whole, all of it
 * told as a whole, or begun without a text. */
enum emit_part { PART_GOES_ON, PART_TEXT_DONE, PART_DONE, PART_BEGUN };

/* Where another's stream has broken off (wire.mark). */
struct emit_mark {
	uint64_t number; /* of the next event */
	unsigned items;  /* begun */
	unsigned part;   /* of an open item, what was said of its part: enum emit_part */
};

/* All write to e->to.  Blocks come strictly one after the other within a choice. */
struct emit_ops {
	/* Pieces are wanted only when the block is whole (piece() is then called once,
	 * with all of it, before close): for kinds in this set of 1 << chat_kind. */
	unsigned whole_kinds;
	/* Texts of all blocks are kept until the end (Responses repeats them). */
	bool keeps;
	/* A citation without a range is about the block: it is told at the end of it. */
	bool cites_behind;
	/* Several choices may be told apart. Else only choice 0 is written. */
	bool has_choices;
	/* Kinds the format can say; others are left out and counted in e->left_out. */
	unsigned kinds;
	void (*start)(struct emitter *e);
	void (*open)(struct emitter *e, struct emit_block *b);
	void (*piece)(struct emitter *e, struct emit_block *b, jstr text,
	              struct json_value logprobs);
	/* May be NULL. */
	void (*cite)(struct emitter *e, struct emit_block *b,
	             const struct chat_citation *c);
	/* b->seal has come by now, if one comes. */
	void (*close)(struct emitter *e, struct emit_block *b);
	/* Finish reasons (e->choices[i].finish), usage, and the format's end mark. */
	void (*end)(struct emitter *e);
	/* Is it where another's stream has broken off?  May be NULL. */
	bool (*adopted)(struct emitter *e, const struct emit_mark *mark);
	/* Was the text told as a whole, so that nothing may be added?  May be NULL. */
	bool (*is_told)(struct emitter *e);
	/* Ends an open stream with an error in the format's words; message is plain. */
	void (*fault)(struct emitter *e, fault_t why, str message);
};

struct emitter {
	struct chat_sink sink; /* first: events go in here */
	const struct emit_ops *ops;
	struct buf *to;
	bool streams;
	/* set by the owner */
	enum wire_format format; /* the client's */
	str seed;                /* unique text for ids: hex digits */
	jstr model;
	uint64_t created; /* seconds since 1970 */
	bool wants_usage; /* OpenAI chat: the client asked for it */
	/* The client asked for the price as well: what it is, COST_UNKNOWN, by the usage
	 * that has been pushed; NULL: it did not. */
	nanousd (*cost)(const void *of);
	const void *cost_of;
	bool same_format; /* the provider speaks it too: foreign blocks are its own */
	bool array;       /* Gemini: one JSON array instead of server-sent events */
	uint64_t input_estimate;            /* tokens, for formats that begin with them */
	const struct chat_written *written; /* how the provider was asked; NULL: as
	                                       the client has said it */
	str head;     /* what the events of a stream that another has begun repeat
	                 (wire.keep_head); empty: ours */
	bool is_lost; /* of what it has adopted something has no place here */
	bool adopts;  /* what comes now is said already: it has the numbers of its places
	               */
	str echo;     /* Responses: members of the request to repeat, JSON; or empty */
	/* state */
	bool started, ended;
	struct arena keep; /* ids, names, seals, citations */
	struct emit_choice choices[EMIT_CHOICES];
	unsigned choice_count; /* highest used + 1 */
	bool has_usage;
	struct token_usage usage;
	uint64_t sequence; /* of events, for formats that number them */
	unsigned left_out; /* blocks the format cannot say */
	unsigned lost;     /* and of which kinds they are: 1 << chat_kind */
	fault_t why;       /* too much was held: UPSTREAM_LARGE; all was left out:
	                      ANSWER_UNSAID; or what FAULT said */
	size_t held;       /* bytes kept in blocks */
	uint64_t own[8];   /* the format's */
	size_t data_at;    /* in e->to: the JSON of the event being written */
	/* the last piece as it was said (emit_again) */
	struct buf form_text;
	struct emit_form form; /* its places in form_text */
	const struct emit_block *form_of;
};

void emit_init(struct emitter *e, const struct emit_ops *ops, struct buf *to,
               bool streams);
/* The end, when the reader cannot push CHAT_END (formats without end mark). */
void emit_end(struct emitter *e);
/* An error after the beginning. */
void emit_fault(struct emitter *e, fault_t why, str message);
/* What `adopts` has let in is all that the client has; `head` as in e->head.  False: the
 * emitter is not where the client is, and must not go on. */
must_check bool emit_adopted(struct emitter *e, const struct emit_mark *mark);
void emit_done(struct emitter *e);

/* Pieces of one block differ in their text and their number alone.  A format which has
 * said one remembers it, and says the next with emit_again; false: it cannot, the format
 * has to write it. */
void emit_remember(struct emitter *e, const struct emit_block *b,
                   const struct emit_form *form);
bool emit_again(struct emitter *e, const struct emit_block *b, jstr text);

/* "data: " json "\n\n" around what is written by w between the two calls.  What came
 * from others with line ends between its values stands on one line then: a line end would
 * end the data. */
void emit_data_begin(struct emitter *e, str name, struct json_writer *w);
void emit_data_end(struct emitter *e);
