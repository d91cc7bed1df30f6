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

/* ---- means ---- */

void moments_add(struct moments *m, double value)
{
	double before = value - m->mean;

	m->n++;
	m->mean += before / (double)m->n;
	m->squares += before * (value - m->mean);
}

double moments_variance(const struct moments *m)
{
	return m->n > 1 ? m->squares / (double)(m->n - 1) : NAN;
}

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

struct interval moments_interval(const struct moments *m, double level)
{
	double n = (double)m->n;

	if (m->n < 2)
		return (struct interval){ NAN, NAN };
	return around(m->mean, stat_student_quantile((1 + level) / 2, n - 1) *
	                               sqrt(moments_variance(m) / n));
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

struct difference moments_compare(const struct moments *a, const struct moments *b,
                                  double level)
{
	double na = (double)a->n, nb = (double)b->n;

	return welch(a->mean, moments_variance(a) / na, na, b->mean,
	             moments_variance(b) / nb, nb, level);
}

/* ---- ratios ---- */

void ratio_add(struct ratio *r, double x, double y)
{
	r->n++;
	r->x += x;
	r->y += y;
	r->xx += x * x;
	r->yy += y * y;
	r->xy += x * y;
}

double ratio_value(const struct ratio *r)
{
	return r->x > 0 ? r->y / r->x : NAN;
}

/* Of the ratio, by the distances of y from what the ratio makes of x (delta method). */
static double ratio_variance(const struct ratio *r)
{
	double n = (double)r->n, value = ratio_value(r), squares;

	if (r->n < 2 || isnan(value))
		return NAN;
	squares = r->yy - 2 * value * r->xy + value * value * r->xx;
	return n / (n - 1) * fmax(squares, 0) / (r->x * r->x);
}

struct interval ratio_interval(const struct ratio *r, double level)
{
	double v = ratio_variance(r);

	if (isnan(v))
		return (struct interval){ NAN, NAN };
	return around(ratio_value(r),
	              stat_student_quantile((1 + level) / 2, (double)r->n - 1) * sqrt(v));
}

struct difference ratio_compare(const struct ratio *a, const struct ratio *b,
                                double level)
{
	return welch(ratio_value(a), ratio_variance(a), (double)a->n, ratio_value(b),
	             ratio_variance(b), (double)b->n, level);
}

/* ---- counts ---- */

struct interval count_interval(uint64_t hits, uint64_t n, double level)
{
	double z = stat_normal_quantile((1 + level) / 2), m = (double)n, share, reach;

