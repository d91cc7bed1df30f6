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
#include "policy/health.h"
#include "policy/resolve.h"
#include "policy/tenant.h"

struct attempt;
struct multipart_scan;
struct pinned;
struct trial_account;

#define EXCHANGE_STEPS(STEP)                                                             \
	STEP(OPEN, open)     /* whose key, which operation, which format?        */      \
	STEP(BODY, body)     /* take the body in, up to the limit; skim it       */      \
	STEP(ADMIT, admit)   /* access, rates, concurrency: all or nothing       */      \
	STEP(ROUTE, route)   /* candidates, best first                           */      \
	STEP(TRY, try)       /* run attempts until one gives a meaningful event  */      \
	STEP(RELAY, relay)   /* answer to the client                             */      \
	STEP(SETTLE, settle) /* everything ends here, once                       */

/* Attempts at once, before one of them has something for the client.  Two may have been
 * sent; a third is one that is still being dialled. */
enum { LIVE_MOST = 3 };

/* A candidate, and what was tried of it. */
struct place {
	uint8_t at;          /* of exchange.order */
	uint8_t key_at;      /* which of the provider's keys */
	uint8_t same_tries;  /* retries so far */
	bool renewed;        /* its token was refused once and is another now */
	uint64_t keys_tried; /* bits */
};

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
	bool in_run;               /* exchange_run is on the stack */
	bool downgraded;           /* it went where a spent budget leads to */
	bool may_stop;             /* its stream may be ended at the end of a budget */
	uint64_t id;               /* also that of its first attempt */
	uint64_t key;              /* id of the virtual key, 0 in open mode */
	struct tenant_chain chain; /* whose limits and budgets hold; since ADMIT */
	str user;                  /* whom the request is for; or empty */
	str lines;                 /* of limits and budgets, for the client's head */
	uint64_t used_tokens;      /* by attempts that are over */
	str downgrade; /* where it may go now that a budget is spent; or empty */
	const struct http_request *req; /* during OPEN only */
	const struct endpoint *endpoint;
	usec began, began_wall;
	usec whole_at; /* the request's last byte came, by the precise clock */
	usec gone_at;  /* the first attempt's went out, by the same; 0: not known yet */
	str peer;      /* the client's address, without the port */
	str agent, content_type, query;
	str tags;       /* what it is counted under: "name=value,..."; or empty */
	str forward;    /* the client's header lines for providers */
	str features;   /* of these, for providers of the same format alone */
	char *kept;     /* these two and content_type, when the arena is not for them */
	str trace;      /* the client's, bytes of a struct trace_parent; empty: none */
	str tracestate; /* as it wrote it, when there is a trace */
	str path_model; /* of formats that have it in the path, decoded; an id, raw */
	bool as_array;  /* Gemini's stream without alt=sse: one JSON array */
	bool strict;    /* nothing may be lost between formats */
	bool no_resume, no_hold; /* the client wants neither */
	bool no_hedge;           /* nobody is asked beside another */
	/* the request's body */
	struct retained body;
	uint64_t body_bytes;         /* all of it, also what was streamed through */
	uint64_t prompt_size;        /* the same as text, see prompt_size.h */
	uint64_t body_length;        /* as announced; 0: chunked */
	struct multipart_scan *form; /* reads a multipart body; NULL: it is none */
	bool body_asked, body_whole;
	bool body_ready;   /* what is needed of it is there */
	bool body_dropped; /* streamed through in part: no other attempt possible */
	bool upload_ended;
	struct buf upload;  /* body bytes that came in while it is streamed through */
	struct buf sending; /* such bytes lent to the connection: they must not move */
	struct skimmed skim;
	struct chat_request *chat; /* read for another format; NULL until it is needed */
	/* where it may go */
	uint64_t session; /* the conversation, as far as can be told; 0: not asked */
	struct candidates candidates;
	struct pinned *pinned; /* what a provider keeps for it; NULL: nothing is known */
	uint8_t order[TARGETS_MOST];
	struct place next;  /* where the next attempt goes */
	struct place spare; /* of one that failed beside another: it may go on there */
	bool has_spare;
	bool has_next;    /* `next` is wanted, but nothing is claimed there yet */
	uint8_t begun;    /* of order: so many were tried, or cannot be */
	uint32_t skipped; /* bits of order: ill or full when their turn came */
	struct health_run admitted; /* claimed at `next` for the attempt that begins */
	struct list queued;         /* plan->queues: waits for room */
	const struct provider *queue_of; /* at that one */
	usec queued_at;                  /* since then; 0: it has not had to wait */
	usec paced_at;  /* the same for a provider that said when to come back */
	usec come_back; /* how long the client shall wait, when nothing could be tried */
	uint64_t too_long; /* the prompt has more tokens than this; 0: not known */
	unsigned attempts; /* begun */
	uint8_t hedges;    /* of these, beside one that had been sent; not counted */
	uint8_t unheard;   /* given up before anything was sent: not counted either */
	usec retry_at;     /* the next try waits until then; 0: no wait */
	usec token_by;     /* when its attempts stop waiting for a token; 0: none does */
	/* of a trial (gateway/trial.h) */
	const struct trial *trial; /* it takes part in that one; NULL */
	struct trial_account *trial_account;
	uint64_t conversation;  /* that was drawn for a side; 0: the exchange itself */
	unsigned trial_targets; /* so many of the candidates are the trial's candidate's;
	                           0: it is the control */
	nanousd trial_held, trial_cost; /* set aside, and what attempts there have cost */
	/* what may be kept of it (gateway/capture.h) */
	bool phi; /* nothing, and only providers marked for it are asked */
	bool logs_bodies, said_lost, said_cut, bodies_lost;
	bool is_shadow;        /* nobody waits for it: its answer is thrown away */
	bool may_resume;       /* a stream that dies may go on */
	struct retained *said; /* what the client was given; NULL: it is not kept */
	/* The leading one, which speaks for the exchange: the eldest that is live, else
	 * the last; the winner.  Behind it, by ->rival, the others that are live. */
	struct attempt *attempt;
	struct resume *resume; /* one has died; NULL: none yet */
	/* the answer */
	bool head_sent; /* the client has its status line */
	bool is_chunked;
	bool is_stream; /* the answer is an event stream */
	int client_status;
	usec hold_until;  /* when the head is committed although nothing came */
	usec comment_at;  /* when a comment keeps the client's connection alive */
	usec total_at;    /* when the exchange ends, whatever happens */
	usec finished_at; /* the client has its whole answer */
	fault_t why;      /* of the last failure; NULL: success */
	str detail;
	str param; /* the request's member that is at fault, or empty */
};

