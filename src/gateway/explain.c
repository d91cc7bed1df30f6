#include "gateway/explain.h"

#include "gateway/ask.h"
#include "policy/price.h"

enum { BODY_USUAL = 4 * KiB, REASON_MOST = 400 };

static const str strategy_names[STRATEGIES] = {
	[STRATEGY_ORDERED] = STR_INIT("ordered"),
	[STRATEGY_WEIGHTED] = STR_INIT("weighted"),
	[STRATEGY_FASTEST] = STR_INIT("fastest"),
	[STRATEGY_CHEAPEST] = STR_INIT("cheapest"),
	[STRATEGY_LEAST_BUSY] = STR_INIT("least-busy"),
	[STRATEGY_ADAPTIVE] = STR_INIT("adaptive"),
};

static void write_ms(struct json_writer *to, str name, usec span)
{
	if (span > 0)
		json_key_int(to, name, (span + USEC_MS - 1) / USEC_MS);
}

/* ---- health ---- */

static void write_health(struct json_writer *to, const struct health *h,
                         const struct provider *p, usec now)
{
	struct health_view v;
	usec until;
	enum health_answer answer = health_look(h, &p->limits, 0, now, &until);

	health_see(h, now, &v);
	json_key_str(to, STR("answer"), str_from_z(health_answer_name(answer)));
	write_ms(to, STR("until_ms"), until > now ? until - now : 0);
	if (*v.scope)
		json_key_str(to, STR("breaker_of"), str_from_z(v.scope));
	json_key_int(to, STR("failing_per_mille"), v.failing);
	json_key_int(to, STR("attempts"), v.attempts);
	json_key_int(to, STR("in_flight"), v.in_flight);
	if (v.limited_at)
		write_ms(to, STR("limited_ms_ago"), max_of(now - v.limited_at, USEC_MS));
	if (v.requests_left >= 0)
		json_key_int(to, STR("requests_left"), v.requests_left);
	if (v.tokens_left >= 0)
		json_key_int(to, STR("tokens_left"), v.tokens_left);
}

static void write_speed(struct json_writer *to, const struct health *h, usec now)
{
	struct health_view v;

	health_see(h, now, &v);
	write_ms(to, STR("first_token_p50_ms"), health_first_token_quantile(h, 500));
	write_ms(to, STR("first_token_p95_ms"), health_first_token_quantile(h, 950));
	write_ms(to, STR("gap_p999_ms"), health_gap_quantile(h, 999));
	write_ms(to, STR("answer_p50_ms"), health_answer_quantile(h, 500));
	if (v.tokens_per_second)
		json_key_int(to, STR("tokens_per_second"), v.tokens_per_second);
	if (v.context)
		json_key_int(to, STR("learned_context"), v.context);
}

/* ---- price and abilities ---- */

static void write_price(struct json_writer *to, const struct target *t)
{
	const struct price *p = price_of(t, 0);

	if (!p)
		return;
	/* pico-dollars per token are micro-dollars per million */
	json_key(to, STR("micro_usd_per_million"));
	json_open(to, '{');
	for (unsigned i = 0; i <= PRICE_AUDIO_OUTPUT; i++)
		if (p->of[i] != PRICE_UNKNOWN)
			json_key_int(to, price_class_names[i], p->of[i]);
	json_close(to, '}');
}

static void write_abilities(struct json_writer *to, const struct target *t)
{
	static const struct {
		unsigned bit;
		str name;
	} abilities[] = {
		{ CATALOG_REASONING, STR_INIT("reasoning") },
		{ CATALOG_TOOLS, STR_INIT("tools") },
		{ CATALOG_SCHEMA, STR_INIT("schema") },
		{ CATALOG_IMAGE_IN, STR_INIT("images") },
		{ CATALOG_AUDIO_IN, STR_INIT("audio") },
		{ CATALOG_PDF_IN, STR_INIT("pdf") },
	};

	if (!t->is_known)
		return;
	if (t->facts.context)
		json_key_int(to, STR("context"), t->facts.context);
	json_key(to, STR("abilities"));
	json_open(to, '[');
	for (size_t i = 0; i < countof(abilities); i++)
		if (t->facts.bits & abilities[i].bit)
			json_str(to, abilities[i].name);
	json_close(to, ']');
}

/* ---- reasons ---- */

