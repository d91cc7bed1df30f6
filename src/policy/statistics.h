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

/* ---- shares of one sum in another: sum y / sum x ----
 *
 * What is drawn for a side is a group of values, which may depend on one another; groups
 * do not.  A mean is the share of a sum of values in their number; where each group is
 * one value, its variance is the usual one. */

struct pair {
	double x, y; /* sums of one group; both 0: there is no such group */
};
struct ratio {
	size_t groups;
	double x, y, sizes; /* sums; sizes: of the squares of x */
	double squares;     /* of how far each y is from what the others make of x */
};
struct ratio ratio_of(const struct pair *groups, size_t n);
double ratio_value(const struct ratio *r);
/* Of the value.  NAN: there is no telling by less than two groups. */
double ratio_variance(const struct ratio *r);
struct interval ratio_interval(const struct ratio *r, double level);
/* Welch's t test: the variances may differ.  The probability is never less than how
 * rarely such groups would be dealt to the two sides in the one most uneven way. */
struct difference ratio_compare(const struct ratio *a, const struct ratio *b,
                                double level);

/* ---- counts: hits of n ---- */

/* What it means for counts that hits come in groups. */
struct clustering {
	double design; /* so many values tell as much as one that depends on no other
	                  (Rao and Scott); 1 where each is by itself */
	double p;      /* the probability by groups alone, below which that of counts
	                  cannot be; 0 where each is by itself */
};
/* Of each group, by its place in both lists, x values and y hits. */
struct clustering stat_clustering(const struct pair *a, const struct pair *b, size_t n);
/* Wilson's score interval; of hits in groups: both divided by `design`. */
struct interval count_interval(double hits, double n, double level);
/* The interval is Newcombe's (from Wilson's two), the probability Fisher's. */
struct difference count_compare(double a, double of_a, double b, double of_b,
                                const struct clustering *c, double level);
/* Fisher's exact test, two-sided: tables as unlikely as this one, or more. */
double stat_fisher(uint64_t a, uint64_t of_a, uint64_t b, uint64_t of_b);

/* ---- many questions at once ---- */

/* Holm's correction, in place: so that the chance of even one false finding among all of
 * them stays below the level each is then held against.  NAN: no question. */
void stat_holm(double *p, size_t n);
