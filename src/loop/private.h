/* private.h - between sock.c, sock_tls.c, tls.c, resolve.c; for loop/ and its tests. */
#pragma once
#include "loop/resolve.h"
#include "loop/sock.h"

/* sock.c: the bare descriptor. Results as those of sock_read and sock_writev. */
ssize_t sock_io_read(struct sock *s, void *to, size_t size);
ssize_t sock_io_writev(struct sock *s, const struct iovec *iov, int count);
/* Returns SOCK_FAILED. The first reason stays. */
int sock_fail(struct sock *s, fault_t why, int error);

/* Sends what is unsent, behind it what TLS has sealed; false: failed. */
bool sock_flush(struct sock *s);

/* outbox.c: sends what was posted so far. */
void outbox_send(struct loop *loop);
void outbox_done(struct loop *loop);

/* sock_tls.c: the same through TLS. `client` is NULL on the server's side. */
bool sock_tls_start(struct sock *s, struct ssl_ctx_st *ctx,
                    const struct tls_client *client);
bool sock_tls_handshake(struct sock *s);
ssize_t sock_tls_read(struct sock *s, void *to, size_t size);
ssize_t sock_tls_writev(struct sock *s, const struct iovec *iov, int count);
void sock_tls_end(struct sock *s);
void sock_tls_free(struct sock *s);
const char *sock_tls_explain(const struct sock *s);

/* tls.c: name and session of a new connection. */
bool tls_client_prepare(const struct tls_client *t, struct ssl_st *ssl);
/* What the protocols are called in a handshake: one length byte before each. */
#define TLS_ALPN "\x08http/1.1"

/* resolve.c: how long things last; tests are in more of a hurry. */
struct resolver_times {
	usec refresh_least, refresh_most; /* bounds of an answer's life */
	usec retry_first, retry_most;     /* after a failure, doubled each time */
	usec keep;                        /* for so long the last good answer is used */
	int timeout_ms, tries;            /* of one question to one server */
};
/* servers: "127.0.0.1:5353,..." instead of those in resolv.conf, or NULL. */
struct resolver *resolver_new_with(const struct resolver_times *times,
                                   const char *servers);
