/* resume.c - see resume.h: what of a stream may be continued, by whom, and how.
 *
 * The emitter has said everything the client knows, so nothing here writes a format. */
#include "gateway/resume.h"

#include "base/assert.h"
#include "base/mem.h"
#include "gateway/lane_answer.h"
#include "gateway/lane_request.h"
#include "gateway/pick.h"
#include "gateway/pinned.h"
#include "gateway/relay.h"
#include "gateway/resume_log.h"
#include "gateway/step.h"
#include "gateway/tenancy.h"
#include "policy/ratio.h"
#include "wire/go_on.h"
#include "wire/tap.h"

#define SEAM_PATIENCE (2 * USEC_SEC)

static struct loop *loop_of(const struct exchange *x)
{
	return &x->worker->loop;
}

/* Another target, another key, or a wish to ask the same again. */
static bool has_elsewhere(const struct exchange *x)
{
	return x->candidates.count > 1 || x->candidates.list[0].provider->key_count > 1 ||
	       x->candidates.resume == RESUME_ALWAYS;
}

void resume_decide(struct exchange *x)
{
	x->may_resume = x->candidates.resume != RESUME_OFF && has_elsewhere(x) &&
	                !x->no_resume && x->skim.stream && !skim_has_effects(&x->skim) &&
	                operations[x->endpoint->operation].is_chat &&
	                x->skim.choices <= 1 && x->body_whole && !x->body_dropped &&
	                x->endpoint->operation == OP_CHAT;
}

/* ---- where to go ---- */

static bool is_same_model(const struct target *a, const struct target *b)
{
	return a->is_known && b->is_known && a->facts.identity.len &&
	       str_eq(a->facts.identity, b->facts.identity);
}

static void add_place(struct resume *r, unsigned at, uint64_t keys_tried)
{
	for (unsigned i = 0; i < r->count; i++) {
		if (r->places[i].at == at && r->places[i].keys_tried == keys_tried)
			return;
	}
	if (r->count < countof(r->places))
		r->places[r->count++] =
		        (struct place){ .at = (uint8_t)at, .keys_tried = keys_tried };
}

/* The same model elsewhere, or with another key; the targets behind it, then those before
 * it; and the very same once more, on another connection. */
static void plan_places(struct resume *r, struct attempt *a)
{
	struct exchange *x = a->x;
	unsigned count = x->candidates.count, dead = a->place.at;

	r->count = r->at = 0;
	x->skipped = 0;
	for (unsigned i = 1; i < count; i++) {
		unsigned at = (dead + i) % count;

		if (exchange_can_try(x, at) &&
		    is_same_model(a->target, &x->candidates.list[x->order[at]]))
			add_place(r, at, 0);
	}
	if (pick_has_key(x, a->place))
		add_place(r, dead, a->place.keys_tried);
	for (unsigned i = 1; i < count; i++) {
		if (exchange_can_try(x, (dead + i) % count))
			add_place(r, (dead + i) % count, 0);
	}
	add_place(r, dead, 0);
}

/* Claims the next place that takes an attempt now, else one that has to. Nobody waits in
 * a queue with half an answer. */
static bool claim_place(struct exchange *x)
{
	struct resume *r = x->resume;
	fault_t why;

	while (r->at < r->count) {
		if (pick_admit(x, r->places[r->at++]))
			return true;
	}
	switch (pick_last_resort(x, &why)) {
	case PICK_FOUND:
		return true;
	case PICK_WAITS:
		pick_leave(x);
		break;
	case PICK_NONE:
		break;
	}
	return false;
}

/* ---- what may be continued ---- */

/* Do providers of that format sign what their models think? */
static bool signs(enum wire_format format)
{
	return format == WIRE_ANTHROPIC || format == WIRE_BEDROCK ||
	       format == WIRE_OPENAI_RESPONSES;
}

/* Thoughts that the client has seen are made anew, unless they are signed and it would
 * have to send them back. */
