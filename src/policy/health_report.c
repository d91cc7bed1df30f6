/* health_report.c - what attempts tell the board (health.h).
 *
 * A failure is held against whoever owns it: the provider as a whole when the network or
 * all of it fails, a key that is refused, a model that is missing.  What a model fails at
 * counts for its provider too, with fewer points, so that a provider is given up when all
 * its models fail, and a model when the others still work. */
#include "policy/health_private.h"

enum {
	RATE_SHIFT = 4, /* the last 16 attempts or so */
	RATE_SEEN = 20, /* attempts, before the share that failed means anything */
	STREAMS_KEPT = 512,
	GAPS_KEPT = 16384,
	TRIAL = 5, /* points from opening again, after a probe */
};
#define CONNECT_LATE (700 * USEC_MS)
#define PACE_STEP USEC_SEC
#define PACE_MOST (60 * USEC_SEC)
#define SPEED_SPAN (100 * USEC_MS) /* shorter answers tell no speed */

/* Points at each scope's breaker for a failure that is somebody's. */
struct blame {
	uint8_t points[BREAKERS];
	bool is_dead; /* nobody was there */
};

enum { ALL = BREAKER_POINTS };

static struct blame at_network(const struct health_run *run)
{
	if (run && run->spoke)
		return (struct blame){ .points = { 2, 0, 3 } };
	return (struct blame){ .points = { 5 }, .is_dead = !run || !run->connected };
}

/* run NULL: a check without a request. */
static struct blame blame_of(fault_t why, const struct health_run *run)
{
	bool is_silent = why == FAULT_FIRST_TOKEN_LATE || why == FAULT_UPSTREAM_IDLE;

	if (why == FAULT_UPSTREAM_LARGE)
		return (struct blame){ 0 };
	if (why == FAULT_EMPTY_ANSWER)
		return (struct blame){ .points = { 0, 0, 2 } };
	switch (why->owner) {
	case FAULT_OF_NETWORK:
		return at_network(run);
	case FAULT_OF_PROVIDER:
		return (struct blame){ .points = { 2, 0, is_silent ? 5 : 3 } };
	case FAULT_OF_KEY:
		return (struct blame){ .points = { 0, ALL } };
	case FAULT_OF_MODEL: /* perhaps only this key may not use it */
		return (struct blame){ .points = { 0, 0, 5, ALL } };
	case FAULT_OF_CAPACITY:
	case FAULT_OF_CLIENT:
	case FAULT_OF_US:
		break;
	}
	return (struct blame){ 0 };
}

/* What it was like before says nothing of it now. */
static void close_anew(struct health_cell *c)
{
	breaker_close(&c->breaker, TRIAL);
	STORE(c->failing, RATE_ONE / 4);
}

void health_connected(struct health_run *run, bool is_new)
{
	struct health_cell *p = run->at.provider;

	run->connected = true;
	/* Somebody is there: that is all which was in doubt. */
	if (p && is_new && run->probes & 1u << HEALTH_PROVIDER &&
	    breaker_see(&p->breaker).dead) {
		close_anew(p);
		run->probes &= (uint8_t) ~(1u << HEALTH_PROVIDER);
	}
}

void health_head(struct health_run *run, const struct http_response *res, usec wall_now,
                 usec now)
{
	struct health_cell *t = run->at.target;
	struct headroom rooms[HEADROOM_KINDS];

	if (!t)
		return;
	if (res->status < 300 && LOAD(t->limited) && run->began > LOAD(t->limited_at)) {
		STORE(t->limited, 0);
		STORE(t->paced_until, 0);
	}
	if (!headroom_read(res, wall_now, rooms))
		return;
	for (unsigned i = 0; i < HEADROOM_KINDS; i++) {
		if (!rooms[i].is_known)
			continue;
		STORE(t->rooms[i].left, rooms[i].left + 1);
		STORE(t->rooms[i].limit, rooms[i].limit);
		STORE(t->rooms[i].read_at, now);
		STORE(t->rooms[i].full_at, now + rooms[i].reset);
	}
}

void health_first_token(struct health_run *run, usec now)
{
	if (run->spoke || !run->is_live)
		return;
	run->spoke = now;
	if (run->stream && run->at.model)
		histogram_add(&run->at.model->first_token, now - run->began, STREAMS_KEPT,
		              now);
	for (unsigned i = 0; run->probes && i < BREAKERS; i++) {
		struct health_cell *c = cell_of(&run->at, i);

		if (!(run->probes & 1u << i))
			continue;
		close_anew(c);
		run->probes &= (uint8_t) ~(1u << i);
	}
}

void health_outrun(struct health_run *run, usec now)
{
	if (!run->spoke && run->is_live && run->stream && run->at.model)
		histogram_add(&run->at.model->first_token, now - run->began, STREAMS_KEPT,
		              now);
}

/* An average that forgets; two at a time may lose one of them. */
static uint32_t note_rate(struct health_cell *c, bool failed)
{
	uint32_t rate = LOAD(c->failing), seen = LOAD(c->seen);

	rate = rate - (rate >> RATE_SHIFT) + (failed ? RATE_ONE >> RATE_SHIFT : 0);
	STORE(c->failing, rate);
	if (seen < UINT16_MAX)
		STORE(c->seen, seen + 1);
	return seen >= RATE_SEEN ? rate : 0;
}

