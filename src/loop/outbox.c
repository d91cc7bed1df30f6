/* outbox.c - what is posted in a turn goes out together.
 *
 * A send wakes the peer's process when that sleeps, and on another core of a virtual
 * machine this costs more than the rest of the send.  Bytes that follow one another
 * closely wake it once.  So short pieces are gathered here, copied as they would have to
 * be in any case, and sent when the turn is over or enough have come together that nobody
 * should wait for more.
 *
 * For the owner they are sent.  What the kernel then has no room for stays with the sock
 * as `unsent`, and owners hear of that, and of failures, at the end of the turn: a send
 * happens below whoever posts, or closes, and there nobody expects to be called. */
#include "loop/private.h"

#include "base/mem.h"

#include <errno.h>

enum {
	POSTS_MOST = 32,     /* sent at the latest when so many wait */
	ROOM = 64 * KiB,     /* for their bytes */
	POST_MOST = 8 * KiB, /* more than that is not worth a copy */
	UNSENT_MOST =
	        ROOM * 2, /* what one sock can have posted when the kernel is full */
};

struct post {
	struct sock *sock;
	size_t at, len; /* in `bytes` */
};

struct outbox {
	unsigned count;
	size_t len;
	struct post posts[POSTS_MOST];
	char bytes[ROOM];
};

static void tell_owner(struct sock *s)
{
	if (!list_is_linked(&s->trouble))
		list_add_last(&s->loop->troubled, &s->trouble);
}

/* Closing follows, or the owner finds it out by reading. */
static cold void fail(struct sock *s, int error)
{
	sock_fail(s, FAULT_UPSTREAM_RESET, error);
	s->may_write = false;
	s->may_read = s->hangup = true;
	tell_owner(s);
}

static void send_one(struct sock *s, const struct iovec *piece)
{
	ssize_t n = s->may_write ? sock_io_writev(s, piece, 1) : 0;
	str all = str_of(piece->iov_base, piece->iov_len);

	if (n < 0) {
		fail(s, s->error);
		return;
	}
	if ((size_t)n == all.len || s->why)
		return;
	s->unsent.limit = UNSENT_MOST;
	if (!buf_add(&s->unsent, str_from(all, (size_t)n)))
		fail(s, ENOBUFS);
	tell_owner(s);
}

void outbox_send(struct loop *loop)
{
	struct outbox *o = loop->outbox;

	if (!o || o->count == 0)
		return;
	usec now = sys_now();
	for (unsigned i = 0; i < o->count; i++) {
		struct sock *s = o->posts[i].sock;

		s->posted = false;
		s->sent_at = now;
		send_one(s,
		         &(struct iovec){ o->bytes + o->posts[i].at, o->posts[i].len });
	}
	o->count = 0;
	o->len = 0;
}

void outbox_done(struct loop *loop)
{
	free(loop->outbox);
	loop->outbox = NULL;
}

/* A place behind what the sock has posted last, or a new one. */
static struct post *place_for(struct outbox *o, struct sock *s)
{
	struct post *last = o->count ? &o->posts[o->count - 1] : NULL;

	if (last && last->sock == s)
		return last;
	last = &o->posts[o->count++];
	*last = (struct post){ .sock = s, .at = o->len };
	return last;
}

static void add(struct loop *loop, struct sock *s, const struct iovec *iov, int count,
                size_t total)
{
	struct outbox *o = loop->outbox;

	if (!o)
		o = loop->outbox = new_of(struct outbox);
	if (o->count == POSTS_MOST || total > ROOM - o->len)
		outbox_send(loop);
	place_for(o, s)->len += total;
	for (int i = 0; i < count; i++) {
		if (iov[i].iov_len)
			memcpy(o->bytes + o->len, iov[i].iov_base, iov[i].iov_len);
		o->len += iov[i].iov_len;
	}
	s->posted = true;
}

ssize_t sock_post(struct sock *s, const struct iovec *iov, int count)
{
	size_t total = 0;

	for (int i = 0; i < count; i++)
		total += iov[i].iov_len;
	if (s->ssl || !s->may_write || s->why || total > POST_MOST)
		return sock_writev(s, iov, count);
	if (total)
		add(s->loop, s, iov, count, total);
	return (ssize_t)total;
}
