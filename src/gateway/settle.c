/* settle.c - an attempt in the journal: before it is sent, and when it has closed, with
 * what it used and what that costs. */
#include "gateway/attempt.h"

#include "gateway/lane.h"
#include "gateway/phi.h"
#include "gateway/trial.h"
#include "policy/price.h"

/* What is known of an attempt before it is sent. */
static struct attempt_row open_row(const struct attempt *a)
{
	const struct exchange *x = a->x;
	const struct tenant *team = tenant_chain_of(&x->chain, TENANT_TEAM);

	return (struct attempt_row){
		.id = a->id,
		.exchange = x->id,
		.number = a->number,
		.key = x->key,
		.began_wall = a->began_wall,
		.operation = operations[x->endpoint->operation].name,
		.asked = x->skim.model,
		.route = x->candidates.route,
		.provider = a->target->provider->name,
		.model = a->target->model,
		.stream = x->skim.stream,
		.request_bytes = x->body_bytes,
		.trace = x->trace,
		.endpoint = (uint8_t)endpoint_number(x->endpoint),
		.tags = x->tags,
		.trial = x->trial ? x->trial->name : STR_NONE,
		.conversation = x->trial ? x->conversation : 0,
		.flags = x->trial ? trial_flags(x, a->target) : 0,
		.team = team ? tenant_row(team)->id : 0,
		.user = x->user,
		.reserved = a->reserved,
	};
}

/* Of that what is looked at again in the end: the rest stands in the journal. */
static struct attempt_row close_row(const struct attempt *a)
{
	const struct exchange *x = a->x;

	return (struct attempt_row){
		.id = a->id,
		.flags = x->trial ? trial_flags(x, a->target) : 0,
		.reserved = a->reserved,
	};
}

bool attempt_reserve(struct attempt *a)
{
	struct attempt_row row = open_row(a);

	return record_write(a->x->worker->journal, RECORD_OPEN, &row);
}

/* Tokens of one choice at most, as far as is known; 0: it is not. */
static uint64_t most_output(const struct attempt *a)
{
	if (a->x->skim.max_tokens)
		return attempt_max_tokens(a);
	if (a->cap)
		return a->cap;
	return a->target->is_known ? a->target->facts.output : 0;
}

struct token_usage attempt_estimate(const struct attempt *a)
{
	const struct exchange *x = a->x;
	/* An answer that is held has not been looked at until it is whole. */
	uint64_t seen = a->tap.text_bytes ? a->tap.text_bytes : a->held.len;
	uint64_t output = health_text_tokens(&a->health.at, seen);
	uint64_t input = health_prompt_tokens(&a->health.at, attempt_prompt_bytes(a));
	uint64_t choices = skim_generated(&x->skim), most = most_output(a), context;

	/* It was not asked for more, nor can it take more, whatever was learned. */
	if (most)
		output = min_of(output, most * choices);
	context = a->target->is_known ? a->target->facts.context : 0;
	if (a->tap.has_input && !a->tap.bad_usage) {
		struct token_usage told = a->tap.usage;

		told.output = output;
		told.reasoning = told.audio_output = 0;
		return told;
	}
	return (struct token_usage){
		.input = context ? min_of(input, context) : input,
		.output = output,
	};
}

/* Operations whose use shows neither in the bytes that are sent nor in those that come.
 */
static bool is_beyond_estimate(enum operation op)
{
	return op == OP_SPEECH || op == OP_TRANSCRIPTIONS || op == OP_TRANSLATIONS;
}

/* Pictures are counted as they come; where they passed unseen, as they were asked for. */
static enum usage_kind judge_images(const struct attempt *a, struct token_usage *ret)
{
	const struct tap *t = &a->tap;

	if (t->has_usage && !t->bad_usage)
		*ret = t->usage;
	ret->images = t->images;
	if (t->images || (t->has_usage && !t->bad_usage))
		return USAGE_REPORTED;
	ret->images = max_of(a->x->skim.choices, 1u);
	return USAGE_ESTIMATED;
}

/* Is the answer still being made when this attempt ends?  It was asked for in the
 * background, or a server says so (queued, in_progress) unasked. */
static bool goes_on(const struct attempt *a)
{
	return a->wire->format == WIRE_OPENAI_RESPONSES &&
	       (a->x->skim.background || str_eq(tap_finish(&a->tap), STR("pause")));
}

/* A ranking that is paid by its search units, of which nothing was told: bytes do not
 * tell them, and its tokens cost nothing. */
static bool hides_units(const struct attempt *a)
{
	const struct tap *t = &a->tap;
	const struct price *p = price_of(a->target, t->usage.input);

	return !t->usage.searches && p && p->of[PRICE_SEARCH] != PRICE_UNKNOWN &&
	       p->of[PRICE_INPUT] == PRICE_UNKNOWN;
}

