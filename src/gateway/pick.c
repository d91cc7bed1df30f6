#include "gateway/pick.h"

#include "gateway/ask.h"
#include "gateway/attempt.h"
#include "gateway/pinned.h"
#include "gateway/session.h"

enum { QUEUE_MOST = 1024 /* exchanges of one worker that wait for one provider */ };

static const struct provider *provider_at(const struct exchange *x, unsigned at)
{
	return x->candidates.list[x->order[at]].provider;
}

static struct ask ask_of(const struct exchange *x)
{
	enum operation op = x->endpoint->operation;

	return (struct ask){
		.board = x->worker->gateway->board,
		.marks = x->plan->marks,
		.targets = x->plan->targets,
		.candidates = &x->candidates,
		.session = x->session,
		.prompt_size = x->prompt_size,
		.max_tokens = x->skim.max_tokens,
		.images = operations[op].makes_images ? max_of(x->skim.choices, 1u) : 0,
		.searches = op == OP_RERANK,
		.stream = x->skim.stream,
		.now = x->worker->loop.now,
	};
}

static struct health health_with(const struct exchange *x, unsigned at, unsigned key)
{
	const struct target *t = &x->candidates.list[x->order[at]];

	if (t->number && key == 0)
		return x->plan->targets[t->number];
	struct ask a = ask_of(x);

	return ask_health(&a, x->order[at], key);
}

static uint32_t estimate(const struct exchange *x)
{
	return ask_tokens(x->prompt_size, x->skim.max_tokens);
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
	struct ask a = ask_of(x);
	for (unsigned i = 0; i < x->candidates.count; i++)
		list[i] = ask_facts(&a, i);
	order_targets(x->candidates.strategy, list, x->candidates.count,
	              worker_random(x->worker), x->order);
}

/* ---- keys ---- */

bool pick_has_key(const struct exchange *x, struct place place)
{
	const struct provider *p = provider_at(x, place.at);
	unsigned count = p->key_count;
	uint64_t all = count >= 64 ? UINT64_MAX : ((uint64_t)1 << count) - 1;

	return (place.keys_tried & all) != all && !pinned_is_key_fixed(x, p);
}

/* The healthiest of those not tried, then the one whose last 429 is longest ago, then the
 * first: caches of prompts belong to accounts, so it does not change without need. */
static unsigned choose_key(const struct exchange *x, const struct place *place,
                           struct health *ret)
{
	const struct provider *p = provider_at(x, place->at);
	enum health_answer best = HEALTH_ANSWERS;
	usec best_limited = 0, now = x->worker->loop.now, until;
	unsigned chosen = 0;

	for (unsigned i = 0; i < p->key_count; i++) {
		struct health h = health_with(x, place->at, i);
		struct health_view v;

		if (place->keys_tried >> i & 1)
			continue;
		enum health_answer a = health_look(&h, NULL, 0, now, &until);
		if (a > best)
			continue;
		health_see(&h, now, &v);
		if (x->session &&
		    board_is_warm(x->worker->gateway->board, x->session, &h, now))
			v.limited_at = -1;
		if (a == best && v.limited_at >= best_limited)
			continue;
		best = a;
		best_limited = v.limited_at;
		chosen = i;
		*ret = h;
	}
	return chosen;
}

/* ---- one candidate ---- */

static bool is_queue_head(const struct exchange *x, const struct provider *p)
{
	const struct list *queue = &x->plan->queues[p->index];

	return list_is_empty(queue) || queue->next == &x->queued;
}

static struct health health_at(const struct exchange *x, struct place *place)
{
	const struct provider *p = provider_at(x, place->at);
	struct health h;

	if (pinned_is_key_fixed(x, p)) {
		place->key_at = (uint8_t)pinned_key_at(x, p);
		h = health_with(x, place->at, place->key_at);
	} else if (p->key_count > 1)
		place->key_at = (uint8_t)choose_key(x, place, &h);
	else
		h = health_with(x, place->at, 0);
	return h;
}

