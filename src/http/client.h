/* client.h - HTTP/1.1 towards upstreams: dialling, one exchange at a time, pooling.
 *
 * One struct http_pool per worker and origin.  An owner leases a connection, gets
 * on_ready, sends its request, reads the answer through its ops, and gives the connection
 * back.  Only a connection whose exchange ended cleanly is kept: any doubt about framing,
 * any byte too many, destroys it (G15).  on_fault is the last call for a lease. */
#pragma once
#include "http/body.h"
#include "http/io.h"
#include "loop/resolve.h"

enum { HTTP_PIECES_MOST = 12 }; /* of a request, pending at a time */

struct http_up;

struct http_up_ops {
	/* Connected, with TLS when asked for: send now. Called at once from http_lease
	 * for a pooled connection. */
	void (*on_ready)(struct http_up *u);
	/* The final head (1xx are skipped); good during the call only. */
	void (*on_head)(struct http_up *u, const struct http_response *res);
	/* Decoded body: what was left unconsumed last time and what is new. `end`: there
	 * will be no more.  Returns how many bytes were consumed; the rest (at most
	 * HTTP_KEEP_MOST, else UPSTREAM_LARGE) is given again with more behind it, or, if
	 * it paused, alone when it resumes.  What came before a fault is given before
	 * on_fault, so nothing depends on how the bytes were cut. */
	size_t (*on_data)(struct http_up *u, str bytes, bool end);
	/* Request bytes that were queued have gone out. */
	void (*on_room)(struct http_up *u);
	/* It is over: u is dead after the call.  u->reused and !u->any_bytes tell a stale
	 * connection (G12); sock_explain(&u->sock, ...) may know more, within the call.
	 */
	void (*on_fault)(struct http_up *u, fault_t why);
};

struct http_origin {
	struct resolved *name;
	struct tls_client *tls; /* NULL: plain */
	usec connect_timeout;   /* for all addresses together; 3 s */
	usec tls_timeout;       /* from then on, for the handshake; 0: none of its own */
	usec idle_timeout;      /* in the pool; 50 s */
	usec write_timeout;     /* an upstream that takes nothing; 60 s */
};

struct http_pool {
	struct http_io *io;
	struct http_origin origin;
	unsigned keep;    /* most idle connections; 512 */
	usec warm_for;    /* so long after a lease one is dialled ahead when the last
	                   * idle one has gone; 0: never */
	struct list idle; /* -- private from here -- newest first */
	struct http_up *warming; /* being dialled ahead, or NULL */
	usec leased_at, warmed_at;
	unsigned idle_count, busy_count;
	bool closing;
	uint16_t family; /* of the address that was connected last; 0: none was */
	uint64_t dialled, reused, broken; /* counted */
};

struct http_dial;

struct http_up {
	void *owner;
	const struct http_up_ops *ops;
	struct http_pool *pool;
	bool reused;    /* came from the pool */
	bool any_bytes; /* a byte of the answer has come */
	bool sent_any;  /* a byte of the request may have gone out */
	bool is_head;   /* the request was HEAD: no body follows; set before sending */
	usec connected_at, sent_at, first_byte_at; /* 0 until then */
	struct sock sock;                          /* -- private from here -- */
	struct timer timer;
	struct list link;
	struct grave grave;
	struct task task;
	struct http_dial *dial; /* NULL but while dialling */
	struct http_kept kept;
	size_t raw_kept; /* how much of its end is not decoded yet */
	struct iovec pending[HTTP_PIECES_MOST]; /* not yet sent; the owner's memory */
	struct http_body body;
	fault_t why;   /* to be told in a turn of its own */
	usec since;    /* idle since */
	usec write_at; /* when `pending` last moved */
	uint64_t leased_turn;
	size_t seen; /* by http_head_end */
	uint8_t state, informational, pending_count;
	bool paused, released, in_call, timed_out, again;
	bool keep_alive; /* nothing is against pooling it */
	bool ended;      /* the owner has given all of its request */
	bool stopped;    /* no more is sent: answered early, or the peer takes nothing */
	bool waits_for_room;
};

void http_pool_init(struct http_pool *p);
/* Idle connections close; busy ones when they come back: the pool's memory must stay
 * until busy_count is 0. */
void http_pool_done(struct http_pool *p);

/* A connection, pooled (newest first) unless `fresh`, else dialled.  Never NULL; failures
 * come as on_fault, never from inside this call (deferred to the end of the turn). */
struct http_up *http_lease(struct http_pool *p, bool fresh, const struct http_up_ops *ops,
                           void *owner);
/* Request bytes, from on_ready on.  They are not copied: while http_up_has_pending they
 * must stay as they are, until on_room or until the lease ends.  At most HTTP_PIECES_MOST
 * may be pending. `end`: this is all of it.  An answer that comes before the end stops
 * the sending: what is given later is ignored, and the connection is not pooled (U50). */
void http_up_send(struct http_up *u, const struct iovec *iov, int count, bool end);
bool http_up_has_pending(const struct http_up *u);
/* When the last bytes went out, by the clock itself: they may have waited for the end of
 * the turn.  Good once an answer has come. */
static inline usec http_up_gone_at(const struct http_up *u)
{
	return u->sock.sent_at;
}
/* Stops and goes on reading the answer (back-pressure); goes on after the caller has
 * returned. */
void http_up_pause(struct http_up *u);
void http_up_resume(struct http_up *u);
/* The lease ends; no more calls to ops.  Pooled only when the answer ended cleanly, the
 * request was sent whole, and nothing is left over; else destroyed. */
void http_up_release(struct http_up *u);
/* Dials one connection ahead, unless that is under way; it becomes idle when it stands.
 * If it fails nobody is told, and it is not tried again. */
void http_pool_warm(struct http_pool *p);