static void succeed(struct health_run *run, uint64_t output, usec now)
{
	struct health_cell *m = run->at.model;

	for (unsigned i = 0; i < BREAKERS; i++) {
		struct health_cell *c = cell_of(&run->at, i);

		if (!c)
			continue;
		note_rate(c, false);
		if (!breaker_is_quiet(&c->breaker))
			breaker_forget(&c->breaker);
	}
	if (!m)
		return;
	if (!run->stream) {
		histogram_add(&m->answers, now - run->began, STREAMS_KEPT, now);
	} else if (output && now - run->spoke > SPEED_SPAN) {
		uint64_t speed = output * USEC_SEC / (uint64_t)(now - run->spoke);
		uint32_t old = LOAD(m->speed);

		speed = min_of(speed, (uint64_t)1000000);
		STORE(m->speed,
		      old ? (uint32_t)((old * 7ull + speed + 4) / 8) : (uint32_t)speed);
	}
}

static void limit(struct health_run *run, usec retry_after, usec now)
{
	struct health_cell *t = run->at.target;
	usec wait = retry_after, until;
	uint32_t rounds;

	if (!t)
		return;
	until = LOAD(t->paced_until);
	rounds = LOAD(t->limited);
	/* Those which were under way together are one round. */
	if (rounds == 0 || run->began > LOAD(t->limited_at))
		STORE(t->limited, ++rounds);
	STORE(t->limited_at, now);
	if (wait == 0) {
		wait = rounds < 7 ? PACE_STEP << (rounds - 1) : PACE_MOST;
		wait += wait * (usec)(cell_mix(t->id, (uint64_t)now) % 251) / 1000;
		wait = min_of(wait, PACE_MOST);
	}
	while (until < now + wait && !atomic_compare_exchange_weak_explicit(
	                                     &t->paced_until, &until, now + wait,
	                                     memory_order_relaxed, memory_order_relaxed))
		;
}

static void blame(struct health_run *run, fault_t why, usec retry_after, usec now)
{
	struct blame b = blame_of(why, run);

	for (unsigned i = 0; i < BREAKERS; i++) {
		struct health_cell *c = cell_of(&run->at, i);
		bool is_probe = run->probes & 1u << i;
		unsigned points = b.points[i];

		if (!c)
			continue;
		if (points == 0) {
			if (is_probe)
				breaker_return_probe(&c->breaker, now);
			continue;
		}
		if (note_rate(c, true) > RATE_ONE / 2)
			points = ALL;
		breaker_fail(&c->breaker, points, b.is_dead, is_probe, retry_after,
		             cell_mix(c->id, (uint64_t)now), now);
	}
	run->probes = 0;
}

/* What every end has in common. False: it had never begun. */
static bool leave(struct health_run *run, int64_t tokens, usec now)
{
	if (!run->is_live)
		return false;
	run->is_live = false;
	if (run->at.provider) {
		ADD(run->at.provider->in_flight, -1u);
		if (run->tokens)
			window_correct(&run->at.provider->tokens, tokens - run->tokens,
			               now);
	}
	if (run->at.model) {
		ADD(run->at.model->in_flight, -1u);
		if (run->gaps)
			histogram_add_tally(&run->at.model->gaps, run->gaps, GAPS_KEPT,
			                    now);
	}
	return true;
}

void health_ended(struct health_run *run, fault_t why, usec retry_after, uint64_t tokens,
                  uint64_t output, usec now)
{
	bool keeps = tokens == 0 && !why; /* nobody said: the estimate holds */

	if (!why)
		health_first_token(run, now);
	if (!leave(run, keeps ? run->tokens : (int64_t)token_units(tokens), now))
		return;
	if (!why) {
		succeed(run, output, now);
	} else {
		if (why->owner == FAULT_OF_CAPACITY)
			limit(run, retry_after, now);
		blame(run, why, retry_after, now);
	}
}

void health_cancelled(struct health_run *run, usec now)
{
	if (run->is_live && !run->connected && now - run->began >= CONNECT_LATE) {
		health_ended(run, FAULT_CONNECT_TIMEOUT, 0, 0, 0, now);
		return;
	}
	if (!leave(run, run->tokens, now))
		return;
	return_probes(run, now);
}

void health_checked(const struct health *h, fault_t why, usec now)
{
	struct health_cell *p = h->provider;
	struct breaker_view v;

	if (!p)
		return;
	if (why) {
		struct blame b = blame_of(why, NULL);

		if (b.points[HEALTH_PROVIDER])
			breaker_fail(&p->breaker, b.points[HEALTH_PROVIDER], b.is_dead,
			             breaker_take_probe(&p->breaker, false, now), 0,
			             cell_mix(p->id, (uint64_t)now), now);
		return;
	}
	v = breaker_see(&p->breaker);
	if (v.state == BREAKER_OPEN && v.dead &&
	    breaker_take_probe(&p->breaker, true, now))
		close_anew(p);
}

void health_learn_context(const struct health *h, uint32_t tokens)
{
	if (h->model && tokens)
		STORE(h->model->context, tokens);
}
