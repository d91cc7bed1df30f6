/* visit_private.h - one request at the desk: what visit.c (who asks, and may he) and
 * visit_answer.c (how the answer goes out) share. */
#pragma once
#include "admin/desk_private.h"

struct visit {
	struct desk *desk;
	struct http_conn *conn;
	struct arena keep;
	struct buf body, out;
	bool is_sending; /* a large answer, piece by piece; so much of it has gone: */
	size_t sent;
	struct task making; /* the next piece of one that is made while it goes */
	bool is_chunked;
	struct admin_call call;
};

/* The answer in v->out, or the pieces it is made of, goes out, and the visit ends, now or
 * when all of it has gone.  more: further lines of the head, or empty. */
void visit_answer(struct visit *v, int status, str more);
/* There is room for more of a large one. */
void visit_go_on(struct visit *v);
void visit_free(struct visit *v);
/* The task v->making. */
void visit_on_making(struct task *t);
/* What every head has. */
extern const str visit_lines;
