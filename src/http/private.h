/* private.h - what the files of http/ share; for http/ alone. */
#pragma once
#include "http/client.h"
#include "http/server.h"

/* The part of the worker's read buffer that a connection has not consumed yet. */
struct bytes {
	char *at;
	size_t len;
};

/* io.c */
void kept_load(const struct http_kept *k, struct http_io *io, struct bytes *ret);
void kept_save(struct http_kept *k, const struct bytes *in);
void kept_free(struct http_kept *k);
/* Reads at most `most` more bytes behind *in, moving it to the front when it has to. */
ssize_t bytes_read(struct bytes *in, struct http_io *io, struct sock *s, size_t most);

/* A client's connection.  A request is running from ASKED to ANSWER. */
enum conn_state {
	CONN_HANDSHAKE, /* TLS is being agreed on */
	CONN_IDLE,      /* no byte of the next request has come */
	CONN_HEAD,      /* a head is coming in */
	CONN_ASKED,     /* on_request was called; nobody wants the body yet */
	CONN_BODY,      /* the body goes to on_body */
	CONN_ANSWER,    /* the request is whole, or given up; the owner answers */
	CONN_REFUSED,   /* inside on_refused: an answer, but no request */
	CONN_FLUSH,     /* the answer is complete; a part of it may be queued */
	CONN_LINGER,    /* FIN is sent; what comes is thrown away, for a second */
	CONN_DEAD,      /* closed, to be buried */
};

static inline bool conn_is_running(const struct http_conn *c)
{
	return c->state >= CONN_ASKED && c->state <= CONN_ANSWER;
}

static inline size_t conn_queued(const struct http_conn *c)
{
	return c->out.len - c->out_at;
}

/* server.c: something has changed that the connection's own code must look at. */
void conn_wake(struct http_conn *c);
void conn_close(struct http_conn *c);
void conn_arm(struct http_conn *c);
/* answer.c: the queue, as far as the socket takes it; and without asking it. */
void conn_flush(struct http_conn *c);
void conn_drop_queue(struct http_conn *c);
/* Will the connection close behind the running answer? */
bool conn_must_close(const struct http_conn *c);

/* A connection to an upstream.  It is leased from NAMING to DONE, but for a warm one. */
enum up_state {
	UP_NAMING,   /* the name has no address yet */
	UP_DIALLING, /* TCP, then TLS, one address after the other */
	UP_READY,    /* connected; nothing was given to send */
	UP_AWAIT,    /* the request goes out; the head is awaited */
	UP_BODY,     /* the head came; the body is decoded and handed over */
	UP_DONE,     /* the answer has ended */
	UP_IDLE,     /* in the pool */
	UP_DEAD,     /* closed, to be buried */
};

/* client.c: whatever happened to it, go on from there. */
void up_run(struct http_up *u);
void up_wake(struct http_up *u);
void up_arm(struct http_up *u);
/* dial.c */
void up_dial(struct http_up *u);
bool up_step_dial(struct http_up *u);
usec up_dial_deadline(const struct http_up *u);
void up_end_dial(struct http_up *u);
/* pool.c */
void up_connected(struct http_up *u);
void up_give_back(struct http_up *u);
void up_destroy(struct http_up *u);
/* An idle connection has gone that nobody wanted to go: perhaps another is dialled. */
void pool_stay_warm(struct http_pool *p);
/* Nothing may come before it is asked for: SOCK_AGAIN means that nothing did. */
ssize_t up_probe(struct http_up *u);
