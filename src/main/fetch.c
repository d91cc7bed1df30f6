#include "main/fetch.h"

#include "base/mem.h"
#include "config/endpoint.h"
#include "http/client.h"

#include <signal.h>

#define TICK (100 * USEC_MS) /* between looks at `stop` */

struct fetch {
	const struct fetch_from *from;
	struct loop loop;
	struct timer late, tick;
	struct http_io io;
	struct http_pool pool;
	struct http_up *up; /* NULL: over */
	struct buf request;
	struct buf *body, *why;
	int status;
	bool is_good;
	bool only_connects;
	fault_t fault; /* of a connection that could not be made, or died */
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

	if (f->only_connects) {
		f->is_good = true;
		http_up_release(u);
		end(f);
		return;
	}
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

	f->fault = why;
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

	f->fault = FAULT_CONNECT_TIMEOUT;
	if (f->up)
		give_up(f, f->up, "there was no whole answer in time");
}

static void on_tick(struct timer *t)
{
	struct fetch *f = container_of(t, struct fetch, tick);

	if (f->up && f->from->stop && atomic_load(f->from->stop))
		give_up(f, f->up, "it was not waited for");
	else
		timer_set(&f->loop, t, f->loop.now + TICK);
}

static void run(struct fetch *f, struct tls_client *tls)
{
	const struct fetch_from *from = f->from;

	f->pool = (struct http_pool){
		.io = &f->io,
		.origin = { .name = resolver_watch(from->resolver, from->host, from->port,
		                                   from->allow_private),
		            .tls = tls,
		            .connect_timeout = 10 * USEC_SEC,
		            .idle_timeout = 1 * USEC_SEC,
		            .write_timeout = 10 * USEC_SEC },
	};
	http_pool_init(&f->pool);
	f->late.on_due = on_late;
	f->tick.on_due = on_tick;
	f->loop.now = sys_now();
	timer_set(&f->loop, &f->late, f->loop.now + from->patience);
	timer_set(&f->loop, &f->tick, f->loop.now + TICK);
	f->up = http_lease(&f->pool, true, &ops, f);
	loop_run(&f->loop);
	timer_done(&f->loop, &f->late);
	timer_done(&f->loop, &f->tick);
	http_pool_done(&f->pool);
	loop_turn(&f->loop, 0); /* buries the connection */
}

/* ---- around it ---- */

static void run_with_tls(struct fetch *f)
{
	struct tls_client tls = { 0 };
	struct arena keep = { 0 };

	if (!f->from->tls) {
		run(f, NULL);
	} else if (tls_client_init(&tls, f->from->roots, f->from->ca_file,
	                           str_z(&keep, f->from->host), f->why)) {
		run(f, &tls);
		tls_client_done(&tls);
	}
	arena_done(&keep);
}

bool fetch_get(const struct fetch_from *from, struct buf *ret, struct buf *why)
{
	struct fetch f = {
		.from = from, .body = ret, .why = why, .request = BUF_LIMIT(64 * KiB)
	};

	buf_addf(&f.request,
	         "GET %.*s HTTP/1.1\r\nhost: %.*s\r\nuser-agent: sluice/%s\r\n"
	         "accept: application/json\r\naccept-encoding: identity\r\n"
	         "connection: close\r\n",
	         STR_ARG(from->path.len ? from->path : STR("/")),
	         STR_ARG(from->authority), SLUICE_VERSION);
	buf_add(&f.request, from->headers);
	buf_add(&f.request, STR("\r\n"));
	if (f.request.over || !loop_init(&f.loop, NULL)) {
		buf_add(why, STR("there is no room for a connection"));
	} else {
		http_io_init(&f.io, &f.loop);
		run_with_tls(&f);
		http_io_done(&f.io);
		loop_done(&f.loop);
	}
	if (f.request.ptr)
		mem_wipe(f.request.ptr, f.request.cap); /* there may be a key in it */
	buf_free(&f.request);
	return f.is_good;
}

fault_t fetch_connect(const struct fetch_from *from)
{
	struct buf why = BUF_LIMIT(KiB);
	struct fetch f = { .from = from, .why = &why, .only_connects = true };

	if (!loop_init(&f.loop, NULL))
		return FAULT_INTERNAL;
	http_io_init(&f.io, &f.loop);
	run_with_tls(&f);
	http_io_done(&f.io);
	loop_done(&f.loop);
	buf_free(&why);
	if (f.is_good)
		return NULL;
	return f.fault ? f.fault : FAULT_INTERNAL;
}

static bool fetch_typed(const struct endpoint *at, struct buf *ret, struct buf *why)
{
	struct tls_roots roots = { 0 };
	struct fetch_from from = { .host = at->host,
		                   .port = at->port,
		                   .tls = at->tls,
		                   .allow_private = at->is_private_literal,
		                   .authority = at->authority,
		                   .path = at->base_path,
		                   .roots = &roots,
		                   .patience = 120 * USEC_SEC };
	bool is_good = false;

	if (at->tls && !tls_roots_init(&roots, why))
		return false;
	from.resolver = resolver_new();
	if (from.resolver)
		is_good = fetch_get(&from, ret, why);
	else
		buf_add(why, STR("names cannot be looked up"));
	resolver_free(&from.resolver);
	if (at->tls)
		tls_roots_done(&roots);
	return is_good;
}

bool fetch_url(str url, struct buf *ret, struct buf *why)
{
	struct arena keep = { 0 };
	struct endpoint at;
	bool is_good = false;
	const char *what;

	signal(SIGPIPE, SIG_IGN);
	if (!endpoint_parse(url, &keep, &at, &what))
		buf_addf(why, "not a URL: %s", what);
	else if (!at.tls && !at.is_private_literal)
		buf_add(why, STR("only https:// is fetched from the network"));
	else
		is_good = fetch_typed(&at, ret, why);
	arena_done(&keep);
	return is_good;
}
