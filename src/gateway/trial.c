#include "gateway/trial.h"

#include "base/log.h"
#include "gateway/attempt.h"
#include "gateway/permit.h"
#include "gateway/pick.h"
#include "gateway/session.h"
#include "gateway/tenancy.h"
#include "policy/price.h"
#include "policy/ratio.h"
#include "policy/trial.h"
#include "store/row.h"

enum { ANSWER_USUAL = 500 /* tokens, when nobody says how many */ };

/* ---- the two sides ---- */

static unsigned without_twins(const struct candidates *c, const struct target *t)
{
	for (unsigned i = 0; i < c->count; i++)
		if (c->list[i].provider == t->provider &&
		    str_eq(c->list[i].model, t->model))
			return 0;
	return 1;
}

/* The candidate's targets, and behind them the control's that are not among them. */
static bool take_candidate(struct exchange *x)
{
	struct candidates control = x->candidates, c;
	struct route_limits *limits;
	struct target *list;

	if (resolve_model(x->plan->config, x->trial->candidate_name, &x->arena, &c))
		return false;
	list = arena_try(&x->arena, TARGETS_MOST * sizeof(*list));
	if (!list)
		return false;
	memcpy(list, c.list, c.count * sizeof(*list));
	x->trial_targets = c.count;
	c.list = list;
	for (unsigned i = 0; i < control.count && c.count < TARGETS_MOST; i++) {
		if (!without_twins(&c, &control.list[i]))
			continue;
		list[c.count++] = control.list[i];
	}
	limits = arena_alloc(&x->arena, sizeof(*limits));
	*limits = *c.limits;
	limits->attempts += control.limits->attempts;
	c.limits = limits;
	c.route = control.route; /* which the client has asked */
	c.phi |= control.phi;
	x->candidates = c;
	return true;
}

/* What the candidate is likely to cost, with the first of its targets that has a price; 0
 * when none has. */
static nanousd likely_cost(const struct exchange *x)
{
	const struct token_usage usage = {
		.input = ratio_tokens(NULL, x->prompt_size),
		.output = x->skim.max_tokens ? x->skim.max_tokens : ANSWER_USUAL,
	};

	for (unsigned i = 0; i < x->trial_targets; i++) {
		const struct target *t = &x->candidates.list[i];
		nanousd cost = price_cost(price_of(t, usage.input), &usage);

		if (cost != COST_UNKNOWN)
			return cost;
	}
	return 0;
}

/* Sets the likely cost aside.  False: max_cost does not allow it. */
static bool reserve(struct exchange *x)
{
	bool stopped;

	if (trial_reserve(x->trial, x->trial_account, likely_cost(x), &x->trial_held,
	                  &stopped))
		return true;
	if (stopped)
		log_warn("trial %.*s stops: its candidate would cost more than max_cost",
		         STR_ARG(x->trial->name));
	return false;
}

/* Of an application that names one user for all its conversations each is drawn by
 * itself: the user counts only where there is no conversation. */
static uint64_t conversation_of(struct exchange *x)
{
	if (!x->session)
		x->session = session_of_body(x);
	if (x->session)
		return x->session;
	return x->user.len ? board_hash(x->worker->gateway->board, 4, x->user) : 0;
}

static bool picks(const struct trial *t, struct exchange *x)
{
	x->conversation = conversation_of(x);
	return trial_picks(t, x->conversation ? x->conversation : x->id);
}

static bool does_run(const struct exchange *x, const struct trial *t)
{
	return trial_state(t, x->plan->trials[t->index], x->worker->loop.wall) ==
	       TRIAL_RUNS;
}

void trial_route(struct exchange *x)
{
	const struct config *c = x->plan->config;
	const struct trial *t =
	        c->trial_count ? config_trial_of(c, x->candidates.route) : NULL;
	struct candidates control = x->candidates;

	if (!t || !does_run(x, t))
		return;
	x->trial = t;
	x->trial_account = x->plan->trials[t->index];
	if (t->is_shadow || !picks(t, x))
		return;
	if (take_candidate(x) && reserve(x))
		return;
	x->candidates = control;
	x->trial_targets = 0;
	x->trial = NULL; /* it would have been the candidate's: it proves nothing */
}

