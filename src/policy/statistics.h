/* statistics.h - what two samples say of one another: estimates, confidence intervals,
 * and how likely such a difference is when there is none.
 *
 * Pure, in double: nothing here is an amount that anybody is charged.  Where there is an
 * exact answer it is given: the tails of Student's t and of the binomial come from the
 * incomplete beta function, counts are compared by Fisher's exact test.  Intervals are
 * two-sided; `level` is 0.95 for one of 95 %. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct interval {
	double low, high;
};

/* An estimate of a difference (second less first), and the probability of one as large
 * when there is none.  is_known false: there is too little to say. */
struct difference {
	double value;
	struct interval at;
	double p;
	bool is_known;
};

/* ---- distributions ---- */

/* The regularised incomplete beta function I_x(a, b), for a, b > 0. */
double stat_beta(double x, double a, double b);
double stat_normal_cdf(double z);
/* Where the normal distribution has that much below it; 0 < p < 1. */
double stat_normal_quantile(double p);
double stat_student_cdf(double t, double freedom);
double stat_student_quantile(double p, double freedom);
/* Of n draws, each a hit by probability p: that at most k are hits. */
double stat_binomial_cdf(int64_t k, int64_t n, double p);

/* ---- means ---- */

/* Mean and variance as values come, without losing digits (Welford). */
struct moments {
	uint64_t n;
	double mean, squares; /* squares: of the distances to the mean, summed */
};
void moments_add(struct moments *m, double value);
double moments_variance(const struct moments *m);
/* Of the mean. */
struct interval moments_interval(const struct moments *m, double level);
/* Welch's t test: the variances may differ.  This probability, and that of all below that
 * are no counts, is never less than how rarely such values would be dealt to the two
 * sides in the one most uneven way. */
struct difference moments_compare(const struct moments *a, const struct moments *b,
                                  double level);

/* ---- shares of one sum in another: sum y / sum x ---- */

struct ratio {
	uint64_t n;
	double x, y, xx, yy, xy; /* sums */
};
void ratio_add(struct ratio *r, double x, double y);
double ratio_value(const struct ratio *r);
struct interval ratio_interval(const struct ratio *r, double level);
struct difference ratio_compare(const struct ratio *a, const struct ratio *b,
                                double level);

/* ---- counts: hits of n ---- */

/* Wilson's score interval. */
struct interval count_interval(uint64_t hits, uint64_t n, double level);
/* The interval is Newcombe's (from Wilson's two), the probability Fisher's. */
struct difference count_compare(uint64_t a, uint64_t of_a, uint64_t b, uint64_t of_b,
                                double level);
/* Fisher's exact test, two-sided: tables as unlikely as this one, or more. */
double stat_fisher(uint64_t a, uint64_t of_a, uint64_t b, uint64_t of_b);

/* ---- values in ascending order ---- */

struct sorted {
	const int64_t *list;
	size_t n;
};
/* The p-quantile: the value at rank ceil(p n). */
int64_t sorted_quantile(struct sorted s, double p);
/* From one order statistic to another, whose ranks the binomial distribution gives: for
 * any distribution of values.  False: there are too few for that level. */
bool sorted_interval(struct sorted s, double p, double level, struct interval *ret);
/* The probability is that of the share of each beyond the quantile of both together
 * (Fisher): it needs no model of how values are spread.  The interval is from the spread
 * that the order statistics show (after Price and Bonett). */
struct difference sorted_compare(struct sorted a, struct sorted b, double p,
                                 double level);
/* How likely a value of b is larger than one of a, ties counting half, less 1/2: 0 when
 * neither tends to be longer (Brunner and Munzel). */
struct difference sorted_drift(struct sorted a, struct sorted b, double level);

/* ---- many questions at once ---- */

/* Holm's correction, in place: so that the chance of even one false finding among all of
 * them stays below the level each is then held against.  NAN: no question. */
void stat_holm(double *p, size_t n);
