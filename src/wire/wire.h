/* wire.h - what a wire format knows: one constant table of functions per format.
 *
 * The pass lane needs five things of a format, all on bytes that stay as they are: what
 * the request asks for and where it says so (skim), what an answer or a stream's event
 * means (tap), and how a failure is said (fault).  The translate lane reads into the
 * neutral form and writes out of it (chat.h, chat_event.h, emit.h).  No I/O, no
 * allocation beyond the arena or buf that is handed in. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "codec/edit.h"
#include "codec/sse.h"
#include "base/usage.h"
#include "wire/chat_event.h"
#include "wire/frame.h"
#include "wire/operation.h"
#include "wire/provider.h"
#include "wire/work.h"

/* What every route needs to know of a request, and where it stands in the body. */
struct skimmed {
	str model;       /* unescaped */
	size_t model_at; /* where the value stands, quotes included; 0 length: none */
	size_t model_len;
	bool stream;
	bool wants_usage;      /* the client asked for usage in its stream */
	struct edit ask_usage; /* asks for it instead; len and with may be 0 */
	bool wants_cost;       /* and for what it costs, in usage (OpenRouter's way) */
	struct edit drop_cost; /* asks not; len 0: it does not anyway */
	uint64_t max_tokens;   /* 0: not said */
	uint32_t choices;      /* n, for each prompt; 1 when not said */
	uint32_t drafts; /* that they are chosen from: best_of; 0: no more than these */
	/* what providers keep: the client's names, unescaped; or empty */
	str previous, conversation;
	bool has_kept_prompt; /* a prompt of its own is at the provider, under a name */
	bool unstored;        /* the answer is not to be kept */
	bool background;      /* it is made after this request, to be asked for later */
	str user; /* whom it is for, as far as it says so; at most 128 bytes */
};

/* Does the prompt begin with something that a provider keeps? */
static inline bool skim_is_kept(const struct skimmed *s)
{
	return s->previous.len || s->conversation.len || s->has_kept_prompt;
}

/* Would being asked once more change what the provider keeps?  A conversation would have
 * the turn twice; a background answer is made to its end whoever listens. */
static inline bool skim_has_effects(const struct skimmed *s)
{
	return s->conversation.len || s->background;
}

/* How many answers are generated, and paid. */
static inline uint64_t skim_generated(const struct skimmed *s)
{
	uint32_t most = max_of(s->choices, s->drafts);

	return max_of(most, 1u);
}

enum { TAP_TEXT = 64, TAP_ID = 255, TAP_SEAL = 64, TAP_ODD = 3, TAP_ODD_NAME = 48 };

/* An answer's own id, and the end of its last encrypted item, raw. */
struct tap_names {
	char id[TAP_ID], seal[TAP_SEAL];
	uint8_t id_len, seal_len;
};

/* What has been seen of one answer. */
struct tap {
	enum operation operation;
	unsigned quirks;            /* enum provider_quirk */
	bool strip_usage;           /* we asked for usage; the client did not */
	uint32_t choices;           /* how many the client wants */
	struct chat_reader *reader; /* of neutral events; NULL: the format's own tap */
	/* found so far */
	bool has_usage, bad_usage;
	bool has_input;    /* without has_usage: usage is of the input alone */
	bool done;         /* the format's own end mark */
	bool is_thinking;  /* a block of reasoning is open: it was the last thing said */
	bool other_tier;   /* it was served at prices of another list */
	bool refused;      /* the model says in a part of its own that it will not */
	bool whole, late;  /* wire_tap_eof: it was whole; the end itself said something */
	uint32_t finished; /* choices with a finish reason */
	uint64_t finished_bits; /* which of the first 64 */
	uint64_t seen_bits;     /* which of the first 64 have said anything */
	uint64_t text_bytes;    /* of generated text, for estimates */
	uint64_t images;        /* generated ones, as they came */
	uint64_t unknown;       /* events and members that are not of this format */
	struct {
		uint32_t count; /* 0: free */
		uint8_t len;
		char name[TAP_ODD_NAME];
	} odd[TAP_ODD];           /* the first few names among them */
	struct token_usage usage; /* as it is billed */
	/* The end of a usage object, before its brace, in the text that was read last, if
	 * it stood there without a cost; else NULL. */
	const char *usage_end;
	bool usage_is_empty; /* there is nothing before that brace */
	char finish[TAP_TEXT], model[TAP_TEXT * 2];
	uint8_t finish_len, model_len;
	/* where they go; NULL: nobody asks.  The formats' own taps do not look for them.
	 */
	struct tap_names *names;
	uint64_t said;      /* input tokens, by the answer's head (wire->tokens_line) */
	struct frame frame; /* of the last event that was a piece of text and no more */
};

