/* ordering.c - the candidates of an exchange, put into order by its route's strategy: the
 * facts are gathered here, what follows from them is policy/order.c's. */
#include "gateway/pick.h"

#include "gateway/session.h"
#include "policy/order.h"
#include "policy/price.h"

enum { ANSWER_USUAL = 500 /* tokens, when nobody says how many */ };

/* The best that one of its keys would be told. */
static enum health_answer answer_of(const struct exchange *x, unsigned i, bool *ret_warm)
{
	const struct provider *p = x->candidates.list[i].provider;
	enum health_answer best = HEALTH_ANSWERS;
	struct gateway *g = x->worker->gateway;
	usec now = x->worker->loop.now, until;
	unsigned key = 0;

	if (p->disabled.len)
		return HEALTH_DEAD;
	do {
		struct health h = pick_health(x, i, key);
		enum health_answer a =
		        health_look(&h, &p->limits, pick_estimate(x), now, &until);

		best = min_of(best, a);
		if (x->session && board_is_warm(g->board, x->session, &h, now))
			*ret_warm = true;
	} while (++key < p->key_count);
	return best;
}

/* What the request is likely to cost there: of a warm prompt nine tenths are cached. */
static nanousd cost_of(const struct exchange *x, const struct target *t, bool is_warm)
{
	uint64_t input = x->body_bytes / 4;
	const struct token_usage usage = {
		.input = input,
		.cache_read = is_warm ? input - input / 10 : 0,
		.output = x->skim.max_tokens
		                  ? min_of(x->skim.max_tokens, (uint64_t)ANSWER_USUAL)
		                  : ANSWER_USUAL,
	};

	return t->is_known ? price_cost(&t->facts, &usage) : COST_UNKNOWN;
}

static struct order_target facts_of(const struct exchange *x, unsigned i)
{
	const struct target *t = &x->candidates.list[i];
	struct health h = pick_health(x, i, 0);
	struct order_target f = { .weight = t->weight };
	struct health_view v;

	health_see(&h, x->worker->loop.now, &v);
	f.answer = answer_of(x, i, &f.is_warm);
	f.failing = v.failing;
	f.in_flight = v.busy;
	f.time = x->skim.stream ? health_first_token_quantile(&h, 500)
	                        : health_answer_quantile(&h, 500);
	f.cost = cost_of(x, t, f.is_warm);
	return f;
}

void pick_facts(const struct exchange *x, struct order_target *ret)
{
	for (unsigned i = 0; i < x->candidates.count; i++)
		ret[i] = facts_of(x, i);
}

void pick_order(struct exchange *x)
{
	struct order_target list[TARGETS_MOST];

	for (unsigned i = 0; i < x->candidates.count; i++)
		x->order[i] = (uint8_t)i;
	/* In order: nothing needs to be known before it is their turn. */
	if (x->candidates.strategy == STRATEGY_ORDERED || x->candidates.count < 2)
		return;
	if (!x->session)
		x->session = session_of_body(x);
	pick_facts(x, list);
	order_targets(x->candidates.strategy, list, x->candidates.count,
	              worker_random(x->worker), x->order);
}
