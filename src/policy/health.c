/* health.c - may an attempt begin?  Looking is cheap and claims nothing; claiming is a
 * few compare-and-swaps, undone when one of them comes too late (health.h). */
#include "policy/health_private.h"

#define PACE_STEP USEC_SEC

/* ---- may it begin? ---- */

static const char *const answer_names[HEALTH_ANSWERS] = {
	[HEALTH_OK] = "ok",       [HEALTH_PROBE] = "probe", [HEALTH_SCARCE] = "scarce",
	[HEALTH_PACED] = "paced", [HEALTH_FULL] = "full",   [HEALTH_ILL] = "ill",
	[HEALTH_DEAD] = "dead",
};

const char *health_answer_name(enum health_answer answer)
{
	return answer_names[answer];
}

static enum health_answer look_at_breaker(const struct health_cell *c, usec now,
                                          usec *ret_until)
{
	struct breaker_view v;

	if (!c || breaker_is_quiet(&c->breaker))
		return HEALTH_OK;
	v = breaker_see(&c->breaker);
	if (v.state == BREAKER_CLOSED)
		return HEALTH_OK;
	if (v.until <= now)
		return HEALTH_PROBE;
	/* How long the probe of another takes nobody knows. */
	*ret_until = v.state == BREAKER_OPEN ? v.until : now + USEC_SEC;
	return v.dead ? HEALTH_DEAD : HEALTH_ILL;
}

/* The worst of them. */
enum health_answer look_at_breakers(const struct health *h, usec now, usec *ret_until,
                                    unsigned *ret_scope)
{
	enum health_answer worst = HEALTH_OK;

	*ret_until = 0;
	*ret_scope = 0;
	if (likely(are_quiet(h)))
		return HEALTH_OK;
	for (unsigned i = 0; i < BREAKERS; i++) {
		usec until = 0;
		enum health_answer a = look_at_breaker(cell_of(h, i), now, &until);

		if (a > worst) {
			worst = a;
			*ret_scope = i;
		}
		*ret_until = max_of(*ret_until, until);
	}
	return worst;
}

/* When so much will be there, if it fills up evenly; 0: it is there. */
static usec room_until(const struct room *r, int64_t needed, usec now)
{
	int64_t left = LOAD(r->left), limit;
	usec full, read;

	if (left == 0 || --left >= needed)
		return 0;
	full = LOAD(r->full_at);
	read = LOAD(r->read_at);
	limit = LOAD(r->limit);
	if (full <= now || full <= read)
		return 0;
	left = max_of(left, (int64_t)0);
	if (limit <= left || needed >= limit)
		return full;
	return read + (usec)((unsigned __int128)(full - read) *
	                     (uint64_t)(needed - left) / (uint64_t)(limit - left));
}

static usec limits_until(const struct health_cell *p,
                         const struct provider_limits *limits, uint32_t tokens, usec now)
{
	usec until = 0;

	if (!p || !limits)
		return 0;
	if (limits->concurrent && LOAD(p->in_flight) >= limits->concurrent)
		until = now + 20 * USEC_MS;
	if (limits->rpm)
		until = max_of(until, window_room(&p->requests, limits->rpm, 1, now));
	if (limits->tpm)
		until = max_of(until, window_room(&p->tokens, token_units(limits->tpm),
		                                  token_units(tokens), now));
	return until;
}

enum health_answer look_at_target(const struct health_cell *t, uint32_t tokens, usec now,
                                  usec *ret_until)
{
	usec until;

	if (!t)
		return HEALTH_OK;
	until = LOAD(t->paced_until);
	if (until > now) {
		*ret_until = until;
		return HEALTH_PACED;
	}
	until = max_of(room_until(&t->rooms[HEADROOM_REQUESTS], 1, now),
	               room_until(&t->rooms[HEADROOM_TOKENS], tokens, now));
	if (until > now) {
		*ret_until = until;
		return HEALTH_SCARCE;
	}
	return HEALTH_OK;
}

enum health_answer health_look(const struct health *h,
                               const struct provider_limits *limits, uint32_t tokens,
                               usec now, usec *ret_until)
{
	usec until, full;
	unsigned scope;
	enum health_answer answer = look_at_breakers(h, now, ret_until, &scope), target;

	if (answer >= HEALTH_ILL)
		return answer;
	target = look_at_target(h->target, tokens, now, &until);
	full = limits_until(h->provider, limits, tokens, now);
	if (target == HEALTH_OK && !full)
		return answer;
	*ret_until = target == HEALTH_OK ? full : max_of(until, full);
	return full && target != HEALTH_PACED ? HEALTH_FULL : target;
}

/* After 429s one at a time finds out whether there is room again. */
static bool take_pace(struct health_cell *t, usec now)
{
	usec until;

	if (!t || LOAD(t->limited) == 0)
		return true;
	until = LOAD(t->paced_until);
	return until <= now && atomic_compare_exchange_strong_explicit(
	                               &t->paced_until, &until, now + PACE_STEP,
	                               memory_order_relaxed, memory_order_relaxed);
}