static bool may_think_again(const struct attempt *a)
{
	enum wire_format client = a->x->endpoint->wire->format;
	bool shows_seals = signs(client) || client == WIRE_GEMINI;

	return !(signs(a->wire->format) && shows_seals);
}

static bool is_legal(const struct attempt *a, const struct resume *r)
{
	const struct given_sum *s = &r->sum;
	str detail = STR_NONE;

	/* What is wrong with the request, or not wanted by anybody, nobody goes on from.
	 */
	if (a->why->next == FAULT_GIVE_UP || a->why->next == FAULT_IF_ASKED)
		return false;
	if (r->given->ends_in_half || s->has_call || s->has_refusal || s->has_other ||
	    s->has_choices || s->ends_in_half)
		return false;
	if (s->is_thinking && !may_think_again(a))
		return false;
	if (s->has_reasoning && !s->has_text && (s->has_seal || !may_think_again(a)))
		return false;
	return !lane_read(a->x, &detail) && go_on_may(a->x->chat, a->x->strict);
}

/* What the first attempt has used, as far as anybody knows. */
static struct token_usage usage_so_far(const struct attempt *a)
{
	struct token_usage u = { 0 };

	if ((a->tap.has_usage || a->tap.has_input) && !a->tap.bad_usage)
		u = a->tap.usage;
	else if (a->given->has_usage)
		u = a->given->usage;
	if (!u.input)
		u.input = ratio_tokens(NULL, a->x->prompt_size);
	u.output = 0;
	return u;
}

static uint64_t tokens_so_far(const struct resume *r)
{
	return ratio_tokens(NULL, r->sum.bytes);
}

/* Only what cannot be less than the client wanted was cut by its limit: a row of dashes
 * is one token.  Where that is not sure, the next is asked for a little more. */
static bool is_used_up(const struct exchange *x, const struct resume *r)
{
	uint64_t most = x->chat->max_tokens;

	return most && r->sum.has_text && r->sum.bytes / TOKEN_BYTES_MOST >= most;
}

static void add_cost(struct resume *r, const struct attempt *a)
{
	nanousd cost = attempt_cost(a);

	if (r->spent == COST_UNKNOWN || cost == COST_UNKNOWN)
		r->spent = COST_UNKNOWN;
	else
		r->spent += cost;
}

nanousd resume_cost(const struct exchange *x, nanousd last)
{
	if (!x->resume || last == COST_UNKNOWN)
		return last;
	return x->resume->spent == COST_UNKNOWN ? COST_UNKNOWN : x->resume->spent + last;
}

/* ---- after a death ---- */

/* The lane and the log of the first death become the exchange's. NULL: the client has
 * something that nobody else could go on from. */
static struct resume *resume_new(struct attempt *a)
{
	bool is_written = a->lane && !a->lane->verbatim;
	struct lane *l;
	struct resume *r;

	given_cut(a->given); /* an emitter that adopts the log must not hear of it */
	l = is_written ? a->lane : lane_adopt(a);
	if (!l)
		return NULL;
	r = new_of(struct resume);
	r->text.limit = GIVEN_MOST;
	r->due = USEC_NEVER;
	r->told = true; /* nothing has been resumed yet */
	r->given = a->given;
	r->lane = l;
	r->given->next = &r->lane->e.sink;
	r->why = a->why;
	r->detail = a->detail;
	r->base = usage_so_far(a);
	a->x->resume = r;
	return r;
}

static void sum_up(struct resume *r)
{
	buf_clear(&r->text);
	given_cut(r->given);
	given_sum_up(r->given, &r->sum, &r->text);
	r->anchor = seam_anchor(buf_str(&r->text));
}

