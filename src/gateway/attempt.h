/* attempt.h - one try of an exchange at one target.
 *
 *   RESERVE -> DIAL -> SEND -> AWAIT -> STREAM -> CLOSE
 *
 * It is journalled before it is sent, and again when it closes.  Until the client has
 * been given something, any failure sends the exchange back to TRY, and others may live
 * beside it: whatever it learns of its answer stays here until exchange_commit.  What the
 * answer's bytes do stands in relay.c. */
#pragma once
#include "codec/event_stream.h"
#include "gateway/exchange.h"

#define ATTEMPT_STEPS(STEP)                                                              \
	STEP(RESERVE, reserve) /* journal the attempt                            */      \
	STEP(DIAL, dial)       /* a pooled or new connection                     */      \
	STEP(SEND, send)       /* patched bytes                                  */      \
	STEP(AWAIT, await)     /* head, then the first meaningful event          */      \
	STEP(STREAM, stream)   /* bytes for the client, until the terminal one   */      \
	STEP(CLOSE, close)     /* settle in the journal, give back               */

/* ,"cost": and a billionth of 2^64, with its point. */
enum { COST_ROOM = 8 + 21 };

enum attempt_step {
#define STEP(name, function) ATTEMPT_##name,
	ATTEMPT_STEPS(STEP)
#undef STEP
};

/* What kind of body the provider is sending. */
enum answer_kind {
	ANSWER_NONE,   /* no head yet */
	ANSWER_UNARY,  /* JSON, held whole up to 8 MiB */
	ANSWER_STREAM, /* events, passed on as they are */
	ANSWER_OTHER,  /* events that are written anew, for another format or shape */
	ANSWER_FOLD,   /* a stream nobody asked for: held whole, made one answer */
	ANSWER_RAW,    /* audio, images, text: passed on as it comes */
	ANSWER_ERROR,  /* a status that is none of success */
};

/* What it used in the end. */
struct bill {
	enum usage_kind kind; /* how the usage came about */
	struct token_usage usage;
	nanousd cost; /* COST_UNKNOWN */
};

struct attempt {
	struct exchange *x;
	struct attempt *rival; /* another one that is live; see exchange.attempt */
	const struct target *target;
	struct place place;
	struct health_run health;    /* what the board hears of it */
	struct histogram_tally gaps; /* of it */
	struct http_up *up;          /* NULL when it is given back or dead */
	uint64_t id;
	unsigned number;
	uint32_t repeated; /* bytes of the answer so far that its prompt has as well */
	enum attempt_step step;
	bool fresh;              /* a pooled connection went stale: dial a new one */
	bool settled;            /* its CLOSE record is written */
	bool unjournalled;       /* the journal was full; ledger: best-effort goes on */
	bool asked_usage;        /* include_usage is ours */
	bool awaits_token;       /* it goes on when the worker hears of a token */
	const struct bill *bill; /* final; NULL until it has ended */
	struct tenant_reservation money; /* set aside for it */
	nanousd reserved;                /* so much; 0: there is no budget */
	uint64_t paid_bytes;             /* of text: so many were paid for */
	uint64_t cap;              /* tokens of its answer, where we had to say it; 0 */
	struct access_token token; /* for providers that want one */
	char *head;                /* the request's, when the arena is not for it */
	/* the answer */
	enum answer_kind kind;
	int status;
	str content_type;
	str error_kind;  /* Bedrock's name for what failed; or empty */
	str back;        /* the provider's header lines for the client */
	char *kept;      /* these three, when the arena is not for them */
	uint64_t length; /* announced; 0: unknown */
	bool has_length;
	bool ended;         /* the provider's answer is complete */
	bool in_long_event; /* an event over the limit is passed on as it comes */
	bool long_kept;     /* and kept in `held`, to be looked at in the end */
	uint8_t line_state; /* of it: how much of a blank line was seen */
	size_t scanned;     /* of the presented bytes: looked at, not yet consumed */
	size_t strip_at, strip_len; /* of these: asked for by us alone */
	size_t cost_at;             /* of these: there the cost goes in */
	str cost_text;              /* a member of the usage object; empty: none */
	char cost_room[COST_ROOM];  /* there it is written */
	struct sse_scan scan;
	struct aws_scan aws;  /* the same for AWS event streams */
	size_t long_left;     /* of a long AWS message: bytes still to pass */
	struct retained held; /* a unary answer or an error body */
	struct tap tap;
	const struct wire *wire; /* the provider's format */
	struct buf patched;      /* the body, where it is not quite the client's own */
	struct given *given; /* what the client has been given; NULL: nobody keeps it */
	size_t hold_at;      /* of the presented bytes: from here a call waits; 0: none */
	usec hold_due;       /* so long it may; 0: none */
	struct lane *lane;   /* between two formats; NULL: the bytes pass as they are */
	uint64_t answer_bytes;
	usec retry_after; /* what the provider asked for; 0: nothing */
	uint64_t context; /* tokens its model takes, as a CONTEXT_TOO_LONG said; 0 */
	/* times, monotonic; 0 until then */
	usec began, began_wall, connected, sent, first_byte, first_token, closed;
	usec first_due, idle_due; /* deadlines; USEC_NEVER: none */
	usec wire_at, spoke_at;   /* last bytes; last meaningful event, 0: none */
	usec gap;                 /* between two of these, at most */
	usec second_due; /* then the next candidate is tried beside it; USEC_NEVER: not */
	usec overhead;   /* ours, on the way there and back */
	fault_t why;
	str detail;
};