/* How the figures of usage came about; without a report they are counted from what was
 * seen, at as many bytes a token as the model is known for. What was sent and never
 * answered is taken to have been read. */
static enum usage_kind judge_usage(const struct attempt *a, struct token_usage *ret)
{
	const struct tap *t = &a->tap;

	*ret = (struct token_usage){ 0 };
	/* nothing is generated, nothing is billed */
	if (t->operation == OP_COUNT || t->operation == OP_STORED)
		return USAGE_NONE;
	if (a->sent && a->status < 300 && operations[t->operation].makes_images)
		return judge_images(a, ret);
	bool is_hidden = unlikely(t->operation == OP_RERANK) && hides_units(a);
	if (t->has_usage && !t->bad_usage && !is_hidden &&
	    (t->usage.input || !goes_on(a))) {
		*ret = t->usage;
		return USAGE_REPORTED;
	}
	/* One whose connection went stale may have been read before that. */
	if ((a->sent == 0 && !a->fresh) || a->status >= 300)
		return USAGE_NONE;
	if (is_beyond_estimate(t->operation) || is_hidden || goes_on(a))
		return USAGE_UNKNOWN;
	*ret = attempt_estimate(a);
	return USAGE_ESTIMATED;
}

enum {
	PLAIN_MOST = 8, /* bytes a token of a longer text has */
	PLAIN_LONG = 4 * KiB,
};

/* Do the bytes of the prompt tell its tokens?  Nobody looks through it for what a
 * provider fetches or has: it is seen by the figures, or does no harm.  A token is a byte
 * at least, and only of a short request the most is JSON. */
static bool is_plain(const struct attempt *a, uint64_t tokens)
{
	const struct exchange *x = a->x;

	return x->body_bytes >= tokens && x->prompt_size == x->body_bytes &&
	       (x->body_bytes / PLAIN_MOST <= tokens || x->body_bytes < PLAIN_LONG) &&
	       !a->repeated && !skim_is_kept(&x->skim);
}

/* The model's tokens, from answers to plain text: how many bytes each, how many an
 * answer. */
static void learn(const struct attempt *a, const struct token_usage *u)
{
	const struct tap *t = &a->tap;

	if (operations[t->operation].is_chat && !a->why)
		health_learn_usage(&a->health.at,
		                   is_plain(a, u->input) ? a->x->body_bytes : 0, u->input,
		                   t->text_bytes, u->output, a->closed);
}

/* What is odd about what it used. */
static unsigned usage_flags(const struct attempt *a, const struct attempt_row *row)
{
	const struct token_usage *u = &row->usage;
	unsigned flags = 0;

	if (!a->why && row->usage_kind == USAGE_REPORTED && !u->input && !u->output &&
	    !u->images && !u->searches)
		flags |= ROW_ZERO_USAGE;
	if (row->reserved > 0 && row->cost > row->reserved)
		flags |= ROW_OVER_RESERVED;
	if (a->tap.other_tier)
		flags |= ROW_OTHER_TIER;
	return flags;
}

static nanousd cost_of(const struct attempt *a, enum usage_kind kind,
                       const struct token_usage *usage)
{
	if (kind == USAGE_NONE)
		return 0;
	if (kind == USAGE_UNKNOWN)
		return COST_UNKNOWN;
	return price_cost_at(price_of(a->target, usage->input), a->tap.other_tier, usage);
}

void attempt_bill(struct attempt *a)
{
	struct bill *b = arena_alloc(&a->x->arena, sizeof(*b));

	b->kind = judge_usage(a, &b->usage);
	b->cost = cost_of(a, b->kind, &b->usage);
	a->bill = b;
}

nanousd attempt_cost(const struct attempt *a)
{
	struct token_usage usage;
	enum usage_kind kind;

	if (a->bill)
		return a->bill->cost;
	kind = judge_usage(a, &usage);
	return cost_of(a, kind, &usage);
}

static usec since(usec from, usec to)
{
	return to ? to - from : 0;
}

static bool is_finish(str finish, const str *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (str_eq_nocase(finish, words[i]))
			return true;
	}
	return false;
}

/* What is odd about an answer that is whole: by the words of all formats. */
static unsigned answer_flags(const struct attempt *a)
{
	static const str cut[] = { STR_INIT("length"), STR_INIT("max_tokens"),
		                   STR_INIT("max_output_tokens"),
		                   STR_INIT("incomplete") };
	static const str refusal[] = { STR_INIT("refusal"),
		                       STR_INIT("content_filter"),
		                       STR_INIT("content_filtered"),
		                       STR_INIT("safety"),
		                       STR_INIT("guardrail_intervened"),
		                       STR_INIT("prohibited_content") };
	const struct tap *t = &a->tap;
	str finish = tap_finish(t);
	unsigned flags = 0;

	if (a->why || !a->ended || a->status != 200 || !operations[t->operation].is_chat)
		return 0;
	if (!t->text_bytes && !t->seen_bits)
		flags |= ROW_EMPTY;
	if (!finish.len)
		flags |= ROW_NO_FINISH;
	if (t->refused || is_finish(finish, refusal, countof(refusal)))
		flags |= ROW_REFUSAL;
	if (is_finish(finish, cut, countof(cut)))
		flags |= ROW_CUT;
	if (t->has_usage && !t->usage.output)
		flags |= ROW_ZERO_USAGE;
	return flags;
}