/* The client has the finish of the answer, or as much as it wanted: the rest is ours. */
static void complete(struct attempt *a, enum chat_finish finish)
{
	struct resume *r = a->x->resume;
	struct chat_event e = { .kind = CHAT_USAGE, .usage = r->base };

	e.usage.output = tokens_so_far(r);
	chat_push(&r->lane->e.sink, &e);
	if (finish != FINISH_NONE)
		chat_push(&r->lane->e.sink,
		          &(struct chat_event){ .kind = CHAT_FINISH, .finish = finish });
	chat_push(&r->lane->e.sink, &(struct chat_event){ .kind = CHAT_END });
	lane_answer_pass_on(a, true);
}

/* To the next place; false: there is none, or it would be once too often. */
static bool go_to_next(struct exchange *x)
{
	struct resume *r = x->resume;

	assert(r);
	x->retry_at = 0;
	if (r->sent >= RESUMES_MOST || !x->client || !claim_place(x))
		return false;
	x->retry_at = 0;
	x->why = NULL;
	exchange_go(x, STEP_TRY);
	return true;
}

static bool may_go_on(const struct attempt *a)
{
	const struct exchange *x = a->x;

	return x->may_resume && x->client && a->given && !a->given->lost &&
	       !a->in_long_event && loop_of(x)->now < x->total_at &&
	       (x->is_chunked || !x->head_sent);
}

bool resume_start(struct attempt *a)
{
	struct exchange *x = a->x;
	bool passed = !a->lane || a->lane->verbatim;
	bool was_resumed = x->resume;
	struct resume *r;

	if (!may_go_on(a))
		return false;
	r = x->resume;
	if (r) { /* it was one that went on itself */
		seam_done(&r->seam);
		r->sent++;
	} else {
		r = resume_new(a);
	}
	if (!r)
		return false;
	r->has_died = true;
	sum_up(r);
	/* Gemini's reader keeps the finish back until the end. */
	if (!was_resumed && wire_is_complete(a->wire, &a->tap))
		r->sum.is_finished = true;
	if (r->sum.is_finished && !passed) {
		complete(a, FINISH_NONE);
		return true;
	}
	if (r->sum.is_finished) {
		relay_complete(a);
		return true;
	}
	if (!is_legal(a, r))
		return false;
	if (is_used_up(x, r)) {
		complete(a, FINISH_LENGTH);
		return true;
	}
	plan_places(r, a);
	add_cost(r, a);
	x->token_by = 0; /* it was long ago that it waited for one */
	if (!go_to_next(x))
		return false;
	exchange_run(x);
	return true;
}

bool resume_stop(struct attempt *a)
{
	struct exchange *x = a->x;
	struct resume *r = x->resume;

	if (!x->client || !a->given || a->given->lost || a->in_long_event ||
	    x->skim.choices > 1 || !(x->is_chunked || !x->head_sent) ||
	    (r && r->seam.state != SEAM_CLOSED))
		return false;
	if (!r && !(r = resume_new(a)))
		return false;
	tap_cut(&a->tap, FINISH_LENGTH);
	attempt_end(a, NULL, STR_NONE);
	sum_up(r);
	complete(a, FINISH_LENGTH);
	return true;
}

void resume_next(struct attempt *a)
{
	struct exchange *x = a->x;
	struct resume *r = x->resume;

	r->sent += a->sent != 0;
	add_cost(r, a);
	/* It takes no prefix: it may still be asked in words. */
	if (r->seam.method == SEAM_PREFIX && a->status == 400 && !r->no_prefix) {
		r->no_prefix = true;
		r->places[--r->at] = (struct place){ .at = a->place.at };
	} else {
		r->no_prefix = false;
	}
	seam_done(&r->seam);
	sum_up(r); /* a call of its may have waited behind the proof */
	if (r->sum.is_finished) {
		exchange_commit(a);
		complete(a, FINISH_NONE);
		return;
	}
	if (!go_to_next(x))
		exchange_fail(x, r->why, r->detail);
	exchange_run(x);
}

/* ---- the attempt that goes on ---- */

