/* Figures in these tests were computed by SciPy 1.10. */
#include "policy/sorted.h"
#include "tests/check.h"

#include <math.h>
#include <stdio.h>

static bool is_near(const char *what, double got, double want)
{
	bool near = fabs(got - want) <= 1e-9 * fmax(1e-3, fabs(want));

	if (!near)
		fprintf(stderr, "%s is %.17g, not %.17g\n", what, got, want);
	return near;
}
#define NEAR(got, want) CHECK(is_near(#got, (got), (want)))

TEST(distributions_are_exact)
{
	NEAR(stat_beta(0.3, 2.5, 0.5), 0.01892712407194565);
	NEAR(stat_beta(0.99, 500, 3), 0.12171819836071869);
	NEAR(stat_beta(0.9, 0.5, 0.5), 0.7951672353008662);
	NEAR(stat_beta(0.985, 20000, 300), 0.3900218507044254);
	NEAR(stat_beta(0, 1, 2), 0);
	NEAR(stat_beta(1, 1, 2), 1);
	NEAR(stat_normal_quantile(0.975), 1.959963984540054);
	NEAR(stat_normal_quantile(0.001), -3.090232306167813);
	NEAR(stat_normal_cdf(-3.3), 0.00048342414238377744);
	NEAR(stat_student_cdf(2.1, 7.3), 0.9638766432875734);
	NEAR(stat_student_quantile(0.975, 4.5), 2.6589123472044034);
	NEAR(stat_student_quantile(0.01, 1000), -2.33008267475551);
	NEAR(stat_student_quantile(0.975, 1), 12.706204736432095);
	NEAR(stat_binomial_cdf(3, 10, 0.5), 0.171875);
	NEAR(stat_binomial_cdf(950, 1000, 0.95), 0.5202589429126812);
	NEAR(stat_binomial_cdf(99, 100, 0.99), 0.6339676587267709);
	NEAR(stat_binomial_cdf(-1, 10, 0.5), 0);
	NEAR(stat_binomial_cdf(10, 10, 0.5), 1);
}

enum { MOST = 1000 };

/* Values, each a group by itself. */
struct values {
	struct pair pairs[MOST];
	size_t n;
};

static void add(struct values *v, double value)
{
	v->pairs[v->n++] = (struct pair){ 1, value };
}

static struct ratio mean_of(const struct values *v)
{
	return ratio_of(v->pairs, v->n);
}

static struct difference compare_means(const struct values *a, const struct values *b)
{
	struct ratio ra = mean_of(a), rb = mean_of(b);

	return ratio_compare(&ra, &rb, 0.95);
}

static struct sorted sorted_of(struct value *room, const int64_t *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		room[i] = (struct value){ list[i], (uint32_t)i };
	return (struct sorted){ room, n, MOST };
}

static const struct clustering alone = { .design = 1 };

TEST(means_are_compared_by_welch)
{
	static const double first[] = { 27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1,
		                        21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4 };
	static const double second[] = { 27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8,
		                         22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 30.5 };
	struct values a = { .n = 0 }, b = { .n = 0 }, none = { .n = 0 };
	struct difference d;
	struct ratio ra;

	for (size_t i = 0; i < countof(first); i++)
		add(&a, first[i]);
	for (size_t i = 0; i < countof(second); i++)
		add(&b, second[i]);
	d = compare_means(&a, &b);
	NEAR(d.value, 2.78);
	NEAR(d.p, 0.011616192002630836);
	NEAR(d.at.low, 0.673269955629411);
	NEAR(d.at.high, 4.886730044370591);
	ra = mean_of(&a);
	NEAR(ratio_value(&ra), 20.82);
	NEAR(ratio_interval(&ra, 0.95).low, 19.266701652451875);
	NEAR(ratio_interval(&ra, 0.95).high, 22.37329834754812);
	CHECK(!compare_means(&a, &none).is_known);
	ra = mean_of(&none);
	CHECK(isnan(ratio_interval(&ra, 0.95).low));
}