/* Why one is passed over; NULL: it takes a request. */
static const char *refusal(enum health_answer answer, const struct health_view *v)
{
	switch (answer) {
	case HEALTH_OK:
	case HEALTH_PROBE:
		return NULL;
	case HEALTH_SCARCE:
		return "passed over: by its rate headers it has no room";
	case HEALTH_PACED:
		return "passed over: it answered 429 and wants to be left alone";
	case HEALTH_FULL:
		return "passed over: a limit of the configuration is reached";
	case HEALTH_ILL:
		return strcmp(v->scope, "key") == 0 ? "passed over: it refuses the key, "
		                                      "or the account is empty"
		                                    : "passed over: it kept failing";
	case HEALTH_DEAD:
	case HEALTH_ANSWERS:
		break;
	}
	return "passed over: nobody answers there";
}

static void add_figures(struct buf *to, enum strategy s, const struct order_target *f,
                        uint64_t score)
{
	switch (s) {
	case STRATEGY_ORDERED:
	case STRATEGIES:
		break;
	case STRATEGY_WEIGHTED:
		buf_addf(to, ", weight %u", f->weight);
		break;
	case STRATEGY_FASTEST:
		if (f->time)
			buf_addf(to, ", %lld ms to the first token",
			         (long long)(f->time / USEC_MS));
		else
			buf_add(to, STR(", its time is not known yet"));
		break;
	case STRATEGY_CHEAPEST:
		if (f->cost == COST_UNKNOWN)
			buf_add(to, STR(", its price is not known"));
		else
			buf_addf(to, ", about %lld nano-dollars", (long long)f->cost);
		break;
	case STRATEGY_LEAST_BUSY:
		buf_addf(to, ", %u requests under way, weight %u", f->in_flight,
		         f->weight);
		break;
	case STRATEGY_ADAPTIVE:
		buf_addf(to, ", score %llu (1000 is the best possible)",
		         (unsigned long long)score);
		break;
	}
}

static void write_reason(struct json_writer *to, const struct ask *a, unsigned candidate,
                         unsigned place, const struct order_target *list,
                         const struct health *h)
{
	const struct candidates *c = a->candidates;
	const struct order_target *f = &list[candidate];
	struct buf text = BUF_LIMIT(REASON_MOST);
	struct health_view v;
	const char *no;

	health_see(h, a->now, &v);
	no = refusal(f->answer, &v);

	const struct provider *p = c->list[candidate].provider;
	if (p->disabled.len)
		buf_addf(&text, "disabled: %.*s", STR_ARG(p->disabled));
	else if (p->missing.len) /* no gateway's, but a command's without its variables */
		buf_addf(&text, "no key here (%.*s): a gateway without it leaves it out",
		         STR_ARG(p->missing));
	else if (no)
		buf_add(&text, str_from_z(no));
	else if (f->answer == HEALTH_PROBE)
		buf_add(&text, STR("may be well again: the next request finds out"));
	else
		buf_addf(&text, "%s by strategy %.*s", place ? "next" : "first",
		         STR_ARG(strategy_names[c->strategy]));
	if (!no)
		add_figures(&text, c->strategy, f,
		            order_score(list, c->count, candidate));
	json_key_str(to, STR("reason"), buf_str(&text));
	buf_free(&text);
}

/* ---- all of it ---- */

static void write_candidate(struct json_writer *to, const struct ask *a,
                            unsigned candidate, unsigned place,
                            const struct order_target *list)
{
	const struct target *t = &a->candidates->list[candidate];
	unsigned key = 0;
	struct health h = ask_health(a, candidate, 0);

	json_open(to, '{');
	json_key_str(to, STR("provider"), t->provider->name);
	json_key_str(to, STR("model"), t->model);
	write_reason(to, a, candidate, place, list, &h);
	write_health(to, &h, t->provider, a->now);
	write_speed(to, &h, a->now);
	if (list[candidate].cost != COST_UNKNOWN)
		json_key_int(to, STR("cost_nano_usd"), list[candidate].cost);
	write_price(to, t);
	write_abilities(to, t);
	if (t->provider->key_count > 1) {
		json_key(to, STR("keys"));
		json_open(to, '[');
		for (; key < t->provider->key_count; key++) {
			h = ask_health(a, candidate, key);
			json_open(to, '{');
			write_health(to, &h, t->provider, a->now);
			json_close(to, '}');
		}
		json_close(to, ']');
	}
	json_close(to, '}');
}

/* One that is no candidate: who forbids it, and what. */
static void write_forbidden(struct json_writer *to, const struct target *t,
                            enum access_answer why, const struct tenant_row *by)
{
	struct buf text = BUF_LIMIT(REASON_MOST);

