/* oauth.c - who has which token, and who waits for one.
 *
 * The thread asks for those that are due (oauth_ask.c); workers take what there is. */
#include "gateway/oauth_private.h"

#include "base/assert.h"
#include "base/mem.h"
#include "gateway/token.h"
#include "loop/thread.h"

enum { ANSWER_MOST = 64 * KiB };
#define RENEW_LEAST                                                                      \
	(5 * USEC_SEC) /* a token younger than this is not renewed when it               \
	                * is refused: a new one would be as well */

void oauth_tell(struct token_source *s)
{
	for (unsigned i = 0; i < s->waiter_count; i++)
		s->waiters[i].wake(s->waiters[i].arg);
	s->waiter_count = 0;
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
		oauth_end_question(s);
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
		oauth_tell(s);
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
			oauth_ask(s);
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
	s->timer = (struct timer){ .on_due = oauth_on_timer, .due = USEC_NEVER };
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
