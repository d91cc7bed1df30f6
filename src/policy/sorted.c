#include "policy/sorted.h"

#include "base/assert.h"
#include "base/compiler.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

static struct interval around(double value, double reach)
{
	return (struct interval){ value - reach, value + reach };
}

int64_t sorted_quantile(struct sorted s, double p)
{
	size_t rank = (size_t)ceil(p * (double)s.n - 1e-9);

	assert(s.n > 0);
	return s.list[min_of(max_of(rank, (size_t)1), s.n) - 1].value;
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

/* The same of values that tell as much as fewer would. */
static bool find_values(struct sorted s, double p, double level, double design,
                        struct interval *ret, double *ret_level)
{
	size_t n = (size_t)((double)s.n / design + 1e-9), ranks[2], low, high;

	if (n == 0 || !find_ranks(n, p, level, ranks, ret_level))
		return false;
	low = (size_t)((double)(ranks[0] - 1) * (double)s.n / (double)n);
	high = (size_t)ceil((double)ranks[1] * (double)s.n / (double)n - 1e-9);
	*ret = (struct interval){ (double)s.list[low].value,
		                  (double)s.list[min_of(high, s.n) - 1].value };
	return true;
}

bool sorted_interval(struct sorted s, double p, double level, double design,
                     struct interval *ret)
{
	double reached;

	return find_values(s, p, level, design, ret, &reached);
}

/* Standard error of the p-quantile: the interval has so many of it as a normal one of
 * that level would.  NAN: too few values. */
static double quantile_error(struct sorted s, double p, double design)
{
	struct interval at;
	double level;

	if (!find_values(s, p, 0.9, design, &at, &level))
		return NAN;
	return (at.high - at.low) / (2 * stat_normal_quantile((1 + level) / 2));
}

static uint64_t count_above(struct sorted s, int64_t value)
{
	size_t low = 0, high = s.n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (s.list[middle].value <= value)
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
		value = j == b.n || (i < a.n && a.list[i].value <= b.list[j].value)
		                ? a.list[i++].value
		                : b.list[j++].value;
	return value;
}

/* Of each group how many values it has, and how many of them are above. */
static struct pair *pairs_above(struct sorted s, int64_t value)
{
	struct pair *list = mem_new(s.groups * sizeof(*list));

	for (size_t i = 0; i < s.n; i++) {
		list[s.list[i].group].x++;
		list[s.list[i].group].y += s.list[i].value > value;
	}
	return list;
}

struct clustering sorted_clustering(struct sorted a, struct sorted b, double p)
{
	struct clustering c = { .design = 1 };

	assert(a.groups == b.groups);
	if (a.n == 0 || b.n == 0)
		return c;
	int64_t both = quantile_of_both(a, b, p);
	struct pair *pa = pairs_above(a, both), *pb = pairs_above(b, both);

	c = stat_clustering(pa, pb, a.groups);
	free(pa);
	free(pb);
	return c;
}

struct difference sorted_compare(struct sorted a, struct sorted b, double p,
                                 const struct clustering *c, double level)
{
	struct difference d = { .at = { NAN, NAN }, .p = NAN };
	double error_a = quantile_error(a, p, c->design),
	       error_b = quantile_error(b, p, c->design);
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
	d.p = count_compare((double)count_above(a, both), (double)a.n,
	                    (double)count_above(b, both), (double)b.n, c, level)
	              .p;
	return d;
}

/* ---- which tends to be larger ---- */

/* Of each value of s its rank among both (the middle one of equals) less its rank in s:
 * how many of the other sample lie below it. */
static struct ratio placements(struct sorted s, struct sorted other)
{
	struct pair *list = mem_new(s.groups * sizeof(*list));
	size_t below = 0, equal = 0;
	struct ratio r;

	for (size_t i = 0; i < s.n; i++) {
		int64_t value = s.list[i].value;
		struct pair *group = &list[s.list[i].group];

		if (i == 0 || value != s.list[i - 1].value) {
			below += equal;
			equal = 0;
			while (below < other.n && other.list[below].value < value)
				below++;
			while (below + equal < other.n &&
			       other.list[below + equal].value == value)
				equal++;
		}
		group->x++;
		group->y += (double)below + (double)equal / 2;
	}
	for (size_t i = 0; i < s.groups; i++)
		list[i].y /= (double)other.n;
	r = ratio_of(list, s.groups);
	free(list);
	return r;
}

struct difference sorted_drift(struct sorted a, struct sorted b, double level)
{
	struct difference d = { .at = { NAN, NAN }, .p = NAN };
	struct ratio of_a, of_b;

	if (a.n < 2 || b.n < 2)
		return d;
	of_a = placements(a, b);
	of_b = placements(b, a);
	/* The mean placement of b, as a share of a, is the probability that is asked
	 * for; the variances of both placements are those of Brunner and Munzel, and of
	 * groups those of Obuchowski. */
	of_a.y = of_a.x / 2;
	return ratio_compare(&of_a, &of_b, level);
}