	if (n == 0)
		return (struct interval){ NAN, NAN };
	share = (double)hits / m;
	reach = z * sqrt(share * (1 - share) / m + z * z / (4 * m * m));
	return (struct interval){
		hits ? (share + z * z / (2 * m) - reach) / (1 + z * z / m) : 0,
		hits < n ? (share + z * z / (2 * m) + reach) / (1 + z * z / m) : 1,
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

struct difference count_compare(uint64_t a, uint64_t of_a, uint64_t b, uint64_t of_b,
                                double level)
{
	struct interval ia = count_interval(a, of_a, level),
	                ib = count_interval(b, of_b, level);
	double pa = (double)a / (double)of_a, pb = (double)b / (double)of_b;
	struct difference d = { .value = pb - pa, .at = { NAN, NAN }, .p = NAN };

	if (of_a == 0 || of_b == 0)
		return d;
	d.is_known = true;
	d.at.low = d.value - hypot(pb - ib.low, ia.high - pa);
	d.at.high = d.value + hypot(ib.high - pb, pa - ia.low);
	d.p = stat_fisher(a, of_a, b, of_b);
	return d;
}

/* ---- order statistics ---- */

int64_t sorted_quantile(struct sorted s, double p)
{
	size_t rank = (size_t)ceil(p * (double)s.n - 1e-9);

	assert(s.n > 0);
	return s.list[min_of(max_of(rank, (size_t)1), s.n) - 1];
}

/* Ranks (from 1) between which the p-quantile lies with at least that probability, and
 * the probability itself.  False: there are none. */
static bool find_ranks(size_t n, double p, double level, size_t ret[2], double *ret_level)
{
	int64_t m = (int64_t)n, low = 0, high = m;
	double tail = (1 - level) / 2;

	/* P(the quantile < X(l)) = P(fewer than l values below it). */
	for (int64_t end = m; low < end;) { /* the largest l with a tail that small */
		int64_t l = (low + end + 1) / 2;

		if (stat_binomial_cdf(l - 1, m, p) <= tail)
			low = l;
		else
			end = l - 1;
	}
	for (int64_t from = 0; from < high;) { /* the smallest u */
		int64_t u = (from + high) / 2;

		if (1 - stat_binomial_cdf(u - 1, m, p) <= tail)
			high = u;
		else
			from = u + 1;
	}
	if (low < 1 || high > m || 1 - stat_binomial_cdf(high - 1, m, p) > tail)
		return false;
	ret[0] = (size_t)low;
	ret[1] = (size_t)high;
	*ret_level = stat_binomial_cdf(high - 1, m, p) - stat_binomial_cdf(low - 1, m, p);
	return true;
}

bool sorted_interval(struct sorted s, double p, double level, struct interval *ret)
{
	double reached;
	size_t ranks[2];

	if (s.n == 0 || !find_ranks(s.n, p, level, ranks, &reached))
		return false;
	*ret = (struct interval){ (double)s.list[ranks[0] - 1],
		                  (double)s.list[ranks[1] - 1] };
	return true;
}

/* Standard error of the p-quantile: the interval has so many of it as a normal one of
 * that level would.  NAN: too few values. */
static double quantile_error(struct sorted s, double p)
{
	double level;
	size_t ranks[2];

	if (s.n == 0 || !find_ranks(s.n, p, 0.9, ranks, &level))
		return NAN;
	return (double)(s.list[ranks[1] - 1] - s.list[ranks[0] - 1]) /
	       (2 * stat_normal_quantile((1 + level) / 2));
}

static uint64_t count_above(struct sorted s, int64_t value)
{
	size_t low = 0, high = s.n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (s.list[middle] <= value)
			low = middle + 1;
		else
			high = middle;
	}
	return s.n - low;
}

/* The p-quantile of both together: the value that has ceil(p n) at or below it. */
static int64_t quantile_of_both(struct sorted a, struct sorted b, double p)
{
	size_t n = a.n + b.n, rank = (size_t)ceil(p * (double)n - 1e-9), i = 0, j = 0;
	int64_t value = 0;

	for (size_t k = 0; k < max_of(rank, (size_t)1); k++)
		value = j == b.n || (i < a.n && a.list[i] <= b.list[j]) ? a.list[i++]
		                                                        : b.list[j++];
	return value;
}

struct difference sorted_compare(struct sorted a, struct sorted b, double p, double level)
{
	struct difference d = { .at = { NAN, NAN }, .p = NAN };
	double error_a = quantile_error(a, p), error_b = quantile_error(b, p);
	int64_t both;

	if (a.n == 0 || b.n == 0)
		return d;
	d.value = (double)(sorted_quantile(b, p) - sorted_quantile(a, p));
	if (isnan(error_a) || isnan(error_b))
		return d;
	d.is_known = true;
	d.at = around(d.value,
	              stat_normal_quantile((1 + level) / 2) * hypot(error_a, error_b));
	both = quantile_of_both(a, b, p);
	d.p = stat_fisher(count_above(a, both), a.n, count_above(b, both), b.n);
	return d;
}

/* ---- which tends to be larger ---- */

/* Of each value of s its rank among both (the middle one of equals) less its rank in s:
 * how many of the other sample lie below it. */
static void placements(struct sorted s, struct sorted other, struct moments *ret)
{
	size_t below = 0, equal = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (i == 0 || s.list[i] != s.list[i - 1]) {
			below += equal;
			equal = 0;
			while (below < other.n && other.list[below] < s.list[i])
				below++;
			while (below + equal < other.n &&
			       other.list[below + equal] == s.list[i])
				equal++;
		}
		moments_add(ret, (double)below + (double)equal / 2);
	}
}

struct difference sorted_drift(struct sorted a, struct sorted b, double level)
{
	struct difference d = { .at = { NAN, NAN }, .p = NAN };
	struct moments of_a = { 0 }, of_b = { 0 };
	double na = (double)a.n, nb = (double)b.n;

	if (a.n < 2 || b.n < 2)
		return d;
	placements(a, b, &of_a);
	placements(b, a, &of_b);
	/* The mean placement of b, as a share of a, is the probability that is asked
	 * for; the variances of both placements are those of Brunner and Munzel. */
	return welch(0.5, moments_variance(&of_a) / (na * nb * nb), na, of_b.mean / na,
	             moments_variance(&of_b) / (nb * na * na), nb, level);
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
