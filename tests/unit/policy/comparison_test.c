/* Trials by the hundred, whose truth is known: how often is a difference found that is
 * not there, and how often one that is?  Everything is drawn from seeds. */
#include "policy/comparison.h"
#include "tests/check.h"

#include <math.h>
#include <stdio.h>

struct chance {
	uint64_t state;
};

static double uniform(struct chance *c)
{
	c->state += 0x9e3779b97f4a7c15;
	uint64_t z = c->state;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	z ^= z >> 31;
	return ((double)(z >> 11) + 0.5) / 9007199254740992.0;
}

/* Skewed as costs, lengths and times are: the largest are many times the median. */
static double skewed(struct chance *c, double median, double sigma)
{
	double normal = sqrt(-2 * log(uniform(c))) * cos(2 * acos(-1.0) * uniform(c));

	return median * exp(sigma * normal);
}

/* What differs between the sides, as factors and shares. */
struct truth {
	double cost, time, length, errors, cached;
};

static const struct truth same = { 1, 1, 1, 0.01, 0.3 };

static struct sample draw(struct chance *c, const struct truth *t)
{
	struct sample s = {
		.is_error = uniform(c) < t->errors,
		.is_empty = uniform(c) < 0.005,
		.has_usage = true,
		.input = (uint64_t)skewed(c, 2000, 1.0),
		.output = (uint64_t)skewed(c, 300 * t->length, 0.8),
	};

	s.cache_read = uniform(c) < t->cached ? s.input * 9 / 10 : 0;
	s.cost = (nanousd)(t->cost * (double)(s.input * 250 + s.output * 2000));
	s.first_token = (usec)skewed(c, 400000 * t->time, 0.5);
	s.total = s.first_token + (usec)(s.output * 20000);
	return s;
}

/* One trial of so many requests to each side. */
static void run(uint64_t seed, unsigned each, const struct truth *candidate,
                struct compared ret[FIGURES])
{
	struct chance c = { seed * 0x2545f4914f6cdd1d };
	struct comparison all = { 0 };

	for (unsigned i = 0; i < each; i++) {
		struct sample s = draw(&c, &same);

		comparison_add(&all, false, &s);
		s = draw(&c, candidate);
		comparison_add(&all, true, &s);
	}
	comparison_finish(&all, ret);
	comparison_done(&all);
}

/* 5 % is promised for all thirteen questions together; with 400 trials the count of false
 * findings exceeds 33 in one of a thousand cases if that is so. */
TEST(no_difference_is_found_where_there_is_none)
{
	const unsigned trials = check_times(400);
	struct compared r[FIGURES];
	unsigned wrong = 0, covered = 0, intervals = 0;

	for (uint64_t seed = 1; seed <= trials; seed++) {
		bool any = false;

		run(seed, 600, &same, r);
		for (unsigned i = 0; i < FIGURES; i++) {
			any |= r[i].is_significant;
			if (!r[i].is_known)
				continue;
			intervals++;
			covered += r[i].d.at.low <= 0 && r[i].d.at.high >= 0;
		}
		wrong += any;
	}
	printf("%u of %u trials without a difference were said to have one\n", wrong,
	       trials);
	CHECK(wrong <= 33);
	/* The intervals, each by itself, are of 95 %. */
	printf("%u of %u intervals hold the truth\n", covered, intervals);
	CHECK(covered >= intervals * 0.94);
}

/* One trial of so many conversations, each drawn for a side as a whole: of its requests
 * some cost and last more than others, fail together, and are read from a cache. */
static void talk(uint64_t seed, unsigned conversations, unsigned turns_most,
                 double dearer, struct compared ret[FIGURES])
{
	struct chance c = { seed * 0x2545f4914f6cdd1d };
	struct comparison all = { 0 };

	for (unsigned i = 1; i <= conversations; i++) {
		bool is_candidate = uniform(&c) < 0.5;
		unsigned turns = 1 + (unsigned)(turns_most * uniform(&c));
		double base = skewed(&c, 1, 0.8), slow = skewed(&c, 1, 0.5);
		bool fails = uniform(&c) < 0.1, is_cached = uniform(&c) < 0.3;
		struct truth t = { is_candidate ? dearer : 1, slow, base,
			           fails ? 0.2 : 0.002, is_cached ? 0.9 : 0.05 };

		for (unsigned turn = 0; turn < turns; turn++) {
			struct sample s = draw(&c, &t);

			s.input = (uint64_t)((double)s.input * base);
			s.cache_read = s.cache_read ? s.input * 9 / 10 : 0;
			s.cost = (nanousd)(t.cost *
			                   (double)(s.input * 250 + s.output * 2000));
			s.conversation = i;
			comparison_add(&all, is_candidate, &s);
		}
	}
	comparison_finish(&all, ret);
	comparison_done(&all);
}

static void look_for_nothing(unsigned trials, unsigned conversations, unsigned turns_most,
                             unsigned wrong_most)
{
	struct compared r[FIGURES];
	unsigned wrong = 0, covered = 0, intervals = 0;

	for (uint64_t seed = 1; seed <= trials; seed++) {
		bool any = false;

		talk(seed, conversations, turns_most, 1, r);
		for (unsigned i = 0; i < FIGURES; i++) {
			any |= r[i].is_significant;
			if (!r[i].is_known)
				continue;
			intervals++;
			covered += r[i].d.at.low <= 0 && r[i].d.at.high >= 0;
		}
		wrong += any;
	}
	printf("%u of %u trials of %u conversations were said to have a difference\n",
	       wrong, trials, conversations);
	CHECK(wrong <= wrong_most);
	printf("%u of %u intervals hold the truth\n", covered, intervals);
	CHECK(covered >= intervals * 0.93);
}

