#include "policy/comparison.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

const struct metric_row comparison_rows[METRICS] = {
	[METRIC_COST] = { "cost_nano", "cost per request", METRIC_MONEY },
	[METRIC_FIRST_P50] = { "first_token_p50_us", "first token p50", METRIC_TIME },
	[METRIC_FIRST_P95] = { "first_token_p95_us", "first token p95", METRIC_TIME },
	[METRIC_FIRST_P99] = { "first_token_p99_us", "first token p99", METRIC_TIME },
	[METRIC_TOTAL_P50] = { "total_p50_us", "total p50", METRIC_TIME },
	[METRIC_TOTAL_P95] = { "total_p95_us", "total p95", METRIC_TIME },
	[METRIC_TOTAL_P99] = { "total_p99_us", "total p99", METRIC_TIME },
	[METRIC_INPUT] = { "input_tokens", "tokens in", METRIC_TOKENS },
	[METRIC_OUTPUT] = { "output_tokens", "tokens out", METRIC_TOKENS },
	[METRIC_LENGTH] = { "length_drift", "length drift", METRIC_SHARE },
	[METRIC_ERRORS] = { "errors", "errors", METRIC_SHARE },
	[METRIC_EMPTY] = { "empty", "empty answers", METRIC_SHARE },
	[METRIC_CACHED] = { "cache_hits", "input from cache", METRIC_SHARE },
};

/* ---- taking samples ---- */

