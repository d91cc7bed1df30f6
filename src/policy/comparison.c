#include "policy/comparison.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

const struct figure_row figure_rows[FIGURES] = {
	[FIGURE_COST] = { "cost_nano", "cost per request", FIGURE_MONEY },
	[FIGURE_FIRST_P50] = { "first_token_p50_us", "first token p50", FIGURE_TIME },
	[FIGURE_FIRST_P95] = { "first_token_p95_us", "first token p95", FIGURE_TIME },
	[FIGURE_FIRST_P99] = { "first_token_p99_us", "first token p99", FIGURE_TIME },
	[FIGURE_TOTAL_P50] = { "total_p50_us", "total p50", FIGURE_TIME },
	[FIGURE_TOTAL_P95] = { "total_p95_us", "total p95", FIGURE_TIME },
	[FIGURE_TOTAL_P99] = { "total_p99_us", "total p99", FIGURE_TIME },
	[FIGURE_INPUT] = { "input_tokens", "tokens in", FIGURE_TOKENS },
	[FIGURE_OUTPUT] = { "output_tokens", "tokens out", FIGURE_TOKENS },
	[FIGURE_LENGTH] = { "length_drift", "length drift", FIGURE_SHARE },
	[FIGURE_ERRORS] = { "errors", "errors", FIGURE_SHARE },
	[FIGURE_EMPTY] = { "empty", "empty answers", FIGURE_SHARE },
	[FIGURE_CACHED] = { "cache_hits", "input from cache", FIGURE_SHARE },
};

/* ---- taking samples ---- */

/* The finaliser of splitmix64. */
static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint64_t draw(struct comparison *c)
{
	return mix(c->seed += 0x9e3779b97f4a7c15); /* the same for the same rows */
}

/* The group of a conversation: one of its own as long as there is one near its place. */
static uint32_t group_of(struct side *side, uint64_t conversation)
{
	enum { TRIES = 8 };
	/* By itself, and no other's. */
	uint64_t name = conversation ? conversation : mix(~side->n);
	uint32_t home = (uint32_t)(mix(name) % GROUPS);
	struct groups *g = side->groups;

	if (!g)
		g = side->groups = new_of(struct groups);
	for (uint32_t i = 0; i < TRIES; i++) {
		uint32_t at = (home + i) % GROUPS;

		if (g->name[at] == name)
			return at;
		if (g->name[at])
			continue;
		g->name[at] = name;
		g->count++;
		return at;
	}
	g->is_shared = true;
	return home;
}

/* Beyond VALUES_MOST each value stays with equal chance (a reservoir). */
static void values_add(struct comparison *c, struct values *v, uint32_t group,
                       int64_t value)
{
	uint64_t at = v->seen++;

	if (v->n < VALUES_MOST) {
		if (v->n == v->room) {
			v->room = v->room ? v->room * 2 : 1024;
			v->list = mem_resize(v->list, v->room * sizeof(*v->list));
		}
		v->list[v->n++] = (struct value){ value, group };
		return;
	}
	at = draw(c) % (at + 1);
	if (at < v->n)
		v->list[at] = (struct value){ value, group };
}

static void group_add(struct side *side, enum grouped what, uint32_t group, double x,
                      double y)
{
	struct pair *to = &side->groups->of[what][group];

	to->x += x;
	to->y += y;
}

void comparison_add(struct comparison *c, bool is_candidate, const struct sample *s)
{
	struct side *side = is_candidate ? &c->candidate : &c->control;
	uint32_t group = group_of(side, s->conversation);

	side->n++;
	side->errors += s->is_error;
	group_add(side, GROUPED_ERRORS, group, 1, s->is_error);
	if (s->cost == COST_UNKNOWN) {
		side->unknown_costs++;
	} else {
		side->spent += s->cost;
		group_add(side, GROUPED_COST, group, 1, (double)s->cost);
	}
	if (s->is_error)
		return;
	side->answers++;
	side->empty += s->is_empty;
	group_add(side, GROUPED_EMPTY, group, 1, s->is_empty);
	if (s->first_token > 0)
		values_add(c, &side->first, group, s->first_token);
	values_add(c, &side->total, group, s->total);
	if (!s->has_usage)
		return;
	group_add(side, GROUPED_INPUT, group, 1, (double)s->input);
	group_add(side, GROUPED_OUTPUT, group, 1, (double)s->output);
	group_add(side, GROUPED_CACHED, group, (double)s->input, (double)s->cache_read);
	values_add(c, &side->length, group, (int64_t)s->output);
}

/* ---- comparing ---- */

static int by_value(const void *a, const void *b)
{
	const struct value *one = a, *two = b;

	return one->value < two->value ? -1 : one->value > two->value;
}

static struct sorted sorted_values(struct values *v)
{
	if (v->n)
		qsort(v->list, v->n, sizeof(*v->list), by_value);
	return (struct sorted){ v->list, v->n, GROUPS };
}

