/* Figures in these tests were computed by SciPy 1.10. */
#include "policy/statistics.h"
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

TEST(means_are_compared_by_welch)
{
	static const double first[] = { 27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1,
		                        21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4 };
	static const double second[] = { 27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8,
		                         22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 30.5 };
	struct moments a = { 0 }, b = { 0 }, none = { 0 };
	struct difference d;

	for (size_t i = 0; i < countof(first); i++)
		moments_add(&a, first[i]);
	for (size_t i = 0; i < countof(second); i++)
		moments_add(&b, second[i]);
	d = moments_compare(&a, &b, 0.95);
	NEAR(d.value, 2.78);
	NEAR(d.p, 0.011616192002630836);
	NEAR(d.at.low, 0.673269955629411);
	NEAR(d.at.high, 4.886730044370591);
	NEAR(a.mean, 20.82);
	NEAR(moments_interval(&a, 0.95).low, 19.266701652451875);
	NEAR(moments_interval(&a, 0.95).high, 22.37329834754812);
	CHECK(!moments_compare(&a, &none, 0.95).is_known);
	CHECK(isnan(moments_interval(&none, 0.95).low));
}

TEST(what_does_not_vary_is_equal_or_not)
{
	struct moments a = { 0 }, b = { 0 }, c = { 0 };

	for (int i = 0; i < 3; i++) {
		moments_add(&a, 5);
		moments_add(&b, 5);
		moments_add(&c, 6);
	}
	NEAR(moments_compare(&a, &b, 0.95).p, 1);
	/* 20 ways to deal six values to two sides, and two that are as uneven. */
	NEAR(moments_compare(&a, &c, 0.95).p, 0.1);
	CHECK(isnan(moments_compare(&a, &c, 0.95).at.low));
	for (int i = 0; i < 10; i++) {
		moments_add(&a, 5);
		moments_add(&c, 6);
	}
	CHECK(moments_compare(&a, &c, 0.95).p < 1e-6);
	NEAR(moments_compare(&a, &c, 0.95).at.low, 1);
}

/* However far apart they are. */
TEST(few_values_do_not_say_much)
{
	static const int64_t low[] = { 6, 7, 8 }, high[] = { 900, 1000, 1100 };
	struct sorted a = { low, countof(low) }, b = { high, countof(high) };
	struct moments ma = { 0 }, mb = { 0 };
	struct difference d;

	for (size_t i = 0; i < countof(low); i++) {
		moments_add(&ma, (double)low[i]);
		moments_add(&mb, (double)high[i]);
	}
	NEAR(moments_compare(&ma, &mb, 0.95).p, 0.1);
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
	struct difference d = count_compare(48, 80, 56, 70, 0.95);
	NEAR(d.value, 0.2);
	NEAR(d.at.low, 0.05243147240236498);
	NEAR(d.at.high, 0.333872654036906);
	CHECK(!count_compare(0, 0, 1, 2, 0.95).is_known);
}

TEST(quantiles_lie_between_order_statistics)
{
	int64_t list[1000];
	struct sorted s = { list, 300 };
	struct interval at;

	for (int i = 0; i < 1000; i++)
		list[i] = i + 1; /* the value is the rank */
	CHECK_INT(sorted_quantile(s, 0.5), 150);
	CHECK_INT(sorted_quantile(s, 0.95), 285);
	CHECK(sorted_interval(s, 0.95, 0.95, &at));
	NEAR(at.low, 277);
	NEAR(at.high, 293);
	s.n = 100;
	CHECK(sorted_interval(s, 0.5, 0.95, &at));
	NEAR(at.low, 40);
	NEAR(at.high, 61);
	s.n = 1000;
	CHECK(sorted_interval(s, 0.99, 0.95, &at));
	NEAR(at.low, 983);
	NEAR(at.high, 997);
	/* The largest of so few may still be below the quantile. */
	s.n = 59;
	CHECK(!sorted_interval(s, 0.95, 0.95, &at));
	s.n = 0;
	CHECK(!sorted_interval(s, 0.5, 0.95, &at));
	CHECK(!sorted_compare(s, s, 0.5, 0.95).is_known);
}

TEST(drift_is_that_of_brunner_and_munzel)
{
	const int64_t a[] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 4 };
	const int64_t b[] = { 1, 1, 1, 2, 3, 3, 3, 3, 4, 4, 5 };
	struct sorted sa = { a, countof(a) }, sb = { b, countof(b) };
	struct difference d = sorted_drift(sa, sb, 0.95);

	NEAR(d.value, 0.288961038961039);
	NEAR(d.p, 0.005786208666151538);
	d = sorted_drift(sa, sa, 0.95);
	NEAR(d.value, 0);
	NEAR(d.p, 1);
}

TEST(ratios_of_sums)
{
	struct ratio a = { 0 }, b = { 0 }, none = { 0 };

	for (int i = 1; i <= 50; i++) {
		ratio_add(&a, i, i % 3 ? 0 : i);
		ratio_add(&b, i, i % 3 ? i : 0);
	}
	NEAR(ratio_value(&a), 408.0 / 1275);
	NEAR(ratio_value(&b), 867.0 / 1275);
	CHECK(ratio_interval(&a, 0.95).low < 408.0 / 1275 &&
	      ratio_interval(&a, 0.95).high > 408.0 / 1275);
	CHECK(ratio_compare(&a, &b, 0.95).p < 0.01);
	NEAR(ratio_compare(&a, &a, 0.95).p, 1);
	CHECK(!ratio_compare(&a, &none, 0.95).is_known);
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