static uint64_t draw(struct comparison *c)
{
	c->seed += 0x9e3779b97f4a7c15; /* splitmix64: the same for the same rows */
	uint64_t z = c->seed;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* Beyond VALUES_MOST each value stays with equal chance (a reservoir). */
static void values_add(struct comparison *c, struct values *v, int64_t value)
{
	uint64_t at = v->seen++;

	if (v->n < VALUES_MOST) {
		if (v->n == v->room) {
			v->room = v->room ? v->room * 2 : 1024;
			v->list = mem_resize(v->list, v->room * sizeof(*v->list));
		}
		v->list[v->n++] = value;
		return;
	}
	at = draw(c) % (at + 1);
	if (at < v->n)
		v->list[at] = value;
}

void comparison_add(struct comparison *c, bool is_candidate, const struct sample *s)
{
	struct side *side = is_candidate ? &c->candidate : &c->control;

	side->n++;
	side->errors += s->is_error;
	if (s->cost == COST_UNKNOWN) {
		side->unknown_costs++;
	} else {
		side->spent += s->cost;
		moments_add(&side->cost, (double)s->cost);
	}
	if (s->is_error)
		return;
	side->answers++;
	side->empty += s->is_empty;
	if (s->first_token > 0)
		values_add(c, &side->first, s->first_token);
	values_add(c, &side->total, s->total);
	if (!s->has_usage)
		return;
	moments_add(&side->input, (double)s->input);
	moments_add(&side->output, (double)s->output);
	ratio_add(&side->cached, (double)s->input, (double)s->cache_read);
	values_add(c, &side->length, (int64_t)s->output);
}

/* ---- comparing ---- */

static int by_value(const void *a, const void *b)
{
	const int64_t *one = a, *two = b;

	return *one < *two ? -1 : *one > *two;
}

static struct sorted sorted_values(struct values *v)
{
	if (v->n)
		qsort(v->list, v->n, sizeof(*v->list), by_value);
	return (struct sorted){ v->list, v->n };
}

static const struct interval nowhere = { NAN, NAN };

static struct compared of_means(const struct moments *a, const struct moments *b)
{
	return (struct compared){
		.a = a->n ? a->mean : NAN,
		.b = b->n ? b->mean : NAN,
		.at_a = moments_interval(a, COMPARISON_LEVEL),
		.at_b = moments_interval(b, COMPARISON_LEVEL),
		.d = moments_compare(a, b, COMPARISON_LEVEL),
	};
}

static struct compared of_quantiles(struct sorted a, struct sorted b, double p)
{
	struct compared r = {
		.a = a.n ? (double)sorted_quantile(a, p) : NAN,
		.b = b.n ? (double)sorted_quantile(b, p) : NAN,
		.at_a = nowhere,
		.at_b = nowhere,
		.d = sorted_compare(a, b, p, COMPARISON_LEVEL),
	};

	if (!sorted_interval(a, p, COMPARISON_LEVEL, &r.at_a))
		r.at_a = nowhere;
	if (!sorted_interval(b, p, COMPARISON_LEVEL, &r.at_b))
		r.at_b = nowhere;
	return r;
}

static struct compared of_counts(uint64_t a, uint64_t of_a, uint64_t b, uint64_t of_b)
{
	return (struct compared){
		.a = of_a ? (double)a / (double)of_a : NAN,
		.b = of_b ? (double)b / (double)of_b : NAN,
		.at_a = count_interval(a, of_a, COMPARISON_LEVEL),
		.at_b = count_interval(b, of_b, COMPARISON_LEVEL),
		.d = count_compare(a, of_a, b, of_b, COMPARISON_LEVEL),
	};
}

static struct compared of_ratios(const struct ratio *a, const struct ratio *b)
{
	return (struct compared){
		.a = ratio_value(a),
		.b = ratio_value(b),
		.at_a = ratio_interval(a, COMPARISON_LEVEL),
		.at_b = ratio_interval(b, COMPARISON_LEVEL),
		.d = ratio_compare(a, b, COMPARISON_LEVEL),
	};
}

/* There is one figure of both, and none of each. */
static struct compared of_drift(struct sorted a, struct sorted b)
{
	return (struct compared){
		.a = NAN,
		.b = NAN,
		.at_a = nowhere,
		.at_b = nowhere,
		.d = sorted_drift(a, b, COMPARISON_LEVEL),
	};
}

void comparison_finish(struct comparison *c, struct compared ret[METRICS])
{
	static const double quantiles[] = { 0.5, 0.95, 0.99 };
	struct side *a = &c->control, *b = &c->candidate;
	struct sorted first_a = sorted_values(&a->first),
	              first_b = sorted_values(&b->first);
	struct sorted total_a = sorted_values(&a->total),
	              total_b = sorted_values(&b->total);
	double p[METRICS];

	ret[METRIC_COST] = of_means(&a->cost, &b->cost);
	for (unsigned i = 0; i < countof(quantiles); i++) {
		ret[METRIC_FIRST_P50 + i] = of_quantiles(first_a, first_b, quantiles[i]);
		ret[METRIC_TOTAL_P50 + i] = of_quantiles(total_a, total_b, quantiles[i]);
	}
	ret[METRIC_INPUT] = of_means(&a->input, &b->input);
	ret[METRIC_OUTPUT] = of_means(&a->output, &b->output);
	ret[METRIC_LENGTH] =
	        of_drift(sorted_values(&a->length), sorted_values(&b->length));
	ret[METRIC_ERRORS] = of_counts(a->errors, a->n, b->errors, b->n);
	ret[METRIC_EMPTY] = of_counts(a->empty, a->answers, b->empty, b->answers);
	ret[METRIC_CACHED] = of_ratios(&a->cached, &b->cached);
	for (unsigned i = 0; i < METRICS; i++) {
		ret[i].is_known = ret[i].d.is_known;
		p[i] = ret[i].is_known ? ret[i].d.p : NAN;
	}
	stat_holm(p, METRICS);
	for (unsigned i = 0; i < METRICS; i++) {
		ret[i].corrected = p[i];
		ret[i].is_significant = ret[i].is_known && p[i] < COMPARISON_ALPHA;
	}
}

static void values_done(struct values *v)
{
	free(v->list);
	*v = (struct values){ 0 };
}

void comparison_done(struct comparison *c)
{
	struct side *sides[] = { &c->control, &c->candidate };

	for (unsigned i = 0; i < countof(sides); i++) {
		values_done(&sides[i]->first);
		values_done(&sides[i]->total);
		values_done(&sides[i]->length);
	}
}

double comparison_finds(const struct comparison *c)
{
	const struct moments *a = &c->control.cost, *b = &c->candidate.cost;
	double reach;

	if (a->n < 2 || b->n < 2 || !(a->mean > 0))
		return NAN;
	/* Four of five, at the level the first of all questions is held against. */
	reach = stat_normal_quantile(1 - COMPARISON_ALPHA / 2 / METRICS) +
	        stat_normal_quantile(0.8);
	return reach *
	       sqrt(moments_variance(a) / (double)a->n +
	            moments_variance(b) / (double)b->n) /
	       a->mean;
}
