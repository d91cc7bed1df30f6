/* oauth_ask.c - one question for an access token: sent, waited for, and what came of it,
 * which says when the next one is due.  How it is written, and what an answer says, is in
 * token.c. */
#include "base/log.h"
#include "base/mem.h"
#include "gateway/oauth_private.h"
#include "gateway/token.h"

#define AHEAD (300 * USEC_SEC)   /* so long before its end a token is renewed */
#define PATIENCE (15 * USEC_SEC) /* for one question */
#define RETRY_MOST (60 * USEC_SEC)

/* ---- what came of it ---- */

static void arm(struct token_source *s, usec at)
{
	s->ask_at = at;
	timer_set(&s->oauth->loop, &s->timer, at);
}

static void take_token(struct token_source *s, str token, usec life)
{
	struct oauth *o = s->oauth;
	usec now = o->loop.now, early = min_of(AHEAD, life / 2);

	pthread_mutex_lock(&o->lock);
	if (s->token.ptr)
		mem_wipe(s->token.ptr, s->token.len);
	buf_set(&s->token, token);
	s->number++;
	s->had_at = now;
	s->good_until = now + life;
	s->is_pending = s->is_due = false;
	buf_clear(&s->why);
	oauth_tell(s);
	pthread_mutex_unlock(&o->lock);
	s->retry = RETRY_FIRST;
	arm(s, now + life - early);
}

/* A token that is still good is kept. */
static void take_failure(struct token_source *s, str why)
{
	struct oauth *o = s->oauth;
	const struct service_account *a = &s->account;
	usec now = o->loop.now;
	bool is_news;

	pthread_mutex_lock(&o->lock);
	is_news = !str_eq(buf_str(&s->why), why);
	buf_set(&s->why, why);
	s->is_pending = s->is_due = false;
	oauth_tell(s);
	pthread_mutex_unlock(&o->lock);
	if (is_news || s->retry >= RETRY_MOST)
		log_warn("no access token for %.*s from %.*s: %.*s; trying again",
		         STR_ARG(a->email), STR_ARG(a->authority), STR_ARG(why));
	arm(s, now + s->retry);
	s->retry = min_of(2 * s->retry, RETRY_MOST);
}

void oauth_end_question(struct token_source *s)
{
	if (s->up)
		http_up_release(s->up);
	s->up = NULL;
	mem_wipe(s->request.ptr, s->request.len);
	buf_clear(&s->request);
}

static void fail(struct token_source *s, str why)
{
	oauth_end_question(s);
	take_failure(s, why);
}

static void take_answer(struct token_source *s)
{
	struct arena *keep = &s->oauth->loop.scratch;
	struct token_answer answer;

	token_read_answer(&s->account, s->status, buf_str(&s->answer), keep, &answer);
	oauth_end_question(s);
	if (answer.token.len)
		take_token(s, answer.token, answer.life);
	else
		take_failure(s, answer.why);
	mem_wipe(s->answer.ptr, s->answer.len);
	buf_clear(&s->answer);
}

/* ---- one question ---- */

static void on_ready(struct http_up *u)
{
	struct token_source *s = u->owner;
	struct iovec iov = { s->request.ptr, s->request.len };

	s->up = u;
	http_up_send(u, &iov, 1, true);
}

static void on_head(struct http_up *u, const struct http_response *res)
{
	struct token_source *s = u->owner;

	s->status = res->status;
}

static size_t on_data(struct http_up *u, str bytes, bool end)
{
	struct token_source *s = u->owner;

	if (!buf_add(&s->answer, bytes))
		fail(s, STR("the answer is too large"));
	else if (end)
		take_answer(s);
	return bytes.len;
}

static void on_room(struct http_up *u)
{
	(void)u;
}

static void on_fault(struct http_up *u, fault_t why)
{
	struct token_source *s = u->owner;

	s->up = NULL; /* it is dead already */
	fail(s, why->text);
}

static const struct http_up_ops asking = {
	.on_ready = on_ready,
	.on_head = on_head,
	.on_data = on_data,
	.on_room = on_room,
	.on_fault = on_fault,
};

/* False and a text: there is no way to ask. */
static bool make_ready(struct token_source *s, struct buf *why)
{
	const struct service_account *a = &s->account;
	struct oauth *o = s->oauth;

	if (s->is_ready)
		return true;
	if (a->tls &&
	    !tls_client_init(&s->tls, o->roots, NULL, str_z(&s->arena, a->host), why))
		return false;
	s->is_ready = true;
	s->pool = (struct http_pool){
		.io = &o->io,
		.origin = {
			.name = resolver_watch(o->resolver, a->host, a->port,
			                       a->allow_private),
			.tls = a->tls ? &s->tls : NULL,
			.connect_timeout = 5 * USEC_SEC,
			.idle_timeout = 5 * USEC_SEC,
			.write_timeout = 10 * USEC_SEC,
		},
	};
	http_pool_init(&s->pool);
	return true;
}

void oauth_ask(struct token_source *s)
{
	struct oauth *o = s->oauth;
	struct buf why = BUF_LIMIT(WHY_MOST);

	pthread_mutex_lock(&o->lock);
	s->is_due = false;
	s->is_pending = true;
	pthread_mutex_unlock(&o->lock);
	buf_clear(&s->request);
	buf_clear(&s->answer);
	s->status = 0;
	if (!make_ready(s, &why)) {
		take_failure(s, buf_str(&why));
	} else if (!token_write_request(&s->account, o->loop.wall, &s->request)) {
		take_failure(s, STR("the question could not be signed"));
	} else {
		timer_set(&o->loop, &s->timer, o->loop.now + PATIENCE);
		s->up = http_lease(&s->pool, true, &asking, s);
	}
	buf_free(&why);
}

void oauth_on_timer(struct timer *t)
{
	struct token_source *s = container_of(t, struct token_source, timer);
	bool is_used;

	if (s->up) {
		fail(s, STR("no answer came in time"));
		return;
	}
	pthread_mutex_lock(&s->oauth->lock);
	is_used = s->users > 0;
	pthread_mutex_unlock(&s->oauth->lock);
	if (is_used)
		oauth_ask(s);
}