	buf_addf(&text, "not a candidate: %.*s for %s \"%.*s\"",
	         STR_ARG(access_text(why)),
	         by->kind == TENANT_KEY            ? "the key"
	         : by->kind == TENANT_TEAM         ? "the team"
	         : by->kind == TENANT_ORGANISATION ? "the organisation"
	                                           : "the user",
	         STR_ARG(by->name));
	json_open(to, '{');
	json_key_str(to, STR("provider"), t->provider->name);
	json_key_str(to, STR("model"), t->model);
	json_key_bool(to, STR("allowed"), false);
	json_key_str(to, STR("reason"), buf_str(&text));
	json_close(to, '}');
	buf_free(&text);
}

static bool wants_phi(const struct candidates *found, const struct access *access)
{
	bool wants = found->phi;

	for (unsigned i = 0; access && i < access->count; i++)
		wants |= access->rows[i]->phi;
	return wants;
}

/* The provider has not promised to keep nothing. */
static void write_unmarked(struct json_writer *to, const struct target *t)
{
	json_open(to, '{');
	json_key_str(to, STR("provider"), t->provider->name);
	json_key_str(to, STR("model"), t->model);
	json_key_bool(to, STR("allowed"), false);
	json_key_str(to, STR("reason"),
	             STR("not a candidate: phi is on, and the provider is not marked "
	                 "`phi: allowed`"));
	json_close(to, '}');
}

/* Those that are allowed, in their order; then the others. */
static void write_candidates(struct json_writer *to, const struct ask *a,
                             const struct order_target *list, const uint8_t *order,
                             const struct access *access)
{
	const struct candidates *found = a->candidates;
	const struct tenant_row *by;
	bool phi = wants_phi(found, access);
	unsigned place = 0;

	if (phi)
		json_key_bool(to, STR("phi"), true);
	json_key(to, STR("candidates"));
	json_open(to, '[');
	for (int pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < found->count; i++) {
			const struct target *t = &found->list[order[i]];
			enum access_answer answer =
			        access ? access_target(access, found->route, t, &by)
			               : ACCESS_ALLOWED;

			bool unmarked = phi && t->provider->phi != PHI_ALLOWED;

			if (pass == 0 && answer == ACCESS_ALLOWED && !unmarked)
				write_candidate(to, a, order[i], place++, list);
			else if (pass == 1 && answer != ACCESS_ALLOWED)
				write_forbidden(to, t, answer, by);
			else if (pass == 1 && unmarked)
				write_unmarked(to, t);
		}
	}
	json_close(to, ']');
}

fault_t explain_model(struct board *b, const struct config *c, str model,
                      const struct access *access, usec now, struct json_writer *to)
{
	struct arena keep = { .ceiling = MiB };
	struct candidates found;
	fault_t why = resolve_model(c, model, &keep, &found);

	if (!why) {
		struct order_target list[TARGETS_MOST];
		uint8_t order[TARGETS_MOST];
		uint64_t **marks = ask_marks_new(b, c);
		struct ask a = { .board = b,
			         .marks = marks,
			         .candidates = &found,
			         .prompt_size = BODY_USUAL,
			         .stream = true,
			         .now = now };

		for (unsigned i = 0; i < found.count; i++)
			list[i] = ask_facts(&a, i);
		order_targets(found.strategy, list, found.count, 0, order);
		json_key_str(to, STR("model"), model);
		if (found.route.len)
			json_key_str(to, STR("route"), found.route);
		json_key_str(to, STR("strategy"), strategy_names[found.strategy]);
		write_candidates(to, &a, list, order, access);
		ask_marks_free(&marks, c);
	}
	arena_done(&keep);
	return why;
}

void explain_providers(struct board *b, const struct config *c, usec now,
                       struct json_writer *to)
{
	json_key(to, STR("providers"));
	json_open(to, '[');
	for (unsigned i = 0; i < c->provider_count; i++) {
		const struct provider *p = &c->providers[i];
		unsigned key = 0, refused = 0;
		struct health h;
		usec until;

		do {
			uint64_t mark =
			        key < p->key_count ? board_mark(b, &p->keys[key]) : 0;
			struct health one = health_of(b, p->name, mark, STR_NONE, false);

			if (key == 0)
				h = one;
			one.provider = NULL;
			refused += health_look(&one, NULL, 0, now, &until) >= HEALTH_ILL;
		} while (++key < p->key_count);
		json_open(to, '{');
		json_key_str(to, STR("name"), p->name);
		h.key = NULL;
		write_health(to, &h, p, now);
		json_key_int(to, STR("keys_benched"), refused);
		json_close(to, '}');
	}
	json_close(to, ']');
}
