#include "policy/statistics.h"

#include "base/assert.h"
#include "base/compiler.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

/* ---- distributions ---- */

static double log_gamma(double x)
{
	int sign;

	return lgamma_r(x, &sign);
}

/* The continued fraction of the incomplete beta function (DLMF 8.17.22), evaluated from
 * the front by Lentz's method.  It converges fast for x < (a + 1) / (a + b + 2). */
static double beta_fraction(double x, double a, double b)
{
	enum { ROUNDS_MOST = 100 * 1000 };
	const double tiny = 1e-300, enough = 1e-15;
	double c = 1, d = 1 - (a + b) * x / (a + 1), f;

	d = 1 / (fabs(d) < tiny ? tiny : d);
	f = d;
	for (int m = 1; m < ROUNDS_MOST; m++) {
		double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));

		d = 1 + even * d;
		c = 1 + even / c;
		d = 1 / (fabs(d) < tiny ? tiny : d);
		c = fabs(c) < tiny ? tiny : c;
		f *= d * c;
		d = 1 + odd * d;
		c = 1 + odd / c;
		d = 1 / (fabs(d) < tiny ? tiny : d);
		c = fabs(c) < tiny ? tiny : c;
		f *= d * c;
		if (fabs(d * c - 1) < enough)
			break;
	}
	return f;
}

double stat_beta(double x, double a, double b)
{
	double front;

	if (x <= 0)
		return 0;
	if (x >= 1)
		return 1;
	front = exp(a * log(x) + b * log1p(-x) + log_gamma(a + b) - log_gamma(a) -
	            log_gamma(b));
	return x < (a + 1) / (a + b + 2) ? front * beta_fraction(x, a, b) / a
	                                 : 1 - front * beta_fraction(1 - x, b, a) / b;
}

double stat_normal_cdf(double z)
{
	return erfc(-z / sqrt(2)) / 2;
}

/* The point where a rising function of z passes p. */
static double invert(double (*cdf)(double z, double arg), double arg, double p)
{
	enum { HALVINGS = 200 };
	double low = -1, high = 1;

	assert(p > 0 && p < 1);
	while (cdf(low, arg) > p)
		low *= 2;
	while (cdf(high, arg) < p)
		high *= 2;
	for (int i = 0; i < HALVINGS && high - low > 1e-14 * fmax(1, fabs(high)); i++) {
		double middle = (low + high) / 2;

		if (cdf(middle, arg) < p)
			low = middle;
		else
			high = middle;
	}
	return (low + high) / 2;
}

static double normal(double z, double arg)
{
	(void)arg;
	return stat_normal_cdf(z);
}

double stat_normal_quantile(double p)
{
	return invert(normal, 0, p);
}

double stat_student_cdf(double t, double freedom)
{
	double tail = stat_beta(freedom / (freedom + t * t), freedom / 2, 0.5) / 2;

	return t < 0 ? tail : 1 - tail;
}

double stat_student_quantile(double p, double freedom)
{
	return invert(stat_student_cdf, freedom, p);
}

static double student_two_sided(double t, double freedom)
{
	return stat_beta(freedom / (freedom + t * t), freedom / 2, 0.5);
}

double stat_binomial_cdf(int64_t k, int64_t n, double p)
{
	if (k < 0)
		return 0;
	if (k >= n)
		return 1;
	return stat_beta(1 - p, (double)(n - k), (double)k + 1);
}

/* ---- values of groups ---- */

static double log_choose(double n, double k)
{
	return log_gamma(n + 1) - log_gamma(k + 1) - log_gamma(n - k + 1);
}

/* No more than that can so many values say: of all the ways to deal them to two sides
 * these are the two furthest apart.  What a test takes for granted, that means are normal
 * or variances known, would have two or three values a side say more. */
static double least_p(double na, double nb)
{
	return fmin(1, 2 * exp(-log_choose(na + nb, na)));
}

static struct interval around(double value, double reach)
{
	return (struct interval){ value - reach, value + reach };
}