void trial_order(struct exchange *x)
{
	uint8_t order[TARGETS_MOST];
	unsigned count = 0;

	if (!x->trial_targets)
		return;
	for (int pass = 0; pass < 2; pass++)
		for (unsigned i = 0; i < x->candidates.count; i++)
			if ((x->order[i] < x->trial_targets) == (pass == 0))
				order[count++] = x->order[i];
	memcpy(x->order, order, count);
}

bool trial_other_side(struct exchange *x)
{
	if (!x->trial || x->trial->is_shadow || x->trial_targets)
		return false;
	return take_candidate(x) && reserve(x);
}

/* ---- shadows ---- */

/* Does anything in it change, or speak of, what a provider keeps?  Inside a string the
 * quotes would be escaped; a text that is one of these words costs a shadow, no more. */
static bool has_effects(const struct exchange *x)
{
	static const str words[] = {
		STR_INIT("\"file_id\""),        STR_INIT("\"fileUri\""),
		STR_INIT("\"file_ids\""),       STR_INIT("\"vector_store_ids\""),
		STR_INIT("\"container\""),      STR_INIT("\"mcp_servers\""),
		STR_INIT("\"server_url\""),     STR_INIT("\"server_label\""),
		STR_INIT("\"cachedContent\""),  STR_INIT("\"item_reference\""),
		STR_INIT("\"background\""),     STR_INIT("\"file_uri\""),
		STR_INIT("\"cached_content\""),
	};
	str body = retained_str(&x->body);

	if (skim_is_kept(&x->skim))
		return true;
	if (!x->skim.unstored && (x->endpoint->wire->format == WIRE_OPENAI_RESPONSES ||
	                          str_has(body, STR("\"store\""))))
		return true;
	for (size_t i = 0; i < countof(words); i++)
		if (str_has(body, words[i]))
			return true;
	return false;
}

static bool may_have_shadow(const struct exchange *x)
{
	switch (x->endpoint->operation) {
	case OP_CHAT:
	case OP_COMPLETIONS:
	case OP_EMBEDDINGS:
	case OP_MODERATIONS:
	case OP_RERANK:
		return x->body_whole && !x->body_dropped && !has_effects(x);
	case OP_IMAGES:
	case OP_IMAGE_EDITS:
	case OP_IMAGE_VARIATIONS:
	case OP_SPEECH:
	case OP_TRANSCRIPTIONS:
	case OP_TRANSLATIONS:
	case OP_COUNT:
	case OP_STORED:
	case OPERATIONS:
		break;
	}
	return false;
}

/* The request again, in memory of its own. False: there is no room for it. */
static bool copy_request(struct exchange *s, const struct exchange *x)
{
	bool is_enough;
	str detail;

	s->key = x->key;
	s->peer = arena_copy(&s->arena, x->peer);
	s->agent = arena_copy(&s->arena, x->agent);
	s->content_type = arena_copy(&s->arena, x->content_type);
	s->query = arena_copy(&s->arena, x->query);
	s->forward = arena_copy(&s->arena, x->forward);
	s->features = arena_copy(&s->arena, x->features);
	s->user = arena_copy(&s->arena, x->user);
	s->phi = x->phi;
	s->path_model = arena_copy(&s->arena, x->path_model);
	s->as_array = x->as_array;
	s->strict = x->strict;
	s->session = x->session;
	s->conversation = x->conversation;
	s->no_resume = s->no_hedge = s->no_hold = true;
	s->body_bytes = x->body_bytes;
	s->body_length = x->body_length;
	s->body_asked = s->body_whole = true;
	s->body.most_memory = x->plan->config->memory / 4;
	return retained_reserve(&s->body, x->body.len) &&
	       retained_add(&s->body, retained_str(&x->body)) &&
	       !exchange_skim(s, &is_enough, &detail);
}

