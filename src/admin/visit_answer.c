/* visit_answer.c - how the answer of the desk goes out: at once, piece by piece as there
 * is room, or made while it goes. */
#include "admin/visit_private.h"
#include "base/mem.h"

enum {
	WHOLE_MOST = MiB, /* an answer up to that is queued at once; else in pieces of */
	PIECE = 64 * KiB,
};

void visit_free(struct visit *v)
{
	task_done(&v->making);
	v->desk->body_bytes -= v->body.len;
	admin_pieces_done(&v->call.pieces);
	/* A secret may have come, and one may have gone. */
	if (v->out.ptr)
		mem_wipe(v->out.ptr, v->out.cap);
	if (v->body.ptr)
		mem_wipe(v->body.ptr, v->body.cap);
	buf_free(&v->out);
	buf_free(&v->body);
	arena_done(&v->keep);
	free(v);
}

const str visit_lines = STR_INIT("cache-control: no-store\r\n"
                                 "x-content-type-options: nosniff\r\n"
                                 "referrer-policy: no-referrer\r\n"
                                 "content-security-policy: default-src 'none'; "
                                 "frame-ancestors 'none'\r\n");

/* The rest of a large answer, as far as there is room; on_room goes on. */
static void send_on(struct visit *v)
{
	struct http_conn *conn = v->conn;

	while (v->sent < v->out.len && http_has_room(conn)) {
		size_t n = min_of((size_t)PIECE, v->out.len - v->sent);

		http_send_str(conn, str_of(v->out.ptr + v->sent, n));
		v->sent += n;
	}
	if (v->sent < v->out.len)
		return;
	conn->owner = NULL;
	http_finish(conn);
	visit_free(v);
}

/* The end of an answer that went in pieces. */
static void end_pieces(struct visit *v, bool is_whole)
{
	struct http_conn *conn = v->conn;

	conn->owner = NULL;
	if (is_whole)
		http_finish(conn);
	else
		http_abort(conn);
	visit_free(v);
}

static void send_piece(struct visit *v, bool is_last)
{
	char room[32];
	struct buf size = { room, .cap = sizeof(room), .limit = sizeof(room) };
	struct iovec iov[4];
	int count = 0;

	if (v->is_chunked && v->out.len) {
		buf_addf(&size, "%zx\r\n", v->out.len);
		iov[count++] = http_iov(buf_str(&size));
	}
	if (v->out.len)
		iov[count++] = http_iov(buf_str(&v->out));
	if (v->is_chunked && v->out.len)
		iov[count++] = http_iov(STR("\r\n"));
	if (v->is_chunked && is_last)
		iov[count++] = http_iov(STR("0\r\n\r\n"));
	if (count)
		http_send(v->conn, iov, count);
}

/* One piece in each turn of the loop: others are answered in between. */
static void make_on(struct visit *v)
{
	struct admin_pieces *p = &v->call.pieces;
	enum admin_piece got;

	buf_clear(&v->out);
	got = p->next(p->arg, &v->out);
	if (got == ADMIN_PIECE_FAILED || v->out.over) {
		end_pieces(v, false);
		return;
	}
	send_piece(v, got == ADMIN_PIECE_LAST);
	if (got == ADMIN_PIECE_LAST)
		end_pieces(v, true);
	else if (http_has_room(v->conn))
		loop_defer(&v->desk->loop, &v->making);
}

void visit_on_making(struct task *t)
{
	make_on(container_of(t, struct visit, making));
}

/* A large answer: with its length, or in pieces of which nobody knows how many come. */
static void begin_large(struct visit *v, int status, str type, str lines)
{
	struct buf head = BUF_LIMIT(8 * KiB);
	bool is_made = v->call.pieces.next != NULL;

	v->is_chunked = is_made && v->conn->minor > 0;
	if (is_made && !v->is_chunked)
		v->conn->keep_alive = false;
	http_head_begin(v->conn, &head, status);
	http_head_add(&head, STR("content-type"), type);
	if (!is_made)
		buf_addf(&head, "content-length: %zu\r\n", v->out.len);
	else if (v->is_chunked)
		buf_add(&head, STR("transfer-encoding: chunked\r\n"));
	buf_add(&head, lines);
	buf_add(&head, STR("\r\n"));
	http_send_str(v->conn, buf_str(&head));
	buf_free(&head);
	v->is_sending = true;
	if (!is_made)
		send_on(v);
	else if (v->conn->is_head)
		end_pieces(v, true);
	else
		make_on(v);
}

void visit_answer(struct visit *v, int status, str more)
{
	struct admin_call *c = &v->call;
	struct http_conn *conn = v->conn;
	struct buf lines = BUF_LIMIT(4 * KiB);
	str type = c->content_type.len ? c->content_type : STR("application/json");

	buf_add(&lines, visit_lines);
	if (c->etag[0] && status < 400)
		buf_addf(&lines, "etag: %s\r\n", c->etag);
	if (c->is_replayed)
		buf_add(&lines, STR("idempotency-replayed: true\r\n"));
	buf_add(&lines, more);
	if ((v->out.len > WHOLE_MOST && !conn->is_head) || c->pieces.next) {
		begin_large(v, status, type, buf_str(&lines));
		buf_free(&lines);
		return;
	}
	conn->owner = NULL;
	http_answer(conn, status, v->out.len ? type : STR_NONE, buf_str(&lines),
	            buf_str(&v->out));
	buf_free(&lines);
	visit_free(v);
}

void visit_go_on(struct visit *v)
{
	if (v->is_sending && v->call.pieces.next)
		loop_defer(&v->desk->loop, &v->making);
	else if (v->is_sending)
		send_on(v);
}