/* Two estimates with the variances of each, as many values behind them. */
static struct difference welch(double a, double va, double na, double b, double vb,
                               double nb, double level)
{
	struct difference d = { .value = b - a, .at = { NAN, NAN }, .p = NAN };
	double v = va + vb, freedom;

	if (!(na > 1) || !(nb > 1) || isnan(v))
		return d;
	d.is_known = true;
	if (!(v > 0)) { /* nothing varies: they are equal, or they are not */
		d.p = d.value != 0 ? least_p(na, nb) : 1;
		if (d.value == 0 || d.p <= 1 - level)
			d.at = (struct interval){ d.value, d.value };
		return d;
	}
	freedom = v * v / (va * va / (na - 1) + vb * vb / (nb - 1));
	d.at = around(d.value, stat_student_quantile((1 + level) / 2, freedom) * sqrt(v));
	d.p = fmax(student_two_sided(d.value / sqrt(v), freedom), least_p(na, nb));
	return d;
}

struct ratio ratio_of(const struct pair *groups, size_t n)
{
	struct ratio r = { .groups = 0 };
	double value;

	for (size_t i = 0; i < n; i++) {
		r.groups += groups[i].x != 0 || groups[i].y != 0;
		r.x += groups[i].x;
		r.y += groups[i].y;
		r.sizes += groups[i].x * groups[i].x;
	}
	value = ratio_value(&r);
	for (size_t i = 0; i < n; i++) {
		double rest = 1 - groups[i].x / r.x, beyond;

		if (!(rest > 0))
			continue; /* it is the only one */
		beyond = (groups[i].y - value * groups[i].x) / rest;
		r.squares += beyond * beyond;
	}
	return r;
}

double ratio_value(const struct ratio *r)
{
	return r->x > 0 ? r->y / r->x : NAN;
}

/* How far it moves when each group is left out (jackknife): of few groups one that is
 * large draws the ratio to itself, and would seem to lie near it. */
double ratio_variance(const struct ratio *r)
{
	double n = (double)r->groups;

	if (r->groups < 2 || !(r->x > 0))
		return NAN;
	return (n - 1) / n * r->squares / (r->x * r->x);
}

/* So many groups of one size would tell as much (Kish); at least 2, of two or more. */
static double effective(const struct ratio *r)
{
	return r->groups < 2 ? (double)r->groups : fmax(2, r->x * r->x / r->sizes);
}

struct interval ratio_interval(const struct ratio *r, double level)
{
	double v = ratio_variance(r);

	if (isnan(v))
		return (struct interval){ NAN, NAN };
	return around(ratio_value(r),
	              stat_student_quantile((1 + level) / 2, effective(r) - 1) * sqrt(v));
}

struct difference ratio_compare(const struct ratio *a, const struct ratio *b,
                                double level)
{
	return welch(ratio_value(a), ratio_variance(a), effective(a), ratio_value(b),
	             ratio_variance(b), effective(b), level);
}

/* ---- counts ---- */

struct interval count_interval(double hits, double n, double level)
{
	double z = stat_normal_quantile((1 + level) / 2), share, reach;

	if (!(n > 0))
		return (struct interval){ NAN, NAN };
	share = hits / n;
	reach = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n));
	return (struct interval){
		hits > 0 ? (share + z * z / (2 * n) - reach) / (1 + z * z / n) : 0,
		hits < n ? (share + z * z / (2 * n) + reach) / (1 + z * z / n) : 1,
	};
}

/* How likely that many hits are in the first, of all tables with these margins; against
 * the observed one, so that neither is too small for a double. */
struct margins {
	double of_a, of_b, hits;
};

static double log_table(const struct margins *m, double in_a)
{
	return log_choose(m->of_a, in_a) + log_choose(m->of_b, m->hits - in_a);
}

