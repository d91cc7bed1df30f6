#include "gateway/tags.h"
#include "gateway/tenancy.h"

#include "codec/multipart.h"
#include "config/key.h"
#include "gateway/attached.h"
#include "gateway/capture.h"
#include "gateway/permit.h"
#include "gateway/pick.h"
#include "gateway/pinned.h"
#include "gateway/resume.h"
#include "policy/price.h"
#include "policy/ratio.h"
#include "wire/rank.h"
#include "wire/tap.h"

enum {
	CAP = 4096,          /* tokens of an answer that nothing else bounds */
	TOKENS_LIKELY = 512, /* of an answer, for soft budgets, until more is known */
	BYTES_A_TOKEN = 4,   /* usually */
	CONTEXT_MOST = 1024 * 1024, /* of a model whose context nobody knows */
	SOUND_BYTES_A_TOKEN = 64,   /* at least, of a recording */
	GO_ON_WORDS = 512, /* bytes of the words that ask to go on with an answer */
	/* Tokens of one picture at most, however few its bytes: gpt-4o-mini's, who counts
	 * the most, 2,833 and 5,667 for each of the 4 x 2 tiles of 512 pixels which are
	 * left of the largest (OpenAI's guide "Images and vision"). */
	PICTURE_MOST = 2833 + 8 * 5667,
	/* Of one that is made: gpt-image-1's of high quality, 1024 x 1536, and three that
	 * are shown on the way (OpenAI's guide "Image generation"). */
	PICTURE_MADE_MOST = 6240 + 3 * 100,
	PICTURES_TAKEN = 16 + 1,  /* that one request changes at most, with a mask, */
	PICTURE_WORDS = 32000,    /* by so many bytes of words */
	PICTURE_BYTES_LEAST = 64, /* of a file that is a picture */
};

/* ---- ADMIT ---- */

/* What a request takes of tokens a minute, as far as can be told. */
static uint64_t claimed_tokens(const struct exchange *x)
{
	bool is_chat = operations[x->endpoint->operation].is_chat;
	uint64_t answer = is_chat ? x->skim.max_tokens * skim_generated(&x->skim) : 0;

	return ratio_tokens(NULL, x->prompt_size) + answer;
}

static fault_t limit_fault(enum tenant_cap cap)
{
	return cap == TENANT_TPM          ? FAULT_LIMIT_TOKENS
	       : cap == TENANT_CONCURRENT ? FAULT_LIMIT_CONCURRENT
	                                  : FAULT_LIMIT_REQUESTS;
}

/* What the key and its team are counted under holds, whatever the request says. */
static void take_tags(struct exchange *x)
{
	const struct tenant *team = tenant_chain_of(&x->chain, TENANT_TEAM);
	const struct tenant *key = tenant_chain_of(&x->chain, TENANT_KEY);
	str of_team = team ? tenant_row(team)->tags : STR_NONE;
	str of_key = key ? tenant_row(key)->tags : STR_NONE;

	if (of_team.len)
		x->tags = tags_join(&x->arena, of_team, x->tags);
	if (of_key.len)
		x->tags = tags_join(&x->arena, of_key, x->tags);
}

/* A key is no name: the ledger hides it, and knows the user by what is left. */
static void hide_user(struct exchange *x)
{
	str user = str_first(x->user, TENANT_USER_NAME);
	char *name = arena_alloc(&x->arena, user.len);

	key_hide(memcpy(name, user.ptr, user.len), user.len);
	x->user = str_of(name, user.len);
}

fault_t tenancy_admit(struct exchange *x, str *ret_detail)
{
	struct tenants *t = x->worker->gateway->tenants;
	const struct loop *loop = &x->worker->loop;
	struct tenant_refusal refusal;
	struct tenant_rates rates;
	fault_t why;

	if (!x->user.len)
		x->user = x->skim.user;
	if (unlikely(key_stands_in(x->user)))
		hide_user(x);
	if (!t)
		return NULL;
	why = tenants_chain(t, x->key, x->user, loop->now, loop->wall, &x->chain);
	if (!why)
		take_tags(x);
	if (why || likely(!x->chain.bounded))
		return why;
	if (tenant_admit(&x->chain, claimed_tokens(x), loop->now, &rates, &refusal)) {
		tenancy_say_rates(x, &rates);
		return NULL;
	}
	tenancy_say_rates(x, &rates);
	x->come_back = max_of(refusal.wait, USEC_SEC);
	*ret_detail = tenancy_say_refusal(x, &refusal, 0);
	return limit_fault(refusal.cap);
}