TEST(what_does_not_vary_is_equal_or_not)
{
	struct values a = { .n = 0 }, b = { .n = 0 }, c = { .n = 0 };

	for (int i = 0; i < 3; i++) {
		add(&a, 5);
		add(&b, 5);
		add(&c, 6);
	}
	NEAR(compare_means(&a, &b).p, 1);
	/* 20 ways to deal six values to two sides, and two that are as uneven. */
	NEAR(compare_means(&a, &c).p, 0.1);
	CHECK(isnan(compare_means(&a, &c).at.low));
	for (int i = 0; i < 10; i++) {
		add(&a, 5);
		add(&c, 6);
	}
	CHECK(compare_means(&a, &c).p < 1e-6);
	NEAR(compare_means(&a, &c).at.low, 1);
}

/* However far apart they are. */
TEST(few_values_do_not_say_much)
{
	static const int64_t low[] = { 6, 7, 8 }, high[] = { 900, 1000, 1100 };
	struct value va[MOST], vb[MOST];
	struct sorted a = sorted_of(va, low, countof(low)),
	              b = sorted_of(vb, high, countof(high));
	struct values ma = { .n = 0 }, mb = { .n = 0 };
	struct difference d;

	for (size_t i = 0; i < countof(low); i++) {
		add(&ma, (double)low[i]);
		add(&mb, (double)high[i]);
	}
	NEAR(compare_means(&ma, &mb).p, 0.1);
	d = sorted_drift(a, b, 0.95); /* none of a is above one of b */
	NEAR(d.value, 0.5);
	NEAR(d.p, 0.1);
	a.n = b.n = 2;
	NEAR(sorted_drift(a, b, 0.95).p, 1.0 / 3);
}

TEST(counts_are_compared_exactly)
{
	NEAR(stat_fisher(8, 100, 20, 100), 0.02366553196826411);
	NEAR(stat_fisher(0, 10, 3, 10), 0.21052631578947367);
	NEAR(stat_fisher(1000, 10000, 1100, 10000), 0.022378874800480137);
	NEAR(stat_fisher(5, 5, 0, 5), 0.007936507936507938);
	NEAR(stat_fisher(0, 10, 0, 20), 1);
	NEAR(count_interval(8, 100, 0.95).low, 0.04109346148438061);
	NEAR(count_interval(8, 100, 0.95).high, 0.14998107700948735);
	NEAR(count_interval(0, 20, 0.95).low, 0);
	NEAR(count_interval(0, 20, 0.95).high, 0.16112515805281935);
	/* The example of Newcombe (1998), table II (a). */
	struct difference d = count_compare(48, 80, 56, 70, &alone, 0.95);
	NEAR(d.value, 0.2);
	NEAR(d.at.low, 0.05243147240236498);
	NEAR(d.at.high, 0.333872654036906);
	CHECK(!count_compare(0, 0, 1, 2, &alone, 0.95).is_known);
}

TEST(quantiles_lie_between_order_statistics)
{
	struct value list[1000];
	struct sorted s = { list, 300, 1000 };
	struct interval at;

	for (int i = 0; i < 1000; i++)
		list[i] =
		        (struct value){ i + 1, (uint32_t)i }; /* the value is the rank */
	CHECK_INT(sorted_quantile(s, 0.5), 150);
	CHECK_INT(sorted_quantile(s, 0.95), 285);
	CHECK(sorted_interval(s, 0.95, 0.95, 1, &at));
	NEAR(at.low, 277);
	NEAR(at.high, 293);
	s.n = 100;
	CHECK(sorted_interval(s, 0.5, 0.95, 1, &at));
	NEAR(at.low, 40);
	NEAR(at.high, 61);
	s.n = 1000;
	CHECK(sorted_interval(s, 0.99, 0.95, 1, &at));
	NEAR(at.low, 983);
	NEAR(at.high, 997);
	/* The largest of so few may still be below the quantile. */
	s.n = 59;
	CHECK(!sorted_interval(s, 0.95, 0.95, 1, &at));
	s.n = 0;
	CHECK(!sorted_interval(s, 0.5, 0.95, 1, &at));
	CHECK(!sorted_compare(s, s, 0.5, &alone, 0.95).is_known);
}

