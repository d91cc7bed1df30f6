/* sums.c - see sums.h. */
#include "store/sums.h"

const char *const sum_names[SUM_COUNT] = {
#define SUM(id, name) [SUM_##id] = #name,
	SUMS(SUM)
#undef SUM
};

static void add_usage(int64_t *of, const struct token_usage *u)
{
	of[SUM_INPUT] += (int64_t)u->input;
	of[SUM_CACHE_READ] += (int64_t)u->cache_read;
	of[SUM_CACHE_WRITE] += (int64_t)u->cache_write;
	of[SUM_CACHE_WRITE_1H] += (int64_t)u->cache_write_1h;
	of[SUM_OUTPUT] += (int64_t)u->output;
	of[SUM_REASONING] += (int64_t)u->reasoning;
	of[SUM_AUDIO_INPUT] += (int64_t)u->audio_input;
	of[SUM_AUDIO_OUTPUT] += (int64_t)u->audio_output;
	of[SUM_IMAGES] += (int64_t)u->images;
	of[SUM_SEARCHES] += (int64_t)u->searches;
}

static void add_money(int64_t *of, const struct attempt_row *row)
{
	nanousd cost = row_cost(row);

	of[SUM_UNPRICED] += row->number > 0 && cost == COST_UNKNOWN;
	of[SUM_COST] += cost == COST_UNKNOWN ? 0 : cost;
	of[SUM_CHARGED] += row_charged(row);
	of[SUM_CORRECTED] += row->corrected;
}

static void add_flags(int64_t *of, unsigned flags)
{
	if (!flags)
		return;
	of[SUM_EMPTY] += (flags & ROW_EMPTY) != 0;
	of[SUM_NO_FINISH] += (flags & ROW_NO_FINISH) != 0;
	of[SUM_REFUSALS] += (flags & ROW_REFUSAL) != 0;
	of[SUM_CUT] += (flags & ROW_CUT) != 0;
	of[SUM_ZERO_USAGE] += (flags & ROW_ZERO_USAGE) != 0;
	of[SUM_OVER_RESERVED] += (flags & ROW_OVER_RESERVED) != 0;
}

static void add_request(int64_t *of, const struct attempt_row *row)
{
	bool failed = row->client_status >= 400;

	of[SUM_REQUESTS]++;
	of[SUM_FAILED] += failed;
	of[SUM_REFUSED] += row->number == 0;
	of[SUM_RESCUED] += !failed && row->attempts > 1;
}

void sums_add_row(struct sums *to, const struct attempt_row *row)
{
	int64_t *of = to->of;

	of[SUM_ATTEMPTS] += row->number > 0;
	add_money(of, row);
	if (row->state != ROW_DONE) {
		of[SUM_UNSETTLED]++;
		return;
	}
	of[SUM_ERRORS] += row->number > 0 && row->fault.len > 0;
	of[SUM_ESTIMATED] += row->usage_kind == USAGE_ESTIMATED;
	add_usage(of, &row->usage);
	add_flags(of, row->flags);
	if (row->number > 0) {
		of[SUM_TOTAL_US] += row->total;
		of[SUM_FIRST_TOKEN_US] += row->first_token;
		of[SUM_FIRST_TOKENS] += row->first_token > 0;
	}
	if (row->closes)
		add_request(of, row);
}

void sums_add(struct sums *to, const struct sums *more)
{
	for (int i = 0; i < SUM_COUNT; i++)
		to->of[i] += more->of[i];
}
