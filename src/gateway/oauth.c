/* oauth.c - who has which token, and when the next one is due.
 *
 * One lock over what workers and the thread share; the thread's own things stand apart.
 * How a token is asked for, and what an answer says, is in token.c. */
#include "gateway/oauth.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "gateway/token.h"
#include "http/client.h"
#include "loop/thread.h"

#include <pthread.h>
#include <stdatomic.h>

enum { WAITERS_MOST = 64, ANSWER_MOST = 64 * KiB, WHY_MOST = 512 };
#define AHEAD (300 * USEC_SEC)     /* so long before its end a token is renewed */
#define PATIENCE (15 * USEC_SEC)   /* for one question */
#define RETRY_FIRST (1 * USEC_SEC) /* after a failure; then twice as long */
#define RETRY_MOST (60 * USEC_SEC)
#define RENEW_LEAST                                                                      \
	(5 * USEC_SEC) /* a token younger than this is not renewed when it               \
	                * is refused: a new one would be as well */

struct waiter {
	void (*wake)(void *);
	void *arg;
};

struct token_source {
	struct token_source *next; /* changed by the thread, under the lock */
	struct oauth *oauth;
	struct service_account account; /* its texts are in `arena`; constant */
	struct arena arena;
	struct secret_room room; /* where its credentials lie */
	/* under the lock */
	unsigned users;
	struct buf token;
	uint64_t number; /* of the token; 0: there was none yet */
	usec had_at;     /* when the token came */
	usec good_until; /* 0: there is none */
	bool is_pending; /* a question is under way or due */
	bool is_due;     /* somebody wants a new one now */
	struct buf why;  /* of the last failure */
	struct waiter waiters[WAITERS_MOST];
	unsigned waiter_count;
	/* the thread's */
	bool is_ready; /* pool and tls are made */
	struct tls_client tls;
	struct http_pool pool;
	struct http_up *up; /* a question under way, or NULL */
	struct timer timer; /* for the next question, or the end of patience */
	usec ask_at, retry;
	int status;
	struct buf request, answer;
	struct grave grave;
};

struct oauth {
	pthread_mutex_t lock;
	struct token_source *sources;
	struct resolver *resolver;
	const struct tls_roots *roots;
	struct loop loop; /* the thread's, but for loop_wake */
	struct http_io io;
	bool has_thread;
	pthread_t thread;
	_Atomic bool stop;
};

/* ---- what came of a question ---- */

static void tell(struct token_source *s)
{
	for (unsigned i = 0; i < s->waiter_count; i++)
		s->waiters[i].wake(s->waiters[i].arg);
	s->waiter_count = 0;
}

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
	tell(s);
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
	tell(s);
	pthread_mutex_unlock(&o->lock);
	if (is_news || s->retry >= RETRY_MOST)
		log_warn("no access token for %.*s from %.*s: %.*s; trying again",
		         STR_ARG(a->email), STR_ARG(a->authority), STR_ARG(why));
	arm(s, now + s->retry);
	s->retry = min_of(2 * s->retry, RETRY_MOST);
}

static void end_question(struct token_source *s)
{
	if (s->up)
		http_up_release(s->up);
	s->up = NULL;
	mem_wipe(s->request.ptr, s->request.len);
	buf_clear(&s->request);
}

static void fail(struct token_source *s, str why)
{
	end_question(s);
	take_failure(s, why);
}

static void take_answer(struct token_source *s)
{
	struct arena *keep = &s->oauth->loop.scratch;
	struct token_answer answer;

	token_read_answer(&s->account, s->status, buf_str(&s->answer), keep, &answer);
	end_question(s);
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

static void ask(struct token_source *s)
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

static void on_timer(struct timer *t)
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
		ask(s);
}

/* ---- the thread ---- */

static void wipe(struct buf *b)
{
	if (b->ptr)
		mem_wipe(b->ptr, b->cap);
	buf_free(b);
}

static void source_free(struct token_source *s)
{
	if (s->up)
		end_question(s);
	timer_done(&s->oauth->loop, &s->timer);
	if (s->is_ready)
		http_pool_done(&s->pool);
	if (s->is_ready && s->account.tls)
		tls_client_done(&s->tls);
	wipe(&s->token);
	wipe(&s->request);
	wipe(&s->answer);
	buf_free(&s->why);
	arena_done(&s->arena);
	secret_room_done(&s->room);
}

static void bury(struct grave *g)
{
	free(container_of(g, struct token_source, grave));
}

/* Those nobody uses: their account was replaced, or its provider is gone.  A question
 * under way is broken off, and what they know is not kept for longer.  The lock is held.
 */
static void forget_unused(struct oauth *o)
{
	struct token_source **at = &o->sources, *s;

	while ((s = *at)) {
		if (s->users > 0) {
			at = &s->next;
			continue;
		}
		tell(s);
		*at = s->next;
		source_free(s); /* its connection is buried first, and knows its pool */
		loop_bury(&o->loop, &s->grave, bury);
	}
}

/* What was asked for since the last look. */
static void on_wake(struct loop *loop)
{
	struct oauth *o = container_of(loop, struct oauth, loop);
	struct token_source *first;

	if (atomic_load(&o->stop)) {
		loop->stop = true;
		return;
	}
	pthread_mutex_lock(&o->lock);
	forget_unused(o);
	first = o->sources;
	pthread_mutex_unlock(&o->lock);
	for (struct token_source *s = first; s; s = s->next) {
		pthread_mutex_lock(&o->lock);
		bool is_due = s->is_due && s->users > 0;
		pthread_mutex_unlock(&o->lock);

		if (is_due && !s->up)
			ask(s);
	}
}