bool tenancy_follow(struct exchange *shadow)
{
	struct tenants *t = shadow->worker->gateway->tenants;
	const struct loop *loop = &shadow->worker->loop;

	return !t || !tenants_chain(t, shadow->key, shadow->user, loop->now, loop->wall,
	                            &shadow->chain);
}

void tenancy_leave(struct exchange *x)
{
	tenant_chain_done(&x->chain, x->used_tokens, x->worker->loop.now);
}

/* ---- how much an attempt may cost ---- */

static bool is_free(enum operation op)
{
	return op == OP_COUNT || op == OP_STORED;
}

/* The same of a form, which may still be on its way. */
static uint64_t most_of_form(const struct exchange *x, uint64_t bytes)
{
	const struct multipart_scan *f = x->form;
	uint64_t pictures = min_of((uint64_t)PICTURES_TAKEN, bytes / PICTURE_BYTES_LEAST);

	if (!operations[x->endpoint->operation].makes_images)
		return bytes / SOUND_BYTES_A_TOKEN;
	if (f && (f->is_over || f->files > pictures))
		pictures = f->files;
	return min_of(bytes, (uint64_t)PICTURE_WORDS) + pictures * PICTURE_MOST;
}

/* Tokens of the prompt at most: by its bytes, and of what these do not tell. */
static uint64_t most_input(const struct attempt *a, uint64_t *ret_added)
{
	const struct exchange *x = a->x;
	struct attached with;
	const struct catalog_model *facts =
	        a->target->is_known ? &a->target->facts : NULL;
	uint64_t context = facts && facts->context ? facts->context : 0;
	uint64_t bytes = max_of(x->body_bytes, x->body_length);

	if (a->repeated)
		bytes += a->repeated + GO_ON_WORDS;

	if (operations[x->endpoint->operation].multipart) {
		bytes = most_of_form(x, bytes);
		return context ? min_of(bytes, context) : bytes;
	}
	attached_find(retained_str(&x->body), &with);
	if (with.is_unbounded || skim_is_kept(&x->skim))
		return context ? context : CONTEXT_MOST + bytes;
	*ret_added = with.pictures * PICTURE_MOST;
	if (!context)
		return bytes;
	/* What is longer than its context the provider does not take. */
	bytes = min_of(bytes, context);
	*ret_added = min_of(*ret_added, context - bytes);
	return bytes;
}

/* Tokens of one answer at most; sets a->cap where it is ours to say. */
static uint64_t most_output(struct attempt *a)
{
	const struct exchange *x = a->x;
	uint64_t known = a->target->is_known ? a->target->facts.output : 0;

	switch (x->endpoint->operation) {
	case OP_EMBEDDINGS:
	case OP_MODERATIONS:
	case OP_RERANK:
		return 0;
	case OP_CHAT:
	case OP_COMPLETIONS:
		break;
	case OP_IMAGES:
	case OP_IMAGE_EDITS:
	case OP_IMAGE_VARIATIONS:
		return known ? known : PICTURE_MADE_MOST;
	default:
		return known ? known : CAP;
	}
	if (x->skim.max_tokens)
		return attempt_max_tokens(a);
	if (known)
		return known;
	a->cap = CAP;
	return CAP;
}

/* Pictures that are made at most: what a form says of that may be still to come. */
static uint64_t images_of(const struct exchange *x)
{
	const struct multipart_scan *f = x->form;

	if (!operations[x->endpoint->operation].makes_images)
		return 0;
	if (f && !f->has_beside && !f->is_over)
		return FORM_PICTURES_MOST;
	return max_of(x->skim.choices, 1u);
}

/* Search units of a ranking, where these have a price: without one its tokens have it. */
static uint64_t searches_of(const struct attempt *a)
{
	const struct target *t = a->target;

	if (a->x->endpoint->operation != OP_RERANK)
		return 0;
	for (unsigned i = 0; i < t->price_count; i++) {
		if (t->prices[i].of[PRICE_SEARCH] != PRICE_UNKNOWN)
			return rank_units_most(retained_str(&a->x->body));
	}
	return 0;
}

