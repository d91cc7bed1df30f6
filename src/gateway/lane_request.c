/* lane_request.c - a request on its way between two formats (lane.h): read once into the
 * neutral form, written for each target. */
#include "gateway/lane_request.h"

#include "base/mem.h"
#include "gateway/pinned.h"
#include "gateway/resume.h"
#include "policy/ratio.h"
#include "wire/count.h"
#include "wire/go_on.h"
#include "wire/responses.h"

enum { READ_MOST = 64 * MiB /* a request as it is read, beside its body */ };

/* A request as it was read, and what was lost by that alone. */
struct reading {
	struct chat_request r;
	struct arena arena;
	str echo;
	fault_t why; /* why it cannot be read, for whichever target */
	str detail;
	unsigned dropped, dropped_more;
};

static struct reading *reading_of(const struct exchange *x)
{
	return container_of(x->chat, struct reading, r);
}

/* Reads the body into the neutral form, once for all attempts. */
fault_t lane_read(struct exchange *x, str *ret_detail)
{
	const struct wire *client = x->endpoint->wire;
	const struct wire_work *work = client->work[x->endpoint->operation];
	str body = retained_str(&x->body);
	struct reading *in;
	fault_t why;

	if (x->chat) {
		*ret_detail = reading_of(x)->detail;
		return reading_of(x)->why;
	}
	in = new_of(struct reading);
	in->arena.ceiling = READ_MOST + 2 * body.len;
	in->r.keep = &in->arena;
	in->r.from = client->format;
	in->r.stream = x->skim.stream;
	x->chat = &in->r;
	if (client->model_in_path)
		in->r.model = chat_escape(&in->arena, x->skim.model);
	why = work ? work->read(body, &in->r, ret_detail)
	           : client->read_request(body, &in->r, ret_detail);
	if (!why)
		why = in->r.why;
	in->why = why;
	in->detail = *ret_detail;
	if (client->format == WIRE_OPENAI_RESPONSES)
		in->echo = responses_echo(&in->arena, body);
	in->dropped = in->r.dropped_count;
	in->dropped_more = in->r.dropped_more;
	return why;
}

void lane_forget(struct exchange *x)
{
	struct reading *in;

	if (!x->chat)
		return;
	in = reading_of(x);
	arena_done(&in->arena);
	free(in);
	x->chat = NULL;
}

/* What is named as lost, ", " between names; empty: nothing. */
static str dropped_names(struct exchange *x, const struct chat_request *r)
{
	struct buf names = BUF_LIMIT(8 * KiB);
	str kept;

	if (!r->dropped_count)
		return STR_NONE;
	for (unsigned i = 0; i < r->dropped_count; i++) {
		if (i)
			buf_add(&names, STR(", "));
		buf_add(&names, r->dropped[i]);
	}
	if (r->dropped_more)
		buf_addf(&names, ", and %u more", r->dropped_more);
	kept = arena_copy(&x->arena, buf_str(&names));
	buf_free(&names);
	return kept;
}

static fault_t write_request(struct attempt *a, struct chat_request *r, str *ret_detail)
{
	struct exchange *x = a->x;
	struct chat_target target = {
		.model = a->target->model,
		.facts = a->target->is_known ? &a->target->facts : NULL,
		.provider = a->target->provider->name,
		.quirks = a->target->provider->quirks,
		.stream = x->skim.stream,
		.ask_usage = x->skim.stream,
	};
	const struct wire_work *work = a->wire->work[x->endpoint->operation];
	uint64_t asked = r->max_tokens;
	fault_t why = NULL;

	if (!asked)
		r->max_tokens = a->cap; /* a budget needs one */
	if (!r->embed && !r->rank)
		why = chat_cross(r, a->wire->format, ret_detail);
	if (!why && work)
		why = work->write(r, &target, &a->lane->body, ret_detail);
	else if (!why)
		why = a->wire->write_request(r, &target, &a->lane->body, ret_detail);
	chat_uncross(r, &a->lane->written);
	if (!why)
		why = r->why;
	if (!why && a->lane->body.over)
		why = FAULT_NO_MEMORY;
	a->lane->dropped = dropped_names(x, r);
	r->max_tokens = asked;
	return why;
}

void lane_watch_stops(struct attempt *a, struct chat_sink *next)
{
	struct chat_request *r = a->x->chat;
	uint32_t kept = a->lane->written.stops_kept;

	if (!kept)
		return;
	a->lane->stopper = chat_stopper_new(r->keep, r, kept, next);
	if (!a->lane->stopper)
		a->lane->e.why = FAULT_NO_MEMORY;
}

/* The rest of an answer, for an emitter that has written its beginning. */
static fault_t write_rest(struct attempt *a, struct chat_request *r, str *ret_detail)
{
	const struct given_sum *sum = &a->x->resume->sum;
	struct seam *seam = &a->x->resume->seam;
	struct chat_request before;
	fault_t why;

	resume_request(a, r, &before);
	/* Unsaid is yes: the answer was to be stored, and will not be. */
	if (pinned_has_response(a->x))
		chat_drop(r, STR("store"));
	why = write_request(a, r, ret_detail);
	go_on_end(r, &before);
	lane_watch_stops(a, seam->next);
	if (!a->lane->stopper)
		return why;
	if (sum->has_text) /* nobody opens it once more */
		chat_stopper_goes_on(a->lane->stopper, sum->text_block);
	seam->next = chat_stopper_sink(a->lane->stopper);
	return why;
}

static fault_t write_for(struct attempt *a, str *ret_detail)
{
	struct reading *in = reading_of(a->x);

	/* What another target could not say is not lost for this one. */
	in->r.dropped_count = in->dropped;
	in->r.dropped_more = in->dropped_more;
	return resume_is_on(a) ? write_rest(a, &in->r, ret_detail)
	                       : write_request(a, &in->r, ret_detail);
}

bool lane_request(struct attempt *a)
{
	struct exchange *x = a->x;
	struct lane *l = a->lane;
	str detail = STR_NONE;
	fault_t why = lane_read(x, &detail);

	if (!why)
		why = write_for(a, &detail);
	if (why == FAULT_NOT_OFFERED)
		why = FAULT_CANNOT_CROSS; /* another target may know the word */
	if (!why && (x->strict || x->candidates.strict) && l->dropped.len) {
		why = FAULT_CANNOT_CROSS;
		detail = l->dropped;
	}
	if (!why && !gateway_take_memory(x->worker->gateway, l->body.len,
	                                 x->plan->config->memory))
		why = FAULT_NO_MEMORY;
	else if (!why)
		l->taken = l->body.len;
	if (why)
		attempt_fail(a, why, detail);
	return !why;
}

str lane_echo(const struct exchange *x)
{
	return reading_of(x)->echo;
}

uint64_t lane_guess(struct exchange *x)
{
	str detail = STR_NONE;

	return lane_read(x, &detail) ? ratio_tokens(NULL, x->prompt_size)
	                             : count_guess(x->chat);
}
