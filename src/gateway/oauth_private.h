/* oauth_private.h - what the files of oauth.h share: a source of tokens, and the thread.
 *
 *	oauth.c      who has which token; the thread, and what workers ask of it
 *	oauth_ask.c  one question after the other, and what came of each
 *
 * One lock over what workers and the thread share; the thread's own things are apart. */
#pragma once
#include "gateway/oauth.h"
#include "http/client.h"

#include <pthread.h>
#include <stdatomic.h>

enum { WAITERS_MOST = 64, WHY_MOST = 512 };
#define RETRY_FIRST (1 * USEC_SEC) /* after a failure; then twice as long */

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

/* Whoever waits for its token is woken.  The lock is held. */
void oauth_tell(struct token_source *s);

/* ---- oauth_ask.c, on the thread ---- */

/* Asks for a token; none is being asked for. */
void oauth_ask(struct token_source *s);
/* A question under way is broken off. */
void oauth_end_question(struct token_source *s);
/* See token_source.timer. */
void oauth_on_timer(struct timer *t);