/* The exchange's own facts, on the row that closes it. */
static void add_exchange(struct attempt_row *row, const struct exchange *x)
{
	const struct attempt *a = x->attempt;

	row->closes = true;
	row->flags |= x->bodies_lost ? ROW_BODY_LOST : 0u;
	row->client_status = x->client_status;
	row->exchange_total = since(x->began, x->finished_at);
	row->overhead = a ? a->overhead : 0;
	row->attempts = x->attempts;
	row->client = x->peer;
	row->agent = x->agent;
}

/* What could not cross between two formats, for the ledger. */
static str lost_of(const struct attempt *a)
{
	str names = a->lane ? a->lane->dropped : STR_NONE;

	return names.len ? arena_printf(&a->x->arena, "dropped: %.*s",
	                                STR_ARG(str_first(names, 500)))
	                 : STR_NONE;
}

static void note_odd(const struct attempt *a)
{
	const struct tap *t = &a->tap;
	struct odd *o = a->x->worker->gateway->odd;
	str provider = a->target->provider->name;
	usec wall = a->x->worker->loop.wall;

	odd_note(o, provider, STR_NONE, t->unknown, wall);
	for (int i = 0; i < TAP_ODD; i++)
		odd_note(o, provider, str_of(t->odd[i].name, t->odd[i].len),
		         t->odd[i].count, wall);
}

void attempt_settle(struct attempt *a, bool closes)
{
	struct attempt_row row;

	if (a->settled)
		return;
	row = a->unjournalled ? open_row(a) : close_row(a);
	a->settled = true;
	if (a->tap.unknown && !a->x->phi)
		note_odd(a);
	row.state = ROW_DONE;
	row.status = a->status;
	row.fault = a->why ? a->why->name : STR_NONE;
	row.detail = phi_text(a->x, a->why ? a->detail : lost_of(a));
	row.answered_model = tap_model(&a->tap);
	row.finish = tap_finish(&a->tap);
	row.connect = since(a->began, a->connected);
	row.first_byte = since(a->began, a->first_byte);
	row.first_token = since(a->began, a->first_token);
	row.total = since(a->began, a->closed);
	row.answer_bytes = a->answer_bytes;
	if (!a->bill)
		attempt_bill(a);
	row.usage_kind = a->bill->kind;
	row.usage = a->bill->usage;
	row.price = price_of(a->target, row.usage.input);
	row.cost = a->bill->cost;
	row.flags |= usage_flags(a, &row) | answer_flags(a);
	if (row.usage_kind == USAGE_REPORTED)
		learn(a, &row.usage);
	trial_add_cost(a->x, a->target, row.cost);
	if (closes)
		add_exchange(&row, a->x);
	/* An OPEN has room for its CLOSE set aside.  Without one (best-effort) all of it
	 * is tried now; the recorder tells of the gap. */
	if (!record_write(a->x->worker->journal,
	                  a->unjournalled ? RECORD_WHOLE : RECORD_CLOSE, &row))
		COUNT(a->x->worker->counts.lost_closes);
}

void attempt_record_none(struct exchange *x)
{
	const struct tenant *team = tenant_chain_of(&x->chain, TENANT_TEAM);

	phi_decide_refused(x);
	struct attempt_row row = {
		.id = x->id,
		.exchange = x->id,
		.key = x->key,
		.began_wall = x->began_wall,
		.operation = operations[x->endpoint->operation].name,
		/* A name that leads nowhere may be anything. */
		.asked = phi_text(x, x->skim.model),
		.route = x->candidates.route,
		.stream = x->skim.stream,
		.request_bytes = x->body_bytes,
		.team = team ? tenant_row(team)->id : 0,
		.user = x->user,
		.trace = x->trace,
		.endpoint = (uint8_t)endpoint_number(x->endpoint),
		.tags = x->tags,
		.state = ROW_DONE,
		.fault = x->why ? x->why->name : STR_NONE,
		.detail = phi_text(x, x->detail),
		.usage_kind = USAGE_NONE,
		.trial = x->trial ? x->trial->name : STR_NONE,
		.conversation = x->trial ? x->conversation : 0,
		.flags = x->trial && x->trial_targets ? ROW_CANDIDATE : 0,
	};

	add_exchange(&row, x);
	if (!record_write(x->worker->journal, RECORD_WHOLE, &row))
		COUNT(x->worker->counts.lost_closes);
}