double stat_fisher(uint64_t a, uint64_t of_a, uint64_t b, uint64_t of_b)
{
	const double slack = 1e-7;
	struct margins m = { (double)of_a, (double)of_b, (double)(a + b) };
	uint64_t from = a + b > of_b ? a + b - of_b : 0, to = min_of(a + b, of_a);
	double all, seen, sum = 0;

	if (from == to)
		return 1;
	all = log_choose(m.of_a + m.of_b, m.hits);
	seen = log_table(&m, (double)a) - all;
	for (uint64_t i = from; i <= to; i++) {
		double one = log_table(&m, (double)i) - all;

		if (one <= seen + slack)
			sum += exp(one);
	}
	return fmin(sum, 1);
}

/* How the hits of one side are spread over its groups. */
struct hits {
	struct ratio r;
	double most;           /* the size of the largest */
	double squares, alone; /* of the distances; and if no value knew of another */
};

static struct hits hits_of(const struct pair *groups, size_t n)
{
	struct hits h = { .r = ratio_of(groups, n) };
	double share = ratio_value(&h.r);

	for (size_t i = 0; i < n; i++)
		h.most = fmax(h.most, groups[i].x);
	if (h.r.groups < 2)
		return h;
	h.squares = ratio_variance(&h.r) * h.r.x * h.r.x;
	h.alone = h.r.x * share * (1 - share) * h.r.x / (h.r.x - 1);
	return h;
}

struct clustering stat_clustering(const struct pair *a, const struct pair *b, size_t n)
{
	struct hits ha = hits_of(a, n), hb = hits_of(b, n);
	struct clustering c = { .design = 1 };
	double alone = ha.alone + hb.alone;

	if (fmax(ha.most, hb.most) <= 1)
		return c;
	/* All or none everywhere: a group says no more than one value of it. */
	c.design = alone > 0 ? (ha.squares + hb.squares) / alone
	                     : (ha.r.sizes + hb.r.sizes) / (ha.r.x + hb.r.x);
	c.design = fmax(c.design, 1);
	c.p = ratio_compare(&ha.r, &hb.r, 0.95).p;
	if (isnan(c.p))
		c.p = 1;
	return c;
}

static uint64_t whole(double value)
{
	return (uint64_t)(value + 0.5);
}

/* Of so many values that know nothing of one another as tell the same. */
static double fisher(double a, double of_a, double b, double of_b)
{
	uint64_t na = (uint64_t)(of_a + 1e-9), nb = (uint64_t)(of_b + 1e-9);

	return stat_fisher(min_of(whole(a), na), na, min_of(whole(b), nb), nb);
}

struct difference count_compare(double a, double of_a, double b, double of_b,
                                const struct clustering *c, double level)
{
	double e = c->design;
	struct interval ia = count_interval(a / e, of_a / e, level),
	                ib = count_interval(b / e, of_b / e, level);
	double pa = a / of_a, pb = b / of_b;
	struct difference d = { .value = pb - pa, .at = { NAN, NAN }, .p = NAN };

	if (!(of_a > 0) || !(of_b > 0))
		return d;
	d.is_known = true;
	d.at.low = d.value - hypot(pb - ib.low, ia.high - pa);
	d.at.high = d.value + hypot(ib.high - pb, pa - ia.low);
	d.p = fmax(fisher(a / e, of_a / e, b / e, of_b / e), c->p);
	return d;
}

/* ---- Holm ---- */

struct ranked {
	double p;
	size_t at;
};

static int by_p(const void *a, const void *b)
{
	const struct ranked *one = a, *two = b;

	return one->p < two->p ? -1 : one->p > two->p;
}

void stat_holm(double *p, size_t n)
{
	struct ranked *list = mem_new((n + 1) * sizeof(*list));
	size_t count = 0;
	double most = 0;

	for (size_t i = 0; i < n; i++)
		if (!isnan(p[i]))
			list[count++] = (struct ranked){ p[i], i };
	qsort(list, count, sizeof(*list), by_p);
	for (size_t i = 0; i < count; i++) {
		most = fmax(most, fmin(1, list[i].p * (double)(count - i)));
		p[list[i].at] = most;
	}
	free(list);
}
