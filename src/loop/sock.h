/* sock.h - a connected byte stream, plain or TLS, that never blocks.
 *
 * The owner embeds a struct sock and gets on_event when something may have changed; it
 * then reads until `would block`.  Knows edge triggers: a read that filled less than it
 * was offered has emptied the socket, so the next sock_read costs no system call until
 * the kernel says otherwise.  An owner that stops reading earlier sees s->may_read and
 * goes on by itself.  With TLS, a FIN without close_notify is a cut (UPSTREAM_CUT), never
 * a clean end; a plain FIN is all an end there is. */
#pragma once
#include "base/fault.h"
#include "loop/loop.h"
#include "loop/tls.h"

struct sock;
typedef void sock_fn(struct sock *s);

struct sock {
	struct io io;
	struct loop *loop;
	sock_fn *on_event;  /* readable, writable or hung up: try what you want to do */
	struct ssl_st *ssl; /* NULL: plain */
	bool connecting;    /* TCP or TLS handshake under way */
	bool may_read;      /* a read may give something */
	bool may_write;     /* a write may take something */
	bool hangup;        /* the peer has sent FIN or RST; bytes may still be unread */
	fault_t why;        /* why it failed */
	int error;          /* the errno behind `why`, 0: none */
	int tls_verify;     /* OpenSSL's reason for not trusting a certificate, 0: none */
	unsigned tls_error; /* OpenSSL's error code behind `why`, 0: none */
	usec sent_at;       /* when what was posted last went out, by the clock itself */
	bool dialling;      /* -- private from here -- the TCP handshake is under way */
	bool io_readable; /* the descriptor may have more; may_read counts TLS's stock */
	bool io_ended;    /* FIN was read */
	bool ending;      /* FIN is wanted, behind what is unsent */
	int over;         /* how reading has ended: SOCK_END, SOCK_FAILED, 0: not yet */
	bool posted;      /* something waits in the outbox */
	int untaken;      /* by the peer, when a write was cut short: sys_unsent */
	struct list trouble; /* the owner is to be told at the end of the turn */
	struct buf unsent;   /* what was taken and the kernel had no room for */
};

enum {
	SOCK_AGAIN = 0,   /* would block */
	SOCK_END = -1,    /* the peer ended its side properly */
	SOCK_FAILED = -2, /* see s->why */
};

/* Both want s->on_event set before, and set everything else.  A sock does not move while
 * it is open. */

/* Takes fd over.  Plain, or TLS server when `tls` is given.  A plain one may be read and
 * written at once; a TLS one is `connecting`.  False: no descriptor could be watched, fd
 * is closed. */
must_check bool sock_accept(struct sock *s, struct loop *loop, int fd,
                            struct ssl_ctx_st *tls);
/* Dials; on_event follows when connected (then !s->connecting after sock_handshake) or
 * failed (s->why).  tls may be NULL. False: failed at once, s->why says why. */
must_check bool sock_dial(struct sock *s, struct loop *loop, const struct net_addr *to,
                          struct tls_client *tls);
/* Drives connect and handshake; call it first in on_event while s->connecting.
 * True when the connection stands; false: not yet, or s->why. */
bool sock_handshake(struct sock *s);

/* > 0 bytes read, or SOCK_AGAIN, SOCK_END, SOCK_FAILED.  What the peer sent before a
 * reset can be read even after a write has failed. */
ssize_t sock_read(struct sock *s, void *to, size_t size);
/* >= 0 bytes taken (fewer than given: full, on_event follows), or SOCK_FAILED. */
ssize_t sock_writev(struct sock *s, const struct iovec *iov, int count);
/* The same for what need not go at once: short pieces of all socks go out together when
 * the turn is over, and count as taken until then.  Closing sends them first; a failure
 * is told by on_event. */
ssize_t sock_post(struct sock *s, const struct iovec *iov, int count);
/* What was posted goes now: whoever closes next has to know what the kernel had no room
 * for. */
void sock_send_posted(struct sock *s);
/* Everything that was taken is in the kernel's hands or in the outbox; else the rest goes
 * by itself before the next on_event.  Closing loses such a rest. */
static inline bool sock_is_sent(const struct sock *s)
{
	return s->unsent.len == 0;
}
/* For one whose writes have taken nothing for long: is it all the same so that the peer
 * has taken bytes, since the last write or the last call?  The kernel says that there is
 * room only when much of its buffer is free, and a slow reader may need minutes for that.
 */
bool sock_peer_takes(struct sock *s);
/* FIN (and close_notify) behind what was written; reading goes on. */
void sock_end(struct sock *s);
/* Closes; harmless on a closed or zeroed sock. s->why stays readable. */
void sock_close(struct sock *s);
/* The same with RST. */
void sock_abort(struct sock *s);
static inline bool sock_is_open(const struct sock *s)
{
	return s->loop && s->io.fd >= 0;
}
/* For people: what is behind s->why, e.g. "Connection refused" or "certificate has
 * expired"; nothing when there is no more to say.  Also after it was closed. */
void sock_explain(const struct sock *s, struct buf *to);
