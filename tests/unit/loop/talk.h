/* talk.h - two socks on one loop, connected through the loopback interface; each end
 * collects what it reads. */
#pragma once
#include "loop/sock.h"
#include "tests/check.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct talker {
	struct sock sock;
	struct buf heard;
	ssize_t end;  /* how reading ended; 0: not yet */
	bool deaf;    /* reads nothing for now */
	size_t piece; /* the most one read asks for; 0: 4096 */
	unsigned events;
};

static inline void talker_listen(struct talker *t)
{
	char piece[4096];
	ssize_t n;

	while (!t->deaf && !t->end) {
		n = sock_read(&t->sock, piece, t->piece ? t->piece : sizeof(piece));
		if (n == SOCK_AGAIN)
			return;
		if (n < 0)
			t->end = n;
		else
			buf_add(&t->heard, str_of(piece, (size_t)n));
	}
}

static inline void talker_on_event(struct sock *s)
{
	struct talker *t = container_of(s, struct talker, sock);

	t->events++;
	if (s->connecting && !sock_handshake(s))
		return;
	talker_listen(t);
}

static inline ssize_t talker_say(struct talker *t, str text)
{
	char *ptr = NULL;

	memcpy(&ptr, &text.ptr, sizeof(ptr));
	return sock_writev(&t->sock, &(struct iovec){ ptr, text.len }, 1);
}

struct talk {
	struct loop loop;
	struct talker client, server;
	int listener;
	struct net_addr at;
};

static inline void talk_turns(struct talk *t, int count)
{
	while (count-- > 0)
		loop_turn(&t->loop, 5 * USEC_MS);
}

/* Dials and accepts; the handshakes follow in talk_turns. */
static inline bool talk_connect(struct talk *t, struct tls_client *client,
                                struct ssl_ctx_st *server)
{
	struct net_addr peer;
	int fd = -EAGAIN;

	t->client = (struct talker){ .heard.limit = 64 * MiB };
	t->server = (struct talker){ .heard.limit = 64 * MiB };
	t->client.sock.on_event = t->server.sock.on_event = talker_on_event;
	if (!sock_dial(&t->client.sock, &t->loop, &t->at, client))
		return false;
	for (int i = 0; i < 1000 && fd < 0; i++) {
		fd = sys_accept(t->listener, &peer);
		if (fd < 0)
			usleep(1000);
	}
	return fd >= 0 && sock_accept(&t->server.sock, &t->loop, fd, server);
}

static inline void talk_hang_up(struct talk *t)
{
	sock_close(&t->client.sock);
	sock_close(&t->server.sock);
	buf_free(&t->client.heard);
	buf_free(&t->server.heard);
}

static inline void talk_begin(struct talk *t)
{
	if (!loop_init(&t->loop, NULL) || !net_parse(STR("127.0.0.1:0"), &t->at))
		abort();
	t->listener = sys_listen(&t->at, 16);
	if (t->listener < 0 || sys_local_addr(t->listener, &t->at) != 0)
		abort();
}

static inline void talk_end(struct talk *t)
{
	talk_hang_up(t);
	sys_close(t->listener);
	loop_done(&t->loop);
}
