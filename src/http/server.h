/* server.h - HTTP/1.1 towards clients: connections, one request at a time on each.
 *
 * The server reads, refuses what is malformed, decodes bodies, and tells its owner
 * through http_ops.  The owner answers with bytes: a head made with http_head_begin (or
 * by hand) and whatever follows, framed by the owner.  Pipelined requests wait, unread as
 * far as possible, until the running one is finished.
 *
 *   on_request -> http_take_body -> on_body* -> http_send* -> http_finish
 *
 * Back-pressure: while !http_has_room(c) do not send; on_room comes once when there is
 * room again.  http_pause_body stops reading the body. */
#pragma once
#include "http/body.h"
#include "http/io.h"

struct http_conn;
struct http_server;

enum { HTTP_SESSION = 104 };

struct http_ops {
	/* A well-formed head.  `req` and its slices are good during the call only.  The
	 * owner calls http_take_body, or answers at once (then a body that is still to
	 * come costs the connection). */
	void (*on_request)(struct http_conn *c, const struct http_request *req);
	/* Decoded body bytes, good during the call only; `end` with the last ones. Always
	 * called with end at least once after http_take_body, also for an empty body. */
	void (*on_body)(struct http_conn *c, str bytes, bool end);
	/* The body broke off, was malformed, too large or late.  The owner answers with
	 * http_refuse or anything else; the connection closes after that. */
	void (*on_body_fault)(struct http_conn *c, fault_t why);
	void (*on_room)(struct http_conn *c);
	/* The client is gone while a request was running; c is dead after the call, and
	 * does nothing more during it. */
	void (*on_gone)(struct http_conn *c);
	/* A refusal at the framing level: there is no request.  The owner writes the
	 * answer (http_refuse does it) and counts. */
	void (*on_refused)(struct http_conn *c, fault_t why);
};

struct http_server {
	struct http_io *io;
	const struct http_ops *ops;
	const struct http_limits *limits; /* looked at each time; may be exchanged */
	void *owner;
	/* What clients have not read is counted by the owner, beyond what any connection
	 * may have.  take_memory says false when there is no more: that costs the
	 * connection.  NULL: nobody counts. */
	bool (*take_memory)(void *owner, size_t n);
	void (*give_memory)(void *owner, size_t n);
	bool draining;     /* answers say `connection: close`; idle ones are closed */
	unsigned open;     /* connections */
	struct list conns; /* all of them */
	uint64_t accepted, requests, refused; /* counted */
};

struct http_conn {
	struct http_server *server;
	void *owner; /* of the running request; NULL between requests */
	struct net_addr peer;
	bool is_head;    /* the running request is HEAD: send no body */
	bool keep_alive; /* else the answer must say `connection: close` */
	uint8_t minor;   /* HTTP/1.minor of the running request; 0: no chunked answers */
	usec began_at;   /* first byte of the running request */
	usec whole_at;   /* its last byte came; 0 until then */
	/* The owner's, from one request to the next: zeroed at first, wiped at the end.
	 */
	_Alignas(8) char session[HTTP_SESSION];
	struct sock sock;   /* -- private from here -- */
	struct timer timer; /* the one deadline there is; see deadline() in server.c */
	struct list link;
	struct grave grave;
	struct task task;
	struct http_kept kept; /* raw bytes not yet consumed */
	struct buf out;        /* queued for the client; empty most of the time */
	size_t out_at;         /* of it sent already */
	size_t counted;        /* of its memory, with the server's owner */
	struct http_body body;
	uint64_t body_most;
	usec since;      /* when this state began, for those with a deadline */
	usec body_since; /* when the body was asked for, less the pauses */
	usec body_at;    /* when it last moved; while paused, since when it is */
	usec write_at;   /* when the queue last moved */
	size_t seen;     /* of the head by http_head_end; of what is thrown away */
	uint8_t state;
	bool expects_continue, paused, was_full, broken, timed_out, in_call;
};

/* ops, limits, io and owner are set. */
void http_server_init(struct http_server *s);
/* Stops taking new requests; idle connections close, busy ones after their answer. */
void http_server_drain(struct http_server *s);
/* Closes all, whatever they are doing; on_gone is called for running requests. */
void http_server_done(struct http_server *s);
/* Takes fd over (also on failure).  tls may be NULL. */
void http_server_add(struct http_server *s, int fd, const struct net_addr *peer,
                     struct ssl_ctx_st *tls);
/* Closes it, as if its client had gone: for somebody else's sake.  Not inside of a call
 * of its ops. */
cold void http_evict(struct http_conn *c);

/* Inside or after on_request: read the body, at most `most` bytes (more: HTTP_BODY_LARGE,
 * found from Content-Length before a byte is read).  Sends 100 Continue when it is due.
 */
void http_take_body(struct http_conn *c, uint64_t most);
void http_pause_body(struct http_conn *c);
void http_resume_body(struct http_conn *c);

/* Bytes as they go on the wire; what the socket does not take is copied to the queue.
 * One that is full is the end of the connection: http_lose. */
void http_send(struct http_conn *c, const struct iovec *iov, int count);
static inline void http_send_str(struct http_conn *c, str bytes)
{
	struct iovec iov = http_iov(bytes);

	http_send(c, &iov, 1);
}
bool http_has_room(const struct http_conn *c);
/* The answer is complete: next request, or close.  Closing lingers when a body or other
 * bytes are unread, so that the client can read the answer. */
void http_finish(struct http_conn *c);
/* The answer broke off: the connection is reset, so that the client cannot mistake it for
 * a whole one. on_gone is not called. */
cold void http_abort(struct http_conn *c);
/* The same for one who is in the middle of sending: the connection stays until its own
 * turn, nothing more is sent on it, and on_gone is called if a request is running then.
 */
cold void http_lose(struct http_conn *c);

/* A connection with nobody at its other end, for an answer that is thrown away: whatever
 * is sent is gone, there is always room, and nothing is ever called. */
void http_conn_init_deaf(struct http_conn *c, struct http_server *s);

/* A whole small answer and http_finish. body may be empty; extra is "name: value\r\n"
 * lines or empty. */
void http_answer(struct http_conn *c, int status, str content_type, str extra, str body);
/* An answer for a refusal at the framing level (on_refused): status and JSON from the
 * row, `connection: close`, lingering close. */
cold void http_refuse(struct http_conn *c, fault_t why, str content_type, str extra,
                      str body);

/* Beginning of an answer's head in `to`: status line, and connection: close when due. The
 * caller adds fields and the blank line. */
void http_head_begin(const struct http_conn *c, struct buf *to, int status);
void http_head_add(struct buf *to, str name, str value);
