/* otlp_post.c - see otlp_post.h. */
#include "meter/otlp_post.h"

#include "base/mem.h"
#include "codec/text.h"
#include "http/client.h"

#define TICK (100 * USEC_MS) /* between looks at `stop` */
#define CONNECT_TIMEOUT (5 * USEC_SEC)
#define IDLE_TIMEOUT (30 * USEC_SEC)

struct otlp_poster {
	const struct otlp_settings *settings;
	struct loop loop;
	struct http_io io;
	struct http_pool pool;
	struct tls_client tls;
	bool has_loop;
	struct arena keep;
	struct buf head;
	/* of the request under way */
	struct timer late, tick;
	struct http_up *up; /* NULL: over */
	str body;
	const _Atomic bool *stop;
	struct otlp_reply *reply;
	bool was_stale; /* a pooled connection had been closed meanwhile */
};

static void end(struct otlp_poster *p)
{
	p->up = NULL;
	p->loop.stop = true;
}

static void on_ready(struct http_up *u)
{
	struct otlp_poster *p = u->owner;
	struct iovec iov[] = { http_iov(buf_str(&p->head)), http_iov(p->body) };

	http_up_send(u, iov, 2, true);
}

static void on_head(struct http_up *u, const struct http_response *res)
{
	struct otlp_poster *p = u->owner;
	str value = http_response_find(res, HTTP_NAME_RETRY_AFTER);

	p->reply->status = res->status;
	if (!value.len || !retry_after_parse(value, p->loop.wall, &p->reply->retry_after))
		p->reply->retry_after = 0;
}

static size_t on_data(struct http_up *u, str bytes, bool is_end)
{
	struct otlp_poster *p = u->owner;

	/* What does not fit is of no interest. */
	buf_add(&p->reply->body,
	        str_first(bytes, p->reply->body.limit - p->reply->body.len));
	if (is_end) {
		http_up_release(u);
		end(p);
	}
	return bytes.len;
}

static void on_room(struct http_up *u)
{
	(void)u;
}

static void on_fault(struct http_up *u, fault_t why)
{
	struct otlp_poster *p = u->owner;

	p->was_stale = u->reused && !u->any_bytes;
	p->reply->why = why;
	end(p);
}

static const struct http_up_ops ops = {
	.on_ready = on_ready,
	.on_head = on_head,
	.on_data = on_data,
	.on_room = on_room,
	.on_fault = on_fault,
};

static void give_up(struct otlp_poster *p)
{
	struct http_up *u = p->up;

	if (!u)
		return;
	p->reply->status = 0;
	p->reply->why = FAULT_UPSTREAM_IDLE;
	end(p);
	http_up_release(u);
}

static void on_late(struct timer *t)
{
	give_up(container_of(t, struct otlp_poster, late));
}

static void on_tick(struct timer *t)
{
	struct otlp_poster *p = container_of(t, struct otlp_poster, tick);

	if (atomic_load(p->stop))
		give_up(p);
	else
		timer_set(&p->loop, t, p->loop.now + TICK);
}

static void write_head(struct otlp_poster *p)
{
	buf_clear(&p->head);
	buf_addf(&p->head,
	         "POST %.*s HTTP/1.1\r\nhost: %.*s\r\nuser-agent: sluice/%s\r\n"
	         "content-type: application/json\r\naccept: application/json\r\n"
	         "content-length: %zu\r\n",
	         STR_ARG(p->settings->path), STR_ARG(p->settings->authority),
	         SLUICE_VERSION, p->body.len);
	buf_add(&p->head, secret_reveal(&p->settings->headers));
	buf_add(&p->head, STR("\r\n"));
}

static void ask(struct otlp_poster *p, bool fresh, usec patience)
{
	buf_clear(&p->reply->body);
	p->reply->status = 0;
	p->reply->why = NULL;
	p->reply->retry_after = 0;
	p->was_stale = false;
	p->loop.stop = false;
	loop_turn(&p->loop, 0); /* the clock, and what became of pooled connections */
	p->loop.stop = false;
	timer_set(&p->loop, &p->late, p->loop.now + patience);
	timer_set(&p->loop, &p->tick, p->loop.now + TICK);
	p->up = http_lease(&p->pool, fresh, &ops, p);
	loop_run(&p->loop);
	timer_done(&p->loop, &p->late);
	timer_done(&p->loop, &p->tick);
}

void poster_post(struct otlp_poster *p, str body, usec patience, const _Atomic bool *stop,
                 struct otlp_reply *ret)
{
	p->body = body;
	p->stop = stop;
	p->reply = ret;
	write_head(p);
	ask(p, false, patience);
	if (p->was_stale)
		ask(p, true, patience);
	p->body = STR_NONE;
}

/* ---- start and end ---- */

static bool start_tls(struct otlp_poster *p, const struct tls_roots *roots,
                      struct buf *why)
{
	const struct otlp_settings *s = p->settings;

	return !s->tls ||
	       tls_client_init(&p->tls, roots, s->ca_file, str_z(&p->keep, s->host), why);
}

struct otlp_poster *poster_new(const struct otlp_settings *settings,
                               struct resolver *resolver, const struct tls_roots *roots,
                               struct buf *why)
{
	struct otlp_poster *p = new_of(struct otlp_poster);

	p->settings = settings;
	p->head = BUF_LIMIT(64 * KiB);
	p->late.on_due = on_late;
	p->tick.on_due = on_tick;
	if (!start_tls(p, roots, why)) {
		arena_done(&p->keep);
		free(p);
		return NULL;
	}
	p->has_loop = loop_init(&p->loop, NULL);
	if (!p->has_loop) {
		buf_add(why, STR("out of file descriptors"));
		poster_free(&p);
		return NULL;
	}
	http_io_init(&p->io, &p->loop);
	p->pool = (struct http_pool){
		.io = &p->io,
		.keep = 1,
		.origin = { .name = resolver_watch(resolver, settings->host,
		                                   settings->port,
		                                   settings->allow_private),
		            .tls = settings->tls ? &p->tls : NULL,
		            .connect_timeout = CONNECT_TIMEOUT,
		            .idle_timeout = IDLE_TIMEOUT,
		            .write_timeout = settings->timeout },
	};
	http_pool_init(&p->pool);
	return p;
}

void poster_free(struct otlp_poster **at)
{
	struct otlp_poster *p = *at;

	if (!p)
		return;
	*at = NULL;
	if (p->has_loop) {
		http_pool_done(&p->pool);
		loop_turn(&p->loop, 0); /* buries the connections */
		http_io_done(&p->io);
		loop_done(&p->loop);
	}
	if (p->settings->tls)
		tls_client_done(&p->tls);
	if (p->head.ptr)
		mem_wipe(p->head.ptr, p->head.cap); /* there may be a key in it */
	buf_free(&p->head);
	arena_done(&p->keep);
	free(p);
}
