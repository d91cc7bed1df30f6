/* resume.h - a stream that died after its first token goes on with another attempt.
 *
 * While an answer goes to the client, a log of what it has been given runs along
 * (resume_log.h).  When the attempt dies, the exchange goes back to TRY: the emitter that
 * has written the answer so far survives in its lane - in the pass lane there is none, so
 * the log is replayed into one - and the next attempt speaks through a seam (wire/seam.h)
 * into that same emitter.  Until the seam is proven nothing of it reaches the client.
 *
 *	provider -> reader -> tap -> [seam] -> log -> emitter -> client
 *
 * What cannot be continued ends with the error of the first death.  States and law:
 * guarantees 5. */
#pragma once
#include "gateway/lane.h"
#include "wire/given.h"
#include "wire/seam.h"

enum { RESUMES_MOST = 2 };

struct resume {
	struct lane *lane;   /* with the emitter; attempts borrow it */
	struct given *given; /* likewise */
	struct seam seam;
	struct buf text; /* what the client has, as UTF-8: the seam's P */
	struct given_sum sum;
	str anchor;
	/* where to go, best first */
	struct place places[2 * TARGETS_MOST + 1];
	unsigned count, at;
	unsigned sent; /* continuations that a provider has got */
	/* of the first death */
	fault_t why;
	str detail;
	struct token_usage base;
	nanousd spent;  /* by those that are over; COST_UNKNOWN */
	usec due;       /* the seam has to be proven by then; USEC_NEVER */
	bool no_prefix; /* the target at hand has refused one */
	bool told;      /* the comment at the seam */
	bool has_died;  /* false: its money ended it, and nobody went on */
};

/* Which streams may be resumed; once, before the first attempt. */
void resume_decide(struct exchange *x);
/* Has the exchange gone back to TRY, and is this the attempt that goes on? */
static inline bool resume_is_on(const struct attempt *a)
{
	return a->x->resume && a->lane && a->lane == a->x->resume->lane;
}

/* ---- after a death ---- */

/* The attempt has died in the middle of the client's answer.  True: another goes on. */
bool resume_start(struct attempt *a);
/* The answer ends here for the client, as if it had reached its max tokens.  False: it
 * cannot be ended like that. */
bool resume_stop(struct attempt *a);
/* One that should have gone on has failed before it was proven: the next one. */
void resume_next(struct attempt *a);
/* The lane for the attempt that goes on, and its seam. */
struct lane *resume_take(struct attempt *a);
/* The request becomes one for the rest; see go_on_begin. */
void resume_request(struct attempt *a, struct chat_request *r,
                    struct chat_request *ret_before);
/* A turn of it is over; may fail or end the attempt's answer. */
fault_t resume_judge(struct attempt *a, bool *ended);
/* Its deadline has passed: true when that was the seam's. */
bool resume_is_late(struct attempt *a);
/* What it has cost with all before it. */
nanousd resume_cost(const struct exchange *x, nanousd last);
/* The comment at the seam, once; empty. */
str resume_comment(struct attempt *a);
void resume_free(struct exchange *x);