static const struct interval nowhere = { NAN, NAN };

static struct ratio ratio_in(const struct side *s, enum grouped what)
{
	return s->groups ? ratio_of(s->groups->of[what], GROUPS) : (struct ratio){ 0 };
}

static struct compared of_ratios(const struct comparison *c, enum grouped what)
{
	const struct ratio a = ratio_in(&c->control, what),
	                   b = ratio_in(&c->candidate, what);

	return (struct compared){
		.a = ratio_value(&a),
		.b = ratio_value(&b),
		.at_a = ratio_interval(&a, COMPARISON_LEVEL),
		.at_b = ratio_interval(&b, COMPARISON_LEVEL),
		.d = ratio_compare(&a, &b, COMPARISON_LEVEL),
	};
}

static struct compared of_quantiles(struct sorted a, struct sorted b, double p)
{
	const struct clustering all = sorted_clustering(a, b, p);
	struct compared r = {
		.a = a.n ? (double)sorted_quantile(a, p) : NAN,
		.b = b.n ? (double)sorted_quantile(b, p) : NAN,
		.at_a = nowhere,
		.at_b = nowhere,
		.d = sorted_compare(a, b, p, &all, COMPARISON_LEVEL),
	};

	if (!sorted_interval(a, p, COMPARISON_LEVEL, all.design, &r.at_a))
		r.at_a = nowhere;
	if (!sorted_interval(b, p, COMPARISON_LEVEL, all.design, &r.at_b))
		r.at_b = nowhere;
	return r;
}

static struct compared of_counts(const struct comparison *c, enum grouped what)
{
	const struct groups *ga = c->control.groups, *gb = c->candidate.groups;
	const struct ratio a = ratio_in(&c->control, what),
	                   b = ratio_in(&c->candidate, what);
	const struct clustering all =
	        ga && gb ? stat_clustering(ga->of[what], gb->of[what], GROUPS)
	                 : (struct clustering){ .design = 1 };

	return (struct compared){
		.a = ratio_value(&a),
		.b = ratio_value(&b),
		.at_a = count_interval(a.y / all.design, a.x / all.design,
		                       COMPARISON_LEVEL),
		.at_b = count_interval(b.y / all.design, b.x / all.design,
		                       COMPARISON_LEVEL),
		.d = count_compare(a.y, a.x, b.y, b.x, &all, COMPARISON_LEVEL),
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

void comparison_finish(struct comparison *c, struct compared ret[FIGURES])
{
	static const double quantiles[] = { 0.5, 0.95, 0.99 };
	struct side *a = &c->control, *b = &c->candidate;
	struct sorted first_a = sorted_values(&a->first),
	              first_b = sorted_values(&b->first);
	struct sorted total_a = sorted_values(&a->total),
	              total_b = sorted_values(&b->total);
	double p[FIGURES];

	ret[FIGURE_COST] = of_ratios(c, GROUPED_COST);
	for (unsigned i = 0; i < countof(quantiles); i++) {
		ret[FIGURE_FIRST_P50 + i] = of_quantiles(first_a, first_b, quantiles[i]);
		ret[FIGURE_TOTAL_P50 + i] = of_quantiles(total_a, total_b, quantiles[i]);
	}
	ret[FIGURE_INPUT] = of_ratios(c, GROUPED_INPUT);
	ret[FIGURE_OUTPUT] = of_ratios(c, GROUPED_OUTPUT);
	ret[FIGURE_LENGTH] =
	        of_drift(sorted_values(&a->length), sorted_values(&b->length));
	ret[FIGURE_ERRORS] = of_counts(c, GROUPED_ERRORS);
	ret[FIGURE_EMPTY] = of_counts(c, GROUPED_EMPTY);
	ret[FIGURE_CACHED] = of_ratios(c, GROUPED_CACHED);
	for (unsigned i = 0; i < FIGURES; i++) {
		ret[i].is_known = ret[i].d.is_known;
		p[i] = ret[i].is_known ? ret[i].d.p : NAN;
	}
	stat_holm(p, FIGURES);
	for (unsigned i = 0; i < FIGURES; i++) {
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
		free(sides[i]->groups);
		sides[i]->groups = NULL;
	}
}

double comparison_finds(const struct comparison *c)
{
	const struct ratio a = ratio_in(&c->control, GROUPED_COST),
	                   b = ratio_in(&c->candidate, GROUPED_COST);
	double reach;

	if (a.groups < 2 || b.groups < 2 || !(a.y > 0))
		return NAN;
	/* Four of five, at the level the first of all questions is held against. */
	reach = stat_normal_quantile(1 - COMPARISON_ALPHA / 2 / FIGURES) +
	        stat_normal_quantile(0.8);
	return reach * sqrt(ratio_variance(&a) + ratio_variance(&b)) / ratio_value(&a);
}