/* Does somebody above it set aside what is likely, not what is possible? */
static bool has_soft(const struct exchange *x)
{
	for (unsigned i = 0; i < x->chain.count; i++) {
		if (tenant_row(x->chain.at[i])->soft)
			return true;
	}
	return false;
}

/* What it is likely to cost, and tokens of that answer. */
static nanousd find_likely(const struct attempt *a, const struct price_ask *ask,
                           nanousd most, uint64_t *ret_output)
{
	const struct exchange *x = a->x;
	uint64_t learned = health_length_quantile(&a->health.at, 990);
	uint64_t output = min_of(ask->output, learned ? learned : TOKENS_LIKELY);
	uint64_t input = min_of(
	        health_prompt_tokens(&a->health.at, attempt_prompt_bytes(a)), ask->body);
	nanousd likely = price_likely(a->target, ask, input, output);

	*ret_output = output * skim_generated(&x->skim);
	return likely == COST_UNKNOWN ? most : min_of(likely, most);
}

/* *ret_output: tokens of the likely answer, for soft budgets.  False: nobody can say. */
static bool find_amount(struct attempt *a, struct tenant_amount *ret,
                        uint64_t *ret_output)
{
	const struct exchange *x = a->x;
	uint64_t added = 0, body = most_input(a, &added), images = images_of(x);
	struct price_ask ask = {
		.body = body,
		.added = added,
		.output = most_output(a),
		.choices = images ? images : skim_generated(&x->skim),
		.images = images,
		.searches = searches_of(a),
	};

	ret->most = ret->likely = price_upper_bound(a->target, &ask);
	if (ret->most == COST_UNKNOWN || ret->most == INT64_MAX)
		return false;
	if (has_soft(x))
		ret->likely = find_likely(a, &ask, ret->most, ret_output);
	return true;
}

/* Bytes of text that no answer within its limit has: beyond it a provider forgets it. */
static uint64_t bytes_most(const struct attempt *a)
{
	uint64_t most = a->cap ? a->cap : attempt_max_tokens(a), bytes;

	return most && !__builtin_mul_overflow(most * TOKEN_BYTES_MOST,
	                                       skim_generated(&a->x->skim), &bytes)
	               ? bytes
	               : UINT64_MAX;
}

/* So much text its money is for: what is set aside for the worst case is watched only in
 * case a provider forgets its limit; a text of soft money reaches its end for sure. */
static uint64_t bytes_paid(const struct attempt *a, uint64_t likely_output)
{
	return tenant_can_grow(&a->money) ? likely_output * BYTES_A_TOKEN : bytes_most(a);
}

/* ---- RESERVE ---- */

/* Is there somebody who wants a stream to end as if its limit were reached?  Then what
 * the client has of it has to be known.  Of a text completion nobody could write the end.
 */
static bool ends_streams(const struct exchange *x)
{
	if (x->endpoint->operation != OP_CHAT)
		return false;
	for (unsigned i = 0; i < x->chain.count; i++) {
		if (tenant_row(x->chain.at[i])->on_exhausted == EXHAUSTED_STOP)
			return true;
	}
	return false;
}

fault_t tenancy_reserve(struct attempt *a, str *ret_detail)
{
	struct exchange *x = a->x;
	struct tenant_amount amount = { 0 };
	struct tenant_refusal refusal;
	uint64_t output = 0;

	a->paid_bytes = UINT64_MAX;
	a->money.wall = a->began_wall;
	if (likely(!tenant_has_budget(&x->chain)))
		return NULL;
	if (!is_free(x->endpoint->operation) && !find_amount(a, &amount, &output)) {
		*ret_detail = arena_printf(&x->arena, "%.*s/%.*s",
		                           STR_ARG(a->target->provider->name),
		                           STR_ARG(a->target->model));
		return FAULT_BUDGET_NO_PRICE;
	}
	if (tenant_reserve(&x->chain, amount, a->began_wall, &a->money, &refusal)) {
		a->reserved = a->money.charged_at_most;
		a->paid_bytes = bytes_paid(a, output);
		x->may_stop |= ends_streams(x);
		return NULL;
	}
	x->downgrade = arena_copy(&x->arena, refusal.downgrade);
	*ret_detail = tenancy_say_refusal(x, &refusal, amount.most);
	if (refusal.passes) {
		a->retry_after = min_of(refusal.wait, USEC_SEC);
		return FAULT_BUDGET_RESERVED;
	}
	a->retry_after = refusal.wait == USEC_NEVER ? 0 : refusal.wait;
	return FAULT_BUDGET_EXCEEDED;
}

