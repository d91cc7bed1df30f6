#include "policy/histogram.h"

#include "base/compiler.h"
#include "tests/check.h"

#include <pthread.h>
#include <stdlib.h>

static uint64_t chance = 1;

static uint64_t next_chance(void)
{
	chance = chance * 6364136223846793005u + 1442695040888963407u;
	return chance >> 33;
}

static int by_size(const void *a, const void *b)
{
	usec one = *(const usec *)a, two = *(const usec *)b;

	return one < two ? -1 : one > two;
}

/* Within a bucket's width, which is a quarter of an octave at most. */
static void check_near(usec got, usec want)
{
	usec from = want * 4 / 5 - 1300, to = want * 5 / 4 + 1300;

	if (!CHECK(got >= from && got <= to))
		check_failed(__FILE__, __LINE__, "got %lld, want %lld", (long long)got,
		             (long long)want);
}

TEST(buckets_rise_and_hold_what_they_say)
{
	unsigned before = 0;

	CHECK_INT(histogram_bucket(-5), 0);
	CHECK_INT(histogram_bucket(0), 0);
	CHECK_INT(histogram_bucket(INT64_MAX), HISTOGRAM_BUCKETS - 1);
	for (usec v = 1; v < 2000 * USEC_SEC; v += v / 50 + 1) {
		unsigned b = histogram_bucket(v);

		CHECK(b == before || b == before + 1);
		before = b;
	}
	CHECK_INT(before, HISTOGRAM_BUCKETS - 1);
}

TEST(quantiles_are_near_the_exact_ones)
{
	static const unsigned asked[] = { 500, 900, 950, 990, 999 };
	enum { COUNT = 5000 };
	static usec values[COUNT];
	static struct histogram h;

	for (unsigned shape = 0; shape < 3; shape++) {
		h = (struct histogram){ 0 };
		for (int i = 0; i < COUNT; i++) {
			usec v = (usec)(next_chance() % 1000000);

			if (shape == 1) /* most are fast, some very slow */
				v = i % 50 ? v / 10 : v * 50;
			else if (shape == 2)
				v = 20 * USEC_MS + v / 100;
			values[i] = v;
			histogram_add(&h, v, 2 * COUNT, i);
		}
		qsort(values, COUNT, sizeof(*values), by_size);
		CHECK_INT(histogram_count(&h), COUNT);
		for (size_t i = 0; i < countof(asked); i++) {
			usec exact = values[COUNT * asked[i] / 1000 - 1];

			check_near(histogram_quantile(&h, asked[i]), exact);
			check_near(histogram_kept(&h, asked[i]), exact);
		}
	}
}

TEST(a_histogram_forgets)
{
	static struct histogram h;

	for (int i = 0; i < 1000; i++)
		histogram_add(&h, USEC_SEC, 200, 0);
	CHECK(histogram_count(&h) <= 201);
	for (int i = 0; i < 1000; i++)
		histogram_add(&h, 10 * USEC_MS, 200, 0);
	check_near(histogram_quantile(&h, 950), 10 * USEC_MS);
	/* Also what is rare but old. */
	unsigned count = histogram_count(&h);
	histogram_add(&h, USEC_SEC, 200, USEC_HOUR);
	CHECK(histogram_count(&h) <= count / 2 + 1);
}

TEST(nothing_observed_is_no_quantile)
{
	static struct histogram h;

	CHECK_INT(histogram_quantile(&h, 950), 0);
	CHECK_INT(histogram_kept(&h, 950), 0);
}

TEST(a_tally_is_handed_over_whole)
{
	static struct histogram one, other;
	struct histogram_tally t = { 0 };

	for (int i = 0; i < 1000; i++) {
		usec v = (usec)(next_chance() % 3000000);

		histogram_tally(&t, v);
		histogram_add(&other, v, 10000, 0);
	}
	histogram_add_tally(&one, &t, 10000, 0);
	CHECK(t.touched[0] == 0 && t.touched[1] == 0);
	CHECK_INT(histogram_count(&one), 1000);
	CHECK_INT(histogram_quantile(&one, 990), histogram_quantile(&other, 990));
	histogram_add_tally(&one, &t, 10000, 0);
	CHECK_INT(histogram_count(&one), 1000);
}

static void *add_many(void *arg)
{
	struct histogram *h = arg;
	struct histogram_tally t = { 0 };

	for (int i = 0; i < 20000; i++) {
		histogram_add(h, (i % 100) * USEC_MS, 300, i);
		histogram_tally(&t, i);
		if (i % 7 == 0)
			histogram_add_tally(h, &t, 300, i);
		CHECK(histogram_quantile(h, 990) <= 200 * USEC_MS);
	}
	return NULL;
}

TEST(threads_share_a_histogram)
{
	static struct histogram h;
	pthread_t threads[4];
	uint64_t sum = 0;

	for (size_t i = 0; i < countof(threads); i++)
		CHECK_INT(pthread_create(&threads[i], NULL, add_many, &h), 0);
	for (size_t i = 0; i < countof(threads); i++)
		pthread_join(threads[i], NULL);
	for (unsigned b = 0; b < HISTOGRAM_BUCKETS; b++)
		sum += atomic_load(&h.counts[b]);
	CHECK_INT(sum, atomic_load(&h.total));
}
