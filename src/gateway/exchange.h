/* exchange.h - one client request, from its head until it is settled.
 *
 * Its life is the table of steps below; exchange.c has them in this order.  A step moves
 * on (go), waits for what it has armed, or fails with a row of base/fault.def.  Every
 * exchange ends in SETTLE, once.
 *
 *   OPEN -> BODY -> ADMIT -> ROUTE -> TRY <-> RELAY -> SETTLE
 *
 * Each try of a target is a struct attempt (attempt.h) with a table of its own. */
#pragma once
#include "gateway/endpoint.h"
#include "gateway/retained.h"
#include "gateway/worker.h"
#include "policy/resolve.h"

struct attempt;

#define EXCHANGE_STEPS(STEP)                                                             \
	STEP(OPEN, open)     /* whose key, which operation, which format?        */      \
	STEP(BODY, body)     /* take the body in, up to the limit; skim it       */      \
	STEP(ADMIT, admit)   /* access, rates, concurrency: all or nothing       */      \
	STEP(ROUTE, route)   /* candidates, best first                           */      \
	STEP(TRY, try)       /* run attempts until one gives a meaningful event  */      \
	STEP(RELAY, relay)   /* answer to the client                             */      \
	STEP(SETTLE, settle) /* everything ends here, once                       */

enum exchange_step {
#define STEP(name, function) STEP_##name,
	EXCHANGE_STEPS(STEP)
#undef STEP
	        STEP_ENDED,
};

struct exchange {
	struct worker *worker;
	struct plan *plan;        /* counted: it ends on the config it began with */
	struct http_conn *client; /* NULL when it is gone, or has its whole answer */
	struct arena arena;
	struct list link; /* worker->exchanges */
	struct grave grave;
	struct timer timer; /* for the nearest of the deadlines here and of the attempt */
	enum exchange_step step;
	bool in_run;                    /* exchange_run is on the stack */
	uint64_t id;                    /* also that of its first attempt */
	uint64_t key;                   /* id of the virtual key, 0 in open mode */
	const struct http_request *req; /* during OPEN only */
	const struct endpoint *endpoint;
	usec began, began_wall;
	usec whole_at; /* the request's last byte came, by the precise clock */
	struct net_addr peer;
	str agent, content_type, query;
	str forward;    /* the client's header lines for providers */
	str features;   /* of these, for providers of the same format alone */
	str path_model; /* of formats that have it in the path, decoded */
	bool as_array;  /* Gemini's stream without alt=sse: one JSON array */
	bool strict;    /* nothing may be lost between formats */
	/* the request's body */
	struct retained body;
	uint64_t body_bytes;  /* all of it, also what was streamed through */
	uint64_t body_length; /* as announced; 0: chunked */
	bool body_asked, body_whole;
	size_t look_at;     /* a multipart body is searched for its model from here */
	bool body_ready;    /* what is needed of it is there */
	bool body_dropped;  /* streamed through in part: no other attempt possible */
	struct buf upload;  /* body bytes that came in while it is streamed through */
	struct buf sending; /* such bytes lent to the connection: they must not move */
	bool upload_ended;
	struct skimmed skim;
	struct chat_request *chat; /* read for another format; NULL until it is needed */
	/* where it may go */
	struct candidates candidates;
	uint8_t order[TARGETS_MOST];
	unsigned at;             /* of order: the candidate being tried */
	unsigned same_tries;     /* retries of this candidate so far */
	unsigned key_at;         /* which of the provider's keys */
	uint64_t too_long;       /* the prompt has more tokens than this; 0: not known */
	bool renewed;            /* its token was refused once and is another now */
	unsigned attempts;       /* begun */
	usec retry_at;           /* the next try waits until then; 0: no wait */
	struct attempt *attempt; /* the live one, or the last */
	/* the answer */
	bool head_sent; /* the client has its status line */
	bool is_chunked;
	bool is_stream;   /* the answer is an event stream */
	usec hold_until;  /* when the head is committed although nothing came */
	usec comment_at;  /* when a comment keeps the client's connection alive */
	usec total_at;    /* when the exchange ends, whatever happens */
	usec finished_at; /* the client has its whole answer */
	usec overhead;    /* ours, on the way there and back */
	int client_status;
	fault_t why; /* of the last failure; NULL: success */
	str detail;
	str param; /* the request's member that is at fault, or empty */
};

extern const struct http_ops exchange_ops;

/* Runs steps until one waits. */
void exchange_run(struct exchange *x);
/* To SETTLE with a reason: the client gets an error if it has no status line yet, an
 * error event inside a stream, or a reset. Detail (may be empty) is kept in the arena. */
void exchange_fail(struct exchange *x, fault_t why, str detail);
/* The attempt has a meaningful event or a whole answer: no other will be tried. */
void exchange_commit(struct exchange *x);
/* The attempt ended without anything for the client: the next one, or the end. */
void exchange_attempt_failed(struct exchange *x);
/* The answer is complete and with the client; `x->client` is done with. */
void exchange_answered(struct exchange *x);
/* Re-arms the timer for the nearest deadline. */
void exchange_arm(struct exchange *x);
/* The live attempt has been closed for good: settle. */
void exchange_settle(struct exchange *x);

/* Looks at what there is of the body (skim.c). *ret_enough: all that is needed of it is
 * known; else more has to come in. */
must_check fault_t exchange_skim(struct exchange *x, bool *ret_enough, str *ret_detail);

const char *exchange_step_name(enum exchange_step step);