static bool take_limits(struct health_cell *p, const struct provider_limits *limits,
                        uint32_t tokens, usec now)
{
	uint32_t before = ADD(p->in_flight, 1);

	if (!limits)
		return true;
	if (limits->concurrent && before >= limits->concurrent)
		goto full;
	if (limits->rpm && window_take(&p->requests, limits->rpm, 1, now))
		goto full;
	if (limits->tpm &&
	    window_take(&p->tokens, token_units(limits->tpm), token_units(tokens), now)) {
		if (limits->rpm)
			window_correct(&p->requests, -1, now, now);
		goto full;
	}
	return true;
full:
	ADD(p->in_flight, -1u);
	return false;
}

/* early: 0, or the answer which is being overruled. */
static bool take_probes(struct health_run *run, enum health_answer early, usec now)
{
	if (likely(are_quiet(&run->at)))
		return true;
	for (unsigned i = 0; i < BREAKERS; i++) {
		struct health_cell *c = cell_of(&run->at, i);
		struct breaker_view v;

		if (!c || breaker_is_quiet(&c->breaker))
			continue;
		v = breaker_see(&c->breaker);
		if (v.state == BREAKER_CLOSED)
			continue;
		if (breaker_take_probe(&c->breaker, early != HEALTH_OK, now)) {
			run->probes |= (uint8_t)(1u << i);
		} else if (early == HEALTH_OK || v.dead) {
			return_probes(run, now);
			return false;
		}
	}
	return true;
}

/* Each attempt pays for a fifth of a repeat. */
static void pay_for_repeats(struct health_cell *p)
{
	uint32_t used = LOAD(p->repeats_used);

	while (used && !atomic_compare_exchange_weak_explicit(
	                       &p->repeats_used, &used, used - 1, memory_order_relaxed,
	                       memory_order_relaxed))
		;
}

static void begin(struct health_run *run, uint32_t tokens, bool counted)
{
	struct health *h = &run->at;

	if (h->provider) {
		STORE(h->provider->used_at, run->began);
		pay_for_repeats(h->provider);
	}
	if (h->model)
		ADD(h->model->in_flight, 1);
	if (h->target) {
		struct room *r = h->target->rooms;

		/* Until the next head tells, by our own count; never below 0 left. */
		if (LOAD(r[HEADROOM_REQUESTS].left) > 1)
			ADD(r[HEADROOM_REQUESTS].left, -1);
		if (LOAD(r[HEADROOM_TOKENS].left) > (int64_t)tokens)
			ADD(r[HEADROOM_TOKENS].left, -(int64_t)tokens);
	}
	run->tokens = counted ? token_units(tokens) : 0;
}

/* False: somebody was faster. */
static bool claim(const struct health *h, const struct provider_limits *limits,
                  uint32_t tokens, bool stream, enum health_answer early, usec now,
                  struct health_run *run)
{
	*run = (struct health_run){ .at = *h, .stream = stream };
	if (!take_probes(run, early, now))
		return false;
	if (h->provider && !take_limits(h->provider, limits, tokens, now)) {
		return_probes(run, now);
		return false;
	}
	if (!take_pace(h->target, now) && early == HEALTH_OK) {
		if (h->provider)
			ADD(h->provider->in_flight, -1u);
		return_probes(run, now);
		return false;
	}
	run->began = now;
	run->is_live = true;
	begin(run, tokens, limits && limits->tpm);
	return true;
}

enum health_answer health_admit(const struct health *h,
                                const struct provider_limits *limits, uint32_t tokens,
                                bool stream, usec now, struct health_run *ret_run,
                                usec *ret_until)
{
	enum health_answer answer = health_look(h, limits, tokens, now, ret_until);

	if (answer != HEALTH_OK && answer != HEALTH_PROBE)
		return answer;
	if (claim(h, limits, tokens, stream, HEALTH_OK, now, ret_run)) {
		*ret_until = 0;
		return answer;
	}
	answer = health_look(h, limits, tokens, now, ret_until);
	if (answer == HEALTH_OK || answer == HEALTH_PROBE) {
		*ret_until = now + USEC_MS;
		return HEALTH_FULL;
	}
	return answer;
}

usec health_paced_until(const struct health *h)
{
	return h->target ? LOAD(h->target->paced_until) : 0;
}

bool health_insist(const struct health *h, const struct provider_limits *limits,
                   uint32_t tokens, bool stream, usec now, struct health_run *ret_run)
{
	usec until;
	enum health_answer answer = health_look(h, limits, tokens, now, &until);

	/* An open breaker hides what a 429 has said. */
	if (answer == HEALTH_FULL || answer == HEALTH_PACED ||
	    health_paced_until(h) > now)
		return false;
	return claim(h, limits, tokens, stream, answer == HEALTH_OK ? HEALTH_ILL : answer,
	             now, ret_run);
}

bool health_may_repeat(const struct health *h)
{
	uint32_t used;

	if (!h->provider)
		return true;
	used = LOAD(h->provider->repeats_used);
	do {
		if (used + REPEAT_ONE > REPEATS_MOST)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
	        &h->provider->repeats_used, &used, used + REPEAT_ONE,
	        memory_order_relaxed, memory_order_relaxed));
	return true;
}