/* What one event of a stream is. */
struct tap_event {
	bool is_meaningful; /* text, a tool call, a refusal, an unusual finish */
	bool is_error;      /* the provider reports a failure inside its stream */
	bool is_broken; /* not JSON, or doubly keyed: never to be passed on in silence */
	bool is_end;    /* nothing of the format follows */
	bool strip;     /* asked for by us alone, or an error too late: not for the client
	                 */
	bool is_again;  /* like the one before it but for `text`: nothing else was read */
	bool is_framed; /* the next one may be like this one */
	str text;       /* of one that is_again, raw JSON text without quotes */
	fault_t why;    /* of an error: what it is (complaint.h) */
	str message;    /* of an error, raw JSON text without quotes */
};

/* How the events of a stream are told apart on the wire. */
enum wire_frames {
	FRAMES_SSE,
	FRAMES_AWS, /* application/vnd.amazon.eventstream; an event's name is its
	               :event-type or :exception-type */
};

struct emitter;
struct emit_ops;
struct emit_mark;

struct wire {
	str name;
	enum wire_format format;
	enum wire_frames frames;
	bool model_in_path; /* model and stream stand in the URL, not in the body */
	bool no_comments;   /* clients take an SSE comment for a broken event */
	bool unread_errors; /* clients pass over an error event inside a stream */
	str needed_header;  /* "name: value" that providers insist on; or empty */
	/* The request.  *ret_detail: what is wrong, for people. */
	fault_t (*skim)(str body, enum operation op, struct arena *keep,
	                struct skimmed *ret, str *ret_detail);
	/* One event of a stream; data on loan. */
	void (*tap_event)(struct tap *t, str name, str data, struct tap_event *ret);
	/* A whole unary answer of status 200. EMPTY_ANSWER, what an error in a 200 is
	 * (complaint.h), UPSTREAM_MALFORMED, or NULL. */
	fault_t (*tap_answer)(struct tap *t, str body, str *ret_message);
	/* Is a stream that ends here a whole answer? */
	bool (*is_complete)(const struct tap *t);
	/* A whole answer as the stream a client asked for, and a whole stream as the
	 * answer: for providers that do the other of the two (U18, U19). */
	fault_t (*unfold)(str body, bool with_usage, struct buf *to);
	fault_t (*fold)(str stream, struct buf *to);
	str error_line; /* the head line of an error that names its kind; or empty */
	/* The provider's own words in an error body; empty when there are none. */
	str (*error_message)(str body);
	/* An error body, and an error event for an open stream. */
	void (*write_fault)(struct buf *to, fault_t why, str message, str param);
	void (*write_stream_fault)(struct buf *to, fault_t why, str message);
	/* What every event of a stream repeats, out of its first one: a JSON object that
	 * emitter.head takes.  NULL: there is nothing of the kind. */
	void (*keep_head)(str data, struct buf *to);
	/* How far the stream is, where its events have numbers: the next one's, and how
	 * many items were announced.  NULL: they have none. */
	void (*mark)(const struct chat_reader *rd, struct emit_mark *ret);
	/* The end mark, for a whole answer whose provider forgot it. NULL: there is none.
	 */
	void (*write_end_mark)(struct buf *to);
	/* The usage a client has asked for and never got, for a stream of that head.
	 * NULL: it stands with the finish. */
	void (*write_late_usage)(str head, const struct token_usage *u, struct buf *to);
	/* The status that goes with that body; NULL: the row's own. */
	int (*fault_status)(fault_t why);
	/* Header lines that go with that body, by which clients tell errors apart; or
	 * NULL. */
	void (*write_fault_lines)(struct buf *to, fault_t why);