/* The same where requests depend on one another; a count of false findings as large as
 * that comes in one of a thousand cases. */
TEST(no_difference_is_found_between_conversations)
{
	look_for_nothing(check_times(200), 200, 60, 20);
	look_for_nothing(check_times(200), 24, 60, 20); /* of very different lengths */
	look_for_nothing(check_times(60), 4 * GROUPS, 2, 9);
}

TEST(a_difference_between_conversations_is_found)
{
	const unsigned trials = check_times(20);
	struct compared r[FIGURES];
	unsigned found = 0;

	for (uint64_t seed = 1; seed <= trials; seed++) {
		talk(seed, 2000, 60, 1.3, r);
		found += r[FIGURE_COST].is_significant && r[FIGURE_COST].d.value > 0;
	}
	printf("30 %% were found in %u of %u trials of 2000 conversations\n", found,
	       trials);
	CHECK(found >= trials - 1);
}

TEST(a_difference_of_eight_percent_is_found)
{
	const unsigned trials = check_times(60);
	const struct truth dearer = { 1.08, 1, 1, 0.01, 0.3 };
	struct compared r[FIGURES];
	unsigned found = 0, others = 0;
	double between = 0;

	for (uint64_t seed = 1; seed <= trials; seed++) {
		run(seed, 10000, &dearer, r);
		found += r[FIGURE_COST].is_significant && r[FIGURE_COST].d.value > 0;
		between += r[FIGURE_COST].d.value / r[FIGURE_COST].a;
		for (unsigned i = FIGURE_COST + 1; i < FIGURES; i++)
			others += r[i].is_significant;
	}
	printf("8 %% were found in %u of %u trials of 10,000 requests to each side\n",
	       found, trials);
	CHECK(found >= trials - 3);
	CHECK(others <= trials / 10);
	CHECK(fabs(between / trials - 0.08) < 0.01);
}

TEST(each_kind_of_difference_is_found_by_its_figure)
{
	struct truth t = same;
	struct compared r[FIGURES];

	t.time = 1.3;
	run(7, 3000, &t, r);
	CHECK(r[FIGURE_FIRST_P50].is_significant && r[FIGURE_FIRST_P50].d.value > 0);
	CHECK(r[FIGURE_FIRST_P95].is_significant);
	CHECK(!r[FIGURE_COST].is_significant && !r[FIGURE_ERRORS].is_significant);
	t = same;
	t.length = 0.8;
	run(8, 3000, &t, r);
	CHECK(r[FIGURE_OUTPUT].is_significant && r[FIGURE_OUTPUT].d.value < 0);
	CHECK(r[FIGURE_LENGTH].is_significant && r[FIGURE_LENGTH].d.value < 0);
	CHECK(!r[FIGURE_INPUT].is_significant);
	t = same;
	t.errors = 0.04;
	run(9, 3000, &t, r);
	CHECK(r[FIGURE_ERRORS].is_significant && r[FIGURE_ERRORS].d.value > 0);
	t = same;
	t.cached = 0.5;
	run(10, 3000, &t, r);
	CHECK(r[FIGURE_CACHED].is_significant);
	CHECK(fabs(r[FIGURE_CACHED].b - 0.45) < 0.05);
}

TEST(too_little_is_not_compared)
{
	struct comparison c = { 0 };
	struct compared r[FIGURES];
	struct sample s = { .cost = 5, .total = 10 };

	comparison_add(&c, false, &s);
	s.cost = COST_UNKNOWN;
	comparison_add(&c, true, &s);
	comparison_finish(&c, r);
	for (unsigned i = 0; i < FIGURES; i++)
		CHECK(!r[i].is_significant);
	CHECK(!r[FIGURE_COST].is_known && isnan(r[FIGURE_COST].b));
	CHECK_INT(c.candidate.unknown_costs, 1);
	CHECK_INT(c.control.spent, 5);
	CHECK(isnan(comparison_finds(&c)));
	comparison_done(&c);
}

/* More values than are kept: those that are stand for all. */
TEST(a_long_trial_keeps_a_fair_sample)
{
	struct comparison c = { 0 };
	struct compared r[FIGURES];
	uint64_t many = VALUES_MOST + VALUES_MOST / 2;

	for (uint64_t i = 0; i < many; i++) {
		struct sample s = { .cost = 1, .total = (usec)i };

		comparison_add(&c, false, &s);
	}
	CHECK_INT(c.control.total.n, VALUES_MOST);
	CHECK_INT(c.control.total.seen, many);
	comparison_finish(&c, r);
	CHECK(fabs(r[FIGURE_TOTAL_P50].a / (double)many - 0.5) < 0.005);
	CHECK(fabs(r[FIGURE_TOTAL_P95].a / (double)many - 0.95) < 0.005);
	CHECK_INT(c.control.spent, many);
	comparison_done(&c);
}
