#include "policy/patience.h"

enum {
	REASONING_TIMES = 4, /* of first_token, for models that reason */
	FIRST_TIMES = 3,     /* of the learned 95th percentile */
	GAP_TIMES = 3,       /* of the learned 99.9th */
};

usec patience_first(const struct route_limits *l, const struct patience_known *k)
{
	usec floor = k->is_last ? l->idle : l->first_token;

	if (!k->streams)
		return l->answer;
	if (k->reasons)
		floor *= REASONING_TIMES;
	return max_of(floor, FIRST_TIMES * k->first_token_p95);
}

usec patience_gap(const struct route_limits *l, const struct patience_known *k)
{
	return max_of(l->idle, GAP_TIMES * k->gap_p999);
}

usec patience_hedge(const struct route_limits *l, const struct patience_known *k)
{
	usec learned = k->streams ? k->first_token_p95 : k->answer_p95;

	if (l->hedge == HEDGE_P95)
		return learned > 0 ? learned : USEC_NEVER;
	return l->hedge == HEDGE_OFF ? USEC_NEVER : l->hedge;
}