static void unqueue(struct exchange *x)
{
	if (!list_is_linked(&x->queued))
		return;
	list_remove(&x->queued);
	x->plan->queue_counts[x->queue_of->index]--;
	COUNT_BY(x->worker->queued, -1u);
	pick_wake(x->plan, x->queue_of, x->worker->loop.now);
}

static void admitted(struct exchange *x, struct place place)
{
	unqueue(x);
	place.keys_tried |= (uint64_t)1 << place.key_at;
	x->next = place;
	x->has_next = false;
	x->skipped &= ~((uint32_t)1 << place.at);
}

bool pick_admit(struct exchange *x, struct place place)
{
	const struct provider *p = provider_at(x, place.at);
	struct health h = health_at(x, &place);
	usec until;

	/* First come, first served, where some wait already. */
	if (is_queue_head(x, p) &&
	    health_admit(&h, &p->limits, estimate(x), x->skim.stream, x->worker->loop.now,
	                 &x->admitted, &until) <= HEALTH_PROBE) {
		admitted(x, place);
		return true;
	}
	x->skipped |= (uint32_t)1 << place.at;
	return false;
}

bool pick_is_well(const struct exchange *x, unsigned at)
{
	const struct provider *p = provider_at(x, at);
	struct place place = { .at = (uint8_t)at };
	struct health h = health_at(x, &place);
	usec until;

	return health_look(&h, &p->limits, estimate(x), x->worker->loop.now, &until) <
	       HEALTH_ILL;
}

uint64_t pick_context(const struct exchange *x, unsigned at)
{
	const struct target *t = &x->candidates.list[x->order[at]];
	struct health h = health_with(x, at, 0);
	uint32_t learned = health_context(&h);

	if (learned)
		return learned;
	return t->is_known ? t->facts.context : 0;
}

/* Where it was tried already, its retries there still count. */
static struct place place_again(const struct exchange *x, unsigned at)
{
	struct place place = { .at = (uint8_t)at };

	if (x->attempts > 0 && x->next.at == at) {
		place = x->next;
		place.keys_tried = 0;
	}
	return place;
}

/* ---- the last resort ---- */

/* One that was passed over. */
struct passed {
	struct place place;
	struct health health;
	enum health_answer answer;
	usec until;
};

static unsigned look_at_passed(struct exchange *x, struct passed ret[TARGETS_MOST])
{
	unsigned count = 0;
	usec now = x->worker->loop.now;

	for (unsigned at = 0; at < x->candidates.count; at++) {
		struct passed *p = &ret[count];

		if (!(x->skipped >> at & 1))
			continue;
		p->place = place_again(x, at);
		p->health = health_at(x, &p->place);
		p->answer = health_look(&p->health, &provider_at(x, at)->limits,
		                        estimate(x), now, &p->until);
		/* Room, but not before those who wait already. */
		if (p->answer <= HEALTH_PROBE) {
			p->answer = HEALTH_FULL;
			p->until = now + 20 * USEC_MS;
		}
		count++;
	}
	return count;
}

/* The one with that answer which is over first. */
static struct passed *soonest(struct passed *list, unsigned count,
                              enum health_answer answer)
{
	struct passed *best = NULL;

	for (unsigned i = 0; i < count; i++)
		if (list[i].answer == answer && (!best || list[i].until < best->until))
			best = &list[i];
	return best;
}

/* Of those that are ill and full besides: the one that may be asked first. */
static struct passed *soonest_paced(struct passed *list, unsigned count, usec now)
{
	for (unsigned i = 0; i < count; i++) {
		list[i].until = health_paced_until(&list[i].health);
		if (list[i].answer == HEALTH_ANSWERS && list[i].until > now)
			list[i].answer = HEALTH_PACED;
	}
	return soonest(list, count, HEALTH_PACED);
}

static bool insist(struct exchange *x, struct passed *list, unsigned count,
                   enum health_answer answer)
{
	for (struct passed *p; (p = soonest(list, count, answer));) {
		if (health_insist(&p->health, &provider_at(x, p->place.at)->limits,
		                  estimate(x), x->skim.stream, x->worker->loop.now,
		                  &x->admitted)) {
			admitted(x, p->place);
			return true;
		}
		p->answer = HEALTH_ANSWERS; /* seen */
	}
	return false;
}

