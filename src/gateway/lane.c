/* lane.c - which lane an attempt has (lane.h), and its life: made for the attempt's
 * formats, made ready for an answer, taken over by the attempt that goes on. */
#include "gateway/lane.h"

#include "base/mem.h"
#include "gateway/lane_request.h"
#include "gateway/resume.h"
#include "gateway/resume_log.h"
#include "wire/seals.h"

enum {
	EVENT_MOST = 16 * MiB,  /* one event of a provider */
	BODY_MOST = 96 * MiB,   /* a request as it is written */
	ANSWER_MOST = 40 * MiB, /* of an answer, waiting to be sent */
};

const struct wire *lane_wire(const struct exchange *x, const struct provider *p)
{
	const struct wire *client = x->endpoint->wire;
	unsigned speaks = p->also | 1u << p->format;

	if (speaks >> client->format & 1)
		return client;
	if (x->endpoint->operation == OP_CHAT ||
	    work_crosses(client, wire_of(p->format), x->endpoint->operation))
		return wire_of(p->format);
	return NULL;
}

static void lane_new(struct attempt *a, bool translates)
{
	a->lane = new_of(struct lane);
	a->lane->translates = translates;
	a->lane->gateway = a->x->worker->gateway;
	a->lane->out.limit = ANSWER_MOST;
	a->lane->body.limit = BODY_MOST;
	a->lane->sse.limit = EVENT_MOST;
	a->lane->frames.limit = 2 * EVENT_MOST;
}

static void need_reader(struct attempt *a)
{
	if (a->tap.reader)
		return;
	a->tap.reader = arena_new(&a->x->arena, struct chat_reader);
	a->tap.names = arena_new(&a->x->arena, struct tap_names);
	a->tap.reader->operation = a->tap.operation;
	a->tap.reader->quirks = a->tap.quirks;
}

/* Seals of other vendors which a client of ours echoes are taken out on the way.  False:
 * the body has to be written anew for that. */
static bool cut_seals(struct attempt *a)
{
	const struct exchange *x = a->x;
	enum operation op = x->endpoint->operation;
	str body = retained_str(&x->body);
	enum seals found;

	if (op != OP_CHAT && op != OP_COUNT)
		return true;
	a->patched = BUF_LIMIT(body.len);
	found = seals_cut(a->wire->format, body, &a->patched);
	if (found != SEALS_CUT)
		buf_free(&a->patched);
	return found != SEALS_LEFT;
}

void lane_init(struct attempt *a)
{
	if (a->x->resume)
		a->lane = resume_take(a);
	else if (a->wire != a->x->endpoint->wire || !cut_seals(a))
		lane_new(a, true);
	else if (a->x->as_array) /* providers are always asked for events */
		lane_same(a);
	if (a->lane || !a->wire->tap_event)
		need_reader(a);
}

void lane_same(struct attempt *a)
{
	lane_new(a, false);
	need_reader(a);
}

static nanousd cost_of(const void *attempt)
{
	const struct attempt *a = attempt;

	return resume_cost(a->x, attempt_cost(a));
}

void lane_begin(struct attempt *a, bool streams)
{
	struct exchange *x = a->x;
	struct lane *l = a->lane;
	const struct wire *client = x->endpoint->wire;

	if (!l->begun)
		emit_init(&l->e, client->emit, &l->out, streams);
	l->e.same_format = client == a->wire;
	l->e.cost_of = a;
	if (l->begun) /* by another attempt */
		return;
	l->begun = true;
	l->verbatim = !l->translates && x->as_array && streams;
	l->e.format = client->format;
	l->e.seed = arena_printf(&x->arena, "%016llx", (unsigned long long)x->id);
	l->e.model = chat_escape(&x->arena, a->target->model);
	l->e.created = (uint64_t)(x->began_wall / USEC_SEC);
	/* An answer of the pass lane is taken over before anybody has read the request.
	 */
	l->e.wants_usage = x->skim.wants_usage || x->skim.wants_cost ||
	                   (x->chat && x->chat->stream_usage);
	if (x->skim.wants_cost || (x->chat && x->chat->wants_cost))
		l->e.cost = cost_of;
	l->e.array = x->as_array;
	l->e.input_estimate = health_prompt_tokens(&a->health.at, x->prompt_size);
	l->e.written = &l->written;
	if (x->chat)
		l->e.echo = lane_echo(x);
	if (streams)
		resume_log_begin(a, l->verbatim ? NULL : &l->e.sink);
	lane_watch_stops(a, a->given ? &a->given->sink : &l->e.sink);
}

void lane_renew(struct attempt *a)
{
	struct lane *l = a->lane;

	gateway_give_memory(l->gateway, l->taken);
	l->taken = 0;
	buf_free(&l->body);
	sse_done(&l->sse);
	buf_free(&l->frames);
	l->body = BUF_LIMIT(BODY_MOST);
	l->frames = BUF_LIMIT(2 * EVENT_MOST);
	l->sse = (struct sse_reader){ .limit = EVENT_MOST };
	l->aws = (struct aws_scan){ 0 };
	l->frames_at = 0;
	l->written = (struct chat_written){ 0 };
	l->translates = true;
	if (l->stopper)
		chat_stopper_done(l->stopper);
	l->stopper = NULL;
}

struct lane *lane_adopt(struct attempt *a)
{
	struct lane *l;

	if (!a->lane) {
		lane_new(a, false);
		lane_begin(a, true);
	}
	l = a->lane;
	l->verbatim = false; /* from here on it is written */
	l->e.started = false;
	l->e.head = buf_str(&a->given->head);
	l->e.adopts = l->e.same_format = true;
	given_replay(a->given, 0, &l->e.sink);
	buf_clear(&l->out); /* the client has it */
	if (emit_adopted(&l->e, &a->given->place))
		return l;
	lane_free(a);
	return NULL;
}

void lane_delete(struct lane **at)
{
	struct lane *l = *at;

	*at = NULL;
	if (!l)
		return;
	if (l->begun)
		emit_done(&l->e);
	if (l->stopper)
		chat_stopper_done(l->stopper);
	gateway_give_memory(l->gateway, l->taken);
	buf_free(&l->out);
	buf_free(&l->body);
	sse_done(&l->sse);
	buf_free(&l->frames);
	free(l);
}

void lane_free(struct attempt *a)
{
	if (resume_is_on(a)) /* it is the exchange's */
		a->lane = NULL;
	else
		lane_delete(&a->lane);
}
