/* comparison.h - a trial's two sides in figures: what each costs, how fast and how good
 * it is, and whether they differ.
 *
 * One sample is one exchange with all its attempts.  What is drawn for a side is not an
 * exchange, though, but a conversation, and those of one resemble one another: so all
 * variances are those of sums over conversations.  Costs and tokens are compared by
 * their means (Welch), times by their quantiles (order statistics), failures by their
 * counts (Fisher, Newcombe, after Rao and Scott), the share of cached input as a ratio
 * of two sums, lengths also by which side's answer tends to be the longer one (Brunner
 * and Munzel).  All the questions together are asked at one level: a difference counts
 * when its probability, corrected by Holm, is below COMPARISON_ALPHA.
 *
 * A side tells GROUPS conversations apart.  Of more, several are one group, by a hash:
 * that is as right, as what it takes is that groups do not depend on one another. */
#pragma once
#include "base/buf.h"
#include "base/money.h"
#include "base/usec.h"
#include "policy/sorted.h"

#define COMPARISON_ALPHA 0.05
#define COMPARISON_LEVEL 0.95 /* of the intervals, each by itself */

enum figure {
	FIGURE_COST, /* nano-dollars a request */
	FIGURE_FIRST_P50,
	FIGURE_FIRST_P95,
	FIGURE_FIRST_P99, /* microseconds, of streams */
	FIGURE_TOTAL_P50,
	FIGURE_TOTAL_P95,
	FIGURE_TOTAL_P99,
	FIGURE_INPUT, /* tokens */
	FIGURE_OUTPUT,
	FIGURE_LENGTH, /* how likely the candidate's answer is the longer one, less 1/2 */
	FIGURE_ERRORS, /* of requests */
	FIGURE_EMPTY,  /* of answers */
	FIGURE_CACHED, /* of input tokens */
	FIGURES,
};

enum figure_kind { FIGURE_MONEY, FIGURE_TIME, FIGURE_TOKENS, FIGURE_SHARE };

struct figure_row {
	const char *name; /* "first_token_p95_us" */
	const char *text; /* "first token p95" */
	enum figure_kind kind;
};
extern const struct figure_row figure_rows[FIGURES];

/* What one exchange was. */
struct sample {
	uint64_t conversation; /* 0: it is one by itself */
	nanousd cost;     /* COST_UNKNOWN: of an attempt the price or the usage is not */
	bool is_error;    /* no answer, or by the other side's targets alone */
	bool is_empty;    /* an answer without content */
	bool has_usage;   /* reported by the provider */
	usec first_token; /* since the request came; 0: it was not streamed, or none came
	                   */
	usec total;
	uint64_t input, output, cache_read;
};

struct values {
	struct value *list;
	size_t n, room;
	uint64_t seen; /* more than VALUES_MOST of them are drawn from */
};
enum { VALUES_MOST = 1000 * 1000, GROUPS = 4096 };

/* What is added up in each group: of x things y. */
enum grouped {
	GROUPED_COST, /* of exchanges with a cost: nano-dollars */
	GROUPED_INPUT,
	GROUPED_OUTPUT, /* of answers with usage: tokens */
	GROUPED_CACHED, /* of tokens */
	GROUPED_ERRORS, /* of exchanges */
	GROUPED_EMPTY,  /* of answers */
	GROUPED,
};
struct groups {
	unsigned count;        /* conversations that have a group of their own */
	bool is_shared;        /* there are more */
	uint64_t name[GROUPS]; /* of the first conversation in it; 0: it is empty */
	struct pair of[GROUPED][GROUPS];
};

struct side {
	uint64_t n, errors, answers, empty;
	nanousd spent;          /* the sum of what is known: exact */
	uint64_t unknown_costs; /* exchanges that are not in it */
	struct groups *groups;  /* NULL: there is none yet */
	struct values first, total, length;
};

struct compared {
	bool is_known;              /* else there is too little of it to compare */
	double a, b;                /* control, candidate; NAN */
	struct interval at_a, at_b; /* NAN */
	struct difference d;
	double corrected; /* d.p after Holm */
	bool is_significant;
};

struct comparison {
	struct side control, candidate;
	uint64_t seed;
};

/* Zeroed it is ready. Copies what it needs. */
void comparison_add(struct comparison *c, bool is_candidate, const struct sample *s);
/* Sorts, compares; may be called once. */
void comparison_finish(struct comparison *c, struct compared ret[FIGURES]);
void comparison_done(struct comparison *c);
/* The relative difference of means that so many samples of each find in four of five
 * trials, given how the costs have spread; NAN: not known. */
double comparison_finds(const struct comparison *c);