static enum seam_method method_for(const struct attempt *a)
{
	const struct resume *r = a->x->resume;

	if (!r->sum.has_text)
		return SEAM_WHOLE;
	if (!r->no_prefix &&
	    go_on_has_prefix(a->target->provider->name, a->target->model, a->x->chat))
		return SEAM_PREFIX;
	return r->anchor.len ? SEAM_ANCHOR : SEAM_WHOLE;
}

struct lane *resume_take(struct attempt *a)
{
	struct exchange *x = a->x;
	struct resume *r = x->resume;

	a->lane = r->lane;
	a->given = r->given;
	a->given->why = NULL;
	a->given->ends_in_half = false;
	a->kind = ANSWER_NONE;
	lane_renew(a);
	r->due = USEC_NEVER;
	r->told = false;
	seam_init(&r->seam, method_for(a), buf_str(&r->text), x->chat->stops,
	          x->chat->stop_count, &a->given->sink);
	r->seam.text_block = r->sum.text_block;
	r->seam.shift = r->sum.next_block;
	r->seam.is_told = r->text.len && a->lane->e.ops->is_told &&
	                  a->lane->e.ops->is_told(&a->lane->e);
	/* In these formats all thoughts are one text, and a seal is of all of it. */
	r->seam.drops_seals = r->sum.has_reasoning && !r->sum.has_text &&
	                      (x->endpoint->wire->format == WIRE_OPENAI_CHAT ||
	                       x->endpoint->wire->format == WIRE_COHERE);
	r->seam.given_tokens = tokens_so_far(r);
	r->seam.base = r->base;
	return a->lane;
}

void resume_request(struct attempt *a, struct chat_request *request,
                    struct chat_request *ret_before)
{
	const struct resume *r = a->x->resume;
	const struct go_on how = { .method = r->seam.method,
		                   .said = buf_str(&r->text),
		                   .anchor = r->anchor,
		                   .provider = a->target->provider->name,
		                   .model = a->target->model,
		                   .said_tokens = tokens_so_far(r) };

	go_on_begin(request, &how, ret_before);
}

fault_t resume_judge(struct attempt *a, bool *ended)
{
	struct resume *r = a->x->resume;

	if (r->seam.state == SEAM_REFUSED)
		return FAULT_SEAM_UNPROVEN;
	if (r->seam.state == SEAM_STOPPED)
		*ended = true;
	if (seam_may_wait(&r->seam)) {
		if (r->due != USEC_NEVER)
			a->first_due = USEC_NEVER;
		r->due = USEC_NEVER;
	} else if (r->due == USEC_NEVER) {
		r->due = a->first_due = loop_of(a->x)->now + SEAM_PATIENCE;
		exchange_arm(a->x);
	}
	return NULL;
}

bool resume_is_late(struct attempt *a)
{
	return resume_is_on(a) && a->x->resume->due <= loop_of(a->x)->now;
}

str resume_comment(struct attempt *a)
{
	struct exchange *x = a->x;
	struct resume *r = x->resume;

	if (!resume_is_on(a) || r->told || !relay_may_comment(x))
		return STR_NONE;
	r->told = true;
	return arena_printf(
	        &x->arena,
	        ": sluice resumed provider=%.*s model=%.*s usage=estimated%s%.*s\n\n",
	        STR_ARG(a->target->provider->name), STR_ARG(a->target->model),
	        r->lane->dropped.len ? " dropped=" : "", STR_ARG(r->lane->dropped));
}

void resume_free(struct exchange *x)
{
	struct resume *r = x->resume;

	if (!r)
		return;
	if (r->has_died)
		COUNT(x->worker->counts.resumes);
	if (r->has_died && !x->why)
		COUNT(x->worker->counts.resumes_saved);
	seam_done(&r->seam);
	lane_delete(&r->lane);
	resume_log_free(x, r->given);
	buf_free(&r->text);
	x->resume = NULL;
	free(r);
}
