/* board.c - the table of cells, and what is read off them (health.h). */
#include "base/mem.h"
#include "policy/health_private.h"

enum { PROBES_MOST = 64, STREAMS_ENOUGH = 20, GAPS_ENOUGH = 100 };

enum { PLACES = 8192, WAYS = 4 };

/* A conversation; the two words are not of one moment, which is good enough for a hint.
 */
struct place {
	_Atomic uint64_t session; /* 0: free */
	_Atomic uint64_t where;   /* the second of its last use, and the target's cell */
};

struct board {
	uint64_t seed;
	struct place places[PLACES];
	struct health_cell cells[BOARD_CELLS];
};

/* ---- cells ---- */

static uint64_t mix_text(uint64_t seed, str s)
{
	uint64_t piece;

	seed = cell_mix(seed, s.len);
	for (; s.len >= sizeof(piece); s = str_from(s, sizeof(piece))) {
		memcpy(&piece, s.ptr, sizeof(piece));
		seed = cell_mix(seed, piece);
	}
	piece = 0;
	if (s.len)
		memcpy(&piece, s.ptr, s.len);
	return cell_mix(seed, piece);
}

struct board *board_new(uint64_t seed)
{
	struct board *b = new_of(struct board);

	b->seed = seed;
	return b;
}

void board_free(struct board **b)
{
	free(*b);
	*b = NULL;
}

void board_clear(struct board *b)
{
	memset(b->cells, 0, sizeof(b->cells));
	memset(b->places, 0, sizeof(b->places));
}

uint64_t board_mark(const struct board *b, const struct secret *secret)
{
	return secret_is_set(secret) ? mix_text(~b->seed, secret_reveal(secret)) : 0;
}

uint64_t board_hash(const struct board *b, uint64_t seed, str text)
{
	return mix_text(b->seed ^ seed, text);
}

static struct health_cell *find(struct board *b, uint64_t id, bool create)
{
	unsigned at = (unsigned)(id >> 32);

	id |= 1; /* 0 is a free cell */
	for (unsigned i = 0; i < PROBES_MOST; i++) {
		struct health_cell *c = &b->cells[(at + i) % BOARD_CELLS];
		uint64_t seen = LOAD(c->id);

		if (seen == id)
			return c;
		if (seen)
			continue;
		if (!create)
			return NULL;
		if (atomic_compare_exchange_strong_explicit(&c->id, &seen, id,
		                                            memory_order_relaxed,
		                                            memory_order_relaxed) ||
		    seen == id)
			return c;
	}
	return NULL;
}

struct health health_of(struct board *b, str provider, uint64_t key_mark, str model,
                        bool create)
{
	uint64_t of_provider = mix_text(b->seed, provider);
	uint64_t of_model = mix_text(of_provider, model);

	return (struct health){
		.provider = find(b, of_provider, true),
		.key = find(b, cell_mix(of_provider, key_mark), true),
		.model = find(b, of_model, create),
		.target = find(b, cell_mix(of_model, key_mark), create),
	};
}

/* ---- what is known ---- */

static usec quantile(const struct histogram *h, unsigned per_mille, unsigned enough)
{
	return histogram_count(h) < enough ? 0 : histogram_kept(h, per_mille);
}

usec health_first_token_quantile(const struct health *h, unsigned per_mille)
{
	return h->model ? quantile(&h->model->first_token, per_mille, STREAMS_ENOUGH) : 0;
}

usec health_gap_quantile(const struct health *h, unsigned per_mille)
{
	return h->model ? quantile(&h->model->gaps, per_mille, GAPS_ENOUGH) : 0;
}

usec health_answer_quantile(const struct health *h, unsigned per_mille)
{
	return h->model ? quantile(&h->model->answers, per_mille, STREAMS_ENOUGH) : 0;
}

usec health_used_at(const struct health *h)
{
	return h->provider ? LOAD(h->provider->used_at) : 0;
}

uint32_t health_context(const struct health *h)
{
	return h->model ? LOAD(h->model->context) : 0;
}

static int64_t room_left(const struct health_cell *t, enum headroom_kind kind, usec now)
{
	int64_t left = t ? LOAD(t->rooms[kind].left) : 0;

	return left && LOAD(t->rooms[kind].full_at) > now ? left - 1 : -1;
}

void health_see(const struct health *h, usec now, struct health_view *ret)
{
	static const char *const scopes[] = { "provider", "key", "model", "target" };
	const struct health_cell *worst = h->model;
	unsigned scope;

	*ret = (struct health_view){ .scope = "" };
	ret->answer = look_at_breakers(h, now, &ret->until, &scope);
	if (ret->answer != HEALTH_OK)
		ret->scope = scopes[scope];
	else
		ret->answer = look_at_target(h->target, 0, now, &ret->until);
	if (h->provider && (!worst || LOAD(h->provider->failing) > LOAD(worst->failing)))
		worst = h->provider;
	if (worst) {
		ret->failing = (unsigned)(LOAD(worst->failing) * 1000ull / RATE_ONE);
		ret->attempts = LOAD(worst->seen);
	}
	if (h->provider)
		ret->in_flight = ret->busy = LOAD(h->provider->in_flight);
	if (h->model) {
		ret->busy = LOAD(h->model->in_flight);
		ret->tokens_per_second = LOAD(h->model->speed);
		ret->context = LOAD(h->model->context);
	}
	if (h->target)
		ret->limited_at = LOAD(h->target->limited_at);
	ret->requests_left = room_left(h->target, HEADROOM_REQUESTS, now);
	ret->tokens_left = room_left(h->target, HEADROOM_TOKENS, now);
}

/* ---- conversations ---- */

static uint64_t where_of(const struct board *b, const struct health *h, usec now)
{
	return (uint64_t)(now / USEC_SEC) << 16 | (uint64_t)(h->target - b->cells);
}

void board_remember(struct board *b, uint64_t session, const struct health *h, usec now)
{
	struct place *at = &b->places[session / WAYS * WAYS % PLACES], *oldest = at;

	if (!session || !h->target)
		return;
	for (unsigned i = 0; i < WAYS; i++) {
		uint64_t seen = LOAD(at[i].session);

		if (seen == session || !seen) {
			oldest = &at[i];
			break;
		}
		if (LOAD(at[i].where) < LOAD(oldest->where))
			oldest = &at[i];
	}
	STORE(oldest->where, where_of(b, h, now));
	STORE(oldest->session, session);
}

bool board_is_warm(const struct board *b, uint64_t session, const struct health *h,
                   usec now)
{
	const struct place *at = &b->places[session / WAYS * WAYS % PLACES];

	if (!session || !h->target)
		return false;
	for (unsigned i = 0; i < WAYS; i++) {
		uint64_t where = LOAD(at[i].where);

		if (LOAD(at[i].session) == session)
			return (where & 0xffff) == (uint64_t)(h->target - b->cells) &&
			       now - (usec)(where >> 16) * USEC_SEC <= BOARD_WARM_FOR;
	}
	return false;
}