/* Waits in the queue of the first provider that is full and has one. */
static bool wait_for_room(struct exchange *x, const struct passed *list, unsigned count)
{
	usec now = x->worker->loop.now, wake = USEC_NEVER;
	const struct provider *in = NULL;

	for (unsigned i = 0; i < count; i++) {
		const struct provider *p = provider_at(x, list[i].place.at);

		if (list[i].answer != HEALTH_FULL || p->queue == 0 || x->is_shadow ||
		    (x->queued_at && now - x->queued_at >= p->queue))
			continue;
		wake = min_of(wake, list[i].until);
		wake = min_of(wake, (x->queued_at ? x->queued_at : now) + p->queue);
		if (!in)
			in = p;
	}
	if (!in || (!list_is_linked(&x->queued) &&
	            x->plan->queue_counts[in->index] >= QUEUE_MOST))
		return false;
	if (!list_is_linked(&x->queued)) {
		list_add_last(&x->plan->queues[in->index], &x->queued);
		x->plan->queue_counts[in->index]++;
		COUNT(x->worker->queued);
		x->queue_of = in;
	}
	if (!x->queued_at)
		x->queued_at = now;
	x->retry_at = max_of(wake, now + USEC_MS);
	return true;
}

static bool wait_for_pace(struct exchange *x, const struct passed *p)
{
	usec now = x->worker->loop.now;
	usec most = provider_at(x, p->place.at)->retry_wait;

	if (most == USEC_NEVER)
		most = x->candidates.limits->max_retry_after;
	if (!x->paced_at)
		x->paced_at = now;
	if (p->until - x->paced_at > most)
		return false;
	x->retry_at = p->until;
	return true;
}

static fault_t say_why(struct exchange *x, const struct passed *list, unsigned count)
{
	usec first = USEC_NEVER, now = x->worker->loop.now;
	fault_t why = FAULT_TARGETS_DOWN;

	for (unsigned i = 0; i < count; i++) {
		first = min_of(first, list[i].until);
		if (list[i].answer == HEALTH_PACED)
			why = FAULT_UPSTREAM_LIMITED;
		else if (list[i].answer == HEALTH_FULL && why == FAULT_TARGETS_DOWN)
			why = FAULT_AT_CAPACITY;
	}
	x->come_back = first == USEC_NEVER ? 0 : first - now;
	return why;
}

enum pick pick_last_resort(struct exchange *x, fault_t *ret_why)
{
	struct passed list[TARGETS_MOST], *paced;
	unsigned count;

	if (!x->skipped)
		return PICK_NONE;
	for (unsigned at = 0; at < x->candidates.count; at++) {
		if (x->skipped >> at & 1 && pick_admit(x, place_again(x, at)))
			return PICK_FOUND;
	}
	count = look_at_passed(x, list);
	*ret_why = say_why(x, list, count);
	if (insist(x, list, count, HEALTH_SCARCE))
		return PICK_FOUND;
	if (wait_for_room(x, list, count))
		return PICK_WAITS;
	paced = soonest(list, count, HEALTH_PACED);
	if (paced && wait_for_pace(x, paced))
		return PICK_WAITS;
	if (insist(x, list, count, HEALTH_ILL) || insist(x, list, count, HEALTH_DEAD))
		return PICK_FOUND;
	paced = soonest_paced(list, count, x->worker->loop.now);
	return paced && wait_for_pace(x, paced) ? PICK_WAITS : PICK_NONE;
}

/* ---- leaving ---- */

void pick_leave(struct exchange *x)
{
	health_cancelled(&x->admitted, x->worker->loop.now);
	unqueue(x);
}

void pick_wake(struct plan *plan, const struct provider *p, usec now)
{
	struct list *queue = &plan->queues[p->index];

	if (list_is_empty(queue))
		return;
	struct exchange *x = container_of(queue->next, struct exchange, queued);

	x->retry_at = now;
	exchange_arm(x);
}