	/* ---- the neutral form ---- */

	/* The path behind the provider's base URL, query included.  stream: of
	 * embeddings, the body is a list of requests (Gemini's batch). */
	void (*write_path)(enum operation op, str model, bool stream, struct buf *to);
	/* A body that skim has accepted, into r, whose keep, from (and model and stream,
	 * where they stand in the URL) are set. */
	fault_t (*read_request)(str body, struct chat_request *r, str *ret_detail);
	/* chat_cross has been asked.  NOT_OFFERED, with *ret_detail naming what cannot be
	 * said; else the body is in `to`. */
	fault_t (*write_request)(struct chat_request *r, const struct chat_target *t,
	                         struct buf *to, str *ret_detail);
	/* A whole answer of status 200, pushed as events, CHAT_END included.
	 * UPSTREAM_MALFORMED; a failure reported inside it is a CHAT_FAULT. */
	fault_t (*read_reply)(struct chat_reader *rd, str body, struct chat_sink *to);
	/* One event of a stream; name as in the frame, data its payload.
	 * UPSTREAM_MALFORMED: no JSON, or not of this format. */
	fault_t (*read_event)(struct chat_reader *rd, str name, str data,
	                      struct chat_sink *to);
	/* The provider has ended its side: is the answer whole?  May push what was held
	 * back for that moment (a finish, usage, CHAT_END). */
	bool (*read_eof)(struct chat_reader *rd, struct chat_sink *to);
	/* e->choices as one whole answer, into e->to. */
	void (*write_reply)(struct emitter *e);
	const struct emit_ops *emit;
	/* The answer to OP_COUNT.  NULL: the format has no such operation. */
	void (*write_count)(struct buf *to, uint64_t tokens);

	/* ---- operations that are no chat ---- */

	const struct wire_work *work[OPERATIONS];
	str tokens_line; /* the head line of an answer with its input tokens; or empty */
	/* Where a limit of the answer's tokens stands or may stand: a member of the
	 * object `cap_in` (cap.h), whose other name is cap_in_too; empty: of the root. */
	str cap_in, cap_in_too;
	uint32_t cap_least; /* a translated request is never given less; 0: no such */
	str cap_names[2]; /* of the member; the first is written.  Empty: there is none */
	/* A body that skim has accepted as a provider of this format takes it, where that
	 * is not quite the client's own: the model's name where skim does not know it,
	 * calls of others that have to be signed.  False: there is nothing to change.
	 * NULL: there never is. */
	bool (*patch)(enum operation op, str body, str model, struct buf *to);
};

extern const struct wire wire_openai_chat, wire_openai_responses, wire_anthropic,
        wire_gemini, wire_bedrock, wire_cohere;

extern const struct wire_work embed_openai, embed_gemini, embed_cohere, embed_bedrock,
        rank_openai, rank_cohere, count_anthropic, count_gemini, count_bedrock,
        count_responses;

/* NULL for WIRE_NONE. */
const struct wire *wire_of(enum wire_format format);

static inline int wire_fault_status(const struct wire *wire, fault_t why)
{
	return wire->fault_status ? wire->fault_status(why) : why->status;
}

static inline str tap_finish(const struct tap *t)
{
	return str_of(t->finish, t->finish_len);
}
static inline str tap_model(const struct tap *t)
{
	return str_of(t->model, t->model_len);
}
