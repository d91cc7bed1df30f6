/* desk_private.h - what desk.c (the thread) and visit.c (one request) share. */
#pragma once
#include "admin/desk.h"
#include "admin/guard.h"
#include "http/server.h"
#include "loop/mailbox.h"

#include <pthread.h>

struct desk {
	struct admin_house house; /* the thread's */
	char *dir;
	struct loop loop;
	struct http_io io;
	struct http_server server; /* of the address */
	struct http_server local;  /* of the socket */
	struct http_limits limits;
	struct guard guard;
	struct io listener;  /* fd -1: none */
	struct net_addr at;  /* where it is bound */
	struct timer again;  /* accepting failed: look again then */
	uint64_t body_bytes; /* of bodies that are held now, at all connections */
	struct mailbox newcomers;
	pthread_t thread;
	bool has_thread;
	pthread_mutex_t lock;   /* over tls */
	struct tls_server *tls; /* NULL: plain */
	_Atomic bool stop;
};

/* What the desk knows of a connection, in its session. */
struct desk_conn {
	bool is_known; /* a good token came on it */
};
static inline struct desk_conn *desk_conn(struct http_conn *c)
{
	_Static_assert(sizeof(struct desk_conn) <= HTTP_SESSION, "it has room");
	return (struct desk_conn *)(void *)c->session;
}

extern const struct http_ops visit_ops;