static void *run(void *arg)
{
	struct oauth *o = arg;

	loop_run(&o->loop);
	return NULL;
}

struct oauth *oauth_new(struct resolver *resolver, const struct tls_roots *roots)
{
	struct oauth *o = new_of(struct oauth);

	o->resolver = resolver;
	o->roots = roots;
	if (!loop_init(&o->loop, on_wake)) {
		free(o);
		return NULL;
	}
	http_io_init(&o->io, &o->loop);
	pthread_mutex_init(&o->lock, NULL);
	return o;
}

void oauth_stop(struct oauth *o)
{
	atomic_store(&o->stop, true);
	loop_wake(&o->loop);
	if (o->has_thread)
		pthread_join(o->thread, NULL);
	o->has_thread = false;
}

void oauth_free(struct oauth **o)
{
	struct oauth *old = *o;
	struct token_source *s;

	*o = NULL;
	if (!old)
		return;
	oauth_stop(old);
	for (s = old->sources; s; s = s->next) {
		assert(s->users == 0);
		source_free(s);
	}
	loop_turn(&old->loop, 0); /* buries connections, which know their pools */
	while ((s = old->sources)) {
		old->sources = s->next;
		free(s);
	}
	http_io_done(&old->io);
	loop_done(&old->loop);
	pthread_mutex_destroy(&old->lock);
	free(old);
}

/* ---- from the workers ---- */

static struct token_source *source_new(struct oauth *o, const struct service_account *a)
{
	struct token_source *s = new_of(struct token_source);

	s->oauth = o;
	s->account = account_keep(a, &s->arena, &s->room);
	s->token.limit = TOKEN_MOST;
	s->why.limit = WHY_MOST;
	s->request.limit = 32 * KiB;
	s->answer.limit = ANSWER_MOST;
	s->timer = (struct timer){ .on_due = on_timer, .due = USEC_NEVER };
	s->retry = RETRY_FIRST;
	s->is_pending = s->is_due = true;
	return s;
}

struct token_source *oauth_source(struct oauth *o, const struct service_account *a)
{
	struct token_source *s;

	pthread_mutex_lock(&o->lock);
	for (s = o->sources; s && !account_is_same(&s->account, a); s = s->next)
		;
	if (!s) {
		s = source_new(o, a);
		s->next = o->sources;
		o->sources = s;
	}
	/* It may have grown old while nobody used it, and was not forgotten yet. */
	if (s->users++ == 0)
		s->is_pending = s->is_due = true;
	if (!o->has_thread && !atomic_load(&o->stop))
		o->has_thread = thread_start(&o->thread, "oauth", run, o);
	if (!o->has_thread) {
		s->is_pending = s->is_due = false;
		buf_set(&s->why, STR("the thread that asks could not be started"));
	}
	pthread_mutex_unlock(&o->lock);
	loop_wake(&o->loop);
	return s;
}

void token_source_unref(struct token_source **s)
{
	struct token_source *source = *s;
	struct oauth *o;
	bool is_last;

	*s = NULL;
	if (!source)
		return;
	o = source->oauth;
	pthread_mutex_lock(&o->lock);
	assert(source->users > 0);
	is_last = --source->users == 0;
	pthread_mutex_unlock(&o->lock);
	if (is_last)
		loop_wake(&o->loop);
}

enum token_state token_take(struct token_source *s, usec now, struct arena *keep,
                            struct access_token *ret, str *ret_why)
{
	enum token_state state;

	pthread_mutex_lock(&s->oauth->lock);
	if (now < s->good_until) {
		ret->text = arena_copy(keep, buf_str(&s->token));
		ret->number = s->number;
		state = TOKEN_READY;
	} else if (s->is_pending) {
		state = TOKEN_PENDING;
	} else {
		state = TOKEN_FAILED;
		*ret_why = arena_copy(keep, buf_str(&s->why));
	}
	pthread_mutex_unlock(&s->oauth->lock);
	return state;
}

void token_notify(struct token_source *s, void (*wake)(void *), void *arg)
{
	unsigned i = 0;

	pthread_mutex_lock(&s->oauth->lock);
	while (i < s->waiter_count && s->waiters[i].arg != arg)
		i++;
	if (!s->is_pending) {
		wake(arg);
	} else if (i == s->waiter_count) {
		assert(i < WAITERS_MOST);
		s->waiters[s->waiter_count++] = (struct waiter){ wake, arg };
	}
	pthread_mutex_unlock(&s->oauth->lock);
}

bool token_refuse(struct token_source *s, uint64_t number, usec now)
{
	bool is_due = false, may_help = true;

	pthread_mutex_lock(&s->oauth->lock);
	if (number == s->number && now < s->good_until) {
		may_help = is_due = now - s->had_at >= RENEW_LEAST;
	}
	if (is_due) {
		s->good_until = 0;
		s->is_pending = s->is_due = true;
	}
	pthread_mutex_unlock(&s->oauth->lock);
	if (is_due)
		loop_wake(&s->oauth->loop);
	return may_help;
}
