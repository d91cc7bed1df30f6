#include "gateway/capture.h"

#include "base/mem.h"
#include "meter/body_log.h"

/* What the log's thread gets: it owns all of it. */
struct captured {
	struct body_letter letter;
	char user[TENANT_USER_NAME];
	struct retained request, answer;
};

void capture_decide(struct exchange *x)
{
	x->logs_bodies = x->plan->config->log.bodies != LOG_BODIES_OFF &&
	                 x->worker->gateway->bodies && !x->phi && !x->is_shadow;
	if (!x->logs_bodies || x->said)
		return;
	x->said = arena_new(&x->arena, struct retained);
	x->said->gateway = x->worker->gateway;
	x->said->most_memory = x->plan->config->memory;
}

void capture_add(struct exchange *x, str bytes)
{
	str kept = str_first(bytes, CAPTURE_MOST - x->said->len);

	if (x->said_lost)
		return;
	x->said_cut |= kept.len < bytes.len;
	if (retained_add(x->said, kept))
		return;
	/* A part of an answer would be taken for all of it. */
	retained_free(x->said);
	x->said_lost = true;
}

static bool is_wanted(const struct exchange *x)
{
	return x->plan->config->log.bodies == LOG_BODIES_ALL ||
	       (x->why && x->why != FAULT_CLIENT_GONE) || x->client_status >= 400;
}

void capture_free_letter(struct body_letter *l)
{
	struct captured *c = container_of(l, struct captured, letter);

	retained_free(&c->request);
	retained_free(&c->answer);
	free(c);
}

static struct captured *make_letter(struct exchange *x)
{
	struct captured *c = new_of(struct captured);
	bool no_request = x->body_dropped || (!x->body_whole && !x->body.len);

	/* Blocks are the worker's own: what leaves it lies elsewhere. */
	retained_settle(&x->body);
	if (x->user.len)
		memcpy(c->user, x->user.ptr, min_of(x->user.len, sizeof(c->user)));
	c->request = x->body;
	c->answer = *x->said;
	x->body = (struct retained){ .gateway = x->worker->gateway };
	*x->said = x->body;
	c->letter.row = (struct body_row){
		.exchange = x->id,
		.key = x->key,
		.user = str_of(c->user, min_of(x->user.len, sizeof(c->user))),
		.wall = x->worker->loop.wall,
		.flags = (no_request ? BODY_NO_REQUEST : 0u) |
		         (x->said_lost ? BODY_NO_ANSWER : 0u) |
		         (x->said_cut ? BODY_CUT : 0u) |
		         (x->is_stream ? BODY_STREAM : 0u),
		.request = no_request ? STR_NONE : retained_str(&c->request),
		.answer = retained_str(&c->answer),
	};
	return c;
}

void capture_end(struct exchange *x)
{
	struct captured *c;

	if (x->logs_bodies && is_wanted(x)) {
		x->bodies_lost = x->said_lost || x->body_dropped;
		c = make_letter(x);
		if (!body_log_post(x->worker->gateway->bodies, &c->letter)) {
			capture_free_letter(&c->letter);
			x->bodies_lost = true;
		}
	}
	if (x->said)
		retained_free(x->said);
}
