#include "tests/unit/http/heard.h"

static void note(struct heard *h, const char *fmt, ...) printf_like(2, 3);
static void note(struct heard *h, const char *fmt, ...)
{
	va_list args;

	if (h->log.len)
		buf_add_char(&h->log, ' ');
	va_start(args, fmt);
	buf_vaddf(&h->log, fmt, args);
	va_end(args);
}

static void on_ready(struct http_up *u)
{
	struct heard *h = u->owner;
	struct iovec iov = http_iov(h->request);

	h->up = u;
	note(h, u->reused ? "reused" : "ready");
	if (h->request.len)
		http_up_send(u, &iov, 1, !h->hold_end);
	if (h->release_when_ready)
		http_up_release(u);
}

static void on_head(struct http_up *u, const struct http_response *res)
{
	struct heard *h = u->owner;

	note(h, "head:%d", res->status);
	if (h->pause_in_head)
		http_up_pause(u);
	if (h->release_in_head) {
		h->over = true;
		http_up_release(u);
	}
}

static size_t on_data(struct http_up *u, str bytes, bool end)
{
	struct heard *h = u->owner;
	size_t take = bytes.len;

	CHECK(!h->ended && !h->over);
	if (h->chew && !end)
		take -= take % h->chew;
	if (h->most)
		take = min_of(take, h->most);
	buf_add(&h->body, str_first(bytes, take));
	if (h->pause_in_data)
		http_up_pause(u);
	if (end && take == bytes.len) {
		note(h, "end");
		h->ended = true;
		if (h->release_at_end) {
			h->over = true;
			http_up_release(u);
		}
	}
	return take;
}

static void on_room(struct http_up *u)
{
	note(u->owner, "room");
}

static void on_fault(struct http_up *u, fault_t why)
{
	struct heard *h = u->owner;

	CHECK(!h->over);
	note(h, "fault:%.*s", STR_ARG(why->name));
	h->over = true;
	h->reused = u->reused;
	h->any_bytes = u->any_bytes;
}

const struct http_up_ops heard_ops = { on_ready, on_head, on_data, on_room, on_fault };

struct heard heard_new(void)
{
	return (struct heard){ .log = BUF_LIMIT(64 * KiB),
		               .body = BUF_LIMIT(64 * MiB),
		               .request = STR(REQUEST),
		               .release_at_end = true };
}

void heard_done(struct heard *h)
{
	buf_free(&h->log);
	buf_free(&h->body);
}

struct raw raw_idle(struct rig *r)
{
	struct heard h = heard_new();

	http_lease(&r->pool, true, &heard_ops, &h);
	struct raw up = raw_accept(r);
	CHECK(raw_await(r, &up, SENT));
	raw_send(r, &up, STR(HELLO));
	AWAIT(r, h.over);
	CHECK_STR(buf_str(&h.log), "ready head:200 end");
	buf_clear(&up.got);
	heard_done(&h);
	return up;
}
