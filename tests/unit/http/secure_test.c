/* Our client against our server, over TLS and without: bodies of all sizes both ways, one
 * connection, nothing left over. */
#include "tests/unit/http/rig.h"
#include "tests/unit/loop/cert.h"

#include <openssl/ssl.h>

static struct buf sent, served, heard;
static bool over;
static fault_t failed;
static int gone;

/* The server returns what it gets, chunked when the path says so. */
static bool is_chunked;

static void serve(struct http_conn *c, const struct http_request *req)
{
	buf_clear(&served);
	is_chunked = str_eq(req->path, STR("/chunked"));
	http_take_body(c, 16 * MiB);
}

static void serve_body(struct http_conn *c, str bytes, bool end)
{
	buf_add(&served, bytes);
	if (!end)
		return;
	if (!is_chunked) {
		http_answer(c, 200, STR("text/plain"), STR(""), buf_str(&served));
		return;
	}
	struct buf head = BUF_LIMIT(1 * KiB);
	http_head_begin(c, &head, 200);
	buf_add(&head, STR("transfer-encoding: chunked\r\n\r\n"));
	http_send_str(c, buf_str(&head));
	for (str rest = buf_str(&served); rest.len > 0;) {
		str piece = str_take(&rest, 5000);

		buf_clear(&head);
		buf_addf(&head, "%zx\r\n", piece.len);
		http_send_str(c, buf_str(&head));
		http_send_str(c, piece);
		http_send_str(c, STR("\r\n"));
	}
	http_send_str(c, STR("0\r\n\r\n"));
	http_finish(c);
	buf_free(&head);
}

static void serve_fault(struct http_conn *c, fault_t why)
{
	CHECK_OK(why);
	http_abort(c);
}

static void serve_room(struct http_conn *c)
{
}

static void serve_gone(struct http_conn *c)
{
	gone++;
}

static const struct http_ops server_ops = { serve,      serve_body, serve_fault,
	                                    serve_room, serve_gone, serve_fault };

static bool asks_chunked;
static char head_room[200];

static void on_ready(struct http_up *u)
{
	int n = snprintf(head_room, sizeof(head_room),
	                 "POST /%s HTTP/1.1\r\nhost: h\r\ncontent-length: %zu\r\n\r\n",
	                 asks_chunked ? "chunked" : "", sent.len);
	struct iovec iov[] = { { head_room, (size_t)n }, { sent.ptr, sent.len } };

	http_up_send(u, iov, 2, true);
}

static void on_head(struct http_up *u, const struct http_response *res)
{
	CHECK_INT(res->status, 200);
}

static size_t on_data(struct http_up *u, str bytes, bool end)
{
	buf_add(&heard, bytes);
	over = end;
	if (end)
		http_up_release(u);
	return bytes.len;
}

static void on_room(struct http_up *u)
{
}

static void on_fault(struct http_up *u, fault_t why)
{
	failed = why;
	over = true;
}

static const struct http_up_ops client_ops = { on_ready, on_head, on_data, on_room,
	                                       on_fault };

static void exchange(struct rig *r, size_t size, struct ssl_ctx_st *tls)
{
	struct net_addr peer;

	buf_clear(&sent);
	buf_clear(&heard);
	for (size_t i = 0; sent.len < size; i++)
		buf_add_char(&sent, (char)('a' + (i * i >> 4) % 26));
	over = false;
	http_lease(&r->pool, false, &client_ops, NULL);
	for (int i = 0; i < 5000 && !over; i++) {
		int fd = sys_accept(r->listener, &peer);

		if (fd >= 0)
			http_server_add(&r->server, fd, &peer, tls);
		rig_turn(r);
	}
	CHECK(over);
	CHECK_FAULT(failed, NULL);
	CHECK(str_eq(buf_str(&sent), buf_str(&heard)));
}

static void exchange_all(struct tls_client *client, struct ssl_ctx_st *server)
{
	static const size_t sizes[] = { 0,       1,       100,    16383,  16384,
		                        16385,   65535,   65536,  131072, 300000,
		                        1000000, 5000000, 8300000 };
	struct rig r;

	sent = served = heard = BUF_LIMIT(16 * MiB);
	failed = NULL;
	gone = 0;
	rig_init(&r, &server_ops);
	r.pool.origin.tls = client;
	for (size_t i = 0; i < countof(sizes); i++)
		for (int chunked = 0; chunked < 2; chunked++) {
			asks_chunked = chunked;
			exchange(&r, sizes[i], server);
		}
	CHECK_INT(r.pool.dialled, 1);
	CHECK_INT(r.server.accepted, 1);
	CHECK_INT(r.pool.idle_count, 1);
	CHECK_INT(gone, 0);
	rig_done(&r);
	buf_free(&sent);
	buf_free(&served);
	buf_free(&heard);
}

TEST(bodies_of_all_sizes_travel_both_ways)
{
	exchange_all(NULL, NULL);
}

TEST(bodies_of_all_sizes_travel_both_ways_sealed)
{
	struct cert_files files = cert_make("DNS:up.test", 1);
	struct buf why = BUF_LIMIT(1 * KiB);
	struct tls_client client;
	struct tls_server *server = tls_server_new(files.cert, files.key, &why);

	CHECK(tls_client_init(&client, NULL, files.ca, "up.test", &why));
	CHECK(server);
	exchange_all(&client, tls_server_ctx(server));
	tls_client_done(&client);
	tls_server_unref(&server);
	buf_free(&why);
}

/* Its client was still shaking hands when the idle ones were closed. */
TEST(who_asks_for_nothing_does_not_hold_up_a_drain)
{
	struct cert_files files = cert_make("DNS:up.test", 1);
	struct buf why = BUF_LIMIT(300);
	struct tls_server *server = tls_server_new(files.cert, files.key, &why);
	struct tls_client client;
	struct net_addr peer;
	struct rig r;
	int fd = -1;

	CHECK(server && tls_client_init(&client, NULL, files.ca, "up.test", &why));
	rig_init(&r, &server_ops);
	r.pool.origin.tls = &client;
	http_pool_warm(&r.pool);
	while (fd < 0)
		fd = sys_accept(r.listener, &peer);
	http_server_add(&r.server, fd, &peer, tls_server_ctx(server));
	http_server_drain(&r.server);
	CHECK_INT(r.server.open, 1);
	AWAIT(&r, r.server.open == 0);
	rig_done(&r);
	tls_client_done(&client);
	tls_server_unref(&server);
	buf_free(&why);
}

TEST(a_wrong_certificate_is_a_fault_with_a_reason)
{
	struct cert_files files = cert_make("DNS:up.test", 1);
	struct buf why = BUF_LIMIT(1 * KiB);
	struct tls_client client;
	struct tls_server *server = tls_server_new(files.cert, files.key, &why);
	struct net_addr peer;
	struct rig r;

	CHECK(tls_client_init(&client, NULL, files.ca, "other.test", &why));
	rig_init(&r, &server_ops);
	r.pool.origin.tls = &client;
	over = false;
	http_lease(&r.pool, false, &client_ops, NULL);
	int fd = -1;
	while (fd < 0)
		fd = sys_accept(r.listener, &peer);
	http_server_add(&r.server, fd, &peer, tls_server_ctx(server));
	AWAIT(&r, over);
	CHECK_FAULT(failed, FAULT_TLS_FAILED);
	AWAIT(&r, r.server.open == 0);
	rig_done(&r);
	tls_client_done(&client);
	tls_server_unref(&server);
	buf_free(&why);
}
