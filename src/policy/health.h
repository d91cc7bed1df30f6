/* health.h - the board: how every provider, key and model has been doing lately, shared
 * by all workers.
 *
 * An insert-only table of fixed capacity: a cell is claimed once, by compare and swap,
 * and stays until the process ends, so it outlives a reload.  Everything in a cell is an
 * atomic; nothing here locks, allocates (but board_new), asks a clock or does I/O: `now`
 * is the monotonic time, handed in.
 *
 * A request to a target concerns four cells, a `struct health`:
 *
 *   provider  (provider)              breaker, in-flight, configured limits, retry budget
 *   key       (provider, key)         breaker: a refused key, an empty account
 *   model     (provider, model)       breaker, latencies, speed, learned context
 *   target    (provider, key, model)  breaker: a model this key may not use; 429s,
 * headroom
 *
 * One attempt is a `struct health_run`, embedded in whatever makes the attempt:
 *
 *   health_admit -> [health_connected] -> [health_head] -> [health_first_token]
 *                -> health_gap ... -> health_ended or health_cancelled
 *
 * Every admitted run ends by exactly one of the last two; a run that was never admitted
 * may be ended too (nothing happens).  Any cell may be NULL (the board is full, or the
 * name is one that only a client has ever written): such a scope is always healthy. */
#pragma once
#include "base/fault.h"
#include "base/usec.h"
#include "base/secret.h"
#include "config/config.h"
#include "http/head.h"
#include "policy/histogram.h"

struct board;
struct health_cell;

enum { BOARD_CELLS = 4096 };

struct health {
	struct health_cell *provider, *key, *model, *target;
};

/* seed: random, so that names from outside cannot be made to collide. */
struct board *board_new(uint64_t seed);
void board_free(struct board **b);
/* Forgets everything; only while no attempt is under way. */
void board_clear(struct board *b);

/* The fingerprint of a key, for a name of its cell; it says nothing about the key. */
uint64_t board_mark(const struct board *b, const struct secret *secret);
/* Scatters text for a hint that goes no further than this board. */
uint64_t board_hash(const struct board *b, uint64_t seed, str text);
/* The cells of a target.  create false: those of model and target only if they are there
 * already (for names which come from clients, so that they cannot fill the board).  The
 * same names give the same cells for ever. */
struct health health_of(struct board *b, str provider, uint64_t key_mark, str model,
                        bool create);

/* ---- may an attempt begin? ---- */

enum health_answer {
	HEALTH_OK,
	HEALTH_PROBE,  /* yes: as the one probe of a provider that was ill */
	HEALTH_SCARCE, /* no: by its headers the provider has no room until then */
	HEALTH_PACED,  /* no: it answered 429 and wants nothing before then */
	HEALTH_FULL, /* no: a configured limit is reached until then (a guess, when it is
	                `concurrent`) */
	HEALTH_ILL,  /* no: the breaker is open until then; it can be reached */
	HEALTH_DEAD, /* no: the breaker is open until then; nobody is there */
	HEALTH_ANSWERS,
};
/* "ok", "probe", "scarce", "paced", "full", "ill", "dead". */
const char *health_answer_name(enum health_answer answer);

struct health_run {
	struct health at;
	usec began;
	usec spoke;      /* first token; 0: none yet */
	uint32_t tokens; /* counted against tpm until the end */
	uint8_t probes;  /* the breakers whose probe it is */
	bool is_live;    /* admitted, and not yet ended */
	bool connected, stream;
	/* Its gaps that are not yet on the board: room of whoever runs it, empty at
	 * first. NULL: none are counted. */
	struct histogram_tally *gaps;
};

/* Asks, and claims on OK and PROBE: *run is filled.  tokens: an estimate of what the
 * request will use, for `tpm` and headroom.  ret_until: when to ask again (0 on yes). */
enum health_answer health_admit(const struct health *h,
                                const struct provider_limits *limits, uint32_t tokens,
                                bool stream, usec now, struct health_run *ret_run,
                                usec *ret_until);
/* Asks without claiming anything: for ordering and for people. */
enum health_answer health_look(const struct health *h,
                               const struct provider_limits *limits, uint32_t tokens,
                               usec now, usec *ret_until);
/* The last resort, when every candidate has said no: what said SCARCE or ILL is tried all
 * the same, what is DEAD only as the one probe, before its time.  Configured limits and
 * 429s still hold.  False: no. */
bool health_insist(const struct health *h, const struct provider_limits *limits,
                   uint32_t tokens, bool stream, usec now, struct health_run *ret_run);
/* Until when a 429 holds, also of what is ILL or DEAD besides; 0: there was none. */
usec health_paced_until(const struct health *h);
/* May the same provider be asked once more by the same request?  Takes from its retry
 * budget: a fifth of the attempts, and ten at first. */
