/* sorted.h - what two samples in ascending order say of one another: quantiles, and which
 * tends to be larger.  Of values in groups (statistics.h).  Pure, in double. */
#pragma once
#include "policy/statistics.h"

struct value {
	int64_t value;
	uint32_t group; /* below sorted.groups */
};
struct sorted {
	const struct value *list;
	size_t n;
	size_t groups; /* of both samples the same number */
};
/* The p-quantile: the value at rank ceil(p n). */
int64_t sorted_quantile(struct sorted s, double p);
/* How values above the p-quantile of both together come in groups. */
struct clustering sorted_clustering(struct sorted a, struct sorted b, double p);
/* From one order statistic to another, whose ranks the binomial distribution gives: for
 * any distribution of values.  design: of their clustering.  False: there are too few for
 * that level. */
bool sorted_interval(struct sorted s, double p, double level, double design,
                     struct interval *ret);
/* The probability is that of the share of each beyond the quantile of both together
 * (count_compare): it needs no model of how values are spread.  The interval is from the
 * spread that the order statistics show (after Price and Bonett). */
struct difference sorted_compare(struct sorted a, struct sorted b, double p,
                                 const struct clustering *c, double level);
/* How likely a value of b is larger than one of a, ties counting half, less 1/2: 0 when
 * neither tends to be longer (Brunner and Munzel; of groups, Obuchowski). */
struct difference sorted_drift(struct sorted a, struct sorted b, double level);
