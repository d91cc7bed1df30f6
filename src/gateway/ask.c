#include "gateway/ask.h"

#include "base/mem.h"
#include "policy/price.h"

/* Tokens of an answer: clients ask for far more than they get. */
enum { ANSWER_USUAL = 500 };

/* ---- keys ---- */

uint64_t **ask_marks_new(const struct board *b, const struct config *c)
{
	uint64_t **marks = mem_new((c->provider_count + 1) * sizeof(uint64_t *));

	for (unsigned i = 0; i < c->provider_count; i++) {
		const struct provider *p = &c->providers[i];

		marks[i] = mem_new((p->key_count + 1) * sizeof(uint64_t));
		for (unsigned k = 0; k < p->key_count; k++)
			marks[i][k] = board_mark(b, &p->keys[k]);
	}
	return marks;
}

void ask_marks_free(uint64_t ***at, const struct config *c)
{
	uint64_t **marks = move(*at);

	for (unsigned i = 0; marks && i < c->provider_count; i++)
		free(marks[i]);
	free(marks);
}

struct health *ask_targets_new(struct board *b, uint64_t *const *marks,
                               const struct config *c)
{
	struct health *list = mem_new((c->target_count + 1) * sizeof(struct health));

	for (unsigned r = 0; r < c->route_count; r++) {
		for (unsigned i = 0; i < c->routes[r].target_count; i++) {
			const struct target *t = &c->routes[r].targets[i];

			list[t->number] =
			        health_of(b, t->provider->name,
			                  marks[t->provider->index][0], t->model, true);
		}
	}
	return list;
}

/* ---- facts ---- */

struct health ask_health(const struct ask *a, unsigned candidate, unsigned key)
{
	const struct target *t = &a->candidates->list[candidate];
	const struct provider *p = t->provider;

	if (t->number && key == 0 && a->targets)
		return a->targets[t->number];
	/* Names that only a client has written are not remembered. */
	return health_of(a->board, p->name, a->marks[p->index][key], t->model,
	                 t->is_known || a->candidates->route.len > 0);
}

/* The best that one of its keys would be told. */
static enum health_answer answer_of(const struct ask *a, unsigned candidate,
                                    bool *ret_warm)
{
	const struct provider *p = a->candidates->list[candidate].provider;
	enum health_answer best = HEALTH_ANSWERS;
	unsigned key = 0;
	usec until;

	if (p->disabled.len)
		return HEALTH_DEAD;
	do {
		struct health h = ask_health(a, candidate, key);

		best = min_of(best, health_look(&h, &p->limits,
		                                ask_tokens(a->prompt_size, a->max_tokens),
		                                a->now, &until));
		if (a->session && board_is_warm(a->board, a->session, &h, a->now))
			*ret_warm = true;
	} while (++key < p->key_count);
	return best;
}

/* What the request is likely to cost there: of a warm prompt nine tenths are cached. */
static nanousd cost_of(const struct ask *a, const struct target *t, bool is_warm)
{
	uint64_t input = a->prompt_size / 4, usual = ANSWER_USUAL;
	const struct price *p = price_of(t, input);
	bool by_search = p && p->of[PRICE_SEARCH] != PRICE_UNKNOWN;
	const struct token_usage usage = {
		.input = input,
		.cache_read = is_warm ? input - input / 10 : 0,
		.output = a->max_tokens ? min_of(a->max_tokens, usual) : usual,
		.images = a->images,
		.searches = by_search ? a->searches : 0,
	};

	return price_cost(p, &usage);
}

struct order_target ask_facts(const struct ask *a, unsigned candidate)
{
	const struct target *t = &a->candidates->list[candidate];
	struct health h = ask_health(a, candidate, 0);
	struct order_target f = { .weight = t->weight };
	struct health_view v;

	health_see(&h, a->now, &v);
	f.answer = answer_of(a, candidate, &f.is_warm);
	f.failing = v.failing;
	f.in_flight = v.busy;
	f.time = a->stream ? health_first_token_quantile(&h, 500)
	                   : health_answer_quantile(&h, 500);
	f.cost = cost_of(a, t, f.is_warm);
	return f;
}