bool health_may_repeat(const struct health *h);

/* ---- what happened ---- */

/* is_new false: a connection from the pool, which proves nothing. */
void health_connected(struct health_run *run, bool is_new);
/* A final head came: its rate headers are learned from (x-ratelimit-*,
 * anthropic-ratelimit-*), and a 2xx ends the pacing after 429s. */
void health_head(struct health_run *run, const struct http_response *res, usec wall_now,
                 usec now);
/* The first meaningful event, or a whole unary answer. Closes a half-open breaker. */
void health_first_token(struct health_run *run, usec now);
/* Another attempt was faster: so long nothing came, which counts for how long the first
 * token takes.  Without these a quantile would know only those that were in time. */
void health_outrun(struct health_run *run, usec now);
/* Between two meaningful events of a stream. */
static inline void health_gap(struct health_run *run, usec gap)
{
	if (run->gaps)
		histogram_tally(run->gaps, gap);
}
/* The attempt is over. why NULL: it succeeded. retry_after: what the provider asked for,
 * 0: nothing.  tokens: what it used in all; output: of these, generated (0: unknown).
 * A client's fault or ours counts for nobody, as does health_cancelled. */
void health_ended(struct health_run *run, fault_t why, usec retry_after, uint64_t tokens,
                  uint64_t output, usec now);
/* Nobody wanted it any more: the client left, or another attempt was faster.  Neutral,
 * but for one thing: without a connection after 700 ms it counts as CONNECT_TIMEOUT. */
void health_cancelled(struct health_run *run, usec now);
/* A check without a request (probe: 30s): the provider answered, or why not. */
void health_checked(const struct health *h, fault_t why, usec now);
/* When an attempt last began at the provider; 0: never. */
usec health_used_at(const struct health *h);
/* The model's context turned out to be no larger than that. */
void health_learn_context(const struct health *h, uint32_t tokens);

/* What a provider has reported: so many bytes of prompt, and of text in the answer, were
 * so many tokens.  0: nothing is known of that. */
void health_learn_usage(const struct health *h, uint64_t prompt_bytes,
                        uint64_t prompt_tokens, uint64_t text_bytes, uint64_t text_tokens,
                        usec now);

/* ---- what is known ---- */

/* Tokens that so many bytes are likely to be at the model, as learned; four bytes for one
 * where nothing is known. */
uint64_t health_prompt_tokens(const struct health *h, uint64_t bytes);
uint64_t health_text_tokens(const struct health *h, uint64_t bytes);
/* Below it are so many of 1000 of the model's answers, in tokens; 0: too few are known.
 */
uint64_t health_length_quantile(const struct health *h, unsigned per_mille);

/* Of streams, in 1/1000: 500, 950, 990 and 999 cost a few instructions, others a walk
 * over the histogram. 0: too little is known (fewer than 20 streams; 100 gaps). */
usec health_first_token_quantile(const struct health *h, unsigned per_mille);
usec health_gap_quantile(const struct health *h, unsigned per_mille);
/* Whole answers that are not streamed. */
usec health_answer_quantile(const struct health *h, unsigned per_mille);
uint32_t health_context(const struct health *h); /* 0: nothing was learned */

enum health_scope { HEALTH_PROVIDER, HEALTH_KEY, HEALTH_MODEL, HEALTH_TARGET };

/* For people and for the order of candidates; a snapshot, not quite of one moment. */
struct health_view {
	enum health_answer answer; /* of health_look, without limits */
	usec until;
	const char
	        *scope; /* whose breaker is open: "provider", "key", "model", "target" */
	unsigned failing;           /* share of attempts that failed lately, per mille */
	unsigned attempts;          /* seen, as far as they still count; at most 65535 */
	unsigned in_flight;         /* at the provider */
	unsigned busy;              /* of these, for the model */
	unsigned tokens_per_second; /* of one stream; 0: unknown */
	usec limited_at;            /* its last 429; 0: never */
	int64_t requests_left, tokens_left; /* by its headers; -1: unknown */
	uint32_t context;                   /* learned; 0: unknown */
};
void health_see(const struct health *h, usec now, struct health_view *ret);

/* ---- conversations ---- */

/* Prompt caches last five minutes, where not longer. */
#define BOARD_WARM_FOR (300 * USEC_SEC)
/* The conversation was answered by that target.  A bounded table: of those that fall into
 * the same four places the one that is oldest goes. session 0: nothing. */
void board_remember(struct board *b, uint64_t session, const struct health *h, usec now);
/* Was it answered there last, and not longer ago than caches last? */
bool board_is_warm(const struct board *b, uint64_t session, const struct health *h,
                   usec now);
