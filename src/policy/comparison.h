/* comparison.h - a trial's two sides in figures: what each costs, how fast and how good
 * it is, and whether they differ.
 *
 * One sample is one exchange with all its attempts.  Costs and tokens are compared by
 * their means (Welch), times by their quantiles (order statistics), failures by their
 * counts (Fisher, Newcombe), the share of cached input as a ratio (delta method), lengths
 * also by which side's answer tends to be the longer one (Brunner and Munzel).  All the
 * questions together are asked at one level: a difference counts when its probability,
 * corrected by Holm, is below COMPARISON_ALPHA. */
#pragma once
#include "base/buf.h"
#include "base/money.h"
#include "base/usec.h"
#include "policy/statistics.h"

#define COMPARISON_ALPHA 0.05
#define COMPARISON_LEVEL 0.95 /* of the intervals, each by itself */

enum metric {
	METRIC_COST, /* nano-dollars a request */
	METRIC_FIRST_P50,
	METRIC_FIRST_P95,
	METRIC_FIRST_P99, /* microseconds, of streams */
	METRIC_TOTAL_P50,
	METRIC_TOTAL_P95,
	METRIC_TOTAL_P99,
	METRIC_INPUT, /* tokens */
	METRIC_OUTPUT,
	METRIC_LENGTH, /* how likely the candidate's answer is the longer one, less 1/2 */
	METRIC_ERRORS, /* of requests */
	METRIC_EMPTY,  /* of answers */
	METRIC_CACHED, /* of input tokens */
	METRICS,
};

enum metric_kind { METRIC_MONEY, METRIC_TIME, METRIC_TOKENS, METRIC_SHARE };

struct metric_row {
	const char *name; /* "first_token_p95_us" */
	const char *text; /* "first token p95" */
	enum metric_kind kind;
};
extern const struct metric_row comparison_rows[METRICS];

/* What one exchange was. */
struct sample {
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
	int64_t *list;
	size_t n, room;
	uint64_t seen; /* more than VALUES_MOST of them are drawn from */
};
enum { VALUES_MOST = 2 * 1000 * 1000 };

struct side {
	uint64_t n, errors, answers, empty;
	nanousd spent;          /* the sum of what is known: exact */
	uint64_t unknown_costs; /* exchanges that are not in it */
	struct moments cost, input, output;
	struct ratio cached;
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
void comparison_finish(struct comparison *c, struct compared ret[METRICS]);
void comparison_done(struct comparison *c);
/* The relative difference of means that so many samples of each find in four of five
 * trials, given how the costs have spread; NAN: not known. */
double comparison_finds(const struct comparison *c);
