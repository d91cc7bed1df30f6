#include "main/fetch.h"

#include "config/endpoint.h"
#include "http/client.h"
#include "loop/tls.h"

#include <signal.h>

#define PATIENCE (120 * USEC_SEC)

struct fetch {
	struct loop loop;
	struct timer late;
	struct http_io io;
	struct http_pool pool;
	struct http_up *up; /* NULL: over */
	struct endpoint at;
	struct buf request;
	struct buf *body, *why;
	int status;
	bool is_good;
};

/* ---- the exchange ---- */

static void end(struct fetch *f)
{
	f->up = NULL;
	f->loop.stop = true;
}

static void give_up(struct fetch *f, struct http_up *u, const char *what)
{
	buf_add(f->why, str_from_z(what));
	http_up_release(u);
	end(f);
}

static void on_ready(struct http_up *u)
{
	struct fetch *f = u->owner;
	struct iovec iov = http_iov(buf_str(&f->request));

	http_up_send(u, &iov, 1, true);
}

static void on_head(struct http_up *u, const struct http_response *res)
{
	struct fetch *f = u->owner;

	f->status = res->status;
	if (res->status == 200)
		return;
	buf_addf(f->why, "the answer's status is %d%s", res->status,
	         res->status / 100 == 3 ? ", a redirect, which is not followed" : "");
	give_up(f, u, "");
}

static size_t on_data(struct http_up *u, str bytes, bool is_end)
{
	struct fetch *f = u->owner;

	if (!buf_add(f->body, bytes)) {
		give_up(f, u, "the answer is too large");
	} else if (is_end) {
		f->is_good = true;
		http_up_release(u);
		end(f);
	}
	return bytes.len;
}

static void on_room(struct http_up *u)
{
	(void)u;
}

static void on_fault(struct http_up *u, fault_t why)
{
	struct buf more = BUF_LIMIT(1 * KiB);
	struct fetch *f = u->owner;
	str text = why->text;

	if (why == FAULT_ADDRESS_FORBIDDEN)
		text = STR("its name resolves to a private address");
	else if (why == FAULT_TLS_FAILED)
		text = STR("no trusted TLS connection could be made");
	else if (str_skip(&text, STR("the provider")))
		buf_add(f->why, STR("the server"));
	buf_add(f->why, text);
	sock_explain(&u->sock, &more);
	if (more.len)
		buf_addf(f->why, ": %.*s", STR_ARG(buf_str(&more)));
	buf_free(&more);
	end(f);
}

static const struct http_up_ops ops = {
	.on_ready = on_ready,
	.on_head = on_head,
	.on_data = on_data,
	.on_room = on_room,
	.on_fault = on_fault,
};

static void on_late(struct timer *t)
{
	struct fetch *f = container_of(t, struct fetch, late);

	if (f->up)
		give_up(f, f->up, "there was no whole answer in two minutes");
}

static void run(struct fetch *f, struct resolver *resolver, struct tls_client *tls)
{
	f->pool = (struct http_pool){
		.io = &f->io,
		.origin = { .name = resolver_watch(resolver, f->at.host, f->at.port,
		                                   f->at.is_private_literal),
		            .tls = tls,
		            .connect_timeout = 10 * USEC_SEC,
		            .idle_timeout = 1 * USEC_SEC,
		            .write_timeout = 10 * USEC_SEC },
	};
	http_pool_init(&f->pool);
	f->late.on_due = on_late;
	timer_set(&f->loop, &f->late, sys_now() + PATIENCE);
	f->loop.now = sys_now();
	f->up = http_lease(&f->pool, true, &ops, f);
	loop_run(&f->loop);
	timer_done(&f->loop, &f->late);
	http_pool_done(&f->pool);
	loop_turn(&f->loop, 0); /* buries the connection */
}

/* ---- around it ---- */

static bool parse(struct fetch *f, str url, struct arena *keep)
{
	const char *what;

	if (!endpoint_parse(url, keep, &f->at, &what)) {
		buf_addf(f->why, "not a URL: %s", what);
		return false;
	}
	if (!f->at.tls && !f->at.is_private_literal) {
		buf_add(f->why, STR("only https:// is fetched from the network"));
		return false;
	}
	buf_addf(&f->request,
	         "GET %.*s HTTP/1.1\r\nhost: %.*s\r\nuser-agent: sluice/%s\r\n"
	         "accept: application/json\r\naccept-encoding: identity\r\n"
	         "connection: close\r\n\r\n",
	         STR_ARG(f->at.base_path.len ? f->at.base_path : STR("/")),
	         STR_ARG(f->at.authority), SLUICE_VERSION);
	return !f->request.over;
}

static bool with_tls(struct fetch *f, struct resolver *resolver, struct arena *keep)
{
	struct tls_roots roots = { 0 };
	struct tls_client tls = { 0 };
	bool is_ready;

	if (!f->at.tls) {
		run(f, resolver, NULL);
		return f->is_good;
	}
	if (!tls_roots_init(&roots, f->why))
		return false;
	is_ready = tls_client_init(&tls, &roots, NULL, str_z(keep, f->at.host), f->why);
	if (is_ready) {
		run(f, resolver, &tls);
		tls_client_done(&tls);
	}
	tls_roots_done(&roots);
	return f->is_good;
}

static bool with_loop(struct fetch *f, struct arena *keep)
{
	struct resolver *resolver = resolver_new();
	bool is_good = false;

	if (!resolver || !loop_init(&f->loop, NULL)) {
		buf_add(f->why, STR("the machine has no room for a connection"));
		resolver_free(&resolver);
		return false;
	}
	http_io_init(&f->io, &f->loop);
	is_good = with_tls(f, resolver, keep);
	http_io_done(&f->io);
	loop_done(&f->loop);
	resolver_free(&resolver);
	return is_good;
}

bool fetch_url(str url, struct buf *ret, struct buf *why)
{
	struct fetch f = { .body = ret, .why = why, .request = BUF_LIMIT(16 * KiB) };
	struct arena keep = { 0 };
	bool is_good;

	signal(SIGPIPE, SIG_IGN);
	is_good = parse(&f, url, &keep) && with_loop(&f, &keep);
	buf_free(&f.request);
	arena_done(&keep);
	return is_good;
}