/* Puts these in the place of those it had; false: nobody of them may have the request,
 * and it is as it was.  Whoever set the route has allowed it, but not that things are
 * sent anywhere, nor that one account gets what another keeps. */
static bool go_elsewhere(struct exchange *x, const struct candidates *found)
{
	struct candidates before = x->candidates;
	struct pinned *pinned = x->pinned;
	str param = x->param, detail = STR_NONE;
	uint8_t order[TARGETS_MOST];
	bool phi = x->phi;

	memcpy(order, x->order, sizeof(order));
	x->candidates = *found;
	x->pinned = NULL;
	pick_order(x);
	if (!permit_candidates(x, false, &detail) && !pinned_route(x, &detail))
		return true;
	x->candidates = before;
	x->pinned = pinned;
	x->param = param;
	x->phi = phi;
	memcpy(x->order, order, sizeof(order));
	return false;
}

bool tenancy_downgrade(struct exchange *x)
{
	str route = x->downgrade;
	struct candidates found;

	if (!route.len || x->downgraded || x->attempt || x->resume || x->body_dropped ||
	    is_free(x->endpoint->operation))
		return false;
	x->downgraded = true;
	if (resolve_model(x->plan->config, route, &x->arena, &found) ||
	    !go_elsewhere(x, &found))
		return false;
	x->trial = NULL; /* neither side of one */
	x->trial_targets = 0;
	x->begun = 0;
	x->skipped = 0;
	x->has_next = x->has_spare = false;
	x->retry_at = 0;
	x->too_long = 0;
	resume_decide(x);
	capture_decide(x);
	return true;
}

void tenancy_say_downgraded(struct exchange *x)
{
	if (x->downgrade.len)
		tenancy_add_line(x, STR("x-sluice-downgraded"), x->downgrade);
	x->downgrade = STR_NONE; /* once */
}

void tenancy_settle(struct attempt *a)
{
	const struct loop *loop = &a->x->worker->loop;

	attempt_bill(a);
	a->x->used_tokens += a->bill->usage.input + a->bill->usage.output;
	tenant_settle_user(&a->x->chain, a->x->user, &a->money, a->bill->cost, loop->now,
	                   loop->wall);
	tenant_settle(&a->x->chain, &a->money, a->bill->cost);
}

/* ---- STREAM ---- */

/* What so many more tokens of an answer to so long a prompt cost. */
static nanousd price_more(const struct attempt *a)
{
	const struct price_ask ask = { .output = TOKENS_LIKELY, .choices = 1 };
	uint64_t input = health_prompt_tokens(&a->health.at, attempt_prompt_bytes(a));
	nanousd less = price_likely(a->target, &ask, input, 0);
	nanousd more = price_likely(a->target, &ask, input, TOKENS_LIKELY);

	return less == COST_UNKNOWN || more == COST_UNKNOWN ? 0 : more - less;
}

/* Has it said all, and what comes yet is figures? */
static bool is_finished(const struct attempt *a)
{
	const struct tap *t = &a->tap;

	return wire_is_complete(a->wire, t) || (t->finished && t->finished >= t->choices);
}

void tenancy_on_text(struct attempt *a)
{
	struct exchange *x = a->x;
	struct tenant_refusal refusal;
	nanousd more = price_more(a);

	if (a->step == ATTEMPT_CLOSE || x->step != STEP_RELAY || !x->client)
		return;
	if (tenant_extend(&x->chain, &a->money, more, &refusal)) {
		a->reserved = a->money.charged_at_most;
		a->paid_bytes += (uint64_t)TOKENS_LIKELY * BYTES_A_TOKEN;
		if (!tenant_can_grow(&a->money))
			a->paid_bytes = max_of(a->paid_bytes, bytes_most(a));
		return;
	}
	a->paid_bytes = UINT64_MAX;
	if (refusal.on_exhausted == EXHAUSTED_FINISH || is_finished(a))
		return;
	if (refusal.on_exhausted == EXHAUSTED_STOP && resume_stop(a))
		return;
	tap_cut(&a->tap, FINISH_NONE);
	exchange_fail(x, FAULT_BUDGET_EXCEEDED, tenancy_say_refusal(x, &refusal, more));
	exchange_run(x);
}