/* What its key may ask for over the route that the client has asked, as in a split. */
static bool permit_shadow(struct exchange *s)
{
	str own = s->candidates.route, detail;
	fault_t why;

	s->candidates.route = s->trial->route_name;
	why = permit_candidates(s, true, &detail);
	s->candidates.route = own;
	return !why;
}

/* The candidate's own route and nothing behind it. */
static bool find_shadow_candidates(struct exchange *s)
{
	const struct route_limits *limits;

	if (resolve_model(s->plan->config, s->trial->candidate_name, &s->arena,
	                  &s->candidates))
		return false;
	s->trial_targets = s->candidates.count;
	s->candidates.resume = RESUME_OFF;
	pick_order(s);
	if (!permit_shadow(s))
		return false;
	limits = s->candidates.limits;
	s->total_at = s->began + (s->skim.stream ? limits->total_stream : limits->total);
	return reserve(s);
}

static bool begin_shadow(struct exchange *x)
{
	struct worker *w = x->worker;
	struct exchange *s = exchange_make(w, x->endpoint, w->loop.now);

	s->client = arena_new(&s->arena, struct http_conn);
	http_conn_init_deaf(s->client, &w->server);
	s->is_shadow = true;
	s->trial = x->trial;
	s->trial_account = x->trial_account;
	w->shadows++;
	if (!copy_request(s, x) || !tenancy_follow(s) || !find_shadow_candidates(s)) {
		exchange_drop(s);
		return false;
	}
	/* Its turn comes when this one is over. */
	s->step = STEP_TRY;
	s->retry_at = w->loop.now + 1;
	exchange_arm(s);
	return true;
}

void trial_begin(struct exchange *x)
{
	const struct trial *t = x->trial;
	struct trial_account *a = x->trial_account;

	if (!t)
		return;
	if (!t->is_shadow) {
		/* What is kept elsewhere may have left none of the candidate's. */
		if (x->order[0] >= x->trial_targets)
			x->trial_targets = 0;
		atomic_fetch_add_explicit(x->trial_targets ? &a->candidates
		                                           : &a->controls,
		                          1, memory_order_relaxed);
		return;
	}
	/* The control proves something only beside its shadow. */
	if (!may_have_shadow(x) || !picks(t, x)) {
		x->trial = NULL;
	} else if (x->worker->shadows >= SHADOWS_MOST || x->worker->server.draining ||
	           !begin_shadow(x)) {
		atomic_fetch_add_explicit(&a->skipped, 1, memory_order_relaxed);
		x->trial = NULL;
	} else {
		atomic_fetch_add_explicit(&a->controls, 1, memory_order_relaxed);
		atomic_fetch_add_explicit(&a->shadows, 1, memory_order_relaxed);
	}
}

/* ---- what it was ---- */

unsigned trial_flags(const struct exchange *x, const struct target *t)
{
	bool is_candidate = (size_t)(t - x->candidates.list) < x->trial_targets;

	return (is_candidate ? ROW_CANDIDATE : 0u) | (x->is_shadow ? ROW_SHADOW : 0u);
}

void trial_add_cost(struct exchange *x, const struct target *t, nanousd cost)
{
	if (x->trial && cost != COST_UNKNOWN && trial_flags(x, t) & ROW_CANDIDATE)
		x->trial_cost += cost;
}

void trial_add_header(const struct exchange *x, struct buf *to)
{
	if (!x->trial)
		return;
	buf_put(to, STR("x-sluice-trial: "));
	buf_put(to, x->trial->name);
	buf_put(to, x->trial_targets ? STR("/candidate\r\n") : STR("/control\r\n"));
}

void trial_end(struct exchange *x)
{
	if (x->is_shadow)
		x->worker->shadows--;
	if (x->trial_account && (x->trial_held || x->trial_cost))
		trial_settle(x->trial_account, x->trial_held, x->trial_cost);
	x->trial_held = x->trial_cost = 0;
}