TEST(drift_is_that_of_brunner_and_munzel)
{
	static const int64_t a[] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 4 };
	static const int64_t b[] = { 1, 1, 1, 2, 3, 3, 3, 3, 4, 4, 5 };
	struct value va[MOST], vb[MOST];
	struct sorted sa = sorted_of(va, a, countof(a)),
	              sb = sorted_of(vb, b, countof(b));
	struct difference d = sorted_drift(sa, sb, 0.95);

	NEAR(d.value, 0.288961038961039);
	NEAR(d.p, 0.005786208666151538);
	d = sorted_drift(sa, sa, 0.95);
	NEAR(d.value, 0);
	NEAR(d.p, 1);
}

TEST(ratios_of_sums)
{
	struct pair pa[50], pb[50];
	struct ratio a, b, none = { 0 };

	for (int i = 1; i <= 50; i++) {
		pa[i - 1] = (struct pair){ i, i % 3 ? 0 : i };
		pb[i - 1] = (struct pair){ i, i % 3 ? i : 0 };
	}
	a = ratio_of(pa, 50);
	b = ratio_of(pb, 50);
	NEAR(ratio_value(&a), 408.0 / 1275);
	NEAR(ratio_value(&b), 867.0 / 1275);
	CHECK(ratio_interval(&a, 0.95).low < 408.0 / 1275 &&
	      ratio_interval(&a, 0.95).high > 408.0 / 1275);
	CHECK(ratio_compare(&a, &b, 0.95).p < 0.01);
	NEAR(ratio_compare(&a, &a, 0.95).p, 1);
	CHECK(!ratio_compare(&a, &none, 0.95).is_known);
}

/* Values that are all the same in a group tell no more than one of each. */
TEST(groups_count_not_values)
{
	struct values a = { .n = 0 }, b = { .n = 0 };
	struct pair pa[20] = { 0 }, pb[20] = { 0 };
	struct value va[600], vb[600];
	struct sorted sa = { va, 600, 20 }, sb = { vb, 600, 20 };
	struct clustering c;
	struct ratio ra, rb;

	for (unsigned i = 0; i < 20; i++) {
		add(&a, i * 7 % 20);
		add(&b, i * 7 % 20 + 3);
		pa[i] = (struct pair){ 30, 30.0 * (i * 7 % 20) };
		pb[i] = (struct pair){ 30, 30.0 * (i * 7 % 20 + 3) };
		for (unsigned k = 0; k < 30; k++) {
			va[30 * i + k] = (struct value){ i, i };
			vb[30 * i + k] = (struct value){ i + 5, i };
		}
	}
	ra = ratio_of(pa, 20);
	rb = ratio_of(pb, 20);
	NEAR(ratio_compare(&ra, &rb, 0.95).p, compare_means(&a, &b).p);
	struct ratio one = mean_of(&a);
	NEAR(ratio_variance(&ra), ratio_variance(&one));
	/* 5 of 20, and 12 of 20. */
	for (unsigned i = 0; i < 20; i++) {
		pa[i].y = i < 5 ? 30 : 0;
		pb[i].y = i < 12 ? 30 : 0;
	}
	c = stat_clustering(pa, pb, 20);
	CHECK(c.design > 29 && c.design < 33);
	CHECK(count_compare(150, 600, 360, 600, &c, 0.95).p >=
	      stat_fisher(5, 20, 12, 20) * 0.9);
	CHECK(count_compare(150, 600, 360, 600, &alone, 0.95).p < 1e-20);
	c = sorted_clustering(sa, sb, 0.5);
	CHECK(c.design > 29 && c.design < 33);
	CHECK(sorted_compare(sa, sb, 0.5, &c, 0.95).p > 0.01);
	CHECK(sorted_drift(sa, sb, 0.95).p > 0.001);
	/* None and all of them. */
	for (unsigned i = 0; i < 20; i++) {
		pa[i].y = 0;
		pb[i].y = 30;
	}
	c = stat_clustering(pa, pb, 20);
	NEAR(c.design, 30);
	CHECK(count_compare(0, 600, 600, 600, &c, 0.95).p < 1e-9);
}

TEST(holm_corrects_for_many_questions)
{
	double p[] = { 0.01, 0.04, NAN, 0.03, 0.005 };

	stat_holm(p, countof(p));
	NEAR(p[0], 0.03);
	NEAR(p[1], 0.06);
	CHECK(isnan(p[2]));
	NEAR(p[3], 0.06);
	NEAR(p[4], 0.02);
}
