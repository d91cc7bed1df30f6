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

/* Points at the provider, the key and the model for each failure that is somebody's. */
struct blame {
	fault_t why;
	uint8_t points[BREAKERS];
	bool is_network; /* nobody was there, unless a connection had been made */
};

static const struct blame *find_blame(fault_t why)
{
	static const struct blame blames[] = {
		{ FAULT_NAME_UNKNOWN, { 5, 0, 0 }, true },
		{ FAULT_ADDRESS_FORBIDDEN, { 5, 0, 0 }, true },
		{ FAULT_CONNECT_FAILED, { 5, 0, 0 }, true },
		{ FAULT_CONNECT_TIMEOUT, { 5, 0, 0 }, true },
		{ FAULT_TLS_FAILED, { 5, 0, 0 }, true },
		{ FAULT_UPSTREAM_RESET, { 5, 0, 0 }, true },
		{ FAULT_WRITE_STALLED, { 5, 0, 0 }, false },
		{ FAULT_FIRST_TOKEN_LATE, { 2, 0, 5 }, false },
		{ FAULT_UPSTREAM_IDLE, { 2, 0, 5 }, false },
		{ FAULT_UPSTREAM_MALFORMED, { 2, 0, 3 }, false },
		{ FAULT_UPSTREAM_CUT, { 2, 0, 3 }, false },
		{ FAULT_UPSTREAM_LARGE, { 0, 0, 0 }, false },
		{ FAULT_UPSTREAM_REDIRECT, { 2, 0, 3 }, false },
		{ FAULT_UPSTREAM_HTML, { 2, 0, 3 }, false },
		{ FAULT_EMPTY_ANSWER, { 0, 0, 2 }, false },
		{ FAULT_STREAM_ERROR, { 2, 0, 3 }, false },
		{ FAULT_UPSTREAM_BUSY, { 2, 0, 3 }, false },
		{ FAULT_UPSTREAM_FAILED, { 2, 0, 3 }, false },
		{ FAULT_UPSTREAM_AUTH, { 0, 15, 0 }, false },
		{ FAULT_NO_TOKEN, { 0, 15, 0 }, false },
		{ FAULT_UPSTREAM_NO_MODEL, { 0, 0, 15 }, false },
	};

	for (size_t i = 0; i < countof(blames); i++)
		if (blames[i].why == why)
			return &blames[i];
	return NULL;
}

void health_connected(struct health_run *run)
{
	struct health_cell *p = run->at.provider;

	run->connected = true;
	/* Somebody is there: that is all which was in doubt. */
	if (p && run->probes & 1u << HEALTH_PROVIDER && breaker_see(&p->breaker).dead) {
		breaker_close(&p->breaker, TRIAL);
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
		STORE(t->rooms[i].full_at, now + rooms[i].reset);
	}
}

void health_first_token(struct health_run *run, usec now)
{
	if (run->spoke || !run->began)
		return;
	run->spoke = now;
	if (run->stream && run->at.model)
		histogram_add(&run->at.model->first_token, now - run->began, STREAMS_KEPT,
		              now);
	for (unsigned i = 0; run->probes && i < BREAKERS; i++) {
		struct health_cell *c = cell_of(&run->at, i);

		if (!(run->probes & 1u << i))
			continue;
		breaker_close(&c->breaker, TRIAL);
		STORE(c->failing, RATE_ONE / 4);
		run->probes &= (uint8_t) ~(1u << i);
	}
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

static void blame(struct health_run *run, const struct blame *b, usec retry_after,
                  usec now)
{
	for (unsigned i = 0; i < BREAKERS; i++) {
		struct health_cell *c = cell_of(&run->at, i);
		bool is_probe = run->probes & 1u << i;
		unsigned points = b->points[i];

		if (!c)
			continue;
		if (points == 0) {
			if (is_probe)
				breaker_return_probe(&c->breaker, now);
			continue;
		}
		if (note_rate(c, true) > RATE_ONE / 2)
			points = BREAKER_POINTS;
		breaker_fail(&c->breaker, points, b->is_network && !run->connected,
		             is_probe, retry_after, cell_mix(c->id, (uint64_t)now), now);
	}
	run->probes = 0;
}

/* What every end has in common. False: it had never begun. */
static bool leave(struct health_run *run, int64_t tokens, usec now)
{
	if (!run->began)
		return false;
	if (run->at.provider) {
		ADD(run->at.provider->in_flight, -1u);
		if (run->tokens)
			window_correct(&run->at.provider->tokens, tokens - run->tokens,
			               now);
	}
	if (run->at.model) {
		ADD(run->at.model->in_flight, -1u);
		histogram_add_tally(&run->at.model->gaps, &run->gaps, GAPS_KEPT, now);
	}
	return true;
}

void health_ended(struct health_run *run, fault_t why, usec retry_after, uint64_t tokens,
                  uint64_t output, usec now)
{
	const struct blame *b = find_blame(why);
	bool keeps = tokens == 0 && !why; /* nobody said: the estimate holds */

	if (!leave(run, keeps ? run->tokens : (int64_t)token_units(tokens), now))
		return;
	if (!why) {
		health_first_token(run, now);
		succeed(run, output, now);
	} else if (why == FAULT_UPSTREAM_LIMITED) {
		limit(run, retry_after, now);
		return_probes(run, now);
	} else if (b) {
		blame(run, b, retry_after, now);
	} else {
		return_probes(run, now);
	}
	run->began = 0;
}

void health_cancelled(struct health_run *run, usec now)
{
	if (run->began && !run->connected && now - run->began >= CONNECT_LATE) {
		health_ended(run, FAULT_CONNECT_TIMEOUT, 0, 0, 0, now);
		return;
	}
	if (!leave(run, run->tokens, now))
		return;
	return_probes(run, now);
	run->began = 0;
}

void health_checked(const struct health *h, fault_t why, usec now)
{
	struct health_cell *p = h->provider;
	const struct blame *b = find_blame(why);
	struct breaker_view v;

	if (!p || (why && !b))
		return;
	if (b) {
		breaker_fail(&p->breaker, b->points[HEALTH_PROVIDER], b->is_network,
		             false, 0, cell_mix(p->id, (uint64_t)now), now);
		return;
	}
	v = breaker_see(&p->breaker);
	if (v.state == BREAKER_OPEN && v.dead &&
	    breaker_take_probe(&p->breaker, true, now))
		breaker_close(&p->breaker, TRIAL);
}

void health_learn_context(const struct health *h, uint32_t tokens)
{
	if (h->model && tokens)
		STORE(h->model->context, tokens);
}