extern const struct http_ops exchange_ops;

/* One that has no client yet, in its first step. */
struct exchange *exchange_make(struct worker *w, const struct endpoint *e, usec began);
/* It never was: nothing was sent and nothing is recorded. */
void exchange_drop(struct exchange *x);
/* Runs steps until one waits. */
void exchange_run(struct exchange *x);
/* To SETTLE with a reason: the client gets an error if it has no status line yet, an
 * error event inside a stream, or a reset. Detail (may be empty) is kept in the arena. */
cold void exchange_fail(struct exchange *x, fault_t why, str detail);
/* The answer is complete and with the client; `x->client` is done with. */
void exchange_answered(struct exchange *x);
/* Re-arms the timer for the nearest deadline. */
void exchange_arm(struct exchange *x);
/* The live attempt has been closed for good: settle. */
void exchange_settle(struct exchange *x);
const char *exchange_step_name(enum exchange_step step);

/* ---- try.c ---- */

/* The attempt ended without anything for the client: those beside it go on, else the
 * next one is tried, or it is the end. */
cold void exchange_attempt_failed(struct attempt *a);
/* An attempt that was begun beside others was none, or was given up before anything was
 * sent: its candidate has not been asked, and may be. */
void exchange_give_back(struct exchange *x, const struct attempt *a);
/* Can that candidate (of order) be asked at all? */
bool exchange_can_try(const struct exchange *x, unsigned at);
/* Is there a candidate behind those that were tried? */
bool exchange_has_more(const struct exchange *x);

/* ---- rivals.c ---- */

/* The attempt has a meaningful event or a whole answer: it has won, no other will be
 * tried, and those that are live end.  Nothing of an answer reaches the client before. */
void exchange_commit(struct attempt *a);
/* Those that are live take long: the next candidate is tried beside them, if there is one
 * and it may be. */
void exchange_try_beside(struct exchange *x);
/* The attempt can send now: those that are still being dialled are given up. */
void exchange_connected(struct attempt *a);
/* All attempts but the leading one end, for `why`; NULL: because another was faster. */
void exchange_end_rivals(struct exchange *x, fault_t why);

/* ---- skim.c ---- */

/* Pictures that one request makes at most, where its form has not said how many. */
enum { FORM_PICTURES_MOST = 10 };

/* Looks at what there is of the body. *ret_enough: all that is needed of it is known;
 * else more has to come in. */
must_check fault_t exchange_skim(struct exchange *x, bool *ret_enough, str *ret_detail);
/* Looks at the bytes that come in behind what was enough, before a provider has them. */
must_check fault_t exchange_skim_rest(struct exchange *x, str bytes, str *ret_detail);
