/* oauth.h - access tokens of accounts, fetched and renewed on a thread of their own.
 *
 * A token is asked for when its account is first configured, and again five minutes ahead
 * of its end, by one question at a time however many workers use it.  A worker never
 * waits here: it copies the token there is, or leaves word to be woken.  The thread
 * starts with the first account. */
#pragma once
#include "config/config.h"
#include "loop/resolve.h"
#include "loop/tls.h"

struct oauth;
/* The token of one account, whoever uses it. */
struct token_source;

/* roots are looked at when an account wants TLS.  NULL: out of descriptors. */
struct oauth *oauth_new(struct resolver *resolver, const struct tls_roots *roots);
/* The thread ends; nobody is woken any more. */
void oauth_stop(struct oauth *o);
/* After all sources are given back. */
void oauth_free(struct oauth **o);

/* Of that account, which may go after the call; counted.  What nobody uses any more is
 * forgotten, its credentials too.  Any thread. */
struct token_source *oauth_source(struct oauth *o, const struct service_account *a);
void token_source_unref(struct token_source **s);

enum token_state {
	TOKEN_READY,
	TOKEN_PENDING, /* it is being asked for */
	TOKEN_FAILED,  /* the last question failed; the next one is not due yet */
};

struct access_token {
	str text;
	uint64_t number; /* which one, to say so when it is refused */
};

/* READY: *ret is a copy in keep.  FAILED: *ret_why says why, in keep.  Any thread. */
enum token_state token_take(struct token_source *s, usec now, struct arena *keep,
                            struct access_token *ret, str *ret_why);
/* wake(arg) is called, once, in another thread, when the pending question has ended; at
 * once when none is pending.  arg has to live until oauth_stop. */
void token_notify(struct token_source *s, void (*wake)(void *), void *arg);
/* A provider refused token `number`: another is asked for.  False: it is so new that
 * another would be refused too. */
bool token_refuse(struct token_source *s, uint64_t number, usec now);