/* Makes an attempt at x->next and runs it: as the leading one, or beside those that are
 * live.  When the journal has no room and nobody else is live the exchange fails. */
void attempt_start(struct exchange *x);
/* Ends it: the connection is given back or destroyed, its times stand still. */
void attempt_end(struct attempt *a, fault_t why, str detail);
/* attempt_end, and what follows from a failure: another attempt when the client has
 * nothing yet, else the end of its answer. */
cold void attempt_fail(struct attempt *a, fault_t why, str detail);
/* Writes its CLOSE record; `closes` with the exchange's own facts, on the last attempt.
 */
void attempt_settle(struct attempt *a, bool closes);
/* What it holds beside the arena; it has ended. */
void attempt_free(struct attempt *a);
/* What it has cost so far, as far as is known; COST_UNKNOWN. */
nanousd attempt_cost(const struct attempt *a);
/* What it has used and what that costs, as of now; once it has ended that stays. */
void attempt_bill(struct attempt *a);
/* Bytes of its prompt as text, as far as they are ours to see. */
static inline uint64_t attempt_prompt_bytes(const struct attempt *a)
{
	return a->x->prompt_size + a->repeated;
}
/* Tokens of one answer that were asked for at most, as its provider is told; 0: nothing
 * was said. */
static inline uint64_t attempt_max_tokens(const struct attempt *a)
{
	uint64_t most = a->x->skim.max_tokens;
	uint64_t least = a->wire == a->x->endpoint->wire ? 0 : a->wire->cap_least;

	return most ? max_of(most, least) : 0;
}
/* Tokens by the bytes that were seen, as many to each as the model is known for: where
 * nobody reports them. */
struct token_usage attempt_estimate(const struct attempt *a);
/* There is news of a token: an attempt that waits for one goes on, or fails. */
void attempt_on_token(struct attempt *a);
/* Its token was refused.  True: there is or will be another, so it may be tried again. */
bool attempt_renew_token(const struct attempt *a);
/* More of a streamed request body has come in. */
void attempt_send_more(struct attempt *a, str bytes, bool end);
/* A record of an exchange that never had an attempt. */
void attempt_record_none(struct exchange *x);

/* ---- clocks.c ---- */

/* The request has been sent, or what is there of an upload: then once more when all of it
 * has. */
void attempt_start_clocks(struct attempt *a);
/* Something meaningful came: the clock of gaps starts anew. */
void attempt_progress(struct attempt *a);
/* Does the answer count against the clock of gaps right now? */
void attempt_pause(struct attempt *a, bool paused);
/* The nearest of its deadlines. */
usec attempt_due(const struct attempt *a);
/* A deadline may have passed. */
void attempt_on_time(struct attempt *a);
/* Has the provider shown any life as long as it must?  Only then the client is told by
 * comments that there is hope. */
bool attempt_is_alive(const struct attempt *a);

/* ---- send.c ---- */

/* The connection is there: the request goes out, or the attempt fails. */
void attempt_send(struct attempt *a);
/* What was handed to the connection has gone out. */
void attempt_send_room(struct attempt *a);

/* ---- settle.c ---- */

/* Its OPEN record; false: the journal has no room. */
must_check bool attempt_reserve(struct attempt *a);

/* ---- relay.c, stream.c, outgoing.c ---- */

/* The final head of the answer is known: a->kind and what follows from it. */
void relay_head(struct attempt *a, const struct http_response *res);
/* See http_up_ops.on_data. */
size_t relay_data(struct attempt *a, str bytes, bool end);
/* The connection died. True: the answer was complete all the same. */
bool relay_is_whole(struct attempt *a);
/* Ends the client's answer after a failure in its middle. */
cold void relay_break(struct exchange *x, fault_t why, str detail);
/* Writes the head for a chat's stream before anything meaningful came. */
void relay_commit_early(struct exchange *x);
void relay_comment(struct exchange *x);
